//! A cancel source as a test holds it: counted, usable from any task. Taken in with `#[path = "support/source.rs"] mod source;`.

#![allow(dead_code)]

use gort::sys::prim::Arc;
use gort::wait::cancel::{self, CancelSource};
use gort::{Status, Wait};

pub struct Source(std::ptr::NonNull<CancelSource>);
// SAFETY: a source may be used from any thread.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl Source {
    pub fn new() -> Arc<Source> {
        // SAFETY: no parent.
        Arc::new(Source(unsafe { cancel::create(std::ptr::null()) }.unwrap()))
    }

    pub fn cancel(&self, cause: Status) -> bool {
        // SAFETY: alive until our drop.
        unsafe { self.0.as_ref() }.cancel(cause)
    }

    /// A wait under it.
    pub fn wait(&self) -> Wait<'_> {
        // SAFETY: as above.
        Wait::forever().source(unsafe { self.0.as_ref() })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody watches it any more.
        assert_eq!(unsafe { cancel::free(self.0) }, Status::Ok);
    }
}

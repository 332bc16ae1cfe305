//! `Arc` for a build that ThreadSanitizer watches (`cfg(gort_tsan)`); everywhere else `prim::Arc` is std's own.
//!
//! What this is: a counted pointer whose last drop acquires by the decrement itself. std's acquires by a fence after it, which
//! ThreadSanitizer does not see, so that each last drop looks like a race with the drops before it; a suppression for that
//! would hide everything that runs inside a last drop. What it is NOT: weak pointers, unsized values, `make_mut`.

use core::fmt;
use core::ops::Deref;
use core::ptr::NonNull;

use super::prim::{AtomicUsize, Ordering::*};

struct Inner<T> {
    count: AtomicUsize,
    value: T,
}

/// A counted pointer.
pub struct Arc<T>(NonNull<Inner<T>>);

// SAFETY: as std's: a value is reached from, and dropped on, any thread that holds a pointer.
unsafe impl<T: Send + Sync> Send for Arc<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync> Sync for Arc<T> {}

impl<T> Arc<T> {
    pub fn new(value: T) -> Arc<T> {
        Arc(NonNull::from(Box::leak(Box::new(Inner { count: AtomicUsize::new(1), value }))))
    }

    fn inner(&self) -> &Inner<T> {
        // SAFETY: alive as long as one pointer is, and this is one.
        unsafe { self.0.as_ref() }
    }

    pub fn strong_count(this: &Arc<T>) -> usize {
        this.inner().count.load(SeqCst)
    }

    pub fn get_mut(this: &mut Arc<T>) -> Option<&mut T> {
        // Acquire: pairs with the AcqRel of the others' drops.
        // SAFETY: the only pointer, and it is borrowed exclusively.
        (this.inner().count.load(Acquire) == 1).then(|| unsafe { &mut this.0.as_mut().value })
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Arc<T> {
        self.inner().count.fetch_add(1, Relaxed);
        Arc(self.0)
    }
}

impl<T> Drop for Arc<T> {
    fn drop(&mut self) {
        // AcqRel: the last drop sees what was done before each other one.
        if self.inner().count.fetch_sub(1, AcqRel) == 1 {
            // SAFETY: made by `Box::leak`, and nobody has a pointer any more.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) })
        }
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.inner().value
    }
}

impl<T: Default> Default for Arc<T> {
    fn default() -> Arc<T> {
        Arc::new(T::default())
    }
}

impl<T: fmt::Debug> fmt::Debug for Arc<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

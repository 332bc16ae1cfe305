//! What the suites of the scheduler and of the monitor have in common: tasks that may move, hogs, and how to end them.

use super::sync::Arc;
use gort::JoinHandle;
use std::sync::atomic::{AtomicBool, Ordering::*};

/// A task that may run wherever there is room.
pub fn any<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
    // SAFETY: the tasks of this suite keep nothing that depends on the thread.
    unsafe { gort::spawn_migratable(f) }
}

/// Computes, calling nothing, until `done`.
pub fn hog(done: &AtomicBool) {
    while !done.load(Relaxed) {
        std::hint::spin_loop();
    }
}

/// Sets its flag when dropped: hogs end also when a test fails.
pub struct Flag(pub Arc<AtomicBool>);
impl Flag {
    pub fn new() -> Flag {
        Flag(Arc::new(AtomicBool::new(false)))
    }
    pub fn raise(&self) {
        self.0.store(true, SeqCst)
    }
    pub fn up(&self) -> bool {
        self.0.load(SeqCst)
    }
    pub fn share(&self) -> Flag {
        Flag(self.0.clone())
    }
}

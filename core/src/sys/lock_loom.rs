//! What stands in for `lock.rs` in the models (cfg loom): the same lock over loom's mutex.
//!
//! Two threads that spin make loom's schedules endless, so a contended lock must block there. The real one is explored by itself in
//! `tests/loom_lock.rs`. Acquire and release are as in the real one, and so is the rule that the unlock is the last access.

use super::prim::blocking::{Mutex, MutexGuard};
use core::cell::UnsafeCell;

/// See `lock.rs`.
#[derive(Default)]
pub struct ByteLock {
    mutex: Mutex<()>,
    /// The holder's.
    guard: UnsafeCell<Option<MutexGuard<'static, ()>>>,
}

impl ByteLock {
    #[allow(clippy::new_without_default)]
    pub fn new() -> ByteLock {
        ByteLock::default()
    }

    fn keep(&self, guard: MutexGuard<'_, ()>) {
        // SAFETY: the lock is held, so the cell is ours; the guard goes before the lock does, for the models leak what they share.
        unsafe { *self.guard.get() = Some(core::mem::transmute::<MutexGuard<'_, ()>, MutexGuard<'static, ()>>(guard)) }
    }

    pub fn lock(&self) {
        match self.mutex.lock() {
            Ok(g) => self.keep(g),
            Err(_) => unreachable!("a model's lock is poisoned"),
        }
    }

    pub fn try_lock(&self) -> bool {
        self.mutex.try_lock().map(|g| self.keep(g)).is_ok()
    }

    /// # Safety
    /// The caller holds the lock.
    pub unsafe fn unlock(&self) {
        // SAFETY: contract; out of the cell first, which is another's as soon as it is dropped.
        let guard = unsafe { (*self.guard.get()).take() };
        drop(guard)
    }

    pub fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        self.lock();
        let r = f();
        // SAFETY: locked above.
        unsafe { self.unlock() };
        r
    }
}

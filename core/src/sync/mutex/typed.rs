//! `Mutex<T>` and its guard: the lock (`mutex.rs`) with the value it is for.

use super::RawMutex;
use crate::status::Status;
use crate::task::Wait as Limits;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A value that one at a time may use. For tasks and threads alike: a task that waits for it parks, and does not block its thread.
///
/// Not poisoned by a panic: the guard unlocks it, and the value is as the panic left it. Held over a blocking call it keeps others out, and nothing else. Locking it twice in one task waits for ever
/// (a deadlock, which gort reports).
///
/// ```
/// let n = gort::sync::Mutex::new(0);
/// *n.lock() += 1;
/// assert_eq!(n.into_inner(), 1);
/// ```
#[derive(Default)]
pub struct Mutex<T: ?Sized> {
    raw: RawMutex,
    value: UnsafeCell<T>,
}

// SAFETY: one at a time has the value.
unsafe impl<T: ?Sized + Send> Sync for Mutex<T> {}
// SAFETY: the value goes with it.
unsafe impl<T: ?Sized + Send> Send for Mutex<T> {}

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { raw: RawMutex::new(), value: UnsafeCell::new(value) }
    }

    /// The value: nobody else has it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> Mutex<T> {
    /// Waits until it is free. Cancellation does not end the wait: a plain lock never fails.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    #[track_caller]
    #[inline]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        match self.raw.lock() {
            Status::Ok => MutexGuard { of: self },
            s => panic!("gort::sync::Mutex::lock: {s}"),
        }
    }

    /// Waits within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    #[track_caller]
    pub fn lock_with(&self, wait: Limits<'_>) -> Result<MutexGuard<'_, T>, Status> {
        self.raw.lock_within(wait.raw()).ok().map(|()| MutexGuard { of: self })
    }

    /// If it is free now; None if not.
    #[track_caller]
    #[inline]
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        self.raw.try_lock().is_ok().then(|| MutexGuard { of: self })
    }

    /// Is it locked? Another may lock or unlock it meanwhile.
    pub fn is_locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// The value: nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + core::fmt::Debug> core::fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.try_lock() {
            Some(value) => f.debug_tuple("Mutex").field(&&*value).finish(),
            None => f.write_str("Mutex(locked)"),
        }
    }
}

/// The value of a `Mutex`, which is unlocked when this goes.
#[must_use = "unlocks at once if it is not kept"]
pub struct MutexGuard<'a, T: ?Sized> {
    of: &'a Mutex<T>,
}

// SAFETY: it gives the value, which may be shared; any thread may unlock (MX1).
unsafe impl<T: ?Sized + Sync> Sync for MutexGuard<'_, T> {}

impl<'a, T: ?Sized> MutexGuard<'a, T> {
    /// The lock that it holds: for a condition, which unlocks it and has it locked again before anybody gets the guard back.
    pub(in crate::sync) fn lock_of(&self) -> &'a RawMutex {
        &self.of.raw
    }
}

impl<T: ?Sized> Deref for MutexGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard has the lock.
        unsafe { &*self.of.value.get() }
    }
}

impl<T: ?Sized> DerefMut for MutexGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed exclusively.
        unsafe { &mut *self.of.value.get() }
    }
}

impl<T: ?Sized> Drop for MutexGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let _ = self.of.raw.unlock(); // ours, so it is locked
    }
}

//! `RwMutex<T>` and its guards: the lock (`rwmutex.rs`) with the value it is for.

use super::RawRwMutex;
use crate::status::Status;
use crate::task::Wait as Limits;
use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// A value that many may read at once, or one write. For tasks and threads alike: a task that waits for it parks, and does not block its thread.
///
/// A writer that waits keeps new readers out, so reading twice in one task may be a deadlock (gort reports it). A writer that leaves lets in all readers that wait by then.
/// Not poisoned by a panic: the guard unlocks it, and the value is as the panic left it.
///
/// ```
/// let n = gort::sync::RwMutex::new(1);
/// *n.write() += 1;
/// let (a, b) = (n.read(), n.read());
/// assert_eq!(*a + *b, 4);
/// ```
#[derive(Default)]
pub struct RwMutex<T: ?Sized> {
    raw: RawRwMutex,
    value: UnsafeCell<T>,
}

// SAFETY: one has the value, or many read it.
unsafe impl<T: ?Sized + Send + Sync> Sync for RwMutex<T> {}
// SAFETY: the value goes with it.
unsafe impl<T: ?Sized + Send> Send for RwMutex<T> {}

impl<T> RwMutex<T> {
    pub const fn new(value: T) -> RwMutex<T> {
        RwMutex { raw: RawRwMutex::new(), value: UnsafeCell::new(value) }
    }

    /// The value: nobody else has it.
    pub fn into_inner(self) -> T {
        self.value.into_inner()
    }
}

impl<T: ?Sized> RwMutex<T> {
    /// Waits until no writer has it or waits for it. Cancellation does not end the wait: a plain lock never fails.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    #[inline]
    pub fn read(&self) -> ReadGuard<'_, T> {
        match self.raw.rlock() {
            Status::Ok => ReadGuard { of: self },
            s => panic!("gort::sync::RwMutex::read: {s}"),
        }
    }

    /// Waits within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    pub fn read_with(&self, wait: Limits<'_>) -> Result<ReadGuard<'_, T>, Status> {
        self.raw.rlock_within(wait.raw()).ok().map(|()| ReadGuard { of: self })
    }

    /// If that is possible now; None if a writer has it or waits for it.
    #[inline]
    pub fn try_read(&self) -> Option<ReadGuard<'_, T>> {
        self.raw.try_rlock().is_ok().then(|| ReadGuard { of: self })
    }

    /// Waits until nobody has it. Cancellation does not end the wait: a plain lock never fails.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    #[inline]
    pub fn write(&self) -> WriteGuard<'_, T> {
        match self.raw.lock() {
            Status::Ok => WriteGuard { of: self },
            s => panic!("gort::sync::RwMutex::write: {s}"),
        }
    }

    /// Waits within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    pub fn write_with(&self, wait: Limits<'_>) -> Result<WriteGuard<'_, T>, Status> {
        self.raw.lock_within(wait.raw()).ok().map(|()| WriteGuard { of: self })
    }

    /// If nobody has it now.
    #[inline]
    pub fn try_write(&self) -> Option<WriteGuard<'_, T>> {
        self.raw.try_lock().is_ok().then(|| WriteGuard { of: self })
    }

    /// The value: nobody else has it.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }
}

impl<T: ?Sized + core::fmt::Debug> core::fmt::Debug for RwMutex<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self.try_read() {
            Some(value) => f.debug_tuple("RwMutex").field(&&*value).finish(),
            None => f.write_str("RwMutex(locked)"),
        }
    }
}

/// The value of an `RwMutex` for reading; unlocked when this goes.
#[must_use = "unlocks at once if it is not kept"]
pub struct ReadGuard<'a, T: ?Sized> {
    of: &'a RwMutex<T>,
}

/// The value of an `RwMutex` for writing; unlocked when this goes.
#[must_use = "unlocks at once if it is not kept"]
pub struct WriteGuard<'a, T: ?Sized> {
    of: &'a RwMutex<T>,
}

// SAFETY: it gives the value, which may be shared; any thread may unlock (RW1).
unsafe impl<T: ?Sized + Sync> Sync for ReadGuard<'_, T> {}
// SAFETY: as above.
unsafe impl<T: ?Sized + Sync> Sync for WriteGuard<'_, T> {}

impl<T: ?Sized> Deref for ReadGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard keeps writers out.
        unsafe { &*self.of.value.get() }
    }
}

impl<T: ?Sized> Deref for WriteGuard<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: the guard keeps all others out.
        unsafe { &*self.of.value.get() }
    }
}

impl<T: ?Sized> DerefMut for WriteGuard<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed exclusively.
        unsafe { &mut *self.of.value.get() }
    }
}

impl<T: ?Sized> Drop for ReadGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let _ = self.of.raw.runlock(); // ours, so it is locked
    }
}

impl<T: ?Sized> Drop for WriteGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        let _ = self.of.raw.unlock(); // ours, so it is locked
    }
}

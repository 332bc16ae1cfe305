//! `Cond`: the condition (`cond.rs`) with guards.

use super::RawCond;
use crate::status::Status;
use crate::sync::MutexGuard;
use crate::task::Wait as Limits;

/// Waits for a change of what a mutex guards. There are no wake-ups without a signal; still, look again after the wait, for somebody else may have been there first: or use `wait_while`.
///
/// ```
/// use gort::sync::{Cond, Mutex};
/// static READY: (Mutex<bool>, Cond) = (Mutex::new(false), Cond::new());
/// gort::run(|| {
///     gort::go(|| {
///         *READY.0.lock() = true;
///         READY.1.signal();
///     });
///     let mut ready = READY.0.lock();
///     READY.1.wait_while(&mut ready, |ready| !*ready).unwrap();
///     assert!(*ready);
/// })
/// .unwrap();
/// ```
#[derive(Default)]
pub struct Cond {
    raw: RawCond,
}

impl Cond {
    pub const fn new() -> Cond {
        Cond { raw: RawCond::new() }
    }

    /// Unlocks the mutex, waits for a signal, and locks it again. Ends early with CANCELED, DEADLOCK or SHUTDOWN; the mutex is locked again then, too, whatever happens to the task meanwhile.
    pub fn wait<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>) -> Result<(), Status> {
        self.wait_with(guard, Limits::forever())
    }

    /// `wait` within limits: TIMED_OUT too.
    pub fn wait_with<T: ?Sized>(&self, guard: &mut MutexGuard<'_, T>, wait: Limits<'_>) -> Result<(), Status> {
        // The guard is borrowed exclusively, so nobody has the value while the mutex is not locked.
        self.raw.wait(guard.lock_of(), wait.raw()).ok()
    }

    /// Waits for as long as `condition` holds.
    pub fn wait_while<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        condition: impl FnMut(&mut T) -> bool,
    ) -> Result<(), Status> {
        self.wait_while_with(guard, Limits::forever(), condition)
    }

    /// `wait_while` within limits.
    pub fn wait_while_with<T: ?Sized>(
        &self,
        guard: &mut MutexGuard<'_, T>,
        wait: Limits<'_>,
        mut condition: impl FnMut(&mut T) -> bool,
    ) -> Result<(), Status> {
        while condition(guard) {
            self.wait_with(guard, wait)?;
        }
        Ok(())
    }

    /// Lets the one go on that has waited for longest, if anybody waits. The mutex need not be locked; whoever changed something must have had it.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    #[inline]
    pub fn signal(&self) {
        told(self.raw.signal_one())
    }

    /// Lets all go on who wait.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    #[inline]
    pub fn broadcast(&self) {
        told(self.raw.broadcast())
    }
}

fn told(s: Status) {
    if !s.is_ok() {
        panic!("gort::sync::Cond: {s}")
    }
}

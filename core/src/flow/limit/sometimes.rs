//! `Sometimes`: a function that runs now and then (R4): the first calls, every so many calls, and when so much time has passed since it ran; whichever says so.
//!
//!  SO1  The first call always runs it. Calls are one after the other: who calls while it runs waits, and a call from within it waits for itself.
//!  SO2  A call whose function panics does not count, as if it had not been made.
//!  SO3  All zero is one that runs once.

use super::near;
use crate::sync::mutex::RawMutex;
use crate::task::Time;
use core::cell::Cell;
use std::time::Duration;

/// Runs what it is given, sometimes.
///
/// ```
/// let sometimes = gort::limit::Sometimes::new().first(1).every(3);
/// let ran: Vec<u32> = (0..7).filter(|_| sometimes.run(|| {}) == Ok(true)).collect();
/// assert_eq!(ran, [0, 3, 6]);
/// ```
#[repr(C)]
#[derive(Default)]
pub struct Sometimes {
    /// The first so many calls run it, if it is above 0.
    first: u64,
    /// Every so many calls, beginning with the first, if it is above 0.
    every: u64,
    /// When so many ns have passed since it ran, if it is above 0.
    interval: i64,
    mutex: RawMutex,
    // ---- guarded by `mutex`
    count: Cell<u64>,
    last: Cell<i64>,
}

// SAFETY: the cells are their holder's of the mutex.
unsafe impl Sync for Sometimes {}

/// Unlocks, also when the function panics.
struct Held<'a>(&'a RawMutex);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Sometimes {
    /// One that runs once.
    pub const fn new() -> Sometimes {
        let (mutex, count, last) = (RawMutex::new(), Cell::new(0), Cell::new(0));
        Sometimes { first: 0, every: 0, interval: 0, mutex, count, last }
    }

    /// The first `n` calls run it, too.
    pub const fn first(mut self, n: u64) -> Sometimes {
        self.first = n;
        self
    }

    /// Every `n`th call, too, beginning with the first.
    pub const fn every(mut self, n: u64) -> Sometimes {
        self.every = n;
        self
    }

    /// A call that comes `d` after it ran last runs it, too.
    pub fn interval(mut self, d: Duration) -> Sometimes {
        self.interval = i64::try_from(d.as_nanos()).unwrap_or(i64::MAX);
        self
    }

    /// Runs `f`, or not. Blocks while another call runs its function. Says whether it ran; CANCELED, DEADLOCK, SHUTDOWN end the wait for the others, and nothing is done.
    pub fn run(&self, f: impl FnOnce()) -> Result<bool, crate::Status> {
        self.run_by(near, f)
    }

    /// `run`, at a time that the caller gives.
    pub fn run_at(&self, now: Time, f: impl FnOnce()) -> Result<bool, crate::Status> {
        self.run_by(|| now, f)
    }

    fn run_by(&self, clock: impl Fn() -> Time, f: impl FnOnce()) -> Result<bool, crate::Status> {
        self.mutex.lock_within(crate::wait::Wait::FOREVER).ok()?;
        let _held = Held(&self.mutex);
        let count = self.count.get();
        let timed = self.interval > 0;
        let runs = count == 0
            || count < self.first
            || self.every > 0 && count.is_multiple_of(self.every)
            || timed && clock().0.saturating_sub(self.last.get()) >= self.interval;
        if runs {
            f();
            if timed {
                self.last.set(clock().0)
            }
        }
        self.count.set(count.wrapping_add(1).max(1));
        Ok(runs)
    }
}

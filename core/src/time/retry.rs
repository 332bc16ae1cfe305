//! Trying again: `Backoff` says how long to wait in between, `poll_until` looks until something is so.
//!
//! Both run what they are given in the caller, and wait in the caller; so they end as any wait of the caller does.

use super::{Time, now, timer};
use crate::sched;
use crate::status::Status;
use crate::task::Wait;
use crate::wait::block;
use std::time::Duration;

/// How often to try, and how long to wait in between: exponentially longer, up to a bound, and less by chance, so that those who failed together do not come back together.
///
/// The wait before attempt n + 1 is `first * factor^(n - 1)`, at most `longest`, of which the part `jitter` is left to chance.
///
/// ```
/// use std::time::Duration;
/// let mut tries = 0;
/// let backoff = gort::time::Backoff { first: Duration::from_micros(50), ..Default::default() };
/// let got = backoff.retry(gort::Wait::forever(), |attempt| {
///     tries = attempt;
///     if attempt < 3 { Err("not yet") } else { Ok("done") }
/// });
/// assert_eq!((got.unwrap(), tries), ("done", 3));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Backoff {
    /// How many attempts there are at most; 0: without bound.
    pub attempts: u32,
    /// The wait after the first one.
    pub first: Duration,
    /// By how much each wait is longer than the one before; below 1 counts as 1.
    pub factor: f64,
    /// No wait is longer.
    pub longest: Duration,
    /// Which part of each wait is left to chance: 0 none, 1 all.
    pub jitter: f64,
}

impl Default for Backoff {
    /// Five attempts; 100 ms, twice as long each time, at most 30 s; half of it left to chance.
    fn default() -> Backoff {
        let first = Duration::from_millis(100);
        Backoff { attempts: 5, first, factor: 2.0, longest: Duration::from_secs(30), jitter: 0.5 }
    }
}

/// Why a retry gave up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryError<E> {
    /// What the last attempt said.
    pub last: E,
    /// How many there were.
    pub attempts: u32,
    /// LIMIT: no attempts are left. TIMED_OUT: the next one would come after the deadline. Else what ended the wait.
    pub status: Status,
}

impl<E: core::fmt::Display> core::fmt::Display for RetryError<E> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} after {} attempts: {}", self.status, self.attempts, self.last)
    }
}

impl<E: core::fmt::Debug + core::fmt::Display> std::error::Error for RetryError<E> {}

impl Backoff {
    /// The wait after attempt number `attempt` (from 1), for `chance` between 0 and 1.
    pub fn wait_after(&self, attempt: u32, chance: f64) -> Duration {
        let factor = self.factor.max(1.0);
        let longest = self.longest.as_secs_f64();
        let full = (self.first.as_secs_f64() * factor.powf(f64::from(attempt.saturating_sub(1)))).min(longest);
        let jitter = if self.jitter.is_nan() { 0.0 } else { self.jitter.clamp(0.0, 1.0) };
        Duration::try_from_secs_f64(full * (1.0 - jitter * chance)).unwrap_or(self.longest)
    }

    /// Calls `f` with the number of the attempt until it succeeds. The waits end with `wait`; a wait that would outlast its deadline is not begun.
    pub fn retry<T, E>(&self, wait: Wait<'_>, mut f: impl FnMut(u32) -> Result<T, E>) -> Result<T, RetryError<E>> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            let last = match f(attempts) {
                Ok(value) => return Ok(value),
                Err(e) => e,
            };
            let status = if attempts == self.attempts {
                Status::Limit
            } else {
                pause(Time::after(self.wait_after(attempts, chance())), wait)
            };
            if !status.is_ok() {
                return Err(RetryError { last, attempts, status });
            }
        }
    }
}

/// Between 0 and 1, of the chance the task lives in.
fn chance() -> f64 {
    sched::enter().map_or(0.5, |cx| {
        let n = sched::rand(cx);
        cx.exit();
        (n >> 11) as f64 / (1u64 << 53) as f64
    })
}

/// Sleeps until `next`, if that is not after the deadline.
fn pause(next: Time, wait: Wait<'_>) -> Status {
    let mut w = wait.raw();
    if next.0 > w.deadline {
        return Status::TimedOut;
    }
    w.deadline = next.0;
    block::sleep(w)
}

/// Calls `f`, at once and then each `interval`, until it says true. TIMED_OUT when the next look would come after the deadline of `wait`; else what ends a wait. The looks keep their phase; what a slow
/// `f` misses is skipped.
pub fn poll_until(interval: Duration, wait: Wait<'_>, mut f: impl FnMut() -> bool) -> Result<(), Status> {
    let interval = super::ns(interval).max(1);
    let mut next = now().0;
    while !f() {
        next = timer::next_in_phase(next, interval, now().0);
        pause(Time(next), wait).ok()?;
    }
    Ok(())
}

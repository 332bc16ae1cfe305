//! `FixedWindow`: so many in each window of time. Windows lie side by side (aligned), or the next begins with the first thing after the last one is over (lazy).
//!
//!  FW1  `used` counts what was granted in the window that begins at `start`: the one of now, or, once that is full, the last one in which something is reserved. Never above `most`, unless that was lowered.
//!  FW2  What is asked for at once is granted in one window, and in none earlier than what was granted before (L2).
//!  FW3  When nothing is left in the window of the future, it is that before again, which had `before`.

use super::{Grant, Grants, Limiter, Locked, SECOND, forward, granted, interval_of, period_of};
use crate::status::Status;
use crate::task::Time;
use std::time::Duration;

/// So many in each window. Around the edge of two windows there may be twice as many in a moment; `SlidingLog` has no edge.
///
/// ```
/// use gort::limit::{FixedWindow, Limiter};
/// use gort::Time;
/// use std::time::Duration;
/// let ms = |n: i64| Time(n * 1_000_000);
/// let limiter = FixedWindow::new(5, Duration::from_millis(100)).unwrap();
/// assert!(limiter.allow_at(ms(99), 5));
/// assert!(!limiter.allow_at(ms(99), 1));
/// assert!(limiter.allow_at(ms(100), 5), "the next window");
/// ```
pub struct FixedWindow(Locked<State>);

#[derive(Clone, Copy)]
struct State {
    most: u32,
    period: i64,
    lazy: bool,
    start: i64,
    used: u32,
    before: u32,
    seen: i64,
}

impl State {
    /// The window of `now`, unless something is reserved in a later one.
    fn roll(&mut self, now: i64) -> i64 {
        let now = forward(&mut self.seen, now);
        if now >= self.start.saturating_add(self.period) {
            self.start = if self.lazy { now } else { now.saturating_sub(now.rem_euclid(self.period)) };
            (self.used, self.before) = (0, 0);
        }
        now
    }

    fn take(&mut self, now: Time, n: u32, latest: Time) -> Result<Grant, Status> {
        let moved = self.roll(now.0);
        if n > self.most {
            return Err(Status::Limit);
        }
        let mut to = *self;
        match self.used.checked_add(n) {
            Some(used) if used <= self.most => to.used = used,
            _ => {
                to.start = self.start.saturating_add(self.period);
                (to.before, to.used) = (self.used, n);
            }
        }
        let grant = granted(moved.max(to.start), moved, now, latest, n, to.start as u64)?;
        *self = to;
        Ok(grant)
    }

    fn give_back(&mut self, now: i64, g: &Grant) {
        if g.due < now {
            return;
        }
        if g.word == self.start as u64 {
            self.used = self.used.saturating_sub(g.n);
            if self.used == 0 && self.start > self.seen.max(now) {
                self.start = self.start.saturating_sub(self.period);
                (self.used, self.before) = (self.before, self.most);
            }
        } else if g.word == self.start.wrapping_sub(self.period) as u64 {
            self.before = self.before.saturating_sub(g.n)
        }
    }
}

impl FixedWindow {
    fn with(n: u32, window: Duration, lazy: bool) -> Result<FixedWindow, Status> {
        let period = period_of(window)?;
        let seen = i64::MIN;
        Ok(FixedWindow(Locked::new(State { most: n, period, lazy, start: seen, used: 0, before: 0, seen })))
    }

    /// `n` in each window; they lie side by side from the clock's beginning on. INVALID for a window of 0.
    pub fn new(n: u32, window: Duration) -> Result<FixedWindow, Status> {
        FixedWindow::with(n, window, false)
    }

    /// `n` in each window, which begins with the first thing that is granted after the last window is over.
    pub fn lazy(n: u32, window: Duration) -> Result<FixedWindow, Status> {
        FixedWindow::with(n, window, true)
    }
}

/// The burst is what a window has, and the limit that in a second: `set_limit` sets how long a window is.
impl Limiter for FixedWindow {
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status> {
        self.0.with(|s| s.take(now, n, latest)).map(Grants::One)
    }

    fn give_back(&self, now: Time, grants: &Grants) {
        if let Grants::One(g) = grants {
            self.0.with(|s| s.give_back(now.0, g))
        }
    }

    fn limit(&self) -> f64 {
        self.0.with(|s| f64::from(s.most) * SECOND as f64 / s.period as f64)
    }

    fn burst(&self) -> u32 {
        self.0.with(|s| s.most)
    }

    fn set_limit_at(&self, now: Time, limit: f64) -> Result<(), Status> {
        self.0.with(|s| {
            s.roll(now.0);
            s.period = period_ns(s.most, limit)?;
            Ok(())
        })
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            s.roll(now.0);
            s.most = burst;
        });
        Ok(())
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| {
            let moved = s.roll(now.0);
            if s.start > moved { -f64::from(s.used) } else { f64::from(s.most) - f64::from(s.used) }
        })
    }
}

/// How long a window of `n` is for so many a second.
pub(super) fn period_ns(n: u32, limit: f64) -> Result<i64, Status> {
    let ns = interval_of(n, limit)?;
    if ns >= 1.0 { Ok((ns as i64).min(1 << 62)) } else { Err(Status::Invalid) }
}

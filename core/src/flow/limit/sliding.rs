//! Sliding windows: `SlidingLog`, which is exact and remembers each thing, and `SlidingCounter`, which has two numbers.
//!
//!  SL1  The log holds the times of what was granted, in order. There is room for twice as many as a window may have: a window of the past, and one that is reserved.
//!  SL2  A window is (t - period, t]; in none of them, wherever it lies, are more than `most`. The time of a grant is the earliest for which that holds, and not before the last one (L2).
//!  SL3  What had to leave the log for want of room while it counted still is remembered by its time alone (`lost`): until it counts no more, nothing is given back. So SL2 holds after a cancellation, too.
//!  SL4  The counter takes it that what was granted in the window before lies evenly in it: at a part `f` of this one, `before * (1 - f) + used` is not above `most`.

use super::window::period_ns;
use super::{Grant, Grants, Limiter, Locked, SECOND, forward, granted, period_of};
use crate::status::Status;
use crate::task::Time;
use std::time::Duration;

/// Never more than so many in any window of time, wherever it lies. Its memory is fixed: 16 bytes for each that a window may have.
///
/// ```
/// use gort::limit::{Limiter, SlidingLog};
/// use gort::Time;
/// use std::time::Duration;
/// let ms = |n: i64| Time(n * 1_000_000);
/// let limiter = SlidingLog::new(5, Duration::from_millis(100)).unwrap();
/// assert!(limiter.allow_at(ms(99), 5));
/// assert!(!limiter.allow_at(ms(198), 1));
/// assert!(limiter.allow_at(ms(199), 5), "those of 99 have left the window");
/// ```
pub struct SlidingLog(Locked<Log>);

struct Log {
    most: u32,
    period: i64,
    /// A ring: `len` times, of which the oldest is at `first`.
    times: Box<[i64]>,
    first: usize,
    len: usize,
    lost: i64,
    seen: i64,
}

impl Log {
    fn place(&self, i: usize) -> usize {
        (self.first + i) % self.times.len()
    }

    fn at(&self, i: usize) -> i64 {
        self.times[self.place(i)]
    }

    /// Forgets the oldest.
    fn forget(&mut self) {
        self.first = self.place(1);
        self.len -= 1;
    }

    fn take(&mut self, now: Time, n: u32, latest: Time) -> Result<Grant, Status> {
        let moved = forward(&mut self.seen, now.0);
        if n > self.most {
            return Err(Status::Limit);
        }
        let mut at = moved;
        if n > 0 && self.len > 0 {
            at = at.max(self.at(self.len - 1));
            // With these, and as many before them as there is room for, the window is full.
            let kept = (self.most - n) as usize + usize::from(cfg!(feature = "mutant_limiter_log_forgets_early"));
            if self.len > kept {
                at = at.max(self.at(self.len - 1 - kept).saturating_add(self.period));
            }
        }
        let grant = granted(at, moved, now, latest, n, at as u64)?;
        for _ in 0..n {
            if self.len == self.times.len() {
                let oldest = self.at(0);
                if oldest > moved.saturating_sub(self.period) {
                    self.lost = self.lost.max(oldest)
                }
                self.forget()
            }
            let place = self.place(self.len);
            self.times[place] = at;
            self.len += 1;
        }
        Ok(grant)
    }

    fn give_back(&mut self, now: i64, g: &Grant) {
        let moved = self.seen.max(now);
        if g.due < now || self.lost > moved.saturating_sub(self.period) {
            return;
        }
        let (at, mut left, mut to) = (g.word as i64, g.n, 0);
        for i in 0..self.len {
            let time = self.at(i);
            if time == at && left > 0 {
                left -= 1;
                continue;
            }
            let place = self.place(to);
            self.times[place] = time;
            to += 1;
        }
        self.len = to;
    }

    /// How many of the window that ends at `now` are taken; what is reserved for later counts, too.
    fn taken(&self, now: i64) -> usize {
        let since = now.saturating_sub(self.period);
        (0..self.len).filter(|&i| self.at(i) > since).count()
    }
}

impl SlidingLog {
    /// The most that a window may have.
    pub const MOST: u32 = 1 << 20;

    /// `n` in any window. INVALID for a window of 0, or if `n` is 0 or above `MOST`.
    pub fn new(n: u32, window: Duration) -> Result<SlidingLog, Status> {
        let period = period_of(window)?;
        if n == 0 || n > SlidingLog::MOST {
            return Err(Status::Invalid);
        }
        let times = vec![0; n as usize * 2].into_boxed_slice();
        let (lost, seen) = (i64::MIN, i64::MIN);
        Ok(SlidingLog(Locked::new(Log { most: n, period, times, first: 0, len: 0, lost, seen })))
    }

    /// The memory it takes, in bytes.
    pub fn memory(&self) -> usize {
        size_of::<SlidingLog>() + self.0.with(|s| s.times.len() * size_of::<i64>())
    }
}

/// The burst is what a window may have, and the limit that in a second. How long the window is can be set by `set_limit`; `set_burst` can lower what it may have, and raise it up to what it was made for.
impl Limiter for SlidingLog {
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
            forward(&mut s.seen, now.0);
            s.period = period_ns(s.most, limit)?;
            Ok(())
        })
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            if burst == 0 || burst as usize * 2 > s.times.len() {
                return Err(Status::Invalid);
            }
            forward(&mut s.seen, now.0);
            s.most = burst;
            Ok(())
        })
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| f64::from(s.most) - s.taken(now.0.max(s.seen)) as f64)
    }
}

/// About so many in any window of time, of two numbers: exact if what happens is spread evenly, and never more than twice as many.
///
/// ```
/// use gort::limit::{Limiter, SlidingCounter};
/// use gort::Time;
/// use std::time::Duration;
/// let ms = |n: i64| Time(n * 1_000_000);
/// let limiter = SlidingCounter::new(10, Duration::from_millis(100)).unwrap();
/// assert!(limiter.allow_at(ms(50), 10));
/// assert!(limiter.allow_at(ms(150), 5) && !limiter.allow_at(ms(150), 1), "half of those before count still");
/// ```
pub struct SlidingCounter(Locked<Counter>);

#[derive(Clone, Copy)]
struct Counter {
    most: u32,
    period: i64,
    /// Of the window in which something was granted last.
    start: i64,
    used: u32,
    before: u32,
    /// The time of the last grant.
    last: i64,
    seen: i64,
}

impl Counter {
    /// The window of `t`, which is not before the one that is there.
    fn roll(&mut self, t: i64) {
        let next = self.start.saturating_add(self.period);
        if t >= next {
            let start = t.saturating_sub(t.rem_euclid(self.period));
            self.before = if start == next { self.used } else { 0 };
            (self.start, self.used) = (start, 0);
        }
    }

    /// The earliest time not before `t` at which there is room for `n`; the window is the one of that time then.
    fn earliest(&mut self, mut t: i64, n: u32) -> i64 {
        loop {
            self.roll(t);
            let end = self.start.saturating_add(self.period);
            let room = i64::from(self.most) - i64::from(self.used) - i64::from(n);
            if room >= 0 {
                // SL4: before * (end - t) <= room * period.
                let left = match i128::from(self.before) {
                    0 => i128::from(self.period),
                    before => i128::from(room) * i128::from(self.period) / before,
                };
                let from = i64::try_from(i128::from(end) - left).unwrap_or(i64::MIN);
                if from.max(t) < end || end == i64::MAX {
                    return from.max(t);
                }
            }
            t = end;
        }
    }

    fn take(&mut self, now: Time, n: u32, latest: Time) -> Result<Grant, Status> {
        let moved = forward(&mut self.seen, now.0);
        if n > self.most {
            return Err(Status::Limit);
        }
        let mut to = *self;
        let at = to.earliest(moved.max(self.last), n);
        let grant = granted(at, moved, now, latest, n, to.start as u64)?;
        to.used += n;
        to.last = at;
        *self = to;
        Ok(grant)
    }

    fn give_back(&mut self, now: i64, g: &Grant) {
        if g.due < now {
            return;
        }
        if g.word == self.start as u64 {
            self.used = self.used.saturating_sub(g.n)
        } else if g.word == self.start.wrapping_sub(self.period) as u64 {
            self.before = self.before.saturating_sub(g.n)
        }
    }
}

impl SlidingCounter {
    /// `n` in any window, about. INVALID for a window of 0.
    pub fn new(n: u32, window: Duration) -> Result<SlidingCounter, Status> {
        let period = period_of(window)?;
        let never = i64::MIN;
        let state = Counter { most: n, period, start: never, used: 0, before: 0, last: never, seen: never };
        Ok(SlidingCounter(Locked::new(state)))
    }
}

/// The burst is what a window may have, and the limit that in a second; `set_limit` sets how long a window is, and forgets what was granted before the one that begins.
impl Limiter for SlidingCounter {
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
            let now = forward(&mut s.seen, now.0);
            s.period = period_ns(s.most, limit)?;
            s.roll(now);
            Ok(())
        })
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            forward(&mut s.seen, now.0);
            s.most = burst;
        });
        Ok(())
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| {
            let mut at = *s;
            let t = now.0.max(s.seen).max(s.last);
            at.roll(t);
            let left = (at.start.saturating_add(at.period) - t) as f64 / at.period as f64;
            f64::from(at.most) - f64::from(at.used) - f64::from(at.before) * left
        })
    }
}

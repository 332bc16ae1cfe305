//! `Paced`: one at each tick, as who receives from a ticker is paced, without the ticker.
//!
//!  PA1  Ticks lie at `origin + i * period`, for i from 1 on. `taken` is the last one that somebody has.
//!  PA2  Of the ticks that nobody took, `slack` are kept (a ticker's channel holds one); the others are gone. The phase never changes.
//!  PA3  What is given back is free again only if it was the last.

use super::{Grant, Grants, Limiter, Locked, SECOND, forward, granted, near, period_of, window::period_ns};
use crate::status::Status;
use crate::task::Time;
use std::time::Duration;

/// One thing at each tick: evenly, in phase, and what was missed is not made up for.
///
/// ```
/// use gort::limit::{Limiter, Paced};
/// use gort::Time;
/// use std::time::Duration;
/// let ms = |n: i64| Time(n * 1_000_000);
/// let limiter = Paced::starting(ms(0), Duration::from_millis(20)).unwrap();
/// assert!(!limiter.allow_at(ms(19), 1));
/// assert!(limiter.allow_at(ms(70), 1), "the tick of 60; those of 20 and 40 are gone");
/// assert!(!limiter.allow_at(ms(79), 1) && limiter.allow_at(ms(80), 1), "in phase");
/// ```
pub struct Paced(Locked<State>);

struct State {
    period: i64,
    origin: i64,
    taken: i64,
    slack: u32,
    seen: i64,
}

impl State {
    /// The last tick that is not after `now`.
    fn tick(&self, now: i64) -> i64 {
        now.saturating_sub(self.origin).div_euclid(self.period)
    }

    fn time_of(&self, tick: i64) -> i64 {
        self.origin.saturating_add(tick.saturating_mul(self.period))
    }

    /// PA2: the last one that counts as taken, as of `now`.
    fn gone(&self, now: i64) -> i64 {
        self.taken.max(self.tick(now).saturating_sub(i64::from(self.slack)))
    }

    fn take(&mut self, now: Time, n: u32, latest: Time) -> Result<Grant, Status> {
        let moved = forward(&mut self.seen, now.0);
        if n > self.slack {
            return Err(Status::Limit);
        }
        let tick = self.gone(moved).saturating_add(i64::from(n));
        let at = if n == 0 { moved } else { moved.max(self.time_of(tick)) };
        let grant = granted(at, moved, now, latest, n, tick as u64)?;
        self.taken = tick;
        Ok(grant)
    }
}

impl Paced {
    /// One each `period`, the first a period from now. INVALID for a period of 0.
    pub fn new(period: Duration) -> Result<Paced, Status> {
        Paced::starting(near(), period)
    }

    /// One each `period`, the first a period from `origin`.
    pub fn starting(origin: Time, period: Duration) -> Result<Paced, Status> {
        let period = period_of(period)?;
        Ok(Paced(Locked::new(State { period, origin: origin.0, taken: 0, slack: 1, seen: i64::MIN })))
    }
}

/// The burst is how many missed ticks are kept: 1, as a ticker's, unless it is set.
impl Limiter for Paced {
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status> {
        self.0.with(|s| s.take(now, n, latest)).map(Grants::One)
    }

    fn give_back(&self, now: Time, grants: &Grants) {
        if let Grants::One(g) = grants {
            self.0.with(|s| {
                if g.due >= now.0 && g.word == s.taken as u64 {
                    s.taken -= i64::from(g.n)
                }
            })
        }
    }

    fn limit(&self) -> f64 {
        self.0.with(|s| SECOND as f64 / s.period as f64)
    }

    fn burst(&self) -> u32 {
        self.0.with(|s| s.slack)
    }

    /// The next tick comes a new period after the last one, or after the last that is taken.
    fn set_limit_at(&self, now: Time, limit: f64) -> Result<(), Status> {
        let period = period_ns(1, limit)?;
        self.0.with(|s| {
            let now = forward(&mut s.seen, now.0);
            s.origin = s.time_of(s.taken.max(s.tick(now)));
            (s.period, s.taken) = (period, 0);
        });
        Ok(())
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            let now = forward(&mut s.seen, now.0);
            s.taken = s.gone(now);
            s.slack = burst;
        });
        Ok(())
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| {
            let now = now.0.max(s.seen);
            (s.tick(now).saturating_sub(s.gone(now))) as f64
        })
    }
}

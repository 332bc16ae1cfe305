//! `LeakyBucket`: what comes runs out at an even rate. It queues, up to a capacity, or what does not fit is dropped.
//!
//!  LB1  `free` is when the bucket is empty: as a queue, when the next one may go; times are in 2^-32 ns, so that a rate whose interval is no whole number of ns is kept for years.
//!  LB2  As a queue: each goes an interval after the one before, at the earliest. So many wait at the most; of those that wait the first goes at the latest an interval from now.
//!  LB3  Dropping: nothing waits. What comes goes at once if the bucket has room for it.
//!  LB4  What is given back is free again only if it was the last: the others keep their distance.

use super::{Grant, Grants, Limiter, Locked, forward, granted, interval_of};
use crate::status::Status;
use crate::task::Time;

/// An even rate, without bursts: a queue of a capacity in front of it, or a bucket that overflows.
///
/// ```
/// use gort::limit::{LeakyBucket, Limiter};
/// use gort::Time;
/// let limiter = LeakyBucket::queue(10.0, 2).unwrap();
/// let at: Vec<_> = (0..4).map(|_| limiter.reserve_at(Time(0), 1, Time::NEVER).map(|r| r.at().0 / 1_000_000)).collect();
/// assert_eq!(at, [Ok(0), Ok(100), Ok(200), Err(gort::Status::WouldBlock)]);
/// ```
pub struct LeakyBucket(Locked<State>);

/// LB1.
const PART: i128 = 1 << 32;

#[derive(Clone, Copy)]
struct State {
    rate: f64,
    /// Of one, LB1.
    interval: i128,
    capacity: u32,
    drops: bool,
    free: i128,
    seen: i64,
}

/// The interval of a rate, LB1; INVALID for a rate that is none.
fn interval(rate: f64) -> Result<i128, Status> {
    Ok(((interval_of(1, rate)? * PART as f64) as i128).clamp(1, i128::from(i64::MAX) * PART))
}

/// A time of LB1 as one of the clock: when it has come.
fn whole(t: i128) -> i64 {
    i64::try_from((t + PART - 1).div_euclid(PART)).unwrap_or(i64::MAX)
}

impl State {
    /// How many intervals lie before `t`, whole or begun.
    fn begun(&self, now: i128, t: i128) -> i128 {
        (t - now).max(0).div_euclid(self.interval) + i128::from((t - now).max(0).rem_euclid(self.interval) > 0)
    }

    fn most(&self) -> u32 {
        if self.drops { self.capacity } else { self.capacity.saturating_add(1) }
    }

    fn take(&mut self, now: Time, n: u32, latest: Time) -> Result<Grant, Status> {
        let moved = forward(&mut self.seen, now.0);
        let (start, count) = (i128::from(moved) * PART, i128::from(n));
        if n > self.most() {
            return Err(Status::Limit);
        }
        let base = self.free.max(start);
        let free = base.saturating_add(count * self.interval);
        let at = if self.drops || n == 0 { start } else { free - self.interval };
        // The one that goes at once does not wait. As a bucket: to the brim.
        if self.begun(start, free) > i128::from(self.most()) {
            return Err(Status::WouldBlock);
        }
        let grant = granted(whole(at), moved, now, latest, n, (free >> 16) as u64)?;
        self.free = free;
        Ok(grant)
    }

    fn give_back(&mut self, now: i64, g: &Grant) {
        if g.due >= now && g.word == (self.free >> 16) as u64 {
            self.free -= i128::from(g.n) * self.interval
        }
    }
}

impl LeakyBucket {
    fn with(rate: f64, capacity: u32, drops: bool) -> Result<LeakyBucket, Status> {
        let state = State {
            rate,
            interval: interval(rate)?,
            capacity,
            drops,
            free: i128::from(i64::MIN) * PART,
            seen: i64::MIN,
        };
        Ok(LeakyBucket(Locked::new(state)))
    }

    /// `rate` a second, one after the other; `capacity` may wait. INVALID for a rate that is not above 0, or endless.
    pub fn queue(rate: f64, capacity: u32) -> Result<LeakyBucket, Status> {
        LeakyBucket::with(rate, capacity, false)
    }

    /// A bucket that holds `capacity`, out of which `rate` a second run; what does not fit is dropped, so nothing ever waits. INVALID: as `queue`.
    pub fn dropping(rate: f64, capacity: u32) -> Result<LeakyBucket, Status> {
        LeakyBucket::with(rate, capacity, true)
    }
}

/// The burst is what can be asked for at once: as a queue the capacity, and the one that need not wait.
impl Limiter for LeakyBucket {
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status> {
        self.0.with(|s| s.take(now, n, latest)).map(Grants::One)
    }

    fn give_back(&self, now: Time, grants: &Grants) {
        if let Grants::One(g) = grants {
            self.0.with(|s| s.give_back(now.0, g))
        }
    }

    fn limit(&self) -> f64 {
        self.0.with(|s| s.rate)
    }

    fn burst(&self) -> u32 {
        self.0.with(|s| s.most())
    }

    fn set_limit_at(&self, now: Time, limit: f64) -> Result<(), Status> {
        let new = interval(limit)?;
        self.0.with(|s| {
            let now = i128::from(forward(&mut s.seen, now.0)) * PART;
            if s.drops {
                // As many as there are in it, from now on at the new rate.
                let full = (s.free - now).max(0) as f64 / s.interval as f64;
                s.free = now + (full * new as f64) as i128;
            } else if s.free > now {
                // The last one keeps its time, and the next comes a new interval after it.
                s.free = s.free - s.interval + new;
            }
            (s.rate, s.interval) = (limit, new);
        });
        Ok(())
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            forward(&mut s.seen, now.0);
            if burst == 0 && !s.drops {
                return Err(Status::Invalid);
            }
            s.capacity = if s.drops { burst } else { burst - 1 };
            Ok(())
        })
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| {
            let now = i128::from(now.0.max(s.seen)) * PART;
            let full = (s.free - now).max(0) as f64 / s.interval as f64;
            if s.drops { f64::from(s.capacity) - full } else { 1.0 - full }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interval_is_kept_to_the_part_of_a_nanosecond() {
        let second = i128::from(super::super::SECOND) * PART;
        assert!((interval(3.0).unwrap() * 3 - second).abs() < 100_000);
    }
}

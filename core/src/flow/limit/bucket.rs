//! `TokenBucket`: so many a second on average, and a burst. The arithmetic is that of Go's x/time/rate, to the last bit (R1 to R3).
//!
//!  TB1  `tokens` is what there was at `last`; what has come since is added when somebody asks (lazily), and stands at `burst` at the most.
//!  TB2  Below zero it is in debt: those tokens are promised, in the order of asking. `last_event` is when the last of them may act.
//!  TB3  Time that goes back neither brings tokens nor takes any; from there on it runs anew (as Go's: a limiter that is asked about one span twice grants it twice).
//!  TB4  The clock is read under the lock, so that two threads do not find it going back; a time that the caller gives is taken as it is.
//!  TB5  Where an estimate of what has come decides, the result is that of the exact arithmetic: what it is compared with lies further off than the estimate can err, and rounding keeps the order. A test compares the two.
//!  TB6  For who runs on a worker: while `clock::recent`, which is kept up every few milliseconds then, is what it was when the last grant looked at the clock, a token that was left then is granted without a look. It does not
//!       matter when it was taken, since the bucket cannot have come to overflow meanwhile: one that is nearly full looks. Should whoever keeps `recent` up be late, a bucket may hold above its burst what came in that
//!       time, and no more. Nobody is refused without a look, and times that a caller gives are taken as they are.
//!
//! Measured beside each other: the lock and the clock 11.5 ns together (they overlap; the lock alone 4), two divisions 10; by TB6 5 in all.

use super::{Grant, Grants, INF, Limiter, Locked, SECOND};
use crate::sched;
use crate::status::Status;
use crate::sys::clock::NEVER;
use crate::task::Time;

/// A bucket of tokens that fills at a rate; each thing that happens takes one. It starts full.
///
/// ```
/// use gort::limit::{Limiter, TokenBucket};
/// use gort::Time;
/// let ms = |n: i64| Time(n * 1_000_000);
/// let limiter = TokenBucket::new(10.0, 2);
/// assert!(limiter.allow_at(ms(0), 2), "the burst");
/// assert!(!limiter.allow_at(ms(50), 1), "half a token");
/// assert!(limiter.allow_at(ms(100), 1));
/// ```
pub struct TokenBucket(Locked<State>);

struct State {
    tokens: f64,
    last: i64,
    limit: f64,
    /// The limit, of a nanosecond; about.
    per_ns: f64,
    burst: u32,
    last_event: i64,
    /// What `sched::recent` said when `last` was read off the clock (TB6); i64::MIN: it was not, or nobody keeps it.
    mark: i64,
}

/// While `recent` stands still no more time has passed than this, ns (TB6).
const STILL: f64 = 20e6;

/// An estimate is right to far less than this.
const ABOVE: f64 = 1.000001;
const BELOW: f64 = 0.999999;

const fn per_ns(limit: f64) -> f64 {
    if limit > 0.0 { limit * 1e-9 } else { 0.0 }
}

/// How many come in so long a time.
#[inline(always)]
fn tokens_in(limit: f64, ns: i64) -> f64 {
    if limit > 0.0 { ((ns / SECOND) as f64 + (ns % SECOND) as f64 / SECOND as f64) * limit } else { 0.0 }
}

/// How long so many take to come.
#[inline(always)]
fn time_of(limit: f64, tokens: f64) -> i64 {
    if limit > 0.0 { (tokens / limit * SECOND as f64) as i64 } else { NEVER }
}

/// A limit as it is stored: no NaN, and no more than INF.
fn sane(limit: f64) -> f64 {
    if limit.is_nan() { 0.0 } else { limit.min(INF) }
}

impl State {
    /// What there is at `now`.
    #[inline(always)]
    fn advanced(&self, now: i64) -> f64 {
        let elapsed = if now < self.last { 0 } else { now.saturating_sub(self.last) };
        (self.tokens + tokens_in(self.limit, elapsed)).min(f64::from(self.burst))
    }

    /// Go's reserveN: the time to act, or why not.
    #[inline(always)]
    fn take(&mut self, now: i64, n: u32, latest: i64) -> Result<i64, Status> {
        if self.limit == INF {
            return if now > latest { Err(Status::TimedOut) } else { Ok(now) };
        }
        let tokens = self.advanced(now) - f64::from(n);
        let delay = if tokens < 0.0 { time_of(self.limit, -tokens) } else { 0 };
        if n > self.burst {
            return Err(Status::Limit);
        }
        let at = now.saturating_add(delay);
        if at > latest {
            return Err(Status::TimedOut);
        }
        self.last = now;
        self.tokens = tokens;
        self.last_event = at;
        self.mark = i64::MIN;
        Ok(at)
    }

    /// `take` for who acts at once or not at all. Where an estimate of what has come decides it, no division is made (TB5).
    #[inline(always)]
    fn allow(&mut self, now: i64, n: u32) -> bool {
        if self.limit == INF {
            return true;
        }
        let (wants, burst) = (f64::from(n), f64::from(self.burst));
        if wants > burst {
            return false;
        }
        let elapsed = if now < self.last { 0 } else { now.saturating_sub(self.last) };
        let came = elapsed as f64 * self.per_ns;
        let most = self.tokens + came * ABOVE;
        let tokens = if self.tokens + came * BELOW >= burst {
            burst
        } else if most == self.tokens {
            most // less than the last bit of it
        } else if wants - most > self.per_ns * ABOVE {
            return false; // it would have to wait for a nanosecond at the least
        } else {
            return self.take(now, n, now).is_ok();
        };
        if tokens < wants {
            return self.take(now, n, now).is_ok();
        }
        self.last = now;
        self.tokens = tokens - wants;
        self.last_event = now;
        self.mark = i64::MIN;
        true
    }

    /// `allow`, now; without a look at the clock where that cannot say anything new (TB6).
    #[inline(always)]
    fn allow_now(&mut self, n: u32) -> bool {
        let (wants, recent) = (f64::from(n), sched::recent());
        if recent == self.mark
            && recent != i64::MIN
            && self.tokens >= wants
            && self.tokens + self.per_ns * STILL <= f64::from(self.burst)
        {
            self.tokens -= wants;
            return true;
        }
        if self.limit == INF {
            return true;
        }
        let now = sched::now_near(); // TB4
        let granted = self.allow(now, n);
        if granted {
            self.mark = recent
        }
        granted
    }

    fn set_limit(&mut self, limit: f64) {
        self.limit = limit;
        self.per_ns = per_ns(limit);
    }

    /// Go's CancelAt: what was reserved after it is not restored. `limit`: the one it was granted at.
    fn give_back(&mut self, now: i64, grant: &Grant, limit: f64) {
        if self.limit == INF || grant.n == 0 || grant.due < now {
            return;
        }
        let restore = f64::from(grant.n) - tokens_in(limit, self.last_event.saturating_sub(grant.at));
        if restore <= 0.0 || cfg!(feature = "mutant_limiter_keeps_the_cancelled") {
            return;
        }
        self.tokens = (self.advanced(now) + restore).min(f64::from(self.burst));
        (self.last, self.mark) = (now, i64::MIN);
        if grant.at == self.last_event {
            let before = grant.at.saturating_add(time_of(limit, -f64::from(grant.n)));
            if before >= now {
                self.last_event = before
            }
        }
    }

    fn settle(&mut self, now: i64) {
        self.tokens = self.advanced(now);
        self.last = now;
        self.mark = i64::MIN;
    }
}

impl TokenBucket {
    /// `limit` a second, and `burst` at once. A limit of `INF` refuses nothing, whatever the burst; one of 0 grants the first burst and no more.
    pub const fn new(limit: f64, burst: u32) -> TokenBucket {
        let limit = if limit.is_nan() {
            0.0
        } else if limit > INF {
            INF
        } else {
            limit
        };
        TokenBucket(Locked::new(State {
            tokens: burst as f64,
            last: i64::MIN,
            limit,
            per_ns: per_ns(limit),
            burst,
            last_event: i64::MIN,
            mark: i64::MIN,
        }))
    }
}

impl Default for TokenBucket {
    /// Refuses everything, as Go's zero `Limiter`.
    fn default() -> TokenBucket {
        TokenBucket::new(0.0, 0)
    }
}

impl Limiter for TokenBucket {
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status> {
        self.0.with(|s| {
            let at = s.take(now.0, n, latest.0)?;
            Ok(Grants::One(Grant { at, due: at, n, word: s.limit.to_bits() }))
        })
    }

    #[inline]
    fn allow_at(&self, now: Time, n: u32) -> bool {
        self.0.with(|s| s.allow(now.0, n))
    }

    #[inline]
    fn allow_n(&self, n: u32) -> bool {
        self.0.with(|s| s.allow_now(n))
    }

    fn give_back(&self, now: Time, grants: &Grants) {
        if let Grants::One(g) = grants {
            self.0.with(|s| s.give_back(now.0, g, f64::from_bits(g.word)))
        }
    }

    fn limit(&self) -> f64 {
        self.0.with(|s| s.limit)
    }

    fn burst(&self) -> u32 {
        self.0.with(|s| s.burst)
    }

    fn set_limit_at(&self, now: Time, limit: f64) -> Result<(), Status> {
        self.0.with(|s| {
            s.settle(now.0);
            s.set_limit(sane(limit));
        });
        Ok(())
    }

    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status> {
        self.0.with(|s| {
            s.settle(now.0);
            s.burst = burst;
        });
        Ok(())
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.0.with(|s| s.advanced(now.0))
    }
}

//! Limiters: how often something may happen. One shape for all of them, the trait `Limiter`; which one is a choice:
//!
//! | limiter | grants | at an edge |
//! |---|---|---|
//! | `TokenBucket` | so many a second on average, and a burst | what was not used is saved, up to the burst |
//! | `FixedWindow` | so many in each window | twice as many around the edge of two windows |
//! | `SlidingLog` | never more than so many in ANY window | exact; remembers each |
//! | `SlidingCounter` | about so many in any window | two numbers instead of a log |
//! | `LeakyBucket` | one at a time, evenly spaced; others queue, or are dropped | no burst at all, or one of the capacity |
//! | `Paced` | one at each tick of a clock | what was missed is gone |
//!
//! `All` asks several at once, `Keyed` has one for each key, and `Sometimes` runs a function now and then.
//!
//! What is the same for all:
//!  L1  A grant is made under the limiter's own lock, for a few dozen instructions. Nothing of the program runs there, but for keys (`keyed.rs`).
//!  L2  In order of asking: who asks later acts later. A grant that lies in the future is a debt, which those who come after have to wait for.
//!  L3  Who is refused has taken nothing; who gives back (in time) leaves it as if it had not asked, but for what others were granted since (R3).
//!  L4  A time is a number that the caller gives (`allow_at`) or the clock's (`sys/near.rs`). Of the token bucket time may go back, as Go's; for the others it stands still then.
//!  L5  A fork's child finds them as they were, and unlocked.
//!
//! Rejected: one atomic word for the token bucket. In it there is no room for the time, the tokens, and the last event, which Go's arithmetic needs to the last bit (R1, R3); and it is no faster: a lock that is free
//! costs one read-modify-write, as the word does, and the rest is the clock. `Keyed` has the word, where a state for each key has to be small and no vectors bind it.

mod all;
mod bucket;
mod keyed;
mod leaky;
mod paced;
mod sliding;
mod sometimes;
mod window;

pub use all::All;
pub use bucket::TokenBucket;
pub use keyed::{KeyGrant, Keyed, KeyedReservation, Seeded};
pub use leaky::LeakyBucket;
pub use paced::Paced;
pub use sliding::{SlidingCounter, SlidingLog};
pub use sometimes::Sometimes;
pub use window::FixedWindow;

use crate::sched;
use crate::status::Status;
use crate::sys::clock::NEVER;
use crate::sys::cpu;
use crate::sys::prim::{AtomicU32, Ordering::*, spin_hint, yield_thread};
use crate::sys::slab::epoch;
use crate::task::{Time, Wait};
use crate::wait::block;
use core::cell::UnsafeCell;
use std::time::Duration;

/// Nothing is ever refused.
pub const INF: f64 = f64::MAX;

/// The rate of one each `interval`, a second. `INF` for an interval of 0.
///
/// ```
/// assert_eq!(gort::limit::every(std::time::Duration::from_millis(500)), 2.0);
/// ```
pub fn every(interval: Duration) -> f64 {
    if interval.is_zero() { INF } else { 1.0 / interval.as_secs_f64() }
}

const SECOND: i64 = 1_000_000_000;

/// What one limiter has granted: when, how much, and what it needs to take it back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Grant {
    /// From when on one may act.
    pub at: i64,
    /// When that is of the whole reservation, of which this is a part: until then it can be given back.
    pub due: i64,
    pub n: u32,
    /// The limiter's own.
    pub word: u64,
}

/// What was granted: by one limiter, or by each part of `All`.
#[derive(Clone, Debug, PartialEq)]
pub enum Grants {
    One(Grant),
    All(Box<[Grant]>),
}

impl Grants {
    /// From when on one may act.
    pub fn at(&self) -> Time {
        Time(match self {
            Grants::One(g) => g.due,
            Grants::All(parts) => parts.first().map_or(i64::MIN, |g| g.due),
        })
    }
}

/// What every limiter can do. `n` things at once are asked for as one: all of them, or none.
///
/// ```
/// use gort::limit::{Limiter, TokenBucket};
/// let limiter = TokenBucket::new(2.0, 5); // two a second, five at once
/// assert_eq!((0..7).filter(|_| limiter.allow()).count(), 5);
/// ```
pub trait Limiter: Send + Sync {
    /// Grants `n` from `now` on, if that is not after `latest`: the lowest way in, on which all the others are built. LIMIT: never so many. TIMED_OUT: later. WOULD_BLOCK: the queue is full, or what does not
    /// fit is dropped.
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status>;

    /// Takes back what `take` has granted; nothing if its time has come already.
    fn give_back(&self, now: Time, grants: &Grants);

    /// How many a second.
    fn limit(&self) -> f64;

    /// How many at once, at most.
    fn burst(&self) -> u32;

    /// From `now` on so many a second. What was granted keeps its time. INVALID: there is no such limit for this limiter.
    fn set_limit_at(&self, now: Time, limit: f64) -> Result<(), Status>;

    /// From `now` on so many at once. What was granted keeps its time. INVALID: as `set_limit_at`.
    fn set_burst_at(&self, now: Time, burst: u32) -> Result<(), Status>;

    /// How many could be had at once at `now`; below 0 if those to come are promised already.
    fn tokens_at(&self, now: Time) -> f64;

    /// The parts, of which one is asked after the other; a limiter that is whole has none.
    fn parts(&self) -> Option<&[crate::sys::prim::Arc<dyn Limiter>]> {
        None
    }

    /// May `n` things happen at `now`? If so they are accounted for.
    fn allow_at(&self, now: Time, n: u32) -> bool {
        self.take(now, n, now).is_ok()
    }

    /// May one thing happen now? Never blocks.
    fn allow(&self) -> bool {
        self.allow_n(1)
    }

    /// May `n` things happen now?
    fn allow_n(&self, n: u32) -> bool {
        self.allow_at(near(), n)
    }

    /// Waits until one thing may happen; see `wait_n`.
    fn wait(&self, wait: Wait<'_>) -> Result<(), Status> {
        self.wait_n(1, wait)
    }

    /// Waits until `n` things may happen. Blocks the task (or thread). LIMIT: they never may. TIMED_OUT, at once: not before the deadline. WOULD_BLOCK: there is no place in the queue. CANCELED, DEADLOCK, SHUTDOWN:
    /// what ended the wait. Then nothing is taken: what was promised is given back.
    fn wait_n(&self, n: u32, wait: Wait<'_>) -> Result<(), Status> {
        wait_for(wait, |now, latest| self.take(now, n, latest), Grants::at, |now, g| self.give_back(now, g))
    }

    /// Reserves one: see `reserve_at`.
    fn reserve(&self) -> Result<Reservation<'_>, Status>
    where
        Self: Sized,
    {
        self.reserve_n(1)
    }

    /// Reserves `n`, as of now.
    fn reserve_n(&self, n: u32) -> Result<Reservation<'_>, Status>
    where
        Self: Sized,
    {
        self.reserve_at(near(), n, Time::NEVER)
    }

    /// Takes `n`, also if they are to come: the reservation says when one may act. Whoever does not want to can cancel it. Never blocks. LIMIT: never so many. TIMED_OUT: not until `latest`. WOULD_BLOCK: as `wait_n`.
    fn reserve_at(&self, now: Time, n: u32, latest: Time) -> Result<Reservation<'_>, Status>
    where
        Self: Sized,
    {
        Ok(Reservation { grants: self.take(now, n, latest)?, limiter: self })
    }

    /// From now on so many a second.
    fn set_limit(&self, limit: f64) -> Result<(), Status> {
        self.set_limit_at(near(), limit)
    }

    /// From now on so many at once.
    fn set_burst(&self, burst: u32) -> Result<(), Status> {
        self.set_burst_at(near(), burst)
    }

    /// How many could be had at once now.
    fn tokens(&self) -> f64 {
        self.tokens_at(near())
    }
}

/// What was reserved. Dropped, it stays so.
#[must_use = "whoever does not act cancels it"]
pub struct Reservation<'a> {
    limiter: &'a dyn Limiter,
    grants: Grants,
}

impl Reservation<'_> {
    /// From when on one may act.
    pub fn at(&self) -> Time {
        self.grants.at()
    }

    /// How long that is from now; zero if it has come.
    pub fn delay(&self) -> Duration {
        self.delay_from(near())
    }

    /// How long that is from `now`.
    pub fn delay_from(&self, now: Time) -> Duration {
        Duration::from_nanos(self.at().0.saturating_sub(now.0).max(0) as u64)
    }

    /// Gives it back, but for what others have reserved since on account of it (R3). Nothing if its time has come.
    pub fn cancel(self) {
        self.cancel_at(near())
    }

    /// Gives it back, as of `now`.
    pub fn cancel_at(self, now: Time) {
        self.limiter.give_back(now, &self.grants)
    }

    /// What was granted, for `give_back`.
    pub fn into_grants(self) -> Grants {
        self.grants
    }
}

/// Now, as the limiters see it.
#[inline(always)]
fn near() -> Time {
    Time(sched::now_near())
}

/// Takes what is asked for and sleeps until its time has come; what ends the sleep earlier gives it back.
fn wait_for<G>(
    wait: Wait<'_>,
    take: impl FnOnce(Time, Time) -> Result<G, Status>,
    at: impl FnOnce(&G) -> Time,
    give_back: impl FnOnce(Time, &G),
) -> Result<(), Status> {
    let mut w = wait.raw();
    block::at_once(w)?;
    let now = Time(sched::now());
    let granted = take(now, Time(w.deadline))?;
    let at = at(&granted);
    if at <= now {
        return Ok(());
    }
    w.deadline = at.0;
    let slept = block::sleep(w);
    if !slept.is_ok() && !cfg!(feature = "mutant_limiter_wait_keeps_what_it_took") {
        give_back(Time(sched::now()), &granted);
    }
    slept.ok()
}

/// A rate that a limiter with an interval can have, as that interval, in ns.
fn interval_of(n: u32, rate: f64) -> Result<f64, Status> {
    if rate.is_finite() && rate > 0.0 { Ok(f64::from(n) / rate * SECOND as f64) } else { Err(Status::Invalid) }
}

/// A duration of at least 1 ns, at most 2^62: sums of it and a time saturate where they must.
fn period_of(d: Duration) -> Result<i64, Status> {
    if d.is_zero() { Err(Status::Invalid) } else { Ok(i64::try_from(d.as_nanos()).unwrap_or(NEVER).min(1 << 62)) }
}

/// The time that counts, for those of whom time stands still when it goes back (L4): no earlier than any before.
fn forward(seen: &mut i64, now: i64) -> i64 {
    *seen = now.max(*seen);
    *seen
}

/// What one may act at, for a caller whose `now` was moved forward, if that is soon enough.
fn granted(at: i64, moved: i64, now: Time, latest: Time, n: u32, word: u64) -> Result<Grant, Status> {
    let at = now.0.saturating_add(at.saturating_sub(moved));
    if at > latest.0 { Err(Status::TimedOut) } else { Ok(Grant { at, due: at, n, word }) }
}

/// A value behind a lock of its own: `sys/lock.rs`, but that it says in whose process it is held, since a fork's child has to find it free (L5). What stood half changed there may be a wrong number, and no more.
struct Locked<T> {
    /// 0: free. Else the epoch of the process in which it is held.
    word: AtomicU32,
    // ---- guarded by `word`
    value: UnsafeCell<T>,
}

// SAFETY: one at a time has the value.
unsafe impl<T: Send> Sync for Locked<T> {}

impl<T> Locked<T> {
    const fn new(value: T) -> Locked<T> {
        Locked { word: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    /// Works on the value. `f` is short, and does not panic.
    #[inline(always)]
    fn with<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        let me = u32::from(epoch());
        // Acquire: pairs with the Release store below.
        if self.word.swap(me, Acquire) == me {
            self.lock_slow(me)
        }
        // SAFETY: it is locked, by us.
        let r = f(unsafe { &mut *self.value.get() });
        // Release: pairs with the Acquire swaps.
        self.word.store(0, Release);
        r
    }

    /// The first wait is long on purpose, as the byte lock's: meanwhile the other does some dozens of its turns, and the line changes hands less often.
    #[cold]
    #[inline(never)]
    fn lock_slow(&self, me: u32) {
        let pauses = cpu::pauses(1_500).max(1);
        let mut looks = 0u32;
        loop {
            while self.word.load(Relaxed) == me {
                for _ in 0..pauses {
                    spin_hint();
                }
                looks += 1;
                if looks.is_multiple_of(16) {
                    yield_thread()
                }
            }
            // Acquire: as in `with`.
            if self.word.swap(me, Acquire) != me {
                return;
            }
        }
    }
}

//! Raw monotonic time and deadline arithmetic. The only place where core asks the operating system for the time.
//!
//! Times are `i64` nanoseconds of CLOCK_MONOTONIC; `NEVER` is the largest one and is never reached. Sums saturate (T1).
//! What this is NOT: the time a task lives in; that is `sched::now()`, which goes through the task's domain (D7).

#[cfg(not(loom))]
use super::prim::{AtomicI64, Ordering::Relaxed};

/// A deadline that never comes.
pub const NEVER: i64 = i64::MAX;

/// Now, in nanoseconds of the monotonic clock; always fresh, never cached.
#[cfg(not(loom))]
#[inline]
pub fn now() -> i64 {
    read(libc::CLOCK_MONOTONIC)
}
/// In the models a second passes from look to look (a schedule must be the same each time it is run).
#[cfg(loom)]
pub use super::slab::tick_of as now;

/// What `recent` says.
#[cfg(not(loom))]
static RECENT: AtomicI64 = AtomicI64::new(i64::MIN);

/// A time that has passed: noted every few milliseconds while anything runs (`note`), or the beginning of time if nobody does. A load; the clock costs 25 ns.
#[inline(always)]
pub fn recent() -> i64 {
    #[cfg(not(loom))]
    return RECENT.load(Relaxed);
    #[cfg(loom)]
    i64::MIN
}

/// `recent`, or now if nobody notes it: a time that has passed, and not long ago if it matters to nobody how long.
#[inline(always)]
pub fn recent_or_now() -> i64 {
    let t = recent();
    if t == i64::MIN { now() } else { t }
}

/// Keeps `recent` up. i64::MIN: nobody does any more.
pub fn note(now: i64) {
    #[cfg(not(loom))]
    RECENT.store(now, Relaxed);
    #[cfg(loom)]
    let _ = now;
}

/// Keeps `recent` up if somebody else does: for a thread that has slept.
pub fn note_if_kept() {
    if recent() != i64::MIN {
        note(now())
    }
}

/// Now, in nanoseconds since the Unix epoch.
pub fn wall() -> i64 {
    read(libc::CLOCK_REALTIME)
}

/// What one clock says.
#[inline]
pub fn read(clock: libc::clockid_t) -> i64 {
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is a valid place to write; an unknown clock leaves it untouched and returns an error.
    unsafe { libc::clock_gettime(clock, &mut ts) };
    ts.tv_sec.wrapping_mul(1_000_000_000).wrapping_add(ts.tv_nsec)
}

/// `now() + d`, saturating; a negative `d` is in the past.
#[inline]
pub fn after(d: i64) -> i64 {
    if d == NEVER { NEVER } else { now().saturating_add(d) }
}

/// Sleeps the OS thread for about `ns` nanoseconds (backoff of locks and of the monitor, nothing else).
pub fn nap(ns: i64) {
    let ts = libc::timespec { tv_sec: ns / 1_000_000_000, tv_nsec: ns % 1_000_000_000 };
    // SAFETY: `ts` is valid for reading; the remaining time is not asked for.
    unsafe { libc::nanosleep(&ts, core::ptr::null_mut()) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_saturate() {
        assert_eq!(after(NEVER), NEVER);
        assert_eq!(after(i64::MAX - 1), NEVER);
        assert!(after(-5) <= now());
    }
}

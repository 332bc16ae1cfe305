//! `now`: the monotonic clock, read by the processor's own counter (TSC) and tied to the system's clock anew each millisecond. For who asks often and can bear an error of a millisecond at the
//! worst: the limiters. Measured beside `clock::now` in one run: 8 ns against 25.
//!
//!  N1  What is said is the time of the last tie, plus what the counter has run since, at the rate observed so far. It is used while that is less than `SPAN`; otherwise the system's clock is read,
//!      and its time is what is said. So no error is ever carried on.
//!  N2  A tie is read as a whole: `seq` is odd while it is written, and the same before and after the reading of one that counts.
//!  N3  Times of one thread may go back where a new tie corrects the rate, by a few parts in a million of a millisecond. Whoever cannot bear that asks `clock::now`.
//!  N4  A counter that stops, or that runs at another rate while the processor sleeps, is not used: the processor says so (CPUID 8000_0007, "invariant"). Counters of two processors that differ by more
//!      than `SPAN` lead to the system's clock each time: slower, not wrong.
//!
//! What this is NOT: a clock for deadlines. Those are computed from a fresh one (D7).
//!
//! Rejected: `clock::recent`, which is a load (it stands for milliseconds: a limiter of a thousand a second would grant in bursts of ten); a time of a thread's own (two threads at one limiter would see time go back
//! at every change of hands).

#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
pub use counter::now;

#[cfg(not(all(target_arch = "x86_64", not(loom), not(miri))))]
pub use super::clock::now;

#[cfg(all(target_arch = "x86_64", not(loom), not(miri)))]
mod counter {
    use crate::sys::clock;
    use crate::sys::prim::{AtomicI64, AtomicU32, AtomicU64, Ordering::*, fence};
    use core::arch::x86_64::{__cpuid, _rdtsc};

    /// For how long one tie is used, ns.
    const SPAN: u64 = 1_000_000;
    /// How long the reading of both clocks may take, ns: else the thread was interrupted in between.
    const TOGETHER: u64 = 2_000;
    /// The same in counts, for the first one, when the rate is not known.
    const FIRST: u64 = 20_000;

    /// The last tie, and the first. All zero: there is none.
    struct Tie {
        seq: AtomicU32,
        count: AtomicU64,
        time: AtomicI64,
        /// ns a count, in 2^-32; 0: not known.
        rate: AtomicU64,
        /// For how many counts it is used.
        span: AtomicU64,
        // ---- written by whoever has made `seq` odd
        first_count: AtomicU64,
        first_time: AtomicI64,
    }

    static TIE: Tie = Tie {
        seq: AtomicU32::new(0),
        count: AtomicU64::new(0),
        time: AtomicI64::new(0),
        rate: AtomicU64::new(0),
        span: AtomicU64::new(0),
        first_count: AtomicU64::new(0),
        first_time: AtomicI64::new(0),
    };

    /// Now, within a millisecond, and mostly within a microsecond; see the file's head.
    #[inline(always)]
    pub fn now() -> i64 {
        // Acquire: pairs with the Release store in `tie`.
        let seq = TIE.seq.load(Acquire);
        let (count, time) = (TIE.count.load(Relaxed), TIE.time.load(Relaxed));
        let (rate, span) = (TIE.rate.load(Relaxed), TIE.span.load(Relaxed));
        // Acquire: the loads above come before the one below; pairs with the fence in `tie`.
        fence(Acquire);
        // SAFETY: every x86-64 has the instruction.
        let since = unsafe { _rdtsc() }.wrapping_sub(count);
        if since < span && seq & 1 == 0 && TIE.seq.load(Relaxed) == seq {
            return time + scaled(since, rate) as i64;
        }
        tie()
    }

    /// Reads the system's clock, and ties the counter to it if nobody else does just now.
    #[cold]
    #[inline(never)]
    fn tie() -> i64 {
        let seq = TIE.seq.load(Relaxed);
        // Acquire: pairs with the Release store of who tied before. The odd number is seen before anything that is written under it.
        if seq & 1 == 1 || TIE.seq.compare_exchange(seq, seq | 1, Acquire, Relaxed).is_err() {
            return clock::now();
        }
        // Release: pairs with the fence in `now`.
        fence(Release);
        // SAFETY: as in `now`.
        let before = unsafe { _rdtsc() };
        let time = clock::now();
        // SAFETY: as in `now`.
        let took = unsafe { _rdtsc() }.wrapping_sub(before);
        note(before.wrapping_add(took / 2), took, time);
        // Release: pairs with the Acquire load of `now`.
        TIE.seq.store(seq.wrapping_add(2), Release);
        time
    }

    /// A reading of both clocks, which took so many counts: a tie, if it is one. With `seq` odd.
    fn note(count: u64, took: u64, time: i64) {
        let (first, first_count) = (TIE.first_time.load(Relaxed), TIE.first_count.load(Relaxed));
        let (ns, counts) = (time.wrapping_sub(first) as u64, count.wrapping_sub(first_count));
        let known = TIE.rate.load(Relaxed);
        // The system's clock stands still while the machine sleeps, and the counter does not: then all begins anew.
        let passed = time.wrapping_sub(TIE.time.load(Relaxed)) as u64;
        let counted = scaled(count.wrapping_sub(TIE.count.load(Relaxed)), known);
        if first == 0 || known != 0 && counted.abs_diff(passed) > passed / 64 + 2 * TOGETHER {
            let fit = took < FIRST && invariant();
            TIE.first_time.store(if fit { time.max(1) } else { 0 }, Relaxed);
            TIE.first_count.store(count, Relaxed);
            TIE.rate.store(0, Relaxed);
            TIE.span.store(0, Relaxed);
        } else if ns >= SPAN && counts > 0 {
            // Right to TOGETHER in the time it was observed for, which only grows.
            let rate = ((u128::from(ns) << 32) / u128::from(counts)) as u64;
            if scaled(took, rate) < TOGETHER {
                TIE.count.store(count, Relaxed);
                TIE.time.store(time, Relaxed);
                TIE.rate.store(rate, Relaxed);
                TIE.span.store(((u128::from(SPAN) << 32) / u128::from(rate.max(1))) as u64, Relaxed);
            }
        }
    }

    /// So many counts, in ns.
    #[inline(always)]
    fn scaled(counts: u64, rate: u64) -> u64 {
        ((u128::from(counts) * u128::from(rate)) >> 32) as u64
    }

    /// Does the counter run at one rate, always?
    fn invariant() -> bool {
        // Leaf 0x8000_0000 says how far the leaves go.
        __cpuid(0x8000_0000).eax >= 0x8000_0007 && __cpuid(0x8000_0007).edx & 1 << 8 != 0
    }
}

#[cfg(all(test, not(loom), not(miri)))]
mod tests {
    use crate::sys::clock;

    /// Whatever happens to this thread in between, a time lies between two readings of the system's clock, but for the correction of a rate.
    #[test]
    fn lies_between_two_readings_of_the_clock() {
        let end = clock::now() + 50_000_000;
        let mut looked = 0;
        while clock::now() < end {
            let before = clock::now();
            let near = super::now();
            let after = clock::now();
            assert!(near >= before - 1_000_000 && near <= after + 1_000_000, "{before} {near} {after}");
            looked += 1;
        }
        assert!(looked > 10);
    }
}

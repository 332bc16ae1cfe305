//! `Counter`: a number that many threads add to and few read. Each thread adds to a slot of its own.
//!
//! What this is: a sharded sum. What it is NOT: a synchronisation (it orders nothing), and not a number whose value decides who goes first: `add` gives no value back (an atomic does that).
//!
//! CT1  A thread whose number is below `OWNED` is the only writer of the slot of that number: it adds by a load and a store, without a read-modify-write. A number belongs to one living thread, and
//!      goes from one that ended to the next with an order between them (`sched/thread.rs`); a task does not move within `add`.
//! CT2  All other threads share the other slots, by read-modify-writes.
//! CT3  The sum wraps, as a 64-bit integer of Go does. It is exact when nobody adds meanwhile; else it holds some of what is being added.
//! CT4  `reset` writes no slot, which are others': it moves `base`, what counts as zero. An addition at the same time is in the sum before it or in the value after it, never in both or none.
//!
//! The slots of threads with numbers in a row do not lie side by side, since the prefetcher fetches lines in pairs.
//!
//! Rejected: a slot for each processor, by read-modify-write (a thread may lose its processor between finding the slot and adding to it, so the `lock` prefix stays: two thirds of the cost); slots
//! made when they are needed (an allocation in `add`, and a pointer to follow). 2.6 KiB a counter are the price.

use crate::sched::{objects, thread};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::ptr::NonNull;

/// Threads with a slot of their own.
const OWNED: usize = 32;
/// Slots of all the others.
const COMMON: usize = 8;

#[repr(align(64))]
struct Line(AtomicI64);

/// A counter for many writers: `add` costs about a nanosecond, on any number of threads.
///
/// ```
/// static SERVED: gort::sync::Counter = gort::sync::Counter::new();
/// gort::run(|| {
///     let wg = gort::WaitGroup::new();
///     for _ in 0..4 {
///         wg.go(|| (0..1000).for_each(|_| SERVED.inc()));
///     }
///     wg.wait().unwrap();
/// })
/// .unwrap();
/// assert_eq!(SERVED.value(), 4000);
/// ```
#[repr(C)]
pub struct Counter {
    slots: [Line; OWNED + COMMON],
    base: Line,
    /// One reset at a time: of two sums the later one counts.
    resets: ByteLock,
}

/// The slot of a thread's number. 5 and 32 have no common divisor: each number has its own, and neighbours are five lines apart.
#[inline(always)]
const fn own(index: usize) -> usize {
    if cfg!(feature = "mutant_counter_shares_a_slot") { 0 } else { index.wrapping_mul(5) % OWNED }
}

impl Counter {
    /// At zero.
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Counter {
        Counter {
            slots: [const { Line(AtomicI64::new(0)) }; OWNED + COMMON],
            base: Line(AtomicI64::new(0)),
            resets: ByteLock::new(),
        }
    }

    /// Adds `n`, which may be negative. Never blocks. Not for signal handlers.
    #[inline(always)]
    pub fn add(&self, n: i64) {
        match thread::index() {
            Some(i) if i < OWNED => {
                let slot = &self.slots[own(i)].0;
                slot.store(slot.load(Relaxed).wrapping_add(n), Relaxed) // CT1
            }
            other => self.add_common(other, n),
        }
    }

    #[cold]
    fn add_common(&self, index: Option<usize>, n: i64) {
        // A thread that never called gort has no number; where its stack lies does as well.
        let at = index.unwrap_or_else(|| (&raw const n).addr() >> 16) % COMMON;
        self.slots[OWNED + at].0.fetch_add(n, Relaxed);
    }

    /// Adds one.
    #[inline(always)]
    pub fn inc(&self) {
        self.add(1)
    }

    /// Takes one off.
    #[inline(always)]
    pub fn dec(&self) {
        self.add(-1)
    }

    /// The sum of all slots since the beginning.
    fn sum(&self) -> i64 {
        self.slots.iter().fold(0, |sum, s| sum.wrapping_add(s.0.load(Relaxed)))
    }

    /// What was added since it was made or reset. Exact when nobody adds meanwhile and what others added is ordered before (by a wait, a join, a channel).
    pub fn value(&self) -> i64 {
        self.sum().wrapping_sub(self.base.0.load(Relaxed))
    }

    /// Counts from zero again; the value until now. What is added is in the result of one reset, or in the value.
    pub fn reset(&self) -> i64 {
        self.resets.with(|| {
            let sum = self.sum();
            sum.wrapping_sub(self.base.0.swap(sum, Relaxed))
        })
    }

    /// Zero, in memory that an earlier counter used and nobody adds to.
    fn clear(&self) {
        self.slots.iter().chain([&self.base]).for_each(|s| s.0.store(0, Relaxed));
    }
}

impl core::fmt::Debug for Counter {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("Counter").field(&self.value()).finish()
    }
}

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_COUNTER: u8 = 40;

/// A counter behind a handle, for C.
#[repr(C, align(64))]
pub struct RawCounter {
    header: Header,
    counter: Counter,
}

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for RawCounter {
    const KIND: u8 = KIND_COUNTER;
}

static COUNTERS: Slab<RawCounter> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "counters", live: || COUNTERS.live(), release: || {}, reset: || COUNTERS.reset() };

/// A new counter at zero.
pub fn create() -> Result<NonNull<RawCounter>, Status> {
    objects::make(&KEEPER, &COUNTERS, |c| {
        c.counter.clear();
        c.header.refs.store(1, Relaxed);
        c.header.epoch.store(slab::epoch(), Relaxed);
        c.header.kind.store(KIND_COUNTER, Release);
    })
}

/// Frees a counter.
///
/// # Safety
/// `c` is a handle or null.
pub unsafe fn free(c: *const RawCounter) -> Status {
    // SAFETY: contract.
    unsafe { objects::unmake(&COUNTERS, c, |_| Status::Ok) }
}

/// The counter behind a handle. It is looked at without its lock: an addition to one that is freed meanwhile goes to memory that stays a counter's.
///
/// # Safety
/// `c` is a handle or null.
#[inline(always)]
pub unsafe fn of<'a>(c: *const RawCounter) -> Result<&'a Counter, Status> {
    // SAFETY: contract; slots are type-stable.
    match unsafe { c.as_ref() } {
        None => Err(Status::Invalid),
        Some(c) => c.header.check(KIND_COUNTER).ok().map(|()| &c.counter),
    }
}

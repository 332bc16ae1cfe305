//! `Processor`: what a thread needs to run tasks: run ring, next slot, timers, random state, caches, counters (D1).
//!
//! Whoever owns a processor (bracket.rs B1) touches it without atomics, but for the ring's head and the fields others read.
//! P1  `next` is written by the owner only; a retaker that has borrowed the processor is its owner meanwhile (D9).
//! P2  `next` has a turn limit: after `TURNS` picks from next slots in a row the queues get one, so two tasks that wake each other starve nobody.
//! P3  `tick` grows with each pick: the monitor sees progress by it.
//! P5  A timer that lies more than `HORIZON` behind the time that was noted last (`clock::recent`) is not due, so a pick looks at the clock for nearer ones only, and at each 64th pick
//!     whatever is noted. Whoever wakes from a sleep notes the time before it picks.
//! P6  What is due waits while the ring holds many: a million timers that start a task each then need the memory of a few hundred tasks and not of a million, and it stays in the caches. Each
//!     64th pick they come all the same.
//! P4  Nobody is ever woken for a push to `next`; a push to the ring wakes a sleeper if nobody searches already.
//!
//! `pick` is the policy of the whole scheduler, for every lane.

use super::lane::Lane;
use super::list::Linked;
use super::ring::{CAPACITY, Ring};
use super::task::Task;
use super::thread::Thread;
use super::timers::{Expired, Handle, Wheel};
use super::{Cx, Time};
use crate::sys::clock::{self, NEVER};
use crate::sys::cpu;
use crate::sys::prim::*;
use crate::sys::slab::Cache;
use crate::sys::stack::StackCache;
use core::ptr::null_mut;

/// Picks from next slots in a row before the queues get one (P2).
const TURNS: u32 = 64;
/// P5, ns. The monitor notes the time every 5 ms at the most while anything runs; it has this long to be late.
const HORIZON: i64 = 50_000_000;
/// Every so many picks the injector comes first (G3).
const GLOBAL_EVERY: u32 = 61;

/// Numbers of wheels, unique over the lanes: a handle says by it whose it is.
#[cfg(not(loom))]
static WHEELS: AtomicU32 = AtomicU32::new(1);

#[cfg(not(loom))]
pub(super) fn wheel_number() -> u32 {
    WHEELS.fetch_add(1, Relaxed) & 0x7_FFFF
}
#[cfg(loom)]
fn wheel_number() -> u32 {
    1
}

/// Counted by the owner with plain adds, summed by readers.
#[derive(Default)]
pub struct Counters {
    pub spawned: AtomicU64,
    pub finished: AtomicU64,
    pub parks: AtomicU64,
    pub steals: AtomicU64,
}

/// Adds one without a read-modify-write: only the owner writes.
#[inline(always)]
pub fn count(c: &AtomicU64) {
    c.store(c.load(Relaxed).wrapping_add(1), Relaxed)
}

/// Tasks that come from far away were not touched for long: asks for the lines that running one needs, all at once.
#[inline(always)]
fn prefetch(t: *mut Task) {
    for line in 0..3 {
        cpu::prefetch(t.cast::<u8>().wrapping_add(64 * line))
    }
}

/// See the file's head.
#[repr(C, align(128))]
pub struct Processor {
    // ---- owner; the first line is what a pick touches
    pub next: AtomicPtr<Task>,
    pub tick: AtomicU32,
    turns: Cell<u32>,
    pub random: Cell<u64>,
    pub wheel: Wheel,
    pub tasks: UnsafeCell<Cache<Task>>,
    pub stacks: UnsafeCell<StackCache>,
    pub counters: Counters,
    /// The thread that was given this processor last; read by the monitor and by searchers.
    pub owner: AtomicPtr<Thread>,
    // ---- shared
    pub ring: Ring<Task>,
    // ---- guarded by the lane's lock
    pub idle_next: Cell<*const Processor>,
    pub idle: Cell<bool>,
    /// Put away: in no list and of no use until the number of processors grows.
    pub away: Cell<bool>,
    // ---- set once
    pub id: u32,
    pub lane_id: u8,
    pub lane: *const Lane,
}

// SAFETY: see the groups of fields: each is atomic or has one owner at a time.
unsafe impl Sync for Processor {}
// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Processor {}

/// Takes a timer back, whichever wheel it is in: at once from the own one; another's node is marked dead. One that has fired already is nothing.
#[inline(always)]
pub fn cancel_timer(cx: Cx, handle: Handle) {
    // SAFETY: the wheel's memory outlives the handle: whoever holds one is inside, in an epoch in which the wheel has not been released.
    unsafe {
        match cx.processor() {
            Some(p) if p.wheel.belongs(handle) => {
                p.wheel.cancel_owner(handle);
            }
            _ => Wheel::cancel_remote(handle),
        }
    }
}

impl Processor {
    pub fn new(id: u32, lane_id: u8, lane: *const Lane, seed: u64) -> Processor {
        Processor {
            next: AtomicPtr::new(null_mut()),
            tick: AtomicU32::new(0),
            turns: Cell::new(0),
            random: Cell::new(seed | 1),
            wheel: Wheel::new(wheel_number()),
            tasks: UnsafeCell::new(Cache::new()),
            stacks: UnsafeCell::new(StackCache::new()),
            counters: Counters::default(),
            owner: AtomicPtr::new(null_mut()),
            ring: Ring::new(),
            idle_next: Cell::new(core::ptr::null()),
            idle: Cell::new(false),
            away: Cell::new(true),
            id,
            lane_id,
            lane,
        }
    }

    #[inline(always)]
    pub fn lane(&self) -> &Lane {
        // SAFETY: a processor is part of its lane and dies with it.
        unsafe { &*self.lane }
    }

    /// Owner: a ready task that should run soon: it goes to the next slot, and what was there to the ring.
    ///
    /// # Safety
    /// The caller owns the processor and `t`.
    #[inline(always)]
    pub unsafe fn push_next(&self, t: *mut Task) {
        let old = self.next.load(Relaxed);
        self.next.store(t, Relaxed);
        if !old.is_null() {
            // SAFETY: whoever was in the slot is ours.
            unsafe { self.push_tail(old) }
        }
    }

    /// Owner: a ready task that waits its turn.
    ///
    /// # Safety
    /// As `push_next`.
    #[inline(always)]
    pub unsafe fn push_tail(&self, t: *mut Task) {
        if !self.ring.push(t) {
            // SAFETY: as ours.
            unsafe { self.overflow(t) }
        }
        self.lane().announce();
    }

    #[cold]
    #[inline(never)]
    unsafe fn overflow(&self, t: *mut Task) {
        let mut half = [null_mut(); CAPACITY / 2];
        let n = self.ring.spill(&mut half);
        // SAFETY: the spilled ones and `t` are ours.
        unsafe {
            self.lane().injector.push_all(&half[..n]);
            if !self.ring.push(t) {
                self.lane().injector.push(t)
            }
        }
    }

    /// Owner: runs what is due of the own wheel and of idle processors' wheels. Cheap when no timer lives, or all are far ahead: then the clock is not looked at (P5).
    #[inline(always)]
    pub fn run_timers(&self) {
        let earliest = self.wheel.earliest().min(self.lane().idle_earliest.load(Relaxed));
        let seldom = self.tick.load(Relaxed) & 63 == 0;
        if (earliest < clock::recent().saturating_add(HORIZON) && self.has_room()) || (seldom && earliest != NEVER) {
            self.expire(earliest)
        }
    }

    #[cold]
    #[inline(never)]
    fn expire(&self, earliest: Time) {
        let now = clock::now();
        if earliest > now {
            return;
        }
        if self.wheel.earliest() <= now {
            let mut due = Expired::new();
            loop {
                let more = self.wheel.expire(now, &mut due);
                due.fire();
                if !more || !self.has_room() {
                    break;
                }
            }
        }
        if self.lane().idle_earliest.load(Relaxed) <= now {
            self.lane().run_idle_timers(now)
        }
    }

    /// P6.
    #[inline(always)]
    fn has_room(&self) -> bool {
        self.ring.len() < CAPACITY / 4
    }

    /// Owner: the next task to run, or null.
    ///
    /// # Safety
    /// `cx.thread` owns this processor and is inside the bracket.
    #[inline(always)]
    pub unsafe fn pick(&self, cx: Cx) -> *mut Task {
        let th = cx.thread;
        let tick = self.tick.load(Relaxed).wrapping_add(1);
        self.tick.store(tick, Relaxed);
        self.run_timers();
        if tick.is_multiple_of(GLOBAL_EVERY) {
            // SAFETY: contract.
            let t = unsafe { self.from_injector(1) };
            if !t.is_null() {
                return t;
            }
        }
        if self.turns.get() < TURNS {
            let t = self.take_next(th);
            if !t.is_null() {
                self.turns.set(self.turns.get() + 1);
                return t;
            }
        }
        self.turns.set(0);
        // SAFETY: contract.
        unsafe { self.pick_queued(th) }
    }

    #[inline(always)]
    fn take_next(&self, th: &Thread) -> *mut Task {
        let t = self.next.load(Relaxed);
        if !t.is_null() {
            self.next.store(null_mut(), Relaxed);
            return t;
        }
        let t = th.pinned_next.get();
        if !t.is_null() {
            th.pinned_next.set(null_mut());
        }
        t
    }

    #[inline(always)]
    unsafe fn pick_queued(&self, th: &Thread) -> *mut Task {
        if !th.mailbox.is_empty() {
            // SAFETY: the thread is the caller's own.
            unsafe { th.mailbox.take_all(&th.pinned) }
        }
        if !th.pinned.is_empty() && self.pinned_is_next(th.pinned.len()) {
            // SAFETY: the pinned list is the calling thread's.
            return unsafe { th.pinned.pop() };
        }
        let t = self.ring.pop();
        if !t.is_null() {
            return t;
        }
        if !th.pinned.is_empty() {
            // SAFETY: contract of pick; the list as above.
            unsafe {
                let t = self.from_injector(CAPACITY / 2);
                return if t.is_null() { th.pinned.pop() } else { t };
            }
        }
        let t = self.take_next(th); // the turn limit was reached and nobody else is there
        if !t.is_null() {
            return t;
        }
        // SAFETY: contract of pick.
        unsafe { self.from_injector(CAPACITY / 2) }
    }

    /// A lottery between the thread's pinned tasks and those in the queues, by their numbers: as if all stood in one FIFO, a task waits for about as many as are there. (Turns by parity
    /// let one pinned task run a thousand times while a thousand new ones wait, and a thousand pinned ones wait for each new one.)
    #[inline(never)]
    fn pinned_is_next(&self, pinned: usize) -> bool {
        let lane = self.lane();
        let others = self.ring.len() + lane.injector.len() / lane.active().max(1);
        others == 0 || (self.random() >> 33) as usize % (pinned + others) < pinned
    }

    /// Owner: takes a fair share of the injector, at most `most`; returns one, the others go to the ring.
    ///
    /// # Safety
    /// The caller owns the processor.
    pub unsafe fn from_injector(&self, most: usize) -> *mut Task {
        let lane = self.lane();
        let len = lane.injector.len();
        if len == 0 {
            return null_mut();
        }
        let share = (len / lane.active().max(1) + 1).min(most);
        let mut batch = [null_mut(); CAPACITY / 2];
        let n = lane.injector.take(&mut batch[..share]);
        for &t in &batch[..n] {
            prefetch(t);
        }
        for &t in batch[..n].iter().skip(1) {
            if !self.ring.push(t) {
                // SAFETY: `t` is ours since `take`.
                unsafe { lane.injector.push(t) }
            }
        }
        if n > 1 {
            lane.announce(); // like any other push (P4): who looked for work in between has seen neither queue hold it
        }
        if n == 0 { null_mut() } else { batch[0] }
    }

    /// Owner: steals half of another's ring; returns one, the others go to the own ring.
    pub fn steal_from(&self, victim: &Processor) -> *mut Task {
        if victim.ring.is_empty() {
            return null_mut();
        }
        let mut batch = [null_mut(); CAPACITY / 2];
        let n = victim.ring.steal(&mut batch);
        for &t in batch[..n].iter().skip(1) {
            if !self.ring.push(t) {
                // SAFETY: `t` is ours since `steal`.
                unsafe { self.lane().injector.push(t) }
            }
        }
        if n == 0 {
            return null_mut();
        }
        count(&self.counters.steals);
        batch[0]
    }

    /// Stacks in its cache (a snapshot; another thread may be its owner).
    pub fn cached_stacks(&self) -> usize {
        // SAFETY: no exclusive reference to it is ever made, and `len` is an atomic.
        unsafe { (*self.stacks.get()).len() }
    }

    /// Is there work that this processor alone holds? (A snapshot.)
    pub fn has_work(&self) -> bool {
        !self.ring.is_empty() || !self.next.load(Relaxed).is_null()
    }

    /// Owner: a step of xorshift64*.
    #[inline(always)]
    pub fn random(&self) -> u64 {
        let mut x = self.random.get();
        x ^= x >> 12;
        x ^= x << 25;
        x ^= x >> 27;
        self.random.set(x);
        x.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Owner: a task goes to the head's queue without a wake-up check (used by the loop for a task it picked and can not run).
    ///
    /// # Safety
    /// As `push_next`.
    pub unsafe fn put_back(&self, t: *mut Task) {
        // SAFETY: contract; the link is free since the task is in no list.
        unsafe { (*t).link().set(null_mut()) };
        if !self.ring.push(t) {
            // SAFETY: as above.
            unsafe { self.lane().injector.push(t) }
        }
    }
}

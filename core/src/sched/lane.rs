//! `Lane`: a family of tasks and the processors that take only them (D3). Lane 0 is native; a host language registers its own.
//!
//! What this is: the lane's queues and lists (lane/lists.rs), who rests, who wants, who searches, and the hooks a host brings. The scheduler (`worker::run`, `pick`, timers, census, judge) is one
//! for all lanes; what differs stands in `Hooks`. Stealing stays inside a lane. What it is NOT: policy of a host.
//!
//! L1  `lock` guards the idle processors, the resting and the wanting threads: ONE lock, or a processor is lost between two lists.
//! L2  Whoever puts a processor down serves a wanting thread first.
//! L3  Before an idle processor enters the list, its thread's own word is 0 already.
//! L4  `n_idle`, `n_searching`, `n_wanting` are written under the lock (searching: by RMW) and read by anybody; a pusher reads them after its push with a light
//!     barrier between, a thread that goes to sleep raises them, passes a heavy barrier, and looks at all queues again. So either it sees the
//!     push or the pusher sees it (Dekker).
//! L6  A thread is unlisted and given its processor under one hold of the lock.
//! L5  A searcher's token is given back on every path out of the search, also on the one that finds no processor.

mod lists;

#[cfg(not(loom))]
use super::alarms::Outer;
pub use super::hooks::{Hooks, Start};
use super::list::Injector;
use super::processor::Processor;
use super::task::Task;
use super::thread::{NOWHERE, Thread};
use super::timers::Expired;
use super::{Time, runtime};
use crate::sys::barrier;
use crate::sys::clock::NEVER;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::ptr::{null, null_mut};

/// See the file's head.
pub struct Lane {
    pub id: u8,
    pub hooks: Option<&'static Hooks>,
    pub injector: Injector<Task>,
    /// Made when they are first in use; never unmade while the lane lives.
    procs: Box<[AtomicPtr<Processor>]>,
    made: AtomicUsize,
    /// Processors in use: those with a smaller id.
    active: AtomicUsize,
    seed: u64,
    pub lock: ByteLock,
    // ---- guarded by `lock`
    idle: Cell<*const Processor>,
    resting: Cell<*const Thread>,
    wanting: Cell<*const Thread>,
    keeper: Cell<*const Thread>,
    keeper_until: Cell<Time>,
    // ---- written under `lock`, read by anybody
    n_idle: AtomicUsize,
    /// Those of them that are in use (others wait for their timers only).
    n_idle_active: AtomicUsize,
    n_wanting: AtomicUsize,
    n_searching: AtomicUsize,
    /// The earliest timer of an idle processor's wheel.
    pub idle_earliest: AtomicI64,
    pub wakeups: AtomicU64,
    /// The wheel of those who have no processor (alarms.rs).
    #[cfg(not(loom))]
    pub outer: Outer,
    /// One retaker at a time (bracket.rs).
    retaking: ByteLock,
}

// SAFETY: the cells are guarded by `lock` (L1); everything else is atomic or set once.
unsafe impl Sync for Lane {}
// SAFETY: as above.
unsafe impl Send for Lane {}

impl Lane {
    /// A lane of `capacity` processors of which `active` are in use, all idle. Boxed: processors point back at it.
    pub fn new(id: u8, hooks: Option<&'static Hooks>, capacity: usize, active: usize, seed: u64) -> Box<Lane> {
        let lane = Box::new(Lane {
            id,
            hooks,
            injector: Injector::new(),
            procs: (0..capacity).map(|_| AtomicPtr::new(null_mut())).collect(),
            made: AtomicUsize::new(0),
            seed,
            active: AtomicUsize::new(active),
            lock: ByteLock::new(),
            idle: Cell::new(null()),
            resting: Cell::new(null()),
            wanting: Cell::new(null()),
            keeper: Cell::new(null()),
            keeper_until: Cell::new(NEVER),
            n_idle: AtomicUsize::new(0),
            n_idle_active: AtomicUsize::new(0),
            n_wanting: AtomicUsize::new(0),
            n_searching: AtomicUsize::new(0),
            idle_earliest: AtomicI64::new(NEVER),
            wakeups: AtomicU64::new(0),
            #[cfg(not(loom))]
            outer: Outer::new(super::processor::wheel_number()),
            retaking: ByteLock::new(),
        });
        lane.make(active);
        for i in (0..active).rev() {
            lane.push_idle(lane.processor(i));
        }
        lane
    }

    /// Under the lock (or before the lane is published): makes processors until there are `n`.
    fn make(&self, n: usize) {
        for i in self.made.load(Relaxed)..n {
            let seed = self.seed ^ (i as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let p = Box::into_raw(Box::new(Processor::new(i as u32, self.id, self, seed)));
            self.procs[i].store(p, Release);
            self.made.store(i + 1, Release);
        }
    }

    /// Processor number `i`, which has been made.
    #[inline(always)]
    pub fn processor(&self, i: usize) -> &Processor {
        // SAFETY: made before it is counted, and freed with the lane only.
        unsafe { &*self.procs[i].load(Acquire) }
    }

    /// Processors in use.
    #[inline(always)]
    pub fn active(&self) -> usize {
        self.active.load(Acquire)
    }

    /// Processors there could be.
    pub fn capacity(&self) -> usize {
        self.procs.len()
    }

    /// Every processor that was made, in use or not.
    pub fn processors(&self) -> impl Iterator<Item = &Processor> {
        (0..self.made.load(Acquire)).map(|i| self.processor(i))
    }

    /// Are all processors in use idle? (A snapshot.)
    pub fn all_idle(&self) -> bool {
        self.n_idle_active.load(SeqCst) >= self.active()
    }

    /// Does a thread with pinned work want a processor?
    #[inline(always)]
    pub fn is_wanted(&self) -> bool {
        self.n_wanting.load(Relaxed) != 0
    }

    /// Is a processor idle?
    #[inline(always)]
    pub fn has_idle(&self) -> bool {
        self.n_idle.load(Relaxed) != 0
    }

    // ---- doors of the idle protocol (idle.rs), the worker and the monitor

    /// Work was pushed to a ring or the injector: wakes a sleeper if there is one and nobody searches.
    #[inline(always)]
    pub fn announce(&self) {
        barrier::light();
        if self.n_idle.load(Relaxed) != 0 && self.n_searching.load(Relaxed) == 0 {
            self.wake_one()
        }
    }

    /// Gives an idle processor to a resting (or new) thread, which searches.
    #[cold]
    #[inline(never)]
    pub fn wake_one(&self) {
        if cfg!(feature = "mutant_drop_wakeup") && self.wakeups.fetch_add(1, Relaxed) % 3 == 2 {
            return;
        }
        // AcqRel: the token; at most one searcher is started at a time.
        if self.n_searching.compare_exchange(0, 1, AcqRel, Relaxed).is_err() {
            return;
        }
        self.lock.lock();
        let p = self.pop_idle();
        let th = if p.is_null() { null() } else { self.pop_thread(&self.resting) };
        // SAFETY: popped under the lock: ours.
        unsafe {
            self.assign(p, th, true);
            self.lock.unlock();
        }
        if p.is_null() {
            self.n_searching.fetch_sub(1, AcqRel); // L5
            // Who pushed meanwhile, or put a processor down, saw our token and relied on it.
            barrier::heavy();
            if self.has_idle() && self.any_work() {
                self.wake_one()
            }
            return;
        }
        self.wakeups.fetch_add(1, Relaxed);
        // SAFETY: as above.
        if !self.call(unsafe { &*p }, th, true) {
            self.n_searching.fetch_sub(1, AcqRel); // L5
            // SAFETY: as above.
            self.put_idle(unsafe { &*p });
            // No thread can be had; but one may have come to rest while the processor was in our hands.
            barrier::heavy();
            if self.any_work() && self.lock.with(|| !self.resting.get().is_null()) {
                self.wake_one()
            }
        }
    }

    /// Under the lock, with the unlisting of `th`: gives it `p` (ours). So nobody ever sees a thread that is in no list and has no processor yet (L6). Nothing if one of
    /// them is null.
    ///
    /// # Safety
    /// `p` is ours, `th` was popped under this hold of the lock and has no processor.
    unsafe fn assign(&self, p: *const Processor, th: *const Thread, searching: bool) {
        if p.is_null() || th.is_null() {
            return;
        }
        // SAFETY: contract; threads are never freed.
        unsafe {
            (*p).owner.store(th.cast_mut(), Relaxed);
            if searching {
                (*th).hired.store(true, Relaxed);
            }
            (*th).bracket.give(p.addr());
        }
    }

    /// After the unlock: wakes the thread that was assigned `p`, or starts one for it if `th` is null. False if no thread can be had.
    fn call(&self, p: &Processor, th: *const Thread, searching: bool) -> bool {
        if th.is_null() {
            return self.hooks.is_none() && runtime::start_worker(self, p, searching);
        }
        // SAFETY: threads are never freed.
        unsafe { (*th).bell.ring() };
        runtime::stir();
        true
    }

    /// Puts `p` (ours, our word is 0 already) down: to a wanting thread, else to the idle list.
    pub fn put_idle(&self, p: &Processor) {
        p.wheel.refresh();
        self.lock.lock();
        let th = self.pop_thread(&self.wanting);
        if th.is_null() {
            self.push_idle(p);
        }
        // SAFETY: ours; popped under this hold of the lock.
        unsafe {
            self.assign(p, th, false);
            self.lock.unlock();
        }
        if !th.is_null() {
            self.call(p, th, false);
        }
    }

    /// Hands `p` (ours) to whoever can run what it holds; if it holds nothing and nothing waits, puts it down.
    pub fn hand_over(&self, p: &Processor, now: Time) {
        let due = p.wheel.earliest().min(self.idle_earliest.load(Relaxed)) <= now;
        if !p.has_work() && self.injector.is_empty() && !due {
            self.put_idle(p);
            return self.look_again();
        }
        self.lock.lock();
        let mut th = self.pop_thread(&self.wanting);
        if th.is_null() {
            th = self.pop_thread(&self.resting)
        }
        // SAFETY: ours; popped under this hold of the lock.
        unsafe {
            self.assign(p, th, false);
            self.lock.unlock();
        }
        if !self.call(p, th, false) {
            let t = p.next.swap(null_mut(), Relaxed);
            if !t.is_null() {
                // SAFETY: ours; nobody looks into the next slot of an idle processor.
                unsafe { p.put_back(t) }
            }
            self.put_idle(p);
            self.look_again()
        }
    }

    /// Gives `p` (ours, our word is 0) to a thread that wants one. False: nobody does any more.
    pub fn give_to_wanting(&self, p: &Processor) -> bool {
        self.lock.lock();
        let th = self.pop_thread(&self.wanting);
        // SAFETY: ours; popped under this hold of the lock.
        unsafe {
            self.assign(p, th, false);
            self.lock.unlock();
        }
        !th.is_null() && self.call(p, th, false)
    }

    /// After `put_idle` by somebody who does not go on to rest.
    fn look_again(&self) {
        barrier::heavy();
        if self.any_work() {
            self.wake_one()
        }
        self.find_keeper()
    }

    /// An idle processor has a timer that nobody keeps: one of those that sleep is told, and asks again (`keep_time`).
    pub(super) fn find_keeper(&self) {
        let (sleeper, nobody) = self.lock.with(|| {
            let kept = !self.keeper.get().is_null() && self.keeper_until.get() <= self.idle_earliest.load(Relaxed);
            if kept || self.idle_earliest.load(Relaxed) == NEVER {
                return (null(), false);
            }
            (self.resting.get(), self.all_idle())
        });
        if !sleeper.is_null() {
            // SAFETY: threads are never freed.
            unsafe { (*sleeper).bell.ring() }
        } else if nobody {
            self.wake_one() // there is no thread yet: it looks, and then keeps the time
        }
    }

    /// The calling thread (word 0) takes an idle processor if there is one.
    pub fn take_idle(&self, th: &Thread) -> bool {
        if !self.has_idle() {
            return false;
        }
        self.lock.lock();
        let p = self.pop_idle();
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        if p.is_null() {
            return false;
        }
        // SAFETY: ours.
        unsafe { (*p).owner.store(core::ptr::from_ref(th).cast_mut(), Relaxed) };
        th.bracket.give(p.addr());
        runtime::stir();
        true
    }

    /// `take_idle` for a thread that may have been given one meanwhile.
    pub fn take_idle_if_bare(&self, th: &Thread) {
        if th.bracket.is_bare() {
            self.take_idle(th);
        }
    }

    /// The calling thread (word 0) asks for a processor: true if it got one at once; else it is enlisted as resting or wanting, and is given one
    /// some time. An idle one is taken only if `take`.
    pub fn rest(&self, th: &Thread, take: bool, as_what: u8) -> bool {
        self.lock.lock();
        let mut got = !th.bracket.is_bare();
        if !got && take {
            let p = self.pop_idle();
            if !p.is_null() {
                self.unlist(th);
                // SAFETY: ours.
                unsafe { (*p).owner.store(core::ptr::from_ref(th).cast_mut(), Relaxed) };
                th.bracket.give(p.addr());
                got = true;
            }
        }
        if !got {
            self.enlist(th, as_what)
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        if got {
            runtime::stir()
        }
        got
    }

    /// Is the calling thread in a list?
    pub fn is_listed(&self, th: &Thread) -> bool {
        self.lock.with(|| th.listed.get() != NOWHERE)
    }

    /// Leaves every list (a thread that ends its loop); false if it has just been given a processor.
    pub fn leave(&self, th: &Thread) -> bool {
        let bare = self.lock.with(|| {
            self.unlist(th);
            if self.keeper.get() == core::ptr::from_ref(th) {
                self.keeper.set(null());
                self.keeper_until.set(NEVER);
            }
            th.bracket.is_bare()
        });
        if th.is_to_stop() {
            self.find_keeper();
        }
        bare
    }

    /// Until when the calling thread should sleep: the last to sleep keeps the time of the idle processors' timers.
    pub fn keep_time(&self, th: &Thread) -> Time {
        self.lock.with(|| {
            let earliest = self.idle_earliest.load(Relaxed);
            let mine = self.keeper.get() == core::ptr::from_ref(th);
            if mine || earliest < self.keeper_until.get() {
                self.keeper.set(if earliest == NEVER { null() } else { th });
                self.keeper_until.set(earliest);
                return earliest;
            }
            NEVER
        })
    }

    /// The keeper is awake: somebody else may keep the time.
    pub fn stop_keeping(&self, th: &Thread) {
        self.lock.with(|| {
            if self.keeper.get() == core::ptr::from_ref(th) {
                self.keeper.set(null());
                self.keeper_until.set(NEVER);
            }
        })
    }

    /// Runs the due timers of an idle processor (the caller has one of its own that gets the woken tasks).
    #[cold]
    pub fn run_idle_timers(&self, now: Time) {
        #[cfg(not(loom))]
        self.run_outer(now);
        loop {
            self.lock.lock();
            let p = self.unlink_idle(|p| p.wheel.earliest() <= now);
            // SAFETY: locked above.
            unsafe { self.lock.unlock() };
            if p.is_null() {
                return;
            }
            // SAFETY: out of the list, so ours.
            let p = unsafe { &*p };
            let mut due = Expired::new();
            loop {
                let more = p.wheel.expire(now, &mut due);
                due.fire();
                if !more {
                    break;
                }
            }
            self.put_idle(p);
        }
    }

    /// Is there anything a thread without work could do? (Second look before sleep, L4.)
    pub fn any_work(&self) -> bool {
        !self.injector.is_empty() || (0..self.active()).any(|i| !self.processor(i).ring.is_empty())
    }

    /// A worker begins to search; false if enough do already (at most half of the busy ones).
    pub fn begin_search(&self) -> bool {
        let busy = self.active().saturating_sub(self.n_idle.load(Relaxed));
        if 2 * self.n_searching.load(Relaxed) >= busy.max(1) {
            return false;
        }
        self.n_searching.fetch_add(1, AcqRel);
        true
    }

    /// A searcher stops. If it was the last and found something, another may be needed.
    pub fn end_search(&self, found: bool) {
        let before = self.n_searching.fetch_sub(1, AcqRel);
        if found && before == 1 {
            // A pusher that saw our token relied on it, and has the light side only.
            fence(SeqCst);
            if self.has_idle() {
                barrier::heavy();
                if self.any_work() {
                    self.wake_one()
                }
            }
        }
    }

    /// Work from a thread that has no processor of this lane.
    ///
    /// # Safety
    /// The caller owns `t`.
    pub unsafe fn inject(&self, t: *mut Task) {
        // SAFETY: contract.
        unsafe { self.injector.push(t) };
        self.announce();
    }

    /// Becomes the one retaker; false if there is one.
    pub fn begin_retake(&self) -> bool {
        self.retaking.try_lock()
    }

    /// Ends what `begin_retake` began.
    pub fn end_retake(&self) {
        // SAFETY: only called by whoever `begin_retake` said true to.
        unsafe { self.retaking.unlock() }
    }

    /// Changes the number of processors in use. Those beyond it are put away when their threads next look (`retire`).
    pub fn set_active(&self, n: usize) {
        let n = n.clamp(1, self.capacity());
        self.lock.lock();
        let old = self.active.load(Relaxed);
        self.make(n);
        self.active.store(n, Release);
        if n > old {
            for p in (old..n).map(|i| self.processor(i)) {
                // One that somebody still holds (a thread that has not looked yet, whoever runs its timers) stays with it.
                if p.away.get() {
                    self.push_idle(p);
                }
            }
        } else {
            loop {
                let p = self.unlink_idle(|p| p.id as usize >= n && p.wheel.earliest() == NEVER);
                if p.is_null() {
                    break;
                }
                // SAFETY: part of this lane; ours under the lock.
                let p = unsafe { &*p };
                p.owner.store(null_mut(), Relaxed);
                p.away.set(true);
            }
        }
        self.reckon();
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        if n > old {
            self.announce()
        }
    }

    /// The calling thread's processor is beyond the number in use: everything it holds goes to the others. True if it was put away.
    ///
    /// # Safety
    /// The calling thread owns `p` and its word is 0 already.
    pub unsafe fn retire(&self, p: &Processor) {
        loop {
            let t = p.next.swap(null_mut(), Relaxed);
            let t = if t.is_null() { p.ring.pop() } else { t };
            if t.is_null() {
                break;
            }
            // SAFETY: popped: ours.
            unsafe { self.injector.push(t) };
        }
        self.lock.lock();
        let away = p.id as usize >= self.active();
        if away {
            p.owner.store(null_mut(), Relaxed);
            self.move_timers(p);
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        if !away {
            self.put_idle(p);
        }
        self.announce();
    }

    /// Under the lock: a processor that is put away keeps its wheel, and is kept in the idle list for it if it holds timers.
    fn move_timers(&self, p: &Processor) {
        if p.wheel.earliest() == NEVER { p.away.set(true) } else { self.push_idle(p) }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        for p in &self.procs[..self.made.load(Relaxed)] {
            // SAFETY: made by `make`; nobody owns one any more.
            drop(unsafe { Box::from_raw(p.load(Relaxed)) });
        }
    }
}

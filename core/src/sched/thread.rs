//! `Thread`: an operating-system thread that is inside gort: a worker, or a plain thread of the host.
//!
//! What this is: what belongs to the thread and not to a processor (D1): the bracket, the current task, the scheduler's saved stack, the started
//! tasks pinned to it, its mailbox and bell, and the party with which a plain thread blocks. What it is NOT: the loop (`worker.rs`) or a run
//! queue of stealable tasks (`processor.rs`).
//!
//! H1  Threads are never freed: a late waker may still touch the bell of one that is gone (D4). One that ends is used again.
//! H2  `current`, `host*`, `commit`, `told`, `pinned*`, `spinning` are the owner's.
//! H3  `listed`, `list_next` are guarded by the lane's lock.
//! H4  The TLS word points to this thread's `Thread` or is null. It is read by volatile asm at every entry; on the way out of a park the thread
//!     comes as the switch's argument instead.
//!
//! Rejected: `thread_local!` (its address is cached over a switch, and its destructors run in an order we do not choose).

use super::bell::Bell;
use super::bracket::{Bracket, FOREIGN};
use super::epoch::Reader;
use super::lane::{Hooks, Lane};
use super::list::{Fifo, Mailbox};
use super::party::{Party, Who};
use super::spin::Patience;
use super::task::Task;
use super::waits::Waits;
use super::{Cx, Time};
use crate::sys::context::Fiber;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::race::{self, Written};
use crate::sys::{clock, cpu, tls};
use core::cell::{Cell, UnsafeCell};
use core::ptr::{null, null_mut};

/// Runs on the scheduler's stack once the parking task's stack is saved (Go's unlockf).
pub type Commit = unsafe fn(Cx, *mut Task, *mut ());

/// `listed`: in no list.
pub const NOWHERE: u8 = 0;
/// `listed`: rests without a processor and without work.
pub const RESTING: u8 = 1;
/// `listed`: has pinned work and wants a processor.
pub const WANTING: u8 = 2;

/// See the file's head.
#[repr(C, align(128))]
pub struct Thread {
    pub bracket: Bracket,
    /// The task that gort's calls of this thread speak for, or null: then the thread itself waits.
    pub current: Cell<*mut Task>,
    /// The task of a host's lane that runs here. It is `current` only inside the host's own calls: a foreign one made from its code blocks the thread (D4). The census reads it too.
    pub host_task: RelaxedPtr<Task>,
    /// How this thread waits as a thread, if it is one of a host.
    pub host: Cell<Option<&'static Hooks>>,
    /// What the host keeps for this thread; gort does not look at it.
    pub host_data: Cell<*mut ()>,
    pub commit: Cell<Option<Commit>>,
    pub commit_arg: Cell<*mut ()>,
    /// Parties met under a lock (W2), to be made ready after it is released.
    pub told: Cell<*const Party>,
    /// The value of a timer that is being received, until the unlock of its channel (time/timer.rs).
    pub due: Cell<Time>,
    /// For a checking tool (sys/race.rs).
    pub written: Written,
    pub sched: UnsafeCell<Fiber>,
    pub pinned_next: Cell<*mut Task>,
    pub pinned: Fifo<Task>,
    pub spinning: Cell<bool>,
    /// A moment at which it leaves its loop by itself (a host's runner), or NEVER.
    pub until: Cell<Time>,
    /// How long it looks before it sleeps, ns: more while that helped (`spin.rs`).
    pub patience: Patience,
    /// State of chance for a plain thread.
    pub random: Cell<u64>,
    /// The lane whose loop this thread runs; null for plain threads.
    pub lane: RelaxedPtr<Lane>,
    /// Tasks bound to it that panic and are parked in a plain lock (`wait/block.rs` K4).
    pub parked_panics: Cell<u32>,
    // ---- written by others
    pub mailbox: CachePadded<Mailbox<Task>>,
    pub bell: Bell,
    /// Tells the thread to leave its loop.
    pub stop: AtomicBool,
    /// Told by the monitor that its slice is used up; seen at the next contested entry.
    pub preempt: AtomicBool,
    /// Hired as a searcher: the giver took the token; the owner makes it `spinning` when it sees the processor.
    pub hired: AtomicBool,
    /// In use by a living OS thread.
    pub alive: AtomicBool,
    /// Blocked for ever inside gort as a plain thread (judge): its open wait has no deadline.
    pub tid: AtomicI32,
    // ---- guarded by the lane's lock
    pub listed: Cell<u8>,
    pub list_next: Cell<*const Thread>,
    // ---- the plain thread's own waiting
    pub party: Party,
    /// Rung only by whoever won the party's ticket.
    pub party_bell: Bell,
    /// Written by the owner; a shutdown asks whether it has left (waits.rs).
    pub waits: Waits,
    /// As who it reads what is reclaimed later (epoch.rs).
    pub reader: Reader,
    // ---- set once
    /// Its number among all: no two that are alive have the same.
    pub index: Cell<u32>,
    all_next: Cell<*const Thread>,
}

// SAFETY: every field is an atomic, or its comment names the one thread or lock that may touch it.
unsafe impl Sync for Thread {}

/// All threads ever made (never shrinks, H1); pushed under `REGISTRY`.
static ALL: AtomicPtr<Thread> = AtomicPtr::new(null_mut());
static REGISTRY: ByteLock = ByteLock::new();
/// How many were ever made; written under `REGISTRY`.
static MADE: AtomicU32 = AtomicU32::new(0);

impl Thread {
    fn fresh() -> Thread {
        Thread {
            bracket: Bracket::new(FOREIGN),
            current: Cell::new(null_mut()),
            host_task: RelaxedPtr::new(null()),
            host: Cell::new(None),
            host_data: Cell::new(null_mut()),
            commit: Cell::new(None),
            commit_arg: Cell::new(null_mut()),
            told: Cell::new(null()),
            due: Cell::new(0),
            written: Written::new(),
            sched: UnsafeCell::new(Fiber::default()),
            pinned_next: Cell::new(null_mut()),
            pinned: Fifo::new(),
            spinning: Cell::new(false),
            until: Cell::new(clock::NEVER),
            patience: Patience::new(),
            random: Cell::new(0),
            lane: RelaxedPtr::new(null()),
            mailbox: CachePadded(Mailbox::new()),
            bell: Bell::new(),
            party_bell: Bell::new(),
            waits: Waits::new(),
            stop: AtomicBool::new(false),
            parked_panics: Cell::new(0),
            preempt: AtomicBool::new(false),
            hired: AtomicBool::new(false),
            alive: AtomicBool::new(true),
            tid: AtomicI32::new(0),
            listed: Cell::new(NOWHERE),
            list_next: Cell::new(null()),
            // SAFETY: an all-zero party is a valid one (party.rs I4).
            party: unsafe { core::mem::zeroed() },
            reader: Reader::new(),
            index: Cell::new(0),
            all_next: Cell::new(null()),
        }
    }

    /// Registers the calling OS thread (a plain one; a worker then becomes more) and returns its `Thread`.
    pub fn register() -> &'static Thread {
        race::quiet_begin(); // what an earlier user of this Thread left is not its own business
        let mut found: Option<&'static Thread> = None;
        REGISTRY.with(|| {
            for t in all() {
                // Acquire: pairs with the Release store of unregister.
                if !t.alive.load(Acquire) {
                    t.alive.store(true, Relaxed);
                    found = Some(t);
                    break;
                }
            }
        });
        let t = found.unwrap_or_else(|| {
            let t: &'static Thread = Box::leak(Box::new(Thread::fresh()));
            t.party.set_who(Who::Thread);
            REGISTRY.with(|| {
                t.index.set(MADE.load(Relaxed));
                MADE.store(t.index.get() + 1, Relaxed);
                t.all_next.set(ALL.load(Relaxed));
                // Release: pairs with the Acquire load in `all`.
                ALL.store(core::ptr::from_ref(t).cast_mut(), Release);
            });
            t
        });
        t.reset();
        t.waits.forget(); // of an earlier user that ended within a wait
        t.stop.store(false, Relaxed);
        t.tid.store(cpu::thread_id(), Relaxed);
        t.random.set((cpu::thread_id() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ clock::now() as u64);
        tls::set(core::ptr::from_ref(t).cast_mut().cast());
        on_thread_exit();
        race::quiet_end();
        t
    }

    /// Owner: a plain thread again, with nothing left of what it was: no lane, no tasks, no telling that was meant for an earlier wait.
    pub fn reset(&self) {
        self.bracket.make_foreign();
        self.lane.set(null());
        self.current.set(null_mut());
        self.host_task.set(null());
        self.host.set(None);
        self.host_data.set(null_mut());
        self.until.set(clock::NEVER);
        self.pinned_next.set(null_mut());
        self.spinning.set(false);
        self.parked_panics.set(0);
        self.hired.store(false, Relaxed);
        self.preempt.store(false, Relaxed);
        // Whatever tasks these held were given up with the runtime they belonged to; their links are not to be followed.
        self.mailbox.clear();
        self.pinned.clear();
        self.bell.reset();
        self.party_bell.reset();
        self.listed.set(NOWHERE);
        // The queue that its waiter stood in is not there any more.
        self.party.waiter.queued.set(false);
        self.party.ticket.close();
        super::last_error::clear(&self.party);
    }

    /// The calling thread's, if it has one.
    #[inline(always)]
    pub fn get() -> *const Thread {
        tls::get().cast_const().cast()
    }

    /// The thread a party is part of.
    ///
    /// # Safety
    /// `party` is the `party` field of a thread.
    pub unsafe fn of(party: *const Party) -> *const Thread {
        // SAFETY: the party is at a fixed offset in its thread.
        unsafe { party.byte_sub(core::mem::offset_of!(Thread, party)).cast() }
    }

    /// Does it wait, as a thread, in a call that was made from a task's own code (D4)? For a report: then nothing else that is pinned to it can go on.
    pub fn blocked_by(&self) -> *const Task {
        if self.party.ticket.waiting().is_some() { self.host_task.get() } else { null() }
    }

    /// Anybody, after a heavy barrier: may it still be in a call that began before it?
    pub fn is_in_a_call(&self) -> bool {
        self.waits.in_a_call(&self.bracket)
    }

    /// Owner, inside: has it started tasks that only it can run?
    pub fn has_pinned(&self) -> bool {
        !self.pinned_next.get().is_null() || !self.pinned.is_empty() || !self.mailbox.is_empty()
    }

    /// Owner: is it to leave its loop?
    pub fn is_to_stop(&self) -> bool {
        // Acquire: pairs with the Release of whoever stops it.
        self.stop.load(Acquire) || (self.until.get() != clock::NEVER && self.until.get() <= clock::now())
    }

    /// The calling thread leaves gort; its `Thread` may be used by another.
    pub fn unregister(&self) {
        self.bracket.make_foreign();
        self.lane.set(null());
        tls::set(null_mut());
        super::foreign_left();
        // Release: the next user of this Thread sees our last writes.
        self.alive.store(false, Release);
    }
}

/// Every thread ever registered.
pub fn all() -> impl Iterator<Item = &'static Thread> {
    let mut t = ALL.load(Acquire).cast_const();
    core::iter::from_fn(move || {
        if t.is_null() {
            return None;
        }
        // SAFETY: threads are leaked boxes (H1), published by a Release store.
        let r: &'static Thread = unsafe { &*t };
        t = r.all_next.get();
        Some(r)
    })
}

/// The calling thread's number, or None for one that never called gort. No two living threads have the same; a thread that ends leaves its own to the next.
#[inline(always)]
pub fn index() -> Option<usize> {
    // SAFETY: the word is null or a leaked Thread (H1, H4), whose number was set before it was published.
    unsafe { Thread::get().as_ref() }.map(|t| t.index.get() as usize)
}

/// In a fork's child only the calling thread is left: every other `Thread` is forgotten, for the registry's lock may be held for ever.
pub fn forget_others_after_fork() {
    let me = Thread::get();
    // SAFETY: single-threaded child; the lock is put into its initial state.
    unsafe { REGISTRY.unlock() };
    for t in all() {
        if core::ptr::from_ref(t) != me {
            // A slot whose lists may be torn is not used again: it stays `alive`, without an OS thread.
            t.bracket.make_foreign();
            t.waits.forget();
            t.party.ticket.close();
            t.tid.store(0, Relaxed);
        }
    }
}

static KEY: AtomicU64 = AtomicU64::new(0);

/// Arranges that `unregister` runs when the calling OS thread ends (a pthread key: works in a shared object, and has no order problem with Rust's).
fn on_thread_exit() {
    unsafe extern "C" fn leave(t: *mut libc::c_void) {
        // A worker has unregistered already, and another thread may have its `Thread` by now.
        if core::ptr::eq(Thread::get(), t.cast_const().cast()) {
            // SAFETY: the value set below: a leaked Thread, still this thread's own.
            unsafe { (*t.cast::<Thread>()).unregister() }
        }
    }
    let mut key = KEY.load(Acquire);
    if key == 0 {
        REGISTRY.with(|| {
            key = KEY.load(Acquire);
            if key == 0 {
                let mut k: libc::pthread_key_t = 0;
                // SAFETY: `k` is valid to write; `leave` has the right signature.
                if unsafe { libc::pthread_key_create(&mut k, Some(leave)) } == 0 {
                    key = k as u64 + 1;
                    KEY.store(key, Release);
                }
            }
        });
    }
    if key != 0 {
        // SAFETY: the key was created above and is never deleted.
        unsafe { libc::pthread_setspecific((key - 1) as libc::pthread_key_t, Thread::get().cast()) };
    }
}

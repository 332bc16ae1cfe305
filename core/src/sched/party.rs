//! Who can wait: the part that a task, a plain OS thread and a callback have in common, and the nodes they wait with.
//!
//! What this is: plain data that `Task` and `Thread` embed (D4: a waiter is never on a stack that can move). A `Party` has one ticket,
//! one waiter for single operations, the reason it waits for (census), and its last error. (A host whose stacks move keeps the inline slot of D4 in its own task object.)
//! What this is NOT: the protocol; that is floor 2 (`wait/`). Queues of waiters are here because a task carries one (its joiners).
//!
//! I1  `waiter.queued` and the links are guarded by the lock of the object whose queue it is.
//! I2  A waiter found on a queue under that lock belongs to a party that can not leave the wait without taking the same lock,
//!     so its fields may be read; whether it still waits is for the ticket to say.
//! I3  `link` belongs to whoever won the ticket, until it makes the party ready.
//! I4  Everything is zero-initialisable: a never-used slab slot is a valid party.

use super::ticket::{self, Ticket};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::race::{Spot, Token};
use core::ptr::null;

/// Nothing else ends the wait (a plain lock, K3).
pub const FIXED: u8 = 1;
/// No cancellation ends it, but its host may (a signal's handler has raised something), and the judge.
pub const HOSTED: u8 = 2;

/// What a party is.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Who {
    Task = 0,
    Thread = 1,
    Callback = 2,
}

/// What a parked party waits for; the census prints it.
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    None = 0,
    ChanSend,
    ChanRecv,
    NilChan,
    Select,
    WaitGroup,
    Join,
    Sleep,
    Run,
    Context,
    Mutex,
    ReadLock,
    WriteLock,
    Cond,
    Once,
    Semaphore,
    Barrier,
    Event,
}

impl Reason {
    /// The words of the dump.
    pub fn text(self) -> &'static str {
        match self {
            Reason::None => "nothing",
            Reason::ChanSend => "channel send",
            Reason::ChanRecv => "channel receive",
            Reason::NilChan => "nil channel",
            Reason::Select => "select",
            Reason::WaitGroup => "wait group",
            Reason::Join => "task join",
            Reason::Sleep => "sleep",
            Reason::Run => "end of a run",
            Reason::Context => "context",
            Reason::Mutex => "mutex",
            Reason::ReadLock => "read lock",
            Reason::WriteLock => "write lock",
            Reason::Cond => "condition",
            Reason::Once => "once",
            Reason::Semaphore => "semaphore",
            Reason::Barrier => "barrier",
            Reason::Event => "event",
        }
    }

    fn from(v: u8) -> Reason {
        const ALL: [Reason; 18] = [
            Reason::None,
            Reason::ChanSend,
            Reason::ChanRecv,
            Reason::NilChan,
            Reason::Select,
            Reason::WaitGroup,
            Reason::Join,
            Reason::Sleep,
            Reason::Run,
            Reason::Context,
            Reason::Mutex,
            Reason::ReadLock,
            Reason::WriteLock,
            Reason::Cond,
            Reason::Once,
            Reason::Semaphore,
            Reason::Barrier,
            Reason::Event,
        ];
        ALL.get(v as usize).copied().unwrap_or(Reason::None)
    }
}

/// One enlistment of a party in one queue.
#[repr(C)]
pub struct Waiter {
    // guarded by the lock of the object
    pub next: Cell<*const Waiter>,
    pub prev: Cell<*const Waiter>,
    pub queued: Cell<bool>,
    // written by the owner before it enlists
    pub case: Cell<u16>,
    // written by the winner before it makes the party ready
    pub status: Cell<Status>,
    // written by the owner before it enlists
    /// Null: an entry that is no waiter (W1).
    pub party: Cell<*const Party>,
    pub seq: Cell<u64>,
    /// Where the value goes to or comes from: memory of a native task's or thread's stack, or an inline slot.
    pub slot: Cell<*mut u8>,
    // set once, before it is enlisted for the first time
    /// What is done with an entry that is no waiter when it is popped (W1).
    pub meet: Cell<Option<Meet>>,
}

/// Meets an entry that was popped and is no waiter: null, or the waiter that it turned out to be, whose ticket was won by this.
///
/// W1  An entry with a `meet` stays for longer than one wait: of a selector, or of an observer. While it is queued its `party` is null: there is no ticket to be tried, in vain or by chance. It
///     is taken off the queue by being met: off the queue means told, on it means armed (D10).
/// W2  Called under the object's lock, from inside; it must not block, take a lock of the same rank, or wake: whom it tells goes on the thread's list (`tell_later`).
///
/// W3  `STAYS` says that it has put itself back in front and there is nothing to be had: the search ends there.
pub type Meet = unsafe fn(*const Waiter) -> *const Waiter;

/// See W3. Never looked into.
pub const STAYS: *const Waiter = core::ptr::dangling();

impl Waiter {
    /// A waiter in no queue.
    pub const fn new() -> Waiter {
        Waiter {
            next: Cell::new(null()),
            prev: Cell::new(null()),
            queued: Cell::new(false),
            case: Cell::new(0),
            status: Cell::new(Status::Ok),
            party: Cell::new(null()),
            seq: Cell::new(0),
            slot: Cell::new(core::ptr::null_mut()),
            meet: Cell::new(None),
        }
    }
}

#[cfg(loom)]
impl Waiter {
    /// Its memory is about to be used for something else: loom reports whoever still uses it.
    pub fn wreck(&self) {
        self.next.set(null());
        self.prev.set(null());
        self.queued.set(false);
        self.case.set(0);
        self.status.set(Status::Ok);
        self.party.set(null());
        self.seq.set(0);
        self.slot.set(core::ptr::null_mut());
        self.meet.set(None);
    }
}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}

/// A FIFO of waiters; guarded by the lock of the object it belongs to (C2).
#[repr(C)]
pub struct WaitQueue {
    /// Whether it is null is looked at without the lock too.
    head: RelaxedPtr<Waiter>,
    tail: Cell<*const Waiter>,
}

impl WaitQueue {
    #[cfg(not(loom))]
    pub const fn new() -> WaitQueue {
        WaitQueue { head: RelaxedPtr::new(null()), tail: Cell::new(null()) }
    }
    #[cfg(loom)]
    pub fn new() -> WaitQueue {
        WaitQueue { head: RelaxedPtr::new(null()), tail: Cell::new(null()) }
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    /// The longest-waiting one, which stays; under the object's lock.
    pub fn first(&self) -> *const Waiter {
        self.head.get()
    }

    /// Forgets whatever was in it: for an object that is made anew.
    pub fn clear(&self) {
        self.head.set(null());
        self.tail.set(null());
    }

    /// Appends `w`.
    ///
    /// # Safety
    /// The object's lock is held, `w` is in no queue and stays valid until it is popped or removed.
    #[inline(always)]
    pub unsafe fn push(&self, w: *const Waiter) {
        // SAFETY: `w` and the tail are valid waiters (contract, and every queued waiter is).
        unsafe {
            let tail = self.tail.get();
            (*w).next.set(null());
            (*w).prev.set(tail);
            (*w).queued.set(true);
            if tail.is_null() {
                self.head.set(w)
            } else {
                (*tail).next.set(w)
            }
            self.tail.set(w);
        }
    }

    /// Takes the longest-waiting one.
    ///
    /// # Safety
    /// The object's lock is held.
    #[inline(always)]
    pub unsafe fn pop(&self) -> *const Waiter {
        let w = self.head.get();
        if !w.is_null() {
            // SAFETY: a queued waiter is valid while the lock is held (I2).
            unsafe {
                let next = (*w).next.get();
                self.head.set(next);
                if next.is_null() {
                    self.tail.set(null())
                } else {
                    (*next).prev.set(null())
                }
                (*w).queued.set(false);
            }
        }
        w
    }

    /// Puts `w` in front: it was popped under the same hold of the lock.
    ///
    /// # Safety
    /// As `push`.
    pub unsafe fn push_front(&self, w: *const Waiter) {
        // SAFETY: `w` and the head are valid waiters.
        unsafe {
            let head = self.head.get();
            (*w).prev.set(null());
            (*w).next.set(head);
            (*w).queued.set(true);
            if head.is_null() {
                self.tail.set(w)
            } else {
                (*head).prev.set(w)
            }
            self.head.set(w);
        }
    }

    /// Takes the longest-waiting one whose ticket the caller wins by this; losers of other races are dropped on the way, and entries that are no waiters are met (W1). Null if
    /// nobody is left. Whoever calls this tells (`sched::tell`) after the unlock.
    ///
    /// # Safety
    /// The object's lock is held.
    #[inline(always)]
    pub unsafe fn pop_winner(&self) -> *const Waiter {
        loop {
            // SAFETY: contract; a queued waiter's fields may be read (I2).
            unsafe {
                let w = self.pop();
                if w.is_null() {
                    return w;
                }
                if let Some(party) = (*w).party.get().as_ref() {
                    if party.ticket.win_held((*w).seq.get(), ticket::WON, (*w).case.get()) {
                        return w;
                    }
                } else if let Some(meet) = (*w).meet.get() {
                    let w = meet(w);
                    if w == STAYS {
                        return null();
                    }
                    if !w.is_null() {
                        return w;
                    }
                }
            }
        }
    }

    /// Takes `w` out if it is in this queue. O(1).
    ///
    /// # Safety
    /// The object's lock is held; `w`, if queued, is in this queue.
    #[inline]
    pub unsafe fn remove(&self, w: *const Waiter) {
        // SAFETY: as above; neighbours of a queued waiter are queued and valid.
        unsafe {
            if !(*w).queued.get() {
                return;
            }
            #[cfg(feature = "mutant_skip_unlink")]
            return;
            #[allow(unreachable_code)]
            {
                let (next, prev) = ((*w).next.get(), (*w).prev.get());
                if prev.is_null() {
                    self.head.set(next)
                } else {
                    (*prev).next.set(next)
                }
                if next.is_null() {
                    self.tail.set(prev)
                } else {
                    (*next).prev.set(prev)
                }
                (*w).queued.set(false);
            }
        }
    }
}

impl Default for WaitQueue {
    fn default() -> Self {
        Self::new()
    }
}

/// A party's place in a cancel source's list (`wait/cancel.rs`); guarded by the source's root lock.
#[repr(C)]
pub struct CancelNode {
    pub next: Cell<*const CancelNode>,
    pub prev: Cell<*const CancelNode>,
    pub party: Cell<*const Party>,
    pub seq: Cell<u64>,
    /// The source's flag, or null when this node is not in use: owner's word, read by the commit.
    pub flag: Cell<*const AtomicU8>,
    /// The source itself, opaque on this floor.
    pub source: Cell<*const ()>,
}

impl CancelNode {
    /// A node in no list.
    pub const fn new() -> CancelNode {
        CancelNode {
            next: Cell::new(null()),
            prev: Cell::new(null()),
            party: Cell::new(null()),
            seq: Cell::new(0),
            flag: Cell::new(null()),
            source: Cell::new(null()),
        }
    }
}

impl Default for CancelNode {
    fn default() -> Self {
        Self::new()
    }
}

/// The common part of everything that can wait. The first line is what a winner touches under the lock: the ticket and the waiter.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct Party {
    pub ticket: Ticket,
    pub waiter: Waiter,
    /// Written by the owner before each wait, read by cancellers and the judge: see `fixed`, `timed`.
    who: AtomicU8,
    /// What may end the open wait besides its own object: 0, or `FIXED`, or `HOSTED`.
    pub fixed: AtomicU8,
    /// 1 while a timer, a descriptor or a live observer may end the open wait (K2).
    pub timed: AtomicU8,
    reason: AtomicU8,
    /// How much it asks for of what it waits at (`wait/at.rs`); guarded by that one's lock.
    pub amount: Cell<u32>,
    /// Level-triggered cancellation of the task (K3): the incarnation it is meant for, plus one. Raised by anybody, so that a late canceller of a
    /// task that is gone never hits the next one in the slot.
    pub cancel: AtomicU64,
    /// How many tasks this slot has held before; the slot's owner counts it up when a task ends.
    pub incarnation: AtomicU64,
    /// Cancel nodes in use for the open wait (owner).
    pub watching: Cell<u8>,
    /// What the owner has learned of its selects (`chan/select.rs` S-8).
    pub luck: Cell<u8>,
    /// 1: it will never go on (`give_up`).
    gone: AtomicU8,
    /// Open shields; written by the owner only.
    pub shield: AtomicU8,
    /// Coarse milliseconds at the last park (census).
    pub since: AtomicU32,
    pub object: AtomicPtr<()>,
    /// Next in a wake list (I3).
    pub link: Cell<*const Party>,
    /// The cancel nodes of the open wait (`watching` of them): on the owner's stack, or in a pool if that can move (D4).
    pub cancels: Cell<*const CancelNode>,
    pub last_error: Cell<*mut libc::c_char>,
    // ---- what a checking tool is told (sys/race.rs); nothing in other builds
    /// Left by whoever makes it go on (a task's spawner at first, the task itself when it ends), fetched when it does.
    pub woken: Spot,
    /// Left by whoever cancels it, fetched with CANCELED.
    pub canceled: Spot,
    /// Left by the owner when it enlists, taken by whoever completes its operation.
    pub waits: Token,
}

impl Party {
    /// What this is.
    #[inline(always)]
    pub fn who(&self) -> Who {
        match self.who.load(Relaxed) {
            0 => Who::Task,
            1 => Who::Thread,
            _ => Who::Callback,
        }
    }

    /// Owner, once.
    pub fn set_who(&self, who: Who) {
        self.who.store(who as u8, Relaxed)
    }

    /// Owner: its waiter, made ready for the coming wait: to be enlisted in one queue.
    #[inline(always)]
    pub fn prepare_waiter(&self, slot: *mut u8) -> &Waiter {
        let w = &self.waiter;
        self.waits.leave();
        w.party.set(self);
        w.seq.set(self.ticket.next_seq());
        w.case.set(0);
        w.slot.set(slot);
        w
    }

    /// Owner, before it parks: what the census prints.
    #[inline(always)]
    pub fn waits_for(&self, reason: Reason, object: *const ()) {
        self.reason.store(reason as u8, Relaxed);
        self.object.store(object.cast_mut(), Relaxed);
    }

    /// Anybody, who holds no lock of an object: ends wait `seq` as `state`, also one that is HELD (ticket.rs I4). True for exactly one caller a wait.
    #[cold]
    pub fn end(&self, seq: u64, state: u8) -> bool {
        while self.ticket.is_held(seq) {
            let object = self.object.load(Relaxed);
            // SAFETY: a HELD wait is at an object of a slab, which is type-stable and begins with its lock; the object was written before the ticket was opened. Should the wait be over
            // meanwhile this is the lock of another object, and the ticket says so; or null.
            let Some(lock) = (unsafe { object.cast_const().cast::<ByteLock>().as_ref() }) else {
                return false; // that one is over: its owner waits at nothing meanwhile
            };
            if let Some(won) = lock.with(|| {
                (self.ticket.is_held(seq) && self.object.load(Relaxed) == object)
                    .then(|| self.ticket.win_held(seq, state, 0))
            }) {
                return won;
            }
        }
        self.ticket.win(seq, state, 0)
    }

    /// Whoever lets it never go on (a host's task whose run is over): its open wait is ended, and it is not made ready. What it was about to do with an object is for those to clear up who find its
    /// name there.
    pub fn give_up(&self) {
        // Release: pairs with the Acquire of `is_gone`: what it did is seen.
        self.gone.store(1, Release);
        if let Some(seq) = self.ticket.waiting() {
            self.end(seq, ticket::CANCELED);
        }
    }

    /// Will it never go on? True stays true.
    pub fn is_gone(&self) -> bool {
        self.gone.load(Acquire) != 0
    }

    /// What the census prints.
    pub fn reason(&self) -> Reason {
        Reason::from(self.reason.load(Relaxed))
    }

    /// Whether it was cancelled, shielded or not.
    #[inline(always)]
    pub fn is_cancel_set(&self) -> bool {
        self.cancel.load(Relaxed) == self.incarnation.load(Relaxed) + 1
    }

    /// Whether a blocking call of the owner must return CANCELED now (K3).
    #[inline(always)]
    pub fn is_canceled(&self) -> bool {
        self.is_cancel_set() && self.shield.load(Relaxed) == 0
    }
}

//! `Selector`: cases that are registered once; a wait costs what happened, not what is registered.
//!
//! Each case has an entry that is in one place at a time: on the **ready list** (it may be able to go ahead: to be tried), in its **channel's queue** (it was tried in vain; armed), or in the
//! hands of the wait that tries it. A wait tries the entries of the ready list, one after the other; one that goes ahead goes to the list's tail, since there may be more, and the wait is
//! over; the others are enlisted. With nothing left on the list the party parks: then every entry stands in its queue as a full waiter, and a peer hands its value over (C4). A peer that
//! meets an entry while nobody waits puts it on the ready list and looks for another, as if it had not been there.
//!
//!  L1  Guarded by the selector's lock: the ready list, `user`. Guarded by a channel's lock: whether an entry is in its queue. Order of locks: channel, then selector; a wait holds one at a time.
//!  L2  An entry is popped by whoever meets it, under the channel's lock; it is enlisted only by the wait, under a hold of that lock which tried it in vain. So nothing happens between the
//!      try and the arming.
//!  L3  The ticket is opened by the commit, under the selector's lock, with the ready list empty. Whoever meets an entry takes that lock, so it finds the ticket open, or puts the entry on
//!      the list before the wait looks at it for the last time.
//!  L4  A selector never meets itself (S7): its own entries are set aside while it tries, and go back to the front of their queue; or, if the try changed the buffer, to the ready list, for
//!      that is an event for them like any other.
//!  L5  Order: round robin over what is ready (the tail of the list), FIFO among the waiters of a channel while it waits.
//!  L6  One party waits at a time; cases change only while nobody does. Its ticket may be open for another wait, around this one (K4): `object` says for what. A party that was given up while it
//!      waited is nobody (`inherit`).
//!
//! Rejected: observers only, which take no value (two selectors would never meet, and a `try_send` to one that waits would fail); a lock-free ready list (its owner must look once more
//! after it opened the ticket, and the entry has two places for a moment: the lock is taken once for each event, and is nearly never contended).

use super::notify;
use super::order;
use super::overflow::Overflow;
use super::raw::{KIND_CHAN, Now, RawChan, release, retain};
use super::select::{Case, MOST, Op};
use crate::elem::Dyn;
use crate::sched::party::{Party, Reason, Waiter};
use crate::sched::thread::Thread;
use crate::sched::{Cx, enter, objects, ready, tell, ticket};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use crate::wait::block::{Wait, block, interrupted, panics, status_of};
use core::mem::offset_of;
use core::ptr::{NonNull, from_ref, null, null_mut};
use registry::Registry;

mod registry;

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_SELECTOR: u8 = 7;

/// A case that is registered.
#[repr(C)]
struct Entry {
    /// In its channel's queue, guarded by the channel's lock.
    waiter: Waiter,
    selector: *const Selector,
    case: Case,
    /// Does it hold a reference of its channel?
    holds: bool,
    /// Set when it is registered.
    index: Cell<u16>,
    // ---- guarded by the selector's lock, or the waiting party's own while it tries
    listed: Cell<bool>,
    next: Cell<*const Entry>,
    prev: Cell<*const Entry>,
}

/// See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct Selector {
    header: Header,
    // ---- guarded by header.lock
    head: Cell<*const Entry>,
    tail: Cell<*const Entry>,
    /// Who is in `wait`, or null.
    user: Cell<*const Party>,
    /// Of the user's own entries, those it met while it tried (L4).
    aside: Cell<*const Entry>,
    /// The user tries a case now; its own.
    trying: Cell<bool>,
    /// A channel that was tried has a descriptor (notify.rs); the user's own.
    watched: Cell<bool>,
    // ---- of whoever holds the lock and finds no user, or is it
    /// A box; null in a slot that was never used, or reads as zero.
    entries: Cell<*mut Registry<Entry>>,
}

// SAFETY: repr(C), header first; zero is valid (null pointers, None).
unsafe impl Slot for Selector {
    const KIND: u8 = KIND_SELECTOR;
}

static SELECTORS: Slab<Selector> = Slab::new();
static KEEPER: objects::Keeper = objects::Keeper {
    name: "selectors",
    live: || SELECTORS.live(),
    release: free_entries,
    reset: || SELECTORS.reset(),
};

/// At shutdown. The channels go by themselves.
fn free_entries() {
    SELECTORS.for_each(|slot| {
        // SAFETY: nobody is inside any more.
        drop(unsafe { slot.as_ref().take_entries() })
    });
}

/// A selector without cases. NO_MEMORY, or SHUTDOWN.
pub fn create() -> Result<NonNull<Selector>, Status> {
    let entries = Box::into_raw(Box::new(Registry::with_room(0)));
    let made = objects::make(&KEEPER, &SELECTORS, |s| {
        s.head.set(null());
        s.tail.set(null());
        s.user.set(null());
        s.aside.set(null());
        s.trying.set(false);
        s.watched.set(false);
        s.entries.set(entries);
        s.header.refs.store(1, Relaxed);
        s.header.epoch.store(slab::epoch(), Relaxed);
        // Release: pairs with the lock's Acquire of whoever was given the handle.
        s.header.kind.store(KIND_SELECTOR, Release);
    });
    // SAFETY: the box from above; no selector has it.
    made.inspect_err(|_| unsafe { drop(Box::from_raw(entries)) })
}

/// Enters and locks a selector that nobody waits on: MISUSE if somebody does (L6).
unsafe fn lock(s: *const Selector) -> Result<(Cx, &'static Selector), Status> {
    if s.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract of the callers: a handle; type-stable, and checked under its lock.
    unsafe {
        let r = &*s;
        let status = r.header.lock_as(KIND_SELECTOR);
        if !status.is_ok() {
            return Err(cx.out(status));
        }
        if let Some(user) = r.user.get().as_ref() {
            if !user.is_gone() {
                r.header.lock.unlock();
                return Err(cx.out(Status::Misuse));
            }
            let _ = r.inherit(user);
        }
        Ok((cx, r))
    }
}

/// Was its user given up while it waited (a host's task that is never resumed)? Then it is nobody's from now on: the case that was won for that user, if any. None: it has a living user, or none.
///
/// # Safety
/// `s` is a handle.
pub unsafe fn take_over(s: *const Selector) -> Option<Option<usize>> {
    let cx = enter().ok()?;
    // SAFETY: contract; type-stable, and checked under its lock.
    unsafe {
        let r = &*s;
        let mut taken = None;
        if r.header.lock_as(KIND_SELECTOR).is_ok() {
            taken = r.user.get().as_ref().filter(|user| user.is_gone()).map(|user| r.inherit(user));
            r.header.lock.unlock();
        }
        cx.exit();
        taken
    }
}

/// Registers a case, a send or a receive: its index, the lowest that is free. LIMIT above 65536 cases, INVALID for another kind of case, MISUSE while somebody waits. A null channel is
/// never ready.
///
/// # Safety
/// `s` is a handle. The case's channel is a handle or null, and is kept alive by the selector; its place is readable or writable for an element until the case is removed.
pub unsafe fn add(s: *const Selector, case: Case) -> Result<usize, Status> {
    // SAFETY: contract.
    unsafe {
        if case.op == Op::After || case.chan.is_null() {
            return register(s, case, false);
        }
        let status = retain(case.chan);
        if !status.is_ok() {
            return Err(status);
        }
        register(s, case, true).inspect_err(|_| {
            let _ = release(case.chan);
        })
    }
}

/// As `add`, but it is the caller who keeps the channel alive until the case is removed. A reference of the selector's would anchor a channel of typed ends: the last sender dropped would not
/// close it (H6).
///
/// # Safety
/// As `add`, and as said.
pub unsafe fn add_borrowed(s: *const Selector, case: Case) -> Result<usize, Status> {
    // SAFETY: contract.
    unsafe { register(s, case, false) }
}

unsafe fn register(s: *const Selector, case: Case, holds: bool) -> Result<usize, Status> {
    if case.op == Op::After {
        return Err(Status::Invalid);
    }
    let e = Box::new(Entry::new(s, case, holds));
    // SAFETY: contract of the callers; what is registered is ours under the lock, without a user. Nothing is allocated or freed under it (registry.rs Y1).
    unsafe {
        loop {
            let (cx, r) = lock(s)?;
            let all = &mut *r.entries.get();
            let index = all.lowest();
            if index >= MOST {
                r.header.lock.unlock();
                return Err(cx.out(Status::Limit));
            }
            let Some(room) = all.wants() else {
                e.index.set(index as u16);
                if !case.chan.is_null() {
                    r.push(&*e)
                }
                all.put(e);
                r.header.lock.unlock();
                cx.exit();
                return Ok(index);
            };
            r.header.lock.unlock();
            cx.exit();
            let larger = Registry::with_room(room);
            let (cx, r) = lock(s)?;
            let old = (*r.entries.get()).grow(larger);
            r.header.lock.unlock();
            cx.exit();
            drop(old);
        }
    }
}

/// Takes a case out; its index may be given to another. INVALID for one that is not registered, MISUSE while somebody waits.
///
/// # Safety
/// `s` is a handle.
pub unsafe fn remove(s: *const Selector, index: usize) -> Status {
    // SAFETY: contract; the entry is ours once it is out of the registry, its queue and the list.
    unsafe {
        let (cx, r) = match lock(s) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let entry = (*r.entries.get()).take(index);
        // So that nobody else changes the cases, or waits, until it is out.
        r.user.set(cx.party());
        r.header.lock.unlock();
        if let Some(e) = &entry {
            e.leave_queue()
        }
        r.header.lock.lock();
        if let Some(e) = &entry {
            r.unlist(e)
        }
        r.user.set(null());
        r.header.lock.unlock();
        cx.exit();
        match entry {
            None => Status::Invalid,
            Some(e) => {
                e.let_go();
                Status::Ok
            }
        }
    }
}

/// Gives a selector back. MISUSE while somebody waits.
///
/// # Safety
/// `s` is a handle; the caller does not use it again.
pub unsafe fn free(s: *const Selector) -> Status {
    // SAFETY: contract; the entries are ours once they are out of their queues.
    unsafe {
        let (cx, r) = match lock(s) {
            Ok(x) => x,
            Err(s) => return s,
        };
        r.user.set(cx.party());
        let entries = r.take_entries();
        r.header.lock.unlock();
        for e in entries.iter().flat_map(|all| all.iter()) {
            e.leave_queue()
        }
        r.header.lock.lock();
        r.head.set(null());
        r.tail.set(null());
        r.user.set(null());
        r.header.kind.store(0, Relaxed);
        r.header.lock.unlock();
        SELECTORS.free(NonNull::from(r));
        cx.exit();
        entries.into_iter().flat_map(|all| all.into_all()).for_each(|e| e.let_go());
        Status::Ok
    }
}

/// Waits until one of the cases can go ahead and does it: its index, and OK or CLOSED. A closed channel is ready each time, until its case is removed. `may_block` false: WOULD_BLOCK if
/// none can. MISUSE if another party waits on it.
///
/// # Safety
/// `s` is a handle; the places of its cases are as `add` says.
pub unsafe fn wait(s: *const Selector, wait: Wait, may_block: bool) -> Result<(usize, Status), Status> {
    // SAFETY: contract; the entries stay while there is a user (L6).
    unsafe {
        if may_block {
            enter().and_then(interrupted)?.exit();
        }
        let (cx, r) = lock(s)?;
        r.user.set(cx.party());
        loop {
            let e = r.pop();
            if e.is_null() {
                break;
            }
            r.header.lock.unlock();
            let now = (*e).try_now(cx, r);
            r.header.lock.lock();
            match now {
                Now::NoRoom(_) | Now::WouldBlock => {}
                Now::Done(party) => return Ok(r.over(cx, &*e, Status::Ok, party)),
                Now::Ended(Status::Closed) => return Ok(r.over(cx, &*e, Status::Closed, null())),
                Now::Ended(status) => {
                    let _ = r.over(cx, &*e, status, null());
                    return Err(status);
                }
            }
        }
        let end = if !may_block {
            Some(Status::WouldBlock)
        } else if panics(cx) {
            Some(Status::Misuse) // a destructor may not park (H5)
        } else {
            wait.over()
        };
        if let Some(status) = end {
            if status == Status::WouldBlock && r.watched.get() {
                r.header.lock.unlock();
                r.arm_descriptors();
                r.header.lock.lock();
            }
            r.user.set(null());
            r.header.lock.unlock();
            tell(cx);
            return Err(cx.out(status));
        }
        let party = cx.party();
        party.waits.leave();
        let (cx, state) = block(cx, &r.header.lock, Reason::Select, from_ref(r).cast(), wait);
        r.header.lock.lock();
        if state == ticket::WON {
            let index = party.ticket.outcome().1;
            if let Some(e) = (*r.entries.get()).get(index as usize) {
                if e.case.op == Op::Recv && e.waiter.status.get().is_ok() {
                    order::wrote(e.case.at, (*e.case.chan).size.get() as usize) // the selector holds a reference
                }
                return Ok(r.over(cx, e, e.waiter.status.get(), null()));
            }
        }
        r.user.set(null());
        r.header.lock.unlock();
        cx.exit();
        Err(status_of(state, wait))
    }
}

/// The end of an entry that nobody can find any more. In the models it is written over and stays, so that whoever still uses it is reported.
fn discard(e: Box<Entry>) {
    #[cfg(loom)]
    {
        e.waiter.wreck();
        e.listed.set(false);
        e.next.set(null());
        e.prev.set(null());
        slab::adopt(e);
    }
    #[cfg(not(loom))]
    drop(e)
}

impl Selector {
    /// What is registered, for whoever may have it (see the field).
    unsafe fn take_entries(&self) -> Option<Box<Registry<Entry>>> {
        let all = self.entries.replace(null_mut());
        // SAFETY: null, or the box of `create`.
        (!all.is_null()).then(|| unsafe { Box::from_raw(all) })
    }

    /// The user, without the lock: WOULD_BLOCK of every receive case (notify.rs N3). It costs what is registered, and only where there are descriptors.
    unsafe fn arm_descriptors(&self) {
        // SAFETY: the entries stay while there is a user, and their channels; one that is gone is not looked at.
        unsafe {
            for e in (*self.entries.get()).iter().filter(|e| e.case.op == Op::Recv && !e.case.chan.is_null()) {
                let c = &*e.case.chan;
                if c.header.lock_as(KIND_CHAN).is_ok() {
                    notify::arm_or_tell(c, e.waiter.queued.get());
                    c.header.lock.unlock();
                }
            }
        }
    }

    /// Under the lock: its user was given up while it waited here (a host's task), and will never leave. Says which case was won for it, if any: a value that was received went with the user, and the
    /// case is tried again; one that was sent was sent, so a send case stays off until it is removed.
    unsafe fn inherit(&self, user: &Party) -> Option<usize> {
        let (state, index) = user.ticket.outcome();
        self.user.set(null());
        // SAFETY: the lock is held, and the user touches nothing any more.
        let e = unsafe { (*self.entries.get()).get(index as usize) }.filter(|_| state == ticket::WON)?;
        if e.case.op == Op::Recv {
            self.push(e)
        }
        Some(index as usize)
    }

    /// Under the lock: to the tail of the ready list.
    fn push(&self, e: *const Entry) {
        // SAFETY: entries of the list live until they are unlisted; the lock is held.
        unsafe {
            if (*e).listed.replace(true) {
                return;
            }
            let tail = self.tail.replace(e);
            (*e).next.set(null());
            (*e).prev.set(tail);
            if tail.is_null() { self.head.set(e) } else { (*tail).next.set(e) }
        }
    }

    /// Under the lock: the head of the ready list.
    fn pop(&self) -> *const Entry {
        let e = self.head.get();
        // SAFETY: as in `push`.
        if let Some(e) = unsafe { e.as_ref() } {
            self.unlist(e)
        }
        e
    }

    /// Under the lock: off the ready list.
    fn unlist(&self, e: &Entry) {
        if !e.listed.replace(false) {
            return;
        }
        let (next, prev) = (e.next.get(), e.prev.get());
        // SAFETY: as in `push`; neighbours are listed.
        unsafe {
            if prev.is_null() {
                self.head.set(next)
            } else {
                (*prev).next.set(next)
            }
            if next.is_null() { self.tail.set(prev) } else { (*next).prev.set(prev) }
        }
    }

    /// A case went ahead: the wait is over. The lock is held, and released; nothing of the selector is touched after that.
    unsafe fn over(&self, cx: Cx, e: &Entry, status: Status, party: *const Party) -> (usize, Status) {
        let index = e.index.get() as usize;
        self.push(e);
        self.user.set(null());
        // SAFETY: held by contract; the party's ticket was won by the try.
        unsafe {
            self.header.lock.unlock();
            if !party.is_null() {
                ready(cx, party)
            }
        }
        tell(cx);
        cx.exit();
        (index, status)
    }
}

impl Entry {
    fn new(selector: *const Selector, case: Case, holds: bool) -> Entry {
        let e = Entry {
            waiter: Waiter::new(),
            selector,
            case,
            holds,
            index: Cell::new(0),
            listed: Cell::new(false),
            next: Cell::new(null()),
            prev: Cell::new(null()),
        };
        e.waiter.slot.set(case.at);
        e.waiter.meet.set(Some(meet));
        e
    }

    /// Tries the case, and enlists it if it was in vain (L2).
    unsafe fn try_now(&self, cx: Cx, s: &Selector) -> Now {
        // SAFETY: the channel is alive while its case is registered; the place is as `add` says; the entry is in no queue.
        unsafe {
            let c = &*self.case.chan;
            let mut status = c.header.lock_as(KIND_CHAN);
            loop {
                if !status.is_ok() {
                    return Now::Ended(status);
                }
                match self.try_locked(c, s) {
                    Now::NoRoom(lack) => status = Overflow::bring(cx, c, lack),
                    now => {
                        c.header.lock.unlock();
                        if matches!(now, Now::WouldBlock) {
                            tell(cx)
                        }
                        return now;
                    }
                }
            }
        }
    }

    /// The same under the channel's lock.
    unsafe fn try_locked(&self, c: &RawChan, s: &Selector) -> Now {
        // SAFETY: as in `try_now`; the lock is held.
        unsafe {
            let size = Dyn(c.size.get() as usize);
            if !c.notifier.get().is_null() {
                s.watched.set(true)
            }
            s.trying.set(true);
            let (now, q) = match self.case.op {
                Op::Send => (c.send_now(size, self.case.at), &c.sendq),
                _ => (c.recv_now(size, self.case.at), &c.recvq),
            };
            s.trying.set(false);
            let mut own = s.aside.replace(null());
            // Nobody's operation was completed by it: so it put a value into the buffer, or took one out.
            let for_own = matches!(now, Now::Done(party) if party.is_null())
                && !cfg!(feature = "mutant_selector_forgets_its_own");
            while !own.is_null() {
                let next = (*own).next.get();
                if for_own {
                    s.header.lock.with(|| s.push(own))
                } else {
                    // Where it stood: a timer's receive meets those who wait to receive (source.rs F3).
                    let stood = if (*own).case.op == Op::Send { &c.sendq } else { &c.recvq };
                    stood.push_front(&(*own).waiter)
                }
                own = next;
            }
            if matches!(now, Now::WouldBlock) {
                self.waiter.party.set(null()); // that of the last wait which was won stands there
                q.push(&self.waiter);
            }
            now
        }
    }

    /// Gives its reference of the channel up; it is in no queue and on no list any more.
    unsafe fn let_go(self: Box<Entry>) {
        let (chan, holds) = (self.case.chan, self.holds);
        discard(self);
        if holds {
            // SAFETY: the reference that `add` took.
            let _ = unsafe { release(chan) };
        }
    }

    /// Out of its queue, if it is there.
    unsafe fn leave_queue(&self) {
        if self.case.chan.is_null() {
            return;
        }
        // SAFETY: the channel is alive while its case is registered.
        unsafe {
            let c = &*self.case.chan;
            let q = if self.case.op == Op::Send { &c.sendq } else { &c.recvq };
            c.header.lock.with(|| q.remove(&self.waiter))
        }
    }
}

/// A peer popped the entry. Null: nobody waits; it is on the ready list.
unsafe fn meet(w: *const Waiter) -> *const Waiter {
    // SAFETY: the waiter of an entry, whose selector is alive while it stands in a queue; the channel's lock is held, and whoever calls is inside.
    unsafe {
        let e = &*w.byte_sub(offset_of!(Entry, waiter)).cast::<Entry>();
        let s = &*e.selector;
        let me = Cx { thread: &*Thread::get() }.party();
        let asked = cfg!(feature = "mutant_selector_asks_before_it_locks").then(|| {
            let user = s.header.lock.with(|| s.user.get());
            !user.is_null() && (*user).ticket.waiting().is_some()
        });
        s.header.lock.with(|| {
            let user = s.user.get();
            // The open wait is the one on this selector (L6): of a thread that waits for something else, its host may call from there, for a signal's handler.
            if !user.is_null()
                && asked != Some(false)
                && core::ptr::eq((*user).object.load(Relaxed).cast(), s)
                && let Some(seq) = (*user).ticket.waiting()
                && (*user).ticket.win_held(seq, ticket::WON, e.index.get())
            {
                w.as_ref().inspect(|w| w.party.set(user));
                return w;
            }
            // It is the user itself that meets it, in the middle of a try (and not in such a handler, when the wait is over but the user has not been told).
            if core::ptr::eq(user, me) && s.trying.get() {
                e.next.set(s.aside.replace(e)); // L4
                return null();
            }
            if !cfg!(feature = "mutant_selector_drops_the_met") {
                s.push(e);
            }
            null()
        })
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn slot_that_reads_as_zero_has_no_cases() {
        // SAFETY: zero is valid (Slot).
        let s: Selector = unsafe { core::mem::zeroed() };
        // SAFETY: ours.
        assert!(unsafe { s.take_entries() }.is_none());
    }
}

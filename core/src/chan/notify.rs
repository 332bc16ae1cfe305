//! Observers of a channel: who is told that there may be something to receive, and takes no value (D10). A file descriptor that becomes readable, and a wait for readiness.
//!
//! An observer is an entry of `recvq` that is no waiter (`party.rs` W1): whoever would have handed a value to a receiver pops it, meets it, and goes on to the next. So on the queue means
//! armed and off it means told; a receiver that stands before it in the queue takes its value and the observer hears nothing, which is right: nothing is left to receive.
//!
//! N1  An observer is enlisted only under a hold of the lock that found nothing to receive, so no arrival falls between the look and the arming.
//! N2  Whoever makes the channel ready pops every entry of `recvq`, under the lock that also guards the value, and tells after the unlock: all observers are told (D10).
//! N3  A descriptor is readable at least once after each WOULD_BLOCK of a receive: of a try, a batch, a select with default that has a receive case, a try of a selector (D10: that is what arms). It
//!     may be readable for nothing: another took the value.
//! N4  `pending` is raised by the teller before it hangs the notifier on its thread and lowered before the write, so a telling that finds it raised is covered by the write to come.
//! N5  The descriptor is closed when the channel is gone and nobody is about to write to it (`refs`).
//!
//! Rejected: an `armed` bit and a list of observers beside the queues (a second place to look at on every operation, and a second order); a descriptor that each send writes to.

use super::raw::{RawChan, lock};
use super::source::Source;
use crate::sched::callback::Callback;
use crate::sched::party::{Party, Reason, Waiter};
use crate::sched::{Cx, enter, tell, tell_later, ticket};
use crate::status::Status;
use crate::sys::eventfd;
use crate::sys::prim::*;
use crate::wait::block::{Wait, block, interrupted, panics, status_of};
use core::mem::offset_of;
use core::ptr::{NonNull, from_ref, null};

/// A descriptor of a channel. See the file's head.
#[repr(C)]
pub struct Notifier {
    /// In `recvq` while it is armed.
    entry: Waiter,
    /// The channel, and each telling that is under way (N5).
    refs: AtomicU32,
    /// N4.
    pending: AtomicBool,
    fd: libc::c_int,
    told: NonNull<Callback>,
}

impl Notifier {
    fn create() -> Result<NonNull<Notifier>, Status> {
        let fd = eventfd::create().ok_or(Status::Os)?;
        let told = Callback::create(write, core::ptr::null_mut()).inspect_err(|_| {
            // SAFETY: ours, and nobody else knows it.
            unsafe { eventfd::close(fd) };
        })?;
        let entry = Waiter::new();
        entry.meet.set(Some(meet_notifier));
        let n = Box::into_raw(Box::new(Notifier {
            entry,
            refs: AtomicU32::new(1),
            pending: AtomicBool::new(false),
            fd,
            told,
        }));
        // SAFETY: a fresh callback, and a box is not null.
        unsafe {
            told.as_ref().arg.set(n.cast());
            Ok(NonNull::new_unchecked(n))
        }
    }

    /// One owner less (N5).
    ///
    /// # Safety
    /// Null, or the caller's share of it, given up by this.
    pub(super) unsafe fn leave(n: *const Notifier) {
        // SAFETY: contract. AcqRel: the last one sees what the others did.
        unsafe {
            if !n.is_null() && (*n).refs.fetch_sub(1, AcqRel) == 1 {
                eventfd::close((*n).fd);
                Callback::free((*n).told);
                let gone = Box::from_raw(n.cast_mut());
                // In the models it is written over and stays, so that whoever still uses it is reported.
                #[cfg(loom)]
                {
                    gone.entry.wreck();
                    crate::sys::slab::adopt(gone);
                }
                #[cfg(not(loom))]
                drop(gone);
            }
        }
    }

    /// Under the channel's lock, or by whoever has a share: it is to be told (N4).
    unsafe fn raise(&self) {
        // AcqRel: pairs with the store of `write`.
        if !self.pending.swap(true, AcqRel) {
            if !cfg!(feature = "mutant_notifier_without_share") {
                self.refs.fetch_add(1, Relaxed);
            }
            // SAFETY: T2 of `told.rs`: the flag was down.
            unsafe { tell_later(&self.told.as_ref().party) }
        }
    }
}

/// Somebody makes the channel ready.
unsafe fn meet_notifier(w: *const Waiter) -> *const Waiter {
    // SAFETY: the entry of a notifier, which the channel holds while it is queued.
    unsafe { (*w.byte_sub(offset_of!(Notifier, entry)).cast::<Notifier>()).raise() }
    null()
}

/// After the unlock.
unsafe fn write(_: Cx, told: &Callback) {
    let n = told.arg.get().cast::<Notifier>();
    // SAFETY: the telling holds a share (N5).
    unsafe {
        if !cfg!(feature = "mutant_notifier_lowers_late") {
            (*n).pending.store(false, Release);
        }
        eventfd::raise((*n).fd);
        if cfg!(feature = "mutant_notifier_lowers_late") {
            (*n).pending.store(false, Release);
        }
        if !cfg!(feature = "mutant_notifier_without_share") {
            Notifier::leave(n);
        }
    }
}

/// Arms the descriptor of `c`: under its lock, which found nothing to receive (N1).
#[cold]
pub(super) unsafe fn arm(c: &RawChan) {
    // SAFETY: the lock is held, and the channel has a notifier.
    unsafe {
        let n = &*c.notifier.get();
        if !n.entry.queued.get() {
            c.recvq.push(&n.entry)
        }
    }
}

/// A case of a selector received nothing, and that is said to somebody who may wait for the descriptor next. Under the lock: the case is still enlisted (`nothing` has come since, for it would have
/// been met), or it was met meanwhile.
#[cold]
pub(super) unsafe fn arm_or_tell(c: &RawChan, nothing: bool) {
    // SAFETY: the lock is held.
    unsafe {
        match c.notifier.get().as_ref() {
            Some(_) if nothing => arm(c),
            Some(n) => n.raise(),
            None => {}
        }
    }
}

/// Would a receive find something, as far as can be said without doing it? Under the lock. A sender that stands in the queue counts, though it may be about to leave.
pub(super) unsafe fn may_receive(c: &RawChan) -> bool {
    if !c.source.get().is_null() {
        // SAFETY: the lock is held by contract.
        return c.closed.get() || unsafe { Source::may_receive(c.source.get()) };
    }
    c.count.get() > 0 || !c.returned.get().is_null() || c.closed.get() || !c.sendq.is_empty()
}

/// A descriptor that becomes readable when there is something to receive from the channel, or it is closed: the channel's own, the same each time. Read it first, then `try_recv` or
/// `try_recv_n` until WOULD_BLOCK, which arms it again. OS if the system has no descriptor left.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn notify_fd(ch: *const RawChan) -> Result<libc::c_int, Status> {
    let mut fresh: Option<NonNull<Notifier>> = None;
    loop {
        // SAFETY: contract; the notifier is the channel's once it is stored, and lives while the lock is held.
        unsafe {
            let (cx, c) = lock(ch)?;
            if c.notifier.get().is_null()
                && let Some(n) = fresh.take()
            {
                c.notifier.set(n.as_ptr());
                if may_receive(c) { n.as_ref().raise() } else { arm(c) }
            }
            let n = c.notifier.get();
            let fd = if n.is_null() { None } else { Some((*n).fd) };
            c.header.lock.unlock();
            tell(cx);
            cx.exit();
            if let Some(fd) = fd {
                if let Some(n) = fresh {
                    Notifier::leave(n.as_ptr()) // another was quicker
                }
                return Ok(fd);
            }
            fresh = Some(Notifier::create()?);
        }
    }
}

/// Waits until there is something to receive, or the channel is closed: OK. Nothing is taken, and another may take it first.
///
/// # Safety
/// `ch` is a handle or null, which is never ready.
pub unsafe fn readable(ch: *const RawChan, wait: Wait) -> Status {
    // SAFETY: contract; the party's waiter is its own and in no queue.
    unsafe {
        if ch.is_null() {
            return super::raw::recv_until(null(), core::ptr::null_mut(), wait.deadline, wait.cancel);
        }
        match enter().and_then(interrupted) {
            Ok(cx) => cx.exit(),
            Err(s) => return s,
        }
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let over = if may_receive(c) { Some(Status::Ok) } else { wait.over().or(panics(cx).then_some(Status::Misuse)) };
        if let Some(s) = over {
            c.header.lock.unlock();
            return cx.out(s);
        }
        let w = cx.party().prepare_waiter(core::ptr::null_mut());
        w.party.set(null()); // it takes no value (W1)
        w.meet.set(Some(meet_observer));
        c.recvq.push(w);
        let (cx, state) = block(cx, &c.header.lock, Reason::ChanRecv, from_ref(c).cast(), wait);
        if state != ticket::WON {
            super::raw::unlink_waiter::<false>(c, w);
        }
        w.meet.set(None);
        cx.out(if state == ticket::WON { Status::Ok } else { status_of(state, wait) })
    }
}

/// Somebody makes the channel ready: the wait is over, and the value goes elsewhere.
unsafe fn meet_observer(w: *const Waiter) -> *const Waiter {
    // SAFETY: the waiter that stands in its party, and a queued one's fields may be read; whoever wins the ticket makes the party ready.
    unsafe {
        let party = w.byte_sub(offset_of!(Party, waiter)).cast::<Party>();
        if (*party).ticket.win_held((*w).seq.get(), ticket::WON, 0) {
            tell_later(party)
        }
    }
    null()
}

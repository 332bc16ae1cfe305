//! An observer that is told once, when there may be something to receive from a channel or it is closed (D10), and pins no task: a context of a program's own watches its done channel so.
//!
//! B1  It is enlisted under a hold of the lock that found nothing (notify.rs N1), and popped once: told, or taken off by its owner.
//! B2  Two may have it: its owner, and the telling that is under way. The last one frees it. The owner counts as a receiver of the channel: that keeps it, and does not keep its last sender from
//!     closing it, as a plain reference would (H6).
//! B3  What it calls runs inside the bracket with no lock held (callback.rs C2): it may start a task, and no more.
//!
//! Rejected: a task that waits for readiness (`notify::readable`): it has a stack, and shows in a run's report.

use super::notify::may_receive;
use super::raw::{self, RawChan, lock};
use crate::sched::callback::Callback;
use crate::sched::party::Waiter;
use crate::sched::{Cx, tell_later};
use crate::status::Status;
use crate::sys::prim::*;
use core::mem::offset_of;
use core::ptr::{NonNull, null};

/// What is called.
pub type Act = unsafe fn(Cx, [usize; 2]);

/// See the file's head.
#[repr(C)]
pub struct Observer {
    /// In `recvq` until it is told.
    entry: Waiter,
    chan: *const RawChan,
    /// B2.
    refs: AtomicU32,
    told: NonNull<Callback>,
    act: Act,
    words: [usize; 2],
}

/// Enlists one that calls `act(words)`; None if there is something already, and then nothing is called. INVALID for a channel of a timer, which is ready by the clock and not by anybody's doing.
///
/// # Safety
/// `ch` is a handle; what `act` does holds to B3.
pub unsafe fn observe(ch: *const RawChan, act: Act, words: [usize; 2]) -> Result<Option<NonNull<Observer>>, Status> {
    // SAFETY: contract; a fresh callback is ours, and so is the box until it is enlisted.
    unsafe {
        raw::retain(ch).ok()?;
        raw::add_end(ch, false);
        let _ = raw::release(ch);
        let told = match Callback::create(call, core::ptr::null_mut()) {
            Ok(told) => told,
            Err(s) => {
                raw::drop_end(ch, false);
                return Err(s);
            }
        };
        let entry = Waiter::new();
        entry.meet.set(Some(meet));
        let at = Box::into_raw(Box::new(Observer { entry, chan: ch, refs: AtomicU32::new(1), told, act, words }));
        told.as_ref().arg.set(at.cast());
        let enlisted = lock(ch).map(|(cx, c)| {
            let enlisted = if !c.source.get().is_null() {
                Err(Status::Invalid)
            } else if may_receive(c) {
                Ok(false)
            } else {
                c.recvq.push(&(*at).entry);
                Ok(true)
            };
            c.header.lock.unlock();
            cx.exit();
            enlisted
        });
        match enlisted.and_then(|e| e) {
            Ok(true) => Ok(NonNull::new(at)),
            other => {
                leave(at);
                raw::drop_end(ch, false);
                other.map(|_| None)
            }
        }
    }
}

/// The owner gives it up: nothing is called from now on, unless it is being told at this moment.
///
/// # Safety
/// It is the caller's, given up by this; outside the bracket.
pub unsafe fn give_up(o: NonNull<Observer>) {
    // SAFETY: contract; the channel is kept until the end.
    unsafe {
        let ch = o.as_ref().chan;
        if let Ok((cx, c)) = lock(ch) {
            c.recvq.remove(&o.as_ref().entry);
            c.header.lock.unlock();
            cx.exit();
        }
        leave(o.as_ptr());
        raw::drop_end(ch, false);
    }
}

/// One owner less (B2).
unsafe fn leave(o: *const Observer) {
    // SAFETY: contract. AcqRel: the last one sees what the other did.
    unsafe {
        if (*o).refs.fetch_sub(1, AcqRel) == 1 {
            Callback::free((*o).told);
            drop(Box::from_raw(o.cast_mut()))
        }
    }
}

/// Somebody makes the channel ready.
unsafe fn meet(w: *const Waiter) -> *const Waiter {
    // SAFETY: a queued entry's observer lives: whoever gives it up takes it off first, under the lock that is held here. It is popped once, so its party is told of once (told.rs T2).
    unsafe {
        let o = w.byte_sub(offset_of!(Observer, entry)).cast::<Observer>();
        (*o).refs.fetch_add(1, Relaxed);
        tell_later(&(*o).told.as_ref().party)
    }
    null()
}

/// After the unlock.
unsafe fn call(cx: Cx, told: &Callback) {
    let o = told.arg.get().cast::<Observer>();
    // SAFETY: the telling has a share (B2).
    unsafe {
        ((*o).act)(cx, (*o).words);
        leave(o)
    }
}

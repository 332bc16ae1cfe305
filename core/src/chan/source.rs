//! A channel whose values come from no sender: they are there when somebody asks (a timer's).
//!
//! To the channel a source is a sender that waits: its entry stands in `sendq`, and a receive that comes to it meets it (`party.rs` W1), asks whether there is a value at this instant, and
//! takes it or finds the channel empty. So nothing is ever kept in the channel (its length and capacity are 0), a value can not be stale, and the operations of a channel know nothing of it.
//!
//! What it is NOT: a timer (`time/timer.rs`); that also hands over, by `give`, when its time comes and somebody waits.
//!
//! F1  Guarded by the channel's lock: the entry, what `ask` looks at, `RawChan::source`.
//! F2  The entry is queued exactly while there is, or will be, something to ask for (`set`); nobody else waits to send on such a channel: only its receiving end is given away.
//! F3  Whoever waits in `recvq` comes before whoever asks (C2): `ask` gives to them first.
//! F4  A source that its channel owns goes with it: with the last that could receive.
//!
//! Rejected: a buffer of one that the timer fills and empties (Stop and Reset then race with what lies in it; that is what Go had until 1.23); a second kind of channel (every operation would
//! branch).

use super::raw::RawChan;
use crate::sched::party::{STAYS, Waiter};
use crate::status::Status;
use core::mem::offset_of;
use core::ptr::null;

/// See the file's head.
#[repr(C)]
pub struct Source {
    /// In `sendq` (F2).
    entry: Waiter,
    /// What a receive takes for the sender: it has no party, so nobody is woken.
    out: Waiter,
    /// The channel, which lives as long.
    pub chan: *const RawChan,
    /// Who knows the values.
    pub owner: *const (),
    kind: &'static Kind,
    /// Does it go with the channel (F4)?
    pub owned: bool,
}

/// What a source does.
pub struct Kind {
    /// Under the channel's lock, inside the bracket: is there a value now, where, and may there be another?
    pub ask: unsafe fn(&Source) -> Answer,
    /// The same without taking anything.
    pub is_ready: unsafe fn(&Source) -> bool,
    /// The value there was received by somebody who can not use it any more. Under the channel's lock, inside; who waits for it is told after the unlock (`tell`).
    pub take_back: unsafe fn(&Source, *const u8),
    /// The channel has gone, or nobody can receive from it any more, and the source is the callee's to free. Outside the bracket.
    pub let_go: unsafe fn(*mut Source),
}

/// What `ask` says.
pub enum Answer {
    /// Not now.
    Nothing,
    /// Not until it is set again.
    Never,
    /// The value there, and it stays queued.
    More(*mut u8),
    /// The value there, and no other until it is set again.
    Last(*mut u8),
}

impl Source {
    /// A source of `chan`, not queued yet.
    pub fn new(chan: *const RawChan, owner: *const (), kind: &'static Kind, owned: bool) -> Source {
        let entry = Waiter::new();
        entry.meet.set(Some(meet));
        Source { entry, out: Waiter::new(), chan, owner, kind, owned }
    }

    /// Its end: nobody can find it any more. In the models it is written over and stays, so that whoever still uses it is reported.
    pub fn discard(s: Box<Source>) {
        #[cfg(loom)]
        {
            assert!(!s.entry.queued.get(), "a source goes, and its entry stands in the queue of a channel");
            s.entry.wreck();
            s.out.wreck();
            crate::sys::slab::adopt(s);
        }
        #[cfg(not(loom))]
        drop(s)
    }

    /// Makes it the source of its channel, which has none.
    ///
    /// # Safety
    /// The channel's lock is held; `s` stays where it is until `detach`, or until it is let go.
    pub unsafe fn attach(s: *const Source) {
        // SAFETY: contract.
        unsafe { (*(*s).chan).source.set(s) }
    }

    /// Takes it off its channel.
    ///
    /// # Safety
    /// The channel's lock is held.
    pub unsafe fn detach(&self) {
        // SAFETY: contract.
        unsafe {
            self.set(false);
            (*self.chan).source.set(null());
        }
    }

    /// Its owner is about to go: `detach`, also if the channel was quicker (`take`).
    ///
    /// # Safety
    /// The channel's lock is held.
    pub unsafe fn leave_channel(&self) {
        // SAFETY: contract.
        unsafe {
            if core::ptr::eq((*self.chan).source.get(), self) {
                self.detach()
            }
        }
    }

    /// There is, or will be, something to ask for; or not any more (F2). Nothing if it was taken out of its channel: its owner may not know yet.
    ///
    /// # Safety
    /// The channel's lock is held.
    pub unsafe fn set(&self, on: bool) {
        // SAFETY: contract; the entry is ours.
        unsafe {
            let q = &(*self.chan).sendq;
            let gone = !core::ptr::eq((*self.chan).source.get(), self);
            if !on || (gone && !cfg!(feature = "mutant_timer_source_comes_back")) {
                q.remove(&self.entry)
            } else if !self.entry.queued.get() {
                q.push(&self.entry)
            }
        }
    }

    /// Does anybody stand in the queue of the receivers? It may be somebody whose wait is over.
    ///
    /// # Safety
    /// The channel's lock is held.
    pub unsafe fn is_awaited(&self) -> bool {
        // SAFETY: contract.
        unsafe { !(*self.chan).recvq.is_empty() }
    }

    /// Hands the element at `value` to the receiver that has waited longest, who is told after the unlock: its party; or null.
    ///
    /// # Safety
    /// The channel's lock is held, from inside; `value` is readable for an element.
    #[must_use = "the party waits until it is made ready"]
    pub unsafe fn give(&self, value: *const u8) -> *const crate::sched::party::Party {
        // SAFETY: contract; a won waiter's slot is ours.
        unsafe {
            let c = &*self.chan;
            let w = c.recvq.pop_winner();
            if w.is_null() {
                return null();
            }
            core::ptr::copy_nonoverlapping(value, (*w).slot.get(), c.size.get() as usize);
            (*w).status.set(Status::Ok);
            (*w).party.get()
        }
    }

    /// Would a receive find something?
    ///
    /// # Safety
    /// Null, or a channel's, whose lock is held, from inside.
    pub(super) unsafe fn may_receive(s: *const Source) -> bool {
        // SAFETY: contract.
        unsafe { !s.is_null() && (*s).entry.queued.get() && ((*s).kind.is_ready)(&*s) }
    }

    /// A value comes back (`later::give_back`).
    ///
    /// # Safety
    /// A channel's, whose lock is held, from inside; `value` is readable for an element.
    pub(super) unsafe fn take_back(&self, value: *const u8) {
        // SAFETY: contract.
        unsafe { (self.kind.take_back)(self, value) }
    }

    /// Takes the source out of a channel that owns it, and that nobody receives from any more; else null.
    ///
    /// # Safety
    /// The channel's lock is held.
    pub(super) unsafe fn take(c: &RawChan) -> *mut Source {
        let s = c.source.get();
        // SAFETY: contract.
        unsafe {
            if s.is_null() || !(*s).owned {
                return core::ptr::null_mut();
            }
            (*s).detach();
            s.cast_mut()
        }
    }

    /// What `take` took goes.
    ///
    /// # Safety
    /// Null, or the caller's since `take`. Outside the bracket.
    pub(super) unsafe fn leave(s: *mut Source) {
        // SAFETY: contract.
        unsafe {
            if !s.is_null() {
                ((*s).kind.let_go)(s)
            }
        }
    }
}

/// A receive has come to it.
unsafe fn meet(w: *const Waiter) -> *const Waiter {
    // SAFETY: `w` is the entry of a source, and the lock of its channel is held.
    unsafe {
        let s = &*w.byte_sub(offset_of!(Source, entry)).cast::<Source>();
        let (value, stays) = match (s.kind.ask)(s) {
            Answer::Nothing => (core::ptr::null_mut(), true),
            Answer::Never => return null(),
            Answer::More(at) => (at, true),
            Answer::Last(at) => (at, false),
        };
        if stays {
            (*s.chan).sendq.push_front(w)
        }
        if value.is_null() {
            return STAYS;
        }
        s.out.slot.set(value);
        &s.out
    }
}

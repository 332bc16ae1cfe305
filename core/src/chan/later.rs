//! Channel operations of a callback party: what cannot go ahead now is enlisted, and its function is called when it has gone ahead (an event loop's way to wait).
//!
//! The order is a plain thread's: the waiter is enlisted and the ticket opened before the unlock, so whoever wins finds everything written. Withdrawing is winning one's own ticket; who
//! comes too late has the value, and passes it on by `give_back` (a receiver), or has sent (a sender).

use super::block::Block;
use super::overflow::Overflow;
use super::raw::{KIND_CHAN, Now, RawChan, lock, unlink_waiter};
use super::returned;
use super::select::{self, Case, Locks, Look};
use crate::sched::callback::Callback;
use crate::sched::party::{Reason, Waiter};
use crate::sched::{enter, ready, tell, ticket};
use crate::status::Status;

/// Receives into the callback's slot now (OK, CLOSED), or enlists it (WOULD_BLOCK): then its function is called when a value is there or the channel is closed (`outcome`).
///
/// # Safety
/// `ch` is a handle or null; its elements have at most 16 bytes. The callback is the caller's, and in no other wait.
pub unsafe fn recv(ch: *const RawChan, cb: &Callback) -> Status {
    // SAFETY: contract.
    unsafe { operate::<false>(ch, cb) }
}

/// Sends the element in the callback's slot now, or enlists it. As `recv`.
///
/// # Safety
/// As `recv`.
pub unsafe fn send(ch: *const RawChan, cb: &Callback) -> Status {
    // SAFETY: contract.
    unsafe { operate::<true>(ch, cb) }
}

unsafe fn operate<const S: bool>(ch: *const RawChan, cb: &Callback) -> Status {
    // SAFETY: contract of the callers.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        if c.size.get() > 16 {
            c.header.lock.unlock();
            return cx.out(Status::Invalid);
        }
        let at: *mut u8 = cb.slot.get().cast();
        let e = crate::elem::Dyn(c.size.get() as usize);
        let mut now = if S { c.send_now(e, at) } else { c.recv_now(e, at) };
        while let Now::NoRoom(lack) = now {
            let status = Overflow::bring(cx, c, lack);
            if !status.is_ok() {
                return cx.out(status);
            }
            now = c.send_now(e, at);
        }
        match now {
            Now::Done(party) => {
                c.header.lock.unlock();
                if !party.is_null() {
                    ready(cx, party)
                }
                tell(cx);
                cx.out(Status::Ok)
            }
            Now::Ended(s) => {
                c.header.lock.unlock();
                tell(cx);
                cx.out(s)
            }
            Now::NoRoom(_) | Now::WouldBlock => {
                let w = cb.party.prepare_waiter(at);
                if S {
                    c.sendq.push(w)
                } else {
                    c.recvq.push(w)
                }
                cb.party.waits_for(if S { Reason::ChanSend } else { Reason::ChanRecv }, core::ptr::from_ref(c).cast());
                cb.party.ticket.open(w.seq.get());
                c.header.lock.unlock();
                tell(cx);
                cx.out(Status::WouldBlock)
            }
        }
    }
}

/// How a wait that was called for ended: OK or CLOSED.
pub fn outcome(cb: &Callback) -> Status {
    if cb.party.ticket.outcome().0 == ticket::WON { cb.party.waiter.status.get() } else { Status::Canceled }
}

/// Takes an enlisted callback out: true if its function will not be called. False: it has been won; the call has come, or comes. MISUSE from inside gort: nothing has changed.
///
/// # Safety
/// `ch` is the channel it was enlisted with, kept alive by the caller; `sends` says by which call.
pub unsafe fn withdraw(ch: *const RawChan, cb: &Callback, sends: bool) -> Result<bool, Status> {
    let cx = enter()?;
    // SAFETY: contract; the waiter is the callback's own, and `unlink_waiter` takes the lock.
    unsafe {
        let won = cb.party.ticket.waiting().is_some_and(|seq| cb.party.ticket.win(seq, ticket::CANCELED, 0));
        if won {
            let (c, w) = (&*ch, &cb.party.waiter);
            if sends { unlink_waiter::<true>(c, w) } else { unlink_waiter::<false>(c, w) }
        }
        cx.exit();
        Ok(won)
    }
}

/// A received element that its receiver cannot use any more goes to the next one that waits, or in front of the buffer. If the channel is gone, or there is NO_MEMORY, the element is still the
/// caller's. One of a timer that was set anew or stopped meanwhile is gone (T2).
///
/// # Safety
/// `ch` is a handle; `src` is readable for an element.
pub unsafe fn give_back(ch: *const RawChan, src: *const u8) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        if let Some(s) = c.source.get().as_ref() {
            s.take_back(src);
            c.header.lock.unlock();
            tell(cx);
            return cx.out(Status::Ok);
        }
        let (mut now, mut kept) = returned::put(c, src, core::ptr::null_mut());
        let mut block: *mut Block = core::ptr::null_mut();
        if let Now::NoRoom(lack) = now {
            c.header.lock.unlock();
            tell(cx);
            block = Block::alloc(lack);
            if block.is_null() {
                return cx.out(Status::NoMemory);
            }
            let status = c.header.lock_as(KIND_CHAN);
            if !status.is_ok() {
                Block::free(block);
                return cx.out(status);
            }
            (now, kept) = returned::put(c, src, block);
        }
        c.header.lock.unlock();
        if !kept {
            Block::free(block)
        }
        if let Now::Done(party) = now
            && !party.is_null()
        {
            ready(cx, party)
        }
        tell(cx);
        cx.out(Status::Ok)
    }
}

/// A select of a callback party: the passes of `select.rs`, the third of which is the owner's to make.
///
/// What a case needs while it waits stands here, and must not move or go before `leave`: the winner of a case writes to it. Cases for a time are looked at once; to wait for one is the owner's
/// business.
pub struct Select {
    cases: Box<[Case]>,
    waiters: Box<[Waiter]>,
    by_lock: Box<[u16]>,
    /// The waiters stand in queues.
    enlisted: bool,
}

impl Select {
    /// Of these cases. LIMIT above 65536.
    pub fn new(cases: Box<[Case]>) -> Result<Select, Status> {
        let n = cases.len();
        if n > select::MOST {
            return Err(Status::Limit);
        }
        Ok(Select {
            cases,
            waiters: (0..n).map(|_| Waiter::new()).collect(),
            by_lock: (0..n as u32).map(|i| i as u16).collect(),
            enlisted: false,
        })
    }

    pub fn cases(&self) -> &[Case] {
        &self.cases
    }

    /// Does what can go ahead now (its index, and OK or CLOSED), or enlists the callback with every case (WOULD_BLOCK): then its function is called when one was won (`outcome`), unless it is
    /// withdrawn. In both cases `leave` follows.
    ///
    /// # Safety
    /// As `select::select`; places of elements and channels stay until `leave`. The callback is the caller's, and in no other wait.
    pub unsafe fn begin(&mut self, cb: &Callback, biased: bool) -> Result<(usize, Status), Status> {
        let cx = enter()?;
        let Select { cases, waiters, by_lock, enlisted } = self;
        // SAFETY: contract.
        unsafe {
            match select::look_one_by_one(cx, cases, by_lock, biased) {
                Look::Found(i, status, party) => return Ok(select::found(cx, i, status, party)),
                Look::Bad(s) => {
                    tell(cx);
                    return Err(cx.out(s));
                }
                Look::Nothing => tell(cx),
            }
            let order = by_lock.clone();
            let locks = Locks::new(cases, by_lock);
            match select::look_at_all(cx, cases, &order, &locks) {
                Look::Found(i, status, party) => {
                    locks.unlock();
                    return Ok(select::found(cx, i, status, party));
                }
                Look::Bad(s) => return Err(cx.out(s)),
                Look::Nothing => {}
            }
            let seq = cb.party.ticket.next_seq();
            for (i, (case, w)) in cases.iter().zip(waiters.iter()).enumerate() {
                select::enlist(i, case, w, &cb.party, seq)
            }
            *enlisted = true;
            cb.party.waits_for(Reason::Select, core::ptr::null());
            cb.party.ticket.open(seq);
            locks.unlock();
            tell(cx);
            Err(cx.out(Status::WouldBlock))
        }
    }

    /// The case that was won, and OK or CLOSED; None if the wait was not won by a channel. After `leave`.
    pub fn outcome(&self, cb: &Callback) -> Option<(usize, Status)> {
        let (state, i) = cb.party.ticket.outcome();
        (state == ticket::WON).then(|| (i as usize, self.waiters[i as usize].status.get()))
    }

    /// Ends the wait: true if the function will not be called. False: a case was won; the call has come, or comes. `leave` follows. MISUSE from inside gort: nothing has changed.
    pub fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        let cx = enter()?;
        let won = cb.party.ticket.waiting().is_some_and(|seq| cb.party.ticket.win(seq, ticket::CANCELED, 0));
        cx.exit();
        Ok(won)
    }

    /// Takes every waiter out of its queue. When it returns OK whoever won has left the locks, so what was received may be read. MISUSE from inside gort: nothing has
    /// changed.
    ///
    /// # Safety
    /// The wait is over: won or withdrawn, or it never began. The channels are still held.
    pub unsafe fn leave(&mut self) -> Status {
        let cx = match enter() {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let Select { cases, waiters, by_lock, enlisted } = self;
        *enlisted = false;
        let locks = Locks::new(cases, by_lock);
        // Else the channels are from before a fork, and nobody looks at their queues any more.
        if locks.lock_valid().is_ok() {
            // SAFETY: contract.
            unsafe { select::unlink(cases, waiters) };
            locks.unlock()
        }
        cx.out(Status::Ok)
    }
}

impl Drop for Select {
    /// Without `leave` the waiters stand in their queues still: they stay.
    fn drop(&mut self) {
        if self.enlisted {
            core::mem::forget(core::mem::take(&mut self.waiters))
        }
    }
}

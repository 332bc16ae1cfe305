//! The type-erased channel: a ring, two wait queues, one lock. C, Rust and Python share it (D11).
//!
//! Its rules are Go's (SEMANTICS C1-C11):
//!  I1  At least one of `sendq`, `recvq` is empty (but for a select that waits on both sides of one unbuffered channel).
//!  I2  `count > 0` implies that nobody waits in `recvq`; `count < cap` that nobody waits in `sendq` - nobody whose ticket is still open: losers of other races may lie there.
//!  I3  FIFO: of values, and of waiters on each side. A waiter found beats the buffer: a send to a parked receiver goes straight into its slot; a receive from a full buffer takes the
//!      head and moves the first waiting sender's value to the tail (C2).
//!  I4  The waker completes the parked party's operation (value moved, status written) before it makes it ready; a woken party never retries (C4).
//!  I5  Nothing of the channel is touched after its unlock (D8), so it may be freed as soon as the wait returns.
//!  I6  Closed stays closed. Buffered values remain receivable; a failed send leaves the value with the sender.
//!  I7  A value is dropped exactly once: by the receiver that got it, or by the channel when it is abandoned or freed.
//!  I8  An entry of a queue that is no waiter (a selector's, an observer, the rest of an unbounded channel) is met when it is popped (`party.rs`); so nothing here knows of them, and whoever
//!      popped tells after the unlock.
//!
//! Counts of read-modify-writes: any operation, waiting or not, waking or not, 1: the lock. A parked task's ticket is won by a plain store under it (ticket.rs I4), and the commit's
//! opening and unlock are plain stores. So an unbuffered round trip is four, where D9 allows six; a ticket that others may win too (a select, a deadline, a plain thread) costs one more.
//!
//! Rejected: a lock-free ring (once waiters must be checked it takes more atomics on one core, and select, close and len become hard); unlock-then-CAS parking (two atomics more).

use super::block::{Block, Lack};
use super::notify::{self, Notifier};
use super::order::{self, Order};
use super::overflow::Overflow;
use super::returned;
use super::source::Source;
use crate::elem::ElemOps;
use crate::sched::party::{Party, Reason, WaitQueue, Waiter};
use crate::sched::{Cx, enter, ready, tell, ticket};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::race;
use crate::sys::slab::{Header, Slot};
use crate::wait::CancelSource;
use crate::wait::block::{Wait, block, interrupted, panics, status_of};
use core::ffi::c_void;
use core::ptr::null;

mod life;

#[cfg(loom)]
pub use life::queues;

pub use life::{
    UNBOUNDED, abandon, add_end, cap, close, create, create_unbounded, drop_end, elem_size, is_closed, len, release,
    retain,
};

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_CHAN: u8 = 3;

/// What a channel's elements are.
#[derive(Clone, Copy)]
pub struct Layout {
    /// Bytes, at most 64 KiB.
    pub size: usize,
    /// A power of two, at most 4096; slots of the ring are aligned to it.
    pub align: usize,
    /// Called once for each value that is never delivered.
    pub drop: Option<unsafe extern "C" fn(*mut c_void)>,
}

/// See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct RawChan {
    pub(super) header: Header,
    // ---- set once before publish
    pub(super) size: Cell<u32>,
    align: Cell<u16>,
    // ---- guarded by header.lock
    /// Looked at without the lock too, as are `count`, `returned` and whether a queue is empty (select.rs S-6).
    pub(super) closed: RelaxedBool,
    pub(super) cap: RelaxedUsize,
    pub(super) count: RelaxedUsize,
    pub(super) head: Cell<usize>,
    pub(super) tail: Cell<usize>,
    buf: Cell<*mut u8>,
    // ---- second line
    pub(super) recvq: WaitQueue,
    pub(super) sendq: WaitQueue,
    /// What does not fit into the ring of an unbounded channel; null for the others.
    pub(super) overflow: RelaxedPtr<Overflow>,
    /// What tells a file descriptor when there is something to receive; or null (notify.rs).
    pub(super) notifier: Cell<*const Notifier>,
    /// Values that came back, in front of the buffer; or null (returned.rs).
    pub(super) returned: RelaxedPtr<Block>,
    drop: Cell<Option<unsafe extern "C" fn(*mut c_void)>>,
    // ---- third line
    /// Where values come from without a sender; or null (source.rs).
    pub(super) source: Cell<*const Source>,
    /// Typed ends of Rust (H6): only they count for closing and abandoning.
    senders: Cell<usize>,
    receivers: Cell<usize>,
    /// What a checking tool is told.
    pub(super) order: Order,
}

// SAFETY: repr(C), header first; zero is valid (null pointers, None, empty queues).
unsafe impl Slot for RawChan {
    const KIND: u8 = KIND_CHAN;
}

/// Waits for ever.
pub const BLOCK: u8 = 0;
/// Never waits.
pub const TRY: u8 = 1;
/// Waits within limits.
pub const UNTIL: u8 = 2;

impl RawChan {
    #[inline(always)]
    pub(super) unsafe fn slot(&self, i: usize, size: usize) -> *mut u8 {
        // SAFETY: `i < cap`, so within the buffer (for size 0 the buffer is null and the offset 0).
        unsafe { self.buf.get().add(i * size) }
    }

    /// What elements are aligned to.
    pub(super) fn align(&self) -> usize {
        self.align.get() as usize
    }

    /// Index by compare-and-wrap: the capacity is exact, no power of two.
    #[inline(always)]
    pub(super) fn after(&self, i: usize) -> usize {
        if i + 1 == self.cap.get() { 0 } else { i + 1 }
    }

    /// Under the lock: what a send would do now. `Done(party)` completed it (the party, if any, is to be made ready after the unlock).
    #[inline(always)]
    pub(super) unsafe fn send_now<E: ElemOps>(&self, e: E, src: *const u8) -> Now {
        // SAFETY: the lock is held; `src` is readable by contract of the callers; a won waiter's slot is ours (I4).
        unsafe {
            race::reads(src, e.size());
            if self.closed.get() {
                self.order.is_closed();
                return Now::Ended(Status::Closed);
            }
            let w = self.recvq.pop_winner();
            if !w.is_null() {
                e.copy((*w).slot.get(), src);
                (*w).status.set(Status::Ok);
                self.order.handed(self.cap.get(), (*w).party.get());
                return Now::Done((*w).party.get());
            }
            let n = self.count.get();
            if n < self.cap.get() {
                let i = self.tail.get();
                e.copy(self.slot(i, e.size()), src);
                self.tail.set(self.after(i));
                self.count.set(n + 1);
                self.order.sent(self.cap.get());
                return Now::Done(null());
            }
            if !self.overflow.get().is_null() {
                return Overflow::put(self, src);
            }
            Now::WouldBlock
        }
    }

    /// Under the lock: what a receive would do now.
    #[inline(always)]
    pub(super) unsafe fn recv_now<E: ElemOps>(&self, e: E, dst: *mut u8) -> Now {
        // SAFETY: as in `send_now`.
        unsafe {
            if !self.returned.get().is_null() {
                returned::take(self, dst);
                self.order.received_back();
                order::wrote(dst, e.size());
                return Now::Done(null());
            }
            let n = self.count.get();
            if n > 0 {
                let i = self.head.get();
                e.copy(dst, self.slot(i, e.size()));
                self.head.set(self.after(i));
                self.order.received(self.cap.get());
                order::wrote(dst, e.size());
                let overtaken = cfg!(feature = "mutant_overflow_overtaken") && !self.overflow.get().is_null();
                let w = if self.sendq.is_empty() || overtaken { null() } else { self.sendq.pop_winner() };
                if w.is_null() {
                    self.count.set(n - 1);
                    return Now::Done(null());
                }
                // The buffer was full: the freed head is the new tail.
                let t = self.tail.get();
                e.copy(self.slot(t, e.size()), (*w).slot.get());
                self.tail.set(self.after(t));
                (*w).status.set(Status::Ok);
                self.order.refilled(self.cap.get(), (*w).party.get());
                return Now::Done((*w).party.get());
            }
            let w = self.sendq.pop_winner();
            if !w.is_null() {
                e.copy(dst, (*w).slot.get());
                (*w).status.set(Status::Ok);
                self.order.met((*w).party.get());
                order::wrote(dst, e.size());
                return Now::Done((*w).party.get());
            }
            if self.closed.get() {
                self.order.is_closed();
                Now::Ended(Status::Closed)
            } else {
                Now::WouldBlock
            }
        }
    }
}

impl RawChan {
    /// Without the lock: may a send (`S`) or a receive go ahead? What it says was so a moment ago, or will be in a moment; nothing is concluded from it but where to look.
    #[inline(always)]
    pub(super) fn looks_ready<const S: bool>(&self) -> bool {
        if self.closed.get() {
            return true;
        }
        if S {
            self.count.get() < self.cap.get() || !self.recvq.is_empty() || !self.overflow.get().is_null()
        } else {
            self.count.get() > 0 || !self.sendq.is_empty() || !self.returned.get().is_null()
        }
    }
}

/// What an operation did under the lock.
pub(super) enum Now {
    Done(*const Party),
    Ended(Status),
    /// Of an unbounded channel: the caller unlocks, brings it (`Overflow::bring`) and tries again.
    NoRoom(Lack),
    WouldBlock,
}

/// One send or receive. `S` says which; `M` how long it may wait. `block` goes on when it must: the lock is held.
///
/// # Safety
/// `ch` is a handle or null; `at` is readable (send) or writable (receive) for an element and stays so until the call returns.
#[inline(always)]
pub(super) unsafe fn operate<E: ElemOps, const S: bool, const M: u8, R: From<Status>>(
    ch: *const RawChan,
    e: E,
    at: *mut u8,
    wait: Wait,
    block: impl FnOnce(Cx, &'static RawChan) -> R,
) -> R {
    if ch.is_null() {
        // SAFETY: contract.
        return unsafe { nil::<M>(wait) }.into();
    }
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s.into(),
    };
    let cx = if M == TRY {
        cx
    } else {
        match interrupted(cx) {
            Ok(cx) => cx,
            Err(s) => return s.into(),
        }
    };
    // SAFETY: contract; slots are type-stable, and the header is checked under the lock.
    unsafe {
        let c = &*ch;
        let mut valid = c.header.lock_as(KIND_CHAN);
        loop {
            if !valid.is_ok() {
                return cx.out(valid).into();
            }
            let e = e.of(c.size.get());
            return match if S { c.send_now(e, at) } else { c.recv_now(e, at) } {
                Now::Done(party) => {
                    c.header.lock.unlock();
                    if !party.is_null() {
                        ready(cx, party)
                    }
                    tell(cx);
                    cx.out(Status::Ok).into()
                }
                Now::Ended(s) => {
                    c.header.lock.unlock();
                    tell(cx);
                    cx.out(s).into()
                }
                Now::NoRoom(lack) => {
                    valid = Overflow::bring(cx, c, lack);
                    continue;
                }
                Now::WouldBlock => {
                    let over = if M == TRY {
                        if !S && !c.notifier.get().is_null() {
                            notify::arm(c)
                        }
                        Some(Status::WouldBlock)
                    } else if panics(cx) {
                        Some(Status::Misuse) // a destructor may not park (H5)
                    } else if M == UNTIL {
                        wait.over()
                    } else {
                        None
                    };
                    if let Some(s) = over {
                        c.header.lock.unlock();
                        tell(cx);
                        return cx.out(s).into();
                    }
                    block(cx, c)
                }
            };
        }
    }
}

/// Enlists the current party; the lock is held.
#[inline(always)]
pub(super) unsafe fn prepare_wait<const S: bool>(cx: Cx, c: &RawChan, at: *mut u8) -> &'static Waiter {
    let w = cx.party().prepare_waiter(at);
    // SAFETY: the lock is held; the waiter is the party's own and in no queue.
    unsafe { if S { c.sendq.push(w) } else { c.recvq.push(w) } }
    w
}

/// `prepare_wait`, and waits.
#[inline(always)]
pub(super) unsafe fn wait_for_peer<const S: bool>(cx: Cx, c: &RawChan, at: *mut u8, wait: Wait) -> Status {
    // SAFETY: contract of `operate`.
    unsafe {
        let w = prepare_wait::<S>(cx, c, at);
        let size = c.size.get() as usize;
        let reason = if S { Reason::ChanSend } else { Reason::ChanRecv };
        let (cx, state) = block(cx, &c.header.lock, reason, core::ptr::from_ref(c).cast(), wait);
        if state == ticket::WON {
            if !S && w.status.get().is_ok() {
                order::wrote(at, size)
            }
            return cx.out(w.status.get());
        }
        // Ended by something else: the waiter may still lie in the queue. The channel is alive if it does: whoever frees it empties its queues first.
        unlink_waiter::<S>(c, w);
        cx.out(status_of(state, wait))
    }
}

/// Takes the current party's waiter out of its queue after a wait that ended otherwise.
#[cold]
pub(super) unsafe fn unlink_waiter<const S: bool>(c: &RawChan, w: &Waiter) {
    let q = if S { &c.sendq } else { &c.recvq };
    // SAFETY: slots are type-stable; `queued` is guarded by the lock and false once the waiter was popped.
    c.header.lock.with(|| unsafe { q.remove(w) })
}

/// A NULL channel is Go's nil channel: never ready (C5).
#[cold]
unsafe fn nil<const M: u8>(wait: Wait) -> Status {
    if M == TRY {
        return Status::WouldBlock;
    }
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    let cx = match interrupted(cx) {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    if let Some(s) = wait.over() {
        return cx.out(s);
    }
    // SAFETY: no queue and no lock.
    let (cx, state) = unsafe { block(cx, null(), Reason::NilChan, null(), wait) };
    cx.out(status_of(state, wait))
}

/// Sends the element at `src`; `M` is BLOCK, TRY or UNTIL (within `wait`). CLOSED leaves the element with the caller.
///
/// # Safety
/// `ch` is a handle or null; `src` is readable for an element of the channel until the call returns.
#[inline(always)]
pub unsafe fn send_as<E: ElemOps, const M: u8>(ch: *const RawChan, e: E, src: *const u8, wait: Wait) -> Status {
    // SAFETY: contract; the element is only read.
    unsafe {
        operate::<E, true, M, Status>(ch, e, src.cast_mut(), wait, |cx, c| {
            wait_for_peer::<true>(cx, c, src.cast_mut(), wait)
        })
    }
}

/// Receives an element into `dst`, written only on success. CLOSED when closed and drained.
///
/// # Safety
/// As `send_as`, writable.
#[inline(always)]
pub unsafe fn recv_as<E: ElemOps, const M: u8>(ch: *const RawChan, e: E, dst: *mut u8, wait: Wait) -> Status {
    // SAFETY: contract.
    unsafe { operate::<E, false, M, Status>(ch, e, dst, wait, |cx, c| wait_for_peer::<false>(cx, c, dst, wait)) }
}

/// The element of a channel whose size is read under its lock: for the faces that do not know it at compile time.
pub(super) const DYNAMIC: crate::elem::Dyn = crate::elem::Dyn(0);

/// Blocking send.
///
/// # Safety
/// See `send_as`.
#[inline(always)]
pub unsafe fn send(ch: *const RawChan, src: *const u8) -> Status {
    // SAFETY: contract.
    unsafe { send_as::<_, BLOCK>(ch, DYNAMIC, src, Wait::FOREVER) }
}

/// Send if it can go ahead now.
///
/// # Safety
/// See `send_as`.
#[inline(always)]
pub unsafe fn try_send(ch: *const RawChan, src: *const u8) -> Status {
    // SAFETY: contract.
    unsafe { send_as::<_, TRY>(ch, DYNAMIC, src, Wait::FOREVER) }
}

/// Send within limits.
///
/// # Safety
/// See `send_as`; `cancel` is a live source or null.
pub unsafe fn send_until(ch: *const RawChan, src: *const u8, deadline: i64, cancel: *const CancelSource) -> Status {
    // SAFETY: contract.
    unsafe { send_as::<_, UNTIL>(ch, DYNAMIC, src, Wait { deadline, cancel }) }
}

/// Blocking receive.
///
/// # Safety
/// See `recv_as`.
#[inline(always)]
pub unsafe fn recv(ch: *const RawChan, dst: *mut u8) -> Status {
    // SAFETY: contract.
    unsafe { recv_as::<_, BLOCK>(ch, DYNAMIC, dst, Wait::FOREVER) }
}

/// Receive if there is something now.
///
/// # Safety
/// See `recv_as`.
#[inline(always)]
pub unsafe fn try_recv(ch: *const RawChan, dst: *mut u8) -> Status {
    // SAFETY: contract.
    unsafe { recv_as::<_, TRY>(ch, DYNAMIC, dst, Wait::FOREVER) }
}

/// Receive within limits.
///
/// # Safety
/// See `recv_as`; `cancel` is a live source or null.
pub unsafe fn recv_until(ch: *const RawChan, dst: *mut u8, deadline: i64, cancel: *const CancelSource) -> Status {
    // SAFETY: contract.
    unsafe { recv_as::<_, UNTIL>(ch, DYNAMIC, dst, Wait { deadline, cancel }) }
}

/// The lock of a channel, for whoever keeps it alive.
///
/// # Safety
/// `ch` is a live channel.
pub unsafe fn lock_of<'a>(ch: *const RawChan) -> &'a ByteLock {
    // SAFETY: contract.
    unsafe { &(*ch).header.lock }
}

/// Enters and locks; on success the lock is held and the channel is valid.
pub(super) unsafe fn lock(ch: *const RawChan) -> Result<(Cx, &'static RawChan), Status> {
    if ch.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract of the callers; type-stable.
    unsafe {
        let c = &*ch;
        match c.header.lock_as(KIND_CHAN) {
            Status::Ok => Ok((cx, c)),
            s => Err(cx.out(s)),
        }
    }
}

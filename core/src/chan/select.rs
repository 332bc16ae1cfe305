//! select over several channels: pass 1 looks, pass 2 enlists and waits, pass 3 unlinks (SEMANTICS S1-S7).
//!
//!  S-1  All channels are locked in the order of their addresses, so there is one instant at which nothing was ready (S3), and no deadlock between selects.
//!  S-2  One of the ready cases is chosen uniformly, through `sched::rand` (S2).
//!  S-3  ONE ticket, one waiter a case; whoever wins the ticket names the case in it. A sender never meets a receive case of the same select: its ticket is not WAITING while it
//!       enlists (S7).
//!  S-4  Pass 3 takes ALL locks, the won channel's too, before it touches a node, so that the commit's last read of a node is over (model 5k).
//!  S-5  Waiters stand on the stack of a native task or thread (up to 4) or in a heap array (more); a task whose stack can move uses the array (D4).
//!  S-6  A small select first looks at its cases one by one, in its random order, each under its own lock: the first that can go ahead is as good a choice as any (it was ready at that
//!       instant). That nothing is ready is only ever said under all locks.
//!
//! This is the inner form, on raw channels; the faces' select is built on it (`selecting.rs`, `ffi-c/src/select.rs`, `py/src/select.rs`).

use super::raw::{KIND_CHAN, Now, RawChan};
use crate::elem::Dyn;
use crate::sched::party::{Party, Reason, Waiter};
use crate::sched::{Cx, enter, rand, ready, ticket};
use crate::status::Status;
use crate::sys::lock::ByteLock;
use crate::sys::slab;
use crate::wait::block::{Many, Wait, block_many, interrupted, status_of};
use core::ptr::null;

/// What a case does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Send,
    Recv,
}

/// One case. A null channel is never ready and switches the case off (S5).
#[derive(Clone, Copy)]
pub struct Case {
    pub op: Op,
    pub chan: *const RawChan,
    /// Bytes an element; the channel's own.
    pub size: usize,
    /// Read from (send) or written to (receive).
    pub at: *mut u8,
}

/// The most cases of one select (S8).
pub const MOST: usize = 65536;
const INLINE: usize = 4;

/// How a select goes about its choice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manner {
    /// False: WOULD_BLOCK if no case can go ahead now (`default`).
    pub may_block: bool,
    /// The first ready case in the order given, instead of a random one.
    pub biased: bool,
}

impl Manner {
    /// Waits, and chooses at random.
    pub const BLOCK: Manner = Manner { may_block: true, biased: false };
    /// Never waits, and chooses at random.
    pub const TRY: Manner = Manner { may_block: false, biased: false };
}

/// Waits until one case can go ahead and does it: its index, and OK or CLOSED. A deadline or cancellation gives its status.
///
/// # Safety
/// Channels are handles or null; `at` is readable or writable for an element until the call returns; for a task whose stack can move it does not lie on that.
pub unsafe fn select(cases: &[Case], wait: Wait, manner: Manner) -> Result<(usize, Status), Status> {
    if cases.len() > MOST {
        return Err(Status::Limit);
    }
    let cx = enter()?;
    let cx = if manner.may_block { interrupted(cx)? } else { cx };
    let t = cx.task();
    // SAFETY: contract; the current task is ours.
    unsafe {
        if cases.len() <= INLINE && (t.is_null() || (*t).lane.get() == 0) {
            let waiters = [const { Waiter::new() }; INLINE];
            run(cx, cases, &mut [0; INLINE], &mut [0; INLINE], &mut [null(); INLINE], &waiters, wait, manner)
        } else {
            let n = cases.len();
            let waiters: Vec<Waiter> = (0..n).map(|_| Waiter::new()).collect();
            run(cx, cases, &mut vec![0; n], &mut vec![0; n], &mut vec![null(); n], &waiters, wait, manner)
        }
    }
}

/// The channels of a select in the order of locking, each once.
struct Locks<'a> {
    cases: &'a [Case],
    order: &'a [u32],
}

impl Locks<'_> {
    fn each(&self, mut f: impl FnMut(&RawChan)) {
        let mut last: *const RawChan = null();
        for &i in self.order {
            let c = self.cases[i as usize].chan;
            if !c.is_null() && c != last {
                // SAFETY: a handle, by contract of select; slots are type-stable.
                f(unsafe { &*c });
                last = c;
            }
        }
    }

    fn lock(&self) {
        self.each(|c| c.header.lock.lock())
    }

    fn unlock(&self) {
        // SAFETY: locked by `lock`.
        self.each(|c| unsafe { c.header.lock.unlock() })
    }
}

#[allow(clippy::too_many_arguments)]
unsafe fn run(
    cx: Cx,
    cases: &[Case],
    lock_order: &mut [u32],
    poll_order: &mut [u32],
    locked: &mut [*const ByteLock],
    waiters: &[Waiter],
    wait: Wait,
    manner: Manner,
) -> Result<(usize, Status), Status> {
    let n = cases.len();
    let poll_order = &mut poll_order[..n];
    if manner.biased {
        poll_order.iter_mut().enumerate().for_each(|(i, o)| *o = i as u32);
    } else {
        shuffle(cx, poll_order);
        if n <= INLINE {
            // SAFETY: contract of select.
            match unsafe { look_one_by_one(cases, poll_order) } {
                Look::Found(i, status, party) => return Ok(found(cx, i, status, party)),
                Look::Bad(s) => return Err(cx.out(s)),
                Look::Nothing => {}
            }
        }
    }
    for (i, o) in lock_order[..n].iter_mut().enumerate() {
        *o = i as u32;
    }
    lock_order[..n].sort_unstable_by_key(|&i| cases[i as usize].chan.addr());
    let locks = Locks { cases, order: &lock_order[..n] };
    for case in cases.iter().filter(|c| !c.chan.is_null()) {
        // SAFETY: a handle, by contract of select. One from before a fork is not locked: its lock may be held for ever.
        if unsafe { (*case.chan).header.epoch.load(core::sync::atomic::Ordering::Relaxed) } != slab::epoch() {
            return Err(cx.out(Status::Shutdown));
        }
    }
    locks.lock();
    let mut bad = Status::Ok;
    locks.each(|c| {
        let s = c.header.check(KIND_CHAN);
        if !s.is_ok() {
            bad = s
        }
    });
    if !bad.is_ok() {
        locks.unlock();
        return Err(cx.out(bad));
    }
    // SAFETY: contract of select; the locks are held.
    unsafe {
        if let Look::Found(i, status, party) = look(cases, poll_order) {
            locks.unlock();
            return Ok(found(cx, i, status, party));
        }
        let end = if !manner.may_block {
            Some(Status::WouldBlock)
        } else if let Some(s) = wait.over() {
            Some(s)
        } else {
            std::thread::panicking().then_some(Status::Misuse) // a destructor may not park (H5)
        };
        if let Some(s) = end {
            locks.unlock();
            return Err(cx.out(s));
        }
        let mut k = 0;
        locks.each(|c| {
            locked[k] = &c.header.lock;
            k += 1;
        });
        enlist_and_wait(cx, cases, &locks, &locked[..k], waiters, wait)
    }
}

/// A case went ahead: whoever it completed is made ready, with no lock held.
#[inline(always)]
fn found(cx: Cx, i: usize, status: Status, party: *const Party) -> (usize, Status) {
    if !party.is_null() {
        // SAFETY: its ticket was won by `look`, and no lock is held.
        unsafe { ready(cx, party) }
    }
    cx.exit();
    (i, status)
}

/// What a look at the cases came to.
enum Look {
    Found(usize, Status, *const Party),
    Nothing,
    Bad(Status),
}

/// S-6.
#[inline(always)]
unsafe fn look_one_by_one(cases: &[Case], order: &[u32]) -> Look {
    for &i in order {
        let case = &cases[i as usize];
        if case.chan.is_null() {
            continue;
        }
        // SAFETY: a handle, by contract of select; checked under its lock.
        unsafe {
            let c = &*case.chan;
            let s = c.header.lock_as(KIND_CHAN);
            if !s.is_ok() {
                return Look::Bad(s);
            }
            let now = go_ahead(case, c);
            c.header.lock.unlock();
            match now {
                Now::Done(p) => return Look::Found(i as usize, Status::Ok, p),
                Now::Closed => return Look::Found(i as usize, Status::Closed, null()),
                Now::WouldBlock => {}
            }
        }
    }
    Look::Nothing
}

/// Under the channel's lock.
#[inline(always)]
unsafe fn go_ahead(case: &Case, c: &RawChan) -> Now {
    // SAFETY: contract of select; the lock is held, the handle was checked.
    unsafe {
        match case.op {
            Op::Send => c.send_now(Dyn(case.size), case.at),
            Op::Recv => c.recv_now(Dyn(case.size), case.at),
        }
    }
}

/// A uniformly random order (Fisher-Yates, S2).
fn shuffle(cx: Cx, order: &mut [u32]) {
    for i in 0..order.len() {
        let j = ((rand(cx) as u128 * (i as u128 + 1)) >> 64) as usize;
        order[i] = order[j];
        order[j] = i as u32;
    }
}

/// Pass 1, under all locks.
unsafe fn look(cases: &[Case], order: &[u32]) -> Look {
    for &i in order {
        let case = &cases[i as usize];
        if case.chan.is_null() {
            continue;
        }
        // SAFETY: the lock is held, the handle was checked.
        match unsafe { go_ahead(case, &*case.chan) } {
            Now::Done(p) => return Look::Found(i as usize, Status::Ok, p),
            Now::Closed => return Look::Found(i as usize, Status::Closed, null()),
            Now::WouldBlock => {}
        }
    }
    Look::Nothing
}

/// Passes 2 and 3; the locks are held.
unsafe fn enlist_and_wait(
    cx: Cx,
    cases: &[Case],
    locks: &Locks<'_>,
    locked: &[*const ByteLock],
    waiters: &[Waiter],
    wait: Wait,
) -> Result<(usize, Status), Status> {
    let party = cx.party();
    let seq = party.ticket.next_seq();
    // SAFETY: contract of select: waiters stay valid until pass 3 has unlinked them.
    unsafe {
        for (i, (case, w)) in cases.iter().zip(waiters).enumerate() {
            if case.chan.is_null() {
                continue;
            }
            w.party.set(party);
            w.seq.set(seq);
            w.case.set(i as u16);
            w.slot.set(case.at);
            let c = &*case.chan;
            if case.op == Op::Send { c.sendq.push(w) } else { c.recvq.push(w) }
        }
        let (cx, state) = block_many(cx, &Many(locked), Reason::Select, null(), wait);
        locks.lock();
        for (case, w) in cases.iter().zip(waiters) {
            if case.chan.is_null() {
                continue;
            }
            let c = &*case.chan;
            if case.op == Op::Send { c.sendq.remove(w) } else { c.recvq.remove(w) }
        }
        locks.unlock();
        cx.exit();
        if state == ticket::WON {
            let i = party.ticket.outcome().1 as usize;
            return Ok((i, waiters[i].status.get()));
        }
        Err(status_of(state, wait))
    }
}

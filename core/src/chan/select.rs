//! select over several channels: pass 1 looks, pass 2 enlists and waits, pass 3 unlinks (SEMANTICS S1-S7).
//!
//!  S-1  All channels are locked in the order of their addresses, so there is one instant at which nothing was ready (S3), and no deadlock between selects.
//!  S-2  One of the ready cases is chosen uniformly, through `sched::rand` (S2).
//!  S-3  ONE ticket, one waiter a case; whoever wins the ticket names the case in it. A sender never meets a receive case of the same select: its ticket is not WAITING while it
//!       enlists (S7).
//!  S-4  Pass 3 takes ALL locks, the won channel's too, before it touches a node, so that the commit's last read of a node is over (model 5k).
//!  S-5  Waiters stand on the stack of a native task or thread (up to 4) or in a heap array (more); a task whose stack can move uses the array (D4).
//!  S-6  A select first looks at its cases one by one, each under its own lock, in a random order that is made as it goes: the first that can go ahead is as good a choice as any (it was
//!       ready at that instant), and a select of many cases of which many are ready costs no more than one of few. That nothing is ready is only ever said under all locks.
//!       A channel that does not look ready is not even locked for that look.
//!  S-8  A task that would have to wait, and has others waiting for its processor, lets them run once before it enlists: what they do may be what it waits for, and to enlist with many channels
//!       and leave them again for each message costs more than anything else here. Where that was in vain it is not tried again for the next sixteen waits.
//!  S-7  A case that waits for a time has no channel: it is looked at in its turn, and the earliest one bounds the wait.
//!
//! This is the inner form, on raw channels; the faces' select is built on it (`choose.rs`, `ffi-c/src/select.rs`, `py/src/select.rs`). For cases that stay the same from wait to wait there is
//! `selector.rs`.
//!
//! Rejected: looking only under all locks (64 cases cost 64 locks for each message).

use super::block::Lack;
use super::notify;
use super::order;
use super::overflow::Overflow;
use super::raw::{KIND_CHAN, Now, RawChan};
use crate::elem::Dyn;
use crate::sched::party::{Party, Reason, Waiter};
use crate::sched::{Cx, Time, enter, others_wait, rand, ready, tell, ticket, yield_in};
use crate::status::Status;
use crate::sys::clock::{self, NEVER};
use crate::sys::lock::ByteLock;
use crate::sys::prim::Cell;
use crate::sys::slab;
use crate::wait::block::{Many, Wait, block_many, interrupted, panics, status_of};
use core::ptr::{null, null_mut};

/// What a case does.
#[repr(i32)]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Op {
    Send = 1,
    Recv = 2,
    /// Ready from `time` on.
    After = 3,
}

/// One case. A null channel is never ready and switches a send or receive off (S5). Laid out as `gort_case` of C, whose array is used as it is.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Case {
    pub op: Op,
    /// The face's; not looked at.
    pub status: i32,
    /// Null for `After`.
    pub chan: *const RawChan,
    /// Read from (send) or written to (receive): room for an element of the channel.
    pub at: *mut u8,
    /// Absolute; for `After`.
    pub time: Time,
    /// The face's; not looked at.
    pub rest: [usize; 3],
}

impl Case {
    /// Sends the element at `at`.
    pub const fn send(chan: *const RawChan, at: *const u8) -> Case {
        Case { op: Op::Send, status: 0, chan, at: at.cast_mut(), time: NEVER, rest: [0; 3] }
    }

    /// Receives into `at`.
    pub const fn recv(chan: *const RawChan, at: *mut u8) -> Case {
        Case { op: Op::Recv, status: 0, chan, at, time: NEVER, rest: [0; 3] }
    }

    /// Ready from `time` on; `NEVER` switches it off.
    pub const fn after(time: Time) -> Case {
        Case { op: Op::After, status: 0, chan: null(), at: null_mut(), time, rest: [0; 3] }
    }
}

/// The most cases of one select (S8).
pub const MOST: usize = 65536;
/// As many cases stand on the stack: S-5.
const INLINE: usize = 4;
/// So many orders to look in.
const ORDERS: usize = 64;

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
    let n = cases.len();
    // SAFETY: contract.
    unsafe {
        if n <= ORDERS {
            let mut order = [0; ORDERS];
            run(cx, cases, &mut order[..n], wait, manner)
        } else {
            run(cx, cases, &mut vec![0; n], wait, manner)
        }
    }
}

#[inline(always)]
unsafe fn run(
    cx: Cx,
    cases: &[Case],
    order: &mut [u16],
    wait: Wait,
    manner: Manner,
) -> Result<(usize, Status), Status> {
    order.iter_mut().enumerate().for_each(|(i, o)| *o = i as u16);
    // SAFETY: contract of select.
    unsafe {
        match look_one_by_one(cx, cases, order, manner.biased) {
            Look::Found(i, status, party) => Ok(found(cx, i, status, party)),
            Look::Bad(s) => {
                tell(cx);
                Err(cx.out(s))
            }
            Look::Nothing => {
                tell(cx);
                let cx = if manner.may_block && may_let_others_run(cx, wait) {
                    let cx = yield_in(cx);
                    match look_one_by_one(cx, cases, order, manner.biased) {
                        Look::Found(i, status, party) => {
                            cx.party().luck.set(0);
                            return Ok(found(cx, i, status, party));
                        }
                        _ => tell(cx),
                    }
                    cx
                } else {
                    cx
                };
                look_at_once(cx, cases, order, wait, manner)
            }
        }
    }
}

/// In how many waits nothing is tried after it was in vain (S-8).
const VAIN: u8 = 16;

/// S-8.
#[cold]
fn may_let_others_run(cx: Cx, wait: Wait) -> bool {
    let t = cx.task();
    // SAFETY: the current task is ours.
    if t.is_null() || unsafe { (*t).lane.get() } != 0 || panics(cx) {
        return false;
    }
    let luck = &cx.party().luck;
    if luck.get() > 0 {
        luck.set(luck.get() - 1);
        return false;
    }
    if !others_wait(cx) || wait.over().is_some() {
        return false;
    }
    luck.set(VAIN);
    true
}

/// A case went ahead: whoever it completed is made ready, with no lock held.
#[inline(always)]
pub(super) fn found(cx: Cx, i: usize, status: Status, party: *const Party) -> (usize, Status) {
    if !party.is_null() {
        // SAFETY: its ticket was won by the look, and no lock is held.
        unsafe { ready(cx, party) }
    }
    tell(cx);
    cx.exit();
    (i, status)
}

/// What a look at the cases came to.
pub(super) enum Look {
    Found(usize, Status, *const Party),
    Nothing,
    Bad(Status),
}

/// S-6. `order` is a uniformly random one afterwards, as far as it was looked at (Fisher-Yates, S2); biased: as it was.
#[inline(always)]
pub(super) unsafe fn look_one_by_one(cx: Cx, cases: &[Case], order: &mut [u16], biased: bool) -> Look {
    let n = order.len();
    for k in 0..n {
        if !biased && k + 1 < n {
            let j = k + ((rand(cx) as u128 * (n - k) as u128) >> 64) as usize;
            order.swap(k, j);
        }
        let i = order[k] as usize;
        let case = &cases[i];
        if case.chan.is_null() {
            if is_due(case) {
                return Look::Found(i, Status::Ok, null());
            }
            continue;
        }
        // SAFETY: a handle, by contract of select; checked under its lock.
        unsafe {
            let c = &*case.chan;
            if !looks_ready(case, c) {
                continue;
            }
            let s = c.header.lock_as(KIND_CHAN);
            if !s.is_ok() {
                return Look::Bad(s);
            }
            let mut now = go_ahead(case, c);
            while let Now::NoRoom(lack) = now {
                let s = Overflow::bring(cx, c, lack);
                if !s.is_ok() {
                    return Look::Bad(s);
                }
                now = go_ahead(case, c);
            }
            c.header.lock.unlock();
            match now {
                Now::Done(p) => return Look::Found(i, Status::Ok, p),
                Now::Ended(s) => return ended(i, s),
                Now::NoRoom(_) | Now::WouldBlock => {}
            }
        }
    }
    Look::Nothing
}

/// A case without a channel: has its time come (S-7)?
#[inline(always)]
fn is_due(case: &Case) -> bool {
    case.op == Op::After && case.time != NEVER && case.time <= clock::now()
}

/// S-6.
#[inline(always)]
fn looks_ready(case: &Case, c: &RawChan) -> bool {
    match case.op {
        Op::Send => c.looks_ready::<true>(),
        _ => c.looks_ready::<false>(),
    }
}

/// A case that failed: a closed channel is ready (S6).
#[inline(always)]
fn ended(i: usize, status: Status) -> Look {
    if status == Status::Closed { Look::Found(i, status, null()) } else { Look::Bad(status) }
}

/// Under the channel's lock.
#[inline(always)]
unsafe fn go_ahead(case: &Case, c: &RawChan) -> Now {
    // SAFETY: contract of select; the lock is held, the handle was checked.
    unsafe {
        let e = Dyn(c.size.get() as usize);
        match case.op {
            Op::Send => c.send_now(e, case.at),
            _ => c.recv_now(e, case.at),
        }
    }
}

/// Pass 1: takes all locks, and looks. They are held afterwards, unless it says `Bad`, when nobody is left to be told.
pub(super) unsafe fn look_at_all(cx: Cx, cases: &[Case], order: &[u16], locks: &Locks<'_>) -> Look {
    loop {
        let mut bad = locks.lock_valid();
        if bad.is_ok() {
            // SAFETY: the locks are held, the handles were checked.
            bad = match unsafe { look(cases, order) } {
                Ok(Look::Bad(s)) => s,
                Ok(looked) => return looked,
                Err((c, lack)) => {
                    locks.unlock();
                    tell(cx);
                    // SAFETY: a handle, by contract of select; no lock is held, and on OK this one is.
                    unsafe {
                        let s = Overflow::fetch(c, lack);
                        if !s.is_ok() {
                            return Look::Bad(s);
                        }
                        c.header.lock.unlock();
                    }
                    tell(cx);
                    continue;
                }
            };
            locks.unlock();
            tell(cx);
        }
        return Look::Bad(bad);
    }
}

/// Under all locks. Err: what a channel lacks for a send.
unsafe fn look<'a>(cases: &'a [Case], order: &[u16]) -> Result<Look, (&'a RawChan, Lack)> {
    for &i in order {
        let i = i as usize;
        let case = &cases[i];
        if case.chan.is_null() {
            if is_due(case) {
                return Ok(Look::Found(i, Status::Ok, null()));
            }
            continue;
        }
        // SAFETY: the lock is held, the handle was checked.
        unsafe {
            let c = &*case.chan;
            match go_ahead(case, c) {
                Now::Done(p) => return Ok(Look::Found(i, Status::Ok, p)),
                Now::Ended(s) => return Ok(ended(i, s)),
                Now::NoRoom(lack) => return Err((c, lack)),
                Now::WouldBlock => {}
            }
        }
    }
    Ok(Look::Nothing)
}

/// The channels of a select in the order of locking, each once.
pub(super) struct Locks<'a> {
    cases: &'a [Case],
    order: &'a [u16],
}

impl<'a> Locks<'a> {
    /// `order` is any order of the cases; it is made that of locking.
    #[inline(always)]
    pub(super) fn new(cases: &'a [Case], order: &'a mut [u16]) -> Locks<'a> {
        order.sort_unstable_by_key(|&i| cases[i as usize].chan.addr());
        Locks { cases, order }
    }

    /// Takes all of them if every channel is valid, or none, and says what is wrong.
    #[inline(always)]
    pub(super) fn lock_valid(&self) -> Status {
        for case in self.cases.iter().filter(|c| !c.chan.is_null()) {
            // SAFETY: a handle, by contract of select. One from before a fork is not locked: its lock may be held for ever.
            if unsafe { (*case.chan).header.epoch.load(core::sync::atomic::Ordering::Relaxed) } != slab::epoch() {
                return Status::Shutdown;
            }
        }
        self.lock();
        let mut status = Status::Ok;
        self.each(|c| {
            let s = c.header.check(KIND_CHAN);
            if !s.is_ok() {
                status = s
            }
        });
        if !status.is_ok() {
            self.unlock()
        }
        status
    }

    #[inline(always)]
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

    pub(super) fn unlock(&self) {
        // SAFETY: locked by `lock`.
        self.each(|c| unsafe { c.header.lock.unlock() })
    }
}

/// The look under all locks (S-1), and the wait if it finds nothing.
#[inline(never)]
unsafe fn look_at_once(
    cx: Cx,
    cases: &[Case],
    order: &[u16],
    wait: Wait,
    manner: Manner,
) -> Result<(usize, Status), Status> {
    let n = cases.len();
    let t = cx.task();
    // SAFETY: the current task is ours.
    let moves = manner.may_block && !t.is_null() && unsafe { (*t).lane.get() } != 0;
    // SAFETY: contract of select.
    unsafe {
        if n <= INLINE && !moves {
            let waiters = [const { Waiter::new() }; INLINE];
            let locked = [const { Cell::new(null()) }; INLINE];
            let room = Room { by_lock: &mut [0; INLINE][..n], locked: &locked, waiters: &waiters };
            go_on(cx, cases, order, room, wait, manner)
        } else {
            let waiters: Vec<Waiter> = (0..n).map(|_| Waiter::new()).collect();
            let locked: Vec<Cell<*const ByteLock>> = (0..n).map(|_| Cell::new(null())).collect();
            let room = Room { by_lock: &mut vec![0; n], locked: &locked, waiters: &waiters };
            go_on(cx, cases, order, room, wait, manner)
        }
    }
}

/// What a select needs for each case: on the stack or on the heap (S-5).
struct Room<'a> {
    /// The cases in the order of locking.
    by_lock: &'a mut [u16],
    /// Their locks, each once, for the commit.
    locked: &'a [Cell<*const ByteLock>],
    waiters: &'a [Waiter],
}

unsafe fn go_on(
    cx: Cx,
    cases: &[Case],
    order: &[u16],
    room: Room<'_>,
    wait: Wait,
    manner: Manner,
) -> Result<(usize, Status), Status> {
    let Room { by_lock, locked, waiters } = room;
    by_lock.copy_from_slice(order);
    let locks = Locks::new(cases, by_lock);
    // SAFETY: contract of select; the locks are held.
    unsafe {
        let end = match look_at_all(cx, cases, order, &locks) {
            Look::Found(i, status, party) => {
                locks.unlock();
                return Ok(found(cx, i, status, party));
            }
            Look::Bad(s) => return Err(cx.out(s)),
            Look::Nothing if !manner.may_block => {
                arm_descriptors(cases);
                Some(Status::WouldBlock)
            }
            Look::Nothing => {
                wait.over().or(std::thread::panicking().then_some(Status::Misuse)) // a destructor may not park (H5)
            }
        };
        if let Some(s) = end {
            locks.unlock();
            tell(cx);
            return Err(cx.out(s));
        }
        let mut k = 0;
        locks.each(|c| {
            locked[k].set(&c.header.lock);
            k += 1;
        });
        enlist_and_wait(cx, cases, &locks, &locked[..k], waiters, wait)
    }
}

/// WOULD_BLOCK of every receive case (notify.rs N3); the locks are held.
unsafe fn arm_descriptors(cases: &[Case]) {
    for case in cases.iter().filter(|case| case.op == Op::Recv && !case.chan.is_null()) {
        // SAFETY: contract; the handle was checked, and a look found nothing to receive.
        unsafe {
            if !(*case.chan).notifier.get().is_null() {
                notify::arm(&*case.chan)
            }
        }
    }
}

/// Pass 2 for one case; its lock is held.
///
/// # Safety
/// The waiter is in no queue, and stays valid until it is unlinked; `seq` is that of the party's next wait.
#[inline(always)]
pub(super) unsafe fn enlist(i: usize, case: &Case, w: &Waiter, party: *const Party, seq: u64) {
    if case.chan.is_null() {
        return;
    }
    w.party.set(party);
    w.seq.set(seq);
    w.case.set(i as u16);
    w.slot.set(case.at);
    // SAFETY: contract; a handle, by contract of select.
    unsafe {
        let c = &*case.chan;
        if case.op == Op::Send { c.sendq.push(w) } else { c.recvq.push(w) }
    }
}

/// Pass 3; the locks are held.
///
/// # Safety
/// The waiters are those that the cases were enlisted with.
#[inline(always)]
pub(super) unsafe fn unlink(cases: &[Case], waiters: &[Waiter]) {
    for (case, w) in cases.iter().zip(waiters) {
        if case.chan.is_null() || cfg!(feature = "mutant_select_keeps_losers") {
            continue;
        }
        // SAFETY: contract; a handle, by contract of select.
        unsafe {
            let c = &*case.chan;
            if case.op == Op::Send { c.sendq.remove(w) } else { c.recvq.remove(w) }
        }
    }
}

/// Passes 2 and 3; the locks are held.
unsafe fn enlist_and_wait(
    cx: Cx,
    cases: &[Case],
    locks: &Locks<'_>,
    locked: &[Cell<*const ByteLock>],
    waiters: &[Waiter],
    mut wait: Wait,
) -> Result<(usize, Status), Status> {
    let party = cx.party();
    let seq = party.ticket.next_seq();
    let mut due = None;
    let room = order::Rooms::of(cases); // the channel of a case that was won may be gone then
    party.waits.leave();
    // SAFETY: contract of select: waiters stay valid until pass 3 has unlinked them.
    unsafe {
        for (i, (case, w)) in cases.iter().zip(waiters).enumerate() {
            if case.op == Op::After && case.time < wait.deadline {
                wait.deadline = case.time;
                due = Some(i);
            }
            enlist(i, case, w, party, seq);
        }
        let (cx, state) = block_many(cx, &Many(locked), Reason::Select, null(), wait);
        locks.lock();
        unlink(cases, waiters);
        if state == ticket::WON {
            let i = party.ticket.outcome().1 as usize;
            if waiters[i].status.get().is_ok() {
                room.wrote(i)
            }
        }
        locks.unlock();
        cx.exit();
        let ended = match (state, due) {
            (ticket::WON, _) => {
                let i = party.ticket.outcome().1 as usize;
                Ok((i, waiters[i].status.get()))
            }
            (ticket::EXPIRED, Some(i)) => Ok((i, Status::Ok)),
            _ => Err(status_of(state, wait)),
        };
        #[cfg(loom)]
        {
            waiters.iter().for_each(Waiter::wreck);
            locked.iter().for_each(|lock| lock.set(null())); // S-4
        }
        ended
    }
}

//! Waiting at a word of the program's own (`sched/lot.rs`): what the plain structs of `sync/` share. Each is a word or two, zero at first, and a queue in the lot, found by the word's address.
//!
//!  A1  The word says whether anybody stands in the queue (a bit of its own, QUEUED), and that bit changes under the queue's lock only. So who finds it clear need not look.
//!  A2  Whoever is let go on is granted what it asked for under the lock, in the word, before it is woken: a woken waiter never tries again. (The mutex, which lets newcomers in first, is the exception.)
//!  A3  Whoever gives up takes the lock again, leaves the queue, and settles what its leaving changes for those behind it.
//!  A4  The last access to the word precedes the wake-ups (D8); the bucket is nobody's to free. So the word's memory may go when its last user has returned.
//!  A5  A callback that waits stands in the same queues and is let go on as the others are; its function is called instead of a wake-up. Whoever withdraws it settles as in A3. It has what it was
//!      granted from the call on, though its owner may have lost interest meanwhile: then the owner gives it back.
//!
//! What this is NOT: the words. Their bits, and who may be granted what, stand in the files of `sync/`.

use super::block::{Wait, block, panics, refuse, status_of};
use crate::sched::callback::Callback;
use crate::sched::lot::{self, Bucket};
use crate::sched::party::{FIXED, HOSTED, Reason, Waiter};
use crate::sched::wakelist::WakeList;
use crate::sched::{Cx, enter, others_wait, ticket};
use crate::status::Status;
use crate::sys::clock;
use crate::sys::prim::*;
use core::ptr::from_ref;

/// How often one that can spin looks before it queues.
const LOOKS: u32 = 4;
/// What one look takes, ns.
#[cfg(not(loom))]
const LOOK_NS: u32 = 100;

/// What may end a wait besides its object.
#[derive(Clone, Copy)]
pub struct Limits {
    pub wait: Wait,
    /// 0; FIXED: nothing, a plain lock (K3); HOSTED: the caller's host, and the judge.
    pub fixed: u8,
}

impl Limits {
    /// A plain lock's: it goes on waiting whatever happens to the task.
    pub const PLAIN: Limits = Limits { wait: Wait::FOREVER, fixed: FIXED };

    /// The same for a host's own call, which may raise: cancellation does not end it, but what a signal's handler raises does (CANCELED), and so does the judge (DEADLOCK).
    pub const HOSTED: Limits = Limits { wait: Wait::FOREVER, fixed: HOSTED };

    /// A blocking call's.
    pub const fn of(wait: Wait) -> Limits {
        Limits { wait, fixed: 0 }
    }

    /// May the caller not wait at all? Asked under the queue's lock, when it would have to.
    pub fn refused(&self, cx: Cx) -> Option<Status> {
        if self.fixed != 0 {
            return None;
        }
        self.wait.over().or(panics(cx).then_some(Status::Misuse)) // H5
    }
}

/// Begins a call that may wait: inside the bracket, forks are noticed from now on, and a cancelled task is told so unless it may not be.
#[inline]
pub fn come(limits: Limits) -> Result<Cx, Status> {
    let cx = enter()?;
    lot::begin();
    if limits.fixed != 0 || !cx.party().is_canceled() {
        return Ok(cx);
    }
    Err(refuse(cx))
}

/// Must the caller not be parked, though a plain lock would have it so? A task that panics and may move must not (block.rs K4): it would take another thread's count of panics down.
#[inline]
pub fn must_not_park(cx: Cx, limits: Limits) -> bool {
    #[cfg(not(loom))]
    // SAFETY: the current task is ours.
    return limits.fixed == FIXED
        && panics(cx)
        && unsafe { cx.task().as_ref() }.is_some_and(|t| t.thread.get().is_null());
    #[cfg(loom)]
    {
        let _ = (cx, limits);
        false // no model panics
    }
}

/// `block` of a wait that nobody may be refused, if it is one: the thread knows that a task of its panics and is parked (block.rs K4).
///
/// # Safety
/// As `block`.
pub unsafe fn block_fixed(cx: Cx, bucket: &'static Bucket, reason: Reason, limits: Limits) -> (Cx, u8) {
    let party = cx.party();
    party.fixed.store(limits.fixed, Relaxed);
    let counted = limits.fixed != 0 && std::thread::panicking() && !cx.task().is_null();
    let count = |cx: Cx, n: u32| cx.thread.parked_panics.set(cx.thread.parked_panics.get().wrapping_add(n));
    if counted {
        count(cx, 1)
    }
    // SAFETY: contract.
    let (cx, state) = unsafe { block(cx, &bucket.lock, reason, from_ref(bucket).cast(), limits.wait) };
    if counted {
        count(cx, u32::MAX) // on the same thread: a task that may move polls instead
    }
    party.fixed.store(0, Relaxed);
    (cx, state)
}

/// What such a caller does instead: it blocks its thread, in a way that the monitor takes for any call of the program's that blocks (its processor goes to another), and looks again now and then.
/// Whoever has the lock must not be a started task of the same thread.
#[cold]
pub fn poll(cx: Cx, mut take: impl FnMut() -> bool) -> Status {
    cx.exit();
    let mut pause = 20_000;
    while !take() {
        clock::nap(pause);
        pause = (pause * 2).min(1_000_000);
    }
    Status::Ok
}

/// A few looks before it queues, if whoever is in the way may be running: on another thread, and nobody waits for this one. `look` says whether it got in, or None to look again.
pub fn spin(cx: Cx, mut look: impl FnMut() -> Option<bool>) -> bool {
    if cfg!(loom) || (!cx.task().is_null() && others_wait(cx)) {
        return false;
    }
    for _ in 0..LOOKS {
        if let Some(got) = look() {
            return got;
        }
        #[cfg(not(loom))]
        for _ in 0..crate::sys::cpu::pauses(LOOK_NS) {
            spin_hint();
        }
    }
    false
}

/// The queue of a word, locked.
#[must_use = "it stays locked"]
pub struct Queue {
    bucket: &'static Bucket,
    at: *const (),
}

/// What a waiter asks for, as those see it who let it go on.
#[derive(Clone, Copy, Default)]
pub struct Ask {
    /// What kind of waiter it is; each file has its own numbers.
    pub kind: u16,
    /// How much it asks for.
    pub amount: u32,
}

/// A wait that its object did not end.
pub struct Ended {
    pub cx: Cx,
    /// Locked again; the waiter is out (A3).
    pub queue: Queue,
    pub status: Status,
    /// It stood in the queue until now: nobody tried to let it go on.
    pub was_queued: bool,
}

impl Queue {
    /// The caller is inside the bracket, and holds no other queue.
    pub fn lock<T>(word: &T) -> Queue {
        let at = from_ref(word).cast();
        let bucket = lot::bucket(at);
        bucket.lock.lock();
        Queue { bucket, at }
    }

    /// Unlocks it. Nothing of the word is touched afterwards.
    pub fn unlock(self) {
        // SAFETY: locked by `lock`, or locked again by `wait`.
        unsafe { self.bucket.lock.unlock() }
    }

    /// Unlocks it, then wakes those who were let go on.
    pub fn wake(self, cx: Cx, wakes: WakeList) {
        self.unlock();
        wakes.fire(cx)
    }

    /// Does nobody stand in it?
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    /// Who has stood in it for longest. (It may have given up, and be about to leave.)
    pub fn first(&self) -> Option<&Waiter> {
        // SAFETY: the lock is held.
        unsafe { self.bucket.first(self.at).as_ref() }
    }

    /// Who came next after `w`.
    pub fn after(&self, w: &Waiter) -> Option<&Waiter> {
        // SAFETY: as above, and it is queued.
        unsafe { Bucket::next(w, self.at).as_ref() }
    }

    /// What a waiter asks for.
    pub fn ask(&self, w: &Waiter) -> Ask {
        // SAFETY: a waiter that stands in a queue belongs to a party that stays until it has left it (party.rs I2).
        Ask { kind: w.case.get(), amount: unsafe { (*w.party.get()).amount.get() } }
    }

    /// Takes a waiter out and ends its wait with OK: false if that had ended already. Whoever gets true grants it what it asked for, before the unlock.
    pub fn win(&self, w: &Waiter, wakes: &mut WakeList) -> bool {
        // SAFETY: the lock is held; the party of a queued waiter stays (I2); what was won just now is ours to wake.
        unsafe {
            self.bucket.remove(w);
            let party = w.party.get();
            // `kind` is for those who look through the queue; the ticket's case is 0.
            let won = (*party).ticket.win_held(w.seq.get(), ticket::WON, 0);
            if won {
                w.status.set(Status::Ok);
                wakes.push(party);
            }
            won
        }
    }

    /// Lets all go on who stand in it.
    pub fn win_all(&self, wakes: &mut WakeList) {
        while let Some(w) = self.first() {
            self.win(w, wakes);
        }
    }

    /// Enlists the caller without waiting yet: `wait_on` follows, or `leave`.
    pub fn enlist(&self, cx: Cx, ask: Ask) {
        let party = cx.party();
        let w = party.prepare_waiter(core::ptr::null_mut());
        w.case.set(ask.kind);
        w.status.set(Status::WouldBlock);
        party.amount.set(ask.amount);
        // SAFETY: the lock is held; the waiter is the party's own, in no queue, and stays until it is taken out.
        unsafe { self.bucket.push(w, self.at, false) }
    }

    /// Takes a waiter out that need not be in.
    pub fn leave(&self, w: &Waiter) {
        // SAFETY: the lock is held; it was enlisted here.
        unsafe { self.bucket.remove(w) }
    }

    /// Enlists the caller, unlocks, and waits until somebody lets it go on: Ok. Within limits; a plain lock's wait ends otherwise only when the runtime does.
    pub fn wait(self, cx: Cx, ask: Ask, reason: Reason, limits: Limits) -> Result<Cx, Ended> {
        self.enlist(cx, ask);
        self.wait_on(cx, reason, limits)
    }

    /// The rest of `wait` for one that stands in the queue.
    pub fn wait_on(self, cx: Cx, reason: Reason, limits: Limits) -> Result<Cx, Ended> {
        let w = &cx.party().waiter;
        // SAFETY: the lock is held; the waiter stands in the queue with the number of this wait, and stays until it is taken out.
        let (cx, state) = unsafe { block_fixed(cx, self.bucket, reason, limits) };
        if state == ticket::WON {
            return Ok(cx);
        }
        self.bucket.lock.lock();
        let was_queued = w.queued.get();
        self.leave(w);
        Err(Ended { cx, queue: self, status: status_of(state, limits.wait), was_queued })
    }
}

/// A callback waits (A5): OK if `get_in` says so, which is asked under the queue's lock and marks that somebody is about to queue; else it is enlisted (WOULD_BLOCK), and its function is called when
/// somebody lets it go on, unless it is withdrawn.
///
/// # Safety
/// The callback is the caller's, and in no other wait; it and the word stay until it was called or withdrawn.
pub unsafe fn later<T>(word: &T, cb: &Callback, ask: Ask, reason: Reason, get_in: impl FnOnce() -> bool) -> Status {
    let cx = match come(Limits::PLAIN) {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    let queue = Queue::lock(word);
    let got_in = get_in();
    if !got_in {
        // SAFETY: the lock is held; contract. What it asks for is read under the lock only.
        unsafe { queue.bucket.push_callback(cb, queue.at, reason) }
        cb.party.waiter.case.set(ask.kind);
        cb.party.amount.set(ask.amount);
    }
    queue.unlock();
    cx.out(if got_in { Status::Ok } else { Status::WouldBlock })
}

/// Takes an enlisted callback out (true), and then `settle` what that changes for those behind it, and unlock. False: it has been granted what it asked for, and its function is called. MISUSE from
/// inside gort: nothing has changed.
pub fn withdraw<T>(word: &T, cb: &Callback, settle: impl FnOnce(Queue, Cx)) -> Result<bool, Status> {
    let cx = enter()?;
    let queue = Queue::lock(word);
    // SAFETY: the lock is held; the callback was enlisted here, or its wait is over.
    let withdrawn = unsafe { queue.bucket.withdraw(cb) };
    if withdrawn && !cfg!(feature = "mutant_withdraw_settles_nothing") {
        settle(queue, cx)
    } else {
        queue.unlock()
    }
    cx.exit();
    Ok(withdrawn)
}

/// The era of this process in a word of 64 bits, at bits 16..32 (`sched/lot.rs`): what another process left in it is nothing to this one.
pub const ERA: u64 = 0xFFFF << ERA_SHIFT;
const ERA_SHIFT: u32 = 16;

/// What every word in use has of this process. None before forks are noticed: then the slow way is taken once.
#[inline(always)]
pub fn era() -> Option<u64> {
    let e = lot::era();
    (e != 0).then_some(u64::from(e) << ERA_SHIFT)
}

/// A word as this process sees it: one that was in use before a fork is not in use.
#[inline(always)]
pub fn seen(word: u64) -> u64 {
    if word & ERA == u64::from(lot::era()) << ERA_SHIFT { word } else { 0 }
}

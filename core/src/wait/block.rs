//! One way to block, for tasks and plain threads: `block`.
//!
//! What this is: steps 2 and 6 of the protocol in `mod.rs`: park or sleep, with a deadline and a cancel source. What it is NOT: a queue; the caller has enlisted its waiter under
//! its object's lock, which the commit releases.
//!
//! K1  The commit writes WAITING after the save, then (compiler fence; the canceller has the heavy side) reads the cancel flags, and if one is set resumes the task itself by
//!     winning its ticket. So being cancellable costs a park no read-modify-write.
//!     A wait without limits at one object is opened as HELD: it is won under that object's lock (ticket.rs I4), which the commit holds until the end.
//! K2  After its unlock the commit touches nothing of the task, unless it won the ticket.
//! K4  std counts panics for a thread, and not for a task. So a task that panics is not parked, but in a plain lock, which can not be refused (a guard's destructor may want one): if it is bound
//!     to its thread it parks, and the thread knows of it (`parked_panics`), so that the next task there is not taken for one that panics; if it may move, it blocks the thread (`at::poll`).
//! K3  A deadline is a node in the wheel of the processor the task parked on; whoever resumes elsewhere marks it dead and goes on; a late expiry fails by seq.

use super::cancel::{self, CancelSource};
use crate::sched::domain::Event;
use crate::sched::monitor::COARSE;
use crate::sched::party::{CancelNode, Party, Reason};
use crate::sched::task::{self, Task};
use crate::sched::thread::Thread;
use crate::sched::timers::Handle;
use crate::sched::{Cx, Time, cancel_timer, note, park, ready, ready_task, tell, thread_park, ticket, yield_in};
use crate::status::Status;
use crate::sys::barrier;
use crate::sys::clock::{self, NEVER};
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::ptr::null;

/// What may end a wait besides its object.
#[derive(Clone, Copy)]
pub struct Wait {
    /// Absolute monotonic time, `NEVER` for none.
    pub deadline: Time,
    /// A cancel source, or null.
    pub cancel: *const CancelSource,
}

impl Wait {
    /// Nothing but the object (and the task's own cancellation).
    pub const FOREVER: Wait = Wait { deadline: NEVER, cancel: null() };

    /// True if there is nothing to arm.
    #[inline(always)]
    pub fn is_forever(&self) -> bool {
        self.deadline == NEVER && self.cancel.is_null()
    }

    /// Has one of the limits been reached already? A deadline that has passed just now may not be seen: then the wait begins, and ends at once. (The clock costs more than a wait.)
    #[cold]
    pub fn over(&self) -> Option<Status> {
        if !self.cancel.is_null()
            // SAFETY: the caller of the blocking call vouches for its cancel source; slab objects are type-stable.
            && let Some(cause) = unsafe { (*self.cancel).cause() }
        {
            return Some(cause);
        }
        (self.deadline <= clock::recent().max(0)).then_some(Status::TimedOut)
    }
}

/// Must a blocking call of this party return CANCELED now? If so it goes once through the scheduler first, so that a loop that ignores it starves nobody (K3).
#[inline(always)]
pub fn interrupted(cx: Cx) -> Result<Cx, Status> {
    if cx.party().is_canceled() { Err(refuse(cx)) } else { Ok(cx) }
}

/// Does the caller panic? Then its destructors may not park (H5), but in a plain lock (K4).
#[inline]
pub fn panics(cx: Cx) -> bool {
    std::thread::panicking() && cx.thread.parked_panics.get() == 0
}

/// A blocking call that may not wait: CANCELED, or MISUSE while the caller panics.
#[cold]
pub fn refuse(cx: Cx) -> Status {
    if panics(cx) {
        return cx.out(Status::Misuse);
    }
    let cx = yield_in(cx);
    see_cancel(cx.party());
    cx.out(Status::Canceled)
}

/// The owner returns CANCELED: what the canceller did before is seen from now on.
#[cold]
fn see_cancel(party: &Party) {
    // Acquire: pairs with the Release of `run::raise_incarnation`; whoever found the cancellation had loaded it relaxed.
    party.cancel.load(Acquire);
    party.canceled.fetch();
}

/// Waits until the open wait of the current party ends; returns the `Cx` that counts now and how the ticket ended.
///
/// Before: the party's waiter is enlisted, with `seq == party.ticket.next_seq()`, under `lock` (null for none), which is held; `block` releases it.
/// After: for WON nothing is left to do; for every other state the caller takes the lock again and unlinks the waiter.
///
/// # Safety
/// As said; whatever the waiter points to stays valid until it is won or unlinked.
#[inline(always)]
pub unsafe fn block(cx: Cx, lock: *const ByteLock, reason: Reason, object: *const (), wait: Wait) -> (Cx, u8) {
    let party = cx.party();
    party.waits_for(reason, object);
    // SAFETY: contract, passed on.
    unsafe {
        if wait.is_forever() && !cx.task().is_null() {
            let cx = park(cx, commit::<HELD>, lock.cast_mut().cast());
            return (cx, party.ticket.outcome().0);
        }
        block_slow::<ONE>(cx, party, lock.cast_mut().cast(), wait)
    }
}

/// `block` cut before the switch, for a caller that switches by itself (`chan/stub.rs`): says what the commit is to do.
///
/// # Safety
/// As `block`; a native task is current, and the caller switches to the scheduler's stack at once.
#[inline(always)]
pub unsafe fn prepare_park(cx: Cx, lock: *const ByteLock, reason: Reason, object: *const ()) {
    cx.party().waits_for(reason, object);
    cx.thread.commit.set(Some(commit::<HELD>));
    cx.thread.commit_arg.set(lock.cast_mut().cast());
}

/// Several locks, released together: a select's. It stands on the parked stack; the commit reads it only while it still holds the last of them, and nobody can
/// resume the task past its pass 3 before that one is free (model 5k).
pub struct Many<'a>(pub &'a [Cell<*const ByteLock>]);

/// `block` for a select; the case that won stands in the party's ticket.
///
/// # Safety
/// As `block`, for each lock.
pub unsafe fn block_many(cx: Cx, locks: &Many<'_>, reason: Reason, object: *const (), wait: Wait) -> (Cx, u8) {
    let party = cx.party();
    party.waits_for(reason, object);
    // SAFETY: contract.
    unsafe { block_slow::<MANY>(cx, party, core::ptr::from_ref(locks).cast_mut().cast(), wait) }
}

/// What a commit releases: one lock, and the wait is of the kind that only its holder ends (ticket.rs I4), if it is at an object;
const HELD: u8 = 0;
/// one lock; or many.
const ONE: u8 = 1;
const MANY: u8 = 2;

#[inline(never)]
unsafe fn block_slow<const L: u8>(cx: Cx, party: &'static Party, locks: *mut (), wait: Wait) -> (Cx, u8) {
    // SAFETY: contract of `block`.
    unsafe {
        if wait.cancel.is_null() {
            return block_until::<L>(cx, party, locks, wait.deadline);
        }
        let nodes = CancelNodes::new(cx);
        cancel::watch(party, party.ticket.next_seq(), wait.cancel, nodes.get());
        let ended = block_until::<L>(cx, party, locks, wait.deadline);
        cancel::unwatch(party);
        ended
    }
}

/// The wait with a deadline, or for ever; what may cancel it is seen to.
#[inline(always)]
unsafe fn block_until<const L: u8>(cx: Cx, party: &'static Party, locks: *mut (), deadline: Time) -> (Cx, u8) {
    let seq = party.ticket.next_seq();
    let timed = deadline != NEVER;
    if timed {
        party.timed.store(1, Relaxed);
    }
    // SAFETY: contract of `block`.
    unsafe {
        let (cx, state) = if cx.task().is_null() {
            block_thread::<L>(cx, party, seq, locks, deadline)
        } else {
            let timer = if timed { arm(cx, party, seq, deadline) } else { None };
            if timed && timer.is_none() {
                // No memory for a timer: nothing was opened; the caller unlinks and says so.
                unlock::<L>(locks);
                tell(cx);
                party.ticket.close();
                party.timed.store(0, Relaxed);
                return (cx, ticket::IDLE);
            }
            let cx = park(cx, commit::<L>, locks);
            let state = party.ticket.outcome().0;
            if let Some(h) = timer
                && state != ticket::EXPIRED
            {
                cancel_timer(cx, h);
            }
            (cx, state)
        };
        if timed {
            party.timed.store(0, Relaxed);
        }
        (cx, state)
    }
}

/// Room for the cancel nodes of one wait (a context and the ambient one): on this stack, unless it can move (D4).
struct CancelNodes {
    here: [CancelNode; 2],
    elsewhere: Option<Box<[CancelNode; 2]>>,
}

impl CancelNodes {
    #[inline(always)]
    fn new(cx: Cx) -> CancelNodes {
        let t = cx.task();
        // SAFETY: the current task is ours.
        let moves = !t.is_null() && unsafe { (*t).lane.get() } != 0;
        CancelNodes {
            here: [const { CancelNode::new() }; 2],
            elsewhere: moves.then(|| Box::new([const { CancelNode::new() }; 2])),
        }
    }

    #[inline(always)]
    fn get(&self) -> &[CancelNode] {
        match &self.elsewhere {
            Some(b) => &b[..],
            None => &self.here,
        }
    }
}

/// A plain thread: WAITING before the unlock, then the futex.
unsafe fn block_thread<const L: u8>(cx: Cx, party: &Party, seq: u64, locks: *mut (), deadline: Time) -> (Cx, u8) {
    party.ticket.open(seq);
    barrier::light();
    // A foreign call of a host's task (D4) ends with that task's cancellation, as a wait of its own would.
    let caller = cx.caller();
    // SAFETY: the task whose code made the call is alive while it runs.
    let ended = !caller.is_null() && unsafe { (*caller).party.is_canceled() } && party.fixed.load(Relaxed) == 0;
    if (ended || party.watching.get() != 0 && cancel::is_flagged(party)) && party.ticket.win(seq, ticket::CANCELED, 0) {
        // SAFETY: held by contract of `block`.
        unsafe { unlock::<L>(locks) };
        tell(cx);
        return (cx, ticket::CANCELED);
    }
    // SAFETY: as above.
    unsafe { unlock::<L>(locks) };
    tell(cx);
    (cx, thread_park(cx, seq, deadline))
}

#[inline(always)]
unsafe fn unlock<const L: u8>(locks: *mut ()) {
    // SAFETY: held by contract.
    unsafe { Held::of::<L>(locks).unlock() }
}

/// The locks of a wait, without the parked stack: a `Many` of none protects nothing, so it is not read once the ticket is open.
#[derive(Clone, Copy)]
enum Held {
    One(*const ByteLock),
    Many(*const Cell<*const ByteLock>, usize),
}

impl Held {
    #[inline(always)]
    unsafe fn of<const L: u8>(locks: *mut ()) -> Held {
        if L == MANY {
            // SAFETY: contract of `block_many`: a `Many` that lives until its wait is over.
            let Many(list) = unsafe { &*locks.cast_const().cast::<Many<'_>>() };
            Held::Many(list.as_ptr(), list.len())
        } else {
            Held::One(locks.cast_const().cast())
        }
    }

    #[inline(always)]
    unsafe fn unlock(self) {
        // SAFETY: held by contract; of many, the list stays until the last one is released.
        unsafe {
            match self {
                Held::One(lock) if lock.is_null() => {}
                Held::One(lock) => (*lock).unlock(),
                Held::Many(first, n) => {
                    for i in 0..n {
                        let lock = (*first.add(i)).get();
                        (*lock).unlock()
                    }
                }
            }
        }
    }
}

/// The commit of every wait (K1, K2). `locks` is the lock to release, or null, or a `Many`.
///
/// # Safety
/// A commit: runs once the task's stack is saved.
unsafe fn commit<const L: u8>(cx: Cx, t: *mut Task, locks: *mut ()) {
    // SAFETY: the task is ours until WAITING is written and the lock released; then only if we won its ticket.
    unsafe {
        if cfg!(feature = "mutant_unlock_before_commit") {
            unlock::<L>(locks);
            yield_thread();
        }
        let party = &(*t).party;
        (*t).state.store(task::PARKED, Relaxed);
        party.since.store(COARSE.load(Relaxed), Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Park);
        }
        let seq = party.ticket.next_seq();
        // What stands on the task's stack is read before the ticket is open: afterwards a canceller, who needs no lock
        // of ours, may let it run elsewhere.
        let flags = cancel::flags(party);
        let held = Held::of::<L>(locks);
        // A wait at an object is under its lock, with which it begins; one at nothing has none.
        if L == HELD && !locks.is_null() {
            debug_assert_eq!(party.object.load(Relaxed), locks);
            party.ticket.open_held(seq);
        } else {
            party.ticket.open(seq);
        }
        barrier::light();
        if (party.is_canceled() || !flags[0].is_null())
            && should_cancel(party, &flags)
            && party.ticket.win_held(seq, ticket::CANCELED, 0)
        {
            if !cfg!(feature = "mutant_unlock_before_commit") {
                held.unlock();
            }
            tell(cx);
            return ready_task(cx, t);
        }
        if !cfg!(feature = "mutant_unlock_before_commit") {
            held.unlock();
        }
        if !cfg!(feature = "mutant_commit_tells_nobody") {
            tell(cx);
        }
    }
}

#[cold]
fn should_cancel(party: &Party, flags: &[*const AtomicU8; 2]) -> bool {
    party.fixed.load(Relaxed) == 0 && (party.is_canceled() || cancel::any(flags))
}

unsafe fn arm(cx: Cx, party: &'static Party, seq: u64, deadline: Time) -> Option<Handle> {
    let p = cx.processor()?;
    // SAFETY: the wheel is ours inside the bracket; the party is type-stable, and `expire` checks its seq.
    unsafe {
        p.wheel.insert(deadline, clock::recent_or_now(), core::ptr::from_ref(party).cast_mut().cast(), seq, expire)
    }
}

/// A deadline is due: whoever runs the wheel calls this, inside the bracket and with no lock held.
unsafe fn expire(target: *mut (), seq: u64, _: Time) {
    // SAFETY: the target is a party, which is type-stable; the calling thread is inside the bracket.
    unsafe {
        let party = &*target.cast::<Party>();
        if party.ticket.win(seq, ticket::EXPIRED, 0) {
            ready(Cx { thread: &*Thread::get() }, party)
        }
    }
}

/// The status of a wait that ended otherwise than by its object.
#[cold]
pub fn status_of(state: u8, wait: Wait) -> Status {
    match state {
        ticket::EXPIRED => Status::TimedOut,
        ticket::DEADLOCK => Status::Deadlock,
        ticket::SHUTDOWN => Status::Shutdown,
        // Without a deadline no timer was wanted: a fork's child, in which the wait is over.
        ticket::IDLE if wait.deadline == NEVER => Status::Shutdown,
        ticket::IDLE => Status::NoMemory,
        _ => {
            // SAFETY: the caller has waited, so its thread is registered; threads are never freed.
            see_cancel(Cx { thread: unsafe { &*Thread::get() } }.party());
            if !wait.cancel.is_null() {
                // SAFETY: as in `Wait::over`.
                if let Some(cause) = unsafe { (*wait.cancel).cause() } {
                    return cause;
                }
            }
            Status::Canceled
        }
    }
}

/// Begins a call that may wait: inside the bracket, unless the caller is cancelled, or what cancels the wait is.
fn begin(wait: Wait) -> Result<Cx, Status> {
    let cx = interrupted(crate::sched::enter()?)?;
    if !wait.cancel.is_null()
        // SAFETY: as in `Wait::over`.
        && let Some(cause) = unsafe { (*wait.cancel).cause() }
    {
        return Err(cx.out(cause));
    }
    Ok(cx)
}

/// Asked by what looks before it sleeps: is the caller cancelled, or what cancels the wait? The deadline is not looked at.
pub fn at_once(wait: Wait) -> Result<(), Status> {
    begin(wait).map(Cx::exit)
}

/// Sleeps until `wait` is over. A deadline that has passed returns at once.
pub fn sleep(wait: Wait) -> Status {
    let cx = match begin(wait) {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    if wait.over().is_some() {
        return cx.out(Status::Ok); // the deadline has passed
    }
    if panics(cx) {
        return cx.out(Status::Misuse);
    }
    // SAFETY: no queue, no lock.
    let (cx, state) = unsafe { block(cx, null(), Reason::Sleep, null(), wait) };
    let status = status_of(state, wait);
    cx.out(if state == ticket::EXPIRED { Status::Ok } else { status })
}

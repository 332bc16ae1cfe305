//! How a worker without work searches, falls asleep, and is woken (with `lane.rs`, which holds the lists).
//!
//! ```text
//!  RUN --pick() finds nothing--> SEARCH (has a processor and a searcher's token; about 50 us)
//!  SEARCH: injector, rings of others, timers, old next slots of others   --found--> give the token back, RUN
//!     |  nothing
//!  PUT DOWN 1. swap own word to 0   2. under the lane's lock: processor to a wanting thread or the idle list, thread to the resting list
//!           3. give the token back  4. heavy barrier  5. look at all queues again: work -> take an idle processor, SEARCH
//!  SLEEP    in_rt = 0; on the bell, until it is told, given a processor, or the deadline it keeps passes; in_rt = 1
//! ```
//! I1  Before any sleep the processor is put down and in_rt is 0.
//! I2  A push that the second look (5) missed came after the heavy barrier, and its pusher then sees n_idle > 0 and no searcher, and wakes (lane.rs L4).
//! I3  A thread with started tasks of its own asks for a processor (WANTING) instead of resting on its mailbox.
//! I4  A next slot that has waited for `OLD_NEXT` may be taken by a searcher, through a borrow of its processor (D9). Someone must be awake to look: the monitor
//!     wakes a searcher when it sees one.
//!
//! Rejected: waking somebody at each push to a next slot (8 % CPU in a peer, and the pair is torn apart); a separate timer thread.

use super::Cx;
use super::bracket::owned;
use super::lane::Lane;
use super::processor::Processor;
#[cfg(not(loom))]
use super::spin;
use super::task::Task;
use super::thread::{RESTING, Thread, WANTING};
use crate::sys::barrier;
use crate::sys::clock;
use crate::sys::prim::*;
use core::ptr::null_mut;

/// How long a worker searches before it sleeps, ns. Waking a sleeper of another core costs about as much.
const SEARCH: i64 = 50_000;
/// A next slot that has waited so long may be taken by a searcher, ns.
pub const OLD_NEXT: i64 = 20_000;

/// What a searcher has seen in another's next slot, and since when.
#[derive(Clone, Copy)]
struct Seen {
    task: *mut Task,
    tick: u32,
    since: i64,
}

const WATCHED: usize = 16;

/// Searches for work; returns it, or null when the processor was put down (the caller then rests).
///
/// # Safety
/// `cx.thread` owns `p` and is inside the bracket.
#[cold]
#[inline(never)]
pub unsafe fn search(cx: Cx, p: &Processor) -> *mut Task {
    let th = cx.thread;
    let lane = p.lane();
    if !th.spinning.get() {
        if !lane.begin_search() {
            put_down(cx, p);
            return null_mut();
        }
        th.spinning.set(true);
    }
    let mut seen = [Seen { task: null_mut(), tick: 0, since: 0 }; WATCHED];
    let start = clock::now();
    loop {
        // SAFETY: contract.
        let t = unsafe { look_everywhere(cx, p) };
        if !t.is_null() {
            return t;
        }
        let now = clock::now();
        // SAFETY: contract.
        let t = unsafe { old_next(p, &mut seen, now) };
        if !t.is_null() {
            return t;
        }
        // A host's thread would spin with the host's lock held (an interpreter's), and nobody else could make work.
        if now - start > SEARCH
            || lane.hooks.is_some()
            || th.stop.load(Relaxed)
            || p.id as usize >= lane.active()
            || lane.is_wanted()
        {
            break;
        }
        for _ in 0..64 {
            spin_hint();
        }
    }
    put_down(cx, p);
    null_mut()
}

/// One round over everything that holds stealable work.
unsafe fn look_everywhere(cx: Cx, p: &Processor) -> *mut Task {
    // SAFETY: contract of search; `pick` looks at the own queues, mailbox, timers and the injector.
    let t = unsafe { p.pick(cx) };
    if !t.is_null() {
        return t;
    }
    let lane = p.lane();
    let n = lane.active();
    let first = p.random() as usize;
    for i in 0..n {
        let victim = lane.processor(first.wrapping_add(i) % n);
        if !core::ptr::eq(victim, p) {
            let t = p.steal_from(victim);
            if !t.is_null() {
                return t;
            }
        }
    }
    null_mut()
}

/// Takes a next slot that has waited for `OLD_NEXT`.
unsafe fn old_next(p: &Processor, seen: &mut [Seen; WATCHED], now: i64) -> *mut Task {
    let lane = p.lane();
    for (victim, s) in lane.processors().take(lane.active()).zip(seen.iter_mut()) {
        if core::ptr::eq(victim, p) {
            continue;
        }
        let task = victim.next.load(Relaxed);
        let tick = victim.tick.load(Relaxed);
        if task.is_null() || task != s.task || tick != s.tick {
            *s = Seen { task, tick, since: now };
        } else if now - s.since >= OLD_NEXT {
            s.since = now;
            let t = borrow_next(victim);
            if !t.is_null() {
                return t;
            }
        }
    }
    null_mut()
}

/// Borrows `victim` from the thread that owns it, if that is in user code, and takes its next slot.
fn borrow_next(victim: &Processor) -> *mut Task {
    let owner = victim.owner.load(Acquire);
    if owner.is_null() || !victim.lane().begin_retake() {
        return null_mut();
    }
    // SAFETY: threads are never freed.
    let bracket = unsafe { &(*owner).bracket };
    let at = core::ptr::from_ref(victim).addr();
    let mut t = null_mut();
    if bracket.contest(at) {
        if bracket.in_user_code() {
            if bracket.borrow(at) {
                t = victim.next.swap(null_mut(), Relaxed);
                bracket.hand_back(at);
            }
        } else {
            bracket.give_up(at);
        }
    }
    victim.lane().end_retake();
    t
}

/// Steps 1 to 5 of the file's head.
fn put_down(cx: Cx, p: &Processor) {
    let th = cx.thread;
    let lane = p.lane();
    th.bracket.put_down();
    if p.id as usize >= lane.active() {
        // SAFETY: ours, and our word is 0.
        unsafe { lane.retire(p) }
    } else {
        lane.put_idle(p);
    }
    let wants = if th.has_pinned() { WANTING } else { RESTING };
    let given = lane.rest(th, wants == WANTING, wants);
    if th.spinning.replace(false) {
        lane.end_search(false);
    }
    if given {
        return;
    }
    barrier::heavy();
    if lane.any_work() {
        lane.rest(th, true, RESTING);
    }
}

/// The calling thread's word holds a processor: if it was hired as a searcher, the token is its own now. Without a processor (the monitor took it before we were awake) the token
/// goes back, and what it was to find is looked for again.
fn accept(th: &Thread, lane: &Lane) {
    if !th.hired.load(Relaxed) || !th.hired.swap(false, AcqRel) {
        return;
    }
    if owned(th.bracket.processor()) && !th.spinning.get() {
        th.spinning.set(true);
        return;
    }
    lane.end_search(false);
    barrier::heavy();
    if lane.any_work() {
        lane.rest(th, true, RESTING);
    }
}

/// A worker without a processor: sleeps until it has one (true) or is to stop (false).
pub fn rest(cx: Cx) -> bool {
    let th = cx.thread;
    // SAFETY: workers belong to a lane for as long as they run its loop.
    let lane = unsafe { &*th.lane.get() };
    loop {
        // First whether there is one, then whether we were hired with it: what is seen of the give is seen of the hiring. (The other order runs with a token pending.)
        let has = !th.bracket.is_bare();
        accept(th, lane);
        if has && owned(th.bracket.processor()) {
            return true;
        }
        if th.is_to_stop() {
            if lane.leave(th) {
                return false;
            }
            accept(th, lane); // hired in this very moment
            return true;
        }
        let wanting = th.has_pinned();
        let looked = lane.is_listed(th); // by `put_down`
        if lane.rest(th, wanting, if wanting { WANTING } else { RESTING }) {
            continue;
        }
        if !wanting && !looked {
            // It lost its processor in user code: a push that came before it was in the list woke nobody.
            barrier::heavy();
            if lane.any_work() && lane.rest(th, true, RESTING) {
                continue;
            }
        }
        let until = if wanting { clock::NEVER } else { lane.keep_time(th) };
        let in_time = sleep(th, lane, until.min(th.until.get()), wanting);
        if until != clock::NEVER {
            lane.stop_keeping(th);
        }
        if let Some(hooks) = lane.hooks {
            lane.leave(th); // its business may need a processor
            hooks.attend(th);
            if !in_time {
                lane.take_idle_if_bare(th);
            }
            continue;
        }
        if !in_time {
            lane.rest(th, true, RESTING); // the timers of an idle processor are due: any processor's pick runs them
        }
    }
}

/// On the bell, outside the bracket.
fn sleep(th: &Thread, lane: &Lane, until: i64, wanting: bool) -> bool {
    let mut in_time = true;
    let mut wait = |most: i64| {
        let look = || !th.bracket.is_bare() || th.stop.load(Acquire) || (!wanting && !th.mailbox.is_empty());
        in_time = th.bell.sleep(until.min(most), look) || most < until;
    };
    th.bracket.exit();
    match lane.hooks {
        // SAFETY: the hook's contract: it only calls `wait`.
        Some(h) => unsafe { (h.idle)(&mut wait) },
        None => {
            // A started task of this thread may be answered by one of another thread: they would wake each other up for each message.
            #[cfg(not(loom))]
            if until == clock::NEVER || until > clock::after(spin::LONGEST) {
                th.patience.watch(|| th.bell.is_told());
            }
            wait(clock::NEVER)
        }
    }
    clock::note_if_kept(); // P5 of the processor
    th.bracket.enter();
    in_time
}

/// Slow path of `enter` for a thread that cannot give up its stack (a started THREAD task, or host code): waits, as a thread, for a processor.
pub fn wait_for_processor(th: &Thread, lane: &Lane) {
    loop {
        if owned(th.bracket.settle().0) || lane.rest(th, true, WANTING) {
            accept(th, lane);
            if th.spinning.replace(false) {
                lane.end_search(false); // it has work of its own
            }
            return;
        }
        th.bracket.exit();
        let mut wait = |most: i64| th.bell.sleep(most, || !th.bracket.is_bare());
        match lane.hooks {
            // SAFETY: the hook's contract: it only calls `wait`. A processor is needed whatever the host's signals say.
            Some(h) => unsafe {
                (h.thread_block)(&mut wait);
            },
            None => {
                wait(clock::NEVER);
            }
        }
        th.bracket.enter();
    }
}

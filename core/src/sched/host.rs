//! Tasks of a host's lane (D3): parking, and going on when one has ended.
//!
//! The commit runs on the own stack (the task is pinned; nobody else can resume it), then the thread goes straight to the next started task, or to one that has not started if the
//! host has a spare stack, or to the hub, which is `worker::run` itself.
//!
//! To the hub: when there is nothing to run, when a fresh stack is needed, when the host has business there or the loop is to stop, and at least every 64th pick (without this a
//! stubborn task hangs the run). A task that picks itself returns without a switch.
//!
//! O1  `host_task` is the task whose code runs; `current` is the same inside the host's own calls and null in the task's code, so that a foreign call from there (a C extension's)
//!     blocks the thread and never parks: its stack holds frames that must not move (D4). The thread hands its processor over first (`thread_park`); the task's cancellation ends that
//!     wait too (`run::rouse`, `block_thread`); the tasks that have started on the thread wait for it, and the census says so.
//! O2  A task that comes back from a switch with `state` other than RUNNING was not made ready: the host resumed it to interrupt its wait (a signal, a kill). It wins its own ticket, or,
//!     if somebody was quicker, parks on until it is made ready.

use super::domain::Event;
use super::lane::{Hooks, Lane};
use super::party::FIXED;
use super::task::{self, Task};
use super::thread::{Commit, Thread};
use super::{Cx, bug, enter, note, ready, ticket, worker};
use crate::sys::prim::*;
use core::ptr::{null, null_mut};

const HUB_EVERY: u32 = 64;

/// See `sched::park`.
///
/// # Safety
/// As there; the current task is of a host's lane.
#[cold]
#[inline(never)]
pub unsafe fn park(cx: Cx, commit: Commit, arg: *mut ()) -> Cx {
    let th = cx.thread;
    let t = th.current.get();
    // SAFETY: a thread whose current task is of a host's lane runs that lane's loop, and the lane has hooks.
    unsafe {
        let hooks = hooks_of(th);
        commit(cx, t, arg);
        let mut next = pick(cx, hooks, (hooks.has_spare)());
        if next == t {
            return cx;
        }
        loop {
            th.bracket.exit();
            (hooks.switch)(t, next);
            let cx = again();
            if (*t).state.load(Relaxed) == task::RUNNING {
                return cx;
            }
            // O2. The scheduler runs the hub's business meanwhile, so nobody is current but us.
            if let Some(seq) = (*t).party.ticket.waiting()
                && (*t).party.end(seq, ticket::CANCELED)
            {
                resumed(cx.thread, t);
                return cx;
            }
            next = null_mut();
        }
    }
}

/// Gives a task that was started without a handle (a timer's) one, which must be released; false if it has one.
///
/// # Safety
/// `t` is a task of the host's lane that runs on this thread, and the caller is outside the bracket.
pub unsafe fn take_handle(t: *mut Task) -> bool {
    // SAFETY: contract; references are changed under the lock, and nobody else knows the task.
    unsafe {
        let cx = again();
        let h = &(*t).header;
        let fresh = h.lock.with(|| {
            let fresh = (*t).flags.get() & task::HAS_HANDLE == 0;
            if fresh {
                (*t).flags.set((*t).flags.get() | task::HAS_HANDLE);
                h.refs.store(2, Relaxed);
            }
            fresh
        });
        cx.exit();
        fresh
    }
}

/// The task `t` has ended on a stack of this thread, outside the bracket: as for a native task its slot is given back, its joiners are woken, its wait group and run are told. Nobody is
/// current afterwards: the host drops what it kept of the task (that is code of a user), and asks for the `next` one.
///
/// # Safety
/// `t` is a task of the host's lane that ran on this thread and will never be resumed. Its stack is the host's own business, and is spare from now on.
pub unsafe fn end_task(t: *mut Task) {
    // SAFETY: contract.
    unsafe {
        let cx = again();
        worker::finish(cx, t, null_mut());
        cx.thread.current.set(null_mut());
        cx.thread.host_task.set(null());
        cx.exit()
    }
}

/// After `end_task`: what to run next on this stack (a task that has not started) or to switch to (a started one), current already; null: go to the hub.
///
/// # Safety
/// On a spare stack of a thread that runs the lane's loop, with nobody current, outside the bracket.
pub unsafe fn next_task() -> *mut Task {
    // SAFETY: contract.
    unsafe {
        let cx = again();
        let next = pick(cx, hooks_of(cx.thread), true);
        cx.exit();
        next
    }
}

/// A run of this thread is over: those of its tasks that are bound to the thread and were given up (detached) are never resumed. Their waits are won by us and nobody is made ready (`Party::give_up`);
/// those that are queued leave the queues. (The thread may leave the loop for ever, and its `Thread` may become another's.)
pub fn give_up_bound_tasks(th: &Thread) {
    let Ok(cx) = enter() else { return };
    super::task::TASKS.for_each(|t| {
        // SAFETY: slots are type-stable; a task that is bound to this thread is touched by this thread only, or through its ticket.
        let t = unsafe { t.as_ref() };
        if t.header.kind.load(Acquire) == super::task::KIND_TASK
            && core::ptr::eq(t.thread.get(), th)
            && t.run.load(Relaxed).is_null()
            && t.state.load(Relaxed) != task::DEAD
        {
            t.party.give_up()
        }
    });
    // Whoever won before us has pushed already, or pushes to a thread that does not look any more until it is made anew.
    th.mailbox.clear();
    th.pinned.clear();
    th.pinned_next.set(null_mut());
    cx.exit()
}

/// Ends the open wait of a host's task as if it had been cancelled, if it may be ended; what that means is the host's business (a signal, an exception that is handed to it).
///
/// # Safety
/// `t` is a living task, kept alive by the caller.
pub unsafe fn interrupt(t: *mut Task) {
    let Ok(cx) = enter() else { return };
    // SAFETY: contract; won just now, and no lock is held.
    unsafe {
        let p = &(*t).party;
        if let Some(seq) = p.ticket.waiting()
            && p.fixed.load(Relaxed) != FIXED
            && p.end(seq, ticket::CANCELED)
        {
            ready(cx, p)
        }
    }
    cx.exit()
}

unsafe fn hooks_of(th: &Thread) -> &'static Hooks {
    // SAFETY: contract of the callers: the thread runs a host's loop.
    let lane: &Lane = unsafe { &*th.lane.get() };
    match lane.hooks {
        Some(hooks) => hooks,
        None => bug("a host task outside a host lane"),
    }
}

fn again() -> Cx {
    match enter() {
        Ok(cx) => cx,
        Err(_) => bug("a host's switch came back inside the runtime"),
    }
}

/// What this thread goes straight to, made current; null: the hub.
unsafe fn pick(cx: Cx, hooks: &Hooks, spare: bool) -> *mut Task {
    let th = cx.thread;
    let Some(p) = cx.processor() else { return null_mut() };
    // SAFETY: the processor is ours inside the bracket, and so is what was picked; the hooks look at the host's own state only.
    unsafe {
        if p.tick.load(Relaxed) % HUB_EVERY == 0 || th.stop.load(Relaxed) || (hooks.hub_business)() {
            return null_mut();
        }
        let t = p.pick(cx);
        if t.is_null() {
            return t;
        }
        if (*t).flags.get() & task::STARTED == 0 {
            if !spare {
                // The hub is to begin with it: ring and pinned tasks take turns by the parity of the tick, so its own pick could find the other kind, time and again.
                if p.next.load(Relaxed).is_null() {
                    p.next.store(t, Relaxed)
                } else {
                    p.put_back(t)
                }
                return null_mut();
            }
            if !worker::start(cx, p, t) {
                return null_mut();
            }
        }
        resumed(th, t);
        t
    }
}

unsafe fn resumed(th: &Thread, t: *mut Task) {
    // SAFETY: `t` was picked, or won its own ticket: ours.
    unsafe {
        (*t).state.store(task::RUNNING, Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Start)
        }
    }
    th.current.set(t);
    th.host_task.set(t);
}

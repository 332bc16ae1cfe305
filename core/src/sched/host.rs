//! Parking in a host's lane (D3): the commit runs on the own stack (the task is pinned; nobody else can resume it), then the thread goes straight to the next started task,
//! or to the hub, which is `worker::run` itself.
//!
//! To the hub: when there is nothing to run, when what was picked has not started, when the host has business there, and at least every 64th pick (without this a
//! stubborn task hangs the run). A task that picks itself returns without a switch.

use super::domain::Event;
use super::lane::Lane;
use super::task::{self, Task};
use super::thread::{Commit, Thread};
use super::{Cx, bug, enter, note};
use crate::sys::prim::*;
use core::ptr::null_mut;

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
        let lane: &Lane = &*th.lane.get();
        let Some(hooks) = lane.hooks else { bug("a host task outside a host lane") };
        commit(cx, t, arg);
        let next = match cx.processor() {
            Some(p) if p.tick.load(Relaxed) % HUB_EVERY != 0 && !(hooks.hub_business)() => p.pick(cx),
            _ => null_mut(),
        };
        if next == t {
            resumed(cx.thread, t);
            return cx;
        }
        let straight = !next.is_null() && (*next).flags.get() & task::STARTED != 0;
        if straight {
            resumed(th, next);
        } else if let (false, Some(p)) = (next.is_null(), cx.processor()) {
            p.put_back(next)
        }
        th.bracket.exit();
        (hooks.switch)(t, if straight { next } else { null_mut() });
        match enter() {
            Ok(cx) => cx,
            Err(_) => bug("a host's switch came back inside the runtime"),
        }
    }
}

unsafe fn resumed(th: &Thread, t: *mut Task) {
    // SAFETY: `t` was picked: ours.
    unsafe {
        (*t).state.store(task::RUNNING, Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Start)
        }
    }
    th.current.set(t);
}

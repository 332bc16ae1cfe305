//! The loop of a worker, one for all lanes: pick, run, commit; search and sleep when there is nothing (`idle.rs`).
//!
//! W1  The loop runs on the scheduler's stack (the OS thread's own), inside the bracket; it looks its processor up again after every task.
//! W2  A task's first resume gives it a stack (D15). If none can be had it ends with NO_MEMORY and never runs anywhere else.
//! W3  A commit runs right after the switch; after it neither the loop nor the commit touches the task (another thread may run it).
//! W4  Every processor serves a wanting thread at least once in 61 picks, so pinned tasks of a thread that lost its processor go on.

use super::domain::Event;
use super::doors::{Cx, bug, enter, enter_slow, free_slot, note, outside};
use super::lane::Start;
use super::processor::{Processor, count};
use super::task::{self, Affinity, HAS_HANDLE, STARTED, Task};
use super::thread::Thread;
use super::wakelist::WakeList;
use super::{bracket, drop_payload, idle, runtime};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::{context, race, stack};
use core::ptr::{NonNull, null, null_mut};

/// Runs the loop until the thread is told to stop. Called inside the bracket by a thread that has a lane; returns inside the bracket.
pub fn run(cx: Cx) {
    let th = cx.thread;
    loop {
        let p = th.bracket.processor() as *const Processor;
        if p.is_null() {
            if !idle::rest(cx) {
                return;
            }
            continue;
        }
        // SAFETY: the word holds a processor of this lane, which lives as long as its threads; ours inside the bracket.
        let p = unsafe { &*p };
        if p.tick.load(Relaxed) & 63 == 0 || th.stop.load(Relaxed) {
            if !between(cx, p) {
                return;
            }
            if th.bracket.is_bare() {
                continue;
            }
        }
        // SAFETY: ours.
        let mut t = unsafe { p.pick(cx) };
        if t.is_null() {
            // SAFETY: ours.
            t = unsafe { idle::search(cx, p) };
            if t.is_null() {
                // The processor was put down; we may have been hired again meanwhile, which `rest` sees.
                if !idle::rest(cx) {
                    return;
                }
                continue;
            }
        }
        if th.spinning.get() {
            th.spinning.set(false);
            p.lane().end_search(true);
        }
        // SAFETY: picked: ours.
        unsafe { run_task(cx, p, t) }
    }
}

/// Now and then: stop, retire, serve. False: leave the loop.
#[cold]
#[inline(never)]
fn between(cx: Cx, p: &Processor) -> bool {
    let th = cx.thread;
    let lane = p.lane();
    let stop = th.is_to_stop();
    if stop || lane.is_wanted() || p.id as usize >= lane.active() {
        p.tick.store(p.tick.load(Relaxed).wrapping_add(1), Relaxed);
        if th.spinning.replace(false) {
            lane.end_search(false);
        }
        th.bracket.put_down();
        if p.id as usize >= lane.active() {
            // SAFETY: ours, and our word is 0.
            unsafe { lane.retire(p) }
        } else if stop {
            lane.hand_over(p, 0);
        } else if !lane.give_to_wanting(p) {
            th.bracket.give(core::ptr::from_ref(p).addr());
        }
    }
    !stop
}

/// Runs `t` until it parks or ends.
///
/// # Safety
/// `cx.thread` owns `p` and `t`.
#[inline(always)]
unsafe fn run_task(cx: Cx, p: &Processor, t: *mut Task) {
    let th = cx.thread;
    // SAFETY: `t` is ours until its commit.
    unsafe {
        if (*t).flags.get() & STARTED == 0 && !start(cx, p, t) {
            return;
        }
        (*t).state.store(task::RUNNING, Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Start);
        }
        th.current.set(t);
        if let Some(hooks) = p.lane().hooks {
            th.host_task.set(t);
            th.bracket.exit();
            (hooks.resume)(t);
            th.current.set(null_mut());
            th.host_task.set(core::ptr::null());
            th.bracket.enter();
            hooks.attend(th);
            return;
        }
        context::resume((*t).fiber.get(), th.sched.get(), core::ptr::from_ref(th).addr());
        th.current.set(null_mut());
        match th.commit.get() {
            Some(commit) => commit(cx, t, th.commit_arg.get()),
            None => bug("a task came back without a commit"),
        }
    }
}

/// A task's first run: affinity, stack. False if there is no memory for a stack (W2).
///
/// # Safety
/// `t` is ours and has not started.
pub(super) unsafe fn start(cx: Cx, p: &Processor, t: *mut Task) -> bool {
    // SAFETY: contract.
    unsafe {
        if let Some(hooks) = p.lane().hooks {
            match (hooks.where_to_start)(t) {
                Start::Here => {}
                Start::Later => {
                    p.put_back(t);
                    return false;
                }
                Start::On(th) => {
                    (*t).thread.set(th);
                    (*th).mailbox.push(t);
                    (*th).bell.ring();
                    return false;
                }
            }
            (*t).thread.set(cx.thread);
            (*t).flags.set((*t).flags.get() | STARTED);
            return true;
        }
        let size = (*t).stack_size.get();
        let class = if size == 0 {
            runtime::default_class()
        } else {
            stack::class_for(size).unwrap_or(runtime::default_class())
        };
        let Some(s) = (*p.stacks.get()).pop(class) else {
            let e = (*t).entry.get();
            let mut cx = cx;
            if let Some(drop) = (*e).drop {
                // User code: outside the bracket, and its panic is its own.
                cx = outside(cx, || {
                    if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(e))) {
                        drop_payload(payload)
                    }
                })
                .0;
            }
            (*t).ended.set(Status::NoMemory);
            context::Fiber::release((*t).fiber.get());
            finish(cx, t, null_mut());
            return false;
        };
        (*t).stack.set(Some(s));
        context::prepare((*t).fiber.get(), &s, entry);
        context::set_name((*t).fiber.get(), || (*t).title());
        if (*t).affinity.get() == Affinity::Thread {
            (*t).thread.set(cx.thread);
        }
        (*t).flags.set((*t).flags.get() | STARTED);
        true
    }
}

/// The first function on a task's stack.
unsafe extern "C" fn entry(at: usize) -> ! {
    // SAFETY: `resume` passes the thread that resumes; its current task is the one whose stack this is.
    unsafe {
        let th: &'static Thread = &*(at as *const Thread);
        let t = th.current.get();
        (*t).party.woken.fetch();
        th.bracket.exit();
        let e = (*t).entry.get();
        let call = (*e).call;
        if let Err(payload) = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| call(e))) {
            (*t).ended.set(Status::Panic);
            drop_payload(payload);
        }
        let th = return_from_user();
        if th.lane.get().is_null() {
            // A fork's child that came back from the task it was forked in: its scheduler is gone, this is its last thread (H2).
            libc::exit(0)
        }
        tell_end(t);
        th.commit.set(Some(finish));
        context::finish((*t).fiber.get(), th.sched.get())
    }
}

/// What the task did comes before the end of whoever waits for it: a join, a group, its run.
unsafe fn tell_end(t: *mut Task) {
    // SAFETY: the current task is ours; a run's slot is type-stable, and a group lives until its tasks have counted themselves out.
    unsafe {
        (*t).party.woken.leave();
        if let Some(run) = (*t).run.load(Relaxed).as_ref() {
            run.ended.add()
        }
        #[cfg(gort_race)]
        if let Some(spot) = (*t).on_exit.get().and_then(|x| x.after.as_ref()) {
            spot.add()
        }
    }
}

/// Enters after an entry returned. Out of line: the thread may be another one now, and its address must be read afresh (H4).
#[inline(never)]
fn return_from_user() -> &'static Thread {
    match enter() {
        Ok(cx) => cx.thread,
        Err(_) => bug("a task's entry returned inside the runtime"),
    }
}

/// Commit of the end of a task: gives back its stack and slot, wakes its joiners, tells its run.
///
/// # Safety
/// Runs on the scheduler's stack; `t` will never be resumed.
pub(super) unsafe fn finish(cx: Cx, t: *mut Task, _: *mut ()) {
    // SAFETY: `t` is ours; what it shares is touched under its header's lock.
    unsafe {
        if !(*t).domain.get().is_null() {
            note(t, Event::Exit);
        }
        if let Some(p) = cx.processor() {
            count(&p.counters.finished);
            if let Some(s) = (*t).stack.take() {
                (*p.stacks.get()).push(s);
            }
        } else if let Some(s) = (*t).stack.take() {
            stack::free(s);
        }
        let run = (*t).run.load(Relaxed);
        let on_exit = (*t).on_exit.take();
        let flags = (*t).flags.get();
        runtime::dismiss_task();
        let party = &(*t).party;
        if party.shield.load(Relaxed) != 0 {
            party.shield.store(0, Relaxed);
        }
        if !party.last_error.get().is_null() {
            libc::free(party.last_error.replace(null_mut()).cast());
        }
        if (*t).stack_size.get() != 0 {
            (*t).stack_size.set(0);
        }
        if flags & HAS_HANDLE == 0 && (*t).name.get().is_null() {
            if !(*t).ended.get().is_ok() {
                (*t).ended.set(Status::Ok);
            }
            // Release: pairs with the Acquire of `each_task` (run.rs): what the task did is seen after the run that waited for it.
            (*t).header.kind.store(0, Release);
            (*t).state.store(task::DEAD, Relaxed);
            party.incarnation.store(party.incarnation.load(Relaxed) + 1, Relaxed);
            free_slot(cx, NonNull::new_unchecked(t), false);
        } else {
            end_with_handle(cx, t, flags);
        }
        crate::sys::barrier::light(); // the slot is free before we look (run.rs U2)
        if !run.is_null() && (*run).ending.load(Relaxed) != 0 {
            (*run).bell.ring();
        }
        if let Some(x) = on_exit {
            (x.call)(cx, x.arg)
        }
    }
}

#[cold]
unsafe fn end_with_handle(cx: Cx, t: *mut Task, flags: u8) {
    // SAFETY: contract of `finish`.
    unsafe {
        let h = &(*t).header;
        let of_host = (*t).lane.get() != 0;
        h.lock.lock();
        (*t).state.store(task::DEAD, Release); // as in `finish`
        let mut wakes = WakeList::new();
        wakes.win_all(&(*t).joiners, Status::Ok);
        let refs = if flags & HAS_HANDLE != 0 { h.refs.load(Relaxed) - 1 } else { 0 };
        h.refs.store(refs, Relaxed);
        if refs == 0 {
            bury(t)
        }
        h.lock.unlock();
        if refs == 0 {
            free_slot(cx, NonNull::new_unchecked(t), true)
        }
        wakes.fire(cx);
        if of_host {
            // A switch of a host's stacks is dear: who waits for many is woken behind those that are queued, and finds most of them ended.
            let th = cx.thread;
            let joiner = th.pinned_next.replace(null_mut());
            if !joiner.is_null() {
                th.pinned.push(joiner)
            }
        }
    }
}

/// Makes a dead task's slot free-able, under its header's lock: the last of {finish, release} does it.
///
/// # Safety
/// The lock is held, the task has ended, no reference is left.
pub(super) unsafe fn bury(t: *mut Task) {
    // SAFETY: contract.
    unsafe {
        let name = (*t).name.replace(null_mut());
        if !name.is_null() {
            drop(std::ffi::CString::from_raw(name));
        }
        (*t).ended.set(Status::Ok);
        (*t).header.kind.store(0, Release); // as in `finish`
        let party = &(*t).party;
        party.incarnation.store(party.incarnation.load(Relaxed) + 1, Relaxed);
    }
}

/// Gives a buried task's slot back, from any thread.
///
/// # Safety
/// As `bury`, after the unlock.
pub(super) unsafe fn free_buried(cx: Cx, t: *mut Task) {
    // SAFETY: contract.
    unsafe { free_slot(cx, NonNull::new_unchecked(t), true) }
}

/// Commit of a yield: to the tail of the queue.
///
/// # Safety
/// A commit: `t` is ours.
pub unsafe fn commit_yield(cx: Cx, t: *mut Task, _: *mut ()) {
    // SAFETY: contract.
    unsafe {
        (*t).state.store(task::READY, Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Yield);
        }
        if !(*t).thread.get().is_null() {
            return cx.thread.pinned.push(t);
        }
        match cx.processor() {
            Some(p) => p.push_tail(t),
            None => runtime::lane((*t).lane.get()).inject(t),
        }
    }
}

/// Commit of a task whose thread has lost its processor: to the injector.
///
/// # Safety
/// A commit: `t` is ours.
pub unsafe fn commit_inject(cx: Cx, t: *mut Task, _: *mut ()) {
    // SAFETY: contract; a worker's lane outlives it, also after a shutdown that it was late for.
    unsafe {
        (*t).state.store(task::READY, Relaxed);
        (*cx.thread.lane.get()).inject(t)
    }
}

/// The body of a worker thread of ours.
pub fn main(lane: &super::lane::Lane, p: &Processor, searching: bool) {
    let th = Thread::register();
    race::own_thread();
    th.lane.set(lane);
    th.spinning.set(searching);
    p.owner.store(core::ptr::from_ref(th).cast_mut(), Release);
    th.bracket.give(core::ptr::from_ref(p).addr());
    let word = th.bracket.enter();
    let cx = if bracket::owned(word) { Cx { thread: th } } else { enter_slow(th) };
    run(cx);
    th.bracket.exit();
    // SAFETY: the thread's own scheduler context, not in use any more.
    unsafe { context::Fiber::release(th.sched.get()) };
    th.unregister();
}

/// A host's thread runs the lane's loop until its `stop` is set (`stop_thread`), and is a plain thread again. MISUSE on a thread that runs a loop already.
pub fn run_host_thread(lane: &super::lane::Lane) -> Status {
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    let th = cx.thread;
    if !th.lane.get().is_null() {
        return cx.out(Status::Misuse);
    }
    th.lane.set(lane);
    if th.host.get().is_none() {
        th.host.set(lane.hooks);
    }
    runtime::count_host_thread(true);
    th.bracket.exit();
    th.bracket.make_bare();
    th.bracket.enter();
    lane.take_idle(th); // there may be work that was pushed when nobody was here
    run(cx);
    th.bracket.make_foreign();
    race::quiet_end();
    th.lane.set(null());
    runtime::count_host_thread(false);
    Status::Ok
}

/// Tells a thread to leave its loop.
pub fn stop_thread(th: &Thread) {
    // Release: pairs with the Acquire of `between` and `rest`.
    th.stop.store(true, Release);
    th.bell.ring();
}

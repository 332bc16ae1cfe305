//! The census: every live task, what it waits for and since when; the dump, the metrics, and the judge of deadlocks (K2).
//!
//! Walking the slabs needs no registration (D8). What is read while tasks run is a snapshot: atomics, or fields under the header's lock.
//!
//! A thread of a host that is blocked in a foreign call (D4) is named with the task that made the call and with the started tasks that wait for the thread: the one thing that can hang
//! without anybody waiting in a circle of channels.
//!
//! The judge: two successive looks over all tickets (state and seq) that are equal and all WAITING without timer, descriptor or live observer; nothing runnable or running in any
//! lane; and no thread of the process that could call: as many threads as are ours plus those blocked for ever inside gort. It is asked by the monitor when everything is idle,
//! at intervals growing to 1 s. A heavy barrier stands between the last park and the look. Rejected: a counter of awake tasks (raised too late by the woken), one look, states without seq.

use super::alarms;
use super::doors::enter;
use super::lane::Lane;
use super::lot;
use super::monitor::COARSE;
use super::objects;
use super::party::Party;
use super::run::{self, KIND_RUN, RUNS};
use super::runtime::{self, Runtime};
use super::task::{self, KIND_TASK, STARTED, TASKS, Task};
use super::thread::{self, Thread};
use super::ticket::Ticket;
use super::watch;
use crate::sys::prim::*;
use crate::sys::{barrier, cpu, race, stack};
use core::fmt::{self, Write};

/// One line about a task.
pub fn describe(t: &Task) -> String {
    let mut s = format!("task {}", t.id());
    t.header.lock.with(|| {
        if t.header.kind.load(Acquire) == KIND_TASK {
            race::quiet_begin();
            // SAFETY: the header's lock is held: a name is freed only under it.
            if let Some(name) = unsafe { t.name() } {
                let _ = write!(s, " \"{}\"", name.to_string_lossy());
            }
            race::quiet_end();
        }
    });
    let _ = write!(s, " {}", t.state_text());
    let p = &t.party;
    if p.is_cancel_set() {
        s.push_str(" (cancelled)");
    }
    if t.state.load(Relaxed) == task::PARKED {
        s.push_str(": ");
        s.push_str(&wait_of(p));
    }
    s.push_str(&on_its_thread(t));
    s
}

/// What a party waits for, and since when.
fn wait_of(p: &Party) -> String {
    let mut s = String::from(p.reason().text());
    let object = runtime::object_number(p.object.load(Relaxed));
    if object != u32::MAX {
        let _ = write!(s, " #{object}");
    }
    let at = lot::address_of(p);
    if let Some(at) = at {
        let _ = write!(s, " {at:p}");
    }
    let waited = COARSE.load(Relaxed).saturating_sub(p.since.load(Relaxed));
    if waited > 0 {
        let _ = write!(s, ", {waited} ms");
    }
    if let Some(holder) = at.and_then(watch::holder) {
        let _ = write!(s, "; {holder}");
    }
    s
}

/// What a started task of a host's lane has to do with its thread, if that is why it does not go on: it blocks the thread in a foreign call (D4), or the thread is taken by another.
fn on_its_thread(t: &Task) -> String {
    let state = t.state.load(Relaxed);
    // SAFETY: threads are never freed.
    let Some(th) = (unsafe { t.thread.get().as_ref() }) else { return String::new() };
    if t.flags.get() & STARTED == 0 || !th.alive.load(Relaxed) {
        return String::new();
    }
    let (running, tid) = (th.host_task.get(), th.tid.load(Relaxed));
    let blocks = !th.blocked_by().is_null();
    if core::ptr::eq(running, t) {
        return match blocks {
            true => format!(": blocks its thread {tid} in a foreign call: {}", wait_of(&th.party)),
            false => String::new(),
        };
    }
    // SAFETY: null, or a task: tasks are type-stable.
    let Some(other) = (unsafe { running.as_ref() }) else { return String::new() };
    match (state, blocks) {
        (task::READY, true) => {
            format!(": waits for its thread {tid}, which task {} blocks in a foreign call", other.id())
        }
        (task::READY, false) => format!(": waits for its thread {tid}, on which task {} runs", other.id()),
        (task::PARKED, true) => format!("; its thread {tid} is blocked by task {} in a foreign call", other.id()),
        _ => String::new(),
    }
}

fn each_live(mut f: impl FnMut(&Task)) {
    TASKS.for_each(|t| {
        // SAFETY: slots are type-stable.
        let t = unsafe { t.as_ref() };
        if t.header.kind.load(Acquire) == KIND_TASK && t.state.load(Relaxed) != task::DEAD {
            f(t)
        }
    })
}

/// Tasks that have not ended.
pub fn live_tasks() -> usize {
    let mut n = 0;
    each_live(|_| n += 1);
    n
}

/// Writes who waits for what.
pub fn dump(out: &mut dyn Write) -> fmt::Result {
    let m = metrics();
    writeln!(out, "gort: {} tasks, {} workers on {} threads", m.tasks, m.workers, m.threads)?;
    let mut r = Ok(());
    each_live(|t| {
        if r.is_ok() {
            r = writeln!(out, "  {}", describe(t))
        }
    });
    r?;
    for t in thread::all() {
        if t.alive.load(Relaxed) && t.party.ticket.waiting().is_some() {
            let what = wait_of(&t.party);
            // SAFETY: null, or a task: tasks are type-stable.
            match unsafe { t.blocked_by().as_ref() } {
                None => writeln!(out, "  thread {} parked: {what}", t.tid.load(Relaxed))?,
                Some(caller) => blocked(out, t, caller, &what)?,
            }
        }
    }
    Ok(())
}

/// A thread that waits in a foreign call of a task, and what of it cannot go on meanwhile: started tasks are pinned to it (D2).
fn blocked(out: &mut dyn Write, th: &Thread, caller: &Task, what: &str) -> fmt::Result {
    write!(out, "  thread {} blocked in a foreign call of task {}: {what}", th.tid.load(Relaxed), caller.id())?;
    let mut n = 0;
    let mut list = String::new();
    each_live(|t| {
        if core::ptr::eq(t.thread.get(), th) && t.flags.get() & STARTED != 0 && !core::ptr::eq(t, caller) {
            n += 1;
            if n <= NAMED {
                let _ = write!(list, "{}task {}", if n == 1 { "" } else { ", " }, t.id());
            }
        }
    });
    match n {
        0 => writeln!(out),
        1 => writeln!(out, "; a started task waits for that thread: {list}"),
        _ if n > NAMED => writeln!(out, "; {n} started tasks wait for that thread: {list} and {} more", n - NAMED),
        _ => writeln!(out, "; {n} started tasks wait for that thread: {list}"),
    }
}

/// `dump` as a string.
pub fn dump_string() -> String {
    let mut s = String::new();
    let _ = dump(&mut s);
    s
}

/// Counters and gauges of the runtime. Gauges count what is alive now.
#[derive(Clone, Copy, Default, Debug)]
pub struct Metrics {
    pub workers: u64,
    pub threads: u64,
    pub tasks: u64,
    pub channels: u64,
    pub wait_groups: u64,
    pub runs: u64,
    pub stacks_in_use: u64,
    pub stacks_cached: u64,
    /// Deadlines that are waited for, and timers and tickers that are not freed.
    pub timers: u64,
    pub spawned: u64,
    pub finished: u64,
    pub steals: u64,
    pub retakes: u64,
    pub wakeups: u64,
    pub selectors: u64,
}

/// Sums the processors' counters and counts the slabs.
pub fn metrics() -> Metrics {
    match enter() {
        Ok(cx) => {
            let m = metrics_inside();
            cx.exit();
            m
        }
        Err(_) => Metrics::default(),
    }
}

fn metrics_inside() -> Metrics {
    let mut m = Metrics { tasks: 0, runs: RUNS.live() as u64, ..Metrics::default() };
    each_live(|_| m.tasks += 1);
    m.channels = objects::live("channels");
    m.wait_groups = objects::live("wait_groups");
    m.selectors = objects::live("selectors");
    m.timers = objects::live("timers");
    m.stacks_in_use = stack::in_use() as u64;
    m.stacks_cached = stack::cached() as u64;
    if let Some(rt) = runtime::get() {
        m.workers = rt.native().active() as u64;
        m.threads = rt.own_threads() as u64;
        m.retakes = rt.retakes.load(Relaxed);
        m.spawned = rt.foreign_spawned.load(Relaxed);
        for lane in rt.lanes() {
            m.wakeups += lane.wakeups.load(Relaxed);
            m.timers += lane.outer.live() as u64;
            for p in lane.processors() {
                let c = &p.counters;
                m.spawned += c.spawned.load(Relaxed);
                m.finished += c.finished.load(Relaxed);
                m.steals += c.steals.load(Relaxed);
                m.timers += p.wheel.len() as u64;
                m.stacks_in_use = m.stacks_in_use.saturating_sub(p.cached_stacks() as u64);
                m.stacks_cached += p.cached_stacks() as u64;
            }
        }
    }
    m
}

/// What one look saw, as a sum over all tickets (state and seq); None if anything could go on by itself.
fn look() -> Option<(u64, usize)> {
    let mut sum = 0xcbf2_9ce4_8422_2325u64;
    let mut add = |at: usize, word: u64| {
        for v in [at as u64, word] {
            sum = (sum.rotate_left(5) ^ v).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    };
    let mut asleep = true;
    let mut tasks = 0;
    each_live(|t| {
        tasks += 1;
        let word = t.party.ticket.look();
        asleep &= Ticket::is_waiting(word) && t.party.timed.load(Relaxed) == 0;
        add(core::ptr::from_ref(t).addr(), word);
    });
    let mut blocked = 0;
    for t in thread::all() {
        if t.alive.load(Relaxed) && t.lane.get().is_null() {
            let word = t.party.ticket.look();
            if Ticket::is_waiting(word) && t.party.timed.load(Relaxed) == 0 {
                blocked += 1;
                add(core::ptr::from_ref(t).addr(), word);
            }
        }
    }
    (asleep && tasks > 0).then_some((sum, blocked))
}

/// Is every run dead? Then says so to each of them. Several runs are judged together.
pub fn judge(rt: &Runtime) -> bool {
    barrier::heavy();
    if !rt.lanes().all(Lane::all_idle) || !rt.lanes().all(|l| l.injector.is_empty()) {
        return false;
    }
    let may_wake = || rt.lanes().filter_map(|l| l.hooks).any(|h| (h.may_wake)()) || alarms::may_wake();
    if may_wake() {
        return false; // cheaper than a look
    }
    let Some((first, blocked)) = look() else { return false };
    // Between the looks: what a wait that is open in both rests on was armed before.
    if may_wake() {
        return false;
    }
    match cpu::threads_of_process() {
        Some(n) if n == rt.own_threads() + rt.host_threads() + blocked + rt.waiting_runners.load(SeqCst) => {}
        _ => return false,
    }
    if look() != Some((first, blocked)) || !rt.lanes().all(Lane::all_idle) {
        return false;
    }
    let text = verdict();
    let Ok(cx) = enter() else { return false };
    RUNS.for_each(|r| {
        // SAFETY: slots are type-stable.
        let r = unsafe { r.as_ref() };
        if r.kind() == KIND_RUN {
            run::condemn(cx, r, &text)
        }
    });
    cx.exit();
    true
}

const NAMED: usize = 20;

fn verdict() -> String {
    let mut s = String::from("deadlock: every task is asleep and nothing can wake one:\n");
    let mut n = 0;
    each_live(|t| {
        n += 1;
        if n <= NAMED {
            let _ = writeln!(s, "  {}", describe(t));
        }
    });
    if n > NAMED {
        let _ = writeln!(s, "  and {} more", n - NAMED);
    }
    s
}

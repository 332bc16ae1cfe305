//! The monitor: a thread that takes the processor from a thread that blocks or hogs in user code, wakes a searcher for old next slots, keeps the coarse time, and asks
//! the judge when everything sleeps (D1, D14, K2).
//!
//! A processor whose `tick` has not moved since the last look, whose thread is in user code, and for which work waits:
//!   - another processor is idle: wake a searcher; it steals from the ring, or takes the next slot when it is old;
//!   - the thread's CPU clock has not moved either: BLOCKED. The processor is handed over at once, and the monitor looks every 50 us while that repeats;
//!   - the clock has moved, or the kernel says it could run: COMPUTING. After `SLICE` one extra thread takes the processor over; while that one's predecessor still computes, further extra
//!     threads come only after `LONG_SLICE`, so that others run again within 50 ms, always, and the kernel's slices do the rest.
//!   - inside when it is asked (a loop of operations that never park): the word is left contested and the thread settles it at its next entry: a task that may move yields, one that
//!     is bound to its thread gives the processor away (mod.rs D-4).
//!
//! The look's period is 250 us after work begins, doubles to 5 ms while nothing happens, and is endless when all processors are idle and no run is active.
//! N1  Only this thread and searchers that hold the lane's retake lock contest brackets.
//! N2  A monitor that goes to sleep raises `ASLEEP`, passes a heavy barrier and looks again; whoever starts a processor reads ASLEEP after a light one (`runtime::stir`).
//!
//! Rejected: signals to preempt (unsafe with malloc and locks of foreign code; the host's signals are its own); "tick unchanged" as the only test (a loop of operations is
//! not blocked).

use super::idle::OLD_NEXT;
use super::lane::Lane;
use super::processor::Processor;
use super::runtime::{self, Runtime};
use super::thread::Thread;
use super::{Time, census};
use crate::sys::clock::{self, NEVER};
use crate::sys::prim::*;
use crate::sys::{barrier, cpu};
use core::ptr::null;

const FIRST: i64 = 250_000;
const BUSY: i64 = 50_000;
const SLOWEST: i64 = 5_000_000;
/// How long a computing task may keep others waiting.
const SLICE: i64 = 10_000_000;
/// The same when an extra thread already computes for this processor.
const LONG_SLICE: i64 = 30_000_000;
/// Below this nobody is called blocked: a task between two calls.
const BLOCKED_AFTER: i64 = 40_000;
const FIRST_JUDGEMENT: i64 = 1_000_000;
const SLOWEST_JUDGEMENT: i64 = 1_000_000_000;

/// Milliseconds, for the census ("since when"); kept by the monitor, so at most 5 ms behind while anything runs.
pub static COARSE: AtomicU32 = AtomicU32::new(0);
/// The monitor sleeps until it is stirred.
pub static ASLEEP: AtomicBool = AtomicBool::new(false);

/// What was seen of one processor at the last look.
#[derive(Clone, Copy)]
struct Seen {
    tick: u32,
    thread: *const Thread,
    since: Time,
    cpu: i64,
    /// The last thread that computes on without this processor.
    extra: *const Thread,
}

const NOTHING: Seen = Seen { tick: 0, thread: null(), since: 0, cpu: 0, extra: null() };

/// The monitor thread.
pub fn main(rt: &'static Runtime) {
    let mut seen: Vec<Vec<Seen>> = Vec::new();
    let mut period = FIRST;
    let mut judgement = FIRST_JUDGEMENT;
    while !rt.monitor_stop.load(Acquire) {
        let now = clock::now();
        COARSE.store((now / 1_000_000) as u32, Relaxed);
        clock::note(now);
        let mut idle = true;
        let mut took = false;
        for (i, lane) in rt.lanes().enumerate() {
            if seen.len() <= i {
                seen.push(vec![NOTHING; lane.capacity()]);
            }
            idle &= lane.all_idle();
            for (p, s) in lane.processors().zip(seen[i].iter_mut()) {
                took |= look(lane, p, s, now);
            }
            if lane.idle_earliest.load(Relaxed).saturating_add(FIRST) < now && !lane.all_idle() {
                lane.wake_one(); // everybody is busy in user code: the timers of an idle processor are late
            }
        }
        for lane in rt.lanes() {
            if !lane.injector.is_empty() && lane.has_idle() {
                lane.wake_one(); // no thread could be had when it was pushed
            }
        }
        if idle {
            period = FIRST;
            judgement = sleep_idle(rt, judgement);
        } else {
            judgement = FIRST_JUDGEMENT;
            period = if took { BUSY } else { (period * 2).min(SLOWEST) };
            rt.monitor_bell.sleep(now.saturating_add(period), || rt.monitor_stop.load(Acquire));
        }
    }
    clock::note(i64::MIN);
}

/// All processors are idle: judges while a run is active, then sleeps until stirred. Returns the next interval between judgements.
fn sleep_idle(rt: &Runtime, judgement: i64) -> i64 {
    if rt.active_runs() > 0 {
        // A run that is asleep may be dead: look again after a while, at growing intervals.
        let told = {
            ASLEEP.store(true, SeqCst);
            barrier::heavy();
            let busy = rt.lanes().any(|l| !l.all_idle());
            let told = busy || rt.monitor_bell.sleep(clock::after(judgement), || rt.monitor_stop.load(Acquire));
            ASLEEP.store(false, SeqCst);
            told
        };
        if told {
            return FIRST_JUDGEMENT;
        }
        census::judge(rt);
        return (judgement * 2).min(SLOWEST_JUDGEMENT);
    }
    ASLEEP.store(true, SeqCst);
    barrier::heavy();
    if rt.lanes().all(|l| l.all_idle()) && rt.active_runs() == 0 {
        rt.monitor_bell.sleep(NEVER, || rt.monitor_stop.load(Acquire));
    }
    ASLEEP.store(false, SeqCst);
    FIRST_JUDGEMENT
}

/// One processor. True if something was taken.
fn look(lane: &Lane, p: &Processor, s: &mut Seen, now: Time) -> bool {
    let owner = p.owner.load(Acquire).cast_const();
    if owner.is_null() {
        return false;
    }
    // SAFETY: threads are never freed.
    let th = unsafe { &*owner };
    let (word, inside) = th.bracket.peek();
    if word != core::ptr::from_ref(p).addr() {
        return false;
    }
    let tick = p.tick.load(Relaxed);
    if tick != s.tick || owner != s.thread {
        let cpu = cpu::thread_cpu_time(th.tid.load(Relaxed)).unwrap_or(0);
        *s = Seen { tick, thread: owner, since: now, cpu, extra: s.extra };
        return false;
    }
    // Timers of idle processors, and of those who have none, are run by whoever picks.
    let due = p.wheel.earliest_shared().min(lane.idle_earliest.load(Relaxed)) <= now;
    let waits = p.has_work() || !lane.injector.is_empty() || lane.is_wanted() || due;
    if !waits || runtime::is_seeded() {
        return false;
    }
    let age = now - s.since;
    if age < SLICE && lane.has_idle() && p.wheel.earliest_shared() > now {
        if age >= OLD_NEXT {
            lane.wake_one()
        }
        return false;
    }
    let used = cpu::thread_cpu_time(th.tid.load(Relaxed)).unwrap_or(0) - s.cpu;
    let blocked = !inside && age >= BLOCKED_AFTER && used < age / 4 && !cpu::is_runnable(th.tid.load(Relaxed));
    // A thread that is inside at this instant is in a loop of operations: it yields as soon as its slice is used up.
    let slice = if !inside && still_computes(s.extra, owner) { LONG_SLICE } else { SLICE };
    if !(blocked || age >= slice) || !retake(lane, p, th, !blocked) {
        return false;
    }
    s.extra = if blocked { s.extra } else { owner };
    s.tick = tick.wrapping_sub(1);
    true
}

/// Does the thread that lost this processor still run without one? (One that came back and rests is bare too, but does not run.)
fn still_computes(extra: *const Thread, now_owner: *const Thread) -> bool {
    // SAFETY: threads are never freed.
    !extra.is_null()
        && extra != now_owner
        && unsafe { (*extra).bracket.is_bare() && cpu::is_runnable((*extra).tid.load(Relaxed)) }
}

/// Takes `p` from `th`, if that is in user code, and hands it to another thread. If it is inside and `preempt` is set, its word is left contested: it settles that at its next entry, and
/// yields. (Giving up instead would let a loop of short operations go on for ever: it is inside nearly always when asked.)
fn retake(lane: &Lane, p: &Processor, th: &Thread, preempt: bool) -> bool {
    if !lane.begin_retake() {
        return false;
    }
    let at = core::ptr::from_ref(p).addr();
    let mut got = false;
    if preempt {
        th.preempt.store(true, Relaxed);
    }
    if th.bracket.contest(at) {
        if th.bracket.in_user_code() {
            got = th.bracket.take(at);
        } else if !preempt {
            th.bracket.give_up(at);
        }
    }
    lane.end_retake();
    if got {
        th.preempt.store(false, Relaxed); // it has nothing to yield any more
        runtime::count_retake();
        if !cfg!(feature = "mutant_lose_retake") {
            lane.hand_over(p, NEVER - 1);
        }
    }
    got
}

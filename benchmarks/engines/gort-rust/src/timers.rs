//! Timers and sleep: what one costs, what it weighs, how late it is. Names, shapes and checksums are those of `../../../workloads.toml`.
//!
//! Invariants: those of `workloads.rs`, and
//! 1. Nothing is ever early: a sleep or a timer that is counts as an error.
//! 2. The hour of a timer that must not fire is far beyond any run.
//! 3. Random times come from `random`, the same in every engine.
//! 4. What is measured by its lateness stores that as the time of the run: `ns_total` is then the figure itself.

use crate::bench::{Found, Outcome, die, outcome};
use crate::workloads::{join, rss, spin};
use gort::time::{FuncTimer, Timer, after_func};
use gort::{Status, Time, Wait, channel};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const NAP: Duration = Duration::from_micros(50);
const BURST: Duration = Duration::from_millis(100);
/// For each timer: by then all of them are made.
const BURST_LEAD: Duration = Duration::from_nanos(3000);
const SLEEPERS: u64 = 10_000;
const SLEEP_LEAST: Duration = Duration::from_millis(1);
const SLEEP_MOST: Duration = Duration::from_millis(20);

/// Goes to the next state, and gives a duration of 0 up to, and without, `below`.
fn random(state: &mut u64, below: Duration) -> Duration {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    Duration::from_nanos(((*state >> 33) * below.as_nanos() as u64) >> 31)
}

fn an_hour_is_over() {
    die("it fired:", "a timer of an hour")
}

/// All n of them were `count`ed.
fn counted(start: Instant, n: u64, count: u64, errors: u64) -> Outcome {
    outcome(start, n, &[Found { sum: count, count, errors: 0 }], errors)
}

pub fn new_stop(n: u64) -> Outcome {
    let start = Instant::now();
    let count = (0..n).map(|_| u64::from(Timer::new(HOUR).stop())).sum();
    counted(start, n, count, 0)
}

pub fn reset(n: u64) -> Outcome {
    let t = after_func(HOUR, an_hour_is_over);
    let start = Instant::now();
    let count = (0..n).map(|_| u64::from(t.reset(HOUR))).sum();
    let found = counted(start, n, count, 0);
    Outcome { errors: found.errors + u64::from(!t.stop()), ..found }
}

pub fn reset_chan(n: u64) -> Outcome {
    let t = Timer::new(HOUR);
    let errors = u64::from(t.try_recv() != Err(Status::WouldBlock)); // as it is once it was used: with its channel
    let start = Instant::now();
    let count = (0..n).map(|_| u64::from(t.reset(HOUR))).sum();
    let found = counted(start, n, count, errors);
    Outcome { errors: found.errors + u64::from(!t.stop()), ..found }
}

/// The place of the handle is in it, as it is in Go.
fn weigh<T>(n: u64, make: impl Fn() -> T, stop: impl Fn(&T) -> bool) -> Outcome {
    let before = rss();
    let start = Instant::now();
    let mut timers = Vec::with_capacity(n as usize);
    timers.extend((0..n).map(|_| make()));
    let bytes_total = rss() - before;
    let count = timers.iter().map(|t| u64::from(stop(t))).sum();
    Outcome { bytes_total, ..counted(start, n, count, 0) }
}

pub fn memory(n: u64) -> Outcome {
    weigh(n, || Timer::new(HOUR), Timer::stop)
}

pub fn func_memory(n: u64) -> Outcome {
    weigh(n, || after_func(HOUR, an_hour_is_over), FuncTimer::stop)
}

/// How long after its time the last of n functions has run.
pub fn many_due(n: u64) -> Outcome {
    #[derive(Default)]
    struct Ran {
        count: AtomicU64,
        first: AtomicU64,
        last: AtomicU64,
    }
    let ran = Arc::new(Ran::default());
    let start = Instant::now();
    let base = BURST_LEAD * n as u32;
    let (mut state, mut latest) = (0, Duration::ZERO);
    for _ in 0..n {
        let due = base + random(&mut state, BURST);
        latest = latest.max(due);
        let ran = ran.clone();
        // Its handle is dropped at once, which does not stop it.
        after_func(due.saturating_sub(start.elapsed()), move || {
            let count = ran.count.fetch_add(1, Relaxed) + 1;
            if count == 1 {
                ran.first.store(start.elapsed().as_nanos() as u64, Relaxed);
            }
            if count == n {
                ran.last.store(start.elapsed().as_nanos() as u64, Relaxed);
            }
        });
    }
    if start.elapsed() > base {
        die("the machine is too slow or too busy", "the timers were not made before the first was due");
    }
    let mut errors = 0;
    while ran.first.load(Relaxed) == 0 || ran.last.load(Relaxed) == 0 {
        errors += u64::from(gort::sleep(Duration::from_millis(1)).is_err());
    }
    let (last, latest) = (u128::from(ran.last.load(Relaxed)), latest.as_nanos());
    errors += u64::from(u128::from(ran.first.load(Relaxed)) < base.as_nanos()) + u64::from(last < latest);
    let count = ran.count.load(Relaxed);
    Outcome { ns_total: last.saturating_sub(latest), ..counted(start, n, count, errors) }
}

/// One sleeper: its latenesses in ns, and how many sleeps were early or failed. It sleeps once, and again while that would end before `end`.
fn sleeper(id: u64, start: Instant, begun: &AtomicU64, end: &AtomicU64) -> (Vec<u64>, u64) {
    let (mut state, mut late, mut errors) = (id, Vec::new(), 0);
    begun.fetch_add(1, Relaxed);
    loop {
        let d = SLEEP_LEAST + random(&mut state, SLEEP_MOST - SLEEP_LEAST);
        let due = start.elapsed() + d;
        if !late.is_empty() && due.as_nanos() >= u128::from(end.load(Relaxed)) {
            return (late, errors);
        }
        errors += u64::from(gort::sleep(d).is_err());
        let after = start.elapsed();
        errors += u64::from(after < due);
        late.push(after.saturating_sub(due).as_nanos() as u64);
    }
}

/// n is milliseconds, from when all sleepers have begun; so many tasks hog a worker each for as long.
fn sleep_many(n: u64, percent: usize, hogs: usize) -> Outcome {
    let (begun, end) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(u64::MAX)));
    let start = Instant::now();
    let sleepers = (0..SLEEPERS).map(|id| {
        let (begun, end) = (begun.clone(), end.clone());
        gort::spawn(move || sleeper(id, start, &begun, &end))
    });
    let sleepers: Vec<_> = sleepers.collect();
    while begun.load(Relaxed) < SLEEPERS {
        gort::yield_now();
    }
    let until = start.elapsed() + Duration::from_millis(n);
    end.store(until.as_nanos() as u64, Relaxed);
    let hogs: Vec<_> = (0..hogs).map(|_| gort::spawn(move || spin(until.saturating_sub(start.elapsed())))).collect();
    let (mut all, mut found) = (Vec::new(), Found::default());
    for (id, task) in (0..).zip(sleepers) {
        let (late, errors) = join(task);
        found.add(id, late.is_empty());
        found.errors += errors;
        all.extend(late);
    }
    hogs.into_iter().for_each(join);
    all.sort_unstable();
    let figure = all.get(all.len().saturating_sub(1) * percent / 100).copied().unwrap_or(0);
    Outcome { ns_total: u128::from(figure), ..outcome(start, SLEEPERS, &[found], 0) }
}

pub fn sleepers_p50(n: u64) -> Outcome {
    sleep_many(n, 50, 0)
}

pub fn sleepers_p99(n: u64) -> Outcome {
    sleep_many(n, 99, 0)
}

pub fn sleepers_hog_p50(n: u64) -> Outcome {
    sleep_many(n, 50, gort::workers())
}

pub fn sleep_50us(n: u64) -> Outcome {
    let mut found = Found::default();
    let start = Instant::now();
    let mut before = start;
    for _ in 0..n {
        let slept = gort::sleep(NAP);
        let after = Instant::now();
        found.add(1, slept.is_err() || after - before < NAP);
        before = after;
    }
    outcome(start, n, &[found], 0)
}

fn pingpong(n: u64, cap: usize, deadline: Option<Time>) -> Outcome {
    let (there, there_rx) = channel::<i64>(cap);
    let (back, back_rx) = channel::<i64>(cap);
    let start = Instant::now();
    let ping = gort::spawn(move || {
        let mut found = Found::default();
        for i in 0..n {
            found.errors += u64::from(there.send(i as i64).is_err());
            let got = match deadline {
                Some(t) => back_rx.recv_with(Wait::until(t)),
                None => back_rx.recv(),
            };
            match got {
                Ok(v) => found.add(v as u64, false),
                Err(_) => found.errors += 1,
            }
        }
        found
    });
    let pong = gort::spawn(move || {
        let mut errors = 0;
        for _ in 0..n {
            let got = match deadline {
                Some(t) => there_rx.recv_with(Wait::until(t)),
                None => there_rx.recv(),
            };
            match got {
                Ok(v) => errors += u64::from(back.send(v + 1).is_err()),
                Err(_) => errors += 1,
            }
        }
        errors
    });
    let (found, errors) = (join(ping), join(pong));
    outcome(start, n, &[found], errors)
}

/// A place in each channel: who waits is the receiver.
pub fn recv_deadline(n: u64) -> Outcome {
    pingpong(n, 1, Some(Time::after(HOUR)))
}

pub fn recv_no_deadline(n: u64) -> Outcome {
    pingpong(n, 1, None)
}

/// `workloads::pingpong` is the same without.
pub fn recv_deadline_cap0(n: u64) -> Outcome {
    pingpong(n, 0, Some(Time::after(HOUR)))
}

/// `workloads::sendrecv` is the same without.
pub fn recv_deadline_buffered(n: u64) -> Outcome {
    let (tx, rx) = channel::<i64>(1);
    let deadline = Time::after(HOUR);
    let start = Instant::now();
    let task = gort::spawn(move || {
        let mut found = Found::default();
        for i in 0..n {
            found.errors += u64::from(tx.send(i as i64).is_err());
            match rx.recv_with(Wait::until(deadline)) {
                Ok(v) => found.add(v as u64, v as u64 != i),
                Err(_) => found.errors += 1,
            }
        }
        found
    });
    let found = join(task);
    outcome(start, n, &[found], 0)
}

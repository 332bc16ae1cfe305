//! The streams and the tasks of the gort-rust engine. Names, shapes and checksums are those of `../../../workloads.toml`.
//!
//! Invariants, here and in the files beside
//! 1. A task keeps its counters in local variables and gives them back by its join handle: no false sharing in the
//!    measured loop.
//! 2. The clock starts after the channels are made and stops when the last task is joined.
//! 3. A consumer ends by `Closed` (the last sender is dropped), or when it has what it must get, and by nothing else.
//!
//! Rejected: `for v in rx` in the consumers, which cannot tell a close from another failure.

use crate::bench::{Found, LENS, Outcome, outcome};
use gort::{JoinHandle, Receiver, Sender, Status, WaitGroup, channel};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

const PIPELINE_WORK: Duration = Duration::from_micros(100);

pub fn join<T>(task: JoinHandle<T>) -> T {
    match task.join() {
        Ok(v) => v,
        Err(e) => panic!("a task failed: {e:?}"),
    }
}

pub fn sendrecv(n: u64) -> Outcome {
    let (tx, rx) = channel::<i64>(1);
    let start = Instant::now();
    let task = gort::spawn(move || {
        let mut found = Found::default();
        for i in 0..n {
            found.errors += u64::from(tx.send(i as i64).is_err());
            match rx.recv() {
                Ok(v) => found.add(v as u64, v as u64 != i),
                Err(_) => found.errors += 1,
            }
        }
        found
    });
    let found = join(task);
    outcome(start, n, &[found], 0)
}

pub fn pingpong(n: u64) -> Outcome {
    let (there, there_rx) = channel::<i64>(0);
    let (back, back_rx) = channel::<i64>(0);
    let start = Instant::now();
    let ping = gort::spawn(move || {
        let mut found = Found::default();
        for i in 0..n {
            found.errors += u64::from(there.send(i as i64).is_err());
            match back_rx.recv() {
                Ok(v) => found.add(v as u64, false),
                Err(_) => found.errors += 1,
            }
        }
        found
    });
    let pong = gort::spawn(move || {
        let mut errors = 0;
        for _ in 0..n {
            match there_rx.recv() {
                Ok(v) => errors += u64::from(back.send(v + 1).is_err()),
                Err(_) => errors += 1,
            }
        }
        errors
    });
    let (found, errors) = (join(ping), join(pong));
    outcome(start, n, &[found], errors)
}

/// Work that is the same in every engine: CPU time until `work` of the monotonic clock has passed.
pub fn spin(work: Duration) {
    let start = Instant::now();
    while start.elapsed() < work {}
}

/// Sends first, first + step, ... below n; gives the number of failures.
pub fn produce(tx: Sender<i64>, n: u64, first: usize, step: usize) -> u64 {
    (first as u64..n).step_by(step).map(|i| u64::from(tx.send(i as i64).is_err())).sum()
}

fn consume_in_order(rx: Receiver<i64>, work: Duration) -> Found {
    let mut found = Found::default();
    loop {
        match rx.recv() {
            Ok(v) => {
                if !work.is_zero() {
                    spin(work);
                }
                found.add(v as u64, v as u64 != found.count);
            }
            Err(status) => {
                found.errors += u64::from(status != Status::Closed);
                return found;
            }
        }
    }
}

pub fn consume_any(rx: Receiver<i64>) -> Found {
    let mut found = Found::default();
    loop {
        match rx.recv() {
            Ok(v) => found.add(v as u64, false),
            Err(status) => {
                found.errors += u64::from(status != Status::Closed);
                return found;
            }
        }
    }
}

pub fn spsc(n: u64) -> Outcome {
    let (tx, rx) = channel::<i64>(1024);
    let start = Instant::now();
    let producer = gort::spawn(move || produce(tx, n, 0, 1));
    let consumer = gort::spawn(move || consume_in_order(rx, Duration::ZERO));
    let (errors, found) = (join(producer), join(consumer));
    outcome(start, n, &[found], errors)
}

pub fn mpmc(n: u64) -> Outcome {
    const PAIRS: usize = 4;
    let (tx, rx) = channel::<i64>(1024);
    let (mut producers, mut consumers) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for p in 0..PAIRS {
        let (tx, rx) = (tx.clone(), rx.clone());
        producers.push(gort::spawn(move || produce(tx, n, p, PAIRS)));
        consumers.push(gort::spawn(move || consume_any(rx)));
    }
    drop((tx, rx));
    let errors = producers.into_iter().map(join).sum();
    let found: Vec<Found> = consumers.into_iter().map(join).collect();
    outcome(start, n, &found, errors)
}

pub fn pipeline(n: u64) -> Outcome {
    let (tx, rx) = channel::<i64>(1024);
    let start = Instant::now();
    let producer = gort::spawn(move || {
        let mut errors = 0;
        for i in 0..n {
            spin(PIPELINE_WORK);
            errors += u64::from(tx.send(i as i64).is_err());
        }
        errors
    });
    let consumer = gort::spawn(move || consume_in_order(rx, PIPELINE_WORK));
    let (errors, found) = (join(producer), join(consumer));
    outcome(start, n, &[found], errors)
}

/// One item of the recorded stream: 16 bytes, as the demo hands it over.
struct Item {
    id: u64,
    len: u64,
}

pub fn handover(n: u64) -> Outcome {
    let lens: &'static [u32] = LENS.get().map_or(&[], Vec::as_slice);
    let (tx, rx) = channel::<Item>(64);
    let start = Instant::now();
    let producer = gort::spawn(move || {
        let mut errors = 0;
        for (id, &len) in (0..n).zip(lens.iter().cycle()) {
            errors += u64::from(tx.send(Item { id, len: u64::from(len) }).is_err());
        }
        errors
    });
    let consumer = gort::spawn(move || {
        let mut found = Found::default();
        loop {
            match rx.recv() {
                Ok(item) => found.add((item.id + 1).wrapping_mul(item.len), item.id != found.count),
                Err(status) => {
                    found.errors += u64::from(status != Status::Closed);
                    return found;
                }
            }
        }
    });
    let (errors, found) = (join(producer), join(consumer));
    outcome(start, n, &[found], errors)
}

pub fn yields(n: u64) -> Outcome {
    let turns = |share: u64| {
        gort::spawn(move || {
            let mut count = 0;
            for _ in 0..share {
                gort::yield_now();
                count += 1;
            }
            count
        })
    };
    let start = Instant::now();
    let (a, b) = (turns(n - n / 2), turns(n / 2));
    let count = join(a) + join(b);
    outcome(start, n, &[Found { sum: count, count, errors: 0 }], 0)
}

/// In a cache line of its own.
#[repr(align(64))]
struct Spawned(AtomicU64);

static SPAWNED: Spawned = Spawned(AtomicU64::new(0));

fn count_me() {
    SPAWNED.0.fetch_add(1, Relaxed);
}

pub fn spawn_many(n: u64) -> Outcome {
    SPAWNED.0.store(0, Relaxed);
    let wg = WaitGroup::new();
    let start = Instant::now();
    for _ in 0..n {
        wg.go(count_me);
    }
    let errors = u64::from(wg.wait().is_err());
    let sum = SPAWNED.0.load(Relaxed);
    outcome(start, n, &[Found { sum, count: sum, errors: 0 }], errors)
}

pub fn spawn_one(n: u64) -> Outcome {
    SPAWNED.0.store(0, Relaxed);
    let wg = WaitGroup::new();
    let mut errors = 0;
    let start = Instant::now();
    for _ in 0..n {
        wg.go(count_me);
        errors += u64::from(wg.wait().is_err());
    }
    let sum = SPAWNED.0.load(Relaxed);
    outcome(start, n, &[Found { sum, count: sum, errors: 0 }], errors)
}

/// Resident bytes of this process.
pub fn rss() -> i64 {
    // SAFETY: sysconf takes a plain number and touches no memory of ours.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    let pages = std::fs::read_to_string("/proc/self/statm")
        .ok()
        .and_then(|text| text.split_whitespace().nth(1)?.parse::<i64>().ok());
    pages.map_or(-1, |pages| pages * page)
}

/// Bytes a parked task takes: resident growth, read when all of them sleep on the channel.
pub fn parked(n: u64) -> Outcome {
    #[derive(Default)]
    struct Counts {
        started: AtomicU64,
        sum: AtomicU64,
        count: AtomicU64,
    }
    let (tx, rx) = channel::<i64>(0);
    let (wg, counts) = (WaitGroup::new(), Arc::new(Counts::default()));
    let before = rss();
    let start = Instant::now();
    for _ in 0..n {
        let (rx, counts) = (rx.clone(), counts.clone());
        wg.go(move || {
            counts.started.fetch_add(1, Relaxed);
            if let Ok(v) = rx.recv() {
                counts.sum.fetch_add(v as u64, Relaxed);
                counts.count.fetch_add(1, Relaxed);
            }
        });
    }
    while counts.started.load(Relaxed) < n {
        gort::yield_now();
    }
    let mut errors = u64::from(gort::sleep(Duration::from_millis(20)).is_err()); // the last are on their way in
    let bytes_total = rss() - before;
    errors += (0..n).map(|i| u64::from(tx.send(i as i64).is_err())).sum::<u64>();
    errors += u64::from(wg.wait().is_err());
    let found = Found { sum: counts.sum.load(Relaxed), count: counts.count.load(Relaxed), errors: 0 };
    Outcome { bytes_total, ..outcome(start, n, &[found], errors) }
}

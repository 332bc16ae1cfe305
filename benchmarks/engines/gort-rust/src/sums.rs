//! One job three ways: five tasks add numbers to a sum, over a channel, under a mutex, with an atomic; and a counter that they share.
//!
//! Also locks and counters by themselves: a mutex that nobody else wants, and a WaitGroup that five tasks count up and down.
//!
//! Invariants: those of `workloads.rs`, and: each adder has its share of the numbers 0 .. n - 1, so the sum shows whether each of them arrived once.

use crate::bench::{Found, Outcome, outcome};
use crate::workloads::{consume_any, join, produce};
use gort::WaitGroup;
use gort::sync::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

const ADDERS: usize = 5;

/// In a cache line of its own.
#[repr(align(64))]
struct Alone<T>(T);

pub fn channel(n: u64) -> Outcome {
    let (tx, rx) = gort::channel::<i64>(1024);
    let start = Instant::now();
    let adders: Vec<_> = (0..ADDERS)
        .map(|k| {
            let tx = tx.clone();
            gort::spawn(move || produce(tx, n, k, ADDERS))
        })
        .collect();
    drop(tx);
    let collector = gort::spawn(move || consume_any(rx));
    let errors = adders.into_iter().map(join).sum();
    let found = join(collector);
    outcome(start, n, &[found], errors)
}

/// Five tasks that do `add` with each of their numbers; gives the number of failures.
fn share<T: Send + Sync + 'static>(
    n: u64,
    to: &Arc<Alone<T>>,
    add: impl Fn(&T, u64) -> u64 + Copy + Send + 'static,
) -> u64 {
    let adders: Vec<_> = (0..ADDERS)
        .map(|k| {
            let to = to.clone();
            gort::spawn(move || (k as u64..n).step_by(ADDERS).map(|i| add(&to.0, i)).sum::<u64>())
        })
        .collect();
    adders.into_iter().map(join).sum()
}

pub fn mutex(n: u64) -> Outcome {
    let sum = Arc::new(Alone(Mutex::new(0_u64)));
    let start = Instant::now();
    let errors = share(n, &sum, |sum, i| {
        *sum.lock() += i;
        0
    });
    let sum = *sum.0.lock();
    outcome(start, n, &[Found { sum, count: n, errors: 0 }], errors)
}

/// Five tasks that count up together.
pub fn counter(n: u64) -> Outcome {
    let counter = Arc::new(Alone(gort::sync::Counter::new()));
    let start = Instant::now();
    let errors = share(n, &counter, |counter, _| {
        counter.inc();
        0
    });
    let sum = counter.0.value() as u64;
    outcome(start, n, &[Found { sum, count: n, errors: 0 }], errors)
}

pub fn atomic(n: u64) -> Outcome {
    let sum = Arc::new(Alone(AtomicU64::new(0)));
    let start = Instant::now();
    let errors = share(n, &sum, |sum, i| {
        sum.fetch_add(i, Relaxed);
        0
    });
    let sum = sum.0.load(Relaxed);
    outcome(start, n, &[Found { sum, count: n, errors: 0 }], errors)
}

pub fn mutex_uncontended(n: u64) -> Outcome {
    let sum = Mutex::new(0_u64);
    let start = Instant::now();
    for i in 0..n {
        *sum.lock() += i;
    }
    outcome(start, n, &[Found { sum: sum.into_inner(), count: n, errors: 0 }], 0)
}

/// Main counts as one, so that nobody comes to zero before the others.
pub fn wg_add_done(n: u64) -> Outcome {
    let counted = WaitGroup::new();
    let mut errors = u64::from(counted.add(1).is_err());
    let start = Instant::now();
    let tasks: Vec<_> = (0..ADDERS)
        .map(|k| {
            let counted = counted.clone();
            gort::spawn(move || {
                let (mut pairs, mut errors) = (0, 0);
                for _ in (k as u64..n).step_by(ADDERS) {
                    errors += u64::from(counted.add(1).is_err()) + u64::from(counted.done().is_err());
                    pairs += 1;
                }
                Found { sum: pairs, count: pairs, errors }
            })
        })
        .collect();
    let found: Vec<_> = tasks.into_iter().map(join).collect();
    let mut outcome = outcome(start, n, &found, 0);
    errors += u64::from(counted.done().is_err()) + u64::from(counted.wait().is_err());
    outcome.errors += errors;
    outcome
}

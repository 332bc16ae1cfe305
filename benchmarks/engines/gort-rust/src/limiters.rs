//! What a limiter costs that has enough: one that all workers ask, and one for each of a million keys.
//!
//! Invariants: those of `workloads.rs`, and: everything is granted, so the number of the granted shows whether each call was.

use crate::bench::{Found, Outcome, outcome};
use crate::workloads::join;
use gort::limit::{Keyed, Limiter, TokenBucket, every};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);
const KEYS: u64 = 1_000_000;
const EACH: u32 = 1_000;

fn granted(start: Instant, n: u64, granted: u64, errors: u64) -> Outcome {
    outcome(start, n, &[Found { sum: granted, count: granted, errors: 0 }], errors)
}

pub fn allow(n: u64) -> Outcome {
    let limiter = Arc::new(TokenBucket::new(every(HOUR), n as u32));
    let workers = gort::workers() as u64;
    let start = Instant::now();
    let tasks: Vec<_> = (0..workers)
        .map(|k| {
            let limiter = limiter.clone();
            let calls = n / workers + u64::from(k < n % workers);
            gort::spawn(move || (0..calls).map(|_| u64::from(limiter.allow())).sum::<u64>())
        })
        .collect();
    let sum = tasks.into_iter().map(join).sum();
    granted(start, n, sum, 0)
}

pub fn keyed(n: u64) -> Outcome {
    let Ok(keyed) = Keyed::<u64>::new(every(HOUR), EACH) else { crate::die("gort::limit::Keyed", "new") };
    let start = Instant::now();
    let sum = (0..n).map(|i| u64::from(keyed.allow(&(i % KEYS)))).sum();
    granted(start, n, sum, 0)
}

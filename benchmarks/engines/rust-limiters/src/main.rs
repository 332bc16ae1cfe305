//! rust-limiters: governor, the limiter that a Rust program would take, between plain OS threads. The command line and the result line are those of every engine (`../../common/bench.rs`).
//!
//! Everything is granted, so the number of the granted shows whether each call was.

#[path = "../../common/bench.rs"]
#[allow(dead_code)] // not all of it is used here
mod bench;

use bench::{Found, Outcome, Workload, die, outcome, parse, repeat};
use governor::{Quota, RateLimiter};
use std::num::NonZeroU32;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

const KEYS: u64 = 1_000_000;
const EACH: u32 = 1_000;

static WORKERS: OnceLock<u64> = OnceLock::new();

/// One each hour for 1000 at once; for more at once shorter, since governor counts the time that they take in 64 bits of ns.
fn quota(burst: u32) -> Quota {
    let period = if burst > EACH { Duration::from_secs(60) } else { Duration::from_secs(3600) };
    match (Quota::with_period(period), NonZeroU32::new(burst)) {
        (Some(quota), Some(burst)) => quota.allow_burst(burst),
        _ => die("no quota of", "this size"),
    }
}

fn granted(start: Instant, n: u64, granted: u64) -> Outcome {
    outcome(start, n, &[Found { sum: granted, count: granted, errors: 0 }], 0)
}

fn allow(n: u64) -> Outcome {
    let limiter = RateLimiter::direct(quota(n as u32));
    let workers = *WORKERS.get_or_init(|| 1);
    let start = Instant::now();
    let sum = std::thread::scope(|s| {
        let threads: Vec<_> = (0..workers)
            .map(|k| {
                let (limiter, calls) = (&limiter, n / workers + u64::from(k < n % workers));
                s.spawn(move || (0..calls).map(|_| u64::from(limiter.check().is_ok())).sum::<u64>())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap_or_else(|_| die("a thread", "panicked"))).sum()
    });
    granted(start, n, sum)
}

fn keyed(n: u64) -> Outcome {
    let limiter = RateLimiter::keyed(quota(EACH));
    let start = Instant::now();
    let sum = (0..n).map(|i| u64::from(limiter.check_key(&(i % KEYS)).is_ok())).sum();
    granted(start, n, sum)
}

const ALL: &[Workload] = &[("limiter_allow", allow), ("limiter_keyed_1m", keyed)];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let o = parse(&args, ALL, "governor", "governor 0.10.4");
    let _ = WORKERS.set(o.workers as u64);
    repeat(&o, o.workers);
}

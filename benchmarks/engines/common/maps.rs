//! `map_90_10` in Rust, for any map: four tasks of gort's that load nine times in ten and store once, over some thousand keys that are all there.
//!
//! The same for gort's map and its peers: only the map differs, and the tasks are gort's in every row.
//!
//! Invariants: 1. A value says which key it belongs to, so each load is checked; a key that is not found is an error. 2. `checksum` counts the operations that went well.

use crate::bench::{Found, Outcome, outcome};
use std::sync::Arc;
use std::time::Instant;

/// Keys, a power of two.
pub const KEYS: u64 = 4096;
const TASKS: u64 = 4;

/// What is measured.
pub trait Table: Send + Sync + 'static {
    fn load(&self, key: u64) -> Option<u64>;
    fn store(&self, key: u64, value: u64);
}

/// One task's share.
fn work(map: &impl Table, n: u64, seed: u64) -> Found {
    let (mut found, mut x) = (Found::default(), seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    for i in 0..n {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        let key = x % KEYS;
        let wrong = if (x >> 32).is_multiple_of(10) {
            map.store(key, key + KEYS * i);
            false
        } else {
            map.load(key).is_none_or(|v| v % KEYS != key)
        };
        found.add(u64::from(!wrong), wrong);
    }
    found
}

/// The workload. Called in a run of gort's.
pub fn run(n: u64, map: impl Table) -> Outcome {
    (0..KEYS).for_each(|key| map.store(key, key));
    let map = Arc::new(map);
    let start = Instant::now();
    let tasks: Vec<_> = (0..TASKS)
        .map(|t| {
            let map = map.clone();
            gort::spawn(move || work(&*map, n / TASKS + u64::from(t < n % TASKS), t + 1))
        })
        .collect();
    let (found, lost): (Vec<_>, Vec<_>) = tasks.into_iter().map(|t| t.join()).partition(Result::is_ok);
    let found: Vec<Found> = found.into_iter().flatten().collect();
    outcome(start, n, &found, lost.len() as u64)
}

//! The maps that a Rust program would take instead of gort's, in the workload of `../../common/maps.rs`: in tasks of gort's, so that only the map differs from gort-rust's row.

#[path = "../../common/maps.rs"]
mod common;

use crate::bench::{Outcome, die};
use common::Table;
use dashmap::DashMap;
use std::hash::BuildHasher;
use std::sync::OnceLock;

/// `--workers`.
pub static WORKERS: OnceLock<usize> = OnceLock::new();

impl<S: BuildHasher + Clone + Send + Sync + 'static> Table for DashMap<u64, u64, S> {
    #[inline(always)]
    fn load(&self, key: u64) -> Option<u64> {
        self.get(&key).map(|v| *v)
    }
    #[inline(always)]
    fn store(&self, key: u64, value: u64) {
        self.insert(key, value);
    }
}

fn in_run(n: u64, map: impl Table) -> Outcome {
    let config = gort::Config { workers: WORKERS.get().copied().unwrap_or(1), ..Default::default() };
    match gort::run_with(&config, move || common::run(n, map)) {
        Ok(o) => o,
        Err(e) => die("gort::run_with", &format!("{e:?}")),
    }
}

/// With the hasher it comes with.
pub fn dashmap(n: u64) -> Outcome {
    in_run(n, DashMap::<u64, u64>::new())
}

/// With the hasher that is taken where std's is too slow.
pub fn dashmap_ahash(n: u64) -> Outcome {
    in_run(n, DashMap::<u64, u64, ahash::RandomState>::default())
}

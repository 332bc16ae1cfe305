//! gort's concurrent map in the workload of `../../common/maps.rs`.

#[path = "../../common/maps.rs"]
mod common;

use crate::bench::Outcome;
use common::Table;
use gort::sync::Map;

impl Table for Map<u64, u64> {
    #[inline(always)]
    fn load(&self, key: u64) -> Option<u64> {
        Map::load(self, &key)
    }
    #[inline(always)]
    fn store(&self, key: u64, value: u64) {
        Map::store(self, key, value)
    }
}

pub fn map_90_10(n: u64) -> Outcome {
    common::run(n, Map::new())
}

//! The map for a host whose keys are hashed and compared by code of its own, which may fail: every call brings the hash and the comparison.
//!
//! What this is: `Raw` with its pins and its tidying. Comparing runs under a pin, with no lock held (MP2). What it is NOT: safe to compare wrongly; a comparison that fails says false, and the caller,
//! who knows of it, has `keep` say so.

use super::entry::Fresh;
use super::raw::{Plan, Raw};
use crate::sched::epoch;
use crate::status::Status;

/// See the file's head.
pub struct ByHash<K, V>(Raw<K, V>);

impl<K, V> ByHash<K, V> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> ByHash<K, V> {
        ByHash(Raw::new(super::bits()))
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What `f` makes of the value of a key.
    #[inline]
    pub fn find<R>(&self, hash: u64, is: impl Fn(&K) -> bool, f: impl FnOnce(&V) -> R) -> Option<R> {
        let pin = epoch::pin();
        self.0.get(&pin, hash, is).map(|e| f(&e.value))
    }

    /// Puts a value in, unless `keep` says to leave what is there (or is not). True: it was put in. Key and value go if they were not.
    pub fn put(
        &self,
        hash: u64,
        is: impl Fn(&K) -> bool,
        key: K,
        value: V,
        keep: impl Fn(Option<&V>) -> bool,
    ) -> Result<bool, Status> {
        let fresh = Fresh::new(key, value);
        let pin = epoch::pin();
        let plan = |old: Option<&V>| if keep(old) { Plan::Leave } else { Plan::Put };
        let done = self.0.change(&pin, hash, is, Some(&fresh), plan).map(|(_, put)| put);
        drop(pin);
        drop(fresh);
        self.0.tidy(hash);
        done
    }

    /// Removes a key if `this` says so of its value.
    pub fn remove(&self, hash: u64, is: impl Fn(&K) -> bool, this: impl Fn(&V) -> bool) -> bool {
        let pin = epoch::pin();
        let plan = |old: Option<&V>| if old.is_some_and(&this) { Plan::Remove } else { Plan::Leave };
        let done = self.0.change(&pin, hash, is, None, plan).is_ok_and(|(_, removed)| removed);
        drop(pin);
        self.0.tidy(hash);
        done
    }

    /// Every key and value, without a lock: what is put in or removed meanwhile may be seen or not, and a key that goes and comes may be seen twice. For a collector that has stopped the others.
    pub fn each(&self, mut f: impl FnMut(&K, &V)) {
        let pin = epoch::pin();
        for shard in 0..self.0.shards() {
            self.0.look(&pin, shard, |e| f(&e.key, &e.value))
        }
    }

    /// What `f` makes of every key and value of one part of the map at one moment; `parts` says how many there are.
    pub fn part<R>(&self, part: usize, mut f: impl FnMut(&K, &V) -> R) -> Vec<R> {
        let pin = epoch::pin();
        let mut found = Vec::new();
        self.0.snapshot(&pin, part, &mut found);
        found.iter().map(|e| f(&e.key, &e.value)).collect()
    }

    pub fn parts(&self) -> usize {
        self.0.shards()
    }

    /// Drops what was removed and nobody looks at any more.
    pub fn collect(&self) -> bool {
        self.0.collect()
    }
}

//! `Map`: a concurrent hash map with the operations of Go's sync.Map. Loads take no lock.
//!
//! What this is: the face; the protocol stands in `map/raw.rs`, the tables in `map/table.rs`, their entries in `map/entry.rs`, hashing in `map/hash.rs`, keys of bytes behind a handle (for C) in `map/bytes.rs`,
//! keys that a host hashes and compares in `map/by_hash.rs`. What it is NOT: ordered, and
//! not a cache (nothing leaves it by itself).
//!
//! M1  A load gives a clone, made while the map keeps the original: another may delete it at once, so no reference leaves a call.
//! M2  Each operation on one key happens at one moment; `len` and `range` look at shard after shard.
//! M3  Keys are hashed and compared, values cloned and compared with no lock held, under a pin (`sched/epoch.rs` E1): this code must not park in a task that may move. Such tasks are made by `unsafe`
//!     functions only, so safe code can not break it. Keys and values that go are dropped with neither.
//! M4  What is deleted or replaced is dropped by a later write to its part of the map, when no reader can be looking at it, at the latest with the map; `collect` asks for it now.

#[cfg(not(loom))]
pub mod by_hash;
#[cfg(not(loom))]
pub mod bytes;
mod entry;
mod hash;
mod raw;
mod table;

pub use hash::{Mixer, Seeded};

use crate::sched::epoch;
use crate::status::Status;
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash};
use core::ops::ControlFlow;
use entry::Fresh;
use raw::{Plan, Raw};

/// A map that tasks and threads use at the same time. Loads take no lock; a store locks a part of the map for some instructions, and no code of yours runs meanwhile.
///
/// Values are given out as clones: use a small type, or an `Arc`. A clone (and a comparison of keys) must not block.
///
/// ```
/// let m = gort::sync::Map::new();
/// m.store("a", 1);
/// assert_eq!(m.load_or_store("a", 5), (1, true)); // there already
/// assert!(m.compare_and_swap("a", &1, 2));
/// assert_eq!(m.load("a"), Some(2));
/// assert_eq!(m.load_and_delete("a"), Some(2));
/// assert!(m.is_empty());
/// ```
pub struct Map<K, V, S = Seeded> {
    raw: Raw<K, V>,
    hasher: S,
}

/// Shards of a map, as a power of two: some more than there are processors.
fn bits() -> u32 {
    #[cfg(loom)]
    return 0;
    #[cfg(not(loom))]
    {
        use crate::sys::prim::*;
        static BITS: AtomicU32 = AtomicU32::new(0);
        let mut bits = BITS.load(Relaxed);
        if bits == 0 {
            bits = (crate::sys::cpu::available() * 4).next_power_of_two().clamp(8, 256).ilog2();
            BITS.store(bits, Relaxed);
        }
        bits
    }
}

impl<K, V> Map<K, V> {
    /// An empty map.
    pub fn new() -> Map<K, V> {
        Map::default()
    }
}

impl<K, V, S: Default> Default for Map<K, V, S> {
    fn default() -> Self {
        Map { raw: Raw::new(bits()), hasher: S::default() }
    }
}

/// Memory ran out where nothing can be said about it, as in every collection of Rust's.
#[cold]
fn no_memory() -> ! {
    std::alloc::handle_alloc_error(core::alloc::Layout::new::<usize>())
}

impl<K, V, S> Map<K, V, S> {
    /// How many keys there are; others may change it meanwhile.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes every key; not at one moment: a key that is stored meanwhile may stay.
    pub fn clear(&self) {
        self.raw.clear()
    }

    /// Drops what was deleted or replaced and no reader looks at any more (M4). False: something is still looked at.
    pub fn collect(&self) -> bool {
        self.raw.collect()
    }

    /// A map with a hasher of its own.
    pub fn with_hasher(hasher: S) -> Self {
        Map { raw: Raw::new(bits()), hasher }
    }

    /// Calls `f` with each key and value until it breaks. Keys are looked at a part of the map at a time, each part at one moment: no key comes twice, one that is there all the time comes, and one that is
    /// stored or deleted meanwhile may come. `f` may use the map, and may block.
    pub fn range<B>(&self, mut f: impl FnMut(K, V) -> ControlFlow<B>) -> Option<B>
    where
        K: Clone,
        V: Clone,
    {
        for shard in 0..self.raw.shards() {
            let part: Vec<(K, V)> = {
                let pin = epoch::pin();
                let mut found = Vec::new();
                self.raw.snapshot(&pin, shard, &mut found);
                found.iter().map(|e| (e.key.clone(), e.value.clone())).collect()
            };
            for (k, v) in part {
                if let ControlFlow::Break(b) = f(k, v) {
                    return Some(b);
                }
            }
        }
        None
    }
}

impl<K: Hash + Eq, V, S: BuildHasher> Map<K, V, S> {
    #[inline(always)]
    fn hash<Q: Hash + ?Sized>(&self, key: &Q) -> u64 {
        self.hasher.hash_one(key)
    }

    /// What `f` makes of the value, which the map keeps meanwhile: for values that are no clones. `f` must not block.
    #[inline]
    pub fn read<Q, R>(&self, key: &Q, f: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let pin = epoch::pin();
        self.raw.get(&pin, hash, |k| k.borrow() == key).map(|e| f(&e.value))
    }

    /// The value of a key.
    #[inline]
    pub fn load<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.read(key, V::clone)
    }

    /// Is there a value?
    pub fn contains<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.read(key, |_| ()).is_some()
    }

    /// What all operations with a new value do: `plan` decides, `see` looks at what was there, or what is there if nothing was changed. The value comes back if it was not put in.
    #[inline]
    fn put<R>(
        &self,
        key: K,
        value: V,
        plan: impl Fn(Option<&V>) -> Plan,
        see: impl FnOnce(Option<&V>, bool) -> R,
    ) -> Result<(R, Option<V>), (Status, V)> {
        let hash = self.hash(&key);
        let fresh = Fresh::new(key, value);
        let pin = epoch::pin();
        let done = self.raw.change(&pin, hash, |k| k == fresh.key(), Some(&fresh), plan);
        let seen = done.map(|(old, done)| see(old.map(|e| &e.value), done));
        drop(pin);
        self.raw.tidy(hash);
        match (seen, fresh.into_value()) {
            (Ok(seen), left) => Ok((seen, left)),
            (Err(s), Some(value)) => Err((s, value)),
            (Err(_), None) => no_memory(), // what failed put nothing in
        }
    }

    /// Sets the value of a key.
    #[inline]
    pub fn store(&self, key: K, value: V) {
        if self.try_store(key, value).is_err() {
            no_memory()
        }
    }

    /// Sets the value of a key, or gives it back when there is no memory.
    #[inline]
    pub fn try_store(&self, key: K, value: V) -> Result<(), (Status, V)> {
        self.put(key, value, |_| Plan::Put, |_, _| ()).map(|_| ())
    }

    /// Sets the value of a key; the one it had.
    pub fn swap(&self, key: K, value: V) -> Option<V>
    where
        V: Clone,
    {
        match self.put(key, value, |_| Plan::Put, |old, _| old.cloned()) {
            Ok((old, _)) => old,
            Err(_) => no_memory(),
        }
    }

    /// The value of a key and true; or, if it has none, sets it: the value given and false.
    pub fn load_or_store(&self, key: K, value: V) -> (V, bool)
    where
        V: Clone,
    {
        let given = value.clone();
        let absent = |old: Option<&V>| if old.is_some() { Plan::Leave } else { Plan::Put };
        match self.put(key, value, absent, |old, _| old.cloned()) {
            Ok((Some(there), _)) => (there, true),
            Ok((None, _)) => (given, false),
            Err(_) => no_memory(),
        }
    }

    /// Sets the value of a key if it has the value `old`.
    pub fn compare_and_swap(&self, key: K, old: &V, new: V) -> bool
    where
        V: PartialEq,
    {
        let equal = |there: Option<&V>| if there == Some(old) { Plan::Put } else { Plan::Leave };
        match self.put(key, new, equal, |_, done| done) {
            Ok((done, _)) => done,
            Err(_) => no_memory(),
        }
    }

    /// What all operations that take away do.
    #[inline]
    fn take<Q, R>(&self, key: &Q, plan: impl Fn(&V) -> bool, see: impl FnOnce(&V) -> R) -> Option<R>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let hash = self.hash(key);
        let pin = epoch::pin();
        let plan = |old: Option<&V>| if old.is_some_and(&plan) { Plan::Remove } else { Plan::Leave };
        // Removing needs no memory, so it does not fail.
        let (old, done) = self.raw.change(&pin, hash, |k| k.borrow() == key, None, plan).unwrap_or((None, false));
        let seen = old.filter(|_| done).map(|e| see(&e.value));
        drop(pin);
        self.raw.tidy(hash);
        seen
    }

    /// Removes a key; was it there?
    pub fn delete<Q>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.take(key, |_| true, |_| ()).is_some()
    }

    /// Removes a key; its value.
    pub fn load_and_delete<Q>(&self, key: &Q) -> Option<V>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: Clone,
    {
        self.take(key, |_| true, V::clone)
    }

    /// Removes a key if it has the value `old`.
    pub fn compare_and_delete<Q>(&self, key: &Q, old: &V) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
        V: PartialEq,
    {
        self.take(key, |v| v == old, |_| ()).is_some()
    }
}

impl<K, V, S> core::fmt::Debug for Map<K, V, S> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Map").field("len", &self.len()).finish()
    }
}

impl<K: Hash + Eq, V, S: BuildHasher + Default> FromIterator<(K, V)> for Map<K, V, S> {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        let map = Map::with_hasher(S::default());
        pairs.into_iter().for_each(|(k, v)| map.store(k, v));
        map
    }
}

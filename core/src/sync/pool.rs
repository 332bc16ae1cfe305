//! `Pool`: objects that are used again. A get takes one that was put back, or makes one; a put keeps it, or drops it when enough are kept.
//!
//! What this is: Go's sync.Pool without a collector (behind a handle, for C: `pool/words.rs`): nothing leaves it by itself, and `max_idle` says how many it keeps. What it is NOT: a limit on how many are in use (a semaphore is), and nothing that
//! waits.
//!
//! PO1  Each thread has a shard it looks into first; then the others, so an object is made only if every shard was seen empty. The shards' places are `max_idle` together, exactly. A shard that looks
//!      empty (to a get) or full (to a put) is not locked: what came or went at that moment may be missed.
//! PO2  A shard's lock guards its places. They are there from the start: nothing is allocated, made or dropped under it.
//! PO3  The newest of a shard is taken first: it is the one in the caches.
//!
//! Rejected: one count for all shards (a contended read-modify-write for each call); a place of a processor's own without a lock (its thread may lose it on the way).

use crate::sched::thread;
use crate::sys::cpu;
use crate::sys::lock::ByteLock;
use crate::sys::prim::{CachePadded, RelaxedUsize};
use crate::sys::race::Spot;
pub mod words;

use core::cell::UnsafeCell;
use core::ops::{Deref, DerefMut};

/// Kept idle at most, if nothing is said.
pub const MAX_IDLE: usize = 256;
/// Shards at most.
const SHARDS: usize = 64;

struct Shard<T> {
    lock: ByteLock,
    /// Guarded by `lock`. Its capacity is never exceeded.
    idle: UnsafeCell<Vec<T>>,
    /// Its length; written under the lock, looked at without (PO1).
    held: RelaxedUsize,
    places: usize,
    /// What was done before the objects in it were put back (sys/race.rs).
    order: Spot,
}

impl<T> Shard<T> {
    fn new(places: usize) -> Shard<T> {
        Shard {
            lock: ByteLock::new(),
            idle: UnsafeCell::new(Vec::with_capacity(places)),
            held: RelaxedUsize::new(0),
            places,
            order: Default::default(),
        }
    }

    #[inline]
    fn with<R>(&self, f: impl FnOnce(&mut Vec<T>) -> R) -> R {
        self.lock.with(|| {
            // SAFETY: under the lock, for as long as it is held.
            let idle = unsafe { &mut *self.idle.get() };
            let r = f(idle);
            self.held.set(idle.len());
            r
        })
    }
}

/// Objects that are kept to be used again.
///
/// ```
/// let pool = gort::sync::Pool::new(|| Vec::<u8>::with_capacity(4096));
/// let mut buffer = pool.get(); // made, for none was put back yet
/// buffer.extend_from_slice(b"hello");
/// buffer.clear();
/// drop(buffer); // put back
/// assert_eq!(pool.idle(), 1);
/// ```
pub struct Pool<T> {
    shards: Box<[CachePadded<Shard<T>>]>,
    make: Box<dyn Fn() -> T + Send + Sync>,
}

// SAFETY: an object is one thread's at a time: whoever took it out under the lock.
unsafe impl<T: Send> Sync for Pool<T> {}

impl<T> Pool<T> {
    /// A pool that keeps up to [`MAX_IDLE`] objects. `make` is called with no lock held; it may block.
    pub fn new(make: impl Fn() -> T + Send + Sync + 'static) -> Pool<T> {
        Pool::with_max_idle(MAX_IDLE, make)
    }

    /// A pool that keeps up to `max_idle` objects: its places are allocated now.
    pub fn with_max_idle(max_idle: usize, make: impl Fn() -> T + Send + Sync + 'static) -> Pool<T> {
        let n = (cpu::available() * 2).next_power_of_two().min(SHARDS).min(max_idle.max(1));
        let places = |i: usize| max_idle / n + usize::from(i < max_idle % n);
        Pool { shards: (0..n).map(|i| CachePadded(Shard::new(places(i)))).collect(), make: Box::new(make) }
    }

    /// The shards, this thread's first.
    fn near(&self) -> impl Iterator<Item = &Shard<T>> {
        let (n, mine) = (self.shards.len(), thread::index().unwrap_or(0));
        (0..n).map(move |i| &self.shards[(mine + i) % n].0)
    }

    /// One that was put back; None if there is none.
    pub fn try_take(&self) -> Option<T> {
        self.near().filter(|s| s.held.get() != 0).find_map(|s| {
            let o = s.with(Vec::pop);
            s.order.fetch();
            o
        })
    }

    /// One that was put back, or a new one; not to be returned by itself.
    pub fn take(&self) -> T {
        self.try_take().unwrap_or_else(|| (self.make)())
    }

    /// Keeps it for the next one who asks. It comes back if enough are kept.
    pub fn put(&self, object: T) -> Result<(), T> {
        let mut object = Some(object);
        for shard in self.near().filter(|s| s.held.get() < s.places) {
            shard.order.add();
            shard.with(|idle| {
                if idle.len() < shard.places
                    && let Some(o) = object.take()
                {
                    idle.push(o)
                }
            });
            if object.is_none() {
                break;
            }
        }
        object.map_or(Ok(()), Err)
    }

    /// One that was put back, or a new one; it goes back when the guard is dropped. (If enough are kept, it is dropped.)
    pub fn get(&self) -> Pooled<'_, T> {
        Pooled { object: Some(self.take()), of: self }
    }

    /// How many are kept; others may change it meanwhile.
    pub fn idle(&self) -> usize {
        self.shards.iter().map(|s| s.held.get()).sum()
    }

    pub fn max_idle(&self) -> usize {
        self.shards.iter().map(|s| s.places).sum()
    }

    /// Drops what is kept.
    pub fn clear(&self) {
        while let Some(o) = self.try_take() {
            drop(o)
        }
    }
}

impl<T> core::fmt::Debug for Pool<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Pool").field("idle", &self.idle()).field("max_idle", &self.max_idle()).finish()
    }
}

/// An object of a pool, in use.
pub struct Pooled<'a, T> {
    object: Option<T>,
    of: &'a Pool<T>,
}

impl<T> Pooled<'_, T> {
    /// The object, for good: it does not go back.
    pub fn keep(mut self) -> T {
        // There until it is dropped.
        self.object.take().unwrap_or_else(|| unreachable!())
    }
}

impl<T> Deref for Pooled<'_, T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        self.object.as_ref().unwrap_or_else(|| unreachable!())
    }
}

impl<T> DerefMut for Pooled<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        self.object.as_mut().unwrap_or_else(|| unreachable!())
    }
}

impl<T> Drop for Pooled<'_, T> {
    fn drop(&mut self) {
        if let Some(o) = self.object.take() {
            drop(self.of.put(o))
        }
    }
}

//! `Keyed`: a token bucket for each key (each user, each address), millions of them; and, if wanted, one limiter that all of them share.
//!
//!  KY1  The state of a key is one word: when its bucket is full again (the "theoretical arrival time" of GCRA), in ns since this was made. A bucket is full if that has passed; each thing that happens moves it on by an
//!       interval, and it may lie `burst` intervals ahead of the clock.
//!  KY2  So a key that was idle for long is the same as one never heard of, and nothing is lost when it is forgotten. That is done when a shard is full, before it grows (as far as half of it may go), and by `evict`.
//!  KY3  A key belongs to one of the shards, each with a lock of its own, which waits by parking. Keys are hashed, compared and copied under it: their functions must not call the same `Keyed`.
//!  KY4  The key's bucket is asked first, then the limiter that is shared; if that refuses, the key has its own back. So who is refused has taken nothing.
//!
//! Measured with a million keys of 8 bytes: 36 bytes each (16, a byte of the table's own, and the room that a table needs).
//!
//! Rejected: a `TokenBucket` for each key (56 bytes, and an allocation if it is to be shared); an eviction by age (a time for each key, and a limit that has to be guessed; by KY2 there is nothing to guess).

use super::{Grants, INF, Limiter, SECOND, near, wait_for};
use crate::status::Status;
use crate::sync::Mutex;
use crate::sys::prim::{Arc, AtomicU32, AtomicU64, Ordering::Relaxed};
use crate::task::{Time, Wait};
use core::borrow::Borrow;
use core::hash::{BuildHasher, Hash, Hasher};
use std::collections::HashMap;
use std::hash::RandomState;
use std::time::Duration;

/// A limiter for each key: so many a second, and a burst.
///
/// ```
/// use gort::limit::Keyed;
/// let users = Keyed::<String>::new(1.0, 2).unwrap();
/// let t = gort::Time(0);
/// assert!(users.allow_at(t, "ada", 2) && !users.allow_at(t, "ada", 1));
/// assert!(users.allow_at(t, "bob", 1), "has a bucket of his own");
/// ```
pub struct Keyed<K, S = Seeded> {
    shards: Box<[Shard<K, S>]>,
    hasher: S,
    /// ns, as the bits of an f64.
    interval: AtomicU64,
    burst: AtomicU32,
    /// Of KY1.
    began: i64,
    within: Option<Arc<dyn Limiter>>,
}

#[repr(align(64))]
struct Shard<K, S>(Mutex<HashMap<K, f64, S>>);

const SHARDS: usize = 64;
/// Sums of intervals are as good as this, ns.
const EXACT: f64 = 1e-3;

/// What a key was granted.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyGrant {
    at: Time,
    /// KY1: when it was full again, after this.
    full: f64,
    shared: Option<Grants>,
}

impl KeyGrant {
    /// From when on one may act.
    pub fn at(&self) -> Time {
        self.at
    }
}

impl<K: Hash + Eq + Send> Keyed<K> {
    /// `limit` a second and `burst` at once, for each key. INVALID for a limit that is not above 0.
    pub fn new(limit: f64, burst: u32) -> Result<Keyed<K>, Status> {
        Keyed::with_hasher(limit, burst, Seeded::default())
    }
}

/// The interval of a limit, ns.
fn interval(limit: f64) -> Result<f64, Status> {
    if limit > 0.0 { Ok(if limit >= INF { 0.0 } else { SECOND as f64 / limit }) } else { Err(Status::Invalid) }
}

impl<K: Hash + Eq + Send, S: BuildHasher + Clone + Send + Sync> Keyed<K, S> {
    /// `new`, with a hasher.
    pub fn with_hasher(limit: f64, burst: u32, hasher: S) -> Result<Keyed<K, S>, Status> {
        let interval = AtomicU64::new(interval(limit)?.to_bits());
        let shards = (0..SHARDS).map(|_| Shard(Mutex::new(HashMap::with_hasher(hasher.clone())))).collect();
        Ok(Keyed { shards, hasher, interval, burst: AtomicU32::new(burst), began: near().0, within: None })
    }

    /// And all of them within another limiter: a user's AND everybody's.
    pub fn within(mut self, shared: Arc<dyn Limiter>) -> Keyed<K, S> {
        self.within = Some(shared);
        self
    }

    fn interval(&self) -> f64 {
        f64::from_bits(self.interval.load(Relaxed))
    }

    fn since(&self, t: Time) -> f64 {
        t.0.saturating_sub(self.began) as f64
    }

    fn shard<Q: Hash + ?Sized>(&self, key: &Q) -> &Mutex<HashMap<K, f64, S>> {
        // The table itself uses the lowest bits and the highest.
        let at = (self.hasher.hash_one(key) >> 32) as usize % SHARDS;
        &self.shards[at].0
    }

    /// Takes `n` from the bucket of a key, and from what is shared: as `Limiter::take`, for keys that are made of what is asked for by `own`.
    pub fn take_by<Q>(
        &self,
        now: Time,
        key: &Q,
        n: u32,
        latest: Time,
        own: impl FnOnce(&Q) -> K,
    ) -> Result<KeyGrant, Status>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (at, full) = self.take_own(now, key, n, latest, own)?;
        let Some(shared) = &self.within else { return Ok(KeyGrant { at, full, shared: None }) };
        match shared.take(now, n, latest) {
            Ok(grants) => Ok(KeyGrant { at: at.max(grants.at()), full, shared: Some(grants) }),
            Err(status) => {
                self.give_back_own(key, n, full); // KY4
                Err(status)
            }
        }
    }

    fn take_own<Q>(
        &self,
        now: Time,
        key: &Q,
        n: u32,
        latest: Time,
        own: impl FnOnce(&Q) -> K,
    ) -> Result<(Time, f64), Status>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (interval, burst) = (self.interval(), self.burst.load(Relaxed));
        if interval == 0.0 || n == 0 {
            return if now > latest { Err(Status::TimedOut) } else { Ok((now, f64::MIN)) };
        }
        if n > burst {
            return Err(Status::Limit);
        }
        let (t, asked) = (self.since(now), f64::from(n) * interval);
        let granted = |full: f64| {
            let over = full.max(t) + asked - t - f64::from(burst) * interval;
            let at = if over > EXACT { Time(now.0.saturating_add((over - EXACT).ceil() as i64)) } else { now };
            if at > latest { Err(Status::TimedOut) } else { Ok((at, full.max(t) + asked)) }
        };
        let mut map = self.shard(key).lock();
        if let Some(full) = map.get_mut(key) {
            let (at, new) = granted(*full)?;
            *full = new;
            return Ok((at, new));
        }
        let (at, new) = granted(f64::MIN)?;
        if map.len() == map.capacity() {
            forget(&mut map, t); // KY2
        }
        map.insert(own(key), new);
        Ok((at, new))
    }

    /// As the token bucket: but for what others were granted since.
    fn give_back_own<Q>(&self, key: &Q, n: u32, granted: f64)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if let Some(full) = self.shard(key).lock().get_mut(key) {
            *full -= (f64::from(n) * self.interval() - (*full - granted)).max(0.0)
        }
    }

    /// Takes back what `take_by` has granted, as `Limiter::give_back`.
    pub fn give_back_by<Q>(&self, now: Time, key: &Q, n: u32, grant: &KeyGrant)
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        if grant.at < now {
            return;
        }
        if grant.full > f64::MIN {
            self.give_back_own(key, n, grant.full)
        }
        if let (Some(shared), Some(grants)) = (&self.within, &grant.shared) {
            let mut grants = grants.clone();
            match &mut grants {
                Grants::One(g) => g.due = grant.at.0,
                Grants::All(parts) => parts.iter_mut().for_each(|g| g.due = grant.at.0),
            }
            shared.give_back(now, &grants)
        }
    }

    /// `allow_at`, for keys that are made of what is asked for in a way of their own.
    pub fn allow_by<Q>(&self, now: Time, key: &Q, n: u32, own: impl FnOnce(&Q) -> K) -> bool
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        self.take_by(now, key, n, now, own).is_ok()
    }

    /// `wait_n`, as `allow_by`.
    pub fn wait_by<Q>(&self, key: &Q, n: u32, wait: Wait<'_>, own: impl FnOnce(&Q) -> K) -> Result<(), Status>
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        wait_for(
            wait,
            |now, latest| self.take_by(now, key, n, latest, own),
            |g| g.at,
            |now, g| self.give_back_by(now, key, n, g),
        )
    }

    /// How many a second each key may have.
    pub fn limit(&self) -> f64 {
        let interval = self.interval();
        if interval == 0.0 { INF } else { SECOND as f64 / interval }
    }

    /// How many at once.
    pub fn burst(&self) -> u32 {
        self.burst.load(Relaxed)
    }

    /// From now on so many a second, for all keys. How long each has to wait for what it has taken already stays as it is. INVALID for a limit that is not above 0.
    pub fn set_limit(&self, limit: f64) -> Result<(), Status> {
        self.interval.store(interval(limit)?.to_bits(), Relaxed);
        Ok(())
    }

    /// From now on so many at once, for all keys.
    pub fn set_burst(&self, burst: u32) {
        self.burst.store(burst, Relaxed)
    }

    /// How many a key could have at once at `now`; below 0 if those to come are promised already.
    pub fn tokens_at<Q>(&self, now: Time, key: &Q) -> f64
    where
        K: Borrow<Q>,
        Q: Hash + Eq + ?Sized,
    {
        let (burst, interval) = (f64::from(self.burst()), self.interval());
        let full = self.shard(key).lock().get(key).copied();
        full.map_or(
            burst,
            |full| if interval == 0.0 { burst } else { burst - (full - self.since(now)).max(0.0) / interval },
        )
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| s.0.lock().len()).sum()
    }

    /// Is no key remembered?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets the keys that are idle now, whose buckets are full, and gives their memory back: how many there were. Nothing else changes by it.
    pub fn evict(&self) -> usize {
        self.evict_at(near())
    }

    /// `evict`, as of `now`.
    pub fn evict_at(&self, now: Time) -> usize {
        let (t, mut gone) = (self.since(now), 0);
        for shard in &self.shards {
            let mut map = shard.0.lock();
            let before = map.len();
            map.retain(|_, full| *full > t);
            gone += before - map.len();
            map.shrink_to_fit();
        }
        gone
    }
}

/// Makes room in a shard that is full: by what is idle at `t`, or, if that is less than half of it, by growing.
fn forget<K: Hash + Eq, S: BuildHasher>(map: &mut HashMap<K, f64, S>, t: f64) {
    let all = map.len();
    if !cfg!(feature = "mutant_limiter_forgets_nobody") {
        map.retain(|_, full| *full > t);
    }
    if map.len() > all / 2 {
        map.reserve(all + 1 - map.len() + map.len() / 8)
    }
}

impl<K, S> Keyed<K, S>
where
    K: Hash + Eq + Send,
    S: BuildHasher + Clone + Send + Sync,
{
    /// May one thing of this key happen now? Never blocks (but for a moment, on another who asks for a key of the same shard).
    pub fn allow<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q) -> bool
    where
        K: Borrow<Q>,
    {
        self.allow_at(near(), key, 1)
    }

    /// May `n` things of this key happen now?
    pub fn allow_n<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q, n: u32) -> bool
    where
        K: Borrow<Q>,
    {
        self.allow_at(near(), key, n)
    }

    /// May `n` things of this key happen at `now`?
    pub fn allow_at<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, now: Time, key: &Q, n: u32) -> bool
    where
        K: Borrow<Q>,
    {
        self.allow_by(now, key, n, Q::to_owned)
    }

    /// Waits until one thing of this key may happen. Blocks, and ends, as `Limiter::wait_n`.
    pub fn wait<Q: Hash + Eq + ToOwned<Owned = K> + ?Sized>(&self, key: &Q, wait: Wait<'_>) -> Result<(), Status>
    where
        K: Borrow<Q>,
    {
        self.wait_n(key, 1, wait)
    }

    /// Waits until `n` things of this key may happen.
    pub fn wait_n<Q>(&self, key: &Q, n: u32, wait: Wait<'_>) -> Result<(), Status>
    where
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
    {
        self.wait_by(key, n, wait, Q::to_owned)
    }

    /// Reserves one for this key; see `reserve_at`.
    pub fn reserve<'a, Q>(&'a self, key: &'a Q) -> Result<KeyedReservation<'a, K, Q, S>, Status>
    where
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
    {
        self.reserve_at(near(), key, 1, Time::NEVER)
    }

    /// Takes `n` for this key, also if they are to come, as `Limiter::reserve_at`.
    pub fn reserve_at<'a, Q>(
        &'a self,
        now: Time,
        key: &'a Q,
        n: u32,
        latest: Time,
    ) -> Result<KeyedReservation<'a, K, Q, S>, Status>
    where
        Q: Hash + Eq + ToOwned<Owned = K> + ?Sized,
        K: Borrow<Q>,
    {
        let grant = self.take_by(now, key, n, latest, Q::to_owned)?;
        Ok(KeyedReservation { of: self, key, n, grant })
    }
}

/// What was reserved for a key. Dropped, it stays so.
#[must_use = "whoever does not act cancels it"]
pub struct KeyedReservation<'a, K, Q: ?Sized, S = Seeded> {
    of: &'a Keyed<K, S>,
    key: &'a Q,
    n: u32,
    grant: KeyGrant,
}

impl<K, Q, S> KeyedReservation<'_, K, Q, S>
where
    K: Hash + Eq + Send + Borrow<Q>,
    Q: Hash + Eq + ?Sized,
    S: BuildHasher + Clone + Send + Sync,
{
    /// From when on one may act.
    pub fn at(&self) -> Time {
        self.grant.at
    }

    /// How long that is from now; zero if it has come.
    pub fn delay(&self) -> Duration {
        Duration::from_nanos(self.grant.at.0.saturating_sub(near().0).max(0) as u64)
    }

    /// Gives it back, as `Reservation::cancel`.
    pub fn cancel(self) {
        self.cancel_at(near())
    }

    /// Gives it back, as of `now`.
    pub fn cancel_at(self, now: Time) {
        self.of.give_back_by(now, self.key, self.n, &self.grant)
    }
}

/// The hasher of `Keyed`: a multiplication for each 8 bytes, with a key by chance, so that nobody outside can choose keys that meet. Several times faster than std's for short keys; who needs the strength of that
/// gives it to `with_hasher`.
#[derive(Clone)]
pub struct Seeded(u64, u64);

impl Default for Seeded {
    fn default() -> Seeded {
        let chance = || RandomState::new().hash_one(0u64);
        Seeded(chance(), chance() | 1)
    }
}

impl BuildHasher for Seeded {
    type Hasher = Folded;
    fn build_hasher(&self) -> Folded {
        Folded { state: self.0, key: self.1 }
    }
}

/// See `Seeded`.
pub struct Folded {
    state: u64,
    key: u64,
}

#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for Folded {
    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word))
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) ^ (bytes.len() as u64) << 56)
    }

    #[inline]
    fn write_u64(&mut self, n: u64) {
        self.state = fold(self.state ^ n, self.key).wrapping_add(self.state.rotate_left(29))
    }
    #[inline]
    fn write_u8(&mut self, n: u8) {
        self.write_u64(u64::from(n))
    }
    #[inline]
    fn write_u32(&mut self, n: u32) {
        self.write_u64(u64::from(n))
    }
    #[inline]
    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64)
    }

    #[inline]
    fn finish(&self) -> u64 {
        fold(self.state, self.key ^ 0x9E37_79B9_7F4A_7C15)
    }
}

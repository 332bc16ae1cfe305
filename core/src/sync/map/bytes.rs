//! The map behind a handle, with keys of bytes and values of one word: for C.
//!
//! BM1  A value is a pointer that the map does not follow. It belongs to the map from a store that succeeded until it is given out by `swap` or `load_and_delete`, or dropped.
//! BM2  With `retain`, the map holds one reference to each value, and whatever it gives out (also to `range`, for as long as the call lasts) is another one, made by `retain` while the map's own is
//!      alive: so a value that is deleted at this moment is safe to use. What `swap` and `load_and_delete` give out is another one too: the map's own is dropped later, for a reader may still be about to
//!      retain it.
//! BM3  Without `retain`, what is loaded is borrowed, and only the program knows for how long. `swap` and `load_and_delete` then give out the map's own: it is not dropped.
//! BM4  `drop` is called once for each value that is the map's at its end, with no lock and no pin, by a later write, by `collect`, or by `free`. `retain` is called under a pin and must not block
//!      (`sched/epoch.rs` E1).

use super::entry::Fresh;
use super::raw::Plan;
use super::{Map, Seeded, epoch};
use crate::sched::boxed::Boxed;
use crate::sched::objects;
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::Slab;
use core::borrow::Borrow;
use core::ffi::c_void;
use core::hash::{BuildHasher, Hash, Hasher};
use core::ptr::{NonNull, null_mut};

/// What is done with values; all of it the program's.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Gives a value back.
    pub drop: Option<unsafe extern "C" fn(value: *mut c_void, arg: *mut c_void)>,
    /// Makes another reference to a value.
    pub retain: Option<unsafe extern "C" fn(value: *mut c_void, arg: *mut c_void)>,
    pub arg: *mut c_void,
}

impl Rules {
    fn done_with(&self, value: *mut c_void) {
        if let Some(drop) = self.drop {
            // SAFETY: by the contract of `create`: the program's functions take its values.
            unsafe { drop(value, self.arg) }
        }
    }

    fn again(&self, value: *mut c_void) {
        if let Some(retain) = self.retain {
            // SAFETY: as above.
            unsafe { retain(value, self.arg) }
        }
    }
}

/// The most bytes of a key that need no memory of their own.
const HERE: usize = 22;

/// A key of bytes.
enum Key {
    Here(u8, [u8; HERE]),
    Apart(Box<[u8]>),
}

impl Key {
    fn new(bytes: &[u8]) -> Result<Key, Status> {
        if bytes.len() <= HERE {
            let mut here = [0; HERE];
            here[..bytes.len()].copy_from_slice(bytes);
            return Ok(Key::Here(bytes.len() as u8, here));
        }
        let mut apart = Vec::new();
        apart.try_reserve_exact(bytes.len()).map_err(|_| Status::NoMemory)?;
        apart.extend_from_slice(bytes);
        Ok(Key::Apart(apart.into_boxed_slice()))
    }
}

impl Borrow<[u8]> for Key {
    #[inline(always)]
    fn borrow(&self) -> &[u8] {
        match self {
            Key::Here(n, bytes) => &bytes[..*n as usize],
            Key::Apart(bytes) => bytes,
        }
    }
}

impl Hash for Key {
    fn hash<H: Hasher>(&self, h: &mut H) {
        Borrow::<[u8]>::borrow(self).hash(h)
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        Borrow::<[u8]>::borrow(self) == Borrow::<[u8]>::borrow(other)
    }
}

impl Eq for Key {}

/// A value in the map.
struct Held {
    value: *mut c_void,
    /// Given out for good (BM3). Written by whoever took it out, read when it is freed.
    given: RelaxedBool,
    rules: NonNull<Cell<Rules>>,
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.given.get() {
            // SAFETY: the rules are of the map's own box, which goes after the map's values.
            unsafe { self.rules.as_ref() }.get().done_with(self.value)
        }
    }
}

/// A map and its rules, which outlive its values: fields go in this order.
pub struct Inner {
    map: Map<Key, Held, Seeded>,
    /// Changed at shutdown only.
    rules: Box<Cell<Rules>>,
}

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_MAP: u8 = 41;

/// A map behind a handle.
pub type RawMap = Boxed<Inner, KIND_MAP>;

static MAPS: Slab<RawMap> = Slab::new();
static KEEPER: objects::Keeper = objects::Keeper {
    name: "maps",
    live: || MAPS.live(),
    // The tables go; nobody is left who may run a drop.
    release: || {
        RawMap::release_all(&MAPS, |m| {
            m.rules.set(Rules { drop: None, retain: None, arg: null_mut() });
        })
    },
    reset: || MAPS.reset(),
};

impl Inner {
    fn rules_at(&self) -> NonNull<Cell<Rules>> {
        NonNull::from(&*self.rules)
    }
}

/// A new map.
///
/// # Safety
/// The functions may be called with every value that is put in and with `arg`, by any thread, until the map is freed.
pub unsafe fn create(rules: Rules) -> Result<NonNull<RawMap>, Status> {
    RawMap::create(&KEEPER, &MAPS, Inner { map: Map::new(), rules: Box::new(Cell::new(rules)) })
}

/// Frees a map; what is in it is dropped.
///
/// # Safety
/// `m` is a handle or null, and nobody else uses it.
pub unsafe fn free(m: *const RawMap) -> Status {
    // SAFETY: contract.
    unsafe { RawMap::take(&MAPS, m) }.map_or_else(|s| s, |_| Status::Ok)
}

/// # Safety
/// `m` is a handle or null, and not being freed.
#[inline(always)]
unsafe fn of<'a>(m: *const RawMap) -> Result<&'a Inner, Status> {
    // SAFETY: contract.
    unsafe { RawMap::of(m) }
}

impl Inner {
    /// A value given out: another reference (BM2).
    fn out(&self, held: &Held) -> *mut c_void {
        self.rules.get().again(held.value);
        held.value
    }

    /// One that left the map, given out: another reference, or the map's own (BM3).
    fn last(&self, held: &Held) -> *mut c_void {
        if self.rules.get().retain.is_none() {
            held.given.set(true)
        }
        self.out(held)
    }

    /// Puts a value in if `plan` says so: what `see` made of what was there, and whether it was put in. If it was not, it is still the caller's.
    fn put<R>(
        &self,
        key: &[u8],
        value: *mut c_void,
        plan: impl Fn(Option<&Held>) -> Plan,
        see: impl FnOnce(&Held) -> R,
    ) -> Result<(Option<R>, bool), Status> {
        let (hash, copy) = (self.map.hasher.hash_one(key), Key::new(key)?);
        let held = Held { value, given: RelaxedBool::new(false), rules: self.rules_at() };
        let fresh = Fresh::new(copy, held);
        let pin = epoch::pin();
        let done = self.map.raw.change(&pin, hash, |k: &Key| Borrow::<[u8]>::borrow(k) == key, Some(&fresh), plan);
        let done = done.map(|(old, put)| (old.map(|e| see(&e.value)), put));
        drop(pin);
        if let Some(held) = fresh.into_value() {
            held.given.set(true) // still the caller's
        }
        self.map.raw.tidy(hash);
        done
    }
}

/// The value of a key.
///
/// # Safety
/// `m` is a handle or null, and not being freed.
#[inline]
pub unsafe fn load(m: *const RawMap, key: &[u8]) -> Result<Option<*mut c_void>, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    Ok(m.map.read(key, |held| m.out(held)))
}

/// Sets the value of a key.
///
/// # Safety
/// As for `load`.
pub unsafe fn store(m: *const RawMap, key: &[u8], value: *mut c_void) -> Result<(), Status> {
    // SAFETY: contract.
    unsafe { of(m)? }.put(key, value, |_| Plan::Put, |_| ()).map(|_| ())
}

/// Sets the value of a key; the one it had.
///
/// # Safety
/// As for `load`.
pub unsafe fn swap(m: *const RawMap, key: &[u8], value: *mut c_void) -> Result<Option<*mut c_void>, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    m.put(key, value, |_| Plan::Put, |old| m.last(old)).map(|(old, _)| old)
}

/// The value of a key, if it has one; else it has `value` from now on.
///
/// # Safety
/// As for `load`.
pub unsafe fn load_or_store(m: *const RawMap, key: &[u8], value: *mut c_void) -> Result<Option<*mut c_void>, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    let absent = |old: Option<&Held>| if old.is_some() { Plan::Leave } else { Plan::Put };
    m.put(key, value, absent, |old| m.out(old)).map(|(old, _)| old)
}

/// Sets the value of a key that has the value `old`; was it so?
///
/// # Safety
/// As for `load`.
pub unsafe fn compare_and_swap(
    m: *const RawMap,
    key: &[u8],
    old: *mut c_void,
    new: *mut c_void,
) -> Result<bool, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    let equal = |there: Option<&Held>| if there.is_some_and(|h| h.value == old) { Plan::Put } else { Plan::Leave };
    m.put(key, new, equal, |_| ()).map(|(_, put)| put)
}

/// Removes a key, and gives its value out.
///
/// # Safety
/// As for `load`.
pub unsafe fn load_and_delete(m: *const RawMap, key: &[u8]) -> Result<Option<*mut c_void>, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    Ok(m.map.take(key, |_| true, |held| m.last(held)))
}

/// Removes a key, if `only` is none or its value.
///
/// # Safety
/// As for `load`.
pub unsafe fn delete(m: *const RawMap, key: &[u8], only: Option<*mut c_void>) -> Result<bool, Status> {
    // SAFETY: contract.
    let m = unsafe { of(m)? };
    Ok(m.map.take(key, |held| only.is_none_or(|v| v == held.value), |_| ()).is_some())
}

/// Calls `f` with each key and value until it says false. The value is the caller's for the call (BM2), or borrowed (BM3).
///
/// # Safety
/// As for `load`.
pub unsafe fn range(m: *const RawMap, mut f: impl FnMut(&[u8], *mut c_void) -> bool) -> Status {
    // SAFETY: contract.
    let m = match unsafe { of(m) } {
        Ok(m) => m,
        Err(s) => return s,
    };
    let (rules, mut bytes) = (m.rules.get(), Vec::new());
    for shard in 0..m.map.raw.shards() {
        bytes.clear();
        let part: Vec<(usize, *mut c_void)> = {
            let pin = epoch::pin();
            let mut found = Vec::new();
            m.map.raw.snapshot(&pin, shard, &mut found);
            found
                .iter()
                .map(|e| {
                    bytes.extend_from_slice(e.key.borrow());
                    (bytes.len(), m.out(&e.value))
                })
                .collect()
        };
        let (mut from, mut go_on) = (0, true);
        for (to, value) in part {
            go_on = go_on && f(&bytes[from..to], value);
            from = to;
            if rules.retain.is_some() {
                rules.done_with(value)
            }
        }
        if !go_on {
            break;
        }
    }
    Status::Ok
}

/// How many keys there are.
///
/// # Safety
/// As for `load`.
pub unsafe fn len(m: *const RawMap) -> Result<usize, Status> {
    // SAFETY: contract.
    Ok(unsafe { of(m)? }.map.len())
}

/// Removes every key.
///
/// # Safety
/// As for `load`.
pub unsafe fn clear(m: *const RawMap) -> Status {
    // SAFETY: contract.
    unsafe { of(m) }.map_or_else(
        |s| s,
        |m| {
            m.map.clear();
            Status::Ok
        },
    )
}

/// Drops what was removed and nobody looks at any more; is nothing left?
///
/// # Safety
/// As for `load`.
pub unsafe fn collect(m: *const RawMap) -> Result<bool, Status> {
    // SAFETY: contract.
    Ok(unsafe { of(m)? }.map.collect())
}

/// Has a key a value?
///
/// # Safety
/// As for `load`.
pub unsafe fn contains(m: *const RawMap, key: &[u8]) -> Result<bool, Status> {
    // SAFETY: contract.
    Ok(unsafe { of(m)? }.map.contains(key))
}

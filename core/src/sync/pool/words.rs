//! The pool behind a handle, of pointers that it does not follow: for C.
//!
//! PW1  An object is the pool's from a put that succeeded until it is given out by a get, or dropped: by a put that finds no place, by `clear`, or with the pool.
//! PW2  Without `drop` a put that finds no place is refused with LIMIT, and the object stays the caller's.
//! PW3  The program's functions are called with no lock held, and may block.

use super::{MAX_IDLE, Pool};
use crate::sched::boxed::Boxed;
use crate::sched::objects;
use crate::status::Status;
use crate::sys::slab::Slab;
use core::ffi::c_void;
use core::ptr::NonNull;

/// What is done with objects; all of it the program's.
#[derive(Clone, Copy)]
pub struct Rules {
    /// Makes an object; null: it could not.
    pub make: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    /// Gives an object back.
    pub drop: Option<unsafe extern "C" fn(object: *mut c_void, arg: *mut c_void)>,
    pub arg: *mut c_void,
}

/// An object, as a number: any thread may have it.
struct Word(usize);

/// See the file's head.
pub struct Words {
    pool: Pool<Word>,
    rules: Rules,
}

/// Objects that a pool can be asked to keep: there is a place for each.
const MOST: usize = 1 << 24;

impl Words {
    fn drop_one(&self, object: Word) {
        if let Some(drop) = self.rules.drop {
            // SAFETY: by the contract of `create`: the program's function takes its objects.
            unsafe { drop(object.0 as *mut c_void, self.rules.arg) }
        }
    }

    fn clear(&self) {
        while let Some(o) = self.pool.try_take() {
            self.drop_one(o)
        }
    }
}

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_POOL: u8 = 42;

/// A pool behind a handle.
pub type RawPool = Boxed<Words, KIND_POOL>;

static POOLS: Slab<RawPool> = Slab::new();
static KEEPER: objects::Keeper = objects::Keeper {
    name: "pools",
    live: || POOLS.live(),
    // Nobody is left who may run a drop.
    release: || RawPool::release_all(&POOLS, drop),
    reset: || POOLS.reset(),
};

/// A new pool that keeps up to `max_idle` objects; 0: as many as is usual.
///
/// # Safety
/// The functions may be called with every object that is put in and with `arg`, by any thread, until the pool is freed.
pub unsafe fn create(rules: Rules, max_idle: usize) -> Result<NonNull<RawPool>, Status> {
    // A pool makes nothing by itself: `get` asks the rules, which can fail.
    let most = if max_idle == 0 { MAX_IDLE } else { max_idle };
    if most > MOST {
        return Err(Status::Limit);
    }
    let pool = Pool::with_max_idle(most, || Word(0));
    RawPool::create(&KEEPER, &POOLS, Words { pool, rules })
}

/// Frees a pool; what it keeps is dropped.
///
/// # Safety
/// `p` is a handle or null, and nobody else uses it.
pub unsafe fn free(p: *const RawPool) -> Status {
    // SAFETY: contract.
    match unsafe { RawPool::take(&POOLS, p) } {
        Ok(words) => {
            words.clear();
            Status::Ok
        }
        Err(s) => s,
    }
}

/// An object that was put back, or a new one. WOULD_BLOCK: there is none, and nothing that makes one; NO_MEMORY: it could not be made.
///
/// # Safety
/// `p` is a handle or null, and not being freed.
pub unsafe fn get(p: *const RawPool) -> Result<*mut c_void, Status> {
    // SAFETY: contract.
    let words = unsafe { RawPool::of(p)? };
    if let Some(o) = words.pool.try_take() {
        return Ok(o.0 as *mut c_void);
    }
    let Some(make) = words.rules.make else { return Err(Status::WouldBlock) };
    // SAFETY: contract of `create`.
    match unsafe { make(words.rules.arg) } {
        o if o.is_null() => Err(Status::NoMemory),
        o => Ok(o),
    }
}

/// Keeps an object for the next who asks, or drops it when enough are kept (PW2).
///
/// # Safety
/// As for `get`; the object is the caller's.
pub unsafe fn put(p: *const RawPool, object: *mut c_void) -> Status {
    // SAFETY: contract.
    let words = match unsafe { RawPool::of(p) } {
        Ok(w) => w,
        Err(s) => return s,
    };
    match words.pool.put(Word(object as usize)) {
        Ok(()) => Status::Ok,
        Err(_) if words.rules.drop.is_none() => Status::Limit,
        Err(o) => {
            words.drop_one(o);
            Status::Ok
        }
    }
}

/// Drops what is kept.
///
/// # Safety
/// As for `get`.
pub unsafe fn clear(p: *const RawPool) -> Status {
    // SAFETY: contract.
    unsafe { RawPool::of(p) }.map_or_else(
        |s| s,
        |words| {
            words.clear();
            Status::Ok
        },
    )
}

/// How many are kept.
///
/// # Safety
/// As for `get`.
pub unsafe fn idle(p: *const RawPool) -> Result<usize, Status> {
    // SAFETY: contract.
    Ok(unsafe { RawPool::of(p)? }.pool.idle())
}

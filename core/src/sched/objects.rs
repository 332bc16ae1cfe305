//! The slabs of the floors above, as far as the runtime must know them: how many are alive, and how to forget them.
//!
//! A floor registers its slab when it first makes an object; so no arrow points up. Registration is idempotent and takes no lock.
//!
//! Rejected: to hand out the empty slot and leave the bracket (a shutdown in between forgets the slab, and what is written then is an object that nobody counts, in memory that was given back).

use super::{enter, runtime};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{Header, Slab, Slot};
use core::ptr::{NonNull, null_mut};

/// What the runtime knows of one slab.
pub struct Keeper {
    pub name: &'static str,
    pub live: fn() -> usize,
    /// Gives back what the live objects hold outside the slab; at shutdown only, before `reset`.
    pub release: fn(),
    /// Forgets every object; in a fork's child and at shutdown.
    pub reset: fn(),
}

const MOST: usize = 32;
static KEEPERS: [AtomicPtr<Keeper>; MOST] = [const { AtomicPtr::new(null_mut()) }; MOST];

/// Makes a slab known.
#[cold]
pub fn register(keeper: &'static Keeper) {
    let at = core::ptr::from_ref(keeper).cast_mut();
    for k in &KEEPERS {
        match k.compare_exchange(null_mut(), at, AcqRel, Acquire) {
            Ok(_) => return,
            Err(old) if old == at => return,
            Err(_) => {}
        }
    }
}

/// An object of a slab, which is made known: `fill` writes the fields of a fresh slot, and its kind last. All of it is one stay inside, so a shutdown waits until the object is whole: it gives back
/// what the object holds, and the slot reads as zero afterwards and not as what was written late. SHUTDOWN while memory is being released.
pub fn make<T: Slot>(
    keeper: &'static Keeper,
    slab: &'static Slab<T>,
    fill: impl FnOnce(&T),
) -> Result<NonNull<T>, Status> {
    let cx = enter()?;
    if runtime::is_releasing() {
        return Err(cx.out(Status::Shutdown));
    }
    register(keeper);
    let slot = slab.alloc();
    if let Some(slot) = slot {
        // SAFETY: a fresh slot is ours until its kind is stored; slots are type-stable, and zero or an older object is a valid one.
        fill(unsafe { slot.as_ref() })
    }
    cx.exit();
    slot.ok_or(Status::NoMemory)
}

/// Frees an object, if `last` says OK under its lock: what the object held outside the slab is then the caller's, who gives it back after this. INVALID for null; MISUSE and SHUTDOWN as the
/// handle is.
///
/// # Safety
/// `at` is a handle or null, of an object of `slab` if it is one of `T`'s kind.
pub unsafe fn unmake<T: Slot>(slab: &'static Slab<T>, at: *const T, last: impl FnOnce(&T) -> Status) -> Status {
    let Some(slot) = NonNull::new(at.cast_mut()) else { return Status::Invalid };
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    // SAFETY: contract: a slot of some slab, which begins with a header and stays. The lock is held from `lock_as` to `unlock`; a slot whose kind was `T`'s is of `slab`, and is freed once,
    // since its kind is 0 afterwards.
    unsafe {
        let header = slot.cast::<Header>().as_ref();
        let s = header.lock_as(T::KIND);
        if !s.is_ok() {
            return cx.out(s);
        }
        let s = last(slot.as_ref());
        if s.is_ok() {
            header.kind.store(0, Relaxed);
        }
        header.lock.unlock();
        if s.is_ok() {
            slab.free(slot)
        }
        cx.out(s)
    }
}

fn all() -> impl Iterator<Item = &'static Keeper> {
    // SAFETY: only `register` writes, and only pointers to statics.
    KEEPERS.iter().map_while(|k| unsafe { k.load(Acquire).cast_const().as_ref() })
}

/// How many objects of a slab are alive.
pub fn live(name: &str) -> u64 {
    all().filter(|k| k.name == name).map(|k| (k.live)() as u64).sum()
}

/// Gives back what live objects hold outside their slabs. Nobody uses one any more.
pub fn release_all() {
    for k in all() {
        (k.release)()
    }
}

/// Forgets every object of every slab.
pub fn reset_all() {
    for k in all() {
        (k.reset)()
    }
}

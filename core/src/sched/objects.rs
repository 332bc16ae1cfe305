//! The slabs of the floors above, as far as the runtime must know them: how many are alive, and how to forget them.
//!
//! A floor registers its slab when it first makes an object; so no arrow points up. Registration is idempotent and takes no lock.

use crate::sys::prim::*;
use core::ptr::null_mut;

/// What the runtime knows of one slab.
pub struct Keeper {
    pub name: &'static str,
    pub live: fn() -> usize,
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

fn all() -> impl Iterator<Item = &'static Keeper> {
    // SAFETY: only `register` writes, and only pointers to statics.
    KEEPERS.iter().map_while(|k| unsafe { k.load(Acquire).cast_const().as_ref() })
}

/// How many objects of a slab are alive.
pub fn live(name: &str) -> u64 {
    all().filter(|k| k.name == name).map(|k| (k.live)() as u64).sum()
}

/// Forgets every object of every slab.
pub fn reset_all() {
    for k in all() {
        (k.reset)()
    }
}

//! What stands in for `slab.rs` in the models (cfg loom): each object is a leaked box of its own.
//!
//! What this is: the same names, so that the floors above compile unchanged. What it is NOT: a model of the slab; its lists are under
//! one lock and are tested natively. Slots are not used again here.
//!
//! A freed object is overwritten by its default, the header left alone. Loom sees that as a write to each of its cells, so whoever touches one
//! without being ordered before the free is reported: this is how the models hold the rule that nothing of an object is touched after its last unlock (D8).
//! The header stays since a stale handle may be locked at any time.
//!
//! Memory is given back when the next schedule of the model begins (`begin`): loom runs a model on one OS thread.

use super::lock::ByteLock;
use super::prim::blocking::{Condvar, Mutex};
use super::prim::*;
use core::any::TypeId;
use core::cell::{Cell as Local, RefCell};
use core::marker::PhantomData;
use core::mem::forget;
use core::ptr::NonNull;
use std::alloc::{Layout, dealloc};

/// See `slab.rs`.
#[repr(C)]
#[derive(Default)]
pub struct Header {
    pub lock: ByteLock,
    pub kind: AtomicU8,
    pub epoch: AtomicU16,
    pub refs: AtomicU32,
}

/// See `slab.rs`; here a fresh object is its default.
///
/// # Safety
/// `#[repr(C)]` with a `Header` as the first field.
pub unsafe trait Slot: Sized + Default + 'static {
    const KIND: u8;
}

/// See the file's head.
pub struct Slab<T: Slot>(PhantomData<*mut T>);

// SAFETY: it holds nothing.
unsafe impl<T: Slot> Send for Slab<T> {}
// SAFETY: as above.
unsafe impl<T: Slot> Sync for Slab<T> {}

impl<T: Slot> Slab<T> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Slab(PhantomData)
    }

    pub fn alloc(&self) -> Option<NonNull<T>> {
        let slot = NonNull::from(leak(T::default()));
        MADE.with(|all| all.borrow_mut().push((TypeId::of::<T>(), slot.as_ptr().cast())));
        Some(slot)
    }

    /// # Safety
    /// As in `slab.rs`.
    pub unsafe fn free(&self, slot: NonNull<T>) {
        let header = slot.cast::<Header>();
        // SAFETY: repr(C), header first; the object is the caller's and has no drop glue that matters.
        unsafe {
            let kept = header.read();
            slot.write(T::default());
            forget(header.replace(kept));
        }
    }

    pub fn live(&self) -> usize {
        0
    }

    /// Those of this schedule, freed ones too.
    pub fn for_each(&self, f: impl FnMut(NonNull<T>)) {
        let all = MADE.with(|all| all.borrow().clone());
        let ours = all.into_iter().filter(|(of, _)| *of == TypeId::of::<T>());
        ours.filter_map(|(_, at)| NonNull::new(at.cast::<T>())).for_each(f)
    }

    pub fn reset(&self) {}
}

/// A processor's free slots: none in a model.
pub struct Cache<T>(PhantomData<*mut T>);

impl<T> Cache<T> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Self {
        Cache(PhantomData)
    }
}

/// Every object of a model is of one epoch.
pub fn epoch() -> u16 {
    1
}

type Boxes = Vec<(*mut u8, Layout)>;
thread_local!(static LEAKED: RefCell<Boxes> = const { RefCell::new(Vec::new()) });

/// An object that lives until the next schedule begins.
pub fn leak<T>(value: T) -> &'static T {
    adopt(Box::new(value))
}

/// The same for one that stands somewhere already.
pub fn adopt<T>(object: Box<T>) -> &'static T {
    let at = Box::into_raw(object);
    LEAKED.with(|l| l.borrow_mut().push((at.cast(), Layout::new::<T>())));
    // SAFETY: from a box that is not touched before `begin`, when the schedule is over.
    unsafe { &*at }
}

thread_local!(static MADE: RefCell<Vec<(TypeId, *mut ())>> = const { RefCell::new(Vec::new()) });
thread_local!(static NUMBERED: RefCell<Vec<*const ()>> = const { RefCell::new(Vec::new()) });

/// A number for a leaked object: what a system call gives in the product.
pub fn number_of<T>(object: &'static T) -> usize {
    NUMBERED.with(|all| {
        let mut all = all.borrow_mut();
        all.push(core::ptr::from_ref(object).cast());
        all.len() - 1
    })
}

/// The object of a number.
pub fn of_number<T>(number: usize) -> &'static T {
    // SAFETY: the numbers of one type only are handed out (`eventfd.rs`), and its objects stay until `begin`.
    NUMBERED.with(|all| unsafe { &*all.borrow()[number].cast() })
}

thread_local!(static PLACES: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) });

/// In the product an address is so far into the arena; here it is numbered, 16 bytes each.
pub fn arena_offset(at: usize) -> Option<usize> {
    PLACES.with(|all| {
        let mut all = all.borrow_mut();
        let i = all.iter().position(|a| *a == at).unwrap_or_else(|| {
            all.push(at);
            all.len() - 1
        });
        Some(16 * i)
    })
}

/// See `arena_offset`.
pub fn arena_at(offset: usize) -> *mut u8 {
    core::ptr::with_exposed_provenance_mut(PLACES.with(|all| all.borrow()[offset / 16]))
}

thread_local!(static CLOCK: Local<i64> = const { Local::new(0) });
thread_local!(static HAND: Local<Option<&'static AtomicI64>> = const { Local::new(None) });

/// Until the next schedule the clock stands, and shows what the model says; a word that loom knows, for whoever looks depends on it. Relaxed: time orders nothing.
pub fn set_clock(now: i64) {
    match HAND.get() {
        Some(hand) => drop(hand.fetch_max(now, Relaxed)),
        None => HAND.set(Some(leak(AtomicI64::new(now)))),
    }
}

/// The clock of a schedule (`clock.rs`).
pub fn tick_of() -> i64 {
    if let Some(hand) = HAND.get() {
        return hand.fetch_add(0, Relaxed); // the latest
    }
    CLOCK.set(CLOCK.get() + 1_000_000_000);
    CLOCK.get()
}

type Lot = (Mutex<()>, Condvar);
thread_local!(static LOT: Local<Option<&'static Lot>> = const { Local::new(None) });

/// Where the sleepers of this schedule wait (`futex.rs`).
pub fn lot() -> &'static Lot {
    match LOT.get() {
        Some(lot) => lot,
        None => unreachable!("a model begins with `begin`"),
    }
}

/// A schedule begins: what the last one leaked is given back, without being dropped (loom's parts of it are gone).
pub fn begin() {
    for (at, layout) in LEAKED.with(|l| core::mem::take(&mut *l.borrow_mut())) {
        if layout.size() != 0 {
            // SAFETY: from `Box::into_raw` in `leak`, given back once.
            unsafe { dealloc(at, layout) }
        }
    }
    NUMBERED.with(|all| all.borrow_mut().clear());
    MADE.with(|all| all.borrow_mut().clear());
    PLACES.with(|all| all.borrow_mut().clear());
    HAND.set(None);
    LOT.set(Some(leak((Mutex::new(()), Condvar::new()))));
    CLOCK.set(0);
}

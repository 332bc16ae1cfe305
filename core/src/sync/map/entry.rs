//! Entries of the map: their memory, what is to be put into one, and lists of them.
//!
//! EN1  An entry is in a table, or in one list, or somebody's `Blank`. In a table its link is its hash, in a list the next one; readers look at neither.
//! EN2  Key and value are moved in as bits, under the shard's lock, and dropped outside of it.

use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use core::alloc::Layout;
use core::mem::{ManuallyDrop, needs_drop};
use core::ptr::{NonNull, null_mut};

/// A key and its value.
pub struct Entry<K, V> {
    pub key: K,
    pub value: V,
    /// What was done before it was put in (sys/race.rs).
    pub order: Spot,
    /// Neither is a reader's business.
    link: Cell<Link<K, V>>,
}

/// An entry is in a table and has a hash, or it is in a list (garbage, a batch, the spare ones) and has a next.
union Link<K, V> {
    hash: u64,
    next: *mut Entry<K, V>,
}

impl<K, V> Copy for Link<K, V> {}
impl<K, V> Clone for Link<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> Entry<K, V> {
    /// # Safety
    /// In a table, whose shard's lock is held.
    pub unsafe fn hash(&self) -> u64 {
        // SAFETY: contract: written when it was put in.
        unsafe { self.link.get().hash }
    }

    /// # Safety
    /// In a list that is the caller's.
    pub unsafe fn next(&self) -> *mut Self {
        // SAFETY: contract: written when it was pushed.
        unsafe { self.link.get().next }
    }
}

/// The memory of an entry, with neither key nor value.
pub struct Blank<K, V>(pub NonNull<Entry<K, V>>);

impl<K, V> Blank<K, V> {
    pub fn new() -> Result<Self, Status> {
        // SAFETY: an entry has a size (its link).
        let at = unsafe { std::alloc::alloc(Layout::new::<Entry<K, V>>()) };
        NonNull::new(at.cast()).map(Blank).ok_or(Status::NoMemory)
    }

    /// # Safety
    /// An entry's memory, which nobody else has, and whose key and value were dropped or moved.
    pub unsafe fn free(at: *mut Entry<K, V>) {
        // SAFETY: contract; the layout of `new`.
        unsafe { std::alloc::dealloc(at.cast(), Layout::new::<Entry<K, V>>()) }
    }
}

/// A key and a value that are in no table yet. They are moved into an entry when they are put in.
pub struct Fresh<K, V> {
    pair: ManuallyDrop<(K, V)>,
    gone: Cell<bool>,
}

impl<K, V> Fresh<K, V> {
    pub fn new(key: K, value: V) -> Fresh<K, V> {
        Fresh { pair: ManuallyDrop::new((key, value)), gone: Cell::new(false) }
    }

    /// The key: to be compared with until it is put in, and not after.
    #[inline(always)]
    pub fn key(&self) -> &K {
        &self.pair.0
    }

    /// The value, taken back if it was not put in.
    pub fn into_value(self) -> Option<V> {
        let mut this = ManuallyDrop::new(self);
        if this.gone.get() {
            return None;
        }
        // SAFETY: not moved yet, and `this` is not dropped.
        let (_, value) = unsafe { ManuallyDrop::take(&mut this.pair) };
        Some(value)
    }

    /// # Safety
    /// Once; `to` is an entry's memory.
    #[inline(always)]
    pub unsafe fn move_to(&self, to: *mut Entry<K, V>, hash: u64) {
        debug_assert!(!self.gone.get());
        self.gone.set(true);
        // SAFETY: contract; `gone` keeps the pair from being used or dropped here.
        unsafe {
            (&raw mut (*to).key).write(core::ptr::read(&self.pair.0));
            (&raw mut (*to).value).write(core::ptr::read(&self.pair.1));
            (&raw mut (*to).link).write(Cell::new(Link { hash }));
            (&raw mut (*to).order).write(Default::default());
            (*to).order.leave();
        }
    }
}

impl<K, V> Drop for Fresh<K, V> {
    fn drop(&mut self) {
        if !self.gone.get() {
            // SAFETY: not moved, and dropped once.
            unsafe { ManuallyDrop::drop(&mut self.pair) }
        }
    }
}

/// Entries, linked: the last one is known, so that two lists become one at once.
pub struct List<K, V> {
    pub first: *mut Entry<K, V>,
    pub last: *mut Entry<K, V>,
    pub n: usize,
}

impl<K, V> Copy for List<K, V> {}
impl<K, V> Clone for List<K, V> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<K, V> List<K, V> {
    pub const NONE: Self = List { first: null_mut(), last: null_mut(), n: 0 };

    /// # Safety
    /// An entry, or the memory of one with its link, of the list's owner from now on.
    #[inline(always)]
    pub unsafe fn push(mut self, e: *mut Entry<K, V>) -> Self {
        // SAFETY: contract.
        unsafe { (*e).link.set(Link { next: self.first }) };
        if self.first.is_null() {
            self.last = e
        }
        self.first = e;
        self.n += 1;
        self
    }

    /// # Safety
    /// Both are the caller's.
    pub unsafe fn join(self, other: Self) -> Self {
        if self.first.is_null() || other.first.is_null() {
            return if self.first.is_null() { other } else { self };
        }
        // SAFETY: contract.
        unsafe { (*self.last).link.set(Link { next: other.first }) };
        List { first: self.first, last: other.last, n: self.n + other.n }
    }

    /// Calls `f` with each; it may free it.
    ///
    /// # Safety
    /// The list is the caller's.
    pub unsafe fn each(self, mut f: impl FnMut(*mut Entry<K, V>)) {
        let mut e = self.first;
        while !e.is_null() {
            // SAFETY: contract; the link is read before the entry goes.
            let next = unsafe { (*e).next() };
            f(e);
            e = next
        }
    }

    /// Drops keys and values.
    ///
    /// # Safety
    /// Entries that nobody looks at.
    pub unsafe fn empty(self) {
        if needs_drop::<(K, V)>() {
            // SAFETY: contract. Each of them once: they are blank from now on.
            unsafe {
                self.each(|e| {
                    (*e).order.fetch();
                    core::ptr::drop_in_place(&raw mut (*e).key);
                    core::ptr::drop_in_place(&raw mut (*e).value);
                })
            }
        }
    }

    /// # Safety
    /// Blank ones that are the caller's.
    pub unsafe fn free(self) {
        // SAFETY: contract.
        unsafe { self.each(|e| Blank::free(e)) }
    }
}

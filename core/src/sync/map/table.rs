//! One table of a shard: groups of slots and a word with a tag for each slot; open addressing, group after group.
//!
//! TB1  A tag is a byte: `NEW` (nothing was ever in the slot), `GONE` (something was), or some bits of the hash of the entry in it. It spares a look at most entries that are others'; a slot may change
//!      while tags are read, so the key decides.
//! TB2  A search ends at the first group with a new slot: an entry goes into the first group with a slot that has none, and a slot that was used is never new again. At least three slots in eight are new
//!      (raw.rs), so it ends.
//! TB3  An entry does not move within a table. Slots and tags are written under the shard's lock, the slot first; they are read at any time.
//!
//! A group is a cache line, so a search costs one miss, and one for the entry; all tags are looked at at once, in a few instructions and without a branch for each.
//!
//! Rejected: tags in the unused bits of addresses (the instructions to look at eight words took as long as the misses, and not every machine has such bits).

use crate::sys::prim::*;
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

/// Slots of a group: with the tags they fill a cache line.
pub const GROUP: usize = if cfg!(loom) { 2 } else { 7 };

const NEW: u8 = 0;
const GONE: u8 = 1;
/// Set in the tag of an entry.
const FULL: u8 = 0x80;
/// The same byte in each place of a word.
const ONES: u64 = 0x0101_0101_0101_0101;
/// The places of slots.
const PLACES: u64 = 0x8080_8080_8080_8080 >> (8 * (8 - GROUP));

/// Which bytes of `tags` are `tag`, by their highest bits. One above another that is may be said to be, and is not: the key decides.
#[inline(always)]
const fn equal(tags: u64, tag: u8) -> u64 {
    let x = tags ^ (ONES * tag as u64);
    x.wrapping_sub(ONES) & !x & PLACES
}

#[inline(always)]
const fn tag(hash: u64) -> u8 {
    (hash >> 40) as u8 | FULL
}

#[repr(C, align(64))]
struct Group<E> {
    tags: AtomicU64,
    slots: [AtomicPtr<E>; GROUP],
}

/// A place for an entry: a group and a number in it.
pub struct Slot<'t, E> {
    group: &'t Group<E>,
    i: u32,
}

impl<E> Copy for Slot<'_, E> {}
impl<E> Clone for Slot<'_, E> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<E> Slot<'_, E> {
    #[inline(always)]
    fn at(&self) -> &AtomicPtr<E> {
        &self.group.slots[self.i as usize % GROUP]
    }

    /// The entry in it, or null. Acquire: pairs with the Release of `put`.
    #[inline(always)]
    pub fn get(&self) -> *mut E {
        self.at().load(Acquire)
    }

    /// Puts an entry in, or takes it out (null). Under the shard's lock.
    #[inline(always)]
    pub fn put(&self, e: *mut E, hash: u64) {
        let tag = if e.is_null() { GONE } else { tag(hash) };
        let tags = self.group.tags.load(Relaxed) & !(0xff << (8 * self.i)) | u64::from(tag) << (8 * self.i);
        // Release: pairs with the Acquire of `get`.
        self.at().store(e, Release);
        // Release: pairs with the Acquire of `find`: who sees the tag sees the entry.
        self.group.tags.store(tags, Release);
    }

    /// Was nothing ever in it? Under the shard's lock.
    #[inline(always)]
    pub fn is_new(&self) -> bool {
        (self.group.tags.load(Relaxed) >> (8 * self.i)) as u8 == NEW
    }
}

/// The head of a table; its groups lie behind it.
#[repr(C, align(64))]
pub struct Table<E> {
    /// Groups, less one.
    mask: usize,
    // ---- guarded by the shard's lock, when it is retired
    pub next: Cell<*mut Table<E>>,
    /// The entries in it go with it: it was not copied into another one.
    pub whole: Cell<bool>,
}

impl<E> Table<E> {
    fn layout(groups: usize) -> Option<Layout> {
        let slots = Layout::array::<Group<E>>(groups).ok()?;
        Layout::new::<Table<E>>().extend(slots).ok().map(|(whole, _)| whole)
    }

    /// An empty table for at least so many slots; None: no memory.
    pub fn new(slots: usize) -> Option<NonNull<Table<E>>> {
        let groups = slots.div_ceil(GROUP).next_power_of_two();
        // SAFETY: the layout has a size; head and groups are written before anybody sees them.
        unsafe {
            let at = NonNull::new(std::alloc::alloc(Self::layout(groups)?).cast::<Table<E>>())?;
            at.write(Table { mask: groups - 1, next: Cell::new(null_mut()), whole: Cell::new(false) });
            for i in 0..groups {
                let slots = core::array::from_fn(|_| AtomicPtr::new(null_mut()));
                at.add(1).cast::<Group<E>>().add(i).write(Group { tags: AtomicU64::new(0), slots });
            }
            Some(at)
        }
    }

    /// Gives the table back; the entries are not its business.
    ///
    /// # Safety
    /// Made by `new`, and nobody looks at it any more.
    pub unsafe fn free(at: NonNull<Table<E>>) {
        // SAFETY: contract; the layout is that of `new`, which succeeded with it.
        unsafe {
            let groups = at.as_ref().mask + 1;
            #[cfg(loom)]
            for i in 0..groups {
                at.add(1).cast::<Group<E>>().add(i).drop_in_place();
            }
            at.drop_in_place();
            std::alloc::dealloc(at.as_ptr().cast(), Self::layout(groups).unwrap_unchecked())
        }
    }

    /// Slots.
    #[inline(always)]
    pub fn size(&self) -> usize {
        (self.mask + 1) * GROUP
    }

    /// The group with this number, counted around.
    #[inline(always)]
    fn group(&self, i: usize) -> &Group<E> {
        // SAFETY: written by `new`, behind the head and in the same piece of memory; `self` comes from a pointer to all of it.
        unsafe { &*core::ptr::from_ref(self).add(1).cast::<Group<E>>().add(i & self.mask) }
    }

    pub fn slots(&self) -> impl Iterator<Item = Slot<'_, E>> {
        (0..=self.mask).flat_map(move |g| (0..GROUP as u32).map(move |i| Slot { group: self.group(g), i }))
    }

    /// The slot whose entry has this hash and `is` it; or the slot where it would go.
    #[inline(always)]
    pub fn find(&self, hash: u64, is: impl Fn(*mut E) -> bool) -> Result<(*mut E, Slot<'_, E>), Slot<'_, E>> {
        let mut place = None;
        let mut g = hash as usize;
        loop {
            let group = self.group(g);
            // Acquire: pairs with the Release of `put`.
            let tags = group.tags.load(Acquire);
            let mut may = equal(tags, tag(hash));
            while may != 0 {
                let slot = Slot { group, i: may.trailing_zeros() / 8 };
                let e = slot.get();
                if !e.is_null() && is(e) {
                    return Ok((e, slot));
                }
                may &= may - 1;
            }
            // No entry's tag is below `FULL`.
            let free = !tags & PLACES;
            if free != 0 && place.is_none() {
                place = Some(Slot { group, i: free.trailing_zeros() / 8 })
            }
            if let (true, Some(place)) = (equal(tags, NEW) != 0, place) {
                return Err(place);
            }
            g = g.wrapping_add(1)
        }
    }

    /// A slot for an entry that is not there, in a table nobody else sees yet.
    pub fn vacant(&self, hash: u64) -> Slot<'_, E> {
        match self.find(hash, |_| false) {
            Ok((_, slot)) | Err(slot) => slot,
        }
    }
}

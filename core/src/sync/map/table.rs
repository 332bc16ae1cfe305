//! One table of a shard: slots of a tag and an entry, open addressing, linear probing.
//!
//! TB1  Tags: `NEVER` (no entry was ever here: a search ends), `GONE` (one was: a search goes on), else the hash of the entry, whose lowest bit is set. A tag is a hint that saves a look at the
//!      entry: a slot may get an entry while its tag is read, so the key decides.
//! TB2  An entry does not move within a table; a slot that is `GONE` may be used again.
//! TB3  Slots are written under the shard's lock, tag first, then the entry with Release; they are read at any time. At least one slot in four is `NEVER` (raw.rs), so a search ends.

use crate::sys::prim::*;
use core::alloc::Layout;
use core::ptr::{NonNull, null_mut};

pub const NEVER: u64 = 0;
pub const GONE: u64 = 2;

/// See the file's head.
pub struct Slot<E> {
    pub tag: AtomicU64,
    pub entry: AtomicPtr<E>,
}

/// The head of a table; its slots lie behind it.
#[repr(C, align(16))]
pub struct Table<E> {
    mask: usize,
    // ---- guarded by the shard's lock, when it is retired
    pub next: Cell<*mut Table<E>>,
    /// The entries in it go with it: it was not copied into another one.
    pub whole: Cell<bool>,
    first: [Slot<E>; 0],
}

impl<E> Table<E> {
    fn layout(size: usize) -> Option<Layout> {
        let slots = Layout::array::<Slot<E>>(size).ok()?;
        Layout::new::<Table<E>>().extend(slots).ok().map(|(whole, _)| whole)
    }

    /// An empty table of a power of two of slots; None: no memory.
    pub fn new(size: usize) -> Option<NonNull<Table<E>>> {
        debug_assert!(size.is_power_of_two());
        // SAFETY: the layout has a size; head and slots are written before anybody sees them.
        unsafe {
            let at = NonNull::new(std::alloc::alloc(Self::layout(size)?).cast::<Table<E>>())?;
            at.write(Table { mask: size - 1, next: Cell::new(null_mut()), whole: Cell::new(false), first: [] });
            for i in 0..size {
                let slot = Slot { tag: AtomicU64::new(NEVER), entry: AtomicPtr::new(null_mut()) };
                (&raw const (*at.as_ptr()).first).cast::<Slot<E>>().cast_mut().add(i).write(slot);
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
            let size = at.as_ref().size();
            #[cfg(loom)]
            for slot in at.as_ref().slots() {
                core::ptr::drop_in_place(core::ptr::from_ref(slot).cast_mut());
            }
            core::ptr::drop_in_place(at.as_ptr());
            std::alloc::dealloc(at.as_ptr().cast(), Self::layout(size).unwrap_unchecked())
        }
    }

    #[inline(always)]
    pub fn size(&self) -> usize {
        self.mask + 1
    }

    /// The slot with this number, counted around.
    #[inline(always)]
    pub fn slot(&self, i: usize) -> &Slot<E> {
        // SAFETY: slot `i & mask` was written by `new`, behind the head and within the same piece of memory, whose address was exposed by nothing narrower than it.
        unsafe {
            &*core::ptr::from_ref(self)
                .byte_add(core::mem::offset_of!(Table<E>, first))
                .cast::<Slot<E>>()
                .add(i & self.mask)
        }
    }

    pub fn slots(&self) -> impl Iterator<Item = &Slot<E>> {
        (0..self.size()).map(|i| self.slot(i))
    }

    /// Where a search for a hash begins.
    #[inline(always)]
    pub fn start(hash: u64) -> usize {
        (hash >> 1) as usize
    }
}

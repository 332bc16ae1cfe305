//! Type-stable, enumerable slabs: where tasks, channels and the other handle objects live (D8).
//!
//! A slot once carved for type `T` holds a `T` for ever (or reads as zero after a shutdown). So a stale handle may be
//! locked and looked at at any time; its header says what is there now: {kind, epoch, refs}, compared AFTER the header's
//! lock is taken. A freed slot waits in a FIFO until at least 64 others wait with it, so a stale handle keeps meaning
//! MISUSE for a good while and does not become somebody else's object at once.
//!
//! Layout: the arena gives 64 KiB granules. Each opens with one cache line of `Granule` {next, first index, slots, carved},
//! then the slots. A slot's granule is found by masking its address, so a dense index needs no table, and the census walks
//! the granules without a lock. A slab takes one granule at a time, and 16 at once when it has 16.
//!
//! What it is NOT: it runs no constructor and no destructor, counts no references, and never moves or returns memory.
//!
//! Invariants
//! 1. A granule is linked (Release) only after its fields are written; `carved` only grows, stored with Release.
//! 2. The free list, the carving position and the granule list change under `lock` alone; readers need none.
//! 3. `next_free` belongs to the slab while kind is 0, and to nobody else at any time. Nothing here writes lock, kind,
//!    epoch or refs: a stale handle's owner may hold the lock byte of a free slot at this moment.
//!
//! Rejected: an index in each slot (the header is full); a table of chunks (bounds, and a megabyte of zeros); LIFO reuse
//! (a stale handle would hit a live object at once); a destructor pass (user code must not run inside the runtime).

use core::marker::PhantomData;
use core::mem::{align_of, size_of};
use core::ptr::{NonNull, null_mut};

use arena::GRANULE;

use super::lock::ByteLock;
use super::prim::{AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicUsize, Ordering::*};

mod arena;

pub use arena::{arena_at, arena_contains, arena_offset, arena_release_all, arena_used, bump_epoch, epoch};

/// How many freed slots must wait before the oldest is used again.
const QUARANTINE: usize = 64;
/// Granules taken at once by a slab that has as many already.
const BLOCK: usize = 16;

/// The first 16 bytes of every slab object. All zero: never used.
#[repr(C)]
pub struct Header {
    /// Guards kind and epoch, and whatever the object's own rules put under it.
    pub lock: ByteLock,
    /// What lives here; 0: free, or never used. Stored last (Release) when an object is made.
    pub kind: AtomicU8,
    /// The epoch the object was made in.
    pub epoch: AtomicU16,
    /// Owners of the object.
    pub refs: AtomicU32,
    next_free: AtomicPtr<Header>,
}

const _: () = assert!(size_of::<Header>() == 16);

/// A type that can live in a slab.
///
/// # Safety
/// `#[repr(C)]` with a `Header` as the first field; all-zero bytes are a valid, never used value; no drop glue is expected
/// to run.
pub unsafe trait Slot: Sized {
    /// The value of `Header::kind` while an object is alive; not 0.
    const KIND: u8;
}

/// First cache line of a granule.
#[repr(C, align(64))]
struct Granule {
    next: AtomicPtr<Granule>,
    /// Dense index of the first slot.
    first: u32,
    /// Slots that were ever handed out.
    carved: AtomicU32,
}

/// All objects of one type.
pub struct Slab<T: Slot> {
    lock: ByteLock,
    /// Oldest and youngest slot of the quarantine.
    head: AtomicPtr<Header>,
    tail: AtomicPtr<Header>,
    waiting: AtomicUsize,
    /// Granules in the order they were taken; the last linked one is being carved.
    granules: AtomicPtr<Granule>,
    last: AtomicPtr<Granule>,
    count: AtomicUsize,
    /// Granules taken from the arena and not linked yet: they lie at `spare`, `spare_left` of them.
    spare: AtomicPtr<Granule>,
    spare_left: AtomicUsize,
    of: PhantomData<*mut T>,
}

// SAFETY: the slab hands out raw slots; its own state is atomic or guarded by `lock`, and what a slot holds is up to `T`'s
// own protocol.
unsafe impl<T: Slot> Send for Slab<T> {}
// SAFETY: as above.
unsafe impl<T: Slot> Sync for Slab<T> {}

impl<T: Slot> Slab<T> {
    const FIRST: usize = if align_of::<T>() > size_of::<Granule>() { align_of::<T>() } else { size_of::<Granule>() };
    /// Slots in a granule.
    const PER: usize = {
        assert!(T::KIND != 0);
        assert!(size_of::<T>() >= size_of::<Header>() && align_of::<T>() >= align_of::<Header>());
        assert!(size_of::<T>() <= GRANULE / 4 && align_of::<T>() <= 4096);
        (GRANULE - Self::FIRST) / size_of::<T>()
    };

    pub const fn new() -> Self {
        Slab {
            lock: ByteLock::new(),
            head: AtomicPtr::new(null_mut()),
            tail: AtomicPtr::new(null_mut()),
            waiting: AtomicUsize::new(0),
            granules: AtomicPtr::new(null_mut()),
            last: AtomicPtr::new(null_mut()),
            count: AtomicUsize::new(0),
            spare: AtomicPtr::new(null_mut()),
            spare_left: AtomicUsize::new(0),
            of: PhantomData,
        }
    }

    /// A slot with kind 0. Its bytes are as its last user left them, zero at first use. The caller writes the object's
    /// fields, then epoch and refs, and last the kind, with Release; it leaves the lock byte alone. `None`: no memory.
    pub fn alloc(&self) -> Option<NonNull<T>> {
        self.lock.lock();
        let slot = self.pop_old().or_else(|| self.carve(1).map(|(first, _)| first));
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        slot
    }

    /// Puts a slot at the end of the quarantine.
    ///
    /// # Safety
    /// `slot` came from this slab, is freed once, and its kind was set to 0 under its own lock.
    pub unsafe fn free(&self, slot: NonNull<T>) {
        let header = slot.as_ptr().cast::<Header>();
        // SAFETY: a free slot's link belongs to the slab (invariant 3).
        unsafe { self.append(header, header, 1) };
    }

    /// Moves up to `n` free slots into `cache` under one hold of the lock. `false`: none could be had.
    pub fn alloc_batch(&self, cache: &mut Cache<T>, n: usize) -> bool {
        let before = cache.len();
        self.lock.lock();
        while cache.len() - before < n {
            let Some(slot) = self.pop_old() else { break };
            // SAFETY: the slot is free and now the cache's.
            unsafe { cache.push(slot) };
        }
        while cache.len() - before < n {
            let Some((first, got)) = self.carve(n - (cache.len() - before)) else { break };
            // Last one first, so that they are popped in the order of their addresses.
            for i in (0..got).rev() {
                // SAFETY: `carve` gave `got` slots in a row from `first`.
                unsafe { cache.push(first.add(i)) };
            }
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        cache.len() > before
    }

    /// Puts up to `n` slots of `cache` at the end of the quarantine under one hold of the lock.
    ///
    /// # Safety
    /// As for `free`, for each of them.
    pub unsafe fn free_batch(&self, cache: &mut Cache<T>, n: usize) {
        let n = n.min(cache.len);
        let first = cache.head;
        if n == 0 {
            return;
        }
        let mut last = first;
        for _ in 1..n {
            // SAFETY: the cache is a list of `len` slots.
            last = unsafe { (*last).next_free.load(Relaxed) };
        }
        // SAFETY: as above.
        cache.head = unsafe { (*last).next_free.load(Relaxed) };
        cache.len -= n;
        // SAFETY: first..=last is a chain of `n` free slots that has just left the cache.
        unsafe { self.append(first, last, n) };
    }

    /// Calls `f` for every slot carved so far, free ones too. Others may allocate and free meanwhile.
    pub fn for_each(&self, mut f: impl FnMut(NonNull<T>)) {
        let mut granule = self.granules.load(Acquire);
        while let Some(g) = NonNull::new(granule) {
            // SAFETY: a linked granule is initialised (invariant 1) and stays.
            let (carved, next) = unsafe { (g.as_ref().carved.load(Acquire), g.as_ref().next.load(Acquire)) };
            for i in 0..carved as usize {
                // SAFETY: slot `i` was carved, so it lies in this granule.
                f(unsafe { Self::slot(g, i) });
            }
            granule = next;
        }
    }

    /// Slots with kind != 0; walks the slab.
    pub fn live(&self) -> usize {
        let mut live = 0;
        self.for_each(|slot| {
            // SAFETY: every carved slot begins with a header.
            live += usize::from(unsafe { (*slot.as_ptr().cast::<Header>()).kind.load(Relaxed) } != 0);
        });
        live
    }

    /// Slots ever carved.
    pub fn carved(&self) -> usize {
        let (mut n, mut granule) = (0, self.granules.load(Acquire));
        while let Some(g) = NonNull::new(granule) {
            // SAFETY: a linked granule is initialised (invariant 1) and stays.
            let g = unsafe { g.as_ref() };
            n += g.carved.load(Relaxed) as usize;
            granule = g.next.load(Acquire);
        }
        n
    }

    /// Dense index of a slot of this slab, from 0.
    #[inline]
    pub fn index_of(&self, slot: NonNull<T>) -> u32 {
        let addr = slot.as_ptr() as usize;
        // SAFETY: granules are aligned to their size, so the mask finds the slot's own; `first` never changes.
        let first = unsafe { (*((addr & !(GRANULE - 1)) as *const Granule)).first };
        first + (((addr & (GRANULE - 1)) - Self::FIRST) / size_of::<T>()) as u32
    }

    /// Forgets every slot and unlocks, without taking the lock: for the child of a fork, and at shutdown. Memory is not
    /// given back (`arena_release_all` does that for all slabs).
    pub fn reset(&self) {
        self.head.store(null_mut(), Relaxed);
        self.tail.store(null_mut(), Relaxed);
        self.waiting.store(0, Relaxed);
        self.granules.store(null_mut(), Relaxed);
        self.last.store(null_mut(), Relaxed);
        self.count.store(0, Relaxed);
        self.spare.store(null_mut(), Relaxed);
        self.spare_left.store(0, Relaxed);
        // SAFETY: only one thread is left, or none that uses the slab; a holder of the lock no longer exists.
        unsafe { self.lock.unlock() };
    }

    /// # Safety
    /// `i` < `PER`.
    unsafe fn slot(granule: NonNull<Granule>, i: usize) -> NonNull<T> {
        // SAFETY: FIRST + i * size lies inside the granule for i < PER.
        unsafe { granule.cast::<u8>().add(Self::FIRST + i * size_of::<T>()).cast() }
    }

    /// The oldest freed slot, if enough others wait. The lock is held.
    fn pop_old(&self) -> Option<NonNull<T>> {
        let waiting = self.waiting.load(Relaxed);
        if waiting <= QUARANTINE {
            return None;
        }
        let head = NonNull::new(self.head.load(Relaxed))?;
        // SAFETY: the quarantine is a list of free slots that only the holder of the lock changes.
        self.head.store(unsafe { head.as_ref().next_free.load(Relaxed) }, Relaxed);
        self.waiting.store(waiting - 1, Relaxed);
        Some(head.cast())
    }

    /// # Safety
    /// `first`..=`last` is a chain of `n` free slots that belong to nobody else.
    unsafe fn append(&self, first: *mut Header, last: *mut Header, n: usize) {
        // SAFETY: the caller's chain.
        unsafe { (*last).next_free.store(null_mut(), Relaxed) };
        self.lock.lock();
        let tail = self.tail.load(Relaxed);
        if tail.is_null() || self.waiting.load(Relaxed) == 0 {
            self.head.store(first, Relaxed);
        } else {
            // SAFETY: the list is not empty, so its tail is a free slot of ours.
            unsafe { (*tail).next_free.store(first, Relaxed) };
        }
        self.tail.store(last, Relaxed);
        self.waiting.store(self.waiting.load(Relaxed) + n, Relaxed);
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
    }

    /// Up to `n` never used slots in a row. The lock is held.
    fn carve(&self, n: usize) -> Option<(NonNull<T>, usize)> {
        let mut granule = NonNull::new(self.last.load(Relaxed));
        // SAFETY: the last granule is linked, so it is initialised.
        if granule.is_none_or(|g| unsafe { g.as_ref() }.carved.load(Relaxed) as usize == Self::PER) {
            granule = Some(self.next_granule()?);
        }
        let granule = granule?;
        // SAFETY: as above; `carved` changes under the lock alone.
        let carved = unsafe { granule.as_ref() }.carved.load(Relaxed) as usize;
        let got = n.min(Self::PER - carved);
        // SAFETY: as above.
        unsafe { granule.as_ref() }.carved.store((carved + got) as u32, Release);
        // SAFETY: carved < PER.
        Some((unsafe { Self::slot(granule, carved) }, got))
    }

    /// Takes a fresh granule and links it. The lock is held.
    #[cold]
    fn next_granule(&self) -> Option<NonNull<Granule>> {
        let count = self.count.load(Relaxed);
        let first = u32::try_from(count.checked_mul(Self::PER)?).ok()?;
        let left = self.spare_left.load(Relaxed);
        let (granule, left) = if left > 0 {
            (NonNull::new(self.spare.load(Relaxed))?, left)
        } else if count < BLOCK {
            (arena::reserve(1)?.cast(), 1)
        } else {
            match arena::reserve(BLOCK) {
                Some(block) => (block.cast(), BLOCK),
                None => (arena::reserve(1)?.cast(), 1),
            }
        };
        // SAFETY: granules of one block lie side by side; the address past the last one is never used.
        self.spare.store(unsafe { granule.as_ptr().byte_add(GRANULE) }, Relaxed);
        self.spare_left.store(left - 1, Relaxed);
        // SAFETY: fresh, zeroed arena memory that nobody else has seen.
        unsafe { (*granule.as_ptr()).first = first };
        let last = self.last.load(Relaxed);
        if last.is_null() {
            self.granules.store(granule.as_ptr(), Release);
        } else {
            // SAFETY: linked granules stay.
            unsafe { (*last).next.store(granule.as_ptr(), Release) };
        }
        self.last.store(granule.as_ptr(), Relaxed);
        self.count.store(count + 1, Relaxed);
        Some(granule)
    }
}

impl<T: Slot> Default for Slab<T> {
    fn default() -> Self {
        Self::new()
    }
}

/// A processor's own free slots: a plain list, last in first out, for its owner alone.
pub struct Cache<T: Slot> {
    head: *mut Header,
    len: usize,
    of: PhantomData<*mut T>,
}

// SAFETY: a cache has one owner at a time; that owner may be another thread than before.
unsafe impl<T: Slot> Send for Cache<T> {}

impl<T: Slot> Cache<T> {
    pub const fn new() -> Self {
        Cache { head: null_mut(), len: 0, of: PhantomData }
    }

    /// # Safety
    /// `slot` is free (kind 0), came from the slab of this type, and belongs to nobody else.
    #[inline]
    pub unsafe fn push(&mut self, slot: NonNull<T>) {
        let header = slot.as_ptr().cast::<Header>();
        // SAFETY: the link of a free slot is its owner's.
        unsafe { (*header).next_free.store(self.head, Relaxed) };
        self.head = header;
        self.len += 1;
    }

    #[inline]
    pub fn pop(&mut self) -> Option<NonNull<T>> {
        let header = NonNull::new(self.head)?;
        // SAFETY: what is in the list is a free slot of ours.
        self.head = unsafe { header.as_ref().next_free.load(Relaxed) };
        self.len -= 1;
        Some(header.cast())
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Forgets the slots (the slab was reset).
    pub fn forget(&mut self) {
        self.head = null_mut();
        self.len = 0;
    }
}

impl<T: Slot> Default for Cache<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[repr(C, align(64))]
    struct Thing {
        header: Header,
        payload: [AtomicUsize; 9],
    }
    // SAFETY: repr(C), header first, zero is valid.
    unsafe impl Slot for Thing {
        const KIND: u8 = 7;
    }

    fn make(slot: NonNull<Thing>) {
        // SAFETY: a slot just handed out.
        let t = unsafe { slot.as_ref() };
        t.header.epoch.store(epoch(), Relaxed);
        t.header.refs.store(1, Relaxed);
        t.header.kind.store(Thing::KIND, Release);
    }

    fn kill(slab: &Slab<Thing>, slot: NonNull<Thing>) {
        // SAFETY: a live object of this test.
        unsafe {
            slot.as_ref().header.lock.lock();
            slot.as_ref().header.kind.store(0, Relaxed);
            slot.as_ref().header.lock.unlock();
            slab.free(slot);
        }
    }

    #[test]
    fn a_slot_rests_until_64_others_wait() {
        static SLAB: Slab<Thing> = Slab::new();
        let first = SLAB.alloc().unwrap();
        make(first);
        kill(&SLAB, first);
        let mut seen = HashSet::new();
        for _ in 0..64 {
            let slot = SLAB.alloc().unwrap();
            assert_ne!(slot, first);
            assert!(seen.insert(slot));
            make(slot);
        }
        for slot in seen {
            kill(&SLAB, slot);
        }
        assert_eq!(SLAB.alloc(), Some(first));
        assert_ne!(SLAB.alloc(), Some(first));
        assert_eq!(SLAB.carved(), 66);
    }

    #[test]
    fn indices_are_dense_and_the_walk_sees_all() {
        static SLAB: Slab<Thing> = Slab::new();
        let n = 40_000; // several blocks of 16 granules
        let mut cache = Cache::new();
        let mut all = Vec::new();
        while all.len() < n {
            if cache.is_empty() {
                assert!(SLAB.alloc_batch(&mut cache, 100));
            }
            let slot = cache.pop().unwrap();
            assert_eq!(slot.as_ptr() as usize % 64, 0);
            assert!(arena_contains(slot.as_ptr() as usize));
            assert_eq!(SLAB.index_of(slot) as usize / 100, all.len() / 100);
            make(slot);
            all.push(slot);
        }
        let mut walked = 0;
        SLAB.for_each(|s| {
            assert_eq!(SLAB.index_of(s), walked);
            walked += 1;
        });
        assert_eq!(walked as usize, n);
        assert_eq!(SLAB.live(), n);
        for &slot in &all {
            // SAFETY: live objects of this test.
            unsafe {
                slot.as_ref().header.kind.store(0, Relaxed);
                cache.push(slot);
            }
        }
        // SAFETY: all of them are free.
        unsafe { SLAB.free_batch(&mut cache, n - 10) };
        assert_eq!((cache.len(), SLAB.live()), (10, 0));
        let mut again = HashSet::new();
        let mut other = Cache::new();
        assert!(SLAB.alloc_batch(&mut other, n));
        while let Some(s) = other.pop() {
            assert!(again.insert(s));
        }
        assert_eq!(again.len(), n);
        assert_eq!(SLAB.carved(), n + 10 + QUARANTINE);
        SLAB.reset();
        assert_eq!((SLAB.carved(), SLAB.live()), (0, 0));
        let fresh = SLAB.alloc().unwrap();
        assert_eq!(SLAB.index_of(fresh), 0);
        assert!(!again.contains(&fresh));
    }

    #[test]
    fn threads_never_share_a_slot() {
        static SLAB: Slab<Thing> = Slab::new();
        let work = || {
            let mut mine = Vec::new();
            for i in 0..20_000 {
                let slot = SLAB.alloc().unwrap();
                // SAFETY: ours until freed.
                let t = unsafe { slot.as_ref() };
                assert_eq!(t.header.kind.load(Relaxed), 0);
                assert_eq!(t.payload[3].swap(1, Relaxed), 0);
                make(slot);
                mine.push(slot);
                if i % 3 != 0 {
                    let slot = mine.swap_remove(i % mine.len());
                    // SAFETY: ours until freed.
                    unsafe { slot.as_ref() }.payload[3].store(0, Relaxed);
                    kill(&SLAB, slot);
                }
            }
            for slot in mine {
                // SAFETY: ours until freed.
                unsafe { slot.as_ref() }.payload[3].store(0, Relaxed);
                kill(&SLAB, slot);
            }
        };
        let mut threads: Vec<_> = (0..4).map(|_| std::thread::spawn(work)).collect();
        threads.push(std::thread::spawn(|| (0..20).for_each(|_| assert!(SLAB.live() <= SLAB.carved()))));
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(SLAB.live(), 0);
    }
}

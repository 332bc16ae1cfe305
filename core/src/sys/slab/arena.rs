//! The one address range that every slab object lives in.
//!
//! A single private reservation (64 GiB where the address space allows it, else halves down to 1 GiB) is made at first use
//! and never unmapped. It opens in steps of 16 MiB (PROT_NONE beyond, so that strict overcommit, core files and valgrind's
//! leak search see only what is used). Memory is handed out in 64 KiB granules by an atomic bump and never returned one by
//! one. So "is this pointer one of our handles?" is a subtraction and a compare, and a stale handle can always be READ:
//! after `arena_release_all` it reads as zero (kind 0, epoch 0), which is what makes it SHUTDOWN instead of a crash (D8).
//!
//! What it is NOT: a general allocator. Ring buffers, names and stacks come from elsewhere.
//!
//! Invariants
//! 1. `RANGE` holds base | log2(size) in one word, so a reader can never see a base without its size. It is set once.
//! 2. base..base + `OPEN` is readable and writable, for ever; `OPEN` only grows. `arena_contains` says yes for nothing else.
//! 3. Granules are 64 KiB aligned. Bytes from `reserve` read as zero.
//! 4. No lock: a fork may happen at any instruction, and the child must be able to go on.
//!
//! Rejected: one mapping for each chunk (a handle check would need a table); the whole range open from the start (valgrind
//! would search 64 GiB for pointers); a lock around creation (held across a fork it would stop the child for ever);
//! MADV_HUGEPAGE for the first 16 MiB
//! (one small object would cost 2 MiB).

use core::ptr::NonNull;

use crate::sys::prim::{AtomicU16, AtomicUsize, Ordering::*};

/// Unit in which the arena hands out memory; also its alignment.
pub const GRANULE: usize = 64 * 1024;

const LARGEST: u32 = 36; // 64 GiB
const SMALLEST: u32 = 30; // 1 GiB
/// Not an address a user program can have.
const UNSET: usize = 1 << 63;
/// The range opens by this much at a time.
const STEP: usize = 16 << 20;
const SHIFT_MASK: usize = 63;

/// Base address | log2(size).
static RANGE: AtomicUsize = AtomicUsize::new(UNSET);
/// How far the range is open.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Offset of the next free byte.
static NEXT: AtomicUsize = AtomicUsize::new(0);
/// Offset at which the present generation began: what lies between here and `NEXT` is in use.
static START: AtomicUsize = AtomicUsize::new(0);
/// The present fork and shutdown epoch; never 0.
static EPOCH: AtomicU16 = AtomicU16::new(1);

/// Whether `addr` lies in the open part of the arena, so that it may be read. Cheap enough to be the first check of every exported function.
#[inline(always)]
pub fn arena_contains(addr: usize) -> bool {
    addr.wrapping_sub(RANGE.load(Relaxed) & !SHIFT_MASK) < OPEN.load(Relaxed)
}

/// Where in the arena `addr` lies, counted from its base; `None`: not in its open part.
#[inline]
pub fn arena_offset(addr: usize) -> Option<usize> {
    let offset = addr.wrapping_sub(RANGE.load(Relaxed) & !SHIFT_MASK);
    (offset < OPEN.load(Relaxed)).then_some(offset)
}

/// What lies at that offset.
pub fn arena_at(offset: usize) -> *const () {
    core::ptr::with_exposed_provenance((RANGE.load(Relaxed) & !SHIFT_MASK) + offset)
}

/// The present epoch. An object of another epoch is from before a fork or a shutdown.
#[inline(always)]
pub fn epoch() -> u16 {
    EPOCH.load(Relaxed)
}

/// Starts the next epoch (in the child of a fork, at shutdown). Skips 0, which is what released memory reads as.
pub fn bump_epoch() {
    let _ = EPOCH.fetch_update(AcqRel, Relaxed, |e| Some(if e == u16::MAX { 1 } else { e + 1 }));
}

/// Hands out `granules` * 64 KiB of zero bytes, aligned to 64 KiB. `None`: no address space left.
pub(super) fn reserve(granules: usize) -> Option<NonNull<u8>> {
    let range = range()?;
    let size = 1usize << (range & SHIFT_MASK);
    let bytes = granules.checked_mul(GRANULE)?;
    let take = |next: usize| next.checked_add(bytes).filter(|&end| end <= size);
    let offset = NEXT.fetch_update(AcqRel, Relaxed, take).ok()?;
    let base = range & !SHIFT_MASK;
    if offset + bytes > OPEN.load(Acquire) && !open(base, offset + bytes, size) {
        return None;
    }
    NonNull::new((base + offset) as *mut u8)
}

/// Opens the range up to `end` at least. Several threads may do so at once.
#[cold]
fn open(base: usize, end: usize, size: usize) -> bool {
    let end = (end.next_multiple_of(STEP)).min(size);
    let from = OPEN.load(Acquire);
    if end <= from {
        return true;
    }
    // SAFETY: makes more of our own mapping accessible; what is open already stays as it is.
    if unsafe { libc::mprotect((base + from) as *mut _, end - from, libc::PROT_READ | libc::PROT_WRITE) } != 0 {
        return false;
    }
    // A process with a million tasks pays more for its page faults than for its tasks: behind the first step pages may be large.
    let large = from.max(STEP);
    if end > large {
        // SAFETY: advice on our own mapping; where the kernel refuses, pages stay small.
        unsafe { libc::madvise((base + large) as *mut _, end - large, libc::MADV_HUGEPAGE) };
    }
    // Whoever opens less far began at `OPEN` too, so there is no gap below the larger end.
    OPEN.fetch_max(end, AcqRel);
    true
}

/// Gives all memory back to the kernel; the range stays ours and reads as zero. Later memory comes from behind what was
/// used so far, so that a stale handle keeps reading zero; past the middle of the range it starts over.
///
/// # Safety
/// Nobody may use any object of the arena any more, and every slab must be `reset` before it is used again.
pub unsafe fn arena_release_all() {
    let range = RANGE.load(Acquire);
    if range == UNSET {
        return;
    }
    let (start, next) = (START.load(Relaxed), NEXT.load(Acquire));
    let size = 1usize << (range & SHIFT_MASK);
    if next > start {
        // SAFETY: the bytes are inside our own mapping, and the caller promises that no object in them is in use.
        unsafe { libc::madvise(((range & !SHIFT_MASK) + start) as *mut _, next - start, libc::MADV_DONTNEED) };
    }
    let restart = if next > size / 2 { 0 } else { next };
    START.store(restart, Relaxed);
    NEXT.store(restart, Release);
}

/// Bytes handed out since the last release.
pub fn arena_used() -> usize {
    NEXT.load(Relaxed).saturating_sub(START.load(Relaxed))
}

fn range() -> Option<usize> {
    match RANGE.load(Acquire) {
        UNSET => create(),
        range => Some(range),
    }
}

#[cold]
fn create() -> Option<usize> {
    let range = (SMALLEST..=LARGEST).rev().find_map(map)?;
    match RANGE.compare_exchange(UNSET, range, AcqRel, Acquire) {
        Ok(_) => Some(range),
        Err(other) => {
            // SAFETY: the mapping that lost the race was made by this very call, and nobody has seen it.
            unsafe { libc::munmap((range & !SHIFT_MASK) as *mut _, (1 << (range & SHIFT_MASK)) + GRANULE) };
            Some(other)
        }
    }
}

/// Maps 2^log bytes (and one granule, to align), and gives the packed word.
fn map(log: u32) -> Option<usize> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    let bytes = (1usize << log) + GRANULE;
    // SAFETY: an anonymous mapping at an address of the kernel's choice touches no memory that is in use.
    let at = unsafe { libc::mmap(core::ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
    if at == libc::MAP_FAILED {
        return None;
    }
    // The kernel aligns to a page only. The part outside is never touched, so it costs nothing.
    Some(((at as usize + GRANULE - 1) & !(GRANULE - 1)) | log as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contains_what_it_hands_out() {
        assert!(!arena_contains(0));
        let p = reserve(1).unwrap().as_ptr() as usize;
        assert_eq!(p % GRANULE, 0);
        assert!(arena_contains(p) && arena_contains(p + GRANULE - 1));
        let big = reserve(3 * STEP / GRANULE).unwrap().as_ptr() as usize;
        assert!(arena_contains(big) && arena_contains(big + 3 * STEP - 1));
        assert!(!arena_contains(big + 20 * STEP) && reserve(usize::MAX / GRANULE).is_none());
        assert_eq!(arena_offset(big).unwrap() - arena_offset(p).unwrap(), big - p);
        assert_eq!(arena_offset(0), None);
        // SAFETY: fresh memory of our own.
        unsafe { ((big + 3 * STEP - 1) as *mut u8).write(1) };
        assert!(!arena_contains(0) && !arena_contains(&p as *const _ as usize) && !arena_contains(usize::MAX));
        // SAFETY: fresh memory of our own.
        assert!(unsafe { core::slice::from_raw_parts(p as *const u8, GRANULE) }.iter().all(|&b| b == 0));
    }

    #[test]
    fn epoch_is_never_zero() {
        assert_ne!(epoch(), 0);
    }
}

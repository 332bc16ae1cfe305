//! Stacks for tasks: reserved in large chunks, guarded at the low end, recycled warm (D15).
//!
//! Thirteen classes, 16 KiB to 64 MiB in powers of two; a stack has its class's size usable, less up to 1 KiB of colour
//! (the tops of neighbours are staggered by 128 bytes, so that a thousand parked tasks do not fight over one cache set), and
//! below it a guard: 16 KiB for classes from 64 KiB on (C code without stack probes can jump over one page), 4 KiB for smaller.
//!
//! Each class has chunks of 64 MiB (512 MiB for the largest), mapped without reserve and without huge pages, aligned to their
//! size, so that a stack's chunk is found by masking. A chunk opens with its header and a table of links, one for each
//! stack; free lists run through these tables and never through a stack: a resting stack is not touched.
//! A `Stack` is one word: lowest usable address | colour | class.
//!
//! What it is NOT: it knows no task and runs nothing. It does not grow stacks.
//!
//! Invariants
//! 1. All fields of a pool but the chunk list change under its lock. The chunk list only grows (until `release_all`), each
//!    chunk linked with Release after it is complete, so `guard_hit` may walk it from a signal handler.
//! 2. A guard is installed when its stack is carved, once, and survives MADV_DONTNEED.
//! 3. Where the kernel refuses MADV_GUARD_INSTALL (before Linux 6.13, or locked memory) guards are mprotected; each splits a
//!    mapping, so they are counted and `alloc` gives `None` well before `vm.max_map_count`. Never a stack without a guard.
//!
//! Rejected: a mapping for each stack (4 us each, and 32,746 is the end); links inside free stacks (would touch pages that
//! were given back); MADV_FREE (memory looks used until pressure comes, which users report as a leak).

use core::mem::size_of;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, null_mut};

use super::lock::ByteLock;
use super::prim::{AtomicPtr, AtomicU8, AtomicUsize, Ordering::*};

mod cache;
mod guard;

pub use cache::StackCache;
pub use guard::{GuardMode, guard_mode};

const MIN_SHIFT: u32 = 14;
const CLASSES: usize = 13;
/// Pages are 4 KiB on x86-64 and 4 or 16 KiB elsewhere (a kernel with 64 KiB pages gives `None` for every stack).
const PAGE: usize = if cfg!(target_arch = "x86_64") { 4096 } else { 16384 };
const CHUNK: usize = 64 << 20;
const BIG_CHUNK: usize = 512 << 20;
/// Bytes that resting stacks of one class may keep warm, and the limits of the number this comes to.
const WARM_BYTES: usize = 256 << 20;
const WARM_MAX: usize = 4096;
const WARM_MIN: usize = 4;
/// Stacks given back under one hold of the lock.
const BATCH: usize = 64;
const COLOURS: usize = 8;
const COLOUR_STEP: usize = 128;

/// A size of stack: 16 KiB << n.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Class(u8);

impl Class {
    /// Usable bytes (before colour).
    #[inline]
    pub const fn size(self) -> usize {
        1 << (MIN_SHIFT + self.0 as u32)
    }

    const fn guard(self) -> usize {
        if self.size() >= 64 << 10 { 16 << 10 } else { PAGE }
    }

    const fn stride(self) -> usize {
        self.size() + self.guard()
    }

    const fn chunk(self) -> usize {
        if self.size() > 4 << 20 { BIG_CHUNK } else { CHUNK }
    }

    /// Stacks in a chunk, and bytes its header takes (whole pages).
    const fn layout(self) -> (usize, usize) {
        let most = self.chunk() / self.stride();
        let head = (size_of::<Chunk>() + most * size_of::<usize>() + PAGE - 1) & !(PAGE - 1);
        ((self.chunk() - head) / self.stride(), head)
    }

    const fn warm_max(self) -> usize {
        let n = WARM_BYTES / self.size();
        if n > WARM_MAX {
            WARM_MAX
        } else if n < WARM_MIN {
            WARM_MIN
        } else {
            n
        }
    }
}

static DEFAULT: AtomicU8 = AtomicU8::new(2); // 64 KiB

/// The smallest class with `size` usable bytes; 0: the default class. `None`: more than 64 MiB.
#[inline]
pub fn class_for(size: usize) -> Option<Class> {
    if size == 0 {
        return Some(Class(DEFAULT.load(Relaxed)));
    }
    let shift = size.max(1 << MIN_SHIFT).checked_next_power_of_two()?.trailing_zeros();
    let class = shift - MIN_SHIFT;
    (class < CLASSES as u32).then_some(Class(class as u8))
}

/// Sets the class that size 0 means. `false` (and no change): more than 64 MiB, or 0.
pub fn set_default(size: usize) -> bool {
    match class_for(size) {
        Some(class) if size != 0 => {
            DEFAULT.store(class.0, Relaxed);
            true
        }
        _ => false,
    }
}

/// One stack: lowest usable address | colour << 4 | class. Owned by whoever holds it, though it can be copied.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(transparent)]
pub struct Stack(NonZeroUsize);

impl Stack {
    /// Where the stack begins, 16-byte aligned; it grows down from here.
    #[inline]
    pub fn top(&self) -> *mut u8 {
        // From 1, never 0: what walks a stack (valgrind) reads a little past its top, and there the next guard begins.
        let colour = (self.0.get() >> 4) & (COLOURS - 1);
        ((self.0.get() & !(PAGE - 1)) + self.class().size() - (colour + 1) * COLOUR_STEP) as *mut u8
    }

    /// Lowest usable address; the guard lies below.
    #[inline]
    pub fn limit(&self) -> *mut u8 {
        (self.0.get() & !(PAGE - 1)) as *mut u8
    }

    #[inline]
    pub fn class(&self) -> Class {
        Class((self.0.get() & 15) as u8)
    }

    /// The link of this stack in its chunk's table.
    fn link(&self) -> *mut usize {
        let class = self.class();
        let chunk = self.chunk();
        let offset = self.limit() as usize - chunk as usize - class.layout().1;
        // SAFETY: the table follows the chunk's header and has an entry for each stack of the chunk.
        unsafe { chunk.add(1).cast::<usize>().add(offset / class.stride()) }
    }

    fn chunk(&self) -> *mut Chunk {
        (self.0.get() & !(self.class().chunk() - 1)) as *mut Chunk
    }
}

#[repr(C)]
struct Chunk {
    next: AtomicPtr<Chunk>,
    /// Stacks carved so far, and those of them that are out.
    carved: AtomicUsize,
    used: AtomicUsize,
    /// Set while `release_all` sorts.
    dying: AtomicUsize,
}

struct Pool {
    lock: ByteLock,
    chunks: AtomicPtr<Chunk>,
    /// Free stacks whose pages are still there, and those whose pages were given back: words of `Stack`, 0 ends.
    warm: AtomicUsize,
    warm_len: AtomicUsize,
    cold: AtomicUsize,
    cold_len: AtomicUsize,
    used: AtomicUsize,
}

static POOLS: [Pool; CLASSES] = [const { Pool::new() }; CLASSES];

/// Stacks that are out: with tasks, or in a `StackCache`.
pub fn in_use() -> usize {
    POOLS.iter().map(|p| p.used.load(Relaxed)).sum()
}

/// Stacks that rest in the global lists, warm or cold.
pub fn cached() -> usize {
    POOLS.iter().map(|p| p.warm_len.load(Relaxed) + p.cold_len.load(Relaxed)).sum()
}

/// A stack of `class`. `None`: no memory, or too many mappings.
pub fn alloc(class: Class) -> Option<Stack> {
    let mut one = [None];
    alloc_batch(class, &mut one);
    one[0]
}

/// Fills `out` from the front under one hold of the lock; gives how many it got. Fresh stacks are carved a few at a time
/// while there are few, since each costs a system call.
pub fn alloc_batch(class: Class, out: &mut [Option<Stack>]) -> usize {
    POOLS[class.0 as usize].take(class, out)
}

/// Gives a stack back.
///
/// # Safety
/// It came from `alloc`, is given back once, and nobody runs on it.
pub unsafe fn free(stack: Stack) {
    // SAFETY: the caller's promise.
    unsafe { free_batch(&[Some(stack)]) }
}

/// Gives stacks back. Beyond a number of warm ones their pages go back to the kernel.
///
/// # Safety
/// As for `free`, for each of them.
pub unsafe fn free_batch(stacks: &[Option<Stack>]) {
    let mut batch = [0usize; BATCH];
    let mut n = 0;
    let mut class = 0;
    for stack in stacks.iter().flatten() {
        if n == BATCH || (n > 0 && class != stack.class().0) {
            // SAFETY: the caller's promise.
            unsafe { POOLS[class as usize].give(Class(class), &mut batch[..n]) };
            n = 0;
        }
        class = stack.class().0;
        batch[n] = stack.0.get();
        n += 1;
    }
    // SAFETY: the caller's promise.
    unsafe { POOLS[class as usize].give(Class(class), &mut batch[..n]) };
}

/// Whether `addr` lies in the guard of a stack: a task's stack has overflowed. Takes no lock, so a signal handler may ask.
pub fn guard_hit(addr: usize) -> bool {
    (0..CLASSES).any(|i| {
        let class = Class(i as u8);
        let (count, head) = class.layout();
        let mut chunk = POOLS[i].chunks.load(Acquire);
        while let Some(c) = NonNull::new(chunk) {
            let offset = addr.wrapping_sub(chunk as usize + head);
            if offset < count * class.stride() {
                return offset % class.stride() < class.guard();
            }
            // SAFETY: a linked chunk is complete (invariant 1).
            chunk = unsafe { c.as_ref().next.load(Acquire) };
        }
        false
    })
}

/// Unmaps every chunk that has no stack out, and gives the number of stacks still out (their chunks stay, to be
/// recycled or released later). Caches are to be flushed first.
///
/// # Safety
/// Nobody touches a stack that was freed.
pub unsafe fn release_all() -> usize {
    for (i, pool) in POOLS.iter().enumerate() {
        // SAFETY: the caller's promise.
        unsafe { pool.release(Class(i as u8)) };
    }
    in_use()
}

/// In the child of a fork: forgets all stacks (the caller may be running on one, so nothing is unmapped) and takes no lock.
pub fn reset_after_fork() {
    for pool in &POOLS {
        for word in [&pool.warm, &pool.warm_len, &pool.cold, &pool.cold_len, &pool.used] {
            word.store(0, Relaxed);
        }
        pool.chunks.store(null_mut(), Relaxed);
        // SAFETY: the child has one thread; whoever held the lock is not in it.
        unsafe { pool.lock.unlock() };
    }
}

impl Pool {
    const fn new() -> Pool {
        Pool {
            lock: ByteLock::new(),
            chunks: AtomicPtr::new(null_mut()),
            warm: AtomicUsize::new(0),
            warm_len: AtomicUsize::new(0),
            cold: AtomicUsize::new(0),
            cold_len: AtomicUsize::new(0),
            used: AtomicUsize::new(0),
        }
    }

    fn take(&self, class: Class, out: &mut [Option<Stack>]) -> usize {
        self.lock.lock();
        let mut got = 0;
        // Never more fresh ones at once than there are already: a small program makes few.
        let mut fresh = self.used.load(Relaxed) + 4;
        while got < out.len() {
            let recycled = pop(&self.warm, &self.warm_len).or_else(|| pop(&self.cold, &self.cold_len));
            let stack = match recycled {
                Some(stack) => stack,
                None if got > 0 && fresh == 0 => break,
                None => match self.carve(class) {
                    Some(stack) => stack,
                    None => break,
                },
            };
            if recycled.is_none() {
                fresh = fresh.saturating_sub(1);
            }
            count(&self.used, 1);
            // SAFETY: the chunk of a stack of ours is mapped.
            count(unsafe { &(*stack.chunk()).used }, 1);
            out[got] = Some(stack);
            got += 1;
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
        got
    }

    /// # Safety
    /// `words` are stacks of this pool, out, and nobody uses them.
    unsafe fn give(&self, class: Class, words: &mut [usize]) {
        // A guess without the lock is good enough, and keeps the system call outside it.
        let cold = self.warm_len.load(Relaxed) >= class.warm_max();
        if cold {
            // SAFETY: the caller's promise.
            unsafe { give_back_pages(class, words) };
        }
        self.lock.lock();
        let (list, len) = if cold { (&self.cold, &self.cold_len) } else { (&self.warm, &self.warm_len) };
        for stack in words.iter().filter_map(|&w| NonZeroUsize::new(w).map(Stack)) {
            push(list, len, stack);
            count(&self.used, -1);
            // SAFETY: the chunk of a stack of ours is mapped.
            count(unsafe { &(*stack.chunk()).used }, -1);
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
    }

    /// A fresh stack with its guard. The lock is held.
    fn carve(&self, class: Class) -> Option<Stack> {
        let (per_chunk, head) = class.layout();
        let mut chunk = NonNull::new(self.chunks.load(Relaxed));
        // SAFETY: a linked chunk is complete and mapped.
        if chunk.is_none_or(|c| unsafe { c.as_ref() }.carved.load(Relaxed) == per_chunk) {
            chunk = Some(self.add_chunk(class)?);
        }
        let chunk = chunk?;
        // SAFETY: as above.
        let carved = unsafe { &chunk.as_ref().carved };
        let i = carved.load(Relaxed);
        let guard = chunk.as_ptr() as usize + head + i * class.stride();
        if !guard::install(guard, class.guard()) {
            return None;
        }
        carved.store(i + 1, Relaxed);
        let word = (guard + class.guard()) | (i % COLOURS) << 4 | class.0 as usize;
        NonZeroUsize::new(word).map(Stack)
    }

    /// Maps a chunk and links it. The lock is held.
    #[cold]
    fn add_chunk(&self, class: Class) -> Option<NonNull<Chunk>> {
        let chunk = map_aligned(class.chunk())?.cast::<Chunk>();
        // SAFETY: a fresh, zeroed mapping that is large enough; nobody else has seen it.
        unsafe { chunk.as_ref() }.next.store(self.chunks.load(Relaxed), Relaxed);
        self.chunks.store(chunk.as_ptr(), Release);
        Some(chunk)
    }

    /// # Safety
    /// Nobody touches a stack that was freed.
    unsafe fn release(&self, class: Class) {
        self.lock.lock();
        let mut chunk = self.chunks.swap(null_mut(), AcqRel);
        let (mut keep, mut doomed) = (null_mut::<Chunk>(), null_mut::<Chunk>());
        while let Some(c) = NonNull::new(chunk) {
            // SAFETY: our own chunks, still mapped.
            let c = unsafe { c.as_ref() };
            let next = c.next.load(Relaxed);
            let idle = c.used.load(Relaxed) == 0;
            c.dying.store(usize::from(idle), Relaxed);
            let list = if idle { &mut doomed } else { &mut keep };
            c.next.store(*list, Relaxed);
            *list = chunk;
            chunk = next;
        }
        sift(&self.warm, &self.warm_len);
        sift(&self.cold, &self.cold_len);
        self.chunks.store(keep, Release);
        while let Some(c) = NonNull::new(doomed) {
            // SAFETY: as above; no stack of it is out, and none is in a free list any more.
            unsafe {
                doomed = c.as_ref().next.load(Relaxed);
                guard::forget(c.as_ref().carved.load(Relaxed));
                libc::munmap(c.as_ptr().cast(), class.chunk());
            }
        }
        // SAFETY: locked above.
        unsafe { self.lock.unlock() };
    }
}

/// Gives the pages of free stacks back, one system call for each run of neighbours (guards between them survive it).
///
/// # Safety
/// Nobody uses these stacks.
unsafe fn give_back_pages(class: Class, words: &mut [usize]) {
    words.sort_unstable();
    let mut run = 0..0;
    for &word in words.iter() {
        let limit = word & !(PAGE - 1);
        if limit != run.end + class.guard() {
            // SAFETY: a run of free stacks.
            unsafe { drop_pages(&run) };
            run.start = limit;
        }
        run.end = limit + class.size();
    }
    // SAFETY: as above.
    unsafe { drop_pages(&run) };
}

/// # Safety
/// The range holds nothing but free stacks and guards.
unsafe fn drop_pages(range: &core::ops::Range<usize>) {
    if !range.is_empty() {
        // SAFETY: the caller's promise.
        unsafe { libc::madvise(range.start as *mut _, range.len(), libc::MADV_DONTNEED) };
    }
}

fn count(word: &AtomicUsize, by: isize) {
    // Written under a lock only; read by anybody.
    word.store(word.load(Relaxed).wrapping_add_signed(by), Relaxed);
}

fn push(list: &AtomicUsize, len: &AtomicUsize, stack: Stack) {
    // SAFETY: the link of a free stack belongs to its pool, whose lock is held.
    unsafe { stack.link().write(list.load(Relaxed)) };
    list.store(stack.0.get(), Relaxed);
    count(len, 1);
}

fn pop(list: &AtomicUsize, len: &AtomicUsize) -> Option<Stack> {
    let stack = Stack(NonZeroUsize::new(list.load(Relaxed))?);
    // SAFETY: as for push.
    list.store(unsafe { stack.link().read() }, Relaxed);
    count(len, -1);
    Some(stack)
}

/// Keeps in a list what is not in a dying chunk.
fn sift(list: &AtomicUsize, len: &AtomicUsize) {
    let (kept, kept_len) = (AtomicUsize::new(0), AtomicUsize::new(0));
    while let Some(stack) = pop(list, len) {
        // SAFETY: the chunks are still mapped.
        if unsafe { &(*stack.chunk()).dying }.load(Relaxed) == 0 {
            push(&kept, &kept_len, stack);
        }
    }
    list.store(kept.load(Relaxed), Relaxed);
    len.store(kept_len.load(Relaxed), Relaxed);
}

/// Maps `size` bytes (a power of two), aligned to `size`.
fn map_aligned(size: usize) -> Option<NonNull<u8>> {
    // The kernel puts a mapping next to the last one, so the plain size is aligned more often than not.
    let at = map(size)?;
    let at = if at & (size - 1) == 0 {
        at
    } else {
        // SAFETY: just mapped, used by nobody.
        unsafe { libc::munmap(at as *mut _, size) };
        let wide = map(2 * size)?;
        let at = (wide + size - 1) & !(size - 1);
        // SAFETY: as above; these are the two ends outside at..at+size.
        unsafe {
            if at > wide {
                libc::munmap(wide as *mut _, at - wide);
            }
            if wide + size > at {
                libc::munmap((at + size) as *mut _, wide + size - at);
            }
        }
        at
    };
    // One touched page must not cost 2 MiB. A kernel without huge pages refuses, which is as good.
    // SAFETY: our own mapping.
    unsafe { libc::madvise(at as *mut _, size, libc::MADV_NOHUGEPAGE) };
    NonNull::new(at as *mut u8)
}

fn map(size: usize) -> Option<usize> {
    let prot = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
    // SAFETY: an anonymous mapping at an address of the kernel's choice.
    let at = unsafe { libc::mmap(null_mut(), size, prot, flags, -1, 0) };
    (at != libc::MAP_FAILED).then_some(at as usize)
}

#[cfg(test)]
mod tests;

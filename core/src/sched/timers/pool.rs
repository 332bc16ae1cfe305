//! A wheel's nodes: where they come from, and who may touch a node when. Here live the handle and the remote cancel.
//!
//! It is NOT a list of timers: it does not know which nodes are armed. Nodes lie in pages of 4 KiB, each with one place
//! for its header (so a node finds its wheel's counter by masking its address: no pointer in 64 bytes), pages in chunks
//! of 1, 2, .. 16.
//!
//! The owner of the processor alone reads and writes lists, pool and the plain fields of a node, without any
//! read-modify-write. Everyone else holds a `Handle {node, tag}`, tag = {wheel id, generation of the node}, and has
//! only these accesses: load `tag`, raise `dead` to its own tag, read the page header (written before the page's first
//! node was handed out), add to `marks`.
//!  P1 A timer is dead iff `dead == tag`. A node never has the same tag twice (each return to the pool adds one; a node
//!     that has used up its generations is retired), so a canceller that slept through any number of reuses marks only
//!     its own, past timer.
//!  P2 `dead` only grows (fetch_max): a late mark of an old generation cannot wipe out the mark of the present one.
//!  P3 The owner alone moves nodes between lists and pool, marked or not: canceller and `expire` cannot both return
//!     one. If the owner looked before the mark came, the timer fires late, and `seq` refuses it.
//!  P4 Nodes and headers stay mapped, as nodes and headers, until `release`, which comes after the last other thread:
//!     the canceller's late accesses are harmless, and it waits for nobody.
//!  P5 `marks - settled` is about the number of dead nodes not yet reclaimed: a mark on a timer that was just being
//!     fired is counted and never found, until a sweep settles all marks from before. It steers sweeps and `len`,
//!     nothing else.
//!
//! Covered by `tests.rs` (Miri and ThreadSanitizer too). No loom model: there is no order between two words to be got
//! wrong, but that of a mark and its count.
//!
//! Rejected: a state word with compare-and-swap (the owner would pay at every cancel); generations of 32 bits (a busy
//! node wraps in 40 s, then an old mark kills a new timer); a plain store to `dead` (P2); a list of nodes to be
//! cancelled that the owner works off (a second queue, for nodes that go anyway when their slot comes).

use crate::sys::prim::{AtomicU64, AtomicUsize, Ordering::*};
use core::mem::size_of;
use core::ptr::{NonNull, null, null_mut};
use std::alloc::Layout;

/// A tag: wheel id above, generation (from 1) below.
const GEN_BITS: u32 = 44;
const GEN_MASK: u64 = (1 << GEN_BITS) - 1;
const PAGE: usize = 4096;
/// Bytes a node takes in a page.
const PLACE: usize = size_of::<Node>().next_power_of_two();
const MAX_CHUNK_PAGES: usize = 16;

/// Called by the scheduler for a due timer: `(target, seq, when)`.
pub type Fire = unsafe fn(target: *mut (), seq: u64, when: i64);

/// A timer in the wheel, or a free node. One cache line.
#[repr(C, align(64))]
pub(super) struct Node {
    // owner only
    pub when: i64,
    pub target: *mut (),
    pub seq: u64,
    pub fire: Option<Fire>,
    pub next: *mut Node, // of the slot's list, or of the free list
    pub prev: *mut Node,
    // written by the owner, read by anyone: the tag of the timer that lives here, or of the next one
    tag: AtomicU64,
    // raised by anyone to the tag of a timer that need not fire (P1, P2)
    dead: AtomicU64,
}

#[cfg(not(loom))]
const _: () = assert!(size_of::<Node>() == 64 && size_of::<Page>() <= PLACE);

/// The first place of each page. Written before any node of the page is handed out.
#[repr(C)]
struct Page {
    /// `own_marks` of the pool's first page.
    marks: *const AtomicUsize,
    /// Remote marks over the life of the wheel (first page only).
    own_marks: AtomicUsize,
    /// First page of a chunk: the chunk before it, and its own size. Owner only.
    older: *mut Page,
    pages: usize,
}

/// A pending timer, as its owner and its cancellers know it. A copy that outlives the timer is harmless until
/// `release`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Handle {
    pub(super) node: NonNull<Node>,
    tag: u64,
}

impl Handle {
    /// The id of its wheel.
    #[inline]
    pub fn wheel(self) -> u32 {
        (self.tag >> GEN_BITS) as u32
    }
}

// SAFETY: a handle gives no access by itself; the functions that take one say who may call them.
unsafe impl Send for Handle {}
// SAFETY: as above; it is never changed through a shared reference.
unsafe impl Sync for Handle {}

/// # Safety
/// `n` is a node of a pool that has not been released.
#[inline]
pub(super) unsafe fn is_dead(n: *mut Node) -> bool {
    // SAFETY: mapped. Relaxed: nothing else of the canceller's is read; a mark not seen yet is a late fire (P3).
    unsafe { (*n).dead.load(Relaxed) == (*n).tag.load(Relaxed) }
}

/// Any thread: marks a timer dead and goes on (see `Wheel::cancel_remote`).
/// # Safety
/// The handle's pool has not been released.
pub(super) unsafe fn mark_dead(handle: Handle) {
    let n = handle.node.as_ptr();
    // SAFETY: node and page are mapped (P4), and only what is open to everyone is touched.
    unsafe {
        // A look first: a timer that is gone needs no mark. Relaxed: it may go while we look, which P1 covers.
        if (*n).tag.load(Relaxed) != handle.tag || (*n).dead.fetch_max(handle.tag, Relaxed) >= handle.tag {
            return;
        }
        let page = n.map_addr(|a| a & !(PAGE - 1)).cast::<Page>();
        // Release: pairs with the Acquire in `outstanding`, so a sweep for this mark sees it.
        (*(*page).marks).fetch_add(1, Release);
    }
}

/// The owner's part. Each `*mut Node` in it is null or a node of this pool, mapped until `release` (P4).
pub(super) struct Pool {
    id: u32,
    /// Set when it has grown (so `marks` may be new).
    pub grown: bool,
    free: *mut Node,
    /// The places of the newest chunk never used yet.
    fresh: *mut u8,
    fresh_end: *mut u8,
    chunk: *mut Page,
    /// Marks whose node was reclaimed, or that were there before the last sweep (P5).
    pub settled: usize,
    /// Places made fit for use, those of page headers included.
    pub made: usize,
    /// Where a sweep goes on: a chunk, and a place in it; null if none is under way. And the marks when it began.
    sweep_chunk: *mut Page,
    sweep_at: usize,
    sweep_marks: usize,
    /// Null before the first chunk.
    pub marks: *const AtomicUsize,
}

impl Pool {
    pub const fn new(id: u32) -> Pool {
        assert!(id < (1 << (64 - GEN_BITS)) - 1); // so that the tag of a retired node is above all of its marks
        Pool {
            id,
            grown: false,
            free: null_mut(),
            fresh: null_mut(),
            fresh_end: null_mut(),
            chunk: null_mut(),
            settled: 0,
            made: 0,
            sweep_chunk: null_mut(),
            sweep_at: 0,
            sweep_marks: 0,
            marks: null(),
        }
    }

    /// Is the timer of this handle still in its node?
    /// # Safety
    /// As for `is_dead`.
    #[inline]
    pub unsafe fn is_current(handle: Handle) -> bool {
        // SAFETY: mapped.
        unsafe { (*handle.node.as_ptr()).tag.load(Relaxed) == handle.tag }
    }

    /// A node, and the handle of the timer that is going to live in it; None = no memory.
    #[inline]
    pub fn take(&mut self) -> Option<Handle> {
        let node = match NonNull::new(self.free) {
            Some(node) => {
                // SAFETY: ours.
                self.free = unsafe { (*node.as_ptr()).next };
                node
            }
            None => self.fresh_node()?,
        };
        // SAFETY: ours.
        Some(Handle { node, tag: unsafe { (*node.as_ptr()).tag.load(Relaxed) } })
    }

    /// Takes back a node that is on no list, and makes it ready for its next generation.
    /// # Safety
    /// The node came from `take` and is back for the first time.
    #[inline]
    pub unsafe fn put_back(&mut self, n: *mut Node) {
        // SAFETY: ours. When cancellers see the new tag does not matter (P1).
        unsafe {
            let tag = (*n).tag.load(Relaxed) + 1;
            (*n).tag.store(tag, Relaxed);
            if tag & GEN_MASK != 0 {
                (*n).next = self.free;
                self.free = n;
            } // else retired (P1)
        }
    }

    /// The same for a node that was found dead.
    /// # Safety
    /// As for `put_back`.
    pub unsafe fn put_back_dead(&mut self, n: *mut Node) {
        self.settled = self.settled.wrapping_add(1);
        // SAFETY: the caller's.
        unsafe { self.put_back(n) }
    }

    /// A node that was never used.
    #[inline(never)]
    fn fresh_node(&mut self) -> Option<NonNull<Node>> {
        if self.fresh == self.fresh_end && !self.grow() {
            return None;
        }
        // SAFETY: `fresh..fresh_end` is the unused rest of the newest chunk, whole places, page by page.
        unsafe {
            if self.fresh.addr() & (PAGE - 1) == 0 {
                let page = self.fresh.cast::<Page>();
                if page != self.chunk {
                    (&raw mut (*page).marks).write(self.marks);
                }
                self.fresh = self.fresh.add(PLACE);
                self.made += 1;
            }
            let n = self.fresh.cast::<Node>();
            self.fresh = self.fresh.add(PLACE);
            self.made += 1;
            n.write(Node {
                when: 0,
                target: null_mut(),
                seq: 0,
                fire: None,
                next: null_mut(),
                prev: null_mut(),
                tag: AtomicU64::new(u64::from(self.id) << GEN_BITS | 1),
                dead: AtomicU64::new(0),
            });
            NonNull::new(n)
        }
    }

    /// A new chunk: one page, then twice the last one, at most 16.
    fn grow(&mut self) -> bool {
        // SAFETY: `chunk` is null or the newest chunk's first page; the layout is not empty; the page is fresh and
        // ours.
        unsafe {
            let pages = self.chunk.as_ref().map_or(1, |c| (c.pages * 2).min(MAX_CHUNK_PAGES));
            let page = std::alloc::alloc(chunk_layout(pages)).cast::<Page>();
            if page.is_null() {
                return false;
            }
            page.write(Page { marks: self.marks, own_marks: AtomicUsize::new(0), older: self.chunk, pages });
            if self.marks.is_null() {
                self.marks = &raw const (*page).own_marks;
                (*page).marks = self.marks;
            }
            self.chunk = page;
            self.fresh = page.cast();
            self.fresh_end = self.fresh.add(pages * PAGE);
        }
        self.grown = true;
        true
    }

    /// About the number of dead nodes not yet reclaimed (P5).
    pub fn outstanding(&self) -> usize {
        // SAFETY: null or our first page's counter. Acquire: pairs with `mark_dead`.
        let marks = unsafe { self.marks.as_ref() }.map_or(0, |m| m.load(Acquire));
        unsettled(marks, self.settled)
    }

    /// Begins a sweep over all nodes, in the order of memory (a walk along the lists costs a cache miss a node, and
    /// cannot stop in between).
    pub fn start_sweep(&mut self) {
        self.sweep_chunk = self.chunk;
        self.sweep_at = 0;
        self.sweep_marks = self.settled.wrapping_add(self.outstanding());
    }

    /// Is one under way?
    pub fn sweeping(&self) -> bool {
        !self.sweep_chunk.is_null()
    }

    /// The next dead node of the sweep, to be reclaimed; None if the sweep or the work is over. A free node is never
    /// dead: its tag is above all that it was marked with.
    pub fn sweep_next(&mut self, work: &mut usize) -> Option<*mut Node> {
        // SAFETY: the chunks are ours; in the newest one the nodes end at `fresh`.
        unsafe {
            while let Some(chunk) = self.sweep_chunk.as_ref() {
                let start = self.sweep_chunk.cast::<u8>();
                let bytes =
                    if self.sweep_chunk == self.chunk { self.fresh.addr() - start.addr() } else { chunk.pages * PAGE };
                while self.sweep_at < bytes {
                    if *work == 0 {
                        return None;
                    }
                    *work -= 1;
                    let n = start.add(self.sweep_at).cast::<Node>();
                    self.sweep_at += PLACE;
                    if n.addr() & (PAGE - 1) != 0 && is_dead(n) {
                        return Some(n);
                    }
                }
                self.sweep_chunk = chunk.older;
                self.sweep_at = 0;
                if self.sweep_chunk.is_null() && (self.sweep_marks.wrapping_sub(self.settled) as isize) > 0 {
                    self.settled = self.sweep_marks; // with the marks that belong to no node (P5)
                }
            }
        }
        None
    }

    /// Gives all memory back; the pool is as new.
    /// # Safety
    /// Nobody uses a node or a handle of it any more.
    pub unsafe fn release(&mut self) {
        let mut page = self.chunk;
        while !page.is_null() {
            // SAFETY: a chunk's first page, allocated with this layout; nobody looks at it again.
            unsafe {
                let Page { older, pages, .. } = page.read();
                std::alloc::dealloc(page.cast(), chunk_layout(pages));
                page = older;
            }
        }
        *self = Pool::new(self.id);
    }
}

/// Marks not settled. A reclaimed node's mark may be counted a moment later than it is settled: then it is none.
#[inline]
pub(super) fn unsettled(marks: usize, settled: usize) -> usize {
    (marks.wrapping_sub(settled) as isize).max(0) as usize
}

fn chunk_layout(pages: usize) -> Layout {
    // SAFETY: the alignment is a power of two and the size is at most 64 KiB.
    unsafe { Layout::from_size_align_unchecked(pages * PAGE, PAGE) }
}

#[cfg(test)]
impl Pool {
    /// (nodes made, nodes on the free list)
    pub fn census(&self) -> (usize, usize) {
        let (mut bytes, mut pages, mut page) = (0, 0, self.chunk);
        // SAFETY: ours, all of them.
        unsafe {
            while !page.is_null() {
                bytes += (*page).pages * PAGE;
                page = (*page).older;
            }
            let fresh = self.fresh_end.addr() - self.fresh.addr();
            pages += (bytes - fresh).div_ceil(PAGE);
            let made = (bytes - fresh) / PLACE - pages;
            let (mut free, mut n) = (0, self.free);
            while !n.is_null() {
                free += 1;
                n = (*n).next;
            }
            (made, free)
        }
    }

    /// Puts the node of a handle near the end of its generations, and returns its new handle.
    pub fn age(handle: Handle) -> Handle {
        // SAFETY: ours.
        let tag = unsafe { &(*handle.node.as_ptr()).tag };
        tag.store(handle.tag & !GEN_MASK | (GEN_MASK - 1), Relaxed);
        Handle { node: handle.node, tag: tag.load(Relaxed) }
    }
}

//! What does not fit into the ring of an unbounded channel: segments behind it.
//!
//! To the channel the overflow is a sender that waits: its entry stands in `sendq` while there is anything, and a receive that frees a slot of the ring takes the oldest value of it to the
//! tail, as it does with a waiting sender's (C2). So the operations of a channel know nothing of it but the place where a full ring would make a sender wait.
//!
//! O1  Guarded by the channel's lock. While there is anything in it the ring is full, so the order of values is that of the sends.
//! O2  `node` is queued exactly while `len > 0`; nobody else ever waits to send on the channel.
//! O3  A value that was taken lies where it is until the next one is taken: the taker copies it under the same hold of the lock.
//!
//! Rejected: a ring that grows (a million values are copied under the lock, while everybody waits); a list of rings from the start (two more words for every operation of every channel).

use super::raw::{Now, RawChan};
use crate::sched::party::Waiter;
use crate::status::Status;
use crate::sys::prim::*;
use core::mem::offset_of;
use core::ptr::{from_ref, null, null_mut};

/// Values of a segment, at the least.
const FEWEST: usize = 8;
/// Bytes of a segment, about.
const BYTES: usize = 16 * 1024;

/// One piece: the next one's address, then `per` elements from `first` bytes on.
struct Segment {
    next: Cell<*mut Segment>,
}

/// See the file's head.
#[repr(C)]
pub struct Overflow {
    /// In `sendq` (O2).
    node: Waiter,
    /// What a receive takes for the sender: it has no party, so nobody is woken.
    out: Waiter,
    chan: Cell<*const RawChan>,
    head: Cell<*mut Segment>,
    tail: Cell<*mut Segment>,
    /// One that was emptied, or null.
    spare: Cell<*mut Segment>,
    /// Index of the oldest value in `head`, and behind the newest in `tail`.
    from: Cell<usize>,
    to: Cell<usize>,
    len: Cell<usize>,
    size: usize,
    per: usize,
    /// Bytes before the first element of a segment; also the segment's alignment.
    first: usize,
}

impl Overflow {
    /// How many values the ring of an unbounded channel takes. (The models meet the border early, as they do that of a segment.)
    pub(super) fn ring(size: usize) -> usize {
        if cfg!(loom) { 1 } else { (4096 / size.max(1)).clamp(16, 256) }
    }

    pub(super) fn create(size: usize, align: usize) -> *mut Overflow {
        let o = Box::new(Overflow {
            node: Waiter::new(),
            out: Waiter::new(),
            chan: Cell::new(null()),
            head: Cell::new(null_mut()),
            tail: Cell::new(null_mut()),
            spare: Cell::new(null_mut()),
            from: Cell::new(0),
            to: Cell::new(0),
            len: Cell::new(0),
            size,
            per: if cfg!(loom) { 2 } else { (BYTES / size.max(1)).clamp(FEWEST, 1024) },
            first: align.max(16).max(size_of::<Segment>().next_power_of_two()),
        });
        o.node.meet.set(Some(meet));
        Box::into_raw(o)
    }

    /// How many values there are.
    ///
    /// # Safety
    /// Null, or a channel's, under its lock.
    pub(super) unsafe fn len(o: *const Overflow) -> usize {
        // SAFETY: contract.
        if o.is_null() { 0 } else { unsafe { (*o).len.get() } }
    }

    unsafe fn at(&self, s: *mut Segment, i: usize) -> *mut u8 {
        // SAFETY: `i < per`, so within the segment.
        unsafe { s.cast::<u8>().add(self.first + i * self.size) }
    }

    /// The ring is full: the value goes here. NO_MEMORY leaves it with the sender.
    ///
    /// # Safety
    /// The lock is held; `src` is readable for an element.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn put(c: &RawChan, src: *const u8) -> Now {
        // SAFETY: contract; segments are ours.
        unsafe {
            let o = &*c.overflow.get();
            if o.tail.get().is_null() || o.to.get() == o.per {
                let s = o.segment();
                if s.is_null() {
                    return Now::Ended(Status::NoMemory);
                }
                let tail = o.tail.replace(s);
                if tail.is_null() {
                    o.head.set(s);
                    o.from.set(0);
                } else {
                    (*tail).next.set(s)
                }
                o.to.set(0);
            }
            core::ptr::copy_nonoverlapping(src, o.at(o.tail.get(), o.to.get()), o.size);
            o.to.set(o.to.get() + 1);
            c.order.sent_behind();
            if o.len.replace(o.len.get() + 1) == 0 {
                c.sendq.push(&o.node);
                o.chan.set(from_ref(c));
            }
            Now::Done(null())
        }
    }

    unsafe fn segment(&self) -> *mut Segment {
        let mut s: *mut libc::c_void = self.spare.replace(null_mut()).cast();
        // SAFETY: `s` is valid to write; the alignment is a power of two and at least a pointer's.
        unsafe {
            if s.is_null() && libc::posix_memalign(&mut s, self.first, self.first + self.per * self.size) != 0 {
                return null_mut();
            }
            s.cast::<Segment>().write(Segment { next: Cell::new(null_mut()) });
        }
        s.cast()
    }

    /// The oldest value, counted out (O3).
    unsafe fn next(&self) -> *mut u8 {
        // SAFETY: there is one, by contract of `meet`; segments are ours.
        unsafe {
            if self.from.get() == self.per {
                let empty = self.head.get();
                self.head.set((*empty).next.get());
                self.from.set(0);
                libc::free(self.spare.replace(empty).cast());
            }
            let at = self.at(self.head.get(), self.from.get());
            self.from.set(self.from.get() + 1);
            self.len.set(self.len.get() - 1);
            at
        }
    }

    /// Takes everything out of the channel, which gets no other.
    ///
    /// # Safety
    /// The lock is held.
    pub(super) unsafe fn take(c: &RawChan) -> *mut Overflow {
        let o = c.overflow.replace(null()).cast_mut();
        // SAFETY: O2.
        unsafe {
            if !o.is_null() {
                c.sendq.remove(&(*o).node)
            }
        }
        o
    }

    /// Each value, oldest first.
    ///
    /// # Safety
    /// Null, or a channel's that nobody changes meanwhile, or the caller's since `take`.
    pub(super) unsafe fn each(o: *const Overflow, mut f: impl FnMut(*mut u8)) {
        // SAFETY: contract.
        unsafe {
            if o.is_null() {
                return;
            }
            let (mut s, mut i) = ((*o).head.get(), (*o).from.get());
            for _ in 0..(*o).len.get() {
                if i == (*o).per {
                    s = (*s).next.get();
                    i = 0;
                }
                f((*o).at(s, i));
                i += 1;
            }
        }
    }

    /// Frees the memory, not the values.
    ///
    /// # Safety
    /// Null, or the caller's since `take`.
    pub(super) unsafe fn free(o: *mut Overflow) {
        if o.is_null() {
            return;
        }
        // SAFETY: contract; each segment is freed once.
        unsafe {
            let o = Box::from_raw(o);
            libc::free(o.spare.get().cast());
            let mut s = o.head.get();
            while !s.is_null() {
                let next = (*s).next.get();
                libc::free(s.cast());
                s = next;
            }
        }
    }
}

/// A receive freed a slot of the ring: it takes the oldest value.
unsafe fn meet(w: *const Waiter) -> *const Waiter {
    // SAFETY: `w` is the node of an overflow that is not empty (O2), and the lock of its channel is held.
    unsafe {
        let o = &*w.byte_sub(offset_of!(Overflow, node)).cast::<Overflow>();
        o.out.slot.set(o.next());
        if o.len.get() > 0 {
            (*o.chan.get()).sendq.push_front(w)
        }
        &o.out
    }
}

//! What does not fit into the ring of an unbounded channel: segments behind it.
//!
//! To the channel the overflow is a sender that waits: its entry stands in `sendq` while there is anything, and a receive that frees a slot of the ring takes the oldest value of it to the
//! tail, as it does with a waiting sender's (C2). So the operations of a channel know nothing of it but the place where a full ring would make a sender wait.
//!
//! O1  Guarded by the channel's lock. While there is anything in it the ring is full, so the order of values is that of the sends.
//! O2  `node` is queued exactly while `len > 0`; nobody else ever waits to send on the channel.
//! O3  A value that was taken lies where it is until the next one is taken: the taker copies it under the same hold of the lock.
//! O4  Segments come and go outside the lock (`block.rs`); one that was emptied stays as a spare.
//!
//! Rejected: a ring that grows (a million values are copied under the lock, while everybody waits); a list of rings from the start (two more words for every operation of every channel).

use super::block::{Block, Lack};
use super::raw::{KIND_CHAN, Now, RawChan};
use crate::sched::party::Waiter;
use crate::sched::{Cx, tell};
use crate::status::Status;
use crate::sys::prim::*;
use core::mem::offset_of;
use core::ptr::{from_ref, null, null_mut};
use std::alloc::{Layout, alloc};

/// Values of a segment, at the least.
const FEWEST: usize = 8;
/// Bytes of a segment, about.
const BYTES: usize = 16 * 1024;

/// See the file's head.
#[repr(C)]
pub struct Overflow {
    /// In `sendq` (O2).
    node: Waiter,
    /// What a receive takes for the sender: it has no party, so nobody is woken.
    out: Waiter,
    chan: Cell<*const RawChan>,
    head: Cell<*mut Block>,
    tail: Cell<*mut Block>,
    /// One that was emptied, or null.
    spare: Cell<*mut Block>,
    /// Index of the oldest value in `head`, and behind the newest in `tail`.
    from: Cell<usize>,
    to: Cell<usize>,
    len: Cell<usize>,
    size: usize,
    align: usize,
    per: usize,
}

impl Overflow {
    /// How many values the ring of an unbounded channel takes. (The models meet the border early, as they do that of a segment.)
    pub(super) fn ring(size: usize) -> usize {
        if cfg!(loom) { 1 } else { (4096 / size.max(1)).clamp(16, 256) }
    }

    /// Null if there is no memory.
    pub(super) fn create(size: usize, align: usize) -> *mut Overflow {
        // SAFETY: not of size 0.
        let at = unsafe { alloc(Layout::new::<Overflow>()) }.cast::<Overflow>();
        if at.is_null() {
            return at;
        }
        let o = Overflow {
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
            align,
            per: if cfg!(loom) { 2 } else { (BYTES / size.max(1)).clamp(FEWEST, 1024) },
        };
        o.node.meet.set(Some(meet));
        // SAFETY: fresh memory of its layout, which is that of a box.
        unsafe { at.write(o) };
        at
    }

    /// How many values there are.
    ///
    /// # Safety
    /// Null, or a channel's, under its lock.
    pub(super) unsafe fn len(o: *const Overflow) -> usize {
        // SAFETY: contract.
        if o.is_null() { 0 } else { unsafe { (*o).len.get() } }
    }

    unsafe fn at(&self, s: *mut Block, i: usize) -> *mut u8 {
        // SAFETY: `i < per`, so within the segment.
        unsafe { Block::elements(s, self.align).add(i * self.size) }
    }

    /// The ring is full: the value goes here. NO_ROOM leaves it with the sender, who brings room and tries again (O4).
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
                let s = o.spare.replace(null_mut());
                if s.is_null() {
                    return Now::NoRoom(o.lack());
                }
                (*s).next.set(null_mut());
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

    /// A segment.
    fn lack(&self) -> Lack {
        Lack { bytes: self.per * self.size, align: self.align }
    }

    /// After NO_ROOM, with the lock held: unlocks, brings the channel what it lacked, and locks again: OK (the caller tries again; another may have used it up meanwhile). Else, without the lock:
    /// NO_MEMORY, or that the channel is gone.
    ///
    /// # Safety
    /// As said, and no other lock is held.
    #[cold]
    #[inline(never)]
    pub(super) unsafe fn bring(cx: Cx, c: &RawChan, lack: Lack) -> Status {
        // SAFETY: contract.
        unsafe {
            c.header.lock.unlock();
            tell(cx);
            Overflow::fetch(c, lack)
        }
    }

    /// `bring` without the lock, which it takes.
    ///
    /// # Safety
    /// A channel that was one when its lock was held last; inside the bracket, with no lock held.
    pub(super) unsafe fn fetch(c: &RawChan, lack: Lack) -> Status {
        // SAFETY: contract; slots are type-stable, and the channel is checked under its lock.
        unsafe {
            let b = Block::alloc(lack);
            if b.is_null() {
                return Status::NoMemory;
            }
            let status = c.header.lock_as(KIND_CHAN);
            if !status.is_ok() {
                Block::free(b);
                return status;
            }
            match c.overflow.get().as_ref() {
                Some(o) if o.spare.get().is_null() && o.lack() == lack => o.spare.set(b),
                _ => Block::free_later(b),
            }
            status
        }
    }

    /// The oldest value, counted out (O3).
    unsafe fn next(&self) -> *mut u8 {
        // SAFETY: there is one, by contract of `meet`; segments are ours.
        unsafe {
            if self.from.get() == self.per {
                let empty = self.head.get();
                self.head.set((*empty).next.get());
                self.from.set(0);
                if self.spare.get().is_null() { self.spare.set(empty) } else { Block::free_later(empty) }
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
            Block::free(o.spare.get());
            let mut s = o.head.get();
            while !s.is_null() {
                let next = (*s).next.get();
                Block::free(s);
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

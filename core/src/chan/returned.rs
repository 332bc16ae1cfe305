//! Values that came back: a receiver that was given one and is gone meanwhile (a cancelled future) passes it on, and if nobody waits it lies in front of the buffer.
//!
//! What this is: the list of them, empty for nearly every channel. What it is NOT: part of the capacity; a channel of capacity 0 may hold some for a while.
//!
//! Everything here is under the channel's lock, but `Block`s come and go outside of it (`block.rs`). The list is a ring: the channel has the last block, whose `next` is the first and whose
//! `number` says how many there are. Order: the value that was delivered first is received first, as far as their coming back allows.

use super::block::{Block, Lack};
use super::overflow::Overflow;
use super::raw::{Now, RawChan};
use core::ffi::c_void;
use core::ptr::null;

/// How many there are.
pub(super) fn count(c: &RawChan) -> usize {
    // SAFETY: the list is the channel's, under its lock.
    unsafe { c.returned.get().as_ref() }.map_or(0, |last| last.number.get())
}

/// Takes the first one into `dst`.
///
/// # Safety
/// The lock is held, there is one, and `dst` is writable for an element. The caller tells.
#[cold]
pub(super) unsafe fn take(c: &RawChan, dst: *mut u8) {
    // SAFETY: contract; blocks of the list are the channel's.
    unsafe {
        let last = c.returned.get();
        let first = (*last).next.get();
        core::ptr::copy_nonoverlapping(Block::elements(first, c.align()), dst, c.size.get() as usize);
        if core::ptr::eq(first, last) {
            c.returned.set(null())
        } else {
            (*last).next.set((*first).next.get());
            (*last).number.set((*last).number.get() - 1);
        }
        Block::free_later(first);
    }
}

/// The element at `src` comes back to the front: to the first receiver that waits, else to the list, in `room` (null: NO_ROOM if it is needed). The party to be made ready after the unlock is in
/// `Done`; and whether `room` is the channel's now.
///
/// # Safety
/// The lock is held; `src` is readable for an element, which the channel owns from then on. The room is the caller's, for one element.
#[cfg_attr(loom, allow(dead_code))]
pub(super) unsafe fn put(c: &RawChan, src: *const u8, room: *mut Block) -> (Now, bool) {
    // SAFETY: contract; a won waiter's slot is ours (raw.rs I4).
    unsafe {
        let size = c.size.get() as usize;
        let w = c.recvq.pop_winner();
        if !w.is_null() {
            core::ptr::copy_nonoverlapping(src, (*w).slot.get(), size);
            (*w).status.set(crate::status::Status::Ok);
            return (Now::Done((*w).party.get()), false);
        }
        if room.is_null() {
            return (Now::NoRoom(Lack { bytes: size, align: c.align() }), false);
        }
        c.order.came_back();
        core::ptr::copy_nonoverlapping(src, Block::elements(room, c.align()), size);
        let last = c.returned.get();
        (*room).number.set(count(c) + 1);
        if last.is_null() {
            (*room).next.set(room)
        } else {
            (*room).next.set((*last).next.get());
            (*last).next.set(room);
        }
        c.returned.set(room);
        (Now::Done(null()), true)
    }
}

/// Each element of a list that was taken out of a channel, or stands in one that nobody changes.
unsafe fn each_of(last: *const Block, align: usize, mut f: impl FnMut(*mut Block, *mut u8)) {
    // SAFETY: contract of the callers; the next link is read before the block is given away.
    unsafe {
        let Some(r) = last.as_ref() else { return };
        let mut b = r.next.get();
        for _ in 0..r.number.get() {
            let next = (*b).next.get();
            f(b, Block::elements(b, align));
            b = next;
        }
    }
}

/// Each element that is not received yet: the returned ones, then the buffer.
///
/// # Safety
/// Nobody changes the channel meanwhile (the lock is held, or the host lets nobody run).
pub unsafe fn each(c: &RawChan, mut f: impl FnMut(*const u8)) {
    // SAFETY: contract; indices stay below the capacity.
    unsafe {
        let size = c.size.get() as usize;
        each_of(c.returned.get(), c.align(), |_, at| f(at));
        let mut i = c.head.get();
        for _ in 0..c.count.get() {
            f(c.slot(i, size));
            i = c.after(i);
        }
        Overflow::each(c.overflow.get(), |at| f(at));
    }
}

/// Drops all of them, and frees the list.
///
/// # Safety
/// The list is the caller's, or null; called outside the bracket if there is something to drop.
pub(super) unsafe fn drop_all(last: *const Block, align: usize, drop_fn: Option<unsafe extern "C" fn(*mut c_void)>) {
    // SAFETY: contract: each value is dropped once, and each block freed once.
    unsafe {
        each_of(last, align, |b, at| {
            if let Some(drop_fn) = drop_fn {
                drop_fn(at.cast())
            }
            Block::free(b)
        })
    }
}

//! Values that came back: a receiver that was given one and is gone meanwhile (a cancelled future) passes it on, and if nobody waits it lies in front of the buffer.
//!
//! What this is: the list of them, empty and unallocated for nearly every channel. What it is NOT: part of the capacity; a channel of capacity 0 may hold some for a while.
//!
//! Everything here is under the channel's lock. Order: the value that was delivered first is received first, as far as their coming back allows.

use super::overflow::Overflow;
use super::raw::{Now, RawChan};
use crate::status::Status;
use core::ffi::c_void;
use core::ptr::null;

/// Elements, the next to be received first; each `size` bytes.
pub struct Returned(Vec<u8>);

/// How many there are.
pub(super) fn count(c: &RawChan) -> usize {
    let r = c.returned.get();
    if r.is_null() {
        return 0;
    }
    // SAFETY: the list is the channel's, under its lock.
    unsafe { (*r).0.len() / (c.size.get() as usize).max(1) }
}

/// Takes the first one into `dst`.
///
/// # Safety
/// The lock is held, there is one, and `dst` is writable for an element.
#[cold]
pub(super) unsafe fn take(c: &RawChan, dst: *mut u8) {
    // SAFETY: contract; the box was leaked by `put`.
    unsafe {
        let r = c.returned.get();
        let size = (c.size.get() as usize).max(1);
        let list = &mut (*r.cast_mut()).0;
        core::ptr::copy_nonoverlapping(list.as_ptr(), dst, c.size.get() as usize);
        list.drain(..size);
        if list.is_empty() {
            drop(Box::from_raw(c.returned.replace(null()).cast_mut()));
        }
    }
}

/// The element at `src` comes back to the front: to the first receiver that waits, else to the list. The party to be made ready after the unlock is in `Done`.
///
/// # Safety
/// The lock is held; `src` is readable for an element, which the channel owns from then on.
#[cfg_attr(loom, allow(dead_code))]
pub(super) unsafe fn put(c: &RawChan, src: *const u8) -> Now {
    // SAFETY: contract; a won waiter's slot is ours (raw.rs I4).
    unsafe {
        let size = c.size.get() as usize;
        let w = c.recvq.pop_winner();
        if !w.is_null() {
            core::ptr::copy_nonoverlapping(src, (*w).slot.get(), size);
            (*w).status.set(Status::Ok);
            return Now::Done((*w).party.get());
        }
        c.order.came_back();
        if c.returned.get().is_null() {
            c.returned.set(Box::into_raw(Box::new(Returned(Vec::new()))));
        }
        let list = &mut (*c.returned.get().cast_mut()).0;
        let at = list.len();
        list.resize(at + size.max(1), 0);
        core::ptr::copy_nonoverlapping(src, list.as_mut_ptr().add(at), size);
        Now::Done(core::ptr::null())
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
        let r = c.returned.get();
        if !r.is_null() {
            (*r).0.chunks_exact(size.max(1)).for_each(|e| f(e.as_ptr()));
        }
        let mut i = c.head.get();
        for _ in 0..c.count.get() {
            f(c.slot(i, size));
            i = c.after(i);
        }
        Overflow::each(c.overflow.get(), |at| f(at));
    }
}

/// Drops all of them.
///
/// # Safety
/// The list is the caller's, or null; called outside the bracket.
pub(super) unsafe fn drop_all(
    r: *mut Returned,
    (size, align): (usize, usize),
    drop_fn: Option<unsafe extern "C" fn(*mut c_void)>,
) {
    if r.is_null() {
        return;
    }
    // SAFETY: contract. The bytes may be unaligned for the element, so each is moved to an aligned place first.
    unsafe {
        let mut list = Box::from_raw(r);
        if let Some(drop_fn) = drop_fn {
            let mut room: Vec<u8> = vec![0; size + align];
            let aligned = room.as_mut_ptr().map_addr(|at| at.next_multiple_of(align));
            for e in list.0.chunks_exact_mut(size.max(1)) {
                core::ptr::copy_nonoverlapping(e.as_ptr(), aligned, size);
                drop_fn(aligned.cast());
            }
        }
    }
}

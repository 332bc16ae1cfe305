//! Memory for values that have no place in a channel's buffer: a segment of an unbounded channel, a value that came back.
//!
//! Under the lock of a channel nobody asks the allocator for anything: whoever holds the lock may be waited for by spinning threads, and a host's collector reads what is there meanwhile.
//!
//!  E1  A block is taken with no lock held (`alloc`): an operation that finds that it needs one says so (`Lack`), unlocks, brings it, and looks again.
//!  E2  A block that was emptied under the lock is told of like a party that was met there (`told.rs`): its callback, called after the unlock by whoever emptied it, frees it.
//!
//! Rejected: to keep emptied blocks until the channel goes (what a burst took would never come back); a list of them in the channel (whoever frees them after the unlock must not touch the
//! channel any more).

use crate::sched::callback::Callback;
use crate::sched::{Cx, tell_later};
use crate::sys::prim::*;
use core::ptr::null_mut;
use std::alloc::{Layout, alloc, dealloc};

/// What stands before the elements.
#[repr(C)]
pub struct Block {
    /// Who is told when it is to be freed (E2).
    told: Callback,
    layout: Layout,
    /// The owner's.
    pub(super) next: Cell<*mut Block>,
    /// The owner's.
    pub(super) number: Cell<usize>,
}

/// What an operation lacks: room for so many bytes, aligned so.
#[derive(Clone, Copy, PartialEq)]
pub(super) struct Lack {
    pub(super) bytes: usize,
    pub(super) align: usize,
}

impl Block {
    /// Bytes before the first element.
    const fn first(align: usize) -> usize {
        size_of::<Block>().next_multiple_of(align)
    }

    /// A block with that much room; null if there is no memory.
    pub(super) fn alloc(lack: Lack) -> *mut Block {
        let align = lack.align.max(align_of::<Block>());
        let Some(bytes) = lack.bytes.checked_add(Block::first(lack.align)) else { return null_mut() };
        let Ok(layout) = Layout::from_size_align(bytes, align) else { return null_mut() };
        // SAFETY: not of size 0. What is written first is the head of the block.
        unsafe {
            let b = alloc(layout).cast::<Block>();
            if !b.is_null() {
                b.write(Block {
                    told: Callback::apart(free_told),
                    layout,
                    next: Cell::new(null_mut()),
                    number: Cell::new(0),
                });
            }
            b
        }
    }

    /// Its first element; `align` as it was asked for.
    ///
    /// # Safety
    /// A block of the caller's.
    #[inline]
    pub(super) unsafe fn elements(b: *mut Block, align: usize) -> *mut u8 {
        // SAFETY: contract; within the block.
        unsafe { b.cast::<u8>().add(Block::first(align)) }
    }

    /// Gives it back, with no lock held.
    ///
    /// # Safety
    /// A block of the caller's, or null.
    pub(super) unsafe fn free(b: *mut Block) {
        // SAFETY: contract; from `alloc`, and nothing in it is to be dropped.
        unsafe {
            if !b.is_null() {
                dealloc(b.cast(), (*b).layout)
            }
        }
    }

    /// Gives it back after the unlock (E2).
    ///
    /// # Safety
    /// A block of the caller's; inside the bracket, under a lock after which the caller tells.
    pub(super) unsafe fn free_later(b: *mut Block) {
        // SAFETY: contract; told of once, and nobody else knows it.
        unsafe {
            (*b).told.arg.set(b.cast());
            tell_later(&(*b).told.party)
        }
    }
}

/// After the unlock.
unsafe fn free_told(_: Cx, told: &Callback) {
    // SAFETY: the block that the callback stands in, told of by its owner; whoever calls touches nothing of it afterwards (C3).
    unsafe { Block::free(told.arg.get().cast()) }
}

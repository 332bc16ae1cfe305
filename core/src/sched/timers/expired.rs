//! What `Wheel::expire` hands to its caller: due timers as plain values, their nodes already back in the pool.
//!
//! It is NOT a queue: it is filled by one call, told to the targets, and forgotten. It lives on the caller's stack, so
//! firing borrows nothing of the wheel, and a target may insert and cancel timers as it likes.

use super::pool::Fire;
use core::mem::{MaybeUninit, replace};

/// How many timers one `expire` hands out at most.
pub const BATCH: usize = 64;

/// A due timer, by value: its node is in the pool again.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    pub target: *mut (),
    pub seq: u64,
    pub when: i64,
    pub fire: Fire,
}

/// The place where `expire` puts due timers; kept on the caller's stack (2 KiB, not initialised).
pub struct Expired {
    len: usize,
    items: [MaybeUninit<Due>; BATCH],
}

impl Expired {
    #[inline]
    pub const fn new() -> Expired {
        Expired { len: 0, items: [const { MaybeUninit::uninit() }; BATCH] }
    }

    #[inline]
    pub fn as_slice(&self) -> &[Due] {
        // SAFETY: `push` has written the first `len` items.
        unsafe { core::slice::from_raw_parts(self.items.as_ptr().cast::<Due>(), self.len) }
    }

    /// Tells each target, in order, and is empty then. Nothing of the wheel may be borrowed.
    #[inline]
    pub fn fire(&mut self) {
        let len = replace(&mut self.len, 0);
        for item in &self.items[..len] {
            // SAFETY: written by `push`; who inserted the timer promised that it can be fired.
            unsafe {
                let due = item.assume_init();
                (due.fire)(due.target, due.seq, due.when)
            }
        }
    }

    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.len == BATCH
    }

    #[inline]
    pub(super) fn push(&mut self, due: Due) {
        crate::sys::cpu::prefetch(due.target); // who is called is seldom in the caches
        self.items[self.len].write(due);
        self.len += 1;
    }
}

impl Default for Expired {
    fn default() -> Expired {
        Expired::new()
    }
}

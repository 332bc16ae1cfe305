//! `WakeList`: parties won under a lock, made ready after the unlock. A type, so that it can not be forgotten (it must be fired) nor fired early.
//!
//! Invariant: each link is read before its party is fired; after `ready` the party may be enlisted elsewhere (model 5h).

use super::party::{Party, WaitQueue};
use super::{Cx, ready};
use crate::status::Status;
use core::ptr::null;

/// See the file's head.
#[must_use = "parties that were won and are not fired sleep for ever"]
pub struct WakeList {
    head: *const Party,
    tail: *const Party,
}

impl WakeList {
    pub const fn new() -> WakeList {
        WakeList { head: null(), tail: null() }
    }

    pub fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Adds a party, in the order of winning.
    ///
    /// # Safety
    /// The caller won the party's ticket just now.
    pub unsafe fn push(&mut self, p: *const Party) {
        // SAFETY: a won party's link is the winner's (party.rs I3).
        unsafe {
            (*p).link.set(null());
            if self.tail.is_null() { self.head = p } else { (*self.tail).link.set(p) }
        }
        self.tail = p;
    }

    /// Ends every open wait of a queue with `status`.
    ///
    /// # Safety
    /// The lock of the queue's object is held.
    #[inline(always)]
    pub unsafe fn win_all(&mut self, q: &WaitQueue, status: Status) {
        // SAFETY: contract; a winner is won just now.
        unsafe {
            loop {
                let w = q.pop_winner();
                if w.is_null() {
                    return;
                }
                (*w).status.set(status);
                self.push((*w).party.get());
            }
        }
    }

    /// Makes all of them ready, in order. No lock is held.
    pub fn fire(self, cx: Cx) {
        let mut p = self.head;
        while !p.is_null() {
            // SAFETY: won by us, and each is fired once; the link is read first.
            unsafe {
                let next = (*p).link.get();
                ready(cx, p);
                p = next;
            }
        }
    }
}

impl Default for WakeList {
    fn default() -> Self {
        Self::new()
    }
}

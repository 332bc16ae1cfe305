//! The list of one slot of the wheel: doubly linked through the nodes, appended to at the end, sorted by `when` when
//! asked.
//!
//! It is NOT a container: it owns no node and counts none. Sorting is stable, so nodes of equal `when` stay in the
//! order of their insertion (I4), and merges the runs it finds, so a list that is in order costs one pass. Rejected:
//! copying to an array (a slot has no bound, and nothing may be allocated here).

use super::pool::Node;
use core::mem::replace;
use core::ptr::null_mut;

#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub head: *mut Node,
    pub tail: *mut Node,
}

impl Slot {
    pub const EMPTY: Slot = Slot { head: null_mut(), tail: null_mut() };

    /// Adds a node at the end, and returns the one before it, or null.
    /// # Safety
    /// Only the caller touches the nodes' plain fields; `n` is in no list.
    #[inline]
    pub unsafe fn append(&mut self, n: *mut Node) -> *mut Node {
        let before = replace(&mut self.tail, n);
        // SAFETY: the nodes are the caller's.
        unsafe {
            (*n).prev = before;
            (*n).next = null_mut();
            if before.is_null() {
                self.head = n;
            } else {
                (*before).next = n;
            }
        }
        before
    }

    /// Takes the first node off.
    /// # Safety
    /// As for `append`; the list is not empty.
    #[inline]
    pub unsafe fn pop(&mut self) -> *mut Node {
        let n = self.head;
        // SAFETY: the nodes are the caller's.
        unsafe {
            self.head = (*n).next;
            if self.head.is_null() {
                self.tail = null_mut();
            } else {
                (*self.head).prev = null_mut();
            }
        }
        n
    }

    /// Puts the list in order.
    /// # Safety
    /// Only the caller touches the nodes' plain fields.
    #[inline]
    pub unsafe fn sort(&mut self) {
        let mut n = self.head;
        // SAFETY: the nodes are the caller's.
        unsafe {
            while n != self.tail {
                let next = (*n).next;
                if (*next).when < (*n).when {
                    *self = sorted(self.head);
                    return;
                }
                n = next;
            }
        }
    }
}

/// The list of `head` (its `next` links, ended by null) in order, with all links set.
/// # Safety
/// As for `sort`.
unsafe fn sorted(head: *mut Node) -> Slot {
    // runs[i]: null, or 2^i runs merged into one, older than all that lies below it.
    let mut runs = [null_mut::<Node>(); 48];
    let mut rest = head;
    // SAFETY: the nodes are the caller's; each is in exactly one of `rest`, `runs` and `run`.
    unsafe {
        while !rest.is_null() {
            let mut run = rest;
            let mut last = rest;
            while !(*last).next.is_null() && (*(*last).next).when >= (*last).when {
                last = (*last).next;
            }
            rest = replace(&mut (*last).next, null_mut());
            for place in &mut runs {
                if place.is_null() {
                    *place = run;
                    break;
                }
                run = merge(replace(place, null_mut()), run);
            }
        }
        let mut all = null_mut::<Node>();
        for run in runs.into_iter().filter(|run| !run.is_null()) {
            all = if all.is_null() { run } else { merge(run, all) };
        }
        let (mut n, mut prev) = (all, null_mut());
        while !n.is_null() {
            (*n).prev = prev;
            prev = n;
            n = (*n).next;
        }
        Slot { head: all, tail: prev }
    }
}

/// Merges two sorted lists (`next` only); of equals, those of `older` come first.
/// # Safety
/// As for `sort`.
unsafe fn merge(mut older: *mut Node, mut newer: *mut Node) -> *mut Node {
    let mut head = null_mut::<Node>();
    let mut link = &raw mut head;
    // SAFETY: the caller's nodes; `link` is `head` or a `next` among them.
    unsafe {
        while !older.is_null() && !newer.is_null() {
            let from = if (*newer).when < (*older).when { &mut newer } else { &mut older };
            *link = *from;
            link = &raw mut (**from).next;
            *from = *link;
        }
        *link = if older.is_null() { newer } else { older };
    }
    head
}

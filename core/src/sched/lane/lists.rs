//! The lists of a lane: its idle processors, and its threads that rest or want one. Everything here is called under `lane.lock` (L1 of lane.rs).
//!
//! What it is NOT: who is put where, and who is woken; lane.rs says that.

use super::super::processor::Processor;
use super::super::thread::{NOWHERE, RESTING, Thread, WANTING};
use super::Lane;
#[cfg(loom)]
use super::NEVER;
use crate::sys::prim::*;
use core::ptr::null;

impl Lane {
    pub(super) fn push_idle(&self, p: &Processor) {
        p.idle_next.set(self.idle.get());
        debug_assert!(!p.idle.get());
        p.idle.set(true);
        p.away.set(false);
        self.idle.set(p);
        self.n_idle.store(self.n_idle.load(Relaxed) + 1, Relaxed);
        self.reckon();
    }

    pub(super) fn pop_idle(&self) -> *const Processor {
        self.unlink_idle(|_| true)
    }

    /// Takes the first idle processor that `want` likes, or null.
    pub(super) fn unlink_idle(&self, want: impl Fn(&Processor) -> bool) -> *const Processor {
        let (mut prev, mut p): (*const Processor, _) = (null(), self.idle.get());
        while !p.is_null() {
            // SAFETY: idle processors are parts of this lane, and the list is ours under the lock.
            let r = unsafe { &*p };
            if want(r) {
                if prev.is_null() {
                    self.idle.set(r.idle_next.get())
                } else {
                    // SAFETY: as above.
                    unsafe { (*prev).idle_next.set(r.idle_next.get()) }
                }
                r.idle.set(false);
                self.n_idle.store(self.n_idle.load(Relaxed) - 1, Relaxed);
                self.reckon();
                return p;
            }
            prev = p;
            p = r.idle_next.get();
        }
        null()
    }

    /// The earliest timer over the idle processors.
    pub(in crate::sched) fn reckon(&self) {
        #[cfg(not(loom))]
        let mut earliest = self.outer_earliest();
        #[cfg(loom)]
        let mut earliest = NEVER;
        let mut in_use = 0;
        let mut p = self.idle.get();
        while !p.is_null() {
            // SAFETY: as in `unlink_idle`; an idle processor's wheel is ours under the lock.
            unsafe {
                earliest = earliest.min((*p).wheel.earliest());
                in_use += usize::from(((*p).id as usize) < self.active());
                p = (*p).idle_next.get();
            }
        }
        self.idle_earliest.store(earliest, Relaxed);
        self.n_idle_active.store(in_use, SeqCst);
    }

    pub(super) fn enlist(&self, th: &Thread, as_what: u8) {
        if th.listed.get() == as_what {
            return;
        }
        self.unlist(th);
        th.listed.set(as_what);
        th.list_next.set(null());
        if as_what == RESTING {
            // LIFO: the one that slept last has the warmest cache.
            th.list_next.set(self.resting.get());
            self.resting.set(th);
        } else {
            // FIFO: nobody waits for ever (W4).
            let mut at: *const Cell<*const Thread> = &self.wanting;
            // SAFETY: the list is ours under the lock, listed threads are never freed, and `at` points to the head or a member's link.
            unsafe {
                while !(*at).get().is_null() {
                    at = &(*(*at).get()).list_next;
                }
                (*at).set(th);
            }
            self.n_wanting.store(self.n_wanting.load(Relaxed) + 1, Relaxed);
        }
    }

    pub(super) fn unlist(&self, th: &Thread) {
        let head = match th.listed.get() {
            RESTING => &self.resting,
            WANTING => &self.wanting,
            _ => return,
        };
        let (mut prev, mut t): (*const Thread, _) = (null(), head.get());
        while !t.is_null() {
            // SAFETY: listed threads are never freed, and the list is ours under the lock.
            let r = unsafe { &*t };
            if core::ptr::eq(r, th) {
                if prev.is_null() {
                    head.set(r.list_next.get())
                } else {
                    // SAFETY: as above.
                    unsafe { (*prev).list_next.set(r.list_next.get()) }
                }
                break;
            }
            prev = t;
            t = r.list_next.get();
        }
        if th.listed.get() == WANTING {
            self.n_wanting.store(self.n_wanting.load(Relaxed) - 1, Relaxed);
        }
        th.listed.set(NOWHERE);
    }

    pub(super) fn pop_thread(&self, head: &Cell<*const Thread>) -> *const Thread {
        let t = head.get();
        if !t.is_null() {
            // SAFETY: listed threads are never freed.
            self.unlist(unsafe { &*t });
        }
        t
    }
}

//! Models of the wait group (`sync/waitgroup.rs`), the real one, with the real `block` and wake lists: who waits is woken at zero, and may free the group at once.
//!
//! Parties are loom's threads, as plain threads or as tasks; `go` spawns one that counts itself out when it is gone (WG4). A freed group is overwritten cell by cell, so
//! whoever touches anything of it after the unlock that released the waiter is reported as a race (D8).
//! Not here: the slab (an object is a box), membarrier.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sched::task::{Entry, SpawnOptions};
use gort::sched::{as_task, enter};
use gort::sync::waitgroup::{self as wg, RawWg};
use gort::sys::prim::Cell;
use model::*;
use std::ptr::null;

#[derive(Clone, Copy)]
struct Group(*const RawWg);

impl Group {
    fn new(n: i64) -> Group {
        let g = Group(wg::create().unwrap().as_ptr());
        if n != 0 {
            assert_eq!(g.add(n), Status::Ok);
        }
        g
    }

    fn add(self, n: i64) -> Status {
        // SAFETY: a group of this model.
        unsafe { wg::add(self.0, n) }
    }

    fn done(self) {
        // SAFETY: as above.
        assert_eq!(unsafe { wg::done(self.0) }, Status::Ok)
    }

    fn wait(self) -> Status {
        // SAFETY: as above.
        unsafe { wg::wait(self.0) }
    }

    fn wait_until(self) -> Status {
        // SAFETY: as above.
        unsafe { wg::wait_until(self.0, i64::MAX - 1, null()) }
    }

    fn free(self) -> Status {
        // SAFETY: as above; not used afterwards.
        unsafe { wg::free(self.0) }
    }

    /// Counts a task in that writes `at`.
    fn go(self, at: &'static Cell<u32>) -> Status {
        unsafe fn call(e: *mut Entry) {
            // SAFETY: word 0 is the cell of `go`, leaked by the model.
            let at = unsafe { &*((*e).word(0) as *const Cell<u32>) };
            at.set(at.get() + 1)
        }
        let entry = Entry::new(call, None, [std::ptr::from_ref(at).addr(), 0, 0]);
        // SAFETY: as above; the entry may run anywhere.
        unsafe { wg::go(self.0, entry, SpawnOptions::default()) }
    }
}

#[test]
fn done_against_wait_then_free() {
    for (task, name) in [
        (false, "wg: done against wait of a thread, which frees the group at once"),
        (true, "wg: done against wait of a task, which frees the group at once"),
    ] {
        explore(name, 5, move || {
            let g = Group::new(1);
            if task {
                as_task();
            }
            beside(
                move || g.done(),
                || {
                    assert_eq!(g.wait(), Status::Ok);
                    assert_eq!(g.free(), Status::Ok);
                },
            );
        });
    }
}

#[test]
fn two_dones() {
    explore("wg: two dones against wait, then free", 3, || {
        let g = Group::new(2);
        as_task();
        together(vec![Box::new(move || g.done()), Box::new(move || g.done())], || {
            assert_eq!(g.wait(), Status::Ok);
            assert_eq!(g.free(), Status::Ok);
        });
    });
}

#[test]
fn two_waiters() {
    explore("wg: two waiters, a task and a thread, and a done; one uses the group again at once", 3, || {
        let g = Group::new(1);
        as_task();
        together(vec![Box::new(move || assert_eq!(g.wait(), Status::Ok)), Box::new(move || g.done())], || {
            assert_eq!(g.wait(), Status::Ok);
            assert_eq!(g.wait(), Status::Ok, "still zero");
        });
        assert_eq!(g.free(), Status::Ok);
    });
}

#[test]
fn used_again_at_once() {
    explore("wg: the first waiter counts up again while the second is being released (WG2)", 3, || {
        let g = Group::new(1);
        as_task();
        together(vec![Box::new(move || assert_eq!(g.wait(), Status::Ok)), Box::new(move || g.done())], || {
            assert_eq!(g.wait(), Status::Ok);
            assert_eq!(g.add(1), Status::Ok);
            g.done();
        });
        assert_eq!(g.free(), Status::Ok);
    });
}

#[test]
fn a_deadline_against_done() {
    explore("wg: a thread's wait with a deadline against done; the group is used on", 5, || {
        let g = Group::new(1);
        beside(
            move || g.done(),
            || {
                let s = g.wait_until();
                assert!(s == Status::Ok || s == Status::TimedOut, "{s:?}");
                let cx = enter().unwrap();
                assert!(!cx.party().waiter.queued.get(), "the waiter was left in the queue");
                cx.exit();
            },
        );
        assert_eq!(g.wait(), Status::Ok);
        assert_eq!(g.free(), Status::Ok, "nobody is left in its queue");
    });
}

#[test]
fn free_is_refused_while_in_use() {
    explore("wg: free against done: MISUSE before, OK after", 5, || {
        let g = Group::new(1);
        let mut s = Status::Os;
        beside(move || g.done(), || s = g.free());
        match s {
            Status::Ok => assert_eq!(g.add(1), Status::Misuse, "freed"),
            s => assert_eq!((s, g.free()), (Status::Misuse, Status::Ok)),
        }
    });
}

#[test]
fn go_then_wait_then_free() {
    explore("wg: go, wait, free: what the task wrote is seen, and it is gone", 4, || {
        let g = Group::new(0);
        let at = shared(Cell::new(0));
        as_task();
        assert_eq!(g.go(at), Status::Ok);
        assert_eq!(g.wait(), Status::Ok);
        assert_eq!(at.get(), 1);
        assert_eq!(g.free(), Status::Ok);
    });
}

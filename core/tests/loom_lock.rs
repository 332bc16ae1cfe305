//! Models of the byte lock (`sys/lock.rs`), the real one: the other models stand a blocking lock in for it, since two spinners make loom's schedules endless.
//!
//! Here at most one thread spins at a time. Loom does not order a swap of a held lock against the holder's plain store of 0, so under loom the lock takes by
//! compare-and-swap what it takes by swap in the product (D9: both are one read-modify-write). Not here: fairness and the backoff.

#![cfg(loom)]
#![allow(dead_code)]

mod model;

#[path = "../src/sys/lock.rs"]
mod lock;
use gort::sys::prim; // the file says `super::prim`

use lock::ByteLock;
use model::*;
use prim::Cell;

struct World {
    lock: ByteLock,
    count: Cell<u32>,
}

fn world() -> &'static World {
    shared(World { lock: ByteLock::new(), count: Cell::new(0) })
}

#[test]
fn one_holder_at_a_time() {
    explore("lock: two threads, two holds each", 4, || {
        let w = world();
        let twice = move || {
            for _ in 0..2 {
                w.lock.with(|| w.count.set(w.count.get() + 1))
            }
        };
        beside(twice, twice);
        assert_eq!(w.count.get(), 4);
    });
}

#[test]
fn try_lock_against_lock() {
    explore("lock: try_lock twice against two holds", 4, || {
        let w = world();
        let got = shared(Cell::new(0));
        beside(
            move || {
                for _ in 0..2 {
                    if w.lock.try_lock() {
                        w.count.set(w.count.get() + 1);
                        got.set(got.get() + 1);
                        // SAFETY: locked above.
                        unsafe { w.lock.unlock() }
                    }
                }
            },
            || {
                for _ in 0..2 {
                    w.lock.with(|| w.count.set(w.count.get() + 1))
                }
            },
        );
        assert_eq!(w.count.get(), 2 + got.get());
    });
}

#[test]
fn the_unlock_is_the_last_access() {
    // D8: whoever locks next may free the object.
    explore("lock: the next holder frees what the lock guards", 5, || {
        let w = world();
        beside(
            move || w.lock.with(|| w.count.set(1)),
            || {
                if w.lock.with(|| w.count.get() == 1) {
                    w.count.set(99) // freed: nobody may touch it
                }
            },
        );
    });
}

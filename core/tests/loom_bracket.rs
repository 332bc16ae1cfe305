//! Models of the bracket (`sched/bracket.rs`, D1): enter and exit against retake and borrow, over the real `Bracket`.
//!
//! A processor is a number (4, 8) and a cell that its owner touches without atomics: two owners are a race that loom reports, none is found at the end,
//! when every processor must be owned exactly once (B1). The steps of the owner are those of `doors::enter_slow`, those of the retaker `monitor::retake` and
//! `idle::borrow_next`, call by call.
//! `peek` is not called: its relaxed load of in_rt, among read-modify-writes of two threads, makes loom forget their order and read an old 0.
//! Not here: membarrier (both sides have SeqCst fences and read-modify-writes on in_rt; see model/mod.rs); the owner's rest and the lists of a lane (loom_idle.rs).

#![cfg(loom)]

mod model;

use gort::sched::bracket::{Bracket, owned};
use gort::sys::lock::ByteLock;
use gort::sys::prim::Cell;
use model::*;

struct World {
    bracket: Bracket,
    retaking: ByteLock,
    lock: ByteLock,
    // guarded by `lock`
    idle: Cell<[usize; 2]>,
    // each its owner's
    inner: [Cell<u32>; 2],
    next: Cell<u32>,
    borrowed: Cell<u32>,
}

impl World {
    fn new(spare: bool) -> &'static World {
        shared(World {
            bracket: Bracket::new(4),
            retaking: ByteLock::new(),
            lock: ByteLock::new(),
            idle: Cell::new([if spare { 8 } else { 0 }, 0]),
            inner: Default::default(),
            next: Cell::new(7),
            borrowed: Cell::new(0),
        })
    }

    fn touch(&self, p: usize) {
        let c = &self.inner[p / 4 - 1];
        c.set(c.get() + 1)
    }

    fn put_idle(&self, p: usize) {
        self.lock.with(|| {
            let [a, b] = self.idle.get();
            assert_eq!(b, 0);
            self.idle.set([p, a]);
        })
    }

    fn pop_idle(&self) -> usize {
        self.lock.with(|| {
            let [a, b] = self.idle.get();
            self.idle.set([b, 0]);
            a
        })
    }

    /// As `doors::enter` and `enter_slow` for a thread that cannot rest: 0 if there is no processor.
    fn enter(&self) -> usize {
        let word = self.bracket.enter();
        if owned(word) {
            return word;
        }
        let (word, _) = self.bracket.settle();
        if owned(word) {
            return word;
        }
        let p = self.pop_idle();
        if p != 0 {
            self.bracket.give(p);
        }
        p
    }

    /// `n` entries from user code; stops when there is no processor.
    fn work(&self, n: usize) {
        for _ in 0..n {
            let p = self.enter();
            if p != 0 {
                self.touch(p);
                assert_eq!(self.bracket.processor(), p);
            }
            self.bracket.exit();
        }
    }

    /// As `monitor::retake`; the processor goes to the idle list.
    fn retake(&self, p: usize) {
        if !self.retaking.try_lock() {
            return;
        }
        let mut got = false;
        if self.bracket.contest(p) {
            if self.bracket.in_user_code() {
                got = self.bracket.take(p);
            } else {
                self.bracket.give_up(p);
            }
        }
        // SAFETY: locked above.
        unsafe { self.retaking.unlock() };
        if got {
            self.touch(p);
            self.put_idle(p);
        }
    }

    /// As `idle::borrow_next`.
    fn borrow(&self, p: usize) {
        if !self.retaking.try_lock() {
            return;
        }
        if self.bracket.contest(p) {
            if self.bracket.in_user_code() {
                if self.bracket.borrow(p) {
                    self.touch(p);
                    self.borrowed.set(self.borrowed.get() + self.next.replace(0));
                    self.bracket.hand_back(p);
                }
            } else {
                self.bracket.give_up(p);
            }
        }
        // SAFETY: locked above.
        unsafe { self.retaking.unlock() };
    }

    /// B1, and no contest left over.
    fn check(&self, all: &[usize]) {
        let (word, contested) = self.bracket.settle();
        assert!(!contested, "left contested or borrowed");
        let [a, b] = self.idle.get();
        let mut found: Vec<usize> = [word, a, b].into_iter().filter(|p| *p != 0).collect();
        found.sort();
        assert_eq!(found, all, "every processor has exactly one owner");
    }
}

#[test]
fn entries_against_a_retake() {
    explore("bracket: three entries against a retake", 5, || {
        let w = World::new(false);
        beside(move || w.retake(4), || w.work(3));
        w.check(&[4]);
    });
}

#[test]
fn two_retakes_in_a_row() {
    explore("bracket: two entries against two retakes in a row, with a spare processor", 5, || {
        let w = World::new(true);
        beside(
            move || {
                w.retake(4);
                w.retake(8)
            },
            || w.work(2),
        );
        w.check(&[4, 8]);
    });
    explore("bracket: three entries against two retakes of the same processor", 4, || {
        let w = World::new(false);
        beside(
            move || {
                w.retake(4);
                w.retake(4)
            },
            || w.work(3),
        );
        w.check(&[4]);
    });
}

#[test]
fn the_owner_puts_it_down_itself() {
    explore("bracket: put_down by the owner, then another entry, against a retake", 5, || {
        let w = World::new(false);
        beside(
            move || w.retake(4),
            || {
                let p = w.enter();
                if p != 0 {
                    w.touch(p);
                    assert_eq!(w.bracket.put_down(), p);
                    w.put_idle(p);
                }
                w.bracket.exit();
                w.work(1);
            },
        );
        w.check(&[4]);
    });
}

#[test]
fn user_code_runs_outside() {
    explore("bracket: outside (exit, a call from the callback, enter, look up again) against two retakes", 4, || {
        let w = World::new(true);
        beside(
            move || {
                w.retake(4);
                w.retake(8)
            },
            || {
                let p = w.enter();
                if p != 0 {
                    w.touch(p);
                }
                w.bracket.exit();
                w.work(1); // the callback's own call
                let p = w.enter();
                if p != 0 {
                    w.touch(p);
                }
                w.bracket.exit();
            },
        );
        w.check(&[4, 8]);
    });
}

#[test]
fn a_next_slot_is_borrowed() {
    explore("bracket: borrow of a next slot against settle, pick and put_down", 5, || {
        let w = World::new(false);
        let got = shared(Cell::new(0));
        beside(
            move || w.borrow(4),
            || {
                w.work(1);
                let p = w.enter();
                assert_eq!(p, 4, "a borrow never leaves the owner without");
                w.touch(p);
                got.set(w.next.replace(0));
                w.bracket.put_down();
                w.put_idle(p);
                w.bracket.exit();
            },
        );
        w.check(&[4]);
        assert_eq!(got.get() + w.borrowed.get(), 7, "the task in the slot is run once");
    });
}

#[test]
fn a_borrower_and_the_monitor() {
    explore("bracket: a borrower and the monitor at once, against two entries", 3, || {
        let w = World::new(false);
        together(vec![Box::new(move || w.borrow(4)), Box::new(move || w.retake(4))], || w.work(2));
        w.check(&[4]);
    });
}

#[test]
fn a_contest_that_is_left_standing() {
    // The monitor leaves a hog contested; the next retaker takes that contest over (`contest` is true for P|1 too).
    explore("bracket: a contest left standing, then a borrow, against two entries", 4, || {
        let w = World::new(false);
        beside(
            move || {
                if w.retaking.try_lock() {
                    w.bracket.contest(4);
                    // SAFETY: locked above.
                    unsafe { w.retaking.unlock() };
                }
                w.borrow(4);
            },
            || w.work(2),
        );
        let (word, _) = w.bracket.settle();
        assert_eq!(word, 4);
        w.check(&[4]);
    });
}

//! Models of the mutex (`sync/mutex.rs`), the real one, with the real lot, `block` and tickets: never two at once, nobody sleeps for ever beside a free lock, and its memory may go after the last
//! unlock.
//!
//! The clock shows another second at each look (`sys/clock.rs`), so whoever is woken in vain starves, and the lock is handed over from then on: both ways are explored.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sched::watch::Place;
use gort::sched::{as_task, tick};
use gort::sync::mutex::RawMutex;
use gort::sys::prim::Cell;
use gort::wait::Wait;
use model::chan::{Calls, SOON, TIMED, left_the_queue, party, source, under};
use model::*;

/// A mutex and what it guards: loom reports two at once.
#[derive(Default)]
struct Guarded {
    m: RawMutex,
    n: Cell<u32>,
}

impl Guarded {
    fn add(&self) {
        assert_eq!(self.m.lock(), Status::Ok);
        self.n.set(self.n.get() + 1);
        assert_eq!(self.m.unlock(), Status::Ok);
        left_the_queue();
    }

    /// Within limits: whether it was had.
    fn add_within(&self, wait: Wait, else_: Status) -> bool {
        let s = self.m.lock_within(wait);
        if s.is_ok() {
            self.n.set(self.n.get() + 1);
            assert_eq!(self.m.unlock(), Status::Ok);
        } else {
            assert_eq!(s, else_);
        }
        left_the_queue();
        s.is_ok()
    }
}

#[test]
fn two_lock_in_turn() {
    for (task, name) in [(false, "mutex: two threads lock it twice"), (true, "mutex: two tasks lock it twice")] {
        explore(name, 5, move || {
            let g = shared(Guarded::default());
            party(task);
            beside(
                move || {
                    party(task);
                    g.add();
                    g.add();
                },
                || {
                    g.add();
                    g.add();
                },
            );
            assert_eq!(g.n.get(), 4);
            assert!(!g.m.is_locked());
        });
    }
}

#[test]
fn three_lock_at_once() {
    explore("mutex: a thread and two tasks", 4, || {
        let g = shared(Guarded::default());
        let task = move || {
            as_task();
            g.add()
        };
        together(vec![Box::new(task), Box::new(task)], || g.add());
        assert_eq!(g.n.get(), 3);
    });
}

#[test]
fn a_deadline_against_an_unlock() {
    explore("mutex: a wait with a deadline against two lockers", 4, || {
        let g = shared(Guarded::default());
        let got = shared(Cell::new(false));
        together(
            vec![Box::new(move || got.set(g.add_within(TIMED, Status::TimedOut))), Box::new(move || g.add())],
            || g.add(),
        );
        assert_eq!(g.n.get(), 2 + u32::from(got.get()));
        assert_eq!(g.m.try_lock(), Status::Ok, "nobody is left, and it is free");
    });
}

#[test]
fn a_timer_of_a_task_against_an_unlock() {
    explore("mutex: the timer of a task that waits against an unlock", 5, || {
        let g = shared(Guarded::default());
        let got = shared(Cell::new(false));
        assert_eq!(g.m.lock(), Status::Ok);
        beside(
            move || {
                as_task();
                got.set(g.add_within(Wait { deadline: SOON, ..Wait::FOREVER }, Status::TimedOut));
            },
            || {
                tick();
                assert_eq!(g.m.unlock(), Status::Ok);
            },
        );
        assert_eq!(g.n.get(), u32::from(got.get()));
        assert_eq!(g.m.try_lock(), Status::Ok);
    });
}

#[test]
fn a_cancellation_against_an_unlock() {
    explore("mutex: a cancellation against an unlock, and a plain lock beside it", 3, || {
        let g = shared(Guarded::default());
        let s = source();
        let got = shared(Cell::new(false));
        assert_eq!(g.m.lock(), Status::Ok);
        together(
            vec![Box::new(move || got.set(g.add_within(under(s), Status::Canceled))), Box::new(move || g.add())],
            || {
                s.cancel(Status::Canceled);
                assert_eq!(g.m.unlock(), Status::Ok);
            },
        );
        assert_eq!(g.n.get(), 1 + u32::from(got.get()));
        assert_eq!(g.m.try_lock(), Status::Ok);
    });
}

#[test]
fn who_only_tries_gets_it_or_not() {
    explore("mutex: a try against a lock", 5, || {
        let g = shared(Guarded::default());
        let got = shared(Cell::new(0));
        beside(
            move || {
                if g.m.try_lock().is_ok() {
                    g.n.set(g.n.get() + 1);
                    got.set(1);
                    assert_eq!(g.m.unlock(), Status::Ok);
                }
            },
            || g.add(),
        );
        assert_eq!(g.n.get(), 1 + got.get());
        assert_eq!(g.m.unlock(), Status::Misuse);
    });
}

/// MX6: whoever is called has the lock; whoever withdraws in time was not called, and leaves nothing behind.
#[test]
fn a_callback_is_handed_the_lock_or_withdrawn() {
    for (task, name) in [(false, "mutex: a callback that is withdrawn against a thread"), (true, "mutex: and a task")] {
        explore(name, 4, move || {
            let g = shared(Guarded::default());
            let calls = shared(Calls::default());
            let cb = calls.callback();
            assert_eq!(g.m.lock(), Status::Ok);
            // SAFETY: both stay until the schedule ends.
            assert_eq!(unsafe { g.m.lock_later(cb, Place::here()) }, Status::WouldBlock);
            let mut withdrawn = false;
            beside(
                move || {
                    party(task);
                    assert_eq!(g.m.unlock(), Status::Ok);
                    g.add();
                },
                || {
                    withdrawn = g.m.withdraw(cb).unwrap();
                    if !withdrawn {
                        g.n.set(g.n.get() + 1); // it is ours
                        assert_eq!(g.m.unlock(), Status::Ok);
                    }
                },
            );
            assert_eq!(withdrawn, calls.n() == 0);
            assert_eq!(g.n.get(), 1 + u32::from(!withdrawn));
            assert_eq!(g.m.try_lock(), Status::Ok, "nobody is left, and it is free");
        });
    }
}

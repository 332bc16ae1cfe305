//! Models of the ticket (`sched/ticket.rs`, D5) and of `block` and `CancelSource` above it (`wait/`, D4, D6): a wait ends once, by one, and a waker of the last wait
//! never ends the next.
//!
//! The real `block`, its commit, `expire` and `cancel` run over `sched/doors_loom.rs`, both as a plain thread and as a task: a wake-up that comes before the save, and a
//! commit that touches a task it no longer owns, are races that loom reports. Timers are due when the model says so.
//! Not here: membarrier (the light side is a SeqCst fence, so a commit that lacks it is caught, one that has only it is not told from one with a real barrier);
//! recycled slots (a slot's seq goes on: `tests` in ticket.rs); select (`block_many` has the same commit).

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sched::party::{Party, Reason, WaitQueue};
use gort::sched::ticket::{self, CANCELED, EXPIRED, Ticket, WON};
use gort::sched::{as_task, enter, ready, tick};
use gort::sys::barrier;
use gort::sys::lock::ByteLock;
use gort::sys::prim::*;
use gort::wait::block::{Wait, block};
use gort::wait::{CancelSource, cancel};
use model::*;
use std::ptr::{from_ref, null};

#[test]
fn reuse() {
    explore("ticket: late timer and late canceller of wait 1 against wait 2", 4, || {
        let t = shared(Ticket::default());
        let first = t.next_seq();
        t.open(first);
        together(
            vec![
                Box::new(move || {
                    t.win(first, EXPIRED, 0);
                }),
                Box::new(move || {
                    if let Some(seq) = t.waiting() {
                        if seq == first {
                            t.win(seq, CANCELED, 0);
                        }
                    }
                }),
            ],
            || {
                t.win(first, WON, 3);
                assert_ne!(t.outcome().0, ticket::WAITING);
                let second = t.next_seq();
                assert_eq!(second, first + 1);
                t.open(second);
            },
        );
        assert_eq!(t.waiting(), Some(first + 1), "wait 2 was ended by a waker of wait 1");
    });
}

/// An object that one party waits for; its lock comes first, as in every object of the floors above.
#[repr(C)]
struct Obj {
    lock: ByteLock,
    queue: WaitQueue,
    value: Cell<u32>,
}

fn obj() -> &'static Obj {
    shared(Obj { lock: ByteLock::default(), queue: WaitQueue::new(), value: Cell::new(0) })
}

fn source() -> &'static CancelSource {
    // SAFETY: no parent; leaked by the model.
    unsafe { cancel::create(null()).unwrap().as_ref() }
}

impl Obj {
    /// One wait of the current party; how it ended.
    fn wait(&self, deadline: bool, cancel: *const CancelSource) -> u8 {
        let cx = enter().unwrap();
        let party = cx.party();
        self.lock.lock();
        let w = &party.waiter;
        w.party.set(party);
        w.seq.set(party.ticket.next_seq());
        w.case.set(0);
        let wait = Wait { deadline: if deadline { i64::MAX - 1 } else { i64::MAX }, cancel };
        // SAFETY: enlisted under the lock; the waiter is a leaked party's.
        unsafe {
            self.queue.push(w);
            let (cx, state) = block(cx, &self.lock, Reason::Sleep, from_ref(self).cast(), wait);
            if state == WON {
                assert_eq!(w.status.get(), Status::Closed, "the winner's status");
            } else {
                self.lock.with(|| self.queue.remove(w));
                assert!(!w.queued.get(), "left in the queue");
            }
            cx.exit();
            state
        }
    }

    /// Wakes the first one whose wait is still open. Its seq, or None.
    fn wake(&self) -> Option<u64> {
        let cx = enter().unwrap();
        self.lock.lock();
        let mut won: (*const Party, u64) = (null(), 0);
        // SAFETY: the lock is held; the waiters are leaked parties'.
        unsafe {
            loop {
                let w = self.queue.pop();
                if w.is_null() {
                    break;
                }
                let (party, seq) = ((*w).party.get(), (*w).seq.get());
                if (*party).ticket.win_held(seq, WON, 0) {
                    (*w).status.set(Status::Closed);
                    won = (party, seq);
                    break;
                }
            }
            self.value.set(self.value.get() + 1);
            self.lock.unlock();
            if !won.0.is_null() {
                ready(cx, won.0)
            }
        }
        cx.exit();
        (!won.0.is_null()).then_some(won.1)
    }
}

/// The model's first thread as a task or as a plain thread.
fn become_party(task: bool) {
    if task {
        as_task();
    }
}

#[test]
fn cancel_before_and_at_the_commit() {
    for (task, name) in [
        (true, "ticket: cancel of a source before, at and after the commit of a task"),
        (false, "ticket: cancel of a source before, at and after the wait of a thread opens"),
    ] {
        explore(name, 5, move || {
            let o = obj();
            let s = source();
            become_party(task);
            beside(
                move || {
                    s.cancel(Status::Canceled);
                },
                || assert_eq!(o.wait(false, s), CANCELED),
            );
            assert_eq!(s.cause(), Some(Status::Canceled));
        });
    }
}

/// As join::cancel does it: raise the flag, heavy barrier, then end what is open.
fn cancel_task(p: &'static Party) {
    let cx = enter().unwrap();
    p.cancel.store(1, Relaxed);
    barrier::heavy();
    if let Some(seq) = p.ticket.waiting() {
        if p.end(seq, CANCELED) {
            // SAFETY: won.
            unsafe { ready(cx, p) }
        }
    }
    cx.exit();
}

#[test]
fn cancel_of_the_task_itself() {
    explore("ticket: a task's own cancel flag against its commit (K3)", 5, || {
        let o = obj();
        let t = as_task();
        beside(move || cancel_task(&t.party), || assert_eq!(o.wait(false, null()), CANCELED));
    });
}

#[test]
fn a_held_wait_against_waker_and_canceller() {
    // I4: the canceller takes the lock of what the task waits at, and may find that it waits elsewhere meanwhile.
    for (n, name) in [
        "ticket: a wait that is HELD against waker and canceller; the next wait is at nothing",
        "ticket: the same; the next wait is HELD at another object",
    ]
    .into_iter()
    .enumerate()
    {
        explore(name, 3, move || {
            let (o, other) = (obj(), obj());
            let t = as_task();
            let woken = shared(Cell::new(false));
            let mut state = 0;
            together(
                vec![Box::new(move || cancel_task(&t.party)), Box::new(move || woken.set(o.wake().is_some()))],
                || {
                    state = o.wait(false, null());
                    if n == 0 {
                        t.party.waits_for(Reason::Sleep, null());
                        t.party.ticket.open(2);
                    } else {
                        other.lock.with(|| {
                            t.party.waits_for(Reason::Sleep, from_ref(other).cast());
                            t.party.ticket.open_held(2);
                        })
                    }
                },
            );
            assert_eq!(woken.get(), state == WON, "the waker was told that it won, and only then");
            assert!(woken.get() || state == CANCELED);
            let mine = t.party.ticket.outcome().0;
            assert!(mine == CANCELED || t.party.ticket.waiting() == Some(2), "{mine}");
        });
    }
}

/// A wait that a waker, a canceller and a timer race for, then the next one, which nobody may end.
fn all_at_once(name: &str, task: bool, deadline: bool, tick_first: bool) {
    explore(name, 4, move || {
        let o = obj();
        let s = source();
        become_party(task);
        let woken = shared(Cell::new(false));
        let mut state = 0;
        let end_it = move || {
            if tick_first {
                tick()
            }
            s.cancel(Status::Canceled);
            if !tick_first {
                tick()
            }
        };
        let party = enter().unwrap();
        party.exit();
        let ticket = &party.party().ticket;
        together(vec![Box::new(end_it), Box::new(move || woken.set(o.wake().is_some()))], || {
            state = o.wait(deadline, s);
            assert_eq!(ticket.next_seq(), 2);
            ticket.open(2);
        });
        assert_eq!(ticket.waiting(), Some(2), "the next wait was ended by a waker of the last");
        assert_eq!(woken.get(), state == WON, "the waker was told that it won, and only then");
    });
}

#[test]
fn waker_against_a_timer_then_a_canceller() {
    all_at_once("ticket: a task's wait against waker, timer and canceller; the next wait", true, true, true);
}

#[test]
fn waker_against_a_canceller_then_a_timer() {
    all_at_once("ticket: a task's wait against waker, canceller and a late timer; the next wait", true, true, false);
}

#[test]
fn waker_against_a_canceller_of_a_thread() {
    all_at_once("ticket: a thread's wait against waker and canceller; the next wait", false, false, true);
}

#[test]
fn waker_against_the_deadline_of_a_thread() {
    all_at_once("ticket: a thread's wait with deadline against waker and canceller; the next wait", false, true, true);
}

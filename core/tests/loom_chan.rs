//! Models of the channel (`chan/raw.rs`), the real one, with the real `block`, tickets and wake lists: who gets a value, who is woken, and what may be freed when.
//!
//! The parties are loom's threads, as plain threads or as tasks (`sched/doors_loom.rs`). A freed channel is overwritten cell by cell, so an operation that touches anything
//! of it after its last unlock is a race (D8); a deadline passes at the first look, so an expiry meets a hand-over at every point.
//! Not here: select (two locks), the naked stub of C (`chan/stub.rs`), the slab (an object is a box), membarrier.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sched::{as_task, enter, tick};
use gort::sys::prim::Cell;
use gort::wait::{WakeList, Who};
use model::chan::*;
use model::*;
use std::ptr::null;

#[test]
fn handed_over_then_freed() {
    for (task, name) in [
        (false, "chan: unbuffered hand-over between threads; the receiver frees the channel at once"),
        (true, "chan: unbuffered hand-over to a task, which frees the channel at once"),
    ] {
        explore(name, 4, move || {
            let c = Chan::new(0);
            party(task);
            beside(
                move || assert_eq!(c.send(7), Status::Ok),
                || {
                    assert_eq!(c.recv(), Ok(7));
                    assert_eq!(c.release(), Status::Ok);
                },
            );
        });
    }
}

#[test]
fn handed_over_then_freed_by_the_sender() {
    explore("chan: unbuffered hand-over; the sender, a task, frees the channel at once", 4, || {
        let c = Chan::new(0);
        party(true);
        let got = shared(Cell::new(0));
        beside(
            move || got.set(c.recv().unwrap()),
            || {
                assert_eq!(c.send(7), Status::Ok);
                assert_eq!(c.release(), Status::Ok);
            },
        );
        assert_eq!(got.get(), 7);
    });
}

#[test]
fn round_trip() {
    explore("chan: an unbuffered round trip over two channels between two tasks", 3, || {
        let (a, b) = (Chan::new(0), Chan::new(0));
        party(true);
        beside(
            move || {
                as_task();
                let v = a.recv().unwrap();
                assert_eq!(b.send(v + 1), Status::Ok);
            },
            || {
                assert_eq!(a.send(1), Status::Ok);
                assert_eq!(b.recv(), Ok(2));
                assert_eq!(a.release(), Status::Ok);
                assert_eq!(b.release(), Status::Ok);
            },
        );
    });
}

#[test]
fn two_senders_one_receiver() {
    explore("chan: two senders and one receiver, unbuffered", 3, || {
        let c = Chan::new(0);
        party(true);
        together(
            vec![
                Box::new(move || assert_eq!(c.send(1), Status::Ok)),
                Box::new(move || assert_eq!(c.send(2), Status::Ok)),
            ],
            || assert_eq!(c.recv().unwrap() + c.recv().unwrap(), 3),
        );
        assert_eq!(c.try_send(9), Status::WouldBlock, "nobody is left in a queue");
    });
}

#[test]
fn two_receivers_one_sender() {
    explore("chan: two receivers and one sender, buffer of one", 3, || {
        let c = Chan::new(1);
        let sum = shared([Cell::new(0), Cell::new(0)]);
        together(
            vec![
                Box::new(move || sum[0].set(c.recv().unwrap())),
                Box::new(move || {
                    as_task();
                    sum[1].set(c.recv().unwrap())
                }),
            ],
            || {
                assert_eq!(c.send(1), Status::Ok);
                assert_eq!(c.send(2), Status::Ok);
            },
        );
        assert_eq!((sum[0].get() + sum[1].get(), c.len()), (3, 0));
    });
}

#[test]
fn buffer_of_one_keeps_order() {
    explore("chan: three values through a buffer of one, in order", 4, || {
        let c = Chan::new(1);
        beside(
            move || {
                as_task();
                for v in 1..=3 {
                    assert_eq!(c.send(v), Status::Ok)
                }
            },
            || {
                for v in 1..=3 {
                    assert_eq!(c.recv(), Ok(v))
                }
            },
        );
    });
}

#[test]
fn a_full_buffer_lets_the_sender_go() {
    explore("chan: one receive from a full buffer lets the parked sender go", 8, || {
        let c = Chan::new(1);
        beside(
            move || {
                assert_eq!(c.send(1), Status::Ok);
                assert_eq!(c.send(2), Status::Ok);
            },
            || assert_eq!(c.recv(), Ok(1)),
        );
        assert_eq!((c.len(), c.recv()), (1, Ok(2)));
    });
}

#[test]
fn each_wait_has_its_own_status() {
    explore("chan: a wait that a close ended, then one that a hand-over ends", 6, || {
        let (c, d) = (Chan::new(0), Chan::new(0));
        party(true);
        beside(
            move || {
                assert_eq!(c.close(), Status::Ok);
                assert_eq!(d.send(7), Status::Ok);
            },
            || {
                assert_eq!(c.recv(), Err(Status::Closed));
                assert_eq!(d.recv(), Ok(7));
            },
        );
    });
}

#[test]
fn a_wake_list_reads_each_link_first() {
    // The party that is fired first is won again, by somebody else, before the second one is fired.
    explore("chan: a wake list of two; the first is in another wake list at once", 8, || {
        let (a, b) = (enter().unwrap(), shared(gort::sched::thread::Thread::default()));
        a.exit();
        b.party.set_who(Who::Thread);
        let first = &a.thread.party;
        beside(
            move || {
                let cx = enter().unwrap();
                let mut wakes = WakeList::new();
                // SAFETY: as if won: both tickets are this model's.
                unsafe {
                    wakes.push(first);
                    wakes.push(&b.party);
                }
                wakes.fire(cx);
                cx.exit();
            },
            || {
                assert!(a.thread.party_bell.wait_told(i64::MAX));
                first.link.set(null());
            },
        );
        assert!(b.party_bell.is_told());
    });
}

/// What both sides of a hand-over that may expire were told must agree: exactly one of them has the value.
fn agree(c: Chan, timed: Status, other: Status) {
    match timed {
        Status::Ok => assert_eq!(other, Status::Ok),
        Status::TimedOut => assert_eq!(other, Status::WouldBlock),
        s => panic!("{s:?}"),
    }
    left_the_queue();
    assert_eq!(c.try_send(9), Status::WouldBlock);
    assert_eq!(c.release(), Status::Ok);
}

#[test]
fn a_thread_receives_with_a_deadline() {
    explore("chan: a thread's receive with a deadline against a try_send", 5, || {
        let c = Chan::new(0);
        let other = shared(Cell::new(Status::Os));
        let mut timed = Err(Status::Os);
        beside(move || other.set(c.try_send(7)), || timed = c.recv_until());
        agree(c, timed.map_or_else(|s| s, |v| if v == 7 { Status::Ok } else { Status::Os }), other.get());
    });
}

#[test]
fn a_thread_sends_with_a_deadline() {
    explore("chan: a thread's send with a deadline against a try_recv", 5, || {
        let c = Chan::new(0);
        let other = shared(Cell::new(Err(Status::Os)));
        let mut timed = Status::Os;
        beside(move || other.set(c.try_recv()), || timed = c.send_until(7));
        agree(c, timed, other.get().map_or_else(|s| s, |v| if v == 7 { Status::Ok } else { Status::Os }));
    });
}

#[test]
fn a_task_receives_with_a_deadline() {
    explore("chan: a task's receive with a deadline against a sender with one, and the timers", 3, || {
        let c = Chan::new(0);
        party(true);
        let other = shared(Cell::new(Status::Os));
        let mut mine = Err(Status::Os);
        beside(
            move || {
                other.set(c.send_until(7)); // a thread: its deadline passes at the first look
                tick();
                assert_eq!(c.close(), Status::Ok); // ends a wait that was armed later
            },
            || mine = c.recv_until(),
        );
        left_the_queue();
        match mine {
            Ok(v) => assert_eq!((v, other.get()), (7, Status::Ok)),
            Err(s) => {
                assert!(s == Status::TimedOut || s == Status::Closed);
                assert_eq!(other.get(), Status::TimedOut, "a value that nobody got is with its sender");
            }
        }
    });
}

#[test]
fn close_against_a_receiver() {
    for (task, name) in [
        (false, "chan: close against a parked or coming receiver, a thread"),
        (true, "chan: close against a parked or coming receiver, a task"),
    ] {
        explore(name, 5, move || {
            let c = Chan::new(0);
            party(task);
            beside(
                move || assert_eq!(c.close(), Status::Ok),
                || {
                    assert_eq!(c.recv(), Err(Status::Closed));
                    assert_eq!(c.release(), Status::Ok); // D8: the close has unlocked, or it would not have woken us
                },
            );
        });
    }
}

#[test]
fn close_against_two() {
    explore("chan: close wakes a receiver that enlists elsewhere at once, and another", 3, || {
        let (c, d) = (Chan::new(0), Chan::new(0));
        party(true);
        together(
            vec![
                Box::new(move || assert_eq!(c.recv(), Err(Status::Closed))),
                Box::new(move || {
                    assert_eq!(c.close(), Status::Ok);
                    assert_eq!(d.close(), Status::Ok);
                }),
            ],
            || {
                assert_eq!(c.recv(), Err(Status::Closed));
                assert_eq!(d.recv(), Err(Status::Closed));
            },
        );
    });
}

#[test]
fn close_against_a_sender() {
    explore("chan: close against a parked or coming sender; the value stays with it", 5, || {
        let c = Chan::new(1);
        party(true);
        assert_eq!(c.send(1), Status::Ok);
        beside(move || assert_eq!(c.close(), Status::Ok), || assert_eq!(c.send(2), Status::Closed));
        assert_eq!(c.recv(), Ok(1), "what is buffered stays receivable");
        assert_eq!(c.recv(), Err(Status::Closed));
    });
}

#[test]
fn the_last_reference_goes() {
    explore("chan: two owners release; a receiver that waits returns CLOSED", 4, || {
        let c = Chan::new(2);
        c.retain();
        assert_eq!(c.send(5), Status::Ok);
        together(vec![Box::new(move || assert_eq!(c.release(), Status::Ok))], || {
            assert_eq!(c.recv(), Ok(5));
            assert_eq!(c.release(), Status::Ok);
        });
        assert_eq!(c.close(), Status::Misuse, "the handle is stale now");
    });
    explore("chan: the last reference goes while a receiver waits or comes", 4, || {
        let c = Chan::new(0);
        party(true);
        beside(
            move || assert_eq!(c.release(), Status::Ok),
            || {
                let e = c.recv().unwrap_err();
                assert!(e == Status::Closed || e == Status::Misuse, "{e:?}");
            },
        );
    });
}

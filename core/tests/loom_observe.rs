//! Models of what is told under a lock and does its telling after it: observers (`chan/notify.rs`), the list of the told (`sched/told.rs`), callbacks (`chan/later.rs`); and of what else
//! stands in a queue without waiting: the rest of an unbounded channel (`chan/overflow.rs`).
//!
//! The descriptor of a notifier is a counter (`sys/eventfd.rs`); one that is used after it was closed is caught. That the told list is empty whenever a thread leaves is looked at
//! by `Cx::exit` (`sched/doors_loom.rs`). The ring of an unbounded channel takes one value here, a segment of its overflow two.

#![cfg(loom)]

mod model;

use Arm::*;
use gort::Status;
use gort::chan::later;
use gort::chan::select::Case;
use gort::sched::{as_task, tick};
use gort::sys::eventfd;
use gort::sys::prim::Cell;
use gort::wait::Wait;
use model::chan::*;
use model::*;

const FOREVER: Wait = Wait::FOREVER;

// ---- readiness

#[test]
fn readable_against_a_send() {
    for (cap, task) in [(1, false), (1, true), (0, false), (0, true)] {
        // With capacity 0 the sender parks: then it is its commit that tells.
        explore(&format!("observe: readable against a send, capacity {cap}, task {task}"), 6, move || {
            let c = Chan::new(cap);
            party(task);
            beside(
                move || {
                    party(task);
                    assert_eq!(c.send(7), Status::Ok);
                },
                || {
                    assert_eq!(c.readable(FOREVER), Status::Ok);
                    left_the_queue();
                    assert_eq!(c.recv(), Ok(7), "it took nothing");
                },
            );
            c.assert_no_queue();
        });
    }
}

#[test]
fn readable_against_the_end() {
    explore("observe: readable against close", 8, || {
        let c = Chan::new(0);
        party(true);
        beside(
            move || assert_eq!(c.close(), Status::Ok),
            || {
                assert_eq!(c.readable(FOREVER), Status::Ok);
                assert_eq!(c.try_recv(), Err(Status::Closed));
                assert_eq!(c.release(), Status::Ok);
            },
        );
    });
    explore("observe: readable against the release of the last reference", 6, || {
        let c = Chan::new(0);
        party(true);
        beside(
            move || assert_eq!(c.release(), Status::Ok),
            || {
                let s = c.readable(FOREVER);
                assert!(s == Status::Ok || s == Status::Misuse, "{s:?}");
            },
        );
    });
}

#[test]
fn readable_with_a_deadline() {
    explore("observe: a thread's readable with a deadline against a send into the buffer", 6, || {
        let c = Chan::new(1);
        let mut mine = Status::Os;
        beside(
            move || assert_eq!(c.try_send(7), Status::Ok),
            || {
                mine = c.readable(TIMED);
                left_the_queue();
            },
        );
        assert!(mine == Status::Ok || mine == Status::TimedOut, "{mine:?}");
        assert_eq!((c.readable(FOREVER), c.try_recv()), (Status::Ok, Ok(7)));
        c.assert_no_queue();
    });
    explore("observe: a task's readable against the timers, a send and a cancel", 3, || {
        let c = Chan::new(1);
        party(true);
        let s = source();
        let mut mine = Status::Os;
        together(
            vec![
                Box::new(move || {
                    tick();
                    assert_eq!(c.try_send(7), Status::Ok);
                }),
                Box::new(move || assert!(s.cancel(Status::Canceled))),
            ],
            || {
                mine = c.readable(Wait { deadline: SOON, cancel: s });
                left_the_queue();
            },
        );
        assert!(matches!(mine, Status::Ok | Status::TimedOut | Status::Canceled), "{mine:?}");
        assert_eq!(c.try_recv(), Ok(7));
        c.assert_no_queue();
    });
}

#[test]
fn all_observers_are_told() {
    // D10: one value, and each of them must be told, or the one that is told may be going away.
    explore("observe: two wait for readiness, one value", 4, || {
        let c = Chan::new(1);
        party(true);
        together(
            vec![
                Box::new(move || assert_eq!(c.readable(FOREVER), Status::Ok)),
                Box::new(move || assert_eq!(c.try_send(7), Status::Ok)),
            ],
            || assert_eq!(c.readable(FOREVER), Status::Ok),
        );
        assert_eq!(c.try_recv(), Ok(7));
        c.assert_no_queue();
    });
    explore("observe: a waiter whose deadline passes before an observer; one value", 4, || {
        let c = Chan::new(1);
        party(true);
        let timed = shared(Cell::new(Err(Status::Os)));
        together(
            vec![
                Box::new(move || timed.set(c.recv_until())), // a thread
                Box::new(move || {
                    assert_eq!(c.try_send(7), Status::Ok);
                    assert_eq!(c.close(), Status::Ok); // tells the observer if the value went elsewhere
                }),
            ],
            || assert_eq!(c.readable(FOREVER), Status::Ok),
        );
        match timed.get() {
            Ok(v) => assert_eq!((v, c.try_recv()), (7, Err(Status::Closed))),
            Err(_) => assert_eq!(c.try_recv(), Ok(7)),
        }
    });
}

#[test]
fn a_selector_that_sends_is_seen() {
    explore("observe: readable, then try_recv, against a selector that sends, until they meet", 4, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Send(c, 7)]);
        beside(
            move || {
                as_task();
                assert_eq!(s.wait().1, Status::Ok);
            },
            || {
                loop {
                    assert_eq!(c.readable(FOREVER), Status::Ok);
                    match c.try_recv() {
                        Ok(v) => return assert_eq!(v, 7),
                        Err(e) => assert_eq!(e, Status::WouldBlock, "it was met before it had parked"),
                    }
                }
            },
        );
        assert_eq!(s.free(), Status::Ok);
        c.assert_no_queue();
    });
}

#[test]
fn a_value_that_comes_back_is_an_arrival() {
    explore("observe: readable and a selector against a value that is given back", 3, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Recv(c)]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock)); // armed
        beside(move || assert_eq!(c.give_back(7), Status::Ok), || assert_eq!(c.readable(FOREVER), Status::Ok));
        assert_eq!((c.len(), s.wait()), (1, (0, Status::Ok, 7)));
    });
}

// ---- descriptors

/// A loop of the host's: waits for the descriptor, reads it, and receives until nothing is there; until it has `n` values.
fn loop_of(c: Chan, fd: i32, n: usize) -> Vec<u32> {
    let mut got = Vec::new();
    loop {
        eventfd::wait(fd);
        assert!(eventfd::read(fd) > 0);
        loop {
            match c.try_recv() {
                Ok(v) => got.push(v),
                Err(e) => {
                    assert_eq!(e, Status::WouldBlock);
                    break;
                }
            }
            if got.len() == n {
                return got;
            }
        }
    }
}

#[test]
fn a_descriptor_is_readable_after_each_would_block() {
    for cap in [0, 1, 2] {
        explore(&format!("observe: two values through a descriptor, capacity {cap} (N1, N3)"), 4, move || {
            let c = Chan::new(cap);
            let fd = c.notify_fd();
            beside(
                move || {
                    as_task();
                    assert_eq!(c.send(1), Status::Ok);
                    assert_eq!(c.send(2), Status::Ok);
                },
                || assert_eq!(loop_of(c, fd, 2), [1, 2]),
            );
            assert_eq!(c.release(), Status::Ok);
            assert!(eventfd::is_closed(fd));
        });
    }
}

#[test]
fn a_batch_that_ends_with_would_block_arms_the_descriptor_too() {
    explore("observe: two values through a descriptor, received in batches", 4, || {
        let c = Chan::new(2);
        let fd = c.notify_fd();
        beside(
            move || {
                assert_eq!(c.send(1), Status::Ok);
                assert_eq!(c.send(2), Status::Ok);
            },
            || {
                let mut got = Vec::new();
                while got.len() < 2 {
                    eventfd::wait(fd);
                    assert!(eventfd::read(fd) > 0);
                    let (some, s) = c.try_recv_n();
                    assert_eq!(s, Status::WouldBlock);
                    got.extend(some);
                }
                assert_eq!(got, [1, 2]);
            },
        );
    });
}

#[test]
fn two_tellers_and_one_descriptor() {
    explore("observe: two senders, one descriptor: raised while the other is about to write (N4)", 4, || {
        let c = Chan::new(2);
        let fd = c.notify_fd();
        together(
            vec![
                Box::new(move || assert_eq!(c.send(1), Status::Ok)),
                Box::new(move || assert_eq!(c.send(2), Status::Ok)),
            ],
            || {
                let mut got = loop_of(c, fd, 2);
                got.sort();
                assert_eq!(got, [1, 2]);
            },
        );
        assert_eq!(c.release(), Status::Ok);
        assert!(eventfd::is_closed(fd));
    });
}

#[test]
fn the_descriptor_is_there_when_it_is_asked_for_late() {
    explore("observe: notify_fd against a send; both askers are given the same", 4, || {
        let c = Chan::new(1);
        let other = shared(Cell::new(-1));
        let mut mine = -1;
        together(
            vec![Box::new(move || assert_eq!(c.send(7), Status::Ok)), Box::new(move || other.set(c.notify_fd()))],
            || {
                mine = c.notify_fd();
                assert_eq!(loop_of(c, mine, 1), [7]);
            },
        );
        assert_eq!(mine, other.get());
        assert_eq!(c.release(), Status::Ok);
        assert!(eventfd::is_closed(mine));
    });
}

#[test]
fn the_channel_is_freed_while_a_teller_is_about_to_write() {
    // N5. The receiver looks without waiting for the descriptor, as a loop may that is woken by something else.
    explore("observe: the receiver frees the channel at once; the sender has yet to write", 6, || {
        let c = Chan::new(1);
        let fd = c.notify_fd();
        beside(
            move || assert_eq!(c.send(7), Status::Ok),
            || {
                while c.try_recv() != Ok(7) {
                    gort::sys::prim::yield_thread();
                }
                assert_eq!(c.release(), Status::Ok);
            },
        );
        assert!(eventfd::is_closed(fd), "whoever was last has closed it");
    });
    explore("observe: close tells, and the reader frees the channel at once", 6, || {
        let c = Chan::new(0);
        let fd = c.notify_fd();
        beside(
            move || assert_eq!(c.close(), Status::Ok),
            || {
                eventfd::wait(fd);
                assert_eq!(c.try_recv(), Err(Status::Closed));
                assert_eq!(c.release(), Status::Ok);
            },
        );
        assert!(eventfd::is_closed(fd));
    });
}

#[test]
fn everybody_in_the_queue_is_told_by_one_arrival() {
    explore("observe: a notifier, a selector that is away and one that waits for readiness; one value", 3, || {
        let c = Chan::new(1);
        party(true);
        let fd = c.notify_fd(); // armed
        let s = Sel::new(&[Recv(c)]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock)); // armed
        beside(move || assert_eq!(c.send(7), Status::Ok), || assert_eq!(c.readable(FOREVER), Status::Ok));
        assert!(eventfd::read(fd) > 0);
        assert_eq!(s.try_wait(), Ok((0, Status::Ok, 7)));
        assert_eq!((s.free(), c.release()), (Status::Ok, Status::Ok));
        assert!(eventfd::is_closed(fd));
    });
}

// ---- callbacks

/// What a callback of a model knows: how often it was called.
#[test]
fn a_callback_is_called_once_or_withdrawn() {
    explore("observe: a callback's receive is withdrawn against a try_send; a late value is given back", 6, || {
        let c = Chan::new(0);
        let calls = shared(Calls::default());
        let cb = calls.callback();
        let sent = shared(Cell::new(Status::Os));
        let mut withdrawn = false;
        // SAFETY: the model's own channel and callback, which stay until the schedule ends.
        unsafe {
            assert_eq!(later::recv(c.0, cb), Status::WouldBlock);
            beside(move || sent.set(c.try_send(7)), || withdrawn = later::withdraw(c.0, cb, false).unwrap());
            assert_eq!(withdrawn, calls.n() == 0);
            assert_eq!(withdrawn, sent.get() == Status::WouldBlock);
            if !withdrawn {
                assert_eq!((later::outcome(cb), *cb.slot.get().cast::<u32>()), (Status::Ok, 7));
                assert_eq!(later::give_back(c.0, cb.slot.get().cast()), Status::Ok);
                assert_eq!(c.try_recv(), Ok(7));
            }
        }
        c.assert_no_queue();
    });
}

#[test]
fn a_callbacks_select_is_won_once_or_withdrawn() {
    explore("observe: a callback's select over two channels is withdrawn against a try_send on each", 6, || {
        let (a, b) = Chan::two(0);
        let calls = shared(Calls::default());
        let cb = calls.callback();
        let sent = shared([Cell::new(Status::Os), Cell::new(Status::Os)]);
        let mut places = [u32::MAX; 2];
        let at = places.as_mut_ptr();
        let mut withdrawn = false;
        // SAFETY: the model's own channels, callback and places, which stay until the schedule ends.
        unsafe {
            let cases = [Case::recv(a.0, at.cast()), Case::recv(b.0, at.add(1).cast())];
            let mut s = later::Select::new(Box::new(cases)).unwrap();
            assert_eq!(s.begin(cb, false), Err(Status::WouldBlock));
            beside(
                move || {
                    sent[0].set(a.try_send(7));
                    sent[1].set(b.try_send(8));
                },
                || withdrawn = s.withdraw(cb).unwrap(),
            );
            assert_eq!(s.leave(), Status::Ok);
            assert_eq!(withdrawn, calls.n() == 0);
            match s.outcome(cb) {
                None => assert!(withdrawn && sent.iter().all(|s| s.get() == Status::WouldBlock)),
                Some((i, status)) => {
                    assert_eq!((withdrawn, status, at.add(i).read()), (false, Status::Ok, 7 + i as u32));
                    assert_eq!((sent[i].get(), sent[1 - i].get()), (Status::Ok, Status::WouldBlock));
                    assert_eq!(at.add(1 - i).read(), u32::MAX, "the place of another case was written");
                }
            }
        }
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

// ---- unbounded

#[test]
fn an_unbounded_channel_is_a_fifo_over_all_borders() {
    explore("unbounded: six values over the ring and three segments, alone; the length", 8, || {
        let c = Chan::unbounded();
        for round in 0..3 {
            for v in 0..6 {
                assert_eq!((c.send(v), c.len()), (Status::Ok, v as usize + 1), "round {round}");
            }
            for v in 0..6 {
                assert_eq!((c.try_recv(), c.len()), (Ok(v), 5 - v as usize), "round {round}");
            }
            assert_eq!(c.try_recv(), Err(Status::WouldBlock));
            c.assert_no_queue();
        }
    });
    explore("unbounded: five values against a receiver", 4, || {
        let c = Chan::unbounded();
        party(true);
        beside(
            move || (1..=5).for_each(|v| assert_eq!(c.send(v), Status::Ok)),
            || (1..=5).for_each(|v| assert_eq!(c.recv(), Ok(v))),
        );
        assert_eq!(c.len(), 0);
        c.assert_no_queue();
        assert_eq!(c.release(), Status::Ok);
    });
}

#[test]
fn an_unbounded_channel_with_several_at_each_end() {
    explore("unbounded: two senders, two values each, against a receiver; each in its order", 2, || {
        let c = Chan::unbounded();
        let send = move |from: u32| {
            assert_eq!(c.send(from), Status::Ok);
            assert_eq!(c.send(from + 1), Status::Ok);
        };
        let mut got = Vec::new();
        together(vec![Box::new(move || send(10)), Box::new(move || send(20))], || {
            (0..4).for_each(|_| got.push(c.recv().unwrap()))
        });
        let of = |k: u32| got.iter().copied().filter(|v| v / 10 == k).collect::<Vec<_>>();
        assert_eq!((of(1), of(2)), (vec![10, 11], vec![20, 21]), "{got:?}");
        c.assert_no_queue();
    });
}

#[test]
fn close_keeps_what_an_unbounded_channel_holds() {
    explore("unbounded: close against three sends; what was accepted is received, in order", 5, || {
        let c = Chan::unbounded();
        let sent = shared(Cell::new(0));
        beside(
            move || {
                for v in 0..3 {
                    match c.send(v) {
                        Status::Ok => sent.set(sent.get() + 1),
                        s => assert_eq!(s, Status::Closed),
                    }
                }
            },
            || assert_eq!(c.close(), Status::Ok),
        );
        assert_eq!(c.len(), sent.get() as usize);
        (0..sent.get()).for_each(|v| assert_eq!(c.recv(), Ok(v)));
        assert_eq!(c.recv(), Err(Status::Closed));
        assert_eq!(c.release(), Status::Ok);
    });
    explore("unbounded: abandon against three sends and a receiver", 3, || {
        let c = Chan::unbounded();
        party(true);
        together(
            vec![
                Box::new(move || {
                    (0..3).for_each(|v| {
                        let s = c.send(v);
                        assert!(s == Status::Ok || s == Status::Closed, "{s:?}");
                    })
                }),
                Box::new(move || assert_eq!(c.abandon(), Status::Ok)),
            ],
            || {
                let mut next = 0;
                while let Ok(v) = c.recv() {
                    assert_eq!(v, next);
                    next += 1;
                }
            },
        );
        assert_eq!((c.len(), c.recv()), (0, Err(Status::Closed)));
        c.assert_no_queue();
        assert_eq!(c.release(), Status::Ok);
    });
}

#[test]
fn an_unbounded_channel_tells_selectors_and_descriptors() {
    explore("unbounded: three values through a selector", 4, || {
        let c = Chan::unbounded();
        party(true);
        let s = Sel::new(&[Recv(c)]);
        beside(
            move || (1..=3).for_each(|v| assert_eq!(c.send(v), Status::Ok)),
            || (1..=3).for_each(|v| assert_eq!(s.wait(), (0, Status::Ok, v))),
        );
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
    });
    explore("unbounded: three values through a descriptor", 4, || {
        let c = Chan::unbounded();
        let fd = c.notify_fd();
        beside(
            move || (1..=3).for_each(|v| assert_eq!(c.send(v), Status::Ok)),
            || assert_eq!(loop_of(c, fd, 3), [1, 2, 3]),
        );
    });
}

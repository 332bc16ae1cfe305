//! Models of select (`chan/select.rs`), the real one: two channels under two locks, one ticket for several waiters, and what is left when one of them has won.
//!
//! Waiters stand on the select's stack: when it returns they are written over (cfg loom), so a waker that still reads one is a race, and one that is still in a queue is
//! found there. The order in which the cases are looked at is what the model says (`chance`); the order of locks is that of the addresses, so the models sort
//! their channels (`Chan::two`).

#![cfg(loom)]

mod model;

use Arm::*;
use gort::Status;
use gort::chan::select::Manner;
use gort::sched::{as_task, chance, commit_elsewhere, others, tick};
use gort::sys::prim::Cell;
use gort::wait::Wait;
use model::chan::*;
use model::*;

/// Looks at the cases as they stand, or from the last one on.
const ORDERS: [u64; 2] = [0, u64::MAX];

#[test]
fn the_case_that_is_served_wins_and_the_other_leaves_its_queue() {
    for task in [false, true] {
        let name = ["select: two receive cases of a thread, a sender on the second", "select: the same of a task"];
        explore(name[task as usize], 6, move || {
            let (a, b) = Chan::two(0);
            party(task);
            beside(
                move || assert_eq!(b.send(7), Status::Ok),
                || {
                    assert_eq!(wait_select(&[Recv(a), Recv(b)]), (1, Status::Ok, 7));
                    a.assert_no_queue();
                    b.assert_no_queue();
                },
            );
        });
    }
}

#[test]
fn two_senders_and_the_value_that_is_not_taken_stays_with_its_sender() {
    explore("select: two receive cases against a try_send on each", 4, || {
        let (a, b) = Chan::two(0);
        party(true);
        let went = shared([Cell::new(Status::Os), Cell::new(Status::Os)]);
        let mut got = (9, Status::Os, 0);
        together(
            vec![
                Box::new(move || {
                    went[0].set(a.try_send(1));
                    assert!(a.close().is_ok()); // so that it ends if both came too early
                }),
                Box::new(move || went[1].set(b.try_send(2))),
            ],
            || got = wait_select(&[Recv(a), Recv(b)]),
        );
        match got {
            (0, Status::Ok, 1) => assert_eq!((went[0].get(), went[1].get()), (Status::Ok, Status::WouldBlock)),
            (1, Status::Ok, 2) => assert_eq!((went[0].get(), went[1].get()), (Status::WouldBlock, Status::Ok)),
            (0, Status::Closed, u32::MAX) => assert_eq!(went[1].get(), Status::WouldBlock),
            other => panic!("{other:?}"),
        }
        b.assert_no_queue();
    });
}

#[test]
fn two_selects_against_each_other() {
    // Locks are taken by address whatever the order of the cases; either side may have looked first.
    for (n, mirrored) in [false, true].into_iter().enumerate() {
        for order in ORDERS {
            let name =
                format!("select: send a or receive b against receive a or send b, mirrored {n}, chance {order:x}");
            explore(&name, 6, move || {
                chance(order);
                let (a, b) = Chan::two(0);
                party(true);
                let other = shared(Cell::new((9, Status::Os, 0)));
                let mut mine = (9, Status::Os, 0);
                let theirs = if mirrored { [Send(b, 2), Recv(a)] } else { [Recv(a), Send(b, 2)] };
                beside(move || other.set(wait_select(&theirs)), || mine = wait_select(&[Send(a, 1), Recv(b)]));
                let over_a = (mine == (0, Status::Ok, 1)) && other.get() == (usize::from(mirrored), Status::Ok, 1);
                let over_b = (mine == (1, Status::Ok, 2)) && other.get() == (usize::from(!mirrored), Status::Ok, 2);
                assert!(over_a ^ over_b, "{mine:?} against {:?}", other.get());
                a.assert_no_queue();
                b.assert_no_queue();
            });
        }
    }
}

#[test]
fn three_selects_over_two_channels() {
    explore("select: two selects that send against one that receives twice", 3, || {
        let (a, b) = Chan::two(0);
        party(true);
        let mut sum = 0;
        together(
            vec![
                Box::new(move || assert_eq!(wait_select(&[Send(a, 1), Send(b, 1)]).1, Status::Ok)),
                Box::new(move || assert_eq!(wait_select(&[Send(b, 2), Send(a, 2)]).1, Status::Ok)),
            ],
            || {
                for _ in 0..2 {
                    let (_, s, v) = wait_select(&[Recv(a), Recv(b)]);
                    assert_eq!(s, Status::Ok);
                    sum += v;
                }
            },
        );
        assert_eq!(sum, 3);
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn close_ends_it() {
    for (n, receive) in [true, false].into_iter().enumerate() {
        explore(["select: close against a receive case", "select: close against a send case"][n], 5, move || {
            let (a, b) = Chan::two(0);
            party(true);
            let arm = if receive { Recv(b) } else { Send(b, 3) };
            beside(
                move || assert_eq!(b.close(), Status::Ok),
                || {
                    let (i, s, _) = wait_select(&[Recv(a), arm]);
                    assert_eq!((i, s), (1, Status::Closed));
                    a.assert_no_queue();
                },
            );
            b.assert_no_queue();
        });
    }
}

#[test]
fn a_deadline_against_a_hand_over() {
    explore("select: a thread's deadline against a try_send on one of two cases", 4, || {
        let (a, b) = Chan::two(0);
        let other = shared(Cell::new(Status::Os));
        let mut mine = Err(Status::Os);
        beside(move || other.set(b.try_send(7)), || mine = select(&[Recv(a), Recv(b)], TIMED, Manner::BLOCK));
        agree(mine, 1, other.get());
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn a_deadline_of_a_task_against_a_hand_over() {
    explore("select: a task's deadline against a try_send, then the timers, then close", 3, || {
        let (a, b) = Chan::two(0);
        party(true);
        let other = shared(Cell::new(Status::Os));
        let mut mine = Err(Status::Os);
        beside(
            move || {
                other.set(b.try_send(7));
                tick();
                assert_eq!(a.close(), Status::Ok); // ends a wait that was armed later
            },
            || mine = select(&[Recv(a), Recv(b)], TIMED, Manner::BLOCK),
        );
        if mine == Ok((0, Status::Closed, u32::MAX)) {
            assert_eq!(other.get(), Status::WouldBlock);
        } else {
            agree(mine, 1, other.get());
        }
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn a_case_for_a_time_against_a_hand_over() {
    explore("select: a case for a time against a try_send on the other (S-7)", 5, || {
        let c = Chan::new(0);
        let other = shared(Cell::new(Status::Os));
        let mut mine = (9, Status::Os, 0);
        beside(move || other.set(c.try_send(7)), || mine = wait_select(&[Later, Recv(c)]));
        match mine {
            (0, Status::Ok, _) => assert_eq!(other.get(), Status::WouldBlock),
            mine => assert_eq!((mine, other.get()), ((1, Status::Ok, 7), Status::Ok)),
        }
        c.assert_no_queue();
    });
}

#[test]
fn a_cancellation_against_a_hand_over() {
    for task in [true, false] {
        let name = ["select: cancel against a try_send, a thread", "select: cancel against a try_send, a task"];
        explore(name[task as usize], 3, move || {
            let (a, b) = Chan::two(0);
            party(task);
            let s = source();
            let other = shared(Cell::new(Status::Os));
            let mut mine = Err(Status::Os);
            together(
                vec![Box::new(move || other.set(b.try_send(7))), Box::new(move || assert!(s.cancel(Status::Canceled)))],
                || mine = select(&[Recv(a), Recv(b)], under(s), Manner::BLOCK),
            );
            agree(mine, 1, other.get());
            a.assert_no_queue();
            b.assert_no_queue();
        });
    }
}

/// Exactly one side has the value 7, that came or did not come over case `i`.
fn agree(mine: Result<Went, Status>, i: usize, other: Status) {
    match mine {
        Ok(w) => assert_eq!((w, other), ((i, Status::Ok, 7), Status::Ok)),
        Err(s) => {
            assert!(s == Status::TimedOut || s == Status::Canceled, "{s:?}");
            assert_eq!(other, Status::WouldBlock, "a value that nobody got is with its sender");
        }
    }
}

#[test]
fn the_sender_frees_its_channel_right_after() {
    // S-4: pass 3 takes the lock of a channel that is gone; what it finds there must be over.
    for task in [true, false] {
        let name = ["select: the sender frees the channel that won, a thread", "select: the same, a task"];
        explore(name[task as usize], 6, move || {
            let (a, b) = Chan::two(0);
            party(task);
            beside(
                move || {
                    assert_eq!(a.send(7), Status::Ok);
                    assert_eq!(a.release(), Status::Ok);
                },
                || assert_eq!(wait_select(&[Recv(a), Recv(b)]), (0, Status::Ok, 7)),
            );
            b.assert_no_queue();
        });
    }
}

/// S-4: the list of locks stands on the parked stack, and is written over when the select returns; the commit reads it on another thread.
#[test]
fn the_commit_reads_the_parked_list_of_locks_while_it_holds_the_last_one() {
    for second in [false, true] {
        explore(&format!("select: a commit elsewhere, a sender on the second: {second}"), 4, move || {
            let (a, b) = Chan::two(0);
            as_task();
            commit_elsewhere(true);
            let c = if second { b } else { a };
            beside(
                move || {
                    assert_eq!(c.send(7), Status::Ok);
                    assert_eq!(c.release(), Status::Ok);
                },
                || assert_eq!(wait_select(&[Recv(a), Recv(b)]), (second as usize, Status::Ok, 7)),
            );
            (if second { a } else { b }).assert_no_queue();
        });
    }
}

/// S-8: others wait, so it looks, yields, looks again, and only then enlists; after that was in vain it enlists at once.
#[test]
fn it_lets_others_run_once_before_it_enlists() {
    for cap in [0, 1] {
        explore(
            &format!("select: yields once before it enlists, against a sender on each case, capacity {cap}"),
            2,
            move || {
                let (a, b) = Chan::two(cap);
                let me = as_task();
                others(true);
                let sender = |c: Chan, v| {
                    move || {
                        assert_eq!(c.send(v), Status::Ok);
                        assert_eq!(c.release(), Status::Ok);
                    }
                };
                a.retain();
                b.retain();
                let mut sum = 0;
                together(vec![Box::new(sender(a, 1)), Box::new(sender(b, 2))], || {
                    for _ in 0..2 {
                        let (_, s, v) = wait_select(&[Recv(a), Recv(b)]);
                        assert_eq!(s, Status::Ok);
                        sum += v;
                        assert!(me.party.luck.get() <= 16);
                    }
                });
                assert_eq!(sum, 3);
                a.assert_no_queue();
                b.assert_no_queue();
            },
        );
    }
    explore("select: two of them that yield once, against each other", 4, || {
        let (a, b) = Chan::two(0);
        as_task();
        others(true);
        let theirs = shared(Cell::new((9, Status::Os, 0)));
        let mut mine = (9, Status::Os, 0);
        beside(
            move || {
                as_task();
                theirs.set(wait_select(&[Recv(a), Send(b, 2)]))
            },
            || mine = wait_select(&[Send(a, 1), Recv(b)]),
        );
        let over_a = mine == (0, Status::Ok, 1) && theirs.get() == (0, Status::Ok, 1);
        let over_b = mine == (1, Status::Ok, 2) && theirs.get() == (1, Status::Ok, 2);
        assert!(over_a ^ over_b, "{mine:?} against {:?}", theirs.get());
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn whoever_won_the_other_case_frees_its_channel() {
    explore("select: the channel of the case that lost is freed while the select leaves", 4, || {
        let (a, b) = Chan::two(0);
        party(true);
        b.retain();
        together(
            vec![Box::new(move || assert_eq!(a.send(7), Status::Ok)), Box::new(move || assert!(b.release().is_ok()))],
            || {
                assert_eq!(wait_select(&[Recv(a), Recv(b)]), (0, Status::Ok, 7));
                assert_eq!(b.release(), Status::Ok);
            },
        );
    });
}

#[test]
fn one_channel_in_two_cases() {
    explore("select: the same channel in two cases, and another receiver behind", 3, || {
        let c = Chan::new(0);
        party(true);
        let other = shared(Cell::new(0));
        let mut mine = (9, Status::Os, 0);
        together(
            vec![
                Box::new(move || other.set(c.recv().unwrap())),
                Box::new(move || {
                    assert_eq!(c.send(1), Status::Ok);
                    assert_eq!(c.send(2), Status::Ok);
                }),
            ],
            || mine = wait_select(&[Recv(c), Recv(c)]),
        );
        assert_eq!((mine.1, mine.2 + other.get()), (Status::Ok, 3));
        c.assert_no_queue();
    });
}

#[test]
fn it_never_meets_itself() {
    explore("select: send and receive on one unbuffered channel, alone", 8, || {
        let c = Chan::new(0);
        for arms in [[Send(c, 1), Recv(c)], [Recv(c), Send(c, 1)]] {
            assert_eq!(select(&arms, TIMED, Manner::BLOCK), Err(Status::TimedOut));
            assert_eq!(select(&arms, Wait::FOREVER, Manner::TRY), Err(Status::WouldBlock));
        }
        c.assert_no_queue();
    });
}

#[test]
fn two_of_them_meet_each_other() {
    for order in ORDERS {
        explore(
            &format!("select: two that send or receive on one unbuffered channel, chance {order:x}"),
            7,
            move || {
                chance(order);
                let c = Chan::new(0);
                party(true);
                let other = shared(Cell::new((9, Status::Os, 0)));
                let mut mine = (9, Status::Os, 0);
                beside(
                    move || other.set(wait_select(&[Send(c, 2), Recv(c)])),
                    || mine = wait_select(&[Send(c, 1), Recv(c)]),
                );
                let (mine, other) = ((mine.0, mine.2), (other.get().0, other.get().2));
                assert!((mine, other) == ((0, 1), (1, 1)) || (mine, other) == ((1, 2), (0, 2)), "{mine:?} {other:?}");
                c.assert_no_queue();
            },
        );
    }
}

#[test]
fn with_default_it_never_waits_and_leaves_nothing() {
    explore("select: with default against a sender that waits or comes", 5, || {
        let (a, b) = Chan::two(0);
        let mut mine = Err(Status::Os);
        beside(
            move || {
                as_task();
                let s = b.send(7);
                assert!(s == Status::Ok || s == Status::Closed, "{s:?}");
            },
            || {
                mine = select(&[Recv(a), Recv(b)], Wait::FOREVER, Manner::TRY);
                a.assert_no_queue();
                assert_eq!(b.close(), Status::Ok);
            },
        );
        assert!(mine == Ok((1, Status::Ok, 7)) || mine == Err(Status::WouldBlock), "{mine:?}");
        b.assert_no_queue();
    });
}

#[test]
fn many_cases_have_their_waiters_on_the_heap() {
    explore("select: seven cases, five of them switched off, against a sender that frees its channel", 6, || {
        let (a, b) = Chan::two(0);
        party(true);
        beside(
            move || {
                assert_eq!(b.send(7), Status::Ok);
                assert_eq!(b.release(), Status::Ok);
            },
            || assert_eq!(wait_select(&[Nil, Recv(a), Nil, Nil, Nil, Recv(b), Nil]), (5, Status::Ok, 7)),
        );
        a.assert_no_queue();
    });
}

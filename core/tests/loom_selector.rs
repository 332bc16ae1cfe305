//! Models of the selector (`chan/selector.rs`), the real one: entries that are tried, armed, and met by peers while their party is about to park, parks, leaves, or is away.
//!
//! An entry that was removed is written over and stays (cfg loom), so a peer that still reads it is a race. A wake-up that is lost is a deadlock, which loom reports; a value that is
//! lost or doubled is one that both sides do not agree on.

#![cfg(loom)]

mod model;

use Arm::*;
use gort::Status;
use gort::chan::select::Manner;
use gort::sched::{as_task, tick};
use gort::sys::prim::Cell;
use gort::wait::Wait;
use model::chan::*;
use model::*;

#[test]
fn a_peer_meets_the_entry_while_its_party_is_about_to_park() {
    // L2, L3: between the try and the arming, and between the last look at the list and the parking.
    for task in [false, true] {
        let name = ["selector: a send against a wait of a thread", "selector: a send against a wait of a task"];
        explore(name[task as usize], 6, move || {
            let c = Chan::new(0);
            party(task);
            let s = Sel::new(&[Recv(c)]);
            beside(move || assert_eq!(c.send(7), Status::Ok), || assert_eq!(s.wait(), (0, Status::Ok, 7)));
            assert_eq!(s.free(), Status::Ok);
            c.assert_no_queue();
        });
    }
    explore("selector: a receive against a wait that sends", 6, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Send(c, 7)]);
        beside(move || assert_eq!(c.recv(), Ok(7)), || assert_eq!(s.wait().1, Status::Ok));
        assert_eq!(s.free(), Status::Ok);
        c.assert_no_queue();
    });
}

#[test]
fn two_values_through_one_entry() {
    for cap in [0, 1] {
        explore(&format!("selector: two values, one wait each, capacity {cap}"), 4, move || {
            let c = Chan::new(cap);
            party(true);
            let s = Sel::new(&[Recv(c)]);
            beside(
                move || {
                    assert_eq!(c.send(1), Status::Ok);
                    assert_eq!(c.send(2), Status::Ok);
                },
                || {
                    assert_eq!(s.wait(), (0, Status::Ok, 1));
                    assert_eq!(s.wait(), (0, Status::Ok, 2));
                    assert_eq!(s.try_wait(), Err(Status::WouldBlock));
                },
            );
        });
    }
}

#[test]
fn a_sender_on_each_of_two_cases() {
    explore("selector: two cases, a sender on each", 3, || {
        let (a, b) = (Chan::new(0), Chan::new(0));
        party(true);
        let s = Sel::new(&[Recv(a), Recv(b)]);
        together(
            vec![
                Box::new(move || assert_eq!(a.send(1), Status::Ok)),
                Box::new(move || assert_eq!(b.send(2), Status::Ok)),
            ],
            || {
                let mut got = [s.wait(), s.wait()];
                got.sort_by_key(|w| w.0);
                assert_eq!(got, [(0, Status::Ok, 1), (1, Status::Ok, 2)]);
                assert_eq!(s.try_wait(), Err(Status::WouldBlock));
            },
        );
        assert_eq!(s.free(), Status::Ok);
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn two_selectors_meet_over_an_unbuffered_channel() {
    for (task, other) in [(false, false), (true, true), (true, false)] {
        explore(
            &format!("selector: one that sends and one that receives always meet ({task}, {other})"),
            8,
            move || {
                let c = Chan::new(0);
                party(task);
                let (mine, theirs) = (Sel::new(&[Recv(c)]), Sel::new(&[Send(c, 7)]));
                beside(
                    move || {
                        party(other);
                        assert_eq!(theirs.wait().1, Status::Ok);
                    },
                    || assert_eq!(mine.wait(), (0, Status::Ok, 7)),
                );
                assert_eq!((mine.free(), theirs.free()), (Status::Ok, Status::Ok));
                c.assert_no_queue();
            },
        );
    }
}

#[test]
fn two_selectors_over_two_channels() {
    for (n, mirrored) in [false, true].into_iter().enumerate() {
        let name = ["selector: send a or receive b against receive a or send b", "selector: the same, mirrored"];
        explore(name[n], 6, move || {
            let (a, b) = (Chan::new(0), Chan::new(0));
            party(true);
            let (here, there) = (usize::from(mirrored), usize::from(!mirrored));
            let mine = Sel::new(&[Send(a, 1), Recv(b)]);
            let theirs = Sel::new(&if mirrored { [Send(b, 2), Recv(a)] } else { [Recv(a), Send(b, 2)] });
            let other = shared(Cell::new((9, Status::Os, 0)));
            let mut went = (9, Status::Os, 0);
            beside(move || other.set(theirs.wait()), || went = mine.wait());
            let over_a = went == (0, Status::Ok, 1) && other.get() == (here, Status::Ok, 1);
            let over_b = went == (1, Status::Ok, 2) && other.get() == (there, Status::Ok, 2);
            assert!(over_a ^ over_b, "{went:?} against {:?}", other.get());
        });
    }
}

#[test]
fn two_selectors_that_send_or_receive_on_one_channel() {
    explore("selector: two, each of which sends or receives on one unbuffered channel", 6, || {
        let c = Chan::new(0);
        party(true);
        let (mine, theirs) = (Sel::new(&[Send(c, 1), Recv(c)]), Sel::new(&[Send(c, 2), Recv(c)]));
        let other = shared(Cell::new((9, Status::Os, 0)));
        let mut went = (9, Status::Os, 0);
        beside(move || other.set(theirs.wait()), || went = mine.wait());
        let (mine, theirs) = ((went.0, went.2), (other.get().0, other.get().2));
        assert!((mine, theirs) == ((0, 1), (1, 1)) || (mine, theirs) == ((1, 2), (0, 2)), "{mine:?} {theirs:?}");
    });
}

#[test]
fn it_never_meets_itself() {
    explore("selector: send and receive on one unbuffered channel, alone, then with a peer", 5, || {
        let c = Chan::new(0);
        let s = Sel::new(&[Send(c, 1), Recv(c)]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
        assert_eq!(s.wait_within(TIMED), Err(Status::TimedOut));
        beside(move || assert_eq!(c.send(7), Status::Ok), || assert_eq!(s.wait(), (1, Status::Ok, 7)));
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
        assert_eq!(s.free(), Status::Ok);
        c.assert_no_queue();
    });
}

#[test]
fn its_own_cases_feed_each_other_through_a_buffer() {
    for first in [0, 1] {
        explore(
            &format!("selector: send and receive on one buffered channel take turns, {first} before"),
            8,
            move || {
                let c = Chan::new(1);
                let s = Sel::new(&if first == 0 { [Send(c, 5), Recv(c)] } else { [Recv(c), Send(c, 5)] });
                let (send, recv) = (first, 1 - first);
                for round in 0..3 {
                    assert_eq!(s.try_wait(), Ok((send, Status::Ok, 5)), "round {round}: there is room");
                    assert_eq!(s.try_wait(), Ok((recv, Status::Ok, 5)), "round {round}: there is a value");
                }
                assert_eq!(c.send(6), Status::Ok);
                assert_eq!(s.try_wait(), Ok((recv, Status::Ok, 6)), "it is full");
                for round in 0..3 {
                    assert_eq!(s.try_wait(), Ok((send, Status::Ok, 5)), "round {round}: there is room again");
                    assert_eq!(s.try_wait(), Ok((recv, Status::Ok, 5)), "round {round}: there is a value again");
                }
                assert_eq!(s.free(), Status::Ok);
                c.assert_no_queue();
            },
        );
    }
}

#[test]
fn try_send_succeeds_exactly_if_it_waits() {
    for task in [false, true] {
        let name = ["selector: a try_send against a wait of a thread", "selector: a try_send against a wait of a task"];
        explore(name[task as usize], 7, move || {
            let c = Chan::new(0);
            party(task);
            let s = Sel::new(&[Recv(c)]);
            let other = shared(Cell::new(Status::Os));
            let mut went = (9, Status::Os, 0);
            beside(
                move || {
                    other.set(c.try_send(7));
                    assert_eq!(c.close(), Status::Ok);
                },
                || went = s.wait(),
            );
            match other.get() {
                Status::Ok => assert_eq!(went, (0, Status::Ok, 7)),
                e => assert_eq!((e, went), (Status::WouldBlock, (0, Status::Closed, u32::MAX))),
            }
        });
    }
}

#[test]
fn closed_is_ready_each_time_until_the_case_is_removed() {
    explore("selector: close against a wait, then again, then the case goes", 5, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Recv(c)]);
        beside(
            move || assert_eq!(c.close(), Status::Ok),
            || {
                assert_eq!(s.wait(), (0, Status::Closed, u32::MAX));
                assert_eq!(s.wait(), (0, Status::Closed, u32::MAX));
                assert_eq!(s.remove(0), Status::Ok);
                assert_eq!(s.try_wait(), Err(Status::WouldBlock));
            },
        );
        assert_eq!((s.remove(0), s.free()), (Status::Invalid, Status::Ok));
        c.assert_no_queue();
    });
}

/// Exactly one side has the value 7.
fn agree(mine: Result<Went, Status>, other: Status) {
    match mine {
        Ok((0, Status::Closed, _)) | Err(Status::TimedOut | Status::Canceled) => {
            assert_eq!(other, Status::WouldBlock, "a value that nobody got is with its sender")
        }
        mine => assert_eq!((mine, other), (Ok((0, Status::Ok, 7)), Status::Ok)),
    }
}

#[test]
fn a_deadline_against_a_hand_over() {
    explore("selector: a thread's deadline against a try_send; then it is used on", 5, || {
        let c = Chan::new(0);
        let s = Sel::new(&[Recv(c)]);
        let other = shared(Cell::new(Status::Os));
        let mut mine = Err(Status::Os);
        beside(move || other.set(c.try_send(7)), || mine = s.wait_within(TIMED));
        agree(mine, other.get());
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
        beside(move || assert_eq!(c.send(8), Status::Ok), || assert_eq!(s.wait(), (0, Status::Ok, 8)));
    });
    explore("selector: a task's deadline against a try_send, then the timers, then close", 4, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Recv(c)]);
        let other = shared(Cell::new(Status::Os));
        let mut mine = Err(Status::Os);
        beside(
            move || {
                other.set(c.try_send(7));
                tick();
                assert_eq!(c.close(), Status::Ok);
            },
            || mine = s.wait_within(TIMED),
        );
        agree(mine, other.get());
    });
}

#[test]
fn a_cancellation_against_a_hand_over() {
    for task in [false, true] {
        let name = ["selector: cancel against a try_send, a thread", "selector: cancel against a try_send, a task"];
        explore(name[task as usize], 3, move || {
            let c = Chan::new(0);
            party(task);
            let (s, source) = (Sel::new(&[Recv(c)]), source());
            let other = shared(Cell::new(Status::Os));
            let mut mine = Err(Status::Os);
            together(
                vec![
                    Box::new(move || other.set(c.try_send(7))),
                    Box::new(move || assert!(source.cancel(Status::Canceled))),
                ],
                || mine = s.wait_within(under(source)),
            );
            agree(mine, other.get());
            assert_eq!(s.try_wait(), Err(Status::WouldBlock));
        });
    }
}

#[test]
fn a_case_is_removed_while_a_peer_meets_it() {
    explore("selector: remove, then free, against a try_send that meets the entry", 5, || {
        let c = Chan::new(0);
        let s = Sel::new(&[Recv(c), Nil]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock)); // armed
        beside(
            move || assert_eq!(c.try_send(7), Status::WouldBlock),
            || {
                assert_eq!(s.remove(0), Status::Ok);
                assert_eq!(s.try_wait(), Err(Status::WouldBlock));
                assert_eq!(s.free(), Status::Ok);
            },
        );
        c.assert_no_queue();
    });
    explore("selector: free against a try_send that meets the entry", 5, || {
        let (c, d) = (Chan::new(0), Chan::new(0));
        let s = Sel::new(&[Recv(c), Recv(d)]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
        beside(move || assert_eq!(c.try_send(7), Status::WouldBlock), || assert_eq!(s.free(), Status::Ok));
        c.assert_no_queue();
        d.assert_no_queue();
    });
}

#[test]
fn the_channel_of_a_case_is_released_by_everybody_else() {
    explore("selector: the peer releases its reference while the case stands and goes", 6, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Recv(c)]);
        beside(
            move || {
                assert_eq!(c.send(7), Status::Ok);
                assert_eq!(c.release(), Status::Ok);
            },
            || {
                assert_eq!(s.wait(), (0, Status::Ok, 7));
                assert_eq!(s.remove(0), Status::Ok); // perhaps the last reference
                assert_eq!(s.free(), Status::Ok);
            },
        );
        assert_eq!(c.close(), Status::Misuse, "the channel is gone");
    });
}

#[test]
fn a_selector_and_a_plain_receiver_share_the_values() {
    explore("selector: it and a receiver on one channel, two values", 3, || {
        let c = Chan::new(0);
        party(true);
        let s = Sel::new(&[Recv(c)]);
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
            || mine = s.wait(),
        );
        assert_eq!((mine.0, mine.1, mine.2 + other.get()), (0, Status::Ok, 3));
    });
    explore("selector: it went away; a receiver behind its entry gets the value", 4, || {
        let c = Chan::new(1);
        party(true);
        let s = Sel::new(&[Recv(c)]);
        assert_eq!(s.try_wait(), Err(Status::WouldBlock)); // armed, and nobody waits
        beside(move || assert_eq!(c.send(7), Status::Ok), || assert_eq!(c.recv(), Ok(7)));
        assert_eq!(s.try_wait(), Err(Status::WouldBlock));
    });
}

#[test]
fn a_select_meets_a_selector() {
    explore("selector: a select that sends on one of two channels against it", 3, || {
        let (a, b) = Chan::two(0);
        party(true);
        let s = Sel::new(&[Recv(b)]);
        beside(
            move || {
                as_task();
                let w = select(&[Send(a, 1), Send(b, 2)], Wait::FOREVER, Manner::BLOCK).unwrap();
                assert_eq!((w.0, w.1), (1, Status::Ok));
            },
            || assert_eq!(s.wait(), (0, Status::Ok, 2)),
        );
        assert_eq!(s.free(), Status::Ok);
        a.assert_no_queue();
        b.assert_no_queue();
    });
}

#[test]
fn one_party_waits_at_a_time() {
    explore("selector: two threads wait on one; each value comes once, or the second is refused", 3, || {
        let c = Chan::new(2);
        let s = Sel::new(&[Recv(c)]);
        assert_eq!((c.send(1), c.send(2)), (Status::Ok, Status::Ok));
        let other = shared(Cell::new(Err(Status::Os)));
        let mut mine = Err(Status::Os);
        beside(move || other.set(s.try_wait()), || mine = s.try_wait());
        match (mine, other.get()) {
            (Ok(a), Ok(b)) => assert_eq!(a.2.min(b.2) + a.2.max(b.2), 3),
            (Ok((0, Status::Ok, 1)), Err(Status::Misuse)) | (Err(Status::Misuse), Ok((0, Status::Ok, 1))) => {
                assert_eq!(s.try_wait(), Ok((0, Status::Ok, 2)));
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(c.len(), 0);
    });
}

#[test]
fn its_party_may_change_between_two_waits() {
    explore("selector: a thread's wait ends by its deadline, then a task waits; a late peer", 4, || {
        let c = Chan::new(0);
        let s = Sel::new(&[Recv(c)]);
        let (value, sent) = (shared(Cell::new(0)), shared(Cell::new(Status::Os)));
        beside(
            move || sent.set(c.send(7)),
            || {
                let first = s.wait_within(TIMED);
                as_task();
                value.set(match first {
                    Ok(w) => w.2,
                    Err(s2) => {
                        assert_eq!(s2, Status::TimedOut);
                        s.wait().2
                    }
                });
            },
        );
        assert_eq!((value.get(), sent.get()), (7, Status::Ok));
    });
}

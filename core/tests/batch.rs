//! Several values in one call: what goes, what stays in the vector, who waits, and that a batch that is cut short loses nothing.
//!
//! What this is: `send_many`, `recv_many` and their forms. What it is NOT: single values (chan.rs, chan_values.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/source.rs"]
mod source;
mod support;

use gort::{Status, Wait, WaitGroup, channel, spawn, unbounded};
use ledger::{Ledger, Line, NOTHINGS, Nothing, Pad, Val, roomy};
use source::Source;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{Rng, check, check_on, plain, repeat, scale, until, until_parked, us};

#[test]
fn try_takes_what_can_go_and_leaves_the_rest() {
    check(|| {
        let (tx, rx) = channel::<u32>(5);
        let mut batch: Vec<u32> = (0..8).collect();
        assert_eq!(tx.try_send_many(&mut batch), Ok(5));
        assert_eq!(batch, [5, 6, 7]);
        assert_eq!(tx.try_send_many(&mut batch), Err(Status::WouldBlock));
        assert_eq!((batch.as_slice(), rx.len()), ([5, 6, 7].as_slice(), 5));
        let mut got = vec![99];
        assert_eq!(rx.try_recv_many(&mut got, 3), Ok(3));
        assert_eq!(got, [99, 0, 1, 2]);
        assert_eq!(tx.try_send_many(&mut batch), Ok(3));
        assert!(batch.is_empty());
        assert_eq!(tx.try_send_many(&mut batch), Ok(0), "nothing to do");
        assert_eq!(rx.try_recv_many(&mut got, usize::MAX), Ok(5));
        assert_eq!(got, [99, 0, 1, 2, 3, 4, 5, 6, 7]);
        assert_eq!(rx.try_recv_many(&mut got, 10), Err(Status::WouldBlock));
        assert_eq!((rx.try_recv_many(&mut got, 0), rx.recv_many(&mut got, 0)), (Ok(0), Ok(0)));
        // Closed: what is there first, then CLOSED; a send keeps its values.
        tx.try_send_many(&mut vec![8, 9]).unwrap();
        tx.close().unwrap();
        batch = vec![1, 2];
        assert_eq!(
            (tx.try_send_many(&mut batch), tx.send_many(&mut batch)),
            (Err(Status::Closed), Err(Status::Closed))
        );
        assert_eq!(batch, [1, 2]);
        got.clear();
        assert_eq!(rx.recv_many(&mut got, 10), Ok(2));
        assert_eq!(
            (rx.recv_many(&mut got, 10), rx.try_recv_many(&mut got, 10)),
            (Err(Status::Closed), Err(Status::Closed))
        );
        assert_eq!(got, [8, 9]);
    })
}

#[test]
fn batch_waits_where_a_single_value_would() {
    check(|| {
        for cap in [Some(0), Some(1), Some(7), Some(300), None] {
            let (tx, rx) = cap.map_or_else(unbounded, channel::<usize>);
            let h = spawn(move || {
                let mut batch: Vec<usize> = (0..1_000).collect();
                tx.send_many(&mut batch).map(|()| batch.len())
            });
            let (mut got, mut calls) = (vec![], 0);
            while rx.recv_many(&mut got, 64).map(|n| assert!((1..=64).contains(&n))).is_ok() {
                calls += 1;
            }
            assert_eq!(h.join().unwrap(), Ok(0));
            assert!(calls >= 1_000 / 64);
            assert_eq!(got, (0..1_000).collect::<Vec<_>>());
        }
    })
}

#[test]
fn receiver_that_waits_takes_one_batch_and_senders_that_wait_are_all_served() {
    check(|| {
        // A batch for a receiver that waits.
        let (tx, rx) = channel::<u32>(16);
        let h = spawn(move || {
            let mut got = vec![];
            rx.recv_many(&mut got, 16).map(|_| (got, rx))
        });
        until_parked(1);
        tx.send_many(&mut (0..8).collect()).unwrap();
        let (mut got, rx) = h.join().unwrap().unwrap();
        assert!(!got.is_empty());
        while got.len() < 8 {
            rx.recv_many(&mut got, 16).unwrap();
        }
        assert_eq!(got, (0..8).collect::<Vec<_>>());
        // One receive for many senders that wait, without a buffer.
        let (tx, rx) = channel::<u32>(0);
        let senders: Vec<_> = (0..6)
            .map(|i| {
                let tx = tx.clone();
                let h = spawn(move || tx.send(i));
                until_parked(i as usize + 1);
                h
            })
            .collect();
        let mut got = vec![];
        assert_eq!(rx.try_recv_many(&mut got, 100), Ok(6));
        assert_eq!(got, (0..6).collect::<Vec<_>>());
        senders.into_iter().for_each(|h| h.join().unwrap().unwrap());
    })
}

/// A peer lost what a send of many had not sent when it was cancelled half-way.
fn batch_cut_short<P: Pad>() {
    let l = Ledger::default();
    let check_rest = |sent: usize, rest: &[Val<P>], n: usize| {
        assert!(sent < n, "it was cut short");
        assert_eq!(rest.iter().map(|v| v.1).collect::<Vec<_>>(), (sent..n).collect::<Vec<_>>());
    };
    let n = 12;
    for (how, status) in [Status::TimedOut, Status::Canceled, Status::Canceled, Status::Closed].into_iter().enumerate()
    {
        let (tx, rx) = channel::<Val<P>>(3);
        let (theirs, source) = (l.clone(), Source::new());
        let under = source.clone();
        let h = roomy(move || {
            let mut batch: Vec<Val<P>> = (0..n).map(|i| theirs.make(i)).collect();
            let wait = match how {
                0 => Wait::timeout(us(500)),
                1 => under.wait(),
                _ => Wait::forever(),
            };
            let ended = tx.send_many_with(&mut batch, wait);
            (ended, batch)
        });
        // Some are taken, then nobody takes any more.
        let first: Vec<usize> = if how == 0 { vec![] } else { (0..4).map(|_| rx.recv().unwrap().1).collect() };
        if how > 0 {
            until(|| rx.len() == 3);
            until_parked(1);
        }
        let in_buffer = match how {
            0 => None,
            1 => source.cancel(Status::Canceled).then_some(3),
            2 => {
                h.cancel();
                Some(3)
            }
            _ => {
                rx.abandon();
                Some(0)
            }
        };
        let (ended, batch) = h.join().unwrap();
        assert_eq!(ended, Err(status));
        let mut buffered = vec![];
        while let Ok(v) = rx.try_recv() {
            buffered.push(v.1);
        }
        assert_eq!(buffered.len(), in_buffer.unwrap_or(3));
        let sent = first.len() + if how == 3 { 3 } else { buffered.len() };
        assert!(first.iter().chain(&buffered).copied().eq(0..first.len() + buffered.len()));
        check_rest(sent, &batch, n);
        drop(batch);
        l.settle();
    }
}

/// The sender frees the channel as soon as its send has gone ahead, and its place is another channel's before the receiver goes on (D8).
#[test]
fn channel_may_be_freed_under_a_batch_that_waited() {
    use gort::chan::raw::{self, Layout};
    check_on(&[1], || {
        let of = |size| Layout { size, align: 8, drop: None };
        let ch = raw::create(of(8), 0).unwrap().as_ptr() as usize;
        let spare: Vec<_> = (0..200).map(|_| raw::create(of(8), 0).unwrap()).collect();
        let receiver = spawn(move || {
            let mut room = [0xAAu64; 64];
            // SAFETY: a live channel of 8 bytes, and room for 8 of them.
            let got = unsafe {
                gort::chan::batch::recv_n(ch as *const _, room.as_mut_ptr().cast(), 8, gort::wait::Wait::FOREVER)
            };
            (got, room)
        });
        until_parked(1);
        // SAFETY: the channel is ours until it is released; the others live until they are.
        unsafe {
            assert!(raw::send(ch as *const _, (&raw const ch).cast()).is_ok());
            assert!(raw::release(ch as *const _).is_ok());
            spare.into_iter().for_each(|c| assert!(raw::release(c.as_ptr()).is_ok())); // so that its place is used again
            let others: Vec<_> = (0..300).map(|_| raw::create(of(64), 8).unwrap()).collect();
            for other in &others {
                (0..8).for_each(|_| assert!(raw::try_send(other.as_ptr(), [0u8; 64].as_ptr()).is_ok()));
            }
            let (got, room) = receiver.join().unwrap();
            assert_eq!((got, room[0]), ((1, Status::Ok), ch as u64));
            assert!(room[1..].iter().all(|x| *x == 0xAA), "written by a stranger");
            for other in others {
                assert_eq!(raw::len(other.as_ptr()), 8, "taken by a stranger");
                assert!(raw::release(other.as_ptr()).is_ok());
            }
        }
    })
}

#[test]
fn batch_that_is_cut_short_keeps_what_was_not_sent() {
    check(|| for_every_kind!(batch_cut_short))
}

fn every_way_of_a_value<P: Pad>() {
    let l = Ledger::default();
    let make = |r: std::ops::Range<usize>| r.map(|i| l.make(i)).collect::<Vec<Val<P>>>();
    for cap in [Some(4), Some(20), None] {
        let (tx, rx) = cap.map_or_else(unbounded, channel);
        let mut batch = make(0..10);
        let sent = tx.try_send_many(&mut batch).unwrap();
        assert_eq!((sent, batch.len()), (cap.unwrap_or(10).min(10), 10 - sent));
        let mut got = make(100..101);
        assert_eq!(rx.try_recv_many(&mut got, 3), Ok(3));
        assert_eq!(got.iter().map(|v| v.1).collect::<Vec<_>>(), [100, 0, 1, 2]);
        assert_eq!(l.dropped(), l.made() - 1 - 10, "nothing of this round was dropped yet");
        // Some in the buffer, some received, some never sent: each goes with whoever has it.
        match cap {
            Some(4) => drop((rx, tx)),
            Some(_) => drop((tx, rx)),
            None => rx.abandon(),
        }
        drop((batch, got));
        l.settle();
    }
    // Refused.
    let (tx, rx) = channel::<Val<P>>(4);
    drop(rx);
    let mut batch = make(0..3);
    assert_eq!(tx.send_many(&mut batch), Err(Status::Closed));
    assert!(batch.iter().map(|v| v.1).eq(0..3));
    drop(batch);
    l.settle();
}

#[test]
fn values_are_dropped_exactly_once_in_every_way_they_can_go() {
    check(|| for_every_kind!(every_way_of_a_value))
}

#[test]
fn values_without_bytes_go_in_batches() {
    check(|| {
        let (tx, rx) = channel::<Nothing>(600);
        let mut batch: Vec<Nothing> = (0..1_000).map(|_| Nothing).collect();
        assert_eq!(tx.try_send_many(&mut batch), Ok(600));
        assert_eq!(batch.len(), 400);
        let mut got = vec![];
        assert_eq!(rx.try_recv_many(&mut got, 500), Ok(500));
        assert_eq!(NOTHINGS.load(SeqCst), 0);
        drop((got, batch));
        assert_eq!(NOTHINGS.load(SeqCst), 900);
        drop((tx, rx));
        assert_eq!(NOTHINGS.load(SeqCst), 1_000);
    })
}

#[test]
fn cancelled_task_begins_no_batch() {
    check(|| {
        let (tx, rx) = channel::<u8>(8);
        let (ready_tx, ready) = channel::<u8>(8);
        ready_tx.send(1).unwrap();
        let h = spawn(move || {
            let _ = ready.recv_many(&mut vec![], 1);
            let (mut batch, mut got) = (vec![1, 2], vec![]);
            let first = ready.recv_many(&mut got, 1);
            let refused = (tx.send_many(&mut batch), ready.recv_many(&mut got, 1));
            let tried = (tx.try_send_many(&mut batch), ready.try_recv_many(&mut got, 1));
            (first, refused, tried, batch, got)
        });
        until_parked(1);
        h.cancel();
        let (canceled, would_block) = (Err(Status::Canceled), Err(Status::WouldBlock));
        let wanted = (canceled, (Err(Status::Canceled), canceled), (Ok(2), would_block), vec![], vec![]);
        assert_eq!(h.join().unwrap(), wanted);
        assert_eq!(rx.recv_many(&mut vec![], 9), Ok(2));
        drop(ready_tx);
    })
}

#[test]
fn plain_threads_send_and_receive_batches() {
    plain(|| {
        let (tx, rx) = channel::<u64>(3);
        let h = std::thread::spawn(move || {
            for k in 0..20 {
                tx.send_many(&mut (k * 50..(k + 1) * 50).collect()).unwrap();
            }
        });
        let mut got = vec![];
        while rx.recv_many(&mut got, 17).is_ok() {}
        h.join().unwrap();
        assert_eq!(got, (0..1_000).collect::<Vec<_>>());
    })
}

/// Batches of all sizes with limits that expire, beside single values: nothing lost, nothing doubled, each producer in order.
#[test]
fn crowd_of_batches_loses_nothing() {
    check_on(&[1, 2, 5], || {
        let _printed = Rng::new();
        repeat(3, 4_000, |round| {
            let l = Ledger::default();
            let (tx, rx) = [Some(0), Some(5), None][round % 3].map_or_else(unbounded, channel::<(usize, Val<Line>)>);
            let each = scale(800, 3_000);
            let wg = WaitGroup::new();
            for p in 0..3 {
                let (tx, l) = (tx.clone(), l.clone());
                wg.go(move || {
                    let mut rng = Rng::of(p);
                    let mut batch = vec![];
                    let mut next = 0;
                    while next < each || !batch.is_empty() {
                        let more = rng.below(40).min(each - next);
                        batch.extend((next..next + more).map(|i| (p as usize, l.make(i))));
                        next += more;
                        match rng.below(3) {
                            0 => drop(tx.try_send_many(&mut batch)),
                            1 => drop(tx.send_many_with(&mut batch, Wait::timeout(us(rng.below(60) as u64)))),
                            _ => {
                                if !batch.is_empty() {
                                    tx.send(batch.remove(0)).unwrap()
                                }
                            }
                        }
                        if rng.below(8) == 0 {
                            gort::yield_now();
                        }
                    }
                });
            }
            drop(tx);
            let seen = Arc::new(AtomicUsize::new(0));
            for c in 0..2 {
                let (rx, seen) = (rx.clone(), seen.clone());
                wg.go(move || {
                    let mut rng = Rng::of(100 + c);
                    let (mut got, mut next) = (vec![], [0; 3]);
                    loop {
                        let most = 1 + rng.below(50);
                        let r = match rng.below(3) {
                            0 => rx.try_recv_many(&mut got, most),
                            1 => rx.recv_many_with(&mut got, most, Wait::timeout(us(rng.below(60) as u64))),
                            _ => rx.recv_many(&mut got, most),
                        };
                        assert_eq!(r.unwrap_or(0), got.len());
                        for (p, v) in got.drain(..) {
                            assert!(v.1 >= next[p], "out of order");
                            next[p] = v.1 + 1;
                            seen.fetch_add(1, SeqCst);
                        }
                        match r {
                            Err(Status::Closed) => break,
                            Err(Status::WouldBlock) => gort::yield_now(),
                            _ => {}
                        }
                    }
                });
            }
            drop(rx);
            wg.wait().unwrap();
            assert_eq!(seen.load(SeqCst), 3 * each);
            l.settle();
        });
    })
}

//! Channels without bound: sends that never wait, order, close, who drops what lies in the ring and in the overflow behind it.
//!
//! What it is NOT: batches (batch.rs) or the waits of receivers (chan.rs, chan_waits.rs), which are those of any channel.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use gort::{Receiver, Select, Status, channel, go, select, spawn, unbounded, yield_now};
use ledger::{Ledger, Line, NOTHINGS, Nothing, Pad, Page, Val, roomy};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{Rng, check, plain, repeat, scale, until_parked};

#[test]
fn sends_never_wait_and_values_come_in_order() {
    check(|| {
        let n = scale(100_000, 1_000_000);
        let (tx, rx) = unbounded::<usize>();
        assert_eq!((tx.capacity(), rx.capacity(), rx.len(), rx.is_empty()), (usize::MAX, usize::MAX, 0, true));
        for i in 0..n {
            if i % 3 == 0 { tx.try_send(i) } else { tx.send(i) }.unwrap()
        }
        assert_eq!((tx.len(), rx.len()), (n, n));
        for i in 0..n {
            assert_eq!(if i % 3 == 0 { rx.try_recv() } else { rx.recv() }, Ok(i));
        }
        assert_eq!((rx.try_recv(), rx.len()), (Err(Status::WouldBlock), 0));
    })
}

/// Filled and emptied again and again, by amounts around the ring's and a segment's size.
#[test]
fn order_holds_while_it_grows_and_shrinks() {
    check(|| {
        let mut rng = Rng::new();
        let (tx, rx) = unbounded::<u64>();
        let (mut next_in, mut next_out) = (0, 0);
        for _ in 0..scale(200, 5_000) {
            for _ in 0..rng.below(3_000) {
                tx.send(next_in).unwrap();
                next_in += 1;
            }
            for _ in 0..rng.below(3_000) {
                match rx.try_recv() {
                    Ok(v) => assert_eq!(v, next_out),
                    Err(s) => {
                        assert_eq!((s, next_in), (Status::WouldBlock, next_out));
                        break;
                    }
                }
                next_out += 1;
            }
            assert_eq!(rx.len() as u64, next_in - next_out);
        }
        drop(tx);
        rx.iter().for_each(|v| {
            assert_eq!(v, next_out);
            next_out += 1;
        });
        assert_eq!(next_in, next_out);
    })
}

#[test]
fn receiver_that_waits_is_handed_the_value() {
    check(|| {
        let (tx, rx) = unbounded::<u32>();
        let h = spawn(move || (rx.recv(), rx.recv()));
        until_parked(1);
        tx.send(1).unwrap();
        until_parked(1);
        drop(tx);
        assert_eq!(h.join().unwrap(), (Ok(1), Err(Status::Closed)));
    })
}

#[test]
fn closed_one_is_drained_and_an_abandoned_one_is_empty() {
    check(|| {
        let l = Ledger::default();
        for n in [0, 1, 16, 300, 5_000] {
            let (tx, rx) = unbounded::<Val<[u64; 1]>>();
            (0..n).for_each(|i| tx.send(l.make(i)).unwrap());
            tx.close().unwrap();
            assert_eq!(tx.close(), Err(Status::Closed));
            let e = tx.send(l.make(n)).unwrap_err();
            assert_eq!((e.value.1, e.status, rx.len()), (n, Status::Closed, n));
            (0..n).for_each(|i| assert_eq!(rx.recv().unwrap().1, i));
            assert_eq!(rx.recv().map(|v| v.1), Err(Status::Closed));
            drop(e);
            l.settle();
            let (tx, rx) = unbounded::<Val<[u64; 1]>>();
            (0..n).for_each(|i| tx.send(l.make(i)).unwrap());
            rx.abandon();
            l.settle();
            assert_eq!(rx.recv().map(|v| v.1), Err(Status::Closed));
            assert_eq!(tx.send(l.make(7)).unwrap_err().status, Status::Closed);
            l.settle();
        }
    })
}

/// In the ring, in the overflow, received, refused: dropped once. (A peer freed twice when an unbounded channel was dropped.)
fn every_way_of_a_value<P: Pad>() {
    let l = Ledger::default();
    let in_place = size_of::<Val<P>>() <= 1024;
    for n in [0, 1, 15, 16, 17, if in_place { 3_000 } else { 40 }] {
        // Which end goes last; how many were received before.
        for (receivers_first, received) in [(false, 0), (true, 0), (false, n / 2), (true, n / 2), (false, n)] {
            let (tx, rx) = unbounded::<Val<P>>();
            (0..n).for_each(|i| tx.send(l.make(i)).unwrap());
            (0..received).for_each(|i| assert_eq!(rx.recv().unwrap().1, i));
            assert_eq!(l.made() - l.dropped(), n - received);
            if receivers_first {
                drop(rx);
                l.settle();
                assert_eq!(tx.send(l.make(5)).unwrap_err().value.1, 5);
                drop(tx);
            } else {
                drop(tx);
                assert_eq!(l.made() - l.dropped(), n - received, "still receivable");
                drop(rx);
            }
            l.settle();
        }
    }
}

#[test]
fn values_are_dropped_exactly_once_wherever_they_lie() {
    check(|| for_every_kind!(every_way_of_a_value))
}

/// The ends go on two threads at once, values in the ring and behind it.
#[test]
fn ends_that_go_at_once_drop_each_value_once() {
    check(|| {
        let l = Ledger::default();
        repeat(100, 10, |round| {
            let (tx, rx) = unbounded::<Val<[u64; 2]>>();
            let theirs = l.clone();
            let h = spawn(move || (0..round * 7).for_each(|i| _ = tx.send(theirs.make(i)).is_ok()));
            let g = spawn(move || (0..round).for_each(|_| _ = rx.try_recv().is_ok()));
            h.join().unwrap();
            g.join().unwrap();
            l.settle();
        })
    })
}

#[test]
fn values_without_bytes_are_counted_and_dropped() {
    check(|| {
        let (tx, rx) = unbounded::<Nothing>();
        (0..5_000).for_each(|_| tx.send(Nothing).unwrap());
        assert_eq!(rx.len(), 5_000);
        (0..1_000).for_each(|_| drop(rx.recv().unwrap()));
        assert_eq!(NOTHINGS.load(SeqCst), 1_000);
        drop((tx, rx));
        assert_eq!(NOTHINGS.load(SeqCst), 5_000);
    })
}

fn whole<P: Pad>(n: usize) {
    let (tx, rx) = unbounded::<(usize, P)>();
    let send = move || (0..n).for_each(|i| tx.send((i, P::of(i as u64))).unwrap());
    let h = roomy(send);
    let g = roomy(move || {
        let mut next = 0;
        for (i, p) in rx {
            assert!(i == next && p.is(i as u64), "{} bytes", size_of::<P>());
            next += 1;
        }
        next
    });
    h.join().unwrap();
    assert_eq!(g.join().unwrap(), n);
}

#[test]
fn elements_of_every_size_and_alignment_arrive_whole() {
    check(|| {
        whole::<[u64; 0]>(5_000);
        whole::<[u64; 3]>(5_000);
        whole::<[u64; 100]>(2_000);
        whole::<Line>(2_000);
        whole::<Page>(50);
        whole::<ledger::TwoPages>(50);
        whole::<[u64; 8191]>(50); // with its number, 64 KiB
        whole::<ledger::Huge>(20);
    })
}

#[test]
fn crowd_over_an_unbounded_channel_loses_nothing() {
    check(|| support::bodies::crowd(unbounded(), 4, 3, scale(2_000, 50_000)))
}

/// Go's sieve2 has a proxy task that makes a channel unbounded; here it is the channel itself: a merge that is fed back.
#[test]
fn loop_that_feeds_itself_does_not_block() {
    check(|| {
        let (tx, rx) = unbounded::<u64>();
        tx.send(1).unwrap();
        let mut seen = 0;
        // Each value below 2^14 makes two others: with a bounded channel the loop would wait for itself.
        while let Ok(v) = rx.try_recv() {
            seen += 1;
            if v < 1 << 14 {
                tx.send(2 * v).unwrap();
                tx.send(2 * v + 1).unwrap();
            }
        }
        assert_eq!(seen, (1 << 15) - 1);
    })
}

#[test]
fn every_kind_of_select_takes_from_the_overflow_in_order() {
    check(|| {
        let (tx, rx) = unbounded::<usize>();
        let (_keep, other) = channel::<usize>(0);
        (0..3_000).for_each(|i| tx.send(i).unwrap());
        let mut s = Select::new();
        let (a, mut r) = (s.recv(&rx), gort::Selector::new());
        let b = r.recv(&rx).unwrap();
        for i in (0..3_000).step_by(3) {
            assert_eq!(select! { recv(rx) -> v => v, recv(other) -> _ => unreachable!() }, Ok(Ok(i)));
            assert_eq!(s.wait().unwrap().recv(a), Some(Ok(i + 1)));
            assert_eq!(r.wait().unwrap().recv(b), Some(Ok(i + 2)));
        }
        assert_eq!(rx.len(), 0);
    })
}

#[test]
fn plain_threads_and_tasks_share_an_unbounded_channel() {
    plain(|| {
        let (tx, rx) = unbounded::<u64>();
        let h = spawn(move || rx.iter().sum::<u64>());
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let tx = tx.clone();
                std::thread::spawn(move || (1..=1_000).for_each(|i| tx.send(i).unwrap()))
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        drop(tx);
        assert_eq!(h.join().unwrap(), 3 * 500_500);
    })
}

/// A consumer that is woken by the first value finds all that followed.
#[test]
fn bursts_find_their_receiver() {
    check(|| {
        let (tx, rx) = unbounded::<usize>();
        let (done_tx, done) = channel::<usize>(0);
        let consume = move |rx: Receiver<usize>| {
            let mut got = 0;
            while rx.recv().is_ok() {
                got += 1;
                if got % 500 == 0 {
                    done_tx.send(got).unwrap();
                }
            }
        };
        go(move || consume(rx));
        let bursts = Arc::new(AtomicUsize::new(0));
        for burst in 1..=scale(20, 500) {
            (0..500).for_each(|i| {
                tx.send(i).unwrap();
                if i % 100 == 0 {
                    yield_now();
                }
            });
            assert_eq!(done.recv(), Ok(burst * 500));
            bursts.fetch_add(1, SeqCst);
        }
        drop(tx);
        assert_eq!(done.recv(), Err(Status::Closed));
        assert_eq!(bursts.load(SeqCst), scale(20, 500));
    })
}

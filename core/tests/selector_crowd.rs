//! `gort::Selector` in a crowd: many cases, many selectors on the same channels, with peers that come and go meanwhile.
//!
//! What this is: nothing lost, nothing doubled, no wake-up swallowed. What it is NOT: what one selector does (selector.rs), or every order of a few steps (loom_selector.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use gort::{Receiver, Selector, Sender, Status, Wait, WaitGroup, channel, go, select, spawn, unbounded};
use ledger::{Ledger, Line};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{check, check_on, ms, no_selector_is_left, repeat, scale, until_parked, us};

#[test]
fn thousand_cases_and_each_is_found() {
    check(|| {
        let ends: Vec<_> = (0..1000).map(|_| unbounded::<usize>()).collect();
        let mut s = Selector::new();
        let cases: Vec<_> = ends.iter().map(|(_, rx)| s.recv(rx).unwrap()).collect();
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        let txs: Vec<_> = ends.iter().map(|(tx, _)| tx.clone()).collect();
        let h = spawn(move || (0..1000).rev().for_each(|i| txs[i].send(i).unwrap()));
        let mut seen = vec![false; 1000];
        for _ in 0..1000 {
            let mut done = s.wait().unwrap();
            let v = (0..1000).find_map(|i| done.recv(cases[i]).map(|v| (i, v.unwrap()))).unwrap();
            assert_eq!(v.0, v.1);
            assert!(!std::mem::replace(&mut seen[v.0], true));
        }
        h.join().unwrap();
    })
}

/// S7: a selector never meets itself; two meet, also with the other kinds of select.
#[test]
fn selectors_meet_each_other_and_never_themselves() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let both = |tx: &Sender<u32>, rx: &Receiver<u32>, v| {
            let mut s = Selector::new();
            let cases = (s.recv(rx.clone()).unwrap(), s.send(tx.clone(), v).unwrap());
            (s, cases)
        };
        let (mut s, (a, b)) = both(&tx, &rx, 1);
        assert!(matches!(s.wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        let (mut other, (x, y)) = both(&tx, &rx, 2);
        let h = spawn(move || {
            let mut done = other.wait().unwrap();
            (done.recv(x), done.send(y).is_some())
        });
        let mut done = s.wait().unwrap();
        let ours = (done.recv(a), done.send(b).is_some());
        let theirs = h.join().unwrap();
        let met = [((None, true), (Some(Ok(1)), false)), ((Some(Ok(2)), false), (None, true))];
        assert!(met.contains(&(ours, theirs)), "{ours:?} {theirs:?}");
        drop(s);
        // A selector and a select!, a selector and try_send.
        let (mut s, (a, _)) = both(&tx, &rx, 1);
        let h = spawn(move || {
            let mut done = s.wait().unwrap();
            (done.recv(a), s)
        });
        until_parked(1);
        select! { send(tx, 7) => {}, default => panic!("a receiver waits") }
        let (got, mut s) = h.join().unwrap();
        assert_eq!(got, Some(Ok(7)));
        let h = spawn(move || s.wait().map(|_| ()));
        until_parked(1);
        assert_eq!(select! { recv(rx) -> v => v }, Ok(Ok(1)));
        h.join().unwrap().unwrap();
        no_selector_is_left();
    })
}

/// A selector that is always in the queues against senders that come and go, with waits that expire: no wake-up is lost, no value.
#[test]
fn selector_between_waits_swallows_no_wake_up() {
    check(|| {
        let rounds = scale(400, 10_000);
        let (tx, rx) = channel::<usize>(0);
        let (stop, received) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (theirs, theirs_stop, count) = (rx.clone(), stop.clone(), received.clone());
        let h = spawn(move || {
            let mut s = Selector::new();
            let a = s.recv(theirs).unwrap();
            let mut expired = 0;
            while !theirs_stop.load(SeqCst) {
                match s.wait_with(Wait::timeout(us(3))) {
                    Ok(mut done) => _ = done.recv(a).unwrap().map(|_| count.fetch_add(1, SeqCst)),
                    Err(s) => {
                        assert_eq!(s, Status::TimedOut);
                        expired += 1;
                    }
                }
            }
            expired
        });
        let (patient, count) = (rx, received.clone());
        let p = spawn(move || patient.iter().for_each(|_| _ = count.fetch_add(1, SeqCst)));
        for i in 0..rounds {
            tx.send_with(i, Wait::timeout(ms(20_000))).unwrap();
        }
        gort::sleep(us(100)).unwrap();
        stop.store(true, SeqCst);
        let _expired = h.join().unwrap();
        drop(tx);
        p.join().unwrap();
        assert_eq!(received.load(SeqCst), rounds);
        no_selector_is_left();
    })
}

/// Several selectors and plain parties on the same channels: nothing lost, nothing doubled, and each producer's values in order.
#[test]
fn selectors_in_a_crowd_lose_nothing() {
    check_on(&[1, 2, 5], || {
        let each = scale(200, 5_000);
        let ends: Vec<_> =
            [Some(0), Some(1), Some(8), None].iter().map(|c| c.map_or_else(unbounded, channel)).collect();
        let l = Ledger::default();
        let wg = WaitGroup::new();
        for (tx, _) in &ends {
            for p in 0..2 {
                let (tx, l) = (tx.clone(), l.clone());
                wg.go(move || (0..each).for_each(|i| tx.send(l.make::<Line>(p * each + i)).unwrap()));
            }
        }
        let consumers: Vec<_> = (0..3)
            .map(|k| {
                let rxs: Vec<_> = ends.iter().map(|(_, rx)| rx.clone()).collect();
                spawn(move || {
                    if k == 2 {
                        // A plain one on one of the channels.
                        return rxs[0].iter().count();
                    }
                    let mut s = Selector::new();
                    let cases: Vec<_> = rxs.into_iter().map(|rx| s.recv(rx).unwrap()).collect();
                    let (mut got, mut next) = (0, vec![[0; 2]; cases.len()]);
                    while !s.is_empty() {
                        let mut done = s.wait().unwrap();
                        let which = cases.iter().position(|c| done.is(*c)).unwrap();
                        match done.recv(cases[which]).unwrap() {
                            Ok(v) => {
                                let (p, i) = (v.1 / each, v.1 % each);
                                assert!(i >= next[which][p], "out of order");
                                next[which][p] = i + 1;
                                got += 1;
                            }
                            Err(_) => assert!(s.remove(cases[which])),
                        }
                    }
                    got
                })
            })
            .collect();
        drop(ends);
        wg.wait().unwrap();
        let got: usize = consumers.into_iter().map(|h| h.join().unwrap()).sum();
        assert_eq!(got, 4 * 2 * each);
        l.settle();
        no_selector_is_left();
    })
}

/// Pairs of tasks whose selectors send to and receive from each other over rendezvous channels, all at once.
#[test]
fn selectors_that_send_and_receive_pass_everything_on() {
    check(|| {
        let each = scale(200, 5_000);
        let ends: Vec<_> = (0..3).map(|_| channel::<u64>(0)).collect();
        let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let wg = WaitGroup::new();
        for t in 0..6 {
            let ends: Vec<_> = ends.iter().map(|(tx, rx)| (tx.clone(), rx.clone())).collect();
            let (sent, received) = (sent.clone(), received.clone());
            wg.go(move || {
                let mut s = Selector::new();
                if t % 2 == 0 {
                    let cases: Vec<_> = ends.iter().map(|(tx, _)| s.send(tx, 1).unwrap()).collect();
                    for _ in 0..each {
                        let done = s.wait().unwrap();
                        let c = *cases.iter().find(|c| done.is(**c)).unwrap();
                        sent.fetch_add(1, SeqCst);
                        assert_eq!(s.put(c, 1).unwrap(), None);
                    }
                } else {
                    let cases: Vec<_> = ends.iter().map(|(_, rx)| s.recv(rx).unwrap()).collect();
                    for _ in 0..each {
                        let mut done = s.wait().unwrap();
                        let v = cases.iter().find_map(|c| done.recv(*c)).unwrap().unwrap();
                        received.fetch_add(v as usize, SeqCst);
                    }
                }
            });
        }
        wg.wait().unwrap();
        assert_eq!((sent.load(SeqCst), received.load(SeqCst)), (3 * each, 3 * each));
        no_selector_is_left();
    })
}

#[test]
fn senders_that_go_while_a_selector_waits_close_its_channels() {
    check(|| {
        repeat(30, 20, |_| {
            let mut s = Selector::new();
            let cases: Vec<_> = (0..8)
                .map(|i| {
                    let (tx, rx) = channel::<usize>(i % 2);
                    go(move || _ = tx.send(i));
                    s.recv(rx).unwrap()
                })
                .collect();
            let mut seen = [0; 8];
            while !s.is_empty() {
                let mut done = s.wait().unwrap();
                let i = cases.iter().position(|c| done.is(*c)).unwrap();
                match done.recv(cases[i]).unwrap() {
                    Ok(v) => seen[i] += usize::from(v == i),
                    Err(_) => assert!(s.remove(cases[i])),
                }
            }
            assert_eq!(seen, [1; 8]);
        });
        no_selector_is_left();
    })
}

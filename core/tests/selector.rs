//! `gort::Selector`: cases that are registered once; who may come and go, what is told, who drops which value, and that leaks are sound.
//!
//! What this is: the typed selector over the engine `chan::selector`. What it is NOT: the one-time selects (select.rs, select_macro.rs, select_dynamic.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
#![allow(clippy::forget_non_drop)] // what an outcome has of destructors is not for these tests to know

#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/source.rs"]
mod source;
mod support;

use gort::{Receiver, Selector, Sender, Status, Wait, WaitGroup, channel, go, select, spawn, unbounded};
use ledger::{Ledger, Line, Pad, Val, leak, roomy};
use source::Source;
use std::mem::forget;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{Rng, check, check_on, ms, plain, repeat, scale, until, until_parked, us};

/// Every selector that was not leaked is given back.
fn no_selector_is_left() {
    assert_eq!(gort::sched::objects::live("selectors"), 0, "selectors left alive");
}

#[test]
fn every_kind_of_case_is_told_by_its_token() {
    check(|| {
        let ((tx, rx), (full, full_rx), (words, words_rx)) =
            (channel::<u32>(1), channel::<String>(0), channel::<&str>(1));
        let nil: Option<Receiver<u8>> = None;
        let mut s = Selector::new();
        let a = s.recv(rx).unwrap();
        let b = s.send(full, "value".to_string()).unwrap();
        let c = s.recv(&words_rx).unwrap();
        let d = s.recv(nil).unwrap();
        assert_eq!(s.len(), 4);
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        // A value that was there before, one that comes while nobody waits, one that comes to a wait.
        for i in 0..3 {
            let tx = tx.clone();
            let h = spawn(move || tx.send(i).unwrap());
            if i < 2 {
                h.join().unwrap();
            }
            let mut done = s.wait().unwrap();
            assert!(done.is(a) && !done.is(b) && !done.is(c) && !done.is(d));
            assert!(done.send(b).is_none() && done.recv(c).is_none());
            assert_eq!((done.recv(a), done.recv(a)), (Some(Ok(i)), None));
        }
        // A send, to a receiver that comes later; then it rests until it is given another value.
        let theirs = full_rx.clone();
        let h = spawn(move || theirs.recv());
        assert!(s.wait().unwrap().send(b).unwrap().is_ok());
        assert_eq!(h.join().unwrap().as_deref(), Ok("value"));
        let theirs = full_rx.clone();
        let h = spawn(move || theirs.recv_with(Wait::timeout(us(300))));
        assert!(matches!(s.wait_with(Wait::timeout(us(600))), Err(Status::TimedOut)));
        assert_eq!(h.join().unwrap(), Err(Status::TimedOut), "a case that rests sends nothing");
        assert_eq!(s.take(b), None);
        assert_eq!(s.put(b, "first".into()).unwrap(), None);
        assert_eq!(s.put(b, "second".into()).unwrap().as_deref(), Some("first"));
        assert_eq!(full_rx.try_recv(), Err(Status::WouldBlock), "nobody waits on the selector now");
        let h = spawn(move || full_rx.recv());
        assert!(s.wait().unwrap().send(b).unwrap().is_ok());
        assert_eq!(h.join().unwrap().as_deref(), Ok("second"));
        assert_eq!(s.put(b, "third".into()).unwrap(), None);
        let e = s.wait().unwrap().send(b).unwrap().unwrap_err();
        assert_eq!((e.value.as_str(), e.status), ("third", Status::Closed));
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)), "it rests");
        // A close is told each time, until the case is removed.
        words.send("last").unwrap();
        drop(words);
        assert_eq!(s.wait().unwrap().recv(c), Some(Ok("last")));
        (0..3).for_each(|_| assert_eq!(s.wait().unwrap().recv(c), Some(Err(Status::Closed))));
        assert!(s.remove(c) && !s.remove(c));
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        assert_eq!(s.len(), 3);
        drop(s);
        no_selector_is_left();
    })
}

/// H6: a selector's case is no plain handle. Only the ends count, its own among them.
#[test]
fn selector_does_not_anchor_its_channels() {
    check(|| {
        for owned in [true, false] {
            let (tx, rx) = channel::<u8>(0);
            let keep = rx.clone();
            let mut s = Selector::new();
            let a = if owned { s.recv(rx) } else { s.recv(&keep) }.unwrap();
            let h = spawn(move || {
                until_parked(1);
                drop(tx)
            });
            assert_eq!(s.wait().unwrap().recv(a), Some(Err(Status::Closed)), "the last sender closes");
            h.join().unwrap();
        }
        let (tx, rx) = channel::<u8>(0);
        let mut s = Selector::new();
        let a = s.recv(rx).unwrap();
        assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock, "its receiver is there");
        assert!(s.remove(a));
        assert_eq!(tx.try_send(1).unwrap_err().status, Status::Closed, "the last receiver went");
        let (tx, rx) = channel::<u8>(0);
        let a = s.send(tx, 7).unwrap();
        assert_eq!(rx.try_recv(), Err(Status::WouldBlock), "its sender is there");
        drop((s, a));
        assert_eq!(rx.try_recv(), Err(Status::Closed));
        no_selector_is_left();
    })
}

#[test]
fn limits_and_cancellation_end_a_wait_and_values_stay() {
    check(|| {
        let ((full, full_rx), (_keep, empty)) = (channel::<String>(0), channel::<u8>(0));
        let source = Source::new();
        let mut s = Selector::new();
        let (a, b) = (s.send(&full, "kept".to_string()).unwrap(), s.recv(&empty).unwrap());
        assert!(matches!(s.wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
        assert!(source.cancel(Status::Canceled));
        assert!(matches!(s.wait_with(source.wait()), Err(Status::Canceled)));
        drop(full_rx);
        let mut done = s.wait().unwrap();
        assert!(done.recv(b).is_none());
        assert_eq!(done.send(a).unwrap().unwrap_err().value, "kept");
        let (full, full_rx) = channel::<u8>(0);
        let h = spawn(move || {
            let mut s = Selector::new();
            let a = s.send(full, 7).unwrap();
            let first = s.wait().map(|_| ()).unwrap_err();
            let second = s.wait().map(|_| ()).unwrap_err();
            (first, second, s.take(a))
        });
        until_parked(1);
        h.cancel();
        assert_eq!(h.join().unwrap(), (Status::Canceled, Status::Canceled, Some(7)));
        assert_eq!(full_rx.try_recv(), Err(Status::Closed));
        assert!(matches!(Selector::new().wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
        assert!(matches!(Selector::default().try_wait(), Err(Status::WouldBlock)));
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn deadlocked_selector_of_main_returns_deadlock() {
    support::alone(&[1, 2], &[], || {
        let ended = gort::run(|| {
            let (_tx, rx) = channel::<u8>(0);
            let mut s = Selector::new();
            let _a = s.recv(&rx).unwrap();
            let r = s.wait().map(|_| ());
            assert_eq!(r, Err(Status::Deadlock));
        });
        assert_eq!(ended.unwrap_err().status, Status::Deadlock);
        no_selector_is_left();
    })
}

/// L5: what is ready takes turns.
#[test]
fn ready_cases_take_turns() {
    check(|| {
        let ends: Vec<_> = (0..5).map(|_| channel::<usize>(10)).collect();
        let mut s = Selector::new();
        let cases: Vec<_> = ends.iter().map(|(_, rx)| s.recv(rx).unwrap()).collect();
        for (tx, _) in &ends {
            (0..10).for_each(|i| tx.send(i).unwrap());
        }
        for round in 0..10 {
            let mut seen = [false; 5];
            for _ in 0..5 {
                let mut done = s.wait().unwrap();
                let which = cases.iter().position(|c| done.is(*c)).unwrap();
                assert!(!std::mem::replace(&mut seen[which], true), "twice in round {round}");
                assert_eq!(done.recv(cases[which]), Some(Ok(round)));
            }
        }
    })
}

#[test]
fn cases_come_and_go_between_waits() {
    check(|| {
        let mut rng = Rng::new();
        let mut s = Selector::new();
        let mut ends: Vec<(Sender<u64>, gort::RecvCase<u64>)> = vec![];
        let mut gone = vec![];
        for n in 0..scale(600, 20_000) {
            if ends.len() < 3 || (ends.len() < 40 && rng.below(2) == 0) {
                let (tx, rx) = channel(1);
                let case = s.recv(rx).unwrap();
                ends.push((tx, case));
            } else {
                let (tx, case) = ends.swap_remove(rng.below(ends.len()));
                if rng.below(2) == 0 {
                    tx.send(0).unwrap(); // on the ready list when it goes
                }
                assert!(s.remove(case));
                assert_eq!(tx.try_send(1).map_err(|e| e.status), Err(Status::Closed));
                gone.push(case);
            }
            let (tx, case) = &ends[rng.below(ends.len())];
            tx.send(n).unwrap();
            let mut done = s.wait().unwrap();
            assert!(gone.iter().all(|c| !done.is(*c)), "a token that was used again");
            assert_eq!(done.index(), case.index());
            assert_eq!(done.recv(*case), Some(Ok(n)));
            assert_eq!(s.len(), ends.len());
            assert!(case.index() < 40, "the place of a case that was removed is given to another");
        }
        assert!(gone.iter().all(|c| !s.remove(*c)));
        drop(s);
        no_selector_is_left();
    })
}

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

#[test]
fn selector_may_go_to_another_thread_between_waits() {
    plain(|| {
        let (tx, rx) = channel::<u32>(3);
        (0..3).for_each(|i| tx.send(i).unwrap());
        let mut s = Selector::new();
        let a = s.recv(rx).unwrap();
        assert_eq!(s.wait().unwrap().recv(a), Some(Ok(0)));
        let h = spawn(move || (s.wait().unwrap().recv(a), s));
        let (got, mut s) = h.join().unwrap();
        assert_eq!(got, Some(Ok(1)));
        let h = std::thread::spawn(move || s.wait().unwrap().recv(a));
        assert_eq!(h.join().unwrap(), Some(Ok(2)));
        no_selector_is_left();
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

// ---- values

fn every_way_of_a_value<P: Pad>() {
    let l = Ledger::default();
    let (tx, rx) = channel::<Val<P>>(2);
    let (full, full_rx) = channel::<Val<P>>(0);
    let mut s = Selector::new();
    let (a, b) = (s.recv(&rx).unwrap(), s.send(&full, l.make(1)).unwrap());
    // Received and asked for; received and not asked for: dropped at the next wait, here and when its Done was leaked.
    for how in 0..3 {
        tx.send(l.make(10 + how)).unwrap();
        tx.send(l.make(20 + how)).unwrap();
        let before = l.dropped();
        let mut done = s.wait().unwrap();
        match how {
            0 => assert_eq!(done.recv(a).unwrap().unwrap().1, 10),
            1 => drop(done),
            _ => forget(done),
        }
        assert_eq!(l.dropped(), before + usize::from(how == 0));
        assert_eq!(s.wait().unwrap().recv(a).unwrap().unwrap().1, 20 + how);
        assert_eq!(l.dropped(), before + 2);
    }
    // By hand-off to a wait.
    let (theirs, v) = (tx.clone(), l.make(30));
    let h = roomy(move || {
        until_parked(1);
        theirs.send(v).unwrap()
    });
    assert_eq!(s.wait().unwrap().recv(a).unwrap().unwrap().1, 30);
    h.join().unwrap();
    // A value to be sent is put in place of another, taken back, sent from a place that has been enlisted.
    let old = s.put(b, l.make(2)).unwrap().unwrap();
    assert_eq!(old.1, 1);
    assert_eq!(s.take(b).unwrap().1, 2);
    assert!(s.put(b, l.make(3)).unwrap().is_none());
    assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
    drop((old, s.put(b, l.make(4)).unwrap().unwrap()));
    let h = roomy(move || full_rx.recv().map(|v| (v.1, full_rx)));
    assert!(s.wait().unwrap().send(b).unwrap().is_ok());
    let (got, full_rx) = h.join().unwrap().unwrap();
    assert_eq!(got, 4);
    l.settle();
    // Refused by a closed channel: back by Done, by `take`, or dropped with the case.
    drop(full_rx);
    assert!(s.put(b, l.make(4)).unwrap().is_none());
    assert_eq!(s.wait().unwrap().send(b).unwrap().unwrap_err().value.1, 4);
    assert!(s.put(b, l.make(5)).unwrap().is_none());
    assert!(s.wait().unwrap().is(b));
    assert_eq!(s.take(b).unwrap().1, 5);
    l.settle();
    assert!(s.put(b, l.make(6)).unwrap().is_none());
    assert!(s.wait().unwrap().is(b));
    assert_eq!(s.put(b, l.make(7)).unwrap().unwrap().1, 6);
    assert!(s.remove(b));
    l.settle();
    // One that was received and not asked for, and one that was never sent, go with the selector; what is in the channel stays there.
    let (never, _never_rx) = channel::<Val<P>>(0);
    let _c = s.send(never, l.make(8)).unwrap();
    tx.send(l.make(9)).unwrap();
    tx.send(l.make(10)).unwrap();
    assert!(s.wait().unwrap().is(a));
    drop(s);
    assert_eq!(l.made() - l.dropped(), 1);
    assert_eq!(rx.recv().unwrap().1, 10);
    l.settle();
}

#[test]
fn values_are_dropped_exactly_once_in_every_way_they_can_go() {
    check(|| {
        repeat(2, 30, |_| for_every_kind!(every_way_of_a_value));
        no_selector_is_left();
    })
}

/// Removing a case whose channel is ready, or full of peers: the value is the channel's or ours, not both.
#[test]
fn removed_case_takes_its_value_with_it_and_no_other() {
    check(|| {
        let l = Ledger::default();
        repeat(50, 10, |round| {
            let ((tx, rx), (out, out_rx)) = (channel::<Val<Line>>(1), channel::<Val<Line>>(0));
            let mut s = Selector::new();
            let (a, b) = (s.recv(rx.clone()).unwrap(), s.send(out, l.make(1)).unwrap());
            let theirs = l.clone();
            let h = spawn(move || {
                let sent = tx.send(theirs.make(2)).is_ok();
                (sent, out_rx.recv_with(Wait::timeout(us(round as u64 % 50))).map(|v| v.1))
            });
            let went = s.wait_with(Wait::timeout(us(round as u64 % 30))).map(|done| (done.is(a), done.is(b)));
            assert!(s.remove(a) && s.remove(b));
            drop(s);
            let (sent, got) = h.join().unwrap();
            assert!(sent, "a receiver is there");
            assert_eq!(got.is_ok(), went == Ok((false, true)), "{got:?} {went:?}");
            assert_eq!(rx.try_recv().is_ok(), went != Ok((true, false)));
            drop(rx);
            l.settle();
        });
        no_selector_is_left();
    })
}

// ---- leaks

/// G4: entries of a leaked selector stay in the queues; peers meet them and go on, and the channel may die.
#[test]
fn leaked_selector_leaves_the_channels_whole() {
    plain(|| {
        let l = Ledger::default();
        for owned in [false, true] {
            let ((tx, rx), (out, out_rx)) = (channel::<Val<Line>>(0), channel::<Val<Line>>(0));
            let mut s = Selector::new();
            let (a, b) = if owned {
                (s.recv(rx.clone()).unwrap(), s.send(out.clone(), l.make(1)).unwrap())
            } else {
                (s.recv(&rx).unwrap(), s.send(&out, l.make(1)).unwrap())
            };
            assert!(matches!(s.wait_with(Wait::timeout(us(50))), Err(Status::TimedOut))); // both are enlisted
            leak((s, a, b));
            assert_eq!(tx.try_send(l.make(2)).unwrap_err().status, Status::WouldBlock, "nobody waits");
            assert_eq!(out_rx.try_recv().map(|v| v.1), Err(Status::WouldBlock));
            for (tx, rx) in [(&tx, &rx), (&out, &out_rx)] {
                let (theirs, v) = (tx.clone(), l.make(3));
                let h = spawn(move || theirs.send(v).is_ok());
                assert_eq!(rx.recv().unwrap().1, 3);
                assert!(h.join().unwrap());
            }
            if owned {
                // The leaked ends keep their channels: they are given up by hand, for the fixture counts channels.
                // SAFETY: the ends that the leaked selector has are never used, or dropped.
                unsafe {
                    gort::chan::raw::drop_end(rx.as_raw(), false);
                    gort::chan::raw::drop_end(out.as_raw(), true);
                }
            }
        }
        assert_eq!(l.made() - l.dropped(), 2, "the values in the leaked places");
        assert_eq!(gort::sched::objects::live("selectors"), 2);
        until(|| support::count_tasks(|_| true) == 0);
        assert!(gort::shutdown().is_ok()); // gives back what the engine has of them
        no_selector_is_left();
    })
}

#[test]
fn selector_that_outlives_a_shutdown_says_so_and_gives_its_values_back() {
    plain(|| {
        let l = Ledger::default();
        spawn(|| {}).join().unwrap(); // without a task there is nothing to shut down
        let ((tx, rx), (out, _out_rx)) = (channel::<Val<Line>>(1), channel::<Val<Line>>(0));
        let mut s = Selector::new();
        let (a, b) = (s.recv(&rx).unwrap(), s.send(out.clone(), l.make(1)).unwrap());
        tx.send(l.make(2)).unwrap();
        assert_eq!(s.wait().unwrap().recv(a).unwrap().unwrap().1, 2);
        assert!(matches!(s.wait_with(Wait::timeout(us(50))), Err(Status::TimedOut)));
        assert!(gort::shutdown().is_ok());
        assert!(matches!(s.wait(), Err(Status::Shutdown)) && matches!(s.try_wait(), Err(Status::Shutdown)));
        assert_eq!(s.recv(&rx).map(|_| ()), Err(Status::Shutdown));
        let e = s.send(&out, l.make(3)).unwrap_err();
        assert_eq!((e.value.1, e.status), (3, Status::Shutdown));
        drop(e);
        assert_eq!(s.take(b).unwrap().1, 1);
        let e = s.put(b, l.make(4)).unwrap_err();
        assert_eq!((e.value.1, e.status), (4, Status::Shutdown));
        assert!(s.remove(a));
        drop((s, e));
        l.settle();
        // The runtime starts again, for new ones.
        let (tx, rx) = channel::<u8>(1);
        let mut s = Selector::new();
        let a = s.recv(rx).unwrap();
        tx.send(1).unwrap();
        assert_eq!(s.wait().unwrap().recv(a), Some(Ok(1)));
        drop(s);
        no_selector_is_left();
    })
}

// ---- load

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

//! `gort::Selector`: cases that are registered once; who may come and go, what is told, who drops which value, and that leaks are sound.
//!
//! What this is: the typed selector over the engine `chan::selector`. What it is NOT: many cases and many selectors at once
//! (selector_crowd.rs), or the one-time selects (select.rs, select_macro.rs, select_dynamic.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]
#![allow(clippy::forget_non_drop)] // what an outcome has of destructors is not for these tests to know

#[path = "support/alike.rs"]
#[macro_use]
mod alike;
#[path = "support/ledger.rs"]
mod ledger;
#[path = "support/source.rs"]
mod source;
mod support;

use alike::Given;
use gort::{Receiver, Selector, Sender, Status, Wait, channel, spawn};
use ledger::{Ledger, Line, Pad, Val, leak, roomy};
use source::Source;
use std::mem::forget;
use support::{Rng, check, no_selector_is_left, plain, repeat, scale, until, until_parked, us};

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

// ---- values

tests_of!(Selector);

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

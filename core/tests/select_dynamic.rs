//! `gort::Select`: cases known at run time, tokens, what comes back, limits; and that nothing is lost or unsound when something is leaked.
//!
//! What it is NOT: the choice and the waiting themselves (select.rs), the macro (select_macro.rs), or cases that are registered (selector.rs).

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]
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
use gort::{Receiver, Select, Sender, Status, Time, Wait, WaitGroup, channel, go, sleep, spawn, unbounded};
use ledger::{Ledger, Line, Pad, Val, leak, roomy};
use source::Source;
use std::mem::forget;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{Rng, check, check_on, ms, plain, repeat, scale, until, until_parked, us};

#[test]
fn every_kind_of_case_is_told_by_its_token() {
    check(|| {
        let ((tx, rx), (full, full_rx), (closed, closed_rx)) =
            (channel::<u32>(1), channel::<String>(0), channel::<u8>(1));
        let mut s = Select::new();
        let a = s.recv(&rx);
        let b = s.send(&full, "value".to_string());
        let c = s.recv(&closed_rx);
        let d = s.at(Time::NEVER);
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        // A receive.
        tx.send(5).unwrap();
        let mut done = s.wait().unwrap();
        assert!(done.is(a) && !done.is(b) && !done.is(c) && !done.is(d));
        assert!(done.send(b).is_none() && done.recv(c).is_none());
        assert_eq!(done.recv(a), Some(Ok(5)));
        assert_eq!(done.recv(a), None, "it was taken");
        // A send, to a receiver that comes later.
        let h = spawn(move || full_rx.recv());
        let mut done = s.wait().unwrap();
        assert!(matches!(done.send(b), Some(Ok(()))) && done.is(b));
        assert_eq!(h.join().unwrap().as_deref(), Ok("value"));
        // It rests: its receiver is gone, but the case is off.
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        assert_eq!(s.take(b), None);
        assert_eq!(s.put(b, "back".into()), None);
        let e = s.wait().unwrap().send(b).unwrap().unwrap_err();
        assert_eq!((e.value.as_str(), e.status), ("back", Status::Closed));
        // A close; ready each time.
        closed.send(1).unwrap();
        closed.close().unwrap();
        assert_eq!(s.wait().unwrap().recv(c), Some(Ok(1)));
        for _ in 0..3 {
            let mut done = s.wait().unwrap();
            assert_eq!((done.recv(c), done.recv(c)), (Some(Err(Status::Closed)), Some(Err(Status::Closed))));
        }
        assert!(s.remove(c) && s.remove(c), "still a case, of nothing");
        // A time; once.
        s.reset(d, Time::after(us(200)));
        let due = gort::now();
        assert!(s.wait().unwrap().is(d));
        assert!(gort::now().0 >= due.0 + 200_000, "never early");
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        let e = s.after(Duration::ZERO);
        assert!(s.try_wait().unwrap().is(e));
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn none_is_never_ready_and_a_removed_case_neither() {
    check(|| {
        let (tx, rx) = channel::<u8>(4);
        (0..4).for_each(|i| tx.send(i).unwrap());
        let (nil_rx, nil_tx): (Option<Receiver<u8>>, Option<Sender<u8>>) = (None, None);
        let some = Some(&rx);
        let mut s = Select::new();
        let (a, b, c) = (s.recv(&nil_rx), s.send(&nil_tx, 7), s.recv(&some));
        assert_eq!(s.wait().unwrap().recv(c), Some(Ok(0)));
        assert!(s.remove(c));
        assert!(matches!(s.wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
        assert!(s.remove(a));
        assert_eq!(s.take(b), Some(7));
        assert_eq!((s.put(b, 8), s.put(b, 9)), (None, Some(8)));
        assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
        // Tokens of another select find nothing.
        let mut other = Select::new();
        let _x = other.recv(&rx);
        let y = other.recv(&rx);
        assert!(!other.remove(c) && !s.remove(y));
        let mut done = other.wait().unwrap();
        assert!(!done.is(c) && done.recv(c).is_none() && done.recv(a).is_none());
    })
}

#[test]
fn biased_takes_the_first_and_unbiased_each() {
    check(|| {
        let ends: Vec<_> = (0..4).map(|_| channel::<u8>(0)).collect();
        ends.iter().for_each(|(tx, _)| tx.close().unwrap());
        for biased in [true, false] {
            let mut s = if biased { Select::biased() } else { Select::new() };
            let cases: Vec<_> = ends.iter().map(|(_, rx)| s.recv(rx)).collect();
            let mut counts = [0; 4];
            for _ in 0..4_000 {
                let done = s.wait().unwrap();
                counts[cases.iter().position(|c| done.is(*c)).unwrap()] += 1;
            }
            if biased {
                assert_eq!(counts, [4_000, 0, 0, 0]);
            } else {
                let sigma = (4_000.0 * 0.25 * 0.75f64).sqrt();
                assert!(counts.iter().all(|c| (f64::from(*c) - 1000.0).abs() < 10.0 * sigma), "{counts:?}");
            }
        }
    })
}

#[test]
fn more_cases_than_the_limit_are_refused() {
    check_on(&[2], || {
        let (_tx, rx) = channel::<()>(0);
        let mut s = Select::new();
        (0..65_537).for_each(|_| _ = s.recv(&rx));
        assert!(matches!(s.try_wait(), Err(Status::Limit)));
    })
}

#[test]
fn many_cases_and_the_one_that_is_ready() {
    check(|| {
        for n in [1, 4, 5, 64, 65, 1000] {
            let ends: Vec<_> = (0..n).map(|_| channel::<usize>(0)).collect();
            let mut s = Select::new();
            let cases: Vec<_> = ends.iter().map(|(_, rx)| s.recv(rx)).collect();
            for i in [0, n / 2, n - 1] {
                let tx = ends[i].0.clone();
                go(move || tx.send(i).unwrap());
                let mut done = s.wait().unwrap();
                assert_eq!((done.index(), cases[i].index()), (i, i));
                assert_eq!(done.recv(cases[i]), Some(Ok(i)));
            }
        }
        until(|| support::count_tasks(|_| true) == 1);
    })
}

#[test]
fn select_may_go_to_another_thread_between_waits() {
    plain(|| {
        let (tx, rx) = channel::<u32>(3);
        (0..3).for_each(|i| tx.send(i).unwrap());
        let mut s = Select::new();
        let a = s.recv(&rx);
        assert_eq!(s.wait().unwrap().recv(a), Some(Ok(0)));
        std::thread::scope(|scope| {
            let h = scope.spawn(move || (s.wait().unwrap().recv(a), s));
            let (got, mut s) = h.join().unwrap();
            assert_eq!(got, Some(Ok(1)));
            assert_eq!(s.wait().unwrap().recv(a), Some(Ok(2)));
        });
    })
}

// ---- values

tests_of!(Select);

/// A value may borrow what lives as long as the select does.
#[test]
fn values_that_borrow_go_through_a_select() {
    plain(|| {
        let text = String::from("borrowed");
        let (tx, rx) = channel::<&str>(1);
        let mut s = Select::new();
        let (a, b) = (s.send(&tx, &text), s.recv(&rx));
        assert!(s.wait().unwrap().is(a));
        assert_eq!(s.wait().unwrap().recv(b), Some(Ok("borrowed")));
        assert_eq!(s.put(a, &text[..3]), None);
    })
}

// ---- bugs that peers had

/// A peer's selected operation, leaked, left a channel with a token that pointed nowhere. Here the operation is over; what is leaked is memory.
#[test]
fn leaked_select_token_and_outcome_leave_the_channels_whole() {
    check(|| {
        let l = Ledger::default();
        repeat(20, 10, |_| {
            let (tx, rx) = channel::<Val<Line>>(0);
            // Done leaked after a receive, the select dropped: the value goes with it.
            let (theirs, v) = (tx.clone(), l.make(1));
            let h = spawn(move || theirs.send(v).is_ok());
            let mut s = Select::new();
            let a = s.recv(&rx);
            forget(s.wait().unwrap());
            assert!(h.join().unwrap());
            drop(s);
            // The select itself leaked, after a receive, after a wait in vain, with a value to send.
            let mut s = Select::new();
            let _ = (s.recv(&rx), s.send(&tx, l.make(2)), a);
            assert!(matches!(s.wait_with(Wait::timeout(us(20))), Err(Status::TimedOut)));
            leak(s);
            // The channel has nobody in its queues, and works.
            assert_eq!(rx.try_recv().map(|v| v.1), Err(Status::WouldBlock));
            assert_eq!(tx.try_send(l.make(3)).unwrap_err().status, Status::WouldBlock);
            let (theirs, v) = (tx.clone(), l.make(4));
            let h = spawn(move || theirs.send(v).is_ok());
            assert_eq!(rx.recv().unwrap().1, 4);
            assert!(h.join().unwrap());
        });
        assert_eq!((l.made() - l.dropped()) * 4, l.made(), "only the values in leaked selects");
    })
}

/// Any number of cases, both directions, limits that expire, the same select again and again: nothing lost, nothing doubled.
#[test]
fn random_dynamic_selects_lose_nothing() {
    check(|| {
        let _printed = Rng::new();
        type Ends<T> = (Sender<T>, Receiver<T>);
        let ends: Arc<Vec<Ends<Val<Line>>>> = Arc::new(
            [Some(0), Some(0), Some(1), Some(3), None].iter().map(|c| c.map_or_else(unbounded, channel)).collect(),
        );
        let l = Ledger::default();
        let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let wg = WaitGroup::new();
        for t in 0..5 {
            let (ends, l, sent, received) = (ends.clone(), l.clone(), sent.clone(), received.clone());
            wg.go(move || {
                let mut rng = Rng::of(t);
                for i in 0..scale(60, 1_000) {
                    let mut s = Select::new();
                    let (mut takes, mut puts) = (vec![], vec![]);
                    for _ in 0..1 + rng.below(7) {
                        let (tx, rx) = &ends[rng.below(ends.len())];
                        if rng.below(2) == 0 {
                            let n = 1 + rng.below(1 << 20);
                            puts.push((s.send(tx, l.make(n)), n));
                        } else {
                            takes.push(s.recv(rx));
                        }
                    }
                    for _ in 0..4 {
                        let Ok(mut done) = s.wait_with(Wait::timeout(us(rng.below(100) as u64))) else { continue };
                        takes.iter().filter_map(|c| done.recv(*c)).for_each(|v| {
                            received.fetch_add(v.unwrap().1, SeqCst);
                        });
                        let went = puts.iter().find(|(c, _)| done.is(*c)).copied();
                        if let Some((c, n)) = went {
                            assert!(done.send(c).unwrap().is_ok());
                            sent.fetch_add(n, SeqCst);
                            assert!(s.take(c).is_none() && s.put(c, l.make(n)).is_none());
                        }
                    }
                    if i % 16 == 0 {
                        sleep(us(1)).unwrap();
                    }
                }
            });
        }
        wg.wait().unwrap();
        let rest = |rx: &Receiver<Val<Line>>| std::iter::from_fn(|| rx.try_recv().ok()).map(|v| v.1).sum::<usize>();
        let left: usize = ends.iter().map(|(_, rx)| rest(rx)).sum();
        assert!(sent.load(SeqCst) > 0);
        assert_eq!(received.load(SeqCst) + left, sent.load(SeqCst));
        l.settle();
        until(|| gort::metrics().timers == 0);
    })
}

/// The sender's last value and its going, against waits of a select that keep expiring.
#[test]
fn last_value_before_the_sender_goes_is_not_lost() {
    check(|| {
        repeat(100, 10, |round| {
            let (tx, rx) = channel::<usize>(round % 3);
            let h = spawn(move || (0..5).for_each(|i| tx.send_with(i, Wait::timeout(ms(20_000))).unwrap()));
            let mut s = Select::new();
            let (a, mut next) = (s.recv(&rx), 0);
            loop {
                match s.wait_with(Wait::timeout(us((round % 7) as u64))) {
                    Ok(mut done) => match done.recv(a).unwrap() {
                        Ok(v) => {
                            assert_eq!(v, next);
                            next += 1;
                        }
                        Err(s) => break assert_eq!(s, Status::Closed),
                    },
                    Err(s) => assert_eq!(s, Status::TimedOut),
                }
            }
            assert_eq!(next, 5);
            h.join().unwrap();
        })
    })
}

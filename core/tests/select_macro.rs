//! `gort::select!`: Go's cases by name, every syntactic form, what an arm sees, which arm runs.
//!
//! What this is: the macro. What it is NOT: the choice and the waiting themselves (select.rs holds them on raw channels), what ends a wait (select_macro_waits.rs), or who drops
//! which value (select_macro_values.rs).
//!
//! A statement about chance allows 10 sigma, so it fails by luck less than once in 10^20 runs.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::{Receiver, Sender, Status, Time, Wait, channel, go, select, spawn, yield_now};
use std::cell::{Cell, RefCell};
use std::time::Duration;
use support::{check, ms, scale, until, until_parked, us};

// ---- Go's test/chan

/// Go's select.go: the values are computed each time, also those of cases that are off; a case is switched off by None.
#[test]
fn Select() {
    check(|| {
        let (counter, shift) = (Cell::new(0), Cell::new(0));
        let get_value = || {
            counter.set(counter.get() + 1);
            1u32 << shift.get()
        };
        let send = |mut a: Option<&Sender<u32>>, mut b: Option<&Sender<u32>>| {
            let mut i = 0;
            loop {
                select! {
                    send(a, get_value()) => { i += 1; a = None }
                    send(b, get_value()) => { i += 1; b = None }
                    default => break,
                }
                shift.set(shift.get() + 1);
            }
            i
        };
        let ((a, from_a), (b, from_b)) = (channel(1), channel(1));
        assert_eq!(send(Some(&a), Some(&b)), 2);
        assert_eq!(from_a.recv().unwrap() | from_b.recv().unwrap(), 3, "each value once");
        assert_eq!(send(Some(&a), None), 1);
        assert_eq!(counter.get(), 10);
    })
}

/// Go's select3.go: what blocks and what does not, by the macro.
#[test]
fn select3() {
    check(|| {
        let nil_tx: Option<Sender<i32>> = None;
        let nil_rx: Option<Receiver<i32>> = None;
        let blocks = |r: Result<(), Status>| r == Err(Status::TimedOut);
        let soon = || Time::after(us(200));
        // None is never ready.
        assert!(blocks(select! { until(soon()); recv(nil_rx) -> _ => unreachable!() }));
        assert!(blocks(select! { until(soon()); send(nil_tx, 7) => unreachable!() }));
        assert!(blocks(
            select! { until(soon()); recv(nil_rx) -> _ => unreachable!(), send(nil_tx, 7) => unreachable!() }
        ));
        assert!(select! { recv(nil_rx) -> _ => false, send(nil_tx, 7) -> _ => false, default => true });
        // Empty, rendezvous.
        let (tx, rx) = channel::<i32>(0);
        assert!(blocks(select! { until(soon()); recv(rx) -> _ => unreachable!() }));
        assert!(blocks(select! { until(soon()); send(tx, 7) => unreachable!() }));
        assert!(select! { recv(rx) -> _ => false, default => true });
        assert!(select! { send(tx, 7) => false, default => true });
        // Never with itself.
        assert!(blocks(select! { until(soon()); recv(rx) -> _ => unreachable!(), send(tx, 7) => unreachable!() }));
        // Empty and full, buffered.
        let (tx, rx) = channel::<i32>(10);
        assert!(blocks(select! { until(soon()); recv(rx) -> _ => unreachable!() }));
        (0..10).for_each(|i| select! { send(tx, i) => {} }.unwrap());
        assert!(blocks(select! { until(soon()); send(tx, 7) => unreachable!() }));
        assert_eq!(select! { recv(rx) -> v => v }, Ok(Ok(0)));
        // Closed.
        tx.close().unwrap();
        assert_eq!((1..10).map(|_| select! { recv(rx) -> v => v.unwrap() }.unwrap()).sum::<i32>(), 45);
        assert_eq!(select! { recv(rx) -> v => v, default => Ok(-1) }, Err(Status::Closed));
        assert_eq!(select! { recv(rx) -> v => v }, Ok(Err(Status::Closed)));
        let back = select! { send(tx, 8) -> r => r, default => Ok(()) }.unwrap_err();
        assert_eq!((back.value, back.status), (8, Status::Closed));
        assert_eq!(select! { send(tx, 8) => "sent" }, Err(Status::Closed), "an arm that can not see it");
    })
}

/// Go's select4.go: what receives is evaluated in the arm that is chosen only.
#[test]
fn select4() {
    check(|| {
        let ((a_tx, a), (_b_tx, b)) = (channel::<i32>(1), channel::<i32>(1));
        let place = || -> &'static Cell<i32> { panic!("of a case that was not chosen") };
        a_tx.send(42).unwrap();
        let mut got = 0;
        select! {
            recv(b) -> v => place().set(v.unwrap()),
            recv(a) -> v => got = v.unwrap(),
        }
        .unwrap();
        assert_eq!(got, 42);
    })
}

/// Go's select5.go: all syntactic forms, and everything evaluated once, in the order of the source, before the choice.
#[test]
fn select5() {
    check(|| {
        let ((tx, rx), (full_tx, full_rx)) = (channel::<i32>(1), channel::<i32>(1));
        full_tx.send(1).unwrap();
        let log = RefCell::new(Vec::new());
        let note = |what: &'static str| log.borrow_mut().push(what);
        let expect = |wanted: &[&str]| assert_eq!(std::mem::take(&mut *log.borrow_mut()), wanted);
        for _ in 0..20 {
            select! {
                biased;
                with({ note("limit"); Wait::forever() });
                recv({ note("rx"); &rx }) -> _ => { note("received") }
                send({ note("full"); &full_tx }, { note("value"); 2 }) => note("sent"),
                after({ note("duration"); Duration::MAX }) => { note("later") },
                at({ note("time"); Time::NEVER }) => { note("late") }
                send({ note("tx"); &tx }, { note("5"); 5 }) -> r => { r.unwrap(); note("sent 5") }
                recv({ note("closed"); None::<&Receiver<u8>> }) -> _ => note("nil"),
                failed(s) => panic!("{s}")
            }
            expect(&["limit", "rx", "full", "value", "duration", "time", "tx", "5", "closed", "sent 5"]);
            assert_eq!(rx.recv(), Ok(5));
        }
        // With default: the same, and it is last.
        tx.send(0).unwrap();
        select! {
            default => note("default"),
            send({ note("a"); &full_tx }, { note("b"); 2 }) => note("sent"),
            send({ note("c"); &tx }, { note("d"); 2 }) -> _ => note("sent"),
        }
        expect(&["a", "b", "c", "d", "default"]);
        drop((rx, full_rx));
    })
}

/// Patterns, trailing commas, blocks without, one line, any number of arms; as statement and as value.
#[test]
fn every_form_of_an_arm_is_read() {
    check(|| {
        struct Point {
            x: i32,
            y: i32,
        }
        let (tx, rx) = channel::<(i32, Point)>(4);
        let ends = (tx, Some(rx));
        let point = |x| (x, Point { x, y: -x });
        // Ends by place, by field, by reference, by option; trailing commas everywhere.
        select! { send(ends.0, point(1),) => () }.unwrap();
        select! { send(&ends.0, point(2)) => {} }.unwrap();
        select! { send(Some(&ends.0), point(3)) -> _ => {}, }.unwrap();
        select! { send(Some(ends.0.clone()), point(4)) -> Ok(()) | Err(_) => (), }.unwrap();
        let sum = |v: Result<(i32, Point), Status>| v.map(|(n, Point { x, y })| n + x + y);
        let one = select! { recv(ends.1) -> v => sum(v), };
        let two = select! { recv(ends.1.as_ref(),) -> mut v => { v.as_mut().unwrap().0 = 20; sum(v) } };
        let three = select! { recv(ends.1.as_ref().unwrap()) -> Ok(_) | Err(_) => 3 * i32::from(one != two) };
        let four =
            select! { recv(ends.1) -> ref v @ (Ok(_) | Err(_)) => v.as_ref().map(|v| v.1.y).unwrap(), default => 0 };
        assert_eq!((one, two, three, four), (Ok(Ok(1)), Ok(Ok(20)), Ok(3), -4));
        // Only default, only failed, nothing.
        assert_eq!(select! { default => 5 }, 5);
        assert_eq!(select! { default => { 6 } failed(_) => 7, }, 6);
        assert_eq!(select! { until(Time::after(us(1))); failed(s) => s }, Status::TimedOut);
        let Err(nothing) = select! { until(Time::after(us(1))); };
        assert_eq!(nothing, Status::TimedOut);
        // In an expression, and nested.
        let (tx, rx) = channel::<u32>(1);
        let x = 1 + select! { recv(rx) -> _ => 1, default => select! { send(tx, 4) => 2, default => 3 } };
        assert_eq!(x, 3);
        assert!(matches!(select! { recv(rx) -> v => v }, Ok(Ok(4))));
        let f = |b: bool| select! { recv(b.then_some(&rx)) -> _ => "on", after(Duration::ZERO) => "off" };
        assert_eq!(f(false), Ok("off"));
        // Names of the macro's own do not get in the way.
        let (o, default, failed) = (1, 2, 3);
        assert_eq!(select! { recv(rx) -> o => drop_it(o), default => o + default + failed }, 6);
    })
}

fn drop_it<T>(_: T) -> i32 {
    0
}

#[test]
fn forty_arms_are_one_select() {
    check(|| {
        let ends: Vec<_> = (0..40).map(|_| channel::<usize>(1)).collect();
        let rx: Vec<_> = ends.iter().map(|(_, rx)| rx).collect();
        macro_rules! of {
            ($($i:literal)*) => { select! { $( recv(rx[$i]) -> v => ($i, v), )* } };
        }
        for (i, (tx, _)) in ends.iter().enumerate() {
            let tx = tx.clone();
            go(move || tx.send(i).unwrap());
            let got = of!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33 34 35 36 37 38 39);
            assert_eq!(got, Ok((i, Ok(i))));
        }
    })
}

/// Go's select7.go: the three ways to receive against the three ways to send.
#[test]
fn select7() {
    check(|| {
        fn recv1(c: &Receiver<i32>) {
            c.recv().unwrap();
        }
        fn recv2(c: &Receiver<i32>) {
            select! { recv(c) -> v => assert_eq!(v, Ok(1)) }.unwrap()
        }
        fn recv3(c: &Receiver<i32>) {
            let (_keep, other) = channel::<i32>(1);
            select! { recv(c) -> v => assert_eq!(v, Ok(1)), recv(other) -> _ => panic!("nobody sent") }.unwrap()
        }
        fn send1(c: &Sender<i32>) {
            c.send(1).unwrap()
        }
        fn send2(c: &Sender<i32>) {
            select! { send(c, 1) => {} }.unwrap()
        }
        fn send3(c: &Sender<i32>) {
            let (full, _rx) = channel::<i32>(0);
            select! { send(c, 1) -> r => r.unwrap(), send(full, 2) => panic!("nobody receives") }.unwrap()
        }
        for receive in [recv1, recv2, recv3] {
            for send in [send1, send2, send3] {
                let (tx, rx) = channel(0);
                go(move || receive(&rx));
                yield_now();
                send(&tx);
                let (tx, rx) = channel(0);
                go(move || send(&tx));
                yield_now();
                receive(&rx);
                let (tx, rx) = channel(1);
                send(&tx);
                receive(&rx);
            }
        }
        until(|| support::count_tasks(|_| true) == 1);
    })
}

/// Go's select8.go: `break` inside a select. There it ends the select; here it ends the loop around, and a labelled block is Go's break.
#[test]
fn select8() {
    check(|| {
        let (tx, rx) = channel::<i32>(1);
        let mut rounds = 0;
        loop {
            rounds += 1;
            tx.send(rounds).unwrap();
            select! {
                recv(rx) -> v => if v == Ok(3) { break },
                default => panic!("there is a value"),
            }
        }
        assert_eq!(rounds, 3);
        let mut after = false;
        'select: {
            tx.send(1).unwrap();
            select! { recv(rx) -> _ => { if !after { break 'select } panic!("beyond the break") } }.unwrap();
        }
        after |= true;
        let mut n = 0;
        let found = 'outer: loop {
            for i in 0..10 {
                tx.send(i).unwrap();
                select! {
                    recv(rx) -> v => { n += 1; if v == Ok(4) { break 'outer v } else { continue } },
                    failed(_) => break 'outer Ok(-1),
                }
            }
        };
        assert_eq!((found, n, after), (Ok(4), 5, true));
    })
}

#[test]
fn return_and_question_mark_leave_the_function_around() {
    check(|| {
        fn first(rx: &Receiver<u32>) -> Result<u32, Status> {
            loop {
                select! {
                    recv(rx) -> v => {
                        let v = v?;
                        if v > 2 {
                            return Ok(v);
                        }
                    }
                }?;
            }
        }
        let (tx, rx) = channel(5);
        (0..5).for_each(|i| tx.send(i).unwrap());
        assert_eq!(first(&rx), Ok(3));
        drop(tx);
        assert_eq!(first(&rx), Ok(4));
        assert_eq!(first(&rx), Err(Status::Closed));
    })
}

/// A lock's guard in a channel expression would otherwise be held while the arm runs.
#[test]
fn temporaries_are_gone_when_an_arm_runs() {
    check(|| {
        let (tx, rx) = channel::<String>(1);
        let state = RefCell::new((rx, tx, 0));
        state.borrow().1.send("a".into()).unwrap();
        select! { recv(state.borrow().0) -> v => state.borrow_mut().2 += v.unwrap().len() }.unwrap();
        select! { send(state.borrow().1, "bcd".to_string().repeat(2)) => state.borrow_mut().2 += 10 }.unwrap();
        select! { recv(state.borrow_mut().0) -> _ => {}, default => panic!("there is one") }
        select! { recv(state.borrow_mut().0) -> _ => {}, default => state.borrow_mut().2 += 100 }
        assert_eq!(state.borrow().2, 111);
    })
}

// ---- which arm

#[test]
fn TestSelectFairness() {
    check(|| {
        let n = 10_000;
        let ends: Vec<_> = (0..4).map(|_| channel::<u8>(1)).collect();
        let (a, b, c, d) = (&ends[0].1, &ends[1].1, &ends[2].1, &ends[3].1);
        ends[1].0.close().unwrap(); // two that are always ready, of four
        ends[3].0.close().unwrap();
        let mut counts = [0; 4];
        for _ in 0..n {
            select! {
                recv(a) -> _ => counts[0] += 1,
                recv(b) -> _ => counts[1] += 1,
                recv(c) -> _ => counts[2] += 1,
                recv(d) -> _ => counts[3] += 1,
            }
            .unwrap()
        }
        assert_eq!(counts[0] + counts[2], 0);
        let off = (counts[1] as f64 - n as f64 / 2.0).abs();
        assert!(off < 10.0 * (n as f64 / 4.0).sqrt(), "{counts:?}");
    })
}

#[test]
fn biased_takes_the_first_that_is_ready() {
    check(|| {
        let ((a_tx, a), (b_tx, b)) = (channel::<u8>(200), channel::<u8>(200));
        (0..100).for_each(|_| b_tx.send(2).unwrap());
        for n in 0..100 {
            let got = select! { biased; recv(a) -> v => v, recv(b) -> v => v }.unwrap();
            assert_eq!(got, Ok(2), "{n}");
            a_tx.send(1).unwrap();
            let got = select! { biased; recv(a) -> v => v, recv(b) -> v => v, default => Ok(0) };
            assert_eq!(got, Ok(1), "{n}");
        }
    })
}

#[test]
fn arms_wake_for_value_close_and_time() {
    check(|| {
        for round in 0..repeat_rounds() {
            let ((a_tx, a), (b_tx, b)) = (channel::<usize>(0), channel::<usize>(0));
            let ((c_tx, c), (d_tx, d)) = (channel::<usize>(0), channel::<usize>(0));
            let h = spawn(move || {
                select! {
                    recv(a) -> v => format!("a {v:?}"),
                    send(b_tx, round) -> r => format!("b {r:?}"),
                    recv(c) -> v => format!("c {v:?}"),
                    send(d_tx, round) -> r => format!("d {:?}", r.map_err(|e| (e.value, e.status))),
                    after(ms(if round % 5 == 4 { 1 } else { 10_000 })) => "time".into(),
                }
            });
            until_parked(1);
            let wanted = match round % 5 {
                0 => a_tx.send(round).map(|()| format!("a Ok({round})")).unwrap(),
                1 => b.recv().map(|_| "b Ok(())".to_string()).unwrap(),
                2 => c_tx.close().map(|()| "c Err(Closed)".to_string()).unwrap(),
                3 => {
                    d.abandon();
                    format!("d Err(({round}, Closed))")
                }
                _ => "time".into(),
            };
            assert_eq!(h.join().unwrap(), Ok(wanted));
        }
    })
}

fn repeat_rounds() -> usize {
    scale(25, 500)
}

/// Go's doubleselect.go, by the macro: two cases of one select never both fire, though others take from all of them.
#[test]
fn doubleselect() {
    check(|| {
        support::bodies::double_select(scale(4_000, 40_000), |tx, i| {
            select! { send(tx[0], i) => {}, send(tx[1], i) => {}, send(tx[2], i) => {}, send(tx[3], i) => {} }.unwrap()
        })
    })
}

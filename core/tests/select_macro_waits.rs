//! `gort::select!`: what ends a wait but a channel: limits, times, cancellation, the judge of deadlocks; and who may wait.
//!
//! What it is NOT: the forms of the macro and which arm runs (select_macro.rs), or the values (select_macro_values.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/source.rs"]
mod source;
mod support;

use gort::{Receiver, Status, Time, Wait, channel, select, spawn};
use source::Source;
use std::sync::atomic::{AtomicBool, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, ms, plain, scale, until, until_parked, us};

#[test]
fn limit_of_the_whole_ends_it_with_its_status() {
    check(|| {
        let (tx, rx) = channel::<u8>(0);
        let start = gort::now();
        let end = Time(start.0 + 2_000_000);
        assert_eq!(select! { until(end); recv(rx) -> _ => {} }, Err(Status::TimedOut));
        assert!(gort::now() >= end, "never early");
        let s = select! { with(Wait::timeout(us(300))); recv(rx) -> _ => unreachable!(), failed(s) => s };
        assert_eq!(s, Status::TimedOut);
        // A limit that has passed still takes what is ready.
        let h = spawn(move || tx.send(9));
        until_parked(1);
        assert_eq!(select! { until(Time(0)); recv(rx) -> v => v }, Ok(Ok(9)));
        h.join().unwrap().unwrap();
        assert_eq!(select! { until(Time(0)); recv(rx) -> v => v }, Ok(Err(Status::Closed)));
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn time_arms_compete_with_channels_and_the_earliest_counts() {
    check(|| {
        let (_tx, rx) = channel::<u8>(0);
        let t0 = gort::now();
        let which = select! {
            recv(rx) -> _ => 0,
            after(ms(5_000)) => 1,
            at(Time(t0.0 + 1_000_000)) => 2,
            at(Time::NEVER) => 3,
        };
        assert_eq!(which, Ok(2));
        assert!(gort::now().0 >= t0.0 + 1_000_000, "never early");
        assert_eq!(select! { recv(rx) -> _ => 0, after(Duration::ZERO) => 1 }, Ok(1));
        assert_eq!(select! { recv(rx) -> _ => 0, after(ms(5_000)) => 1, default => 2 }, 2);
        assert_eq!(select! { recv(rx) -> _ => 0, at(t0) => 1, default => 2 }, 1, "its time has come");
        // One deadline for a loop.
        let (deadline, mut rounds) = (Time::after(ms(2)), 0);
        loop {
            select! { recv(rx) -> _ => {}, at(deadline) => break, after(us(100)) => rounds += 1 }.unwrap()
        }
        assert!(rounds > 0 && gort::now() >= deadline);
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn cancel_source_ends_a_select_with_its_cause() {
    check(|| {
        for cause in [Status::Canceled, Status::TimedOut] {
            let source = Source::new();
            let ((_tx, rx), theirs) = (channel::<u8>(0), source.clone());
            let h = spawn(move || select! { with(theirs.wait()); recv(rx) -> _ => {} });
            until_parked(1);
            assert!(source.cancel(cause));
            assert_eq!(h.join().unwrap(), Err(cause));
            let (tx, rx) = channel(1);
            assert_eq!(select! { with(source.wait()); recv(rx) -> _ => {} }, Err(cause), "it does not begin to wait");
            tx.send(5).unwrap();
            assert_eq!(select! { with(source.wait()); recv(rx) -> v => v }, Ok(Ok(5)), "what is ready goes ahead");
        }
    })
}

/// K3: a level. No arm runs, ready or not, until a shield is opened; `default` does not wait and so is not refused.
#[test]
fn cancelled_task_gets_canceled_from_every_select_until_a_shield() {
    check(|| {
        let ((tx, rx), (ready_tx, ready)) = (channel::<u8>(0), channel::<u8>(3));
        (0..3).for_each(|i| ready_tx.send(i).unwrap());
        let h = spawn(move || {
            let first = select! { recv(rx) -> _ => 0 };
            let second = select! { recv(ready) -> _ => 1 };
            let third = select! { recv(ready) -> _ => Status::Ok, failed(s) => s };
            let tried = select! { recv(ready) -> v => v.unwrap(), default => 9 };
            let shield = gort::shield();
            let fourth = select! { recv(ready) -> v => v.unwrap() };
            drop(shield);
            let Err(nothing) = select! {};
            (first, second, third, tried, fourth, nothing)
        });
        until_parked(1);
        h.cancel();
        let canceled = Status::Canceled;
        let wanted = (Err(canceled), Err(canceled), canceled, 0, Ok(1), canceled);
        assert_eq!(h.join().unwrap(), wanted);
        drop(tx);
    })
}

#[test]
fn select_of_nothing_waits_until_it_is_ended() {
    check(|| {
        let nil: Option<Receiver<u8>> = None;
        let h = [
            spawn(|| select! {}.map(|_| ())),
            spawn(move || select! { recv(nil) -> _ => {} }),
            spawn(|| select! { failed(s) => Err(s) }),
        ];
        until_parked(3);
        h.iter().for_each(|h| h.cancel());
        for h in h {
            assert_eq!(h.join().unwrap(), Err(Status::Canceled));
        }
    })
}

#[test]
fn deadlocked_select_of_main_returns_deadlock() {
    support::alone(&[1, 2], &[], || {
        let ended = gort::run(|| {
            let ((tx, rx), (other, _keep)) = (channel::<u8>(0), channel::<u8>(0));
            let r = select! { recv(rx) -> _ => {}, send(other, 1) => {} };
            drop(tx);
            r
        });
        let e = ended.unwrap_err();
        assert_eq!(e.status, Status::Deadlock);
        assert!(e.report.contains("select"), "{}", e.report);
    })
}

#[test]
fn select_in_a_destructor_of_a_panicking_task_is_misuse() {
    check(|| {
        support::allow_panics();
        struct Waits(Receiver<u8>, Arc<AtomicBool>);
        impl Drop for Waits {
            fn drop(&mut self) {
                let r = select! { recv(self.0) -> _ => {} };
                self.1.store(r == Err(Status::Misuse), SeqCst);
            }
        }
        let (_tx, rx) = channel(0);
        let refused = Arc::new(AtomicBool::new(false));
        let theirs = refused.clone();
        let h = spawn(move || {
            let _waits = Waits(rx, theirs);
            panic!("on purpose")
        });
        assert!(h.join().is_err());
        assert!(refused.load(SeqCst));
    })
}

#[test]
fn plain_threads_select_like_tasks() {
    plain(|| {
        let ((tx, rx), (back_tx, back)) = (channel::<u32>(0), channel::<u32>(0));
        let theirs = spawn(move || {
            let mut sum = 0;
            loop {
                select! {
                    recv(rx) -> v => match v { Ok(v) => sum += v, Err(_) => break sum },
                    send(back_tx, sum) => {},
                    failed(s) => panic!("{s}"),
                }
            }
        });
        let mut seen = 0;
        for n in 0..scale(200, 5_000) {
            select! {
                send(tx, n) => {},
                recv(back) -> sum => { let sum = sum.unwrap(); assert!(sum >= seen); seen = sum },
                after(ms(20_000)) => panic!("nobody meets us"),
            }
            .unwrap();
        }
        drop(tx);
        theirs.join().unwrap();
        assert_eq!(select! { until(Time::after(us(100))); recv(back) -> v => v }, Ok(Err(Status::Closed)));
    })
}

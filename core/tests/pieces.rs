//! What is built on timers: debounce, throttle, periodic, heartbeat, idle, retry, poll. Counts and orders; no bound that a slow machine breaks.

mod support;

use gort::time::{Backoff, Debounce, Heartbeat, Idle, Periodic, RetryError, Throttle, poll_until};
use gort::{Status, Wait, channel, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, until};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

fn counter() -> (Arc<AtomicUsize>, impl Fn() + Send + Sync + 'static) {
    let n = Arc::new(AtomicUsize::new(0));
    let theirs = n.clone();
    (n, move || {
        theirs.fetch_add(1, SeqCst);
    })
}

#[test]
fn debounce_runs_once_after_the_last_call() {
    check(|| {
        let (n, f) = counter();
        let d = Debounce::new(3 * MS, f);
        (0..50).for_each(|_| d.call());
        until(|| n.load(SeqCst) == 1);
        assert!(!d.cancel() && !d.flush());
        d.call();
        assert!(d.cancel());
        assert!(!d.cancel());
        sleep(6 * MS).unwrap();
        assert_eq!(n.load(SeqCst), 1);
    })
}

#[test]
fn debounce_flush_runs_now_and_once() {
    check(|| {
        let (n, f) = counter();
        let d = Debounce::new(LONG, f);
        d.call();
        assert!(d.flush());
        until(|| n.load(SeqCst) == 1);
        assert!(!d.flush());
        d.call();
        drop(d);
        sleep(2 * MS).unwrap();
        assert_eq!(n.load(SeqCst), 1);
    })
}

/// B1: what comes due while the function runs is run once more, and never beside it.
#[test]
fn debounce_never_runs_beside_itself() {
    check(|| {
        let (began, begins) = channel(0);
        let (go_on, gate) = channel::<()>(0);
        let inside = Arc::new(AtomicUsize::new(0));
        let d = Debounce::new(Duration::ZERO, move || {
            assert_eq!(inside.fetch_add(1, SeqCst), 0);
            began.send(()).unwrap();
            gate.recv().unwrap();
            inside.fetch_sub(1, SeqCst);
        });
        d.call();
        begins.recv().unwrap();
        for _ in 0..3 {
            d.call();
            sleep(MS).unwrap();
        }
        go_on.send(()).unwrap();
        begins.recv().unwrap(); // once more
        go_on.send(()).unwrap();
        assert_eq!(begins.recv_with(Wait::timeout(3 * MS)), Err(Status::TimedOut));
    })
}

#[test]
fn throttle_drops_what_is_too_early() {
    check(|| {
        let (n, f) = counter();
        let t = Throttle::new(LONG, f);
        let passed = (0..10).filter(|_| t.call()).count();
        assert_eq!((passed, n.load(SeqCst)), (1, 1));
        assert!(!t.cancel());
        let (n, f) = counter();
        let t = Throttle::new(Duration::ZERO, f);
        assert!(t.call() && t.call());
        assert_eq!(n.load(SeqCst), 2);
    })
}

#[test]
fn throttle_trailing_runs_once_at_the_end() {
    check(|| {
        let (n, f) = counter();
        let t = Throttle::trailing(5 * MS, f);
        assert!(t.call());
        let early = (0..10).filter(|_| t.call()).count();
        until(|| n.load(SeqCst) >= 2 + early);
        t.cancel();
        let t = Throttle::trailing(LONG, || ());
        assert!(t.call() && !t.call());
        assert!(t.cancel());
    })
}

#[test]
fn periodic_keeps_its_phase_and_skips_what_it_missed() {
    check(|| {
        let (tx, rx) = channel(0);
        let job = Periodic::new(MS, move |due| {
            let _ = tx.send(due);
            sleep(Duration::from_micros(2500)).ok();
        })
        .unwrap();
        let mut last = rx.recv().unwrap();
        for _ in 0..5 {
            let due = rx.recv().unwrap();
            assert!(due.0 - last.0 >= 2_000_000, "what was missed is skipped");
            assert_eq!((due.0 - last.0) % 1_000_000, 0, "in phase");
            last = due;
        }
        drop(rx);
        job.join().unwrap();
        assert_eq!(Periodic::new(Duration::ZERO, |_| ()).err(), Some(Status::Invalid));
    })
}

#[test]
fn heartbeat_beats_at_once_and_survives_a_panic() {
    check(|| {
        support::allow_panics();
        let (tx, rx) = channel(0);
        let mut n = 0;
        let mut h = Heartbeat::new(MS, move || {
            n += 1;
            if n == 2 {
                panic!("of the second beat")
            }
            let _ = tx.send(n);
        })
        .unwrap();
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(3), Ok(4)));
        h.stop();
        h.stop();
        drop(rx);
        h.join().unwrap();
    })
}

#[test]
fn idle_calls_once_for_each_silence() {
    check(|| {
        let (n, f) = counter();
        let idle = Idle::new(3 * MS, f);
        until(|| n.load(SeqCst) == 1);
        sleep(6 * MS).unwrap();
        assert_eq!(n.load(SeqCst), 1, "once");
        idle.touch();
        until(|| n.load(SeqCst) == 2);
        idle.touch();
        assert!(idle.stop());
        assert!(!idle.stop());
        sleep(6 * MS).unwrap();
        assert_eq!(n.load(SeqCst), 2);
        let (n, f) = counter();
        let busy = Idle::new(LONG, f);
        (0..1000).for_each(|_| busy.touch());
        drop(busy);
        assert_eq!(n.load(SeqCst), 0);
    })
}

#[test]
fn retry_gives_up_as_it_was_told() {
    check(|| {
        let fast = Backoff { first: Duration::from_micros(1), ..Backoff::default() };
        let e = fast.retry(Wait::forever(), Err::<(), u32>).unwrap_err();
        assert_eq!(e, RetryError { last: 5, attempts: 5, status: Status::Limit });
        let slow = Backoff { first: LONG, longest: LONG, ..Backoff::default() };
        let e = slow.retry(Wait::timeout(LONG / 4), |_| Err::<(), ()>(())).unwrap_err();
        assert_eq!((e.attempts, e.status), (1, Status::TimedOut));
        let task = gort::spawn(move || slow.retry(Wait::forever(), |_| Err::<(), ()>(())).unwrap_err().status);
        support::until_parked(1);
        task.cancel();
        assert_eq!(task.join().unwrap(), Status::Canceled);
        assert_eq!(fast.retry(Wait::forever(), |n| if n == 4 { Ok(n) } else { Err(()) }), Ok(4));
    })
}

#[test]
fn waits_of_a_backoff_grow_to_a_bound() {
    let b = Backoff { attempts: 0, first: 10 * MS, factor: 3.0, longest: 50 * MS, jitter: 0.5 };
    let waits = |chance| [1, 2, 3, 1000].map(|n| b.wait_after(n, chance).as_micros());
    assert_eq!(waits(0.0), [10_000, 30_000, 50_000, 50_000]);
    assert_eq!(waits(1.0), [5_000, 15_000, 25_000, 25_000]);
    let odd = Backoff { factor: f64::NAN, jitter: f64::NAN, ..b };
    assert_eq!(odd.wait_after(7, 0.3), 10 * MS);
    let endless = Backoff { first: Duration::MAX, longest: Duration::MAX, ..b };
    assert!(endless.wait_after(u32::MAX, 0.0) >= LONG);
}

#[test]
fn poll_until_looks_at_once_and_then_each_interval() {
    check(|| {
        let mut n = 0;
        poll_until(MS, Wait::forever(), || {
            n += 1;
            n == 4
        })
        .unwrap();
        assert_eq!(n, 4);
        let mut looks = 0;
        let s = poll_until(LONG, Wait::timeout(MS), || {
            looks += 1;
            false
        });
        assert_eq!((s, looks), (Err(Status::TimedOut), 1));
        assert_eq!(poll_until(Duration::ZERO, Wait::forever(), || true), Ok(()));
    })
}

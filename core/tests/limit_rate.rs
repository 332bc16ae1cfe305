//! The token bucket, by the cases of x/time/rate's rate_test.go and sometimes_test.go, by name, with the times they give (R1 to R4).
//!
//! Differences from Go: what a wait is refused with is a status; a time that does not fit is the end of time.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/source.rs"]
mod source;
mod support;

use gort::limit::{INF, Limiter, Reservation, Sometimes, TokenBucket, every};
use gort::{Status, Time, Wait, WaitGroup};
use source::Source;
use std::sync::atomic::{AtomicU32, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, plain};

/// Go's d.
const D: i64 = 100_000_000;

/// Go's t0, t1 ...
fn t(n: i64) -> Time {
    Time(7_000_000_000 + n * D)
}

/// Asks at a time for a number, with so many tokens there, and is answered so.
fn run(lim: &TokenBucket, allows: &[(i64, f64, u32, bool)]) {
    for (i, &(at, tokens, n, ok)) in allows.iter().enumerate() {
        assert_eq!(lim.tokens_at(t(at)), tokens, "step {i}: tokens at t{at}");
        assert_eq!(lim.allow_at(t(at), n), ok, "step {i}: {n} at t{at}");
    }
}

/// Reserves `n` at a time, to act at another (in Go's d, rounded), or in vain.
fn reserve(lim: &TokenBucket, at: i64, n: u32, act: Option<i64>) -> Option<Reservation<'_>> {
    reserve_max(lim, at, n, act, Time::NEVER)
}

fn reserve_max(lim: &TokenBucket, at: i64, n: u32, act: Option<i64>, latest: Time) -> Option<Reservation<'_>> {
    let r = lim.reserve_at(t(at), n, latest).ok();
    let got = r.as_ref().map(|r| (r.at().0 - t(0).0 + D / 2).div_euclid(D));
    assert_eq!(got, act, "{n} at t{at}");
    r
}

#[test]
fn TestLimit() {
    assert_ne!(TokenBucket::new(10.0, 1).limit(), INF);
    assert_eq!(TokenBucket::new(f64::INFINITY, 1).limit(), INF);
    assert_eq!(TokenBucket::new(f64::NAN, 1).limit(), 0.0);
}

#[test]
fn TestEvery() {
    let cases = [
        (1, 1e9),
        (1_000, 1e6),
        (1_000_000, 1e3),
        (10_000_000, 100.0),
        (100_000_000, 10.0),
        (1_000_000_000, 1.0),
        (2_000_000_000, 0.5),
        (2_500_000_000, 0.4),
        (4_000_000_000, 0.25),
        (10_000_000_000, 0.1),
        (i64::MAX as u64, 1e9 / i64::MAX as f64),
    ];
    for (ns, limit) in cases {
        let got = every(Duration::from_nanos(ns));
        assert!((got / limit - 1.0).abs() < 1e-9, "{ns}: {got} {limit}");
    }
    assert_eq!(every(Duration::ZERO), INF);
}

#[test]
fn TestLimiterBurst1() {
    run(
        &TokenBucket::new(10.0, 1),
        &[
            (0, 1., 1, true),
            (0, 0., 1, false),
            (0, 0., 1, false),
            (1, 1., 1, true),
            (1, 0., 1, false),
            (1, 0., 1, false),
            (2, 1., 2, false), // the burst is 1
            (2, 1., 1, true),
            (2, 0., 1, false),
        ],
    )
}

#[test]
fn TestLimiterBurst3() {
    run(
        &TokenBucket::new(10.0, 3),
        &[
            (0, 3., 2, true),
            (0, 1., 2, false),
            (0, 1., 1, true),
            (0, 0., 1, false),
            (1, 1., 4, false),
            (2, 2., 1, true),
            (3, 2., 1, true),
            (4, 2., 1, true),
            (4, 1., 1, true),
            (4, 0., 1, false),
            (4, 0., 1, false),
            (9, 3., 3, true),
            (9, 0., 0, true),
        ],
    )
}

#[test]
fn TestLimiterJumpBackwards() {
    run(
        &TokenBucket::new(10.0, 3),
        &[
            (1, 3., 1, true),
            (0, 2., 1, true), // back: two are left
            (0, 1., 1, true),
            (0, 0., 1, false),
            (0, 0., 1, false),
            (1, 1., 1, true),
            (1, 0., 1, false),
            (1, 0., 1, false),
            (2, 1., 1, true),
            (2, 0., 1, false),
            (2, 0., 1, false),
        ],
    )
}

#[test]
fn TestLimiter_noTruncationErrors() {
    plain(|| assert!(TokenBucket::new(0.7692307692307693, 1).allow()))
}

#[test]
fn TestSimultaneousRequests() {
    check(|| {
        let (limit, burst, requests) = (1.0, 5, 15);
        let lim = Arc::new(TokenBucket::new(limit, burst));
        let ok = Arc::new(AtomicU32::new(0));
        let wg = WaitGroup::new();
        for _ in 0..requests {
            let (lim, ok) = (lim.clone(), ok.clone());
            wg.go(move || {
                // One moment for all, however slow this machine is.
                ok.fetch_add(lim.allow_at(t(0), 1).into(), SeqCst);
            });
        }
        wg.wait().unwrap();
        assert_eq!(ok.load(SeqCst), burst);
    })
}

#[test]
fn TestLongRunningQPS() {
    let (limit, burst) = (100.0, 100);
    let lim = TokenBucket::new(limit, burst);
    let (start, mut now, mut ok) = (t(0).0, t(0).0, 0);
    while now < start + 5_000_000_000 {
        ok += i64::from(lim.allow_at(Time(now), 1));
        now += 2_000_000;
    }
    let ideal = f64::from(burst) + limit * (now - start) as f64 / 1e9;
    assert!(ok <= (ideal + 1.0) as i64, "{ok} of {ideal}");
    assert!(ok >= (0.999 * ideal) as i64, "{ok} of {ideal}");
}

#[test]
fn TestSimpleReserve() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let _ = reserve(&lim, 0, 2, Some(2));
    let _ = reserve(&lim, 3, 2, Some(4));
}

#[test]
fn TestMix() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 3, None); // above the burst
    let _ = reserve(&lim, 0, 2, Some(0));
    run(&lim, &[(1, 1., 2, false)]);
    let _ = reserve(&lim, 1, 2, Some(2));
    run(&lim, &[(1, -1., 1, false)]); // in debt
    run(&lim, &[(3, 1., 1, true)]);
}

#[test]
fn TestCancelInvalid() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    assert_eq!(lim.reserve_at(t(0), 3, Time::NEVER).err(), Some(Status::Limit)); // there is nothing to cancel
    let _ = reserve(&lim, 0, 2, Some(2)); // nothing was got by it
}

#[test]
fn TestCancelLast() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    reserve(&lim, 0, 2, Some(2)).unwrap().cancel_at(t(1)); // 2 back
    let _ = reserve(&lim, 1, 2, Some(2));
}

#[test]
fn TestCancelTooLate() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    reserve(&lim, 0, 2, Some(2)).unwrap().cancel_at(t(3)); // too late
    let _ = reserve(&lim, 3, 2, Some(4));
}

#[test]
fn TestCancel0Tokens() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let r = reserve(&lim, 0, 1, Some(1));
    let _ = reserve(&lim, 0, 1, Some(2));
    r.unwrap().cancel_at(t(0)); // 0 back
    let _ = reserve(&lim, 0, 1, Some(3));
}

#[test]
fn TestCancel1Token() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let r = reserve(&lim, 0, 2, Some(2));
    let _ = reserve(&lim, 0, 1, Some(3));
    r.unwrap().cancel_at(t(2)); // 1 back
    let _ = reserve(&lim, 2, 2, Some(4));
}

#[test]
fn TestCancelMulti() {
    let lim = TokenBucket::new(10.0, 4);
    let _ = reserve(&lim, 0, 4, Some(0));
    let a = reserve(&lim, 0, 3, Some(3));
    let _ = reserve(&lim, 0, 1, Some(4));
    let c = reserve(&lim, 0, 1, Some(5));
    c.unwrap().cancel_at(t(1)); // 1 back
    a.unwrap().cancel_at(t(1)); // 2 back, as if c had never been
    let _ = reserve(&lim, 1, 3, Some(5));
}

#[test]
fn TestReserveJumpBack() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 1, 2, Some(1));
    let _ = reserve(&lim, 0, 1, Some(1)); // more than the limit, as Go's
    let _ = reserve(&lim, 2, 2, Some(3));
    let _ = reserve(&lim, 0, 3, None); // above the burst: nothing is changed
    let _ = reserve(&lim, 2, 1, Some(4));
    let _ = reserve_max(&lim, 0, 2, None, t(1)); // too late: nothing is changed
    let _ = reserve(&lim, 2, 1, Some(5));
}

#[test]
fn TestReserveJumpBackCancel() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve(&lim, 1, 2, Some(1));
    let r = reserve(&lim, 1, 2, Some(3));
    let _ = reserve(&lim, 1, 1, Some(4));
    r.unwrap().cancel_at(t(0)); // 1 back
    let _ = reserve(&lim, 1, 2, Some(4)); // more than the limit, as Go's
}

#[test]
fn TestReserveSetLimit() {
    let lim = TokenBucket::new(5.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let _ = reserve(&lim, 0, 2, Some(4));
    lim.set_limit_at(t(2), 10.0).unwrap();
    let _ = reserve(&lim, 2, 1, Some(4));
}

#[test]
fn TestReserveSetBurst() {
    let lim = TokenBucket::new(5.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let _ = reserve(&lim, 0, 2, Some(4));
    lim.set_burst_at(t(3), 4).unwrap();
    let _ = reserve(&lim, 0, 4, Some(9));
}

#[test]
fn TestReserveSetLimitCancel() {
    let lim = TokenBucket::new(5.0, 2);
    let _ = reserve(&lim, 0, 2, Some(0));
    let r = reserve(&lim, 0, 2, Some(4));
    lim.set_limit_at(t(2), 10.0).unwrap();
    r.unwrap().cancel_at(t(2)); // 2 back
    let _ = reserve(&lim, 2, 2, Some(3));
}

#[test]
fn TestReserveMax() {
    let lim = TokenBucket::new(10.0, 2);
    let _ = reserve_max(&lim, 0, 2, Some(0), t(1));
    let _ = reserve_max(&lim, 0, 1, Some(1), t(1));
    let _ = reserve_max(&lim, 0, 1, None, t(1)); // would have to act too late
}

// The waits are real. Whatever the machine does, what they took and what is left does not depend on how long they took: the rates are so low that nothing comes meanwhile.

/// One each hour.
const HOURLY: f64 = 1.0 / 3600.0;

#[test]
fn TestWaitSimple() {
    check(|| {
        let lim = TokenBucket::new(20.0, 3);
        let source = Source::new();
        source.cancel(Status::Canceled);
        assert_eq!(lim.wait(source.wait()), Err(Status::Canceled), "already cancelled");
        assert_eq!(lim.wait_n(4, Wait::forever()), Err(Status::Limit), "above the burst");
        let start = gort::now().0;
        lim.wait_n(2, Wait::forever()).unwrap(); // now
        lim.wait_n(3, Wait::forever()).unwrap(); // later: two more have to come
        let took = gort::now().0 - start;
        assert!(took >= 99_000_000, "{took} ns");
    })
}

#[test]
fn TestWaitCancel() {
    check(|| {
        let lim = Arc::new(TokenBucket::new(HOURLY, 3));
        lim.wait_n(2, Wait::forever()).unwrap();
        let source = Source::new();
        let (theirs, of) = (lim.clone(), source.clone());
        let waits = gort::spawn(move || theirs.wait_n(3, of.wait()));
        while lim.tokens() >= 0.0 {
            gort::yield_now() // it has taken what is to come
        }
        source.cancel(Status::Canceled);
        assert_eq!(waits.join().unwrap(), Err(Status::Canceled));
        assert!(lim.tokens() >= 1.0, "3 back: {}", lim.tokens());
        lim.wait_n(1, Wait::forever()).unwrap();
    })
}

#[test]
fn TestWaitTimeout() {
    check(|| {
        let lim = TokenBucket::new(HOURLY, 3);
        lim.wait_n(2, Wait::timeout(Duration::from_secs(60))).unwrap();
        // At once, long before the deadline; and nothing is taken.
        let start = gort::now();
        assert_eq!(lim.wait_n(3, Wait::timeout(Duration::from_secs(60))), Err(Status::TimedOut));
        assert!(gort::now().0 - start.0 < 59_000_000_000);
        assert!(lim.tokens() >= 1.0);
        assert_eq!(lim.wait_n(1, Wait::until(Time(0))), Err(Status::TimedOut), "a deadline that has passed");
        lim.wait_n(1, Wait::timeout(Duration::from_secs(60))).unwrap();
    })
}

#[test]
fn TestWaitInf() {
    check(|| {
        let lim = TokenBucket::new(INF, 0);
        lim.wait_n(3, Wait::forever()).unwrap();
        assert!(lim.allow_n(1_000_000));
    })
}

/// A cancelled task gets its tokens back into the bucket; as any blocking call its wait says so.
#[test]
fn a_cancelled_task_gives_back_what_it_waited_for() {
    check(|| {
        let lim = Arc::new(TokenBucket::new(HOURLY, 1));
        assert!(lim.allow());
        let theirs = lim.clone();
        let waits = gort::spawn(move || theirs.wait(Wait::forever()));
        while lim.tokens() >= 0.0 {
            gort::yield_now()
        }
        waits.cancel();
        assert_eq!(waits.join().unwrap(), Err(Status::Canceled));
        assert!(lim.tokens() >= 0.0, "{}", lim.tokens());
    })
}

#[test]
fn TestZeroLimit() {
    let lim = TokenBucket::new(0.0, 1);
    assert!(lim.allow_at(t(0), 1), "the first burst");
    assert!(!lim.allow_at(t(1_000_000), 1), "and no more");
    assert!(!TokenBucket::default().allow_at(t(0), 1), "Go's zero limiter");
}

#[test]
fn TestSetAfterZeroLimit() {
    let lim = TokenBucket::new(0.0, 1);
    assert!(lim.allow_at(t(0), 1));
    assert!(!lim.allow_at(t(0), 1));
    lim.set_limit_at(t(0), 10.0).unwrap();
    let _ = reserve(&lim, 0, 1, Some(1));
}

#[test]
fn TestTinyLimit() {
    let lim = TokenBucket::new(1e-10, 1);
    assert!(lim.allow_at(t(0), 1));
    assert!(!lim.allow_at(t(0), 1));
    assert_eq!(lim.reserve_at(t(0), 1, Time::NEVER).unwrap().at(), Time::NEVER);
}

/// How often it runs of seven calls, a second apart from the fourth on.
fn ran(s: &Sometimes) -> Vec<u32> {
    let at = |i: u32| t(if i < 3 { 0 } else { i64::from(i) * 10 });
    (0..7).filter(|&i| s.run_at(at(i), || {}).unwrap()).collect()
}

#[test]
fn ExampleSometimes_once() {
    plain(|| assert_eq!(ran(&Sometimes::new()), [0]))
}

#[test]
fn ExampleSometimes_first() {
    plain(|| assert_eq!(ran(&Sometimes::new().first(2)), [0, 1]))
}

#[test]
fn ExampleSometimes_every() {
    plain(|| assert_eq!(ran(&Sometimes::new().every(2)), [0, 2, 4, 6]))
}

#[test]
fn ExampleSometimes_interval() {
    plain(|| assert_eq!(ran(&Sometimes::new().interval(Duration::from_secs(1))), [0, 3, 4, 5, 6]))
}

#[test]
fn ExampleSometimes_mix() {
    plain(|| {
        let s = Sometimes::new().first(2).every(2).interval(Duration::from_secs(2));
        let at = [0, 0, 0, 20, 20, 20].map(t);
        let ran: Vec<usize> = (0..6).filter(|&i| s.run_at(at[i], || {}).unwrap()).collect();
        assert_eq!(ran, [0, 1, 2, 3, 4]);
    })
}

#[test]
fn TestSometimesZero() {
    plain(|| assert_eq!(ran(&Sometimes::new().interval(Duration::ZERO)), [0]))
}

#[test]
fn TestSometimesMax() {
    plain(|| assert_eq!(ran(&Sometimes::new().interval(Duration::MAX)), [0]))
}

/// There is no negative duration in Rust; the C and Python suites have the case.
#[test]
fn TestSometimesNegative() {
    plain(|| {
        let s = Sometimes::new().first(0).every(0);
        assert_eq!(ran(&s), [0]);
    })
}

/// Calls are one after the other; a panic gives the lock back, and the call does not count (SO2).
#[test]
fn sometimes_is_serial_and_survives_a_panic() {
    check(|| {
        let (s, inside) = (Arc::new(Sometimes::new().every(1)), Arc::new(AtomicU32::new(0)));
        let wg = WaitGroup::new();
        for _ in 0..8 {
            let (s, inside) = (s.clone(), inside.clone());
            wg.go(move || {
                let ran = s.run(|| {
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                    gort::yield_now();
                    inside.fetch_sub(1, SeqCst);
                });
                assert_eq!(ran, Ok(true));
            });
        }
        wg.wait().unwrap();
    })
}

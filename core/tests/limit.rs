//! The other limiters: windows, sliding windows, leaky buckets, pacing, several at once, one for each key; and what they admit in ten seconds of load (L1 to L5 of flow/limit/mod.rs).
//!
//! All times are given, but for the few tests that wait.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::limit::{
    All, FixedWindow, INF, Keyed, LeakyBucket, Limiter, Paced, Reservation, SlidingCounter, SlidingLog, TokenBucket,
};
use gort::{Status, Time, Wait};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;
use support::sync::Arc;
use support::{check, plain, repeat, seed};

const MS: i64 = 1_000_000;

fn ms(n: i64) -> Time {
    Time(n * MS)
}

fn window(n: u64) -> Duration {
    Duration::from_millis(n)
}

fn at(r: Result<Reservation<'_>, Status>) -> Result<i64, Status> {
    r.map(|r| r.at().0 / MS)
}

/// How many of the times are granted one each.
fn granted(lim: &dyn Limiter, times: impl IntoIterator<Item = i64>) -> Vec<i64> {
    times.into_iter().filter(|&t| lim.allow_at(Time(t), 1)).collect()
}

/// Ten seconds in which somebody asks each 100 us.
fn load() -> impl Iterator<Item = i64> {
    (0..100_000).map(|i| 3_000_000_000 + i * 100_000)
}

/// The most of `times`, in order, that lie in a window (t - period, t].
fn most_in_any(times: &[i64], period: i64) -> usize {
    let mut first = 0;
    (0..times.len())
        .map(|i| {
            while times[first] <= times[i] - period {
                first += 1
            }
            i + 1 - first
        })
        .max()
        .unwrap_or(0)
}

#[test]
fn token_bucket_admits_its_rate_within_a_thousandth() {
    for (rate, burst) in [(100.0, 1), (333.0, 10), (1000.0, 100), (7.5, 3)] {
        let n = granted(&TokenBucket::new(rate, burst), load()).len() as f64;
        let ideal = f64::from(burst) + rate * 10.0;
        assert!((n - ideal).abs() <= (ideal * 0.001).max(1.0), "{n} of {ideal}");
    }
}

#[test]
fn fixed_window_admits_exactly_so_many_in_each() {
    for lazy in [false, true] {
        let make = if lazy { FixedWindow::lazy } else { FixedWindow::new };
        let got = granted(&make(37, window(100)).unwrap(), load());
        assert_eq!(got.len(), 37 * 100);
        let first = got[0];
        for w in 0..100 {
            let within = got.iter().filter(|&&t| (t - first) / (100 * MS) == w).count();
            assert_eq!(within, 37, "window {w}");
        }
    }
}

#[test]
fn sliding_log_admits_its_rate_and_never_more_in_any_window() {
    let got = granted(&SlidingLog::new(37, window(100)).unwrap(), load());
    assert_eq!(most_in_any(&got, 100 * MS), 37);
    assert_eq!(got.len(), 37 * 100);
}

#[test]
fn leaky_bucket_admits_its_rate_within_a_thousandth() {
    let got = granted(&LeakyBucket::queue(333.0, 0).unwrap(), load());
    assert!(got.windows(2).all(|w| w[1] - w[0] >= 3 * MS), "evenly");
    let got = granted(&LeakyBucket::dropping(333.0, 10).unwrap(), load()).len() as f64;
    assert!((got - 3340.0).abs() <= 4.0, "{got}");
}

#[test]
fn fixed_window_aligned_lies_on_the_clock_and_lazy_begins_with_the_first() {
    let aligned = FixedWindow::new(2, window(100)).unwrap();
    assert_eq!(
        granted(&aligned, [250, 260, 270, 299, 300, 301, 302].map(|t| t * MS)),
        [250, 260, 300, 301].map(|t| t * MS)
    );
    let lazy = FixedWindow::lazy(2, window(100)).unwrap();
    assert_eq!(
        granted(&lazy, [250, 260, 300, 349, 350, 351, 352].map(|t| t * MS)),
        [250, 260, 350, 351].map(|t| t * MS)
    );
}

/// The burst at the edge, which a sliding window stops.
#[test]
fn edge_of_two_windows_lets_twice_as_many_pass_and_a_log_does_not() {
    let edge = (0..20).map(|i| (95 + i / 2) * MS);
    assert_eq!(granted(&FixedWindow::new(5, window(100)).unwrap(), edge.clone()).len(), 10);
    assert_eq!(granted(&SlidingLog::new(5, window(100)).unwrap(), edge.clone()).len(), 5);
    assert_eq!(granted(&SlidingCounter::new(5, window(100)).unwrap(), edge).len(), 5);
}

#[test]
fn fixed_window_reserves_in_the_windows_to_come_and_takes_back() {
    let lim = FixedWindow::new(3, window(100)).unwrap();
    assert_eq!(at(lim.reserve_at(ms(10), 2, Time::NEVER)), Ok(10));
    assert_eq!(at(lim.reserve_at(ms(10), 2, Time::NEVER)), Ok(100), "at once, so in one window");
    let second = lim.reserve_at(ms(10), 3, Time::NEVER).unwrap();
    assert_eq!(second.at(), ms(200));
    assert_eq!(lim.reserve_at(ms(10), 1, ms(250)).err(), Some(Status::TimedOut), "the window of 200 is full");
    assert_eq!(lim.reserve_at(ms(10), 4, Time::NEVER).err(), Some(Status::Limit));
    assert!(lim.tokens_at(ms(10)) < 0.0);
    second.cancel_at(ms(20));
    assert_eq!(at(lim.reserve_at(ms(20), 1, Time::NEVER)), Ok(100), "there was room for one in the window before");
    assert_eq!(at(lim.reserve_at(ms(20), 1, Time::NEVER)), Ok(200));
}

#[test]
fn sliding_log_reserves_exactly_and_takes_back_exactly() {
    let lim = SlidingLog::new(3, window(100)).unwrap();
    assert!(lim.allow_at(ms(0), 2) && lim.allow_at(ms(40), 1));
    let r = lim.reserve_at(ms(50), 2, Time::NEVER).unwrap();
    assert_eq!(r.at(), ms(100));
    assert_eq!(at(lim.reserve_at(ms(50), 1, Time::NEVER)), Ok(140));
    assert_eq!(lim.tokens_at(ms(50)), -3.0);
    r.cancel_at(ms(60));
    assert_eq!(lim.tokens_at(ms(60)), -1.0);
    assert_eq!(at(lim.reserve_at(ms(60), 1, Time::NEVER)), Ok(140), "in order");
    // One of 140 and one of 140; with 40 gone there is room for one more.
    assert_eq!(at(lim.reserve_at(ms(60), 2, Time::NEVER)), Ok(240));
    assert!(lim.memory() < 200);
}

#[test]
fn sliding_counter_weighs_the_window_before() {
    let lim = SlidingCounter::new(10, window(100)).unwrap();
    assert!(lim.allow_at(ms(99), 10));
    assert!(!lim.allow_at(ms(100), 1));
    assert!(lim.allow_at(ms(110), 1) && !lim.allow_at(ms(110), 1), "a tenth has gone");
    assert_eq!(at(lim.reserve_at(ms(110), 4, Time::NEVER)), Ok(150));
    assert_eq!(lim.tokens_at(ms(150)), 0.0);
    let late = lim.reserve_at(ms(150), 10, Time::NEVER).unwrap();
    assert_eq!(late.at(), ms(300), "all of them, once those of the window before count no more");
    late.cancel_at(ms(150));
}

#[test]
fn leaky_queue_spaces_evenly_and_refuses_whom_it_has_no_place_for() {
    let lim = LeakyBucket::queue(10.0, 2).unwrap();
    assert_eq!(lim.burst(), 3);
    let r: Vec<_> = (0..4).map(|_| at(lim.reserve_at(ms(0), 1, Time::NEVER))).collect();
    assert_eq!(r, [Ok(0), Ok(100), Ok(200), Err(Status::WouldBlock)]);
    assert!(!lim.allow_at(ms(99), 1), "others wait");
    let last = lim.reserve_at(ms(150), 1, Time::NEVER).unwrap();
    assert_eq!(last.at(), ms(300));
    last.cancel_at(ms(160));
    assert_eq!(at(lim.reserve_at(ms(160), 1, Time::NEVER)), Ok(300), "its place is free again");
    assert_eq!(lim.reserve_at(ms(160), 4, Time::NEVER).err(), Some(Status::Limit));
    lim.set_limit_at(ms(160), 20.0).unwrap();
    assert_eq!(at(lim.reserve_at(ms(260), 1, Time::NEVER)), Ok(350), "a new interval after the last");
}

#[test]
fn leaky_bucket_that_drops_never_waits() {
    let lim = LeakyBucket::dropping(10.0, 3).unwrap();
    assert_eq!(granted(&lim, [0; 5]).len(), 3);
    assert_eq!(lim.tokens_at(ms(50)), 0.5);
    assert_eq!(lim.reserve_at(ms(50), 1, Time::NEVER).err(), Some(Status::WouldBlock));
    assert_eq!(at(lim.reserve_at(ms(100), 1, Time::NEVER)), Ok(100));
    assert_eq!(lim.take(ms(100), 4, Time::NEVER), Err(Status::Limit));
}

#[test]
fn paced_keeps_the_phase_and_forgets_what_was_missed() {
    let lim = Paced::starting(ms(5), window(20)).unwrap();
    assert_eq!(
        granted(&lim, [5, 24, 25, 26, 45, 99, 100, 104, 105].map(|t| t * MS)),
        [25, 45, 99, 105].map(|t| t * MS)
    );
    let r: Vec<_> = (0..3).map(|_| at(lim.reserve_at(ms(110), 1, Time::NEVER))).collect();
    assert_eq!(r, [Ok(125), Ok(145), Ok(165)]);
    lim.set_burst_at(ms(110), 3).unwrap();
    lim.set_limit_at(ms(110), 100.0).unwrap();
    assert_eq!(at(lim.reserve_at(ms(111), 1, Time::NEVER)), Ok(175), "a new period after the last that is taken");
    assert!(lim.allow_at(ms(300), 3) && !lim.allow_at(ms(300), 1), "three missed ones are kept");
}

#[test]
fn constructors_refuse_what_makes_no_sense() {
    assert_eq!(FixedWindow::new(1, Duration::ZERO).err(), Some(Status::Invalid));
    assert_eq!(SlidingLog::new(0, window(1)).err(), Some(Status::Invalid));
    assert_eq!(SlidingLog::new(SlidingLog::MOST + 1, window(1)).err(), Some(Status::Invalid));
    assert_eq!(SlidingCounter::new(1, Duration::ZERO).err(), Some(Status::Invalid));
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(LeakyBucket::queue(rate, 1).err(), Some(Status::Invalid), "{rate}");
    }
    assert_eq!(Paced::new(Duration::ZERO).err(), Some(Status::Invalid));
    assert_eq!(Keyed::<u64>::new(0.0, 1).err(), Some(Status::Invalid));
    assert_eq!(All::new([]).err(), Some(Status::Invalid));
    let parts = (0..9).map(|_| Arc::new(TokenBucket::new(1.0, 1)) as Arc<dyn Limiter>);
    assert_eq!(All::new(parts).err(), Some(Status::Invalid));
}

/// Every kind, for what holds for all.
fn kinds() -> Vec<(&'static str, Arc<dyn Limiter>)> {
    let two =
        [Arc::new(TokenBucket::new(10.0, 5)) as Arc<dyn Limiter>, Arc::new(FixedWindow::new(5, window(100)).unwrap())];
    vec![
        ("token bucket", Arc::new(TokenBucket::new(50.0, 5))),
        ("fixed window", Arc::new(FixedWindow::new(5, window(100)).unwrap())),
        ("lazy window", Arc::new(FixedWindow::lazy(5, window(100)).unwrap())),
        ("log", Arc::new(SlidingLog::new(5, window(100)).unwrap())),
        ("counter", Arc::new(SlidingCounter::new(5, window(100)).unwrap())),
        ("leaky queue", Arc::new(LeakyBucket::queue(50.0, 4).unwrap())),
        ("leaky drop", Arc::new(LeakyBucket::dropping(50.0, 5).unwrap())),
        ("paced", Arc::new(Paced::starting(ms(0), window(20)).unwrap())),
        ("all", Arc::new(All::new(two).unwrap())),
    ]
}

/// L2, L3, and that the end of time is nothing special.
#[test]
fn every_limiter_grants_in_order_takes_nothing_when_it_refuses_and_bears_any_time() {
    for (name, lim) in kinds() {
        let mut last = i64::MIN;
        for i in 0..40 {
            let now = ms(1000 + i * 3);
            let before = lim.tokens_at(now);
            match lim.take(now, 1, ms(1400)) {
                Ok(g) => {
                    assert!(g.at() >= now && g.at().0 >= last, "{name}: {i}");
                    last = g.at().0;
                }
                Err(s) => {
                    assert!(s == Status::TimedOut || s == Status::WouldBlock, "{name}: {s}");
                    assert_eq!(lim.tokens_at(now), before, "{name}: {i}");
                }
            }
        }
        assert!(lim.allow_at(ms(1200), 0) || last > ms(1200).0, "{name}");
        for t in [i64::MIN, -1, 0, 1, i64::MAX - 1, i64::MAX, 5] {
            for n in [0, 1, 5, u32::MAX] {
                if let Ok(g) = lim.take(Time(t), n, Time::NEVER) {
                    lim.give_back(Time(t), &g);
                }
                lim.tokens_at(Time(t));
            }
        }
        for rate in [1e-9, 1e9, 1e300, f64::MIN_POSITIVE] {
            let _ = lim.set_limit_at(ms(2000), rate);
            let _ = lim.set_burst_at(ms(2000), 7);
            let _ = lim.take(ms(2000), 1, Time::NEVER);
            assert!(lim.limit() > 0.0, "{name}");
        }
    }
}

/// L3: what is given back at once can be had again.
#[test]
fn every_limiter_takes_back_the_last_reservation() {
    for (name, lim) in kinds() {
        let now = ms(1000);
        lim.allow_at(now, 1);
        let before = lim.tokens_at(now);
        let Ok(g) = lim.take(now, 1, Time::NEVER) else { panic!("{name}") };
        assert!(lim.tokens_at(now) < before, "{name}");
        lim.give_back(now, &g);
        assert!((lim.tokens_at(now) - before).abs() < 1e-9, "{name}: {} {before}", lim.tokens_at(now));
        let again = lim.take(now, 1, Time::NEVER).unwrap();
        assert_eq!(again.at(), g.at(), "{name}");
        lim.give_back(Time(again.at().0 + 1), &again); // too late
        assert!(lim.tokens_at(Time(again.at().0 + 1)) <= before + 1.0, "{name}");
    }
}

#[test]
fn all_is_all_or_nothing_and_gives_back_to_all() {
    let second: Arc<dyn Limiter> = Arc::new(TokenBucket::new(10.0, 4));
    let hour: Arc<dyn Limiter> = Arc::new(TokenBucket::new(0.001, 6));
    let both =
        All::new([All::new([second.clone()]).map(|a| Arc::new(a) as Arc<dyn Limiter>).unwrap(), hour.clone()]).unwrap();
    assert_eq!((both.limit(), both.burst()), (0.001, 4));
    assert_eq!((both.set_limit(1.0), both.set_burst(1)), (Err(Status::Invalid), Err(Status::Invalid)));
    assert!(both.allow_at(ms(0), 4));
    assert!(!both.allow_at(ms(0), 1));
    assert_eq!((second.tokens_at(ms(0)), hour.tokens_at(ms(0))), (0.0, 2.0), "refused: nothing is taken");
    // The second grants it in 200 ms, the hour at once: until then both take it back.
    let r = both.reserve_at(ms(0), 2, Time::NEVER).unwrap();
    assert_eq!(r.at(), ms(200));
    r.cancel_at(ms(100));
    assert!((hour.tokens_at(ms(100)) - 2.0).abs() < 0.01, "{}", hour.tokens_at(ms(100)));
    assert!((second.tokens_at(ms(100)) - 1.0).abs() < 1e-9);
}

#[test]
fn keyed_has_a_bucket_for_each_key_and_one_for_all() {
    plain(|| {
        let all: Arc<dyn Limiter> = Arc::new(TokenBucket::new(0.001, 5));
        let users = Keyed::<String>::new(10.0, 2).unwrap().within(all.clone());
        let t = gort::now();
        let later = |n: i64| Time(t.0 + n * MS);
        assert!(users.allow_at(t, "ada", 2) && !users.allow_at(t, "ada", 1));
        assert!(users.allow_at(t, "bob", 1));
        assert_eq!((users.tokens_at(t, "ada"), users.tokens_at(t, "eve"), users.len()), (0.0, 2.0, 2));
        let r = users.reserve_at(t, "ada", 1, Time::NEVER).unwrap();
        assert_eq!(r.at(), later(100));
        assert!((all.tokens_at(t) - 1.0).abs() < 1e-3);
        r.cancel_at(later(50));
        assert!((all.tokens_at(later(50)) - 2.0).abs() < 1e-3, "given back to all");
        assert!((users.tokens_at(later(50), "ada") - 0.5).abs() < 1e-3);
        assert!(users.allow_at(later(50), "eve", 2));
        assert!(!users.allow_at(later(50), "bob", 1), "nothing is left for anybody");
        assert!((users.tokens_at(later(50), "bob") - 1.5).abs() < 1e-3, "and nothing was taken from bob");
        assert_eq!(users.reserve_at(t, "ada", 3, Time::NEVER).err(), Some(Status::Limit));
        assert_eq!((users.limit(), users.burst()), (10.0, 2));
    })
}

/// KY2: who is idle is forgotten, and nobody notices.
#[test]
fn keyed_forgets_the_idle_and_stays_as_small_as_the_busy_are() {
    plain(|| {
        let users = Keyed::<u64>::new(10.0, 1).unwrap();
        let t = gort::now().0;
        // A thousand new ones each 100 ms: each is idle after that.
        let mut most = 0;
        for round in 0..200u64 {
            for k in 0..1000 {
                assert!(users.allow_at(Time(t + round as i64 * 101 * MS), &(round * 1000 + k), 1));
            }
            most = most.max(users.len());
        }
        assert!(most < 6000, "{most} of 200,000 keys remembered");
        let end = Time(t + 199 * 101 * MS);
        assert!(!users.allow_at(end, &199_999, 1), "a busy one is not forgotten");
        let (before, gone) = (users.len(), users.evict_at(end));
        assert_eq!((users.len(), before - gone), (1000, 1000));
        assert!(!users.allow_at(end, &199_999, 1));
        assert_eq!(users.evict_at(Time(end.0 + 200 * MS)), 1000);
        assert!(users.is_empty());
    })
}

#[test]
fn keyed_admits_its_rate_within_a_thousandth_to_each() {
    plain(|| {
        for rate in [3.0, 333.0, 70.0] {
            let users = Keyed::<u32>::new(rate, 10).unwrap();
            let t = gort::now().0;
            let n = (0..100_000).filter(|i| users.allow_at(Time(t + i * 100_000), &7, 1)).count() as f64;
            let ideal = 10.0 + rate * 10.0;
            assert!((n - ideal).abs() <= (ideal * 0.001).max(1.0), "{n} of {ideal}");
        }
        let open = Keyed::<u32>::new(INF, 1).unwrap();
        assert!((0..100).all(|_| open.allow(&1)) && open.is_empty());
    })
}

#[test]
fn keyed_waits_and_gives_back() {
    check(|| {
        let users = Arc::new(Keyed::<String>::new(0.001, 1).unwrap());
        users.wait("ada", Wait::forever()).unwrap();
        assert_eq!(users.wait("ada", Wait::timeout(Duration::from_secs(9))), Err(Status::TimedOut));
        assert_eq!(users.wait_n("ada", 2, Wait::forever()), Err(Status::Limit));
        let theirs = users.clone();
        let waits = gort::spawn(move || theirs.wait("ada", Wait::forever()));
        while users.tokens_at(gort::now(), "ada") > -0.5 {
            gort::yield_now()
        }
        waits.cancel();
        assert_eq!(waits.join().unwrap(), Err(Status::Canceled));
        assert!(users.tokens_at(gort::now(), "ada") > -0.1);
    })
}

/// Tasks on all workers at one limiter, by the real clock: never more than the burst and what came meanwhile.
#[test]
fn tasks_at_one_limiter_get_no_more_than_there_is() {
    check(|| {
        let (rate, burst) = (1e6, 100u32);
        let lim = Arc::new(TokenBucket::new(rate, burst));
        let start = gort::now().0;
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let lim = lim.clone();
                gort::spawn(move || {
                    let mut n = 0u64;
                    repeat(20_000, 1, |_| n += u64::from(lim.allow()));
                    n
                })
            })
            .collect();
        let n: u64 = tasks.into_iter().map(|t| t.join().unwrap()).sum();
        let most = f64::from(burst) + (gort::now().0 - start) as f64 / 1e9 * rate;
        // The clock of the limiters is as good as a millisecond (N1).
        assert!(n as f64 <= most + rate * 1e-3 + 1.0, "{n} of {most}");
        assert!(n >= u64::from(burst));
    })
}

/// A step of a program: so long after the one before, so many, and what is done with it.
fn steps() -> impl Strategy<Value = Vec<(u32, u32, u8)>> {
    vec((0u32..40_000_000, 1u32..4, 0u8..4), 1..200)
}

fn cases() -> ProptestConfig {
    ProptestConfig {
        cases: 200,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(seed()),
        ..Default::default()
    }
}

proptest! {
    #![proptest_config(cases())]

    /// Never above n in ANY window, whatever comes when, is reserved, or is given back.
    #[test]
    fn sliding_log_never_has_more_in_any_window(steps in steps(), n in 1u32..9, period in 1i64..200_000_000) {
        let lim = SlidingLog::new(n, Duration::from_nanos(period as u64)).unwrap();
        let (mut now, mut acts) = (0i64, Vec::new());
        for (gap, k, what) in steps {
            now += i64::from(gap);
            match what {
                0 => {
                    let Ok(r) = lim.reserve_at(Time(now), k, Time::NEVER) else { continue };
                    acts.extend((0..k).map(|_| r.at().0));
                }
                1 => {
                    let Ok(r) = lim.reserve_at(Time(now), k, Time::NEVER) else { continue };
                    let at = r.at();
                    if at.0 > now {
                        r.cancel_at(Time(now));
                    } else {
                        acts.extend((0..k).map(|_| at.0));
                    }
                }
                _ => if lim.allow_at(Time(now), k) {
                    acts.extend((0..k).map(|_| now));
                }
            }
        }
        acts.sort();
        prop_assert!(most_in_any(&acts, period) <= n as usize);
    }

    /// A log grants whatever a log by the book does: kept as a list of all times.
    #[test]
    fn sliding_log_grants_all_that_it_may(steps in steps(), n in 1u32..9, period in 1i64..200_000_000) {
        let lim = SlidingLog::new(n, Duration::from_nanos(period as u64)).unwrap();
        let (mut now, mut acts) = (0i64, Vec::<i64>::new());
        for (gap, k, _) in steps {
            now += i64::from(gap);
            let room = acts.iter().filter(|&&t| t > now - period).count() + k as usize <= n as usize;
            prop_assert_eq!(lim.allow_at(Time(now), k), room);
            if room {
                acts.extend((0..k).map(|_| now));
            }
        }
    }

    /// TB5: what is decided by an estimate is what the exact arithmetic says, to the last bit of what is left.
    #[test]
    fn token_bucket_allows_as_it_reserves(steps in steps(), burst in 0u32..9, rate in 0u32..500, fine in any::<bool>(), scale in 0i32..14) {
        let rate = f64::from(rate) * 10f64.powi(scale - 6);
        let (a, b) = (TokenBucket::new(rate, burst), TokenBucket::new(rate, burst));
        let mut now = 1i64;
        for (gap, k, _) in steps {
            now += if fine { i64::from(gap % 7) } else { i64::from(gap) };
            let exact = b.take(Time(now), k, Time(now)).is_ok();
            prop_assert_eq!(a.allow_at(Time(now), k), exact);
            prop_assert_eq!(a.tokens_at(Time(now)).to_bits(), b.tokens_at(Time(now)).to_bits());
        }
    }

    /// The bucket of a key is a token bucket, but for the last bits.
    #[test]
    fn keyed_is_as_a_token_bucket(steps in steps(), burst in 3u32..9, rate in 1u32..500) {
        let users = Keyed::<u8>::new(f64::from(rate), burst).unwrap();
        let lim = TokenBucket::new(f64::from(rate), burst);
        let mut now = gort::now().0;
        for (gap, k, _) in steps {
            now += i64::from(gap);
            let there = lim.tokens_at(Time(now));
            prop_assert!((there - users.tokens_at(Time(now), &0)).abs() < 1e-4);
            if (there - f64::from(k)).abs() > 1e-4 {
                prop_assert_eq!(lim.allow_at(Time(now), k), users.allow_at(Time(now), &0, k));
            }
        }
    }
}

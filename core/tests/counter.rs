//! Sharded counters (sync/counter.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::WaitGroup;
use gort::sync::Counter;
use support::sync::Arc;
use support::{check, plain, repeat, scale};

/// More threads than have a slot of their own, and tasks: nothing is lost (mutant counter_shares_a_slot).
#[test]
fn every_addition_counts() {
    plain(|| {
        repeat(2, 100_000, |_| {
            let (c, each) = (Arc::new(Counter::new()), scale(300_000, 1_000_000));
            let threads: Vec<_> = (0..50)
                .map(|me| {
                    let c = c.clone();
                    std::thread::spawn(move || {
                        if me % 2 == 0 {
                            gort::yield_now() // has a number from now on
                        }
                        (0..each / 10).for_each(|_| c.add(3))
                    })
                })
                .collect();
            let theirs = c.clone();
            gort::run(move || {
                let wg = WaitGroup::new();
                for _ in 0..8 {
                    let c = theirs.clone();
                    wg.go(move || {
                        for i in 0..each {
                            c.inc();
                            c.add(-2);
                            c.dec();
                            if i % 1000 == 0 {
                                gort::yield_now()
                            }
                        }
                    });
                }
                wg.wait().unwrap();
            })
            .unwrap();
            threads.into_iter().for_each(|t| t.join().unwrap());
            assert_eq!(c.value(), (50 * 3 * (each / 10)) as i64 - 16 * each as i64);
        })
    })
}

/// What is added is in the result of one reset or in the value.
#[test]
fn resets_share_out_what_is_added() {
    plain(|| {
        let (c, n) = (Arc::new(Counter::new()), scale(100_000i64, 1_000_000));
        let adding: Vec<_> = (0..3)
            .map(|_| {
                let c = c.clone();
                std::thread::spawn(move || (0..n).for_each(|_| c.inc()))
            })
            .collect();
        let resets: Vec<_> = (0..2)
            .map(|_| {
                let c = c.clone();
                std::thread::spawn(move || {
                    (0..1000).fold(0, |sum, _| {
                        let got = c.reset();
                        assert!(got >= 0);
                        sum + got
                    })
                })
            })
            .collect();
        adding.into_iter().for_each(|t| t.join().unwrap());
        let got: i64 = resets.into_iter().map(|t| t.join().unwrap()).sum();
        assert_eq!(got + c.value(), 3 * n);
        assert_eq!((c.reset() + got, c.value()), (3 * n, 0));
    })
}

#[test]
fn sum_wraps_as_an_integer_of_64_bits() {
    check(|| {
        let c = Counter::new();
        c.add(i64::MAX);
        c.inc();
        assert_eq!(c.value(), i64::MIN);
        assert_eq!(c.reset(), i64::MIN);
        c.dec();
        assert_eq!((c.value(), format!("{c:?}")), (-1, "Counter(-1)".into()));
    })
}

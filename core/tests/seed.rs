//! D7: a seed makes the schedule. The channel suite runs on one seeded processor in a process of its own; its event log is
//! the same byte for byte each time, and another with another seed.
//!
//! What this is: the proof that time and chance have two doors only, and that one processor decides everything. What it is
//! NOT: virtual time (no body here sleeps), nor the end of a run: bodies leave no task behind, for the runner's thread, which
//! cancels those, is not seeded.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::{Status, WaitGroup, channel, go};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::bodies::{self, recv_case, wait_select};
use support::sync::Arc;
use support::{alone, run_test, scratch};

/// Runs test `name` of this program with a seed; its event log.
fn log_of(name: &str, seed: u64) -> String {
    let path = scratch(&format!("log-{}-{name}-{seed}", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let seed = seed.to_string();
    run_test(name, "alone:1", &[("GORT_SEED", &seed), ("GORT_LOG", path.to_str().unwrap()), ("GORT_TEST_SEED", "1")]);
    let log = std::fs::read_to_string(&path).expect("the event log");
    let _ = std::fs::remove_file(&path);
    log
}

// Ignored: it proves nothing by itself. `log_of` runs it in a process with a seed and compares the logs.
#[test]
#[ignore = "a body: same_seed_gives_the_same_log_byte_for_byte runs it"]
fn channel_suite_body() {
    alone(&[1], &[], || gort::run(bodies::suite).unwrap())
}

// Ignored: as above.
#[test]
#[ignore = "a body: both tests of two logs run it"]
fn choices_body() {
    alone(&[1], &[], || {
        gort::run(|| {
            // Each choice wakes one of two tasks, so the log shows it.
            let ends: Vec<_> = (0..2).map(|_| channel::<usize>(64)).collect();
            (0..64).for_each(|i| ends.iter().for_each(|(tx, _)| tx.send(i).unwrap()));
            let full: Vec<_> = ends.iter().map(|(tx, _)| tx.clone()).collect();
            let wg = WaitGroup::new();
            for tx in full {
                wg.go(move || (0..32).for_each(|i| drop(tx.send(i)))); // what is abandoned in the end is not sent
            }
            gort::yield_now();
            for _ in 0..32 {
                let (mut a, mut b) = (0, 0);
                assert!(wait_select(&[recv_case(&ends[0].1, &mut a), recv_case(&ends[1].1, &mut b)]).is_ok());
                gort::yield_now();
            }
            ends.iter().for_each(|(_, rx)| rx.abandon());
            wg.wait().unwrap();
        })
        .unwrap()
    })
}

#[test]
fn same_seed_gives_the_same_log_byte_for_byte() {
    for (name, least) in [("channel_suite_body", 1000), ("choices_body", 100)] {
        let (a, b) = (log_of(name, 7), log_of(name, 7));
        assert!(a.lines().count() > least, "{name}: only {} events", a.lines().count());
        for word in ["spawn", "start", "park", "ready", "exit"] {
            assert!(a.lines().any(|l| l.split(' ').nth(1) == Some(word)), "{name}: no {word}");
        }
        if let Some((n, (x, y))) = a.lines().zip(b.lines()).enumerate().find(|(_, (x, y))| x != y) {
            panic!("{name}: event {n} is '{x}' in one log and '{y}' in the other");
        }
        assert_eq!(a.len(), b.len(), "{name}: one log is longer");
    }
}

#[test]
fn another_seed_gives_another_log_where_chance_matters() {
    let logs: Vec<String> = (1..=4).map(|seed| log_of("choices_body", seed)).collect();
    assert!(logs.iter().any(|l| *l != logs[0]), "four seeds, one schedule");
}

#[test]
fn seeded_runtime_has_one_worker_and_keeps_it() {
    alone(&[1], &[("GORT_SEED", "3"), ("GORT_WORKERS", "4")], || {
        let n = Arc::new(AtomicUsize::new(0));
        let theirs = n.clone();
        gort::run(move || {
            assert_eq!(gort::workers(), 1);
            assert_eq!(gort::set_workers(2), Status::Misuse);
            go(move || {
                theirs.fetch_add(1, SeqCst);
            });
            gort::yield_now();
        })
        .unwrap();
        assert_eq!(n.load(SeqCst), 1);
        assert!(gort::sched::runtime::event_log().is_some_and(|l| l.lines().count() >= 4));
    })
}

//! The scheduler: parallelism, fairness, timers under load, theft, wake-ups from outside.
//!
//! What this is: rules G3 to G6, D1, D9, D14 as a program sees them. What it is NOT: hogs and blockers (monitor.rs), unit tests of ring, lists, bracket
//! and timer wheel (in their files) or models (loom).
//!
//! No test bounds a time: each waits for progress that only a right scheduler makes, and the watchdog ends what waits in
//! vain. Where a hog or blocker sits on every worker the test itself is a plain thread: main is a task bound to one of
//! their threads, and would wait for it (D2). A "hog" computes in user code and calls nothing; a "blocker" blocks its OS thread in a call gort does not see.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::wait::{Wait as RawWait, block};
use gort::{Status, Wait, WaitGroup, channel, go, now, sleep, spawn, yield_now};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::hogs::{Flag, any, hog};
use support::sync::{Arc, Mutex};
use support::{Rng, check, check_on, child_workers, ms, plain, plain_on, repeat, scale, until, us};

// ---- Go's runtime/proc_test.go

/// As many tasks as workers run at once: each waits, calling nothing, for its turn in a round.
#[test]
fn TestGoroutineParallelism() {
    plain(|| {
        let p = gort::workers();
        repeat(5, 10, |_| {
            let turn = Arc::new(AtomicUsize::new(0));
            let hs: Vec<_> = (0..p)
                .map(|me| (me, turn.clone()))
                .map(|(me, turn)| {
                    spawn(move || {
                        for round in 0..3 {
                            while turn.load(SeqCst) != round * p + me {
                                std::hint::spin_loop();
                            }
                            turn.fetch_add(1, SeqCst);
                        }
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
        })
    })
}

/// Gosched makes progress: two tasks that only yield take turns.
#[test]
fn TestYieldProgress() {
    check(|| {
        let done = Flag::new();
        let theirs = done.share();
        let h = spawn(move || {
            while !theirs.up() {
                yield_now();
            }
        });
        (0..10).for_each(|_| yield_now());
        done.raise();
        h.join().unwrap();
    })
}

/// A pair that wakes each other must let a third task between.
#[test]
fn TestPingPongHog() {
    check(|| {
        let done = Flag::new();
        let ((a_tx, a), (b_tx, b)) = (channel::<u32>(0), channel::<u32>(0));
        let theirs = done.share();
        go(move || {
            while !theirs.up() && a_tx.send(1).is_ok() {
                let _ = b.recv();
            }
        });
        let echo = spawn(move || a.iter().map(|v| b_tx.send(v)).filter(Result::is_ok).count());
        let hog = spawn(|| (0..scale(2000, 100_000)).for_each(|_| yield_now()));
        hog.join().unwrap();
        // And the pair goes on beside somebody who always yields.
        done.raise();
        assert!(echo.join().unwrap() > 0);
    })
}

/// The turn limit of next slots (P2) also holds for the sleeper of a timer.
#[test]
fn timer_fires_between_a_pair_that_never_rests() {
    check(|| {
        let done = Flag::new();
        let ((a_tx, a), (b_tx, b)) = (channel::<u32>(0), channel::<u32>(0));
        go(move || a.iter().for_each(|v| drop(b_tx.send(v))));
        let theirs = done.share();
        let h = spawn(move || {
            for _ in 0..20 {
                sleep(us(100)).unwrap();
            }
            theirs.raise();
        });
        while !done.up() {
            a_tx.send(1).unwrap();
            b.recv().unwrap();
        }
        h.join().unwrap();
    })
}

#[test]
fn tasks_that_yield_take_turns_evenly() {
    check_on(&[1], || {
        const N: usize = 50;
        let runs: Arc<Vec<AtomicUsize>> = Arc::new((0..N).map(|_| AtomicUsize::new(0)).collect());
        let started = Arc::new(AtomicUsize::new(0));
        let hs: Vec<_> = (0..N)
            .map(|i| (i, runs.clone(), started.clone()))
            .map(|(i, runs, started)| {
                spawn(move || {
                    started.fetch_add(1, SeqCst);
                    while started.load(SeqCst) < N {
                        yield_now(); // one that has not started and one that has are not in the same queue
                    }
                    for _ in 0..100 {
                        let mine = runs[i].fetch_add(1, SeqCst) + 1;
                        let least = runs.iter().map(|r| r.load(SeqCst)).min().unwrap();
                        assert!(mine <= least + 3, "one ran {mine} times, another {least}");
                        yield_now();
                    }
                })
            })
            .collect();
        hs.into_iter().for_each(|h| h.join().unwrap());
    })
}

// ---- workers

#[test]
fn workers_change_during_load_and_nothing_is_lost() {
    check(|| {
        let done = Flag::new();
        let rounds = Arc::new(AtomicUsize::new(0));
        let mut hs = Vec::new();
        for pair in 0..8 {
            let (tx, rx) = channel::<usize>(pair % 3);
            let (d, r) = (done.share(), rounds.clone());
            let sender = move || {
                let mut i = 0;
                while !d.up() {
                    tx.send(i).unwrap();
                    if i % 16 == 0 {
                        sleep(us(20)).unwrap();
                    }
                    i += 1;
                }
                i
            };
            let receiver = move || {
                let mut n = 0;
                for v in rx {
                    assert_eq!(v, n);
                    n += 1;
                    r.fetch_add(1, Relaxed);
                }
                n
            };
            if pair % 2 == 0 {
                hs.push((any(sender), any(receiver)));
            } else {
                hs.push((spawn(sender), spawn(receiver)));
            }
        }
        let mut rng = Rng::new();
        repeat(scale(40, 200), 100, |_| {
            let n = 1 + rng.below(8);
            assert_eq!(gort::set_workers(n), Status::Ok);
            assert_eq!(gort::workers(), n);
            let before = rounds.load(SeqCst);
            until(|| rounds.load(SeqCst) > before + 50);
        });
        done.raise();
        for (s, r) in hs {
            assert_eq!(s.join().unwrap(), r.join().unwrap());
        }
        assert_eq!((gort::set_workers(0), gort::set_workers(257)), (Status::Invalid, Status::Limit));
    })
}

/// A worker count that goes down leaves timers and ready tasks behind for the others.
#[test]
fn workers_put_away_leave_no_timer_and_no_task_behind() {
    check_on(&[5], || {
        repeat(scale(5, 20), 200, |_| {
            gort::set_workers(5).ok().unwrap();
            let hs: Vec<_> = (0..100)
                .map(|i| {
                    any(move || {
                        for _ in 0..3 {
                            sleep(us(200 + i * 10)).unwrap();
                        }
                    })
                })
                .collect();
            sleep(us(300)).unwrap();
            gort::set_workers(1).ok().unwrap();
            hs.into_iter().for_each(|h| h.join().unwrap());
        })
    })
}

#[test]
fn tasks_are_stolen_by_idle_workers() {
    check_on(&[2, 5], || {
        let mut threads: HashSet<std::thread::ThreadId> = HashSet::new();
        while threads.len() < 2 || gort::metrics().steals == 0 {
            let seen = Arc::new(Mutex::new(HashSet::new()));
            let wg = WaitGroup::new();
            for _ in 0..200 {
                let seen = seen.clone();
                wg.go(move || {
                    let until = now().0 + 20_000;
                    while now().0 < until {}
                    seen.lock().insert(std::thread::current().id());
                });
            }
            wg.wait().unwrap();
            threads.extend(seen.lock().drain());
        }
    })
}

// ---- D9: the next slot must not cost parallelism

/// The first stage hands an item over and then computes until the second has seen it: only stages that overlap can pass.
#[test]
fn two_stages_overlap_though_one_woke_the_other() {
    check_on(&[2, 5], || {
        let items = scale(100, 2000);
        let seen = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = channel::<usize>(1);
        let theirs = seen.clone();
        let second = any(move || rx.iter().for_each(|v| theirs.store(v, SeqCst)));
        let first = any(move || {
            for i in 1..=items {
                tx.send(i).unwrap(); // the second is parked: it goes into this processor's next slot
                while seen.load(SeqCst) < i {
                    std::hint::spin_loop();
                }
            }
        });
        first.join().unwrap();
        second.join().unwrap();
    })
}

// ---- timers

#[test]
fn TestTimerFairness() {
    check(|| {
        let done = Flag::new();
        let hogs: Vec<_> = (0..gort::workers() * 2)
            .map(|_| done.share())
            .map(|d| {
                any(move || {
                    while !d.up() {
                        yield_now();
                    }
                })
            })
            .collect();
        let sleepers: Vec<_> = (0..10)
            .map(|_| {
                spawn(|| {
                    for _ in 0..10 {
                        let start = now();
                        sleep(us(500)).unwrap();
                        assert!(now().0 - start.0 >= 500_000, "early");
                    }
                })
            })
            .collect();
        sleepers.into_iter().for_each(|h| h.join().unwrap());
        done.raise();
        hogs.into_iter().for_each(|h| h.join().unwrap());
    })
}

/// Go's TestAfterFuncStarvation and the like: timers also fire when every worker computes.
#[test]
fn timers_fire_though_every_worker_computes() {
    plain(|| {
        let done = Flag::new();
        let started = Arc::new(AtomicUsize::new(0));
        let h = any(|| {
            for _ in 0..5 {
                sleep(ms(1)).unwrap();
            }
        });
        let (d, s) = (done.share(), started.clone());
        let hogs: Vec<_> = (0..gort::workers())
            .map(|_| (d.share(), s.clone()))
            .map(|(d, s)| {
                any(move || {
                    s.fetch_add(1, SeqCst);
                    hog(&d.0)
                })
            })
            .collect();
        h.join().unwrap();
        done.raise();
        hogs.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(started.load(SeqCst), gort::workers());
    })
}

#[test]
fn sleep_is_never_early_and_past_deadlines_return_at_once() {
    check(|| {
        for d in [0, 1, 17_000, 100_000, 2_000_000] {
            let start = now();
            assert_eq!(sleep(std::time::Duration::from_nanos(d)), Ok(()));
            assert!(now().0 - start.0 >= d as i64);
        }
        let at = |deadline| block::sleep(RawWait { deadline, cancel: std::ptr::null() });
        assert_eq!((at(i64::MIN), at(0), at(now().0)), (Status::Ok, Status::Ok, Status::Ok));
        let h = spawn(|| sleep(std::time::Duration::MAX)); // saturates: never
        support::until_parked(1);
        h.cancel();
        assert_eq!(h.join().unwrap(), Err(Status::Canceled));
    })
}

/// Go's TestAfterQueuing: deadlines made out of order come in order. Tasks that are due together may run in any order, so
/// a round in which the machine was late proves nothing; one clean round must come.
#[test]
fn sleepers_wake_in_the_order_of_their_deadlines() {
    check_on(&[1], || {
        let mut rng = Rng::new();
        for n in 2.. {
            let gap = 50_000 * n;
            let order = Arc::new(Mutex::new(Vec::new()));
            let mut slots: Vec<i64> = (0..40).collect();
            (0..40).for_each(|i| slots.swap(i, rng.below(40)));
            let base = now().0 + 3_000_000;
            let hs: Vec<_> = slots
                .into_iter()
                .map(|slot| (slot, order.clone()))
                .map(|(slot, order)| {
                    spawn(move || {
                        let deadline = base + slot * gap;
                        assert_eq!(block::sleep(RawWait { deadline, cancel: std::ptr::null() }), Status::Ok);
                        assert!(now().0 >= deadline);
                        order.lock().push(slot);
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
            let order = order.lock();
            assert_eq!(order.len(), 40);
            if order.is_sorted() {
                break;
            }
        }
    })
}

#[test]
fn thousands_of_sleepers_wake_once_each_and_never_early() {
    check(|| {
        let woken = Arc::new(AtomicUsize::new(0));
        let mut rng = Rng::new();
        let n = scale(4000, 50_000);
        let hs: Vec<_> = (0..n)
            .map(|_| (us(rng.below(30_000) as u64), woken.clone()))
            .map(|(d, woken)| {
                spawn(move || {
                    let start = now();
                    sleep(d).unwrap();
                    assert!(now().0 - start.0 >= d.as_nanos() as i64, "early");
                    woken.fetch_add(1, SeqCst);
                })
            })
            .collect();
        hs.into_iter().for_each(|h| h.join().unwrap());
        assert_eq!(woken.load(SeqCst), n);
    })
}

#[test]
fn deadlines_that_never_come_are_unlinked_in_any_order() {
    check(|| {
        let mut rng = Rng::new();
        repeat(scale(5, 20), 1000, |_| {
            let ends: Vec<_> = (0..200).map(|_| channel::<u32>(0)).collect();
            let hs: Vec<_> = ends
                .iter()
                .map(|(_, rx)| (rx.clone(), ms(1000 + rng.below(100_000) as u64)))
                .map(|(rx, d)| any(move || rx.recv_with(Wait::timeout(d))))
                .collect();
            let mut order: Vec<usize> = (0..200).collect();
            (0..200).for_each(|i| order.swap(i, rng.below(200)));
            order.into_iter().for_each(|i| ends[i].0.send(i as u32).unwrap());
            hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), Ok(i as u32)));
        });
    })
}

// ---- from outside

#[test]
fn plain_threads_spawn_and_wake_tasks_of_a_sleeping_runtime() {
    plain(|| {
        let ts: Vec<_> = (0..4)
            .map(|t| {
                std::thread::spawn(move || {
                    let mut rng = Rng::of(t);
                    let ((a_tx, a), (b_tx, b)) = (channel::<u64>(0), channel::<u64>(0));
                    go(move || a.iter().for_each(|v| b_tx.send(v + 1).unwrap()));
                    for i in 0..scale(200, 5000) {
                        if rng.below(4) == 0 {
                            support::block_thread(us(rng.below(300) as u64)); // let everybody fall asleep
                        }
                        a_tx.send(i).unwrap();
                        assert_eq!(b.recv(), Ok(i + 1));
                        let h = spawn(move || i);
                        assert_eq!(h.join().unwrap(), i);
                    }
                })
            })
            .collect();
        ts.into_iter().for_each(|t| t.join().unwrap());
    })
}

#[test]
fn burst_from_a_plain_thread_is_spread_over_the_workers() {
    plain_on(&[2, 5], || {
        let p = child_workers();
        // As many tasks as workers, each waiting for all of them to run at the same time.
        repeat(10, 5, |_| {
            let here = Arc::new(AtomicUsize::new(0));
            let hs: Vec<_> = (0..p)
                .map(|_| here.clone())
                .map(|here| {
                    spawn(move || {
                        here.fetch_add(1, SeqCst);
                        while here.load(SeqCst) < p {
                            std::hint::spin_loop();
                        }
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
        })
    })
}

/// More ready tasks than a ring holds: the rest goes through the injector and comes back.
#[test]
fn more_tasks_than_a_ring_holds_all_run() {
    check(|| {
        repeat(5, 2000, |_| {
            let n = Arc::new(AtomicUsize::new(0));
            let wg = WaitGroup::new();
            for _ in 0..2000 {
                let n = n.clone();
                wg.go(move || {
                    yield_now();
                    n.fetch_add(1, SeqCst);
                });
            }
            wg.wait().unwrap();
            assert_eq!(n.load(SeqCst), 2000);
        })
    })
}

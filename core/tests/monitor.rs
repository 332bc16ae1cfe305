//! The monitor: hogs and blockers, loops that never park, preemption, and calls that say that they block.
//!
//! What this is: rules D1, D14 and D-4 as a program sees them. What it is NOT: fairness among tasks that park (sched.rs), models (loom_bracket.rs).
//!
//! No test bounds a time: each waits for progress that only a right scheduler makes, and the watchdog ends what waits in
//! vain. Where a hog or blocker sits on every worker the test itself is a plain thread: main is a task bound to one of
//! their threads, and would wait for it (D2). A "hog" computes in user code and calls nothing; a "blocker" blocks its OS thread in a call gort does not see.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::{channel, go, sleep, spawn, yield_now};

use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::hogs::{Flag, any, hog};
use support::sync::{Arc, pipe};
use support::{check, plain, plain_on, repeat, scale, until, us};

#[test]
fn hogs_on_every_worker_do_not_stop_the_others() {
    plain(|| {
        let done = Flag::new();
        let hogs: Vec<_> = (0..gort::workers()).map(|_| done.share()).map(|d| spawn(move || hog(&d.0))).collect();
        let hs: Vec<_> = (0..20).map(|i| spawn(move || i)).collect(); // unstarted ones
        let movers: Vec<_> = (0..5)
            .map(|_| {
                any(|| {
                    for _ in 0..5 {
                        sleep(us(50)).unwrap();
                        yield_now();
                    }
                })
            })
            .collect();
        hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), i));
        movers.into_iter().for_each(|h| h.join().unwrap());
        done.raise();
        hogs.into_iter().for_each(|h| h.join().unwrap());
        assert!(gort::metrics().retakes > 0);
    })
}

#[test]
fn blockers_on_every_worker_do_not_stop_the_others() {
    plain(|| {
        let n = gort::workers() * 3;
        let blocked: Vec<_> = (0..n)
            .map(|_| {
                let (tx, mut rx) = pipe();
                (tx, spawn(move || assert_eq!(rx.wait(), None)))
            })
            .collect();
        let hs: Vec<_> = (0..20).map(|i| spawn(move || i)).collect();
        hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), i));
        for (tx, h) in blocked {
            drop(tx);
            h.join().unwrap();
        }
    })
}

/// A hog and a blocker on two workers, pairs of every kind between them.
#[test]
fn pairs_ping_pong_beside_a_hog_and_a_blocker() {
    plain_on(&[2, 5], || {
        let done = Flag::new();
        let (tell, mut told) = pipe();
        let started = Arc::new(AtomicUsize::new(0));
        let (d, s) = (done.share(), started.clone());
        let the_hog = spawn(move || {
            s.fetch_add(1, SeqCst);
            hog(&d.0)
        });
        let s = started.clone();
        let blocker = spawn(move || {
            s.fetch_add(1, SeqCst);
            assert_eq!(told.wait(), None);
        });
        until(|| started.load(SeqCst) == 2);
        let rounds = scale(500, 20_000);
        let mut hs = Vec::new();
        for pair in 0..6 {
            let ((a_tx, a), (b_tx, b)) = (channel::<usize>(pair % 3), channel::<usize>(pair % 2));
            let ping = move || {
                for i in 0..rounds {
                    a_tx.send(i).unwrap();
                    assert_eq!(b.recv(), Ok(i));
                }
            };
            let pong = move || a.iter().for_each(|i| b_tx.send(i).unwrap());
            if pair < 3 {
                hs.extend([any(ping), any(pong)]);
            } else {
                hs.extend([spawn(ping), spawn(pong)]);
            }
        }
        hs.into_iter().for_each(|h| h.join().unwrap());
        done.raise();
        drop(tell);
        the_hog.join().unwrap();
        blocker.join().unwrap();
    })
}

/// A loop of operations that never park is neither blocked nor a hog: it is made to yield.
#[test]
fn loop_of_operations_that_never_park_lets_others_run() {
    plain_on(&[1, 2], || {
        let done = Flag::new();
        let loops: Vec<_> = (0..gort::workers())
            .map(|_| done.share())
            .map(|d| {
                any(move || {
                    let (tx, rx) = channel::<u32>(1);
                    while !d.up() {
                        tx.try_send(1).unwrap();
                        rx.try_recv().unwrap();
                    }
                })
            })
            .collect();
        let hs: Vec<_> = (0..10).map(|_| any(|| (0..3).for_each(|_| yield_now()))).collect();
        hs.into_iter().for_each(|h| h.join().unwrap());
        done.raise();
        loops.into_iter().for_each(|h| h.join().unwrap());
    })
}

#[test]
fn blocking_gives_the_processor_away_at_once() {
    check(|| {
        let n = gort::workers() + 2;
        let hs: Vec<_> = (0..n)
            .map(|i| {
                let (tx, mut rx) = pipe();
                let h = spawn(move || {
                    let got = gort::blocking(|| rx.wait().unwrap());
                    yield_now(); // has a processor again
                    got
                });
                ((tx, i), h)
            })
            .collect();
        // Whoever tells them is a task that needs a processor, and has been on one of their threads.
        let (others, hs): (Vec<_>, Vec<_>) = hs.into_iter().unzip();
        let teller = any(move || {
            yield_now();
            others.into_iter().for_each(|(mut tx, i)| tx.tell(i as u8))
        });
        teller.join().unwrap();
        hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap() as usize, i));
    })
}

#[test]
fn started_tasks_of_a_thread_go_on_after_it_was_blocked() {
    check(|| {
        repeat(scale(5, 20), 500, |_| {
            let hs: Vec<_> = (0..20)
                .map(|i| {
                    spawn(move || {
                        for k in 0..10 {
                            match (i + k) % 5 {
                                0 => support::block_thread(us(300)),
                                1 => sleep(us(30)).unwrap(),
                                _ => yield_now(),
                            }
                        }
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
        })
    })
}

/// Main loops in short operations until a task that has not started has run; behind it, on its own thread, waits a hog that ends only when main goes on (D-4).
#[test]
fn preempted_task_does_not_wait_for_a_hog_of_its_own_thread() {
    check(|| {
        repeat(scale(3, 20), 1000, |_| {
            let (started, done, ran) = (Flag::new(), Flag::new(), Flag::new());
            let (s, d) = (started.share(), done.share());
            let behind = spawn(move || {
                s.raise();
                yield_now(); // with one worker: behind main in the queue of their thread
                hog(&d.0)
            });
            until(|| started.up());
            let r = ran.share();
            go(move || r.raise());
            let (tx, rx) = channel::<u32>(1);
            while !ran.up() {
                tx.try_send(1).unwrap();
                rx.try_recv().unwrap();
            }
            done.raise();
            behind.join().unwrap();
        })
    })
}

/// The same with the hog not started yet: it must not start on main's thread, in front of main.
#[test]
fn preempted_task_is_not_overtaken_by_a_hog_that_has_not_started() {
    check(|| {
        repeat(scale(3, 20), 1000, |_| {
            let (started, done) = (Flag::new(), Flag::new());
            let (s, d) = (started.share(), done.share());
            let waits = spawn(move || {
                s.raise();
                hog(&d.0)
            });
            let (tx, rx) = channel::<u32>(1);
            while !started.up() {
                tx.try_send(1).unwrap();
                rx.try_recv().unwrap();
            }
            done.raise();
            waits.join().unwrap();
        })
    })
}

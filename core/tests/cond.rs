//! Conditions: Go's sync/cond_test.go by name, and what gort promises beyond it (M4, CV1 to CV4).

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::cond::RawCond;
use gort::sync::mutex::RawMutex;
use gort::sync::{Cond, Mutex};
use gort::{Status, Time, Wait, WaitGroup, channel, sleep, spawn, yield_now};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{check, check_on, ms, plain, repeat, scale, seed, until_parked, us};

#[derive(Default)]
struct Shared<T> {
    m: Mutex<T>,
    c: Cond,
}

fn shared<T: Default>() -> Arc<Shared<T>> {
    Arc::new(Shared::default())
}

/// Each signal wakes one, and nobody is awake without one.
#[test]
fn TestCondSignal() {
    check(|| {
        let s = shared::<()>();
        let n = 10;
        let (running, is_running) = channel(n);
        let (awake, is_awake) = channel(n);
        for _ in 0..n {
            let (s, running, awake) = (s.clone(), running.clone(), awake.clone());
            gort::go(move || {
                let mut g = s.m.lock();
                running.send(()).unwrap();
                s.c.wait(&mut g).unwrap();
                awake.send(()).unwrap();
            });
        }
        (0..n).for_each(|_| is_running.recv().unwrap());
        for _ in 0..n {
            assert!(is_awake.try_recv().is_err(), "awake without a signal");
            let g = s.m.lock();
            s.c.signal();
            drop(g);
            is_awake.recv().unwrap();
            assert!(is_awake.try_recv().is_err(), "two for one signal");
        }
        s.c.signal(); // nobody
    })
}

/// In the order of their coming.
#[test]
fn TestCondSignalGenerations() {
    check(|| {
        let s = shared::<()>();
        let n = 100;
        let (running, is_running) = channel(n);
        let (awake, is_awake) = channel(n);
        for i in 0..n {
            let (theirs, running, awake) = (s.clone(), running.clone(), awake.clone());
            gort::go(move || {
                let mut g = theirs.m.lock();
                running.send(()).unwrap();
                theirs.c.wait(&mut g).unwrap();
                awake.send(i).unwrap();
            });
            if i > 0 {
                assert_eq!(is_awake.recv().unwrap(), i - 1);
            }
            is_running.recv().unwrap();
            let g = s.m.lock();
            s.c.signal();
            drop(g);
        }
        assert_eq!(is_awake.recv().unwrap(), n - 1);
    })
}

#[test]
fn TestCondBroadcast() {
    check(|| {
        let n = scale(20, 200);
        let s = shared::<bool>(); // true: it is over
        let (running, is_running) = channel(n);
        let (awake, is_awake) = channel(n);
        let wg = WaitGroup::new();
        for i in 0..n {
            let (s, running, awake) = (s.clone(), running.clone(), awake.clone());
            wg.go(move || {
                let mut over = s.m.lock();
                while !*over {
                    running.send(()).unwrap();
                    s.c.wait(&mut over).unwrap();
                    awake.send(i).unwrap();
                }
            });
        }
        for round in 0..n {
            (0..n).for_each(|_| is_running.recv().unwrap());
            assert!(is_awake.try_recv().is_err(), "awake before the broadcast");
            let mut over = s.m.lock();
            *over = round == n - 1;
            s.c.broadcast();
            drop(over);
            let mut seen = vec![false; n];
            for _ in 0..n {
                let i = is_awake.recv().unwrap();
                assert!(!std::mem::replace(&mut seen[i], true), "twice in one round");
            }
        }
        wg.wait().unwrap();
    })
}

/// Three steps, each waited for.
#[test]
fn TestRace() {
    check(|| {
        repeat(200, 2, |_| {
            let s = shared::<u32>();
            let wg = WaitGroup::new();
            let at = |from: u32, to: u32| {
                let s = s.clone();
                wg.go(move || {
                    let mut x = s.m.lock();
                    s.c.wait_while(&mut x, |x| *x != from).unwrap();
                    *x = to;
                    s.c.broadcast();
                });
            };
            at(2, 3);
            at(1, 2);
            at(0, 1);
            wg.wait().unwrap();
            assert_eq!(*s.m.lock(), 3);
        })
    })
}

/// The older waiter always gets the signal, whoever comes to wait meanwhile.
#[test]
fn TestCondSignalStealing() {
    check(|| {
        for _ in 0..scale(100, 1000) {
            let s = shared::<bool>();
            let (c1, r1) = channel(1);
            {
                let s = s.clone();
                gort::go(move || {
                    let mut g = s.m.lock();
                    c1.send(()).unwrap();
                    s.c.wait(&mut g).unwrap();
                    c1.send(()).unwrap();
                });
            }
            r1.recv().unwrap();
            drop(s.m.lock()); // it waits now
            let later = s.clone();
            let second = spawn(move || {
                let mut done = later.m.lock();
                later.c.wait_while(&mut done, |done| !*done).unwrap();
            });
            s.c.signal();
            r1.recv().unwrap(); // the first one
            *s.m.lock() = true;
            s.c.broadcast();
            second.join().unwrap();
        }
    })
}

#[test]
fn wait_without_the_lock_is_misuse_and_leaves_nobody_in_the_queue() {
    check(|| {
        let (c, m) = (RawCond::new(), RawMutex::new());
        assert_eq!(c.wait(&m, gort::wait::Wait::FOREVER), Status::Misuse);
        assert!(!m.is_locked());
        assert_eq!((c.signal_one(), c.broadcast()), (Status::Ok, Status::Ok));
    })
}

#[test]
fn limits_end_a_wait_with_the_mutex_locked() {
    check(|| {
        let s = shared::<()>();
        let mut g = s.m.lock();
        assert_eq!(s.c.wait_with(&mut g, Wait::timeout(ms(1))), Err(Status::TimedOut));
        assert!(s.m.try_lock().is_none());
        assert_eq!(s.c.wait_with(&mut g, Wait::until(Time(0))), Err(Status::TimedOut));
        drop(g);
        let theirs = s.clone();
        let task = spawn(move || {
            let mut g = theirs.m.lock();
            let s = theirs.c.wait(&mut g);
            assert!(theirs.m.try_lock().is_none(), "locked again though the task is cancelled");
            s
        });
        until_parked(1);
        task.cancel();
        assert_eq!(task.join().unwrap(), Err(Status::Canceled));
        assert!(s.m.try_lock().is_some());
    })
}

/// CV3: who gives up does not swallow the signal.
#[test]
fn signal_goes_past_one_that_gave_up() {
    check_on(&[1], || {
        let s = shared::<()>();
        let wait = || {
            let s = s.clone();
            spawn(move || s.c.wait(&mut s.m.lock()))
        };
        let first = wait();
        until_parked(1);
        let second = wait();
        until_parked(2);
        first.cancel();
        s.c.signal();
        let both = (first.join().unwrap(), second.join().unwrap());
        assert_eq!(both, (Err(Status::Canceled), Ok(())));
    })
}

/// A queue between producers and consumers that also give up: nothing is lost, nobody is left behind.
#[test]
fn signals_and_deadlines_race_and_nothing_is_lost() {
    check(|| {
        repeat(5, 200, |_| {
            let s = shared::<Vec<usize>>();
            let n = scale(200, 2000);
            let got = Arc::new(AtomicUsize::new(0));
            let wg = WaitGroup::new();
            let seed = seed();
            for k in 0..3usize {
                let (s, got) = (s.clone(), got.clone());
                wg.go(move || {
                    let mut i = seed as usize + k;
                    while got.load(SeqCst) < n {
                        let mut q = s.m.lock();
                        i += 1;
                        let wait = if i.is_multiple_of(3) { Wait::timeout(ms(1)) } else { Wait::timeout(us(50)) };
                        let _ = s.c.wait_while_with(&mut q, wait, |q| q.is_empty());
                        if q.pop().is_some() {
                            got.fetch_add(1, SeqCst);
                        }
                    }
                });
            }
            for i in 0..n {
                s.m.lock().push(i);
                s.c.signal();
                if i % 16 == 0 {
                    yield_now()
                }
            }
            wg.wait().unwrap();
            assert_eq!(got.load(SeqCst), n);
            assert!(s.m.lock().is_empty());
        })
    })
}

#[test]
fn threads_and_tasks_wait_for_the_same_condition() {
    plain(|| {
        let s = shared::<usize>();
        let theirs = s.clone();
        let thread = std::thread::spawn(move || {
            let mut n = theirs.m.lock();
            theirs.c.wait_while(&mut n, |n| *n < 2).unwrap();
            *n += 1;
            theirs.c.broadcast();
        });
        let theirs = s.clone();
        gort::run(move || {
            let other = theirs.clone();
            let task = spawn(move || {
                let mut n = other.m.lock();
                other.c.wait_while(&mut n, |n| *n < 3).unwrap();
            });
            sleep(ms(1)).unwrap();
            *theirs.m.lock() = 2;
            theirs.c.broadcast();
            task.join().unwrap();
        })
        .unwrap();
        thread.join().unwrap();
        assert_eq!(*s.m.lock(), 3);
    })
}

#[test]
fn wait_that_nobody_ends_is_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let s = shared::<()>();
            assert_eq!(s.c.wait(&mut s.m.lock()), Err(Status::Deadlock));
        })
        .unwrap_err();
        assert!(e.report.contains("condition"), "{}", e.report);
    })
}

//! Semaphores: the cases of x/sync's semaphore_test.go by name, and what gort promises beyond it (R6, SE1 to SE5).
//!
//! Differences from Go: a release of too much is MISUSE and changes nothing; what can never be granted is LIMIT at once.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::Semaphore;
use gort::{Status, Time, Wait, WaitGroup, channel, spawn, yield_now};
use std::sync::atomic::{AtomicU32, Ordering::*};
use support::sync::Arc;
use support::{check, check_on, ms, plain, repeat, scale, seed, until, until_parked, us};

fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

/// Never more than there are.
#[test]
fn TestWeighted() {
    check(|| {
        let n = 5u32;
        let s = Arc::new(Semaphore::new(n));
        let taken = Arc::new(AtomicU32::new(0));
        let wg = WaitGroup::new();
        for i in 0..n {
            let (s, taken) = (s.clone(), taken.clone());
            let mut state = seed() | u64::from(i) << 8 | 1;
            wg.go(move || {
                for _ in 0..scale(200, 5000) {
                    let want = (next(&mut state) % u64::from(n)) as u32 + 1;
                    let p = s.acquire(want).unwrap();
                    assert!(taken.fetch_add(want, SeqCst) + want <= n, "more than there are");
                    if want.is_multiple_of(2) {
                        yield_now()
                    }
                    taken.fetch_sub(want, SeqCst);
                    drop(p);
                }
            });
        }
        wg.wait().unwrap();
        assert_eq!((s.free(), s.size()), (n, n));
    })
}

/// Go's panics.
#[test]
fn TestWeightedPanic() {
    check(|| {
        let s = Semaphore::new(1);
        assert_eq!(s.release(1), Err(Status::Misuse));
        s.try_acquire(1).unwrap().forget();
        assert_eq!(s.release(2), Err(Status::Misuse));
        assert_eq!((s.free(), s.release(1), s.free()), (0, Ok(()), 1));
    })
}

#[test]
fn TestWeightedTryAcquire() {
    check(|| {
        let s = Semaphore::new(2);
        let a = s.try_acquire(1);
        let b = s.try_acquire(2).map(drop);
        let c = s.try_acquire(1);
        assert!(a.is_ok() && c.is_ok());
        assert_eq!((b, s.try_acquire(1).map(drop)), (Err(Status::WouldBlock), Err(Status::WouldBlock)));
        drop((a, c));
        assert!(s.try_acquire(2).is_ok());
    })
}

#[test]
fn TestWeightedAcquire() {
    check(|| {
        let s = Semaphore::new(2);
        let a = s.acquire(1).unwrap();
        let b = s.acquire_with(1, Wait::timeout(ms(60_000))).unwrap();
        assert_eq!(s.acquire_with(1, Wait::timeout(ms(1))).map(drop), Err(Status::TimedOut));
        drop(a);
        assert_eq!((b.units(), s.free()), (1, 1));
        assert_eq!(s.acquire(0).map(|p| p.units()), Ok(0));
    })
}

/// Go's waits for the context's end; nobody can ever grant it, so gort says so.
#[test]
fn TestWeightedDoesntBlockIfTooBig() {
    check(|| {
        let s = Arc::new(Semaphore::new(2));
        assert_eq!(s.acquire(3).map(drop), Err(Status::Limit));
        assert_eq!(s.try_acquire(u32::MAX).map(drop), Err(Status::Limit));
        assert_eq!(Semaphore::new(0).acquire(1).map(drop), Err(Status::Limit));
        drop(s.acquire(2).unwrap());
    })
}

/// One that asks for all gets it, though others come and go all the time.
#[test]
fn TestLargeAcquireDoesntStarve() {
    check(|| {
        let n = 8u32;
        let s = Arc::new(Semaphore::new(n));
        let over = Arc::new(AtomicU32::new(0));
        let wg = WaitGroup::new();
        for _ in 0..n {
            let (s, over) = (s.clone(), over.clone());
            wg.go(move || {
                while over.load(SeqCst) == 0 {
                    let p = s.acquire(1).unwrap();
                    yield_now();
                    drop(p);
                }
            });
        }
        for _ in 0..3 {
            drop(s.acquire(n).unwrap());
            yield_now();
        }
        over.store(1, SeqCst);
        wg.wait().unwrap();
    })
}

/// One that gives up lets those in that it kept waiting.
#[test]
fn TestAllocCancelDoesntStarve() {
    check(|| {
        let s = Arc::new(Semaphore::new(10));
        let one = s.acquire(1).unwrap();
        let theirs = s.clone();
        let all = spawn(move || theirs.acquire(10).map(drop));
        until_parked(1);
        let theirs = s.clone();
        let few = spawn(move || theirs.acquire(1).map(drop));
        until_parked(2);
        assert_eq!(s.try_acquire(1).map(drop), Err(Status::WouldBlock), "somebody waits");
        all.cancel();
        assert_eq!(all.join().unwrap(), Err(Status::Canceled));
        assert_eq!(few.join().unwrap(), Ok(()));
        drop(one);
        assert_eq!(s.free(), 10);
    })
}

/// Go's prefers the context that is done; in gort a task that is cancelled gets CANCELED from every blocking call, and a deadline that has passed keeps nobody from what is there.
#[test]
fn TestWeightedAcquireCanceled() {
    check(|| {
        let s = Arc::new(Semaphore::new(2));
        drop(s.acquire_with(1, Wait::until(Time(0))).unwrap());
        let theirs = s.clone();
        let (tx, rx) = channel(0);
        let task = spawn(move || {
            let first = rx.recv();
            (first.is_err(), theirs.acquire(1).map(drop))
        });
        until_parked(1);
        task.cancel();
        assert_eq!(task.join().unwrap(), (true, Err(Status::Canceled)));
        assert_eq!(s.free(), 2);
        drop::<gort::Sender<()>>(tx);
    })
}

#[test]
fn waiters_are_served_in_the_order_of_their_coming() {
    check_on(&[1], || {
        let s = Arc::new(Semaphore::new(3));
        let (tx, rx) = channel(10);
        let all = s.acquire(3).unwrap();
        for (i, n) in [2, 1, 3, 1].into_iter().enumerate() {
            let (s, tx) = (s.clone(), tx.clone());
            gort::go(move || {
                let _p = s.acquire(n).unwrap();
                tx.send((i, n)).unwrap();
                yield_now();
            });
            until_parked(i + 1);
        }
        drop((all, tx));
        let mut order: Vec<_> = rx.iter().collect();
        order[..2].sort_unstable(); // both fit, and are let in together
        assert_eq!(order, [(0, 2), (1, 1), (2, 3), (3, 1)]);
    })
}

/// Deadlines, cancellation and releases against one another: the units balance.
#[test]
fn random_waits_give_back_what_they_took() {
    check(|| {
        repeat(3, 300, |_| {
            let s = Arc::new(Semaphore::new(7));
            let seed = seed();
            let tasks: Vec<_> = (0..6u64)
                .map(|k| {
                    let s = s.clone();
                    let mut state = seed ^ (k + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
                    spawn(move || {
                        for _ in 0..100 {
                            let n = (next(&mut state) % 8) as u32;
                            let wait = match next(&mut state) % 3 {
                                0 => Wait::forever(),
                                1 => Wait::timeout(us(20)),
                                _ => Wait::until(Time(0)),
                            };
                            match s.acquire_with(n, wait) {
                                Ok(p) if next(&mut state).is_multiple_of(2) => {
                                    yield_now();
                                    drop(p)
                                }
                                Ok(p) => drop(p),
                                Err(Status::TimedOut) => {}
                                Err(Status::Canceled) => return,
                                Err(e) => panic!("{e}"),
                            }
                        }
                    })
                })
                .collect();
            yield_now();
            tasks.iter().take(2).for_each(|t| t.cancel());
            tasks.into_iter().for_each(|t| t.join().unwrap());
            assert_eq!(s.free(), 7);
        })
    })
}

#[test]
fn threads_and_tasks_share_it() {
    plain(|| {
        let s = Arc::new(Semaphore::new(2));
        let inside = Arc::new(AtomicU32::new(0));
        let n = scale(200, 5000);
        let work = move |s: &Semaphore, inside: &AtomicU32| {
            for _ in 0..n {
                let _p = s.acquire(1).unwrap();
                assert!(inside.fetch_add(1, SeqCst) < 2);
                inside.fetch_sub(1, SeqCst);
            }
        };
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let (s, inside) = (s.clone(), inside.clone());
                std::thread::spawn(move || work(&s, &inside))
            })
            .collect();
        let (theirs, within) = (s.clone(), inside.clone());
        gort::run(move || {
            let wg = WaitGroup::new();
            for _ in 0..3 {
                let (s, inside) = (theirs.clone(), within.clone());
                wg.go(move || work(&s, &inside));
            }
            wg.wait().unwrap();
        })
        .unwrap();
        threads.into_iter().for_each(|t| t.join().unwrap());
        until(|| s.free() == 2);
    })
}

#[test]
fn units_that_nobody_gives_back_are_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let s = Semaphore::new(1);
            let _p = s.acquire(1).unwrap();
            assert_eq!(s.acquire(1).map(drop), Err(Status::Deadlock));
        })
        .unwrap_err();
        assert!(e.report.contains("semaphore"), "{}", e.report);
    })
}

//! Mutexes: Go's sync/mutex_test.go by name, and what gort promises beyond it (M1, MX1 to MX5).
//!
//! Differences from Go: misuse is a status and changes nothing; a plain lock ignores cancellation, the forms within limits do not.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::mutex::RawMutex;
use gort::sync::{Mutex, Semaphore};
use gort::{Status, Time, Wait, WaitGroup, channel, sleep, spawn, yield_now};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::{Arc, pipe};
use support::{check, check_on, ms, plain, repeat, scale, until_parked, us};

fn hammer(n: usize, loops: usize) {
    let m = Arc::new(Mutex::new((0usize, 0usize)));
    let wg = WaitGroup::new();
    for _ in 0..n {
        let m = m.clone();
        wg.go(move || {
            for i in 0..loops {
                if i % 3 == 0 {
                    if let Some(mut g) = m.try_lock() {
                        *g = (g.0 + 1, g.1 + 1);
                    }
                    continue;
                }
                let mut g = m.lock();
                g.0 += 1;
                if i % 7 == 0 {
                    yield_now() // somebody else runs into it
                }
                g.1 += 1;
                assert_eq!(g.0, g.1, "two at once");
            }
        });
    }
    wg.wait().unwrap();
    let (a, b) = *m.lock();
    assert!(a == b && a >= n * (loops - loops.div_ceil(3)), "{a} {b}");
}

#[test]
fn TestMutex() {
    check(|| {
        let m = Mutex::new(());
        let g = m.lock();
        assert!(m.try_lock().is_none() && m.is_locked());
        drop(g);
        assert!(!m.is_locked());
        drop(m.try_lock().expect("it is free"));
        repeat(3, 2000, |_| hammer(10, scale(200, 2000)));
    })
}

/// Go's semaphore of the runtime, which its mutex stands on; here a semaphore of one is a lock.
#[test]
fn TestSemaphore() {
    check(|| {
        let s = Arc::new(Semaphore::new(1));
        let inside = Arc::new(AtomicUsize::new(0));
        let wg = WaitGroup::new();
        for _ in 0..10 {
            let (s, inside) = (s.clone(), inside.clone());
            wg.go(move || {
                for i in 0..scale(100, 1000) {
                    let _permit = s.acquire(1).unwrap();
                    assert_eq!(inside.fetch_add(1, SeqCst), 0, "two at once");
                    if i % 7 == 0 {
                        yield_now()
                    }
                    inside.fetch_sub(1, SeqCst);
                }
            });
        }
        wg.wait().unwrap();
    })
}

#[test]
fn threads_and_tasks_share_a_mutex() {
    plain(|| {
        let m = Arc::new(Mutex::new(0usize));
        let n = scale(500, 20_000);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let m = m.clone();
                std::thread::spawn(move || (0..n).for_each(|_| *m.lock() += 1))
            })
            .collect();
        let theirs = m.clone();
        gort::run(move || {
            let wg = WaitGroup::new();
            for _ in 0..5 {
                let m = theirs.clone();
                wg.go(move || (0..n).for_each(|_| *m.lock() += 1));
            }
            wg.wait().unwrap();
        })
        .unwrap();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(*m.lock(), 8 * n);
    })
}

#[test]
fn TestMutexMisuse() {
    check(|| {
        let m = RawMutex::new();
        assert_eq!(m.unlock(), Status::Misuse);
        assert_eq!((m.lock(), m.try_lock()), (Status::Ok, Status::WouldBlock));
        assert_eq!((m.unlock(), m.unlock()), (Status::Ok, Status::Misuse));
        assert_eq!((m.try_lock(), m.unlock()), (Status::Ok, Status::Ok));
    })
}

/// One that takes the lock again at once, and holds it while it works, does not keep the other out for ever (MX3).
#[test]
fn TestMutexFairness() {
    check(|| {
        let m = Arc::new(Mutex::new(()));
        let stop = Arc::new(AtomicBool::new(false));
        let (theirs, over) = (m.clone(), stop.clone());
        let hog = spawn(move || {
            while !over.load(SeqCst) {
                let _g = theirs.lock();
                sleep(us(100)).unwrap();
            }
        });
        for _ in 0..10 {
            sleep(us(100)).unwrap();
            drop(m.lock());
        }
        stop.store(true, SeqCst);
        hog.join().unwrap();
    })
}

#[test]
fn waiters_are_served_in_the_order_of_their_coming() {
    check_on(&[1], || {
        let m = Arc::new(Mutex::new(()));
        let (tx, rx) = channel(10);
        let g = m.lock();
        for n in 0..10 {
            let (m, tx) = (m.clone(), tx.clone());
            gort::go(move || {
                let _g = m.lock();
                tx.send(n).unwrap();
            });
            until_parked(n + 1);
        }
        drop((g, tx));
        assert_eq!(rx.iter().collect::<Vec<_>>(), (0..10).collect::<Vec<_>>());
    })
}

#[test]
fn limits_end_a_wait_and_leave_the_lock_as_it_was() {
    check(|| {
        let m = Arc::new(Mutex::new(0));
        let g = m.lock();
        assert_eq!(m.lock_with(Wait::timeout(ms(1))).err(), Some(Status::TimedOut));
        assert_eq!(m.lock_with(Wait::until(Time(0))).err(), Some(Status::TimedOut));
        let theirs = m.clone();
        let task = spawn(move || theirs.lock_with(Wait::forever()).map(|_| ()));
        until_parked(1);
        task.cancel();
        assert_eq!(task.join().unwrap(), Err(Status::Canceled));
        drop(g);
        *m.lock_with(Wait::timeout(ms(1))).unwrap() += 1;
        assert_eq!(*m.try_lock().unwrap(), 1);
    })
}

/// K3: every programmer ignores the result of a lock.
#[test]
fn plain_lock_ignores_cancellation() {
    check(|| {
        let m = Arc::new(Mutex::new(0));
        let g = m.lock();
        let theirs = m.clone();
        let task = spawn(move || *theirs.lock() += 1);
        until_parked(1);
        task.cancel();
        sleep(ms(2)).unwrap();
        assert!(!task.is_finished());
        drop(g);
        task.join().unwrap();
        assert_eq!(*m.lock(), 1);
    })
}

#[test]
fn locked_twice_is_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let m = Mutex::new(());
            let _g = m.lock();
            let e = m.lock_with(Wait::forever()).err();
            assert_eq!(e, Some(Status::Deadlock));
        })
        .unwrap_err();
        assert!(e.report.contains("mutex"), "{}", e.report);
    })
}

#[test]
fn panic_unlocks_and_poisons_nothing() {
    check(|| {
        support::allow_panics();
        let m = Arc::new(Mutex::new(1));
        let theirs = m.clone();
        let task = spawn(move || {
            let mut g = theirs.lock();
            *g = 2;
            panic!("with the lock held");
        });
        assert!(task.join().is_err());
        assert_eq!(*m.lock(), 2);
    })
}

/// D8: the memory of a mutex may go as soon as its last user has unlocked it.
#[test]
fn mutex_may_be_freed_right_after_the_unlock() {
    check(|| {
        repeat(100, 4, |_| {
            let m = Arc::new(Mutex::new(0));
            let n = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let (m, n) = (m.clone(), n.clone());
                    spawn(move || {
                        *m.lock() += 1;
                        drop(m);
                        n.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            drop(m);
            tasks.into_iter().for_each(|t| t.join().unwrap());
            assert_eq!(n.load(SeqCst), 4);
        })
    })
}

/// H2: a fork's child finds a mutex free that another thread held.
#[test]
fn mutex_that_was_held_at_a_fork_is_free_in_the_child() {
    plain(|| {
        static M: Mutex<u32> = Mutex::new(0);
        let (mut held, mut holds) = pipe();
        let (mut go_on, mut gate) = pipe();
        let t = std::thread::spawn(move || {
            let _g = M.lock();
            held.tell(1);
            assert_eq!(gate.wait(), Some(1));
        });
        assert_eq!(holds.wait(), Some(1));
        // SAFETY: the child uses gort and ends at once.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let free = M.try_lock().is_some() && !M.is_locked();
            *M.lock() += 1;
            // SAFETY: ends the child without its parent's handlers.
            unsafe { libc::_exit(if free { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child; `status` is writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0);
        assert!(M.is_locked());
        go_on.tell(1);
        t.join().unwrap();
        assert_eq!(*M.lock(), 0);
    })
}

/// Tasks that wait in a plain lock ignore a shutdown and are given up; nothing of them is left in the queue that others use afterwards.
#[test]
fn waiters_that_a_shutdown_gave_up_are_in_nobodys_way() {
    plain(|| {
        static M: Mutex<u32> = Mutex::new(0);
        let g = M.lock();
        for _ in 0..3 {
            gort::go(|| *M.lock() += 1);
        }
        until_parked(3);
        assert!(gort::shutdown().is_ok());
        drop(g);
        let g = M.lock();
        let (mut begun, mut begins) = pipe();
        let t = std::thread::spawn(move || {
            begun.tell(1);
            *M.lock() += 1;
        });
        assert_eq!(begins.wait(), Some(1));
        std::thread::sleep(ms(5)); // it waits, most likely
        drop(g);
        t.join().unwrap();
        assert_eq!(*M.lock(), 1);
        support::passed_as_it_is() // the stacks of those that were given up stay
    })
}

/// A destructor that locks while its task panics: the task waits, and those that run on its thread meanwhile do not seem to panic to gort (block.rs K4).
#[test]
fn task_that_panics_waits_for_a_lock_and_nobody_else_is_taken_for_it() {
    check(|| {
        support::allow_panics();
        struct Counts(Arc<Mutex<u32>>);
        impl Drop for Counts {
            fn drop(&mut self) {
                *self.0.lock() += 1
            }
        }
        let m = Arc::new(Mutex::new(0));
        let g = m.lock();
        for movable in [false, true] {
            let counts = Counts(m.clone());
            let body = move || {
                let _counts = counts;
                panic!("with something to count");
            };
            // SAFETY: the closure may move between threads.
            let task = if movable { unsafe { gort::spawn_migratable(body) } } else { spawn(body) };
            if movable {
                sleep(ms(2)).unwrap(); // it blocks its thread
                drop(task);
            } else {
                until_parked(1);
                sleep(us(10)).unwrap();
                let s = gort::sync::Semaphore::new(1);
                let p = s.acquire(1).unwrap();
                assert_eq!(s.acquire_with(1, Wait::timeout(us(10))).map(drop), Err(Status::TimedOut));
                drop((p, task));
            }
        }
        drop(g);
        support::until(|| *m.lock() == 2);
    })
}

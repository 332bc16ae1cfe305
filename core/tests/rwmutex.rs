//! Reader/writer locks: Go's sync/rwmutex_test.go by name, and what gort promises beyond it (M2, RW1 to RW6).
//!
//! Differences from Go: misuse is a status and changes nothing; a plain lock ignores cancellation, the forms within limits do not.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::RwMutex;
use gort::sync::rwmutex::RawRwMutex;
use gort::{Status, Time, Wait, WaitGroup, channel, sleep, spawn, yield_now};
use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering::*};
use support::sync::{Arc, pipe};
use support::{check, check_on, ms, plain, repeat, scale, until_parked};

/// All of `n` readers are in at once, or this does not end.
#[test]
fn TestParallelReaders() {
    check(|| {
        for n in [1, 3, 4, 10] {
            let m = Arc::new(RwMutex::new(()));
            let (inside, here) = channel(0);
            let (leave, gate) = channel(0);
            for _ in 0..n {
                let (m, inside, gate) = (m.clone(), inside.clone(), gate.clone());
                gort::go(move || {
                    let _g = m.read();
                    inside.send(()).unwrap();
                    gate.recv().unwrap();
                });
            }
            (0..n).for_each(|_| here.recv().unwrap());
            (0..n).for_each(|_| leave.send(()).unwrap());
            drop(m.write()); // all are gone, or go
        }
    })
}

/// Readers that come for ever and writers that come for ever, with everybody counted.
fn hammer(readers: usize, writers: usize, loops: usize) {
    let m = Arc::new(RwMutex::new(0usize));
    let inside = Arc::new(AtomicI32::new(0));
    let wg = WaitGroup::new();
    for _ in 0..writers {
        let (m, inside) = (m.clone(), inside.clone());
        wg.go(move || {
            for i in 0..loops {
                let mut g = m.write();
                assert_eq!(inside.fetch_add(10_000, SeqCst), 0, "a writer is not alone");
                if i % 5 == 0 {
                    yield_now()
                }
                *g += 1;
                inside.fetch_sub(10_000, SeqCst);
            }
        });
    }
    for _ in 0..readers {
        let (m, inside) = (m.clone(), inside.clone());
        wg.go(move || {
            for i in 0..loops {
                let g = if i % 3 == 0 { m.try_read() } else { Some(m.read()) };
                let Some(g) = g else { continue };
                let n = inside.fetch_add(1, SeqCst);
                assert!((0..10_000).contains(&n), "a reader beside a writer");
                let seen = *g;
                if i % 7 == 0 {
                    yield_now()
                }
                assert_eq!(*g, seen, "it changed while it was read");
                inside.fetch_sub(1, SeqCst);
            }
        });
    }
    wg.wait().unwrap();
    assert_eq!(*m.read(), writers * loops);
}

#[test]
fn TestRWMutex() {
    check(|| {
        let m = RwMutex::new(());
        let w = m.write();
        assert!(m.try_write().is_none() && m.try_read().is_none());
        drop(w);
        let r = m.try_read().expect("it is free");
        let r2 = m.try_read().expect("beside another reader");
        assert!(m.try_write().is_none());
        drop((r, r2));
        drop(m.try_write().expect("nobody has it"));
        let n = scale(100, 1000);
        for (readers, writers) in [(1, 1), (3, 1), (10, 1), (3, 2), (10, 2), (10, 10), (5, 3)] {
            hammer(readers, writers, n);
        }
    })
}

/// A writer that waits keeps new readers out; the readers that wait when it leaves come before the next writer.
#[test]
fn writer_waits_for_the_readers_before_it_and_readers_wait_for_the_writer_before_them() {
    check_on(&[1], || {
        let m = Arc::new(RwMutex::new(()));
        let (tx, rx) = channel(10);
        let first = m.read();
        let enter = |name: &'static str, writes: bool| {
            let (m, tx) = (m.clone(), tx.clone());
            gort::go(move || {
                if writes {
                    let _g = m.write();
                    tx.send(name).unwrap();
                } else {
                    let _g = m.read();
                    tx.send(name).unwrap();
                }
            });
        };
        for (i, (name, writes)) in [("w1", true), ("r1", false), ("w2", true), ("r2", false)].into_iter().enumerate() {
            enter(name, writes);
            until_parked(i + 1);
        }
        assert!(m.try_read().is_none(), "a writer waits");
        drop(first);
        drop(tx.clone());
        let mut order: Vec<_> = (0..4).map(|_| rx.recv().unwrap()).collect();
        order[1..3].sort_unstable(); // the readers are in together
        assert_eq!(order, ["w1", "r1", "r2", "w2"]);
    })
}

#[test]
fn writer_that_gives_up_lets_the_readers_in_that_stood_behind_it() {
    check(|| {
        let m = Arc::new(RwMutex::new(()));
        let first = m.read();
        let writer = spawn({
            let m = m.clone();
            move || m.write_with(Wait::forever()).map(drop)
        });
        until_parked(1);
        let reader = spawn({
            let m = m.clone();
            move || drop(m.read())
        });
        until_parked(2);
        writer.cancel();
        assert_eq!(writer.join().unwrap(), Err(Status::Canceled));
        reader.join().unwrap(); // though the first reader is still there
        drop(first);
        assert!(m.try_write().is_some());
    })
}

#[test]
fn limits_end_a_wait_and_leave_the_lock_as_it_was() {
    check(|| {
        let m = RwMutex::new(0);
        let r = m.read();
        assert_eq!(m.write_with(Wait::timeout(ms(1))).err(), Some(Status::TimedOut));
        assert_eq!(m.write_with(Wait::until(Time(0))).err(), Some(Status::TimedOut));
        drop(m.read_with(Wait::timeout(ms(1))).expect("readers are not kept out by a writer that gave up"));
        drop(r);
        let w = m.write_with(Wait::timeout(ms(1))).unwrap();
        assert_eq!(m.read_with(Wait::timeout(ms(1))).err(), Some(Status::TimedOut));
        drop(w);
        assert!(m.try_read().is_some());
    })
}

#[test]
fn misuse_is_refused_and_changes_nothing() {
    check(|| {
        let m = RawRwMutex::new();
        assert_eq!((m.unlock(), m.runlock()), (Status::Misuse, Status::Misuse));
        assert_eq!((m.lock(), m.runlock(), m.holders()), (Status::Ok, Status::Misuse, (0, true)));
        assert_eq!((m.unlock(), m.unlock()), (Status::Ok, Status::Misuse));
        assert_eq!(
            (m.rlock(), m.rlock(), m.unlock(), m.holders()),
            (Status::Ok, Status::Ok, Status::Misuse, (2, false))
        );
        assert_eq!((m.runlock(), m.runlock(), m.runlock()), (Status::Ok, Status::Ok, Status::Misuse));
        assert_eq!((m.try_lock(), m.try_rlock(), m.try_lock(), m.unlock()), {
            (Status::Ok, Status::WouldBlock, Status::WouldBlock, Status::Ok)
        });
    })
}

#[test]
fn plain_locks_ignore_cancellation() {
    check(|| {
        let m = Arc::new(RwMutex::new(0));
        let g = m.write();
        let tasks: Vec<_> = (0..4)
            .map(|i| {
                let m = m.clone();
                spawn(move || if i % 2 == 0 { *m.write() += 1 } else { assert!(*m.read() <= 2) })
            })
            .collect();
        until_parked(4);
        tasks.iter().for_each(|t| t.cancel());
        sleep(ms(2)).unwrap();
        assert!(!tasks.iter().any(|t| t.is_finished()));
        drop(g);
        tasks.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(*m.read(), 2);
    })
}

#[test]
fn threads_and_tasks_share_it() {
    plain(|| {
        let m = Arc::new(RwMutex::new(0usize));
        let n = scale(300, 10_000);
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let m = m.clone();
                std::thread::spawn(move || {
                    (0..n).for_each(|i| if i % 4 == 0 { *m.write() += 1 } else { drop(m.read()) })
                })
            })
            .collect();
        let theirs = m.clone();
        gort::run(move || hammer_with(&theirs, n)).unwrap();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(*m.read(), 3 * n.div_ceil(4) + 5 * n);
    })
}

fn hammer_with(m: &Arc<RwMutex<usize>>, n: usize) {
    let wg = WaitGroup::new();
    for _ in 0..5 {
        let m = m.clone();
        wg.go(move || (0..n).for_each(|_| *m.write() += 1));
    }
    wg.wait().unwrap();
}

#[test]
fn read_twice_with_a_writer_between_is_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let m = Arc::new(RwMutex::new(()));
            let _first = m.read();
            let theirs = m.clone();
            gort::go(move || drop(theirs.write()));
            until_parked(1);
            assert_eq!(m.read_with(Wait::forever()).err(), Some(Status::Deadlock));
        })
        .unwrap_err();
        assert!(e.report.contains("read lock") && e.report.contains("write lock"), "{}", e.report);
    })
}

/// D8: the memory of a lock may go as soon as its last user has unlocked it.
#[test]
fn lock_may_be_freed_right_after_the_unlock() {
    check(|| {
        repeat(100, 4, |_| {
            let m = Arc::new(RwMutex::new(0));
            let n = Arc::new(AtomicUsize::new(0));
            let tasks: Vec<_> = (0..4)
                .map(|i| {
                    let (m, n) = (m.clone(), n.clone());
                    spawn(move || {
                        if i % 2 == 0 {
                            *m.write() += 1
                        } else {
                            drop(m.read())
                        }
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

/// H2: a fork's child finds a lock free that another thread held.
#[test]
fn lock_that_was_held_at_a_fork_is_free_in_the_child() {
    plain(|| {
        static M: RwMutex<u32> = RwMutex::new(0);
        let (mut held, mut holds) = pipe();
        let (mut go_on, mut gate) = pipe();
        let t = std::thread::spawn(move || {
            let _g = M.read();
            held.tell(1);
            assert_eq!(gate.wait(), Some(1));
        });
        assert_eq!(holds.wait(), Some(1));
        // SAFETY: the child uses gort and ends at once.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let free = M.try_write().is_some();
            *M.write() += 1;
            // SAFETY: ends the child without its parent's handlers.
            unsafe { libc::_exit(if free { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child; `status` is writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0);
        assert!(M.try_write().is_none());
        go_on.tell(1);
        t.join().unwrap();
        assert_eq!(*M.write(), 0);
    })
}

//! Wait groups: Go's sync/waitgroup_test.go by name, and what gort promises beyond it (M3, WG1 to WG4).
//!
//! What this is: the counter, who is woken when, and that a group may be freed right after the wait. What it is NOT: the
//! deadlock of a forgotten done (deadlock.rs).
//!
//! Differences from Go: below zero is a status and changes nothing; a panicking task is counted out.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sched::task::{Entry, SpawnOptions};
use gort::sync::waitgroup as raw;
use gort::{Status, Wait, WaitGroup, channel, go, now, spawn, yield_now};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{check, ms, plain, repeat, scale, until, until_parked, us};

fn two_barriers(a: &WaitGroup, b: &WaitGroup) {
    const N: usize = 16;
    a.add(N as i64).unwrap();
    b.add(N as i64).unwrap();
    let (out_tx, out) = channel::<()>(N);
    for _ in 0..N {
        let (a, b, out) = (a.clone(), b.clone(), out_tx.clone());
        go(move || {
            a.done().unwrap();
            b.wait().unwrap();
            out.send(()).unwrap();
        });
    }
    a.wait().unwrap();
    for _ in 0..N {
        assert_eq!(out.try_recv(), Err(Status::WouldBlock), "the second barrier let somebody through too early");
        b.done().unwrap();
    }
    (0..N).for_each(|_| out.recv().unwrap());
}

#[test]
fn TestWaitGroup() {
    check(|| {
        let (a, b) = (WaitGroup::new(), WaitGroup::new());
        repeat(8, 32, |_| two_barriers(&a, &b)); // used again each time
    })
}

#[test]
fn TestWaitGroupMisuse() {
    plain(|| {
        let wg = WaitGroup::new();
        wg.add(1).unwrap();
        wg.done().unwrap();
        assert_eq!(wg.done(), Err(Status::Misuse));
        wg.add(2).unwrap();
        assert_eq!(wg.add(-3), Err(Status::Misuse));
        assert_eq!(wg.try_wait(), Err(Status::WouldBlock), "a refused add changes nothing");
        wg.add(-2).unwrap();
        wg.wait().unwrap();
        wg.add(i64::MAX).unwrap();
        assert_eq!(wg.add(1), Err(Status::Limit));
        wg.add(-i64::MAX).unwrap();
        assert_eq!(wg.try_wait(), Ok(()));
    })
}

#[test]
fn TestWaitGroupRace() {
    check(|| {
        repeat(1000, 4, |_| {
            let wg = WaitGroup::new();
            let n = Arc::new(AtomicUsize::new(0));
            for _ in 0..2 {
                wg.add(1).unwrap();
                let (wg, n) = (wg.clone(), n.clone());
                go(move || {
                    n.fetch_add(1, SeqCst);
                    wg.done().unwrap();
                });
            }
            wg.wait().unwrap();
            assert_eq!(n.load(SeqCst), 2, "woken before zero");
        })
    })
}

#[test]
fn TestWaitGroupGo() {
    check(|| {
        let wg = WaitGroup::new();
        let n = Arc::new(AtomicUsize::new(0));
        for i in 1..=10 {
            let n = n.clone();
            wg.go(move || {
                n.fetch_add(i, SeqCst);
            });
        }
        wg.wait().unwrap();
        assert_eq!(n.load(SeqCst), 55);
    })
}

/// In Go the process dies; gort catches the panic at the task's root and counts the task out.
#[test]
fn panicking_task_is_counted_out() {
    check(|| {
        support::allow_panics();
        let wg = WaitGroup::new();
        for i in 0..10 {
            wg.go(move || assert!(i % 2 == 0, "planned"));
        }
        wg.wait().unwrap();
        assert_eq!(support::count_tasks(|_| true), 1, "counted out before its slot is free");
    })
}

#[test]
fn all_waiters_go_on_at_zero_and_none_before() {
    check(|| {
        repeat(20, 40, |_| {
            let wg = WaitGroup::new();
            wg.add(2).unwrap();
            let woken = Arc::new(AtomicUsize::new(0));
            let hs: Vec<_> = (0..20)
                .map(|_| (wg.clone(), woken.clone()))
                .map(|(wg, woken)| {
                    spawn(move || {
                        wg.wait().unwrap();
                        woken.fetch_add(1, SeqCst);
                    })
                })
                .collect();
            until_parked(20);
            wg.done().unwrap();
            (0..10).for_each(|_| yield_now());
            assert_eq!(woken.load(SeqCst), 0);
            wg.done().unwrap();
            hs.into_iter().for_each(|h| h.join().unwrap());
        })
    })
}

#[test]
fn add_before_the_woken_have_run_does_not_hold_them_back() {
    check(|| {
        let wg = WaitGroup::new();
        wg.add(1).unwrap();
        let theirs = wg.clone();
        let h = spawn(move || theirs.wait());
        until_parked(1);
        wg.done().unwrap();
        wg.add(1).unwrap(); // the next round; the waiter belongs to the last one
        assert_eq!(h.join().unwrap(), Ok(()));
        assert_eq!(wg.try_wait(), Err(Status::WouldBlock));
        wg.done().unwrap();
    })
}

struct At(*const raw::RawWg);
// SAFETY: a handle may be used from any thread.
unsafe impl Send for At {}

/// WG1: the last access of `done` precedes the wake-up it causes.
#[test]
fn group_freed_right_after_the_wait_is_not_touched_again() {
    check(|| {
        repeat(5000, 3, |_| {
            let g = raw::create().unwrap().as_ptr();
            let at = At(g);
            // SAFETY: `g` lives until the wait has returned, which is what the task's `done` causes.
            unsafe {
                assert_eq!(raw::add(g, 1), Status::Ok);
                go(move || {
                    let at = at;
                    assert_eq!(raw::done(at.0), Status::Ok);
                });
                assert_eq!(raw::wait(g), Status::Ok);
                assert_eq!(raw::free(g), Status::Ok);
            }
        })
    })
}

#[test]
fn dropped_group_lives_until_its_tasks_are_out() {
    check(|| {
        repeat(300, 10, |_| {
            let wg = WaitGroup::new();
            let n = Arc::new(AtomicUsize::new(0));
            for _ in 0..10 {
                let n = n.clone();
                wg.go(move || {
                    yield_now();
                    n.fetch_add(1, SeqCst);
                });
            }
            drop(wg);
            until(|| n.load(SeqCst) == 10);
        });
        until(|| gort::metrics().wait_groups == 0);
    })
}

#[test]
fn free_is_refused_while_it_counts_or_somebody_waits() {
    check(|| {
        let g = raw::create().unwrap().as_ptr();
        // SAFETY: ours until it is freed.
        unsafe {
            assert_eq!(raw::add(g, 1), Status::Ok);
            assert_eq!(raw::free(g), Status::Misuse);
            let at = At(g);
            let h = spawn(move || {
                let at = at;
                raw::wait(at.0)
            });
            until_parked(1);
            assert_eq!(raw::free(g), Status::Misuse);
            assert_eq!(raw::done(g), Status::Ok);
            assert_eq!(h.join().unwrap(), Status::Ok);
            assert_eq!(raw::free(g), Status::Ok);
            assert_eq!((raw::add(g, 1), raw::wait(g), raw::free(g)), (Status::Misuse, Status::Misuse, Status::Misuse));
            let null = std::ptr::null();
            assert_eq!(
                (raw::add(null, 1), raw::wait(null), raw::free(null)),
                (Status::Invalid, Status::Invalid, Status::Invalid)
            );
        }
    })
}

#[test]
fn wait_ends_by_deadline_and_by_cancellation_of_the_task() {
    check(|| {
        let wg = WaitGroup::new();
        wg.add(1).unwrap();
        let start = now();
        assert_eq!(wg.wait_with(Wait::timeout(ms(2))), Err(Status::TimedOut));
        assert!(now().0 - start.0 >= 2_000_000);
        let theirs = wg.clone();
        let h = spawn(move || (theirs.wait(), theirs.wait()));
        until_parked(1);
        h.cancel();
        assert_eq!(h.join().unwrap(), (Err(Status::Canceled), Err(Status::Canceled)));
        wg.done().unwrap(); // nobody is left in the queue
        assert_eq!(wg.wait_with(Wait::timeout(us(1))), Ok(()));
    })
}

fn groups() -> u64 {
    gort::metrics().wait_groups
}

#[test]
fn group_dropped_with_a_count_left_is_freed() {
    check(|| {
        repeat(100, 2, |_| {
            let wg = WaitGroup::new();
            wg.add(3).unwrap();
            wg.done().unwrap();
            let theirs = wg.clone();
            drop(wg);
            assert_eq!(groups(), 1);
            drop(theirs);
            assert_eq!(groups(), 0);
        })
    })
}

#[test]
fn group_dropped_before_its_tasks_goes_with_the_last_of_them() {
    check(|| {
        let before = groups();
        repeat(50, 4, |i| {
            let wg = WaitGroup::new();
            wg.add(i as i64 % 3).unwrap(); // with a count left, and without
            let (gate, wait) = channel::<()>(0);
            for _ in 0..3 {
                let wait = wait.clone();
                wg.go(move || assert_eq!(wait.recv(), Err(Status::Closed)));
            }
            drop(wg);
            assert_eq!(groups(), before + 1);
            drop(gate);
            support::until(|| groups() == before);
        });
        let wg = WaitGroup::new();
        let inside = wg.clone();
        wg.go(move || drop(inside)); // the last handle goes in the last task
        drop(wg);
        support::until(|| groups() == before);
    })
}

#[test]
fn raw_group_is_not_freed_while_a_task_is_to_count_itself_out() {
    static GATE: AtomicBool = AtomicBool::new(false);
    unsafe fn body(_: *mut Entry) {
        support::until(|| GATE.load(SeqCst))
    }
    check(|| {
        let g = raw::create().unwrap().as_ptr();
        // SAFETY: our handle until `free` says OK; the entry may be called anywhere.
        unsafe {
            assert_eq!(raw::go(g, Entry::new(body, None, [0; 3]), SpawnOptions::default()), Status::Ok);
            assert_eq!(raw::done(g), Status::Ok); // not its own count: the group is at zero too early
            assert_eq!((raw::wait(g), raw::free(g)), (Status::Ok, Status::Misuse));
            GATE.store(true, SeqCst);
            support::until(|| raw::free(g) == Status::Ok);
        }
    })
}

#[test]
fn wait_at_zero_returns_at_once() {
    plain(|| {
        let wg = WaitGroup::new();
        (0..3).for_each(|_| assert_eq!((wg.wait(), wg.try_wait()), (Ok(()), Ok(()))));
    })
}

#[test]
fn plain_threads_count_and_wait() {
    plain(|| {
        repeat(100, 8, |_| {
            let wg = WaitGroup::new();
            wg.add(4).unwrap();
            let ts: Vec<_> =
                (0..4).map(|_| wg.clone()).map(|wg| std::thread::spawn(move || wg.done().unwrap())).collect();
            wg.go(|| ());
            wg.wait().unwrap();
            ts.into_iter().for_each(|t| t.join().unwrap());
        })
    })
}

#[test]
fn go_beyond_the_task_limit_reports_and_counts_nothing() {
    support::alone(&[1, 2], &[("GORT_MAX_TASKS", "5")], || {
        gort::run(|| {
            let wg = WaitGroup::new();
            let (gate, wait) = channel::<()>(0);
            for _ in 0..4 {
                let wait = wait.clone();
                wg.go(move || assert_eq!(wait.recv(), Err(Status::Closed)));
            }
            let held = Arc::new(());
            let theirs = held.clone();
            assert_eq!(wg.try_go(move || drop(theirs)), Err(Status::Limit));
            assert_eq!(Arc::strong_count(&held), 1, "the refused closure was dropped");
            drop(gate);
            wg.wait().unwrap();
            wg.go(|| ());
            wg.wait().unwrap();
        })
        .unwrap();
    })
}

#[test]
fn many_tasks_are_counted_by_one_group() {
    check(|| {
        let wg = WaitGroup::new();
        let n = Arc::new(AtomicUsize::new(0));
        let tasks = scale(20_000, 200_000);
        for _ in 0..tasks {
            let n = n.clone();
            wg.go(move || {
                n.fetch_add(1, Relaxed);
            });
        }
        wg.wait().unwrap();
        assert_eq!(n.load(SeqCst), tasks);
    })
}

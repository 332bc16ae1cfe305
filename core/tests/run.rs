//! Runs: how they begin and end, shutdown, several at once, fork (K1, K5, H2, H3).
//!
//! What this is: the contract of `run` and of the runtime's life. What it is NOT: deadlocks (deadlock.rs).
//! Bodies here are plain threads, for a task may not call `run`.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw;
use gort::{Builder, Config, Status, WaitGroup, channel, go, now, run, run_with, sleep, spawn, yield_now};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::{Arc, Mutex};
use support::{child_workers, ms, plain, repeat, until, us};

fn config() -> Config {
    Config { workers: child_workers(), ..Config::default() }
}

#[test]
fn run_returns_what_main_returns() {
    plain(|| {
        assert_eq!(run_with(&config(), || String::from("x") + "y").unwrap(), "xy");
        assert_eq!(run(|| [7u64; 100]).unwrap(), [7; 100]);
        let held = Arc::new(());
        let theirs = held.clone();
        run(move || drop(theirs)).unwrap();
        assert_eq!(Arc::strong_count(&held), 1);
    })
}

#[test]
fn panic_of_main_is_the_error_of_the_run() {
    plain(|| {
        support::allow_panics();
        let e = run::<(), _>(|| panic!("planned")).unwrap_err();
        assert_eq!((e.status, e.detached), (Status::Panic, 0));
        assert_eq!(*e.panic.unwrap().downcast::<&str>().unwrap(), "planned");
        run(|| go(|| panic!("of a task"))).unwrap(); // it ends nobody but itself
        run(|| ()).unwrap();
    })
}

#[test]
fn tasks_that_are_left_are_cancelled_and_may_clean_up_within_the_grace() {
    plain(|| {
        let cleaned = Arc::new(AtomicUsize::new(0));
        let theirs = cleaned.clone();
        run_with(&config(), move || {
            let (tx, rx) = channel::<u32>(0);
            let wg = WaitGroup::new();
            wg.add(1).unwrap();
            for i in 0..12 {
                let (tx, rx, wg, cleaned) = (tx.clone(), rx.clone(), wg.clone(), theirs.clone());
                go(move || {
                    let s = match i % 3 {
                        0 => rx.recv().map(|_| ()),
                        1 => wg.wait(),
                        _ => sleep(ms(60_000)),
                    };
                    assert_eq!(s, Err(Status::Canceled));
                    let _shield = gort::shield();
                    sleep(ms(2)).unwrap();
                    if cleaned.fetch_add(1, SeqCst) == 11 {
                        wg.done().unwrap();
                    }
                    drop(tx); // nobody's receive ended because the channel closed
                });
            }
            support::until_parked(12);
        })
        .unwrap();
        assert_eq!(cleaned.load(SeqCst), 12);
    })
}

static STOP: AtomicBool = AtomicBool::new(false);

#[test]
fn stubborn_tasks_are_detached_counted_and_named_after_the_grace() {
    plain(|| {
        let c = Config { grace: 20_000_000, ..config() };
        let start = now();
        let out = gort::run_report(&c, || {
            for _ in 0..3 {
                let stubborn = || {
                    while !STOP.load(SeqCst) {
                        let _ = sleep(us(100));
                    }
                };
                Builder::new().name("stubborn").spawn(stubborn).unwrap();
            }
            go(|| assert_eq!(sleep(ms(60_000)), Err(Status::Canceled))); // a well-behaved one
            support::until(|| support::count_tasks(|t| t.state.load(SeqCst) == gort::sched::task::READY) == 0);
            "main's"
        })
        .unwrap();
        assert!(now().0 - start.0 >= 20_000_000, "it did not wait for the grace");
        assert_eq!((out.value, out.detached), ("main's", 3), "{}", out.report);
        assert_eq!(out.report.matches("\"stubborn\"").count(), 3, "{}", out.report);
        assert_eq!(gort::metrics().tasks, 3, "they live on");
        STOP.store(true, SeqCst);
    })
}

#[test]
fn report_of_a_run_that_left_nothing_is_empty() {
    plain(|| {
        let out = gort::run_report(&config(), || {
            go(|| assert_eq!(sleep(ms(60_000)), Err(Status::Canceled)));
            support::until_parked(1);
            7
        });
        let out = out.unwrap();
        assert_eq!((out.value, out.detached, out.report.as_str()), (7, 0, ""));
        let inside = run(|| gort::run_report(&config(), || ()).map_err(|e| (e.status, e.detached))).unwrap();
        assert_eq!(inside.unwrap_err(), (Status::Misuse, 0));
    })
}

#[test]
fn wait_all_waits_for_every_task_and_cancels_none() {
    plain(|| {
        let n = Arc::new(AtomicUsize::new(0));
        let theirs = n.clone();
        let c = Config { wait_all: true, grace: 1, ..config() };
        run_with(&c, move || {
            for _ in 0..20 {
                let n = theirs.clone();
                go(move || {
                    sleep(ms(20)).unwrap();
                    n.fetch_add(1, SeqCst);
                });
            }
        })
        .unwrap();
        assert_eq!(n.load(SeqCst), 20);
    })
}

#[test]
fn nothing_can_be_spawned_in_a_run_that_is_over() {
    plain(|| {
        let refused = Arc::new(Mutex::new(None));
        let theirs = refused.clone();
        run_with(&config(), move || {
            go(move || {
                assert_eq!(sleep(ms(60_000)), Err(Status::Canceled));
                let held = Arc::new(());
                let inner = held.clone();
                let r = gort::try_go(move || drop(inner));
                *theirs.lock() = Some((r, Arc::strong_count(&held)));
            });
            support::until_parked(1);
        })
        .unwrap();
        assert_eq!(*refused.lock(), Some((Err(Status::Canceled), 1)));
    })
}

#[test]
fn run_inside_a_run_is_misuse() {
    plain(|| {
        run_with(&config(), || {
            let held = Arc::new(());
            let theirs = held.clone();
            assert_eq!(run(move || drop(theirs)).unwrap_err().status, Status::Misuse);
            assert_eq!(Arc::strong_count(&held), 1, "the refused main was dropped");
            let e = spawn(|| run(|| ()).unwrap_err().status).join().unwrap();
            assert_eq!(e, Status::Misuse);
            assert_eq!(gort::shutdown(), Status::Misuse, "shutdown inside a task");
        })
        .unwrap()
    })
}

#[test]
fn runs_on_several_threads_share_channels_and_end_each_by_itself() {
    plain(|| {
        let (tx, rx) = channel::<usize>(4);
        let ts: Vec<_> = (0..4)
            .map(|_| (tx.clone(), rx.clone()))
            .map(|(tx, rx)| {
                std::thread::spawn(move || {
                    run(move || {
                        let h = spawn(move || (0..500).map(|_| rx.recv().unwrap()).sum::<usize>());
                        (0..500).for_each(|i| tx.send(i).unwrap());
                        go(|| assert_eq!(sleep(ms(60_000)), Err(Status::Canceled)));
                        h.join().unwrap()
                    })
                    .unwrap()
                })
            })
            .collect();
        assert_eq!(ts.into_iter().map(|t| t.join().unwrap()).sum::<usize>(), 4 * 500 * 499 / 2);
    })
}

/// The tasks of one run are not cancelled by the end of another, and no task belongs to a run it was not spawned in.
#[test]
fn end_of_one_run_leaves_the_tasks_of_another_alone() {
    plain(|| {
        let (tx, rx) = channel::<u32>(0);
        let t = std::thread::spawn(move || run(move || spawn(move || rx.recv()).join().unwrap()).unwrap());
        until(|| support::parked() >= 2);
        (0..5).for_each(|_| run(|| (0..5).for_each(|_| go(yield_now))).unwrap());
        tx.send(8).unwrap();
        assert_eq!(t.join().unwrap(), Ok(8));
    })
}

#[test]
fn tasks_spawned_by_plain_threads_belong_to_no_run() {
    plain(|| {
        let (tx, rx) = channel::<u32>(0);
        let h = spawn(move || rx.recv());
        run(|| ()).unwrap();
        tx.send(2).unwrap();
        assert_eq!(h.join().unwrap(), Ok(2));
    })
}

/// Threads of this process that bear gort's names.
fn gort_threads() -> usize {
    let names = std::fs::read_dir("/proc/self/task").unwrap().flatten();
    let names = names.flat_map(|t| std::fs::read_to_string(t.path().join("comm")));
    names.filter(|name| name.starts_with("gort-")).count()
}

#[test]
fn shutdown_leaves_no_thread_and_the_runtime_starts_again() {
    plain(|| {
        repeat(5, 1000, |_| {
            let n =
                run_with(&config(), || (0..100u64).map(|i| spawn(move || i)).map(|h| h.join().unwrap()).sum::<u64>());
            assert_eq!(n.unwrap(), 4950);
            assert_eq!(gort::shutdown(), Status::Ok);
            let m = gort::metrics();
            assert_eq!((m.threads, m.tasks, m.channels, m.stacks_in_use, m.stacks_cached), (0, 0, 0, 0, 0));
            assert_eq!(gort_threads(), 0);
        });
        assert_eq!(gort::shutdown(), Status::Ok, "twice");
    })
}

static LINGER: AtomicBool = AtomicBool::new(true);

/// Its destructor runs when gort has counted the thread out already.
struct Lingers;

impl Drop for Lingers {
    fn drop(&mut self) {
        while LINGER.load(SeqCst) {
            support::block_thread(ms(1));
        }
    }
}

#[test]
fn thread_that_a_destructor_of_the_host_holds_is_left_behind() {
    thread_local!(static HELD: Lingers = const { Lingers });
    plain(|| {
        run_with(&config(), || spawn(|| HELD.with(|_| ())).join().unwrap()).unwrap();
        assert_eq!(gort::shutdown(), Status::TimedOut);
        assert_eq!(gort_threads(), 1);
        assert_eq!(run(|| 1).unwrap(), 1, "the runtime starts again");
        LINGER.store(false, SeqCst);
        until(|| gort::shutdown() == Status::Ok && gort_threads() == 0);
    })
}

#[test]
fn shutdown_ends_waits_and_makes_handles_stale() {
    plain(|| {
        let c = raw::create(raw::Layout { size: 4, align: 4, drop: None }, 1).unwrap().as_ptr();
        let at = c.expose_provenance();
        let t = std::thread::spawn(move || {
            let mut v = 0u32;
            // SAFETY: a handle, checked at each use.
            unsafe { raw::recv(std::ptr::with_exposed_provenance(at), (&raw mut v).cast()) }
        });
        let h = spawn(|| sleep(ms(60_000)));
        support::until_parked(1);
        support::block_thread(ms(20)); // the thread waits too
        assert_eq!(gort::shutdown(), Status::Ok);
        assert_eq!(t.join().unwrap(), Status::Shutdown);
        drop(h); // stale: must not crash
        // SAFETY: stale, checked.
        unsafe {
            assert_eq!((raw::try_recv(c, null_mut()), raw::close(c)), (Status::Shutdown, Status::Shutdown));
            assert_eq!(raw::release(c), Status::Shutdown);
        }
        assert_eq!(run(|| spawn(|| 5).join().unwrap()).unwrap(), 5);
    })
}

#[test]
fn shutdown_is_refused_while_a_run_is_active() {
    plain(|| {
        let (tx, rx) = channel::<u32>(0);
        let t = std::thread::spawn(move || run(move || rx.recv()).unwrap());
        until(|| support::parked() == 1);
        assert_eq!(gort::shutdown(), Status::Misuse);
        tx.send(1).unwrap();
        assert_eq!(t.join().unwrap(), Ok(1));
    })
}

// ---- fork

/// What a child does: old handles are refused, gort starts afresh. Its exit code says which step failed.
fn in_child(old: *const raw::RawChan) -> i32 {
    let mut v = 0u32;
    // SAFETY: a handle from before the fork, checked.
    let s = unsafe { raw::try_recv(old, (&raw mut v).cast()) };
    if s != Status::Shutdown {
        return 1;
    }
    // SAFETY: as above.
    if unsafe { raw::close(old) } != Status::Shutdown {
        return 2;
    }
    let (tx, rx) = channel::<u32>(1);
    if tx.send(3).is_err() || rx.recv() != Ok(3) {
        return 3;
    }
    let sum = run(|| {
        let (tx, rx) = channel::<u32>(0);
        (0..10).map(|i| (i, tx.clone())).for_each(|(i, tx)| go(move || tx.send(i).unwrap()));
        drop(tx);
        rx.iter().sum::<u32>()
    });
    if !matches!(sum, Ok(45)) {
        return 4;
    }
    if gort::metrics().tasks != 0 { 5 } else { 0 }
}

/// Forks, runs `f` in the child, and gives the child's exit code.
fn fork(f: impl FnOnce() -> i32) -> i32 {
    // SAFETY: the child calls gort (whose handler has run), the allocator (glibc's is safe after fork) and `_exit`.
    unsafe {
        let pid = libc::fork();
        if pid == 0 {
            libc::alarm(20);
            libc::_exit(f())
        }
        assert!(pid > 0);
        let mut status = 0;
        assert_eq!(libc::waitpid(pid, &mut status, 0), pid);
        assert!(libc::WIFEXITED(status), "the child died of signal {}", libc::WTERMSIG(status));
        libc::WEXITSTATUS(status)
    }
}

#[test]
fn child_forked_by_a_plain_thread_uses_gort_afresh() {
    plain(|| {
        let (tx, rx) = channel::<u32>(1);
        let h = spawn(|| sleep(ms(30)));
        support::until_parked(1);
        repeat(5, 1, |_| assert_eq!(fork(|| in_child(rx.as_raw())), 0));
        h.join().unwrap().unwrap();
        tx.send(1).unwrap(); // the parent is as it was
        assert_eq!(rx.recv(), Ok(1));
    })
}

#[test]
fn child_forked_by_a_task_uses_gort_as_a_plain_thread() {
    plain(|| {
        run_with(&config(), || {
            let (tx, rx) = channel::<u32>(1);
            for _ in 0..3 {
                let rx = rx.clone();
                let h = spawn(move || fork(|| in_child(rx.as_raw())));
                assert_eq!(h.join().unwrap(), 0);
            }
            tx.send(1).unwrap();
            assert_eq!(rx.recv(), Ok(1));
        })
        .unwrap();
    })
}

#[test]
fn child_of_a_child_works_too() {
    plain(|| {
        run(|| ()).unwrap();
        let (_tx, rx) = channel::<u32>(1);
        let code = fork(|| {
            let r = in_child(rx.as_raw());
            if r != 0 {
                return r;
            }
            let (_tx, rx) = channel::<u32>(1);
            match fork(|| in_child(rx.as_raw())) {
                0 => 0,
                n => 10 + n,
            }
        });
        assert_eq!(code, 0);
    })
}

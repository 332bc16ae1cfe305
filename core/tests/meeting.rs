//! Where parties meet: `Barrier`, `Event` and `Once`. Go's sync/once_test.go and oncefunc_test.go by name (M5).

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::once::{RawOnce, Turn};
use gort::sync::{Barrier, Event, Once, OnceValue};
use gort::{Status, Time, Wait, WaitGroup, channel, sleep, spawn, yield_now};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::{Arc, pipe};
use support::{allow_panics, check, ms, plain, repeat, scale, until_parked};

// ---- once

#[test]
fn TestOnce() {
    check(|| {
        repeat(20, 2, |_| {
            let (n, once) = (Arc::new(AtomicUsize::new(0)), Arc::new(Once::new()));
            let wg = WaitGroup::new();
            for _ in 0..10 {
                let (n, once) = (n.clone(), once.clone());
                wg.go(move || {
                    once.call(|| {
                        yield_now();
                        n.fetch_add(1, SeqCst);
                    });
                    assert_eq!(n.load(SeqCst), 1, "not done yet, or twice");
                });
            }
            wg.wait().unwrap();
            assert!(once.is_done());
        })
    })
}

#[test]
fn TestOncePanic() {
    check(|| {
        allow_panics();
        let once = Once::new();
        assert!(catch_unwind(AssertUnwindSafe(|| once.call(|| panic!("failed")))).is_err());
        once.call(|| panic!("called again"));
        assert!(once.is_done());
    })
}

#[test]
fn TestOnceValue() {
    check(|| {
        let (n, value) = (AtomicUsize::new(0), OnceValue::new());
        assert_eq!(value.get(), None);
        let make = || {
            n.fetch_add(1, SeqCst);
            "made".to_string()
        };
        assert_eq!((value.get_or_init(make), value.get_or_init(make)), (&"made".into(), &"made".into()));
        assert_eq!((n.load(SeqCst), value.get().map(String::as_str)), (1, Some("made")));
    })
}

/// The same message at every call, and nobody makes it again.
#[test]
fn TestOnceValuePanic() {
    check(|| {
        allow_panics();
        let (n, value) = (AtomicUsize::new(0), OnceValue::<u32>::new());
        for _ in 0..2 {
            let e = catch_unwind(AssertUnwindSafe(|| {
                value.get_or_init(|| {
                    n.fetch_add(1, SeqCst);
                    panic!("x")
                });
            }))
            .unwrap_err();
            let text = e.downcast_ref::<&str>().map(|s| s.to_string()).or(e.downcast_ref::<String>().cloned());
            assert_eq!(text.as_deref(), Some("x"));
        }
        assert_eq!((n.load(SeqCst), value.get()), (1, None));
    })
}

#[test]
fn once_within_limits_and_without_waiting() {
    check(|| {
        let once = Arc::new(Once::new());
        let (go_on, gate) = channel::<()>(0);
        let theirs = once.clone();
        let first = spawn(move || theirs.call(|| gate.recv().unwrap()));
        until_parked(1);
        assert_eq!(once.try_call(|| unreachable!()), Err(Status::WouldBlock));
        assert_eq!(once.call_with(Wait::timeout(ms(1)), || unreachable!()), Err(Status::TimedOut));
        assert_eq!(once.call_with(Wait::until(Time(0)), || unreachable!()), Err(Status::TimedOut));
        let theirs = once.clone();
        let plain = spawn(move || theirs.call(|| unreachable!()));
        until_parked(2);
        plain.cancel(); // ignored (K3)
        go_on.send(()).unwrap();
        first.join().unwrap();
        plain.join().unwrap();
        assert_eq!((once.try_call(|| unreachable!()), once.is_done()), (Ok(()), true));
        assert_eq!(once.call_with(Wait::until(Time(0)), || unreachable!()), Ok(()));
    })
}

#[test]
fn once_in_itself_is_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let once = Once::new();
            once.call(|| assert_eq!(once.call_with(Wait::forever(), || ()), Err(Status::Deadlock)));
        })
        .unwrap_err();
        assert!(e.report.contains("once"), "{}", e.report);
    })
}

/// H2: what another thread was doing at a fork is not done in the child, and nobody does it there.
#[test]
fn once_that_was_being_done_at_a_fork_is_done_by_the_child() {
    plain(|| {
        static ONCE: Once = Once::new();
        let (mut held, mut holds) = pipe();
        let (mut go_on, mut gate) = pipe();
        let t = std::thread::spawn(move || {
            ONCE.call(|| {
                held.tell(1);
                assert_eq!(gate.wait(), Some(1));
            })
        });
        assert_eq!(holds.wait(), Some(1));
        // SAFETY: the child uses gort and ends at once.
        let pid = unsafe { libc::fork() };
        if pid == 0 {
            let mut did = false;
            ONCE.call(|| did = true);
            // SAFETY: ends the child without its parent's handlers.
            unsafe { libc::_exit(if did && ONCE.is_done() { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child; `status` is writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!((status, ONCE.is_done()), (0, false));
        go_on.tell(1);
        t.join().unwrap();
        assert!(ONCE.is_done());
    })
}

/// One that forks while it makes the value: in both processes it is made, once.
#[test]
fn value_whose_maker_forks_is_made_in_both_processes() {
    plain(|| {
        static VALUE: OnceValue<String> = OnceValue::new();
        let mut pid = -1;
        let made: &'static String = VALUE.get_or_init(|| {
            // SAFETY: the child uses gort and ends at once.
            pid = unsafe { libc::fork() };
            format!("made by {}", if pid == 0 { "the child" } else { "the parent" })
        });
        if pid == 0 {
            let again = VALUE.get_or_init(|| "made again".into());
            let right = made == "made by the child" && std::ptr::eq(made, again);
            // SAFETY: ends the child without its parent's handlers.
            unsafe { libc::_exit(if right { 0 } else { 1 }) };
        }
        let mut status = 0;
        // SAFETY: our child; `status` is writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!((status, made.as_str()), (0, "made by the parent"));
    })
}

#[test]
fn finish_without_a_turn_is_misuse() {
    check(|| {
        let once = RawOnce::new();
        assert_eq!(once.finish(), Status::Misuse);
        assert_eq!((once.begin(), once.finish(), once.finish()), (Ok(Turn::Yours), Status::Ok, Status::Misuse));
        assert_eq!(once.begin(), Ok(Turn::Done));
    })
}

// ---- barrier

/// Round after round nobody is ahead by more than one, and one in each round is the last.
#[test]
fn barrier_keeps_all_in_step() {
    check(|| {
        let (n, rounds) = (4, scale(100, 3000));
        let b = Arc::new(Barrier::new(n as u32));
        let (at, last) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let wg = WaitGroup::new();
        for _ in 0..n {
            let (b, at, last) = (b.clone(), at.clone(), last.clone());
            wg.go(move || {
                for round in 0..rounds {
                    at.fetch_add(1, SeqCst);
                    if b.wait().unwrap() {
                        last.fetch_add(1, SeqCst);
                    }
                    let seen = at.load(SeqCst);
                    assert!(seen >= (round + 1) * n && seen < (round + 2) * n, "out of step: {seen} in round {round}");
                }
            });
        }
        wg.wait().unwrap();
        assert_eq!((last.load(SeqCst), b.arrived(), b.parties()), (rounds, 0, n as u32));
    })
}

#[test]
fn barrier_of_one_and_of_none() {
    check(|| {
        assert_eq!((Barrier::new(1).wait(), Barrier::new(1).try_wait()), (Ok(true), Ok(())));
        assert_eq!(Barrier::new(0).wait(), Err(Status::Invalid));
    })
}

#[test]
fn one_that_gave_up_has_not_come_to_the_barrier() {
    check(|| {
        let b = Arc::new(Barrier::new(2));
        assert_eq!((b.wait_with(Wait::timeout(ms(1))), b.arrived()), (Err(Status::TimedOut), 0));
        assert_eq!((b.try_wait(), b.arrived()), (Err(Status::WouldBlock), 0));
        let theirs = b.clone();
        let task = spawn(move || theirs.wait());
        until_parked(1);
        task.cancel();
        assert_eq!((task.join().unwrap(), b.arrived()), (Err(Status::Canceled), 0));
        let theirs = b.clone();
        let task = spawn(move || theirs.wait());
        until_parked(1);
        assert_eq!((b.try_wait(), task.join().unwrap()), (Ok(()), Ok(false)));
    })
}

/// Deadlines against arrivals: a round has all or does not happen (BA2).
#[test]
fn barrier_and_deadlines_race_and_no_round_has_fewer() {
    check(|| {
        repeat(50, 500, |_| {
            let b = Arc::new(Barrier::new(3));
            let tasks: Vec<_> = (0..3)
                .map(|i| {
                    let b = b.clone();
                    spawn(move || {
                        let mut passed = 0;
                        for k in 0..20 {
                            let wait = if (i + k) % 3 == 0 {
                                Wait::timeout(support::us(10))
                            } else {
                                Wait::timeout(support::us(200))
                            };
                            passed += usize::from(b.wait_with(wait).is_ok());
                        }
                        passed
                    })
                })
                .collect();
            let passed: Vec<usize> = tasks.into_iter().map(|t| t.join().unwrap()).collect();
            assert!(passed.iter().sum::<usize>() % 3 == 0, "{passed:?}");
            assert_eq!(b.arrived(), 0);
        })
    })
}

#[test]
fn barrier_that_is_not_full_is_a_deadlock_that_names_it() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| assert_eq!(Barrier::new(2).wait(), Err(Status::Deadlock))).unwrap_err();
        assert!(e.report.contains("barrier"), "{}", e.report);
    })
}

/// D8: the memory of a barrier may go as soon as a wait has returned and nobody comes again.
#[test]
fn barrier_may_be_freed_right_after_the_wait() {
    check(|| {
        repeat(100, 4, |_| {
            let b = Box::into_raw(Box::new(Barrier::new(2))) as usize;
            // SAFETY: freed by the one that is not the last, when both have returned or will touch it no more.
            let at = move || unsafe { &*(b as *const Barrier) };
            let other = spawn(move || at().wait().unwrap());
            let last = at().wait().unwrap();
            // SAFETY: the other one has come; it touches the barrier no more.
            drop(unsafe { Box::from_raw(b as *mut Barrier) });
            assert_ne!(other.join().unwrap(), last);
        })
    })
}

// ---- event

#[test]
fn event_lets_all_go_on_and_stays_set() {
    check(|| {
        let e = Arc::new(Event::new());
        assert_eq!((e.is_set(), e.clear()), (false, false));
        let tasks: Vec<_> = (0..5)
            .map(|_| {
                let e = e.clone();
                spawn(move || e.wait())
            })
            .collect();
        until_parked(5);
        assert_eq!((e.set(), e.set()), (true, false));
        tasks.into_iter().for_each(|t| assert_eq!(t.join().unwrap(), Ok(())));
        assert_eq!((e.wait(), e.is_set(), e.clear(), e.is_set()), (Ok(()), true, true, false));
    })
}

/// EV2: cleared at once, and still all go on.
#[test]
fn event_that_is_set_and_cleared_lets_all_go_on_who_waited() {
    check(|| {
        repeat(30, 3, |_| {
            let e = Arc::new(Event::new());
            let tasks: Vec<_> = (0..3)
                .map(|_| {
                    let e = e.clone();
                    spawn(move || e.wait())
                })
                .collect();
            until_parked(3);
            e.set();
            e.clear();
            tasks.into_iter().for_each(|t| assert_eq!(t.join().unwrap(), Ok(())));
        })
    })
}

#[test]
fn limits_end_a_wait_for_an_event() {
    check(|| {
        let e = Arc::new(Event::new());
        assert_eq!(e.wait_with(Wait::timeout(ms(1))), Err(Status::TimedOut));
        let theirs = e.clone();
        let task = spawn(move || theirs.wait());
        until_parked(1);
        task.cancel();
        assert_eq!(task.join().unwrap(), Err(Status::Canceled));
        e.set();
        assert_eq!(e.wait_with(Wait::until(Time(0))), Ok(()));
    })
}

#[test]
fn threads_and_tasks_meet_at_an_event_and_a_barrier() {
    plain(|| {
        static OPEN: Event = Event::new();
        static ALL: Barrier = Barrier::new(3);
        static SEEN: AtomicBool = AtomicBool::new(false);
        let threads: Vec<_> = (0..2)
            .map(|_| {
                std::thread::spawn(|| {
                    OPEN.wait().unwrap();
                    assert!(SEEN.load(SeqCst));
                    ALL.wait().unwrap()
                })
            })
            .collect();
        let mut last = gort::run(|| {
            sleep(ms(1)).unwrap();
            SEEN.store(true, SeqCst);
            OPEN.set();
            ALL.wait().unwrap()
        })
        .unwrap() as usize;
        last += threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum::<usize>();
        assert_eq!(last, 1);
    })
}

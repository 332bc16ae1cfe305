//! Locks that are watched (`GORT_DEBUG_LOCKS=1`, sched/watch.rs): what is reported, once, with the places; and what the dump says of holders and of who waits.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sched::watch::reports;
use gort::sync::Mutex;
use gort::sync::mutex::RawMutex;
use gort::{Status, Wait, WaitGroup, sleep, spawn};
use support::sync::Arc;
use support::{alone, check, ms, until_parked};

const ON: &[(&str, &str)] = &[("GORT_DEBUG_LOCKS", "1")];

/// The reports, in a run, of a program that does `body` in it.
fn reported(body: impl FnOnce() + Send + 'static) -> Vec<String> {
    gort::run(body).unwrap();
    reports()
}

#[test]
fn locks_taken_in_both_orders_are_reported_once_with_the_places() {
    alone(&[1, 2], ON, || {
        let r = reported(|| {
            let pair = Arc::new((Mutex::new(0), Mutex::new(0)));
            for _ in 0..3 {
                let p = pair.clone();
                let t = spawn(move || {
                    let _a = p.0.lock();
                    let _b = p.1.lock(); // one way
                });
                t.join().unwrap();
                let _b = pair.1.lock();
                let _a = pair.0.lock(); // and the other
            }
        });
        assert_eq!(r.len(), 1, "{r:?}");
        assert!(r[0].contains("different orders"), "{}", r[0]);
        assert_eq!(r[0].matches("core/tests/watch.rs:").count(), 4, "{}", r[0]);
    })
}

#[test]
fn circle_of_three_is_reported() {
    alone(&[2], ON, || {
        let r = reported(|| {
            let m = [const { Mutex::new(()) }; 3];
            for i in 0..3 {
                let _a = m[i].lock();
                let _b = m[(i + 1) % 3].lock();
            }
        });
        assert_eq!(r.len(), 1, "{r:?}");
        assert_eq!(r[0].lines().count(), 4, "{}", r[0]);
    })
}

#[test]
fn one_order_is_not_reported() {
    alone(&[1, 2], ON, || {
        let r = reported(|| {
            let all = Arc::new([const { Mutex::new(0) }; 3]);
            let wg = WaitGroup::new();
            for i in 0..5 {
                let all = all.clone();
                wg.go(move || {
                    for _ in 0..50 {
                        let _a = all[0].lock();
                        let mut b = all[1 + i % 2].lock();
                        *b += 1;
                    }
                });
            }
            wg.wait().unwrap();
            assert_eq!((*all[1].lock(), *all[2].lock()), (150, 100), "watched or not, it is a lock");
        });
        assert_eq!(r, Vec::<String>::new());
    })
}

/// Locks that are made where others were have orders of their own.
#[test]
fn memory_used_again_is_another_lock() {
    alone(&[1], ON, || {
        let r = reported(|| {
            let mut pair = [RawMutex::new(), RawMutex::new()];
            for i in 0..4 {
                let (a, b) = (&pair[i % 2], &pair[(i + 1) % 2]);
                assert_eq!(
                    (a.lock(), b.lock(), b.unlock(), a.unlock()),
                    (Status::Ok, Status::Ok, Status::Ok, Status::Ok)
                );
                pair = [RawMutex::new(), RawMutex::new()];
            }
        });
        assert_eq!(r, Vec::<String>::new());
    })
}

#[test]
fn locked_twice_is_reported_by_name_before_it_waits() {
    alone(&[1, 2], ON, || {
        let r = reported(|| {
            let m = Mutex::new(());
            let _g = m.lock();
            assert_eq!(m.lock_with(Wait::timeout(ms(1))).err(), Some(Status::TimedOut));
        });
        assert_eq!(r.len(), 1, "{r:?}");
        assert!(r[0].contains("twice") && r[0].contains("mutex 0x") && r[0].contains("task "), "{}", r[0]);
        assert_eq!(r[0].matches("core/tests/watch.rs:").count(), 2, "{}", r[0]);
    })
}

#[test]
fn copy_of_a_locked_one_is_reported() {
    alone(&[1], ON, || {
        let r = reported(|| {
            let m = RawMutex::new();
            assert_eq!(m.lock(), Status::Ok);
            // SAFETY: two plain words; what comes of such a copy is what is tested.
            let copy: RawMutex = unsafe { core::ptr::read(&m) };
            assert_eq!(copy.try_lock(), Status::WouldBlock, "it is locked too");
            assert_eq!(m.unlock(), Status::Ok);
            assert_eq!(copy.try_lock(), Status::WouldBlock, "and stays so");
            assert_eq!((copy.unlock(), copy.try_lock(), copy.unlock()), (Status::Ok, Status::Ok, Status::Ok));
            // Also when the one that it was made of is free again.
            assert_eq!(m.lock(), Status::Ok);
            // SAFETY: as above.
            let late: RawMutex = unsafe { core::ptr::read(&m) };
            assert_eq!((m.unlock(), late.unlock()), (Status::Ok, Status::Ok));
            // One that was free when it moved is none.
            // SAFETY: as above.
            let moved: RawMutex = unsafe { core::ptr::read(&m) };
            assert_eq!((moved.lock(), moved.unlock()), (Status::Ok, Status::Ok));
        });
        assert_eq!(r.len(), 2, "{r:?}");
        assert!(r[1].contains("is a copy of") && r[1].contains("core/tests/watch.rs:"), "{}", r[1]);
        assert!(r[0].contains("is a copy of") && r[0].contains("core/tests/watch.rs:"), "{}", r[0]);
    })
}

#[test]
fn dump_says_who_waits_for_which_and_who_has_it() {
    alone(&[1, 2], ON, || {
        reported(|| {
            let m = Arc::new(Mutex::new(0));
            let g = m.lock();
            let theirs = m.clone();
            let t = spawn(move || *theirs.lock() += 1);
            until_parked(1);
            sleep(ms(30)).unwrap(); // the census counts in coarse milliseconds
            let text = gort::dump();
            let line = text.lines().find(|l| l.contains(": mutex 0x")).unwrap_or_else(|| panic!("{text}"));
            assert!(line.contains(" ms; task ") && line.contains("has it since core/tests/watch.rs:"), "{line}");
            drop(g);
            t.join().unwrap();
        });
    })
}

/// Not watched: the address and how long, and nothing more.
#[test]
fn dump_names_the_mutex_also_when_nothing_is_watched() {
    check(|| {
        let m = Arc::new(RawMutex::new());
        assert_eq!(m.lock(), Status::Ok);
        let theirs = m.clone();
        let t = spawn(move || (theirs.lock(), theirs.unlock()));
        until_parked(1);
        let wanted = format!(": mutex {:p}", Arc::as_ptr(&m));
        let text = gort::dump();
        assert!(text.contains(&wanted) && !text.contains("has it since"), "{wanted}: {text}");
        assert_eq!(m.unlock(), Status::Ok);
        assert_eq!(t.join().unwrap(), (Status::Ok, Status::Ok));
        assert!(reports().is_empty());
    })
}

#[test]
fn deadlock_says_who_has_it() {
    alone(&[1, 2], ON, || {
        let e = gort::run(|| {
            let m = Mutex::new(());
            let _g = m.lock();
            assert_eq!(m.lock_with(Wait::forever()).err(), Some(Status::Deadlock));
        })
        .unwrap_err();
        assert!(
            e.report.contains("mutex 0x") && e.report.contains("has it since core/tests/watch.rs:"),
            "{}",
            e.report
        );
    })
}

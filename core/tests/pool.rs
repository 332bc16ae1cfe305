//! Pools of objects (sync/pool.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::WaitGroup;
use gort::sync::Pool;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{check, plain, repeat, scale};

#[test]
fn what_was_put_back_is_taken_before_a_new_one_is_made() {
    check(|| {
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = made.clone();
        let pool = Pool::new(move || theirs.fetch_add(1, Relaxed));
        let (a, b) = (pool.get(), pool.get());
        assert_eq!((*a, *b, pool.idle()), (0, 1, 0));
        drop(a);
        assert_eq!(pool.idle(), 1);
        assert_eq!((*pool.get(), pool.idle()), (0, 0), "the one that was put back"); // in use to the end of the line
        assert_eq!((b.keep(), pool.idle()), (1, 1), "one that is kept for good does not come back");
        pool.put(7).unwrap();
        pool.clear();
        assert_eq!((pool.idle(), pool.try_take(), pool.take()), (0, None, 2));
    })
}

/// From whichever thread they come, exactly so many are kept, and they are found by every thread.
#[test]
fn it_keeps_as_many_as_it_was_told() {
    plain(|| {
        for most in [0, 1, 3, 100] {
            let pool = Arc::new(Pool::with_max_idle(most, || 0));
            assert_eq!(pool.max_idle(), most);
            let kept = (0..200).filter(|n| pool.put(*n).is_ok()).count();
            assert_eq!((kept, pool.idle()), (most, most));
            let theirs = pool.clone();
            let found = std::thread::spawn(move || std::iter::from_fn(|| theirs.try_take()).count()).join().unwrap();
            assert_eq!(found, most);
            let full = Pool::with_max_idle(most, || 5);
            (0..most).for_each(|n| full.put(n).unwrap());
            assert_eq!(full.put(77), Err(77), "what is not kept comes back");
        }
    })
}

/// No object is two users' at the same time, and none is lost: those made are those kept and those dropped.
#[test]
fn each_object_has_one_user() {
    struct Thing(AtomicUsize, Arc<AtomicUsize>);
    impl Drop for Thing {
        fn drop(&mut self) {
            self.1.fetch_add(1, Relaxed);
        }
    }
    check(|| {
        repeat(2, 50_000, |_| {
            let (made, gone) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (m, g) = (made.clone(), gone.clone());
            let pool = Arc::new(Pool::with_max_idle(3, move || {
                m.fetch_add(1, Relaxed);
                Thing(AtomicUsize::new(0), g.clone())
            }));
            let wg = WaitGroup::new();
            for _ in 0..6 {
                let pool = pool.clone();
                wg.go(move || {
                    for i in 0..scale(2_000, 20_000) {
                        let t = pool.get();
                        assert_eq!(t.0.fetch_add(1, Relaxed), 0, "two users");
                        if i % 50 == 0 {
                            gort::yield_now()
                        }
                        t.0.fetch_sub(1, Relaxed);
                    }
                });
            }
            wg.wait().unwrap();
            assert_eq!(made.load(Relaxed), gone.load(Relaxed) + pool.idle());
            assert!(pool.idle() <= 3);
            drop(pool);
            assert_eq!(made.load(Relaxed), gone.load(Relaxed));
        })
    })
}

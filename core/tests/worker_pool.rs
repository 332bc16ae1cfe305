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
<<<<<<<< HEAD:core/tests/pool.rs
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
========
        let pool = WorkerPool::builder().workers(1).build(move || {
            assert!(theirs.fetch_add(1, SeqCst) != 1, "the second state");
            vec![0u8]
        });
        assert_eq!(pool.submit(|s| s.len()).unwrap().join().unwrap(), 1);
        let Err(JobError::Panic(p)) = pool.submit(|_| -> () { panic!("a job's") }).unwrap().join() else { panic!() };
        assert_eq!(p.downcast_ref::<&str>(), Some(&"a job's"));
        assert_eq!(status(pool.submit(|s| s.len()).unwrap().join()), Err(Status::Panic));
        assert!(pool.post(Some(Wait::forever()), |_| panic!("nobody asks")).is_ok());
        assert_eq!(pool.submit(|s| s.len()).unwrap().join().unwrap(), 1);
        // A result that panics when it is dropped, and nobody has asked for.
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in a drop")
            }
        }
        drop(pool.submit(|_| Bomb).unwrap());
        assert_eq!(pool.submit(|s| s.len()).unwrap().join().unwrap(), 1);
        assert_eq!(made.load(SeqCst), 4);
        pool.wait().unwrap();
>>>>>>>> 1169301 (capi: groups, single flights, worker pools):core/tests/worker_pool.rs
    })
}

/// From whichever thread they come, exactly so many are kept, and they are found by every thread.
#[test]
<<<<<<<< HEAD:core/tests/pool.rs
fn it_keeps_as_many_as_it_was_told() {
========
fn elastic_pool_grows_with_the_work_and_shrinks_to_its_least() {
    check(|| {
        let pool = WorkerPool::builder().workers(5).queue(10).elastic(1, ms(1)).build(|| ());
        let (tx, rx) = channel::<()>(0);
        for round in 0..3 {
            // All at once, or they wait for each other for ever.
            let jobs: Vec<_> = (0..5)
                .map(|_| {
                    let rx = rx.clone();
                    pool.submit(move |_| rx.recv().unwrap()).unwrap()
                })
                .collect();
            until_parked(5);
            assert_eq!(pool.workers(), 5, "round {round}");
            (0..5).for_each(|_| tx.send(()).unwrap());
            jobs.into_iter().for_each(|j| j.join().unwrap());
            until(|| pool.workers() == 1);
        }
        pool.wait().unwrap();
        let pool = WorkerPool::builder().workers(2).elastic(0, us(1)).build(|| ());
        for i in 0..50 {
            assert_eq!(pool.submit(move |_| i).unwrap().join().unwrap(), i);
            if i % 10 == 0 {
                until(|| pool.workers() == 0);
            }
        }
    })
}

/// mutant_pool_worker_leaves_a_job: a worker that is about to leave, for it found nothing for a while, and a job that comes in that moment.
#[test]
fn job_that_meets_a_leaving_worker_is_run() {
    check(|| {
        let pool = WorkerPool::builder().workers(2).elastic(0, us(30)).build(|| ());
        repeat(300, 1, |i| {
            assert_eq!(pool.submit(move |_| i).unwrap().join().unwrap(), i);
            sleep(us((i % 7) as u64 * 10)).unwrap();
        });
    })
}

#[test]
fn close_runs_what_is_queued_and_refuses_who_waits() {
    check(|| {
        let pool = WorkerPool::builder().workers(1).queue(1).build(|| ());
        let (tx, rx) = channel::<()>(0);
        let (began, begins) = channel(0);
        let first = pool
            .submit(move |_| {
                began.send(()).unwrap();
                rx.recv().unwrap()
            })
            .unwrap();
        begins.recv().unwrap();
        let queued = pool.submit(|_| 1).unwrap();
        let theirs = pool.clone();
        let waits = spawn(move || theirs.submit(|_| 2).err());
        until_parked(2);
        pool.close();
        pool.close();
        assert_eq!(waits.join().unwrap(), Some(Status::Closed));
        assert_eq!(pool.wait_with(Wait::timeout(us(200))), Err(Status::TimedOut));
        tx.send(()).unwrap();
        pool.wait().unwrap();
        assert!(first.is_finished() && queued.is_finished());
        assert_eq!((first.join().unwrap(), queued.join().unwrap()), ((), 1));
    })
}

/// mutant_pool_keeps_what_is_queued: who waits for a job that will never run must hear of it.
#[test]
fn cancel_ends_running_jobs_and_answers_for_the_queued() {
    check(|| {
        let pool = WorkerPool::builder().workers(2).queue(4).build(|| ());
        let (_tx, never) = channel::<()>(0);
        let job = |n| {
            let never = never.clone();
            pool.submit(move |_| (n, never.recv())).unwrap()
        };
        let running = [job(0), job(1)];
        until_parked(2);
        let queued = [job(2), job(3), job(4)];
        pool.cancel();
        for (n, j) in running.into_iter().enumerate() {
            assert_eq!(j.join().unwrap(), (n, Err(Status::Canceled)));
        }
        for j in queued {
            assert_eq!(status(j.join_with(Wait::timeout(ms(5000))).map_err(|(_, e)| e)), Err(Status::Canceled));
        }
        pool.wait().unwrap();
        assert_eq!(pool.progress(), Progress { done: 2, submitted: 2 });
    })
}

#[test]
fn cancelled_waiter_cancels_the_pool_and_outlives_its_jobs() {
    check(|| {
        let over = Arc::new(AtomicUsize::new(0));
        let (_tx, never) = channel::<()>(0);
        let seen = over.clone();
        let h = spawn(move || {
            let pool = WorkerPool::new(2);
            for _ in 0..2 {
                let (never, over) = (never.clone(), seen.clone());
                let job = move |_: &mut ()| {
                    assert_eq!(never.recv(), Err(Status::Canceled));
                    over.fetch_add(1, SeqCst);
                };
                assert!(pool.post(None, job).is_ok());
            }
            let end = pool.wait();
            (end, seen.load(SeqCst))
        });
        until_parked(3);
        h.cancel();
        assert_eq!(h.join().unwrap(), (Err(Status::Canceled), 2));
    })
}

#[test]
fn last_handle_that_goes_closes_the_pool() {
    check(|| {
        let pool = WorkerPool::new(2);
        let more = pool.clone();
        let jobs: Vec<_> = (0..2).map(|i| pool.submit(move |_| i).unwrap()).collect();
        drop(pool);
        let last = more.submit(|_| 2).unwrap();
        drop(more);
        assert_eq!(jobs.into_iter().chain([last]).map(|j| j.join().unwrap()).sum::<i32>(), 3);
    })
}

#[test]
fn progress_is_told_after_each_job() {
    check(|| {
        let told = Arc::new(Mutex::new(Vec::new()));
        let theirs = told.clone();
        let pool = WorkerPool::builder().workers(2).progress(move |p| theirs.lock().push(p)).build(|| ());
        assert_eq!(pool.map(0..10, |_, n| n).count(), 10);
        pool.wait().unwrap();
        let mut done: Vec<_> = told.lock().iter().map(|p| p.done).collect();
        done.sort_unstable();
        assert_eq!(done, (1..=10).collect::<Vec<_>>());
        assert!(told.lock().iter().all(|p| p.done <= p.submitted));
    })
}

#[test]
fn pool_without_a_worker_says_so() {
    plain_on(&[2], || {
        let config = gort::Config { max_tasks: 1, ..gort::Config::default() };
        let body = || {
            let pool = WorkerPool::new(2);
            assert_eq!(pool.submit(|_| ()).err(), Some(Status::Limit));
            assert_eq!((pool.progress(), pool.workers()), (Progress { done: 0, submitted: 0 }, 0));
            pool.wait().unwrap();
        };
        gort::run_with(&config, body).unwrap();
    })
}

/// Its workers belong to a run, which ends: what nobody runs any more is answered by the next wait, or run by workers of the next submit.
#[test]
fn workers_end_with_their_run_and_the_pool_lives_on() {
>>>>>>>> 1169301 (capi: groups, single flights, worker pools):core/tests/worker_pool.rs
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

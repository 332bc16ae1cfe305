//! Pools of workers.

mod support;

use gort::flow::{JobError, Progress, WorkerPool};
use gort::{Status, Wait, channel, sleep, spawn};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::{Arc, Mutex};
use support::{Rng, allow_panics, check, ms, plain, plain_on, repeat, until, until_parked, us};

fn status<T>(r: Result<T, JobError>) -> Result<T, Status> {
    r.map_err(|e| match e {
        JobError::Status(s) => s,
        JobError::Panic(_) => Status::Panic,
    })
}

#[test]
fn jobs_give_their_results_and_no_more_run_than_there_are_workers() {
    check(|| {
        let pool = WorkerPool::new(3);
        let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let jobs: Vec<_> = (0..40)
            .map(|i| {
                let (now, most) = (now.clone(), most.clone());
                pool.submit(move |_| {
                    most.fetch_max(now.fetch_add(1, SeqCst) + 1, SeqCst);
                    sleep(us(20)).unwrap();
                    now.fetch_sub(1, SeqCst);
                    i * 2
                })
                .unwrap()
            })
            .collect();
        for (i, job) in jobs.into_iter().enumerate() {
            assert_eq!(job.join().unwrap(), i * 2);
        }
        assert_eq!(most.load(SeqCst), 3);
        pool.wait().unwrap();
        assert_eq!((pool.progress(), pool.workers()), (Progress { done: 40, submitted: 40 }, 0));
        assert_eq!(pool.submit(|_| ()).err(), Some(Status::Closed));
        assert_eq!(pool.workers(), 0);
    })
}

#[test]
fn full_queue_parks_refuses_and_times_out() {
    check(|| {
        let pool = WorkerPool::builder().workers(1).queue(2).build(|| ());
        let (tx, rx) = channel::<()>(0);
        let (began, begins) = channel(0);
        let first = pool.submit(move |_| {
            began.send(()).unwrap();
            rx.recv().unwrap()
        });
        begins.recv().unwrap();
        let queued: Vec<_> = (0..2).map(|i| pool.try_submit(move |_| i).unwrap()).collect();
        assert_eq!(pool.try_submit(|_| ()).err(), Some(Status::WouldBlock));
        assert_eq!(pool.submit_with(Wait::timeout(us(200)), |_| ()).err(), Some(Status::TimedOut));
        let theirs = pool.clone();
        let waits = spawn(move || theirs.submit(|_| 9).unwrap().join().unwrap());
        until_parked(2);
        assert_eq!(pool.progress().submitted, 4);
        tx.send(()).unwrap();
        first.unwrap().join().unwrap();
        assert_eq!(waits.join().unwrap(), 9);
        assert_eq!(queued.into_iter().map(|j| j.join().unwrap()).sum::<i32>(), 1);
        pool.wait().unwrap();
    })
}

#[test]
fn map_gives_results_in_order_and_map_unordered_as_they_come() {
    check(|| {
        let pool = WorkerPool::new(4);
        let f = |_: &mut (), n: u64| {
            sleep(us(if n.is_multiple_of(4) { 400 } else { 1 })).unwrap();
            n * n
        };
        let want: Vec<u64> = (0..50).map(|n| n * n).collect();
        assert_eq!(pool.map(0..50, f).map(Result::unwrap).collect::<Vec<_>>(), want);
        let mut some: Vec<u64> = pool.map_unordered(0..50, f).map(Result::unwrap).collect();
        some.sort_unstable();
        assert_eq!(some, want);
        // As they come: the first is held back until the others are there.
        let (tx, rx) = channel::<()>(0);
        let mut results = pool.map_unordered(0..4, move |_, n| {
            if n == 0 {
                rx.recv().unwrap()
            }
            n
        });
        let mut three: Vec<i32> = results.by_ref().take(3).map(Result::unwrap).collect();
        three.sort_unstable();
        assert_eq!(three, [1, 2, 3]);
        tx.send(()).unwrap();
        assert_eq!(results.map(Result::unwrap).collect::<Vec<_>>(), [0]);
        // One that is given up in the middle leaves nothing.
        assert_eq!(pool.map(0.., f).take(2).count(), 2);
        pool.close();
        let refused: Vec<_> = pool.map(0..3, f).map(status).collect();
        assert_eq!(refused, [Err(Status::Closed)]);
        pool.wait().unwrap();
    })
}

#[test]
fn each_worker_has_a_state_of_its_own_made_and_dropped_by_it() {
    check(|| {
        #[derive(Clone, Default)]
        struct Life(Arc<AtomicUsize>, Arc<AtomicUsize>);
        struct Own(Life, usize, std::rc::Rc<()>);
        impl Drop for Own {
            fn drop(&mut self) {
                self.0.1.fetch_add(1, SeqCst);
            }
        }
        let life = Life::default();
        let theirs = life.clone();
        let pool = WorkerPool::builder().workers(3).queue(50).build(move || {
            theirs.0.fetch_add(1, SeqCst);
            Own(theirs.clone(), 0, std::rc::Rc::default())
        });
        assert_eq!(pool.workers(), 0, "made for nothing");
        let count = |own: &mut Own| {
            own.1 += 1;
            let mine = own.2.clone();
            gort::yield_now();
            (own.1, std::rc::Rc::strong_count(&mine))
        };
        let jobs: Vec<_> = (0..30).map(|_| pool.submit(count).unwrap()).collect();
        let counts: Vec<_> = jobs.into_iter().map(|j| j.join().unwrap()).collect();
        let made = life.0.load(SeqCst);
        assert!((1..=3).contains(&made));
        assert_eq!(counts.iter().filter(|(n, _)| *n == 1).count(), made);
        pool.wait().unwrap();
        assert_eq!((life.0.load(SeqCst), life.1.load(SeqCst)), (made, made));
    })
}

/// WP2: the panic is the job's, of its state too; the next job has a new one.
#[test]
fn panic_is_the_jobs_result_and_takes_the_state_along() {
    check(|| {
        allow_panics();
        let made = Arc::new(AtomicUsize::new(0));
        let theirs = made.clone();
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
    })
}

#[test]
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
    plain(|| {
        let pool = WorkerPool::new(1);
        let theirs = pool.clone();
        gort::run(move || assert_eq!(theirs.submit(|_| 1).unwrap().join().unwrap(), 1)).unwrap();
        until(|| pool.workers() == 0);
        assert_eq!(pool.submit(|_| 2).unwrap().join().unwrap(), 2);
        pool.wait().unwrap();
    })
}

/// Submitters, limits, panics, growth, shrinking and a close or a cancel at a random moment: each job that was taken is answered once, by its own value or by why not.
#[test]
fn random_pools_answer_for_every_job() {
    check(|| {
        allow_panics();
        let mut rng = Rng::new();
        repeat(12, 300, |round| {
            let (workers, queue) = (1 + rng.below(4), 1 + rng.below(4));
            let mut builder = WorkerPool::builder().workers(workers).queue(queue);
            if rng.below(2) == 0 {
                builder = builder.elastic(rng.below(2), us(rng.below(40) as u64));
            }
            let live = Arc::new(AtomicUsize::new(0));
            struct Own(Arc<AtomicUsize>);
            impl Drop for Own {
                fn drop(&mut self) {
                    self.0.fetch_sub(1, SeqCst);
                }
            }
            let theirs = live.clone();
            let pool = builder.build(move || {
                theirs.fetch_add(1, SeqCst);
                Own(theirs.clone())
            });
            let hs: Vec<_> = (0..4)
                .map(|t| {
                    let (pool, mut rng) = (pool.clone(), Rng::of((round * 4 + t) as u64));
                    spawn(move || {
                        for i in 0..20 {
                            let kind = rng.below(10);
                            let job = move |_: &mut Own| {
                                match kind {
                                    0 => panic!("{i}"),
                                    1..=3 => gort::yield_now(),
                                    4 => drop(sleep(us(10))),
                                    _ => {}
                                }
                                i
                            };
                            let taken = match rng.below(4) {
                                0 => pool.try_submit(job),
                                1 => pool.submit_with(Wait::timeout(us(20)), job),
                                _ => pool.submit(job),
                            };
                            match taken {
                                Ok(job) => match job.join() {
                                    Ok(v) => assert!(v == i && kind != 0),
                                    Err(JobError::Panic(_)) => assert_eq!(kind, 0),
                                    Err(JobError::Status(s)) => assert_eq!(s, Status::Canceled),
                                },
                                Err(Status::Closed) => return,
                                Err(s) => assert!([Status::WouldBlock, Status::TimedOut].contains(&s), "{s}"),
                            }
                        }
                    })
                })
                .collect();
            let end = rng.below(3);
            (0..rng.below(30)).for_each(|_| gort::yield_now());
            match end {
                0 => pool.close(),
                1 => pool.cancel(),
                _ => {}
            }
            hs.into_iter().for_each(|h| h.join().unwrap());
            pool.wait().unwrap();
            let Progress { done, submitted } = pool.progress();
            assert_eq!((done, live.load(SeqCst), pool.workers()), (submitted, 0, 0));
        });
    })
}

//! Groups of tasks. The cases of Go's errgroup carry Go's names.

mod support;

use gort::flow::{Group, GroupError};
use gort::{Context, Status, Wait, channel, shield, sleep, spawn};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{Rng, allow_panics, alone, check, ms, plain, plain_on, repeat, until, until_parked, us};

type Result = std::result::Result<(), GroupError<&'static str>>;
/// What a function of a group of a test returns.
type End = std::result::Result<(), &'static str>;

fn error(r: &Result) -> Option<&'static str> {
    match r {
        Err(GroupError::Error(e)) => Some(e),
        Ok(()) => None,
        e => panic!("{e:?}"),
    }
}

/// The first error is the result. Go's group says it again at each wait; gort's hands it over, once.
#[test]
fn zero_group() {
    check(|| {
        let (one, two) = (Err("one"), Err("two"));
        let cases: [&[End]; 6] = [&[], &[Ok(())], &[one], &[one, Ok(())], &[one, Ok(()), two], &[Ok(()), two, one]];
        for case in cases {
            let g = Group::new();
            let mut first = None;
            for e in case {
                let e = *e;
                g.go(move || e).unwrap();
                let told = first.is_some();
                first = first.or(e.err());
                match g.wait() {
                    Err(GroupError::Status(s)) => assert!(told && s == Status::Canceled),
                    r => assert_eq!(error(&r), first.filter(|_| !told), "{case:?}"),
                }
            }
        }
    })
}

/// The context has ended when `wait` returns, and the first error is what it gives.
#[test]
fn with_context() {
    check(|| {
        let doom = Err("group_test: doomed");
        let cases: [(&[End], Option<&str>); 5] = [
            (&[], None),
            (&[Ok(())], None),
            (&[doom], doom.err()),
            (&[doom, Ok(())], doom.err()),
            (&[Ok(()), doom], doom.err()),
        ];
        for (case, want) in cases {
            let g = Group::new();
            for e in case {
                let e = *e;
                g.go(move || e).unwrap();
            }
            assert_eq!(error(&g.wait()), want);
            assert_eq!((g.is_canceled(), g.context().err()), (true, Some(Status::Canceled)));
        }
    })
}

/// try_go is refused at the limit and admitted below it.
#[test]
fn try_go() {
    check(|| {
        let g = Group::<Status>::new();
        let (tx, rx) = channel(0);
        g.set_limit(42).unwrap();
        let done = Arc::new(AtomicUsize::new(0));
        for _ in 0..42 {
            let (rx, done) = (rx.clone(), done.clone());
            g.try_go(move || {
                rx.recv()?;
                done.fetch_add(1, SeqCst);
                Ok(())
            })
            .unwrap();
        }
        assert_eq!(g.try_go(|| panic!("admitted above the limit")), Err(Status::WouldBlock));
        let more = {
            let (g, rx) = (g.clone(), rx.clone());
            spawn(move || g.go(move || rx.recv()).unwrap())
        };
        until_parked(43);
        (0..43).for_each(|_| tx.send(()).unwrap());
        more.join().unwrap();
        g.wait().unwrap();
        assert_eq!(done.load(SeqCst), 42);
        // A limit of one, and none.
        let g = Group::<Status>::with_limit(1);
        let theirs = rx.clone();
        g.try_go(move || theirs.recv()).unwrap();
        assert_eq!(g.try_go(|| Ok(())), Err(Status::WouldBlock));
        tx.send(()).unwrap();
        g.wait().unwrap();
        g.set_limit(-1).unwrap();
        for _ in 0..100 {
            g.try_go(|| Ok(())).unwrap();
        }
        g.wait().unwrap();
        g.set_limit(0).unwrap();
        assert_eq!(g.try_go(|| Ok(())), Err(Status::WouldBlock));
        assert_eq!(g.go_with(Wait::timeout(us(200)), || Ok(())), Err(Status::TimedOut));
        g.wait().unwrap();
    })
}

/// Never more than the limit are active.
#[test]
fn go_limit() {
    check(|| {
        const LIMIT: usize = 10;
        let g = Group::<Status>::with_limit(LIMIT);
        let (active, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for i in 0..=1 << 10 {
            let (active, most) = (active.clone(), most.clone());
            g.go(move || {
                most.fetch_max(active.fetch_add(1, SeqCst) + 1, SeqCst);
                if i % 3 == 0 {
                    sleep(us(1))?
                } else {
                    gort::yield_now()
                }
                active.fetch_sub(1, SeqCst);
                Ok(())
            })
            .unwrap();
        }
        g.wait().unwrap();
        let most = most.load(SeqCst);
        assert!((2..=LIMIT).contains(&most), "{most} were active");
    })
}

/// Go: the cause of the context is the error. Here it is the group that keeps it.
#[test]
fn cancel_cause() {
    check(|| {
        for (errors, want) in [(&[None][..], None), (&[Some(7)], Some(7)), (&[Some(7), None], Some(7))] {
            let g = Group::<i32>::new();
            for e in errors {
                let e = *e;
                g.go(move || e.map_or(Ok(()), Err)).unwrap();
            }
            g.settle().unwrap();
            assert_eq!((g.error(), g.is_canceled()), (want, true));
            assert_eq!(g.wait().err().map(|e| matches!(e, GroupError::Error(7))), want.map(|_| true));
        }
    })
}

#[test]
fn first_error_cancels_the_others_wherever_they_wait() {
    check(|| {
        let g = Group::<Status>::new();
        let (_tx, never) = channel::<()>(0);
        let (full, _rx) = channel::<()>(0);
        let ends = Arc::new(AtomicUsize::new(0));
        for how in 0..4 {
            let (never, full, ends, inner) = (never.clone(), full.clone(), ends.clone(), g.clone());
            g.go(move || {
                let end = match how {
                    0 => never.recv(),
                    1 => full.send(()).map_err(|e| e.status),
                    2 => sleep(ms(3_600_000)),
                    _ => never.recv_with(Wait::forever().ctx(inner.context())),
                };
                assert_eq!(end, Err(Status::Canceled));
                ends.fetch_add(1, SeqCst);
                end
            })
            .unwrap();
        }
        until_parked(4);
        g.go(|| Err(Status::Invalid)).unwrap();
        assert!(matches!(g.wait(), Err(GroupError::Error(Status::Invalid))));
        assert_eq!(ends.load(SeqCst), 4);
    })
}

/// mutant_group_misses_the_late: one that is started after the cancellation is cancelled as the others.
#[test]
fn task_started_after_the_cancellation_is_cancelled() {
    check(|| {
        let g = Group::<Status>::new();
        let (_tx, never) = channel::<()>(0);
        g.cancel();
        let ran = Arc::new(AtomicUsize::new(0));
        let seen = ran.clone();
        g.go(move || {
            seen.fetch_add(1, SeqCst);
            never.recv()
        })
        .unwrap();
        assert!(matches!(g.wait(), Err(GroupError::Error(Status::Canceled))));
        assert_eq!(ran.load(SeqCst), 1, "its function runs all the same");
    })
}

#[test]
fn panic_of_a_task_is_carried_and_cancels() {
    check(|| {
        allow_panics();
        let g = Group::<Status>::new();
        let (_tx, never) = channel::<()>(0);
        g.go(move || never.recv()).unwrap();
        g.go(|| panic!("of a task")).unwrap();
        let Err(GroupError::Panic(payload)) = g.wait() else { panic!("no panic was carried") };
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"of a task"));
        // Later ones are dropped, though dropping them panics.
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("in a drop")
            }
        }
        let g = Group::<u8>::new();
        g.go(|| Err(1)).unwrap();
        g.settle().unwrap();
        g.go(|| std::panic::panic_any(Bomb)).unwrap();
        assert!(matches!(g.wait(), Err(GroupError::Error(1))));
    })
}

#[test]
fn cancelled_waiter_cancels_nested_groups_and_outlives_their_tasks() {
    check(|| {
        let outer = Group::<Status>::new();
        let ended = Arc::new(AtomicUsize::new(0));
        let (_tx, never) = channel::<()>(0);
        for _ in 0..2 {
            let (ended, never) = (ended.clone(), never.clone());
            outer
                .go(move || {
                    let inner = Group::<Status>::new();
                    for _ in 0..3 {
                        let (ended, never) = (ended.clone(), never.clone());
                        inner
                            .go(move || {
                                let r = never.recv();
                                let _shield = shield();
                                sleep(us(300)).unwrap();
                                ended.fetch_add(1, SeqCst);
                                r
                            })
                            .unwrap();
                    }
                    let before = ended.load(SeqCst);
                    let r = inner.wait();
                    assert!(ended.load(SeqCst) >= before + 3, "tasks were left behind");
                    match r {
                        Err(GroupError::Error(s) | GroupError::Status(s)) => Err(s),
                        r => panic!("{r:?}"),
                    }
                })
                .unwrap();
        }
        until_parked(8);
        outer.cancel();
        assert!(matches!(outer.wait(), Err(GroupError::Error(Status::Canceled))));
        assert_eq!(ended.load(SeqCst), 6);
    })
}

#[test]
fn group_within_a_context_ends_with_it() {
    check(|| {
        for deadline in [false, true] {
            let (ctx, cancel) = match deadline {
                true => Context::background().with_timeout(ms(1)),
                false => Context::background().with_cancel(),
            };
            let g = Group::<Status>::within(&ctx);
            let (_tx, never) = channel::<()>(0);
            for _ in 0..3 {
                let never = never.clone();
                g.go(move || never.recv()).unwrap();
            }
            let theirs = g.clone();
            g.go(move || Err(theirs.context().wait())).unwrap();
            if !deadline {
                until_parked(4);
                assert!(cancel.cancel());
            }
            let e = g.wait();
            let ends = [Status::Canceled, Status::TimedOut];
            assert!(matches!(e, Err(GroupError::Error(s)) if ends.contains(&s)), "{e:?}");
            // One that is made within a context that has ended.
            let g = Group::<Status>::within(&ctx);
            let never = never.clone();
            g.go(move || never.recv()).unwrap();
            assert!(matches!(g.wait(), Err(GroupError::Error(Status::Canceled))));
            // And one that is over before it ends.
            let (ctx, cancel) = Context::background().with_cancel();
            let g = Group::<Status>::within(&ctx);
            g.go(|| Ok(())).unwrap();
            g.wait().unwrap();
            drop(g);
            assert!(!ctx.is_done());
            drop(cancel);
        }
    })
}

/// A group that outlives the runtime is of no use, and harms nobody.
#[test]
fn group_outlives_a_shutdown() {
    plain(|| {
        let (g, other) = (Group::<Status>::new(), Group::<Status>::new());
        let flights = gort::flow::SingleFlight::<u8, u8>::new();
        let pool = gort::flow::WorkerPool::new(1);
        g.go(|| Ok(())).unwrap();
        g.wait().unwrap();
        assert_eq!(pool.submit(|_| 1).unwrap().join().unwrap(), 1);
        pool.close();
        pool.wait().unwrap();
        assert!(gort::shutdown().is_ok());
        other.cancel();
        let _ = (g.is_canceled(), g.go(|| Ok(())), g.wait().is_ok(), pool.wait(), pool.submit(|_| ()).is_ok());
        assert_eq!(flights.call(1, || 2).unwrap().value, 2);
    })
}

#[test]
fn wait_within_limits_gives_up_and_the_group_goes_on() {
    check(|| {
        let g = Group::<Status>::new();
        let (tx, rx) = channel::<()>(0);
        g.go(move || rx.recv()).unwrap();
        assert!(matches!(g.wait_with(Wait::timeout(us(300))), Err(GroupError::Status(Status::TimedOut))));
        assert!(!g.is_canceled());
        tx.send(()).unwrap();
        g.wait_with(Wait::forever()).unwrap();
    })
}

#[test]
fn limit_is_not_changed_while_somebody_is_in() {
    check(|| {
        let g = Group::<Status>::with_limit(1);
        let (tx, rx) = channel::<()>(0);
        let theirs = rx.clone();
        g.go(move || theirs.recv()).unwrap();
        assert_eq!(g.set_limit(2), Err(Status::Misuse));
        let waits = {
            let g = g.clone();
            spawn(move || g.go(move || rx.recv()))
        };
        until_parked(2);
        tx.send(()).unwrap();
        waits.join().unwrap().unwrap();
        assert_eq!(g.set_limit(2), Err(Status::Misuse));
        tx.send(()).unwrap();
        g.wait().unwrap();
        g.set_limit(2).unwrap();
    })
}

#[test]
fn cancelled_starter_leaves_the_limit_and_its_function_is_dropped() {
    check(|| {
        let g = Group::<Status>::with_limit(1);
        let (tx, rx) = channel::<()>(0);
        g.go(move || rx.recv()).unwrap();
        let held = Arc::new(());
        let (theirs, group) = (held.clone(), g.clone());
        let h = spawn(move || {
            group.go(move || {
                drop(theirs);
                Ok(())
            })
        });
        until_parked(2);
        h.cancel();
        assert_eq!(h.join().unwrap(), Err(Status::Canceled));
        assert_eq!(Arc::strong_count(&held), 1);
        tx.send(()).unwrap();
        g.wait().unwrap();
        g.try_go(|| Ok(())).unwrap();
        g.wait().unwrap();
    })
}

#[test]
fn plain_threads_use_groups() {
    plain(|| {
        let g = Group::<Status>::with_limit(2);
        let n = Arc::new(AtomicUsize::new(0));
        for _ in 0..20 {
            let n = n.clone();
            g.go(move || {
                n.fetch_add(1, SeqCst);
                Ok(())
            })
            .unwrap();
        }
        g.wait().unwrap();
        assert_eq!(n.load(SeqCst), 20);
    })
}

#[test]
fn refused_task_is_no_member() {
    plain_on(&[2], || {
        let config = gort::Config { max_tasks: 2, ..gort::Config::default() };
        let body = || {
            let g = Group::<Status>::with_limit(5);
            let (tx, rx) = channel::<()>(0);
            g.go(move || rx.recv()).unwrap();
            let held = Arc::new(());
            let theirs = held.clone();
            let refused = g.go(move || {
                drop(theirs);
                Ok(())
            });
            assert_eq!((refused, Arc::strong_count(&held)), (Err(Status::Limit), 1));
            tx.send(()).unwrap();
            g.wait().unwrap();
            g.set_limit(1).unwrap();
        };
        gort::run_with(&config, body).unwrap();
    })
}

/// K2: who waits for a group that nobody can end is condemned; its tasks are cancelled, and it waits for them.
#[test]
fn deadlock_ends_the_wait_and_the_tasks() {
    alone(&[1, 2], &[], || {
        let ended = Arc::new(AtomicUsize::new(0));
        let seen = ended.clone();
        let end = gort::run(move || {
            let g = Group::<Status>::new();
            for _ in 0..3 {
                let ended = seen.clone();
                g.go(move || {
                    let (_tx, never) = channel::<()>(0);
                    let r = never.recv();
                    ended.fetch_add(1, SeqCst);
                    r
                })
                .unwrap();
            }
            let r = g.wait();
            assert_eq!(seen.load(SeqCst), 3);
            assert!(matches!(r, Err(GroupError::Error(Status::Canceled))), "{r:?}");
        });
        assert_eq!(end.unwrap_err().status, Status::Deadlock);
        assert_eq!(ended.load(SeqCst), 3);
    })
}

/// Random groups, nested and limited, with errors, panics and cancellations at random moments: no task is lost, none outlives its wait, the first error is one that was returned.
#[test]
fn random_groups_lose_nobody() {
    check(|| {
        allow_panics();
        let mut rng = Rng::new();
        repeat(30, 200, |_| {
            let n = 1 + rng.below(40);
            let limit = rng.below(8) as isize - 1;
            let g = Group::<usize>::new();
            g.set_limit(if limit == 0 { -1 } else { limit }).unwrap();
            let (began, ended) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut started = 0;
            let mut faults = vec![];
            if rng.below(4) == 0 {
                let g = g.clone();
                gort::go(move || g.cancel());
            }
            for i in 0..n {
                let kind = rng.below(24);
                let (began, ended) = (began.clone(), ended.clone());
                let r = g.go(move || {
                    began.fetch_add(1, SeqCst);
                    struct End(Arc<AtomicUsize>);
                    impl Drop for End {
                        fn drop(&mut self) {
                            self.0.fetch_add(1, SeqCst);
                        }
                    }
                    let _end = End(ended);
                    match kind {
                        0 => return Err(i),
                        1 => panic!("{i}"),
                        2..=8 => gort::yield_now(),
                        9..=12 => drop(sleep(us(20))),
                        13..=15 => {
                            let inner = Group::<usize>::with_limit(2);
                            for _ in 0..4 {
                                let _ = inner.go(|| sleep(us(5)).map_err(|_| 0));
                            }
                            drop(inner.wait());
                        }
                        _ => {}
                    }
                    Ok(())
                });
                r.unwrap();
                started += 1;
                if kind == 0 {
                    faults.push(i);
                }
            }
            let end = g.wait();
            assert_eq!((began.load(SeqCst), ended.load(SeqCst)), (started, started));
            if let Err(GroupError::Error(i)) = end {
                assert!(faults.contains(&i));
            }
            assert!(!matches!(end, Err(GroupError::Status(_))), "{end:?}");
        });
        until(|| gort::sched::objects::live("contexts") == 0);
    })
}

//! K2: the judge of deadlocks. Every test runs in a process that has one thread when it begins, for the judge counts them.
//!
//! What this is: what is judged, what is not, and what the parties hear. What it is NOT: the judge's protocol (models).
//!
//! "Not judged" is shown by a wait that is ended by something else, after the judge has had many occasions to err.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw;
use gort::{Builder, Config, JoinError, RunError, Status, Wait, WaitGroup, channel, go, run, run_with, sleep, spawn};
use std::ptr::null;
use support::{alone, ms, until_parked, workers_wanted};

fn error_text() -> String {
    gort::last_error().unwrap_or_default()
}

/// Runs main, which must be judged, and checks what the run says.
fn judged<R: Send + 'static>(main: impl FnOnce() -> R + Send + 'static, words: &[&str]) {
    let e: RunError = run(main).err().expect("a deadlock");
    assert_eq!(e.status, Status::Deadlock, "{e}");
    for w in words {
        assert!(e.report.contains(w), "no '{w}' in: {}", e.report);
    }
}

#[test]
fn send_nobody_receives_returns_deadlock_with_the_census() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let (tx, _rx) = channel::<u32>(0);
                let e = tx.send(5).unwrap_err();
                assert_eq!((e.value, e.status), (5, Status::Deadlock));
                let text = error_text();
                assert!(text.contains("deadlock") && text.contains("channel send"), "{text}");
            },
            &["deadlock", "channel send"],
        )
    })
}

#[test]
fn full_buffer_and_receive_nobody_sends_return_deadlock() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let (tx, rx) = channel::<u32>(1);
                tx.send(1).unwrap();
                assert_eq!(tx.send(2).unwrap_err().status, Status::Deadlock);
                // Main goes on, and may get stuck again.
                assert_eq!((rx.recv(), rx.recv()), (Ok(1), Err(Status::Deadlock)));
                assert_eq!(tx.try_send(3).map_err(|e| e.status), Ok(()), "no waiter is left in the queue");
            },
            &["channel"],
        )
    })
}

#[test]
fn forgotten_done_returns_deadlock() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let wg = WaitGroup::new();
                wg.add(2).unwrap();
                let theirs = wg.clone();
                go(move || theirs.done().unwrap());
                assert_eq!(wg.wait(), Err(Status::Deadlock));
                wg.done().unwrap();
            },
            &["wait group"],
        )
    })
}

#[test]
fn nil_channel_returns_deadlock() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let mut v = 0u32;
                // SAFETY: NULL is allowed.
                let s = unsafe { raw::recv(null(), (&raw mut v).cast()) };
                assert_eq!(s, Status::Deadlock);
            },
            &["nil channel"],
        );
        judged(|| assert_eq!(support::bodies::wait_select(&[]), Err(Status::Deadlock)), &["parked: select"]);
    })
}

#[test]
fn join_of_a_stuck_task_returns_deadlock_and_names_it() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let (_tx, rx) = channel::<u32>(0);
                let h = Builder::new().name("stuck one").spawn(move || rx.recv()).unwrap();
                let (h, e) = h.join_with(Wait::forever()).unwrap_err();
                assert!(matches!(e, JoinError::Status(Status::Deadlock)), "{e}");
                assert!(error_text().contains("\"stuck one\" parked: channel receive"), "{}", error_text());
                h.cancel();
                assert_eq!(h.join().unwrap(), Err(Status::Canceled));
            },
            &["stuck one", "task join"],
        )
    })
}

#[test]
fn wait_all_with_stuck_tasks_returns_deadlock_from_the_run() {
    alone(&workers_wanted(), &[], || {
        let config = Config { wait_all: true, ..Config::default() };
        let (tx, rx) = channel::<u32>(0);
        let e = run_with(&config, move || {
            for _ in 0..3 {
                let rx = rx.clone();
                Builder::new().name("left behind").spawn(move || rx.recv()).unwrap();
            }
        })
        .unwrap_err();
        // What is asleep for ever is cancelled after all, and ends.
        assert_eq!((e.status, e.detached), (Status::Deadlock, 0), "{e}");
        assert!(e.report.matches("left behind").count() >= 3, "{}", e.report);
        drop(tx);
    })
}

#[test]
fn two_tasks_that_wait_for_each_other_are_both_named() {
    alone(&workers_wanted(), &[], || {
        judged(
            || {
                let ((a_tx, a), (b_tx, b)) = (channel::<u32>(0), channel::<u32>(0));
                let wg = WaitGroup::new();
                wg.go(move || drop((a.recv(), b_tx.send(1))));
                wg.go(move || drop((b.recv(), a_tx.send(1))));
                assert_eq!(wg.wait(), Err(Status::Deadlock));
            },
            &["channel receive", "wait group"],
        )
    })
}

#[test]
fn runtime_works_after_a_deadlock() {
    alone(&workers_wanted(), &[], || {
        for _ in 0..3 {
            judged(|| channel::<u32>(0).1.recv_with(Wait::forever()).is_ok() || keep_stuck(), &["deadlock"]);
            let n = run(|| (0..10).map(|i| spawn(move || i)).map(|h| h.join().unwrap()).sum::<u32>()).unwrap();
            assert_eq!(n, 45);
        }
    })
}

/// A receive on a channel whose sender lives.
fn keep_stuck() -> bool {
    let (_tx, rx) = channel::<u32>(0);
    rx.recv() == Err(Status::Deadlock)
}

#[test]
fn living_foreign_thread_prevents_judgement() {
    alone(&workers_wanted(), &[], || {
        let (tx, rx) = channel::<u32>(0);
        let t = std::thread::spawn(move || {
            support::block_thread(ms(300));
            tx.send(9).unwrap();
        });
        assert_eq!(run(move || rx.recv()).unwrap(), Ok(9));
        t.join().unwrap();
    })
}

#[test]
fn foreign_thread_that_leaves_lets_the_judge_decide() {
    alone(&workers_wanted(), &[], || {
        let (_tx, rx) = channel::<u32>(0);
        let t = std::thread::spawn(|| support::block_thread(ms(100)));
        let e = run(move || {
            assert_eq!(rx.recv(), Err(Status::Deadlock));
            t.join().unwrap()
        });
        assert_eq!(e.unwrap_err().status, Status::Deadlock);
    })
}

#[test]
fn foreign_thread_that_waits_for_ever_inside_counts_as_blocked() {
    alone(&workers_wanted(), &[], || {
        let ((tx, rx), (_never, main_rx)) = (channel::<u32>(0), channel::<u32>(0));
        let t = std::thread::spawn(move || rx.recv());
        let e = run(move || assert_eq!(main_rx.recv(), Err(Status::Deadlock)));
        assert_eq!(e.unwrap_err().status, Status::Deadlock);
        drop(tx);
        assert_eq!(t.join().unwrap(), Err(Status::Closed));
    })
}

#[test]
fn foreign_thread_that_waits_with_a_deadline_prevents_judgement() {
    alone(&workers_wanted(), &[], || {
        let ((_tx, rx), (main_tx, main_rx)) = (channel::<u32>(0), channel::<u32>(0));
        let t = std::thread::spawn(move || {
            assert_eq!(rx.recv_with(Wait::timeout(ms(200))), Err(Status::TimedOut));
            main_tx.send(1).unwrap();
        });
        assert_eq!(run(move || main_rx.recv()).unwrap(), Ok(1));
        t.join().unwrap();
    })
}

#[test]
fn pending_timer_prevents_judgement() {
    alone(&workers_wanted(), &[], || {
        let got = run(|| {
            let (tx, rx) = channel::<u32>(0);
            go(move || {
                sleep(ms(200)).unwrap();
                tx.send(4).unwrap();
            });
            let (_tx2, rx2) = channel::<u32>(0);
            (rx2.recv_with(Wait::timeout(ms(50))), rx.recv())
        });
        assert_eq!(got.unwrap(), (Err(Status::TimedOut), Ok(4)));
    })
}

#[test]
fn task_that_blocks_its_thread_prevents_judgement() {
    alone(&workers_wanted(), &[], || {
        let got = run(|| {
            let (tx, rx) = channel::<u32>(0);
            go(move || {
                support::block_thread(ms(150));
                let tx = gort::blocking(|| {
                    support::block_thread(ms(150));
                    tx
                });
                tx.send(6).unwrap();
            });
            rx.recv()
        });
        assert_eq!(got.unwrap(), Ok(6));
    })
}

#[test]
fn busy_run_is_never_judged() {
    alone(&workers_wanted(), &[], || {
        run(|| {
            let (tx, rx) = channel::<u32>(0);
            let ((a_tx, a), (b_tx, b)) = (channel::<u32>(0), channel::<u32>(0));
            let h = spawn(move || rx.recv());
            until_parked(1);
            go(move || a.iter().for_each(|v| b_tx.send(v).unwrap()));
            for i in 0..20_000 {
                a_tx.send(i).unwrap();
                assert_eq!(b.recv(), Ok(i));
            }
            tx.send(1).unwrap();
            assert_eq!(h.join().unwrap(), Ok(1));
        })
        .unwrap();
    })
}

//! One test for each planted mutant (features `mutant_*` of the crate, `tools/mutants.py`): with the mutant it fails, or
//! hangs until its watchdog ends it, within a few seconds.
//!
//! What this is: small programs whose only purpose is to meet one rule of the protocols surely. They pass without a
//! mutant, as every other test does. What it is NOT: the tests of those rules; the suites have them.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::wait::cancel;
use gort::{Status, Wait, channel, go, sleep, spawn};
use std::ptr::null;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{check_on, fail, ms, plain_on, until_parked, us, watchdog};

/// A hang counts as dead after this.
fn soon() {
    watchdog(ms(8000))
}

/// mutant_skip_unlink. A wait that ended by its deadline must leave the queue: else the party's next wait, on another
/// channel, is found in the first one's queue and is given the first one's value.
#[test]
fn expired_wait_is_not_found_by_a_later_sender() {
    check_on(&[1, 2], || {
        soon();
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        let h = spawn(move || {
            assert_eq!(rx1.recv_with(Wait::timeout(us(100))), Err(Status::TimedOut));
            let got = rx2.recv();
            drop(rx1);
            got
        });
        // The second wait: a task that is parked for a receive and has no timer.
        until_parked(1);
        while support::count_tasks(|t| t.party.timed.load(Relaxed) == 0 && t.party.ticket.waiting().is_some()) == 0 {
            gort::yield_now();
        }
        assert_eq!(tx1.try_send(1).unwrap_err().status, Status::WouldBlock, "nobody waits there");
        tx2.send(2).unwrap();
        assert_eq!(h.join().unwrap(), Ok(2));
    })
}

/// mutant_skip_seq_check. A cancel that collected a wait which ended meanwhile must not end the next one: tasks wait under
/// a source, then without one, while values and the cancel race.
#[test]
fn late_cancel_does_not_end_the_next_wait() {
    plain_on(&[2], || {
        soon();
        const N: usize = 300;
        for _ in 0..60 {
            // SAFETY: no parent; freed below, when nobody watches it.
            let source = unsafe { cancel::create(null()) }.unwrap();
            let at = source.as_ptr().expose_provenance();
            let ends: Vec<_> = (0..N).map(|_| channel::<u32>(1)).collect();
            let hs: Vec<_> = ends
                .iter()
                .map(|(_, rx)| rx.clone())
                .map(|rx| {
                    // SAFETY: nothing here depends on the thread; the source outlives the tasks.
                    unsafe {
                        gort::spawn_migratable(move || {
                            let source = &*std::ptr::with_exposed_provenance::<cancel::CancelSource>(at);
                            let first = rx.recv_with(Wait::forever().source(source));
                            // This one nobody may cancel. It has a deadline, or only who holds the channel's lock could try to (ticket.rs I4).
                            (first, rx.recv_with(Wait::timeout(ms(20_000))))
                        })
                    }
                })
                .collect();
            until_parked(N);
            let started = Arc::new(AtomicBool::new(false));
            let theirs = started.clone();
            let canceller = std::thread::spawn(move || {
                theirs.store(true, SeqCst);
                // SAFETY: alive until the thread is joined.
                unsafe { &*std::ptr::with_exposed_provenance::<cancel::CancelSource>(at) }.cancel(Status::Canceled)
            });
            while !started.load(SeqCst) {}
            for (tx, _) in ends.iter().rev() {
                tx.send(1).unwrap();
            }
            assert!(canceller.join().unwrap());
            for (tx, _) in &ends {
                let _ = tx.try_send(2);
            }
            for h in hs {
                let (first, second) = h.join().unwrap();
                assert!(matches!(first, Ok(1) | Err(Status::Canceled)), "{first:?}");
                assert!(second.is_ok(), "a receive without a source ended with {second:?}");
            }
            // SAFETY: ours, and nobody watches it.
            assert_eq!(unsafe { cancel::free(source) }, Status::Ok);
        }
    })
}

/// mutant_drop_wakeup. Work from outside must wake a sleeping worker each time.
#[test]
fn every_task_spawned_into_a_sleeping_runtime_runs() {
    plain_on(&[1, 2], || {
        for i in 0..30 {
            let ran = Arc::new(AtomicUsize::new(0));
            let theirs = ran.clone();
            go(move || theirs.store(1, SeqCst));
            for _ in 0..2000 {
                if ran.load(SeqCst) == 1 {
                    break;
                }
                support::block_thread(ms(1));
            }
            if ran.load(SeqCst) == 0 {
                fail(&format!("task {i} was never run"))
            }
            support::block_thread(ms(3)); // all workers fall asleep
        }
    })
}

/// mutant_unlock_before_commit. A sender that finds a receiver in the queue must be able to win its ticket: else the
/// receiver is dropped from the queue and sleeps for ever.
#[test]
fn rendezvous_between_two_threads_never_misses() {
    plain_on(&[2], || {
        soon();
        let ((a_tx, a), (b_tx, b)) = (channel::<usize>(0), channel::<usize>(0));
        let h = spawn(move || a.iter().for_each(|v| b_tx.send(v).unwrap()));
        for i in 0..20_000 {
            a_tx.send(i).unwrap();
            assert_eq!(b.recv(), Ok(i));
        }
        drop(a_tx);
        h.join().unwrap();
    })
}

/// mutant_lose_retake. A processor that was taken from a hog must go to somebody.
#[test]
fn task_behind_a_hog_runs_on_the_processor_taken_from_it() {
    check_on(&[1], || {
        soon();
        let done = Arc::new(AtomicBool::new(false));
        let theirs = done.clone();
        let hog = spawn(move || {
            while !theirs.load(SeqCst) {
                std::hint::spin_loop();
            }
        });
        let theirs = done.clone();
        // SAFETY: nothing here depends on the thread.
        let other = unsafe {
            gort::spawn_migratable(move || {
                sleep(us(100)).unwrap(); // the hog has begun
                theirs.store(true, SeqCst)
            })
        };
        other.join().unwrap();
        hog.join().unwrap();
    })
}

/// mutant_close_without_waking. Close must wake whoever is parked.
#[test]
fn close_wakes_parked_senders_and_receivers() {
    check_on(&[1, 2], || {
        soon();
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        let theirs = tx2.clone();
        let receiver = spawn(move || rx1.recv());
        let sender = spawn(move || theirs.send(1).map_err(|e| e.status));
        until_parked(2);
        tx1.close().unwrap();
        tx2.close().unwrap();
        assert_eq!(receiver.join().unwrap(), Err(Status::Closed));
        assert_eq!(sender.join().unwrap(), Err(Status::Closed));
        drop(rx2);
    })
}

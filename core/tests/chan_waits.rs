//! Channels: what ends a wait besides the counterpart, and plain threads as parties.
//!
//! What this is: deadlines, cancel sources, cancelled tasks, and the same for threads that are no tasks. What it is NOT:
//! timers under load (sched.rs) or the tree of contexts (floor 4).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::wait::cancel;
use gort::{Receiver, Status, Time, Wait, channel, go, now, sleep, spawn, yield_now};
use std::ptr::null;
use support::sync::Arc;
use support::{check, ms, plain, repeat, scale, until_parked, us};

// ---- deadlines and cancellation

#[test]
fn deadline_of_a_wait_is_never_early_and_leaves_nothing() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        repeat(20, 4, |i| {
            let d = us(1 + (i as u64 % 20) * 100);
            let start = now();
            assert_eq!(rx.recv_with(Wait::timeout(d)), Err(Status::TimedOut));
            assert!(now().0 - start.0 >= d.as_nanos() as i64, "early");
            let start = now();
            assert_eq!(tx.send_with(1, Wait::timeout(d)).unwrap_err().status, Status::TimedOut);
            assert!(now().0 - start.0 >= d.as_nanos() as i64, "early");
            // Nobody is left in the queues.
            assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock);
            assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
        })
    })
}

#[test]
fn past_deadline_still_takes_what_is_ready() {
    check(|| {
        let (tx, rx) = channel::<u32>(1);
        for t in [Time(0), Time(-5), Time(i64::MIN), now()] {
            assert_eq!(rx.recv_with(Wait::until(t)), Err(Status::TimedOut));
            tx.send_with(1, Wait::until(t)).unwrap();
            assert_eq!(tx.send_with(2, Wait::until(t)).unwrap_err().status, Status::TimedOut);
            assert_eq!(rx.recv_with(Wait::until(t)), Ok(1));
        }
    })
}

#[test]
fn endless_deadlines_end_by_the_value_only() {
    check(|| {
        for w in [Wait::forever(), Wait::until(Time::NEVER), Wait::timeout(std::time::Duration::MAX)] {
            let (tx, rx) = channel::<u32>(0);
            go(move || {
                sleep(us(200)).unwrap();
                tx.send(3).unwrap();
            });
            assert_eq!(rx.recv_with(w), Ok(3));
        }
    })
}

#[test]
fn value_and_deadline_race_and_one_of_them_wins() {
    check(|| {
        let (mut values, mut timeouts) = (0, 0);
        repeat(400, 2, |i| {
            let (tx, rx) = channel::<usize>(0);
            let h = spawn(move || {
                let _ = sleep(us(50));
                tx.send_with(i, Wait::timeout(us(50)))
            });
            match rx.recv_with(Wait::timeout(us(60))) {
                Ok(v) => {
                    assert_eq!(v, i);
                    assert!(h.join().unwrap().is_ok(), "received, but not sent");
                    values += 1;
                }
                Err(s) => {
                    assert_eq!(s, Status::TimedOut);
                    assert!(h.join().unwrap().is_err(), "sent, but not received");
                    timeouts += 1;
                }
            }
        });
        println!("{values} values, {timeouts} deadlines");
    })
}

/// A source of the test's own, freed at the end.
struct Source(std::ptr::NonNull<cancel::CancelSource>);
// SAFETY: a source may be used from any thread.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}
impl Source {
    fn new() -> Arc<Source> {
        // SAFETY: no parent.
        Arc::new(Source(unsafe { cancel::create(null()) }.unwrap()))
    }
    fn get(&self) -> &cancel::CancelSource {
        // SAFETY: alive until our drop.
        unsafe { self.0.as_ref() }
    }
}
impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody watches it any more.
        assert_eq!(unsafe { cancel::free(self.0) }, Status::Ok);
    }
}

fn under(s: &Source) -> Wait<'_> {
    Wait::forever().source(s.get())
}

#[test]
fn cancel_source_ends_every_wait_under_it_with_its_cause() {
    check(|| {
        for cause in [Status::Canceled, Status::TimedOut] {
            let s = Source::new();
            let (tx, rx) = channel::<u32>(0);
            let (tx2, rx2) = channel::<u32>(0);
            let receivers: Vec<_> =
                (0..8).map(|_| (s.clone(), rx.clone())).map(|(s, rx)| spawn(move || rx.recv_with(under(&s)))).collect();
            let senders: Vec<_> = (0..8)
                .map(|i| (i, s.clone(), tx2.clone()))
                .map(|(i, s, tx)| spawn(move || tx.send_with(i, under(&s)).map_err(|e| (e.value, e.status))))
                .collect();
            until_parked(16);
            assert!(s.get().cancel(cause));
            assert!(!s.get().cancel(Status::Canceled), "the first cause stays");
            receivers.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), Err(cause)));
            senders.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), Err((i as u32, cause))));
            // What is ready goes ahead all the same; what would wait does not begin to.
            assert_eq!(rx.recv_with(under(&s)), Err(cause));
            assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock, "no receiver is left in the queue");
            assert_eq!(rx2.try_recv(), Err(Status::WouldBlock), "no sender is left in the queue");
        }
    })
}

#[test]
fn cancelled_parent_ends_the_waits_of_its_children() {
    check(|| {
        // SAFETY: each source is freed after its children.
        unsafe {
            let top = cancel::create(null()).unwrap();
            let mid = cancel::create(top.as_ptr()).unwrap();
            let low = cancel::create(mid.as_ptr()).unwrap();
            let (_tx, rx) = channel::<u32>(0);
            let at = low.as_ptr().expose_provenance();
            let rx2: Receiver<u32> = rx.clone();
            let h = spawn(move || {
                let source = &*std::ptr::with_exposed_provenance::<cancel::CancelSource>(at);
                rx2.recv_with(Wait::forever().source(source))
            });
            until_parked(1);
            assert_eq!(cancel::free(top), Status::Misuse, "it has a child");
            assert!(top.as_ref().cancel(Status::Canceled));
            assert_eq!(h.join().unwrap(), Err(Status::Canceled));
            assert_eq!((mid.as_ref().cause(), low.as_ref().cause()), (Some(Status::Canceled), Some(Status::Canceled)));
            let late = cancel::create(low.as_ptr()).unwrap();
            assert_eq!(late.as_ref().cause(), Some(Status::Canceled), "born cancelled");
            [late, low, mid, top].into_iter().for_each(|s| assert_eq!(cancel::free(s), Status::Ok));
        }
    })
}

#[test]
fn cancel_races_with_a_value_and_one_of_them_wins() {
    check(|| {
        repeat(1500, 3, |i| {
            let s = Source::new();
            let (tx, rx) = channel::<usize>(0);
            let (s2, rx2) = (s.clone(), rx.clone());
            let h = spawn(move || rx2.recv_with(under(&s2)));
            let h2 = spawn(move || tx.try_send(i).is_ok());
            if i % 3 != 0 {
                yield_now()
            }
            s.get().cancel(Status::Canceled);
            let sent = h2.join().unwrap();
            match h.join().unwrap() {
                Ok(v) => assert!(sent && v == i),
                Err(e) => assert!(!sent && matches!(e, Status::Canceled | Status::Closed), "{e:?}, sent: {sent}"),
            }
        })
    })
}

#[test]
fn cancelled_task_gets_canceled_from_send_and_receive() {
    check(|| {
        let ((tx, rx), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        let (theirs, theirs2) = (rx.clone(), tx2.clone());
        let receiver = spawn(move || theirs.recv());
        let sender = spawn(move || theirs2.send(4).map_err(|e| (e.value, e.status)));
        until_parked(2);
        receiver.cancel();
        sender.cancel();
        assert_eq!(receiver.join().unwrap(), Err(Status::Canceled));
        assert_eq!(sender.join().unwrap(), Err((4, Status::Canceled)));
        assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock, "no waiter is left");
        assert_eq!(rx2.try_recv(), Err(Status::WouldBlock), "no waiter is left");
    })
}

// ---- plain threads

#[test]
fn plain_threads_block_and_are_woken_like_tasks() {
    plain(|| {
        for cap in [0, 1, 8] {
            let n = scale(3000, 30_000);
            let (tx, rx) = channel::<usize>(cap);
            let ts: Vec<_> = (0..3)
                .map(|_| tx.clone())
                .map(|tx| std::thread::spawn(move || (0..n).for_each(|i| tx.send(i).unwrap())))
                .collect();
            drop(tx);
            let rs: Vec<_> =
                (0..2).map(|_| rx.clone()).map(|rx| std::thread::spawn(move || rx.iter().sum::<usize>())).collect();
            ts.into_iter().for_each(|t| t.join().unwrap());
            let sum: usize = rs.into_iter().map(|t| t.join().unwrap()).sum();
            assert_eq!(sum, 3 * n * (n - 1) / 2);
        }
        let (tx, rx) = channel::<u32>(0);
        assert_eq!(rx.recv_with(Wait::timeout(ms(1))), Err(Status::TimedOut));
        let t = std::thread::spawn(move || rx.recv());
        support::block_thread(ms(2));
        drop(tx);
        assert_eq!(t.join().unwrap(), Err(Status::Closed));
    })
}

#[test]
fn threads_and_tasks_meet_on_one_channel() {
    plain(|| {
        let n = scale(3000, 100_000);
        let (tx, rx) = channel::<usize>(0);
        let (back_tx, back) = channel::<usize>(0);
        let h = spawn(move || rx.iter().for_each(|v| back_tx.send(v + 1).unwrap()));
        for i in 0..n {
            tx.send(i).unwrap();
            assert_eq!(back.recv(), Ok(i + 1));
        }
        drop(tx);
        h.join().unwrap();
    })
}

#[test]
fn thread_wait_is_ended_by_a_cancel_source() {
    plain(|| {
        repeat(50, 2, |i| {
            let s = Source::new();
            let (_tx, rx) = channel::<u32>(0);
            let s2 = s.clone();
            let t = std::thread::spawn(move || rx.recv_with(under(&s2)));
            if i % 2 == 0 {
                support::block_thread(us(300));
            }
            s.get().cancel(Status::Canceled);
            assert_eq!(t.join().unwrap(), Err(Status::Canceled));
        })
    })
}

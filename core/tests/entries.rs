//! Entries of a channel's queues that are no waiters: observers, cases of selectors, what does not fit into a ring (`sched/party.rs` W1).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::select::Case;
use gort::chan::{later, notify};
use gort::sched::Cx;
use gort::sched::callback::Callback;
use gort::wait::Wait;
use gort::{Status, channel, spawn};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::{check, plain, until, until_parked};

/// The number of the calling party's next wait: the largest there is, all of whose bits are set.
fn number_the_next_wait() {
    let cx = gort::sched::enter().unwrap();
    let t = &cx.party().ticket;
    t.open((1 << 40) - 2);
    t.close();
    assert_eq!(t.next_seq(), (1 << 40) - 1);
    cx.exit();
}

/// An observer's entry is nobody's wait, whatever the number of its own party's: the value stays in the channel.
#[test]
fn task_that_observes_in_the_last_of_all_waits_takes_no_value() {
    check(|| {
        let (tx, rx) = channel::<u64>(1);
        let observer = spawn(move || {
            number_the_next_wait();
            // SAFETY: the channel is alive while we have its end.
            let s = unsafe { notify::readable(rx.as_raw(), Wait::FOREVER) };
            (s, rx.try_recv())
        });
        until_parked(1);
        tx.try_send(7).unwrap();
        assert_eq!(observer.join().unwrap(), (Status::Ok, Ok(7)));
    })
}

#[test]
fn thread_that_observes_in_the_last_of_all_waits_takes_no_value() {
    plain(|| {
        let (tx, rx) = channel::<u64>(1);
        let observer = std::thread::spawn(move || {
            number_the_next_wait();
            (rx.readable(), rx.try_recv())
        });
        until(|| gort::sched::thread::all().any(|t| t.party.ticket.waiting().is_some()));
        tx.try_send(7).unwrap();
        assert_eq!(observer.join().unwrap(), (Ok(()), Ok(7)));
    })
}

static CALLED: AtomicUsize = AtomicUsize::new(0);

unsafe fn count(_: Cx, _: &Callback) {
    CALLED.fetch_add(1, SeqCst);
}

/// From inside nothing can be taken out of a queue: that is said, and is not "it was won".
#[test]
fn callback_that_is_withdrawn_from_inside_stays_enlisted() {
    plain(|| {
        let (tx, rx) = channel::<u64>(0);
        let cb = Callback::create(count, null_mut()).unwrap();
        let mut at = 0u64;
        // SAFETY: our callback, channel and place; they stay until the wait is over.
        unsafe {
            let c = cb.as_ref();
            assert_eq!(later::recv(rx.as_raw(), c), Status::WouldBlock);
            let inside = gort::sched::enter().unwrap();
            assert_eq!(later::withdraw(rx.as_raw(), c, false), Err(Status::Misuse));
            inside.exit();
            assert_eq!(later::withdraw(rx.as_raw(), c, false), Ok(true));
            let mut s = later::Select::new(Box::new([Case::recv(rx.as_raw(), (&raw mut at).cast())])).unwrap();
            assert_eq!(s.begin(c, false), Err(Status::WouldBlock));
            let inside = gort::sched::enter().unwrap();
            assert_eq!((s.withdraw(c), s.leave()), (Err(Status::Misuse), Status::Misuse));
            inside.exit();
            tx.try_send(7).unwrap();
            assert_eq!((s.withdraw(c), s.leave(), s.outcome(c)), (Ok(false), Status::Ok, Some((0, Status::Ok))));
            assert_eq!((at, CALLED.load(SeqCst)), (7, 1));
            Callback::free(cb);
        }
    })
}

/// A select of a callback that goes without having left its queues: what stands there stays.
#[test]
fn callbacks_select_that_is_dropped_before_it_left_leaves_its_waiters() {
    plain(|| {
        let (tx, rx) = channel::<u64>(0);
        let cb = Callback::create(count, null_mut()).unwrap();
        let mut at = 0u64;
        // SAFETY: as above; nobody wins the wait after it was withdrawn.
        unsafe {
            let c = cb.as_ref();
            let mut s = later::Select::new(Box::new([Case::recv(rx.as_raw(), (&raw mut at).cast())])).unwrap();
            assert_eq!(s.begin(c, false), Err(Status::WouldBlock));
            assert_eq!(s.withdraw(c), Ok(true));
            drop(s);
            let others: Vec<Box<[u64; 16]>> = (0..100).map(|_| Box::new([u64::MAX; 16])).collect();
            assert!(matches!(tx.try_send(7), Err(e) if e.status == Status::WouldBlock));
            assert!(others.iter().all(|o| **o == [u64::MAX; 16]), "a waiter that is gone was written to");
            Callback::free(cb);
        }
        assert_eq!(at, 0);
    })
}

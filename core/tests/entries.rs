//! Entries of a channel's queues that are no waiters: observers, cases of selectors, what does not fit into a ring (`sched/party.rs` W1).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::notify;
use gort::wait::Wait;
use gort::{Status, channel, spawn};
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

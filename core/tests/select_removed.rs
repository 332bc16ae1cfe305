//! `gort::Select`: a case that was taken out is never ready again, whatever is asked with its token.
//!
//! The rest of the dynamic select stands in select_dynamic.rs.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::{Select, Status, Time, channel};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;
use support::plain;

/// A time that is set anew would bring it back.
#[test]
fn time_case_that_was_taken_out_can_not_be_set_again() {
    plain(|| {
        support::allow_panics();
        let mut s = Select::new();
        let t = s.after(Duration::from_secs(600));
        assert!(s.remove(t));
        let set = catch_unwind(AssertUnwindSafe(|| s.reset(t, Time::after(Duration::ZERO))));
        assert!(set.is_err(), "it was set");
        assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        assert!(s.remove(t));
    })
}

#[test]
fn send_and_receive_cases_that_were_taken_out_stay_so() {
    plain(|| {
        support::allow_panics();
        let (tx, rx) = channel::<u64>(2);
        let mut s = Select::new();
        let (send, recv) = (s.send(&tx, 1), s.recv(&rx));
        tx.send(5).unwrap();
        assert!(s.remove(send) && s.remove(recv));
        assert_eq!(s.take(send), None);
        assert!(catch_unwind(AssertUnwindSafe(|| s.put(send, 2))).is_err());
        assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        assert_eq!(rx.try_recv(), Ok(5));
    })
}

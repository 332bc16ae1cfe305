//! A channel's descriptor and select: WOULD_BLOCK of a select with default, or of a selector's try, is one of each of its receive cases, and arms.
//!
//! What a receive does with a descriptor stands in observe.rs.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::{Receiver, Selector, Status, channel, select};
use std::os::fd::{AsRawFd, BorrowedFd};
use support::{plain, until};

/// Reads it: was it readable?
fn read(fd: BorrowedFd<'_>) -> bool {
    let mut n = 0u64;
    // SAFETY: 8 bytes that may be written; the descriptor never blocks.
    unsafe { libc::read(fd.as_raw_fd(), (&raw mut n).cast(), 8) == 8 }
}

fn watched(rx: &Receiver<u64>) -> BorrowedFd<'_> {
    let fd = rx.notify_fd().unwrap();
    assert!(!read(fd), "nothing came yet");
    fd
}

#[test]
fn select_with_default_arms_the_descriptors_of_its_receive_cases() {
    plain(|| {
        let ((a, ra), (b, rb)) = (channel::<u64>(1), channel::<u64>(1));
        let (fa, fb) = (watched(&ra), watched(&rb));
        for n in 0..3 {
            a.send(n).unwrap();
            b.send(n).unwrap();
            assert!(read(fa) && read(fb), "round {n}");
            let mut got = 0;
            while select! {
                recv(ra) -> v => { got += v.unwrap() + 1; true }
                recv(rb) -> v => { got += v.unwrap() + 1; true }
                default => false
            } {}
            assert_eq!(got, 2 * (n + 1));
            assert!(!read(fa) && !read(fb));
        }
    })
}

#[test]
fn dynamic_select_that_tries_arms_the_descriptor() {
    plain(|| {
        let (tx, rx) = channel::<u64>(1);
        let fd = watched(&rx);
        let mut s = gort::Select::new();
        let case = s.recv(&rx);
        for n in 0..3 {
            tx.send(n).unwrap();
            assert!(read(fd), "round {n}");
            assert_eq!(s.try_wait().unwrap().recv(case), Some(Ok(n)));
            assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        }
    })
}

#[test]
fn selector_that_tries_arms_the_descriptor() {
    plain(|| {
        let (tx, rx) = channel::<u64>(1);
        let fd = watched(&rx);
        let mut s = Selector::new();
        let case = s.recv(&rx).unwrap();
        for n in 0..3 {
            tx.send(n).unwrap();
            assert!(read(fd), "round {n}");
            assert_eq!(s.try_wait().unwrap().recv(case), Some(Ok(n)));
            assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        }
    })
}

/// The descriptor, a receiver that waits, and the selector's case stand in the queue in this order: a value tells of itself and goes to the receiver. The case was never met, and the next try says
/// WOULD_BLOCK without looking at the channel.
#[test]
fn selector_that_tries_arms_also_where_its_case_was_not_met() {
    plain(|| {
        let (tx, rx) = channel::<u64>(0);
        let fd = watched(&rx);
        let theirs = rx.clone();
        let receiver = std::thread::spawn(move || theirs.recv());
        until(|| gort::sched::thread::all().any(|t| t.party.ticket.waiting().is_some()));
        let mut s = Selector::new();
        let case = s.recv(&rx).unwrap();
        assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        tx.send(1).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
        assert!(read(fd), "for nothing, as it may be");
        assert_eq!(s.try_wait().map(|_| ()), Err(Status::WouldBlock));
        let sender = std::thread::spawn(move || tx.send(2).unwrap());
        until(|| read(fd));
        assert_eq!(s.try_wait().unwrap().recv(case), Some(Ok(2)));
        sender.join().unwrap();
    })
}

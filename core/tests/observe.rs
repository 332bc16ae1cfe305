//! Who is told that there may be something to receive, and takes nothing: `readable`, and the descriptor of `notify_fd`.
//!
//! What it is NOT: the asyncio side of the same entries (the Python suites), or receivers proper (chan.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/source.rs"]
mod source;
mod support;

use gort::{Receiver, Sender, Status, Wait, WaitGroup, channel, go, spawn, unbounded};
use source::Source;
use std::os::fd::{AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, ms, plain, repeat, scale, until, until_parked, us};

// ---- readable

#[test]
fn readable_at_once_with_a_value_a_sender_or_a_close() {
    check(|| {
        let (tx, rx) = channel::<u8>(2);
        assert_eq!(rx.readable_with(Wait::timeout(us(200))), Err(Status::TimedOut));
        tx.send(1).unwrap();
        (0..3).for_each(|_| assert_eq!(rx.readable(), Ok(())));
        assert_eq!((rx.len(), rx.recv()), (1, Ok(1)), "nothing was taken");
        assert_eq!(rx.readable_with(Wait::timeout(Duration::ZERO)), Err(Status::TimedOut));
        tx.close().unwrap();
        (0..3).for_each(|_| assert_eq!(rx.readable(), Ok(())));
        assert_eq!(rx.recv(), Err(Status::Closed));
        let (tx, rx) = channel::<u8>(0);
        let h = spawn(move || tx.send(5));
        until_parked(1);
        assert_eq!((rx.readable(), rx.try_recv()), (Ok(()), Ok(5)));
        h.join().unwrap().unwrap();
        let (tx, rx) = unbounded::<u8>();
        (0..100).for_each(|i| tx.send(i).unwrap());
        assert_eq!((rx.readable(), rx.len()), (Ok(()), 100));
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn readable_is_woken_by_every_way_to_become_ready() {
    type Way = fn(Sender<u8>, Receiver<u8>);
    let ways: [(Way, usize, Result<u8, Status>); 6] = [
        (|tx, _| tx.send(7).unwrap(), 1, Ok(7)),
        (|tx, _| tx.send(7).unwrap(), 0, Ok(7)),
        (|tx, _| _ = tx.try_send_many(&mut vec![7, 8]), 1, Ok(7)),
        (|tx, _| tx.close().unwrap(), 1, Err(Status::Closed)),
        (|tx, _| drop(tx), 1, Err(Status::Closed)),
        (|_, rx| rx.abandon(), 1, Err(Status::Closed)),
    ];
    check(move || {
        for (way, cap, wanted) in ways {
            let (tx, rx) = channel::<u8>(cap);
            let (a, b) = (rx.clone(), rx.clone());
            let all = [spawn(move || a.readable()), spawn(move || b.readable())];
            until_parked(2);
            let theirs = rx.clone();
            let h = spawn(move || way(tx, theirs));
            // All are told.
            all.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), Ok(())));
            let mut got = rx.try_recv();
            while got == Err(Status::WouldBlock) {
                gort::yield_now(); // told by a sender that is about to wait
                got = rx.try_recv();
            }
            assert_eq!(got, wanted);
            h.join().unwrap();
        }
        until(|| support::count_tasks(|_| true) == 1);
    })
}

#[test]
fn receiver_that_waited_longer_takes_the_value_and_nobody_is_told() {
    check(|| {
        let (tx, rx) = channel::<u8>(1);
        let (a, b) = (rx.clone(), rx.clone());
        let receiver = spawn(move || a.recv());
        until_parked(1);
        let observer = spawn(move || b.readable());
        until_parked(2);
        tx.send(1).unwrap();
        assert_eq!(receiver.join().unwrap(), Ok(1));
        assert!(!observer.is_finished());
        tx.send(2).unwrap();
        assert_eq!(observer.join().unwrap(), Ok(()));
        assert_eq!(rx.recv(), Ok(2));
        // The other order: the observer is told, and the receiver behind it gets the value.
        let (a, b) = (rx.clone(), rx);
        let observer = spawn(move || a.readable());
        until_parked(1);
        let receiver = spawn(move || b.recv());
        until_parked(2);
        tx.send(3).unwrap();
        assert_eq!((observer.join().unwrap(), receiver.join().unwrap()), (Ok(()), Ok(3)));
    })
}

#[test]
fn limits_and_cancellation_end_it_and_leave_nothing_in_the_queue() {
    check(|| {
        let (tx, rx) = channel::<u8>(1);
        let source = Source::new();
        let (theirs, under) = (rx.clone(), source.clone());
        let h = spawn(move || theirs.readable_with(under.wait()));
        until_parked(1);
        assert!(source.cancel(Status::Canceled));
        assert_eq!(h.join().unwrap(), Err(Status::Canceled));
        let theirs = rx.clone();
        let h = spawn(move || (theirs.readable(), theirs.readable(), theirs.try_recv()));
        until_parked(1);
        h.cancel();
        let canceled = Err(Status::Canceled);
        assert_eq!(h.join().unwrap(), (canceled, canceled, Err(Status::WouldBlock)));
        // Who waits next is told as ever, by the first value.
        let theirs = rx.clone();
        let h = spawn(move || theirs.readable());
        until_parked(1);
        tx.send(1).unwrap();
        assert_eq!((h.join().unwrap(), rx.recv()), (Ok(()), Ok(1)));
    })
}

/// A loop of readable and try_recv is a receiver: with others like it, and with plain ones, nothing is lost and all end.
#[test]
fn crowd_that_waits_for_readiness_loses_nothing() {
    check(|| {
        repeat(4, 1_000, |round| {
            let each = scale(300, 2_000);
            let (tx, rx) = channel::<usize>([0, 1, 8][round % 3]);
            let wg = WaitGroup::new();
            let got = Arc::new(AtomicUsize::new(0));
            for c in 0..4 {
                let (rx, got) = (rx.clone(), got.clone());
                wg.go(move || {
                    loop {
                        let r = match c {
                            0 => rx.recv(),
                            1 => rx.readable_with(Wait::timeout(us(20))).and_then(|()| rx.try_recv()),
                            _ => rx.readable().and_then(|()| rx.try_recv()),
                        };
                        match r {
                            Ok(_) => _ = got.fetch_add(1, SeqCst),
                            Err(Status::Closed) => return,
                            // A sender that was about to wait may need the thread.
                            Err(Status::WouldBlock) => gort::yield_now(),
                            Err(s) => assert_eq!((c, s), (1, Status::TimedOut)),
                        }
                    }
                });
            }
            drop(rx);
            for _ in 0..3 {
                let tx = tx.clone();
                wg.go(move || (0..each).for_each(|i| tx.send(i).unwrap()));
            }
            drop(tx);
            wg.wait().unwrap();
            assert_eq!(got.load(SeqCst), 3 * each);
        });
    })
}

// ---- the descriptor

/// Is one of them readable now, or within `wait` ms?
fn poll(fds: &[RawFd], wait: i32) -> Vec<bool> {
    let mut polled: Vec<_> = fds.iter().map(|fd| libc::pollfd { fd: *fd, events: libc::POLLIN, revents: 0 }).collect();
    // SAFETY: an array of so many.
    let n = unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, wait) };
    assert!(n >= 0, "poll");
    polled.iter().map(|p| p.revents & libc::POLLIN != 0).collect()
}

fn is_readable(fd: BorrowedFd<'_>) -> bool {
    poll(&[fd.as_raw_fd()], 0)[0]
}

/// Within 20 s: whoever tells does it after the send has returned to its caller, or just before.
fn becomes_readable(fd: BorrowedFd<'_>) -> bool {
    gort::blocking(|| poll(&[fd.as_raw_fd()], 20_000)[0])
}

fn read(fd: BorrowedFd<'_>) -> u64 {
    let mut n = 0u64;
    // SAFETY: 8 writable bytes.
    let got = unsafe { libc::read(fd.as_raw_fd(), (&raw mut n).cast(), 8) };
    assert_eq!(got, 8, "a descriptor that was readable");
    n
}

#[test]
fn descriptor_tells_each_time_after_would_block() {
    check(|| {
        let (tx, rx) = channel::<u32>(8);
        let fd = rx.notify_fd().unwrap();
        assert!(!is_readable(fd));
        for round in 0..10 {
            tx.send(round).unwrap();
            assert!(becomes_readable(fd));
            tx.send(100).unwrap(); // not armed: nothing new is told
            assert_eq!(read(fd), 1);
            assert!(!is_readable(fd));
            assert_eq!((rx.try_recv(), rx.try_recv()), (Ok(round), Ok(100)));
            assert_eq!(rx.try_recv(), Err(Status::WouldBlock)); // armed
            assert!(!is_readable(fd));
        }
        drop(tx);
        assert!(becomes_readable(fd));
        assert_eq!((read(fd), rx.try_recv()), (1, Err(Status::Closed)));
    })
}

#[test]
fn descriptor_is_the_channels_own_and_goes_with_it() {
    plain(|| {
        let events = || {
            let links =
                std::fs::read_dir("/proc/self/fd").unwrap().filter_map(|e| std::fs::read_link(e.ok()?.path()).ok());
            links.filter(|l| l.to_string_lossy().contains("eventfd")).count()
        };
        let (tx, rx) = channel::<u8>(1);
        tx.send(1).unwrap(); // starts what gort itself needs
        let before = events();
        let fd = rx.notify_fd().unwrap();
        assert!(becomes_readable(fd), "there was a value already");
        let other = rx.clone();
        assert_eq!(other.notify_fd().unwrap().as_raw_fd(), fd.as_raw_fd());
        assert_eq!(events(), before + 1);
        drop(other);
        drop((tx, rx));
        assert_eq!(events(), before);
    })
}

#[test]
fn descriptor_tells_of_a_sender_without_buffer_of_closing_and_of_the_overflow() {
    check(|| {
        let (tx, rx) = channel::<u8>(0);
        let fd = rx.notify_fd().unwrap();
        let h = spawn(move || tx.send(5));
        assert!(becomes_readable(fd));
        until_parked(1);
        assert_eq!((read(fd), rx.try_recv()), (1, Ok(5)));
        h.join().unwrap().unwrap();
        assert_eq!(rx.try_recv(), Err(Status::Closed));
        let (tx, rx) = unbounded::<u64>();
        let fd = rx.notify_fd().unwrap();
        for round in 1..4 {
            (0..round * 500).for_each(|i| tx.send(i).unwrap());
            assert!(becomes_readable(fd));
            read(fd);
            assert!((0..round * 500).all(|i| rx.try_recv() == Ok(i)));
            assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
        }
        rx.abandon();
        assert!(becomes_readable(fd));
    })
}

/// N3, for batches: one that finds nothing arms the descriptor as a single receive does.
#[test]
fn batch_that_would_block_arms_the_descriptor() {
    check(|| {
        let (tx, rx) = channel::<u32>(8);
        let fd = rx.notify_fd().unwrap();
        let mut got = vec![];
        for round in 0..5 {
            tx.send_many(&mut vec![round, round]).unwrap();
            assert!(becomes_readable(fd));
            read(fd);
            assert_eq!(rx.try_recv_many(&mut got, 100), Ok(2));
            assert_eq!(rx.try_recv_many(&mut got, 100), Err(Status::WouldBlock));
            assert!(!is_readable(fd));
        }
        assert_eq!(got.len(), 10);
    })
}

#[test]
fn descriptor_hears_nothing_of_what_a_waiting_receiver_takes() {
    check(|| {
        let (tx, rx) = channel::<u8>(1);
        let theirs = rx.clone();
        let h = spawn(move || theirs.recv());
        until_parked(1);
        let fd = rx.notify_fd().unwrap(); // behind it in the queue
        tx.send(1).unwrap();
        assert_eq!(h.join().unwrap(), Ok(1));
        assert!(!is_readable(fd));
        tx.send(2).unwrap();
        assert!(becomes_readable(fd));
        assert_eq!(rx.recv(), Ok(2));
    })
}

/// A caller with a loop of its own: one thread polls three channels that tasks fill, by single receives and by batches.
#[test]
fn polling_loop_over_channels_loses_nothing() {
    plain(|| {
        let each = scale(2_000, 50_000);
        let ends: Vec<_> = [Some(0), Some(4), None].iter().map(|c| c.map_or_else(unbounded, channel)).collect();
        for (tx, _) in &ends {
            for p in 0..2 {
                let tx = tx.clone();
                go(move || (0..each).for_each(|i| tx.send(p * each + i).unwrap()));
            }
        }
        let rxs: Vec<Receiver<usize>> = ends.into_iter().map(|(_, rx)| rx).collect();
        let fds: Vec<_> = rxs.iter().map(|rx| rx.notify_fd().unwrap()).collect();
        let raw: Vec<RawFd> = fds.iter().map(|fd| fd.as_raw_fd()).collect();
        let (mut open, mut got) = ([true; 3], vec![]);
        while open.contains(&true) {
            let ready = poll(&raw, 20_000);
            assert!(ready.contains(&true), "nothing was told for 20 s");
            for i in (0..3).filter(|i| ready[*i]) {
                read(fds[i]);
                let end = loop {
                    let r = if i == 1 {
                        rxs[i].try_recv_many(&mut got, 7)
                    } else {
                        rxs[i].try_recv().map(|v| got.push(v)).map(|()| 1)
                    };
                    if let Err(s) = r {
                        break s;
                    }
                };
                if end == Status::Closed {
                    open[i] = false;
                }
            }
        }
        assert_eq!(got.len(), 6 * each);
        assert_eq!(got.iter().sum::<usize>(), 3 * (0..2 * each).sum::<usize>());
        until(|| support::count_tasks(|_| true) == 0);
    })
}

#[test]
fn observers_come_and_go_while_values_pass() {
    check(|| {
        repeat(20, 50, |round| {
            let (tx, rx) = channel::<usize>(round % 2);
            let fd = rx.notify_fd().unwrap();
            let (a, b) = (rx.clone(), rx.clone());
            let observers = [
                spawn(move || {
                    while a.readable_with(Wait::timeout(us(5))) != Ok(()) || !a.is_closed() {
                        gort::yield_now()
                    }
                }),
                spawn(move || {
                    while b.readable_with(Wait::timeout(us(9))) != Ok(()) || !b.is_closed() {
                        gort::yield_now()
                    }
                }),
            ];
            let h = spawn(move || (0..50).for_each(|i| tx.send_with(i, Wait::timeout(ms(20_000))).unwrap()));
            assert!(rx.iter().eq(0..50));
            h.join().unwrap();
            observers.into_iter().for_each(|h| h.join().unwrap());
            assert!(is_readable(fd) || rx.try_recv() == Err(Status::Closed));
        });
    })
}

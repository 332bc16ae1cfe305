//! Channels: values of every size, and who drops them (C10, I6, I7).
//!
//! What this is: each value is dropped exactly once, by whoever has it: receiver, channel, or the sender whose send failed;
//! and it arrives whole whatever its size and alignment. What it is NOT: the rules of waiting (chan.rs, chan_waits.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use gort::{Status, Wait, channel};
use ledger::{Huge, Ledger, NOTHINGS, Nothing, Pad, Val, on_large_stack, roomy};
use std::sync::atomic::Ordering::*;
use support::{check, check_on, repeat, until, until_parked, us};

// ---- C10, I6, I7: every value is dropped exactly once, by whoever has it

fn every_way_of_a_value<P: Pad>() {
    let l = Ledger::default();
    // Received, by way of the buffer and by hand-off.
    for cap in [0, 2] {
        let (tx, rx) = channel::<Val<P>>(cap);
        let theirs = l.clone();
        roomy(move || (0..5).for_each(|i| tx.send(theirs.make(i)).unwrap()));
        (0..5).for_each(|i| assert_eq!(rx.recv().unwrap().1, i));
        l.settle();
    }
    // Left in the buffer when both ends are gone, after a close, and when the receivers go first.
    for way in 0..3 {
        let (tx, rx) = channel::<Val<P>>(3);
        tx.send(l.make(100)).unwrap();
        drop(rx.recv().unwrap());
        (0..3).for_each(|i| tx.send(l.make(i)).unwrap()); // the ring has wrapped
        let before = l.dropped();
        match way {
            0 => drop(tx),
            1 => tx.close().unwrap(),
            _ => {
                drop(rx);
                assert_eq!(l.dropped(), before + 3, "the last receiver's end drops what nobody will read");
                let e = tx.send(l.make(9)).unwrap_err();
                assert_eq!((e.value.1, e.status), (9, Status::Closed));
                continue;
            }
        }
        assert_eq!(l.dropped(), before, "closing alone drops nothing");
        assert_eq!(rx.recv().unwrap().1, 0);
    }
    l.settle();
    // Not accepted: would block, deadline, closed while parked; the sender gets it back.
    let (tx, rx) = channel::<Val<P>>(0);
    let e = tx.try_send(l.make(1)).unwrap_err();
    assert_eq!((e.value.1, e.status), (1, Status::WouldBlock));
    let e = tx.send_with(l.make(2), Wait::timeout(us(200))).unwrap_err();
    assert_eq!((e.value.1, e.status), (2, Status::TimedOut));
    let (theirs, v) = (tx.clone(), l.make(3));
    let h = roomy(move || theirs.send(v));
    until_parked(1);
    rx.abandon();
    let e = h.join().unwrap().unwrap_err();
    assert_eq!((e.value.1, e.status), (3, Status::Closed));
    drop(e);
    // Cancelled while parked.
    let (tx, rx) = channel::<Val<P>>(0);
    let (theirs, v) = (tx.clone(), l.make(4));
    let h = roomy(move || theirs.send(v));
    until_parked(1);
    h.cancel();
    assert_eq!(h.join().unwrap().unwrap_err().status, Status::Canceled);
    drop((tx, rx));
}

#[test]
fn values_are_dropped_exactly_once_in_every_way_they_can_go() {
    check(|| {
        repeat(5, 30, |_| {
            every_way_of_a_value::<[u64; 0]>();
            every_way_of_a_value::<[u64; 1]>();
            every_way_of_a_value::<[u64; 16]>();
        });
        until(|| support::count_tasks(|_| true) == 1);
    })
}

#[test]
fn values_above_64_kib_travel_in_a_box() {
    check_on(&[1, 2], || {
        on_large_stack(every_way_of_a_value::<Huge>);
        let (tx, rx) = channel::<[u8; 65_537]>(1);
        on_large_stack(move || assert!(tx.send([7; 65_537]).is_ok()));
        on_large_stack(move || assert!(rx.recv().unwrap().iter().all(|b| *b == 7)));
    })
}

#[test]
fn values_without_bytes_are_dropped_too() {
    check(|| {
        let (tx, rx) = channel::<Nothing>(4);
        (0..3).for_each(|_| tx.send(Nothing).unwrap());
        drop(rx.recv().unwrap());
        drop((tx, rx));
        assert_eq!(NOTHINGS.load(SeqCst), 3);
    })
}

fn whole<T: Copy + Send + PartialEq + std::fmt::Debug + 'static>(v: T) {
    for cap in [0, 3] {
        let (tx, rx) = channel::<T>(cap);
        let send = move || (0..20).for_each(|_| tx.send(v).unwrap());
        let h = gort::Builder::new().stack_size(1 << 20).spawn(send).unwrap();
        assert_eq!(rx.iter().filter(|got| *got == v).count(), 20, "{} bytes", size_of::<T>());
        h.join().unwrap();
    }
}

#[repr(align(64))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Line(u8);
#[repr(align(4096))]
#[derive(Clone, Copy, PartialEq, Debug)]
struct Page(u8);

#[test]
fn elements_of_every_size_and_alignment_arrive_whole() {
    check(|| {
        whole(7u8);
        whole(0x1234u16);
        whole([1u8, 2, 3]);
        whole(0x1234_5678u32);
        whole([1u8, 2, 3, 4, 5]);
        whole(0x1234_5678_9abc_def0u64);
        whole([9u8; 9]);
        whole(u128::MAX - 5);
        whole([3u64; 3]);
        whole([5u8; 100]);
        whole(Line(9));
        on_large_stack(|| {
            whole(Page(10));
            whole(std::array::from_fn::<u16, 4096, _>(|i| i as u16)); // 8 KiB
        });
    })
}

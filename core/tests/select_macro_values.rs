//! `gort::select!`: every value is dropped exactly once, in every way it can go, whatever its size and alignment; and the bugs that peers had with theirs.
//!
//! What it is NOT: the forms of the macro (select_macro.rs) and its waits (select_macro_waits.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "support/ledger.rs"]
mod ledger;
mod support;

use gort::{Receiver, SendError, Sender, Status, Time, Wait, WaitGroup, channel, select, sleep, spawn, unbounded};
use ledger::{Largest, Ledger, Line, NOTHINGS, Nothing, Pad, TwoPages, Val, on_large_stack, roomy};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, check_on, ms, repeat, scale, until, until_parked, us};

fn every_way_of_a_value<P: Pad>() {
    let l = Ledger::default();
    // Received from the buffer and by hand-off, sent to the buffer and by hand-off.
    for cap in [0, 2] {
        let ((tx, rx), (_keep, never)) = (channel::<Val<P>>(cap), channel::<Val<P>>(0));
        let theirs = l.clone();
        let h = roomy(move || {
            for i in 0..5 {
                select! { send(tx, theirs.make(i)) => {}, recv(never) -> _ => unreachable!() }.unwrap()
            }
        });
        for i in 0..5 {
            let v = select! { recv(rx) -> v => v.unwrap(), after(Duration::MAX) => unreachable!() }.unwrap();
            assert_eq!(v.1, i);
        }
        h.join().unwrap();
        l.settle();
    }
    let ((full, full_rx), (ready_tx, ready)) = (channel::<Val<P>>(0), channel::<Val<P>>(2));
    // Not chosen: dropped before the arm runs. Here by another arm, by default, by a limit.
    ready_tx.send(l.make(1)).unwrap();
    let dropped = l.dropped();
    let got = select! {
        send(full, l.make(2)) -> _ => unreachable!(),
        recv(ready) -> v => { assert_eq!(l.dropped(), dropped + 2); v.unwrap().1 },
        send(full, l.make(3)) => unreachable!(),
    };
    assert_eq!(got, Ok(1));
    l.settle();
    select! { send(full, l.make(4)) => unreachable!(), default => l.settle() }
    select! { until(Time::after(us(200))); send(full, l.make(5)) => unreachable!(), failed(_) => l.settle() }
    // Refused by a closed channel: back by `->`, else dropped. While it waits, and before.
    let waits = |l: &Ledger, full: &Sender<Val<P>>, back: bool| {
        let (l, full) = (l.clone(), full.clone());
        roomy(move || {
            if back {
                select! { send(full, l.make(6)) -> r => { let e = r.unwrap_err(); (e.value.1, e.status) } }.unwrap()
            } else {
                (0, select! { send(full, l.make(7)) => Status::Ok, failed(s) => s })
            }
        })
    };
    let (a, b) = (waits(&l, &full, true), waits(&l, &full, false));
    until_parked(2);
    drop(full_rx);
    assert_eq!((a.join().unwrap(), b.join().unwrap()), ((6, Status::Closed), (0, Status::Closed)));
    let (a, b) = (waits(&l, &full, true), waits(&l, &full, false));
    assert_eq!((a.join().unwrap(), b.join().unwrap()), ((6, Status::Closed), (0, Status::Closed)));
    l.settle();
    // Cancelled while it waits.
    let ((full, full_rx), theirs) = (channel::<Val<P>>(0), l.clone());
    let h = roomy(move || select! { send(full, theirs.make(8)) -> _ => {} });
    until_parked(1);
    h.cancel();
    assert_eq!(h.join().unwrap(), Err(Status::Canceled));
    l.settle();
    drop(full_rx);
    // A value in an arm that is not looked at is dropped with the arm; one that the arm keeps is kept.
    (0..2).for_each(|i| ready_tx.send(l.make(i)).unwrap());
    select! { recv(ready) -> _ => {} }.unwrap();
    let kept = select! { recv(ready) -> v => v }.unwrap().unwrap();
    assert_eq!((kept.1, l.made() - l.dropped()), (1, 1));
    drop(kept);
    l.settle();
}

#[test]
fn values_are_dropped_exactly_once_in_every_way_they_can_go() {
    check(|| repeat(2, 30, |_| for_every_kind!(every_way_of_a_value)))
}

#[test]
fn largest_value_in_place_has_64_kib() {
    assert_eq!(size_of::<Val<Largest>>(), 65_536);
    assert_eq!(align_of::<Val<TwoPages>>(), 8192);
}

/// V1: what was evaluated before the panic is dropped, once; nothing was sent.
#[test]
fn panic_in_a_later_expression_drops_the_earlier_values() {
    check(|| {
        support::allow_panics();
        fn try_it<P: Pad>() {
            let l = Ledger::default();
            let (tx, rx) = channel::<Val<P>>(4);
            let (theirs, to) = (l.clone(), tx.clone());
            let h = roomy(move || {
                select! {
                    send(to, theirs.make(1)) => {},
                    send(to, theirs.make(2)) -> _ => {},
                    send(to, { let v = theirs.make(3); if v.1 == 3 { panic!("on purpose") } v }) => {},
                    recv({ unreachable!(); #[allow(unreachable_code)] None::<Receiver<u8>> }) -> _ => {},
                }
            });
            assert!(h.join().is_err());
            assert_eq!(l.made(), 3);
            l.settle();
            assert_eq!(rx.try_recv().map(|v| v.1), Err(Status::WouldBlock));
            drop(tx);
        }
        for_every_kind!(try_it);
    })
}

/// `?` and `break` in a channel or value expression: the same, without a panic.
#[test]
fn leaving_in_a_later_expression_drops_the_earlier_values() {
    check(|| {
        let l = Ledger::default();
        let (tx, rx) = channel::<Val<Line>>(4);
        let f =
            |v: Option<usize>| -> Option<()> { select! { send(tx, l.make(1)) => {}, send(tx, l.make(v?)) => {} }.ok() };
        assert_eq!(f(None), None);
        assert_eq!((l.made(), rx.len()), (1, 0));
        l.settle();
        assert_eq!(f(Some(2)), Some(()));
        assert_eq!((l.made(), rx.len()), (3, 1));
        drop(rx);
        l.settle();
    })
}

/// V2: the destructor of a value that was not chosen panics; the received one is not lost.
#[test]
fn panic_in_a_destructor_of_an_unchosen_value_loses_nothing() {
    check(|| {
        support::allow_panics();
        struct Bomb;
        impl Drop for Bomb {
            fn drop(&mut self) {
                panic!("on purpose")
            }
        }
        let l = Ledger::default();
        for before in [true, false] {
            let ((bombs, _keep), (tx, rx)) = (channel::<Bomb>(0), channel::<Val<Line>>(1));
            tx.send(l.make(1)).unwrap();
            let h = spawn(move || {
                if before {
                    select! { send(bombs, Bomb) => {}, recv(rx) -> v => drop(v) }
                } else {
                    select! { recv(rx) -> v => drop(v), send(bombs, Bomb) => {} }
                }
            });
            assert!(h.join().is_err());
            l.settle();
        }
    })
}

#[test]
fn values_without_bytes_go_through_a_select() {
    check(|| {
        let (tx, rx) = channel::<Nothing>(1);
        select! { send(tx, Nothing) => {} }.unwrap();
        select! { send(tx, Nothing) => unreachable!(), default => {} }
        assert_eq!(NOTHINGS.load(SeqCst), 1, "the one that was not sent");
        let got = select! { recv(rx) -> v => v }.unwrap();
        assert_eq!(NOTHINGS.load(SeqCst), 1);
        drop(got);
        assert_eq!(NOTHINGS.load(SeqCst), 2);
        let h = spawn(move || (0..100).for_each(|_| select! { send(tx, Nothing) => {} }.unwrap()));
        let mut n = 0;
        while let Ok(Ok(_)) = select! { recv(rx) -> v => v } {
            n += 1;
        }
        h.join().unwrap();
        assert_eq!((n, NOTHINGS.load(SeqCst)), (100, 102));
    })
}

#[test]
fn unbounded_channels_are_always_ready_to_send() {
    check(|| {
        let (tx, rx) = unbounded::<usize>();
        for i in 0..1000 {
            select! { send(tx, i) => {}, default => panic!("it blocked") }
        }
        for i in 0..1000 {
            assert_eq!(select! { recv(rx) -> v => v, default => Err(Status::WouldBlock) }, Ok(i));
        }
        drop(rx);
        let back: Result<_, SendError<usize>> = select! { send(tx, 7) -> r => r }.unwrap();
        assert_eq!(back.unwrap_err().value, 7);
    })
}

// ---- memory

/// Counts what a thread asks of it. (The monitor may make a thread meanwhile.)
struct Counting;
thread_local!(static ASKED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) });

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ASKED.set(ASKED.get() + 1);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Ready, default, or waiting with up to four arms: everything stands on the stack.
#[test]
fn select_of_a_few_arms_allocates_nothing() {
    check_on(&[1], || {
        let ((tx, rx), (full, full_rx)) = (channel::<[u64; 9]>(1), channel::<[u64; 9]>(0));
        let round = || {
            select! { send(tx, [1; 9]) => {}, recv(full_rx) -> _ => unreachable!(), after(ms(60_000)) => unreachable!() }
                .unwrap();
            select! { send(tx, [1; 9]) => unreachable!(), send(full, [2; 9]) -> _ => unreachable!(), default => {} }
            let v = select! { recv(rx) -> v => v, send(full, [2; 9]) => unreachable!() };
            assert_eq!(v, Ok(Ok([1; 9])));
            select! {
                recv(rx) -> _ => unreachable!(),
                send(full, [2; 9]) => unreachable!(),
                recv(full_rx) -> _ => unreachable!(),
                after(us(1)) => {},
            }
            .unwrap();
        };
        (0..10).for_each(|_| round()); // the engine makes what it keeps
        let before = ASKED.get();
        (0..100).for_each(|_| round());
        assert_eq!(ASKED.get() - before, 0, "allocations");
    })
}

// ---- bugs that peers had

/// The last value before the last sender goes, against a receiver whose waits keep timing out: it must come, and CLOSED after it (a peer lost it, with its wake-up).
#[test]
fn last_value_before_the_sender_goes_is_not_lost() {
    check(|| {
        repeat(200, 10, |round| {
            let cap = round % 3;
            let (tx, rx) = channel::<usize>(cap);
            let h = spawn(move || {
                for i in 0..5 {
                    select! { send(tx, i) => {}, after(ms(20_000)) => panic!("nobody receives") }.unwrap();
                }
            });
            let mut next = 0;
            loop {
                select! {
                    recv(rx) -> v => match v {
                        Ok(v) => { assert_eq!(v, next); next += 1 }
                        Err(s) => { assert_eq!(s, Status::Closed); break }
                    },
                    after(us((round % 7) as u64)) => {},
                }
                .unwrap();
            }
            assert_eq!(next, 5);
            h.join().unwrap();
        })
    })
}

/// A select that gave up must not swallow a wake-up meant for a waiter behind it (a peer's waker stayed registered).
#[test]
fn select_that_gave_up_swallows_no_wake_up() {
    check(|| {
        let rounds = scale(300, 5_000);
        let (tx, rx) = channel::<usize>(0);
        let (given_up, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let wg = WaitGroup::new();
        let received = Arc::new(AtomicUsize::new(0));
        for _ in 0..2 {
            let (rx, given_up, stop, received) = (rx.clone(), given_up.clone(), stop.clone(), received.clone());
            wg.go(move || {
                while !stop.load(SeqCst) {
                    select! {
                        recv(rx) -> v => { if v.is_ok() { received.fetch_add(1, SeqCst); } },
                        after(us(3)) => { given_up.fetch_add(1, SeqCst); },
                    }
                    .unwrap()
                }
            });
        }
        let (patient, theirs) = (rx.clone(), received.clone());
        let h = spawn(move || patient.iter().for_each(|_| _ = theirs.fetch_add(1, SeqCst)));
        drop(rx);
        for i in 0..rounds {
            tx.send_with(i, Wait::timeout(ms(20_000))).unwrap();
        }
        until(|| given_up.load(SeqCst) > 0);
        stop.store(true, SeqCst);
        wg.wait().unwrap();
        drop(tx);
        h.join().unwrap();
        assert_eq!(received.load(SeqCst), rounds);
    })
}

/// Many tasks select on both directions of a few channels, with limits that expire: nothing lost, nothing doubled.
#[test]
fn random_selects_by_the_macro_lose_nothing() {
    check_on(&[1, 2, 5], || {
        type Ends<T> = (Sender<T>, Receiver<T>);
        let ends: Arc<Vec<Ends<Val<[u64; 2]>>>> = Arc::new([0, 0, 1, 3].iter().map(|c| channel(*c)).collect());
        let l = Ledger::default();
        let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let wg = WaitGroup::new();
        for t in 0..6 {
            let (ends, l, sent, received) = (ends.clone(), l.clone(), sent.clone(), received.clone());
            wg.go(move || {
                for i in 0..scale(300, 5_000) {
                    let n = 1 + t * 1_000_000 + i;
                    let take = |v: Result<Val<_>, Status>| received.fetch_add(v.unwrap().1, SeqCst);
                    let put = || sent.fetch_add(n, SeqCst);
                    let _ = select! {
                        with(Wait::timeout(us((i % 50) as u64)));
                        recv(ends[i % 4].1) -> v => take(v),
                        send(ends[(i + 1) % 4].0, l.make(n)) => put(),
                        recv(ends[(i + t) % 4].1) -> v => take(v),
                        send(ends[(i + t) % 4].0, l.make(n)) -> r => { r.unwrap(); put() },
                    };
                    if i % 64 == 0 {
                        sleep(us(1)).unwrap();
                    }
                }
            });
        }
        wg.wait().unwrap();
        let left: usize =
            ends.iter().map(|(_, rx)| std::iter::from_fn(|| rx.try_recv().ok()).map(|v| v.1).sum::<usize>()).sum();
        assert!(sent.load(SeqCst) > 0);
        assert_eq!(received.load(SeqCst) + left, sent.load(SeqCst));
        l.settle();
        until(|| gort::metrics().timers == 0);
    })
}

#[test]
fn boxed_values_meet_in_two_selects() {
    check_on(&[1, 2], || {
        on_large_stack(|| {
            let (tx, rx) = channel::<[u8; 65_537]>(0);
            let h = roomy(move || select! { send(tx, [7; 65_537]) -> r => assert!(r.is_ok()) });
            let ok = select! { recv(rx) -> v => v.unwrap().iter().all(|b| *b == 7) };
            assert_eq!(ok, Ok(true));
            h.join().unwrap().unwrap();
        })
    })
}

//! Channels: the cases Go tests its own with (by Go's names), and what gort promises beyond them.
//!
//! What this is: the observable rules C1 to C11 of channels, by the Rust face and, for NULL, foreign handles and anchors,
//! by the raw one. What it is NOT: who drops a value (chan_values.rs), deadlines, cancellation and plain threads
//! (chan_waits.rs), select (select.rs), long random walks (stress.rs), the judge (deadlock.rs).
//! A case with a lower-case Go name (`fifo`, `sieve1` ...) is a program of Go's test/chan.
//!
//! "Parked" is asked of the task slab (`until_parked`), never hoped for by sleeping.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw::{self, Layout, RawChan};
use gort::{SendError, Status, Wait, WaitGroup, channel, go, now, spawn, yield_now};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{bodies, check, ms, plain, repeat, scale, until, until_parked};

// ---- Go's runtime/chan_test.go

fn receive_from_empty_blocks(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    let got = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let (rx, got) = (rx.clone(), got.clone());
        go(move || {
            assert_eq!(rx.recv(), Ok(0));
            got.fetch_add(1, SeqCst);
        });
    }
    until_parked(2);
    assert_eq!(got.load(SeqCst), 0, "cap {cap}: a receive from an empty channel returned");
    assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
    tx.send(0).unwrap();
    tx.send(0).unwrap();
    until(|| got.load(SeqCst) == 2);
}

fn send_to_full_blocks(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    (0..cap).for_each(|i| tx.send(i).unwrap());
    let sent = Arc::new(AtomicBool::new(false));
    let (tx2, sent2) = (tx.clone(), sent.clone());
    go(move || {
        tx2.send(1000).unwrap();
        sent2.store(true, SeqCst);
    });
    until_parked(1);
    assert!(!sent.load(SeqCst), "cap {cap}: a send to a full channel returned");
    assert_eq!(tx.try_send(7).unwrap_err().status, Status::WouldBlock);
    (0..cap).for_each(|i| assert_eq!(rx.recv(), Ok(i)));
    assert_eq!(rx.recv(), Ok(1000));
    until(|| sent.load(SeqCst));
}

fn close_lets_the_buffer_be_drained(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    (0..cap).for_each(|i| tx.send(i).unwrap());
    tx.close().unwrap();
    (0..cap).for_each(|i| assert_eq!(rx.recv(), Ok(i)));
    for _ in 0..3 {
        assert_eq!((rx.recv(), rx.try_recv()), (Err(Status::Closed), Err(Status::Closed)));
    }
}

fn close_wakes_a_receiver(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    let (done_tx, done) = channel::<bool>(0);
    go(move || done_tx.send(rx.recv() == Err(Status::Closed)).unwrap());
    until_parked(1);
    tx.close().unwrap();
    assert_eq!(done.recv(), Ok(true));
}

fn keeps_order(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    go(move || (0..100).for_each(|i| tx.send(i).unwrap()));
    (0..100).for_each(|i| assert_eq!(rx.recv(), Ok(i)));
}

fn loses_and_doubles_nothing(cap: usize, each: usize) {
    let (tx, rx) = channel::<usize>(cap);
    for _ in 0..4 {
        let tx = tx.clone();
        go(move || (0..each).for_each(|i| tx.send(i).unwrap()));
    }
    let hs: Vec<_> = (0..4)
        .map(|_| {
            let rx = rx.clone();
            spawn(move || {
                let mut counts = vec![0u8; each];
                (0..each).for_each(|_| counts[rx.recv().unwrap()] += 1);
                counts
            })
        })
        .collect();
    let mut sum = vec![0u8; each];
    for h in hs {
        h.join().unwrap().iter().zip(sum.iter_mut()).for_each(|(c, s)| *s += c);
    }
    assert!(sum.iter().all(|s| *s == 4), "cap {cap}: {sum:?}");
}

fn tells_len_and_cap(cap: usize) {
    let (tx, rx) = channel::<usize>(cap);
    assert_eq!((tx.len(), tx.capacity(), rx.len(), rx.capacity()), (0, cap, 0, cap));
    (0..cap).for_each(|i| tx.send(i).unwrap());
    assert_eq!((tx.len(), tx.capacity(), rx.len(), rx.capacity()), (cap, cap, cap, cap));
}

#[test]
fn TestChan() {
    check(|| {
        for cap in (0..200).filter(|c| support::is_deep() || *c < 20 || c % 37 == 0 || *c == 199) {
            receive_from_empty_blocks(cap);
            send_to_full_blocks(cap);
            close_lets_the_buffer_be_drained(cap);
            close_wakes_a_receiver(cap);
            keeps_order(cap);
            loses_and_doubles_nothing(cap, scale(100, 1000));
            tells_len_and_cap(cap);
        }
    })
}

#[test]
fn TestNonblockRecvRace() {
    check(|| {
        repeat(2000, 4, |_| {
            let (tx, rx) = channel::<u32>(1);
            tx.send(1).unwrap();
            let h = spawn(move || tx.close().unwrap());
            assert_eq!(rx.try_recv(), Ok(1), "a full channel was seen as closed or empty");
            h.join().unwrap();
        })
    })
}

#[test]
fn TestMultiConsumer() {
    check(|| {
        const WORKERS: usize = 23;
        let items = scale(20_000, 271_828);
        let primes = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31];
        let (q_tx, q) = channel::<usize>(WORKERS * 3);
        let (r_tx, r) = channel::<usize>(WORKERS * 3);
        let wg = WaitGroup::new();
        for w in 0..WORKERS {
            let (q, r) = (q.clone(), r_tx.clone());
            wg.go(move || {
                for v in q {
                    if primes[w % primes.len()] == v {
                        yield_now(); // disturbs the order
                    }
                    r.send(v).unwrap();
                }
            });
        }
        drop(r_tx);
        let expected = spawn(move || {
            let mut sum = 0;
            for i in 0..items {
                sum += primes[i % primes.len()];
                q_tx.send(primes[i % primes.len()]).unwrap();
            }
            sum
        });
        let (n, sum) = r.iter().fold((0, 0), |(n, s), v| (n + 1, s + v));
        assert_eq!((n, sum), (items, expected.join().unwrap()));
        wg.wait().unwrap();
    })
}

/// Go sends interface values of changing types; here boxed ones, whose words must arrive whole.
#[test]
fn TestChanSendInterface() {
    check(|| {
        let (tx, rx) = channel::<Box<dyn Fn() -> u32 + Send>>(1);
        tx.send(Box::new(|| 1)).unwrap();
        let n = 41;
        assert_eq!(tx.try_send(Box::new(move || n)).unwrap_err().status, Status::WouldBlock);
        assert_eq!((rx.recv().unwrap())(), 1);
        tx.send(Box::new(move || n + 1)).unwrap();
        assert_eq!((rx.recv().unwrap())(), 42);
    })
}

// ---- Go's test/chan and test/*.go

#[test]
fn fifo() {
    check(|| {
        bodies::fifo_buffered();
        repeat(20, 200, |_| bodies::fifo_unbuffered(100));
    })
}

#[test]
fn goroutines() {
    check(|| repeat(1, 10_000, |_| bodies::chain(10_000)))
}

#[test]
fn sieve1() {
    check(|| {
        let primes = bodies::sieve(scale(60, 168));
        let is_prime = |n: u64| n >= 2 && (2..n).take_while(|d| d * d <= n).all(|d| !n.is_multiple_of(d));
        let expected: Vec<u64> = (0..).filter(|n| is_prime(*n)).take(primes.len()).collect();
        assert_eq!(primes, expected);
    })
}

#[test]
fn zerosize() {
    check(|| {
        for cap in [0, 1, 5] {
            let (tx, rx) = channel::<()>(cap);
            let (tx2, rx2) = channel::<[u64; 0]>(cap);
            go(move || (0..10).for_each(|_| tx.send(()).unwrap()));
            go(move || (0..10).for_each(|_| tx2.send([]).unwrap()));
            assert_eq!((rx.iter().count(), rx2.iter().count()), (10, 10));
        }
    })
}

#[test]
fn chancap() {
    plain(|| {
        for cap in [0, 10, 1000] {
            let (tx, rx) = channel::<u64>(cap);
            assert_eq!((tx.len(), rx.capacity()), (0, cap));
        }
        let layout = |size, align| Layout { size, align, drop: None };
        for (l, cap, what) in [
            (layout(8, 8), usize::MAX, "a size that overflows"),
            (layout(8, 8), usize::MAX / 8, "more than the address space"),
            (layout(65_537, 1), 0, "an element above 64 KiB"),
            (layout(8, 3), 0, "an alignment that is no power of two"),
            (layout(8, 8192), 0, "an alignment above a page"),
        ] {
            assert_eq!(raw::create(l, cap), Err(Status::Invalid), "{what}");
        }
        let c = raw::create(layout(65_536, 1), 2).expect("64 KiB are allowed");
        // SAFETY: ours, released once.
        assert_eq!(unsafe { (raw::cap(c.as_ptr()), raw::release(c.as_ptr())) }, (2, Status::Ok));
    })
}

#[test]
fn closedchan() {
    check(|| {
        for cap in [0, 1, 3] {
            let (tx, rx) = channel::<String>(cap);
            tx.close().unwrap();
            assert!(tx.is_closed() && rx.is_closed());
            assert_eq!((rx.recv(), rx.try_recv()), (Err(Status::Closed), Err(Status::Closed)));
            assert_eq!(rx.recv_with(Wait::timeout(ms(1))), Err(Status::Closed));
            for r in [tx.send("a".into()), tx.try_send("a".into()), tx.send_with("a".into(), Wait::timeout(ms(1)))] {
                let SendError { value, status } = r.unwrap_err();
                assert_eq!((value.as_str(), status), ("a", Status::Closed));
            }
            assert_eq!(tx.close(), Err(Status::Closed), "closing twice");
            assert_eq!(rx.iter().count(), 0);
        }
        // SAFETY: NULL is allowed.
        assert_eq!(unsafe { raw::close(null()) }, Status::Invalid, "closing the nil channel");
    })
}

/// Runs `f` in a task and says whether it blocks for ever (it is cancelled then).
fn blocks(f: impl FnOnce() -> Status + Send + 'static) -> bool {
    let done = Arc::new(AtomicBool::new(false));
    let told = done.clone();
    let h = spawn(move || {
        let s = f();
        told.store(true, SeqCst);
        s
    });
    until(|| done.load(SeqCst) || support::parked() >= 1);
    yield_now();
    let blocked = !done.load(SeqCst);
    h.cancel();
    let s = h.join().unwrap();
    assert_eq!(blocked, s == Status::Canceled, "{s:?}");
    blocked
}

/// The rows of Go's truth table that are not selects: which operation blocks on which channel.
#[test]
fn select3() {
    struct Ptr(*const RawChan);
    // SAFETY: a handle may be used from any thread.
    unsafe impl Send for Ptr {}
    fn send_on(c: *const RawChan) -> bool {
        let c = Ptr(c);
        // SAFETY: a live channel of u64, or null.
        blocks(move || unsafe {
            let (c, v) = (&c, 7u64);
            raw::send(c.0, (&raw const v).cast())
        })
    }
    fn recv_on(c: *const RawChan) -> bool {
        let c = Ptr(c);
        // SAFETY: as above.
        blocks(move || unsafe {
            let (c, mut v) = (&c, 0u64);
            raw::recv(c.0, (&raw mut v).cast())
        })
    }
    check(|| {
        assert!(send_on(null()) && recv_on(null()), "nil");
        let (tx, rx) = channel::<u64>(0);
        assert!(send_on(tx.as_raw()) && recv_on(rx.as_raw()), "unbuffered, nobody there");
        let (tx, rx) = channel::<u64>(10);
        assert!(recv_on(rx.as_raw()), "empty");
        assert!(!send_on(tx.as_raw()) && !recv_on(rx.as_raw()), "neither empty nor full");
        (0..10).for_each(|i| tx.send(i).unwrap());
        assert!(send_on(tx.as_raw()), "full");
        assert!(!recv_on(rx.as_raw()), "full");
        let (tx, rx) = channel::<u64>(10);
        tx.close().unwrap();
        assert!(!recv_on(rx.as_raw()) && !send_on(tx.as_raw()), "closed");
    })
}

#[test]
fn nil_channel_is_never_ready() {
    check(|| {
        let mut v = 5u64;
        let at = (&raw mut v).cast::<u8>();
        let soon = || now().0 + 1_000_000;
        // SAFETY: NULL is allowed; `v` is readable and writable.
        unsafe {
            assert_eq!(
                (raw::try_send(null(), at), raw::try_recv(null(), at)),
                (Status::WouldBlock, Status::WouldBlock)
            );
            assert_eq!(raw::send_until(null(), at, soon(), null()), Status::TimedOut);
            assert_eq!(raw::recv_until(null(), at, soon(), null()), Status::TimedOut);
            assert_eq!((raw::len(null()), raw::cap(null()), raw::is_closed(null())), (0, 0, false));
            assert_eq!((raw::retain(null()), raw::release(null())), (Status::Invalid, Status::Invalid));
        }
        assert_eq!(v, 5);
    })
}

// ---- rules C2, C4, C6: waiters

#[test]
fn close_with_many_receivers_wakes_all() {
    check(|| {
        repeat(20, 30, |_| {
            let (tx, rx) = channel::<u32>(0);
            let hs: Vec<_> = (0..30).map(|_| rx.clone()).map(|rx| spawn(move || rx.recv())).collect();
            until_parked(30);
            tx.close().unwrap();
            hs.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), Err(Status::Closed)));
        })
    })
}

#[test]
fn close_with_many_senders_wakes_all_and_gives_values_back() {
    check(|| {
        for cap in [0, 2] {
            let (tx, rx) = channel::<usize>(cap);
            (0..cap).for_each(|_| tx.send(99).unwrap());
            let hs: Vec<_> = (0..30).map(|i| (i, tx.clone())).map(|(i, tx)| spawn(move || (i, tx.send(i)))).collect();
            until_parked(30);
            tx.close().unwrap();
            for h in hs {
                let (i, r) = h.join().unwrap();
                let e = r.unwrap_err();
                assert_eq!((e.value, e.status), (i, Status::Closed));
            }
            (0..cap).for_each(|_| assert_eq!(rx.recv(), Ok(99)));
            assert_eq!(rx.recv(), Err(Status::Closed));
        }
    })
}

#[test]
fn waiting_receivers_are_served_in_order_of_arrival() {
    check(|| {
        let (tx, rx) = channel::<usize>(0);
        let mut hs = Vec::new();
        for i in 0..10 {
            let rx = rx.clone();
            hs.push(spawn(move || rx.recv().unwrap()));
            until_parked(i + 1);
        }
        (0..10).for_each(|i| tx.try_send(i).expect("a receiver waits"));
        assert_eq!(tx.try_send(10).unwrap_err().status, Status::WouldBlock);
        let got: Vec<usize> = hs.into_iter().map(|h| h.join().unwrap()).collect();
        assert_eq!(got, (0..10).collect::<Vec<_>>());
    })
}

#[test]
fn waiting_senders_are_served_in_order_of_arrival() {
    check(|| {
        for cap in [0, 1, 3] {
            let (tx, rx) = channel::<usize>(cap);
            (0..cap).for_each(|i| tx.send(i).unwrap());
            for i in 0..10 {
                let tx = tx.clone();
                go(move || tx.send(cap + i).unwrap());
                until_parked(i + 1);
            }
            (0..cap + 10).for_each(|i| assert_eq!(rx.try_recv(), Ok(i), "cap {cap}"));
        }
    })
}

#[test]
fn value_for_a_parked_receiver_can_not_be_stolen() {
    check(|| {
        for cap in [0, 5] {
            let (tx, rx) = channel::<u32>(cap);
            let theirs = rx.clone();
            let h = spawn(move || theirs.recv());
            until_parked(1);
            tx.send(1).unwrap();
            // It is in the receiver's hands already, whether it has run or not.
            assert_eq!((rx.len(), rx.try_recv()), (0, Err(Status::WouldBlock)));
            assert_eq!(h.join().unwrap(), Ok(1));
        }
    })
}

#[test]
fn receive_from_full_moves_the_first_sender_into_the_buffer() {
    check(|| {
        let (tx, rx) = channel::<u32>(2);
        tx.send(1).unwrap();
        tx.send(2).unwrap();
        let theirs = tx.clone();
        let h = spawn(move || theirs.send(3).is_ok());
        until_parked(1);
        assert_eq!(rx.recv(), Ok(1));
        // The sender's value is in, so the channel is full again whether the sender has run or not.
        assert_eq!((rx.len(), tx.try_send(4).unwrap_err().status), (2, Status::WouldBlock));
        assert!(h.join().unwrap());
        assert_eq!((rx.recv(), rx.recv()), (Ok(2), Ok(3)));
    })
}

#[test]
fn rendezvous_send_returns_only_with_a_receiver() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let met = Arc::new(AtomicBool::new(false));
        let told = met.clone();
        let h = spawn(move || {
            tx.send(1).unwrap();
            assert!(told.load(SeqCst), "sent before anybody received");
        });
        until_parked(1);
        met.store(true, SeqCst);
        assert_eq!(rx.recv(), Ok(1));
        h.join().unwrap();
    })
}

// ---- ends

#[test]
fn last_sender_dropped_closes_and_last_receiver_abandons() {
    check(|| {
        let (tx, rx) = channel::<u32>(2);
        let tx2 = tx.clone();
        tx.send(1).unwrap();
        drop(tx);
        assert!(!rx.is_closed());
        tx2.send(2).unwrap();
        drop(tx2);
        assert!(rx.is_closed());
        assert_eq!((rx.recv(), rx.recv(), rx.recv()), (Ok(1), Ok(2), Err(Status::Closed)));
        let (tx, rx) = channel::<u32>(2);
        let rx2 = rx.clone();
        drop(rx);
        tx.send(1).unwrap();
        drop(rx2);
        assert_eq!(tx.send(2).unwrap_err().status, Status::Closed);
        assert_eq!(tx.len(), 0, "nobody will read it");
    })
}

#[test]
fn last_receiver_dropped_wakes_parked_senders() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let hs: Vec<_> = (0..5).map(|i| (i, tx.clone())).map(|(i, tx)| spawn(move || tx.send(i))).collect();
        until_parked(5);
        drop(rx);
        hs.into_iter().for_each(|h| assert_eq!(h.join().unwrap().unwrap_err().status, Status::Closed));
    })
}

/// H6: only typed ends count, and only while no plain handle anchors the channel.
#[test]
fn plain_handle_anchors_the_channel() {
    check(|| {
        let (tx, rx) = channel::<u32>(1);
        let c = tx.as_raw();
        // SAFETY: alive; retained here and released below.
        unsafe {
            assert_eq!(raw::retain(c), Status::Ok);
            drop(tx);
            assert!(!rx.is_closed(), "the anchor may still send");
            let five = 5u32;
            assert_eq!(raw::send(c, (&raw const five).cast()), Status::Ok);
            assert_eq!(rx.recv(), Ok(5));
            drop(rx);
            assert!(!raw::is_closed(c), "the anchor may still receive");
            assert_eq!(raw::release(c), Status::Ok);
            assert_eq!(raw::try_recv(c, null_mut()), Status::Misuse, "a stale handle");
        }
    })
}

#[test]
fn stale_and_foreign_handles_are_refused() {
    plain(|| {
        let c = raw::create(Layout { size: 8, align: 8, drop: None }, 1).unwrap().as_ptr();
        let g = gort::sync::waitgroup::create().unwrap().as_ptr();
        let mut v = 1u64;
        let at = (&raw mut v).cast::<u8>();
        // SAFETY: both are handles (live, then stale): every use checks.
        unsafe {
            assert_eq!(raw::release(c), Status::Ok);
            assert_eq!((raw::send(c, at), raw::recv(c, at)), (Status::Misuse, Status::Misuse));
            assert_eq!(
                (raw::close(c), raw::retain(c), raw::release(c)),
                (Status::Misuse, Status::Misuse, Status::Misuse)
            );
            assert_eq!(raw::send(g.cast(), at), Status::Misuse, "a wait group is no channel");
            assert_eq!(gort::sync::waitgroup::add(c.cast(), 1), Status::Misuse, "a channel is no wait group");
            assert_eq!(gort::sync::waitgroup::free(g), Status::Ok);
        }
    })
}

/// D8: the last access to the channel precedes the wake-up it causes.
#[test]
fn channel_may_be_freed_right_after_the_receive() {
    check(|| {
        repeat(3000, 3, |_| {
            let (tx, rx) = channel::<u32>(0);
            go(move || tx.send(1).unwrap()); // may still be in `send` when the receiver frees the channel
            assert_eq!(rx.recv(), Ok(1));
            drop(rx);
        })
    })
}

#[test]
fn iteration_ends_when_closed_and_drained() {
    check(|| {
        let (tx, rx) = channel::<u32>(3);
        (0..3).for_each(|i| tx.send(i).unwrap());
        drop(tx);
        assert_eq!((&rx).into_iter().collect::<Vec<_>>(), [0, 1, 2]);
        assert_eq!(rx.into_iter().next(), None);
    })
}

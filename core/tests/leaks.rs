//! Memory: what is given back at a shutdown, what is asked of the allocator while a lock is held (nothing), and what is said when it has nothing left.
//!
//! This program has an allocator of its own, which counts, looks at a lock, and refuses when it is told to.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw::{self, Layout, RawChan};
use gort::chan::select::{Case, Manner, select};
use gort::chan::{batch, later, selector};
use gort::wait::Wait;
use gort::{SendError, Status, channel, unbounded};
use std::alloc::{GlobalAlloc, System};
use std::cell::Cell;
use std::ptr::{from_mut, from_ref, null};
use std::sync::atomic::{AtomicIsize, AtomicU8, Ordering::*};
use support::plain;

struct Watching;

static LIVE: AtomicIsize = AtomicIsize::new(0);

thread_local! {
    /// Refuses what this thread asks for.
    static REFUSES: Cell<bool> = const { Cell::new(false) };
    /// The lock (a byte, not 0 while it is held) that this thread must not hold when it comes here.
    static WATCHED: Cell<*const AtomicU8> = const { Cell::new(null()) };
    static SEEN: Cell<usize> = const { Cell::new(0) };
}

fn look() {
    // SAFETY: null, or the lock of an object that the test keeps.
    if unsafe { WATCHED.get().as_ref() }.is_some_and(|lock| lock.load(Relaxed) != 0) {
        SEEN.set(SEEN.get() + 1)
    }
}

// SAFETY: the system's allocator, or nothing.
unsafe impl GlobalAlloc for Watching {
    unsafe fn alloc(&self, layout: std::alloc::Layout) -> *mut u8 {
        look();
        if REFUSES.get() {
            return std::ptr::null_mut();
        }
        LIVE.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: std::alloc::Layout) {
        look();
        LIVE.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: the caller's contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Watching = Watching;

/// How often the allocator was asked for something while the object at `at`, of gort's, was locked.
fn asked_under_the_lock<T>(at: *const T, f: impl FnOnce()) -> usize {
    WATCHED.set(at.cast()); // each object begins with its lock
    SEEN.set(0);
    f();
    WATCHED.set(null());
    SEEN.get()
}

/// What `f` says while there is no memory.
fn without_memory<R>(f: impl FnOnce() -> R) -> R {
    REFUSES.set(true);
    let r = f();
    REFUSES.set(false);
    r
}

const WORD: Layout = Layout { size: 8, align: 8, drop: None };

fn give_back(c: *const RawChan, v: u64) -> Status {
    // SAFETY: a live channel of u64.
    unsafe { later::give_back(c, from_ref(&v).cast()) }
}

fn try_recv(c: *const RawChan) -> Result<u64, Status> {
    let mut v = 0u64;
    // SAFETY: a live channel of u64.
    unsafe { raw::try_recv(c, from_mut(&mut v).cast()) }.ok().map(|()| v)
}

fn try_send(c: *const RawChan, v: u64) -> Status {
    // SAFETY: a live channel of u64.
    unsafe { raw::try_send(c, from_ref(&v).cast()) }
}

/// A case that sends or receives one word.
fn one(case: Case) -> Result<(usize, Status), Status> {
    // SAFETY: a live channel of u64, and a place that the caller keeps.
    unsafe { select(&[case], Wait::FOREVER, Manner::TRY) }
}

#[test]
fn values_that_came_back_go_with_a_shutdown() {
    plain(|| {
        let round = || {
            gort::run(|| ()).unwrap();
            let c = raw::create(WORD, 0).unwrap().as_ptr();
            (0..2000).for_each(|n| assert_eq!(give_back(c, n), Status::Ok));
            assert_eq!(gort::shutdown(), Status::Ok);
        };
        round();
        let before = LIVE.load(SeqCst);
        round();
        // The runtime itself, some kilobytes, is left.
        assert!(LIVE.load(SeqCst) - before < 16_000, "{} bytes more", LIVE.load(SeqCst) - before);
    })
}

#[test]
fn values_that_came_back_are_received_in_their_order_and_counted() {
    plain(|| {
        for size in [0usize, 1, 3, 8, 400] {
            let c = raw::create(Layout { size, align: 1, drop: None }, 0).unwrap().as_ptr();
            let mut at = vec![0u8; size.max(1)];
            // SAFETY: a live channel, whose elements have `size` bytes.
            unsafe {
                for n in 1..=20u8 {
                    at.fill(n);
                    assert_eq!(later::give_back(c, at.as_ptr()), Status::Ok);
                    assert_eq!(raw::len(c), n as usize);
                }
                for n in 1..=20u8 {
                    at.fill(0);
                    assert_eq!(raw::try_recv(c, at.as_mut_ptr()), Status::Ok);
                    assert!(size == 0 || at.iter().all(|b| *b == n));
                }
                assert_eq!((raw::try_recv(c, at.as_mut_ptr()), raw::len(c)), (Status::WouldBlock, 0));
                assert_eq!(raw::release(c), Status::Ok);
            }
        }
    })
}

#[test]
fn nothing_is_asked_of_the_allocator_under_the_lock_of_a_channel() {
    plain(|| {
        let c = raw::create_unbounded(WORD).unwrap().as_ptr();
        let s = selector::create().unwrap().as_ptr();
        let mut at = 5u64;
        let n = 5000;
        let words: Vec<u64> = (0..n).collect();
        let mut out = words.clone();
        // SAFETY: a live selector and channel, and places that stay.
        unsafe { selector::add(s, Case::send(c, from_ref(&at).cast())).unwrap() };
        let seen = asked_under_the_lock(c, || {
            for round in 0..2 {
                for v in 0..n {
                    assert_eq!(try_send(c, v), Status::Ok);
                    assert_eq!(one(Case::send(c, from_ref(&v).cast())), Ok((0, Status::Ok)));
                    // SAFETY: as above.
                    assert_eq!(unsafe { selector::wait(s, Wait::FOREVER, false) }, Ok((0, Status::Ok)));
                }
                // SAFETY: as above; so many words.
                unsafe { assert_eq!(batch::try_send_n(c, words.as_ptr().cast(), 5000), (5000, Status::Ok)) };
                (0..100).for_each(|v| assert_eq!(give_back(c, v), Status::Ok));
                (0..100).for_each(|v| assert_eq!(try_recv(c), Ok(v), "round {round}"));
                for v in 0..n {
                    assert_eq!((try_recv(c), try_recv(c)), (Ok(v), Ok(v)));
                    assert_eq!(one(Case::recv(c, from_mut(&mut at).cast())), Ok((0, Status::Ok)));
                    assert_eq!(at, 5);
                }
                // SAFETY: as above.
                unsafe { assert_eq!(batch::try_recv_n(c, out.as_mut_ptr().cast(), 5000), (5000, Status::Ok)) };
                assert_eq!(out, words);
            }
        });
        // SAFETY: ours.
        unsafe { assert_eq!((selector::free(s), raw::release(c)), (Status::Ok, Status::Ok)) };
        assert_eq!(seen, 0);
    })
}

#[test]
fn nothing_is_asked_of_the_allocator_under_the_lock_of_a_selector() {
    plain(|| {
        let s = selector::create().unwrap().as_ptr();
        let seen = asked_under_the_lock(s, || {
            for _ in 0..2 {
                for n in 0..1000 {
                    // SAFETY: a live selector; a case without a channel.
                    assert_eq!(unsafe { selector::add(s, Case::recv(null(), std::ptr::null_mut())) }, Ok(n));
                }
                // SAFETY: as above.
                (0..1000).for_each(|n| assert_eq!(unsafe { selector::remove(s, n) }, Status::Ok));
            }
            // SAFETY: ours.
            assert_eq!(unsafe { selector::free(s) }, Status::Ok);
        });
        assert_eq!(seen, 0);
    })
}

#[test]
fn unbounded_channel_without_memory_says_so_and_goes_on_later() {
    plain(|| {
        assert_eq!(without_memory(|| raw::create_unbounded(WORD).err()), Some(Status::NoMemory));
        let (tx, rx) = unbounded::<u64>();
        let c = tx.as_raw();
        let s = selector::create().unwrap().as_ptr();
        let v = 9u64;
        // SAFETY: a live selector and channel, and places that stay.
        unsafe { selector::add_borrowed(s, Case::send(c, from_ref(&v).cast())).unwrap() };
        let mut sent = 0;
        let refused = without_memory(|| {
            loop {
                match tx.try_send(sent) {
                    Ok(()) => sent += 1,
                    Err(SendError { value, status }) => break (value, status),
                }
            }
        });
        assert_eq!(refused, (sent, Status::NoMemory));
        without_memory(|| {
            assert_eq!(one(Case::send(c, from_ref(&v).cast())), Err(Status::NoMemory));
            // SAFETY: as above.
            unsafe {
                assert_eq!(selector::wait(s, Wait::FOREVER, false), Err(Status::NoMemory));
                assert_eq!(batch::try_send_n(c, from_ref(&v).cast(), 1), (0, Status::NoMemory));
            }
        });
        // SAFETY: as above.
        unsafe { assert_eq!(selector::free(s), Status::Ok) };
        (sent..3000).for_each(|n| tx.try_send(n).unwrap());
        (0..3000).for_each(|n| assert_eq!(rx.try_recv(), Ok(n)));
        assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
    })
}

#[test]
fn value_that_comes_back_without_memory_stays_with_its_owner() {
    plain(|| {
        let (tx, rx) = channel::<u64>(1);
        assert_eq!(without_memory(|| give_back(rx.as_raw(), 7)), Status::NoMemory);
        assert_eq!(
            (rx.try_recv(), give_back(rx.as_raw(), 7), rx.try_recv()),
            (Err(Status::WouldBlock), Status::Ok, Ok(7))
        );
        drop(tx);
    })
}

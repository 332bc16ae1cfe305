//! What a host does from within a wait of its thread: a handler of a signal runs there, and may call whatever does not block (K4).
//!
//! What this is: hooks of a plain thread whose wait runs code of the test, at an exact moment of the wait, and what becomes of the wait. What it is NOT: lanes of a host (lanes.rs).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw::{self, Layout, RawChan};
use gort::chan::select::Case;
use gort::chan::selector::{self, Selector};
use gort::sched::lane::{Hooks, Start};
use gort::sched::task::Task;
use gort::sched::{self, thread::Thread, ticket};
use gort::wait::Wait;
use gort::{Status, now};
use std::cell::RefCell;
use std::ptr::{NonNull, from_ref, null};
use std::sync::atomic::{AtomicBool, Ordering::*};
use support::{block_thread, ms, plain, until};

type Body = Box<dyn FnOnce(&mut dyn FnMut(i64) -> bool) -> bool>;

thread_local! {
    /// What the next wait of this thread does, instead of only waiting.
    static NEXT: RefCell<Option<Body>> = const { RefCell::new(None) };
}

unsafe fn thread_block(wait: &mut dyn FnMut(i64) -> bool) -> bool {
    match NEXT.take() {
        Some(body) => body(wait),
        None => wait(i64::MAX),
    }
}

static HOOKS: Hooks = Hooks {
    name: "nested",
    where_to_start: |_: *mut Task| Start::Later,
    has_spare: || false,
    resume: |_| unreachable!("there is no lane"),
    switch: |_, _| unreachable!("there is no lane"),
    hub_business: || false,
    hub: || {},
    thread_block,
    may_wake: || false,
    idle: |_| unreachable!("there is no lane"),
};

/// The next wait of the calling thread runs `body`, which is given the wait itself.
fn within_the_next_wait(body: impl FnOnce(&mut dyn FnMut(i64) -> bool) -> bool + 'static) {
    sched::set_host(&HOOKS).unwrap();
    NEXT.set(Some(Box::new(body)));
}

/// The wait of the calling thread is over; it has not been told yet.
fn is_won() -> bool {
    // SAFETY: the calling thread is registered, and threads are never freed.
    unsafe { (*Thread::get()).party.ticket.outcome().0 == ticket::WON }
}

/// A channel of u64.
#[derive(Clone, Copy)]
struct Chan(NonNull<RawChan>);

// SAFETY: a raw channel is used through its lock.
unsafe impl Send for Chan {}

impl Chan {
    fn new(cap: usize) -> Chan {
        Chan(raw::create(Layout { size: 8, align: 8, drop: None }, cap).unwrap())
    }
    fn send(self, v: u64) -> Status {
        // SAFETY: a live channel of u64.
        unsafe { raw::send(self.0.as_ptr(), from_ref(&v).cast()) }
    }
    fn try_send(self, v: u64) -> Status {
        // SAFETY: a live channel of u64.
        unsafe { raw::try_send(self.0.as_ptr(), from_ref(&v).cast()) }
    }
    fn recv(self) -> Result<u64, Status> {
        let mut v = 0;
        // SAFETY: a live channel of u64.
        unsafe { raw::recv(self.0.as_ptr(), (&raw mut v).cast()) }.ok().map(|()| v)
    }
    fn release(self) {
        // SAFETY: our reference, given up.
        assert_eq!(unsafe { raw::release(self.0.as_ptr()) }, Status::Ok);
    }
}

fn wait(s: NonNull<Selector>, may_block: bool) -> Result<(usize, Status), Status> {
    let within = Wait { deadline: if may_block { now().0 + 5_000_000_000 } else { 0 }, cancel: null() };
    // SAFETY: a live selector, whose places outlive it.
    unsafe { selector::wait(s.as_ptr(), within, may_block) }
}

fn recv_case(s: NonNull<Selector>, c: Chan, at: &mut u64) -> usize {
    // SAFETY: a live selector and channel; the place outlives the case.
    unsafe { selector::add(s.as_ptr(), Case::recv(c.0.as_ptr(), std::ptr::from_mut(at).cast())).unwrap() }
}

fn send_case(s: NonNull<Selector>, c: Chan, at: &u64) -> usize {
    // SAFETY: as above.
    unsafe { selector::add(s.as_ptr(), Case::send(c.0.as_ptr(), from_ref(at).cast())).unwrap() }
}

fn free(s: NonNull<Selector>) {
    // SAFETY: ours, and nobody waits.
    assert_eq!(unsafe { selector::free(s.as_ptr()) }, Status::Ok);
}

/// A thread waits on a selector and has been won by one channel, but not told; then its handler sends to another channel of the selector. That case stays with the selector.
#[test]
fn selector_whose_wait_is_won_is_met_by_its_own_thread() {
    plain(|| {
        let (first, second) = (Chan::new(0), Chan::new(1));
        let s = selector::create().unwrap();
        let (mut a, mut b) = (0, 0);
        recv_case(s, first, &mut a);
        recv_case(s, second, &mut b);
        within_the_next_wait(move |wait| {
            std::thread::spawn(move || assert_eq!(first.send(1), Status::Ok)).join().unwrap();
            assert!(is_won());
            assert_eq!(second.try_send(2), Status::Ok);
            wait(i64::MAX)
        });
        assert_eq!(wait(s, true), Ok((0, Status::Ok)));
        assert_eq!(wait(s, true), Ok((1, Status::Ok)));
        assert_eq!(wait(s, false), Err(Status::WouldBlock));
        free(s);
        assert_eq!((a, b), (1, 2));
        first.release();
        second.release();
    })
}

/// A thread waits for a channel; its handler tries a selector that could meet itself. The outer wait is not what the selector's cases stand for.
#[test]
fn selector_tried_within_a_wait_leaves_that_wait_alone() {
    plain(|| {
        let (outer, inner) = (Chan::new(0), Chan::new(0));
        within_the_next_wait(move |wait| {
            let s = selector::create().unwrap();
            let (mut a, b) = (0, 5);
            recv_case(s, inner, &mut a);
            send_case(s, inner, &b);
            let tried = self::wait(s, false);
            free(s);
            assert_eq!((tried, a), (Err(Status::WouldBlock), 0), "a selector does not meet itself (S7)");
            std::thread::spawn(move || assert_eq!(outer.send(7), Status::Ok)).join().unwrap();
            wait(i64::MAX)
        });
        assert_eq!(outer.recv(), Ok(7));
        outer.release();
        inner.release();
    })
}

/// A shutdown comes from the handler: the wait around it is a call that would find nothing left.
#[test]
fn shutdown_from_within_a_wait_is_misuse() {
    plain(|| {
        gort::run(|| ()).unwrap();
        let c = Chan::new(0);
        within_the_next_wait(move |wait| {
            assert_eq!(gort::shutdown(), Status::Misuse);
            std::thread::spawn(move || assert_eq!(c.send(7), Status::Ok)).join().unwrap();
            wait(i64::MAX)
        });
        assert_eq!(c.recv(), Ok(7));
        c.release();
        assert_eq!(gort::shutdown(), Status::Ok);
    })
}

static RETURNED: AtomicBool = AtomicBool::new(false);

/// A thread was told by the shutdown, and its handler keeps it for a while: it is still in its wait, and about to use what it waited for.
#[test]
fn shutdown_waits_for_a_thread_that_was_told_and_has_not_left_its_wait() {
    plain(|| {
        gort::run(|| ()).unwrap();
        let c = Chan::new(0);
        let receiver = std::thread::spawn(move || {
            within_the_next_wait(|wait| {
                wait(i64::MAX);
                while !gort::sched::runtime::is_releasing() {
                    block_thread(ms(1)); // nothing of gort's, which would be a wait within the wait
                }
                block_thread(ms(20));
                assert!(!RETURNED.load(SeqCst), "memory was given back under a thread in a call");
                true
            });
            c.recv()
        });
        until(|| gort::sched::thread::all().any(|t| t.party.ticket.waiting().is_some()));
        assert_eq!(gort::shutdown(), Status::Ok);
        RETURNED.store(true, SeqCst);
        assert_eq!(receiver.join().unwrap(), Err(Status::Shutdown));
        assert_eq!(gort::run(|| 5).unwrap(), 5);
    })
}

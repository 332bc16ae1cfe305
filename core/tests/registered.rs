//! What a selector keeps of its cases: their indices, what it costs to come and go, and who may have it when its user is gone.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw::{self, Layout, RawChan};
use gort::chan::select::Case;
use gort::chan::selector::{self, Selector};
use gort::sched;
use gort::sched::party::{Party, Reason};
use gort::sched::task::TASKS;
use gort::wait::Wait;
use gort::{Status, channel, spawn};
use std::ptr::{from_mut, null};
use support::{check_on, plain, until};

fn create() -> *const Selector {
    selector::create().unwrap().as_ptr()
}

/// A case that is never ready.
fn add(s: *const Selector) -> Result<usize, Status> {
    // SAFETY: a live selector; no channel.
    unsafe { selector::add(s, Case::recv(null(), std::ptr::null_mut())) }
}

fn remove(s: *const Selector, i: usize) -> Status {
    // SAFETY: a live selector.
    unsafe { selector::remove(s, i) }
}

fn free(s: *const Selector) {
    // SAFETY: ours.
    assert_eq!(unsafe { selector::free(s) }, Status::Ok)
}

#[test]
fn index_that_is_given_out_is_the_lowest_free_one() {
    plain(|| {
        let s = create();
        (0..1000).for_each(|n| assert_eq!(add(s), Ok(n)));
        for i in [900, 3, 500, 4] {
            assert_eq!((remove(s, i), remove(s, i)), (Status::Ok, Status::Invalid));
        }
        for i in [3, 4, 500, 900, 1000] {
            assert_eq!(add(s), Ok(i));
        }
        assert_eq!(remove(s, 1001), Status::Invalid);
        free(s);
    })
}

#[test]
fn most_cases_come_and_go_in_any_order() {
    plain(|| {
        let c: *const RawChan = raw::create(Layout { size: 8, align: 8, drop: None }, 1).unwrap().as_ptr();
        let (s, mut at) = (create(), 0u64);
        // SAFETY: a live selector and channel; the place outlives the cases.
        let add = |at: &mut u64| unsafe { selector::add_borrowed(s, Case::recv(c, from_mut(at).cast())) };
        (0..65_536).for_each(|n| assert_eq!(add(&mut at), Ok(n)));
        assert_eq!(add(&mut at), Err(Status::Limit));
        // All are on the ready list, and leave it from the middle.
        (0..65_536).filter(|n| n % 2 == 1).rev().for_each(|n| assert_eq!(remove(s, n), Status::Ok));
        (0..65_536).filter(|n| n % 2 == 1).for_each(|n| assert_eq!(add(&mut at), Ok(n)));
        // SAFETY: as above.
        assert_eq!(unsafe { selector::wait(s, Wait::FOREVER, false) }, Err(Status::WouldBlock));
        free(s);
        // SAFETY: ours.
        assert_eq!(unsafe { raw::release(c) }, Status::Ok);
    })
}

#[test]
fn two_threads_may_register_at_once() {
    plain(|| {
        let s = create().expose_provenance();
        let threads = [0, 1].map(|_| {
            std::thread::spawn(move || {
                for _ in 0..2000 {
                    add(std::ptr::with_exposed_provenance(s)).unwrap();
                }
            })
        });
        threads.into_iter().for_each(|t| t.join().unwrap());
        let s = std::ptr::with_exposed_provenance(s);
        assert_eq!(add(s), Ok(4000));
        free(s);
        drop(channel::<u8>(0));
    })
}

/// What a host does with a task that its run has left behind, bound to a thread that will never look for it: here to a task of ours, which is let go in the end.
#[test]
fn selector_whose_user_was_given_up_is_nobodys() {
    // One worker: the task that was made ready does not run before we wait.
    check_on(&[1], || {
        for won in [false, true] {
            let (tx, rx) = channel::<u64>(0);
            let s = create().expose_provenance();
            let h = spawn(move || {
                let (s, mut at) = (std::ptr::with_exposed_provenance::<Selector>(s), 0u64);
                // SAFETY: a live selector and channel; the place stays until the wait is over.
                unsafe {
                    selector::add_borrowed(s, Case::recv(rx.as_raw(), from_mut(&mut at).cast())).unwrap();
                    let r = selector::wait(s, Wait::FOREVER, true);
                    (rx, r.map(|(i, status)| (i, status, at)))
                }
            });
            let s: *const Selector = std::ptr::with_exposed_provenance(s);
            let mut user: *const Party = null();
            until(|| {
                TASKS.for_each(|t| {
                    // SAFETY: type-stable; our task is alive.
                    let p = unsafe { &(*t.as_ptr()).party };
                    if p.ticket.waiting().is_some() && p.reason() == Reason::Select {
                        user = p
                    }
                });
                !user.is_null()
            });
            // SAFETY: the party of our task, whose ticket is won here or by us; it is made ready once, after the selector is gone (whose slot stays).
            unsafe {
                assert_eq!(selector::free(s), Status::Misuse);
                if won {
                    tx.try_send(7).unwrap();
                }
                (*user).give_up();
                assert_eq!(add(s), Ok(1));
                assert_eq!(selector::wait(s, Wait::FOREVER, false), Err(Status::WouldBlock));
                assert!(matches!(tx.try_send(8), Err(e) if e.status == Status::WouldBlock));
                free(s);
                let cx = sched::enter().unwrap();
                (*user).ticket.close(); // so that it asks nothing more of the selector
                if !won {
                    sched::ready(cx, user)
                }
                cx.exit();
            }
            let _ = h.join().unwrap();
            drop(tx);
        }
    })
}

/// A source that a task watched which will never go on is its owner's to free.
#[test]
fn cancel_source_whose_watcher_was_given_up_is_nobodys() {
    use gort::wait::cancel;
    check_on(&[1], || {
        // SAFETY: without a parent.
        let source = unsafe { cancel::create(null()) }.unwrap();
        let at = source.as_ptr().expose_provenance();
        let (tx, rx) = channel::<u64>(0);
        let h = spawn(move || {
            let cancel = std::ptr::with_exposed_provenance(at);
            let mut place = 0u64;
            // SAFETY: a live channel and source; the place stays until the wait is over.
            unsafe {
                let _ = raw::recv_until(rx.as_raw(), from_mut(&mut place).cast(), gort::Time::NEVER.0, cancel);
            }
            rx
        });
        let mut user: *const Party = null();
        until(|| {
            TASKS.for_each(|t| {
                // SAFETY: type-stable; our task is alive.
                let p = unsafe { &(*t.as_ptr()).party };
                if p.ticket.waiting().is_some() && p.reason() == Reason::ChanRecv {
                    user = p
                }
            });
            !user.is_null()
        });
        // SAFETY: the party of our task, whose ticket is won by us; it is made ready once. What it then does to the source is done to a free slot, which stays.
        unsafe {
            assert_eq!(cancel::free(source), Status::Misuse);
            (*user).give_up();
            assert_eq!(cancel::free(source), Status::Ok);
            let cx = sched::enter().unwrap();
            sched::ready(cx, user);
            cx.exit();
        }
        drop((h.join().unwrap(), tx));
    })
}

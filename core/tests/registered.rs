//! What a selector keeps of its cases: their indices, what it costs to come and go, and who may have it when its user is gone.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw::{self, Layout, RawChan};
use gort::chan::select::Case;
use gort::chan::selector::{self, Selector};
use gort::wait::Wait;
use gort::{Status, channel};
use std::ptr::{from_mut, null};
use support::plain;

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

//! Shutdown against those who are in the middle of something: making an object. (Against those who wait: nested.rs, run.rs.)

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::Status;
use gort::sched::{objects, runtime};
use gort::sys::slab::{self, Header, Slab, Slot};
use std::sync::atomic::{AtomicBool, Ordering::*};
use support::{block_thread, ms, plain};

/// An object of an upper floor that does not exist.
#[repr(C)]
struct Thing {
    header: Header,
    at: AtomicBool,
}

const KIND: u8 = 99;

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for Thing {
    const KIND: u8 = KIND;
}

static THINGS: Slab<Thing> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "things", live: || THINGS.live(), release, reset: || THINGS.reset() };
static RETURNED: AtomicBool = AtomicBool::new(false);
/// What `release` found of the thing.
static SEEN: AtomicBool = AtomicBool::new(false);

fn release() {
    // SAFETY: slots are type-stable.
    THINGS.for_each(|t| SEEN.store(unsafe { t.as_ref() }.at.load(SeqCst), SeqCst));
}

#[test]
fn object_that_is_being_made_is_whole_before_a_shutdown_gives_its_memory_back() {
    plain(|| {
        gort::run(|| ()).unwrap();
        let mut other = None;
        let thing = objects::make(&KEEPER, &THINGS, |t| {
            other = Some(std::thread::spawn(|| {
                let status = gort::shutdown();
                RETURNED.store(true, SeqCst);
                status
            }));
            while !runtime::is_releasing() {
                block_thread(ms(1));
            }
            block_thread(ms(20));
            assert!(!RETURNED.load(SeqCst), "memory was given back under an object that is being made");
            t.at.store(true, SeqCst);
            t.header.epoch.store(slab::epoch(), SeqCst);
            t.header.kind.store(KIND, SeqCst);
        })
        .unwrap();
        assert_eq!(other.unwrap().join().unwrap(), Status::Ok);
        assert!(SEEN.load(SeqCst), "what the object holds was not given back");
        // SAFETY: the range stays, and reads as zero.
        unsafe { assert_eq!((thing.as_ref().header.lock_as(KIND), objects::live("things")), (Status::Shutdown, 0)) };
    })
}

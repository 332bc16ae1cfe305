//! Elements of 4 KiB through a channel of 64: by value, and by pointer to a block on the heap that the receiver frees.
//!
//! The work on a block is the same either way: the producer writes the first word of each cache line, the consumer reads them. So the difference is what it costs to get the block across.
//! The block is as `malloc` gives it: zeroed first, as `Box::new([0; 4096])` does, it would be written twice. And the heap keeps what
//! is freed, as it does in a program that has something alive above it: in this one, which has nothing, glibc would give the blocks back to the system and fault them in again, over and over
//! (4 to 5 times the time).
//!
//! Invariants: those of `workloads.rs`, and: every line that is read was written by the producer for this element, for the words run on from element to element.

use crate::bench::{Found, Outcome, die, outcome};
use crate::workloads::join;
use gort::{Receiver, Sender, Status, channel};
use std::borrow::Borrow;
use std::mem::MaybeUninit;
use std::time::Instant;

const LINES: usize = 64;
/// So many bytes the heap keeps.
const KEEP: i32 = 64 << 20;

/// 4 KiB: lines of the cache, of which the first word is used.
type Page = [[MaybeUninit<u64>; 8]; LINES];

const UNWRITTEN: Page = [[MaybeUninit::uninit(); 8]; LINES];

fn write(page: &mut Page, id: u64) {
    for (i, line) in (id * LINES as u64..).zip(page) {
        line[0].write(i);
    }
}

/// Takes what was written in: the sum, and whether it is the page that is due.
fn read(page: &Page, found: &mut Found) {
    // SAFETY: every page that is sent was written first, line by line.
    let words = page.iter().map(|line| unsafe { line[0].assume_init() });
    // SAFETY: as above.
    let first = unsafe { page[0][0].assume_init() };
    found.add(words.sum(), first != found.count * LINES as u64);
}

/// Receives until the channel is closed.
fn take<T: Send + Borrow<Page>>(rx: Receiver<T>) -> Found {
    let mut found = Found::default();
    loop {
        match rx.recv() {
            Ok(element) => read(element.borrow(), &mut found),
            Err(status) => {
                found.errors += u64::from(status != Status::Closed);
                return found;
            }
        }
    }
}

fn pass<T: Send + Borrow<Page> + 'static>(n: u64, put: impl FnOnce(Sender<T>) -> u64 + Send + 'static) -> Outcome {
    let (tx, rx) = channel::<T>(64);
    let start = Instant::now();
    let producer = gort::spawn(move || put(tx));
    let consumer = gort::spawn(move || take(rx));
    let (errors, found) = (join(producer), join(consumer));
    outcome(start, n, &[found], errors)
}

pub fn copy(n: u64) -> Outcome {
    let put = move |tx: Sender<Page>| {
        let (mut page, mut errors) = (UNWRITTEN, 0);
        for id in 0..n {
            write(&mut page, id);
            errors += u64::from(tx.send(page).is_err());
        }
        errors
    };
    pass(n, put)
}

pub fn pointer(n: u64) -> Outcome {
    // SAFETY: sets a number of the allocator's, under its lock; no memory of ours is touched.
    if unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, KEEP) } != 1 {
        die("mallopt", "M_TRIM_THRESHOLD");
    }
    let put = move |tx: Sender<Box<Page>>| {
        let mut errors = 0;
        for id in 0..n {
            let mut page = Box::new(UNWRITTEN);
            write(&mut page, id);
            errors += u64::from(tx.send(page).is_err());
        }
        errors
    };
    pass(n, put)
}

//! atomic_counter: a number that several tasks change without a lock.
//!
//! An atomic operation cannot be seen half done: two tasks that add at the same instant both count. Rust's own atomics are
//! the ones to take; tasks are no different from threads here.

use gort::WaitGroup;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

const TASKS: i64 = 5;
const STEPS: i64 = 10_000;

/// What there is no operation for is done by a loop: read, work it out, and write only if nobody else has written.
/// (`fetch_max` is one; it stands here for those that have none.)
fn raise_to(largest: &AtomicI64, value: i64) {
    let mut seen = largest.load(SeqCst);
    while seen < value {
        match largest.compare_exchange(seen, value, SeqCst, SeqCst) {
            Ok(_) => return,
            Err(now) => seen = now,
        }
    }
}

fn yes(done: bool) -> &'static str {
    if done { "yes" } else { "no" }
}

fn app() {
    let wg = WaitGroup::new();
    let counter = Arc::new(AtomicI64::new(0));

    // 1. fetch_add gives the old value (Go's Add the new one); load and store are whole.
    for _ in 0..TASKS {
        let counter = counter.clone();
        wg.go(move || {
            for _ in 0..STEPS {
                counter.fetch_add(1, SeqCst);
            }
        });
    }
    wg.wait().unwrap();
    println!("five tasks, ten thousand steps each: {}", counter.load(SeqCst));
    println!("three less: {}", counter.fetch_add(-3, SeqCst) - 3);
    counter.store(7, SeqCst);

    // 2. swap gives the old value.
    let old = counter.swap(8, SeqCst);
    println!("swap: {old}, now {}", counter.load(SeqCst));

    // 3. compare and swap: only if it is still what it was.
    let first = counter.compare_exchange(8, 9, SeqCst, SeqCst).is_ok();
    let second = counter.compare_exchange(8, 10, SeqCst, SeqCst).is_ok();
    println!("8 to 9: {}, 8 to 10: {}", yes(first), yes(second));

    // 4. One seat, five who want it: one gets it.
    let (free_seat, winners) = (Arc::new(AtomicI64::new(1)), Arc::new(AtomicI64::new(0)));
    for _ in 0..TASKS {
        let (free_seat, winners) = (free_seat.clone(), winners.clone());
        wg.go(move || {
            if free_seat.compare_exchange(1, 0, SeqCst, SeqCst).is_ok() {
                winners.fetch_add(1, SeqCst);
            }
        });
    }
    wg.wait().unwrap();
    println!("one seat, five who want it: {} got it", winners.load(SeqCst));

    // 5. The loop.
    let largest = Arc::new(AtomicI64::new(0));
    for first in 0..TASKS {
        let largest = largest.clone();
        wg.go(move || (0..STEPS).for_each(|i| raise_to(&largest, first + i * TASKS)));
    }
    wg.wait().unwrap();
    println!("the largest of fifty thousand: {}", largest.load(SeqCst));
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: its Add gives the new value, fetch_add the old one. All of Go's are sequentially consistent; Rust has weaker
// orders to choose from.

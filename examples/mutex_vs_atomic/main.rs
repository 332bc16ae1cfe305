//! mutex_vs_atomic: the same total, under a lock and with an atomic.
//!
//! For one number an atomic add is enough, and quicker. As soon as two things must change together (a balance and its
//! history), it takes the lock: two atomic operations are two, and another task may see the state between them.
//! How much quicker is a benchmark row (mutex_5x1m, atomic_5x1m) and no line of this story.

use gort::WaitGroup;
use gort::sync::Mutex;
use std::process::ExitCode;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};

const TASKS: usize = 5;
const STEPS: usize = 1_000_000;

static UNDER_LOCK: Mutex<i64> = Mutex::new(0);
static ATOMIC: AtomicI64 = AtomicI64::new(0);

/// Two things that change together: the sum of both stays the same, and whoever looks under the lock sees that.
static SIDES: Mutex<(i64, i64)> = Mutex::new((1000, 0));
static WRONG: AtomicI64 = AtomicI64::new(0);

fn move_over() {
    for _ in 0..100 {
        let mut sides = SIDES.lock();
        sides.0 -= 1;
        gort::yield_now(); // a moment in which the sum is wrong; nobody sees it
        sides.1 += 1;
    }
}

fn look() {
    for _ in 0..100 {
        let (left, right) = *SIDES.lock();
        WRONG.fetch_add(i64::from(left + right != 1000), SeqCst);
        gort::yield_now();
    }
}

fn app() {
    let wg = WaitGroup::new();
    for _ in 0..TASKS {
        wg.go(|| (0..STEPS).for_each(|_| *UNDER_LOCK.lock() += 1));
    }
    wg.wait().unwrap();
    println!("under a mutex: {}", *UNDER_LOCK.lock());
    for _ in 0..TASKS {
        wg.go(|| {
            (0..STEPS).for_each(|_| {
                ATOMIC.fetch_add(1, SeqCst);
            })
        });
    }
    wg.wait().unwrap();
    println!("with an atomic: {}", ATOMIC.load(SeqCst));

    for _ in 0..TASKS {
        wg.go(move_over);
    }
    wg.go(look);
    wg.wait().unwrap();
    let (left, right) = *SIDES.lock();
    println!("two numbers that change together: {left} and {right}, seen wrong {} times", WRONG.load(SeqCst));
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

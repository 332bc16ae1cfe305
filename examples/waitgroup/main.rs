//! waitgroup: wait until a number of tasks have finished.
//!
//! A WaitGroup is a counter. `add(n)` says how many ends to expect, `done()` counts one, `wait()` sleeps until it is
//! zero. `wg.go()` does add, start and done in one call and is the way to prefer: nothing can be forgotten.

use gort::WaitGroup;
use std::process::ExitCode;
use std::time::Duration;

fn work(id: i32) {
    println!("Worker {id} started");
    gort::sleep(Duration::from_millis(5)).unwrap(); // parks the task, not the thread
    println!("Worker {id} finished");
}

fn app() {
    let wg = WaitGroup::new();

    // 1. By hand. add() comes before the task starts: added inside the task, wait() might look too early.
    for id in 1..=3 {
        wg.add(1).unwrap();
        let wg = wg.clone(); // another handle to the same counter
        gort::go(move || {
            work(id);
            wg.done().unwrap();
        });
    }
    wg.wait().unwrap();
    println!("all three by hand have finished");

    // 2. The short way; the same WaitGroup can be used again.
    for id in 4..=5 {
        wg.go(move || work(id));
    }
    wg.wait().unwrap();
    println!("both by go have finished");

    // 3. Asking without waiting.
    wg.add(1).unwrap();
    println!("try_wait at one: {}", story::name(&wg.try_wait()));
    wg.done().unwrap();
    println!("try_wait at zero: {}", story::name(&wg.try_wait()));

    // 4. One done() too many is refused, and the counter stays what it was.
    println!("done below zero: {}", story::name(&wg.done()));
    println!("wait after that: {}", story::name(&wg.wait()));
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: a counter below zero panics there; here it is an error. And Go's WaitGroup can be copied by mistake
// (passed by value, the copy counts alone); here `clone` is another handle to the one counter, and a move is a move.

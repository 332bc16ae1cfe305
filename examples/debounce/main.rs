//! debounce: many calls in a row, one run, a while after the last of them.
//!
//! 1. By hand: a function timer, set anew with each call.
//! 2. With the ready-made piece, which never runs its function beside itself, and can be flushed and cancelled.

use gort::time::{Debounce, after_func};
use std::process::ExitCode;
use std::time::Duration;

const QUIET: Duration = Duration::from_millis(20);

fn by_hand() {
    let (tx, saved) = gort::channel(8);
    let save = after_func(Duration::MAX, move || tx.send(()).unwrap()); // not set yet
    for _ in 0..10 {
        save.reset(QUIET); // a key was pressed
    }
    saved.recv().unwrap();
    gort::sleep(2 * QUIET).unwrap();
    println!("by hand: 10 keys, {} save", 1 + saved.len());
}

fn with_the_piece() {
    let (tx, saved) = gort::channel(8);
    let save = Debounce::new(QUIET, move || tx.send(()).unwrap());
    (0..10).for_each(|_| save.call());
    saved.recv().unwrap();
    gort::sleep(2 * QUIET).unwrap();
    println!("with the piece: 10 keys, {} save", 1 + saved.len());

    save.call();
    println!("flushed: {}", if save.flush() { "saved now" } else { "nothing to save" });
    saved.recv().unwrap();
    println!("flushed again: {}", if save.flush() { "saved now" } else { "nothing to save" });

    save.call();
    println!("cancelled: {}", if save.cancel() { "not saved" } else { "too late" });
    gort::sleep(2 * QUIET).unwrap();
    assert!(saved.is_empty());
}

fn app() {
    by_hand();
    with_the_piece();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// The guide's version in Go keeps a timer under a mutex and drains its channel after Stop; but a timer of AfterFunc has no
// channel, so that line waits for ever with the mutex held. `reset` alone is enough, there and here.

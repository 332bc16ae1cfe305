//! first_channel: one task sends, another receives.
//!
//! Instead of sharing memory and locking it, tasks pass messages. A channel carries values of one type and has two
//! ends: what goes into the sender comes out of the receiver.

use std::process::ExitCode;
use std::time::Duration;

fn app() {
    let (tx, rx) = gort::channel::<&str>(0); // capacity 0: a send and a receive wait for each other

    let to_main = tx.clone();
    gort::go(move || to_main.send("task finished").unwrap());
    println!("Message: {}", rx.recv().unwrap()); // waits until the worker sends

    gort::go(move || {
        gort::sleep(Duration::from_millis(20)).unwrap();
        tx.send("done").unwrap();
    });
    println!("Waiting for worker...");
    println!("Worker says: {}", rx.recv().unwrap());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. What is sent is moved: the sender has it no longer.

//! select_default: look at several channels without waiting.
//!
//! A select with an arm `default` does one of its other arms if one can go ahead now. If none can it does not wait: it
//! evaluates `default`. So a task can look after its channels between two steps of its work.

use gort::{Receiver, Sender};
use std::process::ExitCode;
use std::time::Duration;

fn look(ch: &Receiver<&str>) {
    gort::select! {
        recv(ch) -> msg => println!("Received: {}", msg.unwrap()),
        default => println!("No message, moving on"),
    }
}

fn serve(ch1: &Receiver<i32>, ch2: &Sender<i32>) {
    gort::select! {
        recv(ch1) -> val => println!("Received {} from ch1", val.unwrap()),
        send(ch2, 42) => println!("Sent value to ch2"),
        default => println!("No channel is ready"),
    }
}

/// A step of other work. The yield in it lets the other tasks have their turn.
fn work() {
    gort::yield_now();
}

fn app() {
    // One case and `default`.
    let (tx, ch) = gort::channel(1);
    look(&ch);
    tx.send("hello").unwrap();
    look(&ch);

    // A receive, a send, and `default`.
    let (_nobody_sends, ch1) = gort::channel(0);
    let (ch2, values) = gort::channel(1);
    ch2.send(42).unwrap(); // ch2 is full, and nobody sends to ch1
    serve(&ch1, &ch2);
    values.recv().unwrap(); // now ch2 has room
    serve(&ch1, &ch2);
    println!("Received {} from ch2", values.recv().unwrap());

    // Polling: work goes on while the result is not there.
    let (tx, result) = gort::channel(0);
    gort::go(move || {
        gort::sleep(Duration::from_millis(5)).unwrap();
        tx.send(7).unwrap();
    });
    let val = loop {
        work();
        gort::select! {
            recv(result) -> val => break val.unwrap(),
            default => {} // not yet
        }
    };
    println!("the result came between two steps of other work: {val}");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. For a single channel `try_recv` and `try_send` say the same. With `default` the select is no `Result`,
// since it does not wait; an arm `failed(status)` tells a cancelled task from one that finds nothing ready.

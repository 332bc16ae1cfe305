//! directional: a handle that can only send, and one that can only receive.
//!
//! A function that takes a `Sender` can send and close, one that takes a `Receiver` can receive. The two types are
//! distinct, so the wrong direction does not compile: wrong.rs next to this file tries it.

use gort::{Receiver, Sender};
use std::process::ExitCode;

fn produce(out: Sender<i32>) {
    for i in 1..=3 {
        out.send(i).unwrap();
    }
    // Closing is the sender's business: the last Sender goes out of scope here, and that closes the channel.
}

fn consume(input: Receiver<i32>) {
    for v in input {
        println!("received {v}");
    }
    println!("the sender has closed");
}

fn app() {
    let (tx, rx) = gort::channel(0);
    gort::go(move || produce(tx));
    consume(rx);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go's chan<- and <-chan, but in Rust there is no handle for both directions to begin with.

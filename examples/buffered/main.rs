//! buffered: a channel with room for two.
//!
//! A send waits only when the buffer is full, a receive only when it is empty. So sender and receiver need not meet;
//! but the room is bounded, and a fast sender is held back in the end.

use gort::Status;
use std::process::ExitCode;
use std::time::Duration;

fn app() {
    let (tx, rx) = gort::channel(2);
    let (two, two_sent) = gort::channel(1);
    let (three, three_sent) = gort::channel(1);

    let to_main = tx.clone();
    gort::go(move || {
        to_main.send(1).unwrap(); // does not wait
        println!("sent 1");
        to_main.send(2).unwrap(); // does not wait
        println!("sent 2");
        two.send(()).unwrap();
        to_main.send(3).unwrap(); // waits until one is taken out
        three.send(()).unwrap();
    });
    two_sent.recv().unwrap();
    gort::sleep(Duration::from_millis(20)).unwrap(); // plenty of time to try the third send
    println!("len {}, cap {}", tx.len(), tx.capacity());
    let waits = three_sent.try_recv() == Err(Status::WouldBlock);
    println!("the third send waits: {}", if waits { "yes" } else { "no" });

    println!("recv: {}", rx.recv().unwrap()); // room for one: the waiting value moves in at the tail
    three_sent.recv().unwrap();
    println!("sent 3");
    for _ in 0..2 {
        println!("recv: {}", rx.recv().unwrap());
    }

    // Closing: what is in the buffer can still be received, in order; then every receive says GORT_CLOSED, at once.
    tx.send(10).unwrap();
    tx.send(20).unwrap();
    tx.close().unwrap();
    let mut v = 0;
    let status = loop {
        match rx.recv() {
            Ok(value) => v = value,
            Err(status) => break status,
        }
        println!("drained: {v}");
    };
    println!("then: {}, and v is still {v}", status.name()); // a value comes only with success
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs in the last line: a receive from a closed, empty channel gives the zero value and ok == false; here
// the error is the "not ok", and there is no value.

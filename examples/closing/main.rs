//! closing: "no more values will come", and what every call says about it.
//!
//! Only the sending side closes, once, and only if somebody needs to know; in Rust dropping the last `Sender` does it.
//! The channel itself lives on: what is in the buffer can still be received.

use std::process::ExitCode;
use std::time::Duration;

fn app() {
    // Drain: buffered values first, then GORT_CLOSED, for ever and at once.
    let (tx, rx) = gort::channel(2);
    tx.send(10).unwrap();
    tx.send(20).unwrap();
    tx.close().unwrap();
    for _ in 0..4 {
        match rx.recv() {
            Ok(v) => println!("got: {v}"),
            Err(status) => println!("no more: {}", status.name()),
        }
    }

    // Mistakes are errors. (There is no NULL channel in Rust, so its close cannot be tried.)
    println!("close again: {}", tx.close().unwrap_err().name());
    println!("send after close: {}", tx.send(30).unwrap_err().status.name());

    // Range: a loop that ends when the channel is closed and drained.
    let (numbers, more) = gort::channel(0);
    gort::go(move || {
        for i in 1..=3 {
            numbers.send(i).unwrap();
        }
    }); // the task's end drops `numbers`, the only sender: that is the close
    for v in more {
        println!("Received: {v}");
    }
    println!("All done");

    // A sender that waits is woken by close; its value comes back in the error.
    let (tx, rx) = gort::channel(0);
    let waiting = tx.clone();
    let task = gort::spawn(move || {
        let e = waiting.send(7).unwrap_err();
        println!("a sender that was waiting: {}, and still has its {}", e.status.name(), e.value);
    });
    gort::sleep(Duration::from_millis(20)).unwrap(); // plenty of time to reach the send
    tx.close().unwrap();
    task.join().unwrap();
    drop(rx);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: a second close, a close of nil and a send on a closed channel panic there, and a receive from a closed
// and drained channel gives a zero value. Here each of them is an error.

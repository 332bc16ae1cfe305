//! rendezvous: on an unbuffered channel the sender passes only when the receiver is there.
//!
//! Capacity 0 means that the channel can hold nothing: the value goes from hand to hand, and whoever comes first
//! waits for the other. So a send that returned says more than "sent": it says "received".

use gort::Sender;
use std::process::ExitCode;
use std::time::Duration;

fn start_sender(tx: &Sender<i32>, mark: &Sender<()>) {
    let (tx, mark) = (tx.clone(), mark.clone());
    gort::go(move || {
        tx.send(42).unwrap(); // waits here until somebody receives
        mark.send(()).unwrap();
    });
}

fn app() {
    let (tx, rx) = gort::channel(0);
    let (mark, passed) = gort::channel(1); // holds one mark: the sender is through

    // The sender comes first and waits.
    start_sender(&tx, &mark);
    gort::sleep(Duration::from_millis(20)).unwrap(); // plenty of time to reach the send
    println!("capacity {}, held by the channel {}", tx.capacity(), tx.len());
    println!("has the sender passed? {}", if passed.try_recv().is_ok() { "yes" } else { "no" });

    println!("received {}", rx.recv().unwrap());
    passed.recv().unwrap();
    println!("now the sender has passed");

    // The receiver comes first and waits: the same meeting from the other side.
    start_sender(&tx, &mark);
    let v = rx.recv().unwrap();
    passed.recv().unwrap();
    println!("received {v} again");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go.

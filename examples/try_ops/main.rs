//! try_ops: send or receive only if it goes at once.
//!
//! `try_send` and `try_recv` never wait. `WouldBlock` is not a failure but an answer: not now. It is the truth about
//! one instant, so the next try may go well. What to do instead is up to the caller: drop, count, do other work.

use std::process::ExitCode;

fn show<T>(what: &str, result: Result<T, gort::Status>) -> Option<T> {
    println!("{what}: {}", story::name(&result));
    result.ok()
}

fn app() {
    // A buffer of one. A send that failed gives the value back in its error.
    let (tx, rx) = gort::channel(1);
    show("receive from an empty buffer", rx.try_recv());
    show("send into a free buffer", tx.try_send(1).map_err(|e| e.status));
    show("send into a full buffer", tx.try_send(2).map_err(|e| e.status));
    let v = show("receive from a full buffer", rx.try_recv());
    println!("received {}", v.unwrap());

    // Unbuffered: a try goes ahead only if the other side is already waiting.
    let (meet, other) = gort::channel(0);
    let wg = gort::WaitGroup::new();
    show("send and nobody waits", meet.try_send(3).map_err(|e| e.status));
    wg.go(move || println!("the waiting receiver got {}", other.recv().unwrap()));
    while meet.try_send(4).is_err() {
        gort::yield_now(); // until the receiver is there
    }
    wg.wait().unwrap();

    // Closed: a try says so, it does not say "would block". A buffered value still comes first.
    tx.send(5).unwrap();
    tx.close().unwrap();
    show("receive the last value", rx.try_recv());
    show("receive after close", rx.try_recv());
    show("send after close", tx.try_send(6).map_err(|e| e.status));
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go writes this as a select with one case and a default. A send on a closed channel panics there, also with default.

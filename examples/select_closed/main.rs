//! select_closed: what a closed channel is to a select.
//!
//! 1. Its arm is ready, and receives an error instead of a value: Go's comma-ok.
//! 2. It is ready again each time. A loop that goes on with the others switches the arm off: `None` is never ready.
//! 3. An arm that sends is ready, too, when its channel is closed, and gives the value back.

use gort::{Receiver, Status};
use std::process::ExitCode;

/// A channel that holds two values and is closed: they still come, then the close is seen.
fn two_values(first: i32, second: i32) -> Receiver<i32> {
    let (tx, rx) = gort::channel(2);
    tx.send(first).unwrap();
    tx.send(second).unwrap();
    rx // the sender is dropped here, and that closes the channel
}

fn until_closed() {
    let ch = two_values(1, 2);
    loop {
        gort::select! {
            recv(ch) -> val => match val {
                Ok(val) => println!("Got: {val}"),
                Err(_closed) => break,
            },
        }
        .unwrap();
    }
    println!("Channel closed");
    for _ in 0..3 {
        gort::select! { recv(ch) -> val => assert_eq!(val, Err(Status::Closed)) }.unwrap();
    }
    println!("ready three times in a row: it stays closed");
}

fn until_both_closed() {
    let (tx, rx) = gort::channel(0);
    let (mut a, mut b) = (Some(two_values(3, 4)), Some(rx));
    let mut tx = Some(tx);
    while a.is_some() || b.is_some() {
        gort::select! {
            recv(a) -> val => match val {
                Ok(val) => println!("a: {val}"),
                Err(_closed) => {
                    println!("a is closed, its case is switched off");
                    a = None; // never ready from now on; without this line it would be ready in every round
                    let tx = tx.take().unwrap(); // b speaks when a has ended, so that the order is always the same
                    gort::go(move || (5..=6).for_each(|n| tx.send(n).unwrap()));
                }
            },
            recv(b) -> val => match val {
                Ok(val) => println!("b: {val}"),
                Err(_closed) => {
                    println!("b is closed, its case is switched off");
                    b = None;
                }
            },
        }
        .unwrap();
    }
    let ready = gort::select! {
        recv(a) -> _ => true,
        recv(b) -> _ => true,
        default => false,
    };
    assert!(!ready);
    println!("with every case switched off nothing is ready");
}

fn send_to_closed() {
    let (tx, _rx) = gort::channel(1);
    tx.close().unwrap();
    let sent = gort::select! { send(tx, 7) -> sent => sent }.unwrap();
    let returned = sent.unwrap_err();
    assert_eq!(returned.value, 7);
    println!("a send to a closed channel does not go ahead: {}", returned.status.name());
}

fn app() {
    until_closed();
    until_both_closed();
    send_to_closed();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go: `case val, ok := <-ch`, and `ch = nil` to switch a case off. A condition does it, too:
// `recv(wanted.then_some(&ch))`. A select that would send to a closed channel panics in Go; here the arm is told, and
// one without `-> sent` makes the select fail with `Closed`.

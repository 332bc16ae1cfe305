//! idle_timeout: a loop that ends when nothing has come for a while.
//!
//! 1. One timer for the whole loop, set anew with each event.
//! 2. The same as a ready-made piece: `Idle`, which is touched and calls back.

use gort::time::{Idle, Timer};
use std::process::ExitCode;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Five events, and then silence.
fn source() -> gort::Receiver<u32> {
    let (tx, rx) = gort::channel(0);
    gort::go(move || {
        for n in 1..=5 {
            gort::sleep(MS).unwrap();
            tx.send(n).unwrap();
        }
        let _ = gort::sleep(Duration::MAX); // holds its end: the channel stays open until the run ends
    });
    rx
}

fn by_hand() {
    let (events, idle) = (source(), Timer::new(100 * MS));
    let mut seen = 0;
    loop {
        gort::select! {
            recv(events) -> event => {
                event.unwrap();
                seen += 1;
                idle.reset(100 * MS);
            },
            recv(idle) -> _ => break,
        }
        .unwrap();
    }
    println!("by hand: {seen} events, then idle");
}

fn with_the_piece() {
    let events = source();
    let (tell, told) = gort::channel(1);
    let idle = Idle::new(100 * MS, move || tell.send(()).unwrap());
    let mut seen = 0;
    loop {
        gort::select! {
            recv(events) -> event => {
                event.unwrap();
                seen += 1;
                idle.touch();
            },
            recv(told) -> _ => break,
        }
        .unwrap();
    }
    println!("with the piece: {seen} events, then idle");
}

fn app() {
    by_hand();
    with_the_piece();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go the loop is the same. What it must not have any more is the line that drains the channel after Stop: see
// timer_stop_reset. `Idle` has no counterpart there; a touch costs a look at the clock, since it does not move the timer.

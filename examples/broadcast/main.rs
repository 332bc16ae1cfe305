//! broadcast: one close wakes everybody who waits.
//!
//! A send reaches one receiver. A close reaches all, also those who come later. So a channel on which nothing is ever
//! sent is a stop signal: every worker receives from it, and the close is "stop".

use gort::{Receiver, Sender, Status, WaitGroup};
use std::process::ExitCode;

fn start(wg: &WaitGroup, id: i32, ready: &Sender<()>, stop: &Receiver<()>) {
    let (ready, stop) = (ready.clone(), stop.clone());
    wg.go(move || {
        ready.send(()).unwrap();
        assert_eq!(stop.recv(), Err(Status::Closed)); // sleeps until the signal
        println!("Worker {id} stopped");
    });
}

fn app() {
    let (ready, is_ready) = gort::channel(0);
    let (stop, stopped) = gort::channel(0);
    let wg = WaitGroup::new();
    for id in 1..=3 {
        start(&wg, id, &ready, &stopped);
    }
    for _ in 1..=3 {
        is_ready.recv().unwrap();
    }

    println!("stop!");
    stop.close().unwrap();

    start(&wg, 4, &ready, &stopped); // a late one sees the signal at once
    is_ready.recv().unwrap();
    wg.wait().unwrap();
    println!("everybody has stopped");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go.

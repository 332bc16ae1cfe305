//! select_timeout: a wait that ends after a time.
//!
//! 1. A message that comes in time, and one that does not: one more arm, which is ready when the time has passed.
//! 2. A time for each wait: with every message the clock starts again.
//! 3. One deadline for the whole loop, however many messages come.

use gort::{Receiver, Time};
use std::process::ExitCode;
use std::time::Duration;

fn once(ch: &Receiver<&str>, patience: Duration) {
    gort::select! {
        recv(ch) -> msg => println!("Got message: {}", msg.unwrap()),
        after(patience) => println!("Timeout"),
    }
    .unwrap();
}

fn until_silence(ch: &Receiver<&str>) {
    loop {
        gort::select! {
            recv(ch) -> msg => assert!(msg.is_ok()),
            after(Duration::from_millis(40)) => break, // counted anew each time
        }
        .unwrap();
    }
    println!("no message for a while, so nobody is taken to be there");
}

fn until_deadline(ch: &Receiver<&str>) {
    let deadline = Time::after(Duration::from_millis(40));
    loop {
        gort::select! {
            recv(ch) -> msg => assert!(msg.is_ok()),
            at(deadline) => break,
        }
        .unwrap();
    }
    println!("messages kept coming, and the deadline ended the loop");
}

/// Reads what a sender of its own sends, then hangs up.
fn listen(how_often: usize, reader: impl FnOnce(&Receiver<&str>)) {
    let (tx, ch) = gort::channel(0);
    let (sender, wg) = (tx.clone(), gort::WaitGroup::new());
    wg.go(move || {
        for _ in 0..how_often {
            if sender.send("hello").is_err() {
                break; // nobody listens any more
            }
            gort::sleep(Duration::from_millis(1)).unwrap();
        }
    });
    reader(&ch);
    tx.close().unwrap();
    wg.wait().unwrap();
}

fn app() {
    listen(1, |ch| once(ch, Duration::from_secs(60)));
    listen(0, |ch| once(ch, Duration::from_millis(20)));
    listen(5, until_silence);
    listen(1_000_000, until_deadline);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go the case is a receive from time.After(d), a channel whose clock starts when it is made: in the loop it is a
// time for each wait, in front of the loop a deadline for the whole. Here these are two arms, `after` and `at`, without
// a channel, and their time is gone with the wait. Where the end of time is no case but a failure, `until(time);` in
// front of the arms makes it the error `TimedOut`.

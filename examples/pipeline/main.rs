//! pipeline: generate, square, print; each stage a task, each arrow a channel.
//!
//! End of work travels downstream: a stage that has no more drops its sender, the channel closes, the next one's loop
//! ends. Failure travels both ways: a stage that fails drops its receiver too, so that a send by the stage before it
//! gives `Closed` and that one stops too, instead of waiting for a reader for ever.

use gort::{Receiver, Sender};
use std::process::ExitCode;

/// Sends 1..=count; gives the number of those that were taken.
fn generate(count: i32, out: Sender<i32>) -> i32 {
    let mut sent = 0;
    for i in 1..=count {
        if out.send(i).is_err() {
            break; // nobody reads any more
        }
        sent += 1;
    }
    sent
}

fn square(fails_at: i32, input: Receiver<i32>, out: Sender<i32>) {
    for v in &input {
        if v == fails_at {
            return; // it fails here; both handles are dropped
        }
        out.send(v * v).unwrap();
    }
}

fn run_pipeline(count: i32, fails_at: i32) {
    let (numbers, numbers_in) = gort::channel(0);
    let (squares, squares_in) = gort::channel(0);
    let first = gort::spawn(move || generate(count, numbers));
    let second = gort::spawn(move || square(fails_at, numbers_in, squares));

    for v in squares_in {
        println!("{v}"); // the last stage is this task itself
    }
    let sent = first.join().unwrap();
    second.join().unwrap();
    let taken = if sent == count { "everything was taken" } else { "the generator was stopped" };
    println!("both stages have ended; {taken}");
}

fn app() {
    println!("a good run:");
    run_pipeline(5, 0);
    println!("square fails at 4:");
    run_pipeline(1000, 4);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: a receiver cannot tell senders that it is gone, so a failing stage needs a second channel ("done", or a
// context) which every sender selects on. That works here too; dropping the receiver is the short way.

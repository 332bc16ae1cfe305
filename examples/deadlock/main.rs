//! deadlock: every task sleeps and nothing can wake one.
//!
//! gort notices. main's blocked call returns `Deadlock`, and main goes back by an ordinary return; what is still
//! asleep is cancelled, as at the end of any run. The run ends with `Deadlock`, too, and its error carries the census:
//! who slept, and on what. Three ways into it, each in a run of its own.

use gort::{JoinError, Sender, Status, WaitGroup};
use std::process::ExitCode;

/// 1. A send that nobody receives.
fn send_nobody_receives(tx: Sender<i32>) {
    let named = gort::Builder::new().name("lonely sender"); // a name for the census
    let task = named.spawn(move || {
        let error = tx.send(1).unwrap_err(); // nobody comes; the end of the run wakes it
        assert_eq!((error.status, error.value), (Status::Canceled, 1));
    });
    match task.unwrap().join() {
        Err(JoinError::Status(status)) => println!("join of the sender: {}", status.name()), // main waits for it in turn
        other => panic!("{other:?}"),
    }
}

/// 2. A buffer that is full, and nobody empties it.
fn full_buffer() {
    let (tx, rx) = gort::channel(2);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    println!("third send into a buffer of two: {}", tx.send(3).unwrap_err().status.name());
    println!("  the first value is still there: {}", rx.recv().unwrap()); // the channel is as good as before
}

/// 3. A WaitGroup that waits for two, and one forgets done().
fn forgotten_done() {
    let wg = WaitGroup::new();
    wg.add(2).unwrap();
    let remembers = wg.clone();
    gort::go(move || remembers.done().unwrap());
    let forgets = wg.clone();
    gort::go(move || drop(forgets));
    println!("wait with a forgotten done: {}", wg.wait().unwrap_err().name());
    wg.done().unwrap();
}

fn run(story: impl FnOnce() + Send + 'static, sleeper: &str) {
    let error = gort::run(story).unwrap_err();
    println!("  the run: {}", error.status.name());
    println!("  the census says \"{sleeper}\": {}", if error.report.contains(sleeper) { "yes" } else { "no" });
}

fn main() -> ExitCode {
    let (tx, never_read) = gort::channel(0);
    run(move || send_nobody_receives(tx), "lonely sender");
    run(full_buffer, "channel send");
    run(forgotten_done, "wait group");
    drop(never_read);
    story::nothing_left()
}

// Go differs: it ends the process with "all goroutines are asleep - deadlock!", and with cgo in the program it does
// not look at all. Here main gets an error and decides.

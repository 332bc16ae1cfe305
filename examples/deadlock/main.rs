//! deadlock: every task sleeps and nothing can wake one.
//!
//! gort notices. main's blocked call returns `Deadlock`, and `gort::last_error()` carries the census: who sleeps, and
//! on what. main goes back by an ordinary return; what is still asleep is cancelled, as at the end of any run.
//! Three ways into it, each in a run of its own.

use gort::{Sender, Status, WaitGroup};
use std::process::ExitCode;

fn report(what: &str, status: Status, sleeper: &str) {
    let census = gort::last_error();
    println!("{what}: {}", status.name());
    println!("  the census names \"{sleeper}\": {}", if census.contains(sleeper) { "yes" } else { "no" });
}

/// 1. A send that nobody receives.
fn send_nobody_receives(tx: Sender<i32>) {
    let wg = WaitGroup::new();
    wg.add(1).unwrap();
    let task = gort::Builder::new().name("lonely sender").spawn(move || {
        let error = tx.send(1).unwrap_err(); // nobody comes; the end of the run wakes it
        assert_eq!((error.status, error.value), (Status::Canceled, 1));
    });
    let error = wg.wait().unwrap_err(); // waits for the sender, who waits too
    report("send nobody receives", error, "lonely sender");
    drop(task);
    wg.done().unwrap();
}

/// 2. A buffer that is full, and nobody empties it.
fn full_buffer() {
    let (tx, rx) = gort::channel(2);
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    let error = tx.send(3).unwrap_err();
    report("third send into a buffer of two", error.status, "send");
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
    let error = wg.wait().unwrap_err();
    report("wait with a forgotten done", error, "wait");
    wg.done().unwrap();
}

fn main() -> ExitCode {
    let (tx, never_read) = gort::channel(0);
    gort::run(move || send_nobody_receives(tx)).unwrap();
    drop(never_read);
    gort::run(full_buffer).unwrap();
    let run = gort::run(forgotten_done);
    println!("all three runs came back");
    story::end(run)
}

// Go differs: it ends the process with "all goroutines are asleep - deadlock!", and with cgo in the program it does
// not look at all. Here main gets an error and decides.

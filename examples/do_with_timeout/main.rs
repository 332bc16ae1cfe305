//! do_with_timeout: wait for work, but not for ever.
//!
//! 1. Work that is done in time: a select over its result and a timer.
//! 2. Work that is too slow: its task is cancelled, and the call it waits in says so.
//! 3. Work that does not listen: its result finds a place in the channel, so the worker ends and nothing hangs.

use gort::time::Timer;
use gort::{Receiver, Status, channel, sleep, spawn};
use std::process::ExitCode;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn wait_for(result: &Receiver<&'static str>, patience: Duration) -> &'static str {
    let late = Timer::new(patience);
    gort::select! {
        recv(result) -> done => done.unwrap(),
        recv(late) -> _ => "too late",
    }
    .unwrap()
}

fn app() {
    let (tx, result) = channel(1);
    let quick = spawn(move || tx.send("done").unwrap());
    println!("quick work: {}", wait_for(&result, 60_000 * MS));
    quick.join().unwrap();

    let (tx, result) = channel(1);
    let slow = spawn(move || {
        sleep(60_000 * MS)?; // a step of the work: it ends early when the task is cancelled
        tx.send("done").unwrap();
        Ok::<(), Status>(())
    });
    println!("slow work: {}", wait_for(&result, 5 * MS));
    slow.cancel();
    println!("the worker was told: {}", story::name(&slow.join().unwrap()));

    let (tx, result) = channel(1); // room for the result that nobody waits for any more
    let deaf = spawn(move || {
        let _shield = gort::shield();
        sleep(20 * MS).unwrap();
        tx.send("done").unwrap();
    });
    let said = wait_for(&result, 5 * MS);
    deaf.cancel();
    deaf.join().unwrap();
    println!("work that does not listen: {said}, and its result hurts nobody");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go the worker is given a context and has to look at it; a task of gort is cancelled as such, and each of its blocking
// calls returns. The channel of one place is needed in both: with none the worker would wait for ever to hand its result over.

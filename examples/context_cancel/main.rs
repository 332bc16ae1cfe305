//! context_cancel: one cancellation ends all that works for it.
//!
//! 1. Three workers, each with a context of its own below one parent; the parent is cancelled and says why.
//! 2. What is not below it goes on.
//! 3. Cancelling again changes nothing: the first cause counts.

use gort::{Context, Status, Wait};
use std::process::ExitCode;

fn app() {
    let (parent, cancel) = Context::background().with_cancel();
    let (other, _keep) = Context::background().with_cancel();
    let (children, _cancels): (Vec<_>, Vec<_>) = (0..3).map(|_| parent.with_cancel()).unzip();
    let (first, mut turn) = gort::channel::<()>(1); // they speak in order
    let mut workers = Vec::new();
    for (n, ctx) in children.iter().cloned().enumerate() {
        let (after, next) = gort::channel(1);
        let mine = std::mem::replace(&mut turn, next);
        workers.push(gort::spawn(move || {
            let (_tx, never) = gort::channel::<()>(0);
            let end = never.recv_with(Wait::forever().ctx(&ctx)); // any call that waits takes a context
            assert_eq!(end, Err(Status::Canceled));
            mine.recv().unwrap();
            println!("worker {} stops: {}", n + 1, ctx.cause().unwrap());
            after.send(()).unwrap();
        }));
    }
    cancel.cancel_cause("the user left"); // when it returns, all below it have ended
    let ended = children.iter().all(Context::is_done);
    first.send(()).unwrap();
    for w in workers {
        w.join().unwrap();
    }
    println!("all below it have ended: {}", if ended { "yes" } else { "no" });
    println!("another branch goes on: {}", if other.err().is_none() { "yes" } else { "no" });
    assert!(!cancel.cancel_cause("too late"));
    assert_eq!(parent.cause().unwrap().to_string(), "the user left");
    println!("cancelled again: nothing changes");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go a child stays in its parent's list until one of them is cancelled; here a parent keeps no child, and one that is
// dropped leaves nothing behind. Who makes a context gets a `Cancel`, which cancels when it is dropped.

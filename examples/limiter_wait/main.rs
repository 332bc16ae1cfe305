//! limiter_wait: wait until it is time, within limits. What cannot be in time is said at once, and nothing is taken.

use gort::limit::{Limiter, TokenBucket, every};
use gort::{Status, Wait};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

fn app() {
    let hourly = Arc::new(TokenBucket::new(every(Duration::from_secs(3600)), 1));
    hourly.wait(Wait::forever()).unwrap();
    println!("the first one need not wait");
    assert_eq!(hourly.wait(Wait::timeout(Duration::from_secs(60))), Err(Status::TimedOut));
    println!("the next comes in an hour, which is not within a minute: said at once");
    assert_eq!(hourly.wait_n(2, Wait::forever()), Err(Status::Limit));
    println!("two at once never may");
    let theirs = hourly.clone();
    let task = gort::spawn(move || theirs.wait(Wait::forever()));
    while hourly.tokens() > -0.5 {
        gort::yield_now() // until it is promised the next one
    }
    task.cancel();
    assert_eq!(task.join().unwrap(), Err(Status::Canceled));
    assert!(hourly.tokens() > -0.5);
    println!("the one that waits is cancelled, and what it was promised is given back");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

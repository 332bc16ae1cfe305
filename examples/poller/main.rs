//! poller: look again and again until it is so.
//!
//! 1. By hand: a ticker, and a deadline for the whole.
//! 2. With the ready-made piece: it looks at once, and then each interval.
//! 3. It never becomes so: the deadline ends it. And it is cancelled.

use gort::time::{Ticker, poll_until};
use gort::{Status, Time, Wait};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Ready at the fourth look.
struct Door(AtomicU32);

impl Door {
    fn is_open(&self) -> bool {
        self.0.fetch_add(1, SeqCst) + 1 >= 4
    }
}

fn by_hand() {
    let (door, ticker, end) = (Door(AtomicU32::new(0)), Ticker::new(MS).unwrap(), Time::after(Duration::from_secs(60)));
    while !door.is_open() {
        ticker.recv_with(Wait::until(end)).unwrap();
    }
    println!("by hand: open after {} looks", door.0.load(SeqCst));
}

fn app() {
    by_hand();
    let door = Door(AtomicU32::new(0));
    poll_until(MS, Wait::timeout(Duration::from_secs(60)), || door.is_open()).unwrap();
    println!("with the piece: open after {} looks", door.0.load(SeqCst));

    let never = poll_until(MS, Wait::timeout(5 * MS), || false);
    println!("it never opens: {}", story::name(&never));

    let looked = Arc::new(AtomicU32::new(0));
    let theirs = looked.clone();
    let task = gort::spawn(move || {
        poll_until(MS, Wait::forever(), || {
            theirs.fetch_add(1, SeqCst);
            false
        })
    });
    while looked.load(SeqCst) == 0 {
        gort::sleep(MS).unwrap();
    }
    task.cancel();
    let ended = task.join().unwrap();
    assert_eq!(ended, Err(Status::Canceled));
    println!("cancelled: {}", story::name(&ended));
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

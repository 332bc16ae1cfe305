//! happens_before: what one task wrote before, the other sees after.
//!
//! Tasks on different processors do not see each other's writes by themselves. What they call of gort orders them:
//!   1. what was written before a send is seen after the receive of that value;
//!   2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
//!   3. on an unbuffered channel, what was written before a receive is seen after the send it took the value of;
//!   4. what was written before close is seen after a receive that says `Closed`;
//!   5. what was written before a task was started is seen by it;
//!   6. what a task wrote is seen after its join;
//!   7. what was written before done is seen after wait;
//!   8. what was written before a cancellation is seen after `Canceled`.
//!
//! Rust lets tasks share only what is safe to share, so the fields below are atomics; but they are read and written
//! `Relaxed`, which orders nothing. All the order comes from gort.

use gort::{Status, WaitGroup};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering::Relaxed};

const ROUNDS: usize = 1000;

#[derive(Default)]
struct Shared {
    a: AtomicU32,
    b: AtomicU32,
}

impl Shared {
    fn write(&self, i: u32) {
        self.a.store(i, Relaxed);
        self.b.store(2 * i, Relaxed);
    }

    /// Counts in `seen` that both fields are as `write(i)` left them.
    fn look(&self, i: u32, seen: &AtomicUsize) {
        let right = self.a.load(Relaxed) == i && self.b.load(Relaxed) == 2 * i;
        seen.store(seen.load(Relaxed) + usize::from(right), Relaxed);
    }
}

type Seen = [AtomicUsize; 8];

fn channels(s: &Arc<Shared>, wg: &WaitGroup, seen: &Seen) {
    let (tx, rx) = gort::channel::<()>(1);

    let (theirs, their_tx) = (s.clone(), tx.clone());
    wg.go(move || {
        theirs.write(1);
        their_tx.send(()).unwrap();
    });
    rx.recv().unwrap();
    s.look(1, &seen[0]);
    wg.wait().unwrap();

    tx.send(()).unwrap(); // the one place is taken
    let (theirs, their_rx) = (s.clone(), rx.clone());
    wg.go(move || {
        theirs.write(2);
        their_rx.recv().unwrap();
    });
    tx.send(()).unwrap(); // waits for the receive
    s.look(2, &seen[1]);
    wg.wait().unwrap();
    rx.recv().unwrap();

    let (give, take) = gort::channel::<()>(0);
    let theirs = s.clone();
    wg.go(move || {
        theirs.write(3);
        take.recv().unwrap();
    });
    give.send(()).unwrap();
    s.look(3, &seen[2]);
    wg.wait().unwrap();

    let theirs = s.clone();
    wg.go(move || {
        theirs.write(4);
        tx.close().unwrap();
    });
    assert_eq!(rx.recv(), Err(Status::Closed));
    s.look(4, &seen[3]);
    wg.wait().unwrap();
}

fn tasks(s: &Arc<Shared>, wg: &WaitGroup, seen: &Arc<Seen>) {
    s.write(5);
    let (theirs, their_seen) = (s.clone(), seen.clone());
    let task = gort::spawn(move || {
        theirs.look(5, &their_seen[4]);
        theirs.write(6);
    });
    task.join().unwrap();
    s.look(6, &seen[5]);

    let theirs = s.clone();
    wg.go(move || theirs.write(7));
    wg.wait().unwrap();
    s.look(7, &seen[6]);

    let (theirs, their_seen) = (s.clone(), seen.clone());
    let (_nobody_sends, rx) = gort::channel::<()>(0);
    let task = gort::spawn(move || {
        assert_eq!(rx.recv(), Err(Status::Canceled));
        theirs.look(8, &their_seen[7]);
    });
    s.write(8);
    task.cancel();
    task.join().unwrap();
}

fn app() {
    let wg = WaitGroup::new();
    let seen = Arc::new(Seen::default());
    for _ in 0..ROUNDS {
        let s = Arc::new(Shared::default());
        channels(&s, &wg, &seen);
        tasks(&s, &wg, &seen);
    }
    let rules = [
        "send before receive",
        "receive before a later send",
        "receive before the send that met it",
        "close before CLOSED",
        "start before the task",
        "end before join",
        "done before wait",
        "cancel before CANCELED",
    ];
    for (rule, seen) in rules.iter().zip(seen.iter()) {
        println!("{rule}: seen {} times of {ROUNDS}", seen.load(Relaxed));
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go's memory model; joins and cancellations Go does not have.

//! happens_before: what one task wrote before, the other sees after.
//!
//! Tasks on different processors do not see each other's writes by themselves. A channel or a WaitGroup orders them:
//!   1. what was written before a send is seen after the receive of that value;
//!   2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
//!   3. what was written before close is seen after a receive that says `Closed`;
//!   4. what was written before done is seen after wait.
//!
//! Rust lets tasks share only what is safe to share, so the fields below are atomics; but they are read and written
//! `Relaxed`, which orders nothing. All the order comes from gort.

use gort::{Status, WaitGroup};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

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

    fn right(&self, i: u32) -> usize {
        usize::from(self.a.load(Relaxed) == i && self.b.load(Relaxed) == 2 * i)
    }
}

fn one_round(wg: &WaitGroup, seen: &mut [usize; 4]) {
    let s = Arc::new(Shared::default());
    let (tx, rx) = gort::channel::<()>(1);

    let (theirs, their_tx) = (s.clone(), tx.clone());
    wg.go(move || {
        theirs.write(1);
        their_tx.send(()).unwrap();
    });
    rx.recv().unwrap();
    seen[0] += s.right(1);
    wg.wait().unwrap();

    tx.send(()).unwrap(); // the one place is taken
    let (theirs, their_rx) = (s.clone(), rx.clone());
    wg.go(move || {
        theirs.write(2);
        their_rx.recv().unwrap();
    });
    tx.send(()).unwrap(); // waits for the receive
    seen[1] += s.right(2);
    wg.wait().unwrap();
    rx.recv().unwrap();

    let theirs = s.clone();
    wg.go(move || {
        theirs.write(3);
        tx.close().unwrap();
    });
    assert_eq!(rx.recv(), Err(Status::Closed));
    seen[2] += s.right(3);
    wg.wait().unwrap();

    let theirs = s.clone();
    wg.go(move || theirs.write(4));
    wg.wait().unwrap();
    seen[3] += s.right(4);
}

fn app() {
    let wg = WaitGroup::new();
    let mut seen = [0; 4];
    for _ in 0..ROUNDS {
        one_round(&wg, &mut seen);
    }
    let rules = ["send before receive", "receive before a later send", "close before CLOSED", "done before wait"];
    for (rule, seen) in rules.iter().zip(seen) {
        println!("{rule}: seen {seen} times of {ROUNDS}");
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go's memory model.

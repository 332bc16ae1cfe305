//! The workloads: one producer and one consumer, and four of each, on OS threads. Names, shapes and checksums are those of `../../../workloads.toml`.
//!
//! Invariants
//! 1. A thread keeps its counters in local variables and gives them back when it is joined.
//! 2. The clock starts after the queue is made and stops when the last thread is joined; so the start of the threads is in it, the same for each queue.
//! 3. A consumer ends when every sender is gone and the queue is drained, and by nothing else.

use crate::bench::{Found, Outcome, outcome};
use crate::queues::{End, Get, Put};
use std::thread::{JoinHandle, spawn};
use std::time::Instant;

/// What is sent: an i64, or 64 bytes.
pub trait Element: Send + 'static {
    fn of(i: u64) -> Self;
    /// What it was made of; None: it was damaged on the way.
    fn value(&self) -> Option<u64>;
}

impl Element for i64 {
    #[inline(always)]
    fn of(i: u64) -> i64 {
        i as i64
    }
    #[inline(always)]
    fn value(&self) -> Option<u64> {
        Some(*self as u64)
    }
}

impl Element for [u64; 8] {
    #[inline(always)]
    fn of(i: u64) -> [u64; 8] {
        [i; 8]
    }
    #[inline(always)]
    fn value(&self) -> Option<u64> {
        (self[0] == self[7]).then_some(self[0])
    }
}

fn join<T>(thread: JoinHandle<T>) -> T {
    match thread.join() {
        Ok(v) => v,
        Err(_) => panic!("a thread failed"),
    }
}

/// Sends first, first + step, ... below n; gives the number of failures.
fn produce<T: Element>(tx: impl Put<T>, n: u64, first: usize, step: usize) -> u64 {
    (first as u64..n).step_by(step).map(|i| u64::from(!tx.put(T::of(i)))).sum()
}

/// Receives until the queue is closed. `in_order`: 0, 1, 2, ...
fn consume<T: Element>(rx: impl Get<T>, in_order: bool) -> Found {
    let mut found = Found::default();
    loop {
        match rx.get() {
            Ok(element) => {
                let value = element.value();
                let wrong = value.is_none() || in_order && value != Some(found.count);
                found.add(value.unwrap_or(0), wrong);
            }
            Err(end) => {
                found.errors += u64::from(end != End::Closed);
                return found;
            }
        }
    }
}

pub fn spsc<T: Element>(n: u64, (tx, rx): (impl Put<T>, impl Get<T>)) -> Outcome {
    let start = Instant::now();
    let producer = spawn(move || produce(tx, n, 0, 1));
    let consumer = spawn(move || consume(rx, true));
    let (errors, found) = (join(producer), join(consumer));
    outcome(start, n, &[found], errors)
}

pub fn mpmc<T: Element>(n: u64, (tx, rx): (impl Put<T>, impl Get<T> + Clone)) -> Outcome {
    const PAIRS: usize = 4;
    let (mut producers, mut consumers) = (Vec::new(), Vec::new());
    let start = Instant::now();
    for p in 0..PAIRS {
        let (tx, rx) = (tx.clone(), rx.clone());
        producers.push(spawn(move || produce(tx, n, p, PAIRS)));
        consumers.push(spawn(move || consume(rx, false)));
    }
    drop((tx, rx));
    let errors = producers.into_iter().map(join).sum();
    let found: Vec<Found> = consumers.into_iter().map(join).collect();
    outcome(start, n, &found, errors)
}

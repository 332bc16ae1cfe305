//! A select that finds a ready case, and one consumer of many unbuffered channels: by `select!`, and with 64 cases, which is more than a macro takes, by `Select`.
//!
//! Invariants: those of `workloads.rs`, and
//! 1. The value says which channel it came through, so a wrong case is an error.
//! 2. The consumer of a fan-in takes n values and stops: nothing is closed, as in the other engines.

use crate::bench::{Found, Outcome, outcome};
use crate::workloads::{join, produce};
use gort::{Receiver, Select, Sender, channel};
use std::time::Instant;

/// So many channels: the sending ends, and the receiving ones.
fn ends<const N: usize>(capacity: usize) -> ([Sender<i64>; N], [Receiver<i64>; N]) {
    let receivers: [_; N] = std::array::from_fn(|_| channel::<i64>(capacity));
    (receivers.each_ref().map(|(tx, _)| tx.clone()), receivers.map(|(_, rx)| rx))
}

pub fn ready(n: u64) -> Outcome {
    let (senders, [a, b]) = ends::<2>(1);
    let start = Instant::now();
    let task = gort::spawn(move || {
        let mut found = Found::default();
        for i in 0..n {
            found.errors += u64::from(senders[i as usize % 2].send(i as i64).is_err());
            let got = gort::select! {
                recv(a) -> v => v.map(|v| (0, v as u64)),
                recv(b) -> v => v.map(|v| (1, v as u64)),
                failed(status) => Err(status),
            };
            match got {
                Ok((k, v)) => found.add(v, k != i % 2 || v != i),
                Err(_) => found.errors += 1,
            }
        }
        found
    });
    let found = join(task);
    outcome(start, n, &[found], 0)
}

fn consume8([a, b, c, d, e, f, g, h]: [Receiver<i64>; 8], n: u64) -> Found {
    let mut found = Found::default();
    for _ in 0..n {
        let got = gort::select! {
            recv(a) -> v => v.map(|v| (0, v as u64)),
            recv(b) -> v => v.map(|v| (1, v as u64)),
            recv(c) -> v => v.map(|v| (2, v as u64)),
            recv(d) -> v => v.map(|v| (3, v as u64)),
            recv(e) -> v => v.map(|v| (4, v as u64)),
            recv(f) -> v => v.map(|v| (5, v as u64)),
            recv(g) -> v => v.map(|v| (6, v as u64)),
            recv(h) -> v => v.map(|v| (7, v as u64)),
            failed(status) => Err(status),
        };
        match got {
            Ok((k, v)) => found.add(v, v % 8 != k), // 1
            Err(_) => found.errors += 1,
        }
    }
    found
}

fn consume64(inputs: [Receiver<i64>; 64], n: u64) -> Found {
    let mut found = Found::default();
    let mut select = Select::new();
    let cases = inputs.each_ref().map(|rx| select.recv(rx));
    for _ in 0..n {
        let got = select.wait().map(|mut done| (done.index(), done.recv(cases[done.index()])));
        match got {
            Ok((k, Some(Ok(v)))) => found.add(v as u64, v as usize % 64 != k), // 1
            _ => found.errors += 1,
        }
    }
    found
}

fn fanin<const INPUTS: usize>(n: u64, consume: fn([Receiver<i64>; INPUTS], u64) -> Found) -> Outcome {
    let (senders, receivers) = ends::<INPUTS>(0);
    let start = Instant::now();
    let producers: Vec<_> =
        (senders.iter().cloned().enumerate()).map(|(k, tx)| gort::spawn(move || produce(tx, n, k, INPUTS))).collect();
    let consumer = gort::spawn(move || consume(receivers, n));
    let found = join(consumer);
    let errors = producers.into_iter().map(join).sum();
    drop(senders); // not before: a channel without senders is closed (2)
    outcome(start, n, &[found], errors)
}

pub fn fanin8(n: u64) -> Outcome {
    fanin(n, consume8)
}

pub fn fanin64(n: u64) -> Outcome {
    fanin(n, consume64)
}

//! A select that finds a ready case, and one consumer of many unbuffered channels.
//!
//! Invariants: those of `workloads.rs`, and
//! 1. The value says which channel it came through, so a wrong index is an error.
//! 2. The consumer of a fan-in takes n values and stops: nothing is closed, as in the other engines.

use crate::bench::{Found, Outcome, outcome};
use crate::workloads::{join, produce};
use gort::chan::select::{Case, Manner, select};
use gort::{Receiver, channel};
use std::time::Instant;

fn choose(cases: &[Case]) -> usize {
    // SAFETY: the callers keep the channels and the place alive, in the frame of a native task.
    match unsafe { select(cases, gort::wait::Wait::FOREVER, Manner::BLOCK) } {
        Ok((i, status)) => {
            assert!(status.is_ok());
            i
        }
        Err(status) => panic!("select: {status}"),
    }
}

pub fn ready(n: u64) -> Outcome {
    let ends = [channel::<i64>(1), channel::<i64>(1)];
    let start = Instant::now();
    let task = gort::spawn(move || {
        let mut found = Found::default();
        let mut v = 0_i64;
        for i in 0..n {
            let at = (&raw mut v).cast();
            found.errors += u64::from(ends[i as usize % 2].0.send(i as i64).is_err());
            let k = choose(&[Case::recv(ends[0].1.as_raw(), at), Case::recv(ends[1].1.as_raw(), at)]);
            found.add(v as u64, k != i as usize % 2 || v as u64 != i);
        }
        found
    });
    let found = join(task);
    outcome(start, n, &[found], 0)
}

fn consume(inputs: &[Receiver<i64>], n: u64) -> Found {
    let mut found = Found::default();
    let mut v = 0_i64;
    let cases: Vec<Case> = inputs.iter().map(|rx| Case::recv(rx.as_raw(), (&raw mut v).cast())).collect();
    for _ in 0..n {
        let k = choose(&cases);
        found.add(v as u64, v as usize % inputs.len() != k);
    }
    found
}

fn fanin<const INPUTS: usize>(n: u64) -> Outcome {
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..INPUTS).map(|_| channel::<i64>(0)).unzip();
    let start = Instant::now();
    let producers: Vec<_> =
        (senders.iter().cloned().enumerate()).map(|(k, tx)| gort::spawn(move || produce(tx, n, k, INPUTS))).collect();
    let consumer = gort::spawn(move || consume(&receivers, n));
    let found = join(consumer);
    let errors = producers.into_iter().map(join).sum();
    drop(senders); // not before: a channel without senders is closed (2)
    outcome(start, n, &[found], errors)
}

pub fn fanin8(n: u64) -> Outcome {
    fanin::<8>(n)
}

pub fn fanin64(n: u64) -> Outcome {
    fanin::<64>(n)
}

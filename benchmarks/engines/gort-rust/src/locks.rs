//! A table that many read under a reader/writer lock and few change, and two tasks that hand a turn to each other.
//!
//! Invariants: those of `workloads.rs`, and: each operation on the table sees the same sum, also while somebody writes.

use crate::bench::{Found, Outcome, outcome};
use crate::workloads::join;
use gort::sync::{Cond, Mutex, RwMutex};
use std::sync::Arc;
use std::time::Instant;

const READERS: u64 = 5;
/// So many are read under the lock.
const ENTRIES: usize = 256;
/// One operation in so many writes.
const SELDOM: u64 = 1000;

pub fn rwmutex_readers(n: u64) -> Outcome {
    let table = Arc::new(RwMutex::new([1_u64; ENTRIES]));
    let start = Instant::now();
    let readers: Vec<_> = (0..READERS)
        .map(|first| {
            let table = table.clone();
            gort::spawn(move || {
                let (mut sum, mut count) = (0, 0);
                for i in (first..n).step_by(READERS as usize) {
                    count += 1;
                    if i % SELDOM == first {
                        let mut entry = table.write();
                        let at = (i / SELDOM) as usize % (ENTRIES - 1);
                        entry[at] -= 1;
                        entry[at + 1] += 1;
                        entry[at] += 1;
                        entry[at + 1] -= 1;
                        sum += ENTRIES as u64;
                    } else {
                        sum += table.read().iter().sum::<u64>();
                    }
                }
                Found { sum, count, errors: 0 }
            })
        })
        .collect();
    let found: Vec<_> = readers.into_iter().map(join).collect();
    outcome(start, n, &found, 0)
}

pub fn cond_1(n: u64) -> Outcome {
    let turns = Arc::new((Mutex::new((0_u64, 0_u64)), Cond::new()));
    let start = Instant::now();
    let players: Vec<_> = (0..2)
        .map(|me| {
            let turns = turns.clone();
            gort::spawn(move || {
                let mut errors = 0;
                for _ in (me..n).step_by(2) {
                    let mut t = turns.0.lock();
                    errors += u64::from(turns.1.wait_while(&mut t, |t| t.0 != me).is_err());
                    *t = (1 - me, t.1 + 1);
                    turns.1.signal();
                }
                errors
            })
        })
        .collect();
    let errors = players.into_iter().map(join).sum();
    let taken = turns.0.lock().1;
    outcome(start, n, &[Found { sum: taken, count: n, errors: 0 }], errors)
}

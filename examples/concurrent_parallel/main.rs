//! concurrent_parallel: the same two tasks on one processor and on two.
//!
//! Concurrency is structure: two tasks are in progress, and one processor may serve both in turns.
//! Parallelism is execution: both run at the same instant. What tells them apart is a meeting: each task says "here"
//! and watches for the other without letting go of its processor. On one processor the other cannot come while it
//! watches. On two processors they meet.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering::SeqCst};

const STEPS: usize = 16; // so many that it is no chance if one makes all of them before the other begins
const A_GLANCE: usize = 100;
const AS_LONG_AS_IT_TAKES: usize = usize::MAX;

#[derive(Default)]
struct Scene {
    patience: usize,            // how many times to look for the other one
    here: AtomicUsize,          // how many stand at the meeting point now
    met: AtomicUsize,           // how many have seen the other
    steps: AtomicUsize,         // number of entries in the log
    log: [AtomicU8; 2 * STEPS], // who made which step
}

fn meet(s: &Scene) {
    s.here.fetch_add(1, SeqCst);
    for _ in 0..s.patience {
        if s.here.load(SeqCst) == 2 {
            // looking, and calling nothing that would let the other run here
            s.met.fetch_add(1, SeqCst);
            return; // and stay "here", so that the other sees us too
        }
    }
    s.here.fetch_sub(1, SeqCst); // nobody came: away again
}

fn task(s: &Scene, name: u8) {
    meet(s);
    for _ in 0..STEPS {
        s.log[s.steps.fetch_add(1, SeqCst)].store(name, SeqCst);
        gort::yield_now(); // the other's turn, if it waits for one
    }
}

fn on(processors: usize, s: &Arc<Scene>) -> Result<(), gort::RunError> {
    let (a, b) = (s.clone(), s.clone());
    let config = gort::Config { workers: processors, ..Default::default() }; // counts for a run that starts the runtime
    gort::run_with(&config, move || {
        let wg = gort::WaitGroup::new();
        wg.go(move || task(&a, b'A'));
        wg.go(move || task(&b, b'B'));
        wg.wait().unwrap();
    })
}

fn main() -> ExitCode {
    let one = Arc::new(Scene { patience: A_GLANCE, ..Default::default() });
    on(1, &one).unwrap();
    assert!(gort::shutdown().is_ok()); // the runtime outlives a run; the next one shall start it anew
    let turns = one.log.windows(2).filter(|pair| pair[0].load(SeqCst) != pair[1].load(SeqCst)).count();
    let turns = if turns > 1 { "took turns" } else { "went one after the other" };
    let met = if one.met.load(SeqCst) == 0 { "did not meet" } else { "met" };
    println!("one processor: they {met}, and {turns}");

    let two = Arc::new(Scene { patience: AS_LONG_AS_IT_TAKES, ..Default::default() });
    let run = on(2, &two);
    println!("two processors: they {}", if two.met.load(SeqCst) == 2 { "met" } else { "did not meet" });
    story::end(run)
}

// As in Go, where GOMAXPROCS is the number of processors. Without a number gort takes what the machine has. A Rust task
// stays on the thread it started on, so the two must not both have started on one thread before one of them watches:
// that is why the meeting comes first.

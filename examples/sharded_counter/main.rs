//! sharded_counter: one number that many tasks add to: under one lock, in shards by hand, in a counter made for it.
//!
//! Whoever adds to a number under a lock waits for the others, though nobody is interested in the number yet. So each adds
//! to a part of its own, and who wants to know adds up the parts. What that gains is a matter for a benchmark (`counter_5x1m`).

use gort::WaitGroup;
use gort::sync::{Counter, Mutex};
use std::process::ExitCode;
use std::sync::Arc;

const TASKS: usize = 8;
const EACH: usize = 10_000;
const SHARDS: usize = 4;

static COUNTER: Counter = Counter::new();

fn in_tasks(add: impl Fn(usize) + Clone + Send + 'static) {
    let wg = WaitGroup::new();
    for task in 0..TASKS {
        let add = add.clone();
        wg.go(move || (0..EACH).for_each(|_| add(task)));
    }
    wg.wait().unwrap();
}

fn app() {
    let one = Arc::new(Mutex::new(0));
    let shared = one.clone();
    in_tasks(move |_| *shared.lock() += 1);
    println!("one lock: {}", *one.lock());

    let many: Arc<Vec<_>> = Arc::new((0..SHARDS).map(|_| Mutex::new(0)).collect());
    let shared = many.clone();
    in_tasks(move |task| *shared[task % SHARDS].lock() += 1);
    println!("{SHARDS} shards: {}", many.iter().map(|shard| *shard.lock()).sum::<i64>());

    in_tasks(|_| COUNTER.inc()); // a shard for each thread, no lock
    println!("counter: {}", COUNTER.value()); // exact, since all were waited for

    let before = COUNTER.reset();
    COUNTER.add(5);
    COUNTER.add(-2);
    println!("{before} until the reset, {} since", COUNTER.value());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go has no such counter; there it is shards by hand, or an atomic, which is one place for all.

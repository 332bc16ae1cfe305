//! data_race: one counter, four tasks: a race, and three repairs.
//!
//! `counter = counter + 1` is three steps: read, add, write. Two tasks that do it at the same time read the same number, and one step is
//! lost. Rust does not compile it for a plain counter, so this one is an atomic that is read and written apart, `Relaxed`, which is as
//! wrong but no undefined behaviour. The repairs:
//!   1. a lock: a channel with one place. Who has sent owns the counter, who receives gives it back;
//!   2. an owner: one task has the counter, the others send it what to add;
//!   3. one counter for each task, added up after the wait.

use gort::WaitGroup;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const TASKS: usize = 4;
const EACH: usize = 1000;
const ALL: usize = TASKS * EACH;

#[derive(Default)]
struct Counter(AtomicUsize);

impl Counter {
    fn add_one(&self) {
        self.0.store(self.get() + 1, Relaxed) // not fetch_add
    }

    fn get(&self) -> usize {
        self.0.load(Relaxed)
    }
}

fn run_all(f: impl Fn(usize) + Clone + Send + 'static) {
    let wg = WaitGroup::new();
    for i in 0..TASKS {
        let f = f.clone();
        wg.go(move || f(i));
    }
    wg.wait().unwrap(); // what they wrote is seen from here on
}

fn the_race() {
    let counter = Arc::new(Counter::default());
    let theirs = counter.clone();
    run_all(move |_| {
        for i in 0..EACH {
            theirs.add_one();
            if i % 100 == 0 {
                gort::yield_now(); // others run now and then; a yield orders nothing
            }
        }
    });
    if counter.get() <= ALL {
        println!("racy: not more than {ALL}"); // how many, nobody knows
    }
}

fn a_lock() {
    let counter = Arc::new(Counter::default());
    let (place, places) = gort::channel::<()>(1);
    let theirs = counter.clone();
    run_all(move |_| {
        for _ in 0..EACH {
            place.send(()).unwrap(); // waits until the place is free
            theirs.add_one();
            places.recv().unwrap(); // frees it: what was written is seen by the next one
        }
    });
    println!("a lock: {}", counter.get());
}

fn an_owner() {
    let (amounts, incoming) = gort::channel::<usize>(16);
    let owner = gort::spawn(move || incoming.iter().sum::<usize>()); // nobody else touches it
    run_all(move |_| {
        for _ in 0..EACH {
            amounts.send(1).unwrap();
        }
    }); // the last sender goes: nothing more comes, and the owner ends
    println!("an owner: {}", owner.join().unwrap());
}

fn one_each() {
    let own: Arc<[Counter; TASKS]> = Arc::default();
    let theirs = own.clone();
    run_all(move |i| {
        for _ in 0..EACH {
            theirs[i].add_one();
        }
    });
    println!("one each: {}", own.iter().map(Counter::get).sum::<usize>());
}

fn app() {
    the_race();
    a_lock();
    an_owner();
    one_each();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go finds such races with -race when they happen; Rust refuses them when it compiles, and leaves the wrong number above.

//! semaphore_channel: a channel of capacity N as a limit of N at once.
//!
//! Elements of type `()` need no memory; what counts is the room. A send takes a place and waits when all are taken, a
//! receive gives one back. Here ten tasks want to work and three may.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

const TASKS: usize = 10;
const PLACES: usize = 3;

fn app() {
    let (enter, leave) = gort::channel::<()>(PLACES);
    let counters = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0))); // inside now, and the most there ever were
    let wg = gort::WaitGroup::new();
    for _ in 0..TASKS {
        let (enter, leave, counters) = (enter.clone(), leave.clone(), counters.clone());
        wg.go(move || {
            let (inside, most) = &*counters;
            enter.send(()).unwrap(); // take a place; waits while all three are taken

            most.fetch_max(inside.fetch_add(1, SeqCst) + 1, SeqCst);
            gort::sleep(Duration::from_millis(2)).unwrap(); // the work
            inside.fetch_sub(1, SeqCst);

            leave.recv().unwrap(); // give the place back
        });
    }
    wg.wait().unwrap();
    println!("{TASKS} tasks have worked");
    println!("more than {PLACES} at once: {}", if counters.1.load(SeqCst) > PLACES { "yes" } else { "never" });
    println!("places still taken: {}", enter.len());

    // try_send asks for a place without waiting.
    for i in 1..=PLACES + 1 {
        println!("place {i}: {}", story::name(&enter.try_send(()).map_err(|e| e.status)));
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go's `sem := make(chan struct{}, 3)`.

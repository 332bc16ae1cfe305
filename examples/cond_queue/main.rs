//! cond_queue: a queue of bounded length between producers and consumers, by hand.
//!
//! A condition is for waiting until something that a mutex guards has changed. The wait unlocks the mutex, and has it again
//! when it returns; so what was true under the lock must be looked at again, which `wait_while` does.
//! (A buffered channel is this, ready made.)

use gort::sync::{Cond, Mutex};
use gort::{Status, Wait, WaitGroup};
use std::process::ExitCode;
use std::time::Duration;

const ROOM: usize = 4;
const EACH: usize = 50;

struct Queue {
    queued: usize,
    most: usize,
    consumed: usize,
}

static QUEUE: Mutex<Queue> = Mutex::new(Queue { queued: 0, most: 0, consumed: 0 });
static NOT_EMPTY: Cond = Cond::new();
static NOT_FULL: Cond = Cond::new();

fn produce() {
    for _ in 0..EACH {
        let mut q = QUEUE.lock();
        NOT_FULL.wait_while(&mut q, |q| q.queued == ROOM).unwrap();
        q.queued += 1;
        q.most = q.most.max(q.queued);
        drop(q);
        NOT_EMPTY.signal(); // one who waits goes on, in the order of coming
    }
}

fn consume() {
    for _ in 0..EACH {
        let mut q = QUEUE.lock();
        NOT_EMPTY.wait_while(&mut q, |q| q.queued == 0).unwrap();
        q.queued -= 1;
        q.consumed += 1;
        drop(q);
        NOT_FULL.signal();
    }
}

fn app() {
    let wg = WaitGroup::new();
    for _ in 0..2 {
        wg.go(produce);
        wg.go(consume);
    }
    wg.wait().unwrap();
    let mut q = QUEUE.lock();
    println!("produced {}, consumed {}", 2 * EACH, q.consumed);
    println!("the queue never held more than {}", q.most);

    let s = NOT_EMPTY.wait_with(&mut q, Wait::timeout(Duration::from_millis(1)));
    assert!(s == Err(Status::TimedOut) && QUEUE.try_lock().is_none());
    println!("nobody comes: timed out, and the mutex is locked again");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: its Wait has no limit.

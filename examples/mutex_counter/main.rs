//! mutex_counter: one at a time.
//!
//! Five tasks count together. Reading, adding and writing are three steps: a task that is interrupted between the read and
//! the write would undo what others did meanwhile. While a guard lives there is one task only, so no step is lost.
//!
//! The mutex holds what it guards. A task that has to wait for it parks; its thread goes on with other tasks.

use gort::sync::{Mutex, mutex::RawMutex};
use gort::{Status, Wait, WaitGroup};
use std::process::ExitCode;
use std::time::Duration;

const TASKS: usize = 5;
const STEPS: usize = 1000;

static COUNTER: Mutex<usize> = Mutex::new(0);

fn count() {
    for i in 0..STEPS {
        let mut counter = COUNTER.lock(); // a plain lock never fails
        let seen = *counter;
        if i % 100 == 0 {
            gort::yield_now(); // another task runs here, and finds it locked
        }
        *counter = seen + 1;
    } // the guard goes: unlocked
}

fn app() {
    // 1. The right result.
    let wg = WaitGroup::new();
    for _ in 0..TASKS {
        wg.go(count);
    }
    wg.wait().unwrap();
    println!("five tasks, a thousand steps each: {}", *COUNTER.lock());

    // 2. Locked here, unlocked in another task: there is no owner, and the guard may go there.
    let guard = COUNTER.lock();
    wg.go(move || drop(guard));
    let guard = COUNTER.lock(); // waits for that task
    println!("another task unlocked it, main has it again");

    // 3. Only if it is free; only for a while.
    let tried = COUNTER.try_lock().ok_or(Status::WouldBlock);
    println!("try_lock while it is locked: {}", story::name(&tried));
    let waited = COUNTER.lock_with(Wait::timeout(Duration::from_millis(5)));
    println!("lock within five milliseconds: {}", story::name(&waited));
    drop(guard);
    let tried = COUNTER.try_lock().ok_or(Status::WouldBlock);
    println!("try_lock when it is free: {}", story::name(&tried));
    drop(tried);

    // 4. A guard unlocks once. The lock without a value, as C has it, can be misused: that is a status, and changes nothing.
    println!("unlock of an unlocked one: {}", RawMutex::new().unlock().name());

    // 5. The body panics, and it is unlocked all the same. Nothing is poisoned.
    let failed = gort::spawn(|| {
        let _guard = COUNTER.lock();
        std::panic::resume_unwind(Box::new("failed")); // a panic without its message
    });
    assert!(failed.join().is_err());
    assert!(COUNTER.try_lock().is_some());
    println!("the body failed, and the lock is free");

    // 6. There are no copies: `let copy = COUNTER;` does not compile, and there is no clone.
    println!("a copy is a mistake");
    wg.wait().unwrap();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: unlock of an unlocked mutex ends the process there, and cannot be recovered from. There is no lock with a
// deadline, and a mutex can be copied by mistake. GORT_DEBUG_LOCKS=1 reports locks that are taken in different orders, and
// one that a task locks twice.

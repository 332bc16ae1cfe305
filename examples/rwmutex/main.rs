//! rwmutex: many readers, or one writer.
//!
//! Reading together does no harm; writing needs to be alone. A writer that waits keeps new readers out, so readers that come
//! all the time do not starve it.

use gort::WaitGroup;
use gort::sync::{Barrier, Event, RwMutex};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::time::Duration;

const READERS: u32 = 3;

static LOCK: RwMutex<i32> = RwMutex::new(0);
static ALONE: AtomicBool = AtomicBool::new(false);
static TOGETHER: Barrier = Barrier::new(READERS + 1);
static LEAVE: Event = Event::new();

fn yes(done: bool) -> &'static str {
    if done { "yes" } else { "no" }
}

fn app() {
    let wg = WaitGroup::new();
    for _ in 0..READERS {
        wg.go(|| {
            let _value = LOCK.read();
            TOGETHER.wait().unwrap(); // passes only when all readers are in
            LEAVE.wait().unwrap();
        });
    }
    TOGETHER.wait().unwrap();
    println!("three readers are in together");
    println!("a writer that tries: {}", yes(LOCK.try_write().is_some()));
    println!("a reader that tries, beside them: {}", yes(LOCK.try_read().is_some()));

    wg.go(|| {
        let mut value = LOCK.write();
        ALONE.store(LOCK.try_read().is_none(), SeqCst);
        *value += 1;
    });
    while LOCK.try_read().is_some() {
        gort::sleep(Duration::from_micros(100)).unwrap(); // until the writer waits
    }
    println!("a writer waits, so a reader that tries: no");
    LEAVE.set();
    wg.wait().unwrap();
    println!("the writer was alone: {}", yes(ALONE.load(SeqCst)));
    println!("after the writer a reader sees: {}", *LOCK.read());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs: the lock does not hold the value there, and an unlock of what is not locked ends the program.

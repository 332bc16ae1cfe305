//! once: one initialisation for many callers.
//!
//! Whoever comes first does it; whoever comes meanwhile waits until it is done. So everybody who has asked may use what it
//! made. For a value there is `OnceValue`, which keeps it.

use gort::WaitGroup;
use gort::sync::{Once, OnceValue};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

static STARTS: AtomicUsize = AtomicUsize::new(0);
static VALUE: OnceValue<usize> = OnceValue::new();
static ONCE: Once = Once::new();

fn start() -> usize {
    gort::sleep(Duration::from_millis(1)).unwrap(); // the others come meanwhile, and wait
    STARTS.fetch_add(1, SeqCst) + 1
}

fn app() {
    let wg = WaitGroup::new();
    for _ in 0..5 {
        wg.go(|| assert_eq!(*VALUE.get_or_init(start), 1));
    }
    wg.wait().unwrap();
    println!("five came, it was started {} time", STARTS.load(SeqCst));
    println!("each of them found it started");
    ONCE.call(|| ());
    ONCE.call(|| unreachable!());
    assert!(ONCE.is_done() && *VALUE.get_or_init(start) == 1);
    println!("a second call does nothing");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go differs in nothing that shows here; gort also has a form that does not wait, and one with a limit.

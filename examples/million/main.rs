//! million: a million tasks asleep at the same time, woken by one close.
//!
//! A thread costs megabytes of address space and the kernel's time; a task costs a small stack and a few words.
//! Every task here reports for duty, then waits on the same channel. Closing it wakes all of them.
//! The environment variable `STORY_TASKS` asks for fewer where memory is scarce.

use gort::{Status, WaitGroup};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What one sleeping task may cost, all included.
const LIMIT_BYTES: usize = 6000;

/// Resident memory of this process in bytes (Linux).
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
}

fn app(n: usize) {
    let before = resident();
    let (open, gate) = gort::channel::<()>(0); // nothing is ever sent: tasks wait for the close
    let on_duty = WaitGroup::new(); // counts those that have started
    let ended = WaitGroup::new(); // counts those that have ended
    let woken = Arc::new(AtomicUsize::new(0));

    on_duty.add(n as i64).unwrap();
    for _ in 0..n {
        let (gate, on_duty, woken) = (gate.clone(), on_duty.clone(), woken.clone());
        ended.go(move || {
            on_duty.done().unwrap();
            if gate.recv() == Err(Status::Closed) {
                woken.fetch_add(1, Relaxed);
            }
        });
    }
    on_duty.wait().unwrap();
    assert_eq!(gort::metrics().tasks, n as u64 + 1); // they and main
    println!("{n} tasks are alive");

    match (resident() - before) / n {
        each if each < LIMIT_BYTES => println!("under {LIMIT_BYTES} bytes each"),
        each => println!("{each} bytes each"),
    }

    open.close().unwrap();
    ended.wait().unwrap();
    println!("{} tasks were woken by one close", woken.load(Relaxed));
}

fn main() -> ExitCode {
    let n = std::env::var("STORY_TASKS").map_or(1_000_000, |fewer| fewer.parse().unwrap());
    story::end(gort::run(move || app(n)))
}

// Go differs: its stacks start at 2 KiB, and grow by being copied. C and Rust stacks cannot be copied (pointers lead
// into them), so a task's stack is address space, of which only touched pages cost memory: as a rule one of 4 KiB.

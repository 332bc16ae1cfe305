//! timeline: what the scheduler does, step by step, when a task sends to another.
//!
//! A run with a seed has one processor, and its schedule is a function of the program and the seed. With `GORT_LOG` it
//! writes every event of the scheduler to a file at its end. This program reads that file and says it in words: who was
//! put to sleep, on what, and who made whom ready.
//!
//! Unbuffered: the sender (G1) finds no receiver and parks. Main receives: it takes 42 straight from the parked sender
//! and makes it ready; nobody retries anything. Buffered, capacity 2: two sends pass and leave no trace in the log, for
//! the scheduler has no part in them. The third parks. The first receive makes room, puts the 3 into it, and makes the
//! sender ready; the other two receives are between main and the buffer.

use gort::{Config, RunError};
use std::path::Path;
use std::process::ExitCode;

fn unbuffered() {
    let (tx, rx) = gort::channel(0);
    gort::go(move || {
        tx.send(42).unwrap();
        println!("G1: sent 42");
    });
    gort::yield_now(); // G1's turn: it finds nobody
    println!("main: received {}", rx.recv().unwrap());
    gort::yield_now(); // G1's turn: its send has returned
}

fn buffered() {
    let (tx, rx) = gort::channel(2);
    gort::go(move || {
        for i in 1..=3 {
            tx.send(i).unwrap();
            println!("G1: sent {i}");
        }
    });
    gort::yield_now();
    for _ in 0..3 {
        let value = rx.recv().unwrap();
        println!("main: received {value}, {} left in the buffer", rx.len());
    }
    gort::yield_now();
}

/// A line of the log is: number, event, task, and for a park what it waits for. Main is the first task there is.
fn say(line: &str) {
    let mut words = line.splitn(4, ' ').skip(1);
    let (event, task) = (words.next().unwrap(), words.next().unwrap());
    let reason = words.next().map_or("", |rest| rest.split('#').next().unwrap().trim());
    let event = match event {
        "spawn" => "is spawned",
        "start" => "runs",
        "park" => "parks",
        "ready" => "is ready",
        "yield" => "lets others run",
        _ => "ends",
    };
    let task = if task == "t0" { "main" } else { "G1" };
    println!("  {task:4} {event}{}{reason}", if reason.is_empty() { "" } else { ": " });
}

fn show(title: &str, app: fn(), log: &Path) -> Result<(), RunError> {
    // The seed counts for a run that starts the runtime.
    let config = Config { seed: Some(1), ..Config::default() };
    println!("{title}");
    let run = gort::run_with(&config, app);
    std::fs::read_to_string(log).unwrap().lines().for_each(say);
    run
}

fn main() -> ExitCode {
    let log = std::env::temp_dir().join(format!("gort-timeline-{}", std::process::id()));
    // SAFETY: the process has one thread yet, so nobody reads the environment meanwhile.
    unsafe { std::env::set_var("GORT_LOG", &log) };

    show("unbuffered", unbuffered, &log).unwrap();
    gort::shutdown().ok().unwrap(); // the next run shall start a runtime of its own, with a log of its own
    let run = show("buffered, capacity 2", buffered, &log);
    let _ = std::fs::remove_file(&log);
    story::end(run)
}

// As in Go: a sender parks on the channel's queue, a receiver completes its operation and readies it. Go shows it by
// runtime/trace, and not twice the same.

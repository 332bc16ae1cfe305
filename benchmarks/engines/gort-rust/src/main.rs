//! gort-rust: the workloads through gort's Rust face, linked statically, as a Rust program would use it.
//!
//! The command line and the result line are those of every engine (`../../common/bench.h`):
//! `prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]`, `prog --version`, `prog --list`.
//!
//! It is NOT a measuring harness (no statistics, no judgement: `benchmarks/run.py` does that, the same for all engines)
//! and it uses no `unsafe` of gort's face: the tasks are those of `gort::spawn` and `WaitGroup::go`.
//!
//! Invariants
//! 1. One line of JSON a repetition, printed after its clock has stopped.
//! 2. `checksum` comes from the values that arrived; `errors` counts failed calls and values out of order.
//!
//! Rejected: criterion and its like. They choose n themselves and cannot be interleaved with other programs.

#![allow(clippy::disallowed_methods)] // the clock of a benchmark is raw time, on purpose

mod workloads;

use std::process::exit;

/// What one repetition found.
pub struct Outcome {
    pub ns_total: u128,
    /// -1 where the workload measures no memory.
    pub bytes_total: i64,
    pub checksum: u64,
    pub errors: u64,
}

/// A workload: its name and what runs it with a size n, inside the main task of a run.
pub type Workload = (&'static str, fn(u64) -> Outcome);

struct Options {
    workload: Workload,
    workers: usize,
    n: u64,
    warmup: u64,
    reps: u64,
}

fn die(what: &str, which: &str) -> ! {
    eprintln!("{what}: {which}");
    exit(2)
}

fn number(text: &str) -> u64 {
    text.parse().unwrap_or_else(|_| die("not a number", text))
}

fn load_items(path: &str) {
    let raw = std::fs::read(path).unwrap_or_else(|e| die("cannot read the items", &format!("{path}: {e}")));
    let lens: Vec<u32> = raw.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
    if lens.is_empty() {
        die("no items in", path);
    }
    if workloads::LENS.set(lens).is_err() {
        die("given twice", "--items");
    }
}

fn parse(args: &[String]) -> Options {
    let Some(name) = args.first() else {
        die("usage", "prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]")
    };
    let workload =
        *workloads::ALL.iter().find(|w| w.0 == name).unwrap_or_else(|| die("this engine has no workload", name));
    let mut o = Options { workload, workers: 1, n: 0, warmup: 0, reps: 1 };
    for pair in args[1..].chunks(2) {
        let [key, value] = pair else { die("a value is missing after", &pair[0]) };
        match key.as_str() {
            "--workers" => o.workers = number(value) as usize,
            "--n" => o.n = number(value),
            "--warmup" => o.warmup = number(value),
            "--reps" => o.reps = number(value),
            "--items" => load_items(value),
            _ => die("unknown option", key),
        }
    }
    if o.n == 0 {
        die("needed", "--n");
    }
    if name == "handover_items" && workloads::LENS.get().is_none() {
        die("needed", "--items FILE");
    }
    o
}

/// The warm-up, then the repetitions; runs as the main task.
fn repeat(o: &Options) {
    if gort::workers() != o.workers {
        die("gort has another number of workers than", "--workers");
    }
    let (name, run) = o.workload;
    if o.warmup > 0 && run(o.warmup).errors != 0 {
        die("errors in the warm-up of", name);
    }
    for _ in 0..o.reps {
        let r = run(o.n);
        println!(
            "{{\"workload\": \"{name}\", \"workers\": {}, \"n\": {}, \"ns_total\": {}, \"bytes_total\": {}, \
             \"checksum\": {}, \"errors\": {}}}",
            gort::workers(),
            o.n,
            r.ns_total,
            r.bytes_total,
            r.checksum,
            r.errors
        );
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.first().map(String::as_str) {
        Some("--list") => workloads::ALL.iter().for_each(|w| println!("{}", w.0)),
        // This package takes its version from the workspace, as gort does: the two are built together.
        Some("--version") => {
            println!("{{\"engine\": \"gort-rust\", \"version\": \"{}\"}}", env!("CARGO_PKG_VERSION"));
        }
        _ => {
            let o = parse(&args);
            let config = gort::Config { workers: o.workers, ..Default::default() };
            if let Err(e) = gort::run_with(&config, move || repeat(&o)) {
                die("gort::run_with", &format!("{e:?}"));
            }
        }
    }
}

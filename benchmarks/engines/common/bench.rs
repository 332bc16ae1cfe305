//! What the engines in Rust share: the command line, the result line, what a consumer found. `bench.h` is the same for C, and says the protocol:
//! `prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]`, `prog --version`, `prog --list`.
//!
//! It is NOT a measuring harness (no statistics, no judgement: `benchmarks/run.py` does that, the same for all engines).
//!
//! Invariants
//! 1. One line of JSON a repetition, printed after its clock has stopped.
//! 2. `checksum` comes from the values that arrived; `errors` counts failed calls and values out of order.
//!
//! Rejected: criterion and its like. They choose n themselves and cannot be interleaved with other programs.

use std::process::exit;
use std::sync::OnceLock;
use std::time::Instant;

/// What one repetition found.
pub struct Outcome {
    pub ns_total: u128,
    /// -1 where the workload measures no memory.
    pub bytes_total: i64,
    pub checksum: u64,
    pub errors: u64,
}

/// A workload: its name and what runs it with a size n.
pub type Workload = (&'static str, fn(u64) -> Outcome);

/// What the command line asks for.
pub struct Options {
    pub workload: Workload,
    pub workers: usize,
    pub n: u64,
    pub warmup: u64,
    pub reps: u64,
}

/// The recorded stream of the hand-over: byte lengths of the blocks, used round and round.
pub static LENS: OnceLock<Vec<u32>> = OnceLock::new();

pub fn die(what: &str, which: &str) -> ! {
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
    if LENS.set(lens).is_err() {
        die("given twice", "--items");
    }
}

/// Reads the command line; answers --list and --version itself and ends the program then.
pub fn parse(args: &[String], all: &[Workload], engine: &str, version: &str) -> Options {
    match args {
        [one] if one == "--list" => {
            all.iter().for_each(|w| println!("{}", w.0));
            exit(0)
        }
        [one] if one == "--version" => {
            println!("{{\"engine\": \"{engine}\", \"version\": \"{version}\"}}");
            exit(0)
        }
        [] => die("usage", "prog WORKLOAD --workers N --n N [--warmup N] [--reps N] [--items FILE]"),
        _ => {}
    }
    let name = &args[0];
    let workload = *all.iter().find(|w| w.0 == name).unwrap_or_else(|| die("this engine has no workload", name));
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
    if name == "handover_items" && LENS.get().is_none() {
        die("needed", "--items FILE");
    }
    o
}

/// The warm-up, then the repetitions. `workers` is what there is, not what was asked for.
pub fn repeat(o: &Options, workers: usize) {
    let (name, run) = o.workload;
    if o.warmup > 0 && run(o.warmup).errors != 0 {
        die("errors in the warm-up of", name);
    }
    for _ in 0..o.reps {
        let r = run(o.n);
        println!(
            "{{\"workload\": \"{name}\", \"workers\": {workers}, \"n\": {}, \"ns_total\": {}, \"bytes_total\": {}, \
             \"checksum\": {}, \"errors\": {}}}",
            o.n, r.ns_total, r.bytes_total, r.checksum, r.errors
        );
    }
}

/// What a consumer found.
#[derive(Default)]
pub struct Found {
    pub sum: u64,
    pub count: u64,
    pub errors: u64,
}

impl Found {
    /// One value more, which is wrong or not.
    #[inline(always)]
    pub fn add(&mut self, value: u64, wrong: bool) {
        self.sum = self.sum.wrapping_add(value);
        self.errors += u64::from(wrong);
        self.count += 1;
    }
}

/// Stops the clock. `errors` are those of the producers; n values must have been found.
pub fn outcome(start: Instant, n: u64, found: &[Found], errors: u64) -> Outcome {
    let ns_total = start.elapsed().as_nanos();
    let count: u64 = found.iter().map(|f| f.count).sum();
    Outcome {
        ns_total,
        bytes_total: -1,
        checksum: found.iter().map(|f| f.sum).fold(0, u64::wrapping_add),
        errors: errors + found.iter().map(|f| f.errors).sum::<u64>() + u64::from(count != n),
    }
}

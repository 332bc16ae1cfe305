//! rust-queues: messages between plain OS threads, through gort's channels and through the queues that a Rust program would take instead. One program, an engine each:
//! `rust-queues ENGINE WORKLOAD ...`, where ENGINE is gort-rust, crossbeam, flume, kanal or std (or, for `map_90_10`, dashmap or dashmap-ahash), and the rest is as for every engine (`../../common/bench.rs`).
//!
//! No scheduler is at work here: gort is used from `std::thread` alone, without `gort::run`. `--workers` is taken and ignored: the kernel spreads the threads over all CPUs.
//!
//! `queues.rs` has the ends of each queue behind two traits, `threads.rs` the workloads. `maps.rs` has maps, which are used from tasks of gort's with `--workers`, as gort's own is in the engine gort-rust-w*.

#![allow(clippy::disallowed_methods)] // the clock of a benchmark is raw time, on purpose

#[path = "../../common/bench.rs"]
mod bench;
mod maps;
mod queues;
mod threads;

use bench::{Workload, die, parse, repeat};
use threads::{mpmc, spsc};

/// An engine of this program.
struct Engine {
    name: &'static str,
    /// Its package in Cargo.lock; none: it comes with the compiler.
    package: Option<&'static str>,
    workloads: &'static [&'static [Workload]],
}

/// The rows of a queue: one producer and one consumer; with `mpmc` also four of each.
macro_rules! rows {
    ($bounded:path, $unbounded:path) => {
        &[
            ("threads_spsc_cap0", |n| spsc::<i64>(n, $bounded(0))),
            ("threads_spsc_cap1", |n| spsc::<i64>(n, $bounded(1))),
            ("threads_spsc_cap64", |n| spsc::<i64>(n, $bounded(64))),
            ("threads_spsc_cap1024", |n| spsc::<i64>(n, $bounded(1024))),
            ("threads_spsc_unbounded", |n| spsc::<i64>(n, $unbounded())),
            ("threads_spsc_cap0_64b", |n| spsc::<[u64; 8]>(n, $bounded(0))),
            ("threads_spsc_cap1_64b", |n| spsc::<[u64; 8]>(n, $bounded(1))),
            ("threads_spsc_cap64_64b", |n| spsc::<[u64; 8]>(n, $bounded(64))),
            ("threads_spsc_cap1024_64b", |n| spsc::<[u64; 8]>(n, $bounded(1024))),
            ("threads_spsc_unbounded_64b", |n| spsc::<[u64; 8]>(n, $unbounded())),
        ]
    };
    (mpmc $bounded:path) => {
        &[
            ("threads_mpmc4x4_cap1024", |n| mpmc::<i64>(n, $bounded(1024))),
            ("threads_mpmc4x4_cap1024_64b", |n| mpmc::<[u64; 8]>(n, $bounded(1024))),
        ]
    };
}

const ENGINES: &[Engine] = &[
    Engine {
        name: "gort-rust",
        package: Some("gort"),
        workloads: &[rows!(gort::channel, gort::unbounded), rows!(mpmc gort::channel)],
    },
    Engine {
        name: "crossbeam",
        package: Some("crossbeam-channel"),
        workloads: &[
            rows!(crossbeam_channel::bounded, crossbeam_channel::unbounded),
            rows!(mpmc crossbeam_channel::bounded),
        ],
    },
    Engine {
        name: "flume",
        package: Some("flume"),
        workloads: &[rows!(flume::bounded, flume::unbounded), rows!(mpmc flume::bounded)],
    },
    Engine {
        name: "kanal",
        package: Some("kanal"),
        workloads: &[rows!(kanal::bounded, kanal::unbounded), rows!(mpmc kanal::bounded)],
    },
    Engine { name: "dashmap", package: Some("dashmap"), workloads: &[&[("map_90_10", maps::dashmap)]] },
    Engine { name: "dashmap-ahash", package: Some("dashmap"), workloads: &[&[("map_90_10", maps::dashmap_ahash)]] },
    Engine { name: "std", package: None, workloads: &[rows!(std::sync::mpsc::sync_channel, std::sync::mpsc::channel)] },
];

/// The version that Cargo.lock names.
fn version_of(package: &str) -> String {
    let mut lines = include_str!("../Cargo.lock").lines();
    let name = format!("name = \"{package}\"");
    let version = lines.find(|l| *l == name).and_then(|_| lines.next()).and_then(|l| l.strip_prefix("version = "));
    match version {
        Some(v) => v.trim_matches('"').to_string(),
        None => die("not in Cargo.lock", package),
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let engine = args.first().and_then(|name| ENGINES.iter().find(|e| e.name == name));
    let Some(engine) = engine else {
        die(
            "needed",
            "an engine: gort-rust, crossbeam, flume, kanal, dashmap, dashmap-ahash or std, then what every engine takes",
        )
    };
    let version = match engine.package {
        Some("gort") => version_of("gort"),
        Some(package) => format!("{package} {}", version_of(package)),
        None => env!("STD_VERSION").to_string(),
    };
    let o = parse(&args[1..], &engine.workloads.concat(), engine.name, &version);
    maps::WORKERS.get_or_init(|| o.workers);
    repeat(&o, o.workers);
}

//! gort-rust: the workloads through gort's Rust face, linked statically, as a Rust program would use it.
//!
//! The command line and the result line are those of every engine (`../../common/bench.rs`). One file a noun, as in the other engines: `workloads.rs` has the streams and the tasks,
//! `select.rs`, `elements.rs`, `sums.rs`, `maps.rs` and `timers.rs` what they are called.
//!
//! It uses no `unsafe` of gort's face: the tasks are those of `gort::spawn` and `WaitGroup::go`.

#![allow(clippy::disallowed_methods)] // the clock of a benchmark is raw time, on purpose

#[path = "../../common/bench.rs"]
mod bench;
mod elements;
mod maps;

mod limiters;
mod locks;
mod select;
mod sums;
mod timers;
mod workloads;

use bench::{Workload, die, parse, repeat};

const ALL: &[Workload] = &[
    ("sendrecv_uncontended", workloads::sendrecv),
    ("pingpong_cap0", workloads::pingpong),
    ("spsc_cap1024", workloads::spsc),
    ("mpmc4x4_cap1024", workloads::mpmc),
    ("select2_ready", select::ready),
    ("fanin8", select::fanin8),
    ("fanin64", select::fanin64),
    ("elements_4k_copy", elements::copy),
    ("elements_4k_pointer", elements::pointer),
    ("channel_vs_mutex_vs_atomic_channel", sums::channel),
    ("channel_vs_mutex_vs_atomic_mutex", sums::mutex),
    ("channel_vs_mutex_vs_atomic_atomic", sums::atomic),
    ("mutex_uncontended", sums::mutex_uncontended),
    ("mutex_5x1m", sums::mutex),
    ("rwmutex_readers", locks::rwmutex_readers),
    ("cond_1", locks::cond_1),
    ("atomic_5x1m", sums::atomic),
    ("wg_add_done_contended", sums::wg_add_done),
    ("counter_5x1m", sums::counter),
    ("map_90_10", maps::map_90_10),
    ("yield", workloads::yields),
    ("spawn_join_1m", workloads::spawn_many),
    ("spawn_join_one", workloads::spawn_one),
    ("parked_100k", workloads::parked),
    ("pipeline_100us", workloads::pipeline),
    ("handover_items", workloads::handover),
    ("timer_new_stop", timers::new_stop),
    ("timer_reset", timers::reset),
    ("timer_reset_chan", timers::reset_chan),
    ("timer_memory_1m", timers::memory),
    ("after_func_memory_1m", timers::func_memory),
    ("timers_1m_due", timers::many_due),
    ("sleepers_10k_p50", timers::sleepers_p50),
    ("sleepers_10k_p99", timers::sleepers_p99),
    ("sleepers_10k_hog_p50", timers::sleepers_hog_p50),
    ("sleep_50us", timers::sleep_50us),
    ("recv_deadline_unfired", timers::recv_deadline),
    ("recv_deadline_unfired_buffered", timers::recv_deadline_buffered),
    ("recv_deadline_unfired_cap0", timers::recv_deadline_cap0),
    ("recv_no_deadline", timers::recv_no_deadline),
    ("limiter_allow", limiters::allow),
    ("limiter_keyed_1m", limiters::keyed),
];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    // This package takes its version from the workspace, as gort does: the two are built together.
    let o = parse(&args, ALL, "gort-rust", env!("CARGO_PKG_VERSION"));
    let config = gort::Config { workers: o.workers, ..Default::default() };
    let ran = gort::run_with(&config, move || {
        if gort::workers() != o.workers {
            die("gort has another number of workers than", "--workers");
        }
        repeat(&o, gort::workers())
    });
    if let Err(e) = ran {
        die("gort::run_with", &format!("{e:?}"));
    }
}

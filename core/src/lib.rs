//! gort: Go's tasks and channels for C, Python and Rust. This crate is the core and the Rust face.
//!
//! ```
//! let (tx, rx) = gort::channel::<u64>(16);
//! let total = gort::run(move || {
//!     let wg = gort::WaitGroup::new();
//!     for n in 0..4 {
//!         let tx = tx.clone();
//!         wg.go(move || tx.send(n * 10).unwrap());
//!     }
//!     drop(tx);
//!     wg.wait().unwrap();
//!     rx.iter().sum::<u64>()
//! })
//! .unwrap();
//! assert_eq!(total, 60);
//! ```
//!
//! Floors, from the ground up; arrows point down only (`tests/floors.rs`):
//! `sys` (machine and operating system) - `sched` (tasks and who runs them) - `wait` (how a party waits once) - `chan`, `sync` - `task` (the Rust face of tasks) - `flow`
//! (groups and pools of tasks).

pub mod elem;
pub mod status;

pub mod sys;

pub mod sched;

pub mod wait;

#[cfg(not(loom))]
pub mod chan;
#[cfg(loom)]
pub mod chan {
    pub mod batch;
    mod block;
    pub mod later;
    pub mod notify;
    #[path = "order_none.rs"]
    mod order;
    pub mod overflow;
    pub mod raw;
    pub mod returned;
    pub mod select;
    pub mod selector;
    pub mod source;
}
pub mod sync;
#[cfg(not(loom))]
pub mod task;
#[cfg(not(loom))]
pub mod time;
#[cfg(loom)]
pub mod time {
    pub mod timer;
}

#[cfg(not(loom))]
pub mod flow;

#[cfg(not(loom))]
pub use chan::{
    Done, Receivable, Receiver, RecvCase, RecvError, Select, Selector, SendCase, SendError, Sendable, Sender, TimeCase,
    channel, unbounded,
};
#[cfg(not(loom))]
pub use flow::Context;
#[cfg(not(loom))]
pub use sched::census::{Metrics, dump_string as dump, metrics};
#[cfg(not(loom))]
pub use sched::runtime::{set_workers, shutdown};
#[cfg(not(loom))]
pub use sync::WaitGroup;
#[cfg(not(loom))]
pub use task::{
    Builder, Config, JoinError, JoinHandle, RunError, RunReport, Time, Wait, blocking, go, last_error, now, run,
    run_report, run_with, shield, sleep, spawn, spawn_migratable, try_go, workers, yield_now,
};

pub use status::Status;

/// The examples of the guide are run as those of the code.
#[cfg(doctest)]
#[doc = include_str!("../../docs/rust.md")]
struct Guide;

/// Processors this process may use.
pub fn num_cpu() -> usize {
    sys::cpu::available()
}

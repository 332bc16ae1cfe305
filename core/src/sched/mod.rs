//! Floor 1: the scheduler. Its doors are `spawn`, `yield_now`, `park(commit)`, `ready(party)`, the bracket around them (`enter`/`Cx::exit`), and `now` and
//! `rand` for time and chance (D7). Nothing upstairs sees a queue, a processor or a stack. See `README.md` beside this file for the protocols.
//!
//! D-1  Code between `enter` and `exit` holds a `Cx`. A `Cx` is dead after `exit`; after a park the one that `park` returns counts, for the thread may be another.
//! D-2  User code (entries, drops, callbacks) runs outside the bracket: `outside`.
//! D-3  A processor reference is dead after every exit..enter and every park.
//! D-4  Preemption serves whoever waits for a processor, never the thread's own pinned tasks: an ANY task goes to the tail of its queue, from where any thread takes it; a THREAD
//!      task gives its processor away, as if the monitor had found it in user code, and keeps its thread. Behind its siblings it might wait for ever, though
//!      processors are idle: one of them may compute until it goes on, and no other thread can run either.

#[cfg(not(loom))]
pub mod alarms;
#[cfg(not(loom))]
pub mod boxed;
#[cfg(not(loom))]
pub mod census;
#[cfg(not(loom))]
pub mod domain;
pub mod hooks;
#[cfg(not(loom))]
pub mod host;
pub mod idle;
pub mod lane;
#[cfg(not(loom))]
pub mod last_error;
#[cfg(not(loom))]
pub mod monitor;
#[cfg(not(loom))]
pub mod objects;
#[cfg(not(loom))]
pub mod own;
pub mod processor;
#[cfg(not(loom))]
pub mod run;
#[cfg(not(loom))]
pub mod runtime;
#[cfg(not(loom))]
pub mod task;
#[cfg(not(loom))]
pub mod thread;
#[cfg(not(loom))]
pub mod timers;
#[cfg(not(loom))]
pub mod worker;

pub mod bell;
pub mod bracket;
pub mod callback;
pub mod entry;
#[cfg_attr(loom, path = "epoch_loom.rs")]
pub mod epoch;
pub mod list;
pub mod lot;
pub mod party;
pub mod ring;
pub mod spin;
pub mod ticket;
pub mod told;
pub mod waits;
pub mod wakelist;
pub mod watch;

#[cfg_attr(loom, path = "doors_loom.rs")]
mod doors;
pub use doors::*;
pub use processor::cancel_timer;
pub use told::{tell, tell_later};

/// Drops what a panic carried, outside the bracket. That may panic too, and so may the drop of what the new one carries: the
/// eighth is left, or one that always does would never end.
#[cold]
pub fn drop_payload(mut payload: Box<dyn core::any::Any + Send>) {
    for _ in 0..8 {
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(payload))) {
            Ok(()) => return,
            Err(next) => payload = next,
        }
    }
    core::mem::forget(payload)
}

/// Nanoseconds of the monotonic clock.
pub type Time = i64;

//! Floor 4: what programs build of tasks, channels and locks to keep work in order: contexts, `Group`, `SingleFlight`, `WorkerPool`. One noun a file.
//!
//! What is the same for all:
//!  F1  Functions of the program run with no lock of these objects held, and a panic of theirs ends what they do and nothing else.
//!  F2  What waits can be bounded in time and cancelled; whoever gives up ends its own wait, not what it waited for.
//!  F3  Nothing here knows the scheduler: tasks are started, cancelled and waited for through the doors that a program has (`wait/join.rs`).

pub mod context;
mod group;
mod members;
mod singleflight;
mod worker_pool;

pub use context::Context;
pub use group::{Group, GroupError};
pub use singleflight::{Flight, SingleFlight};
pub use worker_pool::{Job, JobError, Progress, WorkerPool, WorkerPoolBuilder};

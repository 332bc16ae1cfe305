//! Floor 4: what programs build of tasks, channels and locks to keep work in order.

pub mod context;

pub use context::Context;

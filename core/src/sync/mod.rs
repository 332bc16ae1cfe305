//! Floor 3: synchronisation beside channels. One noun a file.

pub mod mutex;
pub mod waitgroup;

#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
pub use waitgroup::WaitGroup;

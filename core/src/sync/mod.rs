//! Floor 3: synchronisation beside channels. One noun a file.

pub mod barrier;
pub mod cond;
pub mod event;
pub mod mutex;
pub mod once;
pub mod rwmutex;
pub mod semaphore;
pub mod waitgroup;

#[cfg(not(loom))]
pub use barrier::Barrier;
#[cfg(not(loom))]
pub use cond::Cond;
#[cfg(not(loom))]
pub use event::Event;
#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub use once::{Once, OnceValue};
#[cfg(not(loom))]
pub use rwmutex::{ReadGuard, RwMutex, WriteGuard};
#[cfg(not(loom))]
pub use semaphore::{Permit, Semaphore};
pub use waitgroup::WaitGroup;

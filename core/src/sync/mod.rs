//! Floor 3: synchronisation beside channels. One noun a file.

pub mod barrier;
pub mod cond;
#[cfg(not(loom))]
pub mod counter;
pub mod event;
pub mod map;
pub mod mutex;
pub mod once;
#[cfg(not(loom))]
pub mod pool;
pub mod rwmutex;
pub mod semaphore;
pub mod waitgroup;

#[cfg(not(loom))]
pub use barrier::Barrier;
#[cfg(not(loom))]
pub use cond::Cond;
#[cfg(not(loom))]
pub use counter::Counter;
#[cfg(not(loom))]
pub use event::Event;
pub use map::Map;
#[cfg(not(loom))]
pub use mutex::{Mutex, MutexGuard};
#[cfg(not(loom))]
pub use once::{Once, OnceValue};
#[cfg(not(loom))]
pub use pool::Pool;
#[cfg(not(loom))]
pub use rwmutex::{ReadGuard, RwMutex, WriteGuard};
#[cfg(not(loom))]
pub use semaphore::{Permit, Semaphore};
pub use waitgroup::WaitGroup;

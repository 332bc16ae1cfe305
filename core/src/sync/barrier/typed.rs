//! `Barrier`: as `barrier.rs` has it, with limits of Rust's.

use super::RawBarrier;
use crate::status::Status;
use crate::task::Wait as Limits;

/// So many wait for one another; the last one lets all go on. May be used again at once.
///
/// ```
/// use gort::sync::Barrier;
/// gort::run(|| {
///     static ALL: Barrier = Barrier::new(2);
///     gort::go(|| drop(ALL.wait()));
///     ALL.wait().unwrap(); // both are here
/// })
/// .unwrap();
/// ```
pub struct Barrier {
    raw: RawBarrier,
}

impl Barrier {
    /// One for `parties`, at least one.
    pub const fn new(parties: u32) -> Barrier {
        Barrier { raw: RawBarrier::new(parties) }
    }

    /// Waits until all have come; true for the last one. CANCELED, DEADLOCK, SHUTDOWN: it has not come, and the others go on waiting. INVALID for a barrier of none.
    pub fn wait(&self) -> Result<bool, Status> {
        self.wait_with(Limits::forever())
    }

    /// `wait` within limits: TIMED_OUT too.
    pub fn wait_with(&self, wait: Limits<'_>) -> Result<bool, Status> {
        self.raw.wait(wait.raw())
    }

    /// Goes on if it is the last one, and lets the others go on; else WOULD_BLOCK, and it has not come.
    pub fn try_wait(&self) -> Result<(), Status> {
        self.raw.try_wait().map(|_| ())
    }

    /// How many must come.
    pub fn parties(&self) -> u32 {
        self.raw.parties()
    }

    /// How many wait. Others may come and go meanwhile.
    pub fn arrived(&self) -> u32 {
        self.raw.arrived()
    }
}

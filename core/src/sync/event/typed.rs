//! `Event`: as `event.rs` has it, with limits of Rust's.

use super::RawEvent;
use crate::status::Status;
use crate::task::Wait as Limits;

/// A flag that is waited for. Whoever sets it lets all go on who wait, and whoever comes while it is set does not wait.
///
/// ```
/// static OPEN: gort::sync::Event = gort::sync::Event::new();
/// gort::run(|| {
///     gort::go(|| drop(OPEN.set()));
///     OPEN.wait().unwrap();
/// })
/// .unwrap();
/// ```
#[derive(Default)]
pub struct Event {
    raw: RawEvent,
}

impl Event {
    /// One that is not set.
    pub const fn new() -> Event {
        Event { raw: RawEvent::new() }
    }

    /// Sets it: all who wait go on, also if it is cleared before they run. False: it was set.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    pub fn set(&self) -> bool {
        self.raw.set().unwrap_or_else(|s| panic!("gort::sync::Event::set: {s}"))
    }

    /// Clears it: whoever comes now waits for the next `set`. False: it was not set.
    ///
    /// # Panics
    /// In a signal handler that interrupted gort.
    pub fn clear(&self) -> bool {
        self.raw.clear().unwrap_or_else(|s| panic!("gort::sync::Event::clear: {s}"))
    }

    /// Is it set?
    #[inline]
    pub fn is_set(&self) -> bool {
        self.raw.is_set()
    }

    /// Waits until it is set; returns at once if it is. Ends early with CANCELED, DEADLOCK or SHUTDOWN.
    pub fn wait(&self) -> Result<(), Status> {
        self.wait_with(Limits::forever())
    }

    /// `wait` within limits: TIMED_OUT too.
    pub fn wait_with(&self, wait: Limits<'_>) -> Result<(), Status> {
        self.raw.wait(wait.raw()).ok()
    }
}

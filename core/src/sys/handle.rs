//! Checking a handle: is this object of the wanted kind, alive, and of this epoch? (D8)
//!
//! A handle is a pointer to a slab object; its header says what lives there now. It is compared AFTER the object's lock is taken (model 7b), so a slot that is freed and given out
//! again in between is seen as what it is then.

use super::slab::{Header, epoch};
use crate::status::Status;
use core::sync::atomic::Ordering::*;

impl Header {
    /// `Ok`; SHUTDOWN for an object from before a fork or shutdown (which may read as zero); MISUSE for a freed one or one of another kind.
    #[inline(always)]
    pub fn check(&self, kind: u8) -> Status {
        if self.kind.load(Relaxed) == kind && self.epoch.load(Relaxed) == epoch() {
            return Status::Ok;
        }
        self.explain(kind)
    }

    #[cold]
    fn explain(&self, _: u8) -> Status {
        // An object of an older epoch keeps its epoch; after a shutdown the range reads as zero.
        if self.epoch.load(Relaxed) != epoch() { Status::Shutdown } else { Status::Misuse }
    }
}

//! Checking a handle: is this object of the wanted kind, alive, and of this epoch? (D8)
//!
//! A handle is a pointer to a slab object; its header says what lives there now. It is compared AFTER the object's lock is taken (model 7b), so a slot that is freed and given out
//! again in between is seen as what it is then.

use super::slab::{Header, epoch};
use crate::status::Status;
use core::sync::atomic::Ordering::*;

impl Header {
    /// Locks the object and checks it: on `Ok` the lock is held, otherwise not. An object of an older epoch is not even locked: in a fork's child its lock may be held for ever by a
    /// thread that is not there (an epoch never goes back, so the early look is safe).
    ///
    /// # Safety
    /// The header is of a slab object.
    #[inline(always)]
    pub unsafe fn lock_as(&self, kind: u8) -> Status {
        if self.epoch.load(Relaxed) != epoch() {
            return Status::Shutdown;
        }
        self.lock.lock();
        let s = self.check(kind);
        if !s.is_ok() {
            // SAFETY: locked just now.
            unsafe { self.lock.unlock() }
        }
        s
    }

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

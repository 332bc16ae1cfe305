//! The bell: how a thread falls asleep on a futex word without missing a call (mailbox and sleep protocol).
//!
//! ```text
//!  AWAKE 0    ASLEEP 1    TOLD 2
//! ```
//! Caller: push (or give), then `ring`: swap(TOLD); futex_wake only if it was ASLEEP.
//! Sleeper: swap(ASLEEP). Was it TOLD: awake, look again. Then look once more at everything a caller may have pushed; wait while ASLEEP;
//! swap(AWAKE).
//!
//! I1  A ring after a push is never lost: either the sleeper's swap sees TOLD, or its second look sees the push, or the ring's swap sees ASLEEP.
//! I2  `ring` touches the word and, by address only, the futex; nothing after. The word's memory is never freed (threads are type-stable).
//!
//! Rejected: no second look, or acquire/release instead of swaps: both lose wake-ups (models 3a, 3b). Models: `tests/loom_bell.rs`.

use crate::sys::clock::NEVER;
use crate::sys::futex;
use crate::sys::prim::*;

const AWAKE: u32 = 0;
const ASLEEP: u32 = 1;
const TOLD: u32 = 2;

/// One thread's word to sleep on.
#[repr(transparent)]
#[cfg_attr(loom, derive(Default))]
pub struct Bell(AtomicU32);

impl Bell {
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Bell {
        Bell(AtomicU32::new(AWAKE))
    }
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Bell {
        Bell(AtomicU32::new(AWAKE))
    }

    /// Anybody: tells the owner to look.
    #[inline]
    pub fn ring(&self) {
        if self.0.swap(TOLD, AcqRel) == ASLEEP {
            futex::wake(&self.0, 1)
        }
    }

    /// Owner: has somebody rung since the last sleep?
    #[inline]
    pub fn is_told(&self) -> bool {
        self.0.load(Acquire) == TOLD
    }

    /// Owner: sleeps until it is told, `look` finds something, or the deadline passes. Returns false only for the deadline.
    /// May also return without reason; the caller looks at its own conditions.
    pub fn sleep(&self, deadline: i64, look: impl FnOnce() -> bool) -> bool {
        if self.0.swap(ASLEEP, AcqRel) == TOLD {
            self.0.swap(AWAKE, AcqRel); // a store would break the edge of a second ring that came meanwhile
            return true;
        }
        if look() {
            self.0.swap(AWAKE, AcqRel);
            return true;
        }
        let in_time = futex::wait(&self.0, ASLEEP, deadline);
        self.0.swap(AWAKE, AcqRel) == TOLD || in_time
    }

    /// Owner: sleeps until it is told (true, and the telling is used up) or the deadline passes (false).
    pub fn wait_told(&self, deadline: i64) -> bool {
        loop {
            if self.0.load(Acquire) == TOLD {
                self.0.swap(AWAKE, AcqRel);
                return true;
            }
            if self.0.swap(ASLEEP, AcqRel) == TOLD {
                self.0.swap(AWAKE, AcqRel);
                return true;
            }
            if !futex::wait(&self.0, ASLEEP, deadline) && deadline != NEVER {
                return self.0.swap(AWAKE, AcqRel) == TOLD;
            }
        }
    }

    /// Owner: forgets a telling that no longer matters.
    pub fn reset(&self) {
        self.0.store(AWAKE, Relaxed)
    }
}

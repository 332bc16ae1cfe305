//! How long a plain thread looks at its bell before it sleeps on it.
//!
//! A sleep and its wake-up cost the two threads some 10 to 50 us; a peer that runs on another core answers within one. So a thread that is about to sleep looks for a while first: a short
//! time without letting go, then giving up the core between two looks, for the peer may be waiting for just that core.
//! Whether it is wise only experience tells: a wait that was answered while it looked makes the next one as patient as can be, one that was not halves its patience, and every sixteenth
//! wait tries again, for longer than a peer takes to wake up (else two that have begun to sleep would do so for ever, each answered too late). A thread whose waits are long burns next to
//! nothing.
//!
//! Rejected: a fixed time (a server's idle threads burn it at each wait).

use crate::sys::clock;
#[cfg(not(loom))]
use crate::sys::cpu::pauses;
use crate::sys::prim::*;

/// The longest look, and that of a new try, ns.
const MOST: u32 = 20_000;
const TRY: u32 = 50_000;
/// No look is longer, ns: who has less time does not look.
pub const LONGEST: i64 = TRY as i64;
/// In every so many waits.
const TRIES: u32 = 16;
const LEAST: u32 = 100;
/// So long without letting go of the core, ns.
const KEEP: u32 = 2_000;
/// Pauses from look to look.
const STEP: u32 = 4;

/// In the models one look is enough: the time of a second one has passed (`sys/clock.rs`).
#[cfg(loom)]
fn pauses(_: u32) -> u32 {
    STEP
}

/// How long one thread looks; its own.
pub struct Patience {
    ns: Cell<u32>,
    /// Waits in vain since the last answer.
    vain: Cell<u32>,
}

impl Patience {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Patience {
        Patience { ns: Cell::new(MOST), vain: Cell::new(0) }
    }

    /// Looks until `done`, for as long as it has learned is wise, and learns.
    pub fn watch(&self, done: impl Fn() -> bool) {
        let ns = if self.vain.get() % TRIES == TRIES - 1 { TRY } else { self.ns.get() };
        let keep = pauses(ns.min(KEEP));
        for _ in 0..keep / STEP {
            if done() {
                return self.answered();
            }
            for _ in 0..STEP {
                spin_hint();
            }
        }
        if ns > KEEP && keep > 0 {
            let end = clock::now() + i64::from(ns - KEEP);
            while clock::now() < end {
                yield_thread();
                if done() {
                    return self.answered();
                }
            }
        }
        self.vain.set(self.vain.get().wrapping_add(1));
        self.ns.set((self.ns.get() / 2).max(LEAST));
    }

    fn answered(&self) {
        self.vain.set(0);
        self.ns.set(MOST);
    }
}

//! The ticket: one word for each blocked operation that every waker races for (D5).
//!
//! ```text
//!  bits 0..8    state   IDLE 0 | WAITING 1 | WON 2 | EXPIRED 3 | CANCELED 4 | DEADLOCK 5 | SHUTDOWN 6 | HELD 7
//!  bits 8..24   case    which arm of a select won
//!  bits 24..64  seq     number of the wait, 40 bits, compared for equality only
//! ```
//!
//! I1  Only the owner goes from any state to WAITING, with `seq` one higher than ever before in this slot; the slot may be used
//!     by another task later, but seq goes on (a late waker of an old wait therefore always fails its compare-and-swap).
//! I2  WAITING(seq) is written by the commit, after the stack is saved (or, for a plain thread, before the object is unlocked);
//!     never at enlistment. So whoever wins may resume the owner at once.
//! I3  Whoever goes from WAITING(seq) or HELD(seq) to another state owns the wake-up: it and nobody else makes the owner ready, once.
//! I4  HELD(seq) is a wait at one object, without a deadline and without a cancel source. It is ended only by whoever holds the lock of that object: the object's own users do anyway, so
//!     they end it by a plain store; the others (a task's cancellation, a verdict, a shutdown) take the lock first (`Party::end`), which nobody counts. So a hand-over costs one
//!     read-modify-write less than D9 allows.
//!
//! The ticket lives on the scheduler's floor, because tasks embed it; its users live on the floors above.
//! Rejected: a state without seq (a late timer ends the next wait), seq from 0 in a recycled slot (the same), states as separate
//! atomics (two words can not be won at once). Models: `tests/loom_ticket.rs`.

use crate::sys::prim::*;

pub const IDLE: u8 = 0;
pub const WAITING: u8 = 1;
pub const WON: u8 = 2;
pub const EXPIRED: u8 = 3;
pub const CANCELED: u8 = 4;
pub const DEADLOCK: u8 = 5;
pub const SHUTDOWN: u8 = 6;
pub const HELD: u8 = 7;

const SEQ_SHIFT: u32 = 24;
const SEQ_MASK: u64 = (1 << 40) - 1;

/// One blocked operation of one party.
#[repr(transparent)]
#[cfg_attr(loom, derive(Default))]
pub struct Ticket(AtomicU64);

#[inline(always)]
const fn word(state: u8, case: u16, seq: u64) -> u64 {
    state as u64 | (case as u64) << 8 | (seq & SEQ_MASK) << SEQ_SHIFT
}

impl Ticket {
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Ticket {
        Ticket(AtomicU64::new(0))
    }
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Ticket {
        Ticket(AtomicU64::new(0))
    }

    /// Owner: the number of its next wait.
    #[inline(always)]
    pub fn next_seq(&self) -> u64 {
        ((self.0.load(Relaxed) >> SEQ_SHIFT) + 1) & SEQ_MASK
    }

    /// Owner, in the commit: from here on anybody may win this wait.
    #[inline(always)]
    pub fn open(&self, seq: u64) {
        // Release: pairs with the Acquire of `win` and `load`; the waiter's fields and the saved stack are visible to the winner.
        self.0.store(word(WAITING, 0, seq), Release)
    }

    /// Owner, in the commit, under the lock of the object it waits at: as `open`, but only who holds that lock may win (I4).
    #[inline(always)]
    pub fn open_held(&self, seq: u64) {
        // Release: as in `open`.
        self.0.store(word(HELD, 0, seq), Release)
    }

    /// Whoever holds the lock of the object that the owner waits at: ends wait `seq` as `state`.
    #[inline(always)]
    pub fn win_held(&self, seq: u64, state: u8, case: u16) -> bool {
        // Acquire: pairs with `open_held`; the lock orders it as well.
        if self.0.load(Acquire) == word(HELD, 0, seq) {
            // Release: as in `win`. Nobody else may write (I4): the owner is parked.
            self.0.store(word(state, case, seq), Release);
            return true;
        }
        self.win(seq, state, case)
    }

    /// Anybody: ends wait `seq` as `state`, if it is not HELD. True for exactly one caller a wait.
    #[inline(always)]
    pub fn win(&self, seq: u64, state: u8, case: u16) -> bool {
        #[cfg(feature = "mutant_skip_seq_check")]
        let seq = self.0.load(Relaxed) >> SEQ_SHIFT;
        // AcqRel: Acquire pairs with `open`; Release passes what the winner wrote before (a cancel's cause) to the owner.
        self.0.compare_exchange(word(WAITING, 0, seq), word(state, case, seq), AcqRel, Relaxed).is_ok()
    }

    /// Anybody: if it is waiting now, the number of that wait.
    #[inline]
    pub fn waiting(&self) -> Option<u64> {
        let w = self.0.load(Acquire);
        if Self::is_waiting(w) { Some(w >> SEQ_SHIFT) } else { None }
    }

    /// Anybody: is wait `seq` open, and HELD?
    #[inline]
    pub fn is_held(&self, seq: u64) -> bool {
        self.0.load(Acquire) == word(HELD, 0, seq)
    }

    /// The state and the winning case.
    #[inline(always)]
    pub fn outcome(&self) -> (u8, u16) {
        let w = self.0.load(Acquire);
        (w as u8, (w >> 8) as u16)
    }

    /// The whole word, for the judge's two looks.
    #[inline]
    pub fn look(&self) -> u64 {
        self.0.load(SeqCst)
    }

    /// Whether a looked-at word says WAITING.
    #[inline]
    pub fn is_waiting(look: u64) -> bool {
        matches!(look as u8, WAITING | HELD)
    }

    /// Owner: no wait is open; seq stays.
    #[inline(always)]
    pub fn close(&self) {
        let w = self.0.load(Relaxed);
        self.0.store(w & !((1 << SEQ_SHIFT) - 1), Relaxed)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn only_one_wins_and_only_its_own_wait() {
        let t = Ticket::new();
        let seq = t.next_seq();
        assert!(!t.win(seq, WON, 0), "not open yet");
        t.open(seq);
        assert!(!t.win(seq + 1, WON, 0) && !t.win(seq.wrapping_sub(1), WON, 0));
        assert!(t.win(seq, WON, 7));
        assert!(!t.win(seq, EXPIRED, 0));
        assert_eq!(t.outcome(), (WON, 7));
        t.close();
        assert_eq!(t.next_seq(), seq + 1, "seq goes on");
    }

    #[test]
    fn held_wait_is_won_only_by_who_holds_the_lock() {
        let t = Ticket::new();
        let seq = t.next_seq();
        t.open_held(seq);
        assert_eq!(t.waiting(), Some(seq));
        assert!(t.is_held(seq) && Ticket::is_waiting(t.look()));
        assert!(!t.win(seq, EXPIRED, 0), "without the lock");
        assert!(!t.win_held(seq + 1, WON, 0), "of another wait");
        assert!(t.win_held(seq, WON, 3));
        assert!(!t.win_held(seq, WON, 3));
        assert_eq!(t.outcome(), (WON, 3));
        let seq = t.next_seq();
        t.open(seq);
        assert!(t.win_held(seq, WON, 0), "it wins an open wait too");
    }

    #[test]
    fn seq_wraps_within_its_field() {
        let t = Ticket(AtomicU64::new(word(IDLE, 3, SEQ_MASK)));
        assert_eq!(t.next_seq(), 0);
    }
}

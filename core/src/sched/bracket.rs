//! The bracket: how user code enters the runtime, and how a processor is taken from a thread that is in user code (D1).
//!
//! ```text
//!  word (a thread's processor):  0        it has none (it lost it, or rests)
//!                                1        FOREIGN: a plain OS thread, never has one
//!                                P        it owns processor P (P is a multiple of 4)
//!                                P|1      contested: a retaker asks for it
//!                                P|2      borrowed: a retaker owns it for a few instructions and will write P back
//!  in_rt:                        1 inside the runtime, 0 in user code
//! ```
//!
//! Owner:    in_rt = 1; light barrier; load word. A multiple of 4, not 0: go on. Else `settle`: on P|1 it compares-and-swaps P|1 -> P (won: P is
//!           its own); on P|2 it waits for P. It gives P away itself by `put_down` (a swap with 0). `exit` is a Release store of in_rt = 0.
//! Retaker:  one at a time (the lane's retake lock). CAS P -> P|1; heavy barrier; read in_rt. It was 0: CAS P|1 -> 0 (take) or P|1 -> P|2 (borrow),
//!           and only if that succeeds is P its own. It was 1: CAS P|1 -> P. A failed CAS means the owner was quicker: do nothing.
//!
//! B1  At every instant a processor has at most one owner: the thread whose word is P or P|1, the retaker, or the lane's idle list.
//! B2  P|1 and P|2 are written by the one retaker only; while P|1 stands the owner writes only P (settle) or 0 (put_down).
//! B3  in_rt belongs to the thread and stays 1 through park, scheduler and resume; no guard of it crosses a park.
//! B4  User code never runs inside the bracket (`outside` leaves and enters again).
//!
//! Under loom and TSan both sides use read-modify-writes on in_rt (the owner's alone is not enough). Rejected: marking or giving back by a
//! plain store (two owners or none), null stores with a give-back (the same), nested brackets (the inner exit opens the outer).
//! Borrowing was added for next slots (D9): taking P whole and putting it back would let the owner find 0 in between and go to sleep
//! over its own processor. Models: `tests/loom_bracket.rs`.

use crate::sys::prim::*;
use crate::sys::{barrier, race};

pub const FOREIGN: usize = 1;
const CONTESTED: usize = 1;
const BORROWED: usize = 2;
const TAGS: usize = 3;

/// Is this word a processor that its thread owns without dispute?
#[inline(always)]
pub const fn owned(word: usize) -> bool {
    word != 0 && word & TAGS == 0
}

/// The two words of one thread.
#[repr(C)]
pub struct Bracket {
    word: AtomicUsize,
    in_rt: AtomicU32,
}

impl Bracket {
    /// A thread that owns `word` (0, FOREIGN or a processor).
    #[cfg(not(loom))]
    pub const fn new(word: usize) -> Bracket {
        Bracket { word: AtomicUsize::new(word), in_rt: AtomicU32::new(0) }
    }
    #[cfg(loom)]
    pub fn new(word: usize) -> Bracket {
        Bracket { word: AtomicUsize::new(word), in_rt: AtomicU32::new(0) }
    }

    // ---- owner

    /// Owner: already inside? (A signal handler, or a bug.)
    #[inline(always)]
    pub fn is_inside(&self) -> bool {
        self.in_rt.load(Relaxed) != 0
    }

    /// Owner: goes inside and returns the word as it is now (maybe contested, borrowed, 0 or FOREIGN).
    #[inline(always)]
    pub fn enter(&self) -> usize {
        race::quiet_begin();
        #[cfg(any(loom, gort_tsan))]
        self.in_rt.swap(1, AcqRel);
        #[cfg(not(any(loom, gort_tsan)))]
        self.in_rt.store(1, Relaxed);
        barrier::light();
        // Acquire: pairs with the giver's Release store of a new processor.
        self.word.load(Acquire)
    }

    /// Owner: back to user code.
    #[inline(always)]
    pub fn exit(&self) {
        // Release: pairs with the retaker's Acquire load of 0; all we did to the processor is visible to its next owner.
        self.in_rt.store(0, Release);
        race::quiet_end();
    }

    /// Owner, inside: settles a dispute. Returns the word (owned, 0 or FOREIGN) and whether it had been contested.
    #[cold]
    pub fn settle(&self) -> (usize, bool) {
        let mut contested = false;
        loop {
            let w = self.word.load(Acquire);
            if w == 0 || w == FOREIGN || w & TAGS == 0 {
                return (w, contested);
            }
            if w & BORROWED != 0 {
                contested = true;
                yield_thread();
                continue;
            }
            contested = true;
            // AcqRel: pairs with the retaker's CAS; on success the processor is ours as if nothing had been.
            let _ = self.word.compare_exchange(w, w & !CONTESTED, AcqRel, Relaxed);
        }
    }

    /// Owner, inside: the processor (0 if none or FOREIGN); a passing contest is masked.
    #[inline(always)]
    pub fn processor(&self) -> usize {
        self.word.load(Relaxed) & !TAGS
    }

    /// Owner, inside: gives the processor away; the caller owns it now. 0 if there was none.
    #[inline]
    pub fn put_down(&self) -> usize {
        // AcqRel swap, not a store: a contest under way must see that it lost (B2).
        self.word.swap(0, AcqRel) & !TAGS
    }

    // ---- giver

    /// Whoever owns `p` gives it to this thread, whose word is 0 and stays so until it is given one.
    #[inline]
    pub fn give(&self, p: usize) {
        debug_assert!(owned(p));
        self.word.store(p, Release)
    }

    /// Whether the thread has no processor now.
    pub fn is_bare(&self) -> bool {
        self.word.load(Acquire) == 0
    }

    /// A plain thread becomes one that may be given a processor (it begins a lane's loop).
    pub fn make_bare(&self) {
        self.word.store(0, Release)
    }

    /// Makes this a plain OS thread (a fork's child, a worker that leaves).
    pub fn make_foreign(&self) {
        self.word.store(FOREIGN, Release);
        self.in_rt.store(0, Release);
    }

    // ---- retaker (one at a time)

    /// A snapshot, for the monitor and a shutdown: the processor this thread owns, and whether it is inside.
    pub fn peek(&self) -> (usize, bool) {
        // Acquire: pairs with the Release store of exit.
        (self.word.load(Acquire) & !TAGS, self.in_rt.load(Acquire) != 0)
    }

    /// Retaker, step 1: contests `p`. False: the thread does not own it any more.
    pub fn contest(&self, p: usize) -> bool {
        self.word.compare_exchange(p, p | CONTESTED, AcqRel, Relaxed).is_ok()
            || self.word.load(Relaxed) == p | CONTESTED
    }

    /// Retaker, step 2: is the thread in user code, so that it can not touch the processor without meeting our mark?
    pub fn in_user_code(&self) -> bool {
        barrier::heavy();
        #[cfg(any(loom, gort_tsan))]
        return self.in_rt.fetch_or(0, AcqRel) == 0;
        // Acquire: pairs with the Release store of exit.
        #[cfg(not(any(loom, gort_tsan)))]
        return self.in_rt.load(Acquire) == 0;
    }

    /// Retaker, step 3 of a retake: true if `p` is the retaker's now.
    pub fn take(&self, p: usize) -> bool {
        self.word.compare_exchange(p | CONTESTED, 0, AcqRel, Relaxed).is_ok()
    }

    /// Retaker, step 3 of a borrow: true if `p` is the retaker's until `hand_back`.
    pub fn borrow(&self, p: usize) -> bool {
        self.word.compare_exchange(p | CONTESTED, p | BORROWED, AcqRel, Relaxed).is_ok()
    }

    /// Retaker: ends a borrow.
    pub fn hand_back(&self, p: usize) {
        // Release: pairs with settle's Acquire load. Only the retaker writes over a borrowed word (B2).
        self.word.store(p, Release)
    }

    /// Retaker: gives up a contest (the thread was inside).
    pub fn give_up(&self, p: usize) {
        let _ = self.word.compare_exchange(p | CONTESTED, p, AcqRel, Relaxed);
    }
}

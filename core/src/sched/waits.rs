//! A wait of an OS thread: how it looks, sleeps and wakes (`wait_told`), and how others see that it has not left its wait (`Waits`).
//!
//! What this is: the inside of `thread_park`, the same in the product and in the models. What it is NOT: the bracket, the host's hooks (`doors.rs`), or what a thread waits for (`wait/block.rs`).
//!
//! X1  A call of a plain thread is inside the bracket, or in a wait: from `begin`, before it leaves the bracket, to `end`, after it has entered again. So at no moment of a call is the thread
//!     outside the bracket with as many waits ended as begun.
//! X2  Whoever asks reads `ended` first, then the bracket, then `begun`. If the two numbers are equal no wait went on while it read the bracket; if that was open too, the thread was in no call
//!     (and what it did in its last one happened before).
//! X3  Both numbers are the owner's, and only go up; waits may be nested (a host's hook may run code that waits).
//! X4  The winner's telling is waited for even after a lost race against the deadline: until then the winner uses our party.
//!
//! Rejected: a flag (between two looks at it and at the bracket a thread may leave one wait and begin the next); to ask whether a telling is pending (a thread that has taken it is still in its
//! wait, and about to use what it waited for).

use super::bell::Bell;
use super::bracket::Bracket;
use super::spin::Patience;
use super::ticket::{self, Ticket};
use crate::sys::clock::NEVER;
use crate::sys::prim::*;

/// The waits of one thread.
#[cfg_attr(loom, derive(Default))]
pub struct Waits {
    begun: AtomicU32,
    ended: AtomicU32,
}

impl Waits {
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Waits {
        Waits { begun: AtomicU32::new(0), ended: AtomicU32::new(0) }
    }
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Waits {
        Waits::default()
    }

    /// Owner, inside the bracket, which it is about to leave for a wait.
    pub fn begin(&self) {
        // Relaxed: the Release of the bracket's exit publishes it (X1).
        self.begun.store(self.begun.load(Relaxed).wrapping_add(1), Relaxed)
    }

    /// Owner, inside the bracket again.
    pub fn end(&self) {
        // Release: pairs with the Acquire of `in_a_call`: whoever sees this sees the bracket entered (X2).
        self.ended.store(self.ended.load(Relaxed).wrapping_add(1), Release)
    }

    /// Owner: is it in a wait? (Then what asks runs in a hook of its host.)
    pub fn is_waiting(&self) -> bool {
        self.begun.load(Relaxed) != self.ended.load(Relaxed)
    }

    /// For a thread that will not leave its wait: it is not there any more (a fork's child), or is another by now.
    pub fn forget(&self) {
        self.ended.store(self.begun.load(Relaxed), Relaxed)
    }

    /// Anybody, after a heavy barrier: may the thread still be in a call that began before it?
    pub fn in_a_call(&self, bracket: &Bracket) -> bool {
        let ended = self.ended.load(Acquire);
        // Acquire, in `peek`: pairs with the Release of the bracket's exit.
        bracket.peek().1 || self.begun.load(Relaxed) != ended
    }
}

/// Owner, outside the bracket, with its ticket open as `seq`: waits until it was told, or `deadline` (then the ticket is its own). `sleep` is given the wait and calls it; false if it interrupts
/// it. With `patience` it looks for a while before it sleeps.
pub fn wait_told(
    bell: &Bell,
    ticket: &Ticket,
    seq: u64,
    deadline: i64,
    patience: Option<&Patience>,
    sleep: impl FnOnce(&mut dyn FnMut(i64) -> bool) -> bool,
) {
    let mut told = false;
    // True: told, or the deadline has passed. A telling that was meant for something else (an old mailbox push) is not the end of the wait: the ticket says.
    let mut wait = |most: i64| loop {
        told = bell.wait_told(deadline.min(most));
        if !told || ticket.waiting() != Some(seq) {
            break told || deadline <= most;
        }
    };
    if let Some(patience) = patience {
        patience.watch(|| bell.is_told());
    }
    let end = if sleep(&mut wait) { ticket::EXPIRED } else { ticket::CANCELED };
    // IDLE: a hook has forked, and this is the child, where nobody tells.
    if !told && !ticket.win(seq, end, 0) && ticket.outcome().0 != ticket::IDLE {
        bell.wait_told(NEVER); // X4
    }
    debug_assert!(ticket.waiting().is_none());
}

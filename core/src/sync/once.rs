//! `Once`: something that is done once, by whoever comes first; the others wait until it is done (M5).
//!
//! ```text
//!  bit 0        RUNNING   somebody does it
//!  bit 1        QUEUED    somebody stands in the queue (wait/at.rs A1)
//!  bit 2        DONE      alone: the word is this for ever
//!  bits 16..32  era       of the process in which it is being done; if that is another one, nobody does it (H2)
//! ```
//! ON1  All zero is not done. What forks while it does it goes on in both processes, and each has it done; in the child of another's fork whoever comes next does it anew.
//!      It goes from there to RUNNING by compare-and-swap, and from RUNNING to DONE under the queue's lock. A panic counts as done.
//! ON2  Who returns OK comes after everything that was done.
//! ON3  The plain form ignores cancellation (K3). Called by what is being done itself, it waits for ever: a deadlock, which gort reports.

use crate::sched::party::{FIXED, Reason};
use crate::sched::wakelist::WakeList;
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::wait::Wait;
use crate::wait::at::{self, Ask, Limits, Queue, era, seen};
use core::ptr::from_ref;

#[cfg(not(loom))]
mod typed;
#[cfg(not(loom))]
pub use typed::{Once, OnceValue};

const RUNNING: u64 = 1;
pub const DONE: u64 = 2;

/// What the caller is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turn {
    /// It is done.
    Done,
    /// Do it, then call `finish`.
    Yours,
}

/// The flag alone, as C has it. All zero is not done. See the file's head.
#[repr(C)]
#[derive(Default)]
pub struct RawOnce {
    word: AtomicU64,
    /// For later versions; in the library that announces orders, what was done.
    reserved: AtomicU64,
}

impl RawOnce {
    #[cfg(not(loom))]
    pub const fn new() -> RawOnce {
        RawOnce { word: AtomicU64::new(0), reserved: AtomicU64::new(0) }
    }

    /// What a checking tool is told.
    #[inline(always)]
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// Is it done? If so, what was done is seen.
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of `finish`.
        let done = self.word.load(Acquire) == DONE;
        if done {
            self.order().fetch()
        }
        done
    }

    /// Whose turn is it? Blocks while somebody does it, whatever happens to the task meanwhile. MISUSE inside a signal handler.
    #[inline(always)]
    pub fn begin(&self) -> Result<Turn, Status> {
        if self.is_done() { Ok(Turn::Done) } else { self.begin_slow(Limits::PLAIN) }
    }

    /// As `begin`, but the caller's host may end the wait (CANCELED: a signal's handler has raised something), and so may the judge (DEADLOCK).
    pub fn begin_hosted(&self) -> Result<Turn, Status> {
        if self.is_done() { Ok(Turn::Done) } else { self.begin_slow(Limits::HOSTED) }
    }

    /// The same within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    #[inline]
    pub fn begin_within(&self, wait: Wait) -> Result<Turn, Status> {
        if self.is_done() { Ok(Turn::Done) } else { self.begin_slow(Limits::of(wait)) }
    }

    /// The same without waiting: WOULD_BLOCK while somebody does it.
    pub fn try_begin(&self) -> Result<Turn, Status> {
        if self.is_done() {
            return Ok(Turn::Done);
        }
        let cx = at::come(Limits::PLAIN)?;
        let turn = self.take().ok_or(Status::WouldBlock);
        cx.exit();
        turn
    }

    /// The turn, if nobody does it.
    fn take(&self) -> Option<Turn> {
        loop {
            // Acquire: as in `is_done`.
            let raw = self.word.load(Acquire);
            if raw == DONE {
                self.order().fetch();
                return Some(Turn::Done);
            }
            if seen(raw) != 0 {
                return None;
            }
            if self.word.compare_exchange(raw, RUNNING | era()?, Relaxed, Relaxed).is_ok() {
                return Some(Turn::Yours);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn begin_slow(&self, limits: Limits) -> Result<Turn, Status> {
        loop {
            let turn = self.begin_long(limits);
            // As at the reader/writer lock: a fork's child, where nobody does it.
            if turn != Err(Status::Shutdown) || limits.fixed != FIXED {
                return turn;
            }
        }
    }

    fn begin_long(&self, limits: Limits) -> Result<Turn, Status> {
        let cx = at::come(limits)?;
        if let Some(turn) = self.take() {
            cx.exit();
            return Ok(turn);
        }
        if at::must_not_park(cx, limits) {
            let mut turn = Turn::Done;
            let s = at::poll(cx, || self.take().inspect(|t| turn = *t).is_some());
            return s.ok().map(|()| turn);
        }
        let queue = Queue::lock(&self.word);
        // It ends under the lock only.
        if let Some(turn) = self.take() {
            queue.unlock();
            cx.exit();
            return Ok(turn);
        }
        if let Some(s) = limits.refused(cx) {
            queue.unlock();
            return Err(cx.out(s));
        }
        match queue.wait(cx, Ask::default(), Reason::Once, limits) {
            Ok(cx) => {
                cx.exit();
                Ok(Turn::Done)
            }
            Err(e) => {
                e.queue.unlock();
                Err(e.cx.out(e.status))
            }
        }
    }

    /// The caller, whose turn it was, has done it. MISUSE if nobody does it. The last access to it precedes the wake-ups.
    pub fn finish(&self) -> Status {
        let cx = match at::come(Limits::PLAIN) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let mut wakes = WakeList::new();
        let queue = Queue::lock(&self.word);
        // Of any era: the one whose turn it is may be in a fork's child by now, and then it is that one's doing.
        if self.word.load(Relaxed) & RUNNING == 0 {
            queue.unlock();
            return cx.out(Status::Misuse);
        }
        self.order().add();
        if !cfg!(feature = "mutant_once_wakes_nobody") {
            queue.win_all(&mut wakes);
        }
        // Release: pairs with the Acquire of `is_done`.
        self.word.store(DONE, Release);
        queue.wake(cx, wakes);
        cx.out(Status::Ok)
    }
}

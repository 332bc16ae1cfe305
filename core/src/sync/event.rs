//! `Event`: a flag that is waited for. Whoever sets it lets all go on who wait, and whoever comes while it is set does not wait.
//!
//! EV1  The word is 0 or SET, and changes under the queue's lock only; nobody stands in the queue while it is SET. What is set stays so in a fork's child.
//! EV2  All who wait when it is set go on, also if it is cleared before they run.

use crate::sched::callback::Callback;
use crate::sched::party::Reason;
use crate::sched::wakelist::WakeList;
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::wait::Wait;
use crate::wait::at::{self, Ask, Limits, Queue};
use core::ptr::from_ref;

#[cfg(not(loom))]
mod typed;
#[cfg(not(loom))]
pub use typed::Event;

const SET: u64 = 1;

/// The event, as C has it. All zero is not set. See the file's head.
#[repr(C)]
#[derive(Default)]
pub struct RawEvent {
    word: AtomicU64,
    /// For later versions; in the library that announces orders, what those did who set it.
    reserved: AtomicU64,
}

impl RawEvent {
    #[cfg(not(loom))]
    pub const fn new() -> RawEvent {
        RawEvent { word: AtomicU64::new(0), reserved: AtomicU64::new(0) }
    }

    /// What a checking tool is told.
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// Is it set? If so, what was done before is seen.
    #[inline(always)]
    pub fn is_set(&self) -> bool {
        // Acquire: pairs with the Release of `set`.
        let set = self.word.load(Acquire) == SET;
        if set {
            self.order().fetch()
        }
        set
    }

    /// Sets it: all who wait go on. False: it was set.
    pub fn set(&self) -> Result<bool, Status> {
        let cx = at::come(Limits::PLAIN)?;
        self.order().add();
        let mut wakes = WakeList::new();
        let queue = Queue::lock(&self.word);
        // Acquire, Release: whoever sees it set comes after all who set it; pairs with the Acquire of `is_set`.
        let was = self.word.swap(SET, AcqRel) == SET;
        queue.win_all(&mut wakes);
        queue.wake(cx, wakes);
        cx.exit();
        Ok(!was)
    }

    /// Clears it: whoever comes now waits for the next `set`. False: it was not set.
    pub fn clear(&self) -> Result<bool, Status> {
        let cx = at::come(Limits::PLAIN)?;
        let queue = Queue::lock(&self.word);
        let was = self.word.load(Relaxed) == SET;
        if was {
            self.word.store(0, Relaxed);
        }
        queue.unlock();
        cx.exit();
        Ok(was)
    }

    /// Waits until it is set; returns at once if it is. TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    pub fn wait(&self, wait: Wait) -> Status {
        let limits = Limits::of(wait);
        let cx = match at::come(limits) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        if self.is_set() {
            return cx.out(Status::Ok);
        }
        let queue = Queue::lock(&self.word);
        let refused = if self.is_set() { Some(Status::Ok) } else { limits.refused(cx) };
        if let Some(s) = refused {
            queue.unlock();
            return cx.out(s);
        }
        match queue.wait(cx, Ask::default(), Reason::Event, limits) {
            Ok(cx) => cx.out(Status::Ok),
            Err(e) => {
                e.queue.unlock();
                e.cx.out(e.status)
            }
        }
    }

    /// OK if it is set, else enlists the callback (WOULD_BLOCK): then its function is called when it is set, unless it is withdrawn.
    ///
    /// # Safety
    /// The event stays in place until that call, or until it is withdrawn. The callback is the caller's, and in no other wait.
    pub unsafe fn wait_later(&self, cb: &Callback) -> Status {
        // SAFETY: contract.
        unsafe { at::later(&self.word, cb, Ask::default(), Reason::Event, || self.is_set()) }
    }

    /// The callback's function was called, and its owner has come to know: what was done before the `set` is seen.
    pub fn had_later(&self) {
        self.order().fetch()
    }

    /// Takes an enlisted callback out: true if its function will not be called. MISUSE from inside gort: nothing has changed.
    pub fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        at::withdraw(&self.word, cb, |queue, _| queue.unlock())
    }

    /// OK if it is set, else WOULD_BLOCK.
    pub fn try_wait(&self) -> Status {
        if self.is_set() { Status::Ok } else { Status::WouldBlock }
    }
}

//! `Barrier`: so many wait for one another; the last one lets all go on.
//!
//! ```text
//!  bits 16..32  era       of the process in which they wait
//!  bits 32..64  arrived   how many wait
//! ```
//! BA1  All zero with a number of parties is one at which nobody waits. `arrived` is the number of those in the queue, and changes under the queue's lock only. It may be used again at once: whoever
//!      comes after the last one waits for the next round.
//! BA2  Whoever gives up has not arrived: the others go on waiting. One that gave up when the last one came, and had not left the queue yet, is counted, and goes on as the others do: so a round
//!      never has fewer than all.

use crate::sched::party::Reason;
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
pub use typed::Barrier;

const ONE: u64 = 1 << 32;

/// The barrier, as C has it. See the file's head.
#[repr(C)]
pub struct RawBarrier {
    word: AtomicU64,
    // ---- set once
    parties: u32,
    /// For later versions; in the library that announces orders, what those did who arrived.
    reserved: AtomicU32,
}

impl RawBarrier {
    /// One for `parties`, at least one.
    #[cfg(not(loom))]
    pub const fn new(parties: u32) -> RawBarrier {
        RawBarrier { word: AtomicU64::new(0), parties, reserved: AtomicU32::new(0) }
    }
    #[cfg(loom)]
    pub fn new(parties: u32) -> RawBarrier {
        RawBarrier { word: AtomicU64::new(0), parties, reserved: AtomicU32::new(0) }
    }

    /// What a checking tool is told.
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// How many must come.
    pub fn parties(&self) -> u32 {
        self.parties
    }

    /// How many wait. Others may come and go meanwhile.
    pub fn arrived(&self) -> u32 {
        (seen(self.word.load(Relaxed)) / ONE) as u32
    }

    /// Waits until all have come; true for the last one, who lets the others go on. TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN: it has not come (BA2). INVALID for a barrier of none.
    pub fn wait(&self, wait: Wait) -> Result<bool, Status> {
        self.arrive(Limits::of(wait), false)
    }

    /// Goes on if it is the last one, else WOULD_BLOCK, and it has not come.
    pub fn try_wait(&self) -> Result<bool, Status> {
        self.arrive(Limits::PLAIN, true)
    }

    fn arrive(&self, limits: Limits, tries: bool) -> Result<bool, Status> {
        if self.parties == 0 {
            return Err(Status::Invalid);
        }
        let cx = at::come(limits)?;
        let queue = Queue::lock(&self.word);
        // A shutdown that gives tasks up takes them out of every queue, and knows no barrier.
        let word = if queue.is_empty() { 0 } else { seen(self.word.load(Relaxed)) & !at::ERA };
        if word / ONE + 1 >= u64::from(self.parties) {
            let mut wakes = WakeList::new();
            self.order().add();
            self.order().fetch();
            queue.win_all(&mut wakes);
            self.word.store(0, Relaxed);
            queue.wake(cx, wakes);
            cx.exit();
            return Ok(true);
        }
        let refused = if tries { Some(Status::WouldBlock) } else { limits.refused(cx) };
        if let Some(s) = refused {
            queue.unlock();
            return Err(cx.out(s));
        }
        self.order().add();
        self.word.store((word + ONE) | era().unwrap_or(0), Relaxed);
        match queue.wait(cx, Ask::default(), Reason::Barrier, limits) {
            Ok(cx) => {
                cx.exit();
                Ok(false)
            }
            Err(e) => {
                if e.was_queued {
                    let word = seen(self.word.load(Relaxed)) - ONE;
                    self.word.store(if word / ONE == 0 { 0 } else { word }, Relaxed);
                }
                e.queue.unlock();
                if e.was_queued || cfg!(feature = "mutant_barrier_forgets_who_was_counted") {
                    return Err(e.cx.out(e.status));
                }
                e.cx.exit();
                Ok(false)
            }
        }
    }
}

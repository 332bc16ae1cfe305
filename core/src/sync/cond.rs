//! `Cond`: waits for a change of what a mutex guards (M4).
//!
//! ```text
//!  bit 1        QUEUED   somebody stands in the queue (wait/at.rs A1)
//!  bits 16..32  era      of the process in which they do
//! ```
//! CV1  All zero has no waiters. `wait` stands in the queue before it unlocks the mutex: so a signal that follows the unlock finds it (no lost wake-up), and the order of the queue is the order in
//!      which the mutex was held.
//! CV2  One that stands in the queue and does not wait yet (it unlocks the mutex just now) is COMING: it is let go on by being taken out, and need not be woken.
//! CV3  A signal goes to who has stood there for longest, once, and to nobody who comes later; one that gave up meanwhile does not swallow it. Nobody is woken without one.
//! CV4  `wait` has the mutex again when it returns, whatever it returns; getting it ignores cancellation (K3). The wait itself does not.
//!
//! Rejected: Go's numbers (a waiter takes one, a signal looks for the waiter with the next one): who gives up would leave a number that swallows a signal.

use super::mutex::RawMutex;
use crate::sched::party::Reason;
use crate::sched::wakelist::WakeList;
use crate::sched::watch::{self, Place};
use crate::sched::{Cx, enter};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::wait::Wait;
use crate::wait::at::{self, Ask, Limits, Queue, era, seen};
use core::ptr::from_ref;

#[cfg(not(loom))]
mod typed;
#[cfg(not(loom))]
pub use typed::Cond;

const QUEUED: u64 = 2;

/// What a waiter is (`Ask::kind`, CV2).
const COMING: u16 = 0;
const WAITING: u16 = 1;

/// The condition, as C has it. All zero is one that nobody waits for. See the file's head.
#[repr(C)]
#[derive(Default)]
pub struct RawCond {
    word: AtomicU64,
    /// For later versions; in the library that announces orders, what those did who signalled.
    reserved: AtomicU64,
}

impl RawCond {
    #[cfg(not(loom))]
    pub const fn new() -> RawCond {
        RawCond { word: AtomicU64::new(0), reserved: AtomicU64::new(0) }
    }

    /// What a checking tool is told.
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// Unlocks the mutex, waits for a signal, and locks it again (CV4). MISUSE if it is not locked, and then nothing happens. CANCELED, DEADLOCK, SHUTDOWN and, with limits, TIMED_OUT: without a
    /// signal, and with the mutex locked.
    #[track_caller]
    pub fn wait(&self, mutex: &RawMutex, wait: Wait) -> Status {
        self.wait_at(mutex, wait, Place::here())
    }

    /// The same, for a face: `place` is where the mutex is asked for.
    pub fn wait_at(&self, mutex: &RawMutex, wait: Wait, place: Place) -> Status {
        let limits = Limits::of(wait);
        let cx = match at::come(limits) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        if let Some(s) = limits.refused(cx) {
            return cx.out(s);
        }
        let cx = if watch::is_on() {
            cx.exit();
            mutex.about_to_unlock();
            match enter() {
                Ok(cx) => cx,
                Err(s) => return s,
            }
        } else {
            cx
        };
        let s = self.sleep(cx, limits, mutex);
        // A plain lock: there is no way in which it may fail here.
        while s.1 && !mutex.lock_at(place).is_ok() {}
        s.0
    }

    /// How the wait ended, and whether the mutex was unlocked for it. All of it is one stay inside the bracket: nothing of the caller's runs between its enlisting and its wait.
    fn sleep(&self, cx: Cx, limits: Limits, mutex: &RawMutex) -> (Status, bool) {
        let queue = Queue::lock(&self.word);
        queue.enlist(cx, Ask { kind: COMING, amount: 0 });
        self.word.store(QUEUED | era().unwrap_or(0), Relaxed);
        queue.unlock();
        let unlocked = mutex.unlock_inside(cx);
        let w = &cx.party().waiter;
        let queue = Queue::lock(&self.word);
        if !unlocked.is_ok() {
            let mut wakes = WakeList::new();
            let signalled = !w.queued.get();
            queue.leave(w);
            if signalled {
                Self::signal(&queue, &mut wakes); // it was for somebody else
            }
            self.settle(&queue);
            queue.wake(cx, wakes);
            return (cx.out(unlocked), false);
        }
        if !w.queued.get() {
            queue.unlock();
            self.order().fetch();
            return (cx.out(Status::Ok), true);
        }
        w.case.set(WAITING);
        match queue.wait_on(cx, Reason::Cond, limits) {
            Ok(cx) => (cx.out(Status::Ok), true),
            Err(e) => {
                if e.was_queued {
                    self.settle(&e.queue); // else whoever took it out has, and the condition may be gone
                }
                e.queue.unlock();
                (e.cx.out(e.status), true)
            }
        }
    }

    /// Lets the one go on who has waited for longest, if there is one. The mutex need not be locked.
    #[inline]
    pub fn signal_one(&self) -> Status {
        if self.nobody() { Status::Ok } else { self.tell(false) }
    }

    /// Lets all go on who wait.
    #[inline]
    pub fn broadcast(&self) -> Status {
        if self.nobody() { Status::Ok } else { self.tell(true) }
    }

    /// Who changed something under the mutex sees whoever waits since before (CV1: its mark precedes its unlock).
    #[inline(always)]
    fn nobody(&self) -> bool {
        seen(self.word.load(Relaxed)) == 0
    }

    #[cold]
    #[inline(never)]
    fn tell(&self, all: bool) -> Status {
        let cx: Cx = match at::come(Limits::PLAIN) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        self.order().add();
        let mut wakes = WakeList::new();
        let queue = Queue::lock(&self.word);
        while Self::signal(&queue, &mut wakes) && all {}
        self.settle(&queue);
        queue.wake(cx, wakes);
        cx.out(Status::Ok)
    }

    /// Lets the first go on that can; false: nobody.
    fn signal(queue: &Queue, wakes: &mut WakeList) -> bool {
        while let Some(w) = queue.first() {
            if queue.ask(w).kind == COMING {
                queue.leave(w); // it finds itself out of the queue (CV2)
                return true;
            }
            if queue.win(w, wakes) || cfg!(feature = "mutant_cond_spends_the_signal") {
                return true;
            }
        }
        false
    }

    /// Somebody left the queue.
    fn settle(&self, queue: &Queue) {
        if queue.is_empty() {
            self.word.store(0, Relaxed);
        }
    }
}

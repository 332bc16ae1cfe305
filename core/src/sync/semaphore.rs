//! `Semaphore`: so many units, of which each takes some; in the order of coming (R6).
//!
//! ```text
//!  bit 1        QUEUED   somebody stands in the queue (wait/at.rs A1)
//!  bits 16..32  era      of the process that uses it: a fork's child finds nothing taken (H2)
//!  bits 32..64  taken    units
//! ```
//! SE1  All zero with a size is one of which nothing is taken. taken <= size, always; a release of more than is taken is MISUSE and changes nothing.
//! SE2  While QUEUED is set the word changes under the queue's lock only. While it is clear, by compare-and-swap from a word without it.
//! SE3  Strictly first come, first served: one that asks for much and has to wait keeps those behind it waiting, though there may be enough for them. So it does not starve.
//! SE4  It is handed over: whoever is woken has its units (A2). Whoever gives up lets those behind it in who fit.
//! SE5  One that asks for more than there ever are is refused with LIMIT at once. (Go waits for the context's end.)

use crate::sched::Cx;
use crate::sched::callback::Callback;
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
pub use typed::{Permit, Semaphore};

const QUEUED: u64 = 2;
const UNIT: u64 = 1 << 32;

fn taken(word: u64) -> u64 {
    word / UNIT
}

/// A word as it is stored: nothing at all if nothing is taken and nobody waits.
fn stored(word: u64) -> u64 {
    let word = word & !at::ERA;
    if word == 0 { 0 } else { word | era().unwrap_or(0) }
}

/// The semaphore, as C has it. See the file's head.
#[repr(C)]
pub struct RawSemaphore {
    word: AtomicU64,
    // ---- set once
    size: u32,
    /// For later versions; in the library that announces orders, what those did who released.
    reserved: AtomicU32,
}

impl RawSemaphore {
    /// One of `size` units, of which none is taken.
    #[cfg(not(loom))]
    pub const fn new(size: u32) -> RawSemaphore {
        RawSemaphore { word: AtomicU64::new(0), size, reserved: AtomicU32::new(0) }
    }
    #[cfg(loom)]
    pub fn new(size: u32) -> RawSemaphore {
        RawSemaphore { word: AtomicU64::new(0), size, reserved: AtomicU32::new(0) }
    }

    /// What a checking tool is told.
    #[inline(always)]
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// How many units there are.
    pub fn size(&self) -> u32 {
        self.size
    }

    /// How many are not taken. Others may take and release meanwhile.
    pub fn free(&self) -> u32 {
        self.size - (taken(seen(self.word.load(Relaxed))) as u32).min(self.size)
    }

    /// Takes `n` units. Blocks until there are as many and everybody who came before has had theirs. TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN: then nothing is taken. LIMIT: there never are so many.
    #[inline]
    pub fn acquire(&self, n: u32, wait: Wait) -> Status {
        if n > self.size {
            return Status::Limit;
        }
        let limits = Limits::of(wait);
        match at::come(limits) {
            Ok(cx) if self.take(n) => cx.out(Status::Ok),
            Ok(cx) => self.acquire_slow(cx, n, limits),
            Err(s) => s,
        }
    }

    /// Takes `n` units if they are there and nobody waits for any, else WOULD_BLOCK.
    #[inline]
    pub fn try_acquire(&self, n: u32) -> Status {
        if n > self.size {
            return Status::Limit;
        }
        match at::come(Limits::PLAIN) {
            Ok(cx) => cx.out(if self.take(n) { Status::Ok } else { Status::WouldBlock }),
            Err(s) => s,
        }
    }

    /// The word with `n` more taken, if that is possible and nobody waits.
    #[inline(always)]
    fn with(&self, word: u64, n: u32) -> Option<u64> {
        (word & QUEUED == 0 && taken(word) + u64::from(n) <= u64::from(self.size)).then(|| word + u64::from(n) * UNIT)
    }

    #[inline(always)]
    fn take(&self, n: u32) -> bool {
        loop {
            let raw = self.word.load(Relaxed);
            let Some(to) = self.with(seen(raw), n) else { return false };
            // Acquire: pairs with the Release of `release`.
            if self.word.compare_exchange(raw, stored(to), Acquire, Relaxed).is_ok() {
                self.order().fetch();
                return true;
            }
        }
    }

    /// Under the queue's lock: takes `n` units if they can be had (true), else marks that somebody is about to queue.
    fn take_or_mark(&self, n: u32) -> bool {
        loop {
            let raw = self.word.load(Relaxed);
            let to = self.with(seen(raw), n);
            // Acquire: as in `take`. From QUEUED on the word is the lock's (SE2).
            if self.word.compare_exchange(raw, stored(to.unwrap_or(seen(raw) | QUEUED)), Acquire, Relaxed).is_ok() {
                return to.is_some();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn acquire_slow(&self, cx: Cx, n: u32, limits: Limits) -> Status {
        let queue = Queue::lock(&self.word);
        if self.take_or_mark(n) {
            queue.unlock();
            self.order().fetch();
            return cx.out(Status::Ok);
        }
        if let Some(s) = limits.refused(cx) {
            self.settle_and_wake(queue, cx, seen(self.word.load(Relaxed)));
            return cx.out(s);
        }
        match queue.wait(cx, Ask { kind: 0, amount: n }, Reason::Semaphore, limits) {
            Ok(cx) => {
                self.order().fetch();
                cx.out(Status::Ok)
            }
            Err(e) => {
                if cfg!(feature = "mutant_semaphore_leaves_without_settling") {
                    e.queue.unlock();
                    return e.cx.out(e.status);
                }
                self.settle_and_wake(e.queue, e.cx, seen(self.word.load(Relaxed)));
                e.cx.out(e.status)
            }
        }
    }

    /// Takes `n` units now (OK; LIMIT: there never are so many), or enlists the callback (WOULD_BLOCK): then its function is called when they are its, unless it is withdrawn.
    ///
    /// # Safety
    /// The semaphore stays in place until that call, or until it is withdrawn. The callback is the caller's, and in no other wait.
    pub unsafe fn acquire_later(&self, n: u32, cb: &Callback) -> Status {
        if n > self.size {
            return Status::Limit;
        }
        // SAFETY: contract.
        let s = unsafe {
            at::later(&self.word, cb, Ask { kind: 0, amount: n }, Reason::Semaphore, || self.take_or_mark(n))
        };
        if s.is_ok() {
            self.had_later()
        }
        s
    }

    /// The callback's function was called, and its owner has come to know: the units are the caller's.
    pub fn had_later(&self) {
        self.order().fetch()
    }

    /// Takes an enlisted callback out: true if its function will not be called. False: the units are its owner's, who uses or releases them. MISUSE from inside gort: nothing has changed.
    pub fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        at::withdraw(&self.word, cb, |queue, cx| self.settle_and_wake(queue, cx, seen(self.word.load(Relaxed))))
    }

    /// Gives `n` units back. MISUSE if fewer are taken; anybody may.
    #[inline]
    pub fn release(&self, n: u32) -> Status {
        let cx = match at::come(Limits::PLAIN) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        self.order().add();
        loop {
            let raw = self.word.load(Relaxed);
            let word = seen(raw);
            if taken(word) < u64::from(n) {
                return cx.out(Status::Misuse);
            }
            if word & QUEUED != 0 {
                return self.release_slow(cx, n);
            }
            // Release: pairs with the Acquire of `take`.
            if self.word.compare_exchange(raw, stored(word - u64::from(n) * UNIT), Release, Relaxed).is_ok() {
                return cx.out(Status::Ok);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn release_slow(&self, cx: Cx, n: u32) -> Status {
        let queue = Queue::lock(&self.word);
        loop {
            let raw = self.word.load(Relaxed);
            let word = seen(raw);
            if taken(word) < u64::from(n) {
                queue.unlock();
                return cx.out(Status::Misuse);
            }
            let less = word - u64::from(n) * UNIT;
            if word & QUEUED != 0 {
                self.settle_and_wake(queue, cx, less);
                return cx.out(Status::Ok);
            }
            // Release: as in `release`. The last access: whoever takes them now may free it.
            if self.word.compare_exchange(raw, stored(less), Release, Relaxed).is_ok() {
                queue.unlock();
                return cx.out(Status::Ok);
            }
        }
    }

    /// What the word becomes, and who gets in by that, in order (SE3). One swap, the last access to it (A4): before that nobody gets in who could free it. Then the unlock, then the wake-ups.
    fn settle_and_wake(&self, queue: Queue, cx: Cx, mut word: u64) {
        let mut wakes = WakeList::new();
        if word & QUEUED != 0 {
            while let Some(w) = queue.first() {
                let n = queue.ask(w).amount;
                let Some(to) = self.with(word & !QUEUED, n) else { break };
                if queue.win(w, &mut wakes) {
                    word = to | QUEUED;
                }
            }
            if queue.is_empty() {
                word &= !QUEUED;
            }
            // Release: pairs with the Acquire of `take`. A swap, since others try to change the word meanwhile, in vain: a store among compare-and-swaps is more than loom can follow.
            self.word.swap(stored(word), AcqRel);
        }
        queue.wake(cx, wakes)
    }
}

#[cfg(loom)]
impl RawSemaphore {
    /// Its memory is about to be used for something else: loom reports whoever still uses it.
    pub fn wreck(&self) {
        // SAFETY: the model says that nobody else uses it, which is what loom looks at.
        unsafe { (*from_ref(&self.word).cast_mut()).with_mut(|_| ()) }
    }
}

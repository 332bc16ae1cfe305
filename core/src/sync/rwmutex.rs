//! `RwMutex`: many readers or one writer (M2). One read-modify-write to lock and one to unlock when nobody is in the way.
//!
//! ```text
//!  bit 0        WRITER   a writer has it
//!  bit 1        QUEUED   somebody stands in the queue (wait/at.rs A1)
//!  bits 16..32  era      of the process that uses it (sched/lot.rs): a fork's child finds it free (H2)
//!  bits 32..64  readers  that have it
//! ```
//! RW1  All zero is unlocked, and a lock that nobody has or waits for is all zero. There is no owner. Unlock of what is not locked in that way is MISUSE and changes nothing.
//! RW2  While QUEUED is set the word changes under the queue's lock only. While it is clear, by compare-and-swap from a word without it.
//! RW3  Whoever finds QUEUED stands behind: so a writer that waits keeps new readers out, and readers that come for ever do not keep it out.
//! RW4  A writer's unlock lets in all readers that wait by then, also those behind another writer: so writers that come for ever do not keep readers out. A reader's last unlock lets in the first
//!      that waits, a writer.
//! RW5  It is handed over: whoever is woken has it (A2).
//! RW6  The plain forms fail by MISUSE only: they ignore cancellation and shutdown (K3). The forms within limits do not.
//!
//! Rejected: newcomers that come first, as at the mutex (a writer that locks again at once then starves readers for a millisecond, and readers are many); a counter for each processor (readers
//! scale, writers look at all of them, and it is no longer a plain struct of the program's).

use crate::sched::Cx;
use crate::sched::callback::Callback;
use crate::sched::party::{FIXED, Reason, Waiter};
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
pub use typed::{ReadGuard, RwMutex, WriteGuard};

const WRITER: u64 = 1;
const QUEUED: u64 = 2;
const READER: u64 = 1 << 32;
/// As many as may read at once.
const READERS: u64 = u32::MAX as u64;

/// What a waiter is (`Ask::kind`).
const READS: u16 = 0;
const WRITES: u16 = 1;

fn reason(kind: u16) -> Reason {
    if kind == READS { Reason::ReadLock } else { Reason::WriteLock }
}

fn readers(word: u64) -> u64 {
    word / READER
}

/// A word as it is stored: nothing at all if nobody has it or waits.
fn stored(word: u64) -> u64 {
    let word = word & !at::ERA;
    if word == 0 { 0 } else { word | era().unwrap_or(0) }
}

/// The lock alone, as C has it. All zero is unlocked. See the file's head.
#[repr(C)]
#[derive(Default)]
pub struct RawRwMutex {
    word: AtomicU64,
    /// For later versions; in the library that announces orders, what writers and readers did.
    reserved: AtomicU64,
}

impl RawRwMutex {
    #[cfg(not(loom))]
    pub const fn new() -> RawRwMutex {
        RawRwMutex { word: AtomicU64::new(0), reserved: AtomicU64::new(0) }
    }

    /// What a checking tool is told that writers did.
    #[inline(always)]
    fn written(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; nothing else uses the first byte of the word.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    /// What readers did: seen by writers alone, for readers are not ordered among themselves.
    #[inline(always)]
    fn read(&self) -> &Spot {
        // SAFETY: as above; the second byte.
        unsafe { &*from_ref(&self.reserved).cast::<u8>().add(1).cast() }
    }

    // ---- readers

    /// Locks for reading, beside other readers. Blocks while a writer has it or waits for it, whatever happens to the task meanwhile (RW6). MISUSE inside a signal handler.
    #[inline(always)]
    pub fn rlock(&self) -> Status {
        self.rlock_as(Limits::PLAIN)
    }

    /// As `rlock`, but the caller's host may end the wait (CANCELED: a signal's handler has raised something), and so may the judge (DEADLOCK).
    pub fn rlock_hosted(&self) -> Status {
        self.rlock_as(Limits::HOSTED)
    }

    /// Locks for reading within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    #[inline]
    pub fn rlock_within(&self, wait: Wait) -> Status {
        self.rlock_as(Limits::of(wait))
    }

    /// Locks for reading if that is possible now, else WOULD_BLOCK: a writer has it or waits for it.
    #[inline]
    pub fn try_rlock(&self) -> Status {
        if self.fast_rlock() == Some(true) { Status::Ok } else { self.try_slow(READS) }
    }

    /// Unlocks what was locked for reading. MISUSE if no reader has it; anybody may.
    #[inline(always)]
    pub fn runlock(&self) -> Status {
        self.read().add();
        let word = self.word.load(Relaxed);
        if word & QUEUED == 0
            && readers(seen(word)) != 0
            // Release: pairs with the Acquire of the writer that locks it next.
            && self.word.compare_exchange(word, stored(word - READER), Release, Relaxed).is_ok()
        {
            return Status::Ok;
        }
        self.runlock_slow()
    }

    #[inline(always)]
    fn rlock_as(&self, limits: Limits) -> Status {
        if self.fast_rlock() == Some(true) { Status::Ok } else { self.lock_slow(READS, limits) }
    }

    /// True: it has it. None: another was quicker.
    #[inline(always)]
    fn fast_rlock(&self) -> Option<bool> {
        let Some(era) = era() else { return Some(false) };
        let word = self.word.load(Relaxed);
        if word & (WRITER | QUEUED) != 0 || word != 0 && word & at::ERA != era {
            return Some(false);
        }
        // Acquire: pairs with the Release of the writer's unlock.
        if readers(word) < READERS && self.word.compare_exchange(word, (word | era) + READER, Acquire, Relaxed).is_ok()
        {
            self.written().fetch();
            return Some(true);
        }
        None
    }

    // ---- writers

    /// Locks for writing, alone. Blocks while anybody has it, whatever happens to the task meanwhile (RW6). MISUSE inside a signal handler.
    #[inline(always)]
    pub fn lock(&self) -> Status {
        self.lock_as(Limits::PLAIN)
    }

    /// As `lock`; the rest as at `rlock_hosted`.
    pub fn lock_hosted(&self) -> Status {
        self.lock_as(Limits::HOSTED)
    }

    /// Locks for writing within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    #[inline]
    pub fn lock_within(&self, wait: Wait) -> Status {
        self.lock_as(Limits::of(wait))
    }

    /// Locks for writing if nobody has it, else WOULD_BLOCK.
    #[inline]
    pub fn try_lock(&self) -> Status {
        if self.fast_lock() { Status::Ok } else { self.try_slow(WRITES) }
    }

    /// Unlocks what was locked for writing. MISUSE if no writer has it; anybody may.
    #[inline(always)]
    pub fn unlock(&self) -> Status {
        self.written().add();
        let locked = WRITER | era().unwrap_or(0);
        // Release: pairs with the Acquire of whoever locks it next.
        if self.word.compare_exchange(locked, 0, Release, Relaxed).is_ok() { Status::Ok } else { self.unlock_slow() }
    }

    #[inline(always)]
    fn lock_as(&self, limits: Limits) -> Status {
        if self.fast_lock() { Status::Ok } else { self.lock_slow(WRITES, limits) }
    }

    #[inline(always)]
    fn fast_lock(&self) -> bool {
        let Some(era) = era() else { return false };
        // Acquire: pairs with the Release of `unlock` and `runlock`.
        let got = self.word.compare_exchange(0, WRITER | era, Acquire, Relaxed).is_ok();
        if got {
            self.had(WRITES);
        }
        got
    }

    /// Who has it now has seen what it must.
    #[inline(always)]
    fn had(&self, kind: u16) {
        self.written().fetch();
        if kind == WRITES {
            self.read().fetch();
        }
    }

    // ---- callbacks

    /// Locks for reading now (OK), or enlists the callback (WOULD_BLOCK): then its function is called when it has the lock, unless it is withdrawn.
    ///
    /// # Safety
    /// The lock stays in place until that call, or until it is withdrawn. The callback is the caller's, and in no other wait.
    pub unsafe fn rlock_later(&self, cb: &Callback) -> Status {
        // SAFETY: contract.
        unsafe { self.later(READS, cb) }
    }

    /// The same for writing.
    ///
    /// # Safety
    /// As `rlock_later`.
    pub unsafe fn lock_later(&self, cb: &Callback) -> Status {
        // SAFETY: contract.
        unsafe { self.later(WRITES, cb) }
    }

    unsafe fn later(&self, kind: u16, cb: &Callback) -> Status {
        // SAFETY: contract of the callers.
        let s = unsafe { at::later(&self.word, cb, Ask { kind, amount: 0 }, reason(kind), || self.take_or_mark(kind)) };
        if s.is_ok() {
            self.had(kind)
        }
        s
    }

    /// The callback's function was called, and its owner has come to know: the lock is the caller's, for writing or not.
    pub fn had_later(&self, writes: bool) {
        self.had(if writes { WRITES } else { READS })
    }

    /// Takes an enlisted callback out: true if its function will not be called. False: the lock is its owner's, who uses or unlocks it. MISUSE from inside gort: nothing has changed.
    pub fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        at::withdraw(&self.word, cb, |queue, cx| self.settle_and_wake(queue, cx, seen(self.word.load(Relaxed)), false))
    }

    /// How many readers have it, and whether a writer has. Another may lock or unlock it meanwhile.
    pub fn holders(&self) -> (u32, bool) {
        let word = seen(self.word.load(Relaxed));
        (readers(word) as u32, word & WRITER != 0)
    }

    // ---- the slow ways

    /// What the word becomes if one of that kind gets in now.
    fn taken(word: u64, kind: u16) -> Option<u64> {
        match kind {
            READS => (word & (WRITER | QUEUED) == 0 && readers(word) < READERS).then(|| word + READER),
            _ => (word & !at::ERA == 0).then_some(WRITER),
        }
    }

    /// Gets in if nobody is in the way.
    fn take(&self, kind: u16) -> bool {
        loop {
            let raw = self.word.load(Relaxed);
            let Some(to) = Self::taken(seen(raw), kind) else { return false };
            // Acquire: as in the fast ways.
            if self.word.compare_exchange(raw, stored(to), Acquire, Relaxed).is_ok() {
                self.had(kind);
                return true;
            }
        }
    }

    /// Under the queue's lock: gets in if nobody is in the way (true), else marks that somebody is about to queue.
    fn take_or_mark(&self, kind: u16) -> bool {
        loop {
            let raw = self.word.load(Relaxed);
            let to = Self::taken(seen(raw), kind);
            // Acquire: as in the fast ways. From QUEUED on the word is the lock's (RW2).
            if self.word.compare_exchange(raw, stored(to.unwrap_or(seen(raw) | QUEUED)), Acquire, Relaxed).is_ok() {
                return to.is_some();
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn try_slow(&self, kind: u16) -> Status {
        match at::come(Limits::PLAIN) {
            Ok(cx) => cx.out(if self.take(kind) { Status::Ok } else { Status::WouldBlock }),
            Err(s) => s,
        }
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, kind: u16, limits: Limits) -> Status {
        loop {
            let s = self.lock_long(kind, limits);
            // A plain lock's wait that ends so ends in a fork's child, whose queues are gone: there it may be free.
            if s != Status::Shutdown || limits.fixed != FIXED {
                return s;
            }
        }
    }

    fn lock_long(&self, kind: u16, limits: Limits) -> Status {
        let cx = match at::come(limits) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let look = || {
            let queued = self.word.load(Relaxed) & QUEUED != 0;
            self.take(kind).then_some(true).or(queued.then_some(false))
        };
        if self.take(kind) || at::spin(cx, look) {
            return cx.out(Status::Ok);
        }
        if at::must_not_park(cx, limits) {
            return at::poll(cx, || self.take(kind));
        }
        let queue = Queue::lock(&self.word);
        if self.take_or_mark(kind) {
            queue.unlock();
            self.had(kind);
            return cx.out(Status::Ok);
        }
        if let Some(s) = limits.refused(cx) {
            self.settle_and_wake(queue, cx, seen(self.word.load(Relaxed)), false);
            return cx.out(s);
        }
        match queue.wait(cx, Ask { kind, amount: 0 }, reason(kind), limits) {
            Ok(cx) => {
                self.had(kind);
                cx.out(Status::Ok)
            }
            Err(e) => {
                if cfg!(feature = "mutant_rwmutex_leaves_without_settling") {
                    e.queue.unlock();
                    return e.cx.out(e.status);
                }
                self.settle_and_wake(e.queue, e.cx, seen(self.word.load(Relaxed)), false);
                e.cx.out(e.status)
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn runlock_slow(&self) -> Status {
        let cx = match at::come(Limits::PLAIN) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let queue = Queue::lock(&self.word);
        loop {
            let raw = self.word.load(Relaxed);
            let word = seen(raw);
            if readers(word) == 0 {
                queue.unlock();
                return cx.out(Status::Misuse);
            }
            if word & QUEUED != 0 {
                self.settle_and_wake(queue, cx, word - READER, false);
                return cx.out(Status::Ok);
            }
            // Release: as in `runlock`. The last access: whoever locks it now may free it.
            if self.word.compare_exchange(raw, stored(word - READER), Release, Relaxed).is_ok() {
                queue.unlock();
                return cx.out(Status::Ok);
            }
        }
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) -> Status {
        let cx = match at::come(Limits::PLAIN) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let queue = Queue::lock(&self.word);
        let word = seen(self.word.load(Relaxed));
        if word & WRITER == 0 {
            queue.unlock();
            return cx.out(Status::Misuse);
        }
        // Nobody else writes: a writer has it, and QUEUED is ours (RW2).
        if word & QUEUED != 0 {
            self.settle_and_wake(queue, cx, word & !WRITER, true);
        } else {
            // Release: as in `unlock`. The last access: whoever locks it now may free it.
            self.word.store(stored(word & !WRITER), Release);
            queue.unlock();
        }
        cx.out(Status::Ok)
    }

    /// Lets a waiter in, if nobody is in the way; one that has given up is taken out instead. False: it goes on waiting.
    fn grant(queue: &Queue, w: &Waiter, word: &mut u64, wakes: &mut WakeList) -> bool {
        // QUEUED is no hindrance to those who stand in the queue.
        let Some(to) = Self::taken(*word & !(QUEUED | at::ERA), queue.ask(w).kind) else { return false };
        if queue.win(w, wakes) {
            *word = to | QUEUED;
        }
        true
    }

    /// What the word becomes, and who gets in by that; `over_writers`: readers also past a writer (RW4). One swap, the last access to it (A4): before that nobody gets in who could free it.
    /// Then the unlock, then the wake-ups.
    fn settle_and_wake(&self, queue: Queue, cx: Cx, mut word: u64, over_writers: bool) {
        let mut wakes = WakeList::new();
        if word & QUEUED != 0 {
            let mut next = queue.first().filter(|_| over_writers);
            while let Some(w) = next {
                next = queue.after(w);
                if queue.ask(w).kind == READS {
                    Self::grant(&queue, w, &mut word, &mut wakes);
                }
            }
            while let Some(w) = queue.first() {
                if !Self::grant(&queue, w, &mut word, &mut wakes) {
                    break;
                }
            }
            if queue.is_empty() {
                word &= !QUEUED;
            }
            // Release: pairs with the Acquire of whoever locks it next. A swap, since others try to change the word meanwhile, in vain: a store among compare-and-swaps is more than loom can follow.
            self.word.swap(stored(word), AcqRel);
        }
        queue.wake(cx, wakes)
    }
}

#[cfg(loom)]
impl RawRwMutex {
    /// Its memory is about to be used for something else: loom reports whoever still uses it.
    pub fn wreck(&self) {
        // SAFETY: the model says that nobody else uses it, which is what loom looks at.
        unsafe { (*from_ref(&self.word).cast_mut()).with_mut(|_| ()) }
    }
}

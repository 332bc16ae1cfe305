//! `Mutex`: one holder at a time, for tasks and threads alike (M1). One read-modify-write to lock and one to unlock when nobody else is there.
//!
//! ```text
//!  bit 0        LOCKED
//!  bit 1        QUEUED    somebody stands in the bucket (lot.rs O1)
//!  bit 2        STARVING  whoever unlocks gives the lock to the one who has waited longest
//!  bits 16..32  era       of the process that locked it (lot.rs): a fork's child finds it free (H2)
//! ```
//! MX1  All zero is unlocked. There is no owner: anybody may unlock. Unlock of an unlocked one is MISUSE and changes nothing.
//! MX2  QUEUED and STARVING change under the bucket's lock only; LOCKED is set by compare-and-swap from a word without it.
//! MX3  Who is woken tries again, and newcomers may come first, since they are running; who was woken in vain stands in front. One that has waited for a millisecond makes it STARVING: then the lock
//!      is handed over, in order, and newcomers queue, until whoever gets it has waited for less or is the last (Go's mutex).
//! MX4  A plain lock fails by MISUSE only: it ignores cancellation and shutdown (K3). The forms within limits do not.
//! MX5  The last access of an unlock to the word precedes the wake-up (D8); the bucket is nobody's to free.
//! MX6  A callback that waits is handed the lock (`later.rs`): it cannot try again by itself.
//!
//! Rejected: hand-over always (a pair of tasks on one processor then switches for each lock); a futex on the word (blocks the thread, and with it every task on it).

use crate::sched::lot::{self, Bucket, bucket, era};
use crate::sched::party::{FIXED, Reason, Who};
use crate::sched::watch::{self, Place};
use crate::sched::{Cx, Time, enter, ready, ticket};
use crate::status::Status;
use crate::sys::clock;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::wait::at::{self, Limits};
use crate::wait::block::{Wait, status_of};
use core::ptr::from_ref;

mod later;
#[cfg(not(loom))]
mod typed;
#[cfg(not(loom))]
pub use typed::{Mutex, MutexGuard};

const LOCKED: u32 = 1;
const QUEUED: u32 = 2;
const STARVING: u32 = 4;
const EPOCH_SHIFT: u32 = 16;

/// One that has waited so long makes the mutex STARVING, ns.
const STARVES: i64 = 1_000_000;
/// The lock alone, as C has it. All zero is unlocked. See the file's head.
#[repr(C)]
#[derive(Default)]
pub struct RawMutex {
    word: AtomicU32,
    /// Its number while locks are watched (`sched/watch.rs`); in the library that announces orders, the address of what a holder did (`order`).
    reserved: AtomicU32,
}

/// The word of a mutex that is locked, with nobody in its queue; on the slow way, where there is an era. (`lot::word` is the fast one's.)
fn locked() -> u32 {
    LOCKED | u32::from(era()) << EPOCH_SHIFT
}

/// Is it locked in a process that is not this one?
fn is_stale(word: u32) -> bool {
    word != 0 && word >> EPOCH_SHIFT != u32::from(era())
}

impl RawMutex {
    #[cfg(not(loom))]
    pub const fn new() -> RawMutex {
        RawMutex { word: AtomicU32::new(0), reserved: AtomicU32::new(0) }
    }

    /// What a checking tool is told.
    #[inline(always)]
    fn order(&self) -> &Spot {
        // SAFETY: a spot is one byte at the most, any value of which it takes; of this one only the address is used.
        unsafe { &*from_ref(&self.reserved).cast() }
    }

    fn at(&self) -> *const () {
        from_ref(self).cast()
    }

    fn watched(&self) -> watch::Lock<'_> {
        watch::Lock { kind: "mutex", at: self.at(), number: &self.reserved, locked: self.is_locked() }
    }

    /// Locks. Blocks while somebody else has it, whatever happens to the task meanwhile (MX4). MISUSE inside a signal handler.
    #[track_caller]
    #[inline(always)]
    pub fn lock(&self) -> Status {
        self.lock_at(Place::here())
    }

    /// The same, for a face: `place` is where it is asked for.
    #[inline(always)]
    pub fn lock_at(&self, place: Place) -> Status {
        if self.fast() { Status::Ok } else { self.lock_slow(Limits::PLAIN, place) }
    }

    /// As `lock_at`, but the caller's host may end the wait (CANCELED: a signal's handler has raised something), and so may the judge (DEADLOCK).
    pub fn lock_hosted(&self, place: Place) -> Status {
        if self.fast() { Status::Ok } else { self.lock_slow(Limits::HOSTED, place) }
    }

    /// Locks within limits: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    #[track_caller]
    #[inline]
    pub fn lock_within(&self, wait: Wait) -> Status {
        self.lock_within_at(wait, Place::here())
    }

    /// As `lock_at`.
    #[inline]
    pub fn lock_within_at(&self, wait: Wait, place: Place) -> Status {
        if self.fast() { Status::Ok } else { self.lock_slow(Limits::of(wait), place) }
    }

    /// Locks if it is free, else WOULD_BLOCK. May say so too when it is about to be handed over (MX3).
    #[track_caller]
    #[inline]
    pub fn try_lock(&self) -> Status {
        self.try_lock_at(Place::here())
    }

    /// As `lock_at`.
    #[inline]
    pub fn try_lock_at(&self, place: Place) -> Status {
        if self.fast() { Status::Ok } else { self.try_slow(place) }
    }

    /// The first half of a lock, for a face that has something to do before it waits: locks it if it is free, else WOULD_BLOCK.
    #[inline]
    pub fn lock_first(&self, place: Place) -> Status {
        if watch::is_on() {
            watch::wants(self.watched(), place)
        }
        self.try_lock_at(place)
    }

    #[cold]
    #[inline(never)]
    fn try_slow(&self, place: Place) -> Status {
        if lot::word() == lot::SLOW {
            match enter() {
                Ok(cx) => {
                    lot::begin();
                    cx.exit()
                }
                Err(s) => return s,
            }
            if watch::is_on() {
                watch::meets(self.watched())
            }
        }
        self.had(if self.take() { Status::Ok } else { Status::WouldBlock }, place)
    }

    /// Locks it if it is free and not about to be handed over.
    fn take(&self) -> bool {
        let word = self.word.load(Relaxed);
        let free = is_stale(word) || word & (LOCKED | STARVING) == 0;
        let to = if is_stale(word) { locked() } else { word | locked() };
        // Acquire: pairs with the Release of `unlock`.
        free && self.word.compare_exchange(word, to, Acquire, Relaxed).is_ok()
    }

    /// Acquire: pairs with the Release of `unlock`.
    #[inline(always)]
    fn fast(&self) -> bool {
        let to = lot::word();
        let free = to != lot::SLOW && self.word.compare_exchange(0, to, Acquire, Relaxed).is_ok();
        if free {
            self.order().fetch()
        }
        free
    }

    /// The slow way has ended with `s`.
    fn had(&self, s: Status, place: Place) -> Status {
        if s.is_ok() {
            self.order().fetch();
            if watch::is_on() {
                watch::has(self.watched(), place)
            }
        }
        s
    }

    /// Is it locked? Another may lock or unlock it meanwhile.
    pub fn is_locked(&self) -> bool {
        let word = self.word.load(Relaxed);
        word & LOCKED != 0 && !is_stale(word)
    }

    /// Unlocks. MISUSE if it is not locked; anybody may.
    #[inline(always)]
    pub fn unlock(&self) -> Status {
        self.order().add();
        // Release: pairs with the Acquire of whoever locks it next. SLOW is no word of a mutex.
        if self.word.compare_exchange(lot::word(), 0, Release, Relaxed).is_ok() {
            Status::Ok
        } else {
            self.unlock_slow()
        }
    }

    /// A few looks before it queues.
    fn spin(&self, cx: Cx) -> bool {
        at::spin(cx, || match self.word.load(Relaxed) {
            0 if self.fast() => Some(true),
            word => (word & (QUEUED | STARVING) != 0).then_some(false),
        })
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self, limits: Limits, place: Place) -> Status {
        self.had(self.lock_long(limits, place), place)
    }

    fn lock_long(&self, limits: Limits, place: Place) -> Status {
        let mut cx = match at::come(limits) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        if watch::is_on() {
            cx.exit();
            watch::wants(self.watched(), place);
            cx = match enter() {
                Ok(cx) => cx,
                Err(s) => return s,
            }
        }
        if self.spin(cx) {
            return cx.out(Status::Ok);
        }
        if at::must_not_park(cx, limits) {
            return at::poll(cx, || self.take());
        }
        let b = bucket(self.at());
        let mut since: Option<Time> = None;
        loop {
            b.lock.lock();
            if self.take_or_mark(since) {
                // SAFETY: locked above.
                unsafe { b.lock.unlock() };
                return cx.out(Status::Ok);
            }
            if let Some(s) = limits.refused(cx) {
                // SAFETY: locked above.
                unsafe {
                    self.unmark(b);
                    b.lock.unlock();
                }
                return cx.out(s);
            }
            let party = cx.party();
            let w = party.prepare_waiter(core::ptr::null_mut());
            // SAFETY: the lock is held; the waiter is the party's own, in no queue, and stays until it is taken out.
            let (now, state) = unsafe {
                b.push(w, self.at(), since.is_some());
                since.get_or_insert_with(clock::now);
                at::block_fixed(cx, b, Reason::Mutex, limits)
            };
            cx = now;
            if state != ticket::WON {
                // SAFETY: the waiter was pushed here.
                unsafe {
                    b.lock.lock();
                    b.remove(w);
                    self.unmark(b);
                    b.lock.unlock();
                }
                if limits.fixed == FIXED {
                    continue; // a fork's child, whose queues are gone: there it may be free
                }
                return cx.out(status_of(state, limits.wait));
            }
            if w.status.get().is_ok() {
                self.content(b, since);
                return cx.out(Status::Ok);
            }
        }
    }

    /// Under the bucket's lock: locks it if it is free (true), else marks that somebody is about to queue, and that it starves if that is so.
    fn take_or_mark(&self, since: Option<Time>) -> bool {
        loop {
            let word = self.word.load(Relaxed);
            let stale = is_stale(word);
            let free = stale || word & LOCKED == 0;
            let to = if stale {
                locked()
            } else if free {
                word | locked()
            } else {
                let starves = since.is_some_and(|t| clock::now() - t >= STARVES);
                word | QUEUED | if starves { STARVING } else { 0 }
            };
            // Acquire: pairs with the Release of `unlock`.
            if self.word.compare_exchange(word, to, Acquire, Relaxed).is_ok() {
                return free;
            }
        }
    }

    /// Under the bucket's lock: nobody queues after all, or somebody left.
    unsafe fn unmark(&self, b: &Bucket) {
        // SAFETY: the lock is held.
        if unsafe { b.holds(self.at()) } {
            return;
        }
        loop {
            let word = self.word.load(Relaxed);
            // What is left of a free one would be its era, which would look like nobody's lock.
            let to = if word & LOCKED == 0 { 0 } else { word & !(QUEUED | STARVING) };
            // AcqRel: who locks it next reads this, and comes after whoever unlocked it before.
            if word == to || self.word.compare_exchange(word, to, AcqRel, Relaxed).is_ok() {
                return;
            }
        }
    }

    /// It was handed over to the caller: is it starving still (MX3)?
    #[cold]
    fn content(&self, b: &Bucket, since: Option<Time>) {
        let waited = since.map_or(0, |t| clock::now() - t);
        b.lock.with(|| {
            // SAFETY: the lock is held.
            if waited < STARVES || !unsafe { b.holds(self.at()) } {
                self.word.fetch_and(!STARVING, Relaxed);
            }
        })
    }

    #[cold]
    #[inline(never)]
    fn unlock_slow(&self) -> Status {
        self.about_to_unlock();
        match enter() {
            Ok(cx) => cx.out(self.unlock_long(cx)),
            Err(s) => s,
        }
    }

    /// `unlock` for a caller that is inside already, and stays: a condition's, whose waiter stands in a queue. What is watched is its affair.
    pub(in crate::sync) fn unlock_inside(&self, cx: Cx) -> Status {
        self.order().add();
        // Release: as in `unlock`.
        let done = self.word.compare_exchange(lot::word(), 0, Release, Relaxed).is_ok();
        if done { Status::Ok } else { self.unlock_long(cx) }
    }

    /// Is it watched, and if so, what is said before it is unlocked? Outside the bracket.
    pub(in crate::sync) fn about_to_unlock(&self) {
        if watch::is_on() && self.is_locked() {
            watch::gives(self.watched())
        }
    }

    fn unlock_long(&self, cx: Cx) -> Status {
        let b = bucket(self.at());
        b.lock.lock();
        let word = self.word.load(Relaxed);
        if is_stale(word) || word & LOCKED == 0 {
            // SAFETY: locked above.
            unsafe { b.lock.unlock() };
            return Status::Misuse;
        }
        // SAFETY: the lock is held; what was won is ours until it is made ready.
        unsafe {
            let w = b.pop(self.at());
            if w.is_null() {
                self.word.store(0, Release);
                b.lock.unlock();
                return Status::Ok;
            }
            let more = if !cfg!(feature = "mutant_mutex_forgets_the_queue") && b.holds(self.at()) { QUEUED } else { 0 };
            let epoch = word & !(LOCKED | QUEUED | STARVING);
            let party = (*w).party.get();
            let starving = word & STARVING;
            let handed = starving != 0 || (*party).who() == Who::Callback; // MX6
            (*w).status.set(if handed { Status::Ok } else { Status::WouldBlock });
            // Release: as in `unlock`. Nobody else writes: it is locked, and its bits are ours (MX2).
            self.word.store(
                match (handed, more) {
                    (true, _) if cfg!(feature = "mutant_mutex_loses_the_handover") => epoch | more,
                    (true, _) => epoch | LOCKED | starving | more,
                    (false, 0) => 0,
                    (false, _) => epoch | more,
                },
                Release,
            );
            b.lock.unlock();
            ready(cx, party);
        }
        Status::Ok
    }
}

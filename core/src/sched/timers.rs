//! The timer wheel of one processor (D13): insert, cancel, expire, and "when is the next one?".
//!
//! It is NOT a policy: it knows no channel, task or clock. A timer is `{target, seq, when, fire}`; the caller gets the
//! due ones as plain values and fires them with nothing borrowed. A fire that comes too late fails by `seq` at the
//! target. Here is what others may ask and read meanwhile; how the nodes lie, and the due ones are found: `timers/levels.rs`
//! (I1-I6). Nodes, handles, and why any thread may cancel at any time: `timers/pool.rs` (P1-P5). A slot's list:
//! `timers/slot.rs`.

mod expired;
mod levels;
mod pool;
mod slot;
#[cfg(test)]
mod tests;

pub use expired::{BATCH, Due, Expired};
pub use pool::{Fire, Handle};

use crate::sys::clock::NEVER;
use crate::sys::prim::{AtomicI64, AtomicPtr, AtomicUsize, Ordering::*, UnsafeCell};
use core::mem::replace;
use core::ptr::null_mut;
use levels::Levels;
use pool::{mark_dead, unsettled};

/// See the file's head. All methods are the owner's, but for `cancel_remote`, `belongs`, `earliest_shared` and `len`:
/// other threads may be in those meanwhile, hence `&self`. Not `Sync`: who shares a wheel promises that it has one owner
/// at a time, each handed over to the next by Release and Acquire. A wheel may be moved. Dropping it leaks its memory
/// (`release` frees it).
#[repr(C)]
pub struct Wheel {
    // owner only
    levels: UnsafeCell<Levels>,
    // written by the owner, read by anyone
    earliest: AtomicI64,
    armed: AtomicUsize,
    settled: AtomicUsize,
    marks: AtomicPtr<AtomicUsize>,
    // set once
    id: u32,
}

// SAFETY: the pointers lead to the pool, which belongs to the wheel and goes where it goes.
unsafe impl Send for Wheel {}

impl Wheel {
    /// An empty wheel, without memory yet. `id`: below 2^20, of no other living wheel.
    #[cfg(not(loom))]
    pub const fn new(id: u32) -> Wheel {
        Wheel {
            levels: UnsafeCell::new(Levels::new(id)),
            earliest: AtomicI64::new(NEVER),
            armed: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            marks: AtomicPtr::new(null_mut()),
            id,
        }
    }

    /// The same under loom, whose atomics are not made at compile time.
    #[cfg(loom)]
    pub fn new(id: u32) -> Wheel {
        Wheel {
            levels: UnsafeCell::new(Levels::new(id)),
            earliest: AtomicI64::new(NEVER),
            armed: AtomicUsize::new(0),
            settled: AtomicUsize::new(0),
            marks: AtomicPtr::new(null_mut()),
            id,
        }
    }

    /// Runs `f` on the owner's part, then shows others what changed.
    #[inline]
    fn own<R>(&self, f: impl FnOnce(&mut Levels) -> R) -> R {
        // SAFETY: only the owner's methods come here, one thread at a time, and none of them calls foreign code:
        // unique.
        let levels = unsafe { &mut *self.levels.get() };
        let before = levels.earliest;
        let result = f(levels);
        if levels.earliest != before {
            self.earliest.store(levels.earliest, Release); // pairs with `earliest_shared`
        }
        self.armed.store(levels.armed, Relaxed);
        result
    }

    /// The same for the methods that reclaim dead nodes.
    fn own_and_settle<R>(&self, f: impl FnOnce(&mut Levels) -> R) -> R {
        self.own(|levels| {
            let result = f(levels);
            self.settled.store(levels.pool.settled, Relaxed);
            result
        })
    }

    /// Adds a timer; None = no memory. `now` need not be fresh. A `when` that has passed is due at once; one of NEVER
    /// takes a node and never fires (better not to ask).
    /// # Safety
    /// Until `release`, `Expired::fire` may call `fire(target, seq, when)`, cancelled or not: `target` is type-stable,
    /// and `fire` checks `seq`.
    #[inline]
    pub unsafe fn insert(&self, when: i64, now: i64, target: *mut (), seq: u64, fire: Fire) -> Option<Handle> {
        self.own(|levels| {
            let handle = levels.pool.take()?;
            if replace(&mut levels.pool.grown, false) {
                self.marks.store(levels.pool.marks.cast_mut(), Release); // pairs with `len`
            }
            levels.insert(handle, when, now, target, seq, fire);
            Some(handle)
        })
    }

    /// Removes a timer at once; false if it is not pending any more.
    /// # Safety
    /// `belongs(handle)`.
    #[inline]
    pub unsafe fn cancel_owner(&self, handle: Handle) -> bool {
        // SAFETY: the caller's.
        self.own(|levels| unsafe { levels.cancel(handle) })
    }

    /// Sets a timer to another time; false if it is not pending any more. `now` as of `insert`.
    /// # Safety
    /// `belongs(handle)`.
    #[inline]
    pub unsafe fn shift_owner(&self, handle: Handle, when: i64, now: i64) -> bool {
        // SAFETY: the caller's.
        self.own(|levels| unsafe { levels.shift(handle, when, now) })
    }

    /// Any thread: marks a timer of any wheel dead and goes on. It does not fire any more, unless its owner is at it
    /// just now: so the caller has made its `seq` stale before.
    /// # Safety
    /// The handle's wheel has not been released.
    #[inline]
    pub unsafe fn cancel_remote(handle: Handle) {
        // SAFETY: the caller's.
        unsafe { mark_dead(handle) }
    }

    /// May this wheel `cancel_owner` it? (Any thread may ask; the node is not touched.)
    #[inline]
    pub fn belongs(&self, handle: Handle) -> bool {
        handle.wheel() == self.id
    }

    /// At most the earliest live `when`, exact after `refresh` as far as that goes; NEVER if nothing is armed.
    #[inline]
    pub fn earliest(&self) -> i64 {
        // SAFETY: the owner's, and nobody else writes.
        unsafe { (*self.levels.get()).earliest }
    }

    /// The same, for any thread.
    #[inline]
    pub fn earliest_shared(&self) -> i64 {
        self.earliest.load(Acquire) // pairs with `own`
    }

    /// Makes `earliest` as exact as can be cheaply: for the owner that is about to sleep until then, or to be put down.
    /// It is too early only if more than 32 live timers, or very many dead ones, share the first slot. NEVER: no live
    /// timer will ever fire; and if none will, then NEVER at the latest after `sweep`.
    pub fn refresh(&self) -> i64 {
        self.own_and_settle(Levels::refresh)
    }

    /// Puts the timers with `when <= now` into `out` (cleared first), in order of (when, insertion), at most `BATCH`.
    /// True: more may be due; call again (even if none came: there was other work, I6).
    #[inline]
    pub fn expire(&self, now: i64, out: &mut Expired) -> bool {
        out.clear();
        now >= self.earliest() && self.own_and_settle(|levels| levels.expire(now, out))
    }

    /// Any thread: the number of live timers, marked ones not counted. Not exact while others work on it, and slightly
    /// off (a mark that came when its timer was being fired) until the next sweep.
    pub fn len(&self) -> usize {
        // SAFETY: null, or the first page's counter, which stays until `release`. Acquire: pairs with `insert`.
        let marks = unsafe { self.marks.load(Acquire).as_ref() }.map_or(0, |m| m.load(Relaxed));
        self.armed.load(Relaxed).saturating_sub(unsettled(marks, self.settled.load(Relaxed)))
    }

    /// No node, not even a dead one: for the owner, who then must say what the time is.
    #[inline]
    pub fn holds_nothing(&self) -> bool {
        self.armed.load(Relaxed) == 0
    }

    /// `len() == 0`.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Reclaims all nodes that are marked dead; `len` is exact then.
    pub fn sweep(&self) {
        self.own_and_settle(Levels::sweep)
    }

    /// Drops all timers unfired; their handles are stale then. The memory stays.
    pub fn drain(&self) {
        self.own_and_settle(Levels::drain)
    }

    /// Drops all timers and gives the memory back; the wheel is as new.
    /// # Safety
    /// No other thread uses the wheel, and no handle of it is used again, by anyone.
    pub unsafe fn release(&self) {
        self.marks.store(null_mut(), Relaxed);
        self.own_and_settle(|levels| {
            levels.drain();
            // SAFETY: the caller's, and no slot holds a node.
            unsafe { levels.pool.release() }
        });
    }
}

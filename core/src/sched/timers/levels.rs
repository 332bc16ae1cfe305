//! The timers of a wheel by time: where a node lies, how the due ones are found, and when the next one is.
//!
//! It is NOT shared: one thread at a time is in here; what others may read is in `Wheel` (`timers.rs`), what they may do
//! to a node in `pool.rs`.
//!
//! Shape. A tick is 2^14 ns (16.384 us); nine levels of 64 slots cover all of i64, so there is no overflow list. With
//! `elapsed` = the tick the wheel stands at, a node lies on the level of the highest base-64 digit in which its tick
//! differs from `elapsed`, in the slot of its own digit there. Hence:
//!  I1 A node's slot follows from (when, elapsed); it is not stored.
//!  I2 Each slot of a level is earlier than any of a higher level, and no occupied slot lies behind `elapsed`: the
//!     earliest is found by `trailing_zeros`, and catching up after a long idle jumps over all the empty ones.
//!  I3 A tick before `elapsed` counts as `elapsed` (the current slot). `elapsed` leaves a slot only when it is empty.
//!     When it enters one of a higher level, that one's list becomes `dealing`: its nodes are dealt out to the levels
//!     below, some at each `expire`; while any are left, what is inserted before `dealing_end` joins their list.
//!  I4 So nodes of equal `when` always share a list; lists are appended to and dealt out from the front, sorting is
//!     stable: the order is (when, insertion) with no number for it. Only the current slot is sorted, when `dirty`.
//!  I5 `earliest` is never above the smallest live `when`. Below it: after a cancel, for a long slot, or (not above
//!     `now`) to have `expire` called, because a sweep wants to go on.
//!  I6 One call looks at some 2 * `WORK` nodes at most, except that the current slot is sorted whole (16 us of timers).
//!
//! Rejected: a heap with back index (log n cache misses at each insert and cancel); ticks of 1 ms (no order below);
//! lazy deletion by the owner too (memory follows the rate of calls instead of the number of waits); dealing a slot
//! out at once (a million timers stop the processor for 100 ms); moving the timers of an idle processor to another
//! (handles would have to follow).

use super::expired::{Due, Expired};
use super::pool::{Fire, Handle, Node, Pool, is_dead};
use super::slot::Slot;
use crate::sys::clock::NEVER;
use core::mem::replace;

pub(super) const TICK_BITS: u32 = 14;
pub(super) const DIGIT_BITS: u32 = 6;
/// 63 - 14 bits of tick: eight full digits and one bit.
const LEVELS: usize = 9;
pub(super) const SLOTS: usize = 8 * 64 + 2;
/// Nodes of the first slot that are looked at for the earliest, before its start must do.
pub(super) const SCAN: usize = 32;
/// Nodes that one call deals out, sweeps over or finds dead before it returns to its caller (I6); few in tests, which
/// then see the states in between.
pub(super) const WORK: usize = if cfg!(test) { 8 } else { 1024 };
/// No sweep for fewer dead nodes than this.
const SWEEP_MIN: usize = 64;
/// So many inserts come between two looks at the number of dead nodes.
const LOOK_EVERY: u32 = 256;

/// The owner's part. Each `*mut Node` in it is null or a node of its pool, mapped, its plain fields touched by nobody
/// else (P3, P4), and unless just being worked on, armed and in its list (I1, I3): "ours", the SAFETY comments say.
pub(super) struct Levels {
    pub earliest: i64,
    /// The tick the wheel stands at.
    pub elapsed: u64,
    /// The current slot (level 0, digit of `elapsed`) may be out of order.
    dirty: bool,
    /// Nodes in slots, dead ones included.
    pub armed: usize,
    /// Inserts until the next look for dead nodes.
    until_look: u32,
    /// Nodes this call may still look at.
    work: usize,
    /// The list that is being dealt out; and the first tick behind it, 0 if there is none (I3).
    pub dealing: Slot,
    pub dealing_end: u64,
    pub pool: Pool,
    pub occupied: [u64; LEVELS],
    pub slots: [Slot; SLOTS],
}

#[inline]
pub(super) fn tick_of(when: i64) -> u64 {
    when.max(0) as u64 >> TICK_BITS
}

impl Levels {
    pub const fn new(id: u32) -> Levels {
        Levels {
            earliest: NEVER,
            elapsed: 0,
            dirty: false,
            armed: 0,
            until_look: LOOK_EVERY,
            work: 0,
            dealing: Slot::EMPTY,
            dealing_end: 0,
            pool: Pool::new(id),
            occupied: [0; LEVELS],
            slots: [Slot::EMPTY; SLOTS],
        }
    }

    #[inline]
    pub fn insert(&mut self, handle: Handle, when: i64, now: i64, target: *mut (), seq: u64, fire: Fire) {
        if self.armed == 0 {
            // No slot holds anything, so the wheel may stand anywhere; never backwards, though.
            self.elapsed = self.elapsed.max(tick_of(now));
        }
        let n = handle.node.as_ptr();
        // SAFETY: ours, and in no list.
        unsafe {
            (*n).when = when;
            (*n).target = target;
            (*n).seq = seq;
            (*n).fire = Some(fire);
        }
        self.place(n, when);
        self.armed += 1;
        self.earliest = self.earliest.min(when);
        self.until_look -= 1;
        if self.until_look == 0 {
            self.look(now);
        }
    }

    /// # Safety
    /// The handle is of this wheel.
    #[inline]
    pub unsafe fn cancel(&mut self, handle: Handle) -> bool {
        let n = handle.node.as_ptr();
        // SAFETY: ours; armed, since its timer is still the handle's.
        unsafe {
            if !Pool::is_current(handle) {
                return false;
            }
            self.remove(n);
        }
        if self.armed == 0 {
            self.earliest = NEVER;
        }
        true
    }

    /// # Safety
    /// The handle is of this wheel.
    #[inline]
    pub unsafe fn shift(&mut self, handle: Handle, when: i64, now: i64) -> bool {
        let n = handle.node.as_ptr();
        // SAFETY: as in `cancel`; it is off its list when its time is changed (I1).
        unsafe {
            if !Pool::is_current(handle) || is_dead(n) {
                return false;
            }
            self.unlink(n);
            (*n).when = when;
        }
        if self.armed == 1 {
            self.elapsed = self.elapsed.max(tick_of(now)); // no slot holds anything
            self.earliest = when;
        }
        self.place(n, when);
        self.earliest = self.earliest.min(when);
        true
    }

    /// Level and slot of a tick (I1).
    #[inline]
    pub fn locate(&self, tick: u64) -> (usize, usize) {
        let level = ((tick ^ self.elapsed) | 1).ilog2() / DIGIT_BITS;
        let digit = (tick >> (level * DIGIT_BITS)) & 63;
        (level as usize, (level << DIGIT_BITS) as usize | digit as usize)
    }

    /// Appends to the list where `when` belongs.
    #[inline]
    fn place(&mut self, n: *mut Node, when: i64) {
        let tick = tick_of(when).max(self.elapsed);
        if tick < self.dealing_end {
            // SAFETY: ours, and in no list.
            unsafe { self.dealing.append(n) };
        } else {
            self.place_in_slot(n, when, tick);
        }
    }

    #[inline]
    fn place_in_slot(&mut self, n: *mut Node, when: i64, tick: u64) {
        let (level, index) = self.locate(tick);
        let current = (self.elapsed & 63) as usize; // on level 0
        // SAFETY: ours, and in no list.
        let before = unsafe { self.slots[index].append(n) };
        if before.is_null() {
            self.occupied[level] |= 1 << (index & 63);
        } else if index == current {
            // SAFETY: ours.
            self.dirty |= when < unsafe { (*before).when };
        }
    }

    fn take_list(&mut self, level: usize, index: usize) -> Slot {
        self.occupied[level] &= !(1 << (index & 63));
        replace(&mut self.slots[index], Slot::EMPTY)
    }

    /// Takes a node off its list and gives it back.
    /// # Safety
    /// `n` is ours and armed.
    #[inline]
    unsafe fn remove(&mut self, n: *mut Node) {
        // SAFETY: the caller's.
        unsafe { self.unlink(n) };
        self.give_back(n);
    }

    /// Takes a node off its list.
    /// # Safety
    /// `n` is ours and armed.
    #[inline]
    unsafe fn unlink(&mut self, n: *mut Node) {
        // SAFETY: ours, as are its neighbours.
        unsafe {
            let (prev, next) = ((*n).prev, (*n).next);
            if !prev.is_null() {
                (*prev).next = next;
            }
            if !next.is_null() {
                (*next).prev = prev;
            }
            if prev.is_null() || next.is_null() {
                self.remove_end(n, prev, next);
            }
        }
    }

    /// The slot's side of `remove`: the node was the first, the last, or both.
    #[inline]
    fn remove_end(&mut self, n: *mut Node, prev: *mut Node, next: *mut Node) {
        // Only an end of `dealing` may be in it and not in the slot of its tick.
        let dealing = n == self.dealing.head || n == self.dealing.tail;
        // SAFETY: ours.
        let (level, index) = self.locate(tick_of(unsafe { (*n).when }).max(self.elapsed));
        let list = if dealing { &mut self.dealing } else { &mut self.slots[index] };
        if prev.is_null() {
            list.head = next;
        }
        if next.is_null() {
            list.tail = prev;
        }
        if list.head.is_null() {
            if dealing {
                self.dealing_end = 0;
            } else {
                self.take_list(level, index);
            }
        }
    }

    /// To the pool, from no list.
    #[inline]
    fn give_back(&mut self, n: *mut Node) {
        self.armed -= 1;
        // SAFETY: ours until now.
        unsafe { if is_dead(n) { self.pool.put_back_dead(n) } else { self.pool.put_back(n) } }
    }

    /// The earliest occupied slot: level, index, first tick (I2).
    #[inline]
    fn first(&self) -> Option<(usize, usize, u64)> {
        let level = self.occupied.iter().position(|&bits| bits != 0)? as u32;
        let digit = u64::from(self.occupied[level as usize].trailing_zeros());
        let shift = level * DIGIT_BITS;
        let above = self.elapsed >> (shift + DIGIT_BITS) << (shift + DIGIT_BITS);
        Some((level as usize, (level << DIGIT_BITS) as usize | digit as usize, above | digit << shift))
    }

    /// As exact as can be (`Wheel::refresh`).
    pub fn refresh(&mut self) -> i64 {
        self.work = usize::MAX;
        self.deal();
        self.work = WORK;
        self.sweep_on(WORK);
        self.earliest = self.find_earliest();
        self.earliest
    }

    /// Reclaims all nodes that are marked dead.
    pub fn sweep(&mut self) {
        self.pool.start_sweep();
        self.sweep_on(usize::MAX);
    }

    #[inline(never)]
    pub fn expire(&mut self, now: i64, out: &mut Expired) -> bool {
        self.sweep_on(WORK);
        self.work = WORK;
        let now = now.min(NEVER - 1);
        let now_tick = tick_of(now).max(self.elapsed); // an older `now` than that of an insert may come
        while !out.is_full() && self.deal() {
            match self.first() {
                Some((level, index, start)) if start <= now_tick => {
                    if level > 0 {
                        self.dealing = self.take_list(level, index);
                        self.dealing_end = start + (1 << (level as u32 * DIGIT_BITS));
                        self.elapsed = start;
                        self.dirty = false;
                    } else if !self.take_due(index, start, now, out) {
                        break;
                    }
                }
                _ => {
                    // Nothing lies up to now, so no occupied slot is passed or entered (I3).
                    self.elapsed = now_tick;
                    self.dirty = false;
                    break;
                }
            }
        }
        let earliest = self.find_earliest();
        self.earliest = if self.pool.sweeping() { earliest.min(now) } else { earliest };
        earliest <= now
    }

    /// Deals nodes out to the levels below, which were empty when it began; false if the work is used up.
    fn deal(&mut self) -> bool {
        while !self.dealing.head.is_null() {
            if self.work == 0 {
                return false;
            }
            self.work -= 1;
            // SAFETY: ours; `next` is read before the node goes elsewhere.
            unsafe {
                let n = self.dealing.pop();
                if is_dead(n) {
                    self.give_back(n);
                } else {
                    let when = (*n).when;
                    self.place_in_slot(n, when, tick_of(when).max(self.elapsed));
                }
            }
        }
        self.dealing_end = 0;
        self.work > 0
    }

    /// Takes due nodes from a slot of level 0, which is the current one from now on. False: what is left in it is not
    /// due.
    fn take_due(&mut self, index: usize, start: u64, now: i64, out: &mut Expired) -> bool {
        self.enter(index, start);
        while !out.is_full() && self.work > 0 {
            let n = self.slots[index].head;
            if n.is_null() {
                self.take_list(0, index);
                break;
            }
            // SAFETY: ours, and every insert has set `fire`.
            unsafe {
                if is_dead(n) {
                    self.work -= 1;
                } else if (*n).when > now {
                    return false;
                } else {
                    let fire = (*n).fire.unwrap_unchecked();
                    out.push(Due { target: (*n).target, seq: (*n).seq, when: (*n).when, fire });
                }
                self.slots[index].pop();
            }
            self.give_back(n);
        }
        if self.slots[index].head.is_null() {
            self.take_list(0, index);
        }
        true
    }

    /// Makes an occupied slot of level 0 the current one, and puts it in order.
    fn enter(&mut self, index: usize, start: u64) {
        if replace(&mut self.dirty, false) || start != self.elapsed {
            self.elapsed = start;
            // SAFETY: a list of ours.
            unsafe { self.slots[index].sort() };
        }
    }

    /// The earliest live `when`, or a bound below it; the dead nodes it meets are reclaimed.
    fn find_earliest(&mut self) -> i64 {
        if self.dealing_end != 0 {
            // All that came with the slot lies behind its start; what joined later has lowered `earliest` itself.
            return self.earliest.min((self.elapsed << TICK_BITS) as i64);
        }
        while let Some((level, index, start)) = self.first() {
            let current = level == 0 && start == self.elapsed;
            if current {
                self.enter(index, start);
            }
            let (mut n, mut seen, mut least) = (self.slots[index].head, 0, NEVER);
            while !n.is_null() {
                // SAFETY: ours and armed; `next` is read before the node goes back.
                unsafe {
                    let next = (*n).next;
                    if current && (self.work == 0 || !is_dead(n)) {
                        return (*n).when; // in order, so nothing is before it
                    } else if seen == SCAN || self.work == 0 {
                        return (start << TICK_BITS) as i64;
                    } else if is_dead(n) {
                        self.work -= 1;
                        self.remove(n);
                    } else {
                        seen += 1;
                        least = least.min((*n).when);
                    }
                    n = next;
                }
            }
            if seen > 0 {
                return least;
            }
        }
        NEVER
    }

    /// Every so many inserts: are there so many dead nodes that `expire` must be called for them?
    #[cold]
    fn look(&mut self, now: i64) {
        self.until_look = LOOK_EVERY;
        if self.sweep_due() {
            self.earliest = self.earliest.min(now);
        }
    }

    /// Dead nodes are more than 1/4 of the live ones (and of the pool no trifle), or a sweep is under way.
    fn sweep_due(&self) -> bool {
        let dead = self.pool.outstanding();
        let many = dead >= SWEEP_MIN && dead * 4 > self.armed.saturating_sub(dead) && dead * 16 > self.pool.made;
        many || self.pool.sweeping()
    }

    /// Sweeps over `work` more nodes, if there is reason to.
    fn sweep_on(&mut self, mut work: usize) {
        if !self.sweep_due() {
            return;
        }
        if !self.pool.sweeping() {
            self.pool.start_sweep();
        }
        while let Some(n) = self.pool.sweep_next(&mut work) {
            // SAFETY: ours, and armed, since it is dead.
            unsafe { self.remove(n) }
        }
        if self.armed == 0 {
            self.earliest = NEVER;
        }
    }

    pub fn drain(&mut self) {
        loop {
            let mut list = match self.first() {
                _ if self.dealing_end != 0 => {
                    self.dealing_end = 0;
                    replace(&mut self.dealing, Slot::EMPTY)
                }
                Some((level, index, _)) => self.take_list(level, index),
                None => break,
            };
            while !list.head.is_null() {
                // SAFETY: ours.
                let n = unsafe { list.pop() };
                self.give_back(n);
            }
        }
        self.earliest = NEVER;
    }
}

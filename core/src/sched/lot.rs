//! The lot: queues of those who wait for a word in somebody's memory, found by its address. So a mutex is two words of a program's own, zero at first, without a constructor and without anything
//! to be freed (the parking lot of WebKit, and Go's semaphore table).
//!
//!  O1  A bucket's lock guards its queue, and with it what the word says of those who wait: whoever changes that bit holds it.
//!  O2  A waiter's `slot` is the address it waits for. Waiters of several words share a bucket; each word's are in the order of their coming.
//!  O3  To the protocol of waiting the object is the bucket, which begins with its lock and is never freed. So the word's memory may go as soon as its last user has unlocked it.
//!  O4  In the child of a fork nobody waits: the lot is made anew (`reset`). After a shutdown nobody does either: who waited then was given up.
//!
//! Rejected: a queue in the object (it must then be made and freed, and be 64 bytes); a hash table that grows (waiters are few, and a bucket is looked through in order).

use super::callback::Callback;
#[cfg(not(loom))]
use super::party::Party;
use super::party::{Reason, WaitQueue, Waiter};
use super::ticket;
#[cfg(not(loom))]
use super::watch;
use crate::sys::lock::ByteLock;
#[cfg(not(loom))]
use crate::sys::prim::*;

/// One queue. See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct Bucket {
    pub lock: ByteLock,
    // ---- guarded by `lock`
    queue: WaitQueue,
}

// SAFETY: the queue is guarded by the lock (O1).
unsafe impl Sync for Bucket {}
// SAFETY: nothing in it is bound to a thread.
unsafe impl Send for Bucket {}

#[cfg(not(loom))]
const BITS: u32 = 8;
#[cfg(not(loom))]
static LOT: [Bucket; 1 << BITS] = [const { Bucket { lock: ByteLock::new(), queue: WaitQueue::new() } }; 1 << BITS];

/// The bucket of an address.
#[cfg(not(loom))]
#[inline]
pub fn bucket(at: *const ()) -> &'static Bucket {
    let hash = (at.addr() as u64 >> 2).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - BITS);
    &LOT[hash as usize]
}

/// The address that a party waits for, if it waits in the lot.
#[cfg(not(loom))]
pub fn address_of(p: &Party) -> Option<*const ()> {
    let object = p.object.load(Relaxed).cast_const();
    let b = LOT.iter().find(|b| core::ptr::eq(core::ptr::from_ref(*b).cast(), object))?;
    // SAFETY: the lock is held, so what is queued is there, and so is its party (O1).
    b.lock.with(|| unsafe {
        let mut w = b.queue.first();
        while let Some(waiter) = w.as_ref() {
            if core::ptr::eq(waiter.party.get(), p) {
                return Some(waiter.slot.get().cast_const().cast());
            }
            w = waiter.next.get();
        }
        None
    })
}

/// All words of a model share one.
#[cfg(loom)]
pub use super::doors::bucket;

/// In which process this is: a number above 0 that is another in the child of a fork; 0 until the first call that had to wait (from when on forks are noticed). Words carry it, so that the child
/// finds free what another thread of its parent held. Shutdowns do not change it.
#[cfg(not(loom))]
#[inline(always)]
pub fn era() -> u16 {
    ERA.load(Relaxed)
}
#[cfg(loom)]
pub fn era() -> u16 {
    1
}

/// The word of a lock that somebody has and nobody waits for: bit 0 and, in the upper half, the era. It is what a lock without contention is locked and unlocked by, here and in C's inline functions
/// (`show_in`). `SLOW`, which is no such word, sends everybody the slow way: before forks are noticed, and while locks are watched (`watch.rs`).
#[cfg(not(loom))]
#[inline(always)]
pub fn word() -> u32 {
    WORD.load(Relaxed)
}
#[cfg(loom)]
pub fn word() -> u32 {
    1 | 1 << 16
}

/// See `word`.
pub const SLOW: u32 = 1;

#[cfg(not(loom))]
static ERA: AtomicU16 = AtomicU16::new(0);
#[cfg(not(loom))]
static WORD: AtomicU32 = AtomicU32::new(SLOW);
/// Where a face shows the word, or null.
#[cfg(not(loom))]
static SHOWN: AtomicPtr<AtomicU32> = AtomicPtr::new(core::ptr::null_mut());

/// The caller is inside, so forks are noticed from now on.
#[inline(always)]
pub fn begin() {
    #[cfg(not(loom))]
    if word() == SLOW {
        begin_slow()
    }
}

#[cfg(not(loom))]
#[cold]
fn begin_slow() {
    let _ = ERA.compare_exchange(0, 1, Relaxed, Relaxed);
    tell_word()
}

/// The word is kept in `at` too from now on, where code that is compiled into the program finds it. Not in the library that announces orders: there every lock is to be a call.
#[cfg(not(loom))]
#[cold]
pub fn show_in(at: &'static AtomicU32) {
    if !cfg!(gort_race) {
        SHOWN.store(core::ptr::from_ref(at).cast_mut(), Relaxed);
        at.store(word(), Relaxed);
    }
}

/// Relaxed, all of it: a word that is no longer the right one, or SLOW, locks nothing and unlocks nothing. A fork is made by the thread that goes on in the child.
#[cfg(not(loom))]
fn tell_word() {
    let word = if watch::decide() { SLOW } else { 1 | u32::from(era()) << 16 };
    WORD.store(word, Relaxed);
    // SAFETY: null, or a static (`show_in`).
    if let Some(at) = unsafe { SHOWN.load(Relaxed).as_ref() } {
        at.store(word, Relaxed)
    }
}

/// Forgets all who wait: tasks that a shutdown gave up, whose memory goes (O4). Words stay as they are: what such a task held nobody unlocks.
#[cfg(not(loom))]
pub fn forget_all() {
    for b in &LOT {
        b.lock.with(|| b.queue.clear());
    }
}

/// Forgets all who wait: in the child of a fork (O4).
#[cfg(not(loom))]
pub fn reset() {
    watch::reset();
    if era() != 0 {
        ERA.store(era().wrapping_add(1).max(1), Relaxed);
        tell_word()
    }
    for b in &LOT {
        b.queue.clear();
        // SAFETY: the child has one thread: whoever held it is not there.
        unsafe { b.lock.unlock() };
    }
}

impl Bucket {
    /// Enlists a waiter for `at`, in front of those that wait already if `first`.
    ///
    /// # Safety
    /// The lock is held; `w` is the caller's, in no queue, and stays until it is taken out.
    pub unsafe fn push(&self, w: &Waiter, at: *const (), first: bool) {
        w.slot.set(at.cast_mut().cast());
        // SAFETY: contract.
        unsafe { if first { self.queue.push_front(w) } else { self.queue.push(w) } }
    }

    /// The first that waits for `at`, or null. Its wait may be over.
    ///
    /// # Safety
    /// The lock is held.
    pub unsafe fn first(&self, at: *const ()) -> *const Waiter {
        // SAFETY: contract.
        unsafe { Self::find(self.queue.first(), at) }
    }

    /// The next after `w` that waits for `at`, or null.
    ///
    /// # Safety
    /// The lock is held; `w` is queued.
    pub unsafe fn next(w: *const Waiter, at: *const ()) -> *const Waiter {
        // SAFETY: contract.
        unsafe { Self::find((*w).next.get(), at) }
    }

    /// The first from `w` on that waits for `at`.
    unsafe fn find(mut w: *const Waiter, at: *const ()) -> *const Waiter {
        // SAFETY: queued waiters are valid under the lock, which is held by contract.
        unsafe {
            while !w.is_null() && !core::ptr::eq((*w).slot.get().cast_const().cast(), at) {
                w = (*w).next.get();
            }
        }
        w
    }

    /// Enlists a callback for `at`: its function is called when its ticket is won.
    ///
    /// # Safety
    /// The lock is held; the callback is the caller's, in no other wait, and stays until it was called or withdrawn.
    pub unsafe fn push_callback(&self, cb: &Callback, at: *const (), reason: Reason) {
        let w = cb.party.prepare_waiter(core::ptr::null_mut());
        cb.party.waits_for(reason, core::ptr::from_ref(self).cast());
        // SAFETY: contract.
        unsafe { self.push(w, at, false) }
        cb.party.ticket.open(w.seq.get());
    }

    /// Takes an enlisted callback out. False: its ticket was won, and its function is called.
    ///
    /// # Safety
    /// The lock is held; the callback's last wait is one of this bucket's.
    pub unsafe fn withdraw(&self, cb: &Callback) -> bool {
        let ticket = &cb.party.ticket;
        let won = ticket.waiting().is_some_and(|seq| ticket.win(seq, ticket::CANCELED, 0));
        if won {
            // SAFETY: contract.
            unsafe { self.queue.remove(&cb.party.waiter) }
        }
        won
    }

    /// The first that waits for `at` whose ticket is won by this, taken out; others of the word whose wait is over are taken out on the way. Null: nobody.
    ///
    /// # Safety
    /// The lock is held.
    pub unsafe fn pop(&self, at: *const ()) -> *const Waiter {
        // SAFETY: contract; queued waiters are valid under the lock, and have a party.
        unsafe {
            loop {
                let w = self.first(at);
                if w.is_null() {
                    return w;
                }
                self.queue.remove(w);
                if (*(*w).party.get()).ticket.win_held((*w).seq.get(), ticket::WON, 0) {
                    return w;
                }
            }
        }
    }

    /// Does anybody wait for `at`? It may be somebody whose wait is over.
    ///
    /// # Safety
    /// The lock is held.
    pub unsafe fn holds(&self, at: *const ()) -> bool {
        // SAFETY: contract.
        unsafe { !self.first(at).is_null() }
    }

    /// Takes a waiter out, if it is still in.
    ///
    /// # Safety
    /// The lock is held; `w` was pushed here.
    pub unsafe fn remove(&self, w: &Waiter) {
        // SAFETY: contract.
        unsafe { self.queue.remove(w) }
    }
}

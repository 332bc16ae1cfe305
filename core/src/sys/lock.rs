//! `ByteLock`: the one lock of core. One byte, test-and-test-and-set with exponential backoff (D9).
//!
//! I1  0 is unlocked, 1 is locked; all-zero memory is an unlocked lock.
//! I2  Locking costs one read-modify-write, unlocking a plain release store, which is the holder's last access to the
//!     object (D8): whoever locks next may free it.
//! I3  Held for a few dozen instructions; never over a wake-up, a user callback, an allocation that may fail slowly, or a park
//!     (except by a park's commit, which is the unlock).
//!
//! Why not a futex lock: 25 ns against 14 for a buffered pair and an RMW more to unlock. Why not naive TAS: ten times slower
//! under contention on two cores. The first wait is long on purpose, about 1.5 us: who found the lock held shares a busy object with another core, and each change of hands costs the
//! transfer of its cache lines, as much as several operations. The long wait lets the other do some dozens of them meanwhile: four producers and four consumers of one channel take 1.3
//! times as long on two workers as on one, and 2.1 times with a wait that begins at one pause. The holder can be descheduled: after some 25 us the waiter yields the thread, after many
//! yields it sleeps for a short time (a lock that sleeps after 60 spins sleeps too early).

use super::prim::*;

/// A one-byte spin lock.
#[repr(transparent)]
#[cfg_attr(loom, derive(Default))]
pub struct ByteLock(AtomicU8);

/// The first wait, ns.
#[cfg(not(loom))]
const FIRST_NS: u32 = 1_500;
/// The longest wait, and when the thread is yielded, in first waits.
const LONGEST: u32 = 4;
const SPINS: u32 = 16;
#[cfg(not(loom))]
const YIELDS: u32 = 200;

impl ByteLock {
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> ByteLock {
        ByteLock(AtomicU8::new(0))
    }
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> ByteLock {
        ByteLock(AtomicU8::new(0))
    }

    /// Locks. One read-modify-write when it is free.
    #[inline(always)]
    pub fn lock(&self) {
        if !self.try_lock() {
            self.lock_slow()
        }
    }

    /// Locks if it is free now.
    #[inline(always)]
    pub fn try_lock(&self) -> bool {
        // Acquire: pairs with the Release store of unlock.
        #[cfg(not(loom))]
        return self.0.swap(1, Acquire) == 0;
        // To loom a swap of a held lock and the holder's plain store of 0 have no order: it would spin for ever.
        #[cfg(loom)]
        return self.0.compare_exchange(0, 1, Acquire, Relaxed).is_ok();
    }

    #[cold]
    #[inline(never)]
    fn lock_slow(&self) {
        #[cfg(not(loom))]
        let first = super::cpu::pauses(FIRST_NS).max(1);
        #[cfg(loom)]
        let first = 1;
        let mut backoff = first;
        let mut looked = 0u32;
        #[cfg(not(loom))]
        let mut yields = 0u32;
        loop {
            while self.0.load(Relaxed) != 0 {
                for _ in 0..backoff {
                    spin_hint();
                }
                looked += backoff;
                if backoff < first * LONGEST {
                    backoff *= 2;
                }
                if looked > first * SPINS || cfg!(loom) {
                    looked = 0;
                    yield_thread();
                    #[cfg(not(loom))]
                    {
                        yields += 1;
                        if yields > YIELDS {
                            super::clock::nap(20_000);
                        }
                    }
                }
            }
            if self.try_lock() {
                return;
            }
        }
    }

    /// Unlocks.
    ///
    /// # Safety
    /// The caller holds the lock.
    #[inline(always)]
    pub unsafe fn unlock(&self) {
        // Release: pairs with the Acquire swap of lock.
        self.0.store(0, Release)
    }

    /// Whether somebody holds it (a snapshot, for assertions and the census).
    #[inline]
    pub fn is_locked(&self) -> bool {
        self.0.load(Relaxed) != 0
    }

    /// Runs `f` under the lock.
    #[inline]
    pub fn with<R>(&self, f: impl FnOnce() -> R) -> R {
        self.lock();
        let r = f();
        // SAFETY: locked above, and `f` can not unlock it without unsafe code that breaks its own contract.
        unsafe { self.unlock() };
        r
    }
}

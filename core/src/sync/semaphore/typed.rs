//! `Semaphore` and `Permit`: units (`semaphore.rs`) that come back by themselves.

use super::RawSemaphore;
use crate::status::Status;
use crate::task::Wait as Limits;

/// So many units, of which each takes some. Strictly first come, first served: one that asks for much does not starve, and keeps those behind it waiting.
///
/// ```
/// let two = gort::sync::Semaphore::new(2);
/// let a = two.acquire(1).unwrap();
/// let b = two.acquire(1).unwrap();
/// assert!(two.try_acquire(1).is_err());
/// drop(a);
/// assert_eq!(two.free(), 1);
/// ```
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// One of `size` units, of which none is taken.
    pub const fn new(size: u32) -> Semaphore {
        Semaphore { raw: RawSemaphore::new(size) }
    }

    /// Takes `n` units, which go back when the permit goes. Waits until there are as many. CANCELED, DEADLOCK, SHUTDOWN: nothing is taken. LIMIT: there never are so many.
    #[inline]
    pub fn acquire(&self, n: u32) -> Result<Permit<'_>, Status> {
        self.acquire_with(n, Limits::forever())
    }

    /// `acquire` within limits: TIMED_OUT too.
    #[inline]
    pub fn acquire_with(&self, n: u32, wait: Limits<'_>) -> Result<Permit<'_>, Status> {
        self.raw.acquire(n, wait.raw()).ok().map(|()| Permit { of: self, n })
    }

    /// Takes `n` units if they are there and nobody waits for any, else WOULD_BLOCK.
    #[inline]
    pub fn try_acquire(&self, n: u32) -> Result<Permit<'_>, Status> {
        self.raw.try_acquire(n).ok().map(|()| Permit { of: self, n })
    }

    /// Gives `n` units back that somebody took and did not give back: by `Permit::forget`. MISUSE (and no change) if fewer are taken.
    #[inline]
    pub fn release(&self, n: u32) -> Result<(), Status> {
        self.raw.release(n).ok()
    }

    /// How many units there are.
    pub fn size(&self) -> u32 {
        self.raw.size()
    }

    /// How many are not taken. Others may take and release meanwhile.
    pub fn free(&self) -> u32 {
        self.raw.free()
    }
}

/// Units of a semaphore; they go back when this goes.
#[must_use = "gives them back at once if it is not kept"]
pub struct Permit<'a> {
    of: &'a Semaphore,
    n: u32,
}

impl Permit<'_> {
    /// How many.
    pub fn units(&self) -> u32 {
        self.n
    }

    /// They stay taken, until somebody calls `Semaphore::release`.
    pub fn forget(self) {
        core::mem::forget(self)
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        let _ = self.of.raw.release(self.n); // ours, so they are taken
    }
}

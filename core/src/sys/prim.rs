//! The only door to atomics, cells and spinning; loom stands behind it in the models.
//!
//! What this is: re-exports. Under `--cfg loom` they are loom's, so that the protocols of floors 1 to 3 can be
//! explored exhaustively; otherwise core's. What this is NOT: a lock (see `lock.rs`) or a barrier between asymmetric
//! sides (see `barrier.rs`). Core uses no `std::sync` type: std is not instrumented under TSan (D16).

#[cfg(not(loom))]
pub use core::cell::UnsafeCell;
#[cfg(not(loom))]
pub use core::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{self, *},
    compiler_fence, fence,
};

#[cfg(loom)]
pub use core::cell::UnsafeCell;
#[cfg(loom)]
pub use loom::sync::atomic::{
    AtomicBool, AtomicI32, AtomicI64, AtomicPtr, AtomicU8, AtomicU16, AtomicU32, AtomicU64, AtomicUsize,
    Ordering::{self, *},
    fence,
};

/// A compiler fence; a full one under loom, which has no membarrier to stand on the other side.
#[cfg(loom)]
#[inline]
pub fn compiler_fence(_: Ordering) {
    fence(SeqCst)
}

/// One step of busy waiting.
#[inline(always)]
pub fn spin_hint() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// Gives the rest of the time slice to another thread of the machine.
#[inline]
pub fn yield_thread() {
    #[cfg(not(loom))]
    // SAFETY: sched_yield has no preconditions.
    unsafe {
        libc::sched_yield();
    }
    #[cfg(loom)]
    loom::thread::yield_now();
}

/// A cache line of its own (two lines: the prefetcher fetches pairs).
#[repr(align(128))]
#[derive(Default)]
pub struct CachePadded<T>(pub T);

impl<T> core::ops::Deref for CachePadded<T> {
    type Target = T;
    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

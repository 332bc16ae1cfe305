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

#[cfg(not(loom))]
pub use core::cell::Cell;

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

#[cfg(gort_tsan)]
pub use super::arc::Arc;
/// Counted pointers: std's, or one whose last drop ThreadSanitizer can follow.
#[cfg(not(gort_tsan))]
pub use std::sync::Arc;

/// One step of busy waiting. Nothing in the models: who spins there yields too.
#[inline(always)]
pub fn spin_hint() {
    #[cfg(not(loom))]
    core::hint::spin_loop();
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

/// The models' `core::cell::Cell`: loom sees each access and reports two that are not ordered. Made at the first access, so that `new` is const.
#[cfg(loom)]
pub struct Cell<T> {
    value: UnsafeCell<T>,
    seen: core::cell::OnceCell<loom::cell::UnsafeCell<()>>,
}

#[cfg(loom)]
impl<T> Cell<T> {
    pub const fn new(value: T) -> Cell<T> {
        Cell { value: UnsafeCell::new(value), seen: core::cell::OnceCell::new() }
    }

    fn seen(&self) -> &loom::cell::UnsafeCell<()> {
        self.seen.get_or_init(|| loom::cell::UnsafeCell::new(()))
    }

    #[track_caller]
    pub fn get(&self) -> T
    where
        T: Copy,
    {
        // SAFETY: loom runs one thread at a time, and no reference leaves this file.
        self.seen().with(|_| unsafe { *self.value.get() })
    }

    #[track_caller]
    pub fn set(&self, value: T) {
        let _ = self.replace(value);
    }

    #[track_caller]
    pub fn replace(&self, value: T) -> T {
        // SAFETY: as in `get`.
        self.seen().with_mut(|_| unsafe { core::ptr::replace(self.value.get(), value) })
    }

    /// Counts as a write; what is done with the pointer later is not seen.
    #[track_caller]
    pub fn as_ptr(&self) -> *mut T {
        self.seen().with_mut(|_| self.value.get())
    }

    #[track_caller]
    pub fn take(&self) -> T
    where
        T: Default,
    {
        self.replace(T::default())
    }
}

/// Known to loom from here on: whoever overwrites an object by its default is seen to write each of its cells.
#[cfg(loom)]
impl<T: Default> Default for Cell<T> {
    fn default() -> Cell<T> {
        let c = Cell::new(T::default());
        c.seen();
        c
    }
}

/// The word of a model's thread (`tls.rs` in the product).
#[cfg(loom)]
pub mod word {
    loom::thread_local!(static WORD: core::cell::Cell<*mut ()> = core::cell::Cell::new(core::ptr::null_mut()));

    pub fn get() -> *mut () {
        WORD.with(|w| w.get())
    }

    pub fn set(p: *mut ()) {
        WORD.with(|w| w.set(p))
    }
}

/// What blocks in a model instead of spinning.
#[cfg(loom)]
pub mod blocking {
    pub use loom::sync::{Condvar, Mutex, MutexGuard};
}

/// A thread of a model.
#[cfg(loom)]
pub fn spawn_thread(f: impl FnOnce() + 'static) {
    drop(loom::thread::spawn(f));
}

/// A word that is written by one at a time (its owner, or who holds a lock) and may be looked at by others, who then know nothing for certain: relaxed loads and stores, spelled like a
/// `Cell`.
pub struct RelaxedPtr<T>(AtomicPtr<T>);

impl<T> RelaxedPtr<T> {
    #[cfg(not(loom))]
    pub const fn new(p: *const T) -> RelaxedPtr<T> {
        RelaxedPtr(AtomicPtr::new(p.cast_mut()))
    }
    #[cfg(loom)]
    pub fn new(p: *const T) -> RelaxedPtr<T> {
        RelaxedPtr(AtomicPtr::new(p.cast_mut()))
    }
    #[inline(always)]
    pub fn get(&self) -> *const T {
        self.0.load(Relaxed)
    }
    #[inline(always)]
    pub fn set(&self, p: *const T) {
        self.0.store(p.cast_mut(), Relaxed)
    }
    /// Sets it; what it was. No read-modify-write: the writer is one.
    #[inline(always)]
    pub fn replace(&self, p: *const T) -> *const T {
        let old = self.get();
        self.set(p);
        old
    }
}

#[cfg(loom)]
impl<T> Default for RelaxedPtr<T> {
    fn default() -> Self {
        RelaxedPtr::new(core::ptr::null())
    }
}

macro_rules! relaxed {
    ($(#[$doc:meta])* $name:ident, $atomic:ident, $t:ty) => {
        $(#[$doc])*
        #[cfg_attr(loom, derive(Default))]
        pub struct $name($atomic);

        impl $name {
            #[cfg(not(loom))]
            pub const fn new(v: $t) -> $name {
                $name($atomic::new(v))
            }
            #[cfg(loom)]
            pub fn new(v: $t) -> $name {
                $name($atomic::new(v))
            }
            #[inline(always)]
            pub fn get(&self) -> $t {
                self.0.load(Relaxed)
            }
            #[inline(always)]
            pub fn set(&self, v: $t) {
                self.0.store(v, Relaxed)
            }
            /// As `RelaxedPtr::replace`.
            #[inline(always)]
            pub fn replace(&self, v: $t) -> $t {
                let old = self.get();
                self.set(v);
                old
            }
        }
    };
}
relaxed!(
    /// The same for a byte.
    RelaxedU8, AtomicU8, u8
);
relaxed!(
    /// The same for a number.
    RelaxedUsize, AtomicUsize, usize
);
relaxed!(
    /// The same for a flag.
    RelaxedBool, AtomicBool, bool
);

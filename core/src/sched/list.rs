//! Lists of ready tasks: the owner-only FIFO, the mailbox that anybody may push to, and the lane's injector.
//!
//! All three run through the task's one `link`: a task is in at most one of them, or in a ring or next slot, at a time (the state machine in `task.rs`).
//! L1  `Fifo` is plain memory of its owner (a thread, or whoever holds the injector's lock).
//! L2  `Mailbox` is a stack of pushes that the owner takes whole and reverses, so FIFO is kept for each take.
//! L3  `Injector.len` may be read without the lock; it is written under it, so a reader that sees 0 after a heavy barrier missed no push that
//!     came before the barrier.
//!
//! Rejected: an intrusive lock-free queue for the injector (a lock that is held for six instructions, and half-ring batches, cost less);
//! bounded mailboxes (a full one would need another place to wait).

use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::ptr::null_mut;

/// Something with a link.
///
/// # Safety
/// The link is used by the list that holds the item and by nobody else.
pub unsafe trait Linked {
    fn link(&self) -> &Cell<*mut Self>;
}

/// Owner-only FIFO.
pub struct Fifo<T> {
    head: Cell<*mut T>,
    tail: Cell<*mut T>,
    len: Cell<usize>,
}

impl<T: Linked> Fifo<T> {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Fifo<T> {
        Fifo { head: Cell::new(null_mut()), tail: Cell::new(null_mut()), len: Cell::new(0) }
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.head.get().is_null()
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.get()
    }

    /// Appends `t`.
    ///
    /// # Safety
    /// The caller owns the list and `t`, which is in no list.
    #[inline(always)]
    pub unsafe fn push(&self, t: *mut T) {
        // SAFETY: `t` and the tail are valid items that this list holds.
        unsafe {
            (*t).link().set(null_mut());
            let tail = self.tail.get();
            if tail.is_null() { self.head.set(t) } else { (*tail).link().set(t) }
        }
        self.tail.set(t);
        self.len.set(self.len.get() + 1);
    }

    /// Takes the oldest one.
    ///
    /// # Safety
    /// The caller owns the list.
    #[inline(always)]
    pub unsafe fn pop(&self) -> *mut T {
        let t = self.head.get();
        if !t.is_null() {
            // SAFETY: the head is an item that this list holds.
            let next = unsafe { (*t).link().get() };
            self.head.set(next);
            if next.is_null() {
                self.tail.set(null_mut())
            }
            self.len.set(self.len.get() - 1);
        }
        t
    }
}

/// Anybody pushes, the owner takes all.
pub struct Mailbox<T>(AtomicPtr<T>);

impl<T: Linked> Mailbox<T> {
    #[cfg(not(loom))]
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Mailbox<T> {
        Mailbox(AtomicPtr::new(null_mut()))
    }
    #[cfg(loom)]
    #[allow(clippy::new_without_default)]
    pub fn new() -> Mailbox<T> {
        Mailbox(AtomicPtr::new(null_mut()))
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.0.load(Relaxed).is_null()
    }

    /// Pushes `t`; the caller then rings the owner's bell.
    ///
    /// # Safety
    /// The caller owns `t`, which is in no list and stays valid until the owner has taken it.
    pub unsafe fn push(&self, t: *mut T) {
        let mut head = self.0.load(Relaxed);
        loop {
            // SAFETY: `t` is ours until the exchange succeeds.
            unsafe { (*t).link().set(head) };
            // Release: pairs with take_all's Acquire.
            match self.0.compare_exchange_weak(head, t, Release, Relaxed) {
                Ok(_) => return,
                Err(h) => head = h,
            }
        }
    }

    /// Owner: moves everything to the tail of `to`, oldest first.
    ///
    /// # Safety
    /// The caller owns the mailbox's receiving end and `to`.
    #[cold]
    pub unsafe fn take_all(&self, to: &Fifo<T>) {
        let mut t = self.0.swap(null_mut(), Acquire);
        let mut reversed: *mut T = null_mut();
        while !t.is_null() {
            // SAFETY: all items of the chain are ours since the swap.
            unsafe {
                let next = (*t).link().get();
                (*t).link().set(reversed);
                reversed = t;
                t = next;
            }
        }
        while !reversed.is_null() {
            // SAFETY: as above; the next link is read before the push overwrites it.
            unsafe {
                let next = (*reversed).link().get();
                to.push(reversed);
                reversed = next;
            }
        }
    }
}

/// A lane's global queue: for work from foreign threads and for what overflows a ring.
pub struct Injector<T> {
    lock: ByteLock,
    // guarded by `lock`
    list: Fifo<T>,
    // written under `lock`, read by anybody (L3)
    len: AtomicUsize,
}

impl<T: Linked> Injector<T> {
    #[allow(clippy::new_without_default)]
    #[cfg(not(loom))]
    pub const fn new() -> Injector<T> {
        Injector { lock: ByteLock::new(), list: Fifo::new(), len: AtomicUsize::new(0) }
    }
    #[allow(clippy::new_without_default)]
    #[cfg(loom)]
    pub fn new() -> Injector<T> {
        Injector { lock: ByteLock::new(), list: Fifo::new(), len: AtomicUsize::new(0) }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends `t`.
    ///
    /// # Safety
    /// As `Fifo::push`.
    pub unsafe fn push(&self, t: *mut T) {
        self.lock.with(|| {
            // SAFETY: the list is ours under the lock; `t` by contract.
            unsafe { self.list.push(t) };
            self.len.store(self.list.len(), Relaxed);
        })
    }

    /// Appends a batch.
    ///
    /// # Safety
    /// As `Fifo::push`, for each.
    pub unsafe fn push_all(&self, batch: &[*mut T]) {
        self.lock.with(|| {
            for &t in batch {
                // SAFETY: as in `push`.
                unsafe { self.list.push(t) };
            }
            self.len.store(self.list.len(), Relaxed);
        })
    }

    /// Takes up to `out.len()` tasks, oldest first; returns how many.
    pub fn take(&self, out: &mut [*mut T]) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.lock.with(|| {
            let mut n = 0;
            while n < out.len() {
                // SAFETY: the list is ours under the lock.
                let t = unsafe { self.list.pop() };
                if t.is_null() {
                    break;
                }
                out[n] = t;
                n += 1;
            }
            self.len.store(self.list.len(), Relaxed);
            n
        })
    }
}

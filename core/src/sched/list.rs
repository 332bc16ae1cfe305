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

    /// Forgets what it holds.
    pub fn clear(&self) {
        self.head.set(null_mut());
        self.tail.set(null_mut());
        self.len.set(0);
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

    /// Forgets what it holds.
    pub fn clear(&self) {
        self.0.store(null_mut(), Relaxed)
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

/// How many items a batch of the injector holds: half a ring.
pub const BATCH: usize = 128;

/// Half a ring that overflowed, kept as it is: walking a list of a million cold tasks link by link costs a cache miss each.
struct Batch<T> {
    next: Cell<*mut Batch<T>>,
    first: Cell<usize>,
    len: Cell<usize>,
    items: Cell<[*mut T; BATCH]>,
}

/// A lane's global queue: for work from foreign threads and for what overflows a ring.
///
/// Single items are linked, overflows stay together as batches; `take` serves the two in turn, so neither starves.
pub struct Injector<T> {
    lock: ByteLock,
    // guarded by `lock`
    singles: Fifo<T>,
    head: Cell<*mut Batch<T>>,
    tail: Cell<*mut Batch<T>>,
    batched: Cell<usize>,
    batches_first: Cell<bool>,
    spare: Cell<*mut Batch<T>>,
    // written under `lock`, read by anybody (L3)
    len: AtomicUsize,
}

impl<T: Linked> Injector<T> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Injector<T> {
        Injector {
            lock: ByteLock::new(),
            singles: Fifo::new(),
            head: Cell::new(null_mut()),
            tail: Cell::new(null_mut()),
            batched: Cell::new(0),
            batches_first: Cell::new(false),
            spare: Cell::new(null_mut()),
            len: AtomicUsize::new(0),
        }
    }

    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn count(&self) {
        self.len.store(self.singles.len() + self.batched.get(), Relaxed)
    }

    /// Appends `t`.
    ///
    /// # Safety
    /// As `Fifo::push`.
    pub unsafe fn push(&self, t: *mut T) {
        self.lock.with(|| {
            // SAFETY: the list is ours under the lock; `t` by contract.
            unsafe { self.singles.push(t) };
            self.count();
        })
    }

    /// Appends up to `BATCH` items, together.
    ///
    /// # Safety
    /// As `Fifo::push`, for each.
    pub unsafe fn push_all(&self, items: &[*mut T]) {
        if items.is_empty() {
            return;
        }
        let made = self.lock.with(|| {
            let spare = self.spare.get();
            if !spare.is_null() {
                // SAFETY: spare batches are ours under the lock.
                self.spare.set(unsafe { (*spare).next.get() });
            }
            spare
        });
        let b = if made.is_null() {
            Box::into_raw(Box::new(Batch {
                next: Cell::new(null_mut()),
                first: Cell::new(0),
                len: Cell::new(0),
                items: Cell::new([null_mut(); BATCH]),
            }))
        } else {
            made
        };
        // SAFETY: the batch is ours until it is linked, and of the lock's holder then; the items by contract.
        unsafe {
            let mut all = [null_mut(); BATCH];
            all[..items.len()].copy_from_slice(items);
            (*b).items.set(all);
            (*b).first.set(0);
            (*b).len.set(items.len());
            (*b).next.set(null_mut());
            self.lock.with(|| {
                let tail = self.tail.get();
                if tail.is_null() {
                    self.head.set(b)
                } else {
                    (*tail).next.set(b)
                }
                self.tail.set(b);
                self.batched.set(self.batched.get() + items.len());
                self.count();
            })
        }
    }

    /// Under the lock: the oldest item of the oldest batch.
    fn pop_batched(&self) -> *mut T {
        let b = self.head.get();
        if b.is_null() {
            return null_mut();
        }
        // SAFETY: linked batches are ours under the lock; items [first, first + len) are filled.
        unsafe {
            let (i, n) = ((*b).first.get(), (*b).len.get());
            let t = *(*b).items.as_ptr().cast::<*mut T>().add(i);
            (*b).first.set(i + 1);
            (*b).len.set(n - 1);
            self.batched.set(self.batched.get() - 1);
            if n == 1 {
                let next = (*b).next.get();
                self.head.set(next);
                if next.is_null() {
                    self.tail.set(null_mut())
                }
                (*b).next.set(self.spare.get());
                self.spare.set(b);
            }
            t
        }
    }

    /// Takes up to `out.len()` items, of each kind the oldest first; returns how many.
    pub fn take(&self, out: &mut [*mut T]) -> usize {
        if self.is_empty() {
            return 0;
        }
        self.lock.with(|| {
            let batches_first = self.batches_first.replace(!self.batches_first.get());
            let mut n = 0;
            for batches in [batches_first, !batches_first] {
                while n < out.len() {
                    // SAFETY: the lists are ours under the lock.
                    let t = if batches { self.pop_batched() } else { unsafe { self.singles.pop() } };
                    if t.is_null() {
                        break;
                    }
                    out[n] = t;
                    n += 1;
                }
            }
            self.count();
            n
        })
    }
}

impl<T> Drop for Injector<T> {
    fn drop(&mut self) {
        for list in [&self.head, &self.spare] {
            let mut b = list.get();
            while !b.is_null() {
                // SAFETY: batches are leaked boxes of this injector; what they hold belongs to its slab.
                unsafe {
                    let next = (*b).next.get();
                    drop(Box::from_raw(b));
                    b = next;
                }
            }
        }
    }
}

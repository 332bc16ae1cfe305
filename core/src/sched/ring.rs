//! The run ring: a processor's bounded queue of ready tasks; the owner pushes and pops, anybody steals half.
//!
//! `head` is moved by compare-and-swap (owner's pop and thieves), `tail` by the owner only. 256 slots, FIFO.
//! R1  Slots [head, tail) are valid; the owner never writes a slot in it, so a thief that copies slots and then wins the CAS on head copied
//!     what was there. A thief that loses throws its copies away.
//! R2  A pop is one read-modify-write, a push none (D9: yield costs one).
//! Rejected: LIFO ends and Chase-Lev's racy slot reads (a FIFO needs neither); `(steal, real)` heads (a thief here copies at most 128 pointers, in
//! nanoseconds, and does not block the owner).

use crate::sys::prim::*;

#[cfg(not(loom))]
pub const CAPACITY: usize = 256;
/// The models fill it and go around.
#[cfg(loom)]
pub const CAPACITY: usize = 4;

/// See the file's head.
pub struct Ring<T> {
    head: CachePadded<AtomicU32>,
    tail: AtomicU32,
    slots: [AtomicPtr<T>; CAPACITY],
}

impl<T> Ring<T> {
    #[allow(clippy::new_without_default)]
    pub fn new() -> Ring<T> {
        Ring {
            head: CachePadded(AtomicU32::new(0)),
            tail: AtomicU32::new(0),
            slots: core::array::from_fn(|_| AtomicPtr::new(core::ptr::null_mut())),
        }
    }

    /// A snapshot.
    #[inline(always)]
    pub fn len(&self) -> usize {
        let h = self.head.load(Relaxed);
        self.tail.load(Relaxed).wrapping_sub(h) as usize
    }

    #[inline(always)]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Owner: appends; false if full.
    #[inline(always)]
    pub fn push(&self, t: *mut T) -> bool {
        let tail = self.tail.load(Relaxed);
        // Acquire: pairs with the CAS of a thief, whose slot reads precede our overwriting them.
        let head = self.head.load(Acquire);
        if tail.wrapping_sub(head) as usize >= CAPACITY {
            return false;
        }
        self.slots[tail as usize % CAPACITY].store(t, Relaxed);
        // Release: pairs with the thief's Acquire load of tail.
        self.tail.store(tail.wrapping_add(1), Release);
        true
    }

    /// Owner: takes the oldest.
    #[inline(always)]
    pub fn pop(&self) -> *mut T {
        let tail = self.tail.load(Relaxed);
        let mut head = self.head.load(Acquire);
        while head != tail {
            let t = self.slots[head as usize % CAPACITY].load(Relaxed);
            match self.head.compare_exchange_weak(head, head.wrapping_add(1), AcqRel, Acquire) {
                Ok(_) => return t,
                Err(h) => head = h,
            }
        }
        core::ptr::null_mut()
    }

    /// Anybody: takes up to half (at least one, at most `out.len()`) from the head into `out`; returns how many.
    pub fn steal(&self, out: &mut [*mut T]) -> usize {
        loop {
            let head = self.head.load(Acquire);
            // Acquire: pairs with push's Release, so the slots below tail are filled.
            let tail = self.tail.load(Acquire);
            let len = tail.wrapping_sub(head) as usize;
            if len == 0 || len > CAPACITY {
                return 0; // empty, or a torn pair of reads: not worth another look
            }
            let n = (len - len / 2).min(out.len());
            for (i, o) in out[..n].iter_mut().enumerate() {
                *o = self.slots[(head as usize + i) % CAPACITY].load(Relaxed);
            }
            // AcqRel: the owner's next push that wraps around sees our reads done.
            if self.head.compare_exchange(head, head.wrapping_add(n as u32), AcqRel, Relaxed).is_ok() {
                return n;
            }
        }
    }

    /// Owner: takes half of a full ring (for the injector).
    pub fn spill(&self, out: &mut [*mut T; CAPACITY / 2]) -> usize {
        self.steal(&mut out[..])
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn p(i: usize) -> *mut u8 {
        core::ptr::without_provenance_mut(i)
    }

    #[test]
    fn fifo_full_and_wrapping() {
        let r = Ring::<u8>::new();
        for round in 0..5 {
            for i in 0..CAPACITY {
                assert!(r.push(p(round * 1000 + i + 1)));
            }
            assert!(!r.push(p(9)));
            let mut half = [core::ptr::null_mut(); CAPACITY / 2];
            assert_eq!(r.spill(&mut half), CAPACITY / 2);
            for (i, t) in half.iter().enumerate() {
                assert_eq!(*t, p(round * 1000 + i + 1));
            }
            for i in CAPACITY / 2..CAPACITY {
                assert_eq!(r.pop(), p(round * 1000 + i + 1));
            }
            assert!(r.pop().is_null());
        }
    }

    #[test]
    fn every_item_is_popped_or_stolen_once() {
        const N: usize = 200_000;
        let r = Ring::<u8>::new();
        let done = AtomicBool::new(false);
        let sum = AtomicUsize::new(0);
        let thief = || {
            let mut out = [core::ptr::null_mut(); 128];
            while !done.load(Acquire) || !r.is_empty() {
                let n = r.steal(&mut out);
                sum.fetch_add(out[..n].iter().map(|t| t.addr()).sum(), Relaxed);
            }
        };
        std::thread::scope(|s| {
            let thieves = [s.spawn(thief), s.spawn(thief)];
            let mut i = 1;
            while i <= N {
                if r.push(p(i)) {
                    i += 1;
                }
                if i % 3 == 0 {
                    sum.fetch_add(r.pop().addr(), Relaxed);
                }
            }
            done.store(true, Release);
            thieves.into_iter().for_each(|t| t.join().unwrap()); // the end of a scope is no order to ThreadSanitizer
        });
        assert_eq!(sum.load(Relaxed), N * (N + 1) / 2);
    }
}

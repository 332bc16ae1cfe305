//! What is registered, by its index, the lowest of which is given out first.
//!
//!  Y1  It is changed under a lock, so it never asks the allocator for anything but in `with_room`: whoever finds it full makes a larger one without the lock, and moves what is there (`grow`).
//!      Room for as many free indices as there are entries is part of that.
//!  Y2  To register costs the logarithm of the number of free indices; taking out the same. Growing doubles.
//!
//! Rejected: looking for the first free place (to register n cases costs n squared); a list of free indices as they come (the index of a case that was taken out last would be given out first,
//! while the lowest is what the face promises).

use core::cmp::Reverse;
use std::collections::BinaryHeap;

/// The fewest places of one that has any.
const FEWEST: usize = 4;

/// See the file's head.
pub(super) struct Registry<E> {
    all: Vec<Option<Box<E>>>,
    free: BinaryHeap<Reverse<u16>>,
}

impl<E> Registry<E> {
    /// Empty, with room for `n`.
    pub(super) fn with_room(n: usize) -> Registry<E> {
        Registry { all: Vec::with_capacity(n), free: BinaryHeap::with_capacity(n) }
    }

    /// It is full: the room that a larger one should have.
    pub(super) fn wants(&self) -> Option<usize> {
        (self.free.is_empty() && self.all.len() == self.all.capacity()).then(|| (2 * self.all.capacity()).max(FEWEST))
    }

    /// Moves everything to `larger`, which is empty and has more room; returns what is to be dropped without the lock.
    pub(super) fn grow(&mut self, mut larger: Registry<E>) -> Registry<E> {
        if larger.all.capacity() > self.all.capacity() && larger.free.capacity() >= larger.all.capacity() {
            larger.all.append(&mut self.all);
            larger.free.append(&mut self.free);
            core::mem::swap(self, &mut larger);
        }
        larger
    }

    /// The lowest index that is free; there is room for it, unless it `wants` more.
    pub(super) fn lowest(&self) -> usize {
        self.free.peek().map_or(self.all.len(), |i| i.0 as usize)
    }

    /// At the lowest index. It has room.
    pub(super) fn put(&mut self, e: Box<E>) {
        match self.free.pop() {
            Some(Reverse(i)) => self.all[i as usize] = Some(e),
            None => self.all.push(Some(e)),
        }
    }

    /// Takes out what stands at `index`, which is free from then on.
    pub(super) fn take(&mut self, index: usize) -> Option<Box<E>> {
        let e = self.all.get_mut(index)?.take()?;
        self.free.push(Reverse(index as u16));
        Some(e)
    }

    pub(super) fn get(&self, index: usize) -> Option<&E> {
        self.all.get(index)?.as_deref()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &E> {
        self.all.iter().flatten().map(|e| &**e)
    }

    pub(super) fn into_all(self) -> impl Iterator<Item = Box<E>> {
        self.all.into_iter().flatten()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// As whoever holds a lock does it.
    fn put(r: &mut Registry<usize>, n: usize) -> usize {
        if let Some(room) = r.wants() {
            r.grow(Registry::with_room(room));
        }
        let (all, free) = (r.all.capacity(), r.free.capacity());
        let i = r.lowest();
        r.put(Box::new(n));
        assert_eq!((all, free), (r.all.capacity(), r.free.capacity()), "it grew under the lock");
        i
    }

    #[test]
    fn lowest_index_is_given_out_first_and_nothing_grows_under_the_lock() {
        let mut r = Registry::with_room(0);
        for n in 0..100 {
            assert_eq!(put(&mut r, n), n);
        }
        let room = r.free.capacity();
        for n in (0..100).rev() {
            assert_eq!(r.take(n).as_deref(), Some(&n));
            assert_eq!(r.take(n), None);
        }
        assert_eq!(room, r.free.capacity());
        assert_eq!((put(&mut r, 7), put(&mut r, 8), r.take(0).as_deref(), put(&mut r, 9)), (0, 1, Some(&7), 0));
        assert_eq!((r.get(0), r.get(1), r.get(2), r.get(200)), (Some(&9), Some(&8), None, None));
        assert_eq!(r.iter().copied().collect::<Vec<_>>(), [9, 8]);
        assert_eq!(r.into_all().count(), 2);
    }
}

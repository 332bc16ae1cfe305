//! `StackCache`: a processor's own stacks, so that most tasks get one without a lock.
//!
//! What it is NOT: shared. It has one owner at a time; stacks in it count as in use. It holds stacks of the default class
//! only; the others are rare enough for the global lists.
//!
//! Invariants
//! 1. `stacks[..len]` are all `Some`, free, and ours.
//! 2. Only the owner calls anything but `len`. `len` is an atomic, and no method takes `&mut self`, for whoever counts the
//!    stacks reads it on another thread meanwhile.

use super::{Class, DEFAULT, Stack, alloc, alloc_batch, free, free_batch};
use crate::sys::prim::{AtomicUsize, Ordering::*, UnsafeCell};

/// A processor's own stacks of the default class: up to 64, last in first out, refilled and spilled 32 at a time.
pub struct StackCache {
    len: AtomicUsize,
    stacks: UnsafeCell<[Option<Stack>; CACHE]>,
}

const CACHE: usize = 64;

impl StackCache {
    pub const fn new() -> StackCache {
        StackCache { len: AtomicUsize::new(0), stacks: UnsafeCell::new([None; CACHE]) }
    }

    #[inline(always)]
    fn set_len(&self, len: usize) {
        self.len.store(len, Relaxed)
    }

    /// A stack of `class`; other classes than the default go to the global lists at once.
    #[inline]
    pub fn pop(&self, class: Class) -> Option<Stack> {
        let len = self.len();
        if len > 0
            // SAFETY: the owner alone touches the stacks (invariant 2; a cell is not Sync), one call at a time.
            && let Some(stack) = unsafe { (&(*self.stacks.get()))[len - 1] }
            && stack.class() == class
        {
            self.set_len(len - 1);
            return Some(stack);
        }
        self.pop_slow(class)
    }

    #[cold]
    fn pop_slow(&self, class: Class) -> Option<Stack> {
        if class.0 != DEFAULT.load(Relaxed) {
            return alloc(class);
        }
        // What is left here is of an earlier default class.
        self.flush();
        // SAFETY: as in `pop`; `alloc_batch` does not call back.
        let stacks = unsafe { &mut *self.stacks.get() };
        let left = alloc_batch(class, &mut stacks[..CACHE / 2]).checked_sub(1)?;
        self.set_len(left);
        stacks[left]
    }

    /// Takes a stack back.
    ///
    /// # Safety
    /// As for `free`.
    #[inline]
    pub unsafe fn push(&self, stack: Stack) {
        let len = self.len();
        if len < CACHE && stack.0.get() & 15 == DEFAULT.load(Relaxed) as usize {
            // SAFETY: as in `pop`.
            unsafe { (&mut (*self.stacks.get()))[len] = Some(stack) };
            self.set_len(len + 1);
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.push_slow(stack) }
        }
    }

    /// # Safety
    /// As for `free`.
    #[cold]
    unsafe fn push_slow(&self, stack: Stack) {
        // SAFETY: the caller's promise; what rests in the cache is ours to give back, and ours alone to touch (as in `pop`).
        unsafe {
            if stack.0.get() & 15 != DEFAULT.load(Relaxed) as usize {
                return free(stack);
            }
            let stacks = &mut *self.stacks.get();
            // The oldest half goes: the youngest are the warmest.
            free_batch(&stacks[..CACHE / 2]);
            stacks.copy_within(CACHE / 2.., 0);
            stacks[CACHE / 2] = Some(stack);
            self.set_len(CACHE / 2 + 1);
        }
    }

    /// How many there are; a snapshot for whoever is not the owner.
    #[inline(always)]
    pub fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives all back to the global lists.
    pub fn flush(&self) {
        // SAFETY: what rests in the cache is ours to give back.
        unsafe { free_batch(&(&(*self.stacks.get()))[..self.len()]) };
        self.set_len(0);
    }

    /// Forgets all (after a fork).
    pub fn forget(&self) {
        self.set_len(0);
    }
}

impl Default for StackCache {
    fn default() -> Self {
        Self::new()
    }
}

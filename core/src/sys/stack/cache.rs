//! `StackCache`: a processor's own stacks, so that most tasks get one without a lock.
//!
//! What it is NOT: shared. It has one owner at a time and no atomics; stacks in it count as in use. It holds stacks of the
//! default class only; the others are rare enough for the global lists.
//!
//! Invariant: `stacks[..len]` are all `Some`, free, and ours.

use super::{Class, DEFAULT, Stack, alloc, alloc_batch, free, free_batch};
use crate::sys::prim::Ordering::*;

/// A processor's own stacks of the default class: up to 64, last in first out, refilled and spilled 32 at a time.
pub struct StackCache {
    len: usize,
    stacks: [Option<Stack>; CACHE],
}

const CACHE: usize = 64;

impl StackCache {
    pub const fn new() -> StackCache {
        StackCache { len: 0, stacks: [None; CACHE] }
    }

    /// A stack of `class`; other classes than the default go to the global lists at once.
    #[inline]
    pub fn pop(&mut self, class: Class) -> Option<Stack> {
        if self.len > 0
            && let Some(stack) = self.stacks[self.len - 1]
            && stack.class() == class
        {
            self.len -= 1;
            return Some(stack);
        }
        self.pop_slow(class)
    }

    #[cold]
    fn pop_slow(&mut self, class: Class) -> Option<Stack> {
        if class.0 != DEFAULT.load(Relaxed) {
            return alloc(class);
        }
        // What is left here is of an earlier default class.
        self.flush();
        self.len = alloc_batch(class, &mut self.stacks[..CACHE / 2]);
        self.len = self.len.checked_sub(1)?;
        self.stacks[self.len]
    }

    /// Takes a stack back.
    ///
    /// # Safety
    /// As for `free`.
    #[inline]
    pub unsafe fn push(&mut self, stack: Stack) {
        if self.len < CACHE && stack.0.get() & 15 == DEFAULT.load(Relaxed) as usize {
            self.stacks[self.len] = Some(stack);
            self.len += 1;
        } else {
            // SAFETY: the caller's promise.
            unsafe { self.push_slow(stack) }
        }
    }

    /// # Safety
    /// As for `free`.
    #[cold]
    unsafe fn push_slow(&mut self, stack: Stack) {
        // SAFETY: the caller's promise; what rests in the cache is ours to give back.
        unsafe {
            if stack.0.get() & 15 != DEFAULT.load(Relaxed) as usize {
                return free(stack);
            }
            // The oldest half goes: the youngest are the warmest.
            free_batch(&self.stacks[..CACHE / 2]);
            self.stacks.copy_within(CACHE / 2.., 0);
            self.len = CACHE / 2;
            self.stacks[self.len] = Some(stack);
            self.len += 1;
        }
    }

    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Gives all back to the global lists.
    pub fn flush(&mut self) {
        // SAFETY: what rests in the cache is ours to give back.
        unsafe { free_batch(&self.stacks[..self.len]) };
        self.len = 0;
    }

    /// Forgets all (after a fork).
    pub fn forget(&mut self) {
        self.len = 0;
    }
}

impl Default for StackCache {
    fn default() -> Self {
        Self::new()
    }
}

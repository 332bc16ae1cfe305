//! `Entry`: what a task runs: a function over three words of its own.
//!
//! The words are the arguments of a C function, a small closure, or a pointer to a large one. What this is NOT: the task, which
//! only keeps it; nothing here knows who calls it or on which stack.
//!
//! E1  The words are bytes: an entry may be moved, but only whoever wrote a word as an integer reads it as one (`word`). A closure leaves padding
//!     unwritten, and its pointers have a provenance that an integer has not.
//! E2  `call` is called once, or `drop` once, or neither (the entry is leaked); never both, unless `call` left the words fit for it.
//!
//! Rejected: words of `usize` (reading padding as an integer is undefined, and a pointer that was moved as one may not be used), a boxed closure for
//! small ones (24 bytes are inline, and starting a task allocates nothing).

use core::mem::MaybeUninit;

/// Place for three words, of which any byte may be unwritten.
pub type Words = MaybeUninit<[usize; 3]>;

/// See the file's head.
#[repr(C)]
pub struct Entry {
    pub call: unsafe fn(*mut Entry),
    /// Drops what the words hold if the task never ran.
    pub drop: Option<unsafe fn(*mut Entry)>,
    pub words: Words,
}

impl Entry {
    /// An entry over three integers.
    #[inline(always)]
    pub const fn new(call: unsafe fn(*mut Entry), drop: Option<unsafe fn(*mut Entry)>, words: [usize; 3]) -> Entry {
        Entry { call, drop, words: MaybeUninit::new(words) }
    }

    /// Where the words are, for whoever keeps something else than integers in them.
    ///
    /// # Safety
    /// `e` points to an entry.
    #[inline(always)]
    pub const unsafe fn at<T>(e: *mut Entry) -> *mut T {
        // SAFETY: contract; a place is computed, nothing is read.
        unsafe { (&raw mut (*e).words).cast() }
    }

    /// Word number `i`.
    ///
    /// # Safety
    /// It was written as an integer (E1).
    #[inline(always)]
    pub const unsafe fn word(&self, i: usize) -> usize {
        assert!(i < 3);
        // SAFETY: `i` is in range, and the word is an integer by the contract.
        unsafe { self.words.as_ptr().cast::<usize>().add(i).read() }
    }

    /// Word number `i`, whatever it is.
    #[inline(always)]
    pub const fn raw_word(&self, i: usize) -> MaybeUninit<usize> {
        assert!(i < 3);
        // SAFETY: `i` is in range; a `MaybeUninit` may be anything.
        unsafe { self.words.as_ptr().cast::<MaybeUninit<usize>>().add(i).read() }
    }

    /// Writes an integer into word number `i`.
    #[inline(always)]
    pub const fn set_word(&mut self, i: usize, to: usize) {
        assert!(i < 3);
        // SAFETY: `i` is in range.
        unsafe { self.words.as_mut_ptr().cast::<usize>().add(i).write(to) }
    }
}

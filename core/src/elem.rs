//! What a channel's slot holds: how an element is moved, by size class (D11).
//!
//! What this is: the operations of the type-erased channel that depend on the element, as a trait whose instances
//! cost nothing: `Fixed<N>` compiles to one or two moves, `Dyn` looks at the size once. A C entry uses `Dyn`; Rust's
//! `Channel<T>` picks `Fixed` at compile time. The layout in memory is the same, so all faces share one channel.
//! What this is NOT: ownership. Moving an element is copying its bytes; who drops it is the channel's business.
//!
//! Rejected: a function pointer an element type (an indirect call on each message); a size class stored beside
//! the size (a second word to load that the size already says).

/// The largest element (64 KiB, as in Go's channels; C1).
pub const MAX_SIZE: usize = 65536;

/// How elements of one kind are moved.
pub trait ElemOps: Copy {
    /// Bytes an element.
    fn size(self) -> usize;

    /// The same kind for a channel whose elements have `size` bytes (read under its lock); what knows its size stays as it is.
    #[inline(always)]
    fn of(self, _size: u32) -> Self {
        self
    }

    /// Copies one element.
    ///
    /// # Safety
    /// `src` is readable and `dst` writable for `size()` bytes, and they do not overlap. For size 0 both may be anything.
    unsafe fn copy(self, dst: *mut u8, src: *const u8);
}

/// An element whose size is known at compile time.
#[derive(Clone, Copy)]
pub struct Fixed<const N: usize>;

impl<const N: usize> ElemOps for Fixed<N> {
    #[inline(always)]
    fn size(self) -> usize {
        N
    }
    #[inline(always)]
    unsafe fn copy(self, dst: *mut u8, src: *const u8) {
        if N != 0 {
            // SAFETY: the caller's contract is exactly that of copy_nonoverlapping for N bytes.
            unsafe { core::ptr::copy_nonoverlapping(src, dst, N) }
        }
    }
}

/// An element whose size is known at run time; the common small sizes are moved in registers.
#[derive(Clone, Copy)]
pub struct Dyn(pub usize);

impl ElemOps for Dyn {
    #[inline(always)]
    fn size(self) -> usize {
        self.0
    }
    #[inline(always)]
    fn of(self, size: u32) -> Dyn {
        Dyn(size as usize)
    }
    #[inline(always)]
    unsafe fn copy(self, dst: *mut u8, src: *const u8) {
        // SAFETY: both branches copy exactly `self.0` bytes, which the caller vouches for; alignment does not matter.
        unsafe {
            if self.0 == 8 {
                dst.cast::<u64>().write_unaligned(src.cast::<u64>().read_unaligned())
            } else {
                copy_other(dst, src, self.0)
            }
        }
    }
}

/// The sizes beside a word, out of line: a jump table in the middle of every operation costs the common case more.
///
/// # Safety
/// As `ElemOps::copy`.
#[inline(never)]
unsafe fn copy_other(dst: *mut u8, src: *const u8, n: usize) {
    // SAFETY: contract.
    unsafe {
        match n {
            4 => dst.cast::<u32>().write_unaligned(src.cast::<u32>().read_unaligned()),
            16 => dst.cast::<[u64; 2]>().write_unaligned(src.cast::<[u64; 2]>().read_unaligned()),
            0 => {}
            n => core::ptr::copy_nonoverlapping(src, dst, n),
        }
    }
}

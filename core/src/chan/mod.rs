//! Channels for Rust: `Sender<T>` and `Receiver<T>` over the raw channel.
//!
//! Both ends can be cloned. When the last `Sender` is dropped the channel closes; when the last `Receiver` is dropped sends fail; a failed send gives the value back.
//! A value larger than 64 KiB travels in a box.

pub mod batch;
pub mod later;
pub mod notify;
pub mod overflow;
pub mod raw;
pub mod returned;
pub mod select;
pub mod selector;
pub mod stub;

use crate::elem::{ElemOps, MAX_SIZE};
use crate::sched;
use crate::status::Status;
use crate::task::Wait;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit, align_of, size_of};
use core::ptr::NonNull;
use raw::{BLOCK, Layout, RawChan, TRY, UNTIL};

/// How a `T` is moved: its size is known here.
struct Typed<T>(PhantomData<T>);

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Typed<T> {}

impl<T> Typed<T> {
    /// Too large for a slot, or aligned more than the ring may be.
    const BOXED: bool = size_of::<T>() > MAX_SIZE || align_of::<T>() > 4096;
}

impl<T> ElemOps for Typed<T> {
    #[inline(always)]
    fn size(self) -> usize {
        if Self::BOXED { size_of::<Box<T>>() } else { size_of::<T>() }
    }
    #[inline(always)]
    unsafe fn copy(self, dst: *mut u8, src: *const u8) {
        if self.size() != 0 {
            // SAFETY: the caller's contract for `size()` bytes.
            unsafe { core::ptr::copy_nonoverlapping(src, dst, self.size()) }
        }
    }
}

unsafe extern "C" fn drop_value<T>(at: *mut c_void) {
    // A destructor that panics is caught: it must not unwind through the channel.
    let caught = std::panic::catch_unwind(|| {
        // SAFETY: the channel owns the value at `at` and drops it once; a zero-sized one may live anywhere.
        unsafe {
            if Typed::<T>::BOXED {
                at.cast::<Box<T>>().drop_in_place()
            } else if size_of::<T>() == 0 {
                NonNull::<T>::dangling().as_ptr().drop_in_place()
            } else {
                at.cast::<T>().drop_in_place()
            }
        }
    });
    if let Err(payload) = caught {
        sched::drop_payload(payload)
    }
}

/// A channel of `capacity` buffered values; 0 is a rendezvous.
///
/// # Panics
/// If the capacity overflows, or there is no memory.
pub fn channel<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (size, align) =
        if Typed::<T>::BOXED { (size_of::<Box<T>>(), align_of::<Box<T>>()) } else { (size_of::<T>(), align_of::<T>()) };
    let drop = if core::mem::needs_drop::<T>() || Typed::<T>::BOXED {
        Some(drop_value::<T> as unsafe extern "C" fn(*mut c_void))
    } else {
        None
    };
    let ch = match raw::create(Layout { size, align, drop }, capacity) {
        Ok(c) => c,
        Err(s) => panic!("gort::channel: {s}"),
    };
    // SAFETY: a live channel; the two ends take over, and the reference of `create` is given up.
    unsafe {
        raw::add_end(ch.as_ptr(), true);
        raw::add_end(ch.as_ptr(), false);
        let _ = raw::release(ch.as_ptr());
    }
    (Sender { ch, of: PhantomData }, Receiver { ch, of: PhantomData })
}

/// A send that failed, with the value.
pub struct SendError<T> {
    pub value: T,
    pub status: Status,
}

impl<T> core::fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SendError({:?})", self.status)
    }
}

impl<T> core::fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "send: {}", self.status)
    }
}

impl<T> std::error::Error for SendError<T> {}

/// Why a receive failed: CLOSED when closed and drained, or what ended the wait.
pub type RecvError = Status;

/// The sending end.
pub struct Sender<T> {
    ch: NonNull<RawChan>,
    of: PhantomData<fn(T) -> T>,
}

/// The receiving end.
pub struct Receiver<T> {
    ch: NonNull<RawChan>,
    of: PhantomData<fn(T) -> T>,
}

// SAFETY: every use of the channel is through its lock; values are Send and cross threads whole.
unsafe impl<T: Send> Send for Sender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Sender<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Receiver<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Sync for Receiver<T> {}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // SAFETY: live while we are.
        unsafe { raw::add_end(self.ch.as_ptr(), true) };
        Sender { ch: self.ch, of: PhantomData }
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        // SAFETY: live while we are.
        unsafe { raw::add_end(self.ch.as_ptr(), false) };
        Receiver { ch: self.ch, of: PhantomData }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // SAFETY: our end, dropped once.
        unsafe { raw::drop_end(self.ch.as_ptr(), true) }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        // SAFETY: our end, dropped once.
        unsafe { raw::drop_end(self.ch.as_ptr(), false) }
    }
}

impl<T: Send> Sender<T> {
    #[inline(always)]
    fn send_mode<const M: u8>(&self, value: T, wait: crate::wait::Wait) -> Result<(), SendError<T>> {
        let e = Typed::<T>(PhantomData);
        if Typed::<T>::BOXED {
            let mut b = ManuallyDrop::new(Box::new(value));
            // SAFETY: the box is read if the send succeeds, and ours again if not.
            let s = unsafe { raw::send_as::<_, M>(self.ch.as_ptr(), e, (&raw const b).cast(), wait) };
            if s.is_ok() {
                return Ok(());
            }
            // SAFETY: a failed send leaves the element with the sender (I6).
            let value = *unsafe { ManuallyDrop::take(&mut b) };
            return Err(SendError { value, status: s });
        }
        let value = ManuallyDrop::new(value);
        // SAFETY: the value is moved out by a successful send, and ours again if it fails (I6).
        let s = unsafe { raw::send_as::<_, M>(self.ch.as_ptr(), e, (&raw const value).cast(), wait) };
        if s.is_ok() { Ok(()) } else { Err(SendError { value: ManuallyDrop::into_inner(value), status: s }) }
    }

    /// Sends; blocks until a receiver or the buffer takes the value. CLOSED (with the value) on a closed channel.
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_mode::<BLOCK>(value, crate::wait::Wait::FOREVER)
    }

    /// Sends if it can go ahead now, else WOULD_BLOCK.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_mode::<TRY>(value, crate::wait::Wait::FOREVER)
    }

    /// Sends within limits.
    pub fn send_with(&self, value: T, wait: Wait) -> Result<(), SendError<T>> {
        self.send_mode::<UNTIL>(value, wait.raw())
    }

    /// Closes the channel for everybody. CLOSED if it is closed already.
    pub fn close(&self) -> Result<(), Status> {
        // SAFETY: live while we are.
        unsafe { raw::close(self.ch.as_ptr()) }.ok()
    }
}

impl<T: Send> Receiver<T> {
    #[inline(always)]
    fn recv_mode<const M: u8>(&self, wait: crate::wait::Wait) -> Result<T, Status> {
        let e = Typed::<T>(PhantomData);
        if Typed::<T>::BOXED {
            let mut b = MaybeUninit::<Box<T>>::uninit();
            // SAFETY: written on success only.
            let s = unsafe { raw::recv_as::<_, M>(self.ch.as_ptr(), e, b.as_mut_ptr().cast(), wait) };
            // SAFETY: as above.
            return if s.is_ok() { Ok(*unsafe { b.assume_init() }) } else { Err(s) };
        }
        let mut value = MaybeUninit::<T>::uninit();
        // SAFETY: written on success only.
        let s = unsafe { raw::recv_as::<_, M>(self.ch.as_ptr(), e, value.as_mut_ptr().cast(), wait) };
        // SAFETY: as above.
        if s.is_ok() { Ok(unsafe { value.assume_init() }) } else { Err(s) }
    }

    /// Receives; blocks until there is a value. CLOSED when the channel is closed and drained.
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        self.recv_mode::<BLOCK>(crate::wait::Wait::FOREVER)
    }

    /// Receives if there is a value now, else WOULD_BLOCK.
    #[inline]
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_mode::<TRY>(crate::wait::Wait::FOREVER)
    }

    /// Receives within limits.
    pub fn recv_with(&self, wait: Wait) -> Result<T, RecvError> {
        self.recv_mode::<UNTIL>(wait.raw())
    }

    /// Values until the channel is closed and drained (or the wait is ended otherwise).
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Tells senders that nobody will read.
    pub fn abandon(&self) {
        // SAFETY: live while we are.
        let _ = unsafe { raw::abandon(self.ch.as_ptr()) };
    }
}

macro_rules! both_ends {
    ($end:ident) => {
        impl<T> $end<T> {
            /// Values in the buffer now.
            pub fn len(&self) -> usize {
                // SAFETY: live while we are.
                unsafe { raw::len(self.ch.as_ptr()) }
            }

            /// Is the buffer empty now?
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values the buffer holds.
            pub fn capacity(&self) -> usize {
                // SAFETY: live while we are.
                unsafe { raw::cap(self.ch.as_ptr()) }
            }

            /// Is it closed?
            pub fn is_closed(&self) -> bool {
                // SAFETY: live while we are.
                unsafe { raw::is_closed(self.ch.as_ptr()) }
            }

            /// The raw channel, for the other faces. Borrowed.
            pub fn as_raw(&self) -> *const RawChan {
                self.ch.as_ptr()
            }
        }
    };
}
both_ends!(Sender);
both_ends!(Receiver);

/// See `Receiver::iter`.
pub struct Iter<'a, T>(&'a Receiver<T>);

impl<T: Send> Iterator for Iter<'_, T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<'a, T: Send> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;
    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

/// Values of a receiver that was given away.
pub struct IntoIter<T>(Receiver<T>);

impl<T: Send> Iterator for IntoIter<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T: Send> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;
    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

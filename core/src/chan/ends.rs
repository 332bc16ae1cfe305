//! The two ends of a channel: `Sender<T>` and `Receiver<T>`, and what iterates over it.
//!
//! Both ends can be cloned, and used from any task or thread. When the last `Sender` is dropped the channel closes; when the last `Receiver` is dropped sends fail; a failed send gives the
//! value back. (A plain handle of C or Python keeps the channel as it is: H6.)
//!
//! Each blocking call has three forms: `x` waits for ever, `try_x` never waits, `x_with` waits within limits. What else ends a wait is the same for all: `Status::Canceled` when the task is
//! cancelled (and at once, by every later call, until it ends or opens a shield), `Status::Deadlock`, `Status::Shutdown`. Several values at once: `many.rs`.

use super::notify;
use super::raw::{self, BLOCK, RawChan, TRY, UNTIL};
use super::typed::Typed;
use crate::status::Status;
use crate::task::Wait;
use crate::wait::Wait as Limits;
use core::marker::PhantomData;
use core::mem::{ManuallyDrop, MaybeUninit};
use core::ptr::NonNull;
use std::os::fd::BorrowedFd;

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

/// The sending end. It can not receive:
///
/// ```
/// let (tx, rx) = gort::channel::<u8>(1);
/// tx.send(1).unwrap();
/// assert_eq!(rx.recv(), Ok(1));
/// # tx.send(1).unwrap();
/// gort::select! { recv(rx) -> v => assert_eq!(v, Ok(1)) }.unwrap();
/// ```
/// ```compile_fail,E0599
/// let (tx, rx) = gort::channel::<u8>(1);
/// tx.send(1).unwrap();
/// assert_eq!(tx.recv(), Ok(1));
/// ```
/// ```compile_fail,E0277
/// let (tx, rx) = gort::channel::<u8>(1);
/// tx.send(1).unwrap();
/// gort::select! { recv(tx) -> v => assert_eq!(v, Ok(1)) }.unwrap();
/// ```
pub struct Sender<T> {
    ch: NonNull<RawChan>,
    of: PhantomData<fn(T) -> T>,
}

/// The receiving end. It can not send, and not close:
///
/// ```
/// let (tx, rx) = gort::channel::<u8>(2);
/// tx.send(1).unwrap();
/// gort::select! { send(tx, 2) => {} }.unwrap();
/// tx.close().unwrap();
/// assert_eq!(rx.iter().sum::<u8>(), 3);
/// ```
/// ```compile_fail,E0599
/// let (tx, rx) = gort::channel::<u8>(2);
/// rx.send(1).unwrap();
/// ```
/// ```compile_fail,E0277
/// let (tx, rx) = gort::channel::<u8>(2);
/// gort::select! { send(rx, 2) => {} }.unwrap();
/// ```
/// ```compile_fail,E0599
/// let (tx, rx) = gort::channel::<u8>(2);
/// rx.close().unwrap();
/// ```
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

impl<T: Send> Sender<T> {
    #[inline(always)]
    fn send_mode<const M: u8>(&self, value: T, wait: Limits) -> Result<(), SendError<T>> {
        let e = Typed::<T>::OPS;
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
        self.send_mode::<BLOCK>(value, Limits::FOREVER)
    }

    /// Sends if it can go ahead now, else WOULD_BLOCK.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_mode::<TRY>(value, Limits::FOREVER)
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
    fn recv_mode<const M: u8>(&self, wait: Limits) -> Result<T, Status> {
        let e = Typed::<T>::OPS;
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
        self.recv_mode::<BLOCK>(Limits::FOREVER)
    }

    /// Receives if there is a value now, else WOULD_BLOCK.
    #[inline]
    pub fn try_recv(&self) -> Result<T, RecvError> {
        self.recv_mode::<TRY>(Limits::FOREVER)
    }

    /// Receives within limits.
    pub fn recv_with(&self, wait: Wait) -> Result<T, RecvError> {
        self.recv_mode::<UNTIL>(wait.raw())
    }

    /// Values until the channel is closed and drained (or the wait is ended otherwise).
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Waits until there is something to receive, or the channel is closed; takes nothing.
    ///
    /// # Blocks
    /// Until a value is there, a sender waits, or the channel is closed: `Ok` for each of them. All who wait for readiness are told at once, and another receiver may take the value first: then
    /// `try_recv` gives WOULD_BLOCK, and one waits again. A value that goes to a receiver which has waited longer is not told of.
    ///
    /// # Errors
    /// As the other blocking calls.
    pub fn readable(&self) -> Result<(), Status> {
        self.readable_with(Wait::forever())
    }

    /// `readable` within limits.
    pub fn readable_with(&self, wait: Wait) -> Result<(), Status> {
        // SAFETY: live while we are.
        unsafe { notify::readable(self.ch.as_ptr(), wait.raw()) }.ok()
    }

    /// A file descriptor that becomes readable when there is something to receive, or the channel is closed: for a caller with a loop of its own (epoll, libuv, a GUI).
    ///
    /// It is an eventfd of the channel's, the same at every call and from every receiver, and is closed with the channel. Do not close it, and do not write to it.
    ///
    /// The order that loses nothing: wait until the descriptor is readable; read it (8 bytes); then `try_recv` (or `try_recv_many`, a select with `default`, `Selector::try_wait`) until WOULD_BLOCK, which arms it again. After each
    /// WOULD_BLOCK it becomes readable at least once when something comes; it may be readable for nothing, when another receiver was quicker. One who never got WOULD_BLOCK is told nothing new.
    ///
    /// # Errors
    /// `Status::Os` if the system has no descriptor left.
    pub fn notify_fd(&self) -> Result<BorrowedFd<'_>, Status> {
        // SAFETY: live while we are; the descriptor is the channel's, which lives as long as the borrow.
        unsafe { notify::notify_fd(self.ch.as_ptr()).map(|fd| BorrowedFd::borrow_raw(fd)) }
    }

    /// Tells senders that nobody will read: what is buffered is dropped, and sends fail with CLOSED.
    pub fn abandon(&self) {
        // SAFETY: live while we are.
        let _ = unsafe { raw::abandon(self.ch.as_ptr()) };
    }
}

macro_rules! both_ends {
    ($end:ident, $sends:expr) => {
        impl<T> $end<T> {
            /// Takes over an end that was counted in.
            ///
            /// # Safety
            /// `ch` is a live channel whose elements are as `Typed<T>` says; the caller gives up an end of it.
            pub(crate) unsafe fn of(ch: NonNull<RawChan>) -> Self {
                $end { ch, of: PhantomData }
            }

            /// Values that can be received without a sender now.
            pub fn len(&self) -> usize {
                // SAFETY: live while we are.
                unsafe { raw::len(self.ch.as_ptr()) }
            }

            /// Is the buffer empty now?
            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            /// How many values the buffer holds; `usize::MAX` for a channel without bound.
            pub fn capacity(&self) -> usize {
                // SAFETY: live while we are.
                unsafe { raw::cap(self.ch.as_ptr()) }
            }

            /// Is it closed? True stays true; false is a snapshot.
            pub fn is_closed(&self) -> bool {
                // SAFETY: live while we are.
                unsafe { raw::is_closed(self.ch.as_ptr()) }
            }

            /// The raw channel, for the other faces. Borrowed.
            pub fn as_raw(&self) -> *const RawChan {
                self.ch.as_ptr()
            }
        }

        impl<T> Clone for $end<T> {
            fn clone(&self) -> Self {
                // SAFETY: live while we are.
                unsafe { raw::add_end(self.ch.as_ptr(), $sends) };
                $end { ch: self.ch, of: PhantomData }
            }
        }

        impl<T> Drop for $end<T> {
            fn drop(&mut self) {
                // SAFETY: our end, dropped once.
                unsafe { raw::drop_end(self.ch.as_ptr(), $sends) }
            }
        }
    };
}
both_ends!(Sender, true);
both_ends!(Receiver, false);

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

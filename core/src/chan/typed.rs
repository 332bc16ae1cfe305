//! Channels of a Rust type: how a `T` stands in a channel, and how one is made.
//!
//! A value stands in a channel as its bytes; one above 64 KiB, or aligned to more than a page, as its box. `Elem` and `Room` are the two sides of that where a call keeps a value in place: the
//! cases of a select.
//!
//! What this is NOT: the ends (`ends.rs`), or a place on the heap (`place.rs`).

use super::ends::{Receiver, Sender};
use super::raw::{self, Layout, RawChan};
use crate::elem::{ElemOps, MAX_SIZE};
use crate::sched;
use crate::status::Status;
use core::ffi::c_void;
use core::marker::PhantomData;
use core::mem::{MaybeUninit, align_of, needs_drop, size_of};
use core::ptr::NonNull;

/// How a `T` is moved: its size is known here.
pub(super) struct Typed<T>(PhantomData<T>);

impl<T> Clone for Typed<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Typed<T> {}

impl<T> Typed<T> {
    pub(super) const OPS: Typed<T> = Typed(PhantomData);

    /// Too large for a slot, or aligned more than the ring may be.
    pub(super) const BOXED: bool = size_of::<T>() > MAX_SIZE || align_of::<T>() > 4096;

    fn layout() -> Layout {
        let (size, align) =
            if Self::BOXED { (size_of::<Box<T>>(), align_of::<Box<T>>()) } else { (size_of::<T>(), align_of::<T>()) };
        let drop = (needs_drop::<T>() || Self::BOXED).then_some(drop_value::<T> as unsafe extern "C" fn(*mut c_void));
        Layout { size, align, drop }
    }
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

/// A value as it stands in a channel: its owner's until a channel has taken it (`sent`). It is kept as bytes that may be no value any more: a box or a reference that the receiver has dropped may
/// not even be moved as one.
pub(super) struct Elem<T> {
    room: Room<T>,
    full: bool,
}

impl<T> Elem<T> {
    #[inline]
    pub(super) fn new(value: T) -> Elem<T> {
        let room = if Typed::<T>::BOXED {
            Room::Boxed(MaybeUninit::new(Box::new(value)))
        } else {
            Room::Here(MaybeUninit::new(value))
        };
        Elem { room, full: true }
    }

    /// Where a channel reads it.
    #[inline]
    pub(super) fn at(&mut self) -> *mut u8 {
        self.room.at()
    }

    /// A channel has taken it.
    #[inline]
    pub(super) fn sent(mut self) {
        self.full = false
    }

    /// No channel has taken it.
    #[inline]
    pub(super) fn into_inner(mut self) -> T {
        self.full = false;
        // SAFETY: it is there, and nobody asks for it again.
        unsafe { core::mem::replace(&mut self.room, Room::new()).into_inner() }
    }
}

impl<T> Drop for Elem<T> {
    #[inline]
    fn drop(&mut self) {
        if self.full {
            // SAFETY: it is there, and dropped once.
            unsafe {
                match &mut self.room {
                    Room::Here(value) => value.assume_init_drop(),
                    Room::Boxed(value) => value.assume_init_drop(),
                }
            }
        }
    }
}

/// Room for a value that comes from a channel. Dropping it drops no value.
pub(super) enum Room<T> {
    Here(MaybeUninit<T>),
    Boxed(MaybeUninit<Box<T>>),
}

impl<T> Room<T> {
    #[inline]
    pub(super) fn new() -> Room<T> {
        if Typed::<T>::BOXED { Room::Boxed(MaybeUninit::uninit()) } else { Room::Here(MaybeUninit::uninit()) }
    }

    /// Where a channel writes it.
    #[inline]
    pub(super) fn at(&mut self) -> *mut u8 {
        match self {
            Room::Here(value) => value.as_mut_ptr().cast(),
            Room::Boxed(value) => value.as_mut_ptr().cast(),
        }
    }

    /// The value.
    ///
    /// # Safety
    /// A channel has written it.
    #[inline]
    pub(super) unsafe fn into_inner(self) -> T {
        // SAFETY: contract.
        unsafe {
            match self {
                Room::Here(value) => value.assume_init(),
                Room::Boxed(value) => *value.assume_init(),
            }
        }
    }
}

/// A channel of `capacity` buffered values; 0 is a rendezvous.
///
/// # Panics
/// If the capacity overflows, or there is no memory.
pub fn channel<T: Send>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    ends("channel", raw::create(Typed::<T>::layout(), capacity))
}

/// A channel to which sends never wait: what the receivers have not taken yet is kept, in the order of the sends.
///
/// Its `capacity` is `usize::MAX`. A producer that is faster than its consumers fills the memory: a bounded channel holds it back instead. When there is no memory left a send fails with
/// `Status::NoMemory` and gives the value back. Room for a few values is kept with the channel; what is beyond it is given back as it is received.
///
/// ```
/// let (tx, rx) = gort::unbounded();
/// (0..1000).for_each(|n| tx.send(n).unwrap());
/// assert_eq!((tx.len(), tx.capacity()), (1000, usize::MAX));
/// drop(tx);
/// assert_eq!(rx.iter().sum::<u32>(), 499_500);
/// ```
///
/// # Panics
/// If there is no memory for the channel.
pub fn unbounded<T: Send>() -> (Sender<T>, Receiver<T>) {
    ends("unbounded", raw::create_unbounded(Typed::<T>::layout()))
}

/// The two ends of a channel that was just made.
fn ends<T: Send>(call: &str, made: Result<NonNull<RawChan>, Status>) -> (Sender<T>, Receiver<T>) {
    let ch = made.unwrap_or_else(|s| panic!("gort::{call}: {s}"));
    // SAFETY: a live channel; the two ends take over, and the reference of its creation is given up.
    unsafe {
        raw::add_end(ch.as_ptr(), true);
        raw::add_end(ch.as_ptr(), false);
        let _ = raw::release(ch.as_ptr());
        (Sender::of(ch), Receiver::of(ch))
    }
}

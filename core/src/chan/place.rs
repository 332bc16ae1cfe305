//! A place on the heap for one element of a channel, whose type its owner has forgotten: of the cases of `Select` and `Selector`.
//!
//!  P1  `full` says whether there is a value, which the place owns then: it is dropped once, by `clear`, by whoever takes it, or by the channel that took it (`mark`).
//!  P2  The place does not move while its owner does, and its memory is as the channel wants it: aligned, and a box for what travels in a box.
//!  P3  The type is what it was made for; whoever takes or fills names the same one.

use super::typed::Typed;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// What is known of the type.
struct Kind {
    /// Drops the value.
    drop: unsafe fn(*mut u8),
    /// Frees the memory.
    free: unsafe fn(*mut u8),
}

/// See the file's head.
pub(super) struct Place {
    at: NonNull<u8>,
    full: bool,
    kind: &'static Kind,
}

// SAFETY: the value is Send (the constructor asks), and the memory is nobody else's.
unsafe impl Send for Place {}

struct Of<E>(core::marker::PhantomData<E>);

impl<E> Of<E> {
    const KIND: Kind = Kind {
        // SAFETY: P1, P3: there is a value of type E.
        drop: |at| unsafe { at.cast::<E>().drop_in_place() },
        // SAFETY: P3: the box that `empty_of` gave up.
        free: |at| drop(unsafe { Box::from_raw(at.cast::<MaybeUninit<E>>()) }),
    };

    fn empty() -> Place {
        let at = Box::into_raw(Box::<E>::new_uninit());
        // SAFETY: a box is not null.
        Place { at: unsafe { NonNull::new_unchecked(at) }.cast(), full: false, kind: const { &Of::<E>::KIND } }
    }
}

impl Place {
    /// Without a value.
    pub(super) fn empty<T: Send>() -> Place {
        if Typed::<T>::BOXED { Of::<Box<T>>::empty() } else { Of::<T>::empty() }
    }

    /// With a value.
    pub(super) fn of<T: Send>(value: T) -> Place {
        let mut place = Place::empty::<T>();
        // SAFETY: it is empty, and of this type.
        unsafe { place.fill(value) };
        place
    }

    /// Where a channel reads or writes.
    pub(super) fn at(&self) -> *mut u8 {
        self.at.as_ptr()
    }

    /// A channel has put a value in, or taken it.
    ///
    /// # Safety
    /// It has.
    pub(super) unsafe fn mark(&mut self, full: bool) {
        self.full = full;
    }

    /// Puts a value in.
    ///
    /// # Safety
    /// P3, and it is empty.
    pub(super) unsafe fn fill<T: Send>(&mut self, value: T) {
        // SAFETY: contract; the memory is as P2 says.
        unsafe {
            if Typed::<T>::BOXED {
                self.at.cast::<Box<T>>().write(Box::new(value))
            } else {
                self.at.cast::<T>().write(value)
            }
        }
        self.full = true;
    }

    /// Takes the value, if there is one.
    ///
    /// # Safety
    /// P3.
    pub(super) unsafe fn take<T: Send>(&mut self) -> Option<T> {
        if !core::mem::replace(&mut self.full, false) {
            return None;
        }
        // SAFETY: contract, and there was a value (P1).
        unsafe {
            if Typed::<T>::BOXED { Some(*self.at.cast::<Box<T>>().read()) } else { Some(self.at.cast::<T>().read()) }
        }
    }

    /// Drops the value, if there is one.
    pub(super) fn clear(&mut self) {
        if core::mem::replace(&mut self.full, false) {
            // SAFETY: there was a value (P1).
            unsafe { (self.kind.drop)(self.at.as_ptr()) }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        /// Frees the memory also when the value's destructor panics.
        struct Memory(*mut u8, &'static Kind);
        impl Drop for Memory {
            fn drop(&mut self) {
                // SAFETY: the place is gone, and with it its value.
                unsafe { (self.1.free)(self.0) }
            }
        }
        let _memory = Memory(self.at.as_ptr(), self.kind);
        self.clear();
    }
}

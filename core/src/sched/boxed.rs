//! Objects behind handles that are ordinary Rust values: the slab's slot holds a box.
//!
//! What this is: how a value that is used without the object's lock gets a handle that is checked as every other is (D8). What it is NOT: for objects that are waited for; their state stands in the slot.
//!
//! BX1  The slot's kind is there only while its box is; the box is taken out under the lock, once.
//! BX2  A handle is looked at without the lock. A freed one is found by its kind; to free it while another call is in it is a mistake of the program's that is not found.

use super::objects::{self, Keeper};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::ptr::{NonNull, null_mut};

/// See the file's head.
#[repr(C, align(64))]
pub struct Boxed<T, const KIND: u8> {
    header: Header,
    inner: AtomicPtr<T>,
}

// SAFETY: repr(C), header first; zero is valid.
unsafe impl<T, const KIND: u8> Slot for Boxed<T, KIND> {
    const KIND: u8 = KIND;
}

impl<T, const KIND: u8> Boxed<T, KIND> {
    /// A handle for a value.
    pub fn create(keeper: &'static Keeper, slab: &'static Slab<Self>, value: T) -> Result<NonNull<Self>, Status> {
        let inner = Box::into_raw(Box::new(value));
        let made = objects::make(keeper, slab, |o| {
            o.inner.store(inner, Relaxed);
            o.header.refs.store(1, Relaxed);
            o.header.epoch.store(slab::epoch(), Relaxed);
            o.header.kind.store(KIND, Release);
        });
        if made.is_err() {
            // SAFETY: ours, not published.
            drop(unsafe { Box::from_raw(inner) });
        }
        made
    }

    /// The value behind a handle, given up: the caller drops it, outside of everything.
    ///
    /// # Safety
    /// `at` is a handle or null, and nobody else uses it (BX2).
    pub unsafe fn take(slab: &'static Slab<Self>, at: *const Self) -> Result<Box<T>, Status> {
        let mut inner = null_mut();
        // SAFETY: contract.
        let s = unsafe {
            objects::unmake(slab, at, |o| {
                inner = o.inner.swap(null_mut(), Relaxed);
                Status::Ok
            })
        };
        // SAFETY: the object's box, taken out under its lock (BX1).
        s.ok().map(|()| unsafe { Box::from_raw(inner) })
    }

    /// The value behind a handle.
    ///
    /// # Safety
    /// `at` is a handle or null, and is not freed while the value is used (BX2).
    #[inline(always)]
    pub unsafe fn of<'a>(at: *const Self) -> Result<&'a T, Status> {
        // SAFETY: contract; slots are type-stable, and one whose kind is ours has its box (BX1).
        unsafe {
            let o = at.as_ref().ok_or(Status::Invalid)?;
            o.header.check(KIND).ok()?;
            o.inner.load(Acquire).as_ref().ok_or(Status::Shutdown) // Acquire: pairs with the Release of the kind
        }
    }

    /// At shutdown, when nobody uses a handle any more: takes every value out.
    pub fn release_all(slab: &'static Slab<Self>, mut f: impl FnMut(Box<T>)) {
        slab.for_each(|slot| {
            // SAFETY: a slot of the slab; a value that is there is the object's own box (BX1).
            unsafe {
                let o = slot.as_ref();
                if o.header.kind.load(Relaxed) == KIND && !o.inner.load(Relaxed).is_null() {
                    f(Box::from_raw(o.inner.swap(null_mut(), Relaxed)))
                }
            }
        })
    }
}

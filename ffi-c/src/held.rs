//! Things of core's that are Rust values and no slab objects, as handles: an object of a slab holds a share of one, so that a
//! stale handle is told from a live one, and one of another kind from the right one.
//!
//! What this is NOT: knowledge about what is held; the noun files have it.
//!
//! H1  A call takes a share of the thing under the object's lock, and inside; it works without either, for the functions of the
//!     program run in there. So neither who frees it nor a shutdown, which waits for those inside, takes it from a call.
//! H2  Freeing takes the handle's meaning and the object at once; the thing goes with the last share.
//!
//! Rejected: calls that count themselves in and out at the object: after a shutdown there is none to come back to.

use core::any::Any;
use core::cell::Cell;
use core::ptr::{NonNull, null};
use core::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::Arc;

use gort_core::sched::enter;
use gort_core::sched::objects::{self, Keeper};
use gort_core::status::Status;
use gort_core::sys::slab::{self, Header, Slab, Slot};

use crate::ffi;

/// A thing, behind a thin pointer.
type Thing = Box<dyn Any + Send + Sync>;

#[repr(C, align(64))]
pub(crate) struct Object {
    header: Header,
    // ---- guarded by header.lock
    /// The handle's share, of `Arc::into_raw`.
    thing: Cell<*const Thing>,
}

const KIND_HELD: u8 = 32;

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for Object {
    const KIND: u8 = KIND_HELD;
}

static OBJECTS: Slab<Object> = Slab::new();
static KEEPER: Keeper =
    Keeper { name: "held_things", live: || OBJECTS.live(), release: free_all, reset: || OBJECTS.reset() };

/// At shutdown.
fn free_all() {
    OBJECTS.for_each(|slot| {
        // SAFETY: nobody is inside any more; the share that is there is ours.
        unsafe {
            let at = slot.as_ref().thing.replace(null());
            if !at.is_null() {
                drop(Arc::from_raw(at))
            }
        }
    });
}

/// A handle of what `thing` makes.
pub(crate) fn make<T: Any + Send + Sync>(
    thing: impl FnOnce() -> Result<T, Status>,
    what: &str,
) -> Result<NonNull<Object>, Status> {
    let thing: Thing = Box::new(ffi::explained(thing(), what)?);
    let at = Arc::into_raw(Arc::new(thing));
    let made = objects::make(&KEEPER, &OBJECTS, |o| {
        o.thing.set(at);
        o.header.refs.store(1, Relaxed);
        o.header.epoch.store(slab::epoch(), Relaxed);
        // Release: pairs with the lock's Acquire of whoever was given the handle.
        o.header.kind.store(KIND_HELD, Release);
    });
    if made.is_err() {
        // SAFETY: nobody has it.
        drop(unsafe { Arc::from_raw(at) });
    }
    ffi::explained(made, what)
}

/// A share of the thing of a handle, if it is a `T` (H1); `take`: the handle's own, and the handle is none any more (H2).
fn share<T: Any, C>(handle: *const C, what: &str, take: bool) -> Result<Arc<Thing>, Status> {
    let at: *const Object = ffi::handle(handle, what)?;
    let cx = ffi::explained(enter(), what)?;
    // SAFETY: slots are type-stable, and the header is checked under its lock; while that is held the handle's share is there.
    unsafe {
        let o = &*at;
        let valid = o.header.lock_as(KIND_HELD);
        if !valid.is_ok() {
            return ffi::explained(Err(cx.out(valid)), what);
        }
        let thing = o.thing.get();
        let right = (**thing).is::<T>();
        if right && take {
            o.thing.set(null());
            o.header.kind.store(0, Relaxed);
        } else if right {
            Arc::increment_strong_count(thing)
        }
        o.header.lock.unlock();
        if right && take {
            OBJECTS.free(NonNull::from(o));
        }
        cx.exit();
        if right {
            Ok(Arc::from_raw(thing))
        } else {
            ffi::fail(Status::Misuse, format_args!("{what}: the handle is of another kind"))
        }
    }
}

/// Works on the thing of a handle.
pub(crate) fn with<T: Any, C, R>(handle: *const C, what: &str, f: impl FnOnce(&T) -> R) -> Result<R, Status> {
    let thing = share::<T, C>(handle, what, false)?;
    // It is one: `share` has looked.
    (**thing).downcast_ref().map(f).ok_or(Status::Misuse)
}

/// Takes the handle; the thing, if no call works on it still. NULL is none.
pub(crate) fn take<T: Any, C>(handle: *mut C, what: &str) -> Result<Option<T>, Status> {
    if handle.is_null() {
        return Ok(None);
    }
    let thing: Option<Thing> = Arc::into_inner(share::<T, C>(handle, what, true)?);
    let own = thing.map(|thing| -> Box<dyn Any> { thing });
    Ok(own.and_then(|thing| thing.downcast().ok()).map(|thing| *thing))
}

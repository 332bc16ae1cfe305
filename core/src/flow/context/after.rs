//! A function that is to be called when a context ends, as a handle that faces without destructors have: it can be stopped, and is given back.
//!
//! F1  The handle has a reference of its context, so what it hung up is on a live one for as long as it may be taken off.
//! F2  Giving the handle back takes nothing off: the function is still called when the context ends. If the context goes before it ends, it never is.

use super::raw::{self, RawContext};
use crate::sched::enter;
use crate::sched::objects::{self, Keeper};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use crate::wait::cancel::Hook;
use core::ptr::{NonNull, null};

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_AFTER: u8 = 51;

/// See the file's head.
#[repr(C)]
pub struct After {
    header: Header,
    // ---- guarded by header.lock
    ctx: Cell<*const RawContext>,
    /// Of `Arc::into_raw`; null when nothing was hung up.
    hook: Cell<*const Hook>,
}

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for After {
    const KIND: u8 = KIND_AFTER;
}

static AFTERS: Slab<After> = Slab::new();
static KEEPER: Keeper =
    Keeper { name: "context_functions", live: || AFTERS.live(), release: || {}, reset: || AFTERS.reset() };

/// Runs `act` when the context ends, as `raw::hook`; at once if it has ended. INVALID, MISUSE, SHUTDOWN, NO_MEMORY: it is not run.
///
/// # Safety
/// `c` is a handle or null.
pub unsafe fn after(c: *const RawContext, act: Box<dyn FnOnce() + Send>) -> Result<NonNull<After>, Status> {
    // SAFETY: contract; the reference is the handle's (F1).
    unsafe {
        raw::retain(c).ok()?;
        let made = objects::make(&KEEPER, &AFTERS, |a| {
            a.ctx.set(c);
            a.hook.set(null());
            a.header.refs.store(1, Relaxed);
            a.header.epoch.store(slab::epoch(), Relaxed);
            // Release: pairs with the lock's Acquire of whoever was given the handle.
            a.header.kind.store(KIND_AFTER, Release);
        });
        match made {
            Ok(a) => {
                // Nobody has the handle yet.
                a.as_ref().hook.set(raw::hook(&*c, act).map_or(null(), Arc::into_raw));
                Ok(a)
            }
            Err(s) => {
                let _ = raw::release(c);
                Err(s)
            }
        }
    }
}

/// What a handle has: the context, and a share of the hook. `take`: and it is no handle any more.
unsafe fn share(a: *const After, take: bool) -> Result<(*const RawContext, Option<Arc<Hook>>), Status> {
    if a.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: slots are type-stable; what the handle has is there while its lock is held.
    unsafe {
        let r = &*a;
        let s = r.header.lock_as(KIND_AFTER);
        if !s.is_ok() {
            return Err(cx.out(s));
        }
        let (ctx, hook) = (r.ctx.get(), r.hook.get());
        if take {
            r.hook.set(null());
            r.header.kind.store(0, Relaxed);
        } else if !hook.is_null() {
            Arc::increment_strong_count(hook)
        }
        r.header.lock.unlock();
        if take {
            AFTERS.free(NonNull::from(r));
        }
        cx.exit();
        Ok((ctx, (!hook.is_null()).then(|| Arc::from_raw(hook))))
    }
}

/// It is not run any more: true if that prevented it. Does not wait for what it has started.
///
/// # Safety
/// `a` is a handle or null; it is not given back meanwhile.
pub unsafe fn stop(a: *const After) -> Result<bool, Status> {
    // SAFETY: contract; the handle keeps its context (F1).
    unsafe {
        let (ctx, hook) = share(a, false)?;
        Ok(hook.is_some_and(|h| raw::unhook(&*ctx, &h)))
    }
}

/// Gives the handle back (F2).
///
/// # Safety
/// `a` is a handle of the caller's, or null.
pub unsafe fn free(a: *const After) -> Status {
    // SAFETY: contract; the reference was the handle's.
    unsafe {
        match share(a, true) {
            Ok((ctx, hook)) => {
                drop(hook);
                raw::release(ctx)
            }
            Err(s) => s,
        }
    }
}

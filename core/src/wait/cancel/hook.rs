//! Hooks: what is to be done when a source is cancelled, by whoever cancels it (cancel.rs X5). A context's done channel is closed so, its timer goes, its `after_func` starts.
//!
//!  H1  The list and `hooked` are guarded by the root's lock. A hook is in the list of one source, or was taken by whoever cancelled that, or was taken off.
//!  H2  The list has a reference, and with it the hook's function: whoever takes it off has that one, and runs the function or drops it, once, with no lock held and outside the bracket.
//!  H3  The function is gort's own: it does not block, and what it touches it owns. It must not keep the source's owner alive, for the source would then keep itself.

use super::CancelSource;
use crate::sys::prim::*;
use core::cell::UnsafeCell;
use core::ptr::{from_ref, null};

type Act = Box<dyn FnOnce() + Send>;

/// See the file's head.
pub struct Hook {
    // ---- guarded by the root's lock
    next: Cell<*const Hook>,
    prev: Cell<*const Hook>,
    hooked: Cell<bool>,
    // ---- of whoever took it off (H2)
    act: UnsafeCell<Option<Act>>,
}

// SAFETY: the links are guarded by the lock; the function is Send, and one has it.
unsafe impl Send for Hook {}
// SAFETY: as above.
unsafe impl Sync for Hook {}

/// When `source` is cancelled, `act` is run. If it was cancelled before, `act` comes back.
///
/// # Safety
/// The source is live.
pub unsafe fn hook(source: &CancelSource, act: Act) -> Result<Arc<Hook>, Act> {
    let h = Arc::new(Hook {
        next: Cell::new(null()),
        prev: Cell::new(null()),
        hooked: Cell::new(true),
        act: UnsafeCell::new(Some(act)),
    });
    let in_list = Arc::into_raw(h.clone());
    let in_time = source.lock().with(|| {
        if source.flag.load(Relaxed) != 0 {
            return false;
        }
        let first = source.hooks.get();
        h.next.set(first);
        // SAFETY: what is in the list lives (H2).
        if let Some(first) = unsafe { first.as_ref() } {
            first.prev.set(in_list)
        }
        source.hooks.set(in_list);
        true
    });
    if in_time {
        return Ok(h);
    }
    // SAFETY: it is in no list, so the list's reference and the function are ours (H2).
    unsafe {
        drop(Arc::from_raw(in_list));
        Err((*h.act.get()).take().unwrap_or_else(|| Box::new(|| ())))
    }
}

/// Takes it off: true if the function will not be run. False: whoever cancels has taken it, and has run it or will.
///
/// # Safety
/// `h` is of this source, which is live.
pub unsafe fn unhook(source: &CancelSource, h: &Arc<Hook>) -> bool {
    let was = source.lock().with(|| {
        let was = h.hooked.replace(false);
        if was {
            let (next, prev) = (h.next.get(), h.prev.get());
            // SAFETY: neighbours are in the list too, and live.
            unsafe {
                match prev.as_ref() {
                    Some(p) => p.next.set(next),
                    None => source.hooks.set(next),
                }
                if let Some(n) = next.as_ref() {
                    n.prev.set(prev)
                }
            }
        }
        was
    });
    if was {
        // SAFETY: taken off by us (H2); the list's reference is ours now.
        unsafe {
            drop((*h.act.get()).take());
            drop(Arc::from_raw(from_ref::<Hook>(h)));
        }
    }
    was
}

/// Hooks that were taken by a cancellation, in a list of their own: in the order in which they were hung up, and those of a source before those of its children.
pub(super) struct Taken {
    first: *const Hook,
    last: *const Hook,
}

impl Taken {
    pub(super) fn none() -> Taken {
        Taken { first: null(), last: null() }
    }

    /// Under the lock: all of a list, whose first is the newest.
    pub(super) fn take(&mut self, list: &Cell<*const Hook>) {
        let newest = list.replace(null());
        let (mut h, mut later) = (newest, null());
        // SAFETY: what is in a list lives (H2).
        unsafe {
            while let Some(hook) = h.as_ref() {
                hook.hooked.set(false);
                later = core::mem::replace(&mut h, hook.next.replace(later));
            }
            if !newest.is_null() {
                match self.last.as_ref() {
                    Some(last) => last.next.set(later),
                    None => self.first = later,
                }
                self.last = newest;
            }
        }
    }

    /// Outside the bracket, with no lock held: runs them.
    pub(super) fn fire(self) {
        self.each(|act| act())
    }

    /// The same for a source that ends: drops them.
    pub(super) fn discard(self) {
        self.each(drop)
    }

    fn each(self, mut f: impl FnMut(Act)) {
        let mut h = self.first;
        // SAFETY: taken by us: the list's reference is ours, and so is the function (H2); the link is read before it goes.
        unsafe {
            while let Some(hook) = h.as_ref() {
                let this = core::mem::replace(&mut h, hook.next.get());
                if let Some(act) = (*hook.act.get()).take() {
                    f(act)
                }
                drop(Arc::from_raw(this));
            }
        }
    }
}

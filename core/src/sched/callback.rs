//! `Callback`: a party that is neither a task nor a thread: when its wait is won a function is called. An event loop of a host waits so (asyncio), from which nothing may be parked.
//!
//! It is enlisted by an operation that would have to wait (`chan/later.rs`), and its owner may withdraw it. What this is NOT: an observer (D10): it takes part in the hand-over, and the
//! value goes into its slot.
//!
//! C1  Slab objects, so a late waker may look at a ticket that is long over (D5).
//! C2  Whoever wins the ticket calls the function, once, inside the bracket and with no lock held: it must not block, call gort, or run code of a user.
//! C3  After that call the winner touches nothing of it; the owner frees it.

use super::objects::{self, Keeper};
use super::party::{Party, Who};
use super::{Cx, enter};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};

pub const KIND_CALLBACK: u8 = 6;

/// What is called when the wait is won.
pub type Call = unsafe fn(Cx, &Callback);

/// See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct Callback {
    header: Header,
    pub party: Party,
    /// Where a small element travels: the receiver finds it here, the sender puts it here.
    pub slot: UnsafeCell<[u64; 2]>,
    // ---- the owner's, set before it is enlisted
    call: Cell<Option<Call>>,
    pub arg: Cell<*mut ()>,
    /// The owner's; gort does not look at it.
    pub data: Cell<*mut ()>,
    // ---- the winner's, until the owner has seen the call
    pub link: Cell<*const Callback>,
}

// SAFETY: repr(C), header first; zero is valid (an all-zero party, None, null pointers).
unsafe impl Slot for Callback {
    const KIND: u8 = KIND_CALLBACK;
}

static CALLBACKS: Slab<Callback> = Slab::new();
static KEEPER: Keeper =
    Keeper { name: "callbacks", live: || CALLBACKS.live(), release: || {}, reset: || CALLBACKS.reset() };

impl Callback {
    /// A party that calls `call`. NO_MEMORY, or SHUTDOWN.
    pub fn create(call: Call, arg: *mut ()) -> Result<NonNull<Callback>, Status> {
        objects::make(&KEEPER, &CALLBACKS, |c| {
            c.party.set_who(Who::Callback);
            c.call.set(Some(call));
            c.arg.set(arg);
            c.data.set(null_mut());
            c.link.set(core::ptr::null());
            c.header.refs.store(1, Relaxed);
            c.header.epoch.store(slab::epoch(), Relaxed);
            // Release: pairs with the Acquire of the slab's walkers.
            c.header.kind.store(KIND_CALLBACK, Release);
        })
    }

    /// One that stands in memory of the caller's instead of the slab: nothing enlists it, it is only told of (`told.rs`).
    pub fn apart(call: Call) -> Callback {
        #[cfg(not(loom))]
        // SAFETY: zero is valid (see above).
        let c: Callback = unsafe { core::mem::zeroed() };
        #[cfg(loom)]
        let c = Callback::default();
        c.party.set_who(Who::Callback);
        c.call.set(Some(call));
        c
    }

    /// Gives it back.
    ///
    /// # Safety
    /// It is the caller's; its last wait has ended, and the function was called if that was won.
    pub unsafe fn free(c: NonNull<Callback>) {
        let cx = enter(); // MISUSE: a winner's call, which is inside already
        // SAFETY: contract; inside, so that no shutdown comes between the look at the epoch and the end.
        unsafe {
            let r = c.as_ref();
            // Else it is of a runtime that is gone, and so is its memory.
            if r.header.epoch.load(Relaxed) == slab::epoch() {
                r.arg.set(null_mut());
                r.header.kind.store(0, Relaxed);
                CALLBACKS.free(c)
            }
        }
        if let Ok(cx) = cx {
            cx.exit()
        }
    }

    /// The callback a party is part of.
    ///
    /// # Safety
    /// `party` is the `party` field of a callback.
    pub unsafe fn of<'a>(party: *const Party) -> &'a Callback {
        // SAFETY: the party is at a fixed offset in it; slots are type-stable.
        unsafe { &*party.byte_sub(core::mem::offset_of!(Callback, party)).cast() }
    }

    /// The winner calls (C2).
    pub(super) unsafe fn call(&self, cx: Cx) {
        if let Some(call) = self.call.get() {
            // SAFETY: C2.
            unsafe { call(cx, self) }
        }
    }
}

//! Parties that were met under a lock and are made ready after it is released (`Meet`, party.rs W2).
//!
//! A wake list travels in the frame of whoever holds the lock; this one hangs on the thread, because it is filled in the depth of `pop_winner`, on a path that nearly no operation takes, and
//! emptied by whoever unlocks: for a wait that is the commit, which stands on another stack of the same thread.
//!
//! T1  The thread's own, filled and emptied inside the bracket; empty whenever the thread leaves it.
//! T2  A party is on it once: its teller won its ticket, or raised the flag that says so (`chan/notify.rs`).

use super::party::Party;
use super::thread::Thread;
use super::{Cx, wake};
use core::ptr::null;

/// Notes `party`, to be made ready after the unlock.
///
/// # Safety
/// As `ready`, but that a lock is held; inside the bracket.
#[cold]
pub unsafe fn tell_later(party: *const Party) {
    // SAFETY: inside, so the thread is registered; a party to be made ready has a link that is ours (party.rs I3).
    unsafe {
        let th = &*Thread::get();
        let others = th.told.replace(party);
        (*party).link.set(if cfg!(feature = "mutant_tell_the_last_only") { null() } else { others });
    }
}

/// Makes ready whoever was met. No lock is held.
#[inline(always)]
pub fn tell(cx: Cx) {
    if !cx.thread.told.get().is_null() {
        tell_all(cx)
    }
}

#[cold]
fn tell_all(cx: Cx) {
    let mut p = cx.thread.told.replace(null());
    while !p.is_null() {
        // SAFETY: T2; the link is read before the party is made ready.
        unsafe {
            let next = (*p).link.get();
            wake(cx, p); // telling is no order (docs/memory-model.md)
            p = next;
        }
    }
}

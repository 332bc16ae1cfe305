//! When may memory that lock-free readers may still look at be given back? The room of crossbeam-epoch, and its only door.
//!
//! What this is: `pin`, which says "this thread reads now", and `Mark`, which turns ripe when everybody who read while it was made has left. What it is NOT: an owner of memory. Whoever unlinks
//! something keeps it in a list of its own, with a mark, and frees it itself when the mark is ripe: so user code (a drop) runs where its owner wants it, and never within somebody's pin.
//!
//! E1  A pin belongs to the OS thread. Nothing parks while one is held: a task could go on on another thread. (What is bound to its thread may; then marks ripen late.)
//! E2  The participant stands in `Thread`, which is never freed (H1 there), so there is no thread-local with a destructor, and no address that a compiler keeps over a switch (`sys/tls.rs`).
//! E3  What is deferred is a store and the drop of a counted pointer: it may run in any thread's pin.
//! E4  A fork's child begins with a collector of its own: threads that are not there would be pinned for ever. Marks from before do not ripen there.
//!
//! Rejected: `crossbeam_epoch::pin` (its thread-local is read in inlined code, see E2); deferring the drops themselves (they would run within a stranger's read, at any time, or never).

use super::thread::Thread;
use crate::sys::prim::*;
use core::cell::OnceCell;
use core::ptr::null_mut;
use crossbeam_epoch::{Collector, Guard, LocalHandle};

/// The process's collector; null until somebody reads. Never freed.
static COLLECTOR: AtomicPtr<Collector> = AtomicPtr::new(null_mut());

/// A thread's participant; owner only.
pub struct Reader(OnceCell<LocalHandle>);

impl Reader {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Reader {
        Reader(OnceCell::new())
    }
}

/// While it lives, what this thread can find is not given back. Not `Send`.
pub struct Pin(Guard);

/// Says that this thread reads.
#[inline]
pub fn pin() -> Pin {
    // SAFETY: null, or a leaked Thread of this OS thread (H1, H4 in thread.rs).
    match unsafe { Thread::get().as_ref() }.and_then(|t| t.reader.0.get()) {
        Some(r) => Pin(r.pin()),
        None => pin_first(),
    }
}

#[cold]
#[inline(never)]
fn pin_first() -> Pin {
    if Thread::get().is_null() {
        // The first call of this OS thread: it becomes a thread of gort's, as by any other call.
        match super::enter() {
            Ok(cx) => cx.exit(),
            Err(s) => super::bug(&format!("a thread without a record could not get one: {s}")),
        }
    }
    // SAFETY: set just now, or before; as above.
    let t = unsafe { &*Thread::get() };
    Pin(t.reader.0.get_or_init(|| collector().register()).pin())
}

fn collector() -> &'static Collector {
    // Acquire: pairs with the Release of whoever made it.
    let mut c = COLLECTOR.load(Acquire);
    if c.is_null() {
        let fresh = Box::into_raw(Box::default());
        match COLLECTOR.compare_exchange(null_mut(), fresh, AcqRel, Acquire) {
            Ok(_) => c = fresh,
            Err(other) => {
                // SAFETY: ours, and not published.
                drop(unsafe { Box::from_raw(fresh) });
                c = other;
            }
        }
    }
    // SAFETY: made above or by another, never freed.
    unsafe { &*c }
}

/// In a fork's child: nobody else is there (E4).
pub fn forget_after_fork() {
    COLLECTOR.store(null_mut(), Relaxed);
    // SAFETY: as in `pin`.
    if let Some(t) = unsafe { Thread::get().as_ref() } {
        // SAFETY: the owner's own field, and it holds no pin over a fork. The old participant is left as it is: giving it back would touch lists that may be torn.
        unsafe { core::ptr::from_ref(&t.reader).cast_mut().write(Reader::new()) }
    }
}

/// Turns ripe when every pin is gone that was held when it was made.
pub struct Mark(Arc<AtomicBool>);

impl Mark {
    /// What it is for was unlinked before. Allocates.
    pub fn new(pin: &Pin) -> Mark {
        let ripe = Arc::new(AtomicBool::new(false));
        let told = ripe.clone();
        // Release: pairs with the Acquire in `is_ripe`; the collector orders what readers did before this.
        pin.0.defer(move || told.store(true, Release));
        pin.0.flush();
        Mark(ripe)
    }

    pub fn is_ripe(&self) -> bool {
        self.0.load(Acquire)
    }
}

/// Helps marks to ripen: they do by themselves while threads pin.
pub fn hurry() {
    pin().0.flush()
}

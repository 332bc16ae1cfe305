//! A descriptor with a counter (eventfd): readable while it is not zero. For whoever waits in a loop of its own.
//!
//! What this is NOT: a way to wait inside gort; that is the futex.

#[cfg(not(loom))]
use libc::c_int;

/// A new one, at zero; not inherited by programs that are executed, and never blocking. None: the system has none left.
#[cfg(not(loom))]
pub fn create() -> Option<c_int> {
    // SAFETY: no memory of ours is given.
    let fd = unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) };
    (fd >= 0).then_some(fd)
}

/// Makes it readable.
///
/// # Safety
/// `fd` is from `create` and not closed.
#[cfg(not(loom))]
pub unsafe fn raise(fd: c_int) {
    let one = 1u64;
    // SAFETY: the eight bytes of `one`. The counter can not overflow in any process's life, and else the write fails: it is readable then too.
    let write = || unsafe { libc::write(fd, core::ptr::from_ref(&one).cast(), 8) };
    let _ = super::race::alone(write); // a race detector takes it for an order, which nobody promises
}

/// Gives it back.
///
/// # Safety
/// As `raise`; nobody uses it afterwards.
#[cfg(not(loom))]
pub unsafe fn close(fd: c_int) {
    // SAFETY: contract.
    unsafe { libc::close(fd) };
}

#[cfg(loom)]
pub use model::*;

/// In the models: a counter that a reader may wait for. Whoever uses one that is closed is caught.
#[cfg(loom)]
mod model {
    use crate::sys::clock::NEVER;
    use crate::sys::prim::*;
    use crate::sys::{futex, slab};
    use libc::c_int;

    /// See the file's head.
    #[derive(Default)]
    pub struct Descriptor {
        count: AtomicU32,
        /// Read by whoever uses it, written by `close`: loom reports two that are not ordered.
        closed: Cell<bool>,
    }

    pub fn create() -> Option<c_int> {
        Some(slab::number_of(slab::leak(Descriptor::default())) as c_int)
    }

    fn of(fd: c_int) -> &'static Descriptor {
        slab::of_number(fd as usize)
    }

    /// # Safety
    /// See above.
    pub unsafe fn raise(fd: c_int) {
        let d = of(fd);
        assert!(!d.closed.get(), "a write to a closed descriptor");
        d.count.fetch_add(1, AcqRel);
        futex::wake(&d.count, i32::MAX);
    }

    /// # Safety
    /// See above.
    pub unsafe fn close(fd: c_int) {
        assert!(!of(fd).closed.replace(true), "closed twice");
    }

    /// Is it closed?
    pub fn is_closed(fd: c_int) -> bool {
        of(fd).closed.get()
    }

    /// What poll does: waits until it is readable.
    pub fn wait(fd: c_int) {
        while of(fd).count.load(Acquire) == 0 {
            futex::wait(&of(fd).count, 0, NEVER);
        }
    }

    /// What read does: how often it was raised since.
    pub fn read(fd: c_int) -> u32 {
        of(fd).count.swap(0, AcqRel)
    }
}

//! Barriers: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/barrier.rs`, whose `RawBarrier` is laid out as `gort_barrier` and is used in place.

use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::barrier::RawBarrier;
use gort_core::wait::Wait;

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// So many wait for one another, tasks and threads alike; the last one lets all go on: `gort_barrier b = GORT_BARRIER_INIT(n);`.
///
/// It may be used again at once: whoever comes after the last one waits for the next round. It is a plain struct; there is nothing to
/// make and nothing to free. Its memory may go as soon as nobody comes to it any more. It must not be copied or moved while somebody
/// waits. In the child of a fork nobody has come. Thread-safety: any thread or task.
/// Blocking calls: gort_barrier_wait(), gort_barrier_wait_until().
#[repr(C)]
pub struct gort_barrier {
    /// gort's.
    pub word: u64,
    /// How many must come, at least 1. Set once.
    pub parties: u32,
    /// gort's.
    pub reserved: u32,
}

const _: () = assert!(
    size_of::<gort_barrier>() == size_of::<RawBarrier>() && align_of::<gort_barrier>() == align_of::<RawBarrier>()
);

/// Waits until all have come. Blocks until the last one comes, who does not wait. Woken by it, and by the cancellation of the
/// caller. `last` (it may be NULL) becomes true for the last one.
///
/// Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: it has not come, and the
/// others go on waiting; GORT_INVALID for NULL and for a barrier of none. `last` is written on success only.
/// Ordering: what was written before any call of a round is seen after each of them. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_barrier_wait(barrier: *mut gort_barrier, last: *mut bool) -> gort_status {
    // SAFETY: as in `on`; `last` is NULL or writable.
    ffi::hot(|| unsafe { passed(on(barrier)?.wait(Wait::FOREVER), last) })
}

/// Goes on if it is the last one, and lets the others go on. Never blocks. GORT_WOULD_BLOCK: it is not, and it has not come.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID as gort_barrier_wait(). Ordering and thread-safety: as that.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_barrier_try_wait(barrier: *mut gort_barrier) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { passed(on(barrier)?.try_wait(), core::ptr::null_mut()) })
}

/// gort_barrier_wait(), at most until `deadline` or until `ctx` is cancelled.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). Errors: as gort_barrier_wait(), and GORT_TIMED_OUT. `ctx` may be
/// NULL. Ordering and thread-safety: as gort_barrier_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_barrier_wait_until(
    barrier: *mut gort_barrier,
    last: *mut bool,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`; `last` is NULL or writable.
    ffi::hot(|| unsafe { passed(on(barrier)?.wait(ffi::limits(deadline, ctx)?), last) })
}

/// How many wait at it. Others may come and go meanwhile. 0 for NULL.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_barrier_arrived(barrier: *const gort_barrier) -> u32 {
    // SAFETY: as in `on`.
    unsafe { on(barrier) }.map_or(0, RawBarrier::arrived)
}

/// # Safety
/// `last` is NULL or writable.
unsafe fn passed(result: Result<bool, Status>, last: *mut bool) -> Result<(), Status> {
    match result {
        Ok(is_last) => {
            // SAFETY: contract.
            unsafe { ffi::put(last, is_last) };
            Ok(())
        }
        Err(Status::Invalid) => ffi::fail(Status::Invalid, format_args!("a barrier of no parties")),
        Err(s) => Err(s),
    }
}

/// Core's barrier in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_barrier) -> Result<&'a RawBarrier, Status> {
    let at: *const RawBarrier = ffi::handle(at, "the barrier")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

//! Conditions: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/cond.rs`, whose `RawCond` is laid out as `gort_cond` and is used in place.

use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::cond::RawCond;
use gort_core::sync::mutex::RawMutex;
use gort_core::wait::Wait;

use crate::ffi;
use crate::mutex::gort_mutex;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A condition: tasks and threads wait with it for a change of what a mutex guards.
///
/// It is a plain struct. Storage that is zero, or `= GORT_COND_INIT`, is one that nobody waits for; there is nothing to make and
/// nothing to free. Its memory may go when nobody waits and nobody signals. It must not be copied or moved while somebody waits.
///
///     gort_mutex_lock(&m);
///     while (queue_is_empty()) gort_cond_wait(&c, &m);
///
/// Who waits is let go on by a signal and by nothing else, in the order of coming. Somebody else may still have the mutex first: so
/// look again. Thread-safety: any thread or task. Blocking calls: gort_cond_wait(), gort_cond_wait_until().
#[repr(C)]
pub struct gort_cond {
    /// gort's.
    pub word: u64,
    /// gort's.
    pub reserved: u64,
}

const _: () =
    assert!(size_of::<gort_cond>() == size_of::<RawCond>() && align_of::<gort_cond>() == align_of::<RawCond>());

/// Unlocks `mutex`, waits for a signal, and locks it again. Blocks until one comes that is for this caller; a signal that
/// follows the unlock is not missed. Woken by gort_cond_signal() and gort_cond_broadcast(), and by the cancellation of the caller.
///
/// Blocks: the task (on a plain thread: the thread). Locking the mutex again may block too, and nothing ends that wait.
/// Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: there was no signal for it, and the mutex is locked again; GORT_MISUSE if the
/// mutex is not locked, and nothing was done; GORT_INVALID for NULL.
/// Ordering: what was written before a signal is seen after the wait that it ends. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_cond_wait(cond: *mut gort_cond, mutex: *mut gort_mutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { wait(cond, mutex, Wait::FOREVER) })
}

/// gort_cond_wait(), at most until `deadline` or until `ctx` is cancelled.
///
/// Blocks: as gort_cond_wait(), at most until `deadline` (GORT_NEVER: for ever), but for locking the mutex again.
/// Errors: as gort_cond_wait(), and GORT_TIMED_OUT; the mutex is locked again. `ctx` may be NULL.
/// Ordering and thread-safety: as gort_cond_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_cond_wait_until(
    cond: *mut gort_cond,
    mutex: *mut gort_mutex,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { wait(cond, mutex, ffi::limits(deadline, ctx)?) })
}

/// Lets the one go on that has waited for longest. Nothing happens if nobody waits. The mutex need not be locked; whoever
/// changed what is waited for must have had it.
///
/// Blocks: never. Errors: GORT_INVALID for NULL. Ordering: as gort_cond_wait(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_cond_signal(cond: *mut gort_cond) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(cond)?.signal_one().ok() })
}

/// Lets all go on who wait now. As gort_cond_signal().
///
/// Blocks: never. Errors: GORT_INVALID for NULL. Ordering: as gort_cond_wait(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_cond_broadcast(cond: *mut gort_cond) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(cond)?.broadcast().ok() })
}

/// # Safety
/// As in `on`, for both.
unsafe fn wait(cond: *mut gort_cond, mutex: *mut gort_mutex, limits: Wait) -> Result<(), Status> {
    let mutex: *const RawMutex = ffi::handle(mutex, "the mutex")?;
    // SAFETY: contract; a mutex is laid out as core's.
    let status = unsafe { on(cond)?.wait(&*mutex, limits) };
    // In a handler of a signal it is MISUSE as well; there nothing is said.
    match status {
        // SAFETY: as above.
        Status::Misuse if !unsafe { (*mutex).is_locked() } => {
            ffi::fail(Status::Misuse, format_args!("the mutex is not locked"))
        }
        s => s.ok(),
    }
}

/// Core's condition in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_cond) -> Result<&'a RawCond, Status> {
    let at: *const RawCond = ffi::handle(at, "the condition")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

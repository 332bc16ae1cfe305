//! Events: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/event.rs`, whose `RawEvent` is laid out as `gort_event` and is used in place.

use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::event::RawEvent;
use gort_core::wait::Wait;

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A flag that is waited for, by tasks and threads alike. Whoever sets it lets all go on who wait, and whoever comes while it is set
/// does not wait.
///
/// It is a plain struct. Storage that is zero, or `= GORT_EVENT_INIT`, is one that is not set; there is nothing to make and nothing to
/// free. Its memory may go as soon as nobody comes to it any more. It must not be copied or moved while somebody waits.
/// Thread-safety: any thread or task. Blocking calls: gort_event_wait(), gort_event_wait_until().
#[repr(C)]
pub struct gort_event {
    /// gort's.
    pub word: u64,
    /// gort's.
    pub reserved: u64,
}

const _: () =
    assert!(size_of::<gort_event>() == size_of::<RawEvent>() && align_of::<gort_event>() == align_of::<RawEvent>());

/// Sets it: all who wait go on, also if it is cleared before they run. Nothing happens if it is set.
///
/// Blocks: never. Errors: GORT_INVALID for NULL. Ordering: what was written before it is set is seen by whoever finds it so.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_event_set(event: *mut gort_event) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(event)?.set().map(|_| ()) })
}

/// Clears it: whoever comes now waits until it is set again. Nothing happens if it is not set.
///
/// Blocks: never. Errors: GORT_INVALID for NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_event_clear(event: *mut gort_event) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(event)?.clear().map(|_| ()) })
}

/// Is it set? False for NULL.
///
/// Blocks: never. Errors: none. Ordering: as gort_event_set(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_event_is_set(event: *const gort_event) -> bool {
    // SAFETY: as in `on`.
    unsafe { on(event) }.is_ok_and(RawEvent::is_set)
}

/// Waits until it is set. Blocks while it is not; woken by gort_event_set(), and by the cancellation of the caller.
///
/// Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL.
/// Ordering: as gort_event_set(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_event_wait(event: *mut gort_event) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(event)?.wait(Wait::FOREVER).ok() })
}

/// GORT_OK if it is set at this instant, else GORT_WOULD_BLOCK. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_event_set(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_event_try_wait(event: *mut gort_event) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(event)?.try_wait().ok() })
}

/// gort_event_wait(), at most until `deadline` or until `ctx` is cancelled.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). Errors: as gort_event_wait(), and GORT_TIMED_OUT. `ctx` may be NULL.
/// Ordering: as gort_event_set(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_event_wait_until(
    event: *mut gort_event,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(event)?.wait(ffi::limits(deadline, ctx)?).ok() })
}

/// Core's event in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_event) -> Result<&'a RawEvent, Status> {
    let at: *const RawEvent = ffi::handle(at, "the event")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

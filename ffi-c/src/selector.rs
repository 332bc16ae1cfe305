//! Selectors: cases that are registered once, so that a wait costs what happened and not what could have.
//!
//! What this is NOT: the ready list and its order; those are core's `chan/selector.rs`. A case is copied when it is
//! registered (`select.rs` looks it over); its element stays the caller's.

use gort_core::chan::selector as raw;
use gort_core::status::Status;
use gort_core::wait::Wait;

use crate::ffi;
use crate::select::{ALONE, bad_channel, gort_case, registered};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A set of cases that stays from wait to wait: for loops over many channels, where gort_select() would look at each of them
/// each time.
///
/// Ownership: gort_selector_new() makes one, gort_selector_free() frees it. It holds a reference of each channel in it. The
/// elements of its cases stay the caller's, and must stay where they are until the case is removed.
/// Thread-safety: any thread or task, one at a time: GORT_MISUSE while another waits on it. Blocking calls:
/// gort_selector_wait(), gort_selector_wait_until().
pub struct gort_selector {
    _opaque: [u8; 0],
}

/// Makes a selector without cases.
///
/// Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
/// Ownership: the caller's, freed with gort_selector_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_selector_new() -> *mut gort_selector {
    ffi::made(|| ffi::explained(raw::create(), "a selector"))
}

/// Registers a case and returns its index: the lowest that is free, so the first n cases have the indexes 0 to n - 1. A case
/// whose channel is NULL takes an index and is never ready.
///
/// Blocks: never.
/// Errors, each negative: GORT_INVALID for a NULL selector, an `after` case (gort_selector_wait_until() has a deadline) or a
/// bad one, as gort_select() says; GORT_LIMIT above 65536 cases; GORT_MISUSE for a stale handle, or while somebody waits;
/// GORT_SHUTDOWN.
/// Ownership: the case is copied. The selector takes a reference of the channel; the element must stay readable (send) or
/// writable (receive) until the case is removed or the selector freed. A case that sends takes the element as it is at the
/// time it goes ahead: during a wait that returns its index.
/// Thread-safety: any thread or task, one at a time.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_selector_add(selector: *mut gort_selector, c: gort_case) -> i32 {
    // SAFETY: core checks what the handles point to (W3); the element is the caller's until the case is removed (the
    // header's contract).
    ffi::wall_index(|| unsafe {
        let selector = ffi::handle(selector, "the selector")?;
        let registered = registered(c)?;
        raw::add(selector, registered).or_else(|status| bad_channel(c.chan, ALONE).map_or_else(|| refused(status), Err))
    })
}

/// Takes a case out. Its index may be given to another. NULL, or an index that is none, is GORT_INVALID.
///
/// Blocks: never. Errors: GORT_INVALID; GORT_MISUSE for a stale handle, or while somebody waits; GORT_SHUTDOWN.
/// Ownership: the selector gives its reference of the channel back; the element may go away.
/// Thread-safety: any thread or task, one at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_selector_remove(selector: *mut gort_selector, index: i32) -> gort_status {
    ffi::wall(|| {
        let selector = ffi::handle(selector, "the selector")?;
        let at = usize::try_from(index).unwrap_or(usize::MAX);
        // SAFETY: core checks what the handle points to (W3).
        match unsafe { raw::remove(selector, at) } {
            Status::Ok => Ok(()),
            Status::Invalid => ffi::fail(Status::Invalid, format_args!("the selector has no case {index}")),
            status => refused(status),
        }
    })
}

/// Waits until one of the cases can go ahead, does it, and returns its index. Blocks while none can. Woken by a peer on one
/// of the channels, by the close of one, or by the cancellation of the caller.
///
/// `*status`, which may be NULL, gets GORT_OK, or GORT_CLOSED when the case's channel is closed: then nothing was sent or
/// received. A closed channel is ready each time, until its case is removed. What is ready is taken in turn, so no case
/// starves another. While it waits it stands in the queues of all its channels as any receiver or sender does: a peer hands
/// its value over, also one that only tries. Cases of one selector do not meet each other.
///
/// Blocks: the task (on a plain thread: the thread); without cases until cancelled.
/// Errors, each negative: GORT_CANCELED, GORT_DEADLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle, or when
/// another waits on it; GORT_NO_MEMORY; GORT_SHUTDOWN. No case went ahead then, and `*status` is not written.
/// Ordering: of the case that went ahead, as gort_chan_send() or gort_chan_recv().
/// Ownership: nothing changes hands. Thread-safety: any thread or task, one at a time.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_selector_wait(selector: *mut gort_selector, status: *mut gort_status) -> i32 {
    // SAFETY: core checks what the handle points to (W3); `status` is NULL or writable (the header's contract).
    ffi::hot_index(|| unsafe { wait(selector, status, Wait::FOREVER, true) })
}

/// Does one of the cases if one can go ahead at this instant. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK when none can; else as gort_selector_wait().
/// Ordering, ownership and thread-safety: as gort_selector_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_selector_try_wait(selector: *mut gort_selector, status: *mut gort_status) -> i32 {
    // SAFETY: as in gort_selector_wait.
    ffi::hot_index(|| unsafe { wait(selector, status, Wait::FOREVER, false) })
}

/// gort_selector_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by
/// `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from doing what
/// can go ahead at once.
/// Errors: GORT_TIMED_OUT; else as gort_selector_wait(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_selector_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_selector_wait_until(
    selector: *mut gort_selector,
    status: *mut gort_status,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> i32 {
    // SAFETY: as in gort_selector_wait.
    ffi::hot_index(|| unsafe { wait(selector, status, ffi::limits(deadline, ctx)?, true) })
}

/// Frees a selector: its cases are removed. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle, or while somebody waits; nothing is freed then; GORT_SHUTDOWN.
/// Ownership: its references of the channels are given back. Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_selector_free(selector: *mut gort_selector) -> gort_status {
    ffi::wall(|| {
        if selector.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        unsafe { raw::free(selector.cast()) }.ok().or_else(refused)
    })
}

/// The three waits.
///
/// # Safety
/// `status` is NULL or writable.
#[inline(always)]
unsafe fn wait(
    selector: *mut gort_selector,
    status: *mut gort_status,
    limits: Wait,
    may_block: bool,
) -> Result<usize, Status> {
    // SAFETY: contract; core checks what the handle points to (W3).
    unsafe {
        match raw::wait(ffi::handle(selector, "the selector")?, limits, may_block) {
            Ok((index, went)) => {
                ffi::put(status, went.code());
                Ok(index)
            }
            Err(status) => refused(status),
        }
    }
}

/// Leaves a text for a mistake that core gave without one.
#[cold]
#[inline(never)]
fn refused<T>(status: Status) -> Result<T, Status> {
    match status {
        Status::Misuse => ffi::fail(
            status,
            format_args!("another task or thread waits on the selector, or a handle is stale or of another kind"),
        ),
        Status::Limit => ffi::fail(status, format_args!("the selector has 65536 cases")),
        Status::NoMemory | Status::Shutdown => ffi::explained(Err(status), "the selector"),
        _ => Err(status),
    }
}

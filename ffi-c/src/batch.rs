//! Several elements in one call.
//!
//! What this is NOT: a message of many parts. Each element is sent and received like any other, in order; the channel's lock
//! is taken once for many of them, which is all that a batch is (core's `chan/batch.rs`).

use core::ffi::c_void;

use gort_core::chan::batch;
use gort_core::status::Status;
use gort_core::wait::Wait;

use crate::chan::{from, gort_chan, handle};
use crate::ffi::{self, Outcome};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// Sends the `n` elements of the array at `elements`, in order. Blocks as gort_chan_send(), as often as it must: it returns
/// when all are sent, or when no more can be. Not atomic: elements of others may come between them. None of 0 elements is
/// looked at, nor is the channel.
///
/// Blocks: the task (on a plain thread: the thread), until all are sent. Woken as gort_chan_send().
/// Errors: as gort_chan_send(). `*sent` says, in any case, how many went, from the first on; the rest are still the
/// caller's. It may be NULL.
/// Ordering: of each element, as gort_chan_send().
/// Ownership: the bytes are copied before it returns. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_send_n(
    chan: *mut gort_chan,
    elements: *const c_void,
    n: usize,
    sent: *mut usize,
) -> gort_status {
    // SAFETY: core checks what the handle points to (W3); the array is readable, and `sent` NULL or writable (the header's
    // contract).
    unsafe { send(chan, elements, n, sent, Ok(Wait::FOREVER), true) }
}

/// Sends as many of the `n` elements as can be sent at this instant. Never blocks.
///
/// Blocks: never.
/// Errors: GORT_WOULD_BLOCK when not all could be sent, GORT_CLOSED and the others as gort_chan_send_n(); `*sent` says how
/// many went.
/// Ordering, ownership and thread-safety: as gort_chan_send_n().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_try_send_n(
    chan: *mut gort_chan,
    elements: *const c_void,
    n: usize,
    sent: *mut usize,
) -> gort_status {
    // SAFETY: as in gort_chan_send_n.
    unsafe { send(chan, elements, n, sent, Ok(Wait::FOREVER), false) }
}

/// Sends the `n` elements, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_send_n(). Woken
/// as gort_chan_send_n(), by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from sending
/// what can be sent at once.
/// Errors: GORT_TIMED_OUT when not all were sent in time; else as gort_chan_send_n(). `*sent` says how many went. `ctx` may
/// be NULL.
/// Ordering, ownership and thread-safety: as gort_chan_send_n().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_send_n_until(
    chan: *mut gort_chan,
    elements: *const c_void,
    n: usize,
    sent: *mut usize,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_send_n.
    unsafe { send(chan, elements, n, sent, ffi::limits(deadline, ctx), true) }
}

/// Receives elements into the array at `out`, which has room for `most`. Blocks while there is none; then takes what is
/// there, without waiting for more. Woken as gort_chan_recv(). `most` 0 receives nothing and looks at nothing.
///
/// Blocks: the task (on a plain thread: the thread), until there is one.
/// Errors: as gort_chan_recv(); also GORT_INVALID for a NULL `received`. `*received`, at least 1 unless `most` is 0, and so
/// many places of `out` are written only on success.
/// Ordering: of each element, as gort_chan_recv().
/// Ownership: the elements are the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_recv_n(
    chan: *mut gort_chan,
    out: *mut c_void,
    most: usize,
    received: *mut usize,
) -> gort_status {
    // SAFETY: core checks what the handle points to (W3); the array and `received` are writable or NULL (the header's
    // contract).
    unsafe { receive(chan, out, most, received, Ok(Wait::FOREVER), true) }
}

/// Receives what is there at this instant, at most `most`. Never blocks.
///
/// Blocks: never.
/// Errors: GORT_WOULD_BLOCK when there is nothing, always for a NULL channel; else as gort_chan_recv_n().
/// Ordering, ownership and thread-safety: as gort_chan_recv_n().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_try_recv_n(
    chan: *mut gort_chan,
    out: *mut c_void,
    most: usize,
    received: *mut usize,
) -> gort_status {
    // SAFETY: as in gort_chan_recv_n.
    unsafe { receive(chan, out, most, received, Ok(Wait::FOREVER), false) }
}

/// Receives elements, waiting for the first at most until `deadline` or until `ctx` is cancelled. Blocks as
/// gort_chan_recv_n(). Woken as gort_chan_recv_n(), by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
/// receiving what is there.
/// Errors: GORT_TIMED_OUT when none came in time; else as gort_chan_recv_n(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_chan_recv_n().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_recv_n_until(
    chan: *mut gort_chan,
    out: *mut c_void,
    most: usize,
    received: *mut usize,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_recv_n.
    unsafe { receive(chan, out, most, received, ffi::limits(deadline, ctx), true) }
}

/// The three sends.
///
/// # Safety
/// `elements` is readable for `n` elements, `sent` NULL or writable.
#[inline(always)]
unsafe fn send(
    chan: *mut gort_chan,
    elements: *const c_void,
    n: usize,
    sent: *mut usize,
    wait: Result<Wait, Status>,
    may_block: bool,
) -> gort_status {
    // SAFETY: contract; core checks what the handle points to (W3).
    ffi::hot(|| unsafe {
        let limits = wait.and_then(|wait| Ok((wait, place(chan, elements, n)?)));
        let (went, status) = match limits {
            Ok((wait, at)) if may_block => batch::send_n(handle(chan), at, n, wait),
            Ok((_, at)) => batch::try_send_n(handle(chan), at, n),
            Err(status) => (0, status),
        };
        ffi::put(sent, went);
        status.ok()
    })
}

/// The three receives.
///
/// # Safety
/// `out` is writable for `most` elements, `received` NULL or writable.
#[inline(always)]
unsafe fn receive(
    chan: *mut gort_chan,
    out: *mut c_void,
    most: usize,
    received: *mut usize,
    wait: Result<Wait, Status>,
    may_block: bool,
) -> gort_status {
    // SAFETY: contract; core checks what the handle points to (W3).
    ffi::hot(|| unsafe {
        let (wait, at) = (wait?, place(chan, out, most)?);
        if received.is_null() {
            return ffi::null_argument("received");
        }
        let came = if may_block {
            batch::recv_n(handle(chan), at, most, wait)
        } else {
            batch::try_recv_n(handle(chan), at, most)
        };
        arrived(came, received)
    })
}

/// Any element at all makes a receive a success, whatever ended it.
///
/// # Safety
/// `received` is writable.
#[inline(always)]
unsafe fn arrived((came, status): (usize, Status), received: *mut usize) -> Outcome {
    if came == 0 {
        status.ok()?;
    }
    // SAFETY: contract.
    unsafe { ffi::put(received, came) };
    Ok(())
}

/// The place of `n` elements of the channel; no place is needed for none.
///
/// # Safety
/// None beyond what core checks of the handle (W3).
#[inline(always)]
unsafe fn place(chan: *mut gort_chan, array: *const c_void, n: usize) -> Result<*mut u8, Status> {
    // SAFETY: contract.
    if n == 0 { Ok(array.cast_mut().cast()) } else { unsafe { from(chan, array) } }
}

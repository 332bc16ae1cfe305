//! Wait groups: a counter that can be waited for until it is zero.
//!
//! What this is NOT: a group with errors and a limit; that is `gort_group`, built on this one.

use core::ffi::c_void;

use gort_core::sched::task::SpawnOptions;
use gort_core::sync::waitgroup as raw;

use crate::ffi::{self, Call};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A counter of things that are not done yet, and those who wait for it to be zero.
///
/// Ownership: gort_wg_new() makes one, gort_wg_free() frees it; it may be freed as soon as a wait has returned, also
/// while the task whose gort_wg_done() ended the wait is still in that call.
/// Thread-safety: any thread or task. Blocking calls: gort_wg_wait(), gort_wg_wait_until().
pub struct gort_wg {
    _opaque: [u8; 0],
}

/// Makes a wait group at zero.
///
/// Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
/// Ownership: the caller's, freed with gort_wg_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_wg_new() -> *mut gort_wg {
    ffi::made(|| ffi::explained(raw::create(), "a wait group"))
}

/// Frees a wait group. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE while it is not at zero, somebody waits, or a task of gort_wg_go() is still to be
/// counted out, or for a stale handle; nothing is freed then.
/// Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_wg_free(wg: *mut gort_wg) -> gort_status {
    ffi::wall(|| {
        if wg.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        unsafe { raw::free(wg.cast()) }.ok()
    })
}

/// Adds `n`, which may be negative, to the counter. Does not block; at zero everybody who waits is woken. An addition
/// at zero must happen before the wait it is meant for.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE when the counter would fall below zero, which leaves it
/// as it was, or for a stale handle; GORT_SHUTDOWN.
/// Ordering: what was written before a call that takes the counter down is seen after the wait that it ends.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_wg_add(wg: *mut gort_wg, n: i64) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::hot(|| unsafe { raw::add(ffi::handle(wg, "the wait group")?, n) }.ok())
}

/// Takes one off the counter: gort_wg_add(wg, -1).
///
/// Blocks: never. Errors, ordering and thread-safety: as gort_wg_add().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_wg_done(wg: *mut gort_wg) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::hot(|| unsafe { raw::done(ffi::handle(wg, "the wait group")?) }.ok())
}

/// Adds one, starts a task that runs `fn(arg)`, and takes one off when it has returned. Does not block.
///
/// Blocks: never. Errors: as gort_go() and gort_wg_add(); the counter is as it was then.
/// Ordering: what was written before the call is seen by `fn`; what `fn` wrote is seen after the wait.
/// Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_wg_go(
    wg: *mut gort_wg,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        // SAFETY: core checks what the handle points to (W3); the entry is handed over once.
        unsafe { raw::go(ffi::handle(wg, "the wait group")?, Call::plain(function, arg), SpawnOptions::default()) }.ok()
    })
}

/// Waits until the counter is zero. Blocks unless it is. Woken by the gort_wg_done() or gort_wg_add() that takes it
/// there. Any number may wait; all are woken; the group may be used again.
///
/// Blocks: the caller. Errors: GORT_INVALID for NULL; GORT_CANCELED, GORT_DEADLOCK; GORT_MISUSE for a stale handle;
/// GORT_SHUTDOWN.
/// Ordering: what was written before the calls that took the counter down is seen after it.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_wg_wait(wg: *mut gort_wg) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::hot(|| unsafe { raw::wait(ffi::handle(wg, "the wait group")?) }.ok())
}

/// Asks whether the counter is zero. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK while it is not; else as gort_wg_wait(). Ordering: as gort_wg_wait().
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_wg_try_wait(wg: *mut gort_wg) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::hot(|| unsafe { raw::try_wait(ffi::handle(wg, "the wait group")?) }.ok())
}

/// Waits until the counter is zero, at most until `deadline` or until `ctx` is cancelled. Blocks unless it is. Woken
/// as gort_wg_wait(), by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_wg_wait(). `ctx` may be NULL.
/// Ordering and thread-safety: as gort_wg_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_wg_wait_until(wg: *mut gort_wg, deadline: i64, ctx: *mut gort_ctx) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::hot(|| unsafe { raw::wait_with(ffi::handle(wg, "the wait group")?, ffi::limits(deadline, ctx)?) }.ok())
}

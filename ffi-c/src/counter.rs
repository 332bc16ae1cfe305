//! Sharded counters: many add, few read.
//!
//! What this is NOT: an atomic (it gives no value back, and orders nothing); that is C's own `<stdatomic.h>`.

use gort_core::sync::counter as raw;

use crate::ffi;
use crate::status::gort_status;

/// A counter that any number of tasks and threads add to at the same time, at a nanosecond or two each: every thread has a place
/// of its own in it, of which the value is the sum. It takes 2.7 KB.
///
/// Ownership: gort_counter_new() makes one, gort_counter_free() frees it.
/// Thread-safety: any thread or task. Blocking calls: none.
pub struct gort_counter {
    _opaque: [u8; 0],
}

/// Makes a counter at zero.
///
/// Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
/// Ownership: the caller's, freed with gort_counter_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_counter_new() -> *mut gort_counter {
    ffi::made(|| ffi::explained(raw::create(), "a counter"))
}

/// Frees a counter. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_counter_free(counter: *mut gort_counter) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if counter.is_null() { Ok(()) } else { unsafe { raw::free(counter.cast()) }.ok() })
}

/// Adds `n`, which may be negative. The sum wraps around, as an integer of 64 bits.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_counter_add(counter: *mut gort_counter, n: i64) -> gort_status {
    ffi::hot(|| {
        // SAFETY: core checks what the handle points to (W3).
        unsafe { raw::of(ffi::handle(counter, "the counter")?)? }.add(n);
        Ok(())
    })
}

/// What was added since the counter was made or reset. It is exact when nobody adds meanwhile, and what others added is ordered
/// before the call by something else (a wait for them, a channel). 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Ordering: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_counter_value(counter: *const gort_counter) -> i64 {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || unsafe { raw::of(counter.cast()) }.map_or(0, |c| c.value()))
}

/// Counts from zero again. `before`, which may be NULL, gets what gort_counter_value() would have said: each addition is in what
/// one reset gets, or in the value.
///
/// Blocks: never. Errors: as gort_counter_add(). Ordering: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_counter_reset(counter: *mut gort_counter, before: *mut i64) -> gort_status {
    ffi::wall(|| {
        // SAFETY: core checks what the handle points to (W3); `before` is NULL or writable (the header's contract).
        unsafe { ffi::put(before, raw::of(ffi::handle(counter, "the counter")?)?.reset()) };
        Ok(())
    })
}

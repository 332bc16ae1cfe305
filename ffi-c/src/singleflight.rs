//! Single flights: of several calls at once for one key one works, and all have its result.
//!
//! What this is NOT: their meaning; that is core's `flow/singleflight.rs`.

use core::ffi::c_void;
use core::mem::forget;

use gort_core::Wait;
use gort_core::flow::SingleFlight;

use crate::ffi::{self, Outcome};
use crate::held::{make, take, with};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// Calls for the same key that come together are one: the first works, the others wait for its result.
///
/// Ownership: gort_singleflight_new() gives it, gort_singleflight_free() takes it.
/// Thread-safety: any thread or task. Blocking calls: gort_singleflight_do(), gort_singleflight_do_until().
pub struct gort_singleflight {
    _opaque: [u8; 0],
}

type OnResult = unsafe extern "C" fn(result: *mut c_void);

/// What is done with results that go to several, or to nobody.
#[derive(Clone, Copy)]
struct Counting {
    retain: Option<OnResult>,
    release: Option<OnResult>,
}

/// A result, counted.
struct Word {
    result: *mut c_void,
    counting: Counting,
}

// SAFETY: the program vouches for the use of its results on any thread (the header's contract).
unsafe impl Send for Word {}
// SAFETY: as above.
unsafe impl Sync for Word {}

impl Clone for Word {
    fn clone(&self) -> Word {
        if let Some(retain) = self.counting.retain {
            // SAFETY: the program's, to be called with a result that is counted for us.
            unsafe { retain(self.result) }
        }
        Word { ..*self }
    }
}

impl Drop for Word {
    fn drop(&mut self) {
        if let Some(release) = self.counting.release {
            // SAFETY: as above; it is counted for us no more.
            unsafe { release(self.result) }
        }
    }
}

/// The flights of a handle.
struct Flights {
    flights: SingleFlight<Box<[u8]>, Word>,
    counting: Counting,
}

const WHAT: &str = "the single flight";

/// Makes one. A result goes to every caller of its flight. If it has an owner that must know: `retain(result)` is called for each
/// that is given it besides the first, before it is, and `release(result)` for one that gort has kept; both may be NULL, and are
/// called with no lock held. Does not block.
///
/// Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_singleflight_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_singleflight_new(
    retain: Option<unsafe extern "C" fn(result: *mut c_void)>,
    release: Option<unsafe extern "C" fn(result: *mut c_void)>,
) -> *mut gort_singleflight {
    let counting = Counting { retain, release };
    ffi::made(|| make(|| Ok(Flights { flights: SingleFlight::new(), counting }), "a single flight"))
}

/// Frees it. Does not block: a flight that is under way goes on, and ends for those who wait for it. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle.
/// Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_singleflight_free(flights: *mut gort_singleflight) -> gort_status {
    ffi::wall(|| take::<Flights, _>(flights, WHAT).map(drop))
}

/// Runs `fn(arg)` here, on the caller's stack; or, if a call for the same `size` bytes of `key` is under way, waits for its result
/// instead. Blocks as long as that takes. Woken by its end, or by the cancellation of the caller, who then gives up; the flight goes on.
///
/// `fn` must return. A call for the same key from within it waits for itself.
///
/// Blocks: the caller, as `fn` does, or until the other's has returned.
/// Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN while it waits; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
/// Ordering: what `fn` wrote is seen by all who have its result.
/// Ownership: the key may go away at once. `*result`, which may be NULL, gets what `fn` returned: see gort_singleflight_new(); with a
/// NULL `result` it is released at once. `*shared`, which may be NULL, says whether somebody else was given it, too. Both are written
/// only on success. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_singleflight_do(
    flights: *mut gort_singleflight,
    key: *const c_void,
    size: usize,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    result: *mut *mut c_void,
    shared: *mut bool,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { fly(flights, (key, size), r#fn, arg, (result, shared), Wait::forever()) })
}

/// gort_singleflight_do() that waits for another's flight at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as
/// it, by the clock, or by `ctx`. When it runs `fn` itself neither ends that.
///
/// Blocks: the caller, as `fn` does, or at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_singleflight_do(). `ctx` may be NULL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_singleflight_do_until(
    flights: *mut gort_singleflight,
    key: *const c_void,
    size: usize,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    result: *mut *mut c_void,
    shared: *mut bool,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { fly(flights, (key, size), r#fn, arg, (result, shared), ffi::rust_limits(deadline, ctx)?) })
}

/// # Safety
/// `key` is readable for its size or NULL; the outputs are writable or NULL; `function` may be called with `arg`.
unsafe fn fly(
    flights: *mut gort_singleflight,
    (key, size): (*const c_void, usize),
    function: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    (result, shared): (*mut *mut c_void, *mut bool),
    wait: Wait,
) -> Outcome {
    let Some(function) = function else { return ffi::null_argument("fn") };
    // SAFETY: contract.
    let key: Box<[u8]> = unsafe { ffi::array(key.cast::<u8>(), size, "key") }?.into();
    let flight = with(flights, WHAT, |f: &Flights| {
        let counting = f.counting;
        // SAFETY: the program's, to be called with this argument.
        f.flights.call_with(wait, key, || Word { result: unsafe { function(arg) }, counting })
    })??;
    // SAFETY: contract.
    unsafe {
        ffi::put(shared, flight.shared);
        if !result.is_null() {
            ffi::put(result, flight.value.result);
            forget(flight.value); // the caller's from now on
        }
    }
    Ok(())
}

/// The next call for the key runs its function, though one may be under way; who waits for that has its result all the same. Does not
/// block.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_singleflight_forget(
    flights: *mut gort_singleflight,
    key: *const c_void,
    size: usize,
) -> gort_status {
    ffi::wall(|| {
        // SAFETY: readable for its size, or NULL (the header's contract).
        let key: Box<[u8]> = unsafe { ffi::array(key.cast::<u8>(), size, "key") }?.into();
        with(flights, WHAT, |f: &Flights| f.flights.forget(&key))
    })
}

//! Things that are done once: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/once.rs`, whose `RawOnce` is laid out as `gort_once` and is used in place. The header looks inline whether it is done.

use core::ffi::c_void;
use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::once::{DONE, RawOnce, Turn};

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// Something that is done once, by whoever comes first: gort_once_do().
///
/// It is a plain struct. Storage that is zero, or `= GORT_ONCE_INIT`, is one that is not done; there is nothing to make and nothing
/// to free. It must not be copied or moved while it is in use. In the child of a fork what another thread was doing is not done.
/// Thread-safety: any thread or task. Blocking calls: gort_once_do(), gort_once_do_until().
#[repr(C)]
pub struct gort_once {
    /// gort's.
    pub word: u64,
    /// gort's.
    pub reserved: u64,
}

const _: () =
    assert!(size_of::<gort_once>() == size_of::<RawOnce>() && align_of::<gort_once>() == align_of::<RawOnce>());
// What the header's inline function looks for.
const _: () = assert!(DONE == 2);

/// Calls `fn` with `arg`, here, unless it was called with this `once` before. Blocks while somebody else's call runs: it is over
/// when this returns. Woken by its end; cancellation, deadlines and shutdown do not end the wait. A call of the same `once` inside `fn`
/// waits for ever (a deadlock, which gort_run() reports). `fn` must return: not by longjmp or an exception.
///
/// Blocks: the task (on a plain thread: the thread). Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that
/// interrupted gort. Ordering: what `fn` wrote is seen after every call that returns GORT_OK. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_once_do(
    once: *mut gort_once,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    // SAFETY: as in `on`; the function is the program's.
    ffi::hot(|| unsafe { run(once, r#fn, arg, RawOnce::begin) })
}

/// gort_once_do(), without waiting: GORT_WOULD_BLOCK while somebody else's call runs.
///
/// Blocks: never, but for what `fn` does. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering and thread-safety: as gort_once_do().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_once_try_do(
    once: *mut gort_once,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    // SAFETY: as in `gort_once_do`.
    ffi::hot(|| unsafe { run(once, r#fn, arg, RawOnce::try_begin) })
}

/// gort_once_do() that waits for somebody else's call at most until `deadline` or until `ctx` is cancelled.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever), and for what `fn` does.
/// Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. `ctx` may be NULL.
/// Ordering and thread-safety: as gort_once_do().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_once_do_until(
    once: *mut gort_once,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::hot(|| {
        let limits = ffi::limits(deadline, ctx)?;
        // SAFETY: as in `gort_once_do`.
        unsafe { run(once, r#fn, arg, |once| once.begin_within(limits)) }
    })
}

/// Is it done? Never blocks. If so, what was done is seen. False for NULL.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_once_is_done(once: *const gort_once) -> bool {
    // SAFETY: as in `on`.
    unsafe { on(once) }.is_ok_and(RawOnce::is_done)
}

/// # Safety
/// As in `on`; `call` is the program's function, and `arg` its argument.
unsafe fn run(
    once: *mut gort_once,
    call: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
    begin: impl FnOnce(&RawOnce) -> Result<Turn, Status>,
) -> Result<(), Status> {
    // SAFETY: contract.
    let once = unsafe { on(once)? };
    let Some(call) = call else { return ffi::null_argument("the function") };
    if begin(once)? == Turn::Yours {
        // SAFETY: contract.
        unsafe { call(arg) };
        let _ = once.finish(); // the turn is ours
    }
    Ok(())
}

/// Core's once in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_once) -> Result<&'a RawOnce, Status> {
    let at: *const RawOnce = ffi::handle(at, "the once")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

//! What is built of timers: debounce, throttle, heartbeat, periodic jobs, idle timeouts, retry, polling.
//!
//! What this is NOT: their meaning; that is core's `time/pieces.rs` and `time/retry.rs`, nor how a handle holds one (`held.rs`).

use core::any::Any;
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use std::time::Duration;

use gort_core::status::Status;
use gort_core::sys::clock::NEVER;
use gort_core::time::{Backoff, Debounce, Heartbeat, Idle, Periodic, RetryError, Throttle, poll_until};

use crate::ffi::{self, Options, Outcome};
use crate::held::{make, take, with};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A function that is called once things are quiet: gort_debounce_new().
pub struct gort_debounce {
    _opaque: [u8; 0],
}

/// A function that runs at most once in each interval: gort_throttle_new().
pub struct gort_throttle {
    _opaque: [u8; 0],
}

/// A sign of life while something else works: gort_heartbeat_new().
pub struct gort_heartbeat {
    _opaque: [u8; 0],
}

/// A job that runs each period: gort_periodic_new().
pub struct gort_periodic {
    _opaque: [u8; 0],
}

/// A function that is called when nothing was heard for a while: gort_idle_new().
pub struct gort_idle {
    _opaque: [u8; 0],
}

/// How gort_retry() waits between two attempts. Fill it with GORT_BACKOFF_INIT; a field of 0 is as usual.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_backoff {
    /// sizeof(gort_backoff): GORT_BACKOFF_INIT sets it.
    pub struct_size: usize,
    /// The wait after the first attempt, ns; 0: 100 ms.
    pub first: i64,
    /// No wait is longer, ns; 0: 30 s.
    pub longest: i64,
    /// By how much each wait is longer than the one before; 0: 2.
    pub factor: f64,
    /// Which part of each wait is left to chance, from 0 to 1; 0: a half, below 0: none.
    pub jitter: f64,
    /// How many attempts at most; 0: 5, UINT64_MAX: without bound.
    pub attempts: u64,
    /// 0, for later versions.
    pub reserved: [u64; 2],
}

// SAFETY: repr(C), begins with a usize, plain data, and zero is as usual.
unsafe impl Options for gort_backoff {
    const NAME: &'static str = "gort_backoff";
    const FIRST_SIZE: usize = size_of::<gort_backoff>();
}

/// A function of the program, and its argument.
#[derive(Clone, Copy)]
struct Call(unsafe extern "C" fn(*mut c_void), *mut c_void);

// SAFETY: the program vouches for its use on any thread (the header's contract).
unsafe impl Send for Call {}
// SAFETY: as above.
unsafe impl Sync for Call {}

impl Call {
    fn of(call: Option<unsafe extern "C" fn(*mut c_void)>, arg: *mut c_void) -> Result<Call, Status> {
        call.map_or_else(|| ffi::null_argument("fn"), |call| Ok(Call(call, arg)))
    }

    fn run(&self) {
        // SAFETY: the program's, to be called with this argument.
        unsafe { (self.0)(self.1) }
    }
}

/// Takes the handle of a `T`; NULL does nothing.
fn free<T: Any>(handle: *mut impl Sized, what: &str) -> Outcome {
    take::<T, _>(handle, what).map(drop)
}

pub(crate) fn duration(ns: i64) -> Duration {
    if ns == NEVER { Duration::MAX } else { Duration::from_nanos(ns.max(0) as u64) }
}

/// A function that runs once, `quiet` nanoseconds after the last gort_debounce_call(), however many there were: in a task of its
/// own, never beside itself. What comes due while it runs is run once more, right after.
///
/// Blocks: never. Errors: NULL for a NULL `fn`, when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_debounce_free(); `arg` must stay valid as long as `fn` may run. It belongs to the
/// caller's run, and ends with it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_debounce_new(
    quiet: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_debounce {
    ffi::made(|| {
        let call = Call::of(r#fn, arg)?;
        make(|| Ok(Debounce::new(duration(quiet), move || call.run())), "a debounce")
    })
}

/// The function is to run, `quiet` nanoseconds from now. Never blocks.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_debounce_call(debounce: *mut gort_debounce) -> gort_status {
    ffi::wall(|| with(debounce, "the debounce", Debounce::call))
}

/// What was called for and has not begun is begun now. Never blocks. `*begun`, which may be NULL, says whether there was something.
///
/// Blocks: never. Errors and thread-safety: as gort_debounce_call().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_debounce_flush(debounce: *mut gort_debounce, begun: *mut bool) -> gort_status {
    // SAFETY: NULL or writable (the header's contract).
    ffi::wall(|| unsafe {
        let was = with(debounce, "the debounce", Debounce::flush)?;
        ffi::put(begun, was);
        Ok(())
    })
}

/// What was called for and has not begun is not run. Never blocks. `*prevented`, which may be NULL, says whether there was something.
///
/// Blocks: never. Errors and thread-safety: as gort_debounce_call().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_debounce_cancel(debounce: *mut gort_debounce, prevented: *mut bool) -> gort_status {
    // SAFETY: as in gort_debounce_flush.
    ffi::wall(|| unsafe {
        let was = with(debounce, "the debounce", Debounce::cancel)?;
        ffi::put(prevented, was);
        Ok(())
    })
}

/// Frees it; what was called for and has not begun is not run, and a run that has begun is not waited for. Never blocks. NULL does
/// nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_debounce_free(debounce: *mut gort_debounce) -> gort_status {
    ffi::wall(|| free::<Debounce>(debounce, "the debounce"))
}

/// A function that runs at most once in each `interval` nanoseconds: gort_throttle_call() runs it at once, in the caller, or not at
/// all. With `trailing` a call that came too early leads to one more run at the end of the interval, in a task of its own. It never
/// runs beside itself.
///
/// Blocks: never. Errors: NULL; gort_last_error() says why.
/// Ownership: the caller's, freed with gort_throttle_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_throttle_new(
    interval: i64,
    trailing: bool,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_throttle {
    ffi::made(|| {
        let call = Call::of(r#fn, arg)?;
        let how = if trailing { Throttle::trailing } else { Throttle::new };
        make(|| Ok(how(duration(interval), move || call.run())), "a throttle")
    })
}

/// Runs the function if it may run now. Blocks as long as that does. `*ran`, which may be NULL, says whether it was.
///
/// Blocks: as `fn` does. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_throttle_call(throttle: *mut gort_throttle, ran: *mut bool) -> gort_status {
    // SAFETY: as in gort_debounce_flush.
    ffi::wall(|| unsafe {
        let was = with(throttle, "the throttle", Throttle::call)?;
        ffi::put(ran, was);
        Ok(())
    })
}

/// Frees it; a trailing run that has not begun is not run. Never blocks. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_throttle_free(throttle: *mut gort_throttle) -> gort_status {
    ffi::wall(|| free::<Throttle>(throttle, "the throttle"))
}

/// Runs `fn(arg)` now and each `period` nanoseconds, in a task of its own, until it is freed. A beat that comes while `fn` still
/// runs is skipped.
///
/// Blocks: never. Errors: NULL for a period of 0 or less or a NULL `fn`, at `max_tasks`, when there is no memory, or while gort is
/// shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_heartbeat_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_heartbeat_new(
    period: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_heartbeat {
    ffi::made(|| {
        let call = Call::of(r#fn, arg)?;
        make(|| Heartbeat::new(duration(period), move || call.run()), "a heartbeat")
    })
}

/// It beats no more. Blocks until a run that has begun is over, so that `arg` may go; not to be called from `fn`. NULL does nothing.
///
/// Blocks: the caller, as long as `fn` runs. Errors: GORT_MISUSE for a stale handle; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when
/// the wait ended otherwise: it beats no more then, and `fn` may still run.
/// Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_heartbeat_free(heartbeat: *mut gort_heartbeat) -> gort_status {
    ffi::wall(|| take::<Heartbeat, _>(heartbeat, "the heartbeat")?.map_or(Ok(()), Heartbeat::join))
}

/// Runs `fn(arg, due)` each `period` nanoseconds, for the first time after one, in a task of its own, until it is freed. How long
/// `fn` takes is compensated: the runs begin at due times that are whole periods apart, and what comes due while one still runs is
/// skipped.
///
/// Blocks: never. Errors, ownership and thread-safety: as gort_heartbeat_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_periodic_new(
    period: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void, i64)>,
    arg: *mut c_void,
) -> *mut gort_periodic {
    struct Job(unsafe extern "C" fn(*mut c_void, i64), *mut c_void);
    // SAFETY: as `Call`.
    unsafe impl Send for Job {}
    impl Job {
        fn run(&self, due: i64) {
            // SAFETY: the program's, to be called with this argument.
            unsafe { (self.0)(self.1, due) }
        }
    }
    ffi::made(|| {
        let Some(call) = r#fn else { return ffi::null_argument("fn") };
        let job = Job(call, arg);
        make(|| Periodic::new(duration(period), move |due| job.run(due.0)), "a periodic job")
    })
}

/// It runs no more. Blocks until a run that has begun is over, as gort_heartbeat_free(). NULL does nothing.
///
/// Blocks, errors, ownership and thread-safety: as gort_heartbeat_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_periodic_free(periodic: *mut gort_periodic) -> gort_status {
    ffi::wall(|| take::<Periodic, _>(periodic, "the periodic job")?.map_or(Ok(()), Periodic::join))
}

/// Calls `fn(arg)` in a task of its own when gort_idle_touch() was not called for `limit` nanoseconds, once for each such silence;
/// the first begins now.
///
/// Blocks: never. Errors: NULL; gort_last_error() says why.
/// Ownership: the caller's, freed with gort_idle_free(); `arg` as of gort_debounce_new(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_idle_new(
    limit: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_idle {
    ffi::made(|| {
        let call = Call::of(r#fn, arg)?;
        make(|| Ok(Idle::new(duration(limit), move || call.run())), "an idle timeout")
    })
}

/// Something was heard: silence begins anew, also after the function was called, or gort_idle_stop(). Never blocks.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_idle_touch(idle: *mut gort_idle) -> gort_status {
    ffi::wall(|| with(idle, "the idle timeout", Idle::touch))
}

/// The function is not called until the next touch. Never blocks. `*prevented`, which may be NULL, says whether that prevented it.
///
/// Blocks: never. Errors and thread-safety: as gort_idle_touch().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_idle_stop(idle: *mut gort_idle, prevented: *mut bool) -> gort_status {
    // SAFETY: as in gort_debounce_flush.
    ffi::wall(|| unsafe {
        let was = with(idle, "the idle timeout", Idle::stop)?;
        ffi::put(prevented, was);
        Ok(())
    })
}

/// Frees it; the function is not called any more, and a call that has begun is not waited for. Never blocks. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_idle_free(idle: *mut gort_idle) -> gort_status {
    ffi::wall(|| free::<Idle>(idle, "the idle timeout"))
}

/// Calls `fn(arg, attempt)`, with the attempts counted from 1, until it gives something else than GORT_WOULD_BLOCK, which means
/// "again": that is the result. Blocks the caller between two attempts, longer each time, as `backoff` says (NULL: as usual).
/// Woken by the clock, by the cancellation of the caller, or by `ctx`.
///
/// Blocks: the task (on a plain thread: the thread), and as `fn` does.
/// Errors: GORT_LIMIT when no attempts are left; GORT_TIMED_OUT when the next one would come after `deadline`; GORT_CANCELED,
/// GORT_SHUTDOWN; GORT_INVALID for a NULL `fn` or a bad `backoff`; what `fn` gives.
/// Ownership: nothing is kept. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_retry(
    backoff: *const gort_backoff,
    r#fn: Option<unsafe extern "C" fn(*mut c_void, u64) -> gort_status>,
    arg: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    let mut given = Status::Ok.code();
    let done = ffi::wall(|| {
        let Some(call) = r#fn else { return ffi::null_argument("fn") };
        // SAFETY: NULL or a struct of the caller's (the header's contract).
        let b = unsafe { ffi::options(backoff) }?.map_or_else(|| Ok(Backoff::default()), policy)?;
        let wait = ffi::rust_limits(deadline, ctx)?;
        let tried = b.retry(wait, |attempt| {
            // SAFETY: the program's, to be called with this argument.
            given = unsafe { call(arg, u64::from(attempt)) };
            if given == Status::WouldBlock.code() { Err(()) } else { Ok(()) }
        });
        tried.map_err(|RetryError { status, .. }| status)
    });
    if done == Status::Ok.code() { given } else { done }
}

/// A policy of C's as core's.
fn policy(b: gort_backoff) -> Result<Backoff, Status> {
    if b.reserved != [0; 2] {
        return ffi::fail(Status::Invalid, format_args!("gort_backoff.reserved must be 0; use its initialiser"));
    }
    let usual = Backoff::default();
    Ok(Backoff {
        attempts: match b.attempts {
            0 => usual.attempts,
            u64::MAX => 0,
            n => u32::try_from(n).unwrap_or(0),
        },
        first: if b.first == 0 { usual.first } else { duration(b.first) },
        longest: if b.longest == 0 { usual.longest } else { duration(b.longest) },
        factor: if b.factor == 0.0 { usual.factor } else { b.factor },
        jitter: if b.jitter == 0.0 { usual.jitter } else { b.jitter },
    })
}

/// Calls `fn(arg)`, at once and then each `interval` nanoseconds, until it says something else than 0. Blocks the caller in between.
/// Woken by the clock, by the cancellation of the caller, or by `ctx`. The looks keep their phase.
///
/// Blocks: the task (on a plain thread: the thread), and as `fn` does.
/// Errors: GORT_TIMED_OUT when the next look would come after `deadline`; GORT_CANCELED, GORT_SHUTDOWN; GORT_INVALID for a NULL `fn`.
/// Ownership: nothing is kept. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_poll_until(
    interval: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void) -> c_int>,
    arg: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| {
        let Some(call) = r#fn else { return ffi::null_argument("fn") };
        let wait = ffi::rust_limits(deadline, ctx)?;
        // SAFETY: the program's, to be called with this argument.
        poll_until(duration(interval), wait, || unsafe { call(arg) } != 0)
    })
}

//! Timers, tickers, and functions that a timer calls.
//!
//! **No drain is ever needed**: after a stop or a reset nothing of the old setting can be received.
//!
//! What this is NOT: the rules; those are core's `time/timer.rs`. A timer and a ticker are one kind of object there, told apart
//! here by their types, so that a period is not given to what has none.

use core::ffi::c_void;

use gort_core::chan::raw;
use gort_core::status::Status;
use gort_core::sys::clock::NEVER;
use gort_core::time::timer::{self, Timer, What};

use crate::ends::gort_receiver;
use crate::ffi::{self, Outcome};
use crate::status::gort_status;
use crate::time::{gort_ctx, gort_in};

/// A timer: due once, after a while; then it can be set again. **No drain is ever needed**: after gort_timer_stop() or
/// gort_timer_reset() nothing of the old setting can be received. Nothing is buffered: a value is there when the timer is due
/// and somebody asks, and it is the time at which it was due.
///
/// Ownership: gort_timer_new() makes one, gort_timer_free() frees it, set or not.
/// Thread-safety: any thread or task, any number at once. Blocking calls: gort_timer_recv(), gort_timer_recv_until().
pub struct gort_timer {
    _opaque: [u8; 0],
}

/// A ticker: due again and again. A reader that is slow loses ticks, and the phase is kept: due times are whole periods apart.
///
/// Ownership: gort_ticker_new() makes one, gort_ticker_free() frees it. Thread-safety and the rest: as gort_timer.
pub struct gort_ticker {
    _opaque: [u8; 0],
}

/// A function that is called when its time comes, in a task of its own. It has no channel.
///
/// Ownership: gort_after_func() makes one, gort_func_timer_free() gives the handle back; what is set goes on.
/// Thread-safety: any thread or task, any number at once. Blocking calls: none.
pub struct gort_func_timer {
    _opaque: [u8; 0],
}

/// A timer that is due `duration` nanoseconds from now. GORT_NEVER makes one that is not set; 0 or less is due at once.
///
/// Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_timer_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_timer_new(duration: i64) -> *mut gort_timer {
    gort_timer_new_at(gort_in(duration))
}

/// A timer that is due at `when`, on the clock of gort_now(). As gort_timer_new().
///
/// Blocks: never. Errors: NULL; gort_last_error() says why. Ownership: the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_timer_new_at(when: i64) -> *mut gort_timer {
    ffi::made(|| ffi::explained(timer::timer(when), "a timer"))
}

/// Waits until it is due, and takes the value: `*due` gets the time at which it was due, however late that is now. Blocks until
/// then; a timer that is not set, until somebody sets it. Woken by the clock, by a reset, or by the cancellation of the caller.
///
/// A value goes to one receiver, the one that has waited longest. `due` may be NULL.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN, GORT_NO_MEMORY; GORT_CLOSED when it was freed meanwhile; GORT_INVALID for
/// a NULL timer; GORT_MISUSE for a stale handle.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_timer_recv(timer: *mut gort_timer, due: *mut i64) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe { receive(timer.cast(), due, |ch, at| raw::recv(ch, at)) })
}

/// Takes the value if the timer is due and nobody has taken it. Never blocks. GORT_WOULD_BLOCK if not.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; else as gort_timer_recv(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_timer_try_recv(timer: *mut gort_timer, due: *mut i64) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe { receive(timer.cast(), due, |ch, at| raw::try_recv(ch, at)) })
}

/// gort_timer_recv(), at most until `deadline` or until `ctx` is cancelled. Blocks and is woken as it, by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_timer_recv(). `ctx` may be NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_timer_recv_until(
    timer: *mut gort_timer,
    due: *mut i64,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe {
        let w = ffi::limits(deadline, ctx)?;
        receive(timer.cast(), due, |ch, at| raw::recv_until(ch, at, w.deadline, w.cancel))
    })
}

/// It is not due any more. Never blocks. `*prevented`, which may be NULL, says whether that prevented a value from being
/// received: false if it was received already, or it was not set. Who waits for it waits on. Nothing is to be drained.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_timer_stop(timer: *mut gort_timer, prevented: *mut bool) -> gort_status {
    // SAFETY: as in `change`.
    ffi::wall(|| unsafe { change(timer, "the timer", prevented, |t| timer::stop(t)) })
}

/// Sets it to be due `duration` nanoseconds from now, whatever it was. Never blocks. `*replaced`, which may be NULL, says
/// whether a value was replaced that nobody had received. GORT_NEVER stops it.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_timer_reset(timer: *mut gort_timer, duration: i64, replaced: *mut bool) -> gort_status {
    // SAFETY: as in `change`.
    unsafe { gort_timer_reset_at(timer, gort_in(duration), replaced) }
}

/// Sets it to be due at `when`, on the clock of gort_now(). As gort_timer_reset().
///
/// Blocks: never. Errors and thread-safety: as gort_timer_reset().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_timer_reset_at(timer: *mut gort_timer, when: i64, replaced: *mut bool) -> gort_status {
    // SAFETY: as in `change`.
    ffi::wall(|| unsafe { change(timer, "the timer", replaced, |t| timer::reset(t, when)) })
}

/// Its channel, of elements of type int64_t: for gort_receiver_recv(), gort_receiver_notify_fd() and their like. gort_case_timer()
/// makes a case of it. NULL for NULL. For what is no live timer it is something that every call refuses with GORT_MISUSE, or
/// with GORT_SHUTDOWN if it is from before a fork or a shutdown.
///
/// Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
/// Ownership: borrowed, as long as the timer lives. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_timer_receiver(timer: *mut gort_timer) -> *mut gort_receiver {
    receiver(timer.cast())
}

/// Frees a timer, set or not. Never blocks. Receives and selects that wait for it find it closed: GORT_CLOSED. A selector, and
/// a gort_receiver_on_ready() that is armed, have a reference of its channel: for them it is never ready any more. NULL is
/// allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ownership: the handle is given up. Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_timer_free(timer: *mut gort_timer) -> gort_status {
    free(timer.cast())
}

/// A ticker that is due each `period` nanoseconds, for the first time after one.
///
/// Blocks: never. Errors: NULL for a period of 0 or less (GORT_INVALID), when there is no memory, or while gort is shut down;
/// gort_last_error() says which.
/// Ownership: the caller's, freed with gort_ticker_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_ticker_new(period: i64) -> *mut gort_ticker {
    ffi::made(|| {
        positive(period)?;
        ffi::explained(timer::ticker(gort_in(period), period), "a ticker")
    })
}

/// Waits for a tick: `*due` gets the time at which it was due, the first of those that were missed. Blocks and is woken as
/// gort_timer_recv().
///
/// Blocks, errors and thread-safety: as gort_timer_recv().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ticker_recv(ticker: *mut gort_ticker, due: *mut i64) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe { receive(ticker.cast(), due, |ch, at| raw::recv(ch, at)) })
}

/// Takes a tick if one is due. Never blocks. GORT_WOULD_BLOCK if not.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; else as gort_timer_recv(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ticker_try_recv(ticker: *mut gort_ticker, due: *mut i64) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe { receive(ticker.cast(), due, |ch, at| raw::try_recv(ch, at)) })
}

/// gort_ticker_recv(), at most until `deadline` or until `ctx` is cancelled. Blocks and is woken as it, by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_timer_recv(). `ctx` may be NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ticker_recv_until(
    ticker: *mut gort_ticker,
    due: *mut i64,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `receive`.
    ffi::wall(|| unsafe {
        let w = ffi::limits(deadline, ctx)?;
        receive(ticker.cast(), due, |ch, at| raw::recv_until(ch, at, w.deadline, w.cancel))
    })
}

/// It ticks no more, until it is reset. Never blocks. `*prevented` as of gort_timer_stop(). Its channel is not closed.
///
/// Blocks: never. Errors and thread-safety: as gort_timer_stop().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ticker_stop(ticker: *mut gort_ticker, prevented: *mut bool) -> gort_status {
    // SAFETY: as in `change`.
    ffi::wall(|| unsafe { change(ticker, "the ticker", prevented, |t| timer::stop(t)) })
}

/// It is due each `period` nanoseconds from now on; the phase begins anew. Never blocks. A period of 0 or less is GORT_INVALID,
/// and changes nothing.
///
/// Blocks: never. Errors: GORT_INVALID; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ticker_reset(ticker: *mut gort_ticker, period: i64) -> gort_status {
    ffi::wall(|| {
        positive(period)?;
        let none = core::ptr::null_mut();
        // SAFETY: as in `change`.
        unsafe { change(ticker, "the ticker", none, |t| timer::reset_ticker(t, gort_in(period), period)) }
    })
}

/// Its channel, as gort_timer_receiver(). gort_case_ticker() makes a case of it.
///
/// Blocks, errors, ownership and thread-safety: as gort_timer_receiver().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ticker_receiver(ticker: *mut gort_ticker) -> *mut gort_receiver {
    receiver(ticker.cast())
}

/// Frees a ticker, as gort_timer_free(). Never blocks.
///
/// Blocks, errors, ownership and thread-safety: as gort_timer_free().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ticker_free(ticker: *mut gort_ticker) -> gort_status {
    free(ticker.cast())
}

/// A channel that receives the time, an int64_t, once, `duration` nanoseconds from now.
///
/// Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, given back with gort_receiver_release(); then its timer is gone too, due or not.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_after(duration: i64) -> *mut gort_receiver {
    ffi::made(|| ffi::explained(timer::after(gort_in(duration), false), "a channel of a timer"))
}

/// A channel that receives the time, an int64_t, each `period` nanoseconds. NULL, which is never ready, for a period of 0 or
/// less, as in Go.
///
/// Blocks: never. Errors: NULL; gort_last_error() says why.
/// Ownership: the caller's, given back with gort_receiver_release(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_tick(period: i64) -> *mut gort_receiver {
    ffi::made(|| {
        positive(period)?;
        ffi::explained(timer::tick(gort_in(period), period, false), "a channel of a ticker")
    })
}

/// Calls `fn(arg)` in a task of its own, `duration` nanoseconds from now, and again after each gort_func_timer_reset(). Does not
/// block. GORT_NEVER makes one that is not set.
///
/// A call that still runs and one that comes due run beside each other. The task is one of the caller's run: when that ends the
/// function is not called any more. A task that cannot be started (`max_tasks`, no memory) is tried again a millisecond later.
///
/// Blocks: never. Errors: NULL for a NULL `fn`, when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the handle is the caller's, given back with gort_func_timer_free(); `arg` must stay valid as long as `fn` may be
/// called with it. Ordering: what was written before it is seen by `fn`. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_after_func(
    duration: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_func_timer {
    ffi::made(|| {
        let Some(call) = r#fn else { return ffi::null_argument("fn") };
        // SAFETY: function and argument are the caller's, for any thread (the header's contract).
        ffi::explained(unsafe { timer::after_func(What::Call, gort_in(duration), call as *mut (), arg) }, "a timer")
    })
}

/// The function is not called any more, until it is reset. Never blocks, and does not wait for a call that runs. `*prevented`,
/// which may be NULL, says whether that prevented a call: false if its task was started already, or it was not set.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_func_timer_stop(timer: *mut gort_func_timer, prevented: *mut bool) -> gort_status {
    // SAFETY: as in `change`.
    ffi::wall(|| unsafe { change(timer, "the timer", prevented, |t| timer::stop(t)) })
}

/// The function is called `duration` nanoseconds from now, also if it was called before. Never blocks. `*replaced`, which may be
/// NULL, says whether a call was replaced that had not begun.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN.
/// Ordering: what was written before it is seen by `fn`. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_func_timer_reset(
    timer: *mut gort_func_timer,
    duration: i64,
    replaced: *mut bool,
) -> gort_status {
    // SAFETY: as in `change`.
    ffi::wall(|| unsafe { change(timer, "the timer", replaced, |t| timer::reset(t, gort_in(duration))) })
}

/// Gives the handle back. Never blocks. What is set is called all the same: stop it before, if it is not to be. NULL is allowed and
/// does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ownership: the handle is given up. Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_func_timer_free(timer: *mut gort_func_timer) -> gort_status {
    free(timer.cast())
}

fn positive(period: i64) -> Outcome {
    if period > 0 {
        Ok(())
    } else {
        ffi::fail(Status::Invalid, format_args!("a period of {period} ns is not positive"))
    }
}

/// A receive in one of its forms.
///
/// # Safety
/// `due` is NULL or writable.
unsafe fn receive(
    timer: *const Timer,
    due: *mut i64,
    how: impl FnOnce(*const raw::RawChan, *mut u8) -> Status,
) -> Outcome {
    if timer.is_null() {
        return ffi::null_argument("the timer");
    }
    let mut value = 0i64;
    // SAFETY: contract; core checks what the handle points to (W3). A C task's stack does not move, so a wait may write to it.
    unsafe {
        let ch = ffi::explained(timer::channel(timer), "the timer")?;
        how(ch.as_ptr(), (&raw mut value).cast()).ok()?;
        ffi::put(due, value);
    }
    Ok(())
}

/// A stop or a reset.
///
/// # Safety
/// `out` is NULL or writable.
unsafe fn change<C>(
    timer: *mut C,
    what: &str,
    out: *mut bool,
    how: impl FnOnce(*const Timer) -> Result<bool, Status>,
) -> Outcome {
    let timer = ffi::handle(timer, what)?;
    let was = ffi::explained(how(timer), what)?;
    // SAFETY: contract.
    unsafe { ffi::put(out, was) };
    Ok(())
}

fn receiver(timer: *const Timer) -> *mut gort_receiver {
    ffi::wall_or(core::ptr::null_mut(), || {
        if timer.is_null() {
            return core::ptr::null_mut();
        }
        // SAFETY: core checks what the handle points to (W3).
        match unsafe { timer::channel(timer) } {
            Ok(ch) => ch.as_ptr().cast(),
            Err(Status::NoMemory) => {
                let _ = ffi::explained::<()>(Err(Status::NoMemory), "the channel of a timer");
                core::ptr::null_mut()
            }
            Err(_) => no_channel(timer).cast(),
        }
    })
}

/// What is no timer, as a thing that every use as a channel refuses with the status that it has as a timer. So it is given back
/// as it is, unless it is a channel: then a value of any size would be received where a time has room.
fn no_channel(timer: *const Timer) -> *mut Timer {
    // SAFETY: core checks what the handle points to (W3).
    if unsafe { raw::elem_size(timer.cast()) } == usize::MAX {
        return timer.cast_mut();
    }
    // The place of a timer holds timers for ever (core's slabs), and never a channel.
    let none = timer::timer(NEVER).map_or(core::ptr::null_mut(), |t| t.as_ptr());
    // SAFETY: ours, and given up; NULL is refused.
    let _ = unsafe { timer::release(none) };
    none
}

fn free(timer: *const Timer) -> gort_status {
    ffi::wall(|| {
        if timer.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        ffi::explained(unsafe { timer::release(timer) }.ok(), "the timer")
    })
}

//! The clock, deadlines, and sleep.
//!
//! What this is NOT: timers and tickers, which are channels and come with select.
//! Times are absolute: nanoseconds of the monotonic clock. Durations are nanoseconds. Sums saturate at GORT_NEVER.

use gort_core::sched;
use gort_core::sys::clock;
use gort_core::wait::block::{self, Wait};

use crate::ffi;
use crate::status::gort_status;

/// A context: something that many calls can be cancelled by, with a deadline and values. gort_ctx_with_cancel() and its like make
/// one; an `_until` call that is given one returns what ended it, GORT_CANCELED or GORT_TIMED_OUT. NULL is no context.
///
/// Ownership: counted references: whoever makes one has one, gort_ctx_retain() and gort_ctx_release() count. Whoever gives one to a
/// call that waits keeps a reference until that returns. Thread-safety: any thread or task, any number at once. Blocking calls: none.
pub struct gort_ctx {
    _opaque: [u8; 0],
}

/// Now, in nanoseconds of a clock that only goes forward. Its zero is arbitrary; it does not jump when the wall
/// clock is set.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_now() -> i64 {
    sched::now()
}

/// The time that is `duration` nanoseconds from now: the deadline of the `_until` calls. Saturates:
/// `gort_in(GORT_NEVER)` is GORT_NEVER; a negative duration is a time that has passed.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_in(duration: i64) -> i64 {
    if duration == clock::NEVER { clock::NEVER } else { sched::now().saturating_add(duration) }
}

/// The wall clock's reading at time `time`, in nanoseconds since 1970-01-01 00:00 UTC: for printing. It uses the
/// difference of the two clocks now, so it is not for arithmetic. Saturates; GORT_NEVER stays GORT_NEVER.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_wall_time(time: i64) -> i64 {
    if time == clock::NEVER {
        return clock::NEVER;
    }
    time.saturating_add(clock::wall().saturating_sub(clock::now()))
}

/// Lets `duration` nanoseconds pass. Blocks for at least that long, never shorter; 0 or less returns at once.
/// Woken by the clock, or by the cancellation of this task.
///
/// Blocks: the task (on a plain thread: the thread). GORT_NEVER sleeps until cancelled.
/// Errors: GORT_CANCELED, GORT_SHUTDOWN, GORT_DEADLOCK.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_sleep(duration: i64) -> gort_status {
    ffi::wall(|| block::sleep(Wait { deadline: gort_in(duration), ..Wait::FOREVER }).ok())
}

/// Sleeps until the time `deadline`. Blocks unless it has passed already. Woken by the clock, by the cancellation of
/// this task or by `ctx`.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_CANCELED, GORT_SHUTDOWN, GORT_DEADLOCK; GORT_TIMED_OUT when the deadline of `ctx` comes first; GORT_MISUSE for a
/// `ctx` that is none.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sleep_until(deadline: i64, ctx: *mut gort_ctx) -> gort_status {
    ffi::wall(|| block::sleep(ffi::limits(deadline, ctx)?).ok())
}

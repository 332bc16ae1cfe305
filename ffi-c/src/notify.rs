//! For callers that have a loop of their own: being told that there may be something to receive.
//!
//! What this is NOT: a receive. Nothing is taken, so whoever is told tries, and may find that another was quicker (core's
//! `chan/notify.rs`).

use core::ffi::{c_int, c_void};

use gort_core::chan::{notify, raw};
use gort_core::sched;
use gort_core::sched::task::SpawnOptions;
use gort_core::status::Status;
use gort_core::wait::Wait;

use crate::chan::gort_chan;
use crate::ends::gort_receiver;
use crate::ffi::{self, Before, Call};
use crate::status::gort_status;

/// A file descriptor that becomes readable when there may be something to receive, or the channel is closed: for epoll, poll
/// and select(2), and for loops that stand on them. Does not block. The same one each time, with one 8-byte counter to read,
/// as an eventfd.
///
/// When it is readable, read() 8 bytes from it first, then receive with gort_chan_try_recv() or gort_chan_try_recv_n() until
/// GORT_WOULD_BLOCK, which arms it again: it becomes readable at least once after each such answer, so nothing that arrives
/// is missed. It may become readable for nothing, since other receivers may be quicker. When the channel is closed it becomes
/// readable once; the receives say GORT_CLOSED.
///
/// Blocks: never.
/// Errors: a negative status instead: GORT_OS when the system has no descriptor left, GORT_NO_MEMORY; GORT_INVALID for NULL;
/// GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: what the sender wrote before it sent is seen after the receive, as always; the descriptor orders nothing.
/// Ownership: the channel's: it is closed when the channel goes away, and nobody else may close it or write to it.
/// Thread-safety: any thread or task; one loop a channel, as a rule: a read by one takes the news from the others.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_notify_fd(chan: *mut gort_chan) -> c_int {
    let fd = || {
        // SAFETY: core checks what the handle points to (W3).
        match unsafe { notify::notify_fd(ffi::handle(chan, "the channel")?) } {
            Err(Status::Os) => ffi::fail(Status::Os, format_args!("eventfd: {}", std::io::Error::last_os_error())),
            other => other,
        }
    };
    ffi::wall_or(Status::Panic.code(), || fd().unwrap_or_else(Status::code))
}

/// Calls `fn(arg)` once, in a task of its own, when there may be something to receive, or the channel is closed: for loops
/// that have a way to be told, such as uv_async_send() or a message to a window. Does not block. If there is something
/// already, `fn` runs at once.
///
/// When told, receive until GORT_WOULD_BLOCK, then arm it again by another call, in `fn` or wherever the loop runs. What
/// arrives in between is seen, since the new task looks before it waits: after this call has returned no arrival is missed.
/// Nothing is taken from the channel, so other receivers may be quicker and `fn` be called for nothing. Each call is one of
/// its own: two calls are two tasks.
///
/// `fn` is not called when that task is cancelled, which the end of its run does, or when the runtime stops. Until then it
/// waits for a channel that nobody sends to; gort_chan_close() ends that, and `fn` is called.
///
/// Blocks: never.
/// Errors: GORT_INVALID for NULL, which is never ready, and for a NULL `fn`; GORT_MISUSE for a stale handle; the others as
/// gort_go(). `fn` is not called then.
/// Ordering: what was written before the call is seen by `fn`.
/// Ownership: `arg` is handed to `fn` as it is. The task holds a reference of the channel until `fn` has returned.
/// Thread-safety: any thread or task. `fn` may call all of gort, and may block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_on_ready(
    chan: *mut gort_chan,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        let chan = ffi::handle(chan, "the channel")?;
        // SAFETY: core checks what the handle points to (W3).
        unsafe { raw::retain(chan) }.ok()?;
        let entry = Call::after::<Readable>(function, arg, chan.cast());
        let options = SpawnOptions { name: Some(c"gort_chan_on_ready".into()), ..SpawnOptions::default() };
        // SAFETY: the entry is one of ours and is handed over once; it owns the reference, also if no task is started.
        unsafe { sched::spawn(entry, options) }
    })
}

/// gort_chan_notify_fd() for a receiver, such as that of a timer. Never blocks.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_receiver_notify_fd(receiver: *mut gort_receiver) -> c_int {
    // SAFETY: as in gort_chan_notify_fd.
    unsafe { gort_chan_notify_fd(receiver.cast()) }
}

/// gort_chan_on_ready() for a receiver, such as that of a timer. Does not block.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_receiver_on_ready(
    receiver: *mut gort_receiver,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    // SAFETY: as in gort_chan_on_ready.
    unsafe { gort_chan_on_ready(receiver.cast(), r#fn, arg) }
}

/// Readiness of a channel, of which the task holds a reference.
struct Readable;

impl Before for Readable {
    unsafe fn wait(chan: *const c_void) -> bool {
        // SAFETY: a channel, by contract of `Before`.
        unsafe { notify::readable(chan.cast(), Wait::FOREVER) }.is_ok()
    }

    unsafe fn give_back(chan: *const c_void) {
        // SAFETY: as above, given back once.
        let _ = unsafe { raw::release(chan.cast()) };
    }
}

//! The two one-directional views of a channel.
//!
//! What this is NOT: a reference; a view is the channel under another type, so that the wrong direction does not compile. It
//! lives as long as the channel does.

use core::ffi::c_void;

use gort_core::chan::raw;

use crate::chan::{from, gort_chan, gort_chan_recv, gort_chan_send, handle};
use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A channel seen by who may only send: of the same channel, not a reference of its own.
pub struct gort_sender {
    _opaque: [u8; 0],
}

/// A channel seen by who may only receive: of the same channel, not a reference of its own.
pub struct gort_receiver {
    _opaque: [u8; 0],
}

/// The sending side of the channel, as a type that cannot receive. NULL for NULL.
///
/// Blocks: never. Errors: none. Ownership: borrowed; no reference is taken. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_sender(chan: *mut gort_chan) -> *mut gort_sender {
    chan.cast()
}

/// The receiving side of the channel, as a type that cannot send. NULL for NULL.
///
/// Blocks: never. Errors: none. Ownership: borrowed; no reference is taken. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_receiver(chan: *mut gort_chan) -> *mut gort_receiver {
    chan.cast()
}

/// gort_chan_send() for a sender: blocks, fails and is woken as it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sender_send(sender: *mut gort_sender, element: *const c_void) -> gort_status {
    // SAFETY: as in gort_chan_send.
    unsafe { gort_chan_send(sender.cast(), element) }
}

/// gort_chan_try_send() for a sender. Never blocks.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_sender_try_send(sender: *mut gort_sender, element: *const c_void) -> gort_status {
    // SAFETY: as in gort_chan_send.
    ffi::hot(|| unsafe { raw::try_send(handle(sender), from(sender, element)?) }.ok())
}

/// gort_chan_send_until() for a sender: blocks, fails and is woken as it.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_sender_send_until(
    sender: *mut gort_sender,
    element: *const c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_send.
    ffi::hot(|| unsafe { raw::send_until(handle(sender), from(sender, element)?, deadline, ffi::context(ctx)?) }.ok())
}

/// gort_chan_close() for a sender. Never blocks.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sender_close(sender: *mut gort_sender) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::close(ffi::handle(sender, "the sender")?) }.ok())
}

/// gort_chan_recv() for a receiver: blocks, fails and is woken as it.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_receiver_recv(receiver: *mut gort_receiver, out: *mut c_void) -> gort_status {
    // SAFETY: as in gort_chan_recv.
    unsafe { gort_chan_recv(receiver.cast(), out) }
}

/// gort_chan_try_recv() for a receiver. Never blocks.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_receiver_try_recv(receiver: *mut gort_receiver, out: *mut c_void) -> gort_status {
    // SAFETY: as in gort_chan_recv.
    ffi::hot(|| unsafe { raw::try_recv(handle(receiver), from(receiver, out)?) }.ok())
}

/// gort_chan_recv_until() for a receiver: blocks, fails and is woken as it.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_receiver_recv_until(
    receiver: *mut gort_receiver,
    out: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_recv.
    ffi::hot(|| unsafe { raw::recv_until(handle(receiver), from(receiver, out)?, deadline, ffi::context(ctx)?) }.ok())
}

/// Says that nobody will receive any more. Does not block. Senders that wait are woken and get GORT_CLOSED, as does
/// every send from then on; elements in the buffer are dropped.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: what was written before it is seen after a send that reports it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_receiver_abandon(receiver: *mut gort_receiver) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::abandon(ffi::handle(receiver, "the receiver")?) }.ok())
}

/// Gives an owned receiver back, as of gort_after(): gort_chan_release() for a receiver. Never blocks.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. NULL is allowed and does nothing.
/// Ownership: the reference is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_receiver_release(receiver: *mut gort_receiver) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if receiver.is_null() { Ok(()) } else { unsafe { raw::release(handle(receiver)) }.ok() })
}

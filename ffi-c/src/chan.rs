//! Channels: making one, sending, receiving, closing, counting references.
//!
//! What this is NOT: the channel; that is core's `chan/raw.rs`. Views for one direction are in `ends.rs`, batches in
//! `batch.rs`, event loops in `notify.rs`. Typed channels are inline functions of the header (`gort_prelude.h`) over the
//! functions of these files.
//!
//! A NULL channel is Go's nil channel: never ready. Core knows that; here only elements and options are looked at.

use core::ffi::c_void;
use core::fmt;
use core::mem::{offset_of, size_of};
use core::ptr::NonNull;

use gort_core::chan::raw::{self, Layout, RawChan};
use gort_core::chan::stub;
use gort_core::elem::MAX_SIZE;
use gort_core::status::Status;

use crate::ffi::{self, Options};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A channel: a queue of elements of one size between any number of senders and receivers. Capacity 0 is a
/// rendezvous: a send returns when a receiver has the element. One without bound (GORT_CHAN_UNBOUNDED) takes as many as
/// there is memory for.
///
/// NULL is a channel that is never ready: sending and receiving block until a deadline or cancellation.
///
/// Ownership: counted. gort_chan_new() gives one reference, gort_chan_retain() another, gort_chan_release() gives one
/// back; with the last one the channel and the elements in it go away.
/// Thread-safety: any thread or task. Blocking calls: send, recv, and their `_until` forms.
pub struct gort_chan {
    _opaque: [u8; 0],
}

/// gort_chan_options.flags: as many elements can be under way as there is memory for, so a send never waits. What receivers
/// do not keep up with grows: a bound is the better choice wherever senders can wait.
pub const GORT_CHAN_UNBOUNDED: u32 = 1;

/// What is done with an element that nobody received.
type DropElement = unsafe extern "C" fn(*mut c_void);

/// What a channel may be given. Fill it in with GORT_CHAN_OPTIONS_INIT, then change what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_chan_options {
    /// sizeof(gort_chan_options); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// Bytes of an element: 0 to 65536.
    pub elem_size: usize,
    /// Elements that can be under way; 0: a rendezvous, or with GORT_CHAN_UNBOUNDED no bound.
    pub capacity: usize,
    /// Of an element given to `drop`: a power of two up to 4096; 0: that of any type of this size, at most 16.
    pub alignment: usize,
    /// Called with each element that was sent and never received, when the channel goes away or is abandoned; or NULL.
    /// It runs with no lock held, may call gort, and must not block.
    pub drop: Option<unsafe extern "C" fn(element: *mut c_void)>,
    /// 0, or GORT_CHAN_UNBOUNDED.
    pub flags: u32,
    /// 0, for later versions.
    pub reserved: [u32; 5],
}

// SAFETY: repr(C), integers and a nullable function, struct_size is the first field, and all-zero is the default.
unsafe impl Options for gort_chan_options {
    const NAME: &'static str = "gort_chan_options";
    const FIRST_SIZE: usize = offset_of!(gort_chan_options, reserved) + size_of::<[u32; 5]>();
}

impl gort_chan_options {
    /// The options of a channel of nothing.
    const PLAIN: gort_chan_options = gort_chan_options {
        struct_size: size_of::<gort_chan_options>(),
        elem_size: 0,
        capacity: 0,
        alignment: 0,
        drop: None,
        flags: 0,
        reserved: [0; 5],
    };
}

/// Core's form of an element, if the sizes are in range. `align` 0 asks for the alignment that any type of the size fits.
fn layout(size: usize, capacity: usize, align: usize, drop: Option<DropElement>) -> Result<Layout, Status> {
    let invalid = |text: fmt::Arguments<'_>| ffi::fail(Status::Invalid, text);
    if size > MAX_SIZE {
        return invalid(format_args!("the element size is {size} bytes, above the {MAX_SIZE} that a channel takes"));
    }
    if size.max(1).checked_mul(capacity).is_none_or(|bytes| bytes > isize::MAX as usize) {
        return invalid(format_args!(
            "a capacity of {capacity} elements of {size} bytes is more than can be addressed"
        ));
    }
    if align == 0 {
        let usual = if size == 0 { 1 } else { 1 << size.trailing_zeros().min(4) };
        return Ok(Layout { size, align: usual, drop });
    }
    if !align.is_power_of_two() || align > 4096 {
        return invalid(format_args!("gort_chan_options.alignment is {align}, not a power of two up to 4096"));
    }
    if !size.is_multiple_of(align) {
        return invalid(format_args!("the element size is {size}, not a multiple of the alignment {align}"));
    }
    Ok(Layout { size, align, drop })
}

/// Makes the channel of a C constructor.
fn create(options: gort_chan_options) -> Result<NonNull<RawChan>, Status> {
    ffi::reserved::<gort_chan_options>(&options.reserved)?;
    let gort_chan_options { elem_size, capacity, alignment, drop, flags, .. } = options;
    let layout = layout(elem_size, capacity, alignment, drop)?;
    let made = match flags {
        0 => raw::create(layout, capacity),
        GORT_CHAN_UNBOUNDED if capacity == 0 => raw::create_unbounded(layout),
        GORT_CHAN_UNBOUNDED => {
            return ffi::fail(
                Status::Invalid,
                format_args!("a channel without bound has no capacity, and gort_chan_options.capacity is {capacity}"),
            );
        }
        _ => {
            return ffi::fail(
                Status::Invalid,
                format_args!("gort_chan_options.flags is {flags:#x}, not 0 or GORT_CHAN_UNBOUNDED"),
            );
        }
    };
    ffi::explained(made, "a channel")
}

/// Makes a channel for elements of `elem_size` bytes, `capacity` of which can be under way. Does not block.
///
/// Blocks: never.
/// Errors: NULL when `elem_size` is above 65536, when the sizes overflow, or when there is no memory;
/// gort_last_error() says which.
/// Ownership: one reference, the caller's: gort_chan_release(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_chan_new(elem_size: usize, capacity: usize) -> *mut gort_chan {
    ffi::made(|| create(gort_chan_options { elem_size, capacity, ..gort_chan_options::PLAIN }))
}

/// Makes a channel as `options` say: with an alignment, with a function for elements that nobody received, without bound.
///
/// Blocks: never. Errors: as gort_chan_new(); also for NULL or bad `options`.
/// Ownership: one reference, the caller's: gort_chan_release(); `options` may go away at once.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_new_with(options: *const gort_chan_options) -> *mut gort_chan {
    ffi::made(|| {
        // SAFETY: NULL, or the caller's struct with a true struct_size (the header's contract).
        let options = unsafe { ffi::options(options) }?;
        create(options.map_or_else(|| ffi::null_argument("gort_chan_options"), Ok)?)
    })
}

/// Takes one more reference. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_retain(chan: *mut gort_chan) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if chan.is_null() { Ok(()) } else { unsafe { raw::retain(handle(chan)) }.ok() })
}

/// Gives one reference back. With the last one the channel goes away, and the elements in it are dropped. It does not
/// close: nobody can be waiting who has no reference. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_release(chan: *mut gort_chan) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if chan.is_null() { Ok(()) } else { unsafe { raw::release(handle(chan)) }.ok() })
}

/// Sends the element at `element`, which is copied. Blocks while the buffer is full, or, with capacity 0, until a
/// receiver takes it; never for a channel without bound. Woken by a receive, by the close of the channel, or by the
/// cancellation of the caller.
///
/// Blocks: the task (on a plain thread: the thread). For a NULL channel until cancelled.
/// Errors: GORT_CLOSED when the channel is or becomes closed, or its receivers have abandoned it; GORT_CANCELED,
/// GORT_DEADLOCK; GORT_NO_MEMORY for a channel without bound; GORT_INVALID for a NULL `element`; GORT_MISUSE for a stale
/// handle; GORT_SHUTDOWN. The element was not sent then and is still the caller's.
/// Ordering: what was written before it is seen after the receive that gets the element.
/// Ownership: the bytes are copied before it returns. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_send(chan: *mut gort_chan, element: *const c_void) -> gort_status {
    // SAFETY: core checks what the handle points to (W3); `element` is readable for one (the header's contract).
    unsafe {
        if element.is_null() {
            return without_element(chan, true);
        }
        stub::send(handle(chan), element.cast()) // a tail call: the stub returns straight to the C caller
    }
}

/// A blocking send or receive that was given NULL for the element: right for elements of no bytes. Out of line, so that the others keep their registers.
#[cold]
#[inline(never)]
unsafe fn without_element(chan: *mut gort_chan, send: bool) -> gort_status {
    // SAFETY: as in gort_chan_send.
    ffi::hot(|| unsafe {
        let at = from(chan, core::ptr::null::<c_void>())?;
        if send { raw::send(handle(chan), at).ok() } else { raw::recv(handle(chan), at).ok() }
    })
}

/// Sends if that is possible at this instant. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK when it would, always for a NULL channel; else as gort_chan_send().
/// Ordering, ownership and thread-safety: as gort_chan_send().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_try_send(chan: *mut gort_chan, element: *const c_void) -> gort_status {
    // SAFETY: as in gort_chan_send.
    ffi::hot(|| unsafe { raw::try_send(handle(chan), from(chan, element)?) }.ok())
}

/// Sends, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_send(). Woken as
/// gort_chan_send(), by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
/// sending what can be sent at once.
/// Errors: GORT_TIMED_OUT; else as gort_chan_send(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_chan_send().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_send_until(
    chan: *mut gort_chan,
    element: *const c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_send.
    ffi::hot(|| unsafe { raw::send_until(handle(chan), from(chan, element)?, deadline, ffi::context(ctx)?) }.ok())
}

/// Receives an element into `*out`. Blocks while there is none. Woken by a send, by the close of the channel, or by
/// the cancellation of the caller.
///
/// Blocks: the task (on a plain thread: the thread). For a NULL channel until cancelled.
/// Errors: GORT_CLOSED when the channel is closed and drained, now and for ever; GORT_CANCELED, GORT_DEADLOCK;
/// GORT_INVALID for a NULL `out`; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. `*out` is written only on success.
/// Ordering: what the sender wrote before it sent is seen after it.
/// Ownership: the element is the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_recv(chan: *mut gort_chan, out: *mut c_void) -> gort_status {
    // SAFETY: core checks what the handle points to (W3); `out` is writable for one (the header's contract).
    unsafe {
        if out.is_null() {
            return without_element(chan, false);
        }
        stub::recv(handle(chan), out.cast()) // a tail call, as in gort_chan_send
    }
}

/// Receives if that is possible at this instant. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK when it would, always for a NULL channel; else as gort_chan_recv().
/// Ordering, ownership and thread-safety: as gort_chan_recv().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_try_recv(chan: *mut gort_chan, out: *mut c_void) -> gort_status {
    // SAFETY: as in gort_chan_recv.
    ffi::hot(|| unsafe { raw::try_recv(handle(chan), from(chan, out)?) }.ok())
}

/// Receives, waiting at most until `deadline` or until `ctx` is cancelled. Blocks as gort_chan_recv(). Woken as
/// gort_chan_recv(), by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from
/// receiving what is there.
/// Errors: GORT_TIMED_OUT; else as gort_chan_recv(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_chan_recv().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_chan_recv_until(
    chan: *mut gort_chan,
    out: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in gort_chan_recv.
    ffi::hot(|| unsafe { raw::recv_until(handle(chan), from(chan, out)?, deadline, ffi::context(ctx)?) }.ok())
}

/// Closes the channel: nothing can be sent any more; what is in it can still be received. Does not block. Wakes all
/// who wait: senders get GORT_CLOSED, receivers too once it is drained.
///
/// Blocks: never. Errors: GORT_CLOSED when it was closed already; GORT_INVALID for NULL; GORT_MISUSE for a stale
/// handle; GORT_SHUTDOWN.
/// Ordering: what was written before it is seen after a receive that reports it.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_close(chan: *mut gort_chan) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::close(ffi::handle(chan, "the channel")?) }.ok())
}

/// The number of elements in the buffer at some instant: a snapshot, old when it is looked at. 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_len(chan: *const gort_chan) -> usize {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || unsafe { raw::len(chan.cast()) })
}

/// The capacity the channel was made with; SIZE_MAX for one without bound. 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_cap(chan: *const gort_chan) -> usize {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || unsafe { raw::cap(chan.cast()) })
}

/// The size of an element. 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_elem_size(chan: *const gort_chan) -> usize {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || match unsafe { raw::elem_size(chan.cast()) } {
        usize::MAX => 0,
        size => size,
    })
}

/// Whether the channel was closed, at some instant; elements may still be in it. False for NULL. To decide whether to
/// send, send: the answer may be old when it is looked at.
///
/// Blocks: never. Errors: none; false for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_chan_is_closed(chan: *const gort_chan) -> bool {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(false, || unsafe { raw::is_closed(chan.cast()) })
}

/// The channel behind a handle of any of the three types; NULL is core's to understand.
#[inline(always)]
pub(crate) fn handle<C>(chan: *mut C) -> *const RawChan {
    chan.cast()
}

/// The place of an element of the channel.
///
/// # Safety
/// None beyond what core checks of the handle (W3).
#[inline(always)]
pub(crate) unsafe fn from<C>(chan: *mut C, place: *const c_void) -> Result<*mut u8, Status> {
    // A NULL channel never comes to look at the element.
    // SAFETY: core checks what the handle points to.
    ffi::element(place, || if chan.is_null() { 0 } else { unsafe { raw::elem_size(handle(chan)) } })
}

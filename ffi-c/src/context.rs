//! Contexts: what a piece of work is told about its end.
//!
//! What this is NOT: the rules; those are core's `flow/context/raw.rs`. Here each is a handle with references.
//!
//! X1  Whoever makes a context has a reference, and gives it back; a child has one of its parent. A context that goes is not
//!     cancelled by that: it has neither descendants nor waits any more.
//! X2  Questions (`_is_done`, `_err`, `_value` ...) look at the handle without its lock: the caller's reference keeps it.
//! X3  NULL as `ctx` of an `_until` call, and in a question, is no context: nothing ends it. As a parent it is a mistake.

use core::any::Any;
use core::ffi::{CStr, c_char, c_void};
use core::ptr::{NonNull, null, null_mut};
use core::sync::atomic::{AtomicBool, Ordering::Release};

use gort_core::chan::raw::RawChan;
use gort_core::flow::context::raw::{self, Cause, RawContext, Text, Value};
use gort_core::flow::context::{after, own};
use gort_core::sched;
use gort_core::sched::task::SpawnOptions;
use gort_core::status::Status;
use gort_core::sys::clock::NEVER;
use std::sync::Arc;

use crate::ends::gort_receiver;
use crate::ffi::{self, Call, Options};
use crate::status::gort_status;
use crate::time::{gort_ctx, gort_in};

/// A function that is to be called when a context ends: gort_ctx_after_func().
///
/// Ownership: the caller's, given back with gort_ctx_func_free(). Thread-safety: any thread or task, any number at once.
/// Blocking calls: none.
pub struct gort_ctx_func {
    _opaque: [u8; 0],
}

/// The root of all: never cancelled, without a deadline, without values. Always the same.
///
/// Blocks: never. Errors: none. Ownership: needs no reference and no release; both are allowed.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_ctx_background() -> *mut gort_ctx {
    raw::background().as_ptr().cast()
}

/// The same, for a place where it is not clear yet which context belongs there.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_background().
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_ctx_todo() -> *mut gort_ctx {
    raw::todo().as_ptr().cast()
}

/// A child of `parent` that gort_ctx_cancel() ends. It ends with its parent, too.
///
/// Blocks: never. Errors: NULL for a NULL or stale `parent`, when there is no memory, or while gort is shut down;
/// gort_last_error() says which.
/// Ownership: the caller's, given back with gort_ctx_release(); it keeps its parent, and its parent does not keep it.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_cancel(parent: *mut gort_ctx) -> *mut gort_ctx {
    // SAFETY: core checks what the handle points to (W3).
    make("the parent context", || unsafe { raw::with_cancel(ffi::handle(parent, "the parent context")?) })
}

/// A child of `parent` that ends `duration` nanoseconds from now, with GORT_TIMED_OUT, if nothing ends it before. GORT_NEVER: as
/// gort_ctx_with_cancel(); 0 or less: it has ended.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_timeout(parent: *mut gort_ctx, duration: i64) -> *mut gort_ctx {
    // SAFETY: as in `with_deadline`.
    unsafe { with_deadline(parent, gort_in(duration), null()) }
}

/// gort_ctx_with_timeout() with a text, which is copied, as the cause if its time comes; NULL: none.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_timeout_cause(
    parent: *mut gort_ctx,
    duration: i64,
    cause: *const c_char,
) -> *mut gort_ctx {
    // SAFETY: as in `with_deadline`.
    unsafe { with_deadline(parent, gort_in(duration), cause) }
}

/// A child of `parent` that ends at `deadline`, on the clock of gort_now(); at its parent's deadline if that is earlier; at once
/// if that has passed. As gort_ctx_with_timeout().
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_deadline(parent: *mut gort_ctx, deadline: i64) -> *mut gort_ctx {
    // SAFETY: as in `with_deadline`.
    unsafe { with_deadline(parent, deadline, null()) }
}

/// gort_ctx_with_deadline() with a text, which is copied, as the cause if its time comes; NULL: none.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_deadline_cause(
    parent: *mut gort_ctx,
    deadline: i64,
    cause: *const c_char,
) -> *mut gort_ctx {
    // SAFETY: as in `with_deadline`.
    unsafe { with_deadline(parent, deadline, cause) }
}

/// A child of `parent` that carries `value`, which gort_ctx_value() finds by `key`, here and below. Keys are compared by their
/// address: take that of a static variable of your own. It ends with its parent, and cannot be cancelled by itself.
///
/// Blocks: never. Errors: as gort_ctx_with_cancel(); also NULL for a NULL `key`. `drop` is not called then.
/// Ownership: as gort_ctx_with_cancel(). `drop(value)`, unless `drop` is NULL, is called once, by whoever gives the last
/// reference back, when nobody finds the value any more. Thread-safety: any thread or task; the value is found by all.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_with_value(
    parent: *mut gort_ctx,
    key: *const c_void,
    value: *mut c_void,
    drop: Option<unsafe extern "C" fn(value: *mut c_void)>,
) -> *mut gort_ctx {
    make("the parent context", || {
        let parent = ffi::handle(parent, "the parent context")?;
        let value = Value { key: ffi::handle(key, "the key")?, data: value.cast(), drop };
        // SAFETY: as in gort_ctx_with_cancel; the value is the program's, for any thread (the header's contract).
        unsafe { raw::with_value(parent, value) }
    })
}

/// A child of `parent` with the same values that its parent's end and deadline do not reach: for work that is to go on.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_without_cancel(parent: *mut gort_ctx) -> *mut gort_ctx {
    // SAFETY: as in gort_ctx_with_cancel.
    make("the parent context", || unsafe { raw::without_cancel(ffi::handle(parent, "the parent context")?) })
}

/// A child of two: ended by whichever ends first, with that one's status and cause. It has the earlier deadline, and the values of
/// `first`, then those of `second`.
///
/// Blocks, errors, ownership and thread-safety: as gort_ctx_with_cancel().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_merge(first: *mut gort_ctx, second: *mut gort_ctx) -> *mut gort_ctx {
    make("the parent contexts", || {
        let (first, second) = (ffi::handle(first, "the first context")?, ffi::handle(second, "the second context")?);
        // SAFETY: as in gort_ctx_with_cancel.
        unsafe { raw::merge(first, second) }
    })
}

/// A context of a program's own: gort_ctx_own(). Fill it with GORT_CTX_FUNCTIONS_INIT; each is called with `arg`, on any thread, and may
/// not block. One that is NULL has nothing to say.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_ctx_functions {
    /// sizeof(gort_ctx_functions): GORT_CTX_FUNCTIONS_INIT sets it.
    pub struct_size: usize,
    /// When it ends at the latest, on the clock of gort_now(); GORT_NEVER. Asked once.
    pub deadline: Option<unsafe extern "C" fn(arg: *mut c_void) -> i64>,
    /// A channel that is closed when it ends, not a timer's; NULL: it never does. Asked once; borrowed until `drop`.
    pub done: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut gort_receiver>,
    /// How it has ended, GORT_CANCELED or GORT_TIMED_OUT: asked when the channel is closed. NULL: GORT_CANCELED.
    pub err: Option<unsafe extern "C" fn(arg: *mut c_void) -> gort_status>,
    /// Its value for a key, or NULL.
    pub value: Option<unsafe extern "C" fn(arg: *mut c_void, key: *const c_void) -> *mut c_void>,
    /// Called once, when gort is done with it.
    pub drop: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    /// 0, for later versions.
    pub reserved: [u64; 2],
}

// SAFETY: repr(C), begins with a usize, plain data and nullable functions; zero is as usual.
unsafe impl Options for gort_ctx_functions {
    const NAME: &'static str = "gort_ctx_functions";
    const FIRST_SIZE: usize = core::mem::size_of::<gort_ctx_functions>();
}

/// A context that stands for one of the program's own, and is the parent of others as any is. It ends a moment after the channel of
/// `functions->done` is closed: that is observed, and no task waits for it. gort_ctx_cancel() ends this one and what is below it.
///
/// Blocks: never. Errors: NULL for NULL or bad `functions`, for a `done` that is no live channel or a timer's, when there is no memory,
/// or while gort is shut down; gort_last_error() says which. `drop` is not called then.
/// Ownership: as gort_ctx_with_cancel(); the struct is copied. `arg` must stay valid until `drop(arg)`.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_own(functions: *const gort_ctx_functions, arg: *mut c_void) -> *mut gort_ctx {
    make("the context", || {
        // SAFETY: NULL, or a struct of the caller's (the header's contract).
        let Some(functions) = (unsafe { ffi::options(functions) })? else { return ffi::null_argument("functions") };
        if functions.reserved != [0; 2] {
            return ffi::fail(
                Status::Invalid,
                format_args!("gort_ctx_functions.reserved must be 0; use its initialiser"),
            );
        }
        let drop = AtomicBool::new(false);
        let made = own::own(Box::new(Theirs { functions, arg, drop }))?;
        // SAFETY: ours; from now on it is dropped with the context.
        unsafe { raw::on(made.as_ptr())? }.find(|v| {
            // SAFETY: ours, for now.
            let theirs = unsafe { own::of(v) }?.downcast_ref::<Theirs>()?;
            theirs.drop.store(true, Release);
            Some(())
        });
        Ok(made)
    })
}

/// A context of C's own.
struct Theirs {
    functions: gort_ctx_functions,
    arg: *mut c_void,
    /// It has been made.
    drop: AtomicBool,
}

// SAFETY: the program vouches for its use on any thread (the header's contract).
unsafe impl Send for Theirs {}
// SAFETY: as above.
unsafe impl Sync for Theirs {}

impl own::Foreign for Theirs {
    fn deadline(&self) -> i64 {
        // SAFETY: the program's, to be called with this argument; so are the others.
        self.functions.deadline.map_or(NEVER, |f| unsafe { f(self.arg) })
    }

    fn done(&self) -> *const RawChan {
        // SAFETY: as above.
        self.functions.done.map_or(null(), |f| unsafe { f(self.arg) }.cast_const().cast())
    }

    fn err(&self) -> Status {
        // SAFETY: as above.
        match self.functions.err.map(|f| unsafe { f(self.arg) }) {
            Some(s) if s == Status::TimedOut.code() => Status::TimedOut,
            _ => Status::Canceled,
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

impl Drop for Theirs {
    fn drop(&mut self) {
        if let (Some(f), true) = (self.functions.drop, *self.drop.get_mut()) {
            // SAFETY: as above.
            unsafe { f(self.arg) }
        }
    }
}

/// Calls `fn(arg)` in a task of its own when `ctx` ends; at once if it has ended. Does not block.
///
/// The task is one of the run of whoever ends the context. It is not called if the context goes without having ended, or when that
/// run is over, or has as many tasks as it may.
///
/// Blocks: never. Errors: NULL for a NULL or stale `ctx`, a NULL `fn`, when there is no memory, or while gort is shut down;
/// gort_last_error() says which.
/// Ownership: the handle is the caller's, given back with gort_ctx_func_free(); until then it has a reference of `ctx`. `arg` must
/// stay valid as long as `fn` may be called with it. Ordering: what was written before the cancellation is seen by `fn`.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_after_func(
    ctx: *mut gort_ctx,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> *mut gort_ctx_func {
    ffi::made(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        let ctx = ffi::handle(ctx, "the context")?;
        let arg = arg.expose_provenance();
        let act = move || {
            let entry = Call::plain(function, core::ptr::with_exposed_provenance_mut(arg));
            // SAFETY: the entry is one of ours and is handed over once. What cannot be started is not called, as said.
            let _ = unsafe { sched::spawn(entry, SpawnOptions::default()) };
        };
        // SAFETY: core checks what the handle points to (W3).
        ffi::explained(unsafe { after::after(ctx, Box::new(act)) }, "the context")
    })
}

/// The function is not called any more. Never blocks, and does not wait for a call that runs. `*prevented`, which may be NULL, says
/// whether that prevented it: false if it was started or stopped before, or the context never ends.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_func_stop(func: *mut gort_ctx_func, prevented: *mut bool) -> gort_status {
    ffi::wall(|| {
        // SAFETY: core checks what the handle points to (W3); the output is the caller's.
        unsafe {
            let was = ffi::explained(after::stop(ffi::handle(func, "the function")?), "the function")?;
            ffi::put(prevented, was);
        }
        Ok(())
    })
}

/// Gives the handle back; a function that was not stopped is still called when the context ends. Never blocks. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Ownership: the handle is given up, and its reference of the
/// context. Thread-safety: any thread or task, as the last user.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_func_free(func: *mut gort_ctx_func) -> gort_status {
    ffi::wall(|| {
        if func.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        ffi::explained(unsafe { after::free(func.cast()) }.ok(), "the function")
    })
}

/// Ends `ctx` and all below it, with GORT_CANCELED. Does not block. When it returns every descendant is marked, every wait with one
/// of them is ended, and every done channel is closed; it waits for nobody to notice. One that has ended stays as it is: GORT_OK.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle, and for a context that cannot be cancelled by
/// itself (the background, one with a value, one without cancel); GORT_SHUTDOWN.
/// Ordering: what was written before it is seen by whoever finds the context ended. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_cancel(ctx: *mut gort_ctx) -> gort_status {
    // SAFETY: as in `cancel`.
    unsafe { cancel(ctx, null()) }
}

/// gort_ctx_cancel() with a text, which is copied: gort_ctx_cause() gives it. The first counts. Does not block.
///
/// Blocks, errors, ordering and thread-safety: as gort_ctx_cancel().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_cancel_cause(ctx: *mut gort_ctx, cause: *const c_char) -> gort_status {
    // SAFETY: as in `cancel`.
    unsafe { cancel(ctx, cause) }
}

/// Has it ended? The same as gort_ctx_err(ctx) != GORT_OK, and the fastest way to ask: for loops. False for NULL.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_is_done(ctx: *const gort_ctx) -> bool {
    // SAFETY: core checks what the handle points to (W3).
    match unsafe { raw::on(ctx.cast()) } {
        Ok(c) => c.is_done(),
        Err(_) => !ctx.is_null(),
    }
}

/// How it ended: GORT_CANCELED or GORT_TIMED_OUT; GORT_OK while it goes on, and for NULL. Then its done channel is closed, too.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN for one from before a shutdown or fork.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_err(ctx: *const gort_ctx) -> gort_status {
    // SAFETY: as in gort_ctx_is_done.
    ffi::wall(|| match unsafe { raw::on(ctx.cast()) } {
        Ok(c) => c.err().map_or(Ok(()), Err),
        Err(Status::Invalid) => Ok(()),
        Err(s) => no_context(s),
    })
}

/// Why it ended, as whoever ended it said, or ended what it is below; else a text that says how. NULL while it goes on, and for what
/// is no context.
///
/// Blocks: never. Errors: NULL. Ownership: borrowed, as long as the caller has a reference of `ctx`.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_cause(ctx: *const gort_ctx) -> *const c_char {
    ffi::wall_or(null(), || {
        // SAFETY: as in gort_ctx_is_done.
        let Ok(c) = (unsafe { raw::on(ctx.cast()) }) else { return null() };
        let Some(status) = c.err() else { return null() };
        let how: &CStr =
            if status == Status::TimedOut { c"the context's deadline passed" } else { c"the context was cancelled" };
        // The cause stays with the context that was cancelled, which this one keeps.
        c.cause().and_then(|why| why.downcast_ref::<Text>().map(|t| t.text.as_ptr())).unwrap_or(how.as_ptr())
    })
}

/// When it ends at the latest; GORT_NEVER if nothing says so.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_deadline(ctx: *const gort_ctx) -> i64 {
    // SAFETY: as in gort_ctx_is_done.
    unsafe { raw::on(ctx.cast()) }.map_or(NEVER, RawContext::deadline)
}

/// The value of the nearest context that has one for `key`: `ctx` itself, or above it. NULL if none has.
///
/// Blocks: never. Errors: NULL. Ownership: borrowed, as long as the caller has a reference of `ctx`.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_value(ctx: *const gort_ctx, key: *const c_void) -> *mut c_void {
    ffi::wall_or(null_mut(), || {
        // SAFETY: as in gort_ctx_is_done.
        let Ok(c) = (unsafe { raw::on(ctx.cast()) }) else { return null_mut() };
        // SAFETY: the caller's reference keeps those above it.
        let value = c.find(|v| match unsafe { own::of(v) }.and_then(|o| o.downcast_ref::<Theirs>()) {
            // SAFETY: the program's, to be called with this argument.
            Some(t) => NonNull::new(unsafe { t.functions.value?(t.arg, key) }).map(NonNull::as_ptr),
            None => core::ptr::eq(v.key, key.cast()).then_some(v.data.cast()),
        });
        value.unwrap_or(null_mut())
    })
}

/// A channel without elements that is closed when `ctx` ends, for gort_receiver_recv(), gort_receiver_notify_fd() and their like;
/// gort_case_ctx() makes a case of it. NULL, which is never ready, for a context that never ends, and for NULL. For what is no
/// live context, and when there is no memory, it is something that every call refuses, with GORT_MISUSE or GORT_SHUTDOWN.
///
/// Blocks: never. Errors: as said; gort_last_error() says which. Ownership: borrowed, as long as the caller has a reference of
/// `ctx`: nobody sends on it, closes or abandons it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_ctx_done(ctx: *mut gort_ctx) -> *mut gort_receiver {
    ffi::wall_or(null_mut(), || {
        // SAFETY: as in gort_ctx_is_done.
        match unsafe { raw::on(ctx.cast()) }.and_then(RawContext::done) {
            Ok(ch) => ch.cast_mut().cast(),
            Err(Status::Invalid) => null_mut(),
            // What is no channel is refused by whoever is given it.
            Err(s) => no_context::<()>(s).map_or(ctx.cast(), |()| ctx.cast()),
        }
    })
}

/// One more reference of `ctx`, to be given back with gort_ctx_release().
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_retain(ctx: *mut gort_ctx) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| ffi::explained(unsafe { raw::retain(ffi::handle(ctx, "the context")?) }.ok(), "the context"))
}

/// Gives a reference back; with the last one the context goes, and its timer with it. Whoever makes a context cancels it when the
/// work is done, and then releases it: releasing alone ends no wait. Never blocks. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle, and for the last reference of one that a call waits with: nothing changes
/// then; GORT_SHUTDOWN. Ownership: the reference is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_ctx_release(ctx: *mut gort_ctx) -> gort_status {
    ffi::wall(|| {
        if ctx.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        ffi::explained(unsafe { raw::release(ctx.cast()) }.ok(), "the context")
    })
}

/// Fails as what is no live context.
#[cold]
pub(crate) fn no_context<T>(status: Status) -> Result<T, Status> {
    match status {
        Status::Shutdown => ffi::fail(status, format_args!("ctx is from before a fork or a shutdown")),
        Status::NoMemory => ffi::fail(status, format_args!("no memory for the channel of ctx")),
        s => ffi::fail(s, format_args!("ctx is no live context")),
    }
}

fn make(what: &str, how: impl FnOnce() -> Result<NonNull<RawContext>, Status>) -> *mut gort_ctx {
    ffi::made(|| how().or_else(|s| if s == Status::Invalid { Err(s) } else { ffi::explained(Err(s), what) }))
}

/// A cause of C's.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string.
unsafe fn cause(text: *const c_char) -> Option<Cause> {
    // SAFETY: contract.
    unsafe { ffi::text(text) }.map(|text| Arc::new(Text { text, with: None }) as Cause)
}

/// # Safety
/// As `cause`.
unsafe fn with_deadline(parent: *mut gort_ctx, deadline: i64, why: *const c_char) -> *mut gort_ctx {
    // SAFETY: contract; core checks what the handle points to (W3).
    make("the parent context", || unsafe {
        raw::with_deadline(ffi::handle(parent, "the parent context")?, deadline, cause(why))
    })
}

/// # Safety
/// As `cause`.
unsafe fn cancel(ctx: *mut gort_ctx, why: *const c_char) -> gort_status {
    ffi::wall(|| {
        // SAFETY: contract; core checks what the handle points to (W3).
        match unsafe { raw::cancel(ffi::handle(ctx, "the context")?, cause(why)) } {
            Ok(_) => Ok(()),
            Err(Status::Misuse) => {
                ffi::fail(Status::Misuse, format_args!("the context: not a live one that can be cancelled by itself"))
            }
            Err(s) => ffi::explained(Err(s), "the context"),
        }
    })
}

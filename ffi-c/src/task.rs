//! Tasks: starting one, waiting for one, cancelling one, and what a task may say about itself.
//!
//! What this is NOT: the task's life, which core keeps. Here a C function and its argument become an entry (ffi.rs, W4).

use core::ffi::{c_char, c_void};
use core::mem::{offset_of, size_of};
use core::ptr::null;

use gort_core::sched;
use gort_core::sched::task::{Affinity, SpawnOptions};
use gort_core::status::Status;
use gort_core::wait::Wait;
use gort_core::wait::join as raw;

use crate::ffi::{self, Call, Options};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A task that was started with gort_spawn(): a place to wait for its end and its result.
///
/// Ownership: gort_spawn() gives a handle, gort_task_release() gives it back; the task itself runs on without one.
/// Thread-safety: any thread or task. Blocking calls: gort_task_join(), gort_task_join_until().
pub struct gort_task {
    _opaque: [u8; 0],
}

/// The task may run on any worker, and goes on on another one when its thread is blocked. The default.
pub const GORT_AFFINITY_ANY: i32 = 0;
/// The task stays on the thread it first runs on: for code with thread-local state. It waits while that thread is blocked.
pub const GORT_AFFINITY_THREAD: i32 = 1;

/// How a task is to be started. Fill it in with GORT_SPAWN_OPTIONS_INIT, then change what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_spawn_options {
    /// sizeof(gort_spawn_options); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// A name for dumps and reports, copied; or NULL.
    pub name: *const c_char,
    /// Bytes of stack; 0: the runtime's default. Rounded up to a power of two, at most 64 MiB.
    pub stack_size: usize,
    /// GORT_AFFINITY_ANY or GORT_AFFINITY_THREAD.
    pub affinity: i32,
    /// 0, for later versions.
    pub reserved: [u32; 5],
}

// SAFETY: repr(C), integers and a pointer, struct_size is the first field, and all-zero is the default.
unsafe impl Options for gort_spawn_options {
    const NAME: &'static str = "gort_spawn_options";
    const FIRST_SIZE: usize = offset_of!(gort_spawn_options, reserved) + size_of::<[u32; 5]>();
}

impl gort_spawn_options {
    /// Core's form, if the values are in range.
    fn checked(self) -> Result<SpawnOptions, Status> {
        ffi::reserved::<gort_spawn_options>(&self.reserved)?;
        let affinity = match self.affinity {
            GORT_AFFINITY_ANY => Affinity::Any,
            GORT_AFFINITY_THREAD => Affinity::Thread,
            other => {
                return ffi::fail(
                    Status::Invalid,
                    format_args!("gort_spawn_options.affinity is {other}, not a GORT_AFFINITY_..."),
                );
            }
        };
        // SAFETY: NULL or the caller's string (the header's contract); it is copied here.
        let name = unsafe { ffi::text(self.name) };
        Ok(SpawnOptions { name, stack_size: self.stack_size, affinity, ..SpawnOptions::default() })
    }
}

/// Starts a task that runs `fn(arg)` and belongs to nobody. Does not block; the order in which tasks start is not
/// defined. `fn` must return: it must not exit the thread, and no C++ exception may leave it.
///
/// Blocks: never.
/// Errors: GORT_INVALID for a NULL `fn`; GORT_LIMIT when max_tasks are alive; GORT_NO_MEMORY; GORT_CANCELED when
/// the run it would belong to is ending; GORT_SHUTDOWN while the runtime stops. The task was not started then, and `arg` is still the caller's.
/// Ordering: what was written before the call is seen by `fn`.
/// Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_go(
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        // SAFETY: the entry is one of ours and is handed over once.
        unsafe { sched::spawn(Call::plain(function, arg), SpawnOptions::default()) }
    })
}

/// Starts a task that runs `fn(copy)` with a copy of the `size` bytes at `args`. Does not block. The copy is aligned
/// for any type and goes away when `fn` returns.
///
/// Blocks: never.
/// Errors: as gort_go(); also GORT_INVALID for NULL `args` of a `size` above 0.
/// Ordering: as gort_go().
/// Ownership: `args` stays the caller's and may go away at once; the copy is the task's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_go_copy(
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    args: *const c_void,
    size: usize,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        if args.is_null() && size != 0 {
            return ffi::null_argument("args");
        }
        // SAFETY: `args` is readable for `size` bytes (the header's contract); the entry is handed over once.
        unsafe { sched::spawn(Call::copied(function, args, size)?, SpawnOptions::default()) }
    })
}

/// Starts a task that runs `fn(arg)` and gives a handle to wait for its result. Does not block. `options` may be NULL.
/// `fn` must return: it must not exit the thread, and no C++ exception may leave it.
///
/// Blocks: never.
/// Errors: as gort_go(); also GORT_INVALID for a NULL `out` or bad `options`. `*out` is written only on success.
/// Ordering: as gort_go().
/// Ownership: `*out` is the caller's, who gives it back with gort_task_release(), before or after the task's end.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_spawn(
    options: *const gort_spawn_options,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    arg: *mut c_void,
    out: *mut *mut gort_task,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        if out.is_null() {
            return ffi::null_argument("out");
        }
        // SAFETY: `options` and `out` are the caller's, of the types they have (the header's contract); the entry is
        // handed over once.
        unsafe {
            let options = ffi::options(options)?.map(gort_spawn_options::checked).transpose()?;
            let task = sched::spawn_handle(Call::valued(function, arg), options.unwrap_or_default())?;
            ffi::put(out, task.as_ptr().cast());
        }
        Ok(())
    })
}

/// Waits until the task has ended. Blocks unless it has already. Woken by the task's end. May be asked again, by any
/// number of tasks and threads: each gets the same result.
///
/// Blocks: the caller, until the task has ended.
/// Errors: GORT_INVALID for NULL; GORT_CANCELED when the caller was cancelled, GORT_DEADLOCK; GORT_PANIC when the task
/// panicked; GORT_MISUSE for a handle that was released or is no task's, or for a task that joins itself; GORT_SHUTDOWN.
/// Ordering: what the task wrote is seen after it.
/// Ownership: the handle stays the caller's. `*result`, which may be NULL, gets what `fn` returned, only on success.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_task_join(task: *mut gort_task, result: *mut *mut c_void) -> gort_status {
    ffi::wall(|| join(task, result, Wait::FOREVER, true))
}

/// Asks whether the task has ended, and takes its result if so. Never blocks.
///
/// Blocks: never.
/// Errors: GORT_WOULD_BLOCK while the task is alive; else as gort_task_join().
/// Ordering, ownership and thread-safety: as gort_task_join().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_task_try_join(task: *mut gort_task, result: *mut *mut c_void) -> gort_status {
    ffi::wall(|| join(task, result, Wait::FOREVER, false))
}

/// Waits until the task has ended, at most until `deadline` or until `ctx` is cancelled. Blocks unless it has ended
/// already. Woken by the task's end, by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_task_join(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_task_join().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_task_join_until(
    task: *mut gort_task,
    result: *mut *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| join(task, result, ffi::limits(deadline, ctx)?, true))
}

/// What the three joins have in common: the handle, and the result that is written only on success.
fn join(task: *mut gort_task, result: *mut *mut c_void, wait: Wait, may_block: bool) -> ffi::Outcome {
    let mut word = 0;
    // SAFETY: core checks what the handle points to (W3), and writes the word only on success; `result` is NULL or the
    // caller's to write (the header's contract).
    unsafe {
        raw::join(ffi::handle(task, "the task")?, &mut word, wait, may_block).ok()?;
        ffi::put(result, word as *mut c_void);
    }
    Ok(())
}

/// Asks the task to end: from now on each of its blocking calls returns GORT_CANCELED, those it is in now included,
/// until it returns or opens a shield. Does not block and does not wait for it.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; a task that has ended is no error.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_task_cancel(task: *mut gort_task) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::cancel(ffi::handle(task, "the task")?) }.ok())
}

/// Gives the handle back. The task runs on if it has not ended. NULL is allowed and does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a handle given back already. Thread-safety: any thread or task, as the last
/// user of the handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_task_release(task: *mut gort_task) -> gort_status {
    ffi::wall(|| {
        if task.is_null() {
            return Ok(());
        }
        // SAFETY: core checks what the handle points to (W3).
        unsafe { raw::release(task.cast()) }.ok()
    })
}

/// The number of a task, never 0, that no other task of this process has had or will have soon; 0 for a handle that is
/// NULL or stale.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_task_id(task: *const gort_task) -> u64 {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || ffi::handle(task, "the task").map_or(0, |task| unsafe { raw::id(task) }))
}

/// The name the task was started with, "" if it has none or the handle is NULL or stale.
///
/// Blocks: never. Errors: none, never NULL. Ownership: gort's; valid until the handle is released.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_task_name(task: *const gort_task) -> *const c_char {
    let none = c"".as_ptr();
    ffi::wall_or(none, || {
        // SAFETY: core checks what the handle points to (W3).
        let name = ffi::handle(task, "the task").map_or(null(), |task| unsafe { raw::name(task) });
        if name.is_null() { none } else { name }
    })
}

/// Lets other tasks run. The caller goes to the end of the line and comes back in its turn; it does not wait for
/// anything. On a plain thread: yields to the system.
///
/// Blocks: no; it returns when it is the caller's turn. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_yield() {
    sched::yield_now();
}

/// Opens a shield: until it is closed, blocking calls of this task do not see its cancellation. For cleaning up; may
/// be nested. A plain thread is not cancelled and has none.
///
/// Blocks: never. Errors: GORT_MISUSE outside a task. Thread-safety: counts for the calling task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_shield_begin() -> gort_status {
    ffi::wall(|| sched::shield_begin().ok())
}

/// Closes the shield that was opened last. One call for each gort_shield_begin().
///
/// Blocks: never. Errors: GORT_MISUSE when none is open. Thread-safety: counts for the calling task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_shield_end() -> gort_status {
    ffi::wall(|| sched::shield_end().ok())
}

/// Runs `fn(arg)` here and now, as code that blocks its OS thread (a read from a disk, a foreign lock): the scheduler
/// gives the thread's other work away first. Blocks as long as `fn` does. Without this call they would wait for the
/// monitor, some milliseconds.
///
/// Blocks: as long as `fn`. Errors: GORT_INVALID for a NULL `fn`. Thread-safety: any thread or task; `fn` runs on the
/// caller's stack and may call gort.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_blocking(
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| {
        let Some(function) = r#fn else { return ffi::null_argument("fn") };
        sched::blocking_enter();
        // SAFETY: the caller's function with the caller's argument (the header's contract).
        unsafe { ffi::call(function, arg) };
        sched::blocking_leave();
        Ok(())
    })
}

/// Says that the code that follows blocks its OS thread; gort_blocking_leave() ends it. As gort_blocking(), for code
/// that is no function. Does not block itself.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task, in pairs, in the same function.
#[unsafe(no_mangle)]
pub extern "C" fn gort_blocking_enter() {
    ffi::wall_or((), sched::blocking_enter);
}

/// Says that the code that blocks is over. Blocks until the task may run again, which is as a rule at once.
///
/// Blocks: until a worker is free for the task. Errors: none; without gort_blocking_enter() it does nothing.
/// Thread-safety: as gort_blocking_enter().
#[unsafe(no_mangle)]
pub extern "C" fn gort_blocking_leave() {
    ffi::wall_or((), sched::blocking_leave);
}

//! Groups: tasks that end together, the first error of which is the result.
//!
//! What this is NOT: their meaning; that is core's `flow/group.rs`.

use core::ffi::{c_int, c_void};
use core::ptr::null_mut;

use gort_core::Wait;
use gort_core::flow::context::raw::RawContext;
use gort_core::flow::{Context, Group};
use gort_core::status::Status;

use crate::ffi::{self, Outcome};
use crate::held::{make, take, with};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// Tasks that work on one thing: the first that fails cancels the others, and its error is what gort_group_wait() gives.
///
/// A cancelled group: each blocking call of its tasks gives GORT_CANCELED, also of tasks that are started later; their functions
/// run all the same, and may ask gort_group_is_canceled().
///
/// Ownership: gort_group_new() gives it, gort_group_free() takes it.
/// Thread-safety: any thread or task. Blocking calls: gort_group_go() at the limit, gort_group_wait(), and their `_until` forms.
pub struct gort_group {
    _opaque: [u8; 0],
}

/// What a task of a group runs.
type Function = unsafe extern "C" fn(arg: *mut c_void) -> c_int;

const WHAT: &str = "the group";

/// Makes a group without a limit. Does not block.
///
/// Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_group_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_group_new() -> *mut gort_group {
    ffi::made(|| make(|| Ok(Group::<c_int>::new()), "a group"))
}

/// Makes a group that is cancelled when `ctx` ends; its context is a child of that. Does not block.
///
/// Blocks: never. Errors: as gort_group_new(); also NULL for a NULL `ctx` or a stale one. Ownership and thread-safety: as
/// gort_group_new(); `ctx` stays the caller's.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_new_within(ctx: *mut gort_ctx) -> *mut gort_group {
    ffi::made(|| {
        let within: *const RawContext = ffi::handle(ctx, "ctx")?;
        // SAFETY: core checks what the handle points to.
        let within = ffi::explained(unsafe { Context::shared(within) }, "ctx")?;
        make(|| Ok(Group::<c_int>::within(&within)), "a group")
    })
}

/// The context of the group: it ends when the group is cancelled, and at the end of gort_group_wait(). Does not block.
///
/// Blocks: never. Errors: NULL for NULL and a stale handle; gort_last_error() says which.
/// Ownership: borrowed: valid as long as the group; gort_ctx_retain() keeps it longer. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_ctx(group: *mut gort_group) -> *mut gort_ctx {
    ffi::wall_or(null_mut(), || {
        let of = with(group, WHAT, |g: &Group<c_int>| g.context().as_raw());
        of.map_or(null_mut(), |ctx| ctx.cast_mut().cast())
    })
}

/// Frees a group whose tasks have ended, as they have after gort_group_wait(). Does not block. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE while a task of it lives, and nothing changes; for a stale handle.
/// Ownership: the handle is given up. Thread-safety: any thread or task; nobody else may use it then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_group_free(group: *mut gort_group) -> gort_status {
    ffi::wall(|| {
        if group.is_null() {
            return Ok(());
        }
        if !with(group, WHAT, Group::<c_int>::is_settled)? {
            return ffi::fail(Status::Misuse, format_args!("a task of the group lives; wait for it first"));
        }
        take::<Group<c_int>, _>(group, WHAT).map(drop)
    })
}

/// At most `n` tasks of the group live at a time from now on; 0 admits none, below 0 there is no limit. Does not block.
///
/// Blocks: never. Errors: GORT_MISUSE while a task of it lives or somebody is about to start one, and nothing changes; for a stale
/// handle; GORT_INVALID for NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_group_set_limit(group: *mut gort_group, n: i64) -> gort_status {
    ffi::wall(|| {
        let set = with(group, WHAT, |g: &Group<c_int>| g.set_limit(n as isize))?;
        set.or_else(|s| ffi::fail(s, format_args!("the limit of a group changes only while no task of it lives")))
    })
}

/// Starts a task that runs `fn(arg)`. Blocks at the limit. Woken when a task of the group has ended, or by the cancellation of the
/// caller. Each result of `fn` that is not 0 is an error: the first cancels the group, and is what gort_group_wait() gives. It may be
/// a gort_status or a number of the program's own. `fn` must return, as that of gort_go().
///
/// Blocks: the caller, while as many tasks live as the limit allows.
/// Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_LIMIT when max_tasks are alive; GORT_NO_MEMORY; GORT_INVALID for NULL;
/// GORT_MISUSE for a stale handle. The task was not started then, and `arg` is still the caller's.
/// Ordering: what was written before the call is seen by `fn`.
/// Ownership: `arg` is handed to `fn` as it is. Thread-safety: any thread or task, also one of the group's.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_group_go(
    group: *mut gort_group,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| start(group, r#fn, arg, Some(Wait::forever())))
}

/// gort_group_go() that never blocks: GORT_WOULD_BLOCK at the limit.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; else, and ordering, ownership, thread-safety: as gort_group_go().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_try_go(
    group: *mut gort_group,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| start(group, r#fn, arg, None))
}

/// gort_group_go() that waits at most until `deadline` or until `ctx` is cancelled. Blocks at the limit. Woken as it, by the clock,
/// or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_group_go(). `ctx` may be NULL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_go_until(
    group: *mut gort_group,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| start(group, r#fn, arg, Some(ffi::rust_limits(deadline, ctx)?)))
}

fn start(group: *mut gort_group, function: Option<Function>, arg: *mut c_void, wait: Option<Wait>) -> Outcome {
    struct Call(Function, *mut c_void);
    // SAFETY: the program vouches for its use on any thread (the header's contract).
    unsafe impl Send for Call {}
    impl Call {
        fn run(self) -> Result<(), c_int> {
            // SAFETY: the program's, to be called with this argument.
            match unsafe { (self.0)(self.1) } {
                0 => Ok(()),
                error => Err(error),
            }
        }
    }
    let Some(function) = function else { return ffi::null_argument("fn") };
    let call = Call(function, arg);
    // SAFETY: what a C function does on any thread is the program's business; of ours nothing depends on the thread.
    with(group, WHAT, |g: &Group<c_int>| unsafe { g.go_migratable(wait, move || call.run()) })?
}

/// Waits until every task of the group has ended, then cancels the group. Blocks while one lives. Woken by the end of the last, or
/// by the cancellation of the caller: then the group is cancelled, and its tasks are still waited for.
///
/// Gives 0, or the first error of the tasks, whatever they returned. It may be asked again. Not to be called from a task of the group.
///
/// Blocks: the caller, until all have ended.
/// Errors: those of the tasks; if there was none: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when the wait ended otherwise;
/// GORT_NO_MEMORY when a task could not begin; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
/// Ordering: what the tasks wrote is seen after it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_group_wait(group: *mut gort_group) -> c_int {
    wait_for(group, || Ok(None))
}

/// gort_group_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by `ctx`.
/// Then the tasks go on, and the group can be waited for again; so after a cancellation of the caller, too.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_group_wait(). `ctx` may be NULL. Whether all have ended is what gort_group_free() knows.
/// Ordering and thread-safety: as gort_group_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_wait_until(group: *mut gort_group, deadline: i64, ctx: *mut gort_ctx) -> c_int {
    wait_for(group, || ffi::rust_limits(deadline, ctx).map(Some))
}

fn wait_for<'a>(group: *mut gort_group, limits: impl FnOnce() -> Result<Option<Wait<'a>>, Status>) -> c_int {
    let mut first = 0;
    let ended = ffi::wall(|| {
        let wait = limits()?;
        with(group, WHAT, |g: &Group<c_int>| {
            let ended = wait.map_or_else(|| g.settle(), |w| g.settle_with(w));
            if ended.is_ok() || wait.is_none() {
                first = g.error().unwrap_or(0);
            }
            ended
        })?
    });
    if first == 0 { ended } else { first }
}

/// Cancels the group: each blocking call of its tasks gives GORT_CANCELED from now on. Does not block and does not wait for them.
/// It is no error by itself.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_group_cancel(group: *mut gort_group) -> gort_status {
    ffi::wall(|| with(group, WHAT, Group::<c_int>::cancel))
}

/// Whether the group was cancelled: by an error, by gort_group_cancel(), or by the end of a wait. For tasks that compute. Never blocks.
///
/// Blocks: never. Errors: true for NULL and a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_group_is_canceled(group: *const gort_group) -> bool {
    ffi::wall_or(true, || with(group, WHAT, Group::<c_int>::is_canceled).unwrap_or(true))
}

//! Worker pools: a few tasks that take job after job from a bounded queue.
//!
//! What this is NOT: their meaning; that is core's `flow/worker_pool.rs`.
//!
//! Q1  A job's argument is the job's from a submit that went well: it goes to the job's function, or to `dropped` if that is never
//!     called.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use core::ptr::null_mut;
use std::time::Duration;

use gort_core::Wait;
use gort_core::flow::WorkerPool;

use crate::ffi::{self, Options, Outcome};
use crate::held::{make, take, with};
use crate::pieces::duration;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A few tasks that take job after job from a bounded queue. A job that has a result sends it on a channel, as it comes, or writes it
/// to its place in an array.
///
/// Ownership: gort_worker_pool_new() gives it, gort_worker_pool_free() takes it.
/// Thread-safety: any thread or task. Blocking calls: gort_worker_pool_submit() when the queue is full, gort_worker_pool_wait(), their
/// `_until` forms, and gort_worker_pool_free().
pub struct gort_worker_pool {
    _opaque: [u8; 0],
}

/// How a worker pool is made. Fill it in with GORT_WORKER_POOL_OPTIONS_INIT, then change what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_worker_pool_options {
    /// sizeof(gort_worker_pool_options); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// So many workers at most; 0: one for each processor. They start when there is work.
    pub workers: usize,
    /// So many stay when there is nothing to do; of interest only with `idle`.
    pub least: usize,
    /// A worker beyond `least` that finds nothing to do for so long ends, ns; 0: workers stay.
    pub idle: i64,
    /// So many jobs can wait for a worker; 0: as many as there are workers.
    pub queue: usize,
    /// Makes the state of a worker, when its first job needs it, in that worker: what the jobs are given as `state`. NULL: none.
    pub init: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    /// Called with the state of a worker when it ends. May be NULL.
    pub done: Option<unsafe extern "C" fn(state: *mut c_void)>,
    /// Called by a worker after each job, with the number of jobs that are over and of those that were submitted. May be NULL.
    pub progress: Option<unsafe extern "C" fn(arg: *mut c_void, done: u64, submitted: u64)>,
    /// Called with the argument of a job that will never run, since the pool was cancelled. May be NULL.
    pub dropped: Option<unsafe extern "C" fn(job_arg: *mut c_void)>,
    /// For `init` and `progress`; it must stay valid until the pool is freed.
    pub arg: *mut c_void,
    /// 0, for later versions.
    pub reserved: [u32; 4],
}

// SAFETY: repr(C), integers, pointers and nullable functions, struct_size is the first field, and all-zero is as usual.
unsafe impl Options for gort_worker_pool_options {
    const NAME: &'static str = "gort_worker_pool_options";
    const FIRST_SIZE: usize = offset_of!(gort_worker_pool_options, reserved) + size_of::<[u32; 4]>();
}

/// A word of the program's, who vouches for its use on any thread (the header's contract).
#[derive(Clone, Copy)]
struct Word(*mut c_void);

// SAFETY: as above.
unsafe impl Send for Word {}
// SAFETY: as above.
unsafe impl Sync for Word {}

/// The state of a worker.
struct State {
    word: *mut c_void,
    done: Option<unsafe extern "C" fn(state: *mut c_void)>,
}

impl Drop for State {
    fn drop(&mut self) {
        if let Some(done) = self.done {
            // SAFETY: the program's, to be called with the state that `init` has made.
            unsafe { done(self.word) }
        }
    }
}

type Function = unsafe extern "C" fn(arg: *mut c_void, state: *mut c_void);

/// A job (Q1).
struct Job {
    function: Function,
    arg: *mut c_void,
    dropped: Option<unsafe extern "C" fn(job_arg: *mut c_void)>,
}

// SAFETY: as `Word`.
unsafe impl Send for Job {}

impl Job {
    fn run(mut self, state: &mut State) {
        self.dropped = None;
        // SAFETY: the program's, to be called with this argument.
        unsafe { (self.function)(self.arg, state.word) }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        if let Some(dropped) = self.dropped {
            // SAFETY: as in `run`.
            unsafe { dropped(self.arg) }
        }
    }
}

/// The pool of a handle.
struct Pool {
    pool: WorkerPool<State>,
    dropped: Option<unsafe extern "C" fn(job_arg: *mut c_void)>,
}

const WHAT: &str = "the worker pool";

/// Makes a worker pool. `options` may be NULL: one worker for each processor, no state. Does not block.
///
/// Workers belong to the run of whoever's submit has started them, and end with it.
///
/// Blocks: never. Errors: NULL for bad `options`, when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_worker_pool_free(); `options` may go away at once. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_worker_pool_new(options: *const gort_worker_pool_options) -> *mut gort_worker_pool {
    ffi::made(|| {
        // SAFETY: NULL or a struct of the caller's (the header's contract).
        let options = unsafe { ffi::options(options) }?;
        if let Some(o) = &options {
            ffi::reserved::<gort_worker_pool_options>(&o.reserved)?;
        }
        make(|| Ok(Pool { pool: pool(options), dropped: options.and_then(|o| o.dropped) }), "a worker pool")
    })
}

fn pool(options: Option<gort_worker_pool_options>) -> WorkerPool<State> {
    let mut builder = WorkerPool::builder();
    let Some(o) = options else {
        // SAFETY: nothing of ours depends on the thread; what the program's functions do is its business.
        return unsafe { builder.build_migratable(|| State { word: null_mut(), done: None }) };
    };
    builder = builder.workers(o.workers);
    if o.queue > 0 {
        builder = builder.queue(o.queue)
    }
    if o.idle > 0 {
        let idle: Duration = duration(o.idle);
        builder = builder.elastic(o.least, idle)
    }
    let arg = Word(o.arg);
    if let Some(progress) = o.progress {
        builder = builder.progress(move |p| {
            let Word(arg) = { arg };
            // SAFETY: the program's, to be called with this argument.
            unsafe { progress(arg, p.done, p.submitted) }
        })
    }
    let (init, done) = (o.init, o.done);
    let state = move || {
        let Word(arg) = { arg };
        // SAFETY: as above.
        let word = init.map_or(null_mut(), |init| unsafe { init(arg) });
        State { word, done }
    };
    // SAFETY: as above.
    unsafe { builder.build_migratable(state) }
}

/// Hands a job to the workers: one of them calls `fn(arg, state)`, with its own state. Blocks while the queue is full. Woken when a
/// worker takes a job from it, when the pool is closed, or by the cancellation of the caller.
///
/// Blocks: the caller, while the queue is full.
/// Errors: GORT_CLOSED when the pool was closed; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_LIMIT or GORT_NO_MEMORY when no
/// worker lives and none can be started; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. The job was not taken then.
/// Ordering: what was written before the call is seen by `fn`.
/// Ownership: `arg` is handed to `fn`, or to the pool's `dropped`; after a failure it is still the caller's.
/// Thread-safety: any thread or task. From within a job it may wait for itself.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_worker_pool_submit(
    pool: *mut gort_worker_pool,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void, state: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| submit(pool, r#fn, arg, Some(Wait::forever())))
}

/// gort_worker_pool_submit() that never blocks: GORT_WOULD_BLOCK when the queue is full.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; else, and ordering, ownership, thread-safety: as gort_worker_pool_submit().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_worker_pool_try_submit(
    pool: *mut gort_worker_pool,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void, state: *mut c_void)>,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| submit(pool, r#fn, arg, None))
}

/// gort_worker_pool_submit() that waits at most until `deadline` or until `ctx` is cancelled. Blocks while the queue is full. Woken as
/// it, by the clock, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else, and ordering, ownership, thread-safety: as gort_worker_pool_submit(). `ctx` may be NULL.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_worker_pool_submit_until(
    pool: *mut gort_worker_pool,
    r#fn: Option<unsafe extern "C" fn(arg: *mut c_void, state: *mut c_void)>,
    arg: *mut c_void,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| submit(pool, r#fn, arg, Some(ffi::rust_limits(deadline, ctx)?)))
}

fn submit(pool: *mut gort_worker_pool, function: Option<Function>, arg: *mut c_void, wait: Option<Wait>) -> Outcome {
    let Some(function) = function else { return ffi::null_argument("fn") };
    let posted = with(pool, WHAT, |p: &Pool| {
        let job = Job { function, arg, dropped: p.dropped };
        p.pool.post(wait, move |state| job.run(state))
    })?;
    posted.map_err(|(status, job)| {
        core::mem::forget(job); // the argument is the caller's (Q1); nothing else is in it
        status
    })
}

/// Takes no more jobs: a submit gives GORT_CLOSED, also one that waits. What is queued is run, and then the workers end. Does not block.
///
/// Blocks: never. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; one that was closed is no error.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_worker_pool_close(pool: *mut gort_worker_pool) -> gort_status {
    ffi::wall(|| with(pool, WHAT, |p: &Pool| p.pool.close()))
}

/// Closes the pool, hands what is queued to its `dropped`, and cancels the workers: blocking calls of the jobs that run give
/// GORT_CANCELED. Does not wait for them.
///
/// Blocks: never. Errors and thread-safety: as gort_worker_pool_close().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_worker_pool_cancel(pool: *mut gort_worker_pool) -> gort_status {
    ffi::wall(|| with(pool, WHAT, |p: &Pool| p.pool.cancel()))
}

/// Closes the pool and waits until all jobs are over and its workers have ended. Blocks while one lives. Woken by the end of the last,
/// or by the cancellation of the caller: then the pool is cancelled, and its workers are still waited for. Not to be called from a job.
///
/// Blocks: the caller, until all have ended.
/// Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN when the wait ended otherwise; GORT_CANCELED also when jobs were left that
/// nobody ran, for the run of the workers was over; GORT_INVALID for NULL; GORT_MISUSE for a stale handle.
/// Ordering: what the jobs wrote is seen after it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_worker_pool_wait(pool: *mut gort_worker_pool) -> gort_status {
    ffi::wall(|| with(pool, WHAT, |p: &Pool| p.pool.wait())?)
}

/// gort_worker_pool_wait(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or by `ctx`.
/// Then the jobs go on, and can be waited for again.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: GORT_TIMED_OUT; else as gort_worker_pool_wait(). `ctx` may be NULL. Ordering and thread-safety: as gort_worker_pool_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_worker_pool_wait_until(
    pool: *mut gort_worker_pool,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| {
        let wait = ffi::rust_limits(deadline, ctx)?;
        with(pool, WHAT, |p: &Pool| p.pool.wait_with(wait))?
    })
}

/// gort_worker_pool_wait(), and frees the pool, whatever that says. Blocks as it. NULL does nothing.
///
/// Blocks, errors and ordering: as gort_worker_pool_wait().
/// Ownership: the handle is given up, unless GORT_MISUSE says that it is none. Thread-safety: any thread or task; nobody else may use it
/// then.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_worker_pool_free(pool: *mut gort_worker_pool) -> gort_status {
    ffi::wall(|| {
        if pool.is_null() {
            return Ok(());
        }
        let ended = with(pool, WHAT, |p: &Pool| p.pool.wait())?;
        take::<Pool, _>(pool, WHAT)?;
        ended
    })
}

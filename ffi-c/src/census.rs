//! Seeing inside: the dump for people, the counters for programs.
//!
//! What this is NOT: the census; core walks the tasks. Here its text goes to a `FILE *` and its numbers into a struct.

use core::mem::{offset_of, size_of};

use gort_core::sched::census;
use gort_core::status::Status;

use crate::ffi::{self, Options, Stream};
use crate::status::gort_status;

/// Counters of the runtime. Fill it in with GORT_METRICS_INIT, then call gort_metrics(). Later versions add fields at
/// the end.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_metrics_t {
    /// sizeof(gort_metrics_t); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// Threads that may run tasks at the same time.
    pub workers: u64,
    /// OS threads of gort, those of blocked tasks included.
    pub threads: u64,
    /// Tasks alive: started and not ended.
    pub tasks: u64,
    /// Channels alive.
    pub channels: u64,
    /// Wait groups alive.
    pub wait_groups: u64,
    /// Runs going on.
    pub runs: u64,
    /// Stacks that belong to a task.
    pub stacks_in_use: u64,
    /// Stacks that wait for one.
    pub stacks_cached: u64,
    /// Deadlines that are waited for, and timers and tickers that are not freed.
    pub timers: u64,
    /// Tasks started so far.
    pub spawned: u64,
    /// Tasks ended so far.
    pub finished: u64,
    /// Times a worker took work from another.
    pub steals: u64,
    /// Times a processor was taken from a thread that was blocked or computing.
    pub retakes: u64,
    /// Times a sleeping thread was woken.
    pub wakeups: u64,
    /// Selectors alive.
    pub selectors: u64,
}

// SAFETY: repr(C), integers only, struct_size is the first field, and 0 is a value of each.
unsafe impl Options for gort_metrics_t {
    const NAME: &'static str = "gort_metrics_t";
    const FIRST_SIZE: usize = offset_of!(gort_metrics_t, selectors) + size_of::<u64>();
}

/// Fills in `*metrics` with the counters of this instant. Does not stop anything, so they may not fit together exactly
/// while tasks run; when nothing runs they do.
///
/// Blocks: never. Errors: GORT_INVALID for NULL or a `struct_size` that is none.
/// Ownership: the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_metrics(metrics: *mut gort_metrics_t) -> gort_status {
    ffi::wall(|| {
        let now = census::metrics();
        let now = gort_metrics_t {
            struct_size: size_of::<gort_metrics_t>(),
            workers: now.workers,
            threads: now.threads,
            tasks: now.tasks,
            channels: now.channels,
            wait_groups: now.wait_groups,
            runs: now.runs,
            stacks_in_use: now.stacks_in_use,
            stacks_cached: now.stacks_cached,
            timers: now.timers,
            spawned: now.spawned,
            finished: now.finished,
            steals: now.steals,
            retakes: now.retakes,
            wakeups: now.wakeups,
            selectors: now.selectors,
        };
        // SAFETY: NULL, or the caller's struct with a true struct_size (the header's contract).
        unsafe { ffi::fill(metrics, &now) }
    })
}

/// Writes a list of the live tasks to `file`, for people: id, name, state, what each waits for and since when. Blocks as
/// long as writing does.
///
/// Blocks: the thread, while the system takes the text.
/// Errors: GORT_INVALID for NULL; GORT_OS when the text could not be written.
/// Ownership: the FILE stays the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_dump(file: *mut libc::FILE) -> gort_status {
    ffi::wall(|| {
        // SAFETY: NULL or an open stream (the header's contract).
        let mut stream = unsafe { Stream::new(file) }?;
        let written = census::dump(&mut stream);
        stream.flush()?;
        written.or_else(|_| ffi::fail(Status::Os, format_args!("the stream did not take the text")))
    })
}

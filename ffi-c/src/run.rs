//! A run: `main` as a task, with what becomes of the tasks it leaves behind; and the runtime as a whole.
//!
//! What this is NOT: the contract itself (K1, K2), which core keeps. Here a `gort_config` becomes core's `Config`.

use core::cell::{Cell, RefCell};
use core::ffi::{c_char, c_int, c_void};
use core::mem::{offset_of, size_of};
use std::ffi::CString;

use gort_core::sched::task::SpawnOptions;
use gort_core::sched::{last_error, run, runtime};
use gort_core::status::Status;
use gort_core::sys::cpu;

use crate::ffi::{self, Call, Options, Outcome};
use crate::status::gort_status;

/// What a run may be given. Fill it in with GORT_CONFIG_INIT or gort_config_init(), then change what should differ.
///
/// `wait_all` and `grace` are the run's own. The rest is the process's, and there is one runtime: the run that starts it
/// sets all of it; a later run, while no other is going on, sets `max_tasks` and `max_threads` anew, and `workers` and
/// `stack_size` unless they are 0; while another run is going on none of it counts. `seed` counts only for the run that
/// starts the runtime (the first call of the process, or after gort_shutdown()). A run without a config changes nothing.
/// The environment overrides them all: GORT_WORKERS, GORT_MAX_TASKS, GORT_MAX_THREADS, GORT_STACK_SIZE, GORT_SEED;
/// GORT_LOG names a file for the events of a seeded run.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_config {
    /// sizeof(gort_config); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// Threads that run tasks at the same time, at most 256; 0: gort_num_cpu(), or what a started runtime has.
    pub workers: i32,
    /// Not 0: gort_run waits for every task, however long that takes. 0: it cancels those alive when main returns.
    pub wait_all: i32,
    /// How long cancelled tasks may take to end, in nanoseconds; then they are detached and named in the report.
    /// GORT_CONFIG_INIT: 100 ms.
    pub grace: i64,
    /// Live tasks above which starting one gives GORT_LIMIT; 0: no limit.
    pub max_tasks: usize,
    /// OS threads that gort may have, those of blocked tasks included; 0: the default (10000).
    pub max_threads: usize,
    /// Bytes of stack for a task that asks for no other size; 0: 64 KiB, or what a started runtime has. Rounded up to a power of two, at most 64 MiB.
    pub stack_size: usize,
    /// If has_seed is not 0: makes the schedule a function of the program and this number, on one worker. Only for the
    /// run that starts the runtime.
    pub seed: u64,
    /// Not 0: `seed` counts.
    pub has_seed: u32,
    /// 0, for later versions.
    pub reserved: [u32; 5],
}

// SAFETY: repr(C), integers only, struct_size is the first field, and 0 is a value of each (grace: none).
unsafe impl Options for gort_config {
    const NAME: &'static str = "gort_config";
    const FIRST_SIZE: usize = offset_of!(gort_config, reserved) + size_of::<[u32; 5]>();
}

impl gort_config {
    /// The defaults, as GORT_CONFIG_INIT says them.
    fn usual() -> gort_config {
        gort_config {
            struct_size: size_of::<gort_config>(),
            workers: 0,
            wait_all: 0,
            grace: runtime::Config::default().grace,
            max_tasks: 0,
            max_threads: 0,
            stack_size: 0,
            seed: 0,
            has_seed: 0,
            reserved: [0; 5],
        }
    }

    /// Core's form, if the values are in range; 0 means the default there too.
    fn checked(self) -> Result<runtime::Config, Status> {
        ffi::reserved::<gort_config>(&self.reserved)?;
        let Ok(workers) = usize::try_from(self.workers) else {
            return ffi::fail(Status::Invalid, format_args!("gort_config.workers is {}, below 0", self.workers));
        };
        if self.grace < 0 {
            return ffi::fail(Status::Invalid, format_args!("gort_config.grace is {}, below 0", self.grace));
        }
        Ok(runtime::Config {
            workers,
            grace: self.grace,
            wait_all: self.wait_all != 0,
            max_tasks: self.max_tasks,
            max_threads: self.max_threads,
            stack_size: self.stack_size,
            seed: (self.has_seed != 0).then_some(self.seed),
        })
    }
}

thread_local! {
    /// What main returned in the last run of this thread. Only a plain thread runs one, so no task moves under it.
    static RESULT: Cell<c_int> = const { Cell::new(0) };
    /// And what that run left behind.
    static REPORT: RefCell<Option<CString>> = const { RefCell::new(None) };
}

/// Fills in `config` with the defaults, as GORT_CONFIG_INIT does, for languages without macros.
///
/// Blocks: never. Errors: none; NULL is ignored. Ownership: the caller's. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_config_init(config: *mut gort_config) {
    // SAFETY: NULL, or the caller's struct of this version (the header's contract).
    ffi::wall_or((), || unsafe { ffi::put(config, gort_config::usual()) });
}

/// Runs `main(arg)` as a task and returns when it has returned. Blocks the calling thread until then. Tasks still
/// alive when main returns are cancelled, all of them first, and given `config->grace` to end; those that do not are
/// detached, counted and named in gort_run_report(). With `config->wait_all` they are waited for instead. What main
/// returned is gort_run_result().
///
/// `config` may be NULL for the defaults. Several threads may have a run at the same time; a run inside a task is
/// GORT_MISUSE. The runtime stays after a run; gort_shutdown() ends it.
///
/// Blocks: the calling thread, until main and the tasks it left are done.
/// Errors: GORT_DEADLOCK when every task sleeps and nothing can wake one: main's blocked call returned GORT_DEADLOCK,
/// or main could not be told; the census is in gort_last_error(). GORT_INVALID for a NULL `main` or a bad `config`;
/// GORT_MISUSE inside a task; GORT_NO_MEMORY, GORT_LIMIT, GORT_OS when main could not be started.
/// Ordering: what was written before the call is seen by main; what main wrote is seen after it.
/// Ownership: `arg` and `config` stay the caller's; `config` may go away at once.
/// Thread-safety: any thread that is not inside a task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_run(
    main: Option<unsafe extern "C" fn(arg: *mut c_void) -> c_int>,
    arg: *mut c_void,
    config: *const gort_config,
) -> gort_status {
    ffi::wall(|| {
        let Some(main) = main else { return ffi::null_argument("main") };
        // SAFETY: NULL, or the caller's struct with a true struct_size (the header's contract).
        let config = unsafe { ffi::options(config) }?.map(gort_config::checked).transpose()?;
        finished(run::run(Call::main(main, arg), SpawnOptions::default(), config.as_ref()))
    })
}

/// Keeps what may be asked for after a run.
fn finished(outcome: run::Outcome) -> Outcome {
    // SAFETY: a `Call::main` keeps an integer in word 0, before it has run and after.
    RESULT.set(unsafe { outcome.value.assume_init() } as c_int);
    if outcome.status == Status::Deadlock {
        last_error::set(format_args!("{}", outcome.report));
    }
    let report = CString::new(outcome.report.replace('\0', " ")).unwrap_or_default();
    REPORT.with_borrow_mut(|kept| *kept = Some(report));
    outcome.status.ok()
}

/// What main returned in the last run of this thread; 0 before the first one, and after a run whose main did not
/// return.
///
/// Blocks: never. Errors: none. Thread-safety: the thread that called gort_run().
#[unsafe(no_mangle)]
pub extern "C" fn gort_run_result() -> c_int {
    ffi::wall_or(0, || RESULT.get())
}

/// What the last run of this thread left behind, for people: the number of tasks that were detached, and the name,
/// state and place of each. "" when all ended.
///
/// Blocks: never. Errors: none, never NULL.
/// Ownership: gort's; valid until this thread's next gort_run(). Thread-safety: the thread that called gort_run().
#[unsafe(no_mangle)]
pub extern "C" fn gort_run_report() -> *const c_char {
    let none = c"".as_ptr();
    ffi::wall_or(none, || REPORT.with_borrow(|kept| kept.as_ref().map_or(none, |report| report.as_ptr())))
}

/// Stops the runtime: cancels what is alive, ends gort's threads and gives its memory back. Blocks until the threads
/// have ended. Every handle from before gives GORT_SHUTDOWN from then on; a later call starts the runtime anew.
///
/// Blocks: the calling thread, about a second at most. Nobody needs to wake it.
/// Errors: GORT_MISUSE inside a task, while a run is going on, and in a process where Python tasks have run (the runtime
/// is Python's then); GORT_TIMED_OUT when a task holds its thread and does not let go (what it may still touch stays), or
/// when the destructor of a thread-local variable holds one of gort's threads.
/// Thread-safety: any thread that is not inside a task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_shutdown() -> gort_status {
    ffi::wall(|| runtime::shutdown().ok())
}

/// The number of threads that run tasks at the same time.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_workers() -> c_int {
    ffi::wall_or(0, || runtime::workers() as c_int)
}

/// Sets the number of threads that run tasks at the same time, from 1 to 256. Does not block; a number that shrinks takes
/// effect as the tasks running now come to the scheduler.
///
/// Blocks: never. Errors: GORT_INVALID below 1; GORT_LIMIT above 256; GORT_MISUSE in a seeded runtime, which has one.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_workers_set(workers: c_int) -> gort_status {
    ffi::wall(|| set_workers(workers))
}

fn set_workers(workers: c_int) -> Outcome {
    match usize::try_from(workers) {
        Ok(workers) => runtime::set_workers(workers).ok(),
        Err(_) => ffi::fail(Status::Invalid, format_args!("the number of workers is {workers}, below 0")),
    }
}

/// The number of processors this process may use: its CPU affinity and its cgroup's quota are taken into account.
///
/// Blocks: never. Errors: none, at least 1. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_num_cpu() -> c_int {
    ffi::wall_or(1, || cpu::available() as c_int)
}

//! Tasks as threads, where greenlets cannot be used (`GORT_PYTHON_TASKS=threads` asks for it): a daemon `threading.Thread` a task, with the same names and the same ends.
//!
//! What differs is said by `gort.info()`: a task costs a thread, `run` cannot tell a deadlock, and a task that computes cannot be ended.
//!
//! H1  A task's thread passes the task's cancel source to each of its waits (`call::Caller`), so cancelling is level-triggered as for other tasks (K3).
//! H2  `over` is a wait group with a count of one, which the task's end takes to zero after its outcome is written; so joining is ordered after it.

use crate::task::Task;
use crate::{errors, workers};
use gort::flow::context::raw::{self, RawContext};
use gort::status::Status;
use gort::sync::waitgroup::{self, RawWg};
use gort::wait::Wait;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::cell::Cell;
use std::ptr::{NonNull, null};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};

static ON: AtomicBool = AtomicBool::new(false);
static NEXT_ID: AtomicU64 = AtomicU64::new(1);
static LIVE: AtomicUsize = AtomicUsize::new(0);
/// Tasks that are alive, as borrowed pointers to their objects, each with the run it belongs to: their threads hold them.
static ALL: Mutex<Vec<(usize, u64)>> = Mutex::new(Vec::new());

thread_local! {
    /// The run that this thread runs, or 0.
    static RUN: Cell<u64> = const { Cell::new(0) };
    /// The task of this thread.
    static CURRENT: Cell<*const Task> = const { Cell::new(null()) };
}

/// Are tasks threads here?
#[inline(always)]
pub fn is_on() -> bool {
    ON.load(Relaxed)
}

/// Decides, once, at import: why tasks are threads, or None.
pub fn decide(py: Python<'_>) -> Option<String> {
    let why = if std::env::var("GORT_PYTHON_TASKS").is_ok_and(|v| v == "threads") {
        Some("GORT_PYTHON_TASKS=threads".to_owned())
    } else {
        crate::lane::unusable(py)
    };
    ON.store(why.is_some(), Relaxed);
    why
}

/// The thread's side of a task.
pub struct Part {
    over: NonNull<RawWg>,
    ctx: NonNull<RawContext>,
    shield: Cell<u32>,
    id: u64,
    run: u64,
    /// Of its thread, once it runs.
    ident: Cell<u64>,
    /// It waits until a function is to be called (after_func.rs F2): no run waits for it.
    keeps_time: AtomicBool,
}

impl Part {
    pub fn new(py: Python<'_>) -> PyResult<Part> {
        let over = waitgroup::create().map_err(|s| errors::of(py, s))?;
        // SAFETY: no parent; our fresh handle.
        let ctx = unsafe {
            let _ = waitgroup::add(over.as_ptr(), 1);
            raw::with_cancel(raw::background().as_ptr())
        };
        let ctx = ctx.map_err(|s| {
            // SAFETY: ours.
            unsafe {
                let _ = waitgroup::done(over.as_ptr());
                let _ = waitgroup::free(over.as_ptr());
            }
            errors::of(py, s)
        })?;
        let id = NEXT_ID.fetch_add(1, Relaxed);
        let run = match RUN.get() {
            0 => current().map_or(0, |t| t.part().map_or(0, |p| p.run)),
            r => r,
        };
        Ok(Part { over, ctx, shield: Cell::new(0), id, run, ident: Cell::new(0), keeps_time: AtomicBool::new(false) })
    }

    pub fn id(&self) -> u64 {
        self.id
    }

    pub fn is_over(&self) -> bool {
        // SAFETY: our handle.
        unsafe { waitgroup::try_wait(self.over.as_ptr()) }.is_ok()
    }

    pub fn wait(&self, wait: Wait) -> Status {
        // SAFETY: our handle.
        unsafe { waitgroup::wait_with(self.over.as_ptr(), wait) }
    }

    pub fn cancel(&self) {
        // SAFETY: our handle.
        let _ = unsafe { raw::cancel(self.ctx.as_ptr(), None) };
    }

    pub fn is_canceled(&self) -> bool {
        // SAFETY: our handle.
        self.shield.get() == 0 && unsafe { self.ctx.as_ref() }.is_done()
    }

    /// It waits until a function is to be called; or not any more.
    pub fn keep_time(&self, on: bool) {
        self.keeps_time.store(on, Relaxed)
    }

    /// What its waits stand within.
    pub fn context(&self) -> *const RawContext {
        if self.shield.get() == 0 { self.ctx.as_ptr() } else { null() }
    }

    pub fn shield(&self, n: i32) -> Status {
        match self.shield.get().checked_add_signed(n) {
            Some(v) => {
                self.shield.set(v);
                Status::Ok
            }
            None => Status::Misuse,
        }
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // SAFETY: our handles, given up once; the thread has ended or never began, and joiners hold the object.
        unsafe {
            if !self.is_over() {
                let _ = waitgroup::done(self.over.as_ptr());
            }
            let _ = waitgroup::free(self.over.as_ptr());
            let _ = raw::release(self.ctx.as_ptr());
        }
    }
}

/// The task of the calling thread.
pub fn current<'a>() -> Option<&'a Task> {
    // SAFETY: set by `_task_thread` while it holds the object.
    unsafe { CURRENT.get().as_ref() }
}

fn list() -> std::sync::MutexGuard<'static, Vec<(usize, u64)>> {
    match ALL.lock() {
        Ok(l) => l,
        Err(p) => p.into_inner(),
    }
}

/// Starts the thread of a task.
pub fn start(py: Python<'_>, task: &Py<Task>) -> PyResult<()> {
    workers::arrange_end(py)?;
    let limit = workers::MAX_TASKS.load(Relaxed);
    if LIVE.fetch_add(1, AcqRel) >= limit && limit != 0 {
        LIVE.fetch_sub(1, AcqRel);
        return Err(errors::of(py, Status::Limit));
    }
    let begin = || -> PyResult<()> {
        let kw = PyDict::new(py);
        kw.set_item("target", py.import("gort._gort")?.getattr("_task_thread")?)?;
        kw.set_item("args", (task,))?;
        kw.set_item("daemon", true)?;
        py.import("threading")?.getattr("Thread")?.call((), Some(&kw))?.call_method0("start")?;
        Ok(())
    };
    // Listed before its thread begins, or a run that ends meanwhile would not see it. Until then the caller holds it.
    let (at, run) = (std::ptr::from_ref(task.get()) as usize, task.get().part().map_or(0, |p| p.run));
    list().push((at, run));
    begin().inspect_err(|_| {
        list().retain(|(p, _)| *p != at);
        LIVE.fetch_sub(1, AcqRel);
    })
}

/// The body of such a thread.
#[pyfunction]
pub fn _task_thread(py: Python<'_>, task: Py<Task>) {
    let t = task.get();
    run_here(py, t);
    LIVE.fetch_sub(1, AcqRel);
}

/// Runs a task, which is listed, on the calling thread.
fn run_here(py: Python<'_>, t: &Task) {
    let Some(part) = t.part() else { return };
    let before = CURRENT.replace(t);
    part.ident.set(workers::ident());
    // SAFETY: called once, by the thread that runs the task.
    let result = unsafe { t.call_in_context(py) };
    t.finish_here(py, result);
    let at = std::ptr::from_ref(t) as usize;
    list().retain(|(p, _)| *p != at);
    CURRENT.set(before);
    // SAFETY: our handle; H2.
    let _ = unsafe { waitgroup::done(part.over.as_ptr()) };
}

/// Living tasks of a run (0: of all), but for `me`.
fn living(run: u64, me: usize) -> Vec<usize> {
    list().iter().filter(|(t, r)| (run == 0 || *r == run) && *t != me).map(|(t, _)| *t).collect()
}

/// `run` where tasks are threads. Returns how many were given up.
pub fn run(py: Python<'_>, task: &Py<Task>, grace: f64, wait_all: bool) -> usize {
    let t = task.get();
    let run = t.part().map_or(0, |p| p.id);
    RUN.set(run);
    LIVE.fetch_add(1, AcqRel); // main counts as any task does
    list().push((std::ptr::from_ref(t) as usize, run));
    run_here(py, t);
    LIVE.fetch_sub(1, AcqRel);
    RUN.set(0);
    let mut waited = 0.0;
    loop {
        let left = living(run, 0);
        if left.is_empty() || (!wait_all && waited >= grace) {
            return left.len();
        }
        if !wait_all || only_timers(&left) {
            cancel_all(&left);
        }
        py.detach(|| std::thread::sleep(std::time::Duration::from_millis(1)));
        waited += 0.001;
        if py.check_signals().is_err() {
            return left.len();
        }
    }
}

/// Do all that are alive wait until a function is to be called? That ends with its run.
fn only_timers(tasks: &[usize]) -> bool {
    let alive = list();
    // SAFETY: a listed task is held by its thread, which leaves the list first.
    let keeps_time = |t: usize| unsafe { &*(t as *const Task) }.part().is_some_and(|p| p.keeps_time.load(Relaxed));
    tasks.iter().all(|t| alive.iter().all(|(a, _)| a != t) || keeps_time(*t))
}

/// Cancels tasks that are alive.
pub fn cancel_all(tasks: &[usize]) {
    let alive = list();
    for t in tasks {
        if alive.iter().any(|(a, _)| a == t) {
            // SAFETY: a listed task is held by its thread, which leaves the list first.
            if let Some(p) = unsafe { &*(*t as *const Task) }.part() {
                p.cancel()
            }
        }
    }
}

/// Python's ident of each thread that runs a task; one that has not begun has none yet.
pub fn idents() -> Vec<u64> {
    // SAFETY: a listed task is held by its thread.
    let ident = |t: usize| unsafe { &*(t as *const Task) }.part().map(|p| p.ident.get());
    list().iter().filter_map(|(t, _)| ident(*t)).filter(|i| *i != 0).collect()
}

/// Every task that is alive.
pub fn all() -> Vec<usize> {
    living(0, 0)
}

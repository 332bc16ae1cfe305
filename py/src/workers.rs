//! Who runs Python tasks: the thread that called `run`, and a background worker, a daemon `threading.Thread` that is started with the first task (K4), so that a task which has not
//! started never waits for a thread that is blocked in C. No thread is started at import. And how they stop: at the interpreter's end (P3), in a fork's child, and after a run's grace.

use crate::{decref, errors, lane, task::Task, threads};
use gort::sched::lane::Lane;
use gort::sched::task::{DEAD, KIND_TASK, TASKS, Task as CoreTask};
use gort::sched::{self, run as core_run, thread, worker};
use gort::status::Status;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The background worker has been started in this process.
static BACKGROUND: AtomicBool = AtomicBool::new(false);
/// Its thread, while it runs the loop.
static WORKER: AtomicPtr<thread::Thread> = AtomicPtr::new(null_mut());
static REGISTERED: AtomicBool = AtomicBool::new(false);
/// Python's ident of each thread that runs a loop, by its gort `Thread`.
static IDENTS: Mutex<Vec<(usize, u64)>> = Mutex::new(Vec::new());

/// The lane, with a worker behind it.
pub fn ready(py: Python<'_>) -> PyResult<&'static Lane> {
    if BACKGROUND.load(Relaxed) {
        return lane::lane(py);
    }
    start(py)
}

#[cold]
fn start(py: Python<'_>) -> PyResult<&'static Lane> {
    let l = lane_of_run(py)?;
    if BACKGROUND.swap(true, AcqRel) {
        return Ok(l);
    }
    let make = || -> PyResult<()> {
        let kw = PyDict::new(py);
        kw.set_item("target", py.import("gort._gort")?.getattr("_worker")?)?;
        kw.set_item("name", "gort-worker")?;
        kw.set_item("daemon", true)?;
        py.import("threading")?.getattr("Thread")?.call((), Some(&kw))?.call_method0("start")?;
        Ok(())
    };
    make().inspect_err(|_| BACKGROUND.store(false, Release))?;
    // It must be there before a task could begin on a thread that leaves (lane.rs, where_to_start).
    while background().is_null() && BACKGROUND.load(Acquire) {
        py.detach(|| std::thread::sleep(Duration::from_micros(20)));
    }
    Ok(l)
}

/// The background worker's thread, or null.
pub fn background() -> *const thread::Thread {
    WORKER.load(Acquire)
}

/// The lane; the first use arranges the interpreter's end and forks.
pub fn lane_of_run(py: Python<'_>) -> PyResult<&'static Lane> {
    arrange_end(py)?;
    lane::lane(py)
}

/// Most living tasks where tasks are threads; 0 for no limit.
pub static MAX_TASKS: AtomicUsize = AtomicUsize::new(0);

/// First use: what happens at the interpreter's end, and in a fork's child.
pub fn arrange_end(py: Python<'_>) -> PyResult<()> {
    if decref::is_finalizing() {
        return Err(errors::detailed(py, Status::Shutdown, "the interpreter is ending"));
    }
    if !REGISTERED.swap(true, AcqRel) {
        lane::learn_handler();
        let m = py.import("gort._gort")?;
        py.import("atexit")?.call_method1("register", (m.getattr("_finalize")?,))?;
        let kw = PyDict::new(py);
        kw.set_item("after_in_child", m.getattr("_after_fork")?)?;
        py.import("os")?.getattr("register_at_fork")?.call((), Some(&kw))?;
    }
    Ok(())
}

pub fn note_thread(th: &thread::Thread, ident: Option<u64>) {
    let mut list = match IDENTS.lock() {
        Ok(l) => l,
        Err(p) => p.into_inner(),
    };
    let at = std::ptr::from_ref(th) as usize;
    list.retain(|(t, _)| *t != at);
    if let Some(i) = ident {
        list.push((at, i))
    }
}

/// Python's ident of the calling thread.
pub fn ident() -> u64 {
    // SAFETY: always succeeds.
    unsafe { libc::pthread_self() as u64 }
}

/// The background worker's body.
#[pyfunction]
pub fn _worker(py: Python<'_>) -> PyResult<()> {
    let l = lane::lane(py)?;
    let status = lane::run_loop(py, |th, _| {
        th.stop.store(false, Relaxed);
        WORKER.store(std::ptr::from_ref(th).cast_mut(), Release);
        let s = worker::run_host_thread(l);
        WORKER.store(null_mut(), Release);
        s
    })?;
    debug_assert!(status.is_ok());
    BACKGROUND.store(false, Release);
    Ok(())
}

/// Living tasks of the Python lane.
fn each_task(l: &Lane, mut f: impl FnMut(&CoreTask)) {
    TASKS.for_each(|t| {
        // SAFETY: slots are type-stable; only atomics and set-once fields are read.
        let t = unsafe { t.as_ref() };
        if t.header.kind.load(Acquire) == KIND_TASK && t.lane.get() == l.id && t.state.load(Relaxed) != DEAD {
            f(t)
        }
    })
}

/// P3: at the interpreter's end. Nothing new is admitted; every task is cancelled, all of them first; they get a bounded time to run their `finally` blocks; the workers leave the loop.
#[pyfunction]
pub fn _finalize(py: Python<'_>) -> PyResult<()> {
    if !REGISTERED.load(Acquire) {
        return Ok(());
    }
    if threads::is_on() {
        threads::cancel_all(&threads::all());
        for _ in 0..1000 {
            if threads::all().is_empty() {
                break;
            }
            py.detach(|| std::thread::sleep(Duration::from_millis(1)));
        }
        decref::finalize();
        freeze(&threads::idents());
        decref::end();
        return Ok(());
    }
    let l = lane::lane(py)?;
    let mut list = Vec::new();
    each_task(l, |t| {
        core_run::raise(t);
        list.push(NonNull::from(t))
    });
    gort::sys::barrier::heavy();
    if let Ok(cx) = sched::enter() {
        for t in list {
            // SAFETY: type-stable.
            core_run::rouse(cx, unsafe { t.as_ref() })
        }
        cx.exit()
    }
    let wait_until = |what: &dyn Fn() -> bool| {
        for _ in 0..1000 {
            if what() {
                return;
            }
            py.detach(|| std::thread::sleep(Duration::from_millis(1)));
        }
    };
    let runs_elsewhere = |t: &CoreTask| {
        // One that is pinned to a thread without a loop is given up.
        let th = t.thread.get();
        // SAFETY: threads are never freed.
        th.is_null() || unsafe { !(*th).lane.get().is_null() }
    };
    if BACKGROUND.load(Acquire) {
        wait_until(&|| {
            let mut n = 0;
            each_task(l, |t| n += usize::from(runs_elsewhere(t)));
            n == 0
        });
    }
    decref::finalize();
    for th in thread::all() {
        if std::ptr::eq(th.lane.get(), l) {
            worker::stop_thread(th)
        }
    }
    wait_until(&|| !BACKGROUND.load(Acquire));
    freeze(&match IDENTS.lock() {
        Ok(l) => l.iter().map(|(_, i)| *i).collect::<Vec<_>>(),
        Err(_) => Vec::new(),
    });
    decref::end();
    Ok(())
}

/// Threads of ours that run a task's code still: when such a thread next wants the interpreter it is ended by `pthread_exit`, whose unwinding aborts the process at the first frame of
/// Rust. So they are stopped where they are, by a signal whose handler never returns. They do not hold the interpreter: we do.
fn freeze(idents: &[u64]) {
    extern "C" fn stop(_: libc::c_int) {
        loop {
            // SAFETY: async-signal-safe.
            unsafe { libc::pause() };
        }
    }
    // SAFETY: attached, so none of these threads holds the interpreter, and none can end meanwhile: it would need it. The signal is taken only if nobody uses it.
    unsafe {
        let signal = libc::SIGRTMAX() - 1;
        for i in idents.iter().filter(|i| **i != libc::pthread_self() as u64) {
            let mut now: libc::sigaction = std::mem::zeroed();
            if libc::sigaction(signal, std::ptr::null(), &mut now) != 0
                || (now.sa_sigaction != libc::SIG_DFL && now.sa_sigaction != stop as *const () as usize)
            {
                return;
            }
            now.sa_sigaction = stop as *const () as usize;
            libc::sigaction(signal, &now, std::ptr::null_mut());
            libc::pthread_kill(*i as libc::pthread_t, signal);
        }
    }
}

/// In a fork's child: everything begins afresh at its next use.
#[pyfunction]
pub fn _after_fork() {
    BACKGROUND.store(false, Relaxed);
    WORKER.store(null_mut(), Relaxed);
    if let Ok(mut list) = IDENTS.try_lock() {
        list.clear()
    }
    lane::forget_after_fork();
}

/// Watches the end of a run: tasks that reach no blocking call are sent TaskCanceled when the grace is over (K1).
pub struct Watch {
    grace: f64,
    state: Arc<(Mutex<bool>, Condvar)>,
}

impl Watch {
    pub fn new(grace: f64) -> Watch {
        Watch { grace, state: Arc::new((Mutex::new(false), Condvar::new())) }
    }

    /// Main has returned, and others are alive. A thread of ours sees to those that compute: the hub cannot, for they are on its thread.
    pub fn begin(&self, main: NonNull<CoreTask>) {
        // SAFETY: the run holds main.
        let run = unsafe { main.as_ref() }.run.load(Relaxed) as usize;
        let (state, grace) = (self.state.clone(), Duration::from_secs_f64(self.grace.clamp(0.0, 1e6)));
        // No thread to be had: then those that compute are not ended.
        let _ = std::thread::Builder::new().name("gort-grace".into()).spawn(move || {
            loop {
                let (lock, told) = &*state;
                let Ok(over) = lock.lock() else { return };
                let Ok((over, _)) = told.wait_timeout_while(over, grace.max(Duration::from_millis(10)), |o| !*o) else {
                    return;
                };
                if *over {
                    return;
                }
                drop(over);
                Python::attach(|py| {
                    if told_over(&state.0) {
                        return;
                    }
                    end_stubborn(py, run)
                });
            }
        });
    }

    /// The run is over.
    pub fn end(&self) {
        if let Ok(mut over) = self.state.0.lock() {
            *over = true;
        }
        self.state.1.notify_all();
    }
}

fn told_over(state: &Mutex<bool>) -> bool {
    state.lock().map_or(true, |over| *over)
}

/// Whatever task of the run is computing now, on any thread, gets TaskCanceled.
fn end_stubborn(py: Python<'_>, run: usize) {
    let list = match IDENTS.lock() {
        Ok(l) => l.clone(),
        Err(p) => p.into_inner().clone(),
    };
    for (th, ident) in list {
        // SAFETY: threads are never freed; `host_task` is written attached only, and so are we; a running task is alive.
        unsafe {
            let t = (*(th as *const thread::Thread)).host_task.get().cast_mut();
            if !t.is_null() && (*t).run.load(Relaxed) as usize == run {
                if !Task::of(t).force() {
                    continue; // once: its clean-up may compute
                }
                let class = errors::task_canceled(py).get_type(py);
                ffi::PyThreadState_SetAsyncExc(ident as _, class.as_ptr());
            }
        }
    }
}

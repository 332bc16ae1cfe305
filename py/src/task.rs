//! `Task`, `go` and `run`: what a Python task is, how it begins and ends.
//!
//! T1  The scheduler's entry of a task holds one reference of its `Task`: word 1 of the entry is the struct, and `me` the object. It is given up when the task has ended.
//! T2  `what` is taken by the thread that runs it; `outcome` is written before the task's end is published (joiners pass the header's lock), and only read after.
//! T3  Everything in it is touched attached; its cells are guarded by the GIL. Where there is none, tasks are threads and the same order holds by T2.
//! T4  An exception that nobody has asked for when the object goes is reported by `sys.unraisablehook`, as asyncio does.

use crate::call::{Caller, Limits, is_loop_running};
use crate::context::Context;
use crate::{decref, errors, lane, threads, workers};
use gort::sched::task::{Entry, SpawnOptions, Task as CoreTask};
use gort::sched::thread::Thread;
use gort::sched::{self, host, run as core_run, runtime};
use gort::status::Status;
use gort::wait::join;
use pyo3::exceptions::{PyBaseException, PyKeyboardInterrupt, PySystemExit, PyTypeError};
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::cell::{Cell, UnsafeCell};
use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::atomic::Ordering::Relaxed;

struct What {
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
}

/// How a task's function ended.
enum Outcome {
    Value(Py<PyAny>),
    Raised(Py<PyBaseException>),
    /// It ended because it was cancelled.
    Canceled,
}

/// A task: a plain function that runs beside others, and parks where it waits.
#[pyclass(frozen, module = "gort", weakref, generic)]
pub struct Task {
    /// The scheduler's task, of which this holds a handle; null before it is spawned.
    handle: Cell<*mut CoreTask>,
    me: Cell<*mut PyObject>,
    /// While it is parked: the greenlet that was current then, owned (lane.rs L2).
    pub greenlet: Cell<*mut PyObject>,
    /// Before it begins: its contextvars, owned.
    pub context: Cell<*mut PyObject>,
    /// Where an element travels while it is parked (D4), or the elements of a small select.
    pub slot: UnsafeCell<[u64; 4]>,
    what: UnsafeCell<Option<What>>,
    outcome: UnsafeCell<Option<Outcome>>,
    /// What its wait, or its next one, is to raise.
    interrupt: UnsafeCell<Option<PyErr>>,
    retrieved: Cell<bool>,
    /// It was sent an exception from outside, once (K1).
    forced: Cell<bool>,
    name: String,
    /// Where tasks are threads.
    part: Option<threads::Part>,
}

// SAFETY: T3.
unsafe impl Send for Task {}
// SAFETY: T3.
unsafe impl Sync for Task {}

impl Task {
    /// The object of a Python task.
    ///
    /// # Safety
    /// `t` is a task of the Python lane that has not ended, or one whose object the caller holds.
    #[inline(always)]
    pub unsafe fn of<'a>(t: *mut CoreTask) -> &'a Task {
        // SAFETY: T1.
        unsafe { &*((*(*t).entry.get()).word(1) as *const Task) }
    }

    /// Gives up the entry's reference (T1).
    ///
    /// # Safety
    /// Called once, attached, after the task has ended.
    pub unsafe fn release(task: &Task) {
        // SAFETY: contract.
        unsafe { ffi::Py_DECREF(task.me.get()) }
    }

    /// It begins: one that a timer has started has no handle yet.
    ///
    /// # Safety
    /// By the thread that runs `t`, whose object this is, attached and outside the bracket.
    #[inline]
    pub unsafe fn begin(&self, t: *mut CoreTask) {
        // SAFETY: contract; T3.
        if self.handle.get().is_null() && unsafe { host::take_handle(t) } {
            self.handle.set(t)
        }
    }

    /// Calls its function.
    ///
    /// # Safety
    /// By the thread that runs the task, once (T2).
    pub unsafe fn call(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // SAFETY: T2.
        match unsafe { (*self.what.get()).take() } {
            Some(w) => w.function.call(py, w.args.clone_ref(py), w.kwargs.as_ref().map(|k| k.bind(py))),
            None => Err(errors::misuse(py, "the task has no function")),
        }
    }

    /// Writes how it ended. An exception that ends the program is main's business (K4).
    pub fn finish(&self, py: Python<'_>, th: &Thread, result: PyResult<Py<PyAny>>) {
        let outcome = match result {
            Ok(v) => Outcome::Value(v),
            Err(e) if errors::is_task_canceled(py, &e) || lane::is_greenlet_exit(py, &e) => Outcome::Canceled,
            Err(e) => {
                if (e.is_instance_of::<PyKeyboardInterrupt>(py) || e.is_instance_of::<PySystemExit>(py))
                    && let Some(host) = lane::host(th)
                    && !host.main.get().is_null()
                    && host.main.get() != self.handle.get()
                {
                    lane::hand_to_main(py, host, e.clone_ref(py));
                    self.retrieved.set(true);
                }
                Outcome::Raised(e.into_value(py))
            }
        };
        // SAFETY: T2.
        unsafe { *self.outcome.get() = Some(outcome) }
    }

    /// It is to be ended by force: true for the first who asks.
    pub fn force(&self) -> bool {
        !self.forced.replace(true)
    }

    /// Was it?
    pub fn was_forced(&self) -> bool {
        self.forced.get()
    }

    /// Is its outcome written?
    pub fn has_ended(&self) -> bool {
        // SAFETY: T3.
        unsafe { (*self.outcome.get()).is_some() }
    }

    /// Its wait, or its next one, is to raise `e`.
    pub fn interrupt_with(&self, e: PyErr) {
        // SAFETY: T3; the old one, if any, is dropped after it has left the cell.
        let old = unsafe { (*self.interrupt.get()).replace(e) };
        drop(old);
    }

    /// Is there something that its next wait is to raise?
    #[inline(always)]
    pub fn is_interrupted(&self) -> bool {
        // SAFETY: T3.
        unsafe { (*self.interrupt.get()).is_some() }
    }

    /// Takes it.
    pub fn take_interrupt(&self) -> Option<PyErr> {
        // SAFETY: T3.
        unsafe { (*self.interrupt.get()).take() }
    }

    /// Its thread's side, where tasks are threads.
    pub fn part(&self) -> Option<&threads::Part> {
        self.part.as_ref()
    }

    /// `call` within its contextvars, where tasks are threads.
    ///
    /// # Safety
    /// As `call`.
    pub unsafe fn call_in_context(&self, py: Python<'_>) -> PyResult<Py<PyAny>> {
        // SAFETY: contract; the context is owned by us until it is taken.
        unsafe { lane::in_context(self.context.replace(null_mut()), || self.call(py)) }
    }

    /// `finish`, where tasks are threads.
    pub fn finish_here(&self, py: Python<'_>, result: PyResult<Py<PyAny>>) {
        let outcome = match result {
            Ok(v) => Outcome::Value(v),
            Err(e) if errors::is_task_canceled(py, &e) => Outcome::Canceled,
            Err(e) => {
                if e.is_instance_of::<PySystemExit>(py) {
                    self.retrieved.set(true); // it ends its thread and nothing else, as in `threading`
                }
                Outcome::Raised(e.into_value(py))
            }
        };
        // SAFETY: T2.
        unsafe { *self.outcome.get() = Some(outcome) }
    }

    fn is_over(&self) -> bool {
        if let Some(p) = &self.part {
            return p.is_over();
        }
        // SAFETY: a handle, or null.
        !self.handle.get().is_null() && unsafe { join::is_done(self.handle.get()) }
    }

    /// Waits for its end.
    fn wait(&self, py: Python<'_>, limits: Limits<'_>) -> PyResult<()> {
        let c = Caller::new(py)?;
        let wait = c.within(py, limits)?;
        let t = self.handle.get();
        if c.task().is_none() && !self.is_over() {
            c.may_block_thread(py)?;
        }
        let status = match &self.part {
            Some(p) => p.wait(wait),
            // SAFETY: a handle, which this object holds.
            None => unsafe { join::join(t, null_mut(), wait, true) },
        };
        match status {
            Status::Ok | Status::Panic => c.settle(py),
            s => Err(c.error(py, s)),
        }
    }
}

#[pymethods]
impl Task {
    /// Waits until the task has ended; what it raised is raised by `result`.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn join(&self, py: Python<'_>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
        self.wait(py, Limits::of(timeout, ctx))
    }

    /// Waits until the task has ended and returns what its function returned, or raises what it raised; `Canceled` if it was cancelled. May be asked again.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn result(&self, py: Python<'_>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<Py<PyAny>> {
        self.wait(py, Limits::of(timeout, ctx))?;
        self.retrieved.set(true);
        // SAFETY: T2: it has ended.
        match unsafe { &*self.outcome.get() } {
            Some(Outcome::Value(v)) => Ok(v.clone_ref(py)),
            Some(Outcome::Raised(e)) => Err(PyErr::from_value(e.bind(py).clone().into_any())),
            Some(Outcome::Canceled) => Err(errors::detailed(py, Status::Canceled, "the task was cancelled")),
            None => Err(errors::detailed(py, Status::Canceled, "the task was given up before it could end")),
        }
    }

    /// Waits until the task has ended and returns what its function raised, or None. `Canceled` is returned if it was cancelled.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn exception(
        &self,
        py: Python<'_>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        self.wait(py, Limits::of(timeout, ctx))?;
        self.retrieved.set(true);
        // SAFETY: T2: it has ended.
        Ok(match unsafe { &*self.outcome.get() } {
            Some(Outcome::Value(_)) => None,
            Some(Outcome::Raised(e)) => Some(e.clone_ref(py).into_any()),
            _ => {
                let e = errors::detailed(py, Status::Canceled, "the task was cancelled");
                Some(e.into_value(py).into_any())
            }
        })
    }

    /// Cancels the task: its blocking calls raise `TaskCanceled` from now on. Does not wait.
    fn cancel(&self, py: Python<'_>) -> PyResult<()> {
        if let Some(p) = &self.part {
            p.cancel();
            return Ok(());
        }
        // SAFETY: a handle, which this object holds.
        match unsafe { join::cancel(self.handle.get()) } {
            Status::Ok => Ok(()),
            s => Err(errors::of(py, s)),
        }
    }

    /// Has it ended?
    #[getter]
    fn done(&self) -> bool {
        self.is_over()
    }

    /// Was it cancelled, and has it ended for that reason?
    #[getter]
    fn canceled(&self) -> bool {
        // SAFETY: T2.
        self.is_over() && unsafe { matches!(&*self.outcome.get(), Some(Outcome::Canceled)) }
    }

    /// A number that no other task of this process has.
    #[getter]
    fn id(&self) -> u64 {
        if let Some(p) = &self.part {
            return p.id();
        }
        // SAFETY: a handle, which this object holds.
        unsafe { join::id(self.handle.get()) }
    }

    /// The name it was given, or one made of its number.
    #[getter]
    fn name(&self) -> String {
        if self.name.is_empty() { format!("task {}", self.id()) } else { self.name.clone() }
    }

    fn __repr__(&self) -> String {
        let state = if self.canceled() {
            "canceled"
        } else if self.is_over() {
            "done"
        } else {
            "alive"
        };
        format!("<gort.Task {:?} {state}>", self.name())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: T3: the collector runs attached; nothing is changed.
        unsafe {
            if let Some(w) = &*self.what.get() {
                visit.call(&w.function)?;
                visit.call(&w.args)?;
                visit.call(&w.kwargs)?;
            }
            match &*self.outcome.get() {
                Some(Outcome::Value(v)) => visit.call(v),
                Some(Outcome::Raised(e)) => visit.call(e),
                _ => Ok(()),
            }
        }
    }

    fn __clear__(&self) {
        // SAFETY: T3; what is dropped has left the cells.
        let (w, o) = unsafe { ((*self.what.get()).take(), (*self.outcome.get()).take()) };
        drop((w, o));
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        let t = self.handle.get();
        if !t.is_null() {
            // SAFETY: our handle, given up once. Nobody can be in a call of it: the object is gone.
            unsafe {
                let _ = join::release(t);
            }
        }
        if !self.retrieved.get()
            && let Some(Outcome::Raised(e)) = self.outcome.get_mut()
            && !decref::is_finalizing()
        {
            // SAFETY: objects of a frozen class are deallocated attached.
            let py = unsafe { Python::assume_attached() };
            PyErr::from_value(e.bind(py).clone().into_any()).write_unraisable(py, None);
        }
        let context = self.context.get();
        if !context.is_null() {
            // SAFETY: owned by us.
            unsafe { decref::drop_object(context) }
        }
    }
}

/// The entry of a Python task is never called by the scheduler: greenlets run it (lane.rs).
unsafe fn call_entry(_: *mut Entry) {
    sched::bug("the entry of a Python task was called")
}

unsafe fn drop_entry(e: *mut Entry) {
    // SAFETY: T1: the entry's reference, of a task that never ran.
    unsafe { decref::drop_object((*e).word(2) as *mut PyObject) }
}

/// Gives up what `prepare` made, which was not spawned.
pub fn drop_prepared(mut entry: Entry) {
    // SAFETY: nobody else has the entry: its reference is given up once.
    unsafe { drop_entry(&mut entry) }
}

/// A `Task` and the entry that holds it; within a copy of `context`, or of the present one.
pub fn prepare(
    py: Python<'_>,
    name: String,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
    context: Option<&Py<PyAny>>,
) -> PyResult<(Py<Task>, Entry)> {
    if !function.is_callable() {
        return Err(PyTypeError::new_err(format!("gort: {} is not callable", function.repr()?)));
    }
    let kwargs = kwargs.filter(|k| !k.is_empty()).map(|k| k.clone().unbind());
    let task = Task {
        handle: Cell::new(null_mut()),
        me: Cell::new(null_mut()),
        greenlet: Cell::new(null_mut()),
        context: Cell::new(lane::copy_context(py, context)?),
        part: if threads::is_on() { Some(threads::Part::new(py)?) } else { None },
        slot: UnsafeCell::new([0; 4]),
        what: UnsafeCell::new(Some(What { function: function.unbind(), args: args.unbind(), kwargs })),
        outcome: UnsafeCell::new(None),
        interrupt: UnsafeCell::new(None),
        retrieved: Cell::new(false),
        forced: Cell::new(false),
        name,
    };
    let task = Py::new(py, task)?;
    let t = task.get();
    let me = task.clone_ref(py).into_ptr();
    t.me.set(me);
    let at = std::ptr::from_ref(task.get()) as usize;
    Ok((task, Entry::new(call_entry, Some(drop_entry), [0, at, me as usize])))
}

/// Starts a task that calls `function(*args, **kwargs)`.
#[pyfunction]
#[pyo3(signature = (function, /, *args, **kwargs))]
pub fn go(
    py: Python<'_>,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Task>> {
    spawn(py, String::new(), function, args, kwargs)
}

/// `go` with a name.
#[pyfunction]
#[pyo3(signature = (name, function, /, *args, **kwargs))]
pub fn go_named(
    py: Python<'_>,
    name: String,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Task>> {
    spawn(py, name, function, args, kwargs)
}

fn spawn(
    py: Python<'_>,
    name: String,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Task>> {
    if threads::is_on() {
        let (task, mut entry) = prepare(py, name, function, args, kwargs, None)?;
        // SAFETY: nobody else has the entry: its reference is given up, the thread has one of its own.
        unsafe { drop_entry(&mut entry) };
        threads::start(py, &task)?;
        return Ok(task);
    }
    let l = workers::ready(py)?;
    // The dump and the census of a deadlock know it by this name.
    let seen = if name.is_empty() {
        None
    } else {
        let seen = CString::new(name.as_str());
        Some(seen.map_err(|_| errors::invalid(py, "name: a zero byte in it"))?)
    };
    let (task, entry) = prepare(py, name, function, args, kwargs, None)?;
    let options = SpawnOptions { name: seen, lane: l.id, ..SpawnOptions::default() };
    // SAFETY: the entry holds a reference of its own and may be run by any thread of the lane; a failed spawn drops it.
    match unsafe { sched::spawn_handle(entry, options) } {
        Ok(t) => {
            task.get().handle.set(t.as_ptr());
            Ok(task)
        }
        Err(s) => Err(errors::of(py, s)),
    }
}

/// How `run` is set up.
pub struct RunOptions {
    pub grace: f64,
    pub wait_all: bool,
    pub workers: Option<usize>,
    pub max_tasks: Option<usize>,
}

/// Runs `main(*args)` as a task on this thread, with a scheduler around it, and returns what it returned (K1, K4).
pub fn run(py: Python<'_>, main: Bound<'_, PyAny>, args: Bound<'_, PyTuple>, o: &RunOptions) -> PyResult<Py<PyAny>> {
    if is_loop_running(py)? {
        return Err(errors::misuse(
            py,
            "gort.run on a thread whose asyncio loop is running would freeze the loop; gort.go needs no run",
        ));
    }
    if threads::is_on() {
        return run_as_thread(py, main, args, o);
    }
    let l = workers::lane_of_run(py)?;
    let mut config = runtime::Config { grace: (o.grace * 1e9) as i64, wait_all: o.wait_all, ..Default::default() };
    config.workers = o.workers.unwrap_or(0);
    config.max_tasks = o.max_tasks.unwrap_or(0);
    let (task, entry) = prepare(py, "main".into(), main, args, None, None)?;
    let t = task.get();
    let mut entry = Some(entry);
    let out = lane::run_loop(py, |_, host| {
        let watch = workers::Watch::new(o.grace);
        let Some(entry) = entry.take() else { unreachable!("taken once") };
        let out = core_run::run_hosted(
            l,
            entry,
            Some(&config),
            |main| {
                host.main.set(main.as_ptr());
                t.handle.set(main.as_ptr());
            },
            |main| {
                if !o.wait_all {
                    watch.begin(main)
                }
            },
        );
        watch.end();
        host.main.set(null_mut());
        // SAFETY: the loop is over; nobody else has it.
        (out, unsafe { (*host.left.get()).take() })
    });
    if let Some(mut entry) = entry {
        // SAFETY: the loop was refused: the entry is ours, and was never called.
        unsafe { drop_entry(&mut entry) }
    }
    let (out, left) = out?;
    t.retrieved.set(true);
    if let Some(e) = left.or_else(|| t.take_interrupt()) {
        return Err(e);
    }
    let result = result_of_run(py, t, out.status, &out.report);
    if out.detached > 0 && result.is_ok() {
        warn(py, &out.report)?;
    }
    result
}

/// What `run` returns or raises.
fn result_of_run(py: Python<'_>, t: &Task, status: Status, report: &str) -> PyResult<Py<PyAny>> {
    // SAFETY: T2: main has ended, or was given up.
    match unsafe { (*t.outcome.get()).take() } {
        Some(Outcome::Value(v)) if status.is_ok() => Ok(v),
        Some(Outcome::Value(_)) => Err(errors::detailed(py, status, report)),
        Some(Outcome::Raised(e)) => Err(PyErr::from_value(e.bind(py).clone().into_any())),
        Some(Outcome::Canceled) => Err(errors::task_canceled(py)),
        None => Err(errors::detailed(py, if status.is_ok() { Status::Canceled } else { status }, report)),
    }
}

/// `run` where tasks are threads.
fn run_as_thread(
    py: Python<'_>,
    main: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    o: &RunOptions,
) -> PyResult<Py<PyAny>> {
    workers::arrange_end(py)?;
    if threads::current().is_some() {
        return Err(errors::misuse(py, "gort.run in a task"));
    }
    workers::MAX_TASKS.store(o.max_tasks.unwrap_or(0), Relaxed);
    let (task, mut entry) = prepare(py, "main".into(), main, args, None, None)?;
    // SAFETY: as in `spawn`.
    unsafe { drop_entry(&mut entry) };
    let detached = threads::run(py, &task, o.grace, o.wait_all);
    workers::MAX_TASKS.store(0, Relaxed);
    task.get().retrieved.set(true);
    if detached > 0 {
        warn(
            py,
            &format!("{detached} task{} still alive after the grace, detached", if detached == 1 { "" } else { "s" }),
        )?;
    }
    result_of_run(py, task.get(), Status::Ok, "")
}

fn warn(py: Python<'_>, report: &str) -> PyResult<()> {
    let text = CString::new(report.replace('\0', " ")).unwrap_or_default();
    PyErr::warn(py, &py.get_type::<pyo3::exceptions::PyRuntimeWarning>(), &text, 2)
}

/// The task that runs here, or None.
#[pyfunction]
pub fn current_task(py: Python<'_>) -> Option<Py<Task>> {
    if threads::is_on() {
        // SAFETY: the object is held by its thread.
        return threads::current()
            .map(|t| unsafe { Bound::from_borrowed_ptr(py, t.me.get()).cast_into_unchecked::<Task>().unbind() });
    }
    // SAFETY: threads are never freed; the task that runs here is alive, and so is its object.
    unsafe {
        let t = Thread::get().as_ref()?.host_task.get().cast_mut();
        if t.is_null() {
            return None;
        }
        let me = Task::of(t).me.get();
        Some(Bound::from_borrowed_ptr(py, me).cast_into_unchecked::<Task>().unbind())
    }
}

/// What SIGINT does inside `run` (K4): main is interrupted, whichever task was running.
#[pyfunction]
pub fn _interrupt(py: Python<'_>, _signum: Bound<'_, PyAny>, _frame: Bound<'_, PyAny>) -> PyResult<()> {
    let here = || Err(PyKeyboardInterrupt::new_err(()));
    let th = lane::thread(py)?;
    let Some(host) = lane::host(th) else { return here() };
    let (main, running) = (host.main.get(), th.host_task.get().cast_mut());
    // SAFETY: main's object is held by `run`.
    if main.is_null() || main == running || unsafe { Task::of(main) }.is_interrupted() {
        return here();
    }
    lane::hand_to_main(py, host, PyKeyboardInterrupt::new_err(()));
    Ok(())
}

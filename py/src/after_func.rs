//! `after_func`: a function that a timer calls, in a task of its own.
//!
//! F1  What is set is a root: it holds a prepared task, and goes on when its object is gone. What is not set holds none: the engine's timer is given up by `stop`, and made by `reset`. So the
//!     collector sees all that an object alone keeps alive.
//! F2  Where tasks are threads there is no place to start one from when a timer fires: the task is started when the timer is set, and waits for it (`_when_due`). One waits for each setting;
//!     `end` closed, it ends without a call.
//! F3  Each call runs in a copy of the context that `after_func` was called in, whoever sets it again.
//! F4  `engine` and `waits` are guarded by the mutex, under which nothing of a user runs, no object is given up, and nothing blocks.

use crate::chan::Channel;
use crate::task::{Task, drop_prepared, prepare};
use crate::timer::{Timer, ns};
use crate::{errors, lane, select, threads, workers};
use gort::sched::task::Entry;
use gort::sched::{self, Time};
use gort::status::Status;
use gort::time::timer;
use pyo3::exceptions::PyTypeError;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

/// A timer whose value a task waits for (F2).
struct Waits {
    timer: Py<Timer>,
    end: Py<Channel>,
}

impl Waits {
    fn clone_ref(&self, py: Python<'_>) -> Waits {
        Waits { timer: self.timer.clone_ref(py), end: self.end.clone_ref(py) }
    }

    /// Its task ends without a call, if that has not begun: true.
    fn stop(&self, py: Python<'_>) -> PyResult<bool> {
        let was = self.timer.get().stop(py)?;
        let _ = self.end.get().close_now(py); // closed already is as well
        Ok(was)
    }
}

#[derive(Default)]
struct State {
    /// F1.
    engine: Option<NonNull<timer::Timer>>,
    /// F2.
    waits: Option<Waits>,
}

/// A function that is called later, in a task of its own. Dropping this does not stop it.
#[pyclass(frozen, module = "gort", weakref)]
pub struct FuncTimer {
    function: Py<PyAny>,
    args: Py<PyTuple>,
    kwargs: Option<Py<PyDict>>,
    /// F3.
    context: Py<PyAny>,
    state: Mutex<State>,
}

// SAFETY: F4; a slab handle whose every use is through its lock.
unsafe impl Send for FuncTimer {}
// SAFETY: as above.
unsafe impl Sync for FuncTimer {}

impl FuncTimer {
    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(s) => s,
            Err(p) => p.into_inner(),
        }
    }

    /// Sets it. True if it was set.
    fn set(&self, py: Python<'_>, d: i64) -> PyResult<bool> {
        if d == Time::MAX {
            return self.stop(py); // never is not set
        }
        if threads::is_on() { self.set_thread(py, d) } else { self.set_engine(py, d) }
    }

    fn set_engine(&self, py: Python<'_>, d: i64) -> PyResult<bool> {
        let when = |d| sched::now().saturating_add(d);
        let mut entry = None;
        let set = |s: &mut State, entry: &mut Option<Box<Entry>>| match s.engine {
            // SAFETY: our handle; the entry is a task's of our lane.
            Some(t) => unsafe { timer::reset_host(t.as_ptr(), when(d), entry) },
            None => Err(Status::WouldBlock),
        };
        // One that is set has its task prepared.
        let first = set(&mut self.state(), &mut entry);
        let done = if first == Err(Status::WouldBlock) {
            let lane = workers::ready(py)?;
            let kwargs = self.kwargs.as_ref().map(|k| k.bind(py));
            let (function, args) = (self.function.bind(py).clone(), self.args.bind(py).clone());
            let (task, fresh) = prepare(py, String::new(), function, args, kwargs, Some(&self.context))?;
            entry = Some(Box::new(fresh));
            let mut s = self.state();
            let done = match s.engine {
                Some(_) => set(&mut s, &mut entry),
                // SAFETY: as above.
                None => unsafe { timer::host_timer(lane.id, when(d), &mut entry) }.map(|t| {
                    s.engine = Some(t);
                    false
                }),
            };
            drop(s);
            drop(task);
            done
        } else {
            first
        };
        if let Some(entry) = entry {
            drop_prepared(*entry)
        }
        done.map_err(|s| errors::of(py, s))
    }

    fn set_thread(&self, py: Python<'_>, d: i64) -> PyResult<bool> {
        let seconds = d as f64 * 1e-9;
        let there = self.state().waits.as_ref().map(|w| w.clone_ref(py));
        if let Some(w) = there {
            if w.timer.get().reset(py, seconds)? {
                return Ok(true);
            }
            w.stop(py)?; // its task is gone, or is about to call the function
        }
        let fresh = Waits { timer: Py::new(py, Timer::new(py, seconds)?)?, end: Py::new(py, Channel::plain(py)?)? };
        let body = wrap_pyfunction!(_when_due, py)?.into_any();
        let kwargs = self.kwargs.as_ref().map(|k| k.bind(py));
        let args = PyTuple::new(
            py,
            [fresh.timer.bind(py).as_any(), fresh.end.bind(py), self.function.bind(py), self.args.bind(py)],
        )?;
        let (task, entry) = prepare(py, String::new(), body, args, kwargs, Some(&self.context))?;
        drop_prepared(entry); // its thread has a reference of its own
        threads::start(py, &task)?;
        let old = self.state().waits.replace(fresh);
        match old {
            Some(old) => old.stop(py),
            None => Ok(false),
        }
    }
}

#[pymethods]
impl FuncTimer {
    /// The function is not called any more. True if that prevented a call: false if its task was started, or it was not set. A call that runs is not waited for.
    fn stop(&self, py: Python<'_>) -> PyResult<bool> {
        let State { engine, waits } = std::mem::take(&mut *self.state());
        if let Some(w) = waits {
            return w.stop(py);
        }
        let Some(t) = engine else { return Ok(false) };
        // SAFETY: our handle, given up once.
        let was = unsafe {
            let was = timer::stop(t.as_ptr());
            let _ = timer::release(t.as_ptr());
            was
        };
        was.map_err(|s| errors::of(py, s))
    }

    /// The function is called so many seconds from now, also if it was called before; a call that still runs then runs beside it. True if it was set.
    #[pyo3(signature = (seconds, /))]
    fn reset(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let d = ns(py, "seconds", seconds)?;
        self.set(py, d)
    }

    fn __repr__(&self) -> String {
        let s = self.state();
        let set = match (&s.engine, &s.waits) {
            // SAFETY: our handle.
            (Some(t), _) => unsafe { timer::is_set(t.as_ptr()) },
            (_, Some(w)) => w.timer.get().is_set(),
            _ => false,
        };
        format!("<gort.FuncTimer{}>", if set { "" } else { " not set" })
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.function)?;
        visit.call(&self.args)?;
        visit.call(&self.context)?;
        visit.call(&self.kwargs)
    }
}

impl Drop for FuncTimer {
    fn drop(&mut self) {
        let engine = self.state().engine.take();
        if let Some(t) = engine {
            // SAFETY: our handle, given up once; what is set goes on (F1).
            let _ = unsafe { timer::release(t.as_ptr()) };
        }
    }
}

/// The function of the tasks of F2.
#[pyfunction]
#[pyo3(signature = (timer, end, function, args, /, **kwargs))]
fn _when_due(
    timer: &Bound<'_, Timer>,
    end: &Bound<'_, Channel>,
    function: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Option<Py<PyAny>>> {
    let py = timer.py();
    let cases = PyTuple::new(py, [select::recv(timer)?, select::recv(end)?])?;
    let keep_time = |on| threads::current().and_then(Task::part).into_iter().for_each(|p| p.keep_time(on));
    keep_time(true);
    let got = select::select_biased(&cases, None, None, crate::chan::Given(None));
    keep_time(false);
    let got = match got {
        Ok(got) => got,
        Err(e) => {
            timer.get().stop(py)?; // its run ends: nobody waits for it any more, so it is not set
            return Err(e);
        }
    };
    if got.get_item(0)?.extract::<usize>()? != 0 {
        return Ok(None);
    }
    Ok(Some(function.call(args, kwargs)?.unbind()))
}

/// Calls `function(*args, **kwargs)` so many seconds from now, in a task of its own, and again after each reset(). With the run that this is called in it ends too.
#[pyfunction]
#[pyo3(signature = (seconds, function, /, *args, **kwargs))]
pub fn after_func(
    py: Python<'_>,
    seconds: f64,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<FuncTimer> {
    let d = ns(py, "seconds", seconds)?;
    if !function.is_callable() {
        return Err(PyTypeError::new_err(format!("gort: {} is not callable", function.repr()?)));
    }
    let kwargs = kwargs.map(|k| k.clone().unbind());
    // SAFETY: an owned object.
    let context = unsafe { Bound::from_owned_ptr(py, lane::copy_context(py, None)?).unbind() };
    let t = FuncTimer { function: function.unbind(), args: args.unbind(), kwargs, context, state: Mutex::default() };
    t.set(py, d)?;
    Ok(t)
}

//! `Cond`: waits for a change of what a mutex guards.
//!
//! It is core's condition in the object, beside its mutex. It refers to that alone, which refers to nothing: no cycle goes through it. A predicate is called with the mutex locked, as its user locked
//! it, and with no other lock.

use crate::call::{Caller, Within};
use crate::errors;
use crate::guard::guard;
use crate::mutex::{Mutex, PLACE};
use gort::status::Status;
use gort::sync::cond::RawCond;
use gort::wait::Wait;
use pyo3::prelude::*;

/// Waits for a change of what a mutex guards.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Cond {
    raw: RawCond,
    mutex: Py<Mutex>,
}

impl Cond {
    /// One wait; the mutex is locked again whatever it returns (core/src/sync/cond.rs CV4).
    fn wait_once(&self, py: Python<'_>, c: &Caller, limits: Wait) -> PyResult<Status> {
        if c.task().is_none() {
            c.may_block_thread(py)?
        }
        let s = self.raw.wait_at(&self.mutex.get().raw, limits, PLACE);
        if s.is_ok() {
            // A signal that cannot be used is the next one's.
            c.settle(py).inspect_err(|_| {
                let _ = self.raw.signal_one();
            })?
        }
        Ok(s)
    }

    fn error(py: Python<'_>, c: &Caller, s: Status) -> PyErr {
        match s {
            Status::Misuse => errors::misuse(py, "the mutex of the condition is not locked"),
            s => c.error(py, s),
        }
    }

    fn told(py: Python<'_>, s: Status) -> PyResult<()> {
        if s.is_ok() { Ok(()) } else { Err(errors::of(py, s)) }
    }

    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.mutex.get().acquire(py, Within::Plain)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.mutex.get().release(py)
    }
}

guard!(Cond {
    #[new]
    #[pyo3(signature = (mutex=None))]
    fn new(py: Python<'_>, mutex: Option<Py<Mutex>>) -> PyResult<Cond> {
        let mutex = mutex.map_or_else(|| Py::new(py, Mutex::create(py)?), Ok)?;
        Ok(Cond { raw: RawCond::new(), mutex })
    }

    /// The mutex: `with cond:` locks it.
    #[getter]
    fn mutex(&self, py: Python<'_>) -> Py<Mutex> {
        self.mutex.clone_ref(py)
    }

    /// Unlocks the mutex, waits for a signal, and locks it again: it is locked too when this raises.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        let c = Caller::new(py)?;
        let limits = c.within(py, timeout)?;
        match self.wait_once(py, &c, limits)? {
            Status::Ok => Ok(()),
            s => Err(Cond::error(py, &c, s)),
        }
    }

    /// Waits until `predicate()` is true, and returns what it returned. It is called with the mutex locked: at once, after each signal, and when the time is over.
    #[pyo3(signature = (predicate, timeout=None))]
    fn wait_for<'py>(
        &self,
        predicate: &Bound<'py, PyAny>,
        timeout: Option<f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = predicate.py();
        let limits = Caller::new(py)?.within(py, timeout)?;
        let mut over = None;
        loop {
            let value = predicate.call0()?;
            if value.is_truthy()? {
                return Ok(value);
            }
            if let Some(e) = over {
                return Err(e);
            }
            let c = Caller::new(py)?;
            match self.wait_once(py, &c, limits)? {
                Status::Ok => {}
                // A signal's handler may have raised something: then it is that.
                Status::TimedOut if !c.is_interrupted(py) => over = Some(Cond::error(py, &c, Status::TimedOut)),
                s => return Err(Cond::error(py, &c, s)),
            }
        }
    }

    /// Lets the one go on that has waited for longest, if there is one. The mutex need not be locked.
    fn signal(&self, py: Python<'_>) -> PyResult<()> {
        Cond::told(py, self.raw.signal_one())
    }

    /// Lets all go on that wait.
    fn broadcast(&self, py: Python<'_>) -> PyResult<()> {
        Cond::told(py, self.raw.broadcast())
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        Ok(format!("<gort.Cond of {} at {:p}>", slf.get().mutex.bind(slf.py()).repr()?, slf.as_ptr()))
    }
});

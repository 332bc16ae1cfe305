//! `Event`: a flag that is waited for, by tasks, threads and asyncio.
//!
//! It is core's event in the object. It refers to nothing, so the collector has no business here; what is set stays so in a fork's child.

use crate::aio_later::{self, Later};
use crate::{call, errors, lane};
use gort::sched::callback::Callback;
use gort::status::Status;
use gort::sync::event::RawEvent;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// A flag that is waited for.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Event {
    raw: RawEvent,
}

#[pymethods]
impl Event {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Event> {
        lane::thread(py)?;
        Ok(Event { raw: RawEvent::new() })
    }

    /// Sets it: all who wait go on, also if it is cleared before they run. False: it was set.
    fn set(&self, py: Python<'_>) -> PyResult<bool> {
        self.raw.set().map_err(|s| errors::of(py, s))
    }

    /// Clears it: whoever comes now waits for the next `set`. False: it was not set.
    fn clear(&self, py: Python<'_>) -> PyResult<bool> {
        self.raw.clear().map_err(|s| errors::of(py, s))
    }

    /// Is it set?
    fn is_set(&self) -> bool {
        self.raw.is_set()
    }

    /// Waits until it is set; returns at once if it is.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        call::wait_within(py, timeout, || self.raw.try_wait(), |limits| self.raw.wait(limits), || {})
    }

    /// `wait` for asyncio: to be awaited.
    fn wait_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        aio_later::wait_for(slf.py(), Waiting(slf.clone().unbind()))
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<gort.Event {} at {:p}>", if slf.get().is_set() { "set" } else { "not set" }, slf.as_ptr())
    }
}

/// An event that is awaited.
struct Waiting(Py<Event>);

impl Later for Waiting {
    fn begin(&self, cb: &Callback) -> Status {
        // SAFETY: we hold the event; the callback is the await's, and in no wait.
        unsafe { self.0.get().raw.wait_later(cb) }
    }

    fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        self.0.get().raw.withdraw(cb)
    }

    fn had(&self) {
        self.0.get().raw.had_later()
    }

    fn undo(&self) {} // it is set, or was, for everybody

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

//! `Barrier`: so many wait for one another.
//!
//! It is core's barrier in the object. It refers to nothing, so the collector has no business here; in a fork's child nobody waits at it.

use crate::call::{self, kept};
use crate::{errors, lane};
use gort::status::Status;
use gort::sync::barrier::RawBarrier;
use pyo3::prelude::*;
use std::cell::Cell;

/// So many wait for one another.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Barrier {
    raw: RawBarrier,
}

#[pymethods]
impl Barrier {
    #[new]
    fn new(py: Python<'_>, parties: i64) -> PyResult<Barrier> {
        lane::thread(py)?;
        match u32::try_from(parties) {
            Ok(n) if n > 0 => Ok(Barrier { raw: RawBarrier::new(n) }),
            _ => Err(errors::invalid(py, &format!("parties: {parties} is not between 1 and {}", u32::MAX))),
        }
    }

    /// Waits until all have come; True for the last one, who lets the others go on. Whoever gives up has not come.
    #[pyo3(signature = (timeout=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let last = Cell::new(false);
        call::wait_within(
            py,
            timeout,
            || kept(&last, self.raw.try_wait()),
            |limits| kept(&last, self.raw.wait(limits)),
            || {}, // a signal's handler raises: it has come all the same
        )?;
        Ok(last.get())
    }

    /// If all others wait: lets them go on. Did it? If not, it has not come.
    fn try_wait(&self, py: Python<'_>) -> PyResult<bool> {
        match self.raw.try_wait() {
            Err(Status::WouldBlock) => Ok(false),
            last => last.map_err(|s| errors::of(py, s)),
        }
    }

    /// How many wait. Others may come and go meanwhile.
    #[getter]
    fn arrived(&self) -> u32 {
        self.raw.arrived()
    }

    /// How many must come.
    #[getter]
    fn parties(&self) -> u32 {
        self.raw.parties()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let raw = &slf.get().raw;
        format!("<gort.Barrier {}/{} at {:p}>", raw.arrived(), raw.parties(), slf.as_ptr())
    }
}

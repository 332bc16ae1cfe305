//! `Once`: something that is done once, by whoever comes first. (`gort.once`, the decorator, is in `_once.py`.)
//!
//! It is core's flag in the object. It keeps nothing of what it called, so the collector has no business here. The function is called with no lock held: only the flag says that it runs.

use crate::call::{self, Within};
use crate::lane;
use gort::sync::once::{RawOnce, Turn};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::cell::Cell;

/// Something that is done once.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Once {
    raw: RawOnce,
}

#[pymethods]
impl Once {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Once> {
        lane::thread(py)?;
        Ok(Once { raw: RawOnce::new() })
    }

    /// Calls `function(*args, **kwargs)` unless that was done; returns when it is done. The first call runs it, the others wait. What it raises goes to the caller that ran it, and counts as done.
    #[pyo3(name = "do", signature = (function, /, *args, **kwargs))]
    fn do_(
        &self,
        function: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<()> {
        if self.raw.is_done() {
            return Ok(());
        }
        let (py, raw, turn) = (function.py(), &self.raw, Cell::new(Turn::Done));
        call::wait_for(
            py,
            Within::Plain,
            || call::kept(&turn, raw.try_begin()),
            |_| call::kept(&turn, raw.begin_hosted()),
            || {}, // a signal's handler raises: it is done all the same
        )?;
        if turn.get() == Turn::Yours {
            let result = function.call(args, kwargs);
            let _ = raw.finish(); // ours; but in a fork's child, if the function forked: there nobody does it
            result?;
        }
        Ok(())
    }

    /// Is it done?
    #[getter]
    fn done(&self) -> bool {
        self.raw.is_done()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        format!("<gort.Once {} at {:p}>", if slf.get().done() { "done" } else { "not done" }, slf.as_ptr())
    }
}

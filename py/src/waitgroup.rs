//! `WaitGroup`: a counter that tasks and threads wait for.

use crate::call::{Caller, Limits};
use crate::context::Context;
use crate::errors;
use crate::task::{self, Task};
use gort::status::Status;
use gort::sync::waitgroup::{self, RawWg};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::ptr::NonNull;

/// Waits for a number of things to be done.
#[pyclass(frozen, module = "gort", weakref)]
pub struct WaitGroup {
    raw: NonNull<RawWg>,
}

// SAFETY: the group has its own lock.
unsafe impl Send for WaitGroup {}
// SAFETY: as above.
unsafe impl Sync for WaitGroup {}

impl WaitGroup {
    fn status(&self, py: Python<'_>, s: Status) -> PyResult<()> {
        match s {
            Status::Ok => Ok(()),
            Status::Misuse => Err(errors::misuse(
                py,
                "the counter of a WaitGroup would fall below zero, or change while it is waited for at zero",
            )),
            s => Err(errors::of(py, s)),
        }
    }

    /// One less, for `go` (group.py).
    pub fn done_now(&self) -> Status {
        // SAFETY: our handle.
        unsafe { waitgroup::done(self.raw.as_ptr()) }
    }
}

#[pymethods]
impl WaitGroup {
    #[new]
    fn new(py: Python<'_>) -> PyResult<WaitGroup> {
        crate::lane::thread(py)?;
        let raw = waitgroup::create().map_err(|s| errors::of(py, s))?;
        Ok(WaitGroup { raw })
    }

    /// Adds `n`, which may be negative, to the counter.
    #[pyo3(signature = (n=1))]
    fn add(&self, py: Python<'_>, n: i64) -> PyResult<()> {
        // SAFETY: our handle.
        self.status(py, unsafe { waitgroup::add(self.raw.as_ptr(), n) })
    }

    /// Starts a task that calls `function(*args, **kwargs)` and is counted until it ends, however it ends.
    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn go(
        slf: &Bound<'_, Self>,
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Task>> {
        let (py, g) = (slf.py(), slf.get());
        g.add(py, 1)?;
        let counted = wrap_pyfunction!(_counted, py)?.into_any();
        let args = PyTuple::new(py, [slf.as_any(), &function, args.as_any()])?;
        task::go(py, counted, args, kwargs).inspect_err(|_| {
            let _ = g.done_now();
        })
    }

    /// One less.
    fn done(&self, py: Python<'_>) -> PyResult<()> {
        self.status(py, self.done_now())
    }

    /// Waits until the counter is zero.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
        let c = Caller::new(py)?;
        let wait = c.within(py, Limits::of(timeout, ctx))?;
        // SAFETY: our handle.
        let s = unsafe {
            if c.task().is_none() {
                match waitgroup::try_wait(self.raw.as_ptr()) {
                    Status::WouldBlock => {
                        c.may_block_thread(py)?;
                        let s = waitgroup::wait_with(self.raw.as_ptr(), wait);
                        if s.is_ok() {
                            c.settle(py)?
                        }
                        s
                    }
                    s => s,
                }
            } else {
                waitgroup::wait_with(self.raw.as_ptr(), wait)
            }
        };
        if s.is_ok() { Ok(()) } else { Err(c.error(py, s)) }
    }

    /// Is the counter zero?
    fn try_wait(&self, py: Python<'_>) -> PyResult<()> {
        // SAFETY: our handle.
        match unsafe { waitgroup::try_wait(self.raw.as_ptr()) } {
            Status::Ok => Ok(()),
            s => Err(errors::of(py, s)),
        }
    }
}

/// The function of the tasks of `WaitGroup.go`: counted out whatever happens.
#[pyfunction]
#[pyo3(signature = (group, function, args, /, **kwargs))]
fn _counted(
    group: &Bound<'_, WaitGroup>,
    function: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    let r = function.call(args, kwargs);
    let s = group.get().done_now();
    let v = r?.unbind();
    group.get().status(group.py(), s)?;
    Ok(v)
}

impl Drop for WaitGroup {
    fn drop(&mut self) {
        // SAFETY: our handle, given up once; nobody waits, for a waiter holds the object. A count that is left is given up with it.
        unsafe { waitgroup::give_up(self.raw.as_ptr()) }
    }
}

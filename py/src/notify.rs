//! Who is told that there may be something to receive, and takes nothing: a file descriptor, a function (core's `chan/notify.rs`).

use crate::call::{Caller, Limits};
use crate::chan::Channel;
use crate::task::{self, Task};
use crate::{errors, lane};
use gort::chan::notify;
use gort::status::Status;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};

/// See `Channel.notify_fd`.
pub fn descriptor(ch: &Channel, py: Python<'_>) -> PyResult<i32> {
    lane::thread(py)?;
    // SAFETY: the channel's handle.
    match unsafe { notify::notify_fd(ch.raw()) } {
        Ok(fd) => Ok(fd),
        Err(Status::Os) => Err(errors::from_errno(py)),
        Err(s) => Err(errors::of(py, s)),
    }
}

/// See `Channel.on_ready`.
pub fn on_ready(
    ch: &Bound<'_, Channel>,
    function: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<Task>> {
    let py = ch.py();
    if !function.is_callable() {
        return Err(pyo3::exceptions::PyTypeError::new_err(format!("gort: {} is not callable", function.repr()?)));
    }
    let body = wrap_pyfunction!(_when_ready, py)?.into_any();
    let args = PyTuple::new(py, [ch.as_any(), &function, args.as_any()])?;
    task::go(py, body, args, kwargs)
}

/// The function of the tasks of `on_ready`.
#[pyfunction]
#[pyo3(signature = (ch, function, args, /, **kwargs))]
fn _when_ready(
    ch: &Bound<'_, Channel>,
    function: &Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    kwargs: Option<&Bound<'_, PyDict>>,
) -> PyResult<Py<PyAny>> {
    wait(ch.py(), ch.get())?;
    Ok(function.call(args, kwargs)?.unbind())
}

fn wait(py: Python<'_>, ch: &Channel) -> PyResult<()> {
    let c = Caller::new(py)?;
    let limits = c.within(py, Limits::of(None, None))?;
    // SAFETY: the channel's handle.
    match unsafe { notify::readable(ch.raw(), limits) } {
        Status::Ok => c.settle(py),
        s => Err(c.error(py, s)),
    }
}

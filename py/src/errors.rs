//! Exceptions, built by walking the status table: one class a status, and what a failed call raises.
//!
//! Every class is a `gort.Error`; some are also what Python programs catch already (`TimeoutError`, `ValueError`, `RuntimeError`). `TaskCanceled` is none of them: it is how a task is told to
//! end, and `except Exception` must not swallow it (P7).

use gort::status::{Status, TABLE};
use pyo3::exceptions::{
    PyBaseException, PyException, PyMemoryError, PyOSError, PyRuntimeError, PyTimeoutError, PyValueError,
};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};

static CLASSES: PyOnceLock<Vec<Option<Py<PyType>>>> = PyOnceLock::new();
static TASK_CANCELED: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// Makes the classes and puts them into the module.
pub fn add_to(m: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = m.py();
    let base = class(py, "Error", "What a call of gort raises when it fails.", &[py.get_type::<PyException>()])?;
    m.add("Error", &base)?;
    let mut classes = Vec::new();
    for row in &TABLE {
        let known = match row.python {
            "" => None,
            "MemoryError" => Some(py.get_type::<PyMemoryError>().unbind()),
            "OSError" => Some(py.get_type::<PyOSError>().unbind()),
            name => {
                let mut bases = vec![base.clone()];
                match row.status {
                    Status::TimedOut => bases.push(py.get_type::<PyTimeoutError>()),
                    Status::Invalid => bases.push(py.get_type::<PyValueError>()),
                    Status::Misuse => bases.push(py.get_type::<PyRuntimeError>()),
                    _ => {}
                }
                let c = class(py, name, &format!("{}: {}.", row.name, row.text), &bases)?;
                m.add(name, &c)?;
                Some(c.unbind())
            }
        };
        classes.push(known);
    }
    let text = "This task is to end. A BaseException: `except Exception` does not swallow it.";
    let canceled = class(py, "TaskCanceled", text, &[py.get_type::<PyBaseException>()])?;
    m.add("TaskCanceled", &canceled)?;
    let _ = CLASSES.set(py, classes);
    let _ = TASK_CANCELED.set(py, canceled.unbind());
    Ok(())
}

fn class<'py>(py: Python<'py>, name: &str, doc: &str, bases: &[Bound<'py, PyType>]) -> PyResult<Bound<'py, PyType>> {
    let dict = pyo3::types::PyDict::new(py);
    dict.set_item("__doc__", doc)?;
    dict.set_item("__module__", "gort")?;
    Ok(py.get_type::<PyType>().call1((name, PyTuple::new(py, bases)?, dict))?.cast_into()?)
}

/// The exception of a status, with the detail of this task or thread if there is one.
#[cold]
pub fn of(py: Python<'_>, status: Status) -> PyErr {
    detailed(py, status, "")
}

/// The exception of a status, with what was wrong.
#[cold]
pub fn detailed(py: Python<'_>, status: Status, detail: &str) -> PyErr {
    let text = if detail.is_empty() { status.text().to_owned() } else { detail.to_owned() };
    let class = CLASSES.get(py).and_then(|c| c.get((-status.code()) as usize)).and_then(Option::as_ref);
    match class {
        Some(c) => PyErr::from_type(c.bind(py).clone(), (text,)),
        None => PyRuntimeError::new_err(text),
    }
}

/// OSError with what errno says.
#[cold]
pub fn from_errno(py: Python<'_>) -> PyErr {
    // SAFETY: attached; it sets an exception.
    unsafe { pyo3::ffi::PyErr_SetFromErrno(pyo3::ffi::PyExc_OSError) };
    PyErr::fetch(py)
}

/// InvalidArgument.
#[cold]
pub fn invalid(py: Python<'_>, what: &str) -> PyErr {
    detailed(py, Status::Invalid, what)
}

/// Misuse.
#[cold]
pub fn misuse(py: Python<'_>, what: &str) -> PyErr {
    detailed(py, Status::Misuse, what)
}

/// This task is to end.
#[cold]
pub fn task_canceled(py: Python<'_>) -> PyErr {
    match TASK_CANCELED.get(py) {
        Some(c) => PyErr::from_type(c.bind(py).clone(), ("the task was cancelled",)),
        None => of(py, Status::Canceled),
    }
}

/// Is it the exception of a cancelled task?
pub fn is_task_canceled(py: Python<'_>, e: &PyErr) -> bool {
    TASK_CANCELED.get(py).is_some_and(|c| e.is_instance(py, c.bind(py)))
}

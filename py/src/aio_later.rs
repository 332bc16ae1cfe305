//! What is had or not (a lock, a permit, an event), awaited in asyncio: the counterpart of `call::wait_for`. What the noun has to bring is a `Later`; mailbox, future and their rules are `aio.rs`'s.
//!
//! L-1  Who is called has it. An await that is given up meanwhile, or whose loop has ended, gives it back (`undo`), so it goes on to the next; nothing is lost.
//! L-2  An await is given up by its `throw` or `close`: by the task's cancellation, or when its coroutine is collected.

use crate::aio::{Waiting, awaitable, thrown};
use crate::errors;
use gort::sched::callback::Callback;
use gort::status::Status;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::cell::Cell;

/// What is awaited. None of these may call Python, but for `traverse`.
pub trait Later: Send + Sync {
    /// Has it now (OK), or enlists the callback (WOULD_BLOCK), which is called when it has it.
    fn begin(&self, cb: &Callback) -> Status;
    /// Takes the callback out: true if it is not called. False: it has it.
    fn withdraw(&self, cb: &Callback) -> Result<bool, Status>;
    /// The callback was called, and now its owner knows.
    fn had(&self) {}
    /// Gives back what was had.
    fn undo(&self);
    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError>;
}

/// One wait.
#[pyclass(frozen, module = "gort._gort")]
pub struct LaterAwait {
    what: Box<dyn Later>,
    waiting: Waiting,
    // ---- guarded by the interpreter's lock
    begun: Cell<bool>,
    given_up: Cell<bool>,
    /// It could not be withdrawn: when the call comes it is given back.
    owed: Cell<bool>,
}

// SAFETY: its cells are touched attached only.
unsafe impl Send for LaterAwait {}
// SAFETY: as above.
unsafe impl Sync for LaterAwait {}

/// What is to be awaited for it.
pub fn wait_for<'py>(py: Python<'py>, what: impl Later + 'static) -> PyResult<Bound<'py, PyAny>> {
    let a = LaterAwait {
        what: Box::new(what),
        waiting: Waiting::new(),
        begun: Cell::new(false),
        given_up: Cell::new(false),
        owed: Cell::new(false),
    };
    Ok(Bound::new(py, a)?.into_any())
}

impl LaterAwait {
    fn begin<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, a) = (slf.py(), slf.get());
        let (cb, _, future) = a.waiting.prepare(slf.as_any())?;
        let status = a.what.begin(cb);
        if status == Status::WouldBlock {
            return Ok(future);
        }
        a.waiting.take_back();
        Err(if status.is_ok() { PyStopIteration::new_err(()) } else { errors::of(py, status) })
    }

    /// The loop resumes the task.
    fn go_on<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, a) = (slf.py(), slf.get());
        if a.given_up.get() {
            return Err(PyRuntimeError::new_err("gort: awaited again after it was cancelled"));
        }
        if a.waiting.callback().is_none() {
            return Err(PyRuntimeError::new_err("gort: awaited twice"));
        }
        if !a.waiting.has_arrived() {
            return a.waiting.go_on_waiting(py);
        }
        a.waiting.forget();
        a.what.had();
        Err(PyStopIteration::new_err(()))
    }

    /// L-1.
    fn give_up(&self, _: Python<'_>) {
        if self.given_up.replace(true) {
            return;
        }
        let Some(cb) = self.waiting.callback() else { return };
        if self.waiting.has_arrived() {
            self.what.undo();
            return self.waiting.forget();
        }
        match self.what.withdraw(cb) {
            Ok(true) => self.waiting.take_back(),
            Ok(false) => self.what.undo(), // the call comes, and frees it
            Err(_) => self.owed.set(true),
        }
    }

    /// The loop has been told.
    pub fn arrive(&self, py: Python<'_>) {
        if self.owed.replace(false) {
            self.what.undo()
        }
        self.waiting.arrive(py)
    }
}

awaitable!(LaterAwait {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.what.traverse(&visit)?;
        self.waiting.traverse(&visit)
    }
});

impl Drop for LaterAwait {
    fn drop(&mut self) {
        // Not enlisted any more, or its reference would hold us (A1); one that has it and was never resumed gives it back.
        if self.waiting.has_arrived() && self.waiting.callback().is_some() && !self.given_up.get() {
            self.what.undo()
        }
        self.waiting.forget();
    }
}

/// An await that is over: of what has been done already.
#[pyclass(frozen, module = "gort._gort")]
struct Done;

pub fn done(py: Python<'_>) -> PyResult<Bound<'_, PyAny>> {
    Ok(Bound::new(py, Done)?.into_any())
}

#[pymethods]
impl Done {
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__(&self) -> Option<()> {
        None
    }
}

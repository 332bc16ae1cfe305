//! `Semaphore`: so many units, of which each takes some, in the order of coming; for tasks, threads and asyncio.
//!
//! It is core's semaphore in the object. It refers to nothing, so the collector has no business here; in a fork's child nothing of it is taken.

use crate::aio_later::{self, Later};
use crate::guard::guard;
use crate::{call, errors, lane};
use gort::sched::callback::Callback;
use gort::status::Status;
use gort::sync::semaphore::RawSemaphore;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// So many units, of which each takes some.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// As many as one asks for.
    fn units(&self, py: Python<'_>, n: i64) -> PyResult<u32> {
        let size = self.raw.size();
        if n > i64::from(size) {
            let what = format!("{n} units of a semaphore that has {size}");
            return Err(errors::detailed(py, Status::Limit, &what));
        }
        u32::try_from(n).map_err(|_| errors::invalid(py, &format!("n: {n} is negative")))
    }

    fn take(&self, py: Python<'_>, n: u32, timeout: Option<f64>) -> PyResult<()> {
        call::wait_within(
            py,
            timeout,
            || self.raw.try_acquire(n),
            |limits| self.raw.acquire(n, limits),
            || {
                let _ = self.raw.release(n); // ours
            },
        )
    }

    fn give(&self, py: Python<'_>, n: i64) -> PyResult<()> {
        // More than there are is more than are taken.
        let known = n <= i64::from(self.raw.size());
        match if known { self.raw.release(self.units(py, n)?) } else { Status::Misuse } {
            Status::Ok => Ok(()),
            Status::Misuse => Err(errors::misuse(py, "more units are released than are taken")),
            s => Err(errors::of(py, s)),
        }
    }

    fn take_async<'py>(slf: &Bound<'py, Self>, n: u32) -> PyResult<Bound<'py, PyAny>> {
        aio_later::wait_for(slf.py(), Acquiring { of: slf.clone().unbind(), n })
    }

    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.take(py, self.units(py, 1)?, None)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.give(py, 1)
    }

    fn enter_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Semaphore::take_async(slf, slf.get().units(slf.py(), 1)?)
    }
}

guard!(async Semaphore {
    #[new]
    fn new(py: Python<'_>, n: i64) -> PyResult<Semaphore> {
        lane::thread(py)?;
        match u32::try_from(n) {
            Ok(size) => Ok(Semaphore { raw: RawSemaphore::new(size) }),
            Err(_) => Err(errors::invalid(py, &format!("n: {n} is not between 0 and {}", u32::MAX))),
        }
    }

    /// Waits until `n` units are there and everybody who came before has had theirs, and takes them. `LimitExceeded` at once for more than there ever are.
    #[pyo3(signature = (n=1, timeout=None))]
    fn acquire(&self, py: Python<'_>, n: i64, timeout: Option<f64>) -> PyResult<()> {
        self.take(py, self.units(py, n)?, timeout)
    }

    /// Takes `n` units if they are there and nobody waits for any. Did it?
    #[pyo3(signature = (n=1))]
    fn try_acquire(&self, py: Python<'_>, n: i64) -> PyResult<bool> {
        match self.raw.try_acquire(self.units(py, n)?) {
            Status::Ok => Ok(true),
            Status::WouldBlock => Ok(false),
            s => Err(errors::of(py, s)),
        }
    }

    /// Gives `n` units back; anybody may.
    #[pyo3(signature = (n=1))]
    fn release(&self, py: Python<'_>, n: i64) -> PyResult<()> {
        self.give(py, n)
    }

    /// `acquire` for asyncio: to be awaited.
    #[pyo3(signature = (n=1))]
    fn acquire_async<'py>(slf: &Bound<'py, Self>, n: i64) -> PyResult<Bound<'py, PyAny>> {
        Semaphore::take_async(slf, slf.get().units(slf.py(), n)?)
    }

    /// How many units there are.
    #[getter]
    fn size(&self) -> u32 {
        self.raw.size()
    }

    /// How many are not taken. Others may take and release meanwhile.
    #[getter]
    fn available(&self) -> u32 {
        self.raw.free()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let raw = &slf.get().raw;
        format!("<gort.Semaphore {}/{} at {:p}>", raw.free(), raw.size(), slf.as_ptr())
    }
});

/// Units that are awaited.
struct Acquiring {
    of: Py<Semaphore>,
    n: u32,
}

impl Later for Acquiring {
    fn begin(&self, cb: &Callback) -> Status {
        // SAFETY: we hold the semaphore; the callback is the await's, and in no wait.
        unsafe { self.of.get().raw.acquire_later(self.n, cb) }
    }

    fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        self.of.get().raw.withdraw(cb)
    }

    fn had(&self) {
        self.of.get().raw.had_later()
    }

    fn undo(&self) {
        let _ = self.of.get().raw.release(self.n); // ours
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.of)
    }
}

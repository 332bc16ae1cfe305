//! `Mutex`: one holder at a time, for tasks, threads and asyncio.
//!
//! It is core's lock in the object: without contention one compare-and-swap, with the interpreter held. It refers to nothing, so the collector has no business here; in a fork's child it is free.

use crate::aio_later::{self, Later};
use crate::call::{self, Within};
use crate::guard::guard;
use crate::{errors, lane};
use gort::sched::callback::Callback;
use gort::sched::watch::Place;
use gort::status::Status;
use gort::sync::mutex::RawMutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// One holder at a time.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Mutex {
    pub raw: RawMutex,
}

/// Where a lock is asked for, while locks are watched.
pub const PLACE: Place = Place::Ask(|| Python::attach(|py| place(py).unwrap_or_else(|_| "Python".into())));

fn place(py: Python<'_>) -> PyResult<String> {
    let frame = py.import("sys")?.call_method1("_getframe", (0,))?;
    let code = frame.getattr("f_code")?;
    Ok(format!(
        "{}:{} ({})",
        code.getattr("co_filename")?.str()?,
        frame.getattr("f_lineno")?,
        code.getattr("co_name")?.str()?
    ))
}

impl Mutex {
    /// One that is not locked.
    pub fn create(py: Python<'_>) -> PyResult<Mutex> {
        lane::thread(py)?;
        Ok(Mutex { raw: RawMutex::new() })
    }

    #[inline(always)]
    pub fn acquire(&self, py: Python<'_>, within: Within) -> PyResult<()> {
        let plain = matches!(within, Within::Plain);
        call::wait_for(
            py,
            within,
            || self.raw.lock_first(PLACE),
            |limits| if plain { self.raw.lock_hosted(PLACE) } else { self.raw.lock_within_at(limits, PLACE) },
            || {
                let _ = self.raw.unlock(); // ours
            },
        )
    }

    #[inline(always)]
    pub fn release(&self, py: Python<'_>) -> PyResult<()> {
        match self.raw.unlock() {
            Status::Ok => Ok(()),
            Status::Misuse => Err(errors::misuse(py, "the mutex is not locked")),
            s => Err(errors::of(py, s)),
        }
    }

    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.acquire(py, Within::Plain)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py)
    }

    fn enter_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        aio_later::wait_for(slf.py(), Locking(slf.clone().unbind()))
    }
}

guard!(async Mutex {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Mutex> {
        Mutex::create(py)
    }

    /// Waits until it is free and locks it. Without a timeout only what a signal's handler raises ends the wait; with one, cancellation does too.
    #[pyo3(signature = (timeout=None))]
    fn lock(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        self.acquire(py, timeout.map_or(Within::Plain, |t| Within::Limits(Some(t))))
    }

    /// Locks it if it is free now. Did it?
    fn try_lock(&self, py: Python<'_>) -> PyResult<bool> {
        match self.raw.try_lock_at(PLACE) {
            Status::Ok => Ok(true),
            Status::WouldBlock => Ok(false),
            s => Err(errors::of(py, s)),
        }
    }

    /// Unlocks it; anybody may.
    fn unlock(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py)
    }

    /// Is it locked? Another may lock or unlock it meanwhile.
    fn locked(&self) -> bool {
        self.raw.is_locked()
    }

    /// `lock` for asyncio: to be awaited.
    fn lock_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Mutex::enter_async(slf)
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let state = if slf.get().raw.is_locked() { "locked" } else { "unlocked" };
        format!("<gort.Mutex {state} at {:p}>", slf.as_ptr())
    }
});

/// A mutex that is awaited.
struct Locking(Py<Mutex>);

impl Later for Locking {
    fn begin(&self, cb: &Callback) -> Status {
        // SAFETY: we hold the mutex; the callback is the await's, and in no wait.
        unsafe { self.0.get().raw.lock_later(cb, PLACE) }
    }

    fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        self.0.get().raw.withdraw(cb)
    }

    fn had(&self) {
        self.0.get().raw.had_later(PLACE)
    }

    fn undo(&self) {
        let _ = self.0.get().raw.unlock(); // ours
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.0)
    }
}

//! `RWMutex`: many readers or one writer, for tasks, threads and asyncio.
//!
//! It is core's lock in the object. It refers to nothing, so the collector has no business here; in a fork's child it is free.

use crate::aio_later::{self, Later};
use crate::call::{self, Within};
use crate::guard::guard;
use crate::{errors, lane};
use gort::sched::callback::Callback;
use gort::status::Status;
use gort::sync::rwmutex::RawRwMutex;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;

/// Many readers or one writer.
#[pyclass(frozen, module = "gort", weakref)]
pub struct RWMutex {
    raw: RawRwMutex,
}

/// What the lock is had for.
#[derive(Clone, Copy, PartialEq)]
enum For {
    Reading,
    Writing,
}
use For::*;

impl RWMutex {
    fn acquire(&self, py: Python<'_>, what: For, within: Within) -> PyResult<()> {
        let plain = matches!(within, Within::Plain);
        call::wait_for(
            py,
            within,
            || self.attempt(what),
            |limits| match (what, plain) {
                (Reading, true) => self.raw.rlock_hosted(),
                (Reading, false) => self.raw.rlock_within(limits),
                (Writing, true) => self.raw.lock_hosted(),
                (Writing, false) => self.raw.lock_within(limits),
            },
            || {
                let _ = self.give(what); // ours
            },
        )
    }

    fn attempt(&self, what: For) -> Status {
        match what {
            Reading => self.raw.try_rlock(),
            Writing => self.raw.try_lock(),
        }
    }

    fn try_acquire(&self, py: Python<'_>, what: For) -> PyResult<bool> {
        match self.attempt(what) {
            Status::Ok => Ok(true),
            Status::WouldBlock => Ok(false),
            s => Err(errors::of(py, s)),
        }
    }

    fn give(&self, what: For) -> Status {
        match what {
            Reading => self.raw.runlock(),
            Writing => self.raw.unlock(),
        }
    }

    fn release(&self, py: Python<'_>, what: For) -> PyResult<()> {
        match (self.give(what), what) {
            (Status::Ok, _) => Ok(()),
            (Status::Misuse, Reading) => Err(errors::misuse(py, "no reader has the lock")),
            (Status::Misuse, Writing) => Err(errors::misuse(py, "no writer has the lock")),
            (s, _) => Err(errors::of(py, s)),
        }
    }

    fn acquire_async<'py>(slf: &Bound<'py, Self>, what: For) -> PyResult<Bound<'py, PyAny>> {
        aio_later::wait_for(slf.py(), Locking { of: slf.clone().unbind(), what })
    }

    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.acquire(py, Writing, Within::Plain)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py, Writing)
    }

    fn enter_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        RWMutex::acquire_async(slf, Writing)
    }
}

/// What a call's `timeout=` makes of a lock: without one it is a plain one.
fn within(timeout: Option<f64>) -> Within {
    timeout.map_or(Within::Plain, |t| Within::Limits(Some(t)))
}

guard!(async RWMutex {
    #[new]
    fn new(py: Python<'_>) -> PyResult<RWMutex> {
        lane::thread(py)?;
        Ok(RWMutex { raw: RawRwMutex::new() })
    }

    /// Waits until no writer has it or waits for it, and locks it for reading, beside other readers. Without a timeout only what a signal's handler raises ends the wait; with one, cancellation does too.
    #[pyo3(signature = (timeout=None))]
    fn rlock(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        self.acquire(py, Reading, within(timeout))
    }

    /// Locks it for reading if no writer has it or waits for it. Did it?
    fn try_rlock(&self, py: Python<'_>) -> PyResult<bool> {
        self.try_acquire(py, Reading)
    }

    /// Unlocks what was locked for reading; anybody may.
    fn runlock(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py, Reading)
    }

    /// Waits until nobody has it and locks it for writing, alone. The rest as at `rlock`.
    #[pyo3(signature = (timeout=None))]
    fn lock(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<()> {
        self.acquire(py, Writing, within(timeout))
    }

    /// Locks it for writing if nobody has it. Did it?
    fn try_lock(&self, py: Python<'_>) -> PyResult<bool> {
        self.try_acquire(py, Writing)
    }

    /// Unlocks what was locked for writing; anybody may.
    fn unlock(&self, py: Python<'_>) -> PyResult<()> {
        self.release(py, Writing)
    }

    /// `rlock` for asyncio: to be awaited.
    fn rlock_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        RWMutex::acquire_async(slf, Reading)
    }

    /// `lock` for asyncio: to be awaited.
    fn lock_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        RWMutex::acquire_async(slf, Writing)
    }

    /// What a `with` block reads under: `with rw.reading(): ...`; `async with` too. (`with rw:` writes.)
    fn reading(slf: &Bound<'_, Self>) -> Reader {
        Reader { of: slf.clone().unbind() }
    }

    fn __repr__(slf: &Bound<'_, Self>) -> String {
        let state = match slf.get().raw.holders() {
            (_, true) => "a writer".into(),
            (0, _) => "unlocked".into(),
            (1, _) => "1 reader".into(),
            (n, _) => format!("{n} readers"),
        };
        format!("<gort.RWMutex {state} at {:p}>", slf.as_ptr())
    }
});

/// The lock as a reader sees it. It may be used again, and by several at once.
#[pyclass(frozen, module = "gort._gort", name = "_Reading")]
pub struct Reader {
    of: Py<RWMutex>,
}

impl Reader {
    fn enter(&self, py: Python<'_>) -> PyResult<()> {
        self.of.get().acquire(py, Reading, Within::Plain)
    }

    fn leave(&self, py: Python<'_>) -> PyResult<()> {
        self.of.get().release(py, Reading)
    }

    fn enter_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        RWMutex::acquire_async(slf.get().of.bind(slf.py()), Reading)
    }
}

guard!(async Reader {});

/// A lock that is awaited.
struct Locking {
    of: Py<RWMutex>,
    what: For,
}

impl Later for Locking {
    fn begin(&self, cb: &Callback) -> Status {
        let raw = &self.of.get().raw;
        // SAFETY: we hold the lock's object; the callback is the await's, and in no wait.
        unsafe {
            match self.what {
                Reading => raw.rlock_later(cb),
                Writing => raw.lock_later(cb),
            }
        }
    }

    fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        self.of.get().raw.withdraw(cb)
    }

    fn had(&self) {
        self.of.get().raw.had_later(self.what == Writing)
    }

    fn undo(&self) {
        let _ = self.of.get().give(self.what); // ours
    }

    fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.of)
    }
}

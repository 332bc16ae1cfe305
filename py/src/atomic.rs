//! `AtomicInt` and `AtomicRef`: one number, one reference, that threads change without a lock of their own.
//!
//! AT1  The reference in a `Place` is owned. It is exchanged under the place's lock, which guards a load and a count up and nothing that can run Python (P1); what was there is given up after it. With
//!      the GIL the lock is never found held; without it, a collector that has stopped a thread within finds the lock held and leaves the place out (what is not visited is kept).
//! AT2  Comparing is by identity.

use crate::decref;
use gort::sys::lock::ByteLock;
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::ptr::null_mut;
use std::sync::atomic::{AtomicI64, Ordering::*};

/// Where a reference stands that is exchanged (AT1); null: gone.
pub struct Place {
    lock: ByteLock,
    at: Cell<*mut PyObject>,
}

// SAFETY: the cell is guarded by the lock; references are counted by attached threads.
unsafe impl Send for Place {}
// SAFETY: as above.
unsafe impl Sync for Place {}

impl Place {
    pub fn new(o: Py<PyAny>) -> Place {
        Place { lock: ByteLock::new(), at: Cell::new(o.into_ptr()) }
    }

    /// Another reference to what is there; None: it is gone.
    pub fn load(&self, py: Python<'_>) -> Option<Py<PyAny>> {
        // SAFETY: what is there is owned by the place and stays so under the lock; null is allowed.
        self.lock.with(|| unsafe { Bound::from_borrowed_ptr_or_opt(py, self.at.get()) }).map(Bound::unbind)
    }

    /// Is it gone?
    pub fn is_empty(&self) -> bool {
        self.lock.with(|| self.at.get().is_null())
    }

    /// Exchanges it if `may` says so of the reference that is there, which is borrowed under the lock and not to be used; what was there. The new one comes back if it was not put in.
    pub fn exchange(
        &self,
        py: Python<'_>,
        new: Option<Py<PyAny>>,
        may: impl FnOnce(*mut PyObject) -> bool,
    ) -> Result<Option<Py<PyAny>>, Option<Py<PyAny>>> {
        let to = new.map_or(null_mut(), Py::into_ptr);
        let old = self.lock.with(|| may(self.at.get()).then(|| self.at.replace(to)));
        // SAFETY: what was there was the place's and is the caller's now; what was not put in is still the caller's.
        unsafe {
            match old {
                Some(old) => Ok(Bound::from_owned_ptr_or_opt(py, old).map(Bound::unbind)),
                None => Err(Bound::from_owned_ptr_or_opt(py, to).map(Bound::unbind)),
            }
        }
    }

    /// For the collector.
    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !self.lock.try_lock() {
            return Ok(());
        }
        let o = self.at.get();
        // SAFETY: locked just now.
        unsafe { self.lock.unlock() };
        visit_ptr(visit, o)
    }
}

/// Visits a reference that somebody owns; null is allowed.
pub fn visit_ptr(visit: &PyVisit<'_>, o: *mut PyObject) -> Result<(), PyTraverseError> {
    if o.is_null() {
        return Ok(());
    }
    // SAFETY: the reference is its owner's; it is only looked at, and not counted.
    let o = ManuallyDrop::new(unsafe { Bound::from_owned_ptr(Python::assume_attached(), o).unbind() });
    visit.call(&*o)
}

impl Drop for Place {
    fn drop(&mut self) {
        let o = self.at.get();
        if !o.is_null() {
            // SAFETY: the place's own reference.
            unsafe { decref::drop_object(o) }
        }
    }
}

/// An integer of 64 bits. It wraps around, as Go's do; an argument beyond 64 bits raises OverflowError.
#[pyclass(frozen, module = "gort", weakref)]
pub struct AtomicInt(AtomicI64);

#[pymethods]
impl AtomicInt {
    #[new]
    #[pyo3(signature = (value=0, /))]
    fn new(value: i64) -> AtomicInt {
        AtomicInt(AtomicI64::new(value))
    }

    fn load(&self) -> i64 {
        self.0.load(SeqCst)
    }

    fn store(&self, value: i64) {
        self.0.store(value, SeqCst)
    }

    /// Adds `n`; the new value.
    #[pyo3(signature = (n=1, /))]
    fn add(&self, n: i64) -> i64 {
        self.0.fetch_add(n, SeqCst).wrapping_add(n)
    }

    /// Sets it; the old value.
    fn swap(&self, value: i64) -> i64 {
        self.0.swap(value, SeqCst)
    }

    /// Sets it to `new` if it is `old`; was it?
    fn compare_and_swap(&self, old: i64, new: i64) -> bool {
        self.0.compare_exchange(old, new, SeqCst, SeqCst).is_ok()
    }

    /// Keeps the bits of `mask`; the old value.
    fn and_(&self, mask: i64) -> i64 {
        self.0.fetch_and(mask, SeqCst)
    }

    /// Sets the bits of `mask`; the old value.
    fn or_(&self, mask: i64) -> i64 {
        self.0.fetch_or(mask, SeqCst)
    }

    fn __int__(&self) -> i64 {
        self.load()
    }

    fn __repr__(&self) -> String {
        format!("AtomicInt({})", self.load())
    }
}

/// A reference to any object. Compared by identity.
#[pyclass(frozen, module = "gort", weakref, generic)]
pub struct AtomicRef(Place);

#[pymethods]
impl AtomicRef {
    #[new]
    #[pyo3(signature = (value=None, /))]
    fn new(py: Python<'_>, value: Option<Py<PyAny>>) -> AtomicRef {
        AtomicRef(Place::new(value.unwrap_or_else(|| py.None())))
    }

    fn load(&self, py: Python<'_>) -> Py<PyAny> {
        self.0.load(py).unwrap_or_else(|| py.None())
    }

    fn store(&self, py: Python<'_>, value: Py<PyAny>) {
        drop(self.0.exchange(py, Some(value), |_| true))
    }

    /// Sets it; what it was.
    fn swap(&self, py: Python<'_>, value: Py<PyAny>) -> Py<PyAny> {
        self.0.exchange(py, Some(value), |_| true).ok().flatten().unwrap_or_else(|| py.None())
    }

    /// Sets it to `new` if it is `old`, the same object; was it?
    fn compare_and_swap(&self, py: Python<'_>, old: Py<PyAny>, new: Py<PyAny>) -> bool {
        self.0.exchange(py, Some(new), |at| at == old.as_ptr()).is_ok()
    }

    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let value = slf.get().load(slf.py());
        Ok(format!("AtomicRef({})", value.bind(slf.py()).repr()?))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.traverse(&visit)
    }

    fn __clear__(&self) {
        // SAFETY: the collector runs attached.
        let py = unsafe { Python::assume_attached() };
        // An object that is still asked, by a finalizer, has None.
        drop(self.0.exchange(py, Some(py.None()), |_| true))
    }
}

/// The objects of a comparison, which may run any code; `None` for an error, which is kept.
pub fn equal(py: Python<'_>, a: *mut PyObject, b: *mut PyObject, error: &Cell<Option<PyErr>>) -> bool {
    // SAFETY: both are alive: the caller owns them, or holds what owns them.
    match unsafe { ffi::PyObject_RichCompareBool(a, b, ffi::Py_EQ) } {
        1 => true,
        0 => false,
        _ => {
            error.set(Some(PyErr::fetch(py)));
            false
        }
    }
}

//! `Map`: core's concurrent map with objects as keys and values.
//!
//! PM1  Keys are hashed before anything else, and compared (`__eq__`, any code) while no lock is held: core searches without one. An exception of a comparison ends the call, and nothing is changed.
//! PM2  A value stands in a `Place` of its entry, which is exchanged in place and emptied by who deletes the key: so the object that was there is given up by the call that replaced or deleted it, and
//!      not when the entry's memory is. (A key that was deleted goes with that memory: after some more changes, or with the map.)
//! PM3  A place that is empty is a key that is gone: whoever emptied it unlinks the entry; a store that finds it first puts its own entry into the same slot.
//! PM4  The collector walks the tables without a lock: with the GIL nobody is in the middle of a change, and without it every thread has been stopped. What is unlinked is not visited, so it is kept.
//!
//! A comparison that parks its task keeps core's epoch where it is until it goes on (`sched/epoch.rs` E1; the task is bound to its thread): memory is given back late then.
//!
//! Rejected: a dict and locks (a dict has no conditional delete, and its `__eq__` would run under the lock that makes one of two steps).

use crate::atomic::{Place, equal, visit_ptr};
use crate::{decref, errors};
use gort::sync::map::by_hash::ByHash;
use pyo3::ffi::PyObject;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyList, PyTuple};
use std::cell::Cell;

/// A key: an owned reference and its hash, which is compared first.
struct Key {
    hash: isize,
    at: *mut PyObject,
}

// SAFETY: a counted reference, which is given up by way of `decref`, on any thread.
unsafe impl Send for Key {}
// SAFETY: as above.
unsafe impl Sync for Key {}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: the key's own reference.
        unsafe { decref::drop_object(self.at) }
    }
}

/// A hash for core, whose every bit counts: Python's of a small int is the int.
fn spread(hash: isize) -> u64 {
    let p = (hash as u64 ^ 0xbb67_ae85_84ca_a73b) as u128 * 0x6a09_e667_f3bc_c909_u128;
    (p as u64) ^ (p >> 64) as u64
}

/// Where an entry's key stands: compared, never followed.
fn address(k: &Key) -> usize {
    std::ptr::from_ref(k).addr()
}

/// What one call looks for.
struct Wanted<'a, 'py> {
    key: &'a Bound<'py, PyAny>,
    hash: isize,
    error: Cell<Option<PyErr>>,
}

impl<'a, 'py> Wanted<'a, 'py> {
    fn new(key: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        Ok(Wanted { key, hash: key.hash()?, error: Cell::new(None) })
    }

    fn spread(&self) -> u64 {
        spread(self.hash)
    }

    fn is(&self, k: &Key) -> bool {
        k.hash == self.hash
            && (k.at == self.key.as_ptr()
                || (!self.failed() && equal(self.key.py(), k.at, self.key.as_ptr(), &self.error)))
    }

    fn failed(&self) -> bool {
        let e = self.error.take();
        let failed = e.is_some();
        self.error.set(e);
        failed
    }

    /// The end of a search: a comparison may have raised.
    fn done<T>(&self, found: T) -> PyResult<T> {
        self.error.take().map_or(Ok(found), Err)
    }

    fn owned(&self) -> Key {
        Key { hash: self.hash, at: self.key.clone().into_ptr() }
    }
}

/// A map that tasks and threads use at the same time.
#[pyclass(frozen, module = "gort", weakref, generic)]
pub struct Map(ByHash<Key, Place>);

impl Map {
    /// What `f` makes of the place of a key.
    fn at<R>(&self, w: &Wanted<'_, '_>, f: impl FnOnce(&Place) -> R) -> PyResult<Option<R>> {
        let found = self.0.find(w.spread(), |k| w.is(k), f);
        w.done(found)
    }

    fn load_of(&self, py: Python<'_>, w: &Wanted<'_, '_>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.at(w, |p| p.load(py))?.flatten())
    }

    /// Puts a value in under a key that has none. False: it has one by now.
    fn put_new(&self, w: &Wanted<'_, '_>, py: Python<'_>, value: &Py<PyAny>) -> PyResult<bool> {
        // The place of a key that is gone is empty (PM3), and an error puts nothing in (PM1).
        let keep = |there: Option<&Place>| w.failed() || there.is_some_and(|p| !p.is_empty());
        let put = self.0.put(w.spread(), |k| w.is(k), w.owned(), Place::new(value.clone_ref(py)), keep);
        w.done(put)?.map_err(|s| errors::of(py, s))
    }

    /// Exchanges the value of a key that has one.
    fn replace(&self, py: Python<'_>, w: &Wanted<'_, '_>, value: &Py<PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let value = value.clone_ref(py);
        Ok(self.at(w, |p| p.exchange(py, Some(value), |at| !at.is_null()))?.and_then(Result::ok).flatten())
    }

    fn set(&self, py: Python<'_>, w: &Wanted<'_, '_>, value: Py<PyAny>) -> PyResult<Option<Py<PyAny>>> {
        loop {
            if let Some(old) = self.replace(py, w, &value)? {
                return Ok(Some(old));
            }
            if self.put_new(w, py, &value)? {
                return Ok(None);
            }
        }
    }

    /// Unlinks the entry whose key stands at this address, if its place is empty. (By then it may be another's, or nobody's: then that one's place says so.)
    fn unlink(&self, hash: isize, key: usize) {
        self.0.remove(spread(hash), |k| address(k) == key, Place::is_empty);
    }

    /// Empties the place of a key if `may` says so of what is in it, and unlinks the entry.
    fn take(
        &self,
        py: Python<'_>,
        w: &Wanted<'_, '_>,
        may: impl FnOnce(*mut PyObject) -> bool,
    ) -> PyResult<Option<Py<PyAny>>> {
        let seen = Cell::new(0);
        let taken = self.0.find(
            w.spread(),
            |k| {
                seen.set(address(k));
                w.is(k)
            },
            |p| p.exchange(py, None, |at| !at.is_null() && may(at)),
        );
        let taken = w.done(taken)?.and_then(Result::ok).flatten();
        if taken.is_some() {
            self.unlink(w.hash, seen.get())
        }
        Ok(taken)
    }

    /// Is the value of the key equal to `old`? The very object that was compared.
    fn compared(&self, py: Python<'_>, w: &Wanted<'_, '_>, old: &Py<PyAny>) -> PyResult<Option<Py<PyAny>>> {
        let Some(there) = self.load_of(py, w)? else { return Ok(None) };
        let same = equal(py, there.as_ptr(), old.as_ptr(), &w.error);
        w.done(same.then_some(there))
    }
}

#[pymethods]
impl Map {
    #[new]
    #[pyo3(signature = (items=None, /))]
    fn new(py: Python<'_>, items: Option<Bound<'_, PyAny>>) -> PyResult<Map> {
        crate::lane::thread(py)?;
        let map = Map(ByHash::new());
        if let Some(items) = items {
            let pairs = if items.hasattr("items")? { items.call_method0("items")? } else { items };
            for pair in pairs.try_iter()? {
                let (k, v): (Bound<'_, PyAny>, Py<PyAny>) = pair?.extract()?;
                map.store(&k, v)?;
            }
        }
        Ok(map)
    }

    /// The value of a key, or `default`.
    #[pyo3(signature = (key, default=None))]
    fn load(&self, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.load_of(key.py(), &Wanted::new(key)?)?.or(default))
    }

    /// Sets the value of a key.
    fn store(&self, key: &Bound<'_, PyAny>, value: Py<PyAny>) -> PyResult<()> {
        self.set(key.py(), &Wanted::new(key)?, value).map(drop)
    }

    /// Sets the value of a key; the one it had, or `default`.
    #[pyo3(signature = (key, value, default=None))]
    fn swap(
        &self,
        key: &Bound<'_, PyAny>,
        value: Py<PyAny>,
        default: Option<Py<PyAny>>,
    ) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.set(key.py(), &Wanted::new(key)?, value)?.or(default))
    }

    /// The value of a key and True; or, if it has none, sets it: the value given and False.
    fn load_or_store<'py>(&self, key: &Bound<'py, PyAny>, value: Py<PyAny>) -> PyResult<(Py<PyAny>, bool)> {
        let (py, w) = (key.py(), Wanted::new(key)?);
        loop {
            if let Some(there) = self.load_of(py, &w)? {
                return Ok((there, true));
            }
            if self.put_new(&w, py, &value)? {
                return Ok((value, false));
            }
        }
    }

    /// Removes a key; its value, or `default`.
    #[pyo3(signature = (key, default=None))]
    fn load_and_delete(&self, key: &Bound<'_, PyAny>, default: Option<Py<PyAny>>) -> PyResult<Option<Py<PyAny>>> {
        Ok(self.take(key.py(), &Wanted::new(key)?, |_| true)?.or(default))
    }

    /// Removes a key; was it there?
    fn delete(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.take(key.py(), &Wanted::new(key)?, |_| true)?.is_some())
    }

    /// Sets the value of a key if it is equal to `old`; was it?
    fn compare_and_swap(&self, key: &Bound<'_, PyAny>, old: Py<PyAny>, new: Py<PyAny>) -> PyResult<bool> {
        let (py, w) = (key.py(), Wanted::new(key)?);
        while let Some(there) = self.compared(py, &w, &old)? {
            let new = new.clone_ref(py);
            if self.at(&w, |p| p.exchange(py, Some(new), |at| at == there.as_ptr()))?.is_some_and(|r| r.is_ok()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Removes a key if its value is equal to `old`; was it?
    fn compare_and_delete(&self, key: &Bound<'_, PyAny>, old: Py<PyAny>) -> PyResult<bool> {
        let (py, w) = (key.py(), Wanted::new(key)?);
        while let Some(there) = self.compared(py, &w, &old)? {
            if self.take(py, &w, |at| at == there.as_ptr())?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Keys and values, as a list: a part of the map at a time, each key once.
    fn items<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let all = PyList::empty(py);
        for part in 0..self.0.parts() {
            self.part(py, part, |pair| all.append(pair).map(|()| true))?;
        }
        Ok(all)
    }

    /// Calls `function(key, value)` for each key until it returns False.
    fn range(&self, py: Python<'_>, function: Bound<'_, PyAny>) -> PyResult<()> {
        for part in 0..self.0.parts() {
            let goes_on = self.part(py, part, |pair| {
                let said = function.call1(pair)?;
                Ok(said.is_none() || said.is_truthy()?)
            })?;
            if !goes_on {
                break;
            }
        }
        Ok(())
    }

    /// Removes every key, one after the other.
    fn clear(&self, py: Python<'_>) {
        for part in 0..self.0.parts() {
            let gone = self.0.part(part, |k, p| (k.hash, address(k), p.exchange(py, None, |_| true)));
            for (hash, key, taken) in gone {
                self.unlink(hash, key);
                drop(taken)
            }
        }
        self.0.collect();
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        Ok(self.load_of(key.py(), &Wanted::new(key)?)?.is_some())
    }

    fn __repr__(&self) -> String {
        format!("<gort.Map of {}>", self.0.len())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        let mut ended = Ok(());
        self.0.each(|k, p| {
            if ended.is_ok() {
                ended = visit_ptr(&visit, k.at).and_then(|()| p.traverse(&visit))
            }
        });
        ended
    }

    fn __clear__(&self) {
        // SAFETY: the collector runs attached.
        self.clear(unsafe { Python::assume_attached() })
    }
}

impl Map {
    /// Calls `f` with the pairs of a part, as they were at one moment, until it says false.
    fn part<'py>(
        &self,
        py: Python<'py>,
        part: usize,
        mut f: impl FnMut(Bound<'py, PyTuple>) -> PyResult<bool>,
    ) -> PyResult<bool> {
        let pairs = self.0.part(part, |k, p| {
            // SAFETY: the entry, and its key with it, is kept while this runs.
            p.load(py).map(|v| (unsafe { Bound::from_borrowed_ptr(py, k.at) }, v))
        });
        for (k, v) in pairs.into_iter().flatten() {
            if !f(PyTuple::new(py, [k, v.into_bound(py)])?)? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

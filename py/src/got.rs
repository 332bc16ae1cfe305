//! `Got(index, value)`: what a select came to. A named tuple of the package (`_got.py`), made here without a call of Python.
//!
//! `.ok` is the class's: a case that ended because its channel is closed gives the subclass in which it is False. So the tuple holds two items and no more, and `case (0, value):` fits.

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyTuple, PyType};
use std::ffi::c_void;

struct Classes {
    open: Py<PyType>,
    closed: Py<PyType>,
    /// tuple's `__new__`.
    new: ffi::newfunc,
    /// The allocator of a subclass of tuple, where nothing but the items is left to be set in what it gives (from 3.14 on a tuple has more).
    alloc: Option<ffi::allocfunc>,
}

static CLASSES: PyOnceLock<Classes> = PyOnceLock::new();

fn classes(py: Python<'_>) -> PyResult<&Classes> {
    CLASSES.get_or_try_init(py, || load(py))
}

#[cold]
fn load(py: Python<'_>) -> PyResult<Classes> {
    let m = py.import("gort._got")?;
    let open = m.getattr("Got")?.cast_into::<PyType>()?;
    let closed = m.getattr("GotClosed")?.cast_into::<PyType>()?;
    // SAFETY: attached; the slot of a type is a function of the slot's kind, or null. Those of a tuple are not.
    let (new, alloc) = unsafe {
        let tuple = py.get_type::<PyTuple>();
        (
            std::mem::transmute::<*mut c_void, ffi::newfunc>(ffi::PyType_GetSlot(tuple.as_type_ptr(), ffi::Py_tp_new)),
            std::mem::transmute::<*mut c_void, Option<ffi::allocfunc>>(ffi::PyType_GetSlot(
                open.as_type_ptr(),
                ffi::Py_tp_alloc,
            )),
        )
    };
    let mut c = Classes { open: open.unbind(), closed: closed.unbind(), new, alloc };
    let plain = PyTuple::new(py, [1, 2])?.hash()?;
    if c.make(py, true, 1, 2i64.into_pyobject(py)?.into_any())?.hash()? != plain {
        c.alloc = None;
    }
    Ok(c)
}

impl Classes {
    #[inline(always)]
    fn make<'py>(
        &self,
        py: Python<'py>,
        ok: bool,
        index: isize,
        value: Bound<'py, PyAny>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let class = if ok { &self.open } else { &self.closed };
        // SAFETY: attached; a fresh tuple of two items, which is ours alone until it is returned; each SetItem takes a reference over.
        unsafe {
            let t = match self.alloc {
                Some(alloc) => alloc(class.as_ptr().cast(), 2),
                None => ffi::PyTuple_New(2),
            };
            let t = Bound::from_owned_ptr_or_err(py, t)?;
            let i = ffi::PyLong_FromSsize_t(index);
            if i.is_null()
                || ffi::PyTuple_SetItem(t.as_ptr(), 0, i) != 0
                || ffi::PyTuple_SetItem(t.as_ptr(), 1, value.into_ptr()) != 0
            {
                return Err(PyErr::fetch(py));
            }
            if self.alloc.is_some() {
                return Ok(t);
            }
            let args = PyTuple::new(py, [t])?;
            Bound::from_owned_ptr_or_err(py, (self.new)(class.as_ptr().cast(), args.as_ptr(), std::ptr::null_mut()))
        }
    }
}

/// `Got(index, value)`; `ok` false: the channel of the case is closed.
#[inline]
pub fn make<'py>(py: Python<'py>, index: isize, value: Bound<'py, PyAny>, ok: bool) -> PyResult<Bound<'py, PyAny>> {
    classes(py)?.make(py, ok, index, value)
}

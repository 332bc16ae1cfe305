//! Whole buffers into and out of a channel of a C kind, without an object an element.
//!
//! The exporter's memory may be freed or moved only after its view is released, and a parked greenlet's stack is copied away; so the `Py_buffer` lives on the heap, and elements travel
//! through the task's own slot when the task has to wait (chan.rs N2).

use crate::call::Limits;
use crate::chan::{Channel, Got, Limit, sent};
use crate::elem::{Code, Kind};
use crate::errors;
use gort::chan::batch;
use gort::status::Status;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use std::ffi::{c_char, c_int, c_void};

// The buffer protocol is in the stable ABI since Python 3.11, and has been the same since 3.0.
#[repr(C)]
struct PyBuffer {
    buf: *mut c_void,
    obj: *mut PyObject,
    len: isize,
    itemsize: isize,
    readonly: c_int,
    ndim: c_int,
    format: *const c_char,
    shape: *mut isize,
    strides: *mut isize,
    suboffsets: *mut isize,
    internal: *mut c_void,
}

const WRITABLE: c_int = 0x1;
const FORMAT: c_int = 0x4;
const C_CONTIGUOUS: c_int = 0x20 | 0x10 | 0x8;

unsafe extern "C" {
    fn PyObject_GetBuffer(o: *mut PyObject, view: *mut PyBuffer, flags: c_int) -> c_int;
    fn PyBuffer_Release(view: *mut PyBuffer);
}

/// A contiguous view of a buffer.
struct View(Box<PyBuffer>);

impl View {
    fn of(data: &Bound<'_, PyAny>, writable: bool, code: Code) -> PyResult<View> {
        let py = data.py();
        // SAFETY: all zero is an empty view.
        let mut b: Box<PyBuffer> = Box::new(unsafe { std::mem::zeroed() });
        let flags = FORMAT | C_CONTIGUOUS | if writable { WRITABLE } else { 0 };
        // SAFETY: attached; the view is released in `drop`.
        if unsafe { PyObject_GetBuffer(data.as_ptr(), &mut *b, flags) } != 0 {
            return Err(PyErr::fetch(py));
        }
        let view = View(b);
        let format = if view.0.format.is_null() {
            String::new()
        } else {
            // SAFETY: a C string of the exporter, valid while the view is held.
            unsafe { std::ffi::CStr::from_ptr(view.0.format) }.to_string_lossy().into_owned()
        };
        // Bytes may hold elements of any kind.
        let bytes =
            matches!(format.as_str(), "" | "B" | "b" | "c") && (view.0.len as usize).is_multiple_of(code.size());
        if bytes || Code::of_format(&format).is_some_and(|c| c.is_like(code)) {
            return Ok(view);
        }
        Err(errors::invalid(py, &format!("data: items of {format:?} do not fit into a channel of {:?}", code.name())))
    }
}

impl Drop for View {
    fn drop(&mut self) {
        // SAFETY: attached: views live in calls from Python only.
        unsafe { PyBuffer_Release(&mut *self.0) }
    }
}

fn code_of(py: Python<'_>, ch: &Channel) -> PyResult<Code> {
    match ch.kind() {
        Kind::Fixed(c) => Ok(c),
        Kind::Object => Err(errors::invalid(py, "buffers need a channel of a fixed kind: Channel.of(\"q\", n)")),
    }
}

/// See `Channel.send_from`.
pub fn send_from(ch: &Channel, data: &Bound<'_, PyAny>, limits: Limits<'_>) -> PyResult<usize> {
    let py = data.py();
    let code = code_of(py, ch)?;
    let view = View::of(data, false, code)?;
    let (at, size) = (view.0.buf.cast::<u8>().cast_const(), code.size());
    let n = view.0.len as usize / size;
    let limit = Limit::of(limits);
    let mut i = 0;
    while i < n {
        // SAFETY: the view has `n` elements.
        let (went, status) = unsafe { batch::try_send_n(ch.raw(), at.add(i * size), n - i) };
        i += went;
        match status {
            Status::Ok => {}
            Status::WouldBlock => {
                let mut word = 0u64;
                // SAFETY: as above, and the word has room for one.
                unsafe { std::ptr::copy_nonoverlapping(at.add(i * size), (&raw mut word).cast(), size) };
                ch.send_word(py, word, limit.left()).map_err(|e| sent(py, e, i))?;
                i += 1;
            }
            s => return Err(sent(py, errors::of(py, s), i)),
        }
    }
    Ok(n)
}

/// See `Channel.recv_into`.
pub fn recv_into(ch: &Channel, data: &Bound<'_, PyAny>, limits: Limits<'_>) -> PyResult<usize> {
    let py = data.py();
    let code = code_of(py, ch)?;
    let view = View::of(data, true, code)?;
    let (at, size) = (view.0.buf.cast::<u8>(), code.size());
    let n = view.0.len as usize / size;
    if n == 0 {
        return Ok(0);
    }
    // SAFETY: the view has room for `n` elements.
    let (mut got, status) = unsafe { batch::try_recv_n(ch.raw(), at, n) };
    if got == 0 {
        match status {
            Status::Closed => return Ok(0),
            Status::Ok | Status::WouldBlock => {}
            s => return Err(errors::of(py, s)),
        }
        let Got::Word(w) = ch.recv_word(py, limits)? else { return Ok(0) };
        // SAFETY: as above.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const w).cast(), at, size);
            got = 1;
            got += batch::try_recv_n(ch.raw(), at.add(size), n - 1).0;
        }
    }
    Ok(got)
}

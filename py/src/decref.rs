//! Objects whose last gort reference went on a thread that does not hold the interpreter (P2): they wait here, and the hub of a Python worker, or the interpreter's main thread, drops them.
//! Native threads never attach. Once the interpreter is ending they are leaked.

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::*};

struct Owned(*mut PyObject);
// SAFETY: a counted reference; it is only given up, on an attached thread.
unsafe impl Send for Owned {}

static WAITING: AtomicBool = AtomicBool::new(false);
static QUEUE: Mutex<Vec<Owned>> = Mutex::new(Vec::new());
static ENDED: AtomicBool = AtomicBool::new(false);
static FINALIZING: AtomicBool = AtomicBool::new(false);

/// Is something to be dropped?
#[inline(always)]
pub fn is_waiting() -> bool {
    WAITING.load(Relaxed)
}

/// The interpreter is ending: nothing is dropped any more.
pub fn finalize() {
    FINALIZING.store(true, SeqCst)
}

/// Has `finalize` been called?
pub fn is_finalizing() -> bool {
    FINALIZING.load(SeqCst)
}

/// The interpreter may be gone at any moment: whoever comes back from a wait must not attach any more (P3). Never returns then.
pub fn stop_here_if_ended() {
    while ENDED.load(SeqCst) {
        // SAFETY: waits for a signal.
        unsafe { libc::pause() };
    }
}

/// From now on nobody attaches.
pub fn end() {
    ENDED.store(true, SeqCst)
}

/// Gives up a reference, from any thread.
///
/// # Safety
/// The reference is the caller's.
pub unsafe fn drop_object(o: *mut PyObject) {
    if is_finalizing() {
        return;
    }
    if crate::lane::is_attached() {
        // SAFETY: attached, and the reference is ours.
        return unsafe { ffi::Py_DECREF(o) };
    }
    let mut q = match QUEUE.lock() {
        Ok(q) => q,
        Err(p) => p.into_inner(),
    };
    q.push(Owned(o));
    drop(q);
    if !WAITING.swap(true, AcqRel) {
        // SAFETY: may be called without the interpreter; the function takes no argument.
        unsafe { ffi::Py_AddPendingCall(Some(pending), std::ptr::null_mut()) };
    }
}

extern "C" fn pending(_: *mut c_void) -> c_int {
    // SAFETY: pending calls run attached.
    drain(unsafe { Python::assume_attached() });
    0
}

/// Drops what waits. Runs code of the user (`__del__`); no lock is held.
pub fn drain(_: Python<'_>) {
    if !WAITING.swap(false, AcqRel) {
        return;
    }
    let list = match QUEUE.lock() {
        Ok(mut q) => std::mem::take(&mut *q),
        Err(p) => std::mem::take(&mut *p.into_inner()),
    };
    for o in list {
        // SAFETY: attached, and the reference was given to us.
        unsafe { ffi::Py_DECREF(o.0) }
    }
}

/// The drop function of a channel of objects.
pub unsafe extern "C" fn drop_element(at: *mut c_void) {
    // SAFETY: the channel gives us an element that it owned.
    unsafe { drop_object(*at.cast::<*mut PyObject>()) }
}

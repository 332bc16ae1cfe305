//! `Context`: what a piece of work is told about its end (core's `flow/context`), with values and causes that are objects.
//!
//! V1  Values are Python's own: the objects hold their parents, and a value is looked for from the object upwards, the nearest first, by `is` or `==`. So the collector sees them. One with a
//!     value shares its parent's context of core, and cannot be cancelled by itself.
//! V2  A cause is an object or a text. In core it is a text that holds the object, which is dropped like any that goes without the interpreter (P2).
//! V3  The ambient context is a context variable's value: it follows tasks, threads' contexts and `copy_context()`, and a task has that of whoever started it. It is looked at only once
//!     somebody has set one (`AMBIENT`), so programs without pay a load.
//! V4  A call within several contexts waits within a merge of them, which it gives up when it is over.
//! V5  What `after_func` hangs up holds a prepared task, which whoever ends the context starts, on whatever thread, without the interpreter. Where tasks are threads that cannot be: a task
//!     waits (`gort/_context.py`).

use crate::call::{Caller, Limits};
use crate::chan::Channel;
use crate::task::{drop_prepared, prepare};
use crate::{decref, errors, lane, threads, timer, workers};
use gort::chan::raw as chan;
use gort::flow::context::raw::{self, RawContext, Text};
use gort::sched::task::{Entry, SpawnOptions};
use gort::sched::{self, Time};
use gort::status::Status;
use gort::wait::cancel::Hook;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyDict, PyString, PyTuple};
use std::ffi::CString;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::*};

/// A handle of core's, with a reference.
struct Handle(NonNull<RawContext>);

// SAFETY: a slab handle, whose every use is through its locks.
unsafe impl Send for Handle {}
// SAFETY: as above.
unsafe impl Sync for Handle {}

impl Handle {
    fn raw(&self) -> *const RawContext {
        self.0.as_ptr()
    }

    /// The same context once more.
    fn share(&self) -> Result<Handle, Status> {
        // SAFETY: our handle.
        unsafe { raw::retain(self.raw()) }.ok().map(|()| Handle(self.0))
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // SAFETY: our reference, given up once; nobody waits with it, for whoever waits holds the object.
        let _ = unsafe { raw::release(self.raw()) };
    }
}

/// A context that blocking calls wait within.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Context {
    raw: Handle,
    /// V1: the parent, and the second of a merge.
    parents: [Option<Py<Context>>; 2],
    value: Option<(Py<PyAny>, Py<PyAny>)>,
    done: PyOnceLock<Option<Py<Channel>>>,
}

/// An object of a cause (V2).
struct Held(*mut ffi::PyObject);

// SAFETY: a counted reference, looked at and given up on attached threads only, or through the queue.
unsafe impl Send for Held {}
// SAFETY: as above.
unsafe impl Sync for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: our reference, given up once.
        unsafe { decref::drop_object(self.0) }
    }
}

/// A cause of Python's, for core.
fn cause_of(cause: Option<&Bound<'_, PyAny>>) -> PyResult<Option<raw::Cause>> {
    let Some(object) = cause.filter(|c| !c.is_none()) else { return Ok(None) };
    if !object.is_instance_of::<PyString>() && !object.is_instance_of::<pyo3::exceptions::PyBaseException>() {
        let name = object.get_type().name()?;
        return Err(PyTypeError::new_err(format!("gort: a cause is an exception or a text, not {name}")));
    }
    let text = CString::new(object.str()?.to_string_lossy().replace('\0', " ")).unwrap_or_default();
    Ok(Some(Arc::new(Text { text, with: Some(Box::new(Held(object.clone().into_ptr()))) })))
}

/// What a context that has ended raises in whoever waits within it.
pub fn error(py: Python<'_>, ctx: &RawContext, status: Status) -> PyErr {
    let how = if status == Status::TimedOut { "the context's deadline passed" } else { "the context was cancelled" };
    let e = errors::detailed(py, status, how);
    if let Some(Ok(c)) = why(py, ctx).map(Bound::cast_into::<pyo3::exceptions::PyBaseException>) {
        e.set_cause(py, Some(PyErr::from_value(c.into_any())))
    }
    e
}

/// The object it was cancelled for, if one was given here or above.
fn why<'py>(py: Python<'py>, ctx: &RawContext) -> Option<Bound<'py, PyAny>> {
    let why = ctx.cause()?;
    let Some(text) = why.downcast_ref::<Text>() else {
        return Some(PyString::new(py, &why.to_string()).into_any());
    };
    match text.with.as_ref().and_then(|w| w.downcast_ref::<Held>()) {
        // SAFETY: attached; the cause holds it.
        Some(held) => Some(unsafe { Bound::from_borrowed_ptr(py, held.0) }),
        None => Some(PyString::new(py, &text.text.to_string_lossy()).into_any()),
    }
}

impl Context {
    /// Of core.
    pub fn raw(&self) -> *const RawContext {
        self.raw.raw()
    }

    fn on(&self, py: Python<'_>) -> PyResult<&RawContext> {
        lane::thread(py)?;
        // SAFETY: our handle.
        unsafe { raw::on(self.raw()) }.map_err(|s| errors::of(py, s))
    }

    fn of(raw: Handle, parent: Option<Py<Context>>) -> Context {
        Context { raw, parents: [parent, None], value: None, done: PyOnceLock::new() }
    }

    /// A child of `parent`, as core makes it.
    fn child(
        slf: &Bound<'_, Self>,
        make: impl FnOnce(*const RawContext) -> Result<NonNull<RawContext>, Status>,
    ) -> PyResult<Context> {
        let py = slf.py();
        lane::thread(py)?;
        let made = make(slf.get().raw()).map_err(|s| errors::of(py, s))?;
        Ok(Context::of(Handle(made), Some(slf.clone().unbind())))
    }

    fn until(slf: &Bound<'_, Self>, t: Time, cause: Option<&Bound<'_, PyAny>>) -> PyResult<Context> {
        let cause = cause_of(cause)?;
        // SAFETY: a live handle.
        Self::child(slf, |parent| unsafe { raw::with_deadline(parent, t, cause) })
    }

    /// Its done channel, for a case of select; None if it never ends.
    pub fn done_channel(&self, py: Python<'_>) -> PyResult<Option<Py<Channel>>> {
        if let Some(ch) = self.done.get(py) {
            return Ok(ch.as_ref().map(|c| c.clone_ref(py)));
        }
        let ch = self.on(py)?.done().map_err(|s| errors::of(py, s))?;
        let made = match NonNull::new(ch.cast_mut()) {
            None => None,
            Some(ch) => {
                // SAFETY: the context's channel, which lives while we have a reference of that; the object gets one of its own.
                unsafe { chan::retain(ch.as_ptr()) }.ok().map_err(|s| errors::of(py, s))?;
                Some(Py::new(py, Channel::of_done(ch))?)
            }
        };
        let _ = self.done.set(py, made);
        match self.done.get(py) {
            Some(ch) => Ok(ch.as_ref().map(|c| c.clone_ref(py))),
            None => Ok(None),
        }
    }

    fn look<'py>(&self, py: Python<'py>, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if let Some((k, v)) = &self.value
            && (k.is(key) || k.bind(py).eq(key)?)
        {
            return Ok(Some(v.bind(py).clone()));
        }
        for p in self.parents.iter().flatten() {
            if let Some(v) = p.get().look(py, key)? {
                return Ok(Some(v));
            }
        }
        Ok(None)
    }
}

#[pymethods]
impl Context {
    /// The root of all: never cancelled, without a deadline, without values.
    #[staticmethod]
    fn background() -> Context {
        Context::of(Handle(raw::background()), None)
    }

    /// The same, for a place where it is not clear yet which context belongs there.
    #[staticmethod]
    fn todo() -> Context {
        Context::of(Handle(raw::todo()), None)
    }

    /// A child that cancel() ends.
    fn with_cancel(slf: &Bound<'_, Self>) -> PyResult<Context> {
        // SAFETY: a live handle.
        Self::child(slf, |parent| unsafe { raw::with_cancel(parent) })
    }

    /// A child that ends so many seconds from now, if nothing ends it before.
    #[pyo3(signature = (seconds, /, *, cause=None))]
    fn with_timeout(slf: &Bound<'_, Self>, seconds: f64, cause: Option<&Bound<'_, PyAny>>) -> PyResult<Context> {
        let d = timer::ns(slf.py(), "seconds", seconds)?;
        Self::until(slf, sched::now().saturating_add(d), cause)
    }

    /// A child that ends at `time`, on the clock of now(); at its parent's deadline if that is earlier.
    #[pyo3(signature = (time, /, *, cause=None))]
    fn with_deadline(slf: &Bound<'_, Self>, time: f64, cause: Option<&Bound<'_, PyAny>>) -> PyResult<Context> {
        Self::until(slf, timer::ns(slf.py(), "time", time)?, cause)
    }

    /// A child with a value, the nearest for its key for all below. Keys are the same if they are one object, or equal.
    #[pyo3(signature = (key, value, /))]
    fn with_value(slf: &Bound<'_, Self>, key: Py<PyAny>, value: Py<PyAny>) -> PyResult<Context> {
        let py = slf.py();
        if key.is_none(py) {
            return Err(errors::invalid(py, "key: None is none"));
        }
        lane::thread(py)?;
        let raw = slf.get().raw.share().map_err(|s| errors::of(py, s))?;
        Ok(Context { value: Some((key, value)), ..Context::of(raw, Some(slf.clone().unbind())) })
    }

    /// A child with the same values that this one's end and deadline do not reach.
    fn without_cancel(slf: &Bound<'_, Self>) -> PyResult<Context> {
        // SAFETY: a live handle.
        Self::child(slf, |parent| unsafe { raw::without_cancel(parent) })
    }

    /// A child of two: ended by whichever ends first, with that one's cause; the earlier deadline; values of this one, then of the other.
    #[pyo3(signature = (other, /))]
    fn merge(slf: &Bound<'_, Self>, other: &Bound<'_, Context>) -> PyResult<Context> {
        // SAFETY: live handles.
        let made = Self::child(slf, |first| unsafe { raw::merge(first, other.get().raw()) })?;
        let Context { raw, parents: [first, _], value, done } = made;
        Ok(Context { raw, parents: [first, Some(other.clone().unbind())], value, done })
    }

    /// Ends it and all below it, as Canceled, for `cause`, an exception or a text. Returns when every wait within one of them is ended; it waits for nobody to notice. True if it had not ended before.
    #[pyo3(signature = (cause=None))]
    fn cancel(&self, py: Python<'_>, cause: Option<&Bound<'_, PyAny>>) -> PyResult<bool> {
        let cause = cause_of(cause)?;
        lane::thread(py)?;
        let done = match &self.value {
            Some(_) => Err(Status::Misuse),
            // SAFETY: our handle.
            None => unsafe { raw::cancel(self.raw(), cause) },
        };
        match done {
            Ok(first) => Ok(first),
            Err(Status::Misuse) => Err(errors::misuse(
                py,
                "this context cannot be cancelled by itself: take with_cancel(), and cancel that",
            )),
            Err(s) => Err(errors::of(py, s)),
        }
    }

    /// Has it ended?
    #[getter]
    fn done(&self) -> bool {
        // SAFETY: our handle.
        unsafe { raw::on(self.raw()) }.is_ok_and(RawContext::is_done)
    }

    /// How it ended: a Canceled or a TimedOut, not raised; None while it goes on.
    #[getter]
    fn err(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let c = self.on(py)?;
        Ok(c.err().map(|s| error(py, c, s).into_value(py).into_any()))
    }

    /// Why: what was given when it, or what ended it above, was cancelled; what `err` says if nothing was. None while it goes on.
    #[getter]
    fn cause(&self, py: Python<'_>) -> PyResult<Option<Py<PyAny>>> {
        let c = self.on(py)?;
        match c.err() {
            None => Ok(None),
            Some(_) => match why(py, c) {
                Some(c) => Ok(Some(c.unbind())),
                None => self.err(py),
            },
        }
    }

    /// When it ends at the latest, on the clock of now(); None if nothing says so.
    #[getter]
    fn deadline(&self, py: Python<'_>) -> PyResult<Option<f64>> {
        Ok(Some(self.on(py)?.deadline()).filter(|t| *t != Time::MAX).map(|t| t as f64 * 1e-9))
    }

    /// The nearest value for `key`: this one's, or of one above.
    #[pyo3(signature = (key, /, default=None))]
    fn value<'py>(
        &self,
        py: Python<'py>,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.look(py, key)?.or(default))
    }

    /// Calls `function(*args, **kwargs)` in a task of its own when this ends; at once if it has ended. The object it returns stops that.
    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn after_func(
        slf: &Bound<'_, Self>,
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<PyAny>> {
        let py = slf.py();
        if threads::is_on() {
            let make = py.import("gort._context")?.getattr("_AfterFunc")?;
            return Ok(make.call1((slf, function, args, kwargs))?.unbind());
        }
        let l = workers::ready(py)?;
        let (task, entry) = prepare(py, String::new(), function, args, kwargs, None)?;
        drop(task);
        let (prepared, id) = (Prepared(Some(entry)), l.id);
        let act = move || {
            let mut prepared = prepared; // the whole of it
            if let Some(entry) = prepared.0.take() {
                // SAFETY: the entry holds what it needs and may be run by any thread of the lane; a failed spawn drops it.
                let _ = unsafe { sched::spawn(entry, SpawnOptions { lane: id, ..SpawnOptions::default() }) };
            }
        };
        // SAFETY: our handle, which the object keeps for as long as it may take the hook off.
        let hook = unsafe { raw::hook(slf.get().on(py)?, Box::new(act)) };
        Ok(Py::new(py, AfterFunc { ctx: slf.clone().unbind(), hook: Mutex::new(hook) })?.into_any())
    }

    /// Waits until it ends, however it does. A timeout, or the context of the call, raises.
    #[pyo3(signature = (timeout=None, *, ctx=None))]
    fn wait(&self, py: Python<'_>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
        let c = Caller::new(py)?;
        let end = c.wait_in(py, Limits::of(timeout, ctx), true, |limits, may_block| {
            // SAFETY: our handle. What is waited for is the closing of the channel.
            unsafe {
                match self.raw.0.as_ref().done() {
                    Ok(ch) if may_block => {
                        Ok(chan::recv_until(ch, std::ptr::null_mut(), limits.deadline, limits.cancel))
                    }
                    Ok(ch) => Ok(chan::try_recv(ch, std::ptr::null_mut())),
                    Err(s) => Err(s),
                }
            }
            .and_then(|s| if s == Status::Closed { Ok(()) } else { Err(s) })
        })?;
        match end {
            Ok(()) => c.settle(py),
            Err(s) => Err(c.error(py, s)),
        }
    }

    /// `await`s its end in asyncio.
    fn wait_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        slf.py().import("gort._context")?.getattr("_wait_async")?.call1((slf,))
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    /// The end of the block cancels it.
    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, py: Python<'_>, _exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.cancel(py, None).map(|_| ())
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        let c = self.on(py)?;
        let how = match c.err() {
            None => "",
            Some(Status::TimedOut) => " timed out",
            Some(_) => " cancelled",
        };
        let left = match c.deadline() {
            Time::MAX => String::new(),
            t => format!(" {:.3} s left", (t - sched::now()).max(0) as f64 * 1e-9),
        };
        Ok(format!("<gort.Context{how}{}>", if how.is_empty() { &left } else { "" }))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        for p in self.parents.iter().flatten() {
            visit.call(p)?
        }
        if let Some((k, v)) = &self.value {
            visit.call(k)?;
            visit.call(v)?
        }
        Ok(())
    }
}

/// A task that was not started yet.
struct Prepared(Option<Entry>);

// SAFETY: what an entry holds may be given up, or run, on any thread.
unsafe impl Send for Prepared {}

impl Drop for Prepared {
    fn drop(&mut self) {
        if let Some(entry) = self.0.take() {
            drop_prepared(entry)
        }
    }
}

/// A function that is to be called when a context ends. Dropping this does not stop it.
#[pyclass(frozen, module = "gort", name = "_AfterFunc")]
pub struct AfterFunc {
    ctx: Py<Context>,
    hook: Mutex<Option<Arc<Hook>>>,
}

#[pymethods]
impl AfterFunc {
    /// It is not called any more. True if that prevented it; false if it was started. Does not wait for it.
    fn stop(&self, py: Python<'_>) -> PyResult<bool> {
        let hook = match self.hook.lock() {
            Ok(mut h) => h.take(),
            Err(_) => None,
        };
        let ctx = self.ctx.get().on(py)?;
        // SAFETY: hung on this context, which is kept.
        Ok(hook.is_some_and(|h| unsafe { raw::unhook(ctx, &h) }))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ctx)
    }
}

// ---- the ambient context

/// Somebody has set one (V3).
static AMBIENT: AtomicBool = AtomicBool::new(false);
static VARIABLE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();

/// May there be one?
#[inline(always)]
pub fn may_be_ambient() -> bool {
    AMBIENT.load(Relaxed)
}

/// From now on calls look at `variable`.
#[pyfunction]
pub fn _use_ambient(py: Python<'_>, variable: Py<PyAny>) {
    let _ = VARIABLE.set(py, variable);
    AMBIENT.store(true, Relaxed);
}

/// The ambient context.
#[cold]
pub fn ambient(py: Python<'_>) -> PyResult<Option<Py<Context>>> {
    let Some(variable) = VARIABLE.get(py) else { return Ok(None) };
    let got = variable.bind(py).call_method1(pyo3::intern!(py, "get"), (py.None(),))?;
    if got.is_none() { Ok(None) } else { Ok(Some(got.cast_into::<Context>()?.unbind())) }
}

/// What a call waits within: sources of `contexts`, and what keeps them until it is over (V4).
pub struct Merges {
    merged: Vec<Handle>,
}

impl Merges {
    pub const fn none() -> Merges {
        Merges { merged: Vec::new() }
    }

    /// The context that ends when one of these does.
    pub fn add(&mut self, contexts: &[*const RawContext]) -> Result<*const RawContext, Status> {
        let mut all = std::ptr::null();
        for &c in contexts {
            // SAFETY: live contexts, which the caller keeps.
            unsafe {
                if c.is_null() || std::ptr::eq(c, all) || raw::on(c)?.source().is_null() {
                    continue;
                }
                if all.is_null() {
                    all = c;
                    continue;
                }
                let m = raw::merge(all, c)?;
                self.merged.push(Handle(m));
                all = m.as_ptr();
            }
        }
        Ok(all)
    }
}

//! `Channel`, `Sender`, `Receiver`: the raw channel with Python objects, or with elements of a fixed C kind, in its slots.
//!
//! N1  An element of a channel of objects is an owned reference. A send gives it away only when it succeeds; a receive takes it over.
//! N2  While a task is parked its element lies in the task's own slot, never on the greenlet's stack (D4).
//! N3  A critical section of a channel of objects runs attached and contains no Python call, allocation or DECREF (P1); so the collector reads it without the lock. Values of parked
//!     senders are roots: they are counted by the frames that send them.
//! N4  The channel's plain handle anchors it for the typed ends of Rust (H6).
//! N5  A channel that is a timer's owns the timer, not the handle, which is the timer's: it goes when nobody can wait any more. Only what receives is given such a channel (timer.rs).

use crate::call::{Caller, Limits};
use crate::context::Context;
use crate::elem::{Code, Kind};
use crate::ends::{Receiver, Sender};
use crate::task::Task;
use crate::timer::Source;
use crate::{aio, batch, buffer, decref, errors, lane, notify};
use gort::chan::raw::{self, BLOCK, Layout, RawChan, TRY, UNTIL};
use gort::chan::{later, returned};
use gort::elem::Fixed;
use gort::sched;
use gort::status::Status;
use gort::wait::Wait;
use pyo3::exceptions::PyStopIteration;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};
use std::ptr::NonNull;

/// An optional argument that may be None: was it given?
pub struct Given<'py>(pub Option<Bound<'py, PyAny>>);

impl<'a, 'py> FromPyObject<'a, 'py> for Given<'py> {
    type Error = PyErr;
    fn extract(ob: Borrowed<'a, 'py, PyAny>) -> PyResult<Self> {
        Ok(Given(Some(ob.to_owned())))
    }
}

/// A channel: values go in at one end and come out at the other, in order.
#[pyclass(frozen, module = "gort", weakref, generic)]
pub struct Channel {
    raw: NonNull<RawChan>,
    kind: Kind,
    /// N5.
    timer: Option<Box<Source>>,
}

// SAFETY: the raw channel has its own lock; the kind is set once.
unsafe impl Send for Channel {}
// SAFETY: as above.
unsafe impl Sync for Channel {}

/// The time that a call of several waits may take.
pub struct Limit<'a> {
    end: Option<f64>,
    of: Limits<'a>,
}

impl<'a> Limit<'a> {
    pub fn of(of: Limits<'a>) -> Limit<'a> {
        Limit { end: of.timeout.map(|t| sched::now() as f64 * 1e-9 + t), of }
    }

    /// Of its next wait.
    pub fn left(&self) -> Limits<'a> {
        Limits { timeout: self.end.map(|end| end - sched::now() as f64 * 1e-9), ..self.of }
    }
}

/// The exception of a call that had sent `n` elements before it failed: it says so, in `sent`.
pub fn sent(py: Python<'_>, e: PyErr, n: usize) -> PyErr {
    let _ = e.value(py).setattr("sent", n);
    e
}

/// How a receive ended without an error.
pub enum Got {
    Word(u64),
    Closed,
}

impl Channel {
    /// `capacity` None: without bound.
    fn create(py: Python<'_>, kind: Kind, capacity: Option<isize>) -> PyResult<Channel> {
        let n = capacity.unwrap_or(0);
        let Ok(cap) = usize::try_from(n) else {
            return Err(errors::invalid(py, &format!("capacity: {n} is negative")));
        };
        let layout = match kind {
            Kind::Object => Layout { size: 8, align: 8, drop: Some(decref::drop_element) },
            Kind::Fixed(code) => Layout { size: code.size(), align: code.size(), drop: None },
        };
        let raw = if capacity.is_some() { raw::create(layout, cap) } else { raw::create_unbounded(layout) };
        let raw = raw.map_err(|s| match s {
            Status::Invalid => errors::invalid(py, &format!("capacity: {n} is too large")),
            s => errors::of(py, s),
        })?;
        Ok(Channel { raw, kind, timer: None })
    }

    /// One of objects without a buffer.
    pub fn plain(py: Python<'_>) -> PyResult<Channel> {
        Channel::create(py, Kind::Object, Some(0))
    }

    /// The channel of a timer, which it owns from now on.
    pub fn of_timer(raw: NonNull<RawChan>, timer: Box<Source>) -> Channel {
        Channel { raw, kind: Kind::Fixed(Code::TIME), timer: Some(timer) }
    }

    /// The done channel of a context, with a reference of it: it has no elements, and is closed or not.
    pub fn of_done(raw: NonNull<RawChan>) -> Channel {
        Channel { raw, kind: Kind::Fixed(Code::TIME), timer: None }
    }

    /// Whose channel it is.
    pub fn timer(&self) -> Option<&Source> {
        self.timer.as_deref()
    }

    /// A received element that nobody came to have goes to the next one. What a timer gave before it was stopped or reset goes to nobody.
    ///
    /// # Safety
    /// `at` holds an element of our kind, which is the caller's; it still is if this fails.
    #[cold]
    pub unsafe fn give_back(&self, at: *const u8) -> Status {
        // SAFETY: contract; our handle.
        unsafe {
            match &self.timer {
                Some(t) if t.is_stale(at.cast::<i64>().read()) => Status::Ok,
                _ => later::give_back(self.raw(), at),
            }
        }
    }

    #[inline(always)]
    pub fn raw(&self) -> *const RawChan {
        self.raw.as_ptr()
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    #[inline(always)]
    unsafe fn send_at<const M: u8>(&self, at: *const u8, wait: Wait) -> Status {
        // SAFETY: contract of the callers: an element of our kind.
        unsafe {
            match self.kind.size() {
                8 => raw::send_as::<_, M>(self.raw(), Fixed::<8>, at, wait),
                n => raw::send_as::<_, M>(self.raw(), gort::elem::Dyn(n), at, wait),
            }
        }
    }

    #[inline(always)]
    unsafe fn recv_at<const M: u8>(&self, at: *mut u8, wait: Wait) -> Status {
        // SAFETY: as in `send_at`.
        unsafe {
            match self.kind.size() {
                8 => raw::recv_as::<_, M>(self.raw(), Fixed::<8>, at, wait),
                n => raw::recv_as::<_, M>(self.raw(), gort::elem::Dyn(n), at, wait),
            }
        }
    }

    /// Sends the element in `word`; what fails leaves it with the caller.
    #[inline(always)]
    pub fn send_word(&self, py: Python<'_>, word: u64, limits: Limits<'_>) -> PyResult<()> {
        let c = Caller::new(py)?;
        // SAFETY: `at` holds an element of our kind until the call returns: the task's slot (N2), or this frame of a thread, which does not move.
        unsafe {
            let status = match c.task() {
                Some(t) => {
                    let at = t.slot.get().cast::<u8>();
                    at.cast::<u64>().write(word);
                    if limits.is_forever() {
                        self.send_at::<BLOCK>(at, Wait::FOREVER)
                    } else {
                        self.send_at::<UNTIL>(at, c.within(py, limits)?)
                    }
                }
                None => {
                    let at = (&raw const word).cast();
                    match self.send_at::<TRY>(at, Wait::FOREVER) {
                        Status::WouldBlock => self.send_slow(py, &c, at, limits)?,
                        s => s,
                    }
                }
            };
            if status.is_ok() { Ok(()) } else { Err(c.error(py, status)) }
        }
    }

    #[cold]
    unsafe fn send_slow(&self, py: Python<'_>, c: &Caller, at: *const u8, limits: Limits<'_>) -> PyResult<Status> {
        let wait = c.within(py, limits)?;
        c.may_block_thread(py)?;
        // SAFETY: contract of `send_word`: attached; an element of ours.
        unsafe {
            let kept = matches!(self.kind, Kind::Object)
                .then(|| Bound::from_borrowed_ptr(py, at.cast::<*mut ffi::PyObject>().read()));
            let s = self.send_at::<UNTIL>(at, wait);
            if s.is_ok() {
                // It may have gone, and yet something is raised: the caller gives up the element of a failed send, so it gets another reference.
                c.settle(py).inspect_err(|_| std::mem::forget(kept))?;
            }
            Ok(s)
        }
    }

    /// Receives an element.
    #[inline(always)]
    pub fn recv_word(&self, py: Python<'_>, limits: Limits<'_>) -> PyResult<Got> {
        let c = Caller::new(py)?;
        // SAFETY: as in `send_word`.
        unsafe {
            let (status, word) = match c.task() {
                Some(t) => {
                    let at = t.slot.get().cast::<u8>();
                    at.cast::<u64>().write(0);
                    let s = if limits.is_forever() {
                        self.recv_at::<BLOCK>(at, Wait::FOREVER)
                    } else {
                        self.recv_at::<UNTIL>(at, c.within(py, limits)?)
                    };
                    if s.is_ok() && t.is_interrupted() {
                        // A signal's exception came with the value: the value goes to the next one.
                        if self.give_back(at).is_ok()
                            && let Some(e) = t.take_interrupt()
                        {
                            return Err(e);
                        }
                    }
                    (s, at.cast::<u64>().read())
                }
                None => {
                    let mut word = 0u64;
                    let at = (&raw mut word).cast();
                    let s = match self.recv_at::<TRY>(at, Wait::FOREVER) {
                        Status::WouldBlock => self.recv_slow(py, &c, at, limits)?,
                        s => s,
                    };
                    (s, word)
                }
            };
            match status {
                Status::Ok => Ok(Got::Word(word)),
                Status::Closed => Ok(Got::Closed),
                s => Err(c.error(py, s)),
            }
        }
    }

    #[cold]
    unsafe fn recv_slow(&self, py: Python<'_>, c: &Caller, at: *mut u8, limits: Limits<'_>) -> PyResult<Status> {
        let wait = c.within(py, limits)?;
        c.may_block_thread(py)?;
        // SAFETY: contract of `recv_word`.
        unsafe {
            let s = self.recv_at::<UNTIL>(at, wait);
            if matches!(s, Status::Ok | Status::Closed) && c.is_interrupted(py) {
                return Err(self.undo_recv(py, c, s, at));
            }
            Ok(s)
        }
    }

    /// A signal's exception came to a thread together with what it waited for: a value goes to the next one, and the exception is raised.
    #[cold]
    unsafe fn undo_recv(&self, py: Python<'_>, c: &Caller, s: Status, at: *mut u8) -> PyErr {
        let e = c.take_interrupt(py);
        // SAFETY: contract of `recv_word`: an element of ours.
        unsafe {
            if s.is_ok() && !self.give_back(at).is_ok() {
                self.forget_word(py, at.cast::<u64>().read())
            }
        }
        e.unwrap_or_else(|| errors::of(py, Status::Canceled))
    }

    /// The element of a value: an owned reference, or its bytes.
    #[inline(always)]
    pub fn word_of(&self, value: &Bound<'_, PyAny>) -> PyResult<u64> {
        match self.kind {
            Kind::Object => Ok(value.clone().into_ptr() as u64),
            Kind::Fixed(code) => code.encode(value),
        }
    }

    /// The value of a received element, which it takes over.
    #[inline(always)]
    pub fn value_of<'py>(&self, py: Python<'py>, word: u64) -> PyResult<Bound<'py, PyAny>> {
        match self.kind {
            // SAFETY: N1.
            Kind::Object => Ok(unsafe { Bound::from_owned_ptr(py, word as *mut ffi::PyObject) }),
            Kind::Fixed(code) => code.decode(py, word),
        }
    }

    /// An element that was not sent.
    #[cold]
    pub fn forget_word(&self, py: Python<'_>, word: u64) {
        if matches!(self.kind, Kind::Object) {
            // SAFETY: N1: still ours.
            drop(unsafe { Bound::from_owned_ptr(py, word as *mut ffi::PyObject) })
        }
    }

    #[inline(always)]
    pub fn send_value(&self, value: &Bound<'_, PyAny>, limits: Limits<'_>) -> PyResult<()> {
        let word = self.word_of(value)?;
        self.send_word(value.py(), word, limits).inspect_err(|_| self.forget_word(value.py(), word))
    }

    pub fn try_send_value(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        let word = self.word_of(value)?;
        lane::thread(py)?;
        // SAFETY: the word holds an element of our kind.
        match unsafe { self.send_at::<TRY>((&raw const word).cast(), Wait::FOREVER) } {
            Status::Ok => Ok(()),
            s => {
                self.forget_word(py, word);
                Err(errors::of(py, s))
            }
        }
    }

    #[inline(always)]
    pub fn recv_value<'py>(
        &self,
        py: Python<'py>,
        limits: Limits<'_>,
        default: Given<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match self.recv_word(py, limits)? {
            Got::Word(w) => self.value_of(py, w),
            Got::Closed => default.0.ok_or_else(|| errors::of(py, Status::Closed)),
        }
    }

    /// What is there now: an element, CLOSED or WOULD_BLOCK.
    pub fn try_recv_word(&self, py: Python<'_>) -> PyResult<Result<u64, Status>> {
        lane::thread(py)?;
        let mut word = 0u64;
        // SAFETY: the word has room for an element of our kind.
        let s = unsafe { self.recv_at::<TRY>((&raw mut word).cast(), Wait::FOREVER) };
        Ok(if s.is_ok() { Ok(word) } else { Err(s) })
    }

    pub fn try_recv_value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.try_recv_word(py)? {
            Ok(w) => self.value_of(py, w),
            Err(s) => Err(errors::of(py, s)),
        }
    }

    pub fn recv_pair<'py>(&self, py: Python<'py>, limits: Limits<'_>) -> PyResult<(Bound<'py, PyAny>, bool)> {
        match self.recv_word(py, limits)? {
            Got::Word(w) => Ok((self.value_of(py, w)?, true)),
            Got::Closed => Ok((py.None().into_bound(py), false)),
        }
    }

    pub fn next_value<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match self.recv_word(py, Limits::of(None, None))? {
            Got::Word(w) => self.value_of(py, w),
            Got::Closed => Err(PyStopIteration::new_err(())),
        }
    }

    pub fn close_now(&self, py: Python<'_>) -> PyResult<()> {
        lane::thread(py)?;
        // SAFETY: our handle.
        match unsafe { raw::close(self.raw()) } {
            Status::Ok => Ok(()),
            s => Err(errors::of(py, s)),
        }
    }

    pub fn text(&self, what: &str) -> String {
        if let Some(t) = &self.timer {
            return t.text();
        }
        // SAFETY: our handle.
        let (n, cap, closed) = unsafe { (raw::len(self.raw()), raw::cap(self.raw()), raw::is_closed(self.raw())) };
        let kind = match self.kind {
            Kind::Object => String::new(),
            Kind::Fixed(c) => format!(" of {:?}", c.name()),
        };
        let cap = if cap == raw::UNBOUNDED { "unbounded".into() } else { cap.to_string() };
        format!("<gort.{what}{kind} {n}/{cap}{}>", if closed { " closed" } else { "" })
    }
}

impl Drop for Channel {
    fn drop(&mut self) {
        if self.timer.is_none() {
            // SAFETY: our handle, given up once.
            let _ = unsafe { raw::release(self.raw()) };
        }
    }
}

#[pymethods]
impl Channel {
    #[new]
    #[pyo3(signature = (capacity=Some(0)), text_signature = "(capacity=0)")]
    fn new(py: Python<'_>, capacity: Option<isize>) -> PyResult<Channel> {
        Channel::create(py, Kind::Object, capacity)
    }

    /// A channel whose elements are of a fixed C kind, named by its struct code ("q": int64 ...); C code may share it, and buffers go in and out whole.
    #[staticmethod]
    #[pyo3(signature = (code, capacity=Some(0)), text_signature = "(code, capacity=0)")]
    fn of(py: Python<'_>, code: &str, capacity: Option<isize>) -> PyResult<Channel> {
        match Code::parse(code) {
            Some(c) => Channel::create(py, Kind::Fixed(c), capacity),
            None => Err(errors::invalid(py, &format!("code: {code:?} is none of ? b B h H i I l L q Q n N f d"))),
        }
    }

    /// Sends; waits until a receiver or the buffer takes the value.
    #[pyo3(signature = (value, /, *, timeout=None, ctx=None))]
    fn send(&self, value: &Bound<'_, PyAny>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
        self.send_value(value, Limits::of(timeout, ctx))
    }

    /// Sends if it can go ahead now, else raises WouldBlock.
    fn try_send(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.try_send_value(value)
    }

    /// Sends every value of an iterable, in order; returns how many.
    #[pyo3(signature = (values, /, *, timeout=None, ctx=None))]
    fn send_many(
        &self,
        values: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        batch::send_all(self, values, Limits::of(timeout, ctx))
    }

    /// Sends every element of a buffer (bytes, array, NumPy); returns how many.
    #[pyo3(signature = (data, /, *, timeout=None, ctx=None))]
    fn send_from(
        &self,
        data: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        buffer::send_from(self, data, Limits::of(timeout, ctx))
    }

    /// Receives; waits until there is a value. Closed and drained: raises Closed, or returns `default` if one is given.
    #[pyo3(signature = (*, timeout=None, ctx=None, default=Given(None)), text_signature = "($self, *, timeout=None, ctx=None, default=...)")]
    fn recv<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
        default: Given<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        self.recv_value(py, Limits::of(timeout, ctx), default)
    }

    /// Receives if there is a value now, else raises WouldBlock.
    fn try_recv<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.try_recv_value(py)
    }

    /// Receives: (value, True), or (None, False) when closed and drained.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn recv_ok<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        self.recv_pair(py, Limits::of(timeout, ctx))
    }

    /// Waits for one value, and returns it with what else is there, up to `most`. Empty when closed and drained.
    #[pyo3(signature = (most, /, *, timeout=None, ctx=None))]
    fn recv_many<'py>(
        &self,
        py: Python<'py>,
        most: usize,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<Bound<'py, PyList>> {
        batch::recv_some(self, py, most, Limits::of(timeout, ctx))
    }

    /// Fills a writable buffer; waits for one element, takes what else is there, and returns how many. 0 when closed and drained.
    #[pyo3(signature = (data, /, *, timeout=None, ctx=None))]
    fn recv_into(
        &self,
        data: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        buffer::recv_into(self, data, Limits::of(timeout, ctx))
    }

    /// `await`s a receive in asyncio.
    fn recv_async<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        aio::recv(slf)
    }

    /// `await`s a send in asyncio.
    fn send_async<'py>(slf: &Bound<'py, Self>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        aio::send(slf, value)
    }

    /// Closes: later sends raise Closed, receivers get what is buffered and then Closed. Closed already: raises Closed.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.close_now(py)
    }

    /// Is it closed? A snapshot: another may close it in the next moment.
    #[getter]
    pub fn closed(&self) -> bool {
        // SAFETY: our handle.
        unsafe { raw::is_closed(self.raw()) }
    }

    /// How many values its buffer holds; 0: a send and a receive meet; None: any number.
    #[getter]
    pub fn capacity(&self) -> Option<usize> {
        // SAFETY: our handle.
        Some(unsafe { raw::cap(self.raw()) }).filter(|n| *n != raw::UNBOUNDED)
    }

    /// A file descriptor that becomes readable when there may be something to receive, or the channel is closed: for select.poll, an event loop's add_reader, a GUI. The channel's own, the same
    /// each time; it closes it. Read its 8 bytes, then try_recv() until WouldBlock, which arms it again.
    fn notify_fd(&self, py: Python<'_>) -> PyResult<i32> {
        notify::descriptor(self, py)
    }

    /// Starts a task that waits until there may be something to receive, or the channel is closed, and then calls `function(*args, **kwargs)`. It takes nothing itself. Once: call it again for more.
    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn on_ready(
        slf: &Bound<'_, Self>,
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Task>> {
        notify::on_ready(slf, function, args, kwargs)
    }

    /// The sending end.
    #[getter]
    fn sender(slf: &Bound<'_, Self>) -> Sender {
        Sender { ch: slf.clone().unbind() }
    }

    /// The receiving end.
    #[getter]
    fn receiver(slf: &Bound<'_, Self>) -> Receiver {
        Receiver { ch: slf.clone().unbind() }
    }

    /// A capsule with the channel's C handle (`gort_chan *`), borrowed: valid while the capsule lives. Only of a channel of a fixed kind (`Channel.of`).
    fn as_capsule<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        crate::capi::channel_capsule(slf)
    }

    pub fn __len__(&self) -> usize {
        // SAFETY: our handle.
        unsafe { raw::len(self.raw()) }
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.next_value(py)
    }

    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __anext__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        aio::next(slf)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    pub fn __exit__(&self, _exc: &Bound<'_, PyTuple>) {
        // SAFETY: our handle. Closed already is as well.
        let _ = unsafe { raw::close(self.raw()) };
    }

    fn __repr__(&self) -> String {
        self.text("Channel")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        if !matches!(self.kind, Kind::Object) {
            return Ok(());
        }
        let mut result = Ok(());
        // SAFETY: N3: the collector runs attached, so nobody is in a critical section; each element is a reference that the channel owns.
        unsafe {
            returned::each(self.raw.as_ref(), |at| {
                if result.is_ok() {
                    let o = at.cast::<*mut ffi::PyObject>().read_unaligned();
                    let o = std::mem::ManuallyDrop::new(Bound::from_owned_ptr(Python::assume_attached(), o).unbind());
                    result = visit.call(&*o);
                }
            });
        }
        result
    }

    fn __clear__(&self) {
        if matches!(self.kind, Kind::Object) {
            // SAFETY: our handle; what is buffered is dropped by its drop function, with no lock held.
            let _ = unsafe { raw::abandon(self.raw()) };
        }
    }
}

//! `Sender` and `Receiver`: one direction of a channel each. They hold the channel, and lack the other's methods.

use crate::call::Limits;
use crate::chan::{Channel, Given};
use crate::context::Context;
use crate::task::Task;
use crate::{aio, batch, buffer, errors, lane, notify};
use gort::chan::raw;
use gort::status::Status;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyTuple};

/// The sending end of a channel.
#[pyclass(frozen, module = "gort", generic)]
pub struct Sender {
    pub ch: Py<Channel>,
}

/// The receiving end of a channel.
#[pyclass(frozen, module = "gort", generic)]
pub struct Receiver {
    pub ch: Py<Channel>,
}

#[pymethods]
impl Sender {
    /// As `Channel.as_capsule`.
    fn as_capsule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::capi::channel_capsule(self.ch.bind(py))
    }

    /// Sends; waits until a receiver or the buffer takes the value.
    #[pyo3(signature = (value, /, *, timeout=None, ctx=None))]
    fn send(&self, value: &Bound<'_, PyAny>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
        self.ch.get().send_value(value, Limits::of(timeout, ctx))
    }

    /// Sends if it can go ahead now, else raises WouldBlock.
    fn try_send(&self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.ch.get().try_send_value(value)
    }

    /// Sends every value of an iterable, in order; returns how many.
    #[pyo3(signature = (values, /, *, timeout=None, ctx=None))]
    fn send_many(
        &self,
        values: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        batch::send_all(self.ch.get(), values, Limits::of(timeout, ctx))
    }

    /// Sends every element of a buffer; returns how many.
    #[pyo3(signature = (data, /, *, timeout=None, ctx=None))]
    fn send_from(
        &self,
        data: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        buffer::send_from(self.ch.get(), data, Limits::of(timeout, ctx))
    }

    /// `await`s a send in asyncio.
    fn send_async<'py>(&self, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        aio::send(self.ch.bind(value.py()), value)
    }

    /// Closes the channel.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.ch.get().close_now(py)
    }

    /// Is it closed? A snapshot: another may close it in the next moment.
    #[getter]
    fn closed(&self) -> bool {
        self.ch.get().closed()
    }

    /// How many values its buffer holds; 0: a send and a receive meet; None: any number.
    #[getter]
    fn capacity(&self) -> Option<usize> {
        self.ch.get().capacity()
    }

    fn __len__(&self) -> usize {
        self.ch.get().__len__()
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*exc))]
    fn __exit__(&self, exc: &Bound<'_, PyTuple>) {
        self.ch.get().__exit__(exc)
    }

    fn __repr__(&self) -> String {
        self.ch.get().text("Sender")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ch)
    }
}

#[pymethods]
impl Receiver {
    /// As `Channel.as_capsule`.
    fn as_capsule<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        crate::capi::channel_capsule(self.ch.bind(py))
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
        self.ch.get().recv_value(py, Limits::of(timeout, ctx), default)
    }

    /// Receives if there is a value now, else raises WouldBlock.
    fn try_recv<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ch.get().try_recv_value(py)
    }

    /// Receives: (value, True), or (None, False) when closed and drained.
    #[pyo3(signature = (*, timeout=None, ctx=None))]
    fn recv_ok<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<(Bound<'py, PyAny>, bool)> {
        self.ch.get().recv_pair(py, Limits::of(timeout, ctx))
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
        batch::recv_some(self.ch.get(), py, most, Limits::of(timeout, ctx))
    }

    /// Fills a writable buffer; waits for one element, takes what else is there, and returns how many. 0 when closed and drained.
    #[pyo3(signature = (data, /, *, timeout=None, ctx=None))]
    fn recv_into(
        &self,
        data: &Bound<'_, PyAny>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
    ) -> PyResult<usize> {
        buffer::recv_into(self.ch.get(), data, Limits::of(timeout, ctx))
    }

    /// `await`s a receive in asyncio.
    fn recv_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        aio::recv(self.ch.bind(py))
    }

    /// As `Channel.notify_fd`.
    fn notify_fd(&self, py: Python<'_>) -> PyResult<i32> {
        notify::descriptor(self.ch.get(), py)
    }

    /// As `Channel.on_ready`.
    #[pyo3(signature = (function, /, *args, **kwargs))]
    fn on_ready(
        &self,
        py: Python<'_>,
        function: Bound<'_, PyAny>,
        args: Bound<'_, PyTuple>,
        kwargs: Option<&Bound<'_, PyDict>>,
    ) -> PyResult<Py<Task>> {
        notify::on_ready(self.ch.bind(py), function, args, kwargs)
    }

    /// Tells senders that nobody will read: what is buffered is dropped, sends raise Closed.
    fn abandon(&self, py: Python<'_>) -> PyResult<()> {
        lane::thread(py)?;
        // SAFETY: the channel's handle.
        match unsafe { raw::abandon(self.ch.get().raw()) } {
            Status::Ok => Ok(()),
            s => Err(errors::of(py, s)),
        }
    }

    /// Is it closed? A snapshot: another may close it in the next moment.
    #[getter]
    fn closed(&self) -> bool {
        self.ch.get().closed()
    }

    /// How many values its buffer holds; 0: a send and a receive meet; None: any number.
    #[getter]
    fn capacity(&self) -> Option<usize> {
        self.ch.get().capacity()
    }

    fn __len__(&self) -> usize {
        self.ch.get().__len__()
    }

    fn __bool__(&self) -> bool {
        true
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        self.ch.get().next_value(py)
    }

    fn __aiter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __anext__<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        aio::next(self.ch.bind(py))
    }

    fn __repr__(&self) -> String {
        self.ch.get().text("Receiver")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ch)
    }
}

//! Channels in asyncio: what is awaited, and how a loop is told from a thread that does not hold the interpreter (P5).
//!
//! An await tries first; only if it must wait does it enlist a callback party and yield a future of the loop. The winner, on whatever thread, pushes the party onto the loop's mailbox and
//! writes the loop's eventfd if the mailbox was empty: no interpreter, no lock. The loop's reader then completes the futures, many for one wake-up.
//!
//! A1  An `Await` that is enlisted is held by its callback (`data`, one owned reference), which whoever takes the callback from the mailbox, or withdraws it, gives up.
//! A2  Cancellation wins the own ticket. If it comes too late, a received value goes back to the channel, in front of its buffer or to the next receiver; so no value is lost.
//! A3  The slot may be read only after the winner has left the channel's lock; the mailbox says so, and an early reader passes the lock once.
//! A4  The mailbox stack is pushed by any thread and emptied whole by the loop's thread, so it has no ABA.
//!
//! Rejected: `call_soon_threadsafe` (needs the interpreter, 4.5 us an item); a future that carries the value (it is lost when the task is cancelled between completion and resumption).

use crate::chan::Channel;
use crate::errors;
use gort::chan::{later, raw};
use gort::sched::Cx;
use gort::sched::callback::Callback;
use gort::status::Status;
use pyo3::exceptions::{PyNotImplementedError, PyRuntimeError, PyStopAsyncIteration, PyStopIteration};
use pyo3::ffi::{self, PyObject};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::{Cell, UnsafeCell};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// Where a loop is told that awaits of its tasks have ended.
#[pyclass(frozen, module = "gort._gort")]
pub struct Mailbox {
    head: AtomicPtr<Callback>,
    bell: OwnedFd,
    /// Winners that are in `push`: after its compare-and-swap the await that holds us may be gone.
    pushing: AtomicUsize,
}

impl Mailbox {
    /// The running loop's, made and registered at its first wait.
    fn of_running_loop(py: Python<'_>) -> PyResult<(Bound<'_, PyAny>, Py<Mailbox>)> {
        static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let get = GET
            .get_or_try_init(py, || PyResult::Ok(py.import("asyncio.events")?.getattr("get_running_loop")?.unbind()))?;
        let event_loop = get.bind(py).call0()?;
        let name = pyo3::intern!(py, "_gort_mailbox");
        if let Some(m) = event_loop.getattr_opt(name)? {
            return Ok((event_loop, m.cast_into::<Mailbox>()?.unbind()));
        }
        // SAFETY: a fresh descriptor, or -1.
        let fd = unsafe { libc::eventfd(0, libc::EFD_NONBLOCK | libc::EFD_CLOEXEC) };
        if fd < 0 {
            return Err(errors::from_errno(py));
        }
        // SAFETY: ours.
        let bell = unsafe { OwnedFd::from_raw_fd(fd) };
        let m = Py::new(py, Mailbox { head: AtomicPtr::new(null_mut()), bell, pushing: AtomicUsize::new(0) })?;
        let drain = m.getattr(py, "_drain")?;
        event_loop.call_method1("add_reader", (fd, drain)).map_err(|e| {
            if e.is_instance_of::<PyNotImplementedError>(py) {
                PyRuntimeError::new_err("gort: this event loop has no add_reader")
            } else {
                e
            }
        })?;
        event_loop.setattr(name, &m)?;
        Ok((event_loop, m))
    }

    /// Any thread: an await of this loop has ended.
    fn push(&self, cb: &Callback) {
        self.pushing.fetch_add(1, AcqRel);
        let at = std::ptr::from_ref(cb).cast_mut();
        let mut head = self.head.load(Relaxed);
        loop {
            cb.link.set(head);
            // Release: pairs with the Acquire of `_drain`; what the winner wrote is visible there.
            match self.head.compare_exchange_weak(head, at, AcqRel, Relaxed) {
                Ok(_) => break,
                Err(h) => head = h,
            }
        }
        if head.is_null() {
            // SAFETY: the descriptor is open while the mailbox lives, which waits for us (`pushing`). A full counter is a bell that rings already.
            unsafe { libc::write(self.bell.as_raw_fd(), (&raw const ONE).cast(), 8) };
        }
        // Release: the last access; pairs with the Acquire of `drop`.
        self.pushing.fetch_sub(1, Release);
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        while self.pushing.load(Acquire) != 0 {
            std::hint::spin_loop(); // a write of eight bytes is under way
        }
    }
}

static ONE: u64 = 1;

/// The function of our callbacks: on the winner's thread, inside the runtime (C2).
unsafe fn wake(_: Cx, cb: &Callback) {
    // SAFETY: the await that is enlisted holds its mailbox (A1).
    unsafe { (*cb.arg.get().cast::<Mailbox>()).push(cb) }
}

#[pymethods]
impl Mailbox {
    /// The loop's reader.
    fn _drain(&self, py: Python<'_>) {
        let mut n = 0u64;
        // SAFETY: `n` has room for the counter.
        unsafe { libc::read(self.bell.as_raw_fd(), (&raw mut n).cast(), 8) };
        let mut list = self.head.swap(null_mut(), AcqRel);
        let mut first: *mut Callback = null_mut();
        while !list.is_null() {
            // SAFETY: A4: the whole list is ours; reversed, so that whoever ended first goes first.
            unsafe {
                let next = (*list).link.get().cast_mut();
                (*list).link.set(first);
                first = list;
                list = next;
            }
        }
        while !first.is_null() {
            // SAFETY: each callback was won and called once; its await's reference is ours now (A1).
            unsafe {
                let next = (*first).link.get().cast_mut();
                let owner = (*first).data.replace(null_mut()).cast::<PyObject>();
                let a = Bound::from_owned_ptr(py, owner).cast_into_unchecked::<Await>();
                a.get().arrived.set(true);
                // SAFETY: guarded by the interpreter's lock; taken out before it is called.
                let future = (*a.get().future.get()).as_ref().map(|f| f.clone_ref(py));
                if let Some(f) = future {
                    let f = f.bind(py);
                    let done = f.call_method0(pyo3::intern!(py, "done")).and_then(|d| d.is_truthy()).unwrap_or(true);
                    if !done && let Err(e) = f.call_method1(pyo3::intern!(py, "set_result"), (py.None(),)) {
                        e.write_unraisable(py, None);
                    }
                }
                first = next;
            }
        }
    }
}

/// One operation that is awaited.
#[pyclass(frozen, module = "gort._gort")]
pub struct Await {
    ch: Py<Channel>,
    sends: bool,
    /// Closed ends an `async for`.
    iterates: bool,
    // ---- guarded by the interpreter's lock
    cb: Cell<Option<NonNull<Callback>>>,
    mailbox: UnsafeCell<Option<Py<Mailbox>>>,
    future: UnsafeCell<Option<Py<PyAny>>>,
    /// The loop has been told: nobody else touches the callback any more.
    arrived: Cell<bool>,
    /// The element of a send that has not gone yet; what is left of it is ours.
    word: Cell<Option<u64>>,
    begun: Cell<bool>,
    /// Its value has been passed on: it has none any more.
    given_up: Cell<bool>,
}

// SAFETY: its cells are touched attached only.
unsafe impl Send for Await {}
// SAFETY: as above.
unsafe impl Sync for Await {}

impl Await {
    fn make<'py>(ch: &Bound<'py, Channel>, word: Option<u64>, iterates: bool) -> PyResult<Bound<'py, PyAny>> {
        let a = Await {
            ch: ch.clone().unbind(),
            sends: word.is_some(),
            iterates,
            cb: Cell::new(None),
            mailbox: UnsafeCell::new(None),
            future: UnsafeCell::new(None),
            arrived: Cell::new(false),
            word: Cell::new(word),
            begun: Cell::new(false),
            given_up: Cell::new(false),
        };
        Ok(Bound::new(ch.py(), a)?.into_any())
    }

    /// It has gone ahead with `word` (of a receive), or ended with a status.
    fn done(&self, py: Python<'_>, status: Status, word: u64) -> PyErr {
        match status {
            Status::Ok if self.sends => {
                self.word.set(None);
                PyStopIteration::new_err(())
            }
            Status::Ok => match self.ch.get().value_of(py, word) {
                Ok(v) => PyStopIteration::new_err((v.unbind(),)),
                Err(e) => e,
            },
            Status::Closed if self.iterates => PyStopAsyncIteration::new_err(()),
            s => errors::of(py, s),
        }
    }

    /// Tries; enlists and returns a future if it must wait, else how it ended.
    fn begin<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, a) = (slf.py(), slf.get());
        let ch = a.ch.get();
        if !a.sends {
            match ch.try_recv_word(py)? {
                Ok(w) => return Err(a.done(py, Status::Ok, w)),
                Err(Status::WouldBlock) => {}
                Err(s) => return Err(a.done(py, s, 0)),
            }
        }
        let (event_loop, mailbox) = Mailbox::of_running_loop(py)?;
        let future = event_loop.call_method0(pyo3::intern!(py, "create_future"))?;
        future.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?; // before anything is enlisted
        let at = std::ptr::from_ref(mailbox.get()).cast_mut().cast();
        let cb = Callback::create(wake, at).map_err(|s| errors::of(py, s))?;
        // SAFETY: the callback is ours, and in no wait yet.
        let status = unsafe {
            let c = cb.as_ref();
            c.slot.get().write([a.word.get().unwrap_or(0), 0]);
            // Before anybody can win it: the reference of A1, the mailbox and the future.
            c.data.set(slf.clone().into_ptr().cast());
            *a.mailbox.get() = Some(mailbox);
            *a.future.get() = Some(future.clone().unbind());
            a.cb.set(Some(cb));
            if a.sends { later::send(ch.raw(), c) } else { later::recv(ch.raw(), c) }
        };
        if status == Status::WouldBlock {
            return Ok(future);
        }
        // SAFETY: not enlisted: the reference and the callback are ours again.
        unsafe {
            let word = (*cb.as_ref().slot.get())[0];
            ffi::Py_DECREF(cb.as_ref().data.replace(null_mut()).cast());
            a.forget(cb);
            Err(a.done(py, status, word))
        }
    }

    /// The callback's wait is over, and its call has come: it is given back.
    unsafe fn forget(&self, cb: NonNull<Callback>) {
        self.cb.set(None);
        // SAFETY: contract.
        unsafe { Callback::free(cb) }
    }

    /// The loop resumes the task.
    fn go_on<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, a) = (slf.py(), slf.get());
        if a.given_up.get() {
            return Err(PyRuntimeError::new_err("gort: awaited again after it was cancelled"));
        }
        let Some(cb) = a.cb.get() else { return Err(PyRuntimeError::new_err("gort: awaited twice")) };
        if !a.arrived.get() {
            // Resumed by somebody else: still waiting.
            // SAFETY: guarded by the interpreter's lock.
            let f = unsafe { (*a.future.get()).as_ref().map(|f| f.bind(py).clone()) };
            let Some(f) = f else { return Err(PyRuntimeError::new_err("gort: awaited twice")) };
            f.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
            return Ok(f);
        }
        // SAFETY: the call has come (A3).
        unsafe {
            let (status, word) = (later::outcome(cb.as_ref()), (*cb.as_ref().slot.get())[0]);
            a.forget(cb);
            Err(a.done(py, status, word))
        }
    }

    /// A2.
    fn give_up(&self, py: Python<'_>) {
        if self.given_up.replace(true) {
            return;
        }
        if let Some(cb) = self.cb.get() {
            let ch = self.ch.get();
            // SAFETY: ours; A1, A3.
            unsafe {
                if !self.arrived.get() && later::withdraw(ch.raw(), cb.as_ref(), self.sends) {
                    ffi::Py_DECREF(cb.as_ref().data.replace(null_mut()).cast());
                    self.forget(cb);
                } else {
                    let _ = raw::len(ch.raw()); // the winner has left the lock
                    if later::outcome(cb.as_ref()).is_ok() {
                        if self.sends {
                            self.word.set(None);
                        } else {
                            let word = (*cb.as_ref().slot.get())[0];
                            if !later::give_back(ch.raw(), (&raw const word).cast()).is_ok() {
                                ch.forget_word(py, word);
                            }
                        }
                    }
                    if self.arrived.get() {
                        self.forget(cb);
                    } // else the loop frees it when the call comes
                }
            }
        }
    }
}

#[pymethods]
impl Await {
    #[allow(clippy::self_named_constructors)] // the name of Python's protocol
    fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        if slf.get().begun.replace(true) { Await::go_on(slf) } else { Await::begin(slf) }
    }

    fn send<'py>(slf: &Bound<'py, Self>, _value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        Await::__next__(slf)
    }

    /// The task is cancelled, or something else is raised where it waits.
    #[pyo3(signature = (kind, value=None, traceback=None))]
    fn throw(
        &self,
        py: Python<'_>,
        kind: &Bound<'_, PyAny>,
        value: Option<&Bound<'_, PyAny>>,
        traceback: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<Py<PyAny>> {
        let _ = traceback;
        self.give_up(py);
        let e = match value {
            Some(v) if !v.is_none() => v.clone(),
            _ if kind.is_callable() => kind.call0()?,
            _ => kind.clone(),
        };
        Err(PyErr::from_value(e))
    }

    fn close(&self, py: Python<'_>) {
        self.give_up(py)
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ch)?;
        // SAFETY: the collector runs attached; nothing is changed.
        unsafe {
            visit.call(&*self.future.get())?;
            visit.call(&*self.mailbox.get())
        }
    }
}

impl Drop for Await {
    fn drop(&mut self) {
        // SAFETY: objects of a frozen class are deallocated attached.
        let py = unsafe { Python::assume_attached() };
        if let Some(cb) = self.cb.get() {
            // Not enlisted any more, or its reference would hold us (A1).
            // SAFETY: its call has come.
            unsafe { self.forget(cb) }
        }
        if let Some(w) = self.word.take() {
            self.ch.get().forget_word(py, w);
        }
    }
}

/// `await ch.recv_async()`.
pub fn recv<'py>(ch: &Bound<'py, Channel>) -> PyResult<Bound<'py, PyAny>> {
    Await::make(ch, None, false)
}

/// `async for`.
pub fn next<'py>(ch: &Bound<'py, Channel>) -> PyResult<Bound<'py, PyAny>> {
    Await::make(ch, None, true)
}

/// `await ch.send_async(value)`.
pub fn send<'py>(ch: &Bound<'py, Channel>, value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let word = ch.get().word_of(value)?;
    Await::make(ch, Some(word), false)
}

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

use crate::aio_later::LaterAwait;
use crate::aio_select::SelectAwait;
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

/// The protocol of an object that is awaited (PEP 492, and a generator's `send`, `throw`, `close`), for a class with `begun`, `begin`, `go_on` and `give_up`; and what else Python sees of it.
/// A macro, for a class has one block of such methods.
macro_rules! awaitable {
    ($Await:ident { $($more:tt)* }) => {
        #[pymethods]
        impl $Await {
            #[allow(clippy::self_named_constructors)] // the name of Python's protocol
            fn __await__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
                slf
            }

            fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
                slf
            }

            fn __next__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
                if slf.get().begun.replace(true) { $Await::go_on(slf) } else { $Await::begin(slf) }
            }

            fn send<'py>(slf: &Bound<'py, Self>, _value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
                $Await::__next__(slf)
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
                Err(thrown(kind, value)?)
            }

            fn close(&self, py: Python<'_>) {
                self.give_up(py)
            }

            $($more)*
        }
    };
}
pub(crate) use awaitable;

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
                let owner = Bound::from_owned_ptr(py, (*first).data.replace(null_mut()).cast::<PyObject>());
                if let Ok(a) = owner.cast_exact::<Await>() {
                    a.get().waiting.arrive(py)
                } else if let Ok(s) = owner.cast_exact::<SelectAwait>() {
                    s.get().arrive(py)
                } else if let Ok(l) = owner.cast_exact::<LaterAwait>() {
                    l.get().arrive(py)
                }
                first = next;
            }
        }
    }
}

/// What an await has while it is enlisted. Guarded by the interpreter's lock.
pub struct Waiting {
    cb: Cell<Option<NonNull<Callback>>>,
    mailbox: UnsafeCell<Option<Py<Mailbox>>>,
    future: UnsafeCell<Option<Py<PyAny>>>,
    /// The loop has been told: nobody else touches the callback any more.
    arrived: Cell<bool>,
}

impl Waiting {
    pub fn new() -> Waiting {
        Waiting {
            cb: Cell::new(None),
            mailbox: UnsafeCell::new(None),
            future: UnsafeCell::new(None),
            arrived: Cell::new(false),
        }
    }

    /// Makes a callback that holds `owner` (A1) and tells the running loop, and a future of that loop; both before anything is enlisted. Returns the loop and the future.
    pub fn prepare<'py>(
        &self,
        owner: &Bound<'py, PyAny>,
    ) -> PyResult<(&Callback, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let py = owner.py();
        let (event_loop, mailbox) = Mailbox::of_running_loop(py)?;
        let future = event_loop.call_method0(pyo3::intern!(py, "create_future"))?;
        future.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
        let at = std::ptr::from_ref(mailbox.get()).cast_mut().cast();
        let cb = Callback::create(wake, at).map_err(|s| errors::of(py, s))?;
        // SAFETY: the callback is ours, and in no wait yet; the cells are guarded by the interpreter's lock.
        unsafe {
            cb.as_ref().data.set(owner.clone().into_ptr().cast());
            *self.mailbox.get() = Some(mailbox);
            *self.future.get() = Some(future.clone().unbind());
            self.cb.set(Some(cb));
            Ok((cb.as_ref(), event_loop, future))
        }
    }

    /// The callback, while there is one.
    pub fn callback(&self) -> Option<&Callback> {
        // SAFETY: ours until `forget`.
        self.cb.get().map(|cb| unsafe { cb.as_ref() })
    }

    /// It was not enlisted, or was withdrawn: the function will not be called, and the reference of A1 and the callback are ours again.
    pub fn take_back(&self) {
        if let Some(cb) = self.callback() {
            // SAFETY: attached; the reference was the callback's. The caller has another.
            unsafe { ffi::Py_XDECREF(cb.data.replace(null_mut()).cast()) };
            self.forget()
        }
    }

    /// The callback's wait is over, and its call has come, or will not: it is given back.
    pub fn forget(&self) {
        if let Some(cb) = self.cb.take() {
            // SAFETY: ours.
            unsafe { Callback::free(cb) }
        }
    }

    /// Has the call come?
    pub fn has_arrived(&self) -> bool {
        self.arrived.get()
    }

    /// The call has come.
    pub fn arrive(&self, py: Python<'_>) {
        self.arrived.set(true);
        self.complete(py)
    }

    /// The await goes on.
    pub fn complete(&self, py: Python<'_>) {
        let Some(f) = self.future(py) else { return };
        let done = f.call_method0(pyo3::intern!(py, "done")).and_then(|d| d.is_truthy()).unwrap_or(true);
        if !done && let Err(e) = f.call_method1(pyo3::intern!(py, "set_result"), (py.None(),)) {
            e.write_unraisable(py, None);
        }
    }

    fn future<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        // SAFETY: guarded by the interpreter's lock; a reference of its own is taken before anything is called.
        unsafe { (*self.future.get()).as_ref().map(|f| f.bind(py).clone()) }
    }

    /// Resumed by somebody else: it waits still.
    pub fn go_on_waiting<'py>(&self, py: Python<'py>) -> Result<Bound<'py, PyAny>, PyErr> {
        let Some(f) = self.future(py) else { return Err(PyRuntimeError::new_err("gort: awaited twice")) };
        f.setattr(pyo3::intern!(py, "_asyncio_future_blocking"), true)?;
        Ok(f)
    }

    pub fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        // SAFETY: the collector runs attached; nothing is changed.
        unsafe {
            visit.call(&*self.future.get())?;
            visit.call(&*self.mailbox.get())
        }
    }
}

/// What `throw` of an awaitable raises.
pub fn thrown(kind: &Bound<'_, PyAny>, value: Option<&Bound<'_, PyAny>>) -> PyResult<PyErr> {
    let e = match value {
        Some(v) if !v.is_none() => v.clone(),
        _ if kind.is_callable() => kind.call0()?,
        _ => kind.clone(),
    };
    Ok(PyErr::from_value(e))
}

/// One operation that is awaited.
#[pyclass(frozen, module = "gort._gort")]
pub struct Await {
    ch: Py<Channel>,
    sends: bool,
    /// Closed ends an `async for`.
    iterates: bool,
    waiting: Waiting,
    // ---- guarded by the interpreter's lock
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
            waiting: Waiting::new(),
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
        let (cb, _, future) = a.waiting.prepare(slf.as_any())?;
        // SAFETY: the callback is ours, and in no wait yet.
        let status = unsafe {
            cb.slot.get().write([a.word.get().unwrap_or(0), 0]);
            if a.sends { later::send(ch.raw(), cb) } else { later::recv(ch.raw(), cb) }
        };
        if status == Status::WouldBlock {
            return Ok(future);
        }
        // SAFETY: it is not enlisted.
        let word = unsafe { (*cb.slot.get())[0] };
        a.waiting.take_back();
        Err(a.done(py, status, word))
    }

    /// The loop resumes the task.
    fn go_on<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, a) = (slf.py(), slf.get());
        if a.given_up.get() {
            return Err(PyRuntimeError::new_err("gort: awaited again after it was cancelled"));
        }
        let Some(cb) = a.waiting.callback() else { return Err(PyRuntimeError::new_err("gort: awaited twice")) };
        if !a.waiting.has_arrived() {
            return a.waiting.go_on_waiting(py);
        }
        // SAFETY: the call has come (A3).
        let (status, word) = (later::outcome(cb), unsafe { (*cb.slot.get())[0] });
        a.waiting.forget();
        Err(a.done(py, status, word))
    }

    /// A2.
    fn give_up(&self, py: Python<'_>) {
        if self.given_up.replace(true) {
            return;
        }
        let Some(cb) = self.waiting.callback() else { return };
        let ch = self.ch.get();
        // SAFETY: ours; A1, A3.
        unsafe {
            if !self.waiting.has_arrived() && later::withdraw(ch.raw(), cb, self.sends) == Ok(true) {
                return self.waiting.take_back();
            }
            let _ = raw::len(ch.raw()); // the winner has left the lock
            if later::outcome(cb).is_ok() {
                if self.sends {
                    self.word.set(None);
                } else {
                    let word = (*cb.slot.get())[0];
                    if !ch.give_back((&raw const word).cast()).is_ok() {
                        ch.forget_word(py, word);
                    }
                }
            }
        }
        if self.waiting.has_arrived() {
            self.waiting.forget();
        } // else the loop frees it when the call comes
    }
}

awaitable!(Await {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ch)?;
        self.waiting.traverse(&visit)
    }
});

impl Drop for Await {
    fn drop(&mut self) {
        // SAFETY: objects of a frozen class are deallocated attached.
        let py = unsafe { Python::assume_attached() };
        self.waiting.forget(); // not enlisted any more, or its reference would hold us (A1)
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

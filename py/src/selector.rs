//! `Selector`: cases that are registered once; a wait costs what happened, not what is registered (core's `chan/selector.rs`).
//!
//! Y1  `state` is guarded by its mutex, under which nothing of a user runs and no object is given up. It is not held over a wait: then `busy` is set, and whatever would change the cases is
//!     refused.
//! Y2  The element of a case lies in its own box, where core and its peers find it while somebody waits.
//! Y3  A send case is armed while its box holds an element, which is the case's; only then core knows the case. When it has been sent the case stays, and is armed again by `set`.
//! Y4  The collector sees the elements of armed cases unless somebody waits: then a peer may have taken one already, and whoever waits holds the selector anyway.

use crate::call::{Caller, Limits};
use crate::chan::{Channel, Given};
use crate::context::Context;
use crate::elem::Kind;
use crate::select::{Case, interrupted};
use crate::{errors, got};
use gort::chan::select::{Case as Core, Op};
use gort::chan::selector::{self, Selector as RawSelector};
use gort::status::Status;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::UnsafeCell;
use std::ptr::NonNull;
use std::sync::{Mutex, MutexGuard};

/// Core does not know the case.
const UNKNOWN: usize = usize::MAX;

/// A case that is registered.
struct Entry {
    op: Op,
    /// None: switched off.
    ch: Option<Py<Channel>>,
    /// Y2.
    slot: Box<UnsafeCell<u64>>,
    /// The box holds the element of a send (Y3).
    armed: bool,
    /// Core's index, or UNKNOWN.
    core: usize,
}

impl Entry {
    /// The object that it holds.
    fn object(&self) -> Option<*mut ffi::PyObject> {
        let ch = self.ch.as_ref().filter(|_| self.armed)?;
        // SAFETY: the box is ours while nobody waits, and callers see to that (Y1).
        matches!(ch.get().kind(), Kind::Object).then(|| unsafe { *self.slot.get() as *mut ffi::PyObject })
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        if let Some(o) = self.object() {
            // SAFETY: Y3; attached, as whoever drops what an object of Python has.
            unsafe { ffi::Py_DECREF(o) }
        }
    }
}

struct State {
    /// None: closed.
    raw: Option<NonNull<RawSelector>>,
    entries: Vec<Option<Entry>>,
    /// From core's index to ours.
    by_core: Vec<usize>,
    busy: bool,
}

/// Cases that are registered once and waited for again and again.
#[pyclass(frozen, module = "gort", weakref, generic)]
pub struct Selector {
    state: Mutex<State>,
}

// SAFETY: Y1; core's selector has its own lock.
unsafe impl Send for Selector {}
// SAFETY: as above.
unsafe impl Sync for Selector {}

/// Why a call was refused.
enum Refused {
    Status(Status),
    Misuse(&'static str),
    Invalid(String),
}

impl Refused {
    #[cold]
    fn raise(self, py: Python<'_>) -> PyErr {
        match self {
            Refused::Status(s) => errors::of(py, s),
            Refused::Misuse(text) => errors::misuse(py, text),
            Refused::Invalid(text) => errors::invalid(py, &text),
        }
    }
}

impl State {
    /// The selector, if nobody waits on it. A task that was given up while it did (its run is over, and it is never resumed) is nobody.
    fn raw(&mut self) -> Result<NonNull<RawSelector>, Refused> {
        if self.busy
            && let Some(raw) = self.raw
            // SAFETY: a live selector, until it is closed.
            && let Some(won) = unsafe { selector::take_over(raw.as_ptr()) }
        {
            self.busy = false;
            if let Some(index) = won.map(|at| self.by_core[at])
                && let Ok(e) = self.entry(index)
                && e.op == Op::Send
            {
                e.armed = false; // sent, and nobody learned of it
                self.disarm(index)
            }
        }
        if self.busy {
            return Err(Refused::Misuse("another task or thread waits on the selector"));
        }
        self.raw.ok_or(Refused::Misuse("the selector is closed"))
    }

    fn entry(&mut self, index: usize) -> Result<&mut Entry, Refused> {
        let e = self.entries.get_mut(index).and_then(Option::as_mut);
        e.ok_or_else(|| Refused::Invalid(format!("index: there is no case {index}")))
    }

    /// Makes core know the case `index`, whose box is filled.
    fn arm(&mut self, index: usize) -> Result<(), Refused> {
        let raw = self.raw()?;
        let e = self.entry(index)?;
        let Some(ch) = &e.ch else { return Ok(()) };
        let core = Core { op: e.op, ..Core::recv(ch.get().raw(), e.slot.get().cast()) };
        // SAFETY: a live selector; the box stays until the case is removed.
        let at = unsafe { selector::add(raw.as_ptr(), core) }.map_err(Refused::Status)?;
        e.core = at;
        if self.by_core.len() <= at {
            self.by_core.resize(at + 1, 0)
        }
        self.by_core[at] = index;
        Ok(())
    }

    /// Makes core forget the case.
    fn disarm(&mut self, index: usize) {
        if let (Some(raw), Ok(e)) = (self.raw, self.entry(index))
            && e.core != UNKNOWN
        {
            let at = std::mem::replace(&mut e.core, UNKNOWN);
            // SAFETY: a live selector on which nobody waits.
            let _ = unsafe { selector::remove(raw.as_ptr(), at) };
        }
    }
}

impl Selector {
    fn state(&self) -> MutexGuard<'_, State> {
        match self.state.lock() {
            Ok(s) => s,
            Err(p) => p.into_inner(),
        }
    }

    /// Takes every case out. What they hold is dropped by the caller, who does not hold the mutex.
    fn end(&self) -> Result<Vec<Option<Entry>>, Refused> {
        let mut s = self.state();
        if s.raw.is_none() {
            return Ok(Vec::new());
        }
        let raw = s.raw()?;
        s.raw = None;
        // SAFETY: ours, given up once. From before a fork it is gone already.
        let _ = unsafe { selector::free(raw.as_ptr()) };
        Ok(std::mem::take(&mut s.entries))
    }
}

/// While it lives the selector is somebody's who waits.
struct Busy<'a>(&'a Selector);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.state().busy = false
    }
}

/// A case that went ahead.
struct Chosen {
    index: usize,
    op: Op,
    status: Status,
    /// What was received, and from where.
    received: Option<(Py<Channel>, u64)>,
}

impl Selector {
    fn wait_one(&self, py: Python<'_>, limits: Limits<'_>, may_block: bool) -> PyResult<Result<Chosen, Status>> {
        let c = Caller::new(py)?;
        let raw = {
            let mut s = self.state();
            let raw = s.raw().map_err(|r| r.raise(py))?;
            s.busy = true;
            raw
        };
        let busy = Busy(self);
        // SAFETY: a live selector: it is not given back while `busy`; Y2.
        let end = c.wait_in(py, limits, may_block, |wait, may_block| unsafe {
            selector::wait(raw.as_ptr(), wait, may_block)
        })?;
        let (at, status) = match end {
            Ok(x) => x,
            Err(s @ (Status::TimedOut | Status::WouldBlock)) if !PyErr::occurred(py) => return Ok(Err(s)),
            Err(s) => return Err(c.error(py, s)),
        };
        let mut s = self.state();
        let index = s.by_core[at];
        let e = s.entry(index).map_err(|r| r.raise(py))?;
        let (op, slot) = (e.op, e.slot.get());
        let mut received = None;
        match (op, status, &e.ch) {
            // SAFETY: the wait is over: what lies in the box is ours.
            (Op::Recv, Status::Ok, Some(ch)) => received = Some((ch.clone_ref(py), unsafe { *slot })),
            (Op::Send, Status::Ok, _) => {
                e.armed = false;
                s.disarm(index)
            }
            _ => {}
        }
        drop(s);
        if c.is_interrupted(py) {
            let from = received.as_ref().map(|(ch, _)| ch.get());
            // SAFETY: as above; nobody else waits yet (`busy`).
            if let Some(e) = unsafe { interrupted(py, &c, from, slot) } {
                return Err(e);
            }
        }
        drop(busy);
        Ok(Ok(Chosen { index, op, status, received }))
    }
}

#[pymethods]
impl Selector {
    #[new]
    fn new(py: Python<'_>) -> PyResult<Selector> {
        crate::lane::thread(py)?;
        let raw = selector::create().map_err(|s| errors::of(py, s))?;
        let state = State { raw: Some(raw), entries: Vec::new(), by_core: Vec::new(), busy: false };
        Ok(Selector { state: Mutex::new(state) })
    }

    /// Registers a case of recv() or send() and returns its index, the lowest that is free. A send case sends its value once; set() gives it another.
    #[pyo3(signature = (case, /))]
    fn add(&self, py: Python<'_>, case: &Bound<'_, Case>) -> PyResult<usize> {
        let case = case.get();
        if case.op() == Op::After {
            return Err(errors::invalid(py, "case: a Selector has none for a time; wait(timeout=) has one"));
        }
        let entry = Entry {
            op: case.op(),
            ch: case.channel().map(|c| c.clone_ref(py)),
            slot: Box::new(UnsafeCell::new(case.element())),
            armed: case.op() == Op::Send && case.channel().is_some(),
            core: UNKNOWN,
        };
        let mut s = self.state();
        let index = s.entries.iter().position(Option::is_none).unwrap_or(s.entries.len());
        if index == s.entries.len() {
            s.entries.push(None)
        }
        s.entries[index] = Some(entry);
        let Err(refused) = s.arm(index) else { return Ok(index) };
        let entry = s.entries[index].take();
        drop(s);
        drop(entry);
        Err(refused.raise(py))
    }

    /// Gives a send case the value that it sends next, once. One that has not been sent yet is replaced.
    #[pyo3(signature = (index, value, /))]
    fn set(&self, py: Python<'_>, index: usize, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let ch = {
            let mut s = self.state();
            let e = s.raw().and_then(|_| s.entry(index));
            let ch = e.and_then(|e| match (&e.ch, e.op) {
                (Some(ch), Op::Send) => Ok(ch.clone_ref(py)),
                (None, Op::Send) => Err(Refused::Invalid(format!("index: case {index} is switched off"))),
                _ => Err(Refused::Invalid(format!("index: case {index} receives"))),
            });
            ch.map_err(|r| r.raise(py))?
        };
        let word = ch.get().word_of(value)?; // may run code of a user, who may change the cases
        let mut s = self.state();
        let done = s.raw().and_then(|_| s.entry(index)).and_then(|e| {
            if e.op != Op::Send || !e.ch.as_ref().is_some_and(|c| c.is(&ch)) {
                return Err(Refused::Misuse("the case was changed meanwhile"));
            }
            // SAFETY: the box is ours while nobody waits.
            let old = unsafe { std::mem::replace(&mut *e.slot.get(), word) };
            Ok(std::mem::replace(&mut e.armed, true).then_some(old))
        });
        let (unused, refused) = match done {
            Ok(Some(old)) => (Some(old), None),
            Ok(None) => match s.arm(index) {
                Ok(()) => (None, None),
                Err(r) => {
                    let _ = s.entry(index).map(|e| e.armed = false);
                    (Some(word), Some(r))
                }
            },
            Err(r) => (Some(word), Some(r)),
        };
        drop(s);
        if let Some(word) = unused {
            ch.get().forget_word(py, word)
        }
        refused.map_or(Ok(()), |r| Err(r.raise(py)))
    }

    /// Takes a case out, with what it would have sent. Its index may be given to another.
    #[pyo3(signature = (index, /))]
    fn remove(&self, py: Python<'_>, index: usize) -> PyResult<()> {
        let mut s = self.state();
        if let Err(r) = s.raw().and_then(|_| s.entry(index).map(|_| ())) {
            drop(s);
            return Err(r.raise(py));
        }
        s.disarm(index);
        let entry = s.entries[index].take();
        drop(s);
        drop(entry);
        Ok(())
    }

    /// Waits until one of the cases can go ahead, does it, and returns Got(index, value), as select() does. Those that can go ahead take turns. One task or thread waits at a time.
    ///
    /// A receive from a closed and drained channel is ready each time, with `ok` False, until it is removed; a send on a closed one raises Closed, with `index`, each time.
    #[pyo3(signature = (*, timeout=None, ctx=None, default=Given(None)), text_signature = "($self, *, timeout=None, ctx=None, default=...)")]
    fn wait<'py>(
        &self,
        py: Python<'py>,
        timeout: Option<f64>,
        ctx: Option<&Bound<'_, Context>>,
        default: Given<'py>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let may_block = default.0.is_none() || timeout.is_some();
        let chosen = match (self.wait_one(py, Limits::of(timeout, ctx), may_block)?, default.0) {
            (Ok(chosen), _) => chosen,
            (Err(_), Some(default)) => return got::make(py, -1, default, true),
            (Err(s), None) => return Err(errors::of(py, s)),
        };
        let index = chosen.index;
        if chosen.status.is_ok() {
            let value = match chosen.received {
                Some((ch, word)) => ch.get().value_of(py, word)?,
                None => py.None().into_bound(py),
            };
            return got::make(py, index as isize, value, true);
        }
        crate::select::closed(py, chosen.op, index)
    }

    /// Takes every case out, with what they would have sent. A closed selector has no other use.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        let entries = self.end().map_err(|r| r.raise(py))?;
        drop(entries);
        Ok(())
    }

    fn __len__(&self) -> usize {
        self.state().entries.iter().flatten().count()
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exc))]
    fn __exit__(&self, py: Python<'_>, _exc: &Bound<'_, PyTuple>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let s = self.state();
        let n = s.entries.iter().flatten().count();
        let what = if s.raw.is_none() { "closed".into() } else { format!("{n} case{}", if n == 1 { "" } else { "s" }) };
        format!("<gort.Selector {what}>")
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        // Held: by a thread that was stopped in the middle of a change (there is no GIL then); what is not visited is kept.
        let Ok(s) = self.state.try_lock() else { return Ok(()) };
        for e in s.entries.iter().flatten() {
            visit.call(&e.ch)?;
            if !s.busy
                && let Some(o) = e.object()
            {
                // SAFETY: Y3, Y4: the reference is the selector's; it is only looked at.
                let o = std::mem::ManuallyDrop::new(unsafe {
                    Bound::from_owned_ptr(Python::assume_attached(), o).unbind()
                });
                visit.call(&*o)?
            }
        }
        Ok(())
    }

    fn __clear__(&self) {
        drop(self.end())
    }
}

impl Drop for Selector {
    fn drop(&mut self) {
        drop(self.end())
    }
}

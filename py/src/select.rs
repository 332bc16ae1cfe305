//! `select`, and the cases it is given: `recv(channel)`, `send(channel, value)`, `after(seconds)`, `None`. The choice is core's (`chan/select.rs`).
//!
//! X1  A case is a small frozen object that may be used again and again. What a send case sends is evaluated when the case is made (S1).
//! X2  While the call waits its elements lie in the task's own slot or on the heap (D4; the waiters are core's business).
//! X3  An element of a send is a reference of the call's own until it is sent, and is given up by the call if another case was chosen, or none. It never was the last one: the case has one, and
//!     the call has the case. So nothing of a user runs before the call has ended.
//! X4  A received element is the call's. If a signal's exception came with it, it goes back to the channel.

use crate::call::{Caller, Limits};
use crate::chan::{Channel, Given};
use crate::context::Context;
use crate::elem::Kind;
use crate::ends::{Receiver, Sender};
use crate::timer::{Ticker, Timer};
use crate::{errors, got};
use gort::chan::select::{Case as Core, Manner, Op, select as choose};
use gort::sched;
use gort::status::Status;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ptr::{null, null_mut};

/// One thing that a select may do. Made by recv(), send() and after().
#[pyclass(frozen, module = "gort", generic)]
pub struct Case {
    op: Op,
    /// None: switched off (S5), or `after`.
    ch: Option<Py<Channel>>,
    /// What a send sends: for a channel of objects this holds what `word` points to.
    value: Option<Py<PyAny>>,
    /// The element of a send.
    word: u64,
    /// When `after` is ready.
    time: sched::Time,
}

impl Case {
    /// One that is switched off, for core.
    pub const OFF: Core = OFF;

    pub fn op(&self) -> Op {
        self.op
    }

    pub fn channel(&self) -> Option<&Py<Channel>> {
        self.ch.as_ref()
    }

    /// The element of a send: of a channel of objects, a new reference.
    #[inline(always)]
    pub fn element(&self) -> u64 {
        if self.value.is_some() {
            // SAFETY: attached; the case holds it.
            unsafe { ffi::Py_INCREF(self.word as *mut ffi::PyObject) }
        }
        self.word
    }

    /// For core; without its place, and its element not counted yet: `rest` is the element, whether it is to be counted, and the channel's struct.
    #[inline(always)]
    pub fn core(&self) -> Core {
        match &self.ch {
            Some(ch) => Core {
                op: self.op,
                chan: ch.get().raw(),
                rest: [self.word as usize, self.value.is_some() as usize, std::ptr::from_ref(ch.get()) as usize],
                ..OFF
            },
            None => Core { op: self.op, time: self.time, ..OFF },
        }
    }
}

/// A case that is switched off.
const OFF: Core = Core::recv(null(), null_mut());

#[pymethods]
impl Case {
    fn __repr__(&self) -> String {
        match (&self.ch, self.op) {
            (_, Op::After) => format!("<gort.Case after {:.3} s>", (self.time - sched::now()) as f64 * 1e-9),
            (None, _) => "<gort.Case switched off>".into(),
            (Some(ch), Op::Send) => format!("<gort.Case send on {}>", ch.get().text("Channel")),
            (Some(ch), _) => format!("<gort.Case receive from {}>", ch.get().text("Channel")),
        }
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.ch)?;
        visit.call(&self.value)
    }
}

/// The channel of a maker's argument; None switches the case off.
#[inline(always)]
fn channel_of(maker: &str, end: &str, source: &Bound<'_, PyAny>) -> PyResult<Option<Py<Channel>>> {
    let py = source.py();
    if let Ok(ch) = source.cast_exact::<Channel>() {
        return Ok(Some(ch.clone().unbind()));
    }
    match end {
        "Sender" => {
            if let Ok(s) = source.cast_exact::<Sender>() {
                return Ok(Some(s.get().ch.clone_ref(py)));
            }
        }
        _ => {
            if let Ok(r) = source.cast_exact::<Receiver>() {
                return Ok(Some(r.get().ch.clone_ref(py)));
            }
            if let Ok(t) = source.cast_exact::<Timer>() {
                return Ok(Some(t.get().ch.clone_ref(py)));
            }
            if let Ok(c) = source.cast_exact::<Context>() {
                return c.get().done_channel(source.py());
            }
            if let Ok(t) = source.cast_exact::<Ticker>() {
                return Ok(Some(t.get().ch.clone_ref(py)));
            }
        }
    }
    if source.is_none() {
        return Ok(None);
    }
    let name = source.get_type().name()?;
    let ends = if end == "Sender" { end } else { "Receiver, a Timer, a Ticker, a Context" };
    Err(PyTypeError::new_err(format!("gort.{maker}: a Channel, a {ends} or None is needed, not {name}")))
}

/// A case of select: receives from a channel, or a timer; of a context, it is ready when that has ended, with `ok` False. None switches it off.
#[pyfunction]
#[pyo3(signature = (source, /))]
pub fn recv(source: &Bound<'_, PyAny>) -> PyResult<Case> {
    let ch = channel_of("recv", "Receiver", source)?;
    Ok(Case { op: Op::Recv, ch, value: None, word: 0, time: OFF.time })
}

/// A case of select: sends the value on a channel. None instead of a channel switches it off.
#[pyfunction]
#[pyo3(signature = (target, value, /))]
pub fn send(target: &Bound<'_, PyAny>, value: Bound<'_, PyAny>) -> PyResult<Case> {
    let ch = channel_of("send", "Sender", target)?;
    let (value, word) = match ch.as_ref().map(|c| c.get().kind()) {
        Some(Kind::Fixed(code)) => (None, code.encode(&value)?),
        Some(Kind::Object) => {
            let word = value.as_ptr() as u64;
            (Some(value.unbind()), word)
        }
        None => (None, 0),
    };
    Ok(Case { op: Op::Send, ch, value, word, time: OFF.time })
}

/// A case of select that is ready so many seconds from now on, whenever it is used. Its value is the time it was due, as now() tells it.
#[pyfunction]
#[pyo3(signature = (seconds, /))]
pub fn after(py: Python<'_>, seconds: f64) -> PyResult<Case> {
    if seconds.is_nan() {
        return Err(errors::invalid(py, "seconds: not a number"));
    }
    let time = sched::now().saturating_add((seconds * 1e9).clamp(-9.2e18, 9.2e18) as i64);
    Ok(Case { op: Op::After, ch: None, value: None, word: 0, time })
}

/// The case that an argument of select is.
#[inline(always)]
pub fn case_of<'a, 'py>(item: Borrowed<'a, 'py, PyAny>) -> PyResult<Option<Borrowed<'a, 'py, Case>>> {
    if let Ok(case) = item.cast_exact::<Case>() {
        return Ok(Some(case));
    }
    if item.is_none() {
        return Ok(None);
    }
    let name = item.get_type().name()?;
    Err(PyTypeError::new_err(format!(
        "gort: a case is needed, as recv(channel), send(channel, value) or after(seconds) make it, or None, not {name}"
    )))
}

/// As many cases stand on this stack.
const HERE: usize = 4;

/// Waits until one case can go ahead and does it.
#[inline(always)]
fn run<'py>(
    cases: &Bound<'py, PyTuple>,
    limits: Limits<'_>,
    default: Given<'py>,
    biased: bool,
) -> PyResult<Bound<'py, PyAny>> {
    let (py, n) = (cases.py(), cases.len());
    let mut here = [OFF; HERE];
    let mut heap = Vec::new();
    let list = if n <= HERE {
        &mut here[..n]
    } else {
        heap.resize(n, OFF);
        &mut heap[..]
    };
    for (item, core) in cases.iter_borrowed().zip(list.iter_mut()) {
        if let Some(case) = case_of(item)? {
            *core = case.get().core()
        }
    }
    let may_block = default.0.is_none() || limits.may_end();
    let end = {
        let c = Caller::new(py)?;
        let mut words = [0; HERE];
        let mut more = Vec::new();
        // X2: a greenlet's stack moves, a thread's does not.
        let at: *mut u64 = match c.task() {
            _ if n > HERE => {
                more.resize(n, 0u64);
                more.as_mut_ptr()
            }
            Some(t) => t.slot.get().cast(),
            None => words.as_mut_ptr(),
        };
        // SAFETY: `at` has room for `n` words, which stay where they are until the call returns; channels are held by their cases, and those by `cases`.
        unsafe { choose_one(py, &c, list, at, limits, Manner { may_block, biased }) }?
    };
    match (end, default.0) {
        (Ok((i, status, word)), _) => {
            // SAFETY: `i` is below their number.
            let Some(case) = case_of(unsafe { cases.get_borrowed_item_unchecked(i) })? else {
                return Err(errors::misuse(py, "a case that was switched off went ahead"));
            };
            if status.is_ok() { finish(py, case.get(), i, word) } else { closed(py, case.get().op, i) }
        }
        (Err(_), Some(default)) => got::make(py, -1, default, true),
        (Err(s), None) => Err(errors::of(py, s)),
    }
}

/// The index, how it ended, and what was received.
type End = Result<(usize, Status, u64), Status>;

/// X3, X4. What raises is raised; a wait that came to nothing is a status.
///
/// # Safety
/// See `run`.
#[inline(always)]
unsafe fn choose_one(
    py: Python<'_>,
    c: &Caller,
    list: &mut [Core],
    at: *mut u64,
    limits: Limits<'_>,
    manner: Manner,
) -> PyResult<End> {
    let mut counted = false;
    // SAFETY: contract.
    unsafe {
        for (i, case) in list.iter_mut().enumerate() {
            let slot = at.add(i);
            slot.write(case.rest[0] as u64);
            case.at = slot.cast();
            if case.rest[1] != 0 {
                ffi::Py_INCREF(case.rest[0] as *mut ffi::PyObject);
                counted = true;
            }
        }
        let list = &*list;
        let end = c.wait_in(py, limits, manner.may_block, |wait, may_block| {
            choose(list, wait, Manner { may_block, ..manner })
        });
        let done = match end {
            Ok(Ok((i, Status::Ok))) => Some(i),
            _ => None,
        };
        let word = done.map_or(0, |i| at.add(i).read());
        if counted {
            for (i, case) in list.iter().enumerate() {
                if case.rest[1] != 0 && done != Some(i) {
                    ffi::Py_DECREF(case.rest[0] as *mut ffi::PyObject)
                }
            }
        }
        match end? {
            Ok((i, status)) => {
                if c.is_interrupted(py) {
                    let case = &list[i];
                    let received = case.op == Op::Recv && status.is_ok();
                    let received = received.then(|| &*(case.rest[2] as *const Channel));
                    if let Some(e) = interrupted(py, c, received, at.add(i)) {
                        return Err(e);
                    }
                }
                Ok(Ok((i, status, word)))
            }
            Err(s @ (Status::TimedOut | Status::WouldBlock)) if !PyErr::occurred(py) => Ok(Err(s)),
            Err(s) => Err(c.error(py, s)),
        }
    }
}

/// A signal's exception came with the outcome (X4): what to raise. A task that has nothing to give back keeps it for its next call. `received`: from
/// where.
///
/// # Safety
/// `at` holds the received element, which is the caller's.
#[cold]
pub unsafe fn interrupted(py: Python<'_>, c: &Caller, received: Option<&Channel>, at: *mut u64) -> Option<PyErr> {
    if let Some(ch) = received {
        // SAFETY: contract.
        if unsafe { ch.give_back(at.cast()) }.is_ok() {
            return c.take_interrupt(py);
        }
    }
    if c.task().is_some() {
        return None;
    }
    let e = c.take_interrupt(py);
    if let Some(ch) = received {
        // SAFETY: the channel is gone, and the element is still ours.
        ch.forget_word(py, unsafe { at.read() })
    }
    e
}

/// What a case that went ahead gives.
pub fn finish<'py>(py: Python<'py>, case: &Case, i: usize, word: u64) -> PyResult<Bound<'py, PyAny>> {
    let value = match (case.op, &case.ch) {
        (Op::Recv, Some(ch)) => ch.get().value_of(py, word)?,
        (Op::After, _) => (case.time as f64 * 1e-9).into_pyobject(py)?.into_any(),
        _ => py.None().into_bound(py),
    };
    got::make(py, i as isize, value, true)
}

/// A case whose channel is closed: a receive gives None, a send raises Closed, with the case's `index`.
#[cold]
pub fn closed<'py>(py: Python<'py>, op: Op, i: usize) -> PyResult<Bound<'py, PyAny>> {
    if op == Op::Send {
        let e = errors::of(py, Status::Closed);
        let _ = e.value(py).setattr("index", i);
        return Err(e);
    }
    got::make(py, i as isize, py.None().into_bound(py), false)
}

/// Waits until one of the cases can go ahead, does it, and returns Got(index, value): its place among the arguments, and what it received. Of several that can, one is chosen at random.
///
/// A closed and drained channel is ready: the value is None and `ok` is False. A send on a closed one raises Closed, with `index`. `default=`: instead of waiting, or when the timeout is over,
/// Got(-1, default); else a timeout raises TimedOut. A case that is None, or of None, is never ready; without any other the call waits for ever.
#[pyfunction]
#[pyo3(signature = (*cases, timeout=None, ctx=None, default=Given(None)), text_signature = "(*cases, timeout=None, ctx=None, default=...)")]
pub fn select<'py>(
    cases: &Bound<'py, PyTuple>,
    timeout: Option<f64>,
    ctx: Option<&Bound<'_, Context>>,
    default: Given<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    run(cases, Limits::of(timeout, ctx), default, false)
}

/// As select, but of several cases that can go ahead the first is chosen.
#[pyfunction]
#[pyo3(signature = (*cases, timeout=None, ctx=None, default=Given(None)), text_signature = "(*cases, timeout=None, ctx=None, default=...)")]
pub fn select_biased<'py>(
    cases: &Bound<'py, PyTuple>,
    timeout: Option<f64>,
    ctx: Option<&Bound<'_, Context>>,
    default: Given<'py>,
) -> PyResult<Bound<'py, PyAny>> {
    run(cases, Limits::of(timeout, ctx), default, true)
}

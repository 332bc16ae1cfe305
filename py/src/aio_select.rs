//! `select_async`: a select in asyncio, by core's select of a callback party (`chan/later.rs`). How the loop is told stands in `aio.rs`.
//!
//! Z1  As A1: while it is enlisted its callback holds it, so it outlives whatever writes to its places.
//! Z2  Who has seen the end of the wait (the loop's reader, a timer, a cancel) leaves the queues at once, once (`settle`): after that the places are its own.
//! Z3  Elements of sends as in `select.rs` X3; a value that was won by an await that is cancelled goes to the next one, as in A2.
//! Z4  Times are the loop's: a handle of `call_later` withdraws the wait.

use crate::aio::{Waiting, awaitable, thrown};
use crate::chan::Given;
use crate::elem::Kind;
use crate::select::{Case, case_of, closed, finish};
use crate::{errors, got, lane};
use gort::chan::later::Select;
use gort::chan::select::{Case as Core, Manner, Op, select as choose};
use gort::sched::{self, Time};
use gort::status::Status;
use gort::wait::Wait;
use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::ffi;
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::cell::{Cell, UnsafeCell};

/// How it ended.
#[derive(Clone, Copy)]
enum End {
    /// A case went ahead: its index, OK or CLOSED, and what was received.
    Won(usize, Status, u64),
    /// The timeout, or nothing was ready and there is a default.
    Late,
}

/// A select that is awaited.
#[pyclass(frozen, module = "gort._gort")]
pub struct SelectAwait {
    cases: Py<PyTuple>,
    timeout: Option<f64>,
    default: Option<Py<PyAny>>,
    waiting: Waiting,
    // ---- guarded by the interpreter's lock
    /// While it is enlisted; with the words that its cases point to.
    select: UnsafeCell<Option<(Select, Box<[u64]>)>>,
    /// When the timer is due, which case that is (None: the timeout), and its handle.
    due: Cell<Option<(Time, Option<usize>)>>,
    timer: UnsafeCell<Option<Py<PyAny>>>,
    end: Cell<Option<End>>,
    begun: Cell<bool>,
    /// Its value has been passed on: it has none any more.
    given_up: Cell<bool>,
}

// SAFETY: its cells are touched attached only.
unsafe impl Send for SelectAwait {}
// SAFETY: as above.
unsafe impl Sync for SelectAwait {}

/// The cases for core, with their words, each element of a send counted.
fn core_cases(cases: &Bound<'_, PyTuple>) -> PyResult<(Vec<Core>, Box<[u64]>)> {
    let mut list = Vec::with_capacity(cases.len());
    for item in cases.iter_borrowed() {
        list.push(case_of(item)?.map_or(Case::OFF, |c| c.get().core()))
    }
    let mut words: Box<[u64]> = list.iter().map(|c| c.rest[0] as u64).collect();
    let at = words.as_mut_ptr();
    for (i, c) in list.iter_mut().enumerate() {
        // SAFETY: within the box; the reference is that of a living case.
        unsafe {
            c.at = at.add(i).cast();
            if c.rest[1] != 0 {
                ffi::Py_INCREF(c.rest[0] as *mut ffi::PyObject)
            }
        }
    }
    Ok((list, words))
}

/// Gives up the elements that were not sent: all but that of the case `won`.
fn give_up_elements(list: &[Core], won: Option<usize>) {
    for (i, c) in list.iter().enumerate() {
        if c.rest[1] != 0 && won != Some(i) {
            // SAFETY: attached; counted by `core_cases`, and not the last one (X3).
            unsafe { ffi::Py_DECREF(c.rest[0] as *mut ffi::PyObject) }
        }
    }
}

impl SelectAwait {
    /// What ends the await.
    fn raise(&self, py: Python<'_>, end: End) -> PyErr {
        let value = || -> PyResult<_> {
            let cases = self.cases.bind(py);
            let case = |i: usize| -> PyResult<Py<Case>> {
                match case_of(cases.get_borrowed_item(i)?)? {
                    Some(c) => Ok(c.to_owned().unbind()),
                    None => Err(errors::misuse(py, "a case that was switched off went ahead")),
                }
            };
            match (end, &self.default) {
                (End::Won(i, Status::Ok, word), _) => finish(py, case(i)?.get(), i, word),
                (End::Won(i, ..), _) => closed(py, case(i)?.get().op(), i),
                (End::Late, Some(d)) => got::make(py, -1, d.bind(py).clone(), true),
                (End::Late, None) => Err(errors::of(py, Status::TimedOut)),
            }
        };
        match value() {
            Ok(v) => PyStopIteration::new_err((v.unbind(),)),
            Err(e) => e,
        }
    }

    /// Tries; enlists and returns a future if it must wait, else how it ended.
    fn begin<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, s) = (slf.py(), slf.get());
        lane::thread(py)?;
        let (list, words) = core_cases(s.cases.bind(py))?;
        // SAFETY: channels are held by `cases`, and the words stay where they are.
        let tried = unsafe { choose(&list, Wait::FOREVER, Manner::TRY) };
        let end = match tried {
            Ok((i, status)) => Some(End::Won(i, status, words[i])),
            Err(Status::WouldBlock) if s.default.is_some() && s.timeout.is_none() => Some(End::Late),
            Err(Status::WouldBlock) if s.timeout.is_some_and(|t| t <= 0.0) => Some(End::Late),
            Err(Status::WouldBlock) => None,
            Err(status) => {
                give_up_elements(&list, None);
                return Err(errors::of(py, status));
            }
        };
        if let Some(end) = end {
            give_up_elements(&list, sent(end));
            return Err(s.raise(py, end));
        }
        s.enlist(slf, list, words)
    }

    fn enlist<'py>(
        &self,
        slf: &Bound<'py, Self>,
        list: Vec<Core>,
        words: Box<[u64]>,
    ) -> Result<Bound<'py, PyAny>, PyErr> {
        let py = slf.py();
        let deadline = self.timeout.map(|t| (sched::now().saturating_add((t * 1e9).min(9.2e18) as i64), None));
        let times = list.iter().enumerate().filter(|(_, c)| c.op == Op::After).map(|(i, c)| (c.time, Some(i)));
        self.due.set(times.chain(deadline).min_by_key(|(time, _)| *time));
        let ready = || -> PyResult<_> {
            let (cb, event_loop, future) = self.waiting.prepare(slf.as_any())?;
            self.arm(&event_loop, slf)?;
            Ok((cb, future))
        };
        let (cb, future) = match ready() {
            Ok(x) => x,
            Err(e) => {
                give_up_elements(&list, None);
                self.waiting.take_back();
                return Err(e);
            }
        };
        // SAFETY: guarded by the interpreter's lock; the words and channels stay until `settle`; the callback is ours.
        let begun = unsafe {
            let cell = &mut *self.select.get();
            match Select::new(list.clone().into_boxed_slice()) {
                Ok(select) => cell.insert((select, words)).0.begin(cb, false),
                Err(status) => Err(status),
            }
        };
        match begun {
            Err(Status::WouldBlock) => return Ok(future),
            Ok(won) => self.settle(py, Some(won)),
            Err(status) => {
                give_up_elements(&list, None);
                // SAFETY: guarded by the interpreter's lock; it was not enlisted.
                unsafe { *self.select.get() = None }
                self.waiting.take_back();
                self.disarm(py);
                return Err(errors::of(py, status));
            }
        }
        self.waiting.take_back();
        match self.end.take() {
            Some(end) => Err(self.raise(py, end)),
            None => Err(PyRuntimeError::new_err("gort: awaited twice")),
        }
    }

    /// Z4.
    fn arm(&self, event_loop: &Bound<'_, PyAny>, slf: &Bound<'_, Self>) -> PyResult<()> {
        let Some((time, _)) = self.due.get() else { return Ok(()) };
        let seconds = time.saturating_sub(sched::now()).max(0) as f64 * 1e-9;
        let expire = slf.getattr(pyo3::intern!(slf.py(), "_expire"))?;
        // A loop refuses what is more than some weeks away; it is looked at again then.
        let handle = event_loop
            .call_method1(pyo3::intern!(slf.py(), "call_later"), (seconds.min(86_400.0), expire, event_loop))?;
        // SAFETY: guarded by the interpreter's lock; the old one is dropped after it has left the cell.
        let old = unsafe { (*self.timer.get()).replace(handle.unbind()) };
        drop(old);
        Ok(())
    }

    fn disarm(&self, py: Python<'_>) {
        // SAFETY: as in `arm`.
        if let Some(h) = unsafe { (*self.timer.get()).take() }
            && let Err(e) = h.call_method0(py, pyo3::intern!(py, "cancel"))
        {
            e.write_unraisable(py, None)
        }
    }

    /// Z2: the wait is over: `won` by a channel, or not.
    fn settle(&self, py: Python<'_>, won: Option<(usize, Status)>) {
        // SAFETY: guarded by the interpreter's lock; taken out before anything else is done.
        let Some((mut select, words)) = (unsafe { (*self.select.get()).take() }) else { return };
        // SAFETY: it is over; the channels are held by `cases`.
        let _ = unsafe { select.leave() }; // we are never inside gort here
        if let Some((i, status)) = won {
            self.end.set(Some(End::Won(i, status, words[i])))
        }
        give_up_elements(select.cases(), self.end.get().and_then(sent));
        self.disarm(py)
    }

    /// Won by a channel: how. The winner may not have left its lock yet.
    fn won(&self) -> Option<(usize, Status)> {
        // SAFETY: guarded by the interpreter's lock; the won ticket says that nobody writes to the waiter any more once its lock was passed.
        unsafe {
            let (select, _) = (*self.select.get()).as_mut()?;
            select.leave().ok().ok()?;
            select.outcome(self.waiting.callback()?)
        }
    }

    /// The loop is told that a case was won.
    pub fn arrive(&self, py: Python<'_>) {
        let won = self.won();
        self.settle(py, won);
        self.waiting.arrive(py)
    }

    /// The loop resumes the task.
    fn go_on<'py>(slf: &Bound<'py, Self>) -> Result<Bound<'py, PyAny>, PyErr> {
        let (py, s) = (slf.py(), slf.get());
        if s.given_up.get() {
            return Err(PyRuntimeError::new_err("gort: awaited again after it was cancelled"));
        }
        if let Some(end) = s.end.take() {
            s.waiting.forget();
            return Err(s.raise(py, end));
        }
        if s.waiting.callback().is_none() {
            return Err(PyRuntimeError::new_err("gort: awaited twice"));
        }
        s.waiting.go_on_waiting(py)
    }

    /// Z3.
    fn give_up(&self, py: Python<'_>) {
        if self.given_up.replace(true) {
            return;
        }
        if self.withdraw() {
            self.settle(py, None);
            return self.waiting.take_back();
        }
        let won = self.won();
        self.settle(py, won);
        if let Some(End::Won(i, Status::Ok, word)) = self.end.take() {
            self.pass_on(py, i, word)
        }
        if self.waiting.has_arrived() {
            self.waiting.forget()
        } // else the loop frees it when the call comes
    }

    /// True: it was enlisted, and nobody has won it or will.
    fn withdraw(&self) -> bool {
        // SAFETY: guarded by the interpreter's lock.
        match (unsafe { &*self.select.get() }, self.waiting.callback()) {
            (Some((select, _)), Some(cb)) => !self.waiting.has_arrived() && select.withdraw(cb) == Ok(true),
            _ => false,
        }
    }

    /// What was received goes to the next one.
    fn pass_on(&self, py: Python<'_>, i: usize, word: u64) {
        let cases = self.cases.bind(py);
        if let Ok(item) = cases.get_borrowed_item(i)
            && let Ok(Some(case)) = case_of(item)
            && let (Op::Recv, Some(ch)) = (case.get().op(), case.get().channel())
        {
            let ch = ch.get();
            // SAFETY: an element of the channel, which is ours.
            if !unsafe { ch.give_back((&raw const word).cast()) }.is_ok() && matches!(ch.kind(), Kind::Object) {
                ch.forget_word(py, word)
            }
        }
    }
}

/// The case whose element was sent.
fn sent(end: End) -> Option<usize> {
    match end {
        End::Won(i, Status::Ok, _) => Some(i),
        _ => None,
    }
}

awaitable!(SelectAwait {
    /// The loop's timer.
    fn _expire(slf: &Bound<'_, Self>, event_loop: &Bound<'_, PyAny>) -> PyResult<()> {
        let (py, s) = (slf.py(), slf.get());
        let Some((time, case)) = s.due.get() else { return Ok(()) };
        // SAFETY: guarded by the interpreter's lock.
        if unsafe { (*s.select.get()).is_none() } {
            return Ok(()); // it is over
        }
        if sched::now() < time {
            return s.arm(event_loop, slf); // loops round their times
        }
        if s.withdraw() {
            s.end.set(Some(case.map_or(End::Late, |i| End::Won(i, Status::Ok, 0))));
            s.settle(py, None);
            s.waiting.take_back();
            s.waiting.complete(py)
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.cases)?;
        visit.call(&self.default)?;
        // SAFETY: the collector runs attached; nothing is changed.
        visit.call(unsafe { &*self.timer.get() })?;
        self.waiting.traverse(&visit)
    }
});

impl Drop for SelectAwait {
    fn drop(&mut self) {
        // SAFETY: objects of a frozen class are deallocated attached.
        self.give_up(unsafe { Python::assume_attached() });
        self.waiting.forget()
    }
}

/// `await`s a select in asyncio: what select() does, in a running loop. A value that comes when the await is cancelled goes to the next receiver.
#[pyfunction]
#[pyo3(signature = (*cases, timeout=None, default=Given(None)), text_signature = "(*cases, timeout=None, default=...)")]
pub fn select_async(
    py: Python<'_>,
    cases: Bound<'_, PyTuple>,
    timeout: Option<f64>,
    default: Given<'_>,
) -> PyResult<SelectAwait> {
    for item in cases.iter_borrowed() {
        case_of(item)?;
    }
    if timeout.is_some_and(f64::is_nan) {
        return Err(errors::invalid(py, "timeout: not a number"));
    }
    Ok(SelectAwait {
        cases: cases.unbind(),
        timeout,
        default: default.0.map(Bound::unbind),
        waiting: Waiting::new(),
        select: UnsafeCell::new(None),
        due: Cell::new(None),
        timer: UnsafeCell::new(None),
        end: Cell::new(None),
        begun: Cell::new(false),
        given_up: Cell::new(false),
    })
}

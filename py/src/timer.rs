//! `Timer`, `Ticker`, `tick`: the engine's timers (core's `time/timer.rs`), received from as channels are.
//!
//! No drain is ever needed: after `stop` or `reset` nothing of the old setting is received.
//!
//! I1  A timer's object holds the channel's, which owns the engine's timer and goes with the last who could wait: the object, a case, a wait (chan.rs N5). Nobody is given the channel itself,
//!     so nobody can send to it or close it.
//! I2  An element is the time it was due, in ns; it becomes seconds where any element becomes an object (`Code::TIME`).
//! I3  A value that comes back, because whoever had won it was cancelled, is of the present setting, or goes to nobody: it was due before the last stop or reset (`since`).
//!
//! Rejected: a channel that is made when somebody receives first (the object would need a lock for it; what a timer costs here is its objects).

use crate::call::Limits;
use crate::chan::{Channel, Given};
use crate::context::Context;
use crate::{aio, errors, lane};
use gort::chan::raw::RawChan;
use gort::sched::{self, Time};
use gort::status::Status;
use gort::time::timer;
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicI64, Ordering::*};
use std::time::UNIX_EPOCH;

const NEVER: Time = Time::MAX;

/// Seconds as ns; what is too long is for ever.
pub fn ns(py: Python<'_>, name: &str, seconds: f64) -> PyResult<i64> {
    if seconds.is_nan() {
        return Err(errors::invalid(py, &format!("{name}: not a number")));
    }
    let ns = (seconds * 1e9).round();
    Ok(if ns >= 9.2e18 { NEVER } else { ns.max(0.0) as i64 })
}

/// A period, which must be positive.
fn period_of(py: Python<'_>, seconds: f64) -> PyResult<i64> {
    if seconds <= 0.0 {
        return Err(errors::invalid(py, "period: it must be positive"));
    }
    Ok(ns(py, "period", seconds)?.max(1))
}

/// What the channel of a timer has of it.
pub struct Source {
    timer: NonNull<timer::Timer>,
    /// When it was stopped or reset last.
    since: AtomicI64,
}

// SAFETY: a slab handle whose every use is through its lock.
unsafe impl Send for Source {}
// SAFETY: as above.
unsafe impl Sync for Source {}

impl Source {
    /// I3.
    pub fn is_stale(&self, due: Time) -> bool {
        due < self.since.load(Acquire)
    }

    pub fn is_set(&self) -> bool {
        // SAFETY: our handle.
        unsafe { timer::is_set(self.timer.as_ptr()) }
    }

    pub fn text(&self) -> String {
        format!("<gort timer{}>", if self.is_set() { "" } else { " not set" })
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // SAFETY: our handle, given up once.
        let _ = unsafe { timer::release(self.timer.as_ptr()) };
    }
}

/// The channel's object of a fresh timer.
fn channel(py: Python<'_>, made: Result<NonNull<timer::Timer>, Status>) -> PyResult<Py<Channel>> {
    let timer = made.map_err(|s| errors::of(py, s))?;
    let source = Box::new(Source { timer, since: AtomicI64::new(0) });
    // SAFETY: our handle, which lives as long as its channel is used (I1).
    let raw: NonNull<RawChan> = unsafe { timer::channel(timer.as_ptr()) }.map_err(|s| errors::of(py, s))?;
    Py::new(py, Channel::of_timer(raw, source))
}

/// Stops it, or sets it by `f` with the time it is now. True if what was set before has not been received.
fn change(
    py: Python<'_>,
    ch: &Py<Channel>,
    f: impl FnOnce(*const timer::Timer, Time) -> Result<bool, Status>,
) -> PyResult<bool> {
    lane::thread(py)?;
    let ch = ch.get();
    let Some(source) = ch.timer() else { return Err(errors::misuse(py, "no timer")) };
    // SAFETY: our handle.
    let stopped = unsafe { timer::stop(source.timer.as_ptr()) };
    let mut was = stopped.map_err(|s| errors::of(py, s))?;
    let now = sched::now();
    // Release: whoever gives back a value of before sees it (I3); what came back earlier is here.
    source.since.store(now, Release);
    while ch.try_recv_word(py)?.is_ok() {
        was = true;
    }
    f(source.timer.as_ptr(), now).map_err(|s| errors::of(py, s))?;
    Ok(was)
}

macro_rules! receivable {
    ($name:ident { $($own:tt)* }) => {
        #[pymethods]
        impl $name {
            $($own)*

            /// Waits until it is due and returns when that was, on the clock of now(). A timer that is not set is never due.
            #[pyo3(signature = (*, timeout=None, ctx=None))]
            fn recv<'py>(&self, py: Python<'py>, timeout: Option<f64>, ctx: Option<&Bound<'_, Context>>) -> PyResult<Bound<'py, PyAny>> {
                self.ch.get().recv_value(py, Limits::of(timeout, ctx), Given(None))
            }

            /// The time it was due, if it is due and nobody has taken it, else raises WouldBlock.
            fn try_recv<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                self.ch.get().try_recv_value(py)
            }

            /// `await`s it in asyncio.
            fn recv_async<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
                aio::recv(self.ch.bind(py))
            }

            /// It is not due any more, until it is reset. True if that prevented a value from being received; nothing is left to be drained. Who waits for it waits on.
            pub fn stop(&self, py: Python<'_>) -> PyResult<bool> {
                change(py, &self.ch, |_, _| Ok(false))
            }

            fn __bool__(&self) -> bool {
                true
            }

            fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
                slf
            }

            /// The end of the block stops it.
            #[pyo3(signature = (*_exc))]
            fn __exit__(&self, py: Python<'_>, _exc: &Bound<'_, PyTuple>) -> PyResult<()> {
                self.stop(py).map(|_| ())
            }

            fn __repr__(&self) -> String {
                let text = self.ch.get().text("");
                text.replace("gort timer", concat!("gort.", stringify!($name)))
            }
        }
    };
}

/// Due once, so many seconds from now; then it can be set again. Received from like a channel, also in select.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Timer {
    pub ch: Py<Channel>,
}

impl Timer {
    pub fn is_set(&self) -> bool {
        self.ch.get().timer().is_some_and(Source::is_set)
    }
}

receivable!(Timer {
    #[new]
    #[pyo3(signature = (seconds, /))]
    pub fn new(py: Python<'_>, seconds: f64) -> PyResult<Timer> {
        let d = ns(py, "seconds", seconds)?;
        lane::thread(py)?;
        Ok(Timer { ch: channel(py, timer::timer(sched::now().saturating_add(d)))? })
    }

    /// Due so many seconds from now, whatever it was before. True if it was set and its value not received; what was due is gone.
    #[pyo3(signature = (seconds, /))]
    pub fn reset(&self, py: Python<'_>, seconds: f64) -> PyResult<bool> {
        let d = ns(py, "seconds", seconds)?;
        // SAFETY: a live handle.
        change(py, &self.ch, |t, now| unsafe { timer::reset(t, now.saturating_add(d)) })
    }
});

/// Due again and again. A reader that is slow loses ticks, and the phase is kept. Received from like a channel, also in select, or iterated over.
#[pyclass(frozen, module = "gort", weakref)]
pub struct Ticker {
    pub ch: Py<Channel>,
}

receivable!(Ticker {
    #[new]
    #[pyo3(signature = (period, /))]
    fn new(py: Python<'_>, period: f64) -> PyResult<Ticker> {
        let d = period_of(py, period)?;
        lane::thread(py)?;
        Ok(Ticker { ch: channel(py, timer::ticker(sched::now().saturating_add(d), d))? })
    }

    /// Due each `period` from now on; the phase begins anew. True if it was set.
    #[pyo3(signature = (period, /))]
    fn reset(&self, py: Python<'_>, period: f64) -> PyResult<bool> {
        let d = period_of(py, period)?;
        // SAFETY: a live handle.
        change(py, &self.ch, |t, now| unsafe { timer::reset_ticker(t, now.saturating_add(d), d) })
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
});

/// A Ticker, or None, which in a select is never ready, for a period that is not positive.
#[pyfunction]
#[pyo3(signature = (period, /))]
pub fn tick(py: Python<'_>, period: f64) -> PyResult<Option<Ticker>> {
    if period <= 0.0 { Ok(None) } else { Ticker::new(py, period).map(Some) }
}

/// Seconds since the epoch for a time of now()'s clock, for printing; a clock that was set in between shows another.
#[pyfunction]
#[pyo3(signature = (time, /))]
pub fn wall_time(time: f64) -> f64 {
    let (wall, now) = (std::time::SystemTime::now(), sched::now());
    time - now as f64 * 1e-9 + wall.duration_since(UNIX_EPOCH).map_or(0.0, |d| d.as_secs_f64())
}

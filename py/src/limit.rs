//! Limiters: what `gort.limit` is made of. Here is what never blocks; waiting, decorating and `with` are in Python, above it (python/gort/limit.py).

use crate::errors;
use gort::Time;
use gort::limit::{
    All, FixedWindow, Grants, INF, Keyed, LeakyBucket, Limiter, Paced, SlidingCounter, SlidingLog, TokenBucket,
};
use gort::sched::now_near;
use gort::status::Status;
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyInt, PyString, PyTuple};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A limiter of any kind; the classes of `gort.limit` are made of it.
#[pyclass(frozen, subclass, module = "gort", name = "_Limiter")]
pub struct PyLimiter(Arc<dyn Limiter>);

/// Seconds as a time of gort's; None is now.
fn time(now: Option<f64>) -> Time {
    now.map_or_else(|| Time(now_near()), |s| Time((s * 1e9).round() as i64))
}

/// How late one may act.
fn latest(now: Time, within: Option<f64>) -> Time {
    within.map_or(Time::NEVER, |s| Time(now.0.saturating_add((s * 1e9).round() as i64)))
}

fn seconds(s: f64) -> Result<Duration, Status> {
    Duration::try_from_secs_f64(s).map_err(|_| Status::Invalid)
}

fn rate(limit: f64) -> f64 {
    if limit >= INF { f64::INFINITY } else { limit }
}

#[pymethods]
impl PyLimiter {
    /// `kind` and what it is made of: two numbers, a time, parts.
    #[new]
    #[pyo3(signature = (kind, a=0.0, b=0.0, origin=None, parts=Vec::new()))]
    fn new(
        py: Python<'_>,
        kind: &str,
        a: f64,
        b: f64,
        origin: Option<f64>,
        parts: Vec<PyRef<'_, PyLimiter>>,
    ) -> PyResult<PyLimiter> {
        fn made<L: Limiter + 'static>(made: Result<L, Status>) -> Result<Arc<dyn Limiter>, Status> {
            Ok(Arc::new(made?))
        }
        let count = |n: f64| if n >= 0.0 && n <= f64::from(u32::MAX) { Ok(n as u32) } else { Err(Status::Invalid) };
        let limiter = match kind {
            "token" => count(b).and_then(|b| made(Ok(TokenBucket::new(a, b)))),
            "fixed" => count(a).and_then(|n| made(FixedWindow::new(n, seconds(b)?))),
            "lazy" => count(a).and_then(|n| made(FixedWindow::lazy(n, seconds(b)?))),
            "log" => count(a).and_then(|n| made(SlidingLog::new(n, seconds(b)?))),
            "counter" => count(a).and_then(|n| made(SlidingCounter::new(n, seconds(b)?))),
            "queue" => count(b).and_then(|b| made(LeakyBucket::queue(a, b))),
            "drop" => count(b).and_then(|b| made(LeakyBucket::dropping(a, b))),
            "all" => made(All::new(parts.iter().map(|p| p.0.clone()))),
            _ => seconds(a).and_then(|period| made(Paced::starting(time(origin), period))),
        };
        Ok(PyLimiter(limiter.map_err(|s| errors::of(py, s))?))
    }

    /// May `n` things happen now? If so they are accounted for.
    #[pyo3(signature = (n=1))]
    fn allow(&self, n: u32) -> bool {
        self.0.allow_n(n)
    }

    /// May `n` things happen at `now`, a time of `gort.now()`?
    #[pyo3(signature = (now, n=1))]
    fn allow_at(&self, now: f64, n: u32) -> bool {
        self.0.allow_at(time(Some(now)), n)
    }

    /// Takes `n`, also if they are to come, but not later than `within` seconds.
    #[pyo3(signature = (n=1, *, within=None, now=None))]
    fn reserve(&self, py: Python<'_>, n: u32, within: Option<f64>, now: Option<f64>) -> PyResult<Reservation> {
        let now = time(now);
        let grants = self.0.take(now, n, latest(now, within)).map_err(|s| errors::of(py, s))?;
        Ok(Reservation { at: grants.at(), of: Mutex::new(Some(Of::Limiter(self.0.clone(), grants))) })
    }

    /// How many a second.
    #[getter]
    fn limit(&self) -> f64 {
        rate(self.0.limit())
    }

    /// How many at once.
    #[getter]
    fn burst(&self) -> u32 {
        self.0.burst()
    }

    /// How many could be had at once.
    #[pyo3(signature = (now=None))]
    fn tokens(&self, now: Option<f64>) -> f64 {
        self.0.tokens_at(time(now))
    }

    /// From now on so many a second.
    #[pyo3(signature = (limit, *, now=None))]
    fn set_limit(&self, py: Python<'_>, limit: f64, now: Option<f64>) -> PyResult<()> {
        self.0.set_limit_at(time(now), limit).map_err(|s| errors::of(py, s))
    }

    /// From now on so many at once.
    #[pyo3(signature = (burst, *, now=None))]
    fn set_burst(&self, py: Python<'_>, burst: u32, now: Option<f64>) -> PyResult<()> {
        self.0.set_burst_at(time(now), burst).map_err(|s| errors::of(py, s))
    }
}

/// A key, as bytes: what it is, and its text. Two keys are one if they are equal and of one type.
fn key_of(key: &Bound<'_, PyAny>, to: &mut Vec<u8>) -> PyResult<()> {
    if let Ok(text) = key.cast::<PyString>() {
        to.push(b's');
        to.extend(text.to_string_lossy().as_bytes());
    } else if let Ok(bytes) = key.cast::<PyBytes>() {
        to.push(b'b');
        to.extend(bytes.as_bytes());
    } else if let Ok(number) = key.cast::<PyInt>() {
        to.push(b'i');
        match number.extract::<i64>() {
            Ok(n) => to.extend(n.to_le_bytes()),
            Err(_) => to.extend(number.str()?.to_string_lossy().as_bytes()),
        }
    } else if key.is_none() {
        to.push(b'n');
    } else if let Ok(parts) = key.cast::<PyTuple>() {
        to.push(b't');
        for part in parts {
            let at = to.len();
            to.extend([0; 4]);
            key_of(&part, to)?;
            let size = (to.len() - at) as u32;
            to[at..at + 4].copy_from_slice(&size.to_le_bytes());
        }
    } else {
        return Err(PyTypeError::new_err("gort: a key is a str, bytes, int, None, or a tuple of those"));
    }
    Ok(())
}

type Keys = Keyed<Box<[u8]>>;

/// A token bucket for each key.
#[pyclass(frozen, subclass, module = "gort", name = "_Keyed")]
pub struct PyKeyed(Arc<Keys>);

#[pymethods]
impl PyKeyed {
    #[new]
    fn new(py: Python<'_>, limit: f64, burst: u32, within: Option<PyRef<'_, PyLimiter>>) -> PyResult<PyKeyed> {
        let keyed = Keys::new(limit, burst).map_err(|s| errors::of(py, s))?;
        Ok(PyKeyed(Arc::new(match within {
            Some(all) => keyed.within(all.0.clone()),
            None => keyed,
        })))
    }

    /// May `n` things of this key happen now?
    #[pyo3(signature = (key, n=1))]
    fn allow(&self, key: &Bound<'_, PyAny>, n: u32) -> PyResult<bool> {
        self.at(time(None), key, n)
    }

    /// May `n` things of this key happen at `now`?
    #[pyo3(signature = (now, key, n=1))]
    fn allow_at(&self, now: f64, key: &Bound<'_, PyAny>, n: u32) -> PyResult<bool> {
        self.at(time(Some(now)), key, n)
    }

    /// Takes `n` for this key, also if they are to come, but not later than `within` seconds.
    #[pyo3(signature = (key, n=1, *, within=None, now=None))]
    fn reserve(
        &self,
        py: Python<'_>,
        key: &Bound<'_, PyAny>,
        n: u32,
        within: Option<f64>,
        now: Option<f64>,
    ) -> PyResult<Reservation> {
        let now = time(now);
        let mut bytes = Vec::with_capacity(32);
        key_of(key, &mut bytes)?;
        let bytes = bytes.into_boxed_slice();
        let grant =
            self.0.take_by(now, &*bytes, n, latest(now, within), |k| Box::from(k)).map_err(|s| errors::of(py, s))?;
        Ok(Reservation { at: grant.at(), of: Mutex::new(Some(Of::Key(self.0.clone(), bytes, n, grant))) })
    }

    #[getter]
    fn limit(&self) -> f64 {
        rate(self.0.limit())
    }

    #[getter]
    fn burst(&self) -> u32 {
        self.0.burst()
    }

    /// How many this key could have at once.
    #[pyo3(signature = (key, now=None))]
    fn tokens(&self, key: &Bound<'_, PyAny>, now: Option<f64>) -> PyResult<f64> {
        let mut bytes = Vec::with_capacity(32);
        key_of(key, &mut bytes)?;
        Ok(self.0.tokens_at(time(now), &*bytes))
    }

    fn set_limit(&self, py: Python<'_>, limit: f64) -> PyResult<()> {
        self.0.set_limit(limit).map_err(|s| errors::of(py, s))
    }

    fn set_burst(&self, burst: u32) {
        self.0.set_burst(burst)
    }

    /// Forgets the idle keys: how many there were.
    #[pyo3(signature = (now=None))]
    fn evict(&self, now: Option<f64>) -> usize {
        self.0.evict_at(time(now))
    }

    fn __len__(&self) -> usize {
        self.0.len()
    }
}

impl PyKeyed {
    fn at(&self, now: Time, key: &Bound<'_, PyAny>, n: u32) -> PyResult<bool> {
        let mut bytes = Vec::with_capacity(32);
        key_of(key, &mut bytes)?;
        Ok(self.0.allow_by(now, &*bytes, n, |k| Box::from(k)))
    }
}

enum Of {
    Limiter(Arc<dyn Limiter>, Grants),
    Key(Arc<Keys>, Box<[u8]>, u32, gort::limit::KeyGrant),
}

/// What was reserved.
#[pyclass(frozen, module = "gort")]
pub struct Reservation {
    at: Time,
    /// Until it is given back. Held for the taking alone.
    of: Mutex<Option<Of>>,
}

#[pymethods]
impl Reservation {
    /// From when on one may act, a time of `gort.now()`.
    #[getter]
    fn at(&self) -> f64 {
        if self.at == Time::NEVER { f64::INFINITY } else { self.at.0 as f64 * 1e-9 }
    }

    /// How many seconds that is from now; 0 if it has come.
    #[pyo3(signature = (now=None))]
    fn delay(&self, now: Option<f64>) -> f64 {
        if self.at == Time::NEVER {
            return f64::INFINITY;
        }
        self.at.0.saturating_sub(time(now).0).max(0) as f64 * 1e-9
    }

    /// Gives it back, but for what others have reserved since on account of it. Nothing if its time has come, or the second time.
    #[pyo3(signature = (now=None))]
    fn cancel(&self, now: Option<f64>) {
        let of = self.of.lock().map_or(None, |mut of| of.take());
        match of {
            Some(Of::Limiter(limiter, grants)) => limiter.give_back(time(now), &grants),
            Some(Of::Key(keys, key, n, grant)) => keys.give_back_by(time(now), &*key, n, &grant),
            None => {}
        }
    }
}

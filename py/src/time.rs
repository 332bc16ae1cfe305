//! Sleeping, the time, yielding, and shields.

use crate::call::{Caller, Limits};
use crate::context::Context;
use crate::task::Task;
use crate::{errors, threads};
use gort::sched;
use gort::status::Status;
use gort::wait::block;
use pyo3::prelude::*;

/// Sleeps so many seconds: a task parks, a thread waits with the interpreter released. Zero or less returns at once. A context that ends first raises.
#[pyfunction]
#[pyo3(signature = (seconds, /, *, ctx=None))]
pub fn sleep(py: Python<'_>, seconds: f64, ctx: Option<&Bound<'_, Context>>) -> PyResult<()> {
    let c = Caller::new(py)?;
    let wait = c.within(py, Limits::of(Some(seconds), ctx))?;
    if c.task().is_none() {
        c.may_block_thread(py)?;
    }
    match block::sleep(wait) {
        Status::Ok => Ok(()),
        s => Err(c.error(py, s)),
    }
}

/// Seconds of the monotonic clock.
#[pyfunction]
pub fn now() -> f64 {
    sched::now() as f64 * 1e-9
}

/// Lets other tasks run. A plain thread yields to the operating system.
#[pyfunction]
pub fn yield_now(py: Python<'_>) -> PyResult<()> {
    let c = Caller::new(py)?;
    if c.task().is_none() {
        py.detach(std::thread::yield_now);
        return Ok(());
    }
    sched::yield_now();
    Ok(())
}

fn shield(py: Python<'_>, n: i32, f: fn() -> Status) -> PyResult<()> {
    if threads::is_on() {
        return match threads::current().and_then(Task::part).map_or(Status::Ok, |p| p.shield(n)) {
            Status::Ok => Ok(()),
            s => Err(errors::of(py, s)),
        };
    }
    let th = crate::lane::thread(py)?;
    let task = th.host_task.get().cast_mut();
    if task.is_null() {
        return Ok(()); // a thread is not cancelled
    }
    th.current.set(task);
    let s = f();
    th.current.set(std::ptr::null_mut());
    match s {
        Status::Ok => Ok(()),
        s => Err(errors::of(py, s)),
    }
}

/// Until `shield_end` this task's blocking calls ignore its cancellation. Nests.
#[pyfunction(name = "_shield_begin")]
pub fn shield_begin(py: Python<'_>) -> PyResult<()> {
    shield(py, 1, sched::shield_begin)
}

/// Ends a shield.
#[pyfunction(name = "_shield_end")]
pub fn shield_end(py: Python<'_>) -> PyResult<()> {
    shield(py, -1, sched::shield_end)
}

//! Seeing inside: the dump, the metrics, and how tasks are run here.

use crate::lane;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// Who waits for what, as text.
#[pyfunction(name = "_dump")]
pub fn dump(py: Python<'_>) -> PyResult<String> {
    lane::thread(py)?;
    Ok(gort::dump())
}

/// Counters and gauges of the runtime.
#[pyfunction]
pub fn metrics(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    lane::thread(py)?;
    let m = gort::metrics();
    let d = PyDict::new(py);
    for (name, n) in [
        ("workers", m.workers),
        ("threads", m.threads),
        ("tasks", m.tasks),
        ("channels", m.channels),
        ("wait_groups", m.wait_groups),
        ("selectors", m.selectors),
        ("runs", m.runs),
        ("stacks_in_use", m.stacks_in_use),
        ("stacks_cached", m.stacks_cached),
        ("timers", m.timers),
        ("spawned", m.spawned),
        ("finished", m.finished),
        ("steals", m.steals),
        ("retakes", m.retakes),
        ("wakeups", m.wakeups),
    ] {
        d.set_item(name, n)?;
    }
    Ok(d)
}

/// Processors that this process may use.
#[pyfunction]
pub fn num_cpu() -> usize {
    gort::num_cpu()
}

/// How many native tasks run at the same time.
#[pyfunction]
pub fn workers(py: Python<'_>) -> PyResult<usize> {
    lane::thread(py)?;
    Ok(gort::workers())
}

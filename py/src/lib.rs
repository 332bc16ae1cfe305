//! The Python face of gort: the module `gort._gort`. The package `gort` (python/gort) re-exports it and adds what is written in Python.
//!
//! One file a noun, as on every floor. `lane.rs` is how Python takes part in the scheduler (D3); `call.rs` how a blocking call is made and ends; `errors.rs` builds the exceptions from the
//! status table; `capi.rs` is the C table. There is no queue and no policy here: if something needs an `if` about scheduling, a door is missing in core.
//!
//! PY1  Every class is frozen: no Rust borrow is held over a park (P4).
//! PY2  No switch of greenlets while detached, and no code of Python while detached (lane.rs L4).
//! PY3  A value that was not delivered is the caller's again; one that was delivered to somebody who is gone goes to the next (chan.rs, aio.rs).

// The rule is the engine's: a task must not carry a lock of std to another thread. What runs here is pinned to its thread, and no lock is held over a park.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)]

use gort_ffi_c as _; // its exports are ours

mod after_func;
mod aio;
mod aio_later;
mod aio_select;
mod atomic;
mod barrier;
mod batch;
mod buffer;
mod call;
mod capi;
mod chan;
mod cond;
mod context;
mod counter;
mod decref;
mod elem;
mod ends;
mod errors;
mod event;
mod got;
mod guard;
mod info;
mod lane;
mod limit;
mod map;
mod mutex;
mod notify;
mod once;
mod rwmutex;
mod select;
mod selector;
mod semaphore;
mod task;
mod threads;
mod time;
mod timer;
mod waitgroup;
mod workers;

use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// Runs `main(*args)` as a task on this thread and returns what it returned. Tasks that are still alive then are cancelled and given `grace` seconds, or waited for with `wait_all`.
#[pyfunction]
#[allow(clippy::too_many_arguments)] // they are Python's, by name
#[pyo3(signature = (main, /, *args, grace=0.1, wait_all=false, workers=None, max_tasks=None, sigint_wakes=false))]
fn _run(
    py: Python<'_>,
    main: Bound<'_, PyAny>,
    args: Bound<'_, PyTuple>,
    grace: f64,
    wait_all: bool,
    workers: Option<usize>,
    max_tasks: Option<usize>,
    sigint_wakes: bool,
) -> PyResult<Py<PyAny>> {
    lane::SIGINT_WAKES.store(sigint_wakes, std::sync::atomic::Ordering::Relaxed);
    if grace.is_nan() || grace < 0.0 {
        return Err(errors::invalid(py, "grace: seconds, not negative"));
    }
    task::run(py, main, args, &task::RunOptions { grace: grace.min(1e9), wait_all, workers, max_tasks })
}

#[pymodule]
fn _gort(m: &Bound<'_, PyModule>) -> PyResult<()> {
    capi::check_single()?;
    gort::sched::set_any_host(&lane::HOOKS);
    errors::add_to(m)?;
    let why = threads::decide(m.py());
    m.add("_why_threads", why)?;
    capi::add_to(m)?;
    m.add("__version__", env!("CARGO_PKG_VERSION"))?;
    m.add_class::<chan::Channel>()?;
    m.add_class::<ends::Sender>()?;
    m.add_class::<ends::Receiver>()?;
    m.add_class::<select::Case>()?;
    m.add_class::<selector::Selector>()?;
    m.add_function(wrap_pyfunction!(select::recv, m)?)?;
    m.add_function(wrap_pyfunction!(select::send, m)?)?;
    m.add_function(wrap_pyfunction!(select::after, m)?)?;
    m.add_function(wrap_pyfunction!(select::select, m)?)?;
    m.add_function(wrap_pyfunction!(select::select_biased, m)?)?;
    m.add_function(wrap_pyfunction!(aio_select::select_async, m)?)?;
    m.add_class::<task::Task>()?;
    m.add_class::<waitgroup::WaitGroup>()?;
    m.add_class::<mutex::Mutex>()?;
    m.add_class::<rwmutex::RWMutex>()?;
    m.add_class::<cond::Cond>()?;
    m.add_class::<once::Once>()?;
    m.add_class::<semaphore::Semaphore>()?;
    m.add_class::<barrier::Barrier>()?;
    m.add_class::<event::Event>()?;
    m.add_class::<atomic::AtomicInt>()?;
    m.add_class::<atomic::AtomicRef>()?;
    m.add_class::<counter::Counter>()?;
    m.add_class::<map::Map>()?;
    m.add_class::<limit::PyLimiter>()?;
    m.add_class::<limit::PyKeyed>()?;
    m.add_class::<limit::Reservation>()?;
    m.add_function(wrap_pyfunction!(task::go, m)?)?;
    m.add_function(wrap_pyfunction!(task::go_named, m)?)?;
    m.add_function(wrap_pyfunction!(task::current_task, m)?)?;
    m.add_function(wrap_pyfunction!(task::_interrupt, m)?)?;
    m.add_function(wrap_pyfunction!(_run, m)?)?;
    m.add_function(wrap_pyfunction!(threads::_task_thread, m)?)?;
    m.add_function(wrap_pyfunction!(workers::_worker, m)?)?;
    m.add_function(wrap_pyfunction!(workers::_finalize, m)?)?;
    m.add_function(wrap_pyfunction!(workers::_after_fork, m)?)?;
    m.add_class::<timer::Timer>()?;
    m.add_class::<timer::Ticker>()?;
    m.add_function(wrap_pyfunction!(timer::tick, m)?)?;
    m.add_class::<context::Context>()?;
    m.add_class::<context::AfterFunc>()?;
    m.add_function(wrap_pyfunction!(context::_use_ambient, m)?)?;
    m.add_class::<after_func::FuncTimer>()?;
    m.add_function(wrap_pyfunction!(after_func::after_func, m)?)?;
    m.add_function(wrap_pyfunction!(timer::wall_time, m)?)?;
    m.add_function(wrap_pyfunction!(time::sleep, m)?)?;
    m.add_function(wrap_pyfunction!(time::now, m)?)?;
    m.add_function(wrap_pyfunction!(time::yield_now, m)?)?;
    m.add_function(wrap_pyfunction!(time::shield_begin, m)?)?;
    m.add_function(wrap_pyfunction!(time::shield_end, m)?)?;
    m.add_function(wrap_pyfunction!(info::dump, m)?)?;
    m.add_function(wrap_pyfunction!(info::metrics, m)?)?;
    m.add_function(wrap_pyfunction!(info::num_cpu, m)?)?;
    m.add_function(wrap_pyfunction!(info::workers, m)?)?;
    m.add_function(wrap_pyfunction!(capi::get_library, m)?)?;
    m.add_function(wrap_pyfunction!(capi::_other_runtimes, m)?)?;
    Ok(())
}

//! How a blocking call is made from Python, and how it ends: whose it is (a task's, which parks, or a thread's, which waits detached), within which limits, and what it raises.
//! `wait_for` is the whole of it for what is had or not (a lock, a permit, an event); its asyncio counterpart is `aio_later.rs`.

use crate::context::{self, Context, Merges};
use crate::task::Task;
use crate::{errors, lane, threads};
use gort::flow::context::raw::{self, RawContext};
use gort::sched::thread::Thread;
use gort::sched::{self, task as core_task};
use gort::status::Status;
use gort::wait::Wait;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use std::cell::{Cell, RefCell};
use std::ptr::null;

/// Within what a call may wait: `timeout=`, `ctx=`, and the ambient context. The earliest counts.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    pub timeout: Option<f64>,
    pub ctx: Option<&'a Context>,
}

impl From<Option<f64>> for Limits<'_> {
    fn from(timeout: Option<f64>) -> Self {
        Limits { timeout, ctx: None }
    }
}

impl<'a> Limits<'a> {
    pub fn of(timeout: Option<f64>, ctx: Option<&'a Bound<'_, Context>>) -> Limits<'a> {
        Limits { timeout, ctx: ctx.map(|c| c.get()) }
    }

    /// Is there a time or a context of its own?
    pub fn may_end(&self) -> bool {
        self.timeout.is_some() || self.ctx.is_some()
    }

    /// Nothing but what is waited for ends it.
    #[inline(always)]
    pub fn is_forever(&self) -> bool {
        self.timeout.is_none() && self.ctx.is_none() && !context::may_be_ambient()
    }
}

/// Whose call it is. While it lives, gort's calls of this thread speak for the task (lane.rs L5).
pub struct Caller {
    pub th: &'static Thread,
    task: *mut core_task::Task,
    /// What its wait stands within: the ambient context, merges, and what of that ends it.
    ambient: RefCell<Option<Py<Context>>>,
    within: RefCell<Merges>,
    ends: Cell<*const RawContext>,
}

impl Caller {
    /// The caller of a call that may block. Raises what has interrupted its task meanwhile.
    #[inline(always)]
    pub fn new(py: Python<'_>) -> PyResult<Caller> {
        let th = lane::thread(py)?;
        if th.party.ticket.waiting().is_some() {
            return Err(errors::misuse(
                py,
                "a blocking call in a signal handler that interrupts a wait of this thread; nothing may block here, but close(), try_send() and Task.cancel() are allowed",
            ));
        }
        let task = th.host_task.get().cast_mut();
        if !task.is_null() {
            // SAFETY: the task that runs here, whose object its entry holds.
            let t = unsafe { Task::of(task) };
            if t.is_interrupted() {
                return Err(t.take_interrupt().unwrap_or_else(|| errors::task_canceled(py)));
            }
            th.current.set(task);
        } else if threads::is_on() {
            if let Some(t) = threads::current()
                && t.part().is_some_and(|p| p.is_canceled())
            {
                return Err(errors::task_canceled(py));
            }
        } else if th.party.ticket.waiting().is_some() {
            return Err(errors::misuse(py, "a blocking call in a signal handler of a thread that waits already"));
        } else if !th.lane.get().is_null() {
            return Err(errors::misuse(
                py,
                "a blocking call where nothing may block: in a signal handler or a finalizer that runs between two tasks",
            ));
        }
        Ok(Caller::of(th, task))
    }

    fn of(th: &'static Thread, task: *mut core_task::Task) -> Caller {
        let (ambient, within) = (RefCell::new(None), RefCell::new(Merges::none()));
        Caller { th, task, ambient, within, ends: Cell::new(null()) }
    }

    /// The caller of a plain lock: cancellation does not keep it from that (K3), but what a signal's handler has raised does.
    pub fn plain(py: Python<'_>) -> PyResult<Caller> {
        match Caller::new(py) {
            Err(e) if threads::is_on() && errors::is_task_canceled(py, &e) => {
                Ok(Caller::of(lane::thread(py)?, std::ptr::null_mut()))
            }
            caller => caller,
        }
    }

    /// The task, or None for a plain thread.
    #[inline(always)]
    pub fn task(&self) -> Option<&Task> {
        // SAFETY: as in `new`.
        if self.task.is_null() { None } else { Some(unsafe { Task::of(self.task) }) }
    }

    /// The limits of a wait: those of the call, and the cancellation of a task that is a thread.
    #[inline(always)]
    pub fn within<'a>(&self, py: Python<'_>, limits: impl Into<Limits<'a>>) -> PyResult<Wait> {
        let limits = limits.into();
        let wait = within(py, limits.timeout)?;
        if limits.ctx.is_none() && !context::may_be_ambient() && !threads::is_on() {
            return Ok(wait);
        }
        self.within_contexts(py, limits, wait)
    }

    #[cold]
    fn within_contexts(&self, py: Python<'_>, limits: Limits<'_>, mut wait: Wait) -> PyResult<Wait> {
        let part = if threads::is_on() { threads::current().and_then(Task::part) } else { None };
        let ambient = if context::may_be_ambient() { context::ambient(py)? } else { None };
        let of = |c: Option<&Context>| c.map_or(null(), Context::raw);
        let all = [of(limits.ctx), of(ambient.as_ref().map(|a| a.get()))];
        *self.ambient.borrow_mut() = ambient;
        let mut within = self.within.borrow_mut();
        // SAFETY: the contexts are kept by the arguments of the call, by us, and by the task.
        unsafe {
            let made = within.add(&all).and_then(|ends| {
                self.ends.set(ends);
                within.add(&[part.map_or(null(), |p| p.context()), ends])
            });
            let ends = made.map_err(|s| errors::of(py, s))?;
            wait.cancel = if ends.is_null() { null() } else { raw::on(ends).map_or(null(), RawContext::source) };
        }
        Ok(wait)
    }

    /// A plain thread is about to wait: not on one whose event loop runs, for that would freeze the loop (K4).
    #[cold]
    pub fn may_block_thread(&self, py: Python<'_>) -> PyResult<()> {
        if is_loop_running(py)? {
            return Err(errors::misuse(
                py,
                "a blocking call on a thread whose asyncio loop is running would freeze the loop; await its other form instead: recv_async(), send_async(), select_async(), lock_async(), acquire_async(), wait_async()",
            ));
        }
        Ok(())
    }

    /// Makes a call that may wait: a task parks in it; a thread tries first, and may not wait on an event loop. `call` is given what may end the wait, and whether it may wait at all.
    #[inline(always)]
    pub fn wait_in<'a, R>(
        &self,
        py: Python<'_>,
        limits: impl Into<Limits<'a>>,
        may_block: bool,
        call: impl Fn(Wait, bool) -> Result<R, Status>,
    ) -> PyResult<Result<R, Status>> {
        let wait = self.within(py, limits)?;
        if !may_block || !self.task.is_null() {
            return Ok(call(wait, may_block));
        }
        match call(wait, false) {
            Err(Status::WouldBlock) => {
                self.may_block_thread(py)?;
                Ok(call(wait, true))
            }
            end => Ok(end),
        }
    }

    /// Has a signal's handler raised something while the wait was won by its object? That of a thread is to be raised now; a task's may wait for its next call.
    #[inline(always)]
    pub fn is_interrupted(&self, py: Python<'_>) -> bool {
        match self.task() {
            Some(t) => t.is_interrupted(),
            None => PyErr::occurred(py),
        }
    }

    /// Takes it.
    #[cold]
    pub fn take_interrupt(&self, py: Python<'_>) -> Option<PyErr> {
        match self.task() {
            Some(t) => t.take_interrupt(),
            None => PyErr::take(py),
        }
    }

    /// After a wait of this thread that its object has ended: raises what a signal's handler has raised meanwhile.
    #[inline]
    pub fn settle(&self, py: Python<'_>) -> PyResult<()> {
        if self.task.is_null()
            && let Some(e) = PyErr::take(py)
        {
            return Err(e);
        }
        Ok(())
    }

    /// A wait has ended with `status`. `undo` gives back what was had while a signal's handler raised something.
    fn ended(&self, py: Python<'_>, status: Status, undo: impl Fn()) -> PyResult<()> {
        if !status.is_ok() {
            return Err(self.error(py, status));
        }
        self.settle(py).inspect_err(|_| undo())
    }

    /// What a call that ended with `status` raises.
    #[cold]
    pub fn error(&self, py: Python<'_>, status: Status) -> PyErr {
        if self.task.is_null()
            && let Some(e) = PyErr::take(py)
        {
            return e; // a signal's handler has raised it while this thread waited
        }
        if status == Status::Canceled {
            match self.task() {
                Some(t) => {
                    if let Some(e) = t.take_interrupt() {
                        return e;
                    }
                    // SAFETY: the task that runs here.
                    if unsafe { (*self.task).party.is_canceled() } {
                        return errors::task_canceled(py);
                    }
                }
                None => {
                    if threads::is_on() && threads::current().and_then(Task::part).is_some_and(|p| p.is_canceled()) {
                        return errors::task_canceled(py);
                    }
                }
            }
        }
        // SAFETY: what the wait stood within lives as long as this.
        if let Ok(ended) = unsafe { raw::on(self.ends.get()) }
            && ended.err() == Some(status)
        {
            return context::error(py, ended, status);
        }
        if status == Status::Deadlock {
            return errors::detailed(py, status, &last_error());
        }
        errors::of(py, status)
    }
}

impl Drop for Caller {
    #[inline(always)]
    fn drop(&mut self) {
        self.th.current.set(std::ptr::null_mut())
    }
}

/// How long a call of `wait_for` may wait.
pub enum Within {
    /// As a plain lock: until it is had, or a signal's handler raises.
    Plain,
    /// `timeout=`, and until the task is cancelled.
    Limits(Option<f64>),
}

/// Waits for what is had or not: `now` has it if it can be had at once (else WOULD_BLOCK), `wait` waits for it, and `undo` gives back what was had while a signal's handler raised something.
/// A task parks in it, a thread waits detached, and one whose event loop runs may not.
#[inline(always)]
pub fn wait_for(
    py: Python<'_>,
    within: Within,
    now: impl Fn() -> Status,
    wait: impl Fn(Wait) -> Status,
    undo: impl Fn(),
) -> PyResult<()> {
    match now() {
        Status::Ok => Ok(()),
        Status::WouldBlock => wait_long(py, within, wait, undo),
        s => Err(errors::of(py, s)),
    }
}

#[cold]
fn wait_long(py: Python<'_>, within: Within, wait: impl Fn(Wait) -> Status, undo: impl Fn()) -> PyResult<()> {
    let (c, limits) = match within {
        Within::Plain => (Caller::plain(py)?, Wait::FOREVER),
        Within::Limits(timeout) => {
            let c = Caller::new(py)?;
            let limits = c.within(py, timeout)?;
            (c, limits)
        }
    };
    if c.task.is_null() {
        c.may_block_thread(py)?
    }
    c.ended(py, wait(limits), undo)
}

/// The same for what a cancelled task may not even have at once: any blocking call but a lock.
pub fn wait_within(
    py: Python<'_>,
    timeout: Option<f64>,
    now: impl Fn() -> Status,
    wait: impl Fn(Wait) -> Status,
    undo: impl Fn(),
) -> PyResult<()> {
    let c = Caller::new(py)?;
    let limits = c.within(py, timeout)?;
    if c.task.is_null() {
        match now() {
            Status::Ok => return Ok(()),
            Status::WouldBlock => c.may_block_thread(py)?,
            s => return Err(errors::of(py, s)),
        }
    }
    c.ended(py, wait(limits), undo)
}

/// The status of a call whose result goes into a cell: for `wait_for` and `wait_within`.
pub fn kept<R>(cell: &Cell<R>, result: Result<R, Status>) -> Status {
    match result {
        Ok(r) => {
            cell.set(r);
            Status::Ok
        }
        Err(s) => s,
    }
}

fn last_error() -> String {
    let p = gort::sched::last_error::get();
    // SAFETY: a C string that is valid until this party's next failure.
    unsafe { std::ffi::CStr::from_ptr(p) }.to_string_lossy().into_owned()
}

/// Does an event loop run on this thread?
pub fn is_loop_running(py: Python<'_>) -> PyResult<bool> {
    static GET: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let get = match GET.get(py) {
        Some(g) => g,
        None => {
            let modules = py.import("sys")?.getattr("modules")?;
            let events = modules.call_method1("get", ("asyncio.events",))?;
            if events.is_none() {
                return Ok(false); // nobody has imported asyncio
            }
            let _ = GET.set(py, events.getattr("_get_running_loop")?.unbind());
            match GET.get(py) {
                Some(g) => g,
                None => return Ok(false),
            }
        }
    };
    Ok(!get.bind(py).call0()?.is_none())
}

/// `timeout=` of a call: seconds, None for ever.
#[inline]
fn within(py: Python<'_>, timeout: Option<f64>) -> PyResult<Wait> {
    match timeout {
        None => Ok(Wait::FOREVER),
        Some(t) => limited(py, t),
    }
}

#[cold]
fn limited(py: Python<'_>, t: f64) -> PyResult<Wait> {
    if t.is_nan() {
        return Err(errors::invalid(py, "timeout: not a number"));
    }
    let now = sched::now();
    let ns = (t * 1e9).clamp(0.0, 9.2e18) as i64;
    Ok(Wait { deadline: now.saturating_add(ns), cancel: std::ptr::null() })
}

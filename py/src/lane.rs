//! The Python lane (D3): how a greenlet is resumed and switched to, how a thread detaches and attaches. The scheduler's hooks and nothing else: there is no queue and no policy here.
//! The only file that touches the interpreter's thread state.
//!
//! A thread of the lane runs `worker::run` in the greenlet that was current when it began: the HUB. Each task runs in a greenlet of ours, which after its end takes the next task (recycled:
//! a fresh greenlet costs 6 us, mostly one mmap). A task that parks switches straight to the greenlet of the next one.
//!
//! L1  Everything here is the thread's own, under the GIL. `Host` lives on the heap while the thread runs its loop; greenlets' C stacks are copied away while they are parked, so nothing
//!     that another may touch lives on them (D4), and no Rust borrow is held over a switch.
//! L2  A parked greenlet is held by one owned reference, in its task or in `spare`. Whoever switches to it takes that reference out; the greenlet gives it up when it runs again. So no
//!     greenlet of ours is ever deallocated while it is suspended (that would throw GreenletExit into it).
//! L3  Fresh greenlets start from the hub only: a greenlet inherits the recursion depth of whoever starts it.
//! L4  Never a switch while detached: pyo3 counts attachments, and aborts when the count does not fit.
//! L5  `current` of the thread is null in the code of a task, so that a C extension's call blocks the thread (D4); `call::Caller` sets it around ours. While a thread waits as a thread,
//!     handlers of signals may run on it, and whatever would block in them is refused by `Caller::new`: the thread has one waiter, and C frames under it must not move.
//! L6  Signals are looked at by the hub whenever the main thread wakes up, at least every 40 ms (K4): handlers run on the hub's stack, and what they raise interrupts main's wait.
//!     Rejected: on main's stack, by a resume with the ticket still open: nobody's frames are under the handler on the hub, and a handler that blocks is refused as simply.

use crate::task::Task;
use crate::{decref, errors, workers};
use gort::sched::lane::{Hooks, Lane, Start};
use gort::sched::party::FIXED;
use gort::sched::thread::Thread;
use gort::sched::{self, Time, host, runtime, task as core_task};
use gort::sys::slab;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::cell::{Cell, UnsafeCell};
use std::ffi::{CStr, c_int, c_ulong, c_void};
use std::ptr::{NonNull, null_mut};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU16, AtomicUsize, Ordering::*};

/// How long the main thread sleeps before it looks at its signals, ns (K4).
const SIGNALS: Time = 40_000_000;
/// Suspended greenlets that a thread keeps for tasks to come.
const SPARES: usize = 512;

// ---- what is not in the stable ABI, and has not changed since Python 3.7

unsafe extern "C" {
    fn PyGILState_Check() -> c_int;
    fn PyGILState_GetThisThreadState() -> *mut c_void;
    fn PyContext_CopyCurrent() -> *mut PyObject;
    fn PyContext_Copy(ctx: *mut PyObject) -> *mut PyObject;
    fn PyContext_Enter(ctx: *mut PyObject) -> c_int;
    fn PyContext_Exit(ctx: *mut PyObject) -> c_int;
}

/// Does this thread hold the interpreter? May be asked on any thread at any time, also before and after there is one.
///
/// Not by `PyGILState_Check`: that says yes to everybody once the process has had a sub-interpreter, and after the interpreter's end.
pub fn is_attached() -> bool {
    type Current = unsafe extern "C" fn() -> *mut c_void;
    /// The state that is current, and whether it is that of this thread for sure (from 3.12 on it is a thread-local).
    static CURRENT: OnceLock<(Option<Current>, bool)> = OnceLock::new();
    // SAFETY: has no preconditions; 0 also while the interpreter ends: nobody else can get it then.
    if unsafe { ffi::Py_IsInitialized() } == 0 {
        return false;
    }
    let (current, own) = CURRENT.get_or_init(|| {
        // SAFETY: names of functions without arguments that return a thread state, and of a word (3.11 and later).
        unsafe {
            let find = |name: &CStr| libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr());
            let version = find(c"Py_Version").cast::<c_ulong>();
            let own = !version.is_null() && version.read() >= 0x030C_0000;
            let public = find(c"PyThreadState_GetUnchecked");
            let f = if public.is_null() { find(c"_PyThreadState_UncheckedGet") } else { public };
            (std::mem::transmute::<*mut c_void, Option<Current>>(f), own)
        }
    });
    // SAFETY: both may be asked at any time while there is an interpreter.
    unsafe {
        match current {
            Some(f) => {
                let state = f();
                !state.is_null() && (*own || state == PyGILState_GetThisThreadState())
            }
            None => PyGILState_Check() != 0,
        }
    }
}

/// A copy of a context, or of the current one; owned.
pub fn copy_context(_: Python<'_>, of: Option<&Py<PyAny>>) -> PyResult<*mut PyObject> {
    // SAFETY: attached; what is no context is refused.
    let c = unsafe { of.map_or_else(|| PyContext_CopyCurrent(), |of| PyContext_Copy(of.as_ptr())) };
    // SAFETY: attached.
    if c.is_null() { Err(PyErr::fetch(unsafe { Python::assume_attached() })) } else { Ok(c) }
}

/// Runs `f` within a context, which is given up.
///
/// # Safety
/// Attached; `context` is owned, or null.
pub unsafe fn in_context<R>(context: *mut PyObject, f: impl FnOnce() -> R) -> R {
    // SAFETY: contract.
    unsafe {
        let entered = !context.is_null() && PyContext_Enter(context) == 0;
        let r = f();
        if entered && PyContext_Exit(context) != 0 {
            ffi::PyErr_Clear(); // it has left another context entered
        }
        ffi::Py_XDECREF(context);
        r
    }
}

// ---- greenlet's C API

type Object = *mut PyObject;

/// The entries of `greenlet._C_API` that are used; the table has had these places since greenlet 1.0.
struct Greenlets {
    new: unsafe extern "C" fn(run: Object, parent: Object) -> Object,
    get_current: unsafe extern "C" fn() -> Object,
    switch: unsafe extern "C" fn(g: Object, args: Object, kw: Object) -> Object,
    /// The function that every greenlet of ours runs.
    root: Object,
    /// GreenletExit.
    exit: Object,
}

static GREENLETS: AtomicPtr<Greenlets> = AtomicPtr::new(null_mut());

#[inline(always)]
fn api() -> &'static Greenlets {
    // SAFETY: set once by `load`, before any greenlet is made, and never freed.
    unsafe { &*GREENLETS.load(Acquire) }
}

/// Imports greenlet. Says why if it cannot be used here.
pub fn load(py: Python<'_>) -> PyResult<()> {
    if !GREENLETS.load(Acquire).is_null() {
        return Ok(());
    }
    let method = Box::leak(Box::new(ffi::PyMethodDef {
        ml_name: c"gort_task".as_ptr(),
        ml_meth: ffi::PyMethodDefPointer { PyCFunction: root },
        ml_flags: ffi::METH_NOARGS,
        ml_doc: std::ptr::null(),
    }));
    py.import("greenlet")?;
    // SAFETY: attached; the capsule's table has 12 entries of these types (greenlet.h), checked by the version the package depends on.
    unsafe {
        let table = ffi::PyCapsule_Import(c"greenlet._C_API".as_ptr(), 0).cast::<*mut c_void>();
        if table.is_null() {
            return Err(PyErr::fetch(py));
        }
        let root = ffi::PyCFunction_NewEx(method, null_mut(), null_mut());
        if root.is_null() {
            return Err(PyErr::fetch(py));
        }
        let g = Greenlets {
            new: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Object, Object) -> Object>(*table.add(3)),
            get_current: std::mem::transmute::<*mut c_void, unsafe extern "C" fn() -> Object>(*table.add(4)),
            switch: std::mem::transmute::<*mut c_void, unsafe extern "C" fn(Object, Object, Object) -> Object>(
                *table.add(6),
            ),
            root,
            exit: (*table.add(2)).cast(),
        };
        GREENLETS.store(Box::into_raw(Box::new(g)), Release);
    }
    Ok(())
}

// ---- the host's side of a thread

/// What a thread of the lane has while it runs the loop.
pub struct Host {
    hub: Object,
    /// Suspended greenlets without a task.
    spare: UnsafeCell<Vec<Object>>,
    /// What the spare greenlet that is switched to begins with; null: it ends.
    assigned: Cell<*mut core_task::Task>,
    /// The main task of the run that this thread runs, or null.
    pub main: Cell<*mut core_task::Task>,
    /// The thread on which Python runs its signal handlers.
    is_main: bool,
    /// It has slept: the hub is to look at the signals.
    look: Cell<bool>,
    /// What was to end main, and came when main had ended.
    pub left: UnsafeCell<Option<PyErr>>,
}

/// The calling thread's `Thread`, which knows our hooks.
#[inline(always)]
pub fn thread(py: Python<'_>) -> PyResult<&'static Thread> {
    // SAFETY: threads are never freed.
    match unsafe { Thread::get().as_ref() } {
        Some(th) if th.host.get().is_some() => Ok(th),
        _ => first(py),
    }
}

#[cold]
fn first(py: Python<'_>) -> PyResult<&'static Thread> {
    sched::set_host(&HOOKS).map_err(|s| errors::of(py, s))
}

/// The host of a thread that runs the loop.
#[inline(always)]
pub fn host(th: &Thread) -> Option<&Host> {
    // SAFETY: set and cleared by `run_loop` of this thread, around the loop.
    unsafe { th.host_data.get().cast::<Host>().as_ref() }
}

#[inline(always)]
fn here() -> (&'static Thread, &'static Host) {
    // SAFETY: the hooks are called on threads that run the loop: registered, with a host.
    unsafe {
        let th = &*Thread::get();
        (th, &*th.host_data.get().cast::<Host>())
    }
}

/// Runs `body`, which runs the lane's loop, with the current greenlet as the hub.
pub fn run_loop<R>(py: Python<'_>, body: impl FnOnce(&'static Thread, &Host) -> R) -> PyResult<R> {
    let th = thread(py)?;
    if !th.host_data.get().is_null() || !th.host_task.get().is_null() {
        return Err(errors::misuse(py, "gort.run inside gort.run, or in a task"));
    }
    // SAFETY: attached.
    let hub = unsafe { (api().get_current)() };
    let host = Host {
        hub,
        spare: UnsafeCell::new(Vec::new()),
        assigned: Cell::new(null_mut()),
        main: Cell::new(null_mut()),
        is_main: th.tid.load(Relaxed) == std::process::id() as i32,
        look: Cell::new(false),
        left: UnsafeCell::new(None),
    };
    let host = Box::new(host);
    th.host_data.set(std::ptr::from_ref(&*host).cast_mut().cast());
    workers::note_thread(th, Some(workers::ident()));
    let r = body(th, &host);
    workers::note_thread(th, None);
    // Greenlets without a task end now; those of tasks that were given up stay suspended for ever (K1).
    // SAFETY: ours (L1); no borrow is held over the switch.
    while let Some(g) = unsafe { (*host.spare.get()).pop() } {
        host.assigned.set(null_mut());
        // SAFETY: a suspended greenlet of this thread: it sees that nothing is assigned, and returns to its parent, the hub.
        unsafe { release(go_to(g)) };
    }
    th.host_data.set(null_mut());
    // SAFETY: owned since `get_current`.
    unsafe { ffi::Py_DECREF(hub) };
    Ok(r)
}

unsafe fn go_to(g: Object) -> Object {
    debug_assert!(is_attached());
    // SAFETY: attached (L4); a greenlet of this thread.
    unsafe { (api().switch)(g, null_mut(), null_mut()) }
}

/// Is it a GreenletExit, which is a cancel (P4)?
pub fn is_greenlet_exit(py: Python<'_>, e: &PyErr) -> bool {
    // SAFETY: an exception class that greenlet holds.
    GREENLETS.load(Acquire) as usize != 0
        && unsafe { ffi::PyErr_GivenExceptionMatches(e.value(py).as_ptr(), api().exit) } != 0
}

/// What a switch returned. An exception that was thrown in becomes the pending one of whoever came back.
unsafe fn release(r: Object) -> Option<PyErr> {
    // SAFETY: attached; `r` is owned, or null with an exception set.
    unsafe {
        if r.is_null() {
            return PyErr::take(Python::assume_attached());
        }
        ffi::Py_DECREF(r);
    }
    None
}

/// The body of every greenlet of ours.
unsafe extern "C" fn root(_: Object, _: Object) -> Object {
    let run = || {
        // SAFETY: called by greenlet on a thread of the lane, attached; L1, L2.
        unsafe {
            loop {
                // Looked up each time: a greenlet may be parked in one run of its thread and go on in the next.
                let (th, host) = here();
                let t = host.assigned.replace(null_mut());
                if t.is_null() {
                    // It is to end; or somebody who is not of ours has switched here.
                    let me = (api().get_current)();
                    (*host.spare.get()).retain(|g| *g != me);
                    ffi::Py_DECREF(me);
                    return;
                }
                run_task(th, t);
                let next = host::next_task();
                let (_, host) = here();
                if !next.is_null() && Task::of(next).greenlet.get().is_null() {
                    host.assigned.set(next); // one that has not started: here
                    continue;
                }
                if next.is_null() && (*host.spare.get()).len() >= SPARES {
                    return; // to the hub, which is its parent
                }
                let target = if next.is_null() { host.hub } else { Task::of(next).greenlet.replace(null_mut()) };
                let me = (api().get_current)();
                (*host.spare.get()).push(me);
                let thrown = release(go_to(target));
                let (_, host) = here();
                ffi::Py_DECREF(me);
                if thrown.is_some() {
                    (*host.spare.get()).retain(|g| *g != me);
                    return;
                }
            }
        }
    };
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).is_err() {
        sched::bug("a panic reached the root of a Python task");
    }
    // SAFETY: attached.
    unsafe { ffi::Py_NewRef(ffi::Py_None()) }
}

/// Runs a task's function from its beginning to its end, and drops what was kept of it.
unsafe fn run_task(th: &'static Thread, t: *mut core_task::Task) {
    // SAFETY: `t` was given to us by the scheduler and is ours until `end_task`; the entry holds a reference of its object.
    unsafe {
        let py = Python::assume_attached();
        let task = Task::of(t);
        th.current.set(null_mut()); // L5
        task.begin(t);
        let result = in_context(task.context.replace(null_mut()), || task.call(py));
        if th.lane.get().is_null() {
            end_forked_child(py, result);
        }
        if task.was_forced() {
            ffi::PyThreadState_SetAsyncExc(workers::ident() as _, null_mut()); // what has not been raised yet was meant for this task
        }
        task.finish(py, th, result);
        host::end_task(t);
        Task::release(task); // its last reference may run code of a user: nobody is current
    }
}

/// A fork's child has come back from the task it was forked in: its scheduler is gone, and there is nobody to return to (H2). As a program ends: SystemExit gives the code, anything else
/// is printed.
#[cold]
fn end_forked_child(py: Python<'_>, result: PyResult<Py<PyAny>>) -> ! {
    let code = match result {
        Ok(_) => 0,
        Err(e) if e.is_instance_of::<pyo3::exceptions::PySystemExit>(py) => {
            let code = e.value(py).getattr("code").ok();
            match code {
                Some(c) if c.is_none() => 0,
                Some(c) => c.extract::<i32>().unwrap_or(1),
                None => 1,
            }
        }
        Err(e) => {
            e.print(py);
            1
        }
    };
    let flush = || -> PyResult<()> {
        let sys = py.import("sys")?;
        sys.getattr("stdout")?.call_method0("flush")?;
        sys.getattr("stderr")?.call_method0("flush")?;
        Ok(())
    };
    let _ = flush();
    // SAFETY: ends the process.
    unsafe { libc::_exit(code) }
}

// ---- the hooks

/// A thread that runs a run takes tasks of that run only: it leaves the loop when the run is over, and a task that is bound to it would sleep for ever. All others begin on the background
/// worker, which stays.
unsafe fn where_to_start(t: *mut core_task::Task) -> Start {
    let (_, host) = here();
    let main = host.main.get();
    // SAFETY: `t` is the caller's; main is held by its run.
    if main.is_null() || unsafe { (*t).run.load(Relaxed) == (*main).run.load(Relaxed) } {
        return Start::Here;
    }
    let background = workers::background();
    if background.is_null() { Start::Here } else { Start::On(background) }
}

unsafe fn has_spare() -> bool {
    // SAFETY: L1.
    unsafe { !(*here().1.spare.get()).is_empty() }
}

unsafe fn resume(t: *mut core_task::Task) {
    let (th, host) = here();
    // SAFETY: on the hub, attached; L2, L3.
    unsafe {
        let g = Task::of(t).greenlet.replace(null_mut());
        let g = if !g.is_null() {
            g
        } else {
            host.assigned.set(t);
            match (*host.spare.get()).pop() {
                Some(g) => g,
                None => {
                    let g = (api().new)(api().root, host.hub);
                    if g.is_null() {
                        return fail_to_start(th, t);
                    }
                    // It holds itself while it runs; the reference of `new` is given up when it is suspended or has ended.
                    let r = go_to(g);
                    ffi::Py_DECREF(g);
                    if let Some(e) = release(r) {
                        e.write_unraisable(Python::assume_attached(), None);
                    }
                    return;
                }
            }
        };
        if let Some(e) = release(go_to(g)) {
            e.write_unraisable(Python::assume_attached(), None);
        }
    }
}

/// There is no memory for a greenlet: the task ends with MemoryError and never runs.
#[cold]
unsafe fn fail_to_start(th: &'static Thread, t: *mut core_task::Task) {
    // SAFETY: as in `run_task`; what comes next is left to the hub.
    unsafe {
        let py = Python::assume_attached();
        let task = Task::of(t);
        here().1.assigned.set(null_mut());
        task.finish(py, th, Err(PyErr::fetch(py)));
        ffi::Py_XDECREF(task.context.replace(null_mut()));
        host::end_task(t);
        Task::release(task);
    }
}

unsafe fn switch(from: *mut core_task::Task, to: *mut core_task::Task) {
    let (_, host) = here();
    // SAFETY: on the greenlet that runs `from`, attached; L1, L2.
    unsafe {
        let task = Task::of(from);
        let me = (api().get_current)();
        task.greenlet.set(me);
        let target = if to.is_null() {
            host.hub
        } else {
            let g = Task::of(to).greenlet.replace(null_mut());
            if g.is_null() {
                host.assigned.set(to);
                match (*host.spare.get()).pop() {
                    Some(g) => g,
                    None => sched::bug("a Python task began without a spare greenlet"),
                }
            } else {
                g
            }
        };
        let thrown = release(go_to(target));
        if task.greenlet.get() == me {
            task.greenlet.set(null_mut()); // somebody who is not of ours has switched here: nobody took our reference
        }
        if let Some(e) = thrown {
            task.interrupt_with(e);
        }
        ffi::Py_DECREF(me);
    }
}

unsafe fn hub_business() -> bool {
    here().1.look.get() || decref::is_waiting()
}

unsafe fn hub() {
    let (_, host) = here();
    // SAFETY: on the hub, attached.
    unsafe {
        let py = Python::assume_attached();
        decref::drain(py);
        if host.look.replace(false)
            && host.is_main
            && let Err(e) = py.check_signals()
        {
            hand_to_main(py, host, e);
        }
    }
}

/// An exception that is main's business: it ends main's wait, or its next one.
pub fn hand_to_main(py: Python<'_>, host: &Host, e: PyErr) {
    let main = host.main.get();
    if main.is_null() {
        e.write_unraisable(py, None);
        return;
    }
    // SAFETY: main's object and its handle are held by `run` while `main` is set; `left` is touched attached, by this thread.
    unsafe {
        let task = Task::of(main);
        if task.has_ended() {
            // Nobody is left whom it could end but the run: that is over, and `run` raises it.
            *host.left.get() = Some(e);
            gort::sched::run::give_up(NonNull::new_unchecked(main));
        } else {
            task.interrupt_with(e);
            host::interrupt(main);
        }
    }
}

/// Python's own C handler of signals, once it is known, as an address.
static HANDLER: AtomicUsize = AtomicUsize::new(0);
/// SIGINT has a handler of the user's: it may do more than interrupt main.
pub static SIGINT_WAKES: AtomicBool = AtomicBool::new(false);

/// Learns which C function Python installs for signals that have a handler in Python: SIGINT has one from the start, unless it is ignored.
pub fn learn_handler() {
    // SAFETY: the old action is written to our own memory.
    unsafe {
        let mut now: libc::sigaction = std::mem::zeroed();
        if libc::sigaction(libc::SIGINT, std::ptr::null(), &mut now) == 0 && now.sa_sigaction > libc::SIG_IGN {
            HANDLER.store(now.sa_sigaction, Relaxed);
        }
    }
}

/// A handler in Python may send to a channel, whoever sleeps: a program that waits for SIGTERM is not dead.
fn may_wake() -> bool {
    let handler = HANDLER.load(Relaxed);
    if handler == 0 {
        return false;
    }
    if SIGINT_WAKES.load(Relaxed) {
        return true;
    }
    (1..32).any(|signal| {
        // SAFETY: as in `learn_handler`; async-signal-safe, and may be asked on any thread.
        unsafe {
            let mut now: libc::sigaction = std::mem::zeroed();
            signal != libc::SIGINT
                && libc::sigaction(signal, std::ptr::null(), &mut now) == 0
                && now.sa_sigaction == handler
        }
    })
}

unsafe fn thread_block(wait: &mut dyn FnMut(Time) -> bool) -> bool {
    if !is_attached() {
        while !wait(Time::MAX) {}
        return true;
    }
    // SAFETY: a host's thread is registered.
    let th = unsafe { &*Thread::get() };
    // Also in a task's foreign call: a handler runs under the C frames, and may not park there, for the thread's wait is open (`Caller::new`).
    let main = th.tid.load(Relaxed) == std::process::id() as i32;
    // Of a plain lock in C, whose result nobody looks at, or of a condition that takes its mutex again: what a handler raises, or had raised, is set when it is had (K3). No handler may run beside it.
    let fixed = th.party.fixed.load(Relaxed) == FIXED;
    // SAFETY: attached.
    let mut kept = if fixed { PyErr::take(unsafe { Python::assume_attached() }) } else { None };
    loop {
        // SAFETY: attached; nothing of Python is touched in between.
        let told = unsafe {
            let state = ffi::PyEval_SaveThread();
            let told = wait(if main { sched::now() + SIGNALS } else { Time::MAX });
            if !main {
                decref::stop_here_if_ended();
            }
            ffi::PyEval_RestoreThread(state);
            told
        };
        // SAFETY: attached again.
        let py = unsafe { Python::assume_attached() };
        if told {
            if let Some(e) = kept {
                e.restore(py)
            }
            return true;
        }
        // SAFETY: as above.
        if main && unsafe { ffi::PyErr_CheckSignals() } != 0 {
            if fixed {
                let e = PyErr::take(py);
                kept = kept.or(e);
                continue;
            }
            return false; // the exception is set; `call` raises it, or the C code that called does
        }
    }
}

unsafe fn idle(wait: &mut dyn FnMut(Time)) {
    let (_, host) = here();
    // SAFETY: on the hub, attached; nothing of Python is touched in between.
    unsafe {
        let state = ffi::PyEval_SaveThread();
        wait(if host.is_main { sched::now() + SIGNALS } else { Time::MAX });
        if !host.is_main {
            decref::stop_here_if_ended();
        }
        ffi::PyEval_RestoreThread(state);
    }
    host.look.set(host.is_main);
}

/// The lane's hooks.
pub static HOOKS: Hooks = Hooks {
    name: "python",
    where_to_start,
    has_spare,
    resume,
    switch,
    hub_business,
    hub,
    thread_block,
    may_wake,
    idle,
};

static LANE: AtomicPtr<Lane> = AtomicPtr::new(null_mut());
/// The epoch it was added in: a shutdown or a fork ends it, and frees the lane.
static EPOCH: AtomicU16 = AtomicU16::new(0);

/// The lane, added to the runtime at first use. One processor: with a GIL a second one gains nothing.
pub fn lane(py: Python<'_>) -> PyResult<&'static Lane> {
    if EPOCH.load(Relaxed) == slab::epoch()
        // SAFETY: freed by a shutdown only, which begins another epoch.
        && let Some(l) = unsafe { LANE.load(Acquire).as_ref() }
    {
        return Ok(l);
    }
    load(py)?;
    let l = runtime::add_lane(&HOOKS, 1).map_err(|s| errors::of(py, s))?;
    LANE.store(std::ptr::from_ref(l).cast_mut(), Release);
    EPOCH.store(slab::epoch(), Relaxed);
    Ok(l)
}

/// In a fork's child: the runtime is forgotten, and the lane with it.
pub fn forget_after_fork() {
    LANE.store(null_mut(), Release);
    // SAFETY: threads are never freed.
    if let Some(th) = unsafe { Thread::get().as_ref() } {
        th.host_data.set(null_mut());
    }
}

/// Why tasks cannot be greenlets here, or None.
pub fn unusable(py: Python<'_>) -> Option<String> {
    let is_free_threaded = || -> PyResult<bool> {
        let var = py.import("sysconfig")?.call_method1("get_config_var", ("Py_GIL_DISABLED",))?;
        Ok(var.is_truthy()? && py.version_info() < (3, 15))
    };
    if is_free_threaded().unwrap_or(false) {
        return Some("greenlets are not safe on a free-threaded Python before 3.15: the collector does not see a parked frame's deferred references".into());
    }
    load(py).err().map(|e| e.to_string())
}

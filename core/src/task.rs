//! Tasks for Rust: `go`, `spawn`, `JoinHandle`, `Builder`, `sleep`, `run`.
//!
//! Safe tasks are pinned to the thread that first runs them (D2): a task that moved with an `Rc` of a thread-local on its stack would be unsound. `spawn_migratable` is the unsafe way out.

use crate::sched::entry::Words;
use crate::sched::run::{self, Outcome};
use crate::sched::task::{Affinity, Entry, SpawnOptions, Task};
use crate::sched::{self, clock_never};
use crate::sched::{last_error, runtime};
use crate::status::Status;
use crate::sys::prim::Arc;
use crate::wait::{self, join};
use core::cell::UnsafeCell;
use core::mem::{align_of, size_of};
use core::ptr::NonNull;
use std::any::Any;
use std::ffi::CString;
use std::time::Duration;

pub use crate::sched::runtime::Config;

/// Makes an entry of a closure: inline if it fits into three words, boxed otherwise.
pub(crate) fn entry<F: FnOnce() + Send + 'static>(f: F) -> Entry {
    unsafe fn call_inline<F: FnOnce()>(e: *mut Entry) {
        // SAFETY: the words hold an F, which is moved out once.
        unsafe { Entry::at::<F>(e).read()() }
    }
    unsafe fn drop_inline<F>(e: *mut Entry) {
        // SAFETY: the words hold an F that was never called.
        unsafe { Entry::at::<F>(e).drop_in_place() }
    }
    unsafe fn call_boxed<F: FnOnce()>(e: *mut Entry) {
        // SAFETY: the words hold a Box<F>, which is moved out once.
        unsafe { Entry::at::<Box<F>>(e).read()() }
    }
    unsafe fn drop_boxed<F>(e: *mut Entry) {
        // SAFETY: as in `call_boxed`, never called.
        unsafe { Entry::at::<Box<F>>(e).drop_in_place() }
    }
    let mut words = Words::uninit();
    if size_of::<F>() <= size_of::<Words>() && align_of::<F>() <= align_of::<Words>() {
        // SAFETY: size and alignment fit. An entry is only moved, as bytes (entry.rs E1), until `call` or `drop` gets it.
        unsafe { words.as_mut_ptr().cast::<F>().write(f) };
        Entry { call: call_inline::<F>, drop: Some(drop_inline::<F>), words }
    } else {
        // SAFETY: a thin Box is one word.
        unsafe { words.as_mut_ptr().cast::<Box<F>>().write(Box::new(f)) };
        Entry { call: call_boxed::<F>, drop: Some(drop_boxed::<F>), words }
    }
}

/// What safe Rust tasks are.
pub(crate) fn thread_affine() -> SpawnOptions {
    SpawnOptions { affinity: Affinity::Thread, ..SpawnOptions::default() }
}

/// Starts a task. Its panic is caught at its root and printed by the panic hook.
///
/// # Panics
/// If it can not be spawned; `try_go` reports instead.
pub fn go<F: FnOnce() + Send + 'static>(f: F) {
    if let Err(s) = try_go(f) {
        panic!("gort::go: {s}")
    }
}

/// `go` that reports: LIMIT at `max_tasks`, NO_MEMORY, CANCELED in a run that is over, SHUTDOWN.
pub fn try_go<F: FnOnce() + Send + 'static>(f: F) -> Result<(), Status> {
    // SAFETY: the closure is Send and called once.
    unsafe { sched::spawn(entry(f), thread_affine()) }
}

/// Starts a task whose result can be joined.
///
/// # Panics
/// If it can not be spawned; `Builder::spawn` reports instead.
pub fn spawn<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(f: F) -> JoinHandle<T> {
    match Builder::new().spawn(f) {
        Ok(h) => h,
        Err(s) => panic!("gort::spawn: {s}"),
    }
}

/// Starts a task that may move between threads at each blocking call.
///
/// # Safety
/// Nothing on the task's stack or reached from it over a blocking call may depend on the thread: no borrow of a thread-local, no `Rc` shared with one, no lock guard that must be
/// released on the locking thread.
pub unsafe fn spawn_migratable<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(f: F) -> JoinHandle<T> {
    match Builder::new().spawn_as(f, Affinity::Any) {
        Ok(h) => h,
        Err(s) => panic!("gort::spawn_migratable: {s}"),
    }
}

/// Name and stack of a task to be spawned.
#[derive(Default)]
pub struct Builder {
    name: Option<String>,
    stack_size: usize,
}

impl Builder {
    pub fn new() -> Builder {
        Builder::default()
    }

    /// The name that dump and census show.
    pub fn name(mut self, name: impl Into<String>) -> Builder {
        self.name = Some(name.into());
        self
    }

    /// Bytes of stack, at most 64 MiB.
    pub fn stack_size(mut self, bytes: usize) -> Builder {
        self.stack_size = bytes;
        self
    }

    /// Starts the task.
    pub fn spawn<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(self, f: F) -> Result<JoinHandle<T>, Status> {
        self.spawn_as(f, Affinity::Thread)
    }

    fn spawn_as<T: Send + 'static, F: FnOnce() -> T + Send + 'static>(
        self,
        f: F,
        affinity: Affinity,
    ) -> Result<JoinHandle<T>, Status> {
        let name = match self.name {
            Some(n) => Some(CString::new(n).map_err(|e| {
                last_error::set(format_args!("the name of a task has a NUL at byte {}", e.nul_position()));
                Status::Invalid
            })?),
            None => None,
        };
        let options = SpawnOptions { name, stack_size: self.stack_size, affinity, lane: 0 };
        let packet = Arc::new(Packet(UnsafeCell::new(None)));
        let theirs = packet.clone();
        let body = move || {
            let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
            // SAFETY: the joiner reads only after the task has ended.
            unsafe { *theirs.0.get() = Some(r) };
            drop(theirs);
        };
        // SAFETY: the closure is Send and called once.
        let task = unsafe { sched::spawn_handle(entry(body), options) }.inspect_err(|s| {
            if *s == Status::Invalid {
                last_error::set(format_args!("a stack of {} bytes is above 64 MiB", self.stack_size));
            }
        })?;
        Ok(JoinHandle { task, packet })
    }
}

type Caught<T> = Result<T, Box<dyn Any + Send>>;
struct Packet<T>(UnsafeCell<Option<Caught<T>>>);
// SAFETY: written by the task before it ends, read by the joiner after; T is Send.
unsafe impl<T: Send> Sync for Packet<T> {}
// SAFETY: as above.
unsafe impl<T: Send> Send for Packet<T> {}

/// The message of a panic.
pub(crate) fn payload_text(p: &(dyn Any + Send)) -> &str {
    let text = p.downcast_ref::<&str>().copied();
    text.or_else(|| p.downcast_ref::<String>().map(String::as_str)).unwrap_or("(payload that is no text)")
}

/// Why a join failed.
pub enum JoinError {
    /// The task panicked; the payload is passed on.
    Panic(Box<dyn Any + Send>),
    /// The wait ended otherwise (the task goes on), or the task never ran (NO_MEMORY).
    Status(Status),
}

impl core::fmt::Debug for JoinError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self}")
    }
}

impl core::fmt::Display for JoinError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            JoinError::Panic(p) => write!(f, "the task panicked: {}", payload_text(&**p)),
            JoinError::Status(s) => write!(f, "{s}"),
        }
    }
}

impl std::error::Error for JoinError {}

/// A task that can be joined. Dropping it lets the task go on.
pub struct JoinHandle<T> {
    task: NonNull<Task>,
    packet: Arc<Packet<T>>,
}

// SAFETY: a slab handle whose every use is through its lock; the result is Send.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: as above; `&self` gives no access to the result.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Drop for JoinHandle<T> {
    fn drop(&mut self) {
        // SAFETY: our handle, given up once.
        let _ = unsafe { join::release(self.task.as_ptr()) };
    }
}

impl<T> JoinHandle<T> {
    /// Waits until the task has ended and takes its result. Blocks the task or thread.
    pub fn join(self) -> Result<T, JoinError> {
        self.join_with(Wait::forever()).map_err(|(_, e)| e)
    }

    /// `join` within limits; gives the handle back if the wait ended first.
    pub fn join_with(self, w: Wait) -> Result<T, (Self, JoinError)> {
        // SAFETY: our handle.
        let s = unsafe { join::join(self.task.as_ptr(), core::ptr::null_mut(), w.raw(), true) };
        if !s.is_ok() {
            return Err((self, JoinError::Status(s)));
        }
        // SAFETY: the task has ended, so we alone use the packet; its write happened before its end, which the header's lock passed to us.
        match unsafe { (*self.packet.0.get()).take() } {
            Some(Ok(v)) => Ok(v),
            Some(Err(p)) => Err((self, JoinError::Panic(p))),
            None => Err((self, JoinError::Status(Status::Panic))),
        }
    }

    /// Cancels the task: its blocking calls return CANCELED from now on.
    pub fn cancel(&self) {
        // SAFETY: our handle.
        let _ = unsafe { join::cancel(self.task.as_ptr()) };
    }

    /// Has it ended?
    pub fn is_finished(&self) -> bool {
        // SAFETY: our handle.
        unsafe { join::is_done(self.task.as_ptr()) }
    }

    /// Its number in dump and census.
    pub fn id(&self) -> u64 {
        // SAFETY: our handle.
        unsafe { join::id(self.task.as_ptr()) }
    }
}

/// A moment of the monotonic clock, in nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[repr(transparent)]
pub struct Time(pub i64);

impl Time {
    /// Never reached.
    pub const NEVER: Time = Time(clock_never());

    /// `d` from now, saturating.
    pub fn after(d: Duration) -> Time {
        Time(sched::now().saturating_add(i64::try_from(d.as_nanos()).unwrap_or(i64::MAX)))
    }
}

/// Now.
pub fn now() -> Time {
    Time(sched::now())
}

/// What may end a blocking call besides what it waits for.
#[derive(Clone, Copy)]
pub struct Wait<'a> {
    deadline: Time,
    cancel: Option<&'a wait::CancelSource>,
}

impl<'a> Wait<'a> {
    /// Nothing.
    pub fn forever() -> Wait<'a> {
        Wait { deadline: Time::NEVER, cancel: None }
    }

    /// A moment.
    pub fn until(t: Time) -> Wait<'a> {
        Wait { deadline: t, cancel: None }
    }

    /// A time from now.
    pub fn timeout(d: Duration) -> Wait<'a> {
        Wait::until(Time::after(d))
    }

    /// And a cancel source.
    pub fn source(mut self, s: &'a wait::CancelSource) -> Wait<'a> {
        self.cancel = Some(s);
        self
    }

    pub(crate) fn raw(&self) -> wait::Wait {
        wait::Wait { deadline: self.deadline.0, cancel: self.cancel.map_or(core::ptr::null(), core::ptr::from_ref) }
    }
}

/// Sleeps. Blocks the task (or thread). CANCELED if the task is cancelled meanwhile.
pub fn sleep(d: Duration) -> Result<(), Status> {
    wait::block::sleep(Wait::timeout(d).raw()).ok()
}

/// Lets other tasks run.
pub fn yield_now() {
    sched::yield_now()
}

/// Runs `f` as the main task of a run, with the default configuration; see `run_with`.
pub fn run<R: Send + 'static, F: FnOnce() -> R + Send + 'static>(f: F) -> Result<R, RunError> {
    run_raw(None, f).map(|r| r.value)
}

/// Runs `f` as the main task of a run and returns when it has returned. Tasks that are still alive then are cancelled, given the grace, and detached (K1);
/// `run_report` says which.
pub fn run_with<R: Send + 'static, F: FnOnce() -> R + Send + 'static>(config: &Config, f: F) -> Result<R, RunError> {
    run_raw(Some(config), f).map(|r| r.value)
}

/// `run_with` that also says what the run left behind.
pub fn run_report<R: Send + 'static, F: FnOnce() -> R + Send + 'static>(
    config: &Config,
    f: F,
) -> Result<RunReport<R>, RunError> {
    run_raw(Some(config), f)
}

fn run_raw<R: Send + 'static, F: FnOnce() -> R + Send + 'static>(
    c: Option<&Config>,
    f: F,
) -> Result<RunReport<R>, RunError> {
    let mut packet = Arc::new(Packet(UnsafeCell::new(None)));
    let theirs = packet.clone();
    let body = move || {
        let r = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        // SAFETY: the runner reads only after main has ended.
        unsafe { *theirs.0.get() = Some(r) };
    };
    let Outcome { status, report, detached, .. } = run::run(entry(body), thread_affine(), c);
    let ended = matches!(status, Status::Ok | Status::Deadlock | Status::Panic);
    // A main that was detached still holds the packet: then nothing is taken.
    let value = if ended { Arc::get_mut(&mut packet).and_then(|p| p.0.get_mut().take()) } else { None };
    match (status, value) {
        (Status::Ok, Some(Ok(value))) => Ok(RunReport { value, detached, report }),
        (_, Some(Err(p))) => Err(RunError { status: Status::Panic, report, detached, panic: Some(p) }),
        (Status::Ok, None) => Err(RunError { status: Status::Panic, report, detached, panic: None }),
        (s, _) => Err(RunError { status: s, report, detached, panic: None }),
    }
}

/// What a run came to whose main returned.
#[derive(Debug)]
pub struct RunReport<R> {
    /// What main returned.
    pub value: R,
    /// Tasks that were alive at its return and did not end within the grace; they live on, and belong to no run.
    pub detached: usize,
    /// Their names, states and places, for people; empty when all ended.
    pub report: String,
}

/// Why a run failed.
pub struct RunError {
    pub status: Status,
    /// The census of a deadlock, and the tasks that were detached.
    pub report: String,
    pub detached: usize,
    /// Main's panic.
    pub panic: Option<Box<dyn Any + Send>>,
}

impl core::fmt::Debug for RunError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{self}")
    }
}

impl core::fmt::Display for RunError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}", self.status)?;
        if !self.report.is_empty() {
            write!(f, "\n{}", self.report)?;
        }
        Ok(())
    }
}

impl std::error::Error for RunError {}

/// What exactly was wrong with the last call of this task (or, outside tasks, of this thread) that failed with a detail to tell: the census of a deadlock, or what is
/// wrong with an argument. None if there was none. Success does not clear it, and plain outcomes (CLOSED, WOULD_BLOCK, TIMED_OUT) leave it alone.
pub fn last_error() -> Option<String> {
    let text = last_error::get();
    // SAFETY: a C string that stays until this party's next failure, and it makes none while we copy.
    let text = unsafe { core::ffi::CStr::from_ptr(text) };
    (!text.is_empty()).then(|| text.to_string_lossy().into_owned())
}

/// Opens a shield until the guard is dropped: blocking calls of this task ignore its cancellation meanwhile.
pub fn shield() -> Shield {
    Shield(sched::shield_begin().is_ok(), core::marker::PhantomData)
}

/// See `shield`.
pub struct Shield(bool, core::marker::PhantomData<*const ()>);

impl Drop for Shield {
    fn drop(&mut self) {
        if self.0 {
            let _ = sched::shield_end();
        }
    }
}

/// Runs `f`, which may block the OS thread; other tasks get the processor meanwhile.
pub fn blocking<R>(f: impl FnOnce() -> R) -> R {
    sched::blocking_enter();
    let r = f();
    sched::blocking_leave();
    r
}

/// Processors in use.
pub fn workers() -> usize {
    runtime::workers()
}

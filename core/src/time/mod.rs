//! Timers and tickers for Rust: `Timer`, `Ticker`, `after`, `tick`, `after_func` (floor 3).
//!
//! **No drain is ever needed.** After `stop` or `reset` nothing of the old setting can be received; a value that was due and that nobody took is gone.
//!
//! The rules are those of Go 1.23 (`docs/semantics.md` T1-T6):
//! - a timer is received from like a channel, also in `select!`, `Select` and `Selector`; nothing is buffered: its length and capacity are 0;
//! - what is received is the time it was due, on the monotonic clock (`wall_time` prints it), however late it is read;
//! - a ticker drops the ticks that nobody took in time, and keeps its phase;
//! - nothing fires early; times saturate: what would lie beyond the end of time never comes;
//! - a timer that is dropped is gone at once, also if it was not stopped;
//! - what `after_func` makes has no channel: its function runs in a task of its own.
//!
//! ```
//! use gort::time::{Ticker, Timer};
//! use std::time::Duration;
//!
//! let ticker = Ticker::new(Duration::from_millis(2)).unwrap();
//! let stop = Timer::new(Duration::from_millis(50));
//! let mut ticks = 0;
//! loop {
//!     gort::select! {
//!         recv(ticker) -> _ => ticks += 1,
//!         recv(stop) -> due => break assert!(due.is_ok()),
//!     }
//!     .unwrap()
//! }
//! assert!(ticks > 0);
//! ```
//!
//! The engine is `timer.rs`; what is built on it stands in `pieces.rs` (debounce, throttle, heartbeat ...) and `retry.rs`.

mod pieces;
mod retry;
pub mod timer;

pub use pieces::{Debounce, Heartbeat, Idle, Periodic, Throttle};
pub use retry::{Backoff, RetryError, poll_until};

use crate::chan::raw::{self, RawChan};
use crate::chan::{Receivable, Receiver, RecvError};
use crate::status::Status;
use crate::sys::clock::{self, NEVER};
use crate::task::{Time, Wait};
use core::ptr::NonNull;
use std::ffi::c_void;
use std::time::Duration;
use timer::{Boxed, Timer as Raw, What};

pub use crate::task::{now, sleep};

/// A duration in ns, saturating.
fn ns(d: Duration) -> i64 {
    i64::try_from(d.as_nanos()).unwrap_or(NEVER)
}

/// A monotonic time as the wall clock shows it, for printing; a clock that was set in between shows another.
pub fn wall_time(t: Time) -> std::time::SystemTime {
    let epoch = std::time::SystemTime::UNIX_EPOCH;
    let at = t.0.saturating_add(clock::wall().saturating_sub(clock::now()));
    epoch + Duration::from_nanos(u64::try_from(at).unwrap_or(0))
}

/// What a timer and a ticker have in common: a handle, and its channel.
macro_rules! receivable {
    ($name:ident) => {
        // SAFETY: a slab handle whose every use is through its lock.
        unsafe impl Send for $name {}
        // SAFETY: as above.
        unsafe impl Sync for $name {}

        impl $name {
            fn chan(&self) -> *const RawChan {
                // SAFETY: our handle.
                match unsafe { timer::channel(self.0.as_ptr()) } {
                    Ok(ch) => ch.as_ptr(),
                    Err(Status::NoMemory) => {
                        panic!(concat!("gort::time::", stringify!($name), ": no memory for its channel"))
                    }
                    Err(_) => core::ptr::null(), // of a runtime that was shut down: never ready
                }
            }

            fn receive(&self, f: impl FnOnce(*const RawChan, *mut u8) -> Status) -> Result<Time, RecvError> {
                let mut due = 0i64;
                f(self.chan(), (&raw mut due).cast()).ok().map(|()| Time(due))
            }

            /// Waits until it is due: the time it was due. Blocks the task (or thread), for ever if it is not set. CANCELED, DEADLOCK, SHUTDOWN.
            pub fn recv(&self) -> Result<Time, RecvError> {
                // SAFETY: the channel lives as long as the timer; a time has room there.
                self.receive(|ch, at| unsafe { raw::recv(ch, at) })
            }

            /// The time it was due, if it is due and nobody has taken it; else WOULD_BLOCK.
            pub fn try_recv(&self) -> Result<Time, RecvError> {
                // SAFETY: as in `recv`.
                self.receive(|ch, at| unsafe { raw::try_recv(ch, at) })
            }

            /// `recv` within limits.
            pub fn recv_with(&self, wait: Wait<'_>) -> Result<Time, RecvError> {
                let w = wait.raw();
                // SAFETY: as in `recv`; the wait's source is borrowed.
                self.receive(|ch, at| unsafe { raw::recv_until(ch, at, w.deadline, w.cancel) })
            }

            /// It is not due any more, until it is reset. True if that prevented a value from being received. What waits for it waits on.
            pub fn stop(&self) -> bool {
                // SAFETY: our handle.
                unsafe { timer::stop(self.0.as_ptr()) }.unwrap_or(false)
            }
        }

        impl Drop for $name {
            fn drop(&mut self) {
                // SAFETY: our handle, given up once.
                let _ = unsafe { timer::release(self.0.as_ptr()) };
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                // SAFETY: our handle.
                let set = unsafe { timer::is_set(self.0.as_ptr()) };
                f.debug_struct(stringify!($name)).field("set", &set).finish()
            }
        }

        // SAFETY: the timer keeps its channel alive, whose elements are times; every use of it is through its lock.
        unsafe impl Receivable for $name {
            type Item = Time;
            fn raw(&self) -> *const RawChan {
                self.chan()
            }
        }
    };
}

/// A timer: due once, after a while; then it can be set again. Received from like a channel; see the head of this module.
pub struct Timer(NonNull<Raw>);
receivable!(Timer);

impl Timer {
    /// Due `d` from now.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn new(d: Duration) -> Timer {
        Timer::at(Time::after(d))
    }

    /// Due at `t`.
    ///
    /// # Panics
    /// As `new`.
    pub fn at(t: Time) -> Timer {
        Timer(timer::timer(t.0).unwrap_or_else(|s| panic!("gort::time::Timer: {s}")))
    }

    /// A timer that is not set.
    pub fn stopped() -> Timer {
        Timer::at(Time::NEVER)
    }

    /// Due `d` from now, whatever it was before. True if it was set and its value not received.
    pub fn reset(&self, d: Duration) -> bool {
        self.reset_at(Time::after(d))
    }

    /// Due at `t`, as `reset`.
    pub fn reset_at(&self, t: Time) -> bool {
        // SAFETY: our handle.
        unsafe { timer::reset(self.0.as_ptr(), t.0) }.unwrap_or(false)
    }
}

/// A ticker: due again and again. A reader that is slow loses ticks, and the phase is kept. Received from like a channel, or iterated over.
pub struct Ticker(NonNull<Raw>);
receivable!(Ticker);

impl Ticker {
    /// Due each `period`, for the first time after one. INVALID for a period of 0.
    pub fn new(period: Duration) -> Result<Ticker, Status> {
        timer::ticker(Time::after(period).0, ns(period)).map(Ticker)
    }

    /// Due each `period` from now on; the phase begins anew. INVALID for a period of 0, and nothing is changed.
    pub fn reset(&self, period: Duration) -> Result<(), Status> {
        // SAFETY: our handle.
        unsafe { timer::reset_ticker(self.0.as_ptr(), Time::after(period).0, ns(period)) }.map(|_| ())
    }
}

/// The times of the ticks, one after the other, as they come.
impl Iterator for &Ticker {
    type Item = Time;
    fn next(&mut self) -> Option<Time> {
        self.recv().ok()
    }
}

/// A channel that receives the time once, `d` from now. It is gone when the receiver is dropped; nothing has to be stopped.
///
/// # Panics
/// If there is no memory.
pub fn after(d: Duration) -> Receiver<Time> {
    let ch = timer::after(Time::after(d).0, true).unwrap_or_else(|s| panic!("gort::time::after: {s}"));
    // SAFETY: a receiving end of a fresh channel of times.
    unsafe { Receiver::of(ch) }
}

/// A channel that receives the time each `period`. None, which in a select is never ready, for a period of 0. It is gone when the receiver is dropped.
///
/// # Panics
/// If there is no memory.
pub fn tick(period: Duration) -> Option<Receiver<Time>> {
    match timer::tick(Time::after(period).0, ns(period), true) {
        // SAFETY: as in `after`.
        Ok(ch) => Some(unsafe { Receiver::of(ch) }),
        Err(Status::Invalid) => None,
        Err(s) => panic!("gort::time::tick: {s}"),
    }
}

/// A function that a timer calls, in a task of its own. It has no channel. Dropping the handle does not stop it.
pub struct FuncTimer(NonNull<Raw>);

// SAFETY: a slab handle whose every use is through its lock; the function is Send and Sync.
unsafe impl Send for FuncTimer {}
// SAFETY: as above.
unsafe impl Sync for FuncTimer {}

impl FuncTimer {
    /// The function is not called any more. True if that prevented a call: false if its task was started, or it was not set. A call that runs is not waited for.
    pub fn stop(&self) -> bool {
        // SAFETY: our handle.
        unsafe { timer::stop(self.0.as_ptr()) }.unwrap_or(false)
    }

    /// The function is called `d` from now, also if it was called before; a call that still runs then runs beside it. True if it was set.
    pub fn reset(&self, d: Duration) -> bool {
        self.reset_at(Time::after(d))
    }

    /// The function is called at `t`, as by `reset`.
    pub fn reset_at(&self, t: Time) -> bool {
        // SAFETY: our handle.
        unsafe { timer::reset(self.0.as_ptr(), t.0) }.unwrap_or(false)
    }
}

impl Drop for FuncTimer {
    fn drop(&mut self) {
        // SAFETY: our handle, given up once.
        let _ = unsafe { timer::release(self.0.as_ptr()) };
    }
}

#[repr(C)]
struct Func<F> {
    head: Boxed,
    f: F,
}

/// Calls `f` in a task of its own, `d` from now, and again after each `reset`. `f` is dropped when the handle is gone and nothing is left to call. When the run that this is called in ends, `f` is
/// not called any more.
///
/// # Panics
/// If there is no memory.
pub fn after_func<F: Fn() + Send + Sync + 'static>(d: Duration, f: F) -> FuncTimer {
    func_timer(Time::after(d), f, timer::after_func).unwrap_or_else(|s| panic!("gort::time::after_func: {s}"))
}

/// `after_func` at `t` that no run's end stops, for what is no work of the program's: `f` is called in a task of no run. NO_MEMORY, SHUTDOWN.
pub fn after_func_at<F: Fn() + Send + Sync + 'static>(t: Time, f: F) -> Result<FuncTimer, Status> {
    func_timer(t, f, timer::after_func_of_no_run)
}

type Make = unsafe fn(What, i64, *mut (), *mut c_void) -> Result<NonNull<timer::Timer>, Status>;

fn func_timer<F: Fn() + Send + Sync + 'static>(t: Time, f: F, make: Make) -> Result<FuncTimer, Status> {
    unsafe extern "C-unwind" fn call<F: Fn()>(arg: *mut c_void) {
        // SAFETY: the argument of this timer, which has a reference for us.
        unsafe { ((*arg.cast::<Func<F>>()).f)() }
    }
    unsafe fn drop_func<F>(at: *mut Boxed) {
        // SAFETY: from `Box::into_raw` below, and called once.
        drop(unsafe { Box::from_raw(at.cast::<Func<F>>()) })
    }
    let boxed = Box::into_raw(Box::new(Func { head: Boxed { drop: drop_func::<F> }, f }));
    let call = call::<F> as unsafe extern "C-unwind" fn(*mut c_void);
    // SAFETY: the function is Send and Sync; the box is the timer's from now on.
    let made = unsafe { make(What::CallBoxed, t.0, call as *mut (), boxed.cast()) };
    made.map(FuncTimer).inspect_err(|_| {
        // SAFETY: it failed, so the box is still ours.
        drop(unsafe { Box::from_raw(boxed) });
    })
}

//! What programs build of timers, ready to use: `Debounce`, `Throttle`, `Periodic`, `Heartbeat`, `Idle`.
//!
//! Where the function runs is said at each. What is the same for all:
//!  B1  It never runs beside itself: what comes due while it runs is run once more, right after (`Job`); of a `Periodic` and a `Heartbeat` it is skipped.
//!  B2  A panic of the function ends that run of it and nothing else; it is printed, as any task's.
//!  B3  They belong to the run that made them: with it they end, as what `after_func` makes does.
//!  B4  Dropping one stops it. A run of the function that has begun is not waited for.
//!
//! Rejected: a lock that is held while the function runs (a call from within it would wait for itself).

use super::{FuncTimer, Ticker, Time, after_func, now, timer};
use crate::chan::{Receiver, Sender, channel};
use crate::status::Status;
use crate::sys::clock::NEVER;
use crate::sys::prim::{Arc, AtomicI64, AtomicPtr, AtomicU8, Ordering::*};
use crate::task::try_go;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

const IDLE: u8 = 0;
const RUNNING: u8 = 1;
const AGAIN: u8 = 2;

/// A function that never runs beside itself (B1).
struct Job<F> {
    state: AtomicU8,
    f: F,
}

impl<F: Fn()> Job<F> {
    fn new(f: F) -> Job<F> {
        Job { state: AtomicU8::new(IDLE), f }
    }

    /// Runs it here; or, if it runs already, sees to it that it is run once more.
    fn run(&self) {
        // AcqRel: one run comes after the other, whoever runs it.
        let was = self.state.fetch_update(AcqRel, Acquire, |s| Some(if s == IDLE { RUNNING } else { AGAIN }));
        if was != Ok(IDLE) {
            return;
        }
        let mut panicked = None;
        loop {
            if let Err(payload) = catch_unwind(AssertUnwindSafe(&self.f))
                && let Some(earlier) = panicked.replace(payload)
            {
                crate::sched::drop_payload(earlier)
            }
            if self.state.compare_exchange(RUNNING, IDLE, AcqRel, Acquire).is_ok() {
                break;
            }
            // By a read of the last AGAIN: what any of them did before is seen by this run.
            self.state.swap(RUNNING, AcqRel);
        }
        if let Some(payload) = panicked {
            resume_unwind(payload) // B2: what was called for meanwhile has been run all the same
        }
    }
}

/// Calls a function once things are quiet: a while after the last `call`, however many there were. It runs in a task of its own.
///
/// ```
/// use std::time::Duration;
/// let (tx, rx) = gort::channel(8);
/// let save = gort::time::Debounce::new(Duration::from_millis(5), move || tx.send("saved").unwrap());
/// for _ in 0..100 {
///     save.call();
/// }
/// assert_eq!(rx.recv(), Ok("saved"));
/// assert!(rx.try_recv().is_err(), "once");
/// ```
pub struct Debounce {
    quiet: Duration,
    timer: FuncTimer,
    run: Arc<Box<dyn Fn() + Send + Sync>>,
}

impl Debounce {
    /// Of a function that is to run `quiet` after the last call.
    pub fn new(quiet: Duration, f: impl Fn() + Send + Sync + 'static) -> Debounce {
        let job = Arc::new(Job::new(f));
        let theirs = job.clone();
        Debounce { quiet, timer: unset(move || theirs.run()), run: Arc::new(Box::new(move || job.run())) }
    }

    /// The function is to run, `quiet` from now. Does not block.
    pub fn call(&self) {
        self.timer.reset(self.quiet);
    }

    /// What was called for and has not begun is not run. True if there was something.
    pub fn cancel(&self) -> bool {
        self.timer.stop()
    }

    /// What was called for and has not begun is begun now, in a task of its own. True if there was something.
    pub fn flush(&self) -> bool {
        let was = self.timer.stop();
        if was {
            let run = self.run.clone();
            if try_go(move || run()).is_err() {
                self.timer.reset(Duration::ZERO);
            }
        }
        was
    }
}

impl Drop for Debounce {
    fn drop(&mut self) {
        self.timer.stop();
    }
}

/// A function timer that is not set.
fn unset(f: impl Fn() + Send + Sync + 'static) -> FuncTimer {
    after_func(Duration::MAX, f)
}

/// Lets a function run at most once in each interval. A call that may run runs it at once, in the caller; one that may not is dropped, or, if it is `trailing`, leads to one more run at the end of
/// the interval, in a task of its own.
///
/// ```
/// use std::time::Duration;
/// let once_an_hour = gort::time::Throttle::new(Duration::from_secs(3600), || println!("still alive"));
/// assert!(once_an_hour.call());
/// assert!(!once_an_hour.call());
/// ```
pub struct Throttle {
    shared: Arc<Gate>,
    timer: Option<FuncTimer>,
}

struct Gate {
    interval: i64,
    /// From when on the next call may run.
    next: AtomicI64,
    run: Box<dyn Fn() + Send + Sync>,
}

impl Gate {
    /// May a call run now? Then the next one has to wait.
    fn pass(&self) -> bool {
        let now = now().0;
        // AcqRel: of several calls at once one passes.
        self.next.fetch_update(AcqRel, Acquire, |next| (now >= next).then(|| now.saturating_add(self.interval))).is_ok()
    }
}

impl Throttle {
    /// Calls that come too early are dropped.
    pub fn new(interval: Duration, f: impl Fn() + Send + Sync + 'static) -> Throttle {
        let job = Job::new(f);
        let shared = Arc::new(Gate {
            interval: super::ns(interval),
            next: AtomicI64::new(i64::MIN),
            run: Box::new(move || job.run()),
        });
        Throttle { shared, timer: None }
    }

    /// Calls that come too early lead to one run at the end of the interval.
    pub fn trailing(interval: Duration, f: impl Fn() + Send + Sync + 'static) -> Throttle {
        let mut t = Throttle::new(interval, f);
        let theirs = t.shared.clone();
        let timer = unset(move || {
            if theirs.pass() {
                (theirs.run)()
            }
        });
        t.timer = Some(timer);
        t
    }

    /// Runs the function if it may run now; false if not. Blocks as long as the function does.
    pub fn call(&self) -> bool {
        if self.shared.pass() {
            (self.shared.run)();
            return true;
        }
        if let Some(timer) = &self.timer {
            timer.reset_at(Time(self.shared.next.load(Acquire)));
        }
        false
    }

    /// A trailing run that is due later is not run. True if there was one.
    pub fn cancel(&self) -> bool {
        self.timer.as_ref().is_some_and(FuncTimer::stop)
    }
}

impl Drop for Throttle {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A task that calls a function at each tick until it is told to stop.
struct Beating {
    stop: Option<Sender<()>>,
    ended: Receiver<()>,
}

impl Beating {
    fn start(period: Duration, at_once: bool, mut f: impl FnMut(Time) + Send + 'static) -> Result<Beating, Status> {
        let ticker = Ticker::new(period)?;
        let (stop, stopped) = channel::<()>(0);
        let (end, ended) = channel::<()>(0);
        try_go(move || {
            let _end = end; // closes when the task ends, however it does
            let mut beat = |due| {
                let caught = catch_unwind(AssertUnwindSafe(|| f(due)));
                if let Err(payload) = caught {
                    crate::sched::drop_payload(payload) // B2
                }
            };
            if at_once {
                beat(now())
            }
            loop {
                let go_on = crate::select! {
                    biased;
                    recv(stopped) -> _ => false,
                    recv(ticker) -> due => match due {
                        Ok(due) => {
                            beat(due);
                            let _ = ticker.try_recv(); // what was missed meanwhile is skipped
                            true
                        }
                        Err(_) => false,
                    },
                };
                if go_on != Ok(true) {
                    return;
                }
            }
        })?;
        Ok(Beating { stop: Some(stop), ended })
    }
}

macro_rules! beating {
    ($name:ident) => {
        impl $name {
            /// It does not run any more; a run that has begun is not waited for. Idempotent.
            pub fn stop(&mut self) {
                self.0.stop = None
            }

            /// `stop`, and waits until a run that has begun is over. Blocks; CANCELED, DEADLOCK, SHUTDOWN end the wait. Not from within the function itself.
            pub fn join(mut self) -> Result<(), Status> {
                self.stop();
                match self.0.ended.recv() {
                    Ok(()) | Err(Status::Closed) => Ok(()),
                    Err(s) => Err(s),
                }
            }
        }
    };
}

/// A job that runs each period, in a task of its own. How long it takes is compensated: the runs begin at the due times of a ticker, and what comes due while one still runs is skipped.
///
/// ```
/// use std::time::Duration;
/// let (tx, rx) = gort::channel(0);
/// let mut job = gort::time::Periodic::new(Duration::from_millis(1), move |due| drop(tx.send(due))).unwrap();
/// let (a, b) = (rx.recv().unwrap(), rx.recv().unwrap());
/// assert_eq!((b.0 - a.0) % 1_000_000, 0, "in phase");
/// job.stop();
/// ```
pub struct Periodic(Beating);
beating!(Periodic);

impl Periodic {
    /// Runs `f` each `period`, for the first time after one, with the time that it was due. INVALID for a period of 0; else what `try_go` says.
    pub fn new(period: Duration, f: impl FnMut(Time) + Send + 'static) -> Result<Periodic, Status> {
        Beating::start(period, false, f).map(Periodic)
    }
}

/// A sign of life while something else works: at once, and then each period, in a task of its own.
pub struct Heartbeat(Beating);
beating!(Heartbeat);

impl Heartbeat {
    /// Runs `f` now and each `period`; a beat that comes while it still runs is skipped. INVALID for a period of 0; else what `try_go` says.
    pub fn new(period: Duration, mut f: impl FnMut() + Send + 'static) -> Result<Heartbeat, Status> {
        Beating::start(period, true, move |_| f()).map(Heartbeat)
    }
}

/// Calls a function when nothing was heard for a while: of a connection that is to be closed, a cache that can go. It runs in a task of its own, once for each time that things fall silent. `touch`
/// costs a look at the clock: the timer is not set anew by it, but sees by itself that it is too early.
pub struct Idle {
    watch: Arc<Watch>,
    timer: FuncTimer,
}

struct Watch {
    limit: i64,
    /// When something was heard last; NEVER: it has called, or was stopped, and waits for a touch.
    last: AtomicI64,
    /// The timer, for its own function, whose task keeps it alive; set before it is armed.
    timer: AtomicPtr<timer::Timer>,
}

impl Watch {
    /// The timer is due: has it been silent for so long?
    fn look(&self) -> bool {
        let last = self.last.load(Acquire);
        if last == NEVER {
            return false; // stopped
        }
        let due = last.saturating_add(self.limit);
        let silent = due <= now().0;
        if silent && self.last.compare_exchange(last, NEVER, AcqRel, Acquire).is_ok() {
            return true;
        }
        // Touched since it was set, or in this moment.
        // SAFETY: the caller is a task of the timer's function, which has a reference.
        let _ = unsafe { timer::reset(self.timer.load(Acquire), due) };
        false
    }
}

impl Idle {
    /// Silence begins now; `f` is called when it has lasted for `limit`.
    pub fn new(limit: Duration, f: impl Fn() + Send + Sync + 'static) -> Idle {
        let (last, none) = (AtomicI64::new(NEVER), AtomicPtr::new(core::ptr::null_mut()));
        let watch = Arc::new(Watch { limit: super::ns(limit), last, timer: none });
        let job = Job::new(f);
        let theirs = watch.clone();
        let timer = unset(move || {
            if theirs.look() {
                job.run()
            }
        });
        watch.timer.store(timer.0.as_ptr(), Release);
        let idle = Idle { watch, timer };
        idle.touch();
        idle
    }

    /// Something was heard: silence begins anew. Also after the function was called, or `stop`.
    #[inline]
    pub fn touch(&self) {
        let now = now().0;
        // AcqRel: whoever finds it resting sets the timer.
        if self.watch.last.swap(now, AcqRel) == NEVER {
            self.timer.reset_at(Time(now.saturating_add(self.watch.limit)));
        }
    }

    /// The function is not called until the next touch. True if that prevented it.
    pub fn stop(&self) -> bool {
        let was = self.watch.last.swap(NEVER, AcqRel) != NEVER;
        self.timer.stop();
        was
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.stop();
    }
}

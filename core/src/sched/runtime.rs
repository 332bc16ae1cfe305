//! The one runtime of the process: configuration, start, worker threads, shutdown, fork.
//!
//! R-1  Started lazily by the first spawn or run; plain threads may use channels among themselves without it.
//! R-2  Host lanes are added while it runs and never removed before shutdown.
//! R-3  Shutdown, in order: (1) nothing new is admitted; (2) every task is cancelled and every plain thread's wait ended with SHUTDOWN; (3) tasks get the grace; (4) workers and
//!      monitor are told to stop and waited for, until the system has none of them any more (own.rs), and threads of hosts leave their loops; (5) the stacks and the handle
//!      range are released. A worker that is stuck in user code makes it return TIMED_OUT, with
//!      everything it may still touch left in place.
//! R-4  A fork's child keeps the calling thread only: the handler takes no lock, bumps the epoch, forgets the runtime (which is leaked), and makes the thread a plain one (H2).
//! R-5  Workers block all signals: the host's handlers run on the host's threads (H4).

use super::bell::Bell;
use super::domain::Domain;
use super::doors::{Cx, enter};
use super::lane::{Hooks, Lane};
use super::own::OwnThreads;
use super::processor::Processor;
use super::task::{TASKS, Task};
use super::thread::{self, Thread};
use super::{census, epoch, lot, monitor, objects, run, ticket, worker};
use crate::status::Status;
use crate::sys::clock;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::stack::Class;
use crate::sys::{barrier, cpu, slab, stack};
use core::ptr::{NonNull, null, null_mut};

/// How a run, and the runtime it uses, is set up. `GORT_*` environment variables override.
///
/// `grace` and `wait_all` are the run's own. The others are the process's: a run that starts the runtime sets all of them (0: the default); a later one, while no other
/// run is going on, sets `max_tasks` and `max_threads` anew, and `workers` and `stack_size` if they are not 0; while another run is going on none counts. `seed` counts only
/// for the run that starts the runtime. A run without a configuration changes nothing.
#[derive(Clone, Debug)]
pub struct Config {
    /// Processors: how many tasks run at the same time. `GORT_WORKERS`. Default: what the process may use.
    pub workers: usize,
    /// What tasks that are alive when main returns get to end in, ns.
    pub grace: i64,
    /// Wait for them instead of cancelling them.
    pub wait_all: bool,
    /// Most live tasks; spawn says LIMIT beyond it. `GORT_MAX_TASKS`. Default: no limit.
    pub max_tasks: usize,
    /// Most worker threads. `GORT_MAX_THREADS`. Default 10,000.
    pub max_threads: usize,
    /// Bytes of a task's stack. `GORT_STACK_SIZE`. Default 64 KiB.
    pub stack_size: usize,
    /// Makes the schedule a function of the program and this number: one processor. `GORT_SEED`.
    pub seed: Option<u64>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            workers: 0,
            grace: 100_000_000,
            wait_all: false,
            max_tasks: 0,
            max_threads: 0,
            stack_size: 0,
            seed: None,
        }
    }
}

const LANES: usize = 8;
const CAPACITY: usize = 256;
const MAX_THREADS: usize = 10_000;

/// See the file's head.
pub struct Runtime {
    lanes: [AtomicPtr<Lane>; LANES],
    n_lanes: AtomicUsize,
    threads: AtomicUsize,
    /// Threads of hosts that run a lane's loop.
    host_threads: AtomicUsize,
    own: OwnThreads,
    max_threads: AtomicUsize,
    /// 0: no limit, and `live` is not kept.
    max_tasks: AtomicUsize,
    live: AtomicUsize,
    stopping: AtomicBool,
    pub runs: AtomicUsize,
    /// Plain threads that wait in `run` for the last task of a `wait_all`, without a deadline.
    pub waiting_runners: AtomicUsize,
    pub foreign_spawned: AtomicU64,
    pub retakes: AtomicU64,
    pub monitor_bell: Bell,
    pub monitor_stop: AtomicBool,
    monitor_alive: AtomicBool,
    domain: *const Domain,
    log_to: Option<String>,
    /// In `LEFT`.
    left: AtomicPtr<Runtime>,
}

// SAFETY: everything is atomic or set once before the runtime is published.
unsafe impl Sync for Runtime {}
// SAFETY: as above.
unsafe impl Send for Runtime {}

static RT: AtomicPtr<Runtime> = AtomicPtr::new(null_mut());
static START: ByteLock = ByteLock::new();
/// The last step of a shutdown is under way: nothing new is made.
static RELEASING: AtomicBool = AtomicBool::new(false);
/// The runtimes that were shut down: kept, and known to whoever looks for leaks.
static LEFT: AtomicPtr<Runtime> = AtomicPtr::new(null_mut());
static PREPARED: AtomicBool = AtomicBool::new(false);

/// The runtime, if it is started.
#[inline(always)]
pub fn get() -> Option<&'static Runtime> {
    // SAFETY: a published runtime is never freed.
    unsafe { RT.load(Acquire).cast_const().as_ref() }
}

/// Lane number `id`; the runtime is started, and the lane was registered.
#[inline(always)]
pub fn lane(id: u8) -> &'static Lane {
    // SAFETY: callers are inside the bracket and hold a task of that lane, so the lane was registered; it is freed only when nobody is inside.
    unsafe { &*LANE[id as usize].load(Acquire) }
}

/// The lanes, also while the runtime that they belong to is being shut down.
static LANE: [AtomicPtr<Lane>; LANES] = [const { AtomicPtr::new(null_mut()) }; LANES];

/// Asked, inside the bracket, by whatever makes an object: false means that a shutdown waits for us before it releases memory.
pub fn is_releasing() -> bool {
    RELEASING.load(SeqCst)
}

/// Once a process: the asymmetric barrier and the fork handler.
pub fn prepare_process() {
    if PREPARED.load(Acquire) {
        return;
    }
    START.with(|| {
        if !PREPARED.load(Relaxed) {
            crate::sys::anchor::keep();
            barrier::init();
            crate::sys::cpu::calibrate();
            // SAFETY: the handler has the right signature and lives as long as the library (which is linked nodelete, H3).
            unsafe { libc::pthread_atfork(None, None, Some(after_fork)) };
            PREPARED.store(true, Release);
        }
    })
}

///
unsafe extern "C" fn after_fork() {
    slab::bump_epoch();
    RT.store(null_mut(), SeqCst);
    // SAFETY: the child has one thread: this one. The locks are put into their initial state.
    unsafe { START.unlock() };
    monitor::ASLEEP.store(false, SeqCst);
    TASKS.reset();
    run::RUNS.reset();
    objects::reset_all();
    lot::reset();
    epoch::forget_after_fork();
    clock::note(i64::MIN);
    stack::reset_after_fork();
    thread::forget_others_after_fork();
    let t = Thread::get();
    if !t.is_null() {
        // SAFETY: the calling thread's own.
        let th = unsafe { &*t };
        th.reset();
        th.tid.store(cpu::thread_id(), Relaxed);
        th.stop.store(true, SeqCst);
    }
}

fn env(name: &str) -> Option<u64> {
    let v = std::env::var(name).ok()?;
    match v.trim().parse() {
        Ok(n) => Some(n),
        Err(_) => {
            eprintln!("gort: {name}={v} is not a number; ignored");
            None
        }
    }
}

/// The runtime, started if need be.
#[inline(always)]
pub fn started(cx: Cx) -> Result<&'static Runtime, Status> {
    match get() {
        Some(rt) => {
            if rt.stopping.load(Relaxed) {
                return Err(Status::Shutdown);
            }
            Ok(rt)
        }
        None => started_with(cx, None),
    }
}

/// The same with a configuration (see `Config`). INVALID for a stack size out of range.
#[cold]
pub fn started_with(_: Cx, config: Option<&Config>) -> Result<&'static Runtime, Status> {
    if is_releasing() {
        return Err(Status::Shutdown);
    }
    let default = Config::default();
    let c = config.unwrap_or(&default);
    START.lock();
    let rt = match get() {
        Some(rt) => {
            if config.is_some() && rt.runs.load(SeqCst) == 0 && !rt.stopping.load(Relaxed) {
                rt.adjust(c).map(|()| rt)
            } else {
                Ok(rt)
            }
        }
        None => start(c),
    };
    // SAFETY: locked above.
    unsafe { START.unlock() };
    let rt = rt?;
    if rt.stopping.load(Relaxed) { Err(Status::Shutdown) } else { Ok(rt) }
}

/// The stack of tasks that ask for none, unless it is left as it is.
fn set_stack_size(c: &Config) -> Result<(), Status> {
    let size = env("GORT_STACK_SIZE").map_or(c.stack_size, |n| n as usize);
    if size == 0 || stack::set_default(size) { Ok(()) } else { Err(Status::Invalid) }
}

fn start(c: &Config) -> Result<&'static Runtime, Status> {
    let seed = env("GORT_SEED").or(c.seed);
    set_stack_size(c)?;
    let log_to = std::env::var("GORT_LOG").ok();
    let domain = match seed {
        Some(s) => Box::into_raw(Box::new(Domain::seeded(s, true))).cast_const(),
        None => null(),
    };
    let rt: &'static Runtime = Box::leak(Box::new(Runtime {
        lanes: [const { AtomicPtr::new(null_mut()) }; LANES],
        n_lanes: AtomicUsize::new(0),
        threads: AtomicUsize::new(0),
        host_threads: AtomicUsize::new(0),
        own: OwnThreads::default(),
        max_threads: AtomicUsize::new(0),
        max_tasks: AtomicUsize::new(0),
        live: AtomicUsize::new(0),
        stopping: AtomicBool::new(false),
        runs: AtomicUsize::new(0),
        waiting_runners: AtomicUsize::new(0),
        foreign_spawned: AtomicU64::new(0),
        retakes: AtomicU64::new(0),
        monitor_bell: Bell::new(),
        monitor_stop: AtomicBool::new(false),
        monitor_alive: AtomicBool::new(false),
        domain,
        log_to,
        left: AtomicPtr::new(null_mut()),
    }));
    let workers = rt.workers_of(c);
    let lane = Lane::new(0, None, CAPACITY, workers, seed.unwrap_or(clock::now() as u64));
    let lane = Box::into_raw(lane);
    LANE[0].store(lane, Release);
    rt.lanes[0].store(lane, Release);
    rt.n_lanes.store(1, Release);
    rt.limits(c);
    RT.store(core::ptr::from_ref(rt).cast_mut(), Release);
    monitor::COARSE.store((clock::now() / 1_000_000) as u32, Relaxed);
    rt.monitor_alive.store(true, SeqCst);
    let watch = move || {
        monitor::main(rt);
        rt.monitor_alive.store(false, SeqCst);
    };
    if rt.own.start("gort-monitor", watch).is_err() {
        rt.monitor_alive.store(false, SeqCst);
    }
    Ok(rt)
}

impl Runtime {
    fn workers_of(&self, c: &Config) -> usize {
        if !self.domain.is_null() {
            return 1;
        }
        let n = env("GORT_WORKERS").map_or(c.workers, |n| n as usize);
        let n = if n == 0 { cpu::available() } else { n };
        n.clamp(1, CAPACITY)
    }

    fn limits(&self, c: &Config) {
        let tasks = env("GORT_MAX_TASKS").map_or(c.max_tasks, |n| n as usize);
        if tasks != 0 && self.max_tasks.load(Relaxed) == 0 {
            self.live.store(census::live_tasks(), Relaxed);
        }
        self.max_tasks.store(tasks, Relaxed);
        let threads = env("GORT_MAX_THREADS").map_or(c.max_threads, |n| n as usize);
        self.max_threads.store(if threads == 0 { MAX_THREADS } else { threads }, Relaxed);
    }

    /// A run begins on a runtime that no other run uses.
    fn adjust(&self, c: &Config) -> Result<(), Status> {
        set_stack_size(c)?;
        self.limits(c);
        if c.workers != 0 && self.domain.is_null() {
            self.native().set_active(self.workers_of(c));
        }
        Ok(())
    }

    pub fn native(&self) -> &Lane {
        // SAFETY: lane 0 is there since before the runtime was published.
        unsafe { &*self.lanes[0].load(Acquire) }
    }

    pub fn lanes(&self) -> impl Iterator<Item = &Lane> {
        // SAFETY: lanes are published before they are counted and never freed.
        self.lanes[..self.n_lanes.load(Acquire)].iter().map(|l| unsafe { &*l.load(Acquire) })
    }

    /// The domain of tasks that plain threads spawn.
    #[inline(always)]
    pub fn domain(&self) -> *const Domain {
        self.domain
    }

    pub fn is_stopping(&self) -> bool {
        self.stopping.load(SeqCst)
    }

    pub fn active_runs(&self) -> usize {
        self.runs.load(SeqCst)
    }

    /// Worker threads and the monitor.
    pub fn own_threads(&self) -> usize {
        self.threads.load(SeqCst) + self.monitor_alive.load(SeqCst) as usize
    }

    /// Threads of hosts that run a lane's loop: ours to judge, not ours to end.
    pub fn host_threads(&self) -> usize {
        self.host_threads.load(SeqCst)
    }

    /// Counts a task in, if there is a limit (K5).
    #[inline(always)]
    pub fn admit_task(&self) -> bool {
        let max = self.max_tasks.load(Relaxed);
        max == 0 || self.live.fetch_update(AcqRel, Relaxed, |n| if n < max { Some(n + 1) } else { None }).is_ok()
    }

    /// Counts a task out.
    #[inline(always)]
    pub fn dismiss_task(&self) {
        if self.max_tasks.load(Relaxed) != 0 {
            let _ = self.live.fetch_update(AcqRel, Relaxed, |n| n.checked_sub(1));
        }
    }

    /// Writes the event log of a seeded runtime to the file of `GORT_LOG`.
    pub fn write_log(&self) {
        // SAFETY: the domain lives as long as the runtime.
        if let (Some(path), Some(d)) = (&self.log_to, unsafe { self.domain.as_ref() })
            && let Err(e) = std::fs::write(path, d.log())
        {
            eprintln!("gort: GORT_LOG={path}: {e}");
        }
    }

    /// The event log of a seeded runtime so far.
    pub fn log(&self) -> Option<String> {
        // SAFETY: the domain lives as long as the runtime.
        unsafe { self.domain.as_ref() }.map(|d| d.log())
    }
}

/// See `Runtime::dismiss_task`.
#[inline(always)]
pub fn dismiss_task() {
    if let Some(rt) = get() {
        rt.dismiss_task()
    }
}

/// A host's thread begins or ends a loop.
pub fn count_host_thread(begins: bool) {
    if let Some(rt) = get() {
        if begins {
            rt.host_threads.fetch_add(1, SeqCst)
        } else {
            rt.host_threads.fetch_sub(1, SeqCst)
        };
    }
}

/// Is the schedule a function of a seed?
pub fn is_seeded() -> bool {
    get().is_some_and(|rt| !rt.domain.is_null())
}

/// The event log of a seeded runtime.
pub fn event_log() -> Option<String> {
    get().and_then(|rt| rt.log())
}

/// One more processor was taken from a thread.
pub fn count_retake() {
    if let Some(rt) = get() {
        rt.retakes.fetch_add(1, Relaxed);
    }
}

/// The class of a task's stack when it asks for none.
#[inline(always)]
pub fn default_class() -> Class {
    match stack::class_for(0) {
        Some(c) => c,
        None => unreachable!("the default class is always one"),
    }
}

/// A small number for an object of the log and the dump: its place in the handle range; MAX if it is not in it.
pub fn object_number(at: *mut ()) -> u32 {
    slab::arena_offset(at.addr()).map_or(u32::MAX, |o| (o / 64) as u32)
}

/// A processor was given to a thread: the monitor must be awake.
#[inline(always)]
pub fn stir() {
    barrier::light();
    if monitor::ASLEEP.load(Relaxed)
        && let Some(rt) = get()
    {
        rt.monitor_bell.ring()
    }
}

/// Starts a worker thread that owns `p`. False at the limit, or when the system has no thread for us.
pub fn start_worker(lane: &Lane, p: &Processor, searching: bool) -> bool {
    let Some(rt) = get() else { return false };
    let max = rt.max_threads.load(Relaxed);
    // SeqCst, as in shutdown: either it sees our thread counted, or we see that it lets none begin any more.
    if rt.threads.fetch_update(SeqCst, Relaxed, |n| if n < max { Some(n + 1) } else { None }).is_err() {
        return false;
    }
    if rt.monitor_stop.load(SeqCst) {
        rt.threads.fetch_sub(1, AcqRel);
        return false;
    }
    // SAFETY: lanes and their processors are never freed while the runtime is published; `p` is handed to the new thread.
    let (lane, p): (&'static Lane, &'static Processor) =
        unsafe { (&*core::ptr::from_ref(lane), &*core::ptr::from_ref(p)) };
    let made = rt.own.start("gort-worker", move || {
        worker::main(lane, p, searching);
        rt.threads.fetch_sub(1, AcqRel);
    });
    if made.is_err() {
        rt.threads.fetch_sub(1, AcqRel);
    }
    stir();
    made.is_ok()
}

/// Adds a host's lane with `workers` processors; its threads then call `worker::run_host_thread`.
pub fn add_lane(hooks: &'static Hooks, workers: usize) -> Result<&'static Lane, Status> {
    let cx = enter()?;
    let rt = match started(cx) {
        Ok(rt) => rt,
        Err(s) => return Err(cx.out(s)),
    };
    let mut made = Err(Status::Limit);
    START.with(|| {
        let n = rt.n_lanes.load(Relaxed);
        if n < LANES {
            let l = Box::into_raw(Lane::new(n as u8, Some(hooks), workers.max(1), workers.max(1), clock::now() as u64));
            LANE[n].store(l, Release);
            rt.lanes[n].store(l, Release);
            rt.n_lanes.store(n + 1, Release);
            // SAFETY: just made, and never freed.
            made = Ok(unsafe { &*l });
        }
    });
    cx.exit();
    made
}

/// Processors of the native lane in use.
pub fn workers() -> usize {
    let Ok(cx) = enter() else { return 0 };
    let n = workers_now();
    cx.exit();
    n
}

fn workers_now() -> usize {
    get().map_or_else(|| env("GORT_WORKERS").map_or_else(cpu::available, |n| n as usize), |rt| rt.native().active())
}

/// Changes their number: 1 to 256; fewer than that are put away as their threads look. INVALID for 0, LIMIT above, MISUSE in a seeded run.
pub fn set_workers(n: usize) -> Status {
    if n == 0 {
        return Status::Invalid;
    }
    if n > CAPACITY {
        return Status::Limit;
    }
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    let rt = match started(cx) {
        Ok(rt) => rt,
        Err(s) => return cx.out(s),
    };
    if !rt.domain.is_null() {
        return cx.out(Status::Misuse);
    }
    rt.native().set_active(n);
    cx.out(Status::Ok)
}

/// MISUSE inside a task or a wait, or while a run is active, and where a host has a lane: the host ends its threads and keeps pointers to the lane, so the runtime is its own to end (with the
/// process). The runtime can start again afterwards.
pub fn shutdown() -> Status {
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    // Nor from a hook of the caller's own wait (K4), which would find nothing left when it goes on.
    if !cx.caller().is_null() || cx.thread.waits.is_waiting() {
        return cx.out(Status::Misuse);
    }
    let Some(rt) = get() else { return cx.out(Status::Ok) };
    if rt.n_lanes.load(Acquire) > 1 || rt.stopping.swap(true, SeqCst) {
        return cx.out(Status::Misuse);
    }
    if rt.runs.load(SeqCst) != 0 {
        rt.stopping.store(false, SeqCst);
        return cx.out(Status::Misuse);
    }
    end_all_waits(cx);
    cx.exit();
    let deadline = clock::after(Config::default().grace);
    while census::live_tasks() > 0 && clock::now() < deadline {
        clock::nap(1_000_000);
    }
    rt.monitor_stop.store(true, SeqCst);
    rt.monitor_bell.ring();
    let patience = clock::after(1_000_000_000);
    while rt.own_threads() + rt.host_threads() > 0 && clock::now() < patience {
        for t in thread::all() {
            if !t.lane.get().is_null() {
                t.stop.store(true, SeqCst);
                t.bell.ring();
            }
        }
        clock::nap(200_000);
    }
    if rt.own_threads() + rt.host_threads() > 0 {
        RT.store(null_mut(), SeqCst);
        slab::bump_epoch();
        return Status::TimedOut;
    }
    // What is left of them is the host's, its destructors: one that blocks is left behind.
    let gone = rt.own.await_gone(patience);
    match release(rt) {
        Status::Ok if !gone => Status::TimedOut,
        status => status,
    }
}

/// Cancels every task, and ends every plain thread's wait with SHUTDOWN.
fn end_all_waits(cx: Cx) {
    let mut tasks: Vec<NonNull<Task>> = Vec::new();
    TASKS.for_each(|t| {
        // SAFETY: type-stable.
        if unsafe { t.as_ref() }.header.kind.load(Acquire) != 0 {
            // SAFETY: as above.
            run::raise(unsafe { t.as_ref() });
            tasks.push(t);
        }
    });
    barrier::heavy();
    for t in tasks {
        // SAFETY: type-stable.
        run::rouse(cx, unsafe { t.as_ref() });
    }
    for t in thread::all() {
        if let Some(seq) = t.party.ticket.waiting()
            && t.party.fixed.load(Relaxed) == 0
            && t.party.end(seq, ticket::SHUTDOWN)
        {
            t.party_bell.ring();
        }
    }
}

/// The last step: nothing of ours runs any more. Plain threads may still be in a call: from the new epoch on every object says SHUTDOWN under its lock, so none enlists any more;
/// those that sleep are told once more, and all are waited for until they have left their calls (waits.rs). One that stays keeps the memory.
fn release(rt: &'static Runtime) -> Status {
    RELEASING.store(true, SeqCst);
    RT.store(null_mut(), SeqCst);
    slab::bump_epoch();
    barrier::heavy();
    let status = release_memory(rt);
    RELEASING.store(false, SeqCst);
    status
}

fn release_memory(rt: &'static Runtime) -> Status {
    let patience = clock::after(1_000_000_000);
    loop {
        let Ok(cx) = enter() else { return Status::Misuse };
        end_all_waits(cx);
        cx.exit();
        let me = Thread::get();
        let busy = thread::all().any(|t| t.alive.load(Acquire) && !core::ptr::eq(t, me) && t.is_in_a_call());
        if !busy {
            break;
        }
        if clock::now() > patience {
            return Status::TimedOut;
        }
        clock::nap(100_000);
    }
    for lane in rt.lanes() {
        // SAFETY: no thread uses a wheel any more.
        unsafe { lane.outer.release() };
        for p in lane.processors() {
            // SAFETY: no thread owns a processor any more.
            unsafe {
                (*p.tasks.get()).forget();
                (*p.stacks.get()).flush();
                p.wheel.release();
            }
        }
    }
    // SAFETY: no worker is left; tasks that never ended are given up with their stacks; no thread is inside, and whoever enters finds no runtime. The `Runtime` itself, some
    // hundred bytes, is left: its bell and flags may be looked at by whoever loaded the pointer just before, outside the bracket.
    unsafe {
        stack::release_all();
        lot::forget_all();
        TASKS.reset();
        run::RUNS.reset();
        objects::release_all();
        objects::reset_all();
        slab::arena_release_all();
        for l in &rt.lanes[..rt.n_lanes.load(Relaxed)] {
            drop(Box::from_raw(l.load(Relaxed)));
        }
    }
    rt.left.store(LEFT.swap(core::ptr::from_ref(rt).cast_mut(), Relaxed), Relaxed); // one shutdown at a time comes here
    Status::Ok
}

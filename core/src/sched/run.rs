//! A run: a main task, the tasks it spawned, and how it ends (K1, K2).
//!
//! `run` makes `main` a task and returns when it has returned. Tasks still alive are cancelled (all flags first, one heavy barrier, then the tickets), given
//! `grace`, then detached, counted and named in the report; with `wait_all` they are waited for instead.
//!
//! U1  A `Run` is a slab object: a late task may still ring its bell.
//! U2  `ending` is raised before the first look at the tasks, with a heavy barrier between: whoever ends later rings the bell after its slot is free.
//! U3  The task's `run` is null once it is detached; it then belongs to nobody and lives on.

use super::doors::{Birth, Cx, bear, enter, ready, thread_park};
use super::lane::Lane;
use super::last_error;
use super::party::{FIXED, Reason};
use super::runtime::{self, Config, Runtime};
use super::task::{DEAD, Entry, KIND_TASK, OnExit, SpawnOptions, TASKS, Task};
use super::thread::Thread;
use super::{alarms, bell::Bell, census, ticket, worker};
use crate::status::Status;
use crate::sys::barrier;
use crate::sys::clock::{self, NEVER};
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::cell::{Cell, UnsafeCell};
use core::mem::MaybeUninit;
use core::ptr::{NonNull, null, null_mut};
use std::fmt::Write;

pub const KIND_RUN: u8 = 2;

/// See the file's head.
#[repr(C)]
pub struct Run {
    header: Header,
    pub main: AtomicPtr<Task>,
    /// Main has returned: nothing new, and whoever ends rings.
    pub ending: AtomicU8,
    /// The judge found it dead and could not tell main (K2).
    pub dead: AtomicU8,
    pub bell: Bell,
    /// Why it was judged dead (guarded by the header's lock).
    pub verdict: UnsafeCell<Option<Box<str>>>,
    runner: Cell<*const super::party::Party>,
    /// The thread that runs a host's loop for it, or null.
    host: AtomicPtr<Thread>,
    /// What its tasks did before they ended (sys/race.rs).
    pub(super) ended: Spot,
}

// SAFETY: repr(C), the header first; all-zero is a valid never-used run (an Option of a Box is None at zero).
unsafe impl Slot for Run {
    const KIND: u8 = KIND_RUN;
}

impl Run {
    /// The header's kind: KIND_RUN while it is active.
    pub fn kind(&self) -> u8 {
        self.header.kind.load(Acquire)
    }
}

/// Every run of the process.
pub static RUNS: Slab<Run> = Slab::new();

/// What a run came to.
pub struct Outcome {
    pub status: Status,
    /// Word 0 of main's entry: what main came to, if main keeps that there and the status is OK; else anything.
    pub value: MaybeUninit<usize>,
    /// Tasks that were still alive after the grace.
    pub detached: usize,
    pub report: String,
}

impl Outcome {
    fn failed(status: Status) -> Outcome {
        Outcome { status, value: MaybeUninit::new(0), detached: 0, report: String::new() }
    }
}

/// Runs `entry` as the main task of a run and returns when the run is over. MISUSE inside a task.
pub fn run(mut entry: Entry, options: SpawnOptions, config: Option<&Config>) -> Outcome {
    let made = begin(config);
    let (rt, run, grace, wait_all) = match made {
        Ok(m) => m,
        Err(status) => {
            if let Some(drop) = entry.drop {
                // SAFETY: the entry was never called and is dropped once.
                unsafe { drop(&mut entry) }
            }
            return Outcome::failed(status);
        }
    };
    let birth = Birth { entry, options, on_exit: None, handle: true, main_of: run.as_ptr(), pin: null() };
    // SAFETY: the entry is the caller's, who gave it to us to call once.
    let main = match unsafe { bear(birth) } {
        Ok(t) => t,
        Err(status) => {
            end(rt, run);
            return Outcome::failed(status);
        }
    };
    // SAFETY: the run is ours until `end`.
    unsafe { run.as_ref().main.store(main.as_ptr(), Release) };
    let over = await_main(run, main);
    let mut out = result(main, over);
    let r = run_of(run);
    finish(r, grace, 0, wait_all, &mut out, |deadline, pause| {
        // At most one census a pause; a bell in between ends the wait for it early, but not the pause. Without a deadline this thread can do nothing by itself: the judge counts it so.
        let for_ever = deadline == NEVER;
        rt.waiting_runners.fetch_add(usize::from(for_ever), SeqCst);
        r.bell.sleep(deadline, || false);
        rt.waiting_runners.fetch_sub(usize::from(for_ever), SeqCst);
        clock::nap(pause.min(deadline.saturating_sub(clock::now()).max(1)));
    });
    // SAFETY: our handle, given up once.
    unsafe { release(main) };
    conclude(rt, run, out)
}

/// `run` on a thread of a host: the calling thread runs the loop of `lane` itself until the run is over, and main is pinned to it (K4). `alone` is called when main has returned
/// and others are still alive, before their grace begins. `born` is given main's handle before it runs, and keeps it: main is not released here.
pub fn run_hosted(
    lane: &Lane,
    entry: Entry,
    config: Option<&Config>,
    born: impl FnOnce(NonNull<Task>),
    alone: impl FnOnce(NonNull<Task>),
) -> Outcome {
    let mut entry = entry;
    let (rt, run, grace, wait_all) = match begin(config) {
        Ok(m) => m,
        Err(status) => {
            if let Some(drop) = entry.drop {
                // SAFETY: the entry was never called and is dropped once.
                unsafe { drop(&mut entry) }
            }
            return Outcome::failed(status);
        }
    };
    // SAFETY: `begin` has entered, so this thread is registered; threads are never freed.
    let th: &'static Thread = unsafe { &*Thread::get() };
    let r = run_of(run);
    r.host.store(core::ptr::from_ref(th).cast_mut(), Release);
    unsafe fn main_over(_: Cx, th: *mut ()) {
        // SAFETY: a Thread, never freed.
        worker::stop_thread(unsafe { &*th.cast::<Thread>() })
    }
    let birth = Birth {
        entry,
        options: SpawnOptions { lane: lane.id, ..SpawnOptions::default() },
        on_exit: Some(OnExit {
            call: main_over,
            arg: core::ptr::from_ref(th).cast_mut().cast(),
            #[cfg(gort_race)]
            after: null(),
        }),
        handle: true,
        main_of: run.as_ptr(),
        pin: th,
    };
    th.stop.store(false, Relaxed); // before main can run, which is only here
    // SAFETY: the entry is the caller's, who gave it to us to call once, on this thread.
    let main = match unsafe { bear(birth) } {
        Ok(t) => t,
        Err(status) => {
            end(rt, run);
            return Outcome::failed(status);
        }
    };
    r.main.store(main.as_ptr(), Release);
    born(main);
    // SAFETY: our handle keeps main's slot.
    let is_over = || unsafe { main.as_ref() }.state.load(Acquire) == DEAD;
    while !is_over() && r.dead.load(Acquire) == 0 {
        th.stop.store(false, Relaxed);
        if is_over() || worker::run_host_thread(lane) != Status::Ok {
            break;
        }
    }
    let mut out = result(main, is_over());
    if living(run.as_ptr()) > 0 {
        alone(main)
    }
    finish(r, grace, FORCED, wait_all, &mut out, |deadline, pause| {
        th.until.set(deadline.min(clock::after(pause)));
        th.stop.store(false, Relaxed);
        let _ = worker::run_host_thread(lane); // OK: the thread ran this loop before
        th.until.set(NEVER);
    });
    if out.detached > 0 {
        super::host::give_up_bound_tasks(th);
    }
    conclude(rt, run, out)
}

/// The run, which is ours until `conclude`.
fn run_of<'a>(run: NonNull<Run>) -> &'a Run {
    // SAFETY: slots are type-stable, and this one is the caller's run.
    unsafe { run.as_ref() }
}

fn result(main: NonNull<Task>, over: bool) -> Outcome {
    let mut out = Outcome::failed(if over { Status::Ok } else { Status::Deadlock });
    if over {
        // SAFETY: main has ended and its slot is kept by our handle.
        unsafe {
            main.as_ref().party.woken.fetch();
            out.status = main.as_ref().ended.get();
            if out.status.is_ok() {
                out.value = (*main.as_ref().entry.get()).raw_word(0);
            }
        }
    }
    out
}

fn conclude(rt: &Runtime, run: NonNull<Run>, mut out: Outcome) -> Outcome {
    run_of(run).ended.fetch();
    // SAFETY: the verdict is ours: no task of the run is left to touch it.
    unsafe {
        if let Some(v) = (*run.as_ref().verdict.get()).take() {
            out.status = Status::Deadlock;
            out.report.insert_str(0, &v);
        }
    }
    rt.write_log();
    end(rt, run);
    out
}

type Begun = (&'static Runtime, NonNull<Run>, i64, bool);

fn begin(config: Option<&Config>) -> Result<Begun, Status> {
    let cx = enter()?;
    if !cx.task().is_null() || !cx.thread.lane.get().is_null() {
        return Err(cx.out(Status::Misuse));
    }
    let rt = match runtime::started_with(cx, config) {
        Ok(rt) => rt,
        Err(s) => return Err(cx.out(s)),
    };
    let Some(run) = RUNS.alloc() else { return Err(cx.out(Status::NoMemory)) };
    // SAFETY: a fresh slot is ours.
    unsafe {
        let r = run.as_ref();
        r.main.store(core::ptr::null_mut(), Relaxed);
        r.ending.store(0, Relaxed);
        r.dead.store(0, Relaxed);
        r.bell.reset();
        r.runner.set(&cx.thread.party);
        r.host.store(null_mut(), Relaxed);
        r.ended.leave();
        r.header.epoch.store(slab::epoch(), Relaxed);
        r.header.kind.store(KIND_RUN, Release);
    }
    rt.runs.fetch_add(1, SeqCst);
    if rt.is_stopping() {
        // A shutdown came first; it waits for nobody who comes now.
        end(rt, run);
        return Err(cx.out(Status::Shutdown));
    }
    runtime::stir();
    cx.exit();
    let d = Config::default();
    let c = config.unwrap_or(&d);
    Ok((rt, run, c.grace, c.wait_all))
}

fn end(rt: &Runtime, run: NonNull<Run>) {
    alarms::end_run(run.as_ptr(), true); // its slot is another's soon
    rt.runs.fetch_sub(1, SeqCst);
    // SAFETY: ours; dead from here on.
    unsafe {
        run.as_ref().header.lock.with(|| run.as_ref().header.kind.store(0, Relaxed));
        RUNS.free(run);
    }
}

/// The calling plain thread waits for main's end. False: the judge ended the wait (K2).
fn await_main(run: NonNull<Run>, main: NonNull<Task>) -> bool {
    let Ok(cx) = enter() else { return false };
    // SAFETY: our handle keeps main's slot; its fields are used under the header's lock.
    unsafe {
        let t = main.as_ref();
        let party = &cx.thread.party;
        t.header.lock.lock();
        if t.state.load(Relaxed) == super::task::DEAD {
            t.header.lock.unlock();
            cx.exit();
            return true;
        }
        let w = party.prepare_waiter(core::ptr::null_mut());
        t.joiners.push(w);
        party.waits_for(Reason::Run, run.as_ptr().cast());
        party.fixed.store(0, Relaxed);
        party.timed.store(0, Relaxed);
        party.ticket.open(w.seq.get());
        t.header.lock.unlock();
        let state = thread_park(cx, w.seq.get(), NEVER);
        if state == ticket::WON {
            cx.exit();
            return true;
        }
        t.header.lock.with(|| t.joiners.remove(w));
        cx.exit();
        false
    }
}

/// K1: all cancelled, then `wait(deadline, pause)` until nobody is left or the grace is over.
/// Those whom the host then ends by force get `more`.
fn finish(r: &Run, grace: i64, mut more: i64, wait_all: bool, out: &mut Outcome, mut wait: impl FnMut(i64, i64)) {
    let run = core::ptr::from_ref(r).cast_mut();
    r.ending.store(if wait_all { 2 } else { 1 }, SeqCst);
    barrier::heavy(); // U2, and for spawns under way
    alarms::end_run(run, false);
    if !wait_all {
        cancel_all(run);
    }
    let mut deadline = if wait_all { NEVER } else { clock::after(grace) };
    let mut pause = 50_000;
    loop {
        let began = clock::now();
        if living(run) == 0 {
            // No timer starts one now: what it has started before it was told of the end is found by another look.
            let told = r.ending.swap(1, SeqCst) == 1;
            if told || living_after_timers(run) == 0 {
                return;
            }
            cancel_all(run);
            deadline = clock::after(grace);
        }
        let now = clock::now();
        pause = pause.max(4 * (now - began)); // a census of millions must not be most of the work
        if deadline == NEVER && r.dead.load(Acquire) != 0 {
            // What is waited for is asleep for ever: then it is cancelled after all.
            r.ending.store(1, SeqCst);
            barrier::heavy();
            cancel_all(run);
            deadline = now.saturating_add(grace);
        } else if now >= deadline {
            if more == 0 {
                break;
            }
            deadline = now.saturating_add(core::mem::take(&mut more));
        }
        wait(deadline, pause);
        pause = (pause * 2).min(2_000_000);
    }
    detach(run, out);
}

/// Each living task of a run, with the incarnation that was looked at: what is done to it later must name that.
fn each_task(run: *const Run, mut f: impl FnMut(&Task, u64)) {
    TASKS.for_each(|t| {
        // SAFETY: slots are type-stable; only atomics are read without the lock.
        let t = unsafe { t.as_ref() };
        let incarnation = t.party.incarnation.load(Acquire);
        if t.header.kind.load(Acquire) == KIND_TASK
            && core::ptr::eq(t.run.load(Relaxed), run)
            && t.state.load(Acquire) != super::task::DEAD
        {
            f(t, incarnation)
        }
    })
}

/// Tasks that are alive when its function timers have been stopped: of one that waits for all, timers may start more until then.
fn living_after_timers(run: *const Run) -> usize {
    barrier::heavy(); // as `finish`
    alarms::end_run(run, false);
    living(run)
}

fn living(run: *const Run) -> usize {
    let mut n = 0;
    each_task(run, |_, _| n += 1);
    n
}

/// Cancels every task of a run: all flags, one barrier, then the tickets (model 2g).
fn cancel_all(run: *const Run) {
    each_task(run, raise_incarnation);
    barrier::heavy();
    let mut parked: Vec<NonNull<Task>> = Vec::new();
    each_task(run, |t, _| parked.push(NonNull::from(t)));
    if let Ok(cx) = enter() {
        for t in parked {
            // SAFETY: type-stable.
            unsafe { rouse(cx, t.as_ref()) }
        }
        cx.exit()
    }
}

/// Raises the cancel flag of a task that the caller keeps alive (its handle, or the header's lock).
pub fn raise(t: &Task) {
    raise_incarnation(t, t.party.incarnation.load(Relaxed))
}

/// Raises the cancel flag of the task that the slot held in `incarnation`; a later one in it is not touched.
pub fn raise_incarnation(t: &Task, incarnation: u64) {
    t.party.canceled.add();
    // The larger one stays. (Not fetch_max: ThreadSanitizer does not see it.) Release: pairs with the Acquire of `see_cancel` (wait/block.rs).
    let _ = t.party.cancel.fetch_update(AcqRel, Relaxed, |n| Some(n.max(incarnation + 1)));
}

/// The host gives a run up whose main has ended (an interrupt that nobody else can take): what it waits for is cancelled.
///
/// # Safety
/// `main` is the main task of a run of the calling thread, kept alive by the caller.
pub unsafe fn give_up(main: NonNull<Task>) {
    // SAFETY: contract; a run's slot is type-stable.
    unsafe {
        if let Some(r) = main.as_ref().run.load(Relaxed).as_ref() {
            r.dead.store(1, Release);
            let host = r.host.load(Acquire);
            if !host.is_null() {
                worker::stop_thread(&*host)
            }
        }
    }
}

/// Ends the open wait of a cancelled task, if it may be ended.
pub fn rouse(cx: Cx, t: &Task) {
    let p = &t.party;
    if let Some(seq) = p.ticket.waiting()
        && p.fixed.load(Relaxed) == 0
        && p.is_canceled()
        && p.end(seq, ticket::CANCELED)
    {
        // SAFETY: just won; no lock is held.
        unsafe { ready(cx, p) }
        return;
    }
    // Its thread may wait in its place, in a foreign call (D4).
    // SAFETY: threads are never freed.
    if let Some(th) = unsafe { t.thread.get().as_ref() }
        && let Some(seq) = th.party.ticket.waiting()
        && core::ptr::eq(th.host_task.get(), t)
        && th.party.fixed.load(Relaxed) == 0
        && p.is_canceled()
        && th.party.end(seq, ticket::CANCELED)
    {
        // SAFETY: just won; no lock is held.
        unsafe { ready(cx, &th.party) }
    }
}

/// How long a host's tasks that did not end within the grace get to end by force (K1).
const FORCED: i64 = 200_000_000;
const NAMED: usize = 20;

fn detach(run: *const Run, out: &mut Outcome) {
    let mut n = 0;
    let mut text = String::new();
    each_task(run, |t, _| {
        if t.run.compare_exchange(run.cast_mut(), core::ptr::null_mut(), AcqRel, Relaxed).is_err() {
            return;
        }
        n += 1;
        if n <= NAMED {
            let _ = writeln!(text, "  {}", census::describe(t));
        }
    });
    if n > 0 {
        barrier::heavy(); // who makes a function timer looks at its run once more, before the end of this one walks over them
        if n > NAMED {
            let _ = writeln!(text, "  and {} more", n - NAMED);
        }
        out.detached = n;
        let _ = write!(
            out.report,
            "{n} task{} still alive after the grace, detached:\n{text}",
            if n == 1 { "" } else { "s" }
        );
    }
}

/// Releases a handle of a task.
///
/// # Safety
/// The caller holds a handle, and gives it up.
pub(super) unsafe fn release(t: NonNull<Task>) {
    let Ok(cx) = enter() else { return };
    // SAFETY: a held handle keeps the slot.
    unsafe { release_in(cx, t) };
    cx.exit()
}

/// `release` from inside.
///
/// # Safety
/// As `release`.
pub unsafe fn release_in(cx: Cx, t: NonNull<Task>) {
    // SAFETY: as above; refs are changed under the lock.
    unsafe {
        let h = &t.as_ref().header;
        h.lock.lock();
        let refs = h.refs.load(Relaxed) - 1;
        h.refs.store(refs, Relaxed);
        if refs == 0 {
            worker::bury(t.as_ptr())
        }
        h.lock.unlock();
        if refs == 0 {
            worker::free_buried(cx, t.as_ptr())
        }
    }
}

/// The judge's verdict (K2): main's blocked call, or the run itself, returns DEADLOCK with this text.
pub fn condemn(cx: Cx, r: &Run, text: &str) {
    let main = r.main.load(Acquire);
    r.header.lock.with(|| {
        // SAFETY: the verdict is ours under the lock.
        unsafe { *r.verdict.get() = Some(text.into()) }
    });
    if !main.is_null() && r.ending.load(Acquire) == 0 {
        // SAFETY: type-stable.
        let p = unsafe { &(*main).party };
        if let Some(seq) = p.ticket.waiting()
            && p.fixed.load(Relaxed) != FIXED
        {
            last_error::set_for(p, text);
            if p.end(seq, ticket::DEADLOCK) {
                // SAFETY: just won.
                unsafe { ready(cx, p) }
            }
            return;
        }
    }
    r.dead.store(1, Release);
    r.bell.ring();
    let host = r.host.load(Acquire);
    if !host.is_null() {
        // SAFETY: threads are never freed.
        return worker::stop_thread(unsafe { &*host });
    }
    let runner = r.runner.get();
    // SAFETY: the runner's thread is never freed.
    let p = unsafe { &*runner };
    if let Some(seq) = p.ticket.waiting()
        && p.reason() == Reason::Run
        && p.end(seq, ticket::DEADLOCK)
    {
        // SAFETY: just won.
        unsafe { ready(cx, p) }
    }
}

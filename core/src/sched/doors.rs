//! The doors themselves: bracket, park, ready, spawn, yield, now, rand.

use super::bracket::{FOREIGN, owned};
use super::callback::Callback;
use super::domain::{Domain, Event};
use super::lane::{Hooks, Lane};
use super::party::{Party, Reason, Who};
use super::processor::{Processor, count};
use super::run::Run;
use super::runtime::Runtime;
use super::task::{self, Entry, HAS_HANDLE, OnExit, SpawnOptions, TASKS, Task};
use super::thread::{Commit, Thread};
use super::{Time, host, idle, runtime, waits, worker};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::{barrier, clock, context, near, stack};
use core::ptr::{NonNull, null, null_mut};

/// Inside the bracket, on this thread.
#[derive(Clone, Copy)]
pub struct Cx {
    pub thread: &'static Thread,
}

impl Cx {
    /// The processor, or None on a plain thread.
    #[inline(always)]
    pub fn processor(self) -> Option<&'static Processor> {
        let p = self.thread.bracket.processor() as *const Processor;
        // SAFETY: inside the bracket the thread owns the processor in its word (B1); it lives as long as the runtime. D-3 limits its use.
        unsafe { p.as_ref() }
    }

    /// The current task, or null.
    #[inline(always)]
    pub fn task(self) -> *mut Task {
        self.thread.current.get()
    }

    /// The task whose code runs here, also where it is a host's that a foreign call was made from (host.rs O1); or null.
    #[inline(always)]
    pub fn caller(self) -> *mut Task {
        let t = self.thread.current.get();
        if t.is_null() { self.thread.host_task.get().cast_mut() } else { t }
    }

    /// Who would wait here: the current task, or this plain thread.
    #[inline(always)]
    pub fn party(self) -> &'static Party {
        let t = self.thread.current.get();
        // SAFETY: the current task is alive while it runs, and tasks are type-stable.
        if t.is_null() { &self.thread.party } else { unsafe { &(*t).party } }
    }

    /// Back to user code.
    #[inline(always)]
    pub fn exit(self) {
        debug_assert!(self.thread.told.get().is_null(), "somebody was met under a lock and not told");
        self.thread.written.show();
        self.thread.bracket.exit()
    }

    /// Leaves with a status: `return cx.out(Status::Ok)`.
    #[inline(always)]
    pub fn out(self, status: Status) -> Status {
        self.exit();
        status
    }
}

/// Goes inside. Fails with MISUSE in a signal handler that interrupted the runtime (or any other nested entry), NO_MEMORY when the thread can not be registered.
#[inline(always)]
pub fn enter() -> Result<Cx, Status> {
    let t = Thread::get();
    if !t.is_null() {
        // SAFETY: the TLS word is a leaked Thread (H1, H4).
        let th: &'static Thread = unsafe { &*t };
        if th.bracket.is_inside() {
            return nested();
        }
        let word = th.bracket.enter();
        if owned(word) || word == FOREIGN {
            return Ok(Cx { thread: th });
        }
        return Ok(enter_slow(th));
    }
    enter_first()
}

#[cold]
fn nested() -> Result<Cx, Status> {
    Err(Status::Misuse)
}

/// The first call of this OS thread.
#[cold]
#[inline(never)]
fn enter_first() -> Result<Cx, Status> {
    runtime::prepare_process();
    let th = Thread::register();
    th.bracket.enter();
    Ok(Cx { thread: th })
}

/// The word was not a processor: a plain thread, a contest, or a processor that was taken meanwhile.
#[cold]
#[inline(never)]
pub(super) fn enter_slow(th: &'static Thread) -> Cx {
    let (word, contested) = th.bracket.settle();
    if word == FOREIGN {
        return Cx { thread: th };
    }
    let t = th.current.get();
    // SAFETY: a thread that has (or had) a processor runs a lane's loop, and its lane outlives it.
    let lane = unsafe { &*th.lane.get() };
    if owned(word) {
        if !contested || !th.preempt.swap(false, Relaxed) || t.is_null() || lane.hooks.is_some() {
            return Cx { thread: th };
        }
        // SAFETY: the current task is ours while it runs.
        if unsafe { (*t).thread.get().is_null() } {
            if std::thread::panicking() {
                return Cx { thread: th };
            }
            // SAFETY: the current task, inside the bracket.
            return unsafe { park(Cx { thread: th }, worker::commit_yield, null_mut()) };
        }
        give_way(Cx { thread: th }, lane);
    }
    if lane.take_idle(th) {
        return Cx { thread: th };
    }
    // SAFETY: the current task is ours while it runs.
    let movable =
        !t.is_null() && lane.hooks.is_none() && unsafe { (*t).thread.get().is_null() } && !std::thread::panicking();
    if movable {
        // An ANY task goes on elsewhere; this thread rests (its loop finds that it has no processor).
        // SAFETY: as above; the commit queues it in the injector, which needs no processor.
        return unsafe { park(Cx { thread: th }, worker::commit_inject, null_mut()) };
    }
    idle::wait_for_processor(th, lane);
    Cx { thread: th }
}

/// D-4: the slice of a THREAD task is used up. Its processor goes on, with all it holds, to a thread that wants one or rests; the task keeps its thread and asks for another.
#[cold]
fn give_way(cx: Cx, lane: &Lane) {
    if let Some(p) = cx.processor() {
        cx.thread.bracket.put_down();
        lane.hand_over(p, clock::NEVER - 1);
    }
}

/// Runs user code from inside: leaves the bracket, calls `f`, enters again. The returned `Cx` counts from then on.
pub fn outside<R>(cx: Cx, f: impl FnOnce() -> R) -> (Cx, R) {
    cx.exit();
    let r = f();
    match enter() {
        Ok(cx) => (cx, r),
        Err(_) => bug("user code left the runtime entered"),
    }
}

/// A bug in gort itself, not in its user: says what, dumps the tasks, ends the process.
#[cold]
pub fn bug(what: &str) -> ! {
    eprintln!("gort: internal error: {what}\n{}", super::census::dump_string());
    std::process::abort()
}

/// Parks the current task: saves its stack, runs `commit` on the scheduler's stack (for a host lane: on the own one, the task being pinned), and runs something else. Returns
/// when somebody made it ready, inside the bracket of the thread it runs on now.
///
/// # Safety
/// `cx` is current and its thread runs a task. The commit publishes the task to wakers and after that touches nothing of it.
#[inline(always)]
pub unsafe fn park(cx: Cx, commit: Commit, arg: *mut ()) -> Cx {
    let th = cx.thread;
    let t = th.current.get();
    // SAFETY: the current task is ours; `resume` passes the thread that resumes us (H4).
    unsafe {
        if (*t).lane.get() != 0 {
            return host::park(cx, commit, arg);
        }
        th.commit.set(Some(commit));
        th.commit_arg.set(arg);
        let at = context::suspend((*t).fiber.get(), th.sched.get());
        (*t).party.woken.fetch();
        Cx { thread: &*(at as *const Thread) }
    }
}

/// Makes a party whose ticket the caller has won go on.
///
/// # Safety
/// The caller won the ticket of `party`, and calls this once; no lock is held.
#[inline(always)]
pub unsafe fn ready(cx: Cx, party: *const Party) {
    // SAFETY: parties are type-stable; a won one is ours until made ready (I3 of the ticket).
    unsafe {
        (*party).woken.leave();
        wake(cx, party)
    }
}

/// `ready` that orders nothing: for one that is told and then looks for itself (chan/notify.rs).
///
/// # Safety
/// As `ready`.
#[inline(always)]
pub unsafe fn wake(cx: Cx, party: *const Party) {
    // SAFETY: as in `ready`.
    unsafe { if (*party).who() == Who::Task { ready_task(cx, Task::of(party)) } else { ready_thread(cx, party) } }
}

#[cold]
unsafe fn ready_thread(cx: Cx, party: *const Party) {
    // SAFETY: a Thread's party is at a fixed offset in it, and threads are never freed; a callback's likewise.
    unsafe {
        match (*party).who() {
            Who::Callback => Callback::of(party).call(cx),
            _ => (*Thread::of(party)).party_bell.ring(),
        }
    }
}

/// The task half of `ready`.
///
/// # Safety
/// As `ready`.
#[inline(always)]
pub unsafe fn ready_task(cx: Cx, t: *mut Task) {
    // SAFETY: the task is ours.
    unsafe {
        (*t).state.store(task::READY, Relaxed);
        if !(*t).domain.get().is_null() {
            note(t, Event::Ready);
        }
        let pin = (*t).thread.get();
        if pin.is_null() {
            if let Some(p) = cx.processor()
                && p.lane_id == (*t).lane.get()
            {
                return p.push_next(t);
            }
            return runtime::lane((*t).lane.get()).inject(t);
        }
        if core::ptr::eq(pin, cx.thread) {
            let th = cx.thread;
            let old = th.pinned_next.replace(t);
            if !old.is_null() {
                th.pinned.push(old)
            }
        } else {
            (*pin).mailbox.push(t);
            (*pin).bell.ring();
        }
    }
}

/// Accounts an event of a task that lives in a domain.
///
/// # Safety
/// The caller owns `t`, whose domain is not null.
#[cold]
pub unsafe fn note(t: *mut Task, event: Event) {
    // SAFETY: contract; domains outlive their tasks.
    unsafe {
        let (what, object) = match event {
            Event::Park => ((*t).party.reason().text(), runtime::object_number((*t).party.object.load(Relaxed))),
            _ => ("", u32::MAX),
        };
        (*(*t).domain.get()).note(event, TASKS.index_of(NonNull::new_unchecked(t)), what, object)
    }
}

/// How a task is made: see `spawn` and `spawn_handle`.
pub(super) struct Birth {
    pub entry: Entry,
    pub options: SpawnOptions,
    pub on_exit: Option<OnExit>,
    pub handle: bool,
    /// The run it is the main task of, or null: then it inherits its spawner's.
    pub main_of: *const Run,
    /// The thread it must run on, from its first instruction; or null.
    pub pin: *const Thread,
}

/// Spawns a task. On failure the entry is dropped.
///
/// # Safety
/// The entry may be called once, on another thread (for THREAD affinity: on whichever thread takes it first).
pub unsafe fn spawn(entry: Entry, options: SpawnOptions) -> Result<(), Status> {
    // SAFETY: contract.
    unsafe { bear(Birth { entry, options, on_exit: None, handle: false, main_of: null(), pin: null() }).map(|_| ()) }
}

/// Spawns a task with a handle that must be released.
///
/// # Safety
/// As `spawn`.
pub unsafe fn spawn_handle(entry: Entry, options: SpawnOptions) -> Result<NonNull<Task>, Status> {
    // SAFETY: contract.
    unsafe { bear(Birth { entry, options, on_exit: None, handle: true, main_of: null(), pin: null() }) }
}

/// Spawns a task at whose end `on_exit` runs, on a scheduler's stack, when the task is gone.
///
/// # Safety
/// As `spawn`; `on_exit` must not block.
pub unsafe fn spawn_then(entry: Entry, options: SpawnOptions, on_exit: OnExit) -> Result<(), Status> {
    // SAFETY: contract.
    unsafe {
        bear(Birth { entry, options, on_exit: Some(on_exit), handle: false, main_of: null(), pin: null() }).map(|_| ())
    }
}

#[inline(always)]
pub(super) unsafe fn bear(mut birth: Birth) -> Result<NonNull<Task>, Status> {
    // SAFETY: contract of the callers.
    match unsafe { try_bear(&mut birth) } {
        Ok(t) => Ok(t),
        Err(status) => {
            if let Some(drop) = birth.entry.drop {
                // SAFETY: the entry was never called and is dropped once.
                unsafe { drop(&mut birth.entry) }
            }
            Err(status)
        }
    }
}

#[inline(always)]
unsafe fn try_bear(birth: &mut Birth) -> Result<NonNull<Task>, Status> {
    if birth.options.stack_size != 0 && stack::class_for(birth.options.stack_size).is_none() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    let rt = match runtime::started(cx) {
        Ok(rt) => rt,
        Err(s) => return Err(cx.out(s)),
    };
    let parent = cx.caller();
    let (run, domain) = if parent.is_null() {
        (null(), rt.domain())
    } else {
        // SAFETY: the current task is ours.
        unsafe { ((*parent).run.load(Relaxed).cast_const(), (*parent).domain.get()) }
    };
    // SAFETY: contract of the callers.
    let made = unsafe { bear_in(cx, rt, run, domain, birth) };
    cx.exit();
    made
}

/// `bear` from inside, for a spawner of this run and domain. The entry is the caller's if it fails.
///
/// # Safety
/// As `spawn`; the run, if any, has not been freed.
#[inline(always)]
pub(super) unsafe fn bear_in(
    cx: Cx,
    rt: &Runtime,
    mut run: *const Run,
    domain: *const Domain,
    birth: &mut Birth,
) -> Result<NonNull<Task>, Status> {
    if !birth.main_of.is_null() {
        run = birth.main_of;
    }
    // SAFETY: a run's slot is type-stable, and its spawner is a task of it.
    if !run.is_null() && unsafe { (*run).ending.load(Relaxed) } == 1 && birth.main_of.is_null() {
        return Err(Status::Canceled);
    }
    if !rt.admit_task() {
        return Err(Status::Limit);
    }
    let Some(slot) = alloc(cx) else {
        rt.dismiss_task();
        return Err(Status::NoMemory);
    };
    // SAFETY: a fresh slot is ours; fields not written here are as a never-used slot's (T2).
    unsafe {
        let t = slot.as_ref();
        t.entry.get().write(Entry { call: birth.entry.call, drop: birth.entry.drop, words: birth.entry.words });
        t.on_exit.set(birth.on_exit);
        t.thread.set(null());
        t.run.store(run.cast_mut(), Relaxed);
        t.domain.set(domain);
        t.affinity.set(birth.options.affinity);
        t.lane.set(birth.options.lane);
        let main = if birth.main_of.is_null() { 0 } else { task::MAIN };
        t.flags.set(if birth.handle { HAS_HANDLE } else { 0 } | main);
        if birth.options.stack_size != 0 {
            t.stack_size.set(birth.options.stack_size);
        }
        if let Some(name) = birth.options.name.take() {
            t.name.set(name.into_raw());
        }
        t.party.woken.leave();
        t.party.canceled.leave();
        if birth.options.lane == 0 {
            context::spawned(t.fiber.get())
        }
        t.state.store(task::READY, Relaxed);
        t.publish(if birth.handle { 2 } else { 0 });
        barrier::light();
        if !run.is_null() && birth.main_of.is_null() && (*run).ending.load(Relaxed) == 1 {
            super::run::raise_incarnation(t, t.party.incarnation.load(Relaxed)); // the run's walk may have missed it (run.rs U2)
        }
        if !domain.is_null() {
            note(slot.as_ptr(), Event::Spawn);
        }
        match cx.processor() {
            _ if !birth.pin.is_null() => {
                rt.foreign_spawned.fetch_add(1, Relaxed);
                t.thread.set(birth.pin);
                (*birth.pin).mailbox.push(slot.as_ptr());
                (*birth.pin).bell.ring();
            }
            Some(p) if p.lane_id == birth.options.lane => {
                count(&p.counters.spawned);
                p.push_next(slot.as_ptr());
            }
            _ => {
                rt.foreign_spawned.fetch_add(1, Relaxed);
                runtime::lane(birth.options.lane).inject(slot.as_ptr());
            }
        }
    }
    Ok(slot)
}

const BATCH: usize = 32;

#[inline(always)]
fn alloc(cx: Cx) -> Option<NonNull<Task>> {
    let Some(p) = cx.processor() else { return TASKS.alloc() };
    // SAFETY: the processor's cache is ours.
    let cache = unsafe { &mut *p.tasks.get() };
    if let Some(t) = cache.pop() {
        return Some(t);
    }
    TASKS.alloc_batch(cache, BATCH);
    cache.pop()
}

/// Gives a finished task's slot back; one that never had a handle may be used again at once, the others wait in the quarantine (D8).
///
/// # Safety
/// `t` is dead (kind 0) and the caller's.
pub(super) unsafe fn free_slot(cx: Cx, t: NonNull<Task>, had_handle: bool) {
    // SAFETY: contract; the cache is ours.
    unsafe {
        match cx.processor() {
            Some(p) if !had_handle => {
                let cache = &mut *p.tasks.get();
                cache.push(t);
                if cache.len() > 8 * BATCH {
                    TASKS.free_batch(cache, 4 * BATCH);
                }
            }
            _ => TASKS.free(t),
        }
    }
}

/// The current task goes to the tail of the queue. A plain thread yields to the operating system.
pub fn yield_now() {
    let Ok(cx) = enter() else { return };
    yield_in(cx).exit()
}

/// `yield_now` from inside.
#[inline(always)]
pub fn yield_in(cx: Cx) -> Cx {
    if cx.task().is_null() || std::thread::panicking() {
        yield_thread();
        return cx;
    }
    // SAFETY: a task is current; the commit queues it.
    unsafe { park(cx, worker::commit_yield, null_mut()) }
}

/// Would a yield of the current task let another one run here?
#[inline]
pub fn others_wait(cx: Cx) -> bool {
    cx.thread.has_pinned() || cx.processor().is_some_and(|p| p.has_work())
}

/// The deadline that never comes.
pub const fn clock_never() -> Time {
    clock::NEVER
}

/// Now, in the time the current task lives in.
#[inline]
pub fn now() -> Time {
    // Every kind of domain there is today has real time.
    clock::now()
}

/// Now, near enough for who asks often (`sys/near.rs`), in the time the current task lives in.
#[inline(always)]
pub fn now_near() -> Time {
    // As `now`.
    near::now()
}

/// A time that has passed a few milliseconds ago at the most, if the caller runs on a processor (then the monitor is awake and keeps it up); else i64::MIN. A load or two, where the clock costs a dozen.
#[inline(always)]
pub fn recent() -> Time {
    let th = Thread::get();
    // SAFETY: null, or this thread's own; threads are never freed.
    if th.is_null() || unsafe { (*th).bracket.processor() } == 0 { i64::MIN } else { clock::recent() }
}

/// A number of the chance the current task lives in.
pub fn rand(cx: Cx) -> u64 {
    let t = cx.task();
    // SAFETY: the current task is ours; domains outlive their tasks.
    unsafe {
        if !t.is_null() && !(*t).domain.get().is_null() {
            return (*(*t).domain.get()).random();
        }
    }
    match cx.processor() {
        Some(p) => p.random(),
        None => {
            let th = cx.thread;
            let mut x = th.random.get() | 1;
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            th.random.set(x);
            x.wrapping_mul(0x2545_F491_4F6C_DD1D)
        }
    }
}

/// A thread of the host leaves gort: the judge may look again.
pub(super) fn foreign_left() {
    runtime::stir()
}

/// Opens a shield: until its end the current task's blocking calls ignore its cancellation (K3). Nests. MISUSE outside a task.
pub fn shield_begin() -> Status {
    shield(|n| n.checked_add(1))
}

/// Ends a shield. MISUSE if none is open.
pub fn shield_end() -> Status {
    shield(|n| n.checked_sub(1))
}

fn shield(change: impl FnOnce(u8) -> Option<u8>) -> Status {
    let cx = match enter() {
        Ok(cx) => cx,
        Err(s) => return s,
    };
    if cx.task().is_null() {
        return cx.out(Status::Misuse);
    }
    let p = cx.party();
    match change(p.shield.load(Relaxed)) {
        Some(n) => {
            p.shield.store(n, Relaxed);
            cx.out(Status::Ok)
        }
        None => cx.out(Status::Misuse),
    }
}

/// The current task is about to block its OS thread in code that gort does not see: its processor goes to another thread at once. Ends with the task's next
/// call of gort; `blocking_leave` is one. No effect on a plain thread.
pub fn blocking_enter() {
    let Ok(cx) = enter() else { return };
    if !cx.caller().is_null()
        && let Some(p) = cx.processor()
    {
        let lane: &Lane = p.lane();
        cx.thread.bracket.put_down();
        lane.hand_over(p, clock::NEVER - 1);
    }
    cx.exit()
}

/// Ends `blocking_enter`: the task has a processor again (it may be on another thread).
pub fn blocking_leave() {
    if let Ok(cx) = enter() {
        cx.exit()
    }
}

/// The calling plain thread, whose ticket it has opened, waits until somebody has won it, or the deadline passes. Returns the ticket's state, inside the bracket.
pub fn thread_park(cx: Cx, seq: u64, deadline: Time) -> u8 {
    let th = cx.thread;
    th.party.since.store(super::monitor::COARSE.load(Relaxed), Relaxed);
    if let Some(p) = cx.processor() {
        // A task's foreign call (D4): the others of its lane go on elsewhere at once.
        let lane: &Lane = p.lane();
        th.bracket.put_down();
        lane.hand_over(p, clock::NEVER - 1);
    }
    th.waits.begin();
    cx.exit();
    let host = th.host.get().or_else(any_host);
    let looks = host.is_none()
        && th.party.reason() != Reason::Sleep
        && (deadline == clock::NEVER || deadline > clock::after(super::spin::LONGEST));
    waits::wait_told(
        &th.party_bell,
        &th.party.ticket,
        seq,
        deadline,
        looks.then_some(&th.patience),
        |wait| match host {
            // SAFETY: the hook's contract: it only calls `wait`.
            Some(h) => unsafe { (h.thread_block)(wait) },
            None => wait(clock::NEVER),
        },
    );
    th.bracket.enter();
    th.waits.end();
    th.bracket.settle(); // a retaker may have asked meanwhile (B2); who needs a processor asks for one at its next entry
    th.party.woken.fetch();
    th.party.ticket.outcome().0
}

static HOST: AtomicPtr<Hooks> = AtomicPtr::new(null_mut());

/// The process has a host: threads that have never called it wait by its hooks too, for they may hold its lock when a foreign call of theirs blocks.
pub fn set_any_host(hooks: &'static Hooks) {
    HOST.store(core::ptr::from_ref(hooks).cast_mut(), Release)
}

fn any_host() -> Option<&'static Hooks> {
    // SAFETY: null, or the static that was given.
    unsafe { HOST.load(Acquire).cast_const().as_ref() }
}

/// The calling thread is one of a host: it waits, as a thread, by these hooks. Returns its task of the host's lane, or null.
pub fn set_host(hooks: &'static Hooks) -> Result<&'static Thread, Status> {
    let cx = enter()?;
    cx.thread.host.set(Some(hooks));
    cx.exit();
    Ok(cx.thread)
}

//! What stands in for the doors in the models (cfg loom): floors 2 and 3 run over it unchanged, with loom's threads as parties.
//!
//! A thread of a model is a plain thread, or (`as_task`) a task: then `park` runs the real commit on the thread's own stack, as a host's lane does (or on another: `commit_elsewhere`), and waits
//! on a bell until somebody makes it ready. What it models of a task is the order of events: `stack` is written by the save and by whoever makes the task ready, so
//! a wake-up that is not ordered after the save is a race that loom reports; and `ready_task` touches what the resumed task would touch, so a commit that touches
//! it after its unlock is one too.
//! What it is NOT: a scheduler: tasks are never queued. Lanes, processors and the idle protocol are the real ones, and have models of their own (`tests/loom_idle.rs`).
//! No bracket either: `enter` only checks that nobody is inside, for a fence at each entry would hide what the orderings of the floors above lack. Timers stand in one
//! list and are due when the model says so (`tick`). A deadline of a plain thread is due at the first look (`sys/futex.rs`).

use super::bell::Bell;
use super::bracket::{Bracket, FOREIGN};
use super::callback::Callback;
use super::lane::Lane;
use super::list::{Fifo, Linked, Mailbox};
use super::party::{Party, Who};
use super::processor::Processor;
use super::waits;
use crate::status::Status;
use crate::sys::clock::NEVER;
use crate::sys::prim::*;
use crate::sys::slab::leak;
use core::mem::offset_of;
use core::ptr::{from_ref, null_mut};
use task::Task;
use thread::{Commit, Thread};

pub mod domain {
    /// What is accounted; nobody does here.
    pub enum Event {
        Park,
    }
}

pub mod monitor {
    /// Coarse time stands still.
    pub struct Coarse;
    impl Coarse {
        pub fn load(&self, _: super::Ordering) -> u32 {
            0
        }
    }
    pub static COARSE: Coarse = Coarse;
}

pub mod objects {
    pub struct Keeper {
        pub name: &'static str,
        pub live: fn() -> usize,
        pub release: fn(),
        pub reset: fn(),
    }
    pub fn make<T: crate::sys::slab::Slot>(
        _: &'static Keeper,
        slab: &'static crate::sys::slab::Slab<T>,
        fill: impl FnOnce(&T),
    ) -> Result<core::ptr::NonNull<T>, crate::Status> {
        let slot = slab.alloc().ok_or(crate::Status::NoMemory)?;
        // SAFETY: a fresh object, leaked until the next schedule.
        fill(unsafe { slot.as_ref() });
        Ok(slot)
    }
}

pub mod task {
    use super::*;

    pub const PARKED: u8 = 3;
    pub const READY: u8 = 1;

    #[derive(Default)]
    pub struct Task {
        pub party: Party,
        pub state: AtomicU8,
        pub domain: Cell<*const ()>,
        pub lane: Cell<u8>,
        /// Written by the save and by whoever makes the task ready.
        pub stack: Cell<u32>,
        pub link: Cell<*mut Task>,
        pub(super) resumed: Bell,
    }

    // SAFETY: the list that holds a task is the only user of its link.
    unsafe impl Linked for Task {
        fn link(&self) -> &Cell<*mut Task> {
            &self.link
        }
    }

    pub use crate::sched::entry::Entry;

    #[derive(Default)]
    pub enum Affinity {
        #[default]
        Any,
        Thread,
    }

    #[derive(Default)]
    pub struct SpawnOptions {
        pub affinity: Affinity,
        pub lane: u8,
    }

    #[derive(Clone, Copy)]
    pub struct OnExit {
        pub call: unsafe fn(Cx, *mut ()),
        pub arg: *mut (),
    }
}

pub mod thread {
    use super::*;

    pub type Commit = unsafe fn(Cx, *mut Task, *mut ());

    pub const NOWHERE: u8 = 0;
    pub const RESTING: u8 = 1;
    pub const WANTING: u8 = 2;

    pub struct Thread {
        pub bracket: Bracket,
        pub party: Party,
        pub bell: Bell,
        pub party_bell: Bell,
        pub current: Cell<*mut Task>,
        pub commit: Cell<Option<Commit>>,
        pub commit_arg: Cell<*mut ()>,
        pub told: Cell<*const Party>,
        pub due: Cell<i64>,
        pub pinned_next: Cell<*mut Task>,
        pub pinned: Fifo<Task>,
        pub mailbox: Mailbox<Task>,
        pub spinning: Cell<bool>,
        pub parked_panics: Cell<u32>,
        pub lane: Cell<*const Lane>,
        pub stop: AtomicBool,
        pub until: Cell<i64>,
        pub hired: AtomicBool,
        pub listed: Cell<u8>,
        pub list_next: Cell<*const Thread>,
        pub(super) inside: Cell<bool>,
    }

    impl Default for Thread {
        fn default() -> Thread {
            Thread {
                bracket: Bracket::new(FOREIGN),
                party: Party::default(),
                bell: Bell::default(),
                party_bell: Bell::default(),
                current: Cell::default(),
                commit: Cell::default(),
                commit_arg: Cell::default(),
                told: Cell::new(core::ptr::null()),
                due: Cell::new(0),
                pinned_next: Cell::default(),
                pinned: Fifo::new(),
                mailbox: Mailbox::new(),
                parked_panics: Cell::new(0),
                spinning: Cell::default(),
                lane: Cell::default(),
                stop: AtomicBool::new(false),
                until: Cell::new(crate::sys::clock::NEVER),
                hired: AtomicBool::new(false),
                listed: Cell::default(),
                list_next: Cell::default(),
                inside: Cell::default(),
            }
        }
    }

    // SAFETY: the cells are the owner's; loom watches them.
    unsafe impl Sync for Thread {}

    impl Thread {
        pub fn get() -> *const Thread {
            word::get().cast_const().cast()
        }

        /// Nobody is a host's runner here.
        pub fn is_to_stop(&self) -> bool {
            self.stop.load(Acquire)
        }

        pub fn has_pinned(&self) -> bool {
            !self.pinned_next.get().is_null() || !self.pinned.is_empty() || !self.mailbox.is_empty()
        }
    }
}

pub mod runtime {
    use super::*;

    /// No thread is to be had.
    pub fn start_worker(_: &Lane, _: &Processor, _: bool) -> bool {
        false
    }

    /// No monitor.
    pub fn stir() {}

    pub fn started(_: Cx) -> Result<(), Status> {
        Ok(())
    }
}

pub mod run {
    use super::*;

    /// What function timers belong to.
    #[derive(Default)]
    pub struct Run {
        pub ending: AtomicU8,
    }
}

#[path = "doors_loom/alarms.rs"]
pub mod alarms;

pub mod timers {
    use super::*;
    use crate::sys::lock::ByteLock;

    pub type Fire = unsafe fn(*mut (), u64, i64);

    /// The number of the wait it is for.
    #[derive(Clone, Copy)]
    pub struct Handle(pub(super) u64);

    type Armed = Vec<(*mut (), u64, i64, Fire)>;

    /// What is due is fired by `tick`.
    pub struct Expired;
    impl Expired {
        #[allow(clippy::new_without_default)]
        pub fn new() -> Expired {
            Expired
        }
        pub fn fire(&mut self) {}
    }

    #[derive(Default)]
    pub struct Wheel {
        lock: ByteLock,
        armed: UnsafeCell<Armed>,
    }

    impl Wheel {
        pub fn new(_: u32) -> Wheel {
            Wheel::default()
        }

        pub fn earliest(&self) -> i64 {
            NEVER
        }

        pub fn earliest_shared(&self) -> i64 {
            NEVER
        }

        pub fn refresh(&self) -> i64 {
            NEVER
        }

        pub fn expire(&self, _: i64, _: &mut Expired) -> bool {
            false
        }

        /// # Safety
        /// As in `timers.rs`.
        pub unsafe fn insert(&self, when: i64, _: i64, target: *mut (), seq: u64, fire: Fire) -> Option<Handle> {
            // SAFETY: ours under the lock.
            self.lock.with(|| unsafe { (*self.armed.get()).push((target, seq, when, fire)) });
            Some(Handle(seq))
        }

        /// # Safety
        /// As in `timers.rs`.
        pub unsafe fn cancel_owner(&self, h: Handle) -> bool {
            // SAFETY: as above.
            self.lock.with(|| unsafe { (*self.armed.get()).retain(|t| t.1 != h.0) });
            true
        }

        /// A node marked dead by another than the owner: it stays where it is and fails by its seq.
        ///
        /// # Safety
        /// As in `timers.rs`.
        pub unsafe fn cancel_remote(_: Handle) {}

        /// In half of the waits the task resumes elsewhere.
        pub fn belongs(&self, h: Handle) -> bool {
            h.0 & 1 == 0
        }

        pub(super) fn take(&self) -> Armed {
            // SAFETY: as above.
            self.lock.with(|| unsafe { core::mem::take(&mut *self.armed.get()) })
        }
    }
}

/// See `doors.rs`.
#[derive(Clone, Copy)]
pub struct Cx {
    pub thread: &'static Thread,
}

thread_local! {
    static MACHINE: core::cell::Cell<*const Processor> = const { core::cell::Cell::new(core::ptr::null()) };
    static CHANCE: core::cell::Cell<u64> = const { core::cell::Cell::new(0) };
    static ELSEWHERE: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
    static OTHERS: core::cell::Cell<bool> = const { core::cell::Cell::new(false) };
}

/// What `rand` gives until the next schedule: a model is explored once for each outcome that matters.
pub fn chance(always: u64) {
    CHANCE.set(always)
}

/// As in `doors.rs`; here the same each time, for a schedule must repeat.
pub fn rand(_: Cx) -> u64 {
    CHANCE.get()
}

thread_local! {
    static BUCKET: core::cell::Cell<*const super::lot::Bucket> = const { core::cell::Cell::new(core::ptr::null()) };
}

/// See `lot.rs`: one for all words.
pub fn bucket(_: *const ()) -> &'static super::lot::Bucket {
    // SAFETY: leaked until the next schedule.
    unsafe { &*BUCKET.get() }
}

/// A schedule of a model begins.
pub fn begin() {
    chance(0);
    others(false);
    commit_elsewhere(false);
    crate::sys::slab::begin();
    alarms::begin();
    MACHINE.set(leak(Processor::new(0, 0, core::ptr::null(), 1)));
    BUCKET.set(leak(super::lot::Bucket::default()));
}

/// The calling thread of the model is a task from now on; returns it.
pub fn as_task() -> &'static Task {
    let t = leak(Task::default());
    t.party.set_who(Who::Task);
    let cx = register();
    cx.thread.current.set(from_ref(t).cast_mut());
    t
}

/// The timers that were armed are due now: what the owner of a wheel does.
pub fn tick() {
    let Ok(cx) = enter() else { return };
    if let Some(p) = cx.processor() {
        for (target, seq, when, fire) in p.wheel.take() {
            // SAFETY: targets are leaked parties.
            unsafe { fire(target, seq, when) }
        }
    }
    cx.exit()
}

impl Cx {
    /// The one that holds the timers.
    pub fn processor(self) -> Option<&'static Processor> {
        // SAFETY: leaked until the next schedule.
        unsafe { MACHINE.get().as_ref() }
    }

    pub fn task(self) -> *mut Task {
        self.thread.current.get()
    }

    pub fn caller(self) -> *mut Task {
        self.task()
    }

    pub fn party(self) -> &'static Party {
        let t = self.thread.current.get();
        // SAFETY: tasks are leaked.
        if t.is_null() { &self.thread.party } else { unsafe { &(*t).party } }
    }

    pub fn exit(self) {
        assert!(self.thread.told.get().is_null(), "parties were met and nobody tells them (told.rs T1)");
        assert!(self.thread.inside.replace(false), "exit without enter");
    }

    pub fn out(self, status: Status) -> Status {
        self.exit();
        status
    }
}

fn register() -> Cx {
    let mut at = Thread::get();
    if at.is_null() {
        at = leak(Thread::default());
        word::set(at.cast_mut().cast());
    }
    // SAFETY: leaked.
    let cx = Cx { thread: unsafe { &*at } };
    cx.thread.party.set_who(Who::Thread);
    cx
}

pub fn enter() -> Result<Cx, Status> {
    let cx = if Thread::get().is_null() {
        register()
    } else {
        // SAFETY: leaked.
        Cx { thread: unsafe { &*Thread::get() } }
    };
    if cx.thread.inside.replace(true) { Err(Status::Misuse) } else { Ok(cx) }
}

/// # Safety
/// As in `doors.rs`.
pub unsafe fn park(cx: Cx, commit: Commit, arg: *mut ()) -> Cx {
    let t = cx.task();
    // SAFETY: the current task is the calling thread's.
    unsafe {
        (*t).stack.set((*t).stack.get() + 1);
        if ELSEWHERE.get() {
            let told = cx.thread.told.replace(core::ptr::null());
            spawn_thread(move || {
                let cx = register();
                cx.thread.inside.set(true);
                cx.thread.told.set(told);
                commit(cx, t, arg);
                cx.exit();
            });
        } else {
            commit(cx, t, arg);
        }
        alarms::before_sleep(cx);
        (*t).resumed.wait_told(NEVER);
        (*t).stack.set((*t).stack.get() + 1);
    }
    cx
}

/// # Safety
/// As in `doors.rs`.
pub unsafe fn ready(cx: Cx, party: *const Party) {
    // SAFETY: parties are leaked parts of tasks and threads.
    unsafe {
        match (*party).who() {
            Who::Task => ready_task(cx, party.byte_sub(offset_of!(Task, party)).cast::<Task>().cast_mut()),
            Who::Thread => (*party.byte_sub(offset_of!(Thread, party)).cast::<Thread>()).party_bell.ring(),
            Who::Callback => Callback::of(party).call(cx),
        }
    }
}

/// # Safety
/// As in `doors.rs`.
pub unsafe fn wake(cx: Cx, party: *const Party) {
    // SAFETY: contract.
    unsafe { ready(cx, party) }
}

/// # Safety
/// As in `doors.rs`.
pub unsafe fn ready_task(_: Cx, t: *mut Task) {
    // SAFETY: the caller won the task's ticket.
    unsafe {
        (*t).state.store(task::READY, Relaxed);
        (*t).stack.set((*t).stack.get() + 1);
        let p = &(*t).party;
        p.watching.set(p.watching.get());
        p.link.set(p.link.get());
        (*t).domain.set((*t).domain.get());
        (*t).resumed.ring()
    }
}

/// # Safety
/// Never called: no task of a model lives in a domain.
pub unsafe fn note(_: *mut Task, _: domain::Event) {}

/// Until the next schedule: commits run on a thread of their own, as those of a task that is resumed elsewhere do. So the parked task may be through with its wait before its commit has returned, and a
/// commit that still reads what stands on the parked stack is a race.
pub fn commit_elsewhere(yes: bool) {
    ELSEWHERE.set(yes)
}

/// Until the next schedule: do others wait for the processor of whoever asks?
pub fn others(wait: bool) {
    OTHERS.set(wait)
}

pub fn others_wait(_: Cx) -> bool {
    OTHERS.get()
}

pub fn yield_in(cx: Cx) -> Cx {
    yield_thread();
    cx
}

/// A task that is a thread of the model; `on_exit` as in the product, after the task is gone.
///
/// # Safety
/// As in `doors.rs`.
pub unsafe fn spawn_then(mut entry: task::Entry, _: task::SpawnOptions, on_exit: task::OnExit) -> Result<(), Status> {
    spawn_thread(move || {
        as_task();
        // SAFETY: contract: the entry is called once.
        unsafe { (entry.call)(&mut entry) }
        let cx = register();
        cx.thread.current.set(null_mut());
        let Ok(cx) = enter() else { return };
        // SAFETY: contract.
        unsafe { (on_exit.call)(cx, on_exit.arg) }
        cx.exit()
    });
    Ok(())
}

/// As in `doors.rs`, without a host's hooks, and without the look before the sleep, which `tests/loom_waits.rs` models.
pub fn thread_park(cx: Cx, seq: u64, deadline: i64) -> u8 {
    let th = cx.thread;
    alarms::before_sleep(cx);
    cx.exit();
    waits::wait_told(&th.party_bell, &th.party.ticket, seq, deadline, None, |wait| wait(NEVER));
    let _ = enter();
    th.party.ticket.outcome().0
}

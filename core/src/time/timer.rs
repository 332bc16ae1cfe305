//! The engine of timers and tickers: one slab object of 64 bytes, a channel when somebody wants to receive from it, a node in a wheel when somebody waits.
//!
//! ```text
//!   set ----------------> due ----------> taken         when: the time it is due; NEVER: it is not set
//!    |  stop, reset        |  stop, reset
//!    v                     v
//!   not set               not set
//! ```
//! Go's rules (SEMANTICS T1-T6), which follow from one decision: nothing is sent ahead of time. A timer that nobody waits for is a number; whoever receives looks at the clock (`ask`), and only
//! if it is too early a node goes into a wheel, which hands over when it fires. So there is no value that could be stale, and a timer that is dropped costs nothing (T2, T3).
//!
//!  W1  `what` and `lane` are set once. `when`, `node` and the period are guarded by the channel's lock where there is one (`ask` has no other), else by the header's: `with_source` takes what is
//!      needed. `to` is set under both and read under either. Order: header, channel, then the wheels.
//!  W2  A node fires for its own `when` only: what was set anew meanwhile has another (or, if it is the same, is due just as well). So a late node needs no number.
//!  W3  A node is armed while a timer with a channel is awaited, or was asked in vain; and as long as a function timer is set.
//!  W4  Who waits comes before who asks (`Source` F3), in the order of their coming; one value goes to one of them.
//!  W5  A function timer has a reference for its handle, one while it is set, one for each task that runs its function. The last of them drops the function, outside the bracket. So a timer whose
//!      task can not be started any more stays set, without a node, until its run's end takes it (`end_run`), or its handle stops it.
//!  W6  The value is the time it was due, a ticker's the first of those that were missed; the next one keeps the phase: when + period * (1 + (now - when) / period) (T5).
//!  W7  A value that its receiver gives back is due again, if the timer was not touched since.
//!
//! Those that start a task: `timer/func.rs`.
//!
//! Rejected: a channel with a buffer of one that the wheel fills (T2 then needs a lock over both, and Stop would have to drain it); a node for each timer (a deadline that is not reached would
//! pay for the wheel); a number of the setting in each node (W2).

use crate::chan::raw::{self, Layout, RawChan};
use crate::chan::source::{Answer, Kind, Source};
use crate::sched::alarms::{self, Kept, arm, disarm, rearm};
use crate::sched::task::Entry;
use crate::sched::thread::Thread;
use crate::sched::timers::Handle;
use crate::sched::{Cx, Time, enter, objects, runtime, tell, tell_later};
use crate::status::Status;
use crate::sys::barrier;
use crate::sys::clock::{self, NEVER};
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::mem::size_of;
use core::ptr::{NonNull, null, null_mut};

mod func;

pub use func::{Boxed, after_func, after_func_of_no_run, host_timer, reset_host};
use func::{OVER, drop_entry, end_run, run_number, start};

pub const KIND_TIMER: u8 = 8;

/// What a timer does when it is due.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
#[cfg_attr(loom, derive(Default))]
#[repr(u8)]
pub enum What {
    /// Gives its time to whoever receives, once.
    #[cfg_attr(loom, default)]
    Timer = 0,
    /// The same, again and again.
    Ticker = 1,
    /// Starts a task that calls a function of C.
    Call = 2,
    /// The same with an argument that begins with the function that drops it (`Boxed`).
    CallBoxed = 3,
    /// Starts the host's task of an entry that was made before, since none can be made where a timer fires; for the next time it is given another (`reset_host`).
    Host = 4,
}

/// See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct Timer {
    header: Header,
    // ---- guarded as W1 says
    when: Cell<Time>,
    node: Cell<Option<Handle>>,
    /// The source, null as long as nobody has wanted to receive; or the function; or the host's entry, null when it was used. Set under both locks, read under either.
    to: Cell<*mut ()>,
    /// A ticker's period; of a timer the value that was received last, if it was not set since, else NEVER; or the argument.
    with: Cell<usize>,
    /// Where its run lies in the arena, + 1; 0 for none; OVER when that has ended. Changed under the header's lock.
    run: AtomicU32,
    // ---- set once
    lane: Cell<u8>,
    what: Cell<What>,
    /// Left by whoever sets it, fetched by the task of its function (sys/race.rs).
    set: Spot,
}

#[cfg(not(any(gort_race, loom)))]
const _: () = assert!(size_of::<Timer>() == 64);

// SAFETY: repr(C), header first; zero is valid: What::Timer, None, null.
unsafe impl Slot for Timer {
    const KIND: u8 = KIND_TIMER;
}

static TIMERS: Slab<Timer> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "timers", live: || TIMERS.live(), release: free_sources, reset: || TIMERS.reset() };
static KEPT: Kept = Kept { may_wake, end_run };

/// At shutdown. A function is leaked with what it holds: nobody is left who may run a drop.
fn free_sources() {
    TIMERS.for_each(|slot| {
        // SAFETY: nobody is inside any more.
        let t = unsafe { slot.as_ref() };
        // Acquire: pairs with the Release store of `make`.
        if t.header.kind.load(Acquire) == KIND_TIMER && t.what.get() <= What::Ticker {
            let s: *mut Source = t.to.replace(null_mut()).cast();
            if !s.is_null() {
                // SAFETY: the timer's, and freed once.
                drop(unsafe { Box::from_raw(s) })
            }
        }
    });
}

fn make(what: What, lane: u8, when: Time, to: *mut (), with: usize) -> Result<NonNull<Timer>, Status> {
    let cx = enter()?;
    let started = runtime::started(cx).map(|_| ());
    let run = if what >= What::Call { run_number(alarms::run_of(cx)) } else { 0 };
    cx.exit();
    started?;
    alarms::keep(&KEPT);
    let t = objects::make(&KEEPER, &TIMERS, |t| {
        t.when.set(if what >= What::Call { NEVER } else { when });
        t.node.set(None);
        t.to.set(to);
        t.with.set(with);
        t.run.store(run, Relaxed);
        t.lane.set(lane);
        t.what.set(what);
        t.header.refs.store(1, Relaxed);
        t.header.epoch.store(slab::epoch(), Relaxed);
        // Release: pairs with the lock's Acquire of whoever was given the handle.
        t.header.kind.store(KIND_TIMER, Release);
    })?;
    if run != 0 {
        // Detached meanwhile, the caller belongs to no run; and the walk of that one's end may have missed what it has made (run.rs `detach`).
        let cx = enter()?;
        barrier::light();
        if run_number(alarms::run_of(cx)) != run {
            // SAFETY: ours, and nobody else knows it.
            unsafe { t.as_ref().run.store(OVER, Relaxed) }
        }
        cx.exit()
    }
    Ok(t)
}

/// A timer that is due at `when`. NO_MEMORY, SHUTDOWN.
pub fn timer(when: Time) -> Result<NonNull<Timer>, Status> {
    make(What::Timer, 0, when, null_mut(), NEVER as usize)
}

/// A ticker that is due at `first`, and each `period` ns. INVALID for a period that is not positive.
pub fn ticker(first: Time, period: i64) -> Result<NonNull<Timer>, Status> {
    if period <= 0 {
        return Err(Status::Invalid);
    }
    make(What::Ticker, 0, first, null_mut(), period as usize)
}

/// A channel, owned by the caller, that a timer of its own sends to. `typed`: the reference is that of a receiving end.
pub fn after(when: Time, typed: bool) -> Result<NonNull<RawChan>, Status> {
    owned(timer(when)?, typed)
}

/// The same with a ticker.
pub fn tick(first: Time, period: i64, typed: bool) -> Result<NonNull<RawChan>, Status> {
    owned(ticker(first, period)?, typed)
}

fn owned(t: NonNull<Timer>, typed: bool) -> Result<NonNull<RawChan>, Status> {
    // SAFETY: ours, and nobody else knows it.
    unsafe {
        match give_channel(t.as_ref(), true, typed) {
            Ok(ch) => Ok(ch),
            Err(s) => {
                let _ = release(t.as_ptr());
                Err(s)
            }
        }
    }
}

/// What elements are: a time.
fn layout() -> Layout {
    Layout { size: size_of::<Time>(), align: align_of::<Time>(), drop: None }
}

/// Makes the channel of a timer that has none. `owned`: the timer goes with the channel, whose plain reference, or receiving end (`typed`), is the caller's; else the reference is the
/// timer's.
unsafe fn give_channel(t: &Timer, owned: bool, typed: bool) -> Result<NonNull<RawChan>, Status> {
    let ch = raw::create(layout(), 0)?;
    let source = Box::into_raw(Box::new(Source::new(ch.as_ptr(), core::ptr::from_ref(t).cast(), &KIND, owned)));
    // SAFETY: a fresh channel; contract of the callers.
    unsafe {
        if owned {
            raw::add_end(ch.as_ptr(), true);
            if typed {
                raw::add_end(ch.as_ptr(), false);
                let _ = raw::release(ch.as_ptr());
            }
        }
        let attached = locked(t, |_| {
            if !t.to.get().is_null() {
                return false; // another was quicker
            }
            let lock = raw::lock_of(ch.as_ptr());
            lock.lock();
            t.to.set(source.cast());
            Source::attach(source);
            (*source).set(t.when.get() != NEVER);
            lock.unlock();
            true
        });
        match attached {
            Ok(true) => Ok(ch),
            other => {
                Source::discard(Box::from_raw(source));
                let _ = raw::release(ch.as_ptr());
                other?;
                channel(t)
            }
        }
    }
}

/// The channel to receive from, made when it is first asked for; borrowed: it is a live channel until the timer is released. MISUSE for a function timer, or a handle that is none.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn channel(t: *const Timer) -> Result<NonNull<RawChan>, Status> {
    if t.is_null() {
        return Err(Status::Invalid);
    }
    // SAFETY: contract; slots are type-stable, and the header is checked under its lock.
    unsafe {
        let t = &*t;
        // The source goes with the timer, so it is looked at under the lock; the channel checks itself.
        let to = locked(t, |_| {
            (t.what.get() <= What::Ticker).then(|| t.source().as_ref().map_or(null_mut(), |s| s.chan.cast_mut()))
        })?;
        match to {
            None => Err(Status::Misuse),
            Some(ch) => NonNull::new(ch).map_or_else(|| give_channel(t, false, false), Ok),
        }
    }
}

/// Runs `f` inside, under the header's lock, if the handle is good.
unsafe fn locked<R>(t: *const Timer, f: impl FnOnce(Cx) -> R) -> Result<R, Status> {
    if t.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract of the callers: a handle; type-stable.
    unsafe {
        let h = &(*t).header;
        match h.lock_as(KIND_TIMER) {
            Status::Ok => {
                let r = f(cx);
                h.lock.unlock();
                cx.exit();
                Ok(r)
            }
            s => Err(cx.out(s)),
        }
    }
}

impl Timer {
    fn is_func(&self) -> bool {
        self.what.get() >= What::Call
    }

    /// Under the header's lock: null, or its source.
    fn source(&self) -> *const Source {
        if self.is_func() { null() } else { self.to.get().cast() }
    }

    /// Under the header's lock: with the channel's too, if there is one (W1).
    unsafe fn with_source<R>(&self, f: impl FnOnce(Option<&Source>) -> R) -> R {
        // SAFETY: the source lives as long as the timer, and keeps its channel.
        unsafe {
            match self.source().as_ref() {
                None => f(None),
                Some(s) => {
                    let lock = raw::lock_of(s.chan);
                    lock.lock();
                    let r = f(Some(s));
                    lock.unlock();
                    r
                }
            }
        }
    }

    /// Arms a node for `when`, which replaces the one there is. False: no memory. `now` as `alarms::arm` says.
    fn arm(&self, cx: Cx, now: Time) -> bool {
        if let Some(h) = self.node.get()
            && self.when.get() != NEVER
            && rearm(cx, h, self.when.get(), now)
        {
            return true;
        }
        self.disarm(cx);
        if self.when.get() == NEVER {
            return true;
        }
        // SAFETY: a slab object; `fire` checks it (W2).
        let node = unsafe { arm(cx, self.when.get(), now, core::ptr::from_ref(self).cast_mut().cast(), fire) };
        self.node.set(node);
        node.is_some()
    }

    fn disarm(&self, cx: Cx) {
        if let Some(h) = self.node.take() {
            disarm(cx, h)
        }
    }

    /// The value is taken: what comes next (W6). True if something does.
    fn advance(&self, now: Time) -> bool {
        let (when, period) = (self.when.get(), self.with.get() as i64);
        if self.what.get() == What::Timer {
            self.with.set(when as usize);
            self.when.set(NEVER);
            return false;
        }
        self.when.set(next_in_phase(when, period, now));
        self.when.get() != NEVER
    }

    /// Under the locks, due: gives it to whoever waits. True if somebody took it.
    unsafe fn give(&self, s: &Source, now: Time) -> bool {
        let value = self.when.get();
        // SAFETY: the channel's lock is held, from inside.
        unsafe {
            let party = s.give(core::ptr::from_ref(&value).cast());
            if party.is_null() {
                return false;
            }
            tell_later(party);
        }
        self.advance(now);
        true
    }

    /// Under the locks, after a value was taken, or the time was changed: the entry and the node are as they must be (W3).
    unsafe fn settle(&self, cx: Cx, s: &Source, now: Time) -> bool {
        // SAFETY: the channel's lock is held.
        unsafe {
            s.set(self.when.get() != NEVER);
            let awaited = s.is_awaited() && !cfg!(feature = "mutant_timer_reset_arms_nothing");
            if awaited { self.arm(cx, now) } else { true }
        }
    }
}

/// The time after `now` that comes in phase with `due`, whole periods later; what was missed is skipped (W6).
pub(super) fn next_in_phase(due: Time, period: i64, now: Time) -> Time {
    let missed = now.saturating_sub(due).max(0) / period;
    due.saturating_add(period.saturating_mul(missed.saturating_add(1)))
}

static KIND: Kind = Kind { ask, is_ready, take_back, let_go };

/// Where the value of a receive stands, of the thread that asks, under the channel's lock and until its unlock.
fn cx_inside() -> Cx {
    // SAFETY: whoever calls a source is inside, so its thread is registered; threads are never freed.
    Cx { thread: unsafe { &*Thread::get() } }
}

unsafe fn ask(s: &Source) -> Answer {
    // SAFETY: the owner is a timer that lives as long as its source.
    let t = unsafe { &*s.owner.cast::<Timer>() };
    let (cx, now) = (cx_inside(), clock::now());
    // SAFETY: the channel's lock is held.
    unsafe {
        while t.when.get() <= now {
            t.disarm(cx); // it is for the time that passes now
            if !cfg!(feature = "mutant_timer_asker_overtakes") && t.give(s, now) {
                continue; // W4
            }
            let value = &cx.thread.due;
            value.set(t.when.get());
            return if t.advance(now) {
                Answer::More(value.as_ptr().cast())
            } else {
                Answer::Last(value.as_ptr().cast())
            };
        }
    }
    if t.when.get() == NEVER {
        return Answer::Never;
    }
    if t.node.get().is_none() {
        t.arm(cx, now);
    }
    Answer::Nothing
}

unsafe fn is_ready(s: &Source) -> bool {
    // SAFETY: as in `ask`.
    let t = unsafe { &*s.owner.cast::<Timer>() };
    let now = clock::now();
    if t.when.get() <= now {
        return true;
    }
    if t.node.get().is_none() {
        t.arm(cx_inside(), now);
    }
    false
}

/// It is due again, unless it was set or stopped since: then there is nothing it could belong to. A tick belongs to what is in phase with it.
unsafe fn take_back(s: &Source, value: *const u8) {
    // SAFETY: as in `ask`; elements are times.
    unsafe {
        let t = &*s.owner.cast::<Timer>();
        let (value, when, with) = (value.cast::<Time>().read_unaligned(), t.when.get(), t.with.get() as i64);
        let belongs = match t.what.get() {
            What::Timer => when == NEVER && with == value,
            _ => when != NEVER && value < when && when.wrapping_sub(value) % with == 0,
        };
        if belongs {
            let (cx, now) = (cx_inside(), clock::now());
            t.disarm(cx);
            t.when.set(value);
            t.give(s, now);
            t.settle(cx, s, now);
        }
    }
}

/// The channel that owned it is gone.
unsafe fn let_go(s: *mut Source) {
    // SAFETY: a source that was taken out of its channel; its timer is nobody else's.
    unsafe {
        let _ = release((*s).owner.cast());
    }
}

/// A node is due.
///
/// # Safety
/// As `sched::alarms` A1 says; `target` is a timer's slot.
unsafe fn fire(target: *mut (), _: u64, when: Time) {
    // SAFETY: type-stable; what is there now is seen under the lock.
    unsafe {
        let t = &*target.cast_const().cast::<Timer>();
        let cx = cx_inside();
        if !t.header.lock_as(KIND_TIMER).is_ok() {
            return;
        }
        if t.is_func() {
            if t.when.get() == when || cfg!(feature = "mutant_timer_fires_for_any_time") {
                t.node.set(None);
                t.when.set(NEVER);
                start(cx, t, when);
            }
            let gone = t.header.refs.load(Relaxed) == 0;
            if gone {
                t.header.kind.store(0, Relaxed);
            }
            t.header.lock.unlock();
            if gone {
                TIMERS.free(NonNull::from(t));
            }
            return;
        }
        t.with_source(|s| {
            if let Some(s) = s
                && t.when.get() == when
            {
                t.node.set(None);
                let now = clock::now();
                t.give(s, now);
                t.settle(cx, s, now);
            }
        });
        t.header.lock.unlock();
        tell(cx);
    }
}

/// Sets it to `when`, whatever it was; NEVER: as `stop`. True if it was set: a firing that nobody has received, or that has not begun, is replaced. A ticker keeps its period.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn reset(t: *const Timer, when: Time) -> Result<bool, Status> {
    // SAFETY: contract.
    unsafe { change(t, when, 0) }
}

/// The same with a new period, for a ticker: MISUSE for anything else, INVALID for a period that is not positive.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn reset_ticker(t: *const Timer, first: Time, period: i64) -> Result<bool, Status> {
    if period <= 0 {
        return Err(Status::Invalid);
    }
    // SAFETY: contract.
    unsafe { change(t, first, period) }
}

/// It does not fire any more. True if that prevented a firing: false if it was received already, or its function has been started, or it was stopped before. Nothing has to be drained.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn stop(t: *const Timer) -> Result<bool, Status> {
    // SAFETY: contract.
    unsafe { change(t, NEVER, 0) }
}

unsafe fn change(t: *const Timer, when: Time, period: i64) -> Result<bool, Status> {
    // SAFETY: contract of the callers.
    let done = unsafe {
        locked(t, |cx| {
            let t = &*t;
            if period != 0 && t.what.get() != What::Ticker {
                return Err(Status::Misuse);
            }
            if t.is_func() {
                if t.what.get() == What::Host && when != NEVER && t.to.get().is_null() {
                    return Err(Status::WouldBlock); // `reset_host` gives it another entry
                }
                return t.change_func(cx, when);
            }
            let early = cfg!(feature = "mutant_timer_stop_asks_early") && t.when.get() != NEVER;
            let (was, armed) = t.with_source(|s| {
                let was = t.when.replace(when) != NEVER || early;
                if t.what.get() == What::Timer {
                    t.with.set(NEVER as usize)
                } else if period != 0 {
                    t.with.set(period as usize)
                }
                t.disarm(cx);
                (was, s.is_none_or(|s| t.settle(cx, s, NEVER)))
            });
            if armed { Ok(was) } else { Err(Status::NoMemory) }
        })
    };
    done?
}

/// Is it set: due, or not yet?
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn is_set(t: *const Timer) -> bool {
    // SAFETY: contract.
    unsafe { locked(t, |_| (*t).with_source(|_| (*t).when.get() != NEVER)).unwrap_or(false) }
}

/// One owner less. A timer with a channel is stopped, and goes, and gives up its reference of the channel: who waits there gets CLOSED if it was the last, and sleeps on if it was not. A function
/// timer that is set goes on by itself.
///
/// # Safety
/// `t` is a handle or null, and the caller does not use it again.
pub unsafe fn release(t: *const Timer) -> Status {
    if t.is_null() {
        return Status::Invalid;
    }
    // SAFETY: contract; what is taken out under the locks is ours.
    unsafe {
        let cx = match enter() {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let t = &*t;
        let valid = t.header.lock_as(KIND_TIMER);
        if !valid.is_ok() {
            return cx.out(valid);
        }
        let refs = t.header.refs.load(Relaxed) - 1;
        t.header.refs.store(refs, Relaxed);
        if refs > 0 {
            t.header.lock.unlock();
            return cx.out(Status::Ok);
        }
        let (what, source) = (t.what.get(), t.source().cast_mut());
        let with = if t.is_func() { t.with.get() } else { 0 }; // else it is its channel's (W1)
        let entry: *mut Entry = t.to.get().cast();
        t.with_source(|s| {
            t.when.set(NEVER);
            t.disarm(cx);
            if let Some(s) = s {
                s.leave_channel()
            }
        });
        t.header.kind.store(0, Relaxed);
        t.header.lock.unlock();
        TIMERS.free(NonNull::from(t));
        cx.exit();
        if !source.is_null() {
            let (chan, owned) = ((*source).chan, (*source).owned);
            Source::discard(Box::from_raw(source));
            if owned {
                raw::drop_end(chan, true)
            } else {
                let _ = raw::release(chan);
            }
        } else if what == What::Host {
            drop_entry(entry)
        } else if what == What::CallBoxed {
            let boxed: *mut Boxed = core::ptr::with_exposed_provenance_mut(with);
            ((*boxed).drop)(boxed)
        }
        Status::Ok
    }
}

/// A timer that somebody waits for, or that will start a task.
fn may_wake() -> bool {
    let mut may = false;
    TIMERS.for_each(|slot| {
        // SAFETY: type-stable; looked at under its lock.
        unsafe {
            let t = slot.as_ref();
            // A look first: only one that is there has a lock worth taking.
            if may || t.header.kind.load(Relaxed) != KIND_TIMER || !t.header.lock_as(KIND_TIMER).is_ok() {
                return;
            }
            may =
                t.with_source(|s| t.node.get().is_some() && t.when.get() != NEVER && s.is_none_or(|s| s.is_awaited()));
            t.header.lock.unlock();
        }
    });
    may
}

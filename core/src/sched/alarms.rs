//! Timers of the floors above: armed from anywhere, taken back from anywhere; and what the scheduler asks those floors about them.
//!
//! A timer is a node in the wheel of the processor that armed it (D13). A thread that has no processor (a plain one, which may neither own a wheel nor wait for one) uses the outer wheel of
//! the native lane, under a lock of its own: to the lane that is one more idle processor's wheel, whose earliest time the last sleeper keeps.
//!
//!  A1  `fire` is called inside the bracket, with no lock held, on whatever thread runs the wheel; it may make parties ready and spawn, and must not park or run code of a user.
//!  A2  A timer that was taken back may fire all the same, if its wheel was at it just then: the target knows by what is written in it, under its own lock (timers.rs `cancel_remote`).
//!  A3  Order of locks: those of objects, then `outer`, then the lane's.
//!
//! Rejected: a timer thread (a switch to it and back for each timer); lending a processor to a plain thread (it would have to find an idle one, and be late without).

use super::Time;
use super::doors::{Birth, Cx, bear_in};
use super::lane::Lane;
use super::run::Run;
use super::runtime;
use super::task::{Entry, SpawnOptions};
use super::timers::{Expired, Fire, Handle, Wheel};
use crate::status::Status;
use crate::sys::clock::{self, NEVER};
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::ptr::{null, null_mut};

/// The wheel of those who have no processor.
pub struct Outer {
    lock: ByteLock,
    // ---- guarded by `lock`, but for what any thread may ask
    wheel: Wheel,
}

impl Outer {
    pub fn new(number: u32) -> Outer {
        Outer { lock: ByteLock::new(), wheel: Wheel::new(number) }
    }

    /// At most the earliest that is armed.
    #[inline(always)]
    pub fn earliest(&self) -> Time {
        self.wheel.earliest_shared()
    }

    /// How many timers there are.
    pub fn live(&self) -> usize {
        self.wheel.len()
    }

    unsafe fn insert(&self, when: Time, now: Time, target: *mut (), fire: Fire) -> Option<Handle> {
        // SAFETY: contract of `arm`; the owner is whoever holds the lock.
        self.lock.with(|| unsafe { self.wheel.insert(when, passed(&self.wheel, now), target, 0, fire) })
    }

    /// Fires what is due.
    pub fn expire(&self, now: Time) {
        let mut due = Expired::new();
        loop {
            let more = self.lock.with(|| {
                let more = self.wheel.expire(now, &mut due);
                if !more {
                    self.wheel.refresh();
                }
                more
            });
            due.fire();
            if !more {
                return;
            }
        }
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// As `Wheel::release`.
    pub unsafe fn release(&self) {
        // SAFETY: contract.
        unsafe { self.wheel.release() }
    }
}

/// Arms a timer: at `when`, or soon after, `fire(target, 0, when)` is called (A1). None: no memory, or no runtime. `now` need not be fresh; NEVER: the caller has not looked at the
/// clock (a time to come would let an empty wheel begin there, and keep in one list all that comes before).
///
/// # Safety
/// `target` is type-stable, and `fire` finds out by itself whether it still means anything (A2).
#[inline]
pub unsafe fn arm(cx: Cx, when: Time, now: Time, target: *mut (), fire: Fire) -> Option<Handle> {
    // SAFETY: contract; inside the bracket the processor and its wheel are ours.
    unsafe {
        match cx.processor() {
            Some(p) => p.wheel.insert(when, passed(&p.wheel, now), target, 0, fire),
            None => arm_outside(when, now, target, fire),
        }
    }
}

/// A time that has passed: `now`; or what the wheel needs of it.
#[inline]
fn passed(wheel: &Wheel, now: Time) -> Time {
    match now {
        NEVER if wheel.holds_nothing() => clock::recent_or_now(),
        NEVER => 0,
        _ => now,
    }
}

#[cold]
unsafe fn arm_outside(when: Time, now: Time, target: *mut (), fire: Fire) -> Option<Handle> {
    let lane = runtime::get()?.native();
    // SAFETY: contract of `arm`.
    let handle = unsafe { lane.outer.insert(when, now, target, fire) }?;
    lane.reckon_outer();
    Some(handle)
}

/// Sets a timer of the caller's processor to another time. False: it is another's, or has fired; then it is as it was.
#[inline]
pub fn rearm(cx: Cx, handle: Handle, when: Time, now: Time) -> bool {
    // SAFETY: as in `arm`.
    cx.processor()
        .is_some_and(|p| p.wheel.belongs(handle) && unsafe { p.wheel.shift_owner(handle, when, passed(&p.wheel, now)) })
}

/// Takes a timer back (A2).
pub use super::processor::cancel_timer as disarm;

/// The run that the caller's task belongs to, or null.
pub fn run_of(cx: Cx) -> *const Run {
    let t = cx.caller();
    // SAFETY: the current task is ours.
    if t.is_null() { null() } else { unsafe { (*t).run.load(Relaxed).cast_const() } }
}

/// Starts a task from where a timer is fired, as one of `run` (null: of none). LIMIT, NO_MEMORY; CANCELED if the run is over. The entry is the caller's if it fails.
///
/// # Safety
/// As `spawn`; from inside. `run` has not ended: its end asks for its timers first (`Kept::end_run`).
pub unsafe fn spawn_inside(cx: Cx, run: *const Run, entry: Entry, options: SpawnOptions) -> Result<(), Status> {
    let rt = runtime::get().ok_or(Status::Shutdown)?;
    let mut birth = Birth { entry, options, on_exit: None, handle: false, main_of: null(), pin: null() };
    // SAFETY: contract.
    unsafe { bear_in(cx, rt, run, rt.domain(), &mut birth).map(|_| ()) }
}

/// What the floor of timers says to the scheduler.
pub struct Kept {
    /// Is there a timer that will wake somebody, or start something, by itself? Asked by the judge; must not block.
    pub may_wake: fn() -> bool,
    /// A run ends: timers that would start tasks of it are stopped, or, when it is over (true), never set again. Outside the bracket.
    pub end_run: fn(*const Run, bool),
}

static KEPT: AtomicPtr<Kept> = AtomicPtr::new(null_mut());

/// Makes it known. Idempotent.
pub fn keep(kept: &'static Kept) {
    if KEPT.load(Relaxed).is_null() {
        KEPT.store(core::ptr::from_ref(kept).cast_mut(), Release)
    }
}

fn kept() -> Option<&'static Kept> {
    // SAFETY: null, or the static that was given.
    unsafe { KEPT.load(Acquire).cast_const().as_ref() }
}

/// See `Kept`.
pub(super) fn may_wake() -> bool {
    kept().is_some_and(|k| (k.may_wake)())
}

/// See `Kept`.
pub(super) fn end_run(run: *const Run, for_good: bool) {
    if let Some(k) = kept() {
        (k.end_run)(run, for_good)
    }
}

impl Lane {
    /// The outer wheel has another timer: whoever keeps the time of the idle processors is told if it comes first, and somebody begins to if nobody does.
    fn reckon_outer(&self) {
        self.lock.with(|| self.reckon());
        self.find_keeper();
    }

    /// The outer wheel's due timers.
    pub(super) fn run_outer(&self, now: Time) {
        if self.outer.earliest() <= now {
            self.outer.expire(now);
            self.lock.with(|| self.reckon());
        }
    }

    /// The time of the outer wheel, for `reckon`.
    pub(super) fn outer_earliest(&self) -> Time {
        if self.id == 0 { self.outer.earliest() } else { NEVER }
    }
}

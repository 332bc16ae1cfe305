//! Timers that start a task: how it begins and ends, and the run that they belong to.
//!
//! What this is NOT: when it is due; that is `timer.rs`, whose W5 says who keeps the function.

use super::{KIND_TIMER, TIMERS, Timer, What, locked, make, release, reset};
use crate::sched::alarms;
use crate::sched::run::Run;
use crate::sched::task::{Affinity, Entry, SpawnOptions};
use crate::sched::{Cx, Time};
use crate::status::Status;
use crate::sys::clock::{self, NEVER};
use crate::sys::cpu;
use crate::sys::prim::*;
use crate::sys::slab;
use core::ffi::c_void;
use core::ptr::{NonNull, null, null_mut};

/// The run of a function timer that is over: it is not set any more, ever.
pub(super) const OVER: u32 = u32::MAX;

/// A function timer whose task could not be started (`max_tasks`, no memory) tries again after so many ns.
const AGAIN: i64 = 1_000_000;

/// How the argument of a `CallBoxed` timer begins.
#[repr(C)]
pub struct Boxed {
    /// Drops and frees the whole; called once, outside the bracket.
    pub drop: unsafe fn(*mut Boxed),
}

/// Runs are slab objects too, 16 bytes at the least: their place in the arena is a number of 32 bits.
pub(super) fn run_number(run: *const Run) -> u32 {
    if run.is_null() { 0 } else { slab::arena_offset(run.addr()).map_or(0, |at| (at / 16) as u32 + 1) }
}

/// A timer that starts a task at `when`: it calls `call(arg)`, as `what` says. On failure the argument is still the caller's.
///
/// # Safety
/// `what` is `Call` or `CallBoxed`, and `call` and `arg` are as it says: they may be used on any thread, by several tasks at once, until the timer is gone.
pub unsafe fn after_func(what: What, when: Time, call: *mut (), arg: *mut c_void) -> Result<NonNull<Timer>, Status> {
    let t = make(what, 0, when, call, arg.expose_provenance())?;
    // SAFETY: contract; ours.
    unsafe { begin(t, when) }
}

/// The same, of no run, whoever makes it: it goes on when a run is over.
///
/// # Safety
/// As `after_func`.
pub unsafe fn after_func_of_no_run(
    what: What,
    when: Time,
    call: *mut (),
    arg: *mut c_void,
) -> Result<NonNull<Timer>, Status> {
    let t = make(what, 0, when, call, arg.expose_provenance())?;
    // SAFETY: contract; ours, and not set, so the end of a run has nothing to say about it.
    unsafe {
        t.as_ref().run.store(0, Relaxed);
        begin(t, when)
    }
}

/// Sets a fresh one.
///
/// # Safety
/// It is the caller's, and nobody else knows it.
unsafe fn begin(t: NonNull<Timer>, when: Time) -> Result<NonNull<Timer>, Status> {
    if when == NEVER {
        return Ok(t);
    }
    // SAFETY: ours.
    match unsafe { reset(t.as_ptr(), when) } {
        Ok(_) => Ok(t),
        Err(s) => {
            // SAFETY: ours, and nobody else knows it; it is not set, so nothing of the caller's is touched.
            unsafe {
                t.as_ref().what.set(What::Call);
                let _ = release(t.as_ptr());
            }
            Err(s)
        }
    }
}

/// A timer that starts the task of `entry` at `when`, in the lane of a host. On failure the entry is still the caller's.
///
/// # Safety
/// As `reset_host`.
pub unsafe fn host_timer(lane: u8, when: Time, entry: &mut Option<Box<Entry>>) -> Result<NonNull<Timer>, Status> {
    let t = make(What::Host, lane, NEVER, null_mut(), 0)?;
    // SAFETY: ours; contract.
    unsafe {
        reset_host(t.as_ptr(), when, entry).map(|_| t).inspect_err(|_| {
            let to: *mut Entry = t.as_ref().to.replace(null_mut()).cast();
            if !to.is_null() {
                *entry = Some(Box::from_raw(to))
            }
            let _ = release(t.as_ptr());
        })
    }
}

impl Timer {
    /// Under the header's lock, of a function timer (W5).
    pub(super) fn change_func(&self, cx: Cx, when: Time) -> Result<bool, Status> {
        let was = self.when.get() != NEVER;
        let when = if self.run.load(Relaxed) == OVER { NEVER } else { when };
        self.set.leave();
        self.when.set(when);
        let armed = self.arm(cx, NEVER);
        if !armed {
            self.when.set(NEVER);
        }
        let refs = self.header.refs.load(Relaxed) + u32::from(self.when.get() != NEVER) - u32::from(was);
        self.header.refs.store(refs, Relaxed);
        if armed { Ok(was) } else { Err(Status::NoMemory) }
    }
}

/// Under the lock of a function timer that is due: starts its task, which has its reference from now on (W5). It is under the lock that its run can not end meanwhile (`end_run`), and nothing
/// that is called here takes a lock of a timer.
pub(super) unsafe fn start(cx: Cx, t: &Timer, when: Time) {
    // SAFETY: the run has not ended: its end takes this lock before.
    unsafe {
        let run: *const Run = match t.run.load(Relaxed) {
            0 => null(),
            n => slab::arena_at((n as usize - 1) * 16).cast(),
        };
        let host: *mut Entry = if t.what.get() == What::Host { t.to.get().cast() } else { null_mut() };
        let entry = if host.is_null() {
            let words = [core::ptr::from_ref(t).expose_provenance(), t.with.get(), 0];
            Entry::new(call_it, Some(drop_it), words)
        } else {
            Entry { call: (*host).call, drop: (*host).drop, words: (*host).words }
        };
        if t.what.get() == What::CallBoxed {
            cpu::prefetch(core::ptr::with_exposed_provenance::<Boxed>(t.with.get())) // the task needs it
        }
        let affinity = if t.what.get() == What::CallBoxed { Affinity::Thread } else { Affinity::Any };
        let options = SpawnOptions { affinity, lane: t.lane.get(), ..SpawnOptions::default() };
        match alarms::spawn_inside(cx, run, entry, options) {
            Ok(()) if host.is_null() => {}
            Ok(()) => {
                // The task has all it needs: the entry's box goes, and with it the reference; perhaps the last one, and nothing is left to be dropped then.
                t.to.set(null_mut());
                drop(Box::from_raw(host));
                t.header.refs.store(t.header.refs.load(Relaxed) - 1, Relaxed);
            }
            Err(Status::Limit | Status::NoMemory) => {
                let now = clock::now();
                t.when.set(now.saturating_add(AGAIN));
                t.arm(cx, now);
            }
            Err(_) if cfg!(feature = "mutant_timer_loses_its_function") => {
                t.header.refs.store(t.header.refs.load(Relaxed) - 1, Relaxed)
            }
            Err(_) => t.when.set(when), // its run ends (W5)
        }
    }
}

/// The timer that a task of a function timer was started by.
///
/// # Safety
/// `e` is the entry of such a task, not of a host's.
unsafe fn of_entry(e: *mut Entry) -> *const Timer {
    // SAFETY: contract; word 0 is an integer.
    core::ptr::with_exposed_provenance(unsafe { (*e).word(0) })
}

/// Gives back the reference of a task, also when the function panics.
struct Ran(*const Timer);

impl Drop for Ran {
    fn drop(&mut self) {
        // SAFETY: the task's reference, given up once.
        let _ = unsafe { release(self.0) };
    }
}

/// The body of a task: calls the function.
unsafe fn call_it(e: *mut Entry) {
    // SAFETY: the entry of `start`; the timer lives while the task has its reference.
    unsafe {
        let ran = Ran(of_entry(e));
        (*ran.0).set.fetch();
        let call = core::mem::transmute::<*mut (), unsafe extern "C-unwind" fn(*mut c_void)>((*ran.0).to.get());
        call(core::ptr::with_exposed_provenance_mut((*e).word(1)));
    }
}

/// The end of a task that never ran.
unsafe fn drop_it(e: *mut Entry) {
    // SAFETY: the entry of `start`, dropped once and outside the bracket.
    drop(Ran(unsafe { of_entry(e) }))
}

/// Sets a host's timer: WOULD_BLOCK if its entry was used, and `fresh` is None; what is left in `fresh` is the caller's. Nothing is set any more when its run is over.
///
/// # Safety
/// `t` is a handle of a `Host` timer, or null; the entry may be called or dropped once, by a task of its lane.
pub unsafe fn reset_host(t: *const Timer, when: Time, fresh: &mut Option<Box<Entry>>) -> Result<bool, Status> {
    // SAFETY: contract.
    unsafe {
        locked(t, |cx| {
            let t = &*t;
            if t.what.get() != What::Host {
                return Err(Status::Misuse);
            }
            if t.run.load(Relaxed) == OVER {
                return Ok(false);
            }
            if t.to.get().is_null() {
                let Some(entry) = fresh.take() else { return Err(Status::WouldBlock) };
                t.to.set(Box::into_raw(entry).cast());
            }
            t.change_func(cx, when)
        })?
    }
}

/// What a host's timer had ready and did not need.
pub(super) unsafe fn drop_entry(entry: *mut Entry) {
    if entry.is_null() {
        return;
    }
    // SAFETY: from `reset_host` or `host_timer`, and nobody else's.
    unsafe {
        let mut entry = Box::from_raw(entry);
        if let Some(drop) = entry.drop {
            drop(&mut *entry)
        }
    }
}

/// The end of a run stops its function timers: what they would start belongs to nobody any more. `for_good`: none of its tasks is left, and they can not be set again.
pub(super) fn end_run(run: *const Run, for_good: bool) {
    let number = run_number(run);
    TIMERS.for_each(|slot| {
        // SAFETY: as in `may_wake`; a timer that is set holds a reference, which is given back here.
        unsafe {
            let t = slot.as_ref();
            // A look first. (In the models a slot that is freed is written over.)
            if t.header.kind.load(Relaxed) != KIND_TIMER || (!cfg!(loom) && t.run.load(Relaxed) != number) {
                return;
            }
            let stopped = locked(t, |cx| {
                if t.run.load(Relaxed) != number {
                    return (false, null_mut());
                }
                if for_good {
                    t.run.store(OVER, Relaxed);
                }
                t.disarm(cx);
                // What a host has prepared holds objects of the host's: it goes at once.
                let entry = if t.what.get() == What::Host { t.to.replace(null_mut()) } else { null_mut() };
                (t.when.replace(NEVER) != NEVER, entry)
            });
            if let Ok((was_set, entry)) = stopped {
                drop_entry(entry.cast());
                if was_set {
                    let _ = release(t);
                }
            }
        }
    });
}

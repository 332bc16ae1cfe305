//! Handles of tasks: join, cancel, release, and what they are called.
//!
//! Join does not consume: a second join gives the same result (D8). All functions check the handle: kind and epoch, under the header's lock.

use super::block::{Wait, block, panics, refuse, status_of};
use crate::sched::party::Reason;
use crate::sched::task::{DEAD, HAS_HANDLE, KIND_TASK, Task};
use crate::sched::{Cx, enter, run, ticket};
use crate::status::Status;
use crate::sys::barrier;
use crate::sys::prim::*;
use core::mem::MaybeUninit;
use core::ptr::NonNull;

/// Enters and locks a handle's header. On success the lock is held.
///
/// # Safety
/// `t` points into the handle range or is null.
unsafe fn lock(t: *const Task) -> Result<Cx, Status> {
    if t.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract; slots are type-stable.
    unsafe {
        let h = &(*t).header;
        match h.lock_as(KIND_TASK) {
            // One reference is the task's own while it lives; without another nobody holds a handle.
            Status::Ok
                if (*t).flags.get() & HAS_HANDLE != 0
                    && h.refs.load(Relaxed) > ((*t).state.load(Relaxed) != DEAD) as u32 =>
            {
                Ok(cx)
            }
            Status::Ok => {
                h.lock.unlock();
                Err(cx.out(Status::Misuse))
            }
            s => Err(cx.out(s)),
        }
    }
}

/// Waits until `t` has ended. `out` gets word 0 of its entry if it ended well; a task that panicked gives PANIC.
///
/// # Safety
/// `t` is a handle or null; `out` is writable or null, and read as an integer only if the task's entry keeps one in word 0 (entry.rs E1).
pub unsafe fn join(t: *const Task, out: *mut usize, wait: Wait, may_block: bool) -> Status {
    // SAFETY: contract.
    unsafe {
        let cx = match lock(t) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        let h = &(*t).header;
        if (*t).state.load(Relaxed) != DEAD {
            if !may_block {
                h.lock.unlock();
                return cx.out(Status::WouldBlock);
            }
            if core::ptr::eq(cx.task(), t) {
                h.lock.unlock();
                return cx.out(Status::Misuse); // a task that joins itself
            }
            if cx.party().is_canceled() || panics(cx) {
                h.lock.unlock();
                return refuse(cx);
            }
            return join_slow(cx, t, out, wait);
        }
        let (status, value) = ((*t).ended.get(), (*(*t).entry.get()).raw_word(0));
        (*t).party.woken.fetch();
        h.lock.unlock();
        if status.is_ok() && !out.is_null() {
            out.cast::<MaybeUninit<usize>>().write(value)
        }
        cx.out(status)
    }
}

unsafe fn join_slow(cx: Cx, t: *const Task, out: *mut usize, wait: Wait) -> Status {
    // SAFETY: contract of join; the header's lock is held.
    unsafe {
        let h = &(*t).header;
        let mut cx = cx;
        if (*t).state.load(Relaxed) != DEAD {
            if let Some(s) = wait.over() {
                h.lock.unlock();
                return cx.out(s);
            }
            let w = cx.party().prepare_waiter(core::ptr::null_mut());
            (*t).joiners.push(w);
            let state;
            (cx, state) = block(cx, &h.lock, Reason::Join, t.cast(), wait);
            h.lock.lock();
            if state != ticket::WON {
                (*t).joiners.remove(w);
                h.lock.unlock();
                return cx.out(status_of(state, wait));
            }
        }
        let (status, value) = ((*t).ended.get(), (*(*t).entry.get()).raw_word(0));
        (*t).party.woken.fetch();
        h.lock.unlock();
        if status.is_ok() && !out.is_null() {
            out.cast::<MaybeUninit<usize>>().write(value)
        }
        cx.out(status)
    }
}

/// Cancels a task: its blocking calls return CANCELED from now on (K3). Does not wait. Idempotent.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn cancel(t: *const Task) -> Status {
    // SAFETY: contract.
    unsafe {
        let cx = match lock(t) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        if (*t).state.load(Relaxed) != DEAD {
            run::raise(&*t);
        }
        (*t).header.lock.unlock();
        barrier::heavy();
        run::rouse(cx, &*t);
        cx.out(Status::Ok)
    }
}

/// `cancel` of several: all are marked before the first is roused, and one barrier serves them all.
///
/// # Safety
/// Handles, which stay valid until it returns.
pub unsafe fn cancel_all(tasks: &[NonNull<Task>]) -> Status {
    // SAFETY: contract.
    unsafe {
        let cx = match enter() {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        for t in tasks {
            let t = t.as_ref();
            t.header.lock.with(|| {
                if t.state.load(Relaxed) != DEAD {
                    run::raise(t);
                }
            });
        }
        barrier::heavy();
        for t in tasks {
            run::rouse(cx, t.as_ref());
        }
        cx.out(Status::Ok)
    }
}

/// Gives a handle up.
///
/// # Safety
/// `t` is a handle or null; the caller does not use it again.
pub unsafe fn release(t: *const Task) -> Status {
    // SAFETY: contract.
    unsafe {
        let cx = match lock(t) {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        (*t).header.lock.unlock();
        run::release_in(cx, NonNull::new_unchecked(t.cast_mut()));
        cx.out(Status::Ok)
    }
}

/// Has it ended?
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn is_done(t: *const Task) -> bool {
    // SAFETY: contract.
    unsafe {
        let Ok(cx) = lock(t) else { return false };
        let done = (*t).state.load(Relaxed) == DEAD;
        (*t).header.lock.unlock();
        cx.exit();
        done
    }
}

/// Its id, or 0 for a bad handle.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn id(t: *const Task) -> u64 {
    // SAFETY: contract.
    unsafe {
        let Ok(cx) = lock(t) else { return 0 };
        let id = (*t).id();
        (*t).header.lock.unlock();
        cx.exit();
        id
    }
}

/// Its name, valid while the handle is held; null if it has none.
///
/// # Safety
/// `t` is a handle or null.
pub unsafe fn name(t: *const Task) -> *const libc::c_char {
    // SAFETY: contract.
    unsafe {
        let Ok(cx) = lock(t) else { return core::ptr::null() };
        let n = (*t).name().map_or(core::ptr::null(), |n| n.as_ptr());
        (*t).header.lock.unlock();
        cx.exit();
        n
    }
}

/// The current task's id, 0 on a plain thread.
pub fn current_id() -> u64 {
    let Ok(cx) = enter() else { return 0 };
    let t = cx.task();
    // SAFETY: the current task is ours.
    let id = if t.is_null() { 0 } else { unsafe { (*t).id() } };
    cx.exit();
    id
}

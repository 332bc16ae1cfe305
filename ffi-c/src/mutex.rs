//! Mutexes: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/mutex.rs`, whose `RawMutex` is laid out as `gort_mutex` and is used in place.
//!
//! M1  The header locks and unlocks inline what nobody else uses, by the word that stands in `gort_mutex_word_`, and calls these functions for the rest. They do all of it too: for function
//!     pointers, for other compilers, and under ThreadSanitizer, which must be told of each lock.
//! M2  The word is core's to write. It is a copy and not core's own: a program may have it in its own data (a copy relocation), and the loader may give us another library's.

use core::mem::{align_of, size_of};

use gort_core::sched::lot;
use gort_core::sched::watch::Place;
use gort_core::status::Status;
use gort_core::sync::mutex::RawMutex;
use gort_core::sys::prim::{AtomicU32, Ordering::Relaxed};

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A mutex: one holder at a time, for tasks and threads alike. A task that waits for it parks, and does not block its thread.
///
/// It is a plain struct. Storage that is zero, or `= GORT_MUTEX_INIT`, is an unlocked one; there is nothing to make and nothing to
/// free. Its memory may go as soon as its last user has unlocked it. It must not be copied or moved while it is in use. In the child
/// of a fork it is free, whoever held it in the parent.
///
/// There is no owner: anybody may unlock it. Locking it twice in one task waits for ever (a deadlock, which gort_run() reports).
/// Who waits is served in order, but one that runs may come first; who has waited for a millisecond is given it next.
/// Thread-safety: any thread or task. Blocking calls: gort_mutex_lock(), gort_mutex_lock_until().
#[repr(C)]
pub struct gort_mutex {
    /// gort's.
    pub word: u32,
    /// gort's.
    pub reserved: u32,
}

const _: () =
    assert!(size_of::<gort_mutex>() == size_of::<RawMutex>() && align_of::<gort_mutex>() == align_of::<RawMutex>());

/// What a locked mutex's first word is, for the inline functions of the header (M2). gort's; not to be used by others.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals)]
pub static gort_mutex_word_: AtomicU32 = AtomicU32::new(lot::SLOW);

/// After a call, which may have been the first that had a word to show.
#[inline(always)]
fn shown<T>(result: T) -> T {
    if gort_mutex_word_.load(Relaxed) != lot::word() {
        lot::show_in(&gort_mutex_word_)
    }
    result
}

/// Locks. Blocks while somebody else has it. Woken by an unlock; cancellation, deadlines and shutdown do not end the wait: a plain
/// lock never fails where it is used rightly, so its result may be ignored.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
/// Ordering: what was written before an unlock is seen after the lock that follows it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_mutex_lock(mutex: *mut gort_mutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { shown(on(mutex)?.lock_at(PLACE)).ok() })
}

/// Locks if it is free at this instant. Never blocks. GORT_WOULD_BLOCK if it is not, or is about to be handed over.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_mutex_lock() when it locks.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_mutex_try_lock(mutex: *mut gort_mutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { shown(on(mutex)?.try_lock_at(PLACE)).ok() })
}

/// gort_mutex_lock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or by
/// the cancellation of the caller.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
/// Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
/// Ordering: as gort_mutex_lock(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_mutex_lock_until(
    mutex: *mut gort_mutex,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(mutex)?.lock_within_at(ffi::limits(deadline, ctx)?, PLACE).ok() })
}

/// Unlocks. Never blocks. Wakes who has waited longest.
///
/// Blocks: never. Errors: GORT_MISUSE if it is not locked, and nothing changes; GORT_INVALID for NULL.
/// Ordering: as gort_mutex_lock(). Thread-safety: any thread or task, whoever locked it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_mutex_unlock(mutex: *mut gort_mutex) -> gort_status {
    ffi::hot(|| {
        // SAFETY: as in `on`.
        match unsafe { on(mutex)? }.unlock() {
            Status::Misuse => ffi::fail(Status::Misuse, format_args!("the mutex is not locked")),
            s => s.ok(),
        }
    })
}

/// The program's call, for locks that are watched.
const PLACE: Place = Place::Ask(|| {
    ffi::place::caller_of(&[
        gort_mutex_lock as *const () as usize,
        gort_mutex_try_lock as *const () as usize,
        gort_mutex_lock_until as *const () as usize,
    ])
});

/// Core's mutex in the program's struct.
///
/// # Safety
/// `mutex` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(mutex: *mut gort_mutex) -> Result<&'a RawMutex, Status> {
    let at: *const RawMutex = ffi::handle(mutex, "the mutex")?;
    // SAFETY: contract; any two words are one, which is used by atomic operations alone.
    Ok(unsafe { &*at })
}

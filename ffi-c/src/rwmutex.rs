//! Reader/writer locks: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/rwmutex.rs`, whose `RawRwMutex` is laid out as `gort_rwmutex` and is used in place.

use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::rwmutex::RawRwMutex;

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A lock that many readers may have at once, or one writer; for tasks and threads alike. A task that waits for it parks, and does
/// not block its thread.
///
/// It is a plain struct. Storage that is zero, or `= GORT_RWMUTEX_INIT`, is an unlocked one; there is nothing to make and nothing to
/// free. Its memory may go as soon as its last user has unlocked it. It must not be copied or moved while it is in use. In the child
/// of a fork it is free, whoever held it in the parent.
///
/// A writer that waits keeps new readers out, so one that reads twice may wait for ever (a deadlock, which gort_run() reports). A
/// writer that unlocks lets in all readers that wait by then. There is no owner: anybody may unlock. It can not be made a writer's
/// from a reader's. Thread-safety: any thread or task. Blocking calls: those that lock.
#[repr(C)]
pub struct gort_rwmutex {
    /// gort's.
    pub word: u64,
    /// gort's.
    pub reserved: u64,
}

const _: () = assert!(
    size_of::<gort_rwmutex>() == size_of::<RawRwMutex>() && align_of::<gort_rwmutex>() == align_of::<RawRwMutex>()
);

/// Locks for reading, beside other readers. Blocks while a writer has it or waits for it. Woken by an unlock; cancellation, deadlines and shutdown
/// do not end the wait: a plain lock never fails where it is used rightly, so its result may be ignored.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
/// Ordering: what was written before a writer's unlock is seen after the lock that follows it.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_rwmutex_rlock(lock: *mut gort_rwmutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.rlock().ok() })
}

/// Locks for reading if that is possible at this instant. Never blocks. GORT_WOULD_BLOCK if not: a writer has it or waits for it.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_rwmutex_rlock() when it locks.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_rwmutex_try_rlock(lock: *mut gort_rwmutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.try_rlock().ok() })
}

/// gort_rwmutex_rlock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or
/// by the cancellation of the caller.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
/// Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
/// Ordering: as gort_rwmutex_rlock(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_rwmutex_rlock_until(
    lock: *mut gort_rwmutex,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.rlock_within(ffi::limits(deadline, ctx)?).ok() })
}

/// Unlocks what was locked for reading. Never blocks. The last reader's lets in the writer that has waited longest.
///
/// Blocks: never. Errors: GORT_MISUSE if no reader has it, and nothing changes; GORT_INVALID for NULL.
/// Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task, whoever locked it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_rwmutex_runlock(lock: *mut gort_rwmutex) -> gort_status {
    ffi::hot(|| {
        // SAFETY: as in `on`.
        match unsafe { on(lock)? }.runlock() {
            Status::Misuse => ffi::fail(Status::Misuse, format_args!("the lock is not locked for reading")),
            s => s.ok(),
        }
    })
}

/// Locks for writing, alone. Blocks while anybody has it. Woken by an unlock; cancellation, deadlines and shutdown
/// do not end the wait: a plain lock never fails where it is used rightly, so its result may be ignored.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_INVALID for NULL; GORT_MISUSE in a handler of a signal that interrupted gort.
/// Ordering: what was written before an unlock, of a writer or a reader, is seen after the lock that follows it.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_rwmutex_lock(lock: *mut gort_rwmutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.lock().ok() })
}

/// Locks for writing if that is possible at this instant. Never blocks. GORT_WOULD_BLOCK if not: somebody has it or waits for it.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL. Ordering: as gort_rwmutex_lock() when it locks.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_rwmutex_try_lock(lock: *mut gort_rwmutex) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.try_lock().ok() })
}

/// gort_rwmutex_lock(), at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, by `ctx`, or
/// by the cancellation of the caller.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from locking what is free.
/// Errors: GORT_TIMED_OUT, GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN; GORT_INVALID for NULL. It is not locked then. `ctx` may be NULL.
/// Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_rwmutex_lock_until(
    lock: *mut gort_rwmutex,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { on(lock)?.lock_within(ffi::limits(deadline, ctx)?).ok() })
}

/// Unlocks what was locked for writing. Never blocks. Lets in all readers that wait by now, or the writer that has waited longest.
///
/// Blocks: never. Errors: GORT_MISUSE if no writer has it, and nothing changes; GORT_INVALID for NULL.
/// Ordering: as gort_rwmutex_lock(). Thread-safety: any thread or task, whoever locked it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_rwmutex_unlock(lock: *mut gort_rwmutex) -> gort_status {
    ffi::hot(|| {
        // SAFETY: as in `on`.
        match unsafe { on(lock)? }.unlock() {
            Status::Misuse => ffi::fail(Status::Misuse, format_args!("the lock is not locked for writing")),
            s => s.ok(),
        }
    })
}

/// Core's lock in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_rwmutex) -> Result<&'a RawRwMutex, Status> {
    let at: *const RawRwMutex = ffi::handle(at, "the lock")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

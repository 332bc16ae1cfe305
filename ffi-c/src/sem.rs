//! Semaphores: plain structs of the program's own.
//!
//! What this is NOT: the protocol; that is core's `sync/semaphore.rs`, whose `RawSemaphore` is laid out as `gort_sem` and is used in place.

use core::mem::{align_of, size_of};

use gort_core::status::Status;
use gort_core::sync::semaphore::RawSemaphore;
use gort_core::wait::Wait;

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// So many units, of which each takes some: `gort_sem s = GORT_SEM_INIT(n);`. For tasks and threads alike.
///
/// Strictly first come, first served: one that asks for much does not starve, and keeps those behind it waiting meanwhile.
///
/// It is a plain struct; there is nothing to make and nothing to free. Its memory may go as soon as its last user has released. It
/// must not be copied or moved while it is in use. In the child of a fork nothing of it is taken.
/// Thread-safety: any thread or task. Blocking calls: gort_sem_acquire(), gort_sem_acquire_until().
#[repr(C)]
pub struct gort_sem {
    /// gort's.
    pub word: u64,
    /// How many units there are. Set once.
    pub size: u32,
    /// gort's.
    pub reserved: u32,
}

const _: () =
    assert!(size_of::<gort_sem>() == size_of::<RawSemaphore>() && align_of::<gort_sem>() == align_of::<RawSemaphore>());

/// Takes `n` units. Blocks until there are as many and everybody who came before has had theirs. Woken by gort_sem_release(),
/// and by the cancellation of the caller.
///
/// Blocks: the task (on a plain thread: the thread). Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN: nothing is taken; GORT_LIMIT
/// for more than there ever are; GORT_INVALID for NULL.
/// Ordering: what was written before a release is seen after an acquire that follows it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_sem_acquire(sem: *mut gort_sem, n: u32) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { taken(on(sem)?, n, |s| s.acquire(n, Wait::FOREVER)) })
}

/// Takes `n` units if they are there at this instant and nobody waits for any. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_LIMIT, GORT_INVALID as gort_sem_acquire(). Ordering and thread-safety: as that.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_sem_try_acquire(sem: *mut gort_sem, n: u32) -> gort_status {
    // SAFETY: as in `on`.
    ffi::hot(|| unsafe { taken(on(sem)?, n, |s| s.try_acquire(n)) })
}

/// gort_sem_acquire(), at most until `deadline` or until `ctx` is cancelled.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from taking what is there.
/// Errors: as gort_sem_acquire(), and GORT_TIMED_OUT. `ctx` may be NULL. Ordering and thread-safety: as gort_sem_acquire().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_sem_acquire_until(
    sem: *mut gort_sem,
    n: u32,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::hot(|| {
        let limits = ffi::limits(deadline, ctx)?;
        // SAFETY: as in `on`.
        unsafe { taken(on(sem)?, n, |s| s.acquire(n, limits)) }
    })
}

/// Gives `n` units back. Never blocks. Lets in who fits, in the order of coming. Anybody may give back what anybody took.
///
/// Blocks: never. Errors: GORT_MISUSE if fewer are taken, and nothing changes; GORT_INVALID for NULL.
/// Ordering: as gort_sem_acquire(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sem_release(sem: *mut gort_sem, n: u32) -> gort_status {
    ffi::hot(|| {
        // SAFETY: as in `on`.
        match unsafe { on(sem)? }.release(n) {
            Status::Misuse => ffi::fail(Status::Misuse, format_args!("fewer than {n} units are taken")),
            s => s.ok(),
        }
    })
}

/// How many units are not taken. Others may take and release meanwhile. 0 for NULL.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sem_available(sem: *const gort_sem) -> u32 {
    // SAFETY: as in `on`.
    unsafe { on(sem) }.map_or(0, RawSemaphore::free)
}

/// Says why it can not be.
#[inline(always)]
fn taken(sem: &RawSemaphore, n: u32, take: impl FnOnce(&RawSemaphore) -> Status) -> Result<(), Status> {
    match take(sem) {
        Status::Limit => ffi::fail(Status::Limit, format_args!("{n} units of a semaphore of {}", sem.size())),
        s => s.ok(),
    }
}

/// Core's semaphore in the program's struct.
///
/// # Safety
/// `at` is NULL or the program's, in place until the call returns (the header's contract).
#[inline(always)]
unsafe fn on<'a>(at: *const gort_sem) -> Result<&'a RawSemaphore, Status> {
    let at: *const RawSemaphore = ffi::handle(at, "the semaphore")?;
    // SAFETY: contract; any bytes are one, whose words are used by atomic operations alone.
    Ok(unsafe { &*at })
}

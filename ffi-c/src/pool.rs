//! Pools of objects that are used again.
//!
//! What this is NOT: a worker pool, or a limit on how many objects there are.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};

use gort_core::sync::pool::words::{self as raw, Rules};

use crate::ffi::{self, Options};
use crate::status::gort_status;

/// Objects that are kept to be used again, as Go's sync.Pool does it, but without a collector: nothing leaves by itself, and
/// `max_idle` says how many are kept. Objects are pointers that the pool does not follow.
///
/// Ownership: gort_pool_new() makes one, gort_pool_free() frees it and drops what it keeps. An object is the pool's while it is kept.
/// Thread-safety: any thread or task. Blocking calls: none, unless the program's own functions block.
pub struct gort_pool {
    _opaque: [u8; 0],
}

/// What a pool is given. Fill it in with GORT_POOL_OPTIONS_INIT, then change what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_pool_options {
    /// sizeof(gort_pool_options); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// Makes an object, for a get that finds none: NULL says that there is no memory. Or NULL: such a get gives GORT_WOULD_BLOCK.
    pub make: Option<unsafe extern "C" fn(arg: *mut c_void) -> *mut c_void>,
    /// Called with each object that is not kept any more; or NULL: then a put that finds no place is refused with GORT_LIMIT. It runs
    /// with no lock held, as `make` does; both may call gort, and may block.
    pub drop: Option<unsafe extern "C" fn(object: *mut c_void, arg: *mut c_void)>,
    /// For both.
    pub arg: *mut c_void,
    /// Objects that are kept at most, up to 16,777,216: 8 bytes are set aside for each. 0: 256.
    pub max_idle: usize,
    /// 0, for later versions.
    pub reserved: [u32; 4],
}

// SAFETY: repr(C), integers, a pointer and nullable functions, struct_size is the first field, and all-zero is the default.
unsafe impl Options for gort_pool_options {
    const NAME: &'static str = "gort_pool_options";
    const FIRST_SIZE: usize = offset_of!(gort_pool_options, reserved) + size_of::<[u32; 4]>();
}

/// Makes an empty pool as `options` say.
///
/// Blocks: never. Errors: NULL for NULL or bad `options`, when `max_idle` is too large, or when there is no memory;
/// gort_last_error() says which.
/// Ownership: the caller's, freed with gort_pool_free(); `options` may go away at once. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_pool_new(options: *const gort_pool_options) -> *mut gort_pool {
    ffi::made(|| {
        // SAFETY: NULL, or the caller's struct with a true struct_size (the header's contract).
        let options = unsafe { ffi::options(options) }?;
        let options = options.map_or_else(|| ffi::null_argument("gort_pool_options"), Ok)?;
        ffi::reserved::<gort_pool_options>(&options.reserved)?;
        let gort_pool_options { make, drop, arg, max_idle, .. } = options;
        // SAFETY: the program's functions take its objects and `arg` (the header's contract).
        ffi::explained(unsafe { raw::create(Rules { make, drop, arg }, max_idle) }, "a pool")
    })
}

/// Frees a pool; what it keeps is dropped. NULL is allowed and does nothing. Objects in use are their users'.
///
/// Blocks: only if `drop` does. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Thread-safety: any thread or task, as the last user: no other call may be in the pool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_pool_free(pool: *mut gort_pool) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if pool.is_null() { Ok(()) } else { unsafe { raw::free(pool.cast()) }.ok() })
}

/// An object that was put back, or a new one, in `*object`: the caller's until it is put back, or for good.
///
/// Blocks: only if `make` does. Errors: GORT_WOULD_BLOCK when there is none and no `make`; GORT_NO_MEMORY when `make` gave NULL;
/// GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: what was written before the object was put back is seen after it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_pool_get(pool: *mut gort_pool, object: *mut *mut c_void) -> gort_status {
    ffi::hot(|| {
        if object.is_null() {
            return ffi::null_argument("the place of the object");
        }
        // SAFETY: core checks what the handle points to (W3); the output is writable (the header's contract).
        unsafe { ffi::put(object, raw::get(ffi::handle(pool, "the pool")?)?) };
        Ok(())
    })
}

/// Keeps an object for the next gort_pool_get(), or drops it when `max_idle` are kept. NULL is allowed and does nothing.
///
/// Blocks: only if `drop` does. Errors: GORT_LIMIT when enough are kept and there is no `drop`: the object is still the caller's;
/// GORT_INVALID for a NULL pool; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: as gort_pool_get(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_pool_put(pool: *mut gort_pool, object: *mut c_void) -> gort_status {
    ffi::hot(|| {
        let pool = ffi::handle(pool, "the pool")?;
        // SAFETY: core checks what the handle points to (W3); the object is the caller's (the header's contract).
        if object.is_null() { Ok(()) } else { unsafe { raw::put(pool, object) }.ok() }
    })
}

/// How many objects are kept at some instant. 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_pool_idle(pool: *const gort_pool) -> usize {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || unsafe { raw::idle(pool.cast()) }.unwrap_or(0))
}

/// Drops the objects that are kept. Without `drop` they are forgotten.
///
/// Blocks: only if `drop` does. Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_pool_clear(pool: *mut gort_pool) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::clear(ffi::handle(pool, "the pool")?) }.ok())
}

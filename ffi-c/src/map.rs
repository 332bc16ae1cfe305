//! Concurrent maps: keys of bytes, values of one pointer.
//!
//! What this is NOT: the map; that is core's `sync/map/bytes.rs`, which also says whose a value is when.

use core::ffi::c_void;
use core::mem::{offset_of, size_of};
use core::ptr::{NonNull, null_mut};

use gort_core::status::Status;
use gort_core::sync::map::bytes::{self as raw, RawMap, Rules};

use crate::ffi::{self, Options};
use crate::status::gort_status;

/// A map that any number of tasks and threads use at the same time, with the operations of Go's sync.Map. A load takes no lock; a
/// store locks a part of the map for some instructions, and none of your functions is called meanwhile.
///
/// A key is any number of bytes, which the map copies. A value is a pointer, which the map does not follow.
///
/// Whose a value is. It is the map's from a store that succeeded until the map gives it out or drops it. What to do about a value
/// that one task has loaded while another deletes it is said by the two functions of gort_map_options:
///   neither         the map keeps pointers, and what they point to is the program's business (static data, an arena, numbers)
///   drop            for values that are not used after they were deleted or replaced, or whose users take care of that; what is
///                   loaded is borrowed. gort_map_swap() and gort_map_load_and_delete() hand the value to the caller: it is not dropped
///   drop, retain    for counted values. What any call gives out is a reference of the caller's own, made by `retain` while the
///                   map holds one: give it back yourself. In gort_map_range() the map gives it back after each call
///
/// `drop` is called once for each value that the map is left with: by a later store or delete, by gort_map_collect(), or by
/// gort_map_free(), with no lock held and when no call can still be about to give the value out. So it may be called some time after
/// the value was deleted, and on any thread that writes to the map.
///
/// Ownership: gort_map_new() makes one, gort_map_free() frees it.
/// Thread-safety: any thread or task. Blocking calls: none.
pub struct gort_map {
    _opaque: [u8; 0],
}

/// What a map may be given. Fill it in with GORT_MAP_OPTIONS_INIT, then change what should differ.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_map_options {
    /// sizeof(gort_map_options); it tells the library which version of this struct it was given.
    pub struct_size: usize,
    /// Called with each value that the map is left with; or NULL. It may call gort, and may block.
    pub drop: Option<unsafe extern "C" fn(value: *mut c_void, arg: *mut c_void)>,
    /// Called to make another reference to a value; or NULL. It must not block.
    pub retain: Option<unsafe extern "C" fn(value: *mut c_void, arg: *mut c_void)>,
    /// For both.
    pub arg: *mut c_void,
    /// 0, for later versions.
    pub reserved: [u32; 4],
}

// SAFETY: repr(C), integers, a pointer and nullable functions, struct_size is the first field, and all-zero is the default.
unsafe impl Options for gort_map_options {
    const NAME: &'static str = "gort_map_options";
    const FIRST_SIZE: usize = offset_of!(gort_map_options, reserved) + size_of::<[u32; 4]>();
}

/// Makes an empty map of pointers that nobody has to give back.
///
/// Blocks: never. Errors: NULL when there is no memory; gort_last_error() says so.
/// Ownership: the caller's, freed with gort_map_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub extern "C" fn gort_map_new() -> *mut gort_map {
    ffi::made(|| create(Rules { drop: None, retain: None, arg: null_mut() }))
}

/// Makes an empty map as `options` say.
///
/// Blocks: never. Errors: as gort_map_new(); also for NULL or bad `options`, and for `retain` without `drop`.
/// Ownership: as gort_map_new(); `options` may go away at once. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_map_new_with(options: *const gort_map_options) -> *mut gort_map {
    ffi::made(|| {
        // SAFETY: NULL, or the caller's struct with a true struct_size (the header's contract).
        let options = unsafe { ffi::options(options) }?;
        let options = options.map_or_else(|| ffi::null_argument("gort_map_options"), Ok)?;
        ffi::reserved::<gort_map_options>(&options.reserved)?;
        let gort_map_options { drop, retain, arg, .. } = options;
        if retain.is_some() && drop.is_none() {
            return ffi::fail(
                Status::Invalid,
                format_args!("gort_map_options.retain without drop: nothing would give back"),
            );
        }
        create(Rules { drop, retain, arg })
    })
}

fn create(rules: Rules) -> Result<NonNull<RawMap>, Status> {
    // SAFETY: the program's functions take its values and `arg` (the header's contract).
    ffi::explained(unsafe { raw::create(rules) }, "a map")
}

/// Frees a map; the values in it are dropped. NULL is allowed and does nothing.
///
/// Blocks: only if `drop` does. Errors: GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Thread-safety: any thread or task, as the last user: no other call may be in the map.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_free(map: *mut gort_map) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| if map.is_null() { Ok(()) } else { unsafe { raw::free(map.cast()) }.ok() })
}

/// The value of a key, in `*value`, which may be NULL to ask only whether there is one. Returns 1, or 0 when there is none, or a
/// negative status.
///
/// Blocks: never. Errors: GORT_INVALID for NULL (as the key only with a length of 0); GORT_MISUSE for a stale handle; GORT_SHUTDOWN.
/// Ordering: what was written before the store is seen after it. Ownership: see gort_map. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_load(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    value: *mut *mut c_void,
) -> i32 {
    // SAFETY: core checks what the handle points to (W3); key and output are the caller's (the header's contract).
    unsafe {
        if value.is_null() {
            return given(null_mut(), || {
                raw::contains(on(map)?, bytes(key, key_size)?).map(|there| there.then(null_mut))
            });
        }
        given(value, || raw::load(on(map)?, bytes(key, key_size)?))
    }
}

/// Sets the value of a key, which may be NULL: a key whose value is NULL is there. The value is the map's if this succeeds.
///
/// Blocks: never. Errors: GORT_NO_MEMORY; else as gort_map_load(). Ordering: what was written before it is seen after a load that
/// finds the value. Ownership: see gort_map. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_store(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    value: *mut c_void,
) -> gort_status {
    // SAFETY: as in gort_map_load.
    ffi::hot(|| unsafe { raw::store(on(map)?, bytes(key, key_size)?, value) })
}

/// Sets the value of a key; the one it had is given out in `*previous`. Returns 1, or 0 when it had none, or a negative status.
///
/// Blocks: never. Errors: GORT_INVALID also when `previous` is NULL; else as gort_map_store(). Ordering: as gort_map_store() and
/// gort_map_load(). Ownership: see gort_map. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_swap(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    value: *mut c_void,
    previous: *mut *mut c_void,
) -> i32 {
    // SAFETY: as in gort_map_load.
    unsafe { given(previous, || raw::swap(on(map)?, bytes(key, key_size)?, value_place(previous, value)?)) }
}

/// Sets the value of a key that has none: returns 0. If it has one, that is given out in `*actual`, `value` stays the caller's, and
/// this returns 1. A negative status otherwise.
///
/// Blocks: never. Errors, ordering, ownership and thread-safety: as gort_map_swap().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_load_or_store(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    value: *mut c_void,
    actual: *mut *mut c_void,
) -> i32 {
    // SAFETY: as in gort_map_load.
    unsafe { given(actual, || raw::load_or_store(on(map)?, bytes(key, key_size)?, value_place(actual, value)?)) }
}

/// Removes a key; the value it had is given out in `*value`. Returns 1, or 0 when it had none, or a negative status.
///
/// Blocks: never. Errors, ordering, ownership and thread-safety: as gort_map_swap().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_load_and_delete(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    value: *mut *mut c_void,
) -> i32 {
    // SAFETY: as in gort_map_load.
    unsafe {
        given(value, || {
            value_place(value, null_mut())?;
            raw::load_and_delete(on(map)?, bytes(key, key_size)?)
        })
    }
}

/// Removes a key; the value it had is dropped. Returns 1, or 0 when it had none, or a negative status.
///
/// Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_delete(map: *mut gort_map, key: *const c_void, key_size: usize) -> i32 {
    // SAFETY: as in gort_map_load.
    ffi::hot_index(|| unsafe { raw::delete(on(map)?, bytes(key, key_size)?, None) }.map(usize::from))
}

/// Sets the value of a key if it is `old`, as a pointer. Returns 1, or 0 when it is not (`value` stays the caller's), or a negative
/// status.
///
/// Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_compare_and_swap(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    old: *mut c_void,
    value: *mut c_void,
) -> i32 {
    // SAFETY: as in gort_map_load.
    ffi::hot_index(|| unsafe { raw::compare_and_swap(on(map)?, bytes(key, key_size)?, old, value) }.map(usize::from))
}

/// Removes a key if its value is `old`, as a pointer. Returns 1, or 0 when it is not, or a negative status.
///
/// Blocks: only if `drop` does. Errors, ordering, ownership and thread-safety: as gort_map_store().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_compare_and_delete(
    map: *mut gort_map,
    key: *const c_void,
    key_size: usize,
    old: *mut c_void,
) -> i32 {
    // SAFETY: as in gort_map_load.
    ffi::hot_index(|| unsafe { raw::delete(on(map)?, bytes(key, key_size)?, Some(old)) }.map(usize::from))
}

/// Calls `fn` with each key and value until it returns false. A part of the map is looked at at a time: no key comes twice; one that
/// is there all the time comes; one that is stored or deleted meanwhile may come. `fn` may use the map, and may block. The key's
/// bytes are gort's, and go when `fn` returns.
///
/// Blocks: only if `fn` or `drop` does. Errors: as gort_map_load(); also for a NULL `fn`. Ordering: as gort_map_load().
/// Ownership: see gort_map. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_range(
    map: *mut gort_map,
    r#fn: Option<
        unsafe extern "C" fn(key: *const c_void, key_size: usize, value: *mut c_void, arg: *mut c_void) -> bool,
    >,
    arg: *mut c_void,
) -> gort_status {
    ffi::wall(|| {
        let Some(f) = r#fn else { return ffi::null_argument("fn") };
        // SAFETY: as in gort_map_load; the function takes what it is given (the header's contract).
        unsafe { raw::range(on(map)?, |key, value| f(key.as_ptr().cast(), key.len(), value, arg)) }.ok()
    })
}

/// The number of keys at some instant: a snapshot, old when it is looked at. 0 for NULL.
///
/// Blocks: never. Errors: none; 0 for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_len(map: *const gort_map) -> usize {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_or(0, || unsafe { raw::len(map.cast()) }.unwrap_or(0))
}

/// Removes every key, a part of the map at a time: a key that is stored meanwhile may stay.
///
/// Blocks: only if `drop` does. Errors: as gort_map_load(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_clear(map: *mut gort_map) -> gort_status {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall(|| unsafe { raw::clear(on(map)?) }.ok())
}

/// Drops the values that were deleted or replaced, now. Returns 1 when nothing is left, 0 when somebody may still be about to give
/// one out, or a negative status.
///
/// Blocks: only if `drop` does. Errors: as gort_map_load(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_map_collect(map: *mut gort_map) -> i32 {
    // SAFETY: core checks what the handle points to (W3).
    ffi::wall_index(|| unsafe { raw::collect(on(map)?) }.map(usize::from))
}

#[inline(always)]
fn on(map: *const gort_map) -> Result<*const RawMap, Status> {
    ffi::handle(map, "the map")
}

/// # Safety
/// NULL, or readable for `size` bytes.
#[inline(always)]
unsafe fn bytes<'a>(key: *const c_void, size: usize) -> Result<&'a [u8], Status> {
    // SAFETY: by the contract.
    unsafe { ffi::array(key.cast(), size, "the key") }
}

/// `value`, if there is a place for what is given out: without one the reference would be lost.
#[inline(always)]
fn value_place(place: *mut *mut c_void, value: *mut c_void) -> Result<*mut c_void, Status> {
    if place.is_null() { ffi::null_argument("the place of the value") } else { Ok(value) }
}

/// 1 and the value that was given out, 0, or a status.
///
/// # Safety
/// `place` is NULL or writable.
#[inline(always)]
unsafe fn given(place: *mut *mut c_void, body: impl FnOnce() -> Result<Option<*mut c_void>, Status>) -> i32 {
    ffi::hot_index(|| {
        let Some(value) = body()? else { return Ok(0) };
        // SAFETY: by the contract.
        unsafe { ffi::put(place, value) };
        Ok(1)
    })
}

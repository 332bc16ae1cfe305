//! THE wall between C and core: panic boundary, NULL checks, handle casts, and the only file of this crate that
//! turns a raw pointer into a reference.
//!
//! What this is NOT: knowledge about channels, tasks or wait groups. The noun files say what is called; this file says
//! what may come through.
//!
//! W1  A call that may panic goes through [`wall`] or [`wall_or`]: the panic becomes `GORT_PANIC` (or the neutral value)
//!     and its message the caller's last error.
//! W2  A hot call goes through [`hot`], which has no landing pad. That is sound because a panic that leaves an
//!     `extern "C"` function aborts the process with its message, and right because core's send, receive, yield and
//!     wait-group operations contain no panicking path: they return a status for every mistake of the program, so a
//!     panic there is a bug of gort's after which no lock can be trusted.
//! W3  A handle is cast, never followed, here: core's functions take the raw pointer and check it themselves (D8).
//! W4  A task's entry (see [`Call`]) keeps the C function and its argument as plain words; what it owns besides (the copy of
//!     `gort_go_copy`, the thing that [`Call::after`] waits for) it gives back exactly once, whether it ran or not.
//!
//! Rejected: `catch_unwind` around everything (0.15 ns a call for nothing on the path that is measured in nanoseconds);
//! `NonNull` or `&T` in signatures (a NULL from C would be undefined before the first line could look).

use core::ffi::{CStr, c_char, c_void};
use core::fmt;
use core::mem::{size_of, zeroed};
use core::ptr::{NonNull, null, null_mut};
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};

use gort_core::sched::last_error;
use gort_core::sched::task::Entry;
use gort_core::status::Status;
use gort_core::wait::{CancelSource, Wait};

use crate::status::gort_status;
use crate::time::gort_ctx;

pub(crate) mod place;

/// What a body inside the wall returns: nothing, or the status that says why not.
pub(crate) type Outcome = Result<(), Status>;

// --- the panic boundary -----------------------------------------------------------------------------------------

/// Runs `body` and turns its outcome, or its panic, into a status (W1).
pub(crate) fn wall(body: impl FnOnce() -> Outcome) -> gort_status {
    wall_or(Status::Panic.code(), || code(body()))
}

/// Runs `body`; a panic gives `neutral` (W1).
pub(crate) fn wall_or<T>(neutral: T, body: impl FnOnce() -> T) -> T {
    // AssertUnwindSafe: nothing of `body` is looked at after a panic, and core keeps its own state behind its locks.
    match catch_unwind(AssertUnwindSafe(body)) {
        Ok(value) => value,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no message");
            last_error::set(format_args!("a bug in gort: {text}"));
            // Dropping a payload may panic in its turn; a leak in a case that should not exist is the better end.
            core::mem::forget(payload);
            neutral
        }
    }
}

/// Runs a hot body without a landing pad (W2).
#[inline(always)]
pub(crate) fn hot(body: impl FnOnce() -> Outcome) -> gort_status {
    code(body())
}

/// Runs a hot body that ends with an index, without a landing pad (W2).
#[inline(always)]
pub(crate) fn hot_index(body: impl FnOnce() -> Result<usize, Status>) -> i32 {
    index(body())
}

/// Runs `body`, which ends with an index, and turns its panic into a status (W1).
pub(crate) fn wall_index(body: impl FnOnce() -> Result<usize, Status>) -> i32 {
    wall_or(Status::Panic.code(), || index(body()))
}

/// An index as a number of C, or the negative number of the status. Core has at most 65536 of anything that has one.
#[inline(always)]
fn index(outcome: Result<usize, Status>) -> i32 {
    match outcome {
        Ok(index) => index as i32,
        Err(status) => status.code(),
    }
}

/// The number of an outcome.
#[inline(always)]
fn code(outcome: Outcome) -> gort_status {
    match outcome {
        Ok(()) => Status::Ok.code(),
        Err(status) => status.code(),
    }
}

/// Fails with `status` and leaves a text that says what was wrong.
#[cold]
#[inline(never)]
pub(crate) fn fail<T>(status: Status, text: fmt::Arguments<'_>) -> Result<T, Status> {
    last_error::set(text);
    Err(status)
}

/// Fails with `GORT_INVALID` because `what` is NULL.
#[cold]
#[inline(never)]
pub(crate) fn null_argument<T>(what: &str) -> Result<T, Status> {
    fail(Status::Invalid, format_args!("{what} is NULL"))
}

// --- handles and outputs ----------------------------------------------------------------------------------------

/// The handle as core's object, which must be there. Core looks at what it points to (W3).
#[inline(always)]
pub(crate) fn handle<C, R>(pointer: *const C, what: &str) -> Result<*const R, Status> {
    if pointer.is_null() { null_argument(what) } else { Ok(pointer.cast()) }
}

/// A context, as the cancel source inside it. No function of this version makes a context, so only NULL is one.
#[inline(always)]
pub(crate) fn context(ctx: *mut gort_ctx) -> Result<*const CancelSource, Status> {
    if ctx.is_null() { Ok(null()) } else { fail(Status::Invalid, format_args!("ctx is not a context of this library")) }
}

/// The limits of an `_until` call.
#[inline(always)]
pub(crate) fn limits(deadline: i64, ctx: *mut gort_ctx) -> Result<Wait, Status> {
    Ok(Wait { deadline, cancel: context(ctx)? })
}

/// The limits of an `_until` call, as the Rust face takes them.
pub(crate) fn bounds<'a>(deadline: i64, ctx: *mut gort_ctx) -> Result<gort_core::Wait<'a>, Status> {
    context(ctx)?; // no function of this version makes one, so it is NULL
    Ok(gort_core::Wait::until(gort_core::Time(deadline)))
}

/// The place of an element: NULL is one only for elements of size 0, which have no bytes to read or write.
#[inline(always)]
pub(crate) fn element(pointer: *const c_void, size: impl FnOnce() -> usize) -> Result<*mut u8, Status> {
    if !pointer.is_null() {
        return Ok(pointer.cast_mut().cast());
    }
    if size() == 0 { Ok(NonNull::<u8>::dangling().as_ptr()) } else { null_argument("the element") }
}

/// The result of a constructor as a handle; NULL for a failure, whose reason is the caller's last error.
pub(crate) fn made<R, C>(make: impl FnOnce() -> Result<NonNull<R>, Status>) -> *mut C {
    wall_or(null_mut(), || make().map_or(null_mut(), |object| object.as_ptr().cast()))
}

/// Leaves the text of a status that core gave without one.
pub(crate) fn explained<T>(result: Result<T, Status>, what: &str) -> Result<T, Status> {
    result.or_else(|status| fail(status, format_args!("{what}: {}", status.text())))
}

/// An array of the caller's as a slice; NULL is one of no elements.
///
/// # Safety
/// `first` is NULL, or readable for `n` valid values of `T` that nobody writes to while the slice is in use.
#[inline(always)]
pub(crate) unsafe fn array<'a, T>(first: *const T, n: usize, what: &str) -> Result<&'a [T], Status> {
    if !first.is_null() {
        // SAFETY: by the contract.
        return Ok(unsafe { core::slice::from_raw_parts(first, n) });
    }
    if n == 0 { Ok(&[]) } else { null_argument(what) }
}

/// Writes an output that may be NULL.
///
/// # Safety
/// `out` is NULL or writable for a `T`.
pub(crate) unsafe fn put<T>(out: *mut T, value: T) {
    if !out.is_null() {
        // SAFETY: the caller vouches for it; the old value is plain data and needs no drop.
        unsafe { out.write(value) }
    }
}

/// A text of the caller's, copied.
///
/// # Safety
/// `text` is NULL or a NUL-terminated string.
pub(crate) unsafe fn text(text: *const c_char) -> Option<CString> {
    if text.is_null() {
        return None;
    }
    // SAFETY: not NULL, and terminated by the caller's contract; the borrow ends within this call.
    Some(unsafe { CStr::from_ptr(text) }.into())
}

// --- options structs --------------------------------------------------------------------------------------------

/// A struct of plain data that opens with `size_t struct_size` and ends in words that only grow (F4).
///
/// # Safety
/// `repr(C)`, begins with a `usize`, every bit pattern of its bytes is a value, and all-zero means "as usual".
pub(crate) unsafe trait Options: Copy {
    /// Its name in C.
    const NAME: &'static str;
    /// Its size in the first version that had it: the least a caller can have compiled.
    const FIRST_SIZE: usize;
}

/// Copies an options struct of any version: fields that the caller's does not have are 0, and fields that ours does not
/// have must be 0. NULL gives `None`.
///
/// # Safety
/// `options` is NULL or points to a `T` of some version whose `struct_size` is true.
pub(crate) unsafe fn options<T: Options>(options: *const T) -> Result<Option<T>, Status> {
    if options.is_null() {
        return Ok(None);
    }
    // SAFETY: every version opens with the size (Options' contract).
    let size = unsafe { options.cast::<usize>().read() };
    // A struct that was never filled in has any number here; no version is a page long.
    if size < T::FIRST_SIZE || size > 4096 {
        return fail(
            Status::Invalid,
            format_args!("{0}.struct_size is {size}, not sizeof({0}); use its initialiser", T::NAME),
        );
    }
    for at in size_of::<T>()..size {
        // SAFETY: the caller's struct is `size` bytes long.
        if unsafe { options.cast::<u8>().add(at).read() } != 0 {
            return fail(
                Status::Invalid,
                format_args!("{} has a field, at byte {at}, that this libgort does not know", T::NAME),
            );
        }
    }
    // SAFETY: all-zero is a value of T; the copy stays within both structs; they do not overlap, ours is new.
    unsafe {
        let mut copy: T = zeroed();
        let known = size.min(size_of::<T>());
        core::ptr::copy_nonoverlapping(options.cast::<u8>(), (&raw mut copy).cast(), known);
        Ok(Some(copy))
    }
}

/// Fails unless the reserved words of an options struct are 0, so that they can get a meaning later.
pub(crate) fn reserved<T: Options>(words: &[u32]) -> Outcome {
    if words.iter().all(|&word| word == 0) {
        Ok(())
    } else {
        fail(Status::Invalid, format_args!("{}.reserved must be 0; use its initialiser", T::NAME))
    }
}

/// Fills in the caller's struct of any version from ours: as many bytes as it has. `struct_size` stays the caller's.
///
/// # Safety
/// `out` is NULL or points to a `T` of some version, writable, whose `struct_size` is true.
pub(crate) unsafe fn fill<T: Options>(out: *mut T, value: &T) -> Outcome {
    if out.is_null() {
        return null_argument(T::NAME);
    }
    // SAFETY: every version opens with the size (Options' contract).
    let size = unsafe { out.cast::<usize>().read() };
    if size < T::FIRST_SIZE || size > 4096 {
        return fail(
            Status::Invalid,
            format_args!("{0}.struct_size is {size}, not sizeof({0}); use its initialiser", T::NAME),
        );
    }
    let (head, known) = (size_of::<usize>(), size.min(size_of::<T>()));
    // SAFETY: both structs have `known` bytes; the caller's beyond it, if any, is zeroed within its `size`.
    unsafe {
        let (from, to) = ((&raw const *value).cast::<u8>(), out.cast::<u8>());
        core::ptr::copy_nonoverlapping(from.add(head), to.add(head), known - head);
        core::ptr::write_bytes(to.add(known), 0, size - known);
    }
    Ok(())
}

// --- what a task runs -------------------------------------------------------------------------------------------

/// A task's function without a result.
pub(crate) type Plain = unsafe extern "C" fn(*mut c_void);
/// A task's function with a result.
pub(crate) type Valued = unsafe extern "C" fn(*mut c_void) -> *mut c_void;
/// The function of `gort_run`.
pub(crate) type Main = unsafe extern "C" fn(*mut c_void) -> i32;

/// Reads a word back as the function it was made of.
macro_rules! as_function {
    ($word:expr => $type:ty) => {
        core::mem::transmute::<usize, $type>($word)
    };
}

/// What a task waits for before it calls its function; see [`Call::after`].
pub(crate) trait Before {
    /// Waits, on the task. False: the function is not to be called.
    ///
    /// # Safety
    /// `thing` is one that the task owns.
    unsafe fn wait(thing: *const c_void) -> bool;

    /// Gives the thing back.
    ///
    /// # Safety
    /// `thing` is one that the task owned, given back once.
    unsafe fn give_back(thing: *const c_void);
}

/// Ways to make an [`Entry`] of a C function. The words are: function or result, argument, and what the task owns besides
/// or nothing (W4).
pub(crate) struct Call;

impl Call {
    /// `fn(arg)`, no result.
    #[inline]
    pub(crate) fn plain(function: Plain, arg: *mut c_void) -> Entry {
        unsafe fn call(entry: *mut Entry) {
            // SAFETY: core calls an entry once, with the entry made below: word 0 is a `Plain`. What the function does
            // with its argument is the C program's business.
            unsafe { as_function!((*entry).word(0) => Plain)((*entry).word(1) as *mut c_void) }
        }
        Entry::new(call, None, [function as usize, arg as usize, 0])
    }

    /// `fn(arg)` whose result is kept in word 0.
    pub(crate) fn valued(function: Valued, arg: *mut c_void) -> Entry {
        unsafe fn call(entry: *mut Entry) {
            // SAFETY: as in `plain`, with a `Valued`; the entry is the task's own, and outlives the call.
            unsafe {
                let result = as_function!((*entry).word(0) => Valued)((*entry).word(1) as *mut c_void);
                (*entry).set_word(0, result as usize);
            }
        }
        Entry::new(call, None, [function as usize, arg as usize, 0])
    }

    /// `main(arg)` whose int is kept in word 0.
    pub(crate) fn main(function: Main, arg: *mut c_void) -> Entry {
        unsafe fn call(entry: *mut Entry) {
            // SAFETY: as in `plain`, with a `Main`.
            unsafe {
                let result = as_function!((*entry).word(0) => Main)((*entry).word(1) as *mut c_void);
                (*entry).set_word(0, result as u32 as usize);
            }
        }
        Entry::new(call, None, [function as usize, arg as usize, 0])
    }

    /// `fn(arg)` when `B` has been waited for; not at all if that wait was in vain. The entry owns the `thing`.
    pub(crate) fn after<B: Before>(function: Plain, arg: *mut c_void, thing: *const c_void) -> Entry {
        unsafe fn call<B: Before>(entry: *mut Entry) {
            // SAFETY: as in `plain`; the thing in word 2 is the task's until `drop` below.
            unsafe {
                if B::wait((*entry).word(2) as *const c_void) {
                    as_function!((*entry).word(0) => Plain)((*entry).word(1) as *mut c_void);
                }
                drop::<B>(entry);
            }
        }
        unsafe fn drop<B: Before>(entry: *mut Entry) {
            // SAFETY: word 2 is the thing, or 0 once it was given back (W4).
            unsafe {
                let thing = (*entry).word(2);
                (*entry).set_word(2, 0);
                if thing != 0 {
                    B::give_back(thing as *const c_void)
                }
            }
        }
        Entry::new(call::<B>, Some(drop::<B>), [function as usize, arg as usize, thing as usize])
    }

    /// `fn(&copy)` with a copy of `size` bytes, aligned for any type, that the entry owns.
    ///
    /// # Safety
    /// `args` is readable for `size` bytes.
    pub(crate) unsafe fn copied(function: Plain, args: *const c_void, size: usize) -> Result<Entry, Status> {
        unsafe fn call(entry: *mut Entry) {
            // SAFETY: as in `plain`; word 1 is the copy, which lives until `drop` below.
            unsafe {
                as_function!((*entry).word(0) => Plain)((*entry).word(1) as *mut c_void);
                drop(entry);
            }
        }
        unsafe fn drop(entry: *mut Entry) {
            // SAFETY: word 1 is NULL or memory from malloc; it is set to NULL here, so whoever comes second frees
            // nothing (W4).
            unsafe {
                libc::free((*entry).word(1) as *mut c_void);
                (*entry).set_word(1, 0);
            }
        }
        // SAFETY: malloc may be called with any size, and aligns for any type.
        let copy = unsafe { libc::malloc(size.max(1)) };
        if copy.is_null() {
            return fail(Status::NoMemory, format_args!("no memory for a copy of {size} bytes"));
        }
        if size != 0 {
            // SAFETY: `args` is readable for `size` bytes (contract), the copy is new and as long.
            unsafe { core::ptr::copy_nonoverlapping(args.cast::<u8>(), copy.cast(), size) };
        }
        Ok(Entry::new(call, Some(drop), [function as usize, copy as usize, 0]))
    }
}

/// Calls `function(arg)` now, on the caller's stack.
///
/// # Safety
/// `function` may be called with `arg`.
pub(crate) unsafe fn call(function: Plain, arg: *mut c_void) {
    // SAFETY: by the contract.
    unsafe { function(arg) }
}

// --- streams ----------------------------------------------------------------------------------------------------

/// A `FILE *` of the caller's as something to write text to.
pub(crate) struct Stream(*mut libc::FILE);

impl Stream {
    /// # Safety
    /// `file` is NULL or an open stream that stays open while this lives.
    pub(crate) unsafe fn new(file: *mut libc::FILE) -> Result<Stream, Status> {
        if file.is_null() { null_argument("the FILE") } else { Ok(Stream(file)) }
    }

    /// Hands what was written to the system.
    pub(crate) fn flush(self) -> Outcome {
        // SAFETY: the stream is open (see `new`).
        if unsafe { libc::fflush(self.0) } == 0 {
            Ok(())
        } else {
            fail(Status::Os, format_args!("{}", std::io::Error::last_os_error()))
        }
    }
}

impl fmt::Write for Stream {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        // SAFETY: the stream is open (see `new`), and the text is `len` bytes.
        let written = unsafe { libc::fwrite(text.as_ptr().cast(), 1, text.len(), self.0) };
        if written == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}

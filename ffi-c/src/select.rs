//! select: several sends and receives, of which one goes ahead.
//!
//! What this is NOT: the algorithm; that is core's `chan/select.rs`. The caller's array is core's array: `gort_case` is laid
//! out as core's `Case` and is cast, not copied. So what could be wrong in it is looked for here, in one pass before the cast.
//!
//! C1  After the pass each `kind` is one of core's three, and an `after` case has no channel. (A kind that core does not
//!     know would be undefined there.)
//! C2  `until` of an `after` case is its due time, counted from this call; core reads it and nothing else of a time.
//! C3  `status` is written for the case that went ahead, when core is done with the array.
//! C4  Looking for what was wrong is a cold path of its own: a select that goes ahead pays one comparison a field.

use core::ffi::c_void;
use core::fmt;
use core::mem::{align_of, offset_of, size_of};

use gort_core::chan::raw;
use gort_core::chan::select::{self, Case, MOST, Manner, Op};
use gort_core::sched;
use gort_core::status::Status;
use gort_core::sys::clock::NEVER;
use gort_core::wait::Wait;

use crate::chan::gort_chan;
use crate::ffi::{self, Outcome};
use crate::status::gort_status;
use crate::time::gort_ctx;

/// A case that sends: gort_case_send().
pub const GORT_CASE_SEND: i32 = 1;
/// A case that receives: gort_case_recv().
pub const GORT_CASE_RECV: i32 = 2;
/// A case that is ready when some time has passed: gort_case_after().
pub const GORT_CASE_AFTER: i32 = 3;

/// One case of a select or of a selector. Make it with gort_case_recv(), gort_case_send() and their like, not by hand; an
/// array of them may be used for any number of selects.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_case {
    /// GORT_CASE_SEND, GORT_CASE_RECV or GORT_CASE_AFTER.
    pub kind: i32,
    /// Written by a select for the case that went ahead: GORT_OK, or GORT_CLOSED when its channel is closed: then nothing
    /// was sent or received.
    pub status: gort_status,
    /// The channel. Setting it to NULL switches the case off.
    pub chan: *mut gort_chan,
    /// What is sent, or where to put what is received: written only when the case went ahead with GORT_OK.
    pub element: *mut c_void,
    /// gort's: when an `after` case is due.
    pub until: i64,
    /// Of an `after` case, in nanoseconds from each call of gort_select(); GORT_NEVER switches it off.
    pub duration: i64,
    /// 0, for later versions.
    pub reserved: [usize; 2],
}

// C1: the cast is one of names only.
const _: () = {
    assert!(size_of::<gort_case>() == size_of::<Case>() && size_of::<gort_case>() <= 64);
    assert!(align_of::<gort_case>() == align_of::<Case>());
    assert!(offset_of!(gort_case, kind) == offset_of!(Case, op) && size_of::<Op>() == size_of::<i32>());
    assert!(offset_of!(gort_case, status) == offset_of!(Case, status));
    assert!(offset_of!(gort_case, chan) == offset_of!(Case, chan));
    assert!(offset_of!(gort_case, element) == offset_of!(Case, at));
    assert!(offset_of!(gort_case, until) == offset_of!(Case, time));
    assert!(offset_of!(gort_case, duration) == offset_of!(Case, rest));
    assert!(GORT_CASE_SEND == Op::Send as i32 && GORT_CASE_RECV == Op::Recv as i32);
    assert!(GORT_CASE_AFTER == Op::After as i32);
};

/// Waits until one of the `n` cases can go ahead, does it, and returns its index. Blocks while none can. Woken by a peer on
/// one of the channels, by the close of one, by the time of an `after` case, or by the cancellation of the caller.
///
/// If several can go ahead at that instant, one of them is chosen at random, each with the same chance; a channel may be
/// named by several cases. Exactly one goes ahead, and the others leave nothing behind. Cases whose `chan` is NULL are never
/// ready; if all are, or `n` is 0, it blocks until cancelled. Cases that send and receive on one unbuffered channel do not
/// meet each other.
///
/// The case that went ahead has its `status`: GORT_OK, or GORT_CLOSED when its channel is closed, which makes a case ready.
/// Nothing of the other cases is changed, so the array may be used again as it is.
///
/// Blocks: the task (on a plain thread: the thread). While it does, nobody may change the array.
/// Errors, each negative: GORT_CANCELED, GORT_DEADLOCK; GORT_INVALID for NULL `cases` with an `n` above 0, for a case of no
/// known kind, or one with a NULL `element` whose elements have bytes; GORT_LIMIT for more than 65536 cases; GORT_MISUSE for
/// a stale handle; GORT_NO_MEMORY; GORT_SHUTDOWN. gort_last_error() names the case. No case went ahead then.
/// Ordering: of the case that went ahead, as gort_chan_send() or gort_chan_recv().
/// Ownership: the array and the elements stay the caller's; nothing is to be released.
/// Thread-safety: any thread or task; an array is one caller's at a time.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_select(cases: *mut gort_case, n: usize) -> i32 {
    // SAFETY: the array is the caller's (the header's contract); core checks what the handles in it point to (W3).
    ffi::hot_index(|| unsafe { select(cases, n, Wait::FOREVER, Manner::BLOCK) })
}

/// Does one of the cases if one can go ahead at this instant: Go's `default`. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK when none can: at one instant none could; else as gort_select().
/// Ordering, ownership and thread-safety: as gort_select().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_try_select(cases: *mut gort_case, n: usize) -> i32 {
    // SAFETY: as in gort_select.
    ffi::hot_index(|| unsafe { select(cases, n, Wait::FOREVER, Manner::TRY) })
}

/// gort_select(), waiting at most until `deadline` or until `ctx` is cancelled. Blocks as it. Woken as it, by the clock, or
/// by `ctx`. A gort_case_after() in the array does the same as a case, counted anew from each call.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever). One that has passed does not keep it from doing what
/// can go ahead at once.
/// Errors: GORT_TIMED_OUT; else as gort_select(). `ctx` may be NULL.
/// Ordering, ownership and thread-safety: as gort_select().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_select_until(cases: *mut gort_case, n: usize, deadline: i64, ctx: *mut gort_ctx) -> i32 {
    // SAFETY: as in gort_select.
    ffi::hot_index(|| unsafe { select(cases, n, ffi::limits(deadline, ctx)?, Manner::BLOCK) })
}

/// gort_select() that takes the first case, in the order of the array, that can go ahead. Blocks and is woken as it; while it
/// waits the first that becomes ready goes ahead, whatever its place. The later cases may starve.
///
/// Blocks, errors, ordering, ownership and thread-safety: as gort_select().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_select_biased(cases: *mut gort_case, n: usize) -> i32 {
    // SAFETY: as in gort_select.
    ffi::hot_index(|| unsafe { select(cases, n, Wait::FOREVER, BIASED) })
}

/// gort_try_select() that takes the first case, in the order of the array, that can go ahead. Never blocks.
///
/// Blocks: never. Errors, ordering, ownership and thread-safety: as gort_try_select().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_try_select_biased(cases: *mut gort_case, n: usize) -> i32 {
    // SAFETY: as in gort_select.
    ffi::hot_index(|| unsafe { select(cases, n, Wait::FOREVER, Manner { may_block: false, ..BIASED }) })
}

/// gort_select_until() that takes the first case, in the order of the array, that can go ahead. Blocks and is woken as
/// gort_select_until().
///
/// Blocks, errors, ordering, ownership and thread-safety: as gort_select_until().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_select_biased_until(
    cases: *mut gort_case,
    n: usize,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> i32 {
    // SAFETY: as in gort_select.
    ffi::hot_index(|| unsafe { select(cases, n, ffi::limits(deadline, ctx)?, BIASED) })
}

const BIASED: Manner = Manner { may_block: true, biased: true };

/// The six forms.
///
/// # Safety
/// `cases` is NULL or an array of `n` cases that nobody else touches until the call returns; elements are readable or
/// writable as their cases say.
#[inline(always)]
unsafe fn select(cases: *mut gort_case, n: usize, wait: Wait, manner: Manner) -> Result<usize, Status> {
    if n > MOST {
        return ffi::fail(Status::Limit, format_args!("a select of {n} cases, above the {MOST} that it takes"));
    }
    // SAFETY: contract; the slice is made when the pass has written what it writes, and is not used after core has returned.
    unsafe {
        if !cases.is_null() {
            look_over(cases, n)?;
        }
        let array = ffi::array(cases.cast_const().cast::<Case>(), n, "cases")?;
        match select::select(array, wait, manner) {
            Ok((index, status)) => {
                (*cases.add(index)).status = status.code();
                Ok(index)
            }
            Err(status) => failed(cases, n, status),
        }
    }
}

/// C1 and C2.
///
/// # Safety
/// As `select`; `cases` is not NULL.
#[inline(always)]
unsafe fn look_over(cases: *mut gort_case, n: usize) -> Outcome {
    let mut now = None;
    for i in 0..n {
        // SAFETY: contract; `i < n`.
        unsafe {
            let case = cases.add(i);
            if is_usual(case) {
                continue;
            }
            check_closely(case, i)?;
            if (*case).kind == GORT_CASE_AFTER {
                let now: i64 = *now.get_or_insert_with(sched::now);
                let duration = (*case).duration;
                (*case).until = if duration == NEVER { NEVER } else { now.saturating_add(duration) };
            }
        }
    }
    Ok(())
}

/// A send or a receive with all it needs, as nearly all cases are.
///
/// # Safety
/// `case` is readable.
#[inline(always)]
unsafe fn is_usual(case: *const gort_case) -> bool {
    // SAFETY: contract.
    unsafe {
        let transfers = (*case).kind == GORT_CASE_SEND || (*case).kind == GORT_CASE_RECV;
        let has_place = !(*case).element.is_null() || (*case).chan.is_null();
        transfers && has_place && is_plain(case)
    }
}

/// # Safety
/// `case` is readable.
#[inline(always)]
unsafe fn is_plain(case: *const gort_case) -> bool {
    // SAFETY: contract.
    unsafe { ((*case).reserved[0] | (*case).reserved[1]) == 0 }
}

/// A case that is not usual: what is wrong with it, if anything is.
///
/// # Safety
/// `case` is readable.
#[inline(always)]
unsafe fn check_closely(case: *const gort_case, i: usize) -> Outcome {
    // SAFETY: contract.
    unsafe {
        if (*case).kind == GORT_CASE_AFTER && (*case).chan.is_null() && is_plain(case) {
            return Ok(());
        }
        check_unusual(case, i)
    }
}

/// # Safety
/// `case` is readable.
#[cold]
#[inline(never)]
unsafe fn check_unusual(case: *const gort_case, i: usize) -> Outcome {
    let invalid = |text: fmt::Arguments<'_>| ffi::fail(Status::Invalid, format_args!("{}: {text}", Name(i)));
    // SAFETY: contract; core checks what the handle points to (W3).
    unsafe {
        let chan = (*case).chan;
        match (*case).kind {
            GORT_CASE_AFTER if !chan.is_null() => invalid(format_args!("an `after` case has no channel")),
            GORT_CASE_SEND | GORT_CASE_RECV | GORT_CASE_AFTER if !is_plain(case) => {
                invalid(format_args!("its reserved words are not 0"))
            }
            GORT_CASE_SEND | GORT_CASE_RECV => match raw::elem_size(chan.cast()) {
                0 => Ok(()), // no bytes, so no place is needed
                usize::MAX => bad_channel(chan, i).map_or(Ok(()), Err),
                size => invalid(format_args!("element is NULL, and has {size} bytes")),
            },
            kind => {
                invalid(format_args!("kind is {kind}, which is none; make cases with gort_case_recv() and its like"))
            }
        }
    }
}

/// The index of a case that is in no array.
pub(crate) const ALONE: usize = usize::MAX;

/// Which case, for people.
struct Name(usize);

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == ALONE { f.write_str("the case") } else { write!(f, "case {}", self.0) }
    }
}

/// One case for a selector, as core's. It has no time of its own.
///
/// # Safety
/// None beyond what core checks of the handle (W3).
pub(crate) unsafe fn registered(case: gort_case) -> Result<Case, Status> {
    // SAFETY: `case` is ours.
    unsafe {
        if case.kind == GORT_CASE_AFTER {
            return ffi::fail(
                Status::Invalid,
                format_args!("a selector has no `after` cases; gort_selector_wait_until() has a deadline"),
            );
        }
        if !is_usual(&raw const case) {
            check_closely(&raw const case, ALONE)?;
        }
    }
    let (chan, at) = (case.chan.cast_const().cast(), case.element.cast());
    Ok(if case.kind == GORT_CASE_SEND { Case::send(chan, at) } else { Case::recv(chan, at) })
}

/// Leaves a text for what core gave without one: whose channel it was (C4).
///
/// # Safety
/// `cases` has `n` readable cases.
#[cold]
#[inline(never)]
unsafe fn failed(cases: *const gort_case, n: usize, status: Status) -> Result<usize, Status> {
    match status {
        Status::Misuse | Status::Shutdown => {
            // SAFETY: contract; core checks what the handles point to (W3).
            let bad = (0..n).find_map(|i| unsafe { bad_channel((*cases.add(i)).chan, i) });
            bad.map_or_else(|| ffi::explained(Err(status), "select"), Err)
        }
        Status::NoMemory => ffi::explained(Err(status), "select"),
        _ => Err(status),
    }
}

/// What is wrong with the channel of a case, if anything is.
///
/// # Safety
/// As `raw::retain`.
pub(crate) unsafe fn bad_channel(chan: *const gort_chan, i: usize) -> Option<Status> {
    if chan.is_null() {
        return None;
    }
    // SAFETY: contract; a reference that was taken is given back.
    let status = unsafe {
        let status = raw::retain(chan.cast());
        if status.is_ok() {
            let _ = raw::release(chan.cast());
        }
        status
    };
    let what = match status {
        Status::Misuse => "no live channel",
        Status::Shutdown => "from before a fork or a shutdown",
        _ => return None,
    };
    ffi::fail::<()>(status, format_args!("{}: chan is {what}", Name(i))).err()
}

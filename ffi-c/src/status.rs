//! How a call ended, for people. The table itself is core's; the header's GORT_... numbers are generated from it.
//!
//! What this is NOT: a second table. C wants its texts with a NUL, so they are copied once, at first use, and kept
//! for the life of the process.

use std::ffi::CString;
use std::sync::OnceLock;

use core::ffi::c_char;

use gort_core::sched::last_error;
use gort_core::status::{Status, TABLE};

use crate::ffi;

/// How a call ended: GORT_OK (0), or one of the negative GORT_... numbers. The numbers never change.
pub type gort_status = i32;

/// A row of core's table, with NULs.
struct Row {
    name: CString,
    text: CString,
}

/// The table in C's terms: row i is status -i.
fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    let c = |text: &str| CString::new(text).unwrap_or_default();
    ROWS.get_or_init(|| TABLE.iter().map(|row| Row { name: c(row.name), text: c(row.text) }).collect())
}

/// The row of a number, if it is a status.
fn row(status: gort_status) -> Option<&'static Row> {
    Status::from_code(status).and_then(|status| rows().get(status.code().unsigned_abs() as usize))
}

/// The name of a status as it is written in C: "GORT_CLOSED". A number that is none gives "GORT_UNKNOWN".
///
/// Blocks: never. Errors: none, never NULL. Ownership: the text is constant. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_status_name(status: gort_status) -> *const c_char {
    let unknown = c"GORT_UNKNOWN".as_ptr();
    ffi::wall_or(unknown, || row(status).map_or(unknown, |row| row.name.as_ptr()))
}

/// What a status means, in a few words for people: "the channel is closed".
///
/// Blocks: never. Errors: none, never NULL. Ownership: the text is constant. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_status_text(status: gort_status) -> *const c_char {
    let unknown = c"not a status of gort".as_ptr();
    ffi::wall_or(unknown, || row(status).map_or(unknown, |row| row.text.as_ptr()))
}

/// What exactly was wrong with the last call of this task (or, outside tasks, of this thread) that failed with a
/// detail to tell: the argument, the limit, the census of a deadlock. "" if there was none. A constructor that
/// returns NULL says why here. Success does not clear it; plain outcomes (GORT_CLOSED, GORT_WOULD_BLOCK,
/// GORT_TIMED_OUT) leave it alone.
///
/// Blocks: never.
/// Ownership: gort's; valid until the next gort call of the same task or thread that fails.
/// Thread-safety: any thread or task; each has its own, which follows a task that moves.
#[unsafe(no_mangle)]
pub extern "C" fn gort_last_error() -> *const c_char {
    ffi::wall_or(c"".as_ptr(), last_error::get)
}

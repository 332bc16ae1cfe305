//! The detail of the last failure of this task (or plain thread), for people (H5).
//!
//! The text lives in the party, not in thread-local storage: a task takes it along when it moves. It is replaced by the next failure that has a detail, and
//! freed when the task ends. What this is NOT: the status; that is the return value.

use super::doors::enter;
use super::party::Party;
use core::fmt;
use core::ptr::null_mut;
use std::ffi::CString;

/// Sets the calling task's (or thread's) text. Called outside the bracket.
#[cold]
pub fn set(args: fmt::Arguments<'_>) {
    let text = args.to_string();
    if let Ok(cx) = enter() {
        set_for(cx.party(), &text);
        cx.exit()
    }
}

/// Sets the text of a party that is the caller's own, or that the judge has found asleep.
pub fn set_for(p: &Party, text: &str) {
    let c = CString::new(text.replace('\0', " ")).unwrap_or_default();
    // SAFETY: strdup copies a valid C string; the old text was made by strdup too.
    unsafe {
        let old = p.last_error.replace(libc::strdup(c.as_ptr()));
        if !old.is_null() {
            libc::free(old.cast());
        }
    }
}

/// The text, as a C string that is valid until the next failure of the caller; "" if there was none.
pub fn get() -> *const libc::c_char {
    let Ok(cx) = enter() else { return c"".as_ptr() };
    let p = cx.party().last_error.get();
    cx.exit();
    if p.is_null() { c"".as_ptr() } else { p }
}

/// Forgets it.
pub fn clear(p: &Party) {
    let old = p.last_error.replace(null_mut());
    if !old.is_null() {
        // SAFETY: made by strdup.
        unsafe { libc::free(old.cast()) }
    }
}

//! Which gort this is. The number and the text come from the crate's version, as the header's macros do.
//!
//! What this is NOT: the ABI's number; that is in the soname (build.rs), and a loader has checked it already.

use core::ffi::{CStr, c_char};

/// One part of the version, as a number.
const fn part(digits: &str) -> u32 {
    let (mut number, mut at) = (0, 0);
    while at < digits.len() {
        number = number * 10 + (digits.as_bytes()[at] - b'0') as u32;
        at += 1;
    }
    number
}

const NUMBER: u32 = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
    | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
    | part(env!("CARGO_PKG_VERSION_PATCH"));

const TEXT: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
    Ok(text) => text,
    Err(_) => panic!("the version contains a NUL"),
};

/// The version of the library that is running: major * 65536 + minor * 256 + patch, to be compared with
/// GORT_VERSION, the version of this header.
///
/// Blocks: never. Errors: none. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_version() -> u32 {
    NUMBER
}

/// The version of the library that is running, as text: "0.1.0".
///
/// Blocks: never. Errors: none. Ownership: the text is constant. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub extern "C" fn gort_version_string() -> *const c_char {
    TEXT.as_ptr()
}

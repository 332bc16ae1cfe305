//! Where in a C program one of our functions was called, for locks that are watched (`GORT_DEBUG_LOCKS=1`): the return address, with its name if the loader knows one.
//!
//! The stack is walked by the unwinder that Rust brings, up to the frame behind our function; which that is the functions' addresses say, so it works in an archive that was linked into a
//! program too. Frames without unwind tables end the walk: then the place is not known.
//!
//! Rejected: the compiler's return address (no such thing in stable Rust); the header passing file and line (every lock would pay for it).

use core::ffi::{CStr, c_int, c_void};
use core::fmt::Write;
use core::mem::zeroed;

type Context = *mut c_void;

unsafe extern "C" {
    fn _Unwind_Backtrace(each: unsafe extern "C" fn(Context, *mut c_void) -> c_int, data: *mut c_void) -> c_int;
    fn _Unwind_GetIP(context: Context) -> usize;
    fn _Unwind_GetRegionStart(context: Context) -> usize;
}

/// Frames of ours are few.
const MOST: usize = 32;
const GO_ON: c_int = 0; // _URC_NO_REASON
const STOP: c_int = 4; // _URC_NORMAL_STOP

struct Walk<'a> {
    ours: &'a [usize],
    met: bool,
    frames: usize,
    found: usize,
}

unsafe extern "C" fn each(context: Context, data: *mut c_void) -> c_int {
    // SAFETY: `data` is the walk of `caller_of`, which waits for us; the context is the unwinder's, valid in this call.
    let (walk, ip, start) =
        unsafe { (&mut *data.cast::<Walk<'_>>(), _Unwind_GetIP(context), _Unwind_GetRegionStart(context)) };
    walk.frames += 1;
    if walk.met {
        walk.found = ip;
        return STOP;
    }
    walk.met = walk.ours.contains(&start);
    if walk.frames < MOST { GO_ON } else { STOP }
}

/// The place in the program that called one of these functions, which is being called now.
pub(crate) fn caller_of(ours: &[usize]) -> String {
    let mut walk = Walk { ours, met: false, frames: 0, found: 0 };
    // SAFETY: the function keeps nothing of the walk.
    unsafe { _Unwind_Backtrace(each, (&raw mut walk).cast()) };
    if walk.found == 0 { String::from("a place that is not known") } else { named(walk.found) }
}

/// `name+0x12 (program+0x1234)`.
fn named(address: usize) -> String {
    let mut text = format!("{address:#x}");
    // SAFETY: plain data, filled in by the loader, which keeps names as long as the module is loaded: it is, its code has called us.
    unsafe {
        let mut info: libc::Dl_info = zeroed();
        // The call itself, which a return address stands behind.
        if libc::dladdr((address - 1) as *const c_void, &mut info) == 0 || info.dli_fname.is_null() {
            return text;
        }
        text.clear();
        let file = CStr::from_ptr(info.dli_fname).to_string_lossy();
        if !info.dli_sname.is_null() {
            let name = CStr::from_ptr(info.dli_sname).to_string_lossy();
            let _ = write!(text, "{name}+{:#x} ", address - info.dli_saddr as usize);
        }
        let _ = write!(text, "({file}+{:#x})", address - info.dli_fbase as usize);
    }
    text
}

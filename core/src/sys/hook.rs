//! Functions that a sanitizer brings and that may be missing: found when the program is linked, or by name while it runs.
//!
//! A program with the sanitizer's runtime linked in does not export its functions to `dlsym`, so a weak reference is tried first; a library that is loaded later than the
//! runtime finds them by name. What it is NOT: who calls them (`context/hooked.rs`, `race.rs`).

use super::prim::{AtomicPtr, Ordering::*};
use core::ffi::{CStr, c_void};
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr::null_mut;

/// A function of a sanitizer, looked up by name.
pub struct Hook<F>(AtomicPtr<c_void>, PhantomData<F>);

impl<F: Copy> Hook<F> {
    pub const fn new() -> Self {
        Hook(AtomicPtr::new(null_mut()), PhantomData)
    }

    /// `linked` is what the linker found; a library loaded later than the sanitizer's own finds it by name.
    pub fn find(&self, linked: *mut c_void, name: &CStr) -> bool {
        let p = if linked.is_null() {
            // SAFETY: a name that ends in NUL.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
        } else {
            linked
        };
        self.0.store(p, Relaxed);
        !p.is_null()
    }

    /// The function, if `find` has found it.
    #[inline(always)]
    pub fn get(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let p = self.0.load(Relaxed);
        // SAFETY: F is the type of the function that stands under this name.
        (!p.is_null()).then(|| unsafe { core::mem::transmute_copy(&p) })
    }
}

/// The address of a symbol that may be missing. A program with the sanitizer linked in does not export it to `dlsym`, so
/// a weak reference is tried first.
macro_rules! weak {
    ($name:literal) => {{
        let p: *mut c_void;
        // SAFETY: reads a word of the global offset table, 0 if nobody defines the symbol.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) p,
                options(nostack, preserves_flags, readonly),
            )
        };
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) p,
                options(nostack, preserves_flags, readonly),
            )
        };
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            p = core::ptr::null_mut();
        }
        p
    }};
}

/// Looks a function up: `find!(HOOK, "its name")`, true if it is there.
macro_rules! find {
    ($hook:ident, $name:literal) => {{
        const NAME: &core::ffi::CStr = match core::ffi::CStr::from_bytes_with_nul(concat!($name, "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("a name holds no NUL"),
        };
        $hook.find($crate::sys::hook::weak!($name), NAME)
    }};
}

pub(crate) use {find, weak};

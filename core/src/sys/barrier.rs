//! The asymmetric barrier: nothing on the side that runs often, membarrier on the side that runs seldom.
//!
//! `light()` on the frequent side and `heavy()` on the rare side together order like two SeqCst fences. With membarrier (private
//! expedited) `light` is a compiler fence; where the kernel refuses it (seccomp, gVisor), and under loom and TSan, both are
//! SeqCst fences. Chosen once by `init`, before the first worker; the result of every call is checked: should the kernel refuse
//! later, that is a bug of the environment we can not recover from, and the process is told so.
//! Never call `heavy` on a channel operation: the kernel serialises it.

use super::prim::*;

#[cfg(not(loom))]
static FENCED: AtomicBool = AtomicBool::new(false);

#[cfg(not(loom))]
const MEMBARRIER_PRIVATE_EXPEDITED: i32 = 1 << 3;
#[cfg(not(loom))]
const MEMBARRIER_REGISTER_PRIVATE_EXPEDITED: i32 = 1 << 4;

/// Registers with the kernel; afterwards `fenced()` says which kind is in force. Idempotent.
#[cfg(not(loom))]
pub fn init() {
    if cfg!(gort_tsan) || std::env::var_os("GORT_NO_MEMBARRIER").is_some() {
        FENCED.store(true, SeqCst);
        return;
    }
    // SAFETY: membarrier has no memory arguments.
    let r = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0) };
    FENCED.store(r != 0, SeqCst);
}

/// True if the frequent side needs a real fence.
#[cfg(not(loom))]
#[inline(always)]
pub fn fenced() -> bool {
    FENCED.load(Relaxed)
}

/// The frequent side.
#[inline(always)]
pub fn light() {
    compiler_fence(SeqCst);
    #[cfg(not(loom))]
    if fenced() {
        fence(SeqCst)
    }
}

/// The rare side.
pub fn heavy() {
    fence(SeqCst);
    #[cfg(not(loom))]
    if !fenced() {
        // SAFETY: membarrier has no memory arguments.
        let r = unsafe { libc::syscall(libc::SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0) };
        if r != 0 {
            panic!(
                "gort: membarrier was granted at start and is refused now (errno {})",
                std::io::Error::last_os_error()
            );
        }
    }
}

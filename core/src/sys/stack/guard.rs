//! The guard below each stack: by MADV_GUARD_INSTALL where the kernel has it (Linux 6.13), else by mprotect.
//!
//! A madvise guard costs no mapping, so a million stacks fit in a few dozen mappings. An mprotected one splits its mapping in
//! two more; the kernel allows some 65,530 a process, so these are counted, and stacks end (`None`) well before mappings do:
//! a program that cannot map a file or a thread stack any more would fail in worse places. The mode is decided by the first
//! stack and may only change from madvise to mprotect (locked memory refuses the former).
//!
//! What it is NOT: a handler of the fault (see `guard_hit`), and not a check of what is below the guard.
//!
//! Rejected: no guard where the kernel refuses (an overflow would write into a neighbour's stack).

use crate::sys::prim::{AtomicU8, AtomicUsize, Ordering::*};

/// How stacks are guarded in this process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum GuardMode {
    /// No stack was made yet.
    Undecided = 0,
    /// MADV_GUARD_INSTALL: costs no mapping.
    Madvise = 1,
    /// mprotect: two mappings a stack, so their number is limited.
    Mprotect = 2,
}

static MODE: AtomicU8 = AtomicU8::new(0);
static MPROTECTED: AtomicUsize = AtomicUsize::new(0);
static MAX_MAPS: AtomicUsize = AtomicUsize::new(0);
const MADV_GUARD_INSTALL: i32 = 102;

/// How stacks are guarded.
pub fn guard_mode() -> GuardMode {
    match MODE.load(Relaxed) {
        1 => GuardMode::Madvise,
        2 => GuardMode::Mprotect,
        _ => GuardMode::Undecided,
    }
}

/// Guards `size` bytes at `at`, the low end of a stack nobody has yet. `false`: not possible, so no stack.
pub(super) fn install(at: usize, size: usize) -> bool {
    if MODE.load(Relaxed) != GuardMode::Mprotect as u8 {
        // SAFETY: the low end of a stack that nobody has yet.
        if unsafe { libc::madvise(at as *mut _, size, MADV_GUARD_INSTALL) } == 0 {
            MODE.store(GuardMode::Madvise as u8, Relaxed);
            return true;
        }
        // SAFETY: reads this thread's errno.
        if unsafe { *libc::__errno_location() } == libc::ENOMEM {
            return false;
        }
        MODE.store(GuardMode::Mprotect as u8, Relaxed);
    }
    let guards = MPROTECTED.fetch_add(1, Relaxed) + 1;
    // Two mappings a guard; an eighth of what the kernel allows is left to the rest of the program.
    let fits = 2 * guards <= max_maps() - max_maps() / 8;
    // SAFETY: as above.
    if fits && unsafe { libc::mprotect(at as *mut _, size, libc::PROT_NONE) } == 0 {
        return true;
    }
    MPROTECTED.fetch_sub(1, Relaxed);
    false
}

/// `guards` guards are gone, with their chunk.
pub(super) fn forget(guards: usize) {
    if guard_mode() == GuardMode::Mprotect {
        // Those installed before the mode changed were never counted.
        let _ = MPROTECTED.fetch_update(Relaxed, Relaxed, |n| Some(n.saturating_sub(guards)));
    }
}

/// vm.max_map_count, read once; the kernel's default where it cannot be read.
pub(super) fn max_maps() -> usize {
    let known = MAX_MAPS.load(Relaxed);
    if known != 0 {
        return known;
    }
    let mut text = [0u8; 24];
    // SAFETY: plain file calls on a buffer of our own.
    let n = unsafe {
        let fd = libc::open(c"/proc/sys/vm/max_map_count".as_ptr(), libc::O_RDONLY | libc::O_CLOEXEC);
        let n = if fd >= 0 { libc::read(fd, text.as_mut_ptr().cast(), text.len()) } else { 0 };
        if fd >= 0 {
            libc::close(fd);
        }
        n.max(0) as usize
    };
    let digits = text[..n].iter().take_while(|b| b.is_ascii_digit());
    let read = digits.fold(0usize, |v, b| v.saturating_mul(10).saturating_add((b - b'0') as usize));
    let maps = if read == 0 { 65530 } else { read };
    MAX_MAPS.store(maps, Relaxed);
    maps
}

/// For tests: as if the kernel had decided so, with `maps` mappings allowed (0: ask it). Gives the mode before.
#[cfg(test)]
pub(super) fn pretend(mode: GuardMode, maps: usize) -> GuardMode {
    let before = guard_mode();
    MODE.store(mode as u8, Relaxed);
    MAX_MAPS.store(maps, Relaxed);
    before
}

#[cfg(test)]
pub(super) fn counted() -> usize {
    MPROTECTED.load(Relaxed)
}

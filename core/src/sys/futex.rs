//! Wait on a word, wake by a word.
//!
//! `wait` may return early (a signal, a spurious wake-up); callers loop on their own condition. A deadline is absolute
//! monotonic time. What this is NOT: a lock or a parker; see `sched/bell.rs` for the protocol on the word.

use super::prim::AtomicU32;

/// Sleeps while `word == expected`, at most until `deadline` (`NEVER` for no limit). Returns false if the deadline passed.
#[cfg(not(loom))]
pub fn wait(word: &AtomicU32, expected: u32, deadline: i64) -> bool {
    use super::clock::NEVER;
    let ts;
    let timeout = if deadline == NEVER {
        core::ptr::null()
    } else {
        let d = deadline.max(0);
        ts = libc::timespec { tv_sec: d / 1_000_000_000, tv_nsec: d % 1_000_000_000 };
        &ts as *const libc::timespec
    };
    // SAFETY: the word outlives the call, the timeout is null or points to `ts`; FUTEX_WAIT_BITSET takes absolute monotonic time.
    let r = unsafe {
        libc::syscall(
            libc::SYS_futex,
            word.as_ptr(),
            libc::FUTEX_WAIT_BITSET | libc::FUTEX_PRIVATE_FLAG,
            expected,
            timeout,
            core::ptr::null::<u32>(),
            !0u32,
        )
    };
    // SAFETY: errno of this thread, read at once.
    !(r == -1 && unsafe { *libc::__errno_location() } == libc::ETIMEDOUT)
}

/// Wakes at most `n` sleepers.
#[cfg(not(loom))]
pub fn wake(word: &AtomicU32, n: i32) {
    // SAFETY: FUTEX_WAKE only uses the address, which is valid or at worst wakes nobody.
    unsafe {
        libc::syscall(libc::SYS_futex, word.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, n);
    }
}

/// In the models all sleepers of a schedule share one condition, and look at their word again: a lost wake-up is a deadlock that loom reports. (What the mutex
/// orders beyond the word is only ordered when somebody slept.) A deadline passes at the first look.
#[cfg(loom)]
pub fn wait(word: &AtomicU32, expected: u32, deadline: i64) -> bool {
    let (mutex, rung) = super::slab::lot();
    let Ok(mut held) = mutex.lock() else { unreachable!("poisoned") };
    while word.load(core::sync::atomic::Ordering::Acquire) == expected {
        if deadline != super::clock::NEVER {
            return false;
        }
        held = match rung.wait(held) {
            Ok(held) => held,
            Err(_) => unreachable!("poisoned"),
        };
    }
    true
}

/// See `wait`.
#[cfg(loom)]
pub fn wake(_: &AtomicU32, _: i32) {
    let (mutex, rung) = super::slab::lot();
    let held = mutex.lock();
    rung.notify_all();
    drop(held);
}

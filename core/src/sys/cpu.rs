//! How many processors the process may use: the smallest of the machine, the affinity mask and the cgroup quota (G8). And how long a pause of theirs is.

#[cfg(not(loom))]
use super::prim::*;
use std::fs;

/// Pauses in 1024 ns, or 0 where there is one processor: whoever is waited for needs it. A pause takes 10 to 150 cycles, so they are counted once (`calibrate`).
#[cfg(not(loom))]
static PAUSES: AtomicU32 = AtomicU32::new(64);

/// Counts how long a pause takes. Once in a process; takes some microseconds.
#[cfg(not(loom))]
pub fn calibrate() {
    if affinity() == 1 {
        return PAUSES.store(0, Relaxed);
    }
    const TRIED: u32 = 256;
    let start = super::clock::now();
    for _ in 0..TRIED {
        spin_hint();
    }
    let ns = (super::clock::now() - start).max(1);
    // An interrupted count says too few; no processor takes less than 1 ns or more than 100.
    PAUSES.store((1024 * i64::from(TRIED) / ns).clamp(10, 1024) as u32, Relaxed);
}

/// How many pauses take about `ns`; 0 where there is one processor.
#[cfg(not(loom))]
#[inline]
pub fn pauses(ns: u32) -> u32 {
    ((u64::from(ns) * u64::from(PAUSES.load(Relaxed))) >> 10) as u32
}

/// Processors available to this process, at least 1.
pub fn available() -> usize {
    let mask = affinity();
    match quota() {
        Some(q) => mask.min(q.max(1)),
        None => mask,
    }
}

fn affinity() -> usize {
    // SAFETY: an all-zero cpu_set_t is a valid empty set, and sched_getaffinity writes at most its size.
    unsafe {
        let mut set: libc::cpu_set_t = core::mem::zeroed();
        if libc::sched_getaffinity(0, core::mem::size_of::<libc::cpu_set_t>(), &mut set) == 0 {
            let n = libc::CPU_COUNT(&set);
            if n > 0 {
                return n as usize;
            }
        }
        let n = libc::sysconf(libc::_SC_NPROCESSORS_ONLN);
        if n > 0 { n as usize } else { 1 }
    }
}

/// The cgroup v2 quota of this process's own group, rounded up.
fn quota() -> Option<usize> {
    let own = fs::read_to_string("/proc/self/cgroup").ok()?;
    let path = own.lines().find_map(|l| l.strip_prefix("0::"))?;
    let max = fs::read_to_string(format!("/sys/fs/cgroup{path}/cpu.max")).ok()?;
    let mut it = max.split_whitespace();
    let quota: u64 = it.next()?.parse().ok()?;
    let period: u64 = it.next()?.parse().ok()?;
    if period == 0 { None } else { Some(quota.div_ceil(period) as usize) }
}

/// CPU time used by one thread (by its kernel id), in nanoseconds; None if it is gone.
pub fn thread_cpu_time(tid: i32) -> Option<i64> {
    // The clock of a thread: the kernel's encoding of a per-thread CPU clock id (CPUCLOCK_SCHED | CPUCLOCK_PERTHREAD).
    let clock = ((!(tid as u32)) << 3 | 6) as libc::clockid_t;
    let mut ts = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `ts` is valid to write; a clock of a thread that is gone gives an error.
    if unsafe { libc::clock_gettime(clock, &mut ts) } == 0 {
        Some(ts.tv_sec * 1_000_000_000 + ts.tv_nsec)
    } else {
        None
    }
}

/// Does a thread of ours run, or wait only for a CPU? (A descheduled thread uses no CPU time, but is not blocked.)
pub fn is_runnable(tid: i32) -> bool {
    let Ok(s) = fs::read_to_string(format!("/proc/self/task/{tid}/stat")) else { return false };
    s.rfind(')').and_then(|i| s[i + 1..].trim_start().chars().next()) == Some('R')
}

/// Does the kernel know a thread of this process by this id?
pub fn thread_exists(tid: i32) -> bool {
    // SAFETY: signal 0 is never sent; the call only looks the thread up.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, 0) == 0 }
}

/// The kernel's id of the calling thread.
pub fn thread_id() -> i32 {
    // SAFETY: gettid has no preconditions.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

/// Threads of this process, if the system says (K2: no judgement without it).
pub fn threads_of_process() -> Option<usize> {
    let s = fs::read_to_string("/proc/self/status").ok()?;
    s.lines().find_map(|l| l.strip_prefix("Threads:"))?.trim().parse().ok()
}
/// Asks for the cache line of an address that will be needed soon; any address will do.
#[inline(always)]
pub fn prefetch<T>(at: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch has no effect but on the caches, whatever the address.
    unsafe {
        core::arch::x86_64::_mm_prefetch(at.cast::<i8>(), core::arch::x86_64::_MM_HINT_T0)
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = at;
}

//! The OS threads that gort starts: how one begins, and how a shutdown knows that it is gone (H3, H4).
//!
//! What this is NOT: what they do (`worker.rs`, `monitor.rs`), or how many there may be (`runtime.rs`).
//!
//! O1  A thread enlists itself before it does anything else, so whoever sees it counted out (`Runtime::own_threads`) sees it in the list.
//! O2  A thread is gone when the kernel no longer knows its id. Its last steps are the host's (destructors of thread-locals) and the system's; gort has counted it
//!     out before. It touches nothing of gort's there, unless a destructor calls gort: then as a plain thread, which is refused or waited for like any other.
//! O3  The wait for it is bounded: a destructor may block, and the id of a thread that is gone may be given to another.
//!
//! Rejected: joining. A joined thread may still stand in /proc/self/task for a moment (the kernel wakes the joiner first), so "no thread is left" would not
//! hold; a join has no deadline in POSIX; and handles must be given up where nobody joins (a fork's child, a shutdown that ran out of patience).

use super::Time;
use crate::sys::prim::*;
use crate::sys::{clock, cpu, race};
use core::ptr::null_mut;

struct Node {
    tid: i32,
    next: *mut Node,
}

/// The ids of the threads that one runtime has started.
#[derive(Default)]
pub struct OwnThreads(AtomicPtr<Node>);

impl OwnThreads {
    /// Starts a thread of ours, with all signals blocked that can be blocked with sense (runtime.rs R-5). It is detached.
    pub fn start(&'static self, name: &str, f: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        race::quiet_begin();
        // SAFETY: sets are initialised by sigfillset and pthread_sigmask; the old mask is put back.
        let started = unsafe {
            let mut all = core::mem::zeroed();
            let mut old = core::mem::zeroed();
            libc::sigfillset(&mut all);
            for s in [libc::SIGSEGV, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP, libc::SIGPROF] {
                libc::sigdelset(&mut all, s);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut old);
            let body = move || {
                race::quiet_begin(); // all of it is gort's own, but for the tasks, which have fibers of their own
                self.enlist(cpu::thread_id());
                f();
                race::quiet_end();
            };
            let thread = std::thread::Builder::new().name(name.into()).stack_size(512 * 1024);
            let r = race::alone(|| thread.spawn(body).map(drop));
            libc::pthread_sigmask(libc::SIG_SETMASK, &old, null_mut());
            r
        };
        race::quiet_end();
        started
    }

    fn enlist(&self, tid: i32) {
        let node = Box::into_raw(Box::new(Node { tid, next: self.0.load(Relaxed) }));
        // SAFETY: ours until the exchange succeeds.
        // Release: pairs with the Acquire swap of `await_gone`.
        while let Err(now) = unsafe { self.0.compare_exchange((*node).next, node, Release, Relaxed) } {
            // SAFETY: as above.
            unsafe { (*node).next = now }
        }
    }

    /// All of them have been counted out: waits until the system has none of them any more. False: one was there still at `until`.
    pub fn await_gone(&self, until: Time) -> bool {
        // Acquire: pairs with the Release of `enlist`.
        let mut at = self.0.swap(null_mut(), Acquire);
        let mut gone = true;
        while !at.is_null() {
            // SAFETY: a leaked box that was taken out of the list with the swap: ours alone.
            let node = unsafe { Box::from_raw(at) };
            while cpu::thread_exists(node.tid) {
                if clock::now() > until {
                    gone = false;
                    break;
                }
                clock::nap(20_000);
            }
            at = node.next;
        }
        gone
    }
}

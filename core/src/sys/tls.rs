//! One word for each OS thread: the runtime's own pointer to "this thread", and nothing else.
//!
//! A task may park on one thread and go on on another, so the address of a thread-local must never be kept over a switch.
//! The compiler does keep it: it treats the address as constant in a function and merges two reads, inlined or not. Here
//! the word is an initial-exec TLS symbol of 8 bytes, read and written by one volatile asm each. Volatile asm is never
//! merged, moved over another (the switch is one too) or dropped, so the read may be inlined anywhere.
//!
//! What it is NOT: a place for anything with a destructor, and not a general thread-local. The owner of the word frees
//! what it points to when its thread ends.
//!
//! Invariants: `get` takes no `pure`; the symbol is hidden, so a library and a program that both hold gort keep two words;
//! 8 bytes of static TLS fit in the reserve glibc keeps for libraries loaded by dlopen.
//!
//! Elsewhere (other processors, other C libraries, Miri) `thread_local!` stands behind an accessor that is never inlined
//! and holds an `asm!("")`: without that asm even a never-inlined accessor is merged, as the compiler sees it is pure.
//!
//! Rejected: `#[thread_local]` (unstable); general-dynamic TLS (a call of `__tls_get_addr`, whose result is kept as well);
//! finding the thread by masking the stack pointer (foreign threads and host stacks have no such layout).

#[cfg(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))]
mod word {
    use core::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tbss.gort_thread_word,\"awT\",@nobits",
        ".p2align 3",
        ".globl gort_thread_word",
        ".hidden gort_thread_word",
        ".type gort_thread_word, @object",
        ".size gort_thread_word, 8",
        "gort_thread_word:",
        ".zero 8",
        ".popsection",
    );

    #[inline(always)]
    pub fn get() -> *mut () {
        let p: *mut ();
        // SAFETY: reads this thread's own word. Not `pure`, so it is done anew each time; `readonly` lets values of other
        // memory stay in registers.
        unsafe {
            asm!(
                "mov {p}, qword ptr [rip + gort_thread_word@GOTTPOFF]",
                "mov {p}, qword ptr fs:[{p}]",
                p = out(reg) p,
                options(nostack, preserves_flags, readonly),
            );
        }
        p
    }

    #[inline(always)]
    pub fn set(p: *mut ()) {
        // SAFETY: writes this thread's own word, which nothing but `get` and `set` touches.
        unsafe {
            asm!(
                "mov {t}, qword ptr [rip + gort_thread_word@GOTTPOFF]",
                "mov qword ptr fs:[{t}], {p}",
                t = out(reg) _,
                p = in(reg) p,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// The portable form; also compiled for the tests, so that it cannot rot on machines that do not need it.
#[cfg(any(test, not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri)))))]
mod portable {
    use core::cell::Cell;
    use core::ptr::null_mut;

    thread_local!(static WORD: Cell<*mut ()> = const { Cell::new(null_mut()) });

    #[inline(never)]
    pub fn get() -> *mut () {
        barrier();
        WORD.with(Cell::get)
    }

    #[inline(never)]
    pub fn set(p: *mut ()) {
        barrier();
        WORD.with(|w| w.set(p));
    }

    #[inline(always)]
    fn barrier() {
        // SAFETY: no instruction at all; it makes the function one with side effects, so calls are not merged.
        #[cfg(not(miri))]
        unsafe {
            core::arch::asm!("")
        };
    }
}

#[cfg(not(all(target_arch = "x86_64", target_os = "linux", target_env = "gnu", not(miri))))]
use portable as word;

/// This thread's word; null until set.
#[inline(always)]
pub fn get() -> *mut () {
    word::get()
}

/// Sets this thread's word.
#[inline(always)]
pub fn set(p: *mut ()) {
    word::set(p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::context::{Fiber, finish, prepare, resume, suspend};
    use crate::sys::prim::{AtomicUsize, Ordering::*, yield_thread};
    use crate::sys::stack;
    use std::ptr::null_mut;

    #[test]
    fn each_thread_has_its_own() {
        set(0x10 as *mut ());
        std::thread::spawn(|| {
            assert!(get().is_null() && portable::get().is_null());
            set(0x20 as *mut ());
        })
        .join()
        .unwrap();
        assert_eq!(get() as usize, 0x10);
        set(null_mut());
    }

    struct Shared {
        task: Fiber,
        sched: *mut Fiber,
        wrong: usize,
        rounds: usize,
        exits: bool,
    }
    struct Ptr(*mut Shared);
    // SAFETY: the test passes the task from thread to thread by turns.
    unsafe impl Send for Ptr {}

    /// Reads the word before and after each switch; the resumer says (by the argument) which thread it now is.
    unsafe extern "C" fn wander(arg: usize) -> ! {
        let s = arg as *mut Shared;
        // SAFETY: `s` outlives the task; fields are read through the raw pointer only.
        unsafe {
            for _ in 0..(*s).rounds {
                let (before, p_before) = (get() as usize, portable::get() as usize);
                let now = suspend(&raw mut (*s).task, (*s).sched);
                let (after, p_after) = (get() as usize, portable::get() as usize);
                if after != now || p_after != now || before == after || p_before == p_after {
                    (*s).wrong += 1;
                }
            }
            (*s).exits = true;
            finish(&raw mut (*s).task, (*s).sched)
        }
    }

    #[test]
    fn not_stale_after_a_task_has_moved() {
        let stack = stack::alloc(stack::class_for(0).unwrap()).unwrap();
        let mut shared = Shared { task: Fiber::new(), sched: null_mut(), wrong: 0, rounds: 2001, exits: false };
        let s = Ptr(&raw mut shared);
        // SAFETY: one thread at a time runs the task.
        unsafe { prepare(&raw mut (*s.0).task, &stack, wander) };
        /// Whose turn it is. Not a channel of std: TSan does not see into it.
        static TURN: AtomicUsize = AtomicUsize::new(0);
        let run = move |me: usize, s: Ptr| {
            let (name, s) = ((me + 1) << 12, s.0);
            set(name as *mut ());
            portable::set(name as *mut ());
            let mut sched = Fiber::new();
            let mut first = me == 0;
            loop {
                while TURN.load(Acquire) != me {
                    yield_thread();
                }
                // SAFETY: it is our turn, so nobody else touches the task.
                unsafe {
                    if !(*s).exits {
                        (*s).sched = &raw mut sched;
                        resume(&raw mut (*s).task, &raw mut sched, if first { s as usize } else { name });
                        first = false;
                    }
                    let over = (*s).exits;
                    TURN.store(1 - me, Release);
                    if over {
                        break;
                    }
                }
            }
            // SAFETY: this thread resumes no more.
            unsafe { Fiber::release(&raw mut sched) };
        };
        let threads: Vec<_> = (0..2)
            .map(|me| {
                let s = Ptr(s.0);
                std::thread::spawn(move || run(me, s))
            })
            .collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        // SAFETY: both threads are gone, the task has finished.
        unsafe {
            assert!((*s.0).exits);
            assert_eq!((*s.0).wrong, 0);
            stack::free(stack);
        }
    }
}

//! Making and switching stacks: four functions, `prepare`, `resume`, `suspend`, `finish`.
//!
//! A scheduler stack resumes a task; the task suspends back to the scheduler stack of the thread it is on then; its last
//! switch is `finish`. A `Fiber` is a saved stack pointer (and a pointer that is null unless a sanitizer watches).
//!
//! x86-64: three words are pushed (rbp, rbx, the address to go on at), the stack pointer is exchanged, the address is
//! popped and JUMPED to. All other registers are clobbers of the inline asm, so the compiler saves only what lives. Never
//! `ret`: a return that does not match the call the processor remembers costs more than all the rest (D9).
//!
//! Other processors, and x86-64 with `--cfg gort_corosensei`: the same functions over corosensei. Its coroutine object lies
//! at the top of the stack it runs on, so a `Fiber` stays two words; it is never dropped, as dropping a suspended one would
//! unwind through C frames; a finished task is simply suspended for ever and its stack used again.
//!
//! What it is NOT: it knows no task, no thread, no queue. It does not save the floating point control words (rounding mode
//! and exception masks belong to the thread, as in Go's C code), the signal mask, or a CET shadow stack. It does not tell
//! valgrind about stacks (they are far apart, which valgrind's own guess handles).
//!
//! Invariants
//! 1. No reference to a `Fiber` exists over a switch: raw pointers only (`&mut` across a switch is miscompiled at once).
//! 2. A task is made runnable for others only after its `suspend` has arrived on the scheduler stack.
//! 3. After a switch the code may be on another thread: nothing read from thread-local storage before it is valid.
//!
//! Rejected: symmetric switches from task to task (no gain once there are locks); asking a static "is a sanitizer here?" at
//! each switch (the fiber knows: its second word is null).

use core::mem::size_of;
use core::ptr::null_mut;

use super::stack::Stack;

/// A saved context: a task's while it is not running, a scheduler's while one of its tasks runs.
#[repr(C)]
#[derive(Debug)]
pub struct Fiber {
    sp: *mut u8,
    side: *mut hooked::Side,
}

const _: () = assert!(size_of::<Fiber>() == 16);

impl Fiber {
    /// For a scheduler: ready to use. For a task: to be `prepare`d.
    pub const fn new() -> Fiber {
        Fiber { sp: null_mut(), side: null_mut() }
    }

    /// Whether a switch of it is nothing but an exchange of stack pointers, the first word (no sanitizer watches).
    #[inline(always)]
    pub fn is_plain(&self) -> bool {
        self.side.is_null()
    }

    /// Frees what a sanitizer needed for this fiber. For a scheduler when its thread ends, for a task that is given up
    /// while suspended; a finished task needs none. Does nothing in an ordinary process.
    ///
    /// # Safety
    /// `fiber` is valid and not in use; it is not resumed afterwards unless prepared again.
    pub unsafe fn release(fiber: *mut Fiber) {
        // SAFETY: the caller's promise.
        unsafe {
            if !(*fiber).side.is_null() {
                hooked::drop_side((*fiber).side);
                (*fiber).side = null_mut();
            }
        }
    }
}

impl Default for Fiber {
    fn default() -> Self {
        Fiber::new()
    }
}

/// A task is spawned that will be `prepare`d, or `release`d: the checking library (`race.rs`) notes where. Nothing in other builds.
///
/// # Safety
/// `task` is valid, and in no use.
#[inline(always)]
pub unsafe fn spawned(task: *mut Fiber) {
    // SAFETY: the caller's promise.
    unsafe {
        if cfg!(gort_race) {
            (*task).side = null_mut();
            if hooked::present() {
                hooked::spawned(task)
            }
        }
    }
}

/// Makes `task` a fresh context on `stack`: the first `resume(task, _, arg)` calls `entry(arg)` there, 16-byte aligned, with
/// a frame that ends every backtrace.
///
/// # Safety
/// `task` is valid and not running; `stack` is in no other use until `task` has finished or is given up.
#[inline]
pub unsafe fn prepare(task: *mut Fiber, stack: &Stack, entry: unsafe extern "C" fn(usize) -> !) {
    // SAFETY: the caller's promise.
    unsafe {
        if hooked::present() {
            return hooked::prepare(task, stack, entry);
        }
        (*task).side = null_mut();
        (*task).sp = arch::prepare(stack.top(), stack.limit(), entry);
    }
}

/// Names a task for the reports of a sanitizer: `name` is asked for only where one watches.
///
/// # Safety
/// `task` is prepared and has not begun.
#[inline]
pub unsafe fn set_name(task: *mut Fiber, name: impl FnOnce() -> std::ffi::CString) {
    // SAFETY: the caller's promise.
    unsafe {
        if !(*task).side.is_null() {
            hooked::set_name(task, &name())
        }
    }
}

/// Runs `task` on its own stack until it suspends or finishes. Called on a scheduler's stack.
///
/// # Safety
/// `task` is prepared or suspended, and nobody else resumes it; `sched` is this thread's own and stays valid meanwhile.
#[inline(always)]
pub unsafe fn resume(task: *mut Fiber, sched: *mut Fiber, arg: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*task).side.is_null() {
            arch::resume(&raw mut (*task).sp, &raw mut (*sched).sp, arg);
        } else {
            hooked::resume(task, sched, arg);
        }
    }
}

/// Goes back to the scheduler stack; returns, with the argument of the next `resume`, when the task is resumed, maybe on
/// another thread.
///
/// # Safety
/// `task` is the running context, `sched` the one that resumed it last.
#[inline(always)]
pub unsafe fn suspend(task: *mut Fiber, sched: *mut Fiber) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        if (*task).side.is_null() {
            arch::suspend(&raw mut (*task).sp, &raw mut (*sched).sp)
        } else {
            hooked::suspend(task, sched)
        }
    }
}

/// The last switch out of a task. Its stack may be used again as soon as the scheduler goes on.
///
/// # Safety
/// As for `suspend`; nothing on the task's stack is needed or dropped any more.
#[inline(always)]
pub unsafe fn finish(task: *mut Fiber, sched: *mut Fiber) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        if (*task).side.is_null() {
            arch::finish(&raw mut (*task).sp, &raw mut (*sched).sp)
        } else {
            hooked::finish(task, sched)
        }
    }
}

/// What this build switches with, for the report of a run.
pub const BACKEND: &str = arch::NAME;

#[cfg(all(target_arch = "x86_64", not(gort_corosensei)))]
#[path = "context/x86_64.rs"]
mod arch;
#[cfg(not(all(target_arch = "x86_64", not(gort_corosensei))))]
#[path = "context/coro.rs"]
mod arch;
mod hooked;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::lock::ByteLock;
    use crate::sys::prim::{AtomicUsize, Ordering::*};
    use crate::sys::stack;

    struct Run {
        task: Fiber,
        sched: Fiber,
        seen: Vec<usize>,
        done: bool,
        rounds: usize,
    }

    fn run(rounds: usize) -> Box<Run> {
        Box::new(Run { task: Fiber::new(), sched: Fiber::new(), seen: Vec::new(), done: false, rounds })
    }

    unsafe extern "C" fn body(arg: usize) -> ! {
        let r = arg as *mut Run;
        // SAFETY: the test keeps `Run` alive; all access is through the raw pointer.
        unsafe {
            let aligned: u128 = 5;
            assert_eq!((&raw const aligned) as usize % 16, 0);
            for i in 0..(*r).rounds {
                let x = std::hint::black_box(i as f64 * 1.5);
                let got = suspend(&raw mut (*r).task, &raw mut (*r).sched);
                let seen = &mut (*r).seen;
                seen.push(got + (x * 2.0) as usize - 3 * i);
            }
            (*r).done = true;
            finish(&raw mut (*r).task, &raw mut (*r).sched)
        }
    }

    #[test]
    fn values_go_in_and_stacks_are_used_again() {
        let stack = stack::alloc(stack::class_for(0).unwrap()).unwrap();
        for rounds in [0, 1, 7, 100] {
            let r = Box::into_raw(run(rounds));
            // SAFETY: one thread; the stack is free again after each finish.
            unsafe {
                prepare(&raw mut (*r).task, &stack, body);
                resume(&raw mut (*r).task, &raw mut (*r).sched, r as usize);
                for i in 0..rounds {
                    assert!(!(*r).done);
                    resume(&raw mut (*r).task, &raw mut (*r).sched, 1000 + i);
                }
                assert!((*r).done);
                assert_eq!((*r).seen, (0..rounds).map(|i| 1000 + i).collect::<Vec<_>>());
                Fiber::release(&raw mut (*r).sched);
                drop(Box::from_raw(r));
            }
        }
        // SAFETY: the last task has finished.
        unsafe { stack::free(stack) };
    }

    unsafe extern "C" fn deep(arg: usize) -> ! {
        let r = arg as *mut Run;
        // SAFETY: as in `body`.
        unsafe {
            let caught = std::panic::catch_unwind(|| {
                if std::hint::black_box(true) {
                    std::panic::resume_unwind(Box::new(17usize));
                }
            });
            let seen = &mut (*r).seen;
            seen.push(*caught.unwrap_err().downcast::<usize>().unwrap());
            let trace = std::backtrace::Backtrace::force_capture().to_string();
            // Our own contexts end the chain; corosensei's go on into the resumer.
            let ends = BACKEND == "corosensei" || !trace.contains("backtraces_end");
            seen.push(usize::from(trace.contains("deep") && ends));
            drop(trace);
            suspend(&raw mut (*r).task, &raw mut (*r).sched);
            (*r).done = true;
            finish(&raw mut (*r).task, &raw mut (*r).sched)
        }
    }

    #[test]
    fn panics_are_caught_and_backtraces_end() {
        let stack = stack::alloc(stack::class_for(256 << 10).unwrap()).unwrap();
        let r = Box::into_raw(run(0));
        // SAFETY: as above.
        unsafe {
            prepare(&raw mut (*r).task, &stack, deep);
            resume(&raw mut (*r).task, &raw mut (*r).sched, r as usize);
            assert_eq!((*r).seen, [17, 1]);
            resume(&raw mut (*r).task, &raw mut (*r).sched, 0);
            assert!((*r).done);
            Fiber::release(&raw mut (*r).sched);
            drop(Box::from_raw(r));
            stack::free(stack);
        }
    }

    struct Many {
        run: Run,
        stack: Stack,
        sched: *mut Fiber,
    }

    unsafe extern "C" fn wander(arg: usize) -> ! {
        let m = arg as *mut Many;
        // SAFETY: as in `body`; `sched` is set by each resumer.
        unsafe {
            let mut sum = 0usize;
            for i in 0..(*m).run.rounds {
                let local = std::hint::black_box([i; 16]);
                let add = suspend(&raw mut (*m).run.task, (*m).sched);
                sum += add + local[i % 16] - i;
            }
            (*m).run.rounds = sum;
            (*m).run.done = true;
            finish(&raw mut (*m).run.task, (*m).sched)
        }
    }

    #[test]
    fn many_tasks_wander_between_threads() {
        const TASKS: usize = 200;
        const ROUNDS: usize = 200;
        // Not std's locks and scopes: they are not instrumented, so TSan would see races where there are none.
        static LOCK: ByteLock = ByteLock::new();
        static mut QUEUE: std::collections::VecDeque<(usize, usize)> = std::collections::VecDeque::new();
        fn with<R>(f: impl FnOnce(&mut std::collections::VecDeque<(usize, usize)>) -> R) -> R {
            // SAFETY: under the lock.
            LOCK.with(|| unsafe {
                let queue = &raw mut QUEUE;
                f(&mut *queue)
            })
        }
        for _ in 0..TASKS {
            let stack = stack::alloc(stack::class_for(0).unwrap()).unwrap();
            let m = Box::into_raw(Box::new(Many { run: *run(ROUNDS), stack, sched: null_mut() }));
            // SAFETY: fresh.
            unsafe { prepare(&raw mut (*m).run.task, &stack, wander) };
            with(|q| q.push_back((m as usize, m as usize)));
        }
        static TOTAL: AtomicUsize = AtomicUsize::new(0);
        let work = || {
            let mut sched = Fiber::new();
            let sched = &raw mut sched;
            while let Some((m, arg)) = with(|q| q.pop_front()) {
                let m = m as *mut Many;
                // SAFETY: taken from the queue, so it is ours until put back.
                unsafe {
                    (*m).sched = sched;
                    resume(&raw mut (*m).run.task, sched, arg);
                    if (*m).run.done {
                        TOTAL.fetch_add((*m).run.rounds, Relaxed);
                        stack::free((*m).stack);
                        drop(Box::from_raw(m));
                    } else {
                        with(|q| q.push_back((m as usize, 3)));
                    }
                }
            }
            // SAFETY: this thread resumes no more.
            unsafe { Fiber::release(sched) };
        };
        let threads: Vec<_> = (0..3).map(|_| std::thread::spawn(work)).collect();
        threads.into_iter().for_each(|t| t.join().unwrap());
        assert_eq!(TOTAL.load(Relaxed), TASKS * ROUNDS * 3);
    }
}

//! The switch by corosensei, for processors other than x86-64 (and there with `--cfg gort_corosensei`, to compare).
//!
//! The saved "stack pointer" of a task is the address of its `Block` at the top of its own stack: the coroutine object and its
//! yielder. A scheduler's is not used, as a coroutine knows who resumed it.
//!
//! What it is NOT: an owner. The coroutine is never dropped: dropping a suspended one unwinds through frames that may be C's,
//! and a finished task is simply suspended for ever; its stack is overwritten by the next task.

use core::mem::{MaybeUninit, size_of};
use core::ptr::null;
use corosensei::stack::{Stack as CoroStack, StackPointer};
use corosensei::{Coroutine, Yielder};

pub const NAME: &str = "corosensei";

struct Raw {
    base: StackPointer,
    limit: StackPointer,
}
// SAFETY: the stack has a guard at its low end and is far larger than the minimum.
unsafe impl CoroStack for Raw {
    fn base(&self) -> StackPointer {
        self.base
    }
    fn limit(&self) -> StackPointer {
        self.limit
    }
}

#[repr(align(16))]
struct Block {
    coroutine: MaybeUninit<Coroutine<usize, (), (), Raw>>,
    yielder: *const Yielder<usize, ()>,
}

pub unsafe fn prepare(top: *mut u8, limit: *mut u8, entry: unsafe extern "C" fn(usize) -> !) -> *mut u8 {
    let address = (top as usize - size_of::<Block>()) & !15;
    let block = top.with_addr(address).cast::<Block>();
    let pointer = |p: usize| StackPointer::new(p).expect("a stack is not at address 0");
    let raw = Raw { base: pointer(address), limit: pointer(limit as usize) };
    let body = move |yielder: &Yielder<usize, ()>, arg: usize| {
        // SAFETY: the block lies above this stack and lives as long as it; the entry never returns.
        unsafe {
            (*block).yielder = yielder;
            entry(arg)
        }
    };
    // SAFETY: the block is inside the stack and ours; the coroutine in it is overwritten, never dropped.
    unsafe {
        (*block).yielder = null();
        (&raw mut (*block).coroutine).write(MaybeUninit::new(Coroutine::with_stack(raw, body)));
    }
    block.cast()
}

#[inline(always)]
pub unsafe fn resume(task: *mut *mut u8, _sched: *mut *mut u8, arg: usize) {
    // SAFETY: a prepared block; nothing else touches the coroutine object while it runs.
    unsafe { (*(*task).cast::<Block>()).coroutine.assume_init_mut().resume(arg) };
}

#[inline(always)]
pub unsafe fn suspend(task: *mut *mut u8, _sched: *mut *mut u8) -> usize {
    // SAFETY: called inside the coroutine, whose yielder lives on its stack.
    unsafe { (*(*(*task).cast::<Block>()).yielder).suspend(()) }
}

#[inline(always)]
pub unsafe fn finish(task: *mut *mut u8, sched: *mut *mut u8) -> ! {
    // SAFETY: as for suspend. Nobody resumes a finished task.
    unsafe {
        suspend(task, sched);
        core::hint::unreachable_unchecked()
    }
}

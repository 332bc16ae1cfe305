//! The switch of our own for x86-64: push, exchange the stack pointer, pop, jump.
//!
//! A saved context is a stack pointer to three words: where to go on, rbx, rbp. A fresh one has two: the trampoline, and the
//! entry it is to call. The asm is inlined at each use, so the jump at each place has a predictor entry of its own, and all
//! other registers are clobbers, so only live ones are saved.
//!
//! What it is NOT: a saver of control words (mxcsr, x87), signal mask or shadow stack.
//!
//! Invariant: no `call` and no `ret` whose other half is on another stack; the processor predicts returns by a stack of its
//! own, and one mismatch costs more than the whole switch.

use core::arch::{asm, naked_asm};

pub const NAME: &str = "x86_64";

/// Saves the own stack pointer to `*save` and goes on at `to`; returns what the switch back to us passes.
///
/// # Safety
/// `to` was saved here or made by `prepare`, and is used once; `save` is valid for a write.
#[inline(always)]
pub unsafe fn switch(save: *mut *mut u8, to: *mut u8, arg: usize) -> usize {
    let out: usize;
    // SAFETY: what the compiler keeps over the asm is in memory (all registers but rbx, rbp and rsp are clobbered, and
    // those are saved by hand); the other side, by the caller's promise, is such a context too.
    unsafe {
        asm!(
            "push rbp",
            "push rbx",
            "lea rax, [rip + 2f]",
            "push rax",
            "mov [rsi], rsp",
            "mov rsp, rdx",
            "pop rax",
            "jmp rax",
            "2:",
            "pop rbx",
            "pop rbp",
            inlateout("rdi") arg => out,
            in("rsi") save,
            in("rdx") to,
            lateout("r12") _,
            lateout("r13") _,
            lateout("r14") _,
            lateout("r15") _,
            clobber_abi("sysv64"),
        );
    }
    out
}

#[inline(always)]
pub unsafe fn resume(task: *mut *mut u8, sched: *mut *mut u8, arg: usize) {
    // SAFETY: the caller's promise.
    unsafe { switch(sched, *task, arg) };
}

#[inline(always)]
pub unsafe fn suspend(task: *mut *mut u8, sched: *mut *mut u8) -> usize {
    // SAFETY: the caller's promise.
    unsafe { switch(task, *sched, 0) }
}

#[inline(always)]
pub unsafe fn finish(_: *mut *mut u8, sched: *mut *mut u8) -> ! {
    // SAFETY: the scheduler's context was saved by its `resume`; this stack is left for good.
    unsafe {
        asm!(
            "mov rsp, {to}",
            "pop rax",
            "jmp rax",
            to = in(reg) *sched,
            options(noreturn),
        )
    }
}

/// The two words a first switch finds: where to jump, and for the trampoline, whom to call.
pub unsafe fn prepare(top: *mut u8, _limit: *mut u8, entry: unsafe extern "C" fn(usize) -> !) -> *mut u8 {
    debug_assert!((top as usize).is_multiple_of(16));
    // SAFETY: the top of a stack that is ours to write to.
    unsafe {
        let sp = top.cast::<usize>().sub(2);
        sp.write(trampoline as *const () as usize);
        sp.add(1).write(entry as usize);
        sp.cast()
    }
}

/// First code on a new stack: rdi holds the argument, the stack holds the entry. Enters it as if called from here, by a
/// jump (a call would unbalance the processor's return stack for the scheduler's own returns).
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        ".cfi_startproc",
        ".cfi_undefined rip",
        "pop rax",
        "xor ebp, ebp",
        "lea rcx, [rip + 2f]",
        "push rcx",
        "jmp rax",
        "2:",
        "ud2",
        ".cfi_endproc",
    )
}

//! Blocking send and receive for C callers, parking so that the resumed task goes straight back to its C caller (D9).
//!
//! After a switch the processor's return stack belongs to another task, so each `ret` on the way out of a park is mispredicted: 8 ns, as much as three atomics. An exported function has at
//! least one. So the blocking operations for C are cut in two plain functions, `begin` and `end`, and a naked stub between them: it calls `begin`; if that says "park", the
//! stub itself saves the callee-saved registers and switches; resumed, it calls `end`, pops the C caller's address and JUMPS there.
//!
//! Stack of a task parked here, from its saved stack pointer: address of label 2, r15, r14, r13, r12, rbx, rbp, the C caller's address. It is what `sys/context/x86_64.rs` expects of a saved
//! context: an address to jump to, with the resumer's argument in rdi; registers are the saver's business.
//!
//! Where there is no such switch (other processors, corosensei, sanitizers, host lanes) `begin` does the whole operation and never says "park". Rejected: the stub for every
//! exported function that may block (more assembly for calls that are not made millions of times a second).

use super::raw::{BLOCK, DYNAMIC, RawChan, operate, prepare_wait, wait_for_peer};
#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
use crate::sched::{Cx, thread::Thread, ticket};
use crate::status::Status;
use crate::wait::Reason;
use crate::wait::block::{self, Wait};

/// What `begin` says, in rax and rdx: a status, or the two contexts of a park.
#[repr(C)]
struct Begun {
    /// A status, or the scheduler's saved context.
    a: usize,
    /// 0, or the task's context to be saved.
    park: usize,
}

impl From<Status> for Begun {
    #[inline(always)]
    fn from(s: Status) -> Begun {
        Begun { a: s.code() as u32 as usize, park: 0 }
    }
}

#[inline(always)]
unsafe fn begin<const S: bool>(ch: *const RawChan, at: *mut u8) -> Begun {
    // SAFETY: contract of `send` and `recv`.
    unsafe {
        operate::<_, S, BLOCK, Begun>(ch, DYNAMIC, at, Wait::FOREVER, |cx, c| {
            let t = cx.task();
            if cfg!(not(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan))))
                || t.is_null()
                || (*t).lane.get() != 0
                || !(*(*t).fiber.get()).is_plain()
            {
                return wait_for_peer::<S>(cx, c, at, Wait::FOREVER).into();
            }
            prepare_wait::<S>(cx, c, at);
            let reason = if S { Reason::ChanSend } else { Reason::ChanRecv };
            block::prepare_park(cx, &c.header.lock, reason, core::ptr::from_ref(c).cast());
            Begun { a: cx.thread.sched.get().addr(), park: (*t).fiber.get().addr() }
        })
    }
}

#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
#[inline(always)]
unsafe fn end<const S: bool>(at: usize) -> i32 {
    // SAFETY: the resumer passes its thread; the current task's waiter names the channel it may still lie in.
    unsafe {
        let cx = Cx { thread: &*(at as *const Thread) };
        let party = cx.party();
        let (state, _) = party.ticket.outcome();
        if state == ticket::WON {
            return cx.out(party.waiter.status.get()).code();
        }
        let c = party.object.load(core::sync::atomic::Ordering::Relaxed).cast_const().cast::<RawChan>();
        super::raw::unlink_waiter::<S>(&*c, &party.waiter);
        cx.out(block::status_of(state, Wait::FOREVER)).code()
    }
}

unsafe extern "C" fn begin_send(ch: *const RawChan, src: *const u8) -> Begun {
    // SAFETY: contract of `send`.
    unsafe { begin::<true>(ch, src.cast_mut()) }
}
unsafe extern "C" fn begin_recv(ch: *const RawChan, dst: *mut u8) -> Begun {
    // SAFETY: contract of `recv`.
    unsafe { begin::<false>(ch, dst) }
}

#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
unsafe extern "C" fn end_send(at: usize) -> i32 {
    // SAFETY: called by the stub with the resumer's argument.
    unsafe { end::<true>(at) }
}
#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
unsafe extern "C" fn end_recv(at: usize) -> i32 {
    // SAFETY: as above.
    unsafe { end::<false>(at) }
}

#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
macro_rules! stub {
    ($begin:ident, $end:ident) => {
        core::arch::naked_asm!(
            ".cfi_startproc",
            "sub rsp, 8",
            ".cfi_adjust_cfa_offset 8",
            "call {begin}",
            "add rsp, 8",
            ".cfi_adjust_cfa_offset -8",
            "test rdx, rdx",
            "jne 3f",
            "ret",
            "3:",
            "push rbp",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset rbp, 0",
            "push rbx",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset rbx, 0",
            "push r12",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset r12, 0",
            "push r13",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset r13, 0",
            "push r14",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset r14, 0",
            "push r15",
            ".cfi_adjust_cfa_offset 8",
            ".cfi_rel_offset r15, 0",
            "lea rcx, [rip + 2f]",
            "push rcx",
            "mov [rdx], rsp",
            "mov rsp, [rax]",
            "pop rcx",
            "jmp rcx",
            "2:",
            "pop r15",
            "pop r14",
            "pop r13",
            "pop r12",
            "pop rbx",
            "pop rbp",
            ".cfi_adjust_cfa_offset -48",
            ".cfi_restore rbp",
            ".cfi_restore rbx",
            ".cfi_restore r12",
            ".cfi_restore r13",
            ".cfi_restore r14",
            ".cfi_restore r15",
            "sub rsp, 8",
            ".cfi_adjust_cfa_offset 8",
            "call {end}",
            "add rsp, 8",
            ".cfi_adjust_cfa_offset -8",
            "pop rcx",
            ".cfi_adjust_cfa_offset -8",
            "jmp rcx",
            ".cfi_endproc",
            begin = sym $begin,
            end = sym $end,
        )
    };
}

/// `raw::send` for a C caller; the number of its status.
///
/// # Safety
/// As `raw::send`.
#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
#[unsafe(naked)]
pub unsafe extern "C" fn send(ch: *const RawChan, src: *const u8) -> i32 {
    stub!(begin_send, end_send)
}

/// `raw::recv` for a C caller; the number of its status.
///
/// # Safety
/// As `raw::recv`.
#[cfg(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan)))]
#[unsafe(naked)]
pub unsafe extern "C" fn recv(ch: *const RawChan, dst: *mut u8) -> i32 {
    stub!(begin_recv, end_recv)
}

/// `raw::send` for a C caller; the number of its status.
///
/// # Safety
/// As `raw::send`.
#[cfg(not(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan))))]
pub unsafe extern "C" fn send(ch: *const RawChan, src: *const u8) -> i32 {
    // SAFETY: contract; `begin` completes without a stub.
    unsafe { begin_send(ch, src).a as i32 }
}

/// `raw::recv` for a C caller; the number of its status.
///
/// # Safety
/// As `raw::recv`.
#[cfg(not(all(target_arch = "x86_64", not(gort_corosensei), not(gort_tsan))))]
pub unsafe extern "C" fn recv(ch: *const RawChan, dst: *mut u8) -> i32 {
    // SAFETY: contract; `begin` completes without a stub.
    unsafe { begin_recv(ch, dst).a as i32 }
}

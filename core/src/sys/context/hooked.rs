//! The four functions of `context` for a process that a sanitizer watches: ASan and TSan are told about each switch (D16).
//!
//! What a sanitizer must know of a fiber is in its `Side`, which exists only here; a fiber without one takes the plain path.
//! ASan: the bounds of the stack that is entered, and the fake stack of the one that is left. TSan: a fiber for each task,
//! made by `prepare` and destroyed on the scheduler's stack after `finish` (its number is limited to some 8,000 at a time).
//!
//! What it is NOT: needed for speed, or in ordinary builds; everything is cold.
//!
//! Invariant: the call that changes TSan's fiber stands in the same frame as the switch, so that each shadow stack of calls
//! and returns stays balanced; hence `leave` and `arrive` are always inlined, and the rest never.
//!
//! Rejected: keeping TSan fibers with stacks (a finished task leaves its frames on the fiber's shadow stack; thousands of
//! uses overflow it); asking for the symbols by `dlsym` alone (a program with the runtime linked in does not export them).

use core::ffi::c_void;
use core::mem::size_of;
use core::ptr::null_mut;

use super::{Fiber, arch};
use crate::sys::prim::{AtomicPtr, AtomicU8, Ordering::*};
use crate::sys::stack::Stack;

/// What a sanitizer must know of a fiber. Made only where one is present.
pub(super) struct Side {
    tsan: *mut c_void,
    /// ASan's fake stack of the fiber while it is not running.
    fake: *mut c_void,
    bottom: usize,
    size: usize,
    /// A task's: who is to be called, with what.
    entry: Option<unsafe extern "C" fn(usize) -> !>,
    arg: usize,
    started: bool,
    finished: bool,
}

type Start = unsafe extern "C" fn(*mut *mut c_void, *const c_void, usize);
type Finish = unsafe extern "C" fn(*mut c_void, *mut *const c_void, *mut usize);
type Unpoison = unsafe extern "C" fn(*const c_void, usize);
type Create = unsafe extern "C" fn(u32) -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type SwitchTo = unsafe extern "C" fn(*mut c_void, u32);
type Current = unsafe extern "C" fn() -> *mut c_void;

/// 0: not looked for yet, 1: none, 2: present.
static STATE: AtomicU8 = AtomicU8::new(0);

/// A function of a sanitizer, looked up by name.
struct Hook<F>(AtomicPtr<c_void>, core::marker::PhantomData<F>);

impl<F: Copy> Hook<F> {
    const fn new() -> Self {
        Hook(AtomicPtr::new(null_mut()), core::marker::PhantomData)
    }

    /// `linked` is what the linker found; a library loaded later than the sanitizer's own finds it by name.
    fn find(&self, linked: *mut c_void, name: &core::ffi::CStr) -> bool {
        let p = if linked.is_null() {
            // SAFETY: a name that ends in NUL.
            unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) }
        } else {
            linked
        };
        self.0.store(p, Relaxed);
        !p.is_null()
    }

    #[inline(always)]
    fn get(&self) -> Option<F> {
        const { assert!(size_of::<F>() == size_of::<*mut c_void>()) };
        let p = self.0.load(Relaxed);
        // SAFETY: F is the type of the function that stands under this name.
        (!p.is_null()).then(|| unsafe { core::mem::transmute_copy(&p) })
    }
}

/// The address of a symbol that may be missing. A program with the sanitizer linked in does not export it to `dlsym`, so
/// a weak reference is tried first.
macro_rules! weak {
    ($name:literal) => {{
        let p: *mut c_void;
        // SAFETY: reads a word of the global offset table, 0 if nobody defines the symbol.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("mov {}, qword ptr [rip + ", $name, "@GOTPCREL]"),
                out(reg) p,
                options(nostack, preserves_flags, readonly),
            )
        };
        // SAFETY: as above.
        #[cfg(target_arch = "aarch64")]
        unsafe {
            core::arch::asm!(
                concat!(".weak ", $name),
                concat!("adrp {0}, :got:", $name),
                concat!("ldr {0}, [{0}, :got_lo12:", $name, "]"),
                out(reg) p,
                options(nostack, preserves_flags, readonly),
            )
        };
        #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
        {
            p = null_mut();
        }
        p
    }};
}

macro_rules! find {
    ($hook:ident, $name:literal) => {{
        const NAME: &core::ffi::CStr = match core::ffi::CStr::from_bytes_with_nul(concat!($name, "\0").as_bytes()) {
            Ok(name) => name,
            Err(_) => panic!("a name holds no NUL"),
        };
        $hook.find(weak!($name), NAME)
    }};
}

static START: Hook<Start> = Hook::new();
static FINISH: Hook<Finish> = Hook::new();
static UNPOISON: Hook<Unpoison> = Hook::new();
static CREATE: Hook<Create> = Hook::new();
static DESTROY: Hook<Destroy> = Hook::new();
static SWITCH_TO: Hook<SwitchTo> = Hook::new();
static CURRENT: Hook<Current> = Hook::new();

#[inline(always)]
pub fn present() -> bool {
    match STATE.load(Acquire) {
        0 => look(),
        state => state == 2,
    }
}

#[cold]
fn look() -> bool {
    let asan = find!(START, "__sanitizer_start_switch_fiber")
        & find!(FINISH, "__sanitizer_finish_switch_fiber")
        & find!(UNPOISON, "__asan_unpoison_memory_region");
    let tsan = find!(CREATE, "__tsan_create_fiber")
        & find!(DESTROY, "__tsan_destroy_fiber")
        & find!(SWITCH_TO, "__tsan_switch_to_fiber")
        & find!(CURRENT, "__tsan_get_current_fiber");
    STATE.store(if asan || tsan { 2 } else { 1 }, Release);
    asan || tsan
}

fn new_side(bottom: usize, size: usize) -> *mut Side {
    Box::into_raw(Box::new(Side {
        tsan: null_mut(),
        fake: null_mut(),
        bottom,
        size,
        entry: None,
        arg: 0,
        started: false,
        finished: false,
    }))
}

#[cold]
pub unsafe fn drop_side(side: *mut Side) {
    // SAFETY: made by `new_side`, given up by its owner. Only a task's TSan fiber is ours to destroy.
    unsafe {
        let side = Box::from_raw(side);
        if let (Some(destroy), Some(_)) = (DESTROY.get(), side.entry)
            && !side.tsan.is_null()
        {
            destroy(side.tsan);
        }
    }
}

#[cold]
pub unsafe fn prepare(task: *mut Fiber, stack: &Stack, entry: unsafe extern "C" fn(usize) -> !) {
    let (bottom, top) = (stack.limit() as usize, stack.top() as usize);
    let side = new_side(bottom, top - bottom);
    // SAFETY: the caller's promise; the side is ours.
    unsafe {
        (*side).entry = Some(entry);
        if let Some(unpoison) = UNPOISON.get() {
            // The last user's frames were left without their epilogues.
            unpoison(bottom as *const c_void, top - bottom);
        }
        if let Some(create) = CREATE.get() {
            (*side).tsan = create(0);
        }
        (*task).side = side;
        (*task).sp = arch::prepare(stack.top(), stack.limit(), begin);
    }
}

/// First code of a watched task.
unsafe extern "C" fn begin(side: usize) -> ! {
    let side = side as *mut Side;
    // SAFETY: the side of the task that starts here, passed by its first resume.
    unsafe {
        arrive(side);
        match (*side).entry {
            Some(entry) => entry((*side).arg),
            None => core::hint::unreachable_unchecked(),
        }
    }
}

/// Before a switch: from one fiber to another.
#[inline(always)]
unsafe fn leave(from: *mut Side, to: *mut Side) {
    // SAFETY: both sides are valid; `to` is not running.
    unsafe {
        if let Some(start) = START.get() {
            let save = if (*from).finished { null_mut() } else { &raw mut (*from).fake };
            start(save, (*to).bottom as *const c_void, (*to).size);
        }
        if let Some(switch_to) = SWITCH_TO.get() {
            // Flag 0: what happened before the switch is seen after it, as all of it runs on this thread.
            switch_to((*to).tsan, 0);
        }
    }
}

/// After a switch: now on `me`.
#[inline(always)]
unsafe fn arrive(me: *mut Side) {
    // SAFETY: the side of the fiber that runs now.
    unsafe {
        if let Some(finish) = FINISH.get() {
            finish((*me).fake, null_mut(), null_mut());
        }
    }
}

#[cold]
#[inline(never)]
pub unsafe fn resume(task: *mut Fiber, sched: *mut Fiber, mut arg: usize) {
    // SAFETY: the caller's promise.
    unsafe {
        if (*sched).side.is_null() {
            let (bottom, size) = thread_stack();
            (*sched).side = new_side(bottom, size);
        }
        let (t, s) = ((*task).side, (*sched).side);
        if let Some(current) = CURRENT.get() {
            (*s).tsan = current();
        }
        if !(*t).started {
            (*t).started = true;
            (*t).arg = arg;
            arg = t as usize;
        }
        leave(s, t);
        arch::resume(&raw mut (*task).sp, &raw mut (*sched).sp, arg);
        arrive(s);
        if (*t).finished {
            (*task).side = null_mut();
            drop_side(t);
        }
    }
}

#[cold]
#[inline(never)]
pub unsafe fn suspend(task: *mut Fiber, sched: *mut Fiber) -> usize {
    // SAFETY: the caller's promise.
    unsafe {
        let t = (*task).side;
        leave(t, (*sched).side);
        let arg = arch::suspend(&raw mut (*task).sp, &raw mut (*sched).sp);
        arrive(t);
        arg
    }
}

#[cold]
#[inline(never)]
pub unsafe fn finish(task: *mut Fiber, sched: *mut Fiber) -> ! {
    // SAFETY: the caller's promise.
    unsafe {
        (*(*task).side).finished = true;
        leave((*task).side, (*sched).side);
        arch::finish(&raw mut (*task).sp, &raw mut (*sched).sp)
    }
}

/// Lowest address and size of the calling thread's own stack.
fn thread_stack() -> (usize, usize) {
    // SAFETY: plain queries about the calling thread; the attribute object is initialised by the first call.
    unsafe {
        let mut attr: libc::pthread_attr_t = core::mem::zeroed();
        if libc::pthread_getattr_np(libc::pthread_self(), &mut attr) != 0 {
            return (0, 0);
        }
        let (mut bottom, mut size) = (null_mut(), 0);
        libc::pthread_attr_getstack(&attr, &mut bottom, &mut size);
        libc::pthread_attr_destroy(&mut attr);
        (bottom as usize, size)
    }
}

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

use core::ffi::{CStr, c_char, c_void};
use core::ptr::null_mut;

use super::{Fiber, arch};
use crate::sys::hook::{Hook, find};
use crate::sys::prim::{AtomicU8, AtomicUsize, Ordering::*};
use crate::sys::race;
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
    /// Made by `spawned`.
    early: bool,
}

type Start = unsafe extern "C" fn(*mut *mut c_void, *const c_void, usize);
type Finish = unsafe extern "C" fn(*mut c_void, *mut *const c_void, *mut usize);
type Unpoison = unsafe extern "C" fn(*const c_void, usize);
type Create = unsafe extern "C" fn(u32) -> *mut c_void;
type Destroy = unsafe extern "C" fn(*mut c_void);
type SwitchTo = unsafe extern "C" fn(*mut c_void, u32);
type Current = unsafe extern "C" fn() -> *mut c_void;
type SetName = unsafe extern "C" fn(*mut c_void, *const c_char);

/// What a switch orders, as a flag of TSan's: everything (0; all of it runs on one thread), or nothing (1), where each order is announced by hand (`sys/race.rs`).
const ORDERS: u32 = if cfg!(gort_race) { 1 } else { 0 };

/// How many fibers that were made by `spawned` there are, and the most: TSan has some 8,000, and those that run need theirs.
static EARLY: AtomicUsize = AtomicUsize::new(0);
const MOST_EARLY: usize = 2000;

/// 0: not looked for yet, 1: none, 2: present.
static STATE: AtomicU8 = AtomicU8::new(0);

static START: Hook<Start> = Hook::new();
static FINISH: Hook<Finish> = Hook::new();
static UNPOISON: Hook<Unpoison> = Hook::new();
static CREATE: Hook<Create> = Hook::new();
static DESTROY: Hook<Destroy> = Hook::new();
static SWITCH_TO: Hook<SwitchTo> = Hook::new();
static CURRENT: Hook<Current> = Hook::new();
static SET_NAME: Hook<SetName> = Hook::new();

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
        & find!(CURRENT, "__tsan_get_current_fiber")
        & find!(SET_NAME, "__tsan_set_fiber_name");
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
        early: false,
    }))
}

#[cold]
pub unsafe fn drop_side(side: *mut Side) {
    // SAFETY: made by `new_side`, given up by its owner. Only a task's TSan fiber is ours to destroy.
    unsafe {
        let side = Box::from_raw(side);
        if side.early {
            EARLY.fetch_sub(1, Relaxed);
        }
        if let (Some(destroy), true) = (DESTROY.get(), side.early || side.entry.is_some())
            && !side.tsan.is_null()
        {
            destroy(side.tsan);
        }
    }
}

/// Makes TSan's fiber of a task. Out of line: it is the first frame of "created by" in a report.
#[inline(never)]
fn create_task(create: Create) -> *mut c_void {
    // SAFETY: a fiber of its own, which is given back by `drop_side`.
    race::alone(|| unsafe { create(0) })
}

#[cold]
pub unsafe fn spawned(task: *mut Fiber) {
    let Some(create) = CREATE.get() else { return };
    let early = EARLY.fetch_add(1, Relaxed) < MOST_EARLY;
    if !early {
        EARLY.fetch_sub(1, Relaxed);
        return;
    }
    let side = new_side(0, 0);
    // SAFETY: the caller's promise; the side is ours.
    unsafe {
        (*side).tsan = create_task(create);
        (*side).early = true;
        (*task).side = side;
    }
}

#[cold]
pub unsafe fn prepare(task: *mut Fiber, stack: &Stack, entry: unsafe extern "C" fn(usize) -> !) {
    let (bottom, top) = (stack.limit() as usize, stack.top() as usize);
    // SAFETY: the caller's promise; the side is ours.
    unsafe {
        let early = if cfg!(gort_race) { (*task).side } else { null_mut() };
        let side = if early.is_null() { new_side(0, 0) } else { early };
        (*side).bottom = bottom;
        (*side).size = top - bottom;
        (*side).entry = Some(entry);
        if let Some(unpoison) = UNPOISON.get() {
            // The last user's frames were left without their epilogues.
            unpoison(bottom as *const c_void, top - bottom);
        }
        if let Some(create) = CREATE.get() {
            if (*side).tsan.is_null() {
                (*side).tsan = create_task(create);
            }
            race::renew(stack.limit(), stack.class().size());
        }
        (*task).side = side;
        (*task).sp = arch::prepare(stack.top(), stack.limit(), begin);
    }
}

/// What TSan's reports call a watched task; cut off where its room ends.
#[cold]
pub unsafe fn set_name(task: *mut Fiber, name: &CStr) {
    // SAFETY: the side of a prepared task; the text is copied.
    unsafe {
        if let Some(set) = SET_NAME.get() {
            set((*(*task).side).tsan, name.as_ptr())
        }
    }
}

/// First code of a watched task. It begins inside the bracket.
unsafe extern "C" fn begin(side: usize) -> ! {
    race::quiet_begin();
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
            switch_to((*to).tsan, ORDERS);
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
        race::quiet_end();
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

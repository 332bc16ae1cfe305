//! `WaitGroup`: counts tasks (or anything), and lets any number of parties wait for zero (M3).
//!
//! WG1  The count changes under the object's lock, and `wait` takes it even to find zero: so the last access to the group precedes the wake-up it causes (D8; models 5a, 5b), and the
//!      group may be freed right after the wait.
//! WG2  All waiters are released at zero; the group may be used again at once: whoever waits afterwards waits for the next zero.
//! WG3  A count below zero is refused with MISUSE and changes nothing.
//! WG4  `go` counts the task out when it is gone: its slot and stack are back, its panic is caught. (Go does not count a panicking one out, for its process dies.)
//! WG5  `tasks` are those of `go` that are not gone: they alone hold the group without a handle. So a group whose last handle of Rust's goes is freed at
//!      once, or by the last of them; what `add` left in the count is lost, for nobody could count it out. A wait borrows a handle, so no waiter is left then.
//!
//! Rejected: an atomic count with a lock-free "is it zero" (use after free); count and waiters in one atomic word (holds, but takes seven read-modify-writes where this takes four).

use crate::sched::party::{Reason, WaitQueue};
use crate::sched::task::{Entry, OnExit, SpawnOptions};
use crate::sched::{Cx, enter, objects, spawn_then, ticket};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::race::Shared;
use crate::sys::slab::{self, Header, Slab, Slot};
use crate::wait::block::{Wait, block, panics, refuse, status_of};
use crate::wait::{CancelSource, WakeList};
use core::ptr::NonNull;

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_WG: u8 = 4;

/// See the file's head.
#[repr(C, align(64))]
#[cfg_attr(loom, derive(Default))]
pub struct RawWg {
    header: Header,
    // ---- guarded by header.lock
    count: Cell<i64>,
    /// Tasks of `go` that will count themselves out (WG5).
    tasks: Cell<u32>,
    /// Nobody holds a handle any more: freed with the last task.
    orphan: Cell<bool>,
    waiters: WaitQueue,
    /// What was done before the count went down (sys/race.rs). Who waits has a share: it fetches late, when the slot may be another group's already.
    counted: Shared,
}

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for RawWg {
    const KIND: u8 = KIND_WG;
}

static GROUPS: Slab<RawWg> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "wait_groups", live: || GROUPS.live(), release: || {}, reset: || GROUPS.reset() };

/// A new group at zero, with one reference.
pub fn create() -> Result<NonNull<RawWg>, Status> {
    objects::make(&KEEPER, &GROUPS, |g| {
        g.count.set(0);
        g.tasks.set(0);
        g.orphan.set(false);
        g.waiters.clear();
        g.counted.renew();
        g.header.refs.store(1, Relaxed);
        g.header.epoch.store(slab::epoch(), Relaxed);
        g.header.kind.store(KIND_WG, Release);
    })
}

#[inline(always)]
unsafe fn lock(g: *const RawWg) -> Result<(Cx, &'static RawWg), Status> {
    if g.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract of the callers; type-stable.
    unsafe {
        let g = &*g;
        match g.header.lock_as(KIND_WG) {
            Status::Ok => Ok((cx, g)),
            s => Err(cx.out(s)),
        }
    }
}

/// Frees the group. MISUSE while it is not at zero, somebody waits, or a task of `go` is to count itself out.
///
/// # Safety
/// `g` is a handle or null.
pub unsafe fn free(g: *const RawWg) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, r) = match lock(g) {
            Ok(x) => x,
            Err(s) => return s,
        };
        if r.count.get() != 0 || r.tasks.get() != 0 || !r.waiters.is_empty() {
            r.header.lock.unlock();
            return cx.out(Status::Misuse);
        }
        r.header.kind.store(0, Relaxed);
        r.header.lock.unlock();
        GROUPS.free(NonNull::new_unchecked(g.cast_mut()));
        cx.out(Status::Ok)
    }
}

/// The last handle goes: frees the group now, or with the last of its tasks (WG5).
///
/// # Safety
/// `g` is a handle, which is given up; nobody waits.
pub unsafe fn give_up(g: *const RawWg) {
    // SAFETY: contract of the caller: `g` is its own.
    unsafe {
        if let Ok((cx, r)) = lock(g) {
            r.orphan.set(true);
            unlock_or_free(r);
            cx.exit()
        }
    }
}

/// Unlocks; an orphan without tasks is freed instead.
#[inline(always)]
unsafe fn unlock_or_free(g: &RawWg) {
    // SAFETY: the lock is held; an orphan has no handle, so nobody else comes, and no task will (WG5).
    unsafe {
        let over = g.orphan.get() && g.tasks.get() == 0;
        debug_assert!(!over || g.waiters.is_empty());
        if over {
            g.header.kind.store(0, Relaxed);
        }
        g.header.lock.unlock();
        if over {
            GROUPS.free(NonNull::from(g))
        }
    }
}

/// Under the lock: changes the count; at zero everybody who waits is won.
#[inline(always)]
unsafe fn change(g: &RawWg, n: i64, wakes: &mut WakeList) -> Status {
    match g.count.get().checked_add(n) {
        None => return Status::Limit,
        Some(c) if c < 0 => return Status::Misuse,
        Some(c) => g.count.set(c),
    }
    if g.count.get() == 0 {
        // SAFETY: the lock is held.
        unsafe { wakes.win_all(&g.waiters, Status::Ok) }
    }
    Status::Ok
}

/// Adds `n` (it may be negative). At zero all waiters go on.
///
/// # Safety
/// `g` is a handle or null.
#[inline(always)]
pub unsafe fn add(g: *const RawWg, n: i64) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, g) = match lock(g) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let mut wakes = WakeList::new();
        if n < 0 {
            g.counted.add()
        }
        let s = change(g, n, &mut wakes);
        g.header.lock.unlock();
        wakes.fire(cx);
        cx.out(s)
    }
}

/// Counts one out.
///
/// # Safety
/// `g` is a handle or null.
#[inline(always)]
pub unsafe fn done(g: *const RawWg) -> Status {
    // SAFETY: contract.
    unsafe { add(g, -1) }
}

/// Waits for zero, within `wait`.
///
/// # Safety
/// `g` is a handle or null.
pub unsafe fn wait_with(g: *const RawWg, wait: Wait) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, r) = match lock(g) {
            Ok(x) => x,
            Err(s) => return s,
        };
        if cx.party().is_canceled() {
            r.header.lock.unlock();
            return refuse(cx);
        }
        if r.count.get() == 0 {
            r.counted.fetch();
            r.header.lock.unlock();
            return cx.out(Status::Ok);
        }
        if panics(cx) {
            r.header.lock.unlock();
            return refuse(cx);
        }
        if !wait.is_forever()
            && let Some(s) = wait.over()
        {
            r.header.lock.unlock();
            return cx.out(s);
        }
        let w = cx.party().prepare_waiter(core::ptr::null_mut());
        r.waiters.push(w);
        let counted = r.counted.share();
        let (cx, state) = block(cx, &r.header.lock, Reason::WaitGroup, g.cast(), wait);
        if state == ticket::WON {
            counted.fetch();
            return cx.out(Status::Ok);
        }
        r.header.lock.with(|| r.waiters.remove(w));
        cx.out(status_of(state, wait))
    }
}

/// Waits for zero.
///
/// # Safety
/// `g` is a handle or null.
pub unsafe fn wait(g: *const RawWg) -> Status {
    // SAFETY: contract.
    unsafe { wait_with(g, Wait::FOREVER) }
}

/// Waits for zero within limits.
///
/// # Safety
/// `g` is a handle or null; `cancel` is a live source or null.
pub unsafe fn wait_until(g: *const RawWg, deadline: i64, cancel: *const CancelSource) -> Status {
    // SAFETY: contract.
    unsafe { wait_with(g, Wait { deadline, cancel }) }
}

/// OK at zero, else WOULD_BLOCK.
///
/// # Safety
/// `g` is a handle or null.
pub unsafe fn try_wait(g: *const RawWg) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, g) = match lock(g) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let zero = g.count.get() == 0;
        if zero {
            g.counted.fetch()
        }
        g.header.lock.unlock();
        cx.out(if zero { Status::Ok } else { Status::WouldBlock })
    }
}

/// Counts one in and spawns a task that counts it out when it is gone (WG4). On failure nothing is counted, and the entry is dropped.
///
/// # Safety
/// `g` is a handle or null; the entry as for `sched::spawn`.
pub unsafe fn go(g: *const RawWg, mut entry: Entry, options: SpawnOptions) -> Status {
    // SAFETY: contract.
    unsafe {
        let s = count_in(g);
        if !s.is_ok() {
            if let Some(drop) = entry.drop {
                drop(&mut entry)
            }
            return s;
        }
        let on_exit = OnExit {
            call: done_in,
            arg: g.cast_mut().cast(),
            #[cfg(gort_race)]
            after: (*g).counted.at(),
        };
        match spawn_then(entry, options, on_exit) {
            Ok(()) => Status::Ok,
            Err(s) => {
                if let Ok(cx) = enter() {
                    done_in(cx, on_exit.arg);
                    cx.exit()
                }
                s
            }
        }
    }
}

/// One more, and a task that will count it out.
#[inline(always)]
unsafe fn count_in(g: *const RawWg) -> Status {
    // SAFETY: contract of `go`.
    unsafe {
        let (cx, g) = match lock(g) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let s = match g.count.get().checked_add(1) {
            Some(n) => {
                // Never zero now, so nobody is woken (WG3).
                g.count.set(n);
                g.tasks.set(g.tasks.get() + 1);
                Status::Ok
            }
            None => Status::Limit,
        };
        g.header.lock.unlock();
        cx.out(s)
    }
}

/// `done` from inside, on a scheduler's stack. After a shutdown or fork the group may be gone; then there is nobody to tell.
unsafe fn done_in(cx: Cx, g: *mut ()) {
    // SAFETY: the group was alive when the task was counted in; slab objects are type-stable.
    unsafe {
        let g = &*g.cast_const().cast::<RawWg>();
        let mut wakes = WakeList::new();
        if g.header.lock_as(KIND_WG).is_ok() {
            g.tasks.set(g.tasks.get() - 1);
            let _ = change(g, -1, &mut wakes);
            unlock_or_free(g);
        }
        wakes.fire(cx);
    }
}

/// A group of Rust: cloned handles share one. It goes with the last of them and the last task of `go`; what `add` left in the count then is lost.
pub struct WaitGroup(Arc<Owned>);

struct Owned(NonNull<RawWg>);

// SAFETY: a slab object; every access is through its lock.
unsafe impl Send for Owned {}
// SAFETY: as above.
unsafe impl Sync for Owned {}

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: the last handle of Rust's.
        unsafe { give_up(self.0.as_ptr()) }
    }
}

impl Clone for WaitGroup {
    fn clone(&self) -> Self {
        WaitGroup(self.0.clone())
    }
}

impl Default for WaitGroup {
    fn default() -> Self {
        Self::new()
    }
}

impl WaitGroup {
    /// A group at zero.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn new() -> WaitGroup {
        match create() {
            Ok(g) => WaitGroup(Arc::new(Owned(g))),
            Err(s) => panic!("gort: no wait group: {s}"),
        }
    }

    fn raw(&self) -> *const RawWg {
        self.0.0.as_ptr()
    }

    /// Adds `n`, which may be negative. MISUSE (and no change) below zero.
    pub fn add(&self, n: i64) -> Result<(), Status> {
        // SAFETY: a live group.
        unsafe { add(self.raw(), n) }.ok()
    }

    /// Counts one out. MISUSE at zero.
    pub fn done(&self) -> Result<(), Status> {
        self.add(-1)
    }

    /// Waits for zero. Blocks the task (or thread). Ends early with CANCELED, DEADLOCK or SHUTDOWN.
    pub fn wait(&self) -> Result<(), Status> {
        // SAFETY: a live group.
        unsafe { wait(self.raw()) }.ok()
    }

    /// Is it at zero?
    pub fn try_wait(&self) -> Result<(), Status> {
        // SAFETY: a live group.
        unsafe { try_wait(self.raw()) }.ok()
    }

    /// Waits for zero within limits.
    #[cfg(not(loom))]
    pub fn wait_with(&self, w: crate::Wait) -> Result<(), Status> {
        // SAFETY: a live group.
        unsafe { wait_with(self.raw(), w.raw()) }.ok()
    }

    /// Counts one in and spawns `f`, counted out when it has ended, also by a panic.
    ///
    /// # Panics
    /// If the task can not be spawned: at `max_tasks`, without memory, or in a run that is over.
    #[cfg(not(loom))]
    pub fn go<F: FnOnce() + Send + 'static>(&self, f: F) {
        if let Err(s) = self.try_go(f) {
            panic!("gort: WaitGroup::go: {s}")
        }
    }

    /// `go` that reports instead of panicking.
    #[cfg(not(loom))]
    pub fn try_go<F: FnOnce() + Send + 'static>(&self, f: F) -> Result<(), Status> {
        // SAFETY: the closure is Send and called once; a group whose last handle goes lives on until its tasks have counted themselves out.
        unsafe { go(self.raw(), crate::task::entry(f), crate::task::thread_affine()) }.ok()
    }
}

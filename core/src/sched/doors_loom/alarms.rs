//! In place of `alarms.rs`: the nodes of the timers of the floors above stand in one list, and those that are due are fired by `expire`. What that has taken out fires, though it is taken back then.

use super::run::Run;
use super::task::{Entry, SpawnOptions};
use super::timers::{Fire, Handle};
use super::*;
use crate::sys::lock::ByteLock;
use crate::sys::{barrier, clock};
use core::cell::Cell as Local;
use core::ptr::null;

pub struct Kept {
    pub may_wake: fn() -> bool,
    pub end_run: fn(*const Run, bool),
}

type Node = (u64, i64, *mut (), Fire);

#[derive(Default)]
pub struct Shop {
    lock: ByteLock,
    nodes: UnsafeCell<Vec<Node>>,
    started: UnsafeCell<Vec<Entry>>,
    last: Cell<u64>,
}

thread_local! {
    static KEPT: Local<Option<&'static Kept>> = const { Local::new(None) };
    static RUN: Local<*const Run> = const { Local::new(null()) };
    static SHOP: Local<*const Shop> = const { Local::new(null()) };
}

pub(super) fn begin() {
    KEPT.set(None);
    RUN.set(null());
    SHOP.set(leak(Shop::default()))
}

fn shop() -> &'static Shop {
    // SAFETY: leaked until the next schedule.
    unsafe { &*SHOP.get() }
}

/// # Safety
/// As in `alarms.rs`.
pub unsafe fn arm(_: Cx, when: i64, _: i64, target: *mut (), fire: Fire) -> Option<Handle> {
    let s = shop();
    s.lock.with(|| {
        let id = s.last.get() + 1;
        s.last.set(id);
        // SAFETY: ours under the lock.
        unsafe { (*s.nodes.get()).push((id, when, target, fire)) };
        Some(Handle(id))
    })
}

/// Here every timer is taken back and armed anew.
pub fn rearm(_: Cx, _: Handle, _: i64, _: i64) -> bool {
    false
}

pub fn disarm(_: Cx, h: Handle) {
    let s = shop();
    // SAFETY: ours under the lock.
    s.lock.with(|| unsafe { (*s.nodes.get()).retain(|n| n.0 != h.0) })
}

/// What the owner of a wheel does: what is due is taken out, then fired; once. True if there was something.
pub fn expire() -> bool {
    let Ok(cx) = enter() else { return false };
    let any = expire_in(cx);
    cx.exit();
    any
}

/// The same from inside. A processor whose task has parked comes here next: so what was armed for a time that has passed meanwhile is not left to nobody.
pub(super) fn expire_in(_: Cx) -> bool {
    let s = shop();
    let now = clock::now();
    let mut due = s.lock.with(|| {
        // SAFETY: ours under the lock.
        let nodes = unsafe { &mut *s.nodes.get() };
        let (due, rest): (Vec<Node>, Vec<Node>) = nodes.drain(..).partition(|n| n.1 <= now);
        *nodes = rest;
        due
    });
    due.sort_by_key(|n| n.1);
    for &(_, when, target, fire) in &due {
        // SAFETY: type-stable targets.
        unsafe { fire(target, 0, when) }
    }
    !due.is_empty()
}

/// Of a party that is about to sleep.
pub(super) fn before_sleep(cx: Cx) {
    if has_timers() {
        while expire_in(cx) {}
    }
}

/// Has this schedule timers? The clock of others goes on by being looked at.
fn has_timers() -> bool {
    KEPT.get().is_some()
}

/// Runs the tasks that were started, on the calling thread: how many.
pub fn run_started() -> usize {
    let s = shop();
    // SAFETY: ours under the lock; each is called once.
    let all = s.lock.with(|| unsafe { core::mem::take(&mut *s.started.get()) });
    let n = all.len();
    all.into_iter().for_each(|mut e| unsafe { (e.call)(&mut e) });
    n
}

/// Are there nodes?
pub fn armed() -> usize {
    let s = shop();
    // SAFETY: ours under the lock.
    s.lock.with(|| unsafe { (*s.nodes.get()).len() })
}

pub fn run_of(_: Cx) -> *const Run {
    RUN.get()
}

/// A run, to which belongs who calls from now on.
pub fn belong() -> &'static Run {
    let r: &'static Run = leak(Run::default());
    let _ = from_ref(r).expose_provenance();
    RUN.set(r);
    r
}

/// Its end: as in `run.rs`.
pub fn end(run: &'static Run) {
    run.ending.store(1, SeqCst);
    barrier::heavy();
    for for_good in [false, true] {
        if let Some(k) = KEPT.get() {
            (k.end_run)(run, for_good)
        }
    }
    // Its slot is another's.
    run.ending.store(0, SeqCst);
}

pub fn may_wake() -> bool {
    KEPT.get().is_some_and(|k| (k.may_wake)())
}

pub fn keep(kept: &'static Kept) {
    KEPT.set(Some(kept))
}

/// # Safety
/// As in `alarms.rs`.
pub unsafe fn spawn_inside(_: Cx, run: *const Run, entry: Entry, _: SpawnOptions) -> Result<(), Status> {
    // SAFETY: contract.
    if !run.is_null() && unsafe { (*run).ending.load(Relaxed) } == 1 {
        return Err(Status::Canceled);
    }
    let s = shop();
    // SAFETY: ours under the lock.
    s.lock.with(|| unsafe { (*s.started.get()).push(entry) });
    Ok(())
}

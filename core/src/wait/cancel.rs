//! `CancelSource`: what ends waits from outside (D6): a flag, a cause, the waits that watch it, and its children. Contexts (floor 4) are a source plus values.
//!
//! X1  A tree has ONE lock: the root's. It guards the lists, the cause and the links of every source of the tree.
//! X2  Cancel marks and collects over the whole subtree under the lock, unlocks, passes ONE heavy barrier, then wins tickets and fires. So when cancel returns every
//!     descendant is marked, and a wait that was being committed sees its flag (block.rs K1).
//! X3  The first cause wins; cancelling again changes nothing.
//! X4  A child that ends (or whose owner goes) leaves its parent's list; a parent keeps no child alive.
//! X5  What else is to happen at a cancellation hangs on the source as hooks (`wait/cancel/hook.rs`): taken off under the lock by whoever cancels, and done by it when the whole subtree is marked
//!     and every wait is won, outside the bracket and before `cancel` returns.
//!
//! Rejected: a lock for each source (parent before child, and the lists of a subtree change under the walk).

use crate::sched::party::{CancelNode, Party};
use crate::sched::{enter, objects, ready, ticket};
use crate::status::Status;
use crate::sys::barrier;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use crate::sys::race::Spot;
use crate::sys::slab::{self, Header, Slab, Slot};
use core::ptr::{NonNull, null, null_mut};
use hook::Taken;

mod hook;
pub use hook::{Hook, hook, unhook};

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_CANCEL: u8 = 5;

/// See the file's head.
#[repr(C)]
#[cfg_attr(loom, derive(Default))]
pub struct CancelSource {
    header: Header,
    /// Read without the lock by commits.
    flag: AtomicU8,
    /// A `Status`, valid once the flag is up.
    cause: AtomicI32,
    /// What was done before the cancellation (sys/race.rs).
    before: Spot,
    /// Whoever cancels may say why: a word of the floors above, valid once the flag is up. Below it, it is the same.
    reason: AtomicPtr<()>,
    // ---- set once
    root: Cell<*const CancelSource>,
    parent: Cell<*const CancelSource>,
    // ---- guarded by the root's lock
    nodes: Cell<*const CancelNode>,
    hooks: Cell<*const Hook>,
    children: Cell<*const CancelSource>,
    next: Cell<*const CancelSource>,
    prev: Cell<*const CancelSource>,
}

// SAFETY: repr(C), header first, zero is valid.
unsafe impl Slot for CancelSource {
    const KIND: u8 = KIND_CANCEL;
}

static SOURCES: Slab<CancelSource> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "cancel_sources", live: || SOURCES.live(), release: || {}, reset: || SOURCES.reset() };

/// A new source; of a parent (null for none), whose cancellation it shares. Freed by `free`.
///
/// # Safety
/// `parent` is null or a live source.
pub unsafe fn create(parent: *const CancelSource) -> Result<NonNull<CancelSource>, Status> {
    // SAFETY: the parent is live, and the slot ours.
    objects::make(&KEEPER, &SOURCES, |s| unsafe { s.begin(KIND_CANCEL, parent) })
}

/// Gives a source back. Its children must be gone; waits must not watch it any more (else MISUSE, and nothing changes).
///
/// # Safety
/// `s` is a live source of the caller's, from `create`.
pub unsafe fn free(s: NonNull<CancelSource>) -> Status {
    // SAFETY: contract.
    unsafe {
        let status = s.as_ref().end();
        if status.is_ok() {
            SOURCES.free(s);
        }
        status
    }
}

impl CancelSource {
    /// Fills a fresh slot, also one of another slab, whose objects begin with a source: the kind last.
    ///
    /// # Safety
    /// The slot is the caller's; `parent` is null or a live source, and lives longer.
    pub unsafe fn begin(&self, kind: u8, parent: *const CancelSource) {
        // SAFETY: contract.
        unsafe {
            self.flag.store(0, Relaxed);
            self.cause.store(0, Relaxed);
            self.reason.store(null_mut(), Relaxed);
            self.nodes.set(null());
            self.hooks.set(null());
            self.children.set(null());
            self.next.set(null());
            self.prev.set(null());
            self.parent.set(parent);
            self.root.set(if parent.is_null() { self } else { (*parent).root.get() });
            self.header.refs.store(1, Relaxed);
            self.header.epoch.store(slab::epoch(), Relaxed);
            self.header.kind.store(kind, Release);
            if !parent.is_null() {
                self.lock().with(|| self.join(&*parent));
            }
        }
    }

    /// Under the lock: a child of `p` from now on.
    unsafe fn join(&self, p: &CancelSource) {
        // SAFETY: siblings are live: who ends leaves the list first.
        unsafe {
            let first = p.children.get();
            self.next.set(first);
            if !first.is_null() {
                (*first).prev.set(self)
            }
            p.children.set(self);
            if p.flag.load(Relaxed) != 0 {
                p.before.fetch();
                self.before.leave();
                self.cause.store(p.cause.load(Relaxed), Relaxed);
                self.reason.store(p.reason.load(Relaxed), Relaxed);
                self.flag.store(1, Release);
            }
        }
    }

    /// Leaves the tree. MISUSE, and nothing changes, while it has children or somebody watches it. What hangs on it is dropped, and never run.
    ///
    /// # Safety
    /// A live source of the caller's; on OK its slot is the caller's.
    pub unsafe fn end(&self) -> Status {
        let mut hooks = Taken::none();
        let lock = self.lock();
        lock.lock();
        // SAFETY: the lock is held; siblings and the parent are live under it.
        unsafe {
            self.forget_gone();
            if !self.children.get().is_null() || !self.nodes.get().is_null() {
                lock.unlock();
                return Status::Misuse;
            }
            let (next, prev) = (self.next.get(), self.prev.get());
            if !next.is_null() {
                (*next).prev.set(prev)
            }
            if !prev.is_null() {
                (*prev).next.set(next)
            } else if !self.parent.get().is_null() {
                (*self.parent.get()).children.set(next)
            }
            hooks.take(&self.hooks);
            self.header.kind.store(0, Relaxed);
            lock.unlock();
        }
        hooks.discard();
        Status::Ok
    }

    /// The object that begins with it, as its slab knows it.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Under the lock: waits of parties that will never go on (`Party::give_up`) watch it no more. Their nodes stay as they are, with the stacks they belong to.
    unsafe fn forget_gone(&self) {
        let mut n = self.nodes.get();
        while !n.is_null() {
            // SAFETY: watching nodes and their parties are valid under the lock.
            unsafe {
                let next = (*n).next.get();
                if (*(*n).party.get()).is_gone() {
                    self.unlink(&*n)
                }
                n = next;
            }
        }
    }

    /// Under the lock: takes a node out.
    unsafe fn unlink(&self, node: &CancelNode) {
        let (next, prev) = (node.next.get(), node.prev.get());
        // SAFETY: neighbours of a watching node are valid under the lock.
        unsafe {
            if prev.is_null() {
                self.nodes.set(next)
            } else {
                (*prev).next.set(next)
            }
            if !next.is_null() {
                (*next).prev.set(prev)
            }
        }
    }

    fn lock(&self) -> &ByteLock {
        // SAFETY: the root outlives its descendants (its owner may not free it while it has children).
        unsafe { &(*self.root.get()).header.lock }
    }

    /// Why it ended, if it did.
    #[inline]
    pub fn cause(&self) -> Option<Status> {
        if self.flag.load(Acquire) == 0 {
            return None;
        }
        self.before.fetch();
        Some(Status::from_code(self.cause.load(Relaxed)).unwrap_or(Status::Canceled))
    }

    /// Has it ended? A load.
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        // Acquire: pairs with the Release of `mark`.
        self.flag.load(Acquire) != 0
    }

    /// Why it ended, in a word of whoever cancelled it; null if that was not said, or it has not ended.
    pub fn reason(&self) -> *mut () {
        if self.is_done() { self.reason.load(Relaxed) } else { null_mut() }
    }

    /// Ends it and everything below it, with `cause` (CANCELED or TIMED_OUT; K5). Idempotent; from any thread. False if it had ended already.
    pub fn cancel(&self, cause: Status) -> bool {
        self.cancel_for(cause, null_mut())
    }

    /// The same with a reason, which must stay valid for as long as anything of what it ends.
    pub fn cancel_for(&self, cause: Status, reason: *mut ()) -> bool {
        let Ok(cx) = enter() else { return false };
        let mut hooks = Taken::none();
        let mut watched: Vec<(*const Party, u64)> = Vec::new();
        let first = self.lock().with(|| {
            if self.flag.load(Relaxed) != 0 {
                return false;
            }
            // SAFETY: the whole tree is ours under the root's lock (X1).
            unsafe { mark(self, (cause, reason), &mut watched, &mut hooks) };
            true
        });
        if !first {
            cx.exit();
            return false;
        }
        // Who comes to watch from now on finds the flag up, by the lock: so without watchers there is nobody whose commit might not see it.
        if !watched.is_empty() {
            barrier::heavy();
        }
        for (party, seq) in watched {
            // SAFETY: parties are type-stable; a wait that went on fails by seq.
            unsafe {
                if (*party).fixed.load(Relaxed) == 0 && (*party).ticket.win(seq, ticket::CANCELED, 0) {
                    ready(cx, party)
                }
            }
        }
        cx.exit();
        hooks.fire();
        true
    }
}

/// Marks a subtree and collects who watches it. Walks by the links, for a chain may be deeper than a task's stack.
unsafe fn mark(
    top: *const CancelSource,
    (cause, reason): (Status, *mut ()),
    watched: &mut Vec<(*const Party, u64)>,
    hooks: &mut Taken,
) {
    // SAFETY: contract of `cancel`: the root's lock is held, so the tree stands still.
    unsafe {
        let mut s = top;
        loop {
            let mut down = core::ptr::null();
            if (*s).flag.load(Relaxed) == 0 {
                (*s).cause.store(cause.code(), Relaxed);
                (*s).reason.store(reason, Relaxed);
                (*s).before.leave();
                // Release: pairs with the Acquire of `cause`.
                (*s).flag.store(1, Release);
                let mut n = (*s).nodes.get();
                while !n.is_null() {
                    watched.push(((*n).party.get(), (*n).seq.get()));
                    n = (*n).next.get();
                }
                hooks.take(&(*s).hooks);
                down = (*s).children.get();
            }
            if !down.is_null() {
                s = down;
                continue;
            }
            while s != top && (*s).next.get().is_null() {
                s = (*s).parent.get();
            }
            if s == top {
                return;
            }
            s = (*s).next.get();
        }
    }
}

/// The current party's coming wait `seq` may be ended by `source`.
///
/// # Safety
/// The party is the caller's; the source is live, and stays so until `unwatch`; `nodes` has room for one more than the party watches, and stays where it is until then.
pub unsafe fn watch(party: &Party, seq: u64, source: *const CancelSource, nodes: &[CancelNode]) {
    let i = party.watching.get() as usize;
    let node = &nodes[i];
    // SAFETY: contract; the list is guarded by the root's lock.
    unsafe {
        node.party.set(party);
        node.seq.set(seq);
        node.flag.set(&(*source).flag);
        node.source.set(source.cast());
        (*source).lock().with(|| {
            let first = (*source).nodes.get();
            node.prev.set(null());
            node.next.set(first);
            if !first.is_null() {
                (*first).prev.set(node)
            }
            (*source).nodes.set(node);
        });
    }
    party.cancels.set(nodes.as_ptr());
    party.watching.set(i as u8 + 1);
}

/// Leaves every list that `watch` joined.
///
/// # Safety
/// The party is the caller's, and not waiting.
pub unsafe fn unwatch(party: &Party) {
    for node in nodes(party) {
        let source: *const CancelSource = node.source.get().cast();
        // SAFETY: the source is live by contract of `watch`.
        unsafe {
            (*source).lock().with(|| (*source).unlink(node));
        }
        node.flag.set(null());
    }
    party.watching.set(0);
}

/// The nodes of the open wait.
fn nodes(party: &Party) -> &[CancelNode] {
    match party.watching.get() {
        0 => &[],
        // SAFETY: set by `watch`, whose caller keeps them in place until `unwatch`.
        n => unsafe { core::slice::from_raw_parts(party.cancels.get(), n as usize) },
    }
}

/// The flags of the sources that the party watches; they stay readable when it does no more.
#[inline(always)]
pub fn flags(party: &Party) -> [*const AtomicU8; 2] {
    let mut flags = [null(); 2];
    if party.watching.get() != 0 {
        for (f, n) in flags.iter_mut().zip(nodes(party)) {
            *f = n.flag.get()
        }
    }
    flags
}

/// Is one of them up?
pub fn any(flags: &[*const AtomicU8; 2]) -> bool {
    // SAFETY: points into a source, which is type-stable.
    flags.iter().any(|f| !f.is_null() && unsafe { (**f).load(Relaxed) } != 0)
}

/// Is one of the sources that the party watches up?
pub fn is_flagged(party: &Party) -> bool {
    any(&flags(party))
}

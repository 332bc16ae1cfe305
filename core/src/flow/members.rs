//! `Members`: tasks that can be cancelled and waited for together. What groups and worker pools are made of.
//!
//! ME1  A member has a slot in the book while it lives. It is taken before the task is started; whoever comes second, the starter, who brings the handle, or the member, which leaves, frees it,
//!      releases the handle and counts the member out. So a member that ends before its starter has gone on leaks no handle, and nobody who waits sees one that was not born.
//! ME2  `cancel` is a level: members that start afterwards are cancelled as soon as their handle is there.
//! ME3  Counted out last, and whether the task's function ran, panicked or never began (`stillborn`). Whoever waits may let go of everything then; what the member still touches it has a share of (D8).
//!
//! The book is guarded by a `Mutex` of gort's: the handles in it are valid under the lock. No function of the program runs under it.
//!
//! Rejected: a source that each wait of the members watches (every blocking call of theirs would have to be told of it; the cancellation of a task reaches them all).

use crate::sched;
use crate::sched::task::{SpawnOptions, Task};
use crate::status::Status;
use crate::sync::{Mutex, WaitGroup};
use crate::sys::prim::Arc;
use crate::task::{Wait, entry};
use crate::wait::join;
use core::ptr::NonNull;

/// See the file's head.
pub(super) struct Members {
    book: Mutex<Book>,
    alive: WaitGroup,
}

#[derive(Default)]
struct Book {
    slots: Vec<Slot>,
    free: Vec<usize>,
    canceled: bool,
    /// Members whose function was never called.
    stillborn: usize,
}

enum Slot {
    Free,
    /// The starter has not brought the handle yet.
    Starting,
    /// The member has left before that.
    Ended,
    Running(NonNull<Task>),
}

// SAFETY: the handles are used under the lock only, from any thread.
unsafe impl Send for Slot {}

impl Members {
    pub(super) fn new() -> Members {
        Members { book: Mutex::default(), alive: WaitGroup::new() }
    }

    /// Starts a member that runs `f`. On failure `f` is dropped. `of` finds the members in what the task has a share of.
    ///
    /// # Safety
    /// `options.affinity` is Thread, or nothing on the task's stack depends on its thread (`spawn_migratable`).
    pub(super) unsafe fn start<S: Send + Sync + 'static>(
        share: &Arc<S>,
        of: fn(&S) -> &Members,
        options: SpawnOptions,
        f: impl FnOnce() + Send + 'static,
    ) -> Result<(), Status> {
        let me = of(share);
        me.alive.add(1)?;
        let slot = me.book.lock().take_slot();
        let body = Body { f, member: Member { share: share.clone(), of, slot, ran: false } };
        // SAFETY: the closure is Send and called once; the affinity is the caller's business.
        let started = unsafe { sched::spawn_handle(entry(move || body.run()), options) };
        let mut book = me.book.lock();
        let ended = matches!(book.slots[slot], Slot::Ended);
        if let Ok(task) = started
            && !ended
        {
            book.slots[slot] = Slot::Running(task);
            if book.canceled && !cfg!(feature = "mutant_group_misses_the_late") {
                // SAFETY: the book's handle.
                let _ = unsafe { join::cancel(task.as_ptr()) };
            }
            return Ok(());
        }
        // It has ended before we came; or it was never born, and its entry was dropped.
        debug_assert!(ended);
        book.set_free(slot);
        if started.is_err() {
            book.stillborn -= 1; // the caller hears of it
        }
        drop(book);
        if let Ok(task) = started {
            // SAFETY: our handle, given up.
            let _ = unsafe { join::release(task.as_ptr()) };
        }
        let _ = me.alive.done(); // counted in above
        started.map(|_| ())
    }

    /// Cancels those that live and those to come (ME2). Does not wait.
    pub(super) fn cancel(&self) {
        let mut book = self.book.lock();
        book.canceled = true;
        let running = |s: &Slot| if let Slot::Running(task) = s { Some(*task) } else { None };
        let tasks: Vec<NonNull<Task>> = book.slots.iter().filter_map(running).collect();
        if !tasks.is_empty() {
            // SAFETY: they stay in the book, and so valid, while the lock is held.
            let _ = unsafe { join::cancel_all(&tasks) };
        }
    }

    /// Waits until no member lives.
    pub(super) fn wait_with(&self, w: Wait) -> Result<(), Status> {
        self.alive.wait_with(w)
    }

    /// Does no member live?
    pub(super) fn is_none_alive(&self) -> bool {
        self.alive.try_wait().is_ok()
    }

    /// Has one ended whose function was never called? There was no memory for its stack, or its run was over.
    pub(super) fn was_stillborn(&self) -> bool {
        self.book.lock().stillborn > 0
    }
}

impl Book {
    fn take_slot(&mut self) -> usize {
        let slot = self.free.pop().unwrap_or(self.slots.len());
        if slot == self.slots.len() {
            self.slots.push(Slot::Free)
        }
        self.slots[slot] = Slot::Starting;
        slot
    }

    fn set_free(&mut self, slot: usize) {
        self.slots[slot] = Slot::Free;
        self.free.push(slot);
    }
}

/// What a member runs. Fields go in this order: `f` and what it has before the member leaves.
struct Body<F, S> {
    f: F,
    member: Member<S>,
}

impl<F: FnOnce(), S> Body<F, S> {
    fn run(self) {
        let Body { f, member } = self;
        let mut member = member;
        member.ran = true;
        f()
    }
}

/// What a member holds while it lives.
struct Member<S> {
    share: Arc<S>,
    of: fn(&S) -> &Members,
    slot: usize,
    /// The function was called.
    ran: bool,
}

impl<S> Drop for Member<S> {
    fn drop(&mut self) {
        let members = (self.of)(&self.share);
        let mut book = members.book.lock();
        book.stillborn += usize::from(!self.ran);
        // Ended: then the starter comes second (ME1).
        if let Slot::Running(task) = core::mem::replace(&mut book.slots[self.slot], Slot::Ended) {
            book.set_free(self.slot);
            drop(book);
            // SAFETY: the handle was the book's.
            let _ = unsafe { join::release(task.as_ptr()) };
            let _ = members.alive.done(); // counted in by `start`
        }
    }
}

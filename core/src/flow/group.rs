//! `Group`: tasks that work on one thing and end together (Go's errgroup, R5).
//!
//! G1  The first failure wins: an error that a function returned, or its panic. It cancels the group and is what `wait` gives; later ones are dropped.
//! G2  A cancelled group: its context has ended, so whoever waits under it goes on, and its tasks are cancelled, also those to come: their blocking calls end with CANCELED. Their functions run all the
//!     same, as Go's do, and may look at `is_canceled`. So it is when a context ends that the group was made within: a task of its own sees to it.
//! G3  `wait` is the end of the group: it returns when no task of it lives, and cancels the context. If the waiter itself is cancelled (or condemned) meanwhile, it cancels the group and still waits for
//!     its tasks: so a cancellation reaches nested groups, and nothing that the tasks use goes before they do. Within limits it may give up, and the group goes on.
//! G4  A limit is a channel with so many places: starting a task sends, the end of a task receives. Who starts one parks at the limit. It changes only while nobody is in or on the way in.
//!
//! `verdict` and `gate` are guarded by locks of their own, under which no function of the program runs, nor a drop of its values.
//!
//! Rejected: an error that `wait` repeats (it would have to be cloned or shared; most errors are neither); a group that cancels when its handle is dropped (the clone in the last task would).

use super::context::{AfterFunc, Cancel, Context};
use super::members::Members;
use crate::chan::{Receiver, Sender, channel};
use crate::sched::task::{Affinity, SpawnOptions};
use crate::status::Status;
use crate::sync::Mutex;
use crate::sys::prim::Arc;
use crate::task::{Wait, shield, thread_affine};
use core::fmt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Tasks that work on one thing: the first that fails cancels the others, and its error is the result. Clones are the same group.
///
/// ```
/// use gort::flow::{Group, GroupError};
/// use gort::Status;
///
/// let (_never, nothing) = gort::channel::<u32>(0);
/// let group = Group::<Status>::new();
/// group.go(|| Err(Status::Invalid)).unwrap();
/// group.go(move || nothing.recv().map(drop)).unwrap(); // ends with CANCELED
/// assert!(matches!(group.wait(), Err(GroupError::Error(Status::Invalid))));
/// ```
pub struct Group<E = Status>(Arc<Shared<E>>);

/// Why `Group::wait` has failed.
pub enum GroupError<E> {
    /// The first error that a task returned.
    Error(E),
    /// A task panicked before any returned an error; the payload is passed on.
    Panic(Box<dyn Any + Send>),
    /// CANCELED, DEADLOCK, SHUTDOWN: the wait ended otherwise (G3); TIMED_OUT; NO_MEMORY: a task could not begin. CANCELED also if another wait was given the error.
    Status(Status),
}

enum Verdict<E> {
    Well,
    Failed(GroupError<E>),
    /// Somebody was given the error.
    Told,
}

struct Shared<E> {
    /// The parent's function has a share of its own.
    members: Arc<Members>,
    ctx: Context,
    cancel: Cancel,
    parent: Option<AfterFunc>,
    verdict: Mutex<Verdict<E>>,
    gate: Mutex<Gate>,
}

impl<E> Drop for Shared<E> {
    fn drop(&mut self) {
        if let Some(parent) = &self.parent {
            parent.stop();
        }
    }
}

/// The limit (G4).
#[derive(Default)]
struct Gate {
    places: Option<Places>,
    /// Tasks, and who is about to start one.
    users: usize,
}

type Places = (Sender<()>, Receiver<()>);

/// A place in the group, given back when it goes.
struct Place<E: Send + 'static> {
    of: Arc<Shared<E>>,
    place: Option<Places>,
}

impl<E: Send + 'static> Drop for Place<E> {
    fn drop(&mut self) {
        if let Some((_, leave)) = self.place.take()
            && !cfg!(feature = "mutant_group_keeps_the_place")
        {
            let _ = leave.try_recv(); // what we sent
        }
        self.of.gate.lock().users -= 1;
    }
}

/// What `go` does at the limit.
enum Full<'a> {
    WouldBlock,
    Park(Wait<'a>),
}

impl<E> Clone for Group<E> {
    fn clone(&self) -> Self {
        Group(self.0.clone())
    }
}

impl<E: Send + 'static> Default for Group<E> {
    fn default() -> Self {
        Self::new()
    }
}

impl<E: Send + 'static> Group<E> {
    /// A group without a limit.
    ///
    /// # Panics
    /// If there is no memory.
    pub fn new() -> Group<E> {
        Group::made(Context::background().with_cancel(), None)
    }

    /// A group that is cancelled when `ctx` ends, as by `cancel`; its context is a child of that.
    pub fn within(ctx: &Context) -> Group<E> {
        Group::made(ctx.with_cancel(), Some(ctx))
    }

    fn made((ctx, cancel): (Context, Cancel), within: Option<&Context>) -> Group<E> {
        let members = Arc::new(Members::new());
        let theirs = members.clone();
        let parent = within.map(|ctx| ctx.after_func(move || theirs.cancel()));
        let (verdict, gate) = (Mutex::new(Verdict::Well), Mutex::default());
        Group(Arc::new(Shared { members, ctx, cancel, parent, verdict, gate }))
    }

    /// A group of which at most `n` tasks live at a time.
    pub fn with_limit(n: usize) -> Group<E> {
        let group = Group::new();
        group.0.gate.lock().places = places(isize::try_from(n).unwrap_or(-1));
        group
    }

    /// At most `n` tasks live at a time from now on; 0 admits none, below 0 there is no limit. MISUSE, and no change, while a task of the group lives or somebody is about to start one.
    pub fn set_limit(&self, n: isize) -> Result<(), Status> {
        let new = places(n);
        let old = {
            let mut gate = self.0.gate.lock();
            if gate.users > 0 {
                return Err(Status::Misuse);
            }
            core::mem::replace(&mut gate.places, new)
        };
        drop(old);
        Ok(())
    }

    /// Starts a task. At the limit it blocks until one of the group has ended.
    ///
    /// CANCELED, DEADLOCK, SHUTDOWN while it blocks; LIMIT at `max_tasks`, NO_MEMORY, CANCELED in a run that is over. Then `f` is dropped.
    pub fn go<F: FnOnce() -> Result<(), E> + Send + 'static>(&self, f: F) -> Result<(), Status> {
        self.go_with(Wait::forever(), f)
    }

    /// `go` that waits at the limit as long as `w` allows.
    pub fn go_with<F: FnOnce() -> Result<(), E> + Send + 'static>(&self, w: Wait, f: F) -> Result<(), Status> {
        self.start(Full::Park(w), thread_affine(), f)
    }

    /// `go` that never blocks: WOULD_BLOCK at the limit.
    pub fn try_go<F: FnOnce() -> Result<(), E> + Send + 'static>(&self, f: F) -> Result<(), Status> {
        self.start(Full::WouldBlock, thread_affine(), f)
    }

    /// `go_with` (None: `try_go`) of a task that may move between threads at each blocking call.
    ///
    /// # Safety
    /// As `gort::spawn_migratable`.
    pub unsafe fn go_migratable<F>(&self, w: Option<Wait<'_>>, f: F) -> Result<(), Status>
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let options = SpawnOptions { affinity: Affinity::Any, ..SpawnOptions::default() };
        self.start(w.map_or(Full::WouldBlock, Full::Park), options, f)
    }

    fn start<F>(&self, full: Full<'_>, options: SpawnOptions, f: F) -> Result<(), Status>
    where
        F: FnOnce() -> Result<(), E> + Send + 'static,
    {
        let place = self.enter(full)?;
        let body = move || {
            let place = place; // all of it
            let end = catch_unwind(AssertUnwindSafe(f));
            match end {
                Ok(Ok(())) => {}
                Ok(Err(e)) => place.of.fail(GroupError::Error(e)),
                Err(payload) => place.of.fail(GroupError::Panic(payload)),
            }
        };
        // SAFETY: what is not bound to its thread is so by the word of whoever called `go_migratable`; of ours nothing depends on it.
        unsafe { Members::start(&self.0, |s| &s.members, options, body) }
    }

    /// A place within the limit, which is there when the task begins.
    fn enter(&self, full: Full<'_>) -> Result<Place<E>, Status> {
        let mut place = {
            let mut gate = self.0.gate.lock();
            gate.users += 1;
            Place { of: self.0.clone(), place: gate.places.clone() }
        };
        let Some((enter, _)) = &place.place else { return Ok(place) };
        let entered = match full {
            Full::WouldBlock => enter.try_send(()),
            Full::Park(w) => enter.send_with((), w),
        };
        if let Err(e) = entered {
            place.place = None; // nothing to give back
            return Err(e.status);
        }
        Ok(place)
    }

    /// Waits until every task of the group has ended, then cancels the group's context (G3). Blocks the task (or thread). Gives the first error, once: another wait gets CANCELED instead.
    ///
    /// If the caller is cancelled meanwhile, the group is, and its tasks are waited for. Not from within one of them.
    pub fn wait(&self) -> Result<(), GroupError<E>> {
        let ended = self.settle();
        self.verdict(ended)
    }

    /// `wait` within limits. TIMED_OUT, CANCELED and so on: the tasks go on, and can be waited for again.
    pub fn wait_with(&self, w: Wait) -> Result<(), GroupError<E>> {
        self.0.members.wait_with(w).map_err(GroupError::Status)?;
        self.verdict(self.over())
    }

    /// `wait` for who does not want the error, which is left for a `wait`: OK when every task has ended, however its function did.
    pub fn settle(&self) -> Result<(), Status> {
        let ended = self.settle_with(Wait::forever());
        if ended.is_err() {
            self.cancel();
            let _shield = shield();
            let _ = self.0.members.wait_with(Wait::forever());
        }
        ended
    }

    /// `settle` within limits.
    pub fn settle_with(&self, w: Wait) -> Result<(), Status> {
        self.0.members.wait_with(w)?;
        self.over()
    }

    /// Has every task of the group ended?
    pub fn is_settled(&self) -> bool {
        self.0.members.is_none_alive()
    }

    /// No task lives.
    fn over(&self) -> Result<(), Status> {
        self.cancel();
        if self.0.members.was_stillborn() { Err(Status::NoMemory) } else { Ok(()) }
    }

    fn verdict(&self, ended: Result<(), Status>) -> Result<(), GroupError<E>> {
        let mut verdict = self.0.verdict.lock();
        match core::mem::replace(&mut *verdict, Verdict::Told) {
            Verdict::Failed(e) => Err(e),
            Verdict::Told => Err(GroupError::Status(Status::Canceled)),
            Verdict::Well => {
                *verdict = Verdict::Well;
                ended.map_err(GroupError::Status)
            }
        }
    }

    /// Cancels the group (G2). Does not wait. From any task or thread. It is no error of the group's by itself.
    pub fn cancel(&self) {
        self.0.cancel()
    }

    /// Has it been cancelled: by a failure, by `cancel`, by the end of a `wait`?
    pub fn is_canceled(&self) -> bool {
        self.0.ctx.is_done()
    }

    /// What ends when the group is cancelled.
    pub fn context(&self) -> &Context {
        &self.0.ctx
    }

    /// The error that cancelled the group, while no `wait` was given it.
    pub fn error(&self) -> Option<E>
    where
        E: Copy,
    {
        match *self.0.verdict.lock() {
            Verdict::Failed(GroupError::Error(e)) => Some(e),
            _ => None,
        }
    }
}

fn places(n: isize) -> Option<Places> {
    // More tasks than that there never are.
    usize::try_from(n).ok().filter(|n| *n < u32::MAX as usize).map(channel)
}

impl<E> Shared<E> {
    fn cancel(&self) {
        self.cancel.cancel();
        self.members.cancel();
    }

    /// A task has failed (G1).
    fn fail(&self, e: GroupError<E>) {
        let mut verdict = self.verdict.lock();
        if matches!(*verdict, Verdict::Well) || cfg!(feature = "mutant_group_last_error_wins") {
            *verdict = Verdict::Failed(e);
            drop(verdict);
            return self.cancel();
        }
        drop(verdict);
        match e {
            GroupError::Panic(payload) => crate::sched::drop_payload(payload),
            e => drop(e),
        }
    }
}

impl<E: fmt::Debug> fmt::Debug for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Error(e) => f.debug_tuple("Error").field(e).finish(),
            GroupError::Panic(p) => write!(f, "Panic({:?})", crate::task::payload_text(&**p)),
            GroupError::Status(s) => f.debug_tuple("Status").field(s).finish(),
        }
    }
}

impl<E: fmt::Display> fmt::Display for GroupError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            GroupError::Error(e) => e.fmt(f),
            GroupError::Panic(p) => write!(f, "a task of the group panicked: {}", crate::task::payload_text(&**p)),
            GroupError::Status(s) => s.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for GroupError<E> {}

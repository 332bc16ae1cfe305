//! `Task`: one unit of work with (once it runs) a stack of its own.
//!
//! State word (`state`), written by whoever owns the task at that moment, read by the census:
//! ```text
//!  NEW 0 --spawn--> READY 1 --resume--> RUNNING 2 --park--> PARKED 3 --ready--> READY 1 ... RUNNING --return--> DEAD 4
//! ```
//! Who owns a task: the spawner until it is queued; the list, ring or slot that holds it; the thread that runs it; while parked, nobody (its ticket
//! decides who may make it ready); after its entry returned, the scheduler's stack that finishes it.
//!
//! T1  A slot's `party.ticket` sequence goes on when the slot is used again.
//! T2  Everything but the first two cache lines is as a never-used slot when a task is spawned: finishing a task restores what it touched. So
//!     spawning writes two lines.
//! T3  `thread` is set when a THREAD task first runs and never changes: it may be read by whoever owns the wake-up.
//! T4  A task without a handle (`refs == 0`) is freed by its own finish; with a handle by the last of {finish, release}, under the header's lock.
//!
//! Rejected: a stack at spawn (D15), registration at spawn (the slab is the registry, D8).

use super::domain::Domain;
pub use super::entry::Entry;
use super::list::Linked;
use super::party::{Party, WaitQueue};
use super::run::Run;
use super::thread::Thread;
use crate::status::Status;
use crate::sys::context::Fiber;
use crate::sys::prim::*;
use crate::sys::slab::{self, Header, Slab, Slot};
use crate::sys::stack::Stack;
use core::cell::{Cell, UnsafeCell};

/// Kinds of slab objects, one number space for all handles.
pub const KIND_TASK: u8 = 1;

pub const NEW: u8 = 0;
pub const READY: u8 = 1;
pub const RUNNING: u8 = 2;
pub const PARKED: u8 = 3;
pub const DEAD: u8 = 4;

/// Where a task may run once it has started (D2).
#[repr(u8)]
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Affinity {
    /// On any thread of its lane: it is rescued from a thread that blocks.
    #[default]
    Any = 0,
    /// Only on the thread that first ran it.
    Thread = 1,
}

/// What may be said about a task when it is spawned.
#[derive(Default)]
pub struct SpawnOptions {
    pub name: Option<std::ffi::CString>,
    /// Bytes of stack; 0 is the configured default.
    pub stack_size: usize,
    pub affinity: Affinity,
    /// The lane it runs in; 0 is the native one.
    pub lane: u8,
}

/// Runs on the scheduler's stack when the task is gone: how a wait group is told (the last access precedes the wake-up it causes).
#[derive(Clone, Copy)]
pub struct OnExit {
    pub call: unsafe fn(super::Cx, *mut ()),
    pub arg: *mut (),
    /// What the task did is added here when it ends.
    #[cfg(gort_race)]
    pub after: *const crate::sys::race::Spot,
}

/// See the file's head.
#[repr(C, align(64))]
pub struct Task {
    pub header: Header,
    // ---- written at spawn
    pub fiber: UnsafeCell<Fiber>,
    pub link: Cell<*mut Task>,
    /// The only thread that may run it, or null. Read by the census too.
    pub thread: RelaxedPtr<Thread>,
    /// Read by the census too.
    pub run: AtomicPtr<Run>,
    pub state: AtomicU8,
    pub affinity: Cell<Affinity>,
    pub lane: Cell<u8>,
    pub flags: RelaxedU8,
    // ---- second line
    pub entry: UnsafeCell<Entry>,
    pub on_exit: Cell<Option<OnExit>>,
    pub domain: Cell<*const Domain>,
    // ---- touched only by some tasks; restored when they end (T2)
    pub party: Party,
    pub stack: Cell<Option<Stack>>,
    pub stack_size: Cell<usize>,
    /// How it ended, valid once `DEAD` (guarded by the header's lock).
    pub ended: Cell<Status>,
    /// From `CString::into_raw`, or null.
    pub name: Cell<*mut libc::c_char>,
    /// Joiners, guarded by the header's lock.
    pub joiners: WaitQueue,
}

/// `flags`: this task was given a handle at some time.
pub const HAS_HANDLE: u8 = 1;
/// `flags`: its entry has begun (what it holds is the entry's business now).
pub const STARTED: u8 = 2;
/// `flags`: it is the main task of its run.
pub const MAIN: u8 = 8;

// SAFETY: repr(C), the header first; all-zero bytes are a valid never-used task: every field is an integer, a nullable pointer, an Option of
// a type with a niche at zero, or only read after spawn has written it (entry, on_exit).
unsafe impl Slot for Task {
    const KIND: u8 = KIND_TASK;
}

// SAFETY: the list that holds a task is the only user of its link (state machine in the file's head).
unsafe impl Linked for Task {
    #[inline(always)]
    fn link(&self) -> &Cell<*mut Task> {
        &self.link
    }
}

/// Every task of the process.
pub static TASKS: Slab<Task> = Slab::new();

impl Task {
    /// Slab index plus one, and generation: unique while the process lives, small for the first tasks, never 0.
    pub fn id(&self) -> u64 {
        let index = TASKS.index_of(core::ptr::NonNull::from(self)) as u64;
        (index + 1) | self.party.incarnation.load(Relaxed) << 32
    }

    /// The task a party is part of.
    ///
    /// # Safety
    /// `party` is the `party` field of a task.
    #[inline(always)]
    pub unsafe fn of(party: *const Party) -> *mut Task {
        // SAFETY: the party is at a fixed offset in its task, and the provenance is the slab's.
        unsafe { party.byte_sub(core::mem::offset_of!(Task, party)).cast::<Task>().cast_mut() }
    }

    /// What it is called in a report: its number, and its name if it has one.
    ///
    /// # Safety
    /// As `name`.
    pub(super) unsafe fn title(&self) -> std::ffi::CString {
        let mut title = format!("task {}", self.id()).into_bytes();
        // SAFETY: contract.
        if let Some(name) = unsafe { self.name() } {
            title.push(b' ');
            title.extend_from_slice(name.to_bytes());
        }
        std::ffi::CString::new(title).unwrap_or_default()
    }

    /// What `state` says, for the dump.
    pub fn state_text(&self) -> &'static str {
        match self.state.load(Relaxed) {
            NEW => "new",
            READY => "ready",
            RUNNING => "running",
            PARKED => "parked",
            _ => "ended",
        }
    }

    /// Its name, or None.
    ///
    /// # Safety
    /// The task is alive (the header's lock is held, or the caller holds a handle).
    pub unsafe fn name(&self) -> Option<&core::ffi::CStr> {
        let n = self.name.get();
        if n.is_null() {
            None
        } else {
            // SAFETY: the name is set before the task is published and freed when its slot is.
            Some(unsafe { core::ffi::CStr::from_ptr(n) })
        }
    }

    /// Makes a slot a live task with its header last.
    pub(super) fn publish(&self, refs: u32) {
        self.header.refs.store(refs, Relaxed);
        self.header.epoch.store(slab::epoch(), Relaxed);
        // Release: pairs with the Acquire of whoever checks the kind.
        self.header.kind.store(KIND_TASK, Release);
    }
}

// A million tasks that have not run yet cost this much each, and the kernel clears it.
const _: () = assert!(cfg!(gort_race) || size_of::<Task>() <= 320);

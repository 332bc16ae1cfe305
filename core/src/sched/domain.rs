//! `Domain`: whose time and chance a task lives in (D7).
//!
//! A task's `domain` is null (the real world) or points to one of these; it is inherited at spawn. The two doors `sched::now()` and `sched::rand()` read it, and
//! the scheduler makes its accounting calls (`note`) only when it is not null, so the real world pays one predictable branch.
//! Today there is one kind: seeded chance with real time, and a log of every scheduling event, which proves that a seed gives the same schedule.
//! Virtual time and schedule exploration are other kinds of the same struct.
//!
//! M1  A seeded run has one processor, no retake, no theft: the order of events depends on the program and the seed only.
//! M2  The log is text, one event a line, with small numbers for tasks and objects (their slab index), so two runs compare byte for byte.

use crate::sys::lock::ByteLock;
use core::cell::{Cell, UnsafeCell};
use core::fmt::Write;

/// What is written to the log.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    Spawn,
    Start,
    Park,
    Ready,
    Yield,
    Exit,
}

impl Event {
    fn word(self) -> &'static str {
        match self {
            Event::Spawn => "spawn",
            Event::Start => "start",
            Event::Park => "park",
            Event::Ready => "ready",
            Event::Yield => "yield",
            Event::Exit => "exit",
        }
    }
}

/// See the file's head.
pub struct Domain {
    pub seed: u64,
    state: Cell<u64>,
    lock: ByteLock,
    // guarded by `lock`
    log: UnsafeCell<Option<String>>,
    step: Cell<u64>,
}

// SAFETY: `state` is used by tasks of the one processor of a seeded run (M1) or under the lock; the log is guarded by the lock.
unsafe impl Sync for Domain {}
// SAFETY: as above.
unsafe impl Send for Domain {}

impl Domain {
    /// A seeded world; with a log or without.
    pub fn seeded(seed: u64, log: bool) -> Domain {
        Domain {
            seed,
            state: Cell::new(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1),
            lock: ByteLock::new(),
            log: UnsafeCell::new(log.then(String::new)),
            step: Cell::new(0),
        }
    }

    /// The next number of this world.
    pub fn random(&self) -> u64 {
        self.lock.with(|| {
            let mut x = self.state.get();
            x ^= x >> 12;
            x ^= x << 25;
            x ^= x >> 27;
            self.state.set(x);
            x.wrapping_mul(0x2545_F491_4F6C_DD1D)
        })
    }

    /// Accounts one event of task number `task`; `what` says more (a reason), `object` is a small number or MAX for none.
    #[cold]
    pub fn note(&self, event: Event, task: u32, what: &str, object: u32) {
        self.lock.with(|| {
            let step = self.step.get();
            self.step.set(step + 1);
            // SAFETY: the log is ours under the lock.
            if let Some(log) = unsafe { &mut *self.log.get() } {
                let _ = write!(log, "{step} {} t{task}", event.word());
                if !what.is_empty() {
                    let _ = write!(log, " {what}");
                }
                if object != u32::MAX {
                    let _ = write!(log, " #{object}");
                }
                log.push('\n');
            }
        })
    }

    /// The log so far.
    pub fn log(&self) -> String {
        // SAFETY: the log is ours under the lock.
        self.lock.with(|| unsafe { (*self.log.get()).clone().unwrap_or_default() })
    }
}

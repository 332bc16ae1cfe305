//! What a host language brings to its lane (D3): how its tasks are resumed, switched to and begun, how its threads wait, and what its hub sees to between two tasks.
//!
//! The scheduler knows a host by this table only; what the hooks promise each other stands in `host.rs` and at each field.

use super::Time;
use super::task::Task;
use super::thread::Thread;

/// What a host must bring. `None` in a lane means native: stacks of our own. All of them are called outside the bracket, on a thread that runs the lane's loop
/// (`thread_block` also on the host's other threads that named these hooks by `doors::set_host`).
pub struct Hooks {
    /// The lane's name in the dump.
    pub name: &'static str,
    /// Where is a task that has not started to begin? It is bound to that thread from then on; so it must be one that goes on running the loop as long as the task needs it.
    pub where_to_start: unsafe fn(*mut Task) -> Start,
    /// Is there a recycled stack on this thread that a task which has not started could begin on, without the hub? (Fresh ones begin from the hub only.)
    pub has_spare: unsafe fn() -> bool,
    /// On the hub: runs `task` until it parks, switches back to the hub, or ends (the host then calls `worker::end_host_task`).
    pub resume: unsafe fn(*mut Task),
    /// On the stack of `from`: goes straight to `to` (current already; started, or to begin on a spare stack) or, if `to` is null, to the hub. Returns when `from` is resumed.
    pub switch: unsafe fn(from: *mut Task, to: *mut Task),
    /// Must the next switch go to the hub (the host has business there)?
    pub hub_business: unsafe fn() -> bool,
    /// Does that business: on the hub, between two tasks, or before it sleeps.
    pub hub: unsafe fn(),
    /// Around a wait of the OS thread that is not the hub's own (D4): detach, wait, attach; no switch inside. `wait` sleeps until it is told (true) or its argument, a
    /// moment, has come (false: the host looks at its signals, and calls it again). False if the host interrupts the wait.
    pub thread_block: unsafe fn(wait: &mut dyn FnMut(Time) -> bool) -> bool,
    /// May the host itself wake a task, by something that no thread of the process stands for (a handler of a signal)? Asked by the judge, on any thread; must not block.
    pub may_wake: fn() -> bool,
    /// Around the sleep of an idle worker: the same, once; what is to be looked at then is business of the hub.
    pub idle: unsafe fn(wait: &mut dyn FnMut(Time)),
}

/// What `where_to_start` says.
pub enum Start {
    /// On this thread, now.
    Here,
    /// On this thread or another, but not now.
    Later,
    /// On this other thread, which runs a loop of the lane.
    On(*const Thread),
}

impl Hooks {
    /// On the hub, between two tasks or before it sleeps: the host's business, outside the bracket. Afterwards the thread may have no processor; the loop looks.
    #[cold]
    pub fn attend(&self, th: &Thread) {
        // SAFETY: the thread runs the lane's loop and no task is current: this is the hub. Nothing is held between the two brackets.
        unsafe {
            if (self.hub_business)() {
                th.bracket.exit();
                (self.hub)();
                th.bracket.enter();
            }
        }
        th.bracket.settle();
    }
}

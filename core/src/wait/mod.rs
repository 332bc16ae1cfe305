//! Floor 2: how a party waits, once, and is woken, once. The protocol in one page.
//!
//! ```text
//!  1 enlist   under the object's lock: the party's waiter joins a queue, with the number of the wait to come
//!  2 park     the stack is saved; then, on the scheduler's stack, the commit writes WAITING(seq), looks at the cancel flags, and unlocks the object
//!  3 win      whoever ends the wait (counterpart, close, timer, cancel, judge) compares-and-swaps WAITING(seq) -> its own state; the counterpart does it under the object's
//!             lock, then moves the value and writes the waiter's status
//!  4 unlock   one plain store: the last access to the object
//!  5 fire     `ready(party)`; only the winner, once, with no lock held
//!  6 unlink   the woken party, if it did not win through the object, takes the lock and leaves the queue; its timer and cancel nodes go too
//! ```
//! A plain OS thread does the same with its own party: WAITING is written before the unlock, and step 2 is a futex.

pub mod at;
pub mod block;
pub mod cancel;
#[cfg(not(loom))]
pub mod join;

pub use crate::sched::party::{CancelNode, Party, Reason, WaitQueue, Waiter, Who};
pub use crate::sched::ticket::{self, Ticket};
pub use crate::sched::wakelist::WakeList;
pub use block::{Wait, block, interrupted};
pub use cancel::CancelSource;

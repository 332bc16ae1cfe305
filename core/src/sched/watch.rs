//! Locks that are watched (`GORT_DEBUG_LOCKS=1`): who has each and since which place, in which order they are taken, and which of them is a copy. `watch/book.rs` keeps all of it; here is what a
//! lock calls.
//!
//! What this is NOT: a change of what locks do. What is reported is a line on stderr; locked twice is a deadlock still.
//!
//!  WA1  Watched, every lock goes the slow way (`lot::SLOW`). Not watched, that way asks one word and nothing else is done.
//!  WA2  A lock calls `wants` before it may wait, `has` when it is had, `gives` before it is unlocked: outside the bracket and with no lock held, for places are asked for, which may run code of a
//!       host, and memory is allocated.
//!  WA3  A lock is known by a number in a word of its own, zero at first. So memory that is used again (it is zero again) is another lock, and a number that is met at another address while it is
//!       locked is that of a copy.
//!
//! Rejected: the address as a lock's name (a program that makes and frees its locks would be told of orders that no two of them ever had).

use crate::sys::prim::*;
use core::fmt;
use core::panic::Location;

#[cfg(not(loom))]
mod book;
#[cfg(not(loom))]
pub use book::{holder, reports, reset};

/// Where in the program a lock is asked for.
#[derive(Clone, Copy)]
pub enum Place {
    /// In Rust.
    At(&'static Location<'static>),
    /// What a face finds when it is asked, in the call itself and on its stack.
    Ask(fn() -> String),
}

impl Place {
    /// The caller's.
    #[track_caller]
    #[inline(always)]
    pub fn here() -> Place {
        Place::At(Location::caller())
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::At(l) => write!(f, "{}:{}", l.file(), l.line()),
            Place::Ask(ask) => f.write_str(&ask()),
        }
    }
}

/// A lock, as it shows itself.
#[derive(Clone, Copy)]
pub struct Lock<'a> {
    pub kind: &'static str,
    pub at: *const (),
    /// See WA3.
    pub number: &'a AtomicU32,
    pub locked: bool,
}

/// Are locks watched? Known when the first has gone the slow way.
#[cfg(not(loom))]
#[inline(always)]
pub fn is_on() -> bool {
    STATE.load(Relaxed) == ON
}
#[cfg(loom)]
pub fn is_on() -> bool {
    false
}

#[cfg(not(loom))]
const ON: u8 = 2;
/// 0: not asked yet; 1: off.
#[cfg(not(loom))]
static STATE: AtomicU8 = AtomicU8::new(0);

/// Asks the environment, once. Are they?
#[cfg(not(loom))]
pub fn decide() -> bool {
    if STATE.load(Relaxed) == 0 {
        let on = std::env::var_os("GORT_DEBUG_LOCKS").is_some_and(|v| !v.is_empty() && v != "0");
        STATE.store(if on { ON } else { 1 }, Relaxed)
    }
    is_on()
}

/// The caller is about to lock it, and may wait: in which order, and has the caller got it already?
#[cold]
#[allow(unused_variables)]
pub fn wants(lock: Lock<'_>, place: Place) {
    #[cfg(not(loom))]
    book::wants(lock, place)
}

/// The caller looks at it, and waits for nothing: is it a copy?
#[cold]
#[allow(unused_variables)]
pub fn meets(lock: Lock<'_>) {
    #[cfg(not(loom))]
    book::meets(lock)
}

/// The caller has it.
#[cold]
#[allow(unused_variables)]
pub fn has(lock: Lock<'_>, place: Place) {
    #[cfg(not(loom))]
    book::has(lock, place)
}

/// The caller is about to unlock it.
#[cold]
#[allow(unused_variables)]
pub fn gives(lock: Lock<'_>) {
    #[cfg(not(loom))]
    book::gives(lock)
}

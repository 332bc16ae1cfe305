//! What is known of the locks that are watched.
//!
//! The book is guarded by `LOCK`. Under it nothing is printed, no place is asked for and the bracket is not entered; reports are printed after it.
//! It grows with the number of locks and of their orders: it is for debugging.

use super::{Lock, Place};
use crate::sched::doors::enter;
use crate::sys::lock::ByteLock;
use crate::sys::prim::*;
use core::cell::UnsafeCell;
use core::fmt::Write;
use std::collections::BTreeMap;

/// A task or a thread.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Who {
    Task(u64),
    Thread(i32),
}

impl core::fmt::Display for Who {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Who::Task(id) => write!(f, "task {id}"),
            Who::Thread(tid) => write!(f, "thread {tid}"),
        }
    }
}

/// One who has a lock.
struct Held {
    at: usize,
    who: Who,
    place: String,
}

/// A lock: where it was met, and who had it last.
struct Known {
    kind: &'static str,
    at: usize,
    last: Option<(Who, String)>,
}

/// Somebody who had one lock has asked for another.
struct Order {
    who: Who,
    had: String,
    wanted: String,
}

#[derive(Default)]
struct Book {
    /// The last number that was given.
    last: u32,
    known: BTreeMap<u32, Known>,
    held: BTreeMap<u32, Held>,
    /// By the lock that was had, then by the one that was wanted.
    orders: BTreeMap<u32, BTreeMap<u32, Order>>,
    reports: Vec<String>,
}

struct Guarded(UnsafeCell<Option<Box<Book>>>);

// SAFETY: used under `LOCK` only.
unsafe impl Sync for Guarded {}

static LOCK: ByteLock = ByteLock::new();
static BOOK: Guarded = Guarded(UnsafeCell::new(None));

/// Under the lock.
fn with<R>(f: impl FnOnce(&mut Book) -> R) -> R {
    // SAFETY: the lock is held, and `f` does not come back here.
    LOCK.with(|| f(unsafe { (*BOOK.0.get()).get_or_insert_default() }))
}

/// In the child of a fork: nobody has anything; the orders are as true as before. What another thread was writing is left behind.
pub fn reset() {
    if !LOCK.try_lock() {
        // SAFETY: the child has one thread. The book is leaked as it is, half written.
        core::mem::forget(unsafe { (*BOOK.0.get()).take() });
    }
    // SAFETY: it is locked, by us or by somebody who is not there.
    unsafe {
        if let Some(book) = &mut *BOOK.0.get() {
            book.held.clear()
        }
        LOCK.unlock()
    }
}

/// The caller, outside the bracket; None where it cannot be entered.
fn me() -> Option<Who> {
    let cx = enter().ok()?;
    // SAFETY: the task that makes the call is alive while it does.
    let who = match unsafe { cx.caller().as_ref() } {
        Some(t) => Who::Task(t.id()),
        None => Who::Thread(cx.thread.tid.load(Relaxed)),
    };
    cx.exit();
    Some(who)
}

impl Book {
    /// Once.
    fn report(&mut self, text: String) {
        if !self.reports.contains(&text) {
            self.reports.push(text)
        }
    }

    /// The lock's number: its own, or a new one.
    fn number(&mut self, lock: Lock<'_>) -> u32 {
        let (n, at) = (lock.number.load(Relaxed), lock.at.addr());
        let known = self.known.get(&n);
        if known.is_some_and(|k| k.at == at) {
            return n;
        }
        if let Some(k) = known
            && lock.locked
        {
            let mut s = format!("{} {at:#x} is a copy of the one at {:#x}, made while that was locked", k.kind, k.at);
            if let Some((who, place)) = &k.last {
                let _ = write!(s, " by {who} at {place}");
            }
            s.push_str(": it is locked too, and no unlock of that one unlocks it");
            self.report(s);
        }
        self.last += 1;
        lock.number.store(self.last, Relaxed);
        self.known.insert(self.last, Known { kind: lock.kind, at, last: None });
        self.last
    }

    fn name(&self, n: u32) -> String {
        self.known.get(&n).map_or_else(String::new, |k| format!("{} {:#x}", k.kind, k.at))
    }

    /// A way from one lock to another along the orders that were seen.
    fn way(&self, from: u32, to: u32, seen: &mut Vec<u32>) -> Option<Vec<u32>> {
        if from == to {
            return Some(vec![to]);
        }
        seen.push(from);
        for &next in self.orders.get(&from)?.keys() {
            if !seen.contains(&next)
                && let Some(mut way) = self.way(next, to, seen)
            {
                way.insert(0, from);
                return Some(way);
            }
        }
        None
    }

    /// `who` has `had` and wants `n`: noted, and reported if others have been seen to do it the other way round.
    fn order(&mut self, had: u32, n: u32, order: Order) {
        if self.orders.get(&had).is_some_and(|to| to.contains_key(&n)) {
            return;
        }
        if let Some(way) = self.way(n, had, &mut Vec::new()) {
            let mut s = String::from("locks are taken in different orders, which can end in a deadlock:");
            let mut line = |had: u32, wanted: u32, o: &Order| {
                let _ = write!(
                    s,
                    "\n  {} wants {} at {}, and has {} since {}",
                    o.who,
                    self.name(wanted),
                    o.wanted,
                    self.name(had),
                    o.had
                );
            };
            line(had, n, &order);
            for pair in way.windows(2) {
                if let Some(o) = self.orders.get(&pair[0]).and_then(|to| to.get(&pair[1])) {
                    line(pair[0], pair[1], o)
                }
            }
            self.report(s);
        }
        self.orders.entry(had).or_default().insert(n, order);
    }
}

/// Prints what `f` has reported.
fn reporting(f: impl FnOnce(&mut Book)) {
    let new = with(|book| {
        let before = book.reports.len();
        f(book);
        book.reports[before..].to_vec()
    });
    for text in new {
        eprintln!("gort: {text}")
    }
}

pub fn wants(lock: Lock<'_>, place: Place) {
    let Some(who) = me() else { return };
    let place = place.to_string();
    reporting(|book| {
        let n = book.number(lock);
        let mine: Vec<_> = book.held.iter().filter(|(_, h)| h.who == who).map(|(&n, h)| (n, h.place.clone())).collect();
        for (had, since) in mine {
            if had == n {
                let text = format!(
                    "{who} locks {} twice, at {place}: it has it since {since}, and waits for itself unless another unlocks it",
                    book.name(n)
                );
                book.report(text);
            } else {
                book.order(had, n, Order { who, had: since, wanted: place.clone() })
            }
        }
    })
}

pub fn meets(lock: Lock<'_>) {
    reporting(|book| {
        book.number(lock);
    })
}

pub fn has(lock: Lock<'_>, place: Place) {
    let Some(who) = me() else { return };
    let place = place.to_string();
    reporting(|book| {
        let n = book.number(Lock { locked: false, ..lock });
        if let Some(k) = book.known.get_mut(&n) {
            k.last = Some((who, place.clone()))
        }
        book.held.insert(n, Held { at: lock.at.addr(), who, place });
    })
}

pub fn gives(lock: Lock<'_>) {
    reporting(|book| {
        let n = book.number(lock);
        book.held.remove(&n);
    })
}

/// Who has the lock at this address, and since which place; where that is known.
pub fn holder(at: *const ()) -> Option<String> {
    if !super::is_on() {
        return None;
    }
    with(|book| {
        let h = book.held.values().find(|h| h.at == at.addr())?;
        Some(format!("{} has it since {}", h.who, h.place))
    })
}

/// All that was reported so far, for tests of a program.
pub fn reports() -> Vec<String> {
    if super::is_on() { with(|book| book.reports.clone()) } else { Vec::new() }
}

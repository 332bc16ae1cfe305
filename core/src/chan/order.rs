//! What orders what on a channel, for the checking library (`sys/race.rs`); in every other build `order_none.rs` stands here and nothing is kept.
//!
//! The k-th send comes before the k-th receive, and the k-th receive before the (k+C)-th send; each close before what returns CLOSED because of it. So there is a token for the last send
//! and one for the last receive of each of the C places, whatever place of the buffer the value really took: a value that is handed over goes through its place in thought only.
//! An unbuffered channel has no places: there the two parties of an operation order each other, both ways.
//!
//!  Q1  Guarded by the channel's lock.
//!  Q2  An operation is done by the caller on the caller's own behalf, and for a parked party by whoever completes it: then the party's token (what it did before it waited) changes places
//!      with the channel's, and what the completing party did is added, since the operation comes after that too. The other direction, completing party before woken
//!      party, is told by `ready`.

use super::select::{Case, Op};
use crate::sched::party::Party;
use crate::sched::thread::Thread;
use crate::sys::prim::Cell;
use crate::sys::race::{Spot, Token, quiet_begin, quiet_end};
use core::ptr::{null, null_mut};
use std::collections::VecDeque;

/// A receive, inside the bracket, has written `n` bytes of an element of the program's at `at`.
pub(super) fn wrote(at: *const u8, n: usize) {
    // SAFETY: inside, so the thread is registered; threads are never freed.
    unsafe { (*Thread::get()).written.note(at, n) }
}

/// Where the cases of a select receive to, and how much; noted while their channels are held.
pub(super) struct Rooms(Vec<(*const u8, usize)>);

impl Rooms {
    /// Each channel is null, or locked and valid.
    pub(super) fn of(cases: &[Case]) -> Rooms {
        let room = |c: &Case| match c.op {
            // SAFETY: contract.
            Op::Recv if !c.chan.is_null() => (c.at.cast_const(), unsafe { (*c.chan).size.get() } as usize),
            _ => (null(), 0),
        };
        Rooms(cases.iter().map(room).collect())
    }

    /// Case `i` has gone ahead: a receive has written its element.
    pub(super) fn wrote(&self, i: usize) {
        let (at, n) = self.0[i];
        wrote(at, n)
    }
}

#[derive(Default)]
struct Kept {
    /// Numbers of the next send and the next receive, modulo the capacity.
    send: usize,
    recv: usize,
    sent: Vec<Token>,
    received: Vec<Token>,
    /// Sends of values that lie behind the buffer of an unbounded channel.
    more: VecDeque<Token>,
    unbounded: bool,
    closed: Spot,
    back: Spot,
}

impl Kept {
    fn take(number: &mut usize, cap: usize) -> usize {
        let i = *number;
        *number = if i + 1 >= cap { 0 } else { i + 1 };
        i
    }

    fn at(tokens: &mut Vec<Token>, i: usize) -> &Token {
        while tokens.len() <= i {
            tokens.push(Token::default())
        }
        &tokens[i]
    }

    fn next_send(&mut self, cap: usize) -> usize {
        let i = Kept::take(&mut self.send, cap);
        if !self.unbounded {
            Kept::at(&mut self.received, i).fetch()
        }
        i
    }
}

/// A channel's.
pub struct Order(Cell<*mut Kept>);

impl Order {
    fn with<R: Default>(&self, f: impl FnOnce(&mut Kept) -> R) -> R {
        // SAFETY: null, or made by `make` and alive until `free`; nobody else uses it meanwhile (Q1).
        match unsafe { self.0.get().as_mut() } {
            Some(kept) => f(kept),
            None => R::default(),
        }
    }

    /// A channel is made in a fresh slot.
    pub fn make(&self, unbounded: bool) {
        quiet_begin();
        self.0.set(Box::into_raw(Box::new(Kept { unbounded, ..Kept::default() })));
        quiet_end();
    }

    /// The channel is gone.
    pub fn free(&self) {
        let p = self.0.replace(null_mut());
        if p.is_null() {
            return;
        }
        quiet_begin();
        // SAFETY: from `make`, and freed once.
        let kept = unsafe { Box::from_raw(p) };
        kept.sent.iter().chain(&kept.received).chain(&kept.more).for_each(Token::free);
        drop(kept);
        quiet_end();
    }

    /// The caller's value went into the buffer.
    pub fn sent(&self, cap: usize) {
        self.with(|k| {
            let i = k.next_send(cap);
            Kept::at(&mut k.sent, i).leave();
        })
    }

    /// The caller's value went behind the full buffer of an unbounded channel.
    pub fn sent_behind(&self) {
        self.with(|k| {
            let token = Token::default();
            token.leave();
            k.more.push_back(token);
        })
    }

    /// The caller's value was handed to `to`, which waits to receive.
    pub fn handed(&self, cap: usize, to: *const Party) {
        // SAFETY: the caller has won its ticket; parties are type-stable.
        let to = unsafe { &(*to).waits };
        self.with(|k| {
            if cap == 0 {
                return to.fetch();
            }
            k.next_send(cap);
            let i = Kept::take(&mut k.recv, cap);
            let received = Kept::at(&mut k.received, i);
            received.swap(to);
            received.add();
        })
    }

    /// The caller has received from the buffer.
    pub fn received(&self, cap: usize) {
        self.with(|k| {
            let i = Kept::take(&mut k.recv, cap);
            Kept::at(&mut k.sent, i).fetch();
            Kept::at(&mut k.received, i).leave();
        })
    }

    /// After `received`: the value of `from`, which waits to send, went into the place that became free; null: one from behind the buffer.
    pub fn refilled(&self, cap: usize, from: *const Party) {
        self.with(|k| {
            let i = Kept::take(&mut k.send, cap);
            let sent = Kept::at(&mut k.sent, i);
            // SAFETY: null, or its ticket was won by the caller.
            match unsafe { from.as_ref() } {
                Some(from) => {
                    sent.swap(&from.waits);
                    sent.add();
                }
                None => {
                    if let Some(token) = k.more.pop_front() {
                        sent.swap(&token);
                        token.free()
                    }
                }
            }
        })
    }

    /// The caller has received from `from`, which waits to send: nothing lies in between.
    pub fn met(&self, from: *const Party) {
        // SAFETY: null, or its ticket was won by the caller.
        if let Some(from) = unsafe { from.as_ref() } {
            from.waits.fetch()
        }
    }

    /// A value came back that had been received, to lie in front of the buffer.
    pub fn came_back(&self) {
        self.with(|k| k.back.add())
    }

    /// The caller has received one of those.
    pub fn received_back(&self) {
        self.with(|k| k.back.fetch())
    }

    /// The caller closes the channel, or abandons it.
    pub fn closes(&self) {
        self.with(|k| k.closed.add())
    }

    /// The caller returns CLOSED.
    pub fn is_closed(&self) {
        self.with(|k| k.closed.fetch())
    }

    /// The caller takes all that was sent and not received, to drop it: `count` values of the buffer, and those around it.
    pub fn drops(&self, cap: usize, count: usize) {
        self.with(|k| {
            for i in (0..count).map(|j| (k.recv + j) % cap) {
                Kept::at(&mut k.sent, i).fetch();
            }
            k.more.iter().for_each(Token::fetch);
            k.back.fetch();
        })
    }
}

//! Models of a plain thread's wait (`sched/waits.rs`), the real one: a telling against a thread that looks before it sleeps, and a shutdown that asks whether the thread has left.
//!
//! Not here: the kernel's futex, the clock that bounds the look (one look, here), and the hooks of a host.

#![cfg(loom)]

mod model;

use gort::sched::bell::Bell;
use gort::sched::bracket::{Bracket, FOREIGN};
use gort::sched::spin::Patience;
use gort::sched::ticket::{self, Ticket};
use gort::sched::waits::{Waits, wait_told};
use gort::sys::barrier;
use gort::sys::clock::NEVER;
use gort::sys::prim::*;
use model::*;

/// A thread, an object that it waits for, and the memory of that object.
struct Thread {
    bracket: Bracket,
    waits: Waits,
    bell: Bell,
    ticket: Ticket,
    patience: Patience,
    /// What a call uses while the shutdown has not come; written over by whoever gives it back.
    memory: Cell<u32>,
    released: AtomicBool,
}

fn thread() -> &'static Thread {
    shared(Thread {
        bracket: Bracket::new(FOREIGN),
        waits: Waits::new(),
        bell: Bell::new(),
        ticket: Ticket::new(),
        patience: Patience::new(),
        memory: Cell::new(0),
        released: AtomicBool::new(false),
    })
}

impl Thread {
    /// Ends its open wait.
    fn end(&self, state: u8) {
        if let Some(seq) = self.ticket.waiting()
            && self.ticket.win(seq, state, 0)
        {
            self.bell.ring()
        }
    }

    /// One wait of a call, from inside to inside.
    fn wait(&self, deadline: i64, patient: bool) -> u8 {
        let seq = self.ticket.next_seq();
        self.ticket.open(seq);
        self.waits.begin();
        self.bracket.exit();
        let patience = patient.then_some(&self.patience);
        wait_told(&self.bell, &self.ticket, seq, deadline, patience, |wait| wait(NEVER));
        self.bracket.enter();
        self.waits.end();
        self.ticket.outcome().0
    }

    /// A call that waits, and once more if its first wait was won, using the memory before, between and after. It asks for the epoch, as `lock_as` does.
    fn call(&self) {
        self.bracket.enter();
        if !self.released.load(Relaxed) {
            self.memory.set(1);
            if self.wait(NEVER, true) == ticket::WON {
                self.memory.set(2);
                assert_eq!(self.wait(NEVER, false), ticket::SHUTDOWN);
            }
            self.memory.set(3);
        }
        self.bracket.exit();
    }

    /// As `release`: a new epoch, then whoever waits is told until nobody is in a call; then the memory goes.
    fn shutdown(&self) {
        self.released.store(true, SeqCst);
        barrier::heavy();
        loop {
            self.end(ticket::SHUTDOWN);
            if !self.waits.in_a_call(&self.bracket) {
                break;
            }
            yield_thread();
        }
        self.memory.set(9);
    }
}

#[test]
fn memory_is_given_back_after_the_last_call_has_left() {
    for peer in [false, true] {
        let name =
            ["waits: a shutdown against a call", "waits: a peer, then a shutdown, against a call that waits twice"];
        explore(name[peer as usize], 3, move || {
            let t = thread();
            let other = move || {
                if peer {
                    t.end(ticket::WON)
                }
                t.shutdown()
            };
            beside(other, || t.call());
        });
    }
}

#[test]
fn a_telling_against_a_thread_that_looks_and_sleeps() {
    explore("waits: one telling each for two waits, one of which looks first", 5, || {
        let t = thread();
        let work = shared([Cell::new(0), Cell::new(0)]);
        beside(
            move || {
                for (i, w) in work.iter().enumerate() {
                    while t.ticket.waiting() != Some(i as u64 + 1) {
                        yield_thread();
                    }
                    w.set(1);
                    t.end(ticket::WON);
                }
            },
            || {
                for (i, w) in work.iter().enumerate() {
                    t.bracket.enter();
                    assert_eq!(t.wait(NEVER, i == 0), ticket::WON);
                    assert_eq!(w.get(), 1);
                    t.bracket.exit();
                }
                assert!(!t.bell.is_told(), "a telling was left for the next wait");
            },
        );
    });
}

#[test]
fn a_deadline_against_a_telling() {
    explore("waits: a deadline against the winner, whose telling is waited for", 5, || {
        let t = thread();
        let work = shared(Cell::new(0));
        beside(
            move || {
                if let Some(seq) = t.ticket.waiting()
                    && t.ticket.win(seq, ticket::WON, 0)
                {
                    work.set(1);
                    t.bell.ring();
                }
            },
            || {
                t.bracket.enter();
                let state = t.wait(1, true);
                t.bracket.exit();
                assert!(state == ticket::EXPIRED || work.get() == 1);
                assert!(!t.bell.is_told());
                work.set(2); // X4: the winner is through with us
            },
        );
    });
}

//! Models of the bell (`sched/bell.rs`) and the mailbox (`sched/list.rs`) against sleep, over the real code: a call is never lost.
//!
//! The futex of the models yields until its word changes, so a lost call is a schedule that never ends. A deadline passes at the first look.
//! Not here: the kernel's own check of the word (futex(2) makes it atomic with going to sleep).

#![cfg(loom)]

mod model;

use gort::sched::bell::Bell;
use gort::sched::bracket::Bracket;
use gort::sched::list::{Fifo, Linked, Mailbox};
use gort::sys::clock::NEVER;
use gort::sys::prim::*;
use model::*;

#[derive(Default)]
struct Item {
    link: Cell<*mut Item>,
    work: Cell<u32>,
}

// SAFETY: the list that holds an item is the only user of its link.
unsafe impl Linked for Item {
    fn link(&self) -> &Cell<*mut Item> {
        &self.link
    }
}

struct Owner {
    bell: Bell,
    mailbox: Mailbox<Item>,
    pinned: Fifo<Item>,
}

fn owner() -> &'static Owner {
    shared(Owner { bell: Bell::default(), mailbox: Mailbox::new(), pinned: Fifo::new() })
}

impl Owner {
    fn send(&self, work: u32) {
        let item = shared(Item::default());
        item.work.set(work);
        // SAFETY: a fresh leaked item.
        unsafe { self.mailbox.push(std::ptr::from_ref(item).cast_mut()) };
        self.bell.ring();
    }

    /// As `idle::rest` for a thread whose mailbox is its only work: runs `n` items, sleeping when there is none.
    fn run(&self, n: u32) -> u32 {
        let (mut sum, mut done) = (0, 0);
        while done < n {
            // SAFETY: the owner's.
            let item = unsafe {
                if !self.mailbox.is_empty() {
                    self.mailbox.take_all(&self.pinned)
                }
                self.pinned.pop()
            };
            if item.is_null() {
                self.bell.sleep(NEVER, || !self.mailbox.is_empty());
                continue;
            }
            // SAFETY: leaked.
            sum = sum * 10 + unsafe { (*item).work.get() };
            done += 1;
        }
        sum
    }
}

#[test]
fn one_sender() {
    explore("bell: two pushes of one sender against a mailbox owner that sleeps", 5, || {
        let o = owner();
        beside(
            move || {
                o.send(1);
                o.send(2)
            },
            || assert_eq!(o.run(2), 12, "in the order of the sends"),
        );
    });
}

#[test]
fn two_senders() {
    explore("bell: two senders against a mailbox owner that sleeps", 3, || {
        let o = owner();
        together(vec![Box::new(move || o.send(1)), Box::new(move || o.send(2))], || {
            assert!(matches!(o.run(2), 12 | 21));
        });
    });
}

#[test]
fn a_processor_is_given() {
    explore("bell: a processor is given, then rung, against a thread that rests", 5, || {
        struct Rests {
            bracket: Bracket,
            bell: Bell,
            inner: Cell<u32>,
        }
        let r = shared(Rests { bracket: Bracket::new(0), bell: Bell::default(), inner: Cell::new(0) });
        beside(
            move || {
                r.inner.set(1);
                r.bracket.give(4);
                r.bell.ring();
            },
            || {
                while r.bracket.is_bare() {
                    r.bell.sleep(NEVER, || !r.bracket.is_bare());
                }
                assert_eq!(r.inner.get(), 1);
                r.inner.set(2);
            },
        );
    });
}

#[test]
fn one_told_for_one_ring() {
    explore("bell: wait_told used twice, one ring each", 5, || {
        let b = shared(Bell::default());
        let work = shared([Cell::new(0), Cell::new(0)]);
        let waits = shared(AtomicU32::new(0));
        beside(
            move || {
                for (i, w) in work.iter().enumerate() {
                    while waits.load(Acquire) as usize <= i {
                        yield_thread();
                    }
                    w.set(1);
                    b.ring();
                }
            },
            || {
                for w in work {
                    waits.fetch_add(1, AcqRel); // as a ticket is opened
                    assert!(b.wait_told(NEVER));
                    assert_eq!(w.get(), 1);
                }
            },
        );
        assert!(!b.is_told());
    });
}

#[test]
fn a_deadline_against_a_ring() {
    explore("bell: wait_told with a deadline against the ring", 5, || {
        let b = shared(Bell::default());
        let work = shared(Cell::new(0));
        beside(
            move || {
                work.set(1);
                b.ring();
            },
            || {
                if !b.wait_told(1) {
                    // Too late: the ring is still to come, and is waited for.
                    assert!(b.wait_told(NEVER));
                }
                assert_eq!(work.get(), 1);
            },
        );
    });
}

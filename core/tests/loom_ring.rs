//! Models of the run ring (`sched/ring.rs`): the owner's push, pop and spill against thieves, over the real code with a capacity of 4.
//!
//! Each item is a cell that whoever got it touches without atomics: an item that two got is a race, one that nobody got is missed at the end.
//! Not here: a head that goes around its 32 bits while a thief sleeps (four billion pops between its two reads).

#![cfg(loom)]

mod model;

use gort::sched::ring::{CAPACITY, Ring};
use gort::sys::prim::*;
use model::*;
use std::ptr::null_mut;

type Item = Cell<u32>;

struct World {
    ring: Ring<Item>,
    items: Vec<Item>,
}

impl World {
    fn new(n: usize) -> &'static World {
        shared(World { ring: Ring::new(), items: (0..n).map(|_| Item::new(0)).collect() })
    }

    fn push(&self, i: usize) -> bool {
        self.items[i].set(10);
        self.ring.push(std::ptr::from_ref(&self.items[i]).cast_mut())
    }

    fn got(&self, item: *mut Item) -> bool {
        if !item.is_null() {
            // SAFETY: an item of ours.
            let c = unsafe { &*item };
            assert_eq!(c.replace(11), 10, "pushed, and taken once");
        }
        !item.is_null()
    }

    fn pop(&self) -> bool {
        self.got(self.ring.pop())
    }

    fn steal(&self) {
        let mut out = [null_mut(); CAPACITY / 2];
        let n = self.ring.steal(&mut out);
        for item in &out[..n] {
            assert!(self.got(*item));
        }
    }

    fn check(&self) {
        while self.pop() {}
        assert!(self.items.iter().all(|i| i.get() == 11), "every item was got");
    }
}

#[test]
fn owner_against_a_thief() {
    explore("ring: three pushes and two pops against two thefts", 5, || {
        let w = World::new(3);
        beside(
            move || {
                w.steal();
                w.steal();
            },
            || {
                assert!(w.push(0) && w.push(1));
                w.pop();
                assert!(w.push(2));
                w.pop();
            },
        );
        w.check();
    });
}

#[test]
fn around_the_end() {
    explore("ring: slots used again behind a thief that copies", 5, || {
        let w = World::new(7);
        for i in 0..4 {
            assert!(w.push(i));
        }
        assert!(!w.push(4), "full");
        beside(
            move || w.steal(),
            || {
                for i in 4..7 {
                    w.pop();
                    while !w.push(i) {
                        w.pop();
                    }
                }
            },
        );
        w.check();
    });
}

#[test]
fn two_thieves() {
    explore("ring: two thieves and the owner", 3, || {
        let w = World::new(4);
        for i in 0..3 {
            assert!(w.push(i));
        }
        together(vec![Box::new(move || w.steal()), Box::new(move || w.steal())], || {
            assert!(w.push(3));
            w.pop();
        });
        w.check();
    });
}

#[test]
fn spill_against_a_thief() {
    explore("ring: a full ring spills half while a thief steals", 4, || {
        let w = World::new(5);
        for i in 0..4 {
            assert!(w.push(i));
        }
        beside(
            move || w.steal(),
            || {
                if !w.push(4) {
                    let mut half = [null_mut(); CAPACITY / 2];
                    let n = w.ring.spill(&mut half);
                    for item in &half[..n] {
                        assert!(w.got(*item));
                    }
                    assert!(w.push(4));
                }
            },
        );
        w.check();
    });
}

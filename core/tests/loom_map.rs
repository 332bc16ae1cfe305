//! Models of the map (`sync/map/raw.rs`), the real one: a writer's search against another's commit, a reader against both, and a table that is replaced.
//!
//! In the models nothing ripens (`sched/epoch_loom.rs`): what is explored is who finds what, not when memory goes. Hashes are the keys themselves, and all keys are in one shard.

#![cfg(loom)]

mod model;

use gort::sync::Map;
use gort::sys::prim::Arc;
use model::*;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::ControlFlow;

#[derive(Default)]
struct Plain(u64);

impl Hasher for Plain {
    fn write(&mut self, _: &[u8]) {}
    fn write_u32(&mut self, n: u32) {
        self.0 = u64::from(n)
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

type M = Map<u32, u32, BuildHasherDefault<Plain>>;

fn sum(m: &M) -> (usize, u32) {
    let (mut n, mut sum) = (0, 0);
    m.range(|_, v| {
        n += 1;
        sum += v;
        ControlFlow::<()>::Continue(())
    });
    assert_eq!(n, m.len());
    (n, sum)
}

/// Mutant map_stores_unseen.
#[test]
fn two_store_the_same_key_first() {
    explore("map: two store the same key first", 3, || {
        let m = Arc::new(M::default());
        let theirs = m.clone();
        let h = loom::thread::spawn(move || theirs.load_or_store(2, 10));
        let (mine, loaded) = m.load_or_store(2, 20);
        let (other, theirs) = h.join().unwrap();
        assert!(mine == other && loaded != theirs, "one is first, and both have its value");
        assert_eq!(sum(&m), (1, mine));
    })
}

/// Mutant map_takes_twice.
#[test]
fn two_take_and_one_replaces() {
    explore("map: two take a key and one replaces it", 3, || {
        let m = Arc::new(M::default());
        m.store(2, 1);
        let (a, b) = (m.clone(), m.clone());
        let taker = loom::thread::spawn(move || a.load_and_delete(&2));
        let swapper = loom::thread::spawn(move || b.compare_and_swap(2, &1, 10));
        let mine = m.load_and_delete(&2);
        let (theirs, swapped) = (taker.join().unwrap(), swapper.join().unwrap());
        let took = [mine, theirs].into_iter().flatten().collect::<Vec<_>>();
        assert_eq!(took, [if swapped { 10 } else { 1 }], "one has taken it, as it was last");
        assert_eq!(sum(&m), (0, 0));
    })
}

#[test]
fn a_key_that_stays_is_found_while_the_slots_around_it_change() {
    explore("map: load while a slot in its way goes and comes", 3, || {
        let m = Arc::new(M::default());
        // One group: 18 is behind 2.
        m.store(2, 1);
        m.store(18, 7);
        let theirs = m.clone();
        let h = loom::thread::spawn(move || {
            assert_eq!(theirs.load(&18), Some(7));
            assert!(matches!(theirs.load(&34), None | Some(3)));
        });
        m.delete(&2);
        m.store(34, 3); // into the slot that is free again
        h.join().unwrap();
        assert_eq!((m.load(&18), m.load(&34), m.load(&2)), (Some(7), Some(3), None));
        assert_eq!(sum(&m), (2, 10));
    })
}

#[test]
fn a_table_is_replaced_while_others_store_and_load() {
    explore("map: growing against a store and loads", 3, || {
        let m = Arc::new(M::default());
        (0..5).for_each(|k| m.store(2 * k, 1)); // the first table is as full as it gets
        let theirs = m.clone();
        let h = loom::thread::spawn(move || theirs.store(100, 5));
        assert_eq!(m.swap(4, 2), Some(1));
        m.store(102, 6);
        assert_eq!((m.load(&0), m.load(&4), m.load(&102)), (Some(1), Some(2), Some(6)));
        h.join().unwrap();
        assert_eq!(m.load(&100), Some(5));
        assert_eq!(sum(&m), (7, 4 + 2 + 5 + 6));
    })
}

#[test]
fn a_store_against_clear() {
    explore("map: a store against clear", 3, || {
        let m = Arc::new(M::default());
        m.store(2, 1);
        let theirs = m.clone();
        let h = loom::thread::spawn(move || theirs.clear());
        m.store(4, 5);
        h.join().unwrap();
        assert_eq!(m.load(&2), None);
        assert!(matches!((m.load(&4), sum(&m)), (None, (0, 0)) | (Some(5), (1, 5))));
    })
}

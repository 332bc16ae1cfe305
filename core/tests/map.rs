//! The map (sync/map.rs): against plain maps, its promises under contention, and what becomes of values that are deleted.
//!
//! The stress tests print their seed (`GORT_TEST_SEED` repeats the operations, not the schedule). Freed too early shows here as a canary, and under AddressSanitizer as what it is.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sync::Map;
use gort::{WaitGroup, yield_now};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::worker::Worker;
use support::{Rng, allow_panics, check, plain, plain_on, repeat, scale, seed};

/// Gives every key one of four hashes: long searches, and equal hashes with other keys.
#[derive(Default)]
struct Poor(u64);

impl Hasher for Poor {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes.iter().fold(self.0, |h, b| h.wrapping_add(u64::from(*b)))
    }
    fn finish(&self) -> u64 {
        self.0 % 4
    }
}

type PoorMap<K, V> = Map<K, V, BuildHasherDefault<Poor>>;

#[derive(Clone, Debug)]
enum Op {
    Load(u8),
    Store(u8, u16),
    LoadOrStore(u8, u16),
    LoadAndDelete(u8),
    Delete(u8),
    Swap(u8, u16),
    CompareAndSwap(u8, u16, u16),
    CompareAndDelete(u8, u16),
    Clear,
    Collect,
    Range,
}

fn op() -> impl Strategy<Value = Op> {
    let (k, v) = (0..40u8, 0..4u16);
    prop_oneof![
        4 => k.clone().prop_map(Op::Load),
        6 => (k.clone(), v.clone()).prop_map(|(k, v)| Op::Store(k, v)),
        4 => (k.clone(), v.clone()).prop_map(|(k, v)| Op::LoadOrStore(k, v)),
        4 => k.clone().prop_map(Op::LoadAndDelete),
        4 => k.clone().prop_map(Op::Delete),
        3 => (k.clone(), v.clone()).prop_map(|(k, v)| Op::Swap(k, v)),
        3 => (k.clone(), v.clone(), v.clone()).prop_map(|(k, a, b)| Op::CompareAndSwap(k, a, b)),
        3 => (k.clone(), v.clone()).prop_map(|(k, v)| Op::CompareAndDelete(k, v)),
        1 => Just(Op::Clear),
        1 => Just(Op::Collect),
        1 => Just(Op::Range),
    ]
}

fn all<S: std::hash::BuildHasher>(m: &Map<u8, u16, S>) -> HashMap<u8, u16> {
    let mut out = HashMap::new();
    m.range(|k, v| {
        assert_eq!(out.insert(k, v), None, "key {k} twice");
        ControlFlow::<()>::Continue(())
    });
    out
}

/// One operation on both, which must say the same.
fn step<S: std::hash::BuildHasher>(m: &Map<u8, u16, S>, model: &mut HashMap<u8, u16>, op: Op) {
    match op {
        Op::Load(k) => assert_eq!(m.load(&k), model.get(&k).copied()),
        Op::Store(k, v) => {
            m.store(k, v);
            model.insert(k, v);
        }
        Op::LoadOrStore(k, v) => {
            let was = model.contains_key(&k);
            assert_eq!(m.load_or_store(k, v), (*model.entry(k).or_insert(v), was));
        }
        Op::LoadAndDelete(k) => assert_eq!(m.load_and_delete(&k), model.remove(&k)),
        Op::Delete(k) => assert_eq!(m.delete(&k), model.remove(&k).is_some()),
        Op::Swap(k, v) => assert_eq!(m.swap(k, v), model.insert(k, v)),
        Op::CompareAndSwap(k, a, b) => {
            let equal = model.get(&k) == Some(&a);
            assert_eq!(m.compare_and_swap(k, &a, b), equal);
            if equal {
                model.insert(k, b);
            }
        }
        Op::CompareAndDelete(k, a) => {
            let equal = model.get(&k) == Some(&a);
            assert_eq!(m.compare_and_delete(&k, &a), equal);
            if equal {
                model.remove(&k);
            }
        }
        Op::Clear => {
            m.clear();
            model.clear()
        }
        Op::Collect => assert!(m.collect(), "nobody else reads, and something is left"),
        Op::Range => assert_eq!(&all(m), model),
    }
    assert_eq!(m.len(), model.len());
}

#[test]
fn sequences_of_operations_do_as_a_plain_map_does() {
    plain_on(&[1], || {
        allow_panics();
        let config = ProptestConfig { cases: scale(300, 5000), failure_persistence: None, ..ProptestConfig::default() };
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed().to_le_bytes());
        println!("GORT_TEST_SEED={} repeats this", seed());
        let rng = proptest::test_runner::TestRng::from_seed(proptest::test_runner::RngAlgorithm::ChaCha, &bytes);
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
        let outcome = runner.run(&vec(op(), 0..300), |ops| {
            let (well, poor) = (Map::<u8, u16>::new(), PoorMap::<u8, u16>::default());
            let (mut a, mut b) = (HashMap::new(), HashMap::new());
            for op in ops {
                step(&well, &mut a, op.clone());
                step(&poor, &mut b, op);
            }
            assert_eq!(all(&well), a);
            assert_eq!(all(&poor), b);
            Ok(())
        });
        if let Err(e) = outcome {
            panic!("{e}")
        }
    })
}

/// Values that know whether they are alive.
struct Alive {
    canary: Arc<AtomicUsize>,
    n: usize,
}

const LIVES: usize = 0x5ca1_ab1e;

impl Alive {
    fn new(n: usize, live: &Arc<AtomicUsize>) -> Alive {
        live.fetch_add(1, Relaxed);
        Alive { canary: live.clone(), n: n ^ LIVES }
    }
    fn n(&self) -> usize {
        let n = self.n ^ LIVES;
        assert!(n < 1 << 24, "read after it was dropped");
        n
    }
}

impl Clone for Alive {
    fn clone(&self) -> Alive {
        Alive::new(self.n(), &self.canary)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.n();
        self.n = usize::MAX;
        self.canary.fetch_sub(1, Relaxed);
    }
}

/// Every worker has keys of its own, all in the same shards and tables, and knows exactly what each of its operations must say.
#[test]
fn each_worker_finds_its_own_keys_as_it_left_them() {
    plain(|| {
        repeat(2, 50_000, |round| {
            let mut rng = Rng::of(round as u64);
            let (workers, keys) = (4, 300);
            let live = Arc::new(AtomicUsize::new(0));
            let m = Arc::new(PoorlySpread::default());
            let all: Vec<_> = (0..workers)
                .map(|me| {
                    let (m, live, mut rng) = (m.clone(), live.clone(), Rng::of(round as u64 * 64 + me as u64));
                    Worker::start(&mut Rng::of(rng.next()), me % 2 == 0, move || {
                        let mut model: HashMap<usize, usize> = HashMap::new();
                        for i in 0..scale(5_000, 20_000) {
                            let k = rng.below(keys) * workers + me;
                            let known = model.get(&k).copied();
                            let v = || Alive::new(i, &live);
                            match rng.below(10) {
                                0..3 => assert_eq!(m.load(&k).map(|v| v.n()), known),
                                3 => {
                                    m.store(k, v());
                                    model.insert(k, i);
                                }
                                4 => assert_eq!(m.swap(k, v()).map(|v| v.n()), model.insert(k, i)),
                                5 => {
                                    let (got, loaded) = m.load_or_store(k, v());
                                    assert_eq!((got.n(), loaded), (known.unwrap_or(i), known.is_some()));
                                    model.entry(k).or_insert(i);
                                }
                                6 => assert_eq!(m.delete(&k), model.remove(&k).is_some()),
                                7 => assert_eq!(m.load_and_delete(&k).map(|v| v.n()), model.remove(&k)),
                                8 => assert_eq!(m.read(&k, Alive::n), known),
                                _ if i % 100 == 0 => {
                                    m.collect();
                                }
                                _ => assert_eq!(m.contains(&k), known.is_some()),
                            }
                        }
                        model.len()
                    })
                })
                .collect();
            let left: usize = all.into_iter().map(Worker::join).sum();
            assert_eq!(m.len(), left);
            assert!(m.collect(), "nobody reads any more");
            assert_eq!(live.load(Relaxed), left, "values that are neither in the map nor dropped");
            drop(m);
            assert_eq!(live.load(Relaxed), 0, "dropped with the map");
            let _ = rng.next();
        })
    })
}

/// A few shards' worth of hashes only, so that workers meet.
type PoorlySpread = Map<usize, Alive, BuildHasherDefault<Crowded>>;

#[derive(Default)]
struct Crowded(u64);

impl Hasher for Crowded {
    fn write(&mut self, _: &[u8]) {}
    fn write_usize(&mut self, n: usize) {
        self.0 = (n as u64 / 3).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 3
    }
    fn finish(&self) -> u64 {
        self.0
    }
}

#[test]
fn of_many_that_store_a_key_first_one_wins_and_all_load_its_value() {
    check(|| {
        repeat(3, 20_000, |_| {
            let (m, won) = (Arc::new(PoorMap::<usize, usize>::default()), Arc::new(AtomicUsize::new(0)));
            let (tasks, keys) = (5, scale(400, 2_000));
            let wg = WaitGroup::new();
            let threads: Vec<_> = (0..tasks)
                .map(|me| {
                    let (m, won) = (m.clone(), won.clone());
                    let body = move || {
                        for k in 0..keys {
                            let (v, loaded) = m.load_or_store(k % 64, me);
                            assert_eq!(m.load(&(k % 64)), Some(v), "another value than the first");
                            if !loaded {
                                assert_eq!(v, me);
                                won.fetch_add(1, Relaxed);
                            }
                            if k % 16 == 0 {
                                yield_now()
                            }
                        }
                    };
                    if me % 2 == 0 {
                        wg.go(body);
                        None
                    } else {
                        Some(std::thread::spawn(body))
                    }
                })
                .collect();
            threads.into_iter().flatten().for_each(|t| t.join().unwrap());
            wg.wait().unwrap();
            assert_eq!(won.load(Relaxed), 64, "each key is stored first by one");
            assert_eq!(m.len(), 64);
        })
    })
}

/// What is put in under a key that has nothing is taken out once (mutants map_takes_twice, map_stores_unseen).
#[test]
fn each_value_is_taken_once() {
    plain(|| {
        repeat(2, 100_000, |round| {
            let (m, keys, each) = (Arc::new(PoorMap::<usize, usize>::default()), 6, scale(40_000, 200_000));
            let (put, took) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let all: Vec<_> = (0..4)
                .map(|me| {
                    let (m, put, took) = (m.clone(), put.clone(), took.clone());
                    let mut rng = Rng::of(round as u64 * 8 + me as u64);
                    std::thread::spawn(move || {
                        for i in 0..each {
                            let (k, token) = (rng.below(keys), i * 4 + me + 1);
                            if rng.below(2) == 0 {
                                if !m.load_or_store(k, token).1 {
                                    put.fetch_add(token, Relaxed);
                                }
                            } else if let Some(token) = m.load_and_delete(&k) {
                                took.fetch_add(token, Relaxed);
                            }
                        }
                    })
                })
                .collect();
            all.into_iter().for_each(|t| t.join().unwrap());
            let mut n = 0;
            m.range(|_, token| {
                n += 1;
                took.fetch_add(token, Relaxed);
                ControlFlow::<()>::Continue(())
            });
            assert_eq!(m.len(), n);
            assert_eq!(put.load(Relaxed), took.load(Relaxed), "a value was taken twice, or lost");
        })
    })
}

#[test]
fn compare_and_swap_counts_every_success_once() {
    check(|| {
        let m = Arc::new(Map::<&str, usize>::new());
        m.store("n", 0);
        let (wg, each) = (WaitGroup::new(), scale(2_000, 20_000));
        for _ in 0..5 {
            let m = m.clone();
            wg.go(move || {
                for _ in 0..each {
                    while let Some(n) = m.load("n")
                        && !m.compare_and_swap("n", &n, n + 1)
                    {
                        yield_now()
                    }
                }
            });
        }
        wg.wait().unwrap();
        assert_eq!(m.load("n"), Some(5 * each));
        assert!(!m.compare_and_delete("n", &0) && m.compare_and_delete("n", &(5 * each)));
        assert!(!m.compare_and_swap("n", &0, 1), "a key that is not there has no value to compare");
    })
}

/// Go's sync.Map test of the same name: Range sees what is there all the time, each once, while others store.
#[test]
#[allow(non_snake_case)]
fn TestConcurrentRange() {
    plain(|| {
        let (m, size) = (Arc::new(Map::<u64, u64>::new()), 1_000);
        (1..=size).for_each(|n| m.store(n, n));
        let stop = Arc::new(AtomicUsize::new(0));
        let others: Vec<_> = (1..=4u64)
            .map(|g| {
                let (m, stop) = (m.clone(), stop.clone());
                std::thread::spawn(move || {
                    for i in 0.. {
                        if stop.load(Relaxed) != 0 {
                            break;
                        }
                        for n in (1..size).step_by(7) {
                            m.store(n, n * i * g);
                            // Comes and goes, and makes tables grow.
                            m.store(size + n * g, 1);
                            m.delete(&(size + n * g));
                        }
                    }
                })
            })
            .collect();
        for _ in 0..scale(20, 200) {
            let mut seen = std::collections::HashSet::new();
            m.range(|k, v| {
                assert!(k > size || v % k == 0, "{v} was never stored under {k}");
                assert!(seen.insert(k), "key {k} twice");
                ControlFlow::<()>::Continue(())
            });
            assert!((1..=size).all(|k| seen.contains(&k)), "a key that is there all the time was not seen");
        }
        stop.store(1, Relaxed);
        others.into_iter().for_each(|t| t.join().unwrap());
    })
}

/// Go's: Range may use the map, also delete all of it; and it ends early.
#[test]
#[allow(non_snake_case)]
fn TestMapRangeNestedCall() {
    check(|| {
        let m = Map::<u32, &str>::new();
        for (i, v) in ["hello", "world", "Go"].into_iter().enumerate() {
            m.store(i as u32, v);
        }
        m.range(|_, _| {
            m.range(|k, v| {
                assert_eq!(m.load(&k), Some(v));
                m.delete(&42);
                yield_now(); // `f` may block
                assert_eq!(m.load_or_store(42, "dummy"), ("dummy", false));
                assert_eq!(m.load_and_delete(&42), Some("dummy"));
                ControlFlow::<()>::Continue(())
            });
            m.delete(&0);
            ControlFlow::<()>::Continue(())
        });
        assert_eq!(m.len(), 2);
        assert_eq!(m.range(|k, _| ControlFlow::Break(k)).map(|k| k > 0), Some(true));
    })
}

#[test]
fn clear_leaves_nothing_and_drops_everything_once() {
    plain(|| {
        let live = Arc::new(AtomicUsize::new(0));
        let m = Map::<usize, Alive>::new();
        for n in 0..10_000 {
            m.store(n, Alive::new(n, &live));
        }
        m.clear();
        assert!(m.is_empty() && m.load(&3).is_none());
        assert!(m.collect());
        assert_eq!(live.load(Relaxed), 0);
        m.store(1, Alive::new(1, &live));
        assert_eq!(m.len(), 1);
        drop(m);
        assert_eq!(live.load(Relaxed), 0);
    })
}

/// While somebody reads, what it may look at is not dropped; afterwards it is.
#[test]
fn value_that_is_read_outlives_its_deletion() {
    plain_on(&[1], || {
        let live = Arc::new(AtomicUsize::new(0));
        let m = Arc::new(Map::<&str, Alive>::new());
        m.store("k", Alive::new(7, &live));
        let seen = m.read("k", |v| {
            let theirs = m.clone();
            let other = std::thread::spawn(move || {
                assert!(theirs.delete("k"));
                theirs.collect()
            });
            assert!(!other.join().unwrap(), "it is still looked at");
            v.n()
        });
        assert_eq!((seen, m.len(), live.load(Relaxed)), (Some(7), 0, 1));
        assert!(m.collect());
        assert_eq!(live.load(Relaxed), 0);
    })
}

/// Without anybody asking: a map that is written all the time does not keep what was replaced.
#[test]
fn replaced_values_do_not_pile_up() {
    plain_on(&[1], || {
        let live = Arc::new(AtomicUsize::new(0));
        let m = Map::<usize, Alive>::new();
        for n in 0..100_000 {
            m.store(n % 10, Alive::new(n, &live));
            assert!(live.load(Relaxed) < 20_000, "nothing is given back");
        }
    })
}

/// A key whose comparison uses the map it is in: no lock is held meanwhile.
#[test]
fn comparison_and_clone_may_use_the_map() {
    use std::cell::Cell;
    thread_local!(static MAP: Cell<*const Map<Odd, Odd>> = const { Cell::new(std::ptr::null()) });
    // Not for ever: a comparison that always stores makes each search the last but one.
    thread_local!(static VISITS: Cell<u32> = const { Cell::new(0) });
    thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });
    #[derive(Debug)]
    struct Odd(u32);
    fn visit(n: u32) {
        if !INSIDE.get() && VISITS.get() < 200 {
            VISITS.set(VISITS.get() + 1);
            INSIDE.set(true);
            // SAFETY: set below to a map that outlives its use.
            if let Some(m) = unsafe { MAP.get().as_ref() } {
                m.store(Odd(n + 100), Odd(0));
                m.delete(&Odd(n + 100));
                m.load(&Odd(n));
            }
            INSIDE.set(false)
        }
    }
    impl Hash for Odd {
        fn hash<H: Hasher>(&self, h: &mut H) {
            h.write_u32(0) // all collide
        }
    }
    impl PartialEq for Odd {
        fn eq(&self, other: &Odd) -> bool {
            visit(self.0);
            self.0 == other.0
        }
    }
    impl Eq for Odd {}
    impl Clone for Odd {
        fn clone(&self) -> Odd {
            visit(self.0);
            Odd(self.0)
        }
    }
    plain_on(&[1], || {
        let m = Map::new();
        MAP.set(&m);
        for n in 0..20 {
            m.store(Odd(n), Odd(n));
        }
        assert!(m.compare_and_swap(Odd(3), &Odd(3), Odd(4)));
        assert_eq!(m.swap(Odd(3), Odd(5)).map(|o| o.0), Some(4));
        assert_eq!(m.load_and_delete(&Odd(3)).map(|o| o.0), Some(5));
        assert_eq!((m.len(), VISITS.get()), (19, 200));
        MAP.set(std::ptr::null());
    })
}

#[test]
fn keys_of_text_are_found_by_text() {
    plain_on(&[1], || {
        let m: Map<String, usize> = (0..1000).map(|n| (format!("key {n}"), n)).collect();
        for n in 0..1000 {
            assert_eq!(m.load(format!("key {n}").as_str()), Some(n));
        }
        assert_eq!(m.load("key"), None);
        assert_eq!(m.load(""), None);
        m.store(String::new(), 5);
        assert_eq!(m.load(""), Some(5));
    })
}

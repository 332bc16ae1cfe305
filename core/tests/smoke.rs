//! The main paths once, with 1, 2 and 5 workers: what must work before anything else is worth testing.

use gort::*;
use std::time::Duration;

fn with(workers: usize, f: impl Fn() + Send + Sync + Clone + 'static) {
    let c = Config { workers, ..Config::default() };
    run_with(&c, move || f()).unwrap();
}

fn all(f: impl Fn() + Send + Sync + Clone + 'static) {
    for w in [1, 2, 5] {
        with(w, f.clone());
    }
}

#[test]
fn pingpong_unbuffered_goes_on() {
    all(|| {
        let (tx, rx) = channel::<u64>(0);
        let (tx2, rx2) = channel::<u64>(0);
        go(move || {
            for v in rx {
                tx2.send(v + 1).unwrap()
            }
        });
        for i in 0..10_000 {
            tx.send(i).unwrap();
            assert_eq!(rx2.recv(), Ok(i + 1));
        }
    });
}

#[test]
fn many_producers_lose_nothing() {
    all(|| {
        for cap in [0, 1, 7, 1024] {
            let (tx, rx) = channel::<u64>(cap);
            let wg = WaitGroup::new();
            for p in 0..8 {
                let tx = tx.clone();
                wg.go(move || {
                    for i in 0..1000 {
                        tx.send(p * 1000 + i).unwrap()
                    }
                });
            }
            drop(tx);
            let sum: u64 = rx.iter().sum();
            assert_eq!(sum, 8000 * 7999 / 2);
            wg.wait().unwrap();
        }
    });
}

#[test]
fn spawn_join_gives_results_and_panics() {
    all(|| {
        let hs: Vec<_> = (0..100).map(|i| spawn(move || i * 2)).collect();
        let sum: i32 = hs.into_iter().map(|h| h.join().unwrap()).sum();
        assert_eq!(sum, 9900);
    });
}

#[test]
fn deadlines_expire() {
    all(|| {
        let (_tx, rx) = channel::<u64>(0);
        for _ in 0..20 {
            let t = now();
            assert_eq!(rx.recv_with(Wait::timeout(Duration::from_millis(1))), Err(Status::TimedOut));
            assert!(now().0 - t.0 >= 1_000_000);
        }
    });
}

#[test]
fn plain_threads_and_tasks_talk() {
    let (tx, rx) = channel::<u64>(3);
    let t = std::thread::spawn(move || (0..10_000).for_each(|i| tx.send(i).unwrap()));
    let sum = run(move || rx.iter().sum::<u64>()).unwrap();
    assert_eq!(sum, 10_000 * 9_999 / 2);
    t.join().unwrap();
}

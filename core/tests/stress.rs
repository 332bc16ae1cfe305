//! Random programs: producers, relays and consumers over random topologies, with every way to send, receive, wait and end.
//!
//! What this is: long walks with a printed seed (`GORT_TEST_SEED` repeats the choices, not the schedule), that look for
//! loss, duplication and disorder: each value is (producer, number), and along one path numbers only grow. What it is NOT:
//! a test of one rule; where it fails, a small test is to be written.
//!
//! `GORT_STRESS_SECONDS=n` makes each test run so long.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::select::Case;
use gort::wait::{Wait as RawWait, cancel};
use gort::{Receiver, SendError, Sender, Status, Wait, WaitGroup, channel, now, sleep, spawn, yield_now};
use std::collections::HashMap;
use std::ptr::null;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Instant;
use support::bodies::{recv_case, send_case};
use support::sync::Arc;
use support::worker::Worker;
use support::{Rng, check, plain, us};

/// Calls `f` with the number of the round until the time for one test is over; at least a few times.
fn rounds(mut f: impl FnMut(u64)) {
    let given = std::env::var("GORT_STRESS_SECONDS").ok().and_then(|v| v.parse::<f64>().ok());
    // Three processes share the time of one test.
    let seconds = given.map_or(support::scale(0.7, 5.0), |s| s / 3.0);
    let start = Instant::now();
    let mut i = 0;
    while i < 3 || start.elapsed().as_secs_f64() < seconds {
        f(i);
        i += 1;
    }
    println!("{i} rounds");
}

/// Which producer, and its how-manyeth value.
type Value = (u32, u32);

/// Sends `v` in a random way until it is accepted. False: the channel is closed.
fn put(tx: &Sender<Value>, mut v: Value, rng: &mut Rng) -> bool {
    loop {
        let r = match rng.below(6) {
            0 => tx.try_send(v),
            1 => tx.send_with(v, Wait::timeout(us(rng.below(200) as u64))),
            2 => {
                let mut from = v;
                let w = RawWait { deadline: now().0 + rng.below(200_000) as i64, cancel: null() };
                match one_of(&[send_case(tx, &mut from)], w) {
                    Ok((0, Status::Ok)) => Ok(()),
                    Ok((_, s)) | Err(s) => Err(SendError { value: v, status: s }),
                }
            }
            _ => tx.send(v),
        };
        match r {
            Ok(()) => return true,
            Err(e) => match e.status {
                Status::WouldBlock | Status::TimedOut => {
                    assert_eq!(e.value, v);
                    v = e.value;
                    if rng.below(4) == 0 {
                        yield_now()
                    }
                }
                Status::Closed => return false,
                s => panic!("{s:?}"),
            },
        }
    }
}

/// Receives from one of `from` in a random way; None when all are closed and drained.
fn take(from: &mut Vec<Receiver<Value>>, rng: &mut Rng) -> Option<Value> {
    loop {
        if from.is_empty() {
            return None;
        }
        let i = rng.below(from.len());
        let deadline = now().0 + rng.below(200_000) as i64;
        let (i, r) = match rng.below(if from.len() == 1 { 4 } else { 3 }) {
            0 => (i, from[i].try_recv()),
            1 => (i, from[i].recv_with(Wait::until(gort::Time(deadline)))),
            2 => {
                let mut at = vec![(0, 0); from.len()];
                let cases: Vec<Case> = from.iter().zip(at.iter_mut()).map(|(rx, v)| recv_case(rx, v)).collect();
                let cancel = null();
                let w = if rng.below(2) == 0 { RawWait { deadline, cancel } } else { RawWait::FOREVER };
                match one_of(&cases, w) {
                    Ok((i, Status::Ok)) => (i, Ok(at[i])),
                    Ok((i, s)) => (i, Err(s)),
                    Err(s) => (i, Err(s)),
                }
            }
            _ => (i, from[i].recv()),
        };
        match r {
            Ok(v) => return Some(v),
            Err(Status::Closed) => drop(from.swap_remove(i)),
            Err(Status::WouldBlock | Status::TimedOut) => yield_now(),
            Err(s) => panic!("{s:?}"),
        }
    }
}

fn one_of(cases: &[Case], w: RawWait) -> Result<(usize, Status), Status> {
    // SAFETY: cases over ends and places that the caller keeps.
    unsafe { gort::chan::select::select(cases, w, gort::chan::select::Manner::BLOCK) }
}

/// One random topology: producers -> channels -> relays -> channels -> consumers.
fn topology(round: u64, threads: bool) {
    let mut rng = Rng::of(round << 8);
    let layer = |rng: &mut Rng| -> Vec<(Sender<Value>, Receiver<Value>)> {
        (0..1 + rng.below(4)).map(|_| channel([0, 0, 1, 2, 7, 64][rng.below(6)])).collect()
    };
    let (a, b) = (layer(&mut rng), layer(&mut rng));
    let producers = 1 + rng.below(6);
    let each = 1 + rng.below(300) as u32;
    let mut sent = Vec::new();
    for p in 0..producers {
        let tx = a[rng.below(a.len())].0.clone();
        let mut own = Rng::of(round << 8 | 1 << 40 | p as u64);
        sent.push(Worker::start(&mut rng, threads, move || {
            for i in 0..each {
                assert!(put(&tx, (p as u32, i), &mut own), "closed while a producer lives");
                if own.below(64) == 0 {
                    let _ = sleep(us(own.below(50) as u64));
                }
            }
        }));
    }
    let mut relays = Vec::new();
    for r in 0..1 + rng.below(4) {
        let from: Vec<_> = a.iter().map(|(_, rx)| rx.clone()).collect();
        let tx = b[rng.below(b.len())].0.clone();
        let mut own = Rng::of(round << 8 | 2 << 40 | r as u64);
        relays.push(Worker::start(&mut rng, threads, move || {
            let mut from = from;
            while let Some(v) = take(&mut from, &mut own) {
                assert!(put(&tx, v, &mut own));
            }
        }));
    }
    let mut consumers = Vec::new();
    let in_order = relays.len() == 1;
    for c in 0..1 + rng.below(4) {
        let from: Vec<_> = b.iter().map(|(_, rx)| rx.clone()).collect();
        let mut own = Rng::of(round << 8 | 3 << 40 | c as u64);
        consumers.push(Worker::start(&mut rng, threads, move || {
            let (mut from, mut got, mut next) = (from, Vec::new(), HashMap::new());
            while let Some((p, i)) = take(&mut from, &mut own) {
                if in_order {
                    let n = next.entry(p).or_insert(0);
                    assert!(i >= *n, "producer {p}: {i} after {n}");
                    *n = i + 1;
                }
                got.push((p, i));
            }
            got
        }));
    }
    drop((a, b));
    sent.into_iter().for_each(Worker::join);
    relays.into_iter().for_each(Worker::join);
    let mut all: Vec<Value> = consumers.into_iter().flat_map(Worker::join).collect();
    all.sort_unstable();
    let expected: Vec<Value> = (0..producers as u32).flat_map(|p| (0..each).map(move |i| (p, i))).collect();
    assert!(all == expected, "round {round}: {} of {} values", all.len(), expected.len());
}

#[test]
fn random_topologies_lose_and_double_nothing() {
    check(|| {
        Rng::new();
        rounds(|r| topology(r, false));
    })
}

#[test]
fn random_topologies_of_tasks_and_threads_lose_and_double_nothing() {
    plain(|| {
        Rng::new();
        rounds(|r| topology(r + (1 << 20), true));
    })
}

/// Close, cancel and abandon at any moment: what was accepted is received, dropped by the channel, or left in it; never
/// lost, never twice.
#[test]
fn random_ends_account_for_every_value() {
    static LIVE: AtomicUsize = AtomicUsize::new(0);
    struct Token(u64);
    impl Token {
        fn new(n: u64) -> Token {
            LIVE.fetch_add(1, SeqCst);
            Token(n)
        }
    }
    impl Drop for Token {
        fn drop(&mut self) {
            assert_ne!(std::mem::replace(&mut self.0, u64::MAX), u64::MAX, "dropped twice");
            LIVE.fetch_sub(1, SeqCst);
        }
    }
    check(|| {
        Rng::new();
        rounds(|round| {
            let mut rng = Rng::of(round << 8 | 7);
            let (tx, rx) = channel::<Token>([0, 1, 5][rng.below(3)]);
            // SAFETY: no parent; freed below, when nobody watches it.
            let source = unsafe { cancel::create(null()) }.unwrap();
            let at = source.as_ptr().expose_provenance();
            let under = move || {
                // SAFETY: freed after everybody has ended.
                Wait::forever().source(unsafe { &*std::ptr::with_exposed_provenance::<cancel::CancelSource>(at) })
            };
            let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let mut hs = Vec::new();
            for s in 0..4u64 {
                let (tx, rx, sent, received) = (tx.clone(), rx.clone(), sent.clone(), received.clone());
                let mut own = Rng::of(round << 8 | s | 9 << 40);
                hs.push(Worker::start(&mut rng, false, move || {
                    for i in 0..200 {
                        let r = match (s % 2, own.below(3)) {
                            (0, 0) => tx.send(Token::new(i)).map_err(|e| e.status),
                            (0, 1) => tx.send_with(Token::new(i), under()).map_err(|e| e.status),
                            (0, _) => tx.try_send(Token::new(i)).map_err(|e| e.status),
                            (_, 0) => rx.recv().map(drop),
                            (_, 1) => rx.recv_with(under()).map(drop),
                            (_, _) => rx.try_recv().map(drop),
                        };
                        match r {
                            Ok(()) if s % 2 == 0 => sent.fetch_add(1, SeqCst),
                            Ok(()) => received.fetch_add(1, SeqCst),
                            Err(Status::WouldBlock | Status::Canceled) => continue,
                            Err(Status::Closed) => return,
                            Err(s) => panic!("{s:?}"),
                        };
                    }
                }));
            }
            (0..rng.below(20)).for_each(|_| yield_now());
            let _ = sleep(us(rng.below(100) as u64));
            // SAFETY: alive.
            assert!(unsafe { source.as_ref() }.cancel(Status::Canceled));
            if rng.below(2) == 0 {
                tx.close().unwrap();
            } else {
                rx.abandon();
            }
            hs.into_iter().for_each(Worker::join);
            let mut left = 0;
            while rx.try_recv().is_ok() {
                left += 1;
            }
            let (s, r) = (sent.load(SeqCst), received.load(SeqCst));
            assert!(r + left <= s && s <= r + left + 5, "{s} sent, {r} received, {left} left");
            drop((tx, rx));
            assert_eq!(LIVE.load(SeqCst), 0, "values that nobody dropped");
            // SAFETY: ours, nobody watches it.
            assert_eq!(unsafe { cancel::free(source) }, Status::Ok);
        });
    })
}

/// Tasks that are cancelled while they count, wait, join, sleep and select.
#[test]
fn random_cancellations_end_everything() {
    check(|| {
        Rng::new();
        rounds(|round| {
            let mut rng = Rng::of(round << 8 | 11);
            let (wg, stop) = (WaitGroup::new(), Arc::new(AtomicBool::new(false)));
            let (tx, rx) = channel::<u32>(rng.below(2));
            wg.add(1).unwrap();
            let hs: Vec<_> = (0..20u64)
                .map(|t| {
                    let (wg, stop, tx, rx) = (wg.clone(), stop.clone(), tx.clone(), rx.clone());
                    let mut own = Rng::of(round << 8 | t | 13 << 40);
                    spawn(move || {
                        while !stop.load(SeqCst) {
                            let s = match own.below(7) {
                                0 => wg.wait_with(Wait::timeout(us(50))),
                                1 => sleep(us(own.below(100) as u64)),
                                2 => tx.send_with(1, Wait::timeout(us(50))).map_err(|e| e.status),
                                3 => rx.recv_with(Wait::timeout(us(50))).map(drop),
                                4 => {
                                    let (mut a, mut b) = (1, 2);
                                    let w = RawWait { deadline: now().0 + 50_000, cancel: null() };
                                    one_of(&[send_case(&tx, &mut a), recv_case(&rx, &mut b)], w).map(drop)
                                }
                                5 => spawn(|| ()).join_with(Wait::timeout(us(50))).map_err(|_| Status::TimedOut),
                                _ => {
                                    yield_now();
                                    Ok(())
                                }
                            };
                            if s == Err(Status::Canceled) {
                                return true;
                            }
                        }
                        false
                    })
                })
                .collect();
            let _ = sleep(us(rng.below(300) as u64));
            hs.iter().filter(|_| rng.below(2) == 0).for_each(|h| h.cancel());
            let _ = sleep(us(rng.below(300) as u64));
            stop.store(true, SeqCst);
            let _cancelled = hs.into_iter().map(|h| h.join().unwrap()).filter(|c| *c).count();
            wg.done().unwrap();
        });
    })
}

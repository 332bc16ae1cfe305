//! Bodies that more than one suite runs: the channel suite with any number of workers, `seed.rs` on one seeded processor.
//!
//! None of them sleeps or sets a deadline: their schedule is a function of the program and the seed alone.

use super::scale;
use super::sync::Arc;
use gort::chan::select::{Case, Manner, select};
use gort::wait::Wait as RawWait;
use gort::{Receiver, Sender, Status, WaitGroup, channel, go, spawn};
use std::sync::atomic::{AtomicUsize, Ordering::*};

/// Go's fifo.go, first half: a buffered channel is a FIFO.
pub fn fifo_buffered() {
    let (tx, rx) = channel::<u64>(100);
    (0..100).for_each(|i| tx.send(i).unwrap());
    (0..100).for_each(|i| assert_eq!(rx.recv(), Ok(i)));
}

/// Go's fifo.go, second half: an unbuffered one passes values in the order of a daisy chain.
pub fn fifo_unbuffered(links: usize) {
    let out = Arc::new(AtomicUsize::new(0));
    let wg = WaitGroup::new();
    let (first, mut before) = channel::<()>(0);
    for i in 0..links {
        let (tx, rx) = channel::<()>(0);
        let (sent, seen) = (std::mem::replace(&mut before, rx), out.clone());
        wg.go(move || {
            sent.recv().unwrap();
            assert_eq!(seen.fetch_add(1, SeqCst), i);
            tx.send(()).unwrap();
        });
    }
    first.send(()).unwrap();
    before.recv().unwrap();
    wg.wait().unwrap();
    assert_eq!(out.load(SeqCst), links);
}

/// Go's goroutines.go: one value through a chain of tasks.
pub fn chain(n: usize) {
    let (right_most, out) = channel::<usize>(0);
    let mut right = right_most;
    for _ in 0..n {
        let (tx, rx) = channel::<usize>(0);
        let to = std::mem::replace(&mut right, tx);
        go(move || to.send(rx.recv().unwrap() + 1).unwrap());
    }
    right.send(0).unwrap();
    assert_eq!(out.recv(), Ok(n));
}

/// Go's sieve1.go: the primes up to 1009, by one filter task for each.
pub fn sieve(primes: usize) -> Vec<u64> {
    let (tx, rx) = channel::<u64>(0);
    go(move || {
        let mut i = 2;
        while tx.send(i).is_ok() {
            i += 1;
        }
    });
    let mut found = Vec::new();
    let mut from: Receiver<u64> = rx;
    for _ in 0..primes {
        let prime = from.recv().unwrap();
        found.push(prime);
        let (tx, rx) = channel::<u64>(0);
        go(move || {
            for v in from {
                if v % prime != 0 && tx.send(v).is_err() {
                    return;
                }
            }
        });
        from = rx;
    }
    found
}

/// Both ends of a channel.
type Ends<T> = (Sender<T>, Receiver<T>);

/// Producers and consumers over one channel; nothing is lost or doubled, and each producer's values come in order.
pub fn crowd((tx, rx): Ends<(usize, usize)>, producers: usize, consumers: usize, each: usize) {
    let wg = WaitGroup::new();
    for p in 0..producers {
        let tx = tx.clone();
        wg.go(move || (0..each).for_each(|i| tx.send((p, i)).unwrap()));
    }
    drop(tx);
    let hs: Vec<_> = (0..consumers)
        .map(|_| {
            let rx = rx.clone();
            spawn(move || {
                let mut next = vec![0; producers];
                let mut got = 0;
                for (p, i) in rx {
                    assert!(i >= next[p], "{p} sent {i} after {}", next[p]);
                    next[p] = i + 1;
                    got += 1;
                }
                got
            })
        })
        .collect();
    drop(rx);
    let got: usize = hs.into_iter().map(|h| h.join().unwrap()).sum();
    wg.wait().unwrap();
    assert_eq!(got, producers * each);
}

/// Go's doubleselect: whoever selects among four sends must not go ahead with two of them. `send(ends, i)` is that select; what it sends comes through four muxes, each value once.
pub fn double_select(n: usize, send: impl Fn(&[Sender<usize>], usize) + Send + 'static) {
    let ends: Vec<_> = (0..4).map(|_| channel::<usize>(0)).collect();
    let (out_tx, out) = channel::<usize>(0);
    let done = WaitGroup::new();
    for (_, rx) in &ends {
        let (rx, out) = (rx.clone(), out_tx.clone());
        done.go(move || rx.iter().for_each(|v| out.send(v).unwrap()));
    }
    drop(out_tx);
    let txs: Vec<_> = ends.into_iter().map(|(tx, _)| tx).collect();
    go(move || (0..n).for_each(|i| send(&txs, i)));
    let mut seen = vec![false; n];
    for v in out {
        assert!(!std::mem::replace(&mut seen[v], true), "{v} came twice");
    }
    assert!(seen.iter().all(|s| *s), "a value was lost");
    done.wait().unwrap();
}

/// A receive case on a typed end. `at` must outlive the select.
pub fn recv_case<T: Send + Copy>(rx: &Receiver<T>, at: &mut T) -> Case {
    Case::recv(rx.as_raw(), core::ptr::from_mut(at).cast())
}

/// A send case on a typed end.
pub fn send_case<T: Send + Copy>(tx: &Sender<T>, from: &mut T) -> Case {
    Case::send(tx.as_raw(), core::ptr::from_mut(from).cast())
}

/// Selects and waits.
pub fn wait_select(cases: &[Case]) -> Result<(usize, Status), Status> {
    // SAFETY: the cases were made by `recv_case` and `send_case` over ends and places that the caller keeps.
    unsafe { select(cases, RawWait::FOREVER, Manner::BLOCK) }
}

/// Selects with default.
pub fn try_select(cases: &[Case]) -> Result<(usize, Status), Status> {
    // SAFETY: as in `wait_select`.
    unsafe { select(cases, RawWait::FOREVER, Manner::TRY) }
}

/// Tasks that choose at random between sending and receiving on a few channels; every value sent is received.
pub fn select_crowd(tasks: usize, each: usize) {
    let ends: Vec<(Sender<u64>, Receiver<u64>)> = [0, 0, 2, 3].iter().map(|c| channel::<u64>(*c)).collect();
    let ends = Arc::new(ends);
    let (sum_in, sum_out) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let wg = WaitGroup::new();
    for t in 0..tasks {
        let (ends, sum_in, sum_out) = (ends.clone(), sum_in.clone(), sum_out.clone());
        wg.go(move || {
            // Half of the tasks send as many values as the other half receives.
            for i in 0..each {
                let mut vs = [(t * each + i) as u64 + 1; 4];
                let cases: Vec<Case> = ends
                    .iter()
                    .zip(vs.iter_mut())
                    .map(|((tx, rx), v)| if t % 2 == 0 { send_case(tx, v) } else { recv_case(rx, v) })
                    .collect();
                let (n, s) = wait_select(&cases).unwrap();
                assert_eq!(s, Status::Ok);
                let sum = if t % 2 == 0 { &sum_in } else { &sum_out };
                sum.fetch_add(vs[n] as usize, SeqCst);
            }
        });
    }
    wg.wait().unwrap();
    let mut left = 0;
    for (_, rx) in ends.iter() {
        while let Ok(v) = rx.try_recv() {
            left += v as usize;
        }
    }
    assert_eq!(left + sum_out.load(SeqCst), sum_in.load(SeqCst));
}

/// A walk over everything a channel can do without a clock, for the event log.
pub fn suite() {
    fifo_buffered();
    fifo_unbuffered(10);
    chain(scale(50, 1000));
    assert_eq!(sieve(10), [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]);
    for cap in [0, 1, 7] {
        crowd(channel(cap), 3, 2, 20);
    }
    select_crowd(4, 30);
    let (tx, rx) = channel::<u32>(0);
    let woken = Arc::new(AtomicUsize::new(0));
    for _ in 0..5 {
        let (rx, woken) = (rx.clone(), woken.clone());
        go(move || {
            assert_eq!(rx.recv(), Err(Status::Closed));
            woken.fetch_add(1, SeqCst);
        });
    }
    gort::yield_now();
    tx.close().unwrap();
    // All tasks end here: what is left at the end of main is cancelled by the thread that called `run`, at a time of its own.
    while woken.load(SeqCst) < 5 || super::count_tasks(|_| true) > 1 {
        gort::yield_now();
    }
}

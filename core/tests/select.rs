//! The inner select, on raw channels: Go's cases by name, deadlines, cancellation, many cases.
//!
//! What this is: rules S1 to S8 of `chan::select::select`, the form that the faces' select is built on. What it is NOT:
//! plain channel operations (chan.rs).
//!
//! A statement about chance allows 10 sigma, so it fails by luck less than once in 10^20 runs.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::raw;
use gort::chan::select::{Case, MOST, Op, select};
use gort::wait::{Wait as RawWait, cancel};
use gort::{Status, WaitGroup, channel, go, now, sleep, spawn, yield_now};
use std::ptr::{null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use support::bodies::{self, recv_case, send_case, try_select, wait_select};
use support::sync::Arc;
use support::{Rng, check, ms, plain, repeat, scale, until, until_parked};

const NIL_SEND: Case = Case::send(null(), null());
const NIL_RECV: Case = Case::recv(null(), null_mut());

fn until_time(cases: &[Case], deadline: i64) -> Result<(usize, Status), Status> {
    // SAFETY: cases over ends and places that the caller keeps.
    unsafe { select(cases, RawWait { deadline, cancel: null() }, gort::chan::select::Manner::BLOCK) }
}

// ---- Go's test/chan

/// Two cases of one select must never both fire: values come through four muxes, none twice.
#[test]
fn doubleselect() {
    check(|| {
        bodies::double_select(scale(20_000, 100_000), |txs, i| {
            let mut vs = [i; 4];
            let cases: Vec<Case> = txs.iter().zip(vs.iter_mut()).map(|(tx, v)| send_case(tx, v)).collect();
            assert_eq!(wait_select(&cases).unwrap().1, Status::Ok);
        })
    })
}

/// Go's truth table with selects: which select blocks, which case it takes, and with default.
#[test]
fn select3() {
    check(|| {
        let mut v = 7u64;
        let blocks = |cases: &[Case]| {
            assert_eq!(try_select(cases), Err(Status::WouldBlock));
            assert_eq!(until_time(cases, now().0 + 200_000), Err(Status::TimedOut));
        };
        blocks(&[]); // the empty select
        blocks(&[NIL_SEND]);
        blocks(&[NIL_RECV, NIL_SEND, NIL_RECV]);
        let (tx, rx) = channel::<u64>(0);
        blocks(&[send_case(&tx, &mut v)]);
        blocks(&[recv_case(&rx, &mut v)]);
        blocks(&[send_case(&tx, &mut v), recv_case(&rx, &mut 0)]); // with itself
        let (tx, rx) = channel::<u64>(3);
        blocks(&[recv_case(&rx, &mut v)]);
        assert_eq!(wait_select(&[recv_case(&rx, &mut 0), send_case(&tx, &mut v), NIL_SEND]), Ok((1, Status::Ok)));
        assert_eq!(rx.len(), 1);
        tx.send(8).unwrap();
        tx.send(9).unwrap();
        blocks(&[send_case(&tx, &mut v)]);
        let mut got = 0;
        assert_eq!(wait_select(&[send_case(&tx, &mut v), NIL_RECV, recv_case(&rx, &mut got)]), Ok((2, Status::Ok)));
        assert_eq!(got, 7);
        assert_eq!((rx.recv(), rx.recv()), (Ok(8), Ok(9)));
        tx.close().unwrap();
        got = 5;
        assert_eq!(wait_select(&[NIL_RECV, recv_case(&rx, &mut got)]), Ok((1, Status::Closed)));
        assert_eq!(try_select(&[recv_case(&rx, &mut got)]), Ok((0, Status::Closed)));
        assert_eq!(try_select(&[send_case(&tx, &mut v), NIL_RECV]), Ok((0, Status::Closed)));
        assert_eq!(got, 5, "written on success only");
    })
}

/// A select that loses must not disturb the queues of others (Go's issue 2075).
#[test]
fn select6() {
    check(|| {
        let ((tx1, rx1), (tx2, rx2)) = (channel::<bool>(0), channel::<bool>(0));
        let (rx1b, rx2b) = (rx1.clone(), rx2.clone());
        let h1 = spawn(move || rx1b.recv());
        until_parked(1);
        let (rx1c, rx2c) = (rx1.clone(), rx2.clone());
        let h2 = spawn(move || {
            let (mut a, mut b) = (false, false);
            let cases = [recv_case(&rx1c, &mut a), recv_case(&rx2c, &mut b)];
            assert_eq!(wait_select(&cases).unwrap(), (1, Status::Ok));
            // Its place in the first queue is gone; whoever came later stands there still.
            rx1c.recv()
        });
        until_parked(2);
        let h3 = spawn(move || rx2b.recv());
        until_parked(3);
        tx2.send(true).unwrap(); // ends the select
        tx1.send(true).unwrap(); // for the first one
        assert_eq!(h1.join().unwrap(), Ok(true));
        tx1.send(false).unwrap();
        assert_eq!(h2.join().unwrap(), Ok(false));
        tx2.send(true).unwrap();
        assert_eq!(h3.join().unwrap(), Ok(true));
        assert_eq!(tx1.try_send(true).unwrap_err().status, Status::WouldBlock);
        assert_eq!(tx2.try_send(true).unwrap_err().status, Status::WouldBlock);
    })
}

/// Selects on a quiet channel leave nothing behind.
#[test]
fn select2() {
    check(|| {
        let ((busy_tx, busy), (_quiet_tx, quiet)) = (channel::<usize>(0), channel::<usize>(0));
        let n = scale(10_000, 100_000);
        go(move || (0..n).for_each(|i| busy_tx.send(i).unwrap()));
        let (mut a, mut b) = (0, 0);
        for i in 0..n {
            assert_eq!(wait_select(&[recv_case(&quiet, &mut a), recv_case(&busy, &mut b)]), Ok((1, Status::Ok)));
            assert_eq!(b, i);
        }
        assert_eq!(_quiet_tx.try_send(1).unwrap_err().status, Status::WouldBlock);
    })
}

// ---- Go's runtime/chan_test.go

#[test]
fn TestSelfSelect() {
    check(|| {
        for cap in [0, 10] {
            let (tx, rx) = channel::<usize>(cap);
            let wg = WaitGroup::new();
            for p in 0..2usize {
                let (tx, rx) = (tx.clone(), rx.clone());
                wg.go(move || {
                    for i in 0..scale(1000, 20_000) {
                        let (mut mine, mut got) = (p, usize::MAX);
                        let cases = match (p == 0) ^ (i % 2 == 0) {
                            true => [send_case(&tx, &mut mine), recv_case(&rx, &mut got)],
                            false => [recv_case(&rx, &mut got), send_case(&tx, &mut mine)],
                        };
                        // The last of the two may find nobody any more.
                        match until_time(&cases, now().0 + 20_000_000) {
                            Ok((n, Status::Ok)) if cases[n].op == Op::Recv => {
                                assert!(cap > 0 || got == 1 - p, "it received its own value")
                            }
                            Ok((_, s)) => assert_eq!(s, Status::Ok),
                            Err(s) => return assert_eq!(s, Status::TimedOut),
                        }
                    }
                });
            }
            wg.wait().unwrap();
        }
    })
}

#[test]
fn TestSelectStress() {
    check(|| repeat(1, 40_000, |_| bodies::select_crowd(10, scale(2000, 10_000))))
}

/// Ten sigma of a fair coin thrown `n` times.
fn ten_sigma(n: usize) -> f64 {
    10.0 * (n as f64).sqrt() * 0.5
}

#[test]
fn TestSelectFairness() {
    check(|| {
        let n = 10_000;
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u8>(n + 1), channel::<u8>(n + 1));
        let ((_tx3, rx3), (_tx4, rx4)) = (channel::<u8>(0), channel::<u8>(0));
        (0..n + 1).for_each(|_| tx1.send(1).and(tx2.send(2)).unwrap());
        let mut counts = [0usize; 4];
        for _ in 0..n {
            let mut at = [0u8; 4];
            let [a, b, c, d] = &mut at;
            let cases = [recv_case(&rx3, a), recv_case(&rx1, b), recv_case(&rx4, c), recv_case(&rx2, d)];
            counts[wait_select(&cases).unwrap().0] += 1;
        }
        assert_eq!((counts[0], counts[2]), (0, 0));
        let off = (counts[1] as f64 - n as f64 / 2.0).abs();
        assert!(off < ten_sigma(n), "{counts:?}");
    })
}

#[test]
fn TestPseudoRandomSend() {
    check(|| {
        let n = 100;
        for cap in [0, n] {
            let (tx, rx) = channel::<u32>(cap);
            let h = spawn(move || (0..n).map(|_| rx.recv().unwrap()).collect::<Vec<_>>());
            yield_now();
            for _ in 0..n {
                assert_eq!(wait_select(&[send_case(&tx, &mut 0), send_case(&tx, &mut 1)]).unwrap().1, Status::Ok);
            }
            let got = h.join().unwrap();
            let ones = got.iter().filter(|v| **v == 1).count();
            assert!(ones > n / 10 && ones < n - n / 10, "cap {cap}: {ones} of {n}");
        }
    })
}

/// The same channel in two cases: when one has won, the other's place is gone and the next waiter is found.
#[test]
fn TestSelectDuplicateChannel() {
    check(|| {
        let ((c_tx, c), (d_tx, d), (e_tx, e)) = (channel::<u32>(0), channel::<u32>(0), channel::<u32>(0));
        let (c2, _kept) = (c.clone(), c.clone());
        let h = spawn(move || {
            let mut at = [0u32; 3];
            let [x, y, z] = &mut at;
            assert_eq!(wait_select(&[recv_case(&c, x), recv_case(&c, y), recv_case(&d, z)]), Ok((2, Status::Ok)));
            e.recv().unwrap();
        });
        until_parked(1);
        let h2 = spawn(move || c2.recv());
        until_parked(2);
        d_tx.send(7).unwrap();
        e_tx.send(1).unwrap();
        h.join().unwrap();
        c_tx.send(9).unwrap();
        assert_eq!(h2.join().unwrap(), Ok(9));
        assert_eq!(c_tx.try_send(1).unwrap_err().status, Status::WouldBlock);
    })
}

#[test]
fn TestNonblockSelectRace() {
    check(|| {
        let (done_tx, done) = channel::<bool>(1);
        repeat(2000, 4, |_| {
            let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(1), channel::<u32>(1));
            tx1.send(1).unwrap();
            let done_tx = done_tx.clone();
            // Both ends stay here too: the last receiver that goes closes its channel.
            let (theirs1, theirs2) = (rx1.clone(), rx2.clone());
            go(move || {
                let (mut a, mut b) = (0, 0);
                // One of the two is ready at each instant.
                let r = try_select(&[recv_case(&theirs1, &mut a), recv_case(&theirs2, &mut b)]);
                done_tx.send(r.is_ok()).unwrap();
            });
            tx2.send(1).unwrap();
            let mut v = 0;
            let _ = try_select(&[recv_case(&rx1, &mut v)]);
            assert_eq!(done.recv(), Ok(true), "no case was ready, though one always was");
        })
    })
}

#[test]
fn TestNonblockSelectRace2() {
    check(|| {
        let (done_tx, done) = channel::<bool>(1);
        repeat(2000, 4, |_| {
            let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(1), channel::<u32>(0));
            tx1.send(1).unwrap();
            let done_tx = done_tx.clone();
            let (theirs1, theirs2) = (rx1.clone(), rx2.clone()); // as above
            go(move || {
                let (mut a, mut b) = (0, 0);
                let r = try_select(&[recv_case(&theirs1, &mut a), recv_case(&theirs2, &mut b)]);
                done_tx.send(r.is_ok()).unwrap();
            });
            tx2.close().unwrap();
            let mut v = 0;
            let _ = try_select(&[recv_case(&rx1, &mut v)]);
            assert_eq!(done.recv(), Ok(true), "no case was ready, though one always was");
        })
    })
}

// ---- beyond Go

#[test]
fn select_wakes_for_whichever_case_comes() {
    check(|| {
        let ends: Vec<_> = (0..3).map(|_| channel::<usize>(0)).collect();
        for (n, (tx, _)) in ends.iter().enumerate() {
            let rxs: Vec<_> = ends.iter().map(|(_, rx)| rx.clone()).collect();
            let h = spawn(move || {
                let mut at = [0usize; 3];
                let cases: Vec<Case> = rxs.iter().zip(at.iter_mut()).map(|(rx, v)| recv_case(rx, v)).collect();
                let r = wait_select(&cases).unwrap();
                (r, at)
            });
            until_parked(1);
            tx.send(n + 10).unwrap();
            let ((i, s), at) = h.join().unwrap();
            assert_eq!((i, s, at[i], at.iter().sum::<usize>()), (n, Status::Ok, n + 10, n + 10));
        }
    })
}

#[test]
fn select_ends_by_its_deadline_and_leaves_nothing() {
    check(|| {
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        for i in 0..20 {
            let (mut a, mut b) = (1, 2);
            let start = now();
            let d = 50_000 * (i % 5);
            let cases = [send_case(&tx1, &mut a), recv_case(&rx2, &mut b)];
            assert_eq!(until_time(&cases, start.0 + d), Err(Status::TimedOut));
            assert!(now().0 - start.0 >= d);
            assert_eq!(rx1.try_recv(), Err(Status::WouldBlock));
            assert_eq!(tx2.try_send(1).unwrap_err().status, Status::WouldBlock);
        }
        let mut v = 0;
        assert_eq!(until_time(&[], now().0 + 1000), Err(Status::TimedOut));
        assert_eq!(until_time(&[recv_case(&rx1, &mut v)], i64::MIN), Err(Status::TimedOut));
    })
}

#[test]
fn select_ends_by_a_cancel_source_and_by_cancellation_of_the_task() {
    check(|| {
        // SAFETY: no parent; freed below, when nobody watches it.
        let source = unsafe { cancel::create(null()) }.unwrap();
        let at = source.as_ptr().expose_provenance();
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        let (a1, a2) = (rx1.clone(), rx2.clone());
        let h = spawn(move || {
            let (mut a, mut b) = (0, 0);
            let w = RawWait { deadline: gort::Time::NEVER.0, cancel: std::ptr::with_exposed_provenance(at) };
            // SAFETY: the source outlives the task; places are ours.
            unsafe { select(&[recv_case(&a1, &mut a), recv_case(&a2, &mut b)], w, gort::chan::select::Manner::BLOCK) }
        });
        let h2 = spawn(move || {
            let (mut a, mut b) = (0, 0);
            let cases = [recv_case(&rx1, &mut a), recv_case(&rx2, &mut b)];
            let (first, second) = (wait_select(&cases), wait_select(&cases));
            assert_eq!(try_select(&cases), Err(Status::WouldBlock), "what does not wait can not be cancelled");
            (first, second)
        });
        until_parked(2);
        // SAFETY: alive.
        assert!(unsafe { source.as_ref() }.cancel(Status::Canceled));
        assert_eq!(h.join().unwrap(), Err(Status::Canceled));
        h2.cancel();
        assert_eq!(h2.join().unwrap(), (Err(Status::Canceled), Err(Status::Canceled)));
        assert_eq!(tx1.try_send(1).unwrap_err().status, Status::Closed, "only the dropped receivers are to blame");
        assert_eq!(tx2.try_send(1).unwrap_err().status, Status::Closed);
        // SAFETY: ours, freed once.
        assert_eq!(unsafe { cancel::free(source) }, Status::Ok);
    })
}

#[test]
fn close_wakes_a_select_with_closed() {
    check(|| {
        let ((tx1, rx1), (tx2, rx2)) = (channel::<u32>(0), channel::<u32>(0));
        let h = spawn(move || {
            let (mut a, mut b) = (3, 4);
            let r = wait_select(&[recv_case(&rx1, &mut a), send_case(&tx2, &mut b)]);
            (r, a)
        });
        until_parked(1);
        tx1.close().unwrap();
        assert_eq!(h.join().unwrap(), (Ok((0, Status::Closed)), 3));
        let (tx3, rx3) = channel::<u32>(0);
        let theirs = tx3.clone();
        let h = spawn(move || wait_select(&[NIL_RECV, send_case(&theirs, &mut 5)]));
        until_parked(1);
        tx3.close().unwrap();
        assert_eq!(h.join().unwrap(), Ok((1, Status::Closed)));
        drop((rx2, rx3));
    })
}

#[test]
fn select_over_many_cases_finds_the_one() {
    check(|| {
        for n in [4usize, 5, 6, 64, scale(300, 2000)] {
            let ends: Vec<_> = (0..n).map(|_| channel::<usize>(0)).collect();
            let rxs: Vec<_> = ends.iter().map(|(_, rx)| rx.clone()).collect();
            let (back_tx, back) = channel::<(usize, usize)>(0);
            let h = spawn(move || {
                let mut at = vec![0usize; n];
                for _ in 0..10 {
                    let cases: Vec<Case> = rxs.iter().zip(at.iter_mut()).map(|(rx, v)| recv_case(rx, v)).collect();
                    let (i, s) = wait_select(&cases).unwrap();
                    assert_eq!(s, Status::Ok);
                    back_tx.send((i, at[i])).unwrap();
                }
            });
            let mut rng = Rng::new();
            for k in 0..10 {
                let i = rng.below(n);
                ends[i].0.send(k).unwrap();
                assert_eq!(back.recv(), Ok((i, k)));
            }
            h.join().unwrap();
            assert!(ends.iter().all(|(tx, _)| tx.try_send(1).is_err()), "a case was left in a queue");
        }
        assert_eq!(try_select(&vec![NIL_RECV; MOST]), Err(Status::WouldBlock));
        assert_eq!(try_select(&vec![NIL_RECV; MOST + 1]), Err(Status::Limit));
    })
}

#[test]
fn two_selects_meet_on_two_channels_without_deadlock() {
    check(|| {
        let ((tx1, rx1), (tx2, rx2)) = (channel::<usize>(0), channel::<usize>(0));
        let n = scale(5000, 100_000);
        let h = spawn(move || {
            let mut sum = 0;
            for i in 0..n {
                let (mut a, mut b) = (i, i);
                let order = if i % 2 == 0 {
                    [send_case(&tx1, &mut a), send_case(&tx2, &mut b)]
                } else {
                    [send_case(&tx2, &mut b), send_case(&tx1, &mut a)]
                };
                assert_eq!(wait_select(&order).unwrap().1, Status::Ok);
                sum += i;
            }
            sum
        });
        let mut sum = 0;
        for _ in 0..n {
            let (mut a, mut b) = (0, 0);
            let (i, s) = wait_select(&[recv_case(&rx2, &mut a), recv_case(&rx1, &mut b)]).unwrap();
            assert_eq!(s, Status::Ok);
            sum += [a, b][i];
        }
        assert_eq!(h.join().unwrap(), sum);
    })
}

#[test]
fn stale_handle_in_a_select_is_refused() {
    plain(|| {
        let (tx, rx) = channel::<u64>(0);
        let c = raw::create(raw::Layout { size: 8, align: 8, drop: None }, 1).unwrap().as_ptr();
        // SAFETY: ours; a stale handle is checked at each use.
        unsafe { assert_eq!(raw::release(c), Status::Ok) };
        let (mut a, mut b) = (0u64, 0u64);
        let stale = Case::recv(c, (&raw mut a).cast());
        assert_eq!(try_select(&[stale, recv_case(&rx, &mut b)]), Err(Status::Misuse));
        assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock, "nothing stays locked or enlisted");
    })
}

/// Values, deadlines and closes against selects of random shape; what was received is what was sent.
#[test]
fn random_selects_lose_nothing() {
    check(|| {
        let mut rng = Rng::new();
        repeat(scale(6, 20), 4000, |round| {
            let n = 2 + rng.below(6);
            let ends: Arc<Vec<_>> = Arc::new((0..n).map(|_| channel::<usize>(rng.below(3))).collect());
            let (sent, received) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let stop = Arc::new(AtomicBool::new(false));
            let wg = WaitGroup::new();
            for t in 0..8u64 {
                let (ends, sent, received, stop) = (ends.clone(), sent.clone(), received.clone(), stop.clone());
                let mut rng = Rng::of((round as u64) << 8 | t | 1 << 60);
                wg.go(move || {
                    while !stop.load(SeqCst) {
                        let mut at: Vec<usize> = (0..1 + rng.below(7)).map(|_| rng.below(1 << 30)).collect();
                        let put = at.clone();
                        let cases: Vec<Case> = at
                            .iter_mut()
                            .map(|v| {
                                let (tx, rx) = &ends[rng.below(ends.len())];
                                if rng.below(2) == 0 { send_case(tx, v) } else { recv_case(rx, v) }
                            })
                            .collect();
                        if let Ok((i, Status::Ok)) = until_time(&cases, now().0 + rng.below(300_000) as i64) {
                            let op = cases[i].op;
                            match op {
                                Op::Send => sent.fetch_add(put[i], SeqCst),
                                _ => received.fetch_add(at[i], SeqCst),
                            };
                        }
                    }
                });
            }
            sleep(ms(scale(15, 60))).unwrap();
            stop.store(true, SeqCst);
            wg.wait().unwrap();
            let mut left = 0;
            for (_, rx) in ends.iter() {
                while let Ok(v) = rx.try_recv() {
                    left += v;
                }
            }
            assert_eq!(received.load(SeqCst) + left, sent.load(SeqCst));
            assert!(sent.load(SeqCst) > 0);
        });
        until(|| gort::metrics().timers == 0);
    })
}

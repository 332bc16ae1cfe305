//! Timers and tickers by Go's rules (SEMANTICS T1-T6). Cases ported from Go's sleep_test and tick_test keep Go's names. No bound here can be broken by a slow machine: what is asserted is
//! order, counts, due times, and that nothing is early.

mod support;

use gort::sched::timers::BATCH;
use gort::time::{self, Ticker, Timer, after, after_func, tick};
use gort::{Receiver, Status, Time, Wait, channel, now, sleep};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, plain, until};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

/// `run` on tasks and on a plain thread.
fn everywhere(body: fn()) {
    body()
}

fn fires_once() {
    let begin = now();
    let t = Timer::new(2 * MS);
    let due = t.recv().unwrap();
    assert!(due.0 >= begin.0 + 2_000_000, "the value is when it was due");
    assert!(now() >= due, "never early");
    assert_eq!(t.try_recv(), Err(Status::WouldBlock));
    assert!(!t.stop(), "received");
}

#[test]
fn timer_fires_once_in_a_task() {
    check(|| everywhere(fires_once))
}

#[test]
fn timer_fires_once_on_a_thread() {
    plain(|| everywhere(fires_once))
}

/// Go's TestStopResult and TestResetResult without their race: the answers.
#[test]
fn stop_and_reset_say_whether_they_prevented() {
    check(|| {
        let t = Timer::new(LONG);
        assert!(t.stop());
        assert!(!t.stop());
        assert!(!t.reset(LONG));
        assert!(t.reset(LONG));
        assert!(t.reset_at(Time(now().0 - 1)));
        // Due, but not received: stopping prevents it (Go #69312).
        assert!(t.stop());
        assert_eq!(t.try_recv(), Err(Status::WouldBlock), "no stale value");
        assert!(!t.reset_at(Time(5)));
        assert_eq!(t.try_recv(), Ok(Time(5)));
        assert!(!t.reset(LONG), "received");
    })
}

#[test]
fn reset_replaces_a_value_that_nobody_took() {
    check(|| {
        let t = Timer::at(Time(7));
        sleep(MS).unwrap();
        t.reset_at(Time(9));
        assert_eq!(t.recv(), Ok(Time(9)));
        assert_eq!(t.try_recv(), Err(Status::WouldBlock));
    })
}

/// Go's TestChan: length and capacity are 0 whatever happens.
#[test]
fn timer_channel_has_no_buffer() {
    check(|| {
        let (rx, none) = (after(MS), tick(Duration::ZERO));
        assert!(none.is_none());
        assert_eq!((rx.len(), rx.capacity()), (0, 0));
        sleep(3 * MS).unwrap();
        assert_eq!((rx.len(), rx.capacity()), (0, 0));
        assert!(rx.recv().is_ok());
        assert_eq!((rx.len(), rx.try_recv()), (0, Err(Status::WouldBlock)));
    })
}

/// Go's TestChan: a reader that is parked gets the value of the new setting, and one of a stopped timer sleeps on.
#[test]
fn blocked_reader_follows_reset_and_stop() {
    check(|| {
        let t = Arc::new(Timer::new(LONG));
        let (done, got) = channel(1);
        let theirs = t.clone();
        gort::go(move || done.send(theirs.recv()).unwrap());
        support::until_parked(1);
        assert!(t.reset_at(Time(11)));
        assert_eq!(got.recv(), Ok(Ok(Time(11))));

        let (done, got) = channel(1);
        let theirs = t.clone();
        t.reset(LONG);
        gort::go(move || done.send(theirs.recv_with(Wait::timeout(20 * MS))).unwrap());
        sleep(2 * MS).unwrap();
        t.stop();
        assert_eq!(got.recv(), Ok(Err(Status::TimedOut)));
    })
}

/// Who waits comes before who asks, and one value goes to one of them (W4).
#[test]
fn one_value_for_one_of_many_readers() {
    check(|| {
        let t = Arc::new(Timer::new(2 * MS));
        let (tx, rx) = channel(0);
        for _ in 0..8 {
            let (t, tx) = (t.clone(), tx.clone());
            gort::go(move || {
                let _ = tx.send(t.recv_with(Wait::timeout(40 * MS)));
            });
        }
        let mut got = [0; 2];
        for _ in 0..8 {
            match rx.recv().unwrap() {
                Ok(_) => got[0] += 1,
                Err(s) => {
                    assert_eq!(s, Status::TimedOut);
                    got[1] += 1
                }
            }
        }
        assert_eq!(got, [1, 7]);
    })
}

/// Go's TestAfterQueuing.
#[test]
fn after_fires_in_order_of_due_times() {
    check(|| {
        let (tx, rx) = channel(8);
        for slot in [5, 3, 6, 6, 6, 1, 1, 2, 7, 9, 4, 8, 0] {
            let tx = tx.clone();
            gort::go(move || {
                let due = after(slot * 5 * MS).recv().unwrap();
                tx.send((slot, due)).unwrap();
            });
        }
        drop(tx);
        let mut all: Vec<(u32, Time)> = rx.iter().collect();
        assert_eq!(all.len(), 13);
        all.sort_by_key(|x| x.1);
        assert!(all.windows(2).all(|w| w[0].1 <= w[1].1));
    })
}

/// Go's TestAfterTimes: a late reader gets the time it was due.
#[test]
fn after_times() {
    check(|| {
        for _ in 0..5 {
            let begin = now();
            let rx = after(2 * MS);
            let end = now();
            sleep(6 * MS).unwrap();
            let due = rx.recv().unwrap();
            assert!(due.0 >= begin.0 + 2_000_000 && due.0 <= end.0 + 2_000_000);
        }
    })
}

/// Go's TestTickTimes and the slow reader of T5: ticks are lost, the phase is kept.
#[test]
fn slow_reader_loses_ticks_and_keeps_the_phase() {
    check(|| {
        let ticker = Ticker::new(2 * MS).unwrap();
        let first = ticker.recv().unwrap();
        let mut last = first;
        for _ in 0..5 {
            sleep(5 * MS).unwrap();
            let t = ticker.recv().unwrap();
            assert!(t > last);
            assert_eq!((t.0 - first.0) % 2_000_000, 0, "in phase");
            last = t;
        }
        ticker.stop();
        assert_eq!(ticker.try_recv(), Err(Status::WouldBlock));
        ticker.reset(MS).unwrap();
        assert!(ticker.recv().is_ok());
    })
}

/// Go's TestTicker: a tick each period, none early.
#[test]
fn ticker_ticks() {
    check(|| {
        let begin = now();
        let ticker = Ticker::new(MS).unwrap();
        let mut n = 0;
        for t in (&ticker).take(20) {
            n += 1;
            assert!(t.0 >= begin.0 + n * 1_000_000 && now() >= t);
        }
        ticker.reset(3 * MS).unwrap();
        let (a, b) = (ticker.recv().unwrap(), ticker.recv().unwrap());
        assert_eq!((b.0 - a.0) % 3_000_000, 0);
    })
}

/// Go's TestNewTickerLtZeroDuration and TestTickerResetLtZeroDuration.
#[test]
fn period_of_zero_is_invalid() {
    check(|| {
        assert_eq!(Ticker::new(Duration::ZERO).err(), Some(Status::Invalid));
        let t = Ticker::new(LONG).unwrap();
        assert_eq!(t.reset(Duration::ZERO), Err(Status::Invalid));
        assert!(t.stop(), "nothing was changed");
    })
}

/// Go's TestAfterFunc: a chain of functions, each of which sets the next.
#[test]
fn after_func_chain() {
    check(|| {
        let (tx, rx) = channel(1);
        fn step(i: usize, tx: gort::Sender<()>) {
            if i == 0 {
                return tx.send(()).unwrap();
            }
            after_func(Duration::ZERO, move || step(i - 1, tx.clone()));
        }
        step(100, tx);
        rx.recv().unwrap();
    })
}

#[test]
fn after_func_runs_beside_itself_and_again_after_reset() {
    check(|| {
        let (tx, rx) = channel(0);
        let gate = Arc::new(channel::<()>(0));
        let theirs = gate.clone();
        let t = after_func(Duration::ZERO, move || {
            tx.send(()).unwrap();
            theirs.1.recv().unwrap();
        });
        rx.recv().unwrap();
        assert!(!t.stop(), "started");
        assert!(!t.reset(Duration::ZERO));
        rx.recv().unwrap(); // the first one still runs
        gate.0.send(()).unwrap();
        gate.0.send(()).unwrap();
    })
}

struct Counted(Arc<AtomicUsize>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

#[test]
fn function_is_dropped_once_in_each_way_it_can_go() {
    plain(|| {
        let dropped = Arc::new(AtomicUsize::new(0));
        let of = |n: &Arc<AtomicUsize>| {
            let c = Counted(n.clone());
            move || {
                let _ = &c;
            }
        };
        // Stopped, and the handle dropped.
        let t = after_func(LONG, of(&dropped));
        assert!(t.stop());
        assert_eq!(dropped.load(SeqCst), 0);
        drop(t);
        assert_eq!(dropped.load(SeqCst), 1);
        // The handle first, then it runs.
        drop(after_func(MS, of(&dropped)));
        until(|| dropped.load(SeqCst) == 2);
        // It has run, then the handle.
        let t = after_func(Duration::ZERO, of(&dropped));
        sleep(5 * MS).unwrap();
        drop(t);
        until(|| dropped.load(SeqCst) == 3);
        // Its run ends before.
        let theirs = dropped.clone();
        gort::run(move || drop(after_func(LONG, of(&theirs)))).unwrap();
        until(|| dropped.load(SeqCst) == 4);
    })
}

#[test]
fn end_of_a_run_stops_its_functions() {
    plain(|| {
        let ran = Arc::new(AtomicUsize::new(0));
        let theirs = ran.clone();
        let kept = gort::run(move || {
            after_func(20 * MS, move || {
                theirs.fetch_add(1, SeqCst);
            })
        })
        .unwrap();
        sleep(40 * MS).unwrap();
        assert_eq!(ran.load(SeqCst), 0);
        assert!(!kept.stop());
        // Set anew, by nobody's task: it belongs to its run still, which is over.
        drop(kept);
    })
}

/// Go's TestOverflowSleep.
#[test]
fn overflow() {
    check(|| {
        let never = Timer::new(Duration::MAX);
        let rx = after(Duration::MAX);
        assert_eq!(never.recv_with(Wait::timeout(MS)), Err(Status::TimedOut));
        assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
        assert_eq!(Timer::at(Time(i64::MIN)).recv(), Ok(Time(i64::MIN)));
        assert!(Ticker::new(Duration::MAX).unwrap().try_recv().is_err());
    })
}

/// Go's TestTimerStopStress and the memory of a stopped timer.
#[test]
fn timer_stop_stress() {
    check(|| {
        let fired = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let theirs = fired.clone();
            let t = after_func(30 * MS, move || {
                theirs.fetch_add(1, SeqCst);
            });
            assert!(t.stop());
        }
        sleep(60 * MS).unwrap();
        assert_eq!(fired.load(SeqCst), 0);
    })
}

/// Go's TestSleepZeroDeadlock.
#[test]
fn sleep_zero_deadlock() {
    check(|| {
        let (tx, rx) = channel(0);
        gort::go(move || {
            for _ in 0..100 {
                sleep(Duration::ZERO).unwrap();
                tx.send(()).unwrap();
            }
        });
        for _ in 0..100 {
            sleep(Duration::from_nanos(1)).unwrap();
            rx.recv().unwrap();
        }
    })
}

/// Go's TestTimerModifiedEarlier.
#[test]
fn timer_modified_earlier() {
    check(|| {
        for _ in 0..100 {
            let t = Timer::new(LONG);
            assert!(t.reset_at(Time(now().0 - 1_000_000_000)));
            assert!(t.recv_with(Wait::timeout(LONG)).is_ok());
        }
    })
}

/// Go's TestAdjustTimers: random changes earlier and later; every timer fires, once.
#[test]
fn adjust_timers() {
    check(|| {
        let mut random = support::Rng::new();
        let mut timers: Vec<Timer> = (0..64).map(|_| Timer::new(5 * MS)).collect();
        let mut fired = 0;
        while !timers.is_empty() {
            let i = random.below(timers.len());
            match random.below(4) {
                0 => drop(timers[i].reset(Duration::from_micros(random.below(3000) as u64))),
                1 => drop(timers[i].reset_at(Time(now().0 - 1))),
                _ => {
                    if timers[i].recv_with(Wait::timeout(2 * MS)).is_ok() {
                        assert_eq!(timers[i].try_recv(), Err(Status::WouldBlock));
                        timers.swap_remove(i);
                        fired += 1;
                    }
                }
            }
        }
        assert_eq!(fired, 64);
    })
}

/// Go's TestAfterFuncStarvation: two tasks that wake each other on one worker do not starve a timer.
#[test]
fn after_func_starvation() {
    check(|| {
        let stop = Arc::new(AtomicUsize::new(0));
        let ((a, b), (c, d)) = (channel::<()>(0), channel::<()>(0));
        let theirs = stop.clone();
        after_func(5 * MS, move || theirs.store(1, SeqCst));
        gort::go(move || {
            while b.recv().is_ok() {
                if c.send(()).is_err() {
                    return;
                }
            }
        });
        while stop.load(SeqCst) == 0 {
            a.send(()).unwrap();
            d.recv().unwrap();
        }
    })
}

/// Go's TestMultiWakeupTicker and TestMultiWakeupTimer: timers that are used by many at once.
#[test]
fn multi_wakeup() {
    check(|| {
        let wg = gort::WaitGroup::new();
        let ticker = Arc::new(Ticker::new(Duration::from_micros(50)).unwrap());
        let timer = Arc::new(Timer::new(Duration::ZERO));
        for _ in 0..8 {
            let (ticker, timer) = (ticker.clone(), timer.clone());
            wg.go(move || {
                for _ in 0..50 {
                    ticker.recv().unwrap();
                    timer.reset(Duration::from_nanos(1));
                    timer.recv_with(Wait::timeout(MS)).ok();
                }
            });
        }
        wg.wait().unwrap();
    })
}

/// Go's TestStopResult: whatever the race, `stop` says true if and only if nothing can be received any more.
#[test]
fn stop_result() {
    check(|| {
        for i in 0..200u64 {
            let t = Arc::new(Timer::new(Duration::from_micros(i % 60)));
            let theirs = t.clone();
            let reader = gort::spawn(move || theirs.recv_with(Wait::timeout(3 * MS)).is_ok());
            sleep(Duration::from_micros(i * 7 % 50)).unwrap();
            let stopped = t.stop();
            let received = reader.join().unwrap();
            assert!(stopped != received, "stopped: {stopped}, received: {received}");
        }
    })
}

#[test]
fn timers_are_cases_of_select() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let (short, long) = (Timer::new(MS), Timer::new(LONG));
        let ticker = Ticker::new(2 * MS).unwrap();
        let none: Option<Receiver<Time>> = tick(Duration::ZERO);
        let mut seen = [0; 2];
        while seen[0] == 0 || seen[1] < 3 {
            gort::select! {
                recv(rx) -> _ => unreachable!("nobody sends"),
                recv(short) -> due => { due.unwrap(); seen[0] += 1 },
                recv(&long) -> _ => unreachable!("an hour"),
                recv(ticker) -> t => { t.unwrap(); seen[1] += 1 },
                recv(none) -> _ => unreachable!("nil"),
            }
            .unwrap()
        }
        assert_eq!(seen[0], 1);
        drop(tx);

        let mut select = gort::Select::new();
        let (a, b) = (select.recv(&long), select.recv(&ticker));
        let mut done = select.wait().unwrap();
        assert!(done.recv(a).is_none() && done.recv(b).unwrap().is_ok());

        let mut selector = gort::Selector::new();
        let (a, b) = (selector.recv(&long).unwrap(), selector.recv(&ticker).unwrap());
        for _ in 0..5 {
            let mut done = selector.wait().unwrap();
            assert!(done.recv(a).is_none() && done.recv(b).unwrap().is_ok());
        }
    })
}

/// A default case sees a timer that became due while nothing let the scheduler run.
#[test]
fn try_recv_looks_at_the_clock_itself() {
    check(|| {
        let t = Timer::new(MS);
        assert_eq!(t.try_recv(), Err(Status::WouldBlock));
        let begin = now();
        while now().0 < begin.0 + 2_000_000 {}
        assert!(t.try_recv().is_ok());
    })
}

#[test]
fn readable_waits_for_a_timer_and_takes_nothing() {
    check(|| {
        let rx = after(MS);
        rx.readable().unwrap();
        assert!(rx.try_recv().is_ok());
        assert_eq!(rx.readable_with(Wait::timeout(MS)), Err(Status::TimedOut));
    })
}

#[test]
fn descriptor_of_a_timer_becomes_readable() {
    plain(|| {
        let rx = after(3 * MS);
        let fd = rx.notify_fd().unwrap();
        let mut n = 0;
        loop {
            let mut p = libc::pollfd { fd: std::os::fd::AsRawFd::as_raw_fd(&fd), events: libc::POLLIN, revents: 0 };
            // SAFETY: one descriptor, which lives.
            assert_eq!(unsafe { libc::poll(&mut p, 1, 20_000) }, 1);
            let mut word = 0u64;
            // SAFETY: an eventfd gives 8 bytes.
            unsafe { libc::read(p.fd, (&raw mut word).cast(), 8) };
            n += 1;
            if rx.try_recv().is_ok() {
                break;
            }
        }
        assert!(n <= 2, "readable {n} times");
    })
}

/// A timer that nobody waits for is no reason to go on: the run is dead.
#[test]
fn deadlock_is_seen_beside_timers_that_nobody_awaits() {
    support::alone(&[1, 2], &[], || {
        let e = gort::run(|| {
            let _unused = Timer::new(LONG);
            let stopped = Timer::new(LONG);
            stopped.stop();
            assert_eq!(stopped.recv(), Err(Status::Deadlock));
        });
        assert!(e.is_err_and(|e| e.status == Status::Deadlock));
    })
}

/// Go's TestSimpleDeadlock with a pending AfterFunc: the judgement waits for it.
#[test]
fn pending_function_delays_the_verdict() {
    support::alone(&[1, 2], &[], || {
        gort::run(|| {
            let (tx, rx) = channel(0);
            after_func(50 * MS, move || tx.send(1).unwrap());
            assert_eq!(rx.recv(), Ok(1));
        })
        .unwrap();
    })
}

#[test]
fn many_more_than_a_batch_fire() {
    check(|| {
        let n = 4 * BATCH + 3;
        let wg = gort::WaitGroup::new();
        wg.add(n as i64).unwrap();
        for _ in 0..n {
            let wg = wg.clone();
            after_func(MS, move || wg.done().unwrap());
        }
        wg.wait().unwrap();
    })
}

/// A runtime that is started by a timer of a plain thread, and ended with timers pending, and started again.
#[test]
fn timers_survive_a_shutdown_as_stale_handles() {
    plain(|| {
        let (rx, t, f) = (after(LONG), Timer::new(LONG), after_func(LONG, || ()));
        assert_eq!(t.recv_with(Wait::timeout(MS)), Err(Status::TimedOut));
        assert_eq!(gort::shutdown(), Status::Ok);
        assert!(!t.stop() && !f.stop());
        assert_eq!(rx.try_recv(), Err(Status::Shutdown));
        drop((rx, t, f));
        assert!(after(MS).recv().is_ok());
        assert!(time::wall_time(now()) > std::time::SystemTime::UNIX_EPOCH + LONG);
    })
}

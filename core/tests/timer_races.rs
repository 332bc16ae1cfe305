//! Timers where two things come together: a stop and a look, a value and the end of its channel, a function and the end of its run, a plain thread and workers that compute.
//!
//! What this is: a test for each race that was once lost. What it is NOT: their exhaustive search (`loom_timer.rs`), or the long random one (`timer_stress.rs`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::chan::{later, raw};
use gort::sched::task::Entry;
use gort::time::{self, Debounce, FuncTimer, Timer, after, after_func, timer};
use gort::{Config, Status, Time, Wait, channel, go, now, run, run_with, sleep};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{allow_panics, alone, check_on, plain, plain_on, repeat, until, until_parked, workers_wanted};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3600);

fn timers() -> u64 {
    gort::sched::objects::live("timers")
}

/// Two threads that do one thing each, as nearly at once as can be.
fn at_once<A: Send + 'static, B>(other: impl FnOnce() -> A + Send + 'static, mine: impl FnOnce() -> B) -> (A, B) {
    let ready = Arc::new(AtomicUsize::new(0));
    let theirs = ready.clone();
    let meet = |ready: &AtomicUsize| {
        ready.fetch_add(1, SeqCst);
        while ready.load(SeqCst) < 2 {
            std::hint::spin_loop()
        }
    };
    let h = std::thread::spawn(move || {
        meet(&theirs);
        other()
    });
    meet(&ready);
    let b = mine();
    (h.join().unwrap(), b)
}

/// Go's TestStopResult, where the value is taken by one that asks.
#[test]
fn stop_says_true_iff_nobody_receives() {
    plain_on(&[2], || {
        repeat(3000, 2, |_| {
            let t = Arc::new(Timer::at(Time(1)));
            let _ = t.try_recv(); // the channel is there
            t.reset_at(Time(2));
            let theirs = t.clone();
            let (received, stopped) = at_once(move || theirs.try_recv().is_ok(), || t.stop());
            assert!(received != stopped, "received: {received}, stopped: {stopped}");
        })
    })
}

#[test]
fn reset_says_true_iff_the_old_value_is_not_received() {
    plain_on(&[2], || {
        repeat(3000, 2, |_| {
            let t = Arc::new(Timer::at(Time(1)));
            let _ = t.try_recv();
            t.reset_at(Time(2));
            let theirs = t.clone();
            let (received, replaced) = at_once(move || theirs.try_recv(), || t.reset_at(Time(3)));
            let rest = t.try_recv();
            match received {
                Ok(Time(2)) => assert_eq!((replaced, rest), (false, Ok(Time(3)))),
                Ok(Time(3)) => assert_eq!((replaced, rest), (true, Err(Status::WouldBlock))),
                e => panic!("{e:?}: it was due all the time"),
            }
        })
    })
}

/// The last receiver goes at the moment when the value comes: the channel is empty when it dies.
#[test]
fn channel_of_a_timer_dies_while_it_fires() {
    plain(|| {
        repeat(300, 2, |i| {
            let d = Duration::from_micros(20 + i as u64 % 80);
            let rx = after(d);
            let _ = rx.recv_with(Wait::timeout(d));
            drop(rx);
        });
        until(|| timers() == 0);
    })
}

struct Counted(Arc<AtomicUsize>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// A function that is due when its run ends can not be started: it is dropped all the same.
#[test]
fn function_set_while_its_run_ends_is_dropped() {
    plain(|| {
        for wait_all in [false, true] {
            let (dropped, ran) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
            let (of, n) = (dropped.clone(), ran.clone());
            let over = Arc::new(AtomicBool::new(false));
            let seen = over.clone();
            let main = move || {
                go(move || {
                    while !seen.load(SeqCst) {
                        let _ = sleep(Duration::ZERO); // says CANCELED when main is over
                        if sleep(MS) == Err(Status::Canceled) {
                            break;
                        }
                    }
                    for d in [Duration::ZERO, LONG] {
                        let (counted, n) = (Counted(of.clone()), n.clone());
                        after_func(d, move || {
                            let _ = &counted;
                            n.fetch_add(1, SeqCst);
                        });
                    }
                    std::thread::sleep(5 * MS); // a task of the run that is alive, so the first one is due in it
                    gort::yield_now();
                });
                if wait_all {
                    over.store(true, SeqCst)
                }
            };
            run_with(&Config { wait_all, ..Config::default() }, main).unwrap();
            until(|| dropped.load(SeqCst) == 2);
            assert!(ran.load(SeqCst) <= usize::from(wait_all), "of a run that ends with main nothing is started");
            until(|| timers() == 0);
        }
    })
}

/// A run's slot becomes another run's: what belonged to the first is not started as a task of the other.
#[test]
fn function_of_a_run_that_is_over_never_runs_again() {
    plain_on(&[2], || {
        let ran = Arc::new(AtomicUsize::new(0));
        let n = ran.clone();
        let kept = Arc::new(
            run(move || {
                after_func(LONG, move || {
                    n.fetch_add(1, SeqCst);
                })
            })
            .unwrap(),
        );
        for _ in 0..150 {
            let theirs: Arc<FuncTimer> = kept.clone();
            run(move || {
                assert!(!theirs.reset(Duration::ZERO));
                sleep(MS / 10).unwrap();
            })
            .unwrap();
        }
        assert!(!kept.stop(), "it can not be set");
        assert_eq!(ran.load(SeqCst), 0);
    })
}

static STARTED: AtomicUsize = AtomicUsize::new(0);

unsafe fn start(_: *mut Entry) {
    STARTED.fetch_add(1, SeqCst);
}

/// The handle goes first, then the task of the host is started: the timer goes with it.
#[test]
fn timer_of_a_host_goes_when_it_has_fired() {
    plain(|| {
        sleep(MS).unwrap();
        let entry = || Some(Box::new(Entry::new(start, None, [0; 3])));
        // SAFETY: the native lane has room for any entry; each is called once.
        unsafe {
            let t = timer::host_timer(0, now().0 + 1_000_000, &mut entry()).unwrap();
            assert_eq!(timer::release(t.as_ptr()), Status::Ok);
            until(|| STARTED.load(SeqCst) == 1 && timers() == 0);

            let t = timer::host_timer(0, now().0, &mut entry()).unwrap();
            until(|| STARTED.load(SeqCst) == 2);
            assert_eq!(timer::reset(t.as_ptr(), now().0), Err(Status::WouldBlock), "its entry was used");
            assert_eq!(timer::stop(t.as_ptr()), Ok(false));
            assert_eq!(timer::reset_host(t.as_ptr(), now().0, &mut entry()), Ok(false));
            until(|| STARTED.load(SeqCst) == 3);
            let _ = timer::release(t.as_ptr());
        }
        assert_eq!(timers(), 0);
    })
}

/// A plain thread has no processor to keep its time, and every worker computes.
#[test]
fn timer_of_a_plain_thread_beside_a_worker_that_computes() {
    plain_on(&[1, 2], || {
        let stop = Arc::new(AtomicBool::new(false));
        let begun = Arc::new(AtomicUsize::new(0));
        let workers = support::child_workers();
        for _ in 0..workers {
            let (stop, begun) = (stop.clone(), begun.clone());
            go(move || {
                begun.fetch_add(1, SeqCst);
                support::hogs::hog(&stop)
            });
        }
        until(|| begun.load(SeqCst) == workers);
        // It has no deadline of its own: only the timer can end the wait. A worker that computes never looks.
        Timer::new(5 * MS).recv().unwrap();
        let (tx, rx) = channel(1);
        after_func(5 * MS, move || tx.send(()).unwrap());
        rx.recv().unwrap();
        stop.store(true, SeqCst);
    })
}

/// K2: a timer that nobody waits for wakes nobody, though somebody has asked it once.
#[test]
fn timer_that_was_asked_in_vain_is_no_hope() {
    alone(&workers_wanted(), &[], || {
        let e = run(|| {
            let (t, (_tx, rx)) = (Timer::new(LONG), channel::<()>(0));
            assert_eq!(t.try_recv(), Err(Status::WouldBlock));
            assert_eq!(rx.recv(), Err(Status::Deadlock));
        })
        .err();
        assert_eq!(e.map(|e| e.status), Some(Status::Deadlock));
        // One that is waited for is.
        run(|| Timer::new(20 * MS).recv().unwrap()).unwrap();
    })
}

/// A receiver that was given a value and can not use it any more (a cancelled future) gives it back: to the next one, as long as the timer was not touched. T2: after a reset or a stop nothing
/// old is received.
#[test]
fn value_that_comes_back_to_its_timer() {
    check_on(&[2], || {
        let period = 3_600_000_000_000;
        for ticks in [false, true] {
            let at = now().0 - 1;
            let t =
                if ticks { timer::ticker(at, period) } else { timer::timer(at) }.unwrap().as_ptr().expose_provenance();
            let t = move || std::ptr::with_exposed_provenance::<timer::Timer>(t);
            // SAFETY: ours, and used until it is released; elements are times.
            unsafe {
                let ch = timer::channel(t()).unwrap().as_ptr().expose_provenance();
                let ch = move || std::ptr::with_exposed_provenance::<raw::RawChan>(ch);
                let look = move || {
                    let mut v = 0i64;
                    raw::try_recv(ch(), (&raw mut v).cast()).is_ok().then_some(v)
                };
                let give_back = move |v: i64| assert_eq!(later::give_back(ch(), (&raw const v).cast()), Status::Ok);
                assert_eq!(look(), Some(at));
                give_back(at);
                assert!(timer::is_set(t()));
                assert_eq!((look(), look()), (Some(at), None));
                // To one that waits.
                let reader = gort::spawn(move || {
                    let mut v = 0i64;
                    (raw::recv(ch(), (&raw mut v).cast()), v)
                });
                until_parked(1);
                give_back(at);
                assert_eq!(reader.join().unwrap(), (Status::Ok, at));
                // Nothing old after a stop, or a reset.
                give_back(at);
                assert_eq!((timer::stop(t()), look()), (Ok(true), None));
                give_back(at);
                assert_eq!((timer::reset(t(), at + 7), look()), (Ok(false), Some(at + 7)));
                give_back(at);
                assert_eq!((look(), timer::reset(t(), now().0 + period + 1)), (None, Ok(ticks)));
                give_back(at + 7);
                assert_eq!(look(), None);
                assert_eq!(timer::release(t()), Status::Ok);
            }
        }
    })
}

/// A selector that asks a timer meets its own other case, which waits there: it goes back to where it stood.
#[test]
fn case_of_a_selector_meets_another_of_its_own_on_one_timer() {
    check_on(&[1], || {
        let t = Arc::new(Timer::new(2 * MS));
        let mut s = gort::Selector::new();
        let a = s.recv(&*t).unwrap();
        assert!(s.try_wait().is_err()); // it waits in the timer's queue now, and behind it:
        let theirs = t.clone();
        let reader = gort::spawn(move || theirs.recv());
        until_parked(1);
        let b = s.recv(&*t).unwrap();
        let begin = now();
        while now().0 < begin.0 + 2_500_000 {} // due, and the only worker has fired nothing
        assert!(s.try_wait().is_err(), "the value is the reader's, who has waited longer");
        assert!(reader.join().unwrap().is_ok());
        s.remove(a);
        t.reset(MS);
        let mut done = s.wait_with(Wait::timeout(LONG)).unwrap();
        assert!(done.recv(b).unwrap().is_ok());
    })
}

/// B1, B2: a call that comes while the function runs is run, though that run panics.
#[test]
fn call_during_a_run_that_panics_is_run() {
    plain(|| {
        allow_panics();
        let ((began, begins), (tx, gate)) = (channel(4), channel::<()>(4));
        let n = AtomicUsize::new(0);
        let d = Debounce::new(Duration::ZERO, move || {
            let i = n.fetch_add(1, SeqCst);
            began.send(i).unwrap();
            gate.recv().unwrap();
            assert!(i > 0, "the first one panics");
        });
        d.call();
        assert_eq!(begins.recv(), Ok(0));
        d.call();
        time::sleep(5 * MS).unwrap(); // the second one has come to the first
        tx.send(()).unwrap();
        tx.send(()).unwrap();
        assert_eq!(begins.recv_with(Wait::timeout(LONG)), Ok(1));
    })
}

//! Models of timers (`time/timer.rs`, `chan/source.rs`), the real ones: what comes due against a stop, a reset, a look, a release, the end of a run.
//!
//! The clock shows what the model says, and a node is fired by whoever calls `expire` (`sched/doors_loom.rs`). A timer that nobody wakes for is a deadlock, which loom reports; so after a value was
//! taken away from a receiver each model gives it another. What is freed is written over, so whoever still uses it is a race.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::chan::raw::{self, RawChan};
use gort::sched::alarms::{armed, belong, end, expire, may_wake, run_started};
use gort::sys::prim::{AtomicUsize, Cell, Ordering::*};
use gort::sys::slab::set_clock;
use gort::time::timer::{self, Boxed, Timer, What};
use model::chan::party;
use model::*;
use std::ffi::c_void;

const DUE: i64 = 10;

/// The clock moves on, and what is due is fired.
fn at(time: i64) {
    set_clock(time);
    expire();
}

/// A channel of times.
#[derive(Clone, Copy)]
struct Times(*const RawChan);

impl Times {
    fn recv(self) -> i64 {
        let mut v = -1i64;
        // SAFETY: a channel of this model; `v` lives until the call returns.
        assert_eq!(unsafe { raw::recv(self.0, (&raw mut v).cast()) }, Status::Ok);
        v
    }

    fn try_recv(self) -> Option<i64> {
        let mut v = -1i64;
        // SAFETY: as above.
        match unsafe { raw::try_recv(self.0, (&raw mut v).cast()) } {
            Status::Ok => Some(v),
            s => {
                assert_eq!(s, Status::WouldBlock);
                None
            }
        }
    }

    fn release(self) {
        // SAFETY: as above; not used again.
        assert_eq!(unsafe { raw::release(self.0) }, Status::Ok);
    }
}

#[derive(Clone, Copy)]
struct T(*const Timer);

impl T {
    /// The clock stands at 1.
    fn new(when: i64) -> (T, Times) {
        set_clock(1);
        T(timer::timer(when).unwrap().as_ptr()).with_channel()
    }

    fn ticker(first: i64, period: i64) -> (T, Times) {
        set_clock(1);
        T(timer::ticker(first, period).unwrap().as_ptr()).with_channel()
    }

    fn with_channel(self) -> (T, Times) {
        // SAFETY: a timer of this model.
        (self, Times(unsafe { timer::channel(self.0) }.unwrap().as_ptr()))
    }

    fn stop(self) -> bool {
        // SAFETY: as above.
        unsafe { timer::stop(self.0) }.unwrap()
    }

    fn reset(self, when: i64) -> bool {
        // SAFETY: as above.
        unsafe { timer::reset(self.0, when) }.unwrap()
    }

    fn release(self) {
        // SAFETY: as above; not used again.
        assert_eq!(unsafe { timer::release(self.0) }, Status::Ok);
    }
}

// ---- what is received

/// T2: stop says true if and only if nobody receives the value; who waits is given the next one.
#[test]
fn stop_against_expiry_with_a_receiver() {
    for task in [false, true] {
        explore(&format!("timer: stop against expiry, a receiver waits (task: {task})"), 3, move || {
            let (t, c) = T::new(DUE);
            let stopped = shared(Cell::new(false));
            let mut got = 0;
            together(
                vec![
                    Box::new(|| at(DUE)),
                    Box::new(move || {
                        stopped.set(t.stop());
                        if stopped.get() {
                            t.reset(3);
                            at(3);
                        }
                    }),
                ],
                || {
                    party(task);
                    got = c.recv()
                },
            );
            assert_eq!(got, if stopped.get() { 3 } else { DUE });
            assert_eq!((c.try_recv(), t.stop()), (None, false));
            t.release();
        });
    }
}

#[test]
fn stop_and_reset_against_who_asks() {
    explore("timer: stop against a look at one that is due", 8, || {
        let (t, c) = T::new(1);
        let got = shared(Cell::new(None));
        let mut stopped = false;
        beside(move || got.set(c.try_recv()), || stopped = t.stop());
        assert_eq!(stopped, got.get().is_none());
        assert_eq!(c.try_recv(), None);
        t.release();
    });
    explore("timer: reset against a look at one that is due", 8, || {
        let (t, c) = T::new(0);
        let got = shared(Cell::new(None));
        let mut replaced = false;
        beside(move || got.set(c.try_recv()), || replaced = t.reset(1));
        let rest = c.try_recv();
        match got.get() {
            Some(0) => assert_eq!((replaced, rest), (false, Some(1))),
            Some(1) => assert_eq!((replaced, rest), (true, None)),
            other => panic!("{other:?}"),
        }
        t.release();
    });
}

/// T2: the old value or the new one, and the answer says which; earlier and later.
#[test]
fn reset_against_expiry_with_a_receiver() {
    for to in [5, 20] {
        explore(&format!("timer: reset from {DUE} to {to} against expiry, a receiver waits"), 3, move || {
            let (t, c) = T::new(DUE);
            let replaced = shared(Cell::new(false));
            let mut got = 0;
            together(
                vec![
                    Box::new(|| at(DUE)),
                    Box::new(move || {
                        replaced.set(t.reset(to));
                        at(to);
                    }),
                ],
                || {
                    party(true);
                    got = c.recv()
                },
            );
            let rest = c.try_recv();
            if got == DUE {
                assert_eq!((replaced.get(), rest), (false, Some(to)));
            } else {
                assert_eq!((got, replaced.get(), rest), (to, true, None));
            }
            t.release();
        });
    }
}

/// W4: one value for one of them; who waited when it came due has it.
#[test]
fn one_that_waits_and_one_that_asks() {
    explore("timer: a receiver that waits, one that asks, expiry", 3, || {
        let (t, c) = T::new(DUE);
        let asked = shared(Cell::new(None));
        let mut got = 0;
        together(
            vec![
                Box::new(|| at(DUE)),
                Box::new(move || {
                    asked.set(c.try_recv());
                    if asked.get().is_some() {
                        t.reset(4);
                        at(4);
                    }
                }),
            ],
            || {
                party(true);
                got = c.recv()
            },
        );
        assert_eq!(got, if asked.get() == Some(DUE) { 4 } else { DUE });
        assert_eq!(c.try_recv(), None);
        t.release();
    });
}

#[test]
fn who_waits_comes_before_who_asks() {
    explore("timer: a receiver is parked, then it is due, then another asks; nothing was fired", 6, || {
        let (t, c) = T::new(DUE);
        let mut asked = None;
        let waits = shared(AtomicUsize::new(0));
        beside(
            move || {
                party(true);
                assert_eq!(c.recv(), DUE);
                waits.store(1, Relaxed);
            },
            || {
                set_clock(2);
                // SAFETY: a channel of this model.
                let parked = unsafe { raw::queues(c.0) }.0;
                set_clock(DUE);
                asked = c.try_recv();
                assert!(!parked || asked.is_none(), "it was overtaken");
                if asked.is_some() {
                    t.reset(DUE);
                }
                expire();
            },
        );
        t.release();
    });
}

#[test]
fn two_receivers_of_a_ticker() {
    explore("timer: two receivers of a ticker, expiry", 3, || {
        let (t, c) = T::ticker(DUE, 10);
        let other = shared(Cell::new(0));
        let mut got = 0;
        // Whoever has a tick sees to the next one: a slow one may have missed what came between (T5).
        together(
            vec![
                Box::new(|| at(DUE)),
                Box::new(move || {
                    party(true);
                    other.set(c.recv());
                    at(100);
                }),
            ],
            || {
                party(true);
                got = c.recv();
                at(100);
            },
        );
        assert!(got != other.get() && got % 10 == 0 && other.get() % 10 == 0, "{got}, {}", other.get());
        assert!(t.stop());
        t.release();
        assert_eq!(armed(), 0);
    });
}

// ---- how it goes

#[test]
fn release_against_expiry() {
    explore("timer: release against expiry", 8, || {
        let (t, c) = T::new(DUE);
        assert_eq!(c.try_recv(), None);
        beside(|| at(DUE), || t.release());
        assert_eq!(armed(), 0);
    });
    for ticks in [false, true] {
        explore(&format!("timer: the channel that owns it goes while it fires (ticker: {ticks})"), 8, move || {
            set_clock(1);
            let made = if ticks { timer::tick(DUE, 10, false) } else { timer::after(DUE, false) };
            let c = Times(made.unwrap().as_ptr());
            assert_eq!(c.try_recv(), None);
            beside(|| at(DUE), || c.release());
            assert_eq!(armed(), 0);
        });
    }
}

#[test]
fn the_judge_looks_while_one_goes() {
    explore("timer: the judge looks while a timer is released", 8, || {
        let (t, c) = T::new(DUE);
        assert_eq!(c.try_recv(), None);
        beside(|| assert!(!may_wake(), "nobody waits"), || t.release());
    });
    explore("timer: the judge looks when somebody waits", 6, || {
        let (t, c) = T::new(DUE);
        beside(
            move || {
                party(true);
                assert_eq!(c.recv(), DUE)
            },
            || {
                // SAFETY: a channel of this model.
                let parked = unsafe { raw::queues(c.0) }.0;
                assert!(may_wake() || !parked);
                at(DUE);
            },
        );
        assert!(!may_wake());
        t.release();
    });
}

// ---- functions

/// What a function timer of the models calls: it counts, and is dropped once.
#[repr(C)]
struct Func {
    head: Boxed,
    ran: AtomicUsize,
    dropped: AtomicUsize,
}

unsafe fn drop_func(at: *mut Boxed) {
    // SAFETY: the head of a `Func`, which the model leaks.
    assert_eq!(unsafe { (*at.cast::<Func>()).dropped.fetch_add(1, Relaxed) }, 0, "dropped twice");
}

unsafe extern "C-unwind" fn call(at: *mut c_void) {
    // SAFETY: as above.
    let f = unsafe { &*at.cast::<Func>() };
    assert_eq!(f.dropped.load(Relaxed), 0, "called after it was dropped");
    f.ran.fetch_add(1, Relaxed);
}

fn func(when: i64) -> (T, &'static Func) {
    set_clock(1);
    let f = shared(Func { head: Boxed { drop: drop_func }, ran: AtomicUsize::new(0), dropped: AtomicUsize::new(0) });
    let call = call as unsafe extern "C-unwind" fn(*mut c_void);
    let arg = std::ptr::from_ref(f).cast_mut().cast();
    // SAFETY: a function of this model, which stays until the schedule ends.
    let t = unsafe { timer::after_func(What::CallBoxed, when, call as *mut (), arg) };
    (T(t.unwrap().as_ptr()), f)
}

impl Func {
    fn assert_gone(&self, ran: usize) {
        assert_eq!((self.ran.load(Relaxed), self.dropped.load(Relaxed)), (ran, 1), "(ran, dropped)");
        assert_eq!(armed(), 0);
    }
}

fn at_and_run(time: i64) {
    at(time);
    run_started();
}

#[test]
fn function_stop_and_reset_against_expiry() {
    explore("timer: stop against the start of its function", 8, || {
        let (t, f) = func(DUE);
        let mut stopped = false;
        beside(|| at_and_run(DUE), || stopped = t.stop());
        t.release();
        f.assert_gone(usize::from(!stopped));
    });
    explore("timer: reset against the start of its function", 6, || {
        let (t, f) = func(DUE);
        let mut replaced = false;
        beside(
            || at_and_run(DUE),
            || {
                replaced = t.reset(5);
                t.release();
            },
        );
        at_and_run(DUE);
        f.assert_gone(1 + usize::from(!replaced));
    });
}

#[test]
fn function_last_release_against_expiry() {
    explore("timer: the handle goes against the start of its function", 8, || {
        let (t, f) = func(DUE);
        beside(|| at_and_run(DUE), || t.release());
        f.assert_gone(1);
    });
    explore("timer: stop, then the handle goes, against the start of its function", 8, || {
        let (t, f) = func(DUE);
        let mut stopped = false;
        beside(
            || at_and_run(DUE),
            || {
                stopped = t.stop();
                t.release();
            },
        );
        f.assert_gone(usize::from(!stopped));
    });
}

#[test]
fn function_end_of_its_run_against_expiry() {
    for kept in [false, true] {
        explore(
            &format!("timer: the end of its run against the start of its function (handle: {kept})"),
            6,
            move || {
                let run = belong();
                let (t, f) = func(DUE);
                if !kept {
                    t.release();
                }
                beside(|| at_and_run(DUE), || end(run));
                if kept {
                    assert!(!t.reset(DUE), "it belongs to nobody");
                    at_and_run(DUE);
                    t.release();
                }
                assert!(f.ran.load(Relaxed) <= 1);
                f.assert_gone(f.ran.load(Relaxed));
            },
        );
    }
}

#[test]
fn function_end_of_its_run_against_reset_and_release() {
    explore("timer: the end of its run against reset, release and expiry", 4, || {
        let run = belong();
        let (t, f) = func(DUE);
        beside(
            move || {
                t.reset(5);
                t.release();
                at_and_run(5);
            },
            || end(run),
        );
        assert!(f.ran.load(Relaxed) <= 1);
        f.assert_gone(f.ran.load(Relaxed));
    });
}

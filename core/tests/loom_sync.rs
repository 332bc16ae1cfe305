//! Models of what waits in the lot beside the mutex: `RwMutex`, `Cond`, `Once`, `Semaphore`, `Barrier`, `Event`; the real ones, with the real lot, `block` and tickets. In each nobody sleeps for
//! ever beside what it waits for, and nobody has what it must not have.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sched::as_task;
use gort::sync::barrier::RawBarrier;
use gort::sync::cond::RawCond;
use gort::sync::event::RawEvent;
use gort::sync::mutex::RawMutex;
use gort::sync::once::{RawOnce, Turn};
use gort::sync::rwmutex::RawRwMutex;
use gort::sync::semaphore::RawSemaphore;
use gort::sys::prim::Cell;
use gort::wait::Wait;
use model::chan::{Calls, TIMED, left_the_queue, party, source, under};
use model::*;

// ---- reader/writer lock

/// A lock and what it guards: loom reports a reader beside a writer.
#[derive(Default)]
struct Guarded {
    m: RawRwMutex,
    n: Cell<u32>,
}

impl Guarded {
    fn write(&self) {
        assert_eq!(self.m.lock(), Status::Ok);
        self.n.set(self.n.get() + 1);
        assert_eq!(self.m.unlock(), Status::Ok);
        left_the_queue();
    }

    fn read(&self) -> u32 {
        assert_eq!(self.m.rlock(), Status::Ok);
        let n = self.n.get();
        assert_eq!(self.m.runlock(), Status::Ok);
        left_the_queue();
        n
    }

    /// Whether it was had.
    fn write_within(&self, wait: Wait, else_: Status) -> bool {
        let s = self.m.lock_within(wait);
        if s.is_ok() {
            self.n.set(self.n.get() + 1);
            assert_eq!(self.m.unlock(), Status::Ok);
        } else {
            assert_eq!(s, else_);
        }
        left_the_queue();
        s.is_ok()
    }

    fn is_free(&self) {
        assert_eq!(self.m.holders(), (0, false));
        assert_eq!((self.m.try_lock(), self.m.unlock()), (Status::Ok, Status::Ok));
    }
}

#[test]
fn a_reader_and_a_writer() {
    for (task, name) in [(false, "rwmutex: threads, a reader and a writer, twice"), (true, "rwmutex: tasks, the same")]
    {
        explore(name, 4, move || {
            let g = shared(Guarded::default());
            party(task);
            beside(
                move || {
                    party(task);
                    g.write();
                    g.write();
                },
                || {
                    let a = g.read();
                    assert!(g.read() >= a);
                },
            );
            assert_eq!(g.n.get(), 2);
            g.is_free();
        });
    }
}

#[test]
fn two_writers_and_a_reader() {
    explore("rwmutex: two writers and a reader", 3, || {
        let g = shared(Guarded::default());
        let writer = move || {
            as_task();
            g.write()
        };
        together(vec![Box::new(writer), Box::new(writer)], || {
            g.read();
        });
        assert_eq!(g.n.get(), 2);
        g.is_free();
    });
}

#[test]
fn two_readers_and_a_writer() {
    explore("rwmutex: two readers and a writer", 3, || {
        let g = shared(Guarded::default());
        let reader = move || {
            as_task();
            g.read();
        };
        together(vec![Box::new(reader), Box::new(reader)], || g.write());
        assert_eq!(g.n.get(), 1);
        g.is_free();
    });
}

#[test]
fn a_writer_that_gives_up_between_readers() {
    explore("rwmutex: a writer with a deadline between two readers", 3, || {
        let g = shared(Guarded::default());
        let through = shared(RawEvent::default());
        assert_eq!(g.m.rlock(), Status::Ok);
        together(
            vec![
                Box::new(move || {
                    g.write_within(TIMED, Status::TimedOut); // in the end it may have it
                }),
                Box::new(move || {
                    g.read();
                    assert_eq!(through.set(), Ok(true));
                }),
            ],
            || {
                // It is the writer's giving up, and nothing else, that lets the second reader in, if that comes later.
                assert_eq!(through.wait(Wait::FOREVER), Status::Ok);
                assert_eq!(g.m.runlock(), Status::Ok);
            },
        );
        g.is_free();
    });
}

#[test]
fn a_writer_that_is_cancelled_before_a_reader() {
    explore("rwmutex: a writer that is cancelled, a reader behind it", 3, || {
        let g = shared(Guarded::default());
        let (s, through) = (source(), shared(RawEvent::default()));
        assert_eq!(g.m.rlock(), Status::Ok);
        together(
            vec![
                Box::new(move || {
                    g.write_within(under(s), Status::Canceled);
                }),
                Box::new(move || {
                    as_task();
                    g.read();
                    assert_eq!(through.set(), Ok(true));
                }),
            ],
            || {
                s.cancel(Status::Canceled);
                assert_eq!(through.wait(Wait::FOREVER), Status::Ok);
                assert_eq!(g.m.runlock(), Status::Ok);
            },
        );
        g.is_free();
    });
}

/// Whoever has it alone may free it: nobody who unlocked before touches it then (A4).
#[test]
fn memory_goes_after_the_last_unlock() {
    let alone = |m: &'static RawRwMutex| {
        if !m.lock_within(TIMED).is_ok() {
            assert_eq!(m.lock(), Status::Ok);
        }
        m.wreck();
    };
    explore("rwmutex: a writer's unlock, and the next one frees it", 3, move || {
        let m = shared(RawRwMutex::default());
        assert_eq!(m.lock(), Status::Ok);
        beside(move || alone(m), || assert_eq!(m.unlock(), Status::Ok));
    });
    explore("rwmutex: a reader's unlock, and the next one frees it", 3, move || {
        let m = shared(RawRwMutex::default());
        assert_eq!(m.rlock(), Status::Ok);
        beside(move || alone(m), || assert_eq!(m.runlock(), Status::Ok));
    });
    explore("rwmutex: two readers unlock, and the next one frees it", 3, || {
        let m = shared(RawRwMutex::default());
        assert_eq!((m.rlock(), m.rlock()), (Status::Ok, Status::Ok));
        together(
            vec![
                Box::new(move || assert_eq!(m.runlock(), Status::Ok)),
                Box::new(move || {
                    assert_eq!(m.lock(), Status::Ok);
                    m.wreck();
                }),
            ],
            || assert_eq!(m.runlock(), Status::Ok),
        );
    });
    explore("semaphore: a release, and the next one frees it", 3, || {
        let m = shared(RawSemaphore::new(1));
        assert_eq!(m.acquire(1, Wait::FOREVER), Status::Ok);
        beside(
            move || {
                if !m.acquire(1, TIMED).is_ok() {
                    assert_eq!(m.acquire(1, Wait::FOREVER), Status::Ok);
                }
                m.wreck();
            },
            || assert_eq!(m.release(1), Status::Ok),
        );
    });
}

// ---- condition

#[derive(Default)]
struct Watched {
    m: RawMutex,
    c: RawCond,
    n: Cell<u32>,
}

impl Watched {
    fn add(&self) {
        assert_eq!(self.m.lock(), Status::Ok);
        self.n.set(self.n.get() + 1);
        assert_eq!(self.m.unlock(), Status::Ok);
    }

    /// Waits for something and takes one of it; false: gave up, and there was nothing.
    fn take(&self, wait: Wait) -> bool {
        assert_eq!(self.m.lock(), Status::Ok);
        while self.n.get() == 0 {
            if !self.c.wait(&self.m, wait).is_ok() {
                break;
            }
        }
        let got = self.n.get() != 0;
        if got {
            self.n.set(self.n.get() - 1);
        }
        assert_eq!(self.m.unlock(), Status::Ok);
        left_the_queue();
        got
    }
}

#[test]
fn a_signal_against_a_wait() {
    for (task, name) in [(false, "cond: a signal against a thread"), (true, "cond: a signal against a task")] {
        explore(name, 4, move || {
            let w = shared(Watched::default());
            beside(
                move || {
                    party(task);
                    assert!(w.take(Wait::FOREVER));
                },
                || {
                    w.add();
                    assert_eq!(w.c.signal_one(), Status::Ok);
                },
            );
        });
    }
}

#[test]
fn two_signals_and_two_waits() {
    explore("cond: two signals and two waits", 2, || {
        let w = shared(Watched::default());
        let take = move || {
            as_task();
            assert!(w.take(Wait::FOREVER));
        };
        together(vec![Box::new(take), Box::new(take)], || {
            for _ in 0..2 {
                w.add();
                assert_eq!(w.c.signal_one(), Status::Ok);
            }
        });
    });
}

#[test]
fn a_broadcast_against_two_waits() {
    explore("cond: a broadcast against two waits", 2, || {
        let w = shared(Watched::default());
        let take = move || {
            assert!(w.take(Wait::FOREVER));
        };
        together(vec![Box::new(take), Box::new(take)], || {
            w.add();
            w.add();
            assert_eq!(w.c.broadcast(), Status::Ok);
        });
    });
}

/// CV3: the one with the deadline may be woken or give up; the other must be served either way.
#[test]
fn a_signal_past_one_that_gives_up() {
    explore("cond: a signal, one that gives up and one that does not", 2, || {
        let w = shared(Watched::default());
        together(
            vec![
                Box::new(move || {
                    assert_eq!(w.m.lock(), Status::Ok);
                    let s = if w.n.get() == 0 { w.c.wait(&w.m, TIMED) } else { Status::TimedOut };
                    // Woken, it hands the signal on; one that gave up does nothing.
                    assert_eq!(w.m.unlock(), Status::Ok);
                    if s.is_ok() {
                        assert_eq!(w.c.signal_one(), Status::Ok);
                    }
                    left_the_queue();
                }),
                Box::new(move || assert!(w.take(Wait::FOREVER))),
            ],
            || {
                w.add();
                assert_eq!(w.c.signal_one(), Status::Ok);
            },
        );
    });
}

// ---- once

#[test]
fn three_come_and_one_does_it() {
    explore("once: three come", 3, || {
        let o = shared((RawOnce::default(), Cell::new(0)));
        let come = move || {
            as_task();
            if o.0.begin() == Ok(Turn::Yours) {
                o.1.set(o.1.get() + 1);
                assert_eq!(o.0.finish(), Status::Ok);
            }
            assert_eq!(o.1.get(), 1);
            left_the_queue();
        };
        together(vec![Box::new(come), Box::new(come)], come);
    });
}

#[test]
fn one_that_gives_up_at_a_once() {
    explore("once: one that gives up, and one that waits", 3, || {
        let o = shared((RawOnce::default(), Cell::new(0)));
        assert_eq!(o.0.begin(), Ok(Turn::Yours));
        together(
            vec![
                Box::new(move || {
                    match o.0.begin_within(TIMED) {
                        Ok(turn) => assert_eq!((turn, o.1.get()), (Turn::Done, 1)),
                        Err(s) => assert_eq!(s, Status::TimedOut),
                    }
                    left_the_queue();
                }),
                Box::new(move || {
                    assert_eq!((o.0.begin(), o.1.get()), (Ok(Turn::Done), 1));
                    left_the_queue();
                }),
            ],
            || {
                o.1.set(1);
                assert_eq!(o.0.finish(), Status::Ok);
            },
        );
    });
}

// ---- semaphore

/// Two units; loom reports two at once in `alone`, which asks for both.
fn alone(s: &RawSemaphore, n: &Cell<u32>, wait: Wait) -> bool {
    let had = s.acquire(2, wait).is_ok();
    if had {
        n.set(n.get() + 1);
        assert_eq!(s.release(2), Status::Ok);
    }
    left_the_queue();
    had
}

#[test]
fn two_ask_for_all_and_one_for_some() {
    explore("semaphore: two ask for all, one for some", 3, || {
        let s = shared((RawSemaphore::new(2), Cell::new(0)));
        let all = move || {
            as_task();
            assert!(alone(&s.0, &s.1, Wait::FOREVER));
        };
        together(vec![Box::new(all), Box::new(all)], || {
            assert_eq!(s.0.acquire(1, Wait::FOREVER), Status::Ok);
            let seen = s.1.get();
            assert_eq!(s.1.get(), seen);
            assert_eq!(s.0.release(1), Status::Ok);
        });
        assert_eq!((s.1.get(), s.0.free()), (2, 2));
    });
}

#[test]
fn one_that_asks_for_all_and_gives_up() {
    explore("semaphore: one that asks for all gives up, one behind it fits", 3, || {
        let s = shared((RawSemaphore::new(2), Cell::new(0), RawEvent::default()));
        assert_eq!(s.0.acquire(1, Wait::FOREVER), Status::Ok);
        together(
            vec![
                Box::new(move || {
                    alone(&s.0, &s.1, TIMED);
                }),
                Box::new(move || {
                    as_task();
                    assert_eq!(s.0.acquire(1, Wait::FOREVER), Status::Ok);
                    left_the_queue();
                    assert_eq!((s.0.release(1), s.2.set()), (Status::Ok, Ok(true)));
                }),
            ],
            || {
                // It is the other's giving up, and nothing else, that lets it in.
                assert_eq!(s.2.wait(Wait::FOREVER), Status::Ok);
                assert_eq!(s.0.release(1), Status::Ok);
            },
        );
        assert_eq!(s.0.free(), 2);
    });
}

// ---- barrier and event

#[test]
fn two_meet_twice() {
    explore("barrier: two meet twice", 3, || {
        let b = shared((RawBarrier::new(2), Cell::new(0)));
        let go = move |mine: bool| {
            for round in 0..2 {
                if mine == (round == 0) {
                    b.1.set(round + 1);
                }
                assert!(b.0.wait(Wait::FOREVER).is_ok());
                assert!(b.1.get() > round);
                assert!(b.0.wait(Wait::FOREVER).is_ok());
                left_the_queue();
            }
        };
        beside(
            move || {
                as_task();
                go(true)
            },
            || go(false),
        );
    });
}

/// BA2: both pass or neither does.
#[test]
fn one_that_gives_up_at_a_barrier() {
    explore("barrier: one that gives up against one that tries", 4, || {
        let b = shared((RawBarrier::new(2), Cell::new(Ok(true)), Cell::new(Ok(false))));
        beside(
            move || {
                b.1.set(b.0.wait(TIMED));
                left_the_queue();
            },
            || b.2.set(b.0.try_wait()),
        );
        match b.2.get() {
            Ok(last) => assert_eq!((last, b.1.get()), (true, Ok(false))),
            Err(s) => assert_eq!((s, b.1.get()), (Status::WouldBlock, Err(Status::TimedOut))),
        }
        assert_eq!(b.0.arrived(), 0);
    });
}

#[test]
fn an_event_that_is_set_and_cleared() {
    explore("event: set and cleared against a wait, then set", 4, || {
        let e = shared((RawEvent::default(), Cell::new(0)));
        beside(
            move || {
                as_task();
                assert_eq!(e.0.wait(Wait::FOREVER), Status::Ok);
                assert!(e.1.get() > 0);
                left_the_queue();
            },
            || {
                e.1.set(1);
                assert_eq!(e.0.set(), Ok(true));
                assert_eq!(e.0.clear(), Ok(true));
                assert_eq!(e.0.set(), Ok(true));
            },
        );
    });
}

#[test]
fn an_event_against_a_deadline() {
    explore("event: a deadline against a set", 4, || {
        let e = shared((RawEvent::default(), Cell::new(0)));
        beside(
            move || {
                let s = e.0.wait(TIMED);
                assert!(s == Status::TimedOut || s.is_ok() && e.1.get() == 1);
                left_the_queue();
            },
            || {
                e.1.set(1);
                assert_eq!(e.0.set(), Ok(true));
            },
        );
    });
}

// ---- callbacks (wait/at.rs A5): whoever is called has it, whoever withdraws in time was not called, and those behind it get in either way

#[test]
fn a_callback_that_asks_for_all_and_one_behind_it() {
    explore("semaphore: a callback that asks for all is withdrawn or called, one behind it fits", 3, || {
        let (s, calls) = (shared(RawSemaphore::new(2)), shared(Calls::default()));
        let cb = calls.callback();
        assert_eq!(s.acquire(1, Wait::FOREVER), Status::Ok);
        // SAFETY: both stay until the schedule ends.
        assert_eq!(unsafe { s.acquire_later(2, cb) }, Status::WouldBlock);
        let mut withdrawn = false;
        together(
            vec![
                Box::new(move || {
                    as_task();
                    assert_eq!(s.acquire(1, Wait::FOREVER), Status::Ok);
                    left_the_queue();
                    assert_eq!(s.release(1), Status::Ok);
                }),
                Box::new(move || assert_eq!(s.release(1), Status::Ok)),
            ],
            || {
                withdrawn = s.withdraw(cb).unwrap();
                if !withdrawn {
                    assert_eq!(s.release(2), Status::Ok); // they are ours
                }
            },
        );
        assert_eq!((withdrawn, s.free()), (calls.n() == 0, 2));
    });
}

/// Nobody releases meanwhile: only the withdrawal lets the other in.
#[test]
fn a_callback_that_leaves_lets_the_one_behind_it_in() {
    explore("semaphore: a callback that asks for too much leaves, one behind it fits", 5, || {
        let (s, calls) = (shared(RawSemaphore::new(2)), shared(Calls::default()));
        let cb = calls.callback();
        assert_eq!(s.acquire(1, Wait::FOREVER), Status::Ok);
        // SAFETY: both stay until the schedule ends.
        assert_eq!(unsafe { s.acquire_later(2, cb) }, Status::WouldBlock);
        beside(
            move || {
                as_task();
                assert_eq!(s.acquire(1, Wait::FOREVER), Status::Ok);
                left_the_queue();
            },
            || assert_eq!(s.withdraw(cb), Ok(true)),
        );
        assert_eq!((calls.n(), s.free()), (0, 0));
    });
}

#[test]
fn a_callback_that_writes_between_readers() {
    explore("rwmutex: a callback that writes is withdrawn or called, a reader behind it", 3, || {
        let (g, calls) = (shared(Guarded::default()), shared(Calls::default()));
        let cb = calls.callback();
        assert_eq!(g.m.rlock(), Status::Ok);
        // SAFETY: both stay until the schedule ends.
        assert_eq!(unsafe { g.m.lock_later(cb) }, Status::WouldBlock);
        let mut withdrawn = false;
        together(
            vec![
                Box::new(move || {
                    as_task();
                    g.read();
                }),
                Box::new(move || assert_eq!(g.m.runlock(), Status::Ok)),
            ],
            || {
                withdrawn = g.m.withdraw(cb).unwrap();
                if !withdrawn {
                    g.n.set(g.n.get() + 1); // it is ours
                    assert_eq!(g.m.unlock(), Status::Ok);
                }
            },
        );
        assert_eq!((withdrawn, g.n.get()), (calls.n() == 0, calls.n()));
        g.is_free();
    });
}

#[test]
fn a_callback_that_reads_behind_a_writer() {
    explore("rwmutex: a callback that reads is withdrawn or called, a writer unlocks and locks again", 4, || {
        let (g, calls) = (shared(Guarded::default()), shared(Calls::default()));
        let cb = calls.callback();
        assert_eq!(g.m.lock(), Status::Ok);
        // SAFETY: both stay until the schedule ends.
        assert_eq!(unsafe { g.m.rlock_later(cb) }, Status::WouldBlock);
        let mut withdrawn = false;
        beside(
            move || {
                as_task();
                g.n.set(1);
                assert_eq!(g.m.unlock(), Status::Ok);
                g.write();
            },
            || {
                withdrawn = g.m.withdraw(cb).unwrap();
                if !withdrawn {
                    assert_eq!(g.n.get(), 1); // it is ours; the writer waits for us
                    assert_eq!(g.m.runlock(), Status::Ok);
                }
            },
        );
        assert_eq!((withdrawn, g.n.get()), (calls.n() == 0, 2));
        g.is_free();
    });
}

#[test]
fn a_callback_at_an_event() {
    explore("event: a callback is withdrawn or called", 5, || {
        let (e, calls) = (shared((RawEvent::default(), Cell::new(0))), shared(Calls::default()));
        let cb = calls.callback();
        // SAFETY: both stay until the schedule ends.
        assert_eq!(unsafe { e.0.wait_later(cb) }, Status::WouldBlock);
        let mut withdrawn = false;
        beside(
            move || {
                e.1.set(1);
                assert_eq!(e.0.set(), Ok(true));
                assert_eq!(e.0.clear(), Ok(true));
            },
            || {
                withdrawn = e.0.withdraw(cb).unwrap();
                if !withdrawn {
                    assert_eq!(e.1.get(), 1);
                }
            },
        );
        assert_eq!(withdrawn, calls.n() == 0);
    });
}

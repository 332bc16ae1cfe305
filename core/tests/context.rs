//! Contexts: Go's context tests by name, and what gort promises beyond them (X1 to X6 of `flow/context/raw.rs`).
//!
//! Differences from Go: `Cancel` cancels when it is dropped; values are found by their type; what `err` says are gort's statuses. Deadlines that must not come are an hour away, and those that must
//! have passed are in the past; only what has to wait for one waits.

#![allow(non_snake_case, clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::flow::context::{AfterFunc, Cancel, Own};
use gort::{Context, Status, Time, Wait, channel, metrics, select, spawn, yield_now};
use std::any::{Any, TypeId};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::{check, ms, plain, repeat, scale, until, until_parked, us};

const HOUR: Duration = Duration::from_secs(3600);
const PAST: Time = Time(1);

fn background() -> Context {
    Context::background()
}

/// Is its done channel closed?
fn done(c: &Context) -> bool {
    let d = c.done();
    select! { recv(d) -> _ => true, default => false }
}

fn ended(c: &Context, with: Status) {
    assert_eq!((c.err(), c.is_done(), done(c)), (Some(with), true, true));
}

fn goes_on(c: &Context) {
    assert_eq!((c.err(), c.is_done(), done(c)), (None, false, false));
    assert!(c.cause().is_none());
}

fn text(c: &Context) -> Option<String> {
    c.cause().map(|e| e.to_string())
}

fn contexts() -> u64 {
    gort::sched::objects::live("contexts")
}

#[test]
fn TestBackground() {
    check(|| {
        for c in [background(), Context::todo()] {
            goes_on(&c);
            assert_eq!((c.deadline(), c.value::<u32>()), (None, None));
            assert!(c.done().receiver().is_none());
        }
        assert_eq!(contexts(), 0);
    })
}

#[test]
fn TestWithCancel() {
    check(|| {
        let (c1, cancel) = background().with_cancel();
        let c2 = c1.with_value(1u8);
        for c in [&c1, &c2] {
            goes_on(c);
        }
        assert!(cancel.cancel());
        assert!(!cancel.cancel(), "a second time");
        for c in [&c1, &c2] {
            ended(c, Status::Canceled);
            assert_eq!(c.wait(), Status::Canceled);
        }
    })
}

/// A parent's end reaches all below it, through values too, and nothing else.
#[test]
fn TestParentFinishesChild() {
    check(|| {
        let (parent, cancel) = background().with_cancel();
        let (cancel_child, _a) = parent.with_cancel();
        let value_child = parent.with_value("x");
        let (timer_child, _b) = value_child.with_timeout(HOUR);
        let (other, _c) = background().with_cancel();
        let waits = [&parent, &cancel_child, &value_child, &timer_child].map(|c| {
            let c = c.clone();
            spawn(move || c.wait())
        });
        until_parked(4);
        cancel.cancel();
        for w in waits {
            assert_eq!(w.join().unwrap(), Status::Canceled);
        }
        for c in [&parent, &cancel_child, &value_child, &timer_child] {
            ended(c, Status::Canceled);
        }
        goes_on(&other);
        let (late, _d) = value_child.with_cancel();
        ended(&late, Status::Canceled);
    })
}

#[test]
fn TestChildFinishesFirst() {
    check(|| {
        let (ever, _keep) = background().with_cancel();
        for parent in [background(), ever] {
            let (child, cancel) = parent.with_cancel();
            cancel.cancel();
            ended(&child, Status::Canceled);
            goes_on(&parent);
        }
    })
}

#[test]
fn TestDeadline() {
    check(|| {
        let (c, _a) = background().with_timeout(ms(2));
        assert_eq!(c.wait(), Status::TimedOut);
        ended(&c, Status::TimedOut);
        let (parent, _b) = background().with_timeout(ms(2));
        let (child, _c) = parent.with_timeout(HOUR);
        assert!(child.deadline() == parent.deadline() && child.deadline().is_some());
        assert_eq!(child.wait(), Status::TimedOut);
        let (past, _d) = background().with_deadline(PAST);
        ended(&past, Status::TimedOut);
        let (never, _e) = background().with_deadline(Time::NEVER);
        assert_eq!(never.deadline(), None);
        goes_on(&never);
    })
}

/// The first end counts.
#[test]
fn TestCanceledTimeout() {
    check(|| {
        let (c, cancel) = background().with_timeout(HOUR);
        cancel.cancel();
        ended(&c, Status::Canceled);
        until(|| metrics().timers == 0); // the timer went with it (X3)
        let (c, cancel) = background().with_deadline(PAST);
        assert!(!cancel.cancel());
        ended(&c, Status::TimedOut);
    })
}

#[test]
fn TestValues() {
    check(|| {
        #[derive(PartialEq, Debug)]
        struct User(&'static str);
        let a = background().with_value(User("a")).with_value(7u32);
        assert_eq!((a.value(), a.value::<u32>(), a.value::<u64>()), (Some(&User("a")), Some(&7), None));
        let (below, _c) = a.with_cancel();
        let b = below.with_value(User("b"));
        assert_eq!((b.value(), b.value::<u32>(), a.value()), (Some(&User("b")), Some(&7), Some(&User("a"))));
        let dropped = Arc::new(());
        let held = background().with_value(dropped.clone());
        assert_eq!(Arc::strong_count(&dropped), 2);
        drop(held);
        assert_eq!(Arc::strong_count(&dropped), 1);
    })
}

/// A tree of four children each, cancelled from everywhere at once.
#[test]
fn TestSimultaneousCancels() {
    check(|| {
        let (root, cancel) = background().with_cancel();
        let mut all = vec![(root, cancel)];
        let mut next = 0;
        while all.len() < 100 {
            for _ in 0..4 {
                let child = all[next].0.with_cancel();
                all.push(child);
            }
            next += 1;
        }
        let tasks: Vec<_> = all.iter().map(|(c, _)| c.clone()).map(|c| spawn(move || c.wait())).collect();
        let (contexts, cancels): (Vec<_>, Vec<_>) = all.into_iter().unzip();
        let cancelling: Vec<_> = cancels.into_iter().map(|c| spawn(move || drop(c))).collect();
        cancelling.into_iter().for_each(|t| t.join().unwrap());
        for t in tasks {
            assert_eq!(t.join().unwrap(), Status::Canceled);
        }
        contexts.iter().for_each(|c| ended(c, Status::Canceled));
    })
}

#[test]
fn TestInterlockedCancels() {
    check(|| {
        let (parent, cancel_parent) = background().with_cancel();
        let (child, cancel_child) = parent.with_cancel();
        let task = spawn(move || {
            let s = parent.wait();
            cancel_child.cancel();
            s
        });
        until_parked(1);
        cancel_parent.cancel();
        assert_eq!((task.join().unwrap(), child.wait()), (Status::Canceled, Status::Canceled));
    })
}

/// At least thirty layers of every kind.
fn layers(seed: u64, timeout: bool) {
    let mut state = seed | 1;
    let mut chance = move |n: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % n
    };
    let mut keep: Vec<Cancel> = Vec::new();
    let mut values = Vec::new();
    let mut c = background();
    let mut numbers = 0;
    while numbers < 30 || keep.is_empty() {
        match chance(3) {
            0 => {
                let (next, cancel) = c.with_cancel();
                c = next;
                keep.push(cancel);
            }
            1 => {
                let (next, cancel) = c.with_timeout(HOUR);
                c = next;
                keep.push(cancel);
            }
            _ => {
                numbers += 1;
                c = c.with_value(numbers);
                values.push(c.clone());
            }
        }
    }
    let check = |of: &[Context]| of.iter().enumerate().for_each(|(i, c)| assert_eq!(c.value(), Some(&(i as i32 + 1))));
    check(&values);
    goes_on(&c);
    let (c, last) = if timeout { c.with_timeout(us(50)) } else { c.with_cancel() };
    if timeout {
        assert_eq!(c.wait(), Status::TimedOut);
    } else {
        let at = chance(keep.len() as u64) as usize;
        keep[at].cancel();
        last.cancel();
    }
    ended(&c, if timeout { Status::TimedOut } else { Status::Canceled });
    check(&values);
}

#[test]
fn TestLayersCancel() {
    check(|| repeat(30, 1, |i| layers(support::seed() ^ (i as u64) << 20, false)))
}

#[test]
fn TestLayersTimeout() {
    check(|| repeat(10, 1, |i| layers(support::seed() ^ (i as u64) << 20, true)))
}

/// A parent keeps nothing of children that went, cancelled or not; nor of functions that were stopped.
#[test]
fn TestCancelRemoves() {
    check(|| {
        let (parent, cancel) = background().with_cancel();
        let before = contexts();
        for i in 0..100 {
            let (child, c) = parent.with_cancel();
            let (timed, t) = parent.with_timeout(HOUR);
            drop(timed.done().receiver());
            let f = child.after_func(|| ());
            if i % 2 == 0 {
                f.stop();
                drop((child, timed, f, c, t));
            } else {
                c.forget();
                t.forget();
            }
        }
        assert_eq!(contexts(), before);
        until(|| metrics().timers == 0);
        drop(cancel);
    })
}

#[test]
fn TestWithCancelCanceledParent() {
    check(|| {
        let (parent, cancel) = background().with_cancel();
        cancel.cancel_cause("because");
        let (child, _c) = parent.with_cancel();
        ended(&child, Status::Canceled);
        assert_eq!(text(&child).as_deref(), Some("because"));
    })
}

#[test]
fn TestWithCancelSimultaneouslyCanceledParent() {
    check(|| {
        repeat(200, 2, |_| {
            let (parent, cancel) = background().with_cancel();
            let task = spawn(move || drop(cancel));
            let (child, _c) = parent.with_cancel();
            assert_eq!(child.wait(), Status::Canceled);
            task.join().unwrap();
        })
    })
}

/// Who said why, and who is told.
#[test]
fn TestCause() {
    check(|| {
        let is = |c: &Context, err: Option<Status>, cause: Option<&str>| {
            assert_eq!((c.err(), text(c).as_deref()), (err, cause));
        };
        let (canceled, timed_out) = (Some(Status::Canceled), Some(Status::TimedOut));
        let (plain, late) = (Some("the context was cancelled"), Some("the context's deadline passed"));
        is(&background(), None, None);

        let (c, cancel) = background().with_cancel();
        is(&c, None, None);
        cancel.cancel();
        is(&c, canceled, plain);
        cancel.cancel_cause("too late");
        is(&c, canceled, plain);

        let (c, cancel) = background().with_cancel();
        assert!(cancel.cancel_cause("first") && !cancel.cancel_cause("second"));
        is(&c, canceled, Some("first"));
        is(&c.with_value(1), canceled, Some("first"));
        is(&c.without_cancel(), None, None);

        // The parent's, and the child's own, whichever was first.
        for parent_first in [true, false] {
            let (parent, p) = background().with_cancel();
            let (child, c) = parent.with_cancel();
            let (grandchild, _g) = child.with_cancel();
            if parent_first {
                p.cancel_cause("parent");
                c.cancel_cause("child");
            } else {
                c.cancel_cause("child");
                p.cancel_cause("parent");
            }
            is(&parent, canceled, Some("parent"));
            for c in [&child, &grandchild] {
                is(c, canceled, Some(if parent_first { "parent" } else { "child" }));
            }
        }

        let (c, _a) = background().with_deadline(PAST);
        is(&c, timed_out, late);
        let (c, _b) = background().with_deadline_cause(PAST, "slow");
        is(&c, timed_out, Some("slow"));
        let (c, _c) = background().with_timeout_cause(us(50), "slow");
        assert_eq!(c.wait(), Status::TimedOut);
        is(&c, timed_out, Some("slow"));
        let (c, cancel) = background().with_timeout_cause(HOUR, "slow");
        cancel.cancel();
        is(&c, canceled, plain);
        let (parent, p) = background().with_cancel();
        let (c, _d) = parent.with_timeout_cause(HOUR, "slow");
        p.cancel_cause("parent");
        is(&c, canceled, Some("parent"));
        let (parent, _p) = background().with_deadline_cause(PAST, "earlier");
        let (c, _e) = parent.with_timeout_cause(HOUR, "later");
        is(&c, timed_out, Some("earlier"));

        let (c, cancel) = background().with_cancel();
        cancel.cancel_cause(std::io::Error::from(std::io::ErrorKind::BrokenPipe));
        let cause = c.cause().unwrap();
        assert_eq!(cause.downcast_ref::<std::io::Error>().unwrap().kind(), std::io::ErrorKind::BrokenPipe);
    })
}

/// One of them wins, and all see the same one.
#[test]
fn TestCauseRace() {
    check(|| {
        repeat(100, 3, |_| {
            let (c, cancel) = background().with_cancel();
            let cancel = Arc::new(cancel);
            let (child, _keep) = c.with_cancel();
            let tasks: Vec<_> = (0..3)
                .map(|i| {
                    let (c, cancel) = (child.clone(), cancel.clone());
                    spawn(move || {
                        cancel.cancel_cause(format!("{i}"));
                        text(&c).unwrap()
                    })
                })
                .collect();
            let seen: Vec<String> = tasks.into_iter().map(|t| t.join().unwrap()).collect();
            assert!(seen.iter().all(|s| *s == seen[0]) && text(&c).as_ref() == Some(&seen[0]), "{seen:?}");
        })
    })
}

#[test]
fn TestWithoutCancel() {
    check(|| {
        let (parent, cancel) = background().with_value("v").with_timeout(HOUR);
        let free = parent.without_cancel();
        let (below, own) = free.with_cancel();
        cancel.cancel_cause("because");
        goes_on(&free);
        goes_on(&below);
        assert_eq!((free.deadline(), free.value(), below.value()), (None, Some(&"v"), Some(&"v")));
        own.cancel();
        ended(&below, Status::Canceled);
    })
}

fn counted(c: &Context) -> (AfterFunc, Arc<AtomicUsize>) {
    let n = Arc::new(AtomicUsize::new(0));
    let theirs = n.clone();
    (
        c.after_func(move || {
            theirs.fetch_add(1, SeqCst);
        }),
        n,
    )
}

#[test]
fn TestAfterFuncCalledAfterCancel() {
    check(|| {
        let (c, cancel) = background().with_cancel();
        let (f, n) = counted(&c);
        let (g, m) = counted(&c.with_value(1)); // through a value, and independent
        assert_eq!((n.load(SeqCst), m.load(SeqCst)), (0, 0));
        cancel.cancel();
        until(|| n.load(SeqCst) == 1 && m.load(SeqCst) == 1);
        assert!(!f.stop() && !g.stop());
        cancel.cancel();
        yield_now();
        assert_eq!(n.load(SeqCst), 1);
    })
}

#[test]
fn TestAfterFuncCalledAfterTimeout() {
    check(|| {
        let (c, _keep) = background().with_timeout(us(50));
        let (_f, n) = counted(&c);
        until(|| n.load(SeqCst) == 1);
    })
}

#[test]
fn TestAfterFuncCalledImmediately() {
    check(|| {
        let (c, cancel) = background().with_cancel();
        cancel.cancel();
        let (f, n) = counted(&c);
        until(|| n.load(SeqCst) == 1);
        assert!(!f.stop());
    })
}

#[test]
fn TestAfterFuncNotCalledAfterStop() {
    check(|| {
        let (c, cancel) = background().with_cancel();
        let (f, n) = counted(&c);
        assert!(f.stop() && !f.stop());
        let held = Arc::strong_count(&n);
        cancel.cancel();
        yield_now();
        assert_eq!((n.load(SeqCst), held), (0, 1), "the function is gone when it is stopped");
        assert!(!counted(&background()).0.stop(), "a context that never ends");
    })
}

/// `cancel` does not wait for it.
#[test]
fn TestAfterFuncCalledAsynchronously() {
    check(|| {
        let (c, cancel) = background().with_cancel();
        let (tx, rx) = channel::<()>(0);
        let over = Arc::new(AtomicBool::new(false));
        let theirs = over.clone();
        c.after_func(move || {
            rx.recv().unwrap();
            theirs.store(true, SeqCst);
        });
        cancel.cancel();
        assert!(!over.load(SeqCst));
        tx.send(()).unwrap();
        until(|| over.load(SeqCst));
    })
}

/// Stop says true exactly when the function does not run.
#[test]
fn stop_and_cancel_race_and_one_of_them_has_the_function() {
    check(|| {
        repeat(100, 2, |_| {
            let (c, cancel) = background().with_cancel();
            let (f, n) = counted(&c);
            let task = spawn(move || drop(cancel));
            let stopped = f.stop();
            task.join().unwrap();
            if !stopped {
                until(|| n.load(SeqCst) == 1);
            }
            assert_eq!(n.load(SeqCst), usize::from(!stopped));
        })
    })
}

/// Whoever sees the error sees the channel closed.
#[test]
fn TestErrDoneRace() {
    check(|| {
        repeat(200, 2, |_| {
            let (c, cancel) = background().with_cancel();
            let ch = c.done().receiver().unwrap();
            let task = spawn(move || drop(cancel));
            while c.err().is_none() {
                yield_now();
            }
            assert!(ch.is_closed());
            task.join().unwrap();
        })
    })
}

#[test]
fn every_blocking_call_ends_with_its_context() {
    check(|| {
        for timed in [false, true] {
            let (c, cancel) = if timed { background().with_timeout(ms(1)) } else { background().with_cancel() };
            let wait = spawn({
                let c = c.clone();
                move || {
                    let (tx, rx) = channel::<u32>(0);
                    let s = tx.send_with(1, Wait::forever().ctx(&c)).unwrap_err().status;
                    let r = rx.recv_with(Wait::forever().ctx(&c)).unwrap_err();
                    let l = gort::sync::Semaphore::new(1);
                    let p = l.acquire(1).unwrap();
                    let q = l.acquire_with(1, Wait::forever().ctx(&c)).map(drop).unwrap_err();
                    drop(p);
                    (s, r, q)
                }
            });
            if !timed {
                until_parked(1);
                cancel.cancel();
            }
            let how = if timed { Status::TimedOut } else { Status::Canceled };
            assert_eq!(wait.join().unwrap(), (how, how, how));
        }
    })
}

#[test]
fn merge_ends_with_whichever_ends_first_and_with_its_cause() {
    check(|| {
        for second in [false, true] {
            let (a, cancel_a) = background().with_value(1u8).with_cancel();
            let (b, cancel_b) = background().with_value(2u8).with_value(3u16).with_timeout(HOUR);
            let (m, _m) = a.merge(&b);
            let (below, _d) = m.with_cancel();
            assert_eq!((m.value::<u8>(), m.value::<u16>(), m.deadline()), (Some(&1), Some(&3), b.deadline()));
            goes_on(&below);
            if second {
                cancel_b.cancel_cause("b")
            } else {
                cancel_a.cancel_cause("a")
            };
            ended(&below, Status::Canceled);
            assert_eq!(text(&below).as_deref(), Some(if second { "b" } else { "a" }));
        }
        let (a, _a) = background().with_cancel();
        let (past, _p) = background().with_deadline(PAST);
        let (m, _m) = a.merge(&past);
        ended(&m, Status::TimedOut);
        let (own, cancel) = a.merge(&background());
        cancel.cancel();
        ended(&own, Status::Canceled);
        goes_on(&a);
    })
}

/// X4: a merge that goes leaves nothing with its second parent, and a cancellation that comes meanwhile touches nothing of it.
#[test]
fn merges_that_go_race_with_the_end_of_their_second_parent() {
    check(|| {
        repeat(200, 2, |_| {
            let (a, _a) = background().with_cancel();
            let (b, cancel) = background().with_cancel();
            let (m, c) = a.merge(&b);
            let task = spawn(move || drop(cancel));
            c.forget();
            drop(m);
            task.join().unwrap();
            goes_on(&a);
        });
        assert_eq!(contexts(), 0);
    })
}

#[test]
fn deep_chain_is_cancelled_and_freed_without_a_deep_stack() {
    check(|| {
        let (root, cancel) = background().with_cancel();
        let mut c = root;
        for i in 0..scale(2_000, 50_000) {
            c = if i % 2 == 0 {
                let (next, keep) = c.with_cancel();
                keep.forget();
                next
            } else {
                c.with_value(i)
            };
        }
        cancel.cancel();
        ended(&c, Status::Canceled);
        drop((c, cancel));
        assert_eq!(contexts(), 0);
    })
}

#[test]
fn threads_cancel_tasks_and_tasks_cancel_threads() {
    plain(|| {
        let (c, cancel) = background().with_cancel();
        let theirs = c.clone();
        let thread = std::thread::spawn(move || theirs.wait());
        gort::run(move || {
            let task = spawn(move || c.wait());
            until_parked(1);
            cancel.cancel();
            assert_eq!(task.join().unwrap(), Status::Canceled);
        })
        .unwrap();
        assert_eq!(thread.join().unwrap(), Status::Canceled);
    })
}

#[test]
fn context_of_a_runtime_that_was_shut_down_says_so() {
    plain(|| {
        let (c, cancel) = background().with_cancel();
        gort::run(|| ()).unwrap();
        assert!(gort::shutdown().is_ok());
        assert!(!cancel.cancel());
        drop((c.clone(), c, cancel));
        let (fresh, cancel) = background().with_cancel();
        cancel.cancel();
        ended(&fresh, Status::Canceled);
    })
}

/// A context outlives the run it was made in, and so does its deadline.
#[test]
fn deadline_of_a_context_comes_also_when_its_run_is_over() {
    plain(|| {
        let c = gort::run(|| {
            let (c, cancel) = background().with_timeout(ms(20));
            cancel.forget();
            c
        })
        .unwrap();
        assert_eq!(c.wait(), Status::TimedOut);
        ended(&c, Status::TimedOut);
    })
}

struct Mine {
    done: gort::Receiver<()>,
    name: &'static str,
}

impl Own for Mine {
    fn deadline(&self) -> Option<Time> {
        Some(Time(i64::MAX - 1))
    }

    fn done(&self) -> Option<gort::Receiver<()>> {
        Some(self.done.clone())
    }

    fn err(&self) -> Status {
        Status::TimedOut
    }

    fn value(&self, of: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        (of == TypeId::of::<&'static str>()).then_some(&self.name)
    }
}

/// A context of a program's own is a parent: its end, its deadline and its values reach all below it; no task waits for it.
#[test]
fn own_context_is_a_parent() {
    check(|| {
        let (tx, done) = channel::<()>(0);
        let own = Context::own(Mine { done, name: "mine" });
        let (child, _cancel) = own.with_cancel();
        goes_on(&child);
        assert_eq!((child.value::<&'static str>(), child.value::<u8>()), (Some(&"mine"), None));
        assert_eq!(child.deadline(), Some(Time(i64::MAX - 1)));
        assert_eq!(metrics().tasks, 1);
        drop(tx);
        assert_eq!(child.wait(), Status::TimedOut);
        ended(&own, Status::TimedOut);
        drop((own, child, _cancel));
        until(|| contexts() == 0);
    })
}

//! Tasks: join, cancel, shield, names, stacks, panics, affinity, limits.
//!
//! What this is: what one task may rely on. What it is NOT: who runs when (sched.rs) or how a run ends (run.rs).
//! Raw handles are used where the Rust face does not go: a second join, a join of oneself, a stale handle.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sched::task::{Affinity, Entry, SpawnOptions, Task};
use gort::sched::{self, last_error};
use gort::wait::{Wait as RawWait, join};
use gort::{Builder, JoinError, JoinHandle, Status, Wait, WaitGroup, channel, go, sleep, spawn, yield_now};
use std::collections::HashSet;
use std::ptr::{NonNull, null, null_mut};
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering::*};
use std::thread::ThreadId;
use support::sync::{Arc, Mutex};
use support::{check, check_on, ms, plain, repeat, scale, until, until_parked, us};

// ---- raw tasks

unsafe fn double(e: *mut Entry) {
    // SAFETY: the scheduler gives the task's own entry.
    unsafe { (*e).set_word(0, 2 * (*e).word(0)) }
}

fn raw_task(call: unsafe fn(*mut Entry), data: usize) -> NonNull<Task> {
    let entry = Entry::new(call, None, [data, 0, 0]);
    // SAFETY: the entry is three words and may be called anywhere.
    unsafe { sched::spawn_handle(entry, SpawnOptions::default()) }.unwrap()
}

#[test]
fn join_twice_gives_the_same_result_until_the_handle_is_released() {
    check(|| {
        let t = raw_task(double, 21).as_ptr();
        // SAFETY: a handle until `release`; then it is stale, which every call checks.
        unsafe {
            let mut out = 0;
            for _ in 0..3 {
                assert_eq!((join::join(t, &mut out, RawWait::FOREVER, true), out), (Status::Ok, 42));
                out = 0;
            }
            assert_eq!(join::join(t, null_mut(), RawWait::FOREVER, false), Status::Ok);
            assert!(join::is_done(t));
            assert_eq!((join::cancel(t), join::release(t)), (Status::Ok, Status::Ok));
            assert_eq!((join::release(t), join::cancel(t)), (Status::Misuse, Status::Misuse));
            assert_eq!(join::join(t, &mut out, RawWait::FOREVER, true), Status::Misuse);
            assert_eq!((join::is_done(t), join::id(t), join::name(t).is_null()), (false, 0, true));
            assert_eq!(join::join(null(), &mut out, RawWait::FOREVER, true), Status::Invalid);
        }
    })
}

static ITSELF: AtomicPtr<Task> = AtomicPtr::new(null_mut());

unsafe fn joins_itself(e: *mut Entry) {
    until(|| !ITSELF.load(SeqCst).is_null());
    // SAFETY: a handle that the test holds; the entry is our own.
    unsafe {
        let s = join::join(ITSELF.load(SeqCst), null_mut(), RawWait::FOREVER, true);
        (*e).set_word(0, usize::from(s == Status::Misuse));
    }
}

#[test]
fn task_that_joins_itself_is_refused() {
    check(|| {
        let t = raw_task(joins_itself, 0).as_ptr();
        ITSELF.store(t, SeqCst);
        // SAFETY: our handle.
        unsafe {
            let mut out = 0;
            assert_eq!((join::join(t, &mut out, RawWait::FOREVER, true), out), (Status::Ok, 1));
            assert_eq!(join::release(t), Status::Ok);
        }
    })
}

#[test]
fn many_joiners_get_the_same_result() {
    check(|| {
        let (gate, wait) = channel::<()>(0);
        static GATE: Mutex<Option<gort::Receiver<()>>> = Mutex::new(None);
        *GATE.lock() = Some(wait);
        unsafe fn body(e: *mut Entry) {
            let rx = GATE.lock().take().unwrap();
            assert_eq!(rx.recv(), Err(Status::Closed));
            // SAFETY: our own entry.
            unsafe { (*e).set_word(0, 9) }
        }
        let t = raw_task(body, 0);
        let at = t.as_ptr().expose_provenance();
        let hs: Vec<_> = (0..10)
            .map(|_| {
                spawn(move || {
                    let mut out = 0;
                    // SAFETY: the handle is released after the joiners have ended.
                    let s =
                        unsafe { join::join(std::ptr::with_exposed_provenance(at), &mut out, RawWait::FOREVER, true) };
                    (s, out)
                })
            })
            .collect();
        until_parked(11);
        drop(gate);
        hs.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), (Status::Ok, 9)));
        // SAFETY: ours.
        assert_eq!(unsafe { join::release(t.as_ptr()) }, Status::Ok);
    })
}

// ---- join by the Rust face

#[test]
fn results_come_back_and_handles_may_be_dropped() {
    check(|| {
        let hs: Vec<JoinHandle<String>> = (0..100).map(|i| spawn(move || format!("r{i}"))).collect();
        hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), format!("r{i}")));
        let ran = Arc::new(AtomicUsize::new(0));
        for _ in 0..100 {
            let ran = ran.clone();
            drop(spawn(move || {
                yield_now();
                ran.fetch_add(1, SeqCst);
                vec![1u8; 100] // a result that nobody takes
            }));
        }
        until(|| ran.load(SeqCst) == 100);
        let h = spawn(|| ());
        until(|| h.is_finished());
        h.join().unwrap();
    })
}

#[test]
fn join_within_limits_gives_the_handle_back() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let h = spawn(move || rx.recv());
        assert!(!h.is_finished());
        let (h, e) = h.join_with(Wait::timeout(ms(1))).unwrap_err();
        assert!(matches!(e, JoinError::Status(Status::TimedOut)), "{e}");
        tx.send(3).unwrap();
        assert_eq!(h.join().unwrap(), Ok(3));
    })
}

#[test]
fn closure_is_dropped_once_whether_it_ran_or_not() {
    check(|| {
        let held = Arc::new(());
        let big = [1u64; 20]; // does not fit into the entry: boxed
        for _ in 0..50 {
            let (a, b) = (held.clone(), held.clone());
            go(move || drop(a));
            go(move || assert!(big.iter().sum::<u64>() == 20 && Arc::strong_count(&b) > 0));
        }
        until(|| Arc::strong_count(&held) == 1);
    });
}

/// Padding, pointers, and what is too large or aligned too strictly to lie inside the entry.
#[test]
fn closures_of_every_shape_arrive_whole() {
    #[repr(align(32))]
    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Wide(u8);
    fn back<T: Send + Copy + PartialEq + std::fmt::Debug + 'static>(v: T) {
        assert_eq!(spawn(move || v).join().unwrap(), v);
        let (tx, rx) = channel::<T>(1);
        go(move || tx.send(v).unwrap()); // the closure is v and one pointer, in the entry itself if that fits
        assert_eq!(rx.recv(), Ok(v));
    }
    check(|| {
        static SEVEN: u32 = 7;
        back(());
        back(1u8);
        back((1u8, 2u16));
        back((1u8, u64::MAX));
        back((&SEVEN, 3u8));
        back([u64::MAX; 3]);
        back(([1u64; 3], 2u8));
        back(Wide(9));
        back(u128::MAX);
    })
}

#[test]
fn panic_payloads_are_carried_whole() {
    check(|| {
        support::allow_panics();
        let text = |r: Result<(), JoinError>| r.unwrap_err().to_string();
        assert_eq!(text(spawn(|| panic!("plain")).join()), "the task panicked: plain");
        let n = 3;
        assert_eq!(text(spawn(move || panic!("number {n}")).join()), "the task panicked: number 3");
        let e = spawn(|| std::panic::panic_any(77u64)).join().unwrap_err();
        let JoinError::Panic(p) = e else { panic!("{e}") };
        assert_eq!(*p.downcast::<u64>().unwrap(), 77);
        // Locals were unwound.
        let held = Arc::new(());
        let theirs = held.clone();
        let unwound = move || {
            let _local = theirs.clone();
            panic!("planned")
        };
        assert!(spawn::<(), _>(unwound).join().is_err());
        assert_eq!(Arc::strong_count(&held), 1);
    })
}

/// Nobody joins: the payload is dropped once, also one whose drop panics.
#[test]
fn payload_that_nobody_takes_is_dropped() {
    struct Payload(Arc<AtomicUsize>);
    impl Drop for Payload {
        fn drop(&mut self) {
            if self.0.fetch_add(1, SeqCst).is_multiple_of(2) {
                panic!("in the payload's drop")
            }
        }
    }
    check(|| {
        support::allow_panics();
        let dropped = Arc::new(AtomicUsize::new(0));
        for _ in 0..10 {
            let payload = Payload(dropped.clone());
            go(move || std::panic::panic_any(payload));
        }
        until(|| dropped.load(SeqCst) == 10);
    })
}

// ---- cancel

#[test]
fn cancel_is_level_triggered() {
    check(|| {
        let (go_tx, go_rx) = channel::<()>(0);
        let h = spawn(move || {
            let (tx, rx) = channel::<u32>(0);
            let wg = WaitGroup::new();
            wg.add(1).unwrap();
            assert_eq!(go_rx.recv(), Err(Status::Canceled));
            for _ in 0..3 {
                assert_eq!(rx.recv(), Err(Status::Canceled));
                assert_eq!(tx.send(1).unwrap_err().status, Status::Canceled);
                assert_eq!(rx.recv_with(Wait::timeout(ms(50))), Err(Status::Canceled));
                assert_eq!(sleep(ms(50)), Err(Status::Canceled));
                assert_eq!(wg.wait(), Err(Status::Canceled));
                let e = spawn(|| ()).join_with(Wait::timeout(ms(1)));
                assert!(e.is_ok() || matches!(e, Err((_, JoinError::Status(Status::Canceled)))));
                // What does not wait is not refused.
                assert_eq!(tx.try_send(1).unwrap_err().status, Status::WouldBlock);
                assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
            }
            wg.done().unwrap(); // a group below which nobody counts any more is freed at zero
        });
        until_parked(1);
        h.cancel();
        h.cancel();
        h.join().unwrap();
        drop(go_tx);
    })
}

#[test]
fn cancel_before_the_first_run_counts() {
    check(|| {
        let h = spawn(|| sleep(ms(10_000)));
        h.cancel();
        assert_eq!(h.join().unwrap(), Err(Status::Canceled));
    })
}

#[test]
fn shield_lets_the_cancelled_clean_up() {
    check(|| {
        let (tx, rx) = channel::<u32>(1);
        let (ready_tx, ready) = channel::<()>(0);
        let h = spawn(move || {
            let outer = gort::shield();
            ready_tx.send(()).unwrap();
            let (_never, nobody) = channel::<u32>(0);
            assert_eq!(nobody.recv_with(Wait::timeout(ms(5))), Err(Status::TimedOut), "shielded while it waits");
            let inner = gort::shield(); // nests
            assert_eq!(sleep(us(100)), Ok(()));
            drop(inner);
            tx.send(7).unwrap();
            drop(outer);
            assert_eq!(sleep(us(100)), Err(Status::Canceled));
        });
        ready.recv().unwrap();
        h.cancel();
        assert_eq!(rx.recv(), Ok(7));
        h.join().unwrap();
        assert_eq!(sched::shield_end(), Status::Misuse, "none is open here");
    });
}

#[test]
fn shield_outside_a_task_is_misuse() {
    plain(|| assert_eq!((sched::shield_begin(), sched::shield_end()), (Status::Misuse, Status::Misuse)))
}

/// A late canceller must not hit the next task in the same slot.
#[test]
fn cancel_of_one_task_never_reaches_the_next_in_its_slot() {
    check(|| {
        repeat(2000, 3, |_| {
            let h = spawn(|| ());
            h.cancel();
            h.join().unwrap();
            let next = spawn(|| sleep(us(1)));
            assert_eq!(next.join().unwrap(), Ok(()));
        })
    })
}

/// K3: a CANCELED goes once through the scheduler.
#[test]
fn loop_that_ignores_cancellation_starves_nobody() {
    check(|| {
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let h = spawn(move || {
            let mut rounds = 0u64;
            while !theirs.load(SeqCst) {
                if sleep(ms(1)).is_err() {
                    rounds += 1;
                }
            }
            rounds
        });
        h.cancel();
        let progress = spawn(|| (0..100).for_each(|_| yield_now()));
        progress.join().unwrap();
        stop.store(true, SeqCst);
        assert!(h.join().is_ok());
    })
}

#[test]
fn cancel_races_with_the_end_of_the_task() {
    check(|| {
        repeat(2000, 2, |i| {
            let h = spawn(move || if i % 2 == 0 { sleep(us(1)) } else { Ok(()) });
            if i % 3 == 0 {
                yield_now()
            }
            h.cancel();
            assert!(matches!(h.join().unwrap(), Ok(()) | Err(Status::Canceled)));
        })
    })
}

// ---- who they are

#[test]
fn ids_are_unique_and_known_inside() {
    check(|| {
        let hs: Vec<_> = (0..500).map(|_| spawn(join::current_id)).collect();
        let ids: HashSet<u64> = hs.iter().map(|h| h.id()).collect();
        assert_eq!(ids.len(), 500);
        assert!(!ids.contains(&join::current_id()));
        hs.into_iter().for_each(|h| assert_eq!(h.id(), h.join().unwrap()));
        // Ended ones give their number to nobody.
        let later: Vec<_> = (0..500).map(|_| spawn(|| ())).collect();
        assert!(later.iter().all(|h| !ids.contains(&h.id())));
        later.into_iter().for_each(|h| h.join().unwrap());
    });
}

#[test]
fn plain_thread_has_no_task_id() {
    plain(|| assert_eq!(join::current_id(), 0))
}

#[test]
fn names_are_seen_in_the_dump() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let h = Builder::new().name("the quiet one").spawn(move || rx.recv()).unwrap();
        until_parked(1);
        let dump = gort::dump();
        let line = dump.lines().find(|l| l.contains("\"the quiet one\"")).unwrap_or_else(|| panic!("{dump}"));
        assert!(line.contains("channel receive") && line.contains(&format!("task {}", h.id())), "{line}");
        tx.send(1).unwrap();
        h.join().unwrap().unwrap();
        assert!(!gort::dump().contains("the quiet one"));
        assert!(matches!(Builder::new().name("a\0b").spawn(|| ()), Err(Status::Invalid)));
    })
}

#[test]
fn last_error_belongs_to_the_task() {
    check(|| {
        last_error::set(format_args!("main's"));
        let h = spawn(move || {
            assert_eq!(gort::last_error(), None);
            last_error::set(format_args!("the task's"));
            (0..10).for_each(|_| yield_now());
            gort::last_error()
        });
        assert_eq!(h.join().unwrap().as_deref(), Some("the task's"));
        assert_eq!(gort::last_error().as_deref(), Some("main's"));
    })
}

#[test]
fn last_error_tells_what_is_wrong_with_an_argument() {
    plain(|| {
        assert_eq!(gort::last_error(), None, "of a thread that never failed");
        assert_eq!(Builder::new().name("a\0b").spawn(|| ()).err(), Some(Status::Invalid));
        assert!(gort::last_error().is_some_and(|t| t.contains("NUL at byte 1")), "{:?}", gort::last_error());
        spawn(|| ()).join().unwrap();
        assert!(gort::last_error().is_some(), "success does not clear it");
        assert_eq!(Builder::new().stack_size(65 << 20).spawn(|| ()).err(), Some(Status::Invalid));
        assert!(gort::last_error().is_some_and(|t| t.contains("64 MiB")), "{:?}", gort::last_error());
    })
}

// ---- stacks

/// Uses about `n` KiB of stack.
#[inline(never)]
fn dig(n: usize) -> u64 {
    let block = std::hint::black_box([n as u8; 1024]);
    let below = if n == 0 { 0 } else { dig(n - 1) };
    below + std::hint::black_box(&block)[n % 1024] as u64
}

#[test]
fn deep_recursion_fits_into_the_stack_that_was_asked_for() {
    check(|| {
        for kib in [16usize, 64, 100, 1024, 8192] {
            // A frame is a little more than its 1 KiB block, and a part is left for what runs around it.
            let depth = kib * 5 / 8;
            let h = Builder::new().stack_size(kib << 10).spawn(move || dig(depth)).unwrap();
            assert_eq!(h.join().unwrap(), (0..=depth).map(|n| n as u8 as u64).sum::<u64>(), "{kib} KiB");
        }
        dig(scale(30, 32)); // the default one
    })
}

#[test]
fn stack_above_64_mib_is_refused() {
    check(|| {
        let held = Arc::new(());
        let theirs = held.clone();
        assert!(matches!(Builder::new().stack_size((64 << 20) + 1).spawn(move || drop(theirs)), Err(Status::Invalid)));
        assert_eq!(Arc::strong_count(&held), 1, "the refused closure was dropped");
        Builder::new().stack_size(64 << 20).spawn(|| dig(5000)).unwrap().join().unwrap();
        Builder::new().stack_size(1).spawn(|| ()).unwrap().join().unwrap();
    })
}

/// Locals and floating point survive parks on stacks that are used again and again.
#[test]
fn stacks_keep_what_tasks_left_on_them() {
    check(|| {
        repeat(10, 5000, |_| {
            let hs: Vec<_> = (0..100u64)
                .map(|i| {
                    spawn(move || {
                        let (mut words, mut x) = ([i; 64], i as f64);
                        for w in words.iter_mut().take(50) {
                            *w += 1;
                            x = x * 1.5 - i as f64 * 0.5;
                            yield_now();
                        }
                        assert_eq!(x, i as f64);
                        words.iter().sum::<u64>()
                    })
                })
                .collect();
            hs.into_iter().enumerate().for_each(|(i, h)| assert_eq!(h.join().unwrap(), i as u64 * 64 + 50));
        })
    })
}

// ---- affinity

fn thread() -> ThreadId {
    std::thread::current().id()
}

/// Gives a task every reason to move: parks, yields, sleeps, a blocked thread.
fn wander(rx: &gort::Receiver<u32>, round: usize, seen: &mut HashSet<ThreadId>) {
    match round % 4 {
        0 => yield_now(),
        1 => sleep(us(20)).unwrap(),
        2 => drop(rx.recv()),
        _ => support::block_thread(us(20)),
    }
    seen.insert(thread());
}

#[test]
fn safe_task_stays_on_the_thread_that_first_ran_it() {
    check(|| {
        let (tx, rx) = channel::<u32>(0);
        let hs: Vec<_> = (0..20)
            .map(|_| rx.clone())
            .map(|rx| {
                spawn(move || {
                    let mut seen = HashSet::from([thread()]);
                    (0..scale(60, 2000)).for_each(|round| wander(&rx, round, &mut seen));
                    seen.len()
                })
            })
            .collect();
        drop(rx);
        go(move || while tx.send(1).is_ok() {});
        hs.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), 1, "it ran on more than one thread"));
    })
}

#[test]
fn migratable_task_may_move() {
    check_on(&[2, 5], || {
        let moved = Arc::new(AtomicBool::new(false));
        while !moved.load(SeqCst) {
            let (tx, rx) = channel::<u32>(0);
            let hs: Vec<_> = (0..20)
                .map(|_| (rx.clone(), moved.clone()))
                .map(|(rx, moved)| {
                    // SAFETY: nothing here depends on the thread but the ids that are compared.
                    unsafe {
                        gort::spawn_migratable(move || {
                            let mut seen = HashSet::from([thread()]);
                            (0..100).for_each(|round| wander(&rx, round, &mut seen));
                            if seen.len() > 1 {
                                moved.store(true, SeqCst)
                            }
                        })
                    }
                })
                .collect();
            drop(rx);
            go(move || while tx.send(1).is_ok() {});
            hs.into_iter().for_each(|h| h.join().unwrap());
        }
    })
}

#[test]
fn thread_pinned_raw_task_stays_too() {
    unsafe fn body(e: *mut Entry) {
        let first = thread();
        let mut same = true;
        for _ in 0..200 {
            yield_now();
            let _ = sleep(us(5));
            same &= thread() == first;
        }
        // SAFETY: our own entry.
        unsafe { (*e).set_word(0, usize::from(same)) }
    }
    check(|| {
        let ts: Vec<_> = (0..20)
            .map(|_| {
                let entry = Entry::new(body, None, [0; 3]);
                let options = SpawnOptions { affinity: Affinity::Thread, ..SpawnOptions::default() };
                // SAFETY: the entry may be called anywhere.
                unsafe { sched::spawn_handle(entry, options) }.unwrap().as_ptr()
            })
            .collect();
        for t in ts {
            let mut out = 0;
            // SAFETY: our handle.
            unsafe {
                assert_eq!((join::join(t, &mut out, RawWait::FOREVER, true), out), (Status::Ok, 1));
                assert_eq!(join::release(t), Status::Ok);
            }
        }
    })
}

// ---- limits

#[test]
fn spawn_beyond_max_tasks_reports_limit_and_recovers() {
    plain(|| {
        let config = gort::Config { workers: support::child_workers(), max_tasks: 10, ..gort::Config::default() };
        gort::run_with(&config, || {
            for _ in 0..3 {
                let (gate, wait) = channel::<()>(0);
                let hs: Vec<_> = (0..9).map(|_| wait.clone()).map(|w| spawn(move || w.recv())).collect();
                let held = Arc::new(());
                let theirs = held.clone();
                assert_eq!(gort::try_go(move || drop(theirs)), Err(Status::Limit));
                assert_eq!(Arc::strong_count(&held), 1, "the refused closure was dropped");
                assert!(matches!(Builder::new().spawn(|| ()), Err(Status::Limit)));
                drop(gate);
                hs.into_iter().for_each(|h| assert_eq!(h.join().unwrap(), Err(Status::Closed)));
            }
        })
        .unwrap();
    })
}

#[test]
fn hundred_thousand_tasks_run_and_ten_thousand_sleep() {
    check(|| {
        let n = Arc::new(AtomicUsize::new(0));
        let wg = WaitGroup::new();
        for _ in 0..100_000 {
            let n = n.clone();
            wg.go(move || {
                n.fetch_add(1, Relaxed);
            });
        }
        wg.wait().unwrap();
        assert_eq!(n.load(SeqCst), 100_000);
        let (gate, wait) = channel::<()>(0);
        let sleepers = scale(10_000, 100_000);
        for _ in 0..sleepers {
            let wait = wait.clone();
            wg.go(move || assert_eq!(wait.recv(), Err(Status::Closed)));
        }
        until_parked(sleepers);
        assert_eq!(gort::metrics().tasks, sleepers as u64 + 1);
        drop(gate);
        wg.wait().unwrap();
    })
}

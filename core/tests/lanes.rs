//! D3: a fake host lane, made of the engine's own switch, on plain threads of the test.
//!
//! What this is: the proof that the door for hosts holds before any host exists: hooks, a thread that runs the lane's loop
//! by `worker::run_host_thread`, tasks that park, sleep, and talk to native tasks. What it is NOT: a model of Python.
//!
//! The host: a hub (the thread's own stack) and a stack for each started task. `switch` goes to the hub's trampoline, which
//! goes straight on to the task it was given, without asking the scheduler: that counts as straight. An ended task is
//! finished on the hub.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::sched::lane::{Hooks, Lane, Start};
use gort::sched::task::{Entry, SpawnOptions, Task};
use gort::sched::{self, host, runtime, thread, worker};
use gort::sync::waitgroup;
use gort::sys::context::{self, Fiber};
use gort::sys::stack;
use gort::wait::{self, join};
use gort::{Receiver, Sender, Status, Wait, channel, go, now, sleep, spawn, yield_now};
use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::*};
use std::thread::{JoinHandle, ThreadId};
use support::sync::{Arc, Mutex};
use support::{ms, plain, scale, until, us};

thread_local! {
    /// What a host thread has: its hub, what to go on with, who has ended.
    static HOST: Host = Host::default();
}

#[derive(Default)]
struct Host {
    hub: UnsafeCell<Fiber>,
    next: Cell<*mut Task>,
    ended: Cell<*mut Task>,
    /// Straight switches since the hub was last reached.
    run: Cell<usize>,
    stacks: RefCell<HashMap<usize, stack::Stack>>,
}

impl Drop for Host {
    fn drop(&mut self) {
        // SAFETY: the thread's loop is over; nothing is resumed from it any more.
        unsafe { Fiber::release(self.hub.get()) }
    }
}

static STRAIGHT: AtomicUsize = AtomicUsize::new(0);
static LONGEST: AtomicUsize = AtomicUsize::new(0);
static RESUMED: AtomicUsize = AtomicUsize::new(0);
static IDLED: AtomicUsize = AtomicUsize::new(0);
static ATTENDED: AtomicUsize = AtomicUsize::new(0);
/// Waits of the OS thread by the hook, and how many of them are going on.
static BLOCKED: AtomicUsize = AtomicUsize::new(0);
static BLOCKS_NOW: AtomicUsize = AtomicUsize::new(0);
static BUSINESS: AtomicBool = AtomicBool::new(false);
static REFUSE: AtomicBool = AtomicBool::new(false);

/// The hub of the calling thread. Never inlined: a task stays on its thread here, but the compiler need not know.
#[inline(never)]
fn hub() -> *mut Fiber {
    HOST.with(|h| h.hub.get())
}

unsafe extern "C" fn first(at: usize) -> ! {
    let t = at as *mut Task;
    // SAFETY: `resume` below passes the task whose stack this is; its entry is called once.
    unsafe {
        let e = (*t).entry.get();
        ((*e).call)(e);
        HOST.with(|h| h.ended.set(t));
        context::finish((*t).fiber.get(), hub())
    }
}

unsafe fn where_to_start(_: *mut Task) -> Start {
    if REFUSE.load(SeqCst) { Start::Later } else { Start::Here }
}

unsafe fn resume(t: *mut Task) {
    RESUMED.fetch_add(1, SeqCst);
    let mut t = t;
    // SAFETY: the scheduler gives us a task that is ours to run; `next` is one that it gave to `switch`.
    unsafe {
        loop {
            HOST.with(|h| {
                h.stacks.borrow_mut().entry(t as usize).or_insert_with(|| {
                    let s = stack::alloc(stack::class_for(0).unwrap()).unwrap();
                    context::prepare((*t).fiber.get(), &s, first);
                    s
                });
            });
            context::resume((*t).fiber.get(), hub(), t as usize);
            let ended = HOST.with(|h| h.ended.replace(std::ptr::null_mut()));
            if !ended.is_null() {
                t = end(ended);
                if t.is_null() {
                    return;
                }
                continue;
            }
            t = HOST.with(|h| h.next.replace(std::ptr::null_mut()));
            if t.is_null() {
                return HOST.with(|h| h.run.set(0));
            }
        }
    }
}

/// An ended task gives its stack back; the rest is the scheduler's, which says what to go on with.
unsafe fn end(t: *mut Task) -> *mut Task {
    // SAFETY: it ran here and will never be resumed.
    unsafe {
        HOST.with(|h| stack::free(h.stacks.borrow_mut().remove(&(t as usize)).unwrap()));
        host::end_task(t);
        host::next_task()
    }
}

unsafe fn switch(from: *mut Task, to: *mut Task) {
    HOST.with(|h| {
        h.next.set(to);
        if !to.is_null() {
            STRAIGHT.fetch_add(1, SeqCst);
            h.run.set(h.run.get() + 1);
            LONGEST.fetch_max(h.run.get(), SeqCst);
        }
    });
    // SAFETY: `from` runs on its own stack, and the hub of this thread resumed it.
    unsafe { context::suspend((*from).fiber.get(), hub()) };
}

unsafe fn hub_business() -> bool {
    BUSINESS.load(SeqCst)
}

unsafe fn has_spare() -> bool {
    false
}

unsafe fn attend() {
    ATTENDED.fetch_add(1, SeqCst);
}

unsafe fn thread_block(wait: &mut dyn FnMut(i64) -> bool) -> bool {
    BLOCKED.fetch_add(1, SeqCst);
    BLOCKS_NOW.fetch_add(1, SeqCst);
    let told = wait(i64::MAX);
    BLOCKS_NOW.fetch_sub(1, SeqCst);
    told
}

unsafe fn idle(wait: &mut dyn FnMut(i64)) {
    IDLED.fetch_add(1, SeqCst);
    wait(i64::MAX)
}

static HOOKS: Hooks = Hooks {
    name: "fake",
    where_to_start,
    has_spare,
    resume,
    switch,
    hub_business,
    hub: attend,
    thread_block,
    may_wake: || false,
    idle,
};

/// The lane with its threads.
struct Fake {
    lane: &'static Lane,
    threads: Vec<JoinHandle<Status>>,
    ids: Arc<Mutex<Vec<ThreadId>>>,
}

impl Fake {
    fn start(threads: usize) -> Fake {
        Fake::start_on(threads, threads)
    }

    fn start_on(processors: usize, threads: usize) -> Fake {
        let lane = runtime::add_lane(&HOOKS, processors).unwrap();
        let ids = Arc::new(Mutex::new(Vec::new()));
        let threads = (0..threads)
            .map(|_| ids.clone())
            .map(|ids| {
                std::thread::spawn(move || {
                    ids.lock().push(std::thread::current().id());
                    worker::run_host_thread(lane)
                })
            })
            .collect();
        Fake { lane, threads, ids }
    }

    fn go(&self, f: impl FnOnce() + Send + 'static) {
        unsafe fn call(e: *mut Entry) {
            // SAFETY: the word is a leaked Box, taken back once.
            unsafe { Box::from_raw((*e).word(0) as *mut Box<dyn FnOnce() + Send>)() }
        }
        let f: Box<dyn FnOnce() + Send> = Box::new(f);
        let entry = Entry::new(call, None, [Box::into_raw(Box::new(f)) as usize, 0, 0]);
        let options = SpawnOptions { lane: self.lane.id, ..SpawnOptions::default() };
        // SAFETY: the closure is Send and called once.
        unsafe { sched::spawn(entry, options) }.unwrap();
    }

    /// The same, with its result.
    fn ask<T: Send + 'static>(&self, f: impl FnOnce() -> T + Send + 'static) -> Receiver<T> {
        let (tx, rx) = channel(1);
        self.go(move || assert!(tx.send(f()).is_ok()));
        rx
    }

    fn is_ours(&self, id: ThreadId) -> bool {
        self.ids.lock().contains(&id)
    }

    fn stop(self) {
        support::until(|| support::count_tasks(|t| t.lane.get() == self.lane.id) == 0);
        while !self.threads.iter().all(|t| t.is_finished()) {
            for t in thread::all().filter(|t| std::ptr::eq(t.lane.get(), self.lane)) {
                t.stop.store(true, SeqCst);
                t.bell.ring();
            }
            support::block_thread(us(200));
        }
        self.threads.into_iter().for_each(|t| assert_eq!(t.join().unwrap(), Status::Ok));
    }
}

fn here() -> ThreadId {
    std::thread::current().id()
}

#[test]
fn host_tasks_run_on_host_threads_and_native_tasks_never_do() {
    plain(|| {
        let fake = Fake::start(2);
        let (hosts, natives) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
        let done = Arc::new(AtomicUsize::new(0));
        for i in 0..200 {
            let (seen, over) = (hosts.clone(), done.clone());
            fake.go(move || {
                seen.lock().push(here());
                yield_now();
                if i % 10 == 0 {
                    sleep(us(100)).unwrap();
                }
                seen.lock().push(here());
                over.fetch_add(1, SeqCst);
            });
            let (seen, over) = (natives.clone(), done.clone());
            go(move || {
                seen.lock().push(here());
                yield_now();
                seen.lock().push(here());
                over.fetch_add(1, SeqCst);
            });
        }
        until(|| done.load(SeqCst) == 400);
        assert!(hosts.lock().iter().all(|id| fake.is_ours(*id)), "a host task on a native thread");
        assert!(natives.lock().iter().all(|id| !fake.is_ours(*id)), "a native task on a host thread");
        fake.stop();
    })
}

#[test]
fn tasks_spawned_by_tasks_stay_in_the_lane_they_are_meant_for() {
    plain(|| {
        let fake = Fake::start(1);
        let id = fake.lane.id;
        // A native task born by a host task, and the other way round.
        let born = fake.ask(|| spawn(here).join().unwrap()).recv().unwrap();
        assert!(!fake.is_ours(born));
        let (tx, rx) = channel::<ThreadId>(1);
        let h = spawn(move || {
            unsafe fn call(e: *mut Entry) {
                // SAFETY: the word is a leaked Box of the sender, taken back once.
                let tx = unsafe { Box::from_raw((*e).word(0) as *mut Sender<ThreadId>) };
                tx.send(here()).unwrap();
            }
            let entry = Entry::new(call, None, [Box::into_raw(Box::new(tx)) as usize, 0, 0]);
            // SAFETY: called once, anywhere.
            unsafe { sched::spawn(entry, SpawnOptions { lane: id, ..SpawnOptions::default() }) }.unwrap();
        });
        h.join().unwrap();
        assert!(fake.is_ours(rx.recv().unwrap()));
        fake.stop();
    })
}

#[test]
fn end_of_a_host_task_wakes_its_joiner_and_tells_its_wait_group() {
    plain(|| {
        unsafe fn call(e: *mut Entry) {
            yield_now();
            sleep(ms(1)).unwrap(); // so that the joiner is asleep when it ends
            // SAFETY: the entry is ours while it is called.
            unsafe { (*e).set_word(0, (*e).word(0) + 1) }
        }
        let fake = Fake::start(1);
        let lane = fake.lane.id;
        let entry = |n| Entry::new(call, None, [n, 0, 0]);
        let options = || SpawnOptions { lane, ..SpawnOptions::default() };
        for n in 0..20 {
            // SAFETY: the entry holds numbers only; the handle is ours until it is released.
            unsafe {
                let t = sched::spawn_handle(entry(n), options()).unwrap();
                let mut out = 0;
                assert_eq!(join::join(t.as_ptr(), &mut out, wait::Wait::FOREVER, true), Status::Ok);
                assert_eq!(out, n + 1);
                assert_eq!(join::release(t.as_ptr()), Status::Ok);
            }
        }
        let wg = waitgroup::create().unwrap();
        // SAFETY: as above; the group is ours until it is freed.
        unsafe {
            for n in 0..20 {
                assert_eq!(waitgroup::go(wg.as_ptr(), entry(n), options()), Status::Ok);
            }
            assert_eq!(waitgroup::wait(wg.as_ptr()), Status::Ok);
            assert_eq!(waitgroup::free(wg.as_ptr()), Status::Ok);
        }
        fake.stop();
    })
}

#[test]
fn host_and_native_tasks_and_threads_share_channels() {
    plain(|| {
        let fake = Fake::start(1);
        for cap in [0, 3] {
            let n = scale(2000, 100_000);
            let ((a_tx, a), (b_tx, b)) = (channel::<usize>(cap), channel::<usize>(cap));
            let sum = fake.ask(move || a.iter().map(|v| b_tx.send(v + 1).map_or(0, |_| v)).sum::<usize>());
            let h = spawn(move || {
                for i in 0..n {
                    a_tx.send(i).unwrap();
                    assert_eq!(b.recv(), Ok(i + 1));
                }
            });
            h.join().unwrap();
            assert_eq!(sum.recv(), Ok(n * (n - 1) / 2));
        }
        fake.stop();
    })
}

#[test]
fn park_switches_straight_to_a_started_task_and_to_the_hub_now_and_then() {
    plain(|| {
        let fake = Fake::start(1);
        let n = scale(2000, 50_000);
        let ((a_tx, a), (b_tx, b)) = (channel::<usize>(0), channel::<usize>(0));
        fake.go(move || a.iter().for_each(|v| b_tx.send(v).unwrap()));
        let done = fake.ask(move || {
            for i in 0..n {
                a_tx.send(i).unwrap();
                assert_eq!(b.recv(), Ok(i));
            }
        });
        done.recv().unwrap();
        let (straight, longest, hub) = (STRAIGHT.load(SeqCst), LONGEST.load(SeqCst), RESUMED.load(SeqCst));
        assert!(straight > n, "{straight} straight switches in {n} round trips");
        assert!(longest <= 64, "{longest} switches without the hub");
        assert!(hub >= straight / 64, "the hub was reached {hub} times in {straight} switches");
        // Business of the host's: every park goes to the hub.
        BUSINESS.store(true, SeqCst);
        let before = STRAIGHT.load(SeqCst);
        let (tx, rx) = channel::<usize>(0);
        fake.go(move || (0..100).for_each(|i| tx.send(i).unwrap()));
        let got = fake.ask(move || rx.iter().count());
        assert_eq!(got.recv(), Ok(100));
        assert_eq!(STRAIGHT.load(SeqCst), before);
        BUSINESS.store(false, SeqCst);
        fake.stop();
    })
}

#[test]
fn task_that_yields_alone_returns_to_itself() {
    plain(|| {
        let fake = Fake::start(1);
        let done = fake.ask(|| (0..1000).for_each(|_| yield_now()));
        done.recv().unwrap();
        fake.stop();
    })
}

#[test]
fn deadlines_and_cancellation_reach_host_tasks() {
    plain(|| {
        let fake = Fake::start(1);
        let r = fake.ask(|| {
            let (_tx, rx) = channel::<u32>(0);
            let start = now();
            let r = rx.recv_with(Wait::timeout(ms(2)));
            assert!(now().0 - start.0 >= 2_000_000);
            let start = now();
            sleep(ms(1)).unwrap();
            assert!(now().0 - start.0 >= 1_000_000);
            r
        });
        assert_eq!(r.recv().unwrap(), Err(Status::TimedOut));
        let (tx, rx) = channel::<u32>(0);
        let (wait, woken) = (rx.clone(), fake.ask(move || rx.recv()));
        until(|| support::parked() == 1);
        drop(wait);
        tx.close().unwrap();
        assert_eq!(woken.recv().unwrap(), Err(Status::Closed));
        fake.stop();
    })
}

#[test]
fn idle_host_sleeps_in_its_own_hook_and_is_woken() {
    plain(|| {
        let fake = Fake::start(1);
        until(|| IDLED.load(SeqCst) > 0);
        for i in 0..20 {
            support::block_thread(ms(1)); // falls asleep again
            assert_eq!(fake.ask(move || i).recv(), Ok(i));
        }
        assert!(IDLED.load(SeqCst) >= 10, "slept {} times", IDLED.load(SeqCst));
        fake.stop();
    })
}

/// A call that must not park the current task of a host: it is made as the OS thread. (There is no door for this yet: a host's face would have to do what is done here.)
fn as_thread<R>(f: impl FnOnce() -> R) -> R {
    // SAFETY: the calling thread's own; its current task is only hidden from `f`, and stays where it is since the thread blocks.
    let th = unsafe { &*thread::Thread::get() };
    let t = th.current.replace(std::ptr::null_mut());
    let r = f();
    th.current.set(t);
    r
}

#[test]
fn blocking_call_that_may_not_park_the_task_waits_in_the_hook() {
    plain(|| {
        let fake = Fake::start(1);
        for deadline in [false, true] {
            let (tx, rx) = channel::<u32>(0);
            let before = BLOCKED.load(SeqCst);
            let got = fake.ask(move || {
                let mut on_stack = [0; 4]; // what a C extension receives into: the stack must stay where it is
                for v in &mut on_stack {
                    *v = as_thread(|| rx.recv()).unwrap();
                }
                let over = deadline.then(|| as_thread(|| rx.recv_with(Wait::timeout(ms(1)))));
                yield_now(); // as a task again
                (on_stack, over)
            });
            // A native task, a plain thread: whoever is not of that thread.
            let sender = spawn(move || {
                for i in 0..3 {
                    until(|| BLOCKED.load(SeqCst) > before + i as usize);
                    tx.send(i).unwrap();
                }
                tx
            });
            let tx = sender.join().unwrap();
            tx.send(3).unwrap();
            let (values, over) = got.recv().unwrap();
            assert_eq!(values, [0, 1, 2, 3]);
            assert_eq!(over, deadline.then_some(Err(Status::TimedOut)));
            assert!(BLOCKED.load(SeqCst) >= before + 3, "{} waits in the hook", BLOCKED.load(SeqCst) - before);
            assert_eq!(BLOCKS_NOW.load(SeqCst), 0);
            drop(tx);
        }
        fake.stop();
    })
}

#[test]
fn task_that_lost_its_processor_asks_for_one_in_the_hook() {
    plain(|| {
        let fake = Fake::start_on(1, 2);
        let other = Arc::new(AtomicBool::new(false));
        let theirs = other.clone();
        let before = BLOCKED.load(SeqCst);
        // The first computes until the monitor gave its processor to the other thread, whose task keeps it until the first one asks.
        let first = fake.ask(move || {
            while !theirs.load(SeqCst) {}
            yield_now();
            7
        });
        let second = fake.ask(move || {
            other.store(true, SeqCst);
            while BLOCKS_NOW.load(SeqCst) == 0 {}
        });
        second.recv().unwrap();
        assert_eq!(first.recv(), Ok(7));
        assert!(BLOCKED.load(SeqCst) > before);
        fake.stop();
    })
}

#[test]
fn task_that_may_not_start_waits_until_it_may() {
    plain(|| {
        let fake = Fake::start(1);
        REFUSE.store(true, SeqCst);
        let rx = fake.ask(|| 7);
        support::block_thread(ms(10));
        assert_eq!(rx.try_recv(), Err(Status::WouldBlock));
        REFUSE.store(false, SeqCst);
        assert_eq!(rx.recv(), Ok(7));
        fake.stop();
    })
}

#[test]
fn native_work_does_not_wake_a_host_and_a_stuck_host_stops_nobody() {
    plain(|| {
        let fake = Fake::start(1);
        // The host computes; native tasks go on.
        let stop = Arc::new(AtomicBool::new(false));
        let theirs = stop.clone();
        let done = fake.ask(move || while !theirs.load(SeqCst) {});
        let hs: Vec<_> = (0..50).map(|i| spawn(move || i)).collect();
        assert_eq!(hs.into_iter().map(|h| h.join().unwrap()).sum::<i32>(), 1225);
        stop.store(true, SeqCst);
        done.recv().unwrap();
        fake.stop();
    })
}

#[test]
fn two_host_threads_share_the_work_of_their_lane() {
    plain(|| {
        let fake = Fake::start(2);
        // Two tasks that must be on two threads at once.
        let here = Arc::new(AtomicUsize::new(0));
        let both: Vec<_> = (0..2)
            .map(|_| here.clone())
            .map(|here| {
                fake.ask(move || {
                    here.fetch_add(1, SeqCst);
                    while here.load(SeqCst) < 2 {}
                })
            })
            .collect();
        both.into_iter().for_each(|rx| rx.recv().unwrap());
        fake.stop();
    })
}

#[test]
fn host_loop_inside_a_task_is_misuse() {
    plain(|| {
        let fake = Fake::start(1);
        let lane = fake.lane;
        assert_eq!(spawn(move || worker::run_host_thread(lane)).join().unwrap(), Status::Misuse);
        assert_eq!(fake.ask(move || worker::run_host_thread(lane)).recv(), Ok(Status::Misuse));
        let e = fake.ask(|| gort::run(|| ()).unwrap_err().status).recv();
        assert_eq!(e, Ok(Status::Misuse));
        fake.stop();
    })
}

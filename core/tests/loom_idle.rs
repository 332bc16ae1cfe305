//! Models of how a worker without work falls asleep and is woken: the real `sched/idle.rs`, `lane.rs`, `processor.rs`, `ring.rs`, `list.rs`, bracket and bells.
//!
//! push; light barrier; read n_idle and n_searching - against - raise n_idle; give the token back; heavy barrier; look again; sleep. A task that nobody is woken for, a
//! processor that is lost, or a searcher's token that is never given back shows as a deadlock. The loop of a worker is that of `worker::run`, with a task that is only an item:
//! whoever runs it touches it without atomics, and it must be run once.
//! Here nobody starts a thread for a task (`runtime::start_worker` says no), and there is no monitor that would mend what was missed. A search ends after one round
//! (a second passes from look to look). Not here: timers and the keeper of the time, hosts' hooks, membarrier.

#![cfg(loom)]

mod model;

use gort::sched::Cx;
use gort::sched::bracket::owned;
use gort::sched::idle;
use gort::sched::lane::Lane;
use gort::sched::processor::Processor;
use gort::sched::task::Task;
use gort::sched::thread::{RESTING, Thread};
use gort::sys::prim::*;
use gort::sys::slab::{adopt, leak};
use model::*;
use std::ptr::from_ref;

struct World {
    lane: &'static Lane,
    threads: Vec<&'static Thread>,
    tasks: Vec<&'static Task>,
    ran: AtomicUsize,
}

impl World {
    /// `threads` workers without a processor, and `idle` processors without a worker.
    fn new(processors: usize, threads: usize, tasks: usize) -> &'static World {
        let lane = adopt(Lane::new(0, None, processors, processors, 1));
        for p in lane.processors() {
            // SAFETY: made by `Lane::new` as a box; nobody frees it but the next schedule.
            adopt(unsafe { Box::from_raw(from_ref(p).cast_mut()) });
        }
        let threads = (0..threads)
            .map(|_| {
                let th = leak(Thread::default());
                th.lane.set(lane);
                th.bracket.make_bare();
                th
            })
            .collect();
        let tasks = (0..tasks).map(|_| leak(Task::default())).collect();
        shared(World { lane, threads, tasks, ran: AtomicUsize::new(0) })
    }

    /// Gives thread `i` a processor before the model's threads begin.
    fn equip(&self, i: usize) {
        assert!(self.lane.take_idle(self.threads[i]));
    }

    fn task(&self, i: usize) -> *mut Task {
        from_ref(self.tasks[i]).cast_mut()
    }

    fn inject(&self, i: usize) {
        // SAFETY: a fresh task of the model.
        unsafe { self.lane.inject(self.task(i)) }
    }

    /// One more was run; after the last one the workers go home.
    fn ran_one(&self) {
        if self.ran.fetch_add(1, AcqRel) + 1 == self.tasks.len() {
            self.stop()
        }
    }

    fn stop(&self) {
        for th in &self.threads {
            th.stop.store(true, Release);
            th.bell.ring();
        }
    }

    /// Enters as worker `i`.
    fn become_worker(&self, i: usize) -> Cx {
        let th = self.threads[i];
        word::set(from_ref(th).cast_mut().cast());
        th.bracket.enter();
        Cx { thread: th }
    }

    /// The loop of worker `i` until it is told to stop; `run` runs a task, by its number.
    fn work(&self, i: usize, run: impl Fn(Cx, usize)) {
        let cx = self.become_worker(i);
        self.work_on(cx, run);
        cx.thread.bracket.exit();
    }

    /// As `worker::run`.
    fn work_on(&self, cx: Cx, run: impl Fn(Cx, usize)) {
        let th = cx.thread;
        loop {
            let at = th.bracket.processor() as *const Processor;
            if at.is_null() {
                if !idle::rest(cx) {
                    return;
                }
                continue;
            }
            // SAFETY: the word holds a processor of the lane, which is ours inside the bracket.
            let p = unsafe { &*at };
            if th.stop.load(Relaxed) {
                if th.spinning.replace(false) {
                    self.lane.end_search(false);
                }
                th.bracket.put_down();
                self.lane.hand_over(p, 0);
                return;
            }
            // SAFETY: as above.
            let mut t = unsafe { p.pick(cx) };
            if t.is_null() {
                // SAFETY: as above.
                t = unsafe { idle::search(cx, p) };
                if t.is_null() {
                    if !idle::rest(cx) {
                        return;
                    }
                    // There was work, but no search is allowed beside one that another thread has begun: go round until that one goes on.
                    yield_thread();
                    continue;
                }
            }
            if th.spinning.get() {
                th.spinning.set(false);
                self.lane.end_search(true);
            }
            // SAFETY: picked: ours.
            unsafe { (*t).stack.set((*t).stack.get() + 1) };
            let i = self.tasks.iter().position(|x| from_ref(*x) == t).unwrap();
            run(cx, i);
            self.ran_one();
        }
    }

    /// Every task was run once, every processor is idle, no token is out.
    fn check(&self) {
        assert!(self.tasks.iter().all(|t| t.stack.get() == 1));
        assert!(self.lane.all_idle(), "a processor is lost");
        assert!(!self.lane.any_work());
        assert!(!self.lane.is_wanted());
        assert!(self.lane.begin_search(), "a searcher's token was kept");
    }
}

#[test]
fn a_push_from_outside() {
    explore("idle: an injected task against a worker that falls asleep", 6, || {
        let w = World::new(1, 1, 1);
        w.equip(0);
        beside(move || w.work(0, |_, _| {}), || w.inject(0));
        w.check();
    });
}

#[test]
fn two_pushes_from_outside() {
    explore("idle: two injected tasks against a worker that falls asleep twice", 5, || {
        let w = World::new(1, 1, 2);
        w.equip(0);
        beside(
            move || w.work(0, |_, _| {}),
            || {
                w.inject(0);
                w.inject(1);
            },
        );
        w.check();
    });
}

#[test]
fn two_pushers() {
    explore("idle: two threads inject against a worker that falls asleep", 3, || {
        let w = World::new(1, 1, 2);
        w.equip(0);
        together(vec![Box::new(move || w.work(0, |_, _| {})), Box::new(move || w.inject(1))], || w.inject(0));
        w.check();
    });
}

#[test]
fn a_push_to_a_ring() {
    // Worker 0 pushes task 1 to its ring and goes to user code until that has been run: somebody else must be awake for it.
    explore("idle: a push to a ring against another worker that falls asleep", 2, || {
        let w = World::new(2, 2, 2);
        w.equip(0);
        w.equip(1);
        let done = shared(gort::sched::bell::Bell::default());
        let run = move |cx: Cx, i: usize| {
            if i == 0 {
                let p = cx.thread.bracket.processor() as *const Processor;
                // SAFETY: the word holds our processor.
                unsafe { (*p).push_tail(w.task(1)) };
                cx.thread.bracket.exit();
                done.wait_told(i64::MAX);
                assert!(owned(cx.thread.bracket.enter()));
            } else {
                done.ring()
            }
        };
        beside(
            move || w.work(1, run),
            || {
                let cx = w.become_worker(0);
                let p = cx.thread.bracket.processor() as *const Processor;
                // SAFETY: as above.
                unsafe { (*p).put_back(w.task(0)) };
                w.work_on(cx, run);
                cx.thread.bracket.exit();
            },
        );
        w.check();
    });
}

#[test]
fn two_tasks_that_wait_for_each_other() {
    // Each task goes to user code until the other has begun: both workers must be woken, by the push or by the searcher that found the first one.
    explore("idle: two injected tasks that wait for each other; both workers must be woken", 2, || {
        let w = World::new(2, 2, 2);
        w.equip(0);
        w.equip(1);
        let met = shared([gort::sched::bell::Bell::default(), gort::sched::bell::Bell::default()]);
        let run = move |cx: Cx, i: usize| {
            cx.thread.bracket.exit();
            met[1 - i].ring();
            met[i].wait_told(i64::MAX);
            assert!(owned(cx.thread.bracket.enter()));
        };
        together(vec![Box::new(move || w.work(0, run)), Box::new(move || w.work(1, run))], || {
            w.inject(0);
            w.inject(1);
        });
        w.check();
    });
}

#[test]
fn retaken_in_user_code() {
    // The monitor takes the only processor, with task 1 in its ring, from worker 0 in user code, and hands it to the resting worker 1. Worker 0 comes back and asks for one.
    explore("idle: retake and hand-over to a resting thread; the loser asks for a processor", 2, || {
        let w = World::new(1, 2, 2);
        w.equip(0);
        let run = move |cx: Cx, i: usize| {
            let th = cx.thread;
            if i == 0 {
                let p = th.bracket.processor() as *const Processor;
                // SAFETY: the word holds our processor.
                unsafe { (*p).push_tail(w.task(1)) };
            }
            th.bracket.exit();
            if owned(th.bracket.enter()) {
                return;
            }
            // As `doors::enter_slow` for a task that can not move.
            if !owned(th.bracket.settle().0) && !w.lane.take_idle(th) {
                idle::wait_for_processor(th, w.lane);
            }
            assert!(owned(th.bracket.processor()));
        };
        let at = w.threads[0].bracket.processor();
        together(
            vec![
                Box::new(move || w.work(1, run)),
                Box::new(move || {
                    // As `monitor::retake`.
                    let b = &w.threads[0].bracket;
                    assert!(w.lane.begin_retake());
                    let mut got = false;
                    if b.contest(at) {
                        if b.in_user_code() {
                            got = b.take(at);
                        } else {
                            b.give_up(at);
                        }
                    }
                    w.lane.end_retake();
                    if got {
                        // SAFETY: taken: ours.
                        w.lane.hand_over(unsafe { &*(at as *const Processor) }, 1);
                    }
                }),
            ],
            || {
                let cx = w.become_worker(0);
                // SAFETY: the word holds our processor, unless the monitor has taken it: worker 0 is inside only now.
                if owned(cx.thread.bracket.settle().0) || w.lane.take_idle(cx.thread) {
                    let p = cx.thread.bracket.processor() as *const Processor;
                    // SAFETY: as above.
                    unsafe { (*p).put_back(w.task(0)) };
                } else {
                    w.inject(0);
                }
                w.work_on(cx, run);
                cx.thread.bracket.exit();
            },
        );
        w.check();
    });
}

#[test]
fn a_thread_that_wants_a_processor() {
    explore("idle: a thread that lost its processor asks for one; the only one is put down", 4, || {
        let w = World::new(1, 2, 0);
        w.equip(0);
        let inner = shared(Cell::new(0));
        beside(
            move || w.work(0, |_, _| {}),
            || {
                let cx = w.become_worker(1);
                let th = cx.thread;
                idle::wait_for_processor(th, w.lane);
                assert!(owned(th.bracket.processor()));
                inner.set(1);
                // SAFETY: the word holds our processor.
                let p = unsafe { &*(th.bracket.put_down() as *const Processor) };
                w.lane.put_idle(p);
                th.bracket.exit();
                w.stop();
            },
        );
        w.check();
    });
}

#[test]
fn a_worker_without_a_processor() {
    // It may come to rest while the pusher holds the only processor, and has found nobody to give it to.
    explore("idle: an injected task against a worker that comes to rest without a processor", 8, || {
        let w = World::new(1, 1, 1);
        beside(move || w.work(0, |_, _| {}), || w.inject(0));
        w.check();
    });
}

/// Both threads of a small model are done: work that is left has somebody on his way to it.
fn nobody_is_asleep_over_work(w: &World, sleeper: usize) {
    assert!(!w.lane.any_work() || !w.threads[sleeper].bracket.is_bare(), "a task is left and nobody was woken");
}

#[test]
fn the_last_searcher_finds_something() {
    // A pusher that sees its token wakes nobody.
    explore("idle: end_search of the last searcher against a push", 8, || {
        let w = World::new(2, 2, 1);
        w.equip(0);
        assert!(w.lane.begin_search());
        assert!(!w.lane.rest(w.threads[1], false, RESTING));
        beside(move || w.lane.end_search(true), || w.inject(0));
        nobody_is_asleep_over_work(w, 1);
    });
}

#[test]
fn a_token_given_back_without_a_processor() {
    // The pusher's token keeps others from waking somebody; it finds no processor, for thread 0 has it for a moment.
    explore("idle: a pusher that finds no processor against a thread that puts it down", 8, || {
        let w = World::new(1, 2, 1);
        assert!(!w.lane.rest(w.threads[1], false, RESTING));
        beside(
            move || {
                let th = w.threads[0];
                if w.lane.take_idle(th) {
                    // SAFETY: the word holds our processor.
                    let p = unsafe { &*(th.bracket.put_down() as *const Processor) };
                    w.lane.hand_over(p, 0);
                }
            },
            || w.inject(0),
        );
        nobody_is_asleep_over_work(w, 1);
    });
}

#[test]
fn a_batch_from_the_injector() {
    // Worker 0 takes both tasks, the second one into its ring, and runs the first; worker 1 has looked in between.
    explore("idle: a batch taken from the injector against a worker that falls asleep", 5, || {
        let w = World::new(2, 2, 2);
        w.equip(0);
        w.equip(1);
        w.inject(0);
        w.inject(1);
        let found = shared(Cell::new(false));
        beside(
            move || {
                let cx = w.become_worker(1);
                // SAFETY: the word holds our processor.
                found
                    .set(!unsafe { idle::search(cx, &*(cx.thread.bracket.processor() as *const Processor)) }.is_null());
                cx.thread.bracket.exit();
            },
            || {
                let cx = w.become_worker(0);
                // SAFETY: as above.
                let _ = unsafe { (*(cx.thread.bracket.processor() as *const Processor)).pick(cx) };
                cx.thread.bracket.exit();
            },
        );
        if !found.get() {
            nobody_is_asleep_over_work(w, 1);
        }
    });
}

#[test]
fn hired_in_the_moment_of_leaving() {
    explore("idle: a thread that is told to stop and hired at once gives the token back", 8, || {
        let w = World::new(1, 1, 0);
        beside(
            move || w.work(0, |_, _| {}),
            || {
                w.lane.wake_one();
                w.stop();
            },
        );
        w.check();
    });
    explore("idle: a thread that is hired while it leaves", 5, || {
        let w = World::new(1, 1, 0);
        together(vec![Box::new(move || w.work(0, |_, _| {})), Box::new(move || w.stop())], || w.lane.wake_one());
        w.check();
    });
}

#[test]
fn pinned_work_in_a_mailbox() {
    explore("idle: a task is posted to a resting thread's mailbox; it asks for a processor", 5, || {
        let w = World::new(1, 1, 1);
        w.equip(0);
        beside(
            move || w.work(0, |_, _| {}),
            || {
                let th = w.threads[0];
                // SAFETY: a fresh task; as `ready_task` for a pinned one.
                unsafe { th.mailbox.push(w.task(0)) };
                th.bell.ring();
            },
        );
        w.check();
    });
}

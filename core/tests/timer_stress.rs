//! Random programs over timers: conservation. Each setting of a timer has a time of its own, and ends in exactly one way: it is received, once, or a stop or reset that said true took it back. So
//! of each timer: settings = values received + answers that were true. Of a function: settings = calls + answers that were true. No value is early, and nothing is left.
//!
//! What this is: tasks of both kinds and plain threads over the same timers; the seed is printed. What it is NOT: exhaustive (`loom_timer.rs`), or about Go's cases (`timer.rs`).

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod support;

use gort::time::{FuncTimer, Ticker, Timer, after, after_func, tick};
use gort::{RecvError, Status, Time, Wait, now, yield_now};
use std::collections::HashSet;
use std::sync::atomic::{AtomicUsize, Ordering::*};
use std::time::Duration;
use support::sync::Arc;
use support::worker::Worker;
use support::{Rng, check, plain, repeat, until, us};

const LONG: Duration = Duration::from_secs(3600);

/// The chance of worker `w` in a round.
fn chance(round: usize, w: usize) -> Rng {
    Rng::of((round as u64) << 8 | (w as u64) << 40)
}

/// What was done to one timer.
#[derive(Default, Clone)]
struct Book {
    set: Vec<i64>,
    received: Vec<i64>,
    taken_back: usize,
}

impl Book {
    fn got(&mut self, r: Result<Time, RecvError>) {
        match r {
            Ok(due) => {
                assert!(now() >= due, "early");
                self.received.push(due.0)
            }
            Err(Status::WouldBlock | Status::TimedOut) => {}
            Err(s) => panic!("{s:?}"),
        }
    }

    fn answered(&mut self, prevented: bool) {
        self.taken_back += usize::from(prevented)
    }

    fn add(&mut self, other: Book) {
        self.set.extend(other.set);
        self.received.extend(other.received);
        self.taken_back += other.taken_back;
    }

    fn assert_balanced(&self) {
        let unique = |all: &[i64]| -> HashSet<i64> { all.iter().copied().collect() };
        let (set, received) = (unique(&self.set), unique(&self.received));
        assert_eq!(set.len(), self.set.len(), "each setting has a time of its own");
        assert_eq!(received.len(), self.received.len(), "received twice");
        assert!(received.is_subset(&set), "received, but never set");
        let (s, r, t) = (set.len(), received.len(), self.taken_back);
        assert_eq!(s, r + t, "{s} settings, {r} received, {t} taken back");
    }
}

/// Times that nobody else uses: the worker's number stands in the last digits.
struct Times {
    number: i64,
    used: HashSet<i64>,
}

impl Times {
    fn new(number: usize) -> Times {
        Times { number: number as i64, used: HashSet::new() }
    }

    /// Around now, mostly soon; some have passed, and some are far away.
    fn pick(&mut self, rng: &mut Rng) -> Time {
        loop {
            let d = match rng.below(8) {
                0 => -(rng.below(50_000) as i64),
                1 => LONG.as_nanos() as i64,
                2 => 0,
                _ => rng.below(250_000) as i64,
            };
            let at = (now().0 + d) / 64 * 64 + self.number;
            if self.used.insert(at) {
                return Time(at);
            }
        }
    }
}

/// A worker's life among `timers`.
fn live(timers: &[Arc<Timer>], ops: usize, number: usize, mut rng: Rng) -> Vec<Book> {
    let mut books = vec![Book::default(); timers.len()];
    let mut times = Times::new(number);
    for _ in 0..ops {
        let (i, j) = (rng.below(timers.len()), rng.below(timers.len()));
        let (t, other) = (&*timers[i], &*timers[j]);
        let wait = Wait::timeout(us(rng.below(150) as u64));
        match rng.below(9) {
            0..=2 => {
                let at = times.pick(&mut rng);
                books[i].set.push(at.0);
                books[i].answered(t.reset_at(at));
            }
            3 => books[i].answered(t.stop()),
            4 => books[i].got(t.try_recv()),
            5 => books[i].got(t.recv_with(wait)),
            6 => {
                let mut s = gort::Select::new();
                let cases = [(s.recv(t), i), (s.recv(other), j)];
                if let Ok(mut done) = s.wait_with(wait) {
                    cases.into_iter().for_each(|(case, of)| done.recv(case).into_iter().for_each(|r| books[of].got(r)))
                }
            }
            7 => {
                let mut s = gort::Selector::new();
                let cases = [(s.recv(t).unwrap(), i), (s.recv(other).unwrap(), j)];
                for _ in 0..2 {
                    if let Ok(mut done) = s.wait_with(wait) {
                        for &(case, of) in &cases {
                            done.recv(case).into_iter().for_each(|r| books[of].got(r))
                        }
                    }
                }
            }
            _ => yield_now(),
        }
    }
    books
}

fn settings(round: usize, threads: bool) {
    let mut rng = chance(round, 0);
    let timers: Vec<Arc<Timer>> = (0..1 + rng.below(6)).map(|_| Arc::new(Timer::stopped())).collect();
    let mut books = vec![Book::default(); timers.len()];
    // Some have readers that wait without limit: one that is not woken hangs. Each goes when it gets a time before all time.
    let gone = Arc::new(AtomicUsize::new(0));
    let mut readers = Vec::new();
    for (i, t) in timers.iter().enumerate() {
        for _ in 0..rng.below(3) {
            let (t, gone) = (t.clone(), gone.clone());
            let read = move || {
                let mut book = Book::default();
                while book.received.last().is_none_or(|last| *last >= 0) {
                    book.got(t.recv());
                }
                gone.fetch_add(1, SeqCst);
                book
            };
            readers.push((i, Worker::start(&mut rng, threads, read)));
        }
    }
    let workers: Vec<_> = (1..2 + rng.below(5))
        .map(|w| {
            let timers = timers.clone();
            Worker::start(&mut rng, threads, move || live(&timers, 60, w, chance(round, w)))
        })
        .collect();
    for w in workers {
        for (book, theirs) in books.iter_mut().zip(w.join()) {
            book.add(theirs)
        }
    }
    for (n, (i, _)) in readers.iter().enumerate() {
        let last = -1 - n as i64;
        books[*i].set.push(last);
        books[*i].answered(timers[*i].reset_at(Time(last)));
        until(|| gone.load(SeqCst) == n + 1);
    }
    readers.into_iter().for_each(|(i, reader)| books[i].add(reader.join()));
    for (t, mut book) in timers.iter().zip(books) {
        book.answered(t.stop());
        assert_eq!(t.try_recv(), Err(Status::WouldBlock), "no value of a setting that was stopped");
        book.assert_balanced();
    }
}

#[test]
fn each_setting_ends_in_one_way() {
    check(|| {
        Rng::new();
        repeat(60, 300, |r| settings(r, false));
        nothing_is_left()
    })
}

#[test]
fn each_setting_ends_in_one_way_with_threads() {
    plain(|| {
        Rng::new();
        repeat(60, 300, |r| settings(r + (1 << 20), true));
        nothing_is_left()
    })
}

/// Ticks of one setting are in phase, and none is received twice, by however many readers.
fn ticks(round: usize, threads: bool) {
    let mut rng = chance(round, 0);
    let period = 5_000 + rng.below(60_000) as i64;
    let t = Arc::new(Ticker::new(Duration::from_nanos(period as u64)).unwrap());
    let readers: Vec<_> = (1..2 + rng.below(4))
        .map(|w| {
            let (t, mut own) = (t.clone(), chance(round, w));
            let read = move || {
                let mut book = Book::default();
                while book.received.len() < 12 {
                    match own.below(4) {
                        0 => book.got(t.try_recv()),
                        1 => book.got(t.recv_with(Wait::timeout(us(own.below(100) as u64)))),
                        _ => book.got(t.recv()),
                    }
                    if own.below(6) == 0 {
                        std::thread::sleep(us(own.below(200) as u64)) // too slow for some ticks
                    }
                }
                assert!(book.received.is_sorted(), "of one reader the later tick comes later");
                book.received
            };
            Worker::start(&mut rng, threads, read)
        })
        .collect();
    let all: Vec<i64> = readers.into_iter().flat_map(Worker::join).collect();
    assert!(all.iter().all(|at| (at - all[0]) % period == 0), "in phase");
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len(), "received twice");
}

#[test]
fn each_tick_is_received_at_most_once() {
    plain(|| {
        Rng::new();
        repeat(40, 60, |r| ticks(r, r % 2 == 0));
        nothing_is_left()
    })
}

/// Counts the drops of what it stands in.
struct Counted(Arc<AtomicUsize>);
impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, SeqCst);
    }
}

/// Function timers that many set and stop; some go while they are set.
fn functions(round: usize, threads: bool) {
    let mut rng = chance(round, 0);
    let n = 1 + rng.below(5);
    let dropped = Arc::new(AtomicUsize::new(0));
    let ran: Vec<_> = (0..n).map(|_| Arc::new(AtomicUsize::new(0))).collect();
    let timers: Vec<Arc<FuncTimer>> = ran
        .iter()
        .map(|ran| {
            let (ran, counted) = (ran.clone(), Counted(dropped.clone()));
            Arc::new(after_func(Duration::MAX, move || {
                let _ = &counted;
                ran.fetch_add(1, SeqCst);
            }))
        })
        .collect();
    let workers: Vec<_> = (1..2 + rng.below(5))
        .map(|w| {
            let (timers, mut own) = (timers.clone(), chance(round, w));
            Worker::start(&mut rng, threads, move || {
                let mut books = vec![(0, 0); timers.len()];
                for _ in 0..60 {
                    let i = own.below(timers.len());
                    let prevented = match own.below(4) {
                        0 => timers[i].stop(),
                        1 => {
                            yield_now();
                            continue;
                        }
                        _ => {
                            books[i].0 += 1;
                            timers[i].reset(us(own.below(120) as u64))
                        }
                    };
                    books[i].1 += usize::from(prevented);
                }
                books
            })
        })
        .collect();
    let mut books = vec![(0, 0); n];
    for w in workers {
        for (book, theirs) in books.iter_mut().zip(w.join()) {
            *book = (book.0 + theirs.0, book.1 + theirs.1)
        }
    }
    for (i, t) in timers.into_iter().enumerate() {
        if rng.below(2) == 0 {
            books[i].1 += usize::from(t.stop());
        }
        drop(t); // the last handle: what is set still runs
        let (set, taken_back) = books[i];
        until(|| ran[i].load(SeqCst) + taken_back >= set);
        assert_eq!(ran[i].load(SeqCst) + taken_back, set, "calls and what was taken back are all settings");
    }
    until(|| dropped.load(SeqCst) == n);
}

#[test]
fn each_setting_of_a_function_is_one_call() {
    check(|| {
        Rng::new();
        repeat(60, 200, |r| functions(r, false));
        nothing_is_left()
    })
}

#[test]
fn each_setting_of_a_function_is_one_call_with_threads() {
    plain(|| {
        Rng::new();
        repeat(60, 200, |r| functions(r + (1 << 20), true));
        nothing_is_left()
    })
}

/// Channels that own their timer, and timers, that go at any moment: while they fire, while somebody has just given up.
fn releases(round: usize, threads: bool) {
    let mut rng = chance(round, 0);
    let workers: Vec<_> = (1..5)
        .map(|w| {
            let mut own = chance(round, w);
            Worker::start(&mut rng, threads, move || {
                for _ in 0..40 {
                    let begin = now();
                    let (d, wait) = (us(own.below(60) as u64), Wait::timeout(us(own.below(80) as u64)));
                    let due = match own.below(4) {
                        0 => after(d).recv_with(wait),
                        1 => tick(d + us(1)).map_or(Err(Status::TimedOut), |rx| rx.recv_with(wait)),
                        2 => Timer::new(d).recv_with(wait),
                        _ => {
                            let (a, b) = (after(d), after(2 * d));
                            let mut s = gort::Select::new();
                            let first = s.recv(&a);
                            s.recv(&b);
                            s.wait_with(wait).map_or(Err(Status::TimedOut), |mut done| {
                                done.recv(first).unwrap_or(Err(Status::TimedOut))
                            })
                        }
                    };
                    if let Ok(due) = due {
                        assert!(due.0 >= begin.0 + d.as_nanos() as i64 && now() >= due, "early");
                    }
                }
            })
        })
        .collect();
    workers.into_iter().for_each(Worker::join);
}

#[test]
fn they_go_at_any_moment() {
    plain(|| {
        Rng::new();
        repeat(40, 160, |r| releases(r, r % 2 == 0));
        nothing_is_left()
    })
}

/// Nothing of what was made is alive. (That no node is left in a wheel is looked at by the fixture.)
fn nothing_is_left() {
    until(|| gort::sched::objects::live("timers") == 0)
}

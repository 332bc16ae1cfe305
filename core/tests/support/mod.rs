//! The fixture of the suites: every test body runs with 1, 2 and 5 workers, each time in a process of its own.
//!
//! What this is: `check` (the body is the main task of a run), `plain` (the body is a plain thread's) and `alone` (the
//! same in a process that has that one thread, for the judge of deadlocks counts them). The test function runs itself again: it starts
//! this very program with its own name and `GORT_TEST_CHILD` set, and there the body runs. So a crash or a hang costs one
//! test, counters start at zero, and two tests never share a runtime.
//! What this is NOT: a test runner; libtest is.
//!
//!  F1  A child says `RAN` at its end; a name that matches nothing therefore fails.
//!  F2  A panic anywhere in a child (any task, any thread) ends the child at once, unless `allow_panics` was called.
//!  F3  A watchdog dumps the tasks and aborts after `LIMIT`; the parent kills a child that does not even do that.
//!  F4  At the end no task, channel, wait group, timer, run and no stack in use is left (`assert_clean`); looked at for a
//!      while, since a task's slot may be freed a moment after its join has returned.
//!
//! Environment: `GORT_WORKERS=n` only this number of workers; `GORT_TEST_SEED=n` (or `GORT_STRESS_SEED`) the seed of random
//! tests, which is printed; `GORT_STRESS=deep` at least 1 s (`GORT_STRESS_SECONDS`) and 10^6 operations for each `repeat`.
//!
//! Rejected: one process for all with a lock around each test (a hang ends the whole suite, a leak is blamed on the next test).

#![allow(dead_code, clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bodies;
pub mod hogs;
pub mod sync;
pub mod worker;

use gort::sched::task::{KIND_TASK, PARKED, TASKS, Task};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::*};
use std::time::{Duration, Instant, SystemTime};

const CHILD: &str = "GORT_TEST_CHILD";
const RAN: &str = "the body ran to its end";
/// Seconds after which a child counts as hung.
const LIMIT: u64 = 30;

/// Runs `body` as the main task of a run, with each number of workers.
pub fn check<F: FnOnce() + Send + 'static>(body: F) {
    check_on(&workers_wanted(), body)
}

/// `check` with these numbers of workers.
pub fn check_on<F: FnOnce() + Send + 'static>(workers: &[usize], body: F) {
    again::<F>("run", workers, &[], || {
        let workers = child_workers();
        let config = gort::Config { workers, ..gort::Config::default() };
        if let Err(e) = gort::run_with(&config, body) {
            fail(&format!("the run ended with {e}"))
        }
    })
}

/// Runs `body` on a plain thread; the runtime, if it starts, has that number of workers.
pub fn plain<F: FnOnce()>(body: F) {
    plain_on(&workers_wanted(), body)
}

/// `plain` with these numbers of workers.
pub fn plain_on<F: FnOnce()>(workers: &[usize], body: F) {
    again::<F>("plain", workers, &[], body)
}

/// `plain` in a process that has the main thread and nothing else, with more environment.
pub fn alone<F: FnOnce()>(workers: &[usize], env: &[(&str, &str)], body: F) {
    again::<F>("alone", workers, env, body)
}

/// The numbers of workers that are asked for.
pub fn workers_wanted() -> Vec<usize> {
    match std::env::var("GORT_WORKERS").ok().and_then(|w| w.parse().ok()) {
        Some(w) => vec![w],
        None => vec![1, 2, 5],
    }
}

/// In a child: its number of workers.
pub fn child_workers() -> usize {
    std::env::var(CHILD).ok().and_then(|v| v.split(':').nth(1).and_then(|w| w.parse().ok())).unwrap_or(1)
}

/// The test function in which the type `F` of a closure was written, as libtest calls it.
fn name_of<F>() -> String {
    let full = std::any::type_name::<F>();
    let path: Vec<&str> = full.split("::").skip(1).filter(|p| !p.starts_with('{')).collect();
    path.join("::")
}

fn again<F>(mode: &str, workers: &[usize], env: &[(&str, &str)], body: impl FnOnce()) {
    if std::env::var_os(CHILD).is_some() {
        return child(mode, body);
    }
    let name = name_of::<F>();
    for w in workers {
        run_test(&name, &format!("{mode}:{w}"), env);
    }
}

/// Runs another test of this program (an ignored one, most likely) in a child; it must pass.
pub fn run_test(name: &str, how_to_run: &str, env: &[(&str, &str)]) {
    let (status, text) = start(name, how_to_run, env);
    let well = status.is_some_and(|s| s.success()) && text.contains(RAN);
    assert!(well, "{name} ({how_to_run}): {}\n{text}", how(status));
}

fn how(status: Option<ExitStatus>) -> String {
    status.map_or("killed, it did not end".into(), |s| s.to_string())
}

/// Runs this program's test `name` in a child and gives what it printed; None: it had to be killed.
fn start(name: &str, how: &str, env: &[(&str, &str)]) -> (Option<ExitStatus>, String) {
    let exe = std::env::current_exe().expect("path of this program");
    let mut c = Command::new(exe);
    c.args([name, "--exact", "--nocapture", "--test-threads=1", "--include-ignored"]);
    c.env("RUST_BACKTRACE", "0")
        .env_remove("RUST_TEST_THREADS")
        .env_remove("GORT_WORKERS")
        .env_remove("GORT_SEED")
        .env_remove("GORT_LOG");
    if !how.starts_with("run") {
        c.env("GORT_WORKERS", how.split(':').nth(1).unwrap_or("1"));
    }
    c.env(CHILD, how).env("GORT_TEST_SEED", seed().to_string()).envs(env.iter().copied());
    wait_for(c, Duration::from_secs(LIMIT * patience() + 15))
}

/// Runs a command to its end, or kills it; gives both streams.
pub fn wait_for(mut c: Command, limit: Duration) -> (Option<ExitStatus>, String) {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let path = scratch(&format!("out-{}-{}", std::process::id(), NUMBER.fetch_add(1, Relaxed)));
    let out = std::fs::File::create(&path).expect("a file for the child's output");
    let both = out.try_clone().expect("a second handle of it");
    let mut p = c.stdin(std::process::Stdio::null()).stdout(out).stderr(both).spawn().expect("a child process");
    let until = Instant::now() + limit;
    let mut pause = Duration::from_micros(500);
    let status = loop {
        if let Some(s) = p.try_wait().expect("the child's state") {
            break Some(s);
        }
        if Instant::now() > until {
            let _ = p.kill();
            let _ = p.wait();
            break None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    };
    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
    let _ = std::fs::remove_file(&path);
    (status, text)
}

/// A path for a temporary file.
pub fn scratch(name: &str) -> PathBuf {
    let dir = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let _ = std::fs::create_dir_all(&dir);
    dir.join(name)
}

static PANICS_ALLOWED: AtomicBool = AtomicBool::new(false);

/// From here on a panic does not end the child (F2).
pub fn allow_panics() {
    PANICS_ALLOWED.store(true, SeqCst)
}

fn child(mode: &str, body: impl FnOnce()) {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if !PANICS_ALLOWED.load(SeqCst) {
            default(info);
        }
        if !PANICS_ALLOWED.load(SeqCst) {
            fail("a panic")
        }
    }));
    if mode == "alone" {
        return in_lone_process(body);
    }
    watchdog(Duration::from_secs(LIMIT * patience()));
    body();
    assert_clean();
    println!("{RAN}");
}

/// libtest has a thread of its own; a forked process has the calling one only. gort was not touched before.
fn in_lone_process(body: impl FnOnce()) {
    // SAFETY: the forked process uses the allocator, which glibc prepares for it, and standard output, which nobody writes to now.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid > 0 {
        let mut status = 0;
        // SAFETY: our child; `status` is writable.
        unsafe { libc::waitpid(pid, &mut status, 0) };
        assert_eq!(status, 0, "how the lone process ended (14: nothing ended in time)");
        return;
    }
    // SAFETY: no preconditions.
    unsafe { libc::alarm((LIMIT * patience()) as u32) };
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let threads = status.lines().find_map(|l| l.strip_prefix("Threads:")).map(str::trim);
    assert_eq!(threads, Some("1"), "a process that is not alone");
    body();
    assert_clean();
    println!("{RAN}");
    // SAFETY: ends the process without running what belongs to libtest.
    unsafe { libc::_exit(0) }
}

/// Ends a child in which something is left that nothing can take away (what a shutdown gave up): it has passed.
pub fn passed_as_it_is() -> ! {
    println!("{RAN}");
    // SAFETY: ends the process without running what belongs to libtest.
    unsafe { libc::_exit(0) }
}

/// Ends the process with the dump. Called from anywhere, also when the runtime is broken.
pub fn fail(why: &str) -> ! {
    eprintln!("test failed: {why}; GORT_TEST_SEED={}, round {} of a repeat", seed(), ROUND.load(Relaxed));
    static TOLD: AtomicBool = AtomicBool::new(false);
    // In a thread of its own, for a lock may be held for ever.
    let made = std::thread::Builder::new().spawn(|| {
        eprintln!("{}{:?}\n{}", gort::dump(), gort::metrics(), schedulers());
        TOLD.store(true, SeqCst);
    });
    for _ in 0..if made.is_ok() { 300 } else { 0 } {
        if TOLD.load(SeqCst) {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    std::process::abort()
}

/// Processors and threads as they are now, without a lock: for whoever must find out why nothing goes on.
fn schedulers() -> String {
    use std::fmt::Write;
    let mut s = String::new();
    for lane in gort::sched::runtime::get().into_iter().flat_map(|rt| rt.lanes()) {
        let flags = (lane.has_idle(), lane.is_wanted(), lane.injector.len(), lane.active());
        let _ = writeln!(s, "lane {}: has idle, is wanted, injected, active = {flags:?}", lane.id);
        for p in lane.processors().take(lane.active() + 3) {
            // SAFETY: threads are never freed.
            let tid = unsafe { p.owner.load(Relaxed).as_ref() }.map_or(0, |t| t.tid.load(Relaxed));
            let (next, ring, tick) = (!p.next.load(Relaxed).is_null(), !p.ring.is_empty(), p.tick.load(Relaxed));
            let _ = write!(s, "  processor {} at {p:p}: owner {tid}, next {next}, ring {ring}, tick {tick}", p.id);
            let _ = writeln!(s, ", idle {}, timer {}", p.idle.get(), p.wheel.earliest_shared());
        }
    }
    for t in gort::sched::thread::all().filter(|t| t.alive.load(Relaxed)) {
        let (word, inside) = t.bracket.peek();
        let (listed, spinning, mail) = (t.listed.get(), t.spinning.get(), !t.mailbox.is_empty());
        let _ = write!(s, "  thread {}: processor {word:#x}, inside {inside}, listed {listed}", t.tid.load(Relaxed));
        let _ = writeln!(s, ", spinning {spinning}, mail {mail}, runs a task {}", !t.current.get().is_null());
    }
    s
}

/// A thread that fails the test after `limit` (F3).
pub fn watchdog(limit: Duration) {
    std::thread::spawn(move || {
        std::thread::sleep(limit);
        fail(&format!("nothing ended within {limit:?}"))
    });
}

/// Nothing of gort is alive any more (F4).
pub fn assert_clean() {
    let until = Instant::now() + Duration::from_secs(3);
    loop {
        let m = gort::metrics();
        let left = [m.tasks, m.channels, m.wait_groups, m.timers, m.runs, m.stacks_in_use];
        if left.iter().all(|n| *n == 0) {
            return;
        }
        if Instant::now() > until {
            fail(&format!("left alive: tasks, channels, wait groups, timers, runs, stacks in use = {left:?}"))
        }
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// Every selector that was not leaked is given back.
pub fn no_selector_is_left() {
    assert_eq!(gort::sched::objects::live("selectors"), 0, "selectors left alive");
}

// ---- time and scale

/// Sanitizers and slow machines: `GORT_TEST_PATIENCE=3` makes every limit three times as long.
fn patience() -> u64 {
    std::env::var("GORT_TEST_PATIENCE").ok().and_then(|v| v.parse().ok()).unwrap_or(if is_deep() { 5 } else { 1 })
}

pub fn is_deep() -> bool {
    std::env::var("GORT_STRESS").is_ok_and(|v| v == "deep")
}

/// A number for quick runs, and one for deep ones.
pub fn scale<T>(quick: T, deep: T) -> T {
    if is_deep() { deep } else { quick }
}

/// Which round of `repeat` runs, for whoever fails in it.
static ROUND: AtomicUsize = AtomicUsize::new(0);

/// Calls `f` with 0, 1, ... `quick` times; deep: until a second and 10^6 operations, `ops` a call, are over,
/// or 10 seconds.
pub fn repeat(quick: usize, ops: u64, mut f: impl FnMut(usize)) {
    let mut f = |i| {
        ROUND.store(i, Relaxed);
        f(i)
    };
    if !is_deep() {
        return (0..quick).for_each(f);
    }
    let seconds = std::env::var("GORT_STRESS_SECONDS").ok().and_then(|v| v.parse().ok()).unwrap_or(1.0);
    let start = Instant::now();
    let mut i = 0;
    // What takes milliseconds a call (a fork, a thread, a deadline) is ended by the time alone.
    let most = f64::max(seconds, 10.0);
    while i < quick || start.elapsed().as_secs_f64() < seconds || (i as u64) * ops < 1_000_000 {
        if start.elapsed().as_secs_f64() > most {
            break;
        }
        f(i);
        i += 1;
    }
}

pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

pub const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// Sleeps as a plain thread, also inside a task: blocks the OS thread.
pub fn block_thread(d: Duration) {
    std::thread::sleep(d)
}

// ---- chance

/// The seed of this run of the suite. Two that ask first agree by the exchange; std's own once-cells are not seen by TSan.
pub fn seed() -> u64 {
    /// The seed plus one; 0: not chosen yet.
    static SEED: AtomicU64 = AtomicU64::new(0);
    if SEED.load(Relaxed) == 0 {
        let given = std::env::var("GORT_TEST_SEED").or_else(|_| std::env::var("GORT_STRESS_SEED"));
        let seed = given.ok().and_then(|s| s.parse().ok()).unwrap_or_else(|| {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            (now.as_nanos() as u64 ^ (std::process::id() as u64) << 40) % 1_000_000_007
        });
        let _ = SEED.compare_exchange(0, u64::saturating_add(seed, 1), Relaxed, Relaxed);
    }
    SEED.load(Relaxed) - 1
}

/// splitmix64, seeded by `seed()` and a number of the caller's.
#[derive(Clone)]
pub struct Rng(u64);

impl Rng {
    /// The chance of a test: prints how to repeat it.
    pub fn new() -> Rng {
        println!("GORT_TEST_SEED={} repeats this", seed());
        Rng::of(0)
    }

    /// The chance of one of its tasks.
    pub fn of(n: u64) -> Rng {
        Rng(seed().wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ n.wrapping_mul(0xD6E8_FEB8_6659_FD93))
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

// ---- looking at tasks

/// Live tasks for which `f` holds.
pub fn count_tasks(mut f: impl FnMut(&Task) -> bool) -> usize {
    let mut n = 0;
    TASKS.for_each(|t| {
        // SAFETY: slots are type-stable, and only atomics are read.
        let t = unsafe { t.as_ref() };
        n += usize::from(t.header.kind.load(Acquire) == KIND_TASK && f(t));
    });
    n
}

/// Parked tasks.
pub fn parked() -> usize {
    count_tasks(|t| t.state.load(Acquire) == PARKED)
}

/// Waits (in a task or a plain thread) until at least `n` tasks are parked.
pub fn until_parked(n: usize) {
    until(|| parked() >= n)
}

/// Waits until `f` holds, letting others run.
pub fn until(mut f: impl FnMut() -> bool) {
    let mut rounds = 0u32;
    while !f() {
        rounds += 1;
        if rounds.is_multiple_of(64) {
            let _ = gort::sleep(us(100));
        } else {
            gort::yield_now();
        }
    }
}

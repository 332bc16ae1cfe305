//! What the models share: `explore`, and threads that are joined.
//!
//! A model is explored to its end within its own bound on preemptions (a switch away from a thread that could go on); most bugs of such protocols need
//! two or three. `GORT_LOOM_MORE=1` raises every bound by one. The line printed says how many schedules that were.
//!
//! What loom cannot: it knows no membarrier, so `light` and `heavy` (sys/barrier.rs) are SeqCst fences on both sides; it treats SeqCst accesses as AcqRel; it has no total
//! modification order of stores that race (so a plain store against a CAS may fail here and hold on a machine), and plain memory is sequentially consistent: a
//! `Cell` of `sys/prim.rs` is checked for races instead. Spinning is yielding: a lost wake-up shows as a schedule with too many branches.

#![allow(dead_code)]

pub mod chan;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Explores every schedule of `f` with at most `bound` preemptions.
pub fn explore(name: &str, bound: usize, f: impl Fn() + Send + Sync + 'static) {
    let more = std::env::var("GORT_LOOM_MORE").ok().and_then(|v| v.parse().ok()).unwrap_or(0);
    let mut b = loom::model::Builder::new();
    b.preemption_bound = Some(bound + more);
    b.max_branches = 5_000;
    let n = Arc::new(AtomicUsize::new(0));
    let (count, start) = (n.clone(), Instant::now());
    b.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        gort::sched::begin();
        f()
    });
    let (n, t) = (n.load(Ordering::Relaxed), start.elapsed().as_secs_f32());
    // Not by println: a test that passes says nothing, and the record wants these lines.
    let _ = writeln!(std::io::stdout(), "schedules {n:>8}  bound {}  {t:>5.1} s  {name}", bound + more);
}

/// Runs the threads of a model beside the calling one, which is `first`; returns when all are over.
pub fn together(others: Vec<Box<dyn FnOnce()>>, first: impl FnOnce()) {
    let hs: Vec<_> = others.into_iter().map(|f| loom::thread::spawn(f)).collect();
    first();
    for h in hs {
        h.join().unwrap();
    }
}

/// One thread beside the calling one.
pub fn beside(other: impl FnOnce() + 'static, first: impl FnOnce()) {
    together(vec![Box::new(other)], first)
}

/// A `&'static` that loom's threads may share.
pub fn shared<T>(value: T) -> &'static T {
    gort::sys::slab::leak(value)
}

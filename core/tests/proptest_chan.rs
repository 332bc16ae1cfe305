//! Generated programs: sequences on one thread against plain queues (`program/`), and small ones of several tasks, with what must hold at their end.
//!
//! What this is: breadth; operations in orders that nobody thought of. `GORT_TEST_SEED` repeats the programs (not the schedule of the second kind). A program that fails is made
//! smaller, and printed in words. What it is NOT: the models (`loom_*.rs`), which know every order of a few steps, or stress.rs, which is long.

#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

mod program;
mod support;
#[path = "program/tasks.rs"]
mod tasks;

use program::Step;
use proptest::collection::vec;
use proptest::prelude::any;
use proptest::test_runner::{Config, RngAlgorithm, TestError, TestRng, TestRunner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use support::{Rng, allow_panics, check_on, plain_on, repeat, scale, seed};

/// A program is `most` steps long, or shorter.
fn programs(cases: u32, most: usize) {
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 20_000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed().to_le_bytes());
    println!("GORT_TEST_SEED={} repeats this", seed());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    let outcome = runner.run(&vec(any::<Step>(), 0..most), |steps| {
        program::run(&steps);
        Ok(())
    });
    if let Err(e) = outcome {
        match e {
            TestError::Fail(why, steps) => panic!("{why}, a small program:{}", program::text(&smaller(steps))),
            e => panic!("{e}"),
        }
    }
}

/// Without the steps that it fails without: proptest makes one pass of that, and then the operands smaller.
fn smaller(mut steps: Vec<Step>) -> Vec<Step> {
    let fails = |s: &[Step]| catch_unwind(AssertUnwindSafe(|| program::run(s))).is_err();
    let mut i = 0;
    while i < steps.len() {
        let mut fewer = steps.clone();
        fewer.remove(i);
        if fails(&fewer) {
            steps = fewer;
            i = 0;
        } else {
            i += 1;
        }
    }
    steps
}

#[test]
fn sequences_of_operations_do_as_plain_queues_do() {
    plain_on(&[1], || {
        // Panics are what proptest works with; the last one ends the child.
        allow_panics();
        if let Err(e) = catch_unwind(AssertUnwindSafe(|| {
            programs(scale(1000, 20_000), 60);
            programs(scale(30, 800), 1500);
        })) {
            let text = e.downcast_ref::<String>().map_or("a panic", String::as_str);
            support::fail(text)
        }
    })
}

#[test]
fn small_programs_of_tasks_lose_and_double_nothing() {
    check_on(&[1, 2], || {
        Rng::new();
        repeat(400, 50, |round| tasks::run(round as u32, false));
        repeat(200, 150, |round| tasks::flow(round as u32, false))
    })
}

#[test]
fn small_programs_of_tasks_and_threads_lose_and_double_nothing() {
    plain_on(&[1, 2], || {
        Rng::new();
        repeat(300, 50, |round| tasks::run(round as u32, true));
        repeat(100, 150, |round| tasks::flow(round as u32, true))
    })
}

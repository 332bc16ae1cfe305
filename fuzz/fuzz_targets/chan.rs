//! Programs of channel operations, compared with plain queues (`core/tests/program`); libFuzzer looks for bytes that reach new code.
//!
//! A program that fails is printed in words before the process ends; its bytes are in the file that libFuzzer names.

#![no_main]
#![allow(clippy::disallowed_methods, clippy::disallowed_types)]

#[path = "../../core/tests/program/mod.rs"]
mod program;

use libfuzzer_sys::fuzz_target;
use program::Step;
use std::cell::RefCell;
use std::sync::Once;

thread_local!(static RUNNING: RefCell<Vec<Step>> = const { RefCell::new(Vec::new()) });

fuzz_target!(|data: &[u8]| {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let end = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            RUNNING.with(|r| eprintln!("the program:{}", program::text(&r.borrow())));
            end(info)
        }));
    });
    let steps: Vec<Step> = data.as_chunks().0.to_vec();
    RUNNING.with(|r| r.replace(steps.clone()));
    program::run(&steps)
});

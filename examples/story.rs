//! The helpers the Rust stories share; nothing here is needed to use gort.
//!
//! [`end`] is the last call of `main`: the run must have succeeded, and nothing may be left alive behind it;
//! [`nothing_left`] is the second half of that, for a story whose runs do not succeed.
//! [`name`] is for printing: the name of a result's status. This file is NOT part of the library and NOT a test framework: a story shows its result on stdout, and `check.py`
//! compares that with `OUTPUT`. What `end` finds goes to stderr.

use gort::Status;
use std::fmt::Debug;
use std::process::ExitCode;

/// Turns the result of `gort::run` into the exit code of the program.
pub fn end<R, E: Debug>(run: Result<R, E>) -> ExitCode {
    if let Err(e) = run {
        eprintln!("the run ended with {e:?}");
        return ExitCode::FAILURE;
    }
    nothing_left()
}

/// After a run every task has ended and every channel, WaitGroup and selector of the story has been dropped.
pub fn nothing_left() -> ExitCode {
    let left = gort::metrics();
    let alive = [left.tasks, left.channels, left.wait_groups, left.selectors];
    if alive.iter().any(|n| *n != 0) {
        let [tasks, channels, groups, selectors] = alive;
        eprintln!("left alive: {tasks} tasks, {channels} channels, {groups} WaitGroups, {selectors} selectors");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The name of the status a result stands for, as C spells it: `GORT_OK`, or that of the error.
pub fn name<T>(result: &Result<T, Status>) -> &'static str {
    result.as_ref().err().unwrap_or(&Status::Ok).name()
}

//! hello: a task beside main, and what becomes of it when main returns.
//!
//! `gort::run` makes `app` the main task. `app` starts a second task, hears from it over a channel, and returns while
//! that task still waits for something that never comes. The run then cancels it: its blocked call returns
//! `Canceled`, it leaves by an ordinary return, and `gort::run` comes back.

use std::process::ExitCode;

fn app() {
    let (said, heard) = gort::channel::<()>(0); // only the moment counts, so the value is empty
    println!("main: starting a task");
    gort::go(move || {
        println!("task: hello from a task");
        said.send(()).unwrap();

        // This task holds both ends, so nobody can ever send: the call waits for ever, or until it is cancelled.
        let (_never, wait) = gort::channel::<()>(0);
        let status = wait.recv().unwrap_err();
        println!("task: my wait ended with {}", status.name());
    });
    heard.recv().unwrap(); // without this, main might return before the task said a word
    println!("main: returning, the task still waits");
}

fn main() -> ExitCode {
    // How long cancelled tasks may take, in nanoseconds; the default of 100 ms would do, too.
    let config = gort::Config { grace: 5_000_000_000, ..Default::default() };
    let run = gort::run_with(&config, app);
    println!("run: {}", if run.is_ok() { gort::Status::Ok.name() } else { "failed" });
    story::end(run)
}

// Go differs: there, main returning ends the process and the task is gone without a word. A library must not end its
// host, so gort cancels the tasks, waits for them a moment, and reports whoever does not end.

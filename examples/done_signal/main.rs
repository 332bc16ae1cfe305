//! done_signal: a channel that says "finished".
//!
//! 1. A done channel: main waits for a worker by receiving once.
//! 2. A channel of tasks: the worker takes until there is no more, then says so on its done channel.

use gort::{Receiver, Sender, Status};
use std::process::ExitCode;
use std::time::Duration;

fn worker(done: Sender<()>) {
    println!("Worker: started");
    gort::sleep(Duration::from_millis(20)).unwrap();
    println!("Worker: finished");
    done.send(()).unwrap();
}

fn clerk(tasks: Receiver<i32>, done: Sender<()>) {
    loop {
        match tasks.recv() {
            Ok(task) => println!("Worker: processing task {task}"),
            Err(Status::Closed) => break, // no more
            Err(other) => panic!("{}", other.name()),
        }
        gort::sleep(Duration::from_millis(2)).unwrap();
    }
    println!("Worker: all tasks done");
    done.send(()).unwrap();
}

fn app() {
    let (done, signal) = gort::channel(0);
    let worker_done = done.clone();
    gort::go(move || worker(worker_done));
    signal.recv().unwrap(); // sleeps until the worker signals
    println!("Main: all done");

    let (tasks, inbox) = gort::channel(3);
    gort::go(move || clerk(inbox, done));
    for i in 1..=5 {
        tasks.send(i).unwrap(); // runs ahead by three at most, then waits
    }
    tasks.close().unwrap(); // no more tasks
    signal.recv().unwrap();
    println!("Main: worker finished");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go; `task, more := <-tasks` is the result of the receive.

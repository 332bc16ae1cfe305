//! task_limit: a ceiling on the number of live tasks.
//!
//! Tasks are cheap, but a flood of them still fills memory. With `max_tasks` in the config, a start beyond the limit
//! is refused with `Limit`: nothing runs, nothing is lost, the caller still has the work in hand and decides.

use gort::{Receiver, Sender, Status};
use std::process::ExitCode;

const ASKED: usize = 20;
const LIMIT: usize = 8; // main itself is one of them

fn start(gate: &Receiver<()>, ran: &Sender<()>) -> Result<(), Status> {
    let (gate, ran) = (gate.clone(), ran.clone());
    gort::try_go(move || {
        assert_eq!(gate.recv(), Err(Status::Closed)); // alive until the gate opens
        ran.send(()).unwrap();
    })
}

fn app() {
    let (open, gate) = gort::channel::<()>(0);
    let (ran, has_run) = gort::channel::<()>(0);
    let (mut started, mut refused) = (0, 0);
    for _ in 0..ASKED {
        match start(&gate, &ran) {
            Ok(()) => started += 1,
            Err(Status::Limit) => refused += 1,
            Err(other) => panic!("{}", other.name()),
        }
    }
    println!("asked for {ASKED}, started {started}, refused with GORT_LIMIT {refused}");

    open.close().unwrap();
    for _ in 0..started {
        has_run.recv().unwrap();
    }
    println!("all that started have run");

    // There is room again. A task counts until it has ended, so the refused ones may have to wait a moment.
    for _ in 0..refused {
        while start(&gate, &ran) == Err(Status::Limit) {
            gort::yield_now();
        }
        has_run.recv().unwrap();
    }
    println!("all that were refused have run later");
}

fn main() -> ExitCode {
    // A limit counts for a run that starts the runtime, as this one does.
    let config = gort::Config { max_tasks: LIMIT, ..Default::default() };
    story::end(gort::run_with(&config, app))
}

// Go differs: it has no such limit; a program counts by hand (see semaphore_channel) or uses a pool (worker_pool).

//! heartbeat: a sign of life while something works.
//!
//! 1. By hand: the worker selects over its work and a ticker.
//! 2. With the ready-made piece beside the work: at once, and then each period.

use gort::time::{Heartbeat, Ticker};
use std::process::ExitCode;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

fn by_hand() {
    let (work, todo) = gort::channel(0);
    let (pulse, alive) = gort::channel(1);
    let wg = gort::WaitGroup::new();
    wg.go(move || {
        let ticker = Ticker::new(2 * MS).unwrap();
        loop {
            let go_on = gort::select! {
                recv(todo) -> job => job.is_ok(),
                recv(ticker) -> _ => {
                    let _ = pulse.try_send(()); // nobody listens now: never mind
                    true
                },
            };
            if !go_on.unwrap() {
                return;
            }
        }
    });
    alive.recv().unwrap();
    println!("by hand: a pulse while there is no work");
    work.send(1).unwrap();
    alive.recv().unwrap();
    println!("by hand: a pulse between two jobs");
    drop(work);
    wg.wait().unwrap();
}

fn with_the_piece() {
    let (pulse, alive) = gort::channel(0);
    let mut heart = Heartbeat::new(2 * MS, move || drop(pulse.send(()))).unwrap();
    alive.recv().unwrap();
    println!("with the piece: at once");
    alive.recv().unwrap();
    println!("with the piece: and again");
    heart.stop();
    drop(alive);
    heart.join().unwrap();
    println!("stopped: the heart is still");
}

fn app() {
    by_hand();
    with_the_piece();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

//! fan_in: many producers, one channel, one reader.
//!
//! None of the producers may close the channel: the others still send. So a closer task waits for all of them on a
//! WaitGroup and closes then; the reader's loop ends.

use std::process::ExitCode;

fn app() {
    let (tx, rx) = gort::channel(0);
    let wg = gort::WaitGroup::new();
    for id in 1..=3 {
        let tx = tx.clone();
        wg.go(move || {
            for j in 1..=2 {
                tx.send(id * 10 + j).unwrap();
            }
        });
    }
    gort::go(move || {
        wg.wait().unwrap();
        tx.close().unwrap();
    });

    for v in rx {
        println!("Received: {v}");
    }
    println!("All producers are done");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. In Rust the closer can be left out: without our own `tx`, the last producer's end closes the channel.

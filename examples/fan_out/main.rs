//! fan_out: one producer, many consumers.
//!
//! All consumers receive from the same channel. Each value goes to exactly one of them: whoever is free takes the next.
//! Nothing is lost, nothing comes twice.

use std::process::ExitCode;

const CONSUMERS: usize = 4;
const VALUES: usize = 1000;

fn app() {
    let (tx, rx) = gort::channel(8);
    let consumers: Vec<_> = (1..=CONSUMERS)
        .map(|id| {
            let rx = rx.clone();
            gort::spawn(move || {
                let mut got = Vec::new();
                for v in rx {
                    got.push(v);
                    if v % 100 == 0 {
                        gort::yield_now(); // now and then let the others come first
                    }
                }
                println!("consumer {id} has ended");
                got
            })
        })
        .collect();
    for v in 0..VALUES {
        tx.send(v).unwrap(); // the producer is this task
    }
    tx.close().unwrap();

    let mut times = [0; VALUES];
    let mut total = 0;
    for consumer in consumers {
        for v in consumer.join().unwrap() {
            times[v] += 1;
            total += 1;
        }
    }
    let once = times.iter().filter(|&&n| n == 1).count();
    println!("{VALUES} values sent, {total} received, {once} exactly once");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. Who gets how many is not promised.

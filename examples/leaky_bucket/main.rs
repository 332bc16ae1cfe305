//! leaky_bucket: ten a second, evenly. Those that come too early queue, two at the most; or a bucket of two holds them, and what
//! does not fit is dropped.

use gort::Time;
use gort::limit::{LeakyBucket, Limiter};
use std::process::ExitCode;

fn app() {
    let (queue, drop) = (LeakyBucket::queue(10.0, 2).unwrap(), LeakyBucket::dropping(10.0, 2).unwrap());
    for _ in 0..4 {
        match queue.reserve_at(Time(0), 1, Time::NEVER) {
            Ok(r) => println!("queue: goes at {} ms", r.at().0 / 1_000_000),
            Err(_) => println!("queue: no place"),
        }
    }
    for _ in 0..4 {
        println!("drop: {}", if drop.allow_at(Time(0), 1) { "goes at once" } else { "dropped" });
    }
    assert!(drop.allow_at(Time(100_000_000), 1));
    println!("drop, 100 ms later: goes at once");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

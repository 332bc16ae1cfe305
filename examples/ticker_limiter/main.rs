//! ticker_limiter: requests at the pace of a ticker: with a ticker, and with the limiter that is paced as by one.

use gort::Time;
use gort::limit::{Limiter, Paced};
use gort::time::Ticker;
use std::process::ExitCode;
use std::time::Duration;

fn app() {
    let ticker = Ticker::new(Duration::from_millis(5)).unwrap();
    for i in 1..=3 {
        ticker.recv().unwrap();
        println!("a ticker: request {i}");
    }

    let paced = Paced::starting(Time(0), Duration::from_millis(20)).unwrap();
    let allow = |ms: i64| paced.allow_at(Time(ms * 1_000_000), 1);
    assert!(!allow(19));
    println!("paced: nothing before the first tick");
    for ms in (20..=45).step_by(5) {
        if allow(ms) {
            println!("paced: one at {ms} ms");
        }
    }
    assert!(allow(130) && !allow(130));
    println!("paced: after a pause until 130 ms one, not four");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

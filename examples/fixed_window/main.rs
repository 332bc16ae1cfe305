//! fixed_window: so many in each window of 100 ms. Around the edge of two windows twice as many pass in a moment; a window that
//! slides has no edge.

use gort::Time;
use gort::limit::{FixedWindow, Limiter, SlidingLog};
use std::process::ExitCode;
use std::time::Duration;

const WINDOW: Duration = Duration::from_millis(100);

fn us(n: i64) -> Time {
    Time(n * 1000)
}

fn again(name: &str, limiter: FixedWindow) {
    let mut ms = 95;
    assert!(limiter.allow_at(us(ms * 1000), 5));
    while !limiter.allow_at(us(ms * 1000), 1) {
        ms += 1;
    }
    println!("{name}, full at 95 ms: again at {ms} ms");
}

fn edge(name: &str, limiter: impl Limiter) {
    let passed = (0..20).filter(|i| limiter.allow_at(us(95_000 + i * 500), 1)).count();
    println!("around the edge, within 10 ms: {passed} of 20 in {name} of 5");
}

fn app() {
    again("aligned", FixedWindow::new(5, WINDOW).unwrap());
    again("lazy", FixedWindow::lazy(5, WINDOW).unwrap());
    edge("fixed windows", FixedWindow::new(5, WINDOW).unwrap());
    edge("a sliding window", SlidingLog::new(5, WINDOW).unwrap());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

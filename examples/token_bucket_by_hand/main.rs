//! token_bucket_by_hand: what a token bucket is.
//!
//! 1. A struct: how many tokens there were, and when; what has come since is added when somebody asks. Five a second, three at most.
//! 2. A channel of three tokens, into which a ticker puts another one.

use gort::time::Ticker;
use gort::{Receiver, channel};
use std::process::ExitCode;
use std::time::Duration;

struct Bucket {
    tokens: f64,
    most: f64,
    rate: f64,
    last: f64,
}

impl Bucket {
    fn allow(&mut self, now: f64) -> bool {
        self.tokens = (self.tokens + (now - self.last) * self.rate).min(self.most);
        self.last = now;
        if self.tokens < 1.0 {
            return false;
        }
        self.tokens -= 1.0;
        true
    }
}

fn with_a_struct() {
    let mut bucket = Bucket { tokens: 3.0, most: 3.0, rate: 5.0, last: 0.0 };
    for ms in [0, 200, 60000] {
        let allowed = (0..5).filter(|_| bucket.allow(f64::from(ms) / 1000.0)).count();
        println!("a struct, at {ms} ms: {allowed} of 5");
    }
}

fn take(tokens: &Receiver<()>) -> usize {
    (0..5).filter(|_| tokens.try_recv().is_ok()).count()
}

fn with_a_channel() {
    let (put, tokens) = channel(3);
    let ticker = Ticker::new(Duration::from_millis(5)).unwrap();
    while put.try_send(()).is_ok() {} // it starts full
    println!("a channel: {} of 5", take(&tokens));
    ticker.recv().unwrap();
    let _ = put.try_send(()); // if it is full the token runs over
    println!("a channel, when a token was put in: {} of 5", take(&tokens));
}

fn app() {
    with_a_struct();
    with_a_channel();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

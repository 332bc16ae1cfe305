//! limiter_allow: two a second, and five at once. What may not happen now is told so; nobody waits.
//!
//! The times are given (`allow_at`), so the story is the same each time; `allow` asks the clock.

use gort::Time;
use gort::limit::{Limiter, TokenBucket};
use std::process::ExitCode;

fn app() {
    let limiter = TokenBucket::new(2.0, 5);
    // The burst; one token has come; another; full again, and not more than full.
    for ms in [0, 500, 1000, 60000] {
        let allowed = (0..7).filter(|_| limiter.allow_at(Time(ms * 1_000_000), 1)).count();
        println!("at {ms} ms: {allowed} of 7 allowed");
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

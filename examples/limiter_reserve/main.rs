//! limiter_reserve: take a place now and act when its time comes; or give it back.

use gort::limit::{Limiter, Reservation, TokenBucket};
use gort::{Status, Time};
use std::process::ExitCode;

fn reserve(limiter: &TokenBucket) -> Reservation<'_> {
    let r = limiter.reserve_at(Time(0), 1, Time::NEVER).unwrap();
    println!("reserved for {} ms", r.at().0 / 1_000_000);
    r
}

fn app() {
    let limiter = TokenBucket::new(2.0, 1);
    let _ = reserve(&limiter);
    let _ = reserve(&limiter);
    reserve(&limiter).cancel_at(Time(0));
    println!("the last one is given back");
    let _ = reserve(&limiter);
    assert_eq!(limiter.reserve_at(Time(0), 3, Time::NEVER).err(), Some(Status::Limit));
    println!("three at once: never");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

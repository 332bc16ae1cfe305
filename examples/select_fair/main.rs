//! select_fair: when several cases are ready, chance decides.
//!
//! If the first ready case always went ahead, a busy first channel would starve the second. So each ready case has the
//! same chance. Ten thousand choices between two are like ten thousand tosses of a coin: 5000 each, give or take 50
//! (one sigma, the square root of 10000 * 1/2 * 1/2). Here ten sigma are allowed. A fair coin exceeds that once in
//! 10^23 attempts.

use std::process::ExitCode;

const CHOICES: i32 = 10_000;
const SIGMA: i32 = 50;

fn judge(count: i32) -> &'static str {
    let near = (count - CHOICES / 2).abs() <= 10 * SIGMA;
    if near { "chosen about half of the time" } else { "NOT chosen about half of the time" }
}

fn app() {
    let (tx1, ch1) = gort::channel(1);
    let (tx2, ch2) = gort::channel(1);
    tx1.send(()).unwrap();
    tx2.send(()).unwrap();

    let (mut first, mut second) = (0, 0);
    for _ in 0..CHOICES {
        gort::select! {
            recv(ch1) -> _ => {
                first += 1;
                tx1.send(()).unwrap(); // so both are ready again
            }
            recv(ch2) -> _ => {
                second += 1;
                tx2.send(()).unwrap();
            }
        }
        .unwrap();
    }
    println!("ten thousand choices between two ready cases");
    println!("the first: {}", judge(first));
    println!("the second: {}", judge(second));

    // Where an order is wanted, say so: a stop signal before the next job.
    let choose = || {
        gort::select! {
            biased;
            recv(ch1) -> _ => "the first",
            recv(ch2) -> _ => "the second",
        }
        .unwrap()
    };
    for _ in 0..100 {
        assert_eq!(choose(), "the first");
        tx1.send(()).unwrap();
    }
    println!("biased: always the first");
    ch1.recv().unwrap();
    println!("biased, and the first is not ready: {}", choose());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go, which has no select with an order: there one asks the important channel alone first, with a default.

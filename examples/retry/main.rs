//! retry: try again, later each time.
//!
//! 1. By hand: a loop that doubles its wait.
//! 2. With the ready-made piece: growing waits up to a bound, a part of them left to chance.
//! 3. It gives up: no attempts are left, or the next one would come after the deadline.

use gort::Wait;
use gort::time::Backoff;
use std::process::ExitCode;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

/// Answers at the third call.
fn ask(attempt: u32) -> Result<&'static str, &'static str> {
    if attempt < 3 { Err("refused") } else { Ok("accepted") }
}

fn by_hand() {
    let (mut wait, mut attempt) = (MS, 1);
    let answer = loop {
        match ask(attempt) {
            Ok(answer) => break answer,
            Err(why) => println!("attempt {attempt}: {why}"),
        }
        gort::sleep(wait).unwrap();
        wait *= 2;
        attempt += 1;
    };
    println!("attempt {attempt}: {answer}");
}

fn app() {
    by_hand();
    let patient = Backoff { first: MS, ..Backoff::default() };
    let mut attempts = 0;
    let answer = patient.retry(Wait::forever(), |attempt| {
        attempts = attempt;
        ask(attempt)
    });
    println!("with the piece: {} at attempt {attempts}", answer.unwrap());

    let e = patient.retry(Wait::forever(), |_| Err::<(), _>("refused")).unwrap_err();
    println!("gave up after {} attempts, {}: {}", e.attempts, e.status.name(), e.last);

    let slow = Backoff { first: Duration::from_secs(60), longest: Duration::from_secs(60), ..patient };
    let e = slow.retry(Wait::timeout(10 * MS), |_| Err::<(), _>("refused")).unwrap_err();
    println!("gave up after {} attempt, {}: {}", e.attempts, e.status.name(), e.last);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

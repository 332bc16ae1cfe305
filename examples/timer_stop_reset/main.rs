//! timer_stop_reset: a timer is stopped and set again, and nothing is ever drained.
//!
//! 1. Stop says whether it prevented a value from being received; a second one prevents nothing.
//! 2. A timer that is due and that nobody has read can still be stopped: its value is gone.
//! 3. Reset replaces what was set, also a value that is due: what is received is of the new setting.
//! 4. A value says when it was due, not when it was read.

use gort::Status;
use gort::time::Timer;
use std::process::ExitCode;
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
const HOUR: Duration = Duration::from_secs(3600);

fn said(what: bool) -> &'static str {
    if what { "yes" } else { "no" }
}

fn app() {
    let t = Timer::new(HOUR);
    println!("stopped in time: {}", said(t.stop()));
    println!("stopped again: {}", said(t.stop()));

    t.reset(Duration::ZERO);
    gort::sleep(MS).unwrap(); // due for a while, and unread
    println!("stopped when due and unread: {}", said(t.stop()));
    assert_eq!(t.try_recv(), Err(Status::WouldBlock));
    println!("nothing is left to drain");

    t.reset(Duration::ZERO);
    gort::sleep(MS).unwrap();
    println!("reset when due and unread: {}", said(t.reset(2 * MS)));
    let begin = gort::now();
    assert!(t.recv().unwrap() >= begin);
    println!("received: the new setting");
    println!("stopped after it was received: {}", said(t.stop()));

    t.reset(MS);
    gort::sleep(10 * MS).unwrap();
    let (due, read) = (t.recv().unwrap(), gort::now());
    assert!(read.0 - due.0 >= 5_000_000);
    println!("read late, and it says when it was due");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go has had these rules since 1.23. Before, a timer's channel kept a value that came too late, and programs wrote
// `if !t.Stop() { <-t.C }`. With today's rules that line waits for ever when the value was not there to be drained: so it
// does in Go 1.23, and so does the guide's debounce, which is written with it. Write `t.reset(d)` and nothing else.

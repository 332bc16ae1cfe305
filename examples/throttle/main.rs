//! throttle: at most one run in each interval, however often it is called.
//!
//! 1. By hand: the time of the next run that is allowed, under a channel of one as a mutex.
//! 2. With the ready-made piece: calls that come too early are dropped.
//! 3. The trailing form: they lead to one more run at the end of the interval.

use gort::time::Throttle;
use gort::{Time, now};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3600);

fn by_hand() {
    let (put, next) = gort::channel(1);
    put.send(Time(i64::MIN)).unwrap(); // the next run may be now
    let mut ran = 0;
    for _ in 0..10 {
        let allowed = next.recv().unwrap(); // nobody else has it now
        let runs = now() >= allowed;
        ran += u32::from(runs);
        put.send(if runs { Time::after(HOUR) } else { allowed }).unwrap();
    }
    println!("by hand: 10 calls, {ran} run");
}

fn counted() -> (Arc<AtomicU32>, impl Fn() + Send + Sync + 'static) {
    let n = Arc::new(AtomicU32::new(0));
    let theirs = n.clone();
    (n, move || {
        theirs.fetch_add(1, SeqCst);
    })
}

fn with_the_piece() {
    let (n, count) = counted();
    let report = Throttle::new(HOUR, count);
    let ran = (0..10).filter(|_| report.call()).count();
    assert_eq!(ran as u32, n.load(SeqCst));
    println!("with the piece: 10 calls, {ran} run");
}

fn trailing() {
    let (n, count) = counted();
    let report = Throttle::trailing(Duration::from_millis(50), count);
    (0..10).for_each(|_| {
        report.call();
    });
    while n.load(SeqCst) < 2 {
        gort::sleep(Duration::from_millis(1)).unwrap();
    }
    println!("trailing: the first at once, and one more when the interval is over");
}

fn app() {
    by_hand();
    with_the_piece();
    trailing();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go's library has no throttle; x/time/rate's Sometimes{Interval: d} is the leading form.

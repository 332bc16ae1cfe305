//! ticker: something that happens again and again, until it is done.
//!
//! 1. Ticks until a channel says done; Stop, and nothing comes any more; Reset to another period.
//! 2. A reader that is slow loses ticks and keeps the phase: the due times are whole periods apart.
//! 3. A job that compensates how long it takes itself.
//! 4. A tick is a monotonic time; for people there is the wall clock's.

use gort::time::{Periodic, Ticker, tick, wall_time};
use gort::{Status, sleep};
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

const MS: Duration = Duration::from_millis(1);

fn until_done() {
    let ticker = Ticker::new(2 * MS).unwrap();
    let (tx, done) = gort::channel::<()>(0);
    gort::go(move || {
        sleep(20 * MS).unwrap();
        drop(tx);
    });
    let mut ticks = 0;
    loop {
        let go_on = gort::select! {
            recv(ticker) -> due => { due.unwrap(); ticks += 1; true },
            recv(done) -> _ => false,
        };
        if !go_on.unwrap() {
            break;
        }
    }
    assert!(ticks >= 1);
    println!("ticked until done");
    ticker.stop();
    sleep(5 * MS).unwrap();
    assert_eq!(ticker.try_recv(), Err(Status::WouldBlock));
    println!("stopped: no tick is left");
    ticker.reset(MS).unwrap();
    ticker.recv().unwrap();
    println!("reset: ticks again");
    println!("a period of nothing: {}", story::name(&Ticker::new(Duration::ZERO)));
    assert!(tick(Duration::ZERO).is_none());
}

fn slow_reader() {
    let ticker = Ticker::new(2 * MS).unwrap();
    let first = ticker.recv().unwrap();
    for _ in 0..3 {
        sleep(5 * MS).unwrap(); // longer than the period
        let due = ticker.recv().unwrap();
        assert_eq!((due.0 - first.0) % 2_000_000, 0);
    }
    println!("slow reader: ticks are lost, the phase is kept");
}

fn compensated() {
    let (tx, runs) = gort::channel(0);
    let job = Periodic::new(4 * MS, move |due| {
        let _ = sleep(MS); // the job's own time
        let _ = tx.send(due);
    })
    .unwrap();
    let (a, b) = (runs.recv().unwrap(), runs.recv().unwrap());
    assert_eq!((b.0 - a.0) % 4_000_000, 0);
    println!("periodic job: its own time does not add up");
    drop(runs);
    job.join().unwrap();
}

fn wall_clock() {
    let due = Ticker::new(MS).unwrap().recv().unwrap();
    let apart = SystemTime::now().duration_since(wall_time(due)).unwrap_or_default();
    assert!(apart < Duration::from_secs(60));
    println!("a tick, as the wall clock shows it: just now");
}

fn app() {
    until_done();
    slow_reader();
    compensated();
    wall_clock();
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go a period of nothing panics, and a ticker that is not stopped lived for ever before 1.23; here one that is dropped
// is gone. Go's ticks are wall-clock times that carry a monotonic one; here it is the other way round.

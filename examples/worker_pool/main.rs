//! worker_pool: a fixed number of workers takes jobs from a channel.
//!
//! A task for each of a hundred thousand jobs works, but a few workers that take job after job need less and put a
//! bound on what goes on at once. Four ways: results counted by main; a WaitGroup and no results; one worker for each
//! processor, where the last worker's end closes the results; and `WorkerPool`, which is all of that, made.

use gort::flow::WorkerPool;
use gort::{Receiver, Sender, WaitGroup, channel};
use std::process::ExitCode;
use std::time::Duration;

const WORKERS: usize = 3;

fn worker(jobs: Receiver<i32>, results: Option<Sender<(i32, i32)>>) {
    for job in jobs {
        // ends when closed and drained
        gort::sleep(Duration::from_millis(1)).unwrap(); // the work
        match &results {
            Some(results) => results.send((job, job * 2)).unwrap(),
            None => println!("processed job {job}"),
        }
    }
}

fn feed(wg: &WaitGroup, workers: usize, jobs: std::ops::RangeInclusive<i32>, results: Option<Sender<(i32, i32)>>) {
    let (tx, rx) = channel(10);
    for _ in 0..workers {
        let (rx, results) = (rx.clone(), results.clone());
        wg.go(move || worker(rx, results));
    }
    for job in jobs {
        tx.send(job).unwrap();
    }
    // tx is dropped here: no more jobs
}

fn app() {
    let wg = WaitGroup::new();

    let (tx, results) = channel(10);
    feed(&wg, WORKERS, 1..=10, Some(tx));
    for _ in 0..10 {
        let (job, value) = results.recv().unwrap();
        println!("job {job} gives {value}");
    }
    wg.wait().unwrap();

    feed(&wg, WORKERS, 11..=19, None);
    wg.wait().unwrap();
    println!("All jobs done");

    let (tx, results) = channel(10);
    feed(&wg, gort::num_cpu(), 21..=30, Some(tx)); // right for work that computes; work that waits may have more
    let sum: i32 = results.iter().map(|(_, value)| value).sum();
    wg.wait().unwrap();
    println!("one worker a processor: the results add up to {sum}");

    let pool = WorkerPool::new(WORKERS);
    let work = |_: &mut (), job: i32| {
        gort::sleep(Duration::from_millis(1)).unwrap();
        job * 2
    };
    let in_order: Vec<String> = pool.map(31..=35, work).map(|value| value.unwrap().to_string()).collect();
    println!("a WorkerPool gives {} in this order", in_order.join(" "));
    pool.wait().unwrap(); // closes it: what is queued is run, then the workers end
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. Who does which job is not promised.

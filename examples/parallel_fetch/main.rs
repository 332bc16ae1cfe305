//! parallel_fetch: ask several servers at once, and follow links with a limit.
//!
//! 1. Three requests in parallel: a WaitGroup to wait, a channel for the answers; one of them fails, and the failure
//!    is an answer like any other.
//! 2. Three requests of which the first that fails stops the others, and is the result: a group.
//! 3. A crawler: a task for each page, at most two at once. Which pages are known is the business of main alone, which
//!    hears of links over a channel, so no lock is needed. (The pages are a table; a sleep stands for the network.)

use gort::Status;
use gort::flow::{Group, GroupError};
use std::collections::HashSet;
use std::process::ExitCode;
use std::time::Duration;

fn fetch(api: i32) -> Result<(), Status> {
    println!("Fetching: API-{api}");
    gort::sleep(Duration::from_millis(5))?;
    if api == 2 { Err(Status::TimedOut) } else { Ok(()) }
}

fn three_requests() {
    let (tx, answers) = gort::channel(3); // room for all: a fetch need not wait for its reader
    let wg = gort::WaitGroup::new();
    for api in 1..=3 {
        let tx = tx.clone();
        wg.go(move || tx.send((api, fetch(api))).unwrap());
    }
    wg.wait().unwrap();
    tx.close().unwrap();
    for (api, answer) in answers {
        println!("Done: API-{api} {}", story::name(&answer));
    }
    println!("All API calls finished!");
}

fn all_or_nothing() {
    let group = Group::<Status>::new();
    for api in 1..=3 {
        let request = move || {
            if api == 2 {
                return Err(Status::TimedOut);
            }
            let answer = gort::sleep(Duration::from_secs(3600)); // a slow server
            println!("Group: API-{api} {}", story::name(&answer));
            answer
        };
        group.go(request).unwrap();
    }
    match group.wait() {
        Err(GroupError::Error(status)) => println!("The group ended with {}", story::name(&Err::<(), _>(status))),
        other => panic!("{other:?}"),
    }
}

const AT_ONCE: usize = 2;

/// The links of each page.
const SITE: [&[usize]; 8] = [&[], &[2, 3], &[1, 4], &[4, 5, 6], &[7], &[1], &[5, 7], &[3]];

fn crawl(start: usize) {
    let (enter, leave) = gort::channel::<()>(AT_ONCE);
    let (tx, found) = gort::channel::<usize>(0);
    let mut known = HashSet::new();
    let mut under_way = 0;
    let mut links: &[usize] = &[start];
    loop {
        for &page in links {
            if !known.insert(page) {
                continue;
            }
            under_way += 1;
            let (enter, leave, tx) = (enter.clone(), leave.clone(), tx.clone());
            gort::go(move || {
                enter.send(()).unwrap(); // at most AT_ONCE tasks are past this line
                gort::sleep(Duration::from_millis(1)).unwrap();
                leave.recv().unwrap();
                tx.send(page).unwrap();
            });
        }
        if under_way == 0 {
            break;
        }
        let page = found.recv().unwrap();
        under_way -= 1;
        println!("crawled page {page}");
        links = SITE[page];
    }
    println!("{} pages, each once", known.len());
}

fn app() {
    three_requests();
    all_or_nothing();
    crawl(1);
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go.

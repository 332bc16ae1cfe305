//! select_producers: a fast and a slow producer, and one loop that serves both.
//!
//! Each produces at its own pace on a channel of its own. The loop takes what is there: the fast one is never kept
//! waiting by the slow one, and the slow one is not forgotten.

use gort::Sender;
use std::process::ExitCode;
use std::time::Duration;

fn producer(name: &'static str, delay: Duration, out: &Sender<String>) {
    let out = out.clone();
    gort::go(move || {
        for i in 1..=3 {
            gort::sleep(delay).unwrap();
            out.send(format!("{name} produced {i}")).unwrap();
        }
    });
}

fn app() {
    let (out1, ch1) = gort::channel(0);
    let (out2, ch2) = gort::channel(0);
    producer("Fast", Duration::from_millis(20), &out1);
    producer("Slow", Duration::from_millis(40), &out2);

    for _ in 0..6 {
        gort::select! {
            recv(ch1) -> msg => println!("ch1: {}", msg.unwrap()),
            recv(ch2) -> msg => println!("ch2: {}", msg.unwrap()),
        }
        .unwrap();
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go.

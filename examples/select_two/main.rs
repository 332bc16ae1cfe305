//! select_two: wait for two sources at once.
//!
//! A receive waits for one channel. A select waits for several, and does whichever can go ahead first: here a receive
//! from ch1 or one from ch2. Nobody has to know beforehand which of the two will speak first.

use gort::Sender;
use std::process::ExitCode;
use std::time::Duration;

fn source(out: &Sender<&'static str>, text: &'static str, delay: Duration) {
    let out = out.clone();
    gort::go(move || {
        gort::sleep(delay).unwrap();
        out.send(text).unwrap();
    });
}

fn app() {
    let (out1, ch1) = gort::channel(0); // we keep a sender of each: a channel whose last sender is gone is closed,
    let (out2, ch2) = gort::channel(0); // and a closed channel is ready for ever (see select_closed)
    source(&out1, "Message from ch1", Duration::from_millis(20));
    source(&out2, "Message from ch2", Duration::from_millis(40));

    for _ in 0..2 {
        // Sleeps until one of the two goes ahead, and evaluates its arm.
        gort::select! {
            recv(ch1) -> msg1 => println!("Received: {}", msg1.unwrap()),
            recv(ch2) -> msg2 => println!("Received: {}", msg2.unwrap()),
        }
        .unwrap(); // an error: the wait was ended otherwise
    }
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. Of several cases that can go ahead one is chosen at random, as in Go. A select is an expression here: it
// has the value of its arm, or the error that ended the wait.

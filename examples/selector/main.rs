//! selector: hundreds of channels, registered once.
//!
//! A select looks at each of its cases each time it is called. That is right for a few. A selector keeps its cases from
//! wait to wait, so a wait costs what has happened, whatever the number of channels. They may come and go between the
//! waits.

use gort::{RecvCase, Selector, Sender, Status, Time, Wait};
use std::process::ExitCode;
use std::time::Duration;

const CHANNELS: usize = 300;
const EACH: i32 = 10;

/// Registers one channel more, before the others speak, and hears it.
fn late_guest(selector: &mut Selector) {
    let (tx, rx) = gort::channel(0);
    let case = selector.recv(rx).unwrap();
    gort::go(move || tx.send(7).unwrap());
    let value = selector.wait().unwrap().recv(case).unwrap();
    println!("one that joins later is heard: {}", value.unwrap());
    selector.remove(case);
}

/// Receives until all are closed.
fn listen(selector: &mut Selector, cases: &[RecvCase<i32>]) -> usize {
    let mut received = 0;
    let mut expected = [0; CHANNELS];
    while !selector.is_empty() {
        let mut done = selector.wait().unwrap();
        let i = done.index(); // the case with this place: they were registered one after the other
        match done.recv(cases[i]).unwrap() {
            Ok(value) => {
                assert_eq!(value, expected[i]);
                expected[i] += 1;
                received += 1;
            }
            Err(_closed) => _ = selector.remove(cases[i]), // else it would be ready each time
        }
    }
    received
}

fn source(tx: Sender<i32>) {
    (0..EACH).for_each(|n| tx.send(n).unwrap());
}

fn app() {
    let mut selector = Selector::new();
    let (mut senders, mut cases) = (vec![], vec![]);
    for _ in 0..CHANNELS {
        let (tx, rx) = gort::channel(0);
        senders.push(tx);
        cases.push(selector.recv(rx).unwrap()); // it keeps the receiver, and gives a token: the name of the case
    }
    println!("{} channels are registered", selector.len());
    late_guest(&mut selector);

    for tx in senders {
        gort::go(move || source(tx));
    }
    println!("{} values received, those of each channel in their order", listen(&mut selector, &cases));
    println!("all channels are closed, and taken out");

    let soon = Time::after(Duration::from_millis(5));
    let nobody = selector.wait_with(Wait::until(soon)).unwrap_err();
    assert_eq!(nobody, Status::TimedOut);
    println!("nobody is left to wait for: {}", nobody.name());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go has no such thing. There every channel gets a goroutine that passes its values on to a shared one; or
// reflect.Select takes the list of cases, and looks at all of them, each time.

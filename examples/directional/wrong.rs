//! wrong.rs: the wrong direction does not compile.
//!
//! check.py compiles this file with `--cfg wrong="0"`, which must succeed, and with 1, 2, 3, each of which must be
//! refused by the compiler. So it is the one line that is wrong, and nothing else.

#![crate_type = "lib"]

use gort::{Receiver, Sender};

pub fn wrong(out: &Sender<i32>, input: &Receiver<i32>) -> i32 {
    if cfg!(wrong = "0") {
        out.send(1).unwrap();
        return input.recv().unwrap();
    }
    #[cfg(wrong = "1")]
    out.recv().unwrap(); // receiving from a sender
    #[cfg(wrong = "2")]
    input.send(1).unwrap(); // sending to a receiver
    #[cfg(wrong = "3")]
    input.close().unwrap(); // closing from the receiving side
    0
}

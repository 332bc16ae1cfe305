//! connections: several connections, one loop.
//!
//! What arrives on a connection comes through a channel of its own, and each connection is a task that fills it. The
//! loop selects over these channels: it takes a message from whoever has one, answers it, and takes the next. A
//! connection that hangs up drops its sender, which closes the channel, and the loop takes its case out.

use gort::{Receiver, Sender};
use std::process::ExitCode;

const CONNECTIONS: usize = 3;

struct Connection {
    data: Receiver<&'static str>,
    answers: Sender<usize>,
}

fn connect(id: usize) -> Connection {
    let (to_server, data) = gort::channel(0);
    let (answers, answered) = gort::channel(0);
    gort::go(move || {
        for text in ["hello", "how are you", "bye"] {
            to_server.send(text).unwrap();
            let length = answered.recv().unwrap(); // only this connection waits, the others go on
            println!("connection {id}: \"{text}\" has {length} letters");
        }
        // to_server is dropped here: hangs up
    });
    Connection { data, answers }
}

fn serve(connections: &[Connection]) -> usize {
    let mut select = gort::Select::new(); // `select!` for cases that are known at run time only
    let cases: Vec<_> = connections.iter().map(|c| select.recv(&c.data)).collect();

    let (mut open, mut served) = (connections.len(), 0);
    while open > 0 {
        // the loop
        let mut done = select.wait().unwrap();
        let i = done.index(); // whose is it?
        match done.recv(cases[i]).unwrap() {
            Ok(text) => {
                connections[i].answers.send(text.len()).unwrap();
                served += 1;
            }
            Err(_closed) => {
                println!("connection {} has hung up", i + 1);
                select.remove(cases[i]); // never ready again
                open -= 1;
            }
        }
    }
    served
}

fn app() {
    let connections: Vec<_> = (1..=CONNECTIONS).map(connect).collect();
    let served = serve(&connections);
    println!("all connections are closed, {served} messages served");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// In Go the cases of a select are written out; for a number that is known at run time only it has reflect.Select, which
// is slow and knows no types. For hundreds of connections see selector.

//! connections: several connections, one loop.
//!
//! Each connection is a task that turns what arrives into messages on one shared channel. A message says who sent it
//! and where the answer goes. The loop knows nothing of tasks or threads: it takes a message, answers it, takes the
//! next. It ends when the last connection has hung up and the channel is closed.

use gort::Sender;
use std::process::ExitCode;

const CONNECTIONS: usize = 3;

struct Message {
    text: String,
    answer: Sender<usize>, // carries a length
}

fn connection(id: usize, to_server: Sender<Message>) {
    let (answer, answered) = gort::channel(0);
    for text in ["hello", "how are you", "bye"] {
        let message = Message { text: text.to_owned(), answer: answer.clone() };
        assert!(to_server.send(message).is_ok());
        let length = answered.recv().unwrap(); // only this connection waits, the others go on
        println!("connection {id}: \"{text}\" has {length} letters");
    }
    // to_server is dropped here. The last one of them closes the channel.
}

fn app() {
    let (to_server, inbox) = gort::channel(0);
    for id in 1..=CONNECTIONS {
        let to_server = to_server.clone();
        gort::go(move || connection(id, to_server));
    }
    drop(to_server); // ours would keep the channel open

    let mut served = 0;
    for message in inbox {
        // the loop
        message.answer.send(message.text.len()).unwrap();
        served += 1;
    }
    println!("all connections are closed, {served} messages served");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go. A channel for each connection and a select over all of them does the same where the connections have to
// stay apart.

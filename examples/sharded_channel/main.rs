//! sharded_channel: one hot channel, or N of them picked by key.
//!
//! A channel that everybody uses is a place where everybody queues. If only values of one key have to stay in order, a
//! channel for each group of keys does as well: the same key always takes the same way, different keys do not wait for
//! each other. The result is the same; what is gained is time, and that is a matter for a benchmark.

use gort::{Receiver, channel, spawn};
use std::process::ExitCode;

const SHARDS: usize = 4;
const KEYS: usize = 16;
const EACH: usize = 250; // messages a key

#[derive(Clone, Copy, Default)]
struct Account {
    sum: usize,
    last: usize, // number of the last message: they must come in order
}

/// Takes (key, number) until the shard is closed; gives the accounts of the keys it has seen.
fn consume(shard: Receiver<(usize, usize)>) -> [Account; KEYS] {
    let mut accounts = [Account::default(); KEYS];
    for (key, number) in shard {
        let a = &mut accounts[key];
        assert_eq!(number, a.last + 1);
        a.last = number;
        a.sum += key * number;
    }
    accounts
}

fn run_with(shards: usize) -> [usize; KEYS] {
    let mut ways = Vec::new();
    let mut consumers = Vec::new();
    for _ in 0..shards {
        let (way, shard) = channel(16);
        ways.push(way);
        consumers.push(spawn(move || consume(shard)));
    }
    for key in 0..KEYS {
        let way = ways[key % shards].clone(); // the key picks the shard
        gort::go(move || {
            for number in 1..=EACH {
                way.send((key, number)).unwrap();
            }
        });
    }
    drop(ways); // the last producer of a shard closes it
    let mut sums = [0; KEYS];
    for consumer in consumers {
        let accounts = consumer.join().unwrap();
        for key in 0..KEYS {
            sums[key] += accounts[key].sum; // zero where the key took another way
        }
    }
    sums
}

fn app() {
    let hot = run_with(1);
    println!("one channel: {}", hot.iter().sum::<usize>());
    let sharded = run_with(SHARDS);
    println!("{SHARDS} shards: {}", sharded.iter().sum::<usize>());
    let same = (0..KEYS).filter(|&key| hot[key] == sharded[key]).count();
    println!("the same for {same} keys of {KEYS}, each in order");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As in Go.

//! map: a map that many tasks use at the same time; and one made by hand, of plain maps with a lock each.
//!
//! `load_or_store` is "only if there is none": of several that store first, one does, and all go on with its value.
//! `compare_and_swap` changes a value only if it is still the one that was seen. By hand, a key picks one of several plain
//! maps, and only those who want the same one wait for each other.

use gort::WaitGroup;
use gort::sync::{Counter, Map, Mutex};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::Arc;

const TASKS: usize = 4;
const STRIPES: usize = 4;
const WORDS: [&str; 6] = ["go", "task", "go", "channel", "go", "task"];

fn all(work: impl Fn(usize) + Clone + Send + 'static) {
    let wg = WaitGroup::new();
    for task in 0..TASKS {
        let work = work.clone();
        wg.go(move || work(task));
    }
    wg.wait().unwrap();
}

fn count_words(map: &Map<&str, usize>) {
    for word in WORDS {
        loop {
            let (n, there) = map.load_or_store(word, 1);
            if !there || map.compare_and_swap(word, &n, n + 1) {
                break;
            } // else another was quicker: look again
        }
    }
}

/// By hand: stripes, each a plain map and its lock.
type Stripes = Vec<Mutex<HashMap<&'static str, usize>>>;

fn stripe_of(word: &str) -> usize {
    word.as_bytes()[0] as usize % STRIPES
}

fn count_by_hand(stripes: &Stripes) {
    for word in WORDS {
        *stripes[stripe_of(word)].lock().entry(word).or_default() += 1;
    }
}

fn app() {
    let leader = Arc::new(Map::new());
    let (stored, have) = (Arc::new(Counter::new()), Arc::new(Mutex::new(Vec::new())));
    let (l, s, h) = (leader.clone(), stored.clone(), have.clone());
    all(move |me| {
        let (chosen, there) = l.load_or_store("leader", me);
        s.add(i64::from(!there));
        h.lock().push(chosen);
    });
    let have = have.lock();
    let same = have.iter().filter(|&&chosen| chosen == have[0]).count();
    println!("{} stored it, {same} have its value", stored.value());

    let map = Arc::new(Map::new());
    let shared = map.clone();
    all(move |_| count_words(&shared));
    for word in ["channel", "go", "task"] {
        println!("{word}: {}", map.load(word).unwrap());
    }
    println!("{} words", map.len());

    let stripes: Arc<Stripes> = Arc::new((0..STRIPES).map(|_| Mutex::default()).collect());
    let shared = stripes.clone();
    all(move |_| count_by_hand(&shared));
    let mut same = 0;
    map.range(|word, n| {
        same += usize::from(stripes[stripe_of(word)].lock().get(word) == Some(&n));
        ControlFlow::<()>::Continue(())
    });
    println!("by hand: the same for {same}");

    let taken = map.load_and_delete("go").unwrap();
    println!("taken out: {taken}; again: {}", map.load_and_delete("go").map_or(0, |_| 1));
    map.clear();
    println!("cleared: {}", map.len());
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// As Go's sync.Map. Its map of any kind under a mutex is the stripe here; two tasks in one plain map do not compile.

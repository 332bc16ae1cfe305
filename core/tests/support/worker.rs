//! Who works in a random test: a task of a random kind, or a plain thread.

use super::Rng;
use gort::{JoinHandle, spawn};

pub enum Worker<T> {
    Task(JoinHandle<T>),
    Thread(std::thread::JoinHandle<T>),
}

impl<T: Send + 'static> Worker<T> {
    /// `f` depends on no thread: a task may move.
    pub fn start(rng: &mut Rng, threads: bool, f: impl FnOnce() -> T + Send + 'static) -> Worker<T> {
        match rng.below(if threads { 3 } else { 2 }) {
            0 => Worker::Task(spawn(f)),
            // SAFETY: nothing in the callers' bodies depends on the thread.
            1 => Worker::Task(unsafe { gort::spawn_migratable(f) }),
            _ => Worker::Thread(std::thread::spawn(f)),
        }
    }

    pub fn join(self) -> T {
        match self {
            Worker::Task(h) => h.join().unwrap(),
            Worker::Thread(t) => t.join().unwrap(),
        }
    }
}

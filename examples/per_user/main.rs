//! per_user: one a second for each user, and three at once.
//!
//! 1. By hand: a table of limiters under a mutex. Nobody ever leaves it.
//! 2. `Keyed`: a bucket for each key; who is idle is forgotten, and nobody notices.
//! 3. All of them within a limiter that they share.

use gort::Time;
use gort::limit::{Keyed, Limiter, TokenBucket};
use gort::sync::Mutex;
use std::collections::HashMap;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Default)]
struct Users(Mutex<HashMap<String, Arc<TokenBucket>>>);

impl Users {
    fn limiter_of(&self, name: &str) -> Arc<TokenBucket> {
        let mut users = self.0.lock();
        users.entry(name.to_owned()).or_insert_with(|| Arc::new(TokenBucket::new(1.0, 3))).clone()
    }

    fn allowed(&self, name: &str, now: Time) -> usize {
        (0..5).filter(|_| self.limiter_of(name).allow_at(now, 1)).count()
    }
}

fn keyed(k: &Keyed<String>, name: &str, now: Time) -> usize {
    (0..5).filter(|_| k.allow_at(now, name, 1)).count()
}

fn app() {
    let now = gort::now();
    let later = |seconds: i64| Time(now.0 + seconds * 1_000_000_000);
    let users = Users::default();
    println!("by hand: ada {} of 5, bob {} of 5", users.allowed("ada", now), users.allowed("bob", now));

    let each = Keyed::new(1.0, 3).unwrap();
    println!("keyed: ada {} of 5, bob {} of 5", keyed(&each, "ada", now), keyed(&each, "bob", now));
    println!("a second later: ada {} of 5", keyed(&each, "ada", later(1)));

    let within = Keyed::new(1.0, 3).unwrap().within(Arc::new(TokenBucket::new(1.0, 4)));
    println!("all within 4: ada {} of 5, bob {} of 5", keyed(&within, "ada", now), keyed(&within, "bob", now));

    each.evict_at(later(3600));
    assert!(each.is_empty());
    println!("an hour later nobody is remembered");
}

fn main() -> ExitCode {
    story::end(gort::run(app))
}

// Go has the limiter, and leaves the table of users, and who is to be thrown out of it, to the program.

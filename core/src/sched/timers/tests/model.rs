//! Random operations on a wheel do as on a sorted map, whatever the seed.

use super::*;
use std::collections::BTreeMap;

/// xorshift64*.
pub(super) struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }
    /// Zero to about 2^bits, each magnitude as likely as the next.
    pub fn span(&mut self, bits: u64) -> i64 {
        let shift = self.below(bits);
        self.below(1 << (shift + 1)) as i64
    }
}

/// A wheel and what it should be: live timers by (when, number of insertion).
struct Model {
    real: Fixture,
    live: BTreeMap<(i64, u64), Handle>,
    keys: Vec<(i64, u64)>,
    gone: Vec<Handle>,
    now: i64,
    seq: u64,
    rng: Random,
}

impl Model {
    fn insert(&mut self) {
        let when = match self.rng.below(8) {
            0 => self.now - self.rng.span(30),
            1 => self.now,
            2 if !self.keys.is_empty() => self.keys[self.rng.below(self.keys.len() as u64) as usize].0,
            3 => self.now + self.rng.below(40_000) as i64,
            _ => self.now.saturating_add(self.rng.span(62)),
        };
        let handle = self.real.insert(when, self.now - self.rng.span(20) + self.rng.span(20), self.seq);
        self.live.insert((when, self.seq), handle);
        self.keys.push((when, self.seq));
        self.seq += 1;
    }

    fn cancel(&mut self, remote: bool) {
        if !self.keys.is_empty() {
            let at = self.rng.below(self.keys.len() as u64) as usize;
            if let Some(handle) = self.live.remove(&self.keys.swap_remove(at)) {
                if remote {
                    cancel_remote(handle)
                } else {
                    assert!(self.real.cancel(handle))
                }
                self.gone.push(handle);
            }
        }
    }

    /// To a time at which nothing else is due: then the order is that of the keys still.
    fn shift(&mut self) {
        if self.keys.is_empty() {
            return;
        }
        let at = self.rng.below(self.keys.len() as u64) as usize;
        let when = match self.rng.below(3) {
            0 => self.now - self.rng.span(30),
            _ => self.now.saturating_add(self.rng.span(62)),
        };
        let old = self.keys[at];
        if self.live.range((when, 0)..=(when, u64::MAX)).next().is_some() {
            return;
        }
        if let Some(handle) = self.live.remove(&old) {
            let now = self.now - self.rng.span(20);
            // SAFETY: a handle of this wheel.
            assert!(unsafe { self.real.wheel.shift_owner(handle, when, now) });
            self.live.insert((when, old.1), handle);
            self.keys[at] = (when, old.1);
        }
    }

    /// Handles of timers that are gone do nothing, however they are used.
    fn misuse_old_handle(&mut self) {
        if !self.gone.is_empty() {
            let at = self.rng.below(self.gone.len() as u64) as usize;
            cancel_remote(self.gone[at]);
            // SAFETY: a handle of this wheel, once.
            assert!(!unsafe { self.real.wheel.shift_owner(self.gone[at], self.now, self.now) });
        }
    }

    fn advance(&mut self) {
        let step = match self.rng.below(10) {
            0 => self.rng.span(50),
            1 => match self.live.first_key_value() {
                // To the nanosecond, or one short of it.
                Some((&(when, _), _)) => when - self.now - self.rng.below(2) as i64,
                None => 0,
            },
            _ => self.rng.span(22),
        };
        self.now = self.now.saturating_add(step.max(0)).min(NEVER - 1);
        let (mut out, mut patience) = (Expired::new(), self.rng.below(6) * 2);
        loop {
            let more = self.real.wheel.expire(self.now, &mut out);
            for due in out.as_slice() {
                let (key, handle) = self.live.pop_first().expect("a live timer");
                assert_eq!((due.when, due.seq), key, "at {}", self.now);
                assert!(key.0 <= self.now, "early");
                self.gone.push(handle);
            }
            if !more {
                assert!(self.live.first_key_value().is_none_or(|(key, _)| key.0 > self.now), "late");
                return;
            }
            // Mostly the rest is left for later, with other things done in between.
            match patience.checked_sub(1) {
                Some(left) => patience = left,
                None if self.now == NEVER - 1 => {}
                None => return,
            }
        }
    }

    fn compare(&self) {
        let least = self.live.first_key_value().map_or(NEVER, |(key, _)| key.0);
        assert!(self.real.wheel.earliest() <= least, "I5");
        let found = self.real.wheel.refresh();
        assert!(found <= least);
        if self.live.len() <= SCAN {
            assert_eq!(found, least);
        }
        self.real.wheel.sweep();
        assert_eq!(self.real.wheel.len(), self.live.len());
        self.real.check();
    }
}

#[test]
fn random_operations_do_as_the_model() {
    let chance = std::collections::hash_map::RandomState::new();
    let fresh = std::hash::BuildHasher::hash_one(&chance, 1) | 1;
    let seeds = std::env::var("GORT_SEED").ok().and_then(|s| s.parse().ok()).map_or(vec![1, 2, 3, fresh], |s| vec![s]);
    for seed in seeds {
        println!("GORT_SEED={seed}");
        let mut rng = Random(seed);
        let now = rng.span(50);
        let mut m =
            Model { real: Fixture::new(7), live: BTreeMap::new(), keys: vec![], gone: vec![], now, seq: 0, rng };
        // Phases with more or fewer inserts, so that the wheel is now crowded, now empty.
        for round in 0..scaled(60_000) {
            let crowd = if round / 2000 % 2 == 0 { 60 } else { 25 };
            match m.rng.below(100) {
                n if n < crowd => m.insert(),
                n if n < crowd + 15 => m.cancel(false),
                n if n < crowd + 25 => m.cancel(true),
                n if n < crowd + 28 => m.misuse_old_handle(),
                n if n < crowd + 38 => m.advance(),
                _ => m.shift(),
            }
            if round % 500 == 0 {
                m.compare();
            }
        }
        m.now = NEVER - 1;
        m.advance();
        assert!(m.live.keys().all(|key| key.0 == NEVER));
        m.compare();
    }
}

//! The selector of a party: cases come, go and stand twice, and only some of them keep their channels.

use super::{Party, Registered};
use crate::support::Rng;
use gort::Status;
use gort::chan::selector::{self, Selector};
use gort::wait::Wait;

/// With its cases at their indices. Used by one party at a time; it may go to another between two waits.
pub struct Own {
    of: *const Selector,
    cases: Vec<Option<Registered>>,
}

// SAFETY: a handle and places, of one party at a time.
unsafe impl Send for Own {}

impl Own {
    pub fn new() -> Own {
        Own { of: selector::create().unwrap().as_ptr(), cases: Vec::new() }
    }

    /// `borrows`: without a reference of the selector's. The caller's keeps the channel until the case is removed.
    pub fn add(&mut self, mut case: Registered, borrows: bool) {
        let free = self.cases.iter().position(Option::is_none).unwrap_or(self.cases.len());
        // SAFETY: a live selector and channel; the place stays until the case is removed.
        let added = unsafe {
            let raw = case.case();
            if borrows { selector::add_borrowed(self.of, raw) } else { selector::add(self.of, raw) }
        };
        assert_eq!(added, Ok(free), "the lowest index that is free");
        if free == self.cases.len() { self.cases.push(Some(case)) } else { self.cases[free] = Some(case) }
    }

    pub fn remove(&mut self, i: usize) -> Registered {
        // SAFETY: a live selector, on which nobody waits.
        assert_eq!(unsafe { selector::remove(self.of, i) }, Status::Ok);
        self.cases[i].take().expect("a case that is registered")
    }

    /// One of its cases.
    pub fn any(&self, rng: &mut Rng) -> Option<usize> {
        let all: Vec<_> = (0..self.cases.len()).filter(|i| self.cases[*i].is_some()).collect();
        (!all.is_empty()).then(|| all[rng.below(all.len())])
    }

    pub fn is_empty(&self) -> bool {
        self.cases.iter().all(Option::is_none)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody waits.
        assert_eq!(unsafe { selector::free(self.of) }, Status::Ok);
    }
}

impl Party {
    /// One wait; a case that sends has a value of this party's for it.
    pub fn wait_on(&mut self, s: &mut Own, wait: Wait, may_block: bool) -> Result<(usize, Status), Status> {
        self.fill(s.cases.iter_mut().flatten());
        // SAFETY: used by this party alone, with its places.
        let went = unsafe { selector::wait(s.of, wait, may_block) };
        self.went(went, |i| s.cases[i].as_ref().expect("a case that is registered"));
        went
    }

    /// A case goes, a case comes: one as it, on the same channel, or on another.
    pub fn change(&mut self, s: &mut Own) {
        if self.rng.below(2) == 0
            && let Some(i) = s.any(&mut self.rng)
        {
            drop(s.remove(i))
        }
        if s.cases.len() < 8 || s.cases.iter().any(Option::is_none) {
            let (case, borrows) = (self.case(), self.rng.below(2) == 0);
            s.add(case, borrows)
        }
    }
}

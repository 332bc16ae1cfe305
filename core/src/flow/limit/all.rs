//! `All`: several limiters at once, all or nothing (so many a second AND so many an hour).
//!
//!  AL1  They are asked one after the other, in their order; if one refuses, those before it get back what they gave, at the same time. So who is refused has taken nothing from any. In between others may be refused
//!       by what is given back a moment later; nobody is granted more.
//!  AL2  What is granted may be done when the last of them says so; until then it can be given back to all of them, also to those that would have granted it earlier.
//!  AL3  An `All` among the parts counts as its parts.

use super::{Grant, Grants, Limiter};
use crate::status::Status;
use crate::sys::prim::Arc;
use crate::task::Time;

/// Several limiters as one: what they all grant.
///
/// ```
/// use gort::limit::{All, FixedWindow, Limiter, TokenBucket};
/// use std::{sync::Arc, time::Duration};
/// let second: Arc<dyn Limiter> = Arc::new(TokenBucket::new(10.0, 2));
/// let hour: Arc<dyn Limiter> = Arc::new(FixedWindow::new(3, Duration::from_secs(3600)).unwrap());
/// let both = All::new([second.clone(), hour]).unwrap();
/// let t = gort::Time;
/// assert!(both.allow_at(t(0), 2) && both.allow_at(t(100_000_000), 1));
/// assert!(!both.allow_at(t(200_000_000), 1), "three in this hour");
/// assert_eq!(second.tokens_at(t(200_000_000)), 1.0, "and nothing is taken from the other");
/// ```
pub struct All(Box<[Arc<dyn Limiter>]>);

impl All {
    /// The most parts there can be.
    pub const MOST: usize = 8;

    /// Of one to `MOST` parts; else INVALID.
    pub fn new(parts: impl IntoIterator<Item = Arc<dyn Limiter>>) -> Result<All, Status> {
        let mut all: Vec<Arc<dyn Limiter>> = Vec::new();
        for part in parts {
            match part.parts() {
                Some(inner) => all.extend(inner.iter().cloned()), // AL3
                None => all.push(part),
            }
        }
        if all.is_empty() || all.len() > All::MOST { Err(Status::Invalid) } else { Ok(All(all.into_boxed_slice())) }
    }

    fn give_back_to(&self, now: Time, grants: &[Grant]) {
        for (part, grant) in self.0.iter().zip(grants) {
            part.give_back(now, &Grants::One(*grant))
        }
    }

    fn least(&self, f: impl Fn(&dyn Limiter) -> f64) -> f64 {
        self.0.iter().map(|part| f(&**part)).fold(f64::INFINITY, f64::min)
    }
}

/// The limit, the burst and the tokens are the least of its parts; they are set there, not here (INVALID).
impl Limiter for All {
    fn take(&self, now: Time, n: u32, latest: Time) -> Result<Grants, Status> {
        let mut grants = Vec::with_capacity(self.0.len());
        for part in &self.0 {
            match part.take(now, n, latest) {
                Ok(Grants::One(grant)) => grants.push(grant),
                Ok(Grants::All(_)) => {} // AL3: a part has no parts
                Err(status) => {
                    if !cfg!(feature = "mutant_limiter_all_keeps_some") {
                        self.give_back_to(now, &grants); // AL1
                    }
                    return Err(status);
                }
            }
        }
        let due = grants.iter().map(|g| g.at).max().unwrap_or(now.0);
        grants.iter_mut().for_each(|g| g.due = due); // AL2
        Ok(Grants::All(grants.into_boxed_slice()))
    }

    fn give_back(&self, now: Time, grants: &Grants) {
        if let Grants::All(grants) = grants {
            self.give_back_to(now, grants)
        }
    }

    fn limit(&self) -> f64 {
        self.least(|part| part.limit())
    }

    fn burst(&self) -> u32 {
        self.0.iter().map(|part| part.burst()).min().unwrap_or(0)
    }

    fn set_limit_at(&self, _: Time, _: f64) -> Result<(), Status> {
        Err(Status::Invalid)
    }

    fn set_burst_at(&self, _: Time, _: u32) -> Result<(), Status> {
        Err(Status::Invalid)
    }

    fn tokens_at(&self, now: Time) -> f64 {
        self.least(|part| part.tokens_at(now))
    }

    fn parts(&self) -> Option<&[Arc<dyn Limiter>]> {
        Some(&self.0)
    }
}

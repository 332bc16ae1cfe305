//! `Select`: a select whose cases are known at run time only.
//!
//! The cases and the places of their values belong to the `Select`; a channel hears of them during a wait only, whose frame holds the `Select` by `&mut`. So nothing is left in a channel when a
//! `Select`, a `Done` or a token is leaked: what is leaked is memory, with the values in it.
//!
//!  D1  `cases[i]` is off (a null channel, no time) unless it can go ahead: a receive or send that was taken out, a send without a value, a time that has come.
//!  D2  Between waits a place is full only for a send that has not gone ahead (or found its channel closed), and for the receive that went ahead last, until it is asked for (`settle`).

use super::case::{Done, Key, Keys, RecvCase, SendCase, TimeCase, Token};
use super::choose::{Receivable, Sendable};
use super::place::Place;
use super::raw::RawChan;
use super::select::{Case, Manner, Op, select};
use crate::sched::clock_never;
use crate::status::Status;
use crate::task::{Time, Wait};
use crate::wait::Wait as Limits;
use core::marker::PhantomData;
use core::ptr::{null, null_mut};
use std::time::Duration;

struct Entry {
    key: Key,
    chan: *const RawChan,
    /// None for a time, and for a case that was taken out.
    place: Option<Place>,
}

/// A select over cases that are known at run time: any number of them, of any types.
///
/// Add cases, keep their tokens, wait, and ask the `Done` which one went ahead. The cases stay from wait to wait: a receive case stays as it is; a send case rests after its value was sent, until
/// it is given another by `put`; a time case rests after its time has come, until `reset`. For cases that stay the same for many waits a `Selector` is quicker: this one costs what it has cases.
///
/// ```
/// let inputs: Vec<_> = (0..10).map(|_| gort::channel::<u32>(1)).collect();
/// let mut select = gort::Select::new();
/// let cases: Vec<_> = inputs.iter().map(|(_, rx)| select.recv(rx)).collect();
/// inputs[7].0.send(70).unwrap();
/// let mut done = select.wait().unwrap();
/// assert!(done.is(cases[7]));
/// assert_eq!(done.recv(cases[7]), Some(Ok(70)));
/// ```
pub struct Select<'a> {
    biased: bool,
    keys: Keys,
    cases: Vec<Case>,
    entries: Vec<Entry>,
    /// The receive case that went ahead last: its value may not have been asked for.
    last: Option<usize>,
    ends: PhantomData<&'a ()>,
}

// SAFETY: values are Send (`recv` and `send` ask), and a raw channel may be used from any thread while its end is borrowed (`Receivable`, `Sendable`).
unsafe impl Send for Select<'_> {}

impl<'a> Select<'a> {
    /// Without cases; of several that can go ahead one is chosen at random, each with the same chance.
    pub fn new() -> Select<'a> {
        Select::made(false)
    }

    /// Without cases; of several that can go ahead the one that was added first is chosen.
    pub fn biased() -> Select<'a> {
        Select::made(true)
    }

    fn made(biased: bool) -> Select<'a> {
        Select { biased, keys: Keys::new(), cases: vec![], entries: vec![], last: None, ends: PhantomData }
    }

    fn add(&mut self, case: Case, place: Option<Place>) -> (Key, usize) {
        let key = self.keys.next();
        self.cases.push(case);
        self.entries.push(Entry { key, chan: case.chan, place });
        (key, self.cases.len() - 1)
    }

    /// Adds a receive. An `Option` that is None is never ready.
    pub fn recv<R: Receivable + ?Sized>(&mut self, from: &'a R) -> RecvCase<R::Item> {
        let place = Place::empty::<R::Item>();
        let (key, index) = self.add(Case::recv(from.raw(), place.at()), Some(place));
        RecvCase::new(key, index)
    }

    /// Adds a send of `value`. An `Option` that is None is never ready.
    pub fn send<S: Sendable + ?Sized>(&mut self, to: &'a S, value: S::Item) -> SendCase<S::Item> {
        let place = Place::of(value);
        let (key, index) = self.add(Case::send(to.raw(), place.at()), Some(place));
        SendCase::new(key, index)
    }

    /// Adds a case that is ready from `d` from now on.
    pub fn after(&mut self, d: Duration) -> TimeCase {
        self.at(Time::after(d))
    }

    /// Adds a case that is ready from `time` on. It is ready once: then it rests.
    pub fn at(&mut self, time: Time) -> TimeCase {
        let (key, index) = self.add(Case::after(time.0), None);
        TimeCase { key, index }
    }

    fn find(&self, case: &impl Token) -> Option<usize> {
        self.entries.get(case.index()).filter(|e| e.key == case.key()).map(|_| case.index())
    }

    /// The index of a case that must be one of this select.
    fn own(&self, case: &impl Token, call: &str) -> usize {
        self.find(case).unwrap_or_else(|| panic!("gort::Select::{call}: not a case of this select"))
    }

    /// Gives a send case a value, also one that rests. The value that it had, and has not sent, comes back.
    ///
    /// # Panics
    /// If it is not a case of this select, or was taken out.
    pub fn put<T: Send>(&mut self, case: SendCase<T>, value: T) -> Option<T> {
        let i = self.own(&case, "put");
        let e = &mut self.entries[i];
        let place = e.place.as_mut().expect("gort::Select::put: the case was taken out");
        // SAFETY: the key is that of a case of this type.
        let old = unsafe {
            let old = place.take();
            place.fill(value);
            old
        };
        self.cases[i].chan = e.chan;
        old
    }

    /// Takes the value of a send case back; then it rests. None if it was sent.
    pub fn take<T: Send>(&mut self, case: SendCase<T>) -> Option<T> {
        let i = self.find(&case)?;
        self.cases[i].chan = null();
        // SAFETY: the key is that of a case of this type.
        unsafe { self.entries[i].place.as_mut()?.take() }
    }

    /// Sets the time of a time case, also of one that rests.
    ///
    /// # Panics
    /// If it is not a case of this select, or was taken out.
    pub fn reset(&mut self, case: TimeCase, time: Time) {
        let i = self.own(&case, "reset");
        assert!(self.cases[i].op == Op::After, "gort::Select::reset: the case was taken out");
        self.cases[i].time = time.0;
    }

    /// Takes a case out for good: it is never ready again, and its value is dropped. False if it is not a case of this select.
    pub fn remove(&mut self, case: impl super::case::AnyCase) -> bool {
        let Some(i) = self.find(&case) else { return false };
        self.cases[i] = Case::recv(null(), null_mut()); // whatever it was: off, for good (D1)
        drop(self.entries[i].place.take());
        true
    }

    /// Waits until one of the cases can go ahead, and does it.
    ///
    /// # Blocks
    /// Until a peer, a close or a time makes a case ready. Without a case that could ever be ready: until the wait is ended otherwise.
    ///
    /// # Errors
    /// What ends any wait: CANCELED, DEADLOCK, SHUTDOWN. LIMIT above 65,536 cases. Then no case went ahead, and values are where they were. A closed channel is no error: its case is ready.
    pub fn wait(&mut self) -> Result<Done<'_>, Status> {
        self.wait_with(Wait::forever())
    }

    /// `wait` within limits: TIMED_OUT when a deadline has passed.
    pub fn wait_with(&mut self, wait: Wait<'_>) -> Result<Done<'_>, Status> {
        self.choose(wait.raw(), Manner { biased: self.biased, ..Manner::BLOCK })
    }

    /// Does what can go ahead now, else WOULD_BLOCK.
    pub fn try_wait(&mut self) -> Result<Done<'_>, Status> {
        self.choose(Limits::FOREVER, Manner { biased: self.biased, ..Manner::TRY })
    }

    /// A value that was received and not asked for is dropped.
    fn settle(&mut self) {
        if let Some(place) = self.last.take().and_then(|i| self.entries[i].place.as_mut()) {
            place.clear()
        }
    }

    fn choose(&mut self, wait: Limits, manner: Manner) -> Result<Done<'_>, Status> {
        self.settle();
        // SAFETY: the ends of all cases (and so their types) are borrowed for 'a, which outlives us; a case that is not off has its place, empty for a receive and full for a send (D2), which stays where it is.
        let (i, status) = unsafe { select(&self.cases, wait, manner) }?;
        let Entry { key, place, .. } = &mut self.entries[i];
        match (self.cases[i].op, place.as_mut()) {
            (Op::Recv, Some(place)) if status.is_ok() => {
                // SAFETY: the channel has written it.
                unsafe { place.mark(true) };
                self.last = Some(i);
            }
            (Op::Send, Some(place)) => {
                self.cases[i].chan = null();
                if status.is_ok() {
                    // SAFETY: the channel has taken it.
                    unsafe { place.mark(false) }
                }
            }
            (Op::After, _) => self.cases[i].time = clock_never(),
            _ => {}
        }
        Ok(Done::new(*key, i, status, place.as_mut()))
    }
}

impl Default for Select<'_> {
    fn default() -> Self {
        Select::new()
    }
}

impl Drop for Select<'_> {
    /// The values go while what they may borrow is still there: for the compiler this says that 'a is used here.
    fn drop(&mut self) {
        self.entries.clear()
    }
}

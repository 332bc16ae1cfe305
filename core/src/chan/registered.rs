//! `Selector`: a select whose cases are registered once; a wait costs what happened, not what is registered.
//!
//! The engine is `selector.rs`. Here each case has a place on the heap for its value and keeps its end of the channel, and each raw case is one that the engine may go ahead with at any time:
//!
//!  G1  A case is registered with the engine (`raw`) exactly while it can go ahead: a receive from the start, a send while its place is full. A send that went ahead is taken out before the wait
//!      returns, so no value is sent twice.
//!  G2  A peer writes to a place, or reads it, only while somebody waits: its frame holds the selector by `&mut`. Between waits the places are ours alone.
//!  G3  Order of the end: out of the engine, then the places, then the ends of the channels. The channel of a registered case is alive by its end (`add_borrowed`), and ends alone decide when it
//!      closes.
//!  G4  Leaks: a leaked selector stays registered, but nobody waits on it, so peers that meet its entries go on to the next; entries, places and ends are never freed. If the ends were borrowed
//!      their channel may die: it takes the entries off its queues then. A leaked `Done` is a value that stays in its place (`case.rs`).
//!
//! Rejected: references of the engine's (they anchor the channel: the last sender dropped would not close it).

use super::case::{AnyCase, Done, Key, Keys, RecvCase, SendCase};
use super::choose::{Receivable, Sendable};
use super::ends::SendError;
use super::place::Place;
use super::select::{Case, Op};
use super::selector as engine;
use crate::status::Status;
use crate::task::Wait;
use crate::wait::Wait as Limits;
use core::ptr::NonNull;

/// One case. `end` is what keeps the channel alive; nothing is asked of it.
struct Entry<'a> {
    key: Key,
    case: Case,
    place: Place,
    /// Its number with the engine, while it is registered (G1).
    raw: Option<usize>,
    _end: Box<dyn End + 'a>,
}

trait End: Send {}
impl<E: Send> End for E {}

/// Cases that are registered once and waited for many times: for a loop over many channels, or over channels that come and go.
///
/// A wait costs what happened since the last one, whatever the number of cases. Cases of any types are added and removed between waits; a receive case stays until it is removed, a send case
/// rests after its value was sent, until it is given another by `put`. Of several cases that can go ahead they take turns.
///
/// It keeps the ends it is given: pass a `Receiver` (a clone, say) or a reference to one. A sender that it keeps counts: its channel does not close before the case is removed. It may be sent to
/// another thread between waits.
///
/// ```
/// let mut selector = gort::Selector::new();
/// let (numbers, rx) = gort::channel::<u32>(1);
/// let number = selector.recv(rx).unwrap();
/// let (words, rx) = gort::channel::<&str>(1);
/// let word = selector.recv(rx).unwrap();
/// gort::go(move || numbers.send(1).unwrap());
/// gort::go(move || words.send("two").unwrap());
/// let mut open = 2;
/// while open > 0 {
///     let mut done = selector.wait().unwrap();
///     if let Some(n) = done.recv(number) {
///         match n {
///             Ok(n) => assert_eq!(n, 1),
///             Err(_closed) => open -= selector.remove(number) as u32,
///         }
///     } else if let Some(w) = done.recv(word) {
///         match w {
///             Ok(w) => assert_eq!(w, "two"),
///             Err(_closed) => open -= selector.remove(word) as u32,
///         }
///     }
/// }
/// ```
pub struct Selector<'a> {
    raw: NonNull<engine::Selector>,
    keys: Keys,
    entries: Vec<Option<Entry<'a>>>,
    /// Indices of `entries` that are free.
    free: Vec<usize>,
    /// The entry of each number of the engine's.
    by_raw: Vec<usize>,
    /// The receive case that went ahead last: its value may not have been asked for.
    last: Option<usize>,
}

// SAFETY: values and ends are Send (`recv` and `send` ask); the engine is used through its lock, by one party at a time, from any thread.
unsafe impl Send for Selector<'_> {}

impl<'a> Selector<'a> {
    /// Without cases.
    ///
    /// # Panics
    /// If there is no memory, or gort is shut down.
    pub fn new() -> Selector<'a> {
        match engine::create() {
            Ok(raw) => Selector { raw, keys: Keys::new(), entries: vec![], free: vec![], by_raw: vec![], last: None },
            Err(s) => panic!("gort::Selector: {s}"),
        }
    }

    /// Registers a receive. An `Option` that is None is never ready.
    ///
    /// # Errors
    /// LIMIT above 65,536 cases; SHUTDOWN.
    pub fn recv<R: Receivable + Send + 'a>(&mut self, from: R) -> Result<RecvCase<R::Item>, Status> {
        let place = Place::empty::<R::Item>();
        let case = Case::recv(from.raw(), place.at());
        let (key, index) = self.add(case, place, Box::new(from)).map_err(|(s, _)| s)?;
        Ok(RecvCase::new(key, index))
    }

    /// Registers a send of `value`. An `Option` that is None is never ready.
    ///
    /// # Errors
    /// As `recv`; the value comes back.
    pub fn send<S: Sendable + Send + 'a>(
        &mut self,
        to: S,
        value: S::Item,
    ) -> Result<SendCase<S::Item>, SendError<S::Item>> {
        let place = Place::of(value);
        let case = Case::send(to.raw(), place.at());
        match self.add(case, place, Box::new(to)) {
            Ok((key, index)) => Ok(SendCase::new(key, index)),
            // SAFETY: made for this type, just now, and full.
            Err((status, mut place)) => Err(unsafe { SendError { value: place.take().unwrap_unchecked(), status } }),
        }
    }

    /// A case and its place; `end` keeps the channel alive.
    fn add(&mut self, case: Case, place: Place, end: Box<dyn End + 'a>) -> Result<(Key, usize), (Status, Place)> {
        let index = self.free.pop().unwrap_or(self.entries.len());
        if index == self.entries.len() {
            self.entries.push(None)
        }
        let key = self.keys.next();
        self.entries[index] = Some(Entry { key, case, place, raw: None, _end: end });
        match self.register(index) {
            Status::Ok => Ok((key, index)),
            status => Err((status, self.forget(index).expect("it was put there just now").place)),
        }
    }

    /// Tells the engine of an entry (G1).
    fn register(&mut self, index: usize) -> Status {
        let entry = self.entries[index].as_mut().expect("an index of ours");
        // SAFETY: our selector; the end of the entry keeps its channel alive until the case is removed (G3), and so stays the place.
        match unsafe { engine::add_borrowed(self.raw.as_ptr(), entry.case) } {
            Err(status) => status,
            Ok(raw) => {
                entry.raw = Some(raw);
                if raw >= self.by_raw.len() {
                    self.by_raw.resize(raw + 1, usize::MAX)
                }
                self.by_raw[raw] = index;
                Status::Ok
            }
        }
    }

    /// Takes an entry from the engine, if it is there.
    fn unregister(&mut self, index: usize) {
        if let Some(raw) = self.entries[index].as_mut().and_then(|e| e.raw.take()) {
            // SAFETY: our selector, on which nobody waits: we are borrowed exclusively. (Should gort be shut down the case is gone already.)
            let _ = unsafe { engine::remove(self.raw.as_ptr(), raw) };
        }
    }

    /// An entry that the engine does not know goes.
    fn forget(&mut self, index: usize) -> Option<Entry<'a>> {
        self.free.push(index);
        self.entries[index].take()
    }

    fn find(&self, case: &impl AnyCase) -> Option<usize> {
        let entry = self.entries.get(case.index())?.as_ref()?;
        (entry.key == case.key()).then_some(case.index())
    }

    /// Gives a send case a value, also one that rests. The value that it had, and has not sent, comes back.
    ///
    /// # Errors
    /// LIMIT and SHUTDOWN, with the value.
    ///
    /// # Panics
    /// If it is not a case of this selector, or was removed.
    pub fn put<T: Send>(&mut self, case: SendCase<T>, value: T) -> Result<Option<T>, SendError<T>> {
        let index = self.find(&case).expect("gort::Selector::put: not a case of this selector");
        let entry = self.entries[index].as_mut().expect("an index of ours");
        // SAFETY: the key is that of a case of this type; nobody waits, so the place is ours (G2).
        let old = unsafe {
            let old = entry.place.take();
            entry.place.fill(value);
            old
        };
        if entry.raw.is_some() {
            return Ok(old);
        }
        match self.register(index) {
            Status::Ok => Ok(old),
            status => {
                let entry = self.entries[index].as_mut().expect("an index of ours");
                // SAFETY: as above; it was filled just now.
                let value = unsafe { entry.place.take().unwrap_unchecked() };
                Err(SendError { value, status })
            }
        }
    }

    /// Takes the value of a send case back; then it rests. None if it was sent.
    pub fn take<T: Send>(&mut self, case: SendCase<T>) -> Option<T> {
        let index = self.find(&case)?;
        self.unregister(index);
        // SAFETY: the key is that of a case of this type.
        unsafe { self.entries[index].as_mut()?.place.take() }
    }

    /// Takes a case out for good: its value is dropped, and the end that it kept. False if it is not a case of this selector.
    pub fn remove(&mut self, case: impl AnyCase) -> bool {
        let Some(index) = self.find(&case) else { return false };
        self.unregister(index);
        drop(self.forget(index));
        true
    }

    /// How many cases there are, resting ones too.
    pub fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Has it no case?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until one of the cases can go ahead, and does it. A receive from a closed and drained channel is ready each time, until it is removed; a send that found its channel closed rests.
    ///
    /// # Blocks
    /// Until a peer or a close makes a case ready. Without a case that could ever be ready: until the wait is ended otherwise.
    ///
    /// # Errors
    /// What ends any wait: CANCELED, DEADLOCK, SHUTDOWN. Then no case went ahead, and values are where they were.
    pub fn wait(&mut self) -> Result<Done<'_>, Status> {
        self.choose(Limits::FOREVER, true)
    }

    /// `wait` within limits: TIMED_OUT when a deadline has passed.
    pub fn wait_with(&mut self, wait: Wait<'_>) -> Result<Done<'_>, Status> {
        self.choose(wait.raw(), true)
    }

    /// Does what can go ahead now, else WOULD_BLOCK.
    pub fn try_wait(&mut self) -> Result<Done<'_>, Status> {
        self.choose(Limits::FOREVER, false)
    }

    /// A value that was received and not asked for is dropped.
    fn settle(&mut self) {
        if let Some(entry) = self.last.take().and_then(|i| self.entries[i].as_mut())
            && entry.case.op == Op::Recv
        {
            entry.place.clear()
        }
    }

    fn choose(&mut self, wait: Limits, may_block: bool) -> Result<Done<'_>, Status> {
        self.settle();
        // SAFETY: our selector; what is registered is as G1 says, and stays so: we are borrowed exclusively.
        let (raw, status) = unsafe { engine::wait(self.raw.as_ptr(), wait, may_block) }?;
        let index = self.by_raw[raw];
        let entry = self.entries[index].as_mut().expect("the engine knows only what is here");
        if entry.case.op == Op::Send {
            if status.is_ok() {
                // SAFETY: the channel has taken it.
                unsafe { entry.place.mark(false) }
            }
            self.unregister(index);
        } else if status.is_ok() {
            // SAFETY: the channel has written it.
            unsafe { entry.place.mark(true) }
            self.last = Some(index);
        }
        let entry = self.entries[index].as_mut().expect("as above");
        Ok(Done::new(entry.key, index, status, Some(&mut entry.place)))
    }
}

impl Default for Selector<'_> {
    fn default() -> Self {
        Selector::new()
    }
}

impl Drop for Selector<'_> {
    fn drop(&mut self) {
        // SAFETY: our selector, on which nobody waits; not used again. (After a shutdown it is gone already, and its places are known to nobody.)
        let _ = unsafe { engine::free(self.raw.as_ptr()) };
        self.entries.clear();
    }
}

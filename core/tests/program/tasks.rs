//! Small programs of two to four parties over one to three channels, with what must hold when they are over.
//!
//! Each party does a dozen random operations, waiting for ever, within a deadline or under a cancel source; at a random moment everything is cancelled and closed, which ends whatever
//! still waits. Then: what was sent is what was received, or was dropped by a channel, each once; and of one sender's values on one channel each receiver saw a rising sequence.
//!
//! The parties' selectors change their cases between waits, have the same channel twice, borrow channels or keep them, and go from one party to another, while the others send, receive
//! and close (selectors.rs). What it is NOT: the programs that end by themselves (flow.rs).

mod flow;
mod selectors;
pub use flow::flow;

use crate::support::sync::{Arc, Mutex};
use crate::support::{Rng, us};
use gort::chan::raw::{self, Layout, RawChan, UNBOUNDED};
use gort::chan::select::{self, Case, Manner};
use gort::chan::{batch, later, notify};
use gort::wait::{CancelSource, Wait, cancel};
use gort::{Status, now, sleep, yield_now};
use selectors::Own;
use std::collections::HashMap;
use std::ffi::c_void;
use std::ptr::{null, with_exposed_provenance};

/// Which channel, whose, and the how-manyeth of that party.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(C)]
struct Value {
    chan: u32,
    party: u32,
    n: u32,
    round: u32,
}

/// What the channels of this round dropped.
static DROPPED: Mutex<Vec<Value>> = Mutex::new(Vec::new());

unsafe extern "C" fn dropped(at: *mut c_void) {
    // SAFETY: an element of a channel of this file begins with its value.
    DROPPED.lock().push(unsafe { at.cast::<Value>().read() })
}

#[derive(Clone, Copy)]
struct Chan {
    at: *const RawChan,
    id: u32,
    size: usize,
}

// SAFETY: a handle may be used from any thread.
unsafe impl Send for Chan {}

impl Chan {
    fn new(id: u32, rng: &mut Rng) -> Chan {
        // The ring of an unbounded channel takes 16 of such large values.
        let (cap, size) = [(0, 16), (0, 16), (1, 16), (3, 16), (UNBOUNDED, 4096)][rng.below(5)];
        let layout = Layout { size, align: 16, drop: Some(dropped) };
        let made = if cap == UNBOUNDED { raw::create_unbounded(layout) } else { raw::create(layout, cap) };
        Chan { at: made.unwrap().as_ptr(), id, size }
    }
}

/// Room for elements; 16 bytes are a `Value`.
struct Room {
    memory: Vec<u128>,
    size: usize,
}

impl Room {
    fn new(size: usize, n: usize) -> Room {
        Room { memory: vec![0; n * size / 16], size }
    }

    fn at(&mut self) -> *mut u8 {
        self.memory.as_mut_ptr().cast()
    }

    fn put(&mut self, i: usize, v: Value) {
        // SAFETY: element `i` is within the room, and aligned.
        unsafe { self.at().add(i * self.size).cast::<Value>().write(v) }
    }

    fn get(&self, i: usize) -> Value {
        // SAFETY: as in `put`; any bytes are a value.
        unsafe { self.memory.as_ptr().cast::<u8>().add(i * self.size).cast::<Value>().read() }
    }
}

/// What a party did.
#[derive(Default)]
pub struct Done {
    sent: Vec<Value>,
    got: Vec<Value>,
    /// It gave one back to this channel, so that order holds there no more.
    disordered: Vec<u32>,
}

/// One party, and what it needs for its operations.
struct Party {
    round: u32,
    number: u32,
    next: u32,
    rng: Rng,
    chans: Vec<Chan>,
    source: usize,
    /// Where a selector lies that goes from one party to another.
    bench: Arc<Mutex<Option<Own>>>,
    done: Done,
}

impl Party {
    fn fresh(&mut self, c: Chan) -> Value {
        self.next += 1;
        Value { chan: c.id, party: self.number, n: self.next, round: self.round }
    }

    fn chan(&mut self) -> Chan {
        self.chans[self.rng.below(self.chans.len())]
    }

    /// For ever, until a moment, or under the source.
    fn limits(&mut self) -> Wait {
        let source: *const CancelSource = with_exposed_provenance(self.source);
        match self.rng.below(4) {
            0 => Wait { deadline: now().0 + self.rng.below(200_000) as i64, cancel: null() },
            1 => Wait { cancel: source, ..Wait::FOREVER },
            2 => Wait { deadline: now().0 + self.rng.below(200_000) as i64, cancel: source },
            _ => Wait::FOREVER,
        }
    }

    fn sent(&mut self, v: Value, s: Status) {
        if s.is_ok() {
            self.done.sent.push(v)
        }
        self.ended_well(s);
    }

    fn got(&mut self, c: Chan, v: Value) {
        assert_eq!((v.chan, v.round), (c.id, self.round), "a value of another channel");
        self.done.got.push(v)
    }

    fn ended_well(&self, s: Status) {
        let known = [Status::Ok, Status::Closed, Status::WouldBlock, Status::TimedOut, Status::Canceled];
        assert!(known.contains(&s), "round {}: {s:?}", self.round);
    }

    fn send(&mut self) {
        let c = self.chan();
        let (v, w, mut e) = (self.fresh(c), self.limits(), Room::new(c.size, 1));
        e.put(0, v);
        // SAFETY: a live channel, and an element of it.
        let s = unsafe {
            match self.rng.below(3) {
                0 => raw::try_send(c.at, e.at()),
                1 => raw::send(c.at, e.at()),
                _ => raw::send_until(c.at, e.at(), w.deadline, w.cancel),
            }
        };
        self.sent(v, s)
    }

    fn recv(&mut self) {
        let c = self.chan();
        let (w, mut e) = (self.limits(), Room::new(c.size, 1));
        // SAFETY: a live channel, and room for an element of it.
        let s = unsafe {
            match self.rng.below(3) {
                0 => raw::try_recv(c.at, e.at()),
                1 => raw::recv(c.at, e.at()),
                _ => raw::recv_until(c.at, e.at(), w.deadline, w.cancel),
            }
        };
        self.ended_well(s);
        if s.is_ok() {
            self.got(c, e.get(0));
            if self.rng.below(12) == 0 {
                // It has no use for it after all.
                self.done.got.pop();
                self.done.disordered.push(c.id);
                // SAFETY: as above.
                assert_eq!(unsafe { later::give_back(c.at, e.at()) }, Status::Ok);
            }
        }
    }

    fn send_n(&mut self) {
        let (c, n) = (self.chan(), self.rng.below(24));
        let (w, mut e) = (self.limits(), Room::new(c.size, n));
        let vs: Vec<_> = (0..n).map(|_| self.fresh(c)).collect();
        vs.iter().enumerate().for_each(|(i, v)| e.put(i, *v));
        // SAFETY: a live channel, and `n` elements of it.
        let (k, s) = unsafe {
            if self.rng.below(2) == 0 { batch::try_send_n(c.at, e.at(), n) } else { batch::send_n(c.at, e.at(), n, w) }
        };
        self.ended_well(s);
        self.done.sent.extend(&vs[..k]);
    }

    fn recv_n(&mut self) {
        let (c, n) = (self.chan(), self.rng.below(24));
        let (w, mut e) = (self.limits(), Room::new(c.size, n));
        // SAFETY: a live channel, and room for `n` elements of it.
        let (k, s) = unsafe {
            if self.rng.below(2) == 0 { batch::try_recv_n(c.at, e.at(), n) } else { batch::recv_n(c.at, e.at(), n, w) }
        };
        self.ended_well(s);
        (0..k).for_each(|i| self.got(c, e.get(i)));
    }

    /// A random case.
    fn case(&mut self) -> Registered {
        let c = self.chan();
        Registered { chan: c, sends: self.rng.below(2) == 0, place: Room::new(c.size, 1) }
    }

    /// Random cases, at least one.
    fn cases(&mut self) -> Vec<Registered> {
        (0..1 + self.rng.below(4)).map(|_| self.case()).collect()
    }

    /// The values that the send cases are to send now.
    fn fill<'a>(&mut self, cases: impl Iterator<Item = &'a mut Registered>) {
        for case in cases.filter(|c| c.sends) {
            let v = self.fresh(case.chan);
            case.place.put(0, v);
        }
    }

    /// How a choice among cases ended.
    fn went<'a>(&mut self, went: Result<(usize, Status), Status>, case: impl Fn(usize) -> &'a Registered) {
        match went {
            Ok((i, Status::Ok)) => {
                let (v, c) = (case(i).place.get(0), case(i).chan);
                if case(i).sends { self.sent(v, Status::Ok) } else { self.got(c, v) }
            }
            Ok((_, s)) => assert_eq!(s, Status::Closed, "round {}", self.round),
            Err(s) => self.ended_well(s),
        }
    }

    fn select(&mut self) {
        let mut cases = self.cases();
        self.fill(cases.iter_mut());
        let raw: Vec<_> = cases.iter_mut().map(Registered::case).collect();
        let manner = Manner { may_block: self.rng.below(4) > 0, biased: self.rng.below(2) == 0 };
        let w = self.limits();
        // SAFETY: live channels, and places for their elements.
        let went = unsafe { select::select(&raw, w, manner) };
        self.went(went, |i| &cases[i])
    }

    fn selector_wait(&mut self, s: &mut Own) {
        let w = self.limits();
        // Without a case nothing would end a wait that has no limit.
        let endless = s.is_empty() && w.cancel.is_null() && w.deadline == Wait::FOREVER.deadline;
        let may_block = self.rng.below(4) > 0 && !endless;
        let _ = self.wait_on(s, w, may_block);
    }

    fn observe(&mut self) {
        let (c, w) = (self.chan(), self.limits());
        // SAFETY: a live channel; eight bytes to read into.
        unsafe {
            if self.rng.below(2) == 0 {
                self.ended_well(notify::readable(c.at, w))
            } else {
                let fd = notify::notify_fd(c.at).unwrap();
                let mut n = 0u64;
                libc::read(fd, (&raw mut n).cast(), 8);
            }
        }
    }

    /// Its whole life.
    fn run(mut self) -> Done {
        let mut s = Own::new();
        for case in self.cases() {
            let borrows = self.rng.below(2) == 0;
            s.add(case, borrows)
        }
        for _ in 0..4 + self.rng.below(12) {
            match self.rng.below(24) {
                0..4 => self.send(),
                4..8 => self.recv(),
                8 => self.send_n(),
                9 => self.recv_n(),
                10..13 => self.select(),
                13..18 => self.selector_wait(&mut s),
                18..21 => self.change(&mut s),
                21 => self.observe(),
                22 if self.rng.below(8) == 0 => {
                    let c = self.chan();
                    // SAFETY: a live channel.
                    let s = unsafe { if self.rng.below(2) == 0 { raw::close(c.at) } else { raw::abandon(c.at) } };
                    self.ended_well(s)
                }
                22 => {
                    // Another's selector for this one, if one lies there; or it lies there until somebody comes.
                    let other = self.bench.lock().replace(s);
                    s = other.unwrap_or_else(Own::new);
                }
                _ => yield_now(),
            }
        }
        drop(s);
        self.done
    }
}

/// A case and its place.
struct Registered {
    chan: Chan,
    sends: bool,
    place: Room,
}

impl Registered {
    fn case(&mut self) -> Case {
        if self.sends { Case::send(self.chan.at, self.place.at()) } else { Case::recv(self.chan.at, self.place.at()) }
    }
}

/// A party on a task of either kind, or on a thread.
enum Handle {
    Task(gort::JoinHandle<Done>),
    Thread(std::thread::JoinHandle<Done>),
}

/// One program. `threads`: some parties are plain threads.
pub fn run(round: u32, threads: bool) {
    let mut rng = Rng::of(u64::from(round) << 8 | u64::from(threads));
    let chans: Vec<_> = (0..1 + rng.below(3) as u32).map(|id| Chan::new(id, &mut rng)).collect();
    // SAFETY: no parent; freed below, when nobody watches it.
    let source = unsafe { cancel::create(null()) }.unwrap();
    let at = source.as_ptr().expose_provenance();
    let (bench, mut handles) = (Arc::new(Mutex::new(None)), Vec::new());
    for number in 0..2 + rng.below(3) as u32 {
        let own = Rng::of(u64::from(round) << 8 | u64::from(threads) | 3 << 40 | u64::from(number) << 44);
        let done = Done::default();
        let (chans, bench) = (chans.clone(), bench.clone());
        let p = Party { round, number, next: 0, rng: own, chans, source: at, bench, done };
        handles.push(Handle::start(&mut rng, threads, move || p.run()));
    }
    (0..rng.below(12)).for_each(|_| yield_now());
    let _ = sleep(us(rng.below(150) as u64));
    // SAFETY: live until everybody has ended.
    unsafe {
        assert!(source.as_ref().cancel(Status::Canceled));
        for c in &chans {
            let _ = raw::close(c.at);
        }
    }
    let all: Vec<Done> = handles.into_iter().map(Handle::join).collect();
    drop(bench.lock().take()); // before the channels that it borrows
    // SAFETY: nobody uses them any more.
    unsafe {
        chans.iter().for_each(|c| assert_eq!(raw::release(c.at), Status::Ok));
        assert_eq!(cancel::free(source), Status::Ok);
    }
    account(round, &all, false)
}

impl Handle {
    fn start(rng: &mut Rng, threads: bool, life: impl FnOnce() -> Done + Send + 'static) -> Handle {
        match rng.below(if threads { 4 } else { 2 }) {
            0 => Handle::Task(gort::spawn(life)),
            // SAFETY: nothing in this file depends on the thread.
            1 => Handle::Task(unsafe { gort::spawn_migratable(life) }),
            _ => Handle::Thread(std::thread::spawn(life)),
        }
    }

    fn join(self) -> Done {
        match self {
            Handle::Task(h) => h.join().unwrap(),
            Handle::Thread(h) => h.join().unwrap(),
        }
    }
}

/// Nothing lost, nothing doubled, nothing out of order.
fn account(round: u32, all: &[Done], none_dropped: bool) {
    let mut sent: Vec<Value> = all.iter().flat_map(|d| &d.sent).copied().collect();
    let mut ended: Vec<Value> = all.iter().flat_map(|d| &d.got).copied().collect();
    let mut dropped = std::mem::take(&mut *DROPPED.lock());
    assert!(!none_dropped || dropped.is_empty(), "round {round}: dropped, and should have been received: {dropped:?}");
    ended.append(&mut dropped);
    sent.sort_unstable();
    ended.sort_unstable();
    assert_eq!(sent, ended, "round {round}: sent on the left; received or dropped by a channel on the right");
    for d in all {
        let mut last = HashMap::new();
        for v in &d.got {
            let before = last.insert((v.chan, v.party), v.n).unwrap_or(0);
            let disordered = all.iter().any(|d| d.disordered.contains(&v.chan));
            assert!(disordered || before < v.n, "round {round}: {v:?} after number {before}");
        }
    }
}

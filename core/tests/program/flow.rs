//! Programs that end by themselves: some parties only send, others receive until all is closed. Nothing has a limit, so a wake-up that is lost is a program that hangs.
//!
//! In half of them the channels have typed ends and nothing else, one for each party: then the last sender that goes closes them, though selectors stand in their queues, which must not
//! anchor them (H6); and the last reference goes with whoever ends last. In the others a handle keeps them, and selectors keep them or borrow them.

use super::selectors::Own;
use super::{Chan, Done, Handle, Mutex, Party, Registered, Room, account};
use crate::support::Rng;
use crate::support::sync::Arc;
use gort::Status;
use gort::chan::select::{self, Manner};
use gort::chan::{notify, raw};
use gort::wait::Wait;

impl Party {
    /// A case on every channel, and on one of them perhaps a second.
    fn everywhere(&mut self, sends: bool) -> Vec<Registered> {
        let mut chans = self.chans.clone();
        if self.rng.below(2) == 0 {
            chans.push(self.chan())
        }
        chans.into_iter().map(|c| Registered { chan: c, sends, place: Room::new(c.size, 1) }).collect()
    }

    /// A selector of these cases.
    fn selector(&mut self, cases: Vec<Registered>, typed: bool) -> Own {
        let mut s = Own::new();
        for case in cases {
            let borrows = typed || self.rng.below(2) == 0;
            s.add(case, borrows)
        }
        s
    }

    /// A case goes and comes back, or stays.
    fn shuffle(&mut self, s: &mut Own, typed: bool) {
        if self.rng.below(4) == 0
            && let Some(i) = s.any(&mut self.rng)
        {
            let (case, borrows) = (s.remove(i), typed || self.rng.below(2) == 0);
            s.add(case, borrows)
        }
    }

    /// Sends `n` values in one way, each to any channel.
    fn produce(mut self, way: usize, n: usize, typed: bool) -> Done {
        let mut cases = self.everywhere(true);
        let theirs = self.everywhere(true);
        let mut s = self.selector(theirs, typed);
        for _ in 0..n {
            match way {
                0 => {
                    let c = self.chan();
                    let (v, mut e) = (self.fresh(c), Room::new(c.size, 1));
                    e.put(0, v);
                    // SAFETY: a live channel, and an element of it.
                    assert_eq!(unsafe { raw::send(c.at, e.at()) }, Status::Ok);
                    self.done.sent.push(v);
                }
                1 => {
                    self.fill(cases.iter_mut());
                    let raw: Vec<_> = cases.iter_mut().map(Registered::case).collect();
                    // SAFETY: live channels, and places for their elements.
                    let went = unsafe { select::select(&raw, Wait::FOREVER, Manner::BLOCK) };
                    assert_eq!(went.unwrap().1, Status::Ok);
                    self.went(went, |i| &cases[i]);
                }
                _ => {
                    self.shuffle(&mut s, typed);
                    let went = self.wait_on(&mut s, Wait::FOREVER, true);
                    assert_eq!(went.unwrap().1, Status::Ok);
                }
            }
        }
        drop(s);
        self.leave(typed, true)
    }

    /// Receives in one way until all channels are closed and empty; ways 2 and 3 know one channel only.
    fn consume(mut self, way: usize, typed: bool) -> Done {
        let (mut cases, mine) = (self.everywhere(false), self.chan());
        let theirs = self.everywhere(false);
        let mut s = self.selector(theirs, typed);
        let mut e = Room::new(mine.size, 1);
        let mut open: Vec<usize> = (0..cases.len()).collect();
        while !open.is_empty() && !s.is_empty() {
            match way {
                0 => {
                    let raw: Vec<_> = open.iter().map(|i| cases[*i].case()).collect();
                    // SAFETY: live channels, and places for their elements.
                    let (k, status) = unsafe { select::select(&raw, Wait::FOREVER, Manner::BLOCK) }.unwrap();
                    self.went(Ok((open[k], status)), |i| &cases[i]);
                    if status == Status::Closed {
                        open.remove(k);
                    }
                }
                1 => {
                    self.shuffle(&mut s, typed);
                    if let (i, Status::Closed) = self.wait_on(&mut s, Wait::FOREVER, true).unwrap() {
                        drop(s.remove(i))
                    }
                }
                _ => {
                    // SAFETY: a live channel, and room for an element of it.
                    let status = unsafe {
                        if way == 2 {
                            raw::recv(mine.at, e.at())
                        } else {
                            assert_eq!(notify::readable(mine.at, Wait::FOREVER), Status::Ok);
                            raw::try_recv(mine.at, e.at())
                        }
                    };
                    match status {
                        Status::Ok => self.got(mine, e.get(0)),
                        Status::Closed => open.clear(),
                        s => assert_eq!((s, way), (Status::WouldBlock, 3)),
                    }
                }
            }
        }
        drop(s);
        self.leave(typed, false)
    }

    /// Its ends go.
    fn leave(self, typed: bool, sender: bool) -> Done {
        for c in self.chans.iter().filter(|_| typed) {
            // SAFETY: this party's end, which it does not use again.
            unsafe { raw::drop_end(c.at, sender) }
        }
        self.done
    }
}

/// One program that ends by itself.
pub fn flow(round: u32, threads: bool) {
    let mark = u64::from(round) << 8 | u64::from(threads) | 1 << 39;
    let mut rng = Rng::of(mark);
    let chans: Vec<_> = (0..1 + rng.below(3) as u32).map(|id| Chan::new(id, &mut rng)).collect();
    let typed = rng.below(2) == 0;
    let bench = Arc::new(Mutex::new(None));
    let party = |number: u32, sender: bool| {
        for c in chans.iter().filter(|_| typed) {
            // SAFETY: a live channel; the party drops the end.
            unsafe { raw::add_end(c.at, sender) }
        }
        Party {
            round,
            number,
            next: 0,
            rng: Rng::of(mark | u64::from(number) << 44),
            chans: chans.clone(),
            source: 0,
            bench: bench.clone(),
            done: Done::default(),
        }
    };
    let (consumers, producers) = (1 + rng.below(3) as u32, 1 + rng.below(3) as u32);
    let receivers: Vec<_> = (0..consumers).map(|k| party(10 + k, false)).collect();
    let senders: Vec<_> = (0..producers).map(|k| party(k, true)).collect();
    let give_up = |chans: &[Chan]| {
        // SAFETY: the references that the channels were made with, which nobody uses any more.
        chans.iter().for_each(|c| assert_eq!(unsafe { raw::release(c.at) }, Status::Ok))
    };
    if typed {
        give_up(&chans)
    }
    let mut started = Vec::new();
    for (k, p) in receivers.into_iter().enumerate() {
        // The first one receives from all.
        let way = rng.below(if k == 0 { 2 } else { 4 });
        started.push(Handle::start(&mut rng, threads, move || p.consume(way, typed)));
    }
    let mut all = Vec::new();
    for p in senders {
        let (way, n) = (rng.below(3), rng.below(60));
        all.push(Handle::start(&mut rng, threads, move || p.produce(way, n, typed)));
    }
    let mut all: Vec<_> = all.into_iter().map(Handle::join).collect();
    if !typed {
        // SAFETY: live.
        chans.iter().for_each(|c| assert_eq!(unsafe { raw::close(c.at) }, Status::Ok));
    }
    all.extend(started.into_iter().map(Handle::join));
    if !typed {
        give_up(&chans)
    }
    account(round, &all, true)
}

//! The channels of a program, and the operations on one of them.

use super::reference::{Can, Chan, Fd, KINDS};
use super::{Elems, Ledger, cases::Registered, in_vain, number_at};
use gort::Status;
use gort::chan::raw;
use gort::chan::{batch, later, notify, returned};
use gort::wait::Wait;
use std::ptr::null;
use std::rc::Rc;

/// A deadline that has passed.
pub const OVER: Wait = Wait { deadline: 0, cancel: null() };

/// One channel of each kind, and two selectors.
pub struct World {
    pub ledger: Rc<Ledger>,
    pub chans: Vec<Rc<Chan>>,
    pub selectors: Vec<Registered>,
    /// The last value that was received from each: it may be given back.
    hand: Vec<Option<usize>>,
}

impl World {
    pub fn new(ledger: &Rc<Ledger>) -> World {
        let chans: Vec<_> = (0..KINDS.len()).map(|kind| Rc::new(Chan::new(kind))).collect();
        let hand = vec![None; chans.len()];
        World { ledger: ledger.clone(), chans, selectors: (0..2).map(|_| Registered::new(ledger)).collect(), hand }
    }

    pub fn chan(&self, a: u8) -> Rc<Chan> {
        self.chans[a as usize % self.chans.len()].clone()
    }

    /// A value came out of channel `c`: kept until the next one, then dropped.
    pub fn received(&mut self, c: &Chan, id: usize) {
        assert_eq!(id, c.recv(), "another value than the oldest");
        if let Some(old) = self.hand[c.kind].replace(id) {
            self.ledger.discard(old)
        }
    }

    /// `try_send`, or `send_until` with a deadline that has passed.
    pub fn send(&mut self, a: u8, b: u8, _: u8) {
        let (c, tries, id) = (self.chan(a), b & 1 == 0, self.ledger.fresh());
        let mut e = Elems::of(&self.ledger, c.size(), &[id]);
        // SAFETY: a live channel, and an element of it.
        let s = unsafe {
            if tries { raw::try_send(c.at, e.at()) } else { raw::send_until(c.at, e.at(), OVER.deadline, null()) }
        };
        match s {
            Status::Ok => c.send(id),
            s => {
                let expected = if c.can_send() == Can::Closed { Status::Closed } else { in_vain(tries) };
                assert_eq!((s, c.can_send() == Can::Do), (expected, false));
                self.ledger.discard(id); // still ours
            }
        }
    }

    /// `try_recv`, or `recv_until`.
    pub fn recv(&mut self, a: u8, b: u8, _: u8) {
        let (c, tries) = (self.chan(a), b & 1 == 0);
        let mut e = Elems::room(c.size(), 1);
        // SAFETY: a live channel, and room for an element of it.
        let s = unsafe {
            if tries { raw::try_recv(c.at, e.at()) } else { raw::recv_until(c.at, e.at(), OVER.deadline, null()) }
        };
        if s.is_ok() {
            return self.received(&c, e.get(0));
        }
        assert!(e.untouched_from(0), "written on success only");
        let expected = if c.can_recv() == Can::Closed { Status::Closed } else { in_vain(tries) };
        assert_eq!((s, c.can_recv() == Can::Do), (expected, false));
        if s == Status::WouldBlock {
            c.found_nothing()
        }
    }

    /// `try_send_n` or `send_n`.
    pub fn send_n(&mut self, a: u8, b: u8, n: u8) {
        let (c, tries, n) = (self.chan(a), b & 1 == 0, n as usize % 40);
        let ids: Vec<_> = (0..n).map(|_| self.ledger.fresh()).collect();
        let mut e = Elems::of(&self.ledger, c.size(), &ids);
        // SAFETY: a live channel, and `n` elements of it.
        let (k, s) =
            unsafe { if tries { batch::try_send_n(c.at, e.at(), n) } else { batch::send_n(c.at, e.at(), n, OVER) } };
        ids[..k].iter().for_each(|id| c.send(*id));
        ids[k..].iter().for_each(|id| self.ledger.discard(*id));
        if k == n {
            return assert_eq!(s, Status::Ok);
        }
        let expected = if c.can_send() == Can::Closed { Status::Closed } else { in_vain(tries) };
        assert_eq!((s, c.can_send() == Can::Do), (expected, false), "{k} of {n}");
    }

    /// `try_recv_n` or `recv_n`.
    pub fn recv_n(&mut self, a: u8, b: u8, n: u8) {
        let (c, tries, n) = (self.chan(a), b & 1 == 0, n as usize % 40);
        let mut e = Elems::room(c.size(), n);
        // SAFETY: a live channel, and room for `n` elements of it.
        let (k, s) =
            unsafe { if tries { batch::try_recv_n(c.at, e.at(), n) } else { batch::recv_n(c.at, e.at(), n, OVER) } };
        (0..k).for_each(|i| self.received(&c, e.get(i)));
        assert!(e.untouched_from(k), "more was written than was received");
        let all = c.can_recv() != Can::Do;
        assert!(k == n || all, "{k} of {n}, and more is there");
        // A batch that waits for one is content with what is there.
        let expected = match c.can_recv() {
            _ if k == n || (k > 0 && !tries) => Status::Ok,
            Can::Closed => Status::Closed,
            _ => in_vain(tries),
        };
        assert_eq!(s, expected, "{k} of {n}");
        if k < n && c.can_recv() == Can::Wait {
            c.found_nothing()
        }
    }

    /// The value that was received last comes back; without one, a new one comes.
    pub fn give_back(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        let id = self.hand[c.kind].take().unwrap_or_else(|| self.ledger.fresh());
        let mut e = Elems::of(&self.ledger, c.size(), &[id]);
        // SAFETY: a live channel, and an element of it.
        assert_eq!(unsafe { later::give_back(c.at, e.at()) }, Status::Ok);
        c.give_back(id);
    }

    pub fn close(&mut self, a: u8, b: u8, _: u8) {
        if b.is_multiple_of(4) {
            // Seldom, or nothing else would happen.
            let c = self.chan(a);
            // SAFETY: a live channel.
            assert_eq!(unsafe { raw::close(c.at) }, c.close());
        }
    }

    pub fn abandon(&mut self, a: u8, b: u8, _: u8) {
        if b.is_multiple_of(8) {
            let c = self.chan(a);
            // SAFETY: a live channel.
            assert_eq!(unsafe { raw::abandon(c.at) }, Status::Ok);
            c.abandon(&self.ledger);
        }
    }

    pub fn retain(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        // SAFETY: a live channel.
        assert_eq!(unsafe { raw::retain(c.at) }, Status::Ok);
        c.plain.set(c.plain.get() + 1);
    }

    pub fn release(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        if c.plain.get() > 0 {
            c.plain.set(c.plain.get() - 1);
            // SAFETY: a reference of ours.
            assert_eq!(unsafe { raw::release(c.at) }, Status::Ok);
            self.lost_one(&c);
        }
    }

    pub fn add_end(&mut self, a: u8, b: u8, _: u8) {
        let c = self.chan(a);
        let n = if b & 1 == 0 { &c.senders } else { &c.receivers };
        n.set(n.get() + 1);
        // SAFETY: a live channel.
        unsafe { raw::add_end(c.at, b & 1 == 0) }
    }

    pub fn drop_end(&mut self, a: u8, b: u8, _: u8) {
        let c = self.chan(a);
        let n = if b & 1 == 0 { &c.senders } else { &c.receivers };
        if n.get() > 0 {
            n.set(n.get() - 1);
            // SAFETY: an end of ours.
            unsafe { raw::drop_end(c.at, b & 1 == 0) };
            self.lost_one(&c);
        }
    }

    /// One of our references is gone; after the last one the place is another channel's.
    fn lost_one(&mut self, c: &Rc<Chan>) {
        c.released(&self.ledger);
        if !c.is_ours() {
            self.chans[c.kind] = Rc::new(Chan::new(c.kind));
        }
    }

    pub fn notify_fd(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        // SAFETY: a live channel.
        let fd = unsafe { notify::notify_fd(c.at) }.unwrap();
        let ready = c.can_recv() != Can::Wait;
        let known = c.fd.borrow().as_ref().map(|f| f.fd);
        match known {
            Some(known) => assert_eq!(fd, known, "the same each time"),
            None => *c.fd.borrow_mut() = Some(Fd { fd, armed: !ready, due: ready }),
        }
    }

    /// What a loop does first when its descriptor is readable.
    pub fn read_fd(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        if let Some(f) = &mut *c.fd.borrow_mut() {
            let mut n = 0u64;
            // SAFETY: eight bytes.
            let got = unsafe { libc::read(f.fd, (&raw mut n).cast(), 8) };
            assert!(got == 8 && n > 0 || got == -1 && !f.due, "readable, but {got} bytes");
            f.due = false;
            if got == 8 {
                f.armed = false // perhaps for nothing: whoever reads it receives next, which arms it
            }
        }
    }

    /// With a deadline that has passed.
    pub fn readable(&mut self, a: u8, _: u8, _: u8) {
        let c = self.chan(a);
        // SAFETY: a live channel.
        let s = unsafe { notify::readable(c.at, OVER) };
        // A selector's send case that is armed counts as a sender that waits, until it is met.
        let perhaps = s == Status::Ok && self.selectors.iter().any(|r| r.sends_to(&c));
        assert!(perhaps || s == if c.can_recv() == Can::Wait { Status::TimedOut } else { Status::Ok }, "{s:?}");
    }

    /// The nil channel: never ready, and no object.
    pub fn nil(&mut self, a: u8, _: u8, _: u8) {
        let (mut e, nil) = (Elems::room(16, 2), null());
        // SAFETY: null is allowed.
        unsafe {
            match a % 4 {
                0 => assert_eq!(raw::try_send(nil, e.at()), Status::WouldBlock),
                1 => assert_eq!(raw::recv_until(nil, e.at(), OVER.deadline, null()), Status::TimedOut),
                2 => {
                    assert_eq!(batch::send_n(nil, e.at(), 2, OVER), (0, Status::TimedOut));
                    assert_eq!(batch::try_recv_n(nil, e.at(), 2), (0, Status::WouldBlock));
                }
                _ => {
                    assert_eq!((raw::close(nil), raw::retain(nil)), (Status::Invalid, Status::Invalid));
                    assert_eq!((raw::len(nil), raw::cap(nil), raw::is_closed(nil)), (0, 0, false));
                    assert_eq!(notify::readable(nil, OVER), Status::TimedOut);
                }
            }
        }
    }

    /// Everything is as it should be.
    pub fn check(&self) {
        let of_selectors = self.selectors.iter().flat_map(Registered::chans);
        for c in self.chans.iter().cloned().chain(of_selectors) {
            let mut content = Vec::new();
            // SAFETY: a live channel, which nobody changes meanwhile; elements of it.
            unsafe {
                assert_eq!((raw::len(c.at), raw::is_closed(c.at)), (c.len(), c.closed.get()), "length, closed");
                returned::each(&*c.at, |at| content.push(number_at(at, c.size())));
                assert_eq!(raw::cap(c.at), KINDS[c.kind].0, "capacity");
            }
            assert_eq!(content, c.content(), "what is in the channel of kind {}", c.kind);
            if let Some(f) = &*c.fd.borrow()
                && f.due
            {
                let mut p = libc::pollfd { fd: f.fd, events: libc::POLLIN, revents: 0 };
                // SAFETY: one descriptor, without waiting.
                assert_eq!(unsafe { libc::poll(&mut p, 1, 0) }, 1, "nobody told the descriptor of kind {}", c.kind);
            }
        }
        self.ledger.check();
    }

    /// Gives everything back.
    pub fn end(mut self) {
        self.finish()
    }

    fn finish(&mut self) {
        self.selectors.clear();
        for c in self.chans.drain(..) {
            for (n, sender) in [(&c.senders, true), (&c.receivers, false)] {
                for _ in 0..n.replace(0) {
                    // SAFETY: an end of ours.
                    unsafe { raw::drop_end(c.at, sender) }
                }
            }
            for _ in 0..c.plain.replace(0) {
                // SAFETY: a reference of ours.
                unsafe {
                    let _ = raw::release(c.at);
                }
            }
            c.abandon(&self.ledger);
        }
        self.hand.iter_mut().filter_map(Option::take).for_each(|id| self.ledger.discard(id));
    }
}

/// Also after a panic, so that the next program finds nothing of this one.
impl Drop for World {
    fn drop(&mut self) {
        self.finish()
    }
}

//! Select and selectors of a program.

use super::reference::{Can, Chan};
use super::world::{OVER, World};
use super::{Chance, Elems, Ledger, in_vain};
use gort::Status;
use gort::chan::raw;
use gort::chan::select::{self, Manner};
use gort::chan::selector::{self, Selector};
use gort::wait::Wait;
use std::ptr::null;
use std::rc::Rc;

/// What a case is about.
enum Of {
    Send(Rc<Chan>, usize),
    Recv(Rc<Chan>),
    Nil,
    /// Due or not.
    After(bool),
}

impl Of {
    fn can(&self) -> Can {
        match self {
            Of::Send(c, _) => c.can_send(),
            Of::Recv(c) => c.can_recv(),
            Of::Nil | Of::After(false) => Can::Wait,
            Of::After(true) => Can::Do,
        }
    }
}

/// A case with its place.
struct Case {
    of: Of,
    place: Elems,
    /// Registered without a reference of the selector's: an end of the case's own keeps the channel, as in `gort::Selector`.
    borrows: bool,
}

impl Case {
    fn new(of: Of, ledger: &Ledger) -> Case {
        let place = match &of {
            Of::Send(c, id) => Elems::of(ledger, c.size(), &[*id]),
            Of::Recv(c) => Elems::room(c.size(), 1),
            _ => Elems::room(16, 1),
        };
        Case { of, place, borrows: false }
    }

    /// Its channel, and whether it sends to it.
    fn chan(&self) -> Option<(&Rc<Chan>, bool)> {
        match &self.of {
            Of::Send(c, _) => Some((c, true)),
            Of::Recv(c) => Some((c, false)),
            _ => None,
        }
    }

    fn raw(&mut self) -> select::Case {
        let at = self.place.at();
        match &self.of {
            Of::Send(c, _) => select::Case::send(c.at, at),
            Of::Recv(c) => select::Case::recv(c.at, at),
            Of::Nil => select::Case::recv(null(), at),
            Of::After(due) => select::Case::after(if *due { 1 } else { i64::MAX - 1 }),
        }
    }

    /// It went ahead as `s` says: true if its value was sent.
    fn went(&self, s: Status, world: &mut World) -> bool {
        let expected = if self.of.can() == Can::Closed { Status::Closed } else { Status::Ok };
        assert!(s == expected && self.of.can() != Can::Wait, "{s:?}: a case went ahead that could not");
        match &self.of {
            Of::Send(c, id) if s.is_ok() => c.send(*id),
            Of::Recv(c) if s.is_ok() => world.received(c, self.place.get(0)),
            _ => {}
        }
        s.is_ok() && matches!(self.of, Of::Send(..))
    }

    /// Nothing but a receive that went ahead writes to a place.
    fn check_untouched(&self) {
        match &self.of {
            Of::Send(_, id) => assert_eq!(self.place.get(0), *id, "the place of a send case was written"),
            _ => assert!(self.place.untouched_from(0), "the place of another case was written"),
        }
    }
}

/// The cases of a selector, at their indices.
pub struct Registered {
    of: *const Selector,
    cases: Vec<Option<Case>>,
    ledger: Rc<Ledger>,
}

impl Registered {
    pub fn new(ledger: &Rc<Ledger>) -> Registered {
        Registered { of: selector::create().unwrap().as_ptr(), cases: Vec::new(), ledger: ledger.clone() }
    }

    /// The channels that nobody but selectors keeps alive.
    pub fn chans(&self) -> impl Iterator<Item = Rc<Chan>> + '_ {
        self.cases.iter().flatten().filter_map(Case::chan).filter(|(c, _)| !c.is_ours()).map(|(c, _)| c.clone())
    }

    /// Has it a send case on `c`?
    pub fn sends_to(&self, c: &Rc<Chan>) -> bool {
        self.cases.iter().flatten().any(|x| matches!(&x.of, Of::Send(to, _) if Rc::ptr_eq(to, c)))
    }

    /// A case is out of the selector: its reference goes.
    fn gone(&self, case: Case) {
        if let Of::Send(_, id) = case.of {
            self.ledger.discard(id)
        }
        let Some((c, sends)) = case.chan() else { return };
        if case.borrows {
            c.lent(sends).set(c.lent(sends).get() - 1);
            // SAFETY: the end of the case, which no selector knows any more.
            unsafe { raw::drop_end(c.at, sends) }
        } else {
            c.held.set(c.held.get() - 1)
        }
        c.released(&self.ledger);
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // SAFETY: ours, and nobody waits.
        let s = unsafe { selector::free(self.of) };
        for case in std::mem::take(&mut self.cases).into_iter().flatten() {
            self.gone(case)
        }
        assert!(s.is_ok() || std::thread::panicking());
    }
}

impl World {
    fn random_case(&self, r: &mut Chance, timed: bool) -> Case {
        let c = self.chan(r.below(4) as u8);
        let of = match r.below(if timed { 12 } else { 9 }) {
            0..4 => Of::Send(c, self.ledger.fresh()),
            4..8 => Of::Recv(c),
            8..11 => Of::Nil,
            _ => Of::After(r.below(2) == 0),
        };
        Case::new(of, &self.ledger)
    }

    /// With up to eight cases: at random or biased, with default or with a deadline that has passed.
    pub fn select(&mut self, a: u8, b: u8, c: u8) {
        let mut r = Chance::of(a, b, c);
        let mut cases: Vec<Case> = (0..r.below(9)).map(|_| self.random_case(&mut r, true)).collect();
        let manner = Manner { may_block: r.below(2) == 0, biased: r.below(2) == 0 };
        let raw: Vec<_> = cases.iter_mut().map(Case::raw).collect();
        let wait = if manner.may_block { OVER } else { Wait::FOREVER };
        // SAFETY: live channels, and places for their elements.
        let went = unsafe { select::select(&raw, wait, manner) };
        let first = cases.iter().position(|c| c.of.can() != Can::Wait);
        let mut sent = None;
        match went {
            Ok((i, s)) => {
                assert!(!manner.biased || first == Some(i), "{i} instead of the first that can go ahead, {first:?}");
                if cases[i].went(s, self) {
                    sent = Some(i)
                }
                let received = s.is_ok() && matches!(cases[i].of, Of::Recv(_));
                cases.iter().enumerate().filter(|(k, _)| !(received && *k == i)).for_each(|(_, c)| c.check_untouched());
            }
            Err(s) => {
                assert_eq!((s, first), (in_vain(!manner.may_block), None));
                cases.iter().for_each(Case::check_untouched);
            }
        }
        for (i, case) in cases.into_iter().enumerate() {
            if let Of::Send(_, id) = case.of
                && sent != Some(i)
            {
                self.ledger.discard(id)
            }
        }
    }

    pub fn add(&mut self, a: u8, b: u8, c: u8) {
        let mut case = self.random_case(&mut Chance::of(b, c, 7), false);
        case.borrows = a & 2 == 0;
        let s = &mut self.selectors[a as usize % 2];
        let free = s.cases.iter().position(Option::is_none).unwrap_or(s.cases.len());
        // SAFETY: a live selector and channel; the place stays until the case is removed, and so does the end of one that borrows.
        let added = unsafe {
            if let Some((c, sends)) = case.chan().filter(|_| case.borrows) {
                c.lent(sends).set(c.lent(sends).get() + 1);
                raw::add_end(c.at, sends);
            }
            if case.borrows { selector::add_borrowed(s.of, case.raw()) } else { selector::add(s.of, case.raw()) }
        };
        assert_eq!(added, Ok(free), "the lowest index that is free");
        if let Some((c, _)) = case.chan().filter(|_| !case.borrows) {
            c.held.set(c.held.get() + 1)
        }
        if free == s.cases.len() { s.cases.push(Some(case)) } else { s.cases[free] = Some(case) }
    }

    pub fn remove(&mut self, a: u8, b: u8, _: u8) {
        let s = &mut self.selectors[a as usize % 2];
        let i = b as usize % (s.cases.len() + 1);
        // SAFETY: a live selector.
        let status = unsafe { selector::remove(s.of, i) };
        match s.cases.get_mut(i).and_then(Option::take) {
            None => assert_eq!(status, Status::Invalid),
            Some(case) => {
                assert_eq!(status, Status::Ok);
                s.gone(case);
            }
        }
    }

    /// Another one takes its place.
    pub fn free(&mut self, a: u8, b: u8, _: u8) {
        if b.is_multiple_of(4) {
            self.selectors[a as usize % 2] = Registered::new(&self.ledger)
        }
    }

    /// One wait: with default, or a deadline that has passed.
    pub fn wait(&mut self, a: u8, b: u8, _: u8) {
        let (n, tries) = (a as usize % 2, b & 1 == 0);
        let of = self.selectors[n].of;
        // SAFETY: a live selector, its places are.
        let went = unsafe { selector::wait(of, if tries { Wait::FOREVER } else { OVER }, !tries) };
        let mut cases = std::mem::take(&mut self.selectors[n].cases);
        let can = cases.iter().flatten().filter(|c| c.of.can() != Can::Wait).count();
        match went {
            Ok((i, s)) => {
                let case = cases[i].as_mut().expect("a case that is registered");
                if case.went(s, self) {
                    // The next value, into the same place.
                    let id = self.ledger.fresh();
                    case.place.put(&self.ledger, 0, id);
                    if let Of::Send(_, next) = &mut case.of {
                        *next = id
                    }
                } else if let Of::Recv(c) = &case.of
                    && s.is_ok()
                {
                    case.place.clear(c.size());
                }
            }
            Err(s) => assert_eq!((s, can), (in_vain(tries), 0), "cases that can go ahead"),
        }
        cases.iter().flatten().for_each(Case::check_untouched);
        self.selectors[n].cases = cases;
    }
}

impl Elems {
    /// As it was before.
    fn clear(&mut self, size: usize) {
        // SAFETY: within the room.
        unsafe { self.at().write_bytes(0xEE, size) }
    }
}

//! What a channel is compared with: two queues and a few counts. Numbers stand for values.

use super::Ledger;
use gort::Status;
use gort::chan::raw::{self, Layout, RawChan, UNBOUNDED};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;

/// Capacity, bytes and alignment of the kinds of channels. The ring of the unbounded one takes 16 values, a segment 8.
pub const KINDS: [(usize, usize, usize); 4] = [(0, 16, 8), (1, 24, 8), (3, 64, 64), (UNBOUNDED, 4096, 16)];

/// Whether an operation could go ahead.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Can {
    Do,
    Closed,
    Wait,
}

/// A descriptor of a channel, and what may be demanded of it.
pub struct Fd {
    pub fd: libc::c_int,
    /// A receive found nothing: the next arrival must be told.
    pub armed: bool,
    /// It must be readable until it is read.
    pub due: bool,
}

/// The real channel, and what should be in it.
pub struct Chan {
    pub at: *const RawChan,
    pub kind: usize,
    buffer: RefCell<VecDeque<usize>>,
    returned: RefCell<VecDeque<usize>>,
    pub closed: Cell<bool>,
    /// References of the program, of selectors, and typed ends.
    pub plain: Cell<u32>,
    pub held: Cell<u32>,
    pub senders: Cell<u32>,
    pub receivers: Cell<u32>,
    /// Senders and receivers that cases of selectors have, which borrow the channel.
    pub lent: [Cell<u32>; 2],
    pub fd: RefCell<Option<Fd>>,
}

impl Chan {
    pub fn new(kind: usize) -> Chan {
        let (cap, size, align) = KINDS[kind];
        let drop = Some(match align {
            64 => super::dropped::<64> as unsafe extern "C" fn(*mut libc::c_void),
            16 => super::dropped::<16>,
            _ => super::dropped::<8>,
        });
        let layout = Layout { size, align, drop };
        let made = if cap == UNBOUNDED { raw::create_unbounded(layout) } else { raw::create(layout, cap) };
        Chan {
            at: made.unwrap().as_ptr(),
            kind,
            buffer: RefCell::default(),
            returned: RefCell::default(),
            closed: Cell::new(false),
            plain: Cell::new(1),
            held: Cell::new(0),
            senders: Cell::new(0),
            receivers: Cell::new(0),
            lent: Default::default(),
            fd: RefCell::new(None),
        }
    }

    pub fn size(&self) -> usize {
        KINDS[self.kind].1
    }

    /// Without a party that waits (there is one thread) a send needs room, and a receive a value.
    pub fn can_send(&self) -> Can {
        match KINDS[self.kind].0 {
            _ if self.closed.get() => Can::Closed,
            cap if self.buffer.borrow().len() < cap => Can::Do,
            _ => Can::Wait,
        }
    }

    pub fn can_recv(&self) -> Can {
        match self.len() {
            0 if self.closed.get() => Can::Closed,
            0 => Can::Wait,
            _ => Can::Do,
        }
    }

    pub fn send(&self, id: usize) {
        assert_eq!(self.can_send(), Can::Do, "a send went ahead that could not");
        self.buffer.borrow_mut().push_back(id);
        self.arrived();
    }

    pub fn recv(&self) -> usize {
        let returned = self.returned.borrow_mut().pop_front();
        returned.or_else(|| self.buffer.borrow_mut().pop_front()).expect("a receive went ahead that could not")
    }

    pub fn give_back(&self, id: usize) {
        self.returned.borrow_mut().push_back(id);
        self.arrived();
    }

    pub fn len(&self) -> usize {
        self.returned.borrow().len() + self.buffer.borrow().len()
    }

    /// All of it, the next to be received first.
    pub fn content(&self) -> Vec<usize> {
        self.returned.borrow().iter().chain(self.buffer.borrow().iter()).copied().collect()
    }

    pub fn close(&self) -> Status {
        if self.closed.replace(true) {
            return Status::Closed;
        }
        self.arrived();
        Status::Ok
    }

    /// Closed, and what it holds is dropped by the channel.
    pub fn abandon(&self, ledger: &Ledger) {
        self.closed.set(true);
        self.arrived();
        let mut all = self.content();
        self.returned.borrow_mut().clear();
        self.buffer.borrow_mut().clear();
        all.drain(..).for_each(|id| ledger.expect_drop(id));
    }

    /// Does the program still own a part of it?
    pub fn is_ours(&self) -> bool {
        self.plain.get() + self.senders.get() + self.receivers.get() > 0
    }

    /// Of the lent ends those that send, or receive.
    pub fn lent(&self, sender: bool) -> &Cell<u32> {
        &self.lent[usize::from(!sender)]
    }

    /// A reference was counted out: what that means (H6).
    pub fn released(&self, ledger: &Ledger) {
        let senders = self.senders.get() + self.lent(true).get();
        let receivers = self.receivers.get() + self.lent(false).get();
        let typed_only = self.plain.get() + self.held.get() == 0;
        if !typed_only || (senders > 0 && receivers > 0) {
            return;
        }
        if receivers == 0 {
            return self.abandon(ledger);
        }
        self.closed.set(true);
        self.arrived();
    }

    /// A receive said WOULD_BLOCK.
    pub fn found_nothing(&self) {
        if let Some(fd) = &mut *self.fd.borrow_mut() {
            fd.armed = true
        }
    }

    /// Something arrived, or it is closed.
    fn arrived(&self) {
        if let Some(fd) = &mut *self.fd.borrow_mut()
            && std::mem::replace(&mut fd.armed, false)
        {
            fd.due = true
        }
    }
}

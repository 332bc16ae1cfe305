//! Channels of u32 and what waits on them, for the models: thin, safe names over the raw calls.

use gort::Status;
use gort::chan::raw::{self, Layout, RawChan};
use gort::chan::select::{self, Case, Manner};
use gort::chan::selector::{self, Selector};
use gort::chan::{batch, later, notify};
use gort::sched::callback::Callback;
use gort::sched::{Cx, as_task, enter};
use gort::sys::clock::NEVER;
use gort::wait::{CancelSource, Wait, cancel};
use std::cell::{Cell, UnsafeCell};
use std::ptr::{from_ref, null};

/// A deadline: of a plain thread it passes at the first look, of a task when the model says so (`tick`).
pub const SOON: i64 = i64::MAX - 1;

/// Ends by its deadline.
pub const TIMED: Wait = Wait { deadline: SOON, cancel: null() };

/// Ends by cancellation of `s`.
pub fn under(s: &'static CancelSource) -> Wait {
    Wait { deadline: NEVER, cancel: s }
}

/// A source that stays until the schedule ends.
pub fn source() -> &'static CancelSource {
    // SAFETY: no parent; leaked by the model.
    unsafe { cancel::create(null()).unwrap().as_ref() }
}

/// Makes the calling thread of the model a task if `task`.
pub fn party(task: bool) {
    if task {
        as_task();
    }
}

/// The calling party's waiter is in no queue: enlisted again it would tear the list.
pub fn left_the_queue() {
    let cx = enter().unwrap();
    assert!(!cx.party().waiter.queued.get(), "the waiter was left in a queue");
    cx.exit();
}

/// How often a callback was called.
#[derive(Default)]
pub struct Calls(gort::sys::prim::Cell<u32>);

impl Calls {
    pub fn n(&self) -> u32 {
        self.0.get()
    }

    /// A callback that counts here, which stays until the schedule ends.
    pub fn callback(&'static self) -> &'static Callback {
        unsafe fn count(_: Cx, cb: &Callback) {
            // SAFETY: `arg` is the calls below.
            let calls = unsafe { &*cb.arg.get().cast::<Calls>() };
            calls.0.set(calls.0.get() + 1);
        }
        // SAFETY: leaked by the model.
        unsafe { Callback::create(count, from_ref(self).cast_mut().cast()).unwrap().as_ref() }
    }
}

#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Chan(pub *const RawChan);

// A plain pointer: loom runs the threads of a model on one OS thread.
impl Chan {
    pub fn new(cap: usize) -> Chan {
        Chan(raw::create(Layout { size: 4, align: 4, drop: None }, cap).unwrap().as_ptr())
    }

    /// Its ring takes one value, a segment two (cfg loom).
    pub fn unbounded() -> Chan {
        Chan(raw::create_unbounded(Layout { size: 4, align: 4, drop: None }).unwrap().as_ptr())
    }

    /// Two in the order of their addresses: the allocator decides those, and a schedule must repeat.
    pub fn two(cap: usize) -> (Chan, Chan) {
        let (a, b) = (Chan::new(cap), Chan::new(cap));
        if a.0 < b.0 { (a, b) } else { (b, a) }
    }

    pub fn send(self, v: u32) -> Status {
        // SAFETY: a channel of this model; `v` lives until the call returns.
        unsafe { raw::send(self.0, from_ref(&v).cast()) }
    }

    pub fn send_until(self, v: u32) -> Status {
        // SAFETY: as above.
        unsafe { raw::send_until(self.0, from_ref(&v).cast(), SOON, null()) }
    }

    pub fn try_send(self, v: u32) -> Status {
        // SAFETY: as above.
        unsafe { raw::try_send(self.0, from_ref(&v).cast()) }
    }

    pub fn try_recv(self) -> Result<u32, Status> {
        let mut v = u32::MAX;
        // SAFETY: as above.
        unsafe { raw::try_recv(self.0, (&raw mut v).cast()) }.ok().map(|()| v)
    }

    pub fn recv(self) -> Result<u32, Status> {
        let mut v = u32::MAX;
        // SAFETY: as above.
        unsafe { raw::recv(self.0, (&raw mut v).cast()) }.ok().map(|()| v)
    }

    pub fn recv_until(self) -> Result<u32, Status> {
        let mut v = u32::MAX;
        // SAFETY: as above.
        let s = unsafe { raw::recv_until(self.0, (&raw mut v).cast(), SOON, null()) };
        assert!(s.is_ok() || v == u32::MAX, "the place is written only on success");
        s.ok().map(|()| v)
    }

    pub fn close(self) -> Status {
        // SAFETY: as above.
        unsafe { raw::close(self.0) }
    }

    pub fn retain(self) {
        // SAFETY: as above.
        assert_eq!(unsafe { raw::retain(self.0) }, Status::Ok);
    }

    pub fn release(self) -> Status {
        // SAFETY: as above; the caller does not use it again.
        unsafe { raw::release(self.0) }
    }

    pub fn len(self) -> usize {
        // SAFETY: as above.
        unsafe { raw::len(self.0) }
    }

    pub fn abandon(self) -> Status {
        // SAFETY: as above.
        unsafe { raw::abandon(self.0) }
    }

    /// What is there now, at most three.
    pub fn try_recv_n(self) -> (Vec<u32>, Status) {
        let mut at = [u32::MAX; 3];
        // SAFETY: as above.
        let (n, s) = unsafe { batch::try_recv_n(self.0, at.as_mut_ptr().cast(), 3) };
        (at[..n].to_vec(), s)
    }

    /// A value comes back to the front.
    pub fn give_back(self, v: u32) -> Status {
        // SAFETY: as above.
        unsafe { later::give_back(self.0, from_ref(&v).cast()) }
    }

    pub fn readable(self, wait: Wait) -> Status {
        // SAFETY: as above.
        unsafe { notify::readable(self.0, wait) }
    }

    pub fn notify_fd(self) -> i32 {
        // SAFETY: as above.
        unsafe { notify::notify_fd(self.0) }.unwrap()
    }

    /// Nothing stands in its queues.
    pub fn assert_no_queue(self) {
        // SAFETY: as above.
        assert_eq!(
            unsafe { raw::queues(self.0) },
            (false, false),
            "something was left in a queue (receivers, senders)"
        );
    }
}

/// A case of a select or a selector.
#[derive(Clone, Copy)]
pub enum Arm {
    Send(Chan, u32),
    Recv(Chan),
    /// Switched off.
    Nil,
    /// Due at the first look of a plain thread that waits, or when the model says so.
    Later,
}

impl Arm {
    /// The case with its place.
    pub fn case(self, at: &mut u32) -> Case {
        match self {
            Arm::Send(c, v) => {
                *at = v;
                Case::send(c.0, from_ref(at).cast())
            }
            Arm::Recv(c) => Case::recv(c.0, (&raw mut *at).cast()),
            Arm::Nil => Case::recv(null(), std::ptr::null_mut()),
            Arm::Later => Case::after(SOON),
        }
    }
}

/// Which arm went ahead, how, and what is in its place (of a receive that was not OK: u32::MAX).
pub type Went = (usize, Status, u32);

/// One select.
pub fn select(arms: &[Arm], wait: Wait, manner: Manner) -> Result<Went, Status> {
    let mut at = vec![u32::MAX; arms.len()];
    let cases: Vec<Case> = arms.iter().zip(&mut at).map(|(a, at)| a.case(at)).collect();
    // SAFETY: channels of this model; the places live until the call returns.
    let (i, s) = unsafe { select::select(&cases, wait, manner) }?;
    for (k, a) in arms.iter().enumerate() {
        let untouched = !matches!(a, Arm::Recv(_)) || (k == i && s.is_ok()) || at[k] == u32::MAX;
        assert!(untouched, "the place of another case was written");
    }
    Ok((i, s, at[i]))
}

/// One select that waits for ever.
pub fn wait_select(arms: &[Arm]) -> Went {
    select(arms, Wait::FOREVER, Manner::BLOCK).unwrap()
}

/// A selector, with the places of its cases.
#[derive(Clone, Copy)]
pub struct Sel {
    of: *const Selector,
    places: &'static [Place; 4],
}

#[derive(Default)]
struct Place {
    value: UnsafeCell<u32>,
    receives: Cell<bool>,
}

impl Sel {
    pub fn new(arms: &[Arm]) -> Sel {
        let s = Sel { of: selector::create().unwrap().as_ptr(), places: super::shared(Default::default()) };
        for (i, a) in arms.iter().enumerate() {
            assert_eq!(s.add(i, *a), Ok(i));
        }
        s
    }

    /// With place `i`.
    pub fn add(self, i: usize, arm: Arm) -> Result<usize, Status> {
        let p = &self.places[i];
        p.receives.set(matches!(arm, Arm::Recv(_)));
        // SAFETY: a selector of this model, and a place that stays until the schedule ends; nobody else uses it before it is added.
        unsafe {
            *p.value.get() = u32::MAX;
            selector::add(self.of, arm.case(&mut *p.value.get()))
        }
    }

    fn wait_as(self, wait: Wait, may_block: bool) -> Result<Went, Status> {
        // SAFETY: as above; between two waits the places are the caller's.
        unsafe {
            let (i, s) = selector::wait(self.of, wait, may_block)?;
            let p = &self.places[i];
            let v = p.value.get().read();
            if p.receives.get() {
                p.value.get().write(u32::MAX)
            }
            Ok((i, s, v))
        }
    }

    pub fn wait(self) -> Went {
        self.wait_as(Wait::FOREVER, true).unwrap()
    }

    pub fn wait_within(self, wait: Wait) -> Result<Went, Status> {
        self.wait_as(wait, true)
    }

    pub fn try_wait(self) -> Result<Went, Status> {
        self.wait_as(Wait::FOREVER, false)
    }

    pub fn remove(self, i: usize) -> Status {
        // SAFETY: as above.
        unsafe { selector::remove(self.of, i) }
    }

    pub fn free(self) -> Status {
        // SAFETY: as above; the caller does not use it again.
        unsafe { selector::free(self.of) }
    }
}

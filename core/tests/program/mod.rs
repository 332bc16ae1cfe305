//! Programs of channel operations on one thread, compared with plain queues.
//!
//! What this is: the interpreter that `proptest_chan.rs` and `fuzz/` share. A program is a list of steps of four bytes, an operation and three operands, and any bytes are one, so that both can
//! make and shrink them without knowing what they mean. Nothing here waits: what would have to is given a deadline that has passed.
//! What it is NOT: a test of parties that meet; those are the models' and `random_programs` of `proptest_chan.rs`.
//!
//! After each step every channel holds exactly what its reference holds, in that order, and each value was dropped as often as it should have been: once, by whoever had it last.

#![allow(dead_code)]

mod cases;
mod reference;
mod world;

use gort::Status;
use std::cell::RefCell;
use std::ffi::c_void;
use std::rc::Rc;
use world::World;

/// An operation and its operands.
pub type Step = [u8; 4];

/// Runs a program; panics where the channels and their references disagree.
pub fn run(steps: &[Step]) {
    let ledger = Rc::new(Ledger::default());
    let before = gort::metrics();
    let mut world = World::new(&ledger);
    for s in steps {
        let (_, f) = operation(s);
        f(&mut world, s[1], s[2], s[3]);
        world.check();
    }
    world.end();
    ledger.check_all_dropped();
    let after = gort::metrics();
    assert_eq!((after.channels, after.timers), (before.channels, before.timers), "channels, timers left alive");
}

/// A program in words.
pub fn text(steps: &[Step]) -> String {
    steps.iter().map(|s| format!("\n  {:?} {}", s, operation(s).0)).collect()
}

type Operation = fn(&mut World, u8, u8, u8);

fn operation(s: &Step) -> (&'static str, Operation) {
    OPERATIONS[s[0] as usize % OPERATIONS.len()]
}

/// Twice what programs should do often.
const OPERATIONS: &[(&str, Operation)] = &[
    ("try_send", World::send),
    ("try_send", World::send),
    ("try_recv", World::recv),
    ("try_recv", World::recv),
    ("send_n", World::send_n),
    ("send_n", World::send_n),
    ("recv_n", World::recv_n),
    ("recv_n", World::recv_n),
    ("select", World::select),
    ("select", World::select),
    ("selector wait", World::wait),
    ("selector wait", World::wait),
    ("selector add", World::add),
    ("selector remove", World::remove),
    ("selector free", World::free),
    ("give_back", World::give_back),
    ("close", World::close),
    ("abandon", World::abandon),
    ("retain", World::retain),
    ("release", World::release),
    ("add_end", World::add_end),
    ("drop_end", World::drop_end),
    ("notify_fd", World::notify_fd),
    ("read the descriptor", World::read_fd),
    ("readable", World::readable),
    ("nil", World::nil),
];

/// How often each value was dropped, and should have been. Its number is its place.
#[derive(Default)]
pub struct Ledger(RefCell<Vec<Drops>>);

#[derive(Default, Clone, Copy)]
struct Drops {
    done: u8,
    expected: u8,
}

impl Ledger {
    /// A new value.
    pub fn fresh(&self) -> usize {
        let mut all = self.0.borrow_mut();
        all.push(Drops::default());
        all.len() - 1
    }

    /// The program drops a value that it has.
    pub fn discard(&self, id: usize) {
        let mut all = self.0.borrow_mut();
        all[id].done += 1;
        all[id].expected += 1;
    }

    /// A channel should have dropped it.
    pub fn expect_drop(&self, id: usize) {
        self.0.borrow_mut()[id].expected += 1
    }

    pub fn check(&self) {
        for (id, d) in self.0.borrow().iter().enumerate() {
            assert_eq!(d.done, d.expected, "how often value {id} was dropped");
        }
    }

    fn check_all_dropped(&self) {
        for (id, d) in self.0.borrow().iter().enumerate() {
            assert_eq!((d.done, d.expected), (1, 1), "how often value {id} was dropped, and should have been");
        }
    }
}

/// The head of an element; the rest of it repeats the number.
#[repr(C)]
#[derive(Clone, Copy)]
struct Head {
    ledger: *const Ledger,
    id: usize,
}

/// The drop function of the channels' elements.
unsafe extern "C" fn dropped<const ALIGN: usize>(at: *mut c_void) {
    let aligned = at.addr().is_multiple_of(ALIGN);
    // SAFETY: an element that `Elem::put` made, aligned or not; the ledger outlives the channels of its program.
    unsafe {
        let head = at.cast::<Head>().read_unaligned();
        let mut all = (*head.ledger).0.borrow_mut();
        let done = &mut all[head.id].done;
        *done = done.saturating_add(if aligned { 1 } else { 100 });
    }
}

/// Room for elements of one size, side by side, aligned as any of them must be.
pub struct Elems {
    memory: Vec<Line>,
    size: usize,
}

#[repr(align(64))]
#[derive(Clone, Copy)]
struct Line([u8; 64]);

impl Elems {
    pub fn room(size: usize, n: usize) -> Elems {
        Elems { memory: vec![Line([0xEE; 64]); (size * n).div_ceil(64)], size }
    }

    pub fn of(ledger: &Ledger, size: usize, ids: &[usize]) -> Elems {
        let mut e = Elems::room(size, ids.len());
        ids.iter().enumerate().for_each(|(i, id)| e.put(ledger, i, *id));
        e
    }

    pub fn at(&mut self) -> *mut u8 {
        self.memory.as_mut_ptr().cast()
    }

    /// Value `id` into place `i`.
    pub fn put(&mut self, ledger: &Ledger, i: usize, id: usize) {
        let head = Head { ledger, id };
        // SAFETY: place `i` is within the room.
        unsafe {
            let at = self.at().add(i * self.size);
            at.write_bytes(id as u8, self.size);
            at.cast::<Head>().write_unaligned(head);
        }
    }

    /// The value in place `i`, whole.
    pub fn get(&self, i: usize) -> usize {
        // SAFETY: place `i` is within the room.
        unsafe { number_at(self.memory.as_ptr().cast::<u8>().add(i * self.size), self.size) }
    }

    /// Nothing was written to the places from `i` on.
    pub fn untouched_from(&self, i: usize) -> bool {
        // SAFETY: the lines are plain bytes.
        let all = unsafe { std::slice::from_raw_parts(self.memory.as_ptr().cast::<u8>(), self.memory.len() * 64) };
        all[i * self.size..].iter().all(|b| *b == 0xEE)
    }
}

/// The number of the element at `at`, which must be whole.
///
/// # Safety
/// Readable for `size` bytes.
unsafe fn number_at(at: *const u8, size: usize) -> usize {
    // SAFETY: contract.
    unsafe {
        let id = at.cast::<Head>().read_unaligned().id;
        let rest = std::slice::from_raw_parts(at.add(16), size - 16);
        assert!(rest.iter().all(|b| *b == id as u8), "an element was torn");
        id
    }
}

/// Chance of a program's own, of the operands of a step.
struct Chance(u64);

impl Chance {
    fn of(a: u8, b: u8, c: u8) -> Chance {
        Chance(u64::from_le_bytes([a, b, c, 1, 0, 0, 0, 0]))
    }

    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % n
    }
}

/// WOULD_BLOCK of a call that only tries, TIMED_OUT of one whose deadline has passed.
fn in_vain(tries: bool) -> Status {
    if tries { Status::WouldBlock } else { Status::TimedOut }
}

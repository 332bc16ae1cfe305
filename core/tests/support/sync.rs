//! What the tests order their own threads with: as std's, but made of what ThreadSanitizer follows.
//!
//! std comes un-instrumented, so the order that its mutex (when contended), channel, once-cell and scope make is not seen, and
//! what the test itself shares would be reported. A lock on an atomic, a pipe, and threads that are joined one by one are.
//! What it is NOT: made of the engine, whose own order is what the tests are about.

use std::cell::UnsafeCell;
use std::io::{PipeReader, PipeWriter, Read, Write};
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, Ordering::*};

pub use gort::sys::prim::Arc;

/// Spins: held for a few instructions, never over a park.
#[derive(Default)]
pub struct Mutex<T> {
    locked: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the value is reached under the lock only.
unsafe impl<T: Send> Sync for Mutex<T> {}

pub struct Guard<'a, T>(&'a Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Mutex<T> {
        Mutex { locked: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    pub fn lock(&self) -> Guard<'_, T> {
        // Acquire: pairs with the guard's Release.
        while self.locked.swap(true, Acquire) {
            std::thread::yield_now();
        }
        Guard(self)
    }
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        // SAFETY: a guard holds the lock.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and the guard is borrowed exclusively.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Guard<'_, T> {
    fn drop(&mut self) {
        self.0.locked.store(false, Release)
    }
}

/// One end of a pipe: the other is told a byte, or, by its drop, that there will be none.
pub struct Tell(PipeWriter);
/// The other end; waiting blocks the OS thread in a call that gort does not see.
pub struct Told(PipeReader);

pub fn pipe() -> (Tell, Told) {
    let (r, w) = std::io::pipe().expect("a pipe");
    (Tell(w), Told(r))
}

impl Tell {
    pub fn tell(&mut self, byte: u8) {
        self.0.write_all(&[byte]).expect("a pipe with a reader")
    }
}

impl Told {
    /// The next byte; None: there will be none.
    pub fn wait(&mut self) -> Option<u8> {
        let mut byte = [0];
        (self.0.read(&mut byte).expect("a pipe") == 1).then_some(byte[0])
    }
}

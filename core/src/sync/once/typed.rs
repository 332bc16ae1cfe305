//! `Once` and `OnceValue<T>`: the flag (`once.rs`) with a function, and with what that returns.

use super::{RawOnce, Turn};
use crate::status::Status;
use crate::task::Wait as Limits;
use core::cell::UnsafeCell;

/// Does something once. Whoever comes while it is being done waits until it is.
///
/// A panic counts as done: it goes on in the caller whose turn it was, and nobody does it again. Called by what is being done itself, it waits for ever (a deadlock, which gort reports).
///
/// ```
/// static START: gort::sync::Once = gort::sync::Once::new();
/// START.call(|| println!("once"));
/// START.call(|| unreachable!());
/// ```
#[derive(Default)]
pub struct Once {
    raw: RawOnce,
}

/// Ends a turn, also by a panic.
struct Finish<'a>(&'a RawOnce);

impl Drop for Finish<'_> {
    fn drop(&mut self) {
        let _ = self.0.finish(); // the turn is ours
    }
}

impl Once {
    pub const fn new() -> Once {
        Once { raw: RawOnce::new() }
    }

    /// Does `f` unless it was done; returns when it is done. Cancellation does not end the wait.
    ///
    /// # Panics
    /// If `f` does; in a signal handler that interrupted gort.
    #[inline]
    pub fn call(&self, f: impl FnOnce()) {
        if self.raw.is_done() {
            return;
        }
        match self.raw.begin() {
            Ok(turn) => self.take(turn, f),
            Err(s) => panic!("gort::sync::Once::call: {s}"),
        }
    }

    /// `call` that waits for somebody else within limits only: TIMED_OUT, CANCELED, DEADLOCK, SHUTDOWN.
    pub fn call_with(&self, wait: Limits<'_>, f: impl FnOnce()) -> Result<(), Status> {
        self.raw.begin_within(wait.raw()).map(|turn| self.take(turn, f))
    }

    /// `call` that does not wait: WOULD_BLOCK while somebody does it.
    pub fn try_call(&self, f: impl FnOnce()) -> Result<(), Status> {
        self.raw.try_begin().map(|turn| self.take(turn, f))
    }

    fn take(&self, turn: Turn, f: impl FnOnce()) {
        if turn == Turn::Yours {
            let _finish = Finish(&self.raw);
            f()
        }
    }

    /// Is it done?
    #[inline]
    pub fn is_done(&self) -> bool {
        self.raw.is_done()
    }
}

/// A value that is made once, by whoever asks first.
///
/// If making it panics, that goes on in the caller whose turn it was, and everybody who asks later panics with its message.
///
/// ```
/// static ANSWER: gort::sync::OnceValue<String> = gort::sync::OnceValue::new();
/// assert_eq!(ANSWER.get_or_init(|| "42".into()), "42");
/// assert_eq!(ANSWER.get().map(String::as_str), Some("42"));
/// ```
pub struct OnceValue<T> {
    once: Once,
    value: UnsafeCell<Option<Result<T, String>>>,
}

// SAFETY: written once, in the turn, and read when that is done; whoever comes first may make it for another thread, and the last drops it.
unsafe impl<T: Send + Sync> Sync for OnceValue<T> {}
// SAFETY: the value goes with it.
unsafe impl<T: Send> Send for OnceValue<T> {}

impl<T> Default for OnceValue<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> OnceValue<T> {
    pub const fn new() -> OnceValue<T> {
        OnceValue { once: Once::new(), value: UnsafeCell::new(None) }
    }

    /// The value, made by `f` if nobody has made it. Waits while somebody does; cancellation does not end the wait.
    ///
    /// # Panics
    /// If `f` does, or did in an earlier call.
    pub fn get_or_init(&self, f: impl FnOnce() -> T) -> &T {
        self.once.call(|| self.make(f));
        self.had()
    }

    /// `get_or_init` that waits for somebody else within limits only.
    ///
    /// # Panics
    /// As `get_or_init`.
    pub fn get_or_init_with(&self, wait: Limits<'_>, f: impl FnOnce() -> T) -> Result<&T, Status> {
        self.once.call_with(wait, || self.make(f))?;
        Ok(self.had())
    }

    /// The value, if it is made. None also if making it panicked.
    pub fn get(&self) -> Option<&T> {
        // SAFETY: done: nobody writes it any more.
        if self.once.is_done() { unsafe { (*self.value.get()).as_ref()?.as_ref().ok() } } else { None }
    }

    fn make(&self, f: impl FnOnce() -> T) {
        let made = std::panic::catch_unwind(std::panic::AssertUnwindSafe(f));
        let (value, panic) = match made {
            Ok(value) => (Ok(value), None),
            Err(payload) => (Err(text_of(&*payload)), Some(payload)),
        };
        // SAFETY: the turn is ours, and nobody reads it before that is over. What may stand there is left: another process was writing it when this one was forked, or had done so.
        unsafe { self.value.get().write(Some(value)) };
        if let Some(payload) = panic {
            std::panic::resume_unwind(payload)
        }
    }

    fn had(&self) -> &T {
        // SAFETY: as in `get`.
        match unsafe { &*self.value.get() } {
            Some(Ok(value)) => value,
            Some(Err(text)) => panic!("{text}"),
            // The turn always leaves one.
            None => unreachable!(),
        }
    }
}

fn text_of(payload: &(dyn core::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().map(|s| (*s).into());
    text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "a panic without a message".into())
}

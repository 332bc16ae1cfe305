//! What names a case of a `Select` or a `Selector`, and what came of it: tokens and `Done`.
//!
//! A token carries the type of its case's values, and a number that no other case of the process has. So asking with a token of another select, or of a case that was taken out, finds nothing;
//! it never finds a value of another type.
//!
//! `Done` is not a half-way operation: the value has been received, or sent, when the wait returns, and stands in the select. So a `Done` that is dropped or leaked leaves nothing open (a peer's
//! selected operation, which had to be completed by its holder, was unsound when leaked).

use super::ends::SendError;
use super::place::Place;
use crate::status::Status;
use crate::sys::prim::*;
use core::marker::PhantomData;

/// Which case of which select. Never used again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Key {
    owner: u64,
    number: u64,
}

/// Gives the cases of one select their keys.
pub(super) struct Keys(Key);

impl Keys {
    pub(super) fn new() -> Keys {
        static OWNERS: AtomicU64 = AtomicU64::new(0);
        Keys(Key { owner: OWNERS.fetch_add(1, Relaxed), number: 0 })
    }

    pub(super) fn next(&mut self) -> Key {
        self.0.number += 1;
        self.0
    }
}

macro_rules! token {
    ($(#[$doc:meta])* $name:ident<T>, $of:ty) => {
        $(#[$doc])*
        pub struct $name<T> {
            pub(super) key: Key,
            /// Its place among the cases, as long as the key is the one that stands there.
            pub(super) index: usize,
            of: PhantomData<$of>,
        }

        impl<T> $name<T> {
            pub(super) fn new(key: Key, index: usize) -> Self {
                $name { key, index, of: PhantomData }
            }

            /// Its place among the cases of its select, what `Done::index` says of it: the first n cases have 0 to n - 1. That of a case which was removed from a `Selector` is given to another.
            pub fn index(&self) -> usize {
                self.index
            }
        }

        impl<T> Clone for $name<T> {
            fn clone(&self) -> Self {
                *self
            }
        }
        impl<T> Copy for $name<T> {}

        impl<T> core::fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                write!(f, concat!(stringify!($name), "({}.{})"), self.key.owner, self.key.number)
            }
        }

        impl<T> AnyCase for $name<T> {}
        impl<T> Token for $name<T> {
            fn key(&self) -> Key {
                self.key
            }
            fn index(&self) -> usize {
                self.index
            }
        }
    };
}

token!(
    /// A receive case of a `Select` or a `Selector`.
    RecvCase<T>,
    fn() -> T
);
token!(
    /// A send case of a `Select` or a `Selector`.
    SendCase<T>,
    fn(T) -> T
);

/// A case of a `Select` that waits for a time.
#[derive(Clone, Copy, Debug)]
pub struct TimeCase {
    pub(super) key: Key,
    pub(super) index: usize,
}

impl TimeCase {
    /// Its place among the cases of its select, what `Done::index` says of it: the first n cases have 0 to n - 1.
    pub fn index(&self) -> usize {
        self.index
    }
}

impl AnyCase for TimeCase {}
impl Token for TimeCase {
    fn key(&self) -> Key {
        self.key
    }
    fn index(&self) -> usize {
        self.index
    }
}

/// What a token says to the select it belongs to.
pub(super) trait Token {
    fn key(&self) -> Key;
    fn index(&self) -> usize;
}

/// The token of a case, whatever it does: `RecvCase`, `SendCase` or `TimeCase`.
#[allow(private_bounds)]
pub trait AnyCase: Token + Copy {}

/// The case that went ahead. Asked with a token it says whether it was that one, and how it went.
///
/// ```
/// let (tx, rx) = gort::channel(1);
/// let mut select = gort::Select::new();
/// let (incoming, outgoing) = (select.recv(&rx), select.send(&tx, 7));
/// let mut done = select.wait().unwrap();
/// if let Some(value) = done.recv(incoming) {
///     println!("received {value:?}");
/// } else if let Some(sent) = done.send(outgoing) {
///     sent.unwrap();
/// }
/// assert_eq!(rx.try_recv(), Ok(7));
/// ```
///
/// A value that is not asked for stays in the select and is dropped at its next wait, or with it.
#[must_use = "says which case went ahead; a received value is in it"]
pub struct Done<'s> {
    key: Key,
    index: usize,
    status: Status,
    /// Of a send or a receive.
    place: Option<&'s mut Place>,
}

impl<'s> Done<'s> {
    pub(super) fn new(key: Key, index: usize, status: Status, place: Option<&'s mut Place>) -> Done<'s> {
        Done { key, index, status, place }
    }

    /// The place of the case among those of its select, as its token's `index` says: for a table of many cases, which `is` would have to go through.
    pub fn index(&self) -> usize {
        self.index
    }

    /// Was it this case?
    pub fn is(&self, case: impl AnyCase) -> bool {
        case.key() == self.key
    }

    /// None if it was another case. The value; or CLOSED if the channel is closed and drained. A value can be taken once: asked again this says None.
    pub fn recv<T: Send>(&mut self, case: RecvCase<T>) -> Option<Result<T, Status>> {
        if !self.is(case) {
            return None;
        }
        if let Err(closed) = self.status.ok() {
            return Some(Err(closed));
        }
        // SAFETY: the key is that of a receive case of this type, which made the place.
        unsafe { self.place.as_mut()?.take() }.map(Ok)
    }

    /// None if it was another case. `Ok` if the value was sent; CLOSED, with the value, if the channel is closed: the value can be taken once.
    pub fn send<T: Send>(&mut self, case: SendCase<T>) -> Option<Result<(), SendError<T>>> {
        if !self.is(case) {
            return None;
        }
        let Err(status) = self.status.ok() else { return Some(Ok(())) };
        // SAFETY: as in `recv`, of a send case.
        unsafe { self.place.as_mut()?.take() }.map(|value| Err(SendError { value, status }))
    }
}

impl core::fmt::Debug for Done<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Done({}.{}, {:?})", self.key.owner, self.key.number, self.status)
    }
}

//! What `select!` stands on: what can be received from and sent to, and a select whose cases are known when it is compiled.
//!
//! The macro (`choose/macros.rs`) makes a list of cases, `Snoc(Snoc(Nil, a), b)`, each of its own type, and hands it to `choose`, which comes back with a `Choice` of the same shape. So every
//! received value has its type without a cast, and all of it stands in the frame of `choose`: values to be sent, room for what is received, and the row of raw cases. Nothing is allocated.
//!
//!  V1  A value to be sent is owned by its case, an ordinary field: a panic while a later case is evaluated drops it, as any local. Once a channel has taken it nothing is there but bytes.
//!  V2  A received value is moved out of its room once, before any other case is dropped, so it is never lost to the panic of another value's destructor.
//!  V3  Nothing points into the list before `choose` has it, and the list does not move until the select is over.
//!
//! Everything below the two traits is for the macro's use: public, since it is named where the macro is used, and safe to call, but no part of the face.

use super::ends::{Receiver, SendError, Sender};
use super::raw::RawChan;
use super::select::{Case, Manner, select};
use super::typed::{Elem, Room};
use crate::sched::clock_never;
use crate::status::Status;
use crate::task::{Time, Wait};
use crate::wait::Wait as Limits;
use core::convert::Infallible;
use core::marker::PhantomData;
use core::mem::size_of;
use core::ptr::null;
use core::slice;
use std::time::Duration;

mod macros;

/// What a receive case can name: a `Receiver`, a reference to one, and an `Option` of these, where `None` is never ready (Go's nil channel).
///
/// # Safety
/// `raw` is null, or a live channel whose elements are those of `gort::channel::<Item>`, which stays alive while `self` is borrowed, and may be used from any thread.
#[diagnostic::on_unimplemented(
    message = "nothing can be received from `{Self}`",
    label = "not a receiver",
    note = "a receive case takes a `Receiver`, a reference to one, or an `Option` of these"
)]
pub unsafe trait Receivable {
    /// What is received.
    type Item: Send;

    /// The channel, borrowed; null: never ready.
    fn raw(&self) -> *const RawChan;
}

/// What a send case can name: a `Sender`, a reference to one, and an `Option` of these, where `None` is never ready (Go's nil channel).
///
/// # Safety
/// As `Receivable`.
#[diagnostic::on_unimplemented(
    message = "nothing can be sent to `{Self}`",
    label = "not a sender",
    note = "a send case takes a `Sender`, a reference to one, or an `Option` of these"
)]
pub unsafe trait Sendable {
    /// What is sent.
    type Item: Send;

    /// The channel, borrowed; null: never ready.
    fn raw(&self) -> *const RawChan;
}

macro_rules! ends {
    ($of:ident, $end:ident) => {
        // SAFETY: the end keeps its channel alive, which was made for `T`; every use of it is through its lock.
        unsafe impl<T: Send> $of for $end<T> {
            type Item = T;
            fn raw(&self) -> *const RawChan {
                self.as_raw()
            }
        }
        // SAFETY: what is behind the reference is borrowed as long.
        unsafe impl<E: $of + ?Sized> $of for &E {
            type Item = E::Item;
            fn raw(&self) -> *const RawChan {
                (**self).raw()
            }
        }
        // SAFETY: as the end itself; null without one.
        unsafe impl<E: $of> $of for Option<E> {
            type Item = E::Item;
            fn raw(&self) -> *const RawChan {
                self.as_ref().map_or(null(), |end| end.raw())
            }
        }
    };
}
ends!(Receivable, Receiver);
ends!(Sendable, Sender);

/// A case of a list.
///
/// # Safety
/// `case` tells a channel that is alive as long as `self` is borrowed, and a place in `self` that fits it.
#[doc(hidden)]
pub unsafe trait OneCase {
    type Outcome;

    fn case(&mut self) -> Case;

    /// What came of it.
    ///
    /// # Safety
    /// The select chose this case, with this status, since `case` was called.
    unsafe fn outcome(self, status: Status) -> Result<Self::Outcome, Status>;
}

/// Receives.
#[doc(hidden)]
pub struct Take<'a, T> {
    chan: *const RawChan,
    room: Room<T>,
    end: PhantomData<&'a ()>,
}

#[doc(hidden)]
#[inline]
pub fn take<R: Receivable + ?Sized>(from: &R) -> Take<'_, R::Item> {
    Take { chan: from.raw(), room: Room::new(), end: PhantomData }
}

// SAFETY: the channel is borrowed for 'a, and the room is ours.
unsafe impl<T: Send> OneCase for Take<'_, T> {
    type Outcome = Result<T, Status>;

    #[inline]
    fn case(&mut self) -> Case {
        Case::recv(self.chan, self.room.at())
    }

    #[inline]
    unsafe fn outcome(self, status: Status) -> Result<Self::Outcome, Status> {
        // SAFETY: contract: OK means that the channel has written the room.
        Ok(status.ok().map(|()| unsafe { self.room.into_inner() }))
    }
}

/// Sends; gives the value back.
#[doc(hidden)]
pub struct Put<'a, T> {
    chan: *const RawChan,
    value: Elem<T>,
    end: PhantomData<&'a ()>,
}

#[doc(hidden)]
#[inline]
pub fn put<S: Sendable + ?Sized>(to: &S, value: S::Item) -> Put<'_, S::Item> {
    Put { chan: to.raw(), value: Elem::new(value), end: PhantomData }
}

// SAFETY: the channel is borrowed for 'a, and the value is ours.
unsafe impl<T: Send> OneCase for Put<'_, T> {
    type Outcome = Result<(), SendError<T>>;

    #[inline]
    fn case(&mut self) -> Case {
        Case::send(self.chan, self.value.at())
    }

    #[inline]
    unsafe fn outcome(self, status: Status) -> Result<Self::Outcome, Status> {
        Ok(if status.is_ok() {
            self.value.sent(); // the channel's (V1)
            Ok(())
        } else {
            Err(SendError { value: self.value.into_inner(), status })
        })
    }
}

/// Sends, or the whole select has failed: for an arm that does not look at how it went.
#[doc(hidden)]
pub struct Sure<'a, T>(Put<'a, T>);

#[doc(hidden)]
#[inline]
pub fn sure<S: Sendable + ?Sized>(to: &S, value: S::Item) -> Sure<'_, S::Item> {
    Sure(put(to, value))
}

// SAFETY: as `Put`.
unsafe impl<T: Send> OneCase for Sure<'_, T> {
    type Outcome = ();

    #[inline]
    fn case(&mut self) -> Case {
        self.0.case()
    }

    #[inline]
    unsafe fn outcome(self, status: Status) -> Result<(), Status> {
        // SAFETY: contract.
        unsafe { self.0.outcome(status) }?.map_err(|e| e.status)
    }
}

/// Waits for a time.
#[doc(hidden)]
pub struct When(Time);

#[doc(hidden)]
#[inline]
pub fn after(d: Duration) -> When {
    When(Time::after(d))
}

#[doc(hidden)]
#[inline]
pub fn at(time: Time) -> When {
    When(time)
}

// SAFETY: no channel.
unsafe impl OneCase for When {
    type Outcome = ();

    #[inline]
    fn case(&mut self) -> Case {
        Case::after(self.0.0)
    }

    #[inline]
    unsafe fn outcome(self, _: Status) -> Result<(), Status> {
        Ok(())
    }
}

/// The cases of a select, in the order of the source.
///
/// # Safety
/// `Row` is `LEN` cases, one behind the other; `fill` writes all of them, as `OneCase` says.
#[doc(hidden)]
pub unsafe trait Cases: Sized {
    type Choice;
    type Row;
    const LEN: usize;
    const OFF: Self::Row;

    fn fill(&mut self, row: &mut Self::Row);

    /// Which case it was, and what came of it.
    ///
    /// # Safety
    /// The select over `fill`'s row chose case `i`, with this status.
    unsafe fn choice(self, i: usize, status: Status) -> Result<Self::Choice, Status>;
}

/// No case.
#[doc(hidden)]
pub struct Nil;

/// A list and one case more.
#[doc(hidden)]
pub struct Snoc<L, C>(pub L, pub C);

/// The case that was chosen out of none: there is no such value.
#[doc(hidden)]
pub struct Never(Infallible);

impl Never {
    /// Of any type, and not `!`: a select all of whose arms leave is then not taken for code that is never reached.
    #[doc(hidden)]
    pub fn never<R>(self) -> R {
        match self.0 {}
    }
}

/// The last case of a list was chosen, or one before it.
#[doc(hidden)]
pub enum Choice<L, C> {
    Before(L),
    Last(C),
}

/// A row and one case more.
#[doc(hidden)]
#[repr(C)]
pub struct Longer<R>(R, Case);

// SAFETY: no cases.
unsafe impl Cases for Nil {
    type Choice = Never;
    type Row = [Case; 0];
    const LEN: usize = 0;
    const OFF: [Case; 0] = [];

    #[inline]
    fn fill(&mut self, _: &mut [Case; 0]) {}

    unsafe fn choice(self, _: usize, _: Status) -> Result<Never, Status> {
        Err(Status::Misuse) // no case of none is chosen
    }
}

// SAFETY: repr(C), and all that is in a row is aligned alike, so the last case stands right behind the others.
unsafe impl<L: Cases, C: OneCase> Cases for Snoc<L, C> {
    type Choice = Choice<L::Choice, C::Outcome>;
    type Row = Longer<L::Row>;
    const LEN: usize = L::LEN + 1;
    const OFF: Longer<L::Row> = Longer(L::OFF, Case::after(clock_never()));

    #[inline]
    fn fill(&mut self, row: &mut Longer<L::Row>) {
        self.0.fill(&mut row.0);
        row.1 = self.1.case();
    }

    #[inline]
    unsafe fn choice(self, i: usize, status: Status) -> Result<Self::Choice, Status> {
        let Snoc(before, last) = self;
        // SAFETY: contract, for this case or for the others.
        unsafe {
            if i == L::LEN {
                let outcome = last.outcome(status).map(Choice::Last); // V2
                drop(before);
                outcome
            } else {
                let choice = before.choice(i, status).map(Choice::Before); // V2
                drop(last);
                choice
            }
        }
    }
}

/// Waits, within `wait`, until one of the cases can go ahead, and does it. Values that were not sent are dropped.
#[doc(hidden)]
#[inline]
pub fn choose<L: Cases>(wait: Wait<'_>, biased: bool, list: L) -> Result<L::Choice, Status> {
    go(list, wait.raw(), Manner { biased, ..Manner::BLOCK })
}

/// Waits, within `wait`, for nothing.
#[doc(hidden)]
pub fn nothing(wait: Wait<'_>) -> Result<Infallible, Status> {
    choose(wait, false, Nil).map(Never::never)
}

/// Does a case that can go ahead now, else WOULD_BLOCK.
#[doc(hidden)]
#[inline]
pub fn attempt<L: Cases>(biased: bool, list: L) -> Result<L::Choice, Status> {
    go(list, Limits::FOREVER, Manner { biased, ..Manner::TRY })
}

#[inline]
fn go<L: Cases>(mut list: L, wait: Limits, manner: Manner) -> Result<L::Choice, Status> {
    const { assert!(size_of::<L::Row>() == L::LEN * size_of::<Case>()) };
    let mut row = L::OFF;
    list.fill(&mut row);
    // SAFETY: `Cases`: a row is so many cases. The channels are borrowed by the list; the places are in it, and it stays where it is (V3), on a stack that does not move: the task is a native
    // one, or its call blocks the thread (D4).
    let (i, status) = unsafe {
        let cases = slice::from_raw_parts((&raw const row).cast::<Case>(), L::LEN);
        select(cases, wait, manner)
    }?;
    // SAFETY: that is what the select says.
    unsafe { list.choice(i, status) }
}

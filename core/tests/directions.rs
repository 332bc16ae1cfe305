//! Directions: an end does what its type says, and the other thing does not compile (Go's test/chan/perm.go).
//!
//! What this is: proofs that the compiler checks when this file is compiled. A method that must not be there is looked for with a trait's method of the same name beside it: an own method of the
//! type would be found first, and would not fit. A trait that must not be implemented is proven by an inference that would be ambiguous if it were. So these tests fail by not compiling. The same
//! cases as a user would write them stand in the docs of `Sender` and `Receiver`, as examples that must not compile.

#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::wrong_self_convention)]

mod support;

use gort::{
    Receivable, Receiver, RecvCase, Select, Selector, SendCase, SendError, Sendable, Sender, Status, Wait, channel,
    select, spawn,
};
use std::rc::Rc;
use support::check;

struct Absent;

/// Compiles only if the type has none of these methods.
macro_rules! has_no_method {
    ($type:ty: $($method:ident)*) => {$({
        trait Beside {
            fn $method(&self) -> Absent;
        }
        impl Beside for $type {
            fn $method(&self) -> Absent {
                Absent
            }
        }
        let found = |end: &$type| -> Absent { end.$method() };
        let _ = found;
    })*};
}

/// Compiles only if none of the types implements the trait.
macro_rules! is_not {
    ($bound:path: $($type:ty),* $(,)?) => {$({
        struct IfItWere;
        trait Ambiguous<A> {
            fn probe() {}
        }
        impl<T: ?Sized> Ambiguous<()> for T {}
        impl<T: ?Sized + $bound> Ambiguous<IfItWere> for T {}
        <$type as Ambiguous<_>>::probe()
    })*};
}

/// Compiles only if all of the types implement the trait.
macro_rules! is {
    ($bound:path: $($type:ty),* $(,)?) => {{
        fn probe<T: ?Sized + $bound>() {}
        $(probe::<$type>();)*
    }};
}

#[test]
fn sender_can_not_receive() {
    has_no_method!(Sender<u8>: recv try_recv recv_with recv_many recv_many_with try_recv_many iter into_iter readable readable_with notify_fd abandon);
    is_not!(Receivable: Sender<u8>, &Sender<u8>, Option<Sender<u8>>, &Option<&Sender<u8>>);
    is_not!(IntoIterator: Sender<u8>, &Sender<u8>);
    // The proofs see what is there.
    let _: fn(&Receiver<u8>) -> Result<u8, Status> = Receiver::recv;
    is!(Receivable: Receiver<u8>, &Receiver<u8>, Option<Receiver<u8>>, &Option<&Receiver<u8>>, Option<&Receiver<u8>>);
    is!(IntoIterator: Receiver<u8>, &Receiver<u8>);
}

#[test]
fn receiver_can_not_send_or_close() {
    has_no_method!(Receiver<u8>: send try_send send_with send_many send_many_with try_send_many close);
    is_not!(Sendable: Receiver<u8>, &Receiver<u8>, Option<Receiver<u8>>, &Option<&Receiver<u8>>);
    let _: fn(&Sender<u8>, u8) -> Result<(), SendError<u8>> = Sender::send;
    let _: fn(&Sender<u8>) -> Result<(), Status> = Sender::close;
    is!(Sendable: Sender<u8>, &Sender<u8>, Option<Sender<u8>>, &Option<&Sender<u8>>, Option<&Sender<u8>>);
}

/// What may cross threads: ends and selects of values that may.
#[test]
fn ends_cross_threads_if_their_values_may() {
    is!(Send: Sender<u8>, Receiver<u8>, Select<'static>, Selector<'static>, RecvCase<u8>, SendCase<u8>, Sender<std::cell::Cell<u8>>);
    is!(Sync: Sender<u8>, Receiver<u8>, Sender<std::cell::Cell<u8>>, Receiver<std::cell::Cell<u8>>);
    is_not!(Send: Sender<Rc<u8>>, Receiver<Rc<u8>>);
    is_not!(Sync: Sender<Rc<u8>>, Receiver<Rc<u8>>, Select<'static>, Selector<'static>);
    is_not!(Receivable: Receiver<Rc<u8>>);
    is_not!(Sendable: Sender<Rc<u8>>);
    is_not!(Copy: Sender<u8>, Receiver<u8>, Select<'static>, Selector<'static>);
}

/// Go's perm.go as a program: one who is handed one direction has only that one.
#[test]
fn perm() {
    check(|| {
        fn produce(out: Sender<u32>) -> Result<(), Status> {
            out.send(1).map_err(|e| e.status)?;
            select! { send(out, 2) -> r => r.map_err(|e| e.status) }?.and_then(|()| out.close())
        }
        fn consume(from: &Receiver<u32>) -> Result<u32, Status> {
            let first = from.recv()?;
            let second = select! { recv(from) -> v => v }??;
            assert_eq!(from.recv_with(Wait::forever()), Err(Status::Closed));
            Ok(first * 10 + second)
        }
        let (tx, rx) = channel(0);
        let h = spawn(move || produce(tx));
        assert_eq!(consume(&rx), Ok(12));
        assert_eq!(h.join().unwrap(), Ok(()));
    })
}

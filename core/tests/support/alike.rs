//! What `gort::Select` and `gort::Selector` do alike, as tests of either: `tests_of!(Select)`. Taken in with `#[path = "support/alike.rs"] #[macro_use] mod alike;`, beside the ledger and the source.
//!
//! Their calls differ in what can fail: adding a case to a selector can, and `put`. `given` is what such a call gives when it does not.

#![allow(dead_code)]

use gort::{RecvCase, SendCase};

pub trait Given {
    type Is;
    fn given(self) -> Self::Is;
}

macro_rules! given_as_it_is {
    ($($T:ident),*) => {$(
        impl<T> Given for $T<T> {
            type Is = Self;
            fn given(self) -> Self {
                self
            }
        }
    )*};
}
given_as_it_is!(RecvCase, SendCase, Option);

impl<T, E: std::fmt::Debug> Given for Result<T, E> {
    type Is = T;
    fn given(self) -> T {
        self.unwrap()
    }
}

macro_rules! tests_of {
    ($Waits:ident) => {
        #[test]
        fn limits_and_cancellation_end_a_wait_and_values_stay() {
            check(|| {
                let ((full, full_rx), (_keep, empty)) = (channel::<String>(0), channel::<u8>(0));
                let source = Source::new();
                let mut s = $Waits::new();
                let (a, b) = (s.send(&full, "kept".to_string()).given(), s.recv(&empty).given());
                assert!(matches!(s.wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
                assert!(source.cancel(Status::Canceled));
                assert!(matches!(s.wait_with(source.wait()), Err(Status::Canceled)));
                drop(full_rx);
                let mut done = s.wait().unwrap();
                assert!(done.recv(b).is_none());
                assert_eq!(done.send(a).unwrap().unwrap_err().value, "kept");
                // A task that is cancelled while it waits, and again.
                let (full, full_rx) = channel::<u8>(0);
                let h = spawn(move || {
                    let mut s = $Waits::new();
                    let a = s.send(&full, 7).given();
                    let first = s.wait().map(|_| ()).unwrap_err();
                    let second = s.wait().map(|_| ()).unwrap_err();
                    (first, second, s.take(a))
                });
                until_parked(1);
                h.cancel();
                assert_eq!(h.join().unwrap(), (Status::Canceled, Status::Canceled, Some(7)));
                assert_eq!(full_rx.try_recv(), Err(Status::Closed));
                // Without cases.
                assert!(matches!($Waits::new().wait_with(Wait::timeout(us(200))), Err(Status::TimedOut)));
                assert!(matches!($Waits::default().try_wait(), Err(Status::WouldBlock)));
                until(|| gort::metrics().timers == 0);
            })
        }

        fn every_way_of_a_value<P: Pad>() {
            let l = Ledger::default();
            let ((tx, rx), (full, full_rx)) = (channel::<Val<P>>(2), channel::<Val<P>>(0));
            let (never, _never_rx) = channel::<Val<P>>(0);
            let mut s = $Waits::new();
            let (a, b) = (s.recv(&rx).given(), s.send(&full, l.make(1)).given());
            // Received and asked for; received and not asked for: dropped at the next wait, here and when its Done was leaked.
            for how in 0..3 {
                tx.send(l.make(10 + how)).unwrap();
                tx.send(l.make(20 + how)).unwrap();
                let before = l.dropped();
                let mut done = s.wait().unwrap();
                match how {
                    0 => assert_eq!(done.recv(a).unwrap().unwrap().1, 10),
                    1 => drop(done),
                    _ => forget(done),
                }
                assert_eq!(l.dropped(), before + usize::from(how == 0));
                assert_eq!(s.wait().unwrap().recv(a).unwrap().unwrap().1, 20 + how);
                assert_eq!(l.dropped(), before + 2);
            }
            // By hand-off to a wait.
            let (theirs, v) = (tx.clone(), l.make(30));
            let h = roomy(move || {
                until_parked(1);
                theirs.send(v).unwrap()
            });
            assert_eq!(s.wait().unwrap().recv(a).unwrap().unwrap().1, 30);
            h.join().unwrap();
            // A value to be sent is put in place of another, taken back, sent from a place that a wait has had in its hands.
            let old = s.put(b, l.make(2)).given().unwrap();
            assert_eq!(old.1, 1);
            assert_eq!(s.take(b).unwrap().1, 2);
            assert!(s.put(b, l.make(3)).given().is_none());
            assert!(matches!(s.try_wait(), Err(Status::WouldBlock)));
            drop((old, s.put(b, l.make(4)).given().unwrap()));
            let h = roomy(move || full_rx.recv().map(|v| (v.1, full_rx)));
            assert!(s.wait().unwrap().send(b).unwrap().is_ok());
            let (got, full_rx) = h.join().unwrap().unwrap();
            assert_eq!(got, 4);
            l.settle();
            // Refused by a closed channel: back by Done, by `take`, by `put`, or dropped with the case.
            drop(full_rx);
            assert!(s.put(b, l.make(4)).given().is_none());
            assert_eq!(s.wait().unwrap().send(b).unwrap().unwrap_err().value.1, 4);
            assert!(s.put(b, l.make(5)).given().is_none());
            assert!(s.wait().unwrap().is(b));
            assert_eq!(s.take(b).unwrap().1, 5);
            l.settle();
            assert!(s.put(b, l.make(6)).given().is_none());
            assert!(s.wait().unwrap().is(b));
            assert_eq!(s.put(b, l.make(7)).given().unwrap().1, 6);
            assert!(s.remove(b));
            l.settle();
            // One that was received and not asked for, and one that was never sent, go with the select; what is in the channel stays there.
            let _c = s.send(&never, l.make(8)).given();
            tx.send(l.make(9)).unwrap();
            tx.send(l.make(10)).unwrap();
            assert!(s.wait().unwrap().is(a));
            drop(s);
            assert_eq!(l.made() - l.dropped(), 1);
            assert_eq!(rx.recv().unwrap().1, 10);
            l.settle();
        }

        #[test]
        fn values_are_dropped_exactly_once_in_every_way_they_can_go() {
            check(|| {
                repeat(2, 30, |_| for_every_kind!(every_way_of_a_value));
                support::no_selector_is_left();
            })
        }
    };
}

//! One call a key. The cases of Go's singleflight carry Go's names; `GoexitDo` has no twin, for a task ends by its function's return.

mod support;

use gort::flow::{Flight, SingleFlight};
use gort::{Receiver, Status, Wait, channel, spawn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering::*};
use support::sync::Arc;
use support::{Rng, allow_panics, check, plain, repeat, until, until_parked, us};

type Flights<V> = SingleFlight<&'static str, V>;

/// A flight that ends when told to. Gives the flights, the leader's end, and how to end it.
fn under_way(flights: &Flights<u64>) -> (gort::JoinHandle<Result<Flight<u64>, Status>>, gort::Sender<u64>) {
    let ((tx, rx), (began, begins)) = (channel(0), channel(0));
    let theirs = flights.clone();
    let leader = spawn(move || {
        theirs.call("key", || {
            began.send(()).unwrap();
            rx.recv().unwrap()
        })
    });
    begins.recv().unwrap();
    (leader, tx)
}

#[test]
fn do_() {
    check(|| {
        let flights = Flights::<String>::new();
        let flight = flights.call("key", || "bar".to_string()).unwrap();
        assert_eq!(flight, Flight { value: "bar".to_string(), shared: false });
    })
}

#[test]
fn do_err() {
    check(|| {
        let flights = Flights::<Result<String, &'static str>>::new();
        assert_eq!(flights.call("key", || Err("some error")).unwrap().value, Err("some error"));
        assert_eq!(flights.call("key", || Ok("again".into())).unwrap().value, Ok("again".to_string()));
    })
}

#[test]
fn do_dup_suppress() {
    check(|| {
        let flights = Flights::<u64>::new();
        let calls = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = channel(0);
        const N: usize = 10;
        let hs: Vec<_> = (0..N)
            .map(|_| {
                let (flights, calls, rx) = (flights.clone(), calls.clone(), rx.clone());
                spawn(move || {
                    let work = || {
                        calls.fetch_add(1, SeqCst);
                        rx.recv().unwrap()
                    };
                    flights.call("key", work).unwrap()
                })
            })
            .collect();
        until_parked(N);
        tx.send(7).unwrap();
        for h in hs {
            assert_eq!(h.join().unwrap(), Flight { value: 7, shared: true });
        }
        assert_eq!(calls.load(SeqCst), 1);
    })
}

/// The next call runs its own function, and the flight that was forgotten takes nothing of the new one's with it.
#[test]
fn forget() {
    check(|| {
        let flights = Flights::<u64>::new();
        let (first, end_first) = under_way(&flights);
        flights.forget(&"key");
        let (second, end_second) = under_way(&flights);
        end_first.send(1).unwrap();
        assert_eq!(first.join().unwrap(), Ok(Flight { value: 1, shared: false }));
        let joined = flights.clone();
        let third = spawn(move || joined.call("key", || panic!("the second is still under way")));
        until_parked(2);
        end_second.send(2).unwrap();
        assert_eq!(second.join().unwrap(), Ok(Flight { value: 2, shared: true }));
        assert_eq!(third.join().unwrap(), Ok(Flight { value: 2, shared: true }));
    })
}

fn answer<V: Send>(rx: Receiver<Result<Flight<V>, Status>>) -> Result<Flight<V>, Status> {
    rx.recv().unwrap()
}

#[test]
fn do_chan() {
    check(|| {
        let flights = Flights::<u64>::new();
        let (tx, rx) = channel(0);
        let a = flights.start("key", move || rx.recv().unwrap()).unwrap();
        let b = flights.start("key", || unreachable!()).unwrap();
        drop(flights.start("key", || unreachable!()).unwrap());
        assert_eq!(a.try_recv().unwrap_err(), Status::WouldBlock);
        tx.send(5).unwrap();
        assert_eq!(
            (answer(a), answer(b)),
            (Ok(Flight { value: 5, shared: true }), Ok(Flight { value: 5, shared: true }))
        );
        let alone = flights.start("key", || 6).unwrap();
        assert_eq!(answer(alone), Ok(Flight { value: 6, shared: false }));
    })
}

/// A panic is passed to all: to the leader as it is, to the others as a status with its message.
#[test]
fn panic_do() {
    check(|| {
        allow_panics();
        let flights = Flights::<u64>::new();
        let (tx, rx) = channel::<()>(0);
        let (began, begins) = channel(0);
        let theirs = flights.clone();
        let leader = spawn(move || {
            let work = || {
                began.send(()).unwrap();
                rx.recv().unwrap();
                panic!("invalid memory address")
            };
            let caught = catch_unwind(AssertUnwindSafe(|| theirs.call("key", work)));
            caught.unwrap_err().downcast_ref::<&str>().copied()
        });
        begins.recv().unwrap();
        let others: Vec<_> = (0..5)
            .map(|_| {
                let flights = flights.clone();
                spawn(move || (flights.call("key", || 1).unwrap_err(), gort::last_error().unwrap_or_default()))
            })
            .collect();
        until_parked(6);
        let by_channel = flights.start("key", || 1).unwrap();
        tx.send(()).unwrap();
        assert_eq!(leader.join().unwrap(), Some("invalid memory address"));
        for other in others {
            let (status, text) = other.join().unwrap();
            assert!(status == Status::Panic && text.contains("invalid memory address"), "{status} {text}");
        }
        assert_eq!(answer(by_channel), Err(Status::Panic));
        assert_eq!(flights.call("key", || 2), Ok(Flight { value: 2, shared: false }));
    })
}

#[test]
fn panic_do_chan() {
    check(|| {
        allow_panics();
        let flights = Flights::<u64>::new();
        let (tx, rx) = channel::<()>(0);
        let a = flights
            .start("key", move || {
                rx.recv().unwrap();
                panic!("in a task of its own")
            })
            .unwrap();
        let theirs = flights.clone();
        let b = spawn(move || theirs.call("key", || 1)); // Go: PanicDoSharedByDoChan
        until_parked(2);
        tx.send(()).unwrap();
        assert_eq!((answer(a), b.join().unwrap()), (Err(Status::Panic), Err(Status::Panic)));
    })
}

#[test]
fn who_waits_may_give_up_and_the_flight_goes_on() {
    check(|| {
        let flights = Flights::<u64>::new();
        let (leader, end) = under_way(&flights);
        assert_eq!(flights.call_with(Wait::timeout(us(300)), "key", || 9), Err(Status::TimedOut));
        let theirs = flights.clone();
        let waiter = spawn(move || theirs.call("key", || 9));
        until_parked(2);
        waiter.cancel();
        assert_eq!(waiter.join().unwrap(), Err(Status::Canceled));
        end.send(3).unwrap();
        assert_eq!(leader.join().unwrap().unwrap().value, 3);
    })
}

/// A result that can not be cloned ends the flight all the same.
#[test]
fn clone_that_panics_leaves_nobody_waiting() {
    check(|| {
        allow_panics();
        struct Once;
        impl Clone for Once {
            fn clone(&self) -> Once {
                panic!("no copies")
            }
        }
        let flights = SingleFlight::<u8, Once>::new();
        let (tx, rx) = channel::<()>(0);
        let theirs = flights.clone();
        let leader = spawn(move || {
            catch_unwind(AssertUnwindSafe(|| {
                theirs.call(1, || {
                    rx.recv().unwrap();
                    Once
                })
            }))
            .is_err()
        });
        until_parked(1);
        let theirs = flights.clone();
        let other = spawn(move || theirs.call(1, || Once).err());
        until_parked(2);
        tx.send(()).unwrap();
        assert!(leader.join().unwrap());
        assert_eq!(other.join().unwrap(), Some(Status::Canceled));
        assert!(flights.call(1, || Once).is_ok());
    })
}

#[test]
fn plain_threads_share_flights_with_tasks() {
    plain(|| {
        let flights = Flights::<u64>::new();
        let (leader, end) = under_way(&flights);
        let theirs = flights.clone();
        let thread = std::thread::spawn(move || theirs.call("key", || 9));
        until(|| gort::dump().contains("wait group") || gort::metrics().tasks > 0);
        end.send(4).unwrap();
        assert_eq!(leader.join().unwrap().unwrap().value, 4);
        assert!([4, 9].contains(&thread.join().unwrap().unwrap().value));
    })
}

/// Many callers on few keys, some of which give up, forget or ask for a channel: per key no two flights overlap unless one was forgotten, and whoever waits to the end has a value of its key.
#[test]
fn random_callers_get_values_of_their_keys() {
    check(|| {
        Rng::new();
        repeat(10, 400, |round| {
            let flights = SingleFlight::<usize, usize>::new();
            let hs: Vec<_> = (0..16)
                .map(|t| {
                    let (flights, mut rng) = (flights.clone(), Rng::of((round * 16 + t) as u64));
                    spawn(move || {
                        for _ in 0..25 {
                            let key = rng.below(3);
                            let pause = rng.below(3);
                            let work = move || {
                                (0..pause).for_each(|_| gort::yield_now());
                                key * 1000
                            };
                            match rng.below(8) {
                                0 => flights.forget(&key),
                                1 => assert_eq!(
                                    flights.start(key, work).unwrap().recv().unwrap().unwrap().value,
                                    key * 1000
                                ),
                                2 => match flights.call_with(Wait::timeout(us(1)), key, work) {
                                    Ok(f) => assert_eq!(f.value, key * 1000),
                                    Err(s) => assert_eq!(s, Status::TimedOut),
                                },
                                _ => assert_eq!(flights.call(key, work).unwrap().value, key * 1000),
                            }
                        }
                    })
                })
                .collect();
            hs.into_iter().for_each(|h| h.join().unwrap());
        });
    })
}

//! `SingleFlight`: of several calls at once for the same key one works, and all have its result (R7).
//!
//! SF1  The map is guarded by its lock; a flight is in it from when its leader takes it until the leader has the result, or `forget`. The leader takes out its own flight only.
//! SF2  The result is written before the flight is `over`, and read after it; it is cloned with no lock held. Keys are hashed and compared under the lock: their functions must not call the same `SingleFlight`.
//! SF3  The leader's function runs in the leader's own task; who only waits may give up, and the flight goes on. A panic of it is passed on: to the leader as it is, to the others as PANIC, with the
//!      message in `gort::last_error`.
//!
//! Rejected: a task for each flight (the common call costs a few locks without one; `start` is for who wants one).

use crate::chan::{Receiver, Sender, channel};
use crate::sched::last_error;
use crate::status::Status;
use crate::sync::{Mutex, WaitGroup};
use crate::sys::prim::Arc;
use crate::task::{Wait, payload_text, try_go};
use core::cell::UnsafeCell;
use core::hash::Hash;
use std::any::Any;
use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// Calls for the same key that come together are one: the first works, the others wait for its result.
///
/// ```
/// let flights = gort::flow::SingleFlight::<&str, u64>::new();
/// let flight = flights.call("answer", || 42).unwrap();
/// assert_eq!((flight.value, flight.shared), (42, false));
/// ```
pub struct SingleFlight<K, V>(Arc<Shared<K, V>>);

struct Shared<K, V> {
    flights: Mutex<HashMap<K, Arc<Under<V>>>>,
}

/// What a call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flight<V> {
    pub value: V,
    /// Has somebody else been given it, too?
    pub shared: bool,
}

type Sent<V> = Result<Flight<V>, Status>;

/// One that is under way, or is over.
struct Under<V> {
    over: WaitGroup,
    /// Written by the leader before `over`, read by the others after it.
    end: UnsafeCell<Option<Result<V, String>>>,
    // ---- guarded by the map's lock
    joined: UnsafeCell<Joined<V>>,
}

struct Joined<V> {
    /// The leader's own call, too.
    waiting: usize,
    channels: Vec<Sender<Sent<V>>>,
}

impl<V> Default for Joined<V> {
    fn default() -> Self {
        Joined { waiting: 0, channels: Vec::new() }
    }
}

// SAFETY: see the fields; the result is read by several at once.
unsafe impl<V: Send + Sync> Sync for Under<V> {}
// SAFETY: as above.
unsafe impl<V: Send + Sync> Send for Under<V> {}

impl<K, V> Clone for SingleFlight<K, V> {
    fn clone(&self) -> Self {
        SingleFlight(self.0.clone())
    }
}

impl<K: Hash + Eq + Clone, V: Clone + Send + Sync> Default for SingleFlight<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

/// What a call finds.
enum Found<K: Hash + Eq, V> {
    Lead(Leader<K, V>),
    Join(Arc<Under<V>>),
}

impl<K: Hash + Eq + Clone, V: Clone + Send + Sync> SingleFlight<K, V> {
    pub fn new() -> SingleFlight<K, V> {
        SingleFlight(Arc::new(Shared { flights: Mutex::default() }))
    }

    /// Runs `f`; or, if a call for the same key is under way, waits for its result. Blocks as long as that takes.
    ///
    /// PANIC if the other's function panicked; CANCELED, DEADLOCK, SHUTDOWN end the wait for it. A panic of `f` itself goes on in the caller, after the others have been told.
    pub fn call(&self, key: K, f: impl FnOnce() -> V) -> Result<Flight<V>, Status> {
        self.call_with(Wait::forever(), key, f)
    }

    /// `call` that waits for another's flight as long as `w` allows. That flight goes on without the caller. A function that runs in the caller is bounded by nothing but itself.
    pub fn call_with(&self, w: Wait, key: K, f: impl FnOnce() -> V) -> Result<Flight<V>, Status> {
        let flight = match self.find(key, |joined| joined.waiting += 1) {
            Found::Lead(leader) => return leader.fly(f).or_else(|payload| resume_unwind(payload)),
            Found::Join(flight) => flight,
        };
        flight.over.wait_with(w)?;
        // SAFETY: it is over, so nobody writes any more (SF2).
        match unsafe { &*flight.end.get() } {
            Some(Ok(value)) => Ok(Flight { value: value.clone(), shared: true }),
            Some(Err(text)) => {
                last_error::set(format_args!("the function that was waited for panicked: {text}"));
                Err(Status::Panic)
            }
            None => Err(Status::Canceled),
        }
    }

    /// The same without waiting: what comes of it will be in the channel, once. A flight that is not under way yet is begun in a task of its own; if that can not be started: LIMIT, NO_MEMORY, CANCELED.
    pub fn start<F>(&self, key: K, f: F) -> Result<Receiver<Result<Flight<V>, Status>>, Status>
    where
        K: Send + 'static,
        V: 'static,
        F: FnOnce() -> V + Send + 'static,
    {
        let (tx, rx) = channel(1);
        // The leader's own channel is one of them, so that all are answered alike.
        if let Found::Lead(leader) = self.find(key, |joined| joined.channels.push(tx)) {
            try_go(move || {
                if let Err(payload) = leader.fly(f) {
                    crate::sched::drop_payload(payload)
                }
            })?
        }
        Ok(rx)
    }

    /// The next call for `key` runs its function, though one may be under way; who waits for that has its result all the same.
    pub fn forget(&self, key: &K) {
        let gone = self.0.flights.lock().remove(key);
        drop(gone);
    }

    fn find(&self, key: K, join: impl FnOnce(&mut Joined<V>)) -> Found<K, V> {
        let mut flights = self.0.flights.lock();
        let at = flights.get(&key).cloned();
        let leads = at.is_none();
        let flight = at.unwrap_or_else(|| {
            let over = WaitGroup::new();
            let _ = over.add(1); // of a new one: it can not fail
            let joined = UnsafeCell::new(Joined::default());
            Arc::new(Under { over, end: UnsafeCell::new(None), joined })
        });
        if leads {
            flights.insert(key.clone(), flight.clone());
        }
        // SAFETY: guarded by the lock, which we hold.
        join(unsafe { &mut *flight.joined.get() });
        drop(flights);
        if leads { Found::Lead(Leader { of: self.0.clone(), key, flight }) } else { Found::Join(flight) }
    }
}

/// Who works. When it goes the flight is over, with or without a result.
struct Leader<K: Hash + Eq, V> {
    of: Arc<Shared<K, V>>,
    key: K,
    flight: Arc<Under<V>>,
}

impl<K: Hash + Eq, V> Leader<K, V> {
    /// Takes the flight out of the map (SF1): nobody joins it any more.
    fn land(&self) -> Joined<V> {
        let mut flights = self.of.flights.lock();
        let ours = flights.get(&self.key).is_some_and(|at| core::ptr::eq(&**at, &*self.flight));
        let gone =
            if ours || cfg!(feature = "mutant_flight_lands_anothers") { flights.remove_entry(&self.key) } else { None };
        // SAFETY: guarded by the lock, which we hold.
        let joined = core::mem::take(unsafe { &mut *self.flight.joined.get() });
        drop(flights);
        drop(gone);
        joined
    }
}

impl<K: Hash + Eq, V: Clone + Send> Leader<K, V> {
    fn fly(self, f: impl FnOnce() -> V) -> Result<Flight<V>, Box<dyn Any + Send>> {
        let end = catch_unwind(AssertUnwindSafe(f));
        let joined = self.land();
        let shared = joined.waiting + joined.channels.len() > 1;
        if shared {
            let told = end.as_ref().map(V::clone).map_err(|p| payload_text(&**p).to_string());
            // SAFETY: the others read when it is over, and it is when `self` goes (SF2).
            unsafe { *self.flight.end.get() = Some(told) };
        }
        for channel in joined.channels {
            let sent = end.as_ref().map(|v| Flight { value: v.clone(), shared }).map_err(|_| Status::Panic);
            let _ = channel.try_send(sent); // there is room; or nobody asks any more
        }
        end.map(|value| Flight { value, shared })
    }
}

impl<K: Hash + Eq, V> Drop for Leader<K, V> {
    fn drop(&mut self) {
        drop(self.land()); // of one that never began, or whose result could not be cloned
        let _ = self.flight.over.done(); // counted in by `find`
    }
}

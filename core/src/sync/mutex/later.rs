//! The mutex for a callback party: what cannot be locked now is enlisted, and the callback's function is called when the lock is its (an event loop's way to wait).
//!
//! It is handed the lock (MX6): between the call and what the loop then does others wait. Who is not there any more passes it on by an unlock.

use super::RawMutex;
use crate::sched::callback::Callback;
use crate::sched::enter;
use crate::sched::lot::{self, bucket};
use crate::sched::party::Reason;
use crate::sched::watch::Place;
use crate::status::Status;

impl RawMutex {
    /// Locks now (OK), or enlists the callback (WOULD_BLOCK): then its function is called when it has the lock, unless it is withdrawn.
    ///
    /// # Safety
    /// The mutex stays in place until that call, or until it is withdrawn. The callback is the caller's, and in no other wait.
    pub unsafe fn lock_later(&self, cb: &Callback, place: Place) -> Status {
        let s = self.lock_first(place);
        if s != Status::WouldBlock {
            return s;
        }
        let cx = match enter() {
            Ok(cx) => cx,
            Err(s) => return s,
        };
        lot::begin();
        let b = bucket(self.at());
        b.lock.lock();
        // SAFETY: the lock is held until the waiter is in the queue; contract.
        unsafe {
            if self.take_or_mark(None) {
                b.lock.unlock();
                return self.had(cx.out(Status::Ok), place);
            }
            b.push_callback(cb, self.at(), Reason::Mutex);
            b.lock.unlock();
        }
        cx.out(Status::WouldBlock)
    }

    /// The callback's function was called, and its owner has come to know: the lock is the caller's.
    pub fn had_later(&self, place: Place) {
        let _ = self.had(Status::Ok, place);
    }

    /// Takes an enlisted callback out: true if its function will not be called. False: the lock is its owner's, who uses it or unlocks. MISUSE from inside gort: nothing has changed.
    pub fn withdraw(&self, cb: &Callback) -> Result<bool, Status> {
        let cx = enter()?;
        let b = bucket(self.at());
        let won = b.lock.with(|| {
            // SAFETY: the lock is held; the callback was enlisted here, or its wait is over.
            unsafe {
                let won = b.withdraw(cb);
                if won {
                    self.unmark(b)
                }
                won
            }
        });
        cx.exit();
        Ok(won)
    }
}

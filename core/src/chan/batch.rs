//! Several elements under one hold of the lock: what goes ahead now, as many as fit. (The blocking batches are built from these.)

use super::raw::{Now, RawChan, lock};
use crate::elem::Dyn;
use crate::status::Status;
use crate::wait::WakeList;

/// So many at most under one hold of the lock: others wait for it meanwhile.
const MOST: usize = 256;

/// Sends the elements from `src` on that can be sent now; returns how many went, and why it ended: OK (all), WOULD_BLOCK, CLOSED, or what was wrong.
///
/// # Safety
/// `ch` is a handle or null; `src` is readable for `n` elements of the channel, densely laid out.
pub unsafe fn try_send_n(ch: *const RawChan, src: *const u8, n: usize) -> (usize, Status) {
    // SAFETY: contract; the elements are only read.
    unsafe { many::<true>(ch, src.cast_mut(), n) }
}

/// Receives what is there now into `dst`, at most `n`.
///
/// # Safety
/// As `try_send_n`, writable.
pub unsafe fn try_recv_n(ch: *const RawChan, dst: *mut u8, n: usize) -> (usize, Status) {
    // SAFETY: contract.
    unsafe { many::<false>(ch, dst, n) }
}

unsafe fn many<const S: bool>(ch: *const RawChan, at: *mut u8, n: usize) -> (usize, Status) {
    let mut done = 0;
    while done < n {
        // SAFETY: contract of the callers; a won party's wake-up is collected under the lock and fired after it.
        unsafe {
            let (cx, c) = match lock(ch) {
                Ok(x) => x,
                Err(s) => return (done, s),
            };
            let size = c.size.get() as usize;
            let e = Dyn(size);
            let mut wakes = WakeList::new();
            let mut end = None;
            for _ in 0..MOST.min(n - done) {
                let p = at.add(done * size);
                match if S { c.send_now(e, p) } else { c.recv_now(e, p) } {
                    Now::Done(party) => {
                        if !party.is_null() {
                            wakes.push(party)
                        }
                        done += 1;
                    }
                    Now::Closed => end = Some(Status::Closed),
                    Now::WouldBlock => end = Some(Status::WouldBlock),
                }
                if end.is_some() {
                    break;
                }
            }
            c.header.lock.unlock();
            wakes.fire(cx);
            cx.exit();
            if let Some(s) = end {
                return (done, s);
            }
        }
    }
    (done, Status::Ok)
}

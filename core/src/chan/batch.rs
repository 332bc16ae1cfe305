//! Several elements under one hold of the lock.
//!
//! What goes ahead now goes in one go; a batch that must wait waits for ONE element like any other party, in its place of the queue, and goes on. So a batch is not atomic: elements of
//! others may come between its own, whose order is kept.

use super::notify;
use super::overflow::Overflow;
use super::raw::{DYNAMIC, Now, RawChan, UNTIL, lock, recv_as, send_as};
use crate::elem::Dyn;
use crate::sched::{enter, tell};
use crate::status::Status;
use crate::wait::block::interrupted;
use crate::wait::{Wait, WakeList};

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

/// Sends all `n` elements from `src` on, in order, waiting where it must; returns how many went, and OK, or why not all did: the rest is still the caller's.
///
/// # Safety
/// As `try_send_n`; `wait` as in `raw::send_until`.
pub unsafe fn send_n(ch: *const RawChan, src: *const u8, n: usize, wait: Wait) -> (usize, Status) {
    let mut done = 0;
    if let Err(s) = may_begin() {
        return (0, s);
    }
    loop {
        // SAFETY: contract; what is left is readable.
        unsafe {
            let size = super::raw::elem_size(ch);
            let at = |done: usize| if size == usize::MAX { src } else { src.add(done * size) };
            let (k, status) = try_send_n(ch, at(done), n - done);
            done += k;
            if done == n || status != Status::WouldBlock {
                return (done, status);
            }
            let status = send_as::<_, UNTIL>(ch, DYNAMIC, at(done), wait);
            if !status.is_ok() {
                return (done, status);
            }
            done += 1;
        }
    }
}

/// Waits for one element, and takes what else is there, at most `most`; returns how many came. CLOSED (and none) when closed and drained.
///
/// # Safety
/// As `try_recv_n`; `wait` as in `raw::recv_until`.
pub unsafe fn recv_n(ch: *const RawChan, dst: *mut u8, most: usize, wait: Wait) -> (usize, Status) {
    if let Err(s) = may_begin() {
        return (0, s);
    }
    // SAFETY: contract.
    unsafe {
        let (k, status) = try_recv_n(ch, dst, most);
        if k > 0 {
            return (k, Status::Ok);
        }
        if most == 0 || status != Status::WouldBlock {
            return (0, status);
        }
        if most == 1 {
            let status = recv_as::<_, UNTIL>(ch, DYNAMIC, dst, wait);
            return (usize::from(status.is_ok()), status);
        }
        // What one waits for is seldom alone, so the channel is looked at again after the wait, when whoever sent may have freed it: a receiving end of our own keeps it until then. (A plain
        // reference would anchor it, and the last sender dropped would not close it: H6.)
        let size = super::raw::elem_size(ch);
        if size == usize::MAX {
            return (0, recv_as::<_, UNTIL>(ch, DYNAMIC, dst, wait)); // says what is wrong
        }
        super::raw::add_end(ch, false);
        let status = recv_as::<_, UNTIL>(ch, DYNAMIC, dst, wait);
        let more = if status.is_ok() { try_recv_n(ch, dst.add(size), most - 1).0 } else { 0 };
        super::raw::drop_end(ch, false);
        if status.is_ok() { (1 + more, status) } else { (0, status) }
    }
}

/// A task that is cancelled begins no blocking call (K3).
fn may_begin() -> Result<(), Status> {
    enter().and_then(interrupted).map(|cx| cx.exit())
}

unsafe fn many<const S: bool>(ch: *const RawChan, at: *mut u8, n: usize) -> (usize, Status) {
    if ch.is_null() && n > 0 {
        return (0, Status::WouldBlock);
    }
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
                    Now::Ended(s) => end = Some(s),
                    Now::NoRoom(lack) => match Overflow::bring(cx, c, lack) {
                        Status::Ok => {}
                        s => {
                            wakes.fire(cx);
                            cx.exit();
                            return (done, s);
                        }
                    },
                    Now::WouldBlock => {
                        if !S && !c.notifier.get().is_null() {
                            notify::arm(c)
                        }
                        end = Some(Status::WouldBlock)
                    }
                }
                if end.is_some() {
                    break;
                }
            }
            c.header.lock.unlock();
            wakes.fire(cx);
            tell(cx);
            cx.exit();
            if let Some(s) = end {
                return (done, s);
            }
        }
    }
    (done, Status::Ok)
}

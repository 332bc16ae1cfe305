//! Several values in one call: what can go now goes under one hold of the lock, so a batch costs little more than a single value.
//!
//! A batch is a `Vec`: its front is what goes, and what did not go is still in it. So nothing is lost however a call ends, and there is nothing to build for the error case. A batch is not
//! atomic: values of others may come between its own, whose order is kept.
//!
//! Rejected: an iterator as the source (what it gave and nobody took would have to come back in the error, and the caller would have to put the two halves together again).

use super::batch;
use super::ends::{Receiver, Sender};
use super::raw::RawChan;
use super::typed::Typed;
use crate::status::Status;
use crate::task::Wait;
use crate::wait::Wait as Limits;

/// Bytes that a batch of receives makes room for at a time.
const PIECE: usize = 64 * 1024;

/// What a batch of sends is given: how many elements went, and why it ended.
type SendN = unsafe fn(*const RawChan, *const u8, usize, Limits) -> (usize, Status);
/// The same for receives.
type RecvN = unsafe fn(*const RawChan, *mut u8, usize, Limits) -> (usize, Status);

unsafe fn try_send_n(ch: *const RawChan, src: *const u8, n: usize, _: Limits) -> (usize, Status) {
    // SAFETY: contract of `SendN`.
    unsafe { batch::try_send_n(ch, src, n) }
}

unsafe fn try_recv_n(ch: *const RawChan, dst: *mut u8, most: usize, _: Limits) -> (usize, Status) {
    // SAFETY: contract of `RecvN`.
    unsafe { batch::try_recv_n(ch, dst, most) }
}

impl<T: Send> Sender<T> {
    /// Sends all of `values`, in order, and leaves the vector empty.
    ///
    /// # Blocks
    /// Where a single send would, for one value after the other. A receive or the buffer lets it go on.
    ///
    /// # Errors
    /// CLOSED when the channel is closed, and what ends any wait. The values that were sent are gone from `values`, the others are still in it, in order: nothing is lost.
    ///
    /// ```
    /// let (tx, rx) = gort::channel(8);
    /// let mut batch: Vec<u32> = (1..=5).collect();
    /// tx.send_many(&mut batch).unwrap();
    /// let mut got = Vec::new();
    /// assert_eq!(rx.recv_many(&mut got, 100), Ok(5));
    /// assert_eq!(got, [1, 2, 3, 4, 5]);
    /// ```
    pub fn send_many(&self, values: &mut Vec<T>) -> Result<(), Status> {
        self.send_many_with(values, Wait::forever())
    }

    /// `send_many` within limits, which are those of the whole batch.
    pub fn send_many_with(&self, values: &mut Vec<T>, wait: Wait<'_>) -> Result<(), Status> {
        self.send_n(values, batch::send_n, wait.raw()).1.ok()
    }

    /// Sends those values from the front of `values` that can be sent now, takes them out of it, and says how many they were.
    ///
    /// # Errors
    /// WOULD_BLOCK or CLOSED if not even the first could be sent.
    pub fn try_send_many(&self, values: &mut Vec<T>) -> Result<usize, Status> {
        match self.send_n(values, try_send_n, Limits::FOREVER) {
            (0, s) if !s.is_ok() => Err(s),
            (n, _) => Ok(n),
        }
    }

    fn send_n(&self, values: &mut Vec<T>, send: SendN, wait: Limits) -> (usize, Status) {
        if Typed::<T>::BOXED {
            let mut boxes: Vec<Box<T>> = values.drain(..).map(Box::new).collect();
            let sent = send_front(self.as_raw(), &mut boxes, send, wait);
            values.extend(boxes.into_iter().map(|b| *b));
            return sent;
        }
        send_front(self.as_raw(), values, send, wait)
    }
}

/// Sends from the front of `values`, whose elements are the channel's.
fn send_front<E>(ch: *const RawChan, values: &mut Vec<E>, send: SendN, wait: Limits) -> (usize, Status) {
    let n = values.len();
    // SAFETY: the first `sent` elements are the channel's now and the others ours; meanwhile the vector has none, so each has one owner. They are moved within the vector's memory.
    unsafe {
        values.set_len(0);
        let first = values.as_mut_ptr();
        let (sent, status) = send(ch, first.cast(), n, wait);
        core::ptr::copy(first.add(sent), first, n - sent);
        values.set_len(n - sent);
        (sent, status)
    }
}

impl<T: Send> Receiver<T> {
    /// Receives one value, and those that can be received right after it, at most `most`; appends them to `into` and says how many they were. With `most` 0 it takes nothing.
    ///
    /// # Blocks
    /// Until there is one value, as `recv`; it does not wait for more. While senders are as quick as it is it goes on, up to `most`.
    ///
    /// # Errors
    /// CLOSED when closed and drained, and what ends any wait; then `into` is as it was.
    pub fn recv_many(&self, into: &mut Vec<T>, most: usize) -> Result<usize, Status> {
        self.recv_many_with(into, most, Wait::forever())
    }

    /// `recv_many` within limits.
    pub fn recv_many_with(&self, into: &mut Vec<T>, most: usize, wait: Wait<'_>) -> Result<usize, Status> {
        self.recv_n(into, most, batch::recv_n, wait.raw())
    }

    /// Receives what can be received now, at most `most`; appends it to `into` and says how many they were.
    ///
    /// # Errors
    /// WOULD_BLOCK if there is nothing, CLOSED when closed and drained.
    pub fn try_recv_many(&self, into: &mut Vec<T>, most: usize) -> Result<usize, Status> {
        self.recv_n(into, most, try_recv_n, Limits::FOREVER)
    }

    fn recv_n(&self, into: &mut Vec<T>, most: usize, recv: RecvN, wait: Limits) -> Result<usize, Status> {
        if Typed::<T>::BOXED {
            let mut boxes: Vec<Box<T>> = Vec::new();
            let got = self.recv_to_end(&mut boxes, most, recv, wait);
            into.extend(boxes.into_iter().map(|b| *b));
            return got;
        }
        self.recv_to_end(into, most, recv, wait)
    }

    /// The first piece by `recv`, the others as long as there is something: so the vector grows by what is there, whatever `most` allows.
    fn recv_to_end<E>(&self, into: &mut Vec<E>, most: usize, recv: RecvN, wait: Limits) -> Result<usize, Status> {
        let at_once = (PIECE / size_of::<E>().max(1)).clamp(1, 256);
        let (mut got, mut recv) = (0, recv);
        loop {
            let piece = at_once.min(most - got);
            let (n, status) = recv_behind(self.as_raw(), into, piece, recv, wait);
            got += n;
            if got == 0 && !status.is_ok() {
                return Err(status);
            }
            if n < piece || got == most {
                return Ok(got);
            }
            recv = try_recv_n;
        }
    }
}

/// Receives at most `most` elements to the end of `into`, whose elements are the channel's.
fn recv_behind<E>(ch: *const RawChan, into: &mut Vec<E>, most: usize, recv: RecvN, wait: Limits) -> (usize, Status) {
    into.reserve(most);
    let len = into.len();
    // SAFETY: there is room for `most` behind the vector's elements, and the first `n` places of it have been written.
    unsafe {
        let (n, status) = recv(ch, into.as_mut_ptr().add(len).cast(), most, wait);
        into.set_len(len + n);
        (n, status)
    }
}

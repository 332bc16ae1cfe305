//! How a channel is made and ends: create, close, abandon, references, typed ends, and what nobody received (with the slab they all live in).
//!
//! The rules are those of `raw.rs`; what is here takes the lock once, collects wake-ups and leftovers under it, and fires and drops after it.

use super::{KIND_CHAN, Layout, RawChan, lock};
use crate::chan::block::Block;
use crate::chan::notify::Notifier;
use crate::chan::overflow::Overflow;
use crate::chan::returned;
use crate::chan::source::Source;
use crate::elem::MAX_SIZE;
use crate::sched::{Cx, objects, tell};
use crate::status::Status;
use crate::sys::prim::*;
use crate::sys::slab::{self, Slab};
use crate::wait::WakeList;
use core::ffi::c_void;
use core::ptr::{NonNull, null, null_mut};

static CHANNELS: Slab<RawChan> = Slab::new();
static KEEPER: objects::Keeper =
    objects::Keeper { name: "channels", live: || CHANNELS.live(), release: free_buffers, reset: || CHANNELS.reset() };

/// At shutdown: the buffers go, with the values in them (nobody is left who may run a drop).
fn free_buffers() {
    CHANNELS.for_each(|slot| {
        // SAFETY: slots are type-stable; nobody is inside any more, so a live channel's buffer is freed once, here.
        unsafe {
            let c = slot.as_ref();
            // Acquire: pairs with the Release store of `create`.
            if c.header.kind.load(Acquire) == KIND_CHAN {
                libc::free(c.buf.replace(null_mut()).cast());
                c.order.free();
                Overflow::free(c.overflow.replace(null()).cast_mut());
                returned::drop_all(c.returned.replace(null()), c.align(), None);
                Notifier::leave(c.notifier.replace(null()));
            }
        }
    });
}

/// The capacity of a channel without bound.
pub const UNBOUNDED: usize = usize::MAX;

/// A new channel with one reference. INVALID for a size above 64 KiB, an alignment that is not a power of two up to 4096, or `size * cap` that overflows.
pub fn create(layout: Layout, cap: usize) -> Result<NonNull<RawChan>, Status> {
    make(layout, cap, false)
}

/// A new channel to which sends never wait: NO_MEMORY when there is none left. Else as `create`.
pub fn create_unbounded(layout: Layout) -> Result<NonNull<RawChan>, Status> {
    make(layout, Overflow::ring(layout.size), true)
}

fn make(layout: Layout, cap: usize, unbounded: bool) -> Result<NonNull<RawChan>, Status> {
    if layout.size > MAX_SIZE || !layout.align.is_power_of_two() || layout.align > 4096 {
        return Err(Status::Invalid);
    }
    if !layout.size.is_multiple_of(layout.align) {
        return Err(Status::Invalid);
    }
    let bytes = layout.size.checked_mul(cap).filter(|b| *b <= isize::MAX as usize / 2).ok_or(Status::Invalid)?;
    let buf: *mut u8 = if bytes == 0 {
        null_mut()
    } else {
        let mut p: *mut c_void = null_mut();
        // SAFETY: `p` is valid to write; the alignment is a power of two and at least a pointer's.
        if unsafe { libc::posix_memalign(&mut p, layout.align.max(16), bytes) } != 0 {
            return Err(Status::NoMemory);
        }
        p.cast()
    };
    let overflow = if unbounded { Overflow::create(layout.size, layout.align) } else { null_mut() };
    if unbounded && overflow.is_null() {
        // SAFETY: from posix_memalign, or null.
        unsafe { libc::free(buf.cast()) };
        return Err(Status::NoMemory);
    }
    let made = objects::make(&KEEPER, &CHANNELS, |c| {
        c.size.set(layout.size as u32);
        c.align.set(layout.align as u16);
        c.closed.set(false);
        c.overflow.set(overflow);
        c.notifier.set(null());
        c.source.set(null());
        c.cap.set(cap);
        c.count.set(0);
        c.head.set(0);
        c.tail.set(0);
        c.buf.set(buf);
        c.drop.set(layout.drop);
        c.returned.set(null());
        c.senders.set(0);
        c.receivers.set(0);
        c.recvq.clear(); // after a shutdown a late waiter may have unlinked itself from what was zeroed
        c.sendq.clear();
        c.order.make(unbounded);
        c.header.refs.store(1, Relaxed);
        c.header.epoch.store(slab::epoch(), Relaxed);
        // Release: pairs with the lock's Acquire of whoever was given the handle.
        c.header.kind.store(KIND_CHAN, Release);
    });
    // SAFETY: from posix_memalign, or null; no channel has them.
    made.inspect_err(|_| unsafe {
        libc::free(buf.cast());
        Overflow::free(overflow);
    })
}

/// Under the lock: ends every wait with CLOSED.
unsafe fn wake_all(c: &RawChan, wakes: &mut WakeList) {
    // SAFETY: the lock is held.
    unsafe {
        wakes.win_all(&c.recvq, Status::Closed);
        if c.overflow.get().is_null() && c.source.get().is_null() {
            wakes.win_all(&c.sendq, Status::Closed);
        } // else nobody waits to send, and what is there stays receivable
    }
}

/// Closes: parked receivers and senders return CLOSED, later sends too; buffered values stay receivable. CLOSED if it is closed already, INVALID for NULL.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn close(ch: *const RawChan) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        if c.closed.replace(true) {
            c.order.is_closed();
            c.header.lock.unlock();
            return cx.out(Status::Closed);
        }
        c.order.closes();
        let mut wakes = WakeList::new();
        if !cfg!(feature = "mutant_close_without_waking") {
            wake_all(c, &mut wakes);
        }
        c.header.lock.unlock();
        wakes.fire(cx);
        tell(cx);
        cx.out(Status::Ok)
    }
}

/// Tells senders that nobody will read: closes, and drops what is buffered. OK also if it was closed.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn abandon(ch: *const RawChan) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        c.closed.set(true);
        c.order.closes();
        let mut wakes = WakeList::new();
        wake_all(c, &mut wakes);
        let left = Leftover::take(c, false);
        c.header.lock.unlock();
        wakes.fire(cx);
        tell(cx);
        cx.exit();
        left.drop_all();
        Status::Ok
    }
}

/// Undelivered values, taken out under the lock and dropped after it, outside the bracket.
struct Leftover {
    buf: *mut u8,
    head: usize,
    count: usize,
    cap: usize,
    size: usize,
    align: usize,
    drop: Option<unsafe extern "C" fn(*mut c_void)>,
    returned: *const Block,
    overflow: *mut Overflow,
    notifier: *const Notifier,
    source: *mut Source,
}

impl Leftover {
    /// Takes buffer and values; `for_good` if the channel dies (else it has capacity 0 from then on only in the sense that it is closed).
    unsafe fn take(c: &RawChan, for_good: bool) -> Leftover {
        c.order.drops(c.cap.get(), c.count.get());
        let left = Leftover {
            buf: c.buf.get(),
            head: c.head.get(),
            count: c.count.get(),
            cap: c.cap.get(),
            size: c.size.get() as usize,
            align: c.align.get() as usize,
            drop: c.drop.get(),
            returned: c.returned.replace(null()),
            // An abandoned channel takes nothing more, so it needs no room without bound.
            // SAFETY: the lock is held by contract.
            overflow: unsafe { Overflow::take(c) },
            notifier: if for_good { c.notifier.replace(null()) } else { null() },
            // SAFETY: as above; nobody receives from it any more.
            source: unsafe { Source::take(c) },
        };
        c.count.set(0);
        c.buf.set(null_mut());
        if !left.overflow.is_null() {
            c.cap.set(UNBOUNDED); // what `cap` says; nobody uses the ring any more
        }
        if for_good {
            c.drop.set(None);
        }
        left
    }

    fn drop_all(self) {
        // SAFETY: ours since `take`.
        unsafe { returned::drop_all(self.returned, self.align, self.drop) };
        if let Some(drop) = self.drop {
            let mut i = self.head;
            for _ in 0..self.count {
                // SAFETY: the values are ours since `take`; each is dropped once (I7). For size 0 the pointer is dangling but aligned enough for nothing to be read.
                unsafe { drop(self.buf.add(i * self.size).cast()) };
                i = if i + 1 == self.cap { 0 } else { i + 1 };
            }
        }
        // SAFETY: from posix_memalign, or null; the overflow is ours since `take`, and so is the channel's share of its notifier.
        unsafe {
            libc::free(self.buf.cast());
            if let Some(drop) = self.drop {
                Overflow::each(self.overflow, |at| drop(at.cast()));
            }
            Overflow::free(self.overflow);
            Notifier::leave(self.notifier);
            Source::leave(self.source);
        };
    }
}

/// One more owner.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn retain(ch: *const RawChan) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        let refs = c.header.refs.load(Relaxed);
        let full = refs == u32::MAX;
        if !full {
            c.header.refs.store(refs + 1, Relaxed);
        }
        c.header.lock.unlock();
        cx.out(if full { Status::Limit } else { Status::Ok })
    }
}

/// One owner less; the last one frees the channel: whoever still waits returns CLOSED, undelivered values are dropped.
///
/// # Safety
/// `ch` is a handle or null; the caller does not use it again.
pub unsafe fn release(ch: *const RawChan) -> Status {
    // SAFETY: contract.
    unsafe {
        let (cx, c) = match lock(ch) {
            Ok(x) => x,
            Err(s) => return s,
        };
        drop_ref(cx, c);
        Status::Ok
    }
}

unsafe fn ask<R>(ch: *const RawChan, bad: R, f: impl FnOnce(&RawChan) -> R) -> R {
    // SAFETY: contract of the callers.
    unsafe {
        let Ok((cx, c)) = lock(ch) else { return bad };
        let r = f(c);
        c.header.lock.unlock();
        cx.exit();
        r
    }
}

/// Values in the buffer now; 0 for NULL.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn len(ch: *const RawChan) -> usize {
    // SAFETY: contract.
    unsafe { ask(ch, 0, |c| c.count.get() + returned::count(c) + Overflow::len(c.overflow.get())) }
}

/// Its capacity; 0 for NULL, `UNBOUNDED` for one without bound.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn cap(ch: *const RawChan) -> usize {
    // SAFETY: contract.
    unsafe { ask(ch, 0, |c| if c.overflow.get().is_null() { c.cap.get() } else { UNBOUNDED }) }
}

/// Is it closed? False for NULL.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn is_closed(ch: *const RawChan) -> bool {
    // SAFETY: contract.
    unsafe { ask(ch, false, |c| c.closed.get()) }
}

/// For the models: does anything stand in the queue of the receivers, and in that of the senders?
///
/// # Safety
/// `ch` is a handle.
#[cfg(loom)]
pub unsafe fn queues(ch: *const RawChan) -> (bool, bool) {
    // SAFETY: contract.
    unsafe { ask(ch, (false, false), |c| (!c.recvq.is_empty(), !c.sendq.is_empty())) }
}

/// Bytes an element; usize::MAX for a bad handle.
///
/// # Safety
/// `ch` is a handle or null.
pub unsafe fn elem_size(ch: *const RawChan) -> usize {
    // SAFETY: contract.
    unsafe { ask(ch, usize::MAX, |c| c.size.get() as usize) }
}

/// Counts a typed end in.
///
/// # Panics
/// At two thousand million handles: they were leaked, and counting on would free the channel in use.
///
/// # Safety
/// `ch` is a live channel.
pub unsafe fn add_end(ch: *const RawChan, sender: bool) {
    // SAFETY: contract.
    let full = unsafe {
        ask(ch, false, |c| {
            let refs = c.header.refs.load(Relaxed);
            if refs >= i32::MAX as u32 {
                return true;
            }
            let n = if sender { &c.senders } else { &c.receivers };
            n.set(n.get() + 1);
            c.header.refs.store(refs + 1, Relaxed);
            false
        })
    };
    assert!(!full, "gort: more than two thousand million handles of one channel");
}

/// Counts a typed end out, with its reference: the last sender closes the channel and the last receiver abandons it, unless a plain handle anchors it (H6).
///
/// # Safety
/// `ch` is a live channel, of which the caller counted an end in; it does not use it again.
pub unsafe fn drop_end(ch: *const RawChan, sender: bool) {
    // SAFETY: contract; one hold of the lock decides, so two ends that go at once can not each think that the other stays.
    unsafe {
        if let Ok((cx, c)) = lock(ch) {
            let n = if sender { &c.senders } else { &c.receivers };
            n.set(n.get() - 1);
            drop_ref(cx, c);
        }
    }
}

/// Under the lock, which it releases: one reference less. What that means is decided here alone:
/// no reference: the channel dies; nothing but typed ends, and one side of them gone: closed (no sender) or abandoned (no receiver).
unsafe fn drop_ref(cx: Cx, c: &'static RawChan) {
    // SAFETY: the lock is held; values and buffer are ours once taken out under it.
    unsafe {
        let refs = c.header.refs.load(Relaxed) - 1;
        c.header.refs.store(refs, Relaxed);
        let (senders, receivers) = (c.senders.get(), c.receivers.get());
        let typed_only = refs as usize == senders + receivers;
        let mut wakes = WakeList::new();
        let mut left = None;
        if refs == 0 || (typed_only && (senders == 0 || receivers == 0)) {
            c.closed.set(true);
            c.order.closes();
            wake_all(c, &mut wakes);
            if refs == 0 || receivers == 0 {
                left = Some(Leftover::take(c, refs == 0));
            }
        }
        if refs == 0 {
            c.header.kind.store(0, Relaxed);
        }
        c.header.lock.unlock();
        wakes.fire(cx);
        tell(cx);
        if refs == 0 {
            c.order.free();
            CHANNELS.free(NonNull::from(c));
        }
        cx.exit();
        if let Some(left) = left {
            left.drop_all()
        }
    }
}

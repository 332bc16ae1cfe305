//! Limiters: token bucket, windows, leaky bucket, pacing, several at once, one for each key; and what runs sometimes.
//!
//! What this is NOT: their meaning; that is core's `flow/limit/`. Here each is an object of a slab, so that a stale handle is told
//! from a live one.
//!
//! LC1  What never blocks works under the object's lock: it is short, and nothing of the program runs there.
//! LC2  What may block takes a share under the lock, and works without it; so do keys, whose locks park. Freeing takes the handle's
//!      meaning and its share; the thing goes with the last one. `gort_limiter_all_new` keeps shares, so its parts may be freed before it.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::{align_of, size_of};
use core::ptr::{NonNull, null};
use core::sync::atomic::Ordering::{Relaxed, Release};
use std::sync::Arc;
use std::time::Duration;

use gort_core::limit::{
    All, FixedWindow, Grant, Grants, Keyed, LeakyBucket, Limiter, Paced, SlidingCounter, SlidingLog, Sometimes,
    TokenBucket,
};
use gort_core::sched::objects::{self, Keeper};
use gort_core::sched::{enter, now_near};
use gort_core::status::Status;
use gort_core::sys::slab::{self, Header, Slab, Slot};
use gort_core::{Time, Wait};

use crate::ffi;
use crate::status::gort_status;
use crate::time::gort_ctx;

/// How often something may happen: one of the gort_limiter_..._new() makes it, gort_limiter_free() takes it.
///
/// In the child of a fork it is as it was, and can be used at once by who made it there; a handle of the parent's is not one.
/// Thread-safety: any thread or task. Blocking calls: gort_limiter_wait() and its forms.
pub struct gort_limiter {
    _opaque: [u8; 0],
}

/// A token bucket for each key, which is some bytes: gort_keyed_new() makes it, gort_keyed_free() takes it.
///
/// Thread-safety: any thread or task. Blocking calls: gort_keyed_wait(), gort_keyed_wait_until().
pub struct gort_keyed {
    _opaque: [u8; 0],
}

/// What was reserved: gort_limiter_reserve() fills it in. A plain struct: there is nothing to free.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct gort_reservation {
    /// From when on one may act, as gort_now() counts.
    pub at: i64,
    /// gort's.
    pub limiter: *mut gort_limiter,
    /// gort's.
    pub parts: u64,
    /// gort's.
    pub words: [u64; 24],
}

/// Runs a function now and then: a plain struct, of zeros or GORT_SOMETIMES_INIT and what is set. The first call runs it always; then
/// a call runs it if one of the three says so. It must not be copied while it is in use.
#[repr(C)]
pub struct gort_sometimes {
    /// The first so many calls, if it is above 0.
    pub first: u64,
    /// Every so many calls, beginning with the first, if it is above 0.
    pub every: u64,
    /// A call that comes so many ns after it ran last, if it is above 0.
    pub interval: i64,
    /// gort's.
    pub reserved: [u64; 3],
}

const _: () = assert!(
    size_of::<gort_sometimes>() == size_of::<Sometimes>() && align_of::<gort_sometimes>() == align_of::<Sometimes>()
);
const _: () = assert!(All::MOST * 3 == 24);

type Keys = Keyed<Box<[u8]>>;

/// What a handle stands for.
enum Thing {
    Limiter(Arc<dyn Limiter>),
    Keyed(Arc<Keys>),
}

#[repr(C, align(64))]
struct Object {
    header: Header,
    // ---- guarded by header.lock
    /// Of `Box::into_raw`.
    thing: Cell<*const Thing>,
}

const KIND_LIMITER: u8 = 33;

// SAFETY: repr(C), header first; zero is valid.
unsafe impl Slot for Object {
    const KIND: u8 = KIND_LIMITER;
}

static OBJECTS: Slab<Object> = Slab::new();
static KEEPER: Keeper =
    Keeper { name: "limiters", live: || OBJECTS.live(), release: free_all, reset: || OBJECTS.reset() };

/// At shutdown.
fn free_all() {
    OBJECTS.for_each(|slot| {
        // SAFETY: nobody is inside any more; the box that is there is ours.
        unsafe {
            let at = slot.as_ref().thing.replace(null());
            if !at.is_null() {
                drop(Box::from_raw(at.cast_mut()))
            }
        }
    });
}

fn make<C>(thing: impl FnOnce() -> Result<Thing, Status>, what: &str) -> *mut C {
    ffi::made(|| {
        let at = Box::into_raw(Box::new(ffi::explained(thing(), what)?));
        let made = objects::make(&KEEPER, &OBJECTS, |o| {
            o.thing.set(at);
            o.header.refs.store(1, Relaxed);
            o.header.epoch.store(slab::epoch(), Relaxed);
            // Release: pairs with the lock's Acquire of whoever was given the handle.
            o.header.kind.store(KIND_LIMITER, Release);
        });
        if made.is_err() {
            // SAFETY: nobody has it.
            drop(unsafe { Box::from_raw(at) });
        }
        ffi::explained(made, what)
    })
}

/// Works on the thing of a handle, under its lock (LC1). `f` is short and calls nothing of the program's.
#[inline(always)]
fn locked<C, R>(handle: *const C, f: impl FnOnce(&Thing) -> Result<R, Status>) -> Result<R, Status> {
    let at: *const Object = ffi::handle(handle, "the limiter")?;
    let cx = enter()?;
    // SAFETY: slots are type-stable, and the header is checked under its lock; while that is held the thing is there.
    unsafe {
        let o = &*at;
        let valid = o.header.lock_as(KIND_LIMITER);
        if !valid.is_ok() {
            return ffi::explained(Err(cx.out(valid)), "the limiter");
        }
        let r = f(&*o.thing.get());
        o.header.lock.unlock();
        cx.exit();
        r
    }
}

/// A limiter under its lock.
#[inline(always)]
fn limiter<R>(handle: *const gort_limiter, f: impl FnOnce(&dyn Limiter) -> Result<R, Status>) -> Result<R, Status> {
    locked(handle, |thing| match thing {
        Thing::Limiter(limiter) => f(&**limiter),
        Thing::Keyed(_) => Err(Status::Misuse),
    })
}

/// A share of a limiter (LC2).
fn share(handle: *const gort_limiter) -> Result<Arc<dyn Limiter>, Status> {
    locked(handle, |thing| match thing {
        Thing::Limiter(limiter) => Ok(limiter.clone()),
        Thing::Keyed(_) => Err(Status::Misuse),
    })
}

fn keys(handle: *const gort_keyed) -> Result<Arc<Keys>, Status> {
    locked(handle, |thing| match thing {
        Thing::Keyed(keyed) => Ok(keyed.clone()),
        Thing::Limiter(_) => Err(Status::Misuse),
    })
}

/// Takes a handle; NULL is none.
fn free<C>(handle: *mut C, is: fn(&Thing) -> bool) -> Result<(), Status> {
    if handle.is_null() {
        return Ok(());
    }
    let taken = Cell::new(null::<Thing>());
    locked(handle, |thing| {
        if !is(thing) {
            return Err(Status::Misuse);
        }
        taken.set(thing);
        // SAFETY: `locked` has found it to be one of ours, and holds its lock.
        unsafe {
            let o = &*handle.cast::<Object>();
            o.thing.set(null());
            o.header.kind.store(0, Relaxed);
        }
        Ok(())
    })?;
    let cx = enter()?;
    // SAFETY: as above; its kind is none, so nobody else frees it. The box is ours now.
    unsafe {
        OBJECTS.free(NonNull::new_unchecked(handle.cast()));
        cx.exit();
        drop(Box::from_raw(taken.get().cast_mut()));
    }
    Ok(())
}

fn window(ns: i64) -> Result<Duration, Status> {
    if ns > 0 { Ok(Duration::from_nanos(ns as u64)) } else { Err(Status::Invalid) }
}

fn boxed<L: Limiter + 'static>(made: Result<L, Status>) -> Result<Thing, Status> {
    Ok(Thing::Limiter(Arc::new(made?)))
}

fn yes(granted: bool) -> Result<(), Status> {
    if granted { Ok(()) } else { Err(Status::WouldBlock) }
}

/// The rate of one each `interval` nanoseconds, a second; GORT_RATE_INF for an interval of 0 or less.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_every(interval: i64) -> f64 {
    gort_core::limit::every(Duration::from_nanos(interval.max(0) as u64))
}

/// A token bucket: `rate` a second on average, and `burst` at once. It starts full. GORT_RATE_INF refuses nothing, whatever the burst;
/// a rate of 0 grants the first burst and no more. Its arithmetic is that of Go's golang.org/x/time/rate.
///
/// Blocks: never. Errors: NULL when there is no memory, or while gort is shut down; gort_last_error() says which.
/// Ownership: the caller's, freed with gort_limiter_free(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_token_bucket_new(rate: f64, burst: u32) -> *mut gort_limiter {
    make(|| boxed(Ok(TokenBucket::new(rate, burst))), "a token bucket")
}

/// `n` in each window of `window` nanoseconds. The windows lie side by side, as gort_now() counts; or, if they are `lazy`, the next
/// one begins with the first thing that is granted after the last one is over. Around the edge of two windows there may be 2 `n`.
///
/// Blocks: never. Errors: NULL for a window of 0 or less, and as gort_limiter_token_bucket_new().
/// Ownership and thread-safety: as gort_limiter_token_bucket_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_fixed_window_new(n: u32, window: i64, lazy: bool) -> *mut gort_limiter {
    let how = if lazy { FixedWindow::lazy } else { FixedWindow::new };
    make(|| boxed(self::window(window).and_then(|w| how(n, w))), "a fixed window")
}

/// Never more than `n` in any window of `window` nanoseconds, wherever it lies: each one is remembered, in 16 bytes for each of `n`.
///
/// Blocks: never. Errors: NULL for a window of 0 or less, for an `n` of 0 or above 1048576, and as gort_limiter_token_bucket_new().
/// Ownership and thread-safety: as gort_limiter_token_bucket_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_sliding_log_new(n: u32, window: i64) -> *mut gort_limiter {
    make(|| boxed(self::window(window).and_then(|w| SlidingLog::new(n, w))), "a sliding log")
}

/// About `n` in any window of `window` nanoseconds, from two numbers: those of the window before count as far as it overlaps.
///
/// Blocks: never. Errors: NULL for a window of 0 or less, and as gort_limiter_token_bucket_new().
/// Ownership and thread-safety: as gort_limiter_token_bucket_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_sliding_counter_new(n: u32, window: i64) -> *mut gort_limiter {
    make(|| boxed(self::window(window).and_then(|w| SlidingCounter::new(n, w))), "a sliding counter")
}

/// A leaky bucket: `rate` a second, evenly. Of those that come too early `capacity` may wait in a queue; or, if it `drops`, it is a
/// bucket that holds `capacity`, and what does not fit is dropped, so that nothing waits.
///
/// Blocks: never. Errors: NULL for a rate that is not above 0, or endless, and as gort_limiter_token_bucket_new().
/// Ownership and thread-safety: as gort_limiter_token_bucket_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_leaky_new(rate: f64, capacity: u32, drops: bool) -> *mut gort_limiter {
    let how = if drops { LeakyBucket::dropping } else { LeakyBucket::queue };
    make(|| boxed(how(rate, capacity)), "a leaky bucket")
}

/// One at each tick of a clock that ticks each `period` nanoseconds, for the first time a period after `origin` (gort_now()). One
/// tick that was missed is kept, as a ticker's; the others are gone.
///
/// Blocks: never. Errors: NULL for a period of 0 or less, and as gort_limiter_token_bucket_new().
/// Ownership and thread-safety: as gort_limiter_token_bucket_new().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_paced_new(origin: i64, period: i64) -> *mut gort_limiter {
    make(|| boxed(window(period).and_then(|p| Paced::starting(Time(origin), p))), "a paced limiter")
}

/// Several limiters as one: what all of the `n` grant; who is refused by one has taken nothing from the others. 1 to 8 of them, those
/// of a gort_limiter_all_new() counted one by one.
///
/// Blocks: never. Errors: NULL for none or too many, for a stale handle, and as gort_limiter_token_bucket_new().
/// Ownership: the parts stay the caller's, and may be freed before it. Else as gort_limiter_token_bucket_new().
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_all_new(limiters: *const *mut gort_limiter, n: usize) -> *mut gort_limiter {
    let parts = || {
        // SAFETY: NULL or an array of `n` handles (the header's contract).
        let parts = unsafe { ffi::array(limiters, n, "the array of limiters") }?;
        let parts: Result<Vec<_>, Status> = parts.iter().map(|&part| share(part)).collect();
        boxed(All::new(parts?))
    };
    make(parts, "several limiters")
}

/// Frees it. Never blocks: who waits for it waits on. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_limiter_free(limiter: *mut gort_limiter) -> gort_status {
    ffi::wall(|| free(limiter, |thing| matches!(thing, Thing::Limiter(_))))
}

/// May one thing happen now? GORT_OK: yes, and it is accounted for. GORT_WOULD_BLOCK: no. Never blocks.
///
/// Blocks: never. Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_allow(limiter: *mut gort_limiter) -> gort_status {
    ffi::hot(|| self::limiter(limiter, |l| yes(l.allow_n(1))))
}

/// May `n` things happen now, all of them? As gort_limiter_allow().
///
/// Blocks: never. Errors and thread-safety: as gort_limiter_allow().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_allow_n(limiter: *mut gort_limiter, n: u32) -> gort_status {
    ffi::hot(|| self::limiter(limiter, |l| yes(l.allow_n(n))))
}

/// May `n` things happen at `now`? A time of the caller's own: all is as if it was that time. As gort_limiter_allow().
///
/// Blocks: never. Errors and thread-safety: as gort_limiter_allow().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_allow_at(limiter: *mut gort_limiter, now: i64, n: u32) -> gort_status {
    ffi::hot(|| self::limiter(limiter, |l| yes(l.allow_at(Time(now), n))))
}

/// Waits until one thing may happen. Blocks; woken when its time has come, or by the cancellation of the caller: what was promised is
/// given back then.
///
/// Blocks: the task (on a plain thread: the thread).
/// Errors: GORT_LIMIT if it never may; GORT_WOULD_BLOCK if a leaky bucket has no place; GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN;
/// GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Then nothing is taken. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_wait(limiter: *mut gort_limiter) -> gort_status {
    ffi::wall(|| share(limiter)?.wait_n(1, Wait::forever()))
}

/// gort_limiter_wait(), at most until `deadline` or until `ctx` is cancelled. If its time comes only after the deadline it says so at
/// once. Blocks as it. Woken as it, or by `ctx`.
///
/// Blocks: the caller, at most until `deadline` (GORT_NEVER: for ever).
/// Errors: as gort_limiter_wait(), and GORT_TIMED_OUT. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_wait_until(
    limiter: *mut gort_limiter,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| share(limiter)?.wait_n(1, ffi::rust_limits(deadline, ctx)?))
}

/// Waits until `n` things may happen, all of them. Blocks and is woken as gort_limiter_wait().
///
/// Blocks, errors and thread-safety: as gort_limiter_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_wait_n(limiter: *mut gort_limiter, n: u32) -> gort_status {
    ffi::wall(|| share(limiter)?.wait_n(n, Wait::forever()))
}

/// gort_limiter_wait_n(), within the limits of gort_limiter_wait_until(). Blocks and is woken as that.
///
/// Blocks, errors and thread-safety: as gort_limiter_wait_until().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_wait_n_until(
    limiter: *mut gort_limiter,
    n: u32,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    ffi::wall(|| share(limiter)?.wait_n(n, ffi::rust_limits(deadline, ctx)?))
}

/// Takes `n`, also if they are to come: `reservation->at` is when one may act. Who does not want to gives it back with
/// gort_reservation_cancel(). Never blocks.
///
/// Blocks: never. Errors: GORT_LIMIT for more than there ever are; GORT_WOULD_BLOCK if a leaky bucket has no place; GORT_INVALID for
/// NULL; GORT_MISUSE for a stale handle. Ownership: nothing is to be freed. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_reserve(
    limiter: *mut gort_limiter,
    n: u32,
    reservation: *mut gort_reservation,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { reserve(limiter, now_near(), n, i64::MAX, reservation) })
}

/// gort_limiter_reserve() as if it was `now`; GORT_TIMED_OUT, and nothing is taken, if one could not act until `latest`
/// (GORT_NEVER: however late). Never blocks.
///
/// Blocks: never. Errors, ownership and thread-safety: as gort_limiter_reserve(), and GORT_TIMED_OUT.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_reserve_at(
    limiter: *mut gort_limiter,
    now: i64,
    n: u32,
    latest: i64,
    reservation: *mut gort_reservation,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { reserve(limiter, now, n, latest, reservation) })
}

/// How long it is until one may act, in nanoseconds; 0 if the time has come. Never blocks.
///
/// Blocks: never. Errors: 0 for NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_reservation_delay(reservation: *const gort_reservation) -> i64 {
    // SAFETY: NULL or a struct of the caller's (the header's contract).
    if reservation.is_null() { 0 } else { unsafe { (*reservation).at }.saturating_sub(now_near()).max(0) }
}

/// Gives back what was reserved, but for what others have reserved since on account of it; nothing if its time has come, or if it was
/// given back before. Never blocks.
///
/// Blocks: never. Errors: GORT_INVALID for NULL, or for one that was not filled in; GORT_MISUSE if the limiter was freed.
/// Thread-safety: one thread or task at a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_reservation_cancel(reservation: *mut gort_reservation) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { cancel(reservation, now_near()) })
}

/// gort_reservation_cancel() as if it was `now`. Never blocks.
///
/// Blocks: never. Errors and thread-safety: as gort_reservation_cancel().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_reservation_cancel_at(reservation: *mut gort_reservation, now: i64) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { cancel(reservation, now) })
}

/// How many a second; of several the least. 0 for no limiter.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_limit(limiter: *const gort_limiter) -> f64 {
    ffi::wall_or(0.0, || self::limiter(limiter, |l| Ok(l.limit())).unwrap_or(0.0))
}

/// How many at once; of several the least. 0 for no limiter.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_burst(limiter: *const gort_limiter) -> u32 {
    ffi::wall_or(0, || self::limiter(limiter, |l| Ok(l.burst())).unwrap_or(0))
}

/// How many could be had at once now; below 0 if those to come are promised already. 0 for no limiter.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_tokens(limiter: *const gort_limiter) -> f64 {
    ffi::wall_or(0.0, || self::limiter(limiter, |l| Ok(l.tokens())).unwrap_or(0.0))
}

/// gort_limiter_tokens() as if it was `now`.
///
/// Blocks: never. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_limiter_tokens_at(limiter: *const gort_limiter, now: i64) -> f64 {
    ffi::wall_or(0.0, || self::limiter(limiter, |l| Ok(l.tokens_at(Time(now)))).unwrap_or(0.0))
}

/// From now on `rate` a second: of a window, by how long it is. What was granted keeps its time. Never blocks.
///
/// Blocks: never. Errors: GORT_INVALID for a rate that this limiter cannot have, for several at once, and for NULL; GORT_MISUSE for a
/// stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_limiter_set_limit(limiter: *mut gort_limiter, rate: f64) -> gort_status {
    ffi::wall(|| self::limiter(limiter, |l| l.set_limit(rate)))
}

/// gort_limiter_set_limit() from `now` on.
///
/// Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_limiter_set_limit_at(limiter: *mut gort_limiter, now: i64, rate: f64) -> gort_status {
    ffi::wall(|| self::limiter(limiter, |l| l.set_limit_at(Time(now), rate)))
}

/// From now on `burst` at once. What was granted keeps its time. Never blocks.
///
/// Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_limiter_set_burst(limiter: *mut gort_limiter, burst: u32) -> gort_status {
    ffi::wall(|| self::limiter(limiter, |l| l.set_burst(burst)))
}

/// gort_limiter_set_burst() from `now` on.
///
/// Blocks: never. Errors and thread-safety: as gort_limiter_set_limit().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_limiter_set_burst_at(limiter: *mut gort_limiter, now: i64, burst: u32) -> gort_status {
    ffi::wall(|| self::limiter(limiter, |l| l.set_burst_at(Time(now), burst)))
}

/// A token bucket for each key: `rate` a second and `burst` at once. With `within`, which may be NULL, that limiter grants them, too: a
/// user's AND everybody's, both or none. A key that is idle costs nothing: it is forgotten, and nobody notices.
///
/// Blocks: never. Errors: NULL for a rate that is not above 0, for a stale `within`, when there is no memory, or while gort is shut
/// down; gort_last_error() says which. Ownership: the caller's, freed with gort_keyed_free(); `within` stays the caller's, and may be
/// freed before it. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_new(rate: f64, burst: u32, within: *mut gort_limiter) -> *mut gort_keyed {
    let keyed = || {
        let keyed = Keys::new(rate, burst)?;
        Ok(Thing::Keyed(Arc::new(if within.is_null() { keyed } else { keyed.within(share(within)?) })))
    };
    make(keyed, "a limiter of keys")
}

/// Frees it. Never blocks: who waits for it waits on. NULL does nothing.
///
/// Blocks: never. Errors: GORT_MISUSE for a stale handle. Ownership: the handle is given up. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_keyed_free(keyed: *mut gort_keyed) -> gort_status {
    ffi::wall(|| free(keyed, |thing| matches!(thing, Thing::Keyed(_))))
}

/// May `n` things of this key, `size` bytes, happen now, all of them? GORT_OK: yes, and they are accounted for. GORT_WOULD_BLOCK: no.
///
/// Blocks: never, but for a moment while another asks for a key beside it.
/// Errors: GORT_WOULD_BLOCK; GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Ownership: the key may go away at once.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_allow(
    keyed: *mut gort_keyed,
    key: *const c_void,
    size: usize,
    n: u32,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { yes(keys(keyed)?.allow_by(Time(now_near()), bytes(key, size)?, n, |key| Box::from(key))) })
}

/// gort_keyed_allow() as if it was `now`.
///
/// Blocks, errors, ownership and thread-safety: as gort_keyed_allow().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_allow_at(
    keyed: *mut gort_keyed,
    now: i64,
    key: *const c_void,
    size: usize,
    n: u32,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { yes(keys(keyed)?.allow_by(Time(now), bytes(key, size)?, n, |key| Box::from(key))) })
}

/// Waits until `n` things of this key may happen. Blocks and is woken as gort_limiter_wait().
///
/// Blocks and errors: as gort_limiter_wait(). Ownership: the key must stay until it returns. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_wait(
    keyed: *mut gort_keyed,
    key: *const c_void,
    size: usize,
    n: u32,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { keys(keyed)?.wait_by(bytes(key, size)?, n, Wait::forever(), |key| Box::from(key)) })
}

/// gort_keyed_wait(), within the limits of gort_limiter_wait_until(). Blocks and is woken as that.
///
/// Blocks and errors: as gort_limiter_wait_until(). Ownership and thread-safety: as gort_keyed_wait().
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_wait_until(
    keyed: *mut gort_keyed,
    key: *const c_void,
    size: usize,
    n: u32,
    deadline: i64,
    ctx: *mut gort_ctx,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe {
        keys(keyed)?.wait_by(bytes(key, size)?, n, ffi::rust_limits(deadline, ctx)?, |key| Box::from(key))
    })
}

/// How many of this key could be had at once at `now`; below 0 if those to come are promised already. 0 for no limiter.
///
/// Blocks: as gort_keyed_allow(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_tokens_at(
    keyed: *const gort_keyed,
    now: i64,
    key: *const c_void,
    size: usize,
) -> f64 {
    // SAFETY: the header's contract.
    let tokens = || unsafe { Ok::<f64, Status>(keys(keyed)?.tokens_at(Time(now), bytes(key, size)?)) };
    ffi::wall_or(0.0, || tokens().unwrap_or(0.0))
}

/// How many keys are remembered: those that are not idle, and some that are. 0 for no limiter.
///
/// Blocks: as gort_keyed_allow(). Thread-safety: any thread or task.
#[unsafe(no_mangle)]
#[must_use]
pub unsafe extern "C" fn gort_keyed_len(keyed: *const gort_keyed) -> usize {
    ffi::wall_or(0, || keys(keyed).map_or(0, |k| k.len()))
}

/// Forgets the keys that are idle at `now` and gives their memory back. It is done without, too, as room is needed. `*forgotten`,
/// which may be NULL, gets how many they were.
///
/// Blocks: as gort_keyed_allow(). Errors: GORT_INVALID for NULL; GORT_MISUSE for a stale handle. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_keyed_evict(keyed: *mut gort_keyed, now: i64, forgotten: *mut usize) -> gort_status {
    // SAFETY: NULL or writable (the header's contract).
    ffi::wall(|| unsafe {
        ffi::put(forgotten, keys(keyed)?.evict_at(Time(now)));
        Ok(())
    })
}

/// From now on `rate` a second and `burst` at once, for every key. What was granted keeps its time.
///
/// Blocks: never. Errors: GORT_INVALID for NULL, or a rate that is not above 0; GORT_MISUSE for a stale handle.
/// Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_keyed_set(keyed: *mut gort_keyed, rate: f64, burst: u32) -> gort_status {
    ffi::wall(|| {
        let keyed = keys(keyed)?;
        keyed.set_limit(rate)?;
        keyed.set_burst(burst);
        Ok(())
    })
}

/// Runs `fn(arg)` if it is time for it, here, on the caller's stack. Calls are one after the other: blocks while another call runs its
/// own; a call from within `fn` waits for itself. `*ran`, which may be NULL, says whether it ran.
///
/// Blocks: the caller, as `fn` does, or as another's. Errors: GORT_CANCELED, GORT_DEADLOCK, GORT_SHUTDOWN while it waits for another;
/// GORT_INVALID for NULL. Thread-safety: any thread or task.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sometimes_do(
    sometimes: *mut gort_sometimes,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
    ran: *mut bool,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { sometimes_do(sometimes, r#fn, arg, ran, |s, f| s.run(f)) })
}

/// gort_sometimes_do() as if it was `now`.
///
/// Blocks, errors and thread-safety: as gort_sometimes_do().
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gort_sometimes_do_at(
    sometimes: *mut gort_sometimes,
    now: i64,
    r#fn: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
    ran: *mut bool,
) -> gort_status {
    // SAFETY: the header's contract.
    ffi::wall(|| unsafe { sometimes_do(sometimes, r#fn, arg, ran, |s, f| s.run_at(Time(now), f)) })
}

/// # Safety
/// `sometimes` is NULL or a struct of the caller's that nobody moves; `ran` is NULL or writable; `fn` may be called with `arg`.
unsafe fn sometimes_do(
    sometimes: *mut gort_sometimes,
    call: Option<unsafe extern "C" fn(*mut c_void)>,
    arg: *mut c_void,
    ran: *mut bool,
    run: impl FnOnce(&Sometimes, &mut dyn FnMut()) -> Result<bool, Status>,
) -> Result<(), Status> {
    let at: *const Sometimes = ffi::handle(sometimes, "the gort_sometimes")?;
    let Some(call) = call else { return ffi::null_argument("fn") };
    // SAFETY: laid out as core's, which takes any bytes of a struct that was zero at first.
    unsafe {
        let did = run(&*at, &mut || call(arg))?;
        ffi::put(ran, did);
    }
    Ok(())
}

/// # Safety
/// `key` is NULL or readable for `size` bytes.
unsafe fn bytes<'a>(key: *const c_void, size: usize) -> Result<&'a [u8], Status> {
    // SAFETY: by the contract.
    unsafe { ffi::array(key.cast::<u8>(), size, "the key") }
}

/// # Safety
/// `out` is NULL or writable.
unsafe fn reserve(
    limiter: *mut gort_limiter,
    now: i64,
    n: u32,
    latest: i64,
    out: *mut gort_reservation,
) -> Result<(), Status> {
    let out: *const gort_reservation = ffi::handle(out, "reservation")?;
    let grants = self::limiter(limiter, |l| l.take(Time(now), n, Time(latest)))?;
    let parts = match &grants {
        Grants::One(grant) => core::slice::from_ref(grant),
        Grants::All(parts) => parts,
    };
    let mut r = gort_reservation { at: grants.at().0, limiter, parts: parts.len() as u64, words: [0; 24] };
    for (words, part) in r.words.chunks_exact_mut(3).zip(parts) {
        words.copy_from_slice(&[part.at as u64, u64::from(part.n), part.word]);
    }
    // SAFETY: by the contract; not NULL.
    unsafe { out.cast_mut().write(r) };
    Ok(())
}

/// # Safety
/// `reservation` is NULL or a struct of the caller's.
unsafe fn cancel(reservation: *mut gort_reservation, now: i64) -> Result<(), Status> {
    let at: *const gort_reservation = ffi::handle(reservation, "reservation")?;
    // SAFETY: by the contract.
    let r = unsafe { at.read() };
    if r.parts == 0 {
        return if r.limiter.is_null() { Err(Status::Invalid) } else { Ok(()) };
    }
    let parts = r.words.chunks_exact(3).take(r.parts.min(All::MOST as u64) as usize);
    let parts: Vec<_> = parts.map(|w| Grant { at: w[0] as i64, due: r.at, n: w[1] as u32, word: w[2] }).collect();
    limiter(r.limiter, |l| {
        match (l.parts(), parts.first()) {
            (None, Some(grant)) => l.give_back(Time(now), &Grants::One(*grant)),
            _ => l.give_back(Time(now), &Grants::All(parts.into_boxed_slice())),
        }
        Ok(())
    })?;
    // SAFETY: by the contract. Given back once.
    unsafe { (*reservation).parts = 0 };
    Ok(())
}

//! The context itself, as all faces have it: a handle with references, in a tree of parents.
//!
//! A context that can be cancelled *is* a cancel source (`wait/cancel.rs`), which it begins with: what waits "with a context" watches that. One that only carries a value, or that cuts
//! its parent's cancellation off, has a source that nobody uses, and `cancels` says which one ends it.
//!
//!  X1  The background and the TODO are two objects that are always there; nothing ends them. A context holds a reference of its parent, and never the other way round (cancel.rs X4): a parent keeps
//!      no child alive, and a child that goes leaves nothing behind.
//!  X2  Cancelling marks the whole subtree, ends every wait, and closes every done channel, before it returns. The first cause wins. Whoever sees `err` finds the done channel closed (Go's #75533).
//!  X3  The deadline is the earlier of its own and its parent's; only an own one has a timer, and that goes with the cancellation or the context. One that has passed cancels at once.
//!  X4  What may outlive the context (a timer's function, the hook that a merge hangs on its second parent) knows it by its place and its number, and holds no reference.
//!  X5  `done` is made when it is first asked for, and closed by a hook.
//!  X6  The reason of a cancellation is kept by the context that was cancelled, which outlives its descendants.

use crate::chan::observer::Observer;
use crate::chan::raw::{self as chan, Layout, RawChan};
use crate::sched::objects::{self, Keeper};
use crate::sched::{Cx, enter};
use crate::status::Status;
use crate::sys::clock::NEVER;
use crate::sys::prim::*;
use crate::sys::slab::{Slab, Slot};
use crate::wait::cancel::{self, CancelSource, Hook};
use core::any::Any;
use core::error::Error;
use core::fmt;
use core::ptr::{NonNull, addr_eq, from_ref, null, null_mut};
use std::ffi::CString;

/// Kinds of slab objects; see also `sched/task.rs`.
pub const KIND_CONTEXT: u8 = 50;

/// Why a context was cancelled, in words of whoever did it.
pub type Cause = std::sync::Arc<dyn Error + Send + Sync>;

/// A cause that is a text, as C has it; and what a host's face keeps with it.
pub struct Text {
    pub text: CString,
    pub with: Option<Box<dyn Any + Send + Sync>>,
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.text, f)
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.to_string_lossy())
    }
}

impl Error for Text {}

/// A value of a context.
#[derive(Clone, Copy)]
pub struct Value {
    /// By which it is found; never null.
    pub key: *const (),
    pub data: *mut (),
    /// What is done with `data` when the context goes.
    pub drop: Option<unsafe extern "C" fn(*mut core::ffi::c_void)>,
}

/// See the file's head.
#[repr(C)]
pub struct RawContext {
    source: CancelSource,
    // ---- set once
    parent: Cell<*const RawContext>,
    /// Of a merge: the second parent.
    second: Cell<*const RawContext>,
    /// What ends it; null: nothing.
    cancels: Cell<*const CancelSource>,
    deadline: Cell<i64>,
    /// Of this one and no other (X4).
    number: Cell<u64>,
    value: Cell<Option<Value>>,
    /// What hangs on another source than its own.
    foreign: Cell<*const Hook>,
    /// Of one of a program's own: who watches its done channel (own.rs).
    observer: Cell<*const Observer>,
    /// The done channel, once somebody has asked for it.
    done: AtomicPtr<RawChan>,
    /// What it was cancelled for, if that was said here (X6).
    reason: AtomicPtr<Cause>,
}

// SAFETY: repr(C), begins with a source, which begins with the header; zero is valid.
unsafe impl Slot for RawContext {
    const KIND: u8 = KIND_CONTEXT;
}
// SAFETY: set once before it is shared, or atomic, or the source's own affair.
unsafe impl Sync for RawContext {}

static CONTEXTS: Slab<RawContext> = Slab::new();
static KEEPER: Keeper =
    Keeper { name: "contexts", live: || CONTEXTS.live(), release: || {}, reset: || CONTEXTS.reset() };

// SAFETY: zero is valid: no parent, nothing that ends it.
static BACKGROUND: RawContext = unsafe { core::mem::zeroed() };
// SAFETY: as above.
static TODO: RawContext = unsafe { core::mem::zeroed() };
static NUMBERS: AtomicU64 = AtomicU64::new(1);

/// The root: never cancelled, without a deadline, without values.
pub fn background() -> NonNull<RawContext> {
    NonNull::from(&BACKGROUND)
}

/// The same, for a place where it is not clear yet which context belongs there.
pub fn todo() -> NonNull<RawContext> {
    NonNull::from(&TODO)
}

fn is_root(c: *const RawContext) -> bool {
    addr_eq(c, &BACKGROUND) || addr_eq(c, &TODO)
}

/// What a new context is to be.
pub(super) struct New {
    /// It can be cancelled by itself.
    pub(super) own: bool,
    /// Its parent's cancellation and deadline reach it.
    pub(super) follows: bool,
    pub(super) deadline: i64,
    pub(super) value: Option<Value>,
    pub(super) second: *const RawContext,
}

impl New {
    pub(super) const CANCEL: New = New { own: true, follows: true, deadline: NEVER, value: None, second: null() };
}

unsafe fn lock(c: *const RawContext) -> Result<(Cx, &'static RawContext), Status> {
    if c.is_null() {
        return Err(Status::Invalid);
    }
    let cx = enter()?;
    // SAFETY: contract of the callers; type-stable.
    unsafe {
        let c = &*c;
        match c.source.header().lock_as(KIND_CONTEXT) {
            Status::Ok => Ok((cx, c)),
            s => Err(cx.out(s)),
        }
    }
}

/// One more reference. MISUSE for one that is gone, SHUTDOWN for one from before a shutdown or fork, INVALID for null.
///
/// # Safety
/// `c` is a handle or null.
pub unsafe fn retain(c: *const RawContext) -> Status {
    if is_root(c) {
        return Status::Ok;
    }
    // SAFETY: contract.
    match unsafe { lock(c) } {
        Ok((cx, c)) => {
            let header = c.source.header();
            header.refs.store(header.refs.load(Relaxed) + 1, Relaxed);
            // SAFETY: locked by `lock`.
            unsafe { header.lock.unlock() };
            cx.out(Status::Ok)
        }
        Err(s) => s,
    }
}

/// A reference less; with the last one the context goes, uncancelled if nobody cancelled it. MISUSE, and nothing changes, while a call waits with it.
///
/// # Safety
/// `c` is a handle of the caller's, or null.
pub unsafe fn release(mut c: *const RawContext) -> Status {
    let mut status = Status::Ok;
    let mut first = true;
    // A chain of parents may be deeper than a task's stack.
    while !c.is_null() && !is_root(c) {
        // SAFETY: contract; of a parent the reference was its child's.
        let (s, parents) = unsafe { release_one(c) };
        if first {
            status = s;
        }
        first = false;
        let [parent, second] = parents;
        if !second.is_null() {
            // SAFETY: as above; merges are nested as deep as the program wrote them.
            let _ = unsafe { release(second) };
        }
        c = parent;
    }
    if first && c.is_null() { Status::Invalid } else { status }
}

/// Gives the parents whose references are to be released.
unsafe fn release_one(c: *const RawContext) -> (Status, [*const RawContext; 2]) {
    const NONE: [*const RawContext; 2] = [null(); 2];
    // SAFETY: contract of `release`.
    unsafe {
        let (cx, r) = match lock(c) {
            Ok(x) => x,
            Err(s) => return (s, NONE),
        };
        let header = r.source.header();
        let refs = header.refs.load(Relaxed) - 1;
        header.refs.store(refs, Relaxed);
        if refs != 0 {
            header.lock.unlock();
            return (cx.out(Status::Ok), NONE);
        }
        header.kind.store(0, Relaxed);
        header.lock.unlock();
        cx.exit();
        // Nobody has it any more, and nobody finds it (X4).
        let s = r.source.end();
        if !s.is_ok() {
            header.refs.store(1, Relaxed);
            header.kind.store(KIND_CONTEXT, Release);
            return (s, NONE);
        }
        let foreign = r.foreign.replace(null());
        if !foreign.is_null() {
            let h = Arc::from_raw(foreign);
            cancel::unhook(&*(*r.second.get()).cancels.get(), &h);
        }
        if let Some(o) = NonNull::new(r.observer.replace(null()).cast_mut()) {
            super::own::give_up(o)
        }
        let done = r.done.swap(null_mut(), AcqRel);
        if !done.is_null() {
            let _ = chan::release(done);
        }
        if let Some(Value { data, drop: Some(drop), .. }) = r.value.take() {
            drop(data.cast())
        }
        let reason = r.reason.swap(null_mut(), AcqRel);
        if !reason.is_null() {
            drop(Box::from_raw(reason))
        }
        let parents = [r.parent.replace(null()), r.second.replace(null())];
        let Ok(cx) = enter() else { return (Status::Misuse, parents) };
        CONTEXTS.free(NonNull::from(r));
        (cx.out(Status::Ok), parents)
    }
}

pub(super) unsafe fn make(parent: *const RawContext, new: New) -> Result<NonNull<RawContext>, Status> {
    // SAFETY: contract of the callers.
    unsafe {
        retain(parent).ok()?;
        if !new.second.is_null()
            && let Err(s) = retain(new.second).ok()
        {
            let _ = release(parent);
            return Err(s);
        }
        let p = &*parent;
        let above = if new.follows { p.cancels.get() } else { null() };
        let mut deadline = if new.follows { new.deadline.min(p.due()) } else { new.deadline };
        if let Some(second) = new.second.as_ref() {
            deadline = deadline.min(second.due())
        }
        let made = objects::make(&KEEPER, &CONTEXTS, |c| {
            c.parent.set(parent);
            c.second.set(new.second);
            c.cancels.set(if new.own { &c.source } else { above });
            c.deadline.set(deadline);
            c.number.set(NUMBERS.fetch_add(1, Relaxed));
            c.value.set(new.value);
            c.foreign.set(null());
            c.observer.set(null());
            c.done.store(null_mut(), Relaxed);
            c.reason.store(null_mut(), Relaxed);
            c.source.begin(KIND_CONTEXT, if new.own { above } else { null() });
        });
        if made.is_err() {
            let _ = release(parent);
            if !new.second.is_null() {
                let _ = release(new.second);
            }
        }
        made
    }
}

/// A child that can be cancelled.
///
/// # Safety
/// `parent` is a handle or null.
pub unsafe fn with_cancel(parent: *const RawContext) -> Result<NonNull<RawContext>, Status> {
    // SAFETY: contract.
    unsafe { make(parent, New::CANCEL) }
}

/// A child that is cancelled at `deadline`, as TIMED_OUT, with `cause` as its cause if one is given. NEVER: as `with_cancel`.
///
/// # Safety
/// As `with_cancel`.
pub unsafe fn with_deadline(
    parent: *const RawContext,
    deadline: i64,
    cause: Option<Cause>,
) -> Result<NonNull<RawContext>, Status> {
    // SAFETY: contract.
    unsafe {
        let made = make(parent, New { deadline, ..New::CANCEL })?;
        let c = made.as_ref();
        if c.due() < deadline || deadline == NEVER {
            return Ok(made); // the parent's comes first
        }
        let now = crate::sched::now();
        if deadline <= now {
            cancel_own(c, Status::TimedOut, cause);
            return Ok(made);
        }
        // A number and a place, no reference (X4).
        let (at, number) = (made.as_ptr().expose_provenance(), c.number.get());
        let expire = move || expire(core::ptr::with_exposed_provenance(at), number, cause.clone());
        match crate::time::after_func_at(crate::Time(deadline), expire) {
            // The timer goes when it is cancelled, or when it goes itself.
            Ok(timer) => {
                let timer = Stops(timer);
                drop(cancel::hook(&c.source, Box::new(move || drop(timer))));
                Ok(made)
            }
            Err(s) => {
                let _ = release(made.as_ptr());
                Err(s)
            }
        }
    }
}

/// A timer that is stopped when it is dropped: by the hook that has it, or with that.
struct Stops(crate::time::FuncTimer);

impl Drop for Stops {
    fn drop(&mut self) {
        self.0.stop();
    }
}

/// A deadline has come.
fn expire(c: *const RawContext, number: u64, cause: Option<Cause>) {
    // SAFETY: type-stable; it is what the timer was made for only if the number says so.
    unsafe {
        if let Some(c) = found(c, number) {
            cancel_own(c, Status::TimedOut, cause);
            let _ = release(c);
        }
    }
}

/// The context with that number, if it is there still; with a reference for the caller.
pub(super) unsafe fn found<'a>(c: *const RawContext, number: u64) -> Option<&'a RawContext> {
    // SAFETY: type-stable.
    unsafe {
        let (cx, r) = lock(c).ok()?;
        let header = r.source.header();
        let it_is = r.number.get() == number;
        if it_is {
            header.refs.store(header.refs.load(Relaxed) + 1, Relaxed);
        }
        header.lock.unlock();
        cx.exit();
        it_is.then_some(r)
    }
}

/// A child that carries a value, found by its key from here on downwards.
///
/// # Safety
/// As `with_cancel`; the value may be used and dropped by any thread. On failure it is still the caller's.
pub unsafe fn with_value(parent: *const RawContext, value: Value) -> Result<NonNull<RawContext>, Status> {
    if value.key.is_null() {
        return Err(Status::Invalid);
    }
    // SAFETY: contract.
    unsafe { make(parent, New { own: false, value: Some(value), ..New::CANCEL }) }
}

/// A child with its parent's values that its parent's end and deadline do not reach.
///
/// # Safety
/// As `with_cancel`.
pub unsafe fn without_cancel(parent: *const RawContext) -> Result<NonNull<RawContext>, Status> {
    // SAFETY: contract.
    unsafe { make(parent, New { own: false, follows: false, ..New::CANCEL }) }
}

/// A child of two: ended by whichever ends first, with that one's cause; the earlier deadline; values of the first, then of the second.
///
/// # Safety
/// As `with_cancel`, for both.
pub unsafe fn merge(first: *const RawContext, second: *const RawContext) -> Result<NonNull<RawContext>, Status> {
    // SAFETY: contract.
    unsafe {
        if second.is_null() {
            return Err(Status::Invalid);
        }
        let made = make(first, New { second, ..New::CANCEL })?;
        let c = made.as_ref();
        let Some(other) = (*second).cancels.get().as_ref() else { return Ok(made) };
        let (at, number) = (made.as_ptr().expose_provenance(), c.number.get());
        let (from, number) = (from_ref(other).expose_provenance(), number);
        let act = move || {
            let Some(c) = found(core::ptr::with_exposed_provenance(at), number) else { return };
            // The second parent lives for as long as this one, and with it what it was cancelled for (X6).
            let other: &CancelSource = &*core::ptr::with_exposed_provenance(from);
            c.source.cancel_for(other.cause().unwrap_or(Status::Canceled), other.reason());
            let _ = release(c);
        };
        match cancel::hook(other, Box::new(act)) {
            Ok(h) => c.foreign.set(Arc::into_raw(h)),
            Err(act) => act(),
        }
        Ok(made)
    }
}

/// Cancels a context and all below it, and returns when that is done (X2). False: it had ended before. MISUSE for one that can not be cancelled by itself (a root, a value's, one that is cut off).
///
/// # Safety
/// `c` is a handle or null.
pub unsafe fn cancel(c: *const RawContext, cause: Option<Cause>) -> Result<bool, Status> {
    // SAFETY: contract.
    unsafe {
        if is_root(c) {
            return Err(Status::Misuse);
        }
        retain(c).ok()?;
        let r = &*c;
        let own = addr_eq(r.cancels.get(), &r.source);
        let first = own && cancel_own(r, Status::Canceled, cause);
        let _ = release(c);
        if own { Ok(first) } else { Err(Status::Misuse) }
    }
}

pub(super) unsafe fn cancel_own(c: &RawContext, status: Status, cause: Option<Cause>) -> bool {
    let reason = cause.map_or(null_mut(), |why| Box::into_raw(Box::new(why)));
    let first = c.source.cancel_for(status, reason.cast());
    if !reason.is_null() {
        if first {
            // Release: pairs with the swap of whoever frees it.
            c.reason.store(reason, Release)
        } else {
            // SAFETY: nobody took it.
            drop(unsafe { Box::from_raw(reason) })
        }
    }
    first
}

/// The context of a handle that the caller has a reference of, so its header stands still and is looked at without the lock; one that is stale is told as far as can be seen. INVALID for null.
///
/// # Safety
/// `c` is a handle or null; the context is used for as long as the caller's reference.
#[inline]
pub unsafe fn on<'a>(c: *const RawContext) -> Result<&'a RawContext, Status> {
    if c.is_null() {
        return Err(Status::Invalid);
    }
    // SAFETY: contract; type-stable.
    let r = unsafe { &*c };
    if is_root(c) {
        return Ok(r);
    }
    r.source.header().check(KIND_CONTEXT).ok().map(|()| r)
}

impl RawContext {
    /// What it is known by besides its place (X4).
    pub(super) fn number(&self) -> u64 {
        self.number.get()
    }

    /// It has `o` from now on, and gives it up when it goes. By whoever made it, before it is shared.
    pub(super) fn observes(&self, o: NonNull<Observer>) {
        self.observer.set(o.as_ptr())
    }

    /// Its deadline; NEVER for none. A root's is zero in memory.
    fn due(&self) -> i64 {
        if is_root(self) { NEVER } else { self.deadline.get() }
    }

    /// When it is cancelled at the latest: NEVER if nothing says so.
    pub fn deadline(&self) -> i64 {
        self.due()
    }

    /// Has it ended? A load or two.
    #[inline(always)]
    pub fn is_done(&self) -> bool {
        // SAFETY: what ends it is a source of its own or of an ancestor, which it keeps.
        unsafe { self.cancels.get().as_ref() }.is_some_and(CancelSource::is_done)
    }

    /// CANCELED or TIMED_OUT if it has ended. Then the done channel is closed, too.
    pub fn err(&self) -> Option<Status> {
        // SAFETY: as in `is_done`.
        let status = unsafe { self.cancels.get().as_ref() }?.cause()?;
        let done = self.owner()?.done.load(Acquire);
        if !done.is_null() {
            // SAFETY: the context keeps its channel; closed already, most likely.
            let _ = unsafe { chan::close(done) };
        }
        Some(status)
    }

    /// What was said when it, or what ended it above, was cancelled. None: nothing was, or it has not ended.
    pub fn cause(&self) -> Option<Cause> {
        // SAFETY: as in `is_done`; the reason stays for as long as any descendant (X6).
        unsafe { self.cancels.get().as_ref()?.reason().cast::<Cause>().as_ref().cloned() }
    }

    /// What ends it, for a wait: null for nothing.
    pub fn source(&self) -> *const CancelSource {
        self.cancels.get()
    }

    /// The one whose source ends it: itself, or an ancestor. None if nothing does.
    fn owner(&self) -> Option<&RawContext> {
        let mut c = self;
        while !addr_eq(&c.source, self.cancels.get()) {
            // SAFETY: parents are kept by their children.
            c = unsafe { c.parent.get().as_ref() }?;
        }
        Some(c)
    }

    /// The value of the nearest context that has one by this key: here, or above.
    pub fn find<R>(&self, mut f: impl FnMut(&Value) -> Option<R>) -> Option<R> {
        self.look(&mut f)
    }

    fn look<R>(&self, f: &mut dyn FnMut(&Value) -> Option<R>) -> Option<R> {
        let mut c = Some(self);
        while let Some(r) = c {
            if let Some(found) = r.value.get().and_then(|v| f(&v)) {
                return Some(found);
            }
            // SAFETY: parents are kept by their children.
            unsafe {
                let (parent, second) = (r.parent.get().as_ref(), r.second.get().as_ref());
                if let Some(second) = second {
                    // Those of the first parent come first.
                    return parent.and_then(|p| p.look(f)).or_else(|| second.look(f));
                }
                c = parent;
            }
        }
        None
    }

    /// A channel that is closed when it ends; null if nothing ends it. It belongs to the context.
    pub fn done(&self) -> Result<*const RawChan, Status> {
        let Some(owner) = self.owner() else { return Ok(null()) };
        let old = owner.done.load(Acquire);
        if !old.is_null() {
            let _ = self.err(); // whoever sees the one sees the other
            return Ok(old);
        }
        let new = chan::create(Layout { size: 0, align: 1, drop: None }, 0)?.as_ptr();
        // SAFETY: ours; of two who make one, one gives his back.
        unsafe {
            if let Err(old) = owner.done.compare_exchange(null_mut(), new, AcqRel, Acquire) {
                let _ = chan::release(new);
                return Ok(old);
            }
            let _ = chan::retain(new);
            let held = Held(new);
            let close = move || {
                let held = held; // the whole of it
                let _ = chan::close(held.0);
            };
            if let Err(close) = cancel::hook(&owner.source, Box::new(close)) {
                close()
            }
        }
        Ok(new)
    }
}

/// A reference of a channel, of a hook's.
struct Held(*const RawChan);

// SAFETY: a handle, whose every use is through its lock.
unsafe impl Send for Held {}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: ours, given up once.
        let _ = unsafe { chan::release(self.0) };
    }
}

/// Runs `act` when the context ends, by whoever ends it; at once if it has ended. `act` must not block, and starts a task if it has more to do. Nothing if nothing ends the context.
///
/// # Safety
/// `c` is a live context's; the hook is taken off, or forgotten, before that goes.
pub unsafe fn hook(c: &RawContext, act: Box<dyn FnOnce() + Send>) -> Option<Arc<Hook>> {
    // SAFETY: contract.
    unsafe {
        let source = c.cancels.get().as_ref()?;
        cancel::hook(source, act).map_err(|act| act()).ok()
    }
}

/// Takes off what `hook` hung up: true if it will not be run.
///
/// # Safety
/// As `hook`, of the same context.
pub unsafe fn unhook(c: &RawContext, h: &Arc<Hook>) -> bool {
    // SAFETY: contract.
    unsafe { c.cancels.get().as_ref().is_some_and(|source| cancel::unhook(source, h)) }
}

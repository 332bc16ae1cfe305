//! Contexts: what a piece of work is told about its end, for Rust (X1 to X4 of `docs/semantics.md`). The context itself is `raw.rs`.
//!
//! A context ends when it is cancelled, when its deadline comes, or when its parent ends; every blocking call can be given one (`Wait::ctx`), and then returns what ended it: CANCELED or TIMED_OUT.
//! It also carries values, one of a type, found from the nearest context upwards.
//!
//! ```
//! use gort::{Context, Status, Wait};
//!
//! let (ctx, cancel) = Context::background().with_cancel();
//! let (tx, rx) = gort::channel::<u32>(0);
//! gort::run(move || {
//!     let task = gort::spawn(move || rx.recv_with(Wait::forever().ctx(&ctx)));
//!     cancel.cancel();
//!     assert_eq!(task.join().unwrap(), Err(Status::Canceled));
//!     drop(tx);
//! })
//! .unwrap();
//! ```
//!
//! Differences from Go: whoever makes a context gets a `Cancel`, which cancels when it is dropped, so none is forgotten; there is no nil context; a value is found by its type.

pub mod after;
pub mod own;
pub mod raw;

use crate::chan::raw::{self as chan, RawChan};
use crate::chan::{Receivable, Receiver};
use crate::status::Status;
use crate::sys::prim;
use crate::task::{Time, Wait};
use crate::wait::cancel::Hook;
use core::any::{Any, TypeId};
use core::error::Error;
use core::ffi::c_void;
use core::fmt;
use core::ptr::NonNull;
use raw::{Cause, RawContext, Value};
use std::sync::Arc;
use std::time::Duration;

/// See the head of this module. Cloned handles are the same context.
pub struct Context(NonNull<RawContext>);

// SAFETY: a slab handle, immutable or used through its locks; values are Send and Sync.
unsafe impl Send for Context {}
// SAFETY: as above.
unsafe impl Sync for Context {}

impl Clone for Context {
    fn clone(&self) -> Self {
        // SAFETY: our handle. One of a runtime that was shut down has no count any more, and needs none.
        let _ = unsafe { raw::retain(self.0.as_ptr()) };
        Context(self.0)
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: our handle, given up once; whoever waits with it borrows it.
        let _ = unsafe { raw::release(self.0.as_ptr()) };
    }
}

/// The key of values of Rust; the type decides.
static TYPED: u8 = 0;

type Boxed = Box<dyn Any + Send + Sync>;

unsafe extern "C" fn drop_boxed(data: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `with_value`, and called once.
    drop(unsafe { Box::from_raw(data.cast::<Boxed>()) })
}

fn made(made: Result<NonNull<RawContext>, Status>) -> Context {
    match made {
        Ok(c) => Context(c),
        Err(s) => panic!("gort::Context: {s}"),
    }
}

/// # Panics
/// What makes a context panics if there is no memory, and after a shutdown of the runtime that the parent is of.
impl Context {
    /// The root of all: never cancelled, without a deadline, without values.
    pub fn background() -> Context {
        Context(raw::background())
    }

    /// The same, for a place where it is not clear yet which context belongs there.
    pub fn todo() -> Context {
        Context(raw::todo())
    }

    fn raw(&self) -> *const RawContext {
        self.0.as_ptr()
    }

    /// A handle of its own on a context that somebody else has. INVALID, MISUSE, SHUTDOWN: it is none.
    ///
    /// # Safety
    /// `c` is a handle or null.
    pub unsafe fn shared(c: *const RawContext) -> Result<Context, Status> {
        // SAFETY: contract.
        unsafe { raw::retain(c) }.ok()?;
        NonNull::new(c.cast_mut()).map(Context).ok_or(Status::Invalid)
    }

    /// The handle as core has it, valid as long as this one.
    pub fn as_raw(&self) -> *const RawContext {
        self.raw()
    }

    fn on(&self) -> &RawContext {
        // SAFETY: our handle keeps it; slots are type-stable.
        unsafe { self.0.as_ref() }
    }

    fn cancellable(made: Result<NonNull<RawContext>, Status>) -> (Context, Cancel) {
        let ctx = self::made(made);
        (ctx.clone(), Cancel { of: ctx })
    }

    /// One of a program's own, as a parent for others. It ends a moment after the channel of `done` is closed.
    ///
    /// # Panics
    /// Also if that channel is a timer's.
    pub fn own(own: impl Own) -> Context {
        let done = own.done();
        made(own::own(Box::new(Adapted { own: Box::new(own), done })))
    }

    /// A child that can be cancelled.
    pub fn with_cancel(&self) -> (Context, Cancel) {
        // SAFETY: our handle.
        Self::cancellable(unsafe { raw::with_cancel(self.raw()) })
    }

    /// A child that ends `d` from now, as TIMED_OUT, if nothing ends it before.
    pub fn with_timeout(&self, d: Duration) -> (Context, Cancel) {
        self.with_deadline(Time::after(d))
    }

    /// A child that ends at `t`, as TIMED_OUT; at its parent's deadline if that is earlier; at once if `t` has passed.
    pub fn with_deadline(&self, t: Time) -> (Context, Cancel) {
        // SAFETY: our handle.
        Self::cancellable(unsafe { raw::with_deadline(self.raw(), t.0, None) })
    }

    /// `with_timeout` with a cause for its end.
    pub fn with_timeout_cause(&self, d: Duration, cause: impl Into<Box<dyn Error + Send + Sync>>) -> (Context, Cancel) {
        self.with_deadline_cause(Time::after(d), cause)
    }

    /// `with_deadline` with a cause for its end.
    pub fn with_deadline_cause(&self, t: Time, cause: impl Into<Box<dyn Error + Send + Sync>>) -> (Context, Cancel) {
        // SAFETY: our handle.
        Self::cancellable(unsafe { raw::with_deadline(self.raw(), t.0, Some(cause.into().into())) })
    }

    /// A child that carries a value, the nearest of its type for all below.
    pub fn with_value<T: Any + Send + Sync>(&self, value: T) -> Context {
        let boxed: Boxed = Box::new(value);
        let data = Box::into_raw(Box::new(boxed));
        let value = Value { key: (&raw const TYPED).cast(), data: data.cast(), drop: Some(drop_boxed) };
        // SAFETY: our handle; the value is Send and Sync.
        let result = unsafe { raw::with_value(self.raw(), value) };
        if result.is_err() {
            // SAFETY: it is still ours.
            unsafe { drop_boxed(data.cast()) }
        }
        made(result)
    }

    /// A child with the same values that this one's end and deadline do not reach.
    pub fn without_cancel(&self) -> Context {
        // SAFETY: our handle.
        made(unsafe { raw::without_cancel(self.raw()) })
    }

    /// A child of two: ended by whichever ends first, with that one's cause; the earlier deadline; values of this one, then of the other.
    pub fn merge(&self, other: &Context) -> (Context, Cancel) {
        // SAFETY: live handles.
        Self::cancellable(unsafe { raw::merge(self.raw(), other.raw()) })
    }

    /// Has it ended? Costs a load or two.
    #[inline]
    pub fn is_done(&self) -> bool {
        self.on().is_done()
    }

    /// CANCELED or TIMED_OUT if it has ended.
    pub fn err(&self) -> Option<Status> {
        self.on().err()
    }

    /// What was said when it was cancelled, or what ended it above; what `err` says if nothing was.
    pub fn cause(&self) -> Option<Cause> {
        let status = self.err()?;
        Some(self.on().cause().unwrap_or_else(|| Arc::new(Ended(status))))
    }

    /// When it ends at the latest, if that is known.
    pub fn deadline(&self) -> Option<Time> {
        Some(Time(self.on().deadline())).filter(|t| *t != Time::NEVER)
    }

    /// The nearest value of a type, from here upwards.
    pub fn value<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.on().find(|v| {
            // SAFETY: this context keeps those above it.
            if let Some(theirs) = unsafe { own::of(v) }.and_then(|o| o.downcast_ref::<Adapted>()) {
                return theirs.own.value(TypeId::of::<T>())?.downcast_ref::<T>();
            }
            if !core::ptr::eq(v.key.cast(), &TYPED) {
                return None;
            }
            // SAFETY: the key says that it is a box of ours, kept by a context that this one keeps.
            unsafe { (*v.data.cast_const().cast::<Boxed>()).downcast_ref::<T>() }
        })
    }

    /// A channel that is closed when it ends: for `select!`. One that never ends gives one that is never ready.
    pub fn done(&self) -> Done<'_> {
        match self.on().done() {
            Ok(ch) => Done { ch, of: self },
            Err(s) => panic!("gort::Context::done: {s}"),
        }
    }

    /// Calls `f` in a task of its own when this ends; at once if it has ended.
    pub fn after_func<F: FnOnce() + Send + 'static>(&self, f: F) -> AfterFunc {
        let act = move || {
            let _ = crate::task::try_go(f); // in a run that is over nothing is started any more
        };
        // SAFETY: our handle; the one that is returned keeps the context for as long as it may take the hook off.
        let hook = unsafe { raw::hook(self.on(), Box::new(act)) };
        AfterFunc { ctx: self.clone(), hook }
    }

    /// Waits until it ends. CANCELED, TIMED_OUT: how it has; DEADLOCK, SHUTDOWN, and CANCELED of the calling task: the wait has.
    pub fn wait(&self) -> Status {
        match self.err() {
            Some(s) => s,
            None => crate::wait::block::sleep(Wait::forever().ctx(self).raw()),
        }
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context").field("err", &self.err()).field("deadline", &self.deadline()).finish_non_exhaustive()
    }
}

impl<'a> Wait<'a> {
    /// And a context: the call ends when that does, with what ended it.
    pub fn ctx(self, ctx: &'a Context) -> Wait<'a> {
        // SAFETY: the context is borrowed for as long as the limits, and keeps what ends it.
        match unsafe { ctx.on().source().as_ref() } {
            Some(source) => self.source(source),
            None => self,
        }
    }
}

/// How a context ended of which nobody said why.
#[derive(Debug)]
struct Ended(Status);

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 == Status::TimedOut {
            "the context's deadline passed"
        } else {
            "the context was cancelled"
        })
    }
}

impl Error for Ended {}

/// A context of a program's own: for `Context::own`.
pub trait Own: Send + Sync + 'static {
    /// When it ends at the latest, if that is known.
    fn deadline(&self) -> Option<Time> {
        None
    }

    /// Closed when it ends; None if it never does. Asked once.
    fn done(&self) -> Option<Receiver<()>>;

    /// How it has ended, CANCELED or TIMED_OUT: asked once `done` is closed.
    fn err(&self) -> Status;

    /// Its value of a type.
    fn value(&self, of: TypeId) -> Option<&(dyn Any + Send + Sync)> {
        let _ = of;
        None
    }
}

/// One of them, for `own.rs`.
struct Adapted {
    own: Box<dyn Own>,
    done: Option<Receiver<()>>,
}

impl own::Foreign for Adapted {
    fn deadline(&self) -> i64 {
        self.own.deadline().unwrap_or(Time::NEVER).0
    }

    fn done(&self) -> *const RawChan {
        self.done.as_ref().map_or(core::ptr::null(), Receivable::raw)
    }

    fn err(&self) -> Status {
        self.own.err()
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// Who has it may cancel a context; when it is dropped it does.
#[must_use = "cancels at once if it is not kept"]
pub struct Cancel {
    of: Context,
}

impl Cancel {
    /// Ends the context and all below it, as CANCELED. Returns when every descendant is marked, every wait of theirs is ended, and every done channel closed; it waits for nobody to notice.
    /// False: it had ended.
    pub fn cancel(&self) -> bool {
        // SAFETY: our handle.
        unsafe { raw::cancel(self.of.raw(), None) }.unwrap_or(false)
    }

    /// `cancel` with a cause, which `Context::cause` gives. The first counts.
    pub fn cancel_cause(&self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> bool {
        // SAFETY: our handle.
        unsafe { raw::cancel(self.of.raw(), Some(cause.into().into())) }.unwrap_or(false)
    }

    /// Nobody will cancel it, by this: it ends with its parent or by its deadline.
    pub fn forget(self) {
        let this = core::mem::ManuallyDrop::new(self);
        // SAFETY: read once, and `this` is not dropped.
        drop(unsafe { core::ptr::read(&this.of) })
    }
}

impl Drop for Cancel {
    fn drop(&mut self) {
        self.cancel();
    }
}

/// A function that is to be called when a context ends.
pub struct AfterFunc {
    ctx: Context,
    hook: Option<prim::Arc<Hook>>,
}

impl AfterFunc {
    /// It is not called any more. True if that prevented it; false if it was started, or its context never ends. Does not wait for it.
    pub fn stop(&self) -> bool {
        // SAFETY: hung on this context, which is kept.
        self.hook.as_ref().is_some_and(|h| unsafe { raw::unhook(self.ctx.on(), h) })
    }
}

/// The end of a context, for `select!`: closed when it has ended. See `Context::done`.
#[derive(Clone, Copy)]
pub struct Done<'a> {
    ch: *const RawChan,
    of: &'a Context,
}

// SAFETY: a channel of the context's, whose every use is through its lock.
unsafe impl Send for Done<'_> {}
// SAFETY: as above.
unsafe impl Sync for Done<'_> {}

// SAFETY: the context, which is borrowed, keeps its channel. Nothing is ever sent on it.
unsafe impl Receivable for Done<'_> {
    type Item = ();
    fn raw(&self) -> *const RawChan {
        let _ = self.of;
        self.ch
    }
}

impl Done<'_> {
    /// A receiver of its own, which may outlive the context; closed also when nobody has that any more. None for one that never ends.
    pub fn receiver(&self) -> Option<Receiver<()>> {
        let ch = NonNull::new(self.ch.cast_mut())?;
        // SAFETY: a live channel of `()`, kept by the context; the end that is counted in is the receiver's.
        unsafe {
            chan::add_end(self.ch, false);
            Some(Receiver::of(ch))
        }
    }
}

//! Contexts of a program's own as parents: an interface of four (X4).
//!
//! O1  Its done channel is observed (`chan/observer.rs`): no task waits. Whoever makes it ready starts a task, of no run, that asks `err` and ends ours; so that happens a moment later.
//! O2  It is kept as the value of the context that stands for it here, by a key that no value has, and goes with that. Questions for values go on to it.
//! O3  What runs later knows the context by its place and number (raw.rs X4).

use super::raw::{self, New, RawContext, Value};
use crate::chan::observer::{self, observe};
use crate::chan::raw::RawChan;
use crate::sched::task::{Entry, SpawnOptions};
use crate::sched::{Cx, alarms, enter, runtime};
use crate::status::Status;
use core::any::Any;
use core::ffi::c_void;
use core::ptr::{NonNull, null};

/// What a context of a program's own answers, for a face.
pub trait Foreign: Send + Sync {
    /// When it ends at the latest; NEVER.
    fn deadline(&self) -> i64;
    /// A channel that is closed when it ends; null: it never does. It lives as long as this.
    fn done(&self) -> *const RawChan;
    /// How it has ended: asked once the channel is closed.
    fn err(&self) -> Status;
    /// For the face that knows its type.
    fn as_any(&self) -> &dyn Any;
}

type Boxed = Box<dyn Foreign>;

static KEY: u8 = 0;

fn key() -> *const () {
    (&raw const KEY).cast()
}

unsafe extern "C" fn drop_boxed(data: *mut c_void) {
    // SAFETY: from `Box::into_raw` in `own`, called once.
    drop(unsafe { Box::from_raw(data.cast::<Boxed>()) })
}

/// The foreign context that a value is (O2).
///
/// # Safety
/// What it gives is used for as long as the context that has the value, or one below it.
pub unsafe fn of<'a>(v: &Value) -> Option<&'a dyn Any> {
    // SAFETY: the key says that it is a box of ours, kept by the context that has the value.
    core::ptr::eq(v.key, key()).then(|| unsafe { (*v.data.cast_const().cast::<Boxed>()).as_any() })
}

/// A context that stands for one of the program's own: parent of whatever is made below.
pub fn own(foreign: Boxed) -> Result<NonNull<RawContext>, Status> {
    // Whoever is told starts a task from inside, where no runtime can be started.
    let cx = enter()?;
    let started = runtime::started(cx).map(|_| ());
    cx.exit();
    started?;
    let (deadline, done) = (foreign.deadline(), foreign.done());
    let data = Box::into_raw(Box::new(foreign));
    let value = Value { key: key(), data: data.cast(), drop: Some(drop_boxed) };
    // SAFETY: the root is a handle; the box is ours until a context has it; what is made is ours.
    unsafe {
        let new = New { deadline, value: Some(value), ..New::CANCEL };
        let made = match raw::make(raw::background().as_ptr(), new) {
            Ok(made) => made,
            Err(s) => {
                drop(Box::from_raw(data));
                return Err(s);
            }
        };
        let c = made.as_ref();
        if done.is_null() {
            return Ok(made);
        }
        match observe(done, told, [made.as_ptr().expose_provenance(), c.number() as usize]) {
            Ok(Some(o)) => c.observes(o),
            Ok(None) => {
                raw::cancel_own(c, (*data).err(), None);
            }
            Err(s) => {
                let _ = raw::release(made.as_ptr());
                return Err(s);
            }
        }
        Ok(made)
    }
}

/// The channel is ready: inside, no lock held (observer.rs B3).
unsafe fn told(cx: Cx, [at, number]: [usize; 2]) {
    unsafe fn end(entry: *mut Entry) {
        // SAFETY: a context or what was one (O3); the reference is given back.
        unsafe {
            let (at, number) = ((*entry).word(0), (*entry).word(1) as u64);
            let Some(c) = raw::found(core::ptr::with_exposed_provenance(at), number) else { return };
            let mut status = Status::Canceled;
            let _ =
                c.find(|v| core::ptr::eq(v.key, key()).then(|| status = (*v.data.cast_const().cast::<Boxed>()).err()));
            raw::cancel_own(c, status, None);
            let _ = raw::release(c);
        }
    }
    let entry = Entry::new(end, None, [at, number, 0]);
    // SAFETY: the entry has nothing but numbers; of no run, so none that has ended.
    let _ = unsafe { alarms::spawn_inside(cx, null(), entry, SpawnOptions::default()) };
}

/// See `RawContext::observes`.
///
/// # Safety
/// As `observer::give_up`.
pub(super) unsafe fn give_up(o: NonNull<observer::Observer>) {
    // SAFETY: contract.
    unsafe { observer::give_up(o) }
}

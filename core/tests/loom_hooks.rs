//! Models of what hangs on a cancel source (`wait/cancel/hook.rs`): a function is run by whoever cancels, or given back, or dropped: one of the three, once.

#![cfg(loom)]

mod model;

use gort::Status;
use gort::sys::prim::*;
use gort::wait::cancel::{self, CancelSource, hook, unhook};
use model::chan::source;
use model::*;

/// Counts how often it was run, and says whether it is gone.
#[derive(Default)]
struct Seen {
    run: AtomicU32,
    gone: AtomicU32,
}

struct Gone(&'static Seen);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.gone.fetch_add(1, SeqCst);
    }
}

fn act(s: &'static Seen) -> Box<dyn FnOnce() + Send> {
    let gone = Gone(s);
    Box::new(move || {
        let gone = gone;
        gone.0.run.fetch_add(1, SeqCst);
    })
}

fn below(parent: &'static CancelSource) -> &'static CancelSource {
    // SAFETY: leaked by the model.
    unsafe { cancel::create(parent).unwrap().as_ref() }
}

impl Seen {
    fn is(&self, run: u32) {
        assert_eq!((self.run.load(SeqCst), self.gone.load(SeqCst)), (run, 1));
    }
}

#[test]
fn hung_up_against_a_cancellation() {
    explore("hooks: hung up while it is cancelled", 4, || {
        let (s, seen) = (source(), shared(Seen::default()));
        beside(
            move || {
                s.cancel(Status::Canceled);
            },
            || {
                // SAFETY: the source stays.
                if let Err(act) = unsafe { hook(s, act(seen)) } {
                    assert!(s.is_done());
                    act()
                }
            },
        );
        seen.is(1);
    });
}

#[test]
fn taken_off_against_a_cancellation_above() {
    explore("hooks: taken off while its parent is cancelled", 4, || {
        let parent = source();
        let (s, first, second) = (below(parent), shared(Seen::default()), shared(Seen::default()));
        // SAFETY: the source stays.
        let h = unsafe { hook(s, act(first)) }.unwrap_or_else(|_| unreachable!());
        // SAFETY: as above.
        assert!(unsafe { hook(s, act(second)) }.is_ok());
        beside(
            move || {
                parent.cancel(Status::Canceled);
            },
            || {
                // SAFETY: of this source.
                if unsafe { unhook(s, &h) } {
                    first.is(0)
                }
                // SAFETY: as above.
                assert!(!unsafe { unhook(s, &h) }, "twice");
            },
        );
        assert_eq!(first.gone.load(SeqCst), 1);
        second.is(1);
    });
}

#[test]
fn source_that_ends_against_a_cancellation_above() {
    explore("hooks: a source ends while its parent is cancelled", 4, || {
        let parent = source();
        let (s, seen) = (below(parent), shared(Seen::default()));
        // SAFETY: the source is there until it is freed below.
        drop(unsafe { hook(s, act(seen)) });
        beside(
            move || {
                parent.cancel(Status::Canceled);
            },
            // SAFETY: ours, and nobody waits with it.
            || assert_eq!(unsafe { cancel::free(s.into()) }, Status::Ok),
        );
        let run = seen.run.load(SeqCst);
        assert!(run <= 1);
        seen.is(run);
    });
}

#[test]
fn two_cancel_and_one_hangs_up() {
    explore("hooks: two cancel, one with a reason, one hangs up", 3, || {
        let (s, seen) = (source(), shared(Seen::default()));
        let reason = core::ptr::from_ref(seen).cast_mut().cast::<()>();
        let won = shared(AtomicBool::new(false));
        together(
            vec![
                Box::new(move || won.store(s.cancel_for(Status::TimedOut, reason), SeqCst)),
                Box::new(move || {
                    s.cancel(Status::Canceled);
                }),
            ],
            || {
                // SAFETY: the source stays.
                if let Err(act) = unsafe { hook(s, act(seen)) } {
                    act()
                }
            },
        );
        seen.is(1);
        let (cause, why) =
            if won.load(SeqCst) { (Status::TimedOut, reason) } else { (Status::Canceled, core::ptr::null_mut()) };
        assert_eq!((s.cause(), s.reason()), (Some(cause), why));
    });
}

//! Values that are counted: made and dropped, each once, and whole.
//!
//! What this is: `Ledger`, whose values know when they are dropped, in every size and alignment that a channel treats differently; and tasks with a stack for the large ones. A suite takes it in
//! with `#[path = "support/ledger.rs"] mod ledger;`.

#![allow(dead_code)]

use gort::sys::prim::Arc;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::*};

/// What a value carries besides its number.
pub trait Pad: Copy + Send + 'static {
    fn of(n: u64) -> Self;
    fn is(&self, n: u64) -> bool;
}

impl<const N: usize> Pad for [u64; N] {
    fn of(n: u64) -> Self {
        [n; N]
    }
    fn is(&self, n: u64) -> bool {
        self.iter().all(|w| *w == n)
    }
}

macro_rules! aligned {
    ($name:ident, $align:literal) => {
        #[repr(align($align))]
        #[derive(Clone, Copy, PartialEq, Debug)]
        pub struct $name(pub u64);
        impl Pad for $name {
            fn of(n: u64) -> Self {
                $name(n)
            }
            fn is(&self, n: u64) -> bool {
                self.0 == n && std::ptr::from_ref(self).addr().is_multiple_of($align)
            }
        }
    };
}
aligned!(Line, 64);
aligned!(Page, 4096);
aligned!(TwoPages, 8192);

/// 64 KiB with the rest of a `Val`: the largest that stands in a channel itself.
pub type Largest = [u64; 8190];
/// Travels in a box.
pub type Huge = [u64; 10_000];

/// Counts how often each of its values is dropped.
#[derive(Clone, Default)]
pub struct Ledger(Arc<(AtomicUsize, AtomicUsize)>);

pub struct Val<P: Pad>(Ledger, pub usize, P);

impl Ledger {
    pub fn make<P: Pad>(&self, n: usize) -> Val<P> {
        self.0.0.fetch_add(1, SeqCst);
        Val(self.clone(), n, P::of(n as u64))
    }

    pub fn made(&self) -> usize {
        self.0.0.load(SeqCst)
    }

    pub fn dropped(&self) -> usize {
        self.0.1.load(SeqCst)
    }

    /// Everything that was made has been dropped.
    pub fn settle(&self) {
        assert_eq!(self.dropped(), self.made(), "made and dropped");
    }
}

impl<P: Pad> std::fmt::Debug for Val<P> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Val({})", self.1)
    }
}

impl<P: Pad> Drop for Val<P> {
    fn drop(&mut self) {
        assert!(self.2.is(self.1 as u64), "a value that was never whole, or was dropped before");
        self.2 = P::of(u64::MAX);
        self.0.0.1.fetch_add(1, SeqCst);
    }
}

/// How often a `Nothing` was dropped: counted by a static, for the value itself has no bytes.
pub static NOTHINGS: AtomicUsize = AtomicUsize::new(0);
pub struct Nothing;
impl Drop for Nothing {
    fn drop(&mut self) {
        NOTHINGS.fetch_add(1, SeqCst);
    }
}

/// Leaks a value, as `forget`; where LeakSanitizer finds it, for the leak is on purpose.
pub fn leak<T>(value: T) {
    struct Leaked<T>(*mut Leaked<()>, ManuallyDrop<T>);
    static LAST: AtomicPtr<Leaked<()>> = AtomicPtr::new(std::ptr::null_mut());
    let at = Box::into_raw(Box::new(Leaked(std::ptr::null_mut(), ManuallyDrop::new(value))));
    let before = LAST.swap(at.cast(), SeqCst);
    // SAFETY: it was made just now, and nobody else looks into it.
    unsafe { (*at).0 = before } // so that all of them can be reached
}

/// For values by the dozen: compiled without much optimisation each mention of one is a copy.
pub fn roomy<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> gort::JoinHandle<T> {
    gort::Builder::new().stack_size(32 << 20).spawn(f).unwrap()
}

pub fn on_large_stack(f: impl FnOnce() + Send + 'static) {
    roomy(f).join().unwrap()
}

/// Runs `$test::<P>()` for every kind of value, on a stack that holds them.
#[macro_export]
macro_rules! for_every_kind {
    ($test:ident) => {{
        $test::<[u64; 0]>();
        $test::<[u64; 1]>();
        $test::<[u64; 16]>();
        $test::<$crate::ledger::Line>();
        $crate::ledger::on_large_stack($test::<$crate::ledger::Page>);
        $crate::ledger::on_large_stack($test::<$crate::ledger::TwoPages>);
        $crate::ledger::on_large_stack($test::<$crate::ledger::Largest>);
        $crate::ledger::on_large_stack($test::<$crate::ledger::Huge>);
    }};
}

//! What `race.rs` is in every build but the library of `make tsan-lib`: nothing is told, nothing is kept.

#[inline(always)]
pub fn quiet_begin() {}

#[inline(always)]
pub fn quiet_end() {}

#[inline(always)]
pub fn alone<R>(f: impl FnOnce() -> R) -> R {
    f()
}

#[inline(always)]
pub fn reads(_: *const u8, _: usize) {}

pub struct Written;

impl Written {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Written {
        Written
    }
    #[inline(always)]
    pub fn show(&self) {}
}

/// # Safety
/// None here.
#[inline(always)]
pub unsafe fn renew(_: *mut u8, _: usize) {}

#[inline(always)]
pub fn own_thread() {}

#[derive(Default)]
pub struct Spot;

impl Spot {
    #[inline(always)]
    pub fn leave(&self) {}
    #[inline(always)]
    pub fn add(&self) {}
    #[inline(always)]
    pub fn fetch(&self) {}
}

#[derive(Default)]
pub struct Token;

impl Token {
    #[inline(always)]
    pub fn leave(&self) {}
    #[inline(always)]
    pub fn add(&self) {}
    #[inline(always)]
    pub fn fetch(&self) {}
    #[inline(always)]
    pub fn swap(&self, _: &Token) {}
    #[inline(always)]
    pub fn free(&self) {}
}

#[derive(Default)]
pub struct Shared;

impl Shared {
    #[inline(always)]
    pub fn renew(&self) {}
    #[inline(always)]
    pub fn share(&self) -> Shared {
        Shared
    }
    #[inline(always)]
    pub fn add(&self) {}
    #[inline(always)]
    pub fn fetch(&self) {}
}

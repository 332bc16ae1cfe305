//! What ThreadSanitizer is told of a program that uses gort: which calls order what, as `docs/memory-model.md` promises it, and nothing else. Only in the library of
//! `make tsan-lib` (`cfg(gort_race)`); in every other build `race_none.rs` stands here: nothing happens, and the types have no size.
//!
//! That library is NOT instrumented. Instrumented locks and words of gort give edges that nobody promises (two sends on one channel, two tasks that run one after the other
//! on one thread), and those hide races of the program. So the tool is told by hand: switches order nothing (`context/hooked.rs`), and each edge is announced where it
//! is made. That the engine really makes each announced edge is what the instrumented build shows (`cfg(gort_tsan)`, `tools/deep.sh`): an announcement proves nothing by itself.
//!
//!  R1  A `Spot` is a place where order is left and fetched: `leave` replaces what was there, `add` adds to it, `fetch` takes nothing away. A `Token` is a spot that can be given to
//!      another owner: what waits for a channel leaves its order in its token, and whoever completes its operation puts that into the channel and gives it another. So an operation that is
//!      done on behalf of another party carries that party's order and not that of whoever did it.
//!      A `Shared` is a spot of an object whose slot is used again: each life has its own, and who is to fetch late keeps a share of the old one.
//!  R2  While a thread or task is inside gort (the bracket) ThreadSanitizer ignores its accesses, as gort's own memory is none of its business: `quiet_begin`, `quiet_end`, counted for each
//!      fiber. Elements, which are the program's memory, are shown to it by `reads` and `Written`.
//!  R3  The scheduler's stack of a worker never fetches: it carries nothing from one task to the next.
//!      Nor is anything left for whoever is only told that a channel may be ready (`wake` in `sched/doors.rs`): what it then does orders, or nothing.
//!  R4  Thread-local memory of a worker is used by one task at a time, in the order of the thread, which nobody announces: races on it are not reported (`own_thread`).
//!
//! Rejected: `__tsan_release` for everything (it adds to what the last user of the place left, so that slots used again order strangers); announcing on the completing
//! party's fiber only (orders too much: a buffered send would be after what its parked receiver did before).

use super::hook::{Hook, find};
use super::prim::{AtomicU8, AtomicUsize, Cell, Ordering::*};
use core::ffi::{c_char, c_void};
use core::ptr::{null, null_mut};

const RELEASE: i32 = 3; // of __tsan_atomic8_store

type At = unsafe extern "C" fn(*const c_void);
type Range = unsafe extern "C" fn(*const c_void, usize);
type Store = unsafe extern "C" fn(*mut u8, u8, i32);
type Simple = unsafe extern "C" fn();
type Noted = unsafe extern "C" fn(*const c_char, i32);
type Benign = unsafe extern "C" fn(*const c_char, i32, *const c_void, usize, *const c_char);

static ACQUIRE: Hook<At> = Hook::new();
static ADD: Hook<At> = Hook::new();
static STORE: Hook<Store> = Hook::new();
static READ: Hook<Range> = Hook::new();
static WRITE: Hook<Range> = Hook::new();
static QUIET_BEGIN: Hook<Simple> = Hook::new();
static QUIET_END: Hook<Simple> = Hook::new();
static ALONE_BEGIN: Hook<Noted> = Hook::new();
static ALONE_END: Hook<Noted> = Hook::new();
static BENIGN: Hook<Benign> = Hook::new();

/// 0: not looked for yet, 1: no ThreadSanitizer here, 2: present.
static STATE: AtomicU8 = AtomicU8::new(0);

#[inline(always)]
fn present() -> bool {
    match STATE.load(Acquire) {
        0 => look(),
        state => state == 2,
    }
}

#[cold]
fn look() -> bool {
    let all = find!(ACQUIRE, "__tsan_acquire")
        & find!(ADD, "__tsan_release")
        & find!(STORE, "__tsan_atomic8_store")
        & find!(READ, "__tsan_read_range")
        & find!(WRITE, "__tsan_write_range")
        & find!(QUIET_BEGIN, "__tsan_ignore_thread_begin")
        & find!(QUIET_END, "__tsan_ignore_thread_end")
        & find!(ALONE_BEGIN, "AnnotateIgnoreSyncBegin")
        & find!(ALONE_END, "AnnotateIgnoreSyncEnd")
        & find!(BENIGN, "AnnotateBenignRaceSized");
    STATE.store(if all { 2 } else { 1 }, Release);
    all
}

/// From here on the accesses of this fiber are gort's own (R2). Counted.
#[inline(always)]
pub fn quiet_begin() {
    if present()
        && let Some(f) = QUIET_BEGIN.get()
    {
        // SAFETY: changes a counter of the calling fiber.
        unsafe { f() }
    }
}

/// Ends one `quiet_begin` of this fiber.
#[inline(always)]
pub fn quiet_end() {
    if present()
        && let Some(f) = QUIET_END.get()
    {
        // SAFETY: as above; one was begun, by contract.
        unsafe { f() }
    }
}

/// What `f` makes (a thread, a fiber) begins with no order of its maker's.
#[inline(always)]
pub fn alone<R>(f: impl FnOnce() -> R) -> R {
    if !present() {
        return f();
    }
    let (Some(begin), Some(end)) = (ALONE_BEGIN.get(), ALONE_END.get()) else { return f() };
    // SAFETY: changes a counter of the calling fiber; the file's name is a string.
    unsafe { begin(c"gort".as_ptr(), 0) };
    let r = f();
    // SAFETY: as above.
    unsafe { end(c"gort".as_ptr(), 0) };
    r
}

/// The caller, inside the bracket, reads `n` bytes of the program's memory at `at`, as if the program did.
#[inline(always)]
pub fn reads(at: *const u8, n: usize) {
    access(&READ, at, n)
}

/// Elements that a call has written and that are not shown yet: the assignment comes after the operation, so nobody whom the operation lets go on is ordered after it.
/// A thread's; shown when it leaves the bracket.
pub struct Written {
    at: Cell<*const u8>,
    n: Cell<usize>,
}

impl Written {
    #[allow(clippy::new_without_default)]
    pub const fn new() -> Written {
        Written { at: Cell::new(null()), n: Cell::new(0) }
    }

    /// `n` bytes at `at`.
    pub fn note(&self, at: *const u8, n: usize) {
        if self.at.get().wrapping_add(self.n.get()) != at {
            self.show();
            self.at.set(at);
        }
        self.n.set(self.n.get() + n);
    }

    /// Inside the bracket: shows them, as if the program had written them.
    #[inline(always)]
    pub fn show(&self) {
        access(&WRITE, self.at.get(), self.n.replace(0))
    }
}

#[inline(always)]
fn access(how: &Hook<Range>, at: *const u8, n: usize) {
    if present()
        && n != 0
        && let Some(f) = how.get()
    {
        quiet_end();
        // SAFETY: memory of the program that the caller may use; the tool looks at its shadow only.
        unsafe { f(at.cast(), n) };
        quiet_begin();
    }
}

/// See R1. All-zero bytes are a spot where nothing was left.
#[repr(transparent)]
#[derive(Default)]
pub struct Spot(AtomicU8);

impl Spot {
    /// Replaces what was left here by what the caller did so far.
    #[inline(always)]
    pub fn leave(&self) {
        if present()
            && let Some(f) = STORE.get()
        {
            quiet_begin();
            // SAFETY: a byte of an atomic that is used for nothing else.
            unsafe { f(self.0.as_ptr(), 0, RELEASE) };
            quiet_end();
        }
    }

    /// Adds what the caller did so far.
    #[inline(always)]
    pub fn add(&self) {
        self.tell(&ADD)
    }

    /// What was left here comes before what the caller does from now on.
    #[inline(always)]
    pub fn fetch(&self) {
        self.tell(&ACQUIRE)
    }

    #[inline(always)]
    fn tell(&self, what: &Hook<At>) {
        if present()
            && let Some(f) = what.get()
        {
            // SAFETY: only the address counts, which stands for nothing else.
            unsafe { f(self.0.as_ptr().cast_const().cast()) }
        }
    }
}

/// A spot that can change its owner (R1). Its memory is made at the first `leave`, and given back by `free` or never: those of parties are kept with the parties. Guarded by what guards its
/// owner. All-zero bytes are a token where nothing was left.
#[repr(transparent)]
pub struct Token(Cell<*mut Spot>);

impl Default for Token {
    fn default() -> Token {
        Token(Cell::new(null_mut()))
    }
}

impl Token {
    /// As `Spot::leave`.
    pub fn leave(&self) {
        if !present() {
            return;
        }
        if self.0.get().is_null() {
            quiet_begin();
            // SAFETY: any size may be asked for.
            self.0.set(unsafe { libc::calloc(1, 8) }.cast());
            quiet_end();
        }
        self.each(Spot::leave)
    }

    /// As `Spot::add`, where something was left.
    pub fn add(&self) {
        self.each(Spot::add)
    }

    /// As `Spot::fetch`.
    pub fn fetch(&self) {
        self.each(Spot::fetch)
    }

    fn each(&self, f: impl FnOnce(&Spot)) {
        // SAFETY: null (nothing was left, or there is no memory: then an edge is missing), or made by `leave` and alive until `free`.
        if let Some(spot) = unsafe { self.0.get().as_ref() } {
            f(spot)
        }
    }

    /// The two exchange what they hold.
    pub fn swap(&self, other: &Token) {
        self.0.swap(&other.0)
    }

    /// Gives its memory back.
    pub fn free(&self) {
        quiet_begin();
        // SAFETY: from calloc, or null; nobody else holds it.
        unsafe { libc::free(self.0.replace(null_mut()).cast()) };
        quiet_end();
    }
}

/// A spot that its owner gets afresh with each new life of its slot, while who is to fetch from the old one still can: each has a share.
/// All-zero bytes are one without a spot. Guarded by what guards its owner.
#[repr(transparent)]
pub struct Shared(Cell<*mut Counted>);

#[repr(C)]
struct Counted {
    spot: Spot,
    shares: AtomicUsize,
}

impl Default for Shared {
    fn default() -> Shared {
        Shared(Cell::new(null_mut()))
    }
}

impl Shared {
    /// The owner begins a new life: a spot where nothing was left.
    pub fn renew(&self) {
        drop(Shared(Cell::new(self.0.replace(null_mut()))));
        if present() {
            quiet_begin();
            self.0.set(Box::into_raw(Box::new(Counted { spot: Spot::default(), shares: AtomicUsize::new(1) })));
            quiet_end();
        }
    }

    /// Another share of the same spot.
    pub fn share(&self) -> Shared {
        // SAFETY: null, or made by `renew` and alive while anybody has a share.
        if let Some(c) = unsafe { self.0.get().as_ref() } {
            c.shares.fetch_add(1, Relaxed);
        }
        Shared(Cell::new(self.0.get()))
    }

    /// As `Spot::add`.
    pub fn add(&self) {
        // SAFETY: as in `share`.
        if let Some(c) = unsafe { self.0.get().as_ref() } {
            c.spot.add()
        }
    }

    /// As `Spot::fetch`.
    pub fn fetch(&self) {
        // SAFETY: as in `share`.
        if let Some(c) = unsafe { self.0.get().as_ref() } {
            c.spot.fetch()
        }
    }

    /// For one who knows that the owner lives; or null.
    pub fn at(&self) -> *const Spot {
        self.0.get().cast() // repr(C), first
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: as in `share`. AcqRel: the last one sees what the others did.
        unsafe {
            if let Some(c) = self.0.get().as_ref()
                && c.shares.fetch_sub(1, AcqRel) == 1
            {
                quiet_begin();
                drop(Box::from_raw(self.0.get()));
                quiet_end();
            }
        }
    }
}

/// A stack that nobody uses gets fresh pages, so that the tool forgets who used it before: its next user comes in no order after the last one.
///
/// # Safety
/// The range is whole pages of a mapping of ours, and nothing in it is needed.
pub unsafe fn renew(at: *mut u8, n: usize) {
    if present() {
        let prot = libc::PROT_READ | libc::PROT_WRITE;
        let flags = libc::MAP_FIXED | libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE | libc::MAP_STACK;
        quiet_begin();
        // SAFETY: contract. If the system refuses, the old pages stay.
        unsafe { libc::mmap(at.cast(), n, prot, flags, -1, 0) };
        quiet_end();
    }
}

/// The calling thread is a worker: races on its thread-local memory are none (R4). The compiler's and libc's are there too, errno above all.
pub fn own_thread() {
    unsafe extern "C" fn block(info: *mut libc::dl_phdr_info, _: usize, _: *mut c_void) -> i32 {
        // SAFETY: the loader calls this with a valid record, whose headers are as many as it says.
        unsafe {
            let info = &*info;
            let headers = core::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum as usize);
            if let (Some(f), false) = (BENIGN.get(), info.dlpi_tls_data.is_null()) {
                for h in headers.iter().filter(|h| h.p_type == libc::PT_TLS) {
                    let text = c"thread-local memory of a worker".as_ptr();
                    f(c"gort".as_ptr(), 0, info.dlpi_tls_data, h.p_memsz as usize, text);
                }
            }
        }
        0
    }
    if present() {
        // SAFETY: the function has the right signature and keeps nothing.
        unsafe { libc::dl_iterate_phdr(Some(block), null_mut()) };
    }
}

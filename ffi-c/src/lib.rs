//! The C face of gort: what stands in `include/gort.h`, as functions with the C calling convention.
//!
//! What this is: one file a noun, each export with its documentation (the header is generated from it) and a body of
//! a few lines: through the wall of [`ffi`], into core. `abi/symbols.txt` lists every export; `tests/` holds the
//! header, the symbols and the C programs.
//! What this is NOT: a place for policy. If a body here needs an `if` about scheduling, a door is missing in core.
//!
//! F1  No panic leaves an export: `ffi::wall` catches it, or the body has no way to panic (`ffi::hot`).
//! F2  Every pointer is checked for NULL here; what it points to (kind, generation) is checked by core, under the
//!     object's lock. Outputs come last and are written on success only.
//! F3  No reference, no guard and no borrow lives across a call that may park: the task may go on on another thread.
//! F4  An options struct opens with `struct_size`, is copied at entry, and bytes this version does not know must be 0.
//!
//! Rejected: exports written by a macro (the header generator reads source, and so do people); `extern "C-unwind"`
//! (a foreign exception may not cross a task's root, so there is nothing to let through).
//!
//! The order of the modules below is the header's; the empty lines keep the formatter from sorting them.

#![allow(non_camel_case_types)]

mod ffi;

mod held;

mod version;

mod status;

mod time;

mod run;

mod task;

mod chan;

mod ends;

mod batch;

mod notify;

mod select;

mod selector;

mod timer;

mod pieces;

mod mutex;

mod rwmutex;

mod cond;

mod once;

mod sem;

mod barrier;

mod event;

mod waitgroup;

mod atomic;

mod counter;

mod map;

mod pool;

mod limiter;

mod context;

mod group;

mod singleflight;

mod worker_pool;

mod census;

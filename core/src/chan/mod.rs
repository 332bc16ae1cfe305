//! Channels for Rust, over the raw channel that all faces share.
//!
//! `typed.rs` makes them, `ends.rs` are the ends, `many.rs` several values at once. `choose.rs` is `select!`, `dynamic.rs` a select of cases that are known at run time, `registered.rs` one whose
//! cases are registered once. The other files are the type-erased engine.

pub mod batch;
mod block;
pub mod case;
pub mod choose;
pub mod dynamic;
pub mod ends;
pub mod later;
mod many;
pub mod notify;
pub mod observer;
#[cfg_attr(not(gort_race), path = "order_none.rs")]
mod order;
pub mod overflow;
mod place;
pub mod raw;
pub mod registered;
pub mod returned;
pub mod select;
pub mod selector;
pub mod source;
pub mod stub;
mod typed;

pub use case::{Done, RecvCase, SendCase, TimeCase};
pub use choose::{Receivable, Sendable};
pub use dynamic::Select;
pub use ends::{IntoIter, Iter, Receiver, RecvError, SendError, Sender};
pub use registered::Selector;
pub use typed::{channel, unbounded};

//! Floor 3: synchronisation beside channels. One noun a file.

pub mod waitgroup;

pub use waitgroup::WaitGroup;

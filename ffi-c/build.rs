//! Link arguments of libgort.so. Nothing is generated here: the header is made by `tests/header.rs` and checked in.
//!
//! - `-soname`: a program built today keeps asking for `libgort.so.0`, whatever the file is called (H1).
//! - `-z nodelete`: Rust's thread-local destructors run on the callers' threads and would jump into an unloaded
//!   library after `dlclose` (H3).
//! - `-Bsymbolic-functions`: our own calls to our own exports stay ours, whatever library was loaded before (H1).
//!
//! The soname carries the ABI's number, which is not the version's: it changes only when a symbol is removed or
//! changed, and `abi/symbols.txt` with its test says when that is. No version script of ours: rustc writes one that
//! exports exactly the `no_mangle` functions, and the same test compares the result.

/// The number in the soname; the install script reads it from here.
const ABI: u32 = 0;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libgort.so.{ABI}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
}

//! Link arguments of the extension module, which is a libgort too (H1): it exports the C ABI under the same soname, so a C library that was linked with `-lgort` and is loaded after
//! `import gort` binds to this runtime, and `-Bsymbolic-functions` keeps our own calls ours when a libgort was loaded before. The flags and their reasons: `ffi-c/build.rs`.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=../ffi-c/build.rs");
    if std::env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return;
    }
    let c_face = include_str!("../ffi-c/build.rs");
    let abi = c_face.lines().find_map(|l| l.strip_prefix("const ABI: u32 = ")).map(|l| l.trim_end_matches(';'));
    let abi = abi.expect("the number of the ABI stands in ffi-c/build.rs");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-soname,libgort.so.{abi}");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    println!("cargo:rustc-cdylib-link-arg=-Wl,-Bsymbolic-functions");
}

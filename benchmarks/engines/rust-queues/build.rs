//! Tells the program which compiler its std is of.

use std::process::Command;

fn main() {
    let rustc = std::env::var_os("RUSTC").expect("cargo sets it");
    let said = Command::new(rustc).arg("--version").output().expect("the compiler runs");
    let version = String::from_utf8_lossy(&said.stdout);
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-env=STD_VERSION=std of {}", version.split(" (").next().unwrap_or(&version).trim());
}

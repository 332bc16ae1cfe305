//! What libgort.so exports is what abi/symbols.txt lists and what include/gort.h declares: no more, no less.
//!
//! The list only grows: a symbol that is gone from the library fails here, and its line may go only together with a
//! new number in the soname (build.rs). Each line is a symbol and the version it came with.
//!
//! The library looked at is built by this test, so it is never out of date; tests/c/run.sh looks at the release build
//! in the same way. What this is NOT: a check of signatures; the header's test shows those.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

type Names = BTreeSet<String>;

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines of abi/symbols.txt: symbol and version.
fn listed() -> Vec<(String, String)> {
    let text = read("abi/symbols.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| line.split_once(' ').map(|(name, version)| (name.to_owned(), version.to_owned()));
    lines.map(|line| pair(line).unwrap_or_else(|| panic!("abi/symbols.txt: {line}"))).collect()
}

/// The library, built now: cargo does not build a C library for a Rust test. The profile is that of the test, so core is
/// compiled already, and nothing is done when nothing changed.
fn library() -> PathBuf {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--manifest-path", concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")])
        .status();
    assert!(build.expect("cargo").success(), "the library does not build");
    let test = std::env::current_exe().expect("this test's path");
    let target = test.ancestors().nth(3).expect("target/PROFILE/deps/NAME");
    target.join("debug/libgort.so")
}

/// What the library exports.
fn exported() -> Names {
    let nm = Command::new("nm").args(["-D", "--defined-only", "--format=posix"]).arg(library()).output();
    let nm = nm.expect("nm is missing; it is part of binutils");
    assert!(nm.status.success(), "nm: {}", String::from_utf8_lossy(&nm.stderr));
    let text = String::from_utf8(nm.stdout).expect("symbols are ASCII");
    text.lines().filter_map(|line| line.split(' ').next()).map(str::to_owned).collect()
}

/// What the header declares: `name(` at the margin of a line that ends a declaration, or `extern TYPE name;`.
fn declared() -> Names {
    let header = read("../include/gort.h");
    let variables =
        header.lines().filter_map(|line| line.strip_prefix("extern ")?.strip_suffix(';')?.rsplit(' ').next());
    let lines = header.lines().filter(|line| line.ends_with(");") && !line.starts_with([' ', '*', '#', '/']));
    let name = |line: &str| {
        let line = &line[..line.find('(')?];
        Some(line[line.rfind([' ', '*'])? + 1..].to_owned())
    };
    lines.filter_map(name).chain(variables.map(str::to_owned)).collect()
}

fn assert_same(what: &str, ours: &Names, theirs: &Names) {
    let (more, less): (Vec<_>, Vec<_>) = (ours.difference(theirs).collect(), theirs.difference(ours).collect());
    assert!(more.is_empty() && less.is_empty(), "{what}: too many {more:?}, missing {less:?}");
}

#[test]
fn library_exports_what_is_listed() {
    assert_same(
        "libgort.so against abi/symbols.txt",
        &exported(),
        &listed().into_iter().map(|(name, _)| name).collect(),
    );
}

#[test]
fn header_declares_what_is_listed() {
    assert_same("gort.h against abi/symbols.txt", &declared(), &listed().into_iter().map(|(name, _)| name).collect());
}

/// H1: a copy of the runtime is recognised by its note; tests of the Python face look for it in programs and modules.
#[test]
fn library_carries_the_note_with_the_number_of_the_soname() {
    let text = read("build.rs");
    let soname = text.lines().find_map(|line| line.strip_prefix("const ABI: u32 = ")?.strip_suffix(';'));
    assert_eq!(soname, Some(gort_core::sys::anchor::ABI.to_string().as_str()), "build.rs against core");
    let notes = Command::new("readelf").args(["--notes", "--wide"]).arg(library()).output();
    let notes =
        String::from_utf8_lossy(&notes.expect("readelf is missing; it is part of binutils").stdout).into_owned();
    assert!(notes.lines().any(|line| line.trim_start().starts_with("gort ")), "{notes}");
}

#[test]
fn list_is_sorted_and_not_from_the_future() {
    let number = |text: &str| text.split('.').map(|part| part.parse().expect("a number")).collect::<Vec<u32>>();
    let listed = listed();
    assert!(listed.is_sorted(), "abi/symbols.txt is not sorted");
    for (name, version) in &listed {
        assert!(name.starts_with("gort_"), "{name}: every exported symbol begins with gort_");
        assert!(number(version) <= number(env!("CARGO_PKG_VERSION")), "{name} is from version {version}");
    }
}

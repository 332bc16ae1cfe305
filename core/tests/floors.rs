//! The arrow policy of the house: a statement of policy, checked against the source.
//!
//! core/src is built in floors. An arrow (a path that names another room: `use crate::chan::raw`, `crate::sys::clock::now()`,
//! `super::super::wait`) may only point down. This file states which room lives on which floor, which few arrows run
//! sideways and why, which files nobody outside their room may name, and what each face may depend on. It fails when the
//! code disagrees, and the remedy is seldom to edit the table: a token that two floors need belongs on the LOWER one.
//!
//! What it is NOT: a compiler. It reads tokens, not types, so an arrow made by a trait object or a function pointer that
//! is handed down at start is invisible, and is meant to be: that is how a lower floor is allowed to call an upper one.
//! Comments and strings are no arrows. Test modules are held to the same rules: a floor is tested from below.
//!
//! Rejected: one crate for each floor. Cargo would then check the arrows, but the hot paths need inlining across all of
//! them and the crates would have to export what nobody outside may see.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

// ---------------------------------------------------------------------------------------------------------- the policy

/// Floor of the plain data that every floor may read.
const DATA: i32 = -1;
/// The front door and what a Rust program uses through it: above all floors.
const FRONT: i32 = 9;

/// Every room of core/src, by the name of its top module, and its floor.
const ROOMS: &[(&str, i32)] = &[
    ("status", DATA),
    ("elem", DATA),
    ("lockrank", DATA),
    ("error", DATA),
    ("sys", 0),
    ("sched", 1),
    ("wait", 2),
    ("chan", 3),
    ("sync", 3),
    ("task", 3),
    ("time", 3),
    ("flow", 4),
    ("lib", FRONT),
];

/// Arrows that do not point down, each with its reason. Anything else that runs sideways or up is a mistake.
const SIDEWAYS: &[(&str, &str, &str)] = &[
    ("elem", "status", "a bad layout is reported by a status"),
    ("error", "status", "a message belongs to a status"),
    ("error", "sys", "the message of a plain thread lives in a slot of its own"),
    ("lockrank", "sys", "the held ranks are counted through the one door to atomics"),
    ("chan", "task", "the typed calls take a `Wait`"),
    ("sync", "task", "the typed calls take a `Wait` and closures"),
    ("time", "chan", "a timer is received from as a channel is"),
    ("time", "task", "the typed calls take a `Time` and a `Wait`"),
];

/// Files of a room that no other room may name: upstairs sees doors, never a queue, a processor or a stack.
const CELLARS: &[(&str, &[&str])] = &[("sched", &["processor", "injector", "idle", "worker", "monitor", "poller"])];

/// Single items of a cellar that others may name, each with its reason: (from, path, why).
const PEEPHOLES: &[(&str, &str, &str)] =
    &[("wait", "sched::monitor::COARSE", "a commit notes when the wait began, for the census")];

/// Paths with few doors: (path, the only files that may name it). The futex of the models is made of loom's parts. The names
/// of memory orderings are data and no atomics.
const DOORS: &[(&str, &[&str])] = &[
    ("core::sync::atomic", &["sys/prim.rs"]),
    ("std::sync::atomic", &["sys/prim.rs"]),
    ("loom", &["sys/prim.rs", "sys/futex.rs"]),
    ("crossbeam_epoch", &["sched/epoch.rs"]),
];

/// What a face may depend on, of our own crates.
const FACES: &[(&str, &[&str])] = &[("core", &[]), ("ffi-c", &["core"])];

// ---------------------------------------------------------------------------------------------------------- the reader

#[derive(Clone, Debug, PartialEq)]
enum Tok {
    Id(String),
    Sep, // ::
    P(char),
}

/// Tokens with their line numbers; comments, strings, characters, lifetimes and numbers are left out.
fn tokens(src: &str) -> Vec<(Tok, usize)> {
    let c: Vec<char> = src.chars().collect();
    let (mut i, mut line, mut out) = (0, 1, Vec::new());
    let at = |i: usize| c.get(i).copied().unwrap_or('\0');
    while i < c.len() {
        let start = i;
        match at(i) {
            '/' if at(i + 1) == '/' => i = skip_to_newline(&c, i),
            '/' if at(i + 1) == '*' => i = skip_block_comment(&c, i),
            '"' => i = skip_string(&c, i + 1),
            '\'' => i = skip_char_or_lifetime(&c, i),
            ':' if at(i + 1) == ':' => {
                out.push((Tok::Sep, line));
                i += 2;
            }
            ch if ch.is_alphabetic() || ch == '_' => {
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
                let word: String = c[start..i].iter().collect();
                let raw = word.ends_with('r') && word.len() <= 2;
                if raw && (at(i) == '"' || (at(i) == '#' && matches!(at(i + 1), '"' | '#'))) {
                    i = skip_raw_string(&c, i);
                } else if raw && at(i) == '#' {
                    i += 1; // a raw identifier: r#name reads as name
                } else {
                    out.push((Tok::Id(word), line));
                }
            }
            ch if ch.is_ascii_digit() => {
                while at(i).is_alphanumeric() || at(i) == '_' {
                    i += 1;
                }
            }
            ch => {
                if !ch.is_whitespace() {
                    out.push((Tok::P(ch), line));
                }
                i += 1;
            }
        }
        line += c[start..i.min(c.len())].iter().filter(|x| **x == '\n').count();
    }
    out
}

fn skip_to_newline(c: &[char], mut i: usize) -> usize {
    while i < c.len() && c[i] != '\n' {
        i += 1;
    }
    i
}

fn skip_block_comment(c: &[char], mut i: usize) -> usize {
    let mut depth = 0;
    while i < c.len() {
        if c[i..].starts_with(&['/', '*']) {
            depth += 1;
            i += 2;
        } else if c[i..].starts_with(&['*', '/']) {
            depth -= 1;
            i += 2;
            if depth == 0 {
                break;
            }
        } else {
            i += 1;
        }
    }
    i
}

fn skip_string(c: &[char], mut i: usize) -> usize {
    while i < c.len() && c[i] != '"' {
        i += if c[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

fn skip_raw_string(c: &[char], mut i: usize) -> usize {
    let mut hashes = 0;
    while c.get(i) == Some(&'#') {
        hashes += 1;
        i += 1;
    }
    i += 1; // the quote
    while i < c.len() {
        if c[i] == '"' && c[i + 1..].iter().take(hashes).filter(|x| **x == '#').count() == hashes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    i
}

/// `'a'`, `'\n'`, `'\u{1f}'` are characters; `'a` and `'static` are lifetimes.
fn skip_char_or_lifetime(c: &[char], i: usize) -> usize {
    if c.get(i + 1) == Some(&'\\') {
        let mut j = i + 3;
        while j < c.len() && c[j] != '\'' {
            j += 1;
        }
        return j + 1;
    }
    if c.get(i + 2) == Some(&'\'') {
        return i + 3;
    }
    let mut j = i + 1;
    while j < c.len() && (c[j].is_alphanumeric() || c[j] == '_') {
        j += 1;
    }
    j
}

/// One path that starts at the crate's root: `crate::sched::task` is `["sched", "task"]`.
#[derive(Debug, PartialEq)]
struct Arrow {
    to: Vec<String>,
    line: usize,
}

/// The module path of a file below core/src: `chan/raw.rs` is `["chan", "raw"]`, `lib.rs` is `[]`.
fn module_of(file: &str) -> Vec<String> {
    let mut parts: Vec<String> = file.trim_end_matches(".rs").split('/').map(String::from).collect();
    if matches!(parts.last().map(String::as_str), Some("mod" | "lib")) {
        parts.pop();
    }
    parts
}

/// All arrows of a file: every `crate::`, `$crate::`, `self::` and `super::` path, nested use lists opened out.
fn arrows(file: &str, src: &str) -> Vec<Arrow> {
    let t = tokens(src);
    let id = |i: usize| match t.get(i) {
        Some((Tok::Id(s), _)) => s.as_str(),
        _ => "",
    };
    let sep = |i: usize| matches!(t.get(i), Some((Tok::Sep, _)));
    let home = module_of(file);
    let mut out = Vec::new();
    let mut braces: Vec<Option<String>> = Vec::new(); // Some(name) where an inline module was opened
    let mut i = 0;
    while i < t.len() {
        match &t[i].0 {
            Tok::P('{') => {
                let named = i >= 2 && id(i - 2) == "mod";
                braces.push(named.then(|| id(i - 1).to_string()));
                i += 1;
            }
            Tok::P('}') => {
                braces.pop();
                i += 1;
            }
            Tok::Id(w) if sep(i + 1) && (i == 0 || !sep(i - 1)) && matches!(w.as_str(), "crate" | "self" | "super") => {
                let mut base: Vec<String> = home.clone();
                base.extend(braces.iter().flatten().cloned());
                if w == "crate" {
                    base.clear();
                }
                while id(i) == "super" || id(i) == "self" || id(i) == "crate" {
                    if id(i) == "super" {
                        base.pop();
                    }
                    i += 1;
                    if !sep(i) {
                        break;
                    }
                    i += 1;
                }
                i = tree(&t, i, base, &mut out);
            }
            _ => i += 1,
        }
    }
    out
}

/// Reads a path or a use list from token `i` on; returns where it ends.
fn tree(t: &[(Tok, usize)], mut i: usize, mut path: Vec<String>, out: &mut Vec<Arrow>) -> usize {
    let line = t.get(i).map_or(0, |x| x.1);
    while let Some((tok, _)) = t.get(i) {
        match tok {
            Tok::Id(w) => {
                if w != "self" {
                    path.push(w.clone());
                }
                i += 1;
                if !matches!(t.get(i), Some((Tok::Sep, _))) {
                    break;
                }
                i += 1;
            }
            Tok::P('*') => {
                path.push("*".into());
                i += 1;
                break;
            }
            Tok::P('{') => {
                i += 1;
                while i < t.len() && t[i].0 != Tok::P('}') {
                    if matches!(t[i].0, Tok::Id(_) | Tok::P('{') | Tok::P('*')) {
                        i = tree(t, i, path.clone(), out);
                        if matches!(&t[i].0, Tok::Id(w) if w == "as") {
                            i += 2;
                        }
                    } else {
                        i += 1;
                    }
                }
                return i + 1;
            }
            _ => break, // a turbofish, or the end
        }
    }
    out.push(Arrow { to: path, line });
    i
}

// ----------------------------------------------------------------------------------------------------------- the judge

fn floor(room: &str) -> Option<i32> {
    ROOMS.iter().find(|r| r.0 == room).map(|r| r.1)
}

/// What is wrong with one arrow from `file`, if anything. `root`: the room of each name that lives at the root of the crate
/// but comes from a room: macros, and what lib.rs re-exports.
fn judge(file: &str, arrow: &Arrow, root: &BTreeMap<String, String>) -> Option<String> {
    let from = room_of(file);
    let Some(first) = arrow.to.first() else {
        return None; // `use super::*` in an inline module of lib.rs
    };
    let to = root.get(first).unwrap_or(first).as_str();
    let say = |what: String| Some(format!("core/src/{file}:{}: crate::{}: {what}", arrow.line, arrow.to.join("::")));
    let Some(here) = floor(&from) else {
        return say(format!("the room `{from}` has no floor: give it one in core/tests/floors.rs"));
    };
    if to == from || here == FRONT {
        return None;
    }
    let Some(there) = floor(to) else {
        return say(format!("`{to}` is no room"));
    };
    if let Some(inner) = arrow.to.get(1)
        && CELLARS.iter().any(|(room, files)| *room == to && files.contains(&inner.as_str()))
        && !PEEPHOLES.iter().any(|(room, path, _)| *room == from && *path == arrow.to.join("::"))
    {
        return say(format!("`{inner}` is the cellar of `{to}`: go through its doors"));
    }
    let down = there < here && here != DATA;
    let stated = SIDEWAYS.iter().any(|s| s.0 == from && s.1 == to);
    if down || stated { None } else { say(format!("`{from}` (floor {here}) may not use `{to}` (floor {there})")) }
}

fn room_of(file: &str) -> String {
    file.split('/').next().unwrap_or(file).trim_end_matches(".rs").to_string()
}

/// A path such as `std::sync::atomic`, named in a file that is not its door. Test modules are host programs: they may.
fn behind_the_door(file: &str, src: &str) -> Vec<String> {
    let t = without_tests(tokens(src));
    if file.ends_with("tests.rs") {
        return Vec::new();
    }
    let mut out = Vec::new();
    for (path, files) in DOORS.iter().filter(|d| !d.1.contains(&file)) {
        let words: Vec<&str> = path.split("::").collect();
        for i in 0..t.len() {
            let starts = i == 0 || t[i - 1].0 != Tok::Sep;
            // `loom` alone is also the name of a cfg: only a path that goes on counts.
            let goes_on = matches!(t.get(i + 2 * words.len() - 1), Some((Tok::Sep, _))) || words.len() > 1;
            let equal = words.iter().enumerate().all(|(n, w)| {
                matches!(t.get(i + 2 * n), Some((Tok::Id(x), _)) if x == w)
                    && (n == 0 || matches!(t.get(i + 2 * n - 1), Some((Tok::Sep, _))))
            });
            let ordering = matches!(t.get(i + 2 * words.len()), Some((Tok::Id(x), _)) if x == "Ordering");
            if starts && equal && goes_on && !ordering {
                out.push(format!("core/src/{file}:{}: {path} is reached through {} only", t[i].1, files.join(", ")));
            }
        }
    }
    out
}

/// Our own crates that a Cargo.toml names by path in a section of real (not dev, not build) dependencies.
fn own_dependencies(manifest: &str) -> Vec<String> {
    let (mut real, mut out) = (false, Vec::new());
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let section = line.trim_matches(['[', ']']);
            real = section.contains("dependencies") && !section.contains("dev-") && !section.contains("build-");
        } else if real && !line.starts_with('#') {
            out.extend(line.split("path").skip(1).filter_map(|rest| {
                let path = rest.trim_start_matches([' ', '=']).split('"').nth(1)?;
                Some(path.rsplit('/').next()?.to_string())
            }));
        }
    }
    out
}

/// Leaves out what stands in inline modules named `tests`.
fn without_tests(t: Vec<(Tok, usize)>) -> Vec<(Tok, usize)> {
    let is = |i: usize, w: &str| matches!(t.get(i), Some((Tok::Id(x), _)) if x == w);
    let (mut out, mut i) = (Vec::new(), 0);
    while i < t.len() {
        if is(i, "mod") && is(i + 1, "tests") && matches!(t.get(i + 2), Some((Tok::P('{'), _))) {
            let mut depth = 0;
            for (tok, _) in &t[i + 2..] {
                i += 1;
                match tok {
                    Tok::P('{') => depth += 1,
                    Tok::P('}') => depth -= 1,
                    _ => {}
                }
                if depth == 0 {
                    break;
                }
            }
            i += 2;
        } else {
            out.push(t[i].clone());
            i += 1;
        }
    }
    out
}

fn source_files(root: &Path) -> Vec<(String, String)> {
    let (mut todo, mut out): (Vec<PathBuf>, _) = (vec![root.to_path_buf()], Vec::new());
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()) {
            if entry.is_dir() {
                todo.push(entry);
            } else if entry.extension().is_some_and(|e| e == "rs") {
                let name = entry.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                out.push((name, fs::read_to_string(&entry).unwrap()));
            }
        }
    }
    out.sort();
    out
}

/// The room of each name at the root.
fn root_names(files: &[(String, String)]) -> BTreeMap<String, String> {
    let mut out = BTreeMap::new();
    for (file, src) in files {
        let t = tokens(src);
        for i in 0..t.len() {
            if file == "lib.rs" && t[i].0 == Tok::Id("use".into()) {
                let mut found = Vec::new();
                tree(&t, i + 1, Vec::new(), &mut found);
                let names = found.iter().filter(|a| a.to.len() > 1);
                out.extend(names.map(|a| (a.to[a.to.len() - 1].clone(), a.to[0].clone())));
            }
        }
        for w in t.windows(3) {
            if let [(Tok::Id(m), _), (Tok::P('!'), _), (Tok::Id(name), _)] = w
                && m == "macro_rules"
            {
                out.insert(name.clone(), room_of(file));
            }
        }
    }
    out
}

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

// ----------------------------------------------------------------------------------------------------------- the tests

#[test]
fn arrows_point_down() {
    let files = source_files(&house().join("core/src"));
    assert!(files.len() > 5, "core/src was not found");
    let root = root_names(&files);
    let mut wrong = Vec::new();
    for (file, src) in &files {
        wrong.extend(arrows(file, src).iter().filter_map(|a| judge(file, a, &root)));
    }
    assert!(wrong.is_empty(), "{} arrows break the policy:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn one_door_to_atomics() {
    let wrong: Vec<String> =
        source_files(&house().join("core/src")).iter().flat_map(|(file, src)| behind_the_door(file, src)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn faces_depend_on_what_is_below() {
    for (face, may) in FACES {
        let manifest = fs::read_to_string(house().join(face).join("Cargo.toml")).unwrap();
        for dep in own_dependencies(&manifest) {
            assert!(may.contains(&dep.as_str()), "{face} may not depend on {dep}");
        }
    }
}

#[test]
fn the_table_itself_is_sound() {
    for (from, to, why) in SIDEWAYS {
        let (a, b) = (floor(from).expect(from), floor(to).expect(to));
        assert!(!why.is_empty() && (a == DATA || a == b), "{from} -> {to}: only data and neighbours may run sideways");
        assert!(!SIDEWAYS.iter().any(|s| s.0 == *to && s.1 == *from), "{from} and {to} make a circle");
    }
    for (i, room) in ROOMS.iter().enumerate() {
        assert!(!ROOMS[..i].iter().any(|r| r.0 == room.0), "{} stands twice in the table", room.0);
    }
}

#[test]
fn planted_arrow_up_is_caught() {
    let none = BTreeMap::new();
    for (file, src) in [
        ("sys/slab.rs", "use crate::sched::Task;"),
        ("sched/mod.rs", "use crate::{sys::{clock, slab}, chan::raw::RawChan};"),
        ("wait/block.rs", "fn f() { let x = crate::flow::context::new::<u8>(); }"),
        ("wait/block.rs", "fn f<'a>(c: char) -> bool { c == '\\'' || super::super::sync::waitgroup::is(c) }"),
        ("sched/task.rs", "mod tests { use super::super::super::chan::raw; }"),
        ("chan/raw.rs", "pub use crate::sync as s;"),
        ("chan/raw.rs", "use crate::sched::processor::Processor;"),
        ("status.rs", "use crate::sys;"),
        ("chan/raw.rs", "use crate::Channel;"),
        ("chan/raw.rs", "use crate::*;"),
        ("nowhere/mod.rs", "use crate::sys::clock;"),
        ("sys/lock.rs", "macro_rules! m { () => { $crate::wait::block() } }"),
    ] {
        let found = arrows(file, src).iter().filter_map(|a| judge(file, a, &none)).count();
        assert_eq!(found, 1, "the planted arrow in {file} was not caught: {src}");
    }
    assert_eq!(behind_the_door("chan/raw.rs", "use core::sync::atomic::AtomicU8;").len(), 1);
    assert_eq!(behind_the_door("chan/raw.rs", "use core::sync::atomic::Ordering::*;").len(), 0);
    assert_eq!(behind_the_door("sys/prim.rs", "use core::sync::atomic::AtomicU8;").len(), 0);
    assert_eq!(behind_the_door("chan/raw.rs", "#[cfg(not(loom))] fn f() {}").len(), 0);
    assert_eq!(behind_the_door("wait/block.rs", "use loom::thread;").len(), 1);
    let tests_then_code = "mod tests { use std::sync::atomic::*; fn f() { {} } } use std::sync::atomic::AtomicU8;";
    assert_eq!(behind_the_door("chan/raw.rs", tests_then_code).len(), 1);
    assert_eq!(own_dependencies("[dependencies]\nup = { package = \"x\", path = \"../ffi-c\" }"), ["ffi-c"]);
    assert!(own_dependencies("[dev-dependencies]\nup = { path = \"../ffi-c\" }").is_empty());
}

#[test]
fn what_is_no_arrow_is_left_alone() {
    let none = BTreeMap::new();
    for (file, src) in [
        ("sys/slab.rs", "// use crate::sched::Task;\n/* crate::chan /* nested */ crate::wait */\n"),
        ("sys/slab.rs", "const S: &str = \"crate::chan::raw\"; const R: &str = r#\"crate::\"wait\" \"#;"),
        ("sys/slab.rs", "pub(crate) fn f<'s>(x: &'s str, c: char) { if c == '\"' {} } // crate::chan"),
        ("sys/slab.rs", "use crate::status::Status; use super::prim::{AtomicU8, Ordering::{self, *}};"),
        ("chan/raw.rs", "use crate::{wait::{block, ticket as t}, sched, elem::Layout};"),
        ("chan/raw.rs", "mod tests { use super::*; use super::super::select; }"),
        ("time.rs", "use crate::chan::raw;"),
        ("lib.rs", "pub use crate::chan::{channel, Sender}; pub mod prelude { pub use super::flow::*; }"),
    ] {
        let found: Vec<_> = arrows(file, src).iter().filter_map(|a| judge(file, a, &none)).collect();
        assert!(found.is_empty(), "{file}: {src}: {found:?}");
    }
}

#[test]
fn names_at_the_root_count_as_their_rooms() {
    let lib = "pub use flow::{Context, group::Group}; pub use status::Status;".to_string();
    let files = [("lib.rs".to_string(), lib), ("sys/m.rs".into(), "macro_rules! low { () => {} }".into())];
    let root = root_names(&files);
    let wrong = |src| arrows("chan/raw.rs", src).iter().filter_map(|a| judge("chan/raw.rs", a, &root)).count();
    assert_eq!(wrong("use crate::Status; fn f() { crate::low!() }"), 0);
    assert_eq!(wrong("use crate::{Group, Context};"), 2);
}

#[test]
fn use_lists_are_opened_out() {
    let to = |src| arrows("chan/mod.rs", src).into_iter().map(|a| a.to.join("::")).collect::<Vec<_>>();
    assert_eq!(to("use crate::{a::{self, b as c, d::*}, e};"), ["a", "a::b", "a::d::*", "e"]);
    assert_eq!(to("use super::wait; use self::raw::X;"), ["wait", "chan::raw::X"]);
    assert_eq!(arrows("lib.rs", "\n\nuse crate::x::y;")[0].line, 3);
}

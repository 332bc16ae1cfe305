//! include/gort.h is what the sources say. With GORT_UPDATE_HEADER=1 this test writes it instead of comparing.
//!
//! The header has a part for each noun, in the order of the modules in src/lib.rs: the generator's declarations, then
//! what gort_prelude.h holds for that noun. The statuses come from core's table, the version from Cargo, so that no
//! fact stands in two places.
//!
//! What this is NOT: a test that the header compiles; tests/c/run.sh compiles it as C11 and as C++17.
//! Rejected: generating from build.rs (every user of the crate would build the generator, and a header that changes
//! as a side effect of a build is one that nobody reviews).

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use gort_core::status::TABLE;

/// The titles of the parts, by module of src/lib.rs.
const TITLES: [(&str, &str); 31] = [
    ("version", "Version"),
    ("status", "Statuses"),
    ("time", "Time"),
    ("run", "Runs, and the runtime"),
    ("task", "Tasks"),
    ("chan", "Channels"),
    ("ends", "The two ends of a channel"),
    ("batch", "Several elements in one call"),
    ("notify", "Event loops"),
    ("select", "Select"),
    ("selector", "Selectors"),
    ("timer", "Timers and tickers"),
    ("pieces", "What is built of timers"),
    ("mutex", "Mutexes"),
    ("rwmutex", "Reader/writer locks"),
    ("cond", "Conditions"),
    ("once", "Once"),
    ("sem", "Semaphores"),
    ("barrier", "Barriers"),
    ("event", "Events"),
    ("waitgroup", "WaitGroups"),
    ("atomic", "Atomics"),
    ("counter", "Counters"),
    ("map", "Maps"),
    ("pool", "Pools of objects"),
    ("limiter", "Limiters"),
    ("context", "Contexts"),
    ("group", "Groups of tasks"),
    ("singleflight", "Calls that are one"),
    ("worker_pool", "Pools of workers"),
    ("census", "Seeing inside"),
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn read(path: &str) -> String {
    std::fs::read_to_string(here(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The modules of the library that hold exports, in the order of src/lib.rs.
fn nouns() -> Vec<String> {
    let names = |line: &str| line.strip_prefix("mod ")?.strip_suffix(';').map(str::to_owned);
    read("src/lib.rs").lines().filter_map(names).filter(|noun| noun != "ffi" && noun != "held").collect()
}

/// The parts of gort_prelude.h.
fn prelude() -> HashMap<String, String> {
    let (mut parts, mut name) = (HashMap::<String, String>::new(), String::new());
    for line in read("gort_prelude.h").lines() {
        if let Some(part) = line.strip_prefix("@part ") {
            name = part.to_owned();
        } else if line == "@VERSION@" {
            *parts.entry(name.clone()).or_default() += &version();
        } else if line == "@STATUSES@" {
            *parts.entry(name.clone()).or_default() += &statuses();
        } else if !line.starts_with('@') {
            writeln!(parts.entry(name.clone()).or_default(), "{line}").unwrap();
        }
    }
    parts
}

fn version() -> String {
    let (major, minor, patch) =
        (env!("CARGO_PKG_VERSION_MAJOR"), env!("CARGO_PKG_VERSION_MINOR"), env!("CARGO_PKG_VERSION_PATCH"));
    format!(
        "#define GORT_VERSION ({major} * 65536 + {minor} * 256 + {patch})\n\
         #define GORT_VERSION_STRING \"{}\"\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn statuses() -> String {
    let mut text = String::new();
    for row in &TABLE {
        let code = row.status.code();
        let code = if code < 0 { format!("({code})") } else { code.to_string() };
        writeln!(text, "/** {}{}. */\n#define {} {code}", row.text[..1].to_uppercase(), &row.text[1..], row.name)
            .unwrap();
    }
    text
}

/// What the generator makes of one noun's file.
fn declarations(noun: &str) -> String {
    let config = cbindgen::Config::from_file(here("cbindgen.toml")).expect("cbindgen.toml");
    let source = here(&format!("src/{noun}.rs"));
    let bindings = cbindgen::Builder::new().with_config(config).with_src(source).generate().expect("generating");
    let mut bytes = Vec::new();
    bindings.write(&mut bytes);
    compact(&String::from_utf8(bytes).expect("UTF-8"))
}

/// Comments of one line on one line, and a tag for each struct, so that it can be declared ahead.
fn compact(text: &str) -> String {
    let lines: Vec<&str> = text.trim().lines().collect();
    let name = |from: usize| lines[from..].iter().find_map(|line| line.strip_prefix("} ")?.strip_suffix(';'));
    let (mut out, mut at) = (String::new(), 0);
    while at < lines.len() {
        let indent = lines[at].len() - lines[at].trim_start().len();
        if lines[at].trim() == "/**" && lines.get(at + 2).is_some_and(|line| line.trim() == "*/") {
            let text = lines[at + 1].trim().trim_start_matches("* ");
            writeln!(out, "{:indent$}/** {text} */", "").unwrap();
            at += 3;
        } else if lines[at] == "typedef struct {" {
            writeln!(out, "typedef struct {} {{", name(at).expect("the end of a struct")).unwrap();
            at += 1;
        } else {
            writeln!(out, "{}", lines[at].trim_end()).unwrap();
            at += 1;
        }
    }
    out
}

fn generate() -> String {
    let parts = prelude();
    let mut header = parts["top"].clone();
    for noun in nouns() {
        let title = TITLES.iter().find(|(name, _)| *name == noun).map(|(_, title)| *title);
        let title = title.unwrap_or_else(|| panic!("src/{noun}.rs has no title in tests/header.rs"));
        write!(header, "/* ---- {title} {} */\n\n{}\n", "-".repeat(100 - title.len()), declarations(&noun)).unwrap();
        header += parts.get(&noun).map_or("", String::as_str);
    }
    header + &parts["end"]
}

#[test]
fn header_is_what_the_sources_say() {
    let (header, path) = (generate(), here("../include/gort.h"));
    if std::env::var_os("GORT_UPDATE_HEADER").is_some() {
        std::fs::write(&path, header).expect("writing the header");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    if found != header {
        let line = found.lines().zip(header.lines()).take_while(|(a, b)| a == b).count();
        panic!(
            "include/gort.h differs from line {} on; GORT_UPDATE_HEADER=1 cargo test -p gort-ffi-c --test header writes \
             it.\n found: {}\nwanted: {}",
            line + 1,
            found.lines().nth(line).unwrap_or("(end)"),
            header.lines().nth(line).unwrap_or("(end)"),
        );
    }
}

#[test]
fn every_part_of_the_prelude_is_used() {
    let nouns = nouns();
    for part in prelude().keys() {
        assert!(part.is_empty() || part == "top" || part == "end" || nouns.contains(part), "part {part} has no noun");
    }
}

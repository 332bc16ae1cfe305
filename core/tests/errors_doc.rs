//! Docs that repeat facts of the code, held to them: say once, or have a test that catches the drift.
//!
//! `docs/errors.md` carries the status table of `core/src/status.rs`; this test makes the table anew and compares.
//! `docs/ARCHITECTURE.md`, `docs/semantics.md` and `docs/memory-model.md` name files and tests; each name must exist (the rules of `ffi-c/tests/race` are put together by the
//! preprocessor, so `run.sh` there checks those), and each rule of the memory model must name one. Regenerate the table with
//!
//! ```text
//! GORT_BLESS=1 cargo test -p gort --test errors_doc
//! ```
//!
//! What it is NOT: a judge of prose. A row of the docs that says something false about a test that exists passes here.

use gort::status::TABLE;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- made by core/tests/errors_doc.rs: do not edit from here -->\n";
const END: &str = "<!-- to here -->\n";

fn house() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn table() -> String {
    let mut out = String::from("| number | C | Rust | Python | text |\n|---:|---|---|---|---|\n");
    for row in &TABLE {
        let python = if row.python.is_empty() { "-".into() } else { format!("`{}`", row.python) };
        let code = row.status.code();
        writeln!(out, "| {code} | `{}` | `Status::{:?}` | {python} | {} |", row.name, row.status, row.text).unwrap();
    }
    out
}

#[test]
fn errors_md_carries_the_table_of_the_code() {
    let path = house().join("docs/errors.md");
    let old = fs::read_to_string(&path).unwrap();
    let (before, rest) = old.split_once(BEGIN).expect("docs/errors.md has lost its first marker");
    let (_, after) = rest.split_once(END).expect("docs/errors.md has lost its second marker");
    let new = format!("{before}{BEGIN}{}{END}{after}", table());
    if std::env::var_os("GORT_BLESS").is_some() {
        fs::write(&path, &new).unwrap();
    } else {
        assert!(old == new, "docs/errors.md is stale: GORT_BLESS=1 cargo test -p gort --test errors_doc");
    }
}

/// Each word in backquotes of a text, with its line.
fn quoted(text: &str) -> Vec<(usize, &str)> {
    let lines = text.lines().enumerate();
    lines.flat_map(|(n, line)| line.split('`').skip(1).step_by(2).map(move |w| (n + 1, w))).collect()
}

/// Every source text of the tree, docs and build products left out.
fn sources() -> Vec<String> {
    let (mut todo, mut out) = (vec![house()], Vec::new());
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).unwrap().map(|e| e.unwrap().path()) {
            let name = entry.file_name().unwrap().to_string_lossy().into_owned();
            let code = [".rs", ".c", ".cpp", ".h", ".py", ".sh"].iter().any(|e| name.ends_with(e));
            if entry.is_dir() && !name.starts_with('.') && name != "target" && name != "out" {
                todo.push(entry);
            } else if code {
                out.push(fs::read_to_string(&entry).unwrap_or_default());
            }
        }
    }
    out
}

/// Names that are defined as functions in the sources: `fn name(` in Rust, `name(` at a line's start in C and `TEST(name)`.
fn defined(sources: &[String]) -> BTreeSet<&str> {
    let mut out = BTreeSet::new();
    for text in sources {
        let mut last = "";
        for word in text.split(|c: char| !(c.is_alphanumeric() || c == '_')).filter(|w| !w.is_empty()) {
            if matches!(last, "fn" | "void" | "int" | "def" | "TEST" | "CASE") {
                out.insert(word);
            }
            last = word;
        }
    }
    out
}

#[test]
fn names_in_the_docs_exist() {
    let sources = sources();
    let defined = defined(&sources);
    let mut wrong = Vec::new();
    for doc in ["docs/ARCHITECTURE.md", "docs/semantics.md", "docs/memory-model.md"] {
        let text = fs::read_to_string(house().join(doc)).unwrap();
        for (line, word) in quoted(&text) {
            let path = word.split("::").next().unwrap_or(word);
            let file = path.contains('/')
                && [".rs", ".h", ".sh", ".py", ".txt", ".md", ".c"].iter().any(|e| path.ends_with(e));
            if file && !house().join(path).exists() {
                wrong.push(format!("{doc}:{line}: there is no file {path}"));
            }
            if let Some((_, test)) = word.split_once("::")
                && file
                && !path.starts_with("ffi-c/tests/race/")
                && !defined.contains(test)
            {
                wrong.push(format!("{doc}:{line}: there is no test {test} (in {path})"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_rule_of_the_memory_model_names_a_test() {
    let text = fs::read_to_string(house().join("docs/memory-model.md")).unwrap();
    let rules: Vec<&str> = text.lines().filter(|l| l.starts_with("| HB")).collect();
    for (i, rule) in rules.iter().enumerate() {
        assert!(rule.starts_with(&format!("| HB{} ", i + 1)), "rules are numbered from 1: {rule}");
        assert!(rule.contains("`ffi-c/tests/race/"), "names no test: {rule}");
    }
    assert!(rules.len() >= 8, "the table of docs/memory-model.md is gone");
}

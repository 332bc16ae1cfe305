#!/usr/bin/env python3
"""Builds and runs every story and compares what it prints with its OUTPUT.

    python3 examples/check.py                   everything
    python3 examples/check.py -k hello -k fan   stories whose name contains one of these
    python3 examples/check.py --lang c          only C (or only rust, or only python)
    python3 examples/check.py --write-readme    write README.md from stories.toml, and do nothing else

Each program runs with the default number of workers and under GORT_WORKERS=1, 2 and 5, has 30 seconds (or what
stories.toml says), and must end with status 0; a story itself ends by asking whether anything is left alive. Counted
are checks, not stories: one for each compilation that matters by itself, one for each run.

What it is NOT: a test framework, or a place for expected results; those stand in OUTPUT next to the program.

Invariants:
 1. Needs Python 3.10, a C compiler and cargo, and nothing else; so stories.toml is read by the few lines below
    (tomllib came with 3.11).
 2. The C programs are linked with libgort.so as it stands in the target directory. It is never built here: that
    would hide that it is out of date. A missing library is an error. So it is with the Python module: the stories run
    with $GORT_PYTHON, else with .venv/bin/python, and if that cannot import gort it is an error.
 3. A story that says what ThreadSanitizer says of its C program is linked with the library of `make tsan-lib`, in the same way.
 4. The last line is "N passed, N failed", and the exit status is 0 only if nothing failed.

Rejected: building the Rust stories with the release profile by default; it links the whole library into each
program with full LTO, takes minutes, and leaves out debug assertions. `--release` does it.
"""

import argparse
import ast
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()
CFLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic", "-O1", "-g", f"-I{ROOT / 'include'}"]
SOURCES = {"c": "main.c", "rust": "main.rs", "python": "main.py"}
BYTES_A_TASK = 20_000  # what a run of a story with `scale` may need for each task, with room to spare


def read_stories():
    """stories.toml: tables [[story]] of strings and lists of strings, which Python spells as TOML does."""
    stories = []
    for line in (HERE / "stories.toml").read_text().splitlines():
        line = line.strip()
        if line == "[[story]]":
            stories.append({})
        elif line and not line.startswith("#"):
            key, _, value = line.partition("=")
            stories[-1][key.strip()] = ast.literal_eval(value.strip())
    return stories


def readme(stories):
    rows = "\n".join(
        f"| [{s['name']}]({s['name']}) | {s['chapter']} | {s['shows']} | {s['kind']} |" for s in stories
    )
    return f"""# Stories

Each story is a small program that shows one thing, in C (`main.c`), Rust (`main.rs`) and Python (`main.py`). All print the same, and
it stands in `OUTPUT`. Each begins with what it shows and ends with how Go differs, if it does. They follow the chapters of a guide to
Go's concurrency, so this is also a way to learn gort from the beginning: read from the top.

    make build                                     # libgort.so, which the C programs link with
    make tsan-lib                                  # for what ThreadSanitizer says of some of them
    python3 examples/check.py                      # build all, run all, compare
    cargo run -p gort-examples --example hello     # one of them, in Rust
    cc -Iinclude examples/hello/main.c target/release/libgort.a -o hello && ./hello     # in C
    python examples/hello/main.py                  # and in Python, where gort is installed

"sorted" means that the order of the lines is nobody's promise, so they are sorted before the comparison. Times are short and never printed.
`story.h` and `story.rs` are small helpers: they end the program when something that must hold does not, and ask at the end
whether a task, a channel, a WaitGroup or a selector is left alive. `story.py` runs a Python story and asks the same.

| story | chapter | shows | kind |
|---|---|---|---|
{rows}

`index` is not a story but a whole program, with a page of its own.

(This page is written by `python3 examples/check.py --write-readme` from `stories.toml`.)
"""


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0

    def note(self, what, problem=""):
        if problem:
            self.failed += 1
            print(f"FAILED  {what}\n" + "\n".join(f"    {line}" for line in problem.rstrip().splitlines()))
        else:
            self.passed += 1
        return not problem


def call(command, **options):
    return subprocess.run(command, capture_output=True, text=True, errors="replace", **options)


def available_memory():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return 0


def scaled(story, language, expected, workers):
    """The environment and the expected output of a story with a size: full only for the default number of workers,
    to save time, and only if the machine has the memory."""
    if "scale" not in story:
        return {}, expected
    full = int(story["scale"])
    most = int(story.get(f"scale_{language}", full))
    count = most // 10 if workers else most
    while count > 1000 and count * BYTES_A_TASK > available_memory():
        count //= 10
    return {"STORY_TASKS": str(count)}, expected.replace(str(full), str(count))


def difference(story, expected, got):
    if story["kind"] == "sorted":
        expected, got = ("".join(sorted(text.splitlines(keepends=True))) for text in (expected, got))
    if expected == got:
        return ""
    want, have = expected.splitlines(), got.splitlines()
    for i in range(max(len(want), len(have))):
        a, b = (lines[i] if i < len(lines) else "(nothing)" for lines in (want, have))
        if a != b:
            return f"line {i + 1} of the {story['kind']} output: expected \"{a}\", got \"{b}\""
    return "the output differs only in its last newline"


def run_story(checks, story, language, command, args):
    output = (HERE / story["name"] / "OUTPUT").read_text()
    if f"differs_{language}" in story:
        output = output.replace(*story[f"differs_{language}"])
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("GORT_", "STORY_"))}
    timeout = max(args.timeout, float(story.get("timeout", 0)))
    sweep = [""] if story.get("workers") == "own" else args.workers
    for workers in sweep:
        extra, expected = scaled(story, language, output, workers)
        env = plain | extra | ({"GORT_WORKERS": workers} if workers else {})
        what = f"{story['name']} ({language}{f', GORT_WORKERS={workers}' if workers else ''})"
        try:
            ran = call(command, env=env, timeout=timeout)
        except subprocess.TimeoutExpired as e:
            so_far = (e.stdout or b"").decode(errors="replace")
            checks.note(what, f"did not end within {timeout:g} s; printed so far:\n{so_far}")
            continue
        problem = difference(story, expected, ran.stdout)
        if ran.returncode != 0:
            problem = f"exit status {ran.returncode}\n{problem}"
        checks.note(what, problem and f"{problem}\n{ran.stderr}")


def build_c(checks, stories, out, args):
    """Compiles each main.c; gives the programs that came out."""
    library = pathlib.Path(args.lib).resolve() if args.lib else TARGET / "release" / "libgort.so"
    if not library.exists():
        checks.note("C library", f"{library} is missing; build it first: make build")
        return {}
    # The programs ask for it by its soname, which only an installed library has as a file: give it one here.
    soname = re.search(rb"libgort\.so(\.\d+)*(?=\0)", library.read_bytes())
    for name in {"libgort.so", soname.group().decode() if soname else "libgort.so"}:
        (out / name).symlink_to(library)
    programs = {}
    for s in stories:
        source, program = HERE / s["name"] / "main.c", out / s["name"]
        link = [f"-L{out}", "-lgort", f"-Wl,-rpath,{out}"]
        made = call([args.cc, *CFLAGS, str(source), "-o", str(program), *link])
        if checks.note(f"{s['name']} (c, compiles)", made.stderr or ("exit status" if made.returncode else "")):
            programs[s["name"]] = str(program)
    return programs


def under_tsan(checks, story, out, args):
    """main.c as a user checks it for races: with the library of `make tsan-lib`. Silent or reported, on one worker and more."""
    library, program = TARGET / "race" / "release" / "libgort.a", out / f"{story['name']}.tsan"
    if not library.exists():
        checks.note(f"{story['name']} (c, ThreadSanitizer)", f"{library} is missing; build it first: make tsan-lib")
        return
    source = str(HERE / story["name"] / "main.c")
    made = call([args.cc, *CFLAGS, "-fsanitize=thread", source, "-o", str(program), str(library), "-pthread", "-ldl", "-lm"])
    hint = "if the sanitizer's runtime is missing, install it: apt-get install libtsan2"
    if not checks.note(f"{story['name']} (c, compiles for ThreadSanitizer)", f"{made.stderr}{hint}" if made.returncode else ""):
        return
    plain = {k: v for k, v in os.environ.items() if not k.startswith(("GORT_", "STORY_", "TSAN_"))}
    for verdict in ("silent", "reported"):
        if verdict not in story:
            continue
        for workers in args.workers:
            env = plain | ({"GORT_WORKERS": workers} if workers else {})
            what = f"{story['name']} (c, ThreadSanitizer, {verdict}{f', GORT_WORKERS={workers}' if workers else ''})"
            try:
                ran = call([str(program), *story[verdict].split()], env=env, timeout=4 * args.timeout)
            except subprocess.TimeoutExpired:
                checks.note(what, f"did not end within {4 * args.timeout:g} s")
                continue
            reports = ran.stderr.count("WARNING: ThreadSanitizer: data race")
            good = (ran.returncode == 0 and not ran.stderr) if verdict == "silent" else (ran.returncode != 0 and reports > 0)
            checks.note(what, "" if good else f"exit status {ran.returncode}, {reports} reports\n{ran.stderr}")


def build_rust(checks, stories, args):
    """Builds the examples of the package; gives the programs, and the path of the library they were built with."""
    command = ["cargo", "build", "-q", "-p", "gort-examples", "--message-format=json-render-diagnostics"]
    command += ["--release"] if args.release else []
    for s in stories:
        command += ["--example", s["name"]]
    made = call(command, cwd=ROOT)
    programs, rlib = {}, ""
    for line in made.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") != "compiler-artifact":
            continue
        if message.get("executable"):
            programs[message["target"]["name"]] = message["executable"]
        if message["target"]["name"] == "gort" and "lib" in message["target"]["kind"]:
            rlib = next((f for f in message["filenames"] if f.endswith(".rlib")), rlib)
    for s in stories:
        checks.note(f"{s['name']} (rust, compiles)", "" if s["name"] in programs else made.stderr or "not built")
    return programs, rlib


def refuse(checks, story, language, command, refusal="error"):
    """wrong.*: number 0 must compile (in Python: run), so that each of the others is refused for its one wrong line."""
    for n in range(int(story["wrong"]) + 1):
        made = call(command(n))
        what = f"{story['name']} ({language}, wrong line {n}{' is refused' if n else ': none, passes'})"
        if n == 0:
            checks.note(what, made.stderr if made.returncode else "")
        else:
            checks.note(what, "" if made.returncode and refusal in made.stderr else f"it is not\n{made.stderr}")


def check_c(checks, stories, out, args):
    programs = build_c(checks, stories, out, args)
    for s in stories:
        if "wrong" in s:
            source = str(HERE / s["name"] / "wrong.c")
            refuse(checks, s, "c", lambda n: [args.cc, *CFLAGS, "-fsyntax-only", f"-DWRONG={n}", source])
        if s["name"] in programs:
            run_story(checks, s, "c", [programs[s["name"]]], args)
        if "silent" in s or "reported" in s:
            under_tsan(checks, s, out, args)


def check_rust(checks, stories, out, args):
    programs, rlib = build_rust(checks, stories, args)
    base = ["rustc", "--edition", "2024", "--emit", "metadata", "-A", "unexpected_cfgs", "--out-dir", str(out)]
    base += ["--extern", f"gort={rlib}", "-L", f"dependency={pathlib.Path(rlib).parent}"]
    base += ["-L", f"dependency={pathlib.Path(rlib).parent / 'deps'}"]
    for s in stories:
        if "wrong" in s and rlib:
            source = str(HERE / s["name"] / "wrong.rs")
            refuse(checks, s, "rust", lambda n: [*base, "--cfg", f'wrong="{n}"', source])
        if s["name"] in programs:
            run_story(checks, s, "rust", [programs[s["name"]]], args)


def check_python(checks, stories, out, args):
    python = os.environ.get("GORT_PYTHON") or str(ROOT / ".venv" / "bin" / "python")
    try:
        problem = call([python, "-c", "import gort"], timeout=args.timeout).stderr
    except OSError as e:
        problem = str(e)
    if problem:
        told = "GORT_PYTHON" if os.environ.get("GORT_PYTHON") else "GORT_PYTHON is not set, and .venv"
        checks.note("Python module", f"{python} cannot import gort ({told}); build it first: make python\n{problem}")
        return
    for s in stories:
        if "wrong" in s:
            refuse(checks, s, "python", lambda n: [python, str(HERE / s["name"] / "wrong.py"), str(n)], "AttributeError")
        run_story(checks, s, "python", [python, str(HERE / "story.py"), str(HERE / s["name"] / "main.py")], args)


def check_page(checks, stories):
    """Facts that stand in two places: the page, the folders, the list in Cargo.toml."""
    page = HERE / "README.md"
    stale = not page.exists() or page.read_text() != readme(stories)
    checks.note("README.md is in step", "run: python3 examples/check.py --write-readme" if stale else "")
    names = {s["name"] for s in stories}
    folders = {p.parent.name for p in HERE.glob("*/OUTPUT")}
    checks.note("every folder with an OUTPUT is in stories.toml", ", ".join(sorted(names ^ folders)))
    missing = [f"{s['name']}/{SOURCES[l]}" for s in stories for l in s["languages"]
               if not (HERE / s["name"] / SOURCES[l]).exists()]
    checks.note("every program is there", ", ".join(missing))


def arguments():
    p = argparse.ArgumentParser(description="Build and run the stories, compare with OUTPUT.")
    p.add_argument("-k", action="append", metavar="PART", help="only stories whose name contains PART (repeatable)")
    p.add_argument("--lang", choices=sorted(SOURCES), help="only one language")
    p.add_argument("--workers", default=",1,2,5", type=lambda s: s.split(","), metavar="LIST",
                   help="values of GORT_WORKERS; an empty one is the default (default: %(default)s)")
    p.add_argument("--timeout", type=float, default=30, metavar="SECONDS", help="for one run (default: 30)")
    p.add_argument("--cc", default=os.environ.get("CC", "cc"), help="the C compiler")
    p.add_argument("--lib", metavar="FILE", help="another libgort.so")
    p.add_argument("--release", action="store_true", help="build the Rust stories with the release profile")
    p.add_argument("--write-readme", action="store_true", help="write README.md and end")
    return p.parse_args()


def main():
    args, stories, checks = arguments(), read_stories(), Checks()
    if args.write_readme:
        (HERE / "README.md").write_text(readme(stories))
        return 0
    check_page(checks, stories)
    if args.k:
        stories = [s for s in stories if any(part in s["name"] for part in args.k)]
    with tempfile.TemporaryDirectory(prefix="gort-stories-") as folder:
        out = pathlib.Path(folder)
        for language, check in (("c", check_c), ("rust", check_rust), ("python", check_python)):
            chosen = [s for s in stories if language in s["languages"]]
            if chosen and args.lang in (None, language):
                check(checks, chosen, out, args)
    print(f"{checks.passed} passed, {checks.failed} failed")
    return 1 if checks.failed else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env bash
# tools/test.sh: every quick test, in stages (make test). Below 15 minutes on two cores; a stage whose inputs did not change
# since it passed is not run again (FORCE=1 runs all, ONLY="fmt floors" some). Models, sanitizers, long stress and mutants
# are not here: tools/deep.sh.
#
# The suites of the engine and of the C face run each test with 1, 2 and 5 workers by themselves (GORT_WORKERS=n: only n),
# since most schedules exist only on one worker or only with more workers than cores. `race` is the quick form of what deep.sh
# does at length: the rules of docs/memory-model.md, right and broken, under ThreadSanitizer.
set -u
cd "$(dirname "$0")/.." || exit 1
. tools/stages.sh
need cargo "https://rustup.rs, or your distribution's cargo"
need cc "a C compiler, for instance: apt-get install gcc libc6-dev"
need python3 "Python 3, for instance: apt-get install python3"

RUST="Cargo.toml Cargo.lock clippy.toml rustfmt.toml core ffi-c py examples benchmarks/engines/common benchmarks/engines/gort-rust include"
CLIPPY_TESTS=(-A clippy::disallowed_methods -A clippy::disallowed_types)

stage fmt "$RUST" cargo fmt --all --check
stage fmt-queues "rustfmt.toml benchmarks/engines" cargo fmt --check --manifest-path benchmarks/engines/rust-queues/Cargo.toml
stage clippy "$RUST" cargo clippy -q --workspace --lib --bins -- -D warnings
# A test or a benchmark may sleep and look at the clock: it is a host program, not the engine.
stage clippy-tests "$RUST" cargo clippy -q --workspace --all-targets -- -D warnings "${CLIPPY_TESTS[@]}"
stage build "$RUST Makefile" make -s build
stage docs "core docs README.md CONTRIBUTING.md" cargo test -q -p gort --test floors --test errors_doc
stage rust "$RUST docs" env -u GORT_WORKERS cargo test -q --workspace --no-fail-fast
stage c "$RUST" bash ffi-c/tests/c/run.sh
stage race "$RUST Makefile docs/memory-model.md" bash ffi-c/tests/race/run.sh --quick
stage install "$RUST Makefile README.md" bash ffi-c/tests/install_test.sh
stage python-build "$RUST Makefile" make -s python
stage python "$RUST Makefile" bash py/tests/run.sh
stage python-types "$RUST" bash py/tests/typing.sh
stage python-docs "$RUST docs" .venv/bin/python py/tests/docs.py
stage python-command "$RUST" .venv/bin/python py/tests/command.py
stage examples "$RUST" python3 examples/check.py
stage index "$RUST py" bash examples/index/test.sh
stage benchmarks "benchmarks core ffi-c py" .venv/bin/python -m unittest discover -s benchmarks
summary

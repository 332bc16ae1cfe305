#!/usr/bin/env bash
# typing.sh: what type checkers are told is true, complete and strict enough.
#
#   bash py/tests/typing.sh                with $GORT_PYTHON, else .venv/bin/python; it must have gort and mypy
#
# The package and every story are clean under mypy --strict, for the oldest Python and a new one; stubtest finds the stubs equal
# to the module, without exceptions; and typing_wrong.py, lines of programs that are wrong, is refused line by line.
# Prints "N passed, N failed"; counted are files, modules and wrong lines.
set -u
cd "$(dirname "$0")/../.." || exit 1
PYTHON=${GORT_PYTHON:-.venv/bin/python}
"$PYTHON" -c 'import gort, mypy' || { echo "$PYTHON has no gort or no mypy: make python, or set GORT_PYTHON" >&2; exit 1; }
passed=0 failed=0
cache=$(mktemp -d) && trap 'rm -rf "$cache"' EXIT
export MYPY_CACHE_DIR=$cache PYTHONWARNINGS=ignore

note() { # note WHAT OUTPUT STATUS COUNT
    if [ "$3" = 0 ]; then
        passed=$((passed + $4))
    else
        failed=$((failed + 1))
        printf 'FAILED  %s\n%s\n' "$1" "$2"
    fi
}

for version in 3.10 3.13; do
    out=$("$PYTHON" -m mypy --strict --python-version $version py/python/gort 2>&1)
    note "mypy --strict of the package, Python $version" "$out" $? "$(find py/python/gort -name '*.py*' -not -path '*/__pycache__/*' | wc -l)"
done

# One program at a time: all are called main. The wrong lines of a story are not clean, and must not be.
for story in examples/*/main.py examples/story.py; do
    out=$("$PYTHON" -m mypy --strict --python-version 3.10 "$story" 2>&1)
    note "mypy --strict of $story" "$out" $? 1
done

out=$("$PYTHON" -m mypy.stubtest gort 2>&1)
note "stubtest" "$out" $? 1

for wrong in py/tests/typing_wrong.py examples/directional/wrong.py; do
    out=$("$PYTHON" -m mypy --strict --python-version 3.10 --no-error-summary "$wrong" 2>&1)
    out=$(printf '%s\n' "$out" | "$PYTHON" py/tests/typing_wrong_lines.py "$wrong")
    note "the wrong lines of $wrong" "$out" $? "${out:-0}"
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

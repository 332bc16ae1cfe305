#!/usr/bin/env bash
# py/tests/run.sh: the tests of the Python face, with the interpreter of .venv and with Python 3.13 if this machine has one (GORT_PYTHON_313, or pyenv's).
# The extension is abi3: one build serves both.
set -u
cd "$(dirname "$0")/../.." || exit 1
total=0 failed=0

run() { # run NAME PYTHON [ENVIRONMENT...]
    local name=$1 python=$2 out n
    shift 2
    out=$(env "$@" "$python" -X dev -m pytest -q -p no:cacheprovider py/tests ${SKIP:+--ignore "$SKIP"} 2>&1) || { failed=1; echo "$out" | tail -60; }
    n=$(echo "$out" | sed -n 's/^.*\b\([0-9][0-9]*\) passed.*$/\1/p' | tail -1)
    echo "$name: ${n:-0} passed"
    total=$((total + ${n:-0}))
}

run "$(.venv/bin/python -V)" .venv/bin/python
# (A task that is a thread waits in C as a thread: nothing of test_capi.py's foreign calls is different there.)
SKIP=py/tests/test_capi.py run "tasks as threads" .venv/bin/python GORT_PYTHON_TASKS=threads GORT_STRESS_SECONDS=1

other=${GORT_PYTHON_313:-$(ls -d "$HOME"/.pyenv/versions/3.13*/bin/python 2>/dev/null | head -1)}
if [ -n "$other" ]; then
    venv=${CARGO_TARGET_DIR:-target}/venv-313
    [ -f "$venv/.cffi" ] || { "$other" -m venv "$venv" && "$venv/bin/python" -m pip install -q --disable-pip-version-check "greenlet>=3.5.6" "pytest>=8" uvloop cffi setuptools && touch "$venv/.cffi"; } || failed=1
    wheel=$(ls "${CARGO_TARGET_DIR:-target}"/wheels/*.whl | head -1)
    "$venv/bin/python" -m pip install -q --disable-pip-version-check --force-reinstall --no-deps "$wheel" || failed=1
    run "$("$venv/bin/python" -V)" "$venv/bin/python"
else
    echo "Python 3.13 is not on this machine: not tested with it"
fi
echo "$total passed"
exit $failed

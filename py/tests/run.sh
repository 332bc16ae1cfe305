#!/usr/bin/env bash
# py/tests/run.sh: the tests of the Python face, with the interpreter of .venv and with Python 3.13 if this machine has one (GORT_PYTHON_313, or pyenv's).
# The extension is abi3: one build serves both.
set -u
cd "$(dirname "$0")/../.." || exit 1
work=$(mktemp -d) && trap 'rm -rf "$work"' EXIT

run() { # run NAME PYTHON [ENVIRONMENT...]: the tests, with their output in $work/NAME
    local name=$1 python=$2
    shift 2
    env "$@" "$python" -X dev -m pytest -q -p no:cacheprovider py/tests ${SKIP:+--ignore "$SKIP"} >"$work/$name" 2>&1
    echo $? >"$work/$name.status"
}

run "Python of .venv" .venv/bin/python &

# The extension is abi3: the wheel that was built for .venv serves another Python too. Beside the first: the tests wait more than they compute.
other=${GORT_PYTHON_313:-$(ls -d "$HOME"/.pyenv/versions/3.13*/bin/python 2>/dev/null | head -1)}
if [ -n "$other" ]; then
    venv=${CARGO_TARGET_DIR:-target}/venv-313
    wheel=$(ls "${CARGO_TARGET_DIR:-target}"/wheels/*.whl | head -1)
    {
        [ -f "$venv/.ready" ] || {
            "$other" -m venv "$venv" &&
                "$venv/bin/python" -m pip install -q --disable-pip-version-check "greenlet>=3.5.6" "pytest>=8" uvloop cffi setuptools &&
                touch "$venv/.ready"
        }
        "$venv/bin/python" -m pip install -q --disable-pip-version-check --force-reinstall --no-deps "$wheel"
    } || exit 1
    run "Python 3.13" "$venv/bin/python" &
else
    echo "Python 3.13 is not on this machine: not tested with it"
fi
wait
# (A task that is a thread waits in C as a thread: nothing of test_capi.py's foreign calls is different there.)
SKIP=py/tests/test_capi.py run "tasks as threads" .venv/bin/python GORT_PYTHON_TASKS=threads GORT_STRESS_SECONDS=1

total=0 failed=0
for status in "$work"/*.status; do
    name=${status%.status}
    n=$(sed -n 's/^.*\b\([0-9][0-9]*\) passed.*$/\1/p' "$name" | tail -1)
    echo "$(basename "$name"): ${n:-0} passed"
    total=$((total + ${n:-0}))
    if [ "$(cat "$status")" != 0 ]; then
        failed=1
        tail -60 "$name"
    fi
done
echo "$total passed"
exit $failed

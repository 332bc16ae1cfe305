#!/bin/sh
# test.sh: builds the example with warnings as errors and compares its three forms with reference.py (test_index.py).
#
# Needs gort.h and libgort.so, as build.sh says. PYTHON: any Python from 3.11 on with the module gort (default: .venv/bin/python of the tree;
# else python3: without gort the forms in Python are skipped, and the last line says so).
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${BIN:-${CARGO_TARGET_DIR:-$root/target}/examples/index-test}
python=${PYTHON:-$root/.venv/bin/python}
if ! [ -x "$python" ] && [ -z "${PYTHON:-}" ]; then python=python3; fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT

CFLAGS="-Werror ${CFLAGS:-}" sh "$here/build.sh" "$bin"
if ! PYTHONDONTWRITEBYTECODE=1 "$python" "$here/test_index.py" "$bin" >"$log" 2>&1; then
    cat "$log"
    exit 1
fi
awk '/^Ran / { n = $2 } /skipped=/ { gsub(/[^0-9]/, ""); s = $0 } END { print n - s " passed" (s ? ", " s " skipped" : "") }' "$log"

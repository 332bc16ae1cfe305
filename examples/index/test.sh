#!/bin/sh
# test.sh: builds the example with warnings as errors and compares it with reference.py (test_index.py).
#
# Needs gort.h and libgort.so, as build.sh says. PYTHON: any Python from 3.11 on (default: python3); no package is needed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
bin=${BIN:-${CARGO_TARGET_DIR:-$root/target}/examples/index-test}
log=$(mktemp)
trap 'rm -f "$log"' EXIT

CFLAGS="-Werror ${CFLAGS:-}" sh "$here/build.sh" "$bin"
if ! PYTHONDONTWRITEBYTECODE=1 "${PYTHON:-python3}" "$here/test_index.py" "$bin" >"$log" 2>&1; then
    cat "$log"
    exit 1
fi
awk '/^Ran / { n = $2 } /skipped=/ { gsub(/[^0-9]/, ""); s = $0 } END { print n - s " passed" (s ? ", " s " skipped" : "") }' "$log"

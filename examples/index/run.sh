#!/bin/sh
# run.sh: the whole demo: build, index real sources, time the hand-over alone, draw the chart.
#
# Everything comes from the environment:
#   DIR      directories to index, separated by colons; default: the Rust registry's and Python's library sources, whichever exist
#   PYTHON   a Python with matplotlib, for the chart (default: .venv/bin/python of the tree)
#   OUT      where items.bin, handover.json and handover.svg go (default: benchmarks/out)
#   BIN      where the programs are built (default: examples/index in Cargo's target directory)
#   WORKERS  workers of the indexer (default: one for each CPU)
# build.sh says what it reads.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
out=${OUT:-$root/benchmarks/out}
bin=${BIN:-${CARGO_TARGET_DIR:-$root/target}/examples/index}

# The default roots, colon-separated. The base interpreter's library, not the one of the virtual environment.
library_sources() {
    registry=${CARGO_HOME:-$HOME/.cargo}/registry/src
    stdlib=$("$python" -c 'import sysconfig; print(sysconfig.get_paths()["stdlib"])' 2>/dev/null || true)
    if [ -d "$registry" ]; then printf '%s:' "$registry"; fi
    if [ -n "$stdlib" ] && [ -d "$stdlib" ]; then printf '%s:' "$stdlib"; fi
}

roots=${DIR:-$(library_sources)}
if [ -z "$roots" ]; then
    echo "demo: neither the Rust registry's nor Python's library sources are here; name a directory: DIR=/some/where" >&2
    exit 1
fi

sh "$here/build.sh" "$bin"
mkdir -p "$out"

set -f # split at colons, and nothing else
ifs=$IFS
IFS=:
# shellcheck disable=SC2086
set -- $roots
IFS=$ifs
set +f
printf 'indexing the text files under'
printf ' %s' "$@"
printf '\n\n'
if [ -n "${WORKERS:-}" ]; then
    "$bin/index" --workers "$WORKERS" --record "$out/items.bin" -- "$@"
else
    "$bin/index" --record "$out/items.bin" -- "$@"
fi

echo
"$bin/handover" --json "$out/handover.json" "$out/items.bin"
"$python" "$root/benchmarks/chart.py" handover "$out/handover.json" "$out/handover.svg"
echo
echo "chart: $out/handover.svg"

#!/bin/sh
# run.sh: the whole demo: build, index real sources in three forms, time the hand-over alone, draw the chart.
#
# The forms: c (index.c), tasks (index_tasks.py), shared (C tasks, a merge in Python: index_shared.py). Each runs with one worker and with
# two; all must print the same bytes, or the demo ends with 1 and shows where they differ. The Python forms take some ten times as long as C.
#
# Everything comes from the environment:
#   DIR      directories to index, separated by colons; default: the Rust registry's and Python's library sources, whichever exist
#   FORMS    which (default: "c tasks shared"); FORMS=c for a tree that is too large for Python's patience
#   PYTHON   a Python with gort, and matplotlib for the chart (default: .venv/bin/python of the tree)
#   OUT      where items.bin, handover.json and handover.svg go (default: benchmarks/out)
#   BIN      where the programs are built (default: examples/index in Cargo's target directory)
#   WORKERS  numbers of workers (default: "1 2")
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
forms=${FORMS:-c tasks shared}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
first= # the table that all others are compared with

# form ROOT ...: the table of form $name with $workers workers, on standard output.
form() {
    case $name in
    c) "$bin/index" --workers "$workers" --record "$out/items.bin" -- "$@" ;;
    tasks) "$python" "$here/index_tasks.py" --workers "$workers" -- "$@" ;;
    shared) "$python" "$here/index_shared.py" --library "$bin/libindex_shared.so" --workers "$workers" -- "$@" ;;
    *) echo "demo: FORMS: $name is none of c tasks shared" >&2 && return 2 ;;
    esac
}

for name in $forms; do
    for workers in ${WORKERS:-1 2}; do
        table=$results/$name-$workers
        form "$@" >"$table"
        if [ -z "$first" ]; then
            first=$table
            cat "$table"
            echo
        elif ! cmp -s "$first" "$table"; then
            echo "demo: the form $name with $workers worker(s) has another table than ${first##*/}:" >&2
            diff "$first" "$table" >&2 || true
            exit 1
        fi
        printf '%-7s %s worker(s)  %s\n' "$name" "$workers" "$(sed -n 's/^fnv1a64 */checksum /p' "$table")"
    done
done
echo "all tables are the same, byte for byte"

echo
case $forms in
*tasks* | *shared*) "$python" "$here/handover.py" --library "$bin/libhandover.so" --json "$out/handover.json" "$out/items.bin" ;;
*) "$bin/handover" --json "$out/handover.json" "$out/items.bin" ;;
esac
"$python" "$root/benchmarks/chart.py" handover "$out/handover.json" "$out/handover.svg"
echo
echo "chart: $out/handover.svg"

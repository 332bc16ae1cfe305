#!/bin/sh
# build.sh: compiles the example against include/gort.h and libgort.
#
#   build.sh OUT_DIR        CC, CFLAGS and LDFLAGS come from the environment and are added to what is needed anyway;
#                           INCLUDE and LIB name other places for gort.h and libgort.so than those of this tree
#                           (libgort.so: $CARGO_TARGET_DIR/release, or target/release).
#
# A program newer than its sources, gort.h and this file is left alone. Other flags want another OUT_DIR.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
out=${1:?usage: build.sh OUT_DIR}
mkdir -p "$out"
out=$(cd "$out" && pwd)
include=$(cd "${INCLUDE:-$root/include}" && pwd)
lib=$(cd "${LIB:-${CARGO_TARGET_DIR:-$root/target}/release}" && pwd)
cd "$here"

# program NAME SOURCE ...
program() {
    name=$1
    shift
    if [ -x "$out/$name" ] && [ -z "$(find "$@" ./*.h build.sh "$include/gort.h" -newer "$out/$name")" ]; then
        return
    fi
    # The flags are lists of words.
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pedantic "-I$include" ${CFLAGS:-} "$@" -o "$out/$name" \
        "-L$lib" -lgort "-Wl,-rpath,$lib" -pthread ${LDFLAGS:-}
}

# library NAME SOURCE ...: for ctypes; without an rpath, so that it binds to the gort that is in the process: the Python module's.
library() {
    name=$1
    shift
    if [ -f "$out/$name" ] && [ -z "$(find "$@" ./*.h build.sh "$include/gort.h" -newer "$out/$name")" ]; then
        return
    fi
    # shellcheck disable=SC2086
    ${CC:-cc} -std=c11 -O2 -Wall -Wextra -pedantic -fPIC -shared "-I$include" ${CFLAGS:-} "$@" -o "$out/$name" \
        "-L$lib" -lgort -pthread ${LDFLAGS:-}
}

stages="pipeline.c stages.c progress.c walk.c block.c words.c table.c batch.c sums.c"
# shellcheck disable=SC2086
program index index.c $stages
program handover handover.c
# shellcheck disable=SC2086
library libindex_shared.so shared.c $stages
library libhandover.so handover.c

#!/usr/bin/env bash
# run.sh: each program of this folder under ThreadSanitizer, with the library of `make tsan-lib`: what the memory model orders is silent, its broken
# twin is reported with both places (race.h). The last line is "N passed, N failed".
#
#   run.sh                    everything, with 1 and 2 workers; minutes
#   run.sh --quick            one company and nobody late: every rule in both forms with 2 workers, and what is simple with 1 as well
#   run.sh --engine LIB.a     only the right forms, with an INSTRUMENTED library and the runtime that comes with rust-std: so that the engine really makes
#                             each edge that the announcing library only tells of
#   RACE_PROGRAMS="select"    which programs
#   RACE_WORKERS="2"          with how many workers (default "1 2")
#   RACE_JOBS=4               so many at a time (default: the number of CPUs)
#   CC, RACE_LIB_DIR          the compiler (cc); DIR/libgort.a instead of one that is built here
#
# What it is NOT: a check of the engine's own accesses; tools/deep.sh does that with the tests. Rejected: a threshold on the number of reports ("at least one"): a wrong
# report would pass for the right one.
set -u
here=$(cd "$(dirname "$0")" && pwd)
cd "$here/../../.." || exit 1
CC=${CC:-cc}
target=${CARGO_TARGET_DIR:-target}
programs=${RACE_PROGRAMS:-channels locks many nothing select tasks}
workers=${RACE_WORKERS:-1 2}
jobs=${RACE_JOBS:-$(nproc)}
mode=${1:-}
# Another's options would change what is reported; race.h sets its own.
unset TSAN_OPTIONS GORT_SEED GORT_LOG

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT

# The C programs are instrumented here, the library is not, or differently.
echo 'int main(void) { return 0; }' >"$out/probe.c"
if ! $CC -fsanitize=thread "$out/probe.c" -o "$out/probe" >"$out/log" 2>&1 || ! "$out/probe" >>"$out/log" 2>&1; then
    cat "$out/log"
    echo "gort: $CC -fsanitize=thread does not give programs that run; install the sanitizer's runtime: apt-get install libtsan2 (gcc), or set CC" >&2
    exit 1
fi

link=(-ldl -lm -lrt)
if [ "$mode" = --engine ]; then
    lib=${2:?"run.sh: --engine needs the instrumented libgort.a"}
    host=$(rustc -vV | sed -n 's/^host: //p')
    runtime=$(echo "$(rustc --print sysroot)/lib/rustlib/$host"/lib/librustc-*_rt.tsan.a)
    [ -f "$runtime" ] || { echo "run.sh: rust-std brings no runtime of ThreadSanitizer here: $runtime" >&2; exit 1; }
    link=(-Wl,--whole-archive "$runtime" -Wl,--no-whole-archive "$lib" -Wl,--export-dynamic "${link[@]}")
    export RACE_FORMS=right
else
    if [ -z "${RACE_LIB_DIR:-}" ]; then
        make -s tsan-lib >"$out/log" 2>&1 || { cat "$out/log"; exit 1; }
        RACE_LIB_DIR=$target/race/release
    fi
    link=(-fsanitize=thread "$RACE_LIB_DIR/libgort.a" "${link[@]}")
fi

for p in $programs; do
    $CC -std=c11 -Wall -Wextra -Werror -g -O1 -fno-omit-frame-pointer -pthread -D_GNU_SOURCE -Iinclude -fsanitize=thread -c "$here/$p.c" -o "$out/$p.o" &&
        $CC -pthread "$out/$p.o" -o "$out/$p" "${link[@]}" || exit 1
done

# docs/memory-model.md names tests of these programs; each must be there.
for p in $programs; do "$out/$p" --list | sed "s/^/$p /"; done >"$out/rules"
named=0 missing=0
while read -r p rule; do
    case " $programs " in *" $p "*) ;; *) continue ;; esac
    if grep -qx "$p $rule" "$out/rules"; then named=$((named + 1)); else missing=$((missing + 1)); echo "docs/memory-model.md: there is no rule $rule in $p.c"; fi
done < <(grep -o 'ffi-c/tests/race/[a-z]*\.c::[a-z0-9_]*' docs/memory-model.md | sed 's|.*/\(.*\)\.c::|\1 |' | sort -u)

one() { # one PROGRAM WORKERS COMPANY
    local log=$out/$1.$2.$3.log
    RACE_COMPANY=$3 GORT_WORKERS=$2 timeout 1800 "$out/$1" >"$log" 2>&1 || echo "ended with $?" >>"$log"
}
quick() { [ "$mode" = --quick ]; }
companies() { # with so many workers. Quick: tasks alone on one, where the fewest things happen by themselves; else a task and a thread
    if ! quick; then echo "${RACE_COMPANY:-tt tp pt pp --}"; elif [ "$1" = 1 ]; then echo "tt --"; else echo "tp --"; fi
}
all() { # the programs to run with so many workers
    if quick && [ "$1" = 1 ]; then echo "$programs" | sed 's/\bselect\b//; s/\bmany\b//'; else echo "$programs"; fi
}
quick && export RACE_LATE=0

for w in $workers; do
    for p in $(all "$w"); do
        for c in $(companies "$w"); do
            while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
            one "$p" "$w" "$c" &
        done
    done
done
wait

passed=$named failed=$missing
echo "docs/memory-model.md names $named rules that exist, $missing that do not"
for w in $workers; do
    for p in $(all "$w"); do
        good=0 bad=0
        for c in $(companies "$w"); do
            log=$out/$p.$w.$c.log
            read -r g b < <(sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p' "$log" | tail -1) || g=0 b=1
            [ "$b" != 0 ] || ! grep -q '^ended with' "$log" || b=1
            [ "$b" = 0 ] || cat "$log"
            good=$((good + g)) bad=$((bad + b))
        done
        [ "$good" != 0 ] || bad=$((bad + 1))
        printf '%-10s %s workers: %4d ok, %d not\n' "$p" "$w" "$good" "$bad"
        passed=$((passed + good)) failed=$((failed + bad))
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

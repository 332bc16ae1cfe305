#!/usr/bin/env bash
# run.sh: builds every C test program and runs it: as it is and under AddressSanitizer, each with 1, 2 and 5 workers; compiles
# the header in C and C++ with every warning on, and what must not compile. The last line is "N passed, N failed".
#
# The programs are linked with the release build of libgort.so, which is brought up to date first.
#
#   GORT_LIB_DIR=DIR              link with DIR/libgort.so and build nothing (a library built with a sanitizer)
#   GORT_TEST_FLAVOURS="plain"    which builds (default "plain address"; also: thread, undefined)
#   GORT_TEST_WORKERS="2"         with how many workers (default "1 2 5")
#   GORT_TEST_PROGRAMS="chan"     which programs
#   CC, CXX, GORT_TEST_CFLAGS     the compilers (gcc, g++), and more flags
#
# What it is NOT: a make file. All is compiled each time; it takes seconds. Rejected: one process for all tests of a program
# (harness.h gives each test its own, so a crash is one failure).
set -u
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../../.." && pwd)
cd "$root" || exit 1
CC=${CC:-gcc} CXX=${CXX:-g++}
target=${CARGO_TARGET_DIR:-target}
flavours=${GORT_TEST_FLAVOURS:-plain address}
workers=${GORT_TEST_WORKERS:-1 2 5}
programs=${GORT_TEST_PROGRAMS:-chan select select_limits selector selector_life batch unbounded notify timer timer_limits timer_readers pieces mutex rwmutex meeting atomic counter map pool limiter context flow waitgroup run task misuse blocking free_after_wait stress}
# These are C++ as well.
both="chan select select_limits selector selector_life batch unbounded notify timer timer_limits timer_readers pieces mutex rwmutex meeting atomic counter map pool limiter context flow"
passed=0 failed=0

if [ -z "${GORT_LIB_DIR:-}" ]; then
    cargo build -q --release -p gort-ffi-c || exit 1
    GORT_LIB_DIR=$target/release
fi
[ -f "$GORT_LIB_DIR/libgort.so" ] || { echo "run.sh: no libgort.so in $GORT_LIB_DIR" >&2; exit 1; }

out=$(mktemp -d) || exit 1
trap 'rm -rf "$out"' EXIT
# Programs ask for the soname, which is not the file's name before it is installed.
cp "$GORT_LIB_DIR/libgort.so" "$out/libgort.so"
soname=$(readelf -d "$out/libgort.so" | sed -n 's/.*(SONAME).*\[\(.*\)\]/\1/p')
ln -sf libgort.so "$out/$soname"

WARN="-pedantic-errors -Wall -Wextra -Werror"
STRICT="-Wshadow -Wconversion -Wcast-qual -Wundef"
FLAGS="-g -O1 -pthread -D_GNU_SOURCE -Iinclude ${GORT_TEST_CFLAGS:-}"
LINK="-L$out -lgort -Wl,-rpath,$out"

good() { passed=$((passed + 1)); }
bad() { failed=$((failed + 1)); echo "FAILED: $*"; }

# compile NAME OUTPUT COMMAND...: false if it does not compile.
compile() {
    local name=$1 to=$2
    shift 2
    "$@" -o "$to" >"$out/log" 2>&1 || { bad "$name does not compile"; head -20 "$out/log"; return 1; }
}

# --- the library exports what it should -----------------------------------------------------------------------------

exported=$(nm -D --defined-only "$out/libgort.so" | awk '{print $3}' | LC_ALL=C sort)
# A sanitizer's runtime adds symbols of its own.
[ "${GORT_SYMBOLS:-check}" = any ] || {
    if [ "$exported" = "$(awk '!/^#/ {print $1}' ffi-c/abi/symbols.txt)" ]; then good; else bad "exports differ from abi/symbols.txt"; fi
}

# --- the header -----------------------------------------------------------------------------------------------------

for compiler in "$CC -std=c11 -Wstrict-prototypes -Wmissing-prototypes" "$CC -std=c2x" \
    "$CXX -x c++ -std=c++17 -Wold-style-cast -Wzero-as-null-pointer-constant" "$CXX -x c++ -std=c++20"; do
    # shellcheck disable=SC2086
    if compile "header.c as ${compiler#* }" "$out/header" $compiler $WARN $STRICT $FLAGS "$here/header.c" $LINK; then
        if "$out/header"; then good; else bad "header.c as ${compiler#* }: $?"; fi
    fi
done

# snippet NAME GOOD BAD: the first compiles, the second does not, in C and in C++.
snippet() {
    local name=$1 right=$2 wrong=$3 compiler
    for compiler in "$CC -std=c11" "$CXX -x c++ -std=c++17"; do
        for text in "$right" "$wrong"; do
            {
                echo '#include <gort.h>'
                echo 'GORT_CHAN_DEFINE(int, ints); GORT_CHAN_DEFINE(long, longs);'
                echo "$text"
            } >"$out/snippet.c"
            # shellcheck disable=SC2086
            $compiler $WARN -Wno-unused-function $FLAGS -c "$out/snippet.c" -o "$out/snippet.o" >"$out/log" 2>&1
            case $?$([ "$text" = "$right" ] && echo right) in
            0right) good ;;
            0) bad "$name: compiles, and should not ($compiler)" ;;
            *right) bad "$name: does not compile ($compiler)"; head -5 "$out/log" ;;
            *) good ;;
            esac
        done
    done
}

snippet value_of_another_type 'void f(ints *c, int *p); void f(ints *c, int *p) { ints_send(c, *p); }' \
    'void f(ints *c, int *p); void f(ints *c, int *p) { ints_send(c, p); }'
snippet channel_of_another_type 'int f(ints *c, int *v); int f(ints *c, int *v) { return ints_recv(c, v); }' \
    'int f(longs *c, int *v); int f(longs *c, int *v) { return ints_recv(c, v); }'
snippet typed_channel_as_a_raw_one 'int f(ints *c); int f(ints *c) { return gort_chan_close(ints_raw(c)); }' \
    'int f(ints *c); int f(ints *c) { return gort_chan_close(c); }'
snippet receiver_that_sends 'int f(gort_sender *s, int *v); int f(gort_sender *s, int *v) { return gort_sender_send(s, v); }' \
    'int f(gort_receiver *s, int *v); int f(gort_receiver *s, int *v) { return gort_sender_send(s, v); }'
snippet sender_that_receives 'int f(gort_receiver *r, int *v); int f(gort_receiver *r, int *v) { return gort_receiver_recv(r, v); }' \
    'int f(gort_sender *r, int *v); int f(gort_sender *r, int *v) { return gort_receiver_recv(r, v); }'
snippet receiver_that_closes 'int f(gort_sender *s); int f(gort_sender *s) { return gort_sender_close(s); }' \
    'int f(gort_receiver *s); int f(gort_receiver *s) { return gort_sender_close(s); }'
snippet ignored_receive 'int f(ints *c, int *v); int f(ints *c, int *v) { return ints_recv(c, v); }' \
    'int f(ints *c, int *v); int f(ints *c, int *v) { ints_recv(c, v); return 0; }'
snippet case_of_a_receiver_that_sends 'gort_case f(gort_sender *s, int *v); gort_case f(gort_sender *s, int *v) { return gort_case_sender_send(s, v); }' \
    'gort_case f(gort_receiver *s, int *v); gort_case f(gort_receiver *s, int *v) { return gort_case_sender_send(s, v); }'
snippet case_of_a_sender_that_receives 'gort_case f(gort_receiver *r, int *v); gort_case f(gort_receiver *r, int *v) { return gort_case_receiver_recv(r, v); }' \
    'gort_case f(gort_sender *r, int *v); gort_case f(gort_sender *r, int *v) { return gort_case_receiver_recv(r, v); }'
snippet case_of_a_sender_as_a_channel 'gort_case f(gort_chan *c, int *v); gort_case f(gort_chan *c, int *v) { return gort_case_recv(c, v); }' \
    'gort_case f(gort_sender *c, int *v); gort_case f(gort_sender *c, int *v) { return gort_case_recv(c, v); }'
snippet receive_case_into_another_type 'gort_case f(ints *c, int *v); gort_case f(ints *c, int *v) { return ints_case_recv(c, v); }' \
    'gort_case f(ints *c, long *v); gort_case f(ints *c, long *v) { return ints_case_recv(c, v); }'
snippet send_case_of_another_type 'gort_case f(ints *c, const int *v); gort_case f(ints *c, const int *v) { return ints_case_send(c, v); }' \
    'gort_case f(ints *c, const long *v); gort_case f(ints *c, const long *v) { return ints_case_send(c, v); }'
snippet receive_case_into_a_constant 'gort_case f(ints *c, int *v); gort_case f(ints *c, int *v) { return ints_case_recv(c, v); }' \
    'gort_case f(ints *c, const int *v); gort_case f(ints *c, const int *v) { return ints_case_recv(c, v); }'
snippet case_of_another_channel 'gort_case f(ints *c, int *v); gort_case f(ints *c, int *v) { return ints_case_recv(c, v); }' \
    'gort_case f(longs *c, int *v); gort_case f(longs *c, int *v) { return ints_case_recv(c, v); }'
snippet batch_of_another_type 'int f(ints *c, int *v); int f(ints *c, int *v) { return ints_send_n(c, v, 2, NULL); }' \
    'int f(ints *c, long *v); int f(ints *c, long *v) { return ints_send_n(c, v, 2, NULL); }'
snippet ignored_select 'int f(gort_case *c); int f(gort_case *c) { return gort_select(c, 2); }' \
    'int f(gort_case *c); int f(gort_case *c) { gort_select(c, 2); return 0; }'
snippet definition_without_semicolon 'GORT_CHAN_DEFINE(short, shorts); int x;' 'GORT_CHAN_DEFINE(short, shorts) int x;'

# Programs that a checking tool watches lock by calls, which it is told of.
printf '#include <gort.h>\n#ifdef gort_mutex_lock\n#error inline\n#endif\nint x;\n' >"$out/watched.c"
for flags in "-fsanitize=thread" "-DGORT_NO_INLINE"; do
    # shellcheck disable=SC2086
    compile "locks are calls with $flags" "$out/watched.o" $CC -std=c11 $WARN $FLAGS $flags -c "$out/watched.c" && good
done

# --- the examples of the documents --------------------------------------------------------------------------------------

# Each block of C in docs/c-api.md stands by itself, in C and in C++.
blocks=$(awk -v out="$out" '/^```c$/ { n++; on = 1; next } /^```$/ { on = 0 } on { print > (out "/example" n ".c") } END { print n + 0 }' docs/c-api.md)
[ "$blocks" -gt 0 ] || bad "docs/c-api.md has no example"
for n in $(seq "$blocks"); do
    for compiler in "$CC -std=c11 -Wstrict-prototypes -Wmissing-prototypes" "$CXX -x c++ -std=c++17"; do
        # shellcheck disable=SC2086
        compile "example $n of docs/c-api.md as ${compiler#* }" "$out/example.o" $compiler $WARN $STRICT $FLAGS -c "$out/example$n.c" && good
    done
done

# --- the programs ---------------------------------------------------------------------------------------------------

# runs NAME BINARY: the program with each number of workers; its tests are counted from its line "sum PASSED FAILED".
runs() {
    local name=$1 binary=$2 w sum
    for w in $workers; do
        GORT_WORKERS=$w timeout 600 "$binary" >"$out/log" 2>&1
        sum=$(sed -n 's/^sum //p' "$out/log")
        if [ -z "$sum" ]; then
            bad "$name, $w workers: ended early"
            tail -20 "$out/log"
            continue
        fi
        passed=$((passed + ${sum% *})) failed=$((failed + ${sum#* }))
        printf '%-34s %s workers: %3d ok, %d not\n' "$name" "$w" "${sum% *}" "${sum#* }"
        sed -n 's/^note /    /p' "$out/log"
        [ "${sum#* }" = 0 ] || grep -v '^sum \|^note ' "$out/log" | head -40
    done
}

# What a task's stack is to AddressSanitizer: memory like any other. Leaks are counted by the tests themselves.
export ASAN_OPTIONS=detect_stack_use_after_return=0:detect_leaks=0:abort_on_error=1${ASAN_OPTIONS:+:$ASAN_OPTIONS}

for flavour in $flavours; do
    sanitize=
    [ "$flavour" = plain ] || sanitize="-fsanitize=$flavour -fno-omit-frame-pointer"
    for program in $programs; do
        # shellcheck disable=SC2086
        compile "$program.c ($flavour)" "$out/$program" $CC -std=c11 $WARN $FLAGS $sanitize "$here/$program.c" $LINK &&
            runs "$program $flavour" "$out/$program"
        case " $both " in *" $program "*) ;; *) continue ;; esac
        # shellcheck disable=SC2086
        compile "$program.c as C++ ($flavour)" "$out/$program++" $CXX -x c++ -std=c++17 $WARN $FLAGS $sanitize "$here/$program.c" $LINK &&
            runs "$program as C++ $flavour" "$out/$program++"
    done
done

echo "$passed passed, $failed failed"
[ "$failed" = 0 ]

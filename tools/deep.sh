#!/usr/bin/env bash
# tools/deep.sh: what takes long (make test-deep): loom models, ThreadSanitizer, AddressSanitizer, fuzzing, long stress, mutants.
# Writes docs/records/deep.txt, the record that is kept in the tree. ONLY="loom mutants" runs some stages (no record then),
# SECONDS_EACH=5 sets how long each repeated test runs (1), SEED=n repeats the random choices of a run, GORT_LOOM_MORE=1 lets
# the models explore one preemption more.
#
# Sanitizers work on the stable toolchain by RUSTC_BOOTSTRAP=1, since their runtimes ship with rust-std; std itself stays
# un-instrumented, which is why the engine must not synchronise through it. --target keeps build scripts and proc macros
# out of the instrumented world. Under TSan and loom both sides of the bracket use read-modify-writes (cfg gort_tsan, loom):
# neither tool knows membarrier. tools/tsan.supp names the few things of the test harness itself that TSan is to ignore.
#
# The sanitized suites run the quick numbers twice, with two seeds, and what is meant as stress at length. The C programs run
# under TSan too: compiled by gcc with its instrumentation, linked with an instrumented libgort.a and the runtime that comes
# with rust-std (gcc's own lacks functions that newer compilers call).
#
# The memory model is shown twice (docs/memory-model.md): race-c, the library of `make tsan-lib` reports every broken program and no right one;
# race-engine, the right programs are silent with the instrumented library too, so the engine makes each edge that the other one only announces.
#
# Fuzzing is libFuzzer's, on the stable toolchain in the same way: for a minute, with what it found before (below the target
# directory), under AddressSanitizer. What it fuzzes are the programs that core/tests/proptest_chan.rs generates.
#
# Left out, each for a reason that lies in the sanitizer: the counting of instructions (they are others), the recursion that
# fills its stack (ASan's frames are several times as large), run.c under TSan (its thread is one that could call, so no
# deadlock is ever judged; the Rust tests of that fork first, which leaves it behind).
set -u
cd "$(dirname "$0")/.." || exit 1
STAGE_LIMIT=${STAGE_LIMIT:-3600}
LOGS=${CARGO_TARGET_DIR:-target}/deep-logs
. tools/stages.sh
need cargo "https://rustup.rs, or your distribution's cargo"
need python3 "Python 3, for instance: apt-get install python3"

HOST=$(rustc -vV | sed -n 's/^host: //p')
SEED=${SEED:-$(($(date +%s) % 1000000007))}
export GORT_STRESS_SECONDS=${SECONDS_EACH:-1}
# At the end of a process TSan sleeps a second for what may still race; the tests start thousands of processes.
export TSAN_OPTIONS="halt_on_error=1 second_deadlock_stack=1 die_after_fork=0 atexit_sleep_ms=20 suppressions=$PWD/tools/tsan.supp ${TSAN_OPTIONS:-}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0}"
LONG=$((15 * ${GORT_STRESS_SECONDS%.*}))
echo "seed $SEED, $GORT_STRESS_SECONDS s for each repeated test"

# Separate target directories: flags differ, and each switch would otherwise rebuild everything.
loom() {
    RUSTFLAGS="--cfg loom" \
        cargo test -p gort --release --target-dir "$TARGET/loom" --test 'loom*' --no-fail-fast -- --test-threads 2
}
instrumented() { # instrumented NAME COMMAND-OF-CARGO ARGUMENTS...
    local name=$1 command=$2 flags=
    shift 2
    [ "$name" = thread ] && flags="-Cunsafe-allow-abi-mismatch=sanitizer --cfg gort_tsan"
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$name $flags" GORT_TEST_PATIENCE=5 \
        cargo "$command" --target "$HOST" --target-dir "$TARGET/$name" "$@"
}
sanitized() { # sanitized NAME: the suite
    local seed
    for seed in "$SEED" $((SEED + 1)); do
        GORT_TEST_SEED=$seed instrumented "$1" test -p gort --tests --no-fail-fast -- --test-threads 2 \
            --skip read_modify_writes_are_within_budget --skip "$2" || return 1
    done
    GORT_TEST_SEED=$SEED GORT_STRESS=deep GORT_STRESS_SECONDS=$LONG \
        instrumented "$1" test -p gort --test stress --test timer_stress -- --test-threads 1
}
tsan() { sanitized thread "no such test"; }
asan() { sanitized address deep_recursion_fits_into_the_stack_that_was_asked_for; }
tsan_c() { # the C programs and the library both instrumented
    local p w out runtime failed=0
    instrumented thread rustc -q -p gort-ffi-c --lib --crate-type staticlib --release || return 1
    runtime=$(echo "$(rustc --print sysroot)/lib/rustlib/$HOST"/lib/librustc-*_rt.tsan.a)
    out=$(mktemp -d) || return 1
    for p in stress chan waitgroup task misuse blocking free_after_wait select select_limits selector selector_life batch unbounded notify timer timer_readers pieces mutex rwmutex meeting atomic counter map pool limiter context flow; do
        cc -std=c11 -g -O1 -pthread -D_GNU_SOURCE -Iinclude -fsanitize=thread -c "ffi-c/tests/c/$p.c" -o "$out/$p.o" &&
            cc -pthread "$out/$p.o" -o "$out/$p" -Wl,--whole-archive "$runtime" -Wl,--no-whole-archive \
                "$TARGET/thread/$HOST/release/libgort.a" -ldl -lm -lrt -Wl,--export-dynamic || return 1
        for w in 1 2 5; do
            if GORT_WORKERS=$w GORT_TEST_SEED=$SEED timeout 600 "$out/$p" >"$out/log" 2>&1; then
                echo "$(sed -n 's/^sum \([0-9]*\) .*/\1/p' "$out/log") passed: $p, $w workers"
            else
                failed=1
                echo "FAILED: $p, $w workers"
                cat "$out/log"
            fi
        done
    done
    rm -rf "$out"
    return $failed
}
race_engine() {
    instrumented thread rustc -q -p gort-ffi-c --lib --crate-type staticlib --release || return 1
    bash ffi-c/tests/race/run.sh --engine "$TARGET/thread/$HOST/release/libgort.a"
}
race_c() { bash ffi-c/tests/race/run.sh; }
fuzz() { # programs of channel operations; the flags are cargo-fuzz's
    local bin=$TARGET/fuzz/$HOST/release/chan log=$TARGET/fuzz/log
    command -v c++ >/dev/null || { echo "c++ is missing; libFuzzer needs it: apt-get install g++"; return 1; }
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=address --cfg fuzzing -Ccodegen-units=1 -Cpasses=sancov-module
        -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters
        -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares" \
        cargo build -q --release --manifest-path fuzz/Cargo.toml --target "$HOST" --target-dir "$TARGET/fuzz" || return 1
    mkdir -p "$TARGET/fuzz/corpus"
    "$bin" "$TARGET/fuzz/corpus" -seed="$((SEED % 1000000007 + 1))" -max_len=2000 -max_total_time=$((4 * LONG)) \
        -artifact_prefix="$TARGET/fuzz/" >"$log" 2>&1
    local rc=$?
    [ $rc = 0 ] || { tail -n 40 "$log"; return $rc; }
    echo "1 passed: chan, $(sed -n 's/^Done \([0-9]*\) runs.*/\1/p' "$log") programs, corpus $(ls "$TARGET/fuzz/corpus" | wc -l)"
}
stress() { # stress WORKERS: each repeated test for a while and 10^6 operations, in Rust and in C
    echo "GORT_WORKERS=$1 GORT_TEST_SEED=$SEED GORT_STRESS=deep GORT_STRESS_SECONDS=$GORT_STRESS_SECONDS"
    GORT_WORKERS=$1 GORT_TEST_SEED=$SEED GORT_STRESS=deep \
        cargo test -p gort --release --tests --no-fail-fast -- --test-threads $(($1 == 1 ? 2 : 1)) || return 1
    # Random programs; a third of the time each, as the test counts on three numbers of workers.
    GORT_WORKERS=$1 GORT_TEST_SEED=$((SEED + $1)) GORT_STRESS=deep GORT_STRESS_SECONDS=$LONG \
        cargo test -p gort --release --test stress --test timer_stress -- --test-threads 1 || return 1
    GORT_TEST_PROGRAMS=stress GORT_TEST_FLAVOURS=plain GORT_TEST_WORKERS=$1 GORT_TEST_SEED=$SEED \
        GORT_TEST_ROUNDS=20 bash ffi-c/tests/c/run.sh
}
export -f loom instrumented sanitized tsan asan tsan_c race_engine race_c fuzz stress
export HOST SEED TARGET LONG

stage loom - bash -c loom
stage tsan - bash -c tsan
stage tsan-c - bash -c tsan_c
stage race-engine - bash -c race_engine
stage race-c - bash -c race_c
stage asan - bash -c asan
stage fuzz - bash -c fuzz
for w in 1 2 5; do
    stage "stress-w$w" - bash -c "stress $w"
done
stage mutants - python3 tools/mutants.py

record() {
    echo "Record of make test-deep"
    echo
    echo "date      $(date -u +%Y-%m-%dT%H:%MZ)"
    echo "commit    $(git describe --always --dirty 2>/dev/null || echo 'no commit')"
    echo "machine   $(uname -srm), $(nproc) cores, $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)"
    echo "tools     $(rustc -V), $(cc --version | head -1)"
    echo "command   SEED=$SEED SECONDS_EACH=$GORT_STRESS_SECONDS make test-deep"
    echo
    printf '  %-14s %-16s %6s %8s\n%s' stage result tests time "$TABLE"
    echo
    echo "$PASSED passed, $FAILED failed"
    echo
    for log in loom tsan tsan-c race-engine race-c asan fuzz stress-w1 stress-w2 stress-w5 mutants; do
        [ -f "$LOGS/$log.log" ] || continue
        echo "-- $log"
        grep -hE '^test .* \.\.\. |^ *(schedules|mutant_)|^GORT_WORKERS|passed' "$LOGS/$log.log" | sed 's/^/   /'
    done
}
if [ -z "${ONLY:-}" ]; then
    mkdir -p docs/records
    record >docs/records/deep.txt
    echo "record: docs/records/deep.txt"
fi
summary

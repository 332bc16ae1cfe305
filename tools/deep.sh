#!/usr/bin/env bash
# tools/deep.sh: what takes long (make test-deep): loom models, ThreadSanitizer, AddressSanitizer, long stress, mutants.
# Writes docs/records/deep.txt, the record that is kept in the tree. ONLY="loom mutants" runs some stages (no record then),
# SECONDS_EACH=5 sets how long each repeated test runs (2), SEED=n repeats the random choices of a run, GORT_LOOM_MORE=1 lets
# the models explore one preemption more.
#
# Sanitizers work on the stable toolchain by RUSTC_BOOTSTRAP=1, since their runtimes ship with rust-std; std itself stays
# un-instrumented, which is why the engine must not synchronise through it. --target keeps build scripts and proc macros
# out of the instrumented world. Under TSan and loom both sides of the bracket use read-modify-writes (cfg gort_tsan, loom):
# neither tool knows membarrier.
set -u
cd "$(dirname "$0")/.." || exit 1
STAGE_LIMIT=${STAGE_LIMIT:-3600}
LOGS=${CARGO_TARGET_DIR:-target}/deep-logs
. tools/stages.sh
need cargo "https://rustup.rs, or your distribution's cargo"
need python3 "Python 3, for instance: apt-get install python3"

HOST=$(rustc -vV | sed -n 's/^host: //p')
SEED=${SEED:-$(($(date +%s) % 1000000007))}
export GORT_STRESS_SECONDS=${SECONDS_EACH:-2}
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0}"
echo "seed $SEED, $GORT_STRESS_SECONDS s for each repeated test"

# Separate target directories: flags differ, and each switch would otherwise rebuild everything.
loom() {
    RUSTFLAGS="--cfg loom" \
        cargo test -p gort --release --target-dir "$TARGET/loom" --test 'loom*' --no-fail-fast -- --test-threads 2
}
sanitized() { # sanitized NAME FLAGS
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$1 $2" GORT_TEST_PATIENCE=5 GORT_TEST_SEED=$SEED \
        cargo test -p gort --target "$HOST" --target-dir "$TARGET/$1" --tests --no-fail-fast -- --test-threads 2
}
tsan() { sanitized thread "-Cunsafe-allow-abi-mismatch=sanitizer --cfg gort_tsan"; }
asan() { sanitized address ""; }
stress() { # stress WORKERS: each repeated test for a while and 10^6 operations, in Rust and in C
    echo "GORT_WORKERS=$1 GORT_TEST_SEED=$SEED GORT_STRESS=deep GORT_STRESS_SECONDS=$GORT_STRESS_SECONDS"
    GORT_WORKERS=$1 GORT_TEST_SEED=$SEED GORT_STRESS=deep \
        cargo test -p gort --release --tests --no-fail-fast -- --test-threads 1 || return 1
    GORT_TEST_PROGRAMS=stress GORT_TEST_FLAVOURS=plain GORT_TEST_WORKERS=$1 GORT_TEST_SEED=$SEED \
        GORT_TEST_ROUNDS=20 bash ffi-c/tests/c/run.sh
}
export -f loom sanitized tsan asan stress
export HOST SEED TARGET

stage loom - bash -c loom
stage tsan - bash -c tsan
stage asan - bash -c asan
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
    for log in loom stress-w1 stress-w2 stress-w5 mutants; do
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

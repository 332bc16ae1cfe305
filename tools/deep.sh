#!/usr/bin/env bash
# tools/deep.sh: what takes long (make test-deep): loom models, ThreadSanitizer, AddressSanitizer, long stress, mutants.
# Writes docs/records/deep.txt, the record that is kept in the tree. ONLY="loom mutants" runs some stages (no record then),
# SECONDS_EACH=5 sets how long each stress test runs, SEED=n repeats a run.
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
export GORT_STRESS_SECONDS=${SECONDS_EACH:-5}
export TSAN_OPTIONS="${TSAN_OPTIONS:-halt_on_error=1 second_deadlock_stack=1}"
export ASAN_OPTIONS="${ASAN_OPTIONS:-detect_stack_use_after_return=0}"
echo "seed $SEED, $GORT_STRESS_SECONDS s for each stress test"

# Separate target directories: flags differ, and each switch would otherwise rebuild everything.
loom() {
    RUSTFLAGS="--cfg loom" LOOM_MAX_PREEMPTIONS=${LOOM_MAX_PREEMPTIONS:-3} \
        cargo test -p gort --release --target-dir "$TARGET/loom" --test 'loom*' --no-fail-fast
}
sanitized() { # sanitized NAME FLAGS ARGS...
    local name=$1 flags=$2
    shift 2
    RUSTC_BOOTSTRAP=1 RUSTFLAGS="-Zsanitizer=$name $flags" GORT_STRESS_SEED=$SEED \
        cargo test -p gort --target "$HOST" --target-dir "$TARGET/$name" --tests --no-fail-fast "$@"
}
tsan() { sanitized thread "-Cunsafe-allow-abi-mismatch=sanitizer --cfg gort_tsan"; }
asan() { sanitized address ""; }
stress() { # stress WORKERS
    echo "GORT_WORKERS=$1 GORT_STRESS_SEED=$SEED GORT_STRESS_SECONDS=$GORT_STRESS_SECONDS"
    GORT_WORKERS=$1 GORT_STRESS_SEED=$SEED cargo test -p gort --release --test 'stress*' --no-fail-fast -- --nocapture --test-threads 1
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
        grep -hE '^test |^ *(seed|ops|schedules|mutant_)|GORT_STRESS' "$LOGS/$log.log" | sed 's/^/   /'
    done
}
if [ -z "${ONLY:-}" ]; then
    mkdir -p docs/records
    record >docs/records/deep.txt
    echo "record: docs/records/deep.txt"
fi
summary

# tools/stages.sh: runs named stages and sums them up. Sourced by test.sh and deep.sh; not a program.
#
#   stage NAME "PATHS" COMMAND...
#
# runs COMMAND with its output in $LOGS/NAME.log and shows the end of that log only if it fails. A stage that passed is
# remembered under a hash of the files below PATHS, the toolchain and the GORT_* environment; while none of them changes
# it is not run again. FORCE=1 runs all. PATHS "-" means: never remember. ONLY="a b" runs just these stages.
#
# Rejected: time stamps of make (a checkout or a touched file lies about what was tested).

TARGET=${CARGO_TARGET_DIR:-target}
STAMPS=$TARGET/stamps
LOGS=${LOGS:-$TARGET/test-logs}
STAGE_LIMIT=${STAGE_LIMIT:-900}
mkdir -p "$STAMPS" "$LOGS"
PASSED=0 FAILED=0 TESTS=0 TABLE=

need() { # need PROGRAM WHAT-TO-INSTALL
    command -v "$1" >/dev/null 2>&1 || { echo "gort: $1 is missing; install it: $2" >&2; exit 1; }
}

# What a stage's answer depends on besides its files.
TOOLCHAIN="$(rustc -V 2>/dev/null) $(cc --version 2>/dev/null | head -1) $(uname -srm) $(env | grep '^GORT_' | sort | tr '\n' ' ')"

key() { # key PATHS...
    {
        echo "$TOOLCHAIN"
        find "$@" \( -name target -o -name .venv -o -name __pycache__ -o -name '*.so' -o -path benchmarks/out \) -prune -o -type f -print0 2>/dev/null |
            sort -z | xargs -0r sha256sum
    } | sha256sum | cut -d' ' -f1
}

# The number of tests a log speaks of: the summaries of cargo and of unittest, and lines "N passed"; without any, one.
count() {
    awk '/^test result:/ { n += $4 } /^[0-9]+ passed/ { n += $1 } /^Ran [0-9]+ test/ { n += $2 } END { print n ? n : 1 }' "$1"
}

row() { # row NAME RESULT TESTS SECONDS
    local line
    line=$(printf '  %-14s %-16s %6s %8s' "$@")
    TABLE="$TABLE$line
"
}

stage() {
    local name=$1 paths=$2 log t0 secs hash n
    shift 2
    if [ -n "${ONLY:-}" ] && ! [[ " $ONLY " == *" $name "* ]]; then return 0; fi
    log=$LOGS/$name.log
    hash=-
    if [ "$paths" != - ]; then
        # shellcheck disable=SC2086
        hash=$(echo "$* $(key $paths)" | sha256sum | cut -d' ' -f1)
        if [ -z "${FORCE:-}" ] && [ "$(cut -d' ' -f1 "$STAMPS/$name" 2>/dev/null)" = "$hash" ]; then
            n=$(cut -d' ' -f2 "$STAMPS/$name")
            PASSED=$((PASSED + 1)) TESTS=$((TESTS + n))
            row "$name" "ok, unchanged" "$n" -
            return 0
        fi
    fi
    printf '%-14s ... ' "$name"
    t0=$(date +%s)
    if timeout "$STAGE_LIMIT" "$@" >"$log" 2>&1; then
        secs=$(($(date +%s) - t0))
        n=$(count "$log")
        [ "$hash" = - ] || echo "$hash $n" >"$STAMPS/$name"
        PASSED=$((PASSED + 1)) TESTS=$((TESTS + n))
        row "$name" ok "$n" "${secs}s"
        echo "ok (${secs}s)"
    else
        local rc=$?
        secs=$(($(date +%s) - t0))
        rm -f "$STAMPS/$name"
        FAILED=$((FAILED + 1))
        row "$name" FAILED - "${secs}s"
        [ $rc = 124 ] && echo "FAILED: not over after ${STAGE_LIMIT}s" || echo "FAILED (exit $rc)"
        echo "---- the end of $log"
        tail -n "${TAIL:-40}" "$log"
        echo "---- command: $*"
    fi
}

summary() { # the table, the closing line, and the exit status
    printf '\n  %-14s %-16s %6s %8s\n%s' stage result tests time "$TABLE"
    echo "$TESTS tests in $((PASSED + FAILED)) stages"
    echo "$PASSED passed, $FAILED failed"
    [ "$FAILED" = 0 ]
}

/* limiters.c - what a limiter costs that has enough: one that all workers ask, and one for each of a million keys.
 *
 * Invariants: those of tasks.h, and
 *   L1 Everything is granted, so the number of the granted shows whether each call was.
 */
#include "tasks.h"

enum { KEYS = 1000000, EACH = 1000 };

typedef struct asker {
    gort_limiter *limiter;
    uint64_t calls, granted;
} asker;

static void ask(void *arg) {
    asker *a = arg;
    uint64_t granted = 0;
    for (uint64_t i = 0; i < a->calls; i++) granted += gort_limiter_allow(a->limiter) == GORT_OK;
    a->granted = granted;
}

void limiter_allow(uint64_t n, bench_result *out) {
    enum { MOST = 64 };
    asker askers[MOST];
    uint64_t workers = gort_workers() < MOST ? gort_workers() : MOST, granted = 0;
    gort_limiter *limiter = gort_limiter_token_bucket_new(gort_limiter_every(GORT_SEC(3600)), (uint32_t)n);
    if (limiter == NULL) bench_die("gort_limiter_token_bucket_new", gort_last_error());
    gort_wg *wg = wg_or_die();
    int64_t start = bench_now();
    for (uint64_t k = 0; k < workers; k++) {
        askers[k] = (asker){limiter, n / workers + (k < n % workers), 0};
        go_or_die(wg, ask, &askers[k]);
    }
    out->errors = wait_and_free(wg);
    out->ns_total = bench_now() - start;
    for (uint64_t k = 0; k < workers; k++) granted += askers[k].granted;
    out->checksum = granted;
    out->errors += failed(gort_limiter_free(limiter));
}

void limiter_keyed(uint64_t n, bench_result *out) {
    uint64_t granted = 0;
    gort_keyed *keyed = gort_keyed_new(gort_limiter_every(GORT_SEC(3600)), EACH, NULL);
    if (keyed == NULL) bench_die("gort_keyed_new", gort_last_error());
    int64_t start = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        uint64_t key = i % KEYS;
        granted += gort_keyed_allow(keyed, &key, sizeof key, 1) == GORT_OK;
    }
    out->ns_total = bench_now() - start;
    out->checksum = granted;
    out->errors = failed(gort_keyed_free(keyed));
}

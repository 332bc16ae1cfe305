/* locks.c - a table that many read under a reader/writer lock and few change, and two tasks that hand a turn to each other.
 *
 * Invariants: those of tasks.h, and
 *   L1 Each operation on the table sees the same sum, also while somebody writes.
 */
#include "tasks.h"

enum {
    READERS = 5,
    ENTRIES = 256, /* so many are read under the lock */
    SELDOM = 1000, /* one operation in so many writes */
};

typedef struct table {
    _Alignas(64) gort_rwmutex lock;
    uint64_t entry[ENTRIES]; /* guarded by lock */
} table;

typedef struct reader {
    table *of;
    uint64_t n, first, sum, errors;
} reader;

static void read_table(void *arg) {
    reader *r = arg;
    table *t = r->of;
    uint64_t sum = 0, errors = 0;
    for (uint64_t i = r->first; i < r->n; i += READERS) {
        if (i % SELDOM == r->first) {
            errors += failed(gort_rwmutex_lock(&t->lock));
            uint64_t at = i / SELDOM % (ENTRIES - 1);
            t->entry[at]--, t->entry[at + 1]++;
            t->entry[at]++, t->entry[at + 1]--;
            errors += failed(gort_rwmutex_unlock(&t->lock));
            sum += ENTRIES;
            continue;
        }
        errors += failed(gort_rwmutex_rlock(&t->lock));
        for (int k = 0; k < ENTRIES; k++) sum += t->entry[k];
        errors += failed(gort_rwmutex_runlock(&t->lock));
    }
    r->sum = sum;
    r->errors = errors;
}

void rwmutex_readers(uint64_t n, bench_result *out) {
    static table t;
    reader readers[READERS];
    gort_wg *wg = wg_or_die();
    for (int k = 0; k < ENTRIES; k++) t.entry[k] = 1;
    int64_t t0 = bench_now();
    for (uint64_t k = 0; k < READERS; k++) {
        readers[k] = (reader){&t, n, k, 0, 0};
        go_or_die(wg, read_table, &readers[k]);
    }
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = 0;
    for (int k = 0; k < READERS; k++) {
        out->checksum += readers[k].sum;
        errors += readers[k].errors;
    }
    out->errors = errors + failed(gort_wg_free(wg));
}

typedef struct turns {
    gort_mutex lock;
    gort_cond changed;
    uint64_t turn, taken; /* guarded by lock */
} turns;

typedef struct player {
    turns *of;
    uint64_t n, me, errors;
} player;

static void play(void *arg) {
    player *p = arg;
    turns *t = p->of;
    uint64_t errors = 0;
    for (uint64_t i = p->me; i < p->n; i += 2) {
        errors += failed(gort_mutex_lock(&t->lock));
        while (t->turn != p->me) errors += failed(gort_cond_wait(&t->changed, &t->lock));
        t->turn = 1 - p->me;
        t->taken++;
        errors += failed(gort_cond_signal(&t->changed));
        errors += failed(gort_mutex_unlock(&t->lock));
    }
    p->errors = errors;
}

void cond_1(uint64_t n, bench_result *out) {
    turns t = {.turn = 0};
    player players[2];
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    for (uint64_t k = 0; k < 2; k++) {
        players[k] = (player){&t, n, k, 0};
        go_or_die(wg, play, &players[k]);
    }
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = t.taken;
    out->errors = errors + players[0].errors + players[1].errors + failed(gort_wg_free(wg));
}

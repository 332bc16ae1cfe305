/* maps.c - a counter that five tasks share, and a map that four of them load from and store to.
 *
 * Invariants: those of tasks.h, and
 *   M1 A value says which key it belongs to, so each load is checked. Values are numbers: the map follows none.
 */
#include "tasks.h"

enum { ADDERS = 5, TASKS = 4, KEYS = 4096 };

typedef struct adder {
    gort_counter *counter;
    uint64_t n, errors;
} adder;

static void count_up(void *arg) {
    adder *a = arg;
    gort_counter *counter = a->counter;
    uint64_t n = a->n, errors = 0;
    for (uint64_t i = 0; i < n; i++) errors += failed(gort_counter_add(counter, 1));
    a->errors = errors;
}

void counter_shared(uint64_t n, bench_result *out) {
    gort_counter *counter = gort_counter_new();
    adder adders[ADDERS];
    gort_wg *wg = wg_or_die();
    if (counter == NULL) bench_die("gort_counter_new", gort_last_error());
    int64_t t0 = bench_now();
    for (uint64_t k = 0; k < ADDERS; k++) {
        adders[k] = (adder){counter, n / ADDERS + (k < n % ADDERS), 0};
        go_or_die(wg, count_up, &adders[k]);
    }
    out->errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    for (int k = 0; k < ADDERS; k++) out->errors += adders[k].errors;
    out->checksum = (uint64_t)gort_counter_value(counter);
    out->errors += failed(gort_wg_free(wg)) + failed(gort_counter_free(counter));
}

typedef struct user {
    gort_map *map;
    uint64_t n, seed, well;
} user;

static void load_and_store(void *arg) {
    user *u = arg;
    gort_map *map = u->map;
    uint64_t n = u->n, well = 0, x = (u->seed * UINT64_C(0x9E3779B97F4A7C15)) | 1;
    for (uint64_t i = 0; i < n; i++) {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        uint64_t key = x % KEYS;
        void *v;
        if ((x >> 32) % 10 == 0) well += gort_map_store(map, &key, sizeof key, (void *)(uintptr_t)(key + KEYS * i)) == GORT_OK;
        else well += gort_map_load(map, &key, sizeof key, &v) == 1 && (uintptr_t)v % KEYS == key;
    }
    u->well = well;
}

void map_90_10(uint64_t n, bench_result *out) {
    gort_map *map = gort_map_new();
    user users[TASKS];
    gort_wg *wg = wg_or_die();
    if (map == NULL) bench_die("gort_map_new", gort_last_error());
    for (uint64_t key = 0; key < KEYS; key++) {
        if (gort_map_store(map, &key, sizeof key, (void *)(uintptr_t)key) != GORT_OK) bench_die("gort_map_store", gort_last_error());
    }
    int64_t t0 = bench_now();
    for (uint64_t t = 0; t < TASKS; t++) {
        users[t] = (user){map, n / TASKS + (t < n % TASKS), t + 1, 0};
        go_or_die(wg, load_and_store, &users[t]);
    }
    out->errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = 0;
    for (int t = 0; t < TASKS; t++) out->checksum += users[t].well;
    out->errors += n - out->checksum + failed(gort_wg_free(wg)) + failed(gort_map_free(map));
}

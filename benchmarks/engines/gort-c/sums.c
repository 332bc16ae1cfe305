/* sums.c - one job three ways: five tasks add numbers to a sum, over a channel, under a mutex, with an atomic.
 *
 * Also locks and counters by themselves: a mutex that nobody else wants, and a WaitGroup that five tasks count up and down.
 *
 * Invariants: those of tasks.h, and
 *   S1 Each adder has its share of the numbers 0 .. n - 1, so the sum shows whether each of them arrived once.
 */
#include "tasks.h"

#include <stdatomic.h>

enum { ADDERS = 5 };

typedef struct total {
    numbers *ch;
    _Alignas(64) gort_mutex lock;
    uint64_t sum; /* guarded by lock */
    _Alignas(64) atomic_uint_fast64_t atomic;
} total;

typedef struct adder {
    total *to;
    uint64_t n, first, errors;
} adder;

static void add_over_channel(void *arg) {
    adder *a = arg;
    numbers *ch = a->to->ch;
    uint64_t n = a->n, errors = 0;
    for (uint64_t i = a->first; i < n; i += ADDERS) errors += failed(numbers_send(ch, (int64_t)i));
    a->errors = errors;
}

static void add_under_mutex(void *arg) {
    adder *a = arg;
    total *to = a->to;
    uint64_t n = a->n, errors = 0;
    for (uint64_t i = a->first; i < n; i += ADDERS) {
        errors += failed(gort_mutex_lock(&to->lock));
        to->sum += i;
        errors += failed(gort_mutex_unlock(&to->lock));
    }
    a->errors = errors;
}

static void add_with_atomic(void *arg) {
    adder *a = arg;
    total *to = a->to;
    uint64_t n = a->n;
    for (uint64_t i = a->first; i < n; i += ADDERS) atomic_fetch_add_explicit(&to->atomic, i, memory_order_relaxed);
}

typedef struct collector {
    numbers *ch;
    uint64_t sum, count, errors;
} collector;

static void collect(void *arg) {
    collector *c = arg;
    numbers *ch = c->ch;
    uint64_t sum = 0, count = 0;
    gort_status st;
    int64_t v;
    while ((st = numbers_recv(ch, &v)) == GORT_OK) {
        sum += (uint64_t)v;
        count++;
    }
    c->sum = sum, c->count = count, c->errors = st != GORT_CLOSED;
}

static void start_adders(gort_wg *wg, adder *adders, total *to, uint64_t n, void (*add)(void *)) {
    for (uint64_t k = 0; k < ADDERS; k++) {
        adders[k] = (adder){to, n, k, 0};
        go_or_die(wg, add, &adders[k]);
    }
}

static uint64_t errors_of(const adder *adders) {
    uint64_t errors = 0;
    for (int k = 0; k < ADDERS; k++) errors += adders[k].errors;
    return errors;
}

void sum_channel(uint64_t n, bench_result *out) {
    total to = {.ch = numbers_or_die(1024)};
    collector c = {to.ch, 0, 0, 0};
    adder adders[ADDERS];
    gort_wg *producers = wg_or_die(), *consumer = wg_or_die();
    int64_t t0 = bench_now();
    start_adders(producers, adders, &to, n, add_over_channel);
    go_or_die(consumer, collect, &c);
    uint64_t errors = failed(gort_wg_wait(producers));
    errors += failed(numbers_close(to.ch));
    errors += failed(gort_wg_wait(consumer));
    out->ns_total = bench_now() - t0;
    out->checksum = c.sum;
    errors += failed(gort_wg_free(producers)) + failed(gort_wg_free(consumer));
    out->errors = errors + errors_of(adders) + c.errors + (c.count != n);
    numbers_release(to.ch);
}

static void share(uint64_t n, total *to, void (*add)(void *), bench_result *out) {
    adder adders[ADDERS];
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    start_adders(wg, adders, to, n, add);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->errors = errors + errors_of(adders) + failed(gort_wg_free(wg));
}

void sum_mutex(uint64_t n, bench_result *out) {
    total to = {.sum = 0};
    share(n, &to, add_under_mutex, out);
    out->checksum = to.sum;
}

void sum_atomic(uint64_t n, bench_result *out) {
    total to = {.ch = NULL};
    share(n, &to, add_with_atomic, out);
    out->checksum = atomic_load(&to.atomic);
}

void mutex_uncontended(uint64_t n, bench_result *out) {
    total to = {.sum = 0};
    uint64_t errors = 0;
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        errors += failed(gort_mutex_lock(&to.lock));
        to.sum += i;
        errors += failed(gort_mutex_unlock(&to.lock));
    }
    out->ns_total = bench_now() - t0;
    out->checksum = to.sum;
    out->errors = errors;
}

typedef struct counter {
    gort_wg *wg;
    uint64_t n, errors;
} counter;

static void count_up_and_down(void *arg) {
    counter *c = arg;
    gort_wg *wg = c->wg;
    uint64_t n = c->n, errors = 0;
    for (uint64_t i = 0; i < n; i++) errors += failed(gort_wg_add(wg, 1)) + failed(gort_wg_done(wg));
    c->errors = errors;
}

/* Main counts as one, so that nobody comes to zero before the others. */
void wg_add_done(uint64_t n, bench_result *out) {
    counter counters[ADDERS];
    gort_wg *counted = wg_or_die(), *tasks = wg_or_die();
    uint64_t errors = failed(gort_wg_add(counted, 1)), pairs = 0;
    int64_t t0 = bench_now();
    for (uint64_t k = 0; k < ADDERS; k++) {
        counters[k] = (counter){counted, n / ADDERS + (k < n % ADDERS), 0};
        go_or_die(tasks, count_up_and_down, &counters[k]);
    }
    errors += wait_and_free(tasks);
    out->ns_total = bench_now() - t0;
    errors += gort_wg_try_wait(counted) != GORT_WOULD_BLOCK;
    errors += failed(gort_wg_done(counted)) + wait_and_free(counted);
    for (int k = 0; k < ADDERS; k++) errors += counters[k].errors, pairs += counters[k].n;
    out->checksum = pairs;
    out->errors = errors;
}

/* sums.c - one job three ways: five tasks add numbers to a sum, over a channel, under a mutex, with an atomic.
 *
 * The mutex is a pthread_mutex_t: what a user of gort takes today. It blocks the worker and not the task; that is right here,
 * since nobody waits while he holds it.
 *
 * Invariants: those of tasks.h, and
 *   S1 Each adder has its share of the numbers 0 .. n - 1, so the sum shows whether each of them arrived once.
 */
#include "tasks.h"

#include <pthread.h>
#include <stdatomic.h>

enum { ADDERS = 5 };

typedef struct total {
    numbers *ch;
    _Alignas(64) pthread_mutex_t lock;
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
        errors += pthread_mutex_lock(&to->lock) != 0;
        to->sum += i;
        errors += pthread_mutex_unlock(&to->lock) != 0;
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
    if (pthread_mutex_init(&to.lock, NULL) != 0) bench_die("cannot make", "a mutex");
    share(n, &to, add_under_mutex, out);
    out->checksum = to.sum;
    out->errors += pthread_mutex_destroy(&to.lock) != 0;
}

void sum_atomic(uint64_t n, bench_result *out) {
    total to = {.ch = NULL};
    share(n, &to, add_with_atomic, out);
    out->checksum = atomic_load(&to.atomic);
}

/* gort-c - gort through its C face and the shared library, as a C program would use it.
 *
 * The whole run is one gort_run: its main task makes the channels, starts the tasks on a WaitGroup and reads the clock.
 * `gort-c --selector ...` is the same program under another name: it has the workloads that a gort_selector can do, done by
 * one. This file has the program, the streams and the tasks; tasks.h says what the files share and what holds for all.
 *
 * The command line and the result line are in ../common/bench.h; names, shapes and checksums in ../../workloads.toml.
 *
 * Rejected: calling from the OS thread without gort_run (it would measure how threads block, which is another row).
 */
#include "tasks.h"

#include <stdatomic.h>

typedef struct item {
    uint64_t id, len;
} item;

GORT_CHAN_DEFINE(item, items);

/* ---- one task, one channel ---------------------------------------------------------------------------------- */

typedef struct alone {
    numbers *ch;
    uint64_t n, sum, errors;
} alone;

static void send_and_receive(void *arg) {
    alone *a = arg;
    numbers *ch = a->ch;
    uint64_t n = a->n, sum = 0, errors = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_send(ch, (int64_t)i));
        errors += failed(numbers_recv(ch, &v));
        errors += v != (int64_t)i;
        sum += (uint64_t)v;
    }
    a->sum = sum, a->errors = errors;
}

static void sendrecv(uint64_t n, bench_result *out) {
    alone a = {numbers_or_die(1), n, 0, 0};
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, send_and_receive, &a);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = a.sum;
    out->errors = errors + a.errors + failed(gort_wg_free(wg));
    numbers_release(a.ch);
}

/* ---- streams through one channel --------------------------------------------------------------------------- */

/* One task's part in a stream. `work` is the time it spins for each value. */
typedef struct side {
    numbers *ch;
    uint64_t n, first, step;
    int64_t work;
    uint64_t sum, count, errors;
} side;

static void produce(void *arg) {
    side *s = arg;
    numbers *ch = s->ch;
    uint64_t n = s->n, step = s->step, errors = 0;
    for (uint64_t i = s->first; i < n; i += step) errors += failed(numbers_send(ch, (int64_t)i));
    s->errors = errors;
}

static void consume_in_order(void *arg) {
    side *s = arg;
    numbers *ch = s->ch;
    uint64_t sum = 0, count = 0, errors = 0;
    gort_status st;
    int64_t v;
    while ((st = numbers_recv(ch, &v)) == GORT_OK) {
        sum += (uint64_t)v;
        errors += (uint64_t)v != count;
        count++;
    }
    s->sum = sum, s->count = count, s->errors = errors + (st != GORT_CLOSED);
}

static void consume_any(void *arg) {
    side *s = arg;
    numbers *ch = s->ch;
    uint64_t sum = 0, count = 0;
    gort_status st;
    int64_t v;
    while ((st = numbers_recv(ch, &v)) == GORT_OK) {
        sum += (uint64_t)v;
        count++;
    }
    s->sum = sum, s->count = count, s->errors = st != GORT_CLOSED;
}

static void produce_slowly(void *arg) {
    side *s = arg;
    uint64_t errors = 0;
    for (uint64_t i = 0; i < s->n; i++) {
        bench_spin(s->work);
        errors += failed(numbers_send(s->ch, (int64_t)i));
    }
    s->errors = errors;
}

static void consume_slowly(void *arg) {
    side *s = arg;
    uint64_t sum = 0, count = 0, errors = 0;
    gort_status st;
    int64_t v;
    while ((st = numbers_recv(s->ch, &v)) == GORT_OK) {
        bench_spin(s->work);
        sum += (uint64_t)v;
        errors += (uint64_t)v != count;
        count++;
    }
    s->sum = sum, s->count = count, s->errors = errors + (st != GORT_CLOSED);
}

/* `pairs` producers and consumers on one channel of 1024; closed when the producers are through. */
static void stream(uint64_t n, int pairs, int64_t work, void (*put)(void *), void (*get)(void *), bench_result *out) {
    side in[4], to[4];
    numbers *ch = numbers_or_die(1024);
    gort_wg *producers = wg_or_die(), *consumers = wg_or_die();
    uint64_t count = 0, errors = 0;
    int64_t t0 = bench_now();
    for (int i = 0; i < pairs; i++) {
        side s = {.ch = ch, .n = n, .first = (uint64_t)i, .step = (uint64_t)pairs, .work = work};
        in[i] = to[i] = s;
        go_or_die(producers, put, &in[i]);
        go_or_die(consumers, get, &to[i]);
    }
    errors += failed(gort_wg_wait(producers));
    errors += failed(numbers_close(ch));
    errors += failed(gort_wg_wait(consumers));
    out->ns_total = bench_now() - t0;
    for (int i = 0; i < pairs; i++) {
        out->checksum += to[i].sum;
        errors += in[i].errors + to[i].errors;
        count += to[i].count;
    }
    errors += failed(gort_wg_free(producers)) + failed(gort_wg_free(consumers));
    out->errors = errors + (count != n);
    numbers_release(ch);
}

static void spsc(uint64_t n, bench_result *out) { stream(n, 1, 0, produce, consume_in_order, out); }

static void mpmc(uint64_t n, bench_result *out) { stream(n, 4, 0, produce, consume_any, out); }

static void pipeline(uint64_t n, bench_result *out) {
    stream(n, 1, BENCH_PIPELINE_NS, produce_slowly, consume_slowly, out);
}

/* ---- the recorded stream of the demo ----------------------------------------------------------------------- */

typedef struct handing {
    items *ch;
    uint64_t n, sum, count, producer_errors, consumer_errors;
} handing;

static void hand(void *arg) {
    handing *h = arg;
    items *ch = h->ch;
    uint64_t n = h->n, errors = 0;
    for (uint64_t id = 0, k = 0; id < n; id++) {
        item it = {id, bench_lens[k]};
        errors += failed(items_send(ch, it));
        if (++k == bench_lens_count) k = 0;
    }
    h->producer_errors = errors + failed(items_close(ch));
}

static void take(void *arg) {
    handing *h = arg;
    items *ch = h->ch;
    uint64_t sum = 0, count = 0, errors = 0;
    gort_status st;
    item it;
    while ((st = items_recv(ch, &it)) == GORT_OK) {
        sum += (it.id + 1) * it.len;
        errors += it.id != count;
        count++;
    }
    h->sum = sum, h->count = count, h->consumer_errors = errors + (st != GORT_CLOSED);
}

static void handover(uint64_t n, bench_result *out) {
    handing h = {.ch = items_new(64), .n = n};
    if (h.ch == NULL) bench_die("items_new", gort_last_error());
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, hand, &h);
    go_or_die(wg, take, &h);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = h.sum;
    out->errors = errors + h.producer_errors + h.consumer_errors + (h.count != n) + failed(gort_wg_free(wg));
    items_release(h.ch);
}

/* ---- yield ------------------------------------------------------------------------------------------------- */

typedef struct turns {
    uint64_t share, count;
} turns;

static void take_turns(void *arg) {
    turns *t = arg;
    uint64_t share = t->share, count = 0;
    for (uint64_t i = 0; i < share; i++) {
        gort_yield();
        count++;
    }
    t->count = count;
}

static void yield(uint64_t n, bench_result *out) {
    turns t[2] = {{n - n / 2, 0}, {n / 2, 0}};
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, take_turns, &t[0]);
    go_or_die(wg, take_turns, &t[1]);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = t[0].count + t[1].count;
    out->errors = errors + failed(gort_wg_free(wg));
}

/* ---- spawn and join ---------------------------------------------------------------------------------------- */

static _Alignas(64) atomic_uint_fast64_t spawned;

static void count_me(void *arg) {
    (void)arg;
    atomic_fetch_add_explicit(&spawned, 1, memory_order_relaxed);
}

static void spawn_many(uint64_t n, bench_result *out) {
    gort_wg *wg = wg_or_die();
    atomic_store(&spawned, 0);
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) go_or_die(wg, count_me, NULL);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = atomic_load(&spawned);
    out->errors = errors + failed(gort_wg_free(wg));
}

static void spawn_one(uint64_t n, bench_result *out) {
    gort_wg *wg = wg_or_die();
    uint64_t errors = 0;
    atomic_store(&spawned, 0);
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        go_or_die(wg, count_me, NULL);
        errors += failed(gort_wg_wait(wg));
    }
    out->ns_total = bench_now() - t0;
    out->checksum = atomic_load(&spawned);
    out->errors = errors + failed(gort_wg_free(wg));
}

/* ---- bytes a parked task takes ----------------------------------------------------------------------------- */

typedef struct park {
    numbers *ch;
    _Alignas(64) atomic_uint_fast64_t started;
    atomic_uint_fast64_t sum, errors;
} park;

static void sleep_on_channel(void *arg) {
    park *p = arg;
    int64_t v;
    atomic_fetch_add(&p->started, 1);
    if (numbers_recv(p->ch, &v) == GORT_OK) atomic_fetch_add(&p->sum, (uint64_t)v);
    else atomic_fetch_add(&p->errors, 1);
}

static void parked(uint64_t n, bench_result *out) {
    park p = {.ch = numbers_or_die(0)};
    gort_wg *wg = wg_or_die();
    uint64_t errors = 0;
    int64_t before = bench_rss(), t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) go_or_die(wg, sleep_on_channel, &p);
    while (atomic_load(&p.started) < n) gort_yield();
    errors += failed(gort_sleep(GORT_MS(20))); /* the last of them are on their way into the receive */
    out->bytes_total = bench_rss() - before;
    for (uint64_t i = 0; i < n; i++) errors += failed(numbers_send(p.ch, (int64_t)i));
    errors += wait_and_free(wg);
    out->ns_total = bench_now() - t0;
    out->checksum = atomic_load(&p.sum);
    out->errors = errors + atomic_load(&p.errors);
    numbers_release(p.ch);
}

/* ---- the program ------------------------------------------------------------------------------------------- */

static const bench_workload workloads[] = {
    {"sendrecv_uncontended", sendrecv},
    {"pingpong_cap0", pingpong},
    {"spsc_cap1024", spsc},
    {"mpmc4x4_cap1024", mpmc},
    {"select2_ready", select2_ready},
    {"fanin8", fanin8},
    {"fanin64", fanin64},
    {"elements_4k_copy", elements_4k_copy},
    {"elements_4k_pointer", elements_4k_pointer},
    {"channel_vs_mutex_vs_atomic_channel", sum_channel},
    {"channel_vs_mutex_vs_atomic_mutex", sum_mutex},
    {"channel_vs_mutex_vs_atomic_atomic", sum_atomic},
    {"mutex_uncontended", mutex_uncontended},
    {"mutex_5x1m", sum_mutex},
    {"rwmutex_readers", rwmutex_readers},
    {"cond_1", cond_1},
    {"atomic_5x1m", sum_atomic},
    {"wg_add_done_contended", wg_add_done},
    {"counter_5x1m", counter_shared},
    {"map_90_10", map_90_10},
    {"yield", yield},
    {"spawn_join_1m", spawn_many},
    {"spawn_join_one", spawn_one},
    {"parked_100k", parked},
    {"pipeline_100us", pipeline},
    {"handover_items", handover},
    {"timer_new_stop", timer_new_stop},
    {"timer_reset", timer_reset},
    {"timer_reset_chan", timer_reset_chan},
    {"timer_memory_1m", timer_memory},
    {"after_func_memory_1m", after_func_memory},
    {"timers_1m_due", timers_due},
    {"sleepers_10k_p50", sleepers_p50},
    {"sleepers_10k_p99", sleepers_p99},
    {"sleepers_10k_hog_p50", sleepers_hog_p50},
    {"sleep_50us", sleep_50us},
    {"limiter_allow", limiter_allow},
    {"limiter_keyed_1m", limiter_keyed},
    {"recv_no_deadline", recv_no_deadline},
    {"recv_deadline_unfired", recv_deadline},
    {"recv_deadline_unfired_buffered", recv_deadline_buffered},
    {"recv_deadline_unfired_cap0", recv_deadline_cap0},
    {NULL, NULL},
};

static const bench_workload with_selector[] = {
    {"fanin8", fanin8_selector},
    {"fanin64", fanin64_selector},
    {NULL, NULL},
};

static int app(void *arg) {
    const bench_options *o = arg;
    if (gort_workers() != o->workers) bench_die("gort has another number of workers than", "--workers");
    return bench_repeat(o, gort_workers());
}

int main(int argc, char **argv) {
    const bench_workload *table = workloads;
    const char *engine = "gort-c";
    if (argc > 1 && strcmp(argv[1], "--selector") == 0) {
        table = with_selector, engine = "gort-c-selector";
        argc--, argv++;
    }
    bench_options o = bench_parse(argc, argv, table, engine, gort_version_string());
    gort_config config;
    gort_config_init(&config);
    config.workers = o.workers;
    gort_status s = gort_run(app, &o, &config);
    if (s != GORT_OK) bench_die("gort_run", gort_status_name(s));
    return gort_run_result();
}

/* timers.c - timers and sleep: what one costs, what it weighs, how late it is.
 *
 * Invariants: those of tasks.h, and
 *   T1 Nothing is ever early: a sleep or a timer that is counts as an error.
 *   T2 The hour of a timer that must not fire is far beyond any run.
 *   T3 Random times come from next_random(), the same in every engine.
 *   T4 What is measured by its lateness stores that as ns_total: it is the figure itself.
 */
#include "tasks.h"

#include <stdatomic.h>

#define HOUR (GORT_MS(1000) * 3600)

enum {
    NAP = 50000,
    BURST = 100000000,
    BURST_LEAD = 3000, /* for each timer: by then all of them are made */
    SLEEPERS = 10000,
    SLEEP_LEAST = 1000000,
    SLEEP_MOST = 20000000,
};

/* Goes to the next state, and gives a duration of 0 up to, and without, `below`. */
static inline int64_t next_random(uint64_t *state, uint64_t below) {
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (int64_t)((*state >> 33) * below >> 31);
}

static void an_hour_is_over(void *arg) {
    (void)arg;
    bench_die("it fired", "a timer of an hour");
}

static inline gort_timer *timer_or_die(int64_t duration) {
    gort_timer *t = gort_timer_new(duration);
    if (t == NULL) bench_die("gort_timer_new", gort_last_error());
    return t;
}

static inline gort_func_timer *func_or_die(int64_t duration, void (*fn)(void *), void *arg) {
    gort_func_timer *t = gort_after_func(duration, fn, arg);
    if (t == NULL) bench_die("gort_after_func", gort_last_error());
    return t;
}

/* ---- what one costs ---------------------------------------------------------------------------------------- */

void timer_new_stop(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        bool prevented = false;
        gort_timer *t = timer_or_die(HOUR);
        errors += failed(gort_timer_stop(t, &prevented));
        errors += failed(gort_timer_free(t));
        count += prevented;
    }
    out->ns_total = bench_now() - t0;
    out->checksum = count, out->errors = errors;
}

void timer_reset(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    bool set = false;
    gort_func_timer *t = func_or_die(HOUR, an_hour_is_over, NULL);
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        errors += failed(gort_func_timer_reset(t, HOUR, &set));
        count += set;
    }
    out->ns_total = bench_now() - t0;
    errors += failed(gort_func_timer_stop(t, &set));
    out->checksum = count, out->errors = errors + !set + failed(gort_func_timer_free(t));
}

void timer_reset_chan(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    bool set = false;
    gort_timer *t = timer_or_die(HOUR);
    errors += gort_timer_try_recv(t, NULL) != GORT_WOULD_BLOCK; /* as it is once it was used: with its channel */
    int64_t t0 = bench_now();
    for (uint64_t i = 0; i < n; i++) {
        errors += failed(gort_timer_reset(t, HOUR, &set));
        count += set;
    }
    out->ns_total = bench_now() - t0;
    errors += failed(gort_timer_stop(t, &set));
    out->checksum = count, out->errors = errors + !set + failed(gort_timer_free(t));
}

/* ---- what one weighs: the place of the handle is in it, as it is in Go -------------------------------------- */

static void **handles_or_die(uint64_t n) {
    void **handles = malloc(n * sizeof *handles);
    if (handles == NULL) bench_die("no memory for", "the handles");
    return handles;
}

void timer_memory(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    int64_t before = bench_rss(), t0 = bench_now();
    void **timers = handles_or_die(n);
    for (uint64_t i = 0; i < n; i++) timers[i] = timer_or_die(HOUR);
    out->bytes_total = bench_rss() - before;
    for (uint64_t i = 0; i < n; i++) {
        bool prevented = false;
        errors += failed(gort_timer_stop(timers[i], &prevented));
        errors += failed(gort_timer_free(timers[i]));
        count += prevented;
    }
    out->ns_total = bench_now() - t0;
    out->checksum = count, out->errors = errors;
    free(timers);
}

void after_func_memory(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    int64_t before = bench_rss(), t0 = bench_now();
    void **timers = handles_or_die(n);
    for (uint64_t i = 0; i < n; i++) timers[i] = func_or_die(HOUR, an_hour_is_over, NULL);
    out->bytes_total = bench_rss() - before;
    for (uint64_t i = 0; i < n; i++) {
        bool prevented = false;
        errors += failed(gort_func_timer_stop(timers[i], &prevented));
        errors += failed(gort_func_timer_free(timers[i]));
        count += prevented;
    }
    out->ns_total = bench_now() - t0;
    out->checksum = count, out->errors = errors;
    free(timers);
}

/* ---- how late it is ---------------------------------------------------------------------------------------- */

typedef struct burst {
    uint64_t n;
    _Alignas(64) atomic_uint_fast64_t ran;
    atomic_int_fast64_t first, last;
} burst;

static void run_once(void *arg) {
    burst *b = arg;
    uint64_t ran = atomic_fetch_add_explicit(&b->ran, 1, memory_order_relaxed) + 1;
    if (ran == 1) atomic_store(&b->first, bench_now());
    if (ran == b->n) atomic_store(&b->last, bench_now());
}

/* How long after its time the last of n functions has run. */
void timers_due(uint64_t n, bench_result *out) {
    burst b = {.n = n};
    uint64_t state = 0, errors = 0;
    int64_t base = bench_now() + (int64_t)n * BURST_LEAD, latest = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t due = base + next_random(&state, BURST);
        if (due > latest) latest = due;
        /* The handle is given back at once, which does not stop it. */
        errors += failed(gort_func_timer_free(func_or_die(due - bench_now(), run_once, &b)));
    }
    if (bench_now() > base)
        bench_die("the machine is too slow or too busy", "the timers were not made before the first was due");
    while (atomic_load(&b.first) == 0 || atomic_load(&b.last) == 0) errors += failed(gort_sleep(GORT_MS(1)));
    out->ns_total = atomic_load(&b.last) - latest;
    out->checksum = atomic_load(&b.ran);
    out->errors = errors + (atomic_load(&b.first) < base) + (out->ns_total < 0);
}

typedef struct night {
    atomic_int_fast64_t end;
    _Alignas(64) atomic_uint_fast64_t begun;
} night;

typedef struct sleeper {
    night *night;
    uint64_t id, count, errors;
    int64_t *late; /* count of them */
} sleeper;

/* Sleeps once, and again while that would end before the end. */
static void sleep_again(void *arg) {
    sleeper *s = arg;
    uint64_t state = s->id, count = 0, room = 0, errors = 0;
    int64_t *late = NULL;
    atomic_fetch_add(&s->night->begun, 1);
    for (;;) {
        int64_t d = SLEEP_LEAST + next_random(&state, SLEEP_MOST - SLEEP_LEAST), due = bench_now() + d;
        if (count > 0 && due >= atomic_load_explicit(&s->night->end, memory_order_relaxed)) break;
        errors += failed(gort_sleep(d));
        int64_t l = bench_now() - due;
        errors += l < 0;
        if (count == room) {
            room = room == 0 ? 4 : 2 * room;
            late = realloc(late, room * sizeof *late);
            if (late == NULL) bench_die("no memory for", "what the sleepers found");
        }
        late[count++] = l;
    }
    s->late = late, s->count = count, s->errors = errors;
}

static void hog(void *arg) {
    night *h = arg;
    bench_spin(atomic_load(&h->end) - bench_now());
}

static int by_size(const void *a, const void *b) {
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* n is milliseconds, from when all sleepers have begun; so many tasks hog a worker each for as long. */
static void sleep_many(uint64_t n, uint64_t percent, int hogs, bench_result *out) {
    night h = {.end = INT64_MAX};
    sleeper *all = calloc(SLEEPERS, sizeof *all);
    if (all == NULL) bench_die("no memory for", "the sleepers");
    gort_wg *wg = wg_or_die();
    for (uint64_t id = 0; id < SLEEPERS; id++) {
        all[id].night = &h, all[id].id = id;
        go_or_die(wg, sleep_again, &all[id]);
    }
    while (atomic_load(&h.begun) < SLEEPERS) gort_yield();
    atomic_store(&h.end, bench_now() + (int64_t)n * 1000000);
    for (int i = 0; i < hogs; i++) go_or_die(wg, hog, &h);
    uint64_t errors = wait_and_free(wg), count = 0, at = 0;
    for (uint64_t id = 0; id < SLEEPERS; id++) {
        out->checksum += id;
        errors += all[id].errors + (all[id].count == 0);
        count += all[id].count;
    }
    int64_t *late = malloc(count * sizeof *late);
    if (late == NULL) bench_die("no memory for", "what the sleepers found");
    for (uint64_t id = 0; id < SLEEPERS; id++) {
        memcpy(late + at, all[id].late, all[id].count * sizeof *late);
        at += all[id].count;
        free(all[id].late);
    }
    qsort(late, count, sizeof *late, by_size);
    out->ns_total = late[(count - 1) * percent / 100];
    out->errors = errors;
    free(late);
    free(all);
}

void sleepers_p50(uint64_t n, bench_result *out) { sleep_many(n, 50, 0, out); }

void sleepers_p99(uint64_t n, bench_result *out) { sleep_many(n, 99, 0, out); }

void sleepers_hog_p50(uint64_t n, bench_result *out) { sleep_many(n, 50, gort_workers(), out); }

void sleep_50us(uint64_t n, bench_result *out) {
    uint64_t count = 0, errors = 0;
    int64_t t0 = bench_now(), before = t0;
    for (uint64_t i = 0; i < n; i++) {
        errors += failed(gort_sleep(NAP));
        int64_t after = bench_now();
        errors += after - before < NAP;
        before = after;
        count++;
    }
    out->ns_total = before - t0;
    out->checksum = count, out->errors = errors;
}

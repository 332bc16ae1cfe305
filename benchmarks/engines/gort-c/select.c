/* select.c - a select that finds a ready case, and one consumer of many unbuffered channels: by gort_select, which is given
 * its cases at each call, and by gort_selector, which has them registered.
 *
 * The cases are built once, and all receive into the same variable: one case goes ahead at a time. That is what a user would
 * write, and the array can be used again (gort.h).
 *
 * Invariants: those of tasks.h, and
 *   C1 The value says which channel it came through, so a wrong index is an error.
 *   C2 The consumer of a fan-in takes n values and stops: nothing is closed, as in the other engines.
 */
#include "tasks.h"

/* ---- one task, two channels of which one is ready --------------------------------------------------------- */

typedef struct pair {
    numbers *ch[2];
    uint64_t n, sum, errors;
} pair;

static void send_and_select(void *arg) {
    pair *p = arg;
    uint64_t n = p->n, sum = 0, errors = 0;
    numbers *ch[2] = {p->ch[0], p->ch[1]};
    int64_t v = 0;
    gort_case cases[2] = {numbers_case_recv(ch[0], &v), numbers_case_recv(ch[1], &v)};
    for (uint64_t i = 0; i < n; i++) {
        errors += failed(numbers_send(ch[i % 2], (int64_t)i));
        int32_t k = gort_select(cases, 2);
        errors += k != (int32_t)(i % 2) || failed(cases[k].status) || v != (int64_t)i;
        sum += (uint64_t)v;
    }
    p->sum = sum, p->errors = errors;
}

void select2_ready(uint64_t n, bench_result *out) {
    pair p = {{numbers_or_die(1), numbers_or_die(1)}, n, 0, 0};
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, send_and_select, &p);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = p.sum;
    out->errors = errors + p.errors + failed(gort_wg_free(wg));
    numbers_release(p.ch[0]);
    numbers_release(p.ch[1]);
}

/* ---- many producers with a channel each, one consumer ------------------------------------------------------ */

enum { MOST_INPUTS = 64 };

typedef struct input {
    numbers *ch;
    uint64_t n, first, step, errors;
} input;

typedef struct fanin {
    input in[MOST_INPUTS];
    uint64_t inputs, n, sum, errors;
} fanin;

static void feed(void *arg) {
    input *in = arg;
    numbers *ch = in->ch;
    uint64_t n = in->n, step = in->step, errors = 0;
    for (uint64_t i = in->first; i < n; i += step) errors += failed(numbers_send(ch, (int64_t)i));
    in->errors = errors;
}

static void consume_by_select(void *arg) {
    fanin *f = arg;
    uint64_t n = f->n, inputs = f->inputs, sum = 0, errors = 0;
    int64_t v = 0;
    gort_case cases[MOST_INPUTS];
    for (uint64_t k = 0; k < inputs; k++) cases[k] = numbers_case_recv(f->in[k].ch, &v);
    for (uint64_t i = 0; i < n; i++) {
        int32_t k = gort_select(cases, inputs);
        if (k < 0) bench_die("gort_select", gort_status_name((gort_status)k)); /* its producers wait for ever */
        errors += failed(cases[k].status) || (uint64_t)v % inputs != (uint64_t)k; /* C1 */
        sum += (uint64_t)v;
    }
    f->sum = sum, f->errors = errors;
}

static void consume_by_selector(void *arg) {
    fanin *f = arg;
    uint64_t n = f->n, inputs = f->inputs, sum = 0, errors = 0;
    int64_t v = 0;
    gort_selector *selector = gort_selector_new();
    if (selector == NULL) bench_die("gort_selector_new", gort_last_error());
    for (uint64_t k = 0; k < inputs; k++) {
        int32_t index = gort_selector_add(selector, numbers_case_recv(f->in[k].ch, &v));
        if (index != (int32_t)k) bench_die("gort_selector_add", index < 0 ? gort_status_name((gort_status)index) : "its index");
    }
    for (uint64_t i = 0; i < n; i++) {
        gort_status status;
        int32_t k = gort_selector_wait(selector, &status);
        if (k < 0) bench_die("gort_selector_wait", gort_status_name((gort_status)k));
        errors += failed(status) || (uint64_t)v % inputs != (uint64_t)k; /* C1 */
        sum += (uint64_t)v;
    }
    f->sum = sum, f->errors = errors + failed(gort_selector_free(selector));
}

static void run_fanin(uint64_t n, uint64_t inputs, void (*consume)(void *), bench_result *out) {
    fanin f = {.inputs = inputs, .n = n};
    gort_wg *wg = wg_or_die();
    for (uint64_t k = 0; k < inputs; k++) f.in[k] = (input){numbers_or_die(0), n, k, inputs, 0};
    int64_t t0 = bench_now();
    for (uint64_t k = 0; k < inputs; k++) go_or_die(wg, feed, &f.in[k]);
    go_or_die(wg, consume, &f);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = f.sum;
    errors += f.errors + failed(gort_wg_free(wg));
    for (uint64_t k = 0; k < inputs; k++) {
        errors += f.in[k].errors;
        numbers_release(f.in[k].ch);
    }
    out->errors = errors;
}

void fanin8(uint64_t n, bench_result *out) { run_fanin(n, 8, consume_by_select, out); }
void fanin64(uint64_t n, bench_result *out) { run_fanin(n, 64, consume_by_select, out); }
void fanin8_selector(uint64_t n, bench_result *out) { run_fanin(n, 8, consume_by_selector, out); }
void fanin64_selector(uint64_t n, bench_result *out) { run_fanin(n, 64, consume_by_selector, out); }

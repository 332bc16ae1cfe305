/* rally.c - two tasks that answer each other over two channels, as they are and with a deadline for each receive.
 *
 * The deadline is an hour ahead and worked out once, so it never comes: what is measured is what having one costs.
 * Invariants: those of tasks.h.
 */
#include "tasks.h"

#define HOUR (GORT_MS(1000) * 3600)

typedef struct rally {
    numbers *there, *back;
    uint64_t n, sum, ping_errors, pong_errors;
    int64_t deadline;
} rally;

static void ping_until(void *arg) {
    rally *r = arg;
    numbers *there = r->there, *back = r->back;
    uint64_t n = r->n, sum = 0, errors = 0;
    int64_t deadline = r->deadline;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_send(there, (int64_t)i));
        errors += failed(numbers_recv_until(back, &v, deadline, NULL));
        sum += (uint64_t)v;
    }
    r->sum = sum, r->ping_errors = errors;
}

static void pong_until(void *arg) {
    rally *r = arg;
    numbers *there = r->there, *back = r->back;
    uint64_t n = r->n, errors = 0;
    int64_t deadline = r->deadline;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_recv_until(there, &v, deadline, NULL));
        errors += failed(numbers_send(back, v + 1));
    }
    r->pong_errors = errors;
}

static void ping(void *arg) {
    rally *r = arg;
    numbers *there = r->there, *back = r->back;
    uint64_t n = r->n, sum = 0, errors = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_send(there, (int64_t)i));
        errors += failed(numbers_recv(back, &v));
        sum += (uint64_t)v;
    }
    r->sum = sum, r->ping_errors = errors;
}

static void pong(void *arg) {
    rally *r = arg;
    numbers *there = r->there, *back = r->back;
    uint64_t n = r->n, errors = 0;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_recv(there, &v));
        errors += failed(numbers_send(back, v + 1));
    }
    r->pong_errors = errors;
}

static void play(uint64_t n, size_t cap, void (*first)(void *), void (*second)(void *), bench_result *out) {
    rally r = {.there = numbers_or_die(cap), .back = numbers_or_die(cap), .n = n, .deadline = gort_now() + HOUR};
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, first, &r);
    go_or_die(wg, second, &r);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = r.sum;
    out->errors = errors + r.ping_errors + r.pong_errors + failed(gort_wg_free(wg));
    numbers_release(r.there);
    numbers_release(r.back);
}

/* A place in each channel: who waits is the receiver. */
void recv_deadline(uint64_t n, bench_result *out) { play(n, 1, ping_until, pong_until, out); }

void recv_no_deadline(uint64_t n, bench_result *out) { play(n, 1, ping, pong, out); }

void pingpong(uint64_t n, bench_result *out) { play(n, 0, ping, pong, out); }

/* pingpong, and sendrecv_uncontended (main.c), are the same without. */
void recv_deadline_cap0(uint64_t n, bench_result *out) { play(n, 0, ping_until, pong_until, out); }

static void send_and_receive_until(void *arg) {
    rally *r = arg;
    numbers *ch = r->there;
    uint64_t n = r->n, sum = 0, errors = 0;
    int64_t deadline = r->deadline;
    for (uint64_t i = 0; i < n; i++) {
        int64_t v = 0;
        errors += failed(numbers_send(ch, (int64_t)i));
        errors += failed(numbers_recv_until(ch, &v, deadline, NULL));
        errors += v != (int64_t)i;
        sum += (uint64_t)v;
    }
    r->sum = sum, r->ping_errors = errors;
}

void recv_deadline_buffered(uint64_t n, bench_result *out) {
    rally r = {.there = numbers_or_die(1), .n = n, .deadline = gort_now() + HOUR};
    gort_wg *wg = wg_or_die();
    int64_t t0 = bench_now();
    go_or_die(wg, send_and_receive_until, &r);
    uint64_t errors = failed(gort_wg_wait(wg));
    out->ns_total = bench_now() - t0;
    out->checksum = r.sum;
    out->errors = errors + r.ping_errors + failed(gort_wg_free(wg));
    numbers_release(r.there);
}

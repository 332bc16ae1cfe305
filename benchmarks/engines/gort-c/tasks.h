/* tasks.h - what the files of gort-c share: the channels of numbers, tasks on a WaitGroup, and the workloads of each file.
 *
 * One file a noun, as in the other engines: main.c has streams, tasks and the program, select.c, elements.c, sums.c, maps.c
 * and timers.c what they are called. It is NOT allowed any short cut: only gort.h, channels by GORT_CHAN_DEFINE, every status
 * looked at.
 *
 * Invariants
 *   G1 A task keeps its counters in local variables and stores them once at its end (bench.h, B4).
 *   G2 The clock starts after the channels are made and stops when the WaitGroup is through.
 *   G3 A consumer ends by GORT_CLOSED, or when it has what it must get, and by nothing else; another status is an error.
 *   G4 Structs that two tasks store to at their end live on the main task's stack, which outlives them: main waits.
 */
#ifndef GORT_C_TASKS_H
#define GORT_C_TASKS_H

#include "../common/bench.h"

#include <gort.h>

GORT_CHAN_DEFINE(int64_t, numbers);

static inline uint64_t failed(gort_status s) { return s != GORT_OK; }

static inline gort_wg *wg_or_die(void) {
    gort_wg *wg = gort_wg_new();
    if (wg == NULL) bench_die("gort_wg_new", gort_last_error());
    return wg;
}

static inline numbers *numbers_or_die(size_t cap) {
    numbers *ch = numbers_new(cap);
    if (ch == NULL) bench_die("numbers_new", gort_last_error());
    return ch;
}

static inline void go_or_die(gort_wg *wg, void (*fn)(void *), void *arg) {
    gort_status s = gort_wg_go(wg, fn, arg);
    if (s != GORT_OK) bench_die("gort_wg_go", gort_status_name(s));
}

/* Waits, frees, gives the number of failures. */
static inline uint64_t wait_and_free(gort_wg *wg) {
    uint64_t errors = failed(gort_wg_wait(wg));
    return errors + failed(gort_wg_free(wg));
}

/* select.c */
void select2_ready(uint64_t n, bench_result *out);
void fanin8(uint64_t n, bench_result *out);
void fanin64(uint64_t n, bench_result *out);
void fanin8_selector(uint64_t n, bench_result *out);
void fanin64_selector(uint64_t n, bench_result *out);

/* elements.c */
void elements_4k_copy(uint64_t n, bench_result *out);
void elements_4k_pointer(uint64_t n, bench_result *out);

/* sums.c */
void sum_channel(uint64_t n, bench_result *out);
void sum_mutex(uint64_t n, bench_result *out);
void sum_atomic(uint64_t n, bench_result *out);
void mutex_uncontended(uint64_t n, bench_result *out);
void wg_add_done(uint64_t n, bench_result *out);

/* locks.c */
void rwmutex_readers(uint64_t n, bench_result *out);
void cond_1(uint64_t n, bench_result *out);

/* maps.c */
void counter_shared(uint64_t n, bench_result *out);
void map_90_10(uint64_t n, bench_result *out);

/* timers.c */
void timer_new_stop(uint64_t n, bench_result *out);
void timer_reset(uint64_t n, bench_result *out);
void timer_reset_chan(uint64_t n, bench_result *out);
void timer_memory(uint64_t n, bench_result *out);
void after_func_memory(uint64_t n, bench_result *out);
void timers_due(uint64_t n, bench_result *out);
void sleepers_p50(uint64_t n, bench_result *out);
void sleepers_p99(uint64_t n, bench_result *out);
void sleepers_hog_p50(uint64_t n, bench_result *out);
void sleep_50us(uint64_t n, bench_result *out);

/* limiters.c */
void limiter_allow(uint64_t n, bench_result *out);
void limiter_keyed(uint64_t n, bench_result *out);

/* rally.c */
void pingpong(uint64_t n, bench_result *out);
void recv_no_deadline(uint64_t n, bench_result *out);
void recv_deadline(uint64_t n, bench_result *out);
void recv_deadline_buffered(uint64_t n, bench_result *out);
void recv_deadline_cap0(uint64_t n, bench_result *out);

#endif

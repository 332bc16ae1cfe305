/*
 * select.h: what select.c and select_limits.c have in common.
 */
#ifndef SELECT_H
#define SELECT_H

#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

/* None of the cases can go ahead, in any form; and nothing is left behind by asking. */
static inline void blocks(gort_case *cases, size_t n) {
    EXPECT_IS(gort_try_select(cases, n), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_try_select_biased(cases, n), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_select_until(cases, n, gort_in(GORT_US(200)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_select_biased_until(cases, n, gort_in(GORT_US(200)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_select_until(cases, n, 0, NULL), GORT_TIMED_OUT);
}

/* Nobody waits on an unbuffered channel: neither side of it finds a peer. */
static inline void expect_quiet(ints *c) {
    int value = 0;
    EXPECT_IS(ints_try_send(c, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(ints_try_recv(c, &value), GORT_WOULD_BLOCK);
}

static inline int on_a_thread_too(int (*body)(void *), void *arg) {
    int result = body(arg); /* a plain thread blocks as a thread */
    return result == in_run(body, arg) ? result : -1;
}

#endif

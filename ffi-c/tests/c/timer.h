/*
 * timer.h: what timer_limits.c and timer_readers.c have in common.
 */
#ifndef TIMER_H
#define TIMER_H

#include "harness.h"

#define FAR GORT_SEC(10000)

static inline void on_both(int (*body)(void *), void *arg) {
    body(arg); /* a plain thread blocks as a thread */
    in_run(body, arg);
}

static inline int stops(gort_timer *t) {
    bool was = false;
    EXPECT_OK(gort_timer_stop(t, &was));
    return was;
}

#endif

/* story.h - what the C stories share; nothing here is needed to use gort.
 *
 * OK(call)       the call must give GORT_OK, else the program says where and why, and ends with status 1
 * CHECK(cond)    the condition must hold, else the same
 * story_end(s)   last line of main(): the run must have succeeded, and nothing may be left alive behind it
 * story_nothing_left()  the second half of that, for a story whose runs do not succeed
 *
 * It is NOT part of the library and NOT a test framework: a story shows its result on stdout, and check.py
 * compares that with OUTPUT. What these helpers find goes to stderr.
 *
 * Rejected: assert(), which a build with -DNDEBUG turns off.
 */
#ifndef STORY_H
#define STORY_H

#include <gort.h>
#include <stdio.h>
#include <stdlib.h>

#define CHECK(cond) ((cond) ? (void)0 : story_fail(__FILE__, __LINE__, #cond))
#define OK(call) CHECK((call) == GORT_OK)

static inline void story_fail(const char *file, int line, const char *what) {
    fflush(stdout);
    fprintf(stderr, "%s:%d: does not hold: %s (last error: \"%s\")\n", file, line, what, gort_last_error());
    exit(1);
}

/* After a run every task has ended and every channel, WaitGroup and selector of the story has been given back. */
static inline int story_nothing_left(void) {
    gort_metrics_t m = GORT_METRICS_INIT;
    OK(gort_metrics(&m));
    CHECK(m.tasks == 0);
    CHECK(m.channels == 0);
    CHECK(m.wait_groups == 0);
    CHECK(m.selectors == 0);
    return 0;
}

static inline int story_end(gort_status run) {
    OK(run);
    return story_nothing_left();
}

#endif

/*
 * counter.c: sharded counters, from tasks and threads, and their mistakes.
 */
#include "harness.h"

static gort_counter *counter;

static void add_many(void *arg) {
    int64_t n = *(int64_t *)arg;
    for (int64_t i = 1; i <= n; i++) {
        EXPECT_OK(gort_counter_add(counter, i));
        if (i % 64 == 0) gort_yield();
    }
}

static void *add_on_thread(void *arg) {
    add_many(arg);
    return NULL;
}

static int add_main(void *arg) {
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, add_many, arg));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void tasks_and_threads_add(void) {
    enum { THREADS = 40 }; /* more than have a place of their own, beside the workers */
    int64_t n = 2000, before = -1;
    pthread_t threads[THREADS];
    counter = gort_counter_new();
    EXPECT(counter != NULL);
    for (int i = 0; i < THREADS; i++) EXPECT(pthread_create(&threads[i], NULL, add_on_thread, &n) == 0);
    in_run(add_main, &n);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    EXPECT(gort_counter_value(counter) == (THREADS + 5) * (n * (n + 1) / 2));
    EXPECT_OK(gort_counter_add(counter, -gort_counter_value(counter)));
    EXPECT_OK(gort_counter_add(counter, 7));
    EXPECT_OK(gort_counter_reset(counter, &before));
    EXPECT(before == 7 && gort_counter_value(counter) == 0);
    EXPECT_OK(gort_counter_add(counter, INT64_MAX));
    EXPECT_OK(gort_counter_add(counter, 1));
    EXPECT(gort_counter_value(counter) == INT64_MIN);
    EXPECT_OK(gort_counter_reset(counter, NULL));
    EXPECT_OK(gort_counter_free(counter));
}

static void mistakes(void) {
    int64_t before = 5;
    gort_wg *wg = gort_wg_new();
    counter = gort_counter_new();
    EXPECT_IS(gort_counter_add(NULL, 1), GORT_INVALID);
    EXPECT_IS(gort_counter_reset(NULL, &before), GORT_INVALID);
    EXPECT(gort_counter_value(NULL) == 0);
    EXPECT_IS(gort_counter_add((gort_counter *)(void *)wg, 1), GORT_MISUSE);
    EXPECT_IS(gort_counter_free((gort_counter *)(void *)wg), GORT_MISUSE);
    EXPECT_OK(gort_counter_add(counter, 3));
    EXPECT_OK(gort_counter_free(counter));
    EXPECT_IS(gort_counter_add(counter, 1), GORT_MISUSE);
    EXPECT_IS(gort_counter_reset(counter, &before), GORT_MISUSE);
    EXPECT_IS(gort_counter_free(counter), GORT_MISUSE);
    EXPECT(gort_counter_value(counter) == 0 && before == 5);
    EXPECT_OK(gort_counter_free(NULL));
    EXPECT_OK(gort_wg_free(wg));
    for (int i = 0; i < 200; i++) { /* a slot that is used again begins at zero */
        counter = gort_counter_new();
        EXPECT(gort_counter_value(counter) == 0);
        EXPECT_OK(gort_counter_add(counter, 11));
        EXPECT_OK(gort_counter_free(counter));
    }
}

TESTS(CASE(tasks_and_threads_add), CASE(mistakes))

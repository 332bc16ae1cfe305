/*
 * waitgroup.c: wait groups from tasks and threads, in all three forms of the wait.
 *
 * What it is NOT: mistakes (misuse.c), or freeing right after the wait (free_after_wait.c).
 */
#include "harness.h"

static int done;

static void count_one(void *arg) {
    (void)arg;
    ADD(done, 1);
}

static void count_late(void *arg) {
    (void)gort_sleep(GORT_MS(5));
    count_one(arg);
}

static void wait_at_zero_returns_at_once(void) {
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_try_wait(wg));
    EXPECT_OK(gort_wg_wait_until(wg, 0, NULL));
    EXPECT_OK(gort_wg_free(wg));
}

static int all_done_main(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    for (int round = 1; round <= 3; round++) {
        SET(done, 0);
        for (int i = 0; i < 100; i++) EXPECT_OK(gort_wg_go(wg, i % 2 ? count_one : count_late, NULL));
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT(COUNT(done) == 100);
    }
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void wait_returns_when_all_are_done(void) {
    in_run(all_done_main, NULL);
}

static void thread_waits_for_tasks_without_a_run(void) {
    all_done_main(NULL);
}

/* Go's TestWaitGroup: two groups as barriers, used again and again. */
typedef struct {
    gort_wg *first, *second;
    int *arrived;
} barrier;

static void arrive(void *arg) {
    barrier *b = (barrier *)arg;
    EXPECT_OK(gort_wg_done(b->first));
    EXPECT_OK(gort_wg_wait(b->second));
    ADD(*b->arrived, 1);
}

static int barrier_main(void *arg) {
    (void)arg;
    int arrived = 0;
    barrier b = {gort_wg_new(), gort_wg_new(), &arrived};
    gort_wg *out = gort_wg_new();
    for (int round = 0; round < 8; round++) {
        SET(arrived, 0);
        EXPECT_OK(gort_wg_add(b.first, 16));
        EXPECT_OK(gort_wg_add(b.second, 1));
        for (int i = 0; i < 16; i++) EXPECT_OK(gort_wg_go(out, arrive, &b));
        EXPECT_OK(gort_wg_wait(b.first));
        EXPECT(COUNT(arrived) == 0);
        EXPECT_OK(gort_wg_done(b.second));
        EXPECT_OK(gort_wg_wait(out));
        EXPECT(COUNT(arrived) == 16);
    }
    EXPECT_OK(gort_wg_free(b.first));
    EXPECT_OK(gort_wg_free(b.second));
    EXPECT_OK(gort_wg_free(out));
    return 0;
}

static void test_wait_group(void) {
    in_run(barrier_main, NULL);
}

static void wait_and_count(void *arg) {
    EXPECT_OK(gort_wg_wait((gort_wg *)arg));
    ADD(done, 1);
}

static void *thread_waits(void *arg) {
    wait_and_count(arg);
    return NULL;
}

static void all_waiters_are_woken_tasks_and_threads(void) {
    gort_wg *wg = gort_wg_new(), *out = gort_wg_new();
    pthread_t threads[3];
    SET(done, 0);
    EXPECT_OK(gort_wg_add(wg, 2));
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_wg_go(out, wait_and_count, wg));
    for (int i = 0; i < 3; i++) EXPECT(pthread_create(&threads[i], NULL, thread_waits, wg) == 0);
    usleep(5000);
    EXPECT_OK(gort_wg_done(wg));
    usleep(2000);
    EXPECT(COUNT(done) == 0);
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_wait(out));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    EXPECT(COUNT(done) == 13);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(gort_wg_free(out));
}

static void timed_forms(void) {
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_add(wg, 1));
    EXPECT_IS(gort_wg_try_wait(wg), GORT_WOULD_BLOCK);
    int64_t before = gort_now();
    EXPECT_IS(gort_wg_wait_until(wg, gort_in(GORT_MS(20)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(20));
    EXPECT_IS(gort_wg_wait_until(wg, 0, NULL), GORT_TIMED_OUT);
    SET(done, 0);
    EXPECT_OK(gort_wg_go(wg, count_late, NULL));
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_wait_until(wg, gort_in(GORT_SEC(10)), NULL));
    EXPECT(COUNT(done) == 1);
    EXPECT_OK(gort_wg_try_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static int timed_main(void *arg) {
    (void)arg;
    timed_forms();
    return 0;
}

static void until_times_out_or_waits_on_a_thread(void) {
    timed_forms();
}

static void until_times_out_or_waits_in_a_task(void) {
    in_run(timed_main, NULL);
}

static void *canceled_wait(void *arg) {
    EXPECT_IS(gort_wg_wait((gort_wg *)arg), GORT_CANCELED);
    return NULL;
}

static int cancel_main(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    gort_task *task = NULL;
    EXPECT_OK(gort_wg_add(wg, 1));
    EXPECT_OK(gort_spawn(NULL, canceled_wait, wg, &task));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void wait_ends_by_cancel(void) {
    in_run(cancel_main, NULL);
}

/* Go's TestWaitGroupRace: a wait that returns early sees too small a number. */
static int plain; /* written by tasks, read after the wait: the group alone orders it */

static void add_plain(void *arg) {
    (void)arg;
    __atomic_add_fetch(&plain, 1, __ATOMIC_RELAXED);
}

static int race_main(void *arg) {
    (void)arg;
    for (int i = 0; i < 1000; i++) {
        gort_wg *wg = gort_wg_new();
        plain = 0;
        EXPECT_OK(gort_wg_go(wg, add_plain, NULL));
        EXPECT_OK(gort_wg_go(wg, add_plain, NULL));
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT(plain == 2);
        EXPECT_OK(gort_wg_free(wg));
    }
    return 0;
}

static void test_wait_group_race(void) {
    in_run(race_main, NULL);
}

typedef struct {
    gort_wg *wg;
    int depth;
} tree;

static void grow(void *arg) {
    tree *t = (tree *)arg;
    ADD(done, 1);
    if (t->depth > 0) {
        tree *child = t + 1; /* one level a slot */
        EXPECT_OK(gort_wg_go(t->wg, grow, child));
        EXPECT_OK(gort_wg_go(t->wg, grow, child));
    }
}

static int tree_main(void *arg) {
    (void)arg;
    tree levels[11];
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 11; i++) {
        levels[i].wg = wg;
        levels[i].depth = 10 - i;
    }
    SET(done, 0);
    EXPECT_OK(gort_wg_go(wg, grow, levels));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(done) == 2047);
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void tasks_may_add_tasks(void) {
    in_run(tree_main, NULL);
}

TESTS(CASE(wait_at_zero_returns_at_once), CASE(wait_returns_when_all_are_done),
      CASE(thread_waits_for_tasks_without_a_run), CASE(test_wait_group), CASE(all_waiters_are_woken_tasks_and_threads),
      CASE(until_times_out_or_waits_on_a_thread), CASE(until_times_out_or_waits_in_a_task), CASE(wait_ends_by_cancel),
      CASE(test_wait_group_race), CASE(tasks_may_add_tasks))

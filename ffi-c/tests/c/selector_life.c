/*
 * selector_life.c: how the cases of a selector come and go and what it holds; closed channels, limits, cancellation, mistakes.
 * Compiled as C11 and as C++17.
 *
 * What it is NOT: what a selector does with its cases (selector.c).
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

typedef struct {
    gort_selector *s;
    int32_t index;
    gort_status status;
    int waits;
} waiting;

static void *wait_once(void *arg) {
    waiting *w = (waiting *)arg;
    ADD(w->waits, 1);
    w->index = gort_selector_wait(w->s, &w->status);
    return NULL;
}

static uint64_t live_channels(void) {
    gort_metrics_t m = GORT_METRICS_INIT;
    EXPECT_OK(gort_metrics(&m));
    return m.channels;
}

/* --- remove, close, ownership -------------------------------------------------------------------------------------------- */

static void removed_case_is_gone_and_its_index_is_used_again(void) {
    ints *c[4] = {ints_new(1), ints_new(1), ints_new(1), ints_new(1)};
    int v[4] = {0, 0, 0, 0};
    gort_selector *s = gort_selector_new();
    for (int i = 0; i < 3; i++) EXPECT(gort_selector_add(s, ints_case_recv(c[i], &v[i])) == i);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK); /* armed in all queues */
    EXPECT_OK(gort_selector_remove(s, 1));                        /* out of its queue */
    EXPECT_OK(ints_send(c[0], 10));                               /* on the list */
    EXPECT_OK(gort_selector_remove(s, 0));                        /* off the list */
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_selector_remove(s, 1), GORT_INVALID);
    EXPECT(error_says("no case 1"));
    EXPECT_OK(ints_send(c[1], 11));
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT(gort_selector_add(s, ints_case_recv(c[3], &v[3])) == 0); /* the lowest that is free */
    EXPECT(gort_selector_add(s, ints_case_recv(c[1], &v[1])) == 1);
    EXPECT(gort_selector_wait(s, NULL) == 1 && v[1] == 11);
    EXPECT_OK(ints_send(c[3], 13));
    EXPECT(gort_selector_wait(s, NULL) == 0 && v[3] == 13);
    EXPECT_OK(ints_send(c[2], 12));
    EXPECT(gort_selector_wait(s, NULL) == 2 && v[2] == 12);
    EXPECT(v[0] == 0 && ints_len(c[0]) == 1);
    EXPECT_OK(gort_selector_free(s));
    for (int i = 0; i < 4; i++) EXPECT_OK(ints_release(c[i]));
}

static void closed_channel_is_ready_each_time(void) {
    ints *a = ints_new(2), *b = ints_new(0);
    int v = 0, give = 5;
    gort_status status = GORT_OK;
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(a, &v)) == 0);
    EXPECT_OK(ints_send(a, 1));
    EXPECT_OK(ints_send(a, 2));
    EXPECT_OK(ints_close(a));
    for (int i = 1; i <= 2; i++) EXPECT(gort_selector_wait(s, &status) == 0 && status == GORT_OK && v == i);
    for (int i = 0; i < 5; i++) EXPECT(gort_selector_wait(s, &status) == 0 && status == GORT_CLOSED && v == 2);
    EXPECT(gort_selector_try_wait(s, &status) == 0 && status == GORT_CLOSED);
    EXPECT(gort_selector_add(s, ints_case_send(b, &give)) == 1);
    EXPECT_OK(ints_close(b));
    EXPECT_OK(gort_selector_remove(s, 0));
    for (int i = 0; i < 5; i++) EXPECT(gort_selector_wait(s, &status) == 1 && status == GORT_CLOSED);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(a));
    EXPECT_OK(ints_release(b));
}

static int close_body(void *arg) {
    (void)arg;
    ints *a = ints_new(0), *b = ints_new(0);
    int v = 77;
    gort_selector *s = gort_selector_new();
    gort_task *task = NULL;
    waiting w = {s, -1, GORT_INVALID, 0};
    EXPECT(gort_selector_add(s, ints_case_recv(a, &v)) == 0);
    EXPECT(gort_selector_add(s, ints_case_send(b, &v)) == 1);
    EXPECT_OK(gort_spawn(NULL, wait_once, &w, &task));
    AWAIT_IN_TASK(COUNT(w.waits) == 1);
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(ints_close(b));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT(w.index == 1 && w.status == GORT_CLOSED && v == 77);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(a));
    EXPECT_OK(ints_release(b));
    return 0;
}

static void close_ends_a_wait(void) {
    in_run(close_body, NULL);
}

/* It holds its channels, until the case is removed or it is freed. */
static void channels_are_released_when_it_is_freed(void) {
    gort_selector *s = gort_selector_new();
    static int v[100];
    uint64_t before = live_channels();
    for (int i = 0; i < 100; i++) {
        ints *c = ints_new(i % 2 ? 1 : 0);
        EXPECT(gort_selector_add(s, ints_case_recv(c, &v[i])) == i);
        if (i % 2) EXPECT_OK(ints_send(c, i));
        EXPECT_OK(ints_release(c)); /* the selector's is left */
    }
    EXPECT(live_channels() == before + 100);
    for (int n = 0; n < 50; n++) {
        int32_t i = gort_selector_wait(s, NULL);
        EXPECT(i >= 0 && i % 2 && v[i] == i);
    }
    EXPECT_OK(gort_selector_remove(s, 7));
    EXPECT_OK(gort_selector_remove(s, 8));
    EXPECT(live_channels() == before + 98);
    EXPECT_OK(gort_selector_free(s));
    EXPECT(live_channels() == before);
}

static int dropped;

static void count_drop(void *element) {
    (void)element;
    dropped++;
}

static void last_reference_drops_what_nobody_received(void) {
    gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
    gort_selector *s = gort_selector_new();
    int v = 5;
    options.elem_size = sizeof v;
    options.capacity = 3;
    options.drop = count_drop;
    gort_chan *c = gort_chan_new_with(&options);
    EXPECT(gort_selector_add(s, gort_case_recv(c, &v)) == 0);
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_chan_send(c, &v));
    EXPECT_OK(gort_chan_release(c));
    EXPECT(dropped == 0);
    EXPECT_OK(gort_selector_free(s));
    EXPECT(dropped == 3);
}

static void null_channel_takes_an_index_and_is_never_ready(void) {
    ints *c = ints_new(1);
    int v = 0;
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(NULL, &v)) == 0);
    EXPECT(gort_selector_add(s, gort_case_ctx(NULL)) == 1);
    EXPECT(gort_selector_add(s, gort_case_recv(NULL, NULL)) == 2);
    EXPECT_IS(gort_selector_wait_until(s, NULL, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 3);
    EXPECT_OK(ints_send(c, 4));
    EXPECT(gort_selector_wait(s, NULL) == 3 && v == 4);
    EXPECT_OK(gort_selector_remove(s, 0));
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

static void elements_of_no_bytes_need_no_place(void) {
    gort_chan *c = gort_chan_new(0, 2);
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, gort_case_recv(c, NULL)) == 0);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_chan_send(c, NULL));
    EXPECT(gort_selector_wait(s, NULL) == 0 && gort_chan_len(c) == 0);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_chan_release(c));
}

/* --- limits and cancellation --------------------------------------------------------------------------------------------- */

static int limits_body(void *arg) {
    (void)arg;
    ints *c = ints_new(1);
    int v = 0;
    gort_status status = GORT_INVALID;
    gort_selector *s = gort_selector_new();
    EXPECT_IS(gort_selector_try_wait(s, &status), GORT_WOULD_BLOCK); /* of no cases */
    EXPECT_IS(gort_selector_wait_until(s, &status, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    int64_t before = gort_now();
    EXPECT_IS(gort_selector_wait_until(s, &status, gort_in(GORT_MS(20)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(20));
    EXPECT_IS(gort_selector_wait_until(s, &status, 0, NULL), GORT_TIMED_OUT);
    EXPECT(status == GORT_INVALID); /* written for a case only */
    EXPECT_OK(ints_send(c, 3));
    EXPECT(gort_selector_wait_until(s, &status, 0, NULL) == 0 && v == 3 && status == GORT_OK);
    EXPECT_OK(ints_send(c, 4));
    EXPECT(gort_selector_wait_until(s, NULL, GORT_NEVER, NULL) == 0 && v == 4);
    EXPECT_IS(gort_selector_wait_until(s, NULL, GORT_NEVER, (gort_ctx *)(void *)c), GORT_MISUSE);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void until_times_out_and_never_early(void) {
    limits_body(NULL); /* a plain thread */
    in_run(limits_body, NULL);
}

static int cancel_body(void *arg) {
    (void)arg;
    ints *c = ints_new(0);
    int v = 0;
    gort_selector *s = gort_selector_new(), *none = gort_selector_new();
    gort_task *task = NULL, *lonely = NULL;
    waiting w = {s, 0, GORT_INVALID, 0}, l = {none, 0, GORT_INVALID, 0};
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    EXPECT_OK(gort_spawn(NULL, wait_once, &w, &task));
    EXPECT_OK(gort_spawn(NULL, wait_once, &l, &lonely));
    AWAIT_IN_TASK(COUNT(w.waits) + COUNT(l.waits) == 2);
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_cancel(lonely));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_join(lonely, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(gort_task_release(lonely));
    EXPECT(w.index == GORT_CANCELED && w.status == GORT_INVALID && l.index == GORT_CANCELED);
    EXPECT_IS(ints_try_send(c, 1), GORT_WOULD_BLOCK); /* nobody is left in the queue */
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK); /* and it is as good as before */
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_selector_free(none));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void cancelled_task_gets_canceled(void) {
    in_run(cancel_body, NULL);
}

/* --- mistakes -------------------------------------------------------------------------------------------------------------- */

/* While one waits on it everybody else is refused, and the one that waits does not notice. */
static void busy_selector_is_misuse(void) {
    ints *c = ints_new(0);
    int v = 0, other = 0;
    gort_selector *s = gort_selector_new();
    waiting w = {s, -1, GORT_INVALID, 0};
    pthread_t thread;
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    EXPECT(pthread_create(&thread, NULL, wait_once, &w) == 0);
    AWAIT(COUNT(w.waits) == 1);
    usleep(20000);
    EXPECT_IS(gort_selector_wait(s, NULL), GORT_MISUSE);
    EXPECT(error_says("waits on the selector"));
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_MISUSE);
    EXPECT_IS(gort_selector_wait_until(s, NULL, gort_in(GORT_SEC(1)), NULL), GORT_MISUSE);
    EXPECT_IS(gort_selector_add(s, ints_case_recv(c, &other)), GORT_MISUSE);
    EXPECT_IS(gort_selector_remove(s, 0), GORT_MISUSE);
    EXPECT_IS(gort_selector_free(s), GORT_MISUSE);
    EXPECT_OK(ints_send(c, 8));
    pthread_join(thread, NULL);
    EXPECT(w.index == 0 && w.status == GORT_OK && v == 8);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

static void expect_no_selector(gort_selector *s, ints *c, gort_status status) {
    int v = 0;
    EXPECT_IS(gort_selector_add(s, ints_case_recv(c, &v)), status);
    EXPECT_IS(gort_selector_remove(s, 0), status);
    EXPECT_IS(gort_selector_wait(s, NULL), status);
    EXPECT_IS(gort_selector_try_wait(s, NULL), status);
    EXPECT_IS(gort_selector_wait_until(s, NULL, gort_in(GORT_SEC(1)), NULL), status);
}

static void mistakes_are_statuses(void) {
    ints *c = ints_new(1), *stale = ints_new(1);
    int v = 0;
    gort_case bad = ints_case_recv(c, &v);
    gort_selector *s = gort_selector_new(), *gone = gort_selector_new();
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(ints_release(stale));
    EXPECT_OK(gort_selector_free(gone));
    EXPECT_OK(gort_selector_free(NULL));

    expect_no_selector(NULL, c, GORT_INVALID);
    EXPECT(error_says("the selector is NULL"));
    expect_no_selector(gone, c, GORT_MISUSE);
    EXPECT_IS(gort_selector_free(gone), GORT_MISUSE);
    expect_no_selector((gort_selector *)(void *)wg, c, GORT_MISUSE);
    EXPECT_IS(gort_selector_free((gort_selector *)(void *)wg), GORT_MISUSE);
    EXPECT_IS(gort_chan_close((gort_chan *)(void *)s), GORT_MISUSE);

    EXPECT_IS(gort_selector_add(s, gort_case_after(GORT_MS(1))), GORT_INVALID);
    EXPECT(error_says("gort_selector_wait_until()"));
    EXPECT_IS(gort_selector_add(s, ints_case_recv(c, NULL)), GORT_INVALID);
    EXPECT(error_says("the case: element is NULL"));
    EXPECT_IS(gort_selector_add(s, ints_case_send(c, NULL)), GORT_INVALID);
    EXPECT_IS(gort_selector_add(s, ints_case_recv(stale, &v)), GORT_MISUSE);
    EXPECT(error_says("the case: chan is no live channel"));
    EXPECT_IS(gort_selector_add(s, gort_case_ctx((gort_ctx *)(void *)s)), GORT_MISUSE);
    bad.kind = 9;
    EXPECT_IS(gort_selector_add(s, bad), GORT_INVALID);
    EXPECT(error_says("kind is 9"));
    EXPECT_IS(gort_selector_remove(s, 0), GORT_INVALID); /* nothing was added */
    EXPECT_IS(gort_selector_remove(s, -1), GORT_INVALID);
    EXPECT(error_says("no case -1"));
    EXPECT_IS(gort_selector_remove(s, INT32_MAX), GORT_INVALID);
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
}

static void selector_from_before_a_fork_is_shutdown(void) {
    ints *c = ints_new(1);
    int v = 0, status = -1;
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    pid_t child = fork_among_threads();
    if (child == 0) {
        alarm(20);
        ints *own = ints_new(1);
        gort_selector *mine = gort_selector_new();
        expect_no_selector(s, own, GORT_SHUTDOWN);
        EXPECT_IS(gort_selector_free(s), GORT_SHUTDOWN);
        EXPECT_IS(gort_selector_add(mine, ints_case_recv(c, &v)), GORT_SHUTDOWN);
        EXPECT(gort_selector_add(mine, ints_case_recv(own, &v)) == 0);
        EXPECT_OK(ints_send(own, 5));
        EXPECT(gort_selector_wait(mine, NULL) == 0 && v == 5);
        EXPECT_OK(gort_selector_free(mine));
        EXPECT_OK(ints_release(own));
        fflush(NULL);
        _exit(COUNT(test_failures) != 0);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    EXPECT_OK(ints_send(c, 6));
    EXPECT(gort_selector_wait(s, NULL) == 0 && v == 6);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

TESTS(CASE(removed_case_is_gone_and_its_index_is_used_again), CASE(closed_channel_is_ready_each_time),
      CASE(close_ends_a_wait), CASE(channels_are_released_when_it_is_freed),
      CASE(last_reference_drops_what_nobody_received), CASE(null_channel_takes_an_index_and_is_never_ready),
      CASE(elements_of_no_bytes_need_no_place), CASE(until_times_out_and_never_early),
      CASE(cancelled_task_gets_canceled), CASE(busy_selector_is_misuse), CASE(mistakes_are_statuses),
      CASE(selector_from_before_a_fork_is_shutdown))

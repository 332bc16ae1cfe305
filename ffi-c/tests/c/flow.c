/*
 * flow.c: groups, single flights and worker pools; and their mistakes.
 *
 * What it is NOT: their meaning in full; that is core's tests/group.rs, singleflight.rs and worker_pool.rs.
 */
#include "harness.h"

static int runs, drops, states, told;

static int count_run(void *arg) {
    (void)arg;
    ADD(runs, 1);
    return 0;
}

static int fail_with(void *arg) {
    return *(int *)arg;
}

static int receive(void *arg) {
    return gort_chan_recv((gort_chan *)arg, NULL);
}

static int group_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    gort_group *g = gort_group_new();
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_group_go(g, count_run, NULL));
    EXPECT(gort_group_wait(g) == 0 && COUNT(runs) == 20);
    EXPECT(gort_group_is_canceled(g));
    EXPECT_OK(gort_group_free(g));

    /* The first error cancels the others, and is what each wait gives. */
    int seven = 7;
    gort_chan *never = gort_chan_new(0, 0);
    g = gort_group_new();
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_group_go(g, receive, never));
    EXPECT(!gort_group_is_canceled(g));
    EXPECT(gort_group_wait_until(g, gort_in(GORT_US(200)), NULL) == GORT_TIMED_OUT);
    EXPECT_OK(gort_group_go(g, fail_with, &seven));
    EXPECT(gort_group_wait(g) == 7 && gort_group_wait(g) == 7);
    EXPECT(gort_group_wait_until(g, GORT_NEVER, NULL) == 7);
    EXPECT_OK(gort_group_free(g));

    /* Cancelled by hand: what the tasks return is the error. */
    g = gort_group_new();
    EXPECT_OK(gort_group_go(g, receive, never));
    EXPECT_OK(gort_group_cancel(g));
    EXPECT(gort_group_wait(g) == GORT_CANCELED);
    EXPECT_OK(gort_group_free(g));
    gort_chan_release(never);
    return 0;
}

static void group_waits_for_all_and_gives_the_first_error(void) {
    in_run(group_main, NULL);
}

static int limit_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    gort_chan *gate = gort_chan_new(0, 0);
    gort_group *g = gort_group_new();
    EXPECT_OK(gort_group_set_limit(g, 0));
    EXPECT_IS(gort_group_try_go(g, count_run, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_group_set_limit(g, 2));
    EXPECT_OK(gort_group_go(g, receive, gate));
    EXPECT_OK(gort_group_try_go(g, receive, gate));
    EXPECT_IS(gort_group_try_go(g, count_run, NULL), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_group_go_until(g, count_run, NULL, gort_in(GORT_US(200)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_group_set_limit(g, 3), GORT_MISUSE);
    EXPECT(error_says("limit"));
    EXPECT_IS(gort_group_free(g), GORT_MISUSE);
    for (int i = 0; i < 2; i++) EXPECT_OK(gort_chan_send(gate, NULL));
    EXPECT(gort_group_wait(g) == 0 && COUNT(runs) == 0);
    EXPECT_OK(gort_group_set_limit(g, -1));
    for (int i = 0; i < 50; i++) EXPECT_OK(gort_group_try_go(g, count_run, NULL));
    EXPECT(gort_group_wait(g) == 0 && COUNT(runs) == 50);
    EXPECT_OK(gort_group_free(g));
    gort_chan_release(gate);
    return 0;
}

static void group_keeps_its_limit(void) {
    in_run(limit_main, NULL);
}

static int own_group(void *arg) {
    gort_group *g = gort_group_new();
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_group_go(g, receive, arg));
    int end = gort_group_wait(g);
    EXPECT_OK(gort_group_free(g)); /* none was left behind */
    return end;
}

static int nested_main(void *arg) {
    (void)arg;
    int five = 5;
    gort_chan *never = gort_chan_new(0, 0);
    gort_group *outer = gort_group_new();
    for (int i = 0; i < 2; i++) EXPECT_OK(gort_group_go(outer, own_group, never));
    for (int i = 0; i < 10; i++) gort_yield();
    EXPECT_OK(gort_group_go(outer, fail_with, &five));
    EXPECT(gort_group_wait(outer) == 5);
    EXPECT_OK(gort_group_free(outer));
    gort_chan_release(never);
    return 0;
}

static void error_ends_the_groups_within(void) {
    in_run(nested_main, NULL);
}

static int waits_for_its_context(void *arg) {
    return gort_sleep_until(GORT_NEVER, gort_group_ctx((gort_group *)arg));
}

static int within_main(void *arg) {
    (void)arg;
    gort_chan *never = gort_chan_new(0, 0);
    gort_ctx *outer = gort_ctx_with_cancel(gort_ctx_background());
    gort_group *g = gort_group_new_within(outer);
    EXPECT(!gort_ctx_is_done(gort_group_ctx(g)));
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_group_go(g, receive, never));
    EXPECT_OK(gort_group_go(g, waits_for_its_context, g));
    for (int i = 0; i < 10; i++) gort_yield();
    EXPECT_OK(gort_ctx_cancel(outer));
    EXPECT(gort_group_wait(g) == GORT_CANCELED && gort_ctx_is_done(gort_group_ctx(g)));
    EXPECT_OK(gort_group_free(g));
    EXPECT(gort_group_ctx(g) == NULL && gort_group_ctx(NULL) == NULL && gort_group_new_within(NULL) == NULL);
    gort_ctx_release(outer);
    gort_chan_release(never);
    return 0;
}

static void group_within_a_context_ends_with_it(void) {
    in_run(within_main, NULL);
}

/* --- single flights ---------------------------------------------------------------------------------------------- */

typedef struct {
    int refs;
} counted;

static void retain(void *result) {
    ADD(((counted *)result)->refs, 1);
}

static void release(void *result) {
    if (ADD(((counted *)result)->refs, -1) == 0) {
        ADD(drops, 1);
        free(result);
    }
}

typedef struct {
    gort_singleflight *flights;
    gort_chan *gate;
    gort_wg *wg;
} flight_args;

static void *fly(void *arg) {
    ADD(runs, 1);
    EXPECT_IS(gort_chan_recv(((flight_args *)arg)->gate, NULL), GORT_CLOSED);
    counted *made = (counted *)malloc(sizeof *made);
    made->refs = 1;
    return made;
}

static void caller(void *arg) {
    flight_args *a = (flight_args *)arg;
    void *result = NULL;
    bool shared = false;
    EXPECT_OK(gort_singleflight_do(a->flights, "key", 3, fly, a, &result, &shared));
    if (shared) ADD(told, 1);
    EXPECT(result != NULL);
    release(result);
}

static int flight_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    SET(drops, 0);
    SET(told, 0);
    flight_args a = {gort_singleflight_new(retain, release), gort_chan_new(0, 0), gort_wg_new()};
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(a.wg, caller, &a));
    AWAIT_IN_TASK(COUNT(runs) == 1);
    for (int i = 0; i < 20; i++) gort_yield();
    void *result = &a;
    EXPECT_IS(gort_singleflight_do_until(a.flights, "key", 3, fly, &a, &result, NULL, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT(result == (void *)&a);
    EXPECT_OK(gort_chan_close(a.gate));
    gort_wg_wait(a.wg);
    /* One that came late flew by itself. */
    EXPECT(COUNT(runs) == 5 || COUNT(told) >= 2);
    if (COUNT(runs) == 1) EXPECT(COUNT(told) == 5);
    EXPECT(COUNT(drops) == COUNT(runs));
    EXPECT_OK(gort_singleflight_forget(a.flights, "key", 3));
    EXPECT_OK(gort_singleflight_free(a.flights));
    EXPECT_IS(gort_singleflight_forget(a.flights, "key", 3), GORT_MISUSE);
    gort_chan_release(a.gate);
    EXPECT_OK(gort_wg_free(a.wg));
    return 0;
}

static void calls_for_one_key_are_one_and_results_are_counted(void) {
    in_run(flight_main, NULL);
}

static void *give_back(void *arg) {
    return arg;
}

static int alone_main(void *arg) {
    (void)arg;
    int x = 0;
    void *result = NULL;
    bool shared = true;
    gort_singleflight *f = gort_singleflight_new(NULL, NULL);
    EXPECT_OK(gort_singleflight_do(f, NULL, 0, give_back, &x, &result, &shared));
    EXPECT(result == &x && !shared);
    EXPECT_OK(gort_singleflight_do(f, "k", 1, give_back, &x, NULL, NULL));
    EXPECT_IS(gort_singleflight_do(f, NULL, 1, give_back, &x, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_singleflight_do(f, "k", 1, NULL, &x, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_singleflight_do(NULL, "k", 1, give_back, &x, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_singleflight_forget(f, NULL, 1), GORT_INVALID);
    EXPECT_OK(gort_singleflight_free(f));
    /* A result that nobody wants is released. */
    SET(drops, 0);
    counted *c = (counted *)malloc(sizeof *c);
    c->refs = 1;
    f = gort_singleflight_new(retain, release);
    EXPECT_OK(gort_singleflight_do(f, "k", 1, give_back, c, NULL, NULL));
    EXPECT(COUNT(drops) == 1);
    EXPECT_OK(gort_singleflight_free(f));
    return 0;
}

static void flight_alone_is_a_plain_call(void) {
    in_run(alone_main, NULL);
}

/* --- worker pools ------------------------------------------------------------------------------------------------ */

static void *begin_state(void *arg) {
    ADD(*(int *)arg, 1);
    return calloc(1, sizeof(int));
}

static void end_state(void *state) {
    ADD(states, -1);
    free(state);
}

static void progress(void *arg, uint64_t done, uint64_t submitted) {
    (void)arg;
    EXPECT(done <= submitted);
    ADD(told, 1);
}

static void drop_job(void *arg) {
    (void)arg;
    ADD(drops, 1);
}

static void job(void *arg, void *state) {
    ADD(*(int *)state, 1);
    ADD(runs, *(int *)arg);
}

static void blocked_job(void *arg, void *state) {
    (void)state;
    ADD(runs, 1);
    EXPECT(gort_chan_recv((gort_chan *)arg, NULL) != GORT_OK);
}

static int pool_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    SET(states, 0);
    SET(told, 0);
    gort_worker_pool_options o = GORT_WORKER_POOL_OPTIONS_INIT;
    o.workers = 3;
    o.queue = 2;
    o.init = begin_state;
    o.done = end_state;
    o.progress = progress;
    o.arg = &states;
    gort_worker_pool *p = gort_worker_pool_new(&o);
    int one = 1;
    for (int i = 0; i < 100; i++) EXPECT_OK(gort_worker_pool_submit(p, job, &one));
    EXPECT_OK(gort_worker_pool_wait(p));
    EXPECT(COUNT(runs) == 100 && COUNT(told) == 100 && COUNT(states) == 0);
    EXPECT_IS(gort_worker_pool_submit(p, job, &one), GORT_CLOSED);
    EXPECT_OK(gort_worker_pool_free(p));

    /* Usual options; free runs what is queued. */
    p = gort_worker_pool_new(NULL);
    SET(runs, 0);
    gort_chan *open = gort_chan_new(0, 0);
    gort_chan_close(open);
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_worker_pool_submit(p, blocked_job, open));
    EXPECT_OK(gort_worker_pool_free(p));
    EXPECT(COUNT(runs) == 10);
    gort_chan_release(open);
    return 0;
}

static void pool_runs_every_job_and_ends_every_state(void) {
    in_run(pool_main, NULL);
}

static int cancel_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    SET(drops, 0);
    gort_worker_pool_options o = GORT_WORKER_POOL_OPTIONS_INIT;
    o.workers = 1;
    o.queue = 2;
    o.idle = GORT_MS(1);
    o.dropped = drop_job;
    gort_chan *never = gort_chan_new(0, 0);
    gort_worker_pool *p = gort_worker_pool_new(&o);
    EXPECT_OK(gort_worker_pool_submit(p, blocked_job, never));
    AWAIT_IN_TASK(COUNT(runs) == 1);
    EXPECT_OK(gort_worker_pool_submit(p, blocked_job, never));
    EXPECT_OK(gort_worker_pool_try_submit(p, blocked_job, never));
    EXPECT_IS(gort_worker_pool_try_submit(p, blocked_job, never), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_worker_pool_submit_until(p, blocked_job, never, gort_in(GORT_US(200)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_worker_pool_wait_until(p, gort_in(GORT_US(200)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_worker_pool_submit(p, blocked_job, never), GORT_CLOSED);
    EXPECT(COUNT(drops) == 0); /* what was refused is the caller's */
    EXPECT_OK(gort_worker_pool_cancel(p));
    EXPECT_OK(gort_worker_pool_wait(p));
    EXPECT(COUNT(drops) == 2 && COUNT(runs) == 1);
    EXPECT_OK(gort_worker_pool_free(p));
    gort_chan_release(never);
    return 0;
}

static void cancelled_pool_gives_up_what_is_queued(void) {
    in_run(cancel_main, NULL);
}

static void mistakes_are_told(void) {
    EXPECT_OK(gort_group_free(NULL));
    EXPECT_OK(gort_singleflight_free(NULL));
    EXPECT_OK(gort_worker_pool_free(NULL));
    EXPECT_IS(gort_group_go(NULL, count_run, NULL), GORT_INVALID);
    EXPECT(gort_group_wait(NULL) == GORT_INVALID && gort_group_is_canceled(NULL));
    gort_group *g = gort_group_new();
    EXPECT_IS(gort_group_go(g, NULL, NULL), GORT_INVALID);
    EXPECT(error_says("fn"));
    gort_singleflight *of_another_kind = (gort_singleflight *)(void *)g;
    EXPECT_IS(gort_singleflight_forget(of_another_kind, "k", 1), GORT_MISUSE);
    EXPECT_OK(gort_group_free(g));
    EXPECT_IS(gort_group_free(g), GORT_MISUSE);
    EXPECT_IS(gort_group_cancel(g), GORT_MISUSE);
    EXPECT(gort_group_wait(g) == GORT_MISUSE);
    gort_worker_pool_options o = GORT_WORKER_POOL_OPTIONS_INIT;
    o.reserved[1] = 1;
    EXPECT(gort_worker_pool_new(&o) == NULL && error_says("reserved"));
    o.struct_size = 0;
    EXPECT(gort_worker_pool_new(&o) == NULL && error_says("struct_size"));
    gort_worker_pool *p = gort_worker_pool_new(NULL);
    EXPECT_IS(gort_worker_pool_submit(p, NULL, NULL), GORT_INVALID);
    EXPECT_OK(gort_worker_pool_close(p));
    EXPECT_OK(gort_worker_pool_close(p));
    EXPECT_OK(gort_worker_pool_free(p));
    EXPECT_IS(gort_worker_pool_free(p), GORT_MISUSE);
}

/* A plain thread may use them all. */
static void plain_threads_wait_for_groups_and_pools(void) {
    SET(runs, 0);
    gort_group *g = gort_group_new();
    EXPECT_OK(gort_group_set_limit(g, 2));
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_group_go(g, count_run, NULL));
    EXPECT(gort_group_wait(g) == 0 && COUNT(runs) == 20);
    EXPECT_OK(gort_group_free(g));
    SET(runs, 0);
    gort_chan *open = gort_chan_new(0, 0);
    gort_chan_close(open);
    gort_worker_pool *p = gort_worker_pool_new(NULL);
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_worker_pool_submit(p, blocked_job, open));
    EXPECT_OK(gort_worker_pool_free(p));
    EXPECT(COUNT(runs) == 20);
    gort_chan_release(open);
}

TESTS(CASE(group_waits_for_all_and_gives_the_first_error), CASE(group_keeps_its_limit), CASE(error_ends_the_groups_within), CASE(group_within_a_context_ends_with_it),
      CASE(calls_for_one_key_are_one_and_results_are_counted), CASE(flight_alone_is_a_plain_call),
      CASE(pool_runs_every_job_and_ends_every_state), CASE(cancelled_pool_gives_up_what_is_queued), CASE(mistakes_are_told),
      CASE(plain_threads_wait_for_groups_and_pools))

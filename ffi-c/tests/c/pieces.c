/*
 * pieces.c: what is built of timers: debounce, throttle, heartbeat, periodic jobs, idle timeouts, retry, polling; and their mistakes.
 *
 * What it is NOT: their meaning in full; that is core's tests/pieces.rs. Counts and orders; no bound that a slow machine breaks.
 */
#include "harness.h"

#include <malloc.h>

#define HOUR GORT_SEC(3600)

static int runs;
static int64_t dues[4];

static void count_run(void *arg) {
    (void)arg;
    ADD(runs, 1);
}

static int debounce_main(void *arg) {
    (void)arg;
    bool was = false;
    SET(runs, 0);
    gort_debounce *d = gort_debounce_new(GORT_MS(3), count_run, NULL);
    for (int i = 0; i < 50; i++) EXPECT_OK(gort_debounce_call(d));
    AWAIT_IN_TASK(COUNT(runs) == 1);
    EXPECT_OK(gort_debounce_flush(d, &was));
    EXPECT(!was);
    EXPECT_OK(gort_debounce_call(d));
    EXPECT_OK(gort_debounce_cancel(d, &was));
    EXPECT(was);
    EXPECT_OK(gort_debounce_call(d));
    EXPECT_OK(gort_debounce_flush(d, &was));
    EXPECT(was);
    AWAIT_IN_TASK(COUNT(runs) == 2);
    EXPECT_OK(gort_debounce_call(d));
    EXPECT_OK(gort_debounce_free(d));
    EXPECT_OK(gort_sleep(GORT_MS(6)));
    EXPECT(COUNT(runs) == 2);
    return 0;
}

static void debounce_runs_once(void) {
    in_run(debounce_main, NULL);
}

static int throttle_main(void *arg) {
    (void)arg;
    bool ran = false;
    SET(runs, 0);
    gort_throttle *t = gort_throttle_new(HOUR, false, count_run, NULL);
    EXPECT_OK(gort_throttle_call(t, &ran));
    EXPECT(ran && COUNT(runs) == 1);
    EXPECT_OK(gort_throttle_call(t, &ran));
    EXPECT(!ran && COUNT(runs) == 1);
    EXPECT_OK(gort_throttle_free(t));
    t = gort_throttle_new(GORT_MS(5), true, count_run, NULL);
    EXPECT_OK(gort_throttle_call(t, NULL));
    EXPECT_OK(gort_throttle_call(t, NULL));
    AWAIT_IN_TASK(COUNT(runs) == 3);
    EXPECT_OK(gort_throttle_free(t));
    return 0;
}

static void throttle_runs_at_most_once_an_interval(void) {
    in_run(throttle_main, NULL);
}

static void note_due(void *arg, int64_t due) {
    (void)arg;
    int n = ADD(runs, 1);
    if (n <= 4) dues[n - 1] = due;
    (void)gort_sleep(GORT_US(500));
}

static int beating_main(void *arg) {
    (void)arg;
    SET(runs, 0);
    gort_periodic *p = gort_periodic_new(GORT_MS(1), note_due, NULL);
    AWAIT_IN_TASK(COUNT(runs) >= 4);
    EXPECT_OK(gort_periodic_free(p));
    int after = COUNT(runs);
    for (int i = 1; i < 4; i++) EXPECT(dues[i] > dues[i - 1] && (dues[i] - dues[i - 1]) % GORT_MS(1) == 0);
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT(COUNT(runs) == after);
    SET(runs, 0);
    gort_heartbeat *h = gort_heartbeat_new(HOUR, count_run, NULL);
    AWAIT_IN_TASK(COUNT(runs) == 1); /* at once */
    EXPECT_OK(gort_heartbeat_free(h));
    return 0;
}

static void periodic_jobs_and_heartbeats(void) {
    in_run(beating_main, NULL);
}

static int idle_main(void *arg) {
    (void)arg;
    bool was = false;
    SET(runs, 0);
    gort_idle *idle = gort_idle_new(GORT_MS(3), count_run, NULL);
    AWAIT_IN_TASK(COUNT(runs) == 1);
    EXPECT_OK(gort_idle_touch(idle));
    AWAIT_IN_TASK(COUNT(runs) == 2);
    EXPECT_OK(gort_idle_touch(idle));
    EXPECT_OK(gort_idle_stop(idle, &was));
    EXPECT(was);
    EXPECT_OK(gort_idle_stop(idle, &was));
    EXPECT(!was);
    EXPECT_OK(gort_idle_free(idle));
    return 0;
}

static void idle_calls_once_for_each_silence(void) {
    in_run(idle_main, NULL);
}

static gort_status third_time(void *arg, uint64_t attempt) {
    *(uint64_t *)arg = attempt;
    return attempt < 3 ? GORT_WOULD_BLOCK : GORT_OK;
}

static gort_status for_good(void *arg, uint64_t attempt) {
    (void)arg;
    (void)attempt;
    return GORT_CLOSED;
}

static gort_status never(void *arg, uint64_t attempt) {
    *(uint64_t *)arg = attempt;
    return GORT_WOULD_BLOCK;
}

static int fourth_look(void *arg) {
    return ++*(int *)arg == 4;
}

static int no(void *arg) {
    (void)arg;
    return 0;
}

static int trying_main(void *arg) {
    (void)arg;
    uint64_t attempts = 0;
    int looks = 0;
    gort_backoff b = GORT_BACKOFF_INIT;
    b.first = 1000;
    EXPECT_OK(gort_retry(&b, third_time, &attempts, GORT_NEVER, NULL));
    EXPECT(attempts == 3);
    EXPECT_IS(gort_retry(&b, for_good, NULL, GORT_NEVER, NULL), GORT_CLOSED);
    EXPECT_IS(gort_retry(&b, never, &attempts, GORT_NEVER, NULL), GORT_LIMIT);
    EXPECT(attempts == 5);
    b.first = HOUR;
    b.longest = HOUR;
    EXPECT_IS(gort_retry(&b, never, &attempts, gort_in(GORT_SEC(1)), NULL), GORT_TIMED_OUT);
    EXPECT(attempts == 1);
    EXPECT_OK(gort_poll_until(GORT_MS(1), fourth_look, &looks, GORT_NEVER, NULL));
    EXPECT(looks == 4);
    EXPECT_IS(gort_poll_until(HOUR, no, NULL, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    return 0;
}

static void retry_and_poll(void) {
    in_run(trying_main, NULL);
    EXPECT(trying_main(NULL) == 0); /* on a thread */
}

static void mistakes_are_told(void) {
    EXPECT(gort_debounce_new(1, NULL, NULL) == NULL && error_says("fn is NULL"));
    EXPECT(gort_throttle_new(1, true, NULL, NULL) == NULL);
    EXPECT(gort_idle_new(1, NULL, NULL) == NULL);
    EXPECT(gort_heartbeat_new(0, count_run, NULL) == NULL);
    EXPECT(gort_periodic_new(-1, note_due, NULL) == NULL);
    EXPECT_IS(gort_retry(NULL, NULL, NULL, GORT_NEVER, NULL), GORT_INVALID);
    EXPECT_IS(gort_poll_until(1, NULL, NULL, GORT_NEVER, NULL), GORT_INVALID);
    gort_backoff unset;
    memset(&unset, 0, sizeof unset);
    EXPECT_IS(gort_retry(&unset, for_good, NULL, GORT_NEVER, NULL), GORT_INVALID);
    gort_backoff reserved = GORT_BACKOFF_INIT;
    reserved.reserved[1] = 1;
    EXPECT_IS(gort_retry(&reserved, for_good, NULL, GORT_NEVER, NULL), GORT_INVALID);
    EXPECT(error_says("reserved"));
    EXPECT_IS(gort_debounce_call(NULL), GORT_INVALID);
    EXPECT_OK(gort_debounce_free(NULL));
    EXPECT_OK(gort_throttle_free(NULL));
    EXPECT_OK(gort_heartbeat_free(NULL));
    EXPECT_OK(gort_periodic_free(NULL));
    EXPECT_OK(gort_idle_free(NULL));
    gort_debounce *d = gort_debounce_new(HOUR, count_run, NULL);
    EXPECT_IS(gort_idle_touch((gort_idle *)d), GORT_MISUSE);
    EXPECT_IS(gort_throttle_free((gort_throttle *)d), GORT_MISUSE);
    EXPECT_IS(gort_timer_stop((gort_timer *)d, NULL), GORT_MISUSE);
    EXPECT_OK(gort_debounce_call(d));
    EXPECT_OK(gort_debounce_free(d));
    EXPECT_IS(gort_debounce_call(d), GORT_MISUSE);
    EXPECT_IS(gort_debounce_free(d), GORT_MISUSE);
}

/* --- the end of a run, shutdown -------------------------------------------------------------------------------------------------------- */

static gort_debounce *left_debounce;
static gort_heartbeat *left_heartbeat;
static gort_periodic *left_periodic;
static gort_idle *left_idle;

static void count_due(void *arg, int64_t due) {
    EXPECT(due > 0);
    count_run(arg);
}

static int leave_them_main(void *arg) {
    (void)arg;
    left_debounce = gort_debounce_new(HOUR, count_run, NULL);
    left_heartbeat = gort_heartbeat_new(GORT_US(500), count_run, NULL);
    left_periodic = gort_periodic_new(GORT_US(500), count_due, NULL);
    left_idle = gort_idle_new(HOUR, count_run, NULL);
    EXPECT_OK(gort_debounce_call(left_debounce));
    AWAIT_IN_TASK(COUNT(runs) >= 4);
    return 0;
}

/* They run no more, and are still to be freed. */
static void end_of_a_run_ends_what_it_made(void) {
    bool was = true;
    in_run(leave_them_main, NULL);
    int after = COUNT(runs);
    EXPECT_OK(gort_debounce_flush(left_debounce, &was));
    EXPECT(!was);
    EXPECT_OK(gort_debounce_call(left_debounce));
    EXPECT_OK(gort_idle_touch(left_idle));
    usleep(3000);
    EXPECT(COUNT(runs) == after);
    EXPECT_OK(gort_debounce_free(left_debounce));
    EXPECT_OK(gort_heartbeat_free(left_heartbeat));
    EXPECT_OK(gort_periodic_free(left_periodic));
    EXPECT_OK(gort_idle_free(left_idle));
}

static int inside, go_on;

static void stay_inside(void *arg) {
    (void)arg;
    ADD(runs, 1);
    SET(inside, 1);
    while (!COUNT(go_on)) usleep(200);
}

static void *call_throttle(void *arg) {
    bool ran = false;
    EXPECT_OK(gort_throttle_call((gort_throttle *)arg, &ran));
    EXPECT(ran);
    return NULL;
}

static void shutdown_makes_them_stale(void) {
    gort_debounce *d = gort_debounce_new(HOUR, count_run, NULL);
    gort_throttle *t = gort_throttle_new(HOUR, true, count_run, NULL);
    gort_heartbeat *h = gort_heartbeat_new(GORT_MS(1), count_run, NULL);
    gort_periodic *p = gort_periodic_new(GORT_MS(1), count_due, NULL);
    gort_idle *i = gort_idle_new(HOUR, count_run, NULL);
    EXPECT_OK(gort_debounce_call(d));
    EXPECT_OK(gort_throttle_call(t, NULL));
    EXPECT_OK(gort_throttle_call(t, NULL));
    AWAIT(COUNT(runs) >= 5);
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_debounce_call(d), GORT_SHUTDOWN);
    EXPECT_IS(gort_debounce_flush(d, NULL), GORT_SHUTDOWN);
    EXPECT_IS(gort_throttle_call(t, NULL), GORT_SHUTDOWN);
    EXPECT_IS(gort_idle_touch(i), GORT_SHUTDOWN);
    EXPECT_IS(gort_debounce_free(d), GORT_SHUTDOWN);
    EXPECT_IS(gort_throttle_free(t), GORT_SHUTDOWN);
    EXPECT_IS(gort_heartbeat_free(h), GORT_SHUTDOWN);
    EXPECT_IS(gort_periodic_free(p), GORT_SHUTDOWN);
    EXPECT_IS(gort_idle_free(i), GORT_SHUTDOWN);
}

/* A plain thread in a function of the program is not waited for: what it runs on stays until it is back. */
static void call_goes_on_over_a_shutdown(void) {
    pthread_t thread;
    gort_throttle *t = gort_throttle_new(1, false, stay_inside, NULL);
#if defined(M_PERTURB)
    (void)mallopt(M_PERTURB, 0x5a); /* what is freed is overwritten */
#endif
    EXPECT_OK(gort_go(count_run, NULL)); /* starts the runtime */
    AWAIT(COUNT(runs) == 1);
    EXPECT(pthread_create(&thread, NULL, call_throttle, t) == 0);
    AWAIT(COUNT(inside) == 1);
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_throttle_call(t, NULL), GORT_SHUTDOWN);
    gort_throttle *later = gort_throttle_new(1, false, count_run, NULL);
    SET(go_on, 1);
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(COUNT(runs) == 2);
    EXPECT_OK(gort_throttle_call(later, NULL));
    EXPECT_OK(gort_throttle_free(later));
}

/* The same for who frees it in between, here the function itself. */
static void free_from_within(void *arg) {
    gort_throttle **t = (gort_throttle **)arg;
    EXPECT_OK(gort_throttle_free(*t));
    EXPECT_IS(gort_throttle_call(*t, NULL), GORT_MISUSE);
    ADD(runs, 1);
}

static void function_may_free_what_runs_it(void) {
    bool ran = false;
    gort_throttle *t = NULL;
#if defined(M_PERTURB)
    (void)mallopt(M_PERTURB, 0x5a);
#endif
    t = gort_throttle_new(1, false, free_from_within, &t);
    EXPECT_OK(gort_throttle_call(t, &ran));
    EXPECT(ran && COUNT(runs) == 1);
}

TESTS(CASE(debounce_runs_once), CASE(throttle_runs_at_most_once_an_interval), CASE(periodic_jobs_and_heartbeats),
      CASE(idle_calls_once_for_each_silence), CASE(retry_and_poll), CASE(mistakes_are_told),
      CASE(end_of_a_run_ends_what_it_made), CASE(shutdown_makes_them_stale), CASE(call_goes_on_over_a_shutdown), CASE(function_may_free_what_runs_it))

/*
 * limiter.c: every limiter at times that are given, waits that end and that do not, reservations, keys, and their mistakes.
 *
 * What it is NOT: the arithmetic; that is core's tests/limit_rate.rs and limit.rs.
 */
#include "harness.h"

#define MS(n) ((int64_t)(n) * 1000000)

/* How many of `calls` calls are granted at a time. */
static int granted(gort_limiter *l, int64_t now, int calls) {
    int n = 0;
    for (int i = 0; i < calls; i++) n += gort_limiter_allow_at(l, now, 1) == GORT_OK;
    return n;
}

static void every_limiter_grants_what_it_is_made_for(void) {
    gort_limiter *bucket = gort_limiter_token_bucket_new(10, 5), *fixed = gort_limiter_fixed_window_new(5, MS(100), false),
                 *lazy = gort_limiter_fixed_window_new(5, MS(100), true), *log = gort_limiter_sliding_log_new(5, MS(100)),
                 *counter = gort_limiter_sliding_counter_new(5, MS(100)), *queue = gort_limiter_leaky_new(10, 2, false),
                 *drop = gort_limiter_leaky_new(10, 2, true), *paced = gort_limiter_paced_new(0, MS(20));
    EXPECT(granted(bucket, MS(1000), 9) == 5 && granted(bucket, MS(1200), 9) == 2);
    EXPECT(granted(fixed, MS(1099), 9) == 5 && granted(fixed, MS(1100), 9) == 5);
    EXPECT(granted(lazy, MS(1099), 9) == 5 && granted(lazy, MS(1100), 9) == 0 && granted(lazy, MS(1199), 9) == 5);
    EXPECT(granted(log, MS(1099), 9) == 5 && granted(log, MS(1198), 9) == 0 && granted(log, MS(1199), 9) == 5);
    EXPECT(granted(counter, MS(1050), 9) == 5 && granted(counter, MS(1140), 9) == 2);
    EXPECT(granted(queue, MS(1000), 9) == 1 && granted(queue, MS(1100), 9) == 1);
    EXPECT(granted(drop, MS(1000), 9) == 2 && granted(drop, MS(1100), 9) == 1);
    EXPECT(granted(paced, MS(1000), 9) == 1 && granted(paced, MS(1010), 9) == 0 && granted(paced, MS(1020), 9) == 1);
    EXPECT(gort_limiter_limit(bucket) > 9.9 && gort_limiter_burst(bucket) == 5 && gort_limiter_burst(queue) == 3);
    EXPECT(gort_limiter_limit(fixed) > 49.9 && gort_limiter_tokens_at(fixed, MS(1100)) < 0.1);
    gort_limiter *all[] = {bucket, fixed, lazy, log, counter, queue, drop, paced};
    for (int i = 0; i < 8; i++) EXPECT_OK(gort_limiter_free(all[i]));
}

static void reservations_say_when_and_are_given_back_once(void) {
    gort_limiter *l = gort_limiter_token_bucket_new(10, 2);
    gort_reservation first, second, none;
    memset(&none, 0, sizeof none);
    EXPECT_OK(gort_limiter_reserve_at(l, MS(1000), 2, GORT_NEVER, &first));
    EXPECT_OK(gort_limiter_reserve_at(l, MS(1000), 2, GORT_NEVER, &second));
    EXPECT(first.at == MS(1000) && second.at == MS(1200));
    EXPECT_IS(gort_limiter_reserve_at(l, MS(1000), 1, MS(1250), &none), GORT_TIMED_OUT);
    EXPECT_IS(gort_limiter_reserve_at(l, MS(1000), 3, GORT_NEVER, &none), GORT_LIMIT);
    EXPECT(gort_limiter_tokens_at(l, MS(1000)) < -1.9);
    EXPECT_OK(gort_reservation_cancel_at(&second, MS(1100)));
    EXPECT_OK(gort_reservation_cancel_at(&second, MS(1100))); /* once */
    EXPECT(gort_limiter_tokens_at(l, MS(1100)) > 0.9 && gort_limiter_tokens_at(l, MS(1100)) < 1.1);
    EXPECT_OK(gort_reservation_cancel_at(&first, MS(1100))); /* too late: nothing */
    EXPECT(gort_limiter_tokens_at(l, MS(1100)) < 1.1);
    EXPECT_OK(gort_limiter_set_limit_at(l, MS(1100), 100));
    EXPECT_OK(gort_limiter_set_burst_at(l, MS(1100), 4));
    EXPECT(granted(l, MS(1130), 9) == 4);
    EXPECT_OK(gort_limiter_reserve(l, 1, &first));
    EXPECT(gort_reservation_delay(&first) == 0 && first.at <= gort_now() + MS(1));
    EXPECT_IS(gort_reservation_cancel(NULL), GORT_INVALID);
    EXPECT_IS(gort_reservation_cancel(&none), GORT_INVALID);
    EXPECT_IS(gort_limiter_reserve(l, 1, NULL), GORT_INVALID);
    EXPECT_OK(gort_limiter_free(l));
    EXPECT_IS(gort_reservation_cancel(&first), GORT_MISUSE);
}

static void several_are_all_or_nothing(void) {
    gort_limiter *parts[] = {gort_limiter_token_bucket_new(10, 2), gort_limiter_fixed_window_new(3, GORT_SEC(3600), false)};
    gort_limiter *both = gort_limiter_all_new(parts, 2);
    gort_reservation r;
    int64_t t = GORT_SEC(7200);
    EXPECT(granted(both, t, 9) == 2 && granted(both, t + MS(200), 9) == 1);
    EXPECT(gort_limiter_tokens_at(parts[0], t + MS(200)) > 0.9); /* refused: nothing is taken */
    EXPECT_OK(gort_limiter_reserve_at(both, t + MS(200), 1, GORT_NEVER, &r));
    EXPECT(r.at == GORT_SEC(10800));
    EXPECT_OK(gort_reservation_cancel_at(&r, t + MS(200)));
    EXPECT(gort_limiter_tokens_at(parts[0], t + MS(200)) > 0.9);
    EXPECT_IS(gort_limiter_set_limit(both, 1), GORT_INVALID);
    EXPECT_OK(gort_limiter_free(parts[0]));
    EXPECT(gort_limiter_burst(both) == 2); /* keeps its parts */
    EXPECT(gort_limiter_all_new(parts, 2) == NULL && gort_limiter_all_new(NULL, 0) == NULL && gort_limiter_all_new(NULL, 1) == NULL);
    EXPECT_OK(gort_limiter_free(both));
    EXPECT_OK(gort_limiter_free(parts[1]));
}

static gort_limiter *hourly;

static void *wait_in_vain(void *arg) {
    *(gort_status *)arg = gort_limiter_wait(hourly);
    return NULL;
}

static int waits_main(void *arg) {
    gort_status ended = GORT_OK;
    gort_task *t;
    (void)arg;
    gort_limiter *fast = gort_limiter_token_bucket_new(1000, 1);
    int64_t start = gort_now();
    for (int i = 0; i < 4; i++) EXPECT_OK(gort_limiter_wait(fast));
    EXPECT(gort_now() - start >= MS(3) - MS(1));
    EXPECT_OK(gort_limiter_wait_until(fast, gort_in(GORT_SEC(60)), NULL));
    EXPECT_IS(gort_limiter_wait_n(fast, 2), GORT_LIMIT);
    EXPECT_OK(gort_limiter_free(fast));

    hourly = gort_limiter_token_bucket_new(gort_limiter_every(GORT_SEC(3600)), 1);
    EXPECT_OK(gort_limiter_wait(hourly));
    EXPECT_IS(gort_limiter_wait_until(hourly, gort_in(GORT_SEC(60)), NULL), GORT_TIMED_OUT); /* at once */
    EXPECT_IS(gort_limiter_wait_n_until(hourly, 1, 0, NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_spawn(NULL, wait_in_vain, &ended, &t));
    AWAIT_IN_TASK(gort_limiter_tokens(hourly) < -0.5);
    EXPECT_OK(gort_task_cancel(t));
    EXPECT_OK(gort_task_join(t, NULL));
    EXPECT_OK(gort_task_release(t));
    EXPECT_IS(ended, GORT_CANCELED);
    EXPECT(gort_limiter_tokens(hourly) > -0.1); /* given back */
    EXPECT_OK(gort_limiter_free(hourly));
    return 0;
}

static void waits_end_as_they_should(void) {
    in_run(waits_main, NULL);
}

static void keys_have_buckets_of_their_own(void) {
    gort_limiter *all = gort_limiter_token_bucket_new(0.001, 4);
    gort_keyed *users = gort_keyed_new(10, 2, all);
    int64_t t = gort_now();
    size_t gone = 9;
    EXPECT_OK(gort_keyed_allow_at(users, t, "ada", 3, 2));
    EXPECT_IS(gort_keyed_allow_at(users, t, "ada", 3, 1), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_keyed_allow_at(users, t, "bob", 3, 2));
    EXPECT_IS(gort_keyed_allow_at(users, t, "eve", 3, 1), GORT_WOULD_BLOCK); /* nothing is left for all */
    EXPECT(gort_keyed_tokens_at(users, t, "eve", 3) > 1.9 && gort_keyed_tokens_at(users, t, "ada", 3) < 0.1);
    EXPECT_IS(gort_keyed_wait_until(users, "ada", 3, 1, gort_in(GORT_SEC(60)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_keyed_wait(users, "ada", 3, 3), GORT_LIMIT);
    EXPECT(gort_keyed_len(users) >= 2);
    EXPECT_OK(gort_keyed_evict(users, t + GORT_SEC(1), &gone));
    EXPECT(gone >= 2 && gort_keyed_len(users) == 0);
    EXPECT_OK(gort_keyed_set(users, 1, 3));
    EXPECT_IS(gort_keyed_set(users, 0, 3), GORT_INVALID);
    EXPECT_IS(gort_keyed_allow(users, NULL, 1, 1), GORT_INVALID);
    EXPECT_IS(gort_keyed_allow(users, NULL, 0, 1), GORT_WOULD_BLOCK); /* a key of no bytes is one */
    EXPECT(gort_keyed_new(0, 1, NULL) == NULL);
    EXPECT_IS(gort_limiter_allow((gort_limiter *)users), GORT_MISUSE);
    EXPECT_IS(gort_keyed_allow((gort_keyed *)all, "ada", 3, 1), GORT_MISUSE);
    EXPECT_IS(gort_keyed_free((gort_keyed *)all), GORT_MISUSE);
    EXPECT_OK(gort_limiter_free(all));
    EXPECT_OK(gort_keyed_free(users));
}

static void count(void *arg) {
    ++*(int *)arg;
}

static void sometimes_runs_sometimes(void) {
    gort_sometimes s = GORT_SOMETIMES_INIT, negative = GORT_SOMETIMES_INIT;
    int ran = 0;
    bool did = false;
    s.first = 2;
    s.every = 4;
    s.interval = MS(1000);
    int64_t at[] = {0, 0, 0, 0, 0, 0, MS(1000), MS(1500)};
    bool wanted[] = {true, true, false, false, true, false, true, false};
    for (int i = 0; i < 8; i++) {
        EXPECT_OK(gort_sometimes_do_at(&s, at[i], count, &ran, &did));
        EXPECT(did == wanted[i]);
    }
    EXPECT(ran == 4);
    negative.interval = -1; /* TestSometimesNegative */
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_sometimes_do(&negative, count, &ran, NULL));
    EXPECT(ran == 5);
    EXPECT_IS(gort_sometimes_do(NULL, count, &ran, NULL), GORT_INVALID);
    EXPECT_IS(gort_sometimes_do(&s, NULL, NULL, NULL), GORT_INVALID);
}

static void mistakes_are_statuses(void) {
    gort_limiter *l = gort_limiter_token_bucket_new(GORT_RATE_INF, 0);
    EXPECT_OK(gort_limiter_allow(l));
    EXPECT_OK(gort_limiter_allow_n(l, 1000));
    EXPECT_OK(gort_limiter_free(l));
    EXPECT_OK(gort_limiter_free(NULL));
    EXPECT_IS(gort_limiter_free(l), GORT_MISUSE);
    EXPECT_IS(gort_limiter_allow(l), GORT_MISUSE);
    EXPECT_IS(gort_limiter_allow(NULL), GORT_INVALID);
    EXPECT_IS(gort_limiter_wait(NULL), GORT_INVALID);
    EXPECT(gort_limiter_burst(NULL) == 0 && gort_limiter_burst(l) == 0);
    EXPECT(gort_limiter_fixed_window_new(1, 0, false) == NULL && error_says("window"));
    EXPECT(gort_limiter_sliding_log_new(0, 1) == NULL && gort_limiter_sliding_counter_new(1, -1) == NULL);
    EXPECT(gort_limiter_leaky_new(0, 1, false) == NULL && gort_limiter_paced_new(0, 0) == NULL);
    EXPECT(gort_limiter_every(0) > 1e300 && gort_limiter_every(GORT_MS(500)) > 1.99);
}

static void child_of_a_fork_finds_its_handles_stale(void) {
    int status;
    gort_limiter *l = gort_limiter_token_bucket_new(1, 1);
    pid_t pid = fork_among_threads();
    if (pid == 0) {
        gort_limiter *mine = gort_limiter_token_bucket_new(1, 1);
        _exit(gort_limiter_allow(l) == GORT_SHUTDOWN && gort_limiter_allow(mine) == GORT_OK ? 0 : 1);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT_OK(gort_limiter_free(l));
}

TESTS(CASE(every_limiter_grants_what_it_is_made_for), CASE(reservations_say_when_and_are_given_back_once),
      CASE(several_are_all_or_nothing), CASE(waits_end_as_they_should), CASE(keys_have_buckets_of_their_own),
      CASE(sometimes_runs_sometimes), CASE(mistakes_are_statuses), CASE(child_of_a_fork_finds_its_handles_stale))

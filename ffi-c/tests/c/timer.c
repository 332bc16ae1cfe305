/*
 * timer.c: timers and tickers by Go's rules, from tasks and threads: what stop and reset say, that nothing is stale, whom a value
 * goes to, and what ticks keep. Cases of Go's sleep_test and tick_test keep their names.
 *
 * What it is NOT: a measurement. No bound here is broken by a slow machine: what is asserted is order, counts, due times, and that
 * nothing is early.
 */
#include "harness.h"

#define HOUR GORT_SEC(3600)

/* Go's TestChan, for timers: the script of stops, resets and reads. */
static int test_chan_timer_main(void *arg) {
    (void)arg;
    bool was = false;
    int64_t due = 0;
    gort_timer *t = gort_timer_new(HOUR);
    EXPECT(t != NULL);
    gort_chan *ch = (gort_chan *)gort_timer_receiver(t);
    EXPECT(gort_chan_len(ch) == 0 && gort_chan_cap(ch) == 0 && gort_chan_elem_size(ch) == sizeof due);
    EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_timer_stop(t, &was));
    EXPECT(was);
    EXPECT_OK(gort_timer_stop(t, &was));
    EXPECT(!was);
    EXPECT_OK(gort_timer_reset(t, HOUR, &was));
    EXPECT(!was);
    EXPECT_OK(gort_timer_reset(t, HOUR, &was));
    EXPECT(was);
    /* Due, and nobody reads: a stop prevents it, a reset replaces it. */
    EXPECT_OK(gort_timer_reset_at(t, 5, &was));
    EXPECT(was);
    EXPECT(gort_chan_len(ch) == 0);
    EXPECT_OK(gort_timer_stop(t, &was));
    EXPECT(was);
    EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_timer_reset_at(t, 6, &was));
    EXPECT(!was);
    EXPECT_OK(gort_timer_reset_at(t, 7, &was));
    EXPECT(was);
    EXPECT_OK(gort_timer_recv(t, &due));
    EXPECT(due == 7);
    EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT(due == 7);
    EXPECT_OK(gort_timer_stop(t, &was));
    EXPECT(!was);
    /* A wait that ends. */
    EXPECT_IS(gort_timer_recv_until(t, NULL, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_timer_reset(t, GORT_MS(1), NULL));
    int64_t before = gort_now();
    EXPECT_OK(gort_timer_recv_until(t, &due, GORT_NEVER, NULL));
    EXPECT(due <= gort_now() && due + GORT_MS(1) > before);
    EXPECT_OK(gort_timer_free(t));
    return 0;
}

static void test_chan_timer(void) {
    in_run(test_chan_timer_main, NULL);
}

static void test_chan_timer_on_a_thread(void) {
    test_chan_timer_main(NULL);
}

/* Go's TestChan, for tickers. */
static int test_chan_ticker_main(void *arg) {
    (void)arg;
    bool was = false;
    int64_t first = 0, due = 0;
    gort_ticker *t = gort_ticker_new(GORT_MS(2));
    EXPECT_IS(gort_ticker_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_ticker_recv(t, &first));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(gort_sleep(GORT_MS(5))); /* too slow: ticks are lost */
        EXPECT(gort_chan_len((gort_chan *)gort_ticker_receiver(t)) == 0);
        EXPECT_OK(gort_ticker_recv(t, &due));
        EXPECT((due - first) % GORT_MS(2) == 0);
    }
    EXPECT_OK(gort_ticker_stop(t, &was));
    EXPECT_OK(gort_sleep(GORT_MS(3)));
    EXPECT_IS(gort_ticker_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_ticker_stop(t, &was));
    EXPECT(!was);
    EXPECT_OK(gort_ticker_reset(t, GORT_MS(3)));
    EXPECT_OK(gort_ticker_recv(t, &first));
    EXPECT_OK(gort_ticker_recv_until(t, &due, GORT_NEVER, NULL));
    EXPECT((due - first) % GORT_MS(3) == 0 && due > first);
    EXPECT_OK(gort_ticker_free(t));
    return 0;
}

static void test_chan_ticker(void) {
    in_run(test_chan_ticker_main, NULL);
}

static int begun, received;
static gort_timer *shared;

static void read_shared(void *arg) {
    ADD(begun, 1);
    int64_t due;
    if (gort_timer_recv_until(shared, &due, gort_in(*(int64_t *)arg), NULL) == GORT_OK) ADD(received, 1);
}

/* A reader that is parked follows the resets; one value goes to one reader. */
static int blocked_main(void *arg) {
    (void)arg;
    int64_t patience = GORT_MS(40);
    gort_wg *wg = gort_wg_new();
    shared = gort_timer_new(HOUR);
    SET(begun, 0);
    SET(received, 0);
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, read_shared, &patience));
    AWAIT_IN_TASK(COUNT(begun) == 5);
    EXPECT_OK(gort_timer_reset(shared, GORT_MS(1), NULL));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(received) == 1);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(gort_timer_free(shared));
    return 0;
}

static void blocked_readers_follow_a_reset(void) {
    in_run(blocked_main, NULL);
}

/* Go's TestStopResult: stop says true if and only if nobody receives the value. */
static int stop_result_main(void *arg) {
    (void)arg;
    int64_t patience = GORT_MS(3);
    uint64_t seed = seed_of_test();
    for (int i = 0; i < 100; i++) {
        bool stopped = false;
        gort_wg *wg = gort_wg_new();
        SET(received, 0);
        shared = gort_timer_new((int64_t)(next_random(&seed) % 60000));
        EXPECT_OK(gort_wg_go(wg, read_shared, &patience));
        EXPECT_OK(gort_sleep((int64_t)(next_random(&seed) % 50000)));
        EXPECT_OK(gort_timer_stop(shared, &stopped));
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT(stopped == (COUNT(received) == 0));
        EXPECT_OK(gort_wg_free(wg));
        EXPECT_OK(gort_timer_free(shared));
    }
    return 0;
}

static void test_stop_result(void) {
    in_run(stop_result_main, NULL);
}

/* Go's TestAfter and TestAfterTimes. */
static int after_main(void *arg) {
    (void)arg;
    int64_t due, before = gort_now();
    gort_receiver *r = gort_after(GORT_MS(2));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(gort_receiver_recv(r, &due));
    EXPECT(due >= before + GORT_MS(2) && due < gort_now());
    EXPECT_IS(gort_receiver_try_recv(r, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_receiver_release(r));
    r = gort_after(HOUR);
    EXPECT_OK(gort_receiver_release(r)); /* and nothing of it is left: the fixture looks */
    r = gort_tick(GORT_MS(1));
    int64_t next;
    EXPECT_OK(gort_receiver_recv(r, &due));
    EXPECT_OK(gort_receiver_recv(r, &next));
    EXPECT((next - due) % GORT_MS(1) == 0);
    EXPECT_OK(gort_receiver_abandon(r));
    EXPECT_IS(gort_receiver_recv(r, &due), GORT_CLOSED);
    EXPECT_OK(gort_receiver_release(r));
    EXPECT(gort_tick(0) == NULL && error_says("not positive"));
    return 0;
}

static void test_after_and_tick(void) {
    in_run(after_main, NULL);
}

/* Cases of a select and of a selector, beside channels. */
static int select_main(void *arg) {
    (void)arg;
    int64_t one = 0, tick = 0, never = 0;
    int got = 0, ticks = 0, ones = 0;
    gort_chan *ch = gort_chan_new(sizeof got, 0);
    gort_timer *t = gort_timer_new(GORT_MS(3)), *hour = gort_timer_new(HOUR);
    gort_ticker *k = gort_ticker_new(GORT_MS(1));
    gort_case c[] = {gort_case_recv(ch, &got), gort_case_timer(t, &one), gort_case_ticker(k, &tick),
                     gort_case_timer(hour, &never), gort_case_timer(NULL, NULL)};
    while (ones == 0 || ticks < 3) {
        switch (gort_select(c, 5)) {
        case 1: ones++; break;
        case 2: ticks++; break;
        default: EXPECT(!"another case is ready"); return 1;
        }
    }
    EXPECT(ones == 1 && one > 0 && tick > 0 && never == 0);
    EXPECT_IS(gort_try_select(&c[3], 1), GORT_WOULD_BLOCK);

    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, c[0]) == 0 && gort_selector_add(s, c[2]) == 1 && gort_selector_add(s, c[3]) == 2);
    for (int i = 0; i < 3; i++) {
        int64_t before = tick;
        gort_status status = GORT_CLOSED;
        EXPECT(gort_selector_wait(s, &status) == 1 && status == GORT_OK && tick > before);
    }
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_timer_free(t));
    EXPECT_OK(gort_timer_free(hour));
    EXPECT_OK(gort_ticker_free(k));
    EXPECT_OK(gort_chan_release(ch));
    return 0;
}

static void timers_are_cases(void) {
    in_run(select_main, NULL);
}

/* Times saturate: Go's TestOverflowSleep. */
static void test_overflow(void) {
    int64_t due;
    gort_timer *t = gort_timer_new(GORT_NEVER);
    EXPECT_IS(gort_timer_recv_until(t, &due, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_timer_reset(t, GORT_NEVER - 1, NULL));
    EXPECT_IS(gort_timer_try_recv(t, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_timer_reset(t, INT64_MIN, NULL));
    EXPECT_OK(gort_timer_recv(t, &due));
    EXPECT_OK(gort_timer_free(t));
    gort_ticker *k = gort_ticker_new(GORT_NEVER);
    EXPECT_IS(gort_ticker_try_recv(k, &due), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_ticker_free(k));
}

static int calls;

static void count_call(void *arg) {
    ADD(calls, *(int *)arg);
}

/* Functions: a chain of resets, a stop in time, one too late, and what goes on without its handle. */
static int func_main(void *arg) {
    (void)arg;
    int one = 1;
    bool was = true;
    SET(calls, 0);
    gort_func_timer *t = gort_after_func(HOUR, count_call, &one);
    EXPECT_OK(gort_func_timer_stop(t, &was));
    EXPECT(was);
    for (int i = 1; i <= 20; i++) {
        EXPECT_OK(gort_func_timer_reset(t, 0, &was));
        EXPECT(!was);
        AWAIT_IN_TASK(COUNT(calls) == i);
    }
    EXPECT_OK(gort_func_timer_stop(t, &was));
    EXPECT(!was);
    EXPECT_OK(gort_func_timer_reset(t, GORT_MS(1), NULL));
    EXPECT_OK(gort_func_timer_free(t));
    AWAIT_IN_TASK(COUNT(calls) == 21);
    return 0;
}

static void test_after_func(void) {
    in_run(func_main, NULL);
}

static void functions_of_a_thread_are_called(void) {
    func_main(NULL);
}

static int forgetful_main(void *arg) {
    EXPECT_OK(gort_func_timer_free(gort_after_func(GORT_MS(5), count_call, arg)));
    return 0;
}

static void end_of_a_run_stops_its_functions(void) {
    int one = 1;
    SET(calls, 0);
    in_run(forgetful_main, &one);
    usleep(20000);
    EXPECT(COUNT(calls) == 0);
}

/* Every mistake has its status, and changes nothing. */
static void mistakes_are_told(void) {
    int64_t due = 42;
    bool was = true;
    EXPECT_IS(gort_timer_recv(NULL, &due), GORT_INVALID);
    EXPECT_IS(gort_timer_stop(NULL, &was), GORT_INVALID);
    EXPECT_IS(gort_timer_reset(NULL, 1, &was), GORT_INVALID);
    EXPECT_IS(gort_ticker_reset(NULL, 1), GORT_INVALID);
    EXPECT_IS(gort_func_timer_stop(NULL, NULL), GORT_INVALID);
    EXPECT_OK(gort_timer_free(NULL));
    EXPECT_OK(gort_ticker_free(NULL));
    EXPECT_OK(gort_func_timer_free(NULL));
    EXPECT_OK(gort_receiver_release(NULL));
    EXPECT(gort_timer_receiver(NULL) == NULL);
    EXPECT(gort_after_func(1, NULL, NULL) == NULL && error_says("fn is NULL"));
    EXPECT(gort_ticker_new(0) == NULL && error_says("not positive"));
    EXPECT(gort_ticker_new(-5) == NULL);
    gort_ticker *k = gort_ticker_new(HOUR);
    EXPECT_IS(gort_ticker_reset(k, 0), GORT_INVALID);
    EXPECT_OK(gort_ticker_stop(k, &was));
    EXPECT(was); /* as it was */
    /* Of another kind. */
    gort_chan *ch = gort_chan_new(8, 0);
    EXPECT_IS(gort_timer_stop((gort_timer *)ch, &was), GORT_MISUSE);
    EXPECT_IS(gort_chan_close((gort_chan *)k), GORT_MISUSE);
    gort_func_timer *f = gort_after_func(HOUR, count_call, NULL);
    EXPECT_IS(gort_timer_recv((gort_timer *)f, &due), GORT_MISUSE);
    EXPECT_IS(gort_ticker_reset((gort_ticker *)f, 5), GORT_MISUSE);
    EXPECT_OK(gort_func_timer_stop(f, &was));
    EXPECT(was);
    EXPECT_OK(gort_func_timer_free(f));
    EXPECT_OK(gort_chan_release(ch));
    /* Stale. */
    gort_timer *t = gort_timer_new(HOUR);
    EXPECT_OK(gort_timer_free(t));
    EXPECT_IS(gort_timer_free(t), GORT_MISUSE);
    EXPECT_IS(gort_timer_reset(t, 5, &was), GORT_MISUSE);
    EXPECT_IS(gort_timer_recv(t, &due), GORT_MISUSE);
    gort_case c = gort_case_timer(t, &due);
    EXPECT(gort_try_select(&c, 1) == GORT_MISUSE);
    gort_case no_place = gort_case_ticker(k, NULL);
    EXPECT(gort_try_select(&no_place, 1) == GORT_INVALID);
    EXPECT_OK(gort_ticker_free(k));
    EXPECT(due == 42);
}

static void shutdown_makes_them_stale(void) {
    int64_t due;
    gort_timer *t = gort_timer_new(HOUR);
    gort_receiver *r = gort_after(HOUR);
    EXPECT_IS(gort_timer_recv_until(t, &due, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_timer_stop(t, NULL), GORT_SHUTDOWN);
    EXPECT_IS(gort_receiver_recv(r, &due), GORT_SHUTDOWN);
    t = gort_timer_new(GORT_MS(1));
    EXPECT_OK(gort_timer_recv(t, &due));
    EXPECT_OK(gort_timer_free(t));
}

TESTS(CASE(test_chan_timer), CASE(test_chan_timer_on_a_thread), CASE(test_chan_ticker), CASE(blocked_readers_follow_a_reset),
      CASE(test_stop_result), CASE(test_after_and_tick), CASE(timers_are_cases), CASE(test_overflow), CASE(test_after_func),
      CASE(functions_of_a_thread_are_called), CASE(end_of_a_run_stops_its_functions), CASE(mistakes_are_told),
      CASE(shutdown_makes_them_stale))

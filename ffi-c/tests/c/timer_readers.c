/*
 * timer_readers.c: readers of timers and tickers that are stopped, reset and freed under them. Compiled as C11 and as C++17.
 *
 * What it is NOT: the script of one task (timer.c). No bound here is broken by a slow machine.
 */
#include "timer.h"

static int64_t due_of_reader;

static void read_one(void *arg) {
    int64_t due = 0;
    EXPECT_OK(gort_timer_recv((gort_timer *)arg, &due));
    SET(due_of_reader, due);
}

/* A reader that is parked, or is about to be, gets the value of a reset to any time that has passed. */
static int past_body(void *arg) {
    (void)arg;
    static const int64_t past[] = {INT64_MIN, -5, 0, 1};
    gort_wg *wg = gort_wg_new();
    gort_timer *t = gort_timer_new(FAR);
    for (int i = 0; i < 40; i++) {
        EXPECT_OK(gort_wg_go(wg, read_one, t));
        if (i % 2) EXPECT_OK(gort_sleep(GORT_US(300)));
        EXPECT_OK(gort_timer_reset_at(t, past[i % 4], NULL));
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT(COUNT(due_of_reader) == past[i % 4]);
        EXPECT(!stops(t));
    }
    EXPECT_OK(gort_timer_free(t));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void parked_reader_gets_a_reset_to_the_past(void) {
    on_both(past_body, NULL);
}

/* --- against readers ------------------------------------------------------------------------------------------------- */

static gort_timer *raced;
static int over, taken;

static void try_until_over(void *arg) {
    int64_t due, first = *(int64_t *)arg;
    while (!COUNT(over)) {
        if (gort_timer_try_recv(raced, &due) == GORT_OK && due == first) ADD(taken, 1);
        (void)gort_yield();
    }
    if (gort_timer_try_recv(raced, &due) == GORT_OK && due == first) ADD(taken, 1);
}

/* Go's TestStopResult and TestResetResult: true if and only if the value can not be received any more. */
static int results_body(void *arg) {
    uint64_t seed = seed_of_test();
    for (int i = 0; i < 200; i++) {
        bool was = false;
        int64_t when = gort_in((int64_t)(next_random(&seed) % 40000)), until = gort_in((int64_t)(next_random(&seed) % 40000));
        gort_wg *wg = gort_wg_new();
        SET(over, 0);
        SET(taken, 0);
        raced = gort_timer_new_at(when);
        for (int r = 0; r < 2; r++) EXPECT_OK(gort_wg_go(wg, try_until_over, &when));
        while (gort_now() < until) (void)gort_yield();
        EXPECT_OK(*(int *)arg ? gort_timer_reset(raced, FAR, &was) : gort_timer_stop(raced, &was));
        SET(over, 1);
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT(COUNT(taken) == (was ? 0 : 1));
        EXPECT_OK(gort_timer_free(raced));
        EXPECT_OK(gort_wg_free(wg));
    }
    return 0;
}

static void stop_is_true_iff_nothing_can_be_received(void) {
    int reset = 0;
    on_both(results_body, &reset);
}

static void reset_is_true_iff_the_old_value_can_not_be_received(void) {
    int reset = 1;
    on_both(results_body, &reset);
}

static int got[4];
static gort_ticker *ticked;

static void *read_ticks(void *arg) {
    int64_t due, last = INT64_MIN;
    gort_status s;
    while ((s = gort_ticker_recv(ticked, &due)) == GORT_OK) {
        EXPECT(due > last);
        last = due;
        ADD(*(int *)arg, 1);
    }
    return (void *)(intptr_t)s;
}

static int ticks_got(void) {
    return COUNT(got[0]) + COUNT(got[1]) + COUNT(got[2]);
}

/* Go's TestChan for tickers, with readers that are parked: they follow stops and resets, and a tick goes to one of them. */
static int blocked_body(void *arg) {
    (void)arg;
    gort_task *tasks[3];
    bool was = false;
    memset(got, 0, sizeof got);
    ticked = gort_ticker_new(FAR);
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_spawn(NULL, read_ticks, &got[i], &tasks[i]));
    EXPECT_OK(gort_sleep(GORT_MS(1)));
    for (int round = 0; round < 5; round++) {
        int before = ticks_got();
        EXPECT_IS(gort_ticker_reset(ticked, 0), GORT_INVALID);
        EXPECT_OK(gort_ticker_reset(ticked, GORT_US(300)));
        AWAIT_IN_TASK(ticks_got() >= before + 3);
        EXPECT_OK(gort_ticker_stop(ticked, &was));
        EXPECT(was);
        EXPECT_IS(gort_ticker_try_recv(ticked, NULL), GORT_WOULD_BLOCK);
        EXPECT_OK(gort_ticker_stop(ticked, &was));
        EXPECT(!was);
    }
    EXPECT_OK(gort_ticker_free(ticked));
    for (int i = 0; i < 3; i++) {
        void *result = NULL;
        EXPECT_OK(gort_task_join(tasks[i], &result));
        gort_status s = (gort_status)(intptr_t)result;
        EXPECT(s == GORT_CLOSED || s == GORT_MISUSE);
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    return 0;
}

static void blocked_readers_follow_a_ticker(void) {
    on_both(blocked_body, NULL);
}

/* Everything at once on a few timers that come and go under it: each call has a status, and nothing is left. */
enum { PLACES = 3, CHURNERS = 4, STEPS = 1500 };
/*
 * A select looks at what it is given before it takes a lock (core's select.rs, S-6): at a timer that has gone, too. It is a hint
 * for where to look first and decides nothing, which ThreadSanitizer cannot know.
 */
#if defined(__SANITIZE_THREAD__)
enum { MAY_SELECT_STALE = 0 };
#else
enum { MAY_SELECT_STALE = 1 };
#endif
static gort_timer *places[PLACES];
static uint64_t churn_seed;

static void churn(void *arg) {
    uint64_t seed = churn_seed + (uint64_t)(uintptr_t)arg * 7919;
    for (int i = 0; i < STEPS; i++) {
        uint64_t r = next_random(&seed);
        gort_timer *volatile *place = &places[r % PLACES];
        gort_timer *t = COUNT(*place);
        int64_t due = 0, d = (int64_t)(r >> 8) % 30000 - 3000;
        gort_status s = GORT_OK;
        gort_case cases[3] = {gort_case_timer(t, &due), gort_case_timer(COUNT(places[0]), &due), gort_case_after(GORT_US(20))};
        switch ((r >> 40) % 8) {
        case 0: s = gort_timer_stop(t, NULL); break;
        case 1: s = gort_timer_reset(t, d, NULL); break;
        case 2: s = gort_timer_try_recv(t, &due); break;
        case 3: s = gort_timer_recv_until(t, &due, gort_in(GORT_US(20)), NULL); break;
        case 4: s = MAY_SELECT_STALE ? gort_select(cases, 3) : GORT_OK; break;
        case 5: s = MAY_SELECT_STALE ? gort_try_select(cases, 2) : GORT_OK; break;
        case 6: s = gort_receiver_try_recv(gort_timer_receiver(t), &due); break;
        default: { /* who takes it out frees it */
            gort_timer *fresh = gort_timer_new(d);
            t = __atomic_exchange_n(place, fresh, __ATOMIC_SEQ_CST);
            EXPECT_OK(gort_timer_free(t));
        }
        }
        EXPECT(s >= 0 || s == GORT_WOULD_BLOCK || s == GORT_TIMED_OUT || s == GORT_MISUSE || s == GORT_CLOSED);
        EXPECT(due <= gort_now());
    }
}

static int churn_body(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    churn_seed = seed_of_test();
    for (int i = 0; i < PLACES; i++) SET(places[i], gort_timer_new(FAR));
    for (int i = 0; i < CHURNERS; i++) EXPECT_OK(gort_wg_go(wg, churn, (void *)(intptr_t)(i + 1)));
    EXPECT_OK(gort_wg_wait(wg));
    for (int i = 0; i < PLACES; i++) EXPECT_OK(gort_timer_free(places[i]));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void timers_that_go_under_their_users(void) {
    on_both(churn_body, NULL);
}

TESTS(CASE(parked_reader_gets_a_reset_to_the_past), CASE(stop_is_true_iff_nothing_can_be_received),
      CASE(reset_is_true_iff_the_old_value_can_not_be_received), CASE(blocked_readers_follow_a_ticker),
      CASE(timers_that_go_under_their_users))

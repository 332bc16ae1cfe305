/*
 * selector.c: cases that are registered once: fan-in, order, hand-over while it waits, selectors that meet, others beside it, a
 * thousand cases. Compiled as C11 and as C++17.
 *
 * What it is NOT: how cases come and go, limits and mistakes (selector_life.c); gort_select (select.c).
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

/* --- fan-in --------------------------------------------------------------------------------------------------------- */

enum { SOURCES = 64, EACH = 200 };

typedef struct {
    ints *c;
    int me;
} source;

static void send_in_order(void *arg) {
    source *s = (source *)arg;
    for (int i = 0; i < EACH; i++) EXPECT_OK(ints_send(s->c, s->me * EACH + i));
    EXPECT_OK(ints_close(s->c));
}

/* Receives all that 64 sources send, each in its order, until all have closed. */
static int fan_in_body(void *arg) {
    size_t capacity = *(size_t *)arg;
    static source sources[SOURCES];
    static int value[SOURCES], next[SOURCES];
    gort_selector *s = gort_selector_new();
    gort_wg *wg = gort_wg_new();
    gort_status status = GORT_INVALID;
    int open = SOURCES, total = 0;
    for (int i = 0; i < SOURCES; i++) {
        sources[i].c = ints_new(capacity);
        sources[i].me = i;
        next[i] = i * EACH;
        EXPECT(gort_selector_add(s, ints_case_recv(sources[i].c, &value[i])) == i);
        EXPECT_OK(gort_wg_go(wg, send_in_order, &sources[i]));
    }
    while (open > 0) {
        int32_t i = gort_selector_wait(s, &status);
        if (!EXPECT(i >= 0 && i < SOURCES)) break;
        if (status == GORT_CLOSED) {
            EXPECT(next[i] == (i + 1) * EACH);
            EXPECT_OK(gort_selector_remove(s, i));
            open--;
        } else {
            EXPECT(status == GORT_OK && value[i] == next[i]);
            next[i]++;
            total++;
        }
    }
    EXPECT_IS(gort_selector_try_wait(s, &status), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    for (int i = 0; i < SOURCES; i++) EXPECT_OK(ints_release(sources[i].c));
    return total;
}

static void fan_in_of_64_loses_nothing_and_keeps_each_order(void) {
    static size_t capacities[] = {0, 1, 16};
    for (int i = 0; i < 3; i++) EXPECT(in_run(fan_in_body, &capacities[i]) == SOURCES * EACH);
}

static void fan_in_works_on_a_plain_thread(void) {
    static size_t capacities[] = {0, 4};
    for (int i = 0; i < 2; i++) EXPECT(fan_in_body(&capacities[i]) == SOURCES * EACH);
}

/* What is ready is taken in turn: none of two full channels waits for more than one of the other. */
static void ready_cases_are_taken_in_turn(void) {
    ints *c[3] = {ints_new(100), ints_new(100), ints_new(100)};
    gort_selector *s = gort_selector_new();
    int v[3], last[3] = {-1, -1, -1};
    for (int k = 0; k < 3; k++) {
        EXPECT(gort_selector_add(s, ints_case_recv(c[k], &v[k])) == k);
        for (int i = 0; i < 100; i++) EXPECT_OK(ints_send(c[k], i));
    }
    for (int n = 0; n < 300; n++) {
        int32_t k = gort_selector_wait(s, NULL); /* the status is not asked for */
        if (!EXPECT(k >= 0 && k < 3)) break;
        EXPECT(v[k] == last[k] + 1);
        last[k] = v[k];
        for (int other = 0; other < 3; other++) EXPECT(last[other] >= last[k] - 1);
    }
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_selector_free(s));
    for (int k = 0; k < 3; k++) EXPECT_OK(ints_release(c[k]));
}

/* --- hand-over -------------------------------------------------------------------------------------------------------- */

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

/* A selector that waits is a receiver that waits: a send that only tries finds it, as a receive finds one that sends. */
static int hand_over_body(void *arg) {
    (void)arg;
    ints *in = ints_new(0), *out = ints_new(0);
    int got = 0, give = 9, value = 0;
    gort_selector *s = gort_selector_new();
    gort_task *task = NULL;
    gort_status status;
    int32_t receives = gort_selector_add(s, ints_case_recv(in, &got));
    int32_t sends = gort_selector_add(s, ints_case_send(out, &give));
    EXPECT(receives == 0 && sends == 1);
    for (int round = 1; round <= 50; round++) {
        waiting w = {s, -1, GORT_INVALID, 0};
        EXPECT_OK(gort_spawn(NULL, wait_once, &w, &task));
        if (round % 2) {
            while ((status = ints_try_send(in, round)) == GORT_WOULD_BLOCK) gort_yield();
            EXPECT(status == GORT_OK);
            EXPECT_OK(gort_task_join(task, NULL));
            EXPECT(w.index == receives && w.status == GORT_OK && got == round);
        } else {
            give = round; /* before the wait has it sent, and nobody else looks */
            while ((status = ints_try_recv(out, &value)) == GORT_WOULD_BLOCK) gort_yield();
            EXPECT(status == GORT_OK && value == round);
            EXPECT_OK(gort_task_join(task, NULL));
            EXPECT(w.index == sends && w.status == GORT_OK);
        }
        EXPECT_OK(gort_task_release(task));
        /* Nobody waits on it now: a try finds nobody. */
        EXPECT_IS(ints_try_send(in, 1), GORT_WOULD_BLOCK);
        EXPECT_IS(ints_try_recv(out, &value), GORT_WOULD_BLOCK);
    }
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(in));
    EXPECT_OK(ints_release(out));
    return 0;
}

static void try_send_to_a_selector_that_waits_succeeds(void) {
    in_run(hand_over_body, NULL);
}

/* Two selectors, one that sends and one that receives on the same unbuffered channel, meet. */
enum { MEETINGS = 2000 };
static ints *between, *quit;

static void selector_sends(void *arg) {
    int v = 0, stop = 0;
    gort_selector *s = gort_selector_new();
    (void)arg;
    EXPECT(gort_selector_add(s, ints_case_recv(quit, &stop)) == 0);
    EXPECT(gort_selector_add(s, ints_case_send(between, &v)) == 1);
    while (v < MEETINGS) {
        gort_status status = GORT_INVALID;
        if (!EXPECT(gort_selector_wait(s, &status) == 1 && status == GORT_OK)) break;
        v++;
    }
    EXPECT_OK(gort_selector_free(s));
}

static int meeting_body(void *arg) {
    (void)arg;
    int v = -1, stop = 0;
    between = ints_new(0), quit = ints_new(0);
    gort_wg *wg = gort_wg_new();
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(between, &v)) == 0);
    EXPECT(gort_selector_add(s, ints_case_recv(quit, &stop)) == 1);
    EXPECT_OK(gort_wg_go(wg, selector_sends, NULL));
    for (int i = 0; i < MEETINGS; i++) EXPECT(gort_selector_wait(s, NULL) == 0 && v == i);
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(between));
    EXPECT_OK(ints_release(quit));
    return 0;
}

static void two_selectors_meet_on_an_unbuffered_channel(void) {
    in_run(meeting_body, NULL);
}

/* Several selectors and selects, each with a case for both directions of one unbuffered channel, meet each other and never
 * themselves: what was sent was received, and by another. */
typedef struct {
    int me, steps;
} both_ways;

static void selector_both_ways(void *arg) {
    both_ways *b = (both_ways *)arg;
    int got = -1;
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_send(between, &b->me)) == 0);
    EXPECT(gort_selector_add(s, ints_case_recv(between, &got)) == 1);
    for (int i = 0; i < b->steps; i++) {
        int32_t k = gort_selector_wait(s, NULL);
        EXPECT(k == 0 || (k == 1 && got != b->me));
    }
    EXPECT_OK(gort_selector_free(s));
}

static void select_both_ways(void *arg) {
    both_ways *b = (both_ways *)arg;
    int got = -1;
    gort_case c[2] = {ints_case_recv(between, &got), ints_case_send(between, &b->me)};
    for (int i = 0; i < b->steps; i++) {
        int32_t k = gort_select(c, 2);
        EXPECT(k == 1 || (k == 0 && got != b->me));
    }
}

static int self_meeting_body(void *arg) {
    void (*const *who)(void *) = (void (*const *)(void *))arg;
    both_ways b[2] = {{0, 1000}, {1, 1000}};
    gort_wg *wg = gort_wg_new();
    between = ints_new(0);
    for (int i = 0; i < 2; i++) EXPECT_OK(gort_wg_go(wg, who[i], &b[i]));
    EXPECT_OK(gort_wg_wait(wg)); /* as many steps each: nobody is left over */
    EXPECT_IS(ints_try_send(between, 1), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(between));
    return 0;
}

static void selector_that_sends_and_receives_meets_another_and_not_itself(void) {
    static void (*const two_selectors[2])(void *) = {selector_both_ways, selector_both_ways};
    static void (*const with_a_select[2])(void *) = {selector_both_ways, select_both_ways};
    in_run(self_meeting_body, (void *)(uintptr_t)two_selectors);
    in_run(self_meeting_body, (void *)(uintptr_t)with_a_select);
}

static void alone_it_waits(void) {
    int give = 1, got = 0;
    ints *c = ints_new(0);
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_send(c, &give)) == 0);
    EXPECT(gort_selector_add(s, ints_case_recv(c, &got)) == 1);
    for (int i = 0; i < 5; i++) {
        EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
        EXPECT_IS(gort_selector_wait_until(s, NULL, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    }
    EXPECT(got == 0);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

/* A value that a selector is told of and does not take goes to whoever takes it: it holds nothing back. */
static int others_body(void *arg) {
    (void)arg;
    ints *c = ints_new(1);
    int v = 0, other = 0;
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK); /* armed */
    for (int i = 1; i <= 20; i++) {
        EXPECT_OK(ints_send(c, i)); /* it is told, and does not wait */
        EXPECT_OK(ints_recv(c, &other));
        EXPECT(other == i && v == 0);
        if (i % 2) EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    }
    EXPECT_OK(ints_send(c, 21));
    EXPECT(gort_selector_wait(s, NULL) == 0 && v == 21);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void value_it_does_not_take_goes_to_others(void) {
    in_run(others_body, NULL);
}

/* Receivers beside a selector: each value comes once. */
enum { SHARED = 20000 };
static int64_t shared_sum, shared_count;

static void take_beside(void *arg) {
    int v;
    while (ints_recv((ints *)arg, &v) == GORT_OK) {
        ADD(shared_sum, v);
        ADD(shared_count, 1);
    }
}

static void take_by_selector(void *arg) {
    ints **pair = (ints **)arg;
    int v[2];
    gort_status status = GORT_OK;
    gort_selector *s = gort_selector_new();
    for (int i = 0; i < 2; i++) EXPECT(gort_selector_add(s, ints_case_recv(pair[i], &v[i])) == i);
    for (int open = 2; open > 0;) {
        int32_t i = gort_selector_wait(s, &status);
        if (!EXPECT(i >= 0)) break;
        if (status == GORT_CLOSED) {
            EXPECT_OK(gort_selector_remove(s, i));
            open--;
        } else {
            ADD(shared_sum, v[i]);
            ADD(shared_count, 1);
        }
    }
    EXPECT_OK(gort_selector_free(s));
}

static void put_numbers(void *arg) {
    for (int i = 1; i <= SHARED / 2; i++) EXPECT_OK(ints_send((ints *)arg, i));
}

static int shared_body(void *arg) {
    size_t capacity = *(size_t *)arg;
    ints *pair[2] = {ints_new(capacity), ints_new(capacity)};
    gort_wg *in = gort_wg_new(), *out = gort_wg_new();
    SET(shared_sum, 0);
    SET(shared_count, 0);
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(gort_wg_go(out, take_by_selector, pair));
        EXPECT_OK(gort_wg_go(out, take_beside, pair[i]));
        EXPECT_OK(gort_wg_go(in, put_numbers, pair[i]));
    }
    EXPECT_OK(gort_wg_wait(in));
    for (int i = 0; i < 2; i++) EXPECT_OK(ints_close(pair[i]));
    EXPECT_OK(gort_wg_wait(out));
    EXPECT(COUNT(shared_count) == SHARED);
    EXPECT(COUNT(shared_sum) == (int64_t)SHARED / 2 * (SHARED / 2 + 1));
    for (int i = 0; i < 2; i++) EXPECT_OK(ints_release(pair[i]));
    EXPECT_OK(gort_wg_free(in));
    EXPECT_OK(gort_wg_free(out));
    return 0;
}

static void selectors_and_receivers_share_channels(void) {
    static size_t capacities[] = {0, 1, 64};
    for (int i = 0; i < 3; i++) in_run(shared_body, &capacities[i]);
}

/* --- many cases ---------------------------------------------------------------------------------------------------------- */

enum { THOUSAND = 1000 };
static ints *thousand[THOUSAND];
static int places[THOUSAND];

static void send_to_a_thousand(void *arg) {
    (void)arg;
    for (int i = 0; i < 3 * THOUSAND; i++) EXPECT_OK(ints_send(thousand[(i * 377) % THOUSAND], i));
}

static int thousand_body(void *arg) {
    (void)arg;
    gort_selector *s = gort_selector_new();
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < THOUSAND; i++) {
        thousand[i] = ints_new((size_t)(i % 3));
        EXPECT(gort_selector_add(s, ints_case_recv(thousand[i], &places[i])) == i);
    }
    EXPECT_OK(gort_wg_go(wg, send_to_a_thousand, NULL));
    int64_t sum = 0;
    for (int n = 0; n < 3 * THOUSAND; n++) {
        int32_t i = gort_selector_wait(s, NULL);
        if (!EXPECT(i >= 0 && (places[i] * 377) % THOUSAND == i)) break;
        sum += places[i];
    }
    EXPECT(sum == (int64_t)3 * THOUSAND * (3 * THOUSAND - 1) / 2);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_wg_wait(wg));
    for (int i = 0; i < THOUSAND; i++) EXPECT_OK(ints_release(thousand[i])); /* before the selector */
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void thousand_cases_are_each_served(void) {
    in_run(thousand_body, NULL);
}

TESTS(CASE(fan_in_of_64_loses_nothing_and_keeps_each_order), CASE(fan_in_works_on_a_plain_thread),
      CASE(ready_cases_are_taken_in_turn), CASE(try_send_to_a_selector_that_waits_succeeds),
      CASE(two_selectors_meet_on_an_unbuffered_channel),
      CASE(selector_that_sends_and_receives_meets_another_and_not_itself), CASE(alone_it_waits),
      CASE(value_it_does_not_take_goes_to_others), CASE(selectors_and_receivers_share_channels),
      CASE(thousand_cases_are_each_served))

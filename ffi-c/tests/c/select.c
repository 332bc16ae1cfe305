/*
 * select.c: which case a gort_select takes: Go's cases by name, chance, duplicates, hundreds of cases, tasks and threads that select
 * over the same channels. Compiled as C11 and as C++17.
 *
 * A statement about chance allows 10 sigma, so it fails by luck less than once in 10^20 runs. What it is NOT: how a select ends
 * otherwise, and mistakes (select_limits.c); selectors (selector.c); what a compiler rejects (run.sh).
 */
#include "select.h"

/* --- Go's test/chan ------------------------------------------------------------------------------------------------- */

/* Which select blocks, and which case it takes. */
static int select3_body(void *arg) {
    (void)arg;
    int v = 7, got = 0;
    gort_case none[3] = {ints_case_send(NULL, &v), ints_case_recv(NULL, &v), gort_case_ctx(NULL)};
    blocks(NULL, 0);
    blocks(none, 1);
    blocks(none, 3);

    ints *c = ints_new(0); /* unbuffered */
    gort_case both[2] = {ints_case_send(c, &v), ints_case_recv(c, &got)};
    blocks(both, 1);
    blocks(both + 1, 1);
    blocks(both, 2); /* with itself */
    expect_quiet(c);
    EXPECT_OK(ints_release(c));

    c = ints_new(3); /* buffered */
    gort_case of_three[3] = {ints_case_recv(c, &got), ints_case_send(c, &v), gort_case_recv(NULL, NULL)};
    blocks(of_three, 1);
    EXPECT(gort_select(of_three, 3) == 1 && of_three[1].status == GORT_OK);
    EXPECT(ints_len(c) == 1);
    EXPECT_OK(ints_send(c, 8));
    EXPECT_OK(ints_send(c, 9));
    blocks(of_three + 1, 2); /* full */
    EXPECT(gort_select(of_three, 3) == 0 && got == 7);
    EXPECT(gort_try_select(of_three + 1, 1) == 0);
    EXPECT(ints_len(c) == 3);

    EXPECT_OK(ints_close(c)); /* closed: drains, then is ready for ever */
    v = 1;
    of_three[1].chan = NULL;
    for (int want = 8; want <= 9; want++) EXPECT(gort_select(of_three, 3) == 0 && got == want && of_three[0].status == GORT_OK);
    EXPECT(gort_select(of_three, 3) == 0 && got == 7 && of_three[0].status == GORT_OK);
    got = 5;
    EXPECT(gort_select(of_three, 3) == 0 && of_three[0].status == GORT_CLOSED);
    EXPECT(gort_try_select(of_three, 3) == 0 && of_three[0].status == GORT_CLOSED);
    of_three[1].chan = ints_raw(c), of_three[0].chan = NULL;
    EXPECT(gort_select(of_three, 3) == 1 && of_three[1].status == GORT_CLOSED);
    EXPECT(gort_try_select_biased(of_three, 3) == 1 && of_three[1].status == GORT_CLOSED);
    EXPECT(got == 5); /* written with GORT_OK only */
    EXPECT_OK(ints_release(c));
    return 3;
}

static void select3(void) {
    EXPECT(on_a_thread_too(select3_body, NULL) == 3);
}

/* Two cases of one select never both go ahead: values come over four channels, none twice and none lost. */
enum { DOUBLE = 20000 };
static int64_t seen_twice, seen_sum, seen_count;
static unsigned char seen[DOUBLE];
static ints *four[4];

static void see(void *arg) {
    int v;
    while (ints_recv((ints *)arg, &v) == GORT_OK) {
        if (__atomic_exchange_n(&seen[v], 1, __ATOMIC_SEQ_CST)) ADD(seen_twice, 1);
        ADD(seen_sum, v);
        ADD(seen_count, 1);
    }
}

static int doubleselect_body(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    gort_case c[4];
    int v[4];
    for (int i = 0; i < 4; i++) {
        four[i] = ints_new(0);
        c[i] = ints_case_send(four[i], &v[i]);
        EXPECT_OK(gort_wg_go(wg, see, four[i]));
    }
    for (int n = 0; n < DOUBLE; n++) {
        v[0] = v[1] = v[2] = v[3] = n;
        int32_t i = gort_select(c, 4);
        if (!EXPECT(i >= 0 && i < 4 && c[i].status == GORT_OK)) break;
    }
    for (int i = 0; i < 4; i++) EXPECT_OK(ints_close(four[i]));
    EXPECT_OK(gort_wg_wait(wg));
    for (int i = 0; i < 4; i++) EXPECT_OK(ints_release(four[i]));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void doubleselect(void) {
    in_run(doubleselect_body, NULL);
    EXPECT(seen_twice == 0 && seen_count == DOUBLE && seen_sum == (int64_t)DOUBLE * (DOUBLE - 1) / 2);
}

/* A select leaves nothing behind on the channels that did not go ahead. */
static void send_numbers(void *arg) {
    for (int i = 0; i < 10000; i++) EXPECT_OK(ints_send((ints *)arg, i));
}

static int select2_body(void *arg) {
    (void)arg;
    ints *busy = ints_new(0), *quiet = ints_new(0);
    int a = 0, b = 0;
    gort_case c[2] = {ints_case_recv(quiet, &a), ints_case_recv(busy, &b)};
    EXPECT_OK(gort_go(send_numbers, busy));
    for (int i = 0; i < 10000; i++) EXPECT(gort_select(c, 2) == 1 && b == i);
    EXPECT_IS(ints_try_send(quiet, 1), GORT_WOULD_BLOCK);
    EXPECT_OK(ints_release(busy));
    EXPECT_OK(ints_release(quiet));
    return a;
}

static void select2(void) {
    EXPECT(in_run(select2_body, NULL) == 0);
}

/* A select that ends disturbs neither who stood before it in a queue nor who stood behind it (Go's issue 2075). */
static ints *first, *second, *results;
static int parked;

static void recv_first(void *arg) {
    int v = 0;
    (void)arg;
    ADD(parked, 1);
    EXPECT_OK(ints_recv(first, &v));
    EXPECT_OK(ints_send(results, v));
}

static void select_then_recv_first(void *arg) {
    int a = 0, b = 0;
    gort_case c[2] = {ints_case_recv(first, &a), ints_case_recv(second, &b)};
    ADD(parked, 1);
    EXPECT(gort_select(c, 2) == 1 && b == 22);
    recv_first(arg);
}

static void recv_second(void *arg) {
    int v = 0;
    (void)arg;
    ADD(parked, 1);
    EXPECT_OK(ints_recv(second, &v));
    EXPECT_OK(ints_send(results, v));
}

static int select6_body(void *arg) {
    (void)arg;
    int v = 0;
    first = ints_new(0), second = ints_new(0), results = ints_new(3);
    SET(parked, 0);
    void (*who[3])(void *) = {recv_first, select_then_recv_first, recv_second};
    for (int i = 0; i < 3; i++) { /* each stands in the queues before the next one starts */
        EXPECT_OK(gort_go(who[i], NULL));
        AWAIT_IN_TASK(COUNT(parked) == i + 1);
        EXPECT_OK(gort_sleep(GORT_MS(2)));
    }
    EXPECT_OK(ints_send(second, 22)); /* ends the select */
    EXPECT_OK(ints_send(first, 11));  /* for the one before it */
    EXPECT_OK(ints_recv(results, &v));
    EXPECT(v == 11);
    EXPECT_OK(ints_send(first, 12));
    EXPECT_OK(ints_recv(results, &v));
    EXPECT(v == 12);
    EXPECT_OK(ints_send(second, 23)); /* for the one behind it */
    EXPECT_OK(ints_recv(results, &v));
    EXPECT(v == 23);
    expect_quiet(first);
    expect_quiet(second);
    EXPECT_OK(ints_release(first));
    EXPECT_OK(ints_release(second));
    EXPECT_OK(ints_release(results));
    return 0;
}

static void select6(void) {
    in_run(select6_body, NULL);
}

/* A send meets a receiver in every form that it may wait in. */
typedef struct {
    ints *c;
    int form;
} meeting;

static void receive_in_a_form(void *arg) {
    meeting *m = (meeting *)arg;
    int v = 0;
    gort_case one = ints_case_recv(m->c, &v), two[2] = {ints_case_recv(NULL, &v), one};
    switch (m->form) {
    case 0: EXPECT_OK(ints_recv(m->c, &v)); break;
    case 1: EXPECT(gort_select(&one, 1) == 0); break;
    case 2: EXPECT(gort_select(two, 2) == 1); break;
    case 3: EXPECT(gort_select_biased(two, 2) == 1); break;
    default: EXPECT(gort_select_until(two, 2, gort_in(GORT_SEC(20)), NULL) == 1);
    }
    EXPECT(v == 42);
}

static int select7_body(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    int v = 42;
    for (int form = 0; form < 5; form++) {
        for (int sender = 0; sender < 3; sender++) {
            meeting m = {ints_new(0), form};
            gort_case c[2] = {ints_case_recv(NULL, &v), ints_case_send(m.c, &v)};
            EXPECT_OK(gort_wg_go(wg, receive_in_a_form, &m));
            if (sender == 0) EXPECT_OK(ints_send(m.c, v));
            if (sender == 1) EXPECT(gort_select(c, 2) == 1);
            if (sender == 2) {
                int32_t i;
                while ((i = gort_try_select(c, 2)) == GORT_WOULD_BLOCK) gort_yield();
                EXPECT(i == 1);
            }
            EXPECT_OK(gort_wg_wait(wg));
            EXPECT_OK(ints_release(m.c));
        }
    }
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void select7(void) {
    in_run(select7_body, NULL);
}

/* --- Go's runtime/chan_test.go ---------------------------------------------------------------------------------------- */

/* Two tasks that each send and receive on one channel meet each other and never themselves. */
typedef struct {
    ints *c;
    int me;
} self;

static void select_both_ways(void *arg) {
    self *s = (self *)arg;
    int got = -1;
    for (int i = 0; i < 1000; i++) {
        gort_case c[2] = {ints_case_send(s->c, &s->me), ints_case_recv(s->c, &got)};
        if (i % 2) {
            gort_case swap = c[0];
            c[0] = c[1], c[1] = swap;
        }
        int32_t k = gort_select(c, 2);
        EXPECT(k >= 0);
        if (k >= 0 && c[k].kind == GORT_CASE_RECV) EXPECT(c[k].status == GORT_CLOSED || got != s->me);
    }
}

static int self_select_body(void *arg) {
    size_t capacity = *(size_t *)arg;
    gort_wg *wg = gort_wg_new();
    self both[2] = {{ints_new(capacity), 0}, {NULL, 1}};
    both[1].c = both[0].c;
    for (int i = 0; i < 2; i++) EXPECT_OK(gort_wg_go(wg, select_both_ways, &both[i]));
    EXPECT_OK(gort_wg_wait(wg)); /* the same number each, an even one in all: nobody is left over */
    EXPECT_OK(ints_release(both[0].c));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void TestSelfSelect(void) {
    size_t capacity = 0;
    in_run(self_select_body, &capacity);
}

/* Both are always ready: each is chosen about half the time. */
static int select_fairness_body(void *arg) {
    (void)arg;
    enum { TRIALS = 10000 };
    ints *c1 = ints_new(TRIALS + 1), *c2 = ints_new(TRIALS + 1), *c3 = ints_new(0);
    int v = 0, count[4] = {0, 0, 0, 0};
    for (int i = 0; i <= TRIALS; i++) {
        EXPECT_OK(ints_send(c1, 1));
        EXPECT_OK(ints_send(c2, 2));
    }
    gort_case c[4] = {ints_case_recv(c3, &v), ints_case_recv(c1, &v), gort_case_recv(NULL, NULL), ints_case_recv(c2, &v)};
    for (int i = 0; i < TRIALS; i++) {
        int32_t k = gort_select(c, 4);
        if (!EXPECT(k == 1 || k == 3)) break;
        count[k]++;
    }
    /* sigma = sqrt(10000 / 4) = 50 */
    EXPECT(count[1] > TRIALS / 2 - 500 && count[3] > TRIALS / 2 - 500);
    snprintf(test_note, sizeof test_note, "%d and %d", count[1], count[3]);
    EXPECT_OK(ints_release(c1));
    EXPECT_OK(ints_release(c2));
    EXPECT_OK(ints_release(c3));
    return 0;
}

static void TestSelectFairness(void) {
    on_a_thread_too(select_fairness_body, NULL);
}

/* The waiting select has one channel in two cases; what is left of the second one disturbs nobody. */
static int duplicate_ready;

static void select_twice_the_same(void *arg) {
    ints **pair = (ints **)arg;
    int v = 0;
    gort_case c[3] = {ints_case_recv(pair[0], &v), ints_case_recv(pair[0], &v), ints_case_recv(pair[1], &v)};
    ADD(duplicate_ready, 1);
    int32_t i = gort_select(c, 3);
    EXPECT((i == 0 || i == 1) && c[i].status == GORT_OK && v == 5);
    ADD(duplicate_ready, 1);
    i = gort_select(c, 3);
    EXPECT((i == 0 || i == 1) && c[i].status == GORT_CLOSED);
}

static int duplicate_body(void *arg) {
    (void)arg;
    ints *pair[2] = {ints_new(0), ints_new(0)};
    gort_wg *wg = gort_wg_new();
    SET(duplicate_ready, 0);
    EXPECT_OK(gort_wg_go(wg, select_twice_the_same, pair));
    AWAIT_IN_TASK(COUNT(duplicate_ready) == 1);
    EXPECT_OK(gort_sleep(GORT_MS(1)));
    EXPECT_OK(ints_send(pair[0], 5));
    AWAIT_IN_TASK(COUNT(duplicate_ready) == 2);
    EXPECT_OK(ints_close(pair[0]));
    EXPECT_OK(gort_wg_wait(wg));
    expect_quiet(pair[1]);
    EXPECT_OK(ints_release(pair[0]));
    EXPECT_OK(ints_release(pair[1]));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void TestSelectDuplicateChannel(void) {
    in_run(duplicate_body, NULL);
}

/* Each case has the same weight, also when several name one channel. */
static void duplicate_cases_have_equal_weight(void) {
    enum { TRIALS = 9000 };
    ints *a = ints_new(0), *b = ints_new(0);
    int v, count[3] = {0, 0, 0};
    gort_case c[3] = {ints_case_recv(a, &v), ints_case_recv(a, &v), ints_case_recv(b, &v)};
    EXPECT_OK(ints_close(a));
    EXPECT_OK(ints_close(b));
    for (int i = 0; i < TRIALS; i++) {
        int32_t k = gort_select(c, 3);
        if (!EXPECT(k >= 0 && k < 3 && c[k].status == GORT_CLOSED)) break;
        count[k]++;
    }
    /* sigma = sqrt(9000 * 1/3 * 2/3) = 44.7 */
    for (int k = 0; k < 3; k++) EXPECT(count[k] > TRIALS / 3 - 447 && count[k] < TRIALS / 3 + 447);
    EXPECT_OK(ints_release(a));
    EXPECT_OK(ints_release(b));
}

/* "None is ready" is the truth at one instant: while a value comes to the second channel before it leaves the first, one of the
 * two is always ready. */
static ints *race[2];

static void *look_at_both(void *arg) {
    int v = 0;
    gort_case c[2] = {ints_case_recv(race[0], &v), ints_case_recv(race[1], &v)};
    (void)arg;
    EXPECT(gort_try_select(c, 2) >= 0);
    return NULL;
}

static int nonblock_race_body(void *arg) {
    int with_close = *(int *)arg;
    for (int i = 0; i < 3000; i++) {
        gort_task *task = NULL;
        int v = 0;
        race[0] = ints_new(1), race[1] = ints_new(1);
        gort_case first_only = ints_case_recv(race[0], &v);
        EXPECT_OK(ints_send(race[0], 1));
        EXPECT_OK(gort_spawn(NULL, look_at_both, NULL, &task));
        if (i % 3) gort_yield();
        if (with_close) EXPECT_OK(ints_close(race[1]));
        else EXPECT_OK(ints_send(race[1], 1));
        gort_status taken = gort_try_select(&first_only, 1);
        EXPECT(taken == 0 || taken == GORT_WOULD_BLOCK);
        EXPECT_OK(gort_task_join(task, NULL));
        EXPECT_OK(gort_task_release(task));
        EXPECT_OK(ints_release(race[0]));
        EXPECT_OK(ints_release(race[1]));
    }
    return 0;
}

static void TestNonblockSelectRace(void) {
    int with_close = 0;
    in_run(nonblock_race_body, &with_close);
}

/* The same with a close. */
static void TestNonblockSelectRace2(void) {
    int with_close = 1;
    in_run(nonblock_race_body, &with_close);
}

/* --- many cases ----------------------------------------------------------------------------------------------------- */

enum { MANY = 300 };
static ints *many[MANY];

static void make_many(size_t capacity) {
    for (int i = 0; i < MANY; i++) many[i] = ints_new(capacity);
}

static void release_many(void) {
    for (int i = 0; i < MANY; i++) EXPECT_OK(ints_release(many[i]));
}

/* All are ready, then one less each time, and each comes once. */
static int hundreds_body(void *arg) {
    (void)arg;
    static gort_case c[MANY];
    static int v[MANY];
    int taken = 0;
    make_many(1);
    for (int i = 0; i < MANY; i++) {
        EXPECT_OK(ints_send(many[i], i));
        c[i] = ints_case_recv(many[i], &v[i]);
        v[i] = -1;
    }
    for (int n = 0; n < MANY; n++) {
        int32_t i = gort_select(c, MANY);
        if (!EXPECT(i >= 0 && v[i] == i && c[i].status == GORT_OK)) break;
        v[i] = -1;
        c[i].chan = n % 2 ? NULL : c[i].chan; /* switched off, or left there empty */
        taken++;
    }
    EXPECT_IS(gort_try_select(c, MANY), GORT_WOULD_BLOCK);
    release_many();
    return taken;
}

static void hundreds_of_ready_cases_come_once_each(void) {
    EXPECT(on_a_thread_too(hundreds_body, NULL) == MANY);
}

/* The select waits on all of them, and each in turn ends it. */
static void send_to_each(void *arg) {
    (void)arg;
    for (int i = 0; i < MANY; i++) {
        EXPECT_OK(ints_send(many[(i * 7) % MANY], i));
        if (i % 50 == 0) EXPECT_OK(gort_sleep(GORT_US(500)));
    }
}

static int parked_hundreds_body(void *arg) {
    (void)arg;
    static gort_case c[MANY];
    int v = -1;
    make_many(0);
    for (int i = 0; i < MANY; i++) c[i] = ints_case_recv(many[i], &v);
    EXPECT_OK(gort_go(send_to_each, NULL));
    for (int i = 0; i < MANY; i++) EXPECT(gort_select(c, MANY) == (i * 7) % MANY && v == i);
    for (int i = 0; i < MANY; i++) expect_quiet(many[i]);
    release_many();
    return 0;
}

static void hundreds_of_waiting_cases_are_each_won(void) {
    in_run(parked_hundreds_body, NULL);
}

/* --- all at once ------------------------------------------------------------------------------------------------------------ */

/* Tasks and threads select over the same channels in both directions; what was sent is what was received. */
enum { WEB = 6, WEAVERS = 8, WEAVES = 3000 };
static ints *web[WEB];
static int64_t sent_sum, got_sum;

static void weave(void *arg) {
    uint64_t random = (uint64_t)(uintptr_t)arg * 0x9E3779B97F4A7C15u;
    for (int i = 0; i < WEAVES; i++) {
        gort_case c[WEB];
        int out[WEB], in[WEB];
        for (int k = 0; k < WEB; k++) {
            out[k] = (int)(next_random(&random) % 1000);
            uint64_t what = next_random(&random) % 3;
            c[k] = what == 0 ? ints_case_send(web[k], &out[k]) : ints_case_recv(what == 1 ? web[k] : NULL, &in[k]);
        }
        int32_t k;
        switch (next_random(&random) % 3) {
        case 0: k = gort_try_select(c, WEB); break;
        case 1: k = gort_select_until(c, WEB, gort_in(GORT_US(50)), NULL); break;
        default: k = gort_select_biased_until(c, WEB, gort_in(GORT_US(50)), NULL);
        }
        if (k < 0) {
            EXPECT(k == GORT_WOULD_BLOCK || k == GORT_TIMED_OUT);
        } else if (c[k].kind == GORT_CASE_SEND) {
            ADD(sent_sum, out[k]);
        } else {
            ADD(got_sum, in[k]);
        }
    }
}

static void *weave_on_a_thread(void *arg) {
    weave(arg);
    return NULL;
}

static void selects_of_tasks_and_threads_lose_nothing(void) {
    static int one = 1, two = 2;
    uint64_t seed = seed_of_test();
    gort_wg *wg = gort_wg_new();
    pthread_t threads[2];
    int v;
    for (int k = 0; k < WEB; k++) web[k] = ints_new((size_t)(k % 3)); /* without bound it would be no test */
    for (int i = 0; i < WEAVERS; i++) EXPECT_OK(gort_wg_go(wg, weave, (void *)(uintptr_t)(seed + (uint64_t)i)));
    EXPECT(pthread_create(&threads[0], NULL, weave_on_a_thread, &one) == 0);
    EXPECT(pthread_create(&threads[1], NULL, weave_on_a_thread, &two) == 0);
    EXPECT_OK(gort_wg_wait(wg));
    for (int i = 0; i < 2; i++) pthread_join(threads[i], NULL);
    for (int k = 0; k < WEB; k++) {
        while (ints_try_recv(web[k], &v) == GORT_OK) got_sum += v;
        EXPECT_OK(ints_release(web[k]));
    }
    EXPECT(sent_sum == got_sum && sent_sum > 0);
    EXPECT_OK(gort_wg_free(wg));
}

TESTS(CASE(select3), CASE(doubleselect), CASE(select2), CASE(select6), CASE(select7), CASE(TestSelfSelect),
      CASE(TestSelectFairness), CASE(TestSelectDuplicateChannel), CASE(duplicate_cases_have_equal_weight),
      CASE(TestNonblockSelectRace), CASE(TestNonblockSelectRace2), CASE(hundreds_of_ready_cases_come_once_each),
      CASE(hundreds_of_waiting_cases_are_each_won), CASE(selects_of_tasks_and_threads_lose_nothing))

/*
 * select_limits.c: how a gort_select ends by the clock, a cancellation, a close or a mistake; its biased forms; the ends of a channel,
 * elements of every size. Compiled as C11 and as C++17.
 *
 * What it is NOT: which of several cases is taken (select.c).
 */
#include "select.h"

/* --- after, until, biased --------------------------------------------------------------------------------------------- */

static int after_body(void *arg) {
    (void)arg;
    ints *c = ints_new(1);
    int v = 0;
    gort_case cases[3] = {ints_case_recv(c, &v), gort_case_after(GORT_MS(30)), gort_case_after(GORT_NEVER)};
    for (int round = 0; round < 2; round++) { /* the same array counts anew */
        int64_t before = gort_now();
        cases[1].status = GORT_INVALID;
        EXPECT(gort_select(cases, 3) == 1 && cases[1].status == GORT_OK);
        EXPECT(gort_now() - before >= GORT_MS(30));
        EXPECT(cases[1].chan == NULL && cases[1].duration == GORT_MS(30));
    }
    EXPECT_IS(gort_try_select(cases, 3), GORT_WOULD_BLOCK);
    cases[2] = gort_case_after(GORT_MS(5)); /* the earlier one */
    EXPECT(gort_select(cases, 3) == 2);
    cases[1] = gort_case_after(-GORT_SEC(1)); /* over already */
    EXPECT(gort_select(cases, 3) == 1);
    EXPECT(gort_try_select(cases, 3) == 1);
    cases[1] = gort_case_after(0);
    EXPECT(gort_try_select(cases, 3) == 1);
    cases[1] = gort_case_after(INT64_MIN);
    EXPECT(gort_select(cases, 3) == 1);
    cases[1] = gort_case_after(INT64_MAX - 1); /* saturates: never */
    cases[2] = gort_case_after(GORT_NEVER);
    EXPECT_IS(gort_select_until(cases, 3, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    cases[1] = gort_case_after(GORT_SEC(20)); /* a channel is quicker */
    EXPECT_OK(ints_send(c, 3));
    EXPECT(gort_select(cases, 3) == 0 && v == 3);
    EXPECT_OK(ints_release(c));
    return 0;
}

static void after_case_is_ready_when_its_time_has_passed_and_never_early(void) {
    on_a_thread_too(after_body, NULL);
}

static int until_body(void *arg) {
    (void)arg;
    ints *c = ints_new(1);
    int v = 0;
    gort_case cases[2] = {ints_case_recv(c, &v), gort_case_after(GORT_SEC(20))};
    int64_t before = gort_now();
    EXPECT_IS(gort_select_until(cases, 2, gort_in(GORT_MS(20)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(20));
    cases[1].duration = GORT_MS(5); /* before the deadline */
    EXPECT(gort_select_until(cases, 2, gort_in(GORT_SEC(20)), NULL) == 1);
    cases[1].duration = GORT_NEVER;
    EXPECT_OK(ints_send(c, 4));
    EXPECT(gort_select_until(cases, 2, 0, NULL) == 0 && v == 4); /* ready now: the past deadline does not matter */
    EXPECT_IS(gort_select_until(cases, 2, 0, NULL), GORT_TIMED_OUT);
    EXPECT_OK(ints_send(c, 5));
    EXPECT(gort_select_until(cases, 2, GORT_NEVER, NULL) == 0 && v == 5);
    EXPECT_OK(ints_release(c));
    return 0;
}

static void until_times_out_and_never_early(void) {
    on_a_thread_too(until_body, NULL);
}

static int biased_body(void *arg) {
    (void)arg;
    ints *c[3] = {ints_new(200), ints_new(200), ints_new(200)};
    int v = 0;
    gort_case cases[4] = {ints_case_recv(c[0], &v), ints_case_recv(c[1], &v), ints_case_recv(c[2], &v), gort_case_after(0)};
    for (int i = 0; i < 100; i++) {
        EXPECT_OK(ints_send(c[1], i));
        EXPECT_OK(ints_send(c[2], i));
    }
    for (int i = 0; i < 100; i++) EXPECT(gort_select_biased(cases, 4) == 1 && v == i);
    EXPECT_OK(ints_send(c[0], 77));
    EXPECT(gort_try_select_biased(cases, 3) == 0 && v == 77);
    for (int i = 0; i < 100; i++) EXPECT(gort_select_biased_until(cases, 4, gort_in(GORT_SEC(20)), NULL) == 2 && v == i);
    EXPECT(gort_select_biased(cases, 4) == 3);
    EXPECT_IS(gort_try_select_biased(cases, 3), GORT_WOULD_BLOCK);
    for (int i = 0; i < 3; i++) EXPECT_OK(ints_release(c[i]));
    return 0;
}

static void biased_takes_the_first_in_order(void) {
    on_a_thread_too(biased_body, NULL);
}

/* --- cancellation, close ----------------------------------------------------------------------------------------------- */

static int closed_seen;

static void *wait_for_cancel(void *arg) {
    int v = 77, form = *(int *)arg;
    ints *c = ints_new(0), *full = ints_new(1);
    gort_case cases[3] = {ints_case_recv(c, &v), ints_case_send(full, &v), gort_case_after(GORT_SEC(1000))};
    EXPECT_OK(ints_send(full, 1));
    switch (form) {
    case 0: EXPECT_IS(gort_select(cases, 2), GORT_CANCELED); break;
    case 1: EXPECT_IS(gort_select(cases, 3), GORT_CANCELED); break;
    case 2: EXPECT_IS(gort_select(NULL, 0), GORT_CANCELED); break;
    case 3: EXPECT_IS(gort_select_biased(cases, 2), GORT_CANCELED); break;
    default: EXPECT_IS(gort_select_until(cases, 2, gort_in(GORT_SEC(1000)), NULL), GORT_CANCELED);
    }
    EXPECT(v == 77);
    cases[1] = ints_case_recv(full, &v);
    EXPECT_IS(gort_select(cases, 3), GORT_CANCELED); /* later too, and although one is ready */
    EXPECT(gort_try_select(cases, 3) == 1 && v == 1); /* what never blocks goes on */
    expect_quiet(c);
    EXPECT_OK(ints_release(c));
    EXPECT_OK(ints_release(full));
    return NULL;
}

static int cancel_body(void *arg) {
    (void)arg;
    static int forms[5] = {0, 1, 2, 3, 4};
    gort_task *tasks[5];
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_spawn(NULL, wait_for_cancel, &forms[i], &tasks[i]));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    for (int i = 0; i < 5; i++) {
        EXPECT_OK(gort_task_cancel(tasks[i]));
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    return 0;
}

static void cancelled_task_gets_canceled(void) {
    in_run(cancel_body, NULL);
}

static void expect_closed(void *arg) {
    ints *c = (ints *)arg, *other = ints_new(0);
    int v = 77;
    gort_case cases[2] = {ints_case_recv(other, &v), ints_case_recv(c, &v)};
    EXPECT(gort_select(cases, 2) == 1 && cases[1].status == GORT_CLOSED && v == 77);
    cases[1] = ints_case_send(c, &v);
    EXPECT(gort_select(cases, 2) == 1 && cases[1].status == GORT_CLOSED);
    EXPECT_OK(ints_release(other));
    ADD(closed_seen, 1);
}

static int close_body(void *arg) {
    (void)arg;
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    SET(closed_seen, 0);
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_wg_go(wg, expect_closed, c));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(ints_close(c));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(closed_seen) == 10);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void close_ends_every_select_that_waits(void) {
    in_run(close_body, NULL);
}

/* --- the ends of a channel, elements of no bytes, sizes ------------------------------------------------------------------ */

static void ends_have_cases_too(void) {
    gort_chan *c = gort_chan_new(sizeof(int), 1);
    const int in = 5;
    int out = 0;
    gort_case cases[2] = {gort_case_sender_send(gort_chan_sender(c), &in),
                          gort_case_receiver_recv(gort_chan_receiver(c), &out)};
    EXPECT(gort_select(cases, 2) == 0); /* room, and nothing to receive */
    EXPECT(gort_select(cases, 2) == 1 && out == 5);
    EXPECT_OK(gort_chan_release(c));
    cases[0] = gort_case_sender_send(NULL, &in);
    cases[1] = gort_case_receiver_recv(NULL, &out);
    blocks(cases, 2);
}

static void elements_of_no_bytes_need_no_place(void) {
    gort_chan *c = gort_chan_new(0, 1);
    gort_case cases[2] = {gort_case_send(c, NULL), gort_case_recv(c, NULL)};
    for (int i = 0; i < 3; i++) {
        EXPECT(gort_select(cases, 2) == 0 && gort_chan_len(c) == 1);
        EXPECT(gort_select(cases, 2) == 1 && gort_chan_len(c) == 0);
    }
    EXPECT_OK(gort_chan_release(c));
}

typedef struct {
    gort_chan *c;
    unsigned char *bytes;
} big;

static void send_big(void *arg) {
    big *b = (big *)arg;
    EXPECT_OK(gort_sleep(GORT_MS(1)));
    EXPECT_OK(gort_chan_send(b->c, b->bytes));
}

static int sizes_body(void *arg) {
    (void)arg;
    static const size_t sizes[] = {1, 3, 4, 8, 16, 24, 4096, 65536};
    gort_wg *wg = gort_wg_new();
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        big b = {gort_chan_new(sizes[i], 0), (unsigned char *)malloc(sizes[i])};
        unsigned char *got = (unsigned char *)malloc(sizes[i] + 8);
        memset(b.bytes, 0x5A, sizes[i]);
        memset(got, 0xAA, sizes[i] + 8);
        gort_case cases[2] = {gort_case_recv(NULL, got), gort_case_recv(b.c, got)};
        EXPECT_OK(gort_wg_go(wg, send_big, &b));
        EXPECT(gort_select(cases, 2) == 1); /* handed over while it waits */
        size_t wrong = 0;
        for (size_t at = 0; at < sizes[i]; at++) wrong += got[at] != 0x5A;
        for (size_t at = sizes[i]; at < sizes[i] + 8; at++) wrong += got[at] != 0xAA;
        EXPECT(wrong == 0);
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT_OK(gort_chan_release(b.c));
        free(b.bytes);
        free(got);
    }
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void every_element_size_is_handed_over_intact(void) {
    in_run(sizes_body, NULL);
}

/* --- mistakes ------------------------------------------------------------------------------------------------------------- */

/* All six forms refuse it, with words that say why. */
static void refused(gort_case *cases, size_t n, gort_status status, const char *words) {
    EXPECT_IS(gort_select(cases, n), status);
    EXPECT(error_says(words));
    EXPECT_IS(gort_try_select(cases, n), status);
    EXPECT_IS(gort_select_until(cases, n, gort_in(GORT_SEC(1)), NULL), status);
    EXPECT_IS(gort_select_biased(cases, n), status);
    EXPECT_IS(gort_try_select_biased(cases, n), status);
    EXPECT_IS(gort_select_biased_until(cases, n, gort_in(GORT_SEC(1)), NULL), status);
    EXPECT(error_says(words));
}

static void mistakes_are_statuses_that_name_the_case(void) {
    ints *c = ints_new(1), *stale = ints_new(1);
    gort_wg *wg = gort_wg_new();
    int v = 77;
    gort_case good = ints_case_recv(c, &v), cases[3] = {good, good, good};
    EXPECT_OK(ints_release(stale));

    refused(NULL, 1, GORT_INVALID, "cases is NULL");
    refused(cases, 65537, GORT_LIMIT, "65537");
    refused(cases, SIZE_MAX, GORT_LIMIT, "65536");
    cases[1].kind = 0, refused(cases, 3, GORT_INVALID, "case 1: kind is 0");
    cases[1].kind = 4, refused(cases, 3, GORT_INVALID, "case 1: kind is 4");
    cases[1].kind = -1, refused(cases, 3, GORT_INVALID, "case 1: kind is -1");
    cases[1] = good, cases[1].element = NULL, refused(cases, 3, GORT_INVALID, "case 1: element is NULL");
    cases[1] = ints_case_send(c, NULL), refused(cases, 3, GORT_INVALID, "case 1: element is NULL");
    cases[1] = good, cases[1].reserved[0] = 1, refused(cases, 3, GORT_INVALID, "case 1");
    cases[1] = good, cases[1].reserved[1] = 1, refused(cases, 3, GORT_INVALID, "case 1");
    cases[1] = gort_case_after(GORT_MS(1)), cases[1].chan = ints_raw(c), refused(cases, 3, GORT_INVALID, "case 1: an `after`");
    cases[1] = gort_case_after(GORT_MS(1)), cases[1].reserved[1] = 1, refused(cases, 3, GORT_INVALID, "case 1");
    cases[1] = gort_case_ctx((gort_ctx *)(void *)wg), refused(cases, 3, GORT_MISUSE, "case 1: chan is no live channel");
    cases[1] = good;
    cases[2] = ints_case_recv(stale, &v), refused(cases, 3, GORT_MISUSE, "case 2: chan is no live channel");
    cases[2] = ints_case_send(stale, &v), refused(cases, 3, GORT_MISUSE, "case 2: chan is no live channel");
    cases[2] = ints_case_recv(stale, NULL), refused(cases, 3, GORT_MISUSE, "case 2: chan is no live channel");
    cases[2] = gort_case_recv((gort_chan *)(void *)wg, &v), refused(cases, 3, GORT_MISUSE, "case 2");
    cases[2] = good;
    EXPECT_IS(gort_select_until(cases, 3, GORT_NEVER, (gort_ctx *)(void *)wg), GORT_MISUSE);
    EXPECT(error_says("ctx"));
    EXPECT_IS(gort_select_biased_until(cases, 3, GORT_NEVER, (gort_ctx *)(void *)wg), GORT_MISUSE);

    EXPECT(v == 77 && ints_len(c) == 0);
    cases[0] = gort_case_recv(NULL, NULL); /* switched off: needs nothing */
    cases[1] = gort_case_send(NULL, NULL);
    cases[2] = good;
    EXPECT_OK(ints_send(c, 6));
    EXPECT(gort_select(cases, 3) == 2 && v == 6);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
}

/* A plain outcome leaves the last error alone. */
static void plain_outcomes_leave_the_last_error_alone(void) {
    ints *c = ints_new(0);
    int v;
    gort_case one = ints_case_recv(c, &v);
    EXPECT_IS(gort_select(NULL, 3), GORT_INVALID);
    EXPECT_IS(gort_try_select(&one, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_select_until(&one, 1, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT(error_says("cases is NULL"));
    EXPECT_OK(ints_release(c));
}

static void select_on_a_handle_from_before_a_fork_is_shutdown(void) {
    ints *c = ints_new(0);
    int v = 0, status = -1;
    pid_t child = fork_among_threads();
    if (child == 0) {
        gort_case cases[2] = {ints_case_recv(NULL, &v), ints_case_recv(c, &v)};
        alarm(20);
        refused(cases, 2, GORT_SHUTDOWN, "case 1: chan is from before a fork");
        fflush(NULL);
        _exit(COUNT(test_failures) != 0);
    }
    EXPECT(child > 0 && waitpid(child, &status, 0) == child && status == 0);
    EXPECT_OK(ints_release(c));
}

TESTS(CASE(after_case_is_ready_when_its_time_has_passed_and_never_early), CASE(until_times_out_and_never_early),
      CASE(biased_takes_the_first_in_order), CASE(cancelled_task_gets_canceled),
      CASE(close_ends_every_select_that_waits), CASE(ends_have_cases_too), CASE(elements_of_no_bytes_need_no_place),
      CASE(every_element_size_is_handed_over_intact), CASE(mistakes_are_statuses_that_name_the_case),
      CASE(plain_outcomes_leave_the_last_error_alone), CASE(select_on_a_handle_from_before_a_fork_is_shutdown))

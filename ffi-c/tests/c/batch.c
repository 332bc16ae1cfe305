/*
 * batch.c: several elements in one call: counts in every outcome, order, what is left with the caller, peers that wait, limits,
 * mistakes. Compiled as C11 and as C++17.
 *
 * What it is NOT: batches and descriptors (notify.c), or channels without bound (unbounded.c).
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

typedef struct {
    int64_t key;
    char text[24];
} record;

GORT_CHAN_DEFINE(record, records);

static void count_up(int *numbers, int n, int from) {
    for (int i = 0; i < n; i++) numbers[i] = from + i;
}

/* --- outcomes ------------------------------------------------------------------------------------------------------ */

static void try_takes_what_there_is_room_for(void) {
    ints *c = ints_new(10);
    int in[16], out[16];
    size_t n = 99;
    count_up(in, 16, 0);
    EXPECT_IS(ints_try_recv_n(c, out, 16, &n), GORT_WOULD_BLOCK);
    EXPECT(n == 99); /* written on success only */
    EXPECT_OK(ints_try_send_n(c, in, 4, &n));
    EXPECT(n == 4 && ints_len(c) == 4);
    EXPECT_IS(ints_try_send_n(c, in + 4, 12, &n), GORT_WOULD_BLOCK); /* not all: how many is said */
    EXPECT(n == 6 && ints_len(c) == 10);
    EXPECT_IS(ints_try_send_n(c, in + 10, 6, &n), GORT_WOULD_BLOCK);
    EXPECT(n == 0);
    EXPECT_OK(ints_try_recv_n(c, out, 3, &n));
    EXPECT(n == 3);
    EXPECT_OK(ints_try_recv_n(c, out + 3, 13, &n)); /* fewer than there is room for is a success */
    EXPECT(n == 7);
    for (int i = 0; i < 10; i++) EXPECT(out[i] == i);
    EXPECT_OK(ints_send_n(c, in, 5, NULL)); /* the count need not be asked for */
    EXPECT_OK(ints_recv_n(c, out, 16, &n));
    EXPECT(n == 5 && out[4] == 4);
    EXPECT_OK(ints_release(c));
}

static void nothing_is_nothing(void) {
    ints *c = ints_new(1);
    int v = 1;
    size_t n = 99;
    EXPECT_OK(ints_send_n(c, NULL, 0, &n));
    EXPECT(n == 0);
    EXPECT_OK(ints_send_n(NULL, &v, 0, &n));
    EXPECT_OK(ints_try_send_n(NULL, &v, 0, &n));
    n = 99;
    EXPECT_OK(ints_recv_n(c, NULL, 0, &n));
    EXPECT(n == 0);
    n = 99;
    EXPECT_OK(ints_try_recv_n(NULL, &v, 0, &n));
    EXPECT(n == 0 && v == 1 && ints_len(c) == 0);
    EXPECT_OK(ints_recv_n_until(c, &v, 0, &n, GORT_NEVER, NULL));
    EXPECT_OK(ints_release(c));
}

static void closed_channel_ends_a_batch(void) {
    ints *c = ints_new(8);
    int in[8], out[8];
    size_t n = 99;
    count_up(in, 8, 0);
    EXPECT_OK(ints_send_n(c, in, 5, &n));
    EXPECT_OK(ints_close(c));
    EXPECT_IS(ints_send_n(c, in, 3, &n), GORT_CLOSED);
    EXPECT(n == 0);
    n = 99;
    EXPECT_IS(ints_try_send_n(c, in, 3, &n), GORT_CLOSED);
    EXPECT(n == 0);
    n = 99;
    EXPECT_OK(ints_recv_n(c, out, 3, &n));
    EXPECT(n == 3);
    EXPECT_OK(ints_recv_n(c, out, 8, &n)); /* the rest, and the close only by the next one */
    EXPECT(n == 2 && out[1] == 4);
    EXPECT_IS(ints_recv_n(c, out, 8, &n), GORT_CLOSED);
    EXPECT_IS(ints_try_recv_n(c, out, 8, &n), GORT_CLOSED);
    EXPECT_IS(ints_recv_n_until(c, out, 8, &n, GORT_NEVER, NULL), GORT_CLOSED);
    EXPECT(n == 2);
    EXPECT_OK(ints_release(c));
}

/* --- peers that wait ------------------------------------------------------------------------------------------------- */

enum { ALL = 5000 };
static int all[ALL], got_all[ALL];

static void send_all(void *arg) {
    size_t n = 0;
    EXPECT_OK(ints_send_n((ints *)arg, all, ALL, &n));
    EXPECT(n == ALL);
    EXPECT_OK(ints_close((ints *)arg));
}

/* All that a batch sends comes in order, whatever the capacity, to batches and to single receives. */
static int order_body(void *arg) {
    (void)arg;
    static const size_t capacities[] = {0, 1, 7, 1000, 6000};
    count_up(all, ALL, 100);
    for (int k = 0; k < 5; k++) {
        for (size_t most = 1; most <= 400; most = most * 9 + 1) {
            ints *c = ints_new(capacities[k]);
            size_t at = 0, n = 0;
            gort_wg *wg = gort_wg_new();
            gort_status status = GORT_OK;
            memset(got_all, 0, sizeof got_all);
            EXPECT_OK(gort_wg_go(wg, send_all, c));
            while (status == GORT_OK) {
                size_t room = ALL - at < most ? ALL - at : most;
                if (at % 5 == 4) {
                    n = 1;
                    status = ints_recv(c, got_all + at);
                } else {
                    int extra;
                    status = room ? ints_recv_n(c, got_all + at, room, &n) : ints_recv(c, &extra);
                    if (status == GORT_OK) EXPECT(room > 0 && n >= 1 && n <= room);
                }
                if (status == GORT_OK) at += n;
            }
            EXPECT(status == GORT_CLOSED && at == ALL && memcmp(all, got_all, sizeof all) == 0);
            EXPECT_OK(gort_wg_wait(wg));
            EXPECT_OK(gort_wg_free(wg));
            EXPECT_OK(ints_release(c));
        }
    }
    return 0;
}

static void batch_keeps_its_order_at_any_capacity(void) {
    in_run(order_body, NULL);
}

/* One batch serves all receivers that wait, one element each. */
static int woken;
static int64_t woken_sum;

static void receive_one(void *arg) {
    int v = 0;
    EXPECT_OK(ints_recv((ints *)arg, &v));
    ADD(woken_sum, v);
    ADD(woken, 1);
}

static int wake_body(void *arg) {
    (void)arg;
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    int in[20];
    size_t n = 0;
    count_up(in, 20, 1);
    SET(woken, 0);
    SET(woken_sum, 0);
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_wg_go(wg, receive_one, c));
    for (size_t sent = 0; sent < 20; sent += n) {
        gort_status status = ints_try_send_n(c, in + sent, 20 - sent, &n);
        EXPECT(status == GORT_OK || status == GORT_WOULD_BLOCK);
        if (status != GORT_OK) gort_yield();
    }
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(woken) == 20 && COUNT(woken_sum) == 210);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void batch_wakes_as_many_as_it_serves(void) {
    in_run(wake_body, NULL);
}

/* A receive of many takes what senders that wait hold, and wakes them. */
static void send_my_number(void *arg) {
    ints **pair = (ints **)arg;
    int v = 0;
    EXPECT_OK(ints_recv(pair[1], &v));
    EXPECT_OK(ints_send(pair[0], v));
}

static int waiting_senders_body(void *arg) {
    size_t capacity = *(size_t *)arg;
    ints *pair[2] = {ints_new(capacity), ints_new(20)};
    gort_wg *wg = gort_wg_new();
    int out[20], count = 0, sum = 0;
    size_t n = 0;
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(ints_send(pair[1], i));
        EXPECT_OK(gort_wg_go(wg, send_my_number, pair));
    }
    while (count < 20) {
        EXPECT_OK(ints_recv_n(pair[0], out, 20, &n));
        for (size_t i = 0; i < n; i++) sum += out[i];
        count += (int)n;
    }
    EXPECT(count == 20 && sum == 190);
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(pair[0]));
    EXPECT_OK(ints_release(pair[1]));
    return 0;
}

static void receive_of_many_empties_waiting_senders(void) {
    static size_t capacities[] = {0, 3};
    for (int i = 0; i < 2; i++) in_run(waiting_senders_body, &capacities[i]);
}

/* A select takes elements of a batch like any others. */
static int select_body(void *arg) {
    (void)arg;
    ints *c = ints_new(0);
    int v = 0, quiet = 0;
    gort_case cases[2] = {gort_case_recv(NULL, &quiet), ints_case_recv(c, &v)};
    gort_wg *wg = gort_wg_new();
    count_up(all, ALL, 1);
    EXPECT_OK(gort_wg_go(wg, send_all, c));
    for (int i = 0; i < ALL; i++) EXPECT(gort_select(cases, 2) == 1 && cases[1].status == GORT_OK && v == 1 + i);
    EXPECT(gort_select(cases, 2) == 1 && cases[1].status == GORT_CLOSED);
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void select_receives_from_a_batch(void) {
    in_run(select_body, NULL);
}

/* --- limits and cancellation ------------------------------------------------------------------------------------------- */

static int limits_body(void *arg) {
    (void)arg;
    ints *c = ints_new(3);
    int in[5] = {1, 2, 3, 4, 5}, out[5] = {0, 0, 0, 0, 0};
    size_t n = 99;
    int64_t before = gort_now();
    EXPECT_IS(ints_recv_n_until(c, out, 5, &n, gort_in(GORT_MS(10)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(10) && n == 99);
    before = gort_now();
    EXPECT_IS(ints_send_n_until(c, in, 5, &n, gort_in(GORT_MS(10)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(10) && n == 3); /* three went */
    EXPECT_IS(ints_send_n_until(c, in + 3, 2, &n, 0, NULL), GORT_TIMED_OUT);
    EXPECT(n == 0);
    EXPECT_OK(ints_recv_n_until(c, out, 5, &n, 0, NULL)); /* ready now: the past deadline does not matter */
    EXPECT(n == 3 && out[0] == 1 && out[2] == 3 && out[3] == 0);
    EXPECT_OK(ints_send_n_until(c, in + 3, 2, &n, 0, NULL));
    EXPECT(n == 2);
    EXPECT_IS(ints_send_n_until(NULL, in, 5, &n, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT(n == 0);
    EXPECT_IS(ints_recv_n_until(NULL, out, 5, &n, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(ints_try_send_n(NULL, in, 5, &n), GORT_WOULD_BLOCK);
    EXPECT_IS(ints_try_recv_n(NULL, out, 5, &n), GORT_WOULD_BLOCK);
    EXPECT_OK(ints_release(c));
    return 0;
}

static void until_says_how_far_it_came(void) {
    limits_body(NULL);
    in_run(limits_body, NULL);
}

static void *send_five(void *arg) {
    int in[5] = {1, 2, 3, 4, 5}, out[2];
    size_t n = 99;
    EXPECT_IS(ints_send_n((ints *)arg, in, 5, &n), GORT_CANCELED);
    EXPECT(n == 2);
    EXPECT_IS(ints_send_n((ints *)arg, in, 5, &n), GORT_CANCELED);
    EXPECT(n == 0);
    EXPECT_IS(ints_recv_n((ints *)arg, out, 2, &n), GORT_CANCELED); /* although there are some */
    EXPECT_OK(ints_try_recv_n((ints *)arg, out, 2, &n));
    EXPECT(n == 2 && out[0] == 1 && out[1] == 2);
    return NULL;
}

static int cancel_body(void *arg) {
    (void)arg;
    ints *c = ints_new(2);
    gort_task *task = NULL;
    EXPECT_OK(gort_spawn(NULL, send_five, c, &task));
    AWAIT_IN_TASK(ints_len(c) == 2);
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void cancelled_batch_says_how_many_went(void) {
    in_run(cancel_body, NULL);
}

/* --- elements, mistakes -------------------------------------------------------------------------------------------------- */

static void elements_lie_densely(void) {
    records *c = records_new(4);
    record in[3], out[4];
    size_t n = 0;
    memset(in, 0, sizeof in);
    memset(out, 0xAA, sizeof out);
    for (int i = 0; i < 3; i++) in[i].key = i, snprintf(in[i].text, sizeof in[i].text, "record %d", i);
    EXPECT_OK(records_send_n(c, in, 3, &n));
    EXPECT_OK(records_recv_n(c, out, 4, &n));
    EXPECT(n == 3 && memcmp(in, out, sizeof in) == 0);
    const unsigned char *rest = (const unsigned char *)&out[3];
    for (size_t i = 0; i < sizeof(record); i++) EXPECT(rest[i] == 0xAA);
    EXPECT_OK(records_release(c));

    gort_chan *none = gort_chan_new(0, 5); /* of no bytes: only their number counts */
    EXPECT_IS(gort_chan_try_send_n(none, NULL, 7, &n), GORT_WOULD_BLOCK);
    EXPECT(n == 5);
    EXPECT_OK(gort_chan_recv_n(none, NULL, 3, &n));
    EXPECT(n == 3 && gort_chan_len(none) == 2);
    EXPECT_OK(gort_chan_release(none));
}

static void mistakes_are_statuses(void) {
    gort_chan *c = gort_chan_new(4, 4), *stale = gort_chan_new(4, 4);
    int v[2] = {1, 2};
    size_t n = 99;
    EXPECT_OK(gort_chan_release(stale));
    EXPECT_IS(gort_chan_send_n(c, NULL, 2, &n), GORT_INVALID);
    EXPECT(n == 0 && error_says("element"));
    EXPECT_IS(gort_chan_try_send_n(c, NULL, 2, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_send_n_until(c, v, 2, &n, GORT_NEVER, (gort_ctx *)(void *)c), GORT_MISUSE);
    EXPECT(error_says("ctx"));
    n = 99;
    EXPECT_IS(gort_chan_recv_n(c, NULL, 2, &n), GORT_INVALID);
    EXPECT_IS(gort_chan_recv_n(c, v, 2, NULL), GORT_INVALID);
    EXPECT(error_says("received is NULL"));
    EXPECT_IS(gort_chan_try_recv_n(c, v, 2, NULL), GORT_INVALID);
    EXPECT_IS(gort_chan_recv_n_until(c, v, 2, &n, GORT_NEVER, (gort_ctx *)(void *)c), GORT_MISUSE);
    EXPECT_IS(gort_chan_recv_n(stale, v, 2, &n), GORT_MISUSE);
    EXPECT_IS(gort_chan_try_recv_n(stale, v, 2, &n), GORT_MISUSE);
    EXPECT(n == 99 && gort_chan_len(c) == 0);
    EXPECT_IS(gort_chan_send_n(stale, v, 2, &n), GORT_MISUSE);
    EXPECT(n == 0);
    EXPECT_IS(gort_chan_try_send_n(stale, v, 2, &n), GORT_MISUSE);
    EXPECT_OK(gort_chan_release(c));
}

/* --- many ------------------------------------------------------------------------------------------------------------------ */

enum { SIDES = 4, EACH = 6000, LOT = 50 };
static int64_t received_sum, received;

static void produce_lots(void *arg) {
    int lot[LOT];
    size_t n = 0;
    for (int from = 1; from <= EACH; from += LOT) {
        count_up(lot, LOT, from);
        EXPECT_OK(ints_send_n((ints *)arg, lot, LOT, &n));
        EXPECT(n == LOT);
    }
}

static void consume_lots(void *arg) {
    int lot[LOT + 7];
    size_t n = 0;
    int64_t sum = 0, count = 0;
    while (ints_recv_n((ints *)arg, lot, LOT + 7, &n) == GORT_OK) {
        for (size_t i = 0; i < n; i++) sum += lot[i];
        count += (int64_t)n;
    }
    ADD(received_sum, sum);
    ADD(received, count);
}

static void *consume_lots_on_a_thread(void *arg) {
    consume_lots(arg);
    return NULL;
}

static void many_batches_lose_nothing(void) {
    static const size_t capacities[] = {0, 1, 20, 1000};
    for (int k = 0; k < 4; k++) {
        ints *c = ints_new(capacities[k]);
        gort_wg *in = gort_wg_new(), *out = gort_wg_new();
        pthread_t thread;
        SET(received_sum, 0);
        SET(received, 0);
        for (int i = 0; i < SIDES; i++) {
            EXPECT_OK(gort_wg_go(out, consume_lots, c));
            EXPECT_OK(gort_wg_go(in, produce_lots, c));
        }
        EXPECT(pthread_create(&thread, NULL, consume_lots_on_a_thread, c) == 0);
        EXPECT_OK(gort_wg_wait(in));
        EXPECT_OK(ints_close(c));
        EXPECT_OK(gort_wg_wait(out));
        pthread_join(thread, NULL);
        EXPECT(COUNT(received) == SIDES * EACH);
        EXPECT(COUNT(received_sum) == (int64_t)SIDES * EACH * (EACH + 1) / 2);
        EXPECT_OK(gort_wg_free(in));
        EXPECT_OK(gort_wg_free(out));
        EXPECT_OK(ints_release(c));
    }
}

TESTS(CASE(try_takes_what_there_is_room_for), CASE(nothing_is_nothing), CASE(closed_channel_ends_a_batch),
      CASE(batch_keeps_its_order_at_any_capacity), CASE(batch_wakes_as_many_as_it_serves),
      CASE(receive_of_many_empties_waiting_senders), CASE(select_receives_from_a_batch), CASE(until_says_how_far_it_came),
      CASE(cancelled_batch_says_how_many_went), CASE(elements_lie_densely), CASE(mistakes_are_statuses),
      CASE(many_batches_lose_nothing))

/*
 * stress.c: tasks and threads do random things with a few channels and wait groups, and the books must balance: every value
 * that a send reported as sent is received, or given to the drop function; and it happens once.
 *
 * The seed is printed; GORT_TEST_SEED=n runs the same choices again (not the same schedule, but for a seeded runtime).
 * GORT_TEST_ROUNDS=n makes it longer. What it is NOT: a check of order (chan.c) or of single statuses.
 */
#include "harness.h"

enum { CHANNELS = 6, TASKS = 24, THREADS = 2, STEPS = 400 };

/* The books: number and sum of values sent, received, dropped. */
typedef struct {
    int64_t number, sum;
} book;

static book sent, got, dropped;
static int64_t last_value;
static uint64_t seed;
static gort_chan *channels[CHANNELS];

static void enter_in(book *b, int64_t value) {
    ADD(b->number, 1);
    ADD(b->sum, value);
}

static void on_drop(void *element) {
    int64_t value;
    memcpy(&value, element, sizeof value);
    enter_in(&dropped, value);
}

/* The element is 8 bytes of value and a tail that must arrive with it. */
static size_t size_of_channel(int i) {
    static const size_t sizes[CHANNELS] = {8, 8, 16, 24, 64, 4096};
    return sizes[i];
}

static void expect_outcome(gort_status status) {
    EXPECT(status == GORT_OK || status == GORT_CLOSED || status == GORT_WOULD_BLOCK || status == GORT_TIMED_OUT ||
           status == GORT_CANCELED);
}

static int64_t some_deadline(uint64_t *random) {
    return gort_in((int64_t)(next_random(random) % 300) * 1000);
}

static void send_something(uint64_t *random, int i) {
    unsigned char element[4096];
    int64_t value = ADD(last_value, 1);
    memset(element, (int)(value & 0x7F), size_of_channel(i));
    memcpy(element, &value, sizeof value);
    gort_status status;
    enter_in(&sent, value); /* first: it may be received before the send returns */
    switch (next_random(random) % 3) {
    case 0: status = gort_chan_try_send(channels[i], element); break;
    case 1: status = gort_chan_send_until(channels[i], element, some_deadline(random), NULL); break;
    default: status = gort_chan_send_until(channels[i], element, gort_in(GORT_MS(2)), NULL);
    }
    expect_outcome(status);
    if (status != GORT_OK) {
        ADD(sent.number, -1);
        ADD(sent.sum, -value);
    }
}

static void receive_something(uint64_t *random, int i) {
    unsigned char element[4096];
    gort_status status;
    switch (next_random(random) % 3) {
    case 0: status = gort_chan_try_recv(channels[i], element); break;
    case 1: status = gort_chan_recv_until(channels[i], element, some_deadline(random), NULL); break;
    default: status = gort_chan_recv_until(channels[i], element, gort_in(GORT_MS(2)), NULL);
    }
    expect_outcome(status);
    if (status == GORT_OK) {
        int64_t value;
        size_t wrong = 0;
        memcpy(&value, element, sizeof value);
        for (size_t at = sizeof value; at < size_of_channel(i); at++) wrong += element[at] != (value & 0x7F);
        EXPECT(wrong == 0);
        enter_in(&got, value);
    }
}

static void do_nothing(void *arg) {
    (void)arg;
}

static void use_a_group(uint64_t *random) {
    gort_wg *wg = gort_wg_new();
    int n = (int)(next_random(random) % 4);
    for (int i = 0; i < n; i++) {
        gort_status status = gort_wg_go(wg, do_nothing, NULL);
        EXPECT(status == GORT_OK || status == GORT_CANCELED);
    }
    gort_status status = gort_wg_wait_until(wg, some_deadline(random), NULL);
    expect_outcome(status);
    if (status != GORT_OK) {
        /* A cancelled task can not wait without a shield, which a plain thread can not open and does not need. */
        gort_status shield = gort_shield_begin();
        EXPECT_OK(gort_wg_wait(wg));
        if (shield == GORT_OK) EXPECT_OK(gort_shield_end());
    }
    EXPECT_OK(gort_wg_free(wg));
}

static void one_step(uint64_t *random) {
    int i = (int)(next_random(random) % CHANNELS);
    uint64_t what = next_random(random) % 100;
    if (what < 42) {
        send_something(random, i);
    } else if (what < 86) {
        receive_something(random, i);
    } else if (what < 92) {
        gort_yield();
    } else if (what < 95) {
        expect_outcome(gort_sleep((int64_t)(next_random(random) % 100) * 1000));
    } else if (what < 98) {
        use_a_group(random);
    } else {
        EXPECT(gort_chan_len(channels[i]) <= gort_chan_cap(channels[i]));
    }
}

static void *do_steps(void *arg) {
    uint64_t random = seed ^ (uint64_t)((uintptr_t)arg + 1) * 0x9E3779B97F4A7C15u;
    for (int step = 0; step < STEPS; step++) one_step(&random);
    return arg;
}

static int round_main(void *arg) {
    uint64_t random = seed;
    gort_task *tasks[TASKS];
    (void)arg;
    for (uintptr_t i = 0; i < TASKS; i++) EXPECT_OK(gort_spawn(NULL, do_steps, (void *)i, &tasks[i]));
    for (int i = 0; i < TASKS; i++) {
        expect_outcome(gort_sleep((int64_t)(next_random(&random) % 300) * 1000));
        if (next_random(&random) % 4 == 0) EXPECT_OK(gort_task_cancel(tasks[next_random(&random) % TASKS]));
        if (next_random(&random) % 16 == 0) {
            gort_status status = gort_chan_close(channels[next_random(&random) % CHANNELS]);
            EXPECT(status == GORT_OK || status == GORT_CLOSED);
        }
    }
    for (int i = 0; i < TASKS; i++) {
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    return 0;
}

static void one_round(void) {
    static const size_t capacities[CHANNELS] = {0, 1, 3, 0, 16, 2};
    pthread_t threads[THREADS];
    memset(&sent, 0, sizeof sent), memset(&got, 0, sizeof got), memset(&dropped, 0, sizeof dropped);
    for (int i = 0; i < CHANNELS; i++) {
        gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
        options.elem_size = size_of_channel(i);
        options.capacity = capacities[i];
        options.drop = on_drop;
        channels[i] = gort_chan_new_with(&options);
        if (!EXPECT(channels[i] != NULL)) return;
    }
    for (uintptr_t i = 0; i < THREADS; i++) {
        EXPECT(pthread_create(&threads[i], NULL, do_steps, (void *)(1000 + i)) == 0);
    }
    in_run(round_main, NULL);
    for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < CHANNELS; i++) EXPECT_OK(gort_chan_release(channels[i]));
    EXPECT(sent.number == got.number + dropped.number);
    EXPECT(sent.sum == got.sum + dropped.sum);
    EXPECT(got.number > 0);
}

static void books_balance_after_random_operations(void) {
    const char *rounds = getenv("GORT_TEST_ROUNDS");
    uint64_t first = seed_of_test();
    for (int i = rounds ? atoi(rounds) : 8; i > 0; i--) {
        seed = first;
        one_round();
        if (COUNT(test_failures)) fprintf(stderr, "  round with %s\n", test_note);
        first = first * 6364136223846793005u + 1442695040888963407u;
    }
}

TESTS(SLOW_CASE(books_balance_after_random_operations, 300))

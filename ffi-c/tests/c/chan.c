/*
 * chan.c: channels of every size and capacity, in all three forms of each call; close, NULL, typed channels, views, drop
 * functions. Compiled as C11 and as C++17 (so: casts, and no designated initialisers).
 *
 * What it is NOT: mistakes (misuse.c) or random schedules (stress.c).
 */
#include "harness.h"

typedef struct {
    int64_t key;
    double value;
    char text[8];
} record;

typedef const char *string;

GORT_CHAN_DEFINE(int, ints);
GORT_CHAN_DEFINE(record, records);
GORT_CHAN_DEFINE(string, strings);

/* --- order and sizes ------------------------------------------------------------------------------------------- */

static void send_thousand(void *arg) {
    ints *c = (ints *)arg;
    for (int i = 0; i < 1000; i++) EXPECT_OK(ints_send(c, i));
    EXPECT_OK(ints_close(c));
}

static int order_main(void *arg) {
    size_t capacity = *(size_t *)arg;
    ints *c = ints_new(capacity);
    EXPECT_OK(gort_go(send_thousand, c));
    int value = -1, n = 0;
    gort_status status;
    while ((status = ints_recv(c, &value)) == GORT_OK) EXPECT(value == n++);
    EXPECT(status == GORT_CLOSED);
    EXPECT_OK(ints_release(c));
    return n;
}

static void values_keep_their_order_at_any_capacity(void) {
    static const size_t capacities[] = {0, 1, 2, 3, 7, 64, 1000, 5000};
    for (size_t i = 0; i < sizeof capacities / sizeof capacities[0]; i++) {
        size_t capacity = capacities[i];
        EXPECT(in_run(order_main, &capacity) == 1000);
    }
}

typedef struct {
    gort_chan *c;
    size_t size;
    int rounds;
} sized;

static unsigned char pattern(size_t at, int round) {
    return (unsigned char)(at * 7 + (size_t)round * 13 + 1);
}

static void send_patterns(void *arg) {
    sized *s = (sized *)arg;
    unsigned char *element = (unsigned char *)malloc(s->size + 1);
    for (int round = 0; round < s->rounds; round++) {
        for (size_t i = 0; i < s->size; i++) element[i] = pattern(i, round);
        EXPECT_OK(gort_chan_send(s->c, element));
        memset(element, 0xEE, s->size);
    }
    free(element);
}

static void receive_patterns(sized *s) {
    unsigned char *element = (unsigned char *)malloc(s->size + 16);
    for (int round = 0; round < s->rounds; round++) {
        memset(element, 0xAA, s->size + 16);
        EXPECT_OK(gort_chan_recv(s->c, element));
        size_t wrong = 0;
        for (size_t i = 0; i < s->size; i++) wrong += element[i] != pattern(i, round);
        for (size_t i = s->size; i < s->size + 16; i++) wrong += element[i] != 0xAA;
        EXPECT(wrong == 0);
    }
    free(element);
}

static int sizes_main(void *arg) {
    (void)arg;
    static const size_t sizes[] = {0, 1, 2, 3, 4, 7, 8, 12, 16, 24, 4096, 65536};
    static const size_t capacities[] = {0, 1, 3};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        for (size_t j = 0; j < 3; j++) {
            sized s = {gort_chan_new(sizes[i], capacities[j]), sizes[i], 20};
            gort_wg *wg = gort_wg_new();
            EXPECT(gort_chan_elem_size(s.c) == sizes[i] && gort_chan_cap(s.c) == capacities[j]);
            EXPECT_OK(gort_wg_go(wg, send_patterns, &s));
            receive_patterns(&s);
            EXPECT_OK(gort_wg_wait(wg));
            EXPECT_OK(gort_wg_free(wg));
            EXPECT_OK(gort_chan_release(s.c));
        }
    }
    return 0;
}

static void every_element_size_arrives_intact(void) {
    in_run(sizes_main, NULL);
}

/* The receiver parks first, so each value goes straight into its variable. */
static void send_late(void *arg) {
    sized *s = (sized *)arg;
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    send_patterns(s);
}

static int parked_sizes_main(void *arg) {
    (void)arg;
    static const size_t sizes[] = {0, 1, 4, 8, 16, 24, 4096, 65536};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        sized s = {gort_chan_new(sizes[i], i % 2), sizes[i], 3};
        gort_wg *wg = gort_wg_new();
        EXPECT_OK(gort_wg_go(wg, send_late, &s));
        receive_patterns(&s);
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT_OK(gort_wg_free(wg));
        EXPECT_OK(gort_chan_release(s.c));
    }
    return 0;
}

static void parked_receiver_gets_every_size(void) {
    in_run(parked_sizes_main, NULL);
}

static void element_of_size_zero_needs_no_place(void) {
    gort_chan *c = gort_chan_new(0, 2);
    EXPECT_OK(gort_chan_send(c, NULL));
    EXPECT_OK(gort_chan_send(c, NULL));
    EXPECT(gort_chan_len(c) == 2);
    EXPECT_IS(gort_chan_try_send(c, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_chan_recv(c, NULL));
    EXPECT_OK(gort_chan_try_recv(c, NULL));
    EXPECT_IS(gort_chan_try_recv(c, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_chan_release(c));
}

/* --- try, until ------------------------------------------------------------------------------------------------- */

static void try_on_full_or_empty_would_block(void) {
    ints *c = ints_new(2);
    int value = 77;
    EXPECT_IS(ints_try_recv(c, &value), GORT_WOULD_BLOCK);
    EXPECT(value == 77);
    EXPECT_OK(ints_try_send(c, 1));
    EXPECT(ints_len(c) == 1 && ints_cap(c) == 2);
    EXPECT_OK(ints_try_send(c, 2));
    EXPECT_IS(ints_try_send(c, 3), GORT_WOULD_BLOCK);
    EXPECT(ints_len(c) == 2);
    EXPECT_OK(ints_try_recv(c, &value));
    EXPECT(value == 1);
    EXPECT_OK(ints_try_recv(c, &value));
    EXPECT(value == 2);
    EXPECT_IS(ints_try_recv(c, &value), GORT_WOULD_BLOCK);
    EXPECT_OK(ints_release(c));
    c = ints_new(0);
    EXPECT_IS(ints_try_send(c, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(ints_try_recv(c, &value), GORT_WOULD_BLOCK);
    EXPECT_OK(ints_release(c));
}

static void receive_one(void *arg) {
    ints **pair = (ints **)arg;
    int value = 0;
    EXPECT_OK(ints_recv(pair[0], &value));
    EXPECT_OK(ints_send(pair[1], value * 2));
}

static int try_parked_main(void *arg) {
    (void)arg;
    ints *pair[2] = {ints_new(0), ints_new(1)};
    EXPECT_OK(gort_go(receive_one, pair));
    gort_status status;
    int value = 0;
    int64_t give_up = gort_in(GORT_SEC(10));
    while ((status = ints_try_send(pair[0], 21)) == GORT_WOULD_BLOCK && gort_now() < give_up) gort_yield();
    EXPECT(status == GORT_OK);
    EXPECT_OK(ints_recv(pair[1], &value));
    EXPECT(value == 42);
    EXPECT_OK(ints_release(pair[0]));
    EXPECT_OK(ints_release(pair[1]));
    return 0;
}

static void try_send_meets_a_parked_receiver(void) {
    in_run(try_parked_main, NULL);
}

static void timed_forms(void) {
    ints *c = ints_new(1);
    int value = 77;
    int64_t before = gort_now();
    EXPECT_IS(ints_recv_until(c, &value, gort_in(GORT_MS(20)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(20));
    EXPECT(value == 77);
    EXPECT_OK(ints_send_until(c, 5, gort_in(GORT_SEC(5)), NULL));
    before = gort_now();
    EXPECT_IS(ints_send_until(c, 6, gort_in(GORT_MS(20)), NULL), GORT_TIMED_OUT);
    EXPECT(gort_now() - before >= GORT_MS(20));
    EXPECT_IS(ints_send_until(c, 6, 0, NULL), GORT_TIMED_OUT);
    EXPECT_OK(ints_recv_until(c, &value, 0, NULL)); /* ready now: the past deadline does not matter */
    EXPECT(value == 5);
    EXPECT_OK(ints_send_until(c, 7, gort_in(-GORT_SEC(1)), NULL));
    EXPECT_OK(ints_recv_until(c, &value, GORT_NEVER, NULL));
    EXPECT(value == 7);
    EXPECT_OK(ints_release(c));
}

static int timed_main(void *arg) {
    (void)arg;
    timed_forms();
    return 0;
}

static void until_times_out_and_never_early_on_a_thread(void) {
    timed_forms();
}

static void until_times_out_and_never_early_in_a_task(void) {
    in_run(timed_main, NULL);
}

/* --- close ------------------------------------------------------------------------------------------------------- */

static int closed_seen;

static void expect_closed_receive(void *arg) {
    int value = 77;
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_CLOSED);
    EXPECT(value == 77);
    ADD(closed_seen, 1);
}

static void expect_closed_send(void *arg) {
    EXPECT_IS(ints_send((ints *)arg, 1), GORT_CLOSED);
    ADD(closed_seen, 1);
}

static int close_wakes(void (*who)(void *)) {
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    SET(closed_seen, 0);
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_wg_go(wg, who, c));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(ints_close(c));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(closed_seen) == 20);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return 0;
}

static int close_wakes_main(void *arg) {
    (void)arg;
    return close_wakes(expect_closed_receive) + close_wakes(expect_closed_send);
}

static void close_wakes_all_who_wait(void) {
    in_run(close_wakes_main, NULL);
}

static void recv_on_closed_drains_then_reports(void) {
    ints *c = ints_new(3);
    int value = 0;
    for (int i = 1; i <= 3; i++) EXPECT_OK(ints_send(c, i));
    EXPECT(!ints_is_closed(c));
    EXPECT_OK(ints_close(c));
    EXPECT(ints_is_closed(c) && ints_len(c) == 3);
    EXPECT_IS(ints_send(c, 4), GORT_CLOSED);
    EXPECT_IS(ints_try_send(c, 4), GORT_CLOSED);
    EXPECT_IS(ints_send_until(c, 4, GORT_NEVER, NULL), GORT_CLOSED);
    EXPECT_IS(ints_close(c), GORT_CLOSED);
    for (int i = 1; i <= 3; i++) {
        EXPECT_OK(ints_recv(c, &value));
        EXPECT(value == i);
    }
    EXPECT_IS(ints_recv(c, &value), GORT_CLOSED);
    EXPECT_IS(ints_try_recv(c, &value), GORT_CLOSED);
    EXPECT_IS(ints_recv_until(c, &value, GORT_NEVER, NULL), GORT_CLOSED);
    EXPECT(value == 3);
    EXPECT_OK(ints_release(c));
}

/* --- the NULL channel ---------------------------------------------------------------------------------------------- */

static void null_channel_is_never_ready(void) {
    int value = 77;
    EXPECT_IS(ints_try_send(NULL, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(ints_try_recv(NULL, &value), GORT_WOULD_BLOCK);
    EXPECT_IS(ints_send_until(NULL, 1, gort_in(GORT_MS(5)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(ints_recv_until(NULL, &value, gort_in(GORT_MS(5)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_chan_recv_until(NULL, NULL, gort_in(GORT_MS(5)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(ints_close(NULL), GORT_INVALID);
    EXPECT(ints_len(NULL) == 0 && ints_cap(NULL) == 0 && !ints_is_closed(NULL));
    EXPECT(gort_chan_elem_size(NULL) == 0);
    EXPECT(gort_chan_sender(NULL) == NULL && gort_chan_receiver(NULL) == NULL);
    EXPECT_OK(gort_chan_retain(NULL));
    EXPECT_OK(gort_chan_release(NULL));
    EXPECT(value == 77);
}

static void *wait_on_null(void *arg) {
    int value = 0;
    EXPECT_IS(arg ? ints_send(NULL, 1) : ints_recv(NULL, &value), GORT_CANCELED);
    return arg;
}

static int null_cancel_main(void *arg) {
    (void)arg;
    int yes = 1;
    gort_task *tasks[2] = {NULL, NULL};
    EXPECT_OK(gort_spawn(NULL, wait_on_null, NULL, &tasks[0]));
    EXPECT_OK(gort_spawn(NULL, wait_on_null, &yes, &tasks[1]));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    for (int i = 0; i < 2; i++) {
        EXPECT_OK(gort_task_cancel(tasks[i]));
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    return 0;
}

static void wait_on_null_channel_ends_by_cancel(void) {
    in_run(null_cancel_main, NULL);
}

/* --- typed channels and views -------------------------------------------------------------------------------------- */

static void typed_channel_carries_structs_and_pointers(void) {
    records *c = records_new(2);
    strings *s = strings_new(1);
    record in = {INT64_C(1) << 40, 2.5, "gort"}, out;
    memset(&out, 0, sizeof out);
    EXPECT(gort_chan_elem_size(records_raw(c)) == sizeof(record));
    EXPECT_OK(records_send(c, in));
    in.key = 0;
    EXPECT_OK(records_recv(c, &out));
    EXPECT(out.key == INT64_C(1) << 40 && out.value > 2.4 && strcmp(out.text, "gort") == 0);
    string word = NULL;
    EXPECT_OK(strings_send(s, "word"));
    EXPECT_OK(strings_recv(s, &word));
    EXPECT(word != NULL && strcmp(word, "word") == 0);
    EXPECT_OK(records_retain(c));
    EXPECT_OK(records_release(c));
    EXPECT_OK(records_release(c));
    EXPECT_OK(strings_release(s));
}

static void typed_from_raw_checks_the_size(void) {
    gort_chan *raw = gort_chan_new(sizeof(int), 1);
    ints *same = ints_from(raw);
    int value = 0;
    EXPECT(same != NULL && ints_raw(same) == raw);
    EXPECT(records_from(raw) == NULL);
    EXPECT(ints_from(NULL) == NULL);
    EXPECT_OK(ints_send(same, 9));
    EXPECT_OK(gort_chan_recv(raw, &value));
    EXPECT(value == 9);
    EXPECT_OK(gort_chan_release(raw));
}

static void views_are_of_the_same_channel(void) {
    gort_chan *c = gort_chan_new(sizeof(int), 2);
    gort_sender *in = gort_chan_sender(c);
    gort_receiver *out = gort_chan_receiver(c);
    int one = 1, two = 2, value = 0;
    EXPECT_OK(gort_sender_send(in, &one));
    EXPECT_OK(gort_sender_try_send(in, &two));
    EXPECT_IS(gort_sender_send_until(in, &two, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_receiver_recv(out, &value));
    EXPECT(value == 1);
    EXPECT_OK(gort_receiver_try_recv(out, &value));
    EXPECT(value == 2);
    EXPECT_IS(gort_receiver_recv_until(out, &value, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_sender_close(in));
    EXPECT_IS(gort_receiver_recv(out, &value), GORT_CLOSED);
    EXPECT_OK(gort_chan_release(c));
}

static int abandon_main(void *arg) {
    (void)arg;
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    SET(closed_seen, 0);
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, expect_closed_send, c));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(gort_receiver_abandon(gort_chan_receiver(ints_raw(c))));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(closed_seen) == 5);
    EXPECT_IS(ints_send(c, 1), GORT_CLOSED);
    EXPECT_IS(ints_try_send(c, 1), GORT_CLOSED);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void abandoned_channel_gives_senders_closed(void) {
    in_run(abandon_main, NULL);
}

/* --- what becomes of elements that nobody received ------------------------------------------------------------------- */

static int drops, drop_sum, misaligned;

static void on_drop(void *element) {
    int value;
    memcpy(&value, element, sizeof value);
    drops++;
    drop_sum += value;
    misaligned += (uintptr_t)element % 32 != 0;
}

static gort_chan *with_drop(size_t capacity) {
    gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
    options.elem_size = 32;
    options.capacity = capacity;
    options.alignment = 32;
    options.drop = on_drop;
    drops = drop_sum = misaligned = 0;
    return gort_chan_new_with(&options);
}

static void drop_function_gets_what_nobody_received(void) {
    gort_chan *c = with_drop(5);
    int element[8] = {0}, value[8] = {0};
    for (int i = 1; i <= 5; i++) {
        element[0] = i;
        EXPECT_OK(gort_chan_send(c, element));
    }
    EXPECT_OK(gort_chan_recv(c, value));
    EXPECT(value[0] == 1 && drops == 0); /* the receiver's now */
    element[0] = 6;
    EXPECT_OK(gort_chan_send(c, element)); /* wraps around */
    EXPECT_OK(gort_chan_close(c));
    EXPECT(drops == 0);
    EXPECT_OK(gort_chan_release(c));
    EXPECT(drops == 5 && drop_sum == 2 + 3 + 4 + 5 + 6 && misaligned == 0);
}

static void abandon_drops_the_buffer(void) {
    gort_chan *c = with_drop(3);
    int element[8] = {7};
    EXPECT_OK(gort_chan_send(c, element));
    EXPECT_OK(gort_chan_send(c, element));
    EXPECT_OK(gort_receiver_abandon(gort_chan_receiver(c)));
    EXPECT(drops == 2 && drop_sum == 14);
    EXPECT_IS(gort_chan_send(c, element), GORT_CLOSED);
    EXPECT(drops == 2); /* not sent: still the caller's */
    EXPECT_OK(gort_chan_release(c));
    EXPECT(drops == 2);
}

/* --- many ---------------------------------------------------------------------------------------------------------- */

enum { EACH = 2000, SIDES = 4 };

static int64_t received_sum, received;

static void produce(void *arg) {
    for (int i = 1; i <= EACH; i++) EXPECT_OK(ints_send((ints *)arg, i));
}

static void consume(void *arg) {
    int value;
    int64_t sum = 0, n = 0;
    while (ints_recv((ints *)arg, &value) == GORT_OK) {
        sum += value;
        n++;
    }
    ADD(received_sum, sum);
    ADD(received, n);
}

static int many_main(void *arg) {
    ints *c = ints_new(*(size_t *)arg);
    gort_wg *in = gort_wg_new(), *out = gort_wg_new();
    SET(received_sum, 0);
    SET(received, 0);
    for (int i = 0; i < SIDES; i++) {
        EXPECT_OK(gort_wg_go(out, consume, c));
        EXPECT_OK(gort_wg_go(in, produce, c));
    }
    EXPECT_OK(gort_wg_wait(in));
    EXPECT_OK(ints_close(c));
    EXPECT_OK(gort_wg_wait(out));
    EXPECT(COUNT(received) == SIDES * EACH);
    EXPECT(COUNT(received_sum) == (int64_t)SIDES * EACH * (EACH + 1) / 2);
    EXPECT_OK(gort_wg_free(in));
    EXPECT_OK(gort_wg_free(out));
    EXPECT_OK(ints_release(c));
    return 0;
}

static void many_senders_and_receivers_lose_nothing(void) {
    size_t capacities[] = {0, 1, 10, 100};
    for (size_t i = 0; i < 4; i++) in_run(many_main, &capacities[i]);
}

typedef struct {
    ints *from, *to;
} stage;

static void pass_on(void *arg) {
    stage *l = (stage *)arg;
    int value;
    while (ints_recv(l->from, &value) == GORT_OK) EXPECT_OK(ints_send(l->to, value + 1));
    EXPECT_OK(ints_close(l->to));
}

static int chain_main(void *arg) {
    (void)arg;
    enum { LINKS = 500 };
    static stage links[LINKS];
    static ints *between[LINKS + 1];
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i <= LINKS; i++) between[i] = ints_new(0);
    for (int i = 0; i < LINKS; i++) {
        links[i].from = between[i];
        links[i].to = between[i + 1];
        EXPECT_OK(gort_wg_go(wg, pass_on, &links[i]));
    }
    int value = 0;
    for (int round = 0; round < 3; round++) {
        EXPECT_OK(ints_send(between[0], round));
        EXPECT_OK(ints_recv(between[LINKS], &value));
        EXPECT(value == LINKS + round);
    }
    EXPECT_OK(ints_close(between[0]));
    EXPECT_IS(ints_recv(between[LINKS], &value), GORT_CLOSED);
    EXPECT_OK(gort_wg_wait(wg));
    for (int i = 0; i <= LINKS; i++) EXPECT_OK(ints_release(between[i]));
    EXPECT_OK(gort_wg_free(wg));
    return 0;
}

static void chain_of_tasks_passes_values_and_close(void) {
    in_run(chain_main, NULL);
}

/* --- plain threads --------------------------------------------------------------------------------------------------- */

static void *thread_produces(void *arg) {
    produce(arg);
    return NULL;
}

static void *thread_consumes(void *arg) {
    consume(arg);
    return NULL;
}

static void threads_and_tasks_share_a_channel(void) {
    for (size_t capacity = 0; capacity <= 16; capacity += 16) {
        ints *c = ints_new(capacity);
        gort_wg *in = gort_wg_new(), *out = gort_wg_new();
        pthread_t sender, receiver;
        SET(received, 0);
        SET(received_sum, 0);
        EXPECT(pthread_create(&sender, NULL, thread_produces, c) == 0);
        EXPECT(pthread_create(&receiver, NULL, thread_consumes, c) == 0);
        EXPECT_OK(gort_wg_go(in, produce, c)); /* without a run: the runtime starts by itself */
        EXPECT_OK(gort_wg_go(out, consume, c));
        EXPECT_OK(gort_wg_wait(in));
        pthread_join(sender, NULL);
        EXPECT_OK(ints_close(c));
        EXPECT_OK(gort_wg_wait(out));
        pthread_join(receiver, NULL);
        EXPECT(COUNT(received) == 2 * EACH);
        EXPECT_OK(gort_wg_free(in));
        EXPECT_OK(gort_wg_free(out));
        EXPECT_OK(ints_release(c));
    }
}

static void reference_keeps_the_channel(void) {
    ints *c = ints_new(1);
    int value = 0;
    EXPECT_OK(ints_retain(c));
    EXPECT_OK(ints_release(c));
    EXPECT_OK(ints_send(c, 3)); /* one left */
    EXPECT_OK(ints_recv(c, &value));
    EXPECT(value == 3);
    EXPECT_OK(ints_release(c));
}

TESTS(CASE(values_keep_their_order_at_any_capacity), CASE(every_element_size_arrives_intact),
      CASE(parked_receiver_gets_every_size), CASE(element_of_size_zero_needs_no_place),
      CASE(try_on_full_or_empty_would_block), CASE(try_send_meets_a_parked_receiver),
      CASE(until_times_out_and_never_early_on_a_thread), CASE(until_times_out_and_never_early_in_a_task),
      CASE(close_wakes_all_who_wait), CASE(recv_on_closed_drains_then_reports), CASE(null_channel_is_never_ready),
      CASE(wait_on_null_channel_ends_by_cancel), CASE(typed_channel_carries_structs_and_pointers),
      CASE(typed_from_raw_checks_the_size), CASE(views_are_of_the_same_channel),
      CASE(abandoned_channel_gives_senders_closed), CASE(drop_function_gets_what_nobody_received),
      CASE(abandon_drops_the_buffer), CASE(many_senders_and_receivers_lose_nothing),
      CASE(chain_of_tasks_passes_values_and_close), CASE(threads_and_tasks_share_a_channel),
      CASE(reference_keeps_the_channel))

/*
 * unbounded.c: channels without bound: sends never wait, order over every boundary, close, len and cap, drop functions, peers that
 * wait, select, mistakes. Compiled as C11 and as C++17.
 *
 * What it is NOT: what bounded channels do as well (chan.c).
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

static gort_chan *unbounded(size_t size, void (*drop)(void *)) {
    gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
    options.elem_size = size;
    options.flags = GORT_CHAN_UNBOUNDED;
    options.drop = drop;
    gort_chan *c = gort_chan_new_with(&options);
    EXPECT(c != NULL);
    return c;
}

static ints *unbounded_ints(void) {
    return ints_from(unbounded(sizeof(int), NULL));
}

static void sends_never_wait_and_order_is_kept(void) {
    enum { N = 200000 };
    ints *c = unbounded_ints();
    int v = 0, next = 0, sent = 0;
    EXPECT(ints_cap(c) == SIZE_MAX && ints_len(c) == 0);
    for (int i = 0; i < N; i++) EXPECT_OK(i % 2 ? ints_try_send(c, sent++) : ints_send(c, sent++));
    EXPECT(ints_len(c) == N);
    for (int round = 0; round < 50; round++) { /* up and down over the edges of ring and segments */
        for (int i = 0; i < 5000; i++) {
            EXPECT_OK(ints_recv(c, &v));
            EXPECT(v == next++);
        }
        for (int i = 0; i < 100 * round; i++) EXPECT_OK(ints_send_until(c, sent++, 0, NULL));
    }
    EXPECT(ints_len(c) == (size_t)(sent - next));
    while (ints_try_recv(c, &v) == GORT_OK) EXPECT(v == next++);
    EXPECT(next == sent && ints_len(c) == 0);
    EXPECT_OK(ints_release(c));
}

/* Every fill level around the places where storage changes hands, many times over the same channel. */
static void every_level_is_filled_and_emptied(void) {
    ints *c = unbounded_ints();
    int v = 0, sent = 0, next = 0;
    for (int level = 1; level < 2600; level += level < 20 || (level > 240 && level < 280) ? 1 : 37) {
        for (int i = 0; i < level; i++) EXPECT_OK(ints_send(c, sent++));
        EXPECT(ints_len(c) == (size_t)level);
        for (int i = 0; i < level; i++) {
            EXPECT_OK(ints_try_recv(c, &v));
            EXPECT(v == next++);
        }
        EXPECT_IS(ints_try_recv(c, &v), GORT_WOULD_BLOCK);
    }
    EXPECT_OK(ints_release(c));
}

static void every_element_size_arrives_intact(void) {
    static const size_t sizes[] = {0, 1, 3, 4, 8, 16, 24, 4096, 65536};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
        size_t size = sizes[k];
        int n = size > 1000 ? 100 : 3000;
        gort_chan *c = unbounded(size, NULL);
        unsigned char *element = (unsigned char *)malloc(size + 1);
        for (int i = 0; i < n; i++) {
            memset(element, i % 251, size);
            EXPECT_OK(gort_chan_send(c, element));
        }
        EXPECT(gort_chan_len(c) == (size_t)n);
        for (int i = 0; i < n; i++) {
            memset(element, 0xFE, size + 1);
            EXPECT_OK(gort_chan_recv(c, element));
            size_t wrong = element[size] != 0xFE;
            for (size_t at = 0; at < size; at++) wrong += element[at] != i % 251;
            EXPECT(wrong == 0);
        }
        EXPECT_IS(gort_chan_try_recv(c, element), GORT_WOULD_BLOCK);
        free(element);
        EXPECT_OK(gort_chan_release(c));
    }
}

static void recv_on_closed_drains_then_reports(void) {
    enum { N = 5000 };
    ints *c = unbounded_ints();
    int v = 0;
    for (int i = 0; i < N; i++) EXPECT_OK(ints_send(c, i));
    EXPECT_OK(ints_close(c));
    EXPECT(ints_is_closed(c) && ints_len(c) == N);
    EXPECT_IS(ints_send(c, 1), GORT_CLOSED);
    EXPECT_IS(ints_try_send(c, 1), GORT_CLOSED);
    EXPECT_IS(ints_close(c), GORT_CLOSED);
    for (int i = 0; i < N; i++) {
        EXPECT_OK(ints_recv(c, &v));
        EXPECT(v == i);
    }
    EXPECT_IS(ints_recv(c, &v), GORT_CLOSED);
    EXPECT_IS(ints_try_recv(c, &v), GORT_CLOSED);
    EXPECT(v == N - 1);
    EXPECT_OK(ints_release(c));
}

/* --- what nobody received ------------------------------------------------------------------------------------------ */

static int drops;
static int64_t drop_sum;

static void on_drop(void *element) {
    int v;
    memcpy(&v, element, sizeof v);
    drops++;
    drop_sum += v;
}

static void drop_function_gets_what_nobody_received(void) {
    enum { N = 3000, TAKEN = 700 };
    for (int way = 0; way < 2; way++) {
        gort_chan *c = unbounded(sizeof(int), on_drop);
        int v = 0;
        drops = 0, drop_sum = 0;
        for (int i = 1; i <= N; i++) EXPECT_OK(gort_chan_send(c, &i));
        for (int i = 1; i <= TAKEN; i++) EXPECT_OK(gort_chan_recv(c, &v));
        EXPECT(drops == 0);
        if (way == 1) {
            EXPECT_OK(gort_receiver_abandon(gort_chan_receiver(c)));
            EXPECT(drops == N - TAKEN);
            EXPECT_IS(gort_chan_send(c, &v), GORT_CLOSED);
            EXPECT_IS(gort_chan_recv(c, &v), GORT_CLOSED);
        }
        EXPECT_OK(gort_chan_release(c));
        EXPECT(drops == N - TAKEN && drop_sum == (int64_t)N * (N + 1) / 2 - (int64_t)TAKEN * (TAKEN + 1) / 2);
    }
}

static int misaligned;

static void look_at_alignment(void *element) {
    drops++;
    misaligned += (uintptr_t)element % 64 != 0;
}

static void alignment_is_kept_behind_the_ring(void) {
    typedef struct {
        unsigned char bytes[192];
    } wide;
    gort_chan_options options = GORT_CHAN_OPTIONS_INIT;
    wide w;
    options.elem_size = sizeof w;
    options.alignment = 64;
    options.flags = GORT_CHAN_UNBOUNDED;
    options.drop = look_at_alignment;
    gort_chan *c = gort_chan_new_with(&options);
    drops = misaligned = 0;
    for (int i = 0; i < 2000; i++) {
        memset(&w, i % 256, sizeof w);
        EXPECT_OK(gort_chan_send(c, &w));
    }
    for (int i = 0; i < 1000; i++) {
        EXPECT_OK(gort_chan_recv(c, &w));
        EXPECT(w.bytes[0] == i % 256 && w.bytes[191] == i % 256);
    }
    EXPECT_OK(gort_chan_release(c));
    EXPECT(drops == 1000 && misaligned == 0);
}

/* --- peers that wait, select, batches --------------------------------------------------------------------------------- */

static ints *pipe_of_ints;
static int64_t got_sum, got_count;

static void take_all(void *arg) {
    int v;
    (void)arg;
    while (ints_recv(pipe_of_ints, &v) == GORT_OK) {
        ADD(got_sum, v);
        ADD(got_count, 1);
    }
}

static void give_some(void *arg) {
    (void)arg;
    for (int i = 1; i <= 20000; i++) {
        EXPECT_OK(ints_send(pipe_of_ints, i));
        if (i % 1000 == 0) gort_yield();
    }
}

static int parked_body(void *arg) {
    (void)arg;
    gort_wg *in = gort_wg_new(), *out = gort_wg_new();
    pipe_of_ints = unbounded_ints();
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_wg_go(out, take_all, NULL)); /* wait first */
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_wg_go(in, give_some, NULL));
    EXPECT_OK(gort_wg_wait(in));
    EXPECT_OK(ints_close(pipe_of_ints));
    EXPECT_OK(gort_wg_wait(out));
    EXPECT(COUNT(got_count) == 60000 && COUNT(got_sum) == 3 * (int64_t)20000 * 20001 / 2);
    EXPECT_OK(ints_release(pipe_of_ints));
    EXPECT_OK(gort_wg_free(in));
    EXPECT_OK(gort_wg_free(out));
    return 0;
}

static void many_senders_and_receivers_lose_nothing(void) {
    in_run(parked_body, NULL);
}

static void select_and_selector_know_it(void) {
    ints *c = unbounded_ints();
    int out = 0, v = 0, sent = 0, next = 0;
    gort_selector *s = gort_selector_new();
    gort_case send = ints_case_send(c, &out), recv = ints_case_recv(c, &v);
    EXPECT_IS(gort_try_select(&recv, 1), GORT_WOULD_BLOCK);
    EXPECT(gort_selector_add(s, recv) == 0);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK); /* armed */
    for (int i = 0; i < 1000; i++) {
        out = sent++;
        EXPECT(gort_try_select(&send, 1) == 0 && send.status == GORT_OK); /* there is always room */
    }
    for (int i = 0; i < 500; i++) EXPECT(gort_select(&recv, 1) == 0 && v == next++);
    for (int i = 0; i < 500; i++) EXPECT(gort_selector_wait(s, NULL) == 0 && v == next++);
    EXPECT_IS(gort_selector_try_wait(s, NULL), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

static void batches_of_any_size_fit(void) {
    enum { N = 10000 };
    static int in[N], out[N];
    ints *c = unbounded_ints();
    size_t n = 0, at = 0;
    for (int i = 0; i < N; i++) in[i] = i;
    EXPECT_OK(ints_try_send_n(c, in, N, &n));
    EXPECT(n == N && ints_len(c) == N);
    while (ints_try_recv_n(c, out + at, N - at < 777 ? N - at : 777, &n) == GORT_OK && n > 0) at += n;
    EXPECT(at == N && memcmp(in, out, sizeof in) == 0);
    EXPECT_OK(ints_release(c));
}

/* --- mistakes ---------------------------------------------------------------------------------------------------------- */

static void flags_are_checked(void) {
    gort_chan_options o = GORT_CHAN_OPTIONS_INIT;
    EXPECT(o.flags == 0);
    o.elem_size = 4;
    o.flags = GORT_CHAN_UNBOUNDED;
    o.capacity = 5;
    EXPECT(gort_chan_new_with(&o) == NULL && error_says("without bound") && error_says("5"));
    o.capacity = 0;
    o.flags = 2;
    EXPECT(gort_chan_new_with(&o) == NULL && error_says("flags"));
    o.flags = 0x80000001u;
    EXPECT(gort_chan_new_with(&o) == NULL && error_says("0x80000001"));
    o.flags = GORT_CHAN_UNBOUNDED;
    o.elem_size = 65537;
    EXPECT(gort_chan_new_with(&o) == NULL && error_says("65537"));
    o.elem_size = 24;
    o.alignment = 16;
    EXPECT(gort_chan_new_with(&o) == NULL && error_says("multiple"));
}

TESTS(CASE(sends_never_wait_and_order_is_kept), CASE(every_level_is_filled_and_emptied),
      CASE(every_element_size_arrives_intact), CASE(recv_on_closed_drains_then_reports),
      CASE(drop_function_gets_what_nobody_received), CASE(alignment_is_kept_behind_the_ring),
      CASE(many_senders_and_receivers_lose_nothing), CASE(select_and_selector_know_it), CASE(batches_of_any_size_fit),
      CASE(flags_are_checked))

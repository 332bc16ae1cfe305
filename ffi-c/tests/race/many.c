/*
 * many.c: what batches and channels without bound order: each element as if it were sent and received by itself; and what an event loop is told: nothing.
 */
#include "race.h"

#include <poll.h>

#define N 4
static gort_chan_options options(size_t capacity) {
    gort_chan_options o = GORT_CHAN_OPTIONS_INIT;
    o.elem_size = sizeof(int);
    o.capacity = capacity;
    return o;
}
static void of(size_t capacity) {
    gort_chan_options o = options(capacity);
    CHECK((chan = gort_chan_new_with(&o)) != NULL);
}
static void of_2(void) { of(2); }
static void of_n(void) { of(N); }
static void of_many(void) { of(2 * N); }
static void unbuffered(void) { of(0); }
static void without_bound(void) {
    gort_chan_options o = options(0);
    o.flags = GORT_CHAN_UNBOUNDED;
    CHECK((chan = gort_chan_new_with(&o)) != NULL);
}
/* More than its ring takes: the rest lies behind it. */
#define LOTS 2000
static void drain(void) {
    int v;
    while (gort_chan_try_recv(chan, &v) == GORT_OK) {}
    give_back();
}

/* ---- batches */

static void send_batch(void) {
    int v[N] = {1, 2, 3, 4};
    size_t sent = 0;
    OK(gort_chan_send_n(chan, v, N, &sent));
    CHECK(sent == N);
}
static void receive_batch(void) {
    int v[N];
    size_t got = 0, all = 0;
    while (all < N) {
        OK(gort_chan_recv_n(chan, v, N - all, &got));
        all += got;
    }
}
static void write_and_send_batch(void) {
    if (!broken) write_data();
    send_batch();
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_batch_and_read(void) {
    receive_batch();
    if (broken) await(0);
    read_data();
}
static void receive_each_and_read(void) {
    int v;
    for (int i = 1; i <= N; i++) {
        OK(gort_chan_recv(chan, &v));
        CHECK(v == i);
        if (i == 1 && !broken) read_data();
    }
    if (broken) {
        await(0);
        read_data();
    }
}
static void write_and_send_each(void) {
    int v;
    for (int i = 1; i <= N; i++) {
        if (i == N && !broken) write_data();
        OK(gort_chan_send(chan, (v = i, &v)));
    }
    if (broken) write_data();
    mark(0);
}
static void write_and_try_batch(void) {
    int v[N] = {1, 2, 3, 4};
    size_t sent = 0, all = 0;
    if (!broken) write_data();
    while (all < N) {
        gort_status s = gort_chan_try_send_n(chan, v + all, N - all, &sent);
        all += sent;
        CHECK(s == GORT_OK || s == GORT_WOULD_BLOCK);
        if (s != GORT_OK) gort_yield();
    }
    if (broken) {
        write_data();
        mark(0);
    }
}
static void try_batch_and_read(void) {
    int v[N];
    size_t got = 0, all = 0;
    while (all < N) {
        gort_status s = gort_chan_try_recv_n(chan, v, N - all, &got);
        if (s == GORT_WOULD_BLOCK) {
            gort_yield();
        } else {
            OK(s);
            all += got;
        }
    }
    if (broken) await(0);
    read_data();
}
/* The places that a batch frees. Broken: there was room for all. */
static void full(void) {
    of(broken ? 2 * N : N);
    send_batch();
}
static void write_and_receive_batch(void) {
    write_data();
    receive_batch();
    mark(0);
}
static void send_batch_and_read(void) {
    send_batch();
    await(0);
    read_data();
}
/* close ends a batch. */
static void write_and_close(void) {
    write_data();
    OK(gort_chan_close(chan));
}
static void batch_says_closed(void) {
    int v[N];
    size_t got;
    if (broken) {
        while (!gort_chan_is_closed(chan)) gort_yield();
    } else {
        CHECK(gort_chan_recv_n(chan, v, N, &got) == GORT_CLOSED);
    }
    read_data();
}
/* Each element of the array is read by the send and written by the receive, and no other one. */
static _Alignas(8) int array[2 * N];
__attribute__((noinline)) static void write_an_element(void) { array[N - 1] = 4; }
__attribute__((noinline)) static void write_beside(void) { array[N] = 9; }
static void send_the_array(void) {
    size_t sent;
    OK(gort_chan_send_n(chan, array, N, &sent));
    mark(0);
}
static void write_to_the_array(void) {
    if (broken) {
        await(0);
        write_an_element();
    } else {
        write_beside();
    }
}
static void receive_into_the_array(void) {
    size_t got, all = 0;
    while (all < N) {
        OK(gort_chan_recv_n(chan, array + all, N - all, &got));
        all += got;
    }
    mark(0);
}
static void send_and_write_to_the_array(void) {
    send_batch();
    write_to_the_array();
}

/* ---- channels without bound */

static void send_one(void) {
    int v = 7;
    OK(gort_chan_send(chan, &v));
}
static void write_and_send(void) {
    if (!broken) write_data();
    send_one();
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_and_read(void) {
    int v;
    OK(gort_chan_recv(chan, &v));
    if (broken) await(0);
    read_data();
}
static void fill(void) {
    without_bound();
    for (int i = 0; i < LOTS; i++) send_one();
}
/* The value lies behind the ring; all before it are received first. */
static void receive_all_and_read(void) {
    int v;
    for (int i = 0; i <= LOTS; i++) OK(gort_chan_recv(chan, &v));
    if (broken) await(0);
    read_data();
}
static void write_late(void) {
    int v;
    for (int i = 0; i < LOTS; i++) {
        if (i == LOTS - 1 && !broken) write_data();
        OK(gort_chan_send(chan, (v = i, &v)));
    }
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_late(void) {
    int v = 0;
    for (int i = 0; i < LOTS; i++) {
        OK(gort_chan_recv(chan, &v));
        CHECK(v == i);
    }
    if (broken) await(0);
    read_data();
}
static void closed_behind_all(void) {
    int v;
    for (int i = 0; i < LOTS; i++) OK(gort_chan_recv(chan, &v));
    if (broken) {
        while (!gort_chan_is_closed(chan)) gort_yield();
    } else {
        CHECK(gort_chan_recv(chan, &v) == GORT_CLOSED);
    }
    read_data();
}
static void receive_mark(void) {
    int v;
    write_data();
    OK(gort_chan_recv(chan, &v));
    mark(0);
}
static void send_after_that(void) {
    await(0);
    send_one();
    read_data();
}
static void write_send_mark(void) {
    write_data();
    send_one();
    mark(0);
}
static void receive_the_older(void) {
    int v;
    await(0);
    OK(gort_chan_recv(chan, &v));
    read_data();
}

/* ---- event loops: the descriptor and the call order nothing of the sender's; the receive does */

static int fd;
static void with_descriptor(void) {
    int v;
    of_2();
    CHECK((fd = gort_chan_notify_fd(chan)) >= 0);
    CHECK(gort_chan_try_recv(chan, &v) == GORT_WOULD_BLOCK);
}
static void poll_it(void *arg) {
    struct pollfd p = {.fd = fd, .events = POLLIN};
    uint64_t n;
    (void)arg;
    CHECK(poll(&p, 1, 30000) == 1 && read(fd, &n, 8) == 8);
}
static void polled_and_read(void) {
    OK(gort_blocking(poll_it, NULL));
    if (!broken) {
        int v;
        gort_status s;
        while ((s = gort_chan_try_recv(chan, &v)) == GORT_WOULD_BLOCK) OK(gort_blocking(poll_it, NULL));
        OK(s);
    }
    read_data();
}
static void write_and_send_once(void) {
    write_data();
    send_one();
}
static void one_more(void) {
    of_2();
    CHECK((wg = gort_wg_new()) != NULL);
    OK(gort_wg_add(wg, 1));
}
static void on_ready(void *arg) {
    if (arg != NULL) *(int *)arg += 1; /* its own */
    if (!broken) {
        int v;
        OK(gort_chan_recv(chan, &v));
    }
    read_data();
    OK(gort_wg_done(wg));
}
static void be_told(void) {
    static int calls;
    calls = 0;
    OK(gort_chan_on_ready(chan, on_ready, &calls));
    OK(gort_wg_wait(wg));
    CHECK(calls == 1);
}
/* What is written before the call is seen by `fn`. Broken: after it. */
static void read_when_told(void *arg) {
    (void)arg;
    if (broken) await(1);
    read_data();
    OK(gort_wg_done(wg));
}
static void write_and_ask(void) {
    if (!broken) write_data();
    OK(gort_chan_on_ready(chan, read_when_told, NULL));
    if (broken) write_data();
    mark(1);
    OK(gort_wg_wait(wg));
}

/* clang-format off */
#define NO_ORDER(name, make, first, second, end) {name, make, first, second, end, BROKEN, ANY, ANY, NULL}
RULES(
    RULE("batch_comes_before_its_receive", of_n, write_and_send_batch, receive_batch_and_read),
    RULE("unbuffered_batch_comes_before_its_receive", unbuffered, write_and_send_batch, receive_batch_and_read),
    RULE("batch_that_waits_comes_before_its_receive", of_2, write_and_send_batch, receive_batch_and_read),
    RULE("batch_comes_before_the_receive_of_its_first_element", of_many, write_and_send_batch, receive_each_and_read),
    RULE("send_comes_before_the_batch_that_receives_it", of_2, write_and_send_each, receive_batch_and_read),
    RULE("try_batch_comes_before_its_try_receive", of_2, write_and_try_batch, try_batch_and_read),
    ROW("batch_receive_comes_before_the_batch_that_needs_its_places", full, write_and_receive_batch, send_batch_and_read, drain),
    RULE("close_comes_before_batch_that_says_closed", of_2, write_and_close, batch_says_closed),
    {"elements_are_read_by_their_batch", of_many, send_the_array, write_to_the_array, drain, BOTH, ANY, ANY, "race.rs write_an_element"},
    {"elements_are_written_by_their_batch", unbuffered, receive_into_the_array, send_and_write_to_the_array, give_back, BOTH, ANY, ANY, "race.rs write_an_element"},
    ROW("unbounded_send_comes_before_its_receive", without_bound, write_and_send, receive_and_read, drain),
    ROW("unbounded_send_behind_others_comes_before_its_receive", fill, write_and_send, receive_all_and_read, drain),
    ROW("last_unbounded_send_comes_before_the_last_receive", without_bound, write_late, receive_late, drain),
    ROW("close_comes_before_closed_of_an_unbounded_channel", fill, write_and_close, closed_behind_all, drain),
    NO_ORDER("unbounded_send_is_not_after_a_receive", fill, receive_mark, send_after_that, drain),
    NO_ORDER("unbounded_receive_is_not_after_a_later_send", fill, write_send_mark, receive_the_older, drain),
    ROW("descriptor_is_no_order", with_descriptor, write_and_send_once, polled_and_read, drain),
    ROW("readiness_is_no_order", one_more, write_and_send_once, be_told, drain),
    {"on_ready_comes_before_its_function", one_more, write_and_ask, send_one, drain, BOTH, ANY, ANY, NULL}
)

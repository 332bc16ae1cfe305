/*
 * channels.c: what sends, receives and closes order. Each function is one party of a rule; `broken` is its twin without the order.
 */
#include "race.h"

static void of(size_t capacity) {
    chan = gort_chan_new(sizeof(int), capacity);
    CHECK(chan != NULL);
}
static void unbuffered(void) { of(0); }
static void of_1(void) { of(1); }
static void of_2(void) { of(2); }

static void send_one(void) {
    int v = 7;
    OK(gort_chan_send(chan, &v));
}
static void receive_one(void) {
    int v = 0;
    OK(gort_chan_recv(chan, &v));
    CHECK(v == 7);
}

/* A send comes before the receive that gets its value. Broken: the write comes after the send. */
static void write_and_send(void) {
    if (!broken) write_data();
    send_one();
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_and_read(void) {
    receive_one();
    if (broken) await(0);
    read_data();
}

/* The same with the forms that do not wait. */
static void write_and_try_send(void) {
    int v = 7;
    if (!broken) write_data();
    while (gort_chan_try_send(chan, &v) == GORT_WOULD_BLOCK) gort_yield();
    if (broken) {
        write_data();
        mark(0);
    }
}
static void try_receive_and_read(void) {
    int v = 0;
    gort_status s;
    while ((s = gort_chan_try_recv(chan, &v)) == GORT_WOULD_BLOCK) gort_yield();
    CHECK(s == GORT_OK && v == 7);
    if (broken) await(0);
    read_data();
}

/* And with those that wait for a time. */
static void write_and_send_until(void) {
    int v = 7;
    if (!broken) write_data();
    OK(gort_chan_send_until(chan, &v, gort_in(GORT_SEC(30)), NULL));
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_until_and_read(void) {
    int v = 0;
    OK(gort_chan_recv_until(chan, &v, gort_in(GORT_SEC(30)), NULL));
    if (broken) await(0);
    read_data();
}

/* The second value of three: FIFO says which send it was. Broken: the write comes between the second send and the third. */
static void write_before_the_second(void) {
    int v;
    OK(gort_chan_send(chan, (v = 1, &v)));
    if (!broken) write_data();
    OK(gort_chan_send(chan, (v = 2, &v)));
    if (broken) write_data();
    mark(0);
    OK(gort_chan_send(chan, (v = 3, &v)));
}
static void read_after_the_second(void) {
    int v = 0;
    for (int i = 1; i <= 2; i++) {
        OK(gort_chan_recv(chan, &v));
        CHECK(v == i);
    }
    if (broken) await(0);
    read_data();
    OK(gort_chan_recv(chan, &v));
}

/* The k-th receive comes before the (k+C)-th send is done: a place is free. Broken: there was a free place anyway. */
static void full_of_2(void) {
    of(broken ? 3 : 2);
    send_one();
    send_one();
}
static void full_of_1(void) {
    of(broken ? 2 : 1);
    send_one();
}
static void write_and_receive(void) {
    write_data();
    receive_one();
    mark(0);
}
static void send_and_read(void) {
    send_one();
    await(0);
    read_data();
}
static void drain_and_give_back(void) {
    int v;
    while (gort_chan_try_recv(chan, &v) == GORT_OK) {}
    give_back();
}

/* The receive that made room is the one that counts: the first of three. Broken: only the second receive came after the write. */
static void receive_twice(void) {
    if (!broken) write_data();
    receive_one();
    mark(1); /* room for one more */
    if (broken) write_data();
    mark(0);
    await(2); /* the send is done before the second receive */
    receive_one();
}
static void send_third_and_read(void) {
    await(1);
    send_one();
    await(0);
    mark(2);
    read_data();
}
static void two_of_two(void) {
    of(2);
    send_one();
    send_one();
}

/* On an unbuffered channel a receive comes before the send returns. Broken: capacity 1, where the send does not wait for it. */
static void rendezvous(void) { of(broken ? 1 : 0); }

/* close comes before what returns CLOSED because of it. Broken: is_closed is a look and orders nothing. */
static void write_and_close(void) {
    write_data();
    OK(gort_chan_close(chan));
}
static void see_closed(void) {
    while (!gort_chan_is_closed(chan)) gort_yield();
}
static void receive_closed(void) {
    int v;
    if (broken) {
        see_closed();
    } else {
        CHECK(gort_chan_recv(chan, &v) == GORT_CLOSED);
    }
    read_data();
}
static void try_receive_closed(void) {
    int v;
    if (broken) {
        see_closed();
    } else {
        gort_status s;
        while ((s = gort_chan_try_recv(chan, &v)) == GORT_WOULD_BLOCK) gort_yield();
        CHECK(s == GORT_CLOSED);
    }
    read_data();
}
static void send_closed(void) {
    int v = 7;
    if (broken) {
        see_closed();
    } else {
        CHECK(gort_chan_send(chan, &v) == GORT_CLOSED);
    }
    read_data();
}
/* Also a value that was in the buffer comes before CLOSED, and CLOSED comes after the close. */
static void send_write_close(void) {
    send_one();
    write_and_close();
}
static void drain_to_closed(void) {
    int v;
    receive_one();
    if (broken) {
        see_closed();
    } else {
        CHECK(gort_chan_recv(chan, &v) == GORT_CLOSED);
    }
    read_data();
}
static void close_twice(void) {
    if (broken) {
        see_closed();
    } else {
        while (!gort_chan_is_closed(chan)) gort_yield();
        CHECK(gort_chan_close(chan) == GORT_CLOSED);
    }
    read_data();
}

/* A receiver that leaves for good comes before a send that says CLOSED. */
static void write_and_abandon(void) {
    write_data();
    OK(gort_receiver_abandon(gort_chan_receiver(chan)));
}

/* What a channel drops was sent before. Broken: it is changed after the send. */
static int in_drop;
__attribute__((noinline)) static void write_element(int *at) { *at = 1; }
__attribute__((noinline)) static void drop_element(void *at) {
    int *p = *(int **)at;
    CHECK(*p == 1);
    free(p);
    in_drop++;
}
static void with_drop(void) {
    gort_chan_options o = GORT_CHAN_OPTIONS_INIT;
    o.elem_size = sizeof(int *);
    o.capacity = 2;
    o.drop = drop_element;
    chan = gort_chan_new_with(&o);
    CHECK(chan != NULL);
    in_drop = 0;
    OK(gort_chan_retain(chan));
}
static void send_pointer(void) {
    int *p = malloc(sizeof *p);
    CHECK(p != NULL);
    *p = 0;
    if (!broken) write_element(p);
    OK(gort_chan_send(chan, &p));
    if (broken) write_element(p);
    OK(gort_chan_release(chan));
    mark(0);
}
static void drop_channel(void) {
    await(0);
    OK(gort_chan_release(chan));
    CHECK(in_drop == 1);
}
static void forget(void) { chan = NULL; }

/* The element itself is read by the send and written by the receive. */
static _Alignas(8) int element;
__attribute__((noinline)) static void write_the_element(void) { element = 7; }
static void send_the_element(void) {
    if (broken) {
        OK(gort_chan_send(chan, &element));
        mark(0);
    } else {
        write_the_element();
        OK(gort_chan_send(chan, &element));
    }
}
static void write_what_is_sent(void) {
    int v;
    if (broken) {
        await(0);
        write_the_element();
    }
    OK(gort_chan_recv(chan, &v));
    if (!broken) write_the_element();
}
static void receive_the_element(void) {
    OK(gort_chan_recv(chan, &element));
    mark(0);
    if (!broken) OK(gort_chan_close(chan));
}
__attribute__((noinline)) static void read_the_element(void) { CHECK(element == 7); }
static void send_and_read_the_element(void) {
    int v = 7;
    OK(gort_chan_send(chan, &v));
    if (broken) {
        await(0);
    } else {
        CHECK(gort_chan_recv(chan, &v) == GORT_CLOSED);
    }
    read_the_element();
}

/* A chain: order goes through a third party that touches nothing of it. Broken: the relay does not wait for the first one. */
static gort_chan *next;
static gort_wg *relays;
static void relay(void *arg) {
    int v = 7;
    (void)arg;
    if (broken) OK(gort_chan_send(next, &v));
    OK(gort_chan_recv(chan, &v));
    if (!broken) OK(gort_chan_send(next, &v));
}
static void chain(void) {
    of_1();
    next = gort_chan_new(sizeof(int), 1);
    CHECK(next != NULL);
    relays = gort_wg_new();
    CHECK(relays != NULL);
    OK(gort_wg_go(relays, relay, NULL));
}
static void write_and_send_to_the_relay(void) {
    write_data();
    send_one();
    mark(0);
}
static void receive_from_the_relay(void) {
    int v;
    OK(gort_chan_recv(next, &v));
    await(0);
    read_data();
}
static void end_chain(void) {
    OK(gort_wg_wait(relays));
    OK(gort_wg_free(relays));
    OK(gort_chan_release(next));
    give_back();
}

/* clang-format off */
RULES(
    RULE("send_comes_before_its_receive", of_1, write_and_send, receive_and_read),
    RULE("send_with_room_comes_before_its_receive", of_2, write_and_send, receive_and_read),
    RULE("unbuffered_send_comes_before_its_receive", unbuffered, write_and_send, receive_and_read),
    RULE("try_send_comes_before_its_try_receive", of_1, write_and_try_send, try_receive_and_read),
    RULE("send_until_comes_before_its_receive_until", of_1, write_and_send_until, receive_until_and_read),
    RULE("unbuffered_send_until_comes_before_its_receive_until", unbuffered, write_and_send_until, receive_until_and_read),
    RULE("second_send_comes_before_the_second_receive", of_1, write_before_the_second, read_after_the_second),
    RULE("second_send_with_room_comes_before_the_second_receive", of_2, write_before_the_second, read_after_the_second),
    ROW("receive_comes_before_the_send_that_needs_its_place", full_of_1, write_and_receive, send_and_read, drain_and_give_back),
    ROW("receive_comes_before_the_send_that_needs_its_place_of_two", full_of_2, write_and_receive, send_and_read, drain_and_give_back),
    ROW("the_receive_that_made_room_counts", two_of_two, receive_twice, send_third_and_read, drain_and_give_back),
    ROW("unbuffered_receive_comes_before_its_send_returns", rendezvous, write_and_receive, send_and_read, give_back),
    RULE("close_comes_before_receive_that_says_closed", of_1, write_and_close, receive_closed),
    RULE("close_comes_before_try_receive_that_says_closed", unbuffered, write_and_close, try_receive_closed),
    RULE("close_comes_before_send_that_says_closed", unbuffered, write_and_close, send_closed),
    RULE("close_comes_before_closed_after_the_last_value", of_2, send_write_close, drain_to_closed),
    RULE("close_comes_before_close_that_says_closed", of_1, write_and_close, close_twice),
    RULE("abandon_comes_before_send_that_says_closed", unbuffered, write_and_abandon, send_closed),
    ROW("order_goes_through_a_relay", chain, write_and_send_to_the_relay, receive_from_the_relay, end_chain),
    {"send_comes_before_the_drop_of_its_element", with_drop, send_pointer, drop_channel, forget, BOTH, ANY, ANY, "write_element drop_element"},
    {"element_is_read_by_its_send", unbuffered, send_the_element, write_what_is_sent, give_back, RIGHT, ANY, ANY, NULL},
    {"element_is_read_by_its_send_to_a_buffer", of_1, send_the_element, write_what_is_sent, give_back, BOTH, ANY, ANY, "race.rs write_the_element"},
    {"element_is_written_by_its_receive", unbuffered, receive_the_element, send_and_read_the_element, give_back, BOTH, ANY, ANY, "race.rs read_the_element"}
)

/*
 * select.c: what a select and a selector order: what the operation of the case that went ahead would order by itself, and nothing else.
 *
 * `ways` are the calls under test, each used as a plain receive or a plain send on `chan`; beside it stand channels on which nothing
 * ever happens. A rule is a way, and a peer that uses the plain call.
 */
#include "race.h"

#define MOST_IDLE 5
static gort_chan *idle[MOST_IDLE];

static void of(size_t capacity) {
    chan = gort_chan_new(sizeof(int), capacity);
    CHECK(chan != NULL);
    for (int i = 0; i < MOST_IDLE; i++) CHECK((idle[i] = gort_chan_new(sizeof(int), 0)) != NULL);
}
static void unbuffered(void) { of(0); }
static void of_1(void) { of(1); }
static void end(void) {
    int v;
    while (gort_chan_try_recv(chan, &v) == GORT_OK) {}
    for (int i = 0; i < MOST_IDLE; i++) OK(gort_chan_release(idle[i]));
    give_back();
}

/* ---- ways: each ends with the status of the case of `chan` */

enum { RECV, SEND };

/* The case of `chan` stands between cases that are never ready; of these, `n` there are. */
static size_t cases_of(gort_case *cases, int op, int *at, size_t n, int *unused) {
    for (size_t i = 0; i < n; i++) cases[i] = gort_case_recv(idle[i], unused);
    cases[n] = op == RECV ? gort_case_recv(chan, at) : gort_case_send(chan, at);
    return n + 1;
}
static gort_status by_select(int op, int *at) {
    int unused;
    gort_case cases[2];
    size_t n = cases_of(cases, op, at, 1, &unused);
    CHECK(gort_select(cases, n) == 1);
    return cases[1].status;
}
static gort_status by_select_of_6(int op, int *at) {
    int unused;
    gort_case cases[6];
    size_t n = cases_of(cases, op, at, 5, &unused);
    CHECK(gort_select_biased(cases, n) == 5);
    return cases[5].status;
}
static gort_status by_try_select(int op, int *at) {
    int unused;
    gort_case cases[2];
    size_t n = cases_of(cases, op, at, 1, &unused);
    while (gort_try_select(cases, n) == GORT_WOULD_BLOCK) gort_yield();
    return cases[1].status;
}
static gort_status by_select_until(int op, int *at) {
    int unused;
    gort_case cases[3];
    size_t n = cases_of(cases, op, at, 1, &unused);
    cases[n++] = gort_case_after(GORT_SEC(30));
    CHECK(gort_select_until(cases, n, gort_in(GORT_SEC(60)), NULL) == 1);
    return cases[1].status;
}
static gort_status by_selector_with(int op, int *at, int32_t (*wait)(gort_selector *, gort_status *)) {
    int unused;
    gort_status status = GORT_OK;
    gort_selector *s = gort_selector_new();
    CHECK(s != NULL);
    CHECK(gort_selector_add(s, gort_case_recv(idle[0], &unused)) == 0);
    CHECK(gort_selector_add(s, op == RECV ? gort_case_recv(chan, at) : gort_case_send(chan, at)) == 1);
    CHECK(wait(s, &status) == 1);
    OK(gort_selector_free(s));
    return status;
}
static int32_t until(gort_selector *s, gort_status *status) {
    return gort_selector_wait_until(s, status, gort_in(GORT_SEC(60)), NULL);
}
static int32_t again_and_again(gort_selector *s, gort_status *status) {
    int32_t i;
    while ((i = gort_selector_try_wait(s, status)) == GORT_WOULD_BLOCK) gort_yield();
    return i;
}
static gort_status by_selector(int op, int *at) { return by_selector_with(op, at, gort_selector_wait); }
static gort_status by_selector_until(int op, int *at) { return by_selector_with(op, at, until); }
static gort_status by_selector_try(int op, int *at) { return by_selector_with(op, at, again_and_again); }

/* ---- the rules, for each way */

static void send_one(void) {
    int v = 7;
    OK(gort_chan_send(chan, &v));
}
static void receive_one(void) {
    int v = 0;
    OK(gort_chan_recv(chan, &v));
    CHECK(v == 7);
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
    receive_one();
    if (broken) await(0);
    read_data();
}
static void full_of_1(void) {
    of(broken ? 2 : 1);
    send_one();
}
static void rendezvous(void) { of(broken ? 1 : 0); }
static void write_and_receive(void) {
    write_data();
    receive_one();
    mark(0);
}
static void write_and_close(void) {
    write_data();
    OK(gort_chan_close(chan));
}
static void see_closed(void) {
    while (!gort_chan_is_closed(chan)) gort_yield();
}

static void write_and_send_by(gort_status (*way)(int, int *)) {
    int v = 7;
    if (!broken) write_data();
    OK(way(SEND, &v));
    if (broken) {
        write_data();
        mark(0);
    }
}
static void receive_and_read_by(gort_status (*way)(int, int *)) {
    int v = 0;
    OK(way(RECV, &v));
    CHECK(v == 7);
    if (broken) await(0);
    read_data();
}
static void write_and_receive_by(gort_status (*way)(int, int *)) {
    int v = 0;
    write_data();
    OK(way(RECV, &v));
    mark(0);
}
static void send_and_read_by(gort_status (*way)(int, int *)) {
    int v = 7;
    OK(way(SEND, &v));
    await(0);
    read_data();
}
static void send_and_read(void) {
    send_one();
    await(0);
    read_data();
}
static void closed_by(int op, gort_status (*way)(int, int *)) {
    int v = 7;
    if (broken) {
        see_closed();
    } else {
        CHECK(way(op, &v) == GORT_CLOSED);
    }
    read_data();
}

#define WAY(way)                                                                   \
    static void send_##way(void) { write_and_send_by(by_##way); }                  \
    static void recv_##way(void) { receive_and_read_by(by_##way); }                \
    static void make_room_##way(void) { write_and_receive_by(by_##way); }          \
    static void wait_for_room_##way(void) { send_and_read_by(by_##way); }          \
    static void closed_recv_##way(void) { closed_by(RECV, by_##way); }             \
    static void closed_send_##way(void) {                                          \
        if (broken) {                                                              \
            see_closed();                                                          \
            read_data();                                                           \
        } else {                                                                   \
            closed_by(SEND, by_##way);                                             \
        }                                                                          \
    }
WAY(select)
WAY(select_of_6)
WAY(try_select)
WAY(select_until)
WAY(selector)
WAY(selector_until)
WAY(selector_try)

/* ---- two selects that meet */

static void two_selects_send(void) { write_and_send_by(by_select); }
static void two_selects_recv(void) { receive_and_read_by(by_selector); }

/* ---- the element of a receive case is written by the select, when it has won and not before */

static _Alignas(8) int element;
__attribute__((noinline)) static void read_the_element(void) { CHECK(element == 7); }
static void receive_the_element(gort_status (*way)(int, int *)) {
    OK(way(RECV, &element));
    mark(0);
    if (!broken) OK(gort_chan_close(chan));
}
static void element_of_select(void) { receive_the_element(by_select); }
static void element_of_selector(void) { receive_the_element(by_selector); }
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

/* The channel of the case that won is gone, and its place another channel's, when the select goes on. */
static gort_chan *gone;
static int64_t room[2];
static void one_that_goes(void) {
    of_1();
    gone = gort_chan_new(sizeof(int64_t), 0);
    CHECK(gone != NULL);
    OK(gort_chan_retain(gone));
}
static void send_and_let_go(void) {
    int64_t v = 7;
    OK(gort_chan_send(gone, &v));
    OK(gort_chan_release(gone));
    OK(gort_chan_release(gone));
    gort_chan *other = gort_chan_new(16, 0);
    CHECK(other != NULL);
    room[1] = 1; /* not of the element */
    OK(gort_chan_release(other));
}
static void select_the_one_that_goes(void) {
    int v;
    gort_case cases[] = {gort_case_recv(gone, &room[0]), gort_case_recv(idle[0], &v)};
    CHECK(gort_select(cases, 2) == 0 && room[0] == 7);
}

/* ---- what orders nothing */

static void with_another(void) {
    of_1();
    OK(gort_chan_release(idle[0]));
    CHECK((idle[0] = gort_chan_new(sizeof(int), 1)) != NULL);
}
static void write_and_send_mark(void) {
    write_data();
    send_one();
    mark(0);
}
/* Both are ready, and the other one is taken. */
static void fill_the_other(void) {
    int v = 7;
    OK(gort_chan_send(idle[0], &v));
    await(0);
}
static void take_the_other(void) {
    int a, b;
    gort_case cases[] = {gort_case_recv(idle[0], &a), gort_case_recv(chan, &b)};
    fill_the_other();
    CHECK(gort_select_biased(cases, 2) == 0);
    read_data();
}
/* What lost, while the select waited. */
static void write_and_be_late(void) {
    int v = 7;
    await(2);
    write_data();
    OK(gort_chan_send(chan, &v));
    mark(0);
}
static void tell_a_waiting(void *arg) {
    int v = 7;
    (void)arg;
    OK(gort_sleep(GORT_US(100)));
    OK(gort_chan_send(idle[0], &v));
    mark(2);
}
static void wait_for_the_other(void) {
    int a, b;
    gort_case cases[] = {gort_case_recv(idle[0], &a), gort_case_recv(chan, &b)};
    OK(gort_wg_go(wg, tell_a_waiting, NULL));
    CHECK(gort_select_biased(cases, 2) == 0);
    await(0);
    read_data();
    OK(gort_wg_wait(wg));
}
static void with_another_and_a_group(void) {
    with_another();
    CHECK((wg = gort_wg_new()) != NULL);
}
static void not_yet(void) {
    int v;
    gort_case cases[] = {gort_case_recv(idle[1], &v), gort_case_recv(idle[2], &v)};
    await(0);
    CHECK(gort_try_select(cases, 2) == GORT_WOULD_BLOCK);
    read_data();
}
static void some_time(void) {
    int v;
    gort_case cases[] = {gort_case_recv(idle[1], &v), gort_case_after(GORT_US(50))};
    await(0);
    CHECK(gort_select(cases, 2) == 1);
    read_data();
}
static void too_late(void) {
    int v;
    gort_case cases[] = {gort_case_recv(idle[1], &v), gort_case_recv(idle[2], &v)};
    await(0);
    CHECK(gort_select_until(cases, 2, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    read_data();
}
static void looked_in_vain(void) {
    int v;
    gort_case cases[] = {gort_case_recv(idle[1], &v), gort_case_recv(idle[2], &v)};
    write_data();
    CHECK(gort_try_select(cases, 2) == GORT_WOULD_BLOCK);
    CHECK(gort_select_until(cases, 2, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    mark(0);
}
static void selector_in_vain(int (*also)(void)) {
    int v;
    gort_status status;
    gort_selector *s = gort_selector_new();
    CHECK(s != NULL);
    CHECK(gort_selector_add(s, gort_case_recv(idle[1], &v)) == 0);
    CHECK(gort_selector_try_wait(s, &status) == GORT_WOULD_BLOCK);
    CHECK(gort_selector_wait_until(s, &status, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    CHECK(also() == 0);
    OK(gort_selector_free(s));
}
static int and_read(void) { return read_data(), 0; }
static int and_mark(void) { return mark(0), 0; }
static void wrote_and_waited(void) {
    write_data();
    selector_in_vain(and_mark);
}
static void wait_and_read(void) {
    await(0);
    selector_in_vain(and_read);
}
/* A selector's case that another channel's event did not touch. */
static void selector_takes_the_other(void) {
    int a, b;
    gort_status status;
    gort_selector *s = gort_selector_new();
    CHECK(s != NULL);
    fill_the_other();
    CHECK(gort_selector_add(s, gort_case_recv(idle[0], &a)) == 0);
    CHECK(gort_selector_add(s, gort_case_recv(chan, &b)) == 1);
    CHECK(gort_selector_wait(s, &status) == 0);
    read_data();
    OK(gort_selector_free(s));
}

/* clang-format off */
#define SENDS(way) ROW(#way "_send_comes_before_its_receive", of_1, send_##way, receive_and_read, end), \
    ROW("unbuffered_" #way "_send_comes_before_its_receive", unbuffered, send_##way, receive_and_read, end), \
    ROW("receive_comes_before_the_" #way "_send_that_needs_its_place", full_of_1, write_and_receive, wait_for_room_##way, end), \
    ROW("close_comes_before_" #way "_send_that_says_closed", unbuffered, write_and_close, closed_send_##way, end)
#define RECEIVES(way) ROW("send_comes_before_its_" #way "_receive", of_1, write_and_send, recv_##way, end), \
    ROW("unbuffered_send_comes_before_its_" #way "_receive", unbuffered, write_and_send, recv_##way, end), \
    ROW(#way "_receive_comes_before_the_send_that_needs_its_place", full_of_1, make_room_##way, send_and_read, end), \
    ROW("unbuffered_" #way "_receive_comes_before_its_send_returns", rendezvous, make_room_##way, send_and_read, end), \
    ROW("close_comes_before_" #way "_receive_that_says_closed", of_1, write_and_close, closed_recv_##way, end)
#define NO_ORDER(name, make, first, second, end) {name, make, first, second, end, BROKEN, ANY, ANY, NULL}
RULES(
    SENDS(select), RECEIVES(select),
    SENDS(select_of_6), RECEIVES(select_of_6),
    SENDS(try_select), RECEIVES(try_select),
    SENDS(select_until), RECEIVES(select_until),
    SENDS(selector), RECEIVES(selector),
    SENDS(selector_until), RECEIVES(selector_until),
    SENDS(selector_try), RECEIVES(selector_try),
    ROW("select_send_comes_before_a_selector_receive", unbuffered, two_selects_send, two_selects_recv, end),
    {"element_is_written_by_its_select", unbuffered, element_of_select, send_and_read_the_element, end, BOTH, ANY, ANY, "race.rs read_the_element"},
    {"element_is_written_by_its_selector", unbuffered, element_of_selector, send_and_read_the_element, end, BOTH, ANY, ANY, "race.rs read_the_element"},
    {"nothing_else_is_written_by_a_select_whose_channel_is_gone", one_that_goes, send_and_let_go, select_the_one_that_goes, end, RIGHT, ANY, ANY, NULL},
    NO_ORDER("case_that_was_not_chosen_is_no_order", with_another, write_and_send_mark, take_the_other, end),
    NO_ORDER("case_that_lost_is_no_order", with_another_and_a_group, write_and_be_late, wait_for_the_other, end),
    NO_ORDER("case_of_a_selector_that_was_not_chosen_is_no_order", with_another, write_and_send_mark, selector_takes_the_other, end),
    NO_ORDER("select_in_vain_is_no_order", unbuffered, looked_in_vain, not_yet, end),
    NO_ORDER("select_of_a_time_is_no_order", unbuffered, looked_in_vain, some_time, end),
    NO_ORDER("select_too_late_is_no_order", unbuffered, looked_in_vain, too_late, end),
    NO_ORDER("selector_in_vain_is_no_order", unbuffered, wrote_and_waited, wait_and_read, end)
)

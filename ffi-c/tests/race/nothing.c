/*
 * nothing.c: what orders nothing, so that a program which relies on it is reported, on one worker too; and what is no race though it looks like one.
 *
 * The first party writes the variable and does something to gort; the second sees that it has happened, by something that is no order, and reads.
 */
#include "race.h"

static void of(size_t capacity) {
    chan = gort_chan_new(sizeof(int), capacity);
    CHECK(chan != NULL);
}
static void of_2(void) { of(2); }
static void of_4(void) { of(4); }
static void send_one(void) {
    int v = 7;
    OK(gort_chan_send(chan, &v));
}
static void receive_one(void) {
    int v = 0;
    OK(gort_chan_recv(chan, &v));
}
static void with_two(void) {
    of(4);
    send_one();
    send_one();
}
static void drain(void) {
    int v;
    while (gort_chan_try_recv(chan, &v) == GORT_OK) {}
    give_back();
}

static void just_write(void) {
    write_data();
    mark(0);
}
static void just_read(void) {
    await(0);
    read_data();
}
static void write_and_yield(void) {
    write_data();
    gort_yield();
    mark(0);
}
static void yield_and_read(void) {
    await(0);
    gort_yield();
    read_data();
}
static void write_and_sleep(void) {
    write_data();
    OK(gort_sleep(GORT_US(50)));
    mark(0);
}
static void sleep_and_read(void) {
    await(0);
    OK(gort_sleep(GORT_MS(1)));
    read_data();
}
static void leave_and_return(void *arg) { (void)arg; }
static void write_and_block(void) {
    write_data();
    OK(gort_blocking(leave_and_return, NULL));
    mark(0);
}
static void block_and_read(void) {
    await(0);
    OK(gort_blocking(leave_and_return, NULL));
    read_data();
}

/* ---- looks at a channel */

static void write_and_send(void) {
    write_data();
    send_one();
}
static void look_at_len(void) {
    while (gort_chan_len(chan) == 0) gort_yield();
    read_data();
}
static void look_at_cap(void) {
    await(0);
    CHECK(gort_chan_cap(chan) == 2);
    read_data();
}
static void write_and_look_at_cap(void) {
    write_data();
    CHECK(gort_chan_cap(chan) == 2);
    mark(0);
}
static void write_and_close(void) {
    write_data();
    OK(gort_chan_close(chan));
}
static void look_at_is_closed(void) {
    while (!gort_chan_is_closed(chan)) gort_yield();
    read_data();
}
static void write_and_try_in_vain(void) {
    int v;
    write_data();
    CHECK(gort_chan_try_recv(chan, &v) == GORT_WOULD_BLOCK);
    mark(0);
}
static void try_in_vain_and_read(void) {
    int v;
    await(0);
    CHECK(gort_chan_try_recv(chan, &v) == GORT_WOULD_BLOCK);
    read_data();
}
static void write_and_wait_in_vain(void) {
    int v;
    write_data();
    CHECK(gort_chan_recv_until(chan, &v, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    mark(0);
}
static void wait_in_vain_and_read(void) {
    int v;
    await(0);
    CHECK(gort_chan_recv_until(chan, &v, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    read_data();
}

/* ---- operations of one channel that are no pair */

static void write_send_mark(void) {
    write_and_send();
    mark(0);
}
static void send_and_read(void) {
    await(0);
    send_one();
    read_data();
}
static void write_receive_mark(void) {
    write_data();
    receive_one();
    mark(0);
}
static void receive_and_read(void) {
    await(0);
    receive_one();
    read_data();
}
static void close_and_mark(void) {
    write_and_close();
    mark(0);
}
/* A send with room does not come after earlier receives; and the receive of an earlier value not after a later send. */
static void receive_the_older(void) {
    await(0);
    receive_one();
    read_data();
}
static void with_one(void) {
    of(4);
    send_one();
}

/* ---- groups, joins */

static void group_of_3(void) {
    wg = gort_wg_new();
    CHECK(wg != NULL);
    OK(gort_wg_add(wg, 3));
}
static void write_and_done(void) {
    write_data();
    OK(gort_wg_done(wg));
    mark(0);
}
static void done_and_read(void) {
    await(0);
    OK(gort_wg_done(wg));
    read_data();
}
static void try_wait_in_vain(void) {
    await(0);
    CHECK(gort_wg_try_wait(wg) == GORT_WOULD_BLOCK);
    CHECK(gort_wg_wait_until(wg, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    read_data();
    OK(gort_wg_done(wg));
}
static void last_done(void) {
    OK(gort_wg_done(wg));
    give_back();
}
static void write_and_add(void) {
    write_data();
    OK(gort_wg_add(wg, 1));
    mark(0);
}
static void wait_for_nothing(void) {
    await(0);
    OK(gort_wg_add(wg, -1));
    OK(gort_wg_wait(wg));
    read_data();
}
static void empty_group(void) {
    wg = gort_wg_new();
    CHECK(wg != NULL);
}
static void write_and_wait(void) {
    write_data();
    OK(gort_wg_wait(wg));
    mark(0);
}
static void wait_and_read(void) {
    await(0);
    OK(gort_wg_wait(wg));
    read_data();
}

/* Groups of strangers, one of which stands in the place of one that is gone. */
static void write_and_wait_for_a_group(void) {
    OK(gort_wg_add(wg, 1));
    write_data();
    OK(gort_wg_done(wg));
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    mark(0);
}
static void wait_for_many_groups(void) {
    await(0);
    for (int i = 0; i < 5000; i++) {
        gort_wg *g = gort_wg_new();
        CHECK(g != NULL);
        OK(gort_wg_wait(g));
        OK(gort_wg_free(g));
    }
    read_data();
}

static gort_task *child;
static void *write_and_stay(void *arg) {
    write_data();
    mark(0);
    await(1);
    return arg;
}
static void spawn_child(void) { OK(gort_spawn(NULL, write_and_stay, NULL, &child)); }
static void nothing(void) {}
static void join_in_vain(void) {
    await(0);
    CHECK(gort_task_try_join(child, NULL) == GORT_WOULD_BLOCK);
    CHECK(gort_task_join_until(child, NULL, gort_in(GORT_US(50)), NULL) == GORT_TIMED_OUT);
    read_data();
    mark(1);
}
static void release_child(void) {
    OK(gort_task_join(child, NULL));
    OK(gort_task_release(child));
}

static void write_and_count(void) {
    gort_metrics_t m = GORT_METRICS_INIT;
    write_data();
    OK(gort_metrics(&m));
    mark(0);
}
static void count_and_read(void) {
    gort_metrics_t m = GORT_METRICS_INIT;
    await(0);
    OK(gort_metrics(&m));
    read_data();
}

/* ---- no races: what belongs to the thread, or to gort */

static __thread int of_the_thread;
/* Out of line: a compiler keeps the address of errno over a call that moves the task. */
__attribute__((noinline)) static void use_it_once(void) {
    int before = of_the_thread;
    of_the_thread = before + 1;
    errno = 0;
    CHECK(strtol("99999999999999999999", NULL, 10) > 0 && errno == ERANGE);
}
static void use_the_thread(void) {
    for (int i = 0; i < 10; i++) {
        use_it_once();
        gort_yield();
    }
}

/* Named, failing with a detail, dumped: all of it is memory of gort's that several parties touch. */
static void *fail_with_detail(void *arg) {
    CHECK(gort_chan_close(NULL) == GORT_INVALID);
    CHECK(gort_last_error()[0] != 0);
    return arg;
}
static void be_named_and_fail(void) {
    gort_spawn_options o = GORT_SPAWN_OPTIONS_INIT;
    gort_task *t;
    o.name = "a name of its own";
    OK(gort_spawn(&o, fail_with_detail, NULL, &t));
    fail_with_detail(NULL);
    CHECK(strcmp(gort_task_name(t), o.name) == 0);
    OK(gort_task_join(t, NULL));
    OK(gort_task_release(t));
}
static void dump(void) {
    FILE *f = tmpfile();
    CHECK(f != NULL);
    for (int i = 0; i < 5; i++) {
        OK(gort_dump(f));
        gort_yield();
    }
    fclose(f);
}

/* Channels, groups and tasks made by one party and given back by another, the places used again at once. */
static void make_and_hand_over(void) {
    for (int i = 0; i < 10; i++) {
        gort_chan *c = gort_chan_new(8, 4);
        CHECK(c != NULL);
        OK(gort_chan_send(chan, &c));
    }
}
static void give_back_what_comes(void) {
    for (int i = 0; i < 10; i++) {
        gort_chan *c;
        int64_t v = i;
        OK(gort_chan_recv(chan, &c));
        OK(gort_chan_send(c, &v));
        OK(gort_chan_release(c));
    }
}
static void of_pointers(void) {
    chan = gort_chan_new(sizeof(gort_chan *), 2);
    CHECK(chan != NULL);
}

/* clang-format off */
#define NO_ORDER(name, make, first, second, end) {name, make, first, second, end, BROKEN, ANY, ANY, NULL}
#define NO_RACE(name, make, first, second, end) {name, make, first, second, end, RIGHT, ANY, ANY, NULL}
RULES(
    NO_ORDER("time_is_no_order", NULL, just_write, just_read, NULL),
    NO_ORDER("yield_is_no_order", NULL, write_and_yield, yield_and_read, NULL),
    NO_ORDER("sleep_is_no_order", NULL, write_and_sleep, sleep_and_read, NULL),
    NO_ORDER("blocking_is_no_order", NULL, write_and_block, block_and_read, NULL),
    NO_ORDER("metrics_are_no_order", NULL, write_and_count, count_and_read, NULL),
    NO_ORDER("len_is_no_order", of_2, write_and_send, look_at_len, drain),
    NO_ORDER("cap_is_no_order", of_2, write_and_look_at_cap, look_at_cap, give_back),
    NO_ORDER("is_closed_is_no_order", of_2, write_and_close, look_at_is_closed, give_back),
    NO_ORDER("try_in_vain_is_no_order", of_2, write_and_try_in_vain, try_in_vain_and_read, give_back),
    NO_ORDER("time_out_is_no_order", of_2, write_and_wait_in_vain, wait_in_vain_and_read, give_back),
    NO_ORDER("two_sends_are_no_order", of_4, write_send_mark, send_and_read, drain),
    NO_ORDER("two_receives_are_no_order", with_two, write_receive_mark, receive_and_read, drain),
    NO_ORDER("send_with_room_is_not_after_a_receive", with_two, write_receive_mark, send_and_read, drain),
    NO_ORDER("receive_is_not_after_a_later_send", with_one, write_send_mark, receive_the_older, drain),
    NO_ORDER("receive_of_a_value_is_not_after_the_close", with_one, close_and_mark, receive_the_older, drain),
    NO_ORDER("two_dones_are_no_order", group_of_3, write_and_done, done_and_read, last_done),
    NO_ORDER("wait_in_vain_is_no_order", group_of_3, write_and_done, try_wait_in_vain, last_done),
    NO_ORDER("add_is_no_order", empty_group, write_and_add, wait_for_nothing, give_back),
    NO_ORDER("two_waits_are_no_order", empty_group, write_and_wait, wait_and_read, give_back),
    NO_ORDER("group_in_the_same_place_is_no_order", empty_group, write_and_wait_for_a_group, wait_for_many_groups, NULL),
    {"join_in_vain_is_no_order", spawn_child, nothing, join_in_vain, release_child, BROKEN, TASK, ANY, NULL},
    NO_RACE("thread_local_memory_of_a_worker_is_no_race", NULL, use_the_thread, use_the_thread, NULL),
    NO_RACE("names_and_errors_are_no_race", NULL, be_named_and_fail, dump, NULL),
    NO_RACE("places_used_again_are_no_race", of_pointers, make_and_hand_over, give_back_what_comes, give_back)
)

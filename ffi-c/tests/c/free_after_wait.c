/*
 * free_after_wait.c: an object may be freed as soon as the wait on it has returned, also while the call that ended the wait
 * is still on its way out in another task or thread (the last access to an object precedes the wake-up it causes).
 *
 * Thousands of rounds of: wait, free, make the next one at once, so that the slot is used again under a late access. The
 * argument of each task is on the heap and freed in the same way. What it is NOT: a proof by itself. Under ASan it sees the
 * heap of this program; gort's own memory only if the library was built with it too.
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

enum { ROUNDS = 4000 };

typedef struct {
    gort_wg *wg;
    ints *chan;
    int seen;
} round_of;

static round_of *new_round(void) {
    round_of *r = (round_of *)calloc(1, sizeof *r);
    r->wg = gort_wg_new();
    r->chan = ints_new(0);
    return r;
}

static void end_round(round_of *r) {
    EXPECT_OK(gort_wg_free(r->wg));
    EXPECT_OK(ints_release(r->chan));
    free(r);
}

static void say_done(void *arg) {
    round_of *r = (round_of *)arg;
    gort_wg *wg = r->wg;
    r->seen = 1;
    EXPECT_OK(gort_wg_done(wg)); /* r and wg may be gone from here on */
}

static int wait_group_main(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        round_of *r = new_round();
        EXPECT_OK(gort_wg_add(r->wg, 1));
        EXPECT_OK(gort_go(say_done, r));
        EXPECT_OK(gort_wg_wait(r->wg));
        EXPECT(r->seen == 1);
        end_round(r);
    }
    return 0;
}

static int wg_go_main(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        gort_wg *wg = gort_wg_new();
        int *seen = (int *)calloc(4, sizeof *seen);
        EXPECT_OK(gort_wg_go(wg, free, seen)); /* the task's last act; then the group's count goes down */
        EXPECT_OK(gort_wg_wait(wg));
        EXPECT_OK(gort_wg_free(wg));
    }
    return 0;
}

static void send_once(void *arg) {
    round_of *r = (round_of *)arg;
    ints *c = r->chan;
    r->seen = 1;
    EXPECT_OK(ints_send(c, 9)); /* likewise */
}

static void receive_once(void *arg) {
    round_of *r = (round_of *)arg;
    ints *c = r->chan;
    int value = 0;
    r->seen = 1;
    EXPECT_OK(ints_recv(c, &value)); /* likewise */
}

static void close_it(void *arg) {
    round_of *r = (round_of *)arg;
    ints *c = r->chan;
    r->seen = 1;
    EXPECT_OK(ints_close(c));
}

static int channel_main(void *arg) {
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        round_of *r = new_round();
        int value = 0;
        switch (i % 3) {
        case 0:
            EXPECT_OK(gort_go(send_once, r));
            EXPECT_OK(ints_recv(r->chan, &value));
            EXPECT(value == 9);
            break;
        case 1:
            EXPECT_OK(gort_go(close_it, r));
            EXPECT_IS(ints_recv(r->chan, &value), GORT_CLOSED);
            break;
        default:
            EXPECT_OK(gort_go(receive_once, r));
            EXPECT_OK(ints_send(r->chan, 9));
        }
        EXPECT(r->seen == 1);
        end_round(r);
    }
    return 0;
}

static void *give_argument(void *arg) {
    return arg;
}

static int task_main(void *arg) {
    for (int i = 0; i < ROUNDS; i++) {
        gort_task *task = NULL;
        void *result = NULL;
        EXPECT_OK(gort_spawn(NULL, give_argument, arg, &task));
        EXPECT_OK(gort_task_join(task, &result));
        EXPECT_OK(gort_task_release(task));
        EXPECT(result == arg);
    }
    return 0;
}

static void wait_group_after_done(void) {
    in_run(wait_group_main, NULL);
}

static void wait_group_after_done_waited_for_by_a_thread(void) {
    wait_group_main(NULL);
}

static void wait_group_after_the_end_of_its_task(void) {
    in_run(wg_go_main, NULL);
}

static void wait_group_after_the_end_of_its_task_waited_for_by_a_thread(void) {
    wg_go_main(NULL);
}

static void unbuffered_channel(void) {
    in_run(channel_main, NULL);
}

static void unbuffered_channel_waited_for_by_a_thread(void) {
    channel_main(NULL);
}

static void task_after_join(void) {
    int place;
    in_run(task_main, &place);
}

static void task_after_join_by_a_thread(void) {
    int place;
    task_main(&place);
}

TESTS(CASE(wait_group_after_done), CASE(wait_group_after_done_waited_for_by_a_thread),
      CASE(wait_group_after_the_end_of_its_task), CASE(wait_group_after_the_end_of_its_task_waited_for_by_a_thread),
      CASE(unbuffered_channel), CASE(unbuffered_channel_waited_for_by_a_thread), CASE(task_after_join),
      CASE(task_after_join_by_a_thread))

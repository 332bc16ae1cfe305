/* idle_timeout: a loop that ends when nothing has come for a while.
 *
 * 1. One timer for the whole loop, set anew with each event.
 * 2. The same as a ready-made piece, which is touched and calls back.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

/* Five events, and then silence. */
static void source(void *arg) {
    ints *events = arg;
    for (int n = 1; n <= 5; n++) {
        OK(gort_sleep(GORT_MS(1)));
        OK(ints_send(events, n));
    }
}

static void by_hand(ints *events) {
    int event, seen = 0;
    int64_t due;
    gort_timer *idle = gort_timer_new(GORT_MS(100));
    CHECK(idle);
    OK(gort_go(source, events));
    gort_case cases[] = {ints_case_recv(events, &event), gort_case_timer(idle, &due)};
    while (gort_select(cases, 2) == 0) {
        seen++;
        OK(gort_timer_reset(idle, GORT_MS(100), NULL));
    }
    OK(gort_timer_free(idle));
    printf("by hand: %d events, then idle\n", seen);
}

static void tell(void *arg) { OK(ints_send(arg, 0)); }

static void with_the_piece(ints *events) {
    int event, nothing, seen = 0;
    ints *told = ints_new(1);
    gort_idle *idle = gort_idle_new(GORT_MS(100), tell, told);
    CHECK(told && idle);
    OK(gort_go(source, events));
    gort_case cases[] = {ints_case_recv(events, &event), ints_case_recv(told, &nothing)};
    while (gort_select(cases, 2) == 0) {
        seen++;
        OK(gort_idle_touch(idle));
    }
    OK(gort_idle_free(idle));
    ints_release(told);
    printf("with the piece: %d events, then idle\n", seen);
}

static int app(void *arg) {
    (void)arg;
    ints *events = ints_new(0);
    CHECK(events);
    by_hand(events);
    with_the_piece(events);
    ints_release(events);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go the loop is the same. What it must not have any more is the line that drains the channel after Stop: see
 * timer_stop_reset. gort_idle has no counterpart there; a touch costs a look at the clock, since it does not move the timer. */

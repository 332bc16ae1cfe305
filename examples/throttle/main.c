/* throttle: at most one run in each interval, however often it is called.
 *
 * 1. By hand: the time of the next run that is allowed, under a channel of one as a mutex.
 * 2. With the ready-made piece: calls that come too early are dropped.
 * 3. The trailing form: they lead to one more run at the end of the interval.
 */
#include "../story.h"

#define HOUR GORT_SEC(3600)

GORT_CHAN_DEFINE(int64_t, times);

static void by_hand(void) {
    int ran = 0;
    times *next = times_new(1);
    CHECK(next);
    OK(times_send(next, 0)); /* the next run may be now */
    for (int i = 0; i < 10; i++) {
        int64_t allowed;
        OK(times_recv(next, &allowed)); /* nobody else has it now */
        bool runs = gort_now() >= allowed;
        ran += runs;
        OK(times_send(next, runs ? gort_in(HOUR) : allowed));
    }
    times_release(next);
    printf("by hand: 10 calls, %d run\n", ran);
}

static void count(void *arg) { __atomic_add_fetch((int *)arg, 1, __ATOMIC_SEQ_CST); }

static void with_the_piece(void) {
    int n = 0, ran = 0;
    gort_throttle *t = gort_throttle_new(HOUR, false, count, &n);
    CHECK(t);
    for (int i = 0; i < 10; i++) {
        bool did;
        OK(gort_throttle_call(t, &did));
        ran += did;
    }
    CHECK(ran == n);
    OK(gort_throttle_free(t));
    printf("with the piece: 10 calls, %d run\n", ran);
}

static int late; /* of the trailing runs, which may outlive a frame */

static void trailing(void) {
    gort_throttle *t = gort_throttle_new(GORT_MS(50), true, count, &late);
    CHECK(t);
    for (int i = 0; i < 10; i++) OK(gort_throttle_call(t, NULL));
    while (__atomic_load_n(&late, __ATOMIC_SEQ_CST) < 2) OK(gort_sleep(GORT_MS(1)));
    OK(gort_throttle_free(t));
    printf("trailing: the first at once, and one more when the interval is over\n");
}

static int app(void *arg) {
    (void)arg;
    by_hand();
    with_the_piece();
    trailing();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go's library has no throttle; x/time/rate's Sometimes{Interval: d} is the leading form. */

/* poller: look again and again until it is so.
 *
 * 1. By hand: a ticker, and a deadline for the whole.
 * 2. With the ready-made piece: it looks at once, and then each interval.
 * 3. It never becomes so: the deadline ends it. And it is cancelled.
 */
#include "../story.h"

/* Ready at the fourth look. */
static int is_open(void *arg) { return ++*(int *)arg >= 4; }

static void by_hand(void) {
    int looks = 0;
    int64_t due, end = gort_in(GORT_SEC(60));
    gort_ticker *ticker = gort_ticker_new(GORT_MS(1));
    CHECK(ticker);
    while (!is_open(&looks)) OK(gort_ticker_recv_until(ticker, &due, end, NULL));
    OK(gort_ticker_free(ticker));
    printf("by hand: open after %d looks\n", looks);
}

static int never(void *arg) {
    if (arg) __atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
    return 0;
}

static void *wait_for_ever(void *arg) {
    printf("cancelled: %s\n", gort_status_name(gort_poll_until(GORT_MS(1), never, arg, GORT_NEVER, NULL)));
    return NULL;
}

static int app(void *arg) {
    (void)arg;
    int looks = 0, looked = 0;
    by_hand();
    OK(gort_poll_until(GORT_MS(1), is_open, &looks, gort_in(GORT_SEC(60)), NULL));
    printf("with the piece: open after %d looks\n", looks);
    gort_status s = gort_poll_until(GORT_MS(1), never, NULL, gort_in(GORT_MS(5)), NULL);
    printf("it never opens: %s\n", gort_status_name(s));
    gort_task *task;
    OK(gort_spawn(NULL, wait_for_ever, &looked, &task));
    while (!__atomic_load_n(&looked, __ATOMIC_SEQ_CST)) OK(gort_sleep(GORT_MS(1)));
    OK(gort_task_cancel(task));
    OK(gort_task_join(task, NULL));
    OK(gort_task_release(task));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

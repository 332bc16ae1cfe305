/* timer_stop_reset: a timer is stopped and set again, and nothing is ever drained.
 *
 * 1. Stop says whether it prevented a value from being received; a second one prevents nothing.
 * 2. A timer that is due and that nobody has read can still be stopped: its value is gone.
 * 3. Reset replaces what was set, also a value that is due: what is received is of the new setting.
 * 4. A value says when it was due, not when it was read.
 */
#include "../story.h"

static const char *said(bool what) { return what ? "yes" : "no"; }

static int app(void *arg) {
    (void)arg;
    bool was;
    int64_t due;
    gort_timer *t = gort_timer_new(GORT_SEC(3600));
    CHECK(t);
    OK(gort_timer_stop(t, &was));
    printf("stopped in time: %s\n", said(was));
    OK(gort_timer_stop(t, &was));
    printf("stopped again: %s\n", said(was));

    OK(gort_timer_reset(t, 0, NULL));
    OK(gort_sleep(GORT_MS(1))); /* due for a while, and unread */
    OK(gort_timer_stop(t, &was));
    printf("stopped when due and unread: %s\n", said(was));
    CHECK(gort_timer_try_recv(t, &due) == GORT_WOULD_BLOCK);
    printf("nothing is left to drain\n");

    OK(gort_timer_reset(t, 0, NULL));
    OK(gort_sleep(GORT_MS(1)));
    int64_t begin = gort_now();
    OK(gort_timer_reset(t, GORT_MS(2), &was));
    printf("reset when due and unread: %s\n", said(was));
    OK(gort_timer_recv(t, &due));
    CHECK(due > begin);
    printf("received: the new setting\n");
    OK(gort_timer_stop(t, &was));
    printf("stopped after it was received: %s\n", said(was));

    OK(gort_timer_reset(t, GORT_MS(1), NULL));
    OK(gort_sleep(GORT_MS(10)));
    OK(gort_timer_recv(t, &due));
    CHECK(gort_now() - due >= GORT_MS(5));
    printf("read late, and it says when it was due\n");
    OK(gort_timer_free(t));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go has had these rules since 1.23. Before, a timer's channel kept a value that came too late, and programs wrote
 * `if !t.Stop() { <-t.C }`. With today's rules that line waits for ever when the value was not there to be drained: so it
 * does in Go 1.23, and so does the guide's debounce, which is written with it. Call gort_timer_reset() and nothing else. */

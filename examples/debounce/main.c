/* debounce: many calls in a row, one run, a while after the last of them.
 *
 * 1. By hand: a function timer, set anew with each call.
 * 2. With the ready-made piece, which never runs its function beside itself, and can be flushed and cancelled.
 */
#include "../story.h"

#define QUIET GORT_MS(20)

GORT_CHAN_DEFINE(int, ints);

static void save(void *arg) { OK(ints_send(arg, 1)); }

static size_t saves(ints *saved) {
    int one;
    OK(ints_recv(saved, &one));
    OK(gort_sleep(2 * QUIET));
    return 1 + ints_len(saved);
}

static void by_hand(ints *saved) {
    gort_func_timer *t = gort_after_func(GORT_NEVER, save, saved); /* not set yet */
    CHECK(t);
    for (int i = 0; i < 10; i++) OK(gort_func_timer_reset(t, QUIET, NULL)); /* a key was pressed */
    printf("by hand: 10 keys, %zu save\n", saves(saved));
    OK(gort_func_timer_free(t));
}

static void with_the_piece(ints *saved) {
    bool was;
    int one;
    gort_debounce *d = gort_debounce_new(QUIET, save, saved);
    CHECK(d);
    for (int i = 0; i < 10; i++) OK(gort_debounce_call(d));
    printf("with the piece: 10 keys, %zu save\n", saves(saved));

    OK(gort_debounce_call(d));
    OK(gort_debounce_flush(d, &was));
    printf("flushed: %s\n", was ? "saved now" : "nothing to save");
    OK(ints_recv(saved, &one));
    OK(gort_debounce_flush(d, &was));
    printf("flushed again: %s\n", was ? "saved now" : "nothing to save");

    OK(gort_debounce_call(d));
    OK(gort_debounce_cancel(d, &was));
    printf("cancelled: %s\n", was ? "not saved" : "too late");
    OK(gort_sleep(2 * QUIET));
    CHECK(ints_len(saved) == 0);
    OK(gort_debounce_free(d));
}

static int app(void *arg) {
    (void)arg;
    ints *saved = ints_new(8);
    CHECK(saved);
    by_hand(saved);
    with_the_piece(saved);
    ints_release(saved);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* The guide's version in Go keeps a timer under a mutex and drains its channel after Stop; but a timer of AfterFunc has no
 * channel, so that line waits for ever with the mutex held. A reset alone is enough, there and here. */

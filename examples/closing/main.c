/* closing: "no more values will come", and what every call says about it.
 *
 * Only the sending side closes, once, and only if somebody needs to know. The channel itself lives on: what is in the
 * buffer can still be received.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

static void three_then_close(void *arg) {
    for (int i = 1; i <= 3; i++) OK(ints_send(arg, i));
    OK(ints_close(arg));
}

struct parked {
    ints *ch;
    gort_chan *end;
};

static void waits_to_send(void *arg) {
    struct parked *p = arg;
    int mine = 7;
    gort_status s = ints_send(p->ch, mine);
    printf("a sender that was waiting: %s, and still has its %d\n", gort_status_name(s), mine);
    OK(gort_chan_send(p->end, NULL));
}

static int app(void *arg) {
    (void)arg;
    int v;

    /* Drain: buffered values first, then GORT_CLOSED, for ever and at once. */
    ints *ch = ints_new(2);
    CHECK(ch != NULL);
    OK(ints_send(ch, 10));
    OK(ints_send(ch, 20));
    OK(ints_close(ch));
    for (int i = 0; i < 4; i++) {
        gort_status ok = ints_recv(ch, &v); /* Go's v, ok := <-ch */
        if (ok == GORT_OK) printf("got: %d\n", v);
        else printf("no more: %s\n", gort_status_name(ok));
    }

    /* Mistakes are statuses. */
    printf("close again: %s\n", gort_status_name(ints_close(ch)));
    printf("send after close: %s\n", gort_status_name(ints_send(ch, 30)));
    CHECK(ints_close(NULL) == GORT_INVALID); /* a NULL channel cannot be closed */

    /* Range: a loop that ends when the channel is closed and drained. */
    ints *numbers = ints_new(0);
    CHECK(numbers != NULL);
    OK(gort_go(three_then_close, numbers));
    while (ints_recv(numbers, &v) == GORT_OK) printf("Received: %d\n", v);
    printf("All done\n");

    /* A sender that waits is woken by close; its value was not taken. */
    struct parked p = {.ch = ints_new(0), .end = gort_chan_new(0, 0)};
    CHECK(p.ch && p.end);
    OK(gort_go(waits_to_send, &p));
    OK(gort_sleep(GORT_MS(20))); /* plenty of time to reach the send */
    OK(ints_close(p.ch));
    OK(gort_chan_recv(p.end, NULL));

    OK(gort_chan_release(p.end));
    ints_release(p.ch);
    ints_release(numbers);
    ints_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: a second close, a close of nil and a send on a closed channel panic there, and a receive from a closed
 * and drained channel gives a zero value. Here each of them is a status. */

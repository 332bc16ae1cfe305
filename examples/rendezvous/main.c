/* rendezvous: on an unbuffered channel the sender passes only when the receiver is there.
 *
 * Capacity 0 means that the channel can hold nothing: the value goes from hand to hand, and whoever comes first
 * waits for the other. So a send that returned says more than "sent": it says "received".
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

struct stage {
    ints *ch;
    gort_chan *passed; /* holds one mark: the sender is through */
};

static void sender(void *arg) {
    struct stage *st = arg;
    OK(ints_send(st->ch, 42)); /* waits here until somebody receives */
    OK(gort_chan_send(st->passed, NULL));
}

static int app(void *arg) {
    (void)arg;
    struct stage st = {.ch = ints_new(0), .passed = gort_chan_new(0, 1)};
    CHECK(st.ch && st.passed);

    /* The sender comes first and waits. */
    OK(gort_go(sender, &st));
    OK(gort_sleep(GORT_MS(20))); /* plenty of time to reach the send */
    printf("capacity %zu, held by the channel %zu\n", ints_cap(st.ch), ints_len(st.ch));
    printf("has the sender passed? %s\n", gort_chan_try_recv(st.passed, NULL) == GORT_OK ? "yes" : "no");

    int v;
    OK(ints_recv(st.ch, &v));
    printf("received %d\n", v);
    OK(gort_chan_recv(st.passed, NULL));
    printf("now the sender has passed\n");

    /* The receiver comes first and waits: the same meeting from the other side. */
    OK(gort_go(sender, &st));
    OK(ints_recv(st.ch, &v));
    OK(gort_chan_recv(st.passed, NULL));
    printf("received %d again\n", v);

    OK(gort_chan_release(st.passed));
    ints_release(st.ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. */

/* buffered: a channel with room for two.
 *
 * A send waits only when the buffer is full, a receive only when it is empty. So sender and receiver need not meet;
 * but the room is bounded, and a fast sender is held back in the end.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

struct stage {
    ints *ch;
    gort_chan *two_sent, *three_sent;
};

static void sender(void *arg) {
    struct stage *st = arg;
    OK(ints_send(st->ch, 1)); /* does not wait */
    printf("sent 1\n");
    OK(ints_send(st->ch, 2)); /* does not wait */
    printf("sent 2\n");
    OK(gort_chan_send(st->two_sent, NULL));
    OK(ints_send(st->ch, 3)); /* waits until one is taken out */
    OK(gort_chan_send(st->three_sent, NULL));
}

static int app(void *arg) {
    (void)arg;
    struct stage st = {.ch = ints_new(2), .two_sent = gort_chan_new(0, 1), .three_sent = gort_chan_new(0, 1)};
    CHECK(st.ch && st.two_sent && st.three_sent);
    int v;

    OK(gort_go(sender, &st));
    OK(gort_chan_recv(st.two_sent, NULL));
    OK(gort_sleep(GORT_MS(20))); /* plenty of time to try the third send */
    printf("len %zu, cap %zu\n", ints_len(st.ch), ints_cap(st.ch));
    printf("the third send waits: %s\n", gort_chan_try_recv(st.three_sent, NULL) == GORT_WOULD_BLOCK ? "yes" : "no");

    OK(ints_recv(st.ch, &v)); /* room for one: the waiting value moves in at the tail */
    printf("recv: %d\n", v);
    OK(gort_chan_recv(st.three_sent, NULL));
    printf("sent 3\n");
    for (int i = 0; i < 2; i++) {
        OK(ints_recv(st.ch, &v));
        printf("recv: %d\n", v);
    }

    /* Closing: what is in the buffer can still be received, in order; then every receive says GORT_CLOSED, at once. */
    OK(ints_send(st.ch, 10));
    OK(ints_send(st.ch, 20));
    OK(ints_close(st.ch));
    gort_status s;
    while ((s = ints_recv(st.ch, &v)) == GORT_OK) printf("drained: %d\n", v);
    printf("then: %s, and v is still %d\n", gort_status_name(s), v); /* outputs are written only on success */

    OK(gort_chan_release(st.two_sent));
    OK(gort_chan_release(st.three_sent));
    ints_release(st.ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs in the last line: a receive from a closed, empty channel gives the zero value and ok == false; here the
 * status is the "ok", and the variable keeps what it had. */

/* try_ops: send or receive only if it goes at once.
 *
 * try_send and try_recv never wait. GORT_WOULD_BLOCK is not an error but an answer: not now. It is the truth about one
 * instant, so the next try may go well. What to do instead is up to the caller: drop, count, do other work.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

static void show(const char *what, gort_status s) { printf("%s: %s\n", what, gort_status_name(s)); }

static void receiver(void *arg) {
    int v;
    OK(ints_recv(arg, &v));
    printf("the waiting receiver got %d\n", v);
}

static int app(void *arg) {
    (void)arg;
    int v = 0;

    /* A buffer of one. */
    ints *ch = ints_new(1);
    CHECK(ch != NULL);
    show("receive from an empty buffer", ints_try_recv(ch, &v));
    show("send into a free buffer", ints_try_send(ch, 1));
    show("send into a full buffer", ints_try_send(ch, 2));
    show("receive from a full buffer", ints_try_recv(ch, &v));
    printf("received %d\n", v);

    /* Unbuffered: a try goes ahead only if the other side is already waiting. */
    ints *meet = ints_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(meet && wg);
    show("send and nobody waits", ints_try_send(meet, 3));
    OK(gort_wg_go(wg, receiver, meet));
    while (ints_try_send(meet, 4) == GORT_WOULD_BLOCK) gort_yield(); /* until the receiver is there */
    OK(gort_wg_wait(wg));

    /* Closed: a try says so, it does not say "would block". A buffered value still comes first. */
    OK(ints_send(ch, 5));
    OK(ints_close(ch));
    show("receive the last value", ints_try_recv(ch, &v));
    show("receive after close", ints_try_recv(ch, &v));
    show("send after close", ints_try_send(ch, 6));

    OK(gort_wg_free(wg));
    ints_release(meet);
    ints_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go writes this as a select with one case and a default. A send on a closed channel panics there, also with default. */

/* directional: a handle that can only send, and one that can only receive.
 *
 * A function that takes a gort_sender can send and close, one that takes a gort_receiver can receive. The two types
 * are distinct, so the wrong direction does not compile: wrong.c next to this file tries it.
 * Both are borrowed views of the channel: they cost nothing, and there is nothing to give back.
 */
#include "../story.h"

static void produce(gort_sender *out) {
    for (int i = 1; i <= 3; i++) OK(gort_sender_send(out, &i));
    OK(gort_sender_close(out)); /* closing is the sender's business */
}

static void consume(gort_receiver *in) {
    int v;
    while (gort_receiver_recv(in, &v) == GORT_OK) printf("received %d\n", v);
    printf("the sender has closed\n");
}

static void producer(void *arg) { produce(arg); }

static int app(void *arg) {
    (void)arg;
    gort_chan *ch = gort_chan_new(sizeof(int), 0);
    CHECK(ch != NULL);
    OK(gort_go(producer, gort_chan_sender(ch)));
    consume(gort_chan_receiver(ch));
    OK(gort_chan_release(ch));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go's chan<- and <-chan. There the conversion is implicit; here it is a call, and there is no way back. */

/* pipeline: generate, square, print; each stage a task, each arrow a channel.
 *
 * End of work travels downstream: a stage that has no more closes its output, the next one's loop ends.
 * Failure travels both ways: a stage that fails closes its output, and abandons its input, so that a send by the
 * stage before it gives GORT_CLOSED and that one stops too, instead of waiting for a reader for ever.
 */
#include "../story.h"

struct stage {
    gort_chan *in, *out, *end;
    int limit; /* generate: how many; square: the first value it cannot handle */
    int sent;  /* generate: how many were taken */
};

static void generate(void *arg) {
    struct stage *st = arg;
    gort_sender *out = gort_chan_sender(st->out);
    for (int i = 1; i <= st->limit; i++) {
        if (gort_sender_send(out, &i) != GORT_OK) break; /* nobody reads any more */
        st->sent++;
    }
    (void)gort_sender_close(out);
    OK(gort_chan_send(st->end, NULL));
}

static void square(void *arg) {
    struct stage *st = arg;
    gort_receiver *in = gort_chan_receiver(st->in);
    gort_sender *out = gort_chan_sender(st->out);
    int v;
    while (gort_receiver_recv(in, &v) == GORT_OK) {
        if (v == st->limit) { /* it fails here */
            OK(gort_receiver_abandon(in));
            break;
        }
        int sq = v * v;
        OK(gort_sender_send(out, &sq));
    }
    OK(gort_sender_close(out));
    OK(gort_chan_send(st->end, NULL));
}

static void run_pipeline(int count, int fails_at) {
    gort_chan *numbers = gort_chan_new(sizeof(int), 0);
    gort_chan *squares = gort_chan_new(sizeof(int), 0);
    gort_chan *end = gort_chan_new(0, 2);
    CHECK(numbers && squares && end);
    struct stage first = {.out = numbers, .end = end, .limit = count};
    struct stage second = {.in = numbers, .out = squares, .end = end, .limit = fails_at};
    OK(gort_go(generate, &first));
    OK(gort_go(square, &second));

    int v; /* the last stage is this task itself */
    while (gort_chan_recv(squares, &v) == GORT_OK) printf("%d\n", v);
    OK(gort_chan_recv(end, NULL));
    OK(gort_chan_recv(end, NULL));
    printf("both stages have ended; %s\n", first.sent == count ? "everything was taken" : "the generator was stopped");
    OK(gort_chan_release(numbers));
    OK(gort_chan_release(squares));
    OK(gort_chan_release(end));
}

static int app(void *arg) {
    (void)arg;
    printf("a good run:\n");
    run_pipeline(5, 0);
    printf("square fails at 4:\n");
    run_pipeline(1000, 4);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: a receiver cannot tell senders that it is gone, so a failing stage needs a second channel ("done", or a
 * context) which every sender selects on. That works here too; abandon() is the short way. */

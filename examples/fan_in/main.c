/* fan_in: many producers, one channel, one reader.
 *
 * None of the producers may close the channel: the others still send. So a closer task waits for all of them on a
 * WaitGroup and closes then; the reader's loop ends.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

struct producer {
    int id;
    ints *out;
};

static void produce(void *arg) {
    struct producer *p = arg;
    for (int j = 1; j <= 2; j++) OK(ints_send(p->out, p->id * 10 + j));
}

struct ending {
    gort_wg *producers;
    ints *out;
};

static void closer(void *arg) {
    struct ending *e = arg;
    OK(gort_wg_wait(e->producers));
    OK(ints_close(e->out));
}

static int app(void *arg) {
    (void)arg;
    ints *ch = ints_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(ch && wg);
    struct producer p[3];
    for (int i = 0; i < 3; i++) {
        p[i] = (struct producer){.id = i + 1, .out = ch};
        OK(gort_wg_go(wg, produce, &p[i]));
    }
    struct ending e = {.producers = wg, .out = ch};
    OK(gort_go(closer, &e));

    int v;
    while (ints_recv(ch, &v) == GORT_OK) printf("Received: %d\n", v);
    printf("All producers are done\n");
    OK(gort_wg_free(wg));
    ints_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. */

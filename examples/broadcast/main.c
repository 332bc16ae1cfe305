/* broadcast: one close wakes everybody who waits.
 *
 * A send reaches one receiver. A close reaches all, also those who come later. So a channel on which nothing is ever
 * sent is a stop signal: every worker receives from it, and the close is "stop".
 */
#include "../story.h"

struct worker {
    int id;
    gort_chan *ready, *stop;
};

static void worker(void *arg) {
    struct worker *w = arg;
    OK(gort_chan_send(w->ready, NULL));
    CHECK(gort_chan_recv(w->stop, NULL) == GORT_CLOSED); /* sleeps until the signal */
    printf("Worker %d stopped\n", w->id);
}

static int app(void *arg) {
    (void)arg;
    gort_chan *ready = gort_chan_new(0, 0), *stop = gort_chan_new(0, 0);
    gort_wg *wg = gort_wg_new();
    CHECK(ready && stop && wg);
    struct worker workers[4];
    for (int i = 0; i < 3; i++) {
        workers[i] = (struct worker){.id = i + 1, .ready = ready, .stop = stop};
        OK(gort_wg_go(wg, worker, &workers[i]));
    }
    for (int i = 0; i < 3; i++) OK(gort_chan_recv(ready, NULL));

    printf("stop!\n");
    OK(gort_chan_close(stop));

    workers[3] = (struct worker){.id = 4, .ready = ready, .stop = stop}; /* a late one sees the signal at once */
    OK(gort_wg_go(wg, worker, &workers[3]));
    OK(gort_chan_recv(ready, NULL));
    OK(gort_wg_wait(wg));
    printf("everybody has stopped\n");

    OK(gort_wg_free(wg));
    OK(gort_chan_release(stop));
    OK(gort_chan_release(ready));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. */

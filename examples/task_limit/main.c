/* task_limit: a ceiling on the number of live tasks.
 *
 * Tasks are cheap, but a flood of them still fills memory. With max_tasks in the config, a start beyond the limit is
 * refused with GORT_LIMIT: nothing runs, nothing is lost, the caller still has the work in hand and decides.
 */
#include "../story.h"

#define ASKED 20
#define LIMIT 8 /* main itself is one of them */

struct work {
    gort_chan *gate, *ran;
};

static void task(void *arg) {
    struct work *w = arg;
    CHECK(gort_chan_recv(w->gate, NULL) == GORT_CLOSED); /* alive until the gate opens */
    OK(gort_chan_send(w->ran, NULL));
}

static int app(void *arg) {
    (void)arg;
    struct work w = {.gate = gort_chan_new(0, 0), .ran = gort_chan_new(0, 0)};
    CHECK(w.gate && w.ran);
    int started = 0, refused = 0;
    for (int i = 0; i < ASKED; i++) {
        gort_status s = gort_go(task, &w);
        if (s == GORT_OK) started++;
        else if (s == GORT_LIMIT) refused++;
    }
    printf("asked for %d, started %d, refused with GORT_LIMIT %d\n", ASKED, started, refused);

    OK(gort_chan_close(w.gate));
    for (int i = 0; i < started; i++) OK(gort_chan_recv(w.ran, NULL));
    printf("all that started have run\n");

    /* There is room again. A task counts until it has ended, so the refused ones may have to wait a moment. */
    for (int i = 0; i < refused; i++) {
        while (gort_go(task, &w) == GORT_LIMIT) gort_yield();
        OK(gort_chan_recv(w.ran, NULL));
    }
    printf("all that were refused have run later\n");
    OK(gort_chan_release(w.gate));
    OK(gort_chan_release(w.ran));
    return 0;
}

int main(void) {
    gort_config config = GORT_CONFIG_INIT;
    config.max_tasks = LIMIT; /* counts for a run that starts the runtime, as this one does */
    return story_end(gort_run(app, NULL, &config));
}

/* Go differs: it has no such limit; a program counts by hand (see semaphore_channel) or uses a pool (worker_pool). */

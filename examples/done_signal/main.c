/* done_signal: a channel that says "finished".
 *
 * 1. A done channel: main waits for a worker by receiving once.
 * 2. A channel of tasks: the worker takes until there is no more, then says so on its done channel.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

static void worker(void *arg) {
    gort_chan *done = arg;
    printf("Worker: started\n");
    OK(gort_sleep(GORT_MS(20)));
    printf("Worker: finished\n");
    OK(gort_chan_send(done, NULL));
}

struct desk {
    ints *tasks;
    gort_chan *done;
};

static void clerk(void *arg) {
    struct desk *d = arg;
    int task;
    for (;;) {
        gort_status more = ints_recv(d->tasks, &task);
        if (more == GORT_CLOSED) {
            printf("Worker: all tasks done\n");
            OK(gort_chan_send(d->done, NULL));
            return;
        }
        OK(more);
        printf("Worker: processing task %d\n", task);
        OK(gort_sleep(GORT_MS(2)));
    }
}

static int app(void *arg) {
    (void)arg;
    gort_chan *done = gort_chan_new(0, 0);
    CHECK(done != NULL);
    OK(gort_go(worker, done));
    OK(gort_chan_recv(done, NULL)); /* sleeps until the worker signals */
    printf("Main: all done\n");

    struct desk d = {.tasks = ints_new(3), .done = done};
    CHECK(d.tasks != NULL);
    OK(gort_go(clerk, &d));
    for (int i = 1; i <= 5; i++) OK(ints_send(d.tasks, i)); /* runs ahead by three at most, then waits */
    OK(ints_close(d.tasks));                                /* no more tasks */
    OK(gort_chan_recv(done, NULL));
    printf("Main: worker finished\n");

    ints_release(d.tasks);
    OK(gort_chan_release(done));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go; `task, more := <-tasks` is the status of the receive. */

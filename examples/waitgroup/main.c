/* waitgroup: wait until a number of tasks have finished.
 *
 * A WaitGroup is a counter. add(n) says how many ends to expect, done() counts one, wait() sleeps until it is zero.
 * gort_wg_go() does add, start and done in one call and is the way to prefer: nothing can be forgotten.
 */
#include "../story.h"

struct job {
    int id;
    gort_wg *wg;
};

static void work(int id) {
    printf("Worker %d started\n", id);
    OK(gort_sleep(GORT_MS(5))); /* parks the task, not the thread */
    printf("Worker %d finished\n", id);
}

static void by_hand(void *arg) {
    struct job *job = arg;
    work(job->id);
    OK(gort_wg_done(job->wg));
}

static void by_go(void *arg) {
    work(*(int *)arg); /* done() is called for us */
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);

    /* 1. By hand. add() comes before the task starts: added inside the task, wait() might look too early. */
    struct job jobs[3];
    for (int i = 0; i < 3; i++) {
        jobs[i] = (struct job){.id = i + 1, .wg = wg};
        OK(gort_wg_add(wg, 1));
        OK(gort_go(by_hand, &jobs[i])); /* jobs outlives the tasks, since we wait for them below */
    }
    OK(gort_wg_wait(wg));
    printf("all three by hand have finished\n");

    /* 2. The short way; the same WaitGroup can be used again. */
    int ids[2] = {4, 5};
    for (int i = 0; i < 2; i++) OK(gort_wg_go(wg, by_go, &ids[i]));
    OK(gort_wg_wait(wg));
    printf("both by go have finished\n");

    /* 3. Asking without waiting. */
    OK(gort_wg_add(wg, 1));
    printf("try_wait at one: %s\n", gort_status_name(gort_wg_try_wait(wg)));
    OK(gort_wg_done(wg));
    printf("try_wait at zero: %s\n", gort_status_name(gort_wg_try_wait(wg)));

    /* 4. One done() too many is refused, and the counter stays what it was. */
    printf("done below zero: %s\n", gort_status_name(gort_wg_done(wg)));
    printf("wait after that: %s\n", gort_status_name(gort_wg_wait(wg)));

    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: a counter below zero panics there; here it is a status. And Go's WaitGroup can be copied by mistake
 * (passed by value, the copy counts alone); gort_wg is opaque, so there is nothing to copy. */

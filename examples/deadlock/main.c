/* deadlock: every task sleeps and nothing can wake one.
 *
 * gort notices. main's blocked call returns GORT_DEADLOCK, and main goes back by an ordinary return; what is still
 * asleep is cancelled, as at the end of any run. The run ends with GORT_DEADLOCK, too, and gort_last_error() carries
 * the census: who slept, and on what. Three ways into it, each in a run of its own.
 */
#include "../story.h"
#include <string.h>

GORT_CHAN_DEFINE(int, ints);

/* 1. A send that nobody receives. */
static void *lonely_sender(void *arg) {
    CHECK(ints_send(arg, 1) == GORT_CANCELED); /* nobody comes; the end of the run wakes it */
    return NULL;
}

static int send_nobody_receives(void *arg) {
    ints *never_read = arg;
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    options.name = "lonely sender"; /* a name for the census */
    gort_task *task;
    OK(gort_spawn(&options, lonely_sender, never_read, &task));
    printf("join of the sender: %s\n", gort_status_name(gort_task_join(task, NULL))); /* main waits for it in turn */
    OK(gort_task_release(task));
    return 0;
}

/* 2. A buffer that is full, and nobody empties it. */
static int full_buffer(void *arg) {
    (void)arg;
    ints *ch = ints_new(2);
    CHECK(ch != NULL);
    OK(ints_send(ch, 1));
    OK(ints_send(ch, 2));
    printf("third send into a buffer of two: %s\n", gort_status_name(ints_send(ch, 3)));
    int v;
    OK(ints_recv(ch, &v)); /* the channel is as good as before */
    printf("  the first value is still there: %d\n", v);
    ints_release(ch);
    return 0;
}

/* 3. A WaitGroup that waits for two, and one forgets done(). */
static void remembers(void *arg) { OK(gort_wg_done(arg)); }
static void forgets(void *arg) { (void)arg; }

static int forgotten_done(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    OK(gort_wg_add(wg, 2));
    OK(gort_go(remembers, wg));
    OK(gort_go(forgets, wg));
    printf("wait with a forgotten done: %s\n", gort_status_name(gort_wg_wait(wg)));
    OK(gort_wg_done(wg));
    OK(gort_wg_free(wg));
    return 0;
}

static void run(int (*story)(void *), void *arg, const char *sleeper) {
    printf("  the run: %s\n", gort_status_name(gort_run(story, arg, NULL)));
    printf("  the census says \"%s\": %s\n", sleeper, strstr(gort_last_error(), sleeper) ? "yes" : "no");
}

int main(void) {
    ints *never_read = ints_new(0);
    CHECK(never_read != NULL);
    run(send_nobody_receives, never_read, "lonely sender");
    run(full_buffer, NULL, "channel send");
    run(forgotten_done, NULL, "wait group");
    ints_release(never_read);
    return story_nothing_left();
}

/* Go differs: it ends the process with "all goroutines are asleep - deadlock!", and with cgo in the program it does
 * not look at all. Here main gets a status and decides. */

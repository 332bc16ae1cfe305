/* deadlock: every task sleeps and nothing can wake one.
 *
 * gort notices. main's blocked call returns GORT_DEADLOCK, and gort_last_error() carries the census: who sleeps,
 * and on what. main goes back by an ordinary return; what is still asleep is cancelled, as at the end of any run.
 * Three ways into it, each in a run of its own.
 */
#include "../story.h"
#include <string.h>

GORT_CHAN_DEFINE(int, ints);

static void report(const char *what, gort_status s, const char *sleeper) {
    const char *census = gort_last_error();
    printf("%s: %s\n", what, gort_status_name(s));
    printf("  the census names \"%s\": %s\n", sleeper, strstr(census, sleeper) ? "yes" : "no");
}

/* 1. A send that nobody receives. */
static void *lonely_sender(void *arg) {
    CHECK(ints_send(arg, 1) == GORT_CANCELED); /* nobody comes; the end of the run wakes it */
    return NULL;
}

static int send_nobody_receives(void *arg) {
    ints *never_read = arg;
    gort_wg *wg = gort_wg_new();
    gort_spawn_options named = GORT_SPAWN_OPTIONS_INIT;
    named.name = "lonely sender";
    gort_task *task;
    OK(gort_wg_add(wg, 1));
    OK(gort_spawn(&named, lonely_sender, never_read, &task));
    report("send nobody receives", gort_wg_wait(wg), "lonely sender"); /* waits for the sender, who waits too */
    OK(gort_task_release(task));
    OK(gort_wg_done(wg));
    OK(gort_wg_free(wg));
    return 0;
}

/* 2. A buffer that is full, and nobody empties it. */
static int full_buffer(void *arg) {
    (void)arg;
    ints *ch = ints_new(2);
    OK(ints_send(ch, 1));
    OK(ints_send(ch, 2));
    report("third send into a buffer of two", ints_send(ch, 3), "send");
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
    OK(gort_wg_add(wg, 2));
    OK(gort_go(remembers, wg));
    OK(gort_go(forgets, wg));
    report("wait with a forgotten done", gort_wg_wait(wg), "wait");
    OK(gort_wg_done(wg));
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) {
    ints *never_read = ints_new(0);
    OK(gort_run(send_nobody_receives, never_read, NULL));
    ints_release(never_read);
    OK(gort_run(full_buffer, NULL, NULL));
    gort_status run = gort_run(forgotten_done, NULL, NULL);
    printf("all three runs came back\n");
    return story_end(run);
}

/* Go differs: it ends the process with "all goroutines are asleep - deadlock!", and with cgo in the program it does
 * not look at all. Here main gets a status and decides. */

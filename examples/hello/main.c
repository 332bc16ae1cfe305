/* hello: a task beside main, and what becomes of it when main returns.
 *
 * gort_run() makes `app` the main task. app starts a second task, hears from it over a channel, and returns while
 * that task still waits for something that never comes. The run then cancels it: its blocked call returns
 * GORT_CANCELED, it leaves by an ordinary return, and gort_run() comes back.
 */
#include "../story.h"

static void greeter(void *arg) {
    gort_chan *said = arg;
    printf("task: hello from a task\n");
    gort_chan_send(said, NULL); /* a channel of empty elements: only the moment counts, so there is no value */

    /* A NULL channel is never ready: this call waits for ever, or until the task is cancelled. */
    gort_status s = gort_chan_recv(NULL, NULL);
    printf("task: my wait ended with %s\n", gort_status_name(s));
}

static int app(void *arg) {
    gort_chan *said = arg;
    printf("main: starting a task\n");
    OK(gort_go(greeter, said));
    OK(gort_chan_recv(said, NULL)); /* without this, main might return before the task said a word */
    printf("main: returning, the task still waits\n");
    return 0;
}

int main(void) {
    gort_chan *said = gort_chan_new(0, 0); /* element size 0, capacity 0 */
    CHECK(said != NULL);

    gort_config config = GORT_CONFIG_INIT;
    config.grace = GORT_SEC(5); /* how long cancelled tasks may take; the default of 100 ms would do, too */

    gort_status run = gort_run(app, said, &config);
    printf("run: %s\n", gort_status_name(run));
    OK(gort_chan_release(said));
    return story_end(run);
}

/* Go differs: there, main returning ends the process and the task is gone without a word. A library must not end
 * its host, so gort cancels the tasks, waits for them a moment, and reports whoever does not end. */

/* do_with_timeout: wait for work, but not for ever.
 *
 * 1. Work that is done in time: a select over its result and a timer.
 * 2. Work that is too slow: its task is cancelled, and the call it waits in says so.
 * 3. Work that does not listen: its result finds a place in the channel, so the worker ends and nothing hangs.
 */
#include "../story.h"

GORT_CHAN_DEFINE(const char *, texts);

static const char *wait_for(texts *result, int64_t patience) {
    const char *done;
    int64_t due;
    gort_timer *late = gort_timer_new(patience);
    CHECK(late);
    gort_case cases[] = {texts_case_recv(result, &done), gort_case_timer(late, &due)};
    int32_t which = gort_select(cases, 2);
    CHECK(which >= 0);
    OK(gort_timer_free(late));
    return which == 0 ? done : "too late";
}

static void *quick(void *result) {
    OK(texts_send(result, "done"));
    return NULL;
}

static gort_status told;

static void *slow(void *result) {
    told = gort_sleep(GORT_SEC(60)); /* a step of the work: it ends early when the task is cancelled */
    if (told == GORT_OK) OK(texts_send(result, "done"));
    return NULL;
}

static void *deaf(void *result) {
    OK(gort_shield_begin());
    OK(gort_sleep(GORT_MS(20)));
    OK(texts_send(result, "done"));
    OK(gort_shield_end());
    return NULL;
}

/* What was waited for; the worker has ended when this returns. */
static const char *do_work(void *(*work)(void *), int64_t patience) {
    texts *result = texts_new(1); /* room for a result that nobody waits for any more */
    gort_task *task;
    CHECK(result);
    OK(gort_spawn(NULL, work, result, &task));
    const char *said = wait_for(result, patience);
    OK(gort_task_cancel(task));
    OK(gort_task_join(task, NULL));
    OK(gort_task_release(task));
    texts_release(result);
    return said;
}

static int app(void *arg) {
    (void)arg;
    printf("quick work: %s\n", do_work(quick, GORT_SEC(60)));
    printf("slow work: %s\n", do_work(slow, GORT_MS(5)));
    printf("the worker was told: %s\n", gort_status_name(told));
    printf("work that does not listen: %s, and its result hurts nobody\n", do_work(deaf, GORT_MS(5)));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go the worker is given a context and has to look at it; a task of gort is cancelled as such, and each of its blocking
 * calls returns. The channel of one place is needed in both: with none the worker would wait for ever to hand its result over. */

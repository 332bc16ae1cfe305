/* limiter_wait: wait until it is time, within limits. What cannot be in time is said at once, and nothing is taken.
 */
#include "../story.h"

static gort_limiter *hourly;

static void *wait_for_ever(void *arg) {
    (void)arg;
    CHECK(gort_limiter_wait(hourly) == GORT_CANCELED);
    return NULL;
}

static int app(void *arg) {
    gort_task *task;
    (void)arg;
    hourly = gort_limiter_token_bucket_new(gort_limiter_every(GORT_SEC(3600)), 1);
    CHECK(hourly);
    OK(gort_limiter_wait(hourly));
    printf("the first one need not wait\n");
    CHECK(gort_limiter_wait_until(hourly, gort_in(GORT_SEC(60)), NULL) == GORT_TIMED_OUT);
    printf("the next comes in an hour, which is not within a minute: said at once\n");
    CHECK(gort_limiter_wait_n(hourly, 2) == GORT_LIMIT);
    printf("two at once never may\n");
    OK(gort_spawn(NULL, wait_for_ever, NULL, &task));
    while (gort_limiter_tokens(hourly) > -0.5) gort_yield(); /* until it is promised the next one */
    OK(gort_task_cancel(task));
    OK(gort_task_join(task, NULL));
    OK(gort_task_release(task));
    CHECK(gort_limiter_tokens(hourly) > -0.5);
    printf("the one that waits is cancelled, and what it was promised is given back\n");
    OK(gort_limiter_free(hourly));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* limiter_allow: two a second, and five at once. What may not happen now is told so; nobody waits.
 *
 * The times are given (allow_at), so the story is the same each time; gort_limiter_allow() asks the clock.
 */
#include "../story.h"

static void ask(gort_limiter *limiter, int64_t ms) {
    int allowed = 0;
    for (int i = 0; i < 7; i++) allowed += gort_limiter_allow_at(limiter, GORT_MS(ms), 1) == GORT_OK;
    printf("at %d ms: %d of 7 allowed\n", (int)ms, allowed);
}

static int app(void *arg) {
    (void)arg;
    gort_limiter *limiter = gort_limiter_token_bucket_new(2, 5);
    CHECK(limiter);
    ask(limiter, 0);     /* it starts full: the burst */
    ask(limiter, 500);   /* one token has come since */
    ask(limiter, 1000);
    ask(limiter, 60000); /* full again, and not more than full */
    OK(gort_limiter_free(limiter));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

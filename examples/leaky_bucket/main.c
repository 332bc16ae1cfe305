/* leaky_bucket: ten a second, evenly. Those that come too early queue, two at the most; or a bucket of two holds them, and what
 * does not fit is dropped.
 */
#include "../story.h"

static int app(void *arg) {
    gort_reservation r;
    (void)arg;
    gort_limiter *queue = gort_limiter_leaky_new(10, 2, false), *drop = gort_limiter_leaky_new(10, 2, true);
    CHECK(queue && drop);
    for (int i = 0; i < 4; i++) {
        if (gort_limiter_reserve_at(queue, 0, 1, GORT_NEVER, &r) == GORT_OK)
            printf("queue: goes at %d ms\n", (int)(r.at / GORT_MS(1)));
        else
            printf("queue: no place\n");
    }
    for (int i = 0; i < 4; i++)
        printf("drop: %s\n", gort_limiter_allow_at(drop, 0, 1) == GORT_OK ? "goes at once" : "dropped");
    OK(gort_limiter_allow_at(drop, GORT_MS(100), 1));
    printf("drop, 100 ms later: goes at once\n");
    OK(gort_limiter_free(queue));
    OK(gort_limiter_free(drop));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* limiter_reserve: take a place now and act when its time comes; or give it back.
 */
#include "../story.h"

static gort_reservation reserve(gort_limiter *limiter) {
    gort_reservation r;
    OK(gort_limiter_reserve_at(limiter, 0, 1, GORT_NEVER, &r));
    printf("reserved for %d ms\n", (int)(r.at / GORT_MS(1)));
    return r;
}

static int app(void *arg) {
    gort_reservation r;
    (void)arg;
    gort_limiter *limiter = gort_limiter_token_bucket_new(2, 1);
    CHECK(limiter);
    (void)reserve(limiter);
    (void)reserve(limiter);
    r = reserve(limiter);
    OK(gort_reservation_cancel_at(&r, 0));
    printf("the last one is given back\n");
    (void)reserve(limiter);
    CHECK(gort_limiter_reserve_at(limiter, 0, 3, GORT_NEVER, &r) == GORT_LIMIT);
    printf("three at once: never\n");
    OK(gort_limiter_free(limiter));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

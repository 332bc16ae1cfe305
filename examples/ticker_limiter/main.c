/* ticker_limiter: requests at the pace of a ticker: with a ticker, and with the limiter that is paced as by one.
 */
#include "../story.h"

static int app(void *arg) {
    (void)arg;
    gort_ticker *ticker = gort_ticker_new(GORT_MS(5));
    CHECK(ticker);
    for (int i = 1; i <= 3; i++) {
        int64_t due;
        OK(gort_ticker_recv(ticker, &due));
        printf("a ticker: request %d\n", i);
    }
    OK(gort_ticker_free(ticker));

    gort_limiter *paced = gort_limiter_paced_new(0, GORT_MS(20));
    CHECK(paced && gort_limiter_allow_at(paced, GORT_MS(19), 1) == GORT_WOULD_BLOCK);
    printf("paced: nothing before the first tick\n");
    for (int64_t ms = 20; ms <= 45; ms += 5)
        if (gort_limiter_allow_at(paced, GORT_MS(ms), 1) == GORT_OK) printf("paced: one at %d ms\n", (int)ms);
    OK(gort_limiter_allow_at(paced, GORT_MS(130), 1));
    CHECK(gort_limiter_allow_at(paced, GORT_MS(130), 1) == GORT_WOULD_BLOCK);
    printf("paced: after a pause until 130 ms one, not four\n");
    OK(gort_limiter_free(paced));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* fixed_window: so many in each window of 100 ms. Around the edge of two windows twice as many pass in a moment; a window that
 * slides has no edge.
 */
#include "../story.h"

static void again(const char *name, gort_limiter *limiter) {
    int64_t ms = 95;
    OK(gort_limiter_allow_at(limiter, GORT_MS(ms), 5));
    while (gort_limiter_allow_at(limiter, GORT_MS(ms), 1) != GORT_OK) ms++;
    printf("%s, full at 95 ms: again at %d ms\n", name, (int)ms);
    OK(gort_limiter_free(limiter));
}

static void edge(const char *name, gort_limiter *limiter) {
    int passed = 0;
    for (int i = 0; i < 20; i++) passed += gort_limiter_allow_at(limiter, GORT_US(95000 + i * 500), 1) == GORT_OK;
    printf("around the edge, within 10 ms: %d of 20 in %s of 5\n", passed, name);
    OK(gort_limiter_free(limiter));
}

static int app(void *arg) {
    (void)arg;
    again("aligned", gort_limiter_fixed_window_new(5, GORT_MS(100), false));
    again("lazy", gort_limiter_fixed_window_new(5, GORT_MS(100), true));
    edge("fixed windows", gort_limiter_fixed_window_new(5, GORT_MS(100), false));
    edge("a sliding window", gort_limiter_sliding_log_new(5, GORT_MS(100)));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* select_producers: a fast and a slow producer, and one loop that serves both.
 *
 * Each produces at its own pace on a channel of its own. The loop takes what is there: the fast one is never kept
 * waiting by the slow one, and the slow one is not forgotten.
 */
#include "../story.h"

struct product {
    const char *by;
    int number;
};

GORT_CHAN_DEFINE(struct product, products);

struct producer {
    const char *name;
    int64_t delay;
    products *out;
};

static void producer(void *arg) {
    struct producer *p = arg;
    for (int i = 1; i <= 3; i++) {
        OK(gort_sleep(p->delay));
        OK(products_send(p->out, (struct product){.by = p->name, .number = i}));
    }
}

static int app(void *arg) {
    (void)arg;
    products *ch1 = products_new(0), *ch2 = products_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(ch1 && ch2 && wg);
    struct producer fast = {.name = "Fast", .delay = GORT_MS(20), .out = ch1};
    struct producer slow = {.name = "Slow", .delay = GORT_MS(40), .out = ch2};
    OK(gort_wg_go(wg, producer, &fast));
    OK(gort_wg_go(wg, producer, &slow));

    struct product got[2];
    gort_case cases[] = {products_case_recv(ch1, &got[0]), products_case_recv(ch2, &got[1])};
    for (int i = 0; i < 6; i++) {
        int32_t which = gort_select(cases, 2);
        CHECK(which >= 0);
        printf("ch%d: %s produced %d\n", which + 1, got[which].by, got[which].number);
    }

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    products_release(ch2);
    products_release(ch1);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. The index that gort_select gives is an ordinary number, so cases that are treated alike need no switch. */

/* heartbeat: a sign of life while something works.
 *
 * 1. By hand: the worker selects over its work and a ticker.
 * 2. With the ready-made piece beside the work: at once, and then each period.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

struct worker {
    ints *todo, *pulse;
};

static void work(void *arg) {
    struct worker *w = arg;
    int job;
    int64_t due;
    gort_ticker *ticker = gort_ticker_new(GORT_MS(2));
    CHECK(ticker);
    gort_case cases[] = {ints_case_recv(w->todo, &job), gort_case_ticker(ticker, &due)};
    for (;;) {
        int32_t which = gort_select(cases, 2);
        if (which == 0 && cases[0].status == GORT_CLOSED) break;
        gort_status said = which == 1 ? ints_try_send(w->pulse, 1) : GORT_OK; /* nobody listens now: never mind */
        CHECK(said == GORT_OK || said == GORT_WOULD_BLOCK);
    }
    OK(gort_ticker_free(ticker));
}

static void by_hand(void) {
    int alive;
    struct worker w = {ints_new(0), ints_new(1)};
    gort_wg *wg = gort_wg_new();
    CHECK(w.todo && w.pulse && wg);
    OK(gort_wg_go(wg, work, &w));
    OK(ints_recv(w.pulse, &alive));
    printf("by hand: a pulse while there is no work\n");
    OK(ints_send(w.todo, 1));
    OK(ints_recv(w.pulse, &alive));
    printf("by hand: a pulse between two jobs\n");
    OK(ints_close(w.todo));
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    ints_release(w.todo);
    ints_release(w.pulse);
}

static void beat(void *arg) {
    gort_status said = ints_send(arg, 1);
    CHECK(said == GORT_OK || said == GORT_CLOSED);
}

static void with_the_piece(void) {
    int alive;
    ints *pulse = ints_new(0);
    gort_heartbeat *h = gort_heartbeat_new(GORT_MS(2), beat, pulse);
    CHECK(pulse && h);
    OK(ints_recv(pulse, &alive));
    printf("with the piece: at once\n");
    OK(ints_recv(pulse, &alive));
    printf("with the piece: and again\n");
    OK(ints_close(pulse));
    OK(gort_heartbeat_free(h)); /* waits for a beat that has begun */
    ints_release(pulse);
    printf("stopped: the heart is still\n");
}

static int app(void *arg) {
    (void)arg;
    by_hand();
    with_the_piece();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* context_cancel: one cancellation ends all that works for it.
 *
 * 1. Three workers, each with a context of its own below one parent; the parent is cancelled and says why.
 * 2. What is not below it goes on.
 * 3. Cancelling again changes nothing: the first cause counts.
 */
#include "../story.h"

struct worker {
    int id;
    gort_ctx *ctx;
    gort_chan *turn, *next; /* they speak in order */
};

static void work(void *arg) {
    struct worker *w = arg;
    char token;
    CHECK(gort_sleep_until(GORT_NEVER, w->ctx) == GORT_CANCELED); /* any call that waits takes a context */
    CHECK(gort_chan_recv(w->turn, &token) == GORT_OK);
    printf("worker %d stops: %s\n", w->id, gort_ctx_cause(w->ctx));
    OK(gort_chan_send(w->next, &token));
}

static int app(void *arg) {
    (void)arg;
    enum { N = 3 };
    char token = 1;
    struct worker workers[N];
    gort_chan *turns[N + 1];
    gort_wg *wg = gort_wg_new();
    gort_ctx *parent = gort_ctx_with_cancel(gort_ctx_background()), *other = gort_ctx_with_cancel(gort_ctx_background());
    CHECK(wg && parent && other);
    for (int i = 0; i <= N; i++) CHECK(turns[i] = gort_chan_new(1, 1));
    for (int i = 0; i < N; i++) {
        workers[i] = (struct worker){i + 1, gort_ctx_with_cancel(parent), turns[i], turns[i + 1]};
        CHECK(workers[i].ctx);
        OK(gort_wg_go(wg, work, &workers[i]));
    }
    OK(gort_ctx_cancel_cause(parent, "the user left")); /* when it returns, all below it have ended */
    bool all = true;
    for (int i = 0; i < N; i++) all = all && gort_ctx_is_done(workers[i].ctx);
    OK(gort_chan_send(turns[0], &token));
    OK(gort_wg_wait(wg));
    printf("all below it have ended: %s\n", all ? "yes" : "no");
    printf("another branch goes on: %s\n", gort_ctx_err(other) == GORT_OK ? "yes" : "no");
    OK(gort_ctx_cancel_cause(parent, "too late"));
    CHECK(workers[0].ctx && gort_ctx_cause(parent)[0] == 't' && gort_ctx_cause(parent)[4] == 'u');
    printf("cancelled again: nothing changes\n");

    for (int i = 0; i < N; i++) OK(gort_ctx_release(workers[i].ctx));
    for (int i = 0; i <= N; i++) OK(gort_chan_release(turns[i]));
    OK(gort_ctx_release(other)), OK(gort_ctx_release(parent)), OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go a child stays in its parent's list until one of them is cancelled; here a parent keeps no child, and one that is
 * released leaves nothing behind. Releasing does not cancel: that is gort_ctx_cancel. */

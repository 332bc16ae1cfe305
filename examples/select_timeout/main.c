/* select_timeout: a wait that ends after a time.
 *
 * 1. A message that comes in time, and one that does not: one more case, which is ready when the time has passed.
 * 2. A time for each wait: with every message the clock starts again.
 * 3. One deadline for the whole loop, however many messages come.
 */
#include "../story.h"

GORT_CHAN_DEFINE(const char *, texts);

struct sender {
    texts *to;
    int how_often;
};

static void greet(void *arg) {
    struct sender *s = arg;
    for (int i = 0; i < s->how_often && texts_send(s->to, "hello") == GORT_OK; i++) OK(gort_sleep(GORT_MS(1)));
}

static void once(texts *ch, int64_t patience) {
    const char *msg;
    gort_case cases[] = {texts_case_recv(ch, &msg), gort_case_after(patience)};
    switch (gort_select(cases, 2)) {
    case 0: printf("Got message: %s\n", msg); break;
    case 1: printf("Timeout\n"); break;
    default: CHECK(!"the select succeeds");
    }
}

static void until_silence(texts *ch) {
    const char *msg;
    gort_case cases[] = {texts_case_recv(ch, &msg), gort_case_after(GORT_MS(40))};
    int32_t which;
    do which = gort_select(cases, 2); /* counts the 40 ms anew each time */
    while (which == 0);
    CHECK(which == 1);
    printf("no message for a while, so nobody is taken to be there\n");
}

static void until_deadline(texts *ch) {
    const char *msg;
    int64_t deadline = gort_in(GORT_MS(40));
    int32_t which;
    do {
        int64_t left = deadline - gort_now();
        gort_case cases[] = {texts_case_recv(ch, &msg), gort_case_after(left)};
        which = gort_select(cases, 2);
    } while (which == 0);
    CHECK(which == 1);
    printf("messages kept coming, and the deadline ended the loop\n");
}

/* Reads what a sender of its own sends, then hangs up. */
static void listen(int how_often, void (*reader)(texts *)) {
    struct sender s = {.to = texts_new(0), .how_often = how_often};
    gort_wg *wg = gort_wg_new();
    CHECK(s.to && wg);
    OK(gort_wg_go(wg, greet, &s));
    reader(s.to);
    OK(texts_close(s.to));
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    texts_release(s.to);
}

static void patient(texts *ch) { once(ch, GORT_SEC(60)); }

static void in_vain(texts *ch) { once(ch, GORT_MS(20)); }

static int app(void *arg) {
    (void)arg;
    listen(1, patient);
    listen(0, in_vain);
    listen(5, until_silence);
    listen(1000000, until_deadline);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* In Go the case is a receive from time.After(d), a channel whose clock starts when it is made: in the loop it is a
 * time for each wait, in front of the loop a deadline for the whole. Here the case is made without a channel, and its
 * time is gone with the wait. Where the end of time is no case but a failure, gort_select_until says GORT_TIMED_OUT. */

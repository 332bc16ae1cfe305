/* select_two: wait for two sources at once.
 *
 * A receive waits for one channel. A select waits for several, and does whichever can go ahead first: here a receive
 * from ch1 or one from ch2. Nobody has to know beforehand which of the two will speak first.
 */
#include "../story.h"

GORT_CHAN_DEFINE(const char *, texts);

struct source {
    texts *out;
    const char *text;
    int64_t delay;
};

static void source(void *arg) {
    struct source *s = arg;
    OK(gort_sleep(s->delay));
    OK(texts_send(s->out, s->text));
}

static int app(void *arg) {
    (void)arg;
    texts *ch1 = texts_new(0), *ch2 = texts_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(ch1 && ch2 && wg);
    struct source one = {.out = ch1, .text = "Message from ch1", .delay = GORT_MS(20)};
    struct source two = {.out = ch2, .text = "Message from ch2", .delay = GORT_MS(40)};
    OK(gort_wg_go(wg, source, &one));
    OK(gort_wg_go(wg, source, &two));

    /* A case says what to do on which channel, and where the value goes. The array can be used again and again. */
    const char *msg1, *msg2;
    gort_case cases[] = {texts_case_recv(ch1, &msg1), texts_case_recv(ch2, &msg2)};
    for (int i = 0; i < 2; i++) {
        switch (gort_select(cases, 2)) { /* sleeps until one of them goes ahead, and gives its index */
        case 0: printf("Received: %s\n", msg1); break;
        case 1: printf("Received: %s\n", msg2); break;
        default: CHECK(!"a case goes ahead"); /* a negative status: the wait was ended otherwise */
        }
    }

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    texts_release(ch2);
    texts_release(ch1);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go, where select is a statement with the code of each case in it; here it is a call followed by a switch. Of
 * several cases that can go ahead one is chosen at random, as in Go. */

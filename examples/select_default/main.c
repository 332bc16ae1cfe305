/* select_default: look at several channels without waiting.
 *
 * gort_try_select does one of its cases if one can go ahead now. If none can it does not wait: it says
 * GORT_WOULD_BLOCK, which is not an error but the place for "else". So a task can look after its channels between two
 * steps of its work.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);
GORT_CHAN_DEFINE(const char *, texts);

static void look(texts *ch) {
    const char *msg;
    gort_case only[] = {texts_case_recv(ch, &msg)};
    if (gort_try_select(only, 1) == 0) {
        printf("Received: %s\n", msg);
    } else {
        printf("No message, moving on\n");
    }
}

static void serve(ints *ch1, ints *ch2) {
    int val;
    const int to_send = 42;
    gort_case cases[] = {ints_case_recv(ch1, &val), ints_case_send(ch2, &to_send)};
    switch (gort_try_select(cases, 2)) {
    case 0: printf("Received %d from ch1\n", val); break;
    case 1: printf("Sent value to ch2\n"); break;
    case GORT_WOULD_BLOCK: printf("No channel is ready\n"); break;
    default: CHECK(!"the select succeeds");
    }
}

/* A step of other work. The yield in it lets the other tasks have their turn. */
static void work(void) { gort_yield(); }

static void calculate(void *arg) {
    OK(gort_sleep(GORT_MS(5)));
    OK(ints_send(arg, 7));
}

static int app(void *arg) {
    (void)arg;
    /* One case and "else". */
    texts *ch = texts_new(1);
    CHECK(ch != NULL);
    look(ch);
    OK(texts_send(ch, "hello"));
    look(ch);

    /* A receive, a send, and "else". */
    int val;
    ints *ch1 = ints_new(0), *ch2 = ints_new(1);
    CHECK(ch1 && ch2);
    OK(ints_send(ch2, 42)); /* ch2 is full, and nobody sends to ch1 */
    serve(ch1, ch2);
    OK(ints_recv(ch2, &val)); /* now ch2 has room */
    serve(ch1, ch2);
    OK(ints_recv(ch2, &val));
    printf("Received %d from ch2\n", val);

    /* Polling: work goes on while the result is not there. */
    ints *result = ints_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(result && wg);
    OK(gort_wg_go(wg, calculate, result));
    gort_case arrived[] = {ints_case_recv(result, &val)};
    do work();
    while (gort_try_select(arrived, 1) == GORT_WOULD_BLOCK);
    printf("the result came between two steps of other work: %d\n", val);

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    ints_release(result);
    ints_release(ch2);
    ints_release(ch1);
    texts_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go, where "else" is the case `default`. For a single channel ints_try_recv and ints_try_send say the same. */

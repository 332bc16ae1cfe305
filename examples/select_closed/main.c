/* select_closed: what a closed channel is to a select.
 *
 * 1. Its case is ready, and the case's status says that nothing was received: Go's comma-ok.
 * 2. It is ready again each time. A loop that goes on with the others switches the case off: NULL for its channel.
 * 3. A case that sends is ready, too, when its channel is closed, and reports it.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

/* A channel that holds two values and is closed: they still come, then the close is seen. */
static ints *two_values(int first, int second) {
    ints *ch = ints_new(2);
    CHECK(ch != NULL);
    OK(ints_send(ch, first));
    OK(ints_send(ch, second));
    OK(ints_close(ch));
    return ch;
}

static void until_closed(void) {
    int val;
    ints *ch = two_values(1, 2);
    gort_case only[] = {ints_case_recv(ch, &val)};
    for (;;) {
        CHECK(gort_select(only, 1) == 0);
        if (only[0].status == GORT_CLOSED) break;
        printf("Got: %d\n", val);
    }
    printf("Channel closed\n");
    for (int i = 0; i < 3; i++) CHECK(gort_select(only, 1) == 0 && only[0].status == GORT_CLOSED);
    printf("ready three times in a row: it stays closed\n");
    ints_release(ch);
}

static void send_two(void *arg) {
    OK(ints_send(arg, 5));
    OK(ints_send(arg, 6));
    OK(ints_close(arg));
}

static void until_both_closed(void) {
    int val[2];
    const char *const name[] = {"a", "b"};
    ints *a = two_values(3, 4), *b = ints_new(0);
    gort_wg *wg = gort_wg_new();
    CHECK(b && wg);
    gort_case cases[] = {ints_case_recv(a, &val[0]), ints_case_recv(b, &val[1])};
    for (int open = 2; open > 0;) {
        int32_t i = gort_select(cases, 2);
        CHECK(i >= 0);
        if (cases[i].status == GORT_OK) {
            printf("%s: %d\n", name[i], val[i]);
            continue;
        }
        printf("%s is closed, its case is switched off\n", name[i]);
        cases[i].chan = NULL; /* never ready from now on; without this line it would be ready in every round */
        open--;
        if (i == 0) OK(gort_wg_go(wg, send_two, b)); /* b speaks after a: the order is always the same */
    }
    CHECK(gort_try_select(cases, 2) == GORT_WOULD_BLOCK);
    printf("with every case switched off nothing is ready\n");
    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    ints_release(b);
    ints_release(a);
}

static void send_to_closed(void) {
    const int val = 7;
    ints *ch = ints_new(1);
    CHECK(ch != NULL);
    OK(ints_close(ch));
    gort_case only[] = {ints_case_send(ch, &val)};
    CHECK(gort_select(only, 1) == 0);
    printf("a send to a closed channel does not go ahead: %s\n", gort_status_name(only[0].status));
    ints_release(ch);
}

static int app(void *arg) {
    (void)arg;
    until_closed();
    until_both_closed();
    send_to_closed();
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go: `case val, ok := <-ch`, and `ch = nil` to switch a case off. A select that would send to a closed channel
 * panics in Go; here the case has the status GORT_CLOSED. */

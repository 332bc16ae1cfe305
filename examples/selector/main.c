/* selector: hundreds of channels, registered once.
 *
 * A select looks at each of its cases each time it is called. That is right for a few. A selector keeps its cases from
 * wait to wait, so a wait costs what has happened, whatever the number of channels. They may come and go between the
 * waits.
 */
#include "../story.h"

enum { CHANNELS = 300, EACH = 10 };

GORT_CHAN_DEFINE(int, ints);

struct guest {
    ints *ch;
    int value; /* what was received last: the selector writes it */
    int next;  /* what has to come next */
};

static void source(void *arg) {
    struct guest *g = arg;
    for (int n = 0; n < EACH; n++) OK(ints_send(g->ch, n));
    OK(ints_close(g->ch));
}

static void say_seven(void *arg) { OK(ints_send(arg, 7)); }

/* Registers one channel more, before the others speak, and hears it. */
static void late_guest(gort_selector *s, gort_wg *wg) {
    int value;
    ints *ch = ints_new(0);
    CHECK(ch != NULL);
    int32_t index = gort_selector_add(s, ints_case_recv(ch, &value));
    OK(gort_wg_go(wg, say_seven, ch));
    CHECK(gort_selector_wait(s, NULL) == index);
    printf("one that joins later is heard: %d\n", value);
    OK(gort_selector_remove(s, index));
    OK(gort_wg_wait(wg));
    ints_release(ch);
}

/* Receives until all are closed. */
static int listen(gort_selector *s, struct guest *guests) {
    int received = 0;
    for (int open = CHANNELS; open > 0;) {
        gort_status status;
        int32_t i = gort_selector_wait(s, &status); /* the index that gort_selector_add gave */
        CHECK(i >= 0);
        if (status == GORT_CLOSED) {
            OK(gort_selector_remove(s, i)); /* else it would be ready each time */
            open--;
        } else {
            CHECK(guests[i].value == guests[i].next++);
            received++;
        }
    }
    return received;
}

static int app(void *arg) {
    (void)arg;
    static struct guest guests[CHANNELS];
    gort_selector *s = gort_selector_new();
    gort_wg *wg = gort_wg_new();
    CHECK(s && wg);
    for (int i = 0; i < CHANNELS; i++) {
        guests[i] = (struct guest){.ch = ints_new(0)};
        CHECK(guests[i].ch != NULL);
        CHECK(gort_selector_add(s, ints_case_recv(guests[i].ch, &guests[i].value)) == i); /* 0, 1, 2, ... */
    }
    printf("%d channels are registered\n", CHANNELS);
    late_guest(s, wg);

    for (int i = 0; i < CHANNELS; i++) OK(gort_wg_go(wg, source, &guests[i]));
    printf("%d values received, those of each channel in their order\n", listen(s, guests));
    printf("all channels are closed, and taken out\n");

    int32_t nobody = gort_selector_wait_until(s, NULL, gort_in(GORT_MS(5)), NULL);
    printf("nobody is left to wait for: %s\n", gort_status_name(nobody));

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    OK(gort_selector_free(s));
    for (int i = 0; i < CHANNELS; i++) ints_release(guests[i].ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go has no such thing. There every channel gets a goroutine that passes its values on to a shared one; or
 * reflect.Select takes the list of cases, and looks at all of them, each time. */

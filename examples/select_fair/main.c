/* select_fair: when several cases are ready, chance decides.
 *
 * If the first ready case always went ahead, a busy first channel would starve the second. So each ready case has the
 * same chance. Ten thousand choices between two are like ten thousand tosses of a coin: 5000 each, give or take 50 (one
 * sigma, the square root of 10000 * 1/2 * 1/2). Here ten sigma are allowed. A fair coin exceeds that once in 10^23
 * attempts.
 */
#include "../story.h"

GORT_CHAN_DEFINE(int, ints);

enum { CHOICES = 10000, SIGMA = 50 };

static const char *judge(int count) {
    int off = abs(count - CHOICES / 2);
    return off <= 10 * SIGMA ? "chosen about half of the time" : "NOT chosen about half of the time";
}

static int app(void *arg) {
    (void)arg;
    int val[2], count[2] = {0, 0};
    ints *ch[] = {ints_new(1), ints_new(1)};
    CHECK(ch[0] && ch[1]);
    gort_case cases[] = {ints_case_recv(ch[0], &val[0]), ints_case_recv(ch[1], &val[1])};
    OK(ints_send(ch[0], 0));
    OK(ints_send(ch[1], 0));

    for (int n = 0; n < CHOICES; n++) {
        int32_t which = gort_select(cases, 2);
        CHECK(which >= 0);
        count[which]++;
        OK(ints_send(ch[which], n)); /* so both are ready again */
    }
    printf("ten thousand choices between two ready cases\n");
    printf("the first: %s\n", judge(count[0]));
    printf("the second: %s\n", judge(count[1]));

    /* Where an order is wanted, say so: a stop signal before the next job. */
    for (int n = 0; n < 100; n++) {
        CHECK(gort_select_biased(cases, 2) == 0);
        OK(ints_send(ch[0], n));
    }
    printf("biased: always the first\n");
    OK(ints_recv(ch[0], &val[0]));
    CHECK(gort_select_biased(cases, 2) == 1);
    printf("biased, and the first is not ready: the second\n");

    ints_release(ch[1]);
    ints_release(ch[0]);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go, which has no select with an order: there one asks the important channel alone first, with a default. */

/* fan_out: one producer, many consumers.
 *
 * All consumers receive from the same channel. Each value goes to exactly one of them: whoever is free takes the next.
 * Nothing is lost, nothing comes twice.
 */
#include "../story.h"

#define CONSUMERS 4
#define VALUES 1000

GORT_CHAN_DEFINE(int, ints);

struct consumer {
    int id, count;
    ints *in;
    unsigned char *times; /* how often each value came: no lock, since each value has one taker */
};

static void consume(void *arg) {
    struct consumer *c = arg;
    int v;
    while (ints_recv(c->in, &v) == GORT_OK) {
        c->times[v]++;
        c->count++;
        if (v % 100 == 0) gort_yield(); /* now and then let the others come first */
    }
    printf("consumer %d has ended\n", c->id);
}

static int app(void *arg) {
    (void)arg;
    static unsigned char times[VALUES];
    ints *ch = ints_new(8);
    gort_wg *wg = gort_wg_new();
    CHECK(ch && wg);
    struct consumer c[CONSUMERS];
    for (int i = 0; i < CONSUMERS; i++) {
        c[i] = (struct consumer){.id = i + 1, .in = ch, .times = times};
        OK(gort_wg_go(wg, consume, &c[i]));
    }
    for (int v = 0; v < VALUES; v++) OK(ints_send(ch, v)); /* the producer is this task */
    OK(ints_close(ch));
    OK(gort_wg_wait(wg));

    int once = 0, total = 0;
    for (int v = 0; v < VALUES; v++) once += times[v] == 1;
    for (int i = 0; i < CONSUMERS; i++) total += c[i].count;
    printf("%d values sent, %d received, %d exactly once\n", VALUES, total, once);
    OK(gort_wg_free(wg));
    ints_release(ch);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. Who gets how many is not promised. */

/* happens_before: what one task wrote before, the other sees after.
 *
 * Tasks on different processors do not see each other's writes by themselves. A channel or a WaitGroup orders them:
 *   1. what was written before a send is seen after the receive of that value;
 *   2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
 *   3. what was written before close is seen after a receive that says CLOSED;
 *   4. what was written before done is seen after wait.
 * All fields below are plain: no lock, no atomic. A thread sanitizer has nothing to say about this program.
 */
#include "../story.h"

#define ROUNDS 1000

struct shared {
    int a, b; /* plain fields, written by one task and read by the other */
    gort_chan *ch;
};

static int right(const struct shared *s, int i) { return s->a == i && s->b == 2 * i; }

static void write_fields(struct shared *s, int i) {
    s->a = i;
    s->b = 2 * i;
}

static void send_after_write(void *arg) {
    struct shared *s = arg;
    write_fields(s, 1);
    OK(gort_chan_send(s->ch, NULL));
}

static void receive_after_write(void *arg) {
    struct shared *s = arg;
    write_fields(s, 2);
    OK(gort_chan_recv(s->ch, NULL));
}

static void close_after_write(void *arg) {
    struct shared *s = arg;
    write_fields(s, 3);
    OK(gort_chan_close(s->ch));
}

static void only_write(void *arg) { write_fields(arg, 4); }

static int app(void *arg) {
    int *seen = arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct shared s = {.ch = gort_chan_new(0, 1)};
        CHECK(s.ch != NULL);

        OK(gort_wg_go(wg, send_after_write, &s));
        OK(gort_chan_recv(s.ch, NULL));
        seen[0] += right(&s, 1);
        OK(gort_wg_wait(wg));

        OK(gort_chan_send(s.ch, NULL)); /* the one place is taken */
        OK(gort_wg_go(wg, receive_after_write, &s));
        OK(gort_chan_send(s.ch, NULL)); /* waits for the receive */
        seen[1] += right(&s, 2);
        OK(gort_wg_wait(wg));
        OK(gort_chan_recv(s.ch, NULL));

        OK(gort_wg_go(wg, close_after_write, &s));
        CHECK(gort_chan_recv(s.ch, NULL) == GORT_CLOSED);
        seen[2] += right(&s, 3);
        OK(gort_wg_wait(wg));

        OK(gort_wg_go(wg, only_write, &s));
        OK(gort_wg_wait(wg));
        seen[3] += right(&s, 4);
        OK(gort_chan_release(s.ch));
    }
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) {
    static const char *const rule[] = {"send before receive", "receive before a later send", "close before CLOSED",
                                       "done before wait"};
    int seen[4] = {0};
    gort_status run = gort_run(app, seen, NULL);
    for (int i = 0; i < 4; i++) printf("%s: seen %d times of %d\n", rule[i], seen[i], ROUNDS);
    return story_end(run);
}

/* As in Go's memory model. */

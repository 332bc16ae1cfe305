/* happens_before: what one task wrote before, the other sees after.
 *
 * Tasks on different processors do not see each other's writes by themselves. What they call of gort orders them:
 *   1. what was written before a send is seen after the receive of that value;
 *   2. on a channel of capacity C, what was written before the k-th receive is seen after the (k+C)-th send;
 *   3. on an unbuffered channel, what was written before a receive is seen after the send it took the value of;
 *   4. what was written before close is seen after a receive that says CLOSED;
 *   5. what was written before a task was started is seen by it;
 *   6. what a task wrote is seen after its join;
 *   7. what was written before done is seen after wait;
 *   8. what was written before a cancellation is seen after CANCELED.
 * All fields below are plain: no lock, no atomic. ThreadSanitizer has nothing to say about this program (check.py asks it); it does have if
 * a rule is broken: write the fields after the send, say. docs/memory-model.md has every rule.
 */
#include "../story.h"

#define ROUNDS 1000

struct shared {
    int a, b; /* plain fields, written by one task and read by the other */
    gort_chan *ch, *unbuffered;
    int *seen; /* how often each rule held; plain as well */
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

static void meet_after_write(void *arg) {
    struct shared *s = arg;
    write_fields(s, 3);
    OK(gort_chan_recv(s->unbuffered, NULL));
}

static void close_after_write(void *arg) {
    struct shared *s = arg;
    write_fields(s, 4);
    OK(gort_chan_close(s->ch));
}

static void only_write(void *arg) { write_fields(arg, 7); }

static void *look_at_start(void *arg) {
    struct shared *s = arg;
    s->seen[4] += right(s, 5);
    write_fields(s, 6);
    return NULL;
}

static void *look_when_canceled(void *arg) {
    struct shared *s = arg;
    CHECK(gort_sleep(GORT_NEVER) == GORT_CANCELED);
    s->seen[7] += right(s, 8);
    return NULL;
}

static void channels(struct shared *s, gort_wg *wg) {
    OK(gort_wg_go(wg, send_after_write, s));
    OK(gort_chan_recv(s->ch, NULL));
    s->seen[0] += right(s, 1);
    OK(gort_wg_wait(wg));

    OK(gort_chan_send(s->ch, NULL)); /* the one place is taken */
    OK(gort_wg_go(wg, receive_after_write, s));
    OK(gort_chan_send(s->ch, NULL)); /* waits for the receive */
    s->seen[1] += right(s, 2);
    OK(gort_wg_wait(wg));
    OK(gort_chan_recv(s->ch, NULL));

    OK(gort_wg_go(wg, meet_after_write, s));
    OK(gort_chan_send(s->unbuffered, NULL));
    s->seen[2] += right(s, 3);
    OK(gort_wg_wait(wg));

    OK(gort_wg_go(wg, close_after_write, s));
    CHECK(gort_chan_recv(s->ch, NULL) == GORT_CLOSED);
    s->seen[3] += right(s, 4);
    OK(gort_wg_wait(wg));
}

static void tasks(struct shared *s, gort_wg *wg) {
    gort_task *t;
    write_fields(s, 5);
    OK(gort_spawn(NULL, look_at_start, s, &t));
    OK(gort_task_join(t, NULL));
    s->seen[5] += right(s, 6);
    OK(gort_task_release(t));

    OK(gort_wg_go(wg, only_write, s));
    OK(gort_wg_wait(wg));
    s->seen[6] += right(s, 7);

    OK(gort_spawn(NULL, look_when_canceled, s, &t));
    write_fields(s, 8);
    OK(gort_task_cancel(t));
    OK(gort_task_join(t, NULL));
    OK(gort_task_release(t));
}

static int app(void *arg) {
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < ROUNDS; i++) {
        struct shared s = {.ch = gort_chan_new(0, 1), .unbuffered = gort_chan_new(0, 0), .seen = arg};
        CHECK(s.ch != NULL && s.unbuffered != NULL);
        channels(&s, wg);
        tasks(&s, wg);
        OK(gort_chan_release(s.ch));
        OK(gort_chan_release(s.unbuffered));
    }
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) {
    static const char *const rule[] = {
        "send before receive", "receive before a later send", "receive before the send that met it", "close before CLOSED",
        "start before the task", "end before join", "done before wait", "cancel before CANCELED",
    };
    int seen[8] = {0};
    gort_status run = gort_run(app, seen, NULL);
    for (int i = 0; i < 8; i++) printf("%s: seen %d times of %d\n", rule[i], seen[i], ROUNDS);
    return story_end(run);
}

/* As in Go's memory model; joins and cancellations Go does not have. */

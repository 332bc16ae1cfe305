/* sharded_channel: one hot channel, or N of them picked by key.
 *
 * A channel that everybody uses is a place where everybody queues. If only values of one key have to stay in order, a
 * channel for each group of keys does as well: the same key always takes the same way, different keys do not wait for
 * each other. The result is the same; what is gained is time, and that is a matter for a benchmark.
 */
#include "../story.h"

#define SHARDS 4
#define KEYS 16
#define EACH 250 /* messages a key */

struct message {
    int key, number;
};

GORT_CHAN_DEFINE(struct message, messages);

struct account {
    long sum;
    int last; /* number of the last message: they must come in order */
};

struct consumer {
    messages *in;
    struct account *accounts; /* no lock: a key belongs to one shard, and a shard to one consumer */
};

static void consume(void *arg) {
    struct consumer *c = arg;
    struct message m;
    while (messages_recv(c->in, &m) == GORT_OK) {
        struct account *a = &c->accounts[m.key];
        CHECK(m.number == a->last + 1);
        a->last = m.number;
        a->sum += (long)m.key * m.number;
    }
}

struct producer {
    int key;
    messages *out;
};

static void produce(void *arg) {
    struct producer *p = arg;
    for (int n = 1; n <= EACH; n++) OK(messages_send(p->out, (struct message){.key = p->key, .number = n}));
}

static long run_with(int shards, struct account accounts[KEYS]) {
    messages *ch[SHARDS];
    struct consumer c[SHARDS];
    struct producer p[KEYS];
    gort_wg *producers = gort_wg_new(), *consumers = gort_wg_new();
    CHECK(producers && consumers);
    for (int i = 0; i < shards; i++) {
        CHECK((ch[i] = messages_new(16)) != NULL);
        c[i] = (struct consumer){.in = ch[i], .accounts = accounts};
        OK(gort_wg_go(consumers, consume, &c[i]));
    }
    for (int k = 0; k < KEYS; k++) {
        p[k] = (struct producer){.key = k, .out = ch[k % shards]}; /* the key picks the shard */
        OK(gort_wg_go(producers, produce, &p[k]));
    }
    OK(gort_wg_wait(producers));
    for (int i = 0; i < shards; i++) OK(messages_close(ch[i]));
    OK(gort_wg_wait(consumers));
    for (int i = 0; i < shards; i++) messages_release(ch[i]);
    OK(gort_wg_free(producers));
    OK(gort_wg_free(consumers));
    long total = 0;
    for (int k = 0; k < KEYS; k++) total += accounts[k].sum;
    return total;
}

static int app(void *arg) {
    (void)arg;
    struct account hot[KEYS] = {{0}}, sharded[KEYS] = {{0}};
    printf("one channel: %ld\n", run_with(1, hot));
    printf("%d shards: %ld\n", SHARDS, run_with(SHARDS, sharded));
    int same = 0;
    for (int k = 0; k < KEYS; k++) same += hot[k].sum == sharded[k].sum;
    printf("the same for %d keys of %d, each in order\n", same, KEYS);
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* As in Go. */

/* sharded_counter: one number that many tasks add to: under one lock, in shards by hand, in a counter made for it.
 *
 * Whoever adds to a number under a lock waits for the others, though nobody is interested in the number yet. So each adds
 * to a part of its own, and who wants to know adds up the parts. What that gains is a matter for a benchmark (counter_5x1m).
 */
#include "../story.h"

#define TASKS 8
#define EACH 10000
#define SHARDS 4

struct shard {
    gort_mutex lock;
    long n;         /* guarded by lock */
    char apart[48]; /* a cache line for each */
};

static struct shard one, many[SHARDS]; /* zero is unlocked */
static gort_counter *counter;

static void add_under_one_lock(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) GORT_LOCKED(&one.lock) one.n++;
}

static void add_to_a_shard(void *arg) {
    struct shard *mine = arg;
    for (int i = 0; i < EACH; i++) GORT_LOCKED(&mine->lock) mine->n++;
}

static void add_to_the_counter(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) OK(gort_counter_add(counter, 1)); /* a shard for each thread, no lock */
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    long sum = 0;
    int64_t before;
    CHECK(wg && (counter = gort_counter_new()));

    for (int t = 0; t < TASKS; t++) OK(gort_wg_go(wg, add_under_one_lock, NULL));
    OK(gort_wg_wait(wg));
    printf("one lock: %ld\n", one.n);

    for (int t = 0; t < TASKS; t++) OK(gort_wg_go(wg, add_to_a_shard, &many[t % SHARDS]));
    OK(gort_wg_wait(wg));
    for (int s = 0; s < SHARDS; s++) sum += many[s].n;
    printf("%d shards: %ld\n", SHARDS, sum);

    for (int t = 0; t < TASKS; t++) OK(gort_wg_go(wg, add_to_the_counter, NULL));
    OK(gort_wg_wait(wg)); /* now its value is exact */
    printf("counter: %lld\n", (long long)gort_counter_value(counter));

    OK(gort_counter_reset(counter, &before));
    OK(gort_counter_add(counter, 5));
    OK(gort_counter_add(counter, -2));
    printf("%lld until the reset, %lld since\n", (long long)before, (long long)gort_counter_value(counter));
    OK(gort_counter_free(counter));
    return (int)gort_wg_free(wg);
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go has no such counter; there it is shards by hand, or an atomic, which is one place for all. */

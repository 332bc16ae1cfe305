/* cond_queue: a queue of bounded length between producers and consumers, by hand.
 *
 * A condition is for waiting until something that a mutex guards has changed. The wait unlocks the mutex, and has it again
 * when it returns; so what was true under the lock must be looked at again: hence the loops.
 * (A buffered channel is this, ready made.)
 */
#include "../story.h"

enum { ROOM = 4, EACH = 50 };

static gort_mutex lock = GORT_MUTEX_INIT;
static gort_cond not_empty = GORT_COND_INIT, not_full = GORT_COND_INIT;
static int queued, most, consumed; /* guarded by lock */

static void produce(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        OK(gort_mutex_lock(&lock));
        while (queued == ROOM) OK(gort_cond_wait(&not_full, &lock));
        if (++queued > most) most = queued;
        OK(gort_mutex_unlock(&lock));
        OK(gort_cond_signal(&not_empty)); /* one who waits goes on, in the order of coming */
    }
}

static void consume(void *arg) {
    (void)arg;
    for (int i = 0; i < EACH; i++) {
        OK(gort_mutex_lock(&lock));
        while (queued == 0) OK(gort_cond_wait(&not_empty, &lock));
        queued--;
        consumed++;
        OK(gort_mutex_unlock(&lock));
        OK(gort_cond_signal(&not_full));
    }
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < 2; i++) {
        OK(gort_wg_go(wg, produce, NULL));
        OK(gort_wg_go(wg, consume, NULL));
    }
    OK(gort_wg_wait(wg));
    printf("produced %d, consumed %d\n", 2 * EACH, consumed);
    printf("the queue never held more than %d\n", most);

    OK(gort_mutex_lock(&lock));
    gort_status s = gort_cond_wait_until(&not_empty, &lock, gort_in(GORT_MS(1)), NULL);
    CHECK(s == GORT_TIMED_OUT && gort_mutex_try_lock(&lock) == GORT_WOULD_BLOCK);
    printf("nobody comes: timed out, and the mutex is locked again\n");
    OK(gort_mutex_unlock(&lock));
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: its Wait has no limit. */

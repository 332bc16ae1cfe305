/* mutex_vs_atomic: the same total, under a lock and with an atomic.
 *
 * For one number an atomic add is enough, and quicker. As soon as two things must change together (a balance and its
 * history), it takes the lock: two atomic operations are two, and another task may see the state between them.
 * How much quicker is a benchmark row (mutex_5x1m, atomic_5x1m) and no line of this story.
 */
#include "../story.h"

enum { TASKS = 5, STEPS = 1000000 };

static gort_mutex lock;
static int64_t under_lock; /* guarded by lock */
static int64_t atomic_sum; /* used by gort_atomic_i64_ functions alone */

static void add_under_lock(void *arg) {
    (void)arg;
    for (int i = 0; i < STEPS; i++) {
        gort_mutex_lock(&lock);
        under_lock++;
        gort_mutex_unlock(&lock);
    }
}

static void add_atomically(void *arg) {
    (void)arg;
    for (int i = 0; i < STEPS; i++) gort_atomic_i64_add(&atomic_sum, 1);
}

/* Two things that change together: the sum of both stays the same, and whoever looks under the lock sees that. */
static int64_t left = 1000, right; /* guarded by lock */

static void move_over(void *arg) {
    (void)arg;
    for (int i = 0; i < 100; i++) {
        GORT_LOCKED(&lock) {
            left--;
            gort_yield(); /* a moment in which the sum is wrong; nobody sees it */
            right++;
        }
    }
}

static void look(void *arg) {
    int *wrong = arg;
    for (int i = 0; i < 100; i++) {
        GORT_LOCKED(&lock) *wrong += left + right != 1000;
        gort_yield();
    }
}

static int app(void *arg) {
    (void)arg;
    int wrong = 0;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, add_under_lock, NULL));
    OK(gort_wg_wait(wg));
    printf("under a mutex: %d\n", (int)under_lock);
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, add_atomically, NULL));
    OK(gort_wg_wait(wg));
    printf("with an atomic: %d\n", (int)atomic_sum);

    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, move_over, NULL));
    OK(gort_wg_go(wg, look, &wrong));
    OK(gort_wg_wait(wg));
    printf("two numbers that change together: %d and %d, seen wrong %d times\n", (int)left, (int)right, wrong);
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* atomic_counter: a number that several tasks change without a lock.
 *
 * An atomic operation cannot be seen half done: two tasks that add at the same instant both count. C has <stdatomic.h> for
 * it, which is the right choice in C. The functions below do the same on plain numbers, in C++ and with old compilers too.
 */
#include "../story.h"

enum { TASKS = 5, STEPS = 10000 };

static int64_t counter;            /* used by gort_atomic_i64_ functions alone */
static int64_t largest, free_seat; /* so are these */

static void count(void *arg) {
    (void)arg;
    for (int i = 0; i < STEPS; i++) gort_atomic_i64_add(&counter, 1);
}

/* What there is no operation for is done by a loop: read, work it out, and write only if nobody else has written. */
static void raise_to(int64_t value) {
    int64_t seen = gort_atomic_i64_load(&largest);
    while (seen < value && !gort_atomic_i64_compare_and_swap(&largest, seen, value)) seen = gort_atomic_i64_load(&largest);
}

static void raise(void *arg) {
    int64_t first = *(int64_t *)arg;
    for (int64_t i = 0; i < STEPS; i++) raise_to(first + i * TASKS);
}

static void take_seat(void *arg) {
    int *won = arg;
    *won = gort_atomic_i64_compare_and_swap(&free_seat, 1, 0);
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);

    /* 1. add gives the new value; load and store are whole. */
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, count, NULL));
    OK(gort_wg_wait(wg));
    printf("five tasks, ten thousand steps each: %d\n", (int)gort_atomic_i64_load(&counter));
    printf("three less: %d\n", (int)gort_atomic_i64_add(&counter, -3));
    gort_atomic_i64_store(&counter, 7);

    /* 2. swap gives the old value. */
    int old = (int)gort_atomic_i64_swap(&counter, 8);
    printf("swap: %d, now %d\n", old, (int)gort_atomic_i64_load(&counter));

    /* 3. compare and swap: only if it is still what it was. */
    int first = gort_atomic_i64_compare_and_swap(&counter, 8, 9);
    int second = gort_atomic_i64_compare_and_swap(&counter, 8, 10);
    printf("8 to 9: %s, 8 to 10: %s\n", first ? "yes" : "no", second ? "yes" : "no");

    /* 4. One seat, five who want it: one gets it. */
    int won[TASKS], winners = 0;
    gort_atomic_i64_store(&free_seat, 1);
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, take_seat, &won[i]));
    OK(gort_wg_wait(wg));
    for (int i = 0; i < TASKS; i++) winners += won[i];
    printf("one seat, five who want it: %d got it\n", winners);

    /* 5. The loop. */
    int64_t firsts[TASKS];
    for (int i = 0; i < TASKS; i++) {
        firsts[i] = i;
        OK(gort_wg_go(wg, raise, &firsts[i]));
    }
    OK(gort_wg_wait(wg));
    printf("the largest of fifty thousand: %d\n", (int)gort_atomic_i64_load(&largest));

    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs in nothing: Add gives the new value there, Swap, And and Or the old one, and all are sequentially consistent. */

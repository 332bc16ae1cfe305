/* mutex_counter: one at a time.
 *
 * Five tasks count together. counter++ is read, add, write: a task that is interrupted between the read and the write would
 * undo what others did meanwhile. Between lock and unlock there is one task only, so no step is lost.
 *
 * A gort_mutex is a plain struct: zeroed storage is an unlocked one, and there is nothing to free. A task that has to wait
 * for it parks; its thread goes on with other tasks.
 */
#include "../story.h"

enum { TASKS = 5, STEPS = 1000 };

static gort_mutex lock; /* zero, so unlocked */
static int counter;     /* guarded by lock */

static void count(void *arg) {
    (void)arg;
    for (int i = 0; i < STEPS; i++) {
        gort_mutex_lock(&lock); /* a plain lock never fails, so nobody need look */
        int seen = counter;
        if (i % 100 == 0) gort_yield(); /* another task runs here, and finds it locked */
        counter = seen + 1;
        gort_mutex_unlock(&lock);
    }
}

/* There is no owner: anybody may unlock. */
static void unlock_for_main(void *arg) {
    (void)arg;
    OK(gort_mutex_unlock(&lock));
}

/* GORT_LOCKED unlocks however its block is left: by return, too. GORT_GUARD does it for the rest of a scope. */
static int take_one(int fail) {
    GORT_LOCKED(&lock) {
        if (fail) return -1;
        counter--;
    }
    return counter;
}

static int app(void *arg) {
    (void)arg;
    gort_wg *wg = gort_wg_new();
    CHECK(wg != NULL);

    /* 1. The right result. */
    for (int i = 0; i < TASKS; i++) OK(gort_wg_go(wg, count, NULL));
    OK(gort_wg_wait(wg));
    printf("five tasks, a thousand steps each: %d\n", counter);

    /* 2. Locked here, unlocked in another task. */
    OK(gort_mutex_lock(&lock));
    OK(gort_wg_go(wg, unlock_for_main, NULL));
    OK(gort_mutex_lock(&lock)); /* waits for that task */
    printf("another task unlocked it, main has it again\n");

    /* 3. Only if it is free; only for a while. */
    printf("try_lock while it is locked: %s\n", gort_status_name(gort_mutex_try_lock(&lock)));
    printf("lock within five milliseconds: %s\n", gort_status_name(gort_mutex_lock_until(&lock, gort_in(GORT_MS(5)), NULL)));
    OK(gort_mutex_unlock(&lock));
    printf("try_lock when it is free: %s\n", gort_status_name(gort_mutex_try_lock(&lock)));
    OK(gort_mutex_unlock(&lock));

    /* 4. Misuse is a status, and changes nothing. */
    printf("unlock of an unlocked one: %s\n", gort_status_name(gort_mutex_unlock(&lock)));

    /* 5. The body fails, and it is unlocked all the same. */
    CHECK(take_one(1) == -1);
    OK(gort_mutex_try_lock(&lock));
    OK(gort_mutex_unlock(&lock));
    printf("the body failed, and the lock is free\n");

    /* 6. A copy is no second name of the same lock. One that is made while it is locked is locked as well, for ever: nobody
     * has it, so nobody will unlock it. Run this with GORT_DEBUG_LOCKS=1, and stderr says "is a copy of the one at ...",
     * with the line where that was locked. */
    OK(gort_mutex_lock(&lock));
    gort_mutex copy = lock;
    OK(gort_mutex_unlock(&lock));
    CHECK(gort_mutex_try_lock(&copy) == GORT_WOULD_BLOCK);
    printf("a copy is a mistake\n");

    OK(gort_wg_wait(wg));
    OK(gort_wg_free(wg));
    return 0;
}

int main(void) { return story_end(gort_run(app, NULL, NULL)); }

/* Go differs: unlock of an unlocked mutex ends the process there, and cannot be recovered from. There is no lock with a
 * deadline. go vet finds copies; gort says so when it happens, if GORT_DEBUG_LOCKS is set. */

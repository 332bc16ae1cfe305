/*
 * rwmutex.c: reader/writer locks and conditions, of tasks and threads: all forms, the macros, and their mistakes.
 *
 * What it is NOT: order and fairness; those are core's tests/rwmutex.rs and tests/cond.rs.
 */
#include "harness.h"

static gort_rwmutex zeroed;
static gort_rwmutex initialised = GORT_RWMUTEX_INIT;
static long both[2]; /* guarded by zeroed: equal */

static void read_and_write(void *arg) {
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        if (i % 4 == 0) {
            EXPECT_OK(gort_rwmutex_lock(&zeroed));
            both[0]++;
            if (i % 16 == 0) gort_yield(); /* somebody else runs into it */
            both[1]++;
            EXPECT_OK(gort_rwmutex_unlock(&zeroed));
        } else {
            EXPECT_OK(gort_rwmutex_rlock(&zeroed));
            long first = both[0];
            if (i % 7 == 0) gort_yield();
            EXPECT(first == both[1] && first == both[0]);
            EXPECT_OK(gort_rwmutex_runlock(&zeroed));
        }
    }
}

static void *on_thread(void *arg) {
    read_and_write(arg);
    return NULL;
}

static int hammer_main(void *arg) {
    int n = 400;
    pthread_t thread;
    gort_wg *wg = gort_wg_new();
    (void)arg;
    EXPECT(pthread_create(&thread, NULL, on_thread, &n) == 0);
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, read_and_write, &n));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return (int)pthread_join(thread, NULL);
}

static void nobody_reads_beside_a_writer(void) {
    in_run(hammer_main, NULL);
    EXPECT(both[0] == 6 * 100 && both[1] == both[0]);
}

static void forms_and_mistakes(void) {
    gort_rwmutex *l = &initialised;
    EXPECT_IS(gort_rwmutex_unlock(l), GORT_MISUSE);
    EXPECT(error_says("not locked for writing"));
    EXPECT_IS(gort_rwmutex_runlock(l), GORT_MISUSE);
    EXPECT(error_says("not locked for reading"));
    EXPECT_OK(gort_rwmutex_try_rlock(l));
    EXPECT_OK(gort_rwmutex_rlock_until(l, 0, NULL)); /* beside another reader, so at once */
    EXPECT_IS(gort_rwmutex_try_lock(l), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_rwmutex_lock_until(l, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_rwmutex_unlock(l), GORT_MISUSE); /* and it changed nothing */
    EXPECT_OK(gort_rwmutex_runlock(l));
    EXPECT_OK(gort_rwmutex_runlock(l));
    EXPECT_IS(gort_rwmutex_runlock(l), GORT_MISUSE);
    EXPECT_OK(gort_rwmutex_try_lock(l));
    EXPECT_IS(gort_rwmutex_try_rlock(l), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_rwmutex_rlock_until(l, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_rwmutex_runlock(l), GORT_MISUSE);
    EXPECT_OK(gort_rwmutex_unlock(l));
    EXPECT_OK(gort_rwmutex_lock_until(l, 0, NULL));
    EXPECT_OK(gort_rwmutex_unlock(l));
    EXPECT_IS(gort_rwmutex_lock(NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_rlock(NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_try_lock(NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_try_rlock(NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_lock_until(NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_rlock_until(NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_unlock(NULL), GORT_INVALID);
    EXPECT_IS(gort_rwmutex_runlock(NULL), GORT_INVALID);
}

static int leave_by_return(gort_rwmutex *l, bool writes) {
    if (writes) {
        GORT_WLOCKED(l) return 1;
    }
    GORT_RLOCKED(l) return 2;
    return 0;
}

static void macros_unlock_however_they_are_left(void) {
    gort_rwmutex l = GORT_RWMUTEX_INIT;
    int inside = 0;
    EXPECT(leave_by_return(&l, true) == 1 && leave_by_return(&l, false) == 2);
    GORT_RLOCKED(&l) {
        GORT_RLOCKED(&l) inside += gort_rwmutex_try_lock(&l) == GORT_WOULD_BLOCK;
        inside += gort_rwmutex_try_lock(&l) == GORT_WOULD_BLOCK;
    }
    GORT_WLOCKED(&l) {
        inside += gort_rwmutex_try_rlock(&l) == GORT_WOULD_BLOCK;
        break; /* leaves the block */
    }
    EXPECT(inside == 3);
    EXPECT_OK(gort_rwmutex_try_lock(&l));
}

static void *lock_and_unlock(void *arg) {
    EXPECT_OK(gort_rwmutex_lock((gort_rwmutex *)arg)); /* ignores that it is cancelled */
    EXPECT_OK(gort_rwmutex_unlock((gort_rwmutex *)arg));
    return NULL;
}

static void *lock_within(void *arg) {
    EXPECT_IS(gort_rwmutex_rlock_until((gort_rwmutex *)arg, GORT_NEVER, NULL), GORT_CANCELED);
    return NULL;
}

static int cancel_main(void *arg) {
    gort_rwmutex l = GORT_RWMUTEX_INIT;
    gort_task *plain_one, *other;
    (void)arg;
    EXPECT_OK(gort_rwmutex_lock(&l));
    EXPECT_OK(gort_spawn(NULL, lock_and_unlock, &l, &plain_one));
    EXPECT_OK(gort_spawn(NULL, lock_within, &l, &other));
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_task_cancel(plain_one));
    EXPECT_OK(gort_task_cancel(other));
    EXPECT_OK(gort_task_join(other, NULL));
    EXPECT_OK(gort_rwmutex_unlock(&l));
    EXPECT_OK(gort_task_join(plain_one, NULL));
    EXPECT_OK(gort_task_release(plain_one));
    EXPECT_OK(gort_task_release(other));
    return 0;
}

static void plain_lock_ignores_cancellation(void) {
    in_run(cancel_main, NULL);
}

static void child_of_a_fork_finds_it_free(void) {
    static gort_rwmutex l;
    int status;
    EXPECT_OK(gort_rwmutex_lock(&l));
    pid_t pid = fork_among_threads();
    if (pid == 0) _exit(gort_rwmutex_try_lock(&l) == GORT_OK && gort_rwmutex_unlock(&l) == GORT_OK ? 0 : 1);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT_OK(gort_rwmutex_unlock(&l));
}

/* --- conditions --------------------------------------------------------------------------------------------------------------- */

typedef struct {
    gort_mutex m;
    gort_cond c;
    int items, taken, over;
} queue;

static void *take_all(void *arg) {
    queue *q = (queue *)arg;
    EXPECT_OK(gort_mutex_lock(&q->m));
    for (;;) {
        while (q->items == 0 && !q->over) EXPECT_OK(gort_cond_wait(&q->c, &q->m));
        if (q->items == 0) break;
        q->items--;
        q->taken++;
    }
    EXPECT_OK(gort_mutex_unlock(&q->m));
    return NULL;
}

static int queue_main(void *arg) {
    queue q = {GORT_MUTEX_INIT, GORT_COND_INIT, 0, 0, 0};
    gort_task *tasks[3];
    pthread_t thread;
    (void)arg;
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_spawn(NULL, take_all, &q, &tasks[i]));
    EXPECT(pthread_create(&thread, NULL, take_all, &q) == 0);
    for (int i = 0; i < 1000; i++) {
        GORT_LOCKED(&q.m) q.items++;
        EXPECT_OK(gort_cond_signal(&q.c));
        if (i % 10 == 0) gort_yield();
    }
    GORT_LOCKED(&q.m) q.over = 1;
    EXPECT_OK(gort_cond_broadcast(&q.c));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT(q.taken == 1000 && q.items == 0);
    return 0;
}

static void condition_loses_no_signal(void) {
    in_run(queue_main, NULL);
}

static void condition_forms_and_mistakes(void) {
    gort_cond c = GORT_COND_INIT;
    gort_mutex m = GORT_MUTEX_INIT;
    EXPECT_IS(gort_cond_wait(&c, &m), GORT_MISUSE);
    EXPECT(error_says("not locked"));
    EXPECT_OK(gort_mutex_lock(&m));
    EXPECT_IS(gort_cond_wait_until(&c, &m, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_cond_wait_until(&c, &m, 0, NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_mutex_try_lock(&m), GORT_WOULD_BLOCK); /* locked again */
    EXPECT_OK(gort_mutex_unlock(&m));
    EXPECT_OK(gort_cond_signal(&c));
    EXPECT_OK(gort_cond_broadcast(&c));
    EXPECT_IS(gort_cond_wait(NULL, &m), GORT_INVALID);
    EXPECT_IS(gort_cond_wait(&c, NULL), GORT_INVALID);
    EXPECT_IS(gort_cond_signal(NULL), GORT_INVALID);
    EXPECT_IS(gort_cond_broadcast(NULL), GORT_INVALID);
}

TESTS(CASE(nobody_reads_beside_a_writer), CASE(forms_and_mistakes), CASE(macros_unlock_however_they_are_left),
      CASE(plain_lock_ignores_cancellation), CASE(child_of_a_fork_finds_it_free), CASE(condition_loses_no_signal),
      CASE(condition_forms_and_mistakes))

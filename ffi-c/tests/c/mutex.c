/*
 * mutex.c: mutexes of tasks and threads: in static storage and on the heap, all three forms, the two macros, and their mistakes.
 *
 * What it is NOT: fairness and order; those are core's tests/mutex.rs.
 */
#include "harness.h"

static gort_mutex zeroed;
static gort_mutex initialised = GORT_MUTEX_INIT;
static long plain; /* guarded by zeroed */

static void add_many(void *arg) {
    int n = *(int *)arg;
    for (int i = 0; i < n; i++) {
        EXPECT_OK(gort_mutex_lock(&zeroed));
        plain++;
        if (i % 16 == 0) gort_yield(); /* somebody else runs into it */
        EXPECT_OK(gort_mutex_unlock(&zeroed));
    }
}

static void *add_on_thread(void *arg) {
    add_many(arg);
    return NULL;
}

static int hammer_main(void *arg) {
    int n = 500;
    pthread_t thread;
    gort_wg *wg = gort_wg_new();
    (void)arg;
    EXPECT(pthread_create(&thread, NULL, add_on_thread, &n) == 0);
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_wg_go(wg, add_many, &n));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return (int)pthread_join(thread, NULL);
}

static void tasks_and_threads_take_turns(void) {
    in_run(hammer_main, NULL);
    EXPECT_OK(gort_mutex_lock(&zeroed));
    EXPECT(plain == 6 * 500);
    EXPECT_OK(gort_mutex_unlock(&zeroed));
}

static void forms_and_mistakes(void) {
    EXPECT_IS(gort_mutex_unlock(&initialised), GORT_MISUSE);
    EXPECT(error_says("not locked"));
    EXPECT_OK(gort_mutex_try_lock(&initialised));
    EXPECT_IS(gort_mutex_try_lock(&initialised), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_mutex_lock_until(&initialised, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_mutex_lock_until(&initialised, 0, NULL), GORT_TIMED_OUT);
    EXPECT_OK(gort_mutex_unlock(&initialised));
    EXPECT_OK(gort_mutex_lock_until(&initialised, 0, NULL)); /* free, so at once */
    EXPECT_OK(gort_mutex_unlock(&initialised));
    EXPECT_IS(gort_mutex_unlock(&initialised), GORT_MISUSE);
    EXPECT_IS(gort_mutex_lock(NULL), GORT_INVALID);
    EXPECT_IS(gort_mutex_try_lock(NULL), GORT_INVALID);
    EXPECT_IS(gort_mutex_lock_until(NULL, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_mutex_unlock(NULL), GORT_INVALID);
}

/* The functions behind the inline ones: the same, for pointers. */
static void function_pointers_do_it_too(void) {
    gort_status (*lock)(gort_mutex *) = gort_mutex_lock;
    gort_status (*try_lock)(gort_mutex *) = gort_mutex_try_lock;
    gort_status (*unlock)(gort_mutex *) = gort_mutex_unlock;
    gort_mutex m = GORT_MUTEX_INIT;
    for (int i = 0; i < 3; i++) { /* each form against the other */
        EXPECT_OK(lock(&m));
        EXPECT_IS(gort_mutex_try_lock(&m), GORT_WOULD_BLOCK);
        EXPECT_OK(gort_mutex_unlock(&m));
        EXPECT_OK(gort_mutex_lock(&m));
        EXPECT_IS(try_lock(&m), GORT_WOULD_BLOCK);
        EXPECT_OK(unlock(&m));
        EXPECT_OK(gort_mutex_try_lock(&m));
        EXPECT_OK(unlock(&m));
        EXPECT_IS(gort_mutex_unlock(&m), GORT_MISUSE);
    }
#if defined(gort_mutex_lock)
    /* What the inline forms rest on is there since the calls above, and it is what a locked mutex is. */
    EXPECT_OK(gort_mutex_lock(&m));
    EXPECT(getenv("GORT_DEBUG_LOCKS") != NULL || gort_mutex_word_ == m.word);
    EXPECT_OK(gort_mutex_unlock(&m));
    EXPECT(m.word == 0);
#endif
}

static int leave(gort_mutex *m, int how) {
    for (int i = 0; i < 2; i++) {
        GORT_LOCKED(m) {
            EXPECT_IS(gort_mutex_try_lock(m), GORT_WOULD_BLOCK);
            if (how == 0) return 1;
            if (how == 1) break;
            if (how == 2) continue;
            if (how == 3) goto out;
        }
        EXPECT_OK(gort_mutex_try_lock(m)); /* break and continue left the block only */
        EXPECT_OK(gort_mutex_unlock(m));
    }
    return 2;
out:
    return 3;
}

static void macros_unlock_however_they_are_left(void) {
    gort_mutex m = GORT_MUTEX_INIT;
    EXPECT(leave(&m, 0) == 1 && leave(&m, 1) == 2 && leave(&m, 2) == 2 && leave(&m, 3) == 3 && leave(&m, 4) == 2);
    {
        GORT_GUARD(&m);
        EXPECT_IS(gort_mutex_try_lock(&m), GORT_WOULD_BLOCK);
    }
    EXPECT_OK(gort_mutex_try_lock(&m));
    EXPECT_OK(gort_mutex_unlock(&m));
}

typedef struct {
    gort_mutex *m;
    int *got;
} want;

static void *take_plain(void *arg) {
    want *w = (want *)arg;
    EXPECT_OK(gort_mutex_lock(w->m)); /* cancelled or not (K3) */
    ADD(*w->got, 1);
    EXPECT_OK(gort_mutex_unlock(w->m));
    return NULL;
}

static void *take_within(void *arg) {
    want *w = (want *)arg;
    EXPECT_IS(gort_mutex_lock_until(w->m, GORT_NEVER, NULL), GORT_CANCELED);
    ADD(*w->got, 1);
    return NULL;
}

static int cancel_main(void *arg) {
    (void)arg;
    int got = 0;
    gort_mutex m = GORT_MUTEX_INIT;
    want w = {&m, &got};
    gort_task *a, *b;
    EXPECT_OK(gort_mutex_lock(&m));
    EXPECT_OK(gort_spawn(NULL, take_plain, &w, &a));
    EXPECT_OK(gort_spawn(NULL, take_within, &w, &b));
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_task_cancel(a));
    EXPECT_OK(gort_task_cancel(b));
    EXPECT_OK(gort_task_join(b, NULL));
    EXPECT(COUNT(got) == 1);
    EXPECT_OK(gort_mutex_unlock(&m));
    EXPECT_OK(gort_task_join(a, NULL));
    EXPECT(COUNT(got) == 2);
    EXPECT_OK(gort_task_release(a));
    EXPECT_OK(gort_task_release(b));
    return 0;
}

static void plain_lock_ignores_cancellation(void) {
    in_run(cancel_main, NULL);
}

/* The mutex is freed as soon as its last user has unlocked it. */
static void *unlock_last(void *arg) {
    gort_mutex *m = (gort_mutex *)arg;
    EXPECT_OK(gort_mutex_lock(m));
    EXPECT_OK(gort_mutex_unlock(m));
    free(m);
    return NULL;
}

static int free_main(void *arg) {
    (void)arg;
    for (int i = 0; i < 200; i++) {
        gort_mutex *m = (gort_mutex *)calloc(1, sizeof *m);
        gort_task *t;
        EXPECT_OK(gort_mutex_lock(m));
        EXPECT_OK(gort_spawn(NULL, unlock_last, m, &t));
        if (i % 2) gort_yield();
        EXPECT_OK(gort_mutex_unlock(m)); /* m may be gone from here on */
        EXPECT_OK(gort_task_join(t, NULL));
        EXPECT_OK(gort_task_release(t));
    }
    return 0;
}

static void memory_may_go_after_the_last_unlock(void) {
    in_run(free_main, NULL);
}

static void child_of_a_fork_finds_it_free(void) {
    static gort_mutex m;
    int status;
    EXPECT_OK(gort_mutex_lock(&m));
    pid_t pid = fork_among_threads();
    if (pid == 0) {
        int free_here = gort_mutex_try_lock(&m) == GORT_OK && gort_mutex_unlock(&m) == GORT_OK;
        _exit(free_here ? 0 : 1);
    }
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT_OK(gort_mutex_unlock(&m));
}

/* What gort writes to stderr while `body` runs. */
static void written(char *text, size_t size, void (*body)(void)) {
    FILE *file = tmpfile();
    int old = dup(2);
    EXPECT(file != NULL && old >= 0 && dup2(fileno(file), 2) == 2);
    body();
    EXPECT(dup2(old, 2) == 2);
    rewind(file);
    text[fread(text, 1, size - 1, file)] = 0;
    (void)fclose(file);
    (void)close(old);
}

static int times(const char *text, const char *word) {
    int n = 0;
    for (const char *at = text; (at = strstr(at, word)) != NULL; at++) n++;
    return n;
}

static void wrong_orders_a_copy_and_twice(void) {
    gort_mutex a = GORT_MUTEX_INIT, b = GORT_MUTEX_INIT, copy;
    for (int i = 0; i < 2; i++) {
        GORT_LOCKED(&a) GORT_LOCKED(&b) {}
        GORT_LOCKED(&b) GORT_LOCKED(&a) {}
    }
    EXPECT_OK(gort_mutex_lock(&a));
    copy = a;
    EXPECT_IS(gort_mutex_lock_until(&a, 0, NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_mutex_try_lock(&copy), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_mutex_unlock(&a));
    EXPECT_IS(gort_mutex_try_lock(&copy), GORT_WOULD_BLOCK); /* locked for ever, unless it is unlocked itself */
    EXPECT_OK(gort_mutex_unlock(&copy));
}

/* GORT_DEBUG_LOCKS: each report once, with places in this program. */
static void watched_locks_are_reported(void) {
    char text[4000];
    EXPECT(setenv("GORT_DEBUG_LOCKS", "1", 1) == 0);
    written(text, sizeof text, wrong_orders_a_copy_and_twice);
    EXPECT(times(text, "different orders") == 1);
    EXPECT(times(text, "twice") == 1);
    EXPECT(times(text, "is a copy of") == 1);
    EXPECT(times(text, "/mutex") == 7); /* four, two and one places: this program's file */
    EXPECT(times(text, "not known") == 0);
    if (test_failures) fprintf(stderr, "%s", text);
}

TESTS(CASE(tasks_and_threads_take_turns), CASE(forms_and_mistakes), CASE(function_pointers_do_it_too), CASE(macros_unlock_however_they_are_left),
      CASE(plain_lock_ignores_cancellation), CASE(memory_may_go_after_the_last_unlock), CASE(child_of_a_fork_finds_it_free),
      CASE(watched_locks_are_reported))

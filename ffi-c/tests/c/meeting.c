/*
 * meeting.c: semaphores, barriers, events, and what is done once; of tasks and threads: all forms and their mistakes.
 *
 * What it is NOT: order and races; those are core's tests/semaphore.rs and tests/meeting.rs.
 */
#include "harness.h"

/* --- semaphores --------------------------------------------------------------------------------------------------------------- */

static gort_sem three = GORT_SEM_INIT(3);
static int inside;

static void take_some(void *arg) {
    uint32_t n = (uint32_t)(*(int *)arg);
    for (int i = 0; i < 200; i++) {
        EXPECT_OK(gort_sem_acquire(&three, n));
        EXPECT(ADD(inside, (int)n) <= 3);
        if (i % 8 == 0) gort_yield();
        ADD(inside, -(int)n);
        EXPECT_OK(gort_sem_release(&three, n));
    }
}

static void *take_on_thread(void *arg) {
    take_some(arg);
    return NULL;
}

static int sem_main(void *arg) {
    static int n[4] = {1, 2, 3, 1};
    pthread_t thread;
    gort_wg *wg = gort_wg_new();
    (void)arg;
    EXPECT(pthread_create(&thread, NULL, take_on_thread, &n[1]) == 0);
    for (int i = 0; i < 4; i++) EXPECT_OK(gort_wg_go(wg, take_some, &n[i]));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return (int)pthread_join(thread, NULL);
}

static void never_more_than_there_are(void) {
    in_run(sem_main, NULL);
    EXPECT(gort_sem_available(&three) == 3);
}

static void semaphore_forms_and_mistakes(void) {
    gort_sem s = GORT_SEM_INIT(2);
    EXPECT_IS(gort_sem_acquire(&s, 3), GORT_LIMIT);
    EXPECT(error_says("3 units of a semaphore of 2"));
    EXPECT_IS(gort_sem_release(&s, 1), GORT_MISUSE);
    EXPECT(error_says("fewer than 1"));
    EXPECT_OK(gort_sem_try_acquire(&s, 2));
    EXPECT_IS(gort_sem_try_acquire(&s, 1), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_sem_acquire_until(&s, 1, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_sem_release(&s, 3), GORT_MISUSE);
    EXPECT(gort_sem_available(&s) == 0);
    EXPECT_OK(gort_sem_release(&s, 2));
    EXPECT_OK(gort_sem_acquire_until(&s, 1, 0, NULL)); /* it is there, so at once */
    EXPECT(gort_sem_available(&s) == 1);
    EXPECT_IS(gort_sem_acquire(NULL, 1), GORT_INVALID);
    EXPECT_IS(gort_sem_try_acquire(NULL, 1), GORT_INVALID);
    EXPECT_IS(gort_sem_acquire_until(NULL, 1, 0, NULL), GORT_INVALID);
    EXPECT_IS(gort_sem_release(NULL, 1), GORT_INVALID);
    EXPECT(gort_sem_available(NULL) == 0);
}

/* --- barriers ----------------------------------------------------------------------------------------------------------------- */

static gort_barrier all = GORT_BARRIER_INIT(4);
static int arrivals, lasts;

static void *go_round(void *arg) {
    (void)arg;
    for (int round = 0; round < 100; round++) {
        bool last = false;
        ADD(arrivals, 1);
        EXPECT_OK(gort_barrier_wait(&all, &last));
        ADD(lasts, last);
        int seen = COUNT(arrivals);
        EXPECT(seen >= 4 * (round + 1) && seen < 4 * (round + 2));
    }
    return NULL;
}

static int barrier_main(void *arg) {
    gort_task *tasks[3];
    pthread_t thread;
    (void)arg;
    EXPECT(pthread_create(&thread, NULL, go_round, NULL) == 0);
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_spawn(NULL, go_round, NULL, &tasks[i]));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    return (int)pthread_join(thread, NULL);
}

static void barrier_keeps_all_in_step(void) {
    in_run(barrier_main, NULL);
    EXPECT(COUNT(lasts) == 100 && gort_barrier_arrived(&all) == 0);
}

static void barrier_forms_and_mistakes(void) {
    gort_barrier one = GORT_BARRIER_INIT(1), two = GORT_BARRIER_INIT(2), none = GORT_BARRIER_INIT(0);
    bool last = false;
    EXPECT_OK(gort_barrier_wait(&one, &last));
    EXPECT(last);
    EXPECT_OK(gort_barrier_wait(&one, NULL));
    EXPECT_OK(gort_barrier_try_wait(&one));
    EXPECT_IS(gort_barrier_try_wait(&two), GORT_WOULD_BLOCK);
    last = false;
    EXPECT_IS(gort_barrier_wait_until(&two, &last, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT(!last && gort_barrier_arrived(&two) == 0);
    EXPECT_IS(gort_barrier_wait(&none, NULL), GORT_INVALID);
    EXPECT(error_says("no parties"));
    EXPECT_IS(gort_barrier_wait(NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_barrier_try_wait(NULL), GORT_INVALID);
    EXPECT_IS(gort_barrier_wait_until(NULL, NULL, 0, NULL), GORT_INVALID);
    EXPECT(gort_barrier_arrived(NULL) == 0);
}

/* --- events ------------------------------------------------------------------------------------------------------------------- */

static void *wait_for(void *arg) {
    EXPECT_OK(gort_event_wait((gort_event *)arg));
    return NULL;
}

static int event_main(void *arg) {
    gort_event e = GORT_EVENT_INIT;
    gort_task *tasks[3];
    pthread_t thread;
    (void)arg;
    for (int i = 0; i < 3; i++) EXPECT_OK(gort_spawn(NULL, wait_for, &e, &tasks[i]));
    EXPECT(pthread_create(&thread, NULL, wait_for, &e) == 0);
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_event_set(&e));
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    EXPECT(pthread_join(thread, NULL) == 0);
    EXPECT_OK(gort_event_clear(&e));
    EXPECT_IS(gort_event_wait_until(&e, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT_IS(gort_event_try_wait(&e), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_event_set(&e));
    EXPECT_OK(gort_event_try_wait(&e));
    EXPECT_OK(gort_event_wait_until(&e, 0, NULL));
    EXPECT(gort_event_is_set(&e));
    return 0;
}

static void event_lets_all_go_on(void) {
    in_run(event_main, NULL);
    EXPECT_IS(gort_event_set(NULL), GORT_INVALID);
    EXPECT_IS(gort_event_clear(NULL), GORT_INVALID);
    EXPECT_IS(gort_event_wait(NULL), GORT_INVALID);
    EXPECT_IS(gort_event_try_wait(NULL), GORT_INVALID);
    EXPECT_IS(gort_event_wait_until(NULL, 0, NULL), GORT_INVALID);
    EXPECT(!gort_event_is_set(NULL));
}

/* --- once --------------------------------------------------------------------------------------------------------------------- */

static gort_once start;
static int starts;

static void start_up(void *arg) {
    gort_yield();
    ADD(starts, *(int *)arg);
}

static void start_and_look(void *arg) {
    EXPECT_OK(gort_once_do(&start, start_up, arg));
    EXPECT(COUNT(starts) == 1 && gort_once_is_done(&start));
}

static void *start_on_thread(void *arg) {
    start_and_look(arg);
    return NULL;
}

static int once_main(void *arg) {
    int one = 1;
    pthread_t thread;
    gort_wg *wg = gort_wg_new();
    (void)arg;
    EXPECT(pthread_create(&thread, NULL, start_on_thread, &one) == 0);
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_wg_go(wg, start_and_look, &one));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return (int)pthread_join(thread, NULL);
}

static void once_for_all_who_come(void) {
    in_run(once_main, NULL);
}

static void once_inside(void *arg) {
    gort_once *once = (gort_once *)arg;
    int one = 1;
    EXPECT_IS(gort_once_try_do(once, start_up, &one), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_once_do_until(once, start_up, &one, gort_in(GORT_MS(1)), NULL), GORT_TIMED_OUT);
    EXPECT(!gort_once_is_done(once));
}

static void once_forms_and_mistakes(void) {
    gort_once once = GORT_ONCE_INIT;
    EXPECT_IS(gort_once_do(&once, NULL, NULL), GORT_INVALID);
    EXPECT_IS(gort_once_do(NULL, start_up, NULL), GORT_INVALID);
    EXPECT_IS(gort_once_try_do(NULL, start_up, NULL), GORT_INVALID);
    EXPECT_IS(gort_once_do_until(NULL, start_up, NULL, 0, NULL), GORT_INVALID);
    EXPECT(!gort_once_is_done(NULL) && !gort_once_is_done(&once));
    EXPECT_OK(gort_once_do(&once, once_inside, &once));
    EXPECT_OK(gort_once_try_do(&once, start_up, NULL)); /* done: it is not called */
    EXPECT_OK(gort_once_do_until(&once, start_up, NULL, 0, NULL));
    EXPECT_OK(gort_once_do(&once, start_up, NULL));
    EXPECT(gort_once_is_done(&once));
}

static void child_of_a_fork_finds_nothing_taken(void) {
    static gort_sem s = GORT_SEM_INIT(1);
    int status;
    EXPECT_OK(gort_sem_acquire(&s, 1));
    pid_t pid = fork_among_threads();
    if (pid == 0) _exit(gort_sem_try_acquire(&s, 1) == GORT_OK && gort_sem_release(&s, 1) == GORT_OK ? 0 : 1);
    EXPECT(waitpid(pid, &status, 0) == pid && status == 0);
    EXPECT_OK(gort_sem_release(&s, 1));
}

TESTS(CASE(never_more_than_there_are), CASE(semaphore_forms_and_mistakes), CASE(barrier_keeps_all_in_step),
      CASE(barrier_forms_and_mistakes), CASE(event_lets_all_go_on), CASE(once_for_all_who_come),
      CASE(once_forms_and_mistakes), CASE(child_of_a_fork_finds_nothing_taken))

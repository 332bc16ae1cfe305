/*
 * task.c: starting, joining, cancelling and naming tasks; sleep, yield, shields, blocking sections, stacks, affinity.
 *
 * What it is NOT: what a run does with the tasks it leaves (run.c), or tasks that block without saying so (blocking.c).
 */
#include "harness.h"

#include <stddef.h>
#include <sys/syscall.h>
#include <time.h>

GORT_CHAN_DEFINE(int, ints);

/* Runs the body of a test as a task. */
static int call_body(void *arg) {
    void (**body)(void) = (void (**)(void))arg;
    (*body)();
    return 0;
}

static void as_task(void (*body)(void)) {
    in_run(call_body, &body);
}

/* --- go ------------------------------------------------------------------------------------------------------------ */

static void set_flag(void *arg) {
    SET(*(int *)arg, 1);
}

static void go_runs_the_function_without_a_run(void) {
    int flag = 0;
    EXPECT_OK(gort_go(set_flag, &flag));
    AWAIT(COUNT(flag));
}

enum { COPIES = 64 };

static int copies_right;

static void check_copy(void *arg) {
    const unsigned char *bytes = (const unsigned char *)arg;
    int right = (uintptr_t)arg % _Alignof(max_align_t) == 0;
    for (int i = 1; i < bytes[0]; i++) right &= bytes[i] == (unsigned char)(bytes[0] + i);
    ADD(copies_right, right);
}

static void check_no_copy(void *arg) {
    (void)arg;
    ADD(copies_right, 1);
}

static void go_copy_body(void) {
    unsigned char bytes[COPIES];
    for (int size = 1; size < COPIES; size++) {
        bytes[0] = (unsigned char)size;
        for (int i = 1; i < size; i++) bytes[i] = (unsigned char)(size + i);
        EXPECT_OK(gort_go_copy(check_copy, bytes, (size_t)size));
        memset(bytes, 0, sizeof bytes); /* the task has its own */
    }
    EXPECT_OK(gort_go_copy(check_no_copy, NULL, 0));
    AWAIT_IN_TASK(COUNT(copies_right) == COPIES);
}

static void go_copy_gives_the_task_its_own_bytes(void) {
    as_task(go_copy_body);
}

/* --- join ---------------------------------------------------------------------------------------------------------- */

static void *add_one(void *arg) {
    return (char *)arg + 1;
}

static void *slowly_add_one(void *arg) {
    EXPECT_OK(gort_sleep(GORT_MS(20)));
    return add_one(arg);
}

static void join_body(void) {
    char place[2];
    void *result = NULL;
    gort_task *task = NULL;
    EXPECT_OK(gort_spawn(NULL, slowly_add_one, place, &task));
    EXPECT(gort_task_id(task) != 0); /* also of the first task of a process */
    EXPECT_IS(gort_task_try_join(task, &result), GORT_WOULD_BLOCK);
    EXPECT_IS(gort_task_join_until(task, &result, gort_in(GORT_MS(2)), NULL), GORT_TIMED_OUT);
    EXPECT(result == NULL);
    EXPECT_OK(gort_task_join(task, &result));
    EXPECT(result == place + 1);
    result = NULL;
    EXPECT_OK(gort_task_join(task, &result)); /* again: the same */
    EXPECT(result == place + 1);
    EXPECT_OK(gort_task_try_join(task, NULL));
    EXPECT_OK(gort_task_join_until(task, NULL, 0, NULL));
    EXPECT_OK(gort_task_cancel(task)); /* has ended: no error */
    EXPECT_OK(gort_task_release(task));
}

static void join_gives_the_result_and_may_be_asked_again(void) {
    as_task(join_body);
}

static void thread_joins_a_task_without_a_run(void) {
    join_body();
}

static int joined;

static void join_it(void *arg) {
    void *result = NULL;
    EXPECT_OK(gort_task_join((gort_task *)arg, &result));
    EXPECT(result == (char *)NULL + 1);
    ADD(joined, 1);
}

static void many_join_body(void) {
    gort_task *task = NULL;
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_spawn(NULL, slowly_add_one, NULL, &task));
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_wg_go(wg, join_it, task));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(joined) == 10);
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(gort_task_release(task));
}

static void many_may_join_one_task(void) {
    as_task(many_join_body);
}

static int flag_of_released;

static void *sleep_and_flag(void *arg) {
    EXPECT_OK(gort_sleep(GORT_MS(10)));
    set_flag(arg);
    return NULL;
}

static void release_body(void) {
    gort_task *task = NULL;
    EXPECT_OK(gort_spawn(NULL, sleep_and_flag, &flag_of_released, &task));
    EXPECT_OK(gort_task_release(task));
    AWAIT_IN_TASK(COUNT(flag_of_released));
}

static void released_task_runs_on(void) {
    as_task(release_body);
}

static void *join_myself(void *arg) {
    gort_task **self = (gort_task **)arg;
    AWAIT_IN_TASK(__atomic_load_n(self, __ATOMIC_SEQ_CST) != NULL);
    EXPECT_IS(gort_task_join(*self, NULL), GORT_MISUSE);
    return NULL;
}

static void self_join_body(void) {
    gort_task *self = NULL, *task = NULL;
    EXPECT_OK(gort_spawn(NULL, join_myself, &self, &task));
    __atomic_store_n(&self, task, __ATOMIC_SEQ_CST);
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
}

static void task_that_joins_itself_is_misuse(void) {
    as_task(self_join_body);
}

/* --- name, id, options --------------------------------------------------------------------------------------------- */

static void names_body(void) {
    char name[] = "a name";
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    gort_task *named = NULL, *plain = NULL;
    options.name = name;
    EXPECT_OK(gort_spawn(&options, slowly_add_one, NULL, &named));
    memset(name, 'x', sizeof name - 1); /* was copied */
    EXPECT_OK(gort_spawn(NULL, add_one, NULL, &plain));
    EXPECT(strcmp(gort_task_name(named), "a name") == 0);
    EXPECT(strcmp(gort_task_name(plain), "") == 0);
    EXPECT(gort_task_id(named) != 0 && gort_task_id(plain) != 0 && gort_task_id(named) != gort_task_id(plain));
    uint64_t id = gort_task_id(named);
    EXPECT_OK(gort_task_join(named, NULL));
    EXPECT(gort_task_id(named) == id && strcmp(gort_task_name(named), "a name") == 0);
    EXPECT_OK(gort_task_release(named));
    EXPECT_OK(gort_task_release(plain));
}

static void name_and_id_stay_with_the_handle(void) {
    as_task(names_body);
}

static void bad_options_are_invalid(void) {
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    gort_task *task = NULL;
    options.affinity = 17;
    EXPECT_IS(gort_spawn(&options, add_one, NULL, &task), GORT_INVALID);
    EXPECT(error_says("affinity"));
    options.affinity = GORT_AFFINITY_ANY;
    options.reserved[0] = 1;
    EXPECT_IS(gort_spawn(&options, add_one, NULL, &task), GORT_INVALID);
    EXPECT(error_says("reserved"));
    options.reserved[0] = 0;
    options.struct_size = 1;
    EXPECT_IS(gort_spawn(&options, add_one, NULL, &task), GORT_INVALID);
    EXPECT(error_says("struct_size"));
    options.struct_size = sizeof options;
    options.stack_size = (size_t)1 << 40;
    EXPECT_IS(gort_spawn(&options, add_one, NULL, &task), GORT_INVALID);
    EXPECT(task == NULL);
}

static void *use_stack(void *arg) {
    volatile char big[900 * 1024];
    for (size_t i = 0; i < sizeof big; i += 1024) big[i] = (char)i;
    gort_yield();
    size_t wrong = 0;
    for (size_t i = 0; i < sizeof big; i += 1024) wrong += big[i] != (char)i;
    return wrong ? NULL : arg;
}

static void stack_body(void) {
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    options.stack_size = 1 << 20;
    for (int i = 0; i < 3; i++) {
        gort_task *task = NULL;
        void *result = NULL;
        EXPECT_OK(gort_spawn(&options, use_stack, &task, &task));
        EXPECT_OK(gort_task_join(task, &result));
        EXPECT(result == &task);
        EXPECT_OK(gort_task_release(task));
    }
}

static void stack_size_is_honoured(void) {
    as_task(stack_body);
}

static void *stay_on_thread(void *arg) {
    long here = syscall(SYS_gettid); /* pthread_self() is asked only once by a compiler that believes it constant */
    for (int i = 0; i < 300; i++) {
        if (i % 50 == 0) {
            EXPECT_OK(gort_sleep(GORT_MS(1)));
        } else {
            gort_yield();
        }
        if (!EXPECT(syscall(SYS_gettid) == here)) break;
    }
    return arg;
}

static void affinity_body(void) {
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    gort_task *tasks[20];
    options.affinity = GORT_AFFINITY_THREAD;
    for (int i = 0; i < 20; i++) EXPECT_OK(gort_spawn(&options, stay_on_thread, NULL, &tasks[i]));
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
}

static void affinity_thread_keeps_the_thread(void) {
    as_task(affinity_body);
}

/* --- cancellation -------------------------------------------------------------------------------------------------- */

typedef struct {
    ints *chan;
    gort_wg *wg;
    gort_task *other;
    int kind;
} blocked;

static void *be_cancelled(void *arg) {
    blocked *b = (blocked *)arg;
    int value = 0;
    for (int again = 0; again < 3; again++) { /* a level, not an edge */
        switch (b->kind) {
        case 0: EXPECT_IS(ints_recv(b->chan, &value), GORT_CANCELED); break;
        case 1: EXPECT_IS(ints_send(b->chan, 1), GORT_CANCELED); break;
        case 2: EXPECT_IS(gort_sleep(GORT_SEC(20)), GORT_CANCELED); break;
        case 3: EXPECT_IS(gort_sleep_until(gort_in(GORT_SEC(20)), NULL), GORT_CANCELED); break;
        case 4: EXPECT_IS(gort_wg_wait(b->wg), GORT_CANCELED); break;
        case 5: EXPECT_IS(gort_task_join(b->other, NULL), GORT_CANCELED); break;
        case 6: EXPECT_IS(ints_recv_until(b->chan, &value, gort_in(GORT_SEC(20)), NULL), GORT_CANCELED); break;
        default: EXPECT_IS(gort_wg_wait_until(b->wg, gort_in(GORT_SEC(20)), NULL), GORT_CANCELED);
        }
    }
    return NULL;
}

static void *sleep_for_ever(void *arg) {
    EXPECT_IS(gort_sleep(GORT_NEVER), GORT_CANCELED);
    return arg;
}

static void cancel_body(void) {
    enum { KINDS = 8 };
    blocked b[KINDS];
    gort_task *tasks[KINDS], *other = NULL;
    ints *chan = ints_new(0);
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_add(wg, 1));
    EXPECT_OK(gort_spawn(NULL, sleep_for_ever, NULL, &other));
    for (int i = 0; i < KINDS; i++) {
        /* a sender and a receiver on one channel would meet */
        b[i].chan = i == 1 ? ints_new(0) : chan;
        b[i].wg = wg;
        b[i].other = other;
        b[i].kind = i;
        EXPECT_OK(gort_spawn(NULL, be_cancelled, &b[i], &tasks[i]));
    }
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    for (int i = 0; i < KINDS; i++) {
        EXPECT_OK(gort_task_cancel(tasks[i]));
        EXPECT_OK(gort_task_join(tasks[i], NULL));
        EXPECT_OK(gort_task_release(tasks[i]));
    }
    EXPECT_OK(gort_task_cancel(other));
    EXPECT_OK(gort_task_join(other, NULL));
    EXPECT_OK(gort_task_release(other));
    EXPECT_OK(ints_release(b[1].chan));
    EXPECT_OK(ints_release(chan));
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static void cancel_ends_every_blocking_call_for_good(void) {
    as_task(cancel_body);
}

static int cleaned;

static void *clean_up(void *arg) {
    int value = 0;
    ints *c = (ints *)arg;
    EXPECT_IS(ints_recv(c, &value), GORT_CANCELED);
    EXPECT_OK(gort_shield_begin());
    EXPECT_OK(gort_shield_begin()); /* nests */
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    EXPECT_OK(gort_shield_end());
    EXPECT_OK(ints_recv(c, &value));
    EXPECT(value == 8);
    EXPECT_OK(gort_shield_end());
    EXPECT_IS(ints_recv(c, &value), GORT_CANCELED);
    EXPECT_IS(gort_shield_end(), GORT_MISUSE);
    ADD(cleaned, 1);
    return NULL;
}

static void shield_body(void) {
    ints *c = ints_new(0);
    gort_task *task = NULL;
    EXPECT_OK(gort_spawn(NULL, clean_up, c, &task));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(ints_send(c, 8));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT(COUNT(cleaned) == 1);
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(ints_release(c));
}

static void shield_lets_a_cancelled_task_clean_up(void) {
    as_task(shield_body);
}

static void shield_outside_a_task_is_misuse(void) {
    EXPECT_IS(gort_shield_begin(), GORT_MISUSE);
    EXPECT_IS(gort_shield_end(), GORT_MISUSE);
}

static void *see_cancel_first(void *arg) {
    int value;
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_CANCELED);
    return NULL;
}

static void cancel_before_start_body(void) {
    ints *c = ints_new(1);
    gort_task *task = NULL;
    EXPECT_OK(gort_spawn(NULL, see_cancel_first, c, &task));
    EXPECT_OK(gort_task_cancel(task));
    EXPECT_OK(gort_task_join(task, NULL));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(ints_release(c));
}

static void task_cancelled_before_it_runs_still_runs(void) {
    as_task(cancel_before_start_body);
}

/* --- time and turns -------------------------------------------------------------------------------------------------- */

static void sleep_forms(void) {
    int64_t before = gort_now();
    EXPECT_OK(gort_sleep(GORT_MS(10)));
    EXPECT(gort_now() - before >= GORT_MS(10));
    before = gort_now();
    EXPECT_OK(gort_sleep_until(before + GORT_MS(10), NULL));
    EXPECT(gort_now() - before >= GORT_MS(10));
    before = gort_now();
    EXPECT_OK(gort_sleep(0));
    EXPECT_OK(gort_sleep(-GORT_SEC(5)));
    EXPECT_OK(gort_sleep_until(0, NULL));
    EXPECT(gort_now() - before < GORT_SEC(5));
    for (int i = 1; i < 20; i++) {
        before = gort_now();
        EXPECT_OK(gort_sleep(GORT_US(i * 37)));
        EXPECT(gort_now() - before >= GORT_US(i * 37));
    }
}

static void sleep_is_never_early_in_a_task(void) {
    as_task(sleep_forms);
}

static void sleep_is_never_early_on_a_thread(void) {
    sleep_forms();
}

static void times_saturate_and_print(void) {
    EXPECT(gort_in(GORT_NEVER) == GORT_NEVER);
    EXPECT(gort_in(GORT_NEVER - 1) == GORT_NEVER);
    EXPECT(gort_in(-GORT_SEC(1)) < gort_now());
    EXPECT(GORT_SEC(0.5) == GORT_MS(500) && GORT_MS(2) == GORT_US(2000));
    EXPECT(gort_wall_time(GORT_NEVER) == GORT_NEVER);
    int64_t difference = gort_wall_time(gort_now()) / GORT_SEC(1) - (int64_t)time(NULL);
    EXPECT(difference >= -2 && difference <= 2);
}

static int turns[2];

static void take_turns(void *arg) {
    int me = (int)(intptr_t)arg;
    for (int i = 0; i < 1000; i++) {
        ADD(turns[me], 1);
        gort_yield();
    }
}

static void yield_body(void) {
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_go(wg, take_turns, (void *)(intptr_t)0));
    EXPECT_OK(gort_wg_go(wg, take_turns, (void *)(intptr_t)1));
    int64_t give_up = gort_in(GORT_SEC(10));
    while ((COUNT(turns[0]) < 1000 || COUNT(turns[1]) < 1000) && gort_now() < give_up) gort_yield();
    EXPECT(COUNT(turns[0]) == 1000 && COUNT(turns[1]) == 1000);
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static void yield_lets_others_run(void) {
    as_task(yield_body);
}

static void sleep_outside(void *arg) {
    usleep(50000);
    set_flag(arg);
}

static int went_on;

static void go_on(void *arg) {
    (void)arg;
    while (COUNT(went_on) < 20) {
        ADD(went_on, 1);
        gort_yield();
    }
}

static void blocking_body(void) {
    int flag = 0;
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_go(wg, go_on, NULL));
    EXPECT_OK(gort_blocking(sleep_outside, &flag));
    EXPECT(flag == 1 && COUNT(went_on) == 20);
    gort_blocking_enter();
    usleep(1000);
    gort_blocking_leave();
    gort_blocking_leave(); /* one too many */
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static void blocking_section_lets_others_run(void) {
    as_task(blocking_body);
}

static void blocking_section_on_a_thread_just_runs(void) {
    int flag = 0;
    EXPECT_OK(gort_blocking(sleep_outside, &flag));
    EXPECT(flag == 1);
    EXPECT_IS(gort_blocking(NULL, &flag), GORT_INVALID);
}

static void nothing(void *arg) {
    ADD(*(int *)arg, 1);
}

static void many_body(void) {
    int count = 0;
    gort_wg *wg = gort_wg_new();
    for (int i = 0; i < 20000; i++) EXPECT_OK(gort_wg_go(wg, nothing, &count));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT(COUNT(count) == 20000);
    EXPECT_OK(gort_wg_free(wg));
}

static void twenty_thousand_tasks_all_run(void) {
    as_task(many_body);
}

TESTS(CASE(go_runs_the_function_without_a_run), CASE(go_copy_gives_the_task_its_own_bytes),
      CASE(join_gives_the_result_and_may_be_asked_again), CASE(thread_joins_a_task_without_a_run),
      CASE(many_may_join_one_task), CASE(released_task_runs_on), CASE(task_that_joins_itself_is_misuse),
      CASE(name_and_id_stay_with_the_handle), CASE(bad_options_are_invalid), CASE(stack_size_is_honoured),
      CASE(affinity_thread_keeps_the_thread), CASE(cancel_ends_every_blocking_call_for_good),
      CASE(shield_lets_a_cancelled_task_clean_up), CASE(shield_outside_a_task_is_misuse),
      CASE(task_cancelled_before_it_runs_still_runs), CASE(sleep_is_never_early_in_a_task),
      CASE(sleep_is_never_early_on_a_thread), CASE(times_saturate_and_print), CASE(yield_lets_others_run),
      CASE(blocking_section_lets_others_run), CASE(blocking_section_on_a_thread_just_runs),
      CASE(twenty_thousand_tasks_all_run))

/*
 * run.c: the contract of a run (what becomes of main's result, of the tasks it leaves, of a deadlock), its configuration,
 * and the runtime's start and end.
 *
 * What it is NOT: single tasks (task.c). Every test has a process of its own (harness.h), so each starts the runtime.
 */
#include "harness.h"

GORT_CHAN_DEFINE(int, ints);

static int forty_two(void *arg) {
    ADD(*(int *)arg, 1);
    return 42;
}

static void run_gives_mains_result(void) {
    int calls = 0;
    EXPECT(gort_run_result() == 0);
    EXPECT_OK(gort_run(forty_two, &calls, NULL));
    EXPECT(gort_run_result() == 42 && calls == 1);
    EXPECT_OK(gort_run(forty_two, &calls, NULL));
    EXPECT(gort_run_result() == 42 && calls == 2);
    EXPECT(strcmp(gort_run_report(), "") == 0);
}

static int minus_one(void *arg) {
    (void)arg;
    return -1;
}

static void negative_result_survives(void) {
    EXPECT_OK(gort_run(minus_one, NULL, NULL));
    EXPECT(gort_run_result() == -1);
}

/* --- configuration ----------------------------------------------------------------------------------------------- */

static void config_init_equals_initialiser(void) {
    gort_config a = GORT_CONFIG_INIT, b;
    memset(&b, 0xFF, sizeof b);
    gort_config_init(&b);
    EXPECT(memcmp(&a, &b, sizeof a) == 0);
    gort_config_init(NULL);
}

static void expect_invalid(gort_config config, const char *words) {
    int calls = 0;
    EXPECT_IS(gort_run(forty_two, &calls, &config), GORT_INVALID);
    EXPECT(calls == 0 && error_says(words));
}

static void bad_config_is_invalid_and_named(void) {
    int calls = 0;
    gort_config c = GORT_CONFIG_INIT;
    c.struct_size = 0, expect_invalid(c, "struct_size");
    gort_config_init(&c), c.struct_size = 8, expect_invalid(c, "struct_size");
    gort_config_init(&c), c.struct_size = 1 << 20, expect_invalid(c, "struct_size");
    gort_config_init(&c), c.workers = -1, expect_invalid(c, "workers");
    gort_config_init(&c), c.grace = -1, expect_invalid(c, "grace");
    gort_config_init(&c), c.reserved[2] = 1, expect_invalid(c, "reserved");
    EXPECT_IS(gort_run(NULL, &calls, NULL), GORT_INVALID);
    EXPECT(error_says("main is NULL"));
}

static void config_of_a_later_version_is_taken_if_its_news_are_zero(void) {
    struct {
        gort_config known;
        uint64_t news[2];
    } later;
    int calls = 0;
    memset(&later, 0, sizeof later);
    gort_config_init(&later.known);
    later.known.struct_size = sizeof later;
    EXPECT_OK(gort_run(forty_two, &calls, &later.known));
    EXPECT(calls == 1);
    later.news[1] = 1;
    EXPECT_IS(gort_run(forty_two, &calls, &later.known), GORT_INVALID);
    EXPECT(calls == 1 && error_says("does not know"));
}

static void workers_are_told_and_set(void) {
    EXPECT(gort_num_cpu() >= 1 && gort_workers() >= 1);
    EXPECT_IS(gort_workers_set(0), GORT_INVALID);
    EXPECT_IS(gort_workers_set(-1), GORT_INVALID);
    EXPECT_IS(gort_workers_set(1 << 20), GORT_LIMIT);
    EXPECT_OK(gort_workers_set(3));
    EXPECT(gort_workers() == 3);
    EXPECT_OK(gort_workers_set(1));
    EXPECT(gort_workers() == 1);
    int calls = 0;
    EXPECT_OK(gort_run(forty_two, &calls, NULL));
}

static void wait_for_close(void *arg) {
    int value;
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_CLOSED);
}

/* What is set: the workers, times ten, and the most live tasks (main is one of them), 9 meaning 9 or more. */
static int what_is_set(void *arg) {
    ints *c = ints_new(0);
    gort_wg *wg = gort_wg_new();
    int alive = 1;
    (void)arg;
    while (alive < 9 && gort_wg_go(wg, wait_for_close, c) == GORT_OK) alive++;
    EXPECT_OK(ints_close(c));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    EXPECT_OK(ints_release(c));
    return gort_workers() * 10 + alive;
}

static int run_and_look(const gort_config *config) {
    EXPECT_OK(gort_run(what_is_set, NULL, config));
    return gort_run_result();
}

static void *look_from_another_thread(void *arg) {
    gort_config c = GORT_CONFIG_INIT;
    c.workers = 4, c.max_tasks = 5;
    *(int *)arg = run_and_look(&c);
    return NULL;
}

static int run_beside(void *arg) {
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, look_from_another_thread, arg) == 0);
    gort_blocking_enter();
    pthread_join(thread, NULL);
    gort_blocking_leave();
    return 0;
}

static void config_counts_while_no_other_run_is_going_on(void) {
    int beside = 0;
    gort_config c = GORT_CONFIG_INIT;
    unsetenv("GORT_WORKERS"); /* it would override */
    c.workers = 2, c.max_tasks = 4;
    EXPECT(run_and_look(&c) == 24); /* starts the runtime */
    EXPECT(run_and_look(NULL) == 24);
    c.workers = 3, c.max_tasks = 6;
    EXPECT(run_and_look(&c) == 36);
    c.workers = 0, c.max_tasks = 0, c.has_seed = 1;
    EXPECT(run_and_look(&c) == 39); /* 0 leaves the workers, and lifts the limit */
    EXPECT_OK(gort_workers_set(3)); /* MISUSE if it were seeded: the seed came too late */
    EXPECT_OK(gort_run(run_beside, &beside, NULL));
    EXPECT(beside == 39); /* another run was going on */
    c.has_seed = 0, c.stack_size = (size_t)65 << 20;
    expect_invalid(c, "");
    EXPECT_OK(gort_shutdown());
    gort_config_init(&c), c.has_seed = 1;
    EXPECT(run_and_look(&c) == 19); /* starts it anew */
    EXPECT_IS(gort_workers_set(3), GORT_MISUSE);
}

/* --- tasks that main leaves ---------------------------------------------------------------------------------------- */

static int canceled;

static void wait_for_cancel(void *arg) {
    int value;
    gort_status status = arg ? ints_recv((ints *)arg, &value) : gort_sleep(GORT_NEVER);
    EXPECT_IS(status, GORT_CANCELED);
    ADD(canceled, 1);
}

static int leave_waiting(void *arg) {
    for (int i = 0; i < 10; i++) EXPECT_OK(gort_go(wait_for_cancel, i % 2 ? arg : NULL));
    EXPECT_OK(gort_sleep(GORT_MS(5)));
    return 1;
}

static void tasks_left_alive_are_cancelled(void) {
    ints *c = ints_new(0);
    EXPECT_OK(gort_run(leave_waiting, c, NULL));
    EXPECT(COUNT(canceled) == 10 && gort_run_result() == 1);
    EXPECT(strcmp(gort_run_report(), "") == 0);
    EXPECT_OK(ints_release(c));
}

static int let_go;

static void *hold_on(void *arg) {
    while (!COUNT(let_go)) (void)gort_sleep(GORT_MS(1)), usleep(200); /* ignores GORT_CANCELED */
    return arg;
}

static int leave_stubborn(void *arg) {
    gort_spawn_options options = GORT_SPAWN_OPTIONS_INIT;
    gort_task *task = NULL;
    options.name = "stubborn";
    EXPECT_OK(gort_spawn(&options, hold_on, arg, &task));
    EXPECT_OK(gort_task_release(task));
    EXPECT_OK(gort_sleep(GORT_MS(2)));
    return 7;
}

static void stubborn_task_is_detached_and_named(void) {
    gort_config config = GORT_CONFIG_INIT;
    config.grace = GORT_MS(20);
    int64_t before = gort_now();
    EXPECT_OK(gort_run(leave_stubborn, NULL, &config));
    EXPECT(gort_now() - before >= GORT_MS(20));
    EXPECT(gort_run_result() == 7);
    EXPECT(strstr(gort_run_report(), "stubborn") != NULL);
    EXPECT(strstr(gort_run_report(), "1 task") != NULL);
    SET(let_go, 1);
}

static void finish_late(void *arg) {
    EXPECT_OK(gort_sleep(GORT_MS(30)));
    ADD(*(int *)arg, 1);
}

static int leave_late(void *arg) {
    for (int i = 0; i < 5; i++) EXPECT_OK(gort_go(finish_late, arg));
    return 0;
}

static void wait_all_waits_for_the_tasks(void) {
    int finished = 0;
    gort_config config = GORT_CONFIG_INIT;
    config.wait_all = 1;
    config.grace = 0;
    EXPECT_OK(gort_run(leave_late, &finished, &config));
    EXPECT(COUNT(finished) == 5);
}

/* --- deadlock -------------------------------------------------------------------------------------------------------- */

static void wait_too(void *arg) {
    int value;
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_CANCELED);
}

static int deadlocked(void *arg) {
    int value;
    EXPECT_OK(gort_go(wait_too, arg));
    EXPECT_IS(ints_recv((ints *)arg, &value), GORT_DEADLOCK);
    EXPECT(error_says("asleep") && error_says("channel receive"));
    return 3;
}

static void deadlock_is_a_status_with_the_census(void) {
    ints *c = ints_new(0);
    EXPECT_IS(gort_run(deadlocked, c, NULL), GORT_DEADLOCK);
    EXPECT(error_says("asleep") && error_says("channel receive"));
    EXPECT(gort_run_result() == 3);
    EXPECT_OK(ints_release(c));
    int calls = 0;
    EXPECT_OK(gort_run(forty_two, &calls, NULL)); /* and life goes on */
}

static int deadlocked_on_group(void *arg) {
    EXPECT_IS(gort_wg_wait((gort_wg *)arg), GORT_DEADLOCK);
    EXPECT(error_says("wait group"));
    return 0;
}

static void deadlock_on_a_wait_group(void) {
    gort_wg *wg = gort_wg_new();
    EXPECT_OK(gort_wg_add(wg, 1));
    EXPECT_IS(gort_run(deadlocked_on_group, wg, NULL), GORT_DEADLOCK);
    EXPECT_OK(gort_wg_done(wg));
    EXPECT_OK(gort_wg_free(wg));
}

static int deadlocked_on_null(void *arg) {
    int value;
    (void)arg;
    EXPECT_IS(ints_recv(NULL, &value), GORT_DEADLOCK);
    return 0;
}

static void deadlock_on_the_null_channel(void) {
    EXPECT_IS(gort_run(deadlocked_on_null, NULL, NULL), GORT_DEADLOCK);
}

static int deadlocked_in_a_select(void *arg) {
    EXPECT_IS(gort_select((gort_case *)arg, arg ? 2 : 0), GORT_DEADLOCK);
    EXPECT(error_says("select"));
    return 0;
}

static void deadlock_in_a_select(void) {
    int v = 0;
    ints *c = ints_new(0);
    gort_case cases[2] = {ints_case_recv(c, &v), ints_case_send(c, &v)};
    EXPECT_IS(gort_run(deadlocked_in_a_select, NULL, NULL), GORT_DEADLOCK);
    EXPECT_IS(gort_run(deadlocked_in_a_select, cases, NULL), GORT_DEADLOCK);
    EXPECT_IS(ints_try_send(c, 1), GORT_WOULD_BLOCK); /* nothing of it is left in the queues */
    EXPECT_IS(ints_try_recv(c, &v), GORT_WOULD_BLOCK);
    EXPECT_OK(ints_release(c));
}

static int deadlocked_in_a_selector(void *arg) {
    EXPECT_IS(gort_selector_wait((gort_selector *)arg, NULL), GORT_DEADLOCK);
    return 0;
}

static void deadlock_in_a_selector(void) {
    int v = 0;
    ints *c = ints_new(0);
    gort_selector *s = gort_selector_new();
    EXPECT(gort_selector_add(s, ints_case_recv(c, &v)) == 0);
    EXPECT_IS(gort_run(deadlocked_in_a_selector, s, NULL), GORT_DEADLOCK);
    EXPECT_IS(ints_try_send(c, 1), GORT_WOULD_BLOCK);
    EXPECT_OK(gort_selector_free(s));
    EXPECT_OK(ints_release(c));
}

static void send_later(void *arg) {
    EXPECT_OK(gort_sleep(GORT_MS(60)));
    EXPECT_OK(ints_send((ints *)arg, 1));
}

static int not_deadlocked(void *arg) {
    int value = 0;
    EXPECT_OK(gort_go(send_later, arg));
    EXPECT_OK(ints_recv((ints *)arg, &value)); /* somebody sleeps, but will wake */
    EXPECT_IS(ints_recv_until((ints *)arg, &value, gort_in(GORT_MS(60)), NULL), GORT_TIMED_OUT);
    return value;
}

static void sleeping_task_is_no_deadlock(void) {
    ints *c = ints_new(0);
    EXPECT(in_run(not_deadlocked, c) == 1);
    EXPECT_OK(ints_release(c));
}

static void *thread_sends_later(void *arg) {
    usleep(60000);
    EXPECT_OK(ints_send((ints *)arg, 5));
    return NULL;
}

static int wait_for_thread(void *arg) {
    int value = 0;
    EXPECT_OK(ints_recv((ints *)arg, &value));
    return value;
}

static void thread_that_may_send_is_no_deadlock(void) {
    ints *c = ints_new(0);
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, thread_sends_later, c) == 0);
    EXPECT(in_run(wait_for_thread, c) == 5);
    pthread_join(thread, NULL);
    EXPECT_OK(ints_release(c));
}

/* --- several runs, limits, the end --------------------------------------------------------------------------------- */

static int try_inside(void *arg) {
    int calls = 0;
    EXPECT_IS(gort_run(forty_two, &calls, NULL), GORT_MISUSE);
    EXPECT_IS(gort_shutdown(), GORT_MISUSE);
    EXPECT(calls == 0);
    return arg == NULL;
}

static void run_and_shutdown_inside_a_task_are_misuse(void) {
    EXPECT(in_run(try_inside, NULL) == 1);
}

static int ping_pong(void *arg) {
    ints **pair = (ints **)arg;
    int value = 0;
    for (int i = 0; i < 200; i++) {
        EXPECT_OK(ints_send(pair[0], i));
        EXPECT_OK(ints_recv(pair[1], &value));
        EXPECT(value == i);
    }
    return 1;
}

static int pong_ping(void *arg) {
    ints **pair = (ints **)arg;
    int value = 0;
    for (int i = 0; i < 200; i++) {
        EXPECT_OK(ints_recv(pair[0], &value));
        EXPECT_OK(ints_send(pair[1], value));
    }
    return 2;
}

static void *other_run(void *arg) {
    EXPECT_OK(gort_run(pong_ping, arg, NULL));
    EXPECT(gort_run_result() == 2);
    return NULL;
}

static void runs_on_two_threads_talk(void) {
    ints *pair[2] = {ints_new(0), ints_new(0)};
    pthread_t thread;
    EXPECT(pthread_create(&thread, NULL, other_run, pair) == 0);
    EXPECT_OK(gort_run(ping_pong, pair, NULL));
    EXPECT(gort_run_result() == 1);
    pthread_join(thread, NULL);
    EXPECT_OK(ints_release(pair[0]));
    EXPECT_OK(ints_release(pair[1]));
}

static int reach_limit(void *arg) {
    ints *c = (ints *)arg;
    gort_wg *wg = gort_wg_new();
    gort_status status = GORT_OK;
    int started = 0, value;
    while (started < 100 && (status = gort_wg_go(wg, send_later, c)) == GORT_OK) started++;
    EXPECT_IS(status, GORT_LIMIT);
    EXPECT(started == 9); /* and main makes ten */
    for (int i = 0; i < started; i++) EXPECT_OK(ints_recv(c, &value));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_go(wg, send_later, c));
    EXPECT_OK(ints_recv(c, &value));
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return started;
}

static void max_tasks_gives_limit(void) {
    ints *c = ints_new(0);
    gort_config config = GORT_CONFIG_INIT;
    config.max_tasks = 10;
    EXPECT_OK(gort_run(reach_limit, c, &config));
    EXPECT_OK(ints_release(c));
}

/* The order in which fifty tasks take their turns; each takes a second one after a yield. */
static int order_at;

typedef struct {
    int *order;
    int number;
} turn;

static void take_turns(void *arg) {
    const turn *t = (const turn *)arg;
    t->order[ADD(order_at, 1) - 1] = t->number;
    gort_yield();
    t->order[ADD(order_at, 1) - 1] = t->number;
}

static int turns_main(void *arg) {
    turn turns[50];
    gort_wg *wg = gort_wg_new();
    SET(order_at, 0);
    for (int i = 0; i < 50; i++) {
        turns[i].order = (int *)arg;
        turns[i].number = i + 1;
        EXPECT_OK(gort_wg_go(wg, take_turns, &turns[i]));
    }
    EXPECT_OK(gort_wg_wait(wg));
    EXPECT_OK(gort_wg_free(wg));
    return COUNT(order_at);
}

static void same_seed_gives_the_same_order(void) {
    int first[100] = {0}, second[100] = {0};
    gort_config config = GORT_CONFIG_INIT;
    config.has_seed = 1;
    config.seed = 12345;
    EXPECT_OK(gort_run(turns_main, first, &config));
    EXPECT(gort_run_result() == 100 && gort_workers() == 1);
    EXPECT_OK(gort_shutdown());
    EXPECT_OK(gort_run(turns_main, second, &config));
    EXPECT(memcmp(first, second, sizeof first) == 0);
}

static void shutdown_ends_handles_and_the_runtime_starts_again(void) {
    int order[100] = {0}, value = 0;
    ints *c = ints_new(4);
    gort_wg *wg = gort_wg_new();
    EXPECT(in_run(turns_main, order) == 100);
    gort_selector *s = gort_selector_new();
    gort_case recv = ints_case_recv(c, &value);
    EXPECT(gort_selector_add(s, recv) == 0);
    EXPECT_OK(ints_send(c, 1));
    EXPECT_OK(gort_shutdown());
    EXPECT_IS(gort_select(&recv, 1), GORT_SHUTDOWN);
    EXPECT_IS(gort_try_select(&recv, 1), GORT_SHUTDOWN);
    EXPECT_IS(gort_selector_wait(s, NULL), GORT_SHUTDOWN);
    EXPECT_IS(gort_selector_free(s), GORT_SHUTDOWN);
    EXPECT_IS(ints_send(c, 2), GORT_SHUTDOWN);
    EXPECT_IS(ints_try_recv(c, &value), GORT_SHUTDOWN);
    EXPECT_IS(ints_close(c), GORT_SHUTDOWN);
    EXPECT_IS(gort_wg_wait(wg), GORT_SHUTDOWN);
    EXPECT_IS(gort_wg_free(wg), GORT_SHUTDOWN);
    EXPECT(ints_len(c) == 0);
    EXPECT_OK(gort_shutdown()); /* nothing to do */
    EXPECT(in_run(turns_main, order) == 100);
}

TESTS(CASE(run_gives_mains_result), CASE(negative_result_survives), CASE(config_init_equals_initialiser),
      CASE(bad_config_is_invalid_and_named), CASE(config_of_a_later_version_is_taken_if_its_news_are_zero),
      CASE(workers_are_told_and_set), CASE(config_counts_while_no_other_run_is_going_on),
      CASE(tasks_left_alive_are_cancelled), CASE(stubborn_task_is_detached_and_named),
      CASE(wait_all_waits_for_the_tasks), CASE(deadlock_is_a_status_with_the_census), CASE(deadlock_on_a_wait_group),
      CASE(deadlock_on_the_null_channel), CASE(deadlock_in_a_select), CASE(deadlock_in_a_selector),
      CASE(sleeping_task_is_no_deadlock), CASE(thread_that_may_send_is_no_deadlock),
      CASE(run_and_shutdown_inside_a_task_are_misuse), CASE(runs_on_two_threads_talk), CASE(max_tasks_gives_limit),
      CASE(same_seed_gives_the_same_order), CASE(shutdown_ends_handles_and_the_runtime_starts_again))
